/* row_scan.c - reading a table's rows: a piece per segment, filters exact, columns borrowed. */
#include "storage/rows/row_int.h"

struct RowScan {
    Arena arena; /* owns the arrays below */
    RowSegment **segments;
    uint32_t *visible; /* rows of each that the snapshot sees */
    uint32_t segment_count;
    uint32_t next; /* atomic: relaxed; the next segment to claim */
    uint64_t estimate;
    const Table *schema; /* the reader's view of the columns */
    const uint16_t *columns;
    uint32_t column_count;
    const ScanPredicate *predicates;
    uint32_t predicate_count;
};

struct RowPiece {
    RowScan *scan;
    RowSegment *segment; /* the scan's reference */
    uint32_t visible;
    uint32_t pos;
    Arena arena;        /* owns filters */
    RowFilter *filters; /* one per predicate, for this segment's dictionaries */
};

static bool segment_may_match(const RowScan *scan, const RowSegment *segment)
{
    for (uint32_t i = 0; i < scan->predicate_count; i++) {
        const ScanPredicate *p = &scan->predicates[i];
        if (p->column < segment->column_count &&
            !row_filter_may_match(p, &segment->columns[p->column].range))
            return false;
    }
    return true;
}

static Status check_spec(const Table *schema, const uint16_t *columns, uint32_t column_count,
                         const ScanPredicate *predicates, uint32_t predicate_count, Error *err)
{
    for (uint32_t i = 0; i < column_count; i++)
        if (columns[i] >= schema->column_count)
            return error_set(err, STATUS_INTERNAL, "scan of column %u of %u", columns[i],
                             schema->column_count);
    for (uint32_t i = 0; i < predicate_count; i++) {
        const ScanPredicate *p = &predicates[i];
        if (p->column >= schema->column_count)
            return error_set(err, STATUS_INTERNAL, "filter of column %u of %u", p->column,
                             schema->column_count);
        if (!row_filter_can(schema->columns[p->column].type, p->op))
            return error_set(err, STATUS_UNSUPPORTED, "storage cannot filter column \"%.*s\"",
                             STR_FMT(schema->columns[p->column].name));
    }
    return STATUS_OK;
}

Status row_scan_new(RowTable *table, Lsn lsn, const Table *schema, const uint16_t *columns,
                    uint32_t column_count, const ScanPredicate *predicates,
                    uint32_t predicate_count, RowScan **ret_scan, Error *err)
{
    TRY(check_spec(schema, columns, column_count, predicates, predicate_count, err));
    RowScan *scan = MEM_NEW(RowScan);
    scan->schema = schema;
    scan->columns = columns;
    scan->column_count = column_count;
    scan->predicates = predicates;
    scan->predicate_count = predicate_count;
    arena_init(&scan->arena, NULL);
    scan->segment_count = row_table__segments(table, &scan->arena, &scan->segments);
    scan->visible = ARENA_NEW_ARRAY(&scan->arena, uint32_t, scan->segment_count);
    for (uint32_t i = 0; i < scan->segment_count; i++) {
        if (segment_may_match(scan, scan->segments[i]))
            scan->visible[i] = row_segment_visible(scan->segments[i], lsn);
        scan->estimate += scan->visible[i];
    }
    *ret_scan = scan;
    return STATUS_OK;
}

RowScan *row_scan_free(RowScan *scan)
{
    if (!scan)
        return NULL;
    for (uint32_t i = 0; i < scan->segment_count; i++)
        row_segment_unref(scan->segments[i]);
    arena_done(&scan->arena);
    mem_free(scan);
    return NULL;
}

uint64_t row_scan_estimate(const RowScan *scan)
{
    return scan->estimate;
}

RowPiece *row_scan_next(RowScan *scan)
{
    for (;;) {
        uint32_t i = __atomic_fetch_add(&scan->next, 1, __ATOMIC_RELAXED);
        if (i >= scan->segment_count) {
            __atomic_store_n(&scan->next, scan->segment_count, __ATOMIC_RELAXED);
            return NULL;
        }
        if (!scan->visible[i])
            continue;
        RowPiece *piece = MEM_NEW(RowPiece);
        piece->scan = scan;
        piece->segment = scan->segments[i];
        piece->visible = scan->visible[i];
        arena_init(&piece->arena, NULL);
        return piece;
    }
}

RowPiece *row_piece_close(RowPiece *piece)
{
    if (piece) {
        arena_done(&piece->arena);
        mem_free(piece);
    }
    return NULL;
}

static const Column *segment_dict(const RowSegment *segment, uint32_t column)
{
    return column < segment->column_count ? segment->columns[column].dict : NULL;
}

static Status prepare_filters(RowPiece *piece, Error *err)
{
    const RowScan *scan = piece->scan;
    RowFilter *filters = ARENA_NEW_ARRAY(&piece->arena, RowFilter, scan->predicate_count);

    for (uint32_t i = 0; i < scan->predicate_count; i++) {
        const ScanPredicate *p = &scan->predicates[i];
        TRY(row_filter_init(&filters[i], p, segment_dict(piece->segment, p->column), &piece->arena,
                            err));
    }
    piece->filters = filters;
    return STATUS_OK;
}

static Status get_column(RowPiece *piece, uint32_t column, uint32_t count, Arena *arena,
                         Column *ret, Error *err)
{
    return row_segment_column(piece->segment, column, piece->scan->schema->columns[column].type,
                              piece->pos, count, arena, ret, err);
}

/* Which of the next `count` rows hold: *ret_kept of them, by index in `rows`. */
static Status filter_rows(RowPiece *piece, uint32_t count, Arena *arena, uint32_t *rows,
                          uint32_t *ret_kept, Error *err)
{
    const RowScan *scan = piece->scan;
    uint8_t mask[BATCH_ROWS];

    memset(mask, 1, count);
    for (uint32_t i = 0; i < scan->predicate_count; i++) {
        Column column;
        TRY(get_column(piece, scan->predicates[i].column, count, arena, &column, err));
        row_filter_apply(&piece->filters[i], &column, mask);
    }
    *ret_kept = row_filter_rows(mask, count, rows);
    return STATUS_OK;
}

static Status project(RowPiece *piece, uint32_t count, const uint32_t *rows, uint32_t kept,
                      Arena *arena, RecordBatch *ret, Error *err)
{
    const RowScan *scan = piece->scan;
    Column *columns;

    TRY(arena_try_alloc(arena, sizeof *columns * LUMA_MAX(scan->column_count, 1), &columns, err));
    for (uint32_t i = 0; i < scan->column_count; i++) {
        Column column;
        TRY(get_column(piece, scan->columns[i], count, arena, &column, err));
        if (kept == count)
            columns[i] = column;
        else
            TRY(column_take(&column, rows, kept, arena, &columns[i], err));
    }
    *ret = (RecordBatch){.columns = columns, .column_count = scan->column_count, .row_count = kept};
    return STATUS_OK;
}

Status row_piece_next(RowPiece *piece, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    uint32_t rows[BATCH_ROWS];

    if (!piece->filters)
        TRY(prepare_filters(piece, err));
    while (piece->pos < piece->visible) {
        uint32_t count = LUMA_MIN(piece->visible - piece->pos, (uint32_t)BATCH_ROWS);
        uint32_t kept = count;
        if (piece->scan->predicate_count)
            TRY(filter_rows(piece, count, arena, rows, &kept, err));
        if (kept)
            TRY(project(piece, count, rows, kept, arena, ret_batch, err));
        piece->pos += count;
        if (kept)
            return STATUS_OK;
    }
    *ret_batch = (RecordBatch){0};
    return STATUS_OK;
}

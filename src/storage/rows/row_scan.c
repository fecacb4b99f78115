/* row_scan.c - reading a table's rows: a piece per segment, filters exact, columns borrowed.
 *
 * The rows of the reader's own changes follow as pieces of their own. What is needed of the changes
 * is copied when the scan is made, so they may grow while it runs. */
#include <stdlib.h>

#include "storage/rows/row_changes_int.h"
#include "storage/rows/row_text_filter.h"

/* A batch of the reader's own rows. */
typedef struct OwnRows {
    const RecordBatch *rows;
    uint64_t first;
    const uint8_t *live; /* per row; NULL = all */
} OwnRows;

struct RowScan {
    Arena arena; /* owns the arrays below */
    RowScanSpec spec;
    RowSegment **segments;
    uint32_t *visible; /* rows of each that the snapshot sees */
    uint32_t *order;   /* in which segments are read; NULL = as they are */
    uint32_t segment_count;
    OwnRows *own;
    uint32_t own_count;
    uint64_t *gone; /* stored rows that the reader has deleted, ascending */
    uint32_t gone_count;
    uint64_t only_row; /* found by key: no other holds; ROW_ID_NONE = all rows */
    uint32_t next;     /* atomic: relaxed; the next segment, then own batch, to claim */
    uint64_t estimate;
    ScanStats stats; /* atomic: relaxed; but `segments` is the maker's */
};

struct RowPiece {
    RowScan *scan;
    RowSegment *segment; /* the scan's reference; NULL = own rows */
    const OwnRows *own;
    const RowDeletes *deletes; /* as of now; later deletes are not seen by the scan's LSN anyway */
    uint32_t visible;
    uint32_t pos;
    uint32_t first;       /* rows before it are older than the scan wants */
    uint32_t gone;        /* next of scan->gone that may be in the segment */
    Arena arena;          /* owns filters and candidates */
    RowFilter *filters;   /* one per predicate, for this segment's dictionaries */
    uint64_t *candidates; /* rows that the indexes leave; NULL = no index was asked */
    uint64_t looks;       /* rows looked at */
};

/* ---------------------------------------------------------------- making a scan */

static bool segment_may_match(const RowScan *scan, const RowSegment *segment)
{
    for (uint32_t i = 0; i < scan->spec.predicate_count; i++) {
        const ScanPredicate *p = &scan->spec.predicates[i];
        if (p->column < segment->column_count &&
            !row_filter_may_match(p, &segment->columns[p->column].range))
            return false;
    }
    return true;
}

static Status check_spec(const RowScanSpec *spec, Error *err)
{
    const Table *schema = spec->schema;

    for (uint32_t i = 0; i < spec->column_count; i++)
        if (spec->columns[i] >= schema->column_count && spec->columns[i] != ROW_COLUMN_ID)
            return error_set(err, STATUS_INTERNAL, "scan of column %u of %u", spec->columns[i],
                             schema->column_count);
    for (uint32_t i = 0; i < spec->predicate_count; i++) {
        const ScanPredicate *p = &spec->predicates[i];
        if (p->column >= schema->column_count)
            return error_set(err, STATUS_INTERNAL, "filter of column %u of %u", p->column,
                             schema->column_count);
        if (!row_filter_can(schema->columns[p->column].type, p->op))
            return error_set(err, STATUS_UNSUPPORTED, "storage cannot filter column \"%.*s\"",
                             STR_FMT(schema->columns[p->column].name));
    }
    return STATUS_OK;
}

/* Rows that the snapshot sees when nothing in the segment is deleted. */
static uint32_t visible_rows(const RowScan *scan, const RowSegment *segment)
{
    uint64_t truncated = __atomic_load_n(&segment->truncated, __ATOMIC_RELAXED);

    if (row_delete_seen(truncated, scan->spec.lsn) || !segment_may_match(scan, segment))
        return 0;
    uint32_t visible = row_segment_visible(segment, scan->spec.lsn);
    if (scan->spec.after_lsn && row_segment_visible(segment, scan->spec.after_lsn) >= visible)
        return 0;
    return visible;
}

static void collect_segments(RowScan *scan, RowTable *table)
{
    scan->segment_count = row_table__segments(table, &scan->arena, &scan->segments);
    scan->stats.segments = scan->segment_count;
    scan->visible = ARENA_NEW_ARRAY(&scan->arena, uint32_t, scan->segment_count);
    for (uint32_t i = 0; i < scan->segment_count; i++) {
        const RowDeletes *deletes = row_segment_deletes(scan->segments[i]);
        uint32_t dead = deletes ? __atomic_load_n(&deletes->dead_count, __ATOMIC_RELAXED) : 0;
        scan->visible[i] = visible_rows(scan, scan->segments[i]);
        scan->estimate += scan->visible[i] > dead ? scan->visible[i] - dead : 0;
        scan->stats.segments_skipped += !scan->visible[i];
    }
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static Status collect_gone(RowScan *scan, const RowChanges *changes, Error *err)
{
    if (!changes->deleted_count)
        return STATUS_OK;
    TRY(arena_try_alloc(&scan->arena, sizeof *scan->gone * changes->deleted_count, &scan->gone,
                        err));
    for (uint32_t i = 0; i < changes->deleted_count; i++)
        if (changes->deleted[i].command < scan->spec.command)
            scan->gone[scan->gone_count++] = changes->deleted[i].row_id;
    qsort(scan->gone, scan->gone_count, sizeof *scan->gone, compare_ids);
    return STATUS_OK;
}

static Status collect_own(RowScan *scan, const RowChanges *changes, Error *err)
{
    uint32_t command = scan->spec.command;
    uint8_t *live;

    TRY(arena_try_alloc(&scan->arena, sizeof *scan->own * (changes->batch_count + 1), &scan->own,
                        err));
    for (uint32_t b = 0; b < changes->batch_count; b++) {
        const PendingBatch *batch = &changes->batches[b];
        uint32_t count = batch->rows.row_count;
        uint32_t alive = 0;
        if (batch->command >= command)
            break;
        TRY(arena_try_alloc(&scan->arena, count, &live, err));
        for (uint32_t i = 0; i < count; i++) {
            uint64_t number = batch->first + i;
            uint32_t by = number < changes->deleted_by_cap ? changes->deleted_by[number] : 0;
            live[i] = !by || by > command;
            alive += live[i];
        }
        if (!alive)
            continue;
        RecordBatch *rows = arena_dup(&scan->arena, &batch->rows, sizeof batch->rows);
        scan->own[scan->own_count++] = (OwnRows){rows, batch->first, alive < count ? live : NULL};
        scan->estimate += alive;
    }
    return STATUS_OK;
}

static Status collect_changes(RowScan *scan, const RowChanges *changes, Error *err)
{
    if (changes->truncated && changes->truncated <= scan->spec.command) {
        memset(scan->visible, 0, sizeof *scan->visible * scan->segment_count);
        scan->estimate = 0;
    }
    TRY(collect_gone(scan, changes, err));
    return collect_own(scan, changes, err);
}

/* ---------------------------------------------------------------- the best first */

typedef struct SegmentRank {
    int64_t best; /* of the segment's values, falling */
    uint32_t segment;
} SegmentRank;

static int compare_ranks(const void *a, const void *b)
{
    const SegmentRank *x = a;
    const SegmentRank *y = b;

    if (x->best != y->best)
        return x->best > y->best ? -1 : 1;
    return (x->segment < y->segment) - (x->segment > y->segment); /* the newest */
}

static const ColumnRange *range_of(const RowSegment *segment, uint32_t column)
{
    const RowColumn *c = column < segment->column_count ? &segment->columns[column] : NULL;

    return segment->sealed && c && c->range.kind == COLUMN_RANGE_INT ? &c->range : NULL;
}

/* Segments whose range is not known, as that of the open one, may hold the best rows. */
static Status order_segments(RowScan *scan, Error *err)
{
    const ScanBound *bound = scan->spec.bound;
    SegmentRank *ranks;

    if (!bound)
        return STATUS_OK;
    TRY(arena_try_alloc(&scan->arena, sizeof *ranks * (scan->segment_count + 1), &ranks, err));
    TRY(arena_try_alloc(&scan->arena, sizeof *scan->order * (scan->segment_count + 1), &scan->order,
                        err));
    for (uint32_t i = 0; i < scan->segment_count; i++) {
        const ColumnRange *range = range_of(scan->segments[i], bound->column);
        int64_t best = INT64_MAX;
        if (range)
            best = bound->descending ? range->int_max : ~range->int_min; /* ~ turns the order */
        ranks[i] = (SegmentRank){best, i};
    }
    qsort(ranks, scan->segment_count, sizeof *ranks, compare_ranks);
    for (uint32_t i = 0; i < scan->segment_count; i++)
        scan->order[i] = ranks[i].segment;
    return STATUS_OK;
}

/* Is no row of the segment wanted any more? */
static bool is_behind_bound(const RowScan *scan, const RowSegment *segment)
{
    const ScanBound *bound = scan->spec.bound;
    const ColumnRange *range = bound ? range_of(segment, bound->column) : NULL;

    if (!range)
        return false;
    return bound->descending ? range->int_max < scan_bound_get(bound)
                             : range->int_min > scan_bound_get(bound);
}

/* ---------------------------------------------------------------- by key */

/* The constant that the predicates compare the column with for equality, or NULL. */
static const Column *equals_const(const RowScanSpec *spec, uint16_t column)
{
    for (uint32_t i = 0; i < spec->predicate_count; i++)
        if (spec->predicates[i].column == column && spec->predicates[i].op == SCAN_EQ)
            return &spec->predicates[i].value;
    return NULL;
}

static bool key_values(const RowScanSpec *spec, const TableKey *key, Column *values)
{
    for (uint32_t i = 0; i < key->column_count; i++) {
        const Column *value = equals_const(spec, key->columns[i]);
        if (!value || column_is_null(value, 0))
            return false;
        values[i] = *value;
    }
    return true;
}

/* Are all changes of earlier commands? Only then their keys tell what the scan sees. */
static bool sees_all(const RowScanSpec *spec)
{
    const RowChanges *changes = spec->changes;

    return !changes || (changes->command_last < spec->command);
}

static bool same_key(const TableKey *a, const TableKey *b)
{
    return a->id == b->id && a->column_count == b->column_count &&
           memcmp(a->columns, b->columns, sizeof *a->columns * a->column_count) == 0;
}

/* Takes the first of the reader's keys that the predicates fix and the table knows as well. */
static RowHit find_by_key(const RowScan *scan, RowTable *table, uint64_t *ret_row_id)
{
    CLEANUP(buf_done) Buf scratch = {0};
    const RowScanSpec *spec = &scan->spec;
    Column values[ROW_KEY_COLUMNS_MAX];
    Hash128 hash;

    if (!sees_all(spec))
        return ROW_HIT_UNKNOWN;
    for (uint32_t i = 0; i < table->schema.key_count; i++) {
        const TableKey *key = &table->schema.keys[i];
        if (i >= spec->schema->key_count || !same_key(key, &spec->schema->keys[i]) ||
            key->column_count > ROW_KEY_COLUMNS_MAX || !key_values(spec, key, values) ||
            !row_key_of_values(key, values, 0, &scratch, &hash))
            continue;
        return row_table__look_up(table, spec->lsn, spec->changes, hash, ret_row_id);
    }
    return ROW_HIT_UNKNOWN;
}

/* Leaves only the piece with the row. */
static void narrow_to_row(RowScan *scan, uint64_t row_id)
{
    uint32_t row;

    scan->estimate = 1;
    for (uint32_t i = 0; i < scan->segment_count; i++)
        if (row_id & ROW_ID_PENDING || !row_segment_find(scan->segments[i], row_id, &row))
            scan->visible[i] = 0;
    uint64_t number = row_id & ~ROW_ID_PENDING;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < scan->own_count; i++)
        if (row_id & ROW_ID_PENDING && number >= scan->own[i].first &&
            number - scan->own[i].first < scan->own[i].rows->row_count)
            scan->own[kept++] = scan->own[i];
    scan->own_count = kept;
    scan->only_row = row_id;
}

/* A bad text query fails the scan, also one that finds no segment to look into. */
static Status check_texts(RowScan *scan, Error *err)
{
    RowTextFilter *filter;

    for (uint32_t i = 0; i < scan->spec.predicate_count; i++) {
        const ScanPredicate *p = &scan->spec.predicates[i];
        if (row_text_filter_op(p->op))
            TRY(row_text_filter_new(p, scan->spec.schema->columns[p->column].type, &scan->arena,
                                    &filter, err));
    }
    return STATUS_OK;
}

static Status init_scan(RowScan *scan, RowTable *table, Error *err)
{
    uint64_t row_id;
    RowHit hit = scan->spec.predicate_count ? find_by_key(scan, table, &row_id) : ROW_HIT_UNKNOWN;

    TRY(check_texts(scan, err));
    if (hit == ROW_HIT_NONE)
        return STATUS_OK;
    collect_segments(scan, table);
    if (scan->spec.changes)
        TRY(collect_changes(scan, scan->spec.changes, err));
    if (hit == ROW_HIT_ROW)
        narrow_to_row(scan, row_id);
    return order_segments(scan, err);
}

Status row_scan_new(RowTable *table, const RowScanSpec *spec, RowScan **ret_scan, Error *err)
{
    TRY(check_spec(spec, err));
    RowScan *scan = MEM_NEW(RowScan);
    scan->spec = *spec;
    scan->only_row = ROW_ID_NONE;
    arena_init(&scan->arena, NULL);
    Status status = init_scan(scan, table, err);
    if (status != STATUS_OK) {
        (void)row_scan_free(scan);
        return status;
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

ScanStats row_scan_stats(const RowScan *scan)
{
    return (ScanStats){
        .segments = scan->stats.segments,
        .segments_skipped = __atomic_load_n(&scan->stats.segments_skipped, __ATOMIC_RELAXED),
        .rows_looked_at = __atomic_load_n(&scan->stats.rows_looked_at, __ATOMIC_RELAXED),
        .index_used = __atomic_load_n(&scan->stats.index_used, __ATOMIC_RELAXED)};
}

/* ---------------------------------------------------------------- pieces */

static uint32_t first_gone(const RowScan *scan, uint64_t row_id)
{
    uint32_t low = 0;
    uint32_t high = scan->gone_count;

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (scan->gone[mid] < row_id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static RowPiece *new_piece(RowScan *scan)
{
    RowPiece *piece = MEM_NEW(RowPiece);

    piece->scan = scan;
    arena_init(&piece->arena, NULL);
    return piece;
}

static RowPiece *segment_piece(RowScan *scan, uint32_t i)
{
    RowPiece *piece = new_piece(scan);
    uint32_t row;

    piece->segment = scan->segments[i];
    piece->visible = scan->visible[i];
    piece->deletes = row_segment_deletes(piece->segment);
    piece->gone = first_gone(scan, row_segment_row_id(piece->segment, 0));
    if (scan->spec.after_lsn) {
        piece->first = row_segment_visible(piece->segment, scan->spec.after_lsn);
        piece->pos = piece->first / 8 * 8;
    }
    if (scan->only_row != ROW_ID_NONE && row_segment_find(piece->segment, scan->only_row, &row)) {
        piece->pos = row / 8 * 8;
        piece->visible = LUMA_MIN(piece->visible, row + 1);
    }
    return piece;
}

static RowPiece *own_piece(RowScan *scan, uint32_t i)
{
    RowPiece *piece = new_piece(scan);

    piece->own = &scan->own[i];
    piece->visible = piece->own->rows->row_count;
    if (scan->only_row != ROW_ID_NONE) {
        piece->pos = (uint32_t)((scan->only_row & ~ROW_ID_PENDING) - piece->own->first);
        piece->visible = piece->pos + 1;
    }
    return piece;
}

static void count_skipped(RowScan *scan)
{
    (void)__atomic_add_fetch(&scan->stats.segments_skipped, 1, __ATOMIC_RELAXED);
}

RowPiece *row_scan_next(RowScan *scan)
{
    uint32_t end = scan->segment_count + scan->own_count;

    for (;;) {
        uint32_t i = __atomic_fetch_add(&scan->next, 1, __ATOMIC_RELAXED);
        if (i >= end) {
            __atomic_store_n(&scan->next, end, __ATOMIC_RELAXED);
            return NULL;
        }
        if (i >= scan->segment_count)
            return own_piece(scan, i - scan->segment_count);
        i = scan->order ? scan->order[i] : i;
        if (!scan->visible[i])
            continue;
        if (!is_behind_bound(scan, scan->segments[i]))
            return segment_piece(scan, i);
        count_skipped(scan);
    }
}

RowPiece *row_piece_close(RowPiece *piece)
{
    if (piece) {
        (void)__atomic_add_fetch(&piece->scan->stats.rows_looked_at, piece->looks,
                                 __ATOMIC_RELAXED);
        arena_done(&piece->arena);
        mem_free(piece);
    }
    return NULL;
}

/* Asks the indexes which rows are worth a look. */
static Status find_candidates(RowPiece *piece, Error *err)
{
    const RowSegment *segment = piece->segment;
    bool any = false;
    uint64_t *bits;

    if (!segment || !segment->sealed)
        return STATUS_OK;
    size_t bytes = term_words(segment->row_count) * sizeof *bits;
    TRY(arena_try_alloc(&piece->arena, LUMA_MAX(bytes, 1), &bits, err));
    memset(bits, 0xFF, bytes);
    for (uint32_t i = 0; i < piece->scan->spec.predicate_count; i++) {
        bool used;
        TRY(row_index_narrow(segment, &piece->filters[i], &piece->arena, bits, &used, err));
        any |= used;
    }
    if (any)
        piece->candidates = bits;
    return STATUS_OK;
}

static bool has_candidates(const RowPiece *piece, uint32_t from, uint32_t count)
{
    uint64_t any = 0;

    for (uint32_t i = from / 64; i < (from + count + 63) / 64; i++)
        any |= piece->candidates[i];
    return any != 0;
}

/* Filters and candidates of the piece; a piece in which nothing can hold is at its end. */
static Status prepare_filters(RowPiece *piece, Error *err)
{
    RowScan *scan = piece->scan;
    const RowScanSpec *spec = &scan->spec;
    RowFilter *filters = ARENA_NEW_ARRAY(&piece->arena, RowFilter, spec->predicate_count);
    bool none = false;

    piece->filters = filters;
    for (uint32_t i = 0; i < spec->predicate_count; i++) {
        const ScanPredicate *p = &spec->predicates[i];
        TRY(row_index_filter(piece->segment, p, spec->schema->columns[p->column].type,
                             &piece->arena, &filters[i], err));
        none |= filters[i].none;
    }
    if (!none)
        TRY(find_candidates(piece, err));
    if (piece->candidates) {
        __atomic_store_n(&scan->stats.index_used, true, __ATOMIC_RELAXED);
        none = !has_candidates(piece, 0, piece->visible);
    }
    if (none) {
        piece->pos = piece->visible;
        count_skipped(scan);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- columns */

static Status get_row_ids(RowPiece *piece, uint32_t count, Arena *arena, Column *ret, Error *err)
{
    TRY(column_init(ret, arena, TYPE_OF(INT8), count, false, err));
    uint64_t *ids = column_values(ret);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = piece->own ? ROW_ID_PENDING | (piece->own->first + piece->pos + i)
                            : row_segment_row_id(piece->segment, piece->pos + i);
    return STATUS_OK;
}

static Status get_column(RowPiece *piece, uint32_t column, uint32_t count, Arena *arena,
                         Column *ret, Error *err)
{
    if (column == ROW_COLUMN_ID)
        return get_row_ids(piece, count, arena, ret, err);
    Type type = piece->scan->spec.schema->columns[column].type;
    if (piece->segment)
        return row_segment_column(piece->segment, column, type, piece->pos, count, arena, ret, err);
    if (column >= piece->own->rows->column_count)
        return column_init_null(ret, arena, type, count, err);
    return column_slice(&piece->own->rows->columns[column], piece->pos, count, arena, ret, err);
}

/* ---------------------------------------------------------------- filtering */

static bool has_dead_rows(const RowPiece *piece)
{
    if (piece->first > piece->pos)
        return true;
    if (piece->own)
        return piece->own->live != NULL;
    return piece->deletes || piece->gone < piece->scan->gone_count;
}

static void mask_dead(RowPiece *piece, uint32_t count, uint8_t *mask)
{
    const RowScan *scan = piece->scan;
    uint32_t row;

    if (piece->first > piece->pos)
        memset(mask, 0, LUMA_MIN(count, piece->first - piece->pos));
    if (piece->own) {
        for (uint32_t i = 0; i < count; i++)
            mask[i] &= piece->own->live[piece->pos + i];
        return;
    }
    for (uint32_t i = 0; i < count && piece->deletes; i++)
        mask[i] &=
            !row_delete_seen(row_deletes_get(piece->deletes, piece->pos + i), scan->spec.lsn);
    uint64_t last = row_segment_row_id(piece->segment, piece->pos + count - 1);
    for (; piece->gone < scan->gone_count && scan->gone[piece->gone] <= last; piece->gone++)
        if (row_segment_find(piece->segment, scan->gone[piece->gone], &row) && row >= piece->pos)
            mask[row - piece->pos] = 0;
}

/* The candidates' bits as bytes. */
static void spread_candidates(const RowPiece *piece, uint32_t count, uint8_t *mask)
{
    uint32_t end = piece->pos + count;

    memset(mask, 0, count);
    for (uint32_t row = piece->pos; row < end; row = (row / 64 + 1) * 64) {
        uint64_t bits = piece->candidates[row / 64] >> row % 64;
        for (; bits; bits &= bits - 1) {
            uint32_t at = row + (uint32_t)__builtin_ctzll(bits);
            if (at < end)
                mask[at - piece->pos] = 1;
        }
    }
}

static void count_looks(RowPiece *piece, const uint8_t *mask, uint32_t count)
{
    uint64_t looks = 0;
    uint64_t eight;
    uint32_t i = 0;

    for (; i + 8 <= count; i += 8) {
        memcpy(&eight, mask + i, 8); /* ones and zeros */
        looks += (uint64_t)__builtin_popcountll(eight);
    }
    for (; i < count; i++)
        looks += mask[i];
    piece->looks += looks;
}

/* What lies under NULL may stay: it sorts last. */
static Status mask_unwanted(RowPiece *piece, uint32_t count, Arena *arena, uint8_t *mask,
                            Error *err)
{
    const ScanBound *bound = piece->scan->spec.bound;
    int64_t least = scan_bound_get(bound);
    Column column;

    TRY(get_column(piece, bound->column, count, arena, &column, err));
    if (column.is_const || column.dict)
        return STATUS_OK;
    const int64_t *values = column.values;
    for (uint32_t i = 0; i < count; i++)
        mask[i] &= bound->descending ? values[i] >= least : values[i] <= least;
    return STATUS_OK;
}

/* Which of the next `count` rows hold: *ret_kept of them, by index in `rows`. */
static Status filter_rows(RowPiece *piece, uint32_t count, Arena *arena, uint32_t *rows,
                          uint32_t *ret_kept, Error *err)
{
    const RowScanSpec *spec = &piece->scan->spec;
    uint8_t mask[BATCH_ROWS];

    if (piece->candidates)
        spread_candidates(piece, count, mask);
    else
        memset(mask, 1, count);
    if (has_dead_rows(piece))
        mask_dead(piece, count, mask);
    if (spec->bound)
        TRY(mask_unwanted(piece, count, arena, mask, err));
    count_looks(piece, mask, count);
    for (uint32_t i = 0; i < spec->predicate_count; i++) {
        Column column;
        TRY(get_column(piece, spec->predicates[i].column, count, arena, &column, err));
        row_filter_apply(&piece->filters[i], &column, mask);
    }
    *ret_kept = row_filter_rows(mask, count, rows);
    return STATUS_OK;
}

static Status project(RowPiece *piece, uint32_t count, const uint32_t *rows, uint32_t kept,
                      Arena *arena, RecordBatch *ret, Error *err)
{
    const RowScanSpec *spec = &piece->scan->spec;
    Column *columns;

    TRY(arena_try_alloc(arena, sizeof *columns * LUMA_MAX(spec->column_count, 1), &columns, err));
    for (uint32_t i = 0; i < spec->column_count; i++) {
        Column column;
        TRY(get_column(piece, spec->columns[i], count, arena, &column, err));
        if (kept == count)
            columns[i] = column;
        else
            TRY(column_take(&column, rows, kept, arena, &columns[i], err));
    }
    *ret = (RecordBatch){.columns = columns, .column_count = spec->column_count, .row_count = kept};
    return STATUS_OK;
}

static bool needs_filter(const RowPiece *piece)
{
    const RowScanSpec *spec = &piece->scan->spec;

    return spec->predicate_count || spec->bound || has_dead_rows(piece);
}

Status row_piece_next(RowPiece *piece, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    uint32_t rows[BATCH_ROWS];

    if (!piece->filters)
        TRY(prepare_filters(piece, err));
    while (piece->pos < piece->visible) {
        uint32_t count = LUMA_MIN(piece->visible - piece->pos, (uint32_t)BATCH_ROWS);
        uint32_t kept = count;
        if (piece->candidates && !has_candidates(piece, piece->pos, count))
            kept = 0;
        else if (needs_filter(piece))
            TRY(filter_rows(piece, count, arena, rows, &kept, err));
        else
            piece->looks += count;
        if (kept)
            TRY(project(piece, count, rows, kept, arena, ret_batch, err));
        piece->pos += count;
        if (kept)
            return STATUS_OK;
    }
    *ret_batch = (RecordBatch){0};
    return STATUS_OK;
}

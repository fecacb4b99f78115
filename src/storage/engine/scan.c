/* scan.c - one door to the rows of every kind of table. */
#include "format/pgtype/jsonb.h"
#include "storage/engine/engine_int.h"

typedef enum ScanKind {
    SCAN_ROWS,   /* the row store's segments */
    SCAN_SERIES, /* rows made of series */
    SCAN_BATCH,  /* a small table, made when the scan began */
} ScanKind;

struct Scan {
    ScanKind kind;
    const ScanSpec *spec;
    Arena arena;
    RowScan *rows;
    RowTable *row_table;
    SeriesScan *series;
    RecordBatch batch;   /* SCAN_BATCH: all columns of the table */
    uint32_t batch_next; /* atomic: relaxed; first row nobody claimed */
    int64_t row_count;   /* atomic: relaxed; rows handed out */
};

struct Morsel {
    Scan *scan;
    RowPiece *rows;
    SeriesPiece *series;
    uint32_t from; /* SCAN_BATCH: rows [from, end) are left */
    uint32_t end;
};

enum { BATCH_MORSEL_ROWS = 16 * BATCH_ROWS };

bool scan_can_filter(const Table *table, uint16_t column, ScanOp op)
{
    bool has_rows =
        table->kind == TABLE_LOGS || table->kind == TABLE_TRACES || table->kind == TABLE_USER;

    return column < table->column_count && (has_rows || !row_filter_is_text(op)) &&
           row_filter_can(table->columns[column].type, op);
}

static bool is_row_table(const Table *table)
{
    return table->kind == TABLE_LOGS || table->kind == TABLE_TRACES || table->kind == TABLE_USER;
}

static Status check_spec(const ScanSpec *spec, Error *err)
{
    for (uint32_t i = 0; i < spec->column_count; i++)
        if (spec->columns[i] >= spec->table->column_count &&
            (spec->columns[i] != SCAN_COLUMN_ROW_ID || !is_row_table(spec->table)))
            return error_set(err, STATUS_INTERNAL, "scan of column %u of %u", spec->columns[i],
                             spec->table->column_count);
    for (uint32_t i = 0; i < spec->predicate_count; i++) {
        const ScanPredicate *p = &spec->predicates[i];
        if (!scan_can_filter(spec->table, p->column, p->op))
            return error_set(err, STATUS_UNSUPPORTED, "storage cannot apply this filter");
        bool null_test = p->op == SCAN_IS_NULL || p->op == SCAN_IS_NOT_NULL;
        Type type =
            row_filter_is_text(p->op) ? TYPE_OF(TEXT) : spec->table->columns[p->column].type;
        if (!null_test && !type_eq(p->value.type, type))
            return error_set(err, STATUS_INTERNAL,
                             "a filter's constant has another type than \"%.*s\"",
                             STR_FMT(spec->table->columns[p->column].name));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- small tables */

static void put_text(Column *column, uint32_t row, Str text)
{
    if (text.len)
        ((View *)column_values(column))[row] = view_make(text.ptr, text.len);
    else
        bit_clear(column_validity(column), row);
}

static Status init_batch(Scan *scan, uint32_t row_count, Error *err)
{
    const Table *table = scan->spec->table;
    Column *columns = ARENA_NEW_ARRAY(&scan->arena, Column, table->column_count);

    for (uint32_t i = 0; i < table->column_count; i++)
        TRY(column_init(&columns[i], &scan->arena, table->columns[i].type, row_count, true, err));
    scan->batch = (RecordBatch){
        .columns = columns, .column_count = table->column_count, .row_count = row_count};
    return STATUS_OK;
}

static Status make_metadata(Scan *scan, Snapshot *snapshot, Error *err)
{
    MetadataRow *rows;
    uint32_t count;

    TRY(metadata_store_list(snapshot->engine->metadata, STR(""), &scan->arena, &rows, &count, err));
    TRY(init_batch(scan, count, err));
    for (uint32_t i = 0; i < count; i++) {
        put_text(&scan->batch.columns[0], i, rows[i].metric);
        put_text(&scan->batch.columns[1], i, rows[i].type);
        put_text(&scan->batch.columns[2], i, rows[i].unit);
        put_text(&scan->batch.columns[3], i, rows[i].help);
    }
    return STATUS_OK;
}

/* trace_id and span_id have columns of their own, the other labels are the attributes. */
static Str exemplar_attributes(LabelSet labels, Arena *arena, Buf *scratch)
{
    Label *others = ARENA_NEW_ARRAY(arena, Label, labels.count);
    uint32_t count = 0;

    for (uint32_t i = 0; i < labels.count; i++)
        if (!str_eq(labels.labels[i].name, STR("trace_id")) &&
            !str_eq(labels.labels[i].name, STR("span_id")))
            others[count++] = labels.labels[i];
    buf_clear(scratch);
    jsonb_append_labels((LabelSet){others, count}, true, scratch);
    return arena_str(arena, buf_str(scratch));
}

static Status make_exemplars(Scan *scan, Snapshot *snapshot, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    ExemplarRow *rows;
    uint32_t count;

    TRY(engine_exemplars(snapshot, scan->spec->matchers, scan->spec->matcher_count, INT64_MIN,
                         INT64_MAX, &scan->arena, &rows, &count, err));
    TRY(init_batch(scan, count, err));
    Column *columns = scan->batch.columns;
    for (uint32_t i = 0; i < count; i++) {
        LabelSet series;
        TRY(metric_store_labels(snapshot->metrics, rows[i].ref, &scan->arena, &series, err));
        buf_clear(&text);
        jsonb_append_labels(series, false, &text);
        ((int64_t *)column_values(&columns[0]))[i] = rows[i].ts_ms * 1000;
        put_text(&columns[1], i, label_set_get(series, LABEL_NAME));
        put_text(&columns[2], i, arena_str(&scan->arena, buf_str(&text)));
        ((double *)column_values(&columns[3]))[i] = rows[i].value;
        put_text(&columns[4], i, label_set_get(rows[i].labels, STR("trace_id")));
        put_text(&columns[5], i, label_set_get(rows[i].labels, STR("span_id")));
        put_text(&columns[6], i, exemplar_attributes(rows[i].labels, &scan->arena, &text));
    }
    return STATUS_OK;
}

static bool claim_rows(Scan *scan, Morsel *morsel)
{
    uint32_t from = __atomic_load_n(&scan->batch_next, __ATOMIC_RELAXED);

    do {
        if (from >= scan->batch.row_count)
            return false;
        morsel->from = from;
        morsel->end = LUMA_MIN(from + BATCH_MORSEL_ROWS, scan->batch.row_count);
    } while (!__atomic_compare_exchange_n(&scan->batch_next, &from, morsel->end, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return true;
}

static Status next_of_batch(Morsel *morsel, Arena *arena, RecordBatch *ret, Error *err)
{
    const ScanSpec *spec = morsel->scan->spec;
    uint32_t rows[BATCH_ROWS];
    uint8_t mask[BATCH_ROWS];
    uint32_t kept = 0;
    RecordBatch all;

    *ret = (RecordBatch){0};
    while (morsel->from < morsel->end && !kept) {
        uint32_t count = LUMA_MIN(morsel->end - morsel->from, (uint32_t)BATCH_ROWS);
        TRY(batch_slice(&morsel->scan->batch, morsel->from, count, arena, &all, err));
        memset(mask, 1, count);
        for (uint32_t i = 0; i < spec->predicate_count; i++) {
            RowFilter filter;
            TRY(row_filter_init(&filter, &spec->predicates[i], spec->predicates[i].value.type, NULL,
                                arena, err));
            row_filter_apply(&filter, &all.columns[spec->predicates[i].column], mask);
        }
        kept = row_filter_rows(mask, count, rows);
        morsel->from += count;
    }
    if (!kept)
        return STATUS_OK;
    Column *columns;
    TRY(arena_try_alloc(arena, sizeof *columns * LUMA_MAX(spec->column_count, 1), &columns, err));
    for (uint32_t i = 0; i < spec->column_count; i++)
        TRY(column_take(&all.columns[spec->columns[i]], rows, kept, arena, &columns[i], err));
    *ret = (RecordBatch){.columns = columns, .column_count = spec->column_count, .row_count = kept};
    return STATUS_OK;
}

/* ---------------------------------------------------------------- all tables */

static Status open_rows(Scan *scan, Snapshot *snapshot, Error *err)
{
    const ScanSpec *spec = scan->spec;

    scan->row_table = row_store_find(snapshot->engine->rows, spec->table->store_id);
    if (!scan->row_table)
        return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0,
                             "table \"%.*s\" was dropped while the query ran",
                             STR_FMT(spec->table->name));
    RowScanSpec rows = {.lsn = snapshot->lsn,
                        .schema = spec->table,
                        .columns = spec->columns,
                        .column_count = spec->column_count,
                        .predicates = spec->predicates,
                        .predicate_count = spec->predicate_count,
                        .bound = spec->bound,
                        .after_lsn = spec->after_lsn,
                        .changes = snapshot->changes
                                       ? engine__changes(snapshot->changes, spec->table->store_id)
                                       : NULL,
                        .command = snapshot->command};
    return row_scan_new(scan->row_table, &rows, &scan->rows, err);
}

static Status open_scan(Scan *scan, Snapshot *snapshot, Error *err)
{
    TRY(check_spec(scan->spec, err));
    switch (scan->spec->table->kind) {
    case TABLE_METRICS:
    case TABLE_METRIC:
        scan->kind = SCAN_SERIES;
        return series_scan_new(snapshot, scan->spec, &scan->series, err);
    case TABLE_EXEMPLARS:
        scan->kind = SCAN_BATCH;
        return make_exemplars(scan, snapshot, err);
    case TABLE_METRIC_METADATA:
        scan->kind = SCAN_BATCH;
        return make_metadata(scan, snapshot, err);
    case TABLE_LOGS:
    case TABLE_TRACES:
    case TABLE_USER:
        break;
    }
    scan->kind = SCAN_ROWS;
    return open_rows(scan, snapshot, err);
}

Status engine_scan(Snapshot *snapshot, const ScanSpec *spec, Scan **ret_scan, Error *err)
{
    Scan *scan = MEM_NEW(Scan);

    scan->spec = spec;
    arena_init(&scan->arena, NULL);
    Status status = open_scan(scan, snapshot, err);
    if (status != STATUS_OK) {
        scan_free(scan);
        return status;
    }
    *ret_scan = scan;
    return STATUS_OK;
}

Scan *scan_free(Scan *scan)
{
    if (scan) {
        row_scan_free(scan->rows);
        row_table_unref(scan->row_table);
        series_scan_free(scan->series);
        arena_done(&scan->arena);
        mem_free(scan);
    }
    return NULL;
}

uint64_t scan_row_estimate(const Scan *scan)
{
    switch (scan->kind) {
    case SCAN_ROWS:
        return row_scan_estimate(scan->rows);
    case SCAN_SERIES:
        return series_scan_estimate(scan->series);
    case SCAN_BATCH:
        return scan->batch.row_count;
    }
    return 0;
}

void scan_stats(const Scan *scan, ScanStats *ret_stats)
{
    *ret_stats = scan->kind == SCAN_ROWS ? row_scan_stats(scan->rows) : (ScanStats){0};
}

Status scan_next_morsel(Scan *scan, Morsel **ret_morsel, Error *err)
{
    Morsel morsel = {.scan = scan};
    bool found = false;

    *ret_morsel = NULL;
    if (__atomic_load_n(&scan->row_count, __ATOMIC_RELAXED) >= scan->spec->row_limit)
        return STATUS_OK;
    switch (scan->kind) {
    case SCAN_ROWS:
        morsel.rows = row_scan_next(scan->rows);
        found = morsel.rows != NULL;
        break;
    case SCAN_SERIES:
        morsel.series = series_scan_next(scan->series);
        found = morsel.series != NULL;
        break;
    case SCAN_BATCH:
        found = claim_rows(scan, &morsel);
        break;
    }
    if (found)
        *ret_morsel = mem_dup(&morsel, sizeof morsel);
    return STATUS_OK;
}

static Status next_batch(Morsel *morsel, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    switch (morsel->scan->kind) {
    case SCAN_ROWS:
        return row_piece_next(morsel->rows, arena, ret_batch, err);
    case SCAN_SERIES:
        return series_piece_next(morsel->series, arena, ret_batch, err);
    case SCAN_BATCH:
        break;
    }
    return next_of_batch(morsel, arena, ret_batch, err);
}

Status morsel_next(Morsel *morsel, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    Scan *scan = morsel->scan;

    if (__atomic_load_n(&scan->row_count, __ATOMIC_RELAXED) >= scan->spec->row_limit) {
        *ret_batch = (RecordBatch){0};
        return STATUS_OK;
    }
    TRY(next_batch(morsel, arena, ret_batch, err));
    (void)__atomic_add_fetch(&scan->row_count, ret_batch->row_count, __ATOMIC_RELAXED);
    return STATUS_OK;
}

Morsel *morsel_close(Morsel *morsel)
{
    if (morsel) {
        row_piece_close(morsel->rows);
        series_piece_close(morsel->series);
        mem_free(morsel);
    }
    return NULL;
}

/* write_rows.c - INSERT into the tables that are made of series: rows become samples, exemplars or
 * metadata.
 *
 *   metrics           ts, name, labels, value or stale, start_ts
 *   prom.<metric>     ts, value, labels as columns
 *   exemplars         ts, name, labels, value, trace_id, span_id, attributes
 *   metric_metadata   name, type, unit, help
 */
#include "format/json/json.h"
#include "storage/engine/engine_int.h"

/* timestamptz, in ms since 1970 (postgres datatype/timestamp.h). */
#define TS_MIN_MS INT64_C(-210866803200000)
#define TS_MAX_MS INT64_C(9224318015999)

/* The labels of a row while they are gathered. */
typedef struct RowLabels {
    Label *labels; /* arena */
    uint32_t count;
    uint32_t cap;
} RowLabels;

static void add_label(RowLabels *to, Arena *arena, Str name, Str value)
{
    if (value.len)
        ARENA_PUSH(arena, to->labels, to->count, to->cap, ((Label){name, value}));
}

static Str text_at(const RecordBatch *rows, uint32_t column, uint32_t row, Arena *arena)
{
    const Column *c = &rows->columns[column];
    return column_is_null(c, row) ? STR("") : arena_str(arena, column_str(c, row));
}

/* A flat JSON object of strings. */
static Status add_json_labels(RowLabels *to, Arena *arena, Str json, const char *column, Error *err)
{
    JsonReader reader = json_reader(arena_str(arena, json));
    JsonToken token;

    TRY(json_next(&reader, &token, err));
    if (token.kind != JSON_TOKEN_OBJECT)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "%s must be a JSON object", column);
    for (;;) {
        TRY(json_next(&reader, &token, err));
        if (token.kind == JSON_TOKEN_OBJECT_END)
            return STATUS_OK;
        Str name = json_unescape(&token, arena);
        TRY(json_next(&reader, &token, err));
        if (token.kind == JSON_TOKEN_NULL)
            continue;
        if (token.kind != JSON_TOKEN_STRING)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "the value of label \"%.*s\" in %s must be a JSON string",
                                 STR_FMT(name), column);
        add_label(to, arena, name, json_unescape(&token, arena));
    }
}

static Status row_ts(const RecordBatch *rows, uint32_t column, uint32_t row, int64_t *ret_ms,
                     Error *err)
{
    const Column *c = &rows->columns[column];

    if (column_is_null(c, row))
        return error_set_sql(err, STATUS_INVALID, "23502", 0,
                             "null value in column \"ts\" violates not-null constraint");
    int64_t us = column_i64(c, row);
    int64_t ms = us / 1000 - (us % 1000 < 0); /* floored, as on every path */
    if (ms < TS_MIN_MS || ms > TS_MAX_MS)
        return error_set_sql(err, STATUS_INVALID, "22008", 0, "timestamp out of range");
    *ret_ms = ms;
    return STATUS_OK;
}

static Status find_series(WriteBatch *batch, SeriesCursor *cursor, RowLabels *labels,
                          SeriesRef *ret_ref, Error *err)
{
    Status status = label_set_normalize(labels->labels, &labels->count, err);

    if (status == STATUS_INVALID && err && !err->sqlstate[0])
        memcpy(err->sqlstate, "22023", sizeof err->sqlstate);
    TRY(status);
    if (!labels->count)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "a series needs a name or a label");
    return write_batch_add_series(batch, cursor, LABEL_CODEC_SQL, STR(""),
                                  (LabelSet){labels->labels, labels->count}, ret_ref, err);
}

/* The bits of a value or of a staleness marker. `stale` may be NULL. */
static Status read_value(const Column *value, const Column *stale, uint32_t row, uint64_t *ret_bits,
                         Error *err)
{
    bool is_stale = stale && !column_is_null(stale, row) && column_bool(stale, row);
    bool has_value = !column_is_null(value, row);

    if (is_stale && has_value)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "a stale row must have no value (value is NULL)");
    if (!is_stale && !has_value)
        return error_set_sql(err, STATUS_INVALID, "23502", 0,
                             "null value in column \"value\" of a row that is not stale");
    double number = is_stale ? 0 : column_f64(value, row);
    memcpy(ret_bits, &number, sizeof number);
    if (is_stale)
        *ret_bits = WRITE_STALE_BITS;
    return STATUS_OK;
}

static Status write_metrics_row(WriteBatch *batch, SeriesCursor *cursor, const RecordBatch *rows,
                                uint32_t row, Arena *arena, Error *err)
{
    enum { TS, NAME, LABELS, VALUE, STALE, HISTOGRAM, START };
    RowLabels labels = {0};
    int64_t ts_ms;
    int64_t start_ms = 0;
    uint64_t bits;
    SeriesRef ref;

    if (!column_is_null(&rows->columns[HISTOGRAM], row))
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "native histograms cannot be inserted by SQL; send them by remote "
                             "write");
    TRY(row_ts(rows, TS, row, &ts_ms, err));
    if (!column_is_null(&rows->columns[START], row))
        TRY(row_ts(rows, START, row, &start_ms, err));
    TRY(read_value(&rows->columns[VALUE], &rows->columns[STALE], row, &bits, err));
    add_label(&labels, arena, LABEL_NAME, text_at(rows, NAME, row, arena));
    if (!column_is_null(&rows->columns[LABELS], row))
        TRY(add_json_labels(&labels, arena, column_str(&rows->columns[LABELS], row),
                            "column \"labels\"", err));
    TRY(find_series(batch, cursor, &labels, &ref, err));
    return write_batch_sample_start(batch, ref, ts_ms, start_ms, bits, err);
}

static Status write_metric_row(WriteBatch *batch, SeriesCursor *cursor, const Table *table,
                               const RecordBatch *rows, uint32_t row, Arena *arena, Error *err)
{
    RowLabels labels = {0};
    int64_t ts_ms;
    uint64_t bits;
    SeriesRef ref;

    TRY(row_ts(rows, METRIC_COLUMN_TS, row, &ts_ms, err));
    TRY(read_value(&rows->columns[METRIC_COLUMN_VALUE], NULL, row, &bits, err));
    add_label(&labels, arena, LABEL_NAME, table->name);
    for (uint32_t i = METRIC_COLUMN_FIRST_LABEL; i < rows->column_count; i++)
        add_label(&labels, arena, metric_tables_label(batch->engine->metric_tables, table->id, i),
                  text_at(rows, i, row, arena));
    TRY(find_series(batch, cursor, &labels, &ref, err));
    return write_batch_sample(batch, ref, ts_ms, bits, err);
}

static Status write_exemplar_row(WriteBatch *batch, SeriesCursor *cursor, const RecordBatch *rows,
                                 uint32_t row, Arena *arena, Error *err)
{
    enum { TS, NAME, LABELS, VALUE, TRACE_ID, SPAN_ID, ATTRIBUTES };
    RowLabels series = {0};
    RowLabels labels = {0};
    int64_t ts_ms;
    SeriesRef ref;

    TRY(row_ts(rows, TS, row, &ts_ms, err));
    if (column_is_null(&rows->columns[VALUE], row))
        return error_set_sql(err, STATUS_INVALID, "23502", 0,
                             "null value in column \"value\" of an exemplar");
    add_label(&series, arena, LABEL_NAME, text_at(rows, NAME, row, arena));
    if (!column_is_null(&rows->columns[LABELS], row))
        TRY(add_json_labels(&series, arena, column_str(&rows->columns[LABELS], row),
                            "column \"labels\"", err));
    TRY(find_series(batch, cursor, &series, &ref, err));
    add_label(&labels, arena, STR("trace_id"), text_at(rows, TRACE_ID, row, arena));
    add_label(&labels, arena, STR("span_id"), text_at(rows, SPAN_ID, row, arena));
    if (!column_is_null(&rows->columns[ATTRIBUTES], row))
        TRY(add_json_labels(&labels, arena, column_str(&rows->columns[ATTRIBUTES], row),
                            "column \"attributes\"", err));
    TRY(label_set_normalize(labels.labels, &labels.count, err));
    return write_batch_exemplar(batch, ref, ts_ms, column_f64(&rows->columns[VALUE], row),
                                (LabelSet){labels.labels, labels.count}, err);
}

static Status write_row(WriteBatch *batch, SeriesCursor *cursor, const Table *table,
                        const RecordBatch *rows, uint32_t row, Arena *arena, Error *err)
{
    switch (table->kind) {
    case TABLE_METRICS:
        return write_metrics_row(batch, cursor, rows, row, arena, err);
    case TABLE_METRIC:
        return write_metric_row(batch, cursor, table, rows, row, arena, err);
    case TABLE_EXEMPLARS:
        return write_exemplar_row(batch, cursor, rows, row, arena, err);
    case TABLE_METRIC_METADATA:
        return write_batch_metadata(batch, text_at(rows, 0, row, arena),
                                    text_at(rows, 1, row, arena), text_at(rows, 2, row, arena),
                                    text_at(rows, 3, row, arena), err);
    case TABLE_LOGS:
    case TABLE_TRACES:
    case TABLE_USER:
        break;
    }
    return error_set(err, STATUS_INTERNAL, "table \"%.*s\" is not made of series",
                     STR_FMT(table->name));
}

Status engine__write_series_rows(WriteBatch *batch, const Table *table, const RecordBatch *rows,
                                 Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    SeriesCursor cursor = {0};

    if (rows->column_count != table->column_count)
        return error_set(err, STATUS_INVALID, "table \"%.*s\" has %u columns, the rows have %u",
                         STR_FMT(table->name), table->column_count, rows->column_count);
    arena_init(&arena, NULL);
    for (uint32_t row = 0; row < rows->row_count; row++) {
        TRY(write_row(batch, &cursor, table, rows, row, &arena, err));
        arena_reset(&arena);
    }
    return STATUS_OK;
}

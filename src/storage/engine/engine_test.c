#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "format/histogram/histogram.h"

/* ---------------------------------------------------------------- samples and rows */

/* A batch of random samples, and rows; into the model when it is acknowledged. */
static void write_random(EngineFixture *f, int64_t *next_row, bool with_rows)
{
    WriteBatch *batch = fixture_batch(f);
    uint32_t samples = (uint32_t)random() % 300;
    Error err = {0};
    Lsn lsn;

    for (uint32_t i = 0; i < samples; i++) {
        uint32_t s = (uint32_t)random() % MODEL_SERIES;
        uint32_t t = (uint32_t)random() % MODEL_TIMES;
        double value = (double)(random() % 1000) / 10;
        uint64_t bits;
        memcpy(&bits, &value, sizeof bits);
        if (random() % 50 == 0)
            bits = WRITE_STALE_BITS;
        assert_int_equal(
            write_batch_sample(batch, fixture_series(batch, s), fixture_ts(t), bits, &err),
            STATUS_OK);
        f->samples[s][t] = bits + 1;
    }
    uint32_t rows = with_rows ? (uint32_t)random() % 200 : 0;
    if (rows) {
        assert_int_equal(fixture_rows(f, batch, *next_row, rows, &err), STATUS_OK);
        fixture_expect_rows(f, *next_row, rows);
        *next_row += rows;
    }
    assert_int_equal(engine_write_wait(f->engine, batch, &lsn, &err), STATUS_OK);
    assert_int_equal(engine_visible_lsn(f->engine), lsn);
}

static void run_random_writes(bool json)
{
    EngineFixture f;
    int64_t next_row = 0;

    srandom(json ? 5 : 6);
    fixture_init(&f, NULL);
    f.options.wal_json = json;
    fixture_reopen(&f);
    fixture_create_table(&f, false);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 30; i++)
            write_random(&f, &next_row, i % 3 == 0);
        fixture_check(&f);
        fixture_reopen(&f);
        assert_int_equal(f.report.damaged_places, 0);
        assert_int_equal(f.report.bytes_cut, 0);
        fixture_check(&f);
    }
    fixture_done(&f);
}

static void test_what_was_acknowledged_is_there_after_reopening(void **state)
{
    run_random_writes(false);
}

static void test_the_same_holds_for_json_entries(void **state)
{
    run_random_writes(true);
}

static void test_a_batch_of_many_megabytes_of_rows_is_one_transaction(void **state)
{
    EngineFixture f;
    Error err = {0};

    fixture_init(&f, NULL);
    fixture_create_table(&f, false);
    Lsn before = engine_visible_lsn(f.engine);
    WriteBatch *batch = fixture_batch(&f);
    assert_int_equal(fixture_rows(&f, batch, 0, 200000, &err), STATUS_OK);
    assert_int_equal(fixture_rows(&f, batch, 200000, 1000, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
    assert_true(engine_visible_lsn(f.engine) > before + 2); /* several entries and a commit */
    fixture_expect_rows(&f, 0, 201000);
    fixture_check(&f);
    fixture_reopen(&f);
    fixture_check(&f);
    fixture_done(&f);
}

static void test_a_primary_key_refuses_duplicates_before_and_after_reopening(void **state)
{
    EngineFixture f;
    Error err = {0};

    fixture_init(&f, NULL);
    fixture_create_table(&f, true);
    for (int round = 0; round < 2; round++) {
        WriteBatch *batch = fixture_batch(&f);
        assert_int_equal(fixture_rows(&f, batch, round * 100, 100, &err), STATUS_OK);
        assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
        fixture_expect_rows(&f, round * 100, 100);
        batch = fixture_batch(&f);
        assert_int_equal(fixture_rows(&f, batch, 500, 10, &err), STATUS_OK);
        assert_int_equal(fixture_rows(&f, batch, round * 100 + 99, 1, &err), STATUS_EXISTS);
        assert_string_equal(err.sqlstate, "23505");
        write_batch_free(batch);
        fixture_check(&f); /* nothing of the refused batch */
        fixture_reopen(&f);
        fixture_check(&f);
    }
    fixture_done(&f);
}

/* Bytes that one sample of every series adds to the log. */
static int64_t log_growth(EngineFixture *f, uint32_t slot)
{
    EngineStats before;
    EngineStats after;
    Error err = {0};
    WriteBatch *batch = fixture_batch(f);

    for (uint32_t s = 0; s < MODEL_SERIES; s++) {
        assert_int_equal(
            write_batch_sample(batch, fixture_series(batch, s), fixture_ts(slot), 0, &err),
            STATUS_OK);
        f->samples[s][slot] = 1;
    }
    engine_stats(f->engine, &before);
    assert_int_equal(engine_write_wait(f->engine, batch, NULL, &err), STATUS_OK);
    engine_stats(f->engine, &after);
    return after.wal_bytes - before.wal_bytes;
}

static void test_series_are_not_defined_again_after_reopening(void **state)
{
    EngineFixture f;

    fixture_init(&f, NULL);
    int64_t first = log_growth(&f, 0);
    int64_t second = log_growth(&f, 1);
    assert_true(second + 64 < first);
    for (uint32_t round = 2; round < 5; round++) {
        fixture_reopen(&f);
        /* A segment is begun with it. */
        assert_in_range(log_growth(&f, round), 1, second + 64);
        fixture_check(&f);
    }
    fixture_done(&f);
}

/* ---------------------------------------------------------------- schema */

static void test_schema_changes_survive_with_and_without_the_catalog_file(void **state)
{
    EngineFixture f;
    Error err = {0};
    char path[128];
    Snapshot *snapshot;

    fixture_init(&f, NULL);
    assert_int_equal(engine_create_schema(f.engine, STR("app"), false, &err), STATUS_OK);
    assert_int_equal(engine_create_schema(f.engine, STR("app"), true, &err), STATUS_OK);
    assert_int_equal(engine_create_schema(f.engine, STR("app"), false, &err), STATUS_EXISTS);
    fixture_create_table(&f, false);
    assert_int_equal(
        engine_create_view(f.engine, STR("app"), STR("v"), STR("SELECT 1"), false, &err),
        STATUS_OK);
    assert_int_equal(
        engine_create_view(f.engine, STR("app"), STR("v"), STR("SELECT 2"), false, &err),
        STATUS_EXISTS);
    assert_int_equal(
        engine_create_view(f.engine, STR("app"), STR("v"), STR("SELECT 2"), true, &err), STATUS_OK);
    WriteBatch *batch = fixture_batch(&f);
    assert_int_equal(fixture_rows(&f, batch, 0, 10, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
    fixture_expect_rows(&f, 0, 10);
    (void)snprintf(path, sizeof path, "%s/catalog.db", f.dir);
    for (int round = 0; round < 4; round++) {
        f.engine = engine_close(f.engine);
        if (round == 1)
            assert_int_equal(unlink(path), 0);
        if (round == 2) {
            FILE *file = fopen(path, "wb");
            assert_non_null(file);
            (void)fputs("no database any more, and long enough to be looked at by SQLite", file);
            assert_int_equal(fclose(file), 0);
        }
        fixture_open(&f);
        assert_int_equal(f.report.damaged_places, round == 2);
        fixture_check(&f);
        assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
        const CatalogView *view =
            catalog_find_view(snapshot_catalog(snapshot), STR("app"), STR("v"));
        assert_non_null(view);
        assert_true(str_eq(view->query, STR("SELECT 2")));
        snapshot_free(snapshot);
    }
    assert_int_equal(engine_drop_table(f.engine, STR("public"), STR("t"), false, &err), STATUS_OK);
    assert_int_equal(engine_drop_table(f.engine, STR("public"), STR("t"), false, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(engine_drop_table(f.engine, STR("public"), STR("t"), true, &err), STATUS_OK);
    memset(f.rows, 0, f.row_cap);
    fixture_check(&f);
    fixture_create_table(&f, false); /* a new table of the old name is empty */
    fixture_reopen(&f);
    fixture_check(&f);
    fixture_done(&f);
}

static void test_a_second_process_and_a_newer_layout_are_refused(void **state)
{
    EngineFixture f;
    Engine *second;
    Error err = {0};
    char path[128];

    fixture_init(&f, NULL);
    assert_int_equal(engine_open(&f.options, &second, NULL, &err), STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.message, "another process"));
    f.engine = engine_close(f.engine);
    (void)snprintf(path, sizeof path, "%s/FORMAT", f.dir);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fputs("lumadb 99\n", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(engine_open(&f.options, &second, NULL, &err), STATUS_UNSUPPORTED);
    assert_non_null(strstr(err.message, "newer"));
    fixture_done(&f);
}

/* ---------------------------------------------------------------- rows of series */

typedef struct MetricsSum {
    double sum;
    uint64_t count;
    uint64_t stale;
    uint64_t wrong;
} MetricsSum;

static void add_metrics_row(void *ctx, const RecordBatch *batch, uint32_t row)
{
    MetricsSum *sum = ctx;
    char expected[64];
    Str labels = column_str(&batch->columns[2], row);
    Str name = column_str(&batch->columns[1], row);
    unsigned dc;
    unsigned host;
    char copy[64] = {0};

    memcpy(copy, labels.ptr, LUMA_MIN(labels.len, sizeof copy - 1));
    if (sscanf(copy, "{\"dc\": \"d%u\", \"host\": \"h%u\"}", &dc, &host) != 2)
        sum->wrong++;
    (void)snprintf(expected, sizeof expected, "m%u", host % 4);
    sum->wrong += !str_eq(name, str_from(expected)) || dc != host % 3;
    bool stale = column_bool(&batch->columns[4], row);
    sum->wrong += stale != column_is_null(&batch->columns[3], row);
    sum->wrong += !column_is_null(&batch->columns[5], row);
    sum->stale += stale;
    sum->count++;
    if (!stale)
        sum->sum += column_f64(&batch->columns[3], row);
}

static void add_prom_row(void *ctx, const RecordBatch *batch, uint32_t row)
{
    MetricsSum *sum = ctx;

    sum->count++;
    sum->wrong += column_str(&batch->columns[2], row).ptr[0] != 'd';
    sum->wrong += column_str(&batch->columns[3], row).ptr[0] != 'h';
    if (!column_is_null(&batch->columns[1], row))
        sum->sum += column_f64(&batch->columns[1], row);
}

/* What the model says for series of one metric (4 = all) in slots [from, to]. */
static MetricsSum model_sum(const EngineFixture *f, uint32_t metric, uint32_t from, uint32_t to)
{
    MetricsSum sum = {0};

    for (uint32_t s = 0; s < MODEL_SERIES; s++)
        for (uint32_t t = from; t <= to && (metric == 4 || s % 4 == metric); t++) {
            double value;
            uint64_t bits = f->samples[s][t] - 1;
            if (!f->samples[s][t])
                continue;
            memcpy(&value, &bits, sizeof value);
            sum.count++;
            sum.stale += bits == WRITE_STALE_BITS;
            if (bits != WRITE_STALE_BITS)
                sum.sum += value;
        }
    return sum;
}

static void test_series_are_rows_of_metrics_and_of_their_own_tables(void **state)
{
    EngineFixture f;
    int64_t next_row = 0;
    Snapshot *snapshot;
    Error err = {0};

    srandom(7);
    fixture_init(&f, NULL);
    for (int i = 0; i < 60; i++)
        write_random(&f, &next_row, false);
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    const Table *metrics = snapshot_find_table(snapshot, STR("public"), STR("metrics"));
    MetricsSum sum = {0};
    MetricsSum model = model_sum(&f, 4, 0, MODEL_TIMES - 1);
    assert_int_equal(fixture_scan(snapshot, metrics, NULL, 0, add_metrics_row, &sum), model.count);
    assert_int_equal(sum.wrong, 0);
    assert_int_equal(sum.stale, model.stale);
    assert_true(sum.stale > 0);
    assert_float_equal(sum.sum, model.sum, 1e-6);

    /* A window on ts, not on whole milliseconds, and a label of the metric's own table. */
    int64_t from_us = fixture_ts(100) * 1000 - 500;
    int64_t to_us = fixture_ts(200) * 1000 + 999;
    View m1 = view_make("m1", 2);
    ScanPredicate window[] = {
        {0, SCAN_GT, {.type = TYPE_OF(TIMESTAMPTZ), .len = 1, .values = &from_us}},
        {0, SCAN_LT, {.type = TYPE_OF(TIMESTAMPTZ), .len = 1, .values = &to_us}},
        {1, SCAN_EQ, {.type = TYPE_OF(TEXT), .len = 1, .values = &m1}},
    };
    model = model_sum(&f, 1, 100, 200);
    sum = (MetricsSum){0};
    assert_int_equal(fixture_scan(snapshot, metrics, window, 3, add_metrics_row, &sum),
                     model.count);
    assert_float_equal(sum.sum, model.sum, 1e-6);
    assert_true(model.count > 0);

    const Table *m1_table = snapshot_find_table(snapshot, STR("prom"), STR("m1"));
    assert_non_null(m1_table);
    assert_int_equal(m1_table->kind, TABLE_METRIC);
    assert_int_equal(m1_table->column_count, 4);
    assert_true(str_eq(m1_table->columns[2].name, STR("dc")));
    assert_true(str_eq(m1_table->columns[3].name, STR("host")));
    assert_ptr_equal(snapshot_find_table(snapshot, STR("prom"), STR("nothing")), NULL);
    sum = (MetricsSum){0};
    assert_int_equal(fixture_scan(snapshot, m1_table, window, 2, add_prom_row, &sum), model.count);
    assert_float_equal(sum.sum, model.sum, 1e-6);
    assert_int_equal(sum.wrong, 0);

    View h5 = view_make("h5", 2);
    ScanPredicate label[] = {{3, SCAN_NE, {.type = TYPE_OF(TEXT), .len = 1, .values = &h5}}};
    uint64_t without = fixture_scan(snapshot, m1_table, label, 1, NULL, NULL);
    label[0].op = SCAN_EQ;
    uint64_t only = fixture_scan(snapshot, m1_table, label, 1, NULL, NULL);
    assert_int_equal(without + only, model_sum(&f, 1, 0, MODEL_TIMES - 1).count);
    assert_true(only > 0);

    double half = 50;
    ScanPredicate value[] = {{3, SCAN_LT, {.type = TYPE_OF(FLOAT8), .len = 1, .values = &half}}};
    uint64_t below = fixture_scan(snapshot, metrics, value, 1, NULL, NULL);
    value[0].op = SCAN_GE;
    uint64_t above = fixture_scan(snapshot, metrics, value, 1, NULL, NULL);
    value[0].op = SCAN_IS_NULL;
    uint64_t null = fixture_scan(snapshot, metrics, value, 1, NULL, NULL);
    model = model_sum(&f, 4, 0, MODEL_TIMES - 1);
    assert_int_equal(below + above + null, model.count);
    assert_int_equal(null, model.stale);
    snapshot_free(snapshot);
    fixture_done(&f);
}

static void test_a_label_named_like_a_column_gets_a_prefix(void **state)
{
    EngineFixture f;
    Error err = {0};
    SeriesRef ref;
    Snapshot *snapshot;

    fixture_init(&f, NULL);
    const char *extra[] = {"ts", "zone"};
    uint32_t id = 0;
    for (int i = 0; i < 2; i++) {
        WriteBatch *batch = fixture_batch(&f);
        Label labels[] = {{STR("__name__"), STR("odd")}, {str_from(extra[i]), STR("x")}};
        assert_int_equal(write_batch_add_series(batch, NULL, LABEL_CODEC_SQL, STR(""),
                                                (LabelSet){labels, 2}, &ref, &err),
                         STATUS_OK);
        assert_int_equal(write_batch_sample(batch, ref, 1, 0, &err), STATUS_OK);
        assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
        assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
        const Table *table = snapshot_find_table(snapshot, STR("prom"), STR("odd"));
        assert_non_null(table);
        assert_int_equal(table->column_count, 3 + i); /* the new label comes last */
        assert_true(str_eq(table->columns[2].name, STR("label_ts")));
        assert_true(table->id >= TABLE_ID_FIRST_METRIC);
        assert_true(!id || table->id == id);
        id = table->id;
        snapshot_free(snapshot);
    }
    fixture_done(&f);
}

/* ---------------------------------------------------------------- rows that become samples */

typedef struct MetricsInput {
    int64_t ts_us;
    const char *name;
    const char *labels;
    double value;
    bool null_value;
    bool stale;
    const char *histogram;
} MetricsInput;

static Status insert_metrics(EngineFixture *f, const MetricsInput *in, Error *err)
{
    Arena arena;
    Column columns[7];
    Snapshot *snapshot;

    arena_init(&arena, NULL);
    assert_int_equal(engine_snapshot(f->engine, &snapshot, err), STATUS_OK);
    const Table *table = snapshot_find_table(snapshot, STR("public"), STR("metrics"));
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(column_init(&columns[i], &arena, table->columns[i].type, 1, true, err),
                         STATUS_OK);
    *(int64_t *)column_values(&columns[0]) = in->ts_us;
    *(View *)column_values(&columns[1]) = view_make(in->name, strlen(in->name));
    *(View *)column_values(&columns[2]) = view_make(in->labels, strlen(in->labels));
    *(double *)column_values(&columns[3]) = in->value;
    bit_put(column_validity(&columns[3]), 0, !in->null_value);
    bit_put(column_values(&columns[4]), 0, in->stale);
    if (in->histogram)
        *(View *)column_values(&columns[5]) = view_make(in->histogram, strlen(in->histogram));
    bit_put(column_validity(&columns[5]), 0, in->histogram != NULL);
    bit_clear(column_validity(&columns[6]), 0);
    RecordBatch rows = {.columns = columns, .column_count = 7, .row_count = 1};
    WriteBatch *batch = fixture_batch(f);
    Status status = write_batch_rows(batch, table, &rows, err);
    if (status == STATUS_OK)
        status = engine_write_wait(f->engine, batch, NULL, err);
    else
        write_batch_free(batch);
    snapshot_free(snapshot);
    arena_done(&arena);
    return status;
}

static void test_inserted_rows_become_samples_or_say_what_is_wrong(void **state)
{
    EngineFixture f;
    Error err = {0};
    Snapshot *snapshot;
    SeriesList series;
    SampleRun run = {0};
    Arena arena;
    const MetricsInput good[] = {
        {-1, "sql", "{\"b\": \"2\", \"a\": \"1\", \"empty\": \"\"}", 1.5, .stale = false},
        {2999, "sql", "{\"a\": \"1\", \"b\": \"2\"}", 0, true, true},
    };
    const struct {
        MetricsInput input;
        const char *sqlstate;
    } bad[] = {
        {{0, "x", "[1]", 1}, "22023"},
        {{0, "x", "{\"a\": 1}", 1}, "22023"},
        {{0, "", "{}", 1}, "22023"},
        {{0, "x", "{}", 1, true}, "23502"},
        {{0, "x", "{}", 1, .stale = true}, "22023"},
        {{INT64_MAX, "x", "{}", 1}, "22008"},
        {{0, "x", "{}", 1, true, .histogram = "{}"}, "0A000"},
        {{0, "x", "{\"__name__\": \"y\"}", 1}, "22023"},
    };

    fixture_init(&f, NULL);
    arena_init(&arena, NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(good); i++)
        assert_int_equal(insert_metrics(&f, &good[i], &err), STATUS_OK);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++) {
        assert_int_not_equal(insert_metrics(&f, &bad[i].input, &err), STATUS_OK);
        assert_string_equal(err.sqlstate, bad[i].sqlstate);
    }
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    assert_int_equal(
        engine_select_series(snapshot, NULL, 0, INT64_MIN, INT64_MAX, &arena, &series, &err),
        STATUS_OK);
    assert_int_equal(series.count, 1);
    assert_int_equal(engine_read_series(snapshot, series.refs[0], INT64_MIN, INT64_MAX, &run, &err),
                     STATUS_OK);
    assert_int_equal(run.count, 2);
    assert_int_equal(run.ts_ms[0], -1); /* floored */
    assert_int_equal(run.ts_ms[1], 2);
    assert_true(run.values[0] == 1.5);
    assert_true(run.values[1] != run.values[1]);
    assert_true(str_eq(engine_series_label(snapshot, series.refs[0], STR("b")), STR("2")));
    sample_run_done(&run);
    arena_done(&arena);
    snapshot_free(snapshot);
    fixture_done(&f);
}

static void test_a_batch_of_many_small_values_is_cut_into_parts(void **state)
{
    static const TableColumn columns[] = {
        {.name = STR_INIT("a"), .type = {.id = TYPE_BOOL, .typmod = -1}},
        {.name = STR_INIT("b"), .type = {.id = TYPE_BOOL, .typmod = -1}},
    };
    enum { ROWS = 1200000 };
    EngineFixture f;
    Arena arena;
    Column values[2];
    Snapshot *snapshot;
    Error err = {0};

    fixture_init(&f, NULL);
    arena_init(&arena, NULL);
    CreateTable create = {
        .schema = STR("public"), .name = STR("flags"), .columns = columns, .column_count = 2};
    assert_int_equal(engine_create_table(f.engine, &create, NULL, &err), STATUS_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(column_init(&values[i], &arena, TYPE_OF(BOOL), ROWS, false, &err),
                         STATUS_OK);
    RecordBatch rows = {.columns = values, .column_count = 2, .row_count = ROWS};
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    WriteBatch *batch = fixture_batch(&f);
    const Table *table = snapshot_find_table(snapshot, STR("public"), STR("flags"));
    assert_int_equal(write_batch_rows(batch, table, &rows, &err), STATUS_OK);
    assert_int_equal(write_batch_sample(batch, fixture_series(batch, 0), 1, 0, &err), STATUS_OK);
    snapshot_free(snapshot);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
    fixture_reopen(&f);
    assert_int_equal(f.report.damaged_places, 0);
    assert_int_equal(f.report.rows_replayed, ROWS);
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    table = snapshot_find_table(snapshot, STR("public"), STR("flags"));
    assert_int_equal(fixture_scan(snapshot, table, NULL, 0, NULL, NULL), ROWS);
    snapshot_free(snapshot);
    arena_done(&arena);
    fixture_done(&f);
}

/* ---------------------------------------------------------------- the rest */

static void check_histogram_row(void *ctx, const RecordBatch *batch, uint32_t row)
{
    assert_true(column_is_null(&batch->columns[3], row));
    assert_true(str_eq(column_str(&batch->columns[5], row),
                       STR("{\"sum\": 8.5, \"count\": 3, \"schema\": 0, \"positive\": {\"spans\": "
                           "[[0, 2]], \"counts\": [1, 2]}, \"reset_hint\": \"unknown\", "
                           "\"zero_count\": 0, \"zero_threshold\": 0}")));
}

static void test_histograms_exemplars_and_metadata_survive(void **state)
{
    EngineFixture f;
    Error err = {0};
    SeriesRef ref;
    Snapshot *snapshot;
    const HistogramSpan span = {0, 2};
    const double counts[] = {1, 2};
    const NativeHistogram histogram = {
        .is_integer = true, .count = 3, .sum = 8.5, .positive = {&span, counts, 1, 2}};

    fixture_init(&f, NULL);
    WriteBatch *batch = fixture_batch(&f);
    ref = fixture_series(batch, 1);
    Label trace[] = {{STR("trace_id"), STR("abc")}, {STR("user"), STR("u1")}};
    assert_int_equal(write_batch_histogram(batch, ref, 5000, 0, &histogram, &err), STATUS_OK);
    assert_int_equal(write_batch_exemplar(batch, ref, 5001, 0.25, (LabelSet){trace, 2}, &err),
                     STATUS_OK);
    assert_int_equal(
        write_batch_metadata(batch, STR("m1"), STR("counter"), STR("s"), STR("Help."), &err),
        STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
    for (int round = 0; round < 2; round++) {
        Arena arena;
        SeriesList series;
        SampleRun run = {0};
        ExemplarRow *exemplars;
        MetadataRow *metadata;
        uint32_t count;
        arena_init(&arena, NULL);
        assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
        assert_int_equal(
            engine_select_series(snapshot, NULL, 0, INT64_MIN, INT64_MAX, &arena, &series, &err),
            STATUS_OK);
        assert_int_equal(series.count, 1);
        assert_int_equal(
            engine_read_series(snapshot, series.refs[0], INT64_MIN, INT64_MAX, &run, &err),
            STATUS_OK);
        assert_int_equal(run.count, 1);
        assert_true(histogram_equal(run.histograms[0], &histogram));
        assert_int_equal(
            engine_exemplars(snapshot, NULL, 0, 0, 6000, &arena, &exemplars, &count, &err),
            STATUS_OK);
        assert_int_equal(count, 1);
        assert_true(exemplars[0].value == 0.25);
        assert_true(label_set_eq(exemplars[0].labels, (LabelSet){trace, 2}));
        assert_int_equal(engine_metadata(snapshot, STR("m1"), &arena, &metadata, &count, &err),
                         STATUS_OK);
        assert_int_equal(count, 1);
        assert_true(str_eq(metadata[0].help, STR("Help.")));
        const Table *table = snapshot_find_table(snapshot, STR("public"), STR("metrics"));
        assert_int_equal(fixture_scan(snapshot, table, NULL, 0, check_histogram_row, NULL), 1);
        table = snapshot_find_table(snapshot, STR("public"), STR("exemplars"));
        assert_int_equal(fixture_scan(snapshot, table, NULL, 0, NULL, NULL), 1);
        table = snapshot_find_table(snapshot, STR("public"), STR("metric_metadata"));
        assert_int_equal(fixture_scan(snapshot, table, NULL, 0, NULL, NULL), 1);
        sample_run_done(&run);
        arena_done(&arena);
        snapshot_free(snapshot);
        fixture_reopen(&f);
    }
    fixture_done(&f);
}

static void test_at_the_memory_limit_writers_are_told_to_retry_and_nothing_is_lost(void **state)
{
    EngineFixture f;
    int64_t next_row = 0;
    WriteBatch *batch;
    Error err = {0};
    Status status = STATUS_OK;

    srandom(8);
    fixture_init(&f, NULL);
    fixture_create_table(&f, false);
    f.budget.limit_bytes = mem_budget_used(&f.budget) + (4 << 20);
    int writes = 0;
    while ((status = write_batch_new(f.engine, &batch, &err)) == STATUS_OK && writes < 100000) {
        assert_int_equal(fixture_rows(&f, batch, next_row, 100, &err), STATUS_OK);
        assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
        fixture_expect_rows(&f, next_row, 100);
        next_row += 100;
        writes++;
    }
    assert_int_equal(status, STATUS_UNAVAILABLE);
    assert_non_null(strstr(err.message, "retry"));
    fixture_check(&f);
    fixture_reopen(&f); /* over the limit or not: everything durable comes back */
    fixture_check(&f);
    f.budget.limit_bytes = INT64_MAX;
    write_random(&f, &next_row, true);
    fixture_check(&f);
    fixture_done(&f);
}

/* CREATE INDEX USING fulltext reaches rows that are there, rows to come, and rows after a restart.
 */
static void expect_note_found(EngineFixture *f, bool by_index)
{
    CLEANUP(arena_done) Arena arena = {0};
    static const uint16_t id_only[] = {0};
    View query = view_make("\"note 1234\"", 11);
    ScanPredicate p = {
        .column = 1,
        .op = SCAN_MATCHES,
        .value = {.type = TYPE_OF(TEXT), .is_const = true, .len = 1, .values = &query}};
    uint32_t rows = 0;
    Snapshot *snapshot;
    RecordBatch batch;
    ScanStats stats;
    Morsel *morsel;
    Scan *scan;

    arena_init(&arena, NULL);
    assert_int_equal(engine_snapshot(f->engine, &snapshot, NULL), STATUS_OK);
    ScanSpec spec = {.table = snapshot_find_table(snapshot, STR("public"), STR("t")),
                     .columns = id_only,
                     .column_count = 1,
                     .predicates = &p,
                     .predicate_count = 1,
                     .row_limit = INT64_MAX};
    assert_int_equal(engine_scan(snapshot, &spec, &scan, NULL), STATUS_OK);
    while (scan_next_morsel(scan, &morsel, NULL) == STATUS_OK && morsel) {
        do {
            assert_int_equal(morsel_next(morsel, &arena, &batch, NULL), STATUS_OK);
            rows += batch.row_count;
        } while (batch.row_count);
        (void)morsel_close(morsel);
    }
    scan_stats(scan, &stats);
    assert_int_equal(rows, 1);
    assert_int_equal(stats.index_used, by_index);
    (void)scan_free(scan);
    snapshot_free(snapshot);
}

static void write_notes(EngineFixture *f, int64_t first, uint32_t count)
{
    Error err = {0};
    WriteBatch *batch = fixture_batch(f);

    assert_int_equal(fixture_rows(f, batch, first, count, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f->engine, batch, NULL, &err), STATUS_OK);
}

static void test_fulltext_index_of_the_catalog_is_followed(void **state)
{
    EngineFixture f;
    Snapshot *snapshot;
    Error err = {0};
    Str column = STR("note");

    fixture_init(&f, NULL);
    fixture_create_table(&f, false);
    write_notes(&f, 0, 3000);
    expect_note_found(&f, false);
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    CatalogIndex index = {
        .id = engine_new_id(f.engine),
        .version = 1,
        .schema = STR("public"),
        .name = STR("t_note_idx"),
        .table_id = snapshot_find_table(snapshot, STR("public"), STR("t"))->id,
        .method = STR("fulltext"),
        .columns = &column,
        .column_count = 1,
    };
    snapshot_free(snapshot);
    CatalogChange change = {
        .op = CATALOG_PUT, .kind = CATALOG_INDEX, .id = index.id, .object = &index};
    WriteBatch *batch = fixture_batch(&f);
    assert_int_equal(write_batch_catalog(batch, &change, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
    expect_note_found(&f, true);
    write_notes(&f, 3000, 3000);
    expect_note_found(&f, true);
    fixture_reopen(&f);
    expect_note_found(&f, true);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fulltext_index_of_the_catalog_is_followed),
        cmocka_unit_test(test_what_was_acknowledged_is_there_after_reopening),
        cmocka_unit_test(test_the_same_holds_for_json_entries),
        cmocka_unit_test(test_a_batch_of_many_megabytes_of_rows_is_one_transaction),
        cmocka_unit_test(test_a_primary_key_refuses_duplicates_before_and_after_reopening),
        cmocka_unit_test(test_series_are_not_defined_again_after_reopening),
        cmocka_unit_test(test_schema_changes_survive_with_and_without_the_catalog_file),
        cmocka_unit_test(test_a_second_process_and_a_newer_layout_are_refused),
        cmocka_unit_test(test_series_are_rows_of_metrics_and_of_their_own_tables),
        cmocka_unit_test(test_a_label_named_like_a_column_gets_a_prefix),
        cmocka_unit_test(test_inserted_rows_become_samples_or_say_what_is_wrong),
        cmocka_unit_test(test_a_batch_of_many_small_values_is_cut_into_parts),
        cmocka_unit_test(test_histograms_exemplars_and_metadata_survive),
        cmocka_unit_test(test_at_the_memory_limit_writers_are_told_to_retry_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

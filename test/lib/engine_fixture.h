/* engine_fixture.h - an engine in a temporary directory, and a model of what it acknowledged.
 *
 * The model is the naive one: a list of (series, ms, bits) where the last write of a (series, ms)
 * wins, and the ids of rows of one table `public.t(id int8, note text)`.
 */
#ifndef LUMA_TEST_ENGINE_FIXTURE_H
#define LUMA_TEST_ENGINE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "storage/engine/engine.h"

enum { MODEL_SERIES = 64, MODEL_TIMES = 512 };

typedef struct EngineFixture {
    char dir[64];
    EngineOptions options;
    Engine *engine;
    EngineReport report;
    MemBudget budget;
    /* bits + 1 of the sample at (series, time slot), 0 = none; time slot t is at 1000000 + 15 * t
     * ms */
    uint64_t samples[MODEL_SERIES][MODEL_TIMES];
    bool *rows; /* row id -> acknowledged */
    uint32_t row_cap;
} EngineFixture;

static inline int64_t fixture_ts(uint32_t slot)
{
    return 1000000 + 15 * (int64_t)slot;
}

static inline void fixture_open(EngineFixture *f)
{
    Error err = {0};
    Status status = engine_open(&f->options, &f->engine, &f->report, &err);
    if (status != STATUS_OK)
        print_error("engine_open: %s\n", err.message);
    assert_int_equal(status, STATUS_OK);
}

static inline void fixture_init(EngineFixture *f, struct Vfs *vfs)
{
    *f = (EngineFixture){0};
    (void)snprintf(f->dir, sizeof f->dir, "%.20s/luma-engine-XXXXXX",
                   getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    mem_budget_init(&f->budget, NULL, "hot memory", INT64_MAX);
    f->options = (EngineOptions){.data_dir = f->dir, .vfs = vfs, .budget = &f->budget};
    fixture_open(f);
}

static inline void fixture_reopen(EngineFixture *f)
{
    f->engine = engine_close(f->engine);
    assert_int_equal(mem_budget_used(&f->budget), 0);
    fixture_open(f);
}

static inline void fixture_done(EngineFixture *f)
{
    char command[128];

    engine_close(f->engine);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    mem_free(f->rows);
}

static inline WriteBatch *fixture_batch(EngineFixture *f)
{
    WriteBatch *batch = NULL;
    Error err = {0};
    Status status = write_batch_new(f->engine, &batch, &err);
    if (status != STATUS_OK)
        print_error("write_batch_new: %s\n", err.message);
    assert_int_equal(status, STATUS_OK);
    return batch;
}

/* Series s: m<s % 4>{host="h<s>", dc="d<s % 3>"} */
static inline SeriesRef fixture_series(WriteBatch *batch, uint32_t s)
{
    char raw[64];
    char metric[16];
    char host[16];
    char dc[16];
    SeriesRef ref;
    Error err;

    (void)snprintf(raw, sizeof raw, "raw-%u", s);
    if (write_batch_find_series(batch, NULL, LABEL_CODEC_TEXT, str_from(raw), &ref))
        return ref;
    (void)snprintf(metric, sizeof metric, "m%u", s % 4);
    (void)snprintf(host, sizeof host, "h%u", s);
    (void)snprintf(dc, sizeof dc, "d%u", s % 3);
    Label labels[] = {{STR("__name__"), str_from(metric)},
                      {STR("dc"), str_from(dc)},
                      {STR("host"), str_from(host)}};
    assert_int_equal(write_batch_add_series(batch, NULL, LABEL_CODEC_TEXT, str_from(raw),
                                            (LabelSet){labels, 3}, &ref, &err),
                     STATUS_OK);
    return ref;
}

static inline void fixture_create_table(EngineFixture *f, bool with_key)
{
    static const TableColumn columns[] = {
        {.name = STR_INIT("id"), .type = {.id = TYPE_INT8, .typmod = -1}, .not_null = true},
        {.name = STR_INIT("note"), .type = {.id = TYPE_TEXT, .typmod = -1}},
    };
    static const uint16_t columns_of_key[] = {0};
    static const TableKey key = {.id = 1,
                                 .name = STR_INIT("t_pkey"),
                                 .columns = columns_of_key,
                                 .column_count = 1,
                                 .primary = true};
    CreateTable create = {.schema = STR("public"),
                          .name = STR("t"),
                          .columns = columns,
                          .column_count = 2,
                          .keys = &key,
                          .key_count = with_key};
    Error err = {0};
    assert_int_equal(engine_create_table(f->engine, &create, NULL, &err), STATUS_OK);
}

static inline Str fixture_note(int64_t id, char buf[64])
{
    (void)snprintf(buf, 64, "note %lld, longer than a view", (long long)id);
    return str_from(buf);
}

/* Adds rows with these ids to the batch. */
static inline Status fixture_rows(EngineFixture *f, WriteBatch *batch, int64_t first,
                                  uint32_t count, Error *err)
{
    Arena arena;
    Column columns[2];
    char buf[64];
    Snapshot *snapshot;

    arena_init(&arena, NULL);
    assert_int_equal(engine_snapshot(f->engine, &snapshot, err), STATUS_OK);
    const Table *table = snapshot_find_table(snapshot, STR("public"), STR("t"));
    assert_non_null(table);
    assert_int_equal(column_init(&columns[0], &arena, TYPE_OF(INT8), count, false, err), STATUS_OK);
    assert_int_equal(column_init(&columns[1], &arena, TYPE_OF(TEXT), count, false, err), STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        Str note = arena_str(&arena, fixture_note(first + i, buf));
        ((int64_t *)column_values(&columns[0]))[i] = first + i;
        ((View *)column_values(&columns[1]))[i] = view_make(note.ptr, note.len);
    }
    RecordBatch rows = {.columns = columns, .column_count = 2, .row_count = count};
    Status status = write_batch_rows(batch, table, &rows, err);
    snapshot_free(snapshot);
    arena_done(&arena);
    return status;
}

static inline void fixture_expect_rows(EngineFixture *f, int64_t first, uint32_t count)
{
    uint32_t old = f->row_cap;

    MEM_GROW(f->rows, f->row_cap, (size_t)first + count);
    memset(f->rows + old, 0, f->row_cap - old);
    memset(f->rows + first, 1, count);
}

/* Calls on_row(ctx, batch, row) for all rows of a table with all its columns; returns how many. */
static inline uint64_t
fixture_scan(Snapshot *snapshot, const Table *table, const ScanPredicate *predicates,
             uint32_t predicate_count,
             void (*on_row)(void *ctx, const RecordBatch *batch, uint32_t row), void *ctx)
{
    uint16_t all[64];
    Arena arena;
    Scan *scan;
    Morsel *morsel;
    Error err = {0};
    uint64_t count = 0;

    arena_init(&arena, NULL);
    for (uint16_t i = 0; i < table->column_count; i++)
        all[i] = i;
    ScanSpec spec = {.table = table,
                     .columns = all,
                     .column_count = table->column_count,
                     .predicates = predicates,
                     .predicate_count = predicate_count,
                     .row_limit = INT64_MAX};
    assert_int_equal(engine_scan(snapshot, &spec, &scan, &err), STATUS_OK);
    while (scan_next_morsel(scan, &morsel, &err) == STATUS_OK && morsel) {
        RecordBatch batch;
        while (morsel_next(morsel, &arena, &batch, &err) == STATUS_OK && batch.row_count) {
            assert_int_equal(batch.column_count, table->column_count);
            for (uint32_t i = 0; i < batch.row_count; i++)
                if (on_row)
                    on_row(ctx, &batch, i);
            count += batch.row_count;
            arena_reset(&arena);
        }
        morsel_close(morsel);
    }
    scan_free(scan);
    arena_done(&arena);
    return count;
}

static inline void fixture_mark_row(void *ctx, const RecordBatch *batch, uint32_t row)
{
    EngineFixture *f = ctx;
    char buf[64];
    int64_t id = column_i64(&batch->columns[0], row);

    assert_in_range(id, 0, f->row_cap - 1);
    assert_true(f->rows[id]); /* there, and not seen before */
    f->rows[id] = false;
    assert_true(str_eq(column_str(&batch->columns[1], row), fixture_note(id, buf)));
}

/* Everything acknowledged is there once, and nothing else. */
static inline void fixture_check(EngineFixture *f)
{
    Snapshot *snapshot;
    SampleRun run = {0};
    Error err = {0};
    bool *rows = mem_dup(f->rows, f->row_cap);
    uint64_t expected = 0;

    assert_int_equal(engine_snapshot(f->engine, &snapshot, &err), STATUS_OK);
    for (uint32_t s = 0; s < MODEL_SERIES; s++) {
        char host[16];
        Arena arena;
        SeriesList list;
        uint32_t at = 0;
        arena_init(&arena, NULL);
        (void)snprintf(host, sizeof host, "h%u", s);
        LabelMatcher matcher = {.op = MATCH_EQ, .name = STR("host"), .value = str_from(host)};
        assert_int_equal(
            engine_select_series(snapshot, &matcher, 1, INT64_MIN, INT64_MAX, &arena, &list, &err),
            STATUS_OK);
        run.count = 0;
        assert_true(list.count <= 1);
        if (list.count)
            assert_int_equal(
                engine_read_series(snapshot, list.refs[0], INT64_MIN, INT64_MAX, &run, &err),
                STATUS_OK);
        for (uint32_t t = 0; t < MODEL_TIMES; t++) {
            if (!f->samples[s][t])
                continue;
            uint64_t bits;
            assert_true(at < run.count);
            assert_int_equal(run.ts_ms[at], fixture_ts(t));
            memcpy(&bits, &run.values[at++], sizeof bits);
            assert_true(bits == f->samples[s][t] - 1);
        }
        assert_int_equal(at, run.count);
        arena_done(&arena);
    }
    const Table *table = snapshot_find_table(snapshot, STR("public"), STR("t"));
    for (uint32_t i = 0; i < f->row_cap; i++)
        expected += f->rows[i];
    if (table)
        assert_int_equal(fixture_scan(snapshot, table, NULL, 0, fixture_mark_row, f), expected);
    else
        assert_int_equal(expected, 0);
    mem_free(f->rows);
    f->rows = rows;
    sample_run_done(&run);
    snapshot_free(snapshot);
}

#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"
#include "engine_fixture.h"

static CatalogChange put(CatalogKind kind, const void *object, uint32_t version_before)
{
    return (CatalogChange){.op = CATALOG_PUT,
                           .kind = kind,
                           .id = ((const CatalogHead *)object)->id,
                           .version_before = version_before,
                           .object = object};
}

static CatalogSequence sequence_named(Engine *engine, Str name, int64_t cache_increment)
{
    return (CatalogSequence){.id = engine_new_id(engine),
                             .version = 1,
                             .schema = STR("public"),
                             .name = name,
                             .state_id = engine_new_id(engine),
                             .type = TYPE_OF(INT8),
                             .start = 1,
                             .increment = cache_increment,
                             .min = 1,
                             .max = 1000000,
                             .cache = 1,
                             .first = 1};
}

/* Opens what a crash would leave: the log and the catalog as they are on disk now. */
static void crash(EngineFixture *f)
{
    char command[512];
    char copy[96];
    (void)snprintf(copy, sizeof copy, "%s-copy", f->dir);
    (void)snprintf(command, sizeof command, "rm -rf %s && cp -a %s %s", copy, f->dir, copy);
    assert_int_equal(system(command), 0);
    f->engine = engine_close(f->engine);
    (void)snprintf(command, sizeof command, "rm -rf %s && mv %s %s", f->dir, copy, f->dir);
    assert_int_equal(system(command), 0);
    fixture_open(f);
}

static const CatalogSequence *find_sequence(Snapshot *snapshot, Str name)
{
    const CatalogSequence *sequence =
        catalog_find_sequence(snapshot_catalog(snapshot), STR("public"), name);
    assert_non_null(sequence);
    return sequence;
}

static void test_sequences_never_repeat_after_a_crash(void **state)
{
    EngineFixture f;
    int64_t values[100];
    int64_t last = 0;

    fixture_init(&f, NULL);
    CatalogSequence sequence = sequence_named(f.engine, STR("s"), 1);
    WriteBatch *batch = fixture_batch(&f);
    CatalogChange change = put(CATALOG_SEQUENCE, &sequence, 0);
    assert_int_equal(write_batch_catalog(batch, &change, NULL), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, NULL), STATUS_OK);
    for (uint32_t round = 0; round < 6; round++) {
        Snapshot *snapshot;
        assert_int_equal(engine_snapshot(f.engine, &snapshot, NULL), STATUS_OK);
        const CatalogSequence *s = find_sequence(snapshot, STR("s"));
        uint32_t count = round % 2 ? 1 : 1 + 40 * (round / 2);
        assert_int_equal(engine_sequence_next(f.engine, s, count, values, NULL), STATUS_OK);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(values[i] > last);
            assert_true(values[i] <= last + 34); /* what was logged ahead, not more */
            last = values[i];
        }
        snapshot_free(snapshot);
        if (round != 3)
            crash(&f);
        else
            fixture_reopen(&f);
    }
    fixture_done(&f);
}

static void test_a_sequence_ends_or_cycles(void **state)
{
    EngineFixture f;
    int64_t values[5];
    Error err = {0};

    fixture_init(&f, NULL);
    CatalogSequence sequence = sequence_named(f.engine, STR("s"), 2);
    sequence.max = 6;
    assert_int_equal(engine_sequence_next(f.engine, &sequence, 3, values, &err), STATUS_OK);
    assert_int_equal(values[2], 5);
    assert_int_equal(engine_sequence_next(f.engine, &sequence, 1, values, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "2200H");
    sequence.cycle = true;
    assert_int_equal(engine_sequence_next(f.engine, &sequence, 2, values, &err), STATUS_OK);
    assert_int_equal(values[0], 1);
    assert_int_equal(values[1], 3);
    assert_int_equal(engine_sequence_set(f.engine, &sequence, 5, false, &err), STATUS_OK);
    assert_int_equal(engine_sequence_next(f.engine, &sequence, 1, values, &err), STATUS_OK);
    assert_int_equal(values[0], 5);
    fixture_done(&f);
}

static const Table *find_t(Snapshot *snapshot)
{
    const Table *table = catalog_find_table(snapshot_catalog(snapshot), STR("public"), STR("t"));
    assert_non_null(table);
    return table;
}

/* Rows of public.t under another store, in one batch with the new definition. */
static Status rewrite(EngineFixture *f, Lsn read_lsn, const Table *old, int64_t first,
                      uint32_t count, Error *err)
{
    Table table = *old;
    table.schema_version++;
    table.store_id = engine_new_id(f->engine);
    engine_open_store(f->engine, &table);
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    Column columns[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            column_init(&columns[i], &arena, table.columns[i].type, count, false, NULL), STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        char note[64];
        Str text = arena_str(&arena, fixture_note(first + i, note));
        ((int64_t *)column_values(&columns[0]))[i] = first + i;
        ((View *)column_values(&columns[1]))[i] = view_make(text.ptr, text.len);
    }
    RecordBatch rows = {.columns = columns, .column_count = 2, .row_count = count};
    WriteBatch *batch = fixture_batch(f);
    CatalogChange change = put(CATALOG_TABLE, &table, old->schema_version);
    change.read_lsn = read_lsn;
    assert_int_equal(write_batch_catalog(batch, &change, NULL), STATUS_OK);
    assert_int_equal(write_batch_rows(batch, &table, &rows, NULL), STATUS_OK);
    Status status = engine_write_wait(f->engine, batch, NULL, err);
    if (status != STATUS_OK)
        engine_drop_store(f->engine, table.store_id);
    return status;
}

static void write_t(EngineFixture *f, int64_t first, uint32_t count)
{
    WriteBatch *batch = fixture_batch(f);
    assert_int_equal(fixture_rows(f, batch, first, count, NULL), STATUS_OK);
    assert_int_equal(engine_write_wait(f->engine, batch, NULL, NULL), STATUS_OK);
}

static void test_a_rewrite_is_whole_after_a_crash_and_meets_no_later_write(void **state)
{
    EngineFixture f;
    Snapshot *before, *after;
    Error err = {0};

    fixture_init(&f, NULL);
    fixture_create_table(&f, true);
    write_t(&f, 0, 10);
    assert_int_equal(engine_snapshot(f.engine, &before, NULL), STATUS_OK);
    write_t(&f, 10, 5);
    /* It read ten rows and would lose five. */
    assert_int_equal(rewrite(&f, snapshot_lsn(before), find_t(before), 0, 10, &err),
                     STATUS_CONFLICT);
    assert_string_equal(err.sqlstate, "40001");
    write_t(&f, 15, 1); /* the old store is open again */
    assert_int_equal(engine_snapshot(f.engine, &after, NULL), STATUS_OK);
    assert_int_equal(rewrite(&f, snapshot_lsn(after), find_t(after), 0, 16, &err), STATUS_OK);
    /* Whoever knows the old definition may try again. */
    WriteBatch *late = fixture_batch(&f);
    uint64_t row_id = 0;
    assert_int_equal(write_batch_delete(late, find_t(after), &row_id, 1, &err), STATUS_CONFLICT);
    (void)write_batch_free(late);
    snapshot_free(before);
    snapshot_free(after);
    fixture_expect_rows(&f, 0, 16);
    fixture_check(&f);
    crash(&f);
    fixture_check(&f);
    write_t(&f, 16, 4);
    fixture_expect_rows(&f, 16, 4);
    fixture_reopen(&f);
    fixture_check(&f);
    fixture_done(&f);
}

/* A write that has reserved its rows is in nobody's snapshot yet and would go into the old store.
 */
static void test_a_rewrite_waits_for_writes_under_way(void **state)
{
    EngineFixture f;
    Snapshot *snapshot;
    Error err = {0};

    fixture_init(&f, NULL);
    fixture_create_table(&f, false);
    write_t(&f, 0, 5);
    WriteBatch *late = fixture_batch(&f);
    assert_int_equal(fixture_rows(&f, late, 5, 1, &err), STATUS_OK);
    assert_int_equal(write_batch_reserve(late, &err), STATUS_OK);
    assert_int_equal(engine_snapshot(f.engine, &snapshot, NULL), STATUS_OK);
    assert_int_equal(rewrite(&f, snapshot_lsn(snapshot), find_t(snapshot), 0, 5, &err),
                     STATUS_CONFLICT);
    snapshot_free(snapshot);
    assert_int_equal(engine_write_wait(f.engine, late, NULL, &err), STATUS_OK);
    fixture_expect_rows(&f, 0, 6);
    fixture_check(&f);
    fixture_done(&f);
}

/* ---------------------------------------------------------------- sequences beside DROP */

typedef struct Taker {
    Engine *engine;
    const CatalogSequence *sequence;
    bool stop; /* atomic */
} Taker;

static void take_values(void *arg)
{
    Taker *taker = arg;
    int64_t values[64]; /* more than the log is ahead: each call waits for the log */
    Error err;

    while (!__atomic_load_n(&taker->stop, __ATOMIC_ACQUIRE))
        (void)engine_sequence_next(taker->engine, taker->sequence, 64, values, &err);
}

static void test_a_sequence_is_dropped_while_values_are_taken(void **state)
{
    enum { ROUNDS = 200, TAKERS = 2 };
    EngineFixture f;
    Thread threads[TAKERS];

    fixture_init(&f, NULL);
    CatalogSequence sequence = sequence_named(f.engine, STR("s"), 1);
    sequence.max = INT64_MAX;
    Taker taker = {.engine = f.engine, .sequence = &sequence};
    for (int i = 0; i < TAKERS; i++)
        assert_int_equal(thread_start(&threads[i], "taker", take_values, &taker, NULL), STATUS_OK);
    for (int i = 0; i < ROUNDS; i++) {
        CatalogChange changes[] = {
            put(CATALOG_SEQUENCE, &sequence, 0),
            {.op = CATALOG_DROP, .kind = CATALOG_SEQUENCE, .id = sequence.id, .version_before = 1}};
        int64_t value, log_count;
        bool is_called;
        engine_sequence_get(f.engine, &sequence, &value, &log_count, &is_called);
        assert_in_range(log_count, 0, 32);
        for (int k = 0; k < 2; k++) {
            WriteBatch *batch = fixture_batch(&f);
            assert_int_equal(write_batch_catalog(batch, &changes[k], NULL), STATUS_OK);
            assert_int_equal(engine_write_wait(f.engine, batch, NULL, NULL), STATUS_OK);
        }
    }
    __atomic_store_n(&taker.stop, true, __ATOMIC_RELEASE);
    for (int i = 0; i < TAKERS; i++)
        thread_join(&threads[i]);
    fixture_done(&f);
}

/* ---------------------------------------------------------------- temporary tables */

static uint32_t count_rows(Snapshot *snapshot, const Table *table)
{
    static const uint16_t columns[] = {0};
    CLEANUP(arena_done) Arena arena = {0};
    ScanSpec spec = {.table = table, .columns = columns, .column_count = 1, .row_limit = INT64_MAX};
    Scan *scan;
    Morsel *morsel;
    RecordBatch batch;
    uint32_t count = 0;

    arena_init(&arena, NULL);
    assert_int_equal(engine_scan(snapshot, &spec, &scan, NULL), STATUS_OK);
    while (scan_next_morsel(scan, &morsel, NULL) == STATUS_OK && morsel) {
        while (morsel_next(morsel, &arena, &batch, NULL) == STATUS_OK && batch.row_count)
            count += batch.row_count;
        morsel_close(morsel);
    }
    scan_free(scan);
    return count;
}

/* Nothing has an LSN yet. */
static void test_rows_of_a_temporary_table_go_in_an_empty_directory(void **state)
{
    static const TableColumn column = {.name = STR_INIT("id"),
                                       .type = {.id = TYPE_INT8, .typmod = -1}};
    static const uint64_t row_id = 0;
    EngineFixture f;
    Snapshot *snapshot;
    int64_t value = 7;
    Column values = {.type = column.type, .len = 1, .values = &value};
    RecordBatch rows = {.columns = &values, .column_count = 1, .row_count = 1};

    fixture_init(&f, NULL);
    Table table = {.id = engine_new_temporary_id(f.engine),
                   .schema_version = 1,
                   .name = STR("temporary"),
                   .kind = TABLE_USER,
                   .columns = &column,
                   .column_count = 1};
    table.store_id = table.id;
    engine_open_store(f.engine, &table);
    for (int truncate = 0; truncate < 2; truncate++) {
        WriteBatch *batch = fixture_batch(&f);
        assert_int_equal(write_batch_rows(batch, &table, &rows, NULL), STATUS_OK);
        assert_int_equal(engine_write_wait(f.engine, batch, NULL, NULL), STATUS_OK);
        batch = fixture_batch(&f);
        if (truncate)
            assert_int_equal(write_batch_truncate(batch, &table, NULL), STATUS_OK);
        else
            assert_int_equal(write_batch_delete(batch, &table, &row_id, 1, NULL), STATUS_OK);
        assert_int_equal(engine_write_wait(f.engine, batch, NULL, NULL), STATUS_OK);
        assert_int_equal(engine_snapshot(f.engine, &snapshot, NULL), STATUS_OK);
        assert_int_equal(snapshot_lsn(snapshot), 0);
        assert_int_equal(count_rows(snapshot, &table), 0);
        snapshot_free(snapshot);
    }
    engine_drop_store(f.engine, table.store_id);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequences_never_repeat_after_a_crash),
        cmocka_unit_test(test_a_sequence_ends_or_cycles),
        cmocka_unit_test(test_a_rewrite_is_whole_after_a_crash_and_meets_no_later_write),
        cmocka_unit_test(test_a_rewrite_waits_for_writes_under_way),
        cmocka_unit_test(test_a_sequence_is_dropped_while_values_are_taken),
        cmocka_unit_test(test_rows_of_a_temporary_table_go_in_an_empty_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Deletes, updates and truncations against a model: what each snapshot sees, what survives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "engine_fixture.h"

enum { IDS = 3000, STEPS = 300, HELD = 4 };

/* note of id -> a version number per id, 0 = absent; what a snapshot must show. */
typedef struct Model {
    uint32_t version[IDS];
} Model;

typedef struct Held {
    Snapshot *snapshot;
    Model model;
} Held;

typedef struct Run {
    EngineFixture f;
    Model now;
    Held held[HELD];
    uint64_t random;
    uint32_t next_version;
} Run;

static uint32_t draw(Run *run, uint32_t below)
{
    run->random = hash_u64(run->random + 1);
    return (uint32_t)(run->random >> 33) % below;
}

static const Table *find_t(Snapshot *snapshot)
{
    const Table *table = snapshot_find_table(snapshot, STR("public"), STR("t"));
    assert_non_null(table);
    return table;
}

static Str version_text(uint32_t id, uint32_t version, char buf[64])
{
    (void)snprintf(buf, 64, "version %u of %u, in so many words", version, id);
    return str_from(buf);
}

static Status put(WriteBatch *batch, const Table *table, uint32_t id, uint32_t version, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Column columns[2];
    char buf[64];

    arena_init(&arena, NULL);
    for (int i = 0; i < 2; i++)
        assert_int_equal(column_init(&columns[i], &arena, table->columns[i].type, 1, false, err),
                         STATUS_OK);
    *(int64_t *)column_values(&columns[0]) = id;
    Str text = arena_str(&arena, version_text(id, version, buf));
    *(View *)column_values(&columns[1]) = view_make(text.ptr, text.len);
    return write_batch_rows(
        batch, table, &(RecordBatch){.columns = columns, .column_count = 2, .row_count = 1}, err);
}

/* The row ids by id, from a scan of everything or by key. ROW ids are checked to be distinct by the
 * model: an id appears once. */
static void read_ids(Snapshot *snapshot, const Column *equals, uint64_t *ret_row_ids,
                     const Model *model)
{
    static const uint16_t columns[] = {0, SCAN_COLUMN_ROW_ID, 1};
    CLEANUP(arena_done) Arena arena = {0};
    const Table *table = find_t(snapshot);
    ScanPredicate predicate = {.column = 0, .op = SCAN_EQ};
    Scan *scan;
    Morsel *morsel;
    RecordBatch batch;
    char buf[64];
    Error err = {0};

    if (equals)
        predicate.value = *equals;
    memset(ret_row_ids, 0xff, sizeof *ret_row_ids * IDS);
    arena_init(&arena, NULL);
    ScanSpec spec = {.table = table,
                     .columns = columns,
                     .column_count = 3,
                     .predicates = &predicate,
                     .predicate_count = equals != NULL,
                     .row_limit = INT64_MAX};
    assert_int_equal(engine_scan(snapshot, &spec, &scan, &err), STATUS_OK);
    while (scan_next_morsel(scan, &morsel, &err) == STATUS_OK && morsel) {
        while (morsel_next(morsel, &arena, &batch, &err) == STATUS_OK && batch.row_count)
            for (uint32_t i = 0; i < batch.row_count; i++) {
                int64_t id = column_i64(&batch.columns[0], i);
                assert_in_range(id, 0, IDS - 1);
                assert_true(ret_row_ids[id] == UINT64_MAX);
                ret_row_ids[id] = (uint64_t)column_i64(&batch.columns[1], i);
                if (model)
                    assert_true(str_eq(column_str(&batch.columns[2], i),
                                       version_text((uint32_t)id, model->version[id], buf)));
            }
        morsel_close(morsel);
    }
    scan_free(scan);
}

static void check_snapshot(Run *run, Snapshot *snapshot, const Model *model)
{
    uint64_t *ids = MEM_NEW_ARRAY(uint64_t, IDS);
    Arena arena;
    Error err;

    read_ids(snapshot, NULL, ids, model);
    for (uint32_t i = 0; i < IDS; i++)
        assert_int_equal(ids[i] != UINT64_MAX, model->version[i] != 0);
    arena_init(&arena, NULL);
    for (int i = 0; i < 8; i++) { /* by key: the same, without looking at the rest */
        uint32_t id = draw(run, IDS);
        Column key;
        assert_int_equal(column_init(&key, &arena, TYPE_OF(INT8), 1, false, &err), STATUS_OK);
        *(int64_t *)column_values(&key) = id;
        read_ids(snapshot, &key, ids, model);
        for (uint32_t k = 0; k < IDS; k++)
            assert_int_equal(ids[k] != UINT64_MAX, k == id && model->version[k] != 0);
    }
    arena_done(&arena);
    mem_free(ids);
}

static void release_held(Run *run)
{
    for (int i = 0; i < HELD; i++)
        run->held[i].snapshot = snapshot_free(run->held[i].snapshot);
}

/* A few commands in one batch, some of them rolled back; then written or thrown away. */
static void step(Run *run)
{
    uint64_t *ids = MEM_NEW_ARRAY(uint64_t, IDS);
    Model next = run->now;
    Snapshot *snapshot;
    Error err = {0};
    WriteBatch *batch = fixture_batch(&run->f);
    uint32_t commands = 1 + draw(run, 4);

    assert_int_equal(engine_snapshot(run->f.engine, &snapshot, &err), STATUS_OK);
    const Table *table = find_t(snapshot);
    for (uint32_t c = 0; c < commands; c++) {
        Model saved = next;
        WriteMark mark = write_batch_mark(batch);
        uint32_t kind = draw(run, 20);
        snapshot_see(snapshot, batch);
        read_ids(snapshot, NULL, ids, &next);
        if (kind == 0) {
            assert_int_equal(write_batch_truncate(batch, table, &err), STATUS_OK);
            memset(&next, 0, sizeof next);
        }
        uint32_t first = draw(run, IDS);
        uint32_t count = 1 + draw(run, kind < 3 ? 400 : 8);
        for (uint32_t id = first; id < first + count && id < IDS; id++) {
            if (next.version[id] && kind) {
                assert_int_equal(write_batch_delete(batch, table, &ids[id], 1, &err), STATUS_OK);
                next.version[id] = 0;
                if (draw(run, 3) == 0)
                    continue; /* deleted; else replaced */
            }
            next.version[id] = ++run->next_version;
            assert_int_equal(put(batch, table, id, next.version[id], &err), STATUS_OK);
        }
        if (draw(run, 4) == 0) {
            write_batch_rollback(batch, mark);
            next = saved;
            continue;
        }
        write_batch_next_command(batch);
        snapshot_see(snapshot, batch);
        check_snapshot(run, snapshot, &next);
    }
    snapshot_free(snapshot);
    mem_free(ids);
    if (draw(run, 5) == 0) {
        write_batch_free(batch);
        return;
    }
    assert_int_equal(engine_write_wait(run->f.engine, batch, NULL, &err), STATUS_OK);
    run->now = next;
}

static void test_snapshots_see_deletes_as_of_their_time(void **state)
{
    Run *run = MEM_NEW(Run);
    Error err = {0};

    fixture_init(&run->f, NULL);
    fixture_create_table(&run->f, true);
    for (int i = 0; i < STEPS; i++) {
        step(run);
        Held *held = &run->held[draw(run, HELD)];
        if (held->snapshot)
            check_snapshot(run, held->snapshot, &held->model);
        snapshot_free(held->snapshot);
        assert_int_equal(engine_snapshot(run->f.engine, &held->snapshot, &err), STATUS_OK);
        held->model = run->now;
        check_snapshot(run, held->snapshot, &held->model);
        if (i % 60 == 59) {
            release_held(run);
            fixture_reopen(&run->f);
            assert_int_equal(run->f.report.damaged_places, 0);
        }
    }
    release_held(run);
    fixture_done(&run->f);
    assert_int_equal(mem_budget_used(&run->f.budget), 0);
    mem_free(run);
}

static void test_of_two_writers_of_a_row_the_first_wins(void **state)
{
    EngineFixture f;
    Error err = {0};
    Snapshot *snapshot;
    uint64_t *ids = MEM_NEW_ARRAY(uint64_t, IDS);

    fixture_init(&f, NULL);
    fixture_create_table(&f, true);
    WriteBatch *batch = fixture_batch(&f);
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    for (uint32_t id = 0; id < 3; id++)
        assert_int_equal(put(batch, find_t(snapshot), id, 1, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
    snapshot_free(snapshot);

    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    const Table *table = find_t(snapshot);
    WriteBatch *first = fixture_batch(&f);
    WriteBatch *second = fixture_batch(&f);
    read_ids(snapshot, NULL, ids, NULL);
    assert_int_equal(write_batch_delete(first, table, &ids[1], 1, &err), STATUS_OK);
    assert_int_equal(put(first, table, 1, 2, &err), STATUS_OK);
    assert_int_equal(write_batch_delete(second, table, ids, 2, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, second, NULL, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, first, NULL, &err), STATUS_CONFLICT);
    assert_string_equal(err.sqlstate, "40001");
    /* It is seen as soon as the statement names the row, too; and nothing stays reserved. */
    first = fixture_batch(&f);
    assert_int_equal(write_batch_delete(first, table, &ids[1], 1, &err), STATUS_CONFLICT);
    write_batch_free(first);
    first = fixture_batch(&f);
    assert_int_equal(write_batch_delete(first, table, &ids[2], 1, &err), STATUS_OK);
    assert_int_equal(put(first, table, 1, 3, &err), STATUS_OK);
    assert_int_equal(engine_write_wait(f.engine, first, NULL, &err), STATUS_OK);
    snapshot_free(snapshot);
    assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
    read_ids(snapshot, NULL, ids, NULL);
    for (uint32_t id = 0; id < 3; id++)
        assert_int_equal(ids[id] != UINT64_MAX, id == 1);
    snapshot_free(snapshot);
    mem_free(ids);
    fixture_done(&f);
}

static void test_replaced_rows_give_their_space_back(void **state)
{
    enum { ROWS = 300, ROUNDS = 200 };
    EngineFixture f;
    Error err = {0};
    Snapshot *snapshot;
    int64_t early = 0;
    uint64_t *ids = MEM_NEW_ARRAY(uint64_t, IDS);
    Model model = {0};

    fixture_init(&f, NULL);
    fixture_create_table(&f, true);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        WriteBatch *batch = fixture_batch(&f);
        assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
        read_ids(snapshot, NULL, ids, &model);
        for (uint32_t id = 0; id < ROWS; id++) {
            if (round > 1)
                assert_int_equal(write_batch_delete(batch, find_t(snapshot), &ids[id], 1, &err),
                                 STATUS_OK);
            assert_int_equal(put(batch, find_t(snapshot), id, round, &err), STATUS_OK);
            model.version[id] = round;
        }
        /* While the snapshot is open nothing that it sees goes. */
        assert_int_equal(engine_write_wait(f.engine, batch, NULL, &err), STATUS_OK);
        snapshot_free(snapshot);
        if (round == 20)
            early = mem_budget_used(&f.budget);
    }
    assert_true(mem_budget_used(&f.budget) < 2 * early);
    for (int reopened = 0; reopened < 2; reopened++) {
        assert_int_equal(engine_snapshot(f.engine, &snapshot, &err), STATUS_OK);
        read_ids(snapshot, NULL, ids, &model);
        for (uint32_t id = 0; id < IDS; id++)
            assert_int_equal(ids[id] != UINT64_MAX, id < ROWS);
        snapshot_free(snapshot);
        fixture_reopen(&f);
        assert_int_equal(f.report.damaged_places, 0);
    }
    mem_free(ids);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_snapshots_see_deletes_as_of_their_time),
        cmocka_unit_test(test_of_two_writers_of_a_row_the_first_wins),
        cmocka_unit_test(test_replaced_rows_give_their_space_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

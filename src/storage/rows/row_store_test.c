#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/thread.h"
#include "storage/rows/row_changes.h"

static const TableColumn test_columns[] = {
    {.name = STR_INIT("id"), .type = {.id = TYPE_INT8, .typmod = -1}, .not_null = true},
    {.name = STR_INIT("host"), .type = {.id = TYPE_TEXT, .typmod = -1}},
    {.name = STR_INIT("up"), .type = {.id = TYPE_BOOL, .typmod = -1}},
    {.name = STR_INIT("note"), .type = {.id = TYPE_TEXT, .typmod = -1}},
    {.name = STR_INIT("load"), .type = {.id = TYPE_FLOAT8, .typmod = -1}},
};
static const Table test_table = {.id = TABLE_ID_FIRST_USER,
                                 .store_id = TABLE_ID_FIRST_USER,
                                 .schema_version = 1,
                                 .kind = TABLE_USER,
                                 .schema = STR_INIT("public"),
                                 .name = STR_INIT("t"),
                                 .columns = test_columns,
                                 .column_count = LUMA_ARRAY_LEN(test_columns),
                                 .time_column = -1};
static const uint16_t all_columns[] = {0, 1, 2, 3, 4};

/* Everything about a row follows from its id, so that readers can check what they see. */
static bool host_is_null(int64_t id)
{
    return id % 11 == 3;
}
static Str host_text(int64_t id, char buf[64])
{
    (void)snprintf(buf, 64, id % 2 ? "h%d" : "a rather long host name %d", (int)(id % 37));
    return str_from(buf);
}
static Str note_text(int64_t id, char buf[64])
{
    (void)snprintf(buf, 64, "note number %lld of many", (long long)id);
    return str_from(buf);
}

static void make_rows(int64_t first, uint32_t count, Arena *arena, RecordBatch *ret)
{
    Error err;
    char buf[64];
    Column *columns = ARENA_NEW_ARRAY(arena, Column, 5);

    for (uint32_t c = 0; c < 5; c++)
        assert_int_equal(column_init(&columns[c], arena, test_columns[c].type, count, c == 1, &err),
                         STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        int64_t id = first + i;
        ((int64_t *)column_values(&columns[0]))[i] = id;
        Str host = arena_str(arena, host_text(id, buf));
        ((View *)column_values(&columns[1]))[i] = view_make(host.ptr, host.len);
        bit_put(column_validity(&columns[1]), i, !host_is_null(id));
        bit_put(column_values(&columns[2]), i, id % 3 == 0);
        Str note = arena_str(arena, note_text(id, buf));
        ((View *)column_values(&columns[3]))[i] = view_make(note.ptr, note.len);
        ((double *)column_values(&columns[4]))[i] = (double)id / 2;
    }
    *ret = (RecordBatch){.columns = columns, .column_count = 5, .row_count = count};
}

static void check_row(const RecordBatch *batch, uint32_t i)
{
    char buf[64];
    int64_t id = column_i64(&batch->columns[0], i);

    assert_int_equal(column_is_null(&batch->columns[1], i), host_is_null(id));
    if (!host_is_null(id))
        assert_true(str_eq(column_str(&batch->columns[1], i), host_text(id, buf)));
    assert_int_equal(column_bool(&batch->columns[2], i), id % 3 == 0);
    assert_true(str_eq(column_str(&batch->columns[3], i), note_text(id, buf)));
    assert_true(column_f64(&batch->columns[4], i) == (double)id / 2);
}

/* Reads a snapshot, checks every row, returns how many and whether ids rise by one from 0. */
static uint64_t read_all(RowTable *table, Lsn lsn, const ScanPredicate *predicates,
                         uint32_t predicate_count, bool dense)
{
    CLEANUP(arena_done) Arena arena = {0};
    RowScan *scan;
    Error err;
    uint64_t count = 0;

    arena_init(&arena, NULL);
    RowScanSpec spec = {.lsn = lsn,
                        .schema = &test_table,
                        .columns = all_columns,
                        .column_count = 5,
                        .predicates = predicates,
                        .predicate_count = predicate_count};
    assert_int_equal(row_scan_new(table, &spec, &scan, &err), STATUS_OK);
    for (RowPiece *piece; (piece = row_scan_next(scan)); row_piece_close(piece)) {
        RecordBatch batch;
        for (;;) {
            assert_int_equal(row_piece_next(piece, &arena, &batch, &err), STATUS_OK);
            if (!batch.row_count)
                break;
            assert_true(batch.row_count <= BATCH_ROWS);
            for (uint32_t i = 0; i < batch.row_count; i++, count++) {
                check_row(&batch, i);
                if (dense)
                    assert_int_equal(column_i64(&batch.columns[0], i), count);
            }
            arena_reset(&arena);
        }
    }
    row_scan_free(scan);
    return count;
}

static void test_a_snapshot_sees_whole_writes_up_to_its_lsn(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    MemBudget budget;
    SegmentMap map;
    enum { WRITES = 120 };
    uint64_t rows_at[WRITES + 1] = {0};

    mem_budget_init(&budget, NULL, "test memory", INT64_MAX);
    arena_init(&arena, NULL);
    srandom(4);
    segment_map_init(&map);
    RowStore *store = row_store_new(&map, &budget);
    row_store_create(store, &test_table);
    RowTable *table = row_store_find(store, test_table.id);
    for (Lsn lsn = 1; lsn <= WRITES; lsn++) {
        uint32_t count = (uint32_t)(random() % 10 ? random() % 200 : random() % 20000) + 1;
        RecordBatch rows;
        make_rows((int64_t)rows_at[lsn - 1], count, &arena, &rows);
        row_table_append(table, lsn, &rows, false);
        rows_at[lsn] = rows_at[lsn - 1] + count;
        assert_int_equal(read_all(table, lsn / 2, NULL, 0, true), rows_at[lsn / 2]);
        arena_reset(&arena);
    }
    assert_true(rows_at[WRITES] > 70000); /* several sealed segments */
    Segment **sealed;
    uint32_t sealed_count;
    segment_map_collect(&map, test_table.id, &sealed, &sealed_count);
    assert_true(sealed_count > 4);
    for (uint32_t i = 0; i < sealed_count; i++)
        (void)segment_unref(sealed[i]);
    mem_free(sealed);
    for (Lsn lsn = 0; lsn <= WRITES; lsn += 7)
        assert_int_equal(read_all(table, lsn, NULL, 0, true), rows_at[lsn]);
    assert_int_equal(row_table_row_count(table), rows_at[WRITES]);

    int64_t bound = (int64_t)rows_at[WRITES] - 1000;
    View host = view_make("h7", 2);
    const ScanPredicate predicates[] = {
        {0, SCAN_GE, {.type = TYPE_OF(INT8), .len = 1, .values = &bound}},
        {1, SCAN_EQ, {.type = TYPE_OF(TEXT), .len = 1, .values = &host}},
    };
    uint64_t expected = 0;
    for (int64_t id = bound; id < (int64_t)rows_at[WRITES]; id++)
        expected += !host_is_null(id) && id % 2 && id % 37 == 7;
    assert_int_equal(read_all(table, WRITES, predicates, 2, false), expected);
    assert_true(expected > 0);

    row_table_unref(table);
    row_store_free(store);
    segment_map_done(&map);
    assert_int_equal(mem_budget_used(&budget), 0);
}

static void test_primary_keys_are_reserved_whole_or_not_at_all(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    MemBudget budget;
    SegmentMap map;
    Table keyed = test_table;
    const uint16_t columns[] = {0, 3};
    const TableKey key = {
        .name = STR("t_pkey"), .columns = columns, .column_count = 2, .primary = true};
    RecordBatch rows;
    Error err = {0};

    mem_budget_init(&budget, NULL, "test memory", INT64_MAX);
    arena_init(&arena, NULL);
    keyed.keys = &key;
    keyed.key_count = 1;
    segment_map_init(&map);
    RowStore *store = row_store_new(&map, &budget);
    row_store_create(store, &keyed);
    RowTable *table = row_store_find(store, keyed.id);
    RowChanges *first = row_changes_new(row_store_find(store, keyed.id), &arena);
    RowChanges *second = row_changes_new(row_store_find(store, keyed.id), &arena);
    make_rows(1000, 500, &arena, &rows);
    assert_int_equal(row_changes_insert(first, 1, &rows, &err), STATUS_OK);
    assert_int_equal(row_changes_reserve(first, &err), STATUS_OK);
    make_rows(600, 500, &arena, &rows); /* another write is about to store the last 100 */
    assert_int_equal(row_changes_insert(second, 1, &rows, &err), STATUS_CONFLICT);
    assert_string_equal(err.sqlstate, "40001");
    row_changes_rollback(second, 1);
    assert_true(row_changes_empty(second));
    row_changes_apply(first, 1);
    assert_int_equal(row_changes_insert(second, 1, &rows, &err), STATUS_EXISTS);
    assert_string_equal(err.sqlstate, "23505");
    assert_string_equal(err.detail,
                        "Key (id, note)=(1000, note number 1000 of many) already exists.");
    row_changes_rollback(second, 1);
    make_rows(600, 400, &arena, &rows); /* nothing of the refused batch was kept */
    assert_int_equal(row_changes_insert(second, 1, &rows, &err), STATUS_OK);
    assert_int_equal(row_changes_insert(second, 2, &rows, &err), STATUS_EXISTS);
    row_changes_rollback(second, 2);
    assert_int_equal(row_changes_reserve(second, &err), STATUS_OK);
    row_changes_release(second);
    assert_int_equal(row_changes_reserve(second, &err), STATUS_OK);
    row_changes_apply(second, 2);
    row_changes_free(first);
    row_changes_free(second);
    row_table_unref(table);
    row_store_free(store);
    segment_map_done(&map);
    assert_int_equal(mem_budget_used(&budget), 0);
}

typedef struct Race {
    RowTable *table;
    Lsn visible; /* atomic: release after the append */
    uint64_t rows_at[512];
} Race;

static void read_while_written(void *arg)
{
    Race *race = arg;
    Lsn lsn;

    do {
        lsn = __atomic_load_n(&race->visible, __ATOMIC_ACQUIRE);
        uint64_t count = read_all(race->table, lsn, NULL, 0, true);
        assert_int_equal(count, race->rows_at[lsn]);
    } while (lsn < 511);
}

static void test_readers_go_on_while_rows_are_appended(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    MemBudget budget;
    SegmentMap map;
    Thread readers[2] = {0};
    Race race = {0};
    RecordBatch rows;
    Error err;

    mem_budget_init(&budget, NULL, "test memory", INT64_MAX);
    arena_init(&arena, NULL);
    segment_map_init(&map);
    RowStore *store = row_store_new(&map, &budget);
    row_store_create(store, &test_table);
    race.table = row_store_find(store, test_table.id);
    for (int i = 0; i < 2; i++)
        assert_int_equal(thread_start(&readers[i], "reader", read_while_written, &race, &err),
                         STATUS_OK);
    for (Lsn lsn = 1; lsn < 512; lsn++) {
        uint32_t count = (uint32_t)(lsn * 7 % 61) + 1;
        make_rows((int64_t)race.rows_at[lsn - 1], count, &arena, &rows);
        row_table_append(race.table, lsn, &rows, false);
        race.rows_at[lsn] = race.rows_at[lsn - 1] + count;
        __atomic_store_n(&race.visible, lsn, __ATOMIC_RELEASE);
        arena_reset(&arena);
    }
    for (int i = 0; i < 2; i++)
        thread_join(&readers[i]);
    row_table_unref(race.table);
    row_store_free(store);
    segment_map_done(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_snapshot_sees_whole_writes_up_to_its_lsn),
        cmocka_unit_test(test_primary_keys_are_reserved_whole_or_not_at_all),
        cmocka_unit_test(test_readers_go_on_while_rows_are_appended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

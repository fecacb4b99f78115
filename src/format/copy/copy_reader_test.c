/* The readers and the writer of COPY against each other; PostgreSQL's own answers are in
 * test/golden/copy.json. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "format/copy/copy.h"

static const CopyColumn columns[] = {
    {.name = STR_INIT("i"), .type = {TYPE_INT4, false, -1}},
    {.name = STR_INIT("t"), .type = {TYPE_TEXT, false, -1}},
};

typedef struct Fixture {
    CopyReader *reader;
    PgSettings settings;
    MemBudget budget;
    Arena arena;
    Error err;
} Fixture;

static int setup(void **state)
{
    Fixture *f = MEM_NEW(Fixture);

    pg_settings_init(&f->settings);
    mem_budget_init(&f->budget, NULL, "test memory", 8 << 20);
    arena_init(&f->arena, NULL);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    (void)copy_reader_free(f->reader);
    assert_int_equal(mem_budget_used(&f->budget), 0);
    arena_done(&f->arena);
    mem_free(f);
    return 0;
}

static void begin(Fixture *f, CopyFormat format)
{
    f->reader = copy_reader_new(&(CopyReaderOptions){.format = copy_options_default(format),
                                                     .columns = columns,
                                                     .column_count = 2,
                                                     .source = STR("COPY t"),
                                                     .settings = &f->settings,
                                                     .budget = &f->budget});
}

static Status next(Fixture *f, RecordBatch *ret)
{
    return copy_reader_next(f->reader, &f->arena, ret, &f->err);
}

static void test_rows_before_a_fault_come_first(void **state)
{
    Fixture *f = *state;
    RecordBatch batch;

    begin(f, COPY_TEXT);
    assert_int_equal(copy_reader_put(f->reader, STR("1\ta\n2\tb\nx\tc\n4\td\n"), NULL), STATUS_OK);
    copy_reader_end(f->reader);
    assert_int_equal(next(f, &batch), STATUS_OK);
    assert_int_equal(batch.row_count, 2);
    assert_int_equal(column_i64(&batch.columns[0], 1), 2);
    for (int i = 0; i < 2; i++) { /* it stays failed */
        assert_int_equal(next(f, &batch), STATUS_INVALID);
        assert_string_equal(f->err.sqlstate, "22P02");
        assert_string_equal(f->err.context, "COPY t, line 3, column i: \"x\"");
    }
}

static void test_a_field_of_an_earlier_row_fails_before_a_row_that_cannot_be_split(void **state)
{
    Fixture *f = *state;
    RecordBatch batch;

    begin(f, COPY_CSV);
    assert_int_equal(copy_reader_put(f->reader, STR("1,a\nx,b\n3,c,d\n"), NULL), STATUS_OK);
    copy_reader_end(f->reader);
    assert_int_equal(next(f, &batch), STATUS_OK);
    assert_int_equal(batch.row_count, 1);
    assert_int_equal(next(f, &batch), STATUS_INVALID);
    assert_string_equal(f->err.context, "COPY t, line 2, column i: \"x\"");
}

static void test_a_long_row_in_small_pieces_is_read_once_it_is_whole(void **state)
{
    Fixture *f = *state;
    RecordBatch batch;
    enum { PIECES = 20000 };

    begin(f, COPY_CSV);
    assert_int_equal(copy_reader_put(f->reader, STR("7,\""), NULL), STATUS_OK);
    for (int i = 0; i < PIECES; i++) {
        assert_int_equal(copy_reader_put(f->reader, STR("0123456789\n\"\",,"), NULL), STATUS_OK);
        if (copy_reader_is_full(f->reader)) {
            assert_int_equal(next(f, &batch), STATUS_OK);
            assert_int_equal(batch.row_count, 0);
            assert_false(copy_reader_is_full(f->reader)); /* waits for twice as much */
        }
    }
    assert_int_equal(copy_reader_put(f->reader, STR("\"\n"), NULL), STATUS_OK);
    copy_reader_end(f->reader);
    assert_int_equal(next(f, &batch), STATUS_OK);
    assert_int_equal(batch.row_count, 1);
    assert_int_equal(column_str(&batch.columns[1], 0).len, PIECES * 14);
}

static void test_bytes_over_the_budget_are_refused(void **state)
{
    Fixture *f = *state;
    char *many = mem_zalloc(1 << 20);
    Status status = STATUS_OK;

    memset(many, 'x', 1 << 20);
    begin(f, COPY_TEXT);
    for (int i = 0; i < 16 && status == STATUS_OK; i++)
        status = copy_reader_put(f->reader, (Str){many, 1 << 20}, &f->err);
    mem_free(many);
    assert_int_equal(status, STATUS_LIMIT);
    assert_string_equal(f->err.sqlstate, "53200");
}

static void test_many_rows_come_in_batches(void **state)
{
    Fixture *f = *state;
    RecordBatch batch;
    CLEANUP(buf_done) Buf in = {0};
    uint32_t rows = 0;

    begin(f, COPY_TEXT);
    for (int i = 0; i < 10000; i++)
        buf_printf(&in, "%d\tname of %d\n", i, i);
    assert_int_equal(copy_reader_put(f->reader, buf_str(&in), NULL), STATUS_OK);
    copy_reader_end(f->reader);
    for (;;) {
        char want[32];
        assert_int_equal(next(f, &batch), STATUS_OK);
        assert_true(batch.row_count <= BATCH_ROWS);
        if (!batch.row_count)
            break;
        for (uint32_t i = 0; i < batch.row_count; i++, rows++) {
            assert_int_equal(column_i64(&batch.columns[0], i), rows);
            (void)snprintf(want, sizeof want, "name of %u", rows);
            assert_true(str_eq(column_str(&batch.columns[1], i), str_from(want)));
        }
    }
    assert_int_equal(rows, 10000);
}

static void test_marks_at_the_edges_of_blocks_are_found(void **state)
{
    /* Every length of a first field moves the rest across the 64-byte blocks of the scan. */
    for (int pad = 0; pad < 200; pad++) {
        Fixture *f;
        RecordBatch batch;
        CLEANUP(buf_done) Buf in = {0};

        assert_int_equal(setup((void **)&f), 0);
        begin(f, COPY_TEXT);
        buf_printf(&in, "%0*d\t\\\\a\\tb\\\\\r\n2\tc\r\n", pad + 1, 5);
        assert_int_equal(copy_reader_put(f->reader, buf_str(&in), NULL), STATUS_OK);
        copy_reader_end(f->reader);
        assert_int_equal(next(f, &batch), STATUS_OK);
        assert_int_equal(batch.row_count, 2);
        assert_int_equal(column_i64(&batch.columns[0], 0), 5);
        assert_true(str_eq(column_str(&batch.columns[1], 0), STR("\\a\tb\\")));
        assert_true(str_eq(column_str(&batch.columns[1], 1), STR("c")));
        assert_int_equal(teardown((void **)&f), 0);
    }
    (void)state;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_before_a_fault_come_first),
        TEST(test_a_field_of_an_earlier_row_fails_before_a_row_that_cannot_be_split),
        TEST(test_a_long_row_in_small_pieces_is_read_once_it_is_whole),
        TEST(test_bytes_over_the_budget_are_refused),
        TEST(test_many_rows_come_in_batches),
        cmocka_unit_test(test_marks_at_the_edges_of_blocks_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

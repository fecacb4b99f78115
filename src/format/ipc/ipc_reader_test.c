/* What ipc.c writes, ipc_reader.c reads; what is cut or changed is refused, never followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/ipc/ipc.h"
#include "format/ipc/ipc_reader.h"

static const Field fields[] = {
    {.name = STR_INIT("a"), .type = TYPE_OF(INT4)},
    {.name = STR_INIT("b"), .type = TYPE_OF(TEXT)},
    {.name = STR_INIT("c"), .type = TYPE_OF(FLOAT8)},
    {.name = STR_INIT("d"), .type = TYPE_OF(BOOL)},
    {.name = STR_INIT("e"), .type = TYPE_OF(TIMESTAMPTZ)},
    {.name = STR_INIT("f"), .type = TYPE_OF(UUID)},
    {.name = STR_INIT("g"), .type = TYPE_OF(DATE)},
    {.name = STR_INIT("h"), .type = TYPE_OF(BYTEA)},
};
static const Schema schema = {fields, LUMA_ARRAY_LEN(fields)};
enum { ROWS = 100 };

static void fill(Column *c, uint32_t row)
{
    static const char text[] = "a text that does not fit a view, and more of it";
    void *values = column_values(c);

    switch (type_layout(c->type)) {
    case LAYOUT_BIT:
        bit_put(values, row, row % 3 == 0);
        break;
    case LAYOUT_INT32:
        ((int32_t *)values)[row] = (int32_t)row - 50;
        break;
    case LAYOUT_DOUBLE:
        ((double *)values)[row] = row / 7.0;
        break;
    case LAYOUT_FIXED16:
        memset((char *)values + 16 * (size_t)row, (int)row, 16);
        break;
    case LAYOUT_VIEW:
        ((View *)values)[row] = view_make(text, row % sizeof text);
        break;
    default:
        ((int64_t *)values)[row] = (int64_t)row * 1000003;
        break;
    }
    if (row % 5 == 4)
        bit_clear(column_validity(c), row);
}

static void make_stream(Arena *arena, RecordBatch *batch, Buf *out)
{
    PgSettings settings;

    pg_settings_init(&settings);
    assert_int_equal(batch_init(batch, arena, &schema, ROWS, NULL), STATUS_OK);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        assert_int_equal(column_need_validity(&batch->columns[c], arena, NULL), STATUS_OK);
        for (uint32_t row = 0; row < ROWS; row++)
            fill(&batch->columns[c], row);
    }
    ipc_append_schema(&schema, out);
    assert_int_equal(ipc_append_batch(&schema, batch, &settings, out, NULL), STATUS_OK);
    assert_int_equal(ipc_append_batch(&schema, batch, &settings, out, NULL), STATUS_OK);
    ipc_append_end(out);
}

static void assert_same(const Column *want, const Column *got)
{
    PgPrintFn print = pgtype_text_fn(want->type);
    CLEANUP(buf_done) Buf a = {0};
    CLEANUP(buf_done) Buf b = {0};
    PgSettings settings;

    pg_settings_init(&settings);
    assert_true(type_eq(want->type, got->type));
    for (uint32_t row = 0; row < want->len; row++) {
        assert_int_equal(column_is_null(want, row), column_is_null(got, row));
        if (column_is_null(want, row))
            continue;
        buf_clear(&a);
        buf_clear(&b);
        print(want, row, &settings, &a);
        print(got, row, &settings, &b);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.ptr, b.ptr, a.len);
    }
}

static void test_reads_what_ipc_writes(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    RecordBatch want;
    RecordBatch got;
    IpcReader reader;
    Arena arena;

    arena_init(&arena, NULL);
    make_stream(&arena, &want, &out);
    assert_int_equal(ipc_reader_open(&reader, buf_str(&out), &arena, NULL), STATUS_OK);
    assert_int_equal(reader.schema.field_count, LUMA_ARRAY_LEN(fields));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ipc_reader_next(&reader, &arena, &got, NULL), STATUS_OK);
        assert_int_equal(got.row_count, ROWS);
        for (uint32_t c = 0; c < got.column_count; c++) {
            assert_true(str_eq(reader.schema.fields[c].name, fields[c].name));
            assert_same(&want.columns[c], &got.columns[c]);
        }
    }
    assert_int_equal(ipc_reader_next(&reader, &arena, &got, NULL), STATUS_OK);
    assert_int_equal(got.row_count, 0);
    arena_done(&arena);
}

static Status read_all(Str bytes)
{
    IpcReader reader;
    RecordBatch batch;
    Arena arena;

    arena_init(&arena, NULL);
    Status status = ipc_reader_open(&reader, bytes, &arena, NULL);
    do {
        if (status == STATUS_OK)
            status = ipc_reader_next(&reader, &arena, &batch, NULL);
    } while (status == STATUS_OK && batch.row_count);
    arena_done(&arena);
    return status;
}

/* A copy of its own for each length, so that a sanitizer sees a read past the end. */
static void test_a_cut_stream_is_refused(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    RecordBatch batch;
    Arena arena;
    int refused = 0;

    arena_init(&arena, NULL);
    make_stream(&arena, &batch, &out);
    for (size_t len = 0; len < out.len; len += len < 3000 ? 1 : 97) {
        char *copy = mem_alloc(len + 1);
        memcpy(copy, out.ptr, len);
        refused += read_all((Str){copy, len}) != STATUS_OK;
        mem_free(copy);
    }
    assert_true(refused > 2900);
    arena_done(&arena);
}

static void test_changed_bytes_are_survived(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    RecordBatch batch;
    Arena arena;

    arena_init(&arena, NULL);
    make_stream(&arena, &batch, &out);
    for (size_t at = 0; at < out.len && at < 4000; at++) {
        char old = out.ptr[at];
        out.ptr[at] = (char)(old ^ 0xff);
        (void)read_all(buf_str(&out));
        out.ptr[at] = old;
    }
    assert_int_equal(read_all(buf_str(&out)), STATUS_OK);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_ipc_writes),
        cmocka_unit_test(test_a_cut_stream_is_refused),
        cmocka_unit_test(test_changed_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

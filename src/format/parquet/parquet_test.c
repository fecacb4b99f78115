/* What the writer writes the reader reads, for every type, encoding, codec and page version;
 * kernels equal naive ones; damage is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "format/parquet/parquet_int.h"
#include "format/parquet/parquet_writer.h"
#include "format/pgtype/numeric.h"
#include "format/pgtype/pgarray.h"

static const Field fields[] = {
    {.name = STR_INIT("bool"), .type = TYPE_OF(BOOL)},
    {.name = STR_INIT("int2"), .type = TYPE_OF(INT2)},
    {.name = STR_INIT("int4"), .type = TYPE_OF(INT4)},
    {.name = STR_INIT("int8"), .type = TYPE_OF(INT8), .not_null = true},
    {.name = STR_INIT("float4"), .type = TYPE_OF(FLOAT4)},
    {.name = STR_INIT("float8"), .type = TYPE_OF(FLOAT8)},
    {.name = STR_INIT("text"), .type = TYPE_OF(TEXT)},
    {.name = STR_INIT("bytea"), .type = TYPE_OF(BYTEA)},
    {.name = STR_INIT("json"), .type = TYPE_OF(JSON)},
    {.name = STR_INIT("date"), .type = TYPE_OF(DATE)},
    {.name = STR_INIT("time"), .type = TYPE_OF(TIME)},
    {.name = STR_INIT("ts"), .type = TYPE_OF(TIMESTAMP)},
    {.name = STR_INIT("tstz"), .type = TYPE_OF(TIMESTAMPTZ)},
    {.name = STR_INIT("uuid"), .type = TYPE_OF(UUID)},
    {.name = STR_INIT("dec7"), .type = {.id = TYPE_NUMERIC, .typmod = ((7 << 16) | 2) + 4}},
    {.name = STR_INIT("dec16"), .type = {.id = TYPE_NUMERIC, .typmod = ((16 << 16) | 3) + 4}},
    {.name = STR_INIT("dec30"), .type = {.id = TYPE_NUMERIC, .typmod = ((30 << 16) | 5) + 4}},
};
static const Schema schema = {fields, LUMA_ARRAY_LEN(fields)};
enum { ROWS = 5000, DISTINCT = 40 };

static uint64_t seed = 1;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed * UINT64_C(0x2545F4914F6CDD1D);
}

static View draw_text(Arena *arena, bool few)
{
    uint64_t x = few ? draw() % DISTINCT : draw();
    Str text = arena_printf(arena, "/api/v1/some/longer/path/%llu/%s", (unsigned long long)x,
                            x % 3 ? "" : "with a tail that goes on and on and on");
    return view_make(text.ptr + (x % 5 == 0 ? 20 : 0), text.len - (x % 5 == 0 ? 20 : 0));
}

static void fill(Column *c, uint32_t row, Arena *arena, bool few)
{
    uint64_t x = few ? draw() % DISTINCT : draw();
    void *v = column_values(c);

    switch (type_layout(c->type)) {
    case LAYOUT_BIT:
        bit_put(v, row, x & 1);
        break;
    case LAYOUT_INT8:
        ((int8_t *)v)[row] = (int8_t)x;
        break;
    case LAYOUT_INT16:
        ((int16_t *)v)[row] = (int16_t)x;
        break;
    case LAYOUT_INT32:
        ((int32_t *)v)[row] = (int32_t)x;
        break;
    case LAYOUT_INT64:
        ((int64_t *)v)[row] = (int64_t)(x >> (draw() % 64));
        break;
    case LAYOUT_FLOAT:
        ((float *)v)[row] = (float)(int32_t)x / 8.0F;
        break;
    case LAYOUT_DOUBLE:
        ((double *)v)[row] = row % 97 == 0 ? -0.0 : (double)(int64_t)x / 7.0;
        break;
    case LAYOUT_FIXED16:
        memcpy((char *)v + 16 * (size_t)row, &x, 8);
        memcpy((char *)v + 16 * (size_t)row + 8, &x, 8);
        break;
    case LAYOUT_VIEW:
        if (c->type.id == TYPE_NUMERIC) {
            int scale = numeric_typmod_scale(c->type.typmod);
            int64_t bound = scale == 2 ? 9999999 : INT64_C(9999999999999999);
            Int128 value = (Int128)((int64_t)x % bound) * (scale == 5 ? 1000000007 : 1);
            assert_int_equal(numeric_from_i128(value, scale, arena, (View *)v + row, NULL), 0);
        } else {
            ((View *)v)[row] = draw_text(arena, few);
        }
        break;
    }
}

static void make_batch(Arena *arena, RecordBatch *batch, uint32_t rows, uint32_t null_every)
{
    bool few = draw() & 1;

    assert_int_equal(batch_init(batch, arena, &schema, rows, NULL), STATUS_OK);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        if (null_every && !fields[c].not_null)
            assert_int_equal(column_need_validity(&batch->columns[c], arena, NULL), STATUS_OK);
        for (uint32_t row = 0; row < rows; row++) {
            fill(&batch->columns[c], row, arena, few);
            if (batch->columns[c].validity && draw() % null_every == 0)
                bit_clear(column_validity(&batch->columns[c]), row);
        }
    }
}

static Status write_buf(void *ctx, const void *bytes, size_t len, Error *err)
{
    buf_append(ctx, bytes, len);
    return STATUS_OK;
}

static void write_file(const RecordBatch *batches, uint32_t count,
                       const ParquetWriterOptions *options, Buf *out)
{
    ParquetSink sink = {write_buf, out};
    ParquetWriter *w = NULL;
    uint64_t bytes = 0;
    Error err = {0};

    if (parquet_writer_new(&sink, batches->schema, options, &w, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    for (uint32_t i = 0; i < count; i++)
        if (parquet_writer_append(w, &batches[i], &err) != STATUS_OK)
            fail_msg("%s", err.message);
    parquet_writer_metadata(w, STR("who"), STR("a test"));
    assert_int_equal(parquet_writer_finish(w, &bytes, &err), STATUS_OK);
    assert_int_equal(bytes, out->len);
    (void)parquet_writer_free(w);
}

static void assert_same_value(const Column *want, size_t i, const Column *got, size_t j)
{
    static Buf a;
    static Buf b;
    PgSettings settings;

    assert_int_equal(column_is_null(want, i), column_is_null(got, j));
    if (column_is_null(want, i))
        return;
    pg_settings_init(&settings);
    buf_clear(&a);
    buf_clear(&b);
    pgtype_append_binary(want, i, &settings, &a);
    pgtype_append_binary(got, j, &settings, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.ptr, b.ptr, a.len);
}

static Str memory_file;

static Status read_memory(void *ctx, uint64_t offset, void *dst, size_t len, Error *err)
{
    assert_true(offset + len <= memory_file.len);
    memcpy(dst, memory_file.ptr + offset, len);
    return STATUS_OK;
}

static ParquetSource source_of(Str bytes, bool use_map)
{
    memory_file = bytes;
    if (use_map)
        return parquet_source_memory(bytes);
    return (ParquetSource){.read = read_memory, .size = bytes.len, .read_bytes = 1000};
}

static void assert_file_holds(Str bytes, const RecordBatch *batches, uint32_t rows_each,
                              bool use_map, const ParquetRows *ranges, uint32_t range_count)
{
    ParquetSource source = source_of(bytes, use_map);
    ParquetScanOptions options = {0};
    RecordBatch got;
    ParquetFile file;
    Error err = {0};
    Arena arena;
    Arena batch_arena;

    arena_init(&arena, NULL);
    arena_init(&batch_arena, NULL);
    if (parquet_open(&source, &arena, &file, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    ParquetScan *scan = parquet_scan_new(&file, &options);
    for (uint32_t g = 0; g < file.meta.group_count; g++) {
        int64_t first = file.meta.groups[g].first_row;
        assert_int_equal(parquet_scan_group(scan, g, ranges, range_count, &err), STATUS_OK);
        for (;;) {
            if (parquet_scan_next(scan, 1 + (uint32_t)(draw() % 3000), &batch_arena, &got, &err) !=
                STATUS_OK)
                fail_msg("%s", err.message);
            if (!got.row_count)
                break;
            for (uint32_t c = 0; c < got.column_count; c++)
                for (uint32_t i = 0; i < got.row_count; i++) {
                    uint64_t row = (uint64_t)(first + parquet_scan_first_row(scan)) + i;
                    const Column *want = &batches[row / rows_each].columns[c];
                    assert_same_value(want, row % rows_each, &got.columns[c], i);
                }
            arena_reset(&batch_arena);
        }
    }
    (void)parquet_scan_free(scan);
    arena_done(&batch_arena);
    arena_done(&arena);
}

static void test_every_type_and_codec_round_trips(void **state)
{
    static const ParquetCodec codecs[] = {PARQUET_UNCOMPRESSED, PARQUET_SNAPPY, PARQUET_GZIP,
                                          PARQUET_ZSTD, PARQUET_LZ4_RAW};
    RecordBatch batches[3];
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    for (uint32_t round = 0; round < 20; round++) {
        CLEANUP(buf_done) Buf out = {0};
        ParquetColumnOptions columns[LUMA_ARRAY_LEN(fields)] = {0};
        for (uint32_t c = 0; c < LUMA_ARRAY_LEN(fields); c++) {
            columns[c].dictionary = (ParquetDictionary)(draw() % 3);
            columns[c].bloom = draw() & 1;
            if (round % 4 == 1)
                columns[c].layout = PARQUET_LAYOUT_PLAIN;
            if (round % 4 == 2 && fields[c].type.id >= TYPE_TEXT && fields[c].type.id <= TYPE_BYTEA)
                columns[c].layout = PARQUET_LAYOUT_DELTA_BYTES;
            if (round % 4 == 3 &&
                (fields[c].type.id == TYPE_INT4 || fields[c].type.id == TYPE_UUID))
                columns[c].layout = PARQUET_LAYOUT_SPLIT;
        }
        ParquetWriterOptions options = {
            .columns = columns,
            .codec = codecs[round % LUMA_ARRAY_LEN(codecs)],
            .page_v2 = round & 1,
            .page_rows = 1 + (uint32_t)(draw() % 4000),
            .group_rows = round % 3 ? 0 : 7000,
            .dictionary_bytes_max = round % 5 ? 0 : 2000,
        };
        for (uint32_t i = 0; i < 3; i++)
            make_batch(&arena, &batches[i], ROWS, round % 3 == 0 ? 0 : round % 3 == 1 ? 10 : 1);
        write_file(batches, 3, &options, &out);
        assert_file_holds(buf_str(&out), batches, ROWS, round & 1, NULL, 0);
        static const ParquetRows some[] = {
            {3, 5}, {1000, 1}, {900 + 600, 20}, {1999, 1}, {2000, 500}};
        if (!options.group_rows)
            assert_file_holds(buf_str(&out), batches, ROWS, !(round & 1), some,
                              LUMA_ARRAY_LEN(some));
        arena_reset(&arena);
    }
    arena_done(&arena);
}

static void test_dictionary_columns_stay_codes(void **state)
{
    static const Field field = {.name = STR_INIT("path"), .type = TYPE_OF(TEXT)};
    static const Schema one = {&field, 1};
    CLEANUP(buf_done) Buf out = {0};
    ParquetWriterOptions options = {.codec = PARQUET_ZSTD};
    ParquetScanOptions scan_options = {0};
    RecordBatch batch;
    RecordBatch got;
    ParquetFile file;
    Column dict;
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    assert_int_equal(column_init(&dict, &arena, field.type, 3, false, NULL), STATUS_OK);
    ((View *)column_values(&dict))[0] = view_make("a", 1);
    ((View *)column_values(&dict))[1] = view_make("bbbbbbbbbbbbbbbbbbbbb", 21);
    ((View *)column_values(&dict))[2] = view_make("never used", 10);
    uint32_t *codes = ARENA_NEW_ARRAY(&arena, uint32_t, ROWS);
    for (uint32_t i = 0; i < ROWS; i++)
        codes[i] = i / 100 % 2;
    Column column = {.type = field.type, .len = ROWS, .values = codes, .dict = &dict};
    batch = (RecordBatch){.schema = &one, .columns = &column, .column_count = 1, .row_count = ROWS};
    write_file(&batch, 1, &options, &out);
    ParquetSource source = parquet_source_memory(buf_str(&out));
    assert_int_equal(parquet_open(&source, &arena, &file, NULL), STATUS_OK);
    assert_int_equal(file.meta.groups[0].chunks[0].stats.distinct_count, 2);
    assert_true(out.len < 1500);
    ParquetScan *scan = parquet_scan_new(&file, &scan_options);
    assert_int_equal(parquet_scan_group(scan, 0, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(parquet_scan_next(scan, ROWS, &arena, &got, NULL), STATUS_OK);
    assert_non_null(got.columns[0].dict);
    assert_int_equal(got.columns[0].dict->len, 2);
    (void)parquet_scan_free(scan);
    for (uint32_t i = 0; i < ROWS; i++) /* the arena keeps the dictionary */
        assert_same_value(&column, i, &got.columns[0], i);
    arena_done(&arena);
}

static void test_changed_page_fails_its_checksum(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    ParquetWriterOptions options = {.codec = PARQUET_UNCOMPRESSED};
    ParquetScanOptions scan_options = {0};
    RecordBatch batch;
    RecordBatch got;
    ParquetFile file;
    Error err = {0};
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    make_batch(&arena, &batch, 100, 0);
    write_file(&batch, 1, &options, &out);
    ParquetSource source = parquet_source_memory(buf_str(&out));
    assert_int_equal(parquet_open(&source, &arena, &file, NULL), STATUS_OK);
    const ParquetChunk *c = &file.meta.groups[0].chunks[3];
    out.ptr[c->data_offset + c->packed_bytes - 1] ^= 1;
    ParquetScan *scan = parquet_scan_new(&file, &scan_options);
    assert_int_equal(parquet_scan_group(scan, 0, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(parquet_scan_next(scan, 100, &arena, &got, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "checksum"));
    (void)parquet_scan_free(scan);
    arena_done(&arena);
}

/* Pruning leaves out no row that matches, and does leave out rows where values are sorted. */
static void test_pruning_keeps_every_match(void **state)
{
    static const Field two[] = {{.name = STR_INIT("k"), .type = TYPE_OF(INT8)},
                                {.name = STR_INIT("t"), .type = TYPE_OF(TEXT)}};
    static const Schema pair = {two, 2};
    ParquetColumnOptions columns[2] = {{.bloom = true}, {.bloom = true}};
    ParquetWriterOptions options = {.columns = columns, .codec = PARQUET_ZSTD, .page_rows = 100};
    CLEANUP(buf_done) Buf out = {0};
    ParquetRows *ranges;
    uint32_t count = 0;
    RecordBatch batch;
    ParquetFile file;
    Column value;
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    assert_int_equal(batch_init(&batch, &arena, &pair, ROWS, NULL), STATUS_OK);
    for (uint32_t i = 0; i < ROWS; i++) {
        Str text = arena_printf(&arena, "%0100u", i * 2);
        ((int64_t *)column_values(&batch.columns[0]))[i] = i * 2;
        ((View *)column_values(&batch.columns[1]))[i] = view_make(text.ptr, text.len);
    }
    write_file(&batch, 1, &options, &out);
    ParquetSource source = source_of(buf_str(&out), false);
    assert_int_equal(parquet_open(&source, &arena, &file, NULL), STATUS_OK);
    assert_int_equal(column_init(&value, &arena, TYPE_OF(INT8), 1, false, NULL), STATUS_OK);
    ParquetPredicate p = {.column = 0, .op = PARQUET_OP_EQ, .value = &value};
    for (int64_t k = -3; k < 2 * ROWS + 3; k++) {
        *(int64_t *)column_values(&value) = k;
        p.op = PARQUET_OP_EQ;
        assert_int_equal(parquet_prune(&file, 0, &p, 1, &arena, &ranges, &count, NULL), STATUS_OK);
        if (k % 2 == 0 && k >= 0 && k < 2 * ROWS) {
            assert_int_equal(count, 1);
            assert_int_equal(ranges[0].first, k / 2 / 100 * 100);
            assert_int_equal(ranges[0].count, 100);
        } else if (k < 0 || k >= 2 * ROWS) {
            assert_int_equal(count, 0);
        }
        p.op = PARQUET_OP_GE;
        assert_int_equal(parquet_prune(&file, 0, &p, 1, &arena, &ranges, &count, NULL), STATUS_OK);
        if (k >= 0 && k < 2 * ROWS - 1)
            assert_int_equal(ranges[0].first, (k + 1) / 2 / 100 * 100);
    }
    arena_done(&arena);
}

static void test_unpacking_equals_the_plain_kernel(void **state)
{
    uint8_t in[1024];
    uint32_t fast[512 + 8];
    uint32_t slow[512 + 8];
    uint64_t wide[512 + 8];

    (void)state;
    for (uint32_t width = 0; width <= 32; width++)
        for (int round = 0; round < 50; round++) {
            size_t len = draw() % sizeof in;
            for (size_t i = 0; i < sizeof in; i++)
                in[i] = (uint8_t)draw();
            size_t n = draw() % 512;
            parquet__unpack32(in, len, width, fast, n);
            parquet__unpack64(in, len, width, wide, n);
            parquet__force_plain(true);
            parquet__unpack32(in, len, width, slow, n);
            parquet__force_plain(false);
            for (size_t i = 0; i < n; i++) {
                uint64_t want = 0;
                for (uint32_t b = 0; b < width; b++) {
                    size_t bit = i * width + b;
                    if (bit / 8 < len)
                        want |= (uint64_t)(in[bit / 8] >> (bit % 8) & 1) << b;
                }
                assert_int_equal(fast[i], want);
                assert_int_equal(slow[i], want);
                assert_int_equal(wide[i], want);
            }
        }
}

static void test_deltas_round_trip_in_pieces(void **state)
{
    enum { N = 1000 };
    int64_t values[N];
    int64_t got[N + 32];

    (void)state;
    for (int round = 0; round < 300; round++) {
        CLEANUP(buf_done) Buf out = {0};
        size_t n = draw() % N;
        int shift = (int)(draw() % 64);
        Delta d;
        for (size_t i = 0; i < n; i++)
            values[i] = (int64_t)draw() >> shift;
        parquet__delta_put(values, n, 64, &out);
        size_t len = out.len;
        buf_append_lit(&out, "what follows");
        assert_true(parquet__delta_open(&d, buf_str(&out)));
        for (size_t at = 0; at < n;) {
            size_t want = 1 + (size_t)(draw() % 90);
            size_t take = LUMA_MIN(n - at, want);
            assert_int_equal(parquet__delta_get(&d, got + at, take), take);
            at += take;
        }
        assert_memory_equal(values, got, n * sizeof *values);
        assert_ptr_equal(parquet__delta_end(&d), out.ptr + len);
    }
}

static void test_hybrid_round_trips_in_pieces(void **state)
{
    enum { N = 3000 };
    uint32_t values[N];
    uint32_t got[N + 8];

    (void)state;
    for (int round = 0; round < 300; round++) {
        CLEANUP(buf_done) Buf out = {0};
        uint32_t width = (uint32_t)(draw() % 33);
        size_t n = draw() % N;
        for (size_t i = 0; i < n;) {
            size_t run = draw() % 3 ? 1 : draw() % 60;
            uint32_t value = width ? (uint32_t)(draw() >> 32) >> (32 - width) : 0;
            for (; run && i < n; run--)
                values[i++] = value;
        }
        parquet__hybrid_put(values, n, width, &out);
        Hybrid h = parquet__hybrid(buf_str(&out), width);
        for (size_t at = 0; at < n;) {
            size_t want = 1 + (size_t)(draw() % 90);
            size_t take = LUMA_MIN(n - at, want);
            if (draw() % 4 == 0)
                assert_int_equal(parquet__hybrid_skip(&h, take), take);
            else
                assert_int_equal(parquet__hybrid_get(&h, got + at, take), take);
            at += take;
        }
        h = parquet__hybrid(buf_str(&out), width);
        assert_int_equal(parquet__hybrid_get(&h, got, n), n);
        assert_memory_equal(values, got, n * sizeof *values);
    }
}

static void test_null_in_required_column_is_refused(void **state)
{
    static const Field field = {.name = STR_INIT("k"), .type = TYPE_OF(INT8), .not_null = true};
    static const Schema one = {&field, 1};
    CLEANUP(buf_done) Buf out = {0};
    ParquetWriterOptions options = {0};
    ParquetSink sink = {write_buf, &out};
    ParquetWriter *w = NULL;
    RecordBatch batch;
    Error err = {0};
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    assert_int_equal(batch_init(&batch, &arena, &one, 2, NULL), STATUS_OK);
    assert_int_equal(column_need_validity(&batch.columns[0], &arena, NULL), STATUS_OK);
    bit_clear(column_validity(&batch.columns[0]), 1);
    assert_int_equal(parquet_writer_new(&sink, &one, &options, &w, &err), STATUS_OK);
    assert_int_equal(parquet_writer_append(w, &batch, &err), STATUS_INVALID);
    (void)parquet_writer_free(w);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unpacking_equals_the_plain_kernel),
        cmocka_unit_test(test_hybrid_round_trips_in_pieces),
        cmocka_unit_test(test_deltas_round_trip_in_pieces),
        cmocka_unit_test(test_every_type_and_codec_round_trips),
        cmocka_unit_test(test_dictionary_columns_stay_codes),
        cmocka_unit_test(test_changed_page_fails_its_checksum),
        cmocka_unit_test(test_pruning_keeps_every_match),
        cmocka_unit_test(test_null_in_required_column_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/compress/compress.h"

static const Codec all_codecs[] = {CODEC_NONE, CODEC_SNAPPY, CODEC_LZ4,
                                   CODEC_ZSTD, CODEC_GZIP,   CODEC_ZLIB};

/* Half text-like, half noise; the same for every run. */
static void fill(Buf *buf, size_t len)
{
    uint64_t state = 42;

    for (size_t i = 0; i < len; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        buf_append_byte(buf, i / 1000 % 2 ? (uint8_t)(state >> 56) : (uint8_t)('a' + i % 7));
    }
}

static void test_every_codec_round_trips(void **state)
{
    static const size_t lens[] = {0, 1, 100, 65536, 300001};

    for (size_t c = 0; c < LUMA_ARRAY_LEN(all_codecs); c++) {
        for (size_t i = 0; i < LUMA_ARRAY_LEN(lens); i++) {
            CLEANUP(buf_done) Buf plain = {0};
            CLEANUP(buf_done) Buf packed = {0};
            CLEANUP(buf_done) Buf back = {0};
            fill(&plain, lens[i]);
            buf_append_lit(&packed, "prefix");
            assert_int_equal(compress_encode(all_codecs[c], 0, buf_str(&plain), &packed, NULL),
                             STATUS_OK);
            assert_true(packed.len - 6 <= compress_bound(all_codecs[c], lens[i]));
            Str bytes = str_sub(buf_str(&packed), 6, packed.len);
            char *exact = mem_alloc(lens[i] + 1);
            assert_int_equal(compress_decode_exact(all_codecs[c], bytes, exact, lens[i], NULL),
                             STATUS_OK);
            assert_true(str_eq(str_make(exact, lens[i]), buf_str(&plain)));
            if (lens[i])
                assert_int_not_equal(
                    compress_decode_exact(all_codecs[c], bytes, exact, lens[i] - 1, NULL),
                    STATUS_OK);
            mem_free(exact);
            if (all_codecs[c] == CODEC_LZ4)
                continue;
            assert_int_equal(compress_decode(all_codecs[c], bytes, lens[i], &back, NULL),
                             STATUS_OK);
            assert_true(str_eq(buf_str(&back), buf_str(&plain)));
            if (lens[i]) {
                assert_int_equal(compress_decode(all_codecs[c], bytes, lens[i] - 1, &back, NULL),
                                 STATUS_LIMIT);
                assert_int_equal(back.len, plain.len);
            }
        }
    }
}

static void test_truncated_and_corrupt_input_is_refused(void **state)
{
    CLEANUP(buf_done) Buf plain = {0};

    fill(&plain, 5000);
    for (size_t c = 1; c < LUMA_ARRAY_LEN(all_codecs); c++) {
        CLEANUP(buf_done) Buf packed = {0};
        assert_int_equal(compress_encode(all_codecs[c], 0, buf_str(&plain), &packed, NULL),
                         STATUS_OK);
        for (size_t cut = 0; cut < packed.len; cut += 7) {
            CLEANUP(buf_done) Buf back = {0};
            char exact[5000];
            Str bytes = str_sub(buf_str(&packed), 0, cut);
            assert_int_not_equal(compress_decode_exact(all_codecs[c], bytes, exact, 5000, NULL),
                                 STATUS_OK);
            assert_int_not_equal(compress_decode(all_codecs[c], bytes, 10000, &back, NULL),
                                 STATUS_OK);
            assert_int_equal(back.len, 0);
        }
    }
}

static void test_bomb_stops_at_the_cap(void **state)
{
    static const Codec bombs[] = {CODEC_GZIP, CODEC_ZLIB, CODEC_ZSTD, CODEC_SNAPPY};

    for (size_t c = 0; c < LUMA_ARRAY_LEN(bombs); c++) {
        CLEANUP(buf_done) Buf packed = {0};
        CLEANUP(buf_done) Buf back = {0};
        size_t len = 64u << 20;
        char *zeros = mem_zalloc(len);
        assert_int_equal(compress_encode(bombs[c], 0, str_make(zeros, len), &packed, NULL),
                         STATUS_OK);
        assert_int_equal(compress_decode(bombs[c], buf_str(&packed), 1 << 20, &back, NULL),
                         STATUS_LIMIT);
        assert_true(back.cap <= 4u << 20);
        mem_free(zeros);
    }
}

static void test_snappy_with_impossible_length_takes_no_memory(void **state)
{
    CLEANUP(buf_done) Buf back = {0};
    /* Claims 16 MiB in front of one literal. */
    assert_int_equal(
        compress_decode(CODEC_SNAPPY, STR("\x80\x80\x80\x08\x00x"), 32 << 20, &back, NULL),
        STATUS_INVALID);
    assert_true(back.cap < 4096);
}

static void test_inflater_gives_the_same_for_every_split(void **state)
{
    static const Codec codecs[] = {CODEC_GZIP, CODEC_ZLIB};
    CLEANUP(buf_done) Buf plain = {0};

    fill(&plain, 3000);
    for (size_t c = 0; c < LUMA_ARRAY_LEN(codecs); c++) {
        CLEANUP(buf_done) Buf packed = {0};
        assert_int_equal(compress_encode(codecs[c], 0, buf_str(&plain), &packed, NULL), STATUS_OK);
        for (size_t split = 0; split <= packed.len; split += split < 20 ? 1 : 101) {
            CLEANUP(buf_done) Buf back = {0};
            Inflater *inflater = inflater_new(codecs[c], 3000);
            assert_int_equal(
                inflater_write(inflater, str_sub(buf_str(&packed), 0, split), &back, NULL),
                STATUS_OK);
            assert_int_equal(
                inflater_write(inflater, str_sub(buf_str(&packed), split, packed.len), &back, NULL),
                STATUS_OK);
            assert_int_equal(inflater_finish(inflater, NULL), STATUS_OK);
            assert_true(str_eq(buf_str(&back), buf_str(&plain)));
            (void)inflater_free(inflater);
        }
    }
}

static void test_gzip_members_in_a_row_are_one_text(void **state)
{
    CLEANUP(buf_done) Buf packed = {0};
    CLEANUP(buf_done) Buf back = {0};

    assert_int_equal(compress_encode(CODEC_GZIP, 0, STR("one "), &packed, NULL), STATUS_OK);
    assert_int_equal(compress_encode(CODEC_GZIP, 0, STR("two"), &packed, NULL), STATUS_OK);
    assert_int_equal(compress_decode(CODEC_GZIP, buf_str(&packed), 100, &back, NULL), STATUS_OK);
    assert_true(str_eq(buf_str(&back), STR("one two")));
    buf_append_lit(&packed, "junk");
    assert_int_equal(compress_decode(CODEC_GZIP, buf_str(&packed), 100, &back, NULL),
                     STATUS_INVALID);
}

static void test_deflate_without_wrapper_is_understood(void **state)
{
    /* "hello" as one stored block: RFC 1951 3.2.4 */
    CLEANUP(buf_done) Buf back = {0};
    assert_int_equal(
        compress_decode(CODEC_ZLIB, STR("\x01\x05\x00\xfa\xffhello"), 100, &back, NULL), STATUS_OK);
    assert_true(str_eq(buf_str(&back), STR("hello")));
}

static void test_deflater_sync_makes_all_so_far_readable(void **state)
{
    CLEANUP(buf_done) Buf packed = {0};
    CLEANUP(buf_done) Buf back = {0};
    Deflater *deflater = deflater_new(CODEC_GZIP, 0);
    Inflater *inflater = inflater_new(CODEC_GZIP, 100);

    deflater_write(deflater, STR("first "), DEFLATE_SYNC, &packed);
    assert_int_equal(inflater_write(inflater, buf_str(&packed), &back, NULL), STATUS_OK);
    assert_true(str_eq(buf_str(&back), STR("first ")));
    assert_int_equal(inflater_finish(inflater, NULL), STATUS_INVALID);
    buf_clear(&packed);
    deflater_write(deflater, STR("last"), DEFLATE_END, &packed);
    assert_int_equal(inflater_write(inflater, buf_str(&packed), &back, NULL), STATUS_OK);
    assert_int_equal(inflater_finish(inflater, NULL), STATUS_OK);
    assert_true(str_eq(buf_str(&back), STR("first last")));
    (void)deflater_free(deflater);
    (void)inflater_free(inflater);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_codec_round_trips),
        cmocka_unit_test(test_truncated_and_corrupt_input_is_refused),
        cmocka_unit_test(test_bomb_stops_at_the_cap),
        cmocka_unit_test(test_snappy_with_impossible_length_takes_no_memory),
        cmocka_unit_test(test_inflater_gives_the_same_for_every_split),
        cmocka_unit_test(test_gzip_members_in_a_row_are_one_text),
        cmocka_unit_test(test_deflate_without_wrapper_is_understood),
        cmocka_unit_test(test_deflater_sync_makes_all_so_far_readable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

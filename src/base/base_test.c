#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/checksum.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/units.h"

static void test_buf_round_trips_every_integer_form(void **state)
{
    CLEANUP(buf_done) Buf b = {0};
    buf_append_byte(&b, 0xAB);
    buf_append_u16(&b, 0x1234);
    buf_append_u32(&b, 0x12345678);
    buf_append_u64(&b, UINT64_C(0x123456789abcdef0));
    buf_append_be16(&b, 0x1234);
    buf_append_be32(&b, 0x12345678);
    buf_append_be64(&b, UINT64_C(0x123456789abcdef0));
    buf_append_varint(&b, UINT64_MAX);
    buf_append_varint(&b, 127);
    buf_append(&b, "text", 5);
    BufReader r = buf_reader(buf_str(&b));
    assert_int_equal(buf_read_u8(&r), 0xAB);
    assert_int_equal(buf_read_u16(&r), 0x1234);
    assert_int_equal(buf_read_u32(&r), 0x12345678);
    assert_true(buf_read_u64(&r) == UINT64_C(0x123456789abcdef0));
    assert_int_equal((unsigned char)r.cursor[0], 0x12); /* network order */
    assert_int_equal(buf_read_be16(&r), 0x1234);
    assert_int_equal(buf_read_be32(&r), 0x12345678);
    assert_true(buf_read_be64(&r) == UINT64_C(0x123456789abcdef0));
    assert_true(buf_read_varint(&r) == UINT64_MAX);
    assert_int_equal(buf_read_varint(&r), 127);
    assert_true(str_eq(buf_read_cstr(&r), STR("text")));
    assert_false(r.failed);
    assert_int_equal(buf_read_u8(&r), 0);
    assert_true(r.failed);
}

static void test_buf_maximum_drops_and_tells(void **state)
{
    CLEANUP(buf_done) Buf b = {.len_max = 10};
    buf_append_lit(&b, "12345678");
    assert_false(b.overflowed);
    buf_append_lit(&b, "abc");
    assert_true(b.overflowed);
    assert_int_equal(b.len, 8);
}

static void test_zigzag_round_trips(void **state)
{
    static const int64_t values[] = {0, -1, 1, INT64_MIN, INT64_MAX, 12345, -98765};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(values); i++)
        assert_true(zigzag_decode(zigzag_encode(values[i])) == values[i]);
}

static void test_numbers_parse_like_the_c_library(void **state)
{
    static const char *const good[] = {"0",
                                       "1.5",
                                       "-3e10",
                                       ".5",
                                       "5.",
                                       "1e-320",
                                       "123456789012345678",
                                       "0.1",
                                       "1.7976931348623157e308",
                                       "-0",
                                       "+Inf",
                                       "-inf",
                                       "1e400"};
    static const char *const bad[] = {"", " 1", "1 ", "0x1p3", "1e", "--1", "nan(1)", "1,5", "."};
    double value;
    int64_t integer;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(good); i++) {
        assert_true(str_to_f64(str_from(good[i]), &value));
        double expected = strtod(good[i], NULL);
        assert_memory_equal(&value, &expected, sizeof value);
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++)
        assert_false(str_to_f64(str_from(bad[i]), &value));
    assert_true(str_to_f64(STR("NaN"), &value) && isnan(value));
    assert_true(str_to_i64(STR("-9223372036854775808"), &integer) && integer == INT64_MIN);
    assert_false(str_to_i64(STR("9223372036854775808"), &integer));
    assert_false(str_to_i64(STR("1a"), &integer));
    assert_false(str_to_i64(STR("-"), &integer));
}

/* Random decimals: the fast path must round as strtod does. */
static void test_decimal_fast_path_is_exact(void **state)
{
    unsigned random = 1;
    for (int i = 0; i < 200000; i++) {
        char text[64];
        double value;
        random = random * 1664525 + 1013904223;
        int scale = (int)(random >> 8) % 20;
        (void)snprintf(text, sizeof text, "%s%u.%0*u", random & 1 ? "-" : "", random >> 3, scale,
                       random >> 12);
        double expected = strtod(text, NULL);
        assert_true(str_to_f64(str_from(text), &value));
        assert_memory_equal(&value, &expected, sizeof value);
    }
}

static void test_utf8_accepts_exactly_the_well_formed(void **state)
{
    static const Str good[] = {STR_INIT(""), STR_INIT("abcdefghij"), STR_INIT("é€😀"),
                               STR_INIT("\xF4\x8F\xBF\xBF"), STR_INIT("12345678\xC3\xA9")};
    static const Str bad[] = {
        STR_INIT("\xC0\x80"),    STR_INIT("\xED\xA0\x80"), STR_INIT("\xF4\x90\x80\x80"),
        STR_INIT("\xE2\x82"),    STR_INIT("\x80"),         STR_INIT("1234567\xFF"),
        STR_INIT("\xE0\x80\xAF")};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(good); i++)
        assert_true(str_utf8_valid(good[i]));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++)
        assert_false(str_utf8_valid(bad[i]));
    for (uint32_t code = 0; code < 0x110000; code += 37) {
        char out[4];
        uint32_t back;
        if (code >= 0xD800 && code < 0xE000)
            continue;
        size_t n = str_utf8_encode(code, out);
        assert_int_equal(str_utf8_decode(str_make(out, n), &back), n);
        assert_int_equal(back, code);
    }
}

static void test_map_agrees_with_an_array(void **state)
{
    enum { KEYS = 500 };
    static char names[KEYS][8];
    void *model[KEYS] = {0};
    Map map = {0};
    unsigned random = 7;
    size_t live = 0;
    for (int i = 0; i < KEYS; i++)
        (void)snprintf(names[i], sizeof names[i], "k%d", i);
    for (int round = 0; round < 100000; round++) {
        random = random * 1664525 + 1013904223;
        int k = (int)((random >> 8) % KEYS);
        Str key = str_from(names[k]);
        if (random >> 28 < 9) {
            bool created;
            void **slot = map_put(&map, key, &created);
            assert_true(created == (model[k] == NULL));
            live += created;
            *slot = model[k] = &names[(random >> 4) % KEYS];
        } else {
            assert_ptr_equal(map_remove(&map, key), model[k]);
            live -= model[k] != NULL;
            model[k] = NULL;
        }
        assert_int_equal(map.count, live);
    }
    for (int i = 0; i < KEYS; i++)
        assert_ptr_equal(map_get(&map, str_from(names[i])), model[i]);
    size_t pos = 0;
    size_t walked = 0;
    while (map_next(&map, &pos))
        walked++;
    assert_int_equal(walked, live);
    map_done(&map);
}

static void test_crc32c_check_values(void **state)
{
    uint8_t bytes[64];
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa); /* RFC 3720 B.4: 32 bytes of zeros */
    memset(bytes, 0xFF, 32);
    assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43); /* 32 bytes of ones */
    for (size_t i = 0; i < 64; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t cut = 0; cut <= 64; cut++)
        assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, 64 - cut),
                         crc32c(0, bytes, 64));
}

static void test_durations_and_sizes_round_trip(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } durations[] = {{"0", 0},
                     {"15s", 15000000000},
                     {"1h30m", 5400000000000},
                     {"250ms", 250000000},
                     {"1d", 86400000000000},
                     {"1m1us", 60000001000}};
    static const char *const bad[] = {"",    "s",    "1",  "1s1m",       "1s1s",
                                      "-1s", "1.5s", "1x", "9999999999y"};
    int64_t value;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(durations); i++) {
        CLEANUP(buf_done) Buf out = {0};
        int64_t again;
        assert_true(units_parse_duration(str_from(durations[i].text), &value));
        assert_true(value == durations[i].ns);
        units_append_duration(&out, value);
        assert_true(units_parse_duration(buf_str(&out), &again) && again == value);
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++)
        assert_false(units_parse_duration(str_from(bad[i]), &value));
    assert_true(units_parse_bytes(STR("64MiB"), &value) && value == 64 << 20);
    assert_true(units_parse_bytes(STR("1.5KB"), &value) && value == 1500);
    assert_true(units_parse_bytes(STR("77"), &value) && value == 77);
    assert_false(units_parse_bytes(STR("MiB"), &value));
    assert_false(units_parse_bytes(STR("1XB"), &value));
}

static void test_error_texts_are_cut_at_a_character(void **state)
{
    Error err;
    char text[2048];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 3);
    text[sizeof text - 1] = 0;
    for (int shift = 0; shift < 3; shift++) {
        (void)error_set(&err, STATUS_INVALID, "%.*s%s", shift, "xxx", text);
        assert_true(str_utf8_valid(str_from(err.message)));
        assert_true(strlen(err.message) > 1000);
        error_prefix(&err, "somewhere");
        assert_true(str_starts(str_from(err.message), STR("somewhere: ")));
        assert_true(str_utf8_valid(str_from(err.message)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buf_round_trips_every_integer_form),
        cmocka_unit_test(test_buf_maximum_drops_and_tells),
        cmocka_unit_test(test_zigzag_round_trips),
        cmocka_unit_test(test_numbers_parse_like_the_c_library),
        cmocka_unit_test(test_decimal_fast_path_is_exact),
        cmocka_unit_test(test_utf8_accepts_exactly_the_well_formed),
        cmocka_unit_test(test_map_agrees_with_an_array),
        cmocka_unit_test(test_crc32c_check_values),
        cmocka_unit_test(test_durations_and_sizes_round_trip),
        cmocka_unit_test(test_error_texts_are_cut_at_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "storage/engine/histogram_json.h"

static Str text_of_sum(double sum, Buf *out)
{
    const NativeHistogram h = {.sum = sum};

    buf_clear(out);
    histogram_append_jsonb(&h, out);
    Str text = str_sub(buf_str(out), 8, out->len);
    return str_sub(text, 0, (size_t)str_find(text, STR(", \"count\"")));
}

static void test_numbers_have_no_exponent_and_read_back_the_same(void **state)
{
    CLEANUP(buf_done) Buf out = {0};
    const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-1, "-1"},
                 {0.1, "0.1"},
                 {1e21, "1000000000000000000000"},
                 {1.5e-7, "0.00000015"},
                 {123456.75, "123456.75"},
                 {NAN, "\"NaN\""},
                 {-INFINITY, "\"-Infinity\""}};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        Str text = text_of_sum(cases[i].value, &out);
        assert_true(str_eq(text, str_from(cases[i].text)));
    }
    srandom(10);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = (uint64_t)random() << 40 ^ (uint64_t)random() << 20 ^ (uint64_t)random();
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        Str text = text_of_sum(value, &out);
        assert_int_equal(str_find_byte(text, 'e'), -1);
        double back;
        assert_true(str_to_f64(text, &back));
        assert_true(back == value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_have_no_exponent_and_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

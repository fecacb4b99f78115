#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/index/key_index.h"

enum { ROWS = 5000 };

static uint32_t count_rows(const KeyIndex *index, const View *texts, Str value)
{
    uint32_t count;
    uint32_t found = 0;
    const uint16_t *rows = key_index_rows(index, value, &count);

    for (uint32_t i = 0; i < count; i++) {
        assert_true(!i || rows[i - 1] < rows[i]);
        found += str_eq(view_str(&texts[rows[i]]), value);
    }
    return found;
}

static void test_finds_every_row_of_a_value(void **state)
{
    static char texts[ROWS][33];
    static View views[ROWS];
    uint8_t validity[ROWS / 8 + 1];

    (void)state;
    memset(validity, 0xFF, sizeof validity);
    for (uint32_t i = 0; i < ROWS; i++) {
        (void)snprintf(texts[i], sizeof texts[i], "%032x", i / 3);
        views[i] = view_make(texts[i], 32);
        if (i % 3 == 2)
            bit_clear(validity, i);
    }
    KeyIndex *index = key_index_new(views, validity, ROWS);
    for (uint32_t i = 0; i < ROWS; i += 3)
        assert_int_equal(count_rows(index, views, str_make(texts[i], 32)), 2);
    assert_int_equal(count_rows(index, views, STR("nothing")), 0);
    assert_true(index->bytes < ROWS * 5);
    mem_free(index);
    index = key_index_new(NULL, NULL, 0);
    assert_int_equal(count_rows(index, NULL, STR("x")), 0);
    mem_free(index);
}

static void test_equal_values_share_a_bucket(void **state)
{
    static View views[KEY_INDEX_ROWS_MAX];

    (void)state;
    for (uint32_t i = 0; i < KEY_INDEX_ROWS_MAX; i++)
        views[i] = view_make("same", 4);
    KeyIndex *index = key_index_new(views, NULL, KEY_INDEX_ROWS_MAX);
    assert_int_equal(count_rows(index, views, STR("same")), KEY_INDEX_ROWS_MAX);
    mem_free(index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_every_row_of_a_value),
        cmocka_unit_test(test_equal_values_share_a_bucket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

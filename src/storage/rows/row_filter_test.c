#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "format/pgtype/numeric.h"
#include "storage/rows/row_filter.h"

/* PostgreSQL's order of doubles, the slow way. */
static int order(double a, double b)
{
    if (isnan(a) || isnan(b))
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    return (a > b) - (a < b);
}

static bool expected(ScanOp op, int cmp)
{
    const bool table[6][3] = {[SCAN_EQ] = {0, 1, 0}, [SCAN_NE] = {1, 0, 1}, [SCAN_LT] = {1, 0, 0},
                              [SCAN_LE] = {1, 1, 0}, [SCAN_GT] = {0, 0, 1}, [SCAN_GE] = {0, 1, 1}};
    return table[op][(cmp > 0) - (cmp < 0) + 1];
}

enum { ROWS = 300 };

static void check(const Column *column, const Column *value, int (*compare)(size_t row, void *ctx),
                  void *ctx)
{
    CLEANUP(arena_done) Arena arena = {0};
    Error err;

    arena_init(&arena, NULL);
    for (ScanOp op = SCAN_EQ; op <= SCAN_IS_NOT_NULL; op++) {
        ScanPredicate predicate = {0, op, *value};
        RowFilter filter;
        uint8_t mask[ROWS];
        memset(mask, 1, sizeof mask);
        assert_int_equal(
            row_filter_init(&filter, &predicate, column->type, column->dict, &arena, &err),
            STATUS_OK);
        row_filter_apply(&filter, column, mask);
        for (size_t i = 0; i < ROWS; i++) {
            bool null = column_is_null(column, i);
            bool want = op == SCAN_IS_NULL       ? null
                        : op == SCAN_IS_NOT_NULL ? !null
                                                 : !null && expected(op, compare(i, ctx));
            assert_int_equal(mask[i], want);
        }
    }
}

typedef struct DoubleCase {
    const double *values;
    double constant;
} DoubleCase;

static int compare_double(size_t row, void *ctx)
{
    const DoubleCase *c = ctx;
    return order(c->values[row], c->constant);
}

static void test_doubles_compare_in_the_order_of_postgresql(void **state)
{
    const double pool[] = {0, -0.0, 1, -1, 1.5, NAN, INFINITY, -INFINITY};
    double values[ROWS];
    uint8_t validity[(ROWS + 7) / 8];

    srandom(1);
    for (int i = 0; i < ROWS; i++) {
        values[i] = pool[random() % 8];
        bit_put(validity, (size_t)i, random() % 4);
    }
    Column column = {.type = TYPE_OF(FLOAT8), .len = ROWS, .values = values, .validity = validity};
    for (int i = 0; i < 8; i++) {
        Column value = {.type = TYPE_OF(FLOAT8), .len = 1, .values = &pool[i]};
        check(&column, &value, compare_double, &(DoubleCase){values, pool[i]});
    }
}

typedef struct TextCase {
    const Column *column;
    Str constant;
} TextCase;

static int compare_text(size_t row, void *ctx)
{
    const TextCase *c = ctx;
    return str_cmp(column_str(c->column, row), c->constant);
}

static void test_texts_compare_by_bytes_plain_and_as_dictionary(void **state)
{
    const char *pool[] = {"", "a", "b", "a longer text than fits", "a longer text than fitt"};
    View distinct[5];
    View views[ROWS];
    uint32_t codes[ROWS];
    uint8_t validity[(ROWS + 7) / 8];

    srandom(2);
    for (int i = 0; i < 5; i++)
        distinct[i] = view_make(pool[i], strlen(pool[i]));
    for (int i = 0; i < ROWS; i++) {
        codes[i] = (uint32_t)random() % 5;
        views[i] = distinct[codes[i]];
        bit_put(validity, (size_t)i, random() % 4);
    }
    Column dict = {.type = TYPE_OF(TEXT), .len = 5, .values = distinct};
    Column plain = {.type = TYPE_OF(TEXT), .len = ROWS, .values = views, .validity = validity};
    Column coded = plain;
    coded.values = codes;
    coded.dict = &dict;
    for (int i = 0; i < 5; i++) {
        Column value = {.type = TYPE_OF(TEXT), .len = 1, .values = &distinct[i]};
        check(&plain, &value, compare_text, &(TextCase){&plain, str_from(pool[i])});
        check(&coded, &value, compare_text, &(TextCase){&coded, str_from(pool[i])});
    }
}

static int compare_numeric(size_t row, void *ctx)
{
    const TextCase *c = ctx;
    return numeric_cmp((const View *)c->column->values + row, (const View *)c->constant.ptr);
}

static void test_numerics_compare_by_value_whatever_their_scale(void **state)
{
    const char *texts[] = {"1", "1.0", "1.00", "-2.5", "0", "99999999999999999999.5", "NaN"};
    CLEANUP(arena_done) Arena arena = {0};
    View pool[LUMA_ARRAY_LEN(texts)];
    View values[ROWS];
    uint8_t validity[(ROWS + 7) / 8];

    arena_init(&arena, NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++)
        assert_int_equal(numeric_parse(str_from(texts[i]), -1, &arena, &pool[i], NULL), STATUS_OK);
    srandom(4);
    for (int i = 0; i < ROWS; i++) {
        values[i] = pool[random() % LUMA_ARRAY_LEN(texts)];
        bit_put(validity, (size_t)i, random() % 4);
    }
    Column column = {.type = TYPE_OF(NUMERIC), .len = ROWS, .values = values, .validity = validity};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++) {
        Column value = {.type = TYPE_OF(NUMERIC), .len = 1, .values = &pool[i]};
        TextCase test = {&column, {(const char *)&pool[i], sizeof pool[i]}};
        check(&column, &value, compare_numeric, &test);
    }
}

static void test_ranges_never_skip_a_match(void **state)
{
    srandom(3);
    for (int round = 0; round < 2000; round++) {
        int64_t values[4];
        ColumnRange range = {.kind = COLUMN_RANGE_INT, .int_min = INT64_MAX, .int_max = INT64_MIN};
        for (int i = 0; i < 4; i++) {
            values[i] = random() % 7;
            range.int_min = LUMA_MIN(range.int_min, values[i]);
            range.int_max = LUMA_MAX(range.int_max, values[i]);
        }
        int64_t constant = random() % 7;
        for (ScanOp op = SCAN_EQ; op <= SCAN_GE; op++) {
            ScanPredicate p = {0, op, {.type = TYPE_OF(INT8), .len = 1, .values = &constant}};
            bool any = false;
            for (int i = 0; i < 4; i++)
                any |= expected(op, (values[i] > constant) - (values[i] < constant));
            if (any)
                assert_true(row_filter_may_match(&p, &range));
            else if (op != SCAN_EQ)
                assert_false(row_filter_may_match(&p, &range));
        }
    }
}

static void test_types_with_many_forms_of_one_value_are_refused(void **state)
{
    assert_false(row_filter_can(TYPE_OF(BPCHAR), SCAN_EQ));
    assert_false(row_filter_can(TYPE_OF(INTERVAL), SCAN_LT));
    assert_false(row_filter_can(TYPE_ARRAY_OF(INT4), SCAN_EQ));
    assert_true(row_filter_can(TYPE_OF(BPCHAR), SCAN_IS_NULL));
    assert_true(row_filter_can(TYPE_OF(TIMESTAMPTZ), SCAN_GE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_compare_in_the_order_of_postgresql),
        cmocka_unit_test(test_texts_compare_by_bytes_plain_and_as_dictionary),
        cmocka_unit_test(test_numerics_compare_by_value_whatever_their_scale),
        cmocka_unit_test(test_ranges_never_skip_a_match),
        cmocka_unit_test(test_types_with_many_forms_of_one_value_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

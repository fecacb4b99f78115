#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "arrow/batch.h"

/* A column of random ints or texts in one of the three shapes, with its plain model beside it. */
typedef struct Model {
    Column column;
    bool null[300];
    int64_t ints[300];
    char texts[300][40];
} Model;

static unsigned random_state = 99;
static unsigned next_random(void)
{
    random_state = random_state * 1664525 + 1013904223;
    return random_state >> 8;
}

static void set_value(Column *c, uint32_t slot, Model *m, uint32_t row, Arena *arena)
{
    if (c->type.id == TYPE_INT8) {
        ((int64_t *)column_values(c))[slot] = m->ints[row];
    } else {
        Str text = arena_str(arena, str_from(m->texts[row]));
        ((View *)column_values(c))[slot] = view_make(text.ptr, text.len);
    }
}

static void make_value(Model *m, uint32_t row)
{
    m->null[row] = next_random() % 4 == 0;
    m->ints[row] = (int64_t)next_random();
    (void)snprintf(m->texts[row], sizeof m->texts[row], "%.*s%u", (int)(next_random() % 20),
                   "abcdefghijklmnopqrstuvwxyz", next_random());
}

static void make_plain(Model *m, Type type, uint32_t len, Arena *arena)
{
    assert_int_equal(column_init(&m->column, arena, type, len, true, NULL), STATUS_OK);
    for (uint32_t i = 0; i < len; i++) {
        make_value(m, i);
        set_value(&m->column, i, m, i, arena);
        bit_put(column_validity(&m->column), i, !m->null[i]);
    }
}

static void make_model(Model *m, Type type, uint32_t len, int shape, Arena *arena)
{
    if (shape == 0) {
        make_plain(m, type, len, arena);
    } else if (shape == 1) { /* constant */
        make_plain(m, type, 1, arena);
        m->column.is_const = true;
        m->column.len = len;
        for (uint32_t i = 1; i < len; i++) {
            m->null[i] = m->null[0];
            m->ints[i] = m->ints[0];
            memcpy(m->texts[i], m->texts[0], sizeof m->texts[0]);
        }
    } else { /* dictionary of ten values */
        Model *words = MEM_NEW(Model);
        Column *dict = ARENA_NEW(arena, Column);
        make_plain(words, type, 10, arena);
        *dict = words->column;
        dict->validity = NULL;
        uint32_t *codes = ARENA_NEW_ARRAY(arena, uint32_t, len);
        uint8_t *valid = arena_zalloc(arena, bitmap_bytes(len));
        for (uint32_t i = 0; i < len; i++) {
            codes[i] = next_random() % 10;
            m->null[i] = next_random() % 5 == 0;
            bit_put(valid, i, !m->null[i]);
            m->ints[i] = words->ints[codes[i]];
            memcpy(m->texts[i], words->texts[codes[i]], sizeof m->texts[0]);
        }
        m->column =
            (Column){.type = type, .len = len, .validity = valid, .values = codes, .dict = dict};
        mem_free(words);
    }
}

static void expect_row(const Column *c, uint32_t i, const Model *m, uint32_t row)
{
    assert_true(column_is_null(c, i) == m->null[row]);
    if (m->null[row])
        return;
    if (c->type.id == TYPE_INT8)
        assert_true(column_i64(c, i) == m->ints[row]);
    else
        assert_true(str_eq(column_str(c, i), str_from(m->texts[row])));
}

static void test_take_slice_flatten_and_copy_keep_the_rows(void **state)
{
    static Model m;
    for (int round = 0; round < 300; round++) {
        Arena arena;
        Arena second;
        Column c;
        uint32_t rows[300];
        uint32_t len = 1 + next_random() % 290;
        uint32_t from = next_random() % len;
        arena_init(&arena, NULL);
        arena_init(&second, NULL);
        make_model(&m, round % 2 ? TYPE_OF(INT8) : TYPE_OF(TEXT), len, round % 3, &arena);
        for (uint32_t i = 0; i < len; i++)
            rows[i] = next_random() % len;
        assert_int_equal(column_take(&m.column, rows, len, &arena, &c, NULL), STATUS_OK);
        for (uint32_t i = 0; i < len; i++)
            expect_row(&c, i, &m, rows[i]);
        assert_int_equal(column_slice(&m.column, from, len - from, &arena, &c, NULL), STATUS_OK);
        for (uint32_t i = 0; i < len - from; i++)
            expect_row(&c, i, &m, from + i);
        assert_int_equal(column_flatten(&m.column, &arena, &c, NULL), STATUS_OK);
        assert_false(c.is_const || c.dict);
        for (uint32_t i = 0; i < len; i++)
            expect_row(&c, i, &m, i);
        assert_int_equal(column_copy(&m.column, &second, &c, NULL), STATUS_OK);
        arena_done(&arena); /* nothing of the copy may lie there */
        for (uint32_t i = 0; i < len; i++)
            expect_row(&c, i, &m, i);
        assert_true(column_bytes(&c) > 0);
        arena_done(&second);
    }
}

static void test_views_compare_by_bytes(void **state)
{
    static const char *const texts[] = {
        "", "a", "abcdefghijkl", "abcdefghijklm", "abcdefghijklX", "abcdXfghijklm", "abcdefghijkm"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++)
        for (size_t j = 0; j < LUMA_ARRAY_LEN(texts); j++) {
            View a = view_make(texts[i], strlen(texts[i]));
            char *copy = mem_strdup(texts[j]);
            View b = view_make(copy, strlen(copy));
            assert_true(view_eq(&a, &b) == (i == j));
            mem_free(copy);
        }
}

static void test_every_type_is_found_by_its_names(void **state)
{
    for (int i = 0; i < TYPE_COUNT_; i++)
        for (int array = 0; array < 2; array++) {
            Type type = {(uint8_t)i, array, -1};
            Type found;
            char name[64];
            if (!type_oid(type))
                continue;
            assert_true(type_from_oid(type_oid(type), &found) && type_eq(found, type));
            assert_true(type_from_pg_name(str_from(type_pg_name(type, name)), &found));
            assert_true(type_eq(found, type));
        }
    Type none;
    assert_false(type_from_oid(0, &none));
    assert_false(type_from_pg_name(STR("nothing"), &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_slice_flatten_and_copy_keep_the_rows),
        cmocka_unit_test(test_views_compare_by_bytes),
        cmocka_unit_test(test_every_type_is_found_by_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

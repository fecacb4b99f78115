#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/pgtype/pgenum.h"

static bool colors(void *ctx, uint32_t oid, uint32_t idx, PgEnumLabel *ret)
{
    static const char *const names[] = {"red", "green", "new"};
    if (oid != 77 || idx > 2)
        return false;
    *ret =
        (PgEnumLabel){.name = str_from(names[idx]), .order = (int64_t)idx - 1, .usable = idx < 2};
    return true;
}

static void test_values(void **state)
{
    Arena arena;
    View red, green;
    Error err = {0};
    PgSettings settings;
    Type type = {.id = TYPE_ENUM, .typmod = 77};
    arena_init(&arena, NULL);
    pg_settings_init(&settings);
    settings.enum_label = colors;
    assert_int_equal(pgenum_parse(STR("red"), &settings, type, &arena, &red, &err), STATUS_OK);
    assert_int_equal(pgenum_parse(STR("green"), &settings, type, &arena, &green, &err), STATUS_OK);
    assert_true(str_cmp(view_str(&red), view_str(&green)) < 0); /* -1 lies below 0 */
    assert_true(str_eq(pgenum_label(view_str(&green)), STR("green")));
    assert_true(str_eq(pgenum_label(STR("short")), STR("")));
    assert_int_equal(pgenum_parse(STR("new"), &settings, type, &arena, &red, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "55P04");
    assert_int_equal(pgenum_parse(STR("Red"), &settings, type, &arena, &red, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "22P02");
    assert_string_equal(err.message, "invalid input value for enum 77: \"Red\"");
    arena_done(&arena);
}

static void test_types(void **state)
{
    Type a = {.id = TYPE_ENUM, .typmod = 77};
    Type b = {.id = TYPE_ENUM, .typmod = 90};
    assert_false(type_eq(a, b));
    assert_true(type_eq(a, TYPE_OF(ENUM)));
    assert_int_equal(type_oid(a), 77);
    a.is_array = true;
    assert_int_equal(type_oid(a), 78);
    assert_int_equal(type_plain(b).typmod, 90);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values), cmocka_unit_test(test_types)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

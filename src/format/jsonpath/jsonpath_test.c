/* jsonpath_test.c - printed forms and refusals, as PostgreSQL 15 has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/jsonpath/jsonpath.h"

static void expect_text(const char *text, const char *want)
{
    Arena arena;
    Error err = {0};
    Str got;
    arena_init(&arena, NULL);
    assert_int_equal(jsonpath_canonical(str_from(text), &arena, &got, &err), STATUS_OK);
    if (!str_eq(got, str_from(want)))
        fail_msg("%s: got %.*s, wanted %s", text, STR_FMT(got), want);
    arena_done(&arena);
}

static void expect_error(const char *text, const char *sqlstate)
{
    Arena arena;
    Error err = {0};
    Str got;
    arena_init(&arena, NULL);
    assert_int_not_equal(jsonpath_canonical(str_from(text), &arena, &got, &err), STATUS_OK);
    assert_string_equal(err.sqlstate, sqlstate);
    arena_done(&arena);
}

static void test_prints_as_postgresql(void **state)
{
    expect_text("$", "$");
    expect_text("strict $.a[*].b", "strict $.\"a\"[*].\"b\"");
    expect_text("lax $.a.**{2 to last}.b", "$.\"a\".**{2 to last}.\"b\"");
    expect_text("$[1, 2 to last - 1]", "$[1,2 to last - 1]");
    expect_text("$ ? (@.a == 1 && @.b < 2 || !(@.c == null))",
                "$?(@.\"a\" == 1 && @.\"b\" < 2 || !(@.\"c\" == null))");
    expect_text("1 + 2 * -3", "(1 + 2 * -3)");
    expect_text("($.a + 1).abs()", "($.\"a\" + 1).abs()");
    expect_text("$.a ? (@ like_regex \"^x\" flag \"is\")",
                "$.\"a\"?(@ like_regex \"^x\" flag \"is\")");
    expect_text("$ ? ((@ > 1) is unknown)", "$?((@ > 1) is unknown)");
    expect_text("$x.\"y z\" starts with \"q\"", "($\"x\".\"y z\" starts with \"q\")");
}

static void test_refuses(void **state)
{
    expect_error("", "22P02");
    expect_error("$ ? (@)", "42601");
    expect_error("@ + 1", "42601");
    expect_error("last", "42601");
    expect_error("$.", "42601");
    expect_error("1a", "42601");
    expect_error("$ ? (@ like_regex \"a\" flag \"z\")", "42601");
    expect_error("\"\\u0000\"", "22P05");
}

static void test_depth_is_bounded(void **state)
{
    static char text[4096];
    memset(text, '(', 2000);
    memset(text + 2000, '1', 1);
    memset(text + 2001, ')', 2000);
    expect_error(text, "54001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_as_postgresql),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_depth_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

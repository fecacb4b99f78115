#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "query/promql/promql.h"

static void assert_text(Str got, const char *want)
{
    char *text = strndup(got.ptr ? got.ptr : "", got.len);
    assert_string_equal(text, want);
    free(text);
}

/* Query and how it is printed. */
static const char *const prints[][2] = {
    {"1", "1"},
    {"1_000", "1000"},
    {"0x1F", "31"},
    {"017", "15"},
    {"1e3", "1000"},
    {".5", "0.5"},
    {"5.", "5"},
    {"1e-7", "0.0000001"},
    {"-1", "-1"},
    {"+1", "1"},
    {"Inf", "+Inf"},
    {"nAn", "NaN"},
    {"1h30m", "1h30m"},
    {"90d", "90d"},
    {"14d", "2w"},
    {"\"a\\n\\x41\\u00e9\"", "\"a\\nA\xC3\xA9\""},
    {"'it''s'", NULL},
    {"`raw\\n`", "\"raw\\\\n\""},
    {"up", "up"},
    {"a:b:c", "a:b:c"},
    {"up{job=\"x\"}", "up{job=\"x\"}"},
    {"{__name__=\"up\"}", "{__name__=\"up\"}"},
    {"{\"my.metric\", \"my.label\"=\"v\",}", "{\"my.label\"=\"v\",__name__=\"my.metric\"}"},
    {"foo{a=~\"b.*\",c!~\"d\",e!=\"f\"}", "foo{a=~\"b.*\",c!~\"d\",e!=\"f\"}"},
    {"sum(rate(x[5m]))by(a)", "sum by (a) (rate(x[5m]))"},
    {"sum without() (x)", "sum without () (x)"},
    {"sum by (sum, by, \"a.b\", step) (x)", "sum by (sum, by, \"a.b\", step) (x)"},
    {"topk(5, x)", "topk(5, x)"},
    {"limitk(2, x)", "limitk(2, x)"},
    {"count_values(\"v\", x)", "count_values(\"v\", x)"},
    {"sum", "sum"},
    {"foo * sum", "foo * sum"},
    {"offset + by", "offset + by"},
    {"min_of", "min_of"},
    {"min_of(1, 2)", "min_of(1, 2)"},
    {"step()", "step()"},
    {"start() + end()", "start() + end()"},
    {"fill + fill", "fill + fill"},
    {"1 + 2 * 3 ^ 4 ^ 5", "1 + 2 * 3 ^ 4 ^ 5"},
    {"-a ^ 2", "-a ^ 2"},
    {"-a * 2", "-a * 2"},
    {"a == bool 1", "a == bool 1"},
    {"a </ 5", "a </ 5"},
    {"a >/ 5", "a >/ 5"},
    {"a and on (x) b", "a and on (x) b"},
    {"a + on (x) group_left (y) b", "a + on (x) group_left (y) b"},
    {"a + ignoring (x) group_right b", "a + ignoring (x) group_right () b"},
    {"a + fill (0) b", "a + fill (0) b"},
    {"a + fill_right(2) fill_left(-1) b", "a + fill_left (-1) fill_right (2) b"},
    {"a atan2 b", "a atan2 b"},
    {"x offset 5m", "x offset 5m"},
    {"x offset -5m", "x offset -5m"},
    {"x offset 300", "x offset 5m"},
    {"x offset 1m + 1m", "x offset 1m + 1m"},
    {"x offset -2 ^ 2", "x offset -2s ^ 2"},
    {"x offset (1m + 1m)", "x offset (1m + 1m)"},
    {"x offset step()", "x offset step()"},
    {"x offset -min_of(step(), 1s)", "x offset -min_of(step(), 1s)"},
    {"x @ 10", "x @ 10.000"},
    {"x @ -1.5 offset 5m", "x @ -1.500 offset 5m"},
    {"x @ start()", "x @ start()"},
    {"x[5m] @ end() offset 1m", "x[5m] @ end() offset 1m"},
    {"x[300]", "x[5m]"},
    {"x[2m * (10 + 5)]", "x[2m * (10 + 5)]"},
    {"x[(5m)]", "x[(5m)]"},
    {"x[max_of(min_of(step() + 1, 1h), 1ms)]", "x[max_of(min_of(step() + 1, 1h), 1ms)]"},
    {"x[5m] anchored", "x[5m] anchored"},
    {"x smoothed offset 1m", "x smoothed offset 1m"},
    {"x[5m:1m]", "x[5m:1m]"},
    {"rate(x[5m])[1h:] offset 1d", "rate(x[5m])[1h:] offset 1d"},
    {"x[5m:step()]", "x[5m:step()]"},
    {"(a + b) * c # comment", "(a + b) * c"},
    {"label_join(x, \"a\", \",\")", "label_join(x, \"a\", \",\")"},
    {"info(x, {data=~\".+\"})", "info(x, {data=~\".+\"})"},
    {"histogram_quantiles(x, \"q\", 0.5, 0.9)", "histogram_quantiles(x, \"q\", 0.5, 0.9)"},
    {"day_of_week()", "day_of_week()"},
};

static void test_prints_as_prometheus_and_parses_back(void **state)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(prints); i++) {
        CLEANUP(arena_done) Arena arena = {0};
        CLEANUP(buf_done) Buf text = {0};
        PromExpr *expr = NULL;
        PromExpr *again = NULL;
        Error err = {0};
        if (!prints[i][1])
            continue;
        if (promql_parse(str_from(prints[i][0]), &arena, &expr, &err) != STATUS_OK)
            fail_msg("%s: %s", prints[i][0], err.message);
        promql_print(expr, &text);
        assert_text(buf_str(&text), prints[i][1]);
        if (promql_parse(buf_str(&text), &arena, &again, &err) != STATUS_OK)
            fail_msg("%s: %s", prints[i][1], err.message);
        if (!promql_expr_eq(expr, again))
            fail_msg("%s does not parse back to the same tree", prints[i][1]);
    }
}

static const char *const failures[][2] = {
    {"", "unknown position: parse error: no expression found in input"},
    {"# just a comment\n\n", "1:1: parse error: no expression found in input"},
    {"temp{{", "1:6: parse error: unexpected left brace '{'"},
    {"temp{", "1:6: parse error: unexpected end of input inside braces"},
    {"nofunc(temp)", "1:1: parse error: unknown function with name \"nofunc\""},
    {"1+", "1:3: parse error: unexpected end of input"},
    {".", "1:1: parse error: unexpected character: '.'"},
    {"2.5.", "1:1: parse error: bad number or duration syntax: \"2.5.\""},
    {"100..4", "1:1: parse error: bad number or duration syntax: \"100..\""},
    {"0deadbeef", "1:1: parse error: bad number or duration syntax: \"0de\""},
    {"1 /", "1:4: parse error: unexpected end of input"},
    {"*1", "1:1: parse error: unexpected <op:*>"},
    {"(1))", "1:5: parse error: unexpected right parenthesis ')'"},
    {"((1)", "1:5: parse error: unclosed left parenthesis"},
    {"(", "1:2: parse error: unclosed left parenthesis"},
    {"1 and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
    {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
    {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
    {"-\"string\"",
     "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
     "vector, got \"string\""},
    {"-test[5m]",
     "1:1: parse error: unary expression only allowed on expressions of type scalar or instant "
     "vector, got \"range vector\""},
    {"*test", "1:1: parse error: unexpected <op:*>"},
    {"1 !~ 1", "1:3: parse error: unexpected character after '!': '~'"},
    {"1 =~ 1", "1:3: parse error: unexpected character after '=': '~'"},
    {"1 offset 1d",
     "1:1: parse error: offset modifier must be preceded by an instant vector selector or range "
     "vector selector or a subquery"},
    {"foo offset 1s offset 2s", "1:1: parse error: offset may not be set multiple times"},
    {"foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
    {"foo @ ", "1:7: parse error: unexpected end of input in @, expected timestamp"},
    {"foo offset",
     "1:11: parse error: unexpected end of input in offset, expected number, duration, step(), or "
     "range()"},
    {"a - on(b) ignoring(c) d", "1:11: parse error: unexpected <ignoring>"},
    {"foo and on(bar) group_left(baz) bar",
     "1:1: parse error: no grouping allowed for \"and\" operation"},
    {"http_requests{group=\"production\"} + on(instance) group_left(job,instance) "
     "cpu_count{type=\"smp\"}",
     "1:35: parse error: label \"instance\" must not occur in ON and GROUP clause at once"},
    {"1 + on(x) up", "1:1: parse error: vector matching only allowed between instant vectors"},
    {"some_metric{a=b}",
     "1:15: parse error: unexpected identifier \"b\" in label matching, expected string"},
    {"some_metric{a:b=\"b\"}", "1:14: parse error: unexpected character inside braces: ':'"},
    {"foo{a*\"b\"}", "1:6: parse error: unexpected character inside braces: '*'"},
    {"foo{gibberish}",
     "1:14: parse error: unexpected \"}\" in label matching, expected label matching operator"},
    {"foo{1}", "1:5: parse error: unexpected character inside braces: '1'"},
    {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
    {"{x=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
    {"foo{__name__=\"bar\"}",
     "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
    {"foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""},
    {"foo[5m1]", "1:5: parse error: bad number or duration syntax: \"5m1\""},
    {"foo[5m:1m:1m]", "1:10: parse error: unexpected colon ':'"},
    {"foo[5m", "1:7: parse error: unclosed left bracket"},
    {"foo[]",
     "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, "
     "step(), or range()"},
    {"foo[-1]", "1:5: parse error: duration must be greater than 0"},
    {"foo[1h30m1h]", "1:5: parse error: not a valid duration string: \"1h30m1h\""},
    {"foo[5m/0]", "1:7: parse error: division by zero"},
    {"some_metric[5m] OFFSET 1mm", "1:24: parse error: bad number or duration syntax: \"1mm\""},
    {"some_metric offset 1m[5m]", "1:22: parse error: no offset modifiers allowed before range"},
    {"(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors"},
    {"sum by(a)", "1:10: parse error: unexpected end of input in aggregation"},
    {"sum some_metric by (test)", "1:5: parse error: unexpected identifier \"some_metric\""},
    {"sum (some_metric) by test",
     "1:22: parse error: unexpected identifier \"test\" in grouping opts, expected \"(\""},
    {"sum () by (test)", "1:1: parse error: no arguments for aggregate expression provided"},
    {"topk(some_metric)",
     "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, "
     "got 1"},
    {"topk(some_metric, other_metric)",
     "1:6: parse error: expected type scalar in aggregation parameter, got instant vector"},
    {"count_values(5, other_metric)",
     "1:14: parse error: expected type string in aggregation parameter, got scalar"},
    {"sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"},
    {"rate(foo[5m] bar)", "1:14: parse error: unexpected identifier \"bar\""},
    {"floor()", "1:1: parse error: expected 1 argument(s) in call to \"floor\", got 0"},
    {"hour(some_metric, some_metric, some_metric)",
     "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 3"},
    {"label_join(x)",
     "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"},
    {"rate(some_metric)",
     "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
     "vector"},
    {"ceil(foo,)", "1:9: parse error: trailing commas not allowed in function call args"},
    {"label_replace(a, `b`, `c\xff`, `d`, `.*`)", "1:23: parse error: invalid UTF-8 rune"},
    {"\"\\xff\\z\"", "1:1: parse error: unknown escape sequence U+007A 'z'"},
    {"\"unterminated", "1:1: parse error: unterminated quoted string"},
    {"foo{a=~\"[\"}", NULL},
    {"1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
    {"foo anchored smoothed",
     "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
    {"foo[5m:] anchored", "1:1: parse error: anchored modifier is not supported for subqueries"},
    {"a and fill(0) b",
     "1:1: parse error: filling in missing series not allowed for set operators"},
    {"info(x, y)", "1:9: parse error: expected label selectors only, got vector selector instead"},
    {"foo unless on(bar) group_left(baz) bar",
     "1:1: parse error: no grouping allowed for \"unless\" operation"},
    {"a +\n  * b", "2:3: parse error: unexpected <op:*>"},
};

static void test_errors_carry_prometheus_text_and_position(void **state)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(failures); i++) {
        CLEANUP(arena_done) Arena arena = {0};
        PromExpr *expr = NULL;
        Error err = {0};
        Status status = promql_parse(str_from(failures[i][0]), &arena, &expr, &err);
        if (status != STATUS_INVALID)
            fail_msg("%s: accepted", failures[i][0]);
        if (failures[i][1])
            assert_string_equal(err.message, failures[i][1]);
        assert_string_equal(err.sqlstate, "42601");
    }
}

static void test_longest_numbers_parse_back(void **state)
{
    static const char *const numbers[] = {"1.7976931348623157e308", "5e-324", "1_0e130",
                                          "2.2250738585072014e-308"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(numbers); i++) {
        CLEANUP(arena_done) Arena arena = {0};
        CLEANUP(buf_done) Buf text = {0};
        PromExpr *expr = NULL;
        PromExpr *again = NULL;
        assert_int_equal(promql_parse(str_from(numbers[i]), &arena, &expr, NULL), STATUS_OK);
        promql_print(expr, &text);
        assert_int_equal(promql_parse(buf_str(&text), &arena, &again, NULL), STATUS_OK);
        assert_true(promql_expr_eq(expr, again));
    }
}

static void test_precedence(void **state)
{
    static const char *const same[][2] = {
        {"1 + 2 * 3", "1 + (2 * 3)"},
        {"2 ^ 3 ^ 4", "2 ^ (3 ^ 4)"},
        {"a or b and c", "a or (b and c)"},
        {"a == b + c", "a == (b + c)"},
        {"a * b atan2 c", "(a * b) atan2 c"},
        {"a - b - c", "(a - b) - c"},
        {"a and b or c unless d", "(a and b) or (c unless d)"},
        {"-a ^ 2", "-(a ^ 2)"},
        {"-a * b", "(-a) * b"},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(same); i++) {
        CLEANUP(arena_done) Arena arena = {0};
        PromExpr *bare = NULL;
        PromExpr *paren = NULL;
        assert_int_equal(promql_parse(str_from(same[i][0]), &arena, &bare, NULL), STATUS_OK);
        assert_int_equal(promql_parse(str_from(same[i][1]), &arena, &paren, NULL), STATUS_OK);
        if (bare->kind == PROM_UNARY) {
            assert_int_equal(paren->kind, PROM_UNARY);
            assert_true(promql_expr_eq(bare->unary.expr, prom_expr_unwrap(paren->unary.expr)));
            continue;
        }
        assert_int_equal(bare->kind, PROM_BINARY);
        assert_true(promql_expr_eq(bare->binary.left, prom_expr_unwrap(paren->binary.left)));
        assert_true(promql_expr_eq(bare->binary.right, prom_expr_unwrap(paren->binary.right)));
    }
}

static void test_depth_is_bounded(void **state)
{
    CLEANUP(buf_done) Buf text = {0};
    CLEANUP(arena_done) Arena arena = {0};
    PromExpr *expr = NULL;
    Error err = {0};

    for (int i = 0; i < 100000; i++)
        buf_append_byte(&text, '(');
    assert_int_equal(promql_parse(buf_str(&text), &arena, &expr, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "nests deeper"));
    buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        buf_append_lit(&text, "1+");
    assert_int_equal(promql_parse(buf_str(&text), &arena, &expr, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "nests deeper"));
    buf_clear(&text);
    buf_append_lit(&text, "x[");
    for (int i = 0; i < 100000; i++)
        buf_append_byte(&text, '-');
    assert_int_equal(promql_parse(buf_str(&text), &arena, &expr, &err), STATUS_INVALID);
}

static void test_selector_of_match_parameter(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    LabelMatcher *matchers = NULL;
    uint32_t count = 0;
    Error err = {0};

    assert_int_equal(
        promql_parse_selector(STR("up{job=~\"a|b\"}"), &arena, &matchers, &count, &err), STATUS_OK);
    assert_int_equal(count, 2);
    assert_true(str_eq(matchers[0].name, STR("job")));
    assert_true(label_matcher_test(&matchers[0], STR("b")));
    assert_true(str_eq(matchers[1].value, STR("up")));
    assert_int_equal(promql_parse_selector(STR("up[5m]"), &arena, &matchers, &count, &err),
                     STATUS_INVALID);
    assert_int_equal(promql_parse_selector(STR("temp{"), &arena, &matchers, &count, &err),
                     STATUS_INVALID);
    assert_string_equal(err.message, "1:6: parse error: unexpected end of input inside braces");
}

static void test_durations_resolve_with_step_and_range(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1 = error */
    } cases[] = {
        {"x[26m+4m]", 1'800'000},     {"x[step()]", 10'000},
        {"x[range()]", 60'000},       {"x[max_of(step(), 30)]", 30'000},
        {"x[1h / 2]", 1'800'000},     {"x[1h30m % 1h]", 1'800'000},
        {"x[2 ^ 3 ^ 2 * 1ms]", 512},  {"x[-5m+35m]", 1'800'000},
        {"x[step() - 10]", -1},       {"x[1 / (step() - 10)]", -1},
        {"x[1 % (step() - 10)]", -1}, {"x[10 ^ 400]", -1},
        {"x[(-1) ^ 0.5]", -1},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        CLEANUP(arena_done) Arena arena = {0};
        PromExpr *expr = NULL;
        Error err = {0};
        if (promql_parse(str_from(cases[i].text), &arena, &expr, &err) != STATUS_OK)
            fail_msg("%s: %s", cases[i].text, err.message);
        Status status = promql_resolve_durations(expr, 10'000, 60'000, &err);
        if (cases[i].ms < 0) {
            assert_int_equal(status, STATUS_INVALID);
        } else {
            assert_int_equal(status, STATUS_OK);
            assert_int_equal(expr->range.range_ms, cases[i].ms);
        }
    }
}

static void test_parse_duration(void **state)
{
    Error err = {0};
    int64_t ms = 0;

    assert_int_equal(promql_parse_duration(STR("1y2w3d4h5m6s7ms"), &ms, &err), STATUS_OK);
    assert_int_equal(ms, 33'019'506'007);
    assert_int_equal(promql_parse_duration(STR("0"), &ms, &err), STATUS_OK);
    assert_int_equal(ms, 0);
    assert_int_equal(promql_parse_duration(STR("1m1h"), &ms, &err), STATUS_INVALID);
    assert_string_equal(err.message, "not a valid duration string: \"1m1h\"");
    assert_int_equal(promql_parse_duration(STR("5"), &ms, &err), STATUS_INVALID);
    assert_int_equal(promql_parse_duration(STR(""), &ms, &err), STATUS_INVALID);
    assert_int_equal(promql_parse_duration(STR("99999999999999999999y"), &ms, &err),
                     STATUS_INVALID);
    assert_string_equal(err.message, "duration out of range");
}

static void test_pretty_breaks_long_lines(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf text = {0};
    PromExpr *expr = NULL;

    assert_int_equal(
        promql_parse(STR("sum by (job) (rate(http_requests_total{job=\"a\"}[5m])) / on (job) "
                         "sum by (job) (rate(http_errors_total{job=\"a\"}[5m]))"),
                     &arena, &expr, NULL),
        STATUS_OK);
    promql_print_pretty(expr, &text);
    assert_text(buf_str(&text), "  sum by (job) (rate(http_requests_total{job=\"a\"}[5m]))\n"
                                "/ on (job)\n"
                                "  sum by (job) (rate(http_errors_total{job=\"a\"}[5m]))");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prints_as_prometheus_and_parses_back),
        cmocka_unit_test(test_errors_carry_prometheus_text_and_position),
        cmocka_unit_test(test_longest_numbers_parse_back),
        cmocka_unit_test(test_precedence),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_selector_of_match_parameter),
        cmocka_unit_test(test_durations_resolve_with_step_and_range),
        cmocka_unit_test(test_parse_duration),
        cmocka_unit_test(test_pretty_breaks_long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

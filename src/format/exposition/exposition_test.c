#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "format/exposition/exposition.h"

static Exposition e;
static ExpositionItem item;
static Error err;

static void begin(const char *text, ExpositionFormat format)
{
    exposition_init(&e, str_from(text), format);
}

static void expect_next(ExpositionKind kind)
{
    Status status = exposition_next(&e, &item, &err);
    if (status != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(item.kind, kind);
}

static void expect_error(const char *text, ExpositionFormat format, const char *part)
{
    begin(text, format);
    for (int i = 0; i < 100; i++) {
        if (exposition_next(&e, &item, &err) != STATUS_OK) {
            if (str_find(str_from(err.message), str_from(part)) < 0)
                fail_msg("\"%s\" lacks \"%s\"", err.message, part);
            return;
        }
        if (item.kind == EXPOSITION_END)
            fail_msg("\"%s\" was taken", text);
    }
}

static void test_text_format_yields_all_items(void **state)
{
    begin("# HELP a_total What it \\\\ counts.\\nReally.\n# TYPE a_total counter\n"
          "# just a comment\n\na_total{x=\"1\"} 3 1700000000123\r\n  a_total 4e3\nb\t+Inf\nc NaN",
          EXPOSITION_TEXT);
    expect_next(EXPOSITION_HELP);
    assert_true(str_eq(item.name, STR("a_total")));
    Arena arena;
    arena_init(&arena, NULL);
    assert_true(
        str_eq(exposition_unescape(item.text, false, &arena), STR("What it \\ counts.\nReally.")));
    arena_done(&arena);
    expect_next(EXPOSITION_TYPE);
    assert_true(str_eq(item.text, STR("counter")));
    expect_next(EXPOSITION_SAMPLE);
    assert_true(str_eq(item.series, STR("a_total{x=\"1\"}")));
    assert_true(item.value == 3 && item.has_ts && item.ts_ms == 1700000000123);
    expect_next(EXPOSITION_SAMPLE);
    assert_true(str_eq(item.series, STR("a_total")) && item.value == 4000 && !item.has_ts);
    expect_next(EXPOSITION_SAMPLE);
    assert_true(isinf(item.value));
    expect_next(EXPOSITION_SAMPLE);
    assert_true(isnan(item.value));
    assert_int_equal(e.line, 8);
    expect_next(EXPOSITION_END);
}

static void test_openmetrics_has_seconds_exemplars_and_an_end(void **state)
{
    begin("# TYPE a counter\n# UNIT a bytes\n"
          "a_total{x=\"}\\\"\"} 3 1700000000.25 # {trace_id=\"a b\"} 0.5 1700000001\n# EOF\n",
          EXPOSITION_OPENMETRICS);
    expect_next(EXPOSITION_TYPE);
    expect_next(EXPOSITION_UNIT);
    expect_next(EXPOSITION_SAMPLE);
    assert_true(item.ts_ms == 1700000000250);
    assert_true(item.has_exemplar && item.exemplar_value == 0.5);
    assert_true(str_eq(item.exemplar, STR("{trace_id=\"a b\"}")));
    assert_true(item.exemplar_has_ts && item.exemplar_ts_ms == 1700000001000);
    expect_next(EXPOSITION_END);
    expect_error("a 1\n", EXPOSITION_OPENMETRICS, "ends without # EOF");
    expect_error("# EOF\na 1\n", EXPOSITION_OPENMETRICS, "after # EOF");
}

static void test_labels_are_unescaped(void **state)
{
    Label labels[EXPOSITION_LABELS_MAX];
    uint32_t n;
    Arena arena;
    arena_init(&arena, NULL);
    assert_int_equal(
        exposition_labels(STR("m{ a = \"x\\\"y\\\\\\n\" , b=\"\",}"), &arena, labels, &n, &err),
        STATUS_OK);
    assert_int_equal(n, 3);
    assert_true(str_eq(labels[0].name, LABEL_NAME) && str_eq(labels[0].value, STR("m")));
    assert_true(str_eq(labels[1].value, STR("x\"y\\\n")));
    assert_int_equal(labels[2].value.len, 0);
    assert_int_equal(
        exposition_labels(STR("{\"my.metric\",\"my.label\"=\"v\"}"), &arena, labels, &n, &err),
        STATUS_OK);
    assert_int_equal(n, 2);
    assert_true(str_eq(labels[0].name, LABEL_NAME) && str_eq(labels[0].value, STR("my.metric")));
    assert_true(str_eq(labels[1].name, STR("my.label")));
    static const char *const bad[] = {"m{a}", "m{a=}", "m{a=\"x\" b=\"y\"}", "m{=\"x\"}",
                                      "m{a=\"x\""};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++)
        assert_int_equal(exposition_labels(str_from(bad[i]), &arena, labels, &n, &err),
                         STATUS_INVALID);
    arena_done(&arena);
}

static void test_malformed_lines_are_named(void **state)
{
    expect_error("a 1\nb\n", EXPOSITION_TEXT, "line 2: the value is missing");
    expect_error("a x\n", EXPOSITION_TEXT, "line 1: the value is no number");
    expect_error("a{x=\"1\" 1\n", EXPOSITION_TEXT, "not closed");
    expect_error("a 1 2 3\n", EXPOSITION_TEXT, "text follows");
    expect_error("a 1 2.5\n", EXPOSITION_TEXT, "the timestamp is no number");
    expect_error("1a 1\n", EXPOSITION_TEXT, "a metric name is expected");
    expect_error("a 0x10\n", EXPOSITION_TEXT, "the value is no number");
    expect_error("# TYPE\n", EXPOSITION_TEXT, "a metric name is expected");
    expect_error("a 1 # {x=\"1\"\n# EOF\n", EXPOSITION_OPENMETRICS, "an exemplar needs labels");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_format_yields_all_items),
        cmocka_unit_test(test_openmetrics_has_seconds_exemplars_and_an_end),
        cmocka_unit_test(test_labels_are_unescaped),
        cmocka_unit_test(test_malformed_lines_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/otlp_int.h"

static Arena arena;

/* Facts from the tests of prometheus/otlptranslator, metric_namer_test.go. */
static const struct {
    const char *name;
    const char *unit;
    OtlpMetricKind kind;
    const char *with_suffixes;    /* UnderscoreEscapingWithSuffixes */
    const char *without_suffixes; /* UnderscoreEscapingWithoutSuffixes */
    const char *utf8;             /* NoUTF8EscapingWithSuffixes */
} names[] = {
    {"requests", "", OTLP_METRIC_COUNTER, "requests_total", "requests", "requests_total"},
    {"requests_total", "", OTLP_METRIC_COUNTER, "requests_total", "requests_total",
     "requests_total"},
    {"cpu_usage", "1", OTLP_METRIC_GAUGE, "cpu_usage_ratio", "cpu_usage", "cpu_usage_ratio"},
    {"cpu_usage_ratio", "1", OTLP_METRIC_GAUGE, "cpu_usage_ratio", "cpu_usage_ratio",
     "cpu_usage_ratio"},
    {"items", "1", OTLP_METRIC_COUNTER, "items_total", "items", "items_total"},
    {"response_time", "ms", OTLP_METRIC_GAUGE, "response_time_milliseconds", "response_time",
     "response_time_milliseconds"},
    {"response_time_seconds", "s", OTLP_METRIC_GAUGE, "response_time_seconds",
     "response_time_seconds", "response_time_seconds"},
    {"cpu_seconds_total", "s", OTLP_METRIC_COUNTER, "cpu_seconds_total", "cpu_seconds_total",
     "cpu_seconds_total"},
    {"requests", "1/s", OTLP_METRIC_GAUGE, "requests_per_second", "requests",
     "requests_per_second"},
    {"throughput", "By/s", OTLP_METRIC_GAUGE, "throughput_bytes_per_second", "throughput",
     "throughput_bytes_per_second"},
    {"custom_metric", "custom_unit", OTLP_METRIC_GAUGE, "custom_metric_custom_unit",
     "custom_metric", "custom_metric_custom_unit"},
    {"custom_metric", "{custom}", OTLP_METRIC_GAUGE, "custom_metric", "custom_metric",
     "custom_metric"},
    {"custom_metric", "By/{custom}", OTLP_METRIC_GAUGE, "custom_metric_bytes", "custom_metric",
     "custom_metric_bytes"},
    {"metric__with__multiple__underscores", "unit__multiple__underscores", OTLP_METRIC_GAUGE,
     "metric_with_multiple_underscores_unit_multiple_underscores",
     "metric__with__multiple__underscores",
     "metric__with__multiple__underscores_unit__multiple__underscores"},
    {"custom_metric", "unit@with#special/chars", OTLP_METRIC_GAUGE,
     "custom_metric_unit_with_special_per_chars", "custom_metric",
     "custom_metric_unit@with#special_per_chars"},
    {"metric@@##$$name", "", OTLP_METRIC_GAUGE, "metric_name", "metric_name", "metric@@##$$name"},
    {"123metric", "", OTLP_METRIC_GAUGE, "_123metric", "_123metric", "123metric"},
    {"@#$%", "", OTLP_METRIC_COUNTER, "total", "", "@#$%_total"},
    {"@#$%", "", OTLP_METRIC_GAUGE, "", "", "@#$%"},
    {"requ\xC3\xAAsts", "1/s", OTLP_METRIC_COUNTER, "requ_sts_per_second_total", "requ_sts",
     "requ\xC3\xAAsts_per_second_total"},
    {"active_connections", "", OTLP_METRIC_SUM, "active_connections", "active_connections",
     "active_connections"},
    {"request_duration", "s", OTLP_METRIC_HISTOGRAM, "request_duration_seconds", "request_duration",
     "request_duration_seconds"},
    {"uptime", "d", OTLP_METRIC_GAUGE, "uptime_days", "uptime", "uptime_days"},
    {"system.io", "foo_bar", OTLP_METRIC_COUNTER, "system_io_foo_bar_total", "system_io",
     "system.io_foo_bar_total"},
};

static void assert_name(const char *name, const char *unit, OtlpMetricKind kind,
                        OtlpTranslation translation, const char *expected)
{
    Str got = otlp__metric_name(str_from(name), str_from(unit), kind, translation, &arena);
    if (!str_eq(got, str_from(expected)))
        fail_msg("%s [%s] by strategy %d: got %.*s, expected %s", name, unit, translation,
                 STR_FMT(got), expected);
}

static void test_metric_names_follow_the_four_strategies(void **)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++) {
        assert_name(names[i].name, names[i].unit, names[i].kind, OTLP_UNDERSCORES_WITH_SUFFIXES,
                    names[i].with_suffixes);
        assert_name(names[i].name, names[i].unit, names[i].kind, OTLP_UNDERSCORES,
                    names[i].without_suffixes);
        assert_name(names[i].name, names[i].unit, names[i].kind, OTLP_UTF8_WITH_SUFFIXES,
                    names[i].utf8);
        assert_name(names[i].name, names[i].unit, names[i].kind, OTLP_NO_TRANSLATION,
                    names[i].name);
    }
}

/* Facts from label_namer_test.go, with Prometheus' default for a leading underscore. */
static void test_label_names_are_made_valid(void **)
{
    static const char *const cases[][2] = {
        {"label:with:colons", "label_with_colons"},
        {"LabelWithCapitalLetters", "LabelWithCapitalLetters"},
        {"label!with&special$chars)", "label_with_special_chars_"},
        {"label_with_foreign_characters_\xE5\xAD\x97\xE7\xAC\xA6",
         "label_with_foreign_characters___"},
        {"label.with.dots", "label_with_dots"},
        {"123label", "key_123label"},
        {"_label_starting_with_underscore", "key_label_starting_with_underscore"},
        {"__label_starting_with_2underscores", "__label_starting_with_2underscores"},
        {"\xE3\x82\x88\xE3\x81\x86", ""},
        {"", ""},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        Str got = otlp__label_name(str_from(cases[i][0]), OTLP_UNDERSCORES_WITH_SUFFIXES, &arena);
        if (!str_eq(got, str_from(cases[i][1])))
            fail_msg("%s: got %.*s, expected %s", cases[i][0], STR_FMT(got), cases[i][1]);
        got = otlp__label_name(str_from(cases[i][0]), OTLP_NO_TRANSLATION, &arena);
        assert_true(str_eq(got, str_from(cases[i][0])));
    }
}

static void test_strategies_are_known_by_prometheus_names(void **)
{
    OtlpTranslation translation;
    assert_true(otlp_translation_parse(STR("NoUTF8EscapingWithSuffixes"), &translation));
    assert_int_equal(translation, OTLP_UTF8_WITH_SUFFIXES);
    assert_false(otlp_translation_parse(STR("nosuch"), &translation));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metric_names_follow_the_four_strategies),
        cmocka_unit_test(test_label_names_are_made_valid),
        cmocka_unit_test(test_strategies_are_known_by_prometheus_names),
    };
    arena_init(&arena, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    return failed;
}

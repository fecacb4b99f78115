#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/label.h"
#include "format/pgtype/jsonb.h"

static void expect_text(LabelSet set, const char *text, const char *json)
{
    CLEANUP(buf_done) Buf out = {0};
    label_set_append_text(set, &out);
    assert_true(str_eq(buf_str(&out), str_from(text)));
    buf_clear(&out);
    jsonb_append_labels(set, true, &out);
    if (!str_eq(buf_str(&out), str_from(json)))
        fail_msg("%.*s is not %s", STR_FMT(buf_str(&out)), json);
}

static void test_normalize_sorts_and_drops_empty_values(void **state)
{
    Label labels[] = {{STR("z"), STR("1")},
                      {STR("empty"), STR("")},
                      {LABEL_NAME, STR("m")},
                      {STR("aa"), STR("\"\n\\")}};
    uint32_t count = 4;
    assert_int_equal(label_set_normalize(labels, &count, NULL), STATUS_OK);
    LabelSet set = {labels, count};
    assert_int_equal(count, 3);
    expect_text(set, "m{aa=\"\\\"\\n\\\\\", z=\"1\"}",
                "{\"z\": \"1\", \"aa\": \"\\\"\\n\\\\\", \"__name__\": \"m\"}");
    assert_true(str_eq(label_set_get(set, STR("z")), STR("1")));
    assert_int_equal(label_set_get(set, STR("empty")).len, 0);
}

static void test_odd_names_are_quoted(void **state)
{
    Label labels[] = {{LABEL_NAME, STR("my.metric")}, {STR("my.label"), STR("v")}};
    expect_text((LabelSet){labels, 2}, "{\"my.metric\", \"my.label\"=\"v\"}",
                "{\"__name__\": \"my.metric\", \"my.label\": \"v\"}");
    Label only[] = {{LABEL_NAME, STR("up")}};
    expect_text((LabelSet){only, 1}, "up", "{\"__name__\": \"up\"}");
}

static void test_bad_label_sets_are_refused(void **state)
{
    Label twice[] = {{STR("a"), STR("1")}, {STR("b"), STR("1")}, {STR("a"), STR("2")}};
    Label nameless[] = {{STR(""), STR("1")}};
    Label bytes[] = {{STR("a"), STR("\xFF")}};
    uint32_t count = 3;
    Error err;
    assert_int_equal(label_set_normalize(twice, &count, &err), STATUS_INVALID);
    assert_true(str_find(str_from(err.message), STR("\"a\" is not unique")) >= 0);
    count = 1;
    assert_int_equal(label_set_normalize(nameless, &count, NULL), STATUS_INVALID);
    count = 1;
    assert_int_equal(label_set_normalize(bytes, &count, NULL), STATUS_INVALID);
}

static void test_matchers_are_anchored_and_treat_absent_as_empty(void **state)
{
    static const struct {
        MatchOp op;
        const char *pattern;
        const char *value;
        bool matches;
        bool empty;
    } cases[] = {
        {MATCH_EQ, "a", "a", true, false},   {MATCH_EQ, "", "a", false, true},
        {MATCH_NE, "a", "b", true, true},    {MATCH_RE, "a|b", "b", true, false},
        {MATCH_RE, "a", "ab", false, false}, {MATCH_RE, "a.b", "a\nb", true, false},
        {MATCH_NRE, "a.*", "b", true, true}, {MATCH_RE, ".*", "", true, true},
        {MATCH_NRE, ".+", "x", false, true},
    };
    Arena arena;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        LabelMatcher m;
        assert_int_equal(
            label_matcher_make(cases[i].op, STR("l"), str_from(cases[i].pattern), &arena, &m, NULL),
            STATUS_OK);
        assert_true(label_matcher_test(&m, str_from(cases[i].value)) == cases[i].matches);
        assert_true(label_matcher_matches_empty(&m) == cases[i].empty);
    }
    LabelMatcher bad;
    assert_int_equal(label_matcher_make(MATCH_RE, STR("l"), STR("("), &arena, &bad, NULL),
                     STATUS_INVALID);
    arena_done(&arena);
}

static void test_order_is_by_name_then_value(void **state)
{
    Label a[] = {{STR("a"), STR("1")}};
    Label ab[] = {{STR("a"), STR("1")}, {STR("b"), STR("1")}};
    Label a2[] = {{STR("a"), STR("2")}};
    assert_true(label_set_cmp((LabelSet){a, 1}, (LabelSet){ab, 2}) < 0);
    assert_true(label_set_cmp((LabelSet){ab, 2}, (LabelSet){a2, 1}) < 0);
    assert_true(label_set_eq((LabelSet){a, 1}, (LabelSet){a, 1}));
    assert_true(label_set_hash((LabelSet){a, 1}) != label_set_hash((LabelSet){a2, 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_normalize_sorts_and_drops_empty_values),
        cmocka_unit_test(test_odd_names_are_quoted),
        cmocka_unit_test(test_bad_label_sets_are_refused),
        cmocka_unit_test(test_matchers_are_anchored_and_treat_absent_as_empty),
        cmocka_unit_test(test_order_is_by_name_then_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine_fixture.h"
#include "query/query.h"

/* Series of a test have a value every minute from 0 on; NAN = staleness marker, GAP = no sample. */
#define GAP -12345.0

typedef struct Fixture {
    EngineFixture f;
    QueryEngine *queries;
    Pool *pool;
    MemBudget budget;
} Fixture;

static void setup(Fixture *x)
{
    Error err = {0};

    fixture_init(&x->f, NULL);
    fixture_reopen(&x->f);
    mem_budget_init(&x->budget, NULL, "test queries", INT64_MAX);
    assert_int_equal(pool_new("query", 2, &x->pool, &err), STATUS_OK);
    QueryOptions options = {.engine = x->f.engine,
                            .pool = x->pool,
                            .budget = &x->budget,
                            .lookback_ms = 300'000,
                            .samples_max = 50'000'000};
    assert_int_equal(query_engine_new(&options, &x->queries, &err), STATUS_OK);
}

static void teardown(Fixture *x)
{
    x->pool = pool_free(x->pool);
    x->queries = query_engine_free(x->queries);
    assert_int_equal(mem_budget_used(&x->budget), 0);
    fixture_done(&x->f);
}

static void write_series(Fixture *x, const char *name, const char *key, const char *value,
                         const double *values, uint32_t count)
{
    WriteBatch *batch = fixture_batch(&x->f);
    Label labels[2] = {{LABEL_NAME, str_from(name)}, {str_from(key), str_from(value)}};
    uint32_t label_count = 2;
    SeriesRef ref;
    Error err = {0};
    Lsn lsn;

    assert_int_equal(label_set_normalize(labels, &label_count, &err), STATUS_OK);
    assert_int_equal(write_batch_add_series(batch, NULL, LABEL_CODEC_TEXT, STR(""),
                                            (LabelSet){labels, label_count}, &ref, &err),
                     STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = WRITE_STALE_BITS;
        if (values[i] == GAP)
            continue;
        if (!isnan(values[i]))
            memcpy(&bits, &values[i], sizeof bits);
        assert_int_equal(write_batch_sample(batch, ref, (int64_t)i * 60'000, bits, &err),
                         STATUS_OK);
    }
    assert_int_equal(engine_write_wait(x->f.engine, batch, &lsn, &err), STATUS_OK);
}

static void write_line(Fixture *x, const char *name, const char *value, double first, double step,
                       uint32_t count)
{
    double *values = malloc(count * sizeof *values);
    for (uint32_t i = 0; i < count; i++)
        values[i] = first + step * i;
    write_series(x, name, "i", value, values, count);
    free(values);
}

static Status run(Fixture *x, const char *query, int64_t start_s, int64_t end_s, int64_t step_s,
                  Arena *arena, PromqlResult *ret, Error *err)
{
    PromqlRequest request = {.query = str_from(query),
                             .start_ms = start_s * 1000,
                             .end_ms = end_s * 1000,
                             .step_ms = step_s * 1000};
    *err = (Error){0};
    return promql_execute(x->queries, &request, NULL, arena, ret, err);
}

/* Result of an instant query as text: `{labels} value; ...` in its order; errors as they are. */
static const char *instant(Fixture *x, const char *query, int64_t at_s)
{
    static char text[2000];
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf out = {0};
    PromqlResult result;
    Error err;

    if (run(x, query, at_s, at_s, 0, &arena, &result, &err) != STATUS_OK) {
        (void)snprintf(text, sizeof text, "error: %s", err.message);
        return text;
    }
    if (result.type == PROMQL_SCALAR)
        buf_printf(&out, "%.10g", result.scalar);
    if (result.type == PROMQL_STRING)
        buf_append_str(&out, result.string);
    for (uint32_t i = 0; i < result.series_count; i++) {
        if (i)
            buf_append_lit(&out, "; ");
        label_set_append_text(result.series[i].labels, &out);
        for (uint32_t k = 0; k < result.series[i].point_count; k++)
            buf_printf(&out, " %.10g", result.series[i].values[k]);
    }
    (void)snprintf(text, sizeof text, "%.*s", (int)out.len, out.ptr ? out.ptr : "");
    return text;
}

static void test_functions_have_the_values_worked_out_by_hand(void **state)
{
    static const struct {
        const char *query;
        const char *want;
    } cases[] = {
        /* c goes 0, 60, 120 ... by one a second; g is 1 5 3 8 2 6 */
        {"c_total", "c_total{i=\"a\"} 600"},
        {"rate(c_total[5m])", "{i=\"a\"} 1"},
        {"increase(c_total[5m])", "{i=\"a\"} 300"},
        {"irate(c_total[5m])", "{i=\"a\"} 1"},
        {"idelta(c_total[5m])", "{i=\"a\"} 60"},
        {"delta(c_total[5m])", "{i=\"a\"} 300"},
        {"deriv(c_total[5m])", "{i=\"a\"} 1"},
        {"predict_linear(c_total[5m], 60)", "{i=\"a\"} 660"},
        {"sum_over_time(g[10m])", "{i=\"x\"} 25"},
        {"avg_over_time(g[10m])", "{i=\"x\"} 4.166666667"},
        {"min_over_time(g[10m])", "{i=\"x\"} 1"},
        {"max_over_time(g[10m])", "{i=\"x\"} 8"},
        {"count_over_time(g[10m])", "{i=\"x\"} 6"},
        {"quantile_over_time(0.5, g[10m])", "{i=\"x\"} 4"},
        {"stdvar_over_time(g[10m])", "{i=\"x\"} 5.805555556"},
        {"mad_over_time(g[10m])", "{i=\"x\"} 2"},
        {"last_over_time(g[10m])", "g{i=\"x\"} 6"},
        {"first_over_time(g[10m])", "g{i=\"x\"} 1"},
        {"changes(g[10m])", "{i=\"x\"} 5"},
        {"resets(g[10m])", "{i=\"x\"} 2"},
        {"present_over_time(g[10m])", "{i=\"x\"} 1"},
        {"ts_of_max_over_time(g[10m])", "{i=\"x\"} 480"},
        {"absent(nothing{a=\"b\",c=~\"d\"})", "{a=\"b\"} 1"},
        {"absent(c_total)", ""},
        {"absent_over_time(nothing[5m])", "{} 1"},
        {"abs(-g)", "{i=\"x\"} 6"},
        {"clamp(g, 1, 3)", "{i=\"x\"} 3"},
        {"clamp(g, 3, 1)", ""},
        {"round(g / 4)", "{i=\"x\"} 2"},
        {"sgn(-g)", "{i=\"x\"} -1"},
        {"scalar(g)", "6"},
        {"scalar(nothing)", "nan"},
        {"vector(time())", "{} 600"},
        {"year(vector(1709210096))", "{} 2024"},
        {"day_of_year(vector(1709210096))", "{} 60"},
        {"days_in_month(vector(1709210096))", "{} 29"},
        {"day_of_week(vector(1709210096))", "{} 4"},
        {"hour(vector(-1))", "{} 23"},
        {"timestamp(g)", "{i=\"x\"} 600"},
        {"label_replace(g, \"b\", \"$1-$1\", \"i\", \"(.*)\")", "g{b=\"x-x\", i=\"x\"} 6"},
        {"label_join(g, \"b\", \"/\", \"i\", \"i\")", "g{b=\"x/x\", i=\"x\"} 6"},
        {"histogram_quantile(0.5, b_bucket)", "{} 1.5"},
        {"histogram_fraction(0, 1.5, b_bucket)", "{} 0.5"},
        {"1 + 2 * 3 ^ 2 ^ 0.5", "10.45760878"},
        {"7 % 4 + -7 % 4", "0"},
        {"1 > bool 2", "0"},
        {"\"text\"", "text"},
        {"min_of(2, 3) + max_of(2, 3)", "5"},
    };
    static const double gauge[] = {GAP, GAP, GAP, GAP, GAP, 1, 5, 3, 8, 2, 6};
    Fixture x;

    setup(&x);
    write_line(&x, "c_total", "a", 0, 60, 11);
    write_series(&x, "g", "i", "x", gauge, 11);
    for (int i = 0; i < 3; i++) {
        static const char *const bounds[] = {"1", "2", "+Inf"};
        double values[11];
        for (int k = 0; k < 11; k++)
            values[k] = i == 0 ? 2 : i == 1 ? 6 : 8;
        write_series(&x, "b_bucket", "le", bounds[i], values, 11);
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        const char *got = instant(&x, cases[i].query, 600);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s, expected %s", cases[i].query, got, cases[i].want);
    }
    teardown(&x);
}

static void test_aggregations_and_matching(void **state)
{
    static const struct {
        const char *query;
        const char *want;
    } cases[] = {
        {"sum(m)", "{} 60"},
        {"avg(m)", "{} 20"},
        {"min(m)", "{} 10"},
        {"max(m)", "{} 30"},
        {"count(m)", "{} 3"},
        {"group(m)", "{} 1"},
        {"stdvar(m)", "{} 66.66666667"},
        {"quantile(0.5, m)", "{} 20"},
        {"topk(2, m)", "m{i=\"c\"} 30; m{i=\"b\"} 20"},
        {"bottomk(2, m)", "m{i=\"a\"} 10; m{i=\"b\"} 20"},
        {"topk(0, m)", ""},
        {"sort_desc(m)", "m{i=\"c\"} 30; m{i=\"b\"} 20; m{i=\"a\"} 10"},
        {"sort_by_label(m, \"i\")", "m{i=\"a\"} 10; m{i=\"b\"} 20; m{i=\"c\"} 30"},
        {"count_values(\"v\", m > 25)", "{v=\"30\"} 1"},
        {"sum without (i) (m)", "{} 60"},
        {"m{i=\"a\"} + ignoring(j) n{i=\"a\"}", "{i=\"a\"} 11"},
        {"m - on(i) n", "{i=\"a\"} 9; {i=\"b\"} 18"},
        {"m and on(i) n", "m{i=\"a\"} 10; m{i=\"b\"} 20"},
        {"m unless on(i) n", "m{i=\"c\"} 30"},
        {"n or m{i=\"c\"}", "n{i=\"a\"} 1; n{i=\"b\"} 2; m{i=\"c\"} 30"},
        {"sort(m + on(i) fill(100) n)", "{i=\"a\"} 11; {i=\"b\"} 22; {i=\"c\"} 130"},
        {"m > 15", "m{i=\"b\"} 20; m{i=\"c\"} 30"},
        {"15 < m", "m{i=\"b\"} 20; m{i=\"c\"} 30"},
        {"m == bool 20", "{i=\"a\"} 0; {i=\"b\"} 1; {i=\"c\"} 0"},
        {"sum(m) / on() group_right m{i=\"a\"}", "{i=\"a\"} 6"},
        {"m + on() group_left one", "{i=\"a\"} 11; {i=\"b\"} 21; {i=\"c\"} 31"},
        {"one + on() m",
         "error: found duplicate series for the match group {} on the right hand-side of the "
         "operation: [{__name__=\"m\", i=\"b\"}, {__name__=\"m\", i=\"a\"}];many-to-many matching "
         "not allowed: matching labels must be unique on one side"},
        {"m + on() one",
         "error: multiple matches for labels: many-to-one matching must be explicit "
         "(group_left/group_right)"},
        {"label_replace(m, \"i\", \"\", \"i\", \".*\")",
         "error: vector cannot contain metrics with the same labelset"},
        {"limitk(1, m)", "m{i=\"a\"} 10"},
        {"count(limit_ratio(0.5, m) or limit_ratio(-0.5, m))", "{} 3"},
        {"limit_ratio(0.5, m) and limit_ratio(-0.5, m)", ""},
        {"m[1m", "error: 1:5: parse error: unclosed left bracket"},
    };
    Fixture x;

    setup(&x);
    write_line(&x, "m", "a", 10, 0, 5);
    write_line(&x, "m", "b", 20, 0, 5);
    write_line(&x, "m", "c", 30, 0, 5);
    write_line(&x, "n", "a", 1, 0, 5);
    write_line(&x, "n", "b", 2, 0, 5);
    write_line(&x, "one", "", 1, 0, 5);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        const char *got = instant(&x, cases[i].query, 240);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s, expected %s", cases[i].query, got, cases[i].want);
    }
    teardown(&x);
}

static void test_staleness_and_lookback(void **state)
{
    static const double values[] = {1, 2, NAN, GAP, 4};
    Fixture x;

    setup(&x);
    write_series(&x, "s", "i", "a", values, 5);
    assert_string_equal(instant(&x, "s", 60), "s{i=\"a\"} 2");
    assert_string_equal(instant(&x, "s", 119), "s{i=\"a\"} 2");
    assert_string_equal(instant(&x, "s", 120), "");
    assert_string_equal(instant(&x, "s", 239), "");
    assert_string_equal(instant(&x, "s", 240), "s{i=\"a\"} 4");
    assert_string_equal(instant(&x, "s", 539), "s{i=\"a\"} 4");
    assert_string_equal(instant(&x, "s", 540), "");
    /* The window is left-open: the sample at 0 is not within [1m] of 60. */
    assert_string_equal(instant(&x, "count_over_time(s[1m])", 60), "{i=\"a\"} 1");
    assert_string_equal(instant(&x, "count_over_time(s[5m])", 240), "{i=\"a\"} 3");
    assert_string_equal(instant(&x, "s offset 1m", 120), "s{i=\"a\"} 2");
    assert_string_equal(instant(&x, "s @ 60", 10000), "s{i=\"a\"} 2");
    assert_string_equal(instant(&x, "sum_over_time(s[2m:1m] @ 60)", 10000), "{i=\"a\"} 3");
    teardown(&x);
}

/* Each step of a range query is the instant query at that time. */
static void test_range_steps_equal_instant_queries(void **state)
{
    static const char *const queries[] = {
        "r",
        "rate(r[4m])",
        "sum by (i) (rate(r[4m] offset 1m))",
        "avg_over_time(r[7m])",
        "max_over_time(rate(r[3m])[10m:1m])",
        "r > 50",
        "topk(1, r)",
        "bottomk(1, r) or r",
        "sum(r) - on() group_right r",
        "r unless r < 30",
        "quantile(0.3, r)",
        "r @ 300 + r",
        "absent(r > 100)",
        "count_values(\"v\", r)",
        "stddev(r)",
        "label_replace(r, \"x\", \"$1\", \"i\", \"(.)\")",
        "deriv(r[5m]) * time()",
        "day_of_week() + hour(r)",
    };
    Fixture x;

    setup(&x);
    for (int i = 0; i < 5; i++) {
        char name[2] = {(char)('a' + i), 0};
        double values[60];
        srandom((unsigned)i + 1);
        for (int k = 0; k < 60; k++)
            values[k] = random() % 11 == 0 ? GAP : random() % 17 == 0 ? NAN : random() % 100;
        write_series(&x, "r", "i", name, values, 60);
    }
    for (size_t q = 0; q < LUMA_ARRAY_LEN(queries); q++) {
        CLEANUP(arena_done) Arena arena = {0};
        PromqlResult range;
        uint32_t range_points = 0;
        uint32_t instant_points = 0;
        Error err;
        if (run(&x, queries[q], 100, 3700, 95, &arena, &range, &err) != STATUS_OK)
            fail_msg("%s: %s", queries[q], err.message);
        for (uint32_t i = 0; i < range.series_count; i++)
            range_points += range.series[i].point_count;
        for (int64_t t = 100; t <= 3700; t += 95) {
            CLEANUP(arena_done) Arena step_arena = {0};
            PromqlResult at;
            if (run(&x, queries[q], t, t, 0, &step_arena, &at, &err) != STATUS_OK)
                fail_msg("%s at %lld: %s", queries[q], (long long)t, err.message);
            instant_points += at.series_count;
            for (uint32_t i = 0; i < at.series_count; i++) {
                bool found = false;
                for (uint32_t k = 0; k < range.series_count && !found; k++) {
                    const PromqlSeries *s = &range.series[k];
                    if (!label_set_eq(s->labels, at.series[i].labels))
                        continue;
                    for (uint32_t p = 0; p < s->point_count && !found; p++)
                        found = s->ts_ms[p] == t * 1000 &&
                                (s->values[p] == at.series[i].values[0] ||
                                 (isnan(s->values[p]) && isnan(at.series[i].values[0])));
                }
                if (!found)
                    fail_msg("%s: step %lld differs", queries[q], (long long)t);
            }
        }
        assert_int_equal(range_points, instant_points);
    }
    teardown(&x);
}

static void test_limits_cancellation_and_deadline(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    PromqlRequest request = {.query = STR("sum(count_over_time(c[1h:1ms]))"), .start_ms = 600'000};
    PromqlResult result;
    QueryCancel cancel = {.cancelled = 1};
    Error err = {0};
    Fixture x;

    setup(&x);
    write_line(&x, "c", "a", 0, 1, 11);
    assert_int_equal(promql_execute(x.queries, &request, &cancel, &arena, &result, &err),
                     STATUS_CANCELLED);
    request.timeout_ns = 1;
    assert_int_equal(promql_execute(x.queries, &request, NULL, &arena, &result, &err),
                     STATUS_TIMEOUT);
    query_engine_set_limits(x.queries, 4096, 0);
    request.timeout_ns = 0;
    assert_int_equal(promql_execute(x.queries, &request, NULL, &arena, &result, &err),
                     STATUS_LIMIT);
    query_engine_set_limits(x.queries, 0, 0);
    assert_int_equal(run(&x, "c", 0, 100'000, 1, &arena, &result, &err), STATUS_INVALID);
    assert_non_null(strstr(err.message, "exceeded maximum resolution of 11,000 points"));
    assert_int_equal(run(&x, "c[5m]", 0, 100, 1, &arena, &result, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "42601");
    arena_reset(&arena);
    teardown(&x);
}

static void test_annotations_carry_text_and_position(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    PromqlResult result;
    Error err;
    Fixture x;

    setup(&x);
    write_line(&x, "g", "a", 0, 1, 11);
    assert_int_equal(run(&x, "sum(rate(g[5m]))", 600, 600, 0, &arena, &result, &err), STATUS_OK);
    assert_int_equal(result.info_count, 1);
    assert_true(str_eq(result.infos[0],
                       STR("PromQL info: metric might not be a counter, name does not end in "
                           "_total/_sum/_count/_bucket: \"g\" (1:10)")));
    assert_int_equal(run(&x, "quantile(2, g)", 600, 600, 0, &arena, &result, &err), STATUS_OK);
    assert_int_equal(result.warning_count, 1);
    assert_true(
        str_eq(result.warnings[0],
               STR("PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)")));
    arena_reset(&arena);
    teardown(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_have_the_values_worked_out_by_hand),
        cmocka_unit_test(test_aggregations_and_matching),
        cmocka_unit_test(test_staleness_and_lookback),
        cmocka_unit_test(test_range_steps_equal_instant_queries),
        cmocka_unit_test(test_limits_cancellation_and_deadline),
        cmocka_unit_test(test_annotations_carry_text_and_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

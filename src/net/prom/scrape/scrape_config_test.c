#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "net/prom/scrape/scrape_config.h"

static Arena arena;
static Error err;

static Status read_text(const char *text, ScrapeConfig *config)
{
    const YamlNode *root;
    assert_int_equal(yaml_parse(str_from(text), &arena, &root, &err), STATUS_OK);
    return scrape_config_read(yaml_get(root, STR("global")), yaml_get(root, STR("scrape_configs")),
                              &arena, config, &err);
}

static void expect_error(const char *text, Status status, const char *part)
{
    ScrapeConfig config;
    assert_int_equal(read_text(text, &config), status);
    if (str_find(str_from(err.message), str_from(part)) < 0)
        fail_msg("\"%s\" lacks \"%s\"", err.message, part);
}

static void test_jobs_inherit_global_settings(void **state)
{
    ScrapeConfig config;
    assert_int_equal(read_text("global: {scrape_interval: 15s, scrape_timeout: 20s}\n"
                               "scrape_configs:\n"
                               "- job_name: a\n"
                               "  static_configs: [{targets: ['h:1', 'h:2'], labels: {env: x}}]\n"
                               "- job_name: b\n"
                               "  scrape_interval: 1m\n"
                               "  scheme: https\n"
                               "  tls_config: {insecure_skip_verify: true}\n"
                               "  authorization: {credentials: s3cret}\n"
                               "  params: {m: [x, y]}\n",
                               &config),
                     STATUS_OK);
    assert_int_equal(config.job_count, 2);
    const ScrapeJob *a = &config.jobs[0];
    assert_int_equal(a->interval_ns, 15 * NS_PER_SEC);
    assert_int_equal(a->timeout_ns, 15 * NS_PER_SEC); /* never longer than the interval */
    assert_int_equal(a->static_count, 1);
    assert_int_equal(a->statics[0].target_count, 2);
    assert_true(str_eq(a->statics[0].labels[0].value, STR("x")));
    const ScrapeJob *b = &config.jobs[1];
    assert_int_equal(b->interval_ns, 60 * NS_PER_SEC);
    assert_int_equal(b->timeout_ns, 20 * NS_PER_SEC);
    assert_true(b->tls_insecure);
    assert_true(str_eq(b->authorization, STR("Bearer s3cret")));
    assert_int_equal(b->params[0].value_count, 2);
}

static void test_bad_configurations_name_the_place(void **state)
{
    expect_error("scrape_configs: [{job_name: a, scrape_intervall: 1s}]", STATUS_INVALID,
                 "line 1, column 32: unknown key \"scrape_intervall\"");
    expect_error("scrape_configs: [{scrape_interval: 1s}]", STATUS_INVALID, "job_name is missing");
    expect_error("scrape_configs: [{job_name: a}, {job_name: a}]", STATUS_INVALID, "comes twice");
    expect_error("scrape_configs: [{job_name: a, scrape_interval: 1s, scrape_timeout: 2s}]",
                 STATUS_INVALID, "scrape_timeout is longer");
    expect_error("scrape_configs: [{job_name: a, dns_sd_configs: []}]", STATUS_UNSUPPORTED,
                 "dns_sd_configs is not supported");
    expect_error("scrape_configs: [{job_name: a, scheme: ftp}]", STATUS_INVALID, "http or https");
    expect_error("scrape_configs: [{job_name: a, relabel_configs: [{action: drop, regex: '('}]}]",
                 STATUS_INVALID, "invalid regular expression");
    expect_error("scrape_configs: [{job_name: a, relabel_configs: [{action: hashmod, "
                 "target_label: x}]}]",
                 STATUS_INVALID, "needs modulus");
}

/* Reads one rule from YAML, applies it to {a="x1", b="x1", c="Y"} and prints the set. */
static void check_rule(const char *rule, const char *expected)
{
    CLEANUP(buf_done) Buf text = {0};
    ScrapeConfig config;
    RelabelSet set = {0};
    buf_printf(&text, "scrape_configs: [{job_name: j, relabel_configs: [%s]}]", rule);
    buf_append_byte(&text, 0);
    if (read_text(text.ptr, &config) != STATUS_OK)
        fail_msg("%s: %s", rule, err.message);
    relabel_set_put(&set, &arena, STR("a"), STR("x1"));
    relabel_set_put(&set, &arena, STR("b"), STR("x1"));
    relabel_set_put(&set, &arena, STR("c"), STR("Y"));
    buf_clear(&text);
    if (relabel_apply(&config.jobs[0].relabel, &set, &arena)) {
        uint32_t n = set.count;
        assert_int_equal(label_set_normalize(set.labels, &n, &err), STATUS_OK);
        label_set_append_text((LabelSet){set.labels, n}, &text);
    } else {
        buf_append_lit(&text, "dropped");
    }
    if (!str_eq(buf_str(&text), str_from(expected)))
        fail_msg("%s gives %.*s, not %s", rule, STR_FMT(buf_str(&text)), expected);
}

static void test_every_relabel_action(void **state)
{
    check_rule("{source_labels: [a, c], regex: '(x)(\\d);(.*)', target_label: d, "
               "replacement: '${2}-$1-$$$3'}",
               "{a=\"x1\", b=\"x1\", c=\"Y\", d=\"1-x-$Y\"}");
    check_rule("{source_labels: [a], regex: 'y.*', target_label: d}",
               "{a=\"x1\", b=\"x1\", c=\"Y\"}");
    check_rule("{source_labels: [none], target_label: a}", "{b=\"x1\", c=\"Y\"}");
    check_rule("{source_labels: [a], regex: 'x', action: keep}", "dropped"); /* anchored */
    check_rule("{source_labels: [a], regex: 'x1', action: drop}", "dropped");
    check_rule("{source_labels: [a], target_label: b, action: keepequal}",
               "{a=\"x1\", b=\"x1\", c=\"Y\"}");
    check_rule("{source_labels: [a], target_label: b, action: dropequal}", "dropped");
    /* The last eight bytes of md5("Y"), big-endian, modulo 1000. */
    check_rule("{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}",
               "{a=\"x1\", b=\"x1\", c=\"Y\", d=\"848\"}");
    check_rule("{regex: '(a|c)', action: labelmap, replacement: 'm_$1'}",
               "{a=\"x1\", b=\"x1\", c=\"Y\", m_a=\"x1\", m_c=\"Y\"}");
    check_rule("{regex: 'a|b', action: labeldrop}", "{c=\"Y\"}");
    check_rule("{regex: 'a|b', action: labelkeep}", "{a=\"x1\", b=\"x1\"}");
    check_rule("{source_labels: [c], target_label: c, action: lowercase}",
               "{a=\"x1\", b=\"x1\", c=\"y\"}");
    check_rule("{source_labels: [a], target_label: a, action: uppercase}",
               "{a=\"X1\", b=\"x1\", c=\"Y\"}");
}

static int begin(void **state)
{
    arena_init(&arena, NULL);
    return 0;
}

static int end(void **state)
{
    arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_jobs_inherit_global_settings, begin, end),
        cmocka_unit_test_setup_teardown(test_bad_configurations_name_the_place, begin, end),
        cmocka_unit_test_setup_teardown(test_every_relabel_action, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/config.h"

static char file_path[] = "/tmp/luma-config-XXXXXX";

static void write_file(const char *text)
{
    FILE *file = fopen(file_path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static Status load_text(const char *text, Config *config, Error *err)
{
    const char *args[] = {"--config", file_path};
    write_file(text);
    return config_load(config, args, 2, err);
}

static void test_defaults_hold_without_arguments(void **state)
{
    Config config;
    assert_int_equal(config_load(&config, NULL, 0, NULL), STATUS_OK);
    assert_true(str_eq(config.postgres_listen, STR("127.0.0.1:5432")));
    assert_int_equal(config.query_timeout, 30 * NS_PER_SEC);
    assert_int_equal(config.wal_segment_bytes, 64 << 20);
    assert_true(config.self_enabled);
    config_done(&config);
}

static void test_flags_win_over_the_file(void **state)
{
    const char *args[] = {"--config",   file_path, "--wal.sync=off",
                          "--data-dir", "/tmp/x",  "--self.enabled=false",
                          "--hints"};
    Config config;
    write_file("wal:\n  sync: interval\n  sync_interval: 250ms\nquery: {timeout: 1m30s}\n");
    assert_int_equal(config_load(&config, args, 7, NULL), STATUS_OK);
    assert_true(str_eq(config.wal_sync, STR("off")));
    assert_int_equal(config.wal_sync_interval, 250 * NS_PER_MS);
    assert_int_equal(config.query_timeout, 90 * NS_PER_SEC);
    assert_true(str_eq(config.data_dir, STR("/tmp/x")));
    assert_false(config.self_enabled);
    assert_true(config.hints);
    config_done(&config);
}

static void test_unknown_keys_are_refused_with_their_place(void **state)
{
    static const struct {
        const char *text;
        const char *part;
    } cases[] = {
        {"wal:\n  snyc: always\n",
         "line 2, column 3: unknown key \"wal.snyc\"; did you mean wal.sync?"},
        {"nonsense: 1\n", "line 1, column 1: unknown key \"nonsense\""},
        {"wal: always\n", "line 1, column 6: wal needs keys below it"},
        {"wal: {sync: sometimes}\n", "wal.sync is one of: always interval off; not \"sometimes\""},
        {"query: {timeout: fast}\n", "query.timeout needs a duration such as 30s; not \"fast\""},
        {"data_dir: [a]\n", "data_dir needs a single value"},
        {"- a\n", "is a mapping of keys"},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        Config config;
        Error err;
        assert_int_equal(load_text(cases[i].text, &config, &err), STATUS_INVALID);
        if (str_find(str_from(err.message), str_from(cases[i].part)) < 0)
            fail_msg("\"%s\" lacks \"%s\"", err.message, cases[i].part);
    }
}

static void test_bad_flags_are_refused(void **state)
{
    static const char *const bad[] = {"--wal.snyc=always", "stray", "--query.timeout",
                                      "--net.loops=-1", "--config=/nonexistent/file"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(bad); i++) {
        Config config;
        Error err = {0};
        Status status = config_load(&config, &bad[i], 1, &err);
        assert_int_not_equal(status, STATUS_OK);
        assert_true(err.message[0] != 0);
    }
}

static void test_printed_configuration_loads_to_the_same_values(void **state)
{
    CLEANUP(buf_done) Buf first = {0};
    CLEANUP(buf_done) Buf second = {0};
    Config config;
    const char *args[] = {"--wal.sync=interval", "--auth.username=a\"b", "--auth.password=\\"};
    assert_int_equal(config_load(&config, args, 3, NULL), STATUS_OK);
    config_print(&config, &first);
    config_done(&config);
    buf_append_byte(&first, 0);
    first.len--;
    assert_int_equal(load_text(first.ptr, &config, NULL), STATUS_OK);
    config_print(&config, &second);
    assert_true(str_eq(buf_str(&first), buf_str(&second)));
    config_done(&config);
}

static void test_reload_changes_only_what_can_change(void **state)
{
    CLEANUP(buf_done) Buf kept = {0};
    const char *args[] = {"--query.timeout=5s", "--log.level=debug", "--wal.sync=off"};
    Config config;
    Config next;
    assert_int_equal(config_load(&config, NULL, 0, NULL), STATUS_OK);
    assert_int_equal(config_load(&next, args, 3, NULL), STATUS_OK);
    config_reload(&config, &next, &kept);
    assert_int_equal(config.query_timeout, 5 * NS_PER_SEC);
    assert_true(str_eq(config.log_level, STR("debug")));
    assert_true(str_eq(config.wal_sync, STR("always")));
    assert_true(str_eq(buf_str(&kept), STR("wal.sync")));
    config_done(&next);
    config_done(&config);
}

static int make_file(void **state)
{
    int fd = mkstemp(file_path);
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    return unlink(file_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_hold_without_arguments),
        cmocka_unit_test(test_flags_win_over_the_file),
        cmocka_unit_test(test_unknown_keys_are_refused_with_their_place),
        cmocka_unit_test(test_bad_flags_are_refused),
        cmocka_unit_test(test_printed_configuration_loads_to_the_same_values),
        cmocka_unit_test(test_reload_changes_only_what_can_change),
    };
    return cmocka_run_group_tests(tests, make_file, remove_file);
}

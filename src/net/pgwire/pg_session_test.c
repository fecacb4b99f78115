/* The state machine of a logged-in connection, over a backend without an engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/pgwire/pg_fake_query.h"
#include "net/pgwire/pg_session.h"

typedef struct Fixture {
    PgSession s;
    Buf in;
    Buf out;         /* everything answered so far */
    char types[512]; /* message types of the answers, in order */
} Fixture;

static int setup(void **state)
{
    Fixture *f = MEM_NEW(Fixture);
    Session *session;
    Error err;
    SessionOptions options = {.user = STR("u"), .database = STR("d")};

    assert_int_equal(session_new(NULL, &options, &session, &err), STATUS_OK);
    pg_session_init(&f->s, session, 100, 1 << 20);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    Fixture *f = *state;

    pg_session_done(&f->s);
    buf_done(&f->in);
    buf_done(&f->out);
    mem_free(f);
    assert_int_equal(fake_session_count, 0);
    return 0;
}

static void put(Fixture *f, char type, Str body)
{
    size_t at = pg_begin(&f->in, type);
    buf_append_str(&f->in, body);
    pg_end(&f->in, at);
}

static void query(Fixture *f, const char *text)
{
    put(f, 'Q', (Str){text, strlen(text) + 1});
}

static void parse(Fixture *f, const char *name, const char *text)
{
    size_t at = pg_begin(&f->in, 'P');
    pg_append_cstr(&f->in, str_from(name));
    pg_append_cstr(&f->in, str_from(text));
    buf_append_be16(&f->in, 0);
    pg_end(&f->in, at);
}

/* Text parameters and results. */
static void bind(Fixture *f, const char *portal, const char *name, int count,
                 const char *const *values)
{
    size_t at = pg_begin(&f->in, 'B');
    pg_append_cstr(&f->in, str_from(portal));
    pg_append_cstr(&f->in, str_from(name));
    buf_append_be16(&f->in, 0);
    buf_append_be16(&f->in, (uint16_t)count);
    for (int i = 0; i < count; i++) {
        buf_append_be32(&f->in, values[i] ? (uint32_t)strlen(values[i]) : UINT32_MAX);
        if (values[i])
            buf_append(&f->in, values[i], strlen(values[i]));
    }
    buf_append_be16(&f->in, 0);
    pg_end(&f->in, at);
}

static void execute(Fixture *f, const char *portal, uint32_t limit)
{
    size_t at = pg_begin(&f->in, 'E');
    pg_append_cstr(&f->in, str_from(portal));
    buf_append_be32(&f->in, limit);
    pg_end(&f->in, at);
}

static void sync(Fixture *f)
{
    put(f, 'S', STR(""));
}

/* Feeds what was put, collects the answers and their types. */
static PgOutcome run(Fixture *f)
{
    PgOutcome outcome;
    size_t pos = 0;
    size_t used;
    size_t n = 0;
    PgMessage m;
    size_t len;

    buf_clear(&f->out);
    do {
        outcome = pg_session_run(&f->s, str_sub(buf_str(&f->in), pos, f->in.len), &used);
        pos += used;
        buf_append_str(&f->out, buf_str(&f->s.out));
        buf_clear(&f->s.out);
    } while (outcome == PG_FULL);
    buf_clear(&f->in);
    for (Str rest = buf_str(&f->out); pg_message_next(rest, 1 << 30, &m, &len) == PG_FRAMING_WHOLE;
         rest = str_sub(rest, len, rest.len))
        if (n + 1 < sizeof f->types)
            f->types[n++] = m.type;
    f->types[n] = 0;
    return outcome;
}

/* Body of the n-th answer of a type. */
static Str answer(Fixture *f, char type, int n)
{
    PgMessage m;
    size_t len;

    for (Str rest = buf_str(&f->out); pg_message_next(rest, 1 << 30, &m, &len) == PG_FRAMING_WHOLE;
         rest = str_sub(rest, len, rest.len))
        if (m.type == type && n-- == 0)
            return m.body;
    fail_msg("no answer %c in %s", type, f->types);
    return (Str){0};
}

static bool contains(Str body, Str part)
{
    return str_find(body, part) >= 0;
}

static void test_simple_query_sends_rows_and_ready(void **state)
{
    Fixture *f = *state;

    query(f, "rows 3");
    assert_int_equal(run(f), PG_IDLE);
    assert_string_equal(f->types, "TDDDCZ");
    assert_true(str_eq(answer(f, 'C', 0), STR("SELECT 3\0")));
    assert_true(str_eq(answer(f, 'Z', 0), STR("I")));
    assert_true(str_eq(answer(f, 'D', 1), STR("\0\4\0\0\0\1"
                                              "1\0\0\0\7"
                                              "1000003\0\0\0\5"
                                              "0.125\0\0\0\1"
                                              "a")));
}

static void test_row_description_names_types(void **state)
{
    Fixture *f = *state;

    query(f, "rows 0");
    (void)run(f);
    assert_true(str_starts(answer(f, 'T', 0),
                           STR("\0\4i\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\0b\0")));
}

static void test_several_statements_share_one_transaction(void **state)
{
    Fixture *f = *state;

    query(f, "rows 1; nothing; rows 2");
    (void)run(f);
    assert_string_equal(f->types, "TDCCTDDCZ");
    assert_int_equal(f->s.session->begin_count, 1);
    assert_int_equal(f->s.session->rollback_count, 0);
}

static void test_error_drops_the_rest_of_the_string(void **state)
{
    Fixture *f = *state;

    query(f, "rows 1; fail 22003; rows 2");
    (void)run(f);
    assert_string_equal(f->types, "TDCEZ");
    assert_true(contains(answer(f, 'E', 0), STR("C22003\0Mfailed on request\0P6\0")));
    assert_int_equal(f->s.session->rollback_count, 1);
}

static void test_error_after_rows(void **state)
{
    Fixture *f = *state;

    query(f, "latefail 2");
    (void)run(f);
    assert_string_equal(f->types, "TDDEZ");
}

static void test_empty_query(void **state)
{
    Fixture *f = *state;

    query(f, ";;;");
    (void)run(f);
    assert_string_equal(f->types, "IZ");
}

static void test_transaction_states(void **state)
{
    Fixture *f = *state;

    query(f, "begin");
    (void)run(f);
    assert_true(str_eq(answer(f, 'Z', 0), STR("T")));
    query(f, "fail 22003");
    (void)run(f);
    assert_true(str_eq(answer(f, 'Z', 0), STR("E")));
    query(f, "rows 1");
    (void)run(f);
    assert_true(contains(answer(f, 'E', 0), STR("C25P02\0")));
    query(f, "rollback");
    (void)run(f);
    assert_true(str_eq(answer(f, 'Z', 0), STR("I")));
}

static void test_notice_and_parameter_status(void **state)
{
    Fixture *f = *state;

    query(f, "notice");
    (void)run(f);
    assert_string_equal(f->types, "NCZ");
    assert_true(contains(answer(f, 'N', 0), STR("SNOTICE\0")));
    query(f, "set datestyle SQL, DMY");
    (void)run(f);
    assert_string_equal(f->types, "SCZ");
    assert_true(str_eq(answer(f, 'S', 0), STR("DateStyle\0SQL, DMY\0")));
}

static void test_settings_reach_the_encoder(void **state)
{
    Fixture *f = *state;
    const char *const values[] = {"2024-02-01"};

    query(f, "set datestyle German");
    parse(f, "", "echo date");
    bind(f, "", "", 1, values);
    execute(f, "", 0);
    sync(f);
    (void)run(f);
    assert_true(contains(answer(f, 'D', 0), STR("01.02.2024")));
}

static void test_extended_query(void **state)
{
    Fixture *f = *state;
    const char *const values[] = {"42", NULL, "{1,2}"};

    parse(f, "s1", "echo int4 text _int8");
    put(f, 'D', STR("Ss1\0"));
    bind(f, "", "s1", 3, values);
    put(f, 'D', STR("P\0"));
    execute(f, "", 0);
    sync(f);
    assert_int_equal(run(f), PG_IDLE);
    assert_string_equal(f->types, "1tT2TDCZ");
    assert_true(str_eq(answer(f, 't', 0), STR("\0\3\0\0\0\x17\0\0\0\x19\0\0\3\xf8")));
    assert_true(str_eq(answer(f, 'D', 0), STR("\0\3\0\0\0\2"
                                              "42\xff\xff\xff\xff\0\0\0\5{1,2}")));
    /* The portal ended with the transaction, the statement lives on. */
    execute(f, "", 0);
    sync(f);
    bind(f, "", "s1", 3, values);
    execute(f, "", 0);
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "EZ2DCZ");
    assert_true(contains(answer(f, 'E', 0), STR("C34000\0")));
}

static void test_binary_results(void **state)
{
    Fixture *f = *state;

    parse(f, "", "rows 2");
    put(f, 'B', STR("\0\0\0\0\0\0\0\1\0\1"));
    execute(f, "", 0);
    sync(f);
    (void)run(f);
    assert_true(
        str_starts(answer(f, 'D', 1), STR("\0\4\0\0\0\4\0\0\0\1\0\0\0\x8\0\0\0\0\0\xf\x42\x43")));
}

static void test_row_limit_suspends_the_portal(void **state)
{
    Fixture *f = *state;

    parse(f, "", "rows 5");
    bind(f, "p", "", 0, NULL);
    execute(f, "p", 2);
    execute(f, "p", 2);
    execute(f, "p", 2);
    execute(f, "p", 2);
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "12DDsDDsDCCZ");
    assert_true(str_eq(answer(f, 'C', 0), STR("SELECT 1\0")));
    assert_true(str_eq(answer(f, 'C', 1), STR("SELECT 0\0")));
}

static void test_error_skips_to_sync(void **state)
{
    Fixture *f = *state;

    parse(f, "", "wrong");
    bind(f, "", "", 0, NULL);
    execute(f, "", 0);
    parse(f, "x", "rows 1");
    sync(f);
    bind(f, "", "x", 0, NULL);
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "EZEZ");
    assert_true(contains(answer(f, 'E', 0), STR("P1\0")));
    assert_true(contains(answer(f, 'E', 1), STR("C26000\0")));
}

static void test_parameters_are_checked(void **state)
{
    Fixture *f = *state;
    const char *const bad[] = {"x"};

    parse(f, "", "echo int4");
    bind(f, "", "", 0, NULL);
    sync(f);
    bind(f, "", "", 1, bad);
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "1EZEZ");
    assert_true(contains(answer(f, 'E', 0), STR("C08P01\0")));
    assert_true(contains(answer(f, 'E', 1), STR("invalid input syntax for type integer: \"x\"")));
}

static void test_names_and_closing(void **state)
{
    Fixture *f = *state;

    parse(f, "a", "rows 1");
    parse(f, "a", "rows 1");
    sync(f);
    put(f, 'C', STR("Sa\0"));
    put(f, 'C', STR("Snone\0"));
    parse(f, "a", "nothing");
    bind(f, "", "a", 0, NULL);
    put(f, 'D', STR("P\0"));
    execute(f, "", 0);
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "1EZ3312nCZ");
    assert_true(contains(answer(f, 'E', 0), STR("C42P05\0")));
}

static void test_several_commands_cannot_be_prepared(void **state)
{
    Fixture *f = *state;

    parse(f, "", "rows 1; rows 2");
    sync(f);
    parse(f, "", "");
    bind(f, "", "", 0, NULL);
    execute(f, "", 0);
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "EZ12IZ");
}

static void test_statement_count_is_bounded(void **state)
{
    Fixture *f = *state;
    char name[16];

    for (int i = 0; i < 101; i++) {
        (void)snprintf(name, sizeof name, "s%d", i);
        parse(f, name, "nothing");
    }
    sync(f);
    (void)run(f);
    assert_true(contains(answer(f, 'E', 0), STR("C54000\0")));
}

static void test_copy_in_takes_data_between_statements(void **state)
{
    Fixture *f = *state;

    query(f, "copyin; nothing");
    put(f, 'd', STR("1\n"));
    put(f, 'H', STR(""));
    sync(f);
    put(f, 'd', STR("234\n"));
    put(f, 'c', STR(""));
    (void)run(f);
    assert_string_equal(f->types, "GCCZ");
    assert_true(contains(answer(f, 'C', 0), STR("COPY 6\0")));
}

static void test_copy_in_that_fails_ignores_the_rest(void **state)
{
    Fixture *f = *state;

    query(f, "copyin; nothing");
    put(f, 'd', STR("x"));
    put(f, 'd', STR("y"));
    put(f, 'c', STR(""));
    (void)run(f);
    assert_string_equal(f->types, "GEZ");
    assert_true(contains(answer(f, 'E', 0), STR("C22P04\0")));
    query(f, "copyin");
    put(f, 'f', STR("no\0"));
    (void)run(f);
    assert_string_equal(f->types, "GEZ");
    query(f, "copyin");
    query(f, "nothing");
    (void)run(f);
    assert_string_equal(f->types, "GEZ");
    assert_true(contains(answer(f, 'E', 0), STR("C08P01\0")));
}

static void test_extended_copy_waits_for_its_sync(void **state)
{
    Fixture *f = *state;

    parse(f, "", "copyin");
    bind(f, "", "", 0, NULL);
    execute(f, "", 0);
    sync(f);
    put(f, 'd', STR("1"));
    put(f, 'c', STR(""));
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "12GCZ");
    parse(f, "", "copyin");
    bind(f, "", "", 0, NULL);
    execute(f, "", 0);
    put(f, 'd', STR("x"));
    put(f, 'c', STR(""));
    parse(f, "", "nothing");
    sync(f);
    (void)run(f);
    assert_string_equal(f->types, "12GEZ");
}

static void test_copy_out_sends_a_row_a_message(void **state)
{
    Fixture *f = *state;

    query(f, "copyout 2");
    (void)run(f);
    assert_string_equal(f->types, "HddcCZ");
    assert_true(str_eq(answer(f, 'd', 1), STR("1\t1000003\t0.125\ta\n")));
    query(f, "copyout 20000");
    (void)run(f);
    assert_true(contains(answer(f, 'C', 0), STR("COPY 20000\0")));
}

static void test_large_result_stops_when_full(void **state)
{
    Fixture *f = *state;
    size_t used;
    int rounds = 1;

    query(f, "rows 20000");
    size_t total = f->in.len;
    PgOutcome outcome = pg_session_run(&f->s, buf_str(&f->in), &used);
    assert_int_equal(used, total);
    while (outcome == PG_FULL) {
        assert_true(f->s.out.len >= PG_FLUSH_BYTES && f->s.out.len < PG_FLUSH_BYTES + 4096);
        buf_append_str(&f->out, buf_str(&f->s.out));
        buf_clear(&f->s.out);
        outcome = pg_session_run(&f->s, (Str){0}, &used);
        rounds++;
    }
    buf_append_str(&f->out, buf_str(&f->s.out));
    assert_true(rounds > 5);
    assert_true(str_eq(answer(f, 'C', 0), STR("SELECT 20000\0")));
    (void)answer(f, 'D', 19999);
    buf_clear(&f->in);
}

static void test_goodbye_and_nonsense_close(void **state)
{
    Fixture *f = *state;

    put(f, 'X', STR(""));
    assert_int_equal(run(f), PG_CLOSE);
    put(f, '@', STR("?"));
    assert_int_equal(run(f), PG_CLOSE);
    assert_string_equal(f->types, "E");
    assert_true(contains(answer(f, 'E', 0), STR("SFATAL\0")));
}

static void test_options_are_split(void **state)
{
    CLEANUP(buf_done) Buf scratch = {0};
    Str rest = STR("-c a=b  --c-d=e\\ f -cx=1 -z");
    Str name;
    Str value;
    bool bad;

    (void)state;
    assert_true(pg_option_next(&rest, &scratch, &name, &value, &bad) && !bad);
    assert_true(str_eq(name, STR("a")) && str_eq(value, STR("b")));
    assert_true(pg_option_next(&rest, &scratch, &name, &value, &bad) && !bad);
    assert_true(str_eq(name, STR("c-d")) && str_eq(value, STR("e f")));
    assert_true(pg_option_next(&rest, &scratch, &name, &value, &bad) && !bad);
    assert_true(str_eq(name, STR("x")) && str_eq(value, STR("1")));
    assert_true(pg_option_next(&rest, &scratch, &name, &value, &bad) && bad);
    assert_false(pg_option_next(&rest, &scratch, &name, &value, &bad));
}

static void test_startup_packets(void **state)
{
    PgStartup s;
    Error err;

    (void)state;
    assert_int_equal(pg_startup_parse(STR("\0\3\0\0user\0bob\0options\0-c a=b\0\0"), &s, &err),
                     STATUS_OK);
    assert_true(str_eq(s.user, STR("bob")) && str_eq(s.database, STR("bob")) &&
                str_eq(s.options, STR("-c a=b")));
    assert_int_equal(pg_startup_parse(STR("\0\3\0\0database\0d\0\0"), &s, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "28000");
    assert_int_equal(pg_startup_parse(STR("\0\3\0\0user\0bob\0"), &s, &err), STATUS_INVALID);
    assert_int_equal(pg_startup_parse(STR("\0\3\0\0user\0bob\0x\0\0junk\0"), &s, &err),
                     STATUS_INVALID);
    assert_int_equal(pg_startup_parse(STR("\x4\xd2\x16\x2e\0\0\0\1\0\0\0\2"), &s, &err), STATUS_OK);
    assert_int_equal(s.cancel_pid, 1);
    assert_int_equal(s.cancel_secret, 2);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_simple_query_sends_rows_and_ready),
        TEST(test_row_description_names_types),
        TEST(test_several_statements_share_one_transaction),
        TEST(test_error_drops_the_rest_of_the_string),
        TEST(test_error_after_rows),
        TEST(test_empty_query),
        TEST(test_transaction_states),
        TEST(test_notice_and_parameter_status),
        TEST(test_settings_reach_the_encoder),
        TEST(test_extended_query),
        TEST(test_binary_results),
        TEST(test_row_limit_suspends_the_portal),
        TEST(test_error_skips_to_sync),
        TEST(test_parameters_are_checked),
        TEST(test_names_and_closing),
        TEST(test_several_commands_cannot_be_prepared),
        TEST(test_statement_count_is_bounded),
        TEST(test_copy_in_takes_data_between_statements),
        TEST(test_copy_in_that_fails_ignores_the_rest),
        TEST(test_extended_copy_waits_for_its_sync),
        TEST(test_copy_out_sends_a_row_a_message),
        TEST(test_large_result_stops_when_full),
        TEST(test_goodbye_and_nonsense_close),
        cmocka_unit_test(test_options_are_split),
        cmocka_unit_test(test_startup_packets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

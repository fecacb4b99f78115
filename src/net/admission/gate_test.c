/* The gate under a clock that the tests turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "net/admission/gate.h"

static int64_t now_ns;

static int64_t fake_clock(void)
{
    return __atomic_load_n(&now_ns, __ATOMIC_RELAXED);
}

static NetAddress address(const char *host)
{
    char text[64];
    NetAddress ret;

    (void)snprintf(text, sizeof text, strchr(host, ':') ? "[%s]:5" : "%s:5", host);
    assert_int_equal(net_address_parse(text, &ret, NULL), STATUS_OK);
    return ret;
}

static AddressRule rule(const char *text)
{
    AddressRule ret;

    assert_int_equal(address_rule_parse(str_from(text), &ret, NULL), STATUS_OK);
    return ret;
}

static Gate *make(const GateLimits *limits)
{
    Gate *gate = gate_new(fake_clock);

    now_ns = 1000 * NS_PER_SEC;
    gate_set_limits(gate, limits);
    return gate;
}

static AccessVerdict take(Gate *gate, const char *host)
{
    NetAddress peer = address(host);
    int retry;
    bool banned;
    return gate_take(gate, &peer, &retry, &banned);
}

static bool is_banned(Gate *gate, const char *host)
{
    NetAddress peer = address(host);
    return gate_is_banned(gate, &peer);
}

static bool fail_login(Gate *gate, const char *host)
{
    NetAddress peer = address(host);
    return gate_login_failed(gate, &peer);
}

static void test_rules_cover_their_range(void **state)
{
    static const struct {
        const char *rule;
        const char *host;
        bool covers;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7", true},         {"192.0.2.7", "192.0.2.8", false},
        {"10.0.0.0/8", "10.255.0.1", true},       {"10.0.0.0/8", "11.0.0.1", false},
        {"10.1.2.3/8", "10.9.9.9", true},         {"0.0.0.0/0", "198.51.100.1", true},
        {"0.0.0.0/0", "2001:db8::1", false},      {"::/0", "192.0.2.1", true},
        {"2001:db8::/32", "2001:db8:9::1", true}, {"2001:db8::/33", "2001:db8:8000::1", false},
        {"192.0.2.128/25", "192.0.2.127", false}, {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        AddressRule r = rule(cases[i].rule);
        NetAddress peer = address(cases[i].host);
        assert_int_equal(address_rule_covers(&r, &peer), cases[i].covers);
    }
}

static void test_rules_are_printed_as_they_are_read(void **state)
{
    static const char *const texts[] = {"192.0.2.7", "10.0.0.0/8", "2001:db8::/32", "::1",
                                        "0.0.0.0/0"};
    char text[ADDRESS_RULE_TEXT_MAX];

    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++) {
        AddressRule r = rule(texts[i]);
        assert_string_equal(address_rule_format(&r, text), texts[i]);
    }
}

static void test_what_is_no_address_is_refused(void **state)
{
    static const char *const texts[] = {"",         "host",       "1.2.3",     "1.2.3.4/33",
                                        "1.2.3.4/", "1.2.3.4/-1", "::1/129",   "1.2.3.4/8x",
                                        "[::1]",    "1.2.3.4:80", "1.2.3.4/ 8"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++) {
        AddressRule r;
        assert_int_equal(address_rule_parse(str_from(texts[i]), &r, NULL), STATUS_INVALID);
    }
}

static void test_tokens_come_back_with_time(void **state)
{
    Gate *gate = make(&(GateLimits){.queries_per_second = 2, .queries_burst = 3});
    NetAddress peer = address("192.0.2.1");
    int retry;
    bool banned;

    for (int i = 0; i < 3; i++)
        assert_int_equal(take(gate, "192.0.2.1"), ACCESS_GRANTED);
    assert_int_equal(gate_take(gate, &peer, &retry, &banned), ACCESS_BUSY);
    assert_int_equal(retry, 1);
    assert_false(banned);
    assert_int_equal(take(gate, "192.0.2.2"), ACCESS_GRANTED); /* another has its own */
    now_ns += NS_PER_SEC / 2;
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_GRANTED);
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_BUSY);
    now_ns += 100 * NS_PER_SEC; /* no more than the burst */
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(gate, "192.0.2.1"), ACCESS_GRANTED);
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_BUSY);
    gate_set_limits(gate, &(GateLimits){0});
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_GRANTED);
    (void)gate_free(gate);
}

static void test_an_ipv6_customer_is_one(void **state)
{
    Gate *gate = make(&(GateLimits){.queries_per_second = 1, .queries_burst = 1});

    assert_int_equal(take(gate, "2001:db8::1"), ACCESS_GRANTED);
    assert_int_equal(take(gate, "2001:db8::2"), ACCESS_BUSY);
    assert_int_equal(take(gate, "2001:db8:0:1::1"), ACCESS_GRANTED);
    (void)gate_free(gate);
}

static void test_failed_logins_ban_for_a_while(void **state)
{
    Gate *gate = make(&(GateLimits){.failed_logins_max = 3,
                                    .failed_logins_window_ns = 60 * NS_PER_SEC,
                                    .ban_ns = 600 * NS_PER_SEC});
    NetAddress peer = address("192.0.2.1");

    assert_false(fail_login(gate, "192.0.2.1"));
    assert_false(fail_login(gate, "192.0.2.1"));
    assert_true(fail_login(gate, "192.0.2.1"));
    assert_true(is_banned(gate, "192.0.2.1"));
    assert_false(is_banned(gate, "192.0.2.2"));
    assert_int_equal(gate_enter(gate, &peer), ACCESS_BANNED);
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_BANNED);
    now_ns += 599 * NS_PER_SEC;
    assert_true(is_banned(gate, "192.0.2.1"));
    now_ns += NS_PER_SEC;
    assert_false(is_banned(gate, "192.0.2.1"));
    (void)gate_free(gate);
}

static void test_failures_far_apart_or_before_a_good_login_do_not_ban(void **state)
{
    Gate *gate = make(&(GateLimits){.failed_logins_max = 2,
                                    .failed_logins_window_ns = 60 * NS_PER_SEC,
                                    .ban_ns = 600 * NS_PER_SEC});
    NetAddress peer = address("192.0.2.1");

    for (int i = 0; i < 5; i++) {
        assert_false(fail_login(gate, "192.0.2.1"));
        now_ns += 61 * NS_PER_SEC;
    }
    for (int i = 0; i < 5; i++) {
        assert_false(fail_login(gate, "192.0.2.1"));
        gate_login_good(gate, &peer);
    }
    (void)gate_free(gate);
}

static void test_loopback_and_trusted_are_never_banned(void **state)
{
    AddressRule trusted = rule("10.0.0.0/8");
    AddressRule all[] = {rule("0.0.0.0/0"), rule("::/0")};
    Gate *gate = make(&(GateLimits){.failed_logins_max = 1,
                                    .failed_logins_window_ns = NS_PER_SEC,
                                    .ban_ns = NS_PER_SEC,
                                    .trusted = &trusted,
                                    .trusted_count = 1,
                                    .banned = all,
                                    .banned_count = 2});
    AddressRule inner = rule("10.1.0.0/16");
    AddressRule own = rule("127.0.0.1");

    assert_true(is_banned(gate, "192.0.2.1"));
    assert_true(is_banned(gate, "2001:db8::1"));
    static const char *const safe[] = {"127.0.0.1", "127.9.9.9", "::1", "10.2.3.4"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(safe); i++) {
        assert_false(fail_login(gate, safe[i]));
        assert_false(is_banned(gate, safe[i]));
    }
    assert_int_equal(gate_ban(gate, &inner, NS_PER_SEC, NULL), STATUS_INVALID);
    assert_int_equal(gate_ban(gate, &own, NS_PER_SEC, NULL), STATUS_INVALID);
    (void)gate_free(gate);
}

static void test_refusals_ban_when_told_so(void **state)
{
    Gate *gate = make(&(GateLimits){.queries_per_second = 1,
                                    .queries_burst = 1,
                                    .failed_logins_window_ns = 60 * NS_PER_SEC,
                                    .refusals_max = 2,
                                    .ban_ns = 10 * NS_PER_SEC});
    NetAddress peer = address("192.0.2.1");
    int retry;
    bool banned;

    assert_int_equal(gate_take(gate, &peer, &retry, &banned), ACCESS_GRANTED);
    assert_int_equal(gate_take(gate, &peer, &retry, &banned), ACCESS_BUSY);
    assert_false(banned);
    assert_int_equal(gate_take(gate, &peer, &retry, &banned), ACCESS_BUSY);
    assert_true(banned);
    assert_int_equal(gate_take(gate, &peer, &retry, &banned), ACCESS_BANNED);
    (void)gate_free(gate);
}

static void test_connections_of_an_address_are_counted(void **state)
{
    Gate *gate = make(&(GateLimits){.connections_per_address = 2});
    NetAddress peer = address("127.0.0.1");

    assert_int_equal(gate_enter(gate, &peer), ACCESS_GRANTED);
    assert_int_equal(gate_enter(gate, &peer), ACCESS_GRANTED);
    assert_int_equal(gate_enter(gate, &peer), ACCESS_BUSY);
    gate_leave(gate, &peer);
    assert_int_equal(gate_enter(gate, &peer), ACCESS_GRANTED);
    (void)gate_free(gate);
}

static void test_operators_ban_and_lift(void **state)
{
    AddressRule configured = rule("203.0.113.0/24");
    Gate *gate = make(&(GateLimits){.banned = &configured, .banned_count = 1});
    AddressRule one = rule("192.0.2.0/24");
    GateBan bans[4];

    assert_int_equal(gate_ban(gate, &one, 90 * NS_PER_SEC + 1, NULL), STATUS_OK);
    assert_true(is_banned(gate, "192.0.2.200"));
    assert_int_equal(gate_bans(gate, bans, 4), 2);
    assert_true(bans[0].configured && bans[0].seconds_left == INT64_MAX);
    assert_true(!bans[1].configured && bans[1].seconds_left == 91);
    assert_true(gate_unban(gate, &one));
    assert_false(gate_unban(gate, &one));
    assert_false(gate_unban(gate, &configured));
    assert_false(is_banned(gate, "192.0.2.200"));
    (void)gate_free(gate);
}

static void test_what_is_known_of_addresses_is_bounded(void **state)
{
    Gate *gate = make(&(GateLimits){
        .queries_per_second = 1, .queries_burst = 1, .failed_logins_window_ns = NS_PER_SEC});
    char host[32];

    for (int i = 0; i < GATE_PEERS_MAX + 100; i++) {
        (void)snprintf(host, sizeof host, "198.18.%d.%d", i >> 8 & 255, i & 255);
        if (i >> 16)
            (void)snprintf(host, sizeof host, "198.19.%d.%d", i >> 8 & 255, i & 255);
        assert_int_equal(take(gate, host), ACCESS_GRANTED);
    }
    assert_int_equal(gate_peer_count(gate), GATE_PEERS_MAX);
    now_ns += 10 * NS_PER_SEC; /* the idle ones make room */
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_GRANTED);
    assert_int_equal(take(gate, "192.0.2.1"), ACCESS_BUSY);
    assert_true(gate_peer_count(gate) < GATE_PEERS_MAX);
    (void)gate_free(gate);
}

static void hammer(void *arg)
{
    Gate *gate = arg;
    AddressRule one = rule("192.0.2.9");
    GateBan bans[8];

    for (int i = 0; i < 2000; i++) {
        NetAddress peer = address(i % 2 ? "192.0.2.9" : "192.0.2.10");
        if (gate_enter(gate, &peer) == ACCESS_GRANTED)
            gate_leave(gate, &peer);
        (void)take(gate, "192.0.2.9");
        (void)gate_ban(gate, &one, NS_PER_SEC, NULL);
        (void)gate_bans(gate, bans, 8);
        (void)gate_unban(gate, &one);
        gate_set_limits(gate, &(GateLimits){.queries_per_second = 1000 + i % 7});
    }
}

static void test_threads_may_share_it(void **state)
{
    Gate *gate = make(&(GateLimits){.queries_per_second = 1000});
    Thread threads[3];

    for (size_t i = 0; i < LUMA_ARRAY_LEN(threads); i++)
        assert_int_equal(thread_start(&threads[i], "hammer", hammer, gate, NULL), STATUS_OK);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(threads); i++)
        thread_join(&threads[i]);
    assert_int_equal(gate_bans(gate, NULL, 0), 0);
    (void)gate_free(gate);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_cover_their_range),
        cmocka_unit_test(test_rules_are_printed_as_they_are_read),
        cmocka_unit_test(test_what_is_no_address_is_refused),
        cmocka_unit_test(test_tokens_come_back_with_time),
        cmocka_unit_test(test_an_ipv6_customer_is_one),
        cmocka_unit_test(test_failed_logins_ban_for_a_while),
        cmocka_unit_test(test_failures_far_apart_or_before_a_good_login_do_not_ban),
        cmocka_unit_test(test_loopback_and_trusted_are_never_banned),
        cmocka_unit_test(test_refusals_ban_when_told_so),
        cmocka_unit_test(test_connections_of_an_address_are_counted),
        cmocka_unit_test(test_operators_ban_and_lift),
        cmocka_unit_test(test_what_is_known_of_addresses_is_bounded),
        cmocka_unit_test(test_threads_may_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

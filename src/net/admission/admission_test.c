#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"
#include "net/admission/admission.h"
#include "net/admission/verifier.h"

/* ---- an asker that waits ---- */

typedef struct Waiter {
    AccessCheck check;
    Mutex lock;
    Cond cond;
    bool done;
} Waiter;

static void on_done(AccessCheck *check)
{
    Waiter *waiter = LUMA_CONTAINER_OF(check, Waiter, check);
    MUTEX_GUARD(&waiter->lock);
    waiter->done = true;
    cond_signal(&waiter->cond);
}

/* *ret_at_once: decided without the slow check. */
static AccessCheck ask(Admission *a, const char *peer, Credentials credentials, bool *ret_at_once)
{
    Access access = admission_access(a);
    Waiter waiter = {.check = {.credentials = credentials, .done = on_done}};

    assert_int_equal(net_address_parse(peer, &waiter.check.peer, NULL), STATUS_OK);
    mutex_init(&waiter.lock);
    cond_init(&waiter.cond);
    *ret_at_once = access.ops->on_login(access.ctx, &waiter.check);
    mutex_lock(&waiter.lock);
    while (!*ret_at_once && !waiter.done)
        cond_wait(&waiter.cond, &waiter.lock);
    mutex_unlock(&waiter.lock);
    cond_done(&waiter.cond);
    mutex_done(&waiter.lock);
    return waiter.check;
}

static Credentials password(const char *user, const char *secret)
{
    return (Credentials){CREDENTIAL_PASSWORD, str_from(user), str_from(secret), {0}};
}

static Admission *make(bool allow_anonymous)
{
    Admission *a;
    AdmissionOptions options = {.allow_anonymous = allow_anonymous, .md5 = true};
    assert_int_equal(admission_new(&options, &a, NULL), STATUS_OK);
    return a;
}

static void test_without_users_loopback_is_admin_and_others_are_not(void **state)
{
    Admission *a = make(false);
    bool at_once;

    AccessCheck check = ask(a, "127.0.0.1:5", (Credentials){0}, &at_once);
    assert_int_equal(check.verdict, ACCESS_GRANTED);
    assert_int_equal(check.principal.role, ROLE_ADMIN);
    check = ask(a, "[::1]:5", password("whoever", "x"), &at_once);
    assert_int_equal(check.verdict, ACCESS_GRANTED);
    assert_string_equal(check.principal.user, "whoever");
    check = ask(a, "192.0.2.1:5", (Credentials){0}, &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    (void)admission_free(a);
}

static void test_listening_widely_needs_users_or_permission(void **state)
{
    static const char *const wide[] = {":1", "0.0.0.0:1", "[::]:1", "192.0.2.1:1"};
    static const char *const narrow[] = {"127.0.0.1:1", "[::1]:1", "127.9.9.9:1"};
    Admission *closed = make(false);
    Admission *open = make(true);
    NetAddress address;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(wide); i++) {
        assert_int_equal(net_address_parse(wide[i], &address, NULL), STATUS_OK);
        assert_int_equal(admission_check_bind(closed, &address, NULL), STATUS_DENIED);
        assert_int_equal(admission_check_bind(open, &address, NULL), STATUS_OK);
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(narrow); i++) {
        assert_int_equal(net_address_parse(narrow[i], &address, NULL), STATUS_OK);
        assert_int_equal(admission_check_bind(closed, &address, NULL), STATUS_OK);
    }
    assert_int_equal(admission_set_user(closed, STR("u"), STR("p"), ROLE_READ, NULL), STATUS_OK);
    assert_int_equal(net_address_parse(":1", &address, NULL), STATUS_OK);
    assert_int_equal(admission_check_bind(closed, &address, NULL), STATUS_OK);
    (void)admission_free(closed);
    (void)admission_free(open);
}

static void test_passwords_are_checked_and_remembered(void **state)
{
    Admission *a = make(false);
    bool at_once;

    assert_int_equal(admission_set_user(a, STR("ann"), STR("right"), ROLE_WRITE, NULL), STATUS_OK);
    AccessCheck check = ask(a, "127.0.0.1:5", password("ann", "wrong"), &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    assert_false(at_once);
    check = ask(a, "127.0.0.1:5", password("bob", "right"), &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    assert_false(at_once);
    check = ask(a, "127.0.0.1:5", (Credentials){0}, &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    check = ask(a, "127.0.0.1:5", password("ann", "right"), &at_once);
    assert_int_equal(check.verdict, ACCESS_GRANTED);
    assert_int_equal(check.principal.role, ROLE_WRITE);
    assert_false(at_once);
    check = ask(a, "127.0.0.1:5", password("ann", "right"), &at_once);
    assert_int_equal(check.verdict, ACCESS_GRANTED);
    assert_true(at_once);
    /* A new password makes the remembered one worthless. */
    assert_int_equal(admission_set_user(a, STR("ann"), STR("new"), ROLE_WRITE, NULL), STATUS_OK);
    check = ask(a, "127.0.0.1:5", password("ann", "right"), &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    assert_true(admission_remove_user(a, STR("ann")));
    assert_false(admission_remove_user(a, STR("ann")));
    (void)admission_free(a);
}

static void test_tokens_and_client_certificates_stand_for_users(void **state)
{
    Admission *a = make(false);
    bool at_once;

    assert_int_equal(admission_set_token(a, STR("robot"), STR("t0ken"), ROLE_READ, NULL),
                     STATUS_OK);
    assert_int_equal(admission_set_user(a, STR("ann"), STR("p"), ROLE_ADMIN, NULL), STATUS_OK);
    AccessCheck check =
        ask(a, "127.0.0.1:5", (Credentials){.kind = CREDENTIAL_BEARER, .secret = STR("t0ken")},
            &at_once);
    assert_int_equal(check.verdict, ACCESS_GRANTED);
    assert_string_equal(check.principal.user, "robot");
    check = ask(a, "127.0.0.1:5", (Credentials){.kind = CREDENTIAL_BEARER, .secret = STR("other")},
                &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    check = ask(a, "127.0.0.1:5", (Credentials){.client_name = STR("ann")}, &at_once);
    assert_int_equal(check.principal.role, ROLE_ADMIN);
    check = ask(a, "127.0.0.1:5", (Credentials){.client_name = STR("eve")}, &at_once);
    assert_int_equal(check.verdict, ACCESS_UNAUTHENTICATED);
    (void)admission_free(a);
}

static void test_verifier_text_of_postgresql_is_understood(void **state)
{
    /* RFC 7677 3: user "user", password "pencil", this salt, 4096 rounds. PostgreSQL 15 prints the
     * verifier in this form. */
    Str text = STR("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
                   "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
                   "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
    Verifier v;

    assert_int_equal(verifier_parse(text, ROLE_READ, &v, NULL), STATUS_OK);
    assert_int_equal(v.iterations, 4096);
    assert_int_equal(v.salt_len, 16);
    assert_true(admission_check_password(&v, STR("pencil")));
    assert_false(admission_check_password(&v, STR("pencil ")));
    for (size_t cut = 0; cut < text.len; cut++)
        assert_int_equal(verifier_parse(str_sub(text, 0, cut), ROLE_READ, &v, NULL),
                         STATUS_INVALID);
}

static void test_unknown_user_has_a_steady_made_up_verifier(void **state)
{
    Admission *a = make(false);
    Verifier first;
    Verifier second;

    assert_false(admission_find_user(a, STR("eve"), &first));
    assert_false(admission_find_user(a, STR("eve"), &second));
    assert_memory_equal(&first, &second, sizeof first);
    assert_false(admission_find_user(a, STR("eva"), &second));
    assert_memory_not_equal(first.salt, second.salt, first.salt_len);
    assert_int_equal(admission_set_user(a, STR("ann"), STR("secret"), ROLE_READ, NULL), STATUS_OK);
    assert_true(admission_find_user(a, STR("ann"), &first));
    /* md5('secret' || 'ann') */
    assert_string_equal(first.md5, "md59d792a3a8853c2411afb9163d088c036");
    (void)admission_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_users_loopback_is_admin_and_others_are_not),
        cmocka_unit_test(test_listening_widely_needs_users_or_permission),
        cmocka_unit_test(test_passwords_are_checked_and_remembered),
        cmocka_unit_test(test_tokens_and_client_certificates_stand_for_users),
        cmocka_unit_test(test_verifier_text_of_postgresql_is_understood),
        cmocka_unit_test(test_unknown_user_has_a_steady_made_up_verifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

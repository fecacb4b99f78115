/* admission.c - users, and the thread that checks passwords.
 *
 * A check of HTTP credentials takes the first way that fits: open access, a token's hash, a
 * password that was right within the last minute, and only then the slow derivation, on the
 * checking thread. Of these a bounded number wait; more are told to come again.
 */
#include "net/admission/admission.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/clock.h"
#include "base/counter.h"
#include "base/map.h"
#include "base/thread.h"
#include "net/admission/verifier.h"

enum {
    NAME_BYTES_MAX = 63,
    TOKEN_BYTES_MAX = 4096,
    REMEMBERED_MAX = 1024,
    WAITING_MAX = 64,
};

static const int64_t remember_ns = 60 * NS_PER_SEC;

typedef struct Digest {
    uint8_t bytes[32];
} Digest;

/* A user; also the holder of a token, then without verifier. */
typedef struct User {
    char name[NAME_BYTES_MAX + 1];
    Verifier verifier; /* role included */
    uint64_t version;  /* of the password: remembered ones of older versions do not count */
    uint64_t reload;   /* in which it was set */
} User;

typedef struct Token {
    Digest digest; /* key */
    Principal principal;
    uint64_t reload; /* in which it was set */
} Token;

/* A password that was right: its slot is chosen by the digest, newer ones push out older ones. */
typedef struct Remembered {
    Digest digest; /* HMAC of name and password under the process's secret */
    uint64_t version;
    int64_t until_ns;
} Remembered;

struct Admission {
    AdmissionOptions options;
    uint8_t secret[32]; /* keys digests and made-up verifiers; immutable */
    Pool *checkers;
    Gate *gate;
    RwLock lock;
    Map users;        /* guarded by lock: name -> User */
    Map tokens;       /* guarded by lock: digest -> Token */
    uint64_t version; /* guarded by lock: of the last change */
    uint64_t reload;  /* guarded by lock: how many there were */
    Mutex remembered_lock;
    Remembered remembered[REMEMBERED_MAX]; /* guarded by remembered_lock */
};

/* ---- life ---- */

Status admission_new(const AdmissionOptions *options, Admission **ret_admission, Error *err)
{
    Admission *a = MEM_NEW(Admission);

    a->options = *options;
    rwlock_init(&a->lock);
    mutex_init(&a->remembered_lock);
    a->gate = gate_new(options->clock_ns);
    Status status = STATUS_OK;
    if (RAND_bytes(a->secret, sizeof a->secret) != 1)
        status = error_set(err, STATUS_INTERNAL, "OpenSSL has no random numbers");
    if (status == STATUS_OK)
        status = pool_new("password", 1, &a->checkers, err);
    if (status != STATUS_OK) {
        (void)admission_free(a);
        return status;
    }
    *ret_admission = a;
    return STATUS_OK;
}

static void free_values(Map *map)
{
    size_t pos = 0;

    for (const MapSlot *slot; (slot = map_next(map, &pos));)
        mem_free(slot->value);
    map_done(map);
}

Admission *admission_free(Admission *a)
{
    if (!a)
        return NULL;
    (void)pool_free(a->checkers);
    a->gate = gate_free(a->gate);
    free_values(&a->users);
    free_values(&a->tokens);
    mutex_done(&a->remembered_lock);
    rwlock_done(&a->lock);
    OPENSSL_cleanse(a, sizeof *a);
    mem_free(a);
    return NULL;
}

/* ---- users and tokens ---- */

static Status check_name(Str name, Error *err)
{
    if (!name.len || name.len > NAME_BYTES_MAX || memchr(name.ptr, 0, name.len))
        return error_set(err, STATUS_INVALID, "a user name has 1 to %d bytes", NAME_BYTES_MAX);
    return STATUS_OK;
}

Status admission_set_user(Admission *a, Str name, Str secret, Role role, Error *err)
{
    Verifier verifier;

    TRY(check_name(name, err));
    if (!secret.ptr) {
        verifier_fake(a->secret, name, &verifier);
        verifier.role = role;
    } else if (verifier_is_text(secret)) {
        TRY(verifier_parse(secret, role, &verifier, err));
    } else {
        TRY(verifier_make(name, secret, role, a->options.md5, &verifier, err));
    }
    User *user = MEM_NEW(User);
    memcpy(user->name, name.ptr, name.len);
    user->verifier = verifier;
    Str key = str_from(user->name);
    rwlock_write(&a->lock);
    user->version = ++a->version;
    user->reload = a->reload;
    User *old = map_remove(&a->users, key);
    *map_put(&a->users, key, NULL) = user;
    rwlock_unlock(&a->lock);
    mem_free(old);
    return STATUS_OK;
}

bool admission_remove_user(Admission *a, Str name)
{
    rwlock_write(&a->lock);
    User *old = map_remove(&a->users, name);
    a->version++;
    rwlock_unlock(&a->lock);
    mem_free(old);
    return old != NULL;
}

void admission_begin_reload(Admission *a)
{
    rwlock_write(&a->lock);
    a->reload++;
    rwlock_unlock(&a->lock);
}

/* One user or token of an earlier reload, or NULL. */
static void *take_stale(Admission *a)
{
    size_t pos = 0;

    for (const MapSlot *slot; (slot = map_next(&a->users, &pos));)
        if (((const User *)slot->value)->reload != a->reload)
            return map_remove(&a->users, slot->key);
    pos = 0;
    for (const MapSlot *slot; (slot = map_next(&a->tokens, &pos));)
        if (((const Token *)slot->value)->reload != a->reload)
            return map_remove(&a->tokens, slot->key);
    return NULL;
}

void admission_end_reload(Admission *a)
{
    rwlock_write(&a->lock);
    for (void *stale; (stale = take_stale(a));)
        mem_free(stale);
    a->version++;
    rwlock_unlock(&a->lock);
}

Status admission_parse_verifier(Str text, Role role, Verifier *ret_verifier, Error *err)
{
    return verifier_parse(text, role, ret_verifier, err);
}

bool admission_allows_anonymous(const Admission *a)
{
    return a->options.allow_anonymous;
}

Gate *admission_gate(Admission *a)
{
    return a->gate;
}

/* HMAC-SHA-256 over name, NUL, secret: names hold no NUL, so no two pairs are alike. */
static Digest digest_of(const Admission *a, Str name, Str secret)
{
    Digest digest;
    size_t len = sizeof digest.bytes;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    char hash_name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string("digest", hash_name, 0),
                           OSSL_PARAM_construct_end()};

    ASSERT(ctx && EVP_MAC_init(ctx, a->secret, sizeof a->secret, params) == 1);
    ASSERT(EVP_MAC_update(ctx, (const uint8_t *)name.ptr, name.len) == 1);
    ASSERT(EVP_MAC_update(ctx, (const uint8_t *)"", 1) == 1);
    ASSERT(EVP_MAC_update(ctx, (const uint8_t *)secret.ptr, secret.len) == 1);
    ASSERT(EVP_MAC_final(ctx, digest.bytes, &len, sizeof digest.bytes) == 1);
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    return digest;
}

static Str digest_key(const Digest *digest)
{
    return str_make(digest->bytes, sizeof digest->bytes);
}

Status admission_set_token(Admission *a, Str name, Str token, Role role, Error *err)
{
    TRY(check_name(name, err));
    if (!token.len || token.len > TOKEN_BYTES_MAX)
        return error_set(err, STATUS_INVALID, "a token has 1 to %d bytes", TOKEN_BYTES_MAX);
    Token *entry = MEM_NEW(Token);
    entry->digest = digest_of(a, (Str){0}, token);
    memcpy(entry->principal.user, name.ptr, name.len);
    entry->principal.role = role;
    Str key = digest_key(&entry->digest);
    rwlock_write(&a->lock);
    entry->reload = a->reload;
    Token *old = map_remove(&a->tokens, key);
    *map_put(&a->tokens, key, NULL) = entry;
    rwlock_unlock(&a->lock);
    mem_free(old);
    return STATUS_OK;
}

/* A user made by SQL. The version follows from the key, so that a new password counts at once. */
static bool get_sql_user(Admission *a, Str name, User *ret_user)
{
    User user = {0};

    if (!a->options.find_user || !name.len || name.len > NAME_BYTES_MAX ||
        !a->options.find_user(a->options.ctx, name, &user.verifier))
        return false;
    memcpy(user.name, name.ptr, name.len);
    memcpy(&user.version, user.verifier.stored_key, sizeof user.version);
    *ret_user = user;
    return true;
}

/* Copies the user out of the map. */
static bool get_user(Admission *a, Str name, User *ret_user)
{
    rwlock_read(&a->lock);
    const User *user = map_get(&a->users, name);
    if (user)
        *ret_user = *user;
    rwlock_unlock(&a->lock);
    return user || get_sql_user(a, name, ret_user);
}

bool admission_find_user(Admission *a, Str name, Verifier *ret_verifier)
{
    User user;

    if (get_user(a, name, &user)) {
        *ret_verifier = user.verifier;
        return true;
    }
    verifier_fake(a->secret, name, ret_verifier);
    return false;
}

/* Is nobody configured? Users made by SQL do not shut out those who made them. */
static bool is_nobody_known(Admission *a)
{
    rwlock_read(&a->lock);
    bool nobody = a->users.count + a->tokens.count == 0;
    rwlock_unlock(&a->lock);
    return nobody;
}

bool admission_is_open(Admission *a, const NetAddress *peer, Role *ret_role)
{
    bool nobody = is_nobody_known(a);

    if (!a->options.allow_anonymous && !(nobody && net_address_is_loopback(peer)))
        return false;
    *ret_role = ROLE_ADMIN;
    return true;
}

Status admission_check_bind(Admission *a, const NetAddress *address, Error *err)
{
    char text[64];
    bool nobody =
        is_nobody_known(a) && !(a->options.any_user && a->options.any_user(a->options.ctx));

    if (!nobody || a->options.allow_anonymous || net_address_is_loopback(address))
        return STATUS_OK;
    return error_set(
        err, STATUS_DENIED,
        "refusing to listen on %s, where anybody could reach it, without users; configure "
        "users or set auth.allow_anonymous=true",
        net_address_format(address, text));
}

/* ---- logins ---- */

static void tell(Admission *a, AdmissionEventKind kind, const char *protocol,
                 const NetAddress *peer, Str user, const char *reason)
{
    if (a->options.on_event)
        a->options.on_event(a->options.ctx,
                            &(AdmissionEvent){kind, protocol ? protocol : "", peer, user, reason});
}

static void tell_ban(Admission *a, const char *protocol, const NetAddress *peer, Str user,
                     const char *reason)
{
    counter_add(COUNTER_ADMISSION_BANS, 1);
    tell(a, ADMISSION_BAN, protocol, peer, user, reason);
}

void admission_login_good(Admission *a, const char *protocol, const NetAddress *peer, Str user)
{
    counter_add(COUNTER_LOGINS_GOOD, 1);
    gate_login_good(a->gate, peer);
    tell(a, ADMISSION_LOGIN, protocol, peer, user, "");
}

void admission_login_failed(Admission *a, const char *protocol, const NetAddress *peer, Str user)
{
    counter_add(COUNTER_LOGINS_FAILED, 1);
    tell(a, ADMISSION_LOGIN_FAILED, protocol, peer, user, "wrong credentials");
    if (gate_login_failed(a->gate, peer))
        tell_ban(a, protocol, peer, user, "failed logins");
}

AccessVerdict admission_take_query(Admission *a, const char *protocol, const NetAddress *peer,
                                   Str user, int *ret_retry_after_s)
{
    bool banned;
    AccessVerdict verdict = gate_take(a->gate, peer, ret_retry_after_s, &banned);

    if (verdict == ACCESS_BUSY)
        counter_add(COUNTER_ADMISSION_REFUSED_QUERIES, 1);
    if (banned)
        tell_ban(a, protocol, peer, user, "too many queries");
    return verdict;
}

static void grant(AccessCheck *check, Str user, Role role)
{
    check->verdict = ACCESS_GRANTED;
    check->principal = (Principal){.role = role};
    if (user.len)
        memcpy(check->principal.user, user.ptr, LUMA_MIN(user.len, (size_t)NAME_BYTES_MAX));
}

/* The credentials have been looked at: what follows from them. A failure counts only where some
 * were shown; a write by a known user needs no token. */
static void conclude(Admission *a, AccessCheck *check, bool known_user)
{
    if (check->verdict == ACCESS_UNAUTHENTICATED && check->credentials.kind != CREDENTIAL_NONE)
        admission_login_failed(a, check->listener, &check->peer, check->credentials.user);
    if (check->verdict != ACCESS_GRANTED || (known_user && check->needs == ROLE_WRITE))
        return;
    check->verdict = admission_take_query(a, check->listener, &check->peer,
                                          str_from(check->principal.user), &check->retry_after_s);
}

static Remembered *remembered_slot(Admission *a, const Digest *digest)
{
    uint32_t idx;
    memcpy(&idx, digest->bytes, sizeof idx);
    return &a->remembered[idx % REMEMBERED_MAX];
}

static bool is_remembered(Admission *a, const Digest *digest, uint64_t version)
{
    MUTEX_GUARD(&a->remembered_lock);
    const Remembered *slot = remembered_slot(a, digest);
    return slot->version == version && slot->until_ns > clock_mono_ns() &&
           CRYPTO_memcmp(slot->digest.bytes, digest->bytes, sizeof digest->bytes) == 0;
}

static void remember(Admission *a, const Digest *digest, uint64_t version)
{
    MUTEX_GUARD(&a->remembered_lock);
    *remembered_slot(a, digest) = (Remembered){*digest, version, clock_mono_ns() + remember_ns};
}

typedef struct PasswordCheck {
    PoolTask task;
    Admission *admission;
    AccessCheck *check;
    Digest digest;
    User user;
    bool known; /* else user.verifier is made up, so that both take as long */
} PasswordCheck;

static void run_password_check(PoolTask *task)
{
    PasswordCheck *work = LUMA_CONTAINER_OF(task, PasswordCheck, task);
    AccessCheck *check = work->check;

    check->verdict = ACCESS_UNAUTHENTICATED;
    if (admission_check_password(&work->user.verifier, check->credentials.secret) && work->known) {
        remember(work->admission, &work->digest, work->user.version);
        grant(check, str_from(work->user.name), work->user.verifier.role);
        admission_login_good(work->admission, check->listener, &check->peer,
                             str_from(work->user.name));
    }
    conclude(work->admission, check, true);
    OPENSSL_cleanse(work, sizeof *work);
    mem_free(work);
    check->done(check);
}

static bool check_password(Admission *a, AccessCheck *check)
{
    const Credentials *c = &check->credentials;
    User user = {0};
    bool known = get_user(a, c->user, &user);
    Digest digest = digest_of(a, c->user, c->secret);

    if (known && is_remembered(a, &digest, user.version)) {
        grant(check, c->user, user.verifier.role);
        return true;
    }
    if (pool_queue_len(a->checkers) >= WAITING_MAX) {
        check->verdict = ACCESS_BUSY;
        check->retry_after_s = 1;
        return true;
    }
    if (!known)
        verifier_fake(a->secret, c->user, &user.verifier);
    PasswordCheck *work = MEM_NEW(PasswordCheck);
    *work = (PasswordCheck){{.run = run_password_check}, a, check, digest, user, known};
    pool_submit(a->checkers, &work->task);
    return false;
}

static void check_token(Admission *a, AccessCheck *check)
{
    Digest digest = digest_of(a, (Str){0}, check->credentials.secret);

    check->verdict = ACCESS_UNAUTHENTICATED;
    rwlock_read(&a->lock);
    const Token *token = map_get(&a->tokens, digest_key(&digest));
    if (token) {
        check->verdict = ACCESS_GRANTED;
        check->principal = token->principal;
    }
    rwlock_unlock(&a->lock);
}

/* A verified client certificate stands for the user it names. */
static void check_nothing_shown(Admission *a, AccessCheck *check)
{
    Str name = check->credentials.client_name;
    User user;

    check->verdict = ACCESS_UNAUTHENTICATED;
    if (name.len && get_user(a, name, &user))
        grant(check, name, user.verifier.role);
}

/* True when the answer is there. */
static bool look_at(Admission *a, AccessCheck *check, bool *ret_known)
{
    Role role;
    User user;
    bool open = admission_is_open(a, &check->peer, &role);

    *ret_known = false;
    /* Where nobody is known any login will do; where anonymous access is allowed, none is needed.
     */
    if (open && (check->credentials.kind == CREDENTIAL_NONE ||
                 (is_nobody_known(a) && !get_sql_user(a, check->credentials.user, &user)))) {
        grant(check, check->credentials.user, role);
        return true;
    }
    *ret_known = true;
    switch (check->credentials.kind) {
    case CREDENTIAL_PASSWORD:
        return check_password(a, check);
    case CREDENTIAL_BEARER:
        check_token(a, check);
        return true;
    case CREDENTIAL_NONE:
        check_nothing_shown(a, check);
        return true;
    }
    return true;
}

static bool on_login(void *ctx, AccessCheck *check)
{
    Admission *a = ctx;
    bool known;

    if (gate_is_banned(a->gate, &check->peer)) {
        counter_add(COUNTER_ADMISSION_REFUSED_BANNED, 1);
        check->verdict = ACCESS_BANNED;
        return true;
    }
    if (!look_at(a, check, &known))
        return false;
    conclude(a, check, known);
    return true;
}

/* ---- connections ---- */

static AccessVerdict on_accept(void *ctx, const char *listener, const NetAddress *peer)
{
    Admission *a = ctx;
    AccessVerdict verdict = gate_enter(a->gate, peer);
    (void)listener;

    if (verdict == ACCESS_BANNED)
        counter_add(COUNTER_ADMISSION_REFUSED_BANNED, 1);
    else if (verdict == ACCESS_BUSY)
        counter_add(COUNTER_ADMISSION_REFUSED_ADDRESS, 1);
    return verdict;
}

static void on_release(void *ctx, const char *listener, const NetAddress *peer)
{
    Admission *a = ctx;
    (void)listener;

    gate_leave(a->gate, peer);
}

Access admission_access(Admission *a)
{
    static const AccessOps ops = {on_accept, on_release, on_login};
    return (Access){&ops, a};
}

#include "net/admission/gate.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/thread.h"

/* An address that did something. */
typedef struct Peer {
    uint8_t key[16];
    int64_t connections;
    double tokens; /* as of tokens_ns */
    int64_t tokens_ns;
    int64_t window_ns; /* start of the window of the two counts */
    int64_t failed_logins;
    int64_t refusals;
} Peer;

typedef struct Ban {
    AddressRule rule;
    int64_t until_ns; /* INT64_MAX = for ever */
} Ban;

struct Gate {
    int64_t (*clock_ns)(void);
    Mutex lock;
    GateLimits limits; /* guarded by lock; its lists are owned */
    Map peers;         /* guarded by lock: key -> Peer */
    int64_t forgot_ns; /* guarded by lock: when idle peers were looked for last */
    Ban *bans;         /* guarded by lock */
    uint32_t ban_count;
    uint32_t ban_cap;
};

Gate *gate_new(int64_t (*clock_ns)(void))
{
    Gate *gate = MEM_NEW(Gate);

    gate->clock_ns = clock_ns ? clock_ns : clock_mono_ns;
    mutex_init(&gate->lock);
    return gate;
}

static void free_lists(GateLimits *limits)
{
    mem_free((void *)(uintptr_t)limits->trusted);
    mem_free((void *)(uintptr_t)limits->banned);
}

Gate *gate_free(Gate *gate)
{
    size_t pos = 0;

    if (!gate)
        return NULL;
    for (const MapSlot *slot; (slot = map_next(&gate->peers, &pos));)
        mem_free(slot->value);
    map_done(&gate->peers);
    free_lists(&gate->limits);
    mem_free(gate->bans);
    mutex_done(&gate->lock);
    mem_free(gate);
    return NULL;
}

void gate_set_limits(Gate *gate, const GateLimits *limits)
{
    GateLimits next = *limits;

    next.trusted = mem_dup(limits->trusted, sizeof(AddressRule) * limits->trusted_count);
    next.banned = mem_dup(limits->banned, sizeof(AddressRule) * limits->banned_count);
    if (!next.queries_burst)
        next.queries_burst = 2 * next.queries_per_second;
    mutex_lock(&gate->lock);
    GateLimits old = gate->limits;
    gate->limits = next;
    mutex_unlock(&gate->lock);
    free_lists(&old);
}

GateLimits gate_limits(Gate *gate)
{
    MUTEX_GUARD(&gate->lock);
    GateLimits limits = gate->limits;

    limits.trusted = limits.banned = NULL;
    limits.trusted_count = limits.banned_count = 0;
    return limits;
}

/* ---- under the lock ---- */

static bool is_in(const AddressRule *rules, uint32_t count, const NetAddress *peer)
{
    for (uint32_t i = 0; i < count; i++)
        if (address_rule_covers(&rules[i], peer))
            return true;
    return false;
}

static bool is_safe(const Gate *gate, const NetAddress *peer)
{
    return net_address_is_loopback(peer) ||
           is_in(gate->limits.trusted, gate->limits.trusted_count, peer);
}

static void drop_old_bans(Gate *gate, int64_t now)
{
    for (uint32_t i = 0; i < gate->ban_count;)
        if (gate->bans[i].until_ns <= now)
            gate->bans[i] = gate->bans[--gate->ban_count];
        else
            i++;
}

static bool is_banned(Gate *gate, const NetAddress *peer, int64_t now)
{
    if (!gate->ban_count && !gate->limits.banned_count)
        return false;
    if (is_safe(gate, peer))
        return false;
    if (is_in(gate->limits.banned, gate->limits.banned_count, peer))
        return true;
    for (uint32_t i = 0; i < gate->ban_count; i++)
        if (gate->bans[i].until_ns > now && address_rule_covers(&gate->bans[i].rule, peer))
            return true;
    return false;
}

/* The rule that stands for all addresses of a peer. */
static AddressRule rule_of(const NetAddress *peer)
{
    AddressRule rule = address_rule_of(peer);

    if (peer->any.sa_family == AF_INET6) {
        rule.bits = 64;
        memset(rule.bytes + 8, 0, 8);
    }
    return rule;
}

static bool is_idle(const Gate *gate, const Peer *peer, int64_t now)
{
    double full = (double)gate->limits.queries_burst;
    double more =
        (double)(now - peer->tokens_ns) / NS_PER_SEC * (double)gate->limits.queries_per_second;
    return !peer->connections && peer->tokens + more >= full &&
           now - peer->window_ns > gate->limits.failed_logins_window_ns;
}

static void forget_idle(Gate *gate, int64_t now)
{
    size_t pos = 0;
    enum { AT_ONCE = 4096 };
    Peer **idle = MEM_NEW_ARRAY(Peer *, AT_ONCE);
    size_t count = 0;

    gate->forgot_ns = now;
    for (const MapSlot *slot; count < AT_ONCE && (slot = map_next(&gate->peers, &pos));)
        if (is_idle(gate, slot->value, now))
            idle[count++] = slot->value;
    for (size_t i = 0; i < count; i++) {
        (void)map_remove(&gate->peers, str_make(idle[i]->key, sizeof idle[i]->key));
        mem_free(idle[i]);
    }
    mem_free(idle);
}

/* NULL when too many are known already, or `make` is off and this one is not. */
static Peer *find_peer(Gate *gate, const NetAddress *address, bool make, int64_t now)
{
    AddressRule rule = rule_of(address);
    Peer *peer = map_get(&gate->peers, str_make(rule.bytes, sizeof rule.bytes));

    if (peer || !make)
        return peer;
    if (gate->peers.count >= GATE_PEERS_MAX && now - gate->forgot_ns > NS_PER_SEC)
        forget_idle(gate, now);
    if (gate->peers.count >= GATE_PEERS_MAX)
        return NULL;
    peer = MEM_NEW(Peer);
    memcpy(peer->key, rule.bytes, sizeof peer->key);
    peer->tokens = (double)gate->limits.queries_burst;
    peer->tokens_ns = peer->window_ns = now;
    *map_put(&gate->peers, str_make(peer->key, sizeof peer->key), NULL) = peer;
    return peer;
}

static void turn_window(const Gate *gate, Peer *peer, int64_t now)
{
    if (now - peer->window_ns <= gate->limits.failed_logins_window_ns)
        return;
    peer->window_ns = now;
    peer->failed_logins = peer->refusals = 0;
}

static bool put_ban(Gate *gate, const AddressRule *rule, int64_t ban_ns, int64_t now)
{
    int64_t until = ban_ns >= INT64_MAX - now ? INT64_MAX : now + ban_ns;

    drop_old_bans(gate, now);
    for (uint32_t i = 0; i < gate->ban_count; i++)
        if (address_rule_eq(&gate->bans[i].rule, rule)) {
            gate->bans[i].until_ns = LUMA_MAX(gate->bans[i].until_ns, until);
            return true;
        }
    if (gate->ban_count == GATE_BANS_MAX)
        return false;
    MEM_GROW(gate->bans, gate->ban_cap, gate->ban_count + 1);
    gate->bans[gate->ban_count++] = (Ban){*rule, until};
    return true;
}

/* The gate's own ban, for `count` of at most `most`. */
static bool ban_if_over(Gate *gate, const NetAddress *address, Peer *peer, int64_t count,
                        int64_t most, int64_t now)
{
    if (!most || count < most || is_safe(gate, address))
        return false;
    AddressRule rule = rule_of(address);
    peer->failed_logins = peer->refusals = 0;
    return put_ban(gate, &rule, gate->limits.ban_ns, now);
}

/* ---- questions ---- */

AccessVerdict gate_enter(Gate *gate, const NetAddress *address)
{
    MUTEX_GUARD(&gate->lock);
    int64_t now = gate->clock_ns();

    if (is_banned(gate, address, now))
        return ACCESS_BANNED;
    Peer *peer = find_peer(gate, address, true, now);
    if (!peer)
        return ACCESS_GRANTED;
    if (gate->limits.connections_per_address &&
        peer->connections >= gate->limits.connections_per_address)
        return ACCESS_BUSY;
    peer->connections++;
    return ACCESS_GRANTED;
}

void gate_leave(Gate *gate, const NetAddress *address)
{
    MUTEX_GUARD(&gate->lock);
    Peer *peer = find_peer(gate, address, false, 0);

    /* One that came uncounted may leave counted: never below none. */
    if (peer && peer->connections > 0)
        peer->connections--;
}

AccessVerdict gate_take(Gate *gate, const NetAddress *address, int *ret_retry_after_s,
                        bool *ret_banned)
{
    *ret_banned = false;
    *ret_retry_after_s = 0;
    MUTEX_GUARD(&gate->lock);
    const GateLimits *limits = &gate->limits;
    int64_t now = gate->clock_ns();

    if (is_banned(gate, address, now))
        return ACCESS_BANNED;
    if (!limits->queries_per_second)
        return ACCESS_GRANTED;
    Peer *peer = find_peer(gate, address, true, now);
    if (!peer)
        return ACCESS_GRANTED;
    double rate = (double)limits->queries_per_second;
    peer->tokens += (double)(now - peer->tokens_ns) / NS_PER_SEC * rate;
    peer->tokens = LUMA_MIN(peer->tokens, (double)limits->queries_burst);
    peer->tokens_ns = now;
    if (peer->tokens >= 1) {
        peer->tokens -= 1;
        return ACCESS_GRANTED;
    }
    *ret_retry_after_s = 1 + (int)((1 - peer->tokens) / rate);
    turn_window(gate, peer, now);
    *ret_banned = ban_if_over(gate, address, peer, ++peer->refusals, limits->refusals_max, now);
    return ACCESS_BUSY;
}

bool gate_is_banned(Gate *gate, const NetAddress *address)
{
    MUTEX_GUARD(&gate->lock);
    return is_banned(gate, address, gate->clock_ns());
}

bool gate_login_failed(Gate *gate, const NetAddress *address)
{
    MUTEX_GUARD(&gate->lock);
    int64_t now = gate->clock_ns();
    Peer *peer = find_peer(gate, address, true, now);

    if (!peer)
        return false;
    turn_window(gate, peer, now);
    return ban_if_over(gate, address, peer, ++peer->failed_logins, gate->limits.failed_logins_max,
                       now);
}

void gate_login_good(Gate *gate, const NetAddress *address)
{
    MUTEX_GUARD(&gate->lock);
    Peer *peer = find_peer(gate, address, false, 0);

    if (peer)
        peer->failed_logins = 0;
}

/* ---- operators ---- */

/* Would the rule cover an address that is never banned, only that one? */
static Status check_rule(const Gate *gate, const AddressRule *rule, Error *err)
{
    static const uint8_t loopback4[13] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127};
    static const uint8_t loopback6[16] = {[15] = 1};
    char text[ADDRESS_RULE_TEXT_MAX];
    bool safe = (rule->bits >= 104 && memcmp(rule->bytes, loopback4, sizeof loopback4) == 0) ||
                (rule->bits == 128 && memcmp(rule->bytes, loopback6, sizeof loopback6) == 0);

    for (uint32_t i = 0; i < gate->limits.trusted_count && !safe; i++) {
        NetAddress first = {.v6 = {.sin6_family = AF_INET6}};
        memcpy(&first.v6.sin6_addr, rule->bytes, 16);
        safe = gate->limits.trusted[i].bits <= rule->bits &&
               address_rule_covers(&gate->limits.trusted[i], &first);
    }
    if (!safe)
        return STATUS_OK;
    return error_set(err, STATUS_INVALID,
                     "%s is loopback or in admission.trusted, which are never banned",
                     address_rule_format(rule, text));
}

Status gate_ban(Gate *gate, const AddressRule *rule, int64_t ban_ns, Error *err)
{
    MUTEX_GUARD(&gate->lock);

    TRY(check_rule(gate, rule, err));
    if (put_ban(gate, rule, ban_ns, gate->clock_ns()))
        return STATUS_OK;
    return error_set(err, STATUS_LIMIT, "there are %d bans already", GATE_BANS_MAX);
}

bool gate_unban(Gate *gate, const AddressRule *rule)
{
    MUTEX_GUARD(&gate->lock);

    drop_old_bans(gate, gate->clock_ns());
    for (uint32_t i = 0; i < gate->ban_count; i++)
        if (address_rule_eq(&gate->bans[i].rule, rule)) {
            gate->bans[i] = gate->bans[--gate->ban_count];
            return true;
        }
    return false;
}

uint32_t gate_bans(Gate *gate, GateBan *ret_bans, uint32_t cap)
{
    MUTEX_GUARD(&gate->lock);
    int64_t now = gate->clock_ns();
    uint32_t count = 0;

    drop_old_bans(gate, now);
    for (uint32_t i = 0; i < gate->limits.banned_count; i++, count++)
        if (count < cap)
            ret_bans[count] = (GateBan){gate->limits.banned[i], INT64_MAX, true};
    for (uint32_t i = 0; i < gate->ban_count; i++, count++) {
        const Ban *ban = &gate->bans[i];
        if (count < cap)
            ret_bans[count] = (GateBan){ban->rule,
                                        ban->until_ns == INT64_MAX
                                            ? INT64_MAX
                                            : (ban->until_ns - now + NS_PER_SEC - 1) / NS_PER_SEC,
                                        false};
    }
    return count;
}

uint32_t gate_peer_count(Gate *gate)
{
    MUTEX_GUARD(&gate->lock);
    return (uint32_t)gate->peers.count;
}

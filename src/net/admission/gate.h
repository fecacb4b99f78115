/* gate.h - what each address may do: bans, connections, a bucket of tokens for queries.
 *
 * A ban comes from the configuration, from an operator, or from the gate itself: too many failed
 * logins or too many refusals within a while. Loopback and trusted addresses are never banned. All
 * addresses of an IPv6 /64 count as one, as one customer has them all.
 *
 * What is known of addresses is bounded (GATE_PEERS_MAX): those that do nothing are forgotten
 * first; when all are busy, new ones go uncounted.
 *
 * Threads: all functions from any thread; none of them waits long.
 */
#ifndef LUMA_NET_ADMISSION_GATE_H
#define LUMA_NET_ADMISSION_GATE_H

#include "net/admission/address_rule.h"

enum { GATE_PEERS_MAX = 16384, GATE_BANS_MAX = 4096 };

typedef struct Gate Gate;

typedef struct GateLimits {
    int64_t queries_per_second;      /* of one address; 0 = any number */
    int64_t queries_burst;           /* at once; 0 = twice as many */
    int64_t connections_per_address; /* 0 = any number */
    int64_t failed_logins_max;       /* in the window, then a ban; 0 = never */
    int64_t failed_logins_window_ns;
    int64_t refusals_max;       /* queries refused in the window, then a ban; 0 = never */
    int64_t ban_ns;             /* how long the gate bans */
    const AddressRule *trusted; /* copied */
    uint32_t trusted_count;
    const AddressRule *banned; /* by the configuration; copied */
    uint32_t banned_count;
} GateLimits;

typedef struct GateBan {
    AddressRule rule;
    int64_t seconds_left; /* INT64_MAX = for ever */
    bool configured;      /* only the configuration lifts it */
} GateBan;

/* `clock_ns` is monotonic; NULL = clock_mono_ns. */
Gate *gate_new(int64_t (*clock_ns)(void));
Gate *gate_free(Gate *gate); /* NULL is fine; returns NULL */
/* At any time; what addresses did so far still counts. */
void gate_set_limits(Gate *gate, const GateLimits *limits);

/* The limits in force; their lists are empty here. */
GateLimits gate_limits(Gate *gate);

/* A connection: GRANTED counts it until gate_leave; BANNED; BUSY when the address has too many. */
AccessVerdict gate_enter(Gate *gate, const NetAddress *peer);
void gate_leave(Gate *gate, const NetAddress *peer);
/* One query: GRANTED takes a token; BUSY says when there is the next one; BANNED. *ret_banned: this
 * refusal was one too many. */
AccessVerdict gate_take(Gate *gate, const NetAddress *peer, int *ret_retry_after_s,
                        bool *ret_banned);
bool gate_is_banned(Gate *gate, const NetAddress *peer);
/* A login that failed; true when the address is banned for it now. */
bool gate_login_failed(Gate *gate, const NetAddress *peer);
/* One that did not: failures so far are forgotten. */
void gate_login_good(Gate *gate, const NetAddress *peer);

/* Bans a range for a time (INT64_MAX = for ever). INVALID for loopback and trusted addresses, LIMIT
 * when there are GATE_BANS_MAX. */
Status gate_ban(Gate *gate, const AddressRule *rule, int64_t ban_ns, Error *err);
/* False when an operator or the gate has no such ban. */
bool gate_unban(Gate *gate, const AddressRule *rule);
/* Copies at most `cap` bans; returns how many there are. */
uint32_t gate_bans(Gate *gate, GateBan *ret_bans, uint32_t cap);
/* Addresses that are counted now. */
uint32_t gate_peer_count(Gate *gate);

#endif

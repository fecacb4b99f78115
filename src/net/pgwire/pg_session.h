/* pg_session.h - what a PostgreSQL connection does after it logged in: messages in, bytes out.
 *
 * A state machine over query.h without sockets: feed it whole messages, it appends answers to `out`
 * and says when to go on. It stops in the middle of a result when `out` is full enough, so that its
 * caller can see whether the client still takes bytes.
 *
 * Threads: confined to one at a time (a query pool's task, or the loop for what is quick), but for
 * `on_query`, which tells the owner which query may be cancelled.
 */
#ifndef LUMA_NET_PGWIRE_PG_SESSION_H
#define LUMA_NET_PGWIRE_PG_SESSION_H

#include "base/map.h"
#include "net/pgwire/pg_message.h"
#include "query/query.h"

enum { PG_FLUSH_BYTES = 64 << 10 }; /* `out` is handed on from here */

typedef struct PgPrepared PgPrepared;
typedef struct PgPortal PgPortal;

typedef struct PgSession {
    Session *session;
    Buf out;             /* answers not yet handed on */
    PgSettings settings; /* as text and binary formats need them */
    bool settings_stale;
    uint32_t statements_max;
    size_t message_bytes_max;
    /* The query that runs now, or NULL when it is about to be freed. */
    void (*on_query)(void *ctx, Query *query);
    /* May this statement start? NULL = any may. */
    Status (*on_start)(void *ctx, const Statement *statement, Error *err);
    void *ctx;

    Map statements;     /* name -> PgPrepared; "" is the unnamed one */
    Map portals;        /* name -> PgPortal */
    bool skip_to_sync;  /* after an error in the extended protocol */
    bool implicit_open; /* session_begin_implicit was called */
    Script *parsed;     /* of the next message's text, or NULL */
    Script *script;     /* a simple query under way, else NULL */
    uint32_t script_next;
    PgPortal *simple;  /* its current statement */
    PgPortal *running; /* the portal in execution, or NULL */
    PgPortal *copy_in; /* the portal whose COPY waits for the client, or NULL */
} PgSession;

typedef enum PgOutcome {
    PG_IDLE,  /* all input was used */
    PG_FULL,  /* hand `out` on, then call again */
    PG_CLOSE, /* hand `out` on, then close */
    PG_POOL,  /* of pg_session_run_quick: the rest may take time */
} PgOutcome;

/* Takes `session`. */
void pg_session_init(PgSession *s, Session *session, uint32_t statements_max,
                     size_t message_bytes_max);
/* Ends what runs and frees all, the Session included. Safe on a zeroed struct. */
void pg_session_done(PgSession *s);
/* ParameterStatus for everything PostgreSQL reports. */
void pg_session_append_parameters(PgSession *s);
/* Is it the client's turn? Else pg_session_run goes on without input. */
static inline bool pg_session_waits(const PgSession *s)
{
    return s->copy_in || (!s->script && !s->running);
}
/* Uses whole messages of `input`; *ret_used counts their bytes. */
PgOutcome pg_session_run(PgSession *s, Str input, size_t *ret_used);
/* As pg_session_run, on an event loop: stops before the first message whose work is not known to be
 * short, and after `messages_max` of them. */
PgOutcome pg_session_run_quick(PgSession *s, Str input, uint32_t messages_max, size_t *ret_used);

#endif

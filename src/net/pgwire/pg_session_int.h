/* pg_session_int.h - shared by pg_session.c (simple protocol, running portals) and pg_extended.c.
 */
#ifndef LUMA_NET_PGWIRE_PG_SESSION_INT_H
#define LUMA_NET_PGWIRE_PG_SESSION_INT_H

#include "net/pgwire/pg_session.h"

/* A prepared statement; portals share it. */
struct PgPrepared {
    int refs;
    char *name;
    Statement *statement; /* NULL = an empty query string */
};

struct PgPortal {
    char *name;
    PgPrepared *prepared; /* a reference */
    Arena arena;          /* parameters, formats, encoder */
    Column *params;
    uint32_t param_count;
    int16_t *formats;
    uint32_t format_count;
    Query *query; /* NULL before the first Execute and after the end */
    bool done;
    bool suspended;     /* an Execute ended by its row limit */
    uint64_t limit;     /* of this Execute; 0 = none */
    uint64_t row_count; /* sent by this Execute */
    PgRowEncoder rows;
    RecordBatch batch;
    uint32_t row;    /* next of batch */
    CopyWriter copy; /* COPY TO */
    bool copy_began; /* the response was sent */
    bool copy_data;  /* a CopyData was sent */
};

PgPrepared *pgwire__prepared_new(Str name, Statement *take_statement);
void pgwire__prepared_unref(PgPrepared *prepared);
void pgwire__portal_free(PgSession *s, PgPortal *portal);
/* Appends the error, rolls back what is implicit, fails an open transaction. */
void pgwire__fail(PgSession *s, const Error *err);
/* Begins the implicit transaction if it is not open. */
Status pgwire__begin(PgSession *s, Error *err);
/* Ends it if it is open. */
Status pgwire__end(PgSession *s, bool ok, Error *err);
/* Brings s->settings up to date with the session and the clock. */
void pgwire__refresh_settings(PgSession *s);
/* Bytes from a client that should be text. */
Status pgwire__check_text(Str text, Error *err);

typedef enum PgStep {
    STEP_DONE,
    STEP_FULL, /* `out` must be handed on first */
    STEP_COPY, /* the client sends the rest */
} PgStep;
/* Goes on with a portal: rows, then its end (CommandComplete, PortalSuspended, or an error). */
PgStep pgwire__run_portal(PgSession *s, PgPortal *portal);

/* The end of a statement that went well, or that failed. */
Status pgwire__finish_portal(PgSession *s, PgPortal *portal, Error *err);
void pgwire__fail_portal(PgSession *s, PgPortal *portal, const Error *err);
/* Goes on with the string of a simple query until its end or until `out` is full. */
PgStep pgwire__run_script(PgSession *s);

/* pg_copy.c: all of COPY TO; CopyInResponse; a message that belongs to COPY FROM; a look whether it
 * was cancelled. */
Status pgwire__copy_out(PgSession *s, PgPortal *portal, PgStep *ret_step, Error *err);
void pgwire__copy_in(PgSession *s, PgPortal *portal);
PgStep pgwire__copy_message(PgSession *s, const PgMessage *message);
PgStep pgwire__copy_check(PgSession *s);

/* pg_quick.c: may the loop handle it? Parses texts, for pgwire__parse to find. */
bool pgwire__is_quick(PgSession *s, const PgMessage *message);
/* session_parse, unless that was done already. */
Status pgwire__parse(PgSession *s, Str text, Script **ret_script, Error *err);

/* pg_extended.c: one message of the extended protocol. */
PgStep pgwire__extended(PgSession *s, const PgMessage *message);
void pgwire__drop_statements(PgSession *s);
void pgwire__drop_portals(PgSession *s);

#endif

/* query.h - the door of the query module: text in, record batches or series out.
 *
 * Sessions belong to PostgreSQL connections (or to one REST request). Everything here may block and
 * must run on the query pool, never on an event loop, but for what is quick (see below);
 * query_cancel may be called from any thread.
 *
 *   session_parse    one string -> statements (several, separated by ';')
 *   statement_bind   analyses one statement against the catalog with parameter types
 *   query_start      runs it with parameter values
 *   query_next       pulls batches until row_count 0
 *   query_free
 */
#ifndef LUMA_QUERY_QUERY_H
#define LUMA_QUERY_QUERY_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "base/label.h"
#include "base/role.h"
#include "base/thread.h"
#include "format/copy/copy.h"
#include "format/pgtype/pgtype.h"
#include "storage/engine/engine.h"

typedef struct QueryEngine QueryEngine;
typedef struct Session Session;
typedef struct Script Script;
typedef struct Statement Statement;
typedef struct Query Query;

/* What an operator may want to know later: a statement that changed what there is or who may do
 * what, that deleted, or that was denied. Borrowed during the call. */
typedef struct QueryAudit {
    Str user;
    Str address; /* as SessionOptions */
    Str protocol;
    Str action;         /* "CREATE TABLE" */
    Str object;         /* the statement, cut, without passwords */
    const Error *error; /* NULL = it went well */
    Str tag;            /* then: "DELETE 5" */
} QueryAudit;

/* A query that has ended, for the server's own traces. Texts live as long as the call. */
typedef struct QueryReport {
    Str language; /* "sql", "promql" */
    Str text;     /* SQL: without what follows the word "password" */
    Str command;  /* "SELECT" */
    Str user;
    Str database;
    Str application;
    Str address;
    Str protocol;
    int64_t start_wall_ns;
    int64_t duration_ns; /* from start to end, the client's reading included */
    int64_t prepare_ns;  /* of it: binding and planning */
    int64_t execute_ns;  /* of it: running */
    uint64_t row_count;
    uint64_t samples; /* PromQL: read */
    int64_t bytes_peak;
    Str plan;           /* operators with rows and times */
    const Error *error; /* NULL = it went well */
} QueryReport;

typedef struct QueryOptions {
    Engine *engine;
    Pool *pool;                 /* workers for parallel pipelines and for callers' tasks */
    MemBudget *budget;          /* all queries together */
    int64_t query_bytes_max;    /* one query */
    int64_t timeout_ns;         /* default per query, 0 = none */
    int64_t lookback_ms;        /* PromQL, default 5 minutes */
    uint64_t samples_max;       /* PromQL, per query */
    const char *server_version; /* "15.0 (LumaDB x.y.z)" */
    /* Any thread; must not wait. NULL = nobody wants to know. */
    void (*on_audit)(void *ctx, const QueryAudit *audit);
    void *audit_ctx;
    const char *spill_dir;   /* for rows that do not fit; NULL = they must fit */
    int64_t spill_bytes_max; /* of all queries on disk; 0 = no bound */
    /* Turns a password into what the catalog keeps of it; NULL = roles get no passwords. */
    Status (*make_verifier)(Str password, Buf *out, Error *err);
    /* At the end of a query, any thread; must not wait. Is a report wanted? Then on_report gets it.
     * NULL = never. */
    bool (*wants_report)(void *ctx, int64_t duration_ns, bool failed);
    void (*on_report)(void *ctx, const QueryReport *report);
    void *report_ctx;
} QueryOptions;

Status query_engine_new(const QueryOptions *options, QueryEngine **ret_engine, Error *err);
QueryEngine *query_engine_free(QueryEngine *engine);
Pool *query_engine_pool(QueryEngine *engine);
/* A budget as a query has one, for what is read on the way to a query. */
void query_engine_budget(QueryEngine *engine, MemBudget *ret_budget);
/* Changes what can be changed while running (SIGHUP). */
void query_engine_set_limits(QueryEngine *engine, int64_t query_bytes_max, int64_t timeout_ns);

/* ---------------------------------------------------------------- SQL sessions */

typedef struct SessionOptions {
    Str user;
    Str database;
    Str application_name;
    Str address;  /* of the client, for the audit log */
    Str protocol; /* likewise: "postgres" */
    Role role;
    uint32_t backend_pid;
} SessionOptions;

typedef enum TransactionState {
    TRANSACTION_IDLE = 'I',
    TRANSACTION_OPEN = 'T',
    TRANSACTION_FAILED = 'E'
} TransactionState;

/* Confined to one thread at a time. */
Status session_new(QueryEngine *engine, const SessionOptions *options, Session **ret_session,
                   Error *err);
Session *session_free(Session *session); /* rolls back what is open */
TransactionState session_transaction(const Session *session);
/* A settings value as SHOW prints it; false when unknown. */
bool session_setting(Session *session, Str name, Str *ret_value);
Status session_set(Session *session, Str name, Str value, Error *err);
/* Called when a setting that PostgreSQL reports (ParameterStatus) changes. */
void session_on_setting(Session *session, void (*fn)(void *ctx, Str name, Str value), void *ctx);
/* Marks an open transaction as failed, after an error outside of a query. */
void session_fail(Session *session);
/* Begins / ends the implicit transaction of a simple-protocol string or of an extended-protocol
 * pipeline up to Sync. `ok` false rolls back. Beginning inside a BEGIN block does nothing; a BEGIN
 * inside turns it into a block, which end leaves open (ok) or failed. session_transaction shows
 * blocks only. */
Status session_begin_implicit(Session *session, Error *err);
Status session_end_implicit(Session *session, bool ok, Error *err);

/* The columns of a cursor made by DECLARE, NULL when there is none of that name: the protocol's
 * portals and SQL's cursors share their names. Valid until the cursor is closed. */
const Schema *session_cursor_schema(Session *session, Str name);

/* Appends the name of a table, type or schema as regclass, regtype and regnamespace print it; false
 * = there is none, print the number. For results that are encoded as text. */
bool session_object_name(Session *session, TypeId type, uint32_t oid, Buf *out);
/* PgSettings.enum_label, for parameters of enum types. */
bool session_enum_label(Session *session, uint32_t oid, uint32_t idx, PgEnumLabel *ret);

/* Parses a string of statements. Positions are characters of `text`. */
Status session_parse(Session *session, Str text, Script **ret_script, Error *err);
Script *script_free(Script *script);
uint32_t script_count(const Script *script);

/* Analyses statement `idx`. param_types: as the client declared, TYPE_UNKNOWN = infer; may be fewer
 * than there are. The statement keeps what it needs of the script. */
Status statement_bind(Session *session, const Script *script, uint32_t idx, const Type *param_types,
                      uint32_t param_count, Statement **ret_statement, Error *err);
Statement *statement_free(Statement *statement);
const Type *statement_param_types(const Statement *statement, uint32_t *ret_count);
/* Result columns; field_count 0 = none (the statement returns no rows). */
const Schema *statement_schema(const Statement *statement);
bool statement_returns_rows(const Statement *statement);
bool statement_writes(const Statement *statement); /* needs a role that may write */
/* COPY and other statements that the protocol must drive itself. */
typedef enum StatementKind {
    STATEMENT_QUERY,   /* rows */
    STATEMENT_COMMAND, /* no rows */
    STATEMENT_COPY_IN,
    STATEMENT_COPY_OUT,
    STATEMENT_EMPTY,
} StatementKind;
StatementKind statement_kind(const Statement *statement);

/* Quick things may run on an event loop: they read no table, wait for nothing, and what they cost
 * is bounded by the length of their text and parameters, which the caller keeps short. Parsing a
 * short text is quick, too. A script or statement is: bind, start and run it to its end. A session
 * is: end what is implicit. Ask right before, each time: it depends on the open transaction. */
bool script_is_quick(const Session *session, const Script *script);
bool statement_is_quick(const Session *session, const Statement *statement);
bool session_is_quick(const Session *session);

/* Starts it: takes a snapshot, plans, opens. `params`: one column of one row each, of the types
 * above. `timeout_ns` 0 = the session's statement_timeout. */
Status query_start(Session *session, Statement *statement, const Column *params,
                   uint32_t param_count, Query **ret_query, Error *err);
/* The next batch, valid until the next call or query_free; row_count 0 = end. At the end of a
 * statement that writes, the write is durable and visible. */
Status query_next(Query *query, RecordBatch *ret_batch, Error *err);
/* "SELECT 5", "INSERT 0 3", "CREATE TABLE": after the end. */
Str query_command_tag(const Query *query);
/* Notices gathered (e.g. "relation ... already exists, skipping"), one at a time; false = none. */
bool query_take_notice(Query *query, Error *ret_notice);
/* ---- COPY. After query_start of such a statement: how its bytes look; borrowed from the query.
 *
 * OUT: query_next yields batches of these columns, which the caller prints with a CopyWriter.
 * IN: the caller hands over what it receives, in pieces of any size. Rows become visible when the
 * transaction ends; an error takes all of them back. query_next is not called; the tag is there
 * after query_copy_end. */
const CopyOptions *query_copy_format(const Query *query, const CopyColumn **ret_columns,
                                     uint32_t *ret_count);
/* Empty bytes only look whether the query was cancelled or ran out of time. */
Status query_copy_put(Query *query, Str bytes, Error *err);
Status query_copy_end(Query *query, Error *err);
/* The client gave up: always fails, with 57014. */
Status query_copy_fail(Query *query, Str reason, Error *err);

/* From any thread: the query ends with STATUS_CANCELLED (57014) soon. */
void query_cancel(Query *query);
Query *query_free(Query *query);

/* ---------------------------------------------------------------- PromQL */

typedef enum PromqlType { PROMQL_SCALAR, PROMQL_STRING, PROMQL_VECTOR, PROMQL_MATRIX } PromqlType;

typedef struct PromqlRequest {
    Str query;
    int64_t start_ms;
    int64_t end_ms;      /* == start_ms for an instant query */
    int64_t step_ms;     /* 0 = instant */
    int64_t lookback_ms; /* 0 = the server's */
    int64_t timeout_ns;  /* 0 = the server's */
} PromqlRequest;

/* One series of the result: points with presence (absent is not NaN). */
typedef struct PromqlSeries {
    LabelSet labels;
    const int64_t *ts_ms;
    const double *values;
    const NativeHistogram *const *histograms; /* NULL = floats only; entry NULL = float */
    uint32_t point_count;
} PromqlSeries;

typedef struct PromqlStats {
    uint64_t samples_read;
    uint64_t samples_peak;
    int64_t parse_ns;
    int64_t prepare_ns;
    int64_t eval_ns;
} PromqlStats;

typedef struct PromqlResult {
    PromqlType type;
    double scalar; /* of PROMQL_SCALAR in an instant query */
    Str string;
    PromqlSeries *series; /* sorted by labels for a matrix */
    uint32_t series_count;
    const Str *warnings;
    uint32_t warning_count;
    const Str *infos;
    uint32_t info_count;
    PromqlStats stats;
} PromqlResult;

/* A running query that another thread may cancel; init before promql_execute. */
typedef struct QueryCancel {
    volatile int cancelled; /* atomic: set once, read relaxed */
} QueryCancel;
static inline void query_cancel_set(QueryCancel *cancel)
{
    __atomic_store_n(&cancel->cancelled, 1, __ATOMIC_RELAXED);
}

/* Runs to the end; everything of *ret_result lives in `arena`. Errors: INVALID = bad_data (parse),
 * LIMIT/UNSUPPORTED/other INVALID at run time = execution, TIMEOUT, CANCELLED. A parse error has
 * Error.sqlstate "42601". */
Status promql_execute(QueryEngine *engine, const PromqlRequest *request, QueryCancel *cancel,
                      Arena *arena, PromqlResult *ret_result, Error *err);

#endif

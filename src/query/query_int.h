/* query_int.h - what the files of the query door share.
 *
 *   query_engine.c  the engine of queries: limits
 *   session.c       sessions and their transactions
 *   settings.c      SET, SHOW: names, checks, defaults
 *   statement.c     scripts, statements: binding
 *   query.c         running: start, next, cancel;  copy.c, copy_options.c  COPY
 *   quick.c         what may run on an event loop;  audit.c  what the audit log is told
 *   command_*.c     statements without a plan: DDL, SET, transactions, prepared statements, cursors
 *   modify*.c       INSERT, UPDATE, DELETE, TRUNCATE: gathering, checks, storing
 *   binding.c       the binder's catalog over a snapshot
 */
#ifndef LUMA_QUERY_QUERY_INT_H
#define LUMA_QUERY_QUERY_INT_H

#include "base/counter.h"
#include "base/map.h"
#include "format/pgtype/pgtype.h"
#include "query/ddl.h"
#include "query/exec/exec.h"
#include "query/query.h"
#include "query/sql/catalog_views.h"
#include "query/sql/sql.h"

enum {
    SESSION_PREPARED_MAX = 10000, /* PREPAREd statements and cursors of a session */
    SEARCH_PATH_MAX = 64,
};

struct QueryEngine {
    QueryOptions options;    /* limits below are the live ones */
    int64_t query_bytes_max; /* atomic: relaxed */
    int64_t timeout_ns;      /* atomic: relaxed */
    MemBudget spill_budget;  /* bytes in temporary files */
};

/* ---- settings */

typedef struct SettingValue {
    char *text;   /* owned; NULL = the default */
    char *saved;  /* what ROLLBACK brings back, when `touched` */
    bool touched; /* changed by the open transaction */
    bool local;   /* SET LOCAL: COMMIT brings `saved` back, too */
    bool saved_set;
} SettingValue;

typedef struct CustomSetting {
    char *name;
    char *value;
} CustomSetting;

typedef struct SettingFn {
    void (*fn)(void *ctx, Str name, Str value);
    void *ctx;
} SettingFn;

/* ---- sessions */

/* A table that the open transaction has written. */
typedef struct WrittenTable {
    Str schema;
    Str name;
    uint32_t table_id;
    uint32_t store_id;
    bool series; /* made of samples: cannot be read before COMMIT */
    bool own;    /* the transaction itself has given up this store since */
} WrittenTable;

typedef struct Savepoint {
    Str name;
    WriteMark mark;  /* in the transaction's batch */
    char **settings; /* values */
    DdlMark ddl;
} Savepoint;

typedef struct Transaction {
    TransactionState state;
    bool implicit;   /* of a simple-protocol string, not BEGIN's */
    bool repeatable; /* one snapshot for all statements */
    bool read_only;
    int64_t start_us;
    Snapshot *snapshot; /* of a repeatable one */
    Arena arena;        /* owns the arrays below */
    WriteBatch *batch;  /* what was written so far; NULL = nothing */
    WrittenTable *written;
    uint32_t written_count;
    uint32_t written_cap;
    Savepoint *savepoints;
    uint32_t savepoint_count;
    uint32_t savepoint_cap;
} Transaction;

typedef struct Prepared {
    char *name;
    Script *script; /* ref */
    const AstStatement *query;
    Type *param_types;
    uint32_t param_count;
} Prepared;

typedef struct Cursor {
    char *name;
    Statement *statement;
    Query *query;
    RecordBatch batch; /* of the query, rows from `at` on are unread */
    uint32_t at;
    uint32_t savepoints; /* how many there were when it was declared */
    bool ended;
} Cursor;

struct Session {
    QueryEngine *engine;
    char *user;
    char *database;
    char *address;
    char *protocol;
    Role role;
    uint32_t backend_pid;
    SettingValue *settings; /* by index of the definition */
    CustomSetting *customs;
    uint32_t custom_count;
    uint32_t custom_cap;
    SettingFn on_setting;
    PgSettings pg_settings; /* of the settings above, when fresh */
    bool pg_settings_fresh;
    Transaction txn;
    Map prepared; /* name -> Prepared */
    Map cursors;  /* name -> Cursor */
    SessionCatalog catalog;
    uint32_t user_id;       /* of the catalog, 0 = none */
    Mutex sequence_lock;    /* guards the two below */
    Map sequences;          /* sequence id -> SequenceUse: for currval and the cache */
    uint32_t last_sequence; /* id of the sequence lastval is about, 0 = none */
};

/* What the binder sees; see binding.c. */
typedef struct Binding {
    Session *session;
    Snapshot *snapshot;      /* NULL until a table is asked for */
    CatalogVersion *version; /* what the session sees of its catalog; the arena lets it go */
    bool owns_snapshot;      /* it was taken here */
    bool used_tables;        /* some name was a table or a view */
    Arena *arena;
    SqlCatalog catalog;
    CatalogViews views;
    EvalSettings settings;
    Str path[SEARCH_PATH_MAX];
    SqlBindOptions options;
    Status status; /* of taking the snapshot */
    Error snapshot_error;
    /* Of the running query, for promql(); NULL while a statement is only described. */
    QueryCancel *cancel;
    const Column *params;
    uint32_t param_count;
} Binding;

struct Script {
    int refs; /* atomic */
    Arena arena;
    AstScript ast;
};

struct Statement {
    Script *script; /* ref */
    const AstStatement *ast;
    Arena arena;
    StatementKind kind;
    Schema schema;
    Type *param_types;
    uint32_t param_count;
    Plan plan;     /* reusable: it reads no table. root NULL = bind again at start */
    bool writes;   /* needs a role that may write */
    bool modifies; /* a SELECT with INSERT, UPDATE or DELETE in WITH */
    bool quick;    /* quick__statement, quick__params */
};

typedef enum QueryMode {
    QUERY_NONE,     /* no rows */
    QUERY_DEFERRED, /* runs in the first query_next */
    QUERY_EXEC,     /* batches of `exec` */
    QUERY_ROWS,     /* `batches`, made up front */
    QUERY_INNER,    /* EXECUTE: batches of `inner` */
} QueryMode;

typedef struct QueryCopy QueryCopy;
typedef struct QueryExplain QueryExplain;

struct Query {
    Session *session;
    Statement *statement;
    MemBudget budget; /* of this query */
    Arena arena;      /* plan and what it needs */
    QueryCancel cancel;
    int64_t deadline_ns; /* monotonic, 0 = none */
    Binding binding;     /* snapshot, settings, system views */
    QueryMode mode;
    const Plan *plan;
    Plan own_plan;
    Exec *exec;
    RecordBatch *batches; /* QUERY_ROWS */
    uint32_t batch_count;
    uint32_t batch_next;
    Column *params; /* own copies */
    uint32_t param_count;
    uint64_t row_count; /* given out or written */
    char tag[64];       /* "" = from the statement and row_count */
    Error *notices;     /* in the arena */
    uint32_t notice_count;
    uint32_t notice_cap;
    uint32_t notice_next; /* to be taken */
    bool ended;
    int64_t start_wall_ns;
    int64_t start_ns;      /* monotonic */
    int64_t prepare_ns;    /* spent in query_start */
    int64_t execute_ns;    /* spent in query_next */
    Error *failure;        /* arena; what ended it */
    bool is_inner;         /* of an EXECUTE, which reports for it */
    Statement *executed;   /* QUERY_INNER: owned */
    QueryCopy *copy;       /* COPY: copy.c's */
    QueryExplain *explain; /* EXPLAIN: explain.c's; owned */
    Query *inner;          /* atomic: published once, read by query_cancel */
};

/* ---- settings.c */
/* Asserts that the definitions are in order. */
void settings__verify(void);
Status settings__init(Session *session, const SessionOptions *options, Error *err);
void settings__done(Session *session);
/* SET, SET LOCAL; value NULL = DEFAULT. */
Status settings__set(Session *session, Str name, const Str *value, bool local, Error *err);
void settings__reset_all(Session *session);
bool settings__get(Session *session, Str name, Str *ret_value);
/* Brings back what SET changed (rollback) or SET LOCAL (commit). */
void settings__end_transaction(Session *session, bool commit);
/* All values as they are now, in the arena; what ROLLBACK TO brings back. */
char **settings__mark(const Session *session, Arena *arena);
void settings__rollback(Session *session, char *const *mark);
uint32_t settings__count(void);
/* Name, value and description of setting `idx`, for SHOW ALL and pg_settings. */
void settings__describe(Session *session, uint32_t idx, Str *ret_name, Str *ret_value,
                        Str *ret_text);
/* The settings as functions read them, fixed for one statement; everything is copied into the
 * arena. Returns the part that types read, for the caller to add what it knows of names. */
PgSettings *settings__eval(Session *session, Arena *arena, EvalSettings *ret_settings);
int64_t settings__timeout_ns(Session *session);
/* Schemas to look into, in order; $user resolved. */
uint32_t settings__search_path(Session *session, Str path[SEARCH_PATH_MAX]);

/* ---- session.c */
bool session__in_block(const Session *session);
Status session__begin(Session *session, bool implicit, Error *err);
Status session__commit(Session *session, Error *err);
void session__rollback(Session *session);
/* 25P02 unless the statement may run in a failed transaction. */
Status session__check_state(const Session *session, const AstStatement *statement, Error *err);
/* The batch that a statement writes into: the transaction's, or a new one. `table` is noted. */
Status session__begin_write(Session *session, const Table *const *tables, uint32_t table_count,
                            WriteBatch **ret_batch, WriteMark *ret_mark, Error *err);
/* Ends the statement: takes back what it wrote if `status` is a failure; else keeps it for COMMIT,
 * or writes it now when there is no transaction. */
Status session__end_write(Session *session, WriteBatch *batch, WriteMark mark, Status status,
                          Error *err);
/* Has the open transaction written samples, so that their tables cannot be read? */
bool session__wrote_series(const Session *session);
Status session__savepoint(Session *session, Str name, Error *err);
Status session__release(Session *session, Str name, Error *err);
Status session__rollback_to(Session *session, Str name, Error *err);

/* ---- binding.c */
/* `snapshot` NULL: one is taken when it is needed, and kept. */
void binding__init(Binding *binding, Session *session, Snapshot *snapshot, Arena *arena,
                   uint32_t param_max, const Type *param_types, uint32_t param_count);
void binding__done(Binding *binding);
/* The binder's status, or the error of taking the snapshot where that was the reason. */
Status binding__result(const Binding *binding, Status status, Error *err);

/* Takes the snapshot now. */
Status binding__snapshot(Binding *binding, Error *err);
/* The session's catalog; the snapshot is taken. */
const CatalogVersion *binding__version(Binding *binding);
/* A table of it, prom.<metric> included. */
const Table *binding__table(Binding *binding, Str schema, Str name);

/* ---- promql_rows.c: promql() in FROM; ctx is a Binding */
Status query__bind_promql(void *ctx, const SqlPromql *call, Arena *arena, PlanNode **ret_node,
                          Error *err);

/* ---- query.c */
/* The snapshot that this statement reads: the transaction's, or a fresh one. */
Status query__snapshot(Query *query, Error *err);
/* Lets go of the snapshot and of what was bound on it: the statement runs again. */
void query__renew_snapshot(Query *query);
/* CANCELLED, TIMEOUT when the statement is to end. */
Status query__check(Query *query, Error *err);
/* Binds a SELECT into query->own_plan and optimizes it. */
Status query__bind(Query *query, const AstSelect *select, Error *err);
/* Optimizes and verifies a bound plan. */
Status query__optimize(Plan *plan, Snapshot *snapshot, Error *err);
/* Opens a plan that outlives the query. */
Status query__open(Query *query, const Plan *plan, Error *err);
/* One batch is the whole result. */
void query__set_rows(Query *query, RecordBatch batch);
void query__notice(Query *query, const char *sqlstate, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Runs a plan of one row and one column into query->arena. */
Status query__eval_scalar(Query *query, const Plan *plan, Column *ret, Error *err);
/* The query has failed: PostgreSQL's words for *err; an open transaction fails with it. */
Status query__note_failure(Query *query, Status status, Error *err);
void query__set_tag(Query *query, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A batch of text columns; `texts` row-major, ptr NULL = NULL. */
Status query__text_rows(Query *query, const Str *texts, uint32_t rows, Error *err);

/* ---- statement.c */
Script *script__ref(Script *script);
Status statement__bind(Session *session, Script *script, const AstStatement *ast,
                       const Type *param_types, uint32_t param_count, Statement **ret_statement,
                       Error *err);

/* ---- explain.c */
/* EXPLAIN: the answer becomes the query's rows. */
Status explain__run(Query *query, const AstExplain *ast, Error *err);
/* Notes a plan, with the figures of query->exec (which it ends) if there is one; the last one noted
 * is shown. modify: the statement that the plan's rows are for, or NULL. */
void explain__show(Query *query, const Plan *plan, const SqlModify *modify);
void explain__done(Query *query);
ExplainFormat explain__format(const AstExplain *ast);
bool explain__analyzes(const AstExplain *ast);

/* ---- command.c: DDL;  command_session.c: SET, transactions;  command_prepared.c: PREPARE, cursors
 */
Status command__run(Query *query, const AstStatement *ast, Error *err);
Status command__set(Query *query, const AstSet *set, Error *err);
Status command__show(Query *query, Str name, Error *err);
Status command__discard(Query *query, AstDiscard what, Error *err);
Status command__transaction(Query *query, const AstTransaction *transaction, Error *err);
Status command__prepare(Query *query, const AstStatement *ast, Error *err);
Status command__execute(Query *query, const AstPrepared *execute, Error *err);
Status command__deallocate(Query *query, const AstPrepared *prepared, Error *err);
Status command__declare(Query *query, const AstStatement *ast, Error *err);
Status command__fetch(Query *query, const AstFetch *fetch, Error *err);
Status command__close(Query *query, const AstPrepared *cursor, Error *err);
void command__close_cursors(Session *session);
/* Those that were declared behind more than `savepoints` savepoints. */
void command__close_cursors_behind(Session *session, uint32_t savepoints);
void command__deallocate_all(Session *session);
/* Result columns of EXECUTE and FETCH; INVALID 26000 / 34000 when the name is unknown. */
Status command__prepared_statement(Session *session, const AstPrepared *execute,
                                   const Prepared **ret_prepared, Error *err);
Status command__cursor_schema(Session *session, const AstFetch *fetch, const Schema **ret_schema,
                              Error *err);

/* ---- ddl_sequence.c */
extern const EvalSequences sequences__ops; /* ctx is a Binding */
void sequences__done(Session *session);
/* What SELECT from a sequence reads. */
typedef struct SequenceRow {
    VirtualTable table;
    int64_t value;
    int64_t log_count;
    bool called;
} SequenceRow;
const VirtualTable *sequences__row(Binding *binding, const CatalogSequence *sequence);

/* ---- quick.c */
bool quick__statement(const AstStatement *ast);
/* Are texts of all these types read from their bytes alone? */
bool quick__params(const Type *types, uint32_t count);

/* ---- report.c */
/* Tells the server's traces, if they want it. At the end, before anything is freed. */
void report__query(Query *query);
void report__promql(const QueryEngine *engine, const PromqlRequest *request,
                    const PromqlResult *result, int64_t start_ns, const Error *error);

/* ---- audit.c */
/* The statement up to a word that may introduce a password. */
Str audit__shown_text(Str text, size_t bytes_max);
/* Tells whoever listens when the statement is of interest; `error` NULL = it went well. */
void audit__statement(const Session *session, const AstStatement *ast, Str tag, const Error *error);

/* ---- copy.c */
Status copy__start(Query *query, Error *err);
void copy__done(Query *query);

/* ---- modify.c */
/* INSERT, UPDATE, DELETE. */
Status modify__run(Query *query, const AstStatement *ast, Error *err);
Status modify__truncate(Query *query, const AstTruncate *truncate, Error *err);
/* NOT NULL (23502), then CHECKs (23514) of whole rows, live columns; `checks` has the bools of the
 * table's constraints. *ret_row is the row at fault. */
Status modify__check_rows(const Table *table, const RecordBatch *rows, const Column *checks,
                          uint32_t check_count, const PgSettings *settings, uint32_t *ret_row,
                          Error *err);
/* A batch of live columns as one of all the table's. */
Status modify__all_columns(const Table *table, const RecordBatch *live, Arena *arena,
                           RecordBatch *ret, Error *err);
/* Adds PostgreSQL's detail "Failing row contains (...)." */
void modify__failing_row(const RecordBatch *rows, uint32_t row, const PgSettings *settings,
                         Error *err);

#endif

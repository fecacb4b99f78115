/* exec_int.h - operators, what they share, and the expression evaluator's context.
 *
 * An operator is made for a plan node, opened, asked for batches until one has no rows, closed. A
 * batch is valid until the next call on the same operator. `arena` lives as long as the operator,
 * `batch_arena` is reset at each next. Re-execution (correlated subqueries) makes new operators.
 *
 * Parallelism: a sink (aggregate, sort, join build) asks for a Fragment of its child: several
 * instances of the same chain of operators, one per worker, that share the scan's morsels and the
 * joins' tables through `Shared`.
 */
#ifndef LUMA_QUERY_EXEC_EXEC_INT_H
#define LUMA_QUERY_EXEC_EXEC_INT_H

#include "query/exec/exec.h"
#include "query/exec/rowset.h"
#include "query/func/value.h"

typedef struct Operator Operator;
typedef struct JoinTable JoinTable;
typedef struct OnceValue OnceValue;

/* The rows that EXPR_OUTER sees: the innermost first. */
typedef struct OuterFrame {
    const struct OuterFrame *up;
    const RecordBatch *inputs[2];
    uint32_t row;
} OuterFrame;

/* What the instances of one plan node have in common. Made and freed by the fragment's owner,
 * filled by the first instance's open, which runs alone. */
typedef struct Shared {
    struct Shared *next;
    const PlanNode *node;
    Scan *scan;
    ScanSpec spec;
    Arena arena;
    JoinTable *join;
} Shared;

typedef struct SharedList {
    Shared *first;
    bool is_opened; /* the first instance is there: more are its helpers */
} SharedList;

/* What the closed operators of a plan node did, for EXPLAIN ANALYZE. */
typedef struct NodeNote {
    struct NodeNote *next;
    const PlanNode *node;
    PlanActual actual;
} NodeNote;

/* How good rows must be for a top-N: told by its operator, read by the scan below. */
typedef struct TopBound {
    struct TopBound *next;
    const PlanNode *node; /* the top-N */
    ScanBound bound;
} TopBound;

struct Exec {
    const Plan *plan;
    ExecOptions options;
    MemBudget budget; /* child of options.budget: what this query holds */
    EvalSettings default_settings;
    const EvalSettings *settings;
    Arena arena;
    RowSet **ctes;          /* by cte_idx; the materialised rows while their node is open */
    const RowSet **working; /* by cte_idx: the recursive step's input */
    Operator *root;
    uint64_t rows_written;
    Mutex scan_lock;
    TopBound *tops;        /* guarded by scan_lock; owned */
    NodeNote *notes;       /* guarded by scan_lock; owned, one per plan node, last used first */
    int64_t spilled_bytes; /* atomic: relaxed; written to temporary files */
    Mutex lock;
    struct RuntimeFilter *filters; /* guarded by lock */
    OnceValue *once; /* guarded by lock: answers of subqueries that read no outer row */
    Cond once_done;  /* one of them was made */
    int failed;      /* atomic: a worker failed, the others stop */
};

/* ---------------------------------------------------------------- expressions */

typedef struct ExprCache ExprCache;

/* Evaluates expressions for one operator instance. */
typedef struct ExprEval {
    Exec *exec;
    const OuterFrame *outer;
    EvalContext ctx; /* arena = where results go, reset by the operator */
    Arena *lasting;  /* caches that live as long as the operator */
    ExprCache *caches;
} ExprEval;

void expr_eval_init(ExprEval *ev, Exec *exec, const OuterFrame *outer, Arena *batch,
                    Arena *lasting);
/* The expression over `rows` rows of the inputs (either may be NULL). Dictionaries and constants
 * may come out; ret->len is rows. */
Status expr_eval(ExprEval *ev, const Expr *expr, const RecordBatch *left, const RecordBatch *right,
                 uint32_t rows, Column *ret, Error *err);
/* The same without dictionaries: plain or constant. */
Status expr_eval_plain(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                       const RecordBatch *right, uint32_t rows, Column *ret, Error *err);
/* Rows where a boolean column is true, into rows_out (room for `rows`); returns their count. */
uint32_t expr_true_rows(const Column *c, uint32_t rows, uint32_t *rows_out);
/* Rows [0, rows) where the predicate is true. */
Status expr_filter(ExprEval *ev, const Expr *predicate, const RecordBatch *left,
                   const RecordBatch *right, uint32_t rows, uint32_t **ret_rows,
                   uint32_t *ret_count, Error *err);
/* EXPR_SUBQUERY over each row. */
Status exec__subquery(ExprEval *ev, const Expr *expr, const RecordBatch *left,
                      const RecordBatch *right, uint32_t rows, Column *ret, Error *err);
/* One answer of an EXPR_SUBQUERY without arguments (not ANY or ALL), in `arena`. */
Status exec__subquery_answer(ExprEval *ev, const Expr *expr, const OuterFrame *frame, Arena *arena,
                             Column *ret, Error *err);
/* The answer of a subquery marked `once`, constant; lives as long as the Exec. */
Status exec__subquery_once(ExprEval *ev, const Expr *expr, uint32_t rows, Column *ret, Error *err);
void exec__once_free(Exec *exec);
/* Does the expression hold a subquery that runs per row or an outer reference? Then it stays on one
 * thread. */
bool expr_is_local(const Expr *expr);
/* Copies values of src (row i) to rows[i] of a plain column with a bitmap. */
void exec__scatter(Column *ret, const Column *src, const uint32_t *rows, uint32_t count);
/* Caches by key (an Expr or a part of one) for the operator's life. */
void **expr_cache(ExprEval *ev, const void *key);

/* ---------------------------------------------------------------- operators */

typedef struct OperatorOps {
    const char *name;
    Status (*open)(Operator *op, Error *err);
    Status (*next)(Operator *op, RecordBatch *ret_batch, Error *err);
    void (*close)(Operator *op); /* also after a failed open */
} OperatorOps;

struct Operator {
    const OperatorOps *ops;
    Exec *exec;
    const PlanNode *node;
    const OuterFrame *outer;
    SharedList *shared; /* NULL = the only instance */
    void *state;        /* zeroed, in `arena` */
    Arena arena;
    Arena batch_arena;
    ExprEval eval;
    Operator *child; /* the instance of children[0] that most operators have */
    bool is_helper;  /* another instance counts the execution */
    uint64_t rows_out;
    int64_t startup_ns; /* until the first batch; 0 = there was none */
    int64_t time_ns;    /* in open and next, the child's included */
};

/* Makes and opens an operator for `node`. */
Status operator_open(Exec *exec, const PlanNode *node, const OuterFrame *outer, SharedList *shared,
                     Operator **ret_op, Error *err);
/* Checks for cancellation, counts; batch valid until the next call. */
Status operator_next(Operator *op, RecordBatch *ret_batch, Error *err);
/* NULL is fine; returns NULL. */
Operator *operator_close(Operator *op);
/* open the child of a one-input operator into op->child. */
Status operator_open_child(Operator *op, Error *err);

/* CANCELLED (57014), TIMEOUT (57014) or the failure of another worker. */
Status exec_check(Exec *exec, Error *err);

/* All rows of a plan, materialised. */
Status exec__materialize(Exec *exec, const PlanNode *node, const OuterFrame *outer, RowSet *ret,
                         Error *err);
Status exec__schema_types(const Schema *schema, Arena *arena, Type **ret_types, Error *err);
/* Column array of the batch's arena. */
Status exec__columns(Arena *arena, uint32_t count, Column **ret, Error *err);
/* Evaluates LIMIT-like expressions: false = NULL. */
Status exec__eval_i64(Operator *op, const Expr *expr, bool *ret_some, int64_t *ret, Error *err);

/* ---------------------------------------------------------------- parallel fragments */

enum { FRAGMENT_WORKERS_MAX = 64 };

typedef struct Fragment {
    Exec *exec;
    SharedList shared;
    Operator *instances[FRAGMENT_WORKERS_MAX];
    uint32_t count;
} Fragment;

/* Opens as many instances of the chain below as may run side by side; at least one. */
Status fragment_open(Fragment *fragment, Exec *exec, const PlanNode *node, const OuterFrame *outer,
                     bool allow_parallel, Error *err);
/* Calls fn once per instance, each on a thread of its own as far as workers are free, and waits. An
 * instance no worker took is run by none: its rows were taken by the others. */
Status fragment_run(Fragment *fragment, Status (*fn)(void *ctx, uint32_t worker, Error *err),
                    void *ctx, Error *err);
void fragment_close(Fragment *fragment);

/* The bound of a top-N node, for its operator and the scan below it. Both must be outside of
 * correlated subqueries, where a node has several operators at a time. */
ScanBound *exec__top_bound(Exec *exec, const PlanNode *top);
/* Figures of EXPLAIN ANALYZE: so many threads share the chain of nodes; the node wrote bytes to
 * temporary files. Any thread. */
void exec__note_workers(Exec *exec, const PlanNode *chain, uint32_t workers);
void exec__note_spill(Exec *exec, const PlanNode *node, int64_t bytes);
/* Ends a scan and keeps its figures. NULL is fine; returns NULL. */
Scan *exec__end_scan(Exec *exec, const PlanNode *node, Scan *scan);

void join_table_free(JoinTable *table); /* NULL is fine */
Shared *shared_find(SharedList *list, const PlanNode *node);

/* ---------------------------------------------------------------- row order */

typedef struct SortColumn {
    const Column *column; /* plain */
    bool descending;
    bool nulls_first;
} SortColumn;
/* Stable order of rows [0, rows) by the columns into *ret_order (arena). */
Status exec__sort_rows(Exec *exec, const SortColumn *keys, uint32_t key_count, uint32_t rows,
                       Arena *arena, uint32_t **ret_order, Error *err);
/* Orders as the key does as far as 64 bits go; equal ones need a comparison. */
uint64_t exec__sort_prefix(const SortColumn *key, uint32_t row);
/* Row a of one set of key columns against row b of another; *keys say direction and NULLs. */
int exec__compare_across(const SortColumn *keys, uint32_t key_count, const Column *a_columns,
                         uint32_t a, const Column *b_columns, uint32_t b);
int exec__compare_rows(const SortColumn *keys, uint32_t key_count, uint32_t a, uint32_t b);

/* ---------------------------------------------------------------- all operators */

/* clang-format off */
#define OPERATORS(X)                                                                               \
    X(scan)                                                                                        \
    X(values)                                                                                      \
    X(empty)                                                                                       \
    X(filter) X(project) X(aggregate) X(sort) X(limit) X(distinct) X(hash_join) X(loop_join)       \
        X(set_op) X(window) X(function_scan) X(project_set) X(cte) X(cte_scan) X(recursive)        \
            X(virtual_scan) X(apply) X(insert) X(series_rows)
/* clang-format on */
#define X(name) extern const OperatorOps op_##name##_ops;
OPERATORS(X)
#undef X

#endif

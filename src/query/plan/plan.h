/* plan.h - the plan IR: one tree of logical operators and typed expressions for SQL and PromQL.
 *
 * Binders build it, optimizer rules rewrite it (in place or by replacing nodes), the executor reads
 * it only. Nodes and expressions live in one arena, the plan's. A node's output is `schema`; its
 * expressions see the columns of its children by number: EXPR_COLUMN{input, column}, input 0 = left
 * (or only) child, 1 = right. plan_verify checks every rule written here and is run after binding
 * and after each optimizer rule in tests and debug builds.
 *
 * Relational nodes yield record batches; series nodes (PLAN_SERIES_*) yield series batches: one row
 * per series with a value per step (plan_series.h).
 */
#ifndef LUMA_QUERY_PLAN_PLAN_H
#define LUMA_QUERY_PLAN_PLAN_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "base/label.h"
#include "query/func/func.h"
#include "storage/catalog/catalog.h"

typedef struct PlanNode PlanNode;
typedef struct Expr Expr;
typedef struct SeriesPlan SeriesPlan; /* plan_series.h: what a PLAN_SERIES_* node carries */

/* ---------------------------------------------------------------- expressions */

typedef enum ExprKind {
    EXPR_CONST,  /* value: a column of one row */
    EXPR_COLUMN, /* input, column */
    EXPR_OUTER, /* column of an enclosing row: depth >= 1, column. The row is that of the expression
                   that holds the subquery (its input 0 columns, then those of input 1), or the
                   left row of a PLAN_APPLY; each nested subquery or apply adds one to depth */
    EXPR_PARAM, /* $n, param_idx from 0 */
    EXPR_CALL,  /* function(args) */
    EXPR_CAST,  /* cast(args[0]) to type */
    EXPR_AND,   /* args, three-valued, n-ary */
    EXPR_OR,
    EXPR_NOT,
    EXPR_IS_NULL,   /* args[0]; negated = IS NOT NULL */
    EXPR_BOOL_TEST, /* args[0] IS [NOT] TRUE/FALSE/UNKNOWN: test, negated */
    EXPR_DISTINCT,  /* args[0] IS [NOT] DISTINCT FROM args[1]; function is their "=" */
    EXPR_CASE,      /* args: when1, then1, when2, then2, ..., else (always present) */
    EXPR_COALESCE,  /* args */
    EXPR_GREATEST,  /* args; function is their "<" */
    EXPR_LEAST,
    EXPR_NULLIF,    /* args[0], args[1]; function is their "=" */
    EXPR_IN,        /* args[0] IN (args[1..]); function is "="; negated */
    EXPR_ANY,       /* args[0] op ANY/ALL (args[1], an array): function, all */
    EXPR_ARRAY,     /* ARRAY[args] */
    EXPR_SUBSCRIPT, /* args[0][args[1]] or slices: slice = args[1]:args[2] */
    EXPR_ROW,       /* ROW(args) */
    EXPR_FIELD,     /* (args[0]).field: column */
    EXPR_SUBQUERY,  /* subplan with subquery_kind; removed by decorrelation where possible */
    EXPR_AGGREGATE, /* only in PLAN_AGGREGATE.aggregates */
    EXPR_WINDOW,    /* only in PLAN_WINDOW.calls */
} ExprKind;

typedef enum SubqueryKind {
    SUBQUERY_SCALAR, /* one column, at most one row (21000 else) */
    SUBQUERY_EXISTS,
    SUBQUERY_ANY, /* args[0] op ANY (subplan); IN is "=" */
    SUBQUERY_ALL,
    SUBQUERY_ARRAY, /* ARRAY(subplan) */
} SubqueryKind;

typedef enum BoolTest { BOOL_TEST_TRUE, BOOL_TEST_FALSE, BOOL_TEST_UNKNOWN } BoolTest;

typedef struct SortKey {
    Expr *expr;
    bool descending;
    bool nulls_first;
} SortKey;

struct Expr {
    ExprKind kind;
    Type type;
    int32_t position; /* 1-based character in the query text, 0 = none */
    Expr **args;
    uint32_t arg_count;
    bool negated;
    bool all;                 /* EXPR_ANY: ALL */
    bool slice;               /* EXPR_SUBSCRIPT */
    bool assignment;          /* EXPR_CAST: as INSERT does it; too long texts are errors */
    BoolTest test;            /* EXPR_BOOL_TEST */
    uint16_t input;           /* EXPR_COLUMN */
    uint32_t column;          /* EXPR_COLUMN, EXPR_OUTER, EXPR_FIELD */
    uint32_t depth;           /* EXPR_OUTER: how many queries up, from 1 */
    uint32_t param_idx;       /* EXPR_PARAM */
    Column value;             /* EXPR_CONST */
    const Function *function; /* EXPR_CALL and those that name it above */
    const Cast *cast;         /* EXPR_CAST; NULL with equal ids = typmod change only */
    SubqueryKind subquery_kind;
    PlanNode *subplan;  /* EXPR_SUBQUERY */
    const void *source; /* EXPR_SUBQUERY: what it was bound from; two of one source are equal */
    bool once;          /* EXPR_SUBQUERY: one answer for the whole execution (optimizer) */
    const Str *names;   /* EXPR_ROW: of the fields; NULL = f1, f2 ... */
    bool spread;        /* EXPR_CALL: the last argument is an array of the variadic arguments */
    /* EXPR_AGGREGATE and EXPR_WINDOW */
    const Aggregate *aggregate;
    const char *window_function; /* "row_number", ... ; NULL = `aggregate` over the frame */
    bool distinct;
    Expr *filter;   /* FILTER (WHERE ...), or NULL */
    SortKey *order; /* agg(x ORDER BY ...) or WITHIN GROUP */
    uint32_t order_count;
};

/* ---------------------------------------------------------------- nodes */

typedef enum PlanKind {
    PLAN_SCAN,      /* a table; columns, predicates, matchers pushed down */
    PLAN_VALUES,    /* values_rows rows of schema.field_count expressions (0 columns are fine) */
    PLAN_EMPTY,     /* no rows (a folded-away branch) */
    PLAN_FILTER,    /* predicate */
    PLAN_PROJECT,   /* exprs */
    PLAN_AGGREGATE, /* groups, aggregates; output: groups, then aggregates */
    PLAN_SORT,      /* keys */
    PLAN_LIMIT,     /* limit, offset (expressions; NULL = none); with keys = top-N */
    PLAN_DISTINCT,  /* DISTINCT or DISTINCT ON (groups) over sorted input */
    PLAN_JOIN,      /* kind, equi keys, residual */
    PLAN_SET_OP,    /* UNION / INTERSECT / EXCEPT, all */
    PLAN_WINDOW,    /* calls over one partition/order; output: input columns, then calls */
    PLAN_FUNCTION_SCAN, /* set-returning function in FROM; promql() is PLAN_SERIES_ROWS */
    PLAN_PROJECT_SET,   /* set-returning functions in the select list: exprs[i] are the arguments'
                           calls;   set_functions[i] NULL = plain expression, repeated per row */
    PLAN_CTE,           /* materialised child `cte_idx`, then the main child */
    PLAN_CTE_SCAN,      /* reads cte_idx */
    PLAN_RECURSIVE,     /* WITH RECURSIVE: children seed, step; CTE_SCANs of cte_idx inside the step
                           read the previous round's rows */
    PLAN_VIRTUAL_SCAN,  /* a system view: rows from a callback */
    PLAN_APPLY,         /* correlated: right child runs per left row (what decorrelation left);
                           join_kind, predicate and output as for PLAN_JOIN */
    PLAN_INSERT,        /* child's rows into a table; output: RETURNING or none */
    PLAN_UPDATE,
    PLAN_DELETE,
    PLAN_SERIES_ROWS, /* series plan -> rows: ts, value, label columns (promql() in FROM) */
    PLAN_SERIES,      /* a PromQL operator; `series` says which (plan_series.h) */
} PlanKind;

typedef enum JoinKind {
    JOIN_INNER,
    JOIN_LEFT,
    JOIN_RIGHT,
    JOIN_FULL,
    JOIN_CROSS,
    JOIN_SEMI,      /* left rows with a match; output: left columns */
    JOIN_ANTI,      /* left rows without a match */
    JOIN_NULL_ANTI, /* NOT IN: NULLs make the result empty */
    JOIN_MARK,      /* left columns plus a bool: matched, NULL when unknown */
    JOIN_SINGLE,    /* left join that fails with 21000 on a second match: scalar subquery */
} JoinKind;

typedef enum SetOpKind { SET_OP_UNION, SET_OP_INTERSECT, SET_OP_EXCEPT } SetOpKind;

typedef enum FrameUnit { FRAME_ROWS, FRAME_RANGE, FRAME_GROUPS } FrameUnit;
typedef enum FrameBound {
    FRAME_UNBOUNDED_PRECEDING,
    FRAME_PRECEDING,
    FRAME_CURRENT,
    FRAME_FOLLOWING,
    FRAME_UNBOUNDED_FOLLOWING
} FrameBound;
typedef enum FrameExclude {
    FRAME_EXCLUDE_NONE,
    FRAME_EXCLUDE_CURRENT,
    FRAME_EXCLUDE_GROUP,
    FRAME_EXCLUDE_TIES
} FrameExclude;
typedef struct WindowFrame {
    FrameUnit unit;
    FrameBound start;
    FrameBound end;
    Expr *start_offset;
    Expr *end_offset;
    FrameExclude exclude;
} WindowFrame;

/* In PlanNode.scan_columns: the row's id, int8 (SCAN_COLUMN_ROW_ID of engine.h). */
enum { PLAN_COLUMN_ROW_ID = 0xffff };

/* A simple conjunct of a scan: column <op> expression without columns (constant or parameter). */
typedef struct PlanPredicate {
    uint16_t column; /* index in Table.columns */
    uint8_t op;      /* ScanOp of engine.h */
    Expr *value;     /* NULL for IS [NOT] NULL */
} PlanPredicate;

/* A system view: the owner gives a schema and fills batches. */
typedef struct VirtualTable {
    Str schema;
    Str name;
    uint32_t oid;
    const Schema *columns;
    /* Yields the next batch; row_count 0 = end. *state starts as NULL; it lives in `arena`. */
    Status (*next)(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err);
    void *ctx;
} VirtualTable;

struct PlanNode {
    PlanKind kind;
    Schema schema; /* output columns */
    PlanNode *children[2];
    double row_estimate; /* < 0 = unknown */
    int32_t position;    /* of the clause in the query text */

    /* PLAN_SCAN, PLAN_INSERT, PLAN_UPDATE, PLAN_DELETE */
    const Table *table;
    const uint16_t *scan_columns; /* per output column: index in table->columns */
    PlanPredicate *predicates;
    uint32_t predicate_count;
    LabelMatcher *matchers;
    uint32_t matcher_count;
    const PlanNode *top; /* the top-N above that wants the best rows by top_column only, or NULL */
    uint16_t top_column; /* index in table->columns, of LAYOUT_INT64 */
    bool top_descending;
    bool bounds_scan;                  /* LIMIT: it is the `top` of a scan */
    int64_t row_limit;                 /* pushed-down limit, INT64_MAX = none */
    const VirtualTable *virtual_table; /* PLAN_VIRTUAL_SCAN */

    Expr **exprs; /* PROJECT, PROJECT_SET, VALUES (row-major), FUNCTION_SCAN arguments */
    uint32_t expr_count;
    uint32_t values_rows;
    Expr *predicate; /* FILTER; JOIN residual over both inputs */

    /* PLAN_AGGREGATE, PLAN_DISTINCT ON, PLAN_WINDOW partitions */
    Expr **groups;
    uint32_t group_count;
    Expr **aggregates; /* EXPR_AGGREGATE; or EXPR_WINDOW for PLAN_WINDOW */
    uint32_t aggregate_count;
    const uint64_t *grouping_sets; /* bit i = groups[i] is in the set; NULL = one set of all */
    uint32_t grouping_set_count;
    bool grouping_column; /* an int4 column follows the groups: bit i set = groups[i] is not in the
                             set */

    SortKey *keys; /* SORT, LIMIT (top-N), WINDOW order */
    uint32_t key_count;
    Expr *limit;
    Expr *offset;
    bool with_ties;
    WindowFrame frame;

    JoinKind join_kind;
    Expr **left_keys; /* equi-join: left_keys[i] = right_keys[i], by equal types */
    Expr **right_keys;
    uint32_t join_key_count;
    bool null_safe; /* keys compare with IS NOT DISTINCT FROM */

    SetOpKind set_op;
    bool all;
    uint32_t cte_idx;
    bool distinct_union; /* PLAN_RECURSIVE: UNION instead of UNION ALL */

    const TableFunction *table_function;
    bool ordinality;
    const TableFunction *const *set_functions; /* PROJECT_SET: per expression; exprs[i] is then an
                                                  EXPR_ROW of the arguments */

    Expr **returning; /* INSERT/UPDATE/DELETE */
    uint32_t returning_count;
    const uint16_t *target_columns; /* INSERT: child column i goes to table column [i] */
    uint32_t target_count;

    SeriesPlan *series; /* PLAN_SERIES, PLAN_SERIES_ROWS */
};

typedef struct Plan {
    Arena *arena;
    PlanNode *root;
    const Type *param_types;
    uint32_t param_count;
    uint32_t cte_count;
    bool read_only;
} Plan;

/* ---------------------------------------------------------------- helpers */

PlanNode *plan_node_new(Arena *arena, PlanKind kind);
Expr *expr_new(Arena *arena, ExprKind kind, Type type);
Expr *expr_column(Arena *arena, uint16_t input, uint32_t column, Type type);
/* Borrows the one-row column's buffers. */
Expr *expr_const(Arena *arena, const Column *value);
Expr *expr_const_null(Arena *arena, Type type);
Expr *expr_const_bool(Arena *arena, bool value);
Expr *expr_const_i64(Arena *arena, Type type, int64_t value);
Expr *expr_const_text(Arena *arena, Type type, Str text);
/* AND of two, either may be NULL. */
Expr *expr_and(Arena *arena, Expr *a, Expr *b);
bool expr_is_const(const Expr *expr);
bool expr_is_null_const(const Expr *expr);
/* Deep copy within the arena. */
Expr *expr_clone(Arena *arena, const Expr *expr);
/* Structural equality (positions do not count). */
bool expr_eq(const Expr *a, const Expr *b);
/* Calls fn for the expression and everything below it, parents first; false stops. */
bool expr_walk(Expr *expr, bool (*fn)(Expr *expr, void *ctx), void *ctx);
/* Calls fn for every expression slot a node itself holds (tops only, not the children's); fn may
 * replace *slot. False stops. */
bool plan_walk_exprs(PlanNode *node, bool (*fn)(Expr **slot, void *ctx), void *ctx);
/* The strongest volatility inside; a subquery counts as volatile, a parameter as stable. */
Volatility expr_volatility(const Expr *expr);

/* Every invariant of the tree; INTERNAL with a path to the node when one is broken. */
Status plan_verify(const Plan *plan, Error *err);
/* EXPLAIN's text, PostgreSQL-like: one node a line, indented, with its expressions. */
void plan_explain(const Plan *plan, Buf *out);
void expr_explain(const Expr *expr, const PlanNode *node, Buf *out);
/* Lines of a PLAN_SERIES or PLAN_SERIES_ROWS node, each behind `indent` spaces; set once at start
 * by the PromQL planner, NULL = none. */
typedef void (*PlanSeriesExplain)(const PlanNode *node, int indent, Buf *out);
extern PlanSeriesExplain plan_series_explainer;

#endif

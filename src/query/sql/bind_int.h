/* bind_int.h - what the files of the binder share.
 *
 *   bind.c         entry points, parameters, errors
 *   bind_type.c    type names, categories, coercion, common types
 *   bind_call.c    overload resolution of functions, operators, aggregates
 *   bind_expr.c    expressions;  bind_special.c  CASE, IN, rows, subqueries ...
 *   bind_scope.c   names -> columns
 *   bind_from.c    FROM: tables, joins, functions;  bind_with.c  CTEs
 *   bind_select.c  the clauses of a SELECT;  bind_group.c  GROUP BY and aggregates
 *   bind_window.c  window calls;  bind_set_op.c  UNION ..., VALUES
 *   bind_insert.c  INSERT;  bind_update.c  UPDATE, DELETE;  bind_modify.c  what they share
 *   bind_table.c  CREATE TABLE;  bind_copy.c  COPY
 *
 * Rows. Each query level has one flat row: the columns of its FROM items side by side. Names
 * resolve to EXPR_COLUMN{0, flat index}; a join splits its condition into inputs 0 and 1
 * afterwards. A name found in an enclosing Scope becomes EXPR_OUTER with the number of Scopes
 * between.
 *
 * Aggregates, window calls and set-returning calls are bound where they stand, as EXPR_AGGREGATE,
 * EXPR_WINDOW and SET_CALL placeholders; later passes move them into their nodes and leave columns.
 */
#ifndef LUMA_QUERY_SQL_BIND_INT_H
#define LUMA_QUERY_SQL_BIND_INT_H

#include "query/sql/sql.h"

enum {
    BIND_EXPRS_MAX = 2000000, /* nodes of one statement: bounds what copies can multiply */
    BIND_VIEW_DEPTH_MAX = 32, /* views inside views */
    BIND_OUTER_MAX = 60,      /* rows around an expression: correlated subqueries, LATERAL */
    BIND_COLUMNS_MAX = 1664,  /* of a select list, as PostgreSQL */
    SET_CALL_INPUT = 0xffff,  /* EXPR_COLUMN.input of a placeholder: column = index in set_calls */
};

typedef struct ScopeColumn {
    Str name;
    Type type;
    uint32_t column; /* in the flat row */
    Expr *merged;    /* FULL JOIN USING: the expression instead of a column */
    uint32_t table_oid;
    int16_t attnum;
} ScopeColumn;

/* One name of FROM. */
typedef struct ScopeRel {
    Str name;   /* "" = unnamed join */
    Str schema; /* of a table without alias, else "" */
    Str table;  /* what an alias stands for, for hints */
    ScopeColumn *columns;
    uint32_t column_count;
    ScopeColumn *system; /* ctid, tableoid: found by name where no column has it, not by * */
    uint32_t system_count;
    bool rel_visible;  /* name.column and name.* work */
    bool cols_visible; /* bare column names and * see it */
    bool scalar;       /* a function of one scalar column: its name is the value */
} ScopeRel;

typedef struct WindowSpec WindowSpec;
typedef struct SetCall {
    const TableFunction *function;
    Expr *args; /* EXPR_ROW */
    Type type;
} SetCall;

typedef struct Scope {
    struct Scope *parent; /* the row one environment up */
    ScopeRel *rels;
    uint32_t rel_count;
    uint32_t rel_cap;
    uint32_t width;     /* columns of the flat row */
    bool lateral;       /* the row left of a LATERAL item, not a query's */
    bool hidden;        /* a LATERAL environment seen from inside a non-lateral subquery */
    const char *clause; /* "WHERE": for "... are not allowed in WHERE" */
    bool aggregates_ok;
    bool windows_ok;
    bool sets_ok;
    bool in_aggregate; /* inside the arguments of an aggregate */
    bool in_window;    /* inside the arguments of a window call */
    bool has_aggregates;
    WindowSpec *windows; /* distinct windows of this level, in order of first use */
    uint32_t window_count;
    uint32_t window_cap;
    const AstSelect *select; /* for its WINDOW clause */
    SetCall *set_calls;
    uint32_t set_call_count;
    uint32_t set_call_cap;
    Expr **groups; /* while GROUPING() is bound: the keys */
    uint32_t group_count;
} Scope;

struct WindowSpec {
    Expr **partition;
    uint32_t partition_count;
    SortKey *order;
    uint32_t order_count;
    WindowFrame frame;
};

/* The fields of a record type: Type.typmod of a RECORD is an index into Binder.shapes. */
typedef struct RowShape {
    const Field *fields;
    uint32_t field_count;
} RowShape;

typedef struct Cte {
    const AstCte *ast;
    Schema schema;
    PlanNode *plan;    /* NULL while a recursive one binds itself */
    uint32_t cte_idx;  /* of PLAN_CTE */
    uint32_t self_idx; /* of the working table of a recursive one */
    bool recursive;
    const SqlModify *modify; /* a data-modifying statement: its results are read */
    PlanNode **scans;        /* CTE_SCAN nodes that read cte_idx */
    uint32_t scan_count;
    uint32_t scan_cap;
} Cte;

typedef struct CteFrame {
    struct CteFrame *parent;
    Cte *ctes;
    uint32_t count; /* visible now */
} CteFrame;

typedef struct Binder {
    const SqlBindOptions *options;
    Arena *arena;
    const SqlCatalog *catalog;
    EvalContext eval;
    Type *param_types; /* param_max of them; UNKNOWN = not yet inferred */
    uint32_t param_count;
    CteFrame *ctes;
    uint32_t cte_count;    /* indexes given out */
    uint32_t expr_count;   /* bound so far, against BIND_EXPRS_MAX */
    uint64_t join_columns; /* of the lists in FROM bound so far; bounded */
    uint32_t view_depth;
    RowShape *shapes;
    uint32_t shape_count;
    uint32_t shape_cap;
    uint32_t select_depth; /* SELECTs around what is bound */
    bool row_ids;          /* tables in FROM give their row ids, for ctid */
    const Scope *siblings; /* names left of a plain subquery in FROM: for error texts only */
    Error *err;
} Binder;

/* ---- errors: fill b->err and return the status */
#define BIND_ERROR(b, state, position, ...)                                                        \
    error_set_sql((b)->err, STATUS_INVALID, state, position, __VA_ARGS__)
#define BIND_UNSUPPORTED(b, position, ...)                                                         \
    error_set_sql((b)->err, STATUS_UNSUPPORTED, "0A000", position, __VA_ARGS__)

/* ---- bind_type.c */
bool sql__type_resolve_name(Str schema, Str name, Type *ret_type);
Status sql__type(Binder *b, const AstType *ast, Type *ret_type);
/* As above; a domain gives its base type and *ret_domain, else that is 0. */
Status sql__type_domain(Binder *b, const AstType *ast, Type *ret_type, uint32_t *ret_domain);
/* The user type of a name, looked for along the search path; NULL = there is none. */
const CatalogType *sql__find_user_type(Binder *b, Str schema, Str name);
char sql__type_category(Type type); /* pg_type.typcategory */
bool sql__type_preferred(Type type);
bool sql__can_coerce(Type from, Type to, CastContext context);
/* Brings *expr to a type; the error of a wrong type is the caller's when false comes back in
 * *ret_ok. A bad literal is an error (22P02). */
Status sql__coerce_try(Binder *b, Expr **expr, Type to, CastContext context, bool *ret_ok);
/* As above; "cannot cast type a to b" (42846) when impossible. */
Status sql__coerce(Binder *b, Expr **expr, Type to, CastContext context, int32_t position);
/* UNKNOWN becomes text. */
Status sql__coerce_unknown(Binder *b, Expr **expr);
Status sql__coerce_bool(Binder *b, Expr **expr, const char *clause);
/* The type that all take: `what` is "CASE", "UNION" ... for the error text. */
Status sql__common_type(Binder *b, Expr *const *exprs, uint32_t count, const char *what,
                        Type *ret_type);
Status sql__common_type_try(Expr *const *exprs, uint32_t count, Type *ret_type, uint32_t *ret_bad,
                            Type *ret_have);
bool sql__common_pair(Type *type, Type next);
/* Brings each to the type, 42846-like error texts as PostgreSQL's. */
Status sql__coerce_common(Binder *b, Expr **expr, Type to, const char *what);

/* ---- bind_call.c */
Status sql__operator(Binder *b, Str symbol, Expr *left, Expr *right, int32_t position,
                     Expr **ret_expr);
/* Finds the function of a binary operator and coerces both sides. */
Status sql__operator_function(Binder *b, Str symbol, Expr **left, Expr **right, int32_t position,
                              const Function **ret_function);
Status sql__call(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr);
/* A call of a registered function by name with bound arguments. */
Status sql__call_named(Binder *b, Str name, Expr **args, uint32_t arg_count, int32_t position,
                       Expr **ret_expr);
Status sql__table_function(Binder *b, Str name, Expr **args, uint32_t arg_count, int32_t position,
                           const TableFunction **ret_function, Type *ret_type);
bool sql__is_table_function(Str name);
/* The function with the columns of a definition list, and its arguments with their description. */
TableFunction *sql__with_columns(Binder *b, const TableFunction *function, const Field *fields,
                                 uint32_t count, Expr ***args, uint32_t *arg_count);
/* ---- bind_named.c */
/* Puts named arguments in their places: *ret_args in the order of the function, or the call's own
 * when none is named. */
Status sql__named_args(Binder *b, const AstExpr *call, AstExpr ***ret_args, uint32_t *ret_count);

/* ---- bind_expr.c */
Status sql__expr(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr);
/* As sql__expr, and UNKNOWN becomes text. */
Status sql__expr_known(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr);
Status sql__predicate(Binder *b, Scope *scope, const AstExpr *ast, const char *clause,
                      Expr **ret_expr);
Status sql__order(Binder *b, Scope *scope, const AstOrder *order, Expr *expr, SortKey *ret_key);
/* The name PostgreSQL gives an unnamed select item. */
Str sql__figure_name(const AstExpr *ast);
Expr *sql__new(Binder *b, ExprKind kind, Type type, int32_t position);
Expr *sql__new_args(Binder *b, ExprKind kind, Type type, int32_t position, uint32_t count,
                    Expr *const *args);

/* ---- bind_special.c */
Status sql__special(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr);
Status sql__row_compare(Binder *b, Str symbol, Expr *left, Expr *right, int32_t position,
                        Expr **ret_expr);
Status sql__subquery(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr);

/* Gives an EXPR_ROW the type that knows its fields; `names` NULL = f1, f2 ... */
void sql__row_type(Binder *b, Expr *row, const Str *names);
Type sql__record_type(Binder *b, const Field *fields, uint32_t count);
/* The fields of a record type, NULL when they are not known. */
const RowShape *sql__row_shape(Binder *b, Type type);
/* Field `idx` of a record expression. */
Expr *sql__field(Binder *b, Expr *row, uint32_t idx, const Field *field, int32_t position);

/* ---- bind_part.c */
/* The slice that the chain of subscripts `ast`, down to `base`, takes of an array. */
Status sql__slice(Binder *b, Scope *scope, const AstExpr *ast, const AstExpr *base, Expr *array,
                  Expr **ret_expr);
/* A column's new value when `part` (subscripts of the column) is set to `value`; `base` is the
 * value it has. */
Status sql__assign_part(Binder *b, Scope *scope, const TableColumn *column, Expr *base,
                        const AstExpr *part, Expr *value, Expr **ret_expr);

/* ---- bind_scope.c */
Status sql__column(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr);
/* Looks a bare name up in this level only. */
Status sql__column_local(Binder *b, Scope *scope, Str name, int32_t position, Expr **ret_expr,
                         bool *ret_found);
Expr *sql__scope_expr(Binder *b, const ScopeColumn *column, uint32_t depth, int32_t position);
const ScopeRel *sql__find_rel(const Scope *scope, Str schema, Str name, uint32_t *ret_depth);
Status sql__no_rel(Binder *b, const Scope *scope, Str name, int32_t position);
/* Adds a copy of the rel with its columns moved right. */
void sql__add_rel(Binder *b, Scope *scope, const ScopeRel *rel, uint32_t shift);
/* "alias.column" of a flat column, for error texts. */
Str sql__column_label(Binder *b, const Scope *scope, uint32_t column);
/* Moves the columns of an expression: EXPR_COLUMN -> EXPR_OUTER one level up, outer ones further.
 */
void sql__lift(Expr *expr);
/* Does the plan read rows outside of itself? */
bool sql__plan_escapes(PlanNode *plan);

/* ---- bind_from.c, bind_with.c */
Status sql__from(Binder *b, Scope *scope, const AstSelect *select, PlanNode **ret_plan);
/* With `row_id` behind the live columns. */
Status sql__table_scan(Binder *b, const Table *table, bool row_id, PlanNode **ret_plan);
void sql__add_table_oid(Binder *b, ScopeRel *rel, uint32_t oid);
/* The table of COPY; NULL for a system catalog, refused when it should be written. */
Status sql__copy_table(Binder *b, const AstName *name, bool from, const Table **ret_table);
Status sql__copy(Binder *b, const AstCopy *copy, SqlCopy *ret);
Status sql__find_table(Binder *b, const AstName *name, const Table **ret_table);
Status sql__with(Binder *b, Scope *outer, const AstWith *with, CteFrame *frame);
/* Puts the PLAN_CTE nodes of a frame above the plan that uses it. */
PlanNode *sql__with_close(Binder *b, CteFrame *frame, PlanNode *plan);
Cte *sql__find_cte(Binder *b, Str name);
PlanNode *sql__cte_scan(Binder *b, Cte *cte);

/* ---- bind_select.c, bind_set_op.c */
/* `outer`: the environment of the query, NULL at the top. */
Status sql__select(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan);
Status sql__set_op(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan);
Status sql__values(Binder *b, Scope *outer, const AstSelect *select, PlanNode **ret_plan);
/* ORDER BY and LIMIT over a finished plan by its output columns (set operations, VALUES). */
Status sql__order_output(Binder *b, const AstSelect *select, PlanNode **plan);
Status sql__limit(Binder *b, Scope *outer, const AstSelect *select, PlanNode **plan);
/* Casts the columns of a plan to types; `what` for errors. */
Status sql__coerce_plan(Binder *b, PlanNode **plan, const Type *types, const char *what);
/* Untyped literals of a select list became text; marked, they can be read again as other types. */
void sql__mark_literals(const AstSelect *select, PlanNode *plan);
Status sql__retype_literals(Binder *b, PlanNode *plan, const Type *types);
Expr *sql__plan_column(Binder *b, const PlanNode *plan, uint32_t column);
PlanNode *sql__project(Binder *b, PlanNode *child, Expr **exprs, const Field *fields,
                       uint32_t count);
PlanNode *sql__filter(Binder *b, PlanNode *child, Expr *predicate);
typedef struct Targets {
    Expr **exprs;
    Field *fields;
    uint32_t count;
    uint32_t cap;
} Targets;
Status sql__targets(Binder *b, Scope *scope, const AstTarget *ast, uint32_t count, Targets *ret);

/* ---- bind.c */
Status sql__finish_modify(Binder *b, SqlModify *modify);

/* ---- bind_insert.c, bind_update.c, bind_table.c */
Status sql__insert(Binder *b, const AstInsert *insert, SqlModify *ret);
Status sql__merge(Binder *b, const AstMerge *merge, SqlModify *ret);
Status sql__update(Binder *b, const AstModify *modify, bool update, SqlModify *ret);
Status sql__create_table(Binder *b, const AstCreateTable *create, SqlCreateTable *ret);
Status sql__column_def(Binder *b, const AstColumnDef *def, SqlCreateTable *ret);
/* The constraints of columns, which wait until all columns are there. */
Status sql__add_pending(Binder *b, SqlCreateTable *ret);
Status sql__add_constraint(Binder *b, SqlCreateTable *ret, const AstConstraint *ast);
Status sql__add_key(Binder *b, SqlCreateTable *ret, const AstConstraint *ast,
                    const uint32_t *column);
Status sql__add_check(Binder *b, SqlCreateTable *ret, const AstConstraint *ast);
Status sql__default(Binder *b, Str column, Type type, const AstExpr *ast, Str *ret_text);
Status sql__generation(Binder *b, const TableColumn *columns, uint32_t count, Str table,
                       const TableColumn *column, const AstExpr *ast, Str *ret_text);
/* *value, or the error of the first constraint of the domain (0 = none) that it violates. */
Status sql__domain_value(Binder *b, uint32_t domain_id, Expr **value);
/* The DEFAULT of a domain, "" = none. */
Str sql__domain_default(Binder *b, uint32_t domain_id);
/* A CHECK over the live columns of a table, as bool. */
Status sql__check(Binder *b, const TableColumn *columns, uint32_t count, Str table,
                  const AstExpr *ast, Expr **ret_expr);
/* The live columns as one name of the scope. */
void sql__table_scope(Binder *b, const TableColumn *columns, uint32_t count, Str name,
                      Scope *scope);

/* ---- bind_group.c, bind_window.c */

/* The expressions of a SELECT that stand above aggregation and windows: passes rewrite all of them.
 */
typedef struct Outputs {
    Targets targets;
    Expr *having;
    SortKey *keys;
    uint32_t key_count;
    Expr **on; /* DISTINCT ON */
    uint32_t on_count;
} Outputs;

typedef struct Grouping {
    Expr **groups;
    uint32_t group_count;
    uint32_t group_cap;
    uint64_t *sets; /* NULL = one set of all */
    uint32_t set_count;
    bool used; /* there is a GROUP BY */
} Grouping;

/* GROUP BY: the distinct keys and the sets of them. */
Status sql__group_by(Binder *b, Scope *scope, const AstSelect *select, Grouping *ret);
/* Puts the aggregation under the outputs. */
Status sql__aggregate(Binder *b, Scope *scope, const Grouping *grouping, Outputs *outputs,
                      PlanNode **plan);
/* Registers the window of a call that was just bound. */
Status sql__window_call(Binder *b, Scope *scope, const AstExpr *ast, Expr *call);
/* Puts the window nodes under the outputs. */
Status sql__window_nodes(Binder *b, Scope *scope, Outputs *outputs, PlanNode **plan);
/* Puts PROJECT_SET under the outputs. */
Status sql__set_calls(Binder *b, Scope *scope, Outputs *outputs, PlanNode **plan);
/* Calls fn for every slot of the outputs, top expressions only. */
Status sql__each_output(Binder *b, Outputs *outputs,
                        Status (*fn)(Binder *b, Expr **slot, void *ctx), void *ctx);

#endif

/* optimizer_int.h - what the rules share. */
#ifndef LUMA_QUERY_OPTIMIZER_OPTIMIZER_INT_H
#define LUMA_QUERY_OPTIMIZER_OPTIMIZER_INT_H

#include "query/optimizer/estimate.h"
#include "query/optimizer/optimizer.h"

/* A rule gets the root and gives the new one. */
PlanNode *optimizer__fold_constants(Plan *plan, const OptimizerOptions *options, PlanNode *root);
PlanNode *optimizer__decorrelate(Plan *plan, PlanNode *root);
PlanNode *optimizer__push_predicates(Plan *plan, PlanNode *root);
PlanNode *optimizer__factor_ors(Plan *plan, PlanNode *root);
PlanNode *optimizer__order_joins(Plan *plan, const OptimizerOptions *options, PlanNode *root);
PlanNode *optimizer__inline_ctes(Plan *plan, PlanNode *root);
PlanNode *optimizer__group_distinct(Plan *plan, PlanNode *root);
void optimizer__mark_once(PlanNode *root);
PlanNode *optimizer__push_limits(Plan *plan, PlanNode *root);
void optimizer__push_projections(Plan *plan, PlanNode *root);

/* Conjuncts of a predicate. */
typedef struct Conjuncts {
    Expr **exprs;
    uint32_t count;
    uint32_t cap;
} Conjuncts;
void optimizer__split(Arena *arena, Expr *predicate, Conjuncts *list);
/* Their AND, NULL when there are none. */
Expr *optimizer__join_conjuncts(Arena *arena, const Conjuncts *list);

/* What an expression refers to. */
typedef struct ExprRefs {
    bool inputs[2]; /* columns of that input */
    bool outer;     /* EXPR_OUTER */
    bool subquery;  /* one that reads an outer row; others count as constants */
    bool is_volatile;
} ExprRefs;
ExprRefs optimizer__refs(const Expr *expr);

/* A copy with every EXPR_COLUMN replaced by fn's answer. Must hold no subquery. */
Expr *optimizer__rewrite(Arena *arena, const Expr *expr, Expr *(*fn)(void *ctx, const Expr *column),
                         void *ctx);
/* Calls fn on every subplan below the node's own expressions. */
void optimizer__each_subplan(PlanNode *node, void (*fn)(void *ctx, Expr *subquery), void *ctx);

/* Does the plan of a subquery read rows outside of itself? */
bool optimizer__reads_outer(PlanNode *node);
/* A subquery without its correlated conjuncts. */
typedef struct Unnested {
    PlanNode *right;     /* the subquery's rows */
    Conjuncts condition; /* over both: input 0 = outer row, 1 = row of `right` */
} Unnested;
/* Takes the correlated conjuncts out of the filters on top of `node`; false when it reads outer
 * rows elsewhere too. */
bool optimizer__unnest(Plan *plan, PlanNode *node, Unnested *ret);
/* An expression of a subquery over (outer row, subquery's row), or NULL when it reads rows further
 * out. */
Expr *optimizer__to_join(Plan *plan, const Expr *e);
/* Subqueries inside a node's expressions become joins under it where they can. */
PlanNode *optimizer__lift_subqueries(Plan *plan, PlanNode *node);

/* Columns of left, then of right. */
Schema optimizer__join_schema(Arena *arena, const Schema *left, const Schema *right);
bool optimizer__is_equality(const Expr *e);
/* Is the result NULL or false whenever `column` (of input `input`, any column when UINT32_MAX) is
 * NULL? Sees strict operators and functions only. */
bool optimizer__rejects_null(const Expr *e, bool (*is_column)(const Expr *column, void *ctx),
                             void *ctx);
/* Gives a scan "column op value"; `column` is one of its output, `op` a ScanOp, `value` free of its
 * columns. True. */
bool optimizer__add_predicate(Plan *plan, PlanNode *scan, uint32_t column, int op, Expr *value);
/* The value in the type: itself, or an integer constant that fits; else NULL. */
Expr *optimizer__as_type(Arena *arena, Expr *value, Type type);
/* Gives a scan what its indexes can use of a conjunct. True when no filter is needed after it. */
bool optimizer__push_index(Plan *plan, PlanNode *scan, const Expr *e);

PlanNode *optimizer__filter(Arena *arena, PlanNode *child, Expr *predicate);

#endif

/* optimizer_int.h - what the rules share. */
#ifndef LUMA_QUERY_OPTIMIZER_OPTIMIZER_INT_H
#define LUMA_QUERY_OPTIMIZER_OPTIMIZER_INT_H

#include "query/optimizer/optimizer.h"

/* A rule gets the root and gives the new one. */
PlanNode *optimizer__fold_constants(Plan *plan, const OptimizerOptions *options, PlanNode *root);
PlanNode *optimizer__decorrelate(Plan *plan, PlanNode *root);
PlanNode *optimizer__push_predicates(Plan *plan, PlanNode *root);
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
    bool subquery;
    bool is_volatile;
} ExprRefs;
ExprRefs optimizer__refs(const Expr *expr);

/* A copy with every EXPR_COLUMN replaced by fn's answer. Must hold no subquery. */
Expr *optimizer__rewrite(Arena *arena, const Expr *expr, Expr *(*fn)(void *ctx, const Expr *column),
                         void *ctx);
/* Calls fn on every subplan below the node's own expressions. */
void optimizer__each_subplan(PlanNode *node, void (*fn)(void *ctx, Expr *subquery), void *ctx);

PlanNode *optimizer__filter(Arena *arena, PlanNode *child, Expr *predicate);

#endif

/* plan_explain_int.h - what expr_explain.c gives plan_explain.c. */
#ifndef LUMA_QUERY_PLAN_PLAN_EXPLAIN_INT_H
#define LUMA_QUERY_PLAN_PLAN_EXPLAIN_INT_H

#include "query/plan/plan.h"

/* A name, quoted when it must be. */
void plan__append_ident(Buf *out, Str name);
/* An expression of ORDER BY with its direction. */
void plan__append_key(const SortKey *key, const PlanNode *node, Buf *out);

#endif

/* join_order.h - a region of inner joins as a graph: relations, and conjuncts between them.
 *
 * Columns of all relations are numbered through, in the order of the region's output ("global
 * columns"): relation r has [base, base + width). Conjuncts are over global columns, input 0.
 * Relations of joins that keep every left row (left, single, mark) stand in the numbering but are
 * not ordered: `attached` ones are put on top, semi and anti joins have no columns at all. */
#ifndef LUMA_QUERY_OPTIMIZER_JOIN_ORDER_H
#define LUMA_QUERY_OPTIMIZER_JOIN_ORDER_H

#include "query/optimizer/optimizer_int.h"

enum { JOIN_RELATIONS_MAX = 60 };

typedef struct JoinRelation {
    PlanNode *node; /* its own filters on top */
    uint32_t base;
    uint32_t width;
    bool attached; /* the right side of an AttachedJoin */
    double rows;
    double rows_unfiltered;
} JoinRelation;

typedef struct JoinConjunct {
    Expr *expr;
    uint64_t mask; /* relations it reads */
    /* left = right, each over other relations: a key. */
    bool is_key;
    uint64_t sides[2];
    int32_t key_class; /* equal columns share one; -1 = none */
    double share;      /* of the pairs it lets through, where it is no key */
    bool derived;      /* follows from others */
} JoinConjunct;

/* A join that changes no order: left, single, mark, semi, anti. */
typedef struct AttachedJoin {
    PlanNode *join;
    uint32_t base;  /* of its left child */
    uint32_t right; /* global column of its right child's first, where it has output */
} AttachedJoin;

/* Values of one side of a key. */
typedef struct KeySide {
    uint32_t relation;
    double distinct;
} KeySide;

typedef struct KeyClass {
    KeySide *sides;
    uint32_t count;
    uint32_t cap;
} KeyClass;

typedef struct JoinGraph {
    Plan *plan;
    Estimator estimator;
    JoinRelation relations[JOIN_RELATIONS_MAX];
    uint32_t relation_count;
    JoinConjunct *conjuncts;
    uint32_t conjunct_count;
    uint32_t conjunct_cap;
    AttachedJoin attached[JOIN_RELATIONS_MAX];
    uint32_t attached_count;
    KeyClass *classes;
    uint32_t class_count;
    uint32_t class_cap;
} JoinGraph;

/* A tree over relations. */
typedef struct JoinTree {
    uint64_t mask;
    double rows;
    double cost;
    const struct JoinTree *left; /* NULL = one relation */
    const struct JoinTree *right;
} JoinTree;

/* The cheapest tree found over all relations that are not attached. */
const JoinTree *join_search(const JoinGraph *graph);

#endif

/* join_order.c - takes regions of inner joins apart and puts them together in a cheaper order.
 *
 * A region is a tree of filters, inner and cross joins, and of joins that keep each left row at
 * most once or exactly once (semi, anti, left, single, mark): those commute with inner joins and
 * are put on top again, or, when a semi join leaves few rows of one relation, right over that
 * relation. Conjuncts go to the lowest place that has their columns; equalities are closed
 * transitively, and an OR over several relations gives each of them what it implies. Predicate
 * pushdown, which runs next, makes keys and scan predicates of them. */
#include "query/optimizer/join_order.h"

static PlanNode *order(Plan *plan, const Estimator *e, PlanNode *node);
static void order_below(Plan *plan, const Estimator *e, PlanNode *node);
static void order_subqueries(Plan *plan, const Estimator *e, PlanNode *node);

/* ---------------------------------------------------------------- taking apart */

typedef struct Shift {
    Arena *arena;
    uint32_t base;       /* added to columns of input 0 */
    uint32_t right_base; /* added to columns of input 1, which become input 0 */
} Shift;

static Expr *shift_column(void *ctx, const Expr *column)
{
    Shift *s = ctx;
    uint32_t base = column->input ? s->right_base : s->base;
    Expr *moved = expr_column(s->arena, 0, column->column + base, column->type);
    moved->position = column->position;
    return moved;
}

static bool can_move(const Expr *e)
{
    ExprRefs refs = optimizer__refs(e);
    return !refs.subquery && !refs.is_volatile;
}

static bool all_move(Plan *plan, Expr *predicate)
{
    Conjuncts list = {0};
    optimizer__split(plan->arena, predicate, &list);
    for (uint32_t i = 0; i < list.count; i++)
        if (!can_move(list.exprs[i]))
            return false;
    return true;
}

static void add_conjuncts(JoinGraph *g, Expr *predicate, uint32_t base, uint32_t right_base)
{
    Conjuncts list = {0};
    Shift shift = {g->plan->arena, base, right_base};
    optimizer__split(g->plan->arena, predicate, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        JoinConjunct c = {.key_class = -1, .share = 1};
        c.expr = optimizer__rewrite(g->plan->arena, list.exprs[i], shift_column, &shift);
        ARENA_PUSH(g->plan->arena, g->conjuncts, g->conjunct_count, g->conjunct_cap, c);
    }
}

typedef struct Range {
    uint32_t from;
    uint32_t to;
} Range;

static bool in_range(const Expr *column, void *ctx)
{
    const Range *range = ctx;
    return column->input == 0 && column->column >= range->from && column->column < range->to;
}

typedef struct RangeSearch {
    Range range;
    bool inside;
    bool outside;
} RangeSearch;

static bool search_range(Expr *e, void *ctx)
{
    RangeSearch *s = ctx;
    if (e->kind == EXPR_COLUMN) {
        bool inside = in_range(e, &s->range);
        s->inside |= inside;
        s->outside |= !inside;
    }
    return true;
}

/* Does a conjunct from above need a value of the range, so that rows of NULLs fall away? */
static bool range_is_wanted(const JoinGraph *g, Range range)
{
    for (uint32_t i = 0; i < g->conjunct_count; i++)
        if (optimizer__rejects_null(g->conjuncts[i].expr, in_range, &range))
            return true;
    return false;
}

/* Does a conjunct tie the range to columns outside of `all`? */
static bool range_is_tied(const JoinGraph *g, Range range, Range all)
{
    for (uint32_t i = 0; i < g->conjunct_count; i++) {
        RangeSearch in = {.range = range};
        RangeSearch out = {.range = all};
        (void)expr_walk(g->conjuncts[i].expr, search_range, &in);
        (void)expr_walk(g->conjuncts[i].expr, search_range, &out);
        if (in.inside && out.outside)
            return true;
    }
    return false;
}

static void collect(JoinGraph *g, PlanNode *node, uint32_t base);

/* begins_region has counted: there is room. */
static void add_relation(JoinGraph *g, PlanNode *node, uint32_t base, uint32_t width, bool attached)
{
    g->relations[g->relation_count++] =
        (JoinRelation){.node = node, .base = base, .width = width, .attached = attached};
}

static void collect_leaf(JoinGraph *g, PlanNode *node, uint32_t base)
{
    order_below(g->plan, &g->estimator, node);
    add_relation(g, node, base, node->schema.field_count, false);
}

static void attach(JoinGraph *g, PlanNode *node, uint32_t base)
{
    uint32_t left = node->children[0]->schema.field_count;
    g->attached[g->attached_count++] = (AttachedJoin){node, base, base + left};
    node->children[1] = order(g->plan, &g->estimator, node->children[1]);
    collect(g, node->children[0], base);
    uint32_t width = node->schema.field_count - left;
    if (width)
        add_relation(g, NULL, base + left, width, true);
}

typedef enum JoinPlace { PLACE_LEAF, PLACE_ATTACHED, PLACE_INNER } JoinPlace;

/* What the join is to the region, by the conjuncts met so far, which are all above it. */
static JoinPlace place_of(const JoinGraph *g, const PlanNode *node, uint32_t base)
{
    uint32_t left = node->children[0]->schema.field_count;
    Range right = {base + left, base + node->schema.field_count};
    Range all = {base, right.to};
    bool plain = !node->join_key_count && !node->null_safe;
    if (node->predicate && !all_move(g->plan, node->predicate))
        return PLACE_LEAF;
    switch (node->join_kind) {
    case JOIN_INNER:
    case JOIN_CROSS:
        return plain ? PLACE_INNER : PLACE_LEAF;
    case JOIN_LEFT:
        if (plain && range_is_wanted(g, right))
            return PLACE_INNER;
        return plain && !range_is_tied(g, right, all) ? PLACE_ATTACHED : PLACE_LEAF;
    case JOIN_SINGLE:
    case JOIN_MARK:
        return range_is_tied(g, right, all) ? PLACE_LEAF : PLACE_ATTACHED;
    case JOIN_SEMI:
    case JOIN_ANTI:
    case JOIN_NULL_ANTI:
        return PLACE_ATTACHED;
    case JOIN_RIGHT:
    case JOIN_FULL:
        break;
    }
    return PLACE_LEAF;
}

static void collect(JoinGraph *g, PlanNode *node, uint32_t base)
{
    if (node->kind == PLAN_FILTER || node->kind == PLAN_JOIN)
        order_subqueries(g->plan, &g->estimator, node);
    if (node->kind == PLAN_FILTER && all_move(g->plan, node->predicate)) {
        add_conjuncts(g, node->predicate, base, 0);
        collect(g, node->children[0], base);
        return;
    }
    JoinPlace place = node->kind == PLAN_JOIN ? place_of(g, node, base) : PLACE_LEAF;
    if (place == PLACE_LEAF) {
        collect_leaf(g, node, base);
    } else if (place == PLACE_ATTACHED) {
        attach(g, node, base);
    } else {
        uint32_t left = node->children[0]->schema.field_count;
        add_conjuncts(g, node->predicate, base, base + left);
        collect(g, node->children[0], base);
        collect(g, node->children[1], base + left);
    }
}

/* ---------------------------------------------------------------- conjuncts */

static uint32_t relation_of(const JoinGraph *g, uint32_t column)
{
    uint32_t r = 0;
    while (r + 1 < g->relation_count && (column < g->relations[r].base ||
                                         column >= g->relations[r].base + g->relations[r].width))
        r++;
    return r;
}

typedef struct MaskOf {
    const JoinGraph *graph;
    uint64_t mask;
} MaskOf;

static bool note_mask(Expr *e, void *ctx)
{
    MaskOf *m = ctx;
    if (e->kind == EXPR_COLUMN && e->input == 0)
        m->mask |= UINT64_C(1) << relation_of(m->graph, e->column);
    return true;
}

static uint64_t mask_of(const JoinGraph *g, const Expr *e)
{
    MaskOf m = {g, 0};
    Expr *walkable = (Expr *)(uintptr_t)e; /* note_mask only reads */
    (void)expr_walk(walkable, note_mask, &m);
    return m.mask;
}

static uint64_t attached_mask(const JoinGraph *g)
{
    uint64_t mask = 0;
    for (uint32_t r = 0; r < g->relation_count; r++)
        if (g->relations[r].attached)
            mask |= UINT64_C(1) << r;
    return mask;
}

static void weigh(JoinGraph *g, JoinConjunct *c)
{
    c->mask = mask_of(g, c->expr);
    c->share = c->expr->kind == EXPR_CALL && optimizer__is_equality(c->expr) ? 0.005 : 0.3;
    if (c->expr->kind == EXPR_OR)
        c->share = 0.3;
    if (!optimizer__is_equality(c->expr) ||
        !type_eq(c->expr->args[0]->type, c->expr->args[1]->type))
        return;
    c->sides[0] = mask_of(g, c->expr->args[0]);
    c->sides[1] = mask_of(g, c->expr->args[1]);
    c->is_key =
        c->sides[0] && c->sides[1] && !(c->sides[0] & c->sides[1]) && !(c->mask & attached_mask(g));
}

static bool is_column_key(const JoinConjunct *c)
{
    return c->is_key && c->expr->args[0]->kind == EXPR_COLUMN &&
           c->expr->args[1]->kind == EXPR_COLUMN;
}

static bool has_conjunct(const JoinGraph *g, const Expr *a, const Expr *b)
{
    for (uint32_t i = 0; i < g->conjunct_count; i++) {
        const Expr *e = g->conjuncts[i].expr;
        if (!optimizer__is_equality(e))
            continue;
        if ((expr_eq(e->args[0], a) && expr_eq(e->args[1], b)) ||
            (expr_eq(e->args[0], b) && expr_eq(e->args[1], a)))
            return true;
    }
    return false;
}

enum { DERIVED_MAX = 200 };

static void derive(JoinGraph *g, const Expr *like, Expr *a, Expr *b)
{
    JoinConjunct c = {.key_class = -1, .share = 1, .derived = true};
    if (has_conjunct(g, a, b) || expr_eq(a, b))
        return;
    c.expr = arena_dup(g->plan->arena, like, sizeof *like);
    c.expr->args = ARENA_NEW_ARRAY(g->plan->arena, Expr *, 2);
    c.expr->args[0] = a;
    c.expr->args[1] = b;
    weigh(g, &c);
    ARENA_PUSH(g->plan->arena, g->conjuncts, g->conjunct_count, g->conjunct_cap, c);
}

/* a = b and b = c give a = c; a = b and a = 5 give b = 5. */
static void close_equalities(JoinGraph *g)
{
    for (uint32_t i = 0; i < g->conjunct_count && g->conjunct_count < DERIVED_MAX; i++) {
        if (!is_column_key(&g->conjuncts[i]))
            continue;
        for (uint32_t j = 0; j < g->conjunct_count && g->conjunct_count < DERIVED_MAX; j++) {
            const Expr *key = g->conjuncts[i].expr;
            const Expr *other = g->conjuncts[j].expr;
            if (i == j || !optimizer__is_equality(other) ||
                !type_eq(other->args[0]->type, other->args[1]->type))
                continue;
            bool constant =
                other->args[0]->kind == EXPR_CONST || other->args[1]->kind == EXPR_CONST;
            if (!is_column_key(&g->conjuncts[j]) && !constant)
                continue;
            for (int a = 0; a < 2; a++)
                for (int b = 0; b < 2; b++)
                    if (expr_eq(key->args[a], other->args[b]) && other->args[1 - b] &&
                        (other->args[1 - b]->kind == EXPR_CONST ||
                         other->args[1 - b]->kind == EXPR_COLUMN))
                        derive(g, other, key->args[1 - a], other->args[1 - b]);
        }
    }
}

/* What an OR over several relations says of one: the OR of its branches' conjuncts over it. */
static void imply_ors(JoinGraph *g)
{
    uint32_t count = g->conjunct_count;
    for (uint32_t i = 0; i < count; i++) {
        const Expr *e = g->conjuncts[i].expr;
        uint64_t mask = g->conjuncts[i].mask;
        if (e->kind != EXPR_OR || !(mask & (mask - 1)))
            continue;
        for (uint32_t r = 0; r < g->relation_count; r++) {
            Conjuncts branches = {0};
            if (!(mask >> r & 1) || g->relations[r].attached)
                continue;
            for (uint32_t b = 0; b < e->arg_count; b++) {
                Conjuncts all = {0};
                Conjuncts own = {0};
                optimizer__split(g->plan->arena, e->args[b], &all);
                for (uint32_t k = 0; k < all.count; k++)
                    if (mask_of(g, all.exprs[k]) == UINT64_C(1) << r)
                        ARENA_PUSH(g->plan->arena, own.exprs, own.count, own.cap, all.exprs[k]);
                if (own.count)
                    ARENA_PUSH(g->plan->arena, branches.exprs, branches.count, branches.cap,
                               optimizer__join_conjuncts(g->plan->arena, &own));
            }
            if (branches.count != e->arg_count)
                continue;
            JoinConjunct c = {.key_class = -1, .share = 1, .derived = true};
            c.expr = expr_new(g->plan->arena, EXPR_OR, TYPE_OF(BOOL));
            c.expr->args = branches.exprs;
            c.expr->arg_count = branches.count;
            c.mask = UINT64_C(1) << r;
            ARENA_PUSH(g->plan->arena, g->conjuncts, g->conjunct_count, g->conjunct_cap, c);
        }
    }
}

/* ---------------------------------------------------------------- relations */

static Expr *to_local(void *ctx, const Expr *column)
{
    Shift *s = ctx;
    return expr_column(s->arena, 0, column->column - s->base, column->type);
}

/* Conjuncts of one relation become its filter. */
static void filter_relations(JoinGraph *g)
{
    for (uint32_t r = 0; r < g->relation_count; r++) {
        JoinRelation *rel = &g->relations[r];
        Conjuncts own = {0};
        Shift shift = {g->plan->arena, rel->base, 0};
        if (rel->attached)
            continue;
        for (uint32_t i = 0; i < g->conjunct_count; i++)
            if (g->conjuncts[i].mask == UINT64_C(1) << r)
                ARENA_PUSH(
                    g->plan->arena, own.exprs, own.count, own.cap,
                    optimizer__rewrite(g->plan->arena, g->conjuncts[i].expr, to_local, &shift));
        rel->rows_unfiltered = LUMA_MAX(estimate_rows(&g->estimator, rel->node), 1.0);
        rel->node = optimizer__filter(g->plan->arena, rel->node,
                                      optimizer__join_conjuncts(g->plan->arena, &own));
        rel->rows = LUMA_MAX(estimate_rows(&g->estimator, rel->node), 1.0);
    }
}

static double distinct_of(const JoinGraph *g, const Expr *side, uint32_t r)
{
    const JoinRelation *rel = &g->relations[r];
    ColumnGuess guess = {0};
    if (side->kind == EXPR_COLUMN)
        guess = estimate_column(&g->estimator, rel->node, side->column - rel->base);
    double distinct = guess.distinct >= 1 ? guess.distinct : rel->rows_unfiltered;
    return LUMA_MIN(distinct, rel->rows);
}

static int32_t class_of(const JoinGraph *g, const Expr *side, uint32_t before)
{
    for (uint32_t i = 0; i < before; i++) {
        const JoinConjunct *c = &g->conjuncts[i];
        if (c->is_key && (expr_eq(c->expr->args[0], side) || expr_eq(c->expr->args[1], side)))
            return c->key_class;
    }
    return -1;
}

static void add_side(JoinGraph *g, KeyClass *class, const Expr *side, uint64_t mask)
{
    uint32_t r = (uint32_t)__builtin_ctzll(mask);
    for (uint32_t i = 0; i < class->count; i++)
        if (class->sides[i].relation == r)
            return;
    KeySide s = {r, distinct_of(g, side, r)};
    ARENA_PUSH(g->plan->arena, class->sides, class->count, class->cap, s);
}

static void make_classes(JoinGraph *g)
{
    for (uint32_t i = 0; i < g->conjunct_count; i++) {
        JoinConjunct *c = &g->conjuncts[i];
        if (!c->is_key)
            continue;
        c->key_class = class_of(g, c->expr->args[0], i);
        if (c->key_class < 0)
            c->key_class = class_of(g, c->expr->args[1], i);
        if (c->key_class < 0) {
            KeyClass none = {0};
            ARENA_PUSH(g->plan->arena, g->classes, g->class_count, g->class_cap, none);
            c->key_class = (int32_t)g->class_count - 1;
        }
        KeyClass *class = &g->classes[c->key_class];
        for (int side = 0; side < 2; side++)
            if (!(c->sides[side] & (c->sides[side] - 1)))
                add_side(g, class, c->expr->args[side], c->sides[side]);
    }
}

/* ---------------------------------------------------------------- semi joins of one relation */

static Expr *mark_outer(void *ctx, const Expr *column)
{
    Shift *s = ctx;
    Expr *moved = arena_dup(s->arena, column, sizeof *column);
    if (column->input == 0)
        moved->column = column->column + s->base;
    return moved;
}

/* Left columns of an attached join's condition. */
static uint64_t condition_mask(const JoinGraph *g, const AttachedJoin *a)
{
    uint64_t mask = 0;
    Shift shift = {g->plan->arena, a->base, 0};
    if (a->join->predicate)
        mask |=
            mask_of(g, optimizer__rewrite(g->plan->arena, a->join->predicate, mark_outer, &shift));
    for (uint32_t i = 0; i < a->join->join_key_count; i++)
        mask |= mask_of(
            g, optimizer__rewrite(g->plan->arena, a->join->left_keys[i], mark_outer, &shift));
    return mask;
}

/* The share of the relation's rows that a semi join leaves, by the values of its keys. */
static double semi_share(const JoinGraph *g, const AttachedJoin *a)
{
    Conjuncts list = {0};
    double share = 1;
    const PlanNode *left = a->join->children[0];
    const PlanNode *right = a->join->children[1];
    double rows = estimate_rows(&g->estimator, right);
    optimizer__split(g->plan->arena, a->join->predicate, &list);
    for (uint32_t i = 0; i < list.count; i++) {
        const Expr *e = list.exprs[i];
        if (!optimizer__is_equality(e))
            continue;
        const Expr *outer =
            e->args[0]->kind == EXPR_COLUMN && e->args[0]->input == 0 ? e->args[0] : e->args[1];
        if (outer->kind != EXPR_COLUMN || outer->input)
            continue;
        ColumnGuess guess = estimate_column(&g->estimator, left, outer->column);
        double values = guess.distinct >= 1 ? guess.distinct : estimate_rows(&g->estimator, left);
        share = LUMA_MIN(share, rows / LUMA_MAX(values, 1.0));
    }
    return share;
}

/* Columns of the relation instead of those of the attached join's left child. */
typedef struct Rebase {
    Arena *arena;
    uint32_t add;
    uint32_t subtract;
} Rebase;

static Expr *rebase_column(void *ctx, const Expr *column)
{
    Rebase *r = ctx;
    Expr *moved = arena_dup(r->arena, column, sizeof *column);
    if (column->input == 0)
        moved->column = column->column + r->add - r->subtract;
    return moved;
}

static void rebase_join(Plan *plan, PlanNode *join, Expr *(*fn)(void *ctx, const Expr *column),
                        void *ctx)
{
    if (join->predicate)
        join->predicate = optimizer__rewrite(plan->arena, join->predicate, fn, ctx);
    if (!join->join_key_count)
        return;
    join->left_keys =
        arena_dup(plan->arena, join->left_keys, sizeof *join->left_keys * join->join_key_count);
    for (uint32_t i = 0; i < join->join_key_count; i++)
        join->left_keys[i] = optimizer__rewrite(plan->arena, join->left_keys[i], fn, ctx);
}

/* Semi joins that leave less than half of one relation go right over it. */
static void sink_semi_joins(JoinGraph *g)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->attached_count; i++) {
        AttachedJoin *a = &g->attached[i];
        uint64_t mask = condition_mask(g, a);
        bool one = mask && !(mask & (mask - 1)) && !(mask & attached_mask(g));
        double share =
            a->join->join_kind == JOIN_SEMI && one && g->relation_count > 1 ? semi_share(g, a) : 1;
        if (share > 0.5) {
            g->attached[kept++] = *a;
            continue;
        }
        JoinRelation *rel = &g->relations[__builtin_ctzll(mask)];
        Rebase rebase = {g->plan->arena, a->base, rel->base};
        rebase_join(g->plan, a->join, rebase_column, &rebase);
        a->join->children[0] = rel->node;
        a->join->schema = rel->node->schema;
        rel->node = a->join;
        rel->rows = LUMA_MAX(rel->rows * share, 1.0);
    }
    g->attached_count = kept;
}

/* ---------------------------------------------------------------- putting together */

/* A plan whose output column i is global column globals[i]. */
typedef struct Built {
    PlanNode *node;
    uint32_t *globals;
} Built;

typedef struct Placement {
    Arena *arena;
    const Built *inputs[2];
    bool keep_right; /* columns of input 1 stay as they are */
} Placement;

static bool find_global(const Built *built, uint32_t column, uint32_t *ret)
{
    for (uint32_t i = 0; built && i < built->node->schema.field_count; i++) {
        if (built->globals[i] == column) {
            *ret = i;
            return true;
        }
    }
    return false;
}

static Expr *place_column(void *ctx, const Expr *column)
{
    Placement *p = ctx;
    uint32_t at = 0;
    if (column->input == 1 && p->keep_right)
        return arena_dup(p->arena, column, sizeof *column);
    uint16_t input = find_global(p->inputs[0], column->column, &at) ? 0 : 1;
    if (input == 1)
        (void)find_global(p->inputs[1], column->column, &at);
    Expr *placed = expr_column(p->arena, input, at, column->type);
    placed->position = column->position;
    return placed;
}

static Built build_leaf(JoinGraph *g, uint32_t r)
{
    const JoinRelation *rel = &g->relations[r];
    Built built = {rel->node, ARENA_NEW_ARRAY(g->plan->arena, uint32_t, rel->width + 1)};
    for (uint32_t i = 0; i < rel->width; i++)
        built.globals[i] = rel->base + i;
    return built;
}

/* Is a key of this class among those of the join already? */
static bool class_used(const int32_t *used, uint32_t count, int32_t class)
{
    for (uint32_t i = 0; i < count; i++)
        if (class >= 0 && used[i] == class)
            return true;
    return false;
}

/* Conjuncts that need both sides. Derived ones (they stand behind the others) only where no other
 * of their class is a key already. */
static Expr *join_condition(JoinGraph *g, uint64_t a, uint64_t b, const Placement *placement)
{
    Expr *all = NULL;
    int32_t *used = ARENA_NEW_ARRAY(g->plan->arena, int32_t, g->conjunct_count + 1);
    uint32_t used_count = 0;
    Placement place = *placement;
    for (uint32_t i = 0; i < g->conjunct_count; i++) {
        const JoinConjunct *c = &g->conjuncts[i];
        bool here = (c->mask & a) && (c->mask & b) && !(c->mask & ~(a | b));
        if (!here || (c->derived && class_used(used, used_count, c->key_class)))
            continue;
        if (c->is_key)
            used[used_count++] = c->key_class;
        all = expr_and(g->plan->arena, all,
                       optimizer__rewrite(g->plan->arena, c->expr, place_column, &place));
    }
    return all;
}

static Built build_tree(JoinGraph *g, const JoinTree *tree)
{
    if (!tree->left)
        return build_leaf(g, (uint32_t)__builtin_ctzll(tree->mask));
    Built left = build_tree(g, tree->left);
    Built right = build_tree(g, tree->right);
    Placement place = {.arena = g->plan->arena, .inputs = {&left, &right}};
    PlanNode *join = plan_node_new(g->plan->arena, PLAN_JOIN);
    join->children[0] = left.node;
    join->children[1] = right.node;
    join->schema = optimizer__join_schema(g->plan->arena, &left.node->schema, &right.node->schema);
    join->predicate = join_condition(g, tree->left->mask, tree->right->mask, &place);
    join->join_kind = join->predicate ? JOIN_INNER : JOIN_CROSS;
    uint32_t left_width = left.node->schema.field_count;
    uint32_t right_width = right.node->schema.field_count;
    Built both = {join, ARENA_NEW_ARRAY(g->plan->arena, uint32_t, left_width + right_width + 1)};
    memcpy(both.globals, left.globals, sizeof(uint32_t) * left_width);
    memcpy(both.globals + left_width, right.globals, sizeof(uint32_t) * right_width);
    return both;
}

/* The joins that were collected on the way down, innermost first. */
static Built build_attached(JoinGraph *g, Built built)
{
    for (uint32_t i = g->attached_count; i-- > 0;) {
        AttachedJoin *a = &g->attached[i];
        Shift shift = {g->plan->arena, a->base, 0};
        Placement place = {.arena = g->plan->arena, .inputs = {&built, NULL}, .keep_right = true};
        /* Its left child may have been built over more relations by now. */
        uint32_t old_left = a->right - a->base;
        uint32_t extra = a->join->schema.field_count - old_left;
        uint32_t left = built.node->schema.field_count;
        rebase_join(g->plan, a->join, mark_outer, &shift);
        rebase_join(g->plan, a->join, place_column, &place);
        Schema added = {a->join->schema.fields + old_left, extra};
        a->join->children[0] = built.node;
        a->join->schema = optimizer__join_schema(g->plan->arena, &built.node->schema, &added);
        Built next = {a->join, ARENA_NEW_ARRAY(g->plan->arena, uint32_t, left + extra + 1)};
        memcpy(next.globals, built.globals, sizeof(uint32_t) * left);
        for (uint32_t c = 0; c < extra; c++)
            next.globals[left + c] = a->right + c;
        built = next;
    }
    return built;
}

/* Conjuncts over columns of attached joins, and those over no column at all. */
static Built filter_late(JoinGraph *g, Built built)
{
    uint64_t attached = attached_mask(g);
    Placement place = {.arena = g->plan->arena, .inputs = {&built, NULL}};
    Expr *late = NULL;
    for (uint32_t i = 0; i < g->conjunct_count; i++)
        if ((g->conjuncts[i].mask & attached) || !g->conjuncts[i].mask)
            late = expr_and(
                g->plan->arena, late,
                optimizer__rewrite(g->plan->arena, g->conjuncts[i].expr, place_column, &place));
    built.node = optimizer__filter(g->plan->arena, built.node, late);
    return built;
}

/* The region's columns in their old order. */
static PlanNode *restore(Plan *plan, const Built *built, const Schema *schema)
{
    bool same = built->node->schema.field_count == schema->field_count;
    for (uint32_t i = 0; same && i < schema->field_count; i++)
        same = built->globals[i] == i;
    if (same)
        return built->node;
    PlanNode *project = plan_node_new(plan->arena, PLAN_PROJECT);
    project->schema = *schema;
    project->children[0] = built->node;
    project->exprs = ARENA_NEW_ARRAY(plan->arena, Expr *, schema->field_count + 1);
    project->expr_count = schema->field_count;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        uint32_t at = 0;
        (void)find_global(built, i, &at);
        project->exprs[i] = expr_column(plan->arena, 0, at, schema->fields[i].type);
    }
    return project;
}

static PlanNode *order_region(Plan *plan, const Estimator *e, PlanNode *root)
{
    JoinGraph *g = ARENA_NEW(plan->arena, JoinGraph);
    const Schema schema = root->schema; /* an attached root gets the new order's */
    g->plan = plan;
    g->estimator = *e;
    collect(g, root, 0);
    for (uint32_t i = 0; i < g->conjunct_count; i++)
        weigh(g, &g->conjuncts[i]);
    close_equalities(g);
    imply_ors(g);
    filter_relations(g);
    sink_semi_joins(g);
    make_classes(g);
    Built built = build_tree(g, join_search(g));
    built = build_attached(g, built);
    built = filter_late(g, built);
    return restore(plan, &built, &schema);
}

/* ---------------------------------------------------------------- the walk */

typedef struct Walk {
    Plan *plan;
    const Estimator *estimator;
} Walk;

static void order_subquery(void *ctx, Expr *subquery)
{
    Walk *walk = ctx;
    subquery->subplan = order(walk->plan, walk->estimator, subquery->subplan);
}

static void order_subqueries(Plan *plan, const Estimator *e, PlanNode *node)
{
    Walk walk = {plan, e};
    optimizer__each_subplan(node, order_subquery, &walk);
}

static void order_below(Plan *plan, const Estimator *e, PlanNode *node)
{
    if (node->kind == PLAN_SERIES)
        return;
    if (node->kind != PLAN_FILTER && node->kind != PLAN_JOIN)
        order_subqueries(plan, e, node);
    for (int i = 0; i < 2; i++)
        node->children[i] = order(plan, e, node->children[i]);
}

/* An upper bound of the relations in the region that begins here. */
static uint32_t region_size(const PlanNode *node)
{
    if (node->kind == PLAN_FILTER)
        return region_size(node->children[0]);
    if (node->kind != PLAN_JOIN)
        return 1;
    return region_size(node->children[0]) + region_size(node->children[1]);
}

static bool begins_region(Plan *plan, const PlanNode *node)
{
    const PlanNode *top = node;
    if ((node->kind != PLAN_FILTER && node->kind != PLAN_JOIN) ||
        (node->predicate && !all_move(plan, node->predicate)))
        return false;
    while (top->kind == PLAN_FILTER)
        top = top->children[0];
    return top->kind == PLAN_JOIN && region_size(top) <= JOIN_RELATIONS_MAX;
}

static PlanNode *order(Plan *plan, const Estimator *e, PlanNode *node)
{
    if (!node)
        return NULL;
    if (begins_region(plan, node))
        return order_region(plan, e, node);
    if (node->kind == PLAN_FILTER || node->kind == PLAN_JOIN)
        order_subqueries(plan, e, node);
    order_below(plan, e, node);
    return node;
}

PlanNode *optimizer__order_joins(Plan *plan, const OptimizerOptions *options, PlanNode *root)
{
    Estimator e = {options ? options->snapshot : NULL};
    return order(plan, &e, root);
}

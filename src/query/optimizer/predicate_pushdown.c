/* predicate_pushdown.c - moves conjuncts towards the scans.
 *
 * Through projections by substitution, through joins to the side they speak of, through aggregation
 * when they speak of group keys. Equalities between the sides of a join become its keys. At a table
 * scan "column op value" becomes a scan predicate and label equalities become matchers; what no
 * node can take stays in a filter where it was. Volatile expressions and subqueries do not move. */
#include "query/optimizer/optimizer_int.h"
#include "storage/engine/engine.h"

static PlanNode *push(Plan *plan, PlanNode *node, Conjuncts *above);

static void add(Plan *plan, Conjuncts *list, Expr *e)
{
    ARENA_PUSH(plan->arena, list->exprs, list->count, list->cap, e);
}

static bool movable(const ExprRefs *refs)
{
    return !refs->subquery && !refs->is_volatile;
}

/* Pushes nothing more: children are done on their own, what came from above is filtered here. */
static PlanNode *stop(Plan *plan, PlanNode *node, const Conjuncts *above)
{
    for (int i = 0; i < 2; i++) {
        Conjuncts none = {0};
        if (node->children[i] && node->kind != PLAN_SERIES)
            node->children[i] = push(plan, node->children[i], &none);
    }
    return optimizer__filter(plan->arena, node, optimizer__join_conjuncts(plan->arena, above));
}

/* ---------------------------------------------------------------- substitution */

typedef struct Substitution {
    Arena *arena;
    Expr *const *exprs;
    uint32_t count;
    bool failed;
} Substitution;

static Expr *substitute(void *ctx, const Expr *column)
{
    Substitution *s = ctx;
    if (column->column >= s->count) {
        s->failed = true;
        return expr_clone(s->arena, column);
    }
    ExprRefs refs = optimizer__refs(s->exprs[column->column]);
    if (!movable(&refs)) {
        s->failed = true;
        return expr_clone(s->arena, column);
    }
    return expr_clone(s->arena, s->exprs[column->column]);
}

/* The conjunct in terms of the child's columns, or NULL. */
static Expr *through(Plan *plan, const Expr *e, Expr *const *exprs, uint32_t count)
{
    ExprRefs refs = optimizer__refs(e);
    if (!movable(&refs))
        return NULL;
    Substitution s = {plan->arena, exprs, count, false};
    Expr *moved = optimizer__rewrite(plan->arena, e, substitute, &s);
    return s.failed ? NULL : moved;
}

static PlanNode *push_project(Plan *plan, PlanNode *node, Expr *const *exprs, uint32_t count,
                              const Conjuncts *above)
{
    Conjuncts below = {0};
    Conjuncts here = {0};
    for (uint32_t i = 0; i < above->count; i++) {
        Expr *moved = through(plan, above->exprs[i], exprs, count);
        add(plan, moved ? &below : &here, moved ? moved : above->exprs[i]);
    }
    node->children[0] = push(plan, node->children[0], &below);
    return optimizer__filter(plan->arena, node, optimizer__join_conjuncts(plan->arena, &here));
}

/* ---------------------------------------------------------------- joins */

typedef struct SideShift {
    Arena *arena;
    uint32_t left_width;
} SideShift;

/* A column of the join's output as a column of its inputs. */
static Expr *to_inputs(void *ctx, const Expr *column)
{
    SideShift *s = ctx;
    bool right = column->column >= s->left_width;
    Expr *moved =
        expr_column(s->arena, right, column->column - (right ? s->left_width : 0), column->type);
    moved->position = column->position;
    return moved;
}

static Expr *to_only_input(void *ctx, const Expr *column)
{
    return expr_column(ctx, 0, column->column, column->type);
}

static bool is_right_column(const Expr *column, void *ctx)
{
    (void)ctx;
    return column->input == 1;
}

/* Does a row of NULLs on the right side make this false or NULL? */
static bool rejects_null_right(const Expr *e)
{
    return optimizer__rejects_null(e, is_right_column, NULL);
}

typedef struct JoinParts {
    Conjuncts left;     /* to the left child */
    Conjuncts right;    /* to the right child */
    Conjuncts residual; /* over both inputs, inside the join */
    Conjuncts above;    /* over the output */
} JoinParts;

/* WHERE conjuncts over the join's output. */
static void place_above(Plan *plan, PlanNode *join, Expr *e, JoinParts *parts)
{
    SideShift shift = {plan->arena, join->children[0]->schema.field_count};
    ExprRefs refs = optimizer__refs(e);
    JoinKind kind = join->join_kind;
    if (!movable(&refs)) {
        add(plan, &parts->above, e);
        return;
    }
    Expr *split = optimizer__rewrite(plan->arena, e, to_inputs, &shift);
    refs = optimizer__refs(split);
    bool inner = kind == JOIN_INNER || kind == JOIN_CROSS;
    bool left_only = refs.inputs[0] && !refs.inputs[1];
    if (kind == JOIN_MARK && refs.inputs[1])
        left_only = false;
    bool left_passes = kind != JOIN_RIGHT && kind != JOIN_FULL;
    if (left_only && left_passes)
        add(plan, &parts->left, split);
    else if (!refs.inputs[0] && refs.inputs[1] && (inner || kind == JOIN_RIGHT) &&
             !(refs.outer && join->kind == PLAN_APPLY)) /* outer rows are one level further there */
        add(plan, &parts->right,
            optimizer__rewrite(plan->arena, split, to_only_input, plan->arena));
    else if (inner && join->kind == PLAN_JOIN)
        add(plan, &parts->residual, split);
    else
        add(plan, &parts->above, e);
}

/* ON conjuncts over both inputs. */
static void place_on(Plan *plan, PlanNode *join, Expr *e, JoinParts *parts)
{
    ExprRefs refs = optimizer__refs(e);
    JoinKind kind = join->join_kind;
    bool inner = kind == JOIN_INNER || kind == JOIN_CROSS;
    bool can_move = movable(&refs) && join->kind == PLAN_JOIN;
    bool left_ok = inner || kind == JOIN_RIGHT || kind == JOIN_SEMI;
    bool right_ok =
        inner || kind == JOIN_LEFT || kind == JOIN_SEMI || kind == JOIN_ANTI || kind == JOIN_SINGLE;
    if (can_move && refs.inputs[0] && !refs.inputs[1] && left_ok)
        add(plan, &parts->left, e);
    else if (can_move && refs.inputs[1] && !refs.inputs[0] && right_ok)
        add(plan, &parts->right, optimizer__rewrite(plan->arena, e, to_only_input, plan->arena));
    else
        add(plan, &parts->residual, e);
}

/* left = right of one type becomes a key. */
static bool take_key(Plan *plan, Expr *e, Conjuncts *left, Conjuncts *right)
{
    if (!optimizer__is_equality(e) || !type_eq(e->args[0]->type, e->args[1]->type))
        return false;
    ExprRefs a = optimizer__refs(e->args[0]);
    ExprRefs b = optimizer__refs(e->args[1]);
    if (!movable(&a) || !movable(&b))
        return false;
    bool straight = a.inputs[0] && !a.inputs[1] && b.inputs[1] && !b.inputs[0];
    bool crossed = a.inputs[1] && !a.inputs[0] && b.inputs[0] && !b.inputs[1];
    if (!straight && !crossed)
        return false;
    add(plan, left, e->args[crossed]);
    add(plan, right, e->args[straight]);
    return true;
}

static void extract_keys(Plan *plan, PlanNode *join, Conjuncts *residual)
{
    Conjuncts left = {0};
    Conjuncts right = {0};
    Conjuncts kept = {0};
    for (uint32_t i = 0; i < join->join_key_count; i++) {
        add(plan, &left, join->left_keys[i]);
        add(plan, &right, join->right_keys[i]);
    }
    for (uint32_t i = 0; i < residual->count; i++)
        if (!take_key(plan, residual->exprs[i], &left, &right))
            add(plan, &kept, residual->exprs[i]);
    join->left_keys = left.exprs;
    join->right_keys = right.exprs;
    join->join_key_count = left.count;
    *residual = kept;
    if (join->join_kind == JOIN_CROSS && (left.count || kept.count))
        join->join_kind = JOIN_INNER;
}

/* A left join whose NULL-extended rows no one wants is an inner join. */
static void narrow_outer(Plan *plan, PlanNode *join, const Conjuncts *above)
{
    SideShift shift = {plan->arena, join->children[0]->schema.field_count};
    if (join->join_kind != JOIN_LEFT || join->kind != PLAN_JOIN)
        return;
    for (uint32_t i = 0; i < above->count; i++) {
        ExprRefs refs = optimizer__refs(above->exprs[i]);
        if (!movable(&refs))
            continue;
        if (rejects_null_right(
                optimizer__rewrite(plan->arena, above->exprs[i], to_inputs, &shift))) {
            join->join_kind = JOIN_INNER;
            return;
        }
    }
}

static PlanNode *push_join(Plan *plan, PlanNode *join, const Conjuncts *above)
{
    JoinParts parts = {0};
    Conjuncts on = {0};
    bool null_aware = join->join_kind == JOIN_NULL_ANTI;

    narrow_outer(plan, join, above);
    for (uint32_t i = 0; i < above->count; i++)
        place_above(plan, join, above->exprs[i], &parts);
    optimizer__split(plan->arena, join->predicate, &on);
    for (uint32_t i = 0; i < on.count; i++)
        place_on(plan, join, on.exprs[i], &parts);
    if (join->kind == PLAN_JOIN && !null_aware && !join->null_safe)
        extract_keys(plan, join, &parts.residual);
    join->predicate = optimizer__join_conjuncts(plan->arena, &parts.residual);
    if (join->predicate && join->join_kind == JOIN_CROSS)
        join->join_kind = JOIN_INNER;
    join->children[0] = push(plan, join->children[0], &parts.left);
    join->children[1] = push(plan, join->children[1], &parts.right);
    return optimizer__filter(plan->arena, join,
                             optimizer__join_conjuncts(plan->arena, &parts.above));
}

/* ---------------------------------------------------------------- scans */

static int scan_op(const char *name, bool flipped)
{
    static const struct {
        const char *name;
        ScanOp op;
        ScanOp flipped;
    } ops[] = {{"=", SCAN_EQ, SCAN_EQ},  {"<>", SCAN_NE, SCAN_NE}, {"<", SCAN_LT, SCAN_GT},
               {"<=", SCAN_LE, SCAN_GE}, {">", SCAN_GT, SCAN_LT},  {">=", SCAN_GE, SCAN_LE}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(ops); i++)
        if (strcmp(name, ops[i].name) == 0)
            return (int)(flipped ? ops[i].flipped : ops[i].op);
    return -1;
}

bool optimizer__add_predicate(Plan *plan, PlanNode *scan, uint32_t column, int op, Expr *value)
{
    if (!scan_can_filter(scan->table, scan->scan_columns[column], op))
        return false;
    PlanPredicate *all = ARENA_NEW_ARRAY(plan->arena, PlanPredicate, scan->predicate_count + 1);
    if (scan->predicate_count)
        memcpy(all, scan->predicates, sizeof *all * scan->predicate_count);
    all[scan->predicate_count++] =
        (PlanPredicate){.column = scan->scan_columns[column], .op = (uint8_t)op, .value = value};
    scan->predicates = all;
    return true;
}

static bool add_matcher(Plan *plan, PlanNode *scan, Str label, const Expr *value)
{
    if (!expr_is_const(value) || expr_is_null_const(value) || !type_is_text(value->type))
        return false;
    Str text = arena_str(plan->arena, column_str(&value->value, 0));
    if (!text.len)
        return false; /* an absent label is NULL in SQL and empty to a matcher */
    LabelMatcher *all = ARENA_NEW_ARRAY(plan->arena, LabelMatcher, scan->matcher_count + 1);
    if (scan->matcher_count)
        memcpy(all, scan->matchers, sizeof *all * scan->matcher_count);
    all[scan->matcher_count] = (LabelMatcher){.op = MATCH_EQ, .name = label, .value = text};
    scan->matcher_count++;
    scan->matchers = all;
    return true;
}

/* The label an expression over a metrics table reads, or "". */
static Str label_of(Plan *plan, const PlanNode *scan, const Expr *e)
{
    const Table *table = scan->table;
    if (e->kind == EXPR_COLUMN) {
        uint16_t idx = scan->scan_columns[e->column];
        if (idx >= table->column_count)
            return STR("");
        Str name = table->columns[idx].name;
        if (table->kind == TABLE_METRICS && str_eq(name, STR("name")))
            return LABEL_NAME;
        bool is_label = table->kind == TABLE_METRIC && idx >= 2 && type_is_text(e->type) &&
                        !str_starts(name, STR("label_"));
        return is_label ? name : STR("");
    }
    if (table->kind != TABLE_METRICS || e->kind != EXPR_CALL || e->arg_count != 2 ||
        strcmp(e->function->name, "->>") != 0 || e->args[0]->kind != EXPR_COLUMN ||
        !expr_is_const(e->args[1]) || expr_is_null_const(e->args[1]) ||
        !type_is_text(e->args[1]->type))
        return STR("");
    Str column = table->columns[scan->scan_columns[e->args[0]->column]].name;
    return str_eq(column, STR("labels")) ? arena_str(plan->arena, column_str(&e->args[1]->value, 0))
                                         : STR("");
}

/* Text columns compare in the type of the column when a cast changes no byte. */
static const Expr *without_binary_cast(const Expr *e)
{
    while (e->kind == EXPR_CAST && e->type.typmod < 0 && e->cast && e->cast->binary &&
           type_is_text(e->type) && type_is_text(e->args[0]->type) &&
           e->args[0]->type.id != TYPE_BPCHAR && e->type.id != TYPE_BPCHAR)
        e = e->args[0];
    return e;
}

static bool take_comparison(Plan *plan, PlanNode *scan, const Expr *e)
{
    if (e->kind != EXPR_CALL || !e->function->is_operator || e->arg_count != 2)
        return false;
    for (int side = 0; side < 2; side++) {
        const Expr *column = without_binary_cast(e->args[side]);
        Expr *value = e->args[1 - side];
        int op = scan_op(e->function->name, side == 1);
        ExprRefs refs = optimizer__refs(value);
        if (op < 0 || !movable(&refs) || refs.inputs[0] || refs.inputs[1])
            continue;
        if (op == (int)SCAN_EQ) {
            Str label = label_of(plan, scan, column);
            if (label.len && add_matcher(plan, scan, label, value))
                return true;
        }
        if (column->kind != EXPR_COLUMN || column != e->args[side])
            continue;
        Expr *same = optimizer__as_type(plan->arena, value, column->type);
        if (same)
            return optimizer__add_predicate(plan, scan, column->column, op, same);
    }
    return false;
}

static PlanNode *push_scan(Plan *plan, PlanNode *scan, const Conjuncts *above)
{
    Conjuncts kept = {0};
    for (uint32_t i = 0; i < above->count; i++) {
        Expr *e = above->exprs[i];
        bool taken = take_comparison(plan, scan, e);
        if (!taken && e->kind == EXPR_IS_NULL && e->args[0]->kind == EXPR_COLUMN)
            taken = optimizer__add_predicate(plan, scan, e->args[0]->column,
                                             e->negated ? SCAN_IS_NOT_NULL : SCAN_IS_NULL, NULL);
        if (!taken)
            taken = optimizer__push_index(plan, scan, e);
        if (!taken)
            add(plan, &kept, e);
    }
    return optimizer__filter(plan->arena, scan, optimizer__join_conjuncts(plan->arena, &kept));
}

/* ---------------------------------------------------------------- the walk */

static PlanNode *push_set_op(Plan *plan, PlanNode *node, const Conjuncts *above)
{
    Conjuncts sides[2] = {{0}, {0}};
    Conjuncts here = {0};
    for (uint32_t i = 0; i < above->count; i++) {
        ExprRefs refs = optimizer__refs(above->exprs[i]);
        if (!movable(&refs)) {
            add(plan, &here, above->exprs[i]);
            continue;
        }
        for (int side = 0; side < 2; side++)
            add(plan, &sides[side], expr_clone(plan->arena, above->exprs[i]));
    }
    for (int side = 0; side < 2; side++)
        node->children[side] = push(plan, node->children[side], &sides[side]);
    return optimizer__filter(plan->arena, node, optimizer__join_conjuncts(plan->arena, &here));
}

static void push_subquery(void *ctx, Expr *subquery)
{
    Conjuncts none = {0};
    subquery->subplan = push(ctx, subquery->subplan, &none);
}

static PlanNode *push(Plan *plan, PlanNode *node, Conjuncts *above)
{
    if (node->kind == PLAN_SERIES)
        return node;
    if (node->kind == PLAN_FILTER) {
        optimizer__each_subplan(node, push_subquery, plan);
        optimizer__split(plan->arena, node->predicate, above);
        return push(plan, node->children[0], above);
    }
    optimizer__each_subplan(node, push_subquery, plan);
    switch (node->kind) {
    case PLAN_PROJECT:
        return push_project(plan, node, node->exprs, node->expr_count, above);
    case PLAN_AGGREGATE:
        if (!node->group_count || node->grouping_sets)
            return stop(plan, node, above);
        return push_project(plan, node, node->groups, node->group_count, above);
    case PLAN_JOIN:
    case PLAN_APPLY:
        return push_join(plan, node, above);
    case PLAN_SORT:
        node->children[0] = push(plan, node->children[0], above);
        return node;
    case PLAN_DISTINCT:
        if (node->group_count)
            return stop(plan, node, above);
        node->children[0] = push(plan, node->children[0], above);
        return node;
    case PLAN_SET_OP:
        return push_set_op(plan, node, above);
    case PLAN_CTE: {
        Conjuncts none = {0};
        node->children[0] = push(plan, node->children[0], &none);
        node->children[1] = push(plan, node->children[1], above);
        return node;
    }
    case PLAN_SCAN:
        return push_scan(plan, node, above);
    default:
        return stop(plan, node, above);
    }
}

PlanNode *optimizer__push_predicates(Plan *plan, PlanNode *root)
{
    Conjuncts none = {0};
    return push(plan, root, &none);
}

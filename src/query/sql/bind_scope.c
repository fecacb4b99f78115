/* bind_scope.c - names to columns.
 *
 * A name is looked for in the rows from the innermost outwards; the first row that knows it
 * decides. Two matches in one row are ambiguous. Hidden rows (LATERAL environments that a plain
 * subquery may not look into) are skipped but count, as they exist when the plan runs. */
#include "query/sql/bind_int.h"

/* ---------------------------------------------------------------- moving expressions */

static bool lift_one(Expr *expr, void *ctx);

static void lift_plan(PlanNode *plan, uint32_t depth);

typedef struct Lift {
    uint32_t depth; /* subqueries entered: outer references above this depth move */
} Lift;

static bool lift_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, lift_one, ctx);
}

static bool lift_one(Expr *expr, void *ctx)
{
    Lift *lift = ctx;
    if (expr->kind == EXPR_COLUMN && lift->depth == 0) {
        expr->kind = EXPR_OUTER;
        expr->depth = 1;
        expr->input = 0;
    } else if (expr->kind == EXPR_OUTER && expr->depth > lift->depth) {
        expr->depth++;
    } else if (expr->kind == EXPR_SUBQUERY) {
        lift_plan(expr->subplan, lift->depth + 1);
    }
    return true;
}

/* Inside a plan its own columns stay; references that leave it go one level further. */
static void lift_plan(PlanNode *plan, uint32_t depth)
{
    Lift lift = {depth};
    (void)plan_walk_exprs(plan, lift_slot, &lift);
    for (int i = 0; i < 2; i++)
        if (plan->children[i])
            lift_plan(plan->children[i], depth + (plan->kind == PLAN_APPLY && i == 1));
}

void sql__lift(Expr *expr)
{
    Lift lift = {0};
    (void)expr_walk(expr, lift_one, &lift);
}

typedef struct Escape {
    uint32_t depth;
    bool escapes;
} Escape;

static bool plan_escapes(PlanNode *plan, uint32_t depth);

static bool escape_one(Expr *expr, void *ctx)
{
    Escape *escape = ctx;
    if (expr->kind == EXPR_OUTER && expr->depth > escape->depth)
        escape->escapes = true;
    if (expr->kind == EXPR_SUBQUERY && plan_escapes(expr->subplan, escape->depth + 1))
        escape->escapes = true;
    return !escape->escapes;
}

static bool escape_slot(Expr **slot, void *ctx)
{
    return expr_walk(*slot, escape_one, ctx);
}

static bool plan_escapes(PlanNode *plan, uint32_t depth)
{
    Escape escape = {depth, false};
    (void)plan_walk_exprs(plan, escape_slot, &escape);
    for (int i = 0; i < 2 && !escape.escapes; i++)
        if (plan->children[i])
            escape.escapes =
                plan_escapes(plan->children[i], depth + (plan->kind == PLAN_APPLY && i == 1));
    return escape.escapes;
}

bool sql__plan_escapes(PlanNode *plan)
{
    return plan_escapes(plan, 0);
}

typedef struct Shift {
    uint32_t by;
} Shift;

static bool shift_one(Expr *expr, void *ctx)
{
    if (expr->kind == EXPR_COLUMN)
        expr->column += ((Shift *)ctx)->by;
    return true;
}

void sql__add_rel(Binder *b, Scope *scope, const ScopeRel *rel, uint32_t shift)
{
    ScopeRel copy = *rel;
    copy.columns = arena_dup(b->arena, rel->columns, sizeof *rel->columns * rel->column_count);
    for (uint32_t i = 0; i < copy.column_count; i++) {
        Shift by = {shift};
        copy.columns[i].column += shift;
        if (copy.columns[i].merged) {
            copy.columns[i].merged = expr_clone(b->arena, copy.columns[i].merged);
            (void)expr_walk(copy.columns[i].merged, shift_one, &by);
        }
    }
    copy.system = arena_dup(b->arena, rel->system, sizeof *rel->system * rel->system_count);
    for (uint32_t i = 0; i < copy.system_count; i++) {
        Shift by = {shift};
        copy.system[i].merged = expr_clone(b->arena, copy.system[i].merged);
        (void)expr_walk(copy.system[i].merged, shift_one, &by);
    }
    ARENA_PUSH(b->arena, scope->rels, scope->rel_count, scope->rel_cap, copy);
}

/* ---------------------------------------------------------------- lookup */

static bool outer_one(Expr *expr, void *ctx)
{
    if (expr->kind == EXPR_COLUMN) {
        expr->kind = EXPR_OUTER;
        expr->depth = *(uint32_t *)ctx;
    }
    return true;
}

Expr *sql__scope_expr(Binder *b, const ScopeColumn *column, uint32_t depth, int32_t position)
{
    Expr *expr = column->merged ? expr_clone(b->arena, column->merged)
                                : expr_column(b->arena, 0, column->column, column->type);
    if (depth)
        (void)expr_walk(expr, outer_one, &depth);
    expr->position = position;
    return expr;
}

static const ScopeColumn *find_in_rel(const ScopeRel *rel, Str name, uint32_t *ret_count)
{
    const ScopeColumn *found = NULL;
    for (uint32_t i = 0; i < rel->column_count; i++)
        if (str_eq(rel->columns[i].name, name)) {
            found = &rel->columns[i];
            ++*ret_count;
        }
    return found;
}

static const ScopeColumn *find_system(const ScopeRel *rel, Str name, uint32_t *ret_count)
{
    for (uint32_t i = 0; i < rel->system_count; i++)
        if (str_eq(rel->system[i].name, name)) {
            ++*ret_count;
            return &rel->system[i];
        }
    return NULL;
}

static Status ambiguous(Binder *b, Str name, int32_t position)
{
    return BIND_ERROR(b, "42702", position, "column reference \"%.*s\" is ambiguous",
                      STR_FMT(name));
}

static Status find_bare(Binder *b, const Scope *level, Str name, int32_t position,
                        const ScopeColumn **ret_column)
{
    uint32_t count = 0;
    *ret_column = NULL;
    for (uint32_t i = 0; i < level->rel_count; i++) {
        if (!level->rels[i].cols_visible)
            continue;
        const ScopeColumn *column = find_in_rel(&level->rels[i], name, &count);
        if (column)
            *ret_column = column;
    }
    for (uint32_t i = 0; i < level->rel_count && !*ret_column; i++)
        if (level->rels[i].cols_visible)
            *ret_column = find_system(&level->rels[i], name, &count);
    return count > 1 ? ambiguous(b, name, position) : STATUS_OK;
}

Status sql__column_local(Binder *b, Scope *scope, Str name, int32_t position, Expr **ret_expr,
                         bool *ret_found)
{
    const ScopeColumn *column;
    TRY(find_bare(b, scope, name, position, &column));
    *ret_found = column != NULL;
    if (column)
        *ret_expr = sql__scope_expr(b, column, 0, position);
    return STATUS_OK;
}

const ScopeRel *sql__find_rel(const Scope *scope, Str schema, Str name, uint32_t *ret_depth)
{
    uint32_t depth = 0;
    for (const Scope *level = scope; level; level = level->parent, depth++) {
        if (level->hidden)
            continue;
        for (uint32_t i = 0; i < level->rel_count; i++) {
            const ScopeRel *rel = &level->rels[i];
            if (rel->rel_visible && rel->name.len && str_eq(rel->name, name) &&
                (!schema.len || str_eq(rel->schema, schema))) {
                *ret_depth = depth;
                return rel;
            }
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------- errors with help */

enum { FUZZY_DISTANCE_MAX = 3, FUZZY_NAME_MAX = 63 };

/* Edits between two names; large when either is long. */
static uint32_t edit_distance(Str a, Str c)
{
    uint32_t row[FUZZY_NAME_MAX + 1];
    if (a.len > FUZZY_NAME_MAX || c.len > FUZZY_NAME_MAX)
        return UINT32_MAX;
    for (uint32_t j = 0; j <= c.len; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a.len; i++) {
        uint32_t diagonal = row[0];
        row[0] = i;
        for (uint32_t j = 1; j <= c.len; j++) {
            uint32_t above = row[j];
            uint32_t best = diagonal + (a.ptr[i - 1] != c.ptr[j - 1]);
            best = LUMA_MIN(best, above + 1);
            row[j] = LUMA_MIN(best, row[j - 1] + 1);
            diagonal = above;
        }
    }
    return row[c.len];
}

static void hint_similar_column(Binder *b, const Scope *scope, Str rel_name, Str name)
{
    uint32_t best = LUMA_MIN((uint32_t)FUZZY_DISTANCE_MAX, (uint32_t)(name.len / 2)) + 1;
    Str best_rel = {0}, best_column = {0};
    uint32_t ties = 0;
    for (uint32_t i = 0; i < scope->rel_count; i++) {
        const ScopeRel *rel = &scope->rels[i];
        if (!rel->rel_visible || !rel->name.len || (rel_name.len && !str_eq(rel->name, rel_name)))
            continue;
        for (uint32_t k = 0; k < rel->column_count; k++) {
            uint32_t distance = edit_distance(rel->columns[k].name, name);
            if (distance > best || (distance == best && !ties))
                continue;
            ties = distance == best ? ties + 1 : 1;
            best = distance;
            if (ties == 1) {
                best_rel = rel->name;
                best_column = rel->columns[k].name;
            }
        }
    }
    if (ties == 1)
        error_hint(b->err, "Perhaps you meant to reference the column \"%.*s.%.*s\".",
                   STR_FMT(best_rel), STR_FMT(best_column));
}

static Status cannot_reference(Binder *b, Str name, int32_t position)
{
    return BIND_ERROR(b, "42P01", position,
                      "invalid reference to FROM-clause entry for table \"%.*s\"", STR_FMT(name));
}

static Status no_lateral(Binder *b, Str name, int32_t position)
{
    Status status = cannot_reference(b, name, position);
    error_hint(b->err,
               "There is an entry for table \"%.*s\", but it cannot be referenced from this part "
               "of the query.",
               STR_FMT(name));
    return status;
}

Status sql__no_rel(Binder *b, const Scope *scope, Str name, int32_t position)
{
    for (const Scope *level = scope; level; level = level->parent)
        for (uint32_t i = 0; i < level->rel_count; i++) {
            const ScopeRel *rel = &level->rels[i];
            bool aliased = rel->table.len && str_eq(rel->table, name);
            if (!aliased && (!str_eq(rel->name, name) || (rel->rel_visible && !level->hidden)))
                continue;
            if (!aliased)
                return no_lateral(b, name, position);
            Status status = cannot_reference(b, name, position);
            error_hint(b->err, "Perhaps you meant to reference the table alias \"%.*s\".",
                       STR_FMT(rel->name));
            return status;
        }
    for (uint32_t i = 0; b->siblings && i < b->siblings->rel_count; i++)
        if (str_eq(b->siblings->rels[i].name, name))
            return no_lateral(b, name, position);
    return BIND_ERROR(b, "42P01", position, "missing FROM-clause entry for table \"%.*s\"",
                      STR_FMT(name));
}

/* ---------------------------------------------------------------- references */

static Expr *whole_row(Binder *b, const ScopeRel *rel, uint32_t depth, int32_t position)
{
    if (rel->scalar)
        return sql__scope_expr(b, &rel->columns[0], depth, position);
    Expr *row = sql__new(b, EXPR_ROW, TYPE_OF(RECORD), position);
    row->args = ARENA_NEW_ARRAY(b->arena, Expr *, rel->column_count);
    for (; row->arg_count < rel->column_count; row->arg_count++)
        row->args[row->arg_count] =
            sql__scope_expr(b, &rel->columns[row->arg_count], depth, position);
    Str *names = ARENA_NEW_ARRAY(b->arena, Str, rel->column_count);
    for (uint32_t i = 0; i < rel->column_count; i++)
        names[i] = rel->columns[i].name;
    sql__row_type(b, row, names);
    return row;
}

static Status bare_column(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Str name = ast->path.names[0];
    uint32_t depth = 0;
    for (const Scope *level = scope; level; level = level->parent, depth++) {
        const ScopeColumn *column;
        if (level->hidden)
            continue;
        TRY(find_bare(b, level, name, ast->position, &column));
        if (column) {
            *ret_expr = sql__scope_expr(b, column, depth, ast->position);
            return STATUS_OK;
        }
    }
    const ScopeRel *rel = sql__find_rel(scope, STR(""), name, &depth);
    if (rel) {
        *ret_expr = whole_row(b, rel, depth, ast->position);
        return STATUS_OK;
    }
    Status status =
        BIND_ERROR(b, "42703", ast->position, "column \"%.*s\" does not exist", STR_FMT(name));
    hint_similar_column(b, scope, STR(""), name);
    return status;
}

static Status rel_column(Binder *b, Scope *scope, const AstExpr *ast, Str schema, Str rel_name,
                         Str name, Expr **ret_expr)
{
    uint32_t depth;
    uint32_t count = 0;
    const ScopeRel *rel = sql__find_rel(scope, schema, rel_name, &depth);
    if (!rel)
        return sql__no_rel(b, scope, rel_name, ast->position);
    const ScopeColumn *column = find_in_rel(rel, name, &count);
    if (count > 1)
        return ambiguous(b, name, ast->position);
    if (!column)
        column = find_system(rel, name, &count);
    if (!column) {
        Status status = BIND_ERROR(b, "42703", ast->position, "column %.*s.%.*s does not exist",
                                   STR_FMT(rel_name), STR_FMT(name));
        hint_similar_column(b, scope, rel_name, name);
        return status;
    }
    *ret_expr = sql__scope_expr(b, column, depth, ast->position);
    return STATUS_OK;
}

Status sql__column(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const Str *names = ast->path.names;
    switch (ast->path.count) {
    case 1:
        return bare_column(b, scope, ast, ret_expr);
    case 2:
        return rel_column(b, scope, ast, STR(""), names[0], names[1], ret_expr);
    case 3:
        return rel_column(b, scope, ast, names[0], names[1], names[2], ret_expr);
    case 4:
        if (str_eq(names[0], b->options->settings->database))
            return rel_column(b, scope, ast, names[1], names[2], names[3], ret_expr);
        return BIND_UNSUPPORTED(b, ast->position,
                                "cross-database references are not implemented: "
                                "%.*s.%.*s.%.*s.%.*s",
                                STR_FMT(names[0]), STR_FMT(names[1]), STR_FMT(names[2]),
                                STR_FMT(names[3]));
    default:
        return BIND_ERROR(b, "42601", ast->position,
                          "improper qualified name (too many dotted names)");
    }
}

Str sql__column_label(Binder *b, const Scope *scope, uint32_t column)
{
    for (uint32_t i = 0; i < scope->rel_count; i++) {
        const ScopeRel *rel = &scope->rels[i];
        for (uint32_t k = 0; k < rel->column_count; k++)
            if (rel->columns[k].column == column && !rel->columns[k].merged && rel->name.len)
                return arena_printf(b->arena, "%.*s.%.*s", STR_FMT(rel->name),
                                    STR_FMT(rel->columns[k].name));
    }
    return STR("?");
}

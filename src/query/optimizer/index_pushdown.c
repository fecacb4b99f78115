/* index_pushdown.c - conditions on texts that a scan can look into.
 *
 *   matches(column, q)            the scan answers it
 *   column LIKE p, column ILIKE p the scan's words and literals rule rows out; the filter stays
 *   column ->> k = v, column @> v the words of k and v rule rows out; the filter stays
 *
 * Query, pattern, k and v are free of the scan's columns: constants, parameters, outer values. */
#include "query/optimizer/optimizer_int.h"
#include "storage/engine/engine.h"

static bool fits(Type type, int64_t value)
{
    if (type.id == TYPE_INT2)
        return value == (int16_t)value;
    return type.id == TYPE_INT8 || value == (int32_t)value;
}

Expr *optimizer__as_type(Arena *arena, Expr *value, Type type)
{
    if (type_eq(value->type, type))
        return value;
    if (!type_is_integer(value->type) || !type_is_integer(type) || !expr_is_const(value) ||
        expr_is_null_const(value) || !fits(type, column_i64(&value->value, 0)))
        return NULL;
    return expr_const_i64(arena, type, column_i64(&value->value, 0));
}

/* The scan column behind casts that change no byte, or -1. */
static int64_t column_of(const Expr *e)
{
    while (e->kind == EXPR_CAST && e->cast && e->cast->binary && type_is_text(e->type) &&
           type_is_text(e->args[0]->type))
        e = e->args[0];
    return e->kind == EXPR_COLUMN ? (int64_t)e->column : -1;
}

static bool is_free(const Expr *value)
{
    ExprRefs refs = optimizer__refs(value);

    return !refs.subquery && !refs.is_volatile && !refs.inputs[0] && !refs.inputs[1];
}

/* Adds "column op value" when the scan may be asked that. */
static bool give(Plan *plan, PlanNode *scan, const Expr *column, ScanOp op, Expr *value)
{
    int64_t idx = column_of(column);

    if (idx < 0 || !type_eq(value->type, TYPE_OF(TEXT)) || !is_free(value) ||
        scan->scan_columns[idx] >= scan->table->column_count ||
        !scan_can_filter(scan->table, scan->scan_columns[idx], op))
        return false;
    return optimizer__add_predicate(plan, scan, (uint32_t)idx, op, value);
}

static bool is_call(const Expr *e, const char *name, bool is_operator)
{
    return e->kind == EXPR_CALL && e->arg_count == 2 && e->function->is_operator == is_operator &&
           strcmp(e->function->name, name) == 0;
}

/* column ->> 'k' = v: both are in the column, word by word. */
static void give_member(Plan *plan, PlanNode *scan, const Expr *member, Expr *value)
{
    Expr *name;

    if (!is_call(member, "->>", true) || !type_eq(member->args[1]->type, TYPE_OF(TEXT)) ||
        !type_eq(member->args[0]->type, TYPE_OF(JSONB)))
        return;
    name = member->args[1];
    if (give(plan, scan, member->args[0], SCAN_WORDS, value))
        (void)give(plan, scan, member->args[0], SCAN_WORDS, name);
}

/* column @> '{"k": "v"}', a constant of names, texts, true, false and null: numbers may be equal
 * and written otherwise. */
static void give_contained(Plan *plan, PlanNode *scan, const Expr *column, const Expr *value)
{
    if (!expr_is_const(value) || expr_is_null_const(value) || !type_eq(value->type, TYPE_OF(JSONB)))
        return;
    Str text = column_str(&value->value, 0);
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\')
            return; /* what the escape stands for is not a word of the text as it is written */
        inside ^= text.ptr[i] == '"';
        if (!inside && (text.ptr[i] == '-' || (text.ptr[i] >= '0' && text.ptr[i] <= '9')))
            return;
    }
    (void)give(plan, scan, column, SCAN_WORDS, expr_const_text(plan->arena, TYPE_OF(TEXT), text));
}

bool optimizer__push_index(Plan *plan, PlanNode *scan, const Expr *e)
{
    if (is_call(e, "matches", false))
        return give(plan, scan, e->args[0], SCAN_MATCHES, e->args[1]);
    if (is_call(e, "~~", true))
        (void)give(plan, scan, e->args[0], SCAN_LIKE, e->args[1]);
    else if (is_call(e, "~~*", true))
        (void)give(plan, scan, e->args[0], SCAN_ILIKE, e->args[1]);
    else if (is_call(e, "@>", true))
        give_contained(plan, scan, e->args[0], e->args[1]);
    else if (is_call(e, "=", true))
        for (int side = 0; side < 2; side++)
            give_member(plan, scan, e->args[side], e->args[1 - side]);
    return false;
}

/* bind_call.c - which function or operator a call means.
 *
 * PostgreSQL's algorithm ("Type Conversion" in its manual, func_select_candidate in parse_func.c):
 * an exact match wins; else the candidates that implicit casts reach are narrowed by exact matches,
 * by preferred types, and by the likely type of untyped literals. */
#include <stdio.h>

#include "query/sql/bind_int.h"

enum { CALL_ARGS_MAX = 100, CANDIDATES_MAX = 512 };

/* What functions, aggregates and table functions have in common. */
typedef struct Candidate {
    const Type *args;
    uint32_t arg_count;
    bool variadic;
    Type ret;
    const void *item;
} Candidate;

static Type candidate_arg(const Candidate *c, uint32_t i)
{
    return c->args[i < c->arg_count ? i : c->arg_count - 1u];
}

static bool takes_count(const Candidate *c, uint32_t count)
{
    return count == c->arg_count || (c->variadic && c->arg_count && count + 1 >= c->arg_count &&
                                     count >= 1 && count >= c->arg_count);
}

static bool is_unknown(Type t)
{
    return t.id == TYPE_UNKNOWN && !t.is_array;
}

static bool is_polymorphic(Type t)
{
    return !t.is_array && (t.id == TYPE_ANYELEMENT || t.id == TYPE_ANYARRAY);
}

/* The element type that the polymorphic arguments agree on; false when they disagree. */
static bool polymorphic_element(const Candidate *c, const Type *types, uint32_t count, Type *ret)
{
    Type element = TYPE_OF(UNKNOWN);
    for (uint32_t i = 0; i < count; i++) {
        Type want = candidate_arg(c, i);
        if (!is_polymorphic(want) || is_unknown(types[i]))
            continue;
        Type have = types[i];
        if (want.id == TYPE_ANYARRAY)
            have = type_element(have);
        else if (have.is_array && element.id != TYPE_UNKNOWN && !element.is_array)
            return false;
        have = type_plain(have);
        if (is_unknown(element))
            element = have;
        else if (!type_eq(element, have) && !sql__common_pair(&element, have))
            return false;
    }
    *ret = element;
    return true;
}

/* Which enum the arguments are of where the candidate takes any, -1 = none says; false when they
 * disagree. */
static bool enum_of(const Candidate *c, const Type *types, uint32_t count, int32_t *ret_typmod)
{
    *ret_typmod = -1;
    for (uint32_t i = 0; i < count; i++) {
        if (candidate_arg(c, i).id != TYPE_ENUM || types[i].id != TYPE_ENUM ||
            types[i].typmod == -1)
            continue;
        if (*ret_typmod != -1 && *ret_typmod != types[i].typmod)
            return false;
        *ret_typmod = types[i].typmod;
    }
    return true;
}

/* The type an argument is brought to. */
static Type resolved_arg(const Candidate *c, uint32_t i, Type have, Type element)
{
    Type want = candidate_arg(c, i);
    if (want.is_array)
        return want;
    if (want.id == TYPE_ANYELEMENT)
        return element;
    if (want.id == TYPE_ANYARRAY) {
        element.is_array = true;
        return element;
    }
    if (want.id == TYPE_ANY)
        return is_unknown(have) ? TYPE_OF(TEXT) : have;
    return want;
}

static bool accepts(const Candidate *c, const Type *types, uint32_t count)
{
    Type element = TYPE_OF(UNKNOWN);
    int32_t which;
    if (!takes_count(c, count) || !polymorphic_element(c, types, count, &element) ||
        !enum_of(c, types, count, &which))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        Type want = candidate_arg(c, i);
        if (is_polymorphic(want) && want.id == TYPE_ANYARRAY && !types[i].is_array &&
            !is_unknown(types[i]))
            return false;
        if (is_polymorphic(want) && !is_unknown(element) && !is_unknown(types[i]) &&
            !sql__can_coerce(types[i], resolved_arg(c, i, types[i], element), CAST_IMPLICIT))
            return false;
        if (!is_polymorphic(want) && !sql__can_coerce(types[i], want, CAST_IMPLICIT))
            return false;
    }
    return true;
}

static uint32_t exact_count(const Candidate *c, const Type *types, uint32_t count)
{
    uint32_t exact = 0;
    for (uint32_t i = 0; i < count; i++)
        exact += !is_unknown(types[i]) &&
                 (type_eq(candidate_arg(c, i), types[i]) ||
                  (types[i].is_array && type_eq(candidate_arg(c, i), TYPE_OF(ANYARRAY))));
    return exact;
}

static uint32_t preferred_count(const Candidate *c, const Type *types, uint32_t count)
{
    uint32_t good = 0;
    for (uint32_t i = 0; i < count; i++) {
        Type want = candidate_arg(c, i);
        if (is_unknown(types[i]))
            continue;
        good +=
            type_eq(want, types[i]) ||
            (sql__type_category(want) == sql__type_category(types[i]) && sql__type_preferred(want));
    }
    return good;
}

/* Keeps the candidates with the highest score. */
static uint32_t keep_best(Candidate *list, uint32_t n, const Type *types, uint32_t count,
                          uint32_t (*score)(const Candidate *, const Type *, uint32_t))
{
    uint32_t best = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t s = score(&list[i], types, count);
        if (s > best) {
            best = s;
            kept = 0;
        }
        if (s == best)
            list[kept++] = list[i];
    }
    return kept;
}

/* The category an untyped argument most likely has; 0 when the candidates disagree. */
static char unknown_category(const Candidate *list, uint32_t n, uint32_t arg, bool *ret_preferred)
{
    char category = 0;
    bool conflict = false;
    *ret_preferred = false;
    for (uint32_t i = 0; i < n; i++) {
        Type want = candidate_arg(&list[i], arg);
        char c = sql__type_category(want);
        if (!category) {
            category = c;
            *ret_preferred = sql__type_preferred(want);
        } else if (c == category) {
            *ret_preferred |= sql__type_preferred(want);
        } else if (c == 'S') {
            category = c;
            *ret_preferred = sql__type_preferred(want);
            conflict = false;
        } else if (category != 'S') {
            conflict = true;
        }
    }
    return conflict ? 0 : category;
}

static uint32_t keep_likely(Candidate *list, uint32_t n, const Type *types, uint32_t count)
{
    char category[CALL_ARGS_MAX] = {0};
    bool preferred[CALL_ARGS_MAX] = {0};
    for (uint32_t i = 0; i < count; i++) {
        if (!is_unknown(types[i]))
            continue;
        category[i] = unknown_category(list, n, i, &preferred[i]);
        if (!category[i])
            return n;
    }
    uint32_t kept = 0;
    Candidate first[1] = {list[0]};
    for (uint32_t k = 0; k < n; k++) {
        bool keep = true;
        for (uint32_t i = 0; i < count && keep; i++) {
            if (!is_unknown(types[i]))
                continue;
            Type want = candidate_arg(&list[k], i);
            keep = sql__type_category(want) == category[i] &&
                   (!preferred[i] || sql__type_preferred(want));
        }
        if (keep)
            list[kept++] = list[k];
    }
    if (!kept)
        list[0] = first[0];
    return kept ? kept : n;
}

/* All known arguments of one type: suppose that the unknown ones are of it, too. */
static uint32_t keep_same_type(Candidate *list, uint32_t n, const Type *types, uint32_t count)
{
    Type known = TYPE_OF(UNKNOWN);
    Type assumed[CALL_ARGS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        if (is_unknown(types[i]))
            continue;
        if (!is_unknown(known) && !type_eq(known, types[i]))
            return n;
        known = types[i];
    }
    if (is_unknown(known))
        return n;
    for (uint32_t i = 0; i < count; i++)
        assumed[i] = known;
    uint32_t found = n;
    for (uint32_t i = 0; i < n; i++)
        if (accepts(&list[i], assumed, count)) {
            if (found != n)
                return n;
            found = i;
        }
    if (found == n)
        return n;
    list[0] = list[found];
    return 1;
}

/* Narrows to one; 0 = none accepts, more than 1 = ambiguous. */
static uint32_t select_candidate(Candidate *list, uint32_t n, const Type *types, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++)
        if (takes_count(&list[i], count) && exact_count(&list[i], types, count) == count &&
            accepts(&list[i], types, count)) {
            list[0] = list[i];
            return 1;
        }
    for (uint32_t i = 0; i < n; i++)
        if (accepts(&list[i], types, count))
            list[kept++] = list[i];
    if (kept > 1)
        kept = keep_best(list, kept, types, count, exact_count);
    if (kept > 1)
        kept = keep_best(list, kept, types, count, preferred_count);
    bool unknowns = false;
    for (uint32_t i = 0; i < count; i++)
        unknowns |= is_unknown(types[i]);
    if (kept > 1 && unknowns)
        kept = keep_likely(list, kept, types, count);
    if (kept > 1 && unknowns)
        kept = keep_same_type(list, kept, types, count);
    return kept;
}

static Type vector_array(Type type)
{
    if (type.is_array || (type.id != TYPE_INT2VECTOR && type.id != TYPE_OIDVECTOR))
        return type;
    return type.id == TYPE_INT2VECTOR ? TYPE_ARRAY_OF(INT2) : TYPE_ARRAY_OF(OID);
}

/* Brings the arguments to what the candidate takes and finds the type of its result. */
static Status coerce_args(Binder *b, const Candidate *c, Expr **args, uint32_t count,
                          Type *ret_type)
{
    Type types[CALL_ARGS_MAX];
    Type element = TYPE_OF(UNKNOWN);
    bool polymorphic = is_polymorphic(c->ret);
    for (uint32_t i = 0; i < count; i++) {
        types[i] = args[i]->type;
        if (candidate_arg(c, i).id == TYPE_ANYARRAY)
            types[i] = vector_array(types[i]);
        polymorphic |= is_polymorphic(candidate_arg(c, i));
    }
    int32_t which;
    (void)polymorphic_element(c, types, count, &element); /* accepts() has checked it */
    (void)enum_of(c, types, count, &which);
    if (polymorphic && is_unknown(element))
        element = TYPE_OF(TEXT);
    for (uint32_t i = 0; i < count; i++) {
        Type want = resolved_arg(c, i, types[i], element);
        if (want.id == TYPE_ENUM && want.typmod == -1) {
            if (which == -1 && is_unknown(types[i]))
                return BIND_ERROR(b, "42804", args[i]->position,
                                  "could not determine polymorphic type because input has type "
                                  "unknown");
            want.typmod = which;
        }
        TRY(sql__coerce(b, &args[i], want, CAST_IMPLICIT, 0));
    }
    *ret_type = c->ret;
    if (!c->ret.is_array && c->ret.id == TYPE_ANYELEMENT)
        *ret_type = element;
    if (!c->ret.is_array && c->ret.id == TYPE_ANYARRAY)
        *ret_type = (Type){.id = element.id, .is_array = true, .typmod = element.typmod};
    if (c->ret.id == TYPE_ENUM)
        ret_type->typmod = which;
    return STATUS_OK;
}

/* int2vector and oidvector are arrays to functions of any array. */
static void vectors_as_arrays(const Candidate *list, uint32_t n, Type *types, uint32_t count)
{
    for (uint32_t k = 0; k < n; k++)
        for (uint32_t i = 0; i < count && takes_count(&list[k], count); i++)
            if (candidate_arg(&list[k], i).id == TYPE_ANYARRAY)
                types[i] = vector_array(types[i]);
}

static void types_of(Expr *const *args, uint32_t count, Type *types)
{
    for (uint32_t i = 0; i < count; i++)
        types[i] = args[i]->type;
}

/* ---------------------------------------------------------------- operators */

static Status no_operator(Binder *b, Str symbol, const Expr *left, const Expr *right,
                          int32_t position, bool ambiguous)
{
    char l[64], r[64];
    Status status = BIND_ERROR(b, ambiguous ? "42725" : "42883", position,
                               ambiguous ? "operator is not unique: %s%s%.*s %s"
                                         : "operator does not exist: %s%s%.*s %s",
                               left ? type_name(left->type, l) : "", left ? " " : "",
                               STR_FMT(symbol), type_name(right->type, r));
    error_hint(b->err, ambiguous
                           ? "Could not choose a best candidate operator. You might need to add "
                             "explicit type casts."
                           : "No operator matches the given name and argument types. You might "
                             "need to add explicit type casts.");
    return status;
}

/* "any" as an operand means any but arrays: text || any. */
static bool takes_arrays(const Function *f, const Type *types)
{
    for (uint32_t i = 0; i < f->arg_count; i++)
        if (f->args[i].id == TYPE_ANY && !f->args[i].is_array && types[i].is_array)
            return false;
    return true;
}

static uint32_t operator_candidates(Str symbol, const Type *types, uint32_t arg_count,
                                    Candidate *list)
{
    uint32_t count;
    uint32_t n = 0;
    const Function *const *functions = func_find(symbol, true, &count);
    for (uint32_t i = 0; i < count && n < CANDIDATES_MAX; i++)
        if (functions[i]->arg_count == arg_count && takes_arrays(functions[i], types))
            list[n++] =
                (Candidate){functions[i]->args, arg_count, false, functions[i]->ret, functions[i]};
    return n;
}

/* PostgreSQL first supposes that an untyped side is of the other side's type. */
static const Candidate *operator_exact(const Candidate *list, uint32_t n, Type left, Type right)
{
    if (is_unknown(left))
        left = right;
    else if (is_unknown(right))
        right = left;
    for (uint32_t i = 0; i < n; i++)
        if (type_eq(list[i].args[0], left) && type_eq(list[i].args[1], right))
            return &list[i];
    return NULL;
}

__attribute__((noinline)) static Status find_operator(Binder *b, Str symbol, Expr **args,
                                                      uint32_t count, int32_t position,
                                                      const Function **ret_function, Type *ret_type)
{
    Candidate list[CANDIDATES_MAX];
    Type types[2];
    types_of(args, count, types);
    uint32_t n = operator_candidates(symbol, types, count, list);
    const Candidate *chosen = count == 2 ? operator_exact(list, n, types[0], types[1]) : NULL;
    if (!chosen) {
        n = select_candidate(list, n, types, count);
        if (n != 1)
            return no_operator(b, symbol, count == 2 ? args[0] : NULL, args[count - 1], position,
                               n > 1);
        chosen = list;
    }
    *ret_function = chosen->item;
    return coerce_args(b, chosen, args, count, ret_type);
}

Status sql__operator_function(Binder *b, Str symbol, Expr **left, Expr **right, int32_t position,
                              const Function **ret_function)
{
    Expr *args[2] = {*left, *right};
    Type type;
    TRY(find_operator(b, symbol, args, 2, position, ret_function, &type));
    *left = args[0];
    *right = args[1];
    return STATUS_OK;
}

Status sql__operator(Binder *b, Str symbol, Expr *left, Expr *right, int32_t position,
                     Expr **ret_expr)
{
    Expr *args[2] = {left ? left : right, right};
    uint32_t count = left ? 2 : 1;
    const Function *function;
    Type type;
    if (str_eq(symbol, STR("!=")))
        symbol = STR("<>");
    TRY(find_operator(b, symbol, args, count, position, &function, &type));
    *ret_expr = sql__new_args(b, EXPR_CALL, type, position, count, args);
    (*ret_expr)->function = function;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- functions */

static Status no_function(Binder *b, Str schema, Str name, Expr *const *args, uint32_t count,
                          int32_t position, bool ambiguous)
{
    char text[512];
    size_t len = 0;
    for (uint32_t i = 0; i < count && len < sizeof text - 80; i++) {
        char type[64];
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? ", " : "",
                                type_name(args[i]->type, type));
    }
    text[len] = 0;
    Status status = BIND_ERROR(b, ambiguous ? "42725" : "42883", position,
                               ambiguous ? "function %.*s%s%.*s(%s) is not unique"
                                         : "function %.*s%s%.*s(%s) does not exist",
                               STR_FMT(schema), schema.len ? "." : "", STR_FMT(name), text);
    error_hint(b->err, ambiguous
                           ? "Could not choose a best candidate function. You might need to add "
                             "explicit type casts."
                           : "No function matches the given name and argument types. You might "
                             "need to add explicit type casts.");
    return status;
}

static uint32_t function_candidates(Str name, Candidate *list)
{
    uint32_t count;
    uint32_t n = 0;
    const Function *const *functions = func_find(name, false, &count);
    for (uint32_t i = 0; i < count && n < CANDIDATES_MAX; i++)
        list[n++] = (Candidate){functions[i]->args, functions[i]->arg_count, functions[i]->variadic,
                                functions[i]->ret, functions[i]};
    return n;
}

static uint32_t aggregate_candidates(Str name, Candidate *list)
{
    uint32_t count;
    uint32_t n = 0;
    const Aggregate *const *items = func_find_aggregate(name, &count);
    for (uint32_t i = 0; i < count && n < CANDIDATES_MAX; i++)
        list[n++] = (Candidate){items[i]->args, items[i]->arg_count, items[i]->variadic,
                                items[i]->ret, items[i]};
    return n;
}

static uint32_t table_candidates(Str name, Candidate *list)
{
    uint32_t count;
    uint32_t n = 0;
    const TableFunction *const *items = func_find_table_function(name, &count);
    for (uint32_t i = 0; i < count && n < CANDIDATES_MAX; i++)
        list[n++] = (Candidate){items[i]->args, items[i]->arg_count, items[i]->variadic,
                                items[i]->ret, items[i]};
    return n;
}

typedef enum Lookup { LOOKUP_FUNCTION, LOOKUP_AGGREGATE, LOOKUP_TABLE } Lookup;

/* Finds the one candidate. Not inlined: its list must not stand on the stack of the recursion. */
__attribute__((noinline)) static Status resolve(Binder *b, Lookup lookup, Str schema, Str name,
                                                Expr *const *args, uint32_t count, int32_t position,
                                                bool missing_ok, bool *ret_found, Candidate *ret)
{
    Candidate list[CANDIDATES_MAX];
    Type types[CALL_ARGS_MAX];
    uint32_t n = lookup == LOOKUP_FUNCTION    ? function_candidates(name, list)
                 : lookup == LOOKUP_AGGREGATE ? aggregate_candidates(name, list)
                                              : table_candidates(name, list);
    types_of(args, count, types);
    vectors_as_arrays(list, n, types, count);
    n = select_candidate(list, n, types, count);
    *ret_found = n == 1;
    if (n == 1)
        *ret = list[0];
    else if (n > 1 || !missing_ok)
        return no_function(b, schema, name, args, count, position, n > 1);
    return STATUS_OK;
}

bool sql__is_table_function(Str name)
{
    uint32_t count;
    return func_find_table_function(name, &count) && count;
}

Status sql__call_named(Binder *b, Str name, Expr **args, uint32_t arg_count, int32_t position,
                       Expr **ret_expr)
{
    Candidate chosen;
    bool found;
    Type type;
    TRY(resolve(b, LOOKUP_FUNCTION, STR(""), name, args, arg_count, position, false, &found,
                &chosen));
    TRY(coerce_args(b, &chosen, args, arg_count, &type));
    *ret_expr = sql__new_args(b, EXPR_CALL, type, position, arg_count, args);
    (*ret_expr)->function = chosen.item;
    return STATUS_OK;
}

Status sql__table_function(Binder *b, Str name, Expr **args, uint32_t arg_count, int32_t position,
                           const TableFunction **ret_function, Type *ret_type)
{
    Candidate chosen;
    bool found;
    TRY(resolve(b, LOOKUP_TABLE, STR(""), name, args, arg_count, position, false, &found, &chosen));
    *ret_function = chosen.item;
    return coerce_args(b, &chosen, args, arg_count, ret_type);
}

/* int4('7'), text(x): a type name called with one argument is a cast. */
static Status call_cast(Binder *b, Str name, Expr **args, uint32_t count, bool *ret_done,
                        Expr **ret_expr)
{
    Type to;
    if (count != 1 || !sql__type_resolve_name(STR(""), name, &to))
        return STATUS_OK;
    to.typmod = -1;
    TRY(sql__coerce_try(b, &args[0], to, CAST_EXPLICIT, ret_done));
    *ret_expr = args[0];
    return STATUS_OK;
}

/* `extra`: room for more arguments behind them. */
static Status bind_args(Binder *b, Scope *scope, const AstExpr *ast, uint32_t extra,
                        Expr ***ret_args)
{
    Expr **args = ARENA_NEW_ARRAY(b->arena, Expr *, ast->arg_count + extra + 1);
    *ret_args = args;
    if (ast->arg_count + extra > CALL_ARGS_MAX)
        return BIND_ERROR(b, "54023", ast->position,
                          "cannot pass more than %d arguments to a function", CALL_ARGS_MAX);
    for (uint32_t i = 0; i < ast->arg_count; i++)
        TRY(sql__expr(b, scope, ast->args[i], &args[i]));
    return STATUS_OK;
}

/* The same for a function whose arguments may have names. */
static Status bind_named_args(Binder *b, Scope *scope, const AstExpr *ast, Expr ***ret_args,
                              uint32_t *ret_count)
{
    AstExpr call = *ast;
    TRY(sql__named_args(b, ast, &call.args, &call.arg_count));
    *ret_count = call.arg_count;
    return bind_args(b, scope, &call, 0, ret_args);
}

/* f(VARIADIC array) with a list written out: its items are the arguments. False in *ret_done for
 * any other array. */
static Status spread_variadic(Binder *b, const AstExpr *ast, Expr ***args, uint32_t *count,
                              bool *ret_done)
{
    Expr *last = *count ? (*args)[*count - 1] : NULL;
    *ret_done = last && last->kind == EXPR_ARRAY && *count - 1 + last->arg_count <= CALL_ARGS_MAX &&
                !(last->arg_count && last->args[0]->kind == EXPR_ARRAY);
    if (!*ret_done)
        return STATUS_OK;
    uint32_t first = *count - 1;
    Expr **spread = ARENA_NEW_ARRAY(b->arena, Expr *, first + last->arg_count + 1);
    memcpy(spread, *args, sizeof *spread * first);
    memcpy(spread + first, last->args, sizeof *spread * last->arg_count);
    *args = spread;
    *count = first + last->arg_count;
    return STATUS_OK;
}

/* ---- aggregates */

static Status aggregate_allowed(Binder *b, const Scope *scope, const AstExpr *ast)
{
    if (scope->in_aggregate)
        return BIND_ERROR(b, "42803", ast->position, "aggregate function calls cannot be nested");
    if (!scope->aggregates_ok)
        return BIND_ERROR(b, "42803", ast->position, "aggregate functions are not allowed in %s",
                          scope->clause ? scope->clause : "this context");
    return STATUS_OK;
}

typedef struct ColumnUse {
    bool local;
    bool outer;
} ColumnUse;

static bool note_columns(Expr *expr, void *ctx)
{
    ColumnUse *use = ctx;
    use->local |= expr->kind == EXPR_COLUMN;
    use->outer |= expr->kind == EXPR_OUTER;
    return true;
}

static Status aggregate_order(Binder *b, Scope *scope, const AstCall *call, Expr *aggregate)
{
    aggregate->order = ARENA_NEW_ARRAY(b->arena, SortKey, call->order_count);
    for (uint32_t i = 0; i < call->order_count; i++) {
        Expr *key;
        TRY(sql__expr_known(b, scope, call->order[i].expr, &key));
        TRY(sql__order(b, scope, &call->order[i], key, &aggregate->order[aggregate->order_count]));
        aggregate->order_count++;
    }
    if (!aggregate->distinct)
        return STATUS_OK;
    for (uint32_t i = 0; i < aggregate->order_count; i++) {
        bool found = false;
        for (uint32_t k = 0; k < aggregate->arg_count; k++)
            found |= expr_eq(aggregate->args[k], aggregate->order[i].expr);
        if (!found)
            return BIND_ERROR(b, "42P10", aggregate->order[i].expr->position,
                              "in an aggregate with DISTINCT, ORDER BY expressions must appear in "
                              "argument list");
    }
    return STATUS_OK;
}

/* WITHIN GROUP: the sort expressions are the last arguments of the signature. */
static Status ordered_set_args(Binder *b, Scope *scope, const AstExpr *ast, Expr **args,
                               uint32_t *count)
{
    const AstCall *call = ast->call;
    for (uint32_t i = 0; i < call->order_count; i++)
        TRY(sql__expr(b, scope, call->order[i].expr, &args[(*count)++]));
    return STATUS_OK;
}

static Status finish_ordered_set(Binder *b, Scope *scope, const AstExpr *ast, Expr *aggregate)
{
    const AstCall *call = ast->call;
    uint32_t direct = aggregate->arg_count - call->order_count;
    aggregate->order = ARENA_NEW_ARRAY(b->arena, SortKey, call->order_count);
    aggregate->order_count = call->order_count;
    for (uint32_t i = 0; i < call->order_count; i++)
        TRY(sql__order(b, scope, &call->order[i], aggregate->args[direct + i],
                       &aggregate->order[i]));
    return STATUS_OK;
}

/* rank(x) WITHIN GROUP (ORDER BY y): the function compares by itself and must know the order. */
static void add_sort_direction(Binder *b, Expr *aggregate)
{
    const SortKey *key = &aggregate->order[0];
    Expr **args = ARENA_NEW_ARRAY(b->arena, Expr *, 3);
    int64_t flags = (key->descending ? 1 : 0) | (key->nulls_first ? 2 : 0);
    args[0] = aggregate->args[0];
    args[1] = expr_const_i64(b->arena, TYPE_OF(INT4), flags);
    args[2] = aggregate->args[1];
    aggregate->args = args;
    aggregate->arg_count = 3;
}

/* array_agg(DISTINCT x): PostgreSQL finds the repeated ones by sorting, and gives them sorted. */
static Status order_distinct(Binder *b, Scope *scope, Expr *aggregate)
{
    AstOrder ascending = {0};
    aggregate->order = ARENA_NEW_ARRAY(b->arena, SortKey, aggregate->arg_count);
    for (uint32_t i = 0; i < aggregate->arg_count; i++)
        TRY(sql__order(b, scope, &ascending, aggregate->args[i], &aggregate->order[i]));
    aggregate->order_count = aggregate->arg_count;
    return STATUS_OK;
}

static Status aggregate_shape(Binder *b, const AstExpr *ast, const Aggregate *aggregate)
{
    const AstCall *call = ast->call;
    if (aggregate->ordered_set && !call->within_group)
        return BIND_ERROR(b, "42883", ast->position,
                          "WITHIN GROUP is required for ordered-set aggregate %.*s",
                          STR_FMT(call->name));
    if (!aggregate->ordered_set && call->within_group)
        return BIND_ERROR(b, "42883", ast->position,
                          "%.*s is not an ordered-set aggregate, so it cannot have WITHIN GROUP",
                          STR_FMT(call->name));
    if (call->distinct && call->within_group)
        return BIND_ERROR(b, "42601", ast->position, "cannot use DISTINCT with WITHIN GROUP");
    if (call->star && aggregate->arg_count)
        return BIND_ERROR(b, "42809", ast->position, "%.*s(*) is not allowed", STR_FMT(call->name));
    return STATUS_OK;
}

/* Arguments and FILTER, in which neither aggregates nor set-returning functions may stand. */
static Status bind_aggregate_args(Binder *b, Scope *scope, const AstExpr *ast, Expr *result)
{
    const AstCall *call = ast->call;
    Scope saved = *scope;
    Expr **args;
    uint32_t count = ast->arg_count;
    uint32_t extra = call->within_group ? call->order_count : 0;
    if (!call->over) {
        scope->in_aggregate = true;
        scope->windows_ok = false;
    }
    scope->sets_ok = false;
    TRY(bind_args(b, scope, ast, extra, &args));
    if (call->within_group)
        TRY(ordered_set_args(b, scope, ast, args, &count));
    if (call->variadic) {
        bool done;
        TRY(spread_variadic(b, ast, &args, &count, &done));
        if (!done)
            return BIND_UNSUPPORTED(b, ast->position,
                                    "VARIADIC is supported with an ARRAY[...] list only for "
                                    "aggregates");
    }
    if (call->filter)
        TRY(sql__predicate(b, scope, call->filter, "FILTER", &result->filter));
    result->distinct = call->distinct;
    result->args = args;
    result->arg_count = count;
    if (!call->within_group)
        TRY(aggregate_order(b, scope, call, result));
    scope->in_aggregate = saved.in_aggregate;
    scope->sets_ok = saved.sets_ok;
    scope->windows_ok = saved.windows_ok;
    return STATUS_OK;
}

static Status bind_aggregate(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const AstCall *call = ast->call;
    Candidate chosen;
    bool found;
    if (!call->over)
        TRY(aggregate_allowed(b, scope, ast));
    Expr *result = sql__new(b, EXPR_AGGREGATE, TYPE_OF(UNKNOWN), ast->position);
    TRY(bind_aggregate_args(b, scope, ast, result));
    TRY(resolve(b, LOOKUP_AGGREGATE, call->schema, call->name, result->args, result->arg_count,
                ast->position, false, &found, &chosen));
    TRY(aggregate_shape(b, ast, chosen.item));
    TRY(coerce_args(b, &chosen, result->args, result->arg_count, &result->type));
    result->aggregate = chosen.item;
    if (call->within_group)
        TRY(finish_ordered_set(b, scope, ast, result));
    if (result->distinct && !result->order_count && result->aggregate->order_sensitive)
        TRY(order_distinct(b, scope, result));
    if (result->aggregate->hypothetical)
        add_sort_direction(b, result);
    *ret_expr = result;
    if (call->over)
        return STATUS_OK;
    ColumnUse use = {0};
    (void)expr_walk(result, note_columns, &use);
    if (use.outer && !use.local)
        return BIND_UNSUPPORTED(b, ast->position,
                                "an aggregate over columns of an outer query is not supported");
    scope->has_aggregates = true;
    return STATUS_OK;
}

/* ---- window functions proper */

typedef struct WindowFunction {
    const char *name;
    uint8_t min_args;
    uint8_t max_args;
    Type ret; /* ANYELEMENT = type of the first argument */
} WindowFunction;

static const WindowFunction window_functions[] = {
    {"row_number", 0, 0, {.id = TYPE_INT8, .typmod = -1}},
    {"rank", 0, 0, {.id = TYPE_INT8, .typmod = -1}},
    {"dense_rank", 0, 0, {.id = TYPE_INT8, .typmod = -1}},
    {"percent_rank", 0, 0, {.id = TYPE_FLOAT8, .typmod = -1}},
    {"cume_dist", 0, 0, {.id = TYPE_FLOAT8, .typmod = -1}},
    {"ntile", 1, 1, {.id = TYPE_INT4, .typmod = -1}},
    {"lag", 1, 3, {.id = TYPE_ANYELEMENT, .typmod = -1}},
    {"lead", 1, 3, {.id = TYPE_ANYELEMENT, .typmod = -1}},
    {"first_value", 1, 1, {.id = TYPE_ANYELEMENT, .typmod = -1}},
    {"last_value", 1, 1, {.id = TYPE_ANYELEMENT, .typmod = -1}},
    {"nth_value", 2, 2, {.id = TYPE_ANYELEMENT, .typmod = -1}},
};

static const WindowFunction *find_window_function(Str name)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(window_functions); i++)
        if (str_eq(name, str_from(window_functions[i].name)))
            return &window_functions[i];
    return NULL;
}

static Status window_args(Binder *b, const WindowFunction *function, Expr **args, uint32_t count,
                          const AstExpr *ast)
{
    if (count < function->min_args || count > function->max_args)
        return no_function(b, STR(""), ast->call->name, args, count, ast->position, false);
    if (function->ret.id != TYPE_ANYELEMENT)
        return count ? sql__coerce(b, &args[0], TYPE_OF(INT4), CAST_IMPLICIT, 0) : STATUS_OK;
    if (count == 3) {
        Expr *pair[2] = {args[0], args[2]};
        Type type;
        TRY(sql__common_type(b, pair, 2, ast->call->name.ptr, &type));
        TRY(sql__coerce(b, &args[0], type, CAST_IMPLICIT, 0));
        TRY(sql__coerce(b, &args[2], type, CAST_IMPLICIT, 0));
    }
    TRY(sql__coerce_unknown(b, &args[0]));
    return count > 1 ? sql__coerce(b, &args[1], TYPE_OF(INT4), CAST_IMPLICIT, 0) : STATUS_OK;
}

static Status bind_window_function(Binder *b, Scope *scope, const AstExpr *ast,
                                   const WindowFunction *function, Expr **ret_expr)
{
    Expr **args;
    const AstCall *call = ast->call;
    if (!call->over)
        return BIND_ERROR(b, "42809", ast->position, "window function %.*s requires an OVER clause",
                          STR_FMT(call->name));
    if (call->filter)
        return BIND_UNSUPPORTED(b, ast->position,
                                "FILTER is not implemented for non-aggregate window functions");
    if (call->distinct)
        return BIND_UNSUPPORTED(b, ast->position,
                                "DISTINCT is not implemented for window functions");
    TRY(bind_args(b, scope, ast, 0, &args));
    TRY(window_args(b, function, args, ast->arg_count, ast));
    Type type = function->ret.id == TYPE_ANYELEMENT ? args[0]->type : function->ret;
    Expr *result = sql__new_args(b, EXPR_WINDOW, type, ast->position, ast->arg_count, args);
    result->window_function = function->name;
    *ret_expr = result;
    return STATUS_OK;
}

static Status bind_windowed(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const AstCall *call = ast->call;
    const WindowFunction *function = find_window_function(call->name);
    uint32_t count;
    if (scope->in_window)
        return BIND_ERROR(b, "42P20", ast->position, "window function calls cannot be nested");
    if (!scope->windows_ok)
        return BIND_ERROR(b, "42P20", ast->position, "window functions are not allowed in %s",
                          scope->in_aggregate ? "aggregate arguments"
                          : scope->clause     ? scope->clause
                                              : "this context");
    scope->in_window = true;
    if (function) {
        TRY(bind_window_function(b, scope, ast, function, ret_expr));
    } else if (func_find_aggregate(call->name, &count)) {
        if (call->distinct || call->order_count)
            return BIND_UNSUPPORTED(b, ast->position, "%s is not implemented for window functions",
                                    call->distinct ? "DISTINCT" : "aggregate ORDER BY");
        TRY(bind_aggregate(b, scope, ast, ret_expr));
        (*ret_expr)->kind = EXPR_WINDOW;
    } else {
        return BIND_ERROR(b, "42809", ast->position,
                          "OVER specified, but %.*s is not a window function nor an aggregate "
                          "function",
                          STR_FMT(call->name));
    }
    TRY(sql__window_call(b, scope, ast, *ret_expr));
    scope->in_window = false;
    return STATUS_OK;
}

/* ---- set-returning functions in the select list */

TableFunction *sql__with_columns(Binder *b, const TableFunction *function, const Field *fields,
                                 uint32_t count, Expr ***args, uint32_t *arg_count)
{
    CLEANUP(buf_done) Buf packed = {0};
    TableFunction *copy = arena_dup(b->arena, function, sizeof *function);
    Expr **longer = ARENA_NEW_ARRAY(b->arena, Expr *, *arg_count + 1);
    copy->columns = fields;
    copy->column_count = count;
    if (*arg_count)
        memcpy(longer, *args, sizeof *longer * *arg_count);
    func_columns_pack(fields, count, &packed);
    longer[*arg_count] =
        expr_const_text(b->arena, TYPE_OF(BYTEA), arena_str(b->arena, buf_str(&packed)));
    *args = longer;
    (*arg_count)++;
    return copy;
}

/* json_populate_record(base, ...) without a column list: the columns are those of the base. */
static Status shape_of_base(Binder *b, SetCall *set, Expr ***args, uint32_t *count,
                            int32_t position)
{
    const RowShape *shape = *count > 1 ? sql__row_shape(b, (*args)[0]->type) : NULL;
    if (!shape && *count < 2)
        return BIND_UNSUPPORTED(b, position,
                                "function returning record called in context that cannot accept "
                                "type record");
    if (!shape) {
        Status status =
            BIND_ERROR(b, "42804", position, "could not determine row type for result of %s",
                       set->function->name);
        error_hint(b->err, "Provide a non-null record argument, or call the function in the FROM "
                           "clause using a column definition list.");
        return status;
    }
    set->type = (*args)[0]->type;
    set->function =
        sql__with_columns(b, set->function, shape->fields, shape->field_count, args, count);
    return STATUS_OK;
}

static Status bind_set_call(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    Expr **args;
    const AstCall *call = ast->call;
    SetCall set = {0};
    if (!scope->sets_ok)
        return BIND_UNSUPPORTED(b, ast->position, "set-returning functions are not allowed in %s",
                                scope->clause ? scope->clause : "this context");
    uint32_t count;
    TRY(bind_named_args(b, scope, ast, &args, &count));
    TRY(sql__table_function(b, call->name, args, count, ast->position, &set.function, &set.type));
    if (set.function->needs_columns)
        TRY(shape_of_base(b, &set, &args, &count, ast->position));
    else if (set.function->column_count)
        set.type = sql__record_type(b, set.function->columns, set.function->column_count);
    set.args = sql__new_args(b, EXPR_ROW, TYPE_OF(RECORD), ast->position, count, args);
    *ret_expr = expr_column(b->arena, SET_CALL_INPUT, scope->set_call_count, set.type);
    (*ret_expr)->position = ast->position;
    ARENA_PUSH(b->arena, scope->set_calls, scope->set_call_count, scope->set_call_cap, set);
    return STATUS_OK;
}

/* ---- all of them */

static Status plain_call_shape(Binder *b, const AstExpr *ast)
{
    const AstCall *call = ast->call;
    const char *what = call->star           ? "(*)"
                       : call->distinct     ? "DISTINCT"
                       : call->within_group ? "WITHIN GROUP"
                       : call->order_count  ? "ORDER BY"
                       : call->filter       ? "FILTER"
                                            : NULL;
    if (!what)
        return STATUS_OK;
    return BIND_ERROR(b, "42809", ast->position,
                      "%s specified, but %.*s is not an aggregate function", what,
                      STR_FMT(call->name));
}

static bool is_own_schema(Str schema)
{
    return !schema.len || str_eq(schema, STR("pg_catalog")) || str_eq(schema, STR("public")) ||
           str_eq(schema, STR("information_schema"));
}

/* f(..., VARIADIC array) whose array is known when it runs only. */
static Status bind_spread_call(Binder *b, const AstExpr *ast, Expr **args, uint32_t count,
                               Expr **ret_expr)
{
    const AstCall *call = ast->call;
    uint32_t overloads;
    Type have = args[count - 1]->type;
    char name[64];
    const Function *const *functions = func_find(call->name, false, &overloads);
    for (uint32_t i = 0; i < overloads; i++) {
        const Function *f = functions[i];
        if (!f->variadic || f->arg_count != count)
            continue;
        Type item = f->args[count - 1];
        Type array = item.id == TYPE_ANY || item.id == TYPE_ANYELEMENT ? have : item;
        if (!have.is_array && have.id != TYPE_UNKNOWN)
            return BIND_ERROR(b, "42804", ast->position, "VARIADIC argument must be an array");
        if (array.id == TYPE_UNKNOWN)
            array = TYPE_OF(TEXT);
        array.is_array = true;
        for (uint32_t k = 0; k + 1 < count; k++)
            TRY(sql__coerce(b, &args[k], f->args[k].id == TYPE_ANY ? args[k]->type : f->args[k],
                            CAST_IMPLICIT, 0));
        TRY(sql__coerce(b, &args[count - 1], array, CAST_IMPLICIT, 0));
        Type ret = f->ret.id == TYPE_ANYELEMENT ? type_element(array) : f->ret;
        *ret_expr = sql__new_args(b, EXPR_CALL, ret, ast->position, count, args);
        (*ret_expr)->function = f;
        (*ret_expr)->spread = true;
        return STATUS_OK;
    }
    return BIND_ERROR(b, "42883", ast->position, "function %.*s(VARIADIC %s) does not exist",
                      STR_FMT(call->name), type_name(have, name));
}

static Status bind_plain_call(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const AstCall *call = ast->call;
    Candidate chosen;
    Expr **args;
    uint32_t count = ast->arg_count;
    bool found = false;
    bool spread = false;
    TRY(bind_named_args(b, scope, ast, &args, &count));
    if (call->variadic) {
        TRY(spread_variadic(b, ast, &args, &count, &spread));
        if (!spread)
            return bind_spread_call(b, ast, args, count, ret_expr);
    }
    if (is_own_schema(call->schema))
        TRY(resolve(b, LOOKUP_FUNCTION, call->schema, call->name, args, count, ast->position, true,
                    &found, &chosen));
    if (!found) {
        bool done = false;
        TRY(call_cast(b, call->name, args, count, &done, ret_expr));
        return done ? STATUS_OK
                    : no_function(b, call->schema, call->name, args, count, ast->position, false);
    }
    TRY(plain_call_shape(b, ast));
    Type type;
    TRY(coerce_args(b, &chosen, args, count, &type));
    *ret_expr = sql__new_args(b, EXPR_CALL, type, ast->position, count, args);
    (*ret_expr)->function = chosen.item;
    return STATUS_OK;
}

Status sql__call(Binder *b, Scope *scope, const AstExpr *ast, Expr **ret_expr)
{
    const AstCall *call = ast->call;
    uint32_t count;
    if (!is_own_schema(call->schema))
        return bind_plain_call(b, scope, ast, ret_expr);
    if (call->over)
        return bind_windowed(b, scope, ast, ret_expr);
    if (func_find(call->name, false, &count) && count)
        return bind_plain_call(b, scope, ast, ret_expr);
    const WindowFunction *window = find_window_function(call->name);
    if (window && !call->within_group)
        return bind_window_function(b, scope, ast, window, ret_expr);
    if (func_find_aggregate(call->name, &count) && count)
        return bind_aggregate(b, scope, ast, ret_expr);
    if (sql__is_table_function(call->name))
        return bind_set_call(b, scope, ast, ret_expr);
    return bind_plain_call(b, scope, ast, ret_expr);
}

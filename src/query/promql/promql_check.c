/* promql_check.c - types and the other rules about a tree, in the order Prometheus checks them. */
#include "query/promql/promql_int.h"

const char *prom_type_name(PromType type)
{
    switch (type) {
    case PROM_TYPE_NONE:
        return "none";
    case PROM_TYPE_SCALAR:
        return "scalar";
    case PROM_TYPE_STRING:
        return "string";
    case PROM_TYPE_VECTOR:
        return "instant vector";
    case PROM_TYPE_MATRIX:
        return "range vector";
    }
    return "none";
}

const char *prom_type_api_name(PromType type)
{
    return type == PROM_TYPE_VECTOR   ? "vector"
           : type == PROM_TYPE_MATRIX ? "matrix"
                                      : prom_type_name(type);
}

const PromExpr *prom_expr_unwrap(const PromExpr *expr)
{
    while (expr->kind == PROM_PAREN)
        expr = expr->paren;
    return expr;
}

static PromType type_of_letter(char letter)
{
    switch (letter) {
    case 's':
        return PROM_TYPE_SCALAR;
    case 't':
        return PROM_TYPE_STRING;
    case 'm':
        return PROM_TYPE_MATRIX;
    default:
        return PROM_TYPE_VECTOR;
    }
}

static Status expect_type(Str text, PromExpr *expr, PromType want, const char *context, Error *err)
{
    TRY(promql__check(text, expr, err));
    if (expr->type != want)
        return promql__error(err, text, expr->start, "expected type %s in %s, got %s",
                             prom_type_name(want), context, prom_type_name(expr->type));
    return STATUS_OK;
}

static Status check_agg(Str text, PromExpr *expr, Error *err)
{
    char param = prom_agg_infos[expr->agg.op].param;

    TRY(expect_type(text, expr->agg.expr, PROM_TYPE_VECTOR, "aggregation expression", err));
    if (param)
        TRY(expect_type(text, expr->agg.param, type_of_letter(param), "aggregation parameter",
                        err));
    return STATUS_OK;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the operator stands in the text. */
static uint32_t op_offset(Str text, const PromExpr *expr)
{
    uint32_t at = expr->binary.left->end;
    while (at < text.len && is_space(text.ptr[at]))
        at++;
    return at;
}

static Status check_matching(Str text, PromExpr *expr, Error *err)
{
    PromBinaryOp op = expr->binary.op;
    PromMatching *m = &expr->binary.matching;
    bool vectors =
        expr->binary.left->type == PROM_TYPE_VECTOR && expr->binary.right->type == PROM_TYPE_VECTOR;
    bool fill = m->has_fill_left || m->has_fill_right;

    expr->binary.has_matching = vectors;
    if (!vectors) {
        if (m->label_count)
            return promql__error(err, text, expr->start,
                                 "vector matching only allowed between instant vectors");
        if (fill)
            return promql__error(err, text, expr->start,
                                 "filling in missing series only allowed between instant vectors");
    } else if (prom_op_is_set(op)) {
        if (m->card == PROM_ONE_TO_MANY || m->card == PROM_MANY_TO_ONE)
            return promql__error(err, text, expr->start, "no grouping allowed for \"%s\" operation",
                                 prom_op_text(op));
        if (fill)
            return promql__error(err, text, expr->start,
                                 "filling in missing series not allowed for set operators");
    }
    if (prom_op_is_set(op) && (expr->binary.left->type == PROM_TYPE_SCALAR ||
                               expr->binary.right->type == PROM_TYPE_SCALAR))
        return promql__error(err, text, expr->start,
                             "set operator \"%s\" not allowed in binary scalar expression",
                             prom_op_text(op));
    return STATUS_OK;
}

static Status check_operand(Str text, const PromExpr *expr, Error *err)
{
    if (expr->type != PROM_TYPE_SCALAR && expr->type != PROM_TYPE_VECTOR)
        return promql__error(err, text, expr->start,
                             "binary expression must contain only scalar and instant vector types");
    return STATUS_OK;
}

static Status check_binary(Str text, PromExpr *expr, Error *err)
{
    PromExpr *left = expr->binary.left;
    PromExpr *right = expr->binary.right;
    PromMatching *m = &expr->binary.matching;
    bool comparison = prom_op_is_comparison(expr->binary.op);

    TRY(promql__check(text, left, err));
    TRY(promql__check(text, right, err));
    if (expr->binary.return_bool && !comparison)
        return promql__error(err, text, op_offset(text, expr),
                             "bool modifier can only be used on comparison operators");
    if (comparison && !expr->binary.return_bool && left->type == PROM_TYPE_SCALAR &&
        right->type == PROM_TYPE_SCALAR)
        return promql__error(err, text, op_offset(text, expr),
                             "comparisons between scalars must use BOOL modifier");
    if (prom_op_is_set(expr->binary.op) && m->card == PROM_ONE_TO_ONE)
        m->card = PROM_MANY_TO_MANY;
    for (uint32_t i = 0; m->on && i < m->label_count; i++) {
        for (uint32_t j = 0; j < m->include_count; j++) {
            if (str_eq(m->labels[i], m->include[j])) {
                CLEANUP(buf_done) Buf quoted = {.len_max = 256};
                prom_text_quote(m->labels[i], &quoted);
                return promql__error(err, text, op_offset(text, expr),
                                     "label %.*s must not occur in ON and GROUP clause at once",
                                     (int)quoted.len, quoted.ptr);
            }
        }
    }
    TRY(check_operand(text, left, err));
    TRY(check_operand(text, right, err));
    return check_matching(text, expr, err);
}

/* The second argument of info() is a bare label selector. */
static Status check_info(Str text, const PromExpr *expr, Error *err)
{
    PromExpr *arg = expr->call.args[1];

    if (arg->type != PROM_TYPE_VECTOR)
        return promql__error(err, text, expr->start,
                             "expected type instant vector in call to function \"info\", got %s",
                             prom_type_name(arg->type));
    if (arg->kind == PROM_SELECTOR && arg->selector.name.len)
        return promql__error(err, text, arg->start,
                             "expected label selectors only, got vector selector instead");
    if (arg->kind != PROM_SELECTOR)
        return promql__error(err, text, arg->start, "expected label selectors only");
    arg->selector.any_matcher = true;
    return STATUS_OK;
}

static Status check_call(Str text, PromExpr *expr, Error *err)
{
    const PromFuncInfo *info = &prom_func_infos[expr->call.func];
    uint32_t want = (uint32_t)strlen(info->args);
    uint32_t have = expr->call.arg_count;

    if (info->variadic == 0) {
        if (have != want)
            return promql__error(err, text, expr->start,
                                 "expected %u argument(s) in call to \"%s\", got %u", want,
                                 info->name.ptr, have);
    } else if (have < want - 1) {
        return promql__error(err, text, expr->start,
                             "expected at least %u argument(s) in call to \"%s\", got %u", want - 1,
                             info->name.ptr, have);
    } else if (info->variadic > 0 && have > want - 1 + (uint32_t)info->variadic) {
        return promql__error(err, text, expr->start,
                             "expected at most %u argument(s) in call to \"%s\", got %u",
                             want - 1 + (uint32_t)info->variadic, info->name.ptr, have);
    }
    if (expr->call.func == PROM_FUNC_INFO && have > 1)
        TRY(check_info(text, expr, err));
    for (uint32_t i = 0; i < have; i++) {
        PromExpr *arg = expr->call.args[i];
        PromType type = type_of_letter(info->args[LUMA_MIN(i, want - 1)]);
        TRY(promql__check(text, arg, err));
        if (arg->type != type)
            return promql__error(err, text, arg->start,
                                 "expected type %s in call to function \"%s\", got %s",
                                 prom_type_name(type), info->name.ptr, prom_type_name(arg->type));
    }
    return STATUS_OK;
}

static Status check_selector(Str text, const PromExpr *expr, Error *err)
{
    uint32_t n = expr->selector.matcher_count;

    if (expr->selector.name.len) {
        for (uint32_t i = 0; i + 1 < n; i++) {
            if (str_eq(expr->selector.matchers[i].name, LABEL_NAME)) {
                CLEANUP(buf_done) Buf one = {.len_max = 256};
                CLEANUP(buf_done) Buf two = {.len_max = 256};
                prom_text_quote(expr->selector.name, &one);
                prom_text_quote(expr->selector.matchers[i].value, &two);
                return promql__error(err, text, expr->start,
                                     "metric name must not be set twice: %.*s or %.*s",
                                     (int)one.len, one.ptr, (int)two.len, two.ptr);
            }
        }
        return STATUS_OK;
    }
    if (expr->selector.any_matcher)
        return STATUS_OK;
    for (uint32_t i = 0; i < n; i++)
        if (!label_matcher_matches_empty(&expr->selector.matchers[i]))
            return STATUS_OK;
    return promql__error(err, text, expr->start,
                         "vector selector must contain at least one non-empty matcher");
}

Status promql__check(Str text, PromExpr *expr, Error *err)
{
    switch (expr->kind) {
    case PROM_NUMBER:
    case PROM_STRING:
        return STATUS_OK;
    case PROM_SELECTOR:
        return check_selector(text, expr, err);
    case PROM_RANGE:
        return promql__check(text, expr->range.selector, err);
    case PROM_SUBQUERY:
        TRY(promql__check(text, expr->subquery.expr, err));
        if (expr->subquery.expr->type != PROM_TYPE_VECTOR)
            return promql__error(err, text, expr->start,
                                 "subquery is only allowed on instant vector, got %s instead",
                                 prom_type_api_name(expr->subquery.expr->type));
        return STATUS_OK;
    case PROM_CALL:
        return check_call(text, expr, err);
    case PROM_AGGREGATE:
        return check_agg(text, expr, err);
    case PROM_BINARY:
        return check_binary(text, expr, err);
    case PROM_UNARY:
        TRY(promql__check(text, expr->unary.expr, err));
        expr->type = expr->unary.expr->type;
        if (expr->type != PROM_TYPE_SCALAR && expr->type != PROM_TYPE_VECTOR)
            return promql__error(err, text, expr->start,
                                 "unary expression only allowed on expressions of type scalar or "
                                 "instant vector, got \"%s\"",
                                 prom_type_name(expr->type));
        return STATUS_OK;
    case PROM_PAREN:
        return promql__check(text, expr->paren, err);
    }
    return STATUS_OK;
}

/* promql_duration.c - duration expressions: [step() * 2], offset (1h - 5m). */
#include <math.h>

#include "query/promql/promql.h"

typedef struct Context {
    double step;  /* seconds */
    double range; /* seconds */
    Error *err;
} Context;

static Status evaluate(const Context *ctx, const PromDuration *d, double *ret)
{
    double left = 0;
    double right = 0;

    if (d->left)
        TRY(evaluate(ctx, d->left, &left));
    if (d->right)
        TRY(evaluate(ctx, d->right, &right));
    switch (d->op) {
    case PROM_DUR_NUMBER:
        *ret = d->seconds;
        return STATUS_OK;
    case PROM_DUR_ADD:
        *ret = left + right;
        return STATUS_OK;
    case PROM_DUR_SUB:
        *ret = left - right;
        return STATUS_OK;
    case PROM_DUR_MUL:
        *ret = left * right;
        return STATUS_OK;
    case PROM_DUR_DIV:
        if (right == 0)
            return error_set(ctx->err, STATUS_INVALID, "division by zero");
        *ret = left / right;
        return STATUS_OK;
    case PROM_DUR_MOD:
        if (right == 0)
            return error_set(ctx->err, STATUS_INVALID, "modulo by zero");
        *ret = fmod(left, right);
        return STATUS_OK;
    case PROM_DUR_POW:
        *ret = pow(left, right);
        return STATUS_OK;
    case PROM_DUR_NEG:
        *ret = -right;
        return STATUS_OK;
    case PROM_DUR_PLUS:
        *ret = right;
        return STATUS_OK;
    case PROM_DUR_STEP:
        *ret = ctx->step;
        return STATUS_OK;
    case PROM_DUR_RANGE:
        *ret = ctx->range;
        return STATUS_OK;
    case PROM_DUR_MIN:
        *ret = left < right ? left : right;
        return STATUS_OK;
    case PROM_DUR_MAX:
        *ret = left > right ? left : right;
        return STATUS_OK;
    }
    return STATUS_OK;
}

static Status resolve(const Context *ctx, const PromDuration *d, bool negative_ok, int64_t *ret_ms)
{
    double seconds;

    if (!d)
        return STATUS_OK;
    TRY(evaluate(ctx, d, &seconds));
    if (isnan(seconds))
        return error_set(ctx->err, STATUS_INVALID, "duration is not a number");
    if (seconds <= 0 && !negative_ok)
        return error_set(ctx->err, STATUS_INVALID, "duration must be greater than 0");
    if (seconds > 9223372036.0 || seconds < -9223372036.0)
        return error_set(ctx->err, STATUS_INVALID, "duration is out of range");
    *ret_ms = (int64_t)round(seconds * 1000);
    if (*ret_ms <= 0 && !negative_ok)
        return error_set(ctx->err, STATUS_INVALID, "duration must be greater than 0");
    return STATUS_OK;
}

static Status walk(const Context *ctx, PromExpr *expr)
{
    switch (expr->kind) {
    case PROM_NUMBER:
    case PROM_STRING:
        return STATUS_OK;
    case PROM_SELECTOR:
        return resolve(ctx, expr->selector.mod.offset_expr, true, &expr->selector.mod.offset_ms);
    case PROM_RANGE:
        TRY(walk(ctx, expr->range.selector));
        return resolve(ctx, expr->range.range_expr, false, &expr->range.range_ms);
    case PROM_SUBQUERY:
        TRY(resolve(ctx, expr->subquery.mod.offset_expr, true, &expr->subquery.mod.offset_ms));
        TRY(resolve(ctx, expr->subquery.step_expr, false, &expr->subquery.step_ms));
        TRY(resolve(ctx, expr->subquery.range_expr, false, &expr->subquery.range_ms));
        return walk(ctx, expr->subquery.expr);
    case PROM_CALL:
        for (uint32_t i = 0; i < expr->call.arg_count; i++)
            TRY(walk(ctx, expr->call.args[i]));
        return STATUS_OK;
    case PROM_AGGREGATE:
        if (expr->agg.param)
            TRY(walk(ctx, expr->agg.param));
        return walk(ctx, expr->agg.expr);
    case PROM_BINARY:
        TRY(walk(ctx, expr->binary.left));
        return walk(ctx, expr->binary.right);
    case PROM_UNARY:
        return walk(ctx, expr->unary.expr);
    case PROM_PAREN:
        return walk(ctx, expr->paren);
    }
    return STATUS_OK;
}

Status promql_resolve_durations(PromExpr *expr, int64_t step_ms, int64_t range_ms, Error *err)
{
    Context ctx = {(double)step_ms / 1000, (double)range_ms / 1000, err};
    return walk(&ctx, expr);
}

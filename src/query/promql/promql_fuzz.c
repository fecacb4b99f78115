/* promql_fuzz.c - any text: parse, print, parse again, compare, lower to a plan. */
#include <stdlib.h>

#include "query/promql/promql_lower.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* A plan verifies itself when it is made. */
static void bind(const PromExpr *expr, Arena *arena)
{
    PromqlTimes times = {1000, 3601000, 15000, 60000};
    CLEANUP(buf_done) Buf text = {0};
    PlanNode *node;
    Error err = {0};

    if (prom_expr_unwrap(expr)->type == PROM_TYPE_STRING)
        return;
    if (promql_lower(prom_expr_unwrap(expr), &times, arena, &node, &err) == STATUS_OK)
        series_plan_explain(node, 0, &text);
    else if (err.status == STATUS_INTERNAL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf text = {0};
    CLEANUP(buf_done) Buf pretty = {0};
    PromExpr *expr;
    PromExpr *again;
    LabelMatcher *matchers;
    uint32_t count;
    Error err = {0};

    (void)promql_parse_selector(str_make(bytes, len), &arena, &matchers, &count, &err);
    if (promql_parse(str_make(bytes, len), &arena, &expr, &err) != STATUS_OK) {
        if (!err.message[0])
            abort();
        return 0;
    }
    promql_print(expr, &text);
    if (promql_parse(buf_str(&text), &arena, &again, &err) != STATUS_OK ||
        !promql_expr_eq(expr, again))
        abort();
    promql_print_pretty(expr, &pretty);
    if (promql_parse(buf_str(&pretty), &arena, &again, &err) != STATUS_OK ||
        !promql_expr_eq(expr, again))
        abort();
    if (promql_resolve_durations(expr, 15000, 3600000, &err) == STATUS_OK)
        bind(expr, &arena);
    return 0;
}

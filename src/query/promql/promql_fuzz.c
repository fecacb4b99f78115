/* promql_fuzz.c - any text: parse, print, parse again, compare. */
#include <stdlib.h>

#include "query/promql/promql.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

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
    (void)promql_resolve_durations(expr, 15000, 3600000, &err);
    return 0;
}

/* promql.h - PromQL text to tree and back.
 *
 *   PromExpr *expr;
 *   TRY(promql_parse(text, arena, &expr, err));           // syntax and types
 *   TRY(promql_resolve_durations(expr, step, range, err)); // duration expressions
 *
 * The language is that of Prometheus 3.14 with its experimental parts. Errors are Prometheus' own:
 * "1:6: parse error: unexpected left brace '{'", STATUS_INVALID, `position` = character. Bounds:
 * PROMQL_TEXT_BYTES_MAX, PROMQL_DEPTH_MAX. Threads: reentrant.
 */
#ifndef LUMA_QUERY_PROMQL_PROMQL_H
#define LUMA_QUERY_PROMQL_PROMQL_H

#include "query/func/promql_text.h"
#include "query/promql/promql_ast.h"

enum {
    PROMQL_TEXT_BYTES_MAX = 1 << 20, /* longest query text */
    PROMQL_DEPTH_MAX = 600,          /* deepest tree */
};

/* Parses and checks a whole expression. The tree lives in the arena. */
Status promql_parse(Str text, Arena *arena, PromExpr **ret_expr, Error *err);
/* Parses a series selector alone, as in match[]: the matchers, with the metric's name among them.
 */
Status promql_parse_selector(Str text, Arena *arena, LabelMatcher **ret_matchers,
                             uint32_t *ret_count, Error *err);
/* "1h30m" to milliseconds; Prometheus' own error texts. Units ms s m h d w y, each once, longest
 * first. */
Status promql_parse_duration(Str text, int64_t *ret_ms, Error *err);

/* Computes duration expressions of the tree: step() is step_ms, range() is range_ms. A zero or
 * negative range, a division by zero and the like are errors. */
Status promql_resolve_durations(PromExpr *expr, int64_t step_ms, int64_t range_ms, Error *err);

/* One line, as Prometheus prints it; parses to an equal tree. */
void promql_print(const PromExpr *expr, Buf *out);
/* As promql_print, but broken over lines where it gets longer than 100 characters. */
void promql_print_pretty(const PromExpr *expr, Buf *out);
/* "1h30m", as Prometheus prints a duration. */
void promql_print_duration(int64_t ms, Buf *out);
/* `name="value"` as it stands inside the braces of a selector. */
void promql_print_matcher(const LabelMatcher *matcher, Buf *out);

/* Structural equality, positions aside; NaN equals NaN. */
bool promql_expr_eq(const PromExpr *a, const PromExpr *b);

#endif

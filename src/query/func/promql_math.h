/* promql_math.h - functions of one float. */
#ifndef LUMA_QUERY_FUNC_PROMQL_MATH_H
#define LUMA_QUERY_FUNC_PROMQL_MATH_H

#include "query/func/promql_range.h"

/* Applies func to each value that is there, in place. params[i][step] are the scalar arguments
 * (clamp's bounds, round's unit). */
void prom_map(PromFunc func, const double *const *params, uint32_t param_count, double *values,
              uint32_t step_count);
/* Arithmetic and comparison of two floats; for a comparison the result is 0 or 1. */
double prom_binary(PromBinaryOp op, double a, double b);

#endif

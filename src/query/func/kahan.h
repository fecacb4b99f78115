/* kahan.h - compensated summation (Neumaier's variant of Kahan's), as PromQL's sums use it. */
#ifndef LUMA_QUERY_FUNC_KAHAN_H
#define LUMA_QUERY_FUNC_KAHAN_H

#include <math.h>

/* Adds `inc` to *sum; what was lost goes to *c. The total is *sum + *c. */
static inline void kahan_add(double inc, double *sum, double *c)
{
    double t = *sum + inc;

    if (isinf(t))
        *c = 0;
    else if (fabs(*sum) >= fabs(inc))
        *c += (*sum - t) + inc;
    else
        *c += (inc - t) + *sum;
    *sum = t;
}

#endif

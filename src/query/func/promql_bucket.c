#include "query/func/promql_bucket.h"

#include <math.h>

/* Relative difference of counts that is taken for rounding. */
#define TOLERANCE 1e-12

/* Adds buckets with the same bound. */
static uint32_t coalesce(PromBucket *b, uint32_t n)
{
    uint32_t at = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (b[i].upper == b[at].upper)
            b[at].count += b[i].count;
        else
            b[++at] = b[i];
    }
    return at + 1;
}

/* Cumulative counts must not fall. */
static void make_monotonic(PromBucket *b, uint32_t n, PromBucketFix *fix)
{
    double prev = b[0].count;

    for (uint32_t i = 1; i < n; i++) {
        double cur = b[i].count;
        if (cur == prev)
            continue;
        if (fabs(cur - prev) / fmin(fabs(cur), fabs(prev)) <= TOLERANCE) {
            b[i].count = prev;
            continue;
        }
        if (cur < prev) {
            if (!fix->forced || b[i].upper < fix->min_bucket)
                fix->min_bucket = b[i].upper;
            if (!fix->forced || b[i].upper > fix->max_bucket)
                fix->max_bucket = b[i].upper;
            fix->max_diff = fmax(fix->max_diff, prev - cur);
            fix->forced = true;
            b[i].count = prev;
            continue;
        }
        prev = cur;
    }
}

double prom_bucket_quantile(double q, PromBucket *b, uint32_t n, PromBucketFix *fix)
{
    double start = 0;
    double count;
    double rank;
    uint32_t at = 0;

    *fix = (PromBucketFix){0};
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (!(isinf(b[n - 1].upper) && b[n - 1].upper > 0))
        return NAN;
    n = coalesce(b, n);
    make_monotonic(b, n, fix);
    if (n < 2 || b[n - 1].count == 0) {
        fix->forced = false;
        return NAN;
    }
    rank = q * b[n - 1].count;
    while (at < n - 1 && !(b[at].count >= rank))
        at++;
    if (at == n - 1)
        return b[n - 2].upper;
    if (at == 0 && b[0].upper <= 0)
        return b[0].upper;
    count = b[at].count;
    if (at > 0) {
        start = b[at - 1].upper;
        count -= b[at - 1].count;
        rank -= b[at - 1].count;
    }
    return start + (b[at].upper - start) * (rank / count);
}

double prom_bucket_fraction(double lower, double upper, PromBucket *b, uint32_t n)
{
    double rank = 0;
    double lower_rank = 0;
    double upper_rank = 0;
    double count;
    bool lower_set = false;
    bool upper_set = false;

    if (n == 0 || !(isinf(b[n - 1].upper) && b[n - 1].upper > 0))
        return NAN;
    n = coalesce(b, n);
    count = b[n - 1].count;
    if (count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    for (uint32_t i = 0; i < n && !(lower_set && upper_set); i++) {
        double low = i ? b[i - 1].upper : b[0].upper <= 0 ? -INFINITY : 0;
        double high = b[i].upper;
        if (!lower_set && low >= lower) {
            lower_rank = rank;
            lower_set = true;
        }
        if (!upper_set && low >= upper) {
            upper_rank = rank;
            upper_set = true;
        }
        if (!lower_set && low < lower && high > lower) {
            lower_rank = isinf(low) ? b[i].count /* nothing is known of its inside */
                                    : rank + (b[i].count - rank) * (lower - low) / (high - low);
            lower_set = true;
        }
        if (!upper_set && low < upper && high > upper) {
            upper_rank =
                isinf(low) ? rank : rank + (b[i].count - rank) * (upper - low) / (high - low);
            upper_set = true;
        }
        rank = b[i].count;
    }
    if (!lower_set || lower_rank > count)
        lower_rank = count;
    if (!upper_set || upper_rank > count)
        upper_rank = count;
    return (upper_rank - lower_rank) / count;
}

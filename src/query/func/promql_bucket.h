/* promql_bucket.h - quantiles and fractions of classic histograms. */
#ifndef LUMA_QUERY_FUNC_PROMQL_BUCKET_H
#define LUMA_QUERY_FUNC_PROMQL_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

typedef struct PromBucket {
    double upper; /* value of `le` */
    double count; /* cumulative */
} PromBucket;

/* What repairing the order of the counts took. */
typedef struct PromBucketFix {
    bool forced; /* counts decreased by more than rounding */
    double min_bucket;
    double max_bucket;
    double max_diff;
} PromBucketFix;

/* Buckets are sorted by `upper`; they are repaired in place. count >= 1. */
double prom_bucket_quantile(double q, PromBucket *buckets, uint32_t count, PromBucketFix *ret_fix);
double prom_bucket_fraction(double lower, double upper, PromBucket *buckets, uint32_t count);

#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "query/func/promql_range.h"

enum { VALUES_MAX = 300 };

/* The definition: sorted, then the two ranks around q. */
static double model_quantile(double q, double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, prom_cmp_f64);
    double rank = q * ((double)count - 1);
    double low = floor(rank);
    double high = fmin((double)count - 1, low + 1);
    double weight = rank - low;
    return values[(uint32_t)low] * (1 - weight) + values[(uint32_t)high] * weight;
}

static double random_value(uint32_t distinct)
{
    if (random() % 40 == 0)
        return NAN;
    return (double)(random() % distinct) - (double)distinct / 3;
}

static void test_quantile_is_that_of_the_sorted_values(void **)
{
    double values[VALUES_MAX];
    double model[VALUES_MAX];

    srandom(5);
    for (int round = 0; round < 20'000; round++) {
        uint32_t count = 1 + (uint32_t)random() % (round % 10 ? 12 : VALUES_MAX);
        uint32_t distinct = 1 + (uint32_t)random() % 500;
        double q = (double)(random() % 101) / 100;
        for (uint32_t i = 0; i < count; i++)
            values[i] = random_value(distinct);
        if (round % 3 == 0) /* sorted input is the usual worst case of a selection */
            qsort(values, count, sizeof *values, prom_cmp_f64);
        memcpy(model, values, count * sizeof *values);
        double expected = model_quantile(q, model, count);
        double found = prom_quantile(q, values, count);
        assert_true(found == expected || (isnan(found) && isnan(expected)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantile_is_that_of_the_sorted_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

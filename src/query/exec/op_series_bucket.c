/* op_series_bucket.c - histogram_quantile, histogram_quantiles, histogram_fraction over classic
 * buckets (series with `le`) and native histograms. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "query/exec/series_group.h"
#include "query/func/promql_bucket.h"
#include "query/func/promql_hist.h"

/* A classic histogram: the rows that differ in `le` only. */
typedef struct Classic {
    LabelSet labels; /* without le */
    bool drop_name;
    uint32_t *rows; /* by bound, ascending */
    uint32_t count;
    uint32_t cap;
    uint32_t native; /* row with these very labels, UINT32_MAX = none */
} Classic;

/* Forced monotonicity of one metric, over all steps. */
typedef struct Forced {
    PromBucketFix fix;
    uint64_t samples;
    int64_t first_ms;
    int64_t last_ms;
    Str metric;
} Forced;

typedef struct Bucket {
    SeriesGroups groups;
    Arena arena;
    SeriesBatch in;
    double *bounds; /* per row; NAN = no usable le */
    Classic *classics;
    Forced forced;
} Bucket;

_Static_assert(sizeof(Bucket) <= SERIES_OP_STATE_BYTES, "state fits");

/* Which argument of histogram_quantiles (0 for the others) a result is for. */
typedef struct Target {
    uint32_t param;
    Str label; /* value of the added label */
} Target;

static bool has_floats(const SeriesRow *row, uint32_t steps)
{
    for (uint32_t s = 0; s < steps; s++)
        if (!prom_is_absent(row->values[s]))
            return true;
    return false;
}

static void warn_bad_bucket(SeriesOp *op, LabelSet labels, Str le)
{
    char quoted[320];
    char name[320];
    Str metric = label_set_get(labels, LABEL_NAME);

    (void)series__quote(le, quoted);
    if (metric.len)
        series_exec_warn(op->exec, op->plan->arg_position,
                         "bucket label \"le\" is missing or has a malformed value of %s for metric "
                         "name %s",
                         quoted, series__quote(metric, name));
    else
        series_exec_warn(op->exec, op->plan->arg_position,
                         "bucket label \"le\" is missing or has a malformed value of %s", quoted);
}

static int cmp_bound(const void *a, const void *b, void *ctx)
{
    const double *bounds = ctx;
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    if (bounds[x] != bounds[y])
        return bounds[x] < bounds[y] ? -1 : 1;
    return (x > y) - (x < y);
}

/* Sorts the rows into classic histograms and native ones. */
static Status load(SeriesOp *op, Bucket *b, Error *err)
{
    uint32_t steps = op->grid.count;
    SeriesBatch *in = &b->in;
    uint32_t *ids;

    TRY(series_op_drain(op->inputs[0], &b->arena, in, err));
    TRY(arena_try_alloc(&b->arena, (in->count + 1) * sizeof *ids, &ids, err));
    TRY(arena_try_alloc(&b->arena, (in->count + 1) * sizeof *b->bounds, &b->bounds, err));
    for (uint32_t i = 0; i < in->count; i++) {
        SeriesRow *row = &in->rows[i];
        Str le;
        TRY(series_row_labels(op->exec, row, &b->arena, err));
        le = label_set_get(row->labels, STR("le"));
        b->bounds[i] = NAN;
        ids[i] = UINT32_MAX;
        if (!has_floats(row, steps))
            continue;
        if (!str_to_f64(le, &b->bounds[i])) {
            b->bounds[i] = NAN;
            warn_bad_bucket(op, row->labels, le);
            continue;
        }
        TRY(series__group_exact(&b->groups,
                                series__with_label(row->labels, STR("le"), STR(""), &b->arena),
                                &b->arena, &ids[i], err));
    }
    TRY(arena_try_alloc(&b->arena, (b->groups.count + 1) * sizeof *b->classics, &b->classics, err));
    for (uint32_t g = 0; g < b->groups.count; g++)
        b->classics[g] = (Classic){.native = UINT32_MAX};
    for (uint32_t i = 0; i < in->count; i++) {
        Classic *c = ids[i] == UINT32_MAX ? NULL : &b->classics[ids[i]];
        if (!c)
            continue;
        c->labels = series__with_label(in->rows[i].labels, STR("le"), STR(""), &b->arena);
        c->drop_name = c->drop_name || in->rows[i].drop_name;
        ARENA_PUSH(&b->arena, c->rows, c->count, c->cap, i);
    }
    for (uint32_t g = 0; g < b->groups.count; g++) {
        Classic *c = &b->classics[g];
        qsort_r(c->rows, c->count, sizeof *c->rows, cmp_bound, b->bounds);
        for (uint32_t i = 0; i < in->count; i++)
            if (in->rows[i].histograms && label_set_eq(in->rows[i].labels, c->labels))
                c->native = i;
    }
    return STATUS_OK;
}

static double param(const SeriesOp *op, uint32_t idx, uint32_t s)
{
    return op->param_values[idx][s];
}

static void note_forced(SeriesOp *op, Bucket *b, const Classic *c, const PromBucketFix *fix,
                        uint32_t s)
{
    Forced *f = &b->forced;
    int64_t ts = series_grid_ms(op->grid, s);

    if (!f->samples) {
        f->fix = *fix;
        f->first_ms = f->last_ms = ts;
        f->metric = label_set_get(c->labels, LABEL_NAME);
    }
    f->samples++;
    f->fix.min_bucket = fmin(f->fix.min_bucket, fix->min_bucket);
    f->fix.max_bucket = fmax(f->fix.max_bucket, fix->max_bucket);
    f->fix.max_diff = fmax(f->fix.max_diff, fix->max_diff);
    f->first_ms = LUMA_MIN(f->first_ms, ts);
    f->last_ms = LUMA_MAX(f->last_ms, ts);
}

static const char *utc_text(int64_t ms, char out[40])
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;

    if (!gmtime_r(&t, &tm) || !strftime(out, 40, "%Y-%m-%dT%H:%M:%SZ", &tm))
        (void)snprintf(out, 40, "%" PRId64, ms / 1000);
    return out;
}

static void report_forced(SeriesOp *op, const Forced *f)
{
    char name[320];
    char first[40];
    char last[40];
    char metric[360] = "";

    if (!f->samples)
        return;
    if (f->metric.len)
        (void)snprintf(metric, sizeof metric, " for metric name %s",
                       series__quote(f->metric, name));
    series_exec_info(op->exec, op->plan->arg_position,
                     "input to histogram_quantile needed to be fixed for monotonicity (see "
                     "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                     "#histogram_quantile)%s, from buckets %g to %g, with a max diff of %.2g, over "
                     "%" PRIu64 " samples from %s to %s",
                     metric, f->fix.min_bucket, f->fix.max_bucket, f->fix.max_diff, f->samples,
                     utc_text(f->first_ms, first), utc_text(f->last_ms, last));
}

static double classic_value(SeriesOp *op, Bucket *b, const Classic *c, const Target *t, uint32_t s,
                            PromBucket *buckets)
{
    PromBucketFix fix;
    uint32_t n = 0;
    double value;

    for (uint32_t i = 0; i < c->count; i++) {
        double v = b->in.rows[c->rows[i]].values[s];
        if (!prom_is_absent(v))
            buckets[n++] = (PromBucket){b->bounds[c->rows[i]], v};
    }
    if (n == 0)
        return prom_absent();
    if (op->plan->func == PROM_FUNC_HISTOGRAM_FRACTION)
        return prom_bucket_fraction(param(op, 0, s), param(op, 1, s), buckets, n);
    value = prom_bucket_quantile(param(op, t->param, s), buckets, n, &fix);
    if (fix.forced)
        note_forced(op, b, c, &fix, s);
    return value;
}

static double native_value(SeriesOp *op, Bucket *b, const SeriesRow *row, const Target *t,
                           uint32_t s)
{
    static const char quantile_result[] = "input to histogram_quantile has NaN observations, "
                                          "result is NaN";
    static const char quantile_skew[] = "input to histogram_quantile has NaN observations, "
                                        "result is skewed higher";
    static const char fraction_nan[] = "input to histogram_fraction has NaN observations, which "
                                       "are excluded from all fractions";
    const NativeHistogram *h = row->histograms[s];
    Str metric = label_set_get(row->labels, LABEL_NAME);
    const char *text = NULL;
    char name[320];
    double value;
    bool nan = false;
    int skew = 0;

    if (op->plan->func == PROM_FUNC_HISTOGRAM_FRACTION) {
        value = prom_hist_fraction(param(op, 0, s), param(op, 1, s), h, &b->arena, &nan);
        text = nan ? fraction_nan : NULL;
    } else {
        value = prom_hist_quantile(param(op, t->param, s), h, &b->arena, &skew);
        text = skew == 1 ? quantile_result : skew == 2 ? quantile_skew : NULL;
    }
    if (text && metric.len)
        series_exec_info(op->exec, op->plan->arg_position, "%s for metric name %s", text,
                         series__quote(metric, name));
    else if (text)
        series_exec_info(op->exec, op->plan->arg_position, "%s", text);
    return value;
}

static void warn_mixed(SeriesOp *op, LabelSet labels)
{
    Str metric = label_set_get(labels, LABEL_NAME);
    char name[320];

    if (metric.len)
        series_exec_warn(op->exec, op->plan->arg_position,
                         "vector contains a mix of classic and native histograms for metric name "
                         "%s",
                         series__quote(metric, name));
    else
        series_exec_warn(op->exec, op->plan->arg_position,
                         "vector contains a mix of classic and native histograms");
}

/* Does a bucket of the classic histogram have a value at step s? */
static bool classic_at(const Bucket *b, const Classic *c, uint32_t s)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (!prom_is_absent(b->in.rows[c->rows[i]].values[s]))
            return true;
    return false;
}

/* Do a classic and a native histogram with the same labels meet at step s? Neither counts then. */
static bool conflict(SeriesOp *op, const Bucket *b, const Classic *c, uint32_t s)
{
    if (c->native == UINT32_MAX || !series_row_hist(&b->in.rows[c->native], s) ||
        !classic_at(b, c, s))
        return false;
    warn_mixed(op, c->labels);
    return true;
}

static LabelSet target_labels(const SeriesOp *op, LabelSet labels, const Target *t, Arena *arena)
{
    if (op->plan->func != PROM_FUNC_HISTOGRAM_QUANTILES)
        return labels;
    return series__with_label(labels, op->plan->strings[0], t->label, arena);
}

static Status run_target(SeriesOp *op, Bucket *b, const Target *t, SeriesBatch *out, Arena *arena,
                         Error *err)
{
    uint32_t steps = op->grid.count;
    PromBucket *buckets;

    TRY(arena_try_alloc(&b->arena, (b->in.count + 1) * sizeof *buckets, &buckets, err));
    for (uint32_t i = 0; i < b->in.count; i++) {
        const SeriesRow *from = &b->in.rows[i];
        SeriesRow *row = &out->rows[out->count];
        if (!from->histograms)
            continue;
        TRY(series__row_new(row, steps, false, arena, err));
        row->labels = target_labels(op, from->labels, t, arena);
        row->has_labels = true;
        row->drop_name = true;
        for (uint32_t s = 0; s < steps; s++) {
            bool clash = false;
            if (!from->histograms[s])
                continue;
            for (uint32_t g = 0; g < b->groups.count && !clash; g++)
                clash = b->classics[g].native == i && conflict(op, b, &b->classics[g], s);
            if (!clash)
                row->values[s] = native_value(op, b, from, t, s);
        }
        out->count++;
    }
    for (uint32_t g = 0; g < b->groups.count; g++) {
        const Classic *c = &b->classics[g];
        SeriesRow *row = &out->rows[out->count++];
        TRY(series__row_new(row, steps, false, arena, err));
        row->labels = target_labels(op, c->labels, t, arena);
        row->has_labels = true;
        row->drop_name = true;
        for (uint32_t s = 0; s < steps; s++)
            if (!conflict(op, b, c, s))
                row->values[s] = classic_value(op, b, c, t, s, buckets);
        TRY(series_exec_check(op->exec, err));
    }
    return STATUS_OK;
}

/* 0.5 -> "0.5", 1 -> "1.0": as OpenMetrics prints floats. */
static Str quantile_text(double q, Arena *arena)
{
    char text[40];

    if (isnan(q))
        return STR("NaN");
    if (isinf(q))
        return q > 0 ? STR("+Inf") : STR("-Inf");
    for (int precision = 1; precision <= 17; precision++) {
        double back;
        (void)snprintf(text, sizeof text, "%.*g", precision, q);
        if (sscanf(text, "%lf", &back) == 1 && back == q)
            break;
    }
    if (!strpbrk(text, ".e"))
        return arena_printf(arena, "%s.0", text);
    return arena_str(arena, str_from(text));
}

static void check_quantiles(SeriesOp *op)
{
    bool fraction = op->plan->func == PROM_FUNC_HISTOGRAM_FRACTION;

    for (uint32_t i = 0; !fraction && i < op->plan->param_count; i++) {
        for (uint32_t s = 0; s < op->grid.count; s++) {
            double q = param(op, i, s);
            if (!(q >= 0 && q <= 1))
                series_exec_warn(op->exec, op->plan->param_positions[i],
                                 isnan(q) ? "quantile value should be between 0 and 1, got NaN"
                                          : "quantile value should be between 0 and 1, got %s%g",
                                 isinf(q) && q > 0 ? "+" : "", q);
        }
    }
}

static Status bucket_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Bucket *b = series__state(op);
    bool many = op->plan->func == PROM_FUNC_HISTOGRAM_QUANTILES;
    uint32_t targets = many ? op->plan->param_count : 1;
    SeriesRow *rows;

    op->done = true;
    TRY(series__params(op, err));
    TRY(load(op, b, err));
    check_quantiles(op);
    TRY(arena_try_alloc(arena, ((size_t)b->in.count + b->groups.count + 1) * targets * sizeof *rows,
                        &rows, err));
    *ret_batch = (SeriesBatch){rows, 0};
    for (uint32_t i = 0; i < targets; i++) {
        Target t = {i, many ? quantile_text(param(op, i, 0), arena) : STR("")};
        TRY(run_target(op, b, &t, ret_batch, arena, err));
    }
    report_forced(op, &b->forced);
    series__drop_empty(ret_batch, op->grid.count);
    return STATUS_OK;
}

static void bucket_close(SeriesOp *op)
{
    Bucket *b = series__state(op);
    series__groups_done(&b->groups);
    arena_done(&b->arena);
}

static const SeriesOpOps bucket_ops = {bucket_next, bucket_close};
Status op_series_bucket_open(SeriesOp *op, Error *err)
{
    Bucket *b = series__state(op);

    op->ops = &bucket_ops;
    arena_init(&b->arena, op->exec->budget);
    series__groups_init(&b->groups, NULL, 0, true, op->exec->arena);
    return STATUS_OK;
}

#include "query/exec/series_source.h"

static Status select_series(void *ctx, const LabelMatcher *matchers, uint32_t matcher_count,
                            int64_t min_ms, int64_t max_ms, Arena *arena, SeriesList *ret_list,
                            Error *err)
{
    return engine_select_series(ctx, matchers, matcher_count, min_ms, max_ms, arena, ret_list, err);
}

static Status series_labels(void *ctx, SeriesRef ref, Arena *arena, LabelSet *ret_labels,
                            Error *err)
{
    return engine_series_labels(ctx, ref, arena, ret_labels, err);
}

static Status group_series(void *ctx, const SeriesRef *refs, uint32_t ref_count, const Str *names,
                           uint32_t name_count, bool without, Arena *arena,
                           uint32_t **ret_group_ids, LabelSet **ret_groups,
                           uint32_t *ret_group_count, Error *err)
{
    return engine_group_series(ctx, refs, ref_count, names, name_count, without, arena,
                               ret_group_ids, ret_groups, ret_group_count, err);
}

static Status read_series(void *ctx, SeriesRef ref, int64_t min_ms, int64_t max_ms, SampleRun *run,
                          Error *err)
{
    return engine_read_series(ctx, ref, min_ms, max_ms, run, err);
}

static Status last_samples(void *ctx, const SeriesRef *refs, uint32_t count, int64_t min_ms,
                           int64_t max_ms, Arena *arena, uint8_t *ret_kinds, int64_t *ret_ts_ms,
                           double *ret_values, const NativeHistogram **ret_histograms, Error *err)
{
    return engine_last_samples(ctx, refs, count, min_ms, max_ms, arena, ret_kinds, ret_ts_ms,
                               ret_values, ret_histograms, err);
}

static const SeriesSourceOps snapshot_ops = {select_series, series_labels, group_series,
                                             read_series, last_samples};

SeriesSource series_source_of(Snapshot *snapshot)
{
    return (SeriesSource){&snapshot_ops, snapshot};
}

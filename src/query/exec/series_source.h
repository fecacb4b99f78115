/* series_source.h - where series operators read: the snapshot of an engine, or a test's own data.
 *
 * The contracts are those of the engine functions of the same names. All functions may be called
 * from several threads at once.
 */
#ifndef LUMA_QUERY_EXEC_SERIES_SOURCE_H
#define LUMA_QUERY_EXEC_SERIES_SOURCE_H

#include "storage/engine/engine.h"

typedef struct SeriesSourceOps {
    /* Series that match all matchers and may have samples in [min_ms, max_ms]. */
    Status (*select)(void *ctx, const LabelMatcher *matchers, uint32_t matcher_count,
                     int64_t min_ms, int64_t max_ms, Arena *arena, SeriesList *ret_list,
                     Error *err);
    /* Sorted labels of a series; the texts live as long as the source. */
    Status (*labels)(void *ctx, SeriesRef ref, Arena *arena, LabelSet *ret_labels, Error *err);
    /* engine_group_series. */
    Status (*group)(void *ctx, const SeriesRef *refs, uint32_t ref_count, const Str *names,
                    uint32_t name_count, bool without, Arena *arena, uint32_t **ret_group_ids,
                    LabelSet **ret_groups, uint32_t *ret_group_count, Error *err);
    /* engine_read_series. */
    Status (*read)(void *ctx, SeriesRef ref, int64_t min_ms, int64_t max_ms, SampleRun *run,
                   Error *err);
    /* engine_last_samples. */
    Status (*last)(void *ctx, const SeriesRef *refs, uint32_t count, int64_t min_ms, int64_t max_ms,
                   Arena *arena, uint8_t *ret_kinds, int64_t *ret_ts_ms, double *ret_values,
                   const NativeHistogram **ret_histograms, Error *err);
} SeriesSourceOps;

typedef struct SeriesSource {
    const SeriesSourceOps *ops;
    void *ctx;
} SeriesSource;

/* The source over a snapshot, which must outlive it. */
SeriesSource series_source_of(Snapshot *snapshot);

#endif

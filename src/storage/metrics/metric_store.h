/* metric_store.h - the hot series store: labels, samples and native histograms in memory.
 *
 *   raw label bytes --(128-bit keyed hash, successor prediction)--> SeriesRef
 *   label set --(interned pairs, hash shards)--> SeriesRef
 *   matchers --(inverted index: label=value -> postings)--> SeriesRef[]
 *   SeriesRef --(page directory)--> series: last sample, open Gorilla chunk, sealed chunks
 *
 * Writing: many threads call metric_store_find, _add, _admit, _is_durable, _mark_durable; ONE
 * thread, the applier, calls metric_store_apply, _freeze and _drop_segment in LSN order.
 *
 * Reading: take a MetricSnapshot, use it from any threads, unref it. A snapshot pins the segments
 * (sealed chunks), labels and symbols that exist while it lives; so a Str returned by a read
 * function stays valid until the snapshot goes. Each series is read as of one instant: everything
 * applied before the read of that series began, and no later than its end. Reads never wait for
 * I/O; they take a lock of a page of series for the time of a copy.
 *
 * The same (series, ms) written twice: the later write wins on every read, floats and histograms
 * alike. Samples of any age are taken.
 *
 * Memory: everything is charged to the MemBudget given at creation. Registration and admission
 * answer STATUS_UNAVAILABLE at the limit; what is durable already is always applied.
 */
#ifndef LUMA_STORAGE_METRICS_METRIC_STORE_H
#define LUMA_STORAGE_METRICS_METRIC_STORE_H

#include "base/label.h"
#include "storage/metrics/sample.h"

enum { SERIES_REF_NONE = UINT32_MAX };

typedef struct MetricStore MetricStore;
typedef struct MetricSnapshot MetricSnapshot;

/* ---- life ---- */

/* `budget` outlives the store. */
Status metric_store_new(MemBudget *budget, MetricStore **ret_store, Error *err);
/* All snapshots are gone. NULL is fine; returns NULL. */
MetricStore *metric_store_free(MetricStore *store);

/* ---- registration (any thread) ---- */

/* Kept by each sender (connection, scrape target): the place of its last series, so that the next
 * one is predicted. Zeroed = fresh. Confined to one thread at a time; holds no memory. */
typedef struct SeriesCursor {
    uint32_t entry; /* 1 + the entry found last, 0 = none */
} SeriesCursor;

/* The series of these label bytes, if they were registered. Decodes nothing. `codec` says which
 * wire form they have (LabelCodec of engine.h): the same bytes in two forms are two keys. */
bool metric_store_find(MetricStore *store, SeriesCursor *cursor, uint8_t codec, Str raw,
                       SeriesRef *ret_ref);
/* Registers `labels` (sorted by name, no duplicates, no empty values: label_set_normalize) under
 * the raw bytes; a label set that exists gets its ref (another codec, another order of labels).
 * raw.len == 0 registers no raw key. *ret_created may be NULL. STATUS_UNAVAILABLE over budget. */
Status metric_store_add(MetricStore *store, SeriesCursor *cursor, uint8_t codec, Str raw,
                        LabelSet labels, SeriesRef *ret_ref, bool *ret_created, Error *err);
/* Is the series' definition in a durable WAL entry (or a checkpoint)? Until then each entry that
 * holds one of its samples carries its labels. */
bool metric_store_is_durable(const MetricStore *store, SeriesRef ref);
void metric_store_mark_durable(MetricStore *store, const SeriesRef *refs, size_t count);
/* Labels of a ref that the caller got from find or add (for the WAL entry). Texts are borrowed from
 * the store and stay valid while the series lives; the array is in the arena. */
Status metric_store_definition(MetricStore *store, SeriesRef ref, Arena *arena,
                               LabelSet *ret_labels, Error *err);

/* ---- writing ---- */

/* Columns of one batch; all arrays have `count` elements and are borrowed. */
typedef struct SampleColumns {
    const SeriesRef *refs;
    const int64_t *ts_ms;
    const uint64_t *bits;    /* the double's bits; stale marker = STALE_NAN_BITS */
    const int64_t *start_ms; /* NULL = none has one; 0 = this one has none */
    size_t count;
    const SeriesRef *histogram_refs;
    const int64_t *histogram_ts_ms;
    const int64_t *histogram_start_ms; /* as start_ms */
    const Str *histogram_blobs;        /* validated by histogram_blob_validate; copied */
    size_t histogram_count;
} SampleColumns;

/* Asked before a batch goes to the WAL: is there room for about so many samples and label bytes?
 * STATUS_UNAVAILABLE (retryable) when not. Any thread. */
Status metric_store_admit(MetricStore *store, size_t sample_count, Error *err);
/* Applies a durable batch. Refs come from find or add. Within a batch later elements are later
 * writes; histograms count as later than floats. Never fails: what is durable is stored, over
 * budget if need be. The applier thread only. */
void metric_store_apply(MetricStore *store, Lsn lsn, const SampleColumns *columns);
/* Highest LSN applied so far; 0 = none. Any thread. */
Lsn metric_store_applied_lsn(const MetricStore *store);

/* Freezes all samples applied so far as one segment and starts another. O(1). The applier thread.
 */
Status metric_store_freeze(MetricStore *store, uint64_t *ret_segment_id, Error *err);
/* Hides the samples of the oldest segment, which must be frozen, from snapshots taken from now on
 * (they are in parts now); older snapshots go on seeing them. O(1). Calls of drop_segment and purge
 * come one at a time, from any thread. */
Status metric_store_drop_segment(MetricStore *store, uint64_t segment_id, Error *err);
/* Frees dropped segments that no snapshot holds any more. With with_series also every series that
 * has no sample left, with its labels, index entries and raw keys (what a snapshot may still look
 * at goes with the next segment). Runs beside the applier and readers and takes one page's lock at
 * a time. With with_series the caller keeps others away from registration meanwhile: nobody is in
 * find, add or definition, and no ref got from them is on its way to metric_store_apply. Returns
 * the number of segments freed. */
uint32_t metric_store_purge(MetricStore *store, bool with_series);

/* ---- reading: snapshots ---- */

MetricSnapshot *metric_store_snapshot(MetricStore *store);
MetricSnapshot *metric_snapshot_ref(MetricSnapshot *snapshot);
/* NULL is fine; returns NULL. */
MetricSnapshot *metric_snapshot_unref(MetricSnapshot *snapshot);

/* ---- reading: series ---- */

/* Series that match all matchers (Prometheus' rules: an absent label is the empty string). With
 * min_ms <= max_ms only series which may have a sample inside are kept; pass INT64_MIN, INT64_MAX
 * for all. No matcher selects every series. STATUS_LIMIT of the arena's budget. */
Status metric_store_select(MetricSnapshot *snapshot, const LabelMatcher *matchers,
                           uint32_t matcher_count, int64_t min_ms, int64_t max_ms, Arena *arena,
                           SeriesList *ret_series, Error *err);
/* All labels, sorted by name; array in the arena, texts borrowed from the snapshot. */
Status metric_store_labels(MetricSnapshot *snapshot, SeriesRef ref, Arena *arena,
                           LabelSet *ret_labels, Error *err);
/* One label's value; empty Str when absent. Borrowed from the snapshot. */
Str metric_store_label(MetricSnapshot *snapshot, SeriesRef ref, Str name);
/* Groups series by label values without touching texts: by `names`, or by all labels but `names`
 * and
 * __name__ when `without`. group_ids[i] (caller's array of `count`) is the group of refs[i],
 * numbered by first appearance; *ret_groups are the groups' label sets (arena). */
Status metric_store_group(MetricSnapshot *snapshot, const SeriesRef *refs, uint32_t count,
                          const Str *names, uint32_t name_count, bool without, Arena *arena,
                          uint32_t *group_ids, LabelSet **ret_groups, uint32_t *ret_group_count,
                          Error *err);

/* ---- reading: samples ---- */

/* Samples with min_ms <= ts <= max_ms. Stale markers are among them. A ref that is not there (any
 * more) gives none. STATUS_LIMIT of the run's budget. */
Status metric_store_read(MetricSnapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                         SampleRun *run, Error *err);

typedef enum LastKind { LAST_NONE, LAST_FLOAT, LAST_HISTOGRAM } LastKind;

/* The newest sample of each series with min_ms <= ts <= max_ms: kinds[i], ts[i], values[i] of
 * refs[i] (arrays of `count`). Where kinds[i] is LAST_HISTOGRAM, histograms[i] holds it (arena)
 * unless the array is NULL. Fast when refs ascend; a series whose newest sample lies in the window
 * costs one cache line. */
Status metric_store_last(MetricSnapshot *snapshot, const SeriesRef *refs, uint32_t count,
                         int64_t min_ms, int64_t max_ms, Arena *arena, uint8_t *kinds, int64_t *ts,
                         double *values, const NativeHistogram **histograms, Error *err);

/* Walks the window in time order: sealed float chunks that lie wholly inside, overlap nothing and
 * hold no NaN as summaries, the rest as samples in `scratch` (scratch->histograms is set during
 * on_samples where there are histograms). */
Status metric_store_visit(MetricSnapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          const SeriesVisitor *visitor, SampleRun *scratch, Error *err);

/* ---- reading: metadata ---- */

typedef struct StrList {
    const Str *items; /* sorted by bytes; array in the arena, texts borrowed from the snapshot */
    uint32_t count;
} StrList;

/* Names of labels that series have; with matchers or a time range only of the series that match. */
Status metric_store_label_names(MetricSnapshot *snapshot, const LabelMatcher *matchers,
                                uint32_t matcher_count, int64_t min_ms, int64_t max_ms,
                                Arena *arena, StrList *ret_names, Error *err);
Status metric_store_label_values(MetricSnapshot *snapshot, Str name, const LabelMatcher *matchers,
                                 uint32_t matcher_count, int64_t min_ms, int64_t max_ms,
                                 Arena *arena, StrList *ret_values, Error *err);
uint64_t metric_store_series_count(const MetricStore *store);

typedef struct MetricStats {
    uint64_t series_count;
    uint64_t label_pair_count;
    uint64_t label_name_count;
    uint64_t sample_count; /* stored since start, floats and histograms, in memory now */
    uint64_t sealed_chunk_count;
    uint64_t sealed_bytes;       /* payloads of sealed chunks */
    int64_t used_bytes;          /* what the budget is charged by the store */
    int64_t min_ts;              /* INT64_MAX when empty */
    int64_t max_ts;              /* INT64_MIN when empty */
    NameCount *series_by_metric; /* descending; list lengths below */
    NameCount *values_by_label;
    NameCount *bytes_by_label;
    NameCount *series_by_pair; /* name is "label=value" */
    uint32_t series_by_metric_count;
    uint32_t values_by_label_count;
    uint32_t bytes_by_label_count;
    uint32_t series_by_pair_count;
} MetricStats;

/* Head statistics for /api/v1/status/tsdb; each list has at most `limit` entries (arena). */
Status metric_store_stats(MetricSnapshot *snapshot, uint32_t limit, Arena *arena,
                          MetricStats *ret_stats, Error *err);

#endif

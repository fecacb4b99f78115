/* sample.h - the words of series data that the store, the engine and its callers share. */
#ifndef LUMA_STORAGE_METRICS_SAMPLE_H
#define LUMA_STORAGE_METRICS_SAMPLE_H

#include "base/arena.h"
#include "format/gorilla/chunk.h"
#include "format/histogram/histogram.h"

typedef uint64_t Lsn;
typedef uint32_t SeriesRef; /* memory's own number of a series; never stored in parts */

typedef struct SeriesList {
    SeriesRef *refs; /* ascending, each once */
    uint32_t count;
} SeriesList;

/* Decoded samples of one series in time order; arrays are reused from call to call. Zeroed = empty.
 */
typedef struct SampleRun {
    int64_t *ts_ms;
    double *values;    /* staleness markers keep their bits; undefined where a histogram stands */
    int64_t *start_ms; /* start timestamps (0 = this one has none), or NULL when the run has none */
    const NativeHistogram **histograms; /* NULL when all samples are floats; entries NULL = float */
    uint32_t count;
    uint32_t cap;
    Arena histogram_arena;     /* owns the decoded histograms; reset by the next read */
    struct SampleSpace *space; /* private: work memory of the reader */
    MemBudget *budget;         /* what grown arrays are charged to; NULL = not counted */
} SampleRun;
void sample_run_done(SampleRun *run);

/* Walks a window in time order: see engine_visit_series and metric_store_visit. */
typedef struct SeriesVisitor {
    void (*on_chunk)(void *ctx, const ChunkSummary *chunk);
    void (*on_samples)(void *ctx, const int64_t *ts_ms, const double *values, uint32_t count);
    void *ctx;
} SeriesVisitor;

typedef struct NameCount {
    Str name;
    uint64_t count;
} NameCount;

#endif

/* series_reader.h - walking the series of a selector in batches, several threads at once. Private
 * to query/exec. */
#ifndef LUMA_QUERY_EXEC_SERIES_READER_H
#define LUMA_QUERY_EXEC_SERIES_READER_H

#include "query/exec/series_int.h"

/* What one worker thread needs for itself. */
typedef struct SeriesWorker {
    SampleRun run;    /* samples as read */
    Arena arena;      /* histograms of rows; as long as the operator */
    int64_t *hist_ts; /* histogram samples taken out of the run */
    int64_t *hist_start;
    const NativeHistogram **hists;
    uint32_t hist_cap;
    PromWindow *windows; /* per step */
    PromWindow *hist_windows;
    double *values; /* per step, work space */
} SeriesWorker;

typedef struct SeriesScanState {
    SeriesList list;
    uint32_t next; /* first series not yet handed out */
    uint32_t worker_count;
    SeriesWorker *workers;
} SeriesScanState;

/* Rows of a batch that keeps memory bounded whatever the number of steps. */
uint32_t series__batch_rows(uint32_t step_count);

/* Selects the series and prepares the workers. */
Status series__scan_open(SeriesScanState *scan, SeriesOp *op, const SeriesPlan *selector,
                         int64_t min_ms, int64_t max_ms, Error *err);
void series__scan_close(SeriesScanState *scan);
/* Prepares workers only (for inputs that are not read from storage). */
Status series__workers_open(SeriesScanState *scan, SeriesOp *op, Error *err);

/* Samples of the run without staleness markers: floats stay in the run's arrays (*ret_range's ts,
 * values, start_ms), histograms go to the worker's. A copy of the histograms is not made: they live
 * as long as the run. */
Status series__split_run(SeriesWorker *worker, PromRange *ret_range, Error *err);
/* Deep copy of a histogram; NULL when the arena is over its budget. */
const NativeHistogram *series__keep_histogram(Arena *arena, const NativeHistogram *h);
/* Windows (end - width, end] over ascending timestamps; ends ascend, too. */
void series__windows(const int64_t *ts, uint32_t count, const int64_t *ends, uint32_t step_count,
                     int64_t width_before, int64_t width_after, PromWindow *windows);

#endif

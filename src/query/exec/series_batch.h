/* series_batch.h - a PromQL value: one row per series, one value per step.
 *
 * values[i] belongs to the grid's step i; prom_absent() stands where there is none (that is not
 * NaN, see promql_range.h). Where a native histogram stands, values[i] is absent and histograms[i]
 * is set. Labels are made when somebody needs them: until then a row has only the reference of its
 * series. Rows and what they point to live in the arena given to series_op_next.
 */
#ifndef LUMA_QUERY_EXEC_SERIES_BATCH_H
#define LUMA_QUERY_EXEC_SERIES_BATCH_H

#include "query/func/promql_range.h"
#include "storage/engine/engine.h"

/* The times at which a plan is evaluated. */
typedef struct SeriesGrid {
    int64_t start_ms;
    int64_t step_ms; /* > 0; any value when count is 1 */
    uint32_t count;  /* >= 1 */
} SeriesGrid;

static inline int64_t series_grid_ms(SeriesGrid grid, uint32_t step)
{
    return grid.start_ms + grid.step_ms * step;
}

typedef struct SeriesRow {
    LabelSet labels; /* when has_labels */
    SeriesRef ref;   /* when has_ref: the row's labels are those of this series */
    bool has_labels;
    bool has_ref;
    bool drop_name; /* __name__, __type__ and __unit__ go when the result is printed */
    double *values;
    const NativeHistogram **histograms; /* NULL = floats only */
} SeriesRow;

typedef struct SeriesBatch {
    SeriesRow *rows;
    uint32_t count; /* 0 = end */
} SeriesBatch;

static inline bool series_row_has(const SeriesRow *row, uint32_t step)
{
    return !prom_is_absent(row->values[step]) || (row->histograms && row->histograms[step]);
}
static inline const NativeHistogram *series_row_hist(const SeriesRow *row, uint32_t step)
{
    return row->histograms ? row->histograms[step] : NULL;
}

#endif

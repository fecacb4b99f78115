/* series_exec.h - running series plans.
 *
 *   SeriesExec exec = {.source = ..., .arena = ..., ...};
 *   TRY(series_op_open(&exec, node, grid, &op, err));
 *   while (series_op_next(op, arena, &batch, err) == STATUS_OK && batch.count) ...
 *   series_op_close(op);
 *
 * An operator yields batches of rows; each batch lives in the arena of that call, so a consumer
 * that folds (an aggregation) reuses one arena and a consumer that needs everything (a binary
 * operator) keeps them. Rows without any value are left out. Leaves read their series in parallel
 * on the pool; everything else runs on the thread that pulls.
 *
 * Memory: arenas are charged to the query's budget. Cancellation and the deadline are checked per
 * batch and per series read. Threads: an exec and its operators belong to one thread; `cancelled`
 * may be set by any.
 */
#ifndef LUMA_QUERY_EXEC_SERIES_EXEC_H
#define LUMA_QUERY_EXEC_SERIES_EXEC_H

#include "base/map.h"
#include "query/exec/series_batch.h"
#include "query/exec/series_source.h"
#include "query/plan/plan_series.h"

enum { SERIES_NOTES_MAX = 10 }; /* of each kind that an answer carries, as in Prometheus */

/* Annotations gathered while running, each text once. Guarded by `lock`. */
typedef struct SeriesNotes {
    Mutex lock;
    Arena arena;
    Map seen;
    Str *warnings;
    uint32_t warning_count;
    uint32_t warning_cap;
    Str *infos;
    uint32_t info_count;
    uint32_t info_cap;
} SeriesNotes;

typedef struct SeriesExec {
    SeriesSource source;
    Pool *pool;                    /* NULL = no parallel reads */
    MemBudget *budget;             /* the query's; may be NULL */
    Arena *arena;                  /* lives as long as the query */
    Str text;                      /* query text, for positions in annotations; "" = none */
    const volatile int *cancelled; /* may be NULL */
    int64_t deadline_mono_ns;      /* 0 = none */
    int64_t lookback_ms;
    uint64_t samples_max; /* 0 = none */
    uint64_t samples;     /* read so far; atomic: relaxed */
    SeriesNotes notes;
} SeriesExec;

typedef struct SeriesOp SeriesOp;

/* notes are initialised and freed with the exec. */
void series_exec_init(SeriesExec *exec);
void series_exec_done(SeriesExec *exec);
/* CANCELLED or TIMEOUT in Prometheus' words, else OK. */
Status series_exec_check(SeriesExec *exec, Error *err);
/* Counts samples read; LIMIT past samples_max. Any thread. */
Status series_exec_count(SeriesExec *exec, uint64_t samples, Error *err);
/* Adds "PromQL warning: <text> (line:col)"; any thread. */
void series_exec_warn(SeriesExec *exec, uint32_t position, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void series_exec_info(SeriesExec *exec, uint32_t position, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Opens a node of a verified plan over a grid. The operator must be closed. */
Status series_op_open(SeriesExec *exec, const PlanNode *node, SeriesGrid grid, SeriesOp **ret_op,
                      Error *err);
/* count 0 = end. */
Status series_op_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err);
SeriesOp *series_op_close(SeriesOp *op); /* NULL is fine; returns NULL */
/* Everything that is left, in one batch. */
Status series_op_drain(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err);

/* Labels of a row, made on demand. */
Status series_row_labels(SeriesExec *exec, SeriesRow *row, Arena *arena, Error *err);
/* Fails where two rows with the same labels have a value at the same step; joins them otherwise. */
Status series_merge_equal(SeriesExec *exec, SeriesBatch *batch, uint32_t step_count, Arena *arena,
                          Error *err);
/* A copy without __name__, __type__ and __unit__. */
LabelSet series_labels_without_metadata(LabelSet labels, Arena *arena);

/* The samples of a range node (selector[range] or a subquery) at one time, for a query whose result
 * is a matrix. */
typedef struct SeriesPoints {
    LabelSet labels;
    bool drop_name;
    const int64_t *ts_ms;
    const double *values;
    const NativeHistogram *const *histograms; /* NULL = floats only */
    uint32_t count;
} SeriesPoints;
Status series_read_matrix(SeriesExec *exec, const PlanNode *node, int64_t time_ms, Arena *arena,
                          SeriesPoints **ret_series, uint32_t *ret_count, Error *err);

#endif

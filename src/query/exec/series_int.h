/* series_int.h - what the series operators share. Private to query/exec. */
#ifndef LUMA_QUERY_EXEC_SERIES_INT_H
#define LUMA_QUERY_EXEC_SERIES_INT_H

#include "query/exec/parallel.h"
#include "query/exec/series_exec.h"

typedef struct SeriesOpOps {
    Status (*next)(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err);
    void (*close)(SeriesOp *op); /* frees what the operator owns beside the exec's arena; or NULL */
} SeriesOpOps;

/* Head of every operator; lives in the exec's arena. */
struct SeriesOp {
    const SeriesOpOps *ops;
    SeriesExec *exec;
    const PlanNode *node;
    const SeriesPlan *plan;
    SeriesGrid grid;
    SeriesOp *inputs[2];
    SeriesOp **params;
    const double **param_values; /* per parameter: a value per step; see series__params */
    bool done;                   /* nothing comes any more */
};

/* Opens: each fills *ret_op with an operator whose head is set by series__op_new. */
Status op_series_select_open(SeriesOp *op, Error *err);
Status op_series_range_open(SeriesOp *op, Error *err);
Status op_series_map_open(SeriesOp *op, Error *err);
Status op_series_scalar_open(SeriesOp *op, Error *err);
Status op_series_label_open(SeriesOp *op, Error *err);
Status op_series_bucket_open(SeriesOp *op, Error *err);
Status op_series_sort_open(SeriesOp *op, Error *err);
Status op_series_agg_open(SeriesOp *op, Error *err);
Status op_series_topk_open(SeriesOp *op, Error *err);
Status op_series_binary_open(SeriesOp *op, Error *err);
Status op_series_fixed_open(SeriesOp *op, Error *err);
Status op_series_info_open(SeriesOp *op, Error *err);

/* Bytes that op_series_*_open may use for its own state behind the head. */
enum { SERIES_OP_STATE_BYTES = 256 };
static inline void *series__state(SeriesOp *op)
{
    return op + 1;
}

/* Evaluates the scalar parameters once; afterwards op->param_values is set. */
Status series__params(SeriesOp *op, Error *err);
/* A new row of absent values. */
Status series__row_new(SeriesRow *row, uint32_t step_count, bool histograms, Arena *arena,
                       Error *err);
/* Adds a histogram column to a row that has none. */
Status series__row_need_histograms(SeriesRow *row, uint32_t step_count, Arena *arena, Error *err);
/* Removes rows without any value, keeping the order. */
void series__drop_empty(SeriesBatch *batch, uint32_t step_count);
/* __name__, __type__, __unit__ */
bool series__is_metadata_label(Str name);
/* Sorted copy of `labels` with `name` set (or removed when the value is empty). */
LabelSet series__with_label(LabelSet labels, Str name, Str value, Arena *arena);
/* Words the notes of a range function. */
void series__note_range(SeriesExec *exec, uint32_t notes, Str metric, const SeriesPlan *plan);
/* metric name in quotes, for texts. */
const char *series__quote(Str text, char out[320]);

#endif

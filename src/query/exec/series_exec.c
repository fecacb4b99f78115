#include "query/exec/series_exec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "query/exec/series_int.h"
#include "query/func/promql_text.h"

enum { NOTES_KEPT_MAX = 1000 }; /* different texts; an answer carries fewer */

void series_exec_init(SeriesExec *exec)
{
    mutex_init(&exec->notes.lock);
}

void series_exec_done(SeriesExec *exec)
{
    map_done(&exec->notes.seen);
    arena_done(&exec->notes.arena);
    mutex_done(&exec->notes.lock);
}

Status series_exec_check(SeriesExec *exec, Error *err)
{
    if (exec->cancelled && __atomic_load_n(exec->cancelled, __ATOMIC_RELAXED))
        return error_set(err, STATUS_CANCELLED, "query was canceled in expression evaluation");
    if (exec->deadline_mono_ns && clock_mono_ns() >= exec->deadline_mono_ns)
        return error_set(err, STATUS_TIMEOUT, "query timed out in expression evaluation");
    return STATUS_OK;
}

Status series_exec_count(SeriesExec *exec, uint64_t samples, Error *err)
{
    uint64_t now = __atomic_add_fetch(&exec->samples, samples, __ATOMIC_RELAXED);
    if (exec->samples_max && now > exec->samples_max)
        return error_set(err, STATUS_LIMIT,
                         "query processing would load too many samples into memory in query "
                         "execution");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- annotations */

static void note(SeriesExec *exec, bool warning, uint32_t position, const char *format,
                 va_list args)
{
    SeriesNotes *notes = &exec->notes;
    char message[900];
    char where[32];
    char full[1000];
    bool created;
    int n;

    (void)vsnprintf(message, sizeof message, format, args);
    if (exec->text.len) {
        prom_text_position(exec->text, position, where);
        n = snprintf(full, sizeof full, "PromQL %s: %s (%s)", warning ? "warning" : "info", message,
                     where);
    } else {
        n = snprintf(full, sizeof full, "PromQL %s: %s", warning ? "warning" : "info", message);
    }
    MUTEX_GUARD(&notes->lock);
    Str text = str_make(full, LUMA_MIN((size_t)n, sizeof full - 1));
    if (map_get(&notes->seen, text) || notes->seen.count >= NOTES_KEPT_MAX)
        return;
    text = arena_str(&notes->arena, text);
    *map_put(&notes->seen, text, &created) = notes;
    if (warning)
        ARENA_PUSH(&notes->arena, notes->warnings, notes->warning_count, notes->warning_cap, text);
    else
        ARENA_PUSH(&notes->arena, notes->infos, notes->info_count, notes->info_cap, text);
}

void series_exec_warn(SeriesExec *exec, uint32_t position, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note(exec, true, position, format, args);
    va_end(args);
}

void series_exec_info(SeriesExec *exec, uint32_t position, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    note(exec, false, position, format, args);
    va_end(args);
}

const char *series__quote(Str text, char out[320])
{
    CLEANUP(buf_done) Buf quoted = {.len_max = 319};
    prom_text_quote(text, &quoted);
    memcpy(out, quoted.ptr, quoted.len);
    out[quoted.len] = 0;
    return out;
}

void series__note_range(SeriesExec *exec, uint32_t notes, Str metric, const SeriesPlan *plan)
{
    char name[320];
    uint32_t at = plan->arg_position;

    (void)series__quote(metric, name);
    if (notes & PROM_NOTE_MIXED_FLOATS_HISTOGRAMS)
        series_exec_warn(exec, at, "encountered a mix of histograms and floats for metric name %s",
                         name);
    if (notes & PROM_NOTE_HISTOGRAM_IGNORED)
        series_exec_info(exec, at,
                         "ignored histograms in a range containing both floats and histograms for "
                         "metric name %s",
                         name);
    if (notes & PROM_NOTE_NOT_COUNTER)
        series_exec_warn(exec, at, "this native histogram metric is not a counter: %s", name);
    if (notes & PROM_NOTE_NOT_GAUGE)
        series_exec_warn(exec, at, "this native histogram metric is not a gauge: %s", name);
    if (notes & PROM_NOTE_MIXED_SCHEMAS)
        series_exec_warn(exec, at,
                         "vector contains a mix of histograms with exponential and custom buckets "
                         "schemas for metric name %s",
                         name);
    if (notes & PROM_NOTE_RESET_COLLISION)
        series_exec_warn(exec, at, "conflicting counter resets during histogram aggregation");
    if (notes & PROM_NOTE_RECONCILED_SUB)
        series_exec_info(exec, at, "mismatched custom buckets were reconciled during subtraction");
    if (notes & PROM_NOTE_RECONCILED_ADD)
        series_exec_info(exec, at, "mismatched custom buckets were reconciled during addition");
    if (notes & PROM_NOTE_RECONCILED_AGG)
        series_exec_info(exec, at, "mismatched custom buckets were reconciled during aggregation");
}

/* ---------------------------------------------------------------- operators */

static Status open_kind(SeriesOp *op, Error *err)
{
    switch (op->plan->kind) {
    case SERIES_SELECT:
        return op_series_select_open(op, err);
    case SERIES_RANGE_CALL:
        return op_series_range_open(op, err);
    case SERIES_MAP:
    case SERIES_TIMESTAMP:
        return op_series_map_open(op, err);
    case SERIES_NUMBER:
    case SERIES_TIME:
    case SERIES_SCALAR_OF:
    case SERIES_VECTOR_OF:
    case SERIES_ABSENT:
        return op_series_scalar_open(op, err);
    case SERIES_LABEL_CALL:
        return op_series_label_open(op, err);
    case SERIES_BUCKET_CALL:
        return op_series_bucket_open(op, err);
    case SERIES_SORT:
        return op_series_sort_open(op, err);
    case SERIES_AGGREGATE:
        switch (op->plan->agg) {
        case PROM_AGG_TOPK:
        case PROM_AGG_BOTTOMK:
        case PROM_AGG_LIMITK:
        case PROM_AGG_LIMIT_RATIO:
            return op_series_topk_open(op, err);
        default:
            return op_series_agg_open(op, err);
        }
    case SERIES_BINARY:
        return op_series_binary_open(op, err);
    case SERIES_FIXED:
        return op_series_fixed_open(op, err);
    case SERIES_INFO:
        return op_series_info_open(op, err);
    case SERIES_RANGE_SELECT:
    case SERIES_SUBQUERY:
        break; /* run by the function above them, or by series_read_matrix */
    }
    return error_set(err, STATUS_INTERNAL, "a range vector cannot be evaluated step by step");
}

/* Inputs that the operator opens itself, over another grid. */
static bool opens_own_inputs(const SeriesPlan *plan)
{
    return plan->kind == SERIES_RANGE_CALL || plan->kind == SERIES_FIXED ||
           plan->kind == SERIES_INFO;
}

Status series_op_open(SeriesExec *exec, const PlanNode *node, SeriesGrid grid, SeriesOp **ret_op,
                      Error *err)
{
    const SeriesPlan *plan = node->series;
    SeriesOp *op;
    Status status = STATUS_OK;

    TRY(arena_try_alloc(exec->arena, sizeof *op + SERIES_OP_STATE_BYTES, &op, err));
    memset(op, 0, sizeof *op + SERIES_OP_STATE_BYTES);
    op->exec = exec;
    op->node = node;
    op->plan = plan;
    op->grid = grid;
    TRY(arena_try_alloc(exec->arena, (plan->param_count + 1) * sizeof *op->params, &op->params,
                        err));
    memset(op->params, 0, (plan->param_count + 1) * sizeof *op->params);
    for (uint32_t i = 0; i < 2 && status == STATUS_OK; i++)
        if (node->children[i] && !opens_own_inputs(plan))
            status = series_op_open(exec, node->children[i], grid, &op->inputs[i], err);
    for (uint32_t i = 0; i < plan->param_count && status == STATUS_OK; i++)
        status = series_op_open(exec, plan->params[i], grid, &op->params[i], err);
    if (status == STATUS_OK)
        status = open_kind(op, err);
    if (status != STATUS_OK) {
        (void)series_op_close(op);
        return status;
    }
    *ret_op = op;
    return STATUS_OK;
}

SeriesOp *series_op_close(SeriesOp *op)
{
    if (!op)
        return NULL;
    if (op->ops && op->ops->close)
        op->ops->close(op);
    (void)series_op_close(op->inputs[0]);
    (void)series_op_close(op->inputs[1]);
    for (uint32_t i = 0; op->params && i < op->plan->param_count; i++)
        (void)series_op_close(op->params[i]);
    return NULL;
}

Status series_op_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    *ret_batch = (SeriesBatch){0};
    if (op->done)
        return STATUS_OK;
    TRY(series_exec_check(op->exec, err));
    TRY(op->ops->next(op, arena, ret_batch, err));
    if (ret_batch->count == 0)
        op->done = true;
    return STATUS_OK;
}

Status series_op_drain(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    SeriesBatch all = {0};
    SeriesBatch batch;
    uint32_t cap = 0;

    for (;;) {
        TRY(series_op_next(op, arena, &batch, err));
        if (!batch.count)
            break;
        if (!all.count) {
            all = batch;
            cap = batch.count;
            continue;
        }
        if (all.count + batch.count > cap) {
            SeriesRow *rows;
            cap = LUMA_MAX(cap * 2, all.count + batch.count);
            TRY(arena_try_alloc(arena, cap * sizeof *rows, &rows, err));
            memcpy(rows, all.rows, all.count * sizeof *rows);
            all.rows = rows;
        }
        memcpy(all.rows + all.count, batch.rows, batch.count * sizeof *all.rows);
        all.count += batch.count;
    }
    *ret_batch = all;
    return STATUS_OK;
}

Status series__params(SeriesOp *op, Error *err)
{
    if (op->param_values)
        return STATUS_OK;
    const double **values;
    TRY(arena_try_alloc(op->exec->arena, (op->plan->param_count + 1) * sizeof *values, &values,
                        err));
    for (uint32_t i = 0; i < op->plan->param_count; i++) {
        SeriesBatch batch;
        TRY(series_op_next(op->params[i], op->exec->arena, &batch, err));
        if (batch.count != 1)
            return error_set(err, STATUS_INTERNAL, "a scalar parameter has %u rows", batch.count);
        values[i] = batch.rows[0].values;
    }
    op->param_values = values;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rows */

Status series__row_new(SeriesRow *row, uint32_t step_count, bool histograms, Arena *arena,
                       Error *err)
{
    *row = (SeriesRow){0};
    TRY(arena_try_alloc(arena, step_count * sizeof *row->values, &row->values, err));
    for (uint32_t i = 0; i < step_count; i++)
        row->values[i] = prom_absent();
    return histograms ? series__row_need_histograms(row, step_count, arena, err) : STATUS_OK;
}

Status series__row_need_histograms(SeriesRow *row, uint32_t step_count, Arena *arena, Error *err)
{
    if (row->histograms)
        return STATUS_OK;
    TRY(arena_try_alloc(arena, step_count * sizeof *row->histograms, &row->histograms, err));
    memset(row->histograms, 0, step_count * sizeof *row->histograms);
    return STATUS_OK;
}

Status series_row_labels(SeriesExec *exec, SeriesRow *row, Arena *arena, Error *err)
{
    if (row->has_labels)
        return STATUS_OK;
    if (row->has_ref)
        TRY(exec->source.ops->labels(exec->source.ctx, row->ref, arena, &row->labels, err));
    row->has_labels = true;
    return STATUS_OK;
}

void series__drop_empty(SeriesBatch *batch, uint32_t step_count)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        bool any = false;
        for (uint32_t s = 0; s < step_count && !any; s++)
            any = series_row_has(&batch->rows[i], s);
        if (any)
            batch->rows[n++] = batch->rows[i];
    }
    batch->count = n;
}

bool series__is_metadata_label(Str name)
{
    return str_eq(name, LABEL_NAME) || str_eq(name, STR("__type__")) ||
           str_eq(name, STR("__unit__"));
}

LabelSet series_labels_without_metadata(LabelSet labels, Arena *arena)
{
    Label *out = arena_alloc(arena, (labels.count + 1) * sizeof *out);
    uint32_t n = 0;

    if (!out)
        return (LabelSet){0};
    for (uint32_t i = 0; i < labels.count; i++)
        if (!series__is_metadata_label(labels.labels[i].name))
            out[n++] = labels.labels[i];
    return (LabelSet){out, n};
}

LabelSet series__with_label(LabelSet labels, Str name, Str value, Arena *arena)
{
    Label *out = arena_alloc(arena, (labels.count + 1) * sizeof *out);
    uint32_t n = 0;
    bool placed = value.len == 0;

    if (!out)
        return (LabelSet){0};
    for (uint32_t i = 0; i < labels.count; i++) {
        int c = str_cmp(labels.labels[i].name, name);
        if (!placed && c >= 0) {
            out[n++] = (Label){name, value};
            placed = true;
        }
        if (c != 0)
            out[n++] = labels.labels[i];
    }
    if (!placed)
        out[n++] = (Label){name, value};
    return (LabelSet){out, n};
}

typedef struct Hashed {
    uint64_t hash;
    uint32_t row;
} Hashed;

static int cmp_hashed(const void *a, const void *b)
{
    const Hashed *x = a;
    const Hashed *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static Status merge_rows(SeriesRow *into, const SeriesRow *from, uint32_t step_count, Arena *arena,
                         Error *err)
{
    if (from->histograms)
        TRY(series__row_need_histograms(into, step_count, arena, err));
    for (uint32_t s = 0; s < step_count; s++) {
        if (!series_row_has(from, s))
            continue;
        if (series_row_has(into, s))
            return error_set(err, STATUS_INVALID,
                             "vector cannot contain metrics with the same labelset");
        into->values[s] = from->values[s];
        if (from->histograms)
            into->histograms[s] = from->histograms[s];
    }
    return STATUS_OK;
}

Status series_merge_equal(SeriesExec *exec, SeriesBatch *batch, uint32_t step_count, Arena *arena,
                          Error *err)
{
    Hashed *order;
    uint32_t n = 0;
    bool merged = false;

    if (batch->count < 2)
        return STATUS_OK;
    TRY(arena_try_alloc(arena, batch->count * sizeof *order, &order, err));
    for (uint32_t i = 0; i < batch->count; i++) {
        TRY(series_row_labels(exec, &batch->rows[i], arena, err));
        order[i] = (Hashed){label_set_hash(batch->rows[i].labels), i};
    }
    qsort(order, batch->count, sizeof *order, cmp_hashed);
    for (uint32_t i = 1; i < batch->count; i++) {
        SeriesRow *row = &batch->rows[order[i].row];
        for (uint32_t j = i; j > 0 && order[j - 1].hash == order[i].hash; j--) {
            SeriesRow *first = &batch->rows[order[j - 1].row];
            if (!first->values || !label_set_eq(first->labels, row->labels))
                continue;
            TRY(merge_rows(first, row, step_count, arena, err));
            row->values = NULL;
            merged = true;
            break;
        }
    }
    if (!merged)
        return STATUS_OK;
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->rows[i].values)
            batch->rows[n++] = batch->rows[i];
    batch->count = n;
    return STATUS_OK;
}

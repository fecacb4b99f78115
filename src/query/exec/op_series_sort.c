/* op_series_sort.c - sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant
 * result. In a range query the result is ordered by labels, so they do nothing there. */
#include <math.h>
#include <stdlib.h>

#include "query/exec/series_int.h"

/* Order of numbers inside texts: "a2" before "a10". */
static int cmp_natural(Str a, Str b)
{
    size_t i = 0;
    size_t j = 0;

    while (i < a.len && j < b.len) {
        bool da = a.ptr[i] >= '0' && a.ptr[i] <= '9';
        bool db = b.ptr[j] >= '0' && b.ptr[j] <= '9';
        if (da && db) {
            size_t ia = i;
            size_t jb = j;
            size_t na;
            size_t nb;
            int c;
            while (ia < a.len && a.ptr[ia] == '0')
                ia++;
            while (jb < b.len && b.ptr[jb] == '0')
                jb++;
            for (na = ia; na < a.len && a.ptr[na] >= '0' && a.ptr[na] <= '9';)
                na++;
            for (nb = jb; nb < b.len && b.ptr[nb] >= '0' && b.ptr[nb] <= '9';)
                nb++;
            if (na - ia != nb - jb)
                return na - ia < nb - jb ? -1 : 1;
            c = memcmp(a.ptr + ia, b.ptr + jb, na - ia);
            if (c)
                return c;
            i = na;
            j = nb;
            continue;
        }
        if (a.ptr[i] != b.ptr[j])
            return (unsigned char)a.ptr[i] < (unsigned char)b.ptr[j] ? -1 : 1;
        i++;
        j++;
    }
    return (a.len - i > b.len - j) - (a.len - i < b.len - j);
}

static int cmp_rows(const void *a, const void *b, void *ctx)
{
    const SeriesRow *x = a;
    const SeriesRow *y = b;
    const SeriesPlan *plan = ctx;
    bool desc = plan->func == PROM_FUNC_SORT_DESC || plan->func == PROM_FUNC_SORT_BY_LABEL_DESC;
    int c = 0;

    if (plan->func == PROM_FUNC_SORT || plan->func == PROM_FUNC_SORT_DESC) {
        double u = x->values[0];
        double v = y->values[0];
        if (isnan(u) || isnan(v)) /* NaN goes last either way */
            return (int)isnan(u) - (int)isnan(v);
        c = (u > v) - (u < v);
        return desc ? -c : c;
    }
    for (uint32_t i = 0; i < plan->string_count && !c; i++)
        c = cmp_natural(label_set_get(x->labels, plan->strings[i]),
                        label_set_get(y->labels, plan->strings[i]));
    if (!c)
        c = label_set_cmp(x->labels, y->labels);
    return desc ? -c : c;
}

static Status sort_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    bool by_value = op->plan->func == PROM_FUNC_SORT || op->plan->func == PROM_FUNC_SORT_DESC;

    op->done = true;
    TRY(series_op_drain(op->inputs[0], arena, ret_batch, err));
    for (uint32_t i = 0; i < ret_batch->count; i++) {
        if (by_value)
            ret_batch->rows[i].histograms = NULL;
        else
            TRY(series_row_labels(op->exec, &ret_batch->rows[i], arena, err));
    }
    series__drop_empty(ret_batch, op->grid.count);
    if (op->grid.count > 1)
        series_exec_warn(op->exec, op->plan->position,
                         "sort is ineffective for range queries since results are always ordered "
                         "by labels");
    else if (ret_batch->count)
        qsort_r(ret_batch->rows, ret_batch->count, sizeof *ret_batch->rows, cmp_rows,
                (void *)(uintptr_t)op->plan);
    return STATUS_OK;
}

static const SeriesOpOps sort_ops = {sort_next, NULL};

Status op_series_sort_open(SeriesOp *op, Error *err)
{
    op->ops = &sort_ops;
    return STATUS_OK;
}

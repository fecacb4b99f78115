/* op_series_binary.c - binary operators between scalars and vectors.
 *
 * Between two vectors the rows of both sides are sorted into match groups once, by labels; then
 * each pair of rows that can meet is worked over all steps. What Prometheus decides per step (which
 * of several rows of a group is there, whether a match is ambiguous) is decided per step here, too.
 */
#include <math.h>
#include <stdlib.h>

#include "query/exec/series_group.h"
#include "query/func/promql_hist.h"
#include "query/func/promql_math.h"

typedef struct Binary {
    SeriesGroups groups;
    Arena arena; /* both sides */
} Binary;

_Static_assert(sizeof(Binary) <= SERIES_OP_STATE_BYTES, "state fits");

/* A float or a histogram. */
typedef struct Value {
    double f;
    const NativeHistogram *h;
} Value;

static Value value_at(const SeriesRow *row, uint32_t s)
{
    return (Value){row->values[s], series_row_hist(row, s)};
}

/* ---------------------------------------------------------------- two values */

static void note_types(SeriesOp *op, Value a, Value b)
{
    const char *name = prom_op_text(op->plan->op);
    const char *left = a.h ? "histogram" : "float";
    const char *right = b.h ? "histogram" : "float";

    series_exec_info(op->exec, op->plan->position,
                     "incompatible sample types encountered for binary operator \"%s\": %s %s %s",
                     name, left, name, right);
}

static const NativeHistogram *add_histograms(SeriesOp *op, Value a, Value b, Arena *arena)
{
    bool sub = op->plan->op == PROM_OP_SUB;
    const char *what = sub ? "subtraction" : "addition";
    HistSum sum = sub ? prom_hist_sub(a.h, b.h, arena) : prom_hist_add(a.h, b.h, arena);

    if (!sum.hist) {
        series_exec_warn(op->exec, op->plan->position,
                         "incompatible bucket layout encountered for binary operator %s",
                         prom_op_text(op->plan->op));
        return NULL;
    }
    if (sub)
        sum.hist->reset_hint = HISTOGRAM_RESET_GAUGE;
    if (sum.collision)
        series_exec_warn(op->exec, op->plan->position,
                         "conflicting counter resets during histogram %s", what);
    if (sum.reconciled)
        series_exec_info(op->exec, op->plan->position,
                         "mismatched custom buckets were reconciled during %s", what);
    return sum.hist;
}

/* The operator on two values of which one is a histogram. False: there is no result. *ret_keep is
 * what a comparison says. */
static bool histogram_binary(SeriesOp *op, Value a, Value b, Arena *arena, Value *ret,
                             bool *ret_keep)
{
    PromBinaryOp o = op->plan->op;

    *ret_keep = true;
    *ret = (Value){prom_absent(), NULL};
    if (a.h && b.h) {
        if (o == PROM_OP_ADD || o == PROM_OP_SUB) {
            ret->h = add_histograms(op, a, b, arena);
            return ret->h != NULL;
        }
        if (o == PROM_OP_EQ || o == PROM_OP_NE) {
            *ret_keep = prom_hist_eq(a.h, b.h) == (o == PROM_OP_EQ);
            ret->h = a.h;
            return true;
        }
    } else if (a.h) {
        if (o == PROM_OP_MUL)
            ret->h = prom_hist_mul(a.h, b.f, arena);
        else if (o == PROM_OP_DIV)
            ret->h = prom_hist_div(a.h, b.f, arena);
        else if (o == PROM_OP_TRIM_UPPER || o == PROM_OP_TRIM_LOWER)
            ret->h = prom_hist_trim(a.h, b.f, o == PROM_OP_TRIM_UPPER, arena);
        if (ret->h)
            return true;
    } else if (o == PROM_OP_MUL) {
        ret->h = prom_hist_mul(b.h, a.f, arena);
        if (ret->h)
            return true;
    }
    note_types(op, a, b);
    return false;
}

/* False: no result at all (types that do not go together). */
static bool combine(SeriesOp *op, Value a, Value b, Arena *arena, Value *ret, bool *ret_keep)
{
    PromBinaryOp o = op->plan->op;

    if (a.h || b.h)
        return histogram_binary(op, a, b, arena, ret, ret_keep);
    if (o == PROM_OP_TRIM_UPPER || o == PROM_OP_TRIM_LOWER) {
        note_types(op, a, b);
        return false;
    }
    double f = prom_binary(o, a.f, b.f);
    *ret_keep = !prom_op_is_comparison(o) || f != 0;
    *ret = (Value){prom_op_is_comparison(o) ? a.f : f, NULL};
    return true;
}

static bool changes_schema(PromBinaryOp op)
{
    return op <= PROM_OP_ATAN2;
}

static Status put(SeriesRow *row, uint32_t s, Value v, uint32_t steps, Arena *arena, Error *err)
{
    row->values[s] = v.h ? prom_absent() : v.f;
    if (v.h)
        TRY(series__row_need_histograms(row, steps, arena, err));
    if (row->histograms)
        row->histograms[s] = v.h;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- with scalars */

/* Floats with a scalar on the right, the common case: one loop per operator. */
static bool fast_arithmetic(PromBinaryOp op, double *v, const double *x, uint32_t n)
{
    switch (op) {
    case PROM_OP_ADD:
        for (uint32_t s = 0; s < n; s++)
            v[s] = prom_is_absent(v[s]) ? v[s] : v[s] + x[s];
        return true;
    case PROM_OP_SUB:
        for (uint32_t s = 0; s < n; s++)
            v[s] = prom_is_absent(v[s]) ? v[s] : v[s] - x[s];
        return true;
    case PROM_OP_MUL:
        for (uint32_t s = 0; s < n; s++)
            v[s] = prom_is_absent(v[s]) ? v[s] : v[s] * x[s];
        return true;
    case PROM_OP_DIV:
        for (uint32_t s = 0; s < n; s++)
            v[s] = prom_is_absent(v[s]) ? v[s] : v[s] / x[s];
        return true;
    default:
        return false;
    }
}

static Status scalar_row(SeriesOp *op, SeriesRow *row, const double *scalar, bool swap,
                         Arena *arena, Error *err)
{
    PromBinaryOp o = op->plan->op;
    uint32_t steps = op->grid.count;

    if (changes_schema(o) || op->plan->return_bool)
        row->drop_name = true;
    if (!row->histograms && !swap && fast_arithmetic(o, row->values, scalar, steps))
        return STATUS_OK;
    for (uint32_t s = 0; s < steps; s++) {
        Value v = value_at(row, s);
        Value x = {scalar[s], NULL};
        Value result;
        bool keep;
        if (!series_row_has(row, s))
            continue;
        if (!combine(op, swap ? x : v, swap ? v : x, arena, &result, &keep)) {
            row->values[s] = prom_absent();
            if (row->histograms)
                row->histograms[s] = NULL;
            continue;
        }
        if (prom_op_is_comparison(o)) /* the vector's own value stays */
            result = op->plan->return_bool ? (Value){keep, NULL}
                     : keep                ? v
                                           : (Value){prom_absent(), NULL};
        TRY(put(row, s, result, steps, arena, err));
    }
    return STATUS_OK;
}

static Status scalar_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Binary *bin = series__state(op);
    bool swap = op->node->children[0]->series->scalar;
    SeriesBatch scalar;

    if (!op->param_values) { /* the scalar side, once */
        const double **values;
        TRY(series_op_next(op->inputs[swap ? 0 : 1], &bin->arena, &scalar, err));
        TRY(arena_try_alloc(&bin->arena, sizeof *values, &values, err));
        values[0] = scalar.rows[0].values;
        op->param_values = values;
    }
    do {
        TRY(series_op_next(op->inputs[swap ? 1 : 0], arena, ret_batch, err));
        if (!ret_batch->count)
            return STATUS_OK;
        for (uint32_t i = 0; i < ret_batch->count; i++)
            TRY(scalar_row(op, &ret_batch->rows[i], op->param_values[0], swap, arena, err));
        series__drop_empty(ret_batch, op->grid.count);
    } while (!ret_batch->count);
    return STATUS_OK;
}

static Status scalars_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    SeriesBatch right;

    TRY(series_op_next(op->inputs[0], arena, ret_batch, err));
    TRY(series_op_next(op->inputs[1], arena, &right, err));
    for (uint32_t s = 0; s < op->grid.count; s++)
        ret_batch->rows[0].values[s] =
            prom_binary(op->plan->op, ret_batch->rows[0].values[s], right.rows[0].values[s]);
    op->done = true;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- two vectors */

/* Rows of one side by match group. */
typedef struct Side {
    SeriesBatch batch;
    uint32_t *ids;   /* group per row */
    uint32_t *first; /* per group: index into `order`; count + 1 entries */
    uint32_t *order; /* rows by group, in their own order */
} Side;

static Status sort_side(Side *side, uint32_t group_count, Arena *arena, Error *err)
{
    uint32_t n = side->batch.count;

    TRY(arena_try_alloc(arena, (group_count + 2) * sizeof *side->first, &side->first, err));
    TRY(arena_try_alloc(arena, (n + 1) * sizeof *side->order, &side->order, err));
    memset(side->first, 0, (group_count + 2) * sizeof *side->first);
    for (uint32_t i = 0; i < n; i++)
        side->first[side->ids[i] + 2]++;
    for (uint32_t g = 0; g < group_count; g++)
        side->first[g + 2] += side->first[g + 1];
    for (uint32_t i = 0; i < n; i++)
        side->order[side->first[side->ids[i] + 1]++] = i;
    return STATUS_OK;
}

static Status load_sides(SeriesOp *op, Side sides[2], Error *err)
{
    Binary *bin = series__state(op);

    for (int i = 0; i < 2; i++) {
        TRY(series_op_drain(op->inputs[i], &bin->arena, &sides[i].batch, err));
        TRY(series__group_rows(op->exec, &bin->groups, &sides[i].batch, &bin->arena, &sides[i].ids,
                               err));
    }
    for (int i = 0; i < 2; i++)
        TRY(sort_side(&sides[i], bin->groups.count, &bin->arena, err));
    return STATUS_OK;
}

/* presence[g * steps + s]: is a row of group g there at step s? */
static Status presence_of(const Side *side, uint32_t group_count, uint32_t steps, Arena *arena,
                          uint8_t **ret, Error *err)
{
    uint8_t *there;
    size_t size = (size_t)group_count * steps;

    TRY(arena_try_alloc(arena, size + 1, &there, err));
    memset(there, 0, size);
    for (uint32_t i = 0; i < side->batch.count; i++) {
        uint8_t *group = there + (size_t)side->ids[i] * steps;
        for (uint32_t s = 0; s < steps; s++)
            group[s] |= series_row_has(&side->batch.rows[i], s);
    }
    *ret = there;
    return STATUS_OK;
}

/* Removes values where the group's presence on the other side is (not) `keep`. */
static void filter_rows(Side *side, const uint8_t *there, bool keep, uint32_t steps)
{
    for (uint32_t i = 0; i < side->batch.count; i++) {
        SeriesRow *row = &side->batch.rows[i];
        const uint8_t *group = there + (size_t)side->ids[i] * steps;
        for (uint32_t s = 0; s < steps; s++) {
            if ((group[s] != 0) == keep)
                continue;
            row->values[s] = prom_absent();
            if (row->histograms)
                row->histograms[s] = NULL;
        }
    }
}

static Status set_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Binary *bin = series__state(op);
    uint32_t steps = op->grid.count;
    Side sides[2] = {0};
    bool or = op->plan->op == PROM_OP_OR;
    uint8_t *there;
    SeriesRow *rows;

    op->done = true;
    TRY(load_sides(op, sides, err));
    TRY(presence_of(&sides[or ? 0 : 1], bin->groups.count, steps, &bin->arena, &there, err));
    if (or)
        filter_rows(&sides[1], there, false, steps);
    else
        filter_rows(&sides[0], there, op->plan->op == PROM_OP_AND, steps);
    TRY(arena_try_alloc(arena, (sides[0].batch.count + sides[1].batch.count + 1) * sizeof *rows,
                        &rows, err));
    *ret_batch = (SeriesBatch){rows, 0};
    for (int i = 0; i < (or ? 2 : 1); i++)
        for (uint32_t k = 0; k < sides[i].batch.count; k++)
            rows[ret_batch->count++] = sides[i].batch.rows[k];
    series__drop_empty(ret_batch, steps);
    return STATUS_OK;
}

/* State of a vector-vector match. `many` is the left side, or the right one of group_right. */
typedef struct Match {
    SeriesOp *op;
    const PromMatching *m;
    Side *many;
    Side *one;
    bool swapped; /* many is the right side */
    bool has_fill_many;
    bool has_fill_one;
    double fill_many;
    double fill_one;
    Arena *arena; /* of the result */
    SeriesRow *out;
    uint8_t **tried; /* per out row: steps at which there was a match, kept or not */
    uint32_t *out_group;
    uint32_t count;
    uint32_t cap;
} Match;

static void append_labels(LabelSet labels, Buf *out)
{
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < labels.count; i++) {
        char value[320];
        buf_printf(out, "%s%.*s=%s", i ? ", " : "", STR_FMT(labels.labels[i].name),
                   series__quote(labels.labels[i].value, value));
    }
    buf_append_byte(out, '}');
}

static Status fail_duplicate(Match *x, uint32_t group, SeriesRow *late, SeriesRow *early,
                             Error *err)
{
    Binary *bin = series__state(x->op);
    CLEANUP(buf_done) Buf text = {.len_max = 900};

    TRY(series_row_labels(x->op->exec, late, x->arena, err));
    TRY(series_row_labels(x->op->exec, early, x->arena, err));
    buf_append_lit(&text, "found duplicate series for the match group ");
    append_labels(bin->groups.labels[group], &text);
    buf_printf(&text, " on the %s hand-side of the operation: [", x->swapped ? "left" : "right");
    append_labels(late->labels, &text);
    buf_append_lit(&text, ", ");
    append_labels(early->labels, &text);
    buf_append_lit(&text, "];many-to-many matching not allowed: matching labels must be unique on "
                          "one side");
    return error_set(err, STATUS_INVALID, "%.*s", (int)text.len, text.ptr);
}

/* Is any row of the side there at step s? */
static bool any_at(const Side *side, uint32_t s)
{
    for (uint32_t i = 0; i < side->batch.count; i++)
        if (series_row_has(&side->batch.rows[i], s))
            return true;
    return false;
}

/* The "one" side must have one row per group and step. */
static Status check_one_side(Match *x, uint32_t group, Error *err)
{
    const Side *one = x->one;

    for (uint32_t i = one->first[group]; i < one->first[group + 1]; i++) {
        for (uint32_t j = one->first[group]; j < i; j++) {
            SeriesRow *late = &one->batch.rows[one->order[i]];
            SeriesRow *early = &one->batch.rows[one->order[j]];
            for (uint32_t s = 0; s < x->op->grid.count; s++)
                if (series_row_has(late, s) && series_row_has(early, s) &&
                    (x->has_fill_many || x->has_fill_one || any_at(x->many, s)))
                    return fail_duplicate(x, group, late, early, err);
        }
    }
    return STATUS_OK;
}

/* Labels of the result of a many row and a one row (NULL = filled in). */
static Status result_labels(Match *x, uint32_t group, SeriesRow *many, SeriesRow *one,
                            SeriesRow *out, Error *err)
{
    Binary *bin = series__state(x->op);
    const PromMatching *m = x->m;
    LabelSet labels;
    LabelSet from = {0};

    if (many) {
        TRY(series_row_labels(x->op->exec, many, x->arena, err));
        labels = many->labels;
    } else {
        labels = bin->groups.labels[group];
    }
    if (changes_schema(x->op->plan->op))
        labels = series_labels_without_metadata(labels, x->arena);
    if (m->card == PROM_ONE_TO_ONE) {
        if (m->on) {
            labels = series__select_labels(labels, m->labels, m->label_count, false, x->arena);
        } else {
            for (uint32_t i = 0; i < m->label_count; i++)
                labels = series__with_label(labels, m->labels[i], STR(""), x->arena);
        }
    }
    if (m->include_count && one) {
        TRY(series_row_labels(x->op->exec, one, x->arena, err));
        from = one->labels;
    } else if (m->include_count) {
        from = bin->groups.labels[group];
    }
    for (uint32_t i = 0; i < m->include_count; i++)
        labels =
            series__with_label(labels, m->include[i], label_set_get(from, m->include[i]), x->arena);
    out->labels = labels;
    out->has_labels = true;
    out->drop_name = x->op->plan->return_bool || (many && many->drop_name);
    return STATUS_OK;
}

static Status new_out(Match *x, uint32_t group, SeriesRow *many, SeriesRow *one, uint32_t *ret_idx,
                      Error *err)
{
    uint32_t steps = x->op->grid.count;

    if (x->count == x->cap) {
        uint32_t cap = x->cap ? x->cap * 2 : 64;
        SeriesRow *out;
        uint8_t **tried;
        uint32_t *groups;
        TRY(arena_try_alloc(x->arena, cap * sizeof *out, &out, err));
        TRY(arena_try_alloc(x->arena, cap * sizeof *tried, &tried, err));
        TRY(arena_try_alloc(x->arena, cap * sizeof *groups, &groups, err));
        if (x->count) {
            memcpy(out, x->out, x->count * sizeof *out);
            memcpy(tried, x->tried, x->count * sizeof *tried);
            memcpy(groups, x->out_group, x->count * sizeof *groups);
        }
        x->out = out;
        x->tried = tried;
        x->out_group = groups;
        x->cap = cap;
    }
    TRY(series__row_new(&x->out[x->count], steps, false, x->arena, err));
    TRY(arena_try_alloc(x->arena, steps, &x->tried[x->count], err));
    memset(x->tried[x->count], 0, steps);
    TRY(result_labels(x, group, many, one, &x->out[x->count], err));
    x->out_group[x->count] = group;
    *ret_idx = x->count++;
    return STATUS_OK;
}

/* Step s of output row idx from the values of the many and the one side. */
static Status work_step(Match *x, uint32_t idx, uint32_t s, Value many, Value one, Error *err)
{
    Value result;
    bool keep;

    if (!combine(x->op, x->swapped ? one : many, x->swapped ? many : one, x->arena, &result, &keep))
        return STATUS_OK;
    x->tried[idx][s] = 1;
    if (x->op->plan->return_bool)
        result = (Value){keep, NULL};
    else if (!keep)
        return STATUS_OK;
    return put(&x->out[idx], s, result, x->op->grid.count, x->arena, err);
}

/* One row of the many side against the rows of its group on the one side. */
static Status match_row(Match *x, SeriesRow *many, uint32_t group, Error *err)
{
    const Side *one = x->one;
    uint32_t steps = x->op->grid.count;
    uint32_t partner_count = one->first[group + 1] - one->first[group];
    uint32_t fill_idx = UINT32_MAX;

    for (uint32_t k = 0; k < partner_count; k++) {
        SeriesRow *other = &one->batch.rows[one->order[one->first[group] + k]];
        uint32_t idx = UINT32_MAX;
        for (uint32_t s = 0; s < steps; s++) {
            if (!series_row_has(many, s) || !series_row_has(other, s))
                continue;
            if (idx == UINT32_MAX)
                TRY(new_out(x, group, many, other, &idx, err));
            TRY(work_step(x, idx, s, value_at(many, s), value_at(other, s), err));
        }
    }
    for (uint32_t s = 0; x->has_fill_one && s < steps; s++) {
        bool there = !series_row_has(many, s);
        for (uint32_t k = 0; k < partner_count && !there; k++)
            there = series_row_has(&one->batch.rows[one->order[one->first[group] + k]], s);
        if (there)
            continue;
        if (fill_idx == UINT32_MAX)
            TRY(new_out(x, group, many, NULL, &fill_idx, err));
        TRY(work_step(x, fill_idx, s, value_at(many, s), (Value){x->fill_one, NULL}, err));
    }
    return STATUS_OK;
}

/* Rows of the one side that no row of the many side met. */
static Status fill_many_side(Match *x, uint32_t group, Error *err)
{
    const Side *one = x->one;
    const Side *many = x->many;
    uint32_t steps = x->op->grid.count;

    for (uint32_t i = one->first[group]; i < one->first[group + 1]; i++) {
        SeriesRow *other = &one->batch.rows[one->order[i]];
        uint32_t idx = UINT32_MAX;
        for (uint32_t s = 0; s < steps; s++) {
            bool met = !series_row_has(other, s);
            for (uint32_t k = many->first[group]; k < many->first[group + 1] && !met; k++)
                met = series_row_has(&many->batch.rows[many->order[k]], s);
            if (met)
                continue;
            if (idx == UINT32_MAX)
                TRY(new_out(x, group, NULL, other, &idx, err));
            TRY(work_step(x, idx, s, (Value){x->fill_many, NULL}, value_at(other, s), err));
        }
    }
    return STATUS_OK;
}

typedef struct Sorted {
    uint64_t hash;
    uint32_t group;
    uint32_t row;
} Sorted;

static int cmp_sorted(const void *a, const void *b)
{
    const Sorted *x = a;
    const Sorted *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static bool meet(const uint8_t *a, const uint8_t *b, uint32_t steps)
{
    for (uint32_t s = 0; s < steps; s++)
        if (a[s] && b[s])
            return true;
    return false;
}

/* Two results of one group at one step: never one-to-one, else only with different labels. */
static Status check_unique(Match *x, Error *err)
{
    bool one_to_one = x->m->card == PROM_ONE_TO_ONE;
    uint32_t steps = x->op->grid.count;
    Sorted *sorted;

    TRY(arena_try_alloc(x->arena, (x->count + 1) * sizeof *sorted, &sorted, err));
    for (uint32_t i = 0; i < x->count; i++)
        sorted[i] = (Sorted){one_to_one ? 0 : label_set_hash(x->out[i].labels), x->out_group[i], i};
    if (x->count)
        qsort(sorted, x->count, sizeof *sorted, cmp_sorted);
    for (uint32_t i = 1; i < x->count; i++) {
        for (uint32_t j = i; j > 0 && sorted[j - 1].group == sorted[i].group &&
                             sorted[j - 1].hash == sorted[i].hash;
             j--) {
            uint32_t a = sorted[j - 1].row;
            uint32_t b = sorted[i].row;
            if (!one_to_one && !label_set_eq(x->out[a].labels, x->out[b].labels))
                continue;
            if (!meet(x->tried[a], x->tried[b], steps))
                continue;
            return error_set(err, STATUS_INVALID,
                             one_to_one ? "multiple matches for labels: many-to-one matching must "
                                          "be explicit (group_left/group_right)"
                                        : "multiple matches for labels: grouping labels must "
                                          "ensure unique matches");
        }
    }
    return STATUS_OK;
}

static Status vector_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    Binary *bin = series__state(op);
    const PromMatching *m = &op->plan->matching;
    bool swapped = m->card == PROM_ONE_TO_MANY;
    Side sides[2] = {0};
    Match x = {
        .op = op,
        .m = m,
        .many = &sides[swapped ? 1 : 0],
        .one = &sides[swapped ? 0 : 1],
        .swapped = swapped,
        .has_fill_many = swapped ? m->has_fill_right : m->has_fill_left,
        .has_fill_one = swapped ? m->has_fill_left : m->has_fill_right,
        .fill_many = swapped ? m->fill_right : m->fill_left,
        .fill_one = swapped ? m->fill_left : m->fill_right,
        .arena = arena,
    };

    op->done = true;
    TRY(load_sides(op, sides, err));
    for (uint32_t g = 0; g < bin->groups.count; g++)
        TRY(check_one_side(&x, g, err));
    for (uint32_t i = 0; i < x.many->batch.count; i++) {
        if ((i & 255) == 0)
            TRY(series_exec_check(op->exec, err));
        TRY(match_row(&x, &x.many->batch.rows[i], x.many->ids[i], err));
    }
    for (uint32_t g = 0; x.has_fill_many && g < bin->groups.count; g++)
        TRY(fill_many_side(&x, g, err));
    TRY(check_unique(&x, err));
    *ret_batch = (SeriesBatch){x.out, x.count};
    series__drop_empty(ret_batch, op->grid.count);
    return series_merge_equal(op->exec, ret_batch, op->grid.count, arena, err);
}

static void binary_close(SeriesOp *op)
{
    Binary *bin = series__state(op);
    series__groups_done(&bin->groups);
    arena_done(&bin->arena);
}

static const SeriesOpOps scalars_ops = {scalars_next, binary_close};
static const SeriesOpOps scalar_ops = {scalar_next, binary_close};
static const SeriesOpOps set_ops = {set_next, binary_close};
static const SeriesOpOps vector_ops = {vector_next, binary_close};

Status op_series_binary_open(SeriesOp *op, Error *err)
{
    Binary *bin = series__state(op);
    const PromMatching *m = &op->plan->matching;
    bool left = op->node->children[0]->series->scalar;
    bool right = op->node->children[1]->series->scalar;

    arena_init(&bin->arena, op->exec->budget);
    series__groups_init(&bin->groups, m->labels, m->label_count, !m->on, op->exec->arena);
    if (left && right)
        op->ops = &scalars_ops;
    else if (left || right)
        op->ops = &scalar_ops;
    else if (prom_op_is_set(op->plan->op))
        op->ops = &set_ops;
    else
        op->ops = &vector_ops;
    return STATUS_OK;
}

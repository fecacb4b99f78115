#include "storage/rows/row_filter.h"

#include "format/pgtype/numeric.h"

#include <math.h>

#include "storage/rows/row_text_filter.h"

bool row_filter_can(Type type, ScanOp op)
{
    if (op == SCAN_IS_NULL || op == SCAN_IS_NOT_NULL)
        return true;
    if (type.is_array)
        return false;
    if (row_filter_is_text(op))
        return type.id == TYPE_TEXT || type.id == TYPE_VARCHAR ||
               (type.id == TYPE_JSONB && (op == SCAN_MATCHES || op == SCAN_WORDS));
    switch (type_layout(type)) {
    case LAYOUT_BIT:
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
    case LAYOUT_FLOAT:
    case LAYOUT_DOUBLE:
        return true;
    case LAYOUT_FIXED16:
        return type.id == TYPE_UUID;
    case LAYOUT_VIEW:
        return type.id == TYPE_TEXT || type.id == TYPE_VARCHAR || type.id == TYPE_NAME ||
               type.id == TYPE_BYTEA || type.id == TYPE_NUMERIC;
    }
    return false;
}

void scan_bound_tighten(ScanBound *bound, int64_t value)
{
    int64_t old = scan_bound_get(bound);

    while (bound->descending ? value > old : value < old)
        if (__atomic_compare_exchange_n(&bound->value, &old, value, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return;
}

/* mask &= in[i] <op> c, for any C number type. */
#define COMPARE_LOOP(expr)                                                                         \
    do {                                                                                           \
        for (uint32_t i = 0; i < n; i++)                                                           \
            mask[i] &= (uint8_t)(expr);                                                            \
    } while (0)

#define COMPARE_OPS(op)                                                                            \
    switch (op) {                                                                                  \
    case SCAN_EQ:                                                                                  \
        COMPARE_LOOP(in[i] == c);                                                                  \
        break;                                                                                     \
    case SCAN_NE:                                                                                  \
        COMPARE_LOOP(in[i] != c);                                                                  \
        break;                                                                                     \
    case SCAN_LT:                                                                                  \
        COMPARE_LOOP(in[i] < c);                                                                   \
        break;                                                                                     \
    case SCAN_LE:                                                                                  \
        COMPARE_LOOP(in[i] <= c);                                                                  \
        break;                                                                                     \
    case SCAN_GT:                                                                                  \
        COMPARE_LOOP(in[i] > c);                                                                   \
        break;                                                                                     \
    case SCAN_GE:                                                                                  \
        COMPARE_LOOP(in[i] >= c);                                                                  \
        break;                                                                                     \
    case SCAN_IS_NULL:                                                                             \
    case SCAN_IS_NOT_NULL:                                                                         \
    case SCAN_MATCHES:                                                                             \
    case SCAN_LIKE:                                                                                \
    case SCAN_ILIKE:                                                                               \
    case SCAN_WORDS:                                                                               \
        break;                                                                                     \
    }

#define DEFINE_INT_COMPARE(name, ctype)                                                            \
    static void name(const ctype *in, ctype c, ScanOp op, uint32_t n, uint8_t *mask)               \
    {                                                                                              \
        COMPARE_OPS(op)                                                                            \
    }
DEFINE_INT_COMPARE(compare_i8, int8_t)
DEFINE_INT_COMPARE(compare_i16, int16_t)
DEFINE_INT_COMPARE(compare_i32, int32_t)
DEFINE_INT_COMPARE(compare_i64, int64_t)

/* NaN is the greatest value and equal to itself; C's comparisons with it are all false but !=. */
#define DEFINE_FLOAT_COMPARE(name, ctype)                                                          \
    static void name(const ctype *in, ctype c, ScanOp op, uint32_t n, uint8_t *mask)               \
    {                                                                                              \
        if (c == c && op != SCAN_GT && op != SCAN_GE) {                                            \
            COMPARE_OPS(op)                                                                        \
        } else if (c == c && op == SCAN_GT) {                                                      \
            COMPARE_LOOP(!(in[i] <= c));                                                           \
        } else if (c == c) {                                                                       \
            COMPARE_LOOP(!(in[i] < c));                                                            \
        } else if (op == SCAN_EQ || op == SCAN_GE) {                                               \
            COMPARE_LOOP(in[i] != in[i]);                                                          \
        } else if (op == SCAN_NE || op == SCAN_LT) {                                               \
            COMPARE_LOOP(in[i] == in[i]);                                                          \
        } else if (op == SCAN_GT) {                                                                \
            memset(mask, 0, n);                                                                    \
        }                                                                                          \
    }
DEFINE_FLOAT_COMPARE(compare_f32, float)
DEFINE_FLOAT_COMPARE(compare_f64, double)

static bool holds(ScanOp op, int cmp)
{
    switch (op) {
    case SCAN_EQ:
        return cmp == 0;
    case SCAN_NE:
        return cmp != 0;
    case SCAN_LT:
        return cmp < 0;
    case SCAN_LE:
        return cmp <= 0;
    case SCAN_GT:
        return cmp > 0;
    case SCAN_GE:
        return cmp >= 0;
    case SCAN_IS_NULL:
    case SCAN_IS_NOT_NULL:
    case SCAN_MATCHES:
    case SCAN_LIKE:
    case SCAN_ILIKE:
    case SCAN_WORDS:
        break;
    }
    return false;
}

static void compare_bits(const uint8_t *in, bool c, ScanOp op, uint32_t n, uint8_t *mask)
{
    uint8_t pass[2] = {holds(op, 0 - (int)c), holds(op, 1 - (int)c)};

    for (uint32_t i = 0; i < n; i++)
        mask[i] &= pass[bit_get(in, i)];
}

static void compare_fixed16(const char *in, const void *c, ScanOp op, uint32_t n, uint8_t *mask)
{
    for (uint32_t i = 0; i < n; i++)
        mask[i] &= holds(op, memcmp(in + (size_t)i * 16, c, 16));
}

/* Only rows that still count are looked at: the views of NULL rows may hold anything. */
static void compare_views(const View *in, const View *c, ScanOp op, uint32_t n, uint8_t *mask)
{
    if (op == SCAN_EQ || op == SCAN_NE) {
        bool want = op == SCAN_EQ;
        for (uint32_t i = 0; i < n; i++)
            if (mask[i])
                mask[i] = view_eq(&in[i], c) == want;
        return;
    }
    Str text = view_str(c);
    for (uint32_t i = 0; i < n; i++)
        if (mask[i])
            mask[i] = holds(op, str_cmp(view_str(&in[i]), text));
}

enum { TEXTS_AHEAD = 8 }; /* a text lies anywhere in memory: ask for it early */

/* As compare_views; what lies under NULL is an empty text or a whole one. */
static void look_into_views(const View *in, RowTextFilter *filter, uint32_t n, uint8_t *mask)
{
    uint32_t rows[BATCH_ROWS];

    for (uint32_t from = 0; from < n; from += BATCH_ROWS) {
        uint32_t count =
            row_filter_rows(mask + from, LUMA_MIN(n - from, (uint32_t)BATCH_ROWS), rows);
        for (uint32_t i = 0; i < count; i++)
            __builtin_prefetch(&in[from + rows[i]]);
        for (uint32_t i = 0; i < count; i++) {
            const View *ahead = &in[from + rows[LUMA_MIN(i + TEXTS_AHEAD, count - 1)]];
            if (ahead->len > VIEW_INLINE_MAX)
                __builtin_prefetch(ahead->ptr);
            mask[from + rows[i]] = row_text_filter_test(filter, view_str(&in[from + rows[i]]));
        }
    }
}

/* Numbers of the constant's scale compare as integers. */
static void compare_numerics(const View *in, const View *c, ScanOp op, uint32_t n, uint8_t *mask)
{
    int64_t want;
    int want_scale;
    bool small = numeric_is_small(c, &want, &want_scale);

    for (uint32_t i = 0; i < n; i++) {
        int64_t v;
        int scale;
        if (!mask[i])
            continue;
        if (small && numeric_is_small(&in[i], &v, &scale) && scale == want_scale)
            mask[i] = holds(op, (v > want) - (v < want));
        else
            mask[i] = holds(op, numeric_cmp(&in[i], c));
    }
}

/* Of a constant, in the scale that the column's values most likely have. */
static View numeric_like(const View *c, const View *in, uint32_t n)
{
    int64_t v;
    int64_t first;
    int scale;
    int wanted;
    if (!n || !numeric_is_small(c, &v, &scale) || !numeric_is_small(&in[0], &first, &wanted))
        return *c;
    while (scale < wanted) {
        if (__builtin_mul_overflow(v, 10, &v))
            return *c;
        scale++;
    }
    return numeric_small(v, scale);
}

/* Values of a plain column (no dict), `n` slots from `values`. */
static void compare_values(const RowFilter *filter, Type type, const void *values, uint32_t n,
                           uint8_t *mask)
{
    const ScanPredicate *p = filter->predicate;
    const Column *c = &p->value;

    if (filter->text) {
        look_into_views(values, filter->text, n, mask);
        return;
    }
    switch (type_layout(type)) {
    case LAYOUT_BIT:
        compare_bits(values, column_bool(c, 0), p->op, n, mask);
        break;
    case LAYOUT_INT8:
        compare_i8(values, (int8_t)column_i64(c, 0), p->op, n, mask);
        break;
    case LAYOUT_INT16:
        compare_i16(values, (int16_t)column_i64(c, 0), p->op, n, mask);
        break;
    case LAYOUT_INT32:
        compare_i32(values, (int32_t)column_i64(c, 0), p->op, n, mask);
        break;
    case LAYOUT_INT64:
        compare_i64(values, column_i64(c, 0), p->op, n, mask);
        break;
    case LAYOUT_FLOAT:
        compare_f32(values, (float)column_f64(c, 0), p->op, n, mask);
        break;
    case LAYOUT_DOUBLE:
        compare_f64(values, column_f64(c, 0), p->op, n, mask);
        break;
    case LAYOUT_FIXED16:
        compare_fixed16(values, column_fixed16(c, 0), p->op, n, mask);
        break;
    case LAYOUT_VIEW: {
        Str text = column_str(c, 0);
        View view = view_make(text.ptr, text.len);
        if (type.id == TYPE_NUMERIC) {
            view = numeric_like(&view, values, n);
            compare_numerics(values, &view, p->op, n, mask);
        } else {
            compare_views(values, &view, p->op, n, mask);
        }
        break;
    }
    }
}

static bool is_null_test(ScanOp op)
{
    return op == SCAN_IS_NULL || op == SCAN_IS_NOT_NULL;
}

Status row_filter_init(RowFilter *filter, const ScanPredicate *predicate, Type type,
                       const Column *dict, Arena *arena, Error *err)
{
    *filter = (RowFilter){.predicate = predicate, .dict = dict};
    if (!row_filter_can(predicate->value.type, predicate->op) && !is_null_test(predicate->op))
        return error_set(err, STATUS_UNSUPPORTED,
                         "storage cannot filter a column of this type by this operator");
    if (is_null_test(predicate->op) || column_is_null(&predicate->value, 0))
        return STATUS_OK;
    if (row_filter_is_text(predicate->op))
        TRY(row_text_filter_new(predicate, type, arena, &filter->text, err));
    if (!dict)
        return STATUS_OK;
    uint8_t *pass;
    TRY(arena_try_alloc(arena, LUMA_MAX(dict->len, 1), &pass, err));
    memset(pass, 1, LUMA_MAX(dict->len, 1));
    compare_values(filter, dict->type, dict->values, dict->len, pass);
    filter->dict_pass = pass;
    filter->none = dict->len == 0 || !memchr(pass, 1, dict->len);
    return STATUS_OK;
}

static void keep_valid(const uint8_t *validity, bool want, uint32_t n, uint8_t *mask)
{
    for (uint32_t i = 0; i < n; i++)
        mask[i] &= bit_get(validity, i) == want;
}

static void apply_plain(const RowFilter *filter, const Column *column, uint32_t n, uint8_t *mask)
{
    const ScanPredicate *p = filter->predicate;

    if (is_null_test(p->op)) {
        if (column->validity)
            keep_valid(column->validity, p->op == SCAN_IS_NOT_NULL, n, mask);
        else if (p->op == SCAN_IS_NULL)
            memset(mask, 0, n);
        return;
    }
    if (column_is_null(&p->value, 0)) {
        memset(mask, 0, n);
        return;
    }
    if (column->validity)
        keep_valid(column->validity, true, n, mask);
    if (filter->settled)
        return;
    if (!column->dict) {
        compare_values(filter, column->type, column->values, n, mask);
        return;
    }
    DCHECK(column->dict == filter->dict);
    const uint32_t *codes = column->values;
    for (uint32_t i = 0; i < n; i++)
        if (mask[i])
            mask[i] = filter->dict_pass[codes[i]];
}

void row_filter_apply(const RowFilter *filter, const Column *column, uint8_t *mask)
{
    if (!column->is_const) {
        apply_plain(filter, column, column->len, mask);
        return;
    }
    uint8_t one = 1;
    if (column->len)
        apply_plain(filter, column, 1, &one);
    if (!one)
        memset(mask, 0, column->len);
}

uint32_t row_filter_rows(const uint8_t *mask, uint32_t n, uint32_t *ret_rows)
{
    uint32_t count = 0;

    for (uint32_t at = 0; at < n; at += 8) {
        uint32_t end = LUMA_MIN(at + 8, n);
        uint64_t eight = 1;
        if (end - at == 8)
            memcpy(&eight, mask + at, 8);
        if (!eight)
            continue;
        for (uint32_t i = at; i < end; i++) { /* always write, advance when it counts */
            ret_rows[count] = i;
            count += mask[i] != 0;
        }
    }
    return count;
}

bool row_filter_may_match(const ScanPredicate *predicate, const ColumnRange *range)
{
    int below; /* sign of (least value - constant) */
    int above; /* sign of (greatest value - constant) */

    if (range->kind == COLUMN_RANGE_NONE || is_null_test(predicate->op) ||
        column_is_null(&predicate->value, 0))
        return true;
    if (range->kind == COLUMN_RANGE_INT) {
        int64_t c = column_i64(&predicate->value, 0);
        below = (range->int_min > c) - (range->int_min < c);
        above = (range->int_max > c) - (range->int_max < c);
    } else {
        double c = column_f64(&predicate->value, 0);
        if (isnan(c))
            return true;
        below = (range->float_min > c) - (range->float_min < c);
        above = (range->float_max > c) - (range->float_max < c);
    }
    switch (predicate->op) {
    case SCAN_EQ:
        return below <= 0 && above >= 0;
    case SCAN_NE:
        return below != 0 || above != 0;
    case SCAN_LT:
        return below < 0;
    case SCAN_LE:
        return below <= 0;
    case SCAN_GT:
        return above > 0;
    case SCAN_GE:
        return above >= 0;
    case SCAN_IS_NULL:
    case SCAN_IS_NOT_NULL:
    case SCAN_MATCHES:
    case SCAN_LIKE:
    case SCAN_ILIKE:
    case SCAN_WORDS:
        break;
    }
    return true;
}

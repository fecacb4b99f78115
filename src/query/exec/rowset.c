#include "query/exec/rowset.h"

Status rowset_init(RowSet *set, MemBudget *budget, const Type *types, uint32_t column_count,
                   Error *err)
{
    *set = (RowSet){.budget = budget, .column_count = column_count};
    arena_init(&set->texts, budget);
    set->columns = MEM_NEW_ARRAY(RowSetColumn, column_count + 1);
    set->view = MEM_NEW_ARRAY(Column, column_count + 1);
    for (uint32_t i = 0; i < column_count; i++)
        set->columns[i].type = types[i];
    return STATUS_OK;
}

void rowset_done(RowSet *set)
{
    for (uint32_t i = 0; i < set->column_count && set->columns; i++) {
        mem_free(set->columns[i].values);
        mem_free(set->columns[i].validity);
    }
    mem_free(set->columns);
    mem_free(set->view);
    arena_done(&set->texts);
    if (set->budget && set->charged_bytes)
        mem_budget_release(set->budget, set->charged_bytes);
    *set = (RowSet){0};
}

void rowset_clear(RowSet *set)
{
    arena_reset(&set->texts);
    set->row_count = 0;
}

static size_t column_capacity_bytes(Type type, uint32_t cap)
{
    Layout layout = type_layout(type);
    size_t bytes = layout == LAYOUT_BIT ? bitmap_bytes(cap) : layout_width(layout) * cap;
    return LUMA_ALIGN_UP(bytes, 64) + 64;
}

/* Makes room for `need` rows; capacities are multiples of 64, so bitmaps grow by whole words. */
static Status grow(RowSet *set, uint64_t need, Error *err)
{
    if (need <= set->row_cap)
        return STATUS_OK;
    if (need > UINT32_MAX - 64)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "more than 4 billion rows in memory");
    uint64_t cap = set->row_cap ? (uint64_t)set->row_cap * 2 : 64;
    while (cap < need)
        cap *= 2;
    if (cap > UINT32_MAX - 64)
        cap = UINT32_MAX / 64 * 64 - 64;
    int64_t bytes = 0;
    for (uint32_t i = 0; i < set->column_count; i++)
        bytes += (int64_t)(column_capacity_bytes(set->columns[i].type, (uint32_t)cap) +
                           LUMA_ALIGN_UP(bitmap_bytes(cap), 64));
    if (set->budget && bytes > set->charged_bytes)
        TRY(mem_budget_charge(set->budget, bytes - set->charged_bytes, err));
    set->charged_bytes = LUMA_MAX(bytes, set->charged_bytes);
    for (uint32_t i = 0; i < set->column_count; i++) {
        RowSetColumn *c = &set->columns[i];
        c->values = mem_realloc(c->values, column_capacity_bytes(c->type, (uint32_t)cap));
        if (c->validity)
            c->validity = mem_realloc(c->validity, LUMA_ALIGN_UP(bitmap_bytes(cap), 64));
    }
    set->row_cap = (uint32_t)cap;
    return STATUS_OK;
}

static void fill_bits(uint8_t *bits, uint32_t from, uint32_t count, bool on)
{
    uint32_t i = from;
    uint32_t end = from + count;
    for (; i < end && i % 8; i++)
        bit_put(bits, i, on);
    for (; i + 8 <= end; i += 8)
        bits[i / 8] = on ? 0xFF : 0;
    for (; i < end; i++)
        bit_put(bits, i, on);
}

static void append_validity(RowSet *set, RowSetColumn *to, const Column *from, const uint32_t *rows,
                            uint32_t count)
{
    uint32_t at = set->row_count;
    if (!from->validity) {
        if (to->validity)
            fill_bits(to->validity, at, count, true);
        return;
    }
    if (!to->validity) {
        to->validity = mem_zalloc(LUMA_ALIGN_UP(bitmap_bytes(set->row_cap), 64));
        fill_bits(to->validity, 0, at, true);
    }
    for (uint32_t i = 0; i < count; i++)
        bit_put(to->validity, at + i, !column_is_null(from, rows ? rows[i] : i));
}

/* The texts of views [at, at + count) are copied when they do not fit into the View. A text that is
 * the same as the one before it (constants, dictionaries) is copied once. */
static Status own_texts(RowSet *set, RowSetColumn *c, uint32_t at, uint32_t count, Error *err)
{
    View *views = (View *)c->values + at;
    const char *last_from = NULL;
    char *last_to = NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (c->validity && !bit_get(c->validity, at + i)) {
            views[i] = (View){0};
            continue;
        }
        if (views[i].len <= VIEW_INLINE_MAX)
            continue;
        if (views[i].ptr != last_from || !last_to) {
            last_from = views[i].ptr;
            TRY(arena_try_alloc(&set->texts, views[i].len, &last_to, err));
            memcpy(last_to, last_from, views[i].len);
        } else if (i && views[i].len != views[i - 1].len) {
            last_from = views[i].ptr;
            TRY(arena_try_alloc(&set->texts, views[i].len, &last_to, err));
            memcpy(last_to, last_from, views[i].len);
        }
        views[i].ptr = last_to;
    }
    return STATUS_OK;
}

#define APPEND_LOOP(ctype)                                                                         \
    do {                                                                                           \
        const ctype *in = from->dict ? from->dict->values : from->values;                          \
        ctype *out = (ctype *)to->values + at;                                                     \
        if (from->dict) {                                                                          \
            for (uint32_t i = 0; i < count; i++) {                                                 \
                uint32_t row = rows ? rows[i] : i;                                                 \
                out[i] =                                                                           \
                    column_is_null(from, row) ? (ctype){0} : in[codes[column_slot(from, row)]];    \
            }                                                                                      \
        } else if (from->is_const) {                                                               \
            for (uint32_t i = 0; i < count; i++)                                                   \
                out[i] = in[0];                                                                    \
        } else if (rows) {                                                                         \
            for (uint32_t i = 0; i < count; i++)                                                   \
                out[i] = in[rows[i]];                                                              \
        } else {                                                                                   \
            memcpy(out, in, sizeof(ctype) * count);                                                \
        }                                                                                          \
    } while (0)

typedef struct Bytes16 {
    uint64_t a;
    uint64_t b;
} Bytes16;

static void append_values(RowSet *set, RowSetColumn *to, const Column *from, const uint32_t *rows,
                          uint32_t count)
{
    uint32_t at = set->row_count;
    const uint32_t *codes = from->values;
    switch (type_layout(to->type)) {
    case LAYOUT_BIT:
        for (uint32_t i = 0; i < count; i++)
            bit_put(to->values, at + i, column_bool(from, rows ? rows[i] : i));
        break;
    case LAYOUT_INT8:
        APPEND_LOOP(uint8_t);
        break;
    case LAYOUT_INT16:
        APPEND_LOOP(uint16_t);
        break;
    case LAYOUT_INT32:
    case LAYOUT_FLOAT:
        APPEND_LOOP(uint32_t);
        break;
    case LAYOUT_INT64:
    case LAYOUT_DOUBLE:
        APPEND_LOOP(uint64_t);
        break;
    case LAYOUT_FIXED16:
    case LAYOUT_VIEW:
        APPEND_LOOP(Bytes16);
        break;
    }
}

Status rowset_append(RowSet *set, const Column *columns, const uint32_t *rows, uint32_t row_count,
                     Error *err)
{
    TRY(grow(set, (uint64_t)set->row_count + row_count, err));
    if (!row_count)
        return STATUS_OK;
    for (uint32_t i = 0; i < set->column_count; i++) {
        append_validity(set, &set->columns[i], &columns[i], rows, row_count);
        append_values(set, &set->columns[i], &columns[i], rows, row_count);
        if (type_layout(set->columns[i].type) == LAYOUT_VIEW)
            TRY(own_texts(set, &set->columns[i], set->row_count, row_count, err));
    }
    set->row_count += row_count;
    return STATUS_OK;
}

RecordBatch rowset_batch(const RowSet *set)
{
    for (uint32_t i = 0; i < set->column_count; i++)
        set->view[i] = (Column){.type = set->columns[i].type,
                                .len = set->row_count,
                                .validity = set->columns[i].validity,
                                .values = set->columns[i].values};
    return (RecordBatch){
        .columns = set->view, .column_count = set->column_count, .row_count = set->row_count};
}

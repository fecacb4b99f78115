#include "storage/rows/row_keys.h"

#include <inttypes.h>

#include "format/pgtype/numeric.h"

void row_keys_init(RowKeys *keys, MemBudget *budget)
{
    *keys = (RowKeys){.budget = budget};
    mutex_init(&keys->lock);
}

void row_keys_done(RowKeys *keys)
{
    mem_budget_release(keys->budget, (int64_t)(keys->slot_count * sizeof *keys->slots));
    mem_free(keys->slots);
    mutex_done(&keys->lock);
}

/* ---------------------------------------------------------------- key bytes */

/* Tag, weight and digits base 10000 of a numeric, without its scale: 1.0 and 1.00 are one key. */
static void append_numeric(const View *view, Buf *out)
{
    Str bytes = view_str(view);
    int64_t v;
    int scale;

    if (!numeric_is_small(view, &v, &scale)) {
        if (bytes.len > 6) { /* large, not zero */
            buf_append(out, bytes.ptr, 1);
            buf_append(out, bytes.ptr + 4, bytes.len - 4);
        } else {
            buf_append_byte(out, bytes.len > 1 ? 4 : (uint8_t)bytes.ptr[0]);
        }
        return;
    }
    Uint128 magnitude = v < 0 ? -(Uint128)v : (Uint128)v;
    for (; scale % 4; scale++)
        magnitude *= 10;
    uint16_t digits[10]; /* least significant first; 10^22 has six */
    int count = 0;
    int zeros = 0;
    for (; magnitude; magnitude /= 10000)
        digits[count++] = (uint16_t)(magnitude % 10000);
    buf_append_byte(out, v < 0 ? 5 : 4);
    if (!count)
        return;
    while (digits[zeros] == 0)
        zeros++;
    buf_append_u16(out, (uint16_t)(count - 1 - scale / 4));
    for (int i = count - 1; i >= zeros; i--)
        buf_append_u16(out, digits[i]);
}

/* Values that are equal in SQL must give equal bytes. */
static void append_value(const Column *c, uint32_t row, Buf *out)
{
    const Column *at;

    switch (type_layout(c->type)) {
    case LAYOUT_BIT:
        buf_append_byte(out, column_bool(c, row));
        return;
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
        buf_append_u64(out, (uint64_t)column_i64(c, row));
        return;
    case LAYOUT_FLOAT:
    case LAYOUT_DOUBLE: {
        double v = column_f64(c, row);
        if (v == 0)
            v = 0; /* -0 */
        else if (v != v)
            v = __builtin_nan("");
        buf_append(out, &v, sizeof v);
        return;
    }
    case LAYOUT_FIXED16: {
        const void *value = column_at_(c, row, 16, &at);
        if (c->type.id == TYPE_INTERVAL) { /* a day is 24 hours, a month 30 days */
            Interval interval;
            memcpy(&interval, value, sizeof interval);
            Int128 us =
                interval.us + (Int128)86400000000 * (interval.days + (int64_t)30 * interval.months);
            buf_append(out, &us, sizeof us);
        } else {
            buf_append(out, value, 16);
        }
        return;
    }
    case LAYOUT_VIEW: {
        const View *view = column_at_(c, row, sizeof(View), &at);
        Str text = view_str(view);
        size_t start = out->len;
        buf_append_u32(out, 0); /* the length, so that ('a', 'bc') and ('ab', 'c') differ */
        if (c->type.id == TYPE_BPCHAR && !c->type.is_array)
            while (text.len && text.ptr[text.len - 1] == ' ')
                text.len--;
        if (c->type.id == TYPE_NUMERIC && !c->type.is_array)
            append_numeric(view, out);
        else
            buf_append_str(out, text);
        uint32_t len = (uint32_t)(out->len - start);
        memcpy(out->ptr + start, &len, sizeof len);
        return;
    }
    }
}

/* Does the row take part in the key? NULLs are distinct from each other. */
static bool has_key(const TableKey *key, const RecordBatch *rows, uint32_t row)
{
    for (uint32_t i = 0; i < key->column_count; i++)
        if (column_is_null(&rows->columns[key->columns[i]], row))
            return key->nulls_not_distinct;
    return true;
}

static Hash128 key_hash(const TableKey *key, const RecordBatch *rows, uint32_t row, Buf *scratch)
{
    buf_clear(scratch);
    buf_append_u32(scratch, key->id); /* the keys of a table share one set */
    for (uint32_t i = 0; i < key->column_count; i++) {
        const Column *c = &rows->columns[key->columns[i]];
        bool null = column_is_null(c, row);
        buf_append_byte(scratch, null);
        if (!null)
            append_value(c, row, scratch);
    }
    Hash128 hash = hash128_secret(scratch->ptr, scratch->len);
    hash.low |= 1; /* so that no key looks like an empty slot */
    return hash;
}

/* ---------------------------------------------------------------- the set */

static size_t find_slot(const RowKeys *keys, Hash128 hash)
{
    size_t mask = keys->slot_count - 1;
    size_t at = hash.high & mask;

    while (keys->slots[at].low &&
           (keys->slots[at].low != hash.low || keys->slots[at].high != hash.high))
        at = (at + 1) & mask;
    return at;
}

static void grow(RowKeys *keys, size_t extra)
{
    size_t need = keys->count + extra;
    size_t slot_count = LUMA_MAX(keys->slot_count, (size_t)64);

    while (need > slot_count / 4 * 3)
        slot_count *= 2;
    if (slot_count == keys->slot_count)
        return;
    RowKeys old = *keys;
    keys->slots = mem_zalloc(slot_count * sizeof *keys->slots);
    keys->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].low)
            keys->slots[find_slot(keys, old.slots[i])] = old.slots[i];
    mem_budget_force(keys->budget, (int64_t)((slot_count - old.slot_count) * sizeof *keys->slots));
    mem_free(old.slots);
}

/* False when it is there already. */
static bool insert(RowKeys *keys, Hash128 hash)
{
    size_t at = find_slot(keys, hash);
    if (keys->slots[at].low)
        return false;
    keys->slots[at] = hash;
    keys->count++;
    return true;
}

/* Linear probing without tombstones: later members of the run move up. */
static void erase(RowKeys *keys, Hash128 hash)
{
    size_t mask = keys->slot_count - 1;
    size_t hole = find_slot(keys, hash);

    if (!keys->slots[hole].low)
        return;
    for (size_t at = (hole + 1) & mask; keys->slots[at].low; at = (at + 1) & mask) {
        size_t home = keys->slots[at].high & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            keys->slots[hole] = keys->slots[at];
            hole = at;
        }
    }
    keys->slots[hole] = (Hash128){0};
    keys->count--;
}

static void describe_key(const Table *table, const TableKey *key, const RecordBatch *rows, uint32_t row, Error *err)
{
    CLEANUP(buf_done) Buf names = {0};
    CLEANUP(buf_done) Buf values = {0};

    for (uint32_t i = 0; i < key->column_count; i++) {
        const Column *c = &rows->columns[key->columns[i]];
        const char *comma = i ? ", " : "";
        buf_printf(&names, "%s%.*s", comma, STR_FMT(table->columns[key->columns[i]].name));
        if (column_is_null(c, row))
            buf_printf(&values, "%snull", comma);
        else if (type_is_integer(c->type))
            buf_printf(&values, "%s%" PRId64, comma, column_i64(c, row));
        else if (type_is_text(c->type))
            buf_printf(&values, "%s%.*s", comma, STR_FMT(column_str(c, row)));
        else
            buf_printf(&values, "%s...", comma);
    }
    error_detail(err, "Key (%.*s)=(%.*s) already exists.", (int)names.len, names.ptr,
                 (int)values.len, values.ptr);
}

/* The keys of one row; those before `key_end` were inserted when it is refused. */
static bool insert_row(RowKeys *keys, const Table *table, const RecordBatch *rows, uint32_t row,
                       Buf *scratch, uint32_t *ret_key)
{
    for (uint32_t k = 0; k < table->key_count; k++) {
        *ret_key = k;
        if (has_key(&table->keys[k], rows, row) &&
            !insert(keys, key_hash(&table->keys[k], rows, row, scratch)))
            return false;
    }
    return true;
}

static void erase_row(RowKeys *keys, const Table *table, const RecordBatch *rows, uint32_t row,
                      uint32_t key_end, Buf *scratch)
{
    for (uint32_t k = 0; k < key_end; k++)
        if (has_key(&table->keys[k], rows, row))
            erase(keys, key_hash(&table->keys[k], rows, row, scratch));
}

Status row_keys_reserve(RowKeys *keys, const Table *table, const RecordBatch *rows, Error *err)
{
    CLEANUP(buf_done) Buf scratch = {0};
    uint32_t row = 0;
    uint32_t key = 0;

    if (!table->key_count)
        return STATUS_OK;
    mutex_lock(&keys->lock);
    grow(keys, (size_t)rows->row_count * table->key_count);
    while (row < rows->row_count && insert_row(keys, table, rows, row, &scratch, &key))
        row++;
    if (row < rows->row_count) {
        erase_row(keys, table, rows, row, key, &scratch);
        for (uint32_t undo = 0; undo < row; undo++)
            erase_row(keys, table, rows, undo, table->key_count, &scratch);
    }
    mutex_unlock(&keys->lock);
    if (row == rows->row_count)
        return STATUS_OK;
    (void)error_set_sql(err, STATUS_EXISTS, "23505", 0,
                        "duplicate key value violates unique constraint \"%.*s\"",
                        STR_FMT(table->keys[key].name));
    describe_key(table, &table->keys[key], rows, row, err);
    return STATUS_EXISTS;
}

void row_keys_release(RowKeys *keys, const Table *table, const RecordBatch *rows)
{
    CLEANUP(buf_done) Buf scratch = {0};

    if (!table->key_count)
        return;
    MUTEX_GUARD(&keys->lock);
    for (uint32_t row = 0; row < rows->row_count; row++)
        erase_row(keys, table, rows, row, table->key_count, &scratch);
}

void row_keys_load(RowKeys *keys, const Table *table, const RecordBatch *rows)
{
    CLEANUP(buf_done) Buf scratch = {0};

    if (!table->key_count)
        return;
    MUTEX_GUARD(&keys->lock);
    grow(keys, (size_t)rows->row_count * table->key_count);
    for (uint32_t row = 0; row < rows->row_count; row++)
        for (uint32_t k = 0; k < table->key_count; k++)
            if (has_key(&table->keys[k], rows, row))
                (void)insert(keys, key_hash(&table->keys[k], rows, row, &scratch));
}

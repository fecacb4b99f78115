#include "storage/rows/row_keys.h"

#include "format/pgtype/numeric.h"
#include "format/pgtype/pgtype.h"

void row_keys_init(RowKeys *keys, MemBudget *budget)
{
    *keys = (RowKeys){.budget = budget};
}

void row_keys_clear(RowKeys *keys)
{
    if (keys->budget)
        mem_budget_release(keys->budget, (int64_t)(keys->slot_count * sizeof *keys->slots));
    mem_free(keys->slots);
    keys->slots = NULL;
    keys->slot_count = keys->count = 0;
}

void row_keys_done(RowKeys *keys)
{
    row_keys_clear(keys);
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

/* `picks` = where the key's columns are in `columns`; NULL = one after another. */
static bool hash_values(const TableKey *key, const Column *columns, const uint16_t *picks,
                        uint32_t row, Buf *scratch, Hash128 *ret)
{
    buf_clear(scratch);
    buf_append_u32(scratch, key->id); /* the keys of a table share one set */
    for (uint32_t i = 0; i < key->column_count; i++) {
        const Column *c = &columns[picks ? picks[i] : i];
        bool null = column_is_null(c, row);
        if (null && !key->nulls_not_distinct)
            return false;
        buf_append_byte(scratch, null);
        if (!null)
            append_value(c, row, scratch);
    }
    *ret = hash128_secret(scratch->ptr, scratch->len);
    ret->low |= 1; /* so that no key looks like an empty slot */
    return true;
}

bool row_key_of_row(const TableKey *key, const RecordBatch *rows, uint32_t row, Buf *scratch,
                    Hash128 *ret_hash)
{
    return hash_values(key, rows->columns, key->columns, row, scratch, ret_hash);
}

bool row_key_of_values(const TableKey *key, const Column *values, uint32_t row, Buf *scratch,
                       Hash128 *ret_hash)
{
    return hash_values(key, values, NULL, row, scratch, ret_hash);
}

Status row_key_exists(const TableKey *key, const Table *table, const RecordBatch *rows,
                      uint32_t row, Error *err)
{
    CLEANUP(buf_done) Buf names = {0};
    CLEANUP(buf_done) Buf values = {0};
    PgSettings settings;

    pg_settings_init(&settings);
    for (uint32_t i = 0; i < key->column_count; i++) {
        const Column *c = &rows->columns[key->columns[i]];
        buf_printf(&names, "%s%.*s", i ? ", " : "", STR_FMT(table->columns[key->columns[i]].name));
        if (i)
            buf_append_lit(&values, ", ");
        if (column_is_null(c, row))
            buf_append_lit(&values, "null");
        else
            pgtype_append_text(c, row, &settings, &values);
    }
    (void)error_set_sql(err, STATUS_EXISTS, "23505", 0,
                        "duplicate key value violates unique constraint \"%.*s\"",
                        STR_FMT(key->name));
    error_detail(err, "Key (%.*s)=(%.*s) already exists.", (int)names.len, names.ptr,
                 (int)values.len, values.ptr);
    return STATUS_EXISTS;
}

/* ---------------------------------------------------------------- the set */

static size_t find_slot(const RowKeys *keys, Hash128 hash)
{
    size_t mask = keys->slot_count - 1;
    size_t at = hash.high & mask;

    while (keys->slots[at].hash.low &&
           (keys->slots[at].hash.low != hash.low || keys->slots[at].hash.high != hash.high))
        at = (at + 1) & mask;
    return at;
}

static void grow(RowKeys *keys)
{
    size_t slot_count = LUMA_MAX(keys->slot_count * 2, (size_t)64);
    RowKeys old = *keys;

    keys->slots = mem_zalloc(slot_count * sizeof *keys->slots);
    keys->slot_count = slot_count;
    for (size_t i = 0; i < old.slot_count; i++)
        if (old.slots[i].hash.low)
            keys->slots[find_slot(keys, old.slots[i].hash)] = old.slots[i];
    if (keys->budget)
        mem_budget_force(keys->budget,
                         (int64_t)((slot_count - old.slot_count) * sizeof *keys->slots));
    mem_free(old.slots);
}

RowKeySlot *row_keys_find(const RowKeys *keys, Hash128 hash)
{
    if (!keys->count)
        return NULL;
    RowKeySlot *slot = &keys->slots[find_slot(keys, hash)];
    return slot->hash.low ? slot : NULL;
}

RowKeySlot *row_keys_put(RowKeys *keys, Hash128 hash)
{
    if (keys->count >= keys->slot_count / 4 * 3)
        grow(keys);
    RowKeySlot *slot = &keys->slots[find_slot(keys, hash)];
    if (!slot->hash.low) {
        *slot = (RowKeySlot){.hash = hash, .row_id = ROW_ID_NONE};
        keys->count++;
    }
    return slot;
}

/* Linear probing without tombstones: later members of the run move up. */
void row_keys_erase(RowKeys *keys, Hash128 hash)
{
    if (!keys->count)
        return;
    size_t mask = keys->slot_count - 1;
    size_t hole = find_slot(keys, hash);

    if (!keys->slots[hole].hash.low)
        return;
    for (size_t at = (hole + 1) & mask; keys->slots[at].hash.low; at = (at + 1) & mask) {
        size_t home = keys->slots[at].hash.high & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            keys->slots[hole] = keys->slots[at];
            hole = at;
        }
    }
    keys->slots[hole] = (RowKeySlot){0};
    keys->count--;
}

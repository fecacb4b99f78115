#include "query/exec/group_table.h"

#include "base/hash.h"

enum {
    SLOTS_MIN = 256,
    DICT_CODES_MAX = 1 << 16, /* larger dictionaries are not remembered */
};

Status group_table_init(GroupTable *table, MemBudget *budget, const Type *types, uint32_t key_count,
                        Error *err)
{
    *table = (GroupTable){.budget = budget, .key_count = key_count};
    table->types = MEM_NEW_ARRAY(Type, key_count + 1);
    table->eqs = MEM_NEW_ARRAY(ValueEq, key_count + 1);
    for (uint32_t i = 0; i < key_count; i++) {
        table->types[i] = types[i];
        table->eqs[i] = value_eq_fn(types[i]);
    }
    size_t width = key_count == 1 ? layout_width(type_layout(types[0])) : 0;
    table->narrow = key_count == 1 && value_is_bitwise(types[0]) && width > 0 && width <= 8;
    table->text = key_count == 1 && !types[0].is_array &&
                  (types[0].id == TYPE_TEXT || types[0].id == TYPE_VARCHAR);
    return rowset_init(&table->keys, budget, types, key_count, err);
}

void group_table_done(GroupTable *table)
{
    rowset_done(&table->keys);
    mem_free(table->slots);
    mem_free(table->pending);
    mem_free(table->dict_groups);
    if (table->budget && table->dict_cap)
        mem_budget_release(table->budget, (int64_t)sizeof(DictGroup) * table->dict_cap);
    mem_free(table->types);
    mem_free(table->eqs);
    if (table->budget && table->charged_bytes)
        mem_budget_release(table->budget, table->charged_bytes);
    *table = (GroupTable){0};
}

static inline uint64_t slot_hash(const GroupTable *table, uint64_t key)
{
    return table->narrow ? hash_u64(key) : key;
}

static Status grow(GroupTable *table, Error *err)
{
    uint32_t count = table->slot_count ? table->slot_count * 2 : (uint32_t)SLOTS_MIN;
    int64_t bytes = (int64_t)sizeof(GroupSlot) * count;
    if (!count)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "too many groups");
    if (table->budget)
        TRY(mem_budget_charge(table->budget, bytes, err));
    GroupSlot *slots = mem_zalloc((size_t)bytes);
    for (uint32_t i = 0; i < table->slot_count; i++) {
        if (!table->slots[i].group)
            continue;
        uint32_t at = (uint32_t)slot_hash(table, table->slots[i].key) & (count - 1);
        while (slots[at].group)
            at = (at + 1) & (count - 1);
        slots[at] = table->slots[i];
    }
    mem_free(table->slots);
    if (table->budget && table->charged_bytes)
        mem_budget_release(table->budget, table->charged_bytes);
    table->charged_bytes = bytes;
    table->slots = slots;
    table->slot_count = count;
    return STATUS_OK;
}

static inline uint32_t group_count(const GroupTable *table)
{
    return table->keys.row_count + table->pending_count;
}

/* The row's keys join the table's when the batch is done, all new ones at once. */
static uint32_t new_group(GroupTable *table, uint32_t row)
{
    MEM_GROW(table->pending, table->pending_cap, table->pending_count + 1);
    table->pending[table->pending_count] = row;
    return table->keys.row_count + table->pending_count++;
}

static Status keep_new_groups(GroupTable *table, const Column *keys, Error *err)
{
    uint32_t count = table->pending_count;
    table->pending_count = 0;
    return count ? rowset_append(&table->keys, keys, table->pending, count, err) : STATUS_OK;
}

/* Tables beyond the caches: the slot is fetched some rows ahead. */
enum { PREFETCH_SLOTS_MIN = 1 << 14, PREFETCH_ROWS = 12 };

static inline void prefetch_slot(const GroupTable *table, uint64_t hash)
{
    __builtin_prefetch(&table->slots[(uint32_t)hash & (table->slot_count - 1)]);
}

/* ---------------------------------------------------------------- one narrow key */

static Status find_narrow_one(GroupTable *table, uint32_t row, uint64_t bits, uint32_t *ret_group,
                              Error *err)
{
    if ((uint64_t)group_count(table) * 2 >= table->slot_count)
        TRY(grow(table, err));
    uint32_t mask = table->slot_count - 1;
    uint32_t at = (uint32_t)hash_u64(bits) & mask;
    for (; table->slots[at].group; at = (at + 1) & mask) {
        if (table->slots[at].key == bits) {
            *ret_group = table->slots[at].group - 1;
            return STATUS_OK;
        }
    }
    if (table->frozen) {
        *ret_group = GROUP_NONE;
        return STATUS_OK;
    }
    *ret_group = new_group(table, row);
    table->slots[at] = (GroupSlot){.key = bits, .group = *ret_group + 1};
    return STATUS_OK;
}

static uint32_t find_null(GroupTable *table, uint32_t row)
{
    if (!table->null_group && !table->frozen)
        table->null_group = new_group(table, row) + 1;
    return table->null_group - 1; /* 0 - 1 = GROUP_NONE */
}

/* Equal neighbours are common (time buckets, sorted series): the last answer is tried first. */
#define NARROW_LOOP(ctype)                                                                         \
    do {                                                                                           \
        const ctype *values = key->values;                                                         \
        uint64_t last = 0;                                                                         \
        uint32_t group = UINT32_MAX;                                                               \
        bool known = false;                                                                        \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            if (table->slot_count >= PREFETCH_SLOTS_MIN && i + PREFETCH_ROWS < rows)               \
                prefetch_slot(table, hash_u64((uint64_t)(int64_t)values[i + PREFETCH_ROWS]));      \
            if (key->validity && !bit_get(key->validity, i)) {                                     \
                group_of[i] = find_null(table, i);                                                 \
                continue;                                                                          \
            }                                                                                      \
            uint64_t bits = (uint64_t)(int64_t)values[i];                                          \
            if (bits != last || !known) {                                                          \
                TRY(find_narrow_one(table, i, bits, &group, err));                                 \
                last = bits;                                                                       \
                known = true;                                                                      \
            }                                                                                      \
            group_of[i] = group;                                                                   \
        }                                                                                          \
    } while (0)

static Status find_narrow(GroupTable *table, const Column *key, uint32_t rows, uint32_t *group_of,
                          Error *err)
{
    switch (layout_width(type_layout(key->type))) {
    case 1:
        NARROW_LOOP(int8_t);
        break;
    case 2:
        NARROW_LOOP(int16_t);
        break;
    case 4:
        NARROW_LOOP(int32_t);
        break;
    default:
        NARROW_LOOP(int64_t);
        break;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- any keys */

static bool rows_equal(const GroupTable *table, const Column *a, uint32_t a_row, const Column *b,
                       uint32_t b_row)
{
    for (uint32_t k = 0; k < table->key_count; k++) {
        bool a_null = column_is_null(&a[k], a_row);
        bool b_null = column_is_null(&b[k], b_row);
        if (a_null || b_null) {
            if (a_null != b_null)
                return false;
            continue;
        }
        if (!table->eqs[k](&a[k], a_row, &b[k], b_row))
            return false;
    }
    return true;
}

static bool row_equals(const GroupTable *table, const RecordBatch *groups, uint32_t group,
                       const Column *keys, uint32_t row)
{
    if (group >= groups->row_count)
        return rows_equal(table, keys, table->pending[group - groups->row_count], keys, row);
    return rows_equal(table, groups->columns, group, keys, row);
}

static Status find_hashed_one(GroupTable *table, const RecordBatch *groups, const Column *keys,
                              uint32_t row, uint64_t hash, uint32_t *ret_group, Error *err)
{
    if ((uint64_t)group_count(table) * 2 >= table->slot_count)
        TRY(grow(table, err));
    uint32_t mask = table->slot_count - 1;
    uint32_t at = (uint32_t)hash & mask;
    for (; table->slots[at].group; at = (at + 1) & mask) {
        if (table->slots[at].key == hash &&
            row_equals(table, groups, table->slots[at].group - 1, keys, row)) {
            *ret_group = table->slots[at].group - 1;
            return STATUS_OK;
        }
    }
    if (table->frozen) {
        *ret_group = GROUP_NONE;
        return STATUS_OK;
    }
    *ret_group = new_group(table, row);
    table->slots[at] = (GroupSlot){.key = hash, .group = *ret_group + 1};
    return STATUS_OK;
}

static Status find_hashed(GroupTable *table, const Column *keys, uint32_t rows, Arena *scratch,
                          uint32_t *group_of, Error *err)
{
    uint64_t *hashes;
    RecordBatch groups = rowset_batch(&table->keys);
    TRY(arena_try_alloc(scratch, sizeof(uint64_t) * ((size_t)rows + 1), &hashes, err));
    if (!table->key_count)
        memset(hashes, 0, sizeof(uint64_t) * rows);
    for (uint32_t k = 0; k < table->key_count; k++)
        value_hash_column(&keys[k], rows, k > 0, hashes);
    for (uint32_t i = 0; i < rows; i++) {
        if (table->slot_count >= PREFETCH_SLOTS_MIN && i + PREFETCH_ROWS < rows)
            prefetch_slot(table, hashes[i + PREFETCH_ROWS]);
        if (i && hashes[i] == hashes[i - 1] && rows_equal(table, keys, i - 1, keys, i)) {
            group_of[i] = group_of[i - 1];
            continue;
        }
        TRY(find_hashed_one(table, &groups, keys, i, hashes[i], &group_of[i], err));
    }
    return STATUS_OK;
}

static Status find_plain(GroupTable *table, const Column *keys, uint32_t rows, Arena *scratch,
                         uint32_t *group_of, Error *err)
{
    Column flat;
    table->pending_count = 0;
    if (table->narrow && keys[0].dict) {
        TRY(column_flatten(&keys[0], scratch, &flat, err));
        keys = &flat;
    }
    if (table->narrow)
        TRY(find_narrow(table, &keys[0], rows, group_of, err));
    else
        TRY(find_hashed(table, keys, rows, scratch, group_of, err));
    return keep_new_groups(table, keys, err);
}

/* ---------------------------------------------------------------- one dictionary key */

static Status reserve_codes(GroupTable *table, uint32_t codes, Error *err)
{
    if (codes <= table->dict_cap)
        return STATUS_OK;
    int64_t bytes = (int64_t)sizeof(DictGroup) * (codes - table->dict_cap);
    if (table->budget)
        TRY(mem_budget_charge(table->budget, bytes, err));
    table->dict_groups = mem_realloc(table->dict_groups, sizeof(DictGroup) * codes);
    memset(table->dict_groups + table->dict_cap, 0, (size_t)bytes);
    table->dict_cap = codes;
    return STATUS_OK;
}

/* Is this entry the key of the group? */
static inline bool is_entry(const GroupTable *table, const RecordBatch *groups, uint32_t group,
                            const Column *dict, uint32_t code)
{
    if (!table->text || dict->validity || dict->dict || dict->is_const ||
        column_is_null(&groups->columns[0], group))
        return row_equals(table, groups, group, dict, code);
    return view_eq((const View *)groups->columns[0].values + group,
                   (const View *)dict->values + code);
}

static Status find_code(GroupTable *table, const Column *dict, uint32_t code, Arena *scratch,
                        Error *err)
{
    Column entry;
    Column flat;
    uint32_t group;

    TRY(column_slice(dict, code, 1, scratch, &entry, err));
    TRY(column_flatten(&entry, scratch, &flat, err));
    TRY(find_plain(table, &flat, 1, scratch, &group, err));
    table->dict_groups[code].group = group + 1;
    return STATUS_OK;
}

static Status find_null_row(GroupTable *table, const Column *key, Arena *scratch,
                            uint32_t *ret_group, Error *err)
{
    Column null;
    TRY(column_init_null(&null, scratch, key->type, 1, err));
    return find_plain(table, &null, 1, scratch, ret_group, err);
}

/* An earlier batch, perhaps of another dictionary, may have left the right answer for a code: it is
 * compared with the entry once a batch, and only if it is wrong is the entry looked up. */
static Status find_dictionary(GroupTable *table, const Column *key, uint32_t rows, Arena *scratch,
                              uint32_t *group_of, Error *err)
{
    const uint32_t *codes = key->values;
    uint32_t null_group = UINT32_MAX;
    RecordBatch groups = rowset_batch(&table->keys);

    TRY(reserve_codes(table, key->dict->len, err));
    if (++table->dict_batch == 0) {
        memset(table->dict_groups, 0, sizeof(DictGroup) * table->dict_cap);
        table->dict_batch = 1;
    }
    for (uint32_t i = 0; i < rows; i++) {
        if (LUMA_UNLIKELY(key->validity && !bit_get(key->validity, i))) {
            if (null_group == UINT32_MAX)
                TRY(find_null_row(table, key, scratch, &null_group, err));
            group_of[i] = null_group;
            groups = rowset_batch(&table->keys);
            continue;
        }
        DictGroup *known = &table->dict_groups[codes[i]];
        if (known->batch != table->dict_batch) {
            known->batch = table->dict_batch;
            if (!known->group || !is_entry(table, &groups, known->group - 1, key->dict, codes[i])) {
                TRY(find_code(table, key->dict, codes[i], scratch, err));
                groups = rowset_batch(&table->keys);
            }
        }
        group_of[i] = known->group - 1; /* 0 - 1 = GROUP_NONE, of a frozen table */
    }
    return STATUS_OK;
}

Status group_table_find(GroupTable *table, const Column *keys, uint32_t rows, Arena *scratch,
                        uint32_t *group_of, Error *err)
{
    bool constant = true;
    if (!rows)
        return STATUS_OK;
    for (uint32_t k = 0; k < table->key_count; k++)
        constant &= keys[k].is_const;
    if (constant) {
        Column *one;
        TRY(arena_try_alloc(scratch, sizeof(Column) * (table->key_count + 1), &one, err));
        for (uint32_t k = 0; k < table->key_count; k++) {
            Column slot = keys[k];
            slot.is_const = false;
            slot.len = 1;
            TRY(column_flatten(&slot, scratch, &one[k], err));
        }
        TRY(find_plain(table, one, 1, scratch, group_of, err));
        for (uint32_t i = 1; i < rows; i++)
            group_of[i] = group_of[0];
        return STATUS_OK;
    }
    if (table->key_count == 1 && keys[0].dict && keys[0].dict->len <= DICT_CODES_MAX)
        return find_dictionary(table, &keys[0], rows, scratch, group_of, err);
    return find_plain(table, keys, rows, scratch, group_of, err);
}

#include "storage/rows/row_store.h"

#include "base/map.h"
#include "storage/rows/row_int.h"

enum { SEGMENT_ROWS_MIN = 256 };

struct RowStore {
    MemBudget *budget;
    SegmentMap *map;
    TermBuilder *builder; /* the applier's */
    Mutex lock;           /* guards tables */
    Map tables;           /* store id (4 bytes, in the RowTable) -> RowTable, a reference each */
};

/* ---------------------------------------------------------------- store */

RowStore *row_store_new(SegmentMap *map, MemBudget *budget)
{
    RowStore *store = MEM_NEW(RowStore);

    store->budget = budget;
    store->map = map;
    store->builder = term_builder_new(budget);
    mutex_init(&store->lock);
    return store;
}

RowStore *row_store_free(RowStore *store)
{
    size_t pos = 0;

    if (!store)
        return NULL;
    for (const MapSlot *slot; (slot = map_next(&store->tables, &pos));)
        row_table_unref(slot->value);
    map_done(&store->tables);
    term_builder_free(store->builder);
    mutex_done(&store->lock);
    mem_free(store);
    return NULL;
}

static Str id_key(const uint32_t *id)
{
    return str_make(id, sizeof *id);
}

static RowTable *new_table(RowStore *store, const Table *schema)
{
    RowTable *table = MEM_NEW(RowTable);

    table->ref_count = 1;
    table->budget = store->budget;
    table->map = store->map;
    table->builder = store->builder;
    table->schema = *schema;
    arena_init(&table->arena, NULL);
    TableColumn *columns =
        arena_dup(&table->arena, schema->columns, sizeof *schema->columns * schema->column_count);
    table->types = ARENA_NEW_ARRAY(&table->arena, Type, schema->column_count);
    table->index_kinds = ARENA_NEW_ARRAY(&table->arena, uint8_t, schema->column_count);
    row_index_kinds(schema, table->index_kinds);
    for (uint32_t i = 0; i < schema->column_count; i++) {
        columns[i].name = arena_str(&table->arena, columns[i].name);
        columns[i].default_text = (Str){"", 0};
        table->types[i] = columns[i].type;
    }
    table->schema.columns = columns;
    table->schema.schema = arena_str(&table->arena, schema->schema);
    table->schema.name = arena_str(&table->arena, schema->name);
    table->schema.options = (Str){"", 0};
    TableKey *keys = arena_dup(&table->arena, schema->keys, sizeof *keys * schema->key_count);
    for (uint32_t i = 0; i < schema->key_count; i++) {
        keys[i].name = arena_str(&table->arena, keys[i].name);
        keys[i].columns = arena_dup(&table->arena, keys[i].columns,
                                    sizeof *keys[i].columns * keys[i].column_count);
    }
    table->schema.keys = keys;
    table->schema.checks = NULL; /* checked before rows get here */
    table->schema.check_count = 0;
    row_keys_init(&table->keys, store->budget);
    mutex_init(&table->lock);
    return table;
}

void row_store_create(RowStore *store, const Table *schema)
{
    MUTEX_GUARD(&store->lock);
    if (map_get(&store->tables, id_key(&schema->store_id)))
        return;
    RowTable *table = new_table(store, schema);
    *map_put(&store->tables, id_key(&table->schema.store_id), NULL) = table;
}

void row_store_drop(RowStore *store, uint32_t store_id)
{
    mutex_lock(&store->lock);
    RowTable *table = map_remove(&store->tables, id_key(&store_id));
    mutex_unlock(&store->lock);
    row_table_unref(table);
}

RowTable *row_store_find(RowStore *store, uint32_t store_id)
{
    MUTEX_GUARD(&store->lock);
    RowTable *table = map_get(&store->tables, id_key(&store_id));
    if (table)
        (void)__atomic_add_fetch(&table->ref_count, 1, __ATOMIC_RELAXED);
    return table;
}

void row_store_index(RowStore *store, uint32_t store_id, Str column)
{
    RowTable *table = row_store_find(store, store_id);
    uint32_t column_count = table ? table->schema.column_count : 0;

    for (uint32_t i = 0; i < column_count; i++) {
        const TableColumn *c = &table->schema.columns[i];
        if (!str_eq(c->name, column) || !row_filter_can(c->type, SCAN_MATCHES) ||
            table->index_kinds[i] != ROW_INDEX_NONE)
            continue;
        table->index_kinds[i] = ROW_INDEX_TERMS;
        for (uint32_t s = 0; s < table->segment_count; s++) /* only the applier changes the list */
            if (table->segments[s]->sealed)
                row_index_add_terms(table->segments[s], i, table->builder);
    }
    row_table_unref(table);
}

RowTable *row_table_unref(RowTable *table)
{
    /* acq_rel: whoever frees must see every other holder's last use. */
    if (!table || __atomic_sub_fetch(&table->ref_count, 1, __ATOMIC_ACQ_REL) != 0)
        return NULL;
    for (uint32_t i = 0; i < table->segment_count; i++) {
        if (table->segments[i]->sealed)
            (void)segment_unref(segment_map_remove(table->map, table->segments[i]->base.id));
        row_segment_unref(table->segments[i]);
    }
    mem_free(table->segments);
    row_keys_done(&table->keys);
    mutex_done(&table->lock);
    arena_done(&table->arena);
    mem_free(table);
    return NULL;
}

/* ---------------------------------------------------------------- table */

Status row_table_check(const RowTable *table, const RecordBatch *rows, Error *err)
{
    if (rows->column_count != table->schema.column_count)
        return error_set(err, STATUS_INVALID, "table \"%.*s\" has %u columns, the rows have %u",
                         STR_FMT(table->schema.name), table->schema.column_count,
                         rows->column_count);
    for (uint32_t i = 0; i < rows->column_count; i++)
        if (!type_eq(rows->columns[i].type, table->types[i]))
            return error_set(err, STATUS_INVALID,
                             "column \"%.*s\" is given with another type than the table's",
                             STR_FMT(table->schema.columns[i].name));
    return STATUS_OK;
}

void row_table_close(RowTable *table, bool closed)
{
    MUTEX_GUARD(&table->lock);
    table->closed = closed;
}

uint32_t row_table_writers(RowTable *table)
{
    MUTEX_GUARD(&table->lock);
    return table->writers;
}

Lsn row_table_changed_lsn(RowTable *table)
{
    return __atomic_load_n(&table->changed_lsn, __ATOMIC_RELAXED);
}

uint64_t row_table_row_count(RowTable *table)
{
    return __atomic_load_n(&table->row_count, __ATOMIC_RELAXED);
}

/* Replaces the full open segment by its sealed copy. Only the applier changes the list, so it may
 * read it without the lock. */
static void seal_last(RowTable *table)
{
    RowSegment *open = table->segments[table->segment_count - 1];
    RowSegment *sealed = row_segment_seal(open);

    row_index_build(sealed, table->index_kinds, table->schema.column_count, table->builder);
    (void)segment_map_insert(table->map, &sealed->base);
    mutex_lock(&table->lock);
    sealed->deletes = row_deletes_ref(open->deletes);
    table->segments[table->segment_count - 1] = sealed;
    mutex_unlock(&table->lock);
    row_segment_unref(open);
}

static RowSegment *open_segment(RowTable *table, Lsn lsn)
{
    uint64_t cap = LUMA_MAX(table->row_count, (uint64_t)SEGMENT_ROWS_MIN);
    RowSegment *segment = row_segment_new(table->types, table->schema.column_count,
                                          (uint32_t)LUMA_MIN(cap, (uint64_t)ROW_SEGMENT_ROWS_MAX),
                                          lsn, table->schema.store_id, table->budget);

    segment->row_id_base = table->next_row_id;
    segment->first_write_id = table->last_write_id;
    MUTEX_GUARD(&table->lock);
    MEM_GROW(table->segments, table->segment_cap, table->segment_count + 1);
    table->segments[table->segment_count++] = segment;
    return segment;
}

static void load_row_keys(RowTable *table, const RecordBatch *rows, uint64_t row_id)
{
    CLEANUP(buf_done) Buf scratch = {0};
    Hash128 hash;

    MUTEX_GUARD(&table->lock);
    for (uint32_t row = 0; row < rows->row_count; row++)
        for (uint32_t k = 0; k < table->schema.key_count; k++)
            if (row_key_of_row(&table->schema.keys[k], rows, row, &scratch, &hash))
                row_keys_put(&table->keys, hash)->row_id = row_id + row;
}

uint64_t row_table_append(RowTable *table, Lsn lsn, const RecordBatch *rows, bool load_keys)
{
    RowSegment *open = table->segment_count ? table->segments[table->segment_count - 1] : NULL;
    uint64_t row_id = table->next_row_id;
    uint32_t done = 0;

    if (lsn != table->last_lsn)
        table->last_write_id = row_id;
    table->last_lsn = lsn;
    while (done < rows->row_count) {
        if (!open || open->sealed || !row_segment_takes(open, lsn)) {
            if (open && !open->sealed)
                seal_last(table);
            open = open_segment(table, lsn);
        }
        uint32_t count = LUMA_MIN(rows->row_count - done, open->cap - open->row_count);
        row_segment_append(open, lsn, rows, done, count);
        done += count;
        table->next_row_id += count;
        __atomic_store_n(&table->row_count, table->row_count + count, __ATOMIC_RELAXED);
    }
    if (open && !open->sealed && open->row_count == open->cap)
        seal_last(table);
    if (load_keys && table->schema.key_count)
        load_row_keys(table, rows, row_id);
    return row_id;
}

void row_table_truncate(RowTable *table, Lsn lsn)
{
    RowKeys kept;

    if (table->segment_count && !table->segments[table->segment_count - 1]->sealed)
        seal_last(table); /* later rows go into another segment */
    row_keys_init(&kept, table->budget);
    mutex_lock(&table->lock);
    for (uint32_t i = 0; i < table->segment_count; i++)
        if (!table->segments[i]->truncated)
            __atomic_store_n(&table->segments[i]->truncated, row_delete_value(lsn),
                             __ATOMIC_RELAXED);
    for (size_t i = 0; i < table->keys.slot_count; i++)
        if (table->keys.slots[i].hash.low && table->keys.slots[i].owner)
            row_keys_put(&kept, table->keys.slots[i].hash)->owner = table->keys.slots[i].owner;
    row_keys_done(&table->keys);
    table->keys = kept;
    table->truncate_lsn = lsn;
    table->dead_rows = UINT64_MAX / 2; /* all of them: worth a look at once */
    mutex_unlock(&table->lock);
    __atomic_store_n(&table->row_count, 0, __ATOMIC_RELAXED);
}

uint32_t row_table__segments(RowTable *table, Arena *arena, RowSegment ***ret_segments)
{
    MUTEX_GUARD(&table->lock);
    RowSegment **segments = ARENA_NEW_ARRAY(arena, RowSegment *, table->segment_count);
    for (uint32_t i = 0; i < table->segment_count; i++)
        segments[i] = row_segment_ref(table->segments[i]);
    *ret_segments = segments;
    return table->segment_count;
}

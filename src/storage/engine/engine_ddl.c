/* engine_ddl.c - catalog changes on their way to the log, and schema changes of one statement.
 *
 * A batch with catalog changes is written while it is its turn: it is checked against the current
 * version, and nothing comes between the check and the applier. Ids come from a counter that never
 * goes back, so an object that was given up leaves a gap. */
#include "storage/engine/engine_int.h"

/* Catalog changes after which catalog.db is written again, so that its loss costs little. */
enum { CATALOG_SAVE_CHANGES = 256 };

static void take_turn(Engine *engine)
{
    MUTEX_GUARD(&engine->ddl_lock);
    while (engine->ddl_busy)
        cond_wait(&engine->ddl_free, &engine->ddl_lock);
    engine->ddl_busy = true;
}

static void end_turn(Engine *engine)
{
    MUTEX_GUARD(&engine->ddl_lock);
    engine->ddl_busy = false;
    cond_signal(&engine->ddl_free);
}

uint32_t engine_new_id(Engine *engine)
{
    return __atomic_fetch_add(&engine->next_id, 1, __ATOMIC_RELAXED);
}

uint32_t engine_new_temporary_id(Engine *engine)
{
    return __atomic_fetch_add(&engine->next_temporary_id, 1, __ATOMIC_RELAXED);
}

Status write_batch_catalog(WriteBatch *batch, const CatalogChange *change, Error *)
{
    CatalogChange copy = *change;

    if (change->object)
        copy.object = catalog_copy(change->kind, change->object, &batch->arena);
    ARENA_PUSH(&batch->arena, batch->changes, batch->change_count, batch->change_cap, copy);
    return STATUS_OK;
}

void engine_open_store(Engine *engine, const Table *table)
{
    row_store_create(engine->rows, table);
}

void engine_drop_store(Engine *engine, uint32_t store_id)
{
    row_store_drop(engine->rows, store_id);
}

bool engine__changes_catalog(const WriteBatch *batch)
{
    for (size_t i = 0; i < batch->change_count; i++)
        if (batch->changes[i].op != CATALOG_SET_SEQUENCE)
            return true;
    return false;
}

static Status check_changes(Engine *engine, const WriteBatch *batch, Error *err)
{
    CatalogVersion *catalog = engine__catalog(engine);
    CatalogVersion *next = NULL;
    Status status = catalog_apply(catalog, batch->changes, batch->change_count, &next, err);

    catalog_version_unref(next);
    catalog_version_unref(catalog);
    return status;
}

/* Stores that a batch replaces. */
typedef struct Closing {
    RowTable **tables; /* references */
    uint64_t *read_lsns;
    uint32_t *own; /* writers that are the batch itself */
    uint32_t count;
} Closing;

static void find_replaced(Engine *engine, const WriteBatch *batch, Arena *arena, Closing *ret)
{
    CatalogVersion *catalog = engine__catalog(engine);

    ret->tables = ARENA_NEW_ARRAY(arena, RowTable *, batch->change_count);
    ret->read_lsns = ARENA_NEW_ARRAY(arena, uint64_t, batch->change_count);
    ret->own = ARENA_NEW_ARRAY(arena, uint32_t, batch->change_count);
    for (size_t i = 0; i < batch->change_count; i++) {
        const CatalogChange *change = &batch->changes[i];
        if (change->op != CATALOG_PUT || change->kind != CATALOG_TABLE || !change->read_lsn)
            continue;
        const Table *old = catalog_table_by_id(catalog, change->id);
        const Table *table = change->object;
        RowTable *store = old && old->store_id != table->store_id
                              ? row_store_find(engine->rows, old->store_id)
                              : NULL;
        if (!store)
            continue;
        ret->read_lsns[ret->count] = change->read_lsn;
        ret->own[ret->count] = engine__changes(batch, old->store_id) != NULL;
        ret->tables[ret->count++] = store;
    }
    catalog_version_unref(catalog);
}

static bool has_writers(const Closing *closing)
{
    bool any = false;
    for (uint32_t i = 0; i < closing->count; i++)
        any |= row_table_writers(closing->tables[i]) > closing->own[i];
    return any;
}

/* What is under way already ends first; then nothing may have changed since it was read. A write
 * that is waited for is counted before it gets its LSN, so the log cannot tell. */
static Status close_stores(Engine *engine, const Closing *closing, Error *err)
{
    enum { WAITS_MAX = 100, WAIT_NS = 10 * 1000 * 1000 };

    for (uint32_t i = 0; i < closing->count; i++)
        row_table_close(closing->tables[i], true);
    for (int i = 0; i < WAITS_MAX && has_writers(closing); i++)
        engine_wait_write(engine, engine_visible_lsn(engine), WAIT_NS);
    bool busy = has_writers(closing);
    for (uint32_t i = 0; i < closing->count; i++)
        if (busy || row_table_changed_lsn(closing->tables[i]) > closing->read_lsns[i])
            return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                                 "could not serialize access due to concurrent update");
    return STATUS_OK;
}

static void end_closing(const Closing *closing, Status status)
{
    for (uint32_t i = 0; i < closing->count; i++) {
        if (status != STATUS_OK)
            row_table_close(closing->tables[i], false);
        row_table_unref(closing->tables[i]);
    }
}

Status engine__write_ddl(Engine *engine, WriteBatch *batch, Lsn *ret_lsn, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Closing closing = {0};
    Lsn lsn = 0;

    arena_init(&arena, NULL);
    take_turn(engine);
    Status status = check_changes(engine, batch, err);
    if (status == STATUS_OK)
        find_replaced(engine, batch, &arena, &closing);
    if (status == STATUS_OK && closing.count)
        status = write_batch_reserve(batch, err); /* its own writes to the old stores */
    if (status == STATUS_OK)
        status = close_stores(engine, &closing, err);
    if (status == STATUS_OK)
        status = engine__write_and_wait(engine, batch, &lsn, err);
    else
        (void)write_batch_free(batch);
    end_closing(&closing, status);
    /* Ours is the last change until the turn ends. The log has it, so a failure loses nothing. */
    if (status == STATUS_OK &&
        __atomic_load_n(&engine->catalog_changes, __ATOMIC_RELAXED) >= CATALOG_SAVE_CHANGES)
        (void)engine__save_catalog(engine, lsn, NULL);
    end_turn(engine);
    if (status == STATUS_OK && ret_lsn)
        *ret_lsn = lsn;
    return status;
}

/* ---------------------------------------------------------------- one statement */

static Status write_change(Engine *engine, const CatalogChange *change, Error *err)
{
    WriteBatch *batch;

    TRY(write_batch_new(engine, &batch, err));
    Status status = write_batch_catalog(batch, change, err);
    if (status != STATUS_OK) {
        (void)write_batch_free(batch);
        return status;
    }
    return engine_write_wait(engine, batch, NULL, err);
}

static int32_t find_time_column(const CreateTable *create)
{
    for (uint32_t i = 0; i < create->column_count; i++) {
        Type type = create->columns[i].type;
        bool is_time = !type.is_array && (type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ);
        if (create->time_column.len ? str_eq(create->columns[i].name, create->time_column)
                                    : is_time)
            return (int32_t)i;
    }
    return -1;
}

static uint32_t existing_table(Engine *engine, Str schema, Str name)
{
    CatalogVersion *catalog = engine__catalog(engine);
    const Table *old = catalog_find_table(catalog, schema, name);
    uint32_t id = old ? old->id : 0;

    catalog_version_unref(catalog);
    return id;
}

Status engine_create_table(Engine *engine, const CreateTable *create, uint32_t *ret_id, Error *err)
{
    Table table = {.id = engine_new_id(engine),
                   .schema_version = 1,
                   .schema = create->schema,
                   .name = create->name,
                   .kind = TABLE_USER,
                   .columns = create->columns,
                   .column_count = create->column_count,
                   .time_column = find_time_column(create),
                   .options = create->options,
                   .keys = create->keys,
                   .key_count = create->key_count,
                   .checks = create->checks,
                   .check_count = create->check_count};

    table.store_id = table.id;
    if (create->time_column.len && table.time_column < 0)
        return error_set_sql(err, STATUS_INVALID, "42703", 0, "column \"%.*s\" does not exist",
                             STR_FMT(create->time_column));
    Status status = write_change(
        engine,
        &(CatalogChange){
            .op = CATALOG_PUT, .kind = CATALOG_TABLE, .id = table.id, .object = &table},
        err);
    if (status == STATUS_EXISTS && create->if_not_exists) {
        table.id = existing_table(engine, create->schema, create->name);
        status = table.id ? STATUS_OK : status;
    }
    if (status == STATUS_OK && ret_id)
        *ret_id = table.id;
    return status;
}

static Status drop(Engine *engine, CatalogKind kind, Str schema, Str name, bool if_exists,
                   Error *err)
{
    CatalogVersion *catalog = engine__catalog(engine);
    CatalogKind found;
    const CatalogHead *head = catalog_find(catalog, kind, schema, name, &found);
    CatalogChange change = {.op = CATALOG_DROP, .kind = kind};
    bool missing = !head || found != kind;

    if (!missing) {
        change.id = head->id;
        change.version_before = head->version;
    }
    catalog_version_unref(catalog);
    if (missing && if_exists)
        return STATUS_OK;
    if (missing && kind == CATALOG_SCHEMA)
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0, "schema \"%.*s\" does not exist",
                             STR_FMT(name));
    if (missing)
        return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0, "%s \"%.*s\" does not exist",
                             kind == CATALOG_TABLE ? "table" : "view", STR_FMT(name));
    return write_change(engine, &change, err);
}

Status engine_drop_table(Engine *engine, Str schema, Str name, bool if_exists, Error *err)
{
    return drop(engine, CATALOG_TABLE, schema, name, if_exists, err);
}

Status engine_create_schema(Engine *engine, Str name, bool if_not_exists, Error *err)
{
    CatalogSchema schema = {.id = engine_new_id(engine), .version = 1, .name = name};
    Status status = write_change(
        engine,
        &(CatalogChange){
            .op = CATALOG_PUT, .kind = CATALOG_SCHEMA, .id = schema.id, .object = &schema},
        err);

    return status == STATUS_EXISTS && if_not_exists ? STATUS_OK : status;
}

Status engine_drop_schema(Engine *engine, Str name, bool if_exists, Error *err)
{
    return drop(engine, CATALOG_SCHEMA, STR(""), name, if_exists, err);
}

Status engine_create_view(Engine *engine, Str schema, Str name, Str query, bool replace, Error *err)
{
    CatalogVersion *catalog = engine__catalog(engine);
    const CatalogView *old = replace ? catalog_find_view(catalog, schema, name) : NULL;
    CatalogView view = {.id = old ? old->id : engine_new_id(engine),
                        .version = old ? old->version + 1 : 1,
                        .schema = schema,
                        .name = name,
                        .query = query};
    uint32_t before = old ? old->version : 0;

    catalog_version_unref(catalog);
    return write_change(engine,
                        &(CatalogChange){.op = CATALOG_PUT,
                                         .kind = CATALOG_VIEW,
                                         .id = view.id,
                                         .version_before = before,
                                         .object = &view},
                        err);
}

Status engine_drop_view(Engine *engine, Str schema, Str name, bool if_exists, Error *err)
{
    return drop(engine, CATALOG_VIEW, schema, name, if_exists, err);
}

/* engine_ddl.c - schema changes: one at a time, each an entry of the log. */
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

/* Checks and writes a change while it is our turn, so that nothing comes between. */
static Status write_change(Engine *engine, CatalogChange *change, Error *err)
{
    CatalogVersion *catalog = engine__catalog(engine);
    WriteBatch *batch;

    change->id = catalog_next_id(catalog);
    Status status = catalog_check(catalog, change, err);
    catalog_version_unref(catalog);
    TRY(status);
    TRY(write_batch_new(engine, &batch, err));
    batch->change = change;
    Lsn lsn;
    TRY(engine_write_wait(engine, batch, &lsn, err));
    /* Ours is the last change until the turn ends. The log has it, so a failure loses nothing. */
    if (engine->catalog_changes >= CATALOG_SAVE_CHANGES)
        (void)engine__save_catalog(engine, lsn, NULL);
    return STATUS_OK;
}

static Status change_schema(Engine *engine, CatalogChange *change, Error *err)
{
    take_turn(engine);
    Status status = write_change(engine, change, err);
    end_turn(engine);
    return status;
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

Status engine_create_table(Engine *engine, const CreateTable *create, uint32_t *ret_id, Error *err)
{
    Table table = {.schema_version = 1,
                   .kind = TABLE_USER,
                   .columns = create->columns,
                   .column_count = create->column_count,
                   .time_column = find_time_column(create),
                   .options = create->options,
                   .keys = create->keys,
                   .key_count = create->key_count,
                   .checks = create->checks,
                   .check_count = create->check_count};
    CatalogChange change = {.kind = CATALOG_CREATE_TABLE,
                            .schema = create->schema,
                            .name = create->name,
                            .table = &table};

    if (create->time_column.len && table.time_column < 0)
        return error_set_sql(err, STATUS_INVALID, "42703", 0, "column \"%.*s\" does not exist",
                             STR_FMT(create->time_column));
    Status status = change_schema(engine, &change, err);
    if (status == STATUS_EXISTS && create->if_not_exists) {
        CatalogVersion *catalog = engine__catalog(engine);
        const Table *old = catalog_find_table(catalog, create->schema, create->name);
        if (old) {
            change.id = old->id;
            status = STATUS_OK;
        }
        catalog_version_unref(catalog);
    }
    if (status == STATUS_OK && ret_id)
        *ret_id = change.id;
    return status;
}

static Status drop(Engine *engine, CatalogChange *change, bool if_exists, Error *err)
{
    Status status = change_schema(engine, change, err);
    return status == STATUS_NOT_FOUND && if_exists ? STATUS_OK : status;
}

Status engine_drop_table(Engine *engine, Str schema, Str name, bool if_exists, Error *err)
{
    return drop(engine,
                &(CatalogChange){.kind = CATALOG_DROP_TABLE, .schema = schema, .name = name},
                if_exists, err);
}

Status engine_create_schema(Engine *engine, Str name, bool if_not_exists, Error *err)
{
    Status status =
        change_schema(engine, &(CatalogChange){.kind = CATALOG_CREATE_SCHEMA, .schema = name}, err);
    return status == STATUS_EXISTS && if_not_exists ? STATUS_OK : status;
}

Status engine_drop_schema(Engine *engine, Str name, bool if_exists, Error *err)
{
    return drop(engine, &(CatalogChange){.kind = CATALOG_DROP_SCHEMA, .schema = name}, if_exists,
                err);
}

Status engine_create_view(Engine *engine, Str schema, Str name, Str query, bool replace, Error *err)
{
    CatalogChange change = {
        .kind = CATALOG_CREATE_VIEW, .schema = schema, .name = name, .query = query};

    take_turn(engine);
    CatalogVersion *catalog = engine__catalog(engine);
    bool there = catalog_find_view(catalog, schema, name) != NULL;
    catalog_version_unref(catalog);
    Status status = there && !replace
                        ? error_set_sql(err, STATUS_EXISTS, "42P07", 0,
                                        "relation \"%.*s\" already exists", STR_FMT(name))
                        : write_change(engine, &change, err);
    end_turn(engine);
    return status;
}

Status engine_drop_view(Engine *engine, Str schema, Str name, bool if_exists, Error *err)
{
    return drop(engine, &(CatalogChange){.kind = CATALOG_DROP_VIEW, .schema = schema, .name = name},
                if_exists, err);
}

#include "storage/catalog/catalog_int.h"

enum {
    SCHEMA_ID_PUBLIC = 2200, /* as in PostgreSQL */
    SCHEMA_ID_PROM = TABLE_ID_FIRST_BUILTIN - 1,
};

/* ---------------------------------------------------------------- building */

CatalogVersion *catalog__version_new(uint32_t next_id)
{
    CatalogVersion *version = MEM_NEW(CatalogVersion);

    version->ref_count = 1;
    version->next_id = next_id;
    arena_init(&version->arena, NULL);
    return version;
}

CatalogVersion *catalog_version_ref(CatalogVersion *version)
{
    (void)__atomic_add_fetch(&version->ref_count, 1, __ATOMIC_RELAXED);
    return version;
}

CatalogVersion *catalog_version_unref(CatalogVersion *version)
{
    /* acq_rel: whoever frees must see every other holder's last use. */
    if (version && __atomic_sub_fetch(&version->ref_count, 1, __ATOMIC_ACQ_REL) == 0) {
        map_done(&version->relations);
        mem_free(version->tables);
        mem_free(version->views);
        mem_free(version->schemas);
        arena_done(&version->arena);
        mem_free(version);
    }
    return NULL;
}

static Str relation_key(Arena *arena, Str schema, Str name)
{
    char *key = arena_alloc(arena, schema.len + 1 + name.len);

    if (schema.len)
        memcpy(key, schema.ptr, schema.len);
    key[schema.len] = '\0';
    if (name.len)
        memcpy(key + schema.len + 1, name.ptr, name.len);
    return (Str){key, schema.len + 1 + name.len};
}

static Status put_relation(CatalogVersion *version, Str schema, Str name, const Table *table,
                           const CatalogView *view, Error *err)
{
    Arena *arena = &version->arena;
    bool created;
    void **slot = map_put(&version->relations, relation_key(arena, schema, name), &created);

    if (!created)
        return error_set(err, STATUS_CORRUPT, "catalog: \"%.*s\".\"%.*s\" comes twice",
                         STR_FMT(schema), STR_FMT(name));
    CatalogRelation *relation = ARENA_NEW(arena, CatalogRelation);
    *relation = (CatalogRelation){table, view};
    *slot = relation;
    return STATUS_OK;
}

/* Inserts a pointer at its place in an array sorted by the uint32_t id at the head of each object;
 * ids grow, so the place is nearly always the end. */
#define INSERT_BY_ID(array, count, item)                                                           \
    do {                                                                                           \
        (array) = mem_realloc((array), ((count) + 1) * sizeof *(array));                           \
        size_t at_ = (count)++;                                                                    \
        for (; at_ > 0 && (array)[at_ - 1]->id > (item)->id; at_--)                                \
            (array)[at_] = (array)[at_ - 1];                                                       \
        (array)[at_] = (item);                                                                     \
    } while (0)

static void copy_constraints(Arena *arena, const Table *table, Table *copy)
{
    TableKey *keys = arena_dup(arena, table->keys, sizeof *keys * table->key_count);
    TableCheck *checks = arena_dup(arena, table->checks, sizeof *checks * table->check_count);

    for (uint32_t i = 0; i < table->key_count; i++) {
        keys[i].name = arena_str(arena, keys[i].name);
        keys[i].columns =
            arena_dup(arena, keys[i].columns, sizeof *keys[i].columns * keys[i].column_count);
    }
    for (uint32_t i = 0; i < table->check_count; i++) {
        checks[i].name = arena_str(arena, checks[i].name);
        checks[i].text = arena_str(arena, checks[i].text);
    }
    copy->keys = keys;
    copy->checks = checks;
}

Status catalog__add_table(CatalogVersion *version, const Table *table, Error *err)
{
    Arena *arena = &version->arena;
    Table *copy = arena_dup(arena, table, sizeof *table);
    TableColumn *columns =
        arena_dup(arena, table->columns, sizeof *table->columns * table->column_count);

    for (uint32_t i = 0; i < table->column_count; i++) {
        columns[i].name = arena_str(arena, columns[i].name);
        columns[i].default_text = arena_str(arena, columns[i].default_text);
    }
    copy->columns = columns;
    copy->schema = arena_str(arena, table->schema);
    copy->name = arena_str(arena, table->name);
    copy->options = arena_str(arena, table->options);
    copy_constraints(arena, table, copy);
    TRY(put_relation(version, copy->schema, copy->name, copy, NULL, err));
    INSERT_BY_ID(version->tables, version->table_count, copy);
    return STATUS_OK;
}

Status catalog__add_view(CatalogVersion *version, const CatalogView *view, Error *err)
{
    Arena *arena = &version->arena;
    CatalogView *copy = ARENA_NEW(arena, CatalogView);

    *copy = (CatalogView){view->id, arena_str(arena, view->schema), arena_str(arena, view->name),
                          arena_str(arena, view->query)};
    TRY(put_relation(version, copy->schema, copy->name, NULL, copy, err));
    INSERT_BY_ID(version->views, version->view_count, copy);
    return STATUS_OK;
}

Status catalog__add_schema(CatalogVersion *version, const CatalogSchema *schema, Error *err)
{
    if (catalog_has_schema(version, schema->name))
        return error_set(err, STATUS_CORRUPT, "catalog: schema \"%.*s\" comes twice",
                         STR_FMT(schema->name));
    CatalogSchema *copy = ARENA_NEW(&version->arena, CatalogSchema);
    *copy = (CatalogSchema){schema->id, arena_str(&version->arena, schema->name)};
    INSERT_BY_ID(version->schemas, version->schema_count, copy);
    return STATUS_OK;
}

CatalogVersion *catalog_version_builtin(void)
{
    CatalogVersion *version = catalog__version_new(TABLE_ID_FIRST_USER);
    const CatalogSchema schemas[] = {{SCHEMA_ID_PUBLIC, STR("public")},
                                     {SCHEMA_ID_PROM, STR("prom")}};
    Status status = STATUS_OK;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(schemas) && status == STATUS_OK; i++)
        status = catalog__add_schema(version, &schemas[i], NULL);
    for (size_t i = 0; i < catalog__builtin_table_count && status == STATUS_OK; i++)
        status = catalog__add_table(version, &catalog__builtin_tables[i], NULL);
    ASSERT(status == STATUS_OK);
    return version;
}

/* ---------------------------------------------------------------- looking up */

static const CatalogRelation *find_relation(const CatalogVersion *version, Str schema, Str name)
{
    char few[256];
    size_t len = schema.len + 1 + name.len;

    if (len <= sizeof few) {
        memcpy(few, schema.ptr, schema.len);
        few[schema.len] = '\0';
        memcpy(few + schema.len + 1, name.ptr, name.len);
        return map_get(&version->relations, (Str){few, len});
    }
    Arena arena;
    arena_init(&arena, NULL);
    const CatalogRelation *found = map_get(&version->relations, relation_key(&arena, schema, name));
    arena_done(&arena);
    return found;
}

const Table *catalog_find_table(const CatalogVersion *version, Str schema, Str name)
{
    const CatalogRelation *relation = find_relation(version, schema, name);
    return relation ? relation->table : NULL;
}

const CatalogView *catalog_find_view(const CatalogVersion *version, Str schema, Str name)
{
    const CatalogRelation *relation = find_relation(version, schema, name);
    return relation ? relation->view : NULL;
}

const Table *catalog_table_by_id(const CatalogVersion *version, uint32_t id)
{
    size_t low = 0;
    size_t high = version->table_count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (version->tables[mid]->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low < version->table_count && version->tables[low]->id == id ? version->tables[low]
                                                                        : NULL;
}

bool catalog_has_schema(const CatalogVersion *version, Str schema)
{
    for (size_t i = 0; i < version->schema_count; i++)
        if (str_eq(version->schemas[i]->name, schema))
            return true;
    return false;
}

const Table *catalog_next_table(const CatalogVersion *version, size_t *pos)
{
    return *pos < version->table_count ? version->tables[(*pos)++] : NULL;
}

const CatalogView *catalog_next_view(const CatalogVersion *version, size_t *pos)
{
    return *pos < version->view_count ? version->views[(*pos)++] : NULL;
}

const CatalogSchema *catalog_next_schema(const CatalogVersion *version, size_t *pos)
{
    return *pos < version->schema_count ? version->schemas[(*pos)++] : NULL;
}

uint32_t catalog_next_id(const CatalogVersion *version)
{
    return version->next_id;
}

/* ---------------------------------------------------------------- changing */

static bool is_reserved_schema(Str name)
{
    return str_starts(name, STR("pg_")) || str_eq(name, STR("information_schema"));
}

static Status check_new_relation(const CatalogVersion *version, const CatalogChange *change,
                                 Error *err)
{
    if (is_reserved_schema(change->schema) || str_eq(change->schema, STR("prom")))
        return error_set_sql(err, STATUS_DENIED, "42501", 0,
                             "permission denied for schema \"%.*s\"", STR_FMT(change->schema));
    if (!catalog_has_schema(version, change->schema))
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0, "schema \"%.*s\" does not exist",
                             STR_FMT(change->schema));
    const CatalogRelation *relation = find_relation(version, change->schema, change->name);
    if (relation && !(change->kind == CATALOG_CREATE_VIEW && relation->view))
        return error_set_sql(err, STATUS_EXISTS, "42P07", 0, "relation \"%.*s\" already exists",
                             STR_FMT(change->name));
    return STATUS_OK;
}

static Status check_table(const Table *table, Error *err)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (!table->columns[i].dropped && !table->columns[j].dropped &&
                str_eq(table->columns[i].name, table->columns[j].name))
                return error_set_sql(err, STATUS_EXISTS, "42701", 0,
                                     "column \"%.*s\" specified more than once",
                                     STR_FMT(table->columns[i].name));
    for (uint32_t i = 0; i < table->key_count; i++) {
        const TableKey *key = &table->keys[i];
        if (!key->column_count || (key->primary && i))
            return error_set(err, STATUS_INVALID, "key %u has no columns or is misplaced", i);
        for (uint32_t k = 0; k < key->column_count; k++)
            if (key->columns[k] >= table->column_count)
                return error_set(err, STATUS_INVALID, "a key names column %u of %u",
                                 key->columns[k], table->column_count);
    }
    if (table->time_column >= (int32_t)table->column_count)
        return error_set(err, STATUS_INVALID, "time column %d of %u", table->time_column,
                         table->column_count);
    return STATUS_OK;
}

static Status check_drop_schema(const CatalogVersion *version, Str name, Error *err)
{
    if (str_eq(name, STR("public")) || str_eq(name, STR("prom")) || is_reserved_schema(name))
        return error_set_sql(err, STATUS_DENIED, "42501", 0, "schema \"%.*s\" cannot be dropped",
                             STR_FMT(name));
    if (!catalog_has_schema(version, name))
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0, "schema \"%.*s\" does not exist",
                             STR_FMT(name));
    bool used = false;
    for (size_t i = 0; i < version->table_count && !used; i++)
        used = str_eq(version->tables[i]->schema, name);
    for (size_t i = 0; i < version->view_count && !used; i++)
        used = str_eq(version->views[i]->schema, name);
    if (used)
        return error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                             "cannot drop schema \"%.*s\" because other objects depend on it",
                             STR_FMT(name));
    return STATUS_OK;
}

Status catalog_check(const CatalogVersion *version, const CatalogChange *change, Error *err)
{
    if (!str_utf8_valid(change->schema) || !str_utf8_valid(change->name) ||
        !str_utf8_valid(change->query))
        return error_set_sql(err, STATUS_INVALID, "22021", 0,
                             "names and view texts must be valid UTF-8");
    switch (change->kind) {
    case CATALOG_CREATE_SCHEMA:
        if (is_reserved_schema(change->schema))
            return error_set_sql(err, STATUS_INVALID, "42939", 0,
                                 "unacceptable schema name \"%.*s\"", STR_FMT(change->schema));
        if (catalog_has_schema(version, change->schema))
            return error_set_sql(err, STATUS_EXISTS, "42P06", 0, "schema \"%.*s\" already exists",
                                 STR_FMT(change->schema));
        return STATUS_OK;
    case CATALOG_DROP_SCHEMA:
        return check_drop_schema(version, change->schema, err);
    case CATALOG_CREATE_TABLE:
        TRY(check_new_relation(version, change, err));
        return check_table(change->table, err);
    case CATALOG_CREATE_VIEW:
        return check_new_relation(version, change, err);
    case CATALOG_DROP_TABLE: {
        const Table *table = catalog_find_table(version, change->schema, change->name);
        if (!table)
            return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0, "table \"%.*s\" does not exist",
                                 STR_FMT(change->name));
        if (table->kind != TABLE_USER)
            return error_set_sql(err, STATUS_DENIED, "42501", 0,
                                 "built-in table \"%.*s\" cannot be dropped",
                                 STR_FMT(change->name));
        return STATUS_OK;
    }
    case CATALOG_DROP_VIEW:
        if (!catalog_find_view(version, change->schema, change->name))
            return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0, "view \"%.*s\" does not exist",
                                 STR_FMT(change->name));
        return STATUS_OK;
    }
    return error_set(err, STATUS_CORRUPT, "catalog change of unknown kind %d", (int)change->kind);
}

/* Is the existing object the one that the change removes or replaces? */
static bool is_removed(const CatalogChange *change, bool table, Str schema, Str name)
{
    bool kind_fits = table
                         ? change->kind == CATALOG_DROP_TABLE
                         : change->kind == CATALOG_DROP_VIEW || change->kind == CATALOG_CREATE_VIEW;
    return kind_fits && str_eq(schema, change->schema) && str_eq(name, change->name);
}

static Status copy_kept(const CatalogVersion *from, const CatalogChange *change, CatalogVersion *to,
                        Error *err)
{
    for (size_t i = 0; i < from->schema_count; i++)
        if (change->kind != CATALOG_DROP_SCHEMA || !str_eq(from->schemas[i]->name, change->schema))
            TRY(catalog__add_schema(to, from->schemas[i], err));
    for (size_t i = 0; i < from->table_count; i++)
        if (!is_removed(change, true, from->tables[i]->schema, from->tables[i]->name))
            TRY(catalog__add_table(to, from->tables[i], err));
    for (size_t i = 0; i < from->view_count; i++)
        if (!is_removed(change, false, from->views[i]->schema, from->views[i]->name))
            TRY(catalog__add_view(to, from->views[i], err));
    return STATUS_OK;
}

static Status add_created(const CatalogChange *change, CatalogVersion *to, Error *err)
{
    switch (change->kind) {
    case CATALOG_CREATE_SCHEMA:
        TRY(catalog__add_schema(to, &(CatalogSchema){change->id, change->schema}, err));
        break;
    case CATALOG_CREATE_TABLE: {
        Table table = *change->table;
        table.id = change->id;
        if (!table.store_id)
            table.store_id = change->id;
        table.schema = change->schema;
        table.name = change->name;
        TRY(catalog__add_table(to, &table, err));
        break;
    }
    case CATALOG_CREATE_VIEW:
        TRY(catalog__add_view(
            to, &(CatalogView){change->id, change->schema, change->name, change->query}, err));
        break;
    case CATALOG_DROP_SCHEMA:
    case CATALOG_DROP_TABLE:
    case CATALOG_DROP_VIEW:
        return STATUS_OK;
    }
    /* Ids are never reused, whatever is dropped later. */
    to->next_id = LUMA_MAX(to->next_id, change->id + 1);
    return STATUS_OK;
}

Status catalog_apply(const CatalogVersion *version, const CatalogChange *change,
                     CatalogVersion **ret_version, Error *err)
{
    TRY(catalog_check(version, change, err));
    CatalogVersion *next = catalog__version_new(version->next_id);
    Status status = copy_kept(version, change, next, err);
    if (status == STATUS_OK)
        status = add_created(change, next, err);
    if (status != STATUS_OK) {
        catalog_version_unref(next);
        return status;
    }
    *ret_version = next;
    return STATUS_OK;
}

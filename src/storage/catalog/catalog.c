/* catalog.c - versions: the objects by id and by name, and how changes make the next version. */
#include "storage/catalog/catalog_int.h"

enum {
    SCHEMA_ID_PUBLIC = 2200, /* as in PostgreSQL */
    SCHEMA_ID_PROM = TABLE_ID_FIRST_BUILTIN - 1,
};

/* ---------------------------------------------------------------- boxes */

/* Names are unique in a space: relations of a schema, types of a schema, and so on. */
static char name_space(CatalogKind kind)
{
    switch (kind) {
    case CATALOG_TABLE:
    case CATALOG_VIEW:
    case CATALOG_SEQUENCE:
    case CATALOG_INDEX:
        return 'r';
    case CATALOG_TYPE:
        return 't';
    case CATALOG_SCHEMA:
        return 's';
    case CATALOG_USER:
        return 'u';
    case CATALOG_COMMENT:
        return 'c';
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        break;
    }
    return 'g';
}

/* `space`, schema, NUL, name. `key` has room for all of it. */
static Str make_key(char *key, char space, Str schema, Str name)
{
    key[0] = space;
    if (schema.len)
        memcpy(key + 1, schema.ptr, schema.len);
    key[1 + schema.len] = '\0';
    if (name.len)
        memcpy(key + 2 + schema.len, name.ptr, name.len);
    return (Str){key, 2 + schema.len + name.len};
}

static CatalogBox *box_new(CatalogKind kind, const void *object)
{
    CatalogBox *box = MEM_NEW(CatalogBox);

    box->ref_count = 1;
    box->kind = kind;
    arena_init(&box->arena, NULL);
    box->head = catalog_copy(kind, object, &box->arena);
    char *key = arena_alloc(&box->arena, 2 + box->head->schema.len + box->head->name.len);
    box->key = make_key(key, name_space(kind), box->head->schema, box->head->name);
    return box;
}

static CatalogBox *box_ref(CatalogBox *box)
{
    (void)__atomic_add_fetch(&box->ref_count, 1, __ATOMIC_RELAXED);
    return box;
}

static void box_unref(CatalogBox *box)
{
    /* acq_rel: whoever frees must see every other holder's last use. */
    if (__atomic_sub_fetch(&box->ref_count, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    arena_done(&box->arena);
    mem_free(box);
}

/* ---------------------------------------------------------------- versions */

CatalogVersion *catalog__version_new(uint32_t next_id)
{
    CatalogVersion *version = MEM_NEW(CatalogVersion);

    version->ref_count = 1;
    version->next_id = next_id;
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
    if (!version || __atomic_sub_fetch(&version->ref_count, 1, __ATOMIC_ACQ_REL) != 0)
        return NULL;
    for (int kind = 0; kind < CATALOG_KIND_COUNT_; kind++) {
        for (size_t i = 0; i < version->lists[kind].count; i++)
            box_unref(version->lists[kind].boxes[i]);
        mem_free(version->lists[kind].boxes);
    }
    map_done(&version->names);
    mem_free(version);
    return NULL;
}

static CatalogVersion *version_copy(const CatalogVersion *from)
{
    CatalogVersion *to = catalog__version_new(from->next_id);
    size_t pos = 0;

    for (int kind = 0; kind < CATALOG_KIND_COUNT_; kind++) {
        const CatalogList *list = &from->lists[kind];
        to->lists[kind].boxes = mem_alloc((list->count + 1) * sizeof *list->boxes);
        to->lists[kind].count = list->count;
        for (size_t i = 0; i < list->count; i++)
            to->lists[kind].boxes[i] = box_ref(list->boxes[i]);
    }
    for (const MapSlot *slot; (slot = map_next(&from->names, &pos));)
        *map_put(&to->names, slot->key, NULL) = slot->value;
    return to;
}

/* The place of an id in a list, or where it belongs. */
static size_t find_place(const CatalogList *list, uint32_t id)
{
    size_t low = 0;
    size_t high = list->count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (list->boxes[mid]->head->id < id)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static CatalogBox *find_box(const CatalogVersion *version, CatalogKind kind, uint32_t id)
{
    const CatalogList *list = &version->lists[kind];
    size_t at = find_place(list, id);

    return at < list->count && list->boxes[at]->head->id == id ? list->boxes[at] : NULL;
}

static void remove_box(CatalogVersion *version, CatalogBox *box)
{
    CatalogList *list = &version->lists[box->kind];
    size_t at = find_place(list, box->head->id);

    memmove(list->boxes + at, list->boxes + at + 1, (list->count - at - 1) * sizeof *list->boxes);
    list->count--;
    (void)map_remove(&version->names, box->key);
    box_unref(box);
}

static void insert_box(CatalogVersion *version, CatalogBox *box)
{
    CatalogList *list = &version->lists[box->kind];
    size_t at = find_place(list, box->head->id);

    list->boxes = mem_realloc(list->boxes, (list->count + 1) * sizeof *list->boxes);
    memmove(list->boxes + at + 1, list->boxes + at, (list->count - at) * sizeof *list->boxes);
    list->boxes[at] = box;
    list->count++;
    *map_put(&version->names, box->key, NULL) = box;
    if (box->head->id >= TABLE_ID_FIRST_USER && box->head->id < TABLE_ID_FIRST_TEMPORARY)
        version->next_id = LUMA_MAX(version->next_id,
                                    catalog__max_id(&catalog__layouts[box->kind], box->head) + 1);
}

Status catalog__add(CatalogVersion *version, CatalogKind kind, const void *object, Error *err)
{
    CatalogBox *box = box_new(kind, object);

    if (map_get(&version->names, box->key) || find_box(version, kind, box->head->id)) {
        Status status = error_set(err, STATUS_CORRUPT, "catalog: %s \"%.*s\" comes twice",
                                  catalog__layouts[kind].name, STR_FMT(box->head->name));
        box_unref(box);
        return status;
    }
    insert_box(version, box);
    return STATUS_OK;
}

CatalogVersion *catalog_version_builtin(void)
{
    CatalogVersion *version = catalog__version_new(TABLE_ID_FIRST_USER);
    const CatalogSchema schemas[] = {{.id = SCHEMA_ID_PUBLIC, .version = 1, .name = STR("public")},
                                     {.id = SCHEMA_ID_PROM, .version = 1, .name = STR("prom")}};
    Status status = STATUS_OK;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(schemas) && status == STATUS_OK; i++)
        status = catalog__add(version, CATALOG_SCHEMA, &schemas[i], NULL);
    for (size_t i = 0; i < catalog__builtin_table_count && status == STATUS_OK; i++)
        status = catalog__add(version, CATALOG_TABLE, &catalog__builtin_tables[i], NULL);
    ASSERT(status == STATUS_OK);
    return version;
}

/* ---------------------------------------------------------------- looking up */

static const CatalogBox *find_name(const CatalogVersion *version, char space, Str schema, Str name)
{
    char few[256];
    size_t len = 2 + schema.len + name.len;

    if (len <= sizeof few)
        return map_get(&version->names, make_key(few, space, schema, name));
    char *key = mem_alloc(len);
    const CatalogBox *found = map_get(&version->names, make_key(key, space, schema, name));
    mem_free(key);
    return found;
}

const CatalogHead *catalog_find(const CatalogVersion *version, CatalogKind space, Str schema,
                                Str name, CatalogKind *ret_kind)
{
    const CatalogBox *box = find_name(version, name_space(space), schema, name);

    if (box && ret_kind)
        *ret_kind = box->kind;
    return box ? box->head : NULL;
}

static const void *find_of_kind(const CatalogVersion *version, CatalogKind kind, Str schema,
                                Str name)
{
    const CatalogBox *box = find_name(version, name_space(kind), schema, name);
    return box && box->kind == kind ? box->head : NULL;
}

const Table *catalog_find_table(const CatalogVersion *version, Str schema, Str name)
{
    return find_of_kind(version, CATALOG_TABLE, schema, name);
}

const CatalogView *catalog_find_view(const CatalogVersion *version, Str schema, Str name)
{
    return find_of_kind(version, CATALOG_VIEW, schema, name);
}

const CatalogSequence *catalog_find_sequence(const CatalogVersion *version, Str schema, Str name)
{
    return find_of_kind(version, CATALOG_SEQUENCE, schema, name);
}

const CatalogType *catalog_find_type(const CatalogVersion *version, Str schema, Str name)
{
    return find_of_kind(version, CATALOG_TYPE, schema, name);
}

const CatalogSchema *catalog_find_schema(const CatalogVersion *version, Str name)
{
    return find_of_kind(version, CATALOG_SCHEMA, STR(""), name);
}

const CatalogUser *catalog_find_user(const CatalogVersion *version, Str name)
{
    return find_of_kind(version, CATALOG_USER, STR(""), name);
}

bool catalog_has_schema(const CatalogVersion *version, Str schema)
{
    return catalog_find_schema(version, schema) != NULL;
}

const void *catalog_by_id(const CatalogVersion *version, CatalogKind kind, uint32_t id)
{
    const CatalogBox *box = find_box(version, kind, id);
    return box ? box->head : NULL;
}

const Table *catalog_table_by_id(const CatalogVersion *version, uint32_t id)
{
    return catalog_by_id(version, CATALOG_TABLE, id);
}

const void *catalog_next(const CatalogVersion *version, CatalogKind kind, size_t *pos)
{
    const CatalogList *list = &version->lists[kind];
    return *pos < list->count ? list->boxes[(*pos)++]->head : NULL;
}

uint32_t catalog_next_id(const CatalogVersion *version)
{
    return version->next_id;
}

/* ---------------------------------------------------------------- checks */

static bool is_reserved_schema(Str name)
{
    return (str_starts(name, STR("pg_")) && !str_starts(name, STR("pg_temp_"))) ||
           str_eq(name, STR("information_schema"));
}

static Status name_taken(const CatalogBox *other, const CatalogHead *head, Error *err)
{
    switch (other->kind) {
    case CATALOG_SCHEMA:
        return error_set_sql(err, STATUS_EXISTS, "42P06", 0, "schema \"%.*s\" already exists",
                             STR_FMT(head->name));
    case CATALOG_TYPE:
        return error_set_sql(err, STATUS_EXISTS, "42710", 0, "type \"%.*s\" already exists",
                             STR_FMT(head->name));
    case CATALOG_USER:
        return error_set_sql(err, STATUS_EXISTS, "42710", 0, "role \"%.*s\" already exists",
                             STR_FMT(head->name));
    case CATALOG_TABLE:
    case CATALOG_VIEW:
    case CATALOG_SEQUENCE:
    case CATALOG_INDEX:
        return error_set_sql(err, STATUS_EXISTS, "42P07", 0, "relation \"%.*s\" already exists",
                             STR_FMT(head->name));
    case CATALOG_COMMENT:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        break;
    }
    return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                         "could not serialize access due to concurrent update");
}

static Status check_name(const CatalogVersion *version, CatalogKind kind, const CatalogHead *head,
                         Error *err)
{
    char space = name_space(kind);
    Str schema = kind == CATALOG_SCHEMA ? head->name : head->schema;

    if (!str_utf8_valid(head->schema) || !str_utf8_valid(head->name))
        return error_set_sql(err, STATUS_INVALID, "22021", 0, "names must be valid UTF-8");
    if (kind == CATALOG_SCHEMA && is_reserved_schema(schema))
        return error_set_sql(err, STATUS_INVALID, "42939", 0, "unacceptable schema name \"%.*s\"",
                             STR_FMT(schema));
    if (space == 'r' || space == 't') {
        bool builtin = head->id < TABLE_ID_FIRST_USER;
        if (is_reserved_schema(schema) || (!builtin && str_eq(schema, STR("prom"))))
            return error_set_sql(err, STATUS_DENIED, "42501", 0,
                                 "permission denied for schema \"%.*s\"", STR_FMT(schema));
        if (!catalog_has_schema(version, schema))
            return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0,
                                 "schema \"%.*s\" does not exist", STR_FMT(schema));
    }
    const CatalogBox *other = find_name(version, space, head->schema, head->name);
    return other && (other->kind != kind || other->head->id != head->id)
               ? name_taken(other, head, err)
               : STATUS_OK;
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
    if (table->time_column < -1 || table->time_column >= (int32_t)table->column_count)
        return error_set(err, STATUS_INVALID, "time column %d of %u", table->time_column,
                         table->column_count);
    return STATUS_OK;
}

static Status check_expected(const CatalogBox *old, const CatalogChange *change, Error *err)
{
    if (!old && !change->version_before)
        return STATUS_OK;
    if (old && old->head->version == change->version_before)
        return STATUS_OK;
    return error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                         "could not serialize access due to concurrent update");
}

static Status check_empty_schema(const CatalogVersion *version, Str schema, Error *err)
{
    for (int kind = 0; kind < CATALOG_KIND_COUNT_; kind++)
        for (size_t i = 0; i < version->lists[kind].count; i++)
            if (str_eq(version->lists[kind].boxes[i]->head->schema, schema))
                return error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                                     "cannot drop schema \"%.*s\" because other objects depend "
                                     "on it",
                                     STR_FMT(schema));
    return STATUS_OK;
}

static Status check_drop(const CatalogVersion *version, const CatalogBox *old, Error *err)
{
    if (old->head->id < TABLE_ID_FIRST_USER && old->kind == CATALOG_TABLE)
        return error_set_sql(err, STATUS_DENIED, "42501", 0,
                             "built-in table \"%.*s\" cannot be dropped", STR_FMT(old->head->name));
    if (old->kind != CATALOG_SCHEMA)
        return STATUS_OK;
    if (old->head->id < TABLE_ID_FIRST_USER)
        return error_set_sql(err, STATUS_DENIED, "42501", 0, "schema \"%.*s\" cannot be dropped",
                             STR_FMT(old->head->name));
    return check_empty_schema(version, old->head->name, err);
}

/* ---------------------------------------------------------------- changing */

static Status apply_change(CatalogVersion *version, const CatalogChange *change, Error *err)
{
    if (change->op == CATALOG_SET_SEQUENCE)
        return STATUS_OK; /* the engine's */
    CatalogBox *old = find_box(version, change->kind, change->id);
    TRY(check_expected(old, change, err));
    if (change->op == CATALOG_DROP) {
        TRY(check_drop(version, old, err));
        remove_box(version, old);
        return STATUS_OK;
    }
    const CatalogHead *head = change->object;
    TRY(check_name(version, change->kind, head, err));
    if (change->kind == CATALOG_TABLE)
        TRY(check_table(change->object, err));
    if (old)
        remove_box(version, old);
    insert_box(version, box_new(change->kind, change->object));
    return STATUS_OK;
}

Status catalog_apply(const CatalogVersion *version, const CatalogChange *changes,
                     size_t change_count, CatalogVersion **ret_version, Error *err)
{
    CatalogVersion *next = version_copy(version);

    for (size_t i = 0; i < change_count; i++) {
        Status status = apply_change(next, &changes[i], err);
        if (status != STATUS_OK) {
            catalog_version_unref(next);
            return status;
        }
    }
    *ret_version = next;
    return STATUS_OK;
}

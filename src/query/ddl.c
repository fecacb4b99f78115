#include "query/ddl.h"

#include "query/query_int.h"

static Engine *engine_of(Session *session)
{
    return session->engine->options.engine;
}

static bool is_temporary_id(uint32_t id)
{
    return id >= TABLE_ID_FIRST_TEMPORARY;
}

void ddl__init(Session *session)
{
    arena_init(&session->catalog.temporary_arena, session->engine->options.budget);
}

/* ---------------------------------------------------------------- versions */

static void forget_version(SessionCatalog *catalog)
{
    catalog->base = catalog_version_unref(catalog->base);
    catalog->version = catalog_version_unref(catalog->version);
}

static Status stale(Status status, Error *err)
{
    if (status != STATUS_EXISTS && status != STATUS_NOT_FOUND)
        return status;
    /* Somebody else took the name, or the schema, since the change was made. */
    return err && err->sqlstate[0] ? status
                                   : error_set_sql(err, STATUS_CONFLICT, "40001", 0,
                                                   "could not serialize access due to concurrent "
                                                   "schema changes");
}

/* base, temporary objects, the transaction's changes. */
static Status make_version(SessionCatalog *catalog, const CatalogVersion *base,
                           CatalogVersion **ret_version, Error *err)
{
    CatalogVersion *with;
    TRY(catalog_apply(base, catalog->temporary, catalog->temporary_count, &with, err));
    Status status = catalog_apply(with, catalog->changes, catalog->change_count, ret_version, err);
    catalog_version_unref(with);
    return stale(status, err);
}

Status ddl__version(Session *session, const Snapshot *snapshot, CatalogVersion **ret_version,
                    Error *err)
{
    SessionCatalog *catalog = &session->catalog;
    /* A snapshot's version is shared; only its count changes. */
    CatalogVersion *base = (CatalogVersion *)(uintptr_t)snapshot_catalog(snapshot);
    if (!catalog->temporary_count && !catalog->change_count) {
        *ret_version = catalog_version_ref(base);
        return STATUS_OK;
    }
    if (catalog->base != base || !catalog->version) {
        CatalogVersion *version;
        TRY(make_version(catalog, base, &version, err));
        forget_version(catalog);
        catalog->base = catalog_version_ref(base);
        catalog->version = version;
    }
    *ret_version = catalog_version_ref(catalog->version);
    return STATUS_OK;
}

bool ddl__has_changes(const Session *session)
{
    for (uint32_t i = 0; i < session->catalog.change_count; i++)
        if (!is_temporary_id(session->catalog.changes[i].id))
            return true;
    return false;
}

/* ---------------------------------------------------------------- the end of transactions */

Status ddl__write(Session *session, WriteBatch *batch, Error *err)
{
    const SessionCatalog *catalog = &session->catalog;
    for (uint32_t i = 0; i < catalog->change_count; i++)
        if (!is_temporary_id(catalog->changes[i].id))
            TRY(write_batch_catalog(batch, &catalog->changes[i], err));
    return STATUS_OK;
}

/* Does some change leave the store in use? */
static bool store_in_use(const SessionCatalog *catalog, uint32_t store_id)
{
    size_t pos = 0;
    const Table *table;
    while (catalog->version && (table = catalog_next_table(catalog->version, &pos)))
        if (table->store_id == store_id)
            return true;
    return false;
}

static bool state_in_use(const SessionCatalog *catalog, uint32_t state_id)
{
    size_t pos = 0;
    const CatalogSequence *sequence;
    while (catalog->version && (sequence = catalog_next(catalog->version, CATALOG_SEQUENCE, &pos)))
        if (sequence->state_id == state_id)
            return true;
    return false;
}

/* Stores and states of temporary objects that the transaction left. */
static void drop_unused(Session *session, const CatalogChange *old, uint32_t old_count)
{
    for (uint32_t i = 0; i < old_count; i++) {
        if (old[i].kind == CATALOG_TABLE &&
            !store_in_use(&session->catalog, ((const Table *)old[i].object)->store_id))
            engine_drop_store(engine_of(session), ((const Table *)old[i].object)->store_id);
        if (old[i].kind == CATALOG_SEQUENCE &&
            !state_in_use(&session->catalog, ((const CatalogSequence *)old[i].object)->state_id))
            engine_sequence_drop(engine_of(session),
                                 ((const CatalogSequence *)old[i].object)->state_id);
    }
}

static bool drops_on_commit(const CatalogVersion *version, uint32_t table_id)
{
    const Table *table = catalog_table_by_id(version, table_id);
    return table && table->temporary && table->on_commit == ON_COMMIT_DROP;
}

/* ON COMMIT DROP takes a table and its parts. */
static bool ends_with_commit(const CatalogVersion *version, int kind, const CatalogHead *head)
{
    if (kind == CATALOG_TABLE)
        return drops_on_commit(version, head->id);
    if (kind == CATALOG_SEQUENCE)
        return drops_on_commit(version, ((const CatalogSequence *)(const void *)head)->owner_table);
    return kind == CATALOG_INDEX &&
           drops_on_commit(version, ((const CatalogIndex *)(const void *)head)->table_id);
}

/* ON COMMIT DELETE ROWS: the store is made anew; those of dropped tables go. */
static void end_rows(Session *session)
{
    const CatalogVersion *version = session->catalog.version;
    const Table *table;
    size_t pos = 0;
    while (version && (table = catalog_next_table(version, &pos))) {
        if (!table->temporary || table->on_commit == ON_COMMIT_PRESERVE)
            continue;
        engine_drop_store(engine_of(session), table->store_id);
        if (table->on_commit == ON_COMMIT_DELETE)
            engine_open_store(engine_of(session), table);
    }
}

/* What the version has of temporary objects becomes what lasts. */
static void keep_temporary(Session *session)
{
    SessionCatalog *catalog = &session->catalog;
    Arena kept;
    CatalogChange *changes = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;
    arena_init(&kept, session->engine->options.budget);
    /* Schemas first: CATALOG_SCHEMA is 0. */
    for (int kind = 0; catalog->version && kind < CATALOG_KIND_COUNT_; kind++) {
        const CatalogHead *head;
        size_t pos = 0;
        while ((head = catalog_next(catalog->version, (CatalogKind)kind, &pos))) {
            if (!is_temporary_id(head->id) || ends_with_commit(catalog->version, kind, head))
                continue;
            CatalogChange put = {.op = CATALOG_PUT,
                                 .kind = (CatalogKind)kind,
                                 .id = head->id,
                                 .object = catalog_copy((CatalogKind)kind, head, &kept)};
            ARENA_PUSH(&kept, changes, count, cap, put);
        }
    }
    Str schema = arena_str(&kept, catalog->temporary_schema);
    drop_unused(session, catalog->temporary, catalog->temporary_count);
    arena_done(&catalog->temporary_arena);
    catalog->temporary_arena = kept;
    catalog->temporary = changes;
    catalog->temporary_count = count;
    catalog->temporary_schema = schema;
}

static void end_changes(SessionCatalog *catalog)
{
    catalog->changes = NULL; /* the transaction's arena has the bytes */
    catalog->change_count = catalog->change_cap = 0;
    catalog->stores = catalog->states = NULL;
    catalog->store_count = catalog->store_cap = 0;
    catalog->state_count = catalog->state_cap = 0;
    forget_version(catalog);
}

static bool has_temporary_changes(const SessionCatalog *catalog)
{
    for (uint32_t i = 0; i < catalog->change_count; i++)
        if (is_temporary_id(catalog->changes[i].id))
            return true;
    return false;
}

void ddl__committed(Session *session)
{
    SessionCatalog *catalog = &session->catalog;
    end_rows(session);
    if (has_temporary_changes(catalog))
        keep_temporary(session);
    /* Stores that a later change of the transaction gave up. */
    for (uint32_t i = 0; i < catalog->store_count; i++)
        if (catalog->version && !store_in_use(catalog, catalog->stores[i]))
            engine_drop_store(engine_of(session), catalog->stores[i]);
    end_changes(catalog);
}

static void undo_stores(Session *session, DdlMark mark)
{
    SessionCatalog *catalog = &session->catalog;
    for (uint32_t i = mark.store_count; i < catalog->store_count; i++)
        engine_drop_store(engine_of(session), catalog->stores[i]);
    for (uint32_t i = mark.state_count; i < catalog->state_count; i++)
        engine_sequence_drop(engine_of(session), catalog->states[i]);
    catalog->store_count = mark.store_count;
    catalog->state_count = mark.state_count;
}

void ddl__rolled_back(Session *session)
{
    undo_stores(session, (DdlMark){0});
    end_changes(&session->catalog);
}

DdlMark ddl__mark(const Session *session)
{
    return (DdlMark){session->catalog.change_count, session->catalog.store_count,
                     session->catalog.state_count};
}

void ddl__rollback_to(Session *session, DdlMark mark)
{
    undo_stores(session, mark);
    session->catalog.change_count = mark.change_count;
    forget_version(&session->catalog);
}

void ddl__done(Session *session)
{
    SessionCatalog *catalog = &session->catalog;
    end_changes(catalog);
    if (engine_of(session))
        drop_unused(session, catalog->temporary, catalog->temporary_count);
    arena_done(&catalog->temporary_arena);
}

/* ---------------------------------------------------------------- for commands */

const CatalogVersion *ddl__catalog(Query *query)
{
    return binding__version(&query->binding);
}

uint32_t ddl__new_id(Query *query, bool temporary)
{
    Engine *engine = engine_of(query->session);
    return temporary ? engine_new_temporary_id(engine) : engine_new_id(engine);
}

static void unref_version(void *ctx)
{
    (void)catalog_version_unref(ctx);
}

/* The change is in the version at once; what was bound before keeps the old one. */
static Status add_change(Query *query, CatalogChange change, Error *err)
{
    Session *session = query->session;
    SessionCatalog *catalog = &session->catalog;
    Arena *arena = &session->txn.arena;
    CatalogVersion *next;
    if (change.object)
        change.object = catalog_copy(change.kind, change.object, arena);
    TRY(catalog_apply(ddl__catalog(query), &change, 1, &next, err));
    ARENA_PUSH(arena, catalog->changes, catalog->change_count, catalog->change_cap, change);
    forget_version(catalog);
    catalog->base =
        catalog_version_ref((CatalogVersion *)(uintptr_t)snapshot_catalog(query->binding.snapshot));
    catalog->version = next;
    query->binding.version = catalog_version_ref(next);
    arena_on_cleanup(&query->arena, unref_version, query->binding.version);
    return STATUS_OK;
}

static void open_store(Session *session, const Table *table)
{
    SessionCatalog *catalog = &session->catalog;
    uint32_t id = table->store_id;
    engine_open_store(engine_of(session), table);
    ARENA_PUSH(&session->txn.arena, catalog->stores, catalog->store_count, catalog->store_cap, id);
}

static void open_state(Session *session, uint32_t id)
{
    SessionCatalog *catalog = &session->catalog;
    ARENA_PUSH(&session->txn.arena, catalog->states, catalog->state_count, catalog->state_cap, id);
}

Status ddl__put(Query *query, CatalogKind kind, void *object, Error *err)
{
    CatalogHead *head = object;
    const CatalogHead *old = catalog_by_id(ddl__catalog(query), kind, head->id);
    CatalogChange change = {.op = CATALOG_PUT,
                            .kind = kind,
                            .id = head->id,
                            .version_before = old ? old->version : 0,
                            .object = object};
    head->version = change.version_before + 1;
    const Table *old_table = kind == CATALOG_TABLE ? (const void *)old : NULL;
    const CatalogSequence *old_sequence = kind == CATALOG_SEQUENCE ? (const void *)old : NULL;
    if (old_table && old_table->store_id != ((const Table *)object)->store_id)
        change.read_lsn = snapshot_lsn(query->binding.snapshot);
    TRY(add_change(query, change, err));
    if (kind == CATALOG_TABLE && (!old_table || old_table->store_id != ((Table *)object)->store_id))
        open_store(query->session, object);
    if (kind == CATALOG_SEQUENCE &&
        (!old_sequence || old_sequence->state_id != ((CatalogSequence *)object)->state_id))
        open_state(query->session, ((CatalogSequence *)object)->state_id);
    return STATUS_OK;
}

Status ddl__drop(Query *query, CatalogKind kind, uint32_t id, Error *err)
{
    const CatalogHead *old = catalog_by_id(ddl__catalog(query), kind, id);
    if (!old)
        return STATUS_OK; /* gone with something else */
    return add_change(
        query,
        (CatalogChange){.op = CATALOG_DROP, .kind = kind, .id = id, .version_before = old->version},
        err);
}

bool ddl__is_temporary(const Session *session, Str schema)
{
    return session->catalog.temporary_schema.len &&
           str_eq(schema, session->catalog.temporary_schema);
}

Status ddl__temporary_schema(Query *query, Str *ret_schema, Error *err)
{
    Session *session = query->session;
    SessionCatalog *catalog = &session->catalog;
    if (!catalog->temporary_schema.len)
        /* Ids of temporary objects are never given twice, and so are the names made of them. */
        catalog->temporary_schema =
            arena_printf(&catalog->temporary_arena, "pg_temp_%u",
                         ddl__new_id(query, true) - TABLE_ID_FIRST_TEMPORARY + 1);
    *ret_schema = catalog->temporary_schema;
    if (catalog_has_schema(ddl__catalog(query), catalog->temporary_schema))
        return STATUS_OK;
    CatalogSchema schema = {.id = ddl__new_id(query, true), .name = catalog->temporary_schema};
    return ddl__put(query, CATALOG_SCHEMA, &schema, err);
}

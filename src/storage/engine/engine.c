/* engine.c - opening, closing, and what concerns the whole directory.
 *
 *   <data_dir>/FORMAT      the version of this layout, as text
 *              LOCK        held by the one process that has the directory open
 *              wal/        the log: the truth
 *              catalog.db  checkpoint of the catalog
 *              data/       parts
 *              lost/       what was damaged and set aside
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "storage/engine/engine_int.h"

enum { LAYOUT_VERSION = 1 };

static Str path_in(Arena *arena, const Engine *engine, const char *name)
{
    return arena_printf(arena, "%s/%s", engine->data_dir, name);
}

/* ---------------------------------------------------------------- directory */

static void note_damage(EngineReport *report, const char *text)
{
    report->damaged_places++;
    if (!report->first_damage[0])
        (void)snprintf(report->first_damage, sizeof report->first_damage, "%s", text);
}

/* Refuses a newer layout. A file that says nothing is written anew: it must not block the start. */
static Status check_format(Engine *engine, Arena *arena, EngineReport *report, Error *err)
{
    const char *path = path_in(arena, engine, "FORMAT").ptr;
    Str current = arena_printf(arena, "lumadb %d\n", LAYOUT_VERSION);
    Str text;
    uint64_t version = 0;
    Status status = vfs_read_file(engine->vfs, path, 4096, arena, &text, err);

    if (status == STATUS_NOT_FOUND)
        return vfs_write_file(engine->vfs, path, current, err);
    TRY(status);
    if (!str_starts(text, STR("lumadb ")) ||
        !str_to_u64(str_trim(str_sub(text, 7, text.len)), &version)) {
        note_damage(report, arena_printf(arena, "%s was damaged and is written anew", path).ptr);
        return vfs_write_file(engine->vfs, path, current, err);
    }
    if (version > LAYOUT_VERSION)
        return error_set(err, STATUS_UNSUPPORTED,
                         "%s was written by a newer LumaDB: layout %" PRIu64
                         ", this version reads up to %d",
                         engine->data_dir, version, LAYOUT_VERSION);
    return STATUS_OK;
}

static Status lock_directory(Engine *engine, Arena *arena, EngineReport *report, Error *err)
{
    TRY(vfs_mkdir_all(engine->vfs, engine->data_dir, err));
    TRY(vfs_open(engine->vfs, path_in(arena, engine, "LOCK").ptr, VFS_READ | VFS_WRITE | VFS_CREATE,
                 &engine->lock_file, err));
    Status status = vfs_lock(engine->lock_file, err);
    if (status == STATUS_CONFLICT)
        return error_set(err, STATUS_UNAVAILABLE, "%s is open in another process",
                         engine->data_dir);
    TRY(status);
    TRY(check_format(engine, arena, report, err));
    TRY(vfs_mkdir_all(engine->vfs, path_in(arena, engine, "data").ptr, err));
    return vfs_mkdir_all(engine->vfs, path_in(arena, engine, "lost").ptr, err);
}

/* ---------------------------------------------------------------- catalog */

CatalogVersion *engine__catalog(Engine *engine)
{
    MUTEX_GUARD(&engine->catalog_lock);
    return catalog_version_ref(engine->catalog);
}

CatalogVersion *engine_catalog(Engine *engine)
{
    return engine__catalog(engine);
}

Status engine__save_catalog(Engine *engine, Lsn lsn, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};

    arena_init(&arena, NULL);
    CatalogChange *sequences;
    CatalogVersion *catalog = engine__catalog(engine);
    size_t count = sequence_store_list(engine->sequences, catalog, &arena, &sequences);
    Status status = catalog_save(path_in(&arena, engine, "catalog.db").ptr, catalog, sequences,
                                 count, lsn, err);
    catalog_version_unref(catalog);
    TRY(status);
    __atomic_store_n(&engine->catalog_changes, 0, __ATOMIC_RELAXED);
    return STATUS_OK;
}

static void quarantine_catalog(Engine *engine, Arena *arena, EngineReport *report, const Error *why)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    int64_t now = clock_wall_ns();

    for (size_t i = 0; i < LUMA_ARRAY_LEN(suffixes); i++) {
        Str from = arena_printf(arena, "%s/catalog.db%s", engine->data_dir, suffixes[i]);
        Str to = arena_printf(arena, "%s/lost/catalog.db.%" PRId64 "%s", engine->data_dir, now,
                              suffixes[i]);
        /* The side files need not be there; if the main one stays, the next save overwrites it. */
        (void)vfs_rename(engine->vfs, from.ptr, to.ptr, NULL);
    }
    note_damage(report,
                arena_printf(arena, "%s; it was moved to lost/ and is made again from the log",
                             why->message)
                    .ptr);
}

/* Takes the checkpoint where there is a good one. *ret_lsn = 0 means: the log has everything. */
static Status load_catalog(Engine *engine, Arena *arena, EngineReport *report, Lsn *ret_lsn,
                           Error *err)
{
    Error why = {0};
    CatalogChange *sequences;
    size_t count;
    Status status = catalog_load(path_in(arena, engine, "catalog.db").ptr, arena, &engine->catalog,
                                 &sequences, &count, ret_lsn, &why);

    if (status == STATUS_OK) {
        for (size_t i = 0; i < count; i++)
            sequence_store_apply(engine->sequences, sequences[i].id, sequences[i].value,
                                 sequences[i].is_called, true);
        return STATUS_OK;
    }
    if (status == STATUS_UNSUPPORTED) {
        if (err)
            *err = why;
        return status;
    }
    if (status != STATUS_NOT_FOUND)
        quarantine_catalog(engine, arena, report, &why);
    engine->catalog = catalog_version_builtin();
    *ret_lsn = 0;
    return STATUS_OK;
}

/* Brings catalog.db up to what was replayed. It is only a checkpoint, so a full disk must not keep
 * the directory closed; but a checkpoint ahead of the log (which lost its tail) would hide changes
 * still to come, so that one has to go. */
static Status renew_catalog_file(Engine *engine, Lsn catalog_lsn, Arena *arena,
                                 EngineReport *report, Error *err)
{
    Error why = {0};
    bool ahead = catalog_lsn > engine->visible_lsn;

    if (!ahead && !engine->catalog_changes)
        return STATUS_OK;
    if (engine__save_catalog(engine, engine->visible_lsn, &why) == STATUS_OK || !ahead)
        return STATUS_OK;
    quarantine_catalog(engine, arena, report, &why);
    if (access(path_in(arena, engine, "catalog.db").ptr, F_OK) == 0) {
        if (err)
            *err = why;
        return why.status;
    }
    return STATUS_OK;
}

static void create_row_tables(Engine *engine)
{
    size_t pos = 0;

    for (const Table *table; (table = catalog_next_table(engine->catalog, &pos));)
        if (table->kind == TABLE_USER || table->kind == TABLE_LOGS || table->kind == TABLE_TRACES)
            row_store_create(engine->rows, table);
    pos = 0;
    for (const CatalogIndex *index; (index = catalog_next(engine->catalog, CATALOG_INDEX, &pos));)
        engine__follow_index(engine, index);
}

/* ---------------------------------------------------------------- open and close */

static Status log_sequence(void *ctx, uint32_t state_id, int64_t value, bool is_called, Error *err)
{
    WriteBatch *batch;

    TRY(write_batch_new(ctx, &batch, err));
    Status status = write_batch_catalog(batch,
                                        &(CatalogChange){.op = CATALOG_SET_SEQUENCE,
                                                         .kind = CATALOG_SEQUENCE,
                                                         .id = state_id,
                                                         .value = value,
                                                         .is_called = is_called},
                                        err);
    if (status != STATUS_OK) {
        (void)write_batch_free(batch);
        return status;
    }
    return engine_write_wait(ctx, batch, NULL, err);
}

Status engine_sequence_next(Engine *engine, const CatalogSequence *sequence, uint32_t count,
                            int64_t *ret_values, Error *err)
{
    return sequence_store_next(engine->sequences, sequence, count, ret_values, err);
}

Status engine_sequence_set(Engine *engine, const CatalogSequence *sequence, int64_t value,
                           bool is_called, Error *err)
{
    return sequence_store_set(engine->sequences, sequence, value, is_called, err);
}

void engine_sequence_get(Engine *engine, const CatalogSequence *sequence, int64_t *ret_value,
                         int64_t *ret_log_count, bool *ret_is_called)
{
    sequence_store_get(engine->sequences, sequence, ret_value, ret_log_count, ret_is_called);
}

void engine_sequence_drop(Engine *engine, uint32_t state_id)
{
    sequence_store_drop(engine->sequences, state_id);
}

static Engine *new_engine(const EngineOptions *options)
{
    Engine *engine = mem_alloc_aligned(sizeof *engine); /* shards stand on cache lines */

    memset(engine, 0, sizeof *engine);
    engine->data_dir = mem_strdup(options->data_dir);
    engine->vfs = options->vfs ? options->vfs : vfs_posix();
    engine->encoding = options->wal_json ? WAL_ENCODING_JSON : WAL_ENCODING_BINARY;
    mem_budget_init(&engine->own_budget, NULL, "hot memory", INT64_MAX);
    engine->budget = options->budget ? options->budget : &engine->own_budget;
    segment_map_init(&engine->segments);
    engine->rows = row_store_new(&engine->segments, engine->budget);
    engine->exemplars = exemplar_store_new(engine->budget);
    engine->metadata = metadata_store_new(engine->budget);
    engine->metric_tables = metric_tables_new(engine->budget);
    engine->sequences = sequence_store_new(log_sequence, engine);
    /* Wall time and address space make a start that no earlier run had. */
    engine->next_txn =
        hash_u64((uint64_t)clock_wall_ns() ^ (uintptr_t)engine ^ ((uint64_t)getpid() << 40)) | 1;
    mutex_init(&engine->apply_lock);
    cond_init(&engine->apply_work);
    cond_init(&engine->idle);
    cond_init(&engine->shown);
    engine->apply_tail = &engine->apply_head;
    mutex_init(&engine->snapshot_lock);
    mutex_init(&engine->catalog_lock);
    mutex_init(&engine->ddl_lock);
    cond_init(&engine->ddl_free);
    return engine;
}

static Engine *free_engine(Engine *engine)
{
    wal_close(engine->wal);
    sequence_store_free(engine->sequences);
    metric_tables_free(engine->metric_tables);
    metadata_store_free(engine->metadata);
    exemplar_store_free(engine->exemplars);
    row_store_free(engine->rows);
    segment_map_done(&engine->segments);
    metric_store_free(engine->metrics);
    catalog_version_unref(engine->catalog);
    vfs_close(engine->lock_file);
    cond_done(&engine->ddl_free);
    mutex_done(&engine->ddl_lock);
    mutex_done(&engine->catalog_lock);
    mutex_done(&engine->snapshot_lock);
    cond_done(&engine->shown);
    cond_done(&engine->idle);
    cond_done(&engine->apply_work);
    mutex_done(&engine->apply_lock);
    mem_free(engine->data_dir);
    mem_free(engine);
    return NULL;
}

static WalSyncMode sync_mode(EngineSync sync)
{
    switch (sync) {
    case ENGINE_SYNC_ALWAYS:
        return WAL_SYNC_ALWAYS;
    case ENGINE_SYNC_INTERVAL:
        return WAL_SYNC_INTERVAL;
    case ENGINE_SYNC_OFF:
        return WAL_SYNC_OFF;
    }
    return WAL_SYNC_ALWAYS;
}

static Status open_stores(Engine *engine, const EngineOptions *options, EngineReport *report,
                          Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Lsn catalog_lsn = 0;

    arena_init(&arena, NULL);
    TRY(lock_directory(engine, &arena, report, err));
    TRY(metric_store_new(engine->budget, &engine->metrics, err));
    TRY(load_catalog(engine, &arena, report, &catalog_lsn, err));
    create_row_tables(engine);
    WalOptions wal = {
        .vfs = engine->vfs,
        .dir = path_in(&arena, engine, "wal").ptr,
        .lost_dir = path_in(&arena, engine, "lost").ptr,
        .sync_mode = sync_mode(options->sync),
        .sync_interval_ms = options->sync_interval_ns / NS_PER_MS,
        .segment_bytes_max = (uint64_t)LUMA_MAX(options->wal_segment_bytes, 0),
    };
    TRY(engine__replay(engine, &wal, catalog_lsn, report, err));
    uint32_t state_max = sequence_store_prune(engine->sequences, engine->catalog);
    engine->next_id = LUMA_MAX(catalog_next_id(engine->catalog), state_max + 1);
    engine->next_temporary_id = TABLE_ID_FIRST_TEMPORARY;
    TRY(renew_catalog_file(engine, catalog_lsn, &arena, report, err));
    return thread_start(&engine->applier, "applier", engine__applier_main, engine, err);
}

Status engine_open(const EngineOptions *options, Engine **ret_engine, EngineReport *ret_report,
                   Error *err)
{
    EngineReport report = {0};
    Engine *engine = new_engine(options);
    Status status = open_stores(engine, options, &report, err);

    if (ret_report)
        *ret_report = report;
    if (status != STATUS_OK) {
        free_engine(engine);
        return status;
    }
    *ret_engine = engine;
    return STATUS_OK;
}

Engine *engine_close(Engine *engine)
{
    if (!engine)
        return NULL;
    mutex_lock(&engine->apply_lock);
    while (engine->in_flight)
        cond_wait(&engine->idle, &engine->apply_lock);
    engine->stopping = true;
    cond_signal(&engine->apply_work);
    mutex_unlock(&engine->apply_lock);
    thread_join(&engine->applier);
    /* If this fails the log is read instead. A failed log may lack changes that memory has. */
    if (engine->catalog_changes && !wal_failed(engine->wal, NULL))
        (void)engine__save_catalog(engine, engine->visible_lsn, NULL);
    return free_engine(engine);
}

bool engine_writable(Engine *engine, Error *err)
{
    Error why = {0};

    if (!wal_failed(engine->wal, &why))
        return true;
    (void)error_set_sql(err, STATUS_UNAVAILABLE, "53100", 0,
                        "the write-ahead log has failed, writes are refused until a restart: %s",
                        why.message);
    return false;
}

Lsn engine_visible_lsn(Engine *engine)
{
    return __atomic_load_n(&engine->visible_lsn, __ATOMIC_ACQUIRE);
}

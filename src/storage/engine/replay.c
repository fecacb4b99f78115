/* replay.c - the log back into memory when the directory is opened.
 *
 * Refs in the log are those of the process that wrote them: a definition binds a ref from its place
 * in the log on, until another definition of the same ref (by a later process) binds it anew.
 * Entries of a transaction wait for its COMMIT; without one they are absent.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/map.h"
#include "storage/engine/engine_int.h"
#include "storage/wal/wal_group.h"

/* Refs of entries that no definition covers are a sign of lost segments; nobody has so many series.
 */
enum { REF_MAX = 1 << 30 };

typedef struct PendingEntry {
    struct PendingEntry *next;
    WalEntry entry; /* its payload follows */
} PendingEntry;

typedef struct PendingTxn {
    uint64_t id;
    PendingEntry *first;
    PendingEntry **tail;
} PendingTxn;

typedef struct Replay {
    Engine *engine;
    EngineReport *report;
    Lsn catalog_lsn; /* changes up to here are in the catalog already */
    SeriesRef *refs; /* owned: ref in the log -> ref in memory, SERIES_REF_NONE = undefined */
    size_t ref_cap;
    SeriesCursor cursor;
    Arena arena;           /* of one entry */
    Map txns;              /* id (8 bytes) -> PendingTxn */
    Lsn lsn;               /* of the entry being applied */
    uint64_t unknown_refs; /* samples whose series no entry defines */
    uint64_t unknown_rows; /* deletes of rows that no entry holds */
} Replay;

/* ---------------------------------------------------------------- series */

static void bind_ref(Replay *replay, uint32_t ref, SeriesRef own)
{
    if (ref >= replay->ref_cap) {
        size_t cap = LUMA_MAX(replay->ref_cap * 2, (size_t)1024);
        while (cap <= ref)
            cap *= 2;
        replay->refs = mem_realloc(replay->refs, cap * sizeof *replay->refs);
        for (size_t i = replay->ref_cap; i < cap; i++)
            replay->refs[i] = SERIES_REF_NONE;
        replay->ref_cap = cap;
    }
    replay->refs[ref] = own;
}

static SeriesRef own_ref(const Replay *replay, uint32_t ref)
{
    return ref < replay->ref_cap ? replay->refs[ref] : SERIES_REF_NONE;
}

static Status define_series(Replay *replay, const WalSeriesList *defs, Error *err)
{
    for (uint32_t i = 0; i < defs->count; i++) {
        SeriesRef own;
        if (defs->series[i].ref >= REF_MAX)
            return error_set(err, STATUS_CORRUPT, "series number %u is out of range",
                             defs->series[i].ref);
        TRY(metric_store_add(replay->engine->metrics, &replay->cursor, 0, STR(""),
                             defs->series[i].labels, &own, NULL, err));
        bind_ref(replay, defs->series[i].ref, own);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- entries */

/* Drops elements of undefined series from arrays that are the replay's own. */
static void translate_floats(Replay *replay, const WalSamples *samples, SampleColumns *ret)
{
    Arena *arena = &replay->arena;
    SeriesRef *refs = arena_alloc(arena, sizeof *refs * LUMA_MAX(samples->count, 1));
    bool all = true;

    for (uint32_t i = 0; i < samples->count; i++) {
        refs[i] = own_ref(replay, samples->refs[i]);
        all &= refs[i] != SERIES_REF_NONE;
    }
    *ret = (SampleColumns){.refs = refs,
                           .ts_ms = samples->ts_ms,
                           .bits = samples->value_bits,
                           .start_ms = samples->start_ms,
                           .count = samples->count};
    if (all)
        return;
    int64_t *ts_ms = arena_dup(arena, samples->ts_ms, sizeof *ts_ms * samples->count);
    uint64_t *bits = arena_dup(arena, samples->value_bits, sizeof *bits * samples->count);
    int64_t *start_ms = samples->start_ms
                            ? arena_dup(arena, samples->start_ms, sizeof *start_ms * samples->count)
                            : NULL;
    size_t kept = 0;
    for (uint32_t i = 0; i < samples->count; i++) {
        if (refs[i] == SERIES_REF_NONE)
            continue;
        refs[kept] = refs[i];
        ts_ms[kept] = ts_ms[i];
        bits[kept] = bits[i];
        if (start_ms)
            start_ms[kept] = start_ms[i];
        kept++;
    }
    replay->unknown_refs += samples->count - kept;
    ret->ts_ms = ts_ms;
    ret->bits = bits;
    ret->start_ms = start_ms;
    ret->count = kept;
}

static void translate_histograms(Replay *replay, const WalSamples *samples, SampleColumns *ret)
{
    Arena *arena = &replay->arena;
    size_t count = samples->histogram_count;
    SeriesRef *refs = ARENA_NEW_ARRAY(arena, SeriesRef, count);
    int64_t *ts_ms = ARENA_NEW_ARRAY(arena, int64_t, count);
    int64_t *start_ms = ARENA_NEW_ARRAY(arena, int64_t, count);
    Str *blobs = ARENA_NEW_ARRAY(arena, Str, count);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const WalHistogram *h = &samples->histograms[i];
        refs[kept] = own_ref(replay, h->ref);
        if (refs[kept] == SERIES_REF_NONE || histogram_blob_validate(h->blob, NULL) != STATUS_OK)
            continue;
        ts_ms[kept] = h->ts_ms;
        start_ms[kept] = h->start_ms;
        blobs[kept++] = h->blob;
    }
    replay->unknown_refs += count - kept;
    ret->histogram_refs = refs;
    ret->histogram_ts_ms = ts_ms;
    ret->histogram_start_ms = start_ms;
    ret->histogram_blobs = blobs;
    ret->histogram_count = kept;
}

static Status replay_samples(Replay *replay, const WalEntry *entry, Error *err)
{
    WalSamples samples;
    SampleColumns columns;

    TRY(wal_samples_decode(entry, &replay->arena, &samples, err));
    TRY(define_series(replay, &samples.defs, err));
    translate_floats(replay, &samples, &columns);
    translate_histograms(replay, &samples, &columns);
    metric_store_apply(replay->engine->metrics, replay->lsn, &columns);
    replay->report->samples_replayed += columns.count + columns.histogram_count;
    return STATUS_OK;
}

static Status replay_rows(Replay *replay, const WalEntry *entry, Error *err)
{
    WalRows rows;

    TRY(wal_rows_decode(entry, &replay->arena, &rows, err));
    RowTable *table = row_store_find(replay->engine->rows, rows.table_id);
    if (!table)
        return STATUS_OK; /* dropped later */
    Status status = row_table_check(table, &rows.batch, err);
    if (status == STATUS_OK) {
        row_table_append(table, replay->lsn, &rows.batch, true);
        replay->report->rows_replayed += rows.batch.row_count;
    }
    row_table_unref(table);
    return status == STATUS_INVALID ? STATUS_CORRUPT : status;
}

static Status replay_deletes(Replay *replay, const WalEntry *entry, Error *err)
{
    WalDeletes deletes;

    TRY(wal_deletes_decode(entry, &replay->arena, &deletes, err));
    RowTable *table = row_store_find(replay->engine->rows, deletes.table_id);
    if (!table)
        return STATUS_OK; /* dropped later */
    if (deletes.all)
        row_table_truncate(table, replay->lsn);
    for (uint32_t i = 0; i < deletes.count; i++)
        if (!row_table_delete_named(table, replay->lsn, deletes.rows[i].lsn,
                                    deletes.rows[i].position))
            replay->unknown_rows++;
    if (row_table_wants_reclaim(table))
        row_table_reclaim(table, replay->lsn); /* nobody looks yet */
    row_table_unref(table);
    return STATUS_OK;
}

static Status replay_metadata(Replay *replay, const WalEntry *entry, Error *err)
{
    WalMetadataList list;

    TRY(wal_metadata_decode(entry, &replay->arena, &list, err));
    for (uint32_t i = 0; i < list.count; i++) {
        const WalMetadata *m = &list.items[i];
        metadata_store_put(replay->engine->metadata,
                           &(MetadataRow){m->metric, m->type, m->unit, m->help});
    }
    return STATUS_OK;
}

static Status replay_exemplars(Replay *replay, const WalEntry *entry, Error *err)
{
    WalExemplarList list;

    TRY(wal_exemplars_decode(entry, &replay->arena, &list, err));
    for (uint32_t i = 0; i < list.count; i++) {
        const WalExemplar *from = &list.items[i];
        Exemplar exemplar = {.lsn = replay->lsn,
                             .ts_ms = from->ts_ms,
                             .ref = own_ref(replay, from->ref),
                             .labels = from->labels};
        memcpy(&exemplar.value, &from->value_bits, sizeof exemplar.value);
        if (exemplar.ref == SERIES_REF_NONE)
            replay->unknown_refs++;
        else
            exemplar_store_append(replay->engine->exemplars, &exemplar);
    }
    return STATUS_OK;
}

static Status replay_catalog(Replay *replay, const WalEntry *entry, Error *err)
{
    Str text;
    CatalogChange change;

    if (entry->lsn <= replay->catalog_lsn)
        return STATUS_OK;
    TRY(wal_catalog_decode(entry, &text, err));
    TRY(catalog_change_decode(text, &replay->arena, &change, err));
    Status status = engine__apply_changes(replay->engine, &change, 1, true, err);
    /* Changes were checked before they were written: what does not fit misses one before it. */
    return status == STATUS_OK ? STATUS_OK : STATUS_CORRUPT;
}

static Status replay_series(Replay *replay, const WalEntry *entry, Error *err)
{
    WalSeriesList list;

    TRY(wal_series_decode(entry, &replay->arena, &list, err));
    return define_series(replay, &list, err);
}

static Status replay_group(Replay *replay, const WalEntry *entry, Error *err);
static Status replay_commit(Replay *replay, const WalEntry *entry, Error *err);

static Status replay_part(Replay *replay, const WalEntry *entry, Error *err)
{
    switch (entry->type) {
    case WAL_ENTRY_SAMPLES:
        return replay_samples(replay, entry, err);
    case WAL_ENTRY_ROWS:
        return replay_rows(replay, entry, err);
    case WAL_ENTRY_DELETES:
        return replay_deletes(replay, entry, err);
    case WAL_ENTRY_METADATA:
        return replay_metadata(replay, entry, err);
    case WAL_ENTRY_EXEMPLARS:
        return replay_exemplars(replay, entry, err);
    case WAL_ENTRY_CATALOG:
        return replay_catalog(replay, entry, err);
    case WAL_ENTRY_COMMIT:
        return replay_commit(replay, entry, err);
    case WAL_ENTRY_CHECKPOINT_SERIES:
        return replay_series(replay, entry, err);
    case WAL_ENTRY_GROUP:
        return replay_group(replay, entry, err);
    }
    return error_set(err, STATUS_CORRUPT, "an entry of unknown type %d", (int)entry->type);
}

static Status replay_group(Replay *replay, const WalEntry *entry, Error *err)
{
    Str rest = entry->payload;
    WalEntry part;
    bool found;

    /* Checked to the end first, so that a damaged group is absent as a whole. */
    for (Str check = rest;;) {
        TRY(wal_group_next(entry, &check, &part, &found, err));
        if (!found)
            break;
    }
    for (;;) {
        TRY(wal_group_next(entry, &rest, &part, &found, err));
        if (!found)
            return STATUS_OK;
        TRY(replay_part(replay, &part, err));
    }
}

/* ---------------------------------------------------------------- transactions */

static PendingTxn *get_txn(Replay *replay, uint64_t id)
{
    PendingTxn *txn = map_get(&replay->txns, str_make(&id, sizeof id));

    if (txn)
        return txn;
    txn = MEM_NEW(PendingTxn);
    txn->id = id;
    txn->tail = &txn->first;
    *map_put(&replay->txns, str_make(&txn->id, sizeof txn->id), NULL) = txn;
    return txn;
}

static void free_txn(PendingTxn *txn)
{
    for (PendingEntry *entry = txn->first, *next; entry; entry = next) {
        next = entry->next;
        mem_free(entry);
    }
    mem_free(txn);
}

static void keep_for_commit(Replay *replay, uint64_t txn_id, const WalEntry *entry)
{
    PendingTxn *txn = get_txn(replay, txn_id);
    PendingEntry *pending = mem_alloc(sizeof *pending + entry->payload.len);
    char *payload = (char *)(pending + 1);

    *pending = (PendingEntry){.entry = *entry};
    memcpy(payload, entry->payload.ptr, entry->payload.len);
    pending->entry.payload.ptr = payload;
    *txn->tail = pending;
    txn->tail = &pending->next;
}

static Status replay_commit(Replay *replay, const WalEntry *entry, Error *err)
{
    uint64_t id;
    Status status = STATUS_OK;

    TRY(wal_commit_decode(entry, &id, err));
    PendingTxn *txn = map_remove(&replay->txns, str_make(&id, sizeof id));
    if (!txn)
        return error_set(err, STATUS_CORRUPT, "a commit of a transaction without entries");
    for (PendingEntry *pending = txn->first; pending && status == STATUS_OK;
         pending = pending->next) {
        status = replay_part(replay, &pending->entry, err); /* at the LSN of the commit */
        arena_reset(&replay->arena);
    }
    free_txn(txn);
    return status;
}

/* Does the entry wait for a COMMIT? Only ROWS and DELETES entries can. */
static Status transaction_of(const WalEntry *entry, uint64_t *ret_id, Error *err)
{
    *ret_id = 0;
    if (entry->type == WAL_ENTRY_DELETES)
        return wal_deletes_txn(entry, ret_id, err);
    return entry->type == WAL_ENTRY_ROWS ? wal_rows_txn(entry, ret_id, err) : STATUS_OK;
}

/* ---------------------------------------------------------------- all */

static Status on_entry(void *ctx, const WalEntry *entry, Error *err)
{
    Replay *replay = ctx;
    uint64_t txn_id;

    arena_reset(&replay->arena);
    replay->lsn = entry->lsn;
    replay->report->entries_replayed++;
    TRY(transaction_of(entry, &txn_id, err));
    if (txn_id) {
        keep_for_commit(replay, txn_id, entry);
        return STATUS_OK;
    }
    return replay_part(replay, entry, err);
}

static void note_damage(EngineReport *report, const char *text)
{
    report->damaged_places++;
    if (!report->first_damage[0])
        (void)snprintf(report->first_damage, sizeof report->first_damage, "%s", text);
}

static void summarize(Replay *replay, const WalReport *found)
{
    EngineReport *report = replay->report;
    char text[160];

    for (size_t i = 0; i < found->damage_count; i++) {
        const WalDamage *damage = &found->damages[i];
        if (damage->kind == WAL_DAMAGE_TORN_TAIL)
            report->bytes_cut += damage->len;
        else
            note_damage(report, damage->text);
    }
    report->damaged_places += (uint32_t)found->damage_dropped;
    if (replay->unknown_rows) {
        (void)snprintf(text, sizeof text, "%llu deletes name rows that are lost",
                       (unsigned long long)replay->unknown_rows);
        note_damage(report, text);
    }
    if (replay->unknown_refs) {
        (void)snprintf(text, sizeof text,
                       "%llu samples belong to series whose definitions are lost",
                       (unsigned long long)replay->unknown_refs);
        note_damage(report, text);
    }
}

/* Where a series got the ref again by which the log knows it, the log's definition stands for what
 * we write from now on. Replay gives refs in the order of the log, so after one restart that holds
 * for nearly all. */
static void keep_definitions(Replay *replay)
{
    SeriesRef refs[1024];
    size_t count = 0;

    for (size_t ref = 0; ref < replay->ref_cap; ref++) {
        if (replay->refs[ref] != ref)
            continue;
        refs[count++] = (SeriesRef)ref;
        if (count == LUMA_ARRAY_LEN(refs)) {
            metric_store_mark_durable(replay->engine->metrics, refs, count);
            count = 0;
        }
    }
    metric_store_mark_durable(replay->engine->metrics, refs, count);
}

Status engine__replay(Engine *engine, const WalOptions *options, Lsn catalog_lsn,
                      EngineReport *report, Error *err)
{
    static const WalReplayOps ops = {.on_entry = on_entry};
    Replay replay = {.engine = engine, .report = report, .catalog_lsn = catalog_lsn};
    WalReport found = {0};
    int64_t start_ns = clock_mono_ns();
    size_t pos = 0;

    arena_init(&replay.arena, NULL);
    /* What is durable is read back whatever the limit says; writers meet the limit afterwards. */
    int64_t limit = engine->budget->limit_bytes;
    engine->budget->limit_bytes = INT64_MAX;
    Status status = wal_open(options, &ops, &replay, &found, &engine->wal, err);
    engine->budget->limit_bytes = limit;
    engine->visible_lsn = found.lsn_last;
    keep_definitions(&replay);
    summarize(&replay, &found);
    report->replay_ns = clock_mono_ns() - start_ns;
    for (const MapSlot *slot; (slot = map_next(&replay.txns, &pos));)
        free_txn(slot->value);
    map_done(&replay.txns);
    mem_free(replay.refs);
    arena_done(&replay.arena);
    wal_report_done(&found);
    return status;
}

/* engine_int.h - what the files of storage/engine share.
 *
 *   WriteBatch --encode (caller)--> WalAppend(s) --writer thread, LSN order--> applier queue
 *             --applier thread--> stores, visible_lsn --> EngineWriteDone
 */
#ifndef LUMA_STORAGE_ENGINE_ENGINE_INT_H
#define LUMA_STORAGE_ENGINE_ENGINE_INT_H

#include "storage/engine/engine.h"
#include "storage/engine/exemplar_store.h"
#include "storage/engine/metadata_store.h"
#include "storage/engine/metric_tables.h"
#include "storage/engine/sequence_store.h"
#include "storage/hot/segment_map.h"
#include "storage/metrics/metric_store.h"
#include "storage/rows/row_changes.h"
#include "storage/rows/row_store.h"
#include "storage/wal/wal.h"
#include "storage/wal/wal_entry.h"

struct Engine {
    char *data_dir;
    Vfs *vfs;
    VfsFile *lock_file; /* held while the directory is open */
    WalEncoding encoding;
    MemBudget *budget;
    MemBudget own_budget; /* stands in when the caller gave none */
    bool full;            /* atomic: relaxed; writers are told to retry */

    MetricStore *metrics;
    SegmentMap segments; /* sealed segments of rows */
    RowStore *rows;
    ExemplarStore *exemplars;
    MetadataStore *metadata;
    MetricTables *metric_tables;
    SequenceStore *sequences;
    Wal *wal;
    uint64_t next_txn; /* atomic: relaxed; starts at random, so that no two runs share an id */

    Thread applier;
    Mutex apply_lock;
    Cond apply_work;
    WriteBatch *apply_head; /* guarded by apply_lock; LSN order */
    WriteBatch **apply_tail;
    bool stopping;      /* guarded by apply_lock */
    uint64_t in_flight; /* guarded by apply_lock: batches taken and not answered */
    Cond idle;          /* in_flight fell to 0 */
    uint32_t waiting;   /* guarded by apply_lock: in engine_wait_write */
    Cond shown;         /* visible_lsn moved while somebody waits */
    Lsn visible_lsn;    /* atomic: release after everything up to it is applied */

    Mutex snapshot_lock;
    Snapshot *snapshots; /* guarded by snapshot_lock: all there are, in no order */

    Mutex catalog_lock;
    CatalogVersion *catalog;  /* guarded by catalog_lock: a reference to the current version */
    uint64_t catalog_changes; /* atomic: relaxed; since catalog.db was written */

    uint32_t next_id;           /* atomic: relaxed; of objects of the catalog */
    uint32_t next_temporary_id; /* atomic: relaxed */

    Mutex ddl_lock;
    Cond ddl_free;
    bool ddl_busy; /* guarded by ddl_lock: one DDL statement at a time */
};

typedef struct WriteRows {
    uint32_t store_id;
    uint32_t schema_version;
    RecordBatch batch; /* in the batch's arena */
} WriteRows;

/* What a batch does to one table of the row store. */
typedef struct WriteTable {
    uint32_t store_id;
    uint32_t schema_version;
    RowChanges *changes; /* owned */
    RowName *deletes;    /* arena: once reserved, for the log */
    uint32_t delete_count;
    bool truncate;
} WriteTable;

/* One entry of the log on its way. */
typedef struct WriteEntry {
    WalAppend append;
    WriteBatch *batch;
    Buf payload;
} WriteEntry;

struct WriteBatch {
    int64_t ref_count; /* atomic: the owner's, and those of snapshots that look through it */
    Engine *engine;
    WriteBatch *next; /* in the applier's queue */
    Arena arena;      /* owns rows, blobs, labels, texts and entries */

    /* Float samples: columns of sample_count. */
    SeriesRef *refs;
    int64_t *ts_ms;
    uint64_t *bits;
    int64_t *start_ms; /* NULL until one has a start */
    size_t sample_count;
    size_t sample_cap;

    WalHistogram *histograms;
    size_t histogram_count;
    size_t histogram_cap;
    WalExemplar *exemplars;
    size_t exemplar_count;
    size_t exemplar_cap;
    WalMetadata *metadata;
    size_t metadata_count;
    size_t metadata_cap;
    WriteTable *tables;
    size_t table_count;
    size_t table_cap;
    uint32_t command; /* of what is added now, from 1 on */
    WriteRows *rows;  /* of `tables`, once reserved */
    size_t row_batch_count;
    size_t row_batch_cap;
    CatalogChange *changes; /* arena: DDL */
    size_t change_count;
    size_t change_cap;

    /* In flight. */
    SeriesRef *defs; /* arena: series whose definitions the entries carry */
    size_t def_count;
    WriteEntry **entries; /* arena */
    size_t entry_count;
    size_t entry_cap;
    size_t unresolved;     /* atomic: entries that the log has not answered */
    bool failed;           /* atomic: relaxed; `error` says why */
    Error *error;          /* owned; NULL = none */
    Lsn lsn;               /* of the last entry */
    int64_t charged_bytes; /* what the budget holds for the batch in flight */
    EngineWriteDone on_done;
    void *ctx;
};

/* ---- write_batch.c ---- */
/* The batch's changes of a table of the row store, NULL = none. */
RowChanges *engine__changes(const WriteBatch *batch, uint32_t store_id);

/* ---- write_path.c ---- */
void engine__applier_main(void *engine);
/* Takes the batch, whatever is in it. */
Status engine__write_and_wait(Engine *engine, WriteBatch *batch, Lsn *ret_lsn, Error *err);

/* ---- engine_ddl.c ---- */
/* Has the batch changes of the catalog, more than where sequences stand? */
bool engine__changes_catalog(const WriteBatch *batch);
/* As engine__write_and_wait, for such a batch: one at a time, checked before. */
Status engine__write_ddl(Engine *engine, WriteBatch *batch, Lsn *ret_lsn, Error *err);

/* ---- write_encode.c ---- */
/* Encodes everything in the batch into batch->entries. Caller's thread. */
Status engine__encode(WriteBatch *batch, Error *err);

/* ---- apply.c: the applier's (and replay's) way into the stores ---- */
void engine__apply_batch(Engine *engine, const WriteBatch *batch);
/* Publishes the next catalog version and makes or drops the tables' rows. */
Status engine__apply_changes(Engine *engine, const CatalogChange *changes, size_t change_count,
                             bool replay, Error *err);

/* CREATE INDEX USING fulltext: the rows of its table get the words of its columns. The applier. */
void engine__follow_index(Engine *engine, const CatalogIndex *index);

/* ---- replay.c ---- */
Status engine__replay(Engine *engine, const WalOptions *options, Lsn catalog_lsn,
                      EngineReport *report, Error *err);

/* ---- engine.c ---- */
CatalogVersion *engine__catalog(Engine *engine); /* a reference */
Status engine__save_catalog(Engine *engine, Lsn lsn, Error *err);

/* ---- snapshot.c ---- */
/* No snapshot is below it: what was deleted up to it is seen by nobody. */
Lsn engine__horizon(Engine *engine);
struct Snapshot {
    Engine *engine;
    Snapshot *next; /* in Engine.snapshots */
    Snapshot **at;  /* what points here */
    Lsn lsn;
    CatalogVersion *catalog;
    MetricSnapshot *metrics;
    WriteBatch *changes; /* a reference: seen on top, NULL = none */
    uint32_t command;    /* of `changes`: those before this one */
    Mutex lock;          /* guards the arena and the tables in it */
    Arena arena;         /* tables of metrics that were looked up */
};

/* ---- series_scan.c: rows of public.metrics and prom.<metric> ---- */
typedef struct SeriesScan SeriesScan;
typedef struct SeriesPiece SeriesPiece;
Status series_scan_new(Snapshot *snapshot, const ScanSpec *spec, SeriesScan **ret_scan, Error *err);
SeriesScan *series_scan_free(SeriesScan *scan);
uint64_t series_scan_estimate(const SeriesScan *scan);
SeriesPiece *series_scan_next(SeriesScan *scan);
Status series_piece_next(SeriesPiece *piece, Arena *arena, RecordBatch *ret_batch, Error *err);
SeriesPiece *series_piece_close(SeriesPiece *piece);

/* ---- write_rows.c: rows of the tables that are made of series ---- */
Status engine__write_series_rows(WriteBatch *batch, const Table *table, const RecordBatch *rows,
                                 Error *err);

#endif

/* engine.h - the door of storage: write, scan, schema, snapshots.
 *
 * Write:  engine_write takes a WriteBatch, appends it to the write-ahead log (group commit,
 *         fdatasync), applies it to memory in LSN order, and calls back. When the callback says OK
 *         the write is durable and every later snapshot sees it.
 * Read:   a Snapshot is visible_lsn, a catalog version and the set of segments; engine_scan yields
 *         rows in record batches, engine_scan_series yields series.
 *
 * Threads: every function may be called from any thread unless it says otherwise; those that can
 * wait (open, close, ddl, *_wait, scans) must not be called on an event loop.
 */
#ifndef LUMA_STORAGE_ENGINE_ENGINE_H
#define LUMA_STORAGE_ENGINE_ENGINE_H

#include "arrow/batch.h"
#include "base/label.h"
#include "base/mem.h"
#include "base/thread.h"
#include "storage/catalog/catalog.h"
#include "storage/metrics/sample.h"  /* Lsn, SeriesRef, SeriesList, SampleRun, SeriesVisitor */
#include "storage/rows/row_filter.h" /* ScanOp, ScanPredicate */

typedef struct Engine Engine;
typedef struct Snapshot Snapshot;
typedef struct WriteBatch WriteBatch;
typedef struct SeriesCursor SeriesCursor; /* successor prediction of one sender */
struct Vfs;

typedef enum EngineSync { ENGINE_SYNC_ALWAYS, ENGINE_SYNC_INTERVAL, ENGINE_SYNC_OFF } EngineSync;

typedef struct EngineOptions {
    const char *data_dir;
    struct Vfs *vfs;   /* NULL = the operating system's files */
    MemBudget *budget; /* hot memory; at its limit writers are told to retry */
    EngineSync sync;
    int64_t sync_interval_ns;  /* for ENGINE_SYNC_INTERVAL */
    bool wal_json;             /* wal.encoding: json */
    int64_t wal_segment_bytes; /* size at which a segment is closed */
} EngineOptions;

/* What opening found; the server logs it. */
typedef struct EngineReport {
    uint64_t entries_replayed;
    uint64_t samples_replayed;
    uint64_t rows_replayed;
    uint64_t bytes_cut;      /* torn tail */
    uint32_t damaged_places; /* quarantined into lost/ */
    int64_t replay_ns;
    char first_damage[512]; /* where, "" = none */
} EngineReport;

/* Opens or creates the directory and replays the log. A second process on it gets UNAVAILABLE. */
Status engine_open(const EngineOptions *options, Engine **ret_engine, EngineReport *ret_report,
                   Error *err);
/* Waits for writes under way, syncs, closes. NULL is fine; returns NULL. */
Engine *engine_close(Engine *engine);
/* False once the log has failed: reads go on, writes get UNAVAILABLE. `err` says why. */
bool engine_writable(Engine *engine, Error *err);
Lsn engine_visible_lsn(Engine *engine);

/* ---------------------------------------------------------------- writing */

/* Encodings of raw label bytes that the series lookup knows apart. */
typedef enum LabelCodec {
    LABEL_CODEC_REMOTE_WRITE, /* the Label messages of a prometheus.TimeSeries, as received */
    LABEL_CODEC_TEXT,         /* `name{a="b"}` of an exposition plus the target's labels */
    LABEL_CODEC_OTLP,
    LABEL_CODEC_PAIRS, /* names and values, each behind its varint length */
    LABEL_CODEC_SQL,
} LabelCodec;

/* A batch may hold samples, rows of many tables and the rest at once: it is durable and visible as
 * a whole or not at all. So the writes of a transaction are gathered in one batch and written at
 * COMMIT. UNAVAILABLE when hot memory is full or the log has failed. Batches belong to one thread.
 */
Status write_batch_new(Engine *engine, WriteBatch **ret_batch, Error *err);
/* Charges what a new, empty batch will gather: over the budget it is refused with 53200. */
void write_batch_charge(WriteBatch *batch, MemBudget *budget);
WriteBatch *write_batch_free(WriteBatch *batch); /* NULL is fine; returns NULL */

/* A sender's cursor; keep one per connection or target (NULL stands for a fresh one). Confined to
 * one thread at a time. */
SeriesCursor *series_cursor_new(void);
SeriesCursor *series_cursor_free(SeriesCursor *cursor);

/* Looks a series up by its raw label bytes; false = not known under these bytes. */
bool write_batch_find_series(WriteBatch *batch, SeriesCursor *cursor, LabelCodec codec, Str raw,
                             SeriesRef *ret_ref);
/* Registers a normalized label set under the raw bytes (raw may be empty: labels only). */
Status write_batch_add_series(WriteBatch *batch, SeriesCursor *cursor, LabelCodec codec, Str raw,
                              LabelSet labels, SeriesRef *ret_ref, Error *err);
/* One float sample. ts in ms since 1970. Staleness marker: WRITE_STALE_BITS. */
#define WRITE_STALE_BITS UINT64_C(0x7ff0000000000002)
Status write_batch_sample(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, uint64_t value_bits,
                          Error *err);
/* As above, with the start (created) timestamp of the counter, 0 = unknown. */
Status write_batch_sample_start(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, int64_t start_ms,
                                uint64_t value_bits, Error *err);
/* A validated native histogram sample; copied. */
Status write_batch_histogram(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, int64_t start_ms,
                             const NativeHistogram *histogram, Error *err);
Status write_batch_exemplar(WriteBatch *batch, SeriesRef ref, int64_t ts_ms, double value,
                            LabelSet labels, Error *err);
Status write_batch_metadata(WriteBatch *batch, Str metric, Str type, Str unit, Str help,
                            Error *err);
/* Rows of a table; `rows` has one column per column of the table, in order; it is copied. NOT NULL
 * and types are checked by the caller (query or ingest), keys here and again by engine_write
 * (EXISTS 23505; CONFLICT 40001 while another write is about to store the key). Rows of metrics,
 * prom.<metric>, exemplars and metric_metadata become samples, exemplars and metadata; INVALID with
 * a SQLSTATE says which value cannot. */
Status write_batch_rows(WriteBatch *batch, const Table *table, const RecordBatch *rows, Error *err);
/* The batch's own memory, for rows that are made in place. */
Arena *write_batch_arena(WriteBatch *batch);
/* As write_batch_rows for rows of logs, traces and user tables that are not copied: the columns lie
 * in the batch's arena; texts may lie anywhere that outlives the write. */
Status write_batch_rows_take(WriteBatch *batch, const Table *table, const RecordBatch *rows,
                             Error *err);
/* Rows of user tables, logs and traces that go, by the ids that a scan gave (SCAN_COLUMN_ROW_ID);
 * an UPDATE is a delete and rows in one batch. CONFLICT 40001, here or of engine_write, when
 * another write has deleted or replaced one of them. Other tables: UNSUPPORTED 0A000. */
Status write_batch_delete(WriteBatch *batch, const Table *table, const uint64_t *row_ids,
                          uint32_t count, Error *err);
/* All rows of the table go, whoever wrote them, and those of this batch before this. */
Status write_batch_truncate(WriteBatch *batch, const Table *table, Error *err);

/* What a batch gathers stands under the number of a command. A snapshot that looks through the
 * batch (snapshot_see) sees the commands that were complete then. */
void write_batch_next_command(WriteBatch *batch);
/* Takes back everything since the mark, the commands included: savepoints, failed statements. */
typedef struct WriteMark {
    uint32_t command;
    size_t samples;
    size_t histograms;
    size_t exemplars;
    size_t metadata;
} WriteMark;
WriteMark write_batch_mark(const WriteBatch *batch);
void write_batch_rollback(WriteBatch *batch, WriteMark mark);

/* Reserves what the batch deletes and the keys that it adds already now, so that engine_write does
 * not meet another write there: EXISTS, CONFLICT. What is added later gives the reservation back.
 */
Status write_batch_reserve(WriteBatch *batch, Error *err);

/* What the batch holds by now. */
uint64_t write_batch_sample_count(const WriteBatch *batch);

/* Called once, on an engine thread: it must be short (post a message). `lsn` is the write's. */
typedef void (*EngineWriteDone)(void *ctx, Status status, const Error *err, Lsn lsn);

/* Takes the batch. Never waits; a full queue gives UNAVAILABLE through the callback. */
void engine_write(Engine *engine, WriteBatch *batch, EngineWriteDone on_done, void *ctx);
/* Takes the batch and waits for the end. Not on an event loop. */
Status engine_write_wait(Engine *engine, WriteBatch *batch, Lsn *ret_lsn, Error *err);

/* Waits until a write after `seen` (engine_visible_lsn) is visible, or for the time. Not on an
 * event loop. */
void engine_wait_write(Engine *engine, Lsn seen, int64_t timeout_ns);

/* ---------------------------------------------------------------- schema */

typedef struct CreateTable {
    Str schema;
    Str name;
    const TableColumn *columns;
    uint32_t column_count;
    Str time_column;      /* "" = the first timestamp column, if any */
    Str options;          /* JSON object text */
    const TableKey *keys; /* the primary one first */
    uint32_t key_count;
    const TableCheck *checks;
    uint32_t check_count;
    bool if_not_exists;
} CreateTable;

/* An id for a new object of the catalog, for its rows (store_id) or a state; given once, and for
 * ever once a change with it is written. Temporary objects have ids of their own. */
uint32_t engine_new_id(Engine *engine);
uint32_t engine_new_temporary_id(Engine *engine);
/* Adds a catalog change (copied) to the batch, which makes it DDL: it goes by engine_write_wait,
 * and its changes become durable and visible with its rows. Checked by engine_write_wait, see
 * catalog_apply. */
Status write_batch_catalog(WriteBatch *batch, const CatalogChange *change, Error *err);
/* Room for the rows of a table that only the caller knows yet (a temporary one, or one that an open
 * transaction makes or rewrites): write_batch_rows and scans take it from here on. */
void engine_open_store(Engine *engine, const Table *table);
void engine_drop_store(Engine *engine, uint32_t store_id);

/* Sequences: values are durable before they are given. Rollback does not bring them back. */
Status engine_sequence_next(Engine *engine, const CatalogSequence *sequence, uint32_t count,
                            int64_t *ret_values, Error *err);
Status engine_sequence_set(Engine *engine, const CatalogSequence *sequence, int64_t value,
                           bool is_called, Error *err);
void engine_sequence_get(Engine *engine, const CatalogSequence *sequence, int64_t *ret_value,
                         int64_t *ret_log_count, bool *ret_is_called);
/* Forgets a state that is in no definition (any more). */
void engine_sequence_drop(Engine *engine, uint32_t state_id);

/* One change each. Durable when they return. EXISTS / NOT_FOUND carry SQLSTATE 42P07 / 42P01. */
Status engine_create_table(Engine *engine, const CreateTable *create, uint32_t *ret_id, Error *err);
Status engine_drop_table(Engine *engine, Str schema, Str name, bool if_exists, Error *err);
Status engine_create_schema(Engine *engine, Str name, bool if_not_exists, Error *err);
Status engine_drop_schema(Engine *engine, Str name, bool if_exists, Error *err);
Status engine_create_view(Engine *engine, Str schema, Str name, Str query, bool replace,
                          Error *err);
Status engine_drop_view(Engine *engine, Str schema, Str name, bool if_exists, Error *err);

/* ---------------------------------------------------------------- reading */

/* The newest version of the catalog, a reference for the caller to drop. Never waits. */
CatalogVersion *engine_catalog(Engine *engine);

/* Never waits for I/O. Hold it only as long as the query runs. */
Status engine_snapshot(Engine *engine, Snapshot **ret_snapshot, Error *err);
/* Another one of the same instant. */
Snapshot *snapshot_copy(const Snapshot *snapshot);
Snapshot *snapshot_free(Snapshot *snapshot);
const CatalogVersion *snapshot_catalog(const Snapshot *snapshot);
Lsn snapshot_lsn(const Snapshot *snapshot);

/* From now on scans of the snapshot see what `batch` has gathered in complete commands, too; rows
 * only. It keeps the batch's memory until it is freed. NULL = no batch. */
void snapshot_see(Snapshot *snapshot, WriteBatch *batch);

/* Finds a table, prom.<metric> included; NULL when there is none. Lives as long as the snapshot. */
const Table *snapshot_find_table(Snapshot *snapshot, Str schema, Str name);

/* As a column of a projection: the row's id, int8, where rows can be deleted. Ids are given in the
 * order of appending, per table, and never twice. */
enum { SCAN_COLUMN_ROW_ID = 0xffff };

typedef struct ScanSpec {
    const Table *table;
    const uint16_t *columns; /* projection: indexes in Table.columns, in output order */
    uint32_t column_count;
    const ScanPredicate *predicates; /* AND; applied exactly; ask scan_can_filter first */
    uint32_t predicate_count;
    const LabelMatcher *matchers; /* metrics tables only: on the labels, AND */
    uint32_t matcher_count;
    const ScanBound *bound; /* only rows as good as it are wanted; NULL = all */
    int64_t row_limit;      /* stop early is allowed after this many rows; INT64_MAX = none */
    Lsn after_lsn; /* user tables, logs, traces: only rows of writes after this one; 0 = all */
} ScanSpec;

/* For planning: rows of the table, and a column's range and number of values where known. */
typedef struct ColumnEstimate {
    double rows;
    ColumnRange range; /* kind NONE = not known */
    double distinct;   /* 0 = not known */
} ColumnEstimate;
void engine_estimate(Snapshot *snapshot, const Table *table, uint16_t column, ColumnEstimate *ret);

typedef struct Scan Scan;
typedef struct Morsel Morsel; /* a piece of a scan, worked by one thread */

/* May a predicate of this operator on this column be given to a scan? */
bool scan_can_filter(const Table *table, uint16_t column, ScanOp op);
/* `spec` and what it points to must outlive the scan. */
Status engine_scan(Snapshot *snapshot, const ScanSpec *spec, Scan **ret_scan, Error *err);
Scan *scan_free(Scan *scan); /* after every morsel is closed */
/* Estimated rows, for planning and progress. */
uint64_t scan_row_estimate(const Scan *scan);
/* Zeros for tables that are not made of rows. */
void scan_stats(const Scan *scan, ScanStats *ret_stats);
/* Claims the next piece; *ret_morsel = NULL at the end. Any thread, concurrently. */
Status scan_next_morsel(Scan *scan, Morsel **ret_morsel, Error *err);
/* The next batch of at most BATCH_ROWS rows; row_count 0 = end. The batch is valid until the next
 * call; what must be allocated lies in `arena` (reset it per batch). */
Status morsel_next(Morsel *morsel, Arena *arena, RecordBatch *ret_batch, Error *err);
Morsel *morsel_close(Morsel *morsel);

/* Finds stored rows by key, for ON CONFLICT. A probe remembers the keys of rows that it did not
 * find, so that it finds rows equal to them, too. Confined to one thread; the snapshot outlives it.
 */
typedef struct KeyProbe KeyProbe;
#define KEY_PROBE_NONE UINT64_MAX
#define KEY_PROBE_SEEN (UINT64_MAX - 1) /* as an earlier row of the probe */
/* `keys`: per key of the table, does it count? */
KeyProbe *key_probe_new(Snapshot *snapshot, const Table *table, const bool *keys);
KeyProbe *key_probe_free(KeyProbe *probe); /* returns NULL */
/* For each row (one column per column of the table): the id of a row with one of its keys, or one
 * of the above. CONFLICT 40001 when a row that the snapshot does not see has the key. */
Status key_probe_rows(KeyProbe *probe, const RecordBatch *rows, uint64_t *ret_row_ids, Error *err);
/* Columns of rows by id, of as many from the first on as lie together: row_count of *ret_rows, in
 * the arena. CONFLICT when the first is gone. */
Status engine_fetch_rows(Snapshot *snapshot, const Table *table, const uint16_t *columns,
                         uint32_t column_count, const uint64_t *row_ids, uint32_t count,
                         Arena *arena, RecordBatch *ret_rows, Error *err);

/* ---- series */

/* Series that match all matchers and may have samples in [min_ms, max_ms]. */
Status engine_select_series(Snapshot *snapshot, const LabelMatcher *matchers,
                            uint32_t matcher_count, int64_t min_ms, int64_t max_ms, Arena *arena,
                            SeriesList *ret_list, Error *err);
/* Labels of one series; the texts live as long as the snapshot, the array in the arena. */
Status engine_series_labels(Snapshot *snapshot, SeriesRef ref, Arena *arena, LabelSet *ret_labels,
                            Error *err);
/* One label's value, empty when absent. */
Str engine_series_label(Snapshot *snapshot, SeriesRef ref, Str name);
/* Groups series by the values of `names` (or by all others when `without`; __name__ is never kept
 * by `without`): group_ids[i] for refs[i], and each group's labels. Works on symbol ids, no texts.
 */
Status engine_group_series(Snapshot *snapshot, const SeriesRef *refs, uint32_t ref_count,
                           const Str *names, uint32_t name_count, bool without, Arena *arena,
                           uint32_t **ret_group_ids, LabelSet **ret_groups,
                           uint32_t *ret_group_count, Error *err);

/* Samples with min_ms <= ts <= max_ms, ascending, duplicates resolved. */
Status engine_read_series(Snapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          SampleRun *run, Error *err);
/* The newest sample in the window: *ret_found = false when there is none. A histogram sample sets
 * *ret_histogram (in the arena); otherwise it is NULL. */
Status engine_last_sample(Snapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                          Arena *arena, bool *ret_found, int64_t *ret_ts_ms, double *ret_value,
                          const NativeHistogram **ret_histogram, Error *err);

/* As engine_last_sample for many series (fast when refs ascend): ret_kinds[i] is 0 for none, 1 for
 * a float, 2 for a histogram, which is put into ret_histograms[i] unless that array is NULL. */
Status engine_last_samples(Snapshot *snapshot, const SeriesRef *refs, uint32_t count,
                           int64_t min_ms, int64_t max_ms, Arena *arena, uint8_t *ret_kinds,
                           int64_t *ret_ts_ms, double *ret_values,
                           const NativeHistogram **ret_histograms, Error *err);

/* Walks a window in time order: whole chunks inside it as summaries, the rest as samples.
 * Overlapping data, chunks with a NaN (stale markers) and histograms come as samples only; during
 * on_samples scratch->histograms tells which are histograms. */
Status engine_visit_series(Snapshot *snapshot, SeriesRef ref, int64_t min_ms, int64_t max_ms,
                           const SeriesVisitor *visitor, SampleRun *scratch, Error *err);

/* Label names / values over the series that match (no matchers = all), sorted by bytes. */
Status engine_label_names(Snapshot *snapshot, const LabelMatcher *matchers, uint32_t matcher_count,
                          int64_t min_ms, int64_t max_ms, Arena *arena, Str **ret_names,
                          uint32_t *ret_count, Error *err);
Status engine_label_values(Snapshot *snapshot, Str name, const LabelMatcher *matchers,
                           uint32_t matcher_count, int64_t min_ms, int64_t max_ms, Arena *arena,
                           Str **ret_values, uint32_t *ret_count, Error *err);

typedef struct ExemplarRow {
    SeriesRef ref;
    int64_t ts_ms;
    double value;
    LabelSet labels;
} ExemplarRow;
/* Exemplars of matching series in the window, by series, then time. */
Status engine_exemplars(Snapshot *snapshot, const LabelMatcher *matchers, uint32_t matcher_count,
                        int64_t min_ms, int64_t max_ms, Arena *arena, ExemplarRow **ret_rows,
                        uint32_t *ret_count, Error *err);

typedef struct MetadataRow {
    Str metric;
    Str type;
    Str unit;
    Str help;
} MetadataRow;
/* Sorted by metric; `metric` empty = all. */
Status engine_metadata(Snapshot *snapshot, Str metric, Arena *arena, MetadataRow **ret_rows,
                       uint32_t *ret_count, Error *err);

typedef struct EngineStats {
    uint64_t series;  /* registered now */
    uint64_t samples; /* in hot memory */
    uint64_t chunks;
    uint64_t label_pairs;
    int64_t min_ts_ms; /* INT64_MAX when empty */
    int64_t max_ts_ms; /* INT64_MIN when empty */
    int64_t wal_bytes; /* on disk */
    uint64_t wal_segments;
    int64_t hot_bytes; /* what the budget counts */
    int64_t hot_limit_bytes;
} EngineStats;
void engine_stats(Engine *engine, EngineStats *ret_stats);

/* Most frequent values for /api/v1/status/tsdb. */
typedef enum EngineTop {
    ENGINE_TOP_SERIES_BY_METRIC,
    ENGINE_TOP_VALUES_BY_LABEL,
    ENGINE_TOP_BYTES_BY_LABEL,
    ENGINE_TOP_SERIES_BY_PAIR
} EngineTop;
Status engine_top(Snapshot *snapshot, EngineTop what, uint32_t limit, Arena *arena,
                  NameCount **ret_rows, uint32_t *ret_count, Error *err);

#endif

/* wal.h - the write-ahead log: the door of storage/wal.
 *
 * An append is acknowledged after fdatasync of the bytes that hold it. Appenders encode a payload
 * (wal_entry.h), enqueue a request and go on; one writer thread frames everything that waits,
 * writes it with one call, syncs once and then tells each request, in LSN order (group commit).
 *
 * The log is a folder of segment files `<first LSN, 16 hex digits>.wal`; docs/formats/wal.md has
 * the bytes. LSNs rise by one per entry within a segment; between segments there is a gap only
 * where entries were refused because the disk was full.
 *
 * Failure: a failed fdatasync is final, and so is any failed write but a full disk. From then on
 * wal_append refuses everything, wal_failed() is true and only a restart leads out. A full disk
 * fails the entries of that write (SQLSTATE 53100); the torn bytes are cut off and later appends
 * may succeed.
 *
 * Threads: wal_append, wal_failed, wal_bytes, wal_next_lsn, wal_segments and wal_truncate_below
 * from any thread; wal_open and wal_close from one.
 */
#ifndef LUMA_STORAGE_WAL_WAL_H
#define LUMA_STORAGE_WAL_WAL_H

#include "base/vfs.h"

/* Position in the log: the first entry ever is 1; 0 is "before everything". */
typedef uint64_t Lsn;

/* The largest payload of one entry. */
#define WAL_ENTRY_BYTES_MAX (64u << 20)

typedef enum WalSyncMode {
    WAL_SYNC_ALWAYS,   /* acknowledge after fdatasync */
    WAL_SYNC_INTERVAL, /* acknowledge after write, fdatasync every sync_interval_ms */
    WAL_SYNC_OFF,      /* acknowledge after write, sync only when a segment or the log is closed */
} WalSyncMode;

/* Values are stored; see docs/formats/wal.md section 3. */
typedef enum WalEncoding {
    WAL_ENCODING_BINARY = 0,
    WAL_ENCODING_JSON = 1,
} WalEncoding;

/* Values are stored. Contents: wal_entry.h. */
/* clang-format off */
#define WAL_ENTRY_LIST(X)                                                                          \
    X(SAMPLES, 1, "samples")                     /* float and native histogram samples */          \
    X(ROWS, 2, "rows")                           /* rows of a table */                             \
    X(METADATA, 3, "metadata")                   /* type, unit and help of metrics */              \
    X(EXEMPLARS, 4, "exemplars")                                                                   \
    X(CATALOG, 5, "catalog")                     /* DDL, users: bytes the catalog understands */   \
    X(COMMIT, 6, "commit")                       /* end of a transaction */                        \
    X(CHECKPOINT_SERIES, 7, "checkpoint_series") /* live series, so that older segments can go */  \
    X(GROUP, 8, "group")                         /* entries of one request: wal_group.h */         \
    X(DELETES, 9, "deletes")                     /* rows of a table that go */
/* clang-format on */
typedef enum WalEntryType {
#define X(id, value, name) WAL_ENTRY_##id = value,
    WAL_ENTRY_LIST(X)
#undef X
} WalEntryType;

/* "samples" and so on; "unknown" for a value that is none of them. */
const char *wal_entry_type_name(WalEntryType type);

/* One entry as replay and dump see it. Borrows; see WalReplayOps for how long. */
typedef struct WalEntry {
    Lsn lsn;
    WalEntryType type;
    WalEncoding encoding;
    Str payload;
    Lsn segment;     /* first LSN of its segment, which is the file's name */
    uint64_t offset; /* of the entry in the file, bytes */
} WalEntry;

/* What replay calls, on the thread of wal_open, in LSN order. */
typedef struct WalReplayOps {
    /* STATUS_CORRUPT reports the entry as damaged and goes on; any other failure ends wal_open. */
    Status (*on_entry)(void *ctx, const WalEntry *entry, Error *err);
    /* Called before the bytes of a segment's payloads go away; may be NULL. A caller that decodes
     * on other threads waits for them here. */
    Status (*on_segment_end)(void *ctx, Error *err);
} WalReplayOps;

typedef struct WalOptions {
    Vfs *vfs;                   /* NULL = vfs_posix() */
    const char *dir;            /* the log's folder; made when absent */
    const char *lost_dir;       /* where bytes of damaged segments are copied; made when needed */
    WalSyncMode sync_mode;      /* default: always */
    int64_t sync_interval_ms;   /* for WAL_SYNC_INTERVAL; 0 = 1000 */
    uint64_t segment_bytes_max; /* a segment is full past this; 0 = 64 MiB; at most 1 GiB */
    uint64_t queue_bytes_max;   /* payload bytes that may wait; 0 = 64 MiB */
    Lsn lsn_min; /* entries below are not replayed (they are in parts); the next LSN is
                    at least this. 0 = everything */
} WalOptions;

typedef enum WalDamageKind {
    WAL_DAMAGE_TORN_TAIL, /* the last segment ended in an incomplete entry, which was cut off */
    WAL_DAMAGE_BYTES,     /* bytes that are no entry, with entries or segments after them */
    WAL_DAMAGE_HEADER,    /* a segment's header; its entries were read by the file's name */
    WAL_DAMAGE_GAP,       /* LSNs that should be there are not: a missing segment */
    WAL_DAMAGE_ENTRY,     /* an entry with a good checksum that on_entry could not decode */
    WAL_DAMAGE_IO,        /* bytes the disk could not read */
    WAL_DAMAGE_FILE,      /* a file in the log's folder that is no segment; left alone */
} WalDamageKind;

typedef struct WalDamage {
    WalDamageKind kind;
    Lsn segment;     /* first LSN of the segment, by its name */
    uint64_t offset; /* first bad byte */
    uint64_t len;    /* bad bytes */
    Lsn lsn_first;   /* LSNs that are missing because of it; first > last = none known */
    Lsn lsn_last;
    bool acked_perhaps; /* false: the entries were never acknowledged (sync mode always) */
    char text[256];     /* one sentence for the log: file, place, what was done */
} WalDamage;

/* What wal_open found. Zero it before, release it with wal_report_done. */
typedef struct WalReport {
    uint64_t segment_count;
    uint64_t entry_count; /* replayed */
    uint64_t bytes;       /* read */
    Lsn lsn_last;         /* highest LSN seen, 0 = none */
    WalDamage *damages;   /* owned */
    size_t damage_count;
    size_t damage_cap;
    uint64_t damage_dropped; /* more of them than are kept */
} WalReport;

void wal_report_done(WalReport *report);

/* One segment for the system view. */
typedef struct WalSegmentInfo {
    Lsn lsn_first;
    Lsn lsn_last; /* 0 = no entry yet */
    uint64_t bytes;
    bool active; /* being written */
} WalSegmentInfo;

typedef struct Wal Wal;

/* A request to append, embedded in the caller's struct, which outlives on_durable's call. */
typedef struct WalAppend {
    struct WalAppend *next; /* the log's own */
    WalEntryType type;
    WalEncoding encoding;
    Str payload;  /* borrowed until on_durable */
    Lsn lsn;      /* set by wal_append */
    uint32_t crc; /* the log's own */
    /* Runs on the writer thread, in LSN order, without locks; must be short and may free the
     * request. `err` is NULL on success. After a failure the entry is not acknowledged; when the
     * log stopped because of it, a restart may find it whole or not at all. */
    void (*on_durable)(struct WalAppend *append, Status status, const Error *err);
} WalAppend;

/* Replays the log and readies it for appending; no segment is made before the first append.
 *
 * Damage never fails it: torn tails are cut, other damage is copied to lost_dir and reported, and
 * everything readable is replayed. Fails when the folder cannot be made or listed, when a segment's
 * format is newer than this program (STATUS_UNSUPPORTED), when another process has the log open
 * (STATUS_CONFLICT) and when on_entry fails. `ops` may be NULL (nothing is delivered), ret_report
 * gets the findings also on failure. */
Status wal_open(const WalOptions *options, const WalReplayOps *ops, void *ctx,
                WalReport *ret_report, Wal **ret_wal, Error *err);

/* Writes and syncs what waits, ends the writer thread, frees. NULL is fine; returns NULL. */
Wal *wal_close(Wal *wal);

/* Enqueues an entry and gives it its LSN, in queue order. STATUS_UNAVAILABLE when the queue is full
 * or the log has failed, STATUS_LIMIT when the payload is larger than WAL_ENTRY_BYTES_MAX; then
 * on_durable is not called. */
Status wal_append(Wal *wal, WalAppend *append, Error *err);

/* The same, but waits while the queue is full: for the further entries of a write whose first one
 * was taken. Not from on_durable. */
Status wal_append_wait(Wal *wal, WalAppend *append, Error *err);

/* Waits until everything enqueued before the call is synced, in any sync mode, or has been refused.
 * STATUS_UNAVAILABLE when the log has failed. Not from on_durable. */
Status wal_flush(Wal *wal, Error *err);

/* The LSN the next append gets. */
Lsn wal_next_lsn(Wal *wal);

/* Has the log stopped for good? Fills err with the reason when it has. */
bool wal_failed(Wal *wal, Error *err);

/* Removes whole segments all of whose entries are below `lsn`; never the active one. A failure
 * leaves the rest in place. */
Status wal_truncate_below(Wal *wal, Lsn lsn, Error *err);

/* Bytes of all segments. */
uint64_t wal_bytes(Wal *wal);

/* The segments, oldest first, in the arena. */
size_t wal_segments(Wal *wal, Arena *arena, WalSegmentInfo **ret_segments);

#endif

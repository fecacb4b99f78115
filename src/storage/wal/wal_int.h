/* wal_int.h - what the files of storage/wal share: the bytes of a segment, and the log's state. */
#ifndef LUMA_STORAGE_WAL_WAL_INT_H
#define LUMA_STORAGE_WAL_WAL_INT_H

#include "base/thread.h"
#include "storage/wal/wal.h"

/* --- segment files: docs/formats/wal.md sections 2 and 3 --- */

#define WAL_MAGIC "LUMAWAL\n"

enum {
    WAL_FORMAT_VERSION = 1,
    WAL_SEGMENT_HEADER_BYTES = 40,
    WAL_ENTRY_HEADER_BYTES = 24,
    WAL_ENTRY_ALIGN = 8,
    WAL_UNSYNCED_MAX = UINT16_MAX,
};

/* No segment file is larger: segment_bytes_max's bound and one entry of the largest size. */
#define WAL_SEGMENT_FILE_BYTES_MAX ((1ull << 30) + WAL_ENTRY_BYTES_MAX + 4096)

typedef struct WalSegmentHeader {
    uint32_t version;
    Lsn lsn_first; /* of the first entry, also the file's name */
    Lsn lsn_prev;  /* highest LSN written before this segment, 0 = none */
} WalSegmentHeader;

void wal__segment_header_encode(const WalSegmentHeader *header,
                                uint8_t out[WAL_SEGMENT_HEADER_BYTES]);
/* False when the magic or the checksum is wrong; says nothing about the version. */
bool wal__segment_header_decode(const uint8_t *bytes, size_t len, WalSegmentHeader *ret_header);

/* "<dir>/<lsn, 16 hex digits>.wal", or "<dir>/<prefix><lsn>.wal"; into `path`. */
Status wal__segment_path(const char *dir, const char *prefix, Lsn lsn_first, char path[4096],
                         Error *err);
/* False when the name is not a segment's. */
bool wal__segment_name_parse(const char *name, Lsn *ret_lsn_first);

/* First part of an entry's checksum: over the payload and its padding. */
uint32_t wal__payload_crc(Str payload);
static inline size_t wal__entry_bytes(size_t payload_len)
{
    return LUMA_ALIGN_UP(WAL_ENTRY_HEADER_BYTES + payload_len, (size_t)WAL_ENTRY_ALIGN);
}
/* The entry header for a payload whose wal__payload_crc is known. */
void wal__entry_header_encode(const WalEntry *entry, uint16_t unsynced, uint32_t payload_crc,
                              uint8_t out[WAL_ENTRY_HEADER_BYTES]);

/* Walks the entries of one segment's bytes. */
typedef struct WalScan {
    const uint8_t *bytes; /* the whole file, 8-byte aligned; borrowed */
    size_t len;
    size_t pos;          /* of the next entry */
    Lsn segment;         /* first LSN, by the file's name */
    Lsn lsn_next;        /* expected at pos */
    uint64_t work_bytes; /* checksumming left for searches, so that hostile bytes cannot stall */
} WalScan;

typedef enum WalScanResult {
    WAL_SCAN_ENTRY,  /* *ret_entry is set */
    WAL_SCAN_DAMAGE, /* *ret_damage is set, entries follow */
    WAL_SCAN_TAIL,   /* *ret_damage is set, nothing valid follows */
    WAL_SCAN_END,
} WalScanResult;

typedef struct WalScanEntry {
    WalEntry entry;
    Lsn lsn_durable_below; /* entries below were durable when this one was written (at least) */
} WalScanEntry;

typedef struct WalScanDamage {
    size_t offset;
    size_t len;    /* 0 when only LSNs are missing */
    Lsn lsn_first; /* missing LSNs; first > last = none known */
    Lsn lsn_last;
    bool gave_up; /* the search ended early, so there may be entries in the bytes */
} WalScanDamage;

void wal__scan_init(WalScan *scan, const uint8_t *bytes, size_t len, Lsn segment);
WalScanResult wal__scan_next(WalScan *scan, WalScanEntry *ret_entry, WalScanDamage *ret_damage);

/* Reads a whole segment into *buf (grown as needed, 8-byte aligned); bytes the disk cannot read
 * become zeros and are counted. */
typedef struct WalBytes {
    uint8_t *ptr; /* owned */
    size_t cap;
    size_t len;
    uint64_t unreadable_bytes;
    uint64_t unreadable_first; /* offset of the first */
} WalBytes;
Status wal__segment_read(VfsFile *file, WalBytes *bytes, Error *err);

/* First LSNs of the segments in a folder, ascending, in the arena. Other files are named in
 * ret_strangers (may be NULL with its count). */
Status wal__segment_list(Vfs *vfs, const char *dir, Arena *arena, Lsn **ret_firsts,
                         size_t *ret_count, const char ***ret_strangers, size_t *ret_stranger_count,
                         Error *err);

/* --- the log --- */

enum { WAL_BATCH_ENTRIES_MAX = 500 };
#define WAL_BATCH_BYTES_MAX (16u << 20)

struct Wal {
    Vfs *vfs;
    char *dir;
    WalSyncMode sync_mode;
    int64_t sync_interval_ns;
    uint64_t segment_bytes_max;
    uint64_t queue_bytes_max;
    VfsFile *lock_file; /* held while the log is open */
    Thread writer;

    Mutex lock;    /* guards the fields down to the next comment */
    Cond work;     /* the writer waits for requests */
    Cond resolved; /* wal_flush waits for the writer */
    Cond room;     /* wal_append_wait waits for a shorter queue */
    WalAppend *queue_head;
    WalAppend **queue_tail;
    uint64_t queue_bytes; /* payloads waiting or being written */
    Lsn lsn_next;         /* of the next append */
    Lsn lsn_flush_wanted; /* wal_flush: sync at least up to here */
    Lsn lsn_resolved;     /* all up to here are synced or have failed */
    bool stopping;
    bool failed;
    Error failure;            /* the reason, when failed */
    WalSegmentInfo *segments; /* owned, oldest first; the active one is the last */
    size_t segment_count;
    size_t segment_cap;

    /* The writer thread's own (wal_open's and wal_close's while it does not run). */
    VfsFile *file;          /* active segment, or NULL before the first append */
    Lsn segment;            /* its first LSN */
    uint64_t end;           /* where the next entry goes */
    uint64_t allocated_end; /* blocks are reserved up to here */
    bool may_allocate;      /* the file system can preallocate, and has room */
    Lsn lsn_written;        /* last written */
    Lsn lsn_synced;         /* last durable */
    int64_t synced_at_ns;   /* monotonic, of the last sync */
    struct iovec *vecs;     /* owned, 2 * WAL_BATCH_ENTRIES_MAX + 1 */
    uint8_t (*frames)[32];  /* owned, WAL_BATCH_ENTRIES_MAX: padding of the entry before, header */
};

/* The writer thread's main function. */
void wal__writer_main(void *wal);
/* Stops the log for good with the text of `cause`. */
void wal__fail(Wal *wal, const Error *cause);

/* Replays into ops and fills the log's segments, lsn_next and lsn_written. */
Status wal__replay(Wal *wal, const WalOptions *options, const WalReplayOps *ops, void *ctx,
                   WalReport *report, Error *err);

#endif

/* wal_writer.c - the writer thread: takes what waits, writes it at once, syncs once, tells
 * everybody.
 *
 * Invariants:
 *  1. Bytes below `end` in the active segment are whole entries with LSNs up to lsn_written.
 *  2. In sync mode always a request hears STATUS_OK only when lsn_synced has reached it.
 *  3. A segment is left (rolled, or given up after a full disk) only when all of it is synced.
 *  4. After a failed sync nothing is written or synced again.
 */
#include "base/clock.h"
#include "base/counter.h"
#include "storage/wal/wal_int.h"

/* Blocks are reserved this far ahead: it makes a small fdatasync a quarter cheaper in time. */
#define ALLOCATE_STEP_BYTES (8u << 20)

typedef struct Batch {
    WalAppend *head;
    uint32_t count;
    uint64_t frame_bytes;   /* with headers and padding */
    uint64_t payload_bytes; /* what it takes of the queue's bound */
} Batch;

void wal__fail(Wal *wal, const Error *cause)
{
    MUTEX_GUARD(&wal->lock);
    if (wal->failed)
        return;
    (void)error_set_sql(&wal->failure, STATUS_UNAVAILABLE, "58030", 0,
                        "write-ahead log failed: %s; LumaDB serves reads only; restart after the "
                        "disk is repaired",
                        cause->message);
    wal->failed = true;
    counter_add(COUNTER_WAL_FAILURES, 1);
    cond_broadcast(&wal->room);
    cond_broadcast(&wal->resolved);
}

/* Under the lock. */
static Batch take_batch(Wal *wal)
{
    Batch batch = {.head = wal->queue_head};
    WalAppend **link = &wal->queue_head;

    while (*link && batch.count < WAL_BATCH_ENTRIES_MAX) {
        size_t bytes = wal__entry_bytes((*link)->payload.len);
        if (batch.count && batch.frame_bytes + bytes > WAL_BATCH_BYTES_MAX)
            break;
        batch.frame_bytes += bytes;
        batch.payload_bytes += (*link)->payload.len;
        batch.count++;
        link = &(*link)->next;
    }
    wal->queue_head = *link;
    *link = NULL;
    if (!wal->queue_head)
        wal->queue_tail = &wal->queue_head;
    return batch;
}

static Status sync_file(Wal *wal, Error *err)
{
    int64_t began = clock_mono_ns();
    Status status = vfs_sync(wal->file, err);

    wal->synced_at_ns = clock_mono_ns();
    counter_add(COUNTER_WAL_SYNCS, 1);
    counter_add(COUNTER_WAL_SYNC_NS, wal->synced_at_ns - began);
    if (status == STATUS_OK)
        wal->lsn_synced = wal->lsn_written;
    else if (err)
        err->sqlstate[0] = 0; /* a failed sync is final, even one for want of space */
    return status;
}

/* Leaves the active segment; all of it must be synced. Gives back reserved blocks. */
static void close_segment(Wal *wal)
{
    if (wal->file && wal->allocated_end > wal->end)
        (void)vfs_truncate(wal->file, wal->end, NULL); /* only space would be wasted */
    wal->file = vfs_close(wal->file);
    MUTEX_GUARD(&wal->lock);
    if (wal->segment_count)
        wal->segments[wal->segment_count - 1].active = false;
}

static void allocate_ahead(Wal *wal, uint64_t bytes)
{
    uint64_t end = wal->end + bytes;

    if (!wal->may_allocate || end <= wal->allocated_end)
        return;
    uint64_t want =
        LUMA_MAX(end + ALLOCATE_STEP_BYTES / 2, wal->allocated_end + ALLOCATE_STEP_BYTES);
    want = LUMA_MAX(LUMA_MIN(want, wal->segment_bytes_max), end);
    if (vfs_allocate(wal->file, wal->end, want - wal->end, NULL) == STATUS_OK)
        wal->allocated_end = want;
    else
        wal->may_allocate = false; /* unsupported or full; the write itself tells */
}

/* Makes the file and its header durable, and its name in the folder, and the folder's own name. */
static Status write_new_segment(Wal *wal, const char *path, Lsn lsn_first, Error *err)
{
    uint8_t header[WAL_SEGMENT_HEADER_BYTES];

    TRY(vfs_open(wal->vfs, path, VFS_READ | VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &wal->file,
                 err));
    wal__segment_header_encode(&(WalSegmentHeader){WAL_FORMAT_VERSION, lsn_first, wal->lsn_written},
                               header);
    TRY(vfs_write(wal->file, 0, header, sizeof header, err));
    wal->end = sizeof header;
    wal->allocated_end = 0;
    wal->may_allocate = true;
    TRY(sync_file(wal, err));
    Status status = vfs_sync_dir(wal->vfs, wal->dir, err);
    if (status == STATUS_OK)
        status = vfs_sync_parent(wal->vfs, wal->dir, err);
    if (status != STATUS_OK && err)
        err->sqlstate[0] = 0;
    return status;
}

static Status open_segment(Wal *wal, Lsn lsn_first, Error *err)
{
    char path[4096];

    TRY(wal__segment_path(wal->dir, "", lsn_first, path, err));
    Status status = write_new_segment(wal, path, lsn_first, err);
    if (status != STATUS_OK) {
        if (wal->file)
            (void)vfs_unlink(wal->vfs, path, NULL); /* without entries it would only be noise */
        wal->file = vfs_close(wal->file);
        return status;
    }
    wal->segment = lsn_first;
    MUTEX_GUARD(&wal->lock);
    MEM_GROW(wal->segments, wal->segment_cap, wal->segment_count + 1);
    wal->segments[wal->segment_count++] =
        (WalSegmentInfo){.lsn_first = lsn_first, .bytes = wal->end, .active = true};
    return STATUS_OK;
}

/* Makes sure that the active segment takes the batch. */
static Status ready_segment(Wal *wal, const Batch *batch, Error *err)
{
    if (wal->file && wal->end > WAL_SEGMENT_HEADER_BYTES &&
        wal->end + batch->frame_bytes > wal->segment_bytes_max) {
        if (wal->lsn_synced < wal->lsn_written)
            TRY(sync_file(wal, err));
        close_segment(wal);
    }
    return wal->file ? STATUS_OK : open_segment(wal, batch->head->lsn, err);
}

/* Frames and writes the batch at `end`, without moving it. */
static Status write_frames(Wal *wal, const Batch *batch, Error *err)
{
    uint64_t offset = wal->end;
    size_t pad = 0;
    int vec_count = 0;
    uint32_t i = 0;

    for (WalAppend *a = batch->head; a; a = a->next, i++) {
        uint8_t *frame = wal->frames[i]; /* zeroed in its first 8 bytes for good */
        uint64_t unsynced = a->lsn - 1 - wal->lsn_synced;
        WalEntry entry = {a->lsn, a->type, a->encoding, a->payload, wal->segment, offset};
        wal__entry_header_encode(&entry, (uint16_t)LUMA_MIN(unsynced, (uint64_t)WAL_UNSYNCED_MAX),
                                 a->crc, frame + 8);
        wal->vecs[vec_count++] = (struct iovec){frame + 8 - pad, WAL_ENTRY_HEADER_BYTES + pad};
        wal->vecs[vec_count++] = (struct iovec){(void *)(uintptr_t)a->payload.ptr, a->payload.len};
        size_t bytes = wal__entry_bytes(a->payload.len);
        pad = bytes - WAL_ENTRY_HEADER_BYTES - a->payload.len;
        offset += bytes;
    }
    wal->vecs[vec_count++] = (struct iovec){wal->frames[0], pad};
    allocate_ahead(wal, batch->frame_bytes);
    return vfs_writev(wal->file, wal->end, wal->vecs, vec_count, err);
}

/* After a full disk: takes the torn bytes away. The LSNs are gone, so the next entry begins a new
 * segment, whose header says that the gap is meant. */
static Status cut_torn_write(Wal *wal, Error *err)
{
    TRY(vfs_truncate(wal->file, wal->end, err));
    TRY(sync_file(wal, err));
    wal->allocated_end = 0;
    close_segment(wal);
    return STATUS_OK;
}

/* Writes and syncs; on failure says in *err what requests hear, and stops the log if need be. */
static Status write_batch(Wal *wal, const Batch *batch, Error *err)
{
    Error cause = {0};
    Lsn lsn_last = batch->head->lsn + batch->count - 1;

    Status status = ready_segment(wal, batch, &cause);
    bool torn = false;
    if (status == STATUS_OK) {
        status = write_frames(wal, batch, &cause);
        torn = status != STATUS_OK;
    }
    /* Only a full disk met by a write is survivable, and only when torn bytes can be removed. */
    if (status != STATUS_OK && vfs_error_is_full(&cause) &&
        (!torn || cut_torn_write(wal, NULL) == STATUS_OK))
        return error_set_sql(err, STATUS_UNAVAILABLE, "53100", 0,
                             "the disk of the write-ahead log is full: %s", cause.message);
    if (status == STATUS_OK) {
        wal->end += batch->frame_bytes;
        wal->lsn_written = lsn_last;
        if (wal->sync_mode == WAL_SYNC_ALWAYS)
            status = sync_file(wal, &cause);
    }
    if (status != STATUS_OK) {
        wal__fail(wal, &cause);
        MUTEX_GUARD(&wal->lock);
        *err = wal->failure;
        return STATUS_UNAVAILABLE;
    }
    counter_add(COUNTER_WAL_ENTRIES, batch->count);
    counter_add(COUNTER_WAL_BYTES, (int64_t)batch->frame_bytes);
    MUTEX_GUARD(&wal->lock);
    WalSegmentInfo *active = &wal->segments[wal->segment_count - 1];
    active->lsn_last = lsn_last;
    active->bytes = wal->end;
    return STATUS_OK;
}

/* Tells every request of the batch. */
static void complete(const Batch *batch, Status status, const Error *err)
{
    for (WalAppend *a = batch->head; a;) {
        WalAppend *next = a->next; /* the callback may free the request */
        a->on_durable(a, status, status == STATUS_OK ? NULL : err);
        a = next;
    }
}

static void run_batch(Wal *wal, const Batch *batch, bool failed)
{
    Error err = {0};
    Lsn lsn_last = batch->head->lsn + batch->count - 1;
    Status status = STATUS_UNAVAILABLE;

    if (failed)
        err = wal->failure; /* never changes once set */
    else
        status = write_batch(wal, batch, &err);
    complete(batch, status, &err);
    mutex_lock(&wal->lock);
    wal->queue_bytes -= batch->payload_bytes;
    cond_broadcast(&wal->room);
    /* Refused entries are settled as far as wal_flush is concerned. */
    if (status != STATUS_OK || wal->sync_mode == WAL_SYNC_ALWAYS)
        if (wal->lsn_synced == wal->lsn_written) {
            wal->lsn_resolved = lsn_last;
            cond_broadcast(&wal->resolved);
        }
    mutex_unlock(&wal->lock);
}

/* For the modes that acknowledge before they sync. */
static void sync_late(Wal *wal, Lsn lsn_settled)
{
    Error cause = {0};

    if (wal->file && wal->lsn_synced < wal->lsn_written && sync_file(wal, &cause) != STATUS_OK) {
        wal__fail(wal, &cause);
        return;
    }
    MUTEX_GUARD(&wal->lock);
    wal->lsn_resolved = LUMA_MAX(wal->lsn_resolved, lsn_settled);
    cond_broadcast(&wal->resolved);
}

/* Under the lock: everything up to here was handed to a batch. */
static Lsn lsn_handled(const Wal *wal)
{
    return (wal->queue_head ? wal->queue_head->lsn : wal->lsn_next) - 1;
}

/* Under the lock. True when a sync is due now; otherwise waits for something to happen. */
static bool wait_for_work(Wal *wal)
{
    bool dirty = wal->lsn_synced < wal->lsn_written && !wal->failed;

    if (!wal->failed && wal->lsn_flush_wanted > wal->lsn_resolved &&
        lsn_handled(wal) >= wal->lsn_flush_wanted)
        return true;
    if (dirty && wal->sync_mode == WAL_SYNC_INTERVAL) {
        int64_t due = wal->synced_at_ns + wal->sync_interval_ns;
        if (clock_mono_ns() >= due)
            return true;
        if (!wal->queue_head && !wal->stopping)
            (void)cond_wait_until(&wal->work, &wal->lock, due);
    } else if (!wal->queue_head && !wal->stopping) {
        cond_wait(&wal->work, &wal->lock);
    }
    return false;
}

void wal__writer_main(void *raw)
{
    Wal *wal = raw;

    mutex_lock(&wal->lock);
    while (wal->queue_head || !wal->stopping) {
        if (wait_for_work(wal)) {
            Lsn settled = lsn_handled(wal);
            mutex_unlock(&wal->lock);
            sync_late(wal, settled);
            mutex_lock(&wal->lock);
        }
        if (wal->queue_head) {
            Batch batch = take_batch(wal);
            bool failed = wal->failed;
            mutex_unlock(&wal->lock);
            run_batch(wal, &batch, failed);
            mutex_lock(&wal->lock);
        }
    }
    bool failed = wal->failed;
    Lsn settled = lsn_handled(wal);
    mutex_unlock(&wal->lock);
    if (!failed)
        sync_late(wal, settled);
    if (wal->lsn_synced == wal->lsn_written)
        close_segment(wal);
    wal->file = vfs_close(wal->file);
}

/* wal.c - opening, closing and the queue in front of the writer. */
#include "storage/wal/wal.h"

#include <stdio.h>

#include "storage/wal/wal_int.h"

enum { SYNC_INTERVAL_MS_DEFAULT = 1000 };
#define SEGMENT_BYTES_DEFAULT (64ull << 20)
#define SEGMENT_BYTES_MAX (1ull << 30)
#define QUEUE_BYTES_DEFAULT (64ull << 20)

void wal_report_done(WalReport *report)
{
    mem_free(report->damages);
    *report = (WalReport){0};
}

static void free_wal(Wal *wal)
{
    vfs_close(wal->file);
    vfs_close(wal->lock_file);
    cond_done(&wal->work);
    cond_done(&wal->resolved);
    cond_done(&wal->room);
    mutex_done(&wal->lock);
    mem_free(wal->segments);
    mem_free(wal->vecs);
    mem_free(wal->frames);
    mem_free(wal->dir);
    mem_free(wal);
}

static Wal *new_wal(const WalOptions *options)
{
    Wal *wal = MEM_NEW(Wal);
    int64_t interval_ms =
        options->sync_interval_ms > 0 ? options->sync_interval_ms : SYNC_INTERVAL_MS_DEFAULT;

    wal->vfs = options->vfs ? options->vfs : vfs_posix();
    wal->dir = mem_strdup(options->dir);
    wal->sync_mode = options->sync_mode;
    wal->sync_interval_ns = interval_ms * 1000000;
    wal->segment_bytes_max =
        options->segment_bytes_max ? options->segment_bytes_max : SEGMENT_BYTES_DEFAULT;
    wal->segment_bytes_max = LUMA_MIN(wal->segment_bytes_max, SEGMENT_BYTES_MAX);
    wal->queue_bytes_max =
        options->queue_bytes_max ? options->queue_bytes_max : QUEUE_BYTES_DEFAULT;
    mutex_init(&wal->lock);
    cond_init(&wal->work);
    cond_init(&wal->resolved);
    cond_init(&wal->room);
    wal->queue_tail = &wal->queue_head;
    wal->vecs = MEM_NEW_ARRAY(struct iovec, 2 * WAL_BATCH_ENTRIES_MAX + 1);
    wal->frames = mem_zalloc(sizeof *wal->frames * WAL_BATCH_ENTRIES_MAX);
    return wal;
}

static Status lock_dir(Wal *wal, Error *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/lock", wal->dir) >= (int)sizeof path)
        return error_set(err, STATUS_INVALID, "the path of the write-ahead log is too long");
    TRY(vfs_open(wal->vfs, path, VFS_READ | VFS_WRITE | VFS_CREATE, &wal->lock_file, err));
    return vfs_lock(wal->lock_file, err);
}

Status wal_open(const WalOptions *options, const WalReplayOps *ops, void *ctx,
                WalReport *ret_report, Wal **ret_wal, Error *err)
{
    Wal *wal = new_wal(options);

    Status status = vfs_mkdir_all(wal->vfs, wal->dir, err);
    if (status == STATUS_OK)
        status = lock_dir(wal, err);
    if (status == STATUS_OK)
        status = wal__replay(wal, options, ops, ctx, ret_report, err);
    if (status == STATUS_OK)
        status = thread_start(&wal->writer, "wal-writer", wal__writer_main, wal, err);
    if (status != STATUS_OK) {
        free_wal(wal);
        return status;
    }
    *ret_wal = wal;
    return STATUS_OK;
}

Wal *wal_close(Wal *wal)
{
    if (!wal)
        return NULL;
    mutex_lock(&wal->lock);
    wal->stopping = true;
    cond_signal(&wal->work);
    cond_broadcast(&wal->room);
    mutex_unlock(&wal->lock);
    thread_join(&wal->writer);
    free_wal(wal);
    return NULL;
}

static bool is_full(const Wal *wal, size_t len)
{
    return wal->queue_bytes && wal->queue_bytes + len > wal->queue_bytes_max;
}

static Status append_entry(Wal *wal, WalAppend *append, bool wait, Error *err)
{
    size_t len = append->payload.len;

    if (len > WAL_ENTRY_BYTES_MAX)
        return error_set(
            err, STATUS_LIMIT,
            "an entry of %zu bytes is too large for the write-ahead log, whose entries "
            "have at most %u",
            len, WAL_ENTRY_BYTES_MAX);
    append->next = NULL;
    append->crc = wal__payload_crc(append->payload);
    MUTEX_GUARD(&wal->lock);
    while (wait && is_full(wal, len) && !wal->failed && !wal->stopping)
        cond_wait(&wal->room, &wal->lock);
    if (wal->failed || wal->stopping) {
        if (wal->failed && err)
            *err = wal->failure;
        return wal->failed ? STATUS_UNAVAILABLE
                           : error_set(err, STATUS_UNAVAILABLE, "the write-ahead log is closing");
    }
    if (is_full(wal, len))
        return error_set_sql(err, STATUS_UNAVAILABLE, "53400", 0,
                             "the write-ahead log's queue is full: %llu bytes wait for the disk",
                             (unsigned long long)wal->queue_bytes);
    append->lsn = wal->lsn_next++;
    wal->queue_bytes += len;
    if (!wal->queue_head)
        cond_signal(&wal->work);
    *wal->queue_tail = append;
    wal->queue_tail = &append->next;
    return STATUS_OK;
}

Status wal_append(Wal *wal, WalAppend *append, Error *err)
{
    return append_entry(wal, append, false, err);
}

Status wal_append_wait(Wal *wal, WalAppend *append, Error *err)
{
    return append_entry(wal, append, true, err);
}

Status wal_flush(Wal *wal, Error *err)
{
    MUTEX_GUARD(&wal->lock);
    Lsn target = wal->lsn_next - 1;

    wal->lsn_flush_wanted = LUMA_MAX(wal->lsn_flush_wanted, target);
    cond_signal(&wal->work);
    while (wal->lsn_resolved < target && !wal->failed)
        cond_wait(&wal->resolved, &wal->lock);
    if (wal->failed && err)
        *err = wal->failure;
    return wal->failed ? STATUS_UNAVAILABLE : STATUS_OK;
}

Lsn wal_next_lsn(Wal *wal)
{
    MUTEX_GUARD(&wal->lock);
    return wal->lsn_next;
}

bool wal_failed(Wal *wal, Error *err)
{
    MUTEX_GUARD(&wal->lock);
    if (wal->failed && err)
        *err = wal->failure;
    return wal->failed;
}

/* Takes the oldest segment off the list when all its entries are below lsn. */
static bool take_old_segment(Wal *wal, Lsn lsn, Lsn *ret_first)
{
    MUTEX_GUARD(&wal->lock);
    const WalSegmentInfo *oldest = wal->segments;

    if (!wal->segment_count || oldest->active || oldest->lsn_last >= lsn ||
        oldest->lsn_first >= lsn)
        return false;
    *ret_first = oldest->lsn_first;
    wal->segment_count--;
    memmove(wal->segments, wal->segments + 1, wal->segment_count * sizeof *wal->segments);
    return true;
}

Status wal_truncate_below(Wal *wal, Lsn lsn, Error *err)
{
    Lsn first;
    bool removed = false;

    while (take_old_segment(wal, lsn, &first)) {
        char path[4096];
        TRY(wal__segment_path(wal->dir, "", first, path, err));
        TRY(vfs_unlink(wal->vfs, path, err));
        removed = true;
    }
    return removed ? vfs_sync_dir(wal->vfs, wal->dir, err) : STATUS_OK;
}

uint64_t wal_bytes(Wal *wal)
{
    MUTEX_GUARD(&wal->lock);
    uint64_t bytes = 0;

    for (size_t i = 0; i < wal->segment_count; i++)
        bytes += wal->segments[i].bytes;
    return bytes;
}

size_t wal_segments(Wal *wal, Arena *arena, WalSegmentInfo **ret_segments)
{
    MUTEX_GUARD(&wal->lock);
    *ret_segments = arena_alloc(arena, (wal->segment_count + 1) * sizeof **ret_segments);
    if (!*ret_segments)
        return 0;
    if (wal->segment_count)
        memcpy(*ret_segments, wal->segments, wal->segment_count * sizeof **ret_segments);
    return wal->segment_count;
}

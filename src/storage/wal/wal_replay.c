/* wal_replay.c - reads the log at start: delivers entries, cuts a torn tail, sets damage aside.
 *
 * What is damaged is never removed: the segment is copied to lost/ and left where it is until the
 * log no longer needs it, and everything readable in it and behind it is delivered. Only bytes at
 * the very end of the log that hold nothing readable are cut, as an interrupted write leaves them.
 */
#include <stdio.h>

#include "storage/wal/wal_int.h"

enum { DAMAGES_KEPT_MAX = 1000 };

typedef struct Replay {
    Wal *wal;
    const WalOptions *options;
    const WalReplayOps *ops;
    void *ctx;
    WalReport *report;
    Arena *arena;
    WalBytes bytes; /* of the current segment */
    Lsn lsn_prev;   /* highest LSN that was there or is accounted for */
    Lsn lsn_used;   /* no LSN above is used by anything that could not be read, either */
} Replay;

/* One segment while it is read. */
typedef struct Segment {
    Lsn first;
    bool is_last;
    bool damaged;        /* copy it to lost/ */
    size_t damages_from; /* index of its first damage in the report */
    Lsn lsn_last;        /* last entry, 0 = none */
    size_t tail;         /* offset of a torn tail, or 0 */
} Segment;

static void add_damage(Replay *replay, WalDamage damage, const char *what)
{
    WalReport *report = replay->report;

    if (report->damage_count >= DAMAGES_KEPT_MAX) {
        report->damage_dropped++;
        return;
    }
    int len = snprintf(damage.text, sizeof damage.text, "segment %016llx at byte %llu: %s",
                       (unsigned long long)damage.segment, (unsigned long long)damage.offset, what);
    if (damage.lsn_first <= damage.lsn_last && len > 0 && len < (int)sizeof damage.text)
        (void)snprintf(damage.text + len, sizeof damage.text - (size_t)len,
                       "; missing LSN %llu to %llu", (unsigned long long)damage.lsn_first,
                       (unsigned long long)damage.lsn_last);
    MEM_GROW(report->damages, report->damage_cap, report->damage_count + 1);
    report->damages[report->damage_count++] = damage;
}

/* Entries written when later LSNs were known durable tell that a damaged one may have been
 * acknowledged. */
static void judge_damages(Replay *replay, const Segment *segment, Lsn lsn_durable_below)
{
    for (size_t i = segment->damages_from; i < replay->report->damage_count; i++)
        if (replay->report->damages[i].lsn_first < lsn_durable_below)
            replay->report->damages[i].acked_perhaps = true;
}

static Status deliver(Replay *replay, Segment *segment, const WalScanEntry *found, Error *err)
{
    const WalEntry *entry = &found->entry;
    Error local = {0};

    segment->lsn_last = entry->lsn;
    if (segment->damaged)
        judge_damages(replay, segment, found->lsn_durable_below);
    if (!replay->ops || entry->lsn < replay->options->lsn_min)
        return STATUS_OK;
    Status status = replay->ops->on_entry(replay->ctx, entry, &local);
    if (status == STATUS_CORRUPT) {
        segment->damaged = true;
        add_damage(replay,
                   (WalDamage){.kind = WAL_DAMAGE_ENTRY,
                               .segment = segment->first,
                               .offset = entry->offset,
                               .len = wal__entry_bytes(entry->payload.len),
                               .lsn_first = entry->lsn,
                               .lsn_last = entry->lsn,
                               .acked_perhaps = true},
                   local.message);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        if (err)
            *err = local;
        return status;
    }
    replay->report->entry_count++;
    return STATUS_OK;
}

static void note_damage(Replay *replay, Segment *segment, const WalScanDamage *damage, bool tail)
{
    segment->damaged = true;
    add_damage(replay,
               (WalDamage){.kind = damage->len ? WAL_DAMAGE_BYTES : WAL_DAMAGE_GAP,
                           .segment = segment->first,
                           .offset = damage->offset,
                           .len = damage->len,
                           .lsn_first = damage->lsn_first,
                           .lsn_last = tail ? damage->lsn_first - 1 : damage->lsn_last,
                           /* A segment is left only when all of it is durable. */
                           .acked_perhaps = !segment->is_last},
               damage->len ? "bytes that are no entry; set aside, reading goes on behind them"
                           : "entries are missing");
}

/* Cuts what an interrupted write left at the end of the log, unless the segment is in doubt. */
static void note_tail(Replay *replay, Segment *segment, const WalScanDamage *damage)
{
    if (!segment->is_last || damage->gave_up || replay->bytes.unreadable_bytes) {
        note_damage(replay, segment, damage, true);
        return;
    }
    segment->tail = damage->offset;
    add_damage(replay,
               (WalDamage){.kind = WAL_DAMAGE_TORN_TAIL,
                           .segment = segment->first,
                           .offset = damage->offset,
                           .len = damage->len,
                           .lsn_first = damage->lsn_first,
                           .lsn_last = damage->lsn_first - 1},
               "the log ends in an incomplete write, which was cut off");
}

/* LSNs between what came before and the segment's own account of it. */
static void check_chain(Replay *replay, Segment *segment, Lsn lsn_prev)
{
    if (lsn_prev <= replay->lsn_prev)
        return;
    add_damage(replay,
               (WalDamage){.kind = WAL_DAMAGE_GAP,
                           .segment = segment->first,
                           .lsn_first = replay->lsn_prev + 1,
                           .lsn_last = lsn_prev,
                           .acked_perhaps = true},
               "entries before this segment are missing");
}

static Status check_header(Replay *replay, Segment *segment, Error *err)
{
    WalSegmentHeader header;

    bool good = wal__segment_header_decode(replay->bytes.ptr, replay->bytes.len, &header);
    if (!good || header.lsn_first != segment->first) {
        if (!good && segment->is_last && replay->bytes.len < WAL_SEGMENT_HEADER_BYTES)
            return STATUS_OK; /* the scan finds nothing behind it: a torn tail */
        segment->damaged = true;
        add_damage(
            replay,
            (WalDamage){.kind = WAL_DAMAGE_HEADER,
                        .segment = segment->first,
                        .len = WAL_SEGMENT_HEADER_BYTES,
                        .lsn_first = 1},
            good ? "the segment's header belongs to another file name"
                 : "the segment's header is damaged; its entries are read by the file's name");
        return STATUS_OK;
    }
    if (header.version > WAL_FORMAT_VERSION)
        return error_set(err, STATUS_UNSUPPORTED,
                         "segment %016llx of the write-ahead log has format version %u and this "
                         "LumaDB reads up to %d: it was written by a newer LumaDB",
                         (unsigned long long)segment->first, header.version, WAL_FORMAT_VERSION);
    check_chain(replay, segment, header.lsn_prev);
    return STATUS_OK;
}

static Status scan_segment(Replay *replay, Segment *segment, Error *err)
{
    WalScan scan;
    WalScanEntry found;
    WalScanDamage damage;

    wal__scan_init(&scan, replay->bytes.ptr, replay->bytes.len, segment->first);
    for (;;) {
        switch (wal__scan_next(&scan, &found, &damage)) {
        case WAL_SCAN_ENTRY:
            TRY(deliver(replay, segment, &found, err));
            break;
        case WAL_SCAN_DAMAGE:
            note_damage(replay, segment, &damage, false);
            break;
        case WAL_SCAN_TAIL:
            note_tail(replay, segment, &damage);
            break;
        case WAL_SCAN_END:
            return STATUS_OK;
        }
    }
}

static Status copy_to_lost(Replay *replay, const char *path, Error *err)
{
    Vfs *vfs = replay->wal->vfs;
    CLEANUP(vfs_closep) VfsFile *file = NULL;
    uint64_t size = 0;

    if (vfs_open(vfs, path, VFS_READ, &file, NULL) == STATUS_OK &&
        vfs_size(file, &size, NULL) == STATUS_OK && size == replay->bytes.len)
        return STATUS_OK; /* set aside by an earlier start */
    TRY(vfs_mkdir_all(vfs, replay->options->lost_dir, err));
    return vfs_write_file(vfs, path, (Str){(const char *)replay->bytes.ptr, replay->bytes.len},
                          err);
}

static void set_aside(Replay *replay, const Segment *segment)
{
    char path[4096];
    Error local = {0};

    if (!replay->options->lost_dir)
        return;
    Status status =
        wal__segment_path(replay->options->lost_dir, "wal-", segment->first, path, &local);
    if (status == STATUS_OK)
        status = copy_to_lost(replay, path, &local);
    if (status != STATUS_OK)
        add_damage(replay,
                   (WalDamage){.kind = WAL_DAMAGE_IO, .segment = segment->first, .lsn_first = 1},
                   local.message);
}

/* The end of the last segment: cuts the tail, and syncs, so that what readers see now stays even if
 * the process that wrote it died before its own sync. */
static Status settle_last(Replay *replay, const Segment *segment, VfsFile *file, Error *err)
{
    if (segment->tail)
        TRY(vfs_truncate(file, segment->tail, err));
    else
        (void)vfs_truncate(file, replay->bytes.len, NULL); /* gives back reserved blocks */
    return vfs_sync(file, err);
}

static void add_segment(Replay *replay, const Segment *segment)
{
    Wal *wal = replay->wal;

    MEM_GROW(wal->segments, wal->segment_cap, wal->segment_count + 1);
    wal->segments[wal->segment_count++] = (WalSegmentInfo){
        .lsn_first = segment->first,
        .lsn_last = segment->lsn_last,
        .bytes = segment->tail ? segment->tail : replay->bytes.len,
    };
}

/* After the entries: makes the end of the log sound, or stops the log where the disk refuses. */
static void finish_last(Replay *replay, const Segment *segment, const char *path)
{
    Wal *wal = replay->wal;
    CLEANUP(vfs_closep) VfsFile *file = NULL;
    Error local = {0};
    size_t content_end = segment->tail ? segment->tail : replay->bytes.len;

    if (!segment->lsn_last && !segment->damaged && content_end <= WAL_SEGMENT_HEADER_BYTES) {
        if (vfs_unlink(wal->vfs, path, NULL) == STATUS_OK) /* it held nothing */
            wal->segment_count--;
        return;
    }
    Status status = vfs_open(wal->vfs, path, VFS_READ | VFS_WRITE, &file, &local);
    if (status == STATUS_OK)
        status = settle_last(replay, segment, file, &local);
    if (status != STATUS_OK)
        wal__fail(wal, &local);
}

static Status read_segment(Replay *replay, const char *path, Segment *segment)
{
    CLEANUP(vfs_closep) VfsFile *file = NULL;
    Error local = {0};

    Status status = vfs_open(replay->wal->vfs, path, VFS_READ, &file, &local);
    if (status == STATUS_OK)
        status = wal__segment_read(file, &replay->bytes, &local);
    if (status != STATUS_OK) {
        replay->bytes.len = 0;
        add_damage(replay,
                   (WalDamage){.kind = WAL_DAMAGE_IO,
                               .segment = segment->first,
                               .lsn_first = 1,
                               .acked_perhaps = true},
                   local.message);
        return status;
    }
    if (replay->bytes.unreadable_bytes) {
        segment->damaged = true;
        add_damage(replay,
                   (WalDamage){.kind = WAL_DAMAGE_IO,
                               .segment = segment->first,
                               .offset = replay->bytes.unreadable_first,
                               .len = replay->bytes.unreadable_bytes,
                               .lsn_first = 1,
                               .acked_perhaps = true},
                   "the disk cannot read some blocks");
    }
    return STATUS_OK;
}

static Status replay_segment(Replay *replay, Segment *segment, Error *err)
{
    char path[4096];

    TRY(wal__segment_path(replay->wal->dir, "", segment->first, path, err));
    segment->damages_from = replay->report->damage_count;
    replay->lsn_used = LUMA_MAX(replay->lsn_used, segment->first);
    if (read_segment(replay, path, segment) != STATUS_OK) {
        add_segment(replay, segment); /* stays; nothing of it can be had now */
        replay->lsn_used = segment->first + WAL_SEGMENT_FILE_BYTES_MAX / WAL_ENTRY_HEADER_BYTES;
        return STATUS_OK;
    }
    TRY(check_header(replay, segment, err));
    TRY(scan_segment(replay, segment, err));
    if (replay->ops && replay->ops->on_segment_end)
        TRY(replay->ops->on_segment_end(replay->ctx, err));
    if (segment->damaged) {
        set_aside(replay, segment);
        replay->lsn_used =
            LUMA_MAX(replay->lsn_used, segment->first + replay->bytes.len / WAL_ENTRY_HEADER_BYTES);
    }
    add_segment(replay, segment);
    replay->report->segment_count++;
    replay->report->bytes += replay->bytes.len;
    replay->lsn_prev = LUMA_MAX(replay->lsn_prev, segment->lsn_last);
    if (segment->is_last)
        finish_last(replay, segment, path);
    return STATUS_OK;
}

static Status replay_segments(Replay *replay, Error *err)
{
    Wal *wal = replay->wal;
    Lsn *firsts;
    const char **strangers;
    size_t count;
    size_t stranger_count;

    TRY(wal__segment_list(wal->vfs, wal->dir, replay->arena, &firsts, &count, &strangers,
                          &stranger_count, err));
    for (size_t i = 0; i < stranger_count; i++)
        add_damage(replay, (WalDamage){.kind = WAL_DAMAGE_FILE, .lsn_first = 1}, strangers[i]);
    for (size_t i = 0; i < count; i++) {
        Segment segment = {.first = firsts[i], .is_last = i + 1 == count};
        /* Entries of the segment before cannot reach into this one. */
        TRY(replay_segment(replay, &segment, err));
        replay->report->lsn_last = LUMA_MAX(replay->report->lsn_last, segment.lsn_last);
    }
    return STATUS_OK;
}

Status wal__replay(Wal *wal, const WalOptions *options, const WalReplayOps *ops, void *ctx,
                   WalReport *report, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Lsn lsn_before = options->lsn_min ? options->lsn_min - 1 : 0;
    Replay replay = {wal, options, ops, ctx, report, &arena, {0}, lsn_before, lsn_before};

    Status status = replay_segments(&replay, err);
    mem_free(replay.bytes.ptr);
    if (status != STATUS_OK)
        return status;
    wal->lsn_written = wal->lsn_synced = replay.lsn_prev;
    wal->lsn_next = LUMA_MAX(replay.lsn_prev, replay.lsn_used) + 1;
    wal->lsn_resolved = wal->lsn_next - 1;
    return STATUS_OK;
}

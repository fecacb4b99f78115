/* wal_segment.c - the bytes of segment files (docs/formats/wal.md sections 2 and 3). */
#include <stdio.h>

#include "base/checksum.h"
#include "storage/wal/wal_int.h"

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}
static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}
static void store32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
}
static void store64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, 8);
}

const char *wal_entry_type_name(WalEntryType type)
{
    switch (type) {
#define X(id, value, name)                                                                         \
    case WAL_ENTRY_##id:                                                                           \
        return name;
        WAL_ENTRY_LIST(X)
#undef X
    }
    return "unknown";
}

void wal__segment_header_encode(const WalSegmentHeader *header,
                                uint8_t out[WAL_SEGMENT_HEADER_BYTES])
{
    memset(out, 0, WAL_SEGMENT_HEADER_BYTES);
    memcpy(out, WAL_MAGIC, 8);
    store32(out + 8, header->version);
    store64(out + 16, header->lsn_first);
    store64(out + 24, header->lsn_prev);
    store32(out + 36, crc32c(0, out, 36));
}

bool wal__segment_header_decode(const uint8_t *bytes, size_t len, WalSegmentHeader *ret_header)
{
    if (len < WAL_SEGMENT_HEADER_BYTES || memcmp(bytes, WAL_MAGIC, 8) != 0 ||
        load32(bytes + 36) != crc32c(0, bytes, 36))
        return false;
    *ret_header = (WalSegmentHeader){load32(bytes + 8), load64(bytes + 16), load64(bytes + 24)};
    return true;
}

Status wal__segment_path(const char *dir, const char *prefix, Lsn lsn_first, char path[4096],
                         Error *err)
{
    int len = snprintf(path, 4096, "%s/%s%016llx.wal", dir, prefix, (unsigned long long)lsn_first);
    if (len >= 4096)
        return error_set(err, STATUS_INVALID, "the path of the write-ahead log is too long");
    return STATUS_OK;
}

bool wal__segment_name_parse(const char *name, Lsn *ret_lsn_first)
{
    Lsn lsn = 0;

    if (strlen(name) != 20 || strcmp(name + 16, ".wal") != 0)
        return false;
    for (int i = 0; i < 16; i++) {
        char c = name[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        lsn = lsn << 4 | (unsigned)digit;
    }
    /* The two ends of the range would overflow the arithmetic on LSNs. */
    if (lsn == 0 || lsn > UINT64_MAX - (UINT64_C(1) << 40))
        return false;
    *ret_lsn_first = lsn;
    return true;
}

uint32_t wal__payload_crc(Str payload)
{
    static const uint8_t zeros[WAL_ENTRY_ALIGN];
    size_t pad = wal__entry_bytes(payload.len) - WAL_ENTRY_HEADER_BYTES - payload.len;

    return crc32c(crc32c(0, payload.ptr, payload.len), zeros, pad);
}

void wal__entry_header_encode(const WalEntry *entry, uint16_t unsynced, uint32_t payload_crc,
                              uint8_t out[WAL_ENTRY_HEADER_BYTES])
{
    uint8_t segment[8];

    store32(out + 4, (uint32_t)entry->payload.len);
    store64(out + 8, entry->lsn);
    store32(out + 16, (uint32_t)entry->offset);
    out[20] = (uint8_t)entry->type;
    out[21] = (uint8_t)entry->encoding;
    memcpy(out + 22, &unsynced, 2);
    store64(segment, entry->segment);
    store32(out, crc32c(crc32c(payload_crc, out + 4, 20), segment, 8));
}

void wal__scan_init(WalScan *scan, const uint8_t *bytes, size_t len, Lsn segment)
{
    *scan = (WalScan){
        .bytes = bytes,
        .len = len,
        .pos = LUMA_MIN((size_t)WAL_SEGMENT_HEADER_BYTES, len),
        .segment = segment,
        .lsn_next = segment,
        .work_bytes = 4 * (uint64_t)len + (1u << 20),
    };
}

/* Is there an entry at pos, by everything but its checksum? Cheap: most positions fail at once. */
static bool plausible(const WalScan *scan, size_t pos)
{
    if (scan->len - pos < WAL_ENTRY_HEADER_BYTES)
        return false;
    const uint8_t *p = scan->bytes + pos;
    if (load32(p + 16) != (uint32_t)pos)
        return false;
    uint32_t len = load32(p + 4);
    Lsn lsn = load64(p + 8);
    return len <= WAL_ENTRY_BYTES_MAX && wal__entry_bytes(len) <= scan->len - pos &&
           lsn >= scan->lsn_next && lsn - scan->segment < UINT32_MAX;
}

static bool entry_at(const WalScan *scan, size_t pos, WalScanEntry *ret)
{
    uint8_t segment[8];
    uint16_t unsynced;

    if (!plausible(scan, pos))
        return false;
    const uint8_t *p = scan->bytes + pos;
    uint32_t len = load32(p + 4);
    uint32_t crc =
        crc32c(0, p + WAL_ENTRY_HEADER_BYTES, wal__entry_bytes(len) - WAL_ENTRY_HEADER_BYTES);
    store64(segment, scan->segment);
    if (load32(p) != crc32c(crc32c(crc, p + 4, 20), segment, 8))
        return false;
    memcpy(&unsynced, p + 22, 2);
    ret->entry = (WalEntry){
        .lsn = load64(p + 8),
        .type = p[20],
        .encoding = p[21],
        .payload = {(const char *)p + WAL_ENTRY_HEADER_BYTES, len},
        .segment = scan->segment,
        .offset = pos,
    };
    ret->lsn_durable_below = ret->entry.lsn > unsynced ? ret->entry.lsn - unsynced : 0;
    return true;
}

/* Finds the next entry behind damage that begins at `from`; scan->len when there is none. */
static size_t search(WalScan *scan, size_t from, WalScanEntry *ret, bool *ret_gave_up)
{
    *ret_gave_up = false;
    for (size_t pos = LUMA_ALIGN_UP(from + 1, (size_t)WAL_ENTRY_ALIGN);
         pos < scan->len && scan->len - pos >= WAL_ENTRY_HEADER_BYTES; pos += WAL_ENTRY_ALIGN) {
        if (!plausible(scan, pos))
            continue;
        uint64_t work = WAL_ENTRY_HEADER_BYTES + load32(scan->bytes + pos + 4);
        if (work > scan->work_bytes) {
            *ret_gave_up = true;
            break;
        }
        scan->work_bytes -= work;
        if (entry_at(scan, pos, ret))
            return pos;
    }
    return scan->len;
}

WalScanResult wal__scan_next(WalScan *scan, WalScanEntry *ret_entry, WalScanDamage *ret_damage)
{
    WalScanEntry found;

    if (scan->pos >= scan->len)
        return WAL_SCAN_END;
    if (entry_at(scan, scan->pos, &found)) {
        if (found.entry.lsn == scan->lsn_next) {
            scan->pos += wal__entry_bytes(found.entry.payload.len);
            scan->lsn_next++;
            *ret_entry = found;
            return WAL_SCAN_ENTRY;
        }
        *ret_damage = (WalScanDamage){scan->pos, 0, scan->lsn_next, found.entry.lsn - 1, false};
        scan->lsn_next = found.entry.lsn;
        return WAL_SCAN_DAMAGE;
    }
    bool gave_up;
    size_t from = scan->pos;
    scan->pos = search(scan, from, &found, &gave_up);
    *ret_damage = (WalScanDamage){from, scan->pos - from, scan->lsn_next, scan->lsn_next, gave_up};
    if (scan->pos >= scan->len)
        return WAL_SCAN_TAIL;
    ret_damage->lsn_last = found.entry.lsn - 1;
    scan->lsn_next = found.entry.lsn;
    return WAL_SCAN_DAMAGE;
}

/* Reads what can be read in small blocks, after a large read failed. */
static void read_blocks(VfsFile *file, WalBytes *bytes)
{
    enum { BLOCK = 4096 };

    for (size_t at = 0; at < bytes->len; at += BLOCK) {
        size_t want = LUMA_MIN((size_t)BLOCK, bytes->len - at);
        size_t got = 0;
        if (vfs_read(file, at, bytes->ptr + at, want, &got, NULL) == STATUS_OK && got == want)
            continue;
        memset(bytes->ptr + at, 0, want);
        if (!bytes->unreadable_bytes)
            bytes->unreadable_first = at;
        bytes->unreadable_bytes += want;
    }
}

Status wal__segment_read(VfsFile *file, WalBytes *bytes, Error *err)
{
    uint64_t size;
    size_t got = 0;

    TRY(vfs_size(file, &size, err));
    if (size > WAL_SEGMENT_FILE_BYTES_MAX)
        return error_set(err, STATUS_CORRUPT, "%s has %llu bytes, more than any segment",
                         file->path, (unsigned long long)size);
    if (size > bytes->cap) {
        mem_free(bytes->ptr);
        bytes->ptr = mem_alloc_aligned((size_t)size);
        bytes->cap = (size_t)size;
    }
    bytes->len = (size_t)size;
    bytes->unreadable_bytes = bytes->unreadable_first = 0;
    if (vfs_read(file, 0, bytes->ptr, bytes->len, &got, NULL) != STATUS_OK || got != bytes->len)
        read_blocks(file, bytes);
    return STATUS_OK;
}

Status wal__segment_list(Vfs *vfs, const char *dir, Arena *arena, Lsn **ret_firsts,
                         size_t *ret_count, const char ***ret_strangers, size_t *ret_stranger_count,
                         Error *err)
{
    VfsEntry *entries = NULL;
    size_t entry_count = 0;
    size_t count = 0;
    size_t stranger_count = 0;

    TRY(vfs_list(vfs, dir, arena, &entries, &entry_count, err));
    Lsn *firsts = ARENA_NEW_ARRAY(arena, Lsn, entry_count + 1);
    const char **strangers = ARENA_NEW_ARRAY(arena, const char *, entry_count + 1);
    /* Names are fixed-width hex, so the order of names is the order of LSNs. */
    for (size_t i = 0; i < entry_count; i++) {
        if (!entries[i].is_dir && wal__segment_name_parse(entries[i].name, &firsts[count]))
            count++;
        else if (strcmp(entries[i].name, "lock") != 0)
            strangers[stranger_count++] = entries[i].name;
    }
    *ret_firsts = firsts;
    *ret_count = count;
    if (ret_strangers) {
        *ret_strangers = strangers;
        *ret_stranger_count = stranger_count;
    }
    return STATUS_OK;
}

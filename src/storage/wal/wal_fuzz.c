/* wal_fuzz.c - log bytes from outside: entry decoding in both encodings, and the segment scan.
 *
 * The first byte says what the rest is: a payload of a type and an encoding, or a segment. What
 * decodes is encoded again in both encodings and must come back the same.
 */
#include <stdlib.h>

#include "storage/wal/wal_entry.h"
#include "storage/wal/wal_group.h"
#include "storage/wal/wal_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Parts lie one after another inside the payload. */
static void walk_group(const WalEntry *group)
{
    Str rest = group->payload;
    WalEntry part;
    bool found;

    while (wal_group_next(group, &rest, &part, &found, NULL) == STATUS_OK && found)
        if (part.payload.ptr + part.payload.len > rest.ptr)
            abort();
}

/* Encodes what an entry says as JSON; false when it does not decode. */
static bool to_json(const WalEntry *entry, Arena *arena, Buf *json, Buf *binary)
{
    WalSamples samples;
    WalRows rows;
    WalDeletes deletes;
    WalMetadataList metadata;
    WalExemplarList exemplars;
    WalSeriesList series;
    uint64_t txn_id;

    switch (entry->type) {
    case WAL_ENTRY_SAMPLES:
        if (wal_samples_decode(entry, arena, &samples, NULL) != STATUS_OK)
            return false;
        wal_samples_encode(&samples, WAL_ENCODING_JSON, json);
        wal_samples_encode(&samples, WAL_ENCODING_BINARY, binary);
        return true;
    case WAL_ENTRY_ROWS:
        /* A batch that comes near the bounds in one encoding may be beyond them in the other. */
        return wal_rows_decode(entry, arena, &rows, NULL) == STATUS_OK &&
               wal_rows_encode(&rows, WAL_ENCODING_JSON, arena, json, NULL) == STATUS_OK &&
               wal_rows_encode(&rows, WAL_ENCODING_BINARY, arena, binary, NULL) == STATUS_OK;
    case WAL_ENTRY_DELETES:
        if (wal_deletes_decode(entry, arena, &deletes, NULL) != STATUS_OK)
            return false;
        wal_deletes_encode(&deletes, WAL_ENCODING_JSON, json);
        wal_deletes_encode(&deletes, WAL_ENCODING_BINARY, binary);
        return true;
    case WAL_ENTRY_METADATA:
        if (wal_metadata_decode(entry, arena, &metadata, NULL) != STATUS_OK)
            return false;
        wal_metadata_encode(metadata, WAL_ENCODING_JSON, json);
        wal_metadata_encode(metadata, WAL_ENCODING_BINARY, binary);
        return true;
    case WAL_ENTRY_EXEMPLARS:
        if (wal_exemplars_decode(entry, arena, &exemplars, NULL) != STATUS_OK)
            return false;
        wal_exemplars_encode(exemplars, WAL_ENCODING_JSON, json);
        wal_exemplars_encode(exemplars, WAL_ENCODING_BINARY, binary);
        return true;
    case WAL_ENTRY_COMMIT:
        if (wal_commit_decode(entry, &txn_id, NULL) != STATUS_OK)
            return false;
        wal_commit_encode(txn_id, WAL_ENCODING_JSON, json);
        wal_commit_encode(txn_id, WAL_ENCODING_BINARY, binary);
        return true;
    case WAL_ENTRY_CHECKPOINT_SERIES:
        if (wal_series_decode(entry, arena, &series, NULL) != STATUS_OK)
            return false;
        wal_series_encode(series, WAL_ENCODING_JSON, json);
        wal_series_encode(series, WAL_ENCODING_BINARY, binary);
        return true;
    case WAL_ENTRY_GROUP:
        walk_group(entry);
        break;
    case WAL_ENTRY_CATALOG:
        break;
    }
    return false;
}

/* JSON of an entry, of its binary form and of its JSON form: all must be one text. */
static void check_entry(const WalEntry *entry)
{
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf json = {0};
    CLEANUP(buf_done) Buf binary = {0};

    if (!to_json(entry, &arena, &json, &binary))
        return;
    for (int i = 0; i < 2; i++) {
        CLEANUP(buf_done) Buf json_again = {0};
        CLEANUP(buf_done) Buf binary_again = {0};
        WalEntry again = *entry;
        again.encoding = i ? WAL_ENCODING_JSON : WAL_ENCODING_BINARY;
        again.payload = buf_str(i ? &json : &binary);
        if (!to_json(&again, &arena, &json_again, &binary_again) ||
            !str_eq(buf_str(&json), buf_str(&json_again)))
            abort();
    }
}

static void check_segment(const uint8_t *bytes, size_t len)
{
    WalScan scan;
    WalScanEntry found;
    WalScanDamage damage;
    size_t before = 0;

    wal__scan_init(&scan, bytes, len, 1);
    for (WalScanResult result; (result = wal__scan_next(&scan, &found, &damage)) != WAL_SCAN_END;) {
        if (scan.pos < before || scan.pos > len)
            abort();
        before = scan.pos;
        if (result == WAL_SCAN_ENTRY)
            check_entry(&found.entry);
    }
}

/* Gives the bytes a segment of their own, so that mutations reach behind the checksum. */
static void check_made_segment(const uint8_t *bytes, size_t len)
{
    uint8_t *segment = mem_alloc_aligned(4096 + 2 * len);
    size_t at = WAL_SEGMENT_HEADER_BYTES;

    memset(segment, 0, 4096 + 2 * len);
    for (Lsn lsn = 1; len && at + 64 < 4096; lsn++) {
        size_t n = LUMA_MIN(len, (size_t)bytes[0] % 40 + 1);
        WalEntry entry = {lsn, bytes[0] % 7 + 1, bytes[0] >> 7, {(const char *)bytes, n}, 1, at};
        wal__entry_header_encode(&entry, 0, wal__payload_crc(entry.payload), segment + at);
        memcpy(segment + at + WAL_ENTRY_HEADER_BYTES, bytes, n);
        at += wal__entry_bytes(n);
        if (n > 7 && bytes[1] > 200)
            segment[at - bytes[2] % 24] ^= bytes[3];
        bytes += n;
        len -= n;
    }
    check_segment(segment, at);
    mem_free(segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len < 1)
        return 0;
    uint8_t kind = bytes[0];
    bytes++;
    len--;
    if (kind >= 'p') {
        WalEntry entry = {.lsn = 1,
                          .type = (kind - 'p') % 8 + 1,
                          .encoding = (kind - 'p') / 8 % 2,
                          .payload = {(const char *)bytes, len}};
        check_entry(&entry);
        return 0;
    }
    if (kind == 's')
        check_segment(bytes, len);
    else
        check_made_segment(bytes, len);
    return 0;
}

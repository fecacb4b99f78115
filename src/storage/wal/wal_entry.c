/* wal_entry.c - chooses the encoding. */
#include "storage/wal/wal_entry.h"

#include "storage/wal/wal_codec_int.h"

/* Calls the decoder of the entry's encoding. */
#define DECODE(name, ...)                                                                          \
    do {                                                                                           \
        switch (entry->encoding) {                                                                 \
        case WAL_ENCODING_BINARY:                                                                  \
            return wal__binary_##name##_decode(entry->payload, __VA_ARGS__);                       \
        case WAL_ENCODING_JSON:                                                                    \
            return wal__json_##name##_decode(entry->payload, __VA_ARGS__);                         \
        }                                                                                          \
        return error_set(err, STATUS_UNSUPPORTED,                                                  \
                         "an entry of the write-ahead log has encoding %d, written by a newer "    \
                         "LumaDB",                                                                 \
                         (int)entry->encoding);                                                    \
    } while (0)

void wal_samples_encode(const WalSamples *samples, WalEncoding encoding, Buf *out)
{
    encoding == WAL_ENCODING_JSON ? wal__json_samples_encode(samples, out)
                                  : wal__binary_samples_encode(samples, out);
}

Status wal_samples_decode(const WalEntry *entry, Arena *arena, WalSamples *ret, Error *err)
{
    DECODE(samples, arena, ret, err);
}

Status wal_rows_encode(const WalRows *rows, WalEncoding encoding, Arena *arena, Buf *out,
                       Error *err)
{
    const RecordBatch *batch = &rows->batch;
    WalRows flat = *rows;
    size_t before = out->len;

    if (batch->column_count > WAL_COLUMNS_MAX)
        return error_set(err, STATUS_LIMIT, "a batch of %u columns is too wide",
                         batch->column_count);
    TRY(WAL_ALLOC(arena, &flat.batch.columns, batch->column_count, err));
    for (uint32_t i = 0; i < batch->column_count; i++)
        TRY(column_flatten(&batch->columns[i], arena, &flat.batch.columns[i], err));
    encoding == WAL_ENCODING_JSON ? wal__json_rows_encode(&flat, out)
                                  : wal__binary_rows_encode(&flat, out);
    if (!wal__rows_in_bounds(batch->column_count, batch->row_count, out->len - before))
        return error_set(err, STATUS_LIMIT, "a batch of %u rows is too large for one entry",
                         batch->row_count);
    return STATUS_OK;
}

Status wal_rows_decode(const WalEntry *entry, Arena *arena, WalRows *ret, Error *err)
{
    DECODE(rows, arena, ret, err);
}

Status wal_rows_txn(const WalEntry *entry, uint64_t *ret_txn_id, Error *err)
{
    DECODE(rows_txn, ret_txn_id, err);
}

void wal_deletes_encode(const WalDeletes *deletes, WalEncoding encoding, Buf *out)
{
    ASSERT(deletes->count <= WAL_DELETES_MAX);
    encoding == WAL_ENCODING_JSON ? wal__json_deletes_encode(deletes, out)
                                  : wal__binary_deletes_encode(deletes, out);
}

Status wal_deletes_decode(const WalEntry *entry, Arena *arena, WalDeletes *ret, Error *err)
{
    DECODE(deletes, arena, ret, err);
}

Status wal_deletes_txn(const WalEntry *entry, uint64_t *ret_txn_id, Error *err)
{
    DECODE(deletes_txn, ret_txn_id, err);
}

void wal_metadata_encode(WalMetadataList list, WalEncoding encoding, Buf *out)
{
    encoding == WAL_ENCODING_JSON ? wal__json_metadata_encode(list, out)
                                  : wal__binary_metadata_encode(list, out);
}

Status wal_metadata_decode(const WalEntry *entry, Arena *arena, WalMetadataList *ret, Error *err)
{
    DECODE(metadata, arena, ret, err);
}

void wal_exemplars_encode(WalExemplarList list, WalEncoding encoding, Buf *out)
{
    encoding == WAL_ENCODING_JSON ? wal__json_exemplars_encode(list, out)
                                  : wal__binary_exemplars_encode(list, out);
}

Status wal_exemplars_decode(const WalEntry *entry, Arena *arena, WalExemplarList *ret, Error *err)
{
    DECODE(exemplars, arena, ret, err);
}

void wal_series_encode(WalSeriesList list, WalEncoding encoding, Buf *out)
{
    encoding == WAL_ENCODING_JSON ? wal__json_series_encode(list, out)
                                  : wal__binary_series_encode(list, out);
}

Status wal_series_decode(const WalEntry *entry, Arena *arena, WalSeriesList *ret, Error *err)
{
    DECODE(series, arena, ret, err);
}

/* The change is its own form in both encodings. */
void wal_catalog_encode(Str change, WalEncoding, Buf *out)
{
    buf_append_str(out, change);
}

Status wal_catalog_decode(const WalEntry *entry, Str *ret_change, Error *)
{
    *ret_change = entry->payload;
    return STATUS_OK;
}

void wal_commit_encode(uint64_t txn_id, WalEncoding encoding, Buf *out)
{
    encoding == WAL_ENCODING_JSON ? wal__json_commit_encode(txn_id, out)
                                  : buf_append_u64(out, txn_id);
}

Status wal_commit_decode(const WalEntry *entry, uint64_t *ret_txn_id, Error *err)
{
    DECODE(commit, ret_txn_id, err);
}

/* wal_codec_int.h - the two encodings behind wal_entry.h.
 *
 * Both have the same shape, so that wal_entry.c only chooses. Decoders get a payload without trust.
 */
#ifndef LUMA_STORAGE_WAL_WAL_CODEC_INT_H
#define LUMA_STORAGE_WAL_WAL_CODEC_INT_H

#include "storage/wal/wal_entry.h"

/* Bounds that keep a damaged count from asking for memory; encoders assert them. */
enum {
    WAL_LABELS_MAX = 65535,       /* labels of one series or exemplar */
    WAL_COLUMNS_MAX = 65535,      /* columns of one batch */
    WAL_CELLS_BARE_MAX = 1 << 20, /* rows times columns that need no bytes to show for them */
};

/* A column of equal steps takes a few bytes for any number of rows, so counts need a bound besides
 * the payload's size. The encoder keeps it, too. */
static inline bool wal__rows_in_bounds(uint64_t column_count, uint64_t row_count,
                                       size_t payload_len)
{
    uint64_t cells_max = LUMA_MAX((uint64_t)WAL_CELLS_BARE_MAX, 16 * (uint64_t)payload_len);
    return row_count <= cells_max / LUMA_MAX(column_count, (uint64_t)1);
}

void wal__binary_samples_encode(const WalSamples *samples, Buf *out);
Status wal__binary_samples_decode(Str payload, Arena *arena, WalSamples *ret, Error *err);
void wal__binary_rows_encode(const WalRows *rows, Buf *out);
Status wal__binary_rows_decode(Str payload, Arena *arena, WalRows *ret, Error *err);
Status wal__binary_rows_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err);
void wal__binary_deletes_encode(const WalDeletes *deletes, Buf *out);
Status wal__binary_deletes_decode(Str payload, Arena *arena, WalDeletes *ret, Error *err);
Status wal__binary_deletes_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err);
void wal__binary_metadata_encode(WalMetadataList list, Buf *out);
Status wal__binary_metadata_decode(Str payload, Arena *arena, WalMetadataList *ret, Error *err);
void wal__binary_exemplars_encode(WalExemplarList list, Buf *out);
Status wal__binary_exemplars_decode(Str payload, Arena *arena, WalExemplarList *ret, Error *err);
void wal__binary_series_encode(WalSeriesList list, Buf *out);
Status wal__binary_series_decode(Str payload, Arena *arena, WalSeriesList *ret, Error *err);
Status wal__binary_commit_decode(Str payload, uint64_t *ret_txn_id, Error *err);

void wal__json_samples_encode(const WalSamples *samples, Buf *out);
Status wal__json_samples_decode(Str payload, Arena *arena, WalSamples *ret, Error *err);
void wal__json_rows_encode(const WalRows *rows, Buf *out);
Status wal__json_rows_decode(Str payload, Arena *arena, WalRows *ret, Error *err);
Status wal__json_rows_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err);
void wal__json_deletes_encode(const WalDeletes *deletes, Buf *out);
Status wal__json_deletes_decode(Str payload, Arena *arena, WalDeletes *ret, Error *err);
Status wal__json_deletes_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err);
void wal__json_metadata_encode(WalMetadataList list, Buf *out);
Status wal__json_metadata_decode(Str payload, Arena *arena, WalMetadataList *ret, Error *err);
void wal__json_exemplars_encode(WalExemplarList list, Buf *out);
Status wal__json_exemplars_decode(Str payload, Arena *arena, WalExemplarList *ret, Error *err);
void wal__json_series_encode(WalSeriesList list, Buf *out);
Status wal__json_series_decode(Str payload, Arena *arena, WalSeriesList *ret, Error *err);
void wal__json_commit_encode(uint64_t txn_id, Buf *out);
Status wal__json_commit_decode(Str payload, uint64_t *ret_txn_id, Error *err);

/* Arena memory for `count` elements, or STATUS_LIMIT in the arena's budget's words. */
#define WAL_ALLOC(arena, ret_ptr, count, err)                                                      \
    arena_try_alloc((arena), sizeof **(ret_ptr) * ((size_t)(count) + 1), (ret_ptr), (err))

#endif

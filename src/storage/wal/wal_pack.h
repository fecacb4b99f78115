/* wal_pack.h - columns of integers in few bytes at a few CPU cycles each.
 *
 * A packed column is one nibble per value, low nibble first: how many of its low bytes are not zero
 * at the top (0 to 8); then those bytes of all values, little-endian. Small numbers are short;
 * doubles of whole numbers end in zero bytes and so are packed byte-swapped. docs/formats/wal.md
 * section 4.1.
 */
#ifndef LUMA_STORAGE_WAL_WAL_PACK_H
#define LUMA_STORAGE_WAL_WAL_PACK_H

#include "base/buf.h"

/* The values themselves. */
void wal__pack_u64(Buf *out, const uint64_t *values, uint32_t count);
/* Fails (r->failed) on a short column or a nibble above 8. `values` has room for count. */
void wal__unpack_u64(BufReader *r, uint64_t *values, uint32_t count);

/* Byte-swapped: for doubles' bits. */
void wal__pack_swapped(Buf *out, const uint64_t *values, uint32_t count);
void wal__unpack_swapped(BufReader *r, uint64_t *values, uint32_t count);

/* Differences from one value to the next (the first from 0), zigzag; a column whose differences
 * after the first are all the same takes a few bytes in all. */
void wal__pack_deltas_i64(Buf *out, const int64_t *values, uint32_t count);
void wal__unpack_deltas_i64(BufReader *r, int64_t *values, uint32_t count);
void wal__pack_deltas_u32(Buf *out, const uint32_t *values, uint32_t count);
/* Fails also on a value outside of uint32_t. */
void wal__unpack_deltas_u32(BufReader *r, uint32_t *values, uint32_t count);

#endif

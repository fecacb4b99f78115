/* chunk.h - a sealed chunk of float samples: immutable bytes, column by column, and a summary.
 *
 * Each column has the cheapest of a few codings that gives the same bits back: timestamps as
 * bit-packed deltas or as deltas of deltas, values as scaled integers (bit-packed or delta-coded:
 * unpacked by SIMD) where every value is exactly integer / 10^e, else as XOR.
 * docs/formats/chunk.md, "Sealed chunk".
 *
 * Threads: pure functions; AVX2 or AVX-512 kernels are chosen by the CPU and give the same results
 * as plain C.
 */
#ifndef LUMA_FORMAT_CHUNK_H
#define LUMA_FORMAT_CHUNK_H

#include "base/buf.h"
#include "format/gorilla/gorilla.h"

enum { CHUNK_SAMPLES_MAX = 256 };

/* What a reader may use instead of the samples. NaN values are not part of min and max. */
typedef struct ChunkSummary {
    int64_t min_ts_ms;
    int64_t max_ts_ms;
    uint32_t count;
    bool has_nan; /* any NaN, staleness markers included: then read the samples */
    double sum;   /* compensated summation */
    double min;   /* NaN when no value is a number */
    double max;
    double first;
    double last;
} ChunkSummary;

/* Summary of 1..CHUNK_SAMPLES_MAX samples in time order. */
void chunk_summarize(const int64_t *ts, const double *values, uint32_t count,
                     ChunkSummary *ret_summary);
/* Appends the sealed form of 1..CHUNK_SAMPLES_MAX samples in ascending order; starts may be NULL.
 */
void chunk_encode(const int64_t *ts, const double *values, const int64_t *starts, uint32_t count,
                  Buf *out);
/* Number of samples; 0 when the bytes are not a chunk. */
uint32_t chunk_count(Str bytes);
bool chunk_has_starts(Str bytes);
/* Decodes all samples into arrays of at least CHUNK_SAMPLES_MAX elements (kernels write past the
 * count). values and starts may be NULL when not wanted; starts is zeroed when the chunk has none.
 * STATUS_CORRUPT, never reads outside `bytes`. */
Status chunk_decode(Str bytes, int64_t *ts, double *values, int64_t *starts, uint32_t *ret_count,
                    Error *err);

#endif

/* gorilla.h - the append-only bit stream of an open chunk (Pelkonen et al., VLDB 2015).
 *
 * Timestamps are milliseconds, coded as delta of delta; values are doubles, coded as XOR with the
 * one before: the first value raw, one zero bit for no change, else leading zeros, length and the
 * significant bits. All arithmetic wraps, so every int64 timestamp and every bit pattern (NaN
 * payloads, infinities, -0.0) comes back exactly. Bits: docs/formats/chunk.md, "Open chunk".
 *
 * The caller owns the bytes and grows them when gorilla_append says so.
 * Threads: pure functions over the caller's memory.
 */
#ifndef LUMA_FORMAT_GORILLA_H
#define LUMA_FORMAT_GORILLA_H

#include "base/buf.h"

/* Prometheus' staleness marker, a NaN with this payload. */
#define STALE_NAN_BITS UINT64_C(0x7ff0000000000002)

static inline double gorilla_f64(uint64_t bits)
{
    double v;
    __builtin_memcpy(&v, &bits, 8);
    return v;
}
static inline uint64_t gorilla_bits(double v)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &v, 8);
    return bits;
}

/* State of the writer: what the next sample is coded against. 32 bytes, part of a series' head. */
typedef struct GorillaWriter {
    int64_t ts;         /* last timestamp */
    uint64_t bits;      /* last value */
    int64_t delta;      /* last timestamp difference */
    uint32_t bit_count; /* length of the stream */
    uint16_t count;     /* samples */
    uint8_t leading;    /* leading zeros of the window */
    uint8_t length;     /* significant bits of the window; 0 = no window yet */
} GorillaWriter;

static inline uint32_t gorilla_bytes(const GorillaWriter *w)
{
    return (w->bit_count + 7) / 8;
}

/* Makes the stream empty. ts and bits stay, as "the last sample there was". */
static inline void gorilla_restart(GorillaWriter *w)
{
    w->delta = 0;
    w->bit_count = 0;
    w->count = 0;
    w->leading = 0;
    w->length = 0;
}

/* Appends one sample to the stream in `bytes` (cap bytes; up to eight behind the stream's end are
 * scratch). False = no room, nothing changed. */
bool gorilla_append(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits);
/* As above for a stream whose samples carry start timestamps; prev_start is the one before, 0 for
 * the first sample. A stream has them or not. */
bool gorilla_append_start(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits,
                          int64_t start, int64_t prev_start);

/* Decodes `count` samples from a stream of byte_count bytes. starts: NULL for a stream without
 * them. False when the bytes do not hold so many samples; never reads past them. */
bool gorilla_decode(const uint8_t *bytes, size_t byte_count, uint32_t count, int64_t *ts,
                    double *values, int64_t *starts);
/* Decodes the samples behind the first mark->count of a stream without starts, where *mark is the
 * writer as it was then: samples [mark->count, count) into ts[0..], values[0..]. `bytes` begin with
 * the byte that holds bit mark->bit_count. */
bool gorilla_decode_from(const GorillaWriter *mark, const uint8_t *bytes, size_t byte_count,
                         uint32_t count, int64_t *ts, double *values);

/* Values alone, coded the same way. Appends to `out`. */
void gorilla_encode_values(const double *values, uint32_t count, Buf *out);
bool gorilla_decode_values(const uint8_t *bytes, size_t byte_count, uint32_t count, double *values);

#endif

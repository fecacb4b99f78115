/* gorilla.h - the append-only bit stream of an open chunk (Pelkonen et al., VLDB 2015).
 *
 * Timestamps are milliseconds, coded as delta of delta; values are doubles, coded as XOR with the one
 * before: the first value raw, one zero bit for no change, else leading zeros, length and the
 * significant bits. All arithmetic wraps, so every int64 timestamp and every bit pattern (NaN payloads,
 * infinities, -0.0) comes back exactly. Bits: docs/formats/chunk.md, "Open chunk".
 *
 * The caller owns the bytes and sees to room: a sample takes at most GORILLA_SAMPLE_BYTES_MAX.
 * Threads: pure functions over the caller's memory.
 */
#ifndef LUMA_FORMAT_GORILLA_H
#define LUMA_FORMAT_GORILLA_H

#include "base/status.h"

/* Prometheus' staleness marker, a NaN with this payload. */
#define STALE_NAN_BITS UINT64_C(0x7ff0000000000002)

enum {
    GORILLA_SAMPLE_BYTES_MAX = 28, /* 68 + 77 + 65 bits, and the word that is written whole */
};

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

/* State of the writer: what the next sample is coded against. 40 bytes, part of a series' head. */
typedef struct GorillaWriter {
    int64_t ts;         /* last timestamp */
    uint64_t bits;      /* last value */
    int64_t delta;      /* last timestamp difference */
    int64_t start;      /* last start timestamp, when the stream has them */
    uint32_t bit_count; /* length of the stream */
    uint16_t count;     /* samples */
    uint8_t leading;    /* leading zeros of the window; 0xff = no window yet */
    uint8_t trailing;   /* trailing zeros of the window */
} GorillaWriter;

static inline uint32_t gorilla_bytes(const GorillaWriter *w)
{
    return (w->bit_count + 7) / 8;
}

/* Appends one sample; `bytes` has GORILLA_SAMPLE_BYTES_MAX bytes free behind the stream's end. A zeroed
 * writer begins a stream. `with_start` is the same for all samples of a stream; `start` is ignored
 * without it. */
void gorilla_append(GorillaWriter *w, uint8_t *bytes, int64_t ts, uint64_t bits, bool with_start,
                    int64_t start);

/* Decodes `count` samples from a stream of byte_count bytes into arrays; starts may be NULL when the
 * stream has none. False when the bytes do not hold so many samples (never reads past them). */
bool gorilla_decode(const uint8_t *bytes, size_t byte_count, uint32_t count, bool with_start,
                    int64_t *ts, double *values, int64_t *starts);

#endif

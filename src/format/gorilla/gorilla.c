/* gorilla.c - bits are laid from the least significant of each byte upwards, so a code is peeked
 * with one unaligned load, a shift, and a count of trailing ones.
 *
 *   timestamp   first: 64 bits; then the zigzag of the delta of deltas:
 *               0 | 10 + 7 bits | 110 + 12 bits | 1110 + 20 bits | 1111 + 64 bits
 *   value       first: 64 bits; then its XOR with the one before:
 *               0 | 10 + bits of the window | 11 + 5 leading + 6 (length - 1) + length bits
 *   start       only in streams with starts: 0 = as before | 1 + 64 bits
 */
#include "format/gorilla/gorilla.h"

enum {
    LEADING_MAX = 31,   /* five bits */
    WINDOW_HEADER = 11, /* bits that a new window costs */
    TAIL_BYTES = 32,    /* one sample never takes more: 68 + 77 + 65 bits */
};

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t v;
    __builtin_memcpy(&v, at, 8);
    return v;
}

static inline void store64(uint8_t *at, uint64_t v)
{
    __builtin_memcpy(at, &v, 8);
}

/* Writes the low `n` bits of v (its other bits are zero) at bit position `at`; touches up to nine
 * bytes, whatever they held behind `at`. */
static inline void put(uint8_t *bytes, uint64_t at, uint64_t v, uint32_t n)
{
    uint8_t *p = bytes + (at >> 3);
    uint32_t off = at & 7;
    uint64_t keep = p[0] & ((1u << off) - 1);

    store64(p, keep | v << off);
    if (off + n > 64)
        p[8] = (uint8_t)(v >> (64 - off));
}

/* At least 57 valid bits from bit position `at`. */
static inline uint64_t peek(const uint8_t *bytes, uint64_t at)
{
    return load64(bytes + (at >> 3)) >> (at & 7);
}

static inline uint64_t peek64(const uint8_t *bytes, uint64_t at)
{
    const uint8_t *p = bytes + (at >> 3);
    uint32_t off = at & 7;
    return load64(p) >> off | (uint64_t)p[8] << 1 << (63 - off); /* off 0: shifted out */
}

/* A code of up to 128 bits: head first, then body. */
typedef struct Code {
    uint64_t head;
    uint64_t body;
    uint32_t head_bits;
    uint32_t body_bits;
} Code;

static inline Code code_dod(int64_t dod)
{
    uint64_t z = zigzag_encode(dod);

    if (z == 0)
        return (Code){.head_bits = 1};
    if (z < 1u << 7)
        return (Code){.head = 1 | z << 2, .head_bits = 2 + 7};
    if (z < 1u << 12)
        return (Code){.head = 3 | z << 3, .head_bits = 3 + 12};
    if (z < 1u << 20)
        return (Code){.head = 7 | z << 4, .head_bits = 4 + 20};
    return (Code){.head = 15, .head_bits = 4, .body = z, .body_bits = 64};
}

/* Codes a XOR and moves the window. */
static inline Code code_xor(uint64_t x, uint8_t *leading, uint8_t *length)
{
    if (x == 0)
        return (Code){.head_bits = 1};
    uint32_t lead = (uint32_t)__builtin_clzll(x);
    uint32_t trail = (uint32_t)__builtin_ctzll(x);
    if (lead > LEADING_MAX)
        lead = LEADING_MAX;
    uint32_t len = 64 - lead - trail;
    uint32_t window_trail = 64u - *leading - *length;
    if (*length && lead >= *leading && trail >= window_trail && *length <= len + WINDOW_HEADER)
        return (Code){.head = 1, .head_bits = 2, .body = x >> window_trail, .body_bits = *length};
    *leading = (uint8_t)lead;
    *length = (uint8_t)len;
    return (Code){.head = 3 | (uint64_t)lead << 2 | (uint64_t)(len - 1) << 7,
                  .head_bits = 2 + WINDOW_HEADER,
                  .body = x >> trail,
                  .body_bits = len};
}

static inline uint64_t put_code(uint8_t *bytes, uint64_t at, const Code *code)
{
    put(bytes, at, code->head, code->head_bits);
    at += code->head_bits;
    if (code->body_bits) {
        put(bytes, at, code->body, code->body_bits);
        at += code->body_bits;
    }
    return at;
}

static inline bool has_room(uint64_t at, uint64_t bits, size_t cap)
{
    return ((at + bits + 7) >> 3) + 8 <= cap;
}

static inline __attribute__((always_inline)) bool
append(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits, const Code *start)
{
    uint64_t at = w->bit_count;
    uint32_t extra = start->head_bits + start->body_bits;

    if (w->count == 0) {
        if (!has_room(at, 128 + extra, cap))
            return false;
        put(bytes, at, (uint64_t)ts, 64);
        put(bytes, at + 64, bits, 64);
        at += 128;
        w->delta = 0;
    } else {
        int64_t delta = (int64_t)((uint64_t)ts - (uint64_t)w->ts);
        uint8_t leading = w->leading;
        uint8_t length = w->length;
        Code t = code_dod((int64_t)((uint64_t)delta - (uint64_t)w->delta));
        Code v = code_xor(bits ^ w->bits, &leading, &length);
        if (!has_room(at, t.head_bits + t.body_bits + v.head_bits + v.body_bits + extra, cap))
            return false;
        if (LUMA_LIKELY(t.body_bits == 0)) { /* one store for both heads */
            put(bytes, at, t.head | v.head << t.head_bits, t.head_bits + v.head_bits);
            at += t.head_bits + v.head_bits;
            if (v.body_bits) {
                put(bytes, at, v.body, v.body_bits);
                at += v.body_bits;
            }
        } else {
            at = put_code(bytes, at, &t);
            at = put_code(bytes, at, &v);
        }
        w->delta = delta;
        w->leading = leading;
        w->length = length;
    }
    if (extra)
        at = put_code(bytes, at, start);
    w->bit_count = (uint32_t)at;
    w->ts = ts;
    w->bits = bits;
    w->count++;
    return true;
}

bool gorilla_append(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits)
{
    return append(w, bytes, cap, ts, bits, &(const Code){0});
}

bool gorilla_append_start(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits,
                          int64_t start, int64_t prev_start)
{
    Code code = {.head_bits = 1};
    if (start != prev_start)
        code = (Code){.head = 1, .head_bits = 1, .body = (uint64_t)start, .body_bits = 64};
    return append(w, bytes, cap, ts, bits, &code);
}

/* What the next sample is decoded against. */
typedef struct DecodeState {
    uint64_t time;
    uint64_t delta;
    uint64_t value;
    uint64_t start;
    uint64_t length;   /* of the window, 0 = none yet */
    uint64_t trailing; /* zeros behind it */
    bool resumed;      /* the stream's first sample is behind us */
} DecodeState;

/* Takes a timestamp's code off the front of `word`, which holds 57 bits from `*at`; false = 64 bits
 * follow. Without branches: jitter makes the code's length hard to guess. */
static inline bool take_dod(uint64_t *word, uint64_t *at, uint64_t *delta)
{
    static const uint32_t widths = 0 | 7 << 8 | 12 << 16 | 20 << 24; /* a byte per code */
    uint32_t ones = (uint32_t)__builtin_ctzll(~(*word & 15));

    if (LUMA_UNLIKELY(ones == 4))
        return false;
    uint32_t n = widths >> (8 * ones) & 31;
    *delta += (uint64_t)zigzag_decode(*word >> (ones + 1) & ((UINT64_C(1) << n) - 1));
    *word >>= ones + 1 + n;
    *at += ones + 1 + n;
    return true;
}

/* Takes a value's code: `word` holds at least 33 bits from `*at`. False = a malformed window. */
static inline bool take_xor(const uint8_t *bytes, uint64_t word, uint64_t *at, DecodeState *d)
{
    if ((word & 1) == 0) {
        *at += 1;
        return true;
    }
    if (word & 2) {
        uint64_t leading = word >> 2 & 31;
        uint64_t length = (word >> 7 & 63) + 1;
        if (LUMA_UNLIKELY(leading + length > 64))
            return false;
        d->length = length;
        d->trailing = 64 - leading - length;
        *at += 2 + WINDOW_HEADER;
    } else {
        if (LUMA_UNLIKELY(d->length == 0))
            return false;
        *at += 2;
    }
    d->value ^= (peek64(bytes, *at) & (~UINT64_C(0) >> (64 - d->length))) << d->trailing;
    *at += d->length;
    return true;
}

typedef enum StreamKind { STREAM_SAMPLES, STREAM_STARTS, STREAM_VALUES } StreamKind;

typedef struct Output {
    int64_t *ts;
    double *values;
    int64_t *starts;
} Output;

/* Decodes samples [from, to) as long as they begin at or before bit `limit`; the bytes have
 * TAIL_BYTES + 8 readable ones behind it. Returns the first sample not decoded; to + 1 = malformed.
 */
static inline __attribute__((always_inline)) uint32_t
decode_span(const uint8_t *bytes, uint64_t *ret_at, uint64_t limit, uint32_t from, uint32_t to,
            DecodeState *state, const Output *out, StreamKind kind)
{
    uint64_t at = *ret_at;
    DecodeState d = *state;
    uint32_t i = from;

    for (; i < to && at <= limit; i++) {
        uint64_t word = peek(bytes, at);
        if (LUMA_UNLIKELY(i == 0 && !d.resumed)) {
            if (kind != STREAM_VALUES) {
                d.time = peek64(bytes, at);
                at += 64;
            }
            d.value = peek64(bytes, at);
            at += 64;
        } else if (kind != STREAM_VALUES && (word & 3) == 0) { /* on time, no change */
            d.time += d.delta;
            at += 2;
        } else {
            if (kind != STREAM_VALUES) {
                if (LUMA_UNLIKELY(!take_dod(&word, &at, &d.delta))) {
                    d.delta += (uint64_t)zigzag_decode(peek64(bytes, at + 4));
                    at += 68;
                    word = peek(bytes, at);
                }
                d.time += d.delta;
            }
            if (LUMA_UNLIKELY(!take_xor(bytes, word, &at, &d)))
                return to + 1;
        }
        if (kind == STREAM_STARTS) {
            bool fresh = peek(bytes, at) & 1;
            at++;
            if (fresh) {
                d.start = peek64(bytes, at);
                at += 64;
            }
            out->starts[i] = (int64_t)d.start;
        }
        if (kind != STREAM_VALUES)
            out->ts[i] = (int64_t)d.time;
        out->values[i] = gorilla_f64(d.value);
    }
    *ret_at = at;
    *state = d;
    return i;
}

/* Decodes `count` samples, the first of which begins at bit `at`. The last ones are decoded from a
 * copy with zeros behind it, so that whole-word loads never pass the end of the caller's bytes. */
static inline __attribute__((always_inline)) bool decode(const uint8_t *bytes, size_t byte_count,
                                                         uint64_t at, uint32_t count,
                                                         DecodeState state, Output out,
                                                         StreamKind kind)
{
    enum { MARGIN = TAIL_BYTES + 8 };
    uint8_t tail[3 * MARGIN] = {0};
    uint32_t done = 0;

    if (byte_count > MARGIN)
        done = decode_span(bytes, &at, (byte_count - MARGIN) * 8, 0, count, &state, &out, kind);
    if (done >= count)
        return done == count;
    size_t skip = at >> 3;
    if (skip > byte_count)
        return false;
    size_t left = byte_count - skip; /* a sample is at most TAIL_BYTES long: at most MARGIN */
    if (left)
        memcpy(tail, bytes + skip, left);
    at -= skip * 8;
    done = decode_span(tail, &at, left * 8, done, count, &state, &out, kind);
    return done == count && at <= left * 8;
}

/* The same code with shifts that take their count from any register is faster, where there are
 * such. */
static inline __attribute__((always_inline)) bool
decode_samples(const uint8_t *bytes, size_t byte_count, uint64_t at, uint32_t count,
               const DecodeState *state, Output out)
{
    return decode(bytes, byte_count, at, count, *state, out, STREAM_SAMPLES);
}

#if defined(__x86_64__)
__attribute__((target("bmi,bmi2"))) static bool
decode_samples_bmi2(const uint8_t *bytes, size_t byte_count, uint64_t at, uint32_t count,
                    const DecodeState *state, Output out)
{
    return decode_samples(bytes, byte_count, at, count, state, out);
}
#endif

static bool decode_samples_best(const uint8_t *bytes, size_t byte_count, uint64_t at,
                                uint32_t count, const DecodeState *state, Output out)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("bmi2"))
        return decode_samples_bmi2(bytes, byte_count, at, count, state, out);
#endif
    return decode_samples(bytes, byte_count, at, count, state, out);
}

bool gorilla_decode(const uint8_t *bytes, size_t byte_count, uint32_t count, int64_t *ts,
                    double *values, int64_t *starts)
{
    Output out = {ts, values, starts};
    DecodeState state = {0};

    return starts ? decode(bytes, byte_count, 0, count, state, out, STREAM_STARTS)
                  : decode_samples_best(bytes, byte_count, 0, count, &state, out);
}

bool gorilla_decode_from(const GorillaWriter *mark, const uint8_t *bytes, size_t byte_count,
                         uint32_t count, int64_t *ts, double *values)
{
    DecodeState state = {
        .time = (uint64_t)mark->ts,
        .delta = (uint64_t)mark->delta,
        .value = mark->bits,
        .length = mark->length,
        .trailing = 64u - mark->leading - mark->length,
        .resumed = true,
    };

    return decode_samples_best(bytes, byte_count, mark->bit_count & 7, count - mark->count, &state,
                               (Output){ts, values, NULL});
}

bool gorilla_decode_values(const uint8_t *bytes, size_t byte_count, uint32_t count, double *values)
{
    Output out = {.values = values};
    return decode(bytes, byte_count, 0, count, (DecodeState){0}, out, STREAM_VALUES);
}

void gorilla_encode_values(const double *values, uint32_t count, Buf *out)
{
    uint8_t *bytes = (uint8_t *)buf_reserve(out, (size_t)count * 10 + 24);
    uint64_t at = 0;
    uint8_t leading = 0;
    uint8_t length = 0;
    uint64_t before = 0;

    ASSERT(bytes);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bits = gorilla_bits(values[i]);
        if (i == 0) {
            put(bytes, 0, bits, 64);
            at = 64;
        } else {
            Code code = code_xor(bits ^ before, &leading, &length);
            at = put_code(bytes, at, &code);
        }
        before = bits;
    }
    out->len += (at + 7) / 8;
}

/* gorilla.c - bits are laid from the least significant of each byte upwards, so a code is peeked with
 * one unaligned load, a shift, and a count of trailing ones.
 *
 *   timestamp   first: 64 bits; then the zigzag of the delta of deltas:
 *               0 | 10 + 7 bits | 110 + 12 bits | 1110 + 20 bits | 1111 + 64 bits
 *   value       first: 64 bits; then its XOR with the one before:
 *               0 | 10 + bits of the window | 11 + 5 leading + 6 (length - 1) + length bits
 *   start       only in streams with starts: 0 = as before | 1 + 64 bits
 */
#include "format/gorilla/gorilla.h"

enum {
    LEADING_MAX = 31,  /* five bits */
    WINDOW_HEADER = 11, /* bits that a new window costs */
    TAIL_BYTES = 32,   /* one sample never takes more: 68 + 77 + 65 bits */
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

/* Writes the low `n` bits of v (its other bits are zero) at bit position `at`; touches up to nine bytes,
 * whatever they held behind `at`. */
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
    uint64_t v = load64(p) >> off;
    return off ? v | (uint64_t)p[8] << (64 - off) : v;
}

static inline uint64_t low_bits(uint32_t n)
{
    return n >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
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

static inline bool append(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits,
                          const Code *start)
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
    static const Code none = {0};
    return append(w, bytes, cap, ts, bits, &none);
}

bool gorilla_append_start(GorillaWriter *w, uint8_t *bytes, size_t cap, int64_t ts, uint64_t bits,
                          int64_t start, int64_t prev_start)
{
    Code code = {.head_bits = 1};
    if (start != prev_start)
        code = (Code){.head = 1, .head_bits = 1, .body = (uint64_t)start, .body_bits = 64};
    return append(w, bytes, cap, ts, bits, &code);
}

/* Reads a stream with whole-word loads. When the end comes near, the rest moves into `tail`, which has
 * zeros behind it, so that a load never passes the end of the caller's bytes. */
typedef struct Reader {
    const uint8_t *bytes;
    uint64_t at;
    uint64_t end; /* bits */
    bool in_tail;
    uint8_t tail[3 * TAIL_BYTES];
} Reader;

static inline void reader_init(Reader *r, const uint8_t *bytes, size_t byte_count)
{
    r->bytes = bytes;
    r->at = 0;
    r->end = (uint64_t)byte_count * 8;
    r->in_tail = false;
}

/* Before each sample. */
static inline void reader_fill(Reader *r)
{
    if (LUMA_LIKELY(r->at + (TAIL_BYTES + 8) * 8 <= r->end) || r->in_tail)
        return;
    uint64_t skip = r->at >> 3;
    size_t left = (size_t)((r->end >> 3) - skip);
    memset(r->tail, 0, sizeof r->tail);
    if (left)
        memcpy(r->tail, r->bytes + skip, left);
    r->bytes = r->tail;
    r->at -= skip * 8;
    r->end -= skip * 8;
    r->in_tail = true;
}

static inline uint64_t read_raw(Reader *r)
{
    uint64_t v = peek64(r->bytes, r->at);
    r->at += 64;
    return v;
}

static inline int64_t read_dod(Reader *r)
{
    static const uint8_t bits[5] = {0, 7, 12, 20, 64};
    uint64_t word = peek(r->bytes, r->at);

    if ((word & 1) == 0) {
        r->at++;
        return 0;
    }
    uint32_t ones = (uint32_t)__builtin_ctzll(~(word & 15));
    if (LUMA_UNLIKELY(ones == 4)) {
        r->at += 4;
        return zigzag_decode(read_raw(r));
    }
    uint32_t n = bits[ones];
    r->at += ones + 1 + n;
    return zigzag_decode(word >> (ones + 1) & low_bits(n));
}

typedef struct Window {
    uint32_t length;
    uint32_t trailing;
} Window;

/* False = a malformed window. */
static inline bool read_xor(Reader *r, Window *win, uint64_t *value)
{
    uint64_t word = peek(r->bytes, r->at);

    if ((word & 1) == 0) {
        r->at++;
        return true;
    }
    if (word & 2) {
        uint32_t leading = word >> 2 & 31;
        uint32_t length = (word >> 7 & 63) + 1;
        if (LUMA_UNLIKELY(leading + length > 64))
            return false;
        win->length = length;
        win->trailing = 64 - leading - length;
        r->at += 2 + WINDOW_HEADER;
        word >>= 2 + WINDOW_HEADER;
        if (LUMA_LIKELY(length <= 57 - 2 - WINDOW_HEADER)) {
            *value ^= (word & low_bits(length)) << win->trailing;
            r->at += length;
            return true;
        }
    } else {
        if (LUMA_UNLIKELY(win->length == 0))
            return false;
        r->at += 2;
        if (LUMA_LIKELY(win->length <= 55)) {
            *value ^= (word >> 2 & low_bits(win->length)) << win->trailing;
            r->at += win->length;
            return true;
        }
    }
    *value ^= (peek64(r->bytes, r->at) & low_bits(win->length)) << win->trailing;
    r->at += win->length;
    return true;
}

static inline bool decode(const uint8_t *bytes, size_t byte_count, uint32_t count, int64_t *ts,
                          double *values, int64_t *starts, bool with_starts)
{
    Reader r;
    Window win = {0};
    uint64_t value = 0;
    uint64_t time = 0;
    uint64_t delta = 0;
    int64_t start = 0;

    reader_init(&r, bytes, byte_count);
    for (uint32_t i = 0; i < count; i++) {
        reader_fill(&r);
        if (LUMA_UNLIKELY(i == 0)) {
            time = read_raw(&r);
            value = read_raw(&r);
        } else {
            delta += (uint64_t)read_dod(&r);
            time += delta;
            if (LUMA_UNLIKELY(!read_xor(&r, &win, &value)))
                return false;
        }
        if (with_starts) {
            bool fresh = peek(r.bytes, r.at) & 1;
            r.at++;
            if (fresh)
                start = (int64_t)read_raw(&r);
            starts[i] = start;
        }
        if (LUMA_UNLIKELY(r.at > r.end))
            return false;
        ts[i] = (int64_t)time;
        values[i] = gorilla_f64(value);
    }
    return true;
}

bool gorilla_decode(const uint8_t *bytes, size_t byte_count, uint32_t count, int64_t *ts,
                    double *values, int64_t *starts)
{
    return starts ? decode(bytes, byte_count, count, ts, values, starts, true)
                  : decode(bytes, byte_count, count, ts, values, NULL, false);
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

bool gorilla_decode_values(const uint8_t *bytes, size_t byte_count, uint32_t count, double *values)
{
    Reader r;
    Window win = {0};
    uint64_t value = 0;

    reader_init(&r, bytes, byte_count);
    for (uint32_t i = 0; i < count; i++) {
        reader_fill(&r);
        if (LUMA_UNLIKELY(i == 0))
            value = read_raw(&r);
        else if (LUMA_UNLIKELY(!read_xor(&r, &win, &value)))
            return false;
        if (LUMA_UNLIKELY(r.at > r.end))
            return false;
        values[i] = gorilla_f64(value);
    }
    return true;
}

/* chunk.c - layout in docs/formats/chunk.md, "Sealed chunk":
 *
 *   u8 flags: 1 = has starts | time coding << 1 | value coding << 3
 *   u8 count - 1
 *   times  | values | starts (if any) | eight zero bytes
 */
#include "format/gorilla/chunk.h"

#include <math.h>

#include "base/simd.h"
#include "format/gorilla/bitpack.h"

typedef enum TimeCoding {
    TIME_DELTAS, /* i64 first, then bitpack of the differences */
    TIME_RAW,    /* i64 each */
} TimeCoding;

typedef enum ValueCoding {
    VALUE_CONST,      /* u64 bits */
    VALUE_INTS,       /* u8 exponent, bitpack of value * 10^exponent */
    VALUE_INT_DELTAS, /* u8 exponent, i64 first, bitpack of the differences */
    VALUE_XOR,        /* u16 length, stream of gorilla_encode_values */
} ValueCoding;

enum {
    FLAG_STARTS = 1,
    HEADER_BYTES = 2,
    PAD_BYTES = 8,
    EXPONENT_MAX = 15,
    WIDE_BITS = 20, /* ints wider than this are weighed against XOR */
};

static const double powers[EXPONENT_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
static const double int_limit = 2251799813685248.0; /* 2^51: bitpack_scale's range */

/* ---- summary ---- */

/* Neumaier's summation over four lanes, so that the compiler may keep them in one register and
 * every CPU adds in the same order. */
static double sum_values(const double *values, uint32_t count)
{
    double sum[4] = {0};
    double lost[4] = {0};
    double total = 0;
    double rest = 0;

    for (uint32_t i = 0; i < count; i++) {
        double v = values[i];
        double s = sum[i & 3];
        double t = s + v;
        lost[i & 3] += fabs(s) >= fabs(v) ? (s - t) + v : (v - t) + s;
        sum[i & 3] = t;
    }
    for (int k = 0; k < 4; k++) {
        double t = total + sum[k];
        rest += fabs(total) >= fabs(sum[k]) ? (total - t) + sum[k] : (sum[k] - t) + total;
        rest += lost[k];
        total = t;
    }
    return isfinite(total) && isfinite(rest) ? total + rest : total;
}

void chunk_summarize(const int64_t *ts, const double *values, uint32_t count,
                     ChunkSummary *ret_summary)
{
    ASSERT(count > 0 && count <= CHUNK_SAMPLES_MAX);
    double low = INFINITY;
    double high = -INFINITY;
    uint32_t nans = 0;

    for (uint32_t i = 0; i < count; i++) {
        double v = values[i];
        low = v < low ? v : low;
        high = v > high ? v : high;
        nans += v != v;
    }
    *ret_summary = (ChunkSummary){
        .min_ts_ms = ts[0],
        .max_ts_ms = ts[count - 1],
        .count = count,
        .has_nan = nans != 0,
        .sum = sum_values(values, count),
        .min = nans == count ? (double)NAN : low,
        .max = nans == count ? (double)NAN : high,
        .first = values[0],
        .last = values[count - 1],
    };
}

/* ---- encoding ---- */

static uint64_t sub(int64_t a, int64_t b)
{
    return (uint64_t)a - (uint64_t)b;
}

static TimeCoding encode_times(const int64_t *ts, uint32_t count, Buf *out)
{
    int64_t deltas[CHUNK_SAMPLES_MAX];

    for (uint32_t i = 1; i < count; i++)
        deltas[i - 1] = (int64_t)sub(ts[i], ts[i - 1]);
    BitpackPlan plan = bitpack_plan(deltas, count - 1);
    if (plan.width > BITPACK_WIDTH_MAX) {
        buf_append(out, ts, count * sizeof *ts);
        return TIME_RAW;
    }
    buf_append_u64(out, (uint64_t)ts[0]);
    bitpack_encode(&plan, deltas, count - 1, out);
    return TIME_DELTAS;
}

/* Integers i with i / power = v, bit by bit; false when there is a value without one. Written
 * without branches, for the vectoriser: adding 2^52 + 2^51 rounds to an integer and leaves it in
 * the low bits. */
static inline __attribute__((always_inline)) bool scale_with(const double *values, uint32_t count,
                                                             double power, int64_t *ints)
{
    const double magic = 6755399441055744.0;
    uint64_t bad = 0;

    for (uint32_t i = 0; i < count; i++) {
        double x = values[i] * power;
        double rounded = x + magic;
        double back = (rounded - magic) / power;
        ints[i] = (int64_t)(gorilla_bits(rounded) - gorilla_bits(magic));
        bad |= gorilla_bits(back) ^ gorilla_bits(values[i]);
        bad |= fabs(x) < int_limit ? 0 : 1;
    }
    return bad == 0;
}

#if defined(__x86_64__)
SIMD_AVX2 static bool scale_avx2(const double *values, uint32_t count, double power, int64_t *ints)
{
    return scale_with(values, count, power, ints);
}
#endif

static bool scale(const double *values, uint32_t count, double power, int64_t *ints)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2"))
        return scale_avx2(values, count, power, ints);
#endif
    return scale_with(values, count, power, ints);
}

/* Raises *exponent until it suits every `step`-th value; false when none does. */
static bool find_exponent(const double *values, uint32_t count, uint32_t step, uint32_t *exponent)
{
    int64_t unused;

    for (uint32_t i = 0; i < count; i += step)
        while (!scale_with(&values[i], 1, powers[*exponent], &unused)) {
            if (*exponent == EXPONENT_MAX || !(fabs(values[i]) < int_limit))
                return false;
            ++*exponent;
        }
    return true;
}

/* Finds one exponent for all values, first on a few of them; false when there is none. */
static bool scale_all(const double *values, uint32_t count, int64_t *ints, uint8_t *ret_exponent)
{
    uint32_t exponent = 0;

    if (!find_exponent(values, count, count / 8 + 1, &exponent))
        return false;
    if (!scale(values, count, powers[exponent], ints) &&
        (!find_exponent(values, count, 1, &exponent) ||
         !scale(values, count, powers[exponent], ints)))
        return false;
    *ret_exponent = (uint8_t)exponent;
    return true;
}

static ValueCoding encode_ints(const int64_t *ints, uint32_t count, uint8_t exponent, Buf *out)
{
    int64_t deltas[CHUNK_SAMPLES_MAX];
    BitpackPlan whole = bitpack_plan(ints, count);

    for (uint32_t i = 1; i < count; i++)
        deltas[i - 1] = ints[i] - ints[i - 1];
    BitpackPlan differences = bitpack_plan(deltas, count - 1);
    buf_append_byte(out, exponent);
    if (whole.bytes <= differences.bytes + 8) {
        bitpack_encode(&whole, ints, count, out);
        return VALUE_INTS;
    }
    buf_append_u64(out, (uint64_t)ints[0]);
    bitpack_encode(&differences, deltas, count - 1, out);
    return VALUE_INT_DELTAS;
}

static bool all_same(const double *values, uint32_t count)
{
    uint64_t first = gorilla_bits(values[0]);
    uint64_t differ = 0;

    for (uint32_t i = 1; i < count; i++)
        differ |= gorilla_bits(values[i]) ^ first;
    return differ == 0;
}

static ValueCoding encode_xor(const double *values, uint32_t count, Buf *out)
{
    size_t at = out->len;

    buf_append_u16(out, 0);
    gorilla_encode_values(values, count, out);
    uint16_t len = (uint16_t)(out->len - at - 2);
    memcpy(out->ptr + at, &len, 2);
    return VALUE_XOR;
}

static ValueCoding encode_values(const double *values, uint32_t count, Buf *out)
{
    int64_t ints[CHUNK_SAMPLES_MAX];
    uint8_t exponent;
    size_t at = out->len;

    if (all_same(values, count)) {
        buf_append_u64(out, gorilla_bits(values[0]));
        return VALUE_CONST;
    }
    if (!scale_all(values, count, ints, &exponent))
        return encode_xor(values, count, out);
    ValueCoding coding = encode_ints(ints, count, exponent, out);
    size_t bytes = out->len - at;
    if (bytes * 8 <= (size_t)count * WIDE_BITS)
        return coding;
    (void)encode_xor(values, count, out);
    size_t xor_bytes = out->len - at - bytes;
    if (xor_bytes * 4 >= bytes * 3) { /* not much smaller: keep what scans faster */
        out->len -= xor_bytes;
        return coding;
    }
    memmove(out->ptr + at, out->ptr + at + bytes, xor_bytes);
    out->len -= bytes;
    return VALUE_XOR;
}

/* Runs of equal starts: varint length, zigzag varint difference to the run before. */
static void encode_starts(const int64_t *starts, uint32_t count, Buf *out)
{
    int64_t before = 0;

    for (uint32_t i = 0; i < count;) {
        uint32_t end = i + 1;
        while (end < count && starts[end] == starts[i])
            end++;
        buf_append_varint(out, end - i);
        buf_append_varint(out, zigzag_encode((int64_t)sub(starts[i], before)));
        before = starts[i];
        i = end;
    }
}

void chunk_encode(const int64_t *ts, const double *values, const int64_t *starts, uint32_t count,
                  Buf *out)
{
    ASSERT(count > 0 && count <= CHUNK_SAMPLES_MAX);
    size_t at = out->len;

    buf_append_byte(out, 0);
    buf_append_byte(out, (uint8_t)(count - 1));
    uint32_t time_coding = encode_times(ts, count, out);
    uint32_t value_coding = encode_values(values, count, out);
    if (starts)
        encode_starts(starts, count, out);
    buf_append_u64(out, 0);
    out->ptr[at] = (char)((starts ? FLAG_STARTS : 0) | time_coding << 1 | value_coding << 3);
}

/* ---- decoding ---- */

typedef struct Cursor {
    const uint8_t *at;
    const uint8_t *end; /* of the whole chunk, padding included */
} Cursor;

static inline size_t left(const Cursor *c)
{
    return (size_t)(c->end - c->at);
}

static bool take_u64(Cursor *c, void *ret)
{
    if (left(c) < 8)
        return false;
    memcpy(ret, c->at, 8);
    c->at += 8;
    return true;
}

static bool take_packed(Cursor *c, uint32_t count, int64_t *values)
{
    size_t used;

    if (!bitpack_decode(c->at, left(c), count, values, &used))
        return false;
    c->at += used;
    return true;
}

static bool take_deltas(Cursor *c, uint32_t count, int64_t *values)
{
    int64_t first;

    if (!take_u64(c, &first) || !take_packed(c, count - 1, values + 1))
        return false;
    bitpack_prefix_sum(first, values + 1, values, count);
    return true;
}

static bool decode_times(Cursor *c, TimeCoding coding, uint32_t count, int64_t *ts)
{
    switch (coding) {
    case TIME_DELTAS:
        return take_deltas(c, count, ts);
    case TIME_RAW:
        if (left(c) < count * sizeof *ts)
            return false;
        memcpy(ts, c->at, count * sizeof *ts);
        c->at += count * sizeof *ts;
        return true;
    }
    return false;
}

static bool decode_ints(Cursor *c, bool deltas, uint32_t count, double *values)
{
    int64_t ints[CHUNK_SAMPLES_MAX];

    if (left(c) < 1 || c->at[0] > EXPONENT_MAX)
        return false;
    double power = powers[*c->at++];
    if (deltas ? !take_deltas(c, count, ints) : !take_packed(c, count, ints))
        return false;
    if (values)
        bitpack_scale(ints, power, values, count);
    return true;
}

static bool decode_xor(Cursor *c, uint32_t count, double *values)
{
    uint16_t len;

    if (left(c) < 2)
        return false;
    memcpy(&len, c->at, 2);
    c->at += 2;
    if (left(c) < len || (values && !gorilla_decode_values(c->at, len, count, values)))
        return false;
    c->at += len;
    return true;
}

static bool decode_values(Cursor *c, ValueCoding coding, uint32_t count, double *values)
{
    uint64_t bits;

    switch (coding) {
    case VALUE_CONST:
        if (!take_u64(c, &bits))
            return false;
        for (uint32_t i = 0; values && i < count; i++)
            values[i] = gorilla_f64(bits);
        return true;
    case VALUE_INTS:
        return decode_ints(c, false, count, values);
    case VALUE_INT_DELTAS:
        return decode_ints(c, true, count, values);
    case VALUE_XOR:
        return decode_xor(c, count, values);
    }
    return false;
}

static bool decode_starts(Cursor *c, uint32_t count, int64_t *starts)
{
    BufReader r = {c->at, c->end, false};
    uint64_t start = 0;

    for (uint32_t i = 0; i < count;) {
        uint64_t run = buf_read_varint(&r);
        start += (uint64_t)zigzag_decode(buf_read_varint(&r));
        if (r.failed || run == 0 || run > count - i)
            return false;
        for (uint32_t end = i + (uint32_t)run; i < end; i++)
            starts[i] = (int64_t)start;
    }
    c->at = r.cursor;
    return true;
}

uint32_t chunk_count(Str bytes)
{
    return bytes.len < HEADER_BYTES + PAD_BYTES ? 0 : (uint32_t)(uint8_t)bytes.ptr[1] + 1;
}

bool chunk_has_starts(Str bytes)
{
    return chunk_count(bytes) && (bytes.ptr[0] & FLAG_STARTS);
}

static bool decode(Str bytes, uint32_t count, int64_t *ts, double *values, int64_t *starts)
{
    Cursor c = {(const uint8_t *)bytes.ptr + HEADER_BYTES, (const uint8_t *)bytes.ptr + bytes.len};
    uint8_t flags = (uint8_t)bytes.ptr[0];

    if (flags >> 5 || !decode_times(&c, flags >> 1 & 3, count, ts))
        return false;
    if (!values && !(starts && flags & FLAG_STARTS))
        return true;
    if (!decode_values(&c, flags >> 3 & 3, count, values))
        return false;
    if (!starts)
        return true;
    if (!(flags & FLAG_STARTS)) {
        memset(starts, 0, count * sizeof *starts);
        return true;
    }
    return decode_starts(&c, count, starts);
}

Status chunk_decode(Str bytes, int64_t *ts, double *values, int64_t *starts, uint32_t *ret_count,
                    Error *err)
{
    uint32_t count = chunk_count(bytes);

    if (count == 0 || !decode(bytes, count, ts, values, starts))
        return error_set(err, STATUS_CORRUPT, "a sealed chunk is malformed");
    *ret_count = count;
    return STATUS_OK;
}

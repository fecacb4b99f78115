#include "base/units.h"

#include <inttypes.h>

#include "base/clock.h"

static const struct {
    Str suffix;
    int64_t ns;
} duration_units[] = {
    {STR_INIT("y"), 365 * 86400 * NS_PER_SEC},
    {STR_INIT("w"), 7 * 86400 * NS_PER_SEC},
    {STR_INIT("d"), 86400 * NS_PER_SEC},
    {STR_INIT("h"), 3600 * NS_PER_SEC},
    {STR_INIT("m"), 60 * NS_PER_SEC},
    {STR_INIT("s"), NS_PER_SEC},
    {STR_INIT("ms"), NS_PER_MS},
    {STR_INIT("us"), NS_PER_US},
};

static size_t digits_of(Str text)
{
    size_t n = 0;
    while (n < text.len && text.ptr[n] >= '0' && text.ptr[n] <= '9')
        n++;
    return n;
}

bool units_parse_duration(Str text, int64_t *ret_ns)
{
    int64_t total = 0;
    size_t last = 0; /* index after the unit used last */

    if (str_eq(text, STR("0"))) {
        *ret_ns = 0;
        return true;
    }
    if (text.len == 0)
        return false;
    while (text.len) {
        size_t digits = digits_of(text);
        int64_t count;
        size_t unit = last;
        if (!str_to_i64(str_sub(text, 0, digits), &count))
            return false;
        text = str_sub(text, digits, text.len);
        size_t letters = 0;
        while (letters < text.len && text.ptr[letters] >= 'a' && text.ptr[letters] <= 'z')
            letters++;
        while (unit < LUMA_ARRAY_LEN(duration_units) &&
               !str_eq(duration_units[unit].suffix, str_sub(text, 0, letters)))
            unit++;
        if (unit == LUMA_ARRAY_LEN(duration_units) ||
            __builtin_mul_overflow(count, duration_units[unit].ns, &count) ||
            __builtin_add_overflow(total, count, &total))
            return false;
        last = unit + 1;
        text = str_sub(text, letters, text.len);
    }
    *ret_ns = total;
    return true;
}

void units_append_duration(Buf *out, int64_t ns)
{
    if (ns == 0)
        buf_append_lit(out, "0s");
    for (size_t i = 2; ns > 0 && i < LUMA_ARRAY_LEN(duration_units); i++) {
        int64_t count = ns / duration_units[i].ns;
        if (count == 0)
            continue;
        buf_printf(out, "%" PRId64 "%.*s", count, STR_FMT(duration_units[i].suffix));
        ns -= count * duration_units[i].ns;
    }
}

static const struct {
    Str suffix;
    int64_t bytes;
} byte_units[] = {
    {STR_INIT("TiB"), INT64_C(1) << 40},
    {STR_INIT("GiB"), 1 << 30},
    {STR_INIT("MiB"), 1 << 20},
    {STR_INIT("KiB"), 1 << 10},
    {STR_INIT("TB"), 1000000000000},
    {STR_INIT("GB"), 1000000000},
    {STR_INIT("MB"), 1000000},
    {STR_INIT("KB"), 1000},
    {STR_INIT("T"), INT64_C(1) << 40},
    {STR_INIT("G"), 1 << 30},
    {STR_INIT("M"), 1 << 20},
    {STR_INIT("K"), 1 << 10},
    {STR_INIT("B"), 1},
    {STR_INIT(""), 1},
};

bool units_parse_bytes(Str text, int64_t *ret_bytes)
{
    size_t number = 0;
    double value;

    while (number < text.len &&
           ((text.ptr[number] >= '0' && text.ptr[number] <= '9') || text.ptr[number] == '.'))
        number++;
    if (!number || !str_to_f64(str_sub(text, 0, number), &value))
        return false;
    Str suffix = str_sub(text, number, text.len);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(byte_units); i++)
        if (str_eq_nocase(suffix, byte_units[i].suffix)) {
            value *= (double)byte_units[i].bytes;
            if (value >= 9e18)
                return false;
            *ret_bytes = (int64_t)value;
            return true;
        }
    return false;
}

void units_append_bytes(Buf *out, int64_t bytes)
{
    for (size_t i = 0; i < 4; i++)
        if (bytes && bytes % byte_units[i].bytes == 0) {
            buf_printf(out, "%" PRId64 "%.*s", bytes / byte_units[i].bytes,
                       STR_FMT(byte_units[i].suffix));
            return;
        }
    buf_printf(out, "%" PRId64, bytes);
}

/* ipc_column.c - buffers of a batch become columns. Buffers may lie anywhere: values are copied. */
#include "format/compress/compress.h"
#include "format/ipc/ipc_reader_int.h"
#include "format/pgtype/pgtype.h"

enum {
    ROWS_MAX = 1 << 24,          /* of a batch */
    PLAIN_BYTES_MAX = 256 << 20, /* of a compressed buffer */
    NS_PER_US = 1000,
};
static const int64_t us_per_day = INT64_C(86400000000);

static Status damaged(const IpcField *field, const char *what, Error *err)
{
    return error_set(err, STATUS_INVALID, "not an Arrow stream: column \"%.*s\": %s",
                     (int)LUMA_MIN(field->name.len, 100), field->name.ptr, what);
}

/* ---------------------------------------------------------------- nodes and buffers */

static Status next_node(IpcBody *body, const IpcField *field, uint32_t *ret_len, Error *err)
{
    if (body->node >= body->nodes.count)
        return damaged(field, "the batch has too few columns", err);
    uint64_t len = flat_uint(body->meta, body->nodes.at + 16 * (size_t)body->node++, 8);
    /* A value takes a bit at least; zstd packs up to about a thousand to one. */
    uint64_t bits = 64 + 8 * (uint64_t)body->bytes.len * (body->zstd ? 1024 : 1);
    if (field->arrow != ARROW_NULL && len > bits)
        return damaged(field, "the body is too short for its rows", err);
    if (len > ROWS_MAX)
        return error_set(err, STATUS_LIMIT, "an Arrow batch has more than %d rows", ROWS_MAX);
    *ret_len = (uint32_t)len;
    return STATUS_OK;
}

static Status decompress(IpcBody *body, Str packed, Str *ret, Error *err)
{
    int64_t plain_len;
    void *plain;

    if (packed.len < 8)
        return error_set(err, STATUS_INVALID, "a compressed buffer without its length");
    memcpy(&plain_len, packed.ptr, 8);
    packed = str_sub(packed, 8, packed.len);
    if (plain_len == -1) {
        *ret = packed;
        return STATUS_OK;
    }
    if (plain_len < 0 || plain_len > PLAIN_BYTES_MAX)
        return error_set(err, STATUS_LIMIT, "a buffer of more than %d MiB", PLAIN_BYTES_MAX >> 20);
    TRY(arena_try_alloc(body->arena, (size_t)plain_len + 1, &plain, err));
    TRY(compress_decode_exact(CODEC_ZSTD, packed, plain, (size_t)plain_len, err));
    *ret = (Str){plain, (size_t)plain_len};
    return STATUS_OK;
}

/* The next buffer, which must have `need` bytes at least; 0 when it may be absent. */
static Status next_buffer(IpcBody *body, const IpcField *field, size_t need, Str *ret, Error *err)
{
    if (body->buffer >= body->buffers.count)
        return damaged(field, "the batch has too few buffers", err);
    size_t at = body->buffers.at + 16 * (size_t)body->buffer++;
    uint64_t offset = flat_uint(body->meta, at, 8);
    uint64_t len = flat_uint(body->meta, at + 8, 8);
    if (offset > body->bytes.len || len > body->bytes.len - offset)
        return damaged(field, "a buffer lies outside of the body", err);
    *ret = str_sub(body->bytes, (size_t)offset, (size_t)len);
    if (body->zstd && len)
        TRY(decompress(body, *ret, ret, err));
    return ret->len < need ? damaged(field, "a buffer is too short", err) : STATUS_OK;
}

static Status read_validity(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    Str bits;

    TRY(next_buffer(body, field, 0, &bits, err));
    if (bits.len == 0)
        return STATUS_OK;
    if (bits.len < bitmap_bytes(c->len))
        return damaged(field, "a buffer is too short", err);
    TRY(column_need_validity(c, body->arena, err));
    memcpy(column_validity(c), bits.ptr, bitmap_bytes(c->len));
    return STATUS_OK;
}

/* Little-endian integer of 1, 2, 4 or 8 bytes. */
static int64_t int_at(const char *ptr, size_t i, uint32_t width, bool is_signed)
{
    uint64_t value = 0;

    memcpy(&value, ptr + i * width, width);
    uint32_t unused = 64 - 8 * width;
    return is_signed && unused ? (int64_t)(value << unused) >> unused : (int64_t)value;
}

/* ---------------------------------------------------------------- numbers and times */

/* Rounds towards the past, as timestamps do everywhere here. */
static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* A value of some unit as microseconds; false when it does not fit. */
static bool to_us(int64_t value, uint32_t unit, int64_t *ret_us)
{
    static const int64_t factors[] = {1000000, 1000, 1};

    if (unit == 3) {
        *ret_us = floor_div(value, NS_PER_US);
        return true;
    }
    return !__builtin_mul_overflow(value, factors[unit], ret_us);
}

static Status put_time(const IpcField *field, Column *c, uint32_t i, int64_t value, Error *err)
{
    int64_t us;

    if (c->type.id == TYPE_DATE) {
        ((int32_t *)column_values(c))[i] =
            (int32_t)(field->unit == 0 ? value : floor_div(value, us_per_day / 1000));
        return STATUS_OK;
    }
    if (!to_us(value, field->unit, &us))
        return error_set_sql(err, STATUS_INVALID, "22008", 0,
                             "a time of column \"%.*s\" is out of range",
                             (int)LUMA_MIN(field->name.len, 100), field->name.ptr);
    if (c->type.id == TYPE_INTERVAL)
        ((Interval *)column_values(c))[i] = (Interval){.us = us};
    else
        ((int64_t *)column_values(c))[i] = us;
    return STATUS_OK;
}

static void put_int(Column *c, uint32_t i, int64_t value)
{
    switch (type_layout(c->type)) {
    case LAYOUT_INT16:
        ((int16_t *)column_values(c))[i] = (int16_t)value;
        break;
    case LAYOUT_INT32:
        ((int32_t *)column_values(c))[i] = (int32_t)value;
        break;
    default:
        ((int64_t *)column_values(c))[i] = value;
        break;
    }
}

static bool is_time(const IpcField *field)
{
    return field->arrow == ARROW_DATE || field->arrow == ARROW_TIME ||
           field->arrow == ARROW_TIMESTAMP || field->arrow == ARROW_DURATION;
}

/* Bytes of a stored value of these types. */
static uint32_t int_width(const IpcField *field)
{
    switch (field->arrow) {
    case ARROW_INT:
        return field->bits / 8;
    case ARROW_DATE:
        return field->unit == 0 ? 4 : 8;
    case ARROW_TIME:
        return field->unit <= 1 ? 4 : 8;
    default:
        return 8;
    }
}

static void put_text(Column *c, uint32_t i, Str text)
{
    ((View *)column_values(c))[i] = view_make(text.ptr, text.len);
}

/* uint64 has no integer type of ours. */
static void put_digits(Column *c, uint32_t i, uint64_t value, Arena *arena)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    put_text(c, i, arena_str(arena, (Str){digits + at, sizeof digits - at}));
}

static Status read_ints(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    uint32_t width = int_width(field);
    bool is_signed = field->arrow != ARROW_INT || field->is_signed;
    Str values;

    TRY(next_buffer(body, field, (size_t)width * c->len, &values, err));
    for (uint32_t i = 0; i < c->len; i++) {
        if (column_is_null(c, i))
            continue;
        int64_t value = int_at(values.ptr, i, width, is_signed);
        if (is_time(field))
            TRY(put_time(field, c, i, value, err));
        else if (c->type.id == TYPE_TEXT)
            put_digits(c, i, (uint64_t)value, body->arena);
        else
            put_int(c, i, value);
    }
    return STATUS_OK;
}

/* IEEE 754 half precision (binary16). */
static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 31;
    uint32_t fraction = half & 0x3ff;
    uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
    float value;

    if (exponent == 31)
        bits = sign | 0x7f800000 | fraction << 13;
    memcpy(&value, &bits, 4);
    if (exponent == 0) /* subnormal: fraction * 2^-24 */
        value = (sign ? -1.0f : 1.0f) * (float)fraction * 0x1p-24f;
    return value;
}

static Status read_floats(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    size_t width = (size_t)2 << field->unit;
    Str values;

    TRY(next_buffer(body, field, width * c->len, &values, err));
    if (field->unit > 0) {
        memcpy(column_values(c), values.ptr, width * c->len);
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < c->len; i++)
        ((float *)column_values(c))[i] = half_to_float((uint16_t)int_at(values.ptr, i, 2, false));
    return STATUS_OK;
}

/* Arrow's three intervals: months; days and ms; months, days and ns. */
static Status read_intervals(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    static const uint32_t widths[] = {4, 8, 16};
    uint32_t width = field->unit <= 2 ? widths[field->unit] : 16;
    Str values;

    TRY(next_buffer(body, field, (size_t)width * c->len, &values, err));
    for (uint32_t i = 0; i < c->len; i++) {
        const char *at = values.ptr + (size_t)width * i;
        Interval *out = &((Interval *)column_values(c))[i];
        int32_t first = (int32_t)int_at(at, 0, 4, true);
        if (field->unit == 0)
            *out = (Interval){.months = first};
        else if (field->unit == 1)
            *out = (Interval){.days = first, .us = 1000 * int_at(at + 4, 0, 4, true)};
        else
            *out = (Interval){.months = first,
                              .days = (int32_t)int_at(at + 4, 0, 4, true),
                              .us = floor_div(int_at(at + 8, 0, 8, true), NS_PER_US)};
    }
    return STATUS_OK;
}

static Status read_bools(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    Str values;

    TRY(next_buffer(body, field, bitmap_bytes(c->len), &values, err));
    if (c->len)
        memcpy(column_values(c), values.ptr, bitmap_bytes(c->len));
    return STATUS_OK;
}

/* Two's complement of 128 or 256 bits, by division by ten over 32-bit limbs. */
static Str decimal_text(const char *bytes, const IpcField *field, Arena *arena)
{
    uint32_t limbs[8];
    uint32_t count = field->bits / 32;
    char digits[200];
    size_t at = sizeof digits;
    int32_t scale = field->scale;
    bool left = true;

    memcpy(limbs, bytes, field->bits / 8);
    bool negative = limbs[count - 1] >> 31;
    uint64_t carry = 1;
    for (uint32_t i = 0; negative && i < count; i++) {
        carry += (uint32_t)~limbs[i];
        limbs[i] = (uint32_t)carry;
        carry >>= 32;
    }
    for (int32_t done = 0; left || done <= scale; done++) {
        uint64_t rest = 0;
        left = false;
        for (uint32_t i = count; i-- > 0;) {
            uint64_t part = rest << 32 | limbs[i];
            limbs[i] = (uint32_t)(part / 10);
            rest = part % 10;
            left |= limbs[i] != 0;
        }
        if (scale > 0 && done == scale)
            digits[--at] = '.';
        digits[--at] = (char)('0' + rest);
    }
    if (negative)
        digits[--at] = '-';
    CLEANUP(buf_done) Buf text = {0};
    buf_append(&text, digits + at, sizeof digits - at);
    for (; scale < 0; scale++)
        buf_append_byte(&text, '0');
    return arena_str(arena, buf_str(&text));
}

static Status read_decimals(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    size_t width = field->bits / 8;
    Str values;

    TRY(next_buffer(body, field, width * c->len, &values, err));
    for (uint32_t i = 0; i < c->len; i++)
        if (!column_is_null(c, i))
            put_text(c, i, decimal_text(values.ptr + width * i, field, body->arena));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- bytes */

static Status check_text(const IpcField *field, const Column *c, Error *err)
{
    for (uint32_t i = 0; i < c->len && c->type.id == TYPE_TEXT; i++) {
        if (column_is_null(c, i))
            continue;
        Str text = column_str(c, i);
        if (!str_utf8_valid(text) || memchr(text.ptr, 0, text.len))
            return error_set_sql(err, STATUS_INVALID, "22021", 0,
                                 "column \"%.*s\" has a text that is not UTF-8 or holds a NUL",
                                 (int)LUMA_MIN(field->name.len, 100), field->name.ptr);
    }
    return STATUS_OK;
}

/* Offsets of 4 or 8 bytes, then the bytes. */
static Status read_bytes(IpcBody *body, const IpcField *field, uint32_t width, Column *c,
                         Error *err)
{
    Str offsets;
    Str bytes;

    TRY(next_buffer(body, field, c->len ? (size_t)width * (c->len + 1) : 0, &offsets, err));
    TRY(next_buffer(body, field, 0, &bytes, err));
    for (uint32_t i = 0; i < c->len; i++) {
        int64_t from = int_at(offsets.ptr, i, width, true);
        int64_t to = int_at(offsets.ptr, i + 1, width, true);
        if (from < 0 || to < from || (uint64_t)to > bytes.len || to - from > UINT32_MAX)
            return damaged(field, "an offset lies outside of its buffer", err);
        put_text(c, i, str_sub(bytes, (size_t)from, (size_t)(to - from)));
    }
    return check_text(field, c, err);
}

/* Views: length, then twelve bytes inline or prefix, buffer, offset. */
static Status read_views(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    uint64_t count = body->view < body->view_counts.count
                         ? flat_uint(body->meta, body->view_counts.at + 8 * (size_t)body->view++, 8)
                         : 0;
    Str views;
    Str *data;

    TRY(next_buffer(body, field, 16 * (size_t)c->len, &views, err));
    if (count > body->buffers.count)
        return damaged(field, "the batch has too few buffers", err);
    data = ARENA_NEW_ARRAY(body->arena, Str, (size_t)count);
    for (uint64_t i = 0; i < count; i++)
        TRY(next_buffer(body, field, 0, &data[i], err));
    for (uint32_t i = 0; i < c->len; i++) {
        const char *at = views.ptr + 16 * (size_t)i;
        uint32_t len = (uint32_t)int_at(at, 0, 4, false);
        uint64_t buffer = (uint64_t)int_at(at + 8, 0, 4, false);
        uint64_t offset = (uint64_t)int_at(at + 12, 0, 4, false);
        if (column_is_null(c, i))
            continue;
        if (len <= VIEW_INLINE_MAX) {
            put_text(c, i, (Str){at + 4, len});
            continue;
        }
        if (buffer >= count || offset > data[buffer].len || len > data[buffer].len - offset)
            return damaged(field, "a view lies outside of its buffer", err);
        put_text(c, i, str_sub(data[buffer], (size_t)offset, len));
    }
    return check_text(field, c, err);
}

static Status read_fixed_bytes(IpcBody *body, const IpcField *field, Column *c, Error *err)
{
    size_t width = field->bits;
    Str values;

    if (c->len && width > body->bytes.len && !body->zstd)
        return damaged(field, "a buffer is too short", err);
    TRY(next_buffer(body, field, width * c->len, &values, err));
    if (c->type.id == TYPE_UUID) {
        if (c->len)
            memcpy(column_values(c), values.ptr, 16 * (size_t)c->len);
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < c->len; i++)
        put_text(c, i, str_sub(values, width * i, width));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- lists */

/* An element as PostgreSQL's array text has it. */
static void append_element(const Column *c, uint32_t row, bool is_list, PgPrintFn print,
                           const PgSettings *settings, Buf *scratch, Buf *out)
{
    if (column_is_null(c, row)) {
        buf_append_lit(out, "NULL");
        return;
    }
    buf_clear(scratch);
    print(c, row, settings, scratch);
    if (is_list) {
        buf_append_str(out, buf_str(scratch));
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < scratch->len; i++) {
        if (scratch->ptr[i] == '"' || scratch->ptr[i] == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)scratch->ptr[i]);
    }
    buf_append_byte(out, '"');
}

typedef struct ListSpans {
    Str offsets;
    uint32_t width; /* of an offset; 0 = every list has fixed_len elements */
    uint32_t fixed_len;
} ListSpans;

static void list_span(const ListSpans *spans, uint32_t i, int64_t *ret_from, int64_t *ret_to)
{
    *ret_from = spans->width ? int_at(spans->offsets.ptr, i, spans->width, true)
                             : (int64_t)i * spans->fixed_len;
    *ret_to = spans->width ? int_at(spans->offsets.ptr, i + 1, spans->width, true)
                           : *ret_from + spans->fixed_len;
}

static Status print_lists(IpcBody *body, const IpcField *field, const ListSpans *spans,
                          const Column *elements, Column *c, Error *err)
{
    PgPrintFn print = pgtype_text_fn(elements->type);
    CLEANUP(buf_done) Buf scratch = {0};
    CLEANUP(buf_done) Buf out = {0};
    PgSettings settings;
    int64_t from;
    int64_t to;

    pg_settings_init(&settings);
    for (uint32_t i = 0; i < c->len; i++) {
        if (column_is_null(c, i))
            continue;
        list_span(spans, i, &from, &to);
        if (from < 0 || to < from || to > elements->len)
            return damaged(field, "a list lies outside of its elements", err);
        buf_clear(&out);
        buf_append_byte(&out, '{');
        for (int64_t e = from; e < to; e++) {
            if (e > from)
                buf_append_byte(&out, ',');
            append_element(elements, (uint32_t)e, field->child->child != NULL, print, &settings,
                           &scratch, &out);
        }
        buf_append_byte(&out, '}');
        put_text(c, i, arena_str(body->arena, buf_str(&out)));
    }
    return STATUS_OK;
}

static Status read_lists(IpcBody *body, const IpcField *field, const IpcDictionary *dictionaries,
                         Column *c, Error *err)
{
    ListSpans spans = {.width = field->arrow == ARROW_LIST         ? 4
                                : field->arrow == ARROW_LARGE_LIST ? 8
                                                                   : 0,
                       .fixed_len = field->bits};
    Column elements;

    if (spans.width)
        TRY(next_buffer(body, field, c->len ? (size_t)spans.width * (c->len + 1) : 0,
                        &spans.offsets, err));
    TRY(ipc__read_column(body, field->child, dictionaries, &elements, err));
    return print_lists(body, field, &spans, &elements, c, err);
}

/* ---------------------------------------------------------------- dictionaries */

static Status read_codes(IpcBody *body, const IpcField *field, const IpcDictionary *dictionaries,
                         uint32_t len, Column *ret, Error *err)
{
    uint32_t width = field->index_bits / 8;
    Column codes;
    Str values;

    while (dictionaries && dictionaries->id != field->dictionary_id)
        dictionaries = dictionaries->next;
    if (!dictionaries)
        return damaged(field, "its dictionary has not come", err);
    const Column *dict = dictionaries->values;
    TRY(column_init(&codes, body->arena, TYPE_OF(INT4), len, true, err));
    TRY(read_validity(body, field, &codes, err));
    TRY(next_buffer(body, field, (size_t)width * len, &values, err));
    uint32_t *rows;
    TRY(arena_try_alloc(body->arena, sizeof *rows * LUMA_MAX(len, 1), &rows, err));
    for (uint32_t i = 0; i < len; i++) {
        int64_t code = int_at(values.ptr, i, width, field->index_signed);
        bool null = column_is_null(&codes, i);
        if (!null && (code < 0 || code >= dict->len))
            return damaged(field, "a code is not in its dictionary", err);
        rows[i] = null ? 0 : (uint32_t)code;
    }
    if (dict->len == 0)
        return column_init_null(ret, body->arena, field->type, len, err);
    TRY(column_take(dict, rows, len, body->arena, ret, err));
    TRY(column_need_validity(ret, body->arena, err));
    for (uint32_t i = 0; i < len; i++)
        if (column_is_null(&codes, i))
            bit_clear(column_validity(ret), i);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- a column */

Status ipc__read_column(IpcBody *body, const IpcField *field, const IpcDictionary *dictionaries,
                        Column *ret_column, Error *err)
{
    uint32_t len;

    TRY(next_node(body, field, &len, err));
    if (field->has_dictionary)
        return read_codes(body, field, dictionaries, len, ret_column, err);
    if (field->arrow == ARROW_NULL)
        return column_init_null(ret_column, body->arena, field->type, len, err);
    TRY(column_init(ret_column, body->arena, field->type, len, false, err));
    TRY(read_validity(body, field, ret_column, err));
    switch (field->arrow) {
    case ARROW_FLOATING_POINT:
        return read_floats(body, field, ret_column, err);
    case ARROW_BOOL:
        return read_bools(body, field, ret_column, err);
    case ARROW_DECIMAL:
        return read_decimals(body, field, ret_column, err);
    case ARROW_INTERVAL:
        return read_intervals(body, field, ret_column, err);
    case ARROW_UTF8:
    case ARROW_BINARY:
        return read_bytes(body, field, 4, ret_column, err);
    case ARROW_LARGE_UTF8:
    case ARROW_LARGE_BINARY:
        return read_bytes(body, field, 8, ret_column, err);
    case ARROW_UTF8_VIEW:
    case ARROW_BINARY_VIEW:
        return read_views(body, field, ret_column, err);
    case ARROW_FIXED_SIZE_BINARY:
        return read_fixed_bytes(body, field, ret_column, err);
    case ARROW_LIST:
    case ARROW_LARGE_LIST:
    case ARROW_FIXED_SIZE_LIST:
        return read_lists(body, field, dictionaries, ret_column, err);
    default:
        return read_ints(body, field, ret_column, err);
    }
}

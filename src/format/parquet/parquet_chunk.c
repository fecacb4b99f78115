/* parquet_chunk.c - values gathered into pages: dictionary, encoding, compression, statistics.
 *
 * Values of a page are staged as they will be compared and encoded: fixed values side by side, byte
 * arrays as bytes with ends, dictionary codes. A dictionary that grows over its bound, or that
 * nearly every value enters, is given up for the rest of the chunk; pages before keep it.
 */
#include "base/hash.h"
#include "format/parquet/parquet_chunk_int.h"
#include "format/pgtype/numeric.h"

#include <zlib.h>

enum {
    STAT_BYTES_MAX = 64, /* of a text bound */
    PAYS_AFTER = 4096,   /* values after which a dictionary must have paid */
    DECIMAL_DIGITS_MAX = 38,
};

/* ---- schema ---- */

static Status decimal_node(const Field *field, ParquetNode *node, ChunkKind *kind)
{
    int precision = numeric_typmod_precision(field->type.typmod);
    int scale = numeric_typmod_scale(field->type.typmod);

    if (precision > DECIMAL_DIGITS_MAX || scale < 0 || scale > precision)
        return STATUS_NOT_FOUND;
    node->logical = PARQUET_LOGICAL_DECIMAL;
    node->precision = precision;
    node->scale = scale;
    node->physical = precision <= 9    ? PARQUET_INT32
                     : precision <= 18 ? PARQUET_INT64
                                       : PARQUET_FIXED;
    node->fixed_bytes = node->physical == PARQUET_FIXED ? 16 : 0;
    *kind = CHUNK_DECIMAL;
    return STATUS_OK;
}

static void set(ParquetNode *node, ChunkKind *ret_kind, ChunkKind kind, ParquetPhysical physical,
                ParquetLogical logical)
{
    node->physical = physical;
    node->logical = logical;
    *ret_kind = kind;
}

static void scalar_node(const Field *field, ParquetNode *node, ChunkKind *kind)
{
    switch ((TypeId)field->type.id) {
    case TYPE_BOOL:
        set(node, kind, CHUNK_BOOL, PARQUET_BOOLEAN, PARQUET_LOGICAL_NONE);
        break;
    case TYPE_CHAR:
    case TYPE_INT2:
        set(node, kind, CHUNK_INT32, PARQUET_INT32, PARQUET_LOGICAL_INTEGER);
        node->bit_width = field->type.id == TYPE_CHAR ? 8 : 16;
        node->is_signed = true;
        break;
    case TYPE_INT4:
        set(node, kind, CHUNK_INT32, PARQUET_INT32, PARQUET_LOGICAL_NONE);
        break;
    case TYPE_DATE:
        set(node, kind, CHUNK_INT32, PARQUET_INT32, PARQUET_LOGICAL_DATE);
        break;
    case TYPE_INT8:
    case TYPE_OID:
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
        set(node, kind, CHUNK_INT64, PARQUET_INT64, PARQUET_LOGICAL_NONE);
        break;
    case TYPE_TIME:
        set(node, kind, CHUNK_INT64, PARQUET_INT64, PARQUET_LOGICAL_TIME);
        node->unit = PARQUET_MICROS;
        break;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        set(node, kind, CHUNK_INT64, PARQUET_INT64, PARQUET_LOGICAL_TIMESTAMP);
        node->unit = PARQUET_MICROS;
        node->utc = field->type.id == TYPE_TIMESTAMPTZ;
        break;
    case TYPE_FLOAT4:
        set(node, kind, CHUNK_FLOAT, PARQUET_FLOAT, PARQUET_LOGICAL_NONE);
        break;
    case TYPE_FLOAT8:
        set(node, kind, CHUNK_DOUBLE, PARQUET_DOUBLE, PARQUET_LOGICAL_NONE);
        break;
    case TYPE_UUID:
        set(node, kind, CHUNK_UUID, PARQUET_FIXED, PARQUET_LOGICAL_UUID);
        node->fixed_bytes = 16;
        break;
    case TYPE_JSON:
    case TYPE_JSONB:
        set(node, kind, CHUNK_BYTES, PARQUET_BYTE_ARRAY, PARQUET_LOGICAL_JSON);
        break;
    case TYPE_BYTEA:
        set(node, kind, CHUNK_BYTES, PARQUET_BYTE_ARRAY, PARQUET_LOGICAL_NONE);
        break;
    case TYPE_UNKNOWN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
        set(node, kind, CHUNK_BYTES, PARQUET_BYTE_ARRAY, PARQUET_LOGICAL_STRING);
        break;
    default:
        set(node, kind, CHUNK_TEXT, PARQUET_BYTE_ARRAY, PARQUET_LOGICAL_STRING);
        break;
    }
}

Status parquet__node_of(const Field *field, const ParquetColumnOptions *options, ParquetNode *ret,
                        ChunkKind *ret_kind, Error *err)
{
    *ret = (ParquetNode){
        .name = field->name,
        .is_leaf = true,
        .repetition = field->not_null ? PARQUET_REQUIRED : PARQUET_OPTIONAL,
    };
    if (field->type.id == TYPE_VOID)
        return error_set(err, STATUS_INVALID, "column \"%.*s\" has no type that can be stored",
                         STR_FMT(field->name));
    if (field->type.is_array) {
        set(ret, ret_kind, CHUNK_TEXT, PARQUET_BYTE_ARRAY, PARQUET_LOGICAL_STRING);
        return STATUS_OK;
    }
    if (field->type.id == TYPE_NUMERIC && field->type.typmod >= 0 && !options->numeric_text &&
        decimal_node(field, ret, ret_kind) == STATUS_OK)
        return STATUS_OK;
    scalar_node(field, ret, ret_kind);
    return STATUS_OK;
}

static Status pick_layout(ChunkWriter *c, Error *err)
{
    bool is_int = c->node->physical == PARQUET_INT32 || c->node->physical == PARQUET_INT64;
    bool is_float = c->kind == CHUNK_FLOAT || c->kind == CHUNK_DOUBLE;
    bool good = true;

    switch (c->column.layout) {
    case PARQUET_LAYOUT_AUTO:
        c->layout = is_int      ? PARQUET_DELTA_BINARY_PACKED
                    : is_float  ? PARQUET_BYTE_STREAM_SPLIT
                    : !c->width ? PARQUET_DELTA_LENGTH_BYTE_ARRAY
                                : PARQUET_PLAIN;
        break;
    case PARQUET_LAYOUT_PLAIN:
        c->layout = PARQUET_PLAIN;
        break;
    case PARQUET_LAYOUT_DELTA:
        c->layout = PARQUET_DELTA_BINARY_PACKED;
        good = is_int;
        break;
    case PARQUET_LAYOUT_SPLIT:
        c->layout = PARQUET_BYTE_STREAM_SPLIT;
        good = c->width && c->kind != CHUNK_BOOL;
        break;
    case PARQUET_LAYOUT_DELTA_LENGTH:
        c->layout = PARQUET_DELTA_LENGTH_BYTE_ARRAY;
        good = !c->width;
        break;
    case PARQUET_LAYOUT_DELTA_BYTES:
        c->layout = PARQUET_DELTA_BYTE_ARRAY;
        good = !c->width;
        break;
    }
    return good ? STATUS_OK
                : error_set(err, STATUS_INVALID, "column \"%.*s\" cannot be encoded as %s",
                            STR_FMT(c->field.name), parquet_encoding_name(c->layout));
}

Status parquet__chunk_init(ChunkWriter *c, const Field *field, const ParquetNode *node,
                           ChunkKind kind, const ParquetColumnOptions *column,
                           const ParquetWriterOptions *options, Error *err)
{
    static const uint8_t widths[] = {1, 4, 8, 12, 4, 8, 0, 16};

    *c = (ChunkWriter){.options = options,
                       .column = *column,
                       .node = node,
                       .field = *field,
                       .kind = kind,
                       .width = widths[node->physical]};
    c->codec = column->own_codec ? column->codec : options->codec;
    c->level = column->own_codec ? column->level : options->level;
    c->may_dictionary =
        kind != CHUNK_BOOL && column->dictionary != PARQUET_DICTIONARY_OFF &&
        (column->dictionary == PARQUET_DICTIONARY_ON || !c->width || kind == CHUNK_UUID);
    pg_settings_init(&c->settings);
    TRY(pick_layout(c, err));
    parquet__chunk_clear(c);
    return STATUS_OK;
}

static void bound_done(ChunkBound *b)
{
    buf_done(&b->bytes);
}

void parquet__chunk_done(ChunkWriter *c)
{
    Buf *bufs[] = {&c->levels,    &c->values, &c->ends,        &c->dict_bytes, &c->dict_ends,
                   &c->dict_used, &c->pages,  &c->index_bytes, &c->hashes,     &c->plain,
                   &c->packed,    &c->text,   &c->code_map};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(bufs); i++)
        buf_done(bufs[i]);
    bound_done(&c->min);
    bound_done(&c->max);
    bound_done(&c->chunk_min);
    bound_done(&c->chunk_max);
    mem_free(c->dict_slots);
    mem_free(c->page_list);
    *c = (ChunkWriter){0};
}

static void clear_page(ChunkWriter *c)
{
    buf_clear(&c->levels);
    buf_clear(&c->values);
    buf_clear(&c->ends);
    c->rows = c->count = 0;
    c->min.known = c->max.known = false;
    c->nan_count = 0;
    c->page_epoch++;
}

static void clear_dictionary(ChunkWriter *c)
{
    buf_clear(&c->dict_bytes);
    buf_clear(&c->dict_ends);
    buf_clear(&c->dict_used);
    if (c->dict_count)
        memset(c->dict_slots, 0, c->dict_slot_count * sizeof *c->dict_slots);
    c->dict_count = 0;
    c->page_epoch = 0;
}

void parquet__chunk_clear(ChunkWriter *c)
{
    clear_dictionary(c);
    clear_page(c);
    buf_clear(&c->pages);
    buf_clear(&c->index_bytes);
    buf_clear(&c->hashes);
    c->dictionary = c->only_codes = c->may_dictionary;
    c->skip_index = false;
    c->page_count = 0;
    c->chunk_min.known = c->chunk_max.known = false;
    c->row_count = c->null_count = c->chunk_nans = c->plain_bytes = 0;
    c->encodings = 0;
}

size_t parquet__chunk_bytes(const ChunkWriter *c)
{
    return c->levels.cap + c->values.cap + c->ends.cap + c->dict_bytes.cap + c->dict_ends.cap +
           c->dict_used.cap + c->dict_slot_count * sizeof *c->dict_slots + c->pages.len +
           c->index_bytes.cap + c->hashes.cap + c->plain.cap + c->packed.cap + c->code_map.cap;
}

/* ---- dictionary ---- */

static uint32_t u32_at(const Buf *buf, uint32_t i)
{
    uint32_t value;
    memcpy(&value, buf->ptr + (size_t)i * 4, 4);
    return value;
}

static Str slice_at(const Buf *bytes, const Buf *ends, uint32_t i)
{
    uint32_t from = i ? u32_at(ends, i - 1) : 0;
    return str_make(bytes->ptr + from, u32_at(ends, i) - from);
}

static void grow_slots(ChunkWriter *c)
{
    uint32_t count = c->dict_slot_count ? c->dict_slot_count * 2 : 1024;
    uint32_t *slots = MEM_NEW_ARRAY(uint32_t, count);

    for (uint32_t i = 0; i < c->dict_count; i++) {
        uint32_t at = (uint32_t)hash_str(slice_at(&c->dict_bytes, &c->dict_ends, i)) & (count - 1);
        while (slots[at])
            at = (at + 1) & (count - 1);
        slots[at] = i + 1;
    }
    mem_free(c->dict_slots);
    c->dict_slots = slots;
    c->dict_slot_count = count;
}

static uint32_t dictionary_code(ChunkWriter *c, Str value)
{
    if ((c->dict_count + 1) * 2 > c->dict_slot_count)
        grow_slots(c);
    uint32_t mask = c->dict_slot_count - 1;
    uint32_t at = (uint32_t)hash_str(value) & mask;
    for (; c->dict_slots[at]; at = (at + 1) & mask)
        if (str_eq(slice_at(&c->dict_bytes, &c->dict_ends, c->dict_slots[at] - 1), value))
            return c->dict_slots[at] - 1;
    buf_append_str(&c->dict_bytes, value);
    buf_append_u32(&c->dict_ends, (uint32_t)c->dict_bytes.len);
    buf_append_u32(&c->dict_used, 0);
    c->dict_slots[at] = ++c->dict_count;
    return c->dict_count - 1;
}

static bool dictionary_is_full(const ChunkWriter *c)
{
    size_t max = c->options->dictionary_bytes_max;
    bool pays = c->column.dictionary == PARQUET_DICTIONARY_ON ||
                c->row_count + c->rows - c->null_count < PAYS_AFTER ||
                c->dict_count < (c->row_count + c->rows) / 2;

    return c->dict_bytes.len + 4 * (size_t)c->dict_count > max || !pays;
}

/* ---- bounds ---- */

/* INT32, INT64, FLOAT, DOUBLE, BOOL numerically; decimals as signed big-endian; bytes by memcmp. */
static int compare_fixed(const ChunkWriter *c, const void *a, const void *b)
{
    int64_t x64;
    int64_t y64;
    int32_t x32;
    int32_t y32;
    double x;
    double y;
    float xf;
    float yf;

    switch (c->node->physical) {
    case PARQUET_INT32:
        memcpy(&x32, a, 4);
        memcpy(&y32, b, 4);
        return (x32 > y32) - (x32 < y32);
    case PARQUET_INT64:
        memcpy(&x64, a, 8);
        memcpy(&y64, b, 8);
        return (x64 > y64) - (x64 < y64);
    case PARQUET_FLOAT:
        memcpy(&xf, a, 4);
        memcpy(&yf, b, 4);
        return (xf > yf) - (xf < yf);
    case PARQUET_DOUBLE:
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        return (x > y) - (x < y);
    default:
        break;
    }
    if (c->kind == CHUNK_DECIMAL) {
        int sign = (*(const int8_t *)a < 0) - (*(const int8_t *)b < 0);
        if (sign)
            return -sign;
    }
    return memcmp(a, b, c->width);
}

static bool is_nan(const ChunkWriter *c, const void *value)
{
    double d;
    float f;

    if (c->kind == CHUNK_DOUBLE) {
        memcpy(&d, value, 8);
        return d != d;
    }
    if (c->kind == CHUNK_FLOAT) {
        memcpy(&f, value, 4);
        return f != f;
    }
    return false;
}

static void widen(ChunkWriter *c, ChunkBound *min, ChunkBound *max, Str value)
{
    if (c->width) {
        if (!min->known || compare_fixed(c, value.ptr, min->fixed) < 0)
            memcpy(min->fixed, value.ptr, c->width);
        if (!max->known || compare_fixed(c, value.ptr, max->fixed) > 0)
            memcpy(max->fixed, value.ptr, c->width);
    } else {
        if (!min->known || str_cmp(value, buf_str(&min->bytes)) < 0) {
            buf_clear(&min->bytes);
            buf_append_str(&min->bytes, value);
        }
        if (!max->known || str_cmp(value, buf_str(&max->bytes)) > 0) {
            buf_clear(&max->bytes);
            buf_append_str(&max->bytes, value);
        }
    }
    min->known = max->known = true;
}

static Str bound_str(const ChunkWriter *c, const ChunkBound *b)
{
    return c->width ? str_make(b->fixed, c->width)
                    : str_make(b->bytes.ptr ? b->bytes.ptr : "", b->bytes.len);
}

#define BOUND_LOOP(ctype)                                                                          \
    do {                                                                                           \
        const ctype *in = (const ctype *)(const void *)c->values.ptr;                              \
        ctype low = in[0];                                                                         \
        ctype high = in[0];                                                                        \
        for (uint32_t i = 1; i < c->count; i++) {                                                  \
            low = LUMA_MIN(low, in[i]);                                                            \
            high = LUMA_MAX(high, in[i]);                                                          \
        }                                                                                          \
        widen(c, &c->min, &c->max, str_make(&low, sizeof low));                                    \
        widen(c, &c->min, &c->max, str_make(&high, sizeof high));                                  \
    } while (0)

/* Bounds of a page of values that are not codes; those of codes come as entries are used. */
static void find_bounds(ChunkWriter *c)
{
    if (!c->count || c->dictionary)
        return;
    if (c->node->physical == PARQUET_INT32) {
        BOUND_LOOP(int32_t);
    } else if (c->node->physical == PARQUET_INT64) {
        BOUND_LOOP(int64_t);
    } else if (c->width) {
        for (uint32_t i = 0; i < c->count; i++) {
            const char *value = c->values.ptr + (size_t)i * c->width;
            if (is_nan(c, value))
                c->nan_count++;
            else
                widen(c, &c->min, &c->max, str_make(value, c->width));
        }
    } else {
        for (uint32_t i = 0; i < c->count; i++)
            widen(c, &c->min, &c->max, slice_at(&c->values, &c->ends, i));
    }
}

/* parquet.thrift, ColumnOrder: a zero bound stands for both zeros. */
static void sign_zero(const ChunkWriter *c, ChunkBound *b, bool negative)
{
    double zero = negative ? -0.0 : 0.0;
    float zero32 = negative ? -0.0F : 0.0F;

    if (c->kind == CHUNK_DOUBLE && b->known && compare_fixed(c, b->fixed, &zero) == 0)
        memcpy(b->fixed, &zero, 8);
    if (c->kind == CHUNK_FLOAT && b->known && compare_fixed(c, b->fixed, &zero32) == 0)
        memcpy(b->fixed, &zero32, 4);
}

/* A text that is not longer than allowed and not below `s`; `s` itself when there is none. */
static Str cut_max(Str s, bool is_text, Arena *arena)
{
    if (s.len <= STAT_BYTES_MAX)
        return s;
    char *cut = arena_dup(arena, s.ptr, STAT_BYTES_MAX);
    for (size_t i = STAT_BYTES_MAX; i-- > 0;) {
        uint8_t byte = (uint8_t)cut[i];
        if (byte < (is_text ? 0x7f : 0xff)) {
            cut[i]++;
            return (Str){cut, i + 1};
        }
    }
    return s;
}

static Str cut_min(Str s, bool is_text)
{
    size_t len = LUMA_MIN(s.len, (size_t)STAT_BYTES_MAX);

    while (is_text && len < s.len && len && ((uint8_t)s.ptr[len] & 0xc0) == 0x80)
        len--;
    return str_sub(s, 0, len);
}

static bool is_text(const ChunkWriter *c)
{
    return c->node->logical == PARQUET_LOGICAL_STRING || c->node->logical == PARQUET_LOGICAL_JSON;
}

ParquetStats parquet__chunk_stats(ChunkWriter *c, Arena *arena)
{
    ParquetStats s = {
        .null_count = c->null_count,
        .distinct_count = c->only_codes && c->may_dictionary ? (int64_t)c->dict_count : -1,
        .nan_count = c->kind == CHUNK_DOUBLE || c->kind == CHUNK_FLOAT ? c->chunk_nans : -1,
    };

    if (!c->chunk_min.known)
        return s;
    sign_zero(c, &c->chunk_min, true);
    sign_zero(c, &c->chunk_max, false);
    Str min = bound_str(c, &c->chunk_min);
    Str max = bound_str(c, &c->chunk_max);
    s.has_min = s.has_max = true;
    s.min = arena_str(arena, c->width ? min : cut_min(min, is_text(c)));
    s.max = arena_str(arena, c->width ? max : cut_max(max, is_text(c), arena));
    s.min_exact = s.min.len == min.len;
    s.max_exact = str_eq(s.max, max);
    return s;
}

static void note_page(ChunkWriter *c, size_t offset, size_t bytes)
{
    ChunkPage page = {
        .at = {(int64_t)offset, (int32_t)bytes, c->row_count},
        .null_count = (int64_t)c->rows - c->count,
        .all_null = c->count == 0,
    };
    Arena scratch;

    arena_init(&scratch, NULL);
    if (c->min.known) {
        sign_zero(c, &c->min, true);
        sign_zero(c, &c->max, false);
        Str min = bound_str(c, &c->min);
        Str max = bound_str(c, &c->max);
        widen(c, &c->chunk_min, &c->chunk_max, min);
        widen(c, &c->chunk_min, &c->chunk_max, max);
        if (!c->width) {
            min = cut_min(min, is_text(c));
            max = cut_max(max, is_text(c), &scratch);
        }
        page.min_at = (uint32_t)c->index_bytes.len;
        page.min_len = (uint32_t)min.len;
        buf_append_str(&c->index_bytes, min);
        page.max_at = (uint32_t)c->index_bytes.len;
        page.max_len = (uint32_t)max.len;
        buf_append_str(&c->index_bytes, max);
    } else if (c->count) {
        c->skip_index = true;
    }
    arena_done(&scratch);
    MEM_GROW(c->page_list, c->page_cap, c->page_count + 1);
    c->page_list[c->page_count++] = page;
    c->row_count += c->rows;
    c->null_count += page.null_count;
    c->chunk_nans += c->nan_count;
}

/* ---- pages ---- */

static void put_byte_arrays(ChunkWriter *c, Buf *out)
{
    for (uint32_t i = 0; i < c->count; i++) {
        Str value = slice_at(&c->values, &c->ends, i);
        buf_append_u32(out, (uint32_t)value.len);
        buf_append_str(out, value);
    }
}

static size_t common_prefix(Str a, Str b)
{
    size_t n = LUMA_MIN(a.len, b.len);
    size_t i = 0;

    while (i < n && a.ptr[i] == b.ptr[i])
        i++;
    return i;
}

/* Lengths (and prefixes for DELTA_BYTE_ARRAY), then the bytes. */
static void put_delta_arrays(ChunkWriter *c, bool prefixes, Buf *out)
{
    int64_t *shared = MEM_NEW_ARRAY(int64_t, c->count + 1);
    int64_t *lengths = MEM_NEW_ARRAY(int64_t, c->count + 1);
    Str last = {"", 0};

    for (uint32_t i = 0; i < c->count; i++) {
        Str value = slice_at(&c->values, &c->ends, i);
        shared[i] = prefixes ? (int64_t)common_prefix(last, value) : 0;
        lengths[i] = (int64_t)value.len - shared[i];
        last = value;
    }
    if (prefixes)
        parquet__delta_put(shared, c->count, 32, out);
    parquet__delta_put(lengths, c->count, 32, out);
    for (uint32_t i = 0; i < c->count; i++) {
        Str value = slice_at(&c->values, &c->ends, i);
        buf_append_str(out, str_sub(value, (size_t)shared[i], value.len));
    }
    mem_free(shared);
    mem_free(lengths);
}

static void put_deltas(ChunkWriter *c, Buf *out)
{
    if (c->width == 8) {
        parquet__delta_put((const int64_t *)(const void *)c->values.ptr, c->count, 64, out);
        return;
    }
    int64_t *wide = MEM_NEW_ARRAY(int64_t, c->count + 1);
    const int32_t *in = (const int32_t *)(const void *)c->values.ptr;
    for (uint32_t i = 0; i < c->count; i++)
        wide[i] = in[i];
    parquet__delta_put(wide, c->count, 32, out);
    mem_free(wide);
}

static void put_bits(ChunkWriter *c, Buf *out)
{
    for (uint32_t i = 0; i < c->count; i += 8) {
        uint8_t byte = 0;
        for (uint32_t b = 0; b < 8 && i + b < c->count; b++)
            byte |= (uint8_t)(c->values.ptr[i + b] << b);
        buf_append_byte(out, byte);
    }
}

static void put_values(ChunkWriter *c, Buf *out)
{
    if (c->dictionary) {
        uint32_t width = parquet__bit_width(c->dict_count ? c->dict_count - 1 : 0);
        buf_append_byte(out, (uint8_t)width);
        parquet__hybrid_put((const uint32_t *)(const void *)c->values.ptr, c->count, width, out);
    } else if (c->layout == PARQUET_DELTA_BINARY_PACKED) {
        put_deltas(c, out);
    } else if (c->layout == PARQUET_BYTE_STREAM_SPLIT) {
        parquet__split_put(c->values.ptr, c->count, c->width, out);
    } else if (c->layout == PARQUET_DELTA_LENGTH_BYTE_ARRAY) {
        put_delta_arrays(c, false, out);
    } else if (c->layout == PARQUET_DELTA_BYTE_ARRAY) {
        put_delta_arrays(c, true, out);
    } else if (c->kind == CHUNK_BOOL) {
        put_bits(c, out);
    } else if (c->width) {
        buf_append(out, c->values.ptr, c->values.len);
    } else {
        put_byte_arrays(c, out);
    }
}

/* Definition levels; version 1 tells their length. */
static size_t put_levels(ChunkWriter *c, Buf *out)
{
    if (!c->node->def_max)
        return 0;
    size_t at = out->len;
    if (!c->options->page_v2)
        buf_append_u32(out, 0);
    parquet__hybrid_put((const uint32_t *)(const void *)c->levels.ptr, c->rows, 1, out);
    uint32_t len = (uint32_t)(out->len - at);
    if (!c->options->page_v2) {
        len -= 4;
        memcpy(out->ptr + at, &len, 4);
    }
    return len;
}

/* Appends header and bytes of a page; `level_bytes` in front of c->plain stay as they are. */
static Status put_page(ChunkWriter *c, ParquetPageHeader *h, size_t level_bytes, Buf *out,
                       Error *err)
{
    Str plain = buf_str(&c->plain);

    buf_clear(&c->packed);
    buf_append(&c->packed, plain.ptr, level_bytes);
    TRY(parquet__compress(c->codec, c->level, str_sub(plain, level_bytes, plain.len), &c->packed,
                          err));
    h->packed = c->codec != PARQUET_UNCOMPRESSED;
    if (plain.len > PARQUET_PAGE_BYTES_MAX || c->packed.len > PARQUET_PAGE_BYTES_MAX)
        return error_set(err, STATUS_LIMIT, "parquet: a page of column \"%.*s\" exceeds %d bytes",
                         STR_FMT(c->field.name), PARQUET_PAGE_BYTES_MAX);
    h->plain_bytes = (int32_t)plain.len;
    h->packed_bytes = (int32_t)c->packed.len;
    h->has_crc = true;
    h->crc = (uint32_t)crc32_z(0, (const uint8_t *)c->packed.ptr, c->packed.len);
    size_t before = out->len;
    parquet_page_header_encode(h, out);
    c->plain_bytes += (int64_t)(out->len - before) + h->plain_bytes;
    buf_append_str(out, buf_str(&c->packed));
    c->encodings |= 1u << h->encoding;
    return STATUS_OK;
}

static void keep_hashes(ChunkWriter *c)
{
    if (!c->column.bloom || c->dictionary)
        return;
    for (uint32_t i = 0; i < c->count; i++) {
        Str value = c->width ? str_make(c->values.ptr + (size_t)i * c->width, c->width)
                             : slice_at(&c->values, &c->ends, i);
        buf_append_u64(&c->hashes, parquet_bloom_hash(value));
    }
}

Status parquet__chunk_end_page(ChunkWriter *c, Error *err)
{
    ParquetPageHeader h = {
        .type = c->options->page_v2 ? PARQUET_DATA_PAGE_V2 : PARQUET_DATA_PAGE,
        .value_count = (int32_t)c->rows,
        .row_count = (int32_t)c->rows,
        .null_count = (int32_t)(c->rows - c->count),
        .encoding = c->dictionary ? PARQUET_RLE_DICTIONARY : c->layout,
        .def_encoding = PARQUET_RLE,
        .rep_encoding = PARQUET_RLE,
    };
    size_t offset = c->pages.len;

    if (!c->rows)
        return STATUS_OK;
    find_bounds(c);
    keep_hashes(c);
    buf_clear(&c->plain);
    size_t level_bytes = put_levels(c, &c->plain);
    h.def_bytes = (int32_t)level_bytes;
    put_values(c, &c->plain);
    TRY(put_page(c, &h, c->options->page_v2 ? level_bytes : 0, &c->pages, err));
    c->encodings |= 1u << PARQUET_RLE;
    c->only_codes &= c->dictionary;
    note_page(c, offset, c->pages.len - offset);
    clear_page(c);
    if (c->dictionary && dictionary_is_full(c))
        c->dictionary = false;
    return STATUS_OK;
}

Status parquet__chunk_dictionary_page(ChunkWriter *c, Buf *out, Error *err)
{
    ParquetPageHeader h = {
        .type = PARQUET_DICTIONARY_PAGE,
        .value_count = (int32_t)c->dict_count,
        .encoding = PARQUET_PLAIN,
    };

    if (!(c->encodings >> PARQUET_RLE_DICTIONARY & 1))
        return STATUS_OK;
    buf_clear(&c->plain);
    for (uint32_t i = 0; i < c->dict_count; i++) {
        Str value = slice_at(&c->dict_bytes, &c->dict_ends, i);
        if (!c->width)
            buf_append_u32(&c->plain, (uint32_t)value.len);
        buf_append_str(&c->plain, value);
    }
    return put_page(c, &h, 0, out, err);
}

void parquet__chunk_bloom(ChunkWriter *c, Buf *out)
{
    uint64_t count = c->hashes.len / 8 + c->dict_count;
    uint32_t bytes = parquet_bloom_size(count);

    if (!c->column.bloom)
        return;
    parquet_bloom_header_encode(bytes, out);
    char *bits = buf_reserve(out, bytes);
    memset(bits, 0, bytes);
    for (uint32_t i = 0; i < c->dict_count; i++)
        parquet_bloom_add((uint8_t *)bits, bytes,
                          parquet_bloom_hash(slice_at(&c->dict_bytes, &c->dict_ends, i)));
    for (size_t i = 0; i < c->hashes.len / 8; i++) {
        uint64_t hash;
        memcpy(&hash, c->hashes.ptr + i * 8, 8);
        parquet_bloom_add((uint8_t *)bits, bytes, hash);
    }
    out->len += bytes;
}

/* ---- values in ---- */

static void put_code(ChunkWriter *c, uint32_t code)
{
    uint32_t used = u32_at(&c->dict_used, code);

    if (used != c->page_epoch) {
        Str value = slice_at(&c->dict_bytes, &c->dict_ends, code);
        memcpy(c->dict_used.ptr + (size_t)code * 4, &c->page_epoch, 4);
        if (!is_nan(c, value.ptr))
            widen(c, &c->min, &c->max, value);
    }
    if (is_nan(c, c->width ? slice_at(&c->dict_bytes, &c->dict_ends, code).ptr : ""))
        c->nan_count++;
    buf_append_u32(&c->values, code);
    c->count++;
}

static void put_value(ChunkWriter *c, Str value)
{
    if (c->dictionary) {
        put_code(c, dictionary_code(c, value));
        return;
    }
    buf_append_str(&c->values, value);
    if (!c->width)
        buf_append_u32(&c->ends, (uint32_t)c->values.len);
    c->count++;
}

static Status bad_decimal(const ChunkWriter *c, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22003", 0,
                         "column \"%.*s\": a value does not fit decimal(%d, %d)",
                         STR_FMT(c->field.name), c->node->precision, c->node->scale);
}

/* The numeric times 10^scale, by its digits. */
static Status unscaled(ChunkWriter *c, const View *n, Int128 *ret, Error *err)
{
    Int128 value = 0;
    int after = -1;
    int64_t small;
    int scale;

    if (numeric_is_small(n, &small, &scale) && scale == c->node->scale) {
        *ret = small;
        return STATUS_OK;
    }
    if (numeric_is_nan(n) || numeric_is_infinite(n))
        return bad_decimal(c, err);
    buf_clear(&c->text);
    numeric_append_text(n, &c->text);
    bool negative = c->text.len && c->text.ptr[0] == '-';
    for (size_t i = negative; i < c->text.len; i++) {
        char ch = c->text.ptr[i];
        if (ch == '.') {
            after = 0;
            continue;
        }
        if (after == c->node->scale && ch != '0')
            return bad_decimal(c, err);
        if (after == c->node->scale)
            continue;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, ch - '0', &value))
            return bad_decimal(c, err);
        after += after >= 0;
    }
    for (after = LUMA_MAX(after, 0); after < c->node->scale; after++)
        if (__builtin_mul_overflow(value, 10, &value))
            return bad_decimal(c, err);
    *ret = negative ? -value : value;
    return STATUS_OK;
}

static Status put_decimal(ChunkWriter *c, const View *n, Error *err)
{
    uint8_t bytes[16];
    Int128 value;

    TRY(unscaled(c, n, &value, err));
    if ((c->width == 4 && value != (int32_t)value) || (c->width == 8 && value != (int64_t)value))
        return bad_decimal(c, err);
    Uint128 bits = (Uint128)value;
    for (uint32_t i = 0; i < c->width; i++) {
        uint32_t shift = 8 * (c->width == 16 ? 15 - i : i);
        bytes[i] = (uint8_t)(bits >> shift);
    }
    put_value(c, str_make(bytes, c->width));
    return STATUS_OK;
}

static Status put_row(ChunkWriter *c, const Column *column, uint32_t row, Error *err)
{
    const Column *at;
    uint8_t bit;
    int32_t narrow;

    switch (c->kind) {
    case CHUNK_BOOL:
        bit = column_bool(column, row);
        put_value(c, str_make(&bit, 1));
        break;
    case CHUNK_INT32:
        narrow = (int32_t)column_i64(column, row);
        put_value(c, str_make(&narrow, 4));
        break;
    case CHUNK_INT64:
    case CHUNK_FLOAT:
    case CHUNK_DOUBLE:
    case CHUNK_UUID:
        put_value(c, str_make(column_at_(column, row, c->width, &at), c->width));
        break;
    case CHUNK_DECIMAL:
        return put_decimal(c, column_at_(column, row, sizeof(View), &at), err);
    case CHUNK_BYTES:
        put_value(c, view_str(column_at_(column, row, sizeof(View), &at)));
        break;
    case CHUNK_TEXT:
        buf_clear(&c->text);
        pgtype_append_text(column, row, &c->settings, &c->text);
        put_value(c, buf_str(&c->text));
        break;
    }
    return STATUS_OK;
}

/* Codes of a dictionary column: each entry is looked up once a call. */
static Status put_mapped(ChunkWriter *c, const Column *column, uint32_t row, Error *err)
{
    uint32_t code = ((const uint32_t *)column->values)[column_slot(column, row)];
    uint32_t mapped = u32_at(&c->code_map, code);

    if (!mapped) {
        TRY(put_row(c, column, row, err));
        mapped = u32_at(&c->values, c->count - 1) + 1;
        memcpy(c->code_map.ptr + (size_t)code * 4, &mapped, 4);
        return STATUS_OK;
    }
    put_code(c, mapped - 1);
    return STATUS_OK;
}

static bool is_plain_fixed(const ChunkWriter *c, const Column *column)
{
    return !c->dictionary && c->width > 1 && !column->validity && !column->dict &&
           !column->is_const && c->kind != CHUNK_DECIMAL &&
           layout_width(type_layout(column->type)) == c->width;
}

static void reset_map(ChunkWriter *c, const Column *column)
{
    size_t bytes = column->dict ? (size_t)column->dict->len * 4 : 0;

    buf_clear(&c->code_map);
    if (bytes)
        memset(buf_reserve(&c->code_map, bytes), 0, bytes);
}

Status parquet__chunk_append(ChunkWriter *c, const Column *column, uint32_t from, uint32_t n,
                             Error *err)
{
    if (c->dictionary && column->dict)
        reset_map(c, column);
    while (n) {
        uint32_t take = LUMA_MIN(n, c->options->page_rows - c->rows);
        if (is_plain_fixed(c, column)) {
            buf_append(&c->values, (const char *)column->values + (size_t)from * c->width,
                       (size_t)take * c->width);
            c->count += take;
            for (uint32_t i = 0; c->node->def_max && i < take; i++)
                buf_append_u32(&c->levels, 1);
        } else {
            for (uint32_t i = 0; i < take; i++) {
                bool null = column_is_null(column, from + i);
                if (null && !c->node->def_max)
                    return error_set_sql(err, STATUS_INVALID, "23502", 0,
                                         "null value in column \"%.*s\"", STR_FMT(c->field.name));
                if (c->node->def_max)
                    buf_append_u32(&c->levels, !null);
                if (!null && c->dictionary && column->dict)
                    TRY(put_mapped(c, column, from + i, err));
                else if (!null)
                    TRY(put_row(c, column, from + i, err));
                size_t staged = c->dictionary ? c->dict_bytes.len : c->values.len;
                if (staged >=
                    (c->dictionary ? c->options->dictionary_bytes_max : c->options->page_bytes))
                    take = i + 1;
            }
        }
        c->rows += take;
        from += take;
        n -= take;
        bool full = c->rows == c->options->page_rows || c->values.len >= c->options->page_bytes ||
                    (c->dictionary && dictionary_is_full(c));
        if (full)
            TRY(parquet__chunk_end_page(c, err));
    }
    return STATUS_OK;
}

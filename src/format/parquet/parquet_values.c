/* parquet_values.c - the values of one data page, in any encoding. */
#include "format/parquet/parquet_int.h"

enum {
    CHUNK = 256,                  /* values decoded at a time where they are narrowed */
    LENGTHS_MAX = 1 << 24,        /* byte arrays in a page of the DELTA encodings */
    JOINED_BYTES_MAX = 256 << 20, /* bytes of DELTA_BYTE_ARRAY values in one call */
};

static Status corrupt(Error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "parquet: page ends early or is malformed (%s)", what);
}

static uint32_t width_of(const ParquetNode *node)
{
    static const uint8_t widths[] = {1, 4, 8, 12, 4, 8, 0, 0};
    return node->physical == PARQUET_FIXED ? (uint32_t)node->fixed_bytes : widths[node->physical];
}

void parquet__values_done(PageValues *v)
{
    mem_free(v->lengths);
    mem_free(v->prefixes);
    buf_done(&v->last_bytes);
    *v = (PageValues){0};
}

/* All values of a DELTA_BINARY_PACKED stream of lengths; advances *at behind it. */
static Status read_lengths(const uint8_t **at, const uint8_t *end, int32_t **ret,
                           uint64_t *ret_count, Error *err)
{
    CLEANUP(mem_freep) int32_t *lengths = NULL;
    int64_t chunk[CHUNK];
    size_t cap = 0;
    size_t count = 0;
    Delta d;

    if (!parquet__delta_open(&d, str_make(*at, (size_t)(end - *at))) || d.left > LENGTHS_MAX)
        return corrupt(err, "lengths");
    while (d.left) {
        size_t n = parquet__delta_get(&d, chunk, CHUNK);
        if (!n)
            return corrupt(err, "lengths");
        MEM_GROW(lengths, cap, count + n);
        for (size_t i = 0; i < n; i++) {
            if (chunk[i] < 0 || chunk[i] > INT32_MAX)
                return corrupt(err, "lengths");
            lengths[count++] = (int32_t)chunk[i];
        }
    }
    *at = parquet__delta_end(&d);
    *ret = STEAL(lengths);
    *ret_count = count;
    return STATUS_OK;
}

static Status open_codes(PageValues *v, Error *err)
{
    if (v->at == v->end) {
        v->codes = parquet__hybrid((Str){"", 0}, 0);
        return STATUS_OK;
    }
    uint32_t width = *v->at++;
    if (width > 32)
        return corrupt(err, "bit width of codes");
    v->codes = parquet__hybrid(str_make(v->at, (size_t)(v->end - v->at)), width);
    return STATUS_OK;
}

static Status open_rle_booleans(PageValues *v, Error *err)
{
    uint32_t len = 0;

    if (v->end - v->at < 4)
        return corrupt(err, "booleans");
    memcpy(&len, v->at, 4);
    v->at += 4;
    if (len > (size_t)(v->end - v->at))
        return corrupt(err, "booleans");
    v->codes = parquet__hybrid(str_make(v->at, len), 1);
    return STATUS_OK;
}

static Status open_prefixes(PageValues *v, Error *err)
{
    uint64_t prefix_count = 0;

    TRY(read_lengths(&v->at, v->end, &v->prefixes, &prefix_count, err));
    TRY(read_lengths(&v->at, v->end, &v->lengths, &v->length_count, err));
    return prefix_count == v->length_count ? STATUS_OK : corrupt(err, "prefixes");
}

Status parquet__values_open(PageValues *v, const ParquetNode *node, ParquetEncoding encoding,
                            Str bytes, uint32_t value_count, Error *err)
{
    bool is_bytes = node->physical == PARQUET_BYTE_ARRAY;
    bool is_int = node->physical == PARQUET_INT32 || node->physical == PARQUET_INT64;
    bool good = false;

    parquet__values_done(v);
    if (encoding == PARQUET_PLAIN_DICTIONARY)
        encoding = PARQUET_RLE_DICTIONARY;
    v->physical = node->physical;
    v->encoding = encoding;
    v->width = width_of(node);
    v->begin = v->at = (const uint8_t *)bytes.ptr;
    v->end = v->at + bytes.len;
    switch (encoding) {
    case PARQUET_PLAIN:
        return STATUS_OK;
    case PARQUET_RLE_DICTIONARY:
        return open_codes(v, err);
    case PARQUET_RLE:
        if (node->physical == PARQUET_BOOLEAN)
            return open_rle_booleans(v, err);
        break;
    case PARQUET_DELTA_BINARY_PACKED:
        good = is_int;
        if (good && !bytes.len && !value_count)
            return STATUS_OK;
        if (good && !parquet__delta_open(&v->delta, bytes))
            return corrupt(err, "deltas");
        break;
    case PARQUET_DELTA_LENGTH_BYTE_ARRAY:
        if (is_bytes)
            return read_lengths(&v->at, v->end, &v->lengths, &v->length_count, err);
        break;
    case PARQUET_DELTA_BYTE_ARRAY:
        if (is_bytes || node->physical == PARQUET_FIXED)
            return open_prefixes(v, err);
        break;
    case PARQUET_BYTE_STREAM_SPLIT:
        good = !is_bytes && node->physical != PARQUET_BOOLEAN && v->width;
        break;
    case PARQUET_PLAIN_DICTIONARY:
    case PARQUET_BIT_PACKED:
        break;
    }
    return good ? STATUS_OK
                : error_set(err, STATUS_UNSUPPORTED, "parquet: encoding %d (%s) of %s values",
                            (int)encoding, parquet_encoding_name(encoding),
                            parquet_physical_name(node->physical));
}

Status parquet__values_codes(PageValues *v, uint32_t *dst, size_t n, Error *err)
{
    return parquet__hybrid_get(&v->codes, dst, n) == n ? STATUS_OK : corrupt(err, "codes");
}

/* ---- fixed width ---- */

static Status take_booleans(PageValues *v, uint8_t *dst, size_t n, Error *err)
{
    uint32_t chunk[CHUNK + 8];

    if (v->encoding == PARQUET_PLAIN) {
        if ((uint64_t)(v->end - v->begin) * 8 < v->pos + n)
            return corrupt(err, "booleans");
        for (size_t i = 0; i < n; i++)
            dst[i] = bit_get(v->begin, (size_t)v->pos + i);
        return STATUS_OK;
    }
    for (size_t done = 0; done < n;) {
        size_t take = LUMA_MIN(n - done, (size_t)CHUNK);
        TRY(parquet__values_codes(v, chunk, take, err));
        for (size_t i = 0; i < take; i++)
            dst[done + i] = (uint8_t)chunk[i];
        done += take;
    }
    return STATUS_OK;
}

static Status take_deltas(PageValues *v, void *dst, size_t n, Error *err)
{
    int64_t chunk[CHUNK];

    if (v->width == 8)
        return parquet__delta_get(&v->delta, dst, n) == n ? STATUS_OK : corrupt(err, "deltas");
    for (size_t done = 0; done < n;) {
        size_t take = LUMA_MIN(n - done, (size_t)CHUNK);
        int32_t *to = (int32_t *)dst + done;
        if (parquet__delta_get(&v->delta, chunk, take) != take)
            return corrupt(err, "deltas");
        for (size_t i = 0; i < take; i++)
            to[i] = (int32_t)chunk[i];
        done += take;
    }
    return STATUS_OK;
}

/* FIXED as DELTA_BYTE_ARRAY. */
static Status take_fixed_views(PageValues *v, uint8_t *dst, size_t n, Arena *arena, Error *err)
{
    View views[CHUNK];

    for (size_t done = 0; done < n;) {
        size_t take = LUMA_MIN(n - done, (size_t)CHUNK);
        TRY(parquet__values_bytes(v, views, take, arena, err));
        for (size_t i = 0; i < take; i++) {
            if (views[i].len != v->width)
                return corrupt(err, "fixed length");
            memcpy(dst + (done + i) * v->width, view_str(&views[i]).ptr, v->width);
        }
        done += take;
    }
    return STATUS_OK;
}

Status parquet__values_fixed(PageValues *v, void *dst, size_t n, Arena *arena, Error *err)
{
    size_t bytes = n * v->width;

    if (v->physical == PARQUET_BOOLEAN) {
        TRY(take_booleans(v, dst, n, err));
    } else if (v->encoding == PARQUET_PLAIN) {
        if (bytes > (size_t)(v->end - v->at))
            return corrupt(err, "plain values");
        if (bytes)
            memcpy(dst, v->at, bytes);
        v->at += bytes;
    } else if (v->encoding == PARQUET_BYTE_STREAM_SPLIT) {
        size_t total = (size_t)(v->end - v->begin) / v->width;
        if (v->pos + n > total)
            return corrupt(err, "split values");
        parquet__split_get(v->begin, total, v->width, (size_t)v->pos, n, dst);
    } else if (v->encoding == PARQUET_DELTA_BINARY_PACKED) {
        TRY(take_deltas(v, dst, n, err));
    } else {
        return take_fixed_views(v, dst, n, arena, err);
    }
    v->pos += n;
    return STATUS_OK;
}

/* ---- byte arrays ---- */

static Status take_plain_bytes(PageValues *v, View *dst, size_t n, Error *err)
{
    const uint8_t *at = v->at;

    for (size_t i = 0; i < n; i++) {
        uint32_t len;
        if (v->end - at < 4)
            return corrupt(err, "byte array");
        memcpy(&len, at, 4);
        at += 4;
        if (len > (size_t)(v->end - at))
            return corrupt(err, "byte array");
        dst[i] = view_make((const char *)at, len);
        at += len;
    }
    v->at = at;
    return STATUS_OK;
}

static Status take_lengths(PageValues *v, View *dst, size_t n, Error *err)
{
    if (n > v->length_count - v->pos)
        return corrupt(err, "byte arrays");
    for (size_t i = 0; i < n; i++) {
        size_t len = (size_t)v->lengths[v->pos + i];
        if (len > (size_t)(v->end - v->at))
            return corrupt(err, "byte array");
        dst[i] = view_make((const char *)v->at, len);
        v->at += len;
    }
    return STATUS_OK;
}

/* Values are joined in the arena; the last one is kept for the next call. */
static Status take_joined(PageValues *v, View *dst, size_t n, Arena *arena, Error *err)
{
    size_t total = 0;
    size_t last_len = v->last.len;
    char *to;

    if (n > v->length_count - v->pos)
        return corrupt(err, "byte arrays");
    for (size_t i = 0; i < n; i++) {
        size_t prefix = (size_t)v->prefixes[v->pos + i];
        if (prefix > last_len)
            return corrupt(err, "prefix");
        last_len = prefix + (size_t)v->lengths[v->pos + i];
        total += last_len;
        if (total > JOINED_BYTES_MAX)
            return error_set(err, STATUS_LIMIT, "parquet: byte arrays of more than %d bytes",
                             JOINED_BYTES_MAX);
    }
    TRY(arena_try_alloc(arena, total + 1, &to, err));
    for (size_t i = 0; i < n; i++) {
        size_t prefix = (size_t)v->prefixes[v->pos + i];
        size_t suffix = (size_t)v->lengths[v->pos + i];
        if (suffix > (size_t)(v->end - v->at))
            return corrupt(err, "byte array");
        if (prefix)
            memcpy(to, v->last.ptr, prefix);
        if (suffix)
            memcpy(to + prefix, v->at, suffix);
        v->at += suffix;
        v->last = (Str){to, prefix + suffix};
        dst[i] = view_make(to, prefix + suffix);
        to += prefix + suffix;
    }
    Buf kept = {0};
    buf_append_str(&kept, v->last);
    buf_done(&v->last_bytes);
    v->last_bytes = kept;
    v->last = buf_str(&v->last_bytes);
    return STATUS_OK;
}

Status parquet__values_bytes(PageValues *v, View *dst, size_t n, Arena *arena, Error *err)
{
    if (v->encoding == PARQUET_PLAIN)
        TRY(take_plain_bytes(v, dst, n, err));
    else if (v->encoding == PARQUET_DELTA_LENGTH_BYTE_ARRAY)
        TRY(take_lengths(v, dst, n, err));
    else
        TRY(take_joined(v, dst, n, arena, err));
    v->pos += n;
    return STATUS_OK;
}

Status parquet__values_skip(PageValues *v, size_t n, Arena *scratch, Error *err)
{
    uint64_t raw[CHUNK];
    View views[CHUNK];

    if (parquet__values_are_codes(v))
        return parquet__hybrid_skip(&v->codes, n) == n ? STATUS_OK : corrupt(err, "codes");
    if (v->physical != PARQUET_BYTE_ARRAY &&
        (v->encoding == PARQUET_PLAIN || v->encoding == PARQUET_BYTE_STREAM_SPLIT)) {
        bool split = v->encoding == PARQUET_BYTE_STREAM_SPLIT || v->physical == PARQUET_BOOLEAN;
        if (!split && n * v->width > (size_t)(v->end - v->at))
            return corrupt(err, "plain values");
        v->at += split ? 0 : n * v->width;
        v->pos += n;
        return STATUS_OK;
    }
    for (size_t done = 0; done < n;) {
        size_t take = LUMA_MIN(n - done, (size_t)CHUNK);
        if (v->physical == PARQUET_BYTE_ARRAY || v->encoding == PARQUET_DELTA_BYTE_ARRAY)
            TRY(parquet__values_bytes(v, views, take, scratch, err));
        else
            TRY(parquet__values_fixed(v, raw, take, scratch, err));
        done += take;
    }
    return STATUS_OK;
}

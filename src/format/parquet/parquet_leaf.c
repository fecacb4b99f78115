/* parquet_leaf.c - one leaf column of one row group: pages, levels, and the values between.
 *
 * Pages come one after another through a window of bytes read ahead. What batches point into (page
 * bytes, dictionaries) is counted by references: the reader holds one, every batch's arena another.
 */
#include "format/parquet/parquet_int.h"

#include <zlib.h>

enum {
    SLACK = 32, /* bytes behind page bytes that may be read */
    WINDOW_BYTES = 256 << 10,
    HEADER_BYTES_MAX = 16 << 20,
    AHEAD = 512,           /* levels taken from a page at a time */
    ENTRIES_MAX = 1 << 26, /* entries of one call */
};

/* Bytes of a page, or a dictionary with its values. */
typedef struct Shared {
    int64_t refs; /* atomic */
    MemBudget *budget;
    int64_t bytes_charged;
    char *bytes;
    Arena arena; /* of a dictionary's column */
    Column column;
} Shared;

struct LeafReader {
    const ParquetFile *file;
    const ParquetNode *node;
    const ParquetChunk *chunk;
    const ParquetPageIndex *index;
    MemBudget *budget;
    Convert convert;
    uint32_t leaf;
    bool verify_crc;
    int64_t group_rows;
    uint64_t offset;     /* of the next page's header */
    uint64_t end;        /* of the chunk */
    int64_t values_left; /* in pages not opened yet; INT64_MAX = to the end of the chunk */
    int64_t row;         /* rows taken */
    char *window;
    size_t window_cap;
    uint64_t window_offset;
    size_t window_len;
    Shared *page;
    Shared *dict;
    uint32_t page_left; /* entries of the page not taken */
    Hybrid def;
    Hybrid rep;
    PageValues values;
    uint32_t ahead_def[AHEAD + 8];
    uint32_t ahead_rep[AHEAD + 8];
    uint32_t ahead_at;
    uint32_t ahead_len;
};

static Status malformed(const LeafReader *r, Error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "parquet: column \"%.*s\": %s", STR_FMT(r->node->name),
                     what);
}

static void shared_unref(void *ctx)
{
    Shared *s = ctx;

    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
        return;
    if (s->budget)
        mem_budget_release(s->budget, s->bytes_charged);
    arena_done(&s->arena);
    mem_free(s->bytes);
    mem_free(s);
}

static Status shared_new(LeafReader *r, size_t len, Shared **ret, Error *err)
{
    if (r->budget)
        TRY(mem_budget_charge(r->budget, (int64_t)(len + SLACK), err));
    Shared *s = MEM_NEW(Shared);
    s->refs = 1;
    s->budget = r->budget;
    s->bytes_charged = (int64_t)(len + SLACK);
    s->bytes = mem_alloc(len + SLACK);
    memset(s->bytes + len, 0, SLACK);
    arena_init(&s->arena, r->budget);
    *ret = s;
    return STATUS_OK;
}

/* The arena holds on to it from now on. */
static void shared_keep(Shared *s, Arena *arena)
{
    if (!s)
        return;
    (void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    arena_on_cleanup(arena, shared_unref, s);
}

LeafReader *parquet__leaf_new(const ParquetFile *file, uint32_t leaf, bool verify_crc,
                              MemBudget *budget)
{
    LeafReader *r = MEM_NEW(LeafReader);

    r->file = file;
    r->leaf = leaf;
    r->node = &file->meta.nodes[file->meta.leaf_nodes[leaf]];
    r->convert = parquet__convert_of(r->node);
    r->verify_crc = verify_crc;
    r->budget = budget;
    return r;
}

static void drop_pages(LeafReader *r)
{
    shared_unref(r->page);
    shared_unref(r->dict);
    r->page = r->dict = NULL;
    parquet__values_done(&r->values);
    r->page_left = 0;
    r->ahead_at = r->ahead_len = 0;
}

LeafReader *parquet__leaf_free(LeafReader *r)
{
    if (r) {
        drop_pages(r);
        mem_free(r->window);
        mem_free(r);
    }
    return NULL;
}

/* ---- bytes of the chunk ---- */

/* Borrows up to `want` bytes at `offset` (fewer at the chunk's end) until the next call. */
static Status fetch(LeafReader *r, uint64_t offset, size_t want, Str *ret, Error *err)
{
    const ParquetSource *source = &r->file->source;
    size_t left = (size_t)LUMA_MIN(r->end - offset, (uint64_t)SIZE_MAX / 2);

    want = LUMA_MIN(want, left);
    if (source->mapped) {
        *ret = str_make(source->mapped + offset, want);
        return STATUS_OK;
    }
    uint64_t skip = offset - r->window_offset;
    if (offset < r->window_offset || skip > r->window_len || want > r->window_len - skip) {
        size_t ahead = source->read_bytes ? source->read_bytes : WINDOW_BYTES;
        size_t len = LUMA_MIN(LUMA_MAX(want, ahead), left);
        if (len > r->window_cap) {
            mem_free(r->window);
            r->window = mem_alloc(len);
            r->window_cap = len;
        }
        r->window_len = 0;
        TRY(source->read(source->ctx, offset, r->window, len, err));
        r->window_offset = offset;
        r->window_len = len;
        skip = 0;
    }
    *ret = str_make(r->window + skip, want);
    return STATUS_OK;
}

static Status read_header(LeafReader *r, ParquetPageHeader *h, Error *err)
{
    size_t want = 512;
    size_t len = 0;
    Str bytes;

    for (;; want *= 8) {
        TRY(fetch(r, r->offset, want, &bytes, err));
        if (parquet_page_header_decode(bytes, h, &len))
            break;
        if (bytes.len < want || want > HEADER_BYTES_MAX)
            return malformed(r, err, "malformed page header");
    }
    r->offset += len;
    if ((uint64_t)h->packed_bytes > r->end - r->offset)
        return malformed(r, err, "page longer than its column");
    return STATUS_OK;
}

/* The page's bytes as stored, checked. */
static Status read_packed(LeafReader *r, const ParquetPageHeader *h, Str *ret, Error *err)
{
    TRY(fetch(r, r->offset, (size_t)h->packed_bytes, ret, err));
    if (r->verify_crc && h->has_crc) {
        uint32_t crc = (uint32_t)crc32_z(0, (const uint8_t *)ret->ptr, ret->len);
        if (crc != h->crc)
            return error_set(err, STATUS_CORRUPT,
                             "parquet: column \"%.*s\": page at byte %llu fails its checksum",
                             STR_FMT(r->node->name), (unsigned long long)r->offset);
    }
    r->offset += (uint64_t)h->packed_bytes;
    return STATUS_OK;
}

/* Decompresses `packed`, which follows `level_bytes` of levels that are never compressed. */
static Status unpack_page(LeafReader *r, const ParquetPageHeader *h, Str packed, size_t level_bytes,
                          Str *ret, Shared **ret_page, Error *err)
{
    bool plain =
        r->chunk->codec == PARQUET_UNCOMPRESSED || (h->type == PARQUET_DATA_PAGE_V2 && !h->packed);
    size_t plain_len = (size_t)h->plain_bytes;
    Shared *page = NULL;

    if (plain && r->file->source.mapped) {
        *ret = packed;
        *ret_page = NULL;
        return STATUS_OK;
    }
    if (plain)
        plain_len = packed.len;
    TRY(shared_new(r, plain_len, &page, err));
    if (level_bytes)
        memcpy(page->bytes, packed.ptr, level_bytes);
    Str values = str_sub(packed, level_bytes, packed.len);
    Status status = STATUS_OK;
    /* A page of nulls only may have no compressed bytes at all. */
    if (plain_len > level_bytes || values.len)
        status = parquet__decompress(plain ? PARQUET_UNCOMPRESSED : r->chunk->codec, values,
                                     page->bytes + level_bytes, plain_len - level_bytes, err);
    if (status != STATUS_OK) {
        shared_unref(page);
        error_prefix(err, "parquet: column \"%.*s\"", STR_FMT(r->node->name));
        return status;
    }
    *ret = str_make(page->bytes, plain_len);
    *ret_page = page;
    return STATUS_OK;
}

/* ---- dictionaries ---- */

static Status fill_dictionary(LeafReader *r, Shared *dict, Str bytes, uint32_t n, Error *err)
{
    PageValues values = {0};
    void *raw;
    size_t width = r->convert.width ? r->convert.width : sizeof(View);

    /* Every value but a fixed one of no bytes takes some. */
    if (n > bytes.len * 8 && width)
        return malformed(r, err, "more dictionary values than bytes");
    TRY(column_init(&dict->column, &dict->arena, r->convert.type, n, false, err));
    TRY(arena_try_alloc(&dict->arena, width * n + 1, &raw, err));
    if (parquet__convert_in_place(&r->convert) && r->convert.kind != CONVERT_BOOL)
        raw = column_values(&dict->column);
    TRY(parquet__values_open(&values, r->node, PARQUET_PLAIN, bytes, n, err));
    Status status = r->node->physical == PARQUET_BYTE_ARRAY
                        ? parquet__values_bytes(&values, raw, n, &dict->arena, err)
                        : parquet__values_fixed(&values, raw, n, &dict->arena, err);
    parquet__values_done(&values);
    TRY(status);
    return parquet__convert(&r->convert, raw, n, column_values(&dict->column), &dict->arena, err);
}

static Status open_dictionary(LeafReader *r, const ParquetPageHeader *h, Error *err)
{
    Shared *dict = NULL;
    Str packed;
    Str bytes;

    if (r->dict || (h->encoding != PARQUET_PLAIN && h->encoding != PARQUET_PLAIN_DICTIONARY))
        return malformed(r, err, "unexpected dictionary page");
    if (r->node->physical == PARQUET_BOOLEAN)
        return malformed(r, err, "dictionary of booleans");
    TRY(read_packed(r, h, &packed, err));
    TRY(unpack_page(r, h, packed, 0, &bytes, &dict, err));
    if (!dict)
        TRY(shared_new(r, 0, &dict, err));
    Status status = fill_dictionary(r, dict, bytes, (uint32_t)h->value_count, err);
    if (status != STATUS_OK)
        shared_unref(dict);
    else
        r->dict = dict;
    return status;
}

/* ---- data pages ---- */

static Status open_levels_v1(LeafReader *r, uint16_t max, ParquetEncoding encoding, uint32_t count,
                             Str *bytes, Hybrid *ret, Error *err)
{
    uint32_t width = parquet__bit_width(max);
    uint32_t len = 0;

    if (!max)
        return STATUS_OK;
    if (encoding == PARQUET_BIT_PACKED) {
        len = (uint32_t)(((uint64_t)count * width + 7) / 8);
        if (len > bytes->len)
            return malformed(r, err, "levels longer than their page");
        *ret = parquet__hybrid_legacy(str_sub(*bytes, 0, len), width);
    } else {
        if (bytes->len < 4)
            return malformed(r, err, "levels longer than their page");
        memcpy(&len, bytes->ptr, 4);
        *bytes = str_sub(*bytes, 4, bytes->len);
        if (encoding != PARQUET_RLE || len > bytes->len)
            return malformed(r, err, "levels longer than their page");
        *ret = parquet__hybrid(str_sub(*bytes, 0, len), width);
    }
    *bytes = str_sub(*bytes, len, bytes->len);
    return STATUS_OK;
}

static Status open_data(LeafReader *r, const ParquetPageHeader *h, Error *err)
{
    bool v2 = h->type == PARQUET_DATA_PAGE_V2;
    size_t level_bytes = v2 ? (size_t)h->def_bytes + (size_t)h->rep_bytes : 0;
    const ParquetNode *node = r->node;
    Str packed;
    Str bytes;

    shared_unref(r->page);
    r->page = NULL;
    TRY(read_packed(r, h, &packed, err));
    TRY(unpack_page(r, h, packed, level_bytes, &bytes, &r->page, err));
    if (v2) {
        r->rep = parquet__hybrid(str_sub(bytes, 0, (size_t)h->rep_bytes),
                                 parquet__bit_width(node->rep_max));
        r->def = parquet__hybrid(str_sub(bytes, (size_t)h->rep_bytes, (size_t)h->def_bytes),
                                 parquet__bit_width(node->def_max));
        bytes = str_sub(bytes, level_bytes, bytes.len);
    } else {
        uint32_t count = (uint32_t)h->value_count;
        TRY(open_levels_v1(r, node->rep_max, h->rep_encoding, count, &bytes, &r->rep, err));
        TRY(open_levels_v1(r, node->def_max, h->def_encoding, count, &bytes, &r->def, err));
    }
    TRY(parquet__values_open(&r->values, node, h->encoding, bytes, (uint32_t)h->value_count, err));
    if (parquet__values_are_codes(&r->values) && !r->dict)
        return malformed(r, err, "codes without dictionary");
    r->page_left = (uint32_t)h->value_count;
    r->ahead_at = r->ahead_len = 0;
    return STATUS_OK;
}

static bool at_end(const LeafReader *r)
{
    return r->values_left <= 0 || r->offset >= r->end;
}

/* Opens the next data page; passes over pages of at most *skip entries unread when skip is given
 * (leaves that are not repeated only). page_left 0 = the chunk is at its end. */
static Status next_page(LeafReader *r, uint64_t *skip, Error *err)
{
    ParquetPageHeader h;

    while (r->page_left == 0 && !at_end(r)) {
        TRY(read_header(r, &h, err));
        if (h.type == PARQUET_DICTIONARY_PAGE) {
            TRY(open_dictionary(r, &h, err));
            continue;
        }
        if (h.type != PARQUET_DATA_PAGE && h.type != PARQUET_DATA_PAGE_V2) {
            r->offset += (uint64_t)h.packed_bytes;
            continue;
        }
        if (r->values_left != INT64_MAX)
            r->values_left -= h.value_count;
        if (skip && (uint64_t)h.value_count <= *skip) {
            *skip -= (uint64_t)h.value_count;
            r->offset += (uint64_t)h.packed_bytes;
            continue;
        }
        TRY(open_data(r, &h, err));
    }
    return STATUS_OK;
}

Status parquet__leaf_open(LeafReader *r, uint32_t group, const ParquetPageIndex *index, Error *err)
{
    const ParquetRowGroup *g = &r->file->meta.groups[group];
    const ParquetChunk *c = &g->chunks[r->leaf];
    uint64_t size = r->file->source.size;
    int64_t begin = c->data_offset;

    drop_pages(r);
    r->chunk = c;
    r->index = index && index->page_count ? index : NULL;
    r->group_rows = g->row_count;
    r->row = 0;
    r->window_len = 0;
    if (c->dictionary_offset > 0 && c->dictionary_offset < begin)
        begin = c->dictionary_offset;
    if (c->foreign)
        return error_set(err, STATUS_UNSUPPORTED,
                         "parquet: column \"%.*s\" is encrypted or lies in another file",
                         STR_FMT(r->node->name));
    if (c->physical != r->node->physical)
        return malformed(r, err, "type differs from the schema");
    if (begin < 0 || c->packed_bytes < 0 || (uint64_t)begin > size ||
        (uint64_t)c->packed_bytes > size - (uint64_t)begin || c->value_count < 0)
        return malformed(r, err, "lies outside the file");
    r->offset = (uint64_t)begin;
    r->end = (uint64_t)begin + (uint64_t)c->packed_bytes;
    r->values_left = c->value_count;
    return STATUS_OK;
}

/* ---- levels ---- */

/* Counts slots with a value among n definition levels and sets the others' bits to 0. */
static size_t mark_nulls(const uint32_t *def, size_t n, uint32_t def_max, uint8_t *validity,
                         size_t at)
{
    size_t present = 0;

    for (size_t i = 0; i < n; i++) {
        bool is = def[i] == def_max;
        present += is;
        if (!is)
            bit_clear(validity, at + i);
    }
    return present;
}

/* ---- values into slots ---- */

/* What a call has built so far. */
typedef struct Slots {
    Column *column;
    Arena *arena;
    uint32_t cap;
    bool codes; /* values are dictionary codes */
} Slots;

static size_t slot_width(const LeafReader *r, bool codes)
{
    if (codes)
        return sizeof(uint32_t);
    return r->convert.kind == CONVERT_BOOL ? 1 : layout_width(type_layout(r->convert.type));
}

/* Moves compact values to the slots that are not NULL, from the last on. */
static void spread(char *values, size_t width, const uint8_t *validity, size_t at, size_t n,
                   size_t present)
{
    for (size_t i = n; i-- > 0 && present < i + 1;)
        if (bit_get(validity, at + i)) {
            present--;
            memcpy(values + (at + i) * width, values + (at + present) * width, width);
        } else {
            memset(values + (at + i) * width, 0, width);
        }
}

#define GATHER(ctype)                                                                              \
    do {                                                                                           \
        const ctype *in = dict->values;                                                            \
        ctype *out = to;                                                                           \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = in[codes[i]];                                                                 \
    } while (0)

/* Bytes16 stands for views, uuids and intervals. */
typedef struct Bytes16 {
    uint64_t a;
    uint64_t b;
} Bytes16;

static void gather(const Column *dict, const uint32_t *codes, size_t n, void *to)
{
    switch (layout_width(type_layout(dict->type))) {
    case 2:
        GATHER(uint16_t);
        break;
    case 4:
        GATHER(uint32_t);
        break;
    case 8:
        GATHER(uint64_t);
        break;
    default:
        GATHER(Bytes16);
        break;
    }
}

static Status check_codes(const LeafReader *r, const uint32_t *codes, size_t n, Error *err)
{
    uint32_t max = 0;

    for (size_t i = 0; i < n; i++)
        max = LUMA_MAX(max, codes[i]);
    return n == 0 || max < r->dict->column.len ? STATUS_OK
                                               : malformed(r, err, "code outside the dictionary");
}

static Status alloc_values(LeafReader *r, Slots *s, bool codes, Error *err)
{
    void *values;
    size_t bytes = ((size_t)s->cap + 16) * slot_width(r, codes);

    TRY(arena_try_alloc(s->arena, bytes, &values, err));
    s->column->values = values;
    s->codes = codes;
    return STATUS_OK;
}

/* Turns codes into values, for a chunk that has pages of both. */
static Status drop_codes(LeafReader *r, Slots *s, size_t done, Error *err)
{
    const uint32_t *codes = s->column->values;

    TRY(alloc_values(r, s, false, err));
    if (r->dict->column.len)
        gather(&r->dict->column, codes, done, column_values(s->column));
    else
        memset(column_values(s->column), 0, done * slot_width(r, false));
    return STATUS_OK;
}

static Status decode_codes(LeafReader *r, Slots *s, char *to, size_t present, Error *err)
{
    uint32_t *codes = (uint32_t *)(void *)to;

    if (s->codes) {
        TRY(parquet__values_codes(&r->values, codes, present, err));
        return check_codes(r, codes, present, err);
    }
    uint32_t chunk[AHEAD + 8];
    size_t width = slot_width(r, false);
    for (size_t done = 0; done < present;) {
        size_t n = LUMA_MIN(present - done, (size_t)AHEAD);
        TRY(parquet__values_codes(&r->values, chunk, n, err));
        TRY(check_codes(r, chunk, n, err));
        gather(&r->dict->column, chunk, n, to + done * width);
        done += n;
    }
    return STATUS_OK;
}

static Status decode_values(LeafReader *r, Slots *s, char *to, size_t present, Error *err)
{
    void *raw = to;

    if (!parquet__convert_in_place(&r->convert)) {
        size_t width = r->convert.width ? r->convert.width : sizeof(View);
        TRY(arena_try_alloc(s->arena, width * present + 1, &raw, err));
    }
    if (r->node->physical == PARQUET_BYTE_ARRAY)
        TRY(parquet__values_bytes(&r->values, raw, present, s->arena, err));
    else
        TRY(parquet__values_fixed(&r->values, raw, present, s->arena, err));
    return parquet__convert(&r->convert, raw, present, to, s->arena, err);
}

/* n entries of the current page into slots [at, at + n); `present` of them have values. */
static Status decode_slots(LeafReader *r, Slots *s, size_t at, size_t n, size_t present, Error *err)
{
    bool is_codes = parquet__values_are_codes(&r->values);

    if (!s->column->values)
        TRY(alloc_values(r, s, is_codes && type_layout(r->convert.type) == LAYOUT_VIEW, err));
    else if (s->codes && !is_codes)
        TRY(drop_codes(r, s, at, err));
    size_t width = slot_width(r, s->codes);
    char *values = column_values(s->column);
    if (is_codes)
        TRY(decode_codes(r, s, values + at * width, present, err));
    else
        TRY(decode_values(r, s, values + at * width, present, err));
    if (present < n)
        spread(values, width, s->column->validity, at, n, present);
    return STATUS_OK;
}

/* Booleans were bytes so far. */
static Status finish_slots(LeafReader *r, Slots *s, uint32_t count, Error *err)
{
    s->column->len = count;
    s->column->type = r->convert.type;
    if (!s->column->values)
        TRY(alloc_values(r, s, false, err));
    if (r->convert.kind == CONVERT_BOOL) {
        const uint8_t *bytes = s->column->values;
        uint8_t *bits;
        TRY(arena_try_alloc(s->arena, bitmap_bytes(count) + 8, &bits, err));
        memset(bits, 0, bitmap_bytes(count) + 8);
        for (size_t i = 0; i < count; i++)
            bits[i >> 3] |= (uint8_t)((bytes[i] & 1) << (i & 7));
        s->column->values = bits;
    }
    if (s->codes) {
        s->column->dict = &r->dict->column;
        /* NULL slots hold code 0, which must exist. */
        if (!r->dict->column.len)
            return column_init_null(s->column, s->arena, r->convert.type, count, err);
    }
    return STATUS_OK;
}

/* ---- flat columns ---- */

static Status need_validity(Slots *s, Error *err)
{
    uint8_t *bits;
    size_t bytes = bitmap_bytes(s->cap) + 8;

    if (s->column->validity)
        return STATUS_OK;
    TRY(arena_try_alloc(s->arena, bytes, &bits, err));
    memset(bits, 0xff, bytes);
    s->column->validity = bits;
    return STATUS_OK;
}

/* Takes n entries' levels of a leaf that is not repeated; marks nulls in *s when it is given. */
static Status take_levels(LeafReader *r, Slots *s, size_t at, size_t n, size_t *ret_present,
                          Error *err)
{
    uint32_t def_max = r->node->def_max;
    uint32_t same = def_max;
    size_t present = 0;

    bool one_run = !def_max || parquet__hybrid_same(&r->def, n, &same);
    if (one_run && same == def_max) {
        *ret_present = n;
        return STATUS_OK;
    }
    if (s)
        TRY(need_validity(s, err));
    if (one_run) {
        for (size_t i = 0; s && i < n; i++)
            bit_clear(column_validity(s->column), at + i);
        *ret_present = 0;
        return STATUS_OK;
    }
    for (size_t done = 0; done < n;) {
        size_t take = LUMA_MIN(n - done, (size_t)AHEAD);
        if (parquet__hybrid_get(&r->def, r->ahead_def, take) != take)
            return malformed(r, err, "definition levels end early");
        if (s) {
            present +=
                mark_nulls(r->ahead_def, take, def_max, column_validity(s->column), at + done);
        } else {
            for (size_t i = 0; i < take; i++)
                present += r->ahead_def[i] == def_max;
        }
        done += take;
    }
    *ret_present = present;
    return STATUS_OK;
}

Status parquet__leaf_read(LeafReader *r, uint32_t n, Arena *arena, Column *ret, Error *err)
{
    Slots s = {.column = ret, .arena = arena, .cap = n};
    uint32_t done = 0;

    *ret = (Column){.type = r->convert.type};
    while (done < n) {
        size_t present = 0;
        TRY(next_page(r, NULL, err));
        if (!r->page_left)
            return malformed(r, err, "fewer values than rows");
        uint32_t take = LUMA_MIN(n - done, r->page_left);
        TRY(take_levels(r, &s, done, take, &present, err));
        TRY(decode_slots(r, &s, done, take, present, err));
        shared_keep(r->page, arena);
        r->page_left -= take;
        done += take;
    }
    shared_keep(r->dict, arena);
    r->row += n;
    return finish_slots(r, &s, n, err);
}

/* ---- skipping ---- */

/* Jumps to the page that holds `row` when it lies behind the current one. */
static void jump(LeafReader *r, int64_t row)
{
    const ParquetPageIndex *index = r->index;
    uint32_t low = 0;
    uint32_t high = index->page_count;

    while (high - low > 1) {
        uint32_t mid = low + (high - low) / 2;
        if (index->pages[mid].first_row <= row)
            low = mid;
        else
            high = mid;
    }
    const ParquetPageLocation *at = &index->pages[low];
    if (at->first_row <= r->row || (uint64_t)at->offset >= r->end ||
        (uint64_t)at->offset < r->offset)
        return;
    r->page_left = 0;
    r->ahead_at = r->ahead_len = 0;
    r->offset = (uint64_t)at->offset;
    r->values_left = INT64_MAX;
    r->row = at->first_row;
}

/* The dictionary must have been read before pages are jumped over. */
static Status need_dictionary(LeafReader *r, Error *err)
{
    ParquetPageHeader h;

    if (r->dict || r->row || r->page_left || r->chunk->dictionary_offset <= 0 || at_end(r))
        return STATUS_OK;
    uint64_t begin = r->offset;
    TRY(read_header(r, &h, err));
    if (h.type == PARQUET_DICTIONARY_PAGE)
        return open_dictionary(r, &h, err);
    r->offset = begin;
    return STATUS_OK;
}

static Status skip_flat(LeafReader *r, uint64_t rows, Arena *scratch, Error *err)
{
    while (rows) {
        size_t present = 0;
        TRY(next_page(r, &rows, err));
        if (!rows)
            break;
        if (!r->page_left)
            return malformed(r, err, "fewer values than rows");
        uint32_t take = (uint32_t)LUMA_MIN((uint64_t)r->page_left, rows);
        if (take == r->page_left) { /* nothing of the rest is needed */
            r->page_left = 0;
        } else {
            TRY(take_levels(r, NULL, 0, take, &present, err));
            TRY(parquet__values_skip(&r->values, present, scratch, err));
            r->page_left -= take;
        }
        rows -= take;
    }
    return STATUS_OK;
}

Status parquet__leaf_skip(LeafReader *r, uint64_t rows, Error *err)
{
    int64_t target = r->row + (int64_t)rows;
    LeafEntries entries = {0};
    Arena scratch;
    Status status = STATUS_OK;

    if (r->index) {
        TRY(need_dictionary(r, err));
        jump(r, target);
    }
    rows = (uint64_t)(target - r->row);
    arena_init(&scratch, r->budget);
    if (!r->node->rep_max)
        status = skip_flat(r, rows, &scratch, err);
    while (r->node->rep_max && rows && status == STATUS_OK) {
        uint32_t n = (uint32_t)LUMA_MIN(rows, (uint64_t)BATCH_ROWS);
        arena_reset(&scratch);
        status = parquet__leaf_entries(r, n, &scratch, &entries, err);
        rows -= n;
    }
    arena_done(&scratch);
    r->row = target;
    return status;
}

/* ---- repeated columns ---- */

static Status fill_ahead(LeafReader *r, Error *err)
{
    uint32_t n = LUMA_MIN(r->page_left, (uint32_t)AHEAD);

    r->ahead_at = 0;
    r->ahead_len = n;
    memset(r->ahead_def, 0, n * sizeof *r->ahead_def);
    memset(r->ahead_rep, 0, n * sizeof *r->ahead_rep);
    if (r->node->def_max && parquet__hybrid_get(&r->def, r->ahead_def, n) != n)
        return malformed(r, err, "definition levels end early");
    if (r->node->rep_max && parquet__hybrid_get(&r->rep, r->ahead_rep, n) != n)
        return malformed(r, err, "repetition levels end early");
    for (uint32_t i = 0; i < n; i++)
        if (r->ahead_def[i] > r->node->def_max || r->ahead_rep[i] > r->node->rep_max)
            return malformed(r, err, "level out of range");
    return STATUS_OK;
}

static Status grow(void **array, size_t used, size_t bytes, Arena *arena, Error *err)
{
    void *bigger;

    TRY(arena_try_alloc(arena, bytes, &bigger, err));
    if (used)
        memcpy(bigger, *array, used);
    *array = bigger;
    return STATUS_OK;
}

static Status grow_entries(LeafReader *r, LeafEntries *e, Slots *s, uint32_t need, Error *err)
{
    uint32_t cap = e->cap ? e->cap : 2 * BATCH_ROWS;
    void *values = column_values(&e->values);
    void *validity = column_validity(&e->values);

    if (need <= e->cap)
        return STATUS_OK;
    if (need > ENTRIES_MAX)
        return error_set(err, STATUS_LIMIT, "parquet: more than %d list elements at once",
                         ENTRIES_MAX);
    while (cap < need)
        cap *= 2;
    TRY(grow((void **)&e->def, e->count * sizeof *e->def, cap * sizeof *e->def, s->arena, err));
    TRY(grow((void **)&e->rep, e->count * sizeof *e->rep, cap * sizeof *e->rep, s->arena, err));
    size_t bits = bitmap_bytes(cap) + 8;
    TRY(grow(&validity, bitmap_bytes(e->count), bits, s->arena, err));
    for (size_t i = e->count; i < (size_t)cap; i++)
        bit_set(validity, i);
    e->values.validity = validity;
    if (values) {
        size_t width = slot_width(r, s->codes);
        TRY(grow(&values, e->count * width, ((size_t)cap + 16) * width, s->arena, err));
        e->values.values = values;
    }
    e->cap = s->cap = cap;
    return STATUS_OK;
}

/* Entries ahead that belong to the next rows: stops before the entry that begins row n + 1. */
static uint32_t count_ahead(const LeafReader *r, uint32_t n, uint32_t *rows)
{
    uint32_t i = r->ahead_at;

    for (; i < r->ahead_len; i++)
        if (r->ahead_rep[i] == 0) {
            if (*rows == n)
                break;
            ++*rows;
        }
    return i - r->ahead_at;
}

static Status take_ahead(LeafReader *r, LeafEntries *e, Slots *s, uint32_t n, Error *err)
{
    const uint32_t *def = r->ahead_def + r->ahead_at;
    const uint32_t *rep = r->ahead_rep + r->ahead_at;

    TRY(grow_entries(r, e, s, e->count + n, err));
    for (uint32_t i = 0; i < n; i++) {
        e->def[e->count + i] = (uint16_t)def[i];
        e->rep[e->count + i] = (uint16_t)rep[i];
    }
    size_t present = mark_nulls(def, n, r->node->def_max, column_validity(&e->values), e->count);
    TRY(decode_slots(r, s, e->count, n, present, err));
    e->count += n;
    r->ahead_at += n;
    r->page_left -= n;
    return STATUS_OK;
}

Status parquet__leaf_entries(LeafReader *r, uint32_t n, Arena *arena, LeafEntries *ret, Error *err)
{
    LeafEntries e = {.values = {.type = r->convert.type}};
    Slots s = {.column = &e.values, .arena = arena};
    uint32_t rows = 0;

    TRY(grow_entries(r, &e, &s, n, err));
    for (;;) {
        TRY(next_page(r, NULL, err));
        if (!r->page_left)
            break;
        if (r->ahead_at == r->ahead_len)
            TRY(fill_ahead(r, err));
        uint32_t before = rows;
        uint32_t take = count_ahead(r, n, &rows);
        if (e.count == 0 && before == 0 && take && r->ahead_rep[r->ahead_at] != 0)
            return malformed(r, err, "a row that does not begin");
        if (!take)
            break;
        TRY(take_ahead(r, &e, &s, take, err));
        shared_keep(r->page, arena);
    }
    if (rows != n)
        return malformed(r, err, "fewer values than rows");
    shared_keep(r->dict, arena);
    r->row += n;
    TRY(finish_slots(r, &s, e.count, err));
    *ret = e;
    return STATUS_OK;
}

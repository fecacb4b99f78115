/* parquet_meta.c - decoding of footers, page headers and page indexes.
 *
 * Counts come from outside: lists grow while they are read, so that memory stays in proportion to
 * the bytes (the arena's budget bounds the rest), and every row group must have as many chunks as
 * the schema has leaves.
 */
#include "format/parquet/parquet_int.h"

static Status malformed(Error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "parquet: malformed %s", what);
}

/* ---- schema ---- */

static ParquetUnit read_unit(ThriftReader *r)
{
    ParquetUnit unit = PARQUET_MILLIS;

    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id >= 1 && f.id <= 3)
            unit = (ParquetUnit)(f.id - 1);
        thrift_skip(r, f.type);
    }
    return unit;
}

static void read_time(ThriftReader *r, ParquetNode *node)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            node->utc = thrift_bool(r, &f);
        else if (f.id == 2 && thrift_struct(r, &f))
            node->unit = read_unit(r);
        else
            thrift_skip(r, f.type);
    }
}

static void read_decimal(ThriftReader *r, ParquetNode *node)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            node->scale = thrift_i32(r, &f);
        else if (f.id == 2)
            node->precision = thrift_i32(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

static void read_integer(ThriftReader *r, ParquetNode *node)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            node->bit_width = (uint8_t)thrift_i32(r, &f);
        else if (f.id == 2)
            node->is_signed = thrift_bool(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

/* The union's field ids, in their order. */
static const uint8_t logical_ids[] = {
    PARQUET_LOGICAL_NONE,     PARQUET_LOGICAL_STRING,  PARQUET_LOGICAL_MAP,
    PARQUET_LOGICAL_LIST,     PARQUET_LOGICAL_ENUM,    PARQUET_LOGICAL_DECIMAL,
    PARQUET_LOGICAL_DATE,     PARQUET_LOGICAL_TIME,    PARQUET_LOGICAL_TIMESTAMP,
    PARQUET_LOGICAL_INTERVAL, PARQUET_LOGICAL_INTEGER, PARQUET_LOGICAL_NULL,
    PARQUET_LOGICAL_JSON,     PARQUET_LOGICAL_BSON,    PARQUET_LOGICAL_UUID,
    PARQUET_LOGICAL_FLOAT16,
};

static void read_logical(ThriftReader *r, ParquetNode *node)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        node->logical =
            f.id < (int)LUMA_ARRAY_LEN(logical_ids) ? logical_ids[f.id] : PARQUET_LOGICAL_OTHER;
        if (f.type != THRIFT_STRUCT)
            thrift_skip(r, f.type);
        else if (node->logical == PARQUET_LOGICAL_DECIMAL)
            read_decimal(r, node);
        else if (node->logical == PARQUET_LOGICAL_TIME ||
                 node->logical == PARQUET_LOGICAL_TIMESTAMP)
            read_time(r, node);
        else if (node->logical == PARQUET_LOGICAL_INTEGER)
            read_integer(r, node);
        else
            thrift_skip(r, f.type);
    }
}

/* Converted types by number: logical type, unit (or log2 of the bit width / 8), signed. */
static const struct {
    uint8_t logical;
    uint8_t detail;
    bool is_signed;
} converted[] = {
    {PARQUET_LOGICAL_STRING, 0, false},
    {PARQUET_LOGICAL_MAP, 0, false},
    {PARQUET_LOGICAL_NONE, 0, false}, /* MAP_KEY_VALUE; stands for MAP on an outer group */
    {PARQUET_LOGICAL_LIST, 0, false},
    {PARQUET_LOGICAL_ENUM, 0, false},
    {PARQUET_LOGICAL_DECIMAL, 0, false},
    {PARQUET_LOGICAL_DATE, 0, false},
    {PARQUET_LOGICAL_TIME, PARQUET_MILLIS, false},
    {PARQUET_LOGICAL_TIME, PARQUET_MICROS, false},
    {PARQUET_LOGICAL_TIMESTAMP, PARQUET_MILLIS, false},
    {PARQUET_LOGICAL_TIMESTAMP, PARQUET_MICROS, false},
    {PARQUET_LOGICAL_INTEGER, 0, false},
    {PARQUET_LOGICAL_INTEGER, 1, false},
    {PARQUET_LOGICAL_INTEGER, 2, false},
    {PARQUET_LOGICAL_INTEGER, 3, false},
    {PARQUET_LOGICAL_INTEGER, 0, true},
    {PARQUET_LOGICAL_INTEGER, 1, true},
    {PARQUET_LOGICAL_INTEGER, 2, true},
    {PARQUET_LOGICAL_INTEGER, 3, true},
    {PARQUET_LOGICAL_JSON, 0, false},
    {PARQUET_LOGICAL_BSON, 0, false},
    {PARQUET_LOGICAL_INTERVAL, 0, false},
};

/* Old writers' times are in UTC by definition of the converted types. */
static void apply_converted(ParquetNode *node, int32_t type)
{
    if (node->logical != PARQUET_LOGICAL_NONE || type < 0 ||
        type >= (int32_t)LUMA_ARRAY_LEN(converted))
        return;
    node->logical = converted[type].logical;
    if (node->logical == PARQUET_LOGICAL_INTEGER) {
        node->bit_width = (uint8_t)(8 << converted[type].detail);
        node->is_signed = converted[type].is_signed;
    } else {
        node->unit = (ParquetUnit)converted[type].detail;
        node->utc = true;
    }
}

static void read_node(ThriftReader *r, ParquetNode *node)
{
    int32_t converted_type = -1;
    int32_t value;

    for (ThriftField f = {0}; thrift_next(r, &f);) {
        switch (f.id) {
        case 1:
            value = thrift_i32(r, &f);
            node->physical = (ParquetPhysical)value;
            node->is_leaf = true;
            r->in.failed |= value < 0 || value >= PARQUET_PHYSICAL_COUNT_;
            break;
        case 2:
            node->fixed_bytes = thrift_i32(r, &f);
            break;
        case 3:
            value = thrift_i32(r, &f);
            node->repetition = (ParquetRepetition)value;
            r->in.failed |= value < 0 || value > PARQUET_REPEATED;
            break;
        case 4:
            node->name = thrift_binary(r, &f);
            break;
        case 5:
            node->child_count = thrift_i32(r, &f);
            break;
        case 6:
            converted_type = thrift_i32(r, &f);
            break;
        case 7:
            node->scale = thrift_i32(r, &f);
            break;
        case 8:
            node->precision = thrift_i32(r, &f);
            break;
        case 10:
            if (thrift_struct(r, &f))
                read_logical(r, node);
            break;
        default:
            thrift_skip(r, f.type);
            break;
        }
    }
    apply_converted(node, converted_type);
}

/* ---- chunks and row groups ---- */

static void read_stats(ThriftReader *r, ParquetPhysical physical, ParquetStats *ret)
{
    Str old_min = {0};
    Str old_max = {0};

    *ret = (ParquetStats){.null_count = -1,
                          .distinct_count = -1,
                          .nan_count = -1,
                          .min_exact = true,
                          .max_exact = true};
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        switch (f.id) {
        case 1:
            old_max = thrift_binary(r, &f);
            break;
        case 2:
            old_min = thrift_binary(r, &f);
            break;
        case 3:
            ret->null_count = thrift_i64(r, &f);
            break;
        case 4:
            ret->distinct_count = thrift_i64(r, &f);
            break;
        case 5:
            ret->max = thrift_binary(r, &f);
            ret->has_max = true;
            break;
        case 6:
            ret->min = thrift_binary(r, &f);
            ret->has_min = true;
            break;
        case 7:
            ret->max_exact = thrift_bool(r, &f);
            break;
        case 8:
            ret->min_exact = thrift_bool(r, &f);
            break;
        case 9:
            ret->nan_count = thrift_i64(r, &f);
            break;
        default:
            thrift_skip(r, f.type);
            break;
        }
    }
    /* The old fields were compared as signed, so they hold for the signed numbers only. */
    bool numbers = physical == PARQUET_INT32 || physical == PARQUET_INT64 ||
                   physical == PARQUET_FLOAT || physical == PARQUET_DOUBLE;
    if (numbers && !ret->has_min && !ret->has_max && old_min.len && old_max.len) {
        ret->min = old_min;
        ret->max = old_max;
        ret->has_min = ret->has_max = true;
    }
}

static uint32_t read_encodings(ThriftReader *r, const ThriftField *f)
{
    uint32_t count = thrift_list(r, f, THRIFT_I32);
    uint32_t set = 0;

    for (uint32_t i = 0; i < count && !r->in.failed; i++) {
        int64_t encoding = thrift_list_i64(r);
        if (encoding >= 0 && encoding < 32)
            set |= 1u << encoding;
    }
    return set;
}

static void read_chunk_meta(ThriftReader *r, ParquetChunk *c)
{
    int32_t value;

    for (ThriftField f = {0}; thrift_next(r, &f);) {
        switch (f.id) {
        case 1:
            value = thrift_i32(r, &f);
            c->physical = (ParquetPhysical)value;
            r->in.failed |= value < 0 || value >= PARQUET_PHYSICAL_COUNT_;
            break;
        case 2:
            c->encodings = read_encodings(r, &f);
            break;
        case 4:
            value = thrift_i32(r, &f);
            c->codec = (ParquetCodec)value;
            r->in.failed |= value < 0 || value >= PARQUET_CODEC_COUNT_;
            break;
        case 5:
            c->value_count = thrift_i64(r, &f);
            break;
        case 6:
            c->plain_bytes = thrift_i64(r, &f);
            break;
        case 7:
            c->packed_bytes = thrift_i64(r, &f);
            break;
        case 9:
            c->data_offset = thrift_i64(r, &f);
            break;
        case 11:
            c->dictionary_offset = thrift_i64(r, &f);
            break;
        case 12:
            if (thrift_struct(r, &f))
                read_stats(r, c->physical, &c->stats);
            break;
        case 14:
            c->bloom_offset = thrift_i64(r, &f);
            break;
        case 15:
            c->bloom_bytes = thrift_i32(r, &f);
            break;
        default:
            thrift_skip(r, f.type);
            break;
        }
    }
}

static void read_chunk(ThriftReader *r, ParquetChunk *c)
{
    bool seen = false;

    c->stats = (ParquetStats){.null_count = -1, .distinct_count = -1, .nan_count = -1};
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        switch (f.id) {
        case 1:
            c->foreign |= thrift_binary(r, &f).len != 0;
            break;
        case 3:
            if (thrift_struct(r, &f))
                read_chunk_meta(r, c);
            seen = true;
            break;
        case 4:
            c->offset_index_offset = thrift_i64(r, &f);
            break;
        case 5:
            c->offset_index_bytes = thrift_i32(r, &f);
            break;
        case 6:
            c->column_index_offset = thrift_i64(r, &f);
            break;
        case 7:
            c->column_index_bytes = thrift_i32(r, &f);
            break;
        case 8:
            c->foreign = true;
            thrift_skip(r, f.type);
            break;
        default:
            thrift_skip(r, f.type);
            break;
        }
    }
    c->foreign |= !seen;
}

static void read_sorting(ThriftReader *r, ParquetSorting *s)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            s->leaf = thrift_i32(r, &f);
        else if (f.id == 2)
            s->descending = thrift_bool(r, &f);
        else if (f.id == 3)
            s->nulls_first = thrift_bool(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

static Status read_sortings(ThriftReader *r, const ThriftField *f, Arena *arena,
                            ParquetRowGroup *group)
{
    uint32_t count = thrift_list(r, f, THRIFT_STRUCT);
    uint32_t cap = 0;

    for (uint32_t i = 0; i < count && !r->in.failed; i++) {
        ParquetSorting s = {0};
        read_sorting(r, &s);
        ARENA_PUSH(arena, group->sorting, group->sorting_count, cap, s);
    }
    return STATUS_OK;
}

static Status read_group(ThriftReader *r, const ParquetMeta *meta, Arena *arena,
                         ParquetRowGroup *group, Error *err)
{
    uint32_t count = 0;

    for (ThriftField f = {0}; thrift_next(r, &f);) {
        switch (f.id) {
        case 1:
            count = thrift_list(r, &f, THRIFT_STRUCT);
            if (count != meta->leaf_count || group->chunks)
                return malformed(err, "row group: not one chunk a column");
            TRY(arena_try_alloc(arena, sizeof *group->chunks * count, &group->chunks, err));
            memset(group->chunks, 0, sizeof *group->chunks * count);
            for (uint32_t i = 0; i < count && !r->in.failed; i++)
                read_chunk(r, &group->chunks[i]);
            break;
        case 2:
            group->plain_bytes = thrift_i64(r, &f);
            break;
        case 3:
            group->row_count = thrift_i64(r, &f);
            break;
        case 4:
            TRY(read_sortings(r, &f, arena, group));
            break;
        default:
            thrift_skip(r, f.type);
            break;
        }
    }
    if (r->in.failed || (!group->chunks && meta->leaf_count) || group->row_count < 0)
        return malformed(err, "row group");
    return STATUS_OK;
}

static void read_key_value(ThriftReader *r, ParquetKeyValue *kv)
{
    *kv = (ParquetKeyValue){{"", 0}, {"", 0}};
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            kv->key = thrift_binary(r, &f);
        else if (f.id == 2)
            kv->value = thrift_binary(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

/* ---- footer ---- */

/* Grows an arena array under the arena's budget. */
#define PUSH(arena, ptr, count, cap, value, err)                                                   \
    do {                                                                                           \
        if ((count) == (cap)) {                                                                    \
            uint32_t new_cap_ = (cap) ? (cap)*2 : 8;                                               \
            void *new_ptr_;                                                                        \
            TRY(arena_try_alloc((arena), (size_t)new_cap_ * sizeof *(ptr), &new_ptr_, err));       \
            if (count)                                                                             \
                memcpy(new_ptr_, (ptr), (size_t)(count) * sizeof *(ptr));                          \
            (ptr) = new_ptr_;                                                                      \
            (cap) = new_cap_;                                                                      \
        }                                                                                          \
        (ptr)[(count)++] = (value);                                                                \
    } while (0)

static Status read_schema(ThriftReader *r, const ThriftField *f, Arena *arena, ParquetMeta *meta,
                          Error *err)
{
    uint32_t count = thrift_list(r, f, THRIFT_STRUCT);
    uint32_t cap = 0;

    if (meta->nodes || count > 4 * PARQUET_LEAVES_MAX)
        return malformed(err, "schema");
    for (uint32_t i = 0; i < count && !r->in.failed; i++) {
        ParquetNode node = {.name = {"", 0}};
        read_node(r, &node);
        PUSH(arena, meta->nodes, meta->node_count, cap, node, err);
    }
    if (r->in.failed)
        return malformed(err, "schema");
    return parquet__schema_derive(meta, arena, err);
}

static Status read_groups(ThriftReader *r, const ThriftField *f, Arena *arena, ParquetMeta *meta,
                          Error *err)
{
    uint32_t count = thrift_list(r, f, THRIFT_STRUCT);
    uint32_t cap = 0;
    int64_t first_row = 0;

    if (!meta->nodes || meta->groups)
        return malformed(err, "footer: row groups without schema");
    for (uint32_t i = 0; i < count && !r->in.failed; i++) {
        ParquetRowGroup group = {.first_row = first_row};
        TRY(read_group(r, meta, arena, &group, err));
        if (__builtin_add_overflow(first_row, group.row_count, &first_row))
            return malformed(err, "row count");
        PUSH(arena, meta->groups, meta->group_count, cap, group, err);
    }
    return STATUS_OK;
}

static Status read_key_values(ThriftReader *r, const ThriftField *f, Arena *arena,
                              ParquetMeta *meta, Error *err)
{
    uint32_t count = thrift_list(r, f, THRIFT_STRUCT);
    uint32_t cap = meta->key_value_count;

    for (uint32_t i = 0; i < count && !r->in.failed; i++) {
        ParquetKeyValue kv;
        read_key_value(r, &kv);
        PUSH(arena, meta->key_values, meta->key_value_count, cap, kv, err);
    }
    return STATUS_OK;
}

Status parquet_meta_decode(Str footer, Arena *arena, ParquetMeta *ret, Error *err)
{
    ThriftReader r = thrift_reader(footer);
    ParquetMeta meta = {.created_by = {"", 0}};

    for (ThriftField f = {0}; thrift_next(&r, &f);) {
        switch (f.id) {
        case 1:
            meta.version = thrift_i32(&r, &f);
            break;
        case 2:
            TRY(read_schema(&r, &f, arena, &meta, err));
            break;
        case 3:
            meta.row_count = thrift_i64(&r, &f);
            break;
        case 4:
            TRY(read_groups(&r, &f, arena, &meta, err));
            break;
        case 5:
            TRY(read_key_values(&r, &f, arena, &meta, err));
            break;
        case 6:
            meta.created_by = thrift_binary(&r, &f);
            break;
        case 8:
            return error_set(err, STATUS_UNSUPPORTED, "parquet: encrypted files are not read");
        default:
            thrift_skip(&r, f.type);
            break;
        }
    }
    if (r.in.failed || !meta.nodes)
        return malformed(err, "footer");
    *ret = meta;
    return STATUS_OK;
}

/* ---- pages ---- */

static void read_data_header(ThriftReader *r, ParquetPageHeader *h)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            h->value_count = thrift_i32(r, &f);
        else if (f.id == 2)
            h->encoding = (ParquetEncoding)thrift_i32(r, &f);
        else if (f.id == 3)
            h->def_encoding = (ParquetEncoding)thrift_i32(r, &f);
        else if (f.id == 4)
            h->rep_encoding = (ParquetEncoding)thrift_i32(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

static void read_dictionary_header(ThriftReader *r, ParquetPageHeader *h)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            h->value_count = thrift_i32(r, &f);
        else if (f.id == 2)
            h->encoding = (ParquetEncoding)thrift_i32(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

static void read_data_header_v2(ThriftReader *r, ParquetPageHeader *h)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        switch (f.id) {
        case 1:
            h->value_count = thrift_i32(r, &f);
            break;
        case 2:
            h->null_count = thrift_i32(r, &f);
            break;
        case 3:
            h->row_count = thrift_i32(r, &f);
            break;
        case 4:
            h->encoding = (ParquetEncoding)thrift_i32(r, &f);
            break;
        case 5:
            h->def_bytes = thrift_i32(r, &f);
            break;
        case 6:
            h->rep_bytes = thrift_i32(r, &f);
            break;
        case 7:
            h->packed = thrift_bool(r, &f);
            break;
        default:
            thrift_skip(r, f.type);
            break;
        }
    }
}

bool parquet_page_header_decode(Str bytes, ParquetPageHeader *ret, size_t *ret_len)
{
    ThriftReader r = thrift_reader(bytes);
    ParquetPageHeader h = {
        .packed = true, .def_encoding = PARQUET_RLE, .rep_encoding = PARQUET_RLE};

    for (ThriftField f = {0}; thrift_next(&r, &f);) {
        if (f.id == 1) {
            h.type = (ParquetPageType)thrift_i32(&r, &f);
        } else if (f.id == 2) {
            h.plain_bytes = thrift_i32(&r, &f);
        } else if (f.id == 3) {
            h.packed_bytes = thrift_i32(&r, &f);
        } else if (f.id == 4) {
            h.crc = (uint32_t)thrift_i32(&r, &f);
            h.has_crc = true;
        } else if (f.id == 5 && thrift_struct(&r, &f)) {
            read_data_header(&r, &h);
        } else if (f.id == 7 && thrift_struct(&r, &f)) {
            read_dictionary_header(&r, &h);
        } else if (f.id == 8 && thrift_struct(&r, &f)) {
            read_data_header_v2(&r, &h);
        } else {
            thrift_skip(&r, f.type);
        }
    }
    bool good = !r.in.failed && h.plain_bytes >= 0 && h.packed_bytes >= 0 &&
                h.plain_bytes <= PARQUET_PAGE_BYTES_MAX &&
                h.packed_bytes <= PARQUET_PAGE_BYTES_MAX && h.value_count >= 0 &&
                h.null_count >= 0 && h.null_count <= h.value_count && h.row_count >= 0 &&
                h.def_bytes >= 0 && h.rep_bytes >= 0 &&
                (int64_t)h.def_bytes + h.rep_bytes <= h.packed_bytes &&
                (int64_t)h.def_bytes + h.rep_bytes <= h.plain_bytes;
    if (good) {
        *ret = h;
        *ret_len = (size_t)((const char *)r.in.cursor - bytes.ptr);
    }
    return good;
}

/* ---- page index ---- */

static void read_location(ThriftReader *r, ParquetPageLocation *at)
{
    for (ThriftField f = {0}; thrift_next(r, &f);) {
        if (f.id == 1)
            at->offset = thrift_i64(r, &f);
        else if (f.id == 2)
            at->packed_bytes = thrift_i32(r, &f);
        else if (f.id == 3)
            at->first_row = thrift_i64(r, &f);
        else
            thrift_skip(r, f.type);
    }
}

Status parquet_offset_index_decode(Str bytes, int64_t row_count, Arena *arena,
                                   ParquetPageIndex *ret, Error *err)
{
    ThriftReader r = thrift_reader(bytes);
    uint32_t cap = 0;

    for (ThriftField f = {0}; thrift_next(&r, &f);) {
        if (f.id != 1) {
            thrift_skip(&r, f.type);
            continue;
        }
        uint32_t count = thrift_list(&r, &f, THRIFT_STRUCT);
        for (uint32_t i = 0; i < count && !r.in.failed; i++) {
            ParquetPageLocation at = {0};
            read_location(&r, &at);
            int64_t before = i ? ret->pages[i - 1].first_row : -1;
            if (at.offset < 0 || at.packed_bytes < 0 || at.first_row <= before ||
                at.first_row >= row_count || (i == 0 && at.first_row != 0))
                return malformed(err, "offset index");
            PUSH(arena, ret->pages, ret->page_count, cap, at, err);
        }
    }
    return r.in.failed ? malformed(err, "offset index") : STATUS_OK;
}

static Status need_page_stats(ParquetPageIndex *index, uint32_t count, Arena *arena, Error *err)
{
    if (count != index->page_count)
        return malformed(err, "column index");
    if (index->stats)
        return STATUS_OK;
    TRY(arena_try_alloc(arena, count * sizeof *index->stats + 1, &index->stats, err));
    TRY(arena_try_alloc(arena, count + 1, &index->null_pages, err));
    for (uint32_t i = 0; i < count; i++) {
        index->stats[i] = (ParquetStats){.null_count = -1, .distinct_count = -1, .nan_count = -1};
        index->null_pages[i] = false;
    }
    return STATUS_OK;
}

static void read_page_stat(ThriftReader *r, int16_t id, ParquetPageIndex *index, uint32_t page)
{
    ParquetStats *s = &index->stats[page];

    if (id == 1) {
        index->null_pages[page] = thrift_list_bool(r);
    } else if (id == 2) {
        s->min = thrift_list_binary(r);
        s->has_min = true;
    } else if (id == 3) {
        s->max = thrift_list_binary(r);
        s->has_max = true;
    } else {
        s->null_count = thrift_list_i64(r);
    }
}

Status parquet_column_index_decode(Str bytes, Arena *arena, ParquetPageIndex *ret, Error *err)
{
    static const uint8_t element[] = {0, THRIFT_TRUE, THRIFT_BINARY, THRIFT_BINARY, 0, THRIFT_I64};
    ThriftReader r = thrift_reader(bytes);

    for (ThriftField f = {0}; thrift_next(&r, &f);) {
        if (f.id == 4) {
            ret->boundary_order = (uint8_t)thrift_i32(&r, &f);
        } else if (f.id >= 1 && f.id <= 5) {
            uint32_t count = thrift_list(&r, &f, element[f.id]);
            TRY(need_page_stats(ret, count, arena, err));
            for (uint32_t i = 0; i < count && !r.in.failed; i++)
                read_page_stat(&r, f.id, ret, i);
        } else {
            thrift_skip(&r, f.type);
        }
    }
    for (uint32_t i = 0; ret->stats && i < ret->page_count; i++)
        if (ret->null_pages[i])
            ret->stats[i].has_min = ret->stats[i].has_max = false;
    return r.in.failed ? malformed(err, "column index") : STATUS_OK;
}

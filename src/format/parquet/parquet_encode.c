/* parquet_encode.c - encoding of footers, page headers and page indexes, field by field in the
 * order of parquet.thrift. */
#include "format/parquet/parquet_int.h"

static void put_logical(const ParquetNode *node, ThriftWriter *w)
{
    static const uint8_t ids[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 10, 11, 12, 13, 14, 15, 0};
    int16_t id = ids[node->logical];

    if (!id)
        return;
    int16_t outer = thrift_begin(w, 10);
    int16_t inner = thrift_begin(w, id);
    if (node->logical == PARQUET_LOGICAL_DECIMAL) {
        thrift_put_i32(w, 1, node->scale);
        thrift_put_i32(w, 2, node->precision);
    } else if (node->logical == PARQUET_LOGICAL_TIME ||
               node->logical == PARQUET_LOGICAL_TIMESTAMP) {
        thrift_put_bool(w, 1, node->utc);
        int16_t unit = thrift_begin(w, 2);
        thrift_put_empty(w, (int16_t)(node->unit + 1));
        thrift_end(w, unit);
    } else if (node->logical == PARQUET_LOGICAL_INTEGER) {
        thrift_put_i8(w, 1, (int8_t)node->bit_width);
        thrift_put_bool(w, 2, node->is_signed);
    }
    thrift_end(w, inner);
    thrift_end(w, outer);
}

/* The converted type that older readers know, -1 = none. */
static int32_t converted_type(const ParquetNode *node)
{
    switch (node->logical) {
    case PARQUET_LOGICAL_STRING:
        return 0;
    case PARQUET_LOGICAL_MAP:
        return 1;
    case PARQUET_LOGICAL_LIST:
        return 3;
    case PARQUET_LOGICAL_ENUM:
        return 4;
    case PARQUET_LOGICAL_DECIMAL:
        return 5;
    case PARQUET_LOGICAL_DATE:
        return 6;
    case PARQUET_LOGICAL_TIME:
        return node->unit == PARQUET_NANOS || !node->utc ? -1 : 7 + (int32_t)node->unit;
    case PARQUET_LOGICAL_TIMESTAMP:
        return node->unit == PARQUET_NANOS || !node->utc ? -1 : 9 + (int32_t)node->unit;
    case PARQUET_LOGICAL_INTEGER:
        return (node->is_signed ? 15 : 11) + __builtin_ctz(node->bit_width | 64) - 3;
    case PARQUET_LOGICAL_JSON:
        return 19;
    case PARQUET_LOGICAL_BSON:
        return 20;
    case PARQUET_LOGICAL_INTERVAL:
        return 21;
    case PARQUET_LOGICAL_NONE:
    case PARQUET_LOGICAL_NULL:
    case PARQUET_LOGICAL_UUID:
    case PARQUET_LOGICAL_FLOAT16:
    case PARQUET_LOGICAL_OTHER:
        break;
    }
    return -1;
}

static void put_node(const ParquetNode *node, bool is_root, ThriftWriter *w)
{
    int16_t saved = thrift_begin(w, 0);
    int32_t type = converted_type(node);

    if (node->is_leaf)
        thrift_put_i32(w, 1, (int32_t)node->physical);
    if (node->is_leaf && node->physical == PARQUET_FIXED)
        thrift_put_i32(w, 2, node->fixed_bytes);
    if (!is_root)
        thrift_put_i32(w, 3, (int32_t)node->repetition);
    thrift_put_binary(w, 4, node->name);
    if (!node->is_leaf)
        thrift_put_i32(w, 5, node->child_count);
    if (type >= 0)
        thrift_put_i32(w, 6, type);
    if (node->logical == PARQUET_LOGICAL_DECIMAL) {
        thrift_put_i32(w, 7, node->scale);
        thrift_put_i32(w, 8, node->precision);
    }
    put_logical(node, w);
    thrift_end(w, saved);
}

static void put_stats(const ParquetStats *s, ThriftWriter *w, int16_t id)
{
    int16_t saved = thrift_begin(w, id);

    if (s->null_count >= 0)
        thrift_put_i64(w, 3, s->null_count);
    if (s->distinct_count >= 0)
        thrift_put_i64(w, 4, s->distinct_count);
    if (s->has_max)
        thrift_put_binary(w, 5, s->max);
    if (s->has_min)
        thrift_put_binary(w, 6, s->min);
    if (s->has_max)
        thrift_put_bool(w, 7, s->max_exact);
    if (s->has_min)
        thrift_put_bool(w, 8, s->min_exact);
    if (s->nan_count >= 0)
        thrift_put_i64(w, 9, s->nan_count);
    thrift_end(w, saved);
}

static void put_path(const ParquetMeta *meta, uint32_t leaf, ThriftWriter *w)
{
    uint32_t path[PARQUET_DEPTH_MAX + 1];
    uint32_t depth = 0;

    for (uint32_t at = meta->leaf_nodes[leaf]; at != 0; at = (uint32_t)meta->nodes[at].parent)
        path[depth++] = at;
    thrift_put_list(w, 3, THRIFT_BINARY, depth);
    while (depth-- > 0)
        thrift_put_list_binary(w, meta->nodes[path[depth]].name);
}

static void put_chunk_meta(const ParquetMeta *meta, const ParquetChunk *c, uint32_t leaf,
                           ThriftWriter *w)
{
    int16_t saved = thrift_begin(w, 3);

    thrift_put_i32(w, 1, (int32_t)c->physical);
    thrift_put_list(w, 2, THRIFT_I32, (uint32_t)__builtin_popcount(c->encodings));
    for (int i = 0; i < 32; i++)
        if (c->encodings >> i & 1)
            thrift_put_list_i64(w, i);
    put_path(meta, leaf, w);
    thrift_put_i32(w, 4, (int32_t)c->codec);
    thrift_put_i64(w, 5, c->value_count);
    thrift_put_i64(w, 6, c->plain_bytes);
    thrift_put_i64(w, 7, c->packed_bytes);
    thrift_put_i64(w, 9, c->data_offset);
    if (c->dictionary_offset)
        thrift_put_i64(w, 11, c->dictionary_offset);
    put_stats(&c->stats, w, 12);
    if (c->bloom_offset) {
        thrift_put_i64(w, 14, c->bloom_offset);
        thrift_put_i32(w, 15, c->bloom_bytes);
    }
    thrift_end(w, saved);
}

static void put_chunk(const ParquetMeta *meta, const ParquetChunk *c, uint32_t leaf,
                      ThriftWriter *w)
{
    int16_t saved = thrift_begin(w, 0);

    thrift_put_i64(w, 2, 0);
    put_chunk_meta(meta, c, leaf, w);
    if (c->offset_index_offset) {
        thrift_put_i64(w, 4, c->offset_index_offset);
        thrift_put_i32(w, 5, c->offset_index_bytes);
    }
    if (c->column_index_offset) {
        thrift_put_i64(w, 6, c->column_index_offset);
        thrift_put_i32(w, 7, c->column_index_bytes);
    }
    thrift_end(w, saved);
}

static void put_sorting(const ParquetRowGroup *g, ThriftWriter *w)
{
    thrift_put_list(w, 4, THRIFT_STRUCT, g->sorting_count);
    for (uint32_t i = 0; i < g->sorting_count; i++) {
        int16_t saved = thrift_begin(w, 0);
        thrift_put_i32(w, 1, g->sorting[i].leaf);
        thrift_put_bool(w, 2, g->sorting[i].descending);
        thrift_put_bool(w, 3, g->sorting[i].nulls_first);
        thrift_end(w, saved);
    }
}

static void put_group(const ParquetMeta *meta, const ParquetRowGroup *g, uint32_t idx,
                      ThriftWriter *w)
{
    int16_t saved = thrift_begin(w, 0);
    int64_t packed = 0;
    int64_t offset = 0;

    thrift_put_list(w, 1, THRIFT_STRUCT, meta->leaf_count);
    for (uint32_t i = 0; i < meta->leaf_count; i++) {
        const ParquetChunk *c = &g->chunks[i];
        put_chunk(meta, c, i, w);
        packed += c->packed_bytes;
        if (i == 0)
            offset = c->dictionary_offset ? c->dictionary_offset : c->data_offset;
    }
    thrift_put_i64(w, 2, g->plain_bytes);
    thrift_put_i64(w, 3, g->row_count);
    if (g->sorting_count)
        put_sorting(g, w);
    thrift_put_i64(w, 5, offset);
    thrift_put_i64(w, 6, packed);
    if (idx <= INT16_MAX)
        thrift_put_i16(w, 7, (int16_t)idx);
    thrift_end(w, saved);
}

void parquet_meta_encode(const ParquetMeta *meta, Buf *out)
{
    ThriftWriter w = {out};

    thrift_put_i32(&w, 1, meta->version);
    thrift_put_list(&w, 2, THRIFT_STRUCT, meta->node_count);
    for (uint32_t i = 0; i < meta->node_count; i++)
        put_node(&meta->nodes[i], i == 0, &w);
    thrift_put_i64(&w, 3, meta->row_count);
    thrift_put_list(&w, 4, THRIFT_STRUCT, meta->group_count);
    for (uint32_t i = 0; i < meta->group_count; i++)
        put_group(meta, &meta->groups[i], i, &w);
    if (meta->key_value_count) {
        thrift_put_list(&w, 5, THRIFT_STRUCT, meta->key_value_count);
        for (uint32_t i = 0; i < meta->key_value_count; i++) {
            int16_t saved = thrift_begin(&w, 0);
            thrift_put_binary(&w, 1, meta->key_values[i].key);
            thrift_put_binary(&w, 2, meta->key_values[i].value);
            thrift_end(&w, saved);
        }
    }
    thrift_put_binary(&w, 6, meta->created_by);
    thrift_put_list(&w, 7, THRIFT_STRUCT, meta->leaf_count);
    for (uint32_t i = 0; i < meta->leaf_count; i++) {
        int16_t saved = thrift_begin(&w, 0);
        thrift_put_empty(&w, 1);
        thrift_end(&w, saved);
    }
    thrift_stop(&w);
}

static void put_page_head(const ParquetPageHeader *h, ThriftWriter *w)
{
    int16_t saved;

    if (h->type == PARQUET_DICTIONARY_PAGE) {
        saved = thrift_begin(w, 7);
        thrift_put_i32(w, 1, h->value_count);
        thrift_put_i32(w, 2, (int32_t)h->encoding);
    } else if (h->type == PARQUET_DATA_PAGE) {
        saved = thrift_begin(w, 5);
        thrift_put_i32(w, 1, h->value_count);
        thrift_put_i32(w, 2, (int32_t)h->encoding);
        thrift_put_i32(w, 3, (int32_t)h->def_encoding);
        thrift_put_i32(w, 4, (int32_t)h->rep_encoding);
    } else {
        saved = thrift_begin(w, 8);
        thrift_put_i32(w, 1, h->value_count);
        thrift_put_i32(w, 2, h->null_count);
        thrift_put_i32(w, 3, h->row_count);
        thrift_put_i32(w, 4, (int32_t)h->encoding);
        thrift_put_i32(w, 5, h->def_bytes);
        thrift_put_i32(w, 6, h->rep_bytes);
        thrift_put_bool(w, 7, h->packed);
    }
    thrift_end(w, saved);
}

void parquet_page_header_encode(const ParquetPageHeader *header, Buf *out)
{
    ThriftWriter w = {out};

    thrift_put_i32(&w, 1, (int32_t)header->type);
    thrift_put_i32(&w, 2, header->plain_bytes);
    thrift_put_i32(&w, 3, header->packed_bytes);
    if (header->has_crc)
        thrift_put_i32(&w, 4, (int32_t)header->crc);
    put_page_head(header, &w);
    thrift_stop(&w);
}

void parquet_offset_index_encode(const ParquetPageIndex *index, Buf *out)
{
    ThriftWriter w = {out};

    thrift_put_list(&w, 1, THRIFT_STRUCT, index->page_count);
    for (uint32_t i = 0; i < index->page_count; i++) {
        int16_t saved = thrift_begin(&w, 0);
        thrift_put_i64(&w, 1, index->pages[i].offset);
        thrift_put_i32(&w, 2, index->pages[i].packed_bytes);
        thrift_put_i64(&w, 3, index->pages[i].first_row);
        thrift_end(&w, saved);
    }
    thrift_stop(&w);
}

void parquet_column_index_encode(const ParquetPageIndex *index, Buf *out)
{
    ThriftWriter w = {out};

    thrift_put_list(&w, 1, THRIFT_TRUE, index->page_count);
    for (uint32_t i = 0; i < index->page_count; i++)
        thrift_put_list_bool(&w, index->null_pages[i]);
    thrift_put_list(&w, 2, THRIFT_BINARY, index->page_count);
    for (uint32_t i = 0; i < index->page_count; i++)
        thrift_put_list_binary(&w, index->stats[i].min);
    thrift_put_list(&w, 3, THRIFT_BINARY, index->page_count);
    for (uint32_t i = 0; i < index->page_count; i++)
        thrift_put_list_binary(&w, index->stats[i].max);
    thrift_put_i32(&w, 4, index->boundary_order);
    thrift_put_list(&w, 5, THRIFT_I64, index->page_count);
    for (uint32_t i = 0; i < index->page_count; i++)
        thrift_put_list_i64(&w, index->stats[i].null_count);
    thrift_stop(&w);
}

/* parquet_schema.c - the tree behind the flat list of schema elements, and names of things. */
#include "format/parquet/parquet_int.h"

#include <stdio.h>

static Status bad_schema(Error *err, const char *what)
{
    return error_set(err, STATUS_INVALID, "parquet: malformed schema: %s", what);
}

static Status check_node(const ParquetNode *node, Error *err)
{
    if (node->child_count < 0 || (node->is_leaf && node->child_count > 0))
        return bad_schema(err, "children of a leaf");
    if (node->is_leaf && node->physical == PARQUET_FIXED &&
        (node->fixed_bytes < 0 || node->fixed_bytes > 1 << 20))
        return bad_schema(err, "length of a fixed-length type");
    return STATUS_OK;
}

/* Closes every open group that has got all its children. */
static uint32_t close_groups(ParquetMeta *meta, uint32_t *stack, int32_t *left, uint32_t depth,
                             uint32_t next)
{
    while (depth && left[depth - 1] == 0)
        meta->nodes[stack[--depth]].end = (int32_t)next;
    return depth;
}

Status parquet__schema_derive(ParquetMeta *meta, Arena *arena, Error *err)
{
    uint32_t stack[PARQUET_DEPTH_MAX];
    int32_t left[PARQUET_DEPTH_MAX];
    uint32_t depth = 0;

    if (!meta->node_count || meta->nodes[0].is_leaf)
        return bad_schema(err, "no root");
    TRY(arena_try_alloc(arena, sizeof *meta->leaf_nodes * meta->node_count, &meta->leaf_nodes,
                        err));
    meta->nodes[0].repetition = PARQUET_REQUIRED;
    for (uint32_t i = 0; i < meta->node_count; i++) {
        ParquetNode *node = &meta->nodes[i];
        TRY(check_node(node, err));
        if ((i > 0) != (depth > 0))
            return bad_schema(err, "more elements than children");
        node->parent = i ? (int32_t)stack[depth - 1] : -1;
        node->leaf = (int32_t)meta->leaf_count;
        node->end = (int32_t)i + 1;
        if (i) {
            const ParquetNode *parent = &meta->nodes[node->parent];
            node->def_max = parent->def_max + (node->repetition != PARQUET_REQUIRED);
            node->rep_max = parent->rep_max + (node->repetition == PARQUET_REPEATED);
            left[depth - 1]--;
        }
        if (node->is_leaf) {
            if (meta->leaf_count == PARQUET_LEAVES_MAX)
                return error_set(err, STATUS_LIMIT, "parquet: more than %d columns",
                                 PARQUET_LEAVES_MAX);
            meta->leaf_nodes[meta->leaf_count++] = i;
        } else {
            if (depth == PARQUET_DEPTH_MAX)
                return error_set(err, STATUS_LIMIT, "parquet: schema nested deeper than %d",
                                 PARQUET_DEPTH_MAX);
            stack[depth] = i;
            left[depth++] = node->child_count;
        }
        depth = close_groups(meta, stack, left, depth, i + 1);
    }
    return depth ? bad_schema(err, "elements are missing") : STATUS_OK;
}

void parquet_append_path(const ParquetMeta *meta, uint32_t node, Buf *out)
{
    uint32_t path[PARQUET_DEPTH_MAX + 1];
    uint32_t depth = 0;

    for (uint32_t at = node; at != 0; at = (uint32_t)meta->nodes[at].parent)
        path[depth++] = at;
    for (uint32_t i = depth; i-- > 0;) {
        buf_append_str(out, meta->nodes[path[i]].name);
        if (i)
            buf_append_byte(out, '.');
    }
}

const char *parquet_physical_name(ParquetPhysical physical)
{
    static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    return (unsigned)physical < LUMA_ARRAY_LEN(names) ? names[physical] : "?";
}

const char *parquet_encoding_name(ParquetEncoding encoding)
{
    static const char *const names[] = {
        "PLAIN",          "GROUP_VAR_INT",       "PLAIN_DICTIONARY",        "RLE",
        "BIT_PACKED",     "DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY",
        "RLE_DICTIONARY", "BYTE_STREAM_SPLIT"};
    return (unsigned)encoding < LUMA_ARRAY_LEN(names) ? names[encoding] : "?";
}

const char *parquet_codec_name(ParquetCodec codec)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                        "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
    return (unsigned)codec < LUMA_ARRAY_LEN(names) ? names[codec] : "?";
}

const char *parquet_logical_name(const ParquetNode *node, char buf[64])
{
    static const char *const names[] = {
        "",         "string",  "map",  "list", "enum", "decimal", "date",    "time", "timestamp",
        "interval", "integer", "null", "json", "bson", "uuid",    "float16", "other"};
    static const char *const units[] = {"ms", "us", "ns"};

    if (node->logical == PARQUET_LOGICAL_DECIMAL)
        (void)snprintf(buf, 64, "decimal(%d, %d)", node->precision, node->scale);
    else if (node->logical == PARQUET_LOGICAL_INTEGER)
        (void)snprintf(buf, 64, "%s%d", node->is_signed ? "int" : "uint", node->bit_width);
    else if (node->logical == PARQUET_LOGICAL_TIME || node->logical == PARQUET_LOGICAL_TIMESTAMP)
        (void)snprintf(buf, 64, "%s(%s%s)", names[node->logical], units[node->unit],
                       node->utc ? ", utc" : "");
    else
        (void)snprintf(buf, 64, "%s", names[node->logical]);
    return buf;
}

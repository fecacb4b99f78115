/* parquet_writer.c - row groups, their indexes and the footer. */
#include "format/parquet/parquet_writer.h"

#include "format/json/json.h"
#include "format/parquet/parquet_chunk_int.h"

struct ParquetWriter {
    ParquetSink sink;
    ParquetWriterOptions options;
    Arena arena; /* schema, options, chunks of the groups written */
    ParquetMeta meta;
    Schema schema;
    ChunkWriter *chunks;
    uint32_t chunk_count; /* initialised */
    uint32_t group_cap;
    uint32_t key_value_cap;
    uint64_t offset; /* bytes written */
    int64_t group_rows;
    int64_t charged_bytes;
    Buf scratch;
};

static Status put(ParquetWriter *w, Str bytes, Error *err)
{
    if (bytes.len)
        TRY(w->sink.write(w->sink.ctx, bytes.ptr, bytes.len, err));
    w->offset += bytes.len;
    return STATUS_OK;
}

static void set_defaults(ParquetWriterOptions *o)
{
    o->page_rows = o->page_rows ? o->page_rows : 20000;
    o->page_bytes = o->page_bytes ? o->page_bytes : 1 << 20;
    o->dictionary_bytes_max = o->dictionary_bytes_max ? o->dictionary_bytes_max : 1 << 20;
    o->group_rows = o->group_rows ? o->group_rows : 1 << 20;
    o->group_bytes = o->group_bytes ? o->group_bytes : 64 << 20;
}

static Status make_schema(ParquetWriter *w, const ParquetWriterOptions *options, Error *err)
{
    uint32_t count = w->schema.field_count;

    w->meta.nodes = ARENA_NEW_ARRAY(&w->arena, ParquetNode, count + 1);
    w->meta.nodes[0] = (ParquetNode){.name = STR("schema"), .child_count = (int32_t)count};
    w->meta.node_count = count + 1;
    w->chunks = ARENA_NEW_ARRAY(&w->arena, ChunkWriter, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        ParquetColumnOptions column =
            options->columns ? options->columns[i] : (ParquetColumnOptions){0};
        ChunkKind kind;
        ParquetNode *node = &w->meta.nodes[i + 1];
        TRY(parquet__node_of(&w->schema.fields[i], &column, node, &kind, err));
        TRY(parquet__chunk_init(&w->chunks[i], &w->schema.fields[i], node, kind, &column,
                                &w->options, err));
        w->chunk_count++;
    }
    return parquet__schema_derive(&w->meta, &w->arena, err);
}

/* The SQL types, for readers that know them. */
static void put_types(ParquetWriter *w)
{
    char name[64];

    buf_clear(&w->scratch);
    buf_append_byte(&w->scratch, '{');
    for (uint32_t i = 0; i < w->schema.field_count; i++) {
        if (i)
            buf_append_byte(&w->scratch, ',');
        json_append_string(&w->scratch, w->schema.fields[i].name);
        buf_append_byte(&w->scratch, ':');
        json_append_string(&w->scratch, str_from(type_pg_name(w->schema.fields[i].type, name)));
    }
    buf_append_byte(&w->scratch, '}');
    parquet_writer_metadata(w, STR("lumadb.types"), buf_str(&w->scratch));
}

Status parquet_writer_new(const ParquetSink *sink, const Schema *schema,
                          const ParquetWriterOptions *options, ParquetWriter **ret, Error *err)
{
    ParquetWriter *w = MEM_NEW(ParquetWriter);

    w->sink = *sink;
    w->options = *options;
    set_defaults(&w->options);
    arena_init(&w->arena, NULL);
    w->schema = schema_copy(schema, &w->arena);
    w->meta.version = 2;
    w->meta.created_by = STR("lumadb version " LUMADB_VERSION " (build 0)");
    if (options->sorting_count)
        w->options.sorting = arena_dup(&w->arena, options->sorting,
                                       options->sorting_count * sizeof *options->sorting);
    Status status = make_schema(w, options, err);
    if (status == STATUS_OK)
        status = put(w, STR("PAR1"), err);
    if (status != STATUS_OK) {
        (void)parquet_writer_free(w);
        return status;
    }
    put_types(w);
    *ret = w;
    return STATUS_OK;
}

ParquetWriter *parquet_writer_free(ParquetWriter *w)
{
    if (!w)
        return NULL;
    for (uint32_t i = 0; i < w->schema.field_count && w->chunks; i++)
        parquet__chunk_done(&w->chunks[i]);
    if (w->options.budget)
        mem_budget_release(w->options.budget, w->charged_bytes);
    buf_done(&w->scratch);
    arena_done(&w->arena);
    mem_free(w);
    return NULL;
}

void parquet_writer_metadata(ParquetWriter *w, Str key, Str value)
{
    ParquetKeyValue kv = {arena_str(&w->arena, key), arena_str(&w->arena, value)};

    ARENA_PUSH(&w->arena, w->meta.key_values, w->meta.key_value_count, w->key_value_cap, kv);
}

int64_t parquet_writer_rows(const ParquetWriter *w)
{
    return w->meta.row_count + w->group_rows;
}

uint64_t parquet_writer_bytes(const ParquetWriter *w)
{
    return w->offset;
}

static int64_t memory(const ParquetWriter *w)
{
    int64_t bytes = (int64_t)w->scratch.cap;

    for (uint32_t i = 0; i < w->chunk_count; i++)
        bytes += (int64_t)parquet__chunk_bytes(&w->chunks[i]);
    return bytes;
}

/* Charges what the batch has added. */
static Status charge(ParquetWriter *w, int64_t bytes, Error *err)
{
    if (!w->options.budget)
        return STATUS_OK;
    if (bytes > w->charged_bytes)
        TRY(mem_budget_charge(w->options.budget, bytes - w->charged_bytes, err));
    else
        mem_budget_release(w->options.budget, w->charged_bytes - bytes);
    w->charged_bytes = bytes;
    return STATUS_OK;
}

Status parquet_writer_append(ParquetWriter *w, const RecordBatch *batch, Error *err)
{
    ASSERT(batch->column_count == w->schema.field_count);
    for (uint32_t from = 0; from < batch->row_count;) {
        uint32_t n = (uint32_t)LUMA_MIN((int64_t)(batch->row_count - from),
                                        w->options.group_rows - w->group_rows);
        for (uint32_t i = 0; i < batch->column_count; i++)
            TRY(parquet__chunk_append(&w->chunks[i], &batch->columns[i], from, n, err));
        w->group_rows += n;
        from += n;
        int64_t bytes = memory(w);
        TRY(charge(w, bytes, err));
        if (w->group_rows >= w->options.group_rows || bytes >= w->options.group_bytes)
            TRY(parquet_writer_end_group(w, err));
    }
    return STATUS_OK;
}

/* ---- closing a row group ---- */

static Status write_chunk(ParquetWriter *w, ChunkWriter *c, ParquetChunk *chunk, Error *err)
{
    uint64_t begin = w->offset;

    TRY(parquet__chunk_end_page(c, err));
    buf_clear(&w->scratch);
    TRY(parquet__chunk_dictionary_page(c, &w->scratch, err));
    if (w->scratch.len)
        chunk->dictionary_offset = (int64_t)begin;
    TRY(put(w, buf_str(&w->scratch), err));
    chunk->data_offset = (int64_t)w->offset;
    TRY(put(w, buf_str(&c->pages), err));
    chunk->physical = c->node->physical;
    chunk->codec = c->codec;
    chunk->encodings = c->encodings;
    chunk->value_count = c->row_count;
    chunk->plain_bytes = c->plain_bytes;
    chunk->packed_bytes = (int64_t)(w->offset - begin);
    chunk->stats = parquet__chunk_stats(c, &w->arena);
    return STATUS_OK;
}

static Status write_bloom(ParquetWriter *w, ChunkWriter *c, ParquetChunk *chunk, Error *err)
{
    buf_clear(&w->scratch);
    parquet__chunk_bloom(c, &w->scratch);
    if (w->scratch.len) {
        chunk->bloom_offset = (int64_t)w->offset;
        chunk->bloom_bytes = (int32_t)w->scratch.len;
    }
    return put(w, buf_str(&w->scratch), err);
}

/* 1 when both bounds ascend, 2 when they descend, else 0; compared as the reader will. */
static uint8_t boundary_order(const ParquetPageIndex *index, const ChunkWriter *c)
{
    bool integers = c->node->physical == PARQUET_INT32 || c->node->physical == PARQUET_INT64;
    bool up = integers;
    bool down = integers;
    int64_t last[2] = {0};
    bool any = false;

    for (uint32_t i = 0; integers && i < index->page_count; i++) {
        int64_t bound[2] = {0};
        int32_t narrow[2];
        if (index->null_pages[i])
            continue;
        memcpy(c->width == 8 ? (void *)&bound[0] : &narrow[0], index->stats[i].min.ptr, c->width);
        memcpy(c->width == 8 ? (void *)&bound[1] : &narrow[1], index->stats[i].max.ptr, c->width);
        for (int b = 0; b < 2; b++) {
            if (c->width == 4)
                bound[b] = narrow[b];
            up &= !any || bound[b] >= last[b];
            down &= !any || bound[b] <= last[b];
            last[b] = bound[b];
        }
        any = true;
    }
    return up ? 1 : down ? 2 : 0;
}

static void make_index(const ChunkWriter *c, const ParquetChunk *chunk, Arena *arena,
                       ParquetPageIndex *ret)
{
    ParquetPageIndex index = {.page_count = c->page_count};

    index.pages = ARENA_NEW_ARRAY(arena, ParquetPageLocation, c->page_count + 1);
    index.stats = ARENA_NEW_ARRAY(arena, ParquetStats, c->page_count + 1);
    index.null_pages = ARENA_NEW_ARRAY(arena, bool, c->page_count + 1);
    for (uint32_t i = 0; i < c->page_count; i++) {
        const ChunkPage *page = &c->page_list[i];
        index.pages[i] = page->at;
        index.pages[i].offset += chunk->data_offset;
        index.null_pages[i] = page->all_null;
        index.stats[i] = (ParquetStats){
            .min = str_make(c->index_bytes.ptr ? c->index_bytes.ptr + page->min_at : "",
                            page->min_len),
            .max = str_make(c->index_bytes.ptr ? c->index_bytes.ptr + page->max_at : "",
                            page->max_len),
            .null_count = page->null_count,
        };
    }
    index.boundary_order = c->skip_index ? 0 : boundary_order(&index, c);
    *ret = index;
}

static Status write_indexes(ParquetWriter *w, ChunkWriter *c, ParquetChunk *chunk, Error *err)
{
    ParquetPageIndex index;
    Arena scratch;

    arena_init(&scratch, NULL);
    make_index(c, chunk, &scratch, &index);
    buf_clear(&w->scratch);
    if (!c->skip_index) {
        parquet_column_index_encode(&index, &w->scratch);
        chunk->column_index_offset = (int64_t)w->offset;
        chunk->column_index_bytes = (int32_t)w->scratch.len;
    }
    chunk->offset_index_offset = (int64_t)(w->offset + w->scratch.len);
    size_t before = w->scratch.len;
    parquet_offset_index_encode(&index, &w->scratch);
    chunk->offset_index_bytes = (int32_t)(w->scratch.len - before);
    arena_done(&scratch);
    return put(w, buf_str(&w->scratch), err);
}

Status parquet_writer_end_group(ParquetWriter *w, Error *err)
{
    ParquetRowGroup group = {
        .row_count = w->group_rows,
        .first_row = w->meta.row_count,
        .sorting = (ParquetSorting *)(uintptr_t)w->options.sorting,
        .sorting_count = w->options.sorting_count,
    };

    if (!w->group_rows)
        return STATUS_OK;
    group.chunks = ARENA_NEW_ARRAY(&w->arena, ParquetChunk, w->chunk_count + 1);
    for (uint32_t i = 0; i < w->chunk_count; i++) {
        TRY(write_chunk(w, &w->chunks[i], &group.chunks[i], err));
        group.plain_bytes += group.chunks[i].plain_bytes;
    }
    for (uint32_t i = 0; i < w->chunk_count; i++)
        TRY(write_bloom(w, &w->chunks[i], &group.chunks[i], err));
    for (uint32_t i = 0; i < w->chunk_count; i++) {
        TRY(write_indexes(w, &w->chunks[i], &group.chunks[i], err));
        parquet__chunk_clear(&w->chunks[i]);
    }
    w->meta.row_count += w->group_rows;
    w->group_rows = 0;
    ARENA_PUSH(&w->arena, w->meta.groups, w->meta.group_count, w->group_cap, group);
    return charge(w, memory(w), err);
}

Status parquet_writer_finish(ParquetWriter *w, uint64_t *ret_bytes, Error *err)
{
    TRY(parquet_writer_end_group(w, err));
    buf_clear(&w->scratch);
    parquet_meta_encode(&w->meta, &w->scratch);
    buf_append_u32(&w->scratch, (uint32_t)w->scratch.len);
    buf_append_lit(&w->scratch, "PAR1");
    TRY(put(w, buf_str(&w->scratch), err));
    *ret_bytes = w->offset;
    return STATUS_OK;
}

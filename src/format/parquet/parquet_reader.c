/* parquet_reader.c - opening files and scanning row groups. */
#include "format/parquet/parquet_int.h"

enum { TAIL_BYTES = 64 << 10, END_BYTES = 8 };

/* ---- sources ---- */

ParquetSource parquet_source_memory(Str bytes)
{
    return (ParquetSource){.size = bytes.len, .mapped = bytes.ptr ? bytes.ptr : ""};
}

static Status read_vfs(void *ctx, uint64_t offset, void *dst, size_t len, Error *err)
{
    VfsFile *file = ctx;
    size_t got = 0;

    TRY(vfs_read(file, offset, dst, len, &got, err));
    return got == len ? STATUS_OK
                      : error_set(err, STATUS_IO, "%s: file ends at byte %llu", file->path,
                                  (unsigned long long)(offset + got));
}

Status parquet_source_vfs(VfsFile *file, ParquetSource *ret, Error *err)
{
    ParquetSource source = {.read = read_vfs, .ctx = file};

    TRY(file->vfs->ops->size(file, &source.size, err));
    *ret = source;
    return STATUS_OK;
}

static Status read_bytes(const ParquetSource *source, uint64_t offset, size_t len, Arena *arena,
                         Str *ret, Error *err)
{
    char *bytes;

    if (offset > source->size || len > source->size - offset)
        return error_set(err, STATUS_INVALID, "parquet: metadata lies outside the file");
    if (source->mapped) {
        *ret = str_make(source->mapped + offset, len);
        return STATUS_OK;
    }
    TRY(arena_try_alloc(arena, len + 1, &bytes, err));
    TRY(source->read(source->ctx, offset, bytes, len, err));
    *ret = str_make(bytes, len);
    return STATUS_OK;
}

/* ---- open ---- */

static Status read_footer(const ParquetSource *source, Arena *arena, Str *ret, Error *err)
{
    size_t tail_len = (size_t)LUMA_MIN(source->size, (uint64_t)TAIL_BYTES);
    uint32_t len;
    Str tail;

    if (source->size < 4 + END_BYTES)
        return error_set(err, STATUS_INVALID, "not a Parquet file: too short");
    TRY(read_bytes(source, source->size - tail_len, tail_len, arena, &tail, err));
    Str magic = str_sub(tail, tail.len - 4, 4);
    if (str_eq(magic, STR("PARE")))
        return error_set(err, STATUS_UNSUPPORTED, "parquet: encrypted files are not read");
    if (!str_eq(magic, STR("PAR1")))
        return error_set(err, STATUS_INVALID, "not a Parquet file: it does not end in PAR1");
    memcpy(&len, tail.ptr + tail.len - END_BYTES, 4);
    if (len > source->size - END_BYTES - 4 || len > PARQUET_FOOTER_BYTES_MAX)
        return error_set(err, STATUS_INVALID, "parquet: footer longer than the file");
    if (len + END_BYTES <= tail.len) {
        *ret = str_sub(tail, tail.len - END_BYTES - len, len);
        return STATUS_OK;
    }
    return read_bytes(source, source->size - END_BYTES - len, len, arena, ret, err);
}

static uint32_t leaves_of(const ParquetMeta *meta, int32_t node)
{
    uint32_t count = 0;

    for (int32_t i = node; i < meta->nodes[node].end; i++)
        count += meta->nodes[i].is_leaf;
    return count;
}

static ParquetColumn column_of(const ParquetMeta *meta, int32_t node)
{
    const ParquetNode *n = &meta->nodes[node];
    ParquetColumn column = {
        .node = (uint32_t)node,
        .first_leaf = (uint32_t)n->leaf,
        .leaf_count = leaves_of(meta, node),
        .is_nested = !n->is_leaf || n->repetition == PARQUET_REPEATED,
        .element = -1,
    };

    if (!column.is_nested) {
        column.type = parquet__convert_of(n).type;
        return column;
    }
    column.element = parquet__list_element(meta, node);
    column.type = TYPE_OF(JSON);
    if (column.element >= 0) {
        column.type = parquet__convert_of(&meta->nodes[column.element]).type;
        column.type.is_array = true;
    }
    return column;
}

Status parquet_open(const ParquetSource *source, Arena *arena, ParquetFile *ret, Error *err)
{
    ParquetFile file = {.source = *source};
    ParquetColumn *columns;
    Field *fields;
    Str footer;

    TRY(read_footer(source, arena, &footer, err));
    TRY(parquet_meta_decode(footer, arena, &file.meta, err));
    uint32_t count = (uint32_t)file.meta.nodes[0].child_count;
    TRY(arena_try_alloc(arena, sizeof *columns * count + 1, &columns, err));
    TRY(arena_try_alloc(arena, sizeof *fields * count + 1, &fields, err));
    int32_t node = 1;
    for (uint32_t i = 0; i < count; i++) {
        const ParquetNode *n = &file.meta.nodes[node];
        columns[i] = column_of(&file.meta, node);
        fields[i] = (Field){.name = n->name,
                            .type = columns[i].type,
                            .not_null = n->repetition == PARQUET_REQUIRED};
        node = n->end;
    }
    file.columns = columns;
    file.column_count = count;
    file.schema = (Schema){fields, count};
    *ret = file;
    return STATUS_OK;
}

bool parquet_metadata(const ParquetFile *file, Str key, Str *ret_value)
{
    for (uint32_t i = 0; i < file->meta.key_value_count; i++)
        if (str_eq(file->meta.key_values[i].key, key)) {
            *ret_value = file->meta.key_values[i].value;
            return true;
        }
    return false;
}

Status parquet_page_index(const ParquetFile *file, uint32_t group, uint32_t leaf, Arena *arena,
                          ParquetPageIndex *ret, Error *err)
{
    const ParquetRowGroup *g = &file->meta.groups[group];
    const ParquetChunk *c = &g->chunks[leaf];
    ParquetPageIndex index = {0};
    Str bytes;

    *ret = index;
    if (c->offset_index_offset <= 0 || c->offset_index_bytes <= 0)
        return STATUS_OK;
    TRY(read_bytes(&file->source, (uint64_t)c->offset_index_offset, (size_t)c->offset_index_bytes,
                   arena, &bytes, err));
    TRY(parquet_offset_index_decode(bytes, g->row_count, arena, &index, err));
    if (c->column_index_offset > 0 && c->column_index_bytes > 0) {
        TRY(read_bytes(&file->source, (uint64_t)c->column_index_offset,
                       (size_t)c->column_index_bytes, arena, &bytes, err));
        TRY(parquet_column_index_decode(bytes, arena, &index, err));
    }
    *ret = index;
    return STATUS_OK;
}

/* ---- scans ---- */

struct ParquetScan {
    const ParquetFile *file;
    uint32_t *columns;
    uint32_t column_count;
    LeafReader **leaves; /* of all columns, one after another */
    uint32_t leaf_count;
    Schema schema;
    Arena group_arena; /* page indexes and ranges of the current group */
    MemBudget *budget;
    const ParquetRows *ranges;
    uint32_t range_count;
    uint32_t range_idx;
    int64_t range_at;  /* rows of the range taken */
    int64_t row;       /* where the leaves stand */
    int64_t first_row; /* of the last batch */
};

ParquetScan *parquet_scan_new(const ParquetFile *file, const ParquetScanOptions *options)
{
    ParquetScan *scan = MEM_NEW(ParquetScan);
    uint32_t count = options->columns ? options->column_count : file->column_count;
    Field *fields = MEM_NEW_ARRAY(Field, count + 1);

    scan->file = file;
    scan->budget = options->budget;
    scan->columns = MEM_NEW_ARRAY(uint32_t, count + 1);
    scan->column_count = count;
    arena_init(&scan->group_arena, options->budget);
    for (uint32_t i = 0; i < count; i++) {
        scan->columns[i] = options->columns ? options->columns[i] : i;
        ASSERT(scan->columns[i] < file->column_count);
        fields[i] = file->schema.fields[scan->columns[i]];
        scan->leaf_count += file->columns[scan->columns[i]].leaf_count;
    }
    scan->schema = (Schema){fields, count};
    scan->leaves = MEM_NEW_ARRAY(LeafReader *, scan->leaf_count + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const ParquetColumn *c = &file->columns[scan->columns[i]];
        for (uint32_t l = 0; l < c->leaf_count; l++)
            scan->leaves[at++] =
                parquet__leaf_new(file, c->first_leaf + l, !options->skip_crc, options->budget);
    }
    return scan;
}

ParquetScan *parquet_scan_free(ParquetScan *scan)
{
    if (!scan)
        return NULL;
    for (uint32_t i = 0; i < scan->leaf_count; i++)
        (void)parquet__leaf_free(scan->leaves[i]);
    mem_free(scan->leaves);
    mem_free(scan->columns);
    mem_free((void *)(uintptr_t)scan->schema.fields);
    arena_done(&scan->group_arena);
    mem_free(scan);
    return NULL;
}

static Status copy_ranges(ParquetScan *scan, const ParquetRows *ranges, uint32_t count,
                          int64_t row_count, Error *err)
{
    ParquetRows *copy;
    int64_t end = 0;

    TRY(arena_try_alloc(&scan->group_arena, sizeof *copy * count + 1, &copy, err));
    for (uint32_t i = 0; i < count; i++) {
        copy[i] = ranges[i];
        ASSERT(ranges[i].first >= end && ranges[i].count >= 0 &&
               ranges[i].count <= row_count - ranges[i].first);
        end = ranges[i].first + ranges[i].count;
    }
    scan->ranges = copy;
    scan->range_count = count;
    return STATUS_OK;
}

Status parquet_scan_group(ParquetScan *scan, uint32_t group, const ParquetRows *ranges,
                          uint32_t range_count, Error *err)
{
    const ParquetRowGroup *g = &scan->file->meta.groups[group];
    const ParquetRows all = {0, g->row_count};
    uint32_t at = 0;

    arena_reset(&scan->group_arena);
    scan->range_count = scan->range_idx = 0;
    scan->range_at = scan->row = 0;
    for (uint32_t i = 0; i < scan->column_count; i++) {
        const ParquetColumn *c = &scan->file->columns[scan->columns[i]];
        for (uint32_t l = 0; l < c->leaf_count; l++, at++) {
            ParquetPageIndex *index = NULL;
            if (ranges) {
                TRY(arena_try_alloc(&scan->group_arena, sizeof *index, &index, err));
                TRY(parquet_page_index(scan->file, group, c->first_leaf + l, &scan->group_arena,
                                       index, err));
            }
            TRY(parquet__leaf_open(scan->leaves[at], group, index, err));
        }
    }
    return copy_ranges(scan, ranges ? ranges : &all, ranges ? range_count : 1, g->row_count, err);
}

static Status skip_to(ParquetScan *scan, int64_t row, Error *err)
{
    if (row == scan->row)
        return STATUS_OK;
    for (uint32_t i = 0; i < scan->leaf_count; i++)
        TRY(parquet__leaf_skip(scan->leaves[i], (uint64_t)(row - scan->row), err));
    scan->row = row;
    return STATUS_OK;
}

static Status read_column(ParquetScan *scan, uint32_t idx, LeafReader **leaves, uint32_t n,
                          Arena *arena, Column *ret, Error *err)
{
    const ParquetColumn *c = &scan->file->columns[scan->columns[idx]];
    LeafEntries *entries;

    if (!c->is_nested)
        return parquet__leaf_read(leaves[0], n, arena, ret, err);
    if (!c->leaf_count)
        return error_set(err, STATUS_UNSUPPORTED, "parquet: group \"%.*s\" has no columns",
                         STR_FMT(scan->schema.fields[idx].name));
    TRY(arena_try_alloc(arena, sizeof *entries * c->leaf_count, &entries, err));
    for (uint32_t i = 0; i < c->leaf_count; i++)
        TRY(parquet__leaf_entries(leaves[i], n, arena, &entries[i], err));
    return parquet__assemble(scan->file, c, entries, n, arena, ret, err);
}

Status parquet_scan_next(ParquetScan *scan, uint32_t rows_max, Arena *arena, RecordBatch *ret,
                         Error *err)
{
    LeafReader **leaves = scan->leaves;

    while (scan->range_idx < scan->range_count &&
           scan->range_at == scan->ranges[scan->range_idx].count) {
        scan->range_idx++;
        scan->range_at = 0;
    }
    *ret = (RecordBatch){.schema = &scan->schema, .column_count = scan->column_count};
    if (scan->range_idx == scan->range_count)
        return STATUS_OK;
    const ParquetRows *range = &scan->ranges[scan->range_idx];
    uint32_t n = (uint32_t)LUMA_MIN(range->count - scan->range_at, (int64_t)rows_max);
    TRY(skip_to(scan, range->first + scan->range_at, err));
    TRY(arena_try_alloc(arena, sizeof *ret->columns * scan->column_count + 1, &ret->columns, err));
    for (uint32_t i = 0; i < scan->column_count; i++) {
        TRY(read_column(scan, i, leaves, n, arena, &ret->columns[i], err));
        leaves += scan->file->columns[scan->columns[i]].leaf_count;
    }
    scan->first_row = scan->row;
    scan->row += n;
    scan->range_at += n;
    ret->row_count = n;
    return STATUS_OK;
}

int64_t parquet_scan_first_row(const ParquetScan *scan)
{
    return scan->first_row;
}

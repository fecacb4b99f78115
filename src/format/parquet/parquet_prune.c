/* parquet_prune.c - which rows of a group can satisfy predicates: statistics, bloom filters, page
 * index. */
#include "format/parquet/parquet_int.h"
#include "format/pgtype/numeric.h"

/* ---- bounds ---- */

/* One PLAIN value (without length) as row 0 of a column. */
static Status value_of(const Convert *c, ParquetPhysical physical, Str plain, Arena *arena,
                       Column *ret, bool *ret_known, Error *err)
{
    uint64_t aligned[2] = {0};
    View view = view_make(plain.ptr, plain.len);
    const void *raw = aligned;

    *ret_known = physical == PARQUET_BYTE_ARRAY || plain.len == c->width;
    if (!*ret_known)
        return STATUS_OK;
    TRY(column_init(ret, arena, c->type, 1, false, err));
    if (physical == PARQUET_BYTE_ARRAY)
        raw = &view;
    else if (c->width > sizeof aligned)
        raw = plain.ptr;
    else
        memcpy(aligned, plain.ptr, plain.len);
    if (parquet__convert_in_place(c)) {
        size_t width = layout_width(type_layout(c->type));
        memcpy(column_values(ret), raw, width ? width : 1);
        return STATUS_OK;
    }
    if (parquet__convert(c, raw, 1, column_values(ret), arena, NULL) != STATUS_OK)
        *ret_known = false;
    if (c->kind == CONVERT_FIXED_VIEW)
        *(View *)column_values(ret) = view;
    return STATUS_OK;
}

static bool has_order(const ParquetNode *node)
{
    return node->physical != PARQUET_INT96 && node->logical != PARQUET_LOGICAL_INTERVAL &&
           node->logical != PARQUET_LOGICAL_OTHER && node->logical != PARQUET_LOGICAL_NULL;
}

static bool is_nan(const Column *c)
{
    if (type_layout(c->type) != LAYOUT_FLOAT && type_layout(c->type) != LAYOUT_DOUBLE)
        return false;
    double value = column_f64(c, 0);
    return value != value;
}

Status parquet_stats_bounds(const ParquetFile *file, uint32_t column, const ParquetStats *stats,
                            Arena *arena, Column *ret_min, Column *ret_max, bool *ret_known,
                            Error *err)
{
    const ParquetColumn *c = &file->columns[column];
    const ParquetNode *node = &file->meta.nodes[c->node];
    bool min_known = false;
    bool max_known = false;

    *ret_known = false;
    if (c->is_nested || !stats->has_min || !stats->has_max || !has_order(node))
        return STATUS_OK;
    Convert convert = parquet__convert_of(node);
    TRY(value_of(&convert, node->physical, stats->min, arena, ret_min, &min_known, err));
    TRY(value_of(&convert, node->physical, stats->max, arena, ret_max, &max_known, err));
    *ret_known = min_known && max_known && !is_nan(ret_min) && !is_nan(ret_max);
    return STATUS_OK;
}

static int compare(const Column *a, const Column *b)
{
    switch (type_layout(a->type)) {
    case LAYOUT_BIT:
        return column_bool(a, 0) - column_bool(b, 0);
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64: {
        int64_t x = column_i64(a, 0);
        int64_t y = column_i64(b, 0);
        return (x > y) - (x < y);
    }
    case LAYOUT_FLOAT:
    case LAYOUT_DOUBLE: {
        double x = column_f64(a, 0);
        double y = column_f64(b, 0);
        return (x > y) - (x < y);
    }
    case LAYOUT_FIXED16:
        return memcmp(column_fixed16(a, 0), column_fixed16(b, 0), 16);
    case LAYOUT_VIEW:
        break;
    }
    const Column *at;
    if (a->type.id == TYPE_NUMERIC) {
        const View *x = column_at_(a, 0, sizeof(View), &at);
        return numeric_cmp(x, column_at_(b, 0, sizeof(View), &at));
    }
    return str_cmp(column_str(a, 0), column_str(b, 0));
}

/* Can a row with these statistics satisfy the predicate? `row_count` rows. */
static Status may_match(const ParquetFile *file, const ParquetPredicate *p,
                        const ParquetStats *stats, int64_t row_count, Arena *arena, bool *ret,
                        Error *err)
{
    bool floats = false;
    bool known = false;
    Column min;
    Column max;

    *ret = true;
    if (p->op == PARQUET_OP_NULL) {
        *ret = stats->null_count != 0;
        return STATUS_OK;
    }
    if (stats->null_count >= 0 && stats->null_count == row_count) {
        *ret = false;
        return STATUS_OK;
    }
    if (p->op == PARQUET_OP_NOT_NULL)
        return STATUS_OK;
    if (column_is_null(p->value, 0)) {
        *ret = false;
        return STATUS_OK;
    }
    TRY(parquet_stats_bounds(file, p->column, stats, arena, &min, &max, &known, err));
    if (!known || !type_eq(min.type, p->value->type))
        return STATUS_OK;
    Layout layout = type_layout(min.type);
    floats = layout == LAYOUT_FLOAT || layout == LAYOUT_DOUBLE;
    /* NaN lies outside the bounds, above every number. */
    if (floats && is_nan(p->value))
        return STATUS_OK;
    int low = compare(&min, p->value);
    int high = compare(&max, p->value);
    if (p->op == PARQUET_OP_EQ)
        *ret = low <= 0 && high >= 0;
    else if (p->op == PARQUET_OP_LT)
        *ret = low < 0;
    else if (p->op == PARQUET_OP_LE)
        *ret = low <= 0;
    else if (!floats || stats->nan_count == 0)
        *ret = p->op == PARQUET_OP_GT ? high > 0 : high >= 0;
    return STATUS_OK;
}

/* ---- bloom filters ---- */

/* The PLAIN bytes of a value, for types that map one to one. */
static bool plain_of(const Convert *c, const Column *value, char buf[16], Str *ret)
{
    const Column *at;

    if (c->kind == CONVERT_VIEW) {
        *ret = view_str(column_at_(value, 0, sizeof(View), &at));
        return true;
    }
    if (c->kind == CONVERT_INT16 || c->kind == CONVERT_INT8) {
        int32_t wide = (int32_t)column_i64(value, 0);
        memcpy(buf, &wide, 4);
    } else if (c->kind == CONVERT_COPY || c->kind == CONVERT_UUID) {
        memcpy(buf, column_at_(value, 0, c->width, &at), c->width);
    } else {
        return false;
    }
    /* 0.0 and -0.0 are equal and hash apart. */
    bool zero = type_layout(c->type) == LAYOUT_DOUBLE || type_layout(c->type) == LAYOUT_FLOAT;
    *ret = str_make(buf, c->width);
    return !zero || column_f64(value, 0) != 0;
}

static Status bloom_may_match(const ParquetFile *file, const ParquetChunk *chunk,
                              const ParquetPredicate *p, Arena *arena, bool *ret, Error *err)
{
    const ParquetSource *source = &file->source;
    Convert convert = parquet__convert_of(&file->meta.nodes[file->columns[p->column].node]);
    char buf[16];
    uint32_t bits = 0;
    size_t head = 0;
    char *bytes;
    Str plain;

    *ret = true;
    if (chunk->bloom_offset <= 0 || (uint64_t)chunk->bloom_offset >= source->size ||
        !type_eq(convert.type, p->value->type) || !plain_of(&convert, p->value, buf, &plain))
        return STATUS_OK;
    uint64_t left = source->size - (uint64_t)chunk->bloom_offset;
    size_t len = chunk->bloom_bytes > 0 ? (size_t)chunk->bloom_bytes : 64;
    for (int round = 0; round < 2; round++) {
        len = (size_t)LUMA_MIN((uint64_t)len, left);
        TRY(arena_try_alloc(arena, len + 1, &bytes, err));
        if (source->mapped)
            memcpy(bytes, source->mapped + chunk->bloom_offset, len);
        else
            TRY(source->read(source->ctx, (uint64_t)chunk->bloom_offset, bytes, len, err));
        if (!parquet_bloom_header_decode(str_make(bytes, len), &bits, &head))
            return STATUS_OK;
        if (bits <= len - head) {
            *ret =
                parquet_bloom_has((const uint8_t *)bytes + head, bits, parquet_bloom_hash(plain));
            return STATUS_OK;
        }
        len = head + bits;
    }
    return STATUS_OK;
}

/* ---- row groups and pages ---- */

static Status group_may_match(const ParquetFile *file, uint32_t group, const ParquetPredicate *p,
                              Arena *arena, bool *ret, Error *err)
{
    const ParquetRowGroup *g = &file->meta.groups[group];
    const ParquetChunk *chunk = &g->chunks[file->columns[p->column].first_leaf];

    TRY(may_match(file, p, &chunk->stats, g->row_count, arena, ret, err));
    if (*ret && p->op == PARQUET_OP_EQ)
        TRY(bloom_may_match(file, chunk, p, arena, ret, err));
    return STATUS_OK;
}

static void add_range(ParquetRows *ranges, uint32_t *count, int64_t first, int64_t end)
{
    if (*count && ranges[*count - 1].first + ranges[*count - 1].count == first)
        ranges[*count - 1].count = end - ranges[*count - 1].first;
    else if (end > first)
        ranges[(*count)++] = (ParquetRows){first, end - first};
}

static Status page_ranges(const ParquetFile *file, uint32_t group, const ParquetPredicate *p,
                          Arena *arena, ParquetRows **ret, uint32_t *ret_count, Error *err)
{
    int64_t row_count = file->meta.groups[group].row_count;
    ParquetPageIndex index;
    ParquetRows *ranges;
    uint32_t count = 0;

    TRY(parquet_page_index(file, group, file->columns[p->column].first_leaf, arena, &index, err));
    TRY(arena_try_alloc(arena, sizeof *ranges * (index.page_count + 1), &ranges, err));
    if (!index.stats)
        add_range(ranges, &count, 0, row_count);
    for (uint32_t i = 0; index.stats && i < index.page_count; i++) {
        int64_t first = index.pages[i].first_row;
        int64_t end = i + 1 < index.page_count ? index.pages[i + 1].first_row : row_count;
        bool may = p->op == PARQUET_OP_NULL;
        if (!index.null_pages[i])
            TRY(may_match(file, p, &index.stats[i], end - first, arena, &may, err));
        if (may)
            add_range(ranges, &count, first, end);
    }
    *ret = ranges;
    *ret_count = count;
    return STATUS_OK;
}

static Status intersect(const ParquetRows *a, uint32_t a_count, const ParquetRows *b,
                        uint32_t b_count, Arena *arena, ParquetRows **ret, uint32_t *ret_count,
                        Error *err)
{
    ParquetRows *out;
    uint32_t count = 0;
    uint32_t i = 0;
    uint32_t j = 0;

    TRY(arena_try_alloc(arena, sizeof *out * (a_count + b_count + 1), &out, err));
    while (i < a_count && j < b_count) {
        int64_t a_end = a[i].first + a[i].count;
        int64_t b_end = b[j].first + b[j].count;
        int64_t first = LUMA_MAX(a[i].first, b[j].first);
        int64_t end = LUMA_MIN(a_end, b_end);
        if (first < end)
            out[count++] = (ParquetRows){first, end - first};
        if (a_end <= b_end)
            i++;
        else
            j++;
    }
    *ret = out;
    *ret_count = count;
    return STATUS_OK;
}

Status parquet_prune(const ParquetFile *file, uint32_t group, const ParquetPredicate *predicates,
                     uint32_t predicate_count, Arena *arena, ParquetRows **ret_ranges,
                     uint32_t *ret_count, Error *err)
{
    ParquetRows *ranges = ARENA_NEW(arena, ParquetRows);
    uint32_t count = 0;

    add_range(ranges, &count, 0, file->meta.groups[group].row_count);
    for (uint32_t i = 0; i < predicate_count && count; i++) {
        bool may = true;
        if (file->columns[predicates[i].column].is_nested)
            continue;
        TRY(group_may_match(file, group, &predicates[i], arena, &may, err));
        if (!may)
            count = 0;
    }
    for (uint32_t i = 0; i < predicate_count && count; i++) {
        ParquetRows *pages = NULL;
        uint32_t page_count = 0;
        if (file->columns[predicates[i].column].is_nested)
            continue;
        TRY(page_ranges(file, group, &predicates[i], arena, &pages, &page_count, err));
        TRY(intersect(ranges, count, pages, page_count, arena, &ranges, &count, err));
    }
    *ret_ranges = ranges;
    *ret_count = count;
    return STATUS_OK;
}

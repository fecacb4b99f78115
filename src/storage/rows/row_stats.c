/* row_stats.c - what a planner asks of a column: its range and how many values it may have. Sealed
 * segments know; the open one is taken to be like them, and looked at only when it is alone, which
 * makes it small. */
#include "storage/rows/row_int.h"

static void widen(ColumnRange *all, const ColumnRange *one)
{
    if (all->kind == COLUMN_RANGE_NONE) {
        *all = *one;
        return;
    }
    all->int_min = LUMA_MIN(all->int_min, one->int_min);
    all->int_max = LUMA_MAX(all->int_max, one->int_max);
    all->float_min = LUMA_MIN(all->float_min, one->float_min);
    all->float_max = LUMA_MAX(all->float_max, one->float_max);
}

#define WIDEN_LOOP(ctype)                                                                          \
    do {                                                                                           \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            int64_t v = ((const ctype *)c->values)[i];                                             \
            range.int_min = LUMA_MIN(range.int_min, v);                                            \
            range.int_max = LUMA_MAX(range.int_max, v);                                            \
        }                                                                                          \
    } while (0)

/* The range of whole numbers in an open segment; NULLs' values count, which does no harm. */
static ColumnRange open_range(const RowSegment *segment, uint32_t column)
{
    const RowColumn *c = &segment->columns[column];
    uint32_t rows = row_segment_visible(segment, UINT64_MAX);
    ColumnRange range = {.kind = COLUMN_RANGE_INT, .int_min = INT64_MAX, .int_max = INT64_MIN};
    switch (type_layout(c->type)) {
    case LAYOUT_INT16:
        WIDEN_LOOP(int16_t);
        break;
    case LAYOUT_INT32:
        WIDEN_LOOP(int32_t);
        break;
    case LAYOUT_INT64:
        WIDEN_LOOP(int64_t);
        break;
    default:
        break;
    }
    return range.int_min <= range.int_max ? range : (ColumnRange){.kind = COLUMN_RANGE_NONE};
}

void row_table_estimate(RowTable *table, uint32_t column, RowColumnEstimate *ret)
{
    CLEANUP(arena_done) Arena arena = {0};
    RowSegment **segments;
    bool dictionaries = true;
    uint32_t sealed = 0;

    arena_init(&arena, NULL);
    *ret = (RowColumnEstimate){.rows = row_table_row_count(table)};
    uint32_t count = row_table__segments(table, &arena, &segments);
    for (uint32_t i = 0; i < count; i++) {
        const RowSegment *segment = segments[i];
        if (segment->sealed && column < segment->column_count) {
            const RowColumn *c = &segment->columns[column];
            sealed++;
            dictionaries &= c->dict != NULL;
            if (c->dict)
                ret->distinct = LUMA_MAX(ret->distinct, (double)c->dict->len);
            if (c->range.kind != COLUMN_RANGE_NONE)
                widen(&ret->range, &c->range);
        } else if (count == 1 && column < segment->column_count) {
            ret->range = open_range(segment, column);
        }
        row_segment_unref(segments[i]);
    }
    if (!sealed || !dictionaries)
        ret->distinct = 0;
    if (ret->range.kind == COLUMN_RANGE_INT) {
        double width = (double)ret->range.int_max - (double)ret->range.int_min + 1;
        ret->distinct = LUMA_MIN(width, (double)ret->rows);
    }
}

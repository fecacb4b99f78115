#include "storage/rows/row_segment.h"

enum {
    TEXT_BLOCK_BYTES_MIN = 4 << 10,
    TEXT_BLOCK_BYTES_MAX = 256 << 10,
    DICT_CODES_MAX = 8192,
    DICT_ROWS_PER_CODE = 8, /* fewer rows than this for each distinct text: no dictionary */
};

/* ---------------------------------------------------------------- memory */

static void charge(RowSegment *segment, size_t bytes)
{
    segment->charged_bytes += (int64_t)bytes;
    mem_budget_force(segment->budget, (int64_t)bytes);
}

static void *alloc_charged(RowSegment *segment, size_t bytes)
{
    size_t padded = LUMA_ALIGN_UP(LUMA_MAX(bytes, 1), (size_t)64);
    void *ptr = mem_alloc_aligned(padded);

    charge(segment, padded);
    return ptr;
}

static size_t values_bytes(Layout layout, uint32_t rows)
{
    return layout == LAYOUT_BIT ? bitmap_bytes(rows) : layout_width(layout) * rows;
}

static void free_segment(Segment *base);

static RowSegment *new_segment(uint32_t column_count, uint32_t cap, Lsn lsn_base, uint64_t table_id,
                               MemBudget *budget)
{
    static const SegmentOps ops = {.free = free_segment};
    size_t bytes = sizeof(RowSegment) + sizeof(RowColumn) * column_count;
    RowSegment *segment = mem_zalloc(bytes);

    segment_init(&segment->base, &ops, table_id);
    segment->budget = budget;
    segment->lsn_base = lsn_base;
    segment->cap = cap;
    segment->column_count = column_count;
    charge(segment, bytes);
    segment->marks = alloc_charged(segment, sizeof(RowMark) * cap);
    return segment;
}

RowSegment *row_segment_new(const Type *types, uint32_t column_count, uint32_t cap, Lsn lsn_base,
                            uint32_t table_id, MemBudget *budget)
{
    RowSegment *segment = new_segment(column_count, cap, lsn_base, table_id, budget);

    for (uint32_t i = 0; i < column_count; i++) {
        RowColumn *c = &segment->columns[i];
        c->type = types[i];
        c->values = alloc_charged(segment, values_bytes(type_layout(types[i]), cap));
        c->validity = alloc_charged(segment, bitmap_bytes(cap));
    }
    return segment;
}

static void free_column(RowColumn *c)
{
    mem_free(c->values);
    mem_free(c->validity);
    for (RowTextBlock *block = c->texts, *next; block; block = next) {
        next = block->next;
        mem_free(block);
    }
    if (c->dict)
        mem_free(column_values(c->dict));
    mem_free(c->dict);
    mem_free(c->terms);
    mem_free(c->keys);
}

static void free_segment(Segment *base)
{
    RowSegment *segment = LUMA_CONTAINER_OF(base, RowSegment, base);

    for (uint32_t i = 0; i < segment->column_count; i++)
        free_column(&segment->columns[i]);
    mem_free(segment->marks);
    mem_free(segment->row_ids);
    mem_free(segment->write_ids);
    row_deletes_unref(segment->deletes);
    mem_budget_release(segment->budget, segment->charged_bytes);
    mem_free(segment);
}

/* Room for `len` bytes of text at a stable address. */
static char *text_alloc(RowSegment *segment, RowColumn *c, size_t len)
{
    RowTextBlock *block = c->texts;

    if (!block || block->cap - block->len < len) {
        size_t cap = block ? LUMA_MIN(block->cap * 2, (size_t)TEXT_BLOCK_BYTES_MAX)
                           : (size_t)TEXT_BLOCK_BYTES_MIN;
        cap = LUMA_MAX(cap, len);
        block = mem_alloc(sizeof *block + cap);
        *block = (RowTextBlock){.next = c->texts, .cap = cap};
        c->texts = block;
        charge(segment, sizeof *block + cap);
    }
    char *at = block->bytes + block->len;
    block->len += len;
    return at;
}

static View text_copy(RowSegment *segment, RowColumn *c, const View *view)
{
    if (view->len <= VIEW_INLINE_MAX)
        return *view;
    char *at = text_alloc(segment, c, view->len);
    memcpy(at, view->ptr, view->len);
    return view_make(at, view->len);
}

/* ---------------------------------------------------------------- appending */

/* Bits are stored one by one with relaxed atomics: readers look at the same bytes (invariant 4). */
static void store_bit(uint8_t *bits, uint32_t i, bool on)
{
    uint8_t mask = (uint8_t)(1u << (i & 7));
    /* The first bit of a byte clears the others, so memory need not be zeroed before. */
    uint8_t old = i & 7 ? __atomic_load_n(&bits[i >> 3], __ATOMIC_RELAXED) : 0;
    __atomic_store_n(&bits[i >> 3], (uint8_t)((old & ~mask) | (on ? mask : 0)), __ATOMIC_RELAXED);
}

static void store_bits(uint8_t *bits, uint32_t at, bool on, uint32_t count)
{
    uint32_t i = 0;

    for (; i < count && (at + i) % 8 != 0; i++)
        store_bit(bits, at + i, on);
    if (count - i >= 8) {
        memset(bits + (at + i) / 8, on ? 0xFF : 0, (count - i) / 8);
        i += (count - i) / 8 * 8;
    }
    for (; i < count; i++)
        store_bit(bits, at + i, on);
}

static void append_validity(RowColumn *c, uint32_t at, const Column *src, uint32_t from,
                            uint32_t count)
{
    uint32_t nulls = 0;

    if (!src->validity) {
        store_bits(c->validity, at, true, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool null = column_is_null(src, from + i);
        store_bit(c->validity, at + i, !null);
        nulls += null;
    }
    __atomic_store_n(&c->null_count, c->null_count + nulls, __ATOMIC_RELAXED);
}

static const View *view_at(const Column *src, uint32_t i)
{
    const Column *at;
    return column_at_(src, i, sizeof(View), &at);
}

static void append_views(RowSegment *segment, RowColumn *c, uint32_t at, const Column *src,
                         uint32_t from, uint32_t count)
{
    static const View none;
    View *out = (View *)c->values + at;
    const View *last = NULL; /* the long text copied last, and its copy's place */
    uint32_t copied = 0;

    for (uint32_t i = 0; i < count; i++) {
        const View *view = column_is_null(src, from + i) ? &none : view_at(src, from + i);
        bool is_long = view->len > VIEW_INLINE_MAX;
        /* What many rows share comes as one text: it is kept once, too. */
        if (is_long && last && last->ptr == view->ptr && last->len == view->len) {
            out[i] = out[copied];
            continue;
        }
        out[i] = text_copy(segment, c, view);
        if (is_long) {
            last = view;
            copied = i;
        }
    }
}

static void append_fixed(RowColumn *c, uint32_t at, const Column *src, uint32_t from,
                         uint32_t count, size_t width)
{
    char *out = (char *)c->values + (size_t)at * width;
    const Column *holder;

    if (!src->is_const && !src->dict) {
        memcpy(out, (const char *)src->values + (size_t)from * width, (size_t)count * width);
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        if (column_is_null(src, from + i))
            memset(out + (size_t)i * width, 0, width);
        else
            memcpy(out + (size_t)i * width, column_at_(src, from + i, width, &holder), width);
}

static void append_column(RowSegment *segment, RowColumn *c, uint32_t at, const Column *src,
                          uint32_t from, uint32_t count)
{
    Layout layout = type_layout(c->type);

    append_validity(c, at, src, from, count);
    if (layout == LAYOUT_VIEW)
        append_views(segment, c, at, src, from, count);
    else if (layout == LAYOUT_BIT)
        for (uint32_t i = 0; i < count; i++)
            store_bit(c->values, at + i, column_bool(src, from + i));
    else
        append_fixed(c, at, src, from, count, layout_width(layout));
}

bool row_segment_takes(const RowSegment *segment, Lsn lsn)
{
    return segment->row_count < segment->cap && lsn >= segment->lsn_base &&
           lsn - segment->lsn_base <= UINT32_MAX;
}

void row_segment_append(RowSegment *segment, Lsn lsn, const RecordBatch *rows, uint32_t from,
                        uint32_t count)
{
    ASSERT(!segment->sealed && count <= segment->cap - segment->row_count);
    ASSERT(rows->column_count == segment->column_count && row_segment_takes(segment, lsn));
    for (uint32_t i = 0; i < segment->column_count; i++)
        append_column(segment, &segment->columns[i], segment->row_count, &rows->columns[i], from,
                      count);
    segment->row_count += count;
    /* Readers look at marks only below mark_count, so every piece is a mark of its own. */
    segment->marks[segment->mark_count] =
        (RowMark){segment->row_count, (uint32_t)(lsn - segment->lsn_base)};
    __atomic_store_n(&segment->mark_count, segment->mark_count + 1, __ATOMIC_RELEASE);
}

/* ---------------------------------------------------------------- sealing */

typedef struct DictBuild {
    uint32_t *slots; /* code + 1, 0 = empty */
    uint32_t slot_count;
    View *views; /* distinct values, borrowed texts */
    uint32_t count;
    uint32_t count_max;
} DictBuild;

/* The code of a text, or UINT32_MAX when there are too many. */
static uint32_t dict_code(DictBuild *build, const View *view)
{
    Str text = view_str(view);
    uint64_t hash = 0xcbf29ce484222325;
    uint64_t word = 0;

    for (size_t i = 0; i + 8 <= text.len; i += 8) {
        memcpy(&word, text.ptr + i, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15;
        hash ^= hash >> 32;
    }
    word = 0;
    if (text.len % 8)
        memcpy(&word, text.ptr + text.len / 8 * 8, text.len % 8);
    hash = (hash ^ word ^ text.len) * 0x9e3779b97f4a7c15;
    for (uint32_t at = (uint32_t)(hash >> 40) & (build->slot_count - 1);;
         at = (at + 1) & (build->slot_count - 1)) {
        if (!build->slots[at]) {
            if (build->count == build->count_max)
                return UINT32_MAX;
            build->views[build->count] = *view;
            build->slots[at] = ++build->count;
            return build->count - 1;
        }
        if (view_eq(&build->views[build->slots[at] - 1], view))
            return build->slots[at] - 1;
    }
}

/* True and codes, dict of `to` set when the texts are few enough. */
static bool seal_as_dict(RowSegment *to_segment, RowColumn *to, const RowColumn *from,
                         uint32_t rows)
{
    uint32_t count_max = LUMA_MIN((uint32_t)DICT_CODES_MAX, rows / DICT_ROWS_PER_CODE);
    DictBuild build = {.slot_count = 2 * DICT_CODES_MAX, .count_max = count_max};
    const View *views = from->values;
    bool fits = count_max > 0;

    build.slots = mem_zalloc(sizeof *build.slots * build.slot_count);
    build.views = mem_alloc(sizeof *build.views * LUMA_MAX(count_max, 1));
    uint32_t *codes = mem_alloc_aligned(sizeof *codes * rows);
    for (uint32_t i = 0; i < rows && fits; i++) {
        bool same = i && views[i].len > VIEW_INLINE_MAX && views[i].len == views[i - 1].len &&
                    views[i].ptr == views[i - 1].ptr;
        if (same)
            codes[i] = codes[i - 1];
        else
            codes[i] =
                !from->null_count || bit_get(from->validity, i) ? dict_code(&build, &views[i]) : 0;
        fits = codes[i] != UINT32_MAX;
    }
    if (fits) {
        View *values = alloc_charged(to_segment, sizeof *values * LUMA_MAX(build.count, 1));
        for (uint32_t i = 0; i < build.count; i++)
            values[i] = text_copy(to_segment, to, &build.views[i]);
        to->dict = MEM_NEW(Column);
        *to->dict = (Column){.type = from->type, .len = build.count, .values = values};
        to->values = STEAL(codes);
        charge(to_segment, sizeof *codes * rows);
    }
    mem_free(codes);
    mem_free(build.slots);
    mem_free(build.views);
    return fits;
}

#define RANGE_LOOP(ctype)                                                                          \
    for (uint32_t i = 0; i < rows; i++) {                                                          \
        if (c->validity && !bit_get(c->validity, i))                                               \
            continue;                                                                              \
        int64_t v = ((const ctype *)c->values)[i];                                                 \
        range.int_min = LUMA_MIN(range.int_min, v);                                                \
        range.int_max = LUMA_MAX(range.int_max, v);                                                \
        any = true;                                                                                \
    }

static ColumnRange find_range(const RowColumn *c, uint32_t rows)
{
    ColumnRange range = {.kind = COLUMN_RANGE_INT,
                         .int_min = INT64_MAX,
                         .int_max = INT64_MIN,
                         .float_min = __builtin_inf(),
                         .float_max = -__builtin_inf()};
    bool any = false;

    switch (type_layout(c->type)) {
    case LAYOUT_INT16:
        RANGE_LOOP(int16_t)
        break;
    case LAYOUT_INT32:
        RANGE_LOOP(int32_t)
        break;
    case LAYOUT_INT64:
        RANGE_LOOP(int64_t)
        break;
    case LAYOUT_DOUBLE:
        range.kind = COLUMN_RANGE_FLOAT;
        for (uint32_t i = 0; i < rows; i++) {
            if (c->validity && !bit_get(c->validity, i))
                continue;
            double v = ((const double *)c->values)[i];
            if (v != v)
                return (ColumnRange){.kind = COLUMN_RANGE_NONE};
            range.float_min = LUMA_MIN(range.float_min, v);
            range.float_max = LUMA_MAX(range.float_max, v);
            any = true;
        }
        break;
    case LAYOUT_BIT:
    case LAYOUT_INT8:
    case LAYOUT_FLOAT:
    case LAYOUT_FIXED16:
    case LAYOUT_VIEW:
        break;
    }
    return any ? range : (ColumnRange){.kind = COLUMN_RANGE_NONE};
}

static void seal_column(RowSegment *to_segment, RowColumn *to, const RowColumn *from, uint32_t rows)
{
    Layout layout = type_layout(from->type);
    size_t bytes = values_bytes(layout, rows);

    to->type = from->type;
    to->null_count = from->null_count;
    if (from->null_count) {
        to->validity = alloc_charged(to_segment, bitmap_bytes(rows));
        memcpy(to->validity, from->validity, bitmap_bytes(rows));
    }
    if (layout == LAYOUT_VIEW && seal_as_dict(to_segment, to, from, rows))
        return;
    to->values = alloc_charged(to_segment, bytes);
    if (layout == LAYOUT_VIEW) {
        const View *in = from->values;
        View *out = to->values;
        for (uint32_t i = 0; i < rows; i++)
            out[i] = text_copy(to_segment, to, &in[i]);
    } else {
        memcpy(to->values, from->values, bytes);
    }
    to->range = find_range(to, rows);
}

RowSegment *row_segment_seal(const RowSegment *open)
{
    RowSegment *sealed = new_segment(open->column_count, open->mark_count, open->lsn_base,
                                     open->base.owner, open->budget);

    sealed->sealed = true;
    sealed->cap = sealed->row_count = open->row_count;
    sealed->mark_count = open->mark_count;
    memcpy(sealed->marks, open->marks, sizeof *open->marks * open->mark_count);
    sealed->row_id_base = open->row_id_base;
    sealed->first_write_id = open->first_write_id;
    for (uint32_t i = 0; i < open->column_count; i++)
        seal_column(sealed, &sealed->columns[i], &open->columns[i], open->row_count);
    return sealed;
}

/* ---------------------------------------------------------------- rows by id and by write */

static uint32_t published_marks(const RowSegment *segment)
{
    return __atomic_load_n(&segment->mark_count, __ATOMIC_ACQUIRE);
}

static uint32_t published_rows(const RowSegment *segment)
{
    uint32_t mark_count = published_marks(segment);
    return mark_count ? segment->marks[mark_count - 1].row_end : 0;
}

bool row_segment_find(const RowSegment *segment, uint64_t row_id, uint32_t *ret_row)
{
    uint32_t low = 0;
    uint32_t high = published_rows(segment);
    uint32_t row_count = high;

    if (!segment->row_ids) {
        *ret_row = (uint32_t)(row_id - segment->row_id_base);
        return row_id >= segment->row_id_base && row_id - segment->row_id_base < high;
    }
    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (segment->row_ids[mid] < row_id)
            low = mid + 1;
        else
            high = mid;
    }
    *ret_row = low;
    return low < row_count && segment->row_ids[low] == row_id;
}

/* The first mark at or above `lsn_offset`; mark_count when there is none. */
static uint32_t first_mark(const RowSegment *segment, uint32_t lsn_offset)
{
    uint32_t low = 0;
    uint32_t high = published_marks(segment);

    while (low < high) {
        uint32_t mid = (low + high) / 2;
        if (segment->marks[mid].lsn_offset < lsn_offset)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* `mark` is the first one of its LSN. */
static uint64_t write_id_of(const RowSegment *segment, uint32_t mark)
{
    if (segment->write_ids)
        return segment->write_ids[mark];
    return mark ? segment->row_id_base + segment->marks[mark - 1].row_end : segment->first_write_id;
}

Lsn row_segment_write(const RowSegment *segment, uint32_t row, uint64_t *ret_write_id)
{
    uint32_t low = 0;
    uint32_t high = published_marks(segment);

    while (low < high) { /* first mark that ends behind the row */
        uint32_t mid = (low + high) / 2;
        if (segment->marks[mid].row_end <= row)
            low = mid + 1;
        else
            high = mid;
    }
    uint32_t offset = segment->marks[low].lsn_offset;
    *ret_write_id = write_id_of(segment, first_mark(segment, offset));
    return segment->lsn_base + offset;
}

bool row_segment_find_write(const RowSegment *segment, Lsn lsn, uint64_t *ret_write_id)
{
    if (lsn < segment->lsn_base || lsn - segment->lsn_base > UINT32_MAX)
        return false;
    uint32_t mark = first_mark(segment, (uint32_t)(lsn - segment->lsn_base));
    if (mark >= published_marks(segment) ||
        segment->lsn_base + segment->marks[mark].lsn_offset != lsn)
        return false;
    *ret_write_id = write_id_of(segment, mark);
    return true;
}

/* ---------------------------------------------------------------- reading */

uint32_t row_segment_visible(const RowSegment *segment, Lsn lsn)
{
    uint32_t low = 0;
    uint32_t high = __atomic_load_n(&segment->mark_count, __ATOMIC_ACQUIRE);

    while (low < high) { /* first mark above lsn */
        uint32_t mid = (low + high) / 2;
        if (segment->lsn_base + segment->marks[mid].lsn_offset <= lsn)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? segment->marks[low - 1].row_end : 0;
}

/* Bits [from, from + count) of a bitmap that the appender may be extending. */
static Status borrow_bits(const RowSegment *segment, const uint8_t *bits, uint32_t from,
                          uint32_t count, Arena *arena, const void **ret, Error *err)
{
    if (segment->sealed || count % 8 == 0) {
        *ret = bits + from / 8;
        return STATUS_OK;
    }
    uint8_t *copy = arena_alloc_aligned(arena, bitmap_bytes(count));
    if (!copy)
        return error_set_sql(err, STATUS_LIMIT, "53200", 0, "out of query memory");
    for (size_t i = 0; i < bitmap_bytes(count); i++)
        copy[i] = __atomic_load_n(&bits[from / 8 + i], __ATOMIC_RELAXED);
    *ret = copy;
    return STATUS_OK;
}

Status row_segment_column(const RowSegment *segment, uint32_t column, Type type, uint32_t from,
                          uint32_t count, Arena *arena, Column *ret_column, Error *err)
{
    if (column >= segment->column_count)
        return column_init_null(ret_column, arena, type, count, err);
    const RowColumn *c = &segment->columns[column];
    Layout layout = c->dict ? LAYOUT_INT32 : type_layout(c->type);
    const void *bits = NULL;

    DCHECK(from % 8 == 0);
    *ret_column = (Column){.type = type, .len = count, .dict = c->dict};
    if (__atomic_load_n(&c->null_count, __ATOMIC_RELAXED))
        TRY(borrow_bits(segment, c->validity, from, count, arena, &bits, err));
    ret_column->validity = bits;
    if (layout == LAYOUT_BIT)
        return borrow_bits(segment, c->values, from, count, arena, &ret_column->values, err);
    ret_column->values = (const char *)c->values + layout_width(layout) * from;
    return STATUS_OK;
}

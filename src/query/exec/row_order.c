/* row_order.c - sorts row numbers by columns.
 *
 * Each row gets a 64-bit prefix of its first key that orders as the key does (NULL placement and
 * direction folded in); a stable merge sort compares prefixes and looks at the columns only when
 * they are equal and do not decide. */
#include "query/exec/exec_int.h"

typedef struct Entry {
    uint64_t prefix;
    uint32_t row;
} Entry;

typedef struct Sorter {
    const SortColumn *keys;
    uint32_t key_count;
    ValueCmp *cmps;
} Sorter;

static inline int compare_values(const SortColumn *key, ValueCmp cmp, const Column *a, uint32_t i,
                                 const Column *b, uint32_t j)
{
    bool a_null = column_is_null(a, i);
    bool b_null = column_is_null(b, j);
    if (a_null || b_null)
        return a_null == b_null ? 0 : (a_null == key->nulls_first) ? -1 : 1;
    int order = cmp(a, i, b, j);
    return key->descending ? -order : order;
}

static int compare_keys(const SortColumn *keys, const ValueCmp *cmps, uint32_t count, uint32_t a,
                        uint32_t b)
{
    for (uint32_t k = 0; k < count; k++) {
        const Column *c = keys[k].column;
        int order = compare_values(&keys[k], cmps ? cmps[k] : value_cmp_fn(c->type), c, a, c, b);
        if (order)
            return order;
    }
    return 0;
}

int exec__compare_rows(const SortColumn *keys, uint32_t key_count, uint32_t a, uint32_t b)
{
    return compare_keys(keys, NULL, key_count, a, b);
}

int exec__compare_across(const SortColumn *keys, uint32_t key_count, const Column *a_columns,
                         uint32_t a, const Column *b_columns, uint32_t b)
{
    for (uint32_t k = 0; k < key_count; k++) {
        int order = compare_values(&keys[k], value_cmp_fn(a_columns[k].type), &a_columns[k], a,
                                   &b_columns[k], b);
        if (order)
            return order;
    }
    return 0;
}

/* NULLs first get 0, last get all ones; values are squeezed by one bit to leave both free. */
uint64_t exec__sort_prefix(const SortColumn *key, uint32_t row)
{
    if (column_is_null(key->column, row))
        return key->nulls_first ? 0 : UINT64_MAX;
    uint64_t prefix = value_sort_prefix(key->column, row);
    if (key->descending)
        prefix = ~prefix;
    return (prefix >> 2) + 1;
}

static inline bool before(const Sorter *s, const Entry *a, const Entry *b)
{
    if (a->prefix != b->prefix)
        return a->prefix < b->prefix;
    return compare_keys(s->keys, s->cmps, s->key_count, a->row, b->row) <= 0;
}

static void merge_runs(const Sorter *s, const Entry *in, Entry *out, uint32_t from, uint32_t mid,
                       uint32_t to)
{
    uint32_t a = from;
    uint32_t b = mid;
    for (uint32_t i = from; i < to; i++)
        out[i] = a < mid && (b >= to || before(s, &in[a], &in[b])) ? in[a++] : in[b++];
}

static void insertion_sort(const Sorter *s, Entry *e, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        Entry x = e[i];
        uint32_t j = i;
        while (j && !before(s, &e[j - 1], &x)) {
            e[j] = e[j - 1];
            j--;
        }
        e[j] = x;
    }
}

enum { RUN_ROWS = 16 };

Status exec__sort_rows(Exec *exec, const SortColumn *keys, uint32_t key_count, uint32_t rows,
                       Arena *arena, uint32_t **ret_order, Error *err)
{
    Sorter s = {.keys = keys, .key_count = key_count};
    Entry *in;
    Entry *out;

    TRY(arena_try_alloc(arena, sizeof(uint32_t) * ((size_t)rows + 1), ret_order, err));
    TRY(arena_try_alloc(arena, sizeof *s.cmps * (key_count + 1), &s.cmps, err));
    TRY(arena_try_alloc(arena, sizeof(Entry) * ((size_t)rows + 1), &in, err));
    TRY(arena_try_alloc(arena, sizeof(Entry) * ((size_t)rows + 1), &out, err));
    for (uint32_t k = 0; k < key_count; k++)
        s.cmps[k] = value_cmp_fn(keys[k].column->type);
    for (uint32_t i = 0; i < rows; i++)
        in[i] = (Entry){key_count ? exec__sort_prefix(&keys[0], i) : 0, i};
    for (uint32_t from = 0; from < rows; from += RUN_ROWS)
        insertion_sort(&s, in + from, LUMA_MIN(rows - from, (uint32_t)RUN_ROWS));
    for (uint64_t width = RUN_ROWS; width < rows; width *= 2) {
        TRY(exec_check(exec, err));
        for (uint64_t from = 0; from < rows; from += width * 2) {
            uint32_t mid = (uint32_t)LUMA_MIN(from + width, (uint64_t)rows);
            uint32_t to = (uint32_t)LUMA_MIN(from + width * 2, (uint64_t)rows);
            merge_runs(&s, in, out, (uint32_t)from, mid, to);
        }
        Entry *swap = in;
        in = out;
        out = swap;
    }
    for (uint32_t i = 0; i < rows; i++)
        (*ret_order)[i] = in[i].row;
    return STATUS_OK;
}

#include "storage/index/term_index.h"

#include "format/text/text_find.h"
#include "storage/index/term_index_int.h"

/* ---------------------------------------------------------------- entries */

typedef struct Entry {
    Str term;
    const char *rows;
} Entry;

static Entry entry_at(const char *at)
{
    size_t len = strlen(at); /* the terms are ours: each ends in 00 */

    return (Entry){{at, len}, at + len + 1};
}

static size_t rows_bytes(const char *rows)
{
    uint8_t kind = (uint8_t)*rows;

    if (kind == TERM_LIST_STEPS)
        return 7;
    return kind == TERM_LIST_BITMAP ? 5 : 1 + 2 * (size_t)kind;
}

static void set_row(uint64_t *bits, uint32_t row)
{
    bits[row / 64] |= UINT64_C(1) << row % 64;
}

static void add_inline(const char *rows, uint64_t *bits)
{
    for (int i = 0; i < *rows; i++) {
        uint16_t row;
        memcpy(&row, rows + 1 + 2 * i, 2);
        set_row(bits, row);
    }
}

static void add_steps(const uint8_t *list, uint32_t count, uint64_t *bits)
{
    uint32_t row = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t step = *list++;
        if (step == TERM_STEP_WIDE) {
            uint16_t wide;
            memcpy(&wide, list, 2);
            list += 2;
            step = wide;
        }
        row += step;
        set_row(bits, row);
    }
}

static void add_entry(const TermIndex *index, const Entry *entry, uint64_t *bits)
{
    uint8_t kind = (uint8_t)*entry->rows;
    uint32_t offset;
    uint16_t count;

    if (kind <= TERM_ROWS_INLINE) {
        add_inline(entry->rows, bits);
        return;
    }
    memcpy(&offset, entry->rows + 1, 4);
    if (kind == TERM_LIST_STEPS) {
        memcpy(&count, entry->rows + 5, 2);
        add_steps(index->lists + offset, (uint32_t)count + 1, bits);
        return;
    }
    for (size_t i = 0; i < term_words(index->source.row_count); i++) {
        uint64_t word;
        memcpy(&word, index->lists + offset + i * 8, 8);
        bits[i] |= word;
    }
}

/* ---------------------------------------------------------------- look-ups */

static void add_term(const TermIndex *index, Str term, uint64_t *bits)
{
    char padded[TEXT_TOKEN_BYTES_MAX + 8] = {0};

    if (term.len > TEXT_TOKEN_BYTES_MAX)
        return;
    memcpy(padded, term.ptr, term.len);
    uint32_t bucket = term_hash(index->secrets, padded, term.len) & (index->bucket_count - 1);
    const char *at = index->entries + index->starts[bucket];
    const char *end = index->entries + index->starts[bucket + 1];
    while (at < end) {
        Entry entry = entry_at(at);
        if (str_eq(entry.term, term)) {
            add_entry(index, &entry, bits);
            return;
        }
        at = entry.rows + rows_bytes(entry.rows);
    }
}

static bool holds(TermMatch how, Str token, Str term)
{
    switch (how) {
    case TERM_IS:
        return str_eq(token, term);
    case TERM_BEGINS:
        return str_starts(token, term);
    case TERM_ENDS:
        return str_ends(token, term);
    case TERM_HOLDS:
        return text_find(token, term) != NULL;
    }
    return false;
}

/* The bucket whose entries hold the place. */
static uint32_t bucket_of(const TermIndex *index, uint32_t place)
{
    uint32_t low = 0;
    uint32_t high = index->bucket_count;

    while (low + 1 < high) { /* starts[low] <= place < starts[high] */
        uint32_t mid = low + (high - low) / 2;
        if (index->starts[mid] <= place)
            low = mid;
        else
            high = mid;
    }
    return low;
}

/* The entry that holds the place; its term or its rows. */
static Entry entry_over(const TermIndex *index, const char *place)
{
    const char *at =
        index->entries + index->starts[bucket_of(index, (uint32_t)(place - index->entries))];

    for (;;) {
        Entry entry = entry_at(at);
        at = entry.rows + rows_bytes(entry.rows);
        if (place < at)
            return entry;
    }
}

/* Bytes of rows may look like the term, so a hit is held against the entry it is in. */
static void search_terms(const TermIndex *index, TermMatch how, Str term, uint64_t *bits)
{
    Str left = {index->entries, index->entries_len};
    const char *end = left.ptr + left.len;

    for (const char *hit; (hit = text_find(left, term));) {
        Entry entry = entry_over(index, hit);
        if (holds(how, entry.term, term))
            add_entry(index, &entry, bits);
        left.ptr = entry.rows + rows_bytes(entry.rows);
        left.len = (size_t)(end - left.ptr);
    }
}

static void walk_terms(const TermIndex *index, TermMatch how, Str term, uint64_t *bits)
{
    const char *end = index->entries + index->entries_len;

    for (const char *at = index->entries; at < end;) {
        Entry entry = entry_at(at);
        if (entry.term.len && holds(how, entry.term, term))
            add_entry(index, &entry, bits);
        at = entry.rows + rows_bytes(entry.rows);
    }
}

static Status add_rows(const TermSource *source, TermMatch how, Str term, uint64_t *bits,
                       Error *err)
{
    const TermIndex *index = (const TermIndex *)(const void *)source; /* its first member */

    (void)err;
    if (how == TERM_IS)
        add_term(index, term, bits);
    else if (term.len < 3) /* hits everywhere: one walk is cheaper than a look at each */
        walk_terms(index, how, term, bits);
    else
        search_terms(index, how, term, bits);
    return STATUS_OK;
}

const TermSourceOps term_index__ops = {.add_rows = add_rows};

/* term_builder.c - collects tokens and lays them out.
 *
 * While rows come, each distinct token gets a number, and each row a list of numbers (`stream`). At
 * the end the numbers are sorted by bucket, rows are gathered by number, and everything is written
 * once. Nothing is allocated per token; the arrays stay for the next index. */
#include "base/arena.h"
#include "base/hash.h"
#include "storage/index/term_index_int.h"

typedef struct BuildTerm {
    uint64_t head; /* the first 8 bytes */
    uint32_t hash;
    uint32_t text; /* offset in texts; whole there */
    uint32_t last_row;
    uint32_t row_count;
    uint32_t len;
} BuildTerm;

typedef struct TermSlot {
    uint32_t hash;
    uint32_t number; /* of the term + 1, 0 = empty */
} TermSlot;

struct TermBuilder {
    MemBudget *budget;
    int64_t charged_bytes;
    uint64_t secrets[2];
    TextTokens tokens;
    uint32_t *hashes; /* of the tokens of one text */
    size_t hashes_cap;
    TermSlot *slots;
    uint32_t slot_count; /* power of two */
    BuildTerm *terms;
    uint32_t term_count;
    size_t terms_cap;
    char *texts;
    size_t texts_len;
    size_t texts_cap;
    uint32_t *stream; /* numbers of terms, row by row */
    size_t stream_len;
    size_t stream_cap;
    uint32_t *row_ends; /* in stream, of each row up to row_count */
    size_t row_ends_cap;
    uint32_t row_count;
};

enum { SLOTS_MIN = 1024, TERMS_PER_BUCKET = 4, SLOTS_KEPT_MAX = 1 << 20 };

TermBuilder *term_builder_new(MemBudget *budget)
{
    TermBuilder *builder = MEM_NEW(TermBuilder);
    Hash128 secret = hash128_secret("terms", 5);

    builder->budget = budget;
    builder->secrets[0] = secret.low | 1;
    builder->secrets[1] = secret.high | 1;
    return builder;
}

static void release_memory(TermBuilder *b)
{
    text_tokens_done(&b->tokens);
    mem_free(b->hashes);
    mem_free(b->slots);
    mem_free(b->terms);
    mem_free(b->texts);
    mem_free(b->stream);
    mem_free(b->row_ends);
    if (b->budget)
        mem_budget_release(b->budget, b->charged_bytes);
    *b = (TermBuilder){.budget = b->budget, .secrets = {b->secrets[0], b->secrets[1]}};
}

TermBuilder *term_builder_free(TermBuilder *builder)
{
    if (builder)
        release_memory(builder);
    mem_free(builder);
    return NULL;
}

static void charge(TermBuilder *b)
{
    size_t bytes = b->slot_count * sizeof *b->slots + b->terms_cap * sizeof *b->terms +
                   b->texts_cap + b->stream_cap * sizeof *b->stream +
                   b->row_ends_cap * sizeof *b->row_ends;

    if (b->budget)
        mem_budget_force(b->budget, (int64_t)bytes - b->charged_bytes);
    b->charged_bytes = (int64_t)bytes;
}

/* ---------------------------------------------------------------- adding */

static void grow_slots(TermBuilder *b)
{
    uint32_t count = b->slot_count ? b->slot_count * 2 : SLOTS_MIN;

    mem_free(b->slots);
    b->slots = mem_zalloc(sizeof *b->slots * count);
    b->slot_count = count;
    for (uint32_t i = 0; i < b->term_count; i++) {
        uint32_t at = b->terms[i].hash & (count - 1);
        while (b->slots[at].number)
            at = (at + 1) & (count - 1);
        b->slots[at] = (TermSlot){b->terms[i].hash, i + 1};
    }
}

static uint32_t new_term(TermBuilder *b, uint32_t hash, const char *text, uint32_t len)
{
    MEM_GROW(b->terms, b->terms_cap, (size_t)b->term_count + 1);
    MEM_GROW(b->texts, b->texts_cap, b->texts_len + TEXT_TOKEN_BYTES_MAX);
    b->terms[b->term_count] = (BuildTerm){.head = len ? term_tail(text, len) : 0,
                                          .hash = hash,
                                          .text = (uint32_t)b->texts_len,
                                          .last_row = UINT32_MAX,
                                          .len = len};
    memcpy(b->texts + b->texts_len, text, len);
    b->texts_len += len;
    return b->term_count++;
}

static bool is_term(const TermBuilder *b, const BuildTerm *term, const char *text, uint32_t len)
{
    return term->len == len && term->head == term_tail(text, len) &&
           (len <= 8 || memcmp(b->texts + term->text + 8, text + 8, len - 8) == 0);
}

static uint32_t find_term(TermBuilder *b, uint32_t hash, const char *text, uint32_t len)
{
    uint32_t mask = b->slot_count - 1;

    for (uint32_t at = hash & mask;; at = (at + 1) & mask) {
        TermSlot *slot = &b->slots[at];
        if (!slot->number) {
            uint32_t number = new_term(b, hash, text, len);
            b->slots[at] = (TermSlot){hash, number + 1};
            return number;
        }
        if (slot->hash == hash && is_term(b, &b->terms[slot->number - 1], text, len))
            return slot->number - 1;
    }
}

/* 8 bytes can be read behind the text. */
static void add_term(TermBuilder *b, uint32_t row, uint32_t hash, const char *text, uint32_t len)
{
    uint32_t number = find_term(b, hash, text, len);
    BuildTerm *term = &b->terms[number];

    if (term->last_row == row)
        return;
    term->row_count++;
    term->last_row = row;
    b->stream[b->stream_len++] = number;
}

static void end_rows(TermBuilder *b, uint32_t row)
{
    MEM_GROW(b->row_ends, b->row_ends_cap, (size_t)row + 1);
    while (b->row_count <= row)
        b->row_ends[b->row_count++] = (uint32_t)b->stream_len;
}

static void make_room(TermBuilder *b, size_t count)
{
    while (((size_t)b->term_count + count + 1) * 2 > b->slot_count)
        grow_slots(b);
    MEM_GROW(b->hashes, b->hashes_cap, count);
    MEM_GROW(b->stream, b->stream_cap, b->stream_len + count + 1);
}

static void prefetch_slot(const TermBuilder *b, uint32_t hash)
{
    __builtin_prefetch(&b->slots[hash & (b->slot_count - 1)]);
}

static void add_tokens(TermBuilder *b, uint32_t row)
{
    static const char none[8];
    uint32_t count = b->tokens.count;

    make_room(b, count);
    for (uint32_t i = 0; i < count; i++) {
        const TextToken *token = &b->tokens.items[i];
        add_term(b, row, term_hash(b->secrets, b->tokens.folded + token->at, token->len),
                 b->tokens.folded + token->at, token->len);
    }
    if (b->tokens.cut)
        add_term(b, row, term_hash(b->secrets, none, 0), none, 0);
}

/* Runs of ASCII, none of them too long: all hashes first, so that slots are on their way. */
static void add_runs(TermBuilder *b, uint32_t row, const uint32_t *edges, uint32_t count)
{
    const char *text = b->tokens.folded;

    make_room(b, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = edges[2 * i];
        b->hashes[i] = term_hash(b->secrets, text + from, edges[2 * i + 1] - from);
        prefetch_slot(b, b->hashes[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t from = edges[2 * i];
        add_term(b, row, b->hashes[i], text + from, edges[2 * i + 1] - from);
    }
}

static bool has_long_run(const uint32_t *edges, uint32_t count)
{
    uint32_t longest = 0;

    for (uint32_t i = 0; i < count; i++)
        longest = LUMA_MAX(longest, edges[2 * i + 1] - edges[2 * i]);
    return longest > TEXT_TOKEN_BYTES_MAX;
}

void term_builder_add(TermBuilder *b, uint32_t row, Str text, TextForm form)
{
    const uint32_t *edges;
    uint32_t count;

    ASSERT(row < TERM_INDEX_ROWS_MAX && row >= b->row_count);
    if (row)
        end_rows(b, row - 1);
    bool ascii = text_tokens_runs(&b->tokens, text, form, &edges, &count);
    if (ascii && !has_long_run(edges, count)) {
        add_runs(b, row, edges, count);
    } else {
        if (ascii)
            text_tokens_split(&b->tokens, text, form);
        add_tokens(b, row);
    }
    end_rows(b, row);
}

/* ---------------------------------------------------------------- laying out */

/* Everything that is needed only while an index is laid out. */
typedef struct IndexLayout {
    TermBuilder *b;
    uint32_t row_count;
    uint32_t bucket_count;
    uint32_t *order;   /* numbers of terms, by bucket */
    uint32_t *counts;  /* [bucket_count + 1]: where a bucket begins in order */
    uint32_t *cursors; /* per term: where its rows end in rows */
    uint16_t *rows;    /* by term */
    char *entries;
    size_t entries_len;
    uint8_t *lists;
    size_t lists_len;
} IndexLayout;

static void sort_terms(IndexLayout *l)
{
    const TermBuilder *b = l->b;
    uint32_t mask = l->bucket_count - 1;

    for (uint32_t i = 0; i < b->term_count; i++)
        l->counts[(b->terms[i].hash & mask) + 1]++;
    for (uint32_t i = 0; i < l->bucket_count; i++)
        l->counts[i + 1] += l->counts[i];
    for (uint32_t i = 0; i < b->term_count; i++) /* counts[k] moves on to the end of bucket k */
        l->order[l->counts[b->terms[i].hash & mask]++] = i;
    memmove(l->counts + 1, l->counts, sizeof *l->counts * l->bucket_count);
    l->counts[0] = 0;
}

static void gather_rows(IndexLayout *l)
{
    const TermBuilder *b = l->b;
    uint32_t sum = 0;
    uint32_t at = 0;

    for (uint32_t i = 0; i < b->term_count; i++) {
        l->cursors[i] = sum;
        sum += b->terms[i].row_count;
    }
    for (uint32_t row = 0; row < b->row_count; row++)
        for (; at < b->row_ends[row]; at++)
            l->rows[l->cursors[b->stream[at]]++] = (uint16_t)row;
}

/* Bytes of `count` rows as steps. */
static size_t steps_bytes(const uint16_t *rows, uint32_t count)
{
    size_t bytes = count;
    uint32_t last = 0;

    for (uint32_t i = 0; i < count; i++) {
        bytes += rows[i] - last >= TERM_STEP_WIDE ? 2 : 0;
        last = rows[i];
    }
    return bytes;
}

static void write_steps(IndexLayout *l, const uint16_t *rows, uint32_t count)
{
    uint32_t last = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t step = rows[i] - last;
        uint16_t wide = (uint16_t)step;
        l->lists[l->lists_len++] = (uint8_t)LUMA_MIN(step, (uint32_t)TERM_STEP_WIDE);
        if (step >= TERM_STEP_WIDE) {
            memcpy(l->lists + l->lists_len, &wide, 2);
            l->lists_len += 2;
        }
        last = rows[i];
    }
}

static void write_bitmap(IndexLayout *l, const uint16_t *rows, uint32_t count)
{
    uint8_t *bits = l->lists + l->lists_len;
    size_t bytes = term_words(l->row_count) * 8;

    memset(bits, 0, bytes);
    for (uint32_t i = 0; i < count; i++)
        bits[rows[i] / 8] |= (uint8_t)(1u << rows[i] % 8);
    l->lists_len += bytes;
}

static void write_entry(IndexLayout *l, uint32_t number)
{
    const BuildTerm *term = &l->b->terms[number];
    const uint16_t *rows = l->rows + l->cursors[number] - term->row_count;
    char *out = l->entries + l->entries_len;
    uint32_t offset = (uint32_t)l->lists_len;
    uint16_t last = (uint16_t)(term->row_count - 1);

    memcpy(out, l->b->texts + term->text, term->len);
    out += term->len;
    *out++ = '\0';
    if (term->row_count <= TERM_ROWS_INLINE) {
        *out++ = (char)term->row_count;
        memcpy(out, rows, term->row_count * 2);
        out += term->row_count * 2;
    } else if (steps_bytes(rows, term->row_count) < term_words(l->row_count) * 8) {
        *out++ = (char)TERM_LIST_STEPS;
        memcpy(out, &offset, 4);
        memcpy(out + 4, &last, 2);
        out += 6;
        write_steps(l, rows, term->row_count);
    } else {
        *out++ = (char)TERM_LIST_BITMAP;
        memcpy(out, &offset, 4);
        out += 4;
        write_bitmap(l, rows, term->row_count);
    }
    l->entries_len = (size_t)(out - l->entries);
}

/* No entry is longer than its text and 2 + 2 * TERM_ROWS_INLINE bytes, no list than 2 or 3 bytes a
 * row. */
static void write_entries(IndexLayout *l, uint32_t *starts)
{
    for (uint32_t bucket = 0; bucket < l->bucket_count; bucket++) {
        starts[bucket] = (uint32_t)l->entries_len;
        for (uint32_t i = l->counts[bucket]; i < l->counts[bucket + 1]; i++)
            write_entry(l, l->order[i]);
    }
    starts[l->bucket_count] = (uint32_t)l->entries_len;
}

static TermIndex *new_index(const IndexLayout *l, const uint32_t *starts)
{
    size_t starts_bytes = sizeof *starts * (l->bucket_count + 1);
    size_t entries_room = l->entries_len + TEXT_TOKENS_PAD;
    size_t bytes = sizeof(TermIndex) + starts_bytes + entries_room + l->lists_len;
    TermIndex *index = mem_alloc(bytes);
    char *out = (char *)(index + 1);

    *index = (TermIndex){.source = {&term_index__ops, l->row_count},
                         .bytes = bytes,
                         .bucket_count = l->bucket_count,
                         .term_count = l->b->term_count,
                         .entries_len = l->entries_len,
                         .lists_len = l->lists_len,
                         .secrets = {l->b->secrets[0], l->b->secrets[1]}};
    memcpy(out, starts, starts_bytes);
    index->starts = (const uint32_t *)(void *)out;
    out += starts_bytes;
    memcpy(out, l->entries, l->entries_len);
    memset(out + l->entries_len, 0, TEXT_TOKENS_PAD);
    index->entries = out;
    out += entries_room;
    if (l->lists_len)
        memcpy(out, l->lists, l->lists_len);
    index->lists = (const uint8_t *)out;
    return index;
}

static void empty(TermBuilder *b)
{
    b->term_count = b->row_count = 0;
    b->texts_len = b->stream_len = 0;
    if (b->slot_count > SLOTS_KEPT_MAX)
        release_memory(b);
    else if (b->slots)
        memset(b->slots, 0, sizeof *b->slots * b->slot_count);
}

TermIndex *term_builder_finish(TermBuilder *b, uint32_t row_count)
{
    IndexLayout l = {.b = b, .row_count = row_count, .bucket_count = 1};
    CLEANUP(arena_done) Arena arena = {0};

    ASSERT(b->row_count <= row_count && row_count <= TERM_INDEX_ROWS_MAX);
    charge(b);
    while (l.bucket_count * TERMS_PER_BUCKET < b->term_count)
        l.bucket_count *= 2;
    arena_init(&arena, b->budget);
    uint32_t *starts = ARENA_NEW_ARRAY(&arena, uint32_t, l.bucket_count + 1);
    l.counts = ARENA_NEW_ARRAY(&arena, uint32_t, l.bucket_count + 1);
    l.order = arena_alloc(&arena, sizeof *l.order * b->term_count);
    l.cursors = arena_alloc(&arena, sizeof *l.cursors * b->term_count);
    l.rows = arena_alloc(&arena, sizeof *l.rows * b->stream_len);
    l.entries =
        arena_alloc(&arena, b->texts_len + (2 + 2 * TERM_ROWS_INLINE) * (size_t)b->term_count);
    l.lists = arena_alloc(&arena, 3 * b->stream_len + 8);
    sort_terms(&l);
    gather_rows(&l);
    write_entries(&l, starts);
    TermIndex *index = new_index(&l, starts);
    empty(b);
    return index;
}

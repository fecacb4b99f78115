#include "storage/index/term_search.h"

static Status new_bits(const TermSource *source, Arena *arena, uint64_t **ret, Error *err)
{
    size_t bytes = term_words(source->row_count) * sizeof **ret;

    TRY(arena_try_alloc(arena, LUMA_MAX(bytes, 1), ret, err));
    memset(*ret, 0, bytes);
    return STATUS_OK;
}

static void set_all(const TermSource *source, uint64_t *bits)
{
    size_t words = term_words(source->row_count);

    memset(bits, 0xFF, words * sizeof *bits);
    if (source->row_count % 64)
        bits[words - 1] = (UINT64_C(1) << source->row_count % 64) - 1;
}

static void intersect(const TermSource *source, uint64_t *bits, const uint64_t *other)
{
    for (size_t i = 0; i < term_words(source->row_count); i++)
        bits[i] &= other[i];
}

/* bits &= rows of the term; `scratch` is a bitmap. */
static Status narrow(const TermSource *source, TermMatch how, Str term, uint64_t *scratch,
                     uint64_t *bits, Error *err)
{
    memset(scratch, 0, term_words(source->row_count) * sizeof *scratch);
    TRY(source->ops->add_rows(source, how, term, scratch, err));
    if (how != TERM_IS) /* a long run is there in pieces only: what it holds is not known */
        TRY(source->ops->add_rows(source, TERM_IS, TERM_CUT, scratch, err));
    intersect(source, bits, scratch);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- queries */

typedef struct Search {
    const TermSource *source;
    Arena *arena;
} Search;

/* A token is what the tokenizer made, pieces included, so a prefix needs no more than the terms. */
static Status narrow_prefix(Search *s, Str term, uint64_t *scratch, uint64_t *bits, Error *err)
{
    memset(scratch, 0, term_words(s->source->row_count) * sizeof *scratch);
    TRY(s->source->ops->add_rows(s->source, TERM_BEGINS, term, scratch, err));
    intersect(s->source, bits, scratch);
    return STATUS_OK;
}

static Status search_phrase(Search *s, const TextNode *node, uint64_t *bits, bool *ret_exact,
                            Error *err)
{
    uint64_t *scratch;

    TRY(new_bits(s->source, s->arena, &scratch, err));
    set_all(s->source, bits);
    for (uint32_t i = 0; i < node->field_term_count; i++)
        TRY(narrow(s->source, TERM_IS, node->field_terms[i], scratch, bits, err));
    for (uint32_t i = 0; i < node->term_count; i++)
        if (node->prefix && i == node->term_count - 1)
            TRY(narrow_prefix(s, node->terms[i], scratch, bits, err));
        else
            TRY(narrow(s->source, TERM_IS, node->terms[i], scratch, bits, err));
    *ret_exact = node->term_count == 1 && !node->in_field;
    return STATUS_OK;
}

static Status search_node(Search *s, const TextNode *node, uint64_t *bits, bool *ret_exact,
                          Error *err)
{
    size_t words = term_words(s->source->row_count);
    uint64_t *other;
    bool exact;

    if (node->kind == TEXT_PHRASE)
        return search_phrase(s, node, bits, ret_exact, err);
    TRY(search_node(s, node->left, bits, ret_exact, err));
    if (node->kind == TEXT_NOT) {
        if (*ret_exact) {
            TRY(new_bits(s->source, s->arena, &other, err));
            set_all(s->source, other);
            for (size_t i = 0; i < words; i++)
                bits[i] = other[i] & ~bits[i];
        } else {
            set_all(s->source, bits); /* rows that may match may also not */
        }
        return STATUS_OK;
    }
    TRY(new_bits(s->source, s->arena, &other, err));
    TRY(search_node(s, node->right, other, &exact, err));
    for (size_t i = 0; i < words; i++)
        bits[i] = node->kind == TEXT_AND ? bits[i] & other[i] : bits[i] | other[i];
    *ret_exact &= exact;
    return STATUS_OK;
}

Status term_search_query(const TermSource *source, const TextQuery *query, Arena *arena,
                         uint64_t *ret_bits, bool *ret_exact, Error *err)
{
    Search search = {source, arena};

    return search_node(&search, query->root, ret_bits, ret_exact, err);
}

/* ---------------------------------------------------------------- LIKE */

/* A stretch of a pattern without wildcards, and whether something may stand right before or behind
 * it. */
typedef struct Stretch {
    Str text;
    bool open_left;
    bool open_right;
} Stretch;

/* Cuts the next stretch off; false at the end. `out` has room for the pattern. */
static bool next_stretch(Str pattern, size_t *at, char *out, Stretch *ret)
{
    size_t begin = *at;
    size_t len = 0;

    while (*at < pattern.len && (pattern.ptr[*at] == '%' || pattern.ptr[*at] == '_'))
        ++*at;
    if (*at == pattern.len)
        return false;
    ret->open_left = *at > begin;
    while (*at < pattern.len && pattern.ptr[*at] != '%' && pattern.ptr[*at] != '_') {
        if (pattern.ptr[*at] == '\\' && *at + 1 < pattern.len)
            ++*at;
        out[len++] = pattern.ptr[(*at)++];
    }
    ret->open_right = *at < pattern.len;
    ret->text = str_make(out, len);
    return true;
}

static Status search_stretch(const TermSource *source, const Stretch *stretch, TextTokens *tokens,
                             uint64_t *scratch, uint64_t *bits, bool *ret_used, Error *err)
{
    static const TermMatch how[2][2] = {{TERM_IS, TERM_BEGINS}, {TERM_ENDS, TERM_HOLDS}};

    text_tokens_split(tokens, stretch->text, TEXT_PLAIN);
    for (uint32_t i = 0; i < tokens->count; i++) {
        const TextToken *token = &tokens->items[i];
        bool left = stretch->open_left && token->from == 0;
        bool right = stretch->open_right && token->to == stretch->text.len;
        /* Where a long run is cut depends on where it begins. */
        if (tokens->cut && (left || right || token->cut))
            continue;
        TRY(narrow(source, how[left][right], text_token(tokens, i), scratch, bits, err));
        *ret_used = true;
    }
    return STATUS_OK;
}

Status term_search_like(const TermSource *source, Str pattern, Arena *arena, uint64_t *ret_bits,
                        bool *ret_used, Error *err)
{
    TextTokens tokens = {0};
    Status status = STATUS_OK;
    uint64_t *scratch;
    Stretch stretch;
    char *text;
    size_t at = 0;

    TRY(new_bits(source, arena, &scratch, err));
    TRY(arena_try_alloc(arena, LUMA_MAX(pattern.len, 1), &text, err));
    *ret_used = false;
    set_all(source, ret_bits);
    while (status == STATUS_OK && next_stretch(pattern, &at, text, &stretch))
        status = search_stretch(source, &stretch, &tokens, scratch, ret_bits, ret_used, err);
    text_tokens_done(&tokens);
    return status;
}

Status term_search_words(const TermSource *source, Str words, Arena *arena, uint64_t *ret_bits,
                         bool *ret_used, Error *err)
{
    Stretch whole = {.text = words};
    TextTokens tokens = {0};
    uint64_t *scratch;

    TRY(new_bits(source, arena, &scratch, err));
    *ret_used = false;
    set_all(source, ret_bits);
    Status status = search_stretch(source, &whole, &tokens, scratch, ret_bits, ret_used, err);
    text_tokens_done(&tokens);
    return status;
}

Str term_like_literal(Str pattern, Arena *arena)
{
    char *text = arena_alloc(arena, LUMA_MAX(pattern.len, 1));
    Str best = STR("");
    Stretch stretch;
    size_t at = 0;

    while (next_stretch(pattern, &at, text, &stretch))
        if (stretch.text.len > best.len) {
            best = stretch.text;
            text = arena_alloc(arena, LUMA_MAX(pattern.len, 1));
        }
    return best;
}

/* label_select.c - matchers to refs.
 *
 * Each matcher becomes a term: a set of series to intersect with, or one to subtract. A matcher
 * that matches the empty string also selects series without the label, so it subtracts the values
 * it does not match; any other one intersects with the values it matches. Texts are looked up
 * before the index lock is taken; under it only postings are combined.
 */
#include "storage/index/label_index.h"

#include <roaring/roaring.h>

#include "storage/index/value_pattern.h"

enum { FEW_REFS = 4096 }; /* up to so many candidates are tested one by one */

typedef enum TermKind { TERM_PAIRS, TERM_NAME, TERM_SCAN } TermKind;

typedef struct Term {
    const LabelMatcher *matcher;
    TermKind kind;
    bool subtract;
    ValuePattern pattern;
    uint32_t *pairs; /* TERM_PAIRS: ids known before the lock */
    uint32_t pair_count;
    const Postings *postings; /* one set as it lies in the index, or NULL: */
    roaring_bitmap_t *bitmap; /* ... a union made for this query */
    uint64_t count;
} Term;

/* ---- before the lock ---- */

static Status one_pair(LabelIndex *index, Arena *arena, Term *term, Error *err)
{
    TRY(arena_try_alloc(arena, sizeof *term->pairs, &term->pairs, err));
    term->kind = TERM_PAIRS;
    if (label_index_find(index, term->matcher->name, term->matcher->value, &term->pairs[0]))
        term->pair_count = 1;
    return STATUS_OK;
}

static Status plan_equal(LabelIndex *index, Arena *arena, Term *term, Error *err)
{
    bool negative = term->matcher->op == MATCH_NE;

    if (term->matcher->value.len == 0) { /* ="" has no such label; !="" has it */
        term->kind = TERM_NAME;
        term->subtract = !negative;
        return STATUS_OK;
    }
    term->subtract = negative;
    return one_pair(index, arena, term, err);
}

/* name=~"a|b|c" without an empty alternative, or !~ of the same: the values are named. */
static Status plan_literals(LabelIndex *index, Arena *arena, Term *term, Error *err)
{
    const ValuePattern *pattern = &term->pattern;

    term->kind = TERM_PAIRS;
    TRY(arena_try_alloc(arena, pattern->count * sizeof *term->pairs, &term->pairs, err));
    for (uint32_t i = 0; i < pattern->count; i++) {
        Str value = pattern->alternatives[i].literal;
        if (label_index_find(index, term->matcher->name, value, &term->pairs[term->pair_count]))
            term->pair_count++;
    }
    return STATUS_OK;
}

/* `.*` and `.+`: everything, or everything with the label. */
static bool is_any(const ValuePattern *pattern, int8_t min)
{
    const ValueAlternative *alt = pattern->alternatives;
    return pattern->count == 1 && alt->literal.len == 0 && alt->before == min && alt->after < 0;
}

static Status plan_regex(LabelIndex *index, Arena *arena, Term *term, Error *err)
{
    bool negative = term->matcher->op == MATCH_NRE;
    bool has_empty = false;

    TRY(value_pattern_parse(term->matcher->value, arena, &term->pattern, err));
    const ValuePattern *pattern = &term->pattern;
    for (uint32_t i = 0; i < pattern->count; i++)
        has_empty |= pattern->alternatives[i].literal.len == 0;
    term->subtract = label_matcher_matches_empty(term->matcher);
    if (pattern->count && is_any(pattern, 1)) { /* .+ : has the label */
        term->kind = TERM_NAME;
        return STATUS_OK;
    }
    if (pattern->count && is_any(pattern, 0)) { /* .* subtracts nothing; not .* leaves nothing */
        term->kind = TERM_PAIRS;
        return STATUS_OK;
    }
    if (pattern->count && pattern->literals && !has_empty) {
        term->subtract = negative;
        return plan_literals(index, arena, term, err);
    }
    term->kind = TERM_SCAN;
    return STATUS_OK;
}

static Status plan_term(LabelIndex *index, const LabelMatcher *matcher, Arena *arena, Term *term,
                        Error *err)
{
    *term = (Term){.matcher = matcher};
    switch (matcher->op) {
    case MATCH_EQ:
    case MATCH_NE:
        return plan_equal(index, arena, term, err);
    case MATCH_RE:
    case MATCH_NRE:
        return plan_regex(index, arena, term, err);
    }
    return STATUS_OK;
}

/* ---- under the read lock ---- */

static bool value_matches(const Term *term, Str value)
{
    if (term->pattern.count)
        return value_pattern_match(&term->pattern, value) == (term->matcher->op == MATCH_RE);
    return label_matcher_test(term->matcher, value);
}

static void add_postings(Term *term, const Postings *postings)
{
    if (postings->count == 0)
        return;
    if (term->postings == NULL && term->bitmap == NULL) {
        term->postings = postings;
        term->count = postings->count;
        return;
    }
    if (!term->bitmap) {
        term->bitmap = roaring_bitmap_create();
        ASSERT(term->bitmap);
        postings_union_into(STEAL(term->postings), term->bitmap);
    }
    postings_union_into(postings, term->bitmap);
}

static void scan_values(const LabelName *name, const LabelIndex *index, Term *term)
{
    for (uint32_t i = 0; i < name->pair_count; i++) {
        const LabelPair *p = label_index_pair(index, name->pairs[i]);
        if (p->postings.count && value_matches(term, str_make(p->text, p->len)) != term->subtract)
            add_postings(term, &p->postings);
    }
}

static uint32_t name_of(LabelIndex *index, Str name)
{
    uint32_t id;
    return label_index_find_name(index, name, &id) ? id : ID_NONE;
}

static void resolve_term(LabelIndex *index, uint32_t name_id, Term *term)
{
    switch (term->kind) {
    case TERM_PAIRS:
        for (uint32_t i = 0; i < term->pair_count; i++)
            add_postings(term, &label_index_pair(index, term->pairs[i])->postings);
        break;
    case TERM_NAME:
        if (name_id != ID_NONE)
            add_postings(term, &label_index_name(index, name_id)->postings);
        break;
    case TERM_SCAN:
        if (name_id != ID_NONE)
            scan_values(label_index_name(index, name_id), index, term);
        break;
    }
    if (term->bitmap)
        term->count = roaring_bitmap_get_cardinality(term->bitmap);
}

static bool term_contains(const Term *term, uint32_t ref)
{
    if (term->bitmap)
        return roaring_bitmap_contains(term->bitmap, ref);
    return term->postings && postings_contains(term->postings, ref);
}

/* The term's set as a bitmap: its own, the index's, or made into term->bitmap. */
static const roaring_bitmap_t *term_bitmap(Term *term)
{
    if (term->bitmap)
        return term->bitmap;
    if (term->postings && postings_is_bitmap(term->postings))
        return term->postings->bitmap;
    term->bitmap = roaring_bitmap_create();
    ASSERT(term->bitmap);
    if (term->postings)
        postings_union_into(term->postings, term->bitmap);
    return term->bitmap;
}

static void term_copy(const Term *term, uint32_t *refs)
{
    if (term->bitmap)
        roaring_bitmap_to_uint32_array(term->bitmap, refs);
    else if (term->postings)
        postings_copy(term->postings, refs);
}

static uint32_t filter_refs(const Term *terms, uint32_t term_count, const Term *base,
                            uint32_t *refs, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        bool keep = true;
        for (uint32_t t = 0; keep && t < term_count; t++)
            keep = &terms[t] == base || term_contains(&terms[t], refs[i]) != terms[t].subtract;
        if (keep)
            refs[kept++] = refs[i];
    }
    return kept;
}

static Status combine_bitmaps(Term *terms, uint32_t term_count, Term *base, Arena *arena,
                              uint32_t **ret_refs, uint32_t *ret_count, Error *err)
{
    roaring_bitmap_t *result = roaring_bitmap_copy(term_bitmap(base));

    ASSERT(result);
    for (uint32_t t = 0; t < term_count; t++) {
        if (&terms[t] == base || (terms[t].subtract && terms[t].count == 0))
            continue;
        if (terms[t].subtract)
            roaring_bitmap_andnot_inplace(result, term_bitmap(&terms[t]));
        else
            roaring_bitmap_and_inplace(result, term_bitmap(&terms[t]));
    }
    uint64_t count = roaring_bitmap_get_cardinality(result);
    Status status = arena_try_alloc(arena, (count + 1) * sizeof **ret_refs, ret_refs, err);
    if (status == STATUS_OK) {
        roaring_bitmap_to_uint32_array(result, *ret_refs);
        *ret_count = (uint32_t)count;
    }
    roaring_bitmap_free(result);
    return status;
}

static Status combine(Term *terms, uint32_t term_count, Term *all, Arena *arena,
                      uint32_t **ret_refs, uint32_t *ret_count, Error *err)
{
    Term *base = NULL;
    uint32_t others = 0;

    for (uint32_t t = 0; t < term_count; t++) {
        if (!terms[t].subtract && (!base || terms[t].count < base->count))
            base = &terms[t];
        others += !terms[t].subtract || terms[t].count;
    }
    others -= base != NULL;
    if (!base)
        base = all;
    if (others && base->count > FEW_REFS)
        return combine_bitmaps(terms, term_count, base, arena, ret_refs, ret_count, err);
    TRY(arena_try_alloc(arena, (base->count + 1) * sizeof **ret_refs, ret_refs, err));
    term_copy(base, *ret_refs);
    *ret_count = (uint32_t)base->count;
    if (others)
        *ret_count = filter_refs(terms, term_count, base, *ret_refs, *ret_count);
    return STATUS_OK;
}

Status label_index_select(LabelIndex *index, const LabelMatcher *matchers, uint32_t matcher_count,
                          Arena *arena, uint32_t **ret_refs, uint32_t *ret_count, Error *err)
{
    Term *terms;
    uint32_t *names;
    uint32_t *refs = NULL;
    uint32_t count = 0;

    TRY(arena_try_alloc(arena, (matcher_count + 1) * sizeof *terms, &terms, err));
    TRY(arena_try_alloc(arena, (matcher_count + 1) * sizeof *names, &names, err));
    for (uint32_t i = 0; i < matcher_count; i++) {
        TRY(plan_term(index, &matchers[i], arena, &terms[i], err));
        names[i] = name_of(index, matchers[i].name);
    }
    rwlock_read(&index->lock);
    Term all = {.postings = &index->all, .count = index->all.count};
    for (uint32_t i = 0; i < matcher_count; i++)
        resolve_term(index, names[i], &terms[i]);
    Status status = combine(terms, matcher_count, &all, arena, &refs, &count, err);
    rwlock_unlock(&index->lock);
    for (uint32_t i = 0; i < matcher_count; i++)
        if (terms[i].bitmap)
            roaring_bitmap_free(terms[i].bitmap);
    if (all.bitmap)
        roaring_bitmap_free(all.bitmap);
    TRY(status);
    *ret_refs = refs;
    *ret_count = count;
    return STATUS_OK;
}

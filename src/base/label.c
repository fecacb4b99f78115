#include "base/label.h"

#include <stdlib.h>

#include "base/hash.h"

static int cmp_name(const void *a, const void *b)
{
    return str_cmp(((const Label *)a)->name, ((const Label *)b)->name);
}

Status label_set_normalize(Label *labels, uint32_t *count, Error *err)
{
    uint32_t n = 0;
    bool sorted = true;

    for (uint32_t i = 0; i < *count; i++) {
        if (labels[i].name.len == 0)
            return error_set(err, STATUS_INVALID, "a label has an empty name");
        if (!str_utf8_valid(labels[i].name) || !str_utf8_valid(labels[i].value))
            return error_set(err, STATUS_INVALID, "a label's name or value is not valid UTF-8");
        if (i && sorted)
            sorted = str_cmp(labels[i - 1].name, labels[i].name) < 0;
    }
    if (!sorted)
        qsort(labels, *count, sizeof *labels, cmp_name);
    for (uint32_t i = 0; i < *count; i++) {
        if (i && str_eq(labels[i - 1].name, labels[i].name))
            return error_set(err, STATUS_INVALID, "label name \"%.*s\" is not unique",
                             (int)LUMA_MIN(labels[i].name.len, 200), labels[i].name.ptr);
    }
    for (uint32_t i = 0; i < *count; i++)
        if (labels[i].value.len)
            labels[n++] = labels[i];
    *count = n;
    return STATUS_OK;
}

Str label_set_get(LabelSet set, Str name)
{
    for (uint32_t i = 0; i < set.count; i++)
        if (str_eq(set.labels[i].name, name))
            return set.labels[i].value;
    return (Str){"", 0};
}

int label_set_cmp(LabelSet a, LabelSet b)
{
    uint32_t n = LUMA_MIN(a.count, b.count);

    for (uint32_t i = 0; i < n; i++) {
        int c = str_cmp(a.labels[i].name, b.labels[i].name);
        if (!c)
            c = str_cmp(a.labels[i].value, b.labels[i].value);
        if (c)
            return c;
    }
    return (a.count > b.count) - (a.count < b.count);
}

bool label_set_eq(LabelSet a, LabelSet b)
{
    return a.count == b.count && label_set_cmp(a, b) == 0;
}

uint64_t label_set_hash(LabelSet set)
{
    uint64_t h = set.count;
    for (uint32_t i = 0; i < set.count; i++) {
        h = hash64(set.labels[i].name.ptr, set.labels[i].name.len, h);
        h = hash64(set.labels[i].value.ptr, set.labels[i].value.len, h);
    }
    return h;
}

LabelSet label_set_copy(LabelSet set, Arena *arena)
{
    Label *labels = arena_alloc(arena, set.count * sizeof *labels);
    if (!labels)
        return (LabelSet){0};
    for (uint32_t i = 0; i < set.count; i++)
        labels[i] =
            (Label){arena_str(arena, set.labels[i].name), arena_str(arena, set.labels[i].value)};
    return (LabelSet){labels, set.count};
}

static bool plain_name(Str s, bool colon)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':');
        if (!letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return s.len > 0;
}

static void append_text_quoted(Buf *out, Str s)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '"' || c == '\\')
            buf_append_byte(out, '\\');
        if (c == '\n')
            buf_append_lit(out, "\\n");
        else
            buf_append_byte(out, (uint8_t)c);
    }
    buf_append_byte(out, '"');
}

void label_set_append_text(LabelSet set, Buf *out)
{
    Str metric = label_set_get(set, LABEL_NAME);
    bool bare = plain_name(metric, true);
    bool first = true;

    if (bare) {
        buf_append_str(out, metric);
        if (set.count == 1)
            return;
    }
    buf_append_byte(out, '{');
    if (metric.len && !bare) {
        append_text_quoted(out, metric);
        first = false;
    }
    for (uint32_t i = 0; i < set.count; i++) {
        if (str_eq(set.labels[i].name, LABEL_NAME))
            continue;
        if (!first)
            buf_append_lit(out, ", ");
        first = false;
        if (plain_name(set.labels[i].name, false))
            buf_append_str(out, set.labels[i].name);
        else
            append_text_quoted(out, set.labels[i].name);
        buf_append_byte(out, '=');
        append_text_quoted(out, set.labels[i].value);
    }
    buf_append_byte(out, '}');
}

static void free_regex(void *ctx)
{
    regex_free(ctx);
}

Status label_matcher_make(MatchOp op, Str name, Str value, Arena *arena, LabelMatcher *ret_matcher,
                          Error *err)
{
    Regex *regex = NULL;

    if (op == MATCH_RE || op == MATCH_NRE) {
        TRY(regex_compile(value, REGEX_ANCHORED | REGEX_DOT_NEWLINE, &regex, err));
        arena_on_cleanup(arena, free_regex, regex);
    }
    *ret_matcher = (LabelMatcher){op, arena_str(arena, name), arena_str(arena, value), regex};
    return STATUS_OK;
}

bool label_matcher_test(const LabelMatcher *matcher, Str value)
{
    switch (matcher->op) {
    case MATCH_EQ:
        return str_eq(matcher->value, value);
    case MATCH_NE:
        return !str_eq(matcher->value, value);
    case MATCH_RE:
        return regex_match(matcher->regex, value);
    case MATCH_NRE:
        return !regex_match(matcher->regex, value);
    }
    return false;
}

bool label_matcher_matches_empty(const LabelMatcher *matcher)
{
    return label_matcher_test(matcher, (Str){"", 0});
}

#include "storage/index/value_pattern.h"

static bool is_meta(char c)
{
    return memchr("\\.+*?()|[]{}^$", c, 14) != NULL;
}

static bool is_punct(char c)
{
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
           (c >= '{' && c <= '~');
}

/* Takes `.*` or `.+` at *at. */
static bool take_any(Str s, size_t *at, int8_t *ret_min)
{
    if (*at + 1 >= s.len || s.ptr[*at] != '.' || (s.ptr[*at + 1] != '*' && s.ptr[*at + 1] != '+'))
        return false;
    *ret_min = s.ptr[*at + 1] == '+';
    *at += 2;
    return true;
}

/* One alternative from *at up to `|` or the end. False when it is of another form. */
static bool take_alternative(Str s, size_t *at, char *space, ValueAlternative *ret)
{
    ValueAlternative alt = {.literal = {space, 0}, .before = -1, .after = -1};

    (void)take_any(s, at, &alt.before);
    while (*at < s.len && s.ptr[*at] != '|') {
        char c = s.ptr[*at];
        if (c == '\\') {
            if (*at + 1 >= s.len || !is_punct(s.ptr[*at + 1]))
                return false;
            c = s.ptr[++*at];
        } else if (is_meta(c)) {
            break;
        }
        ++*at;
        if (*at < s.len && memchr("*+?{", s.ptr[*at], 4))
            return false; /* repeats the last character */
        space[alt.literal.len++] = c;
    }
    (void)take_any(s, at, &alt.after);
    if (alt.literal.len == 0 && alt.before >= 0 && alt.after >= 0)
        return false; /* counts characters, not bytes */
    if (*at < s.len && s.ptr[*at] != '|')
        return false;
    *ret = alt;
    return true;
}

/* Without one pair of parentheses around the whole; false when there are others. */
static bool strip_group(Str *s)
{
    if (s->len >= 2 && s->ptr[0] == '(' && s->ptr[s->len - 1] == ')' &&
        (s->len < 3 || s->ptr[s->len - 2] != '\\')) {
        *s = str_sub(*s, 1, s->len - 2);
        if (str_starts(*s, STR("?:")))
            *s = str_sub(*s, 2, s->len - 2);
    }
    for (size_t i = 0; i < s->len; i++) {
        if (s->ptr[i] == '\\')
            i++;
        else if (s->ptr[i] == '(' || s->ptr[i] == ')')
            return false;
    }
    return true;
}

Status value_pattern_parse(Str pattern, Arena *arena, ValuePattern *ret_pattern, Error *err)
{
    ValuePattern parsed = {.literals = true};
    Str s = pattern;
    uint32_t bars = 0;
    char *space;

    *ret_pattern = (ValuePattern){0};
    if (!strip_group(&s))
        return STATUS_OK;
    for (size_t i = 0; i < s.len; i++)
        bars += s.ptr[i] == '|';
    TRY(arena_try_alloc(arena, s.len + 1, &space, err));
    TRY(arena_try_alloc(arena, (bars + 1) * sizeof *parsed.alternatives, &parsed.alternatives,
                        err));
    for (size_t at = 0;; at++) {
        ValueAlternative *alt = &parsed.alternatives[parsed.count];
        if (!take_alternative(s, &at, space, alt))
            return STATUS_OK;
        parsed.count++;
        space += alt->literal.len;
        parsed.literals &= alt->before < 0 && alt->after < 0;
        if (at >= s.len)
            break;
    }
    *ret_pattern = parsed;
    return STATUS_OK;
}

static bool match_one(const ValueAlternative *alt, Str value)
{
    Str lit = alt->literal;

    if (alt->before < 0 && alt->after < 0)
        return str_eq(value, lit);
    if (alt->before < 0)
        return str_starts(value, lit) && value.len >= lit.len + (size_t)alt->after;
    if (alt->after < 0)
        return str_ends(value, lit) && value.len >= lit.len + (size_t)alt->before;
    size_t spare = (size_t)(alt->before + alt->after);
    if (value.len < lit.len + spare)
        return false;
    Str inner = str_sub(value, (size_t)alt->before, value.len - spare);
    return lit.len == 0 || str_find(inner, lit) >= 0;
}

bool value_pattern_match(const ValuePattern *pattern, Str value)
{
    for (uint32_t i = 0; i < pattern->count; i++)
        if (match_one(&pattern->alternatives[i], value))
            return true;
    return false;
}

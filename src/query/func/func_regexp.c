/* func_regexp.c - LIKE, ILIKE, SIMILAR TO, and matching with regular expressions.
 *
 * Regular expressions are PostgreSQL's, translated for RE2 (are.h); compiled ones are kept per
 * thread. func_regexp_find.c has the functions that find, split and replace. */
#include <pthread.h>

#include <utf8proc.h>

#include "base/regex.h"
#include "format/pgtype/are.h"
#include "query/func/func_int.h"

/* ---------------------------------------------------------------- LIKE */

static size_t char_len_at(Str s, size_t at)
{
    size_t end = at + 1;
    while (end < s.len && ((unsigned char)s.ptr[end] & 0xC0) == 0x80)
        end++;
    return end - at;
}

/* Iterative: on a mismatch behind a %, one character more goes to that %. */
static bool like(Str s, Str pattern)
{
    size_t i = 0;
    size_t p = 0;
    size_t retry_i = 0;
    size_t retry_p = SIZE_MAX;
    while (i < s.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            while (p < pattern.len && pattern.ptr[p] == '%')
                p++;
            if (p == pattern.len)
                return true;
            retry_p = p;
            retry_i = i;
            continue;
        }
        if (p < pattern.len && pattern.ptr[p] == '_') {
            i += char_len_at(s, i);
            p++;
            continue;
        }
        size_t literal = p < pattern.len && pattern.ptr[p] == '\\' ? p + 1 : p;
        if (literal < pattern.len && pattern.ptr[literal] == s.ptr[i]) {
            i++;
            p = literal + 1;
            continue;
        }
        if (retry_p == SIZE_MAX)
            return false;
        retry_i += char_len_at(s, retry_i);
        i = retry_i;
        p = retry_p;
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

/* %text% without other metacharacters: a plain search. */
static bool like_search(Str pattern, Str *ret_needle)
{
    if (pattern.len < 3 || pattern.ptr[0] != '%' || pattern.ptr[pattern.len - 1] != '%')
        return false;
    Str inner = str_sub(pattern, 1, pattern.len - 2);
    for (size_t i = 0; i < inner.len; i++)
        if (inner.ptr[i] == '%' || inner.ptr[i] == '_' || inner.ptr[i] == '\\')
            return false;
    *ret_needle = inner;
    return true;
}

/* Simple lower case of a whole text, for ILIKE. */
static Status fold(const EvalContext *ctx, Str s, Str *ret, Error *err)
{
    char *out;
    size_t len = 0;
    TRY(func__text_new(ctx, s.len * 4 + 4, &out, err));
    for (size_t at = 0; at < s.len;) {
        unsigned char c = (unsigned char)s.ptr[at];
        if (c < 0x80) {
            out[len++] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : (char)c;
            at++;
            continue;
        }
        uint32_t cp;
        size_t n = str_utf8_decode(str_sub(s, at, s.len), &cp);
        if (!n) {
            out[len++] = s.ptr[at++];
            continue;
        }
        len += str_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)cp), out + len);
        at += n;
    }
    *ret = str_make(out, len);
    return STATUS_OK;
}

/* PostgreSQL refuses a pattern that ends in its escape character. */
static Status check_pattern(Str pattern, Error *err)
{
    size_t slashes = 0;
    while (slashes < pattern.len && pattern.ptr[pattern.len - 1 - slashes] == '\\')
        slashes++;
    if (slashes % 2)
        return error_set_sql(err, STATUS_INVALID, "22025", 0,
                             "LIKE pattern must not end with escape character");
    return STATUS_OK;
}

static Status like_kernel(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t rows, bool nocase, bool negated, Column *ret, Error *err)
{
    uint32_t n;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));
    Str pattern = STR("");
    Str needle = STR("");
    bool search = false;
    for (uint32_t i = 0; i < n; i++) {
        if (column_is_null(ret, i))
            continue;
        Str s = func__str(&args[0], i);
        if (!args[1].is_const || !pattern.ptr || !pattern.len) {
            pattern = func__str(&args[1], i);
            TRY(check_pattern(pattern, err));
            if (nocase)
                TRY(fold(ctx, pattern, &pattern, err));
            search = like_search(pattern, &needle);
        }
        if (nocase)
            TRY(fold(ctx, s, &s, err));
        bool match = search ? str_find(s, needle) >= 0 : like(s, pattern);
        bit_put(column_values(ret), i, match != negated);
    }
    return STATUS_OK;
}

#define LIKE(name, nocase, negated)                                                                \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        return like_kernel(ctx, args, arg_count, rows, nocase, negated, ret, err);                 \
    }
LIKE(text_like, false, false)
LIKE(text_not_like, false, true)
LIKE(text_ilike, true, false)
LIKE(text_not_ilike, true, true)

/* LIKE ... ESCAPE 'x': rewrites the pattern for the backslash. */
ROW_KERNEL(like_escape)
{
    Str pattern = ARG_STR(0);
    Str escape = ARG_STR(1);
    CLEANUP(buf_done) Buf out = {0};
    if (str_utf8_count(escape) > 1)
        return error_set_sql(err, STATUS_INVALID, "22019", 0, "invalid escape string");
    for (size_t i = 0; i < pattern.len;) {
        Str rest = str_sub(pattern, i, pattern.len);
        if (escape.len && str_starts(rest, escape) && rest.len > escape.len) {
            buf_append_byte(&out, '\\');
            i += escape.len;
            size_t n = char_len_at(pattern, i);
            buf_append(&out, pattern.ptr + i, n);
            i += n;
            continue;
        }
        if (pattern.ptr[i] == '\\')
            buf_append_byte(&out, '\\');
        buf_append_byte(&out, (uint8_t)pattern.ptr[i++]);
    }
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- compiled expressions */

enum { CACHE_SLOTS = 32 };

typedef struct CachedRegex {
    char *pattern;
    size_t len;
    int flags;
    Regex *regex;
} CachedRegex;

/* Each thread keeps the last expressions it used; freed when the thread ends. */
typedef struct RegexCache {
    CachedRegex slots[CACHE_SLOTS];
    uint32_t next;
    uint32_t last;
} RegexCache;

static pthread_key_t cache_key;
static pthread_once_t cache_once = PTHREAD_ONCE_INIT;

static void free_cache(void *ptr)
{
    RegexCache *cache = ptr;
    for (size_t i = 0; i < CACHE_SLOTS; i++) {
        mem_free(cache->slots[i].pattern);
        if (cache->slots[i].regex)
            (void)regex_free(cache->slots[i].regex);
    }
    mem_free(cache);
}

static void make_key(void)
{
    ASSERT(pthread_key_create(&cache_key, free_cache) == 0);
}

Status func__regex(Str pattern, int flags, const Regex **ret, Error *err)
{
    pthread_once(&cache_once, make_key);
    RegexCache *cache = pthread_getspecific(cache_key);
    if (!cache) {
        cache = MEM_NEW(RegexCache);
        ASSERT(pthread_setspecific(cache_key, cache) == 0);
    }
    for (uint32_t k = 0; k < CACHE_SLOTS; k++) {
        uint32_t i = (cache->last + k) % CACHE_SLOTS;
        CachedRegex *c = &cache->slots[i];
        if (c->regex && c->flags == flags && str_eq(str_make(c->pattern, c->len), pattern)) {
            cache->last = i;
            *ret = c->regex;
            return STATUS_OK;
        }
    }
    CLEANUP(buf_done) Buf translated = {0};
    int regex_flags;
    Regex *regex;
    Error reason = {0};
    TRY(are_translate(pattern, flags, &translated, &regex_flags, err));
    if (regex_compile(buf_str(&translated), regex_flags, &regex, &reason) != STATUS_OK)
        return error_set_sql(err, STATUS_INVALID, "2201B", 0, "%s", reason.message);
    CachedRegex *c = &cache->slots[cache->next];
    cache->last = cache->next;
    cache->next = (cache->next + 1) % CACHE_SLOTS;
    mem_free(c->pattern);
    if (c->regex)
        (void)regex_free(c->regex);
    *c = (CachedRegex){mem_dup(pattern.ptr ? pattern.ptr : "", pattern.len), pattern.len, flags,
                       regex};
    *ret = regex;
    return STATUS_OK;
}

static Status match_kernel(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                           uint32_t rows, int flags, bool negated, Column *ret, Error *err)
{
    uint32_t n;
    const Regex *regex = NULL;
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &n, err));
    for (uint32_t i = 0; i < n; i++) {
        if (column_is_null(ret, i))
            continue;
        if (!regex || !args[1].is_const)
            TRY(func__regex(func__str(&args[1], i), flags, &regex, err));
        bit_put(column_values(ret), i, regex_match(regex, func__str(&args[0], i)) != negated);
    }
    return STATUS_OK;
}
#define MATCH(name, flags, negated)                                                                \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        return match_kernel(ctx, args, arg_count, rows, flags, negated, ret, err);                 \
    }
MATCH(text_match, 0, false)
MATCH(text_not_match, 0, true)
MATCH(text_imatch, ARE_NOCASE, false)
MATCH(text_not_imatch, ARE_NOCASE, true)

/* ---------------------------------------------------------------- SIMILAR TO */

typedef struct Similar {
    Str pattern;
    Str escape;
    uint32_t quotes; /* escape-double-quote separators met */
    uint32_t parens; /* open ones outside of brackets */
    bool in_class;
    Buf *out;
} Similar;

/* In the parts around the one that is cut out, quantifiers take as little as they can. */
static void append_lazy(Similar *s, bool parted)
{
    if (parted && s->quotes != 1)
        buf_append_byte(s->out, '?');
}

static Status similar_separator(Similar *s, Error *err)
{
    if (s->quotes == 0)
        buf_append_lit(s->out, ")(");
    else if (s->quotes == 1)
        buf_append_lit(s->out, ")(?:");
    else
        return error_set_sql(err, STATUS_INVALID, "2200C", 0,
                             "SQL regular expression may not contain more than two "
                             "escape-double-quote separators");
    s->quotes++;
    return STATUS_OK;
}

static void similar_char(Similar *s, char c, bool parted)
{
    if (s->in_class) {
        s->in_class = c != ']';
        if (c == '\\')
            buf_append_byte(s->out, '\\');
        buf_append_byte(s->out, (uint8_t)c);
    } else if (c == '[') {
        s->in_class = true;
        buf_append_byte(s->out, '[');
    } else if (c == '%') {
        buf_append_lit(s->out, ".*");
        append_lazy(s, parted);
    } else if (c == '_') {
        buf_append_byte(s->out, '.');
    } else if (c == '(') {
        buf_append_lit(s->out, "(?:");
    } else {
        if (c == '\\' || c == '.' || c == '^' || c == '$')
            buf_append_byte(s->out, '\\');
        buf_append_byte(s->out, (uint8_t)c);
        if (c == '*' || c == '+' || c == '?' || c == '}')
            append_lazy(s, parted);
    }
}

/* The SQL pattern as an anchored regular expression. */
static Status similar_pattern(Str pattern, Str escape, Buf *out, Error *err)
{
    Similar s = {.pattern = pattern, .escape = escape, .out = out};
    if (str_utf8_count(escape) > 1)
        return error_set_sql(err, STATUS_INVALID, "22019", 0, "invalid escape string");
    bool parted = false;
    for (size_t i = 0; escape.len && i + escape.len < pattern.len && !parted; i++)
        parted = pattern.ptr[i + escape.len] == '"' &&
                 str_starts(str_sub(pattern, i, pattern.len), escape);
    buf_append_lit(out, "^(?:");
    for (size_t i = 0; i < pattern.len; i++) {
        if (!escape.len || !str_starts(str_sub(pattern, i, pattern.len), escape) ||
            i + escape.len >= pattern.len) {
            similar_char(&s, pattern.ptr[i], parted);
            continue;
        }
        i += escape.len;
        if (pattern.ptr[i] == '"' && !s.in_class) {
            TRY(similar_separator(&s, err));
            continue;
        }
        buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)pattern.ptr[i]);
    }
    buf_append_lit(out, ")$");
    return STATUS_OK;
}

ROW_KERNEL_NULLABLE(similar_to_escape)
{
    CLEANUP(buf_done) Buf out = {0};
    if (column_is_null(&args[0], row) || (arg_count > 1 && column_is_null(&args[1], row)))
        return func__set_null(ctx, ret, row, err);
    TRY(similar_pattern(ARG_STR(0), arg_count > 1 ? ARG_STR(1) : STR("\\"), &out, err));
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* substring(text similar pattern escape e): what stands between the separators, or the match. */
ROW_KERNEL(similar_substring)
{
    CLEANUP(buf_done) Buf out = {0};
    const Regex *regex;
    Str groups[2];
    TRY(similar_pattern(ARG_STR(1), ARG_STR(2), &out, err));
    TRY(func__regex(buf_str(&out), 0, &regex, err));
    int group_count = regex_group_count(regex) ? 2 : 1;
    if (!regex_search(regex, ARG_STR(0), 0, groups, group_count) || !groups[group_count - 1].ptr)
        return func__set_null(ctx, ret, row, err);
    func__set_str(ret, row, groups[group_count - 1]);
    return STATUS_OK;
}

#define TT T(TEXT)
#define MATCH_OPS(name, kernel, text_oid, name_oid, bpchar_oid)                                    \
    OP(name, text_oid, kernel, T(BOOL), 2, TT, TT),                                                \
        OP(name, name_oid, kernel, T(BOOL), 2, T(NAME), TT),                                       \
        OP(name, bpchar_oid, kernel, T(BOOL), 2, T(BPCHAR), TT)

static const Function functions[] = {
    MATCH_OPS("~~", text_like, 850, 858, 1631),
    MATCH_OPS("!~~", text_not_like, 851, 859, 1632),
    MATCH_OPS("~~*", text_ilike, 1633, 1635, 1660),
    MATCH_OPS("!~~*", text_not_ilike, 1634, 1636, 1661),
    MATCH_OPS("~", text_match, 1254, 79, 1658),
    MATCH_OPS("!~", text_not_match, 1256, 1252, 1659),
    MATCH_OPS("~*", text_imatch, 1238, 1240, 1656),
    MATCH_OPS("!~*", text_not_imatch, 1239, 1241, 1657),
    FN("like_escape", 1637, like_escape, TT, 2, TT, TT),
    {.name = "similar_to_escape",
     .oid = 1987,
     .arg_count = 1,
     .args = {TT},
     .ret = TT,
     .kernel = similar_to_escape},
    {.name = "similar_to_escape",
     .oid = 1986,
     .arg_count = 2,
     .args = {TT, TT},
     .ret = TT,
     .kernel = similar_to_escape},
    FN("substring", 2074, similar_substring, TT, 3, TT, TT, TT),
};
const FuncTable func__regexp_table = {functions, LUMA_ARRAY_LEN(functions)};

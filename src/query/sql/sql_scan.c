/* sql_scan.c - a scanner just good enough to skip strings, quoted names and comments. */
#include "query/sql/sql_scan.h"

#include "query/sql/sql_deparse.h"

#include "base/str.h"

enum { MARK_BYTES = 64, TEXT_BYTES_MAX = 256 << 20 };

Status sql_text_init(SqlText *ret_text, Arena *arena, Str text, Error *err)
{
    if (text.len > TEXT_BYTES_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0,
                             "the query text of %zu bytes exceeds %d bytes", text.len,
                             TEXT_BYTES_MAX);
    if (!str_utf8_valid(text) || (text.len && memchr(text.ptr, 0, text.len)))
        return error_set_sql(err, STATUS_INVALID, "22021", 0,
                             "invalid byte sequence for encoding \"UTF8\" in the query text");
    char *copy;
    TRY(arena_try_alloc(arena, text.len + 1, &copy, err));
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    ret_text->text = (Str){copy, text.len};
    ret_text->marks = NULL;
    if (str_utf8_count(text) == text.len)
        return STATUS_OK;
    uint32_t *marks = ARENA_NEW_ARRAY(arena, uint32_t, text.len / MARK_BYTES + 1);
    uint32_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (i % MARK_BYTES == 0)
            marks[i / MARK_BYTES] = count;
        count += (copy[i] & 0xc0) != 0x80;
    }
    ret_text->marks = marks;
    return STATUS_OK;
}

int32_t sql_text_position(const SqlText *text, size_t offset)
{
    if (offset > text->text.len)
        offset = text->text.len;
    if (!text->marks)
        return (int32_t)offset + 1;
    size_t from = offset == text->text.len && offset % MARK_BYTES == 0 && offset
                      ? offset - MARK_BYTES
                      : offset / MARK_BYTES * MARK_BYTES;
    uint32_t count = text->marks[from / MARK_BYTES];
    for (size_t i = from; i < offset; i++)
        count += (text->text.ptr[i] & 0xc0) != 0x80;
    return (int32_t)count + 1;
}

typedef enum TokenKind { TOKEN_END, TOKEN_WORD, TOKEN_OTHER } TokenKind;
typedef struct Token {
    TokenKind kind;
    Str text;
} Token;

static bool is_word(char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
           ch == '_' || ch == '$' || (ch & 0x80);
}

static size_t skip_quoted(Str s, size_t at, char quote, bool escapes)
{
    for (at++; at < s.len; at++) {
        if (escapes && s.ptr[at] == '\\')
            at++;
        else if (s.ptr[at] == quote) {
            if (at + 1 >= s.len || s.ptr[at + 1] != quote)
                return at + 1;
            at++;
        }
    }
    return s.len;
}

static size_t skip_comment(Str s, size_t at)
{
    int depth = 0;
    while (at + 1 < s.len) {
        if (s.ptr[at] == '/' && s.ptr[at + 1] == '*') {
            depth++;
            at += 2;
        } else if (s.ptr[at] == '*' && s.ptr[at + 1] == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return s.len;
}

/* $tag$ ... $tag$; returns `at` when it is none. */
static size_t skip_dollar(Str s, size_t at)
{
    size_t end = at + 1;
    while (end < s.len && s.ptr[end] != '$' && is_word(s.ptr[end]))
        end++;
    if (end >= s.len || s.ptr[end] != '$' ||
        (end > at + 1 && s.ptr[at + 1] >= '0' && s.ptr[at + 1] <= '9'))
        return at;
    Str tag = str_sub(s, at, end + 1 - at);
    Str rest = str_sub(s, end + 1, SIZE_MAX);
    ptrdiff_t found = str_find(rest, tag);
    return found < 0 ? s.len : end + 1 + (size_t)found + tag.len;
}

static size_t skip_space(Str s, size_t at)
{
    while (at < s.len) {
        char ch = s.ptr[at];
        if (ch == ' ' || (ch >= '\t' && ch <= '\r'))
            at++;
        else if (ch == '-' && at + 1 < s.len && s.ptr[at + 1] == '-')
            while (at < s.len && s.ptr[at] != '\n')
                at++;
        else if (ch == '/' && at + 1 < s.len && s.ptr[at + 1] == '*')
            at = skip_comment(s, at);
        else
            break;
    }
    return at;
}

static Token next_token(Str s, size_t *at)
{
    size_t from = *at = skip_space(s, *at);
    if (from >= s.len)
        return (Token){TOKEN_END, {s.ptr + s.len, 0}};
    char ch = s.ptr[from];
    Token token = {TOKEN_OTHER, {0}};
    size_t end = from + 1;
    if (ch == '"' || ch == '\'') {
        end = skip_quoted(s, from, ch, false);
    } else if ((ch == 'e' || ch == 'E') && from + 1 < s.len && s.ptr[from + 1] == '\'') {
        end = skip_quoted(s, from + 1, '\'', true);
    } else if (ch == '$' && skip_dollar(s, from) > from) {
        end = skip_dollar(s, from);
    } else if (is_word(ch)) {
        token.kind = TOKEN_WORD;
        while (end < s.len && is_word(s.ptr[end]))
            end++;
    }
    token.text = str_sub(s, from, end - from);
    *at = end;
    return token;
}

static int depth_change(Token token)
{
    if (token.kind != TOKEN_OTHER || token.text.len != 1)
        return 0;
    char ch = token.text.ptr[0];
    return ch == '(' || ch == '[' ? 1 : ch == ')' || ch == ']' ? -1 : 0;
}

Str sql_scan_view_query(Str statement)
{
    size_t at = 0;
    int depth = 0;
    for (;;) {
        Token token = next_token(statement, &at);
        if (token.kind == TOKEN_END)
            return STR("");
        depth += depth_change(token);
        if (!depth && token.kind == TOKEN_WORD && str_eq_nocase(token.text, STR("as")))
            return str_trim(str_sub(statement, at, SIZE_MAX));
    }
}

static bool is_identifier(Token token, Str name)
{
    if (token.kind == TOKEN_WORD)
        return str_eq_nocase(token.text, name);
    return token.text.len == name.len + 2 && token.text.ptr[0] == '"' &&
           str_eq(str_sub(token.text, 1, name.len), name);
}

Str sql_scan_replace(Arena *arena, Str text, Str from, Str to)
{
    CLEANUP(buf_done) Buf out = {0};
    CLEANUP(buf_done) Buf name = {0};
    size_t at = 0;
    size_t copied = 0;
    sql_append_name(&name, to);
    for (;;) {
        Token token = next_token(text, &at);
        if (token.kind == TOKEN_END)
            break;
        if (!is_identifier(token, from))
            continue;
        size_t start = (size_t)(token.text.ptr - text.ptr);
        buf_append_str(&out, str_sub(text, copied, start - copied));
        buf_append_str(&out, buf_str(&name));
        copied = at;
    }
    buf_append_str(&out, str_sub(text, copied, SIZE_MAX));
    return arena_str(arena, buf_str(&out));
}

Str sql_scan_command(Str statement)
{
    size_t at = 0;
    Token first = next_token(statement, &at);
    size_t from = (size_t)(first.text.ptr - statement.ptr);
    size_t end = from + first.text.len;
    bool two_words =
        str_eq_nocase(first.text, STR("create")) || str_eq_nocase(first.text, STR("alter")) ||
        str_eq_nocase(first.text, STR("drop")) || str_eq_nocase(first.text, STR("refresh"));
    if (two_words) {
        Token second = next_token(statement, &at);
        if (second.kind == TOKEN_WORD)
            end = at;
    }
    return str_sub(statement, from, end - from);
}

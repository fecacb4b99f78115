/* jsonpath_lex.c - words, strings with JavaScript escapes, numbers and symbols of path texts. */
#include "format/jsonpath/jsonpath_int.h"

static char peek(const PathLexer *l, size_t ahead)
{
    return l->at + ahead < l->text.len ? l->text.ptr[l->at + ahead] : 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_special(char c)
{
    return strchr("?%$.[]{}()|&!=<>@#,*:-+/\\\"", c) != NULL;
}

static bool is_word(char c)
{
    return c && !is_space(c) && (!is_special(c) || c == '\\');
}

Status jsonpath__syntax(PathLexer *l, const char *message)
{
    if (l->token == PATH_TOKEN_END)
        return error_set_sql(l->err, STATUS_INVALID, "42601", 0, "%s at end of jsonpath input",
                             message);
    Str near = str_sub(l->text, l->begin, l->at > l->begin ? l->at - l->begin : 1);
    return error_set_sql(l->err, STATUS_INVALID, "42601", 0,
                         "%s at or near \"%.*s\" of jsonpath input", message, STR_FMT(near));
}

static Status bad_escape(PathLexer *l, const char *message)
{
    l->token = PATH_TOKEN_WORD;
    return jsonpath__syntax(l, message);
}

static int hex_value(char c)
{
    char lower = (char)(c | 0x20);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool read_hex(PathLexer *l, size_t count, uint32_t *ret)
{
    uint32_t code = 0;
    for (size_t i = 0; i < count; i++, l->at++) {
        int digit = hex_value(peek(l, 0));
        if (digit < 0)
            return false;
        code = code << 4 | (uint32_t)digit;
    }
    *ret = code;
    return true;
}

/* \uXXXX or \u{X...}, behind the u. */
static Status read_unicode(PathLexer *l, uint32_t *ret)
{
    *ret = 0;
    if (peek(l, 0) != '{')
        return read_hex(l, 4, ret) ? STATUS_OK : bad_escape(l, "invalid Unicode escape sequence");
    l->at++;
    size_t digits = 0;
    for (; hex_value(peek(l, 0)) >= 0 && digits < 6; digits++, l->at++)
        *ret = *ret << 4 | (uint32_t)hex_value(peek(l, 0));
    if (!digits || peek(l, 0) != '}')
        return bad_escape(l, "invalid Unicode escape sequence");
    l->at++;
    return STATUS_OK;
}

static Status append_unicode(PathLexer *l, Buf *out)
{
    uint32_t code;
    uint32_t low;
    char utf8[4];
    TRY(read_unicode(l, &code));
    if (code >= 0xD800 && code < 0xDC00) {
        if (peek(l, 0) != '\\' || peek(l, 1) != 'u')
            return error_set_sql(l->err, STATUS_INVALID, "22P02", 0,
                                 "invalid input syntax for type jsonpath");
        l->at += 2;
        TRY(read_unicode(l, &low));
        if (low < 0xDC00 || low > 0xDFFF)
            return error_set_sql(l->err, STATUS_INVALID, "22P02", 0,
                                 "invalid input syntax for type jsonpath");
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return error_set_sql(l->err, STATUS_INVALID, "22P02", 0,
                             "invalid input syntax for type jsonpath");
    }
    if (!code || code > 0x10FFFF)
        return error_set_sql(l->err, STATUS_INVALID, "22P05", 0,
                             "unsupported Unicode escape sequence");
    buf_append(out, utf8, str_utf8_encode(code, utf8));
    return STATUS_OK;
}

/* The cursor stands behind the backslash. */
static Status append_escape(PathLexer *l, Buf *out)
{
    static const char letters[] = "b\bf\fn\nr\rt\tv\v";
    char c = peek(l, 0);
    uint32_t code;
    char utf8[4];
    if (l->at >= l->text.len)
        return bad_escape(l, "unexpected end after backslash");
    l->at++;
    for (size_t i = 0; i + 1 < sizeof letters; i += 2) {
        if (letters[i] == c) {
            buf_append_byte(out, (uint8_t)letters[i + 1]);
            return STATUS_OK;
        }
    }
    if (c == 'u')
        return append_unicode(l, out);
    if (c == 'x') {
        if (!read_hex(l, 2, &code))
            return bad_escape(l, "invalid hexadecimal character sequence");
        if (!code)
            return error_set_sql(l->err, STATUS_INVALID, "22P05", 0,
                                 "unsupported Unicode escape sequence");
        buf_append(out, utf8, str_utf8_encode(code, utf8));
        return STATUS_OK;
    }
    buf_append_byte(out, (uint8_t)c);
    return STATUS_OK;
}

static Status take(PathLexer *l, const Buf *out)
{
    char *copy;
    TRY(arena_try_alloc(l->arena, out->len + 1, &copy, l->err));
    if (out->len)
        memcpy(copy, out->ptr, out->len);
    l->value = str_make(copy, out->len);
    return STATUS_OK;
}

/* A string; the cursor stands on its opening quote. */
static Status read_quoted(PathLexer *l)
{
    CLEANUP(buf_done) Buf out = {0};
    for (l->at++; peek(l, 0) != '"';) {
        if (l->at >= l->text.len)
            return bad_escape(l, "unterminated quoted string");
        char c = l->text.ptr[l->at++];
        if (c == '\\')
            TRY(append_escape(l, &out));
        else
            buf_append_byte(&out, (uint8_t)c);
    }
    l->at++;
    return take(l, &out);
}

static Status read_word(PathLexer *l)
{
    CLEANUP(buf_done) Buf out = {0};
    while (is_word(peek(l, 0))) {
        char c = l->text.ptr[l->at++];
        if (c == '\\')
            TRY(append_escape(l, &out));
        else
            buf_append_byte(&out, (uint8_t)c);
    }
    return take(l, &out);
}

static Status read_number(PathLexer *l)
{
    l->token = PATH_TOKEN_NUMBER;
    l->integer = true;
    if (peek(l, 0) == '0' && is_digit(peek(l, 1))) {
        l->at++;
        return jsonpath__syntax(l, "trailing junk after numeric literal");
    }
    while (is_digit(peek(l, 0)))
        l->at++;
    if (peek(l, 0) == '.') {
        l->integer = false;
        l->at++;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    char c = peek(l, 0);
    size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';
    if ((c == 'e' || c == 'E') && is_digit(peek(l, 1 + sign))) {
        l->integer = false;
        l->at += 1 + sign;
        while (is_digit(peek(l, 0)))
            l->at++;
    }
    if (is_word(peek(l, 0))) {
        l->at++;
        return jsonpath__syntax(l, "trailing junk after numeric literal");
    }
    l->value = str_sub(l->text, l->begin, l->at - l->begin);
    return STATUS_OK;
}

static Status skip_blanks(PathLexer *l)
{
    for (;;) {
        while (is_space(peek(l, 0)))
            l->at++;
        if (peek(l, 0) != '/' || peek(l, 1) != '*')
            return STATUS_OK;
        l->at += 2;
        while (l->at < l->text.len && !(peek(l, 0) == '*' && peek(l, 1) == '/'))
            l->at++;
        if (l->at >= l->text.len) {
            l->token = PATH_TOKEN_END;
            return jsonpath__syntax(l, "unexpected end of comment");
        }
        l->at += 2;
    }
}

Status jsonpath__next(PathLexer *l)
{
    static const char *const pairs[] = {"&&", "||", "**", "==", "!=", "<>", "<=", ">="};
    TRY(skip_blanks(l));
    l->begin = l->at;
    if (l->at >= l->text.len) {
        l->token = PATH_TOKEN_END;
        return STATUS_OK;
    }
    char c = peek(l, 0);
    if (c == '"') {
        l->token = PATH_TOKEN_STRING;
        return read_quoted(l);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
        return read_number(l);
    if (c == '$') {
        l->at++;
        l->token = PATH_TOKEN_VARIABLE;
        l->value = STR("");
        if (peek(l, 0) == '"')
            return read_quoted(l);
        return is_word(peek(l, 0)) ? read_word(l) : STATUS_OK;
    }
    if (is_word(c)) {
        l->token = PATH_TOKEN_WORD;
        return read_word(l);
    }
    l->token = PATH_TOKEN_SYMBOL;
    l->at++;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(pairs); i++)
        if (c == pairs[i][0] && peek(l, 0) == pairs[i][1]) {
            l->at++;
            break;
        }
    l->value = str_sub(l->text, l->begin, l->at - l->begin);
    return STATUS_OK;
}

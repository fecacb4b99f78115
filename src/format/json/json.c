#include "format/json/json.h"

/* What may come next. */
enum {
    EXPECT_VALUE,
    EXPECT_VALUE_OR_END, /* after [ */
    EXPECT_KEY,          /* after , in an object */
    EXPECT_KEY_OR_END,   /* after { */
    EXPECT_COMMA_OR_END, /* after a value in a container */
    EXPECT_NOTHING,      /* after the value */
};

JsonReader json_reader(Str text)
{
    return (JsonReader){
        .begin = text.ptr, .cursor = text.ptr, .end = text.ptr + text.len, .expect = EXPECT_VALUE};
}

static Status bad(const JsonReader *r, const char *what, Error *err)
{
    return error_set(err, STATUS_INVALID, "not JSON at byte %zu: %s",
                     (size_t)(r->cursor - r->begin), what);
}

static void skip_space(JsonReader *r)
{
    while (r->cursor < r->end &&
           (*r->cursor == ' ' || *r->cursor == '\n' || *r->cursor == '\r' || *r->cursor == '\t'))
        r->cursor++;
}

static bool in_object(const JsonReader *r)
{
    uint32_t top = r->depth - 1;
    return r->stack[top / 8] >> (top % 8) & 1;
}

static void after_value(JsonReader *r)
{
    r->expect = r->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

static Status push(JsonReader *r, bool object, JsonToken *token, Error *err)
{
    if (r->depth == JSON_DEPTH_MAX)
        return error_set(err, STATUS_LIMIT, "JSON is nested deeper than %d levels", JSON_DEPTH_MAX);
    uint8_t bit = (uint8_t)(1u << (r->depth % 8));
    r->stack[r->depth / 8] = (uint8_t)((r->stack[r->depth / 8] & ~bit) | (object ? bit : 0));
    r->depth++;
    r->cursor++;
    token->kind = object ? JSON_TOKEN_OBJECT : JSON_TOKEN_ARRAY;
    r->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    return STATUS_OK;
}

static Status pop(JsonReader *r, bool object, JsonToken *token, Error *err)
{
    if (!r->depth || in_object(r) != object)
        return bad(r, object ? "} closes nothing" : "] closes nothing", err);
    r->depth--;
    r->cursor++;
    token->kind = object ? JSON_TOKEN_OBJECT_END : JSON_TOKEN_ARRAY_END;
    after_value(r);
    return STATUS_OK;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escape_ok(const char *p, const char *end)
{
    if (p + 1 >= end)
        return false;
    if (p[1] != 'u')
        return strchr("\"\\/bfnrt", p[1]) != NULL && p[1] != 0;
    if (end - p < 6)
        return false;
    return is_hex(p[2]) && is_hex(p[3]) && is_hex(p[4]) && is_hex(p[5]);
}

/* Moves past a string; its inside goes into the token. */
static Status take_string(JsonReader *r, JsonToken *token, Error *err)
{
    const char *start = ++r->cursor;
    bool ascii = true;

    token->escaped = false;
    for (;; r->cursor++) {
        if (r->cursor == r->end)
            return bad(r, "a string is not closed", err);
        unsigned char c = (unsigned char)*r->cursor;
        if (c == '"')
            break;
        if (c < 0x20)
            return bad(r, "a control character stands in a string", err);
        ascii &= c < 0x80;
        if (c == '\\') {
            if (!escape_ok(r->cursor, r->end))
                return bad(r, "a bad escape", err);
            token->escaped = true;
            r->cursor++;
        }
    }
    token->text = (Str){start, (size_t)(r->cursor - start)};
    if (!ascii && !str_utf8_valid(token->text))
        return bad(r, "a string is not valid UTF-8", err);
    r->cursor++;
    return STATUS_OK;
}

static size_t take_digits(JsonReader *r)
{
    const char *start = r->cursor;
    while (r->cursor < r->end && *r->cursor >= '0' && *r->cursor <= '9')
        r->cursor++;
    return (size_t)(r->cursor - start);
}

static Status take_number(JsonReader *r, JsonToken *token, Error *err)
{
    const char *start = r->cursor;

    if (*r->cursor == '-')
        r->cursor++;
    bool zero = r->cursor < r->end && *r->cursor == '0';
    size_t digits = take_digits(r);
    if (digits == 0 || (zero && digits > 1))
        return bad(r, "a number is malformed", err);
    if (r->cursor < r->end && *r->cursor == '.') {
        r->cursor++;
        if (!take_digits(r))
            return bad(r, "a number is malformed", err);
    }
    if (r->cursor < r->end && (*r->cursor == 'e' || *r->cursor == 'E')) {
        r->cursor++;
        if (r->cursor < r->end && (*r->cursor == '+' || *r->cursor == '-'))
            r->cursor++;
        if (!take_digits(r))
            return bad(r, "a number is malformed", err);
    }
    token->kind = JSON_TOKEN_NUMBER;
    token->text = (Str){start, (size_t)(r->cursor - start)};
    return STATUS_OK;
}

static Status take_word(JsonReader *r, JsonToken *token, Error *err)
{
    static const struct {
        Str word;
        JsonTokenKind kind;
    } words[] = {{STR_INIT("true"), JSON_TOKEN_TRUE},
                 {STR_INIT("false"), JSON_TOKEN_FALSE},
                 {STR_INIT("null"), JSON_TOKEN_NULL}};
    Str rest = {r->cursor, (size_t)(r->end - r->cursor)};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(words); i++)
        if (str_starts(rest, words[i].word)) {
            token->kind = words[i].kind;
            r->cursor += words[i].word.len;
            return STATUS_OK;
        }
    return bad(r, "a value is expected here", err);
}

static Status take_value(JsonReader *r, JsonToken *token, Error *err)
{
    char c = *r->cursor;

    if (c == '{' || c == '[')
        return push(r, c == '{', token, err);
    if (c == '"') {
        token->kind = JSON_TOKEN_STRING;
        TRY(take_string(r, token, err));
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        TRY(take_number(r, token, err));
    } else {
        TRY(take_word(r, token, err));
    }
    after_value(r);
    return STATUS_OK;
}

static Status take_key(JsonReader *r, JsonToken *token, Error *err)
{
    if (*r->cursor != '"')
        return bad(r, "a key in quotes is expected here", err);
    token->kind = JSON_TOKEN_KEY;
    TRY(take_string(r, token, err));
    skip_space(r);
    if (r->cursor == r->end || *r->cursor != ':')
        return bad(r, "a colon is expected after a key", err);
    r->cursor++;
    r->expect = EXPECT_VALUE;
    return STATUS_OK;
}

Status json_next(JsonReader *r, JsonToken *ret_token, Error *err)
{
    *ret_token = (JsonToken){0};
    skip_space(r);
    if (r->expect == EXPECT_COMMA_OR_END && r->cursor < r->end && *r->cursor == ',') {
        r->cursor++;
        r->expect = in_object(r) ? EXPECT_KEY : EXPECT_VALUE;
        skip_space(r);
    }
    ret_token->offset = (size_t)(r->cursor - r->begin);
    if (r->cursor == r->end) {
        if (r->expect != EXPECT_NOTHING)
            return bad(r, "the text ends too early", err);
        ret_token->kind = JSON_TOKEN_END;
        return STATUS_OK;
    }
    char c = *r->cursor;
    switch (r->expect) {
    case EXPECT_VALUE_OR_END:
        if (c == ']')
            return pop(r, false, ret_token, err);
        return take_value(r, ret_token, err);
    case EXPECT_VALUE:
        return take_value(r, ret_token, err);
    case EXPECT_KEY_OR_END:
        if (c == '}')
            return pop(r, true, ret_token, err);
        return take_key(r, ret_token, err);
    case EXPECT_KEY:
        return take_key(r, ret_token, err);
    case EXPECT_COMMA_OR_END:
        if (c == '}' || c == ']')
            return pop(r, c == '}', ret_token, err);
        return bad(r, "a comma or the end of the container is expected here", err);
    default:
        return bad(r, "text follows after the value", err);
    }
}

Status json_skip(JsonReader *r, const JsonToken *token, Error *err)
{
    if (token->kind != JSON_TOKEN_OBJECT && token->kind != JSON_TOKEN_ARRAY)
        return STATUS_OK;
    uint32_t outside = r->depth - 1;
    JsonToken inner;
    do
        TRY(json_next(r, &inner, err));
    while (r->depth > outside);
    return STATUS_OK;
}

static uint32_t read_hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* Decodes \uXXXX (and its low half) at p; returns the bytes read. */
static size_t read_unicode(const char *p, const char *end, uint32_t *ret_code)
{
    uint32_t code = read_hex4(p + 2);

    if (code >= 0xD800 && code < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u') {
        uint32_t low = read_hex4(p + 8);
        if (low >= 0xDC00 && low < 0xE000) {
            *ret_code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            return 12;
        }
    }
    *ret_code = code >= 0xD800 && code < 0xE000 ? 0xFFFD : code;
    return 6;
}

Str json_unescape(const JsonToken *token, Arena *arena)
{
    if (!token->escaped)
        return token->text;
    const char *p = token->text.ptr;
    const char *end = p + token->text.len;
    char *out = arena_alloc(arena, token->text.len); /* escapes never grow */
    size_t n = 0;

    if (!out)
        return (Str){0};
    while (p < end) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        if (p[1] == 'u') {
            uint32_t code;
            p += read_unicode(p, end, &code);
            n += str_utf8_encode(code, out + n);
            continue;
        }
        static const char from[] = "\"\\/bfnrt";
        static const char to[] = "\"\\/\b\f\n\r\t";
        out[n++] = to[strchr(from, p[1]) - from];
        p += 2;
    }
    return (Str){out, n};
}

/* Does the byte stand for itself in a JSON string? */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static size_t append_special(Buf *out, Str rest)
{
    unsigned char c = (unsigned char)rest.ptr[0];
    uint32_t code;

    switch (c) {
    case '"':
        buf_append_lit(out, "\\\"");
        return 1;
    case '\\':
        buf_append_lit(out, "\\\\");
        return 1;
    case '\n':
        buf_append_lit(out, "\\n");
        return 1;
    case '\r':
        buf_append_lit(out, "\\r");
        return 1;
    case '\t':
        buf_append_lit(out, "\\t");
        return 1;
    default:
        break;
    }
    if (c < 0x20) {
        buf_printf(out, "\\u%04x", c);
        return 1;
    }
    size_t len = str_utf8_decode(rest, &code);
    if (len == 0) {
        buf_append_lit(out, "\xEF\xBF\xBD");
        return 1;
    }
    buf_append(out, rest.ptr, len);
    return len;
}

void json_append_string(Buf *out, Str text)
{
    size_t i = 0;

    buf_append_byte(out, '"');
    while (i < text.len) {
        size_t run = i;
        while (run < text.len && is_plain((unsigned char)text.ptr[run]))
            run++;
        buf_append(out, text.ptr + i, run - i);
        i = run;
        if (i < text.len)
            i += append_special(out, str_sub(text, i, text.len));
    }
    buf_append_byte(out, '"');
}

/* jsonb.c - checks json and writes jsonb's canonical text (RFC 8259 grammar). */
#include "format/pgtype/jsonb.h"

#include <stdlib.h>

#include "format/pgtype/numeric.h"

typedef struct JsonParser {
    Str text;
    const char *p;
    const char *end;
    int depth;
    Arena *arena; /* NULL: validate only */
    Error *err;
} JsonParser;

/* What canonical output is made of. Lives in the arena. */
typedef struct JsonNode {
    enum {
        JSON_NULL,
        JSON_TRUE,
        JSON_FALSE,
        JSON_NUMBER,
        JSON_STRING,
        JSON_ARRAY,
        JSON_OBJECT
    } kind;
    Str text; /* number: canonical digits; string: decoded bytes */
    struct JsonNode **children;
    Str *keys; /* of an object */
    uint32_t count;
    uint32_t cap;
} JsonNode;

static Status fail(JsonParser *s, const char *sqlstate, const char *message, const char *detail,
                   Str token)
{
    (void)error_set_sql(s->err, STATUS_INVALID, sqlstate, 0, "%s", message);
    error_detail(s->err, detail, STR_FMT(token));
    return STATUS_INVALID;
}

static bool is_word_char(char c)
{
    return ((unsigned char)c | 0x20u) - 'a' < 26u || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* The string, word or character that stands at the cursor, for messages. */
static Str token_at(const JsonParser *s, const char *from)
{
    const char *p = from;

    if (p < s->end && *p == '"') {
        for (p++; p < s->end && *p != '"'; p++)
            p += *p == '\\' && p + 1 < s->end;
        p += p < s->end;
    } else {
        while (p < s->end && is_word_char(*p))
            p++;
        p += p == from && p < s->end;
    }
    return (Str){from, (size_t)(p - from)};
}

static Status invalid_token(JsonParser *s, Str token)
{
    return fail(s, "22P02", "invalid input syntax for type json", "Token \"%.*s\" is invalid.",
                token);
}

static Status syntax(JsonParser *s, const char *detail)
{
    Str token = token_at(s, s->p);

    if (s->p >= s->end)
        return fail(s, "22P02", "invalid input syntax for type json",
                    "The input string ended unexpectedly.", (Str){0});
    bool word = is_word_char(token.ptr[0]) && !(token.ptr[0] >= '0' && token.ptr[0] <= '9');
    if ((word && !str_eq(token, STR("true")) && !str_eq(token, STR("false")) &&
         !str_eq(token, STR("null"))) ||
        (!word && !strchr("{}[],:\"-0123456789", token.ptr[0])))
        return invalid_token(s, token);
    return fail(s, "22P02", "invalid input syntax for type json", detail, token);
}

static void skip_space(JsonParser *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool read_hex4(const char *p, uint32_t *ret)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        uint32_t d = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                     : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                     : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                            : 16;
        if (d == 16)
            return false;
        v = v << 4 | d;
    }
    *ret = v;
    return true;
}

/* \uXXXX, with its second half when it is a surrogate. The cursor stands behind "\u". For json
 * alone only the form is checked; jsonb needs the character. */
static Status parse_unicode(JsonParser *s, char *out, size_t *len)
{
    uint32_t code;
    uint32_t low;

    if (s->end - s->p < 4 || !read_hex4(s->p, &code))
        return fail(s, "22P02", "invalid input syntax for type json",
                    "\"\\u\" must be followed by four hexadecimal digits.", (Str){0});
    s->p += 4;
    if (!s->arena)
        return STATUS_OK;
    if (code >= 0xD800 && code <= 0xDBFF) {
        if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u' || !read_hex4(s->p + 2, &low) ||
            low < 0xDC00 || low > 0xDFFF)
            return fail(s, "22P02", "invalid input syntax for type json",
                        "Unicode low surrogate must follow a high surrogate.", (Str){0});
        s->p += 6;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
        return fail(s, "22P02", "invalid input syntax for type json",
                    "Unicode low surrogate must follow a high surrogate.", (Str){0});
    }
    if (code == 0)
        return fail(s, "22P05", "unsupported Unicode escape sequence",
                    "\\u0000 cannot be converted to text.", (Str){0});
    *len += str_utf8_encode(code, out + *len);
    return STATUS_OK;
}

static char simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
        return c;
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return 0;
    }
}

/* The cursor stands on the opening quote. Decoded bytes are made only for jsonb. */
static Status parse_string(JsonParser *s, Str *ret)
{
    const char *close = s->p + 1;
    char *out = NULL;
    size_t len = 0;

    if (s->arena) {
        while (close < s->end && *close != '"')
            close += *close == '\\' ? 2 : 1;
        TRY(arena_try_alloc(s->arena, (size_t)(LUMA_MIN(close, s->end) - s->p), &out, s->err));
    }
    const char *begin = s->p;
    for (s->p++; s->p < s->end && *s->p != '"';) {
        unsigned char c = (unsigned char)*s->p;
        if (c < 0x20) {
            char detail[64] = "Character with value 0x00 must be escaped.";
            detail[23] = "0123456789abcdef"[c >> 4];
            detail[24] = "0123456789abcdef"[c & 15];
            return fail(s, "22P02", "invalid input syntax for type json", detail, (Str){0});
        }
        if (c != '\\') {
            if (out)
                out[len++] = (char)c;
            s->p++;
            continue;
        }
        if (++s->p >= s->end)
            break;
        if (*s->p == 'u') {
            s->p++;
            TRY(parse_unicode(s, out, &len));
            continue;
        }
        char plain = simple_escape(*s->p);
        if (!plain)
            return fail(s, "22P02", "invalid input syntax for type json",
                        "Escape sequence \"\\%.*s\" is invalid.", token_at(s, s->p));
        if (out)
            out[len++] = plain;
        s->p++;
    }
    if (s->p >= s->end)
        return invalid_token(s, (Str){begin, (size_t)(s->end - begin)});
    s->p++;
    *ret = (Str){out, len};
    return STATUS_OK;
}

static bool at_digit(const JsonParser *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static void skip_digits(JsonParser *s)
{
    while (at_digit(s))
        s->p++;
}

/* Numbers keep their text; jsonb prints what numeric prints. */
static Status parse_number(JsonParser *s, Str *ret)
{
    const char *begin = s->p;
    bool good = true;

    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++;
    else if (at_digit(s))
        skip_digits(s);
    else
        good = false;
    if (good && s->p < s->end && *s->p == '.') {
        s->p++;
        good = at_digit(s);
        skip_digits(s);
    }
    if (good && s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        good = at_digit(s);
        skip_digits(s);
    }
    if (s->p < s->end && is_word_char(*s->p))
        good = false;
    if (!good) {
        while (s->p < s->end && is_word_char(*s->p))
            s->p++;
        return invalid_token(s, (Str){begin, (size_t)(LUMA_MAX(s->p, begin + 1) - begin)});
    }
    *ret = (Str){begin, (size_t)(s->p - begin)};
    if (!s->arena)
        return STATUS_OK;
    CLEANUP(buf_done) Buf text = {0};
    View number;
    TRY(numeric_parse(*ret, -1, s->arena, &number, s->err));
    numeric_append_text(&number, &text);
    char *copy;
    TRY(arena_try_alloc(s->arena, text.len, &copy, s->err));
    memcpy(copy, text.ptr, text.len);
    *ret = (Str){copy, text.len};
    return STATUS_OK;
}

static Status add_child(JsonParser *s, JsonNode *node, JsonNode *child, Str key)
{
    if (!s->arena)
        return STATUS_OK;
    if (node->count == node->cap) {
        uint32_t cap = node->cap ? 2 * node->cap : 4;
        JsonNode **children;
        Str *keys;
        TRY(arena_try_alloc(s->arena, sizeof *children * cap, &children, s->err));
        TRY(arena_try_alloc(s->arena, sizeof *keys * cap, &keys, s->err));
        if (node->count) {
            memcpy(children, node->children, sizeof *children * node->count);
            memcpy(keys, node->keys, sizeof *keys * node->count);
        }
        node->children = children;
        node->keys = keys;
        node->cap = cap;
    }
    node->children[node->count] = child;
    node->keys[node->count++] = key;
    return STATUS_OK;
}

static Status parse_value(JsonParser *s, JsonNode *node);

/* A node for a part of `parent`; validation shares one for all. */
static Status parse_child(JsonParser *s, JsonNode *parent, Str key)
{
    JsonNode scratch = {0};
    JsonNode *child = &scratch;

    if (s->arena) {
        TRY(arena_try_alloc(s->arena, sizeof *child, &child, s->err));
        *child = (JsonNode){0};
    }
    TRY(parse_value(s, child));
    return add_child(s, parent, child, key);
}

static Status parse_object(JsonParser *s, JsonNode *node)
{
    node->kind = JSON_OBJECT;
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == '}') {
        s->p++;
        return STATUS_OK;
    }
    for (;;) {
        Str key;
        skip_space(s);
        if (s->p >= s->end || *s->p != '"')
            return syntax(s, node->count || s->p[-1] == ','
                                 ? "Expected string, but found \"%.*s\"."
                                 : "Expected string or \"}\", but found \"%.*s\".");
        TRY(parse_string(s, &key));
        skip_space(s);
        if (s->p >= s->end || *s->p != ':')
            return syntax(s, "Expected \":\", but found \"%.*s\".");
        s->p++;
        TRY(parse_child(s, node, key));
        skip_space(s);
        if (s->p < s->end && *s->p == '}') {
            s->p++;
            return STATUS_OK;
        }
        if (s->p >= s->end || *s->p != ',')
            return syntax(s, "Expected \",\" or \"}\", but found \"%.*s\".");
        s->p++;
    }
}

static Status parse_array(JsonParser *s, JsonNode *node)
{
    node->kind = JSON_ARRAY;
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == ']') {
        s->p++;
        return STATUS_OK;
    }
    for (;;) {
        TRY(parse_child(s, node, (Str){0}));
        skip_space(s);
        if (s->p < s->end && *s->p == ']') {
            s->p++;
            return STATUS_OK;
        }
        if (s->p >= s->end || *s->p != ',')
            return syntax(s, "Expected \",\" or \"]\", but found \"%.*s\".");
        s->p++;
    }
}

static Status parse_word(JsonParser *s, JsonNode *node)
{
    Str word = token_at(s, s->p);

    if (str_eq(word, STR("null")))
        node->kind = JSON_NULL;
    else if (str_eq(word, STR("true")))
        node->kind = JSON_TRUE;
    else if (str_eq(word, STR("false")))
        node->kind = JSON_FALSE;
    else
        return syntax(s, "Expected JSON value, but found \"%.*s\".");
    s->p += word.len;
    return STATUS_OK;
}

/* One value; recursion is bounded by JSONB_DEPTH_MAX. */
static Status parse_value(JsonParser *s, JsonNode *node)
{
    skip_space(s);
    if (s->p >= s->end)
        return syntax(s, "");
    if (*s->p == '{' || *s->p == '[') {
        if (++s->depth > JSONB_DEPTH_MAX)
            return error_set_sql(s->err, STATUS_LIMIT, "54001", 0, "stack depth limit exceeded");
        if (*s->p == '{')
            TRY(parse_object(s, node));
        else
            TRY(parse_array(s, node));
        s->depth--;
        return STATUS_OK;
    }
    if (*s->p == '"') {
        node->kind = JSON_STRING;
        return parse_string(s, &node->text);
    }
    if (*s->p == '-' || (*s->p >= '0' && *s->p <= '9')) {
        node->kind = JSON_NUMBER;
        return parse_number(s, &node->text);
    }
    return parse_word(s, node);
}

static Status parse_document(JsonParser *s, JsonNode *root)
{
    TRY(parse_value(s, root));
    skip_space(s);
    if (s->p != s->end)
        return syntax(s, "Expected end of input, but found \"%.*s\".");
    return STATUS_OK;
}

Status json_validate(Str text, Error *err)
{
    JsonParser s = {.text = text, .p = text.ptr, .end = text.ptr + text.len, .err = err};
    JsonNode root = {0};

    return parse_document(&s, &root);
}

/* ---------------------------------------------------------------- canonical output */

void jsonb_append_string(Buf *out, Str text)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        switch (c) {
        case '"':
            buf_append_lit(out, "\\\"");
            break;
        case '\\':
            buf_append_lit(out, "\\\\");
            break;
        case '\b':
            buf_append_lit(out, "\\b");
            break;
        case '\f':
            buf_append_lit(out, "\\f");
            break;
        case '\n':
            buf_append_lit(out, "\\n");
            break;
        case '\r':
            buf_append_lit(out, "\\r");
            break;
        case '\t':
            buf_append_lit(out, "\\t");
            break;
        case 0: /* jsonb cannot hold U+0000 */
            buf_append_lit(out, "\xEF\xBF\xBD");
            break;
        default:
            if (c < 0x20)
                buf_printf(out, "\\u%04x", c);
            else
                buf_append_byte(out, c);
        }
    }
    buf_append_byte(out, '"');
}

static int cmp_label(const void *a, const void *b)
{
    Str x = (*(const Label *const *)a)->name;
    Str y = (*(const Label *const *)b)->name;
    return x.len != y.len ? (x.len > y.len) - (x.len < y.len) : memcmp(x.ptr, y.ptr, x.len);
}

void jsonb_append_labels(LabelSet set, bool with_name, Buf *out)
{
    const Label *few[64];
    const Label **order = set.count > 64 ? mem_alloc(set.count * sizeof *order) : few;
    uint32_t n = 0;

    for (uint32_t i = 0; i < set.count; i++)
        if (with_name || !str_eq(set.labels[i].name, LABEL_NAME))
            order[n++] = &set.labels[i];
    qsort(order, n, sizeof *order, cmp_label);
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            buf_append_lit(out, ", ");
        jsonb_append_string(out, order[i]->name);
        buf_append_lit(out, ": ");
        jsonb_append_string(out, order[i]->value);
    }
    buf_append_byte(out, '}');
    if (order != few)
        mem_free(order);
}

typedef struct KeyOrder {
    Str key;
    uint32_t idx;
} KeyOrder;

/* By length, then bytes; equal keys by position, so that the last one is last. */
static int cmp_keys(const void *a, const void *b)
{
    const KeyOrder *x = a;
    const KeyOrder *y = b;

    if (x->key.len != y->key.len)
        return x->key.len < y->key.len ? -1 : 1;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->idx > y->idx) - (x->idx < y->idx);
}

static Status print_node(const JsonNode *node, Arena *arena, Buf *out, Error *err);

static Status print_object(const JsonNode *node, Arena *arena, Buf *out, Error *err)
{
    KeyOrder *order;
    bool first = true;

    TRY(arena_try_alloc(arena, sizeof *order * (node->count + 1), &order, err));
    for (uint32_t i = 0; i < node->count; i++)
        order[i] = (KeyOrder){node->keys[i], i};
    qsort(order, node->count, sizeof *order, cmp_keys);
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < node->count; i++) {
        if (i + 1 < node->count && str_eq(order[i].key, order[i + 1].key))
            continue;
        if (!first)
            buf_append_lit(out, ", ");
        first = false;
        jsonb_append_string(out, order[i].key);
        buf_append_lit(out, ": ");
        TRY(print_node(node->children[order[i].idx], arena, out, err));
    }
    buf_append_byte(out, '}');
    return STATUS_OK;
}

static Status print_node(const JsonNode *node, Arena *arena, Buf *out, Error *err)
{
    switch (node->kind) {
    case JSON_NULL:
        buf_append_lit(out, "null");
        break;
    case JSON_TRUE:
        buf_append_lit(out, "true");
        break;
    case JSON_FALSE:
        buf_append_lit(out, "false");
        break;
    case JSON_NUMBER:
        buf_append_str(out, node->text);
        break;
    case JSON_STRING:
        jsonb_append_string(out, node->text);
        break;
    case JSON_ARRAY:
        buf_append_byte(out, '[');
        for (uint32_t i = 0; i < node->count; i++) {
            if (i)
                buf_append_lit(out, ", ");
            TRY(print_node(node->children[i], arena, out, err));
        }
        buf_append_byte(out, ']');
        break;
    case JSON_OBJECT:
        return print_object(node, arena, out, err);
    }
    return STATUS_OK;
}

Status jsonb_parse(Str text, Arena *arena, Str *ret, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    JsonParser s = {
        .text = text, .p = text.ptr, .end = text.ptr + text.len, .arena = arena, .err = err};
    JsonNode root = {0};
    char *copy;

    TRY(parse_document(&s, &root));
    TRY(print_node(&root, arena, &out, err));
    TRY(arena_try_alloc(arena, out.len, &copy, err));
    memcpy(copy, out.ptr, out.len);
    *ret = (Str){copy, out.len};
    return STATUS_OK;
}

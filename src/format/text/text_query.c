/* text_query.c - the parser of text queries: recursive descent, bounded in depth and size. */
#include "format/text/text_query.h"

typedef struct Parser {
    Str text;
    size_t at;
    Arena *arena;
    TextTokens tokens; /* scratch */
    uint32_t nodes;
    uint32_t depth;
    Str field; /* of the words being read; ptr NULL = none */
} Parser;

static size_t character(const Parser *p, size_t at)
{
    return str_utf8_count(str_sub(p->text, 0, at)) + 1;
}

static Status bad(const Parser *p, size_t at, const char *what, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "42601", 0, "text query: %s at character %zu", what,
                         character(p, at));
}

static Status too_large(Error *err)
{
    return error_set_sql(err, STATUS_LIMIT, "54000", 0, "text query: too large");
}

static Status new_node(Parser *p, TextNodeKind kind, TextNode **ret, Error *err)
{
    if (++p->nodes > TEXT_QUERY_NODES_MAX)
        return too_large(err);
    TRY(arena_try_alloc(p->arena, sizeof **ret, ret, err));
    **ret = (TextNode){.kind = kind};
    return STATUS_OK;
}

/* ---------------------------------------------------------------- words */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool ends_word(char c)
{
    return is_space(c) || c == '"' || c == '(' || c == ')';
}

static void skip_space(Parser *p)
{
    while (p->at < p->text.len && is_space(p->text.ptr[p->at]))
        p->at++;
}

static char peek(const Parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static Status copy_terms(Parser *p, Str text, const Str **ret_terms, uint32_t *ret_count,
                         Error *err)
{
    Str *terms;

    text_tokens_split(&p->tokens, text, TEXT_PLAIN);
    if ((p->nodes += p->tokens.count) > TEXT_QUERY_NODES_MAX)
        return too_large(err);
    TRY(arena_try_alloc(p->arena, sizeof *terms * LUMA_MAX(p->tokens.count, 1), &terms, err));
    for (uint32_t i = 0; i < p->tokens.count; i++)
        terms[i] = arena_str(p->arena, text_token(&p->tokens, i));
    *ret_terms = terms;
    *ret_count = p->tokens.count;
    return STATUS_OK;
}

static Status make_phrase(Parser *p, Str text, bool prefix, size_t at, const TextNode **ret,
                          Error *err)
{
    TextNode *node;

    TRY(new_node(p, TEXT_PHRASE, &node, err));
    TRY(copy_terms(p, text, &node->terms, &node->term_count, err));
    if (!node->term_count)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "text query: no letter or digit in the word at character %zu",
                             character(p, at));
    /* "foo-*": the star does not touch the last token, so it adds nothing. */
    node->prefix = prefix && p->tokens.items[node->term_count - 1].to == text.len;
    if (p->field.ptr) {
        TRY(copy_terms(p, p->field, &node->field_terms, &node->field_term_count, err));
        node->field = p->field;
        node->in_field = true;
    }
    *ret = node;
    return STATUS_OK;
}

/* A quoted text, its escapes resolved; p->at stands on the quote. */
static Status read_quoted(Parser *p, Str *ret, Error *err)
{
    size_t begin = p->at++;
    char *out;
    size_t len = 0;

    TRY(arena_try_alloc(p->arena, p->text.len - begin, &out, err));
    for (; p->at < p->text.len && p->text.ptr[p->at] != '"'; p->at++) {
        char next = p->at + 1 < p->text.len ? p->text.ptr[p->at + 1] : '\0';
        if (p->text.ptr[p->at] == '\\' && (next == '"' || next == '\\'))
            p->at++;
        out[len++] = p->text.ptr[p->at];
    }
    if (p->at == p->text.len)
        return bad(p, begin, "unterminated quote", err);
    p->at++;
    *ret = str_make(out, len);
    return STATUS_OK;
}

static Status parse_or(Parser *p, const TextNode **ret, Error *err);

static Status parse_group(Parser *p, const TextNode **ret, Error *err)
{
    size_t begin = p->at++;

    TRY(parse_or(p, ret, err));
    skip_space(p);
    if (peek(p) != ')')
        return bad(p, begin, "unmatched parenthesis", err);
    p->at++;
    return STATUS_OK;
}

static bool take_star(Parser *p)
{
    bool star = peek(p) == '*';

    p->at += star;
    return star;
}

/* What comes behind name: */
static Status parse_value(Parser *p, Str name, size_t name_at, const TextNode **ret, Error *err);

static Status parse_phrase(Parser *p, const TextNode **ret, Error *err)
{
    size_t begin = p->at;
    Str text;

    TRY(read_quoted(p, &text, err));
    if (peek(p) == ':' && !p->field.ptr) {
        p->at++;
        return parse_value(p, text, begin, ret, err);
    }
    bool prefix = take_star(p);
    if (p->at < p->text.len && !ends_word(peek(p)))
        return bad(p, p->at, "a space is missing", err);
    return make_phrase(p, text, prefix, begin, ret, err);
}

static Status parse_word(Parser *p, const TextNode **ret, Error *err)
{
    size_t begin = p->at;

    while (p->at < p->text.len && !ends_word(p->text.ptr[p->at]) && p->text.ptr[p->at] != '*' &&
           (p->text.ptr[p->at] != ':' || p->field.ptr || p->at == begin))
        p->at++;
    Str word = str_sub(p->text, begin, p->at - begin);
    if (peek(p) == ':') {
        p->at++;
        return parse_value(p, word, begin, ret, err);
    }
    size_t star = p->at;
    bool prefix = take_star(p);
    if (p->at < p->text.len && !ends_word(peek(p)))
        return bad(p, star, "* may only end a word", err);
    if (peek(p) == '"' && p->at > begin)
        return bad(p, p->at, "a space is missing", err);
    return make_phrase(p, word, prefix, begin, ret, err);
}

static Status parse_value(Parser *p, Str name, size_t name_at, const TextNode **ret, Error *err)
{
    Status status;

    p->field = arena_str(p->arena, name);
    if (!name.len)
        return bad(p, name_at, "a name is missing", err);
    if (p->at == p->text.len || is_space(peek(p)) || peek(p) == ')')
        return bad(p, p->at, "a word is missing", err);
    if (peek(p) == '(')
        status = parse_group(p, ret, err);
    else
        status = peek(p) == '"' ? parse_phrase(p, ret, err) : parse_word(p, ret, err);
    p->field = (Str){0};
    return status;
}

static Status parse_primary(Parser *p, const TextNode **ret, Error *err)
{
    switch (peek(p)) {
    case '(':
        return parse_group(p, ret, err);
    case '"':
        return parse_phrase(p, ret, err);
    case ')':
        return bad(p, p->at, "unmatched parenthesis", err);
    default:
        return parse_word(p, ret, err);
    }
}

/* ---------------------------------------------------------------- operators */

/* The keyword, if it stands here as a word of its own. */
static bool at_keyword(const Parser *p, Str keyword)
{
    size_t end = p->at + keyword.len;

    return str_starts(str_sub(p->text, p->at, keyword.len), keyword) &&
           (end == p->text.len || ends_word(p->text.ptr[end]));
}

static bool take_keyword(Parser *p, Str keyword)
{
    skip_space(p);
    if (!at_keyword(p, keyword))
        return false;
    p->at += keyword.len;
    return true;
}

/* A "-" right before a word, phrase or group. */
static bool take_minus(Parser *p)
{
    skip_space(p);
    if (peek(p) != '-' || p->at + 1 == p->text.len || is_space(p->text.ptr[p->at + 1]))
        return false;
    p->at++;
    return true;
}

static Status parse_not(Parser *p, const TextNode **ret, Error *err)
{
    bool negated = false;

    while (take_keyword(p, STR("NOT")) || take_minus(p))
        negated = !negated;
    skip_space(p);
    if (p->at == p->text.len || at_keyword(p, STR("AND")) || at_keyword(p, STR("OR")))
        return bad(p, p->at, "a word is missing", err);
    const TextNode *operand;
    TRY(parse_primary(p, &operand, err));
    *ret = operand;
    if (negated) {
        TextNode *node;
        TRY(new_node(p, TEXT_NOT, &node, err));
        node->left = operand;
        *ret = node;
    }
    return STATUS_OK;
}

static Status join(Parser *p, TextNodeKind kind, const TextNode *right, const TextNode **left,
                   Error *err)
{
    TextNode *node;

    TRY(new_node(p, kind, &node, err));
    node->left = *left;
    node->right = right;
    *left = node;
    return STATUS_OK;
}

static bool at_end(Parser *p)
{
    skip_space(p);
    return p->at == p->text.len || peek(p) == ')';
}

static Status parse_and(Parser *p, const TextNode **ret, Error *err)
{
    TRY(parse_not(p, ret, err));
    for (;;) {
        bool named = take_keyword(p, STR("AND"));
        if (!named && (at_end(p) || at_keyword(p, STR("OR"))))
            return STATUS_OK;
        const TextNode *right;
        TRY(parse_not(p, &right, err));
        TRY(join(p, TEXT_AND, right, ret, err));
    }
}

static Status parse_or(Parser *p, const TextNode **ret, Error *err)
{
    if (++p->depth > TEXT_QUERY_DEPTH_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54001", 0, "text query: nested too deep");
    TRY(parse_and(p, ret, err));
    while (take_keyword(p, STR("OR"))) {
        const TextNode *right;
        TRY(parse_and(p, &right, err));
        TRY(join(p, TEXT_OR, right, ret, err));
    }
    p->depth--;
    return STATUS_OK;
}

static Status parse_all(Parser *p, const TextNode **ret, Error *err)
{
    if (p->text.len > TEXT_QUERY_BYTES_MAX)
        return too_large(err);
    if (at_end(p) && p->at == p->text.len)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "text query: empty");
    TRY(parse_or(p, ret, err));
    if (p->at < p->text.len)
        return bad(p, p->at, "unmatched parenthesis", err);
    return STATUS_OK;
}

Status text_query_parse(Str text, Arena *arena, TextQuery *ret_query, Error *err)
{
    Parser p = {.text = text, .arena = arena};
    const TextNode *root;
    Status status = parse_all(&p, &root, err);

    text_tokens_done(&p.tokens);
    if (status == STATUS_OK)
        *ret_query = (TextQuery){.root = root};
    return status;
}

/* jsonpath_parse.c - recursive descent over the grammar of PostgreSQL's jsonpath_gram.y.
 *
 * Conditions and values share one descent; what is a condition is known from the node, and each
 * place checks that it gets what it may have. */
#include "format/jsonpath/jsonpath_int.h"

#include "base/regex.h"
#include "format/pgtype/are.h"
#include "format/pgtype/numeric.h"

typedef struct Parser {
    PathLexer lex;
    Arena *arena;
    Error *err;
    int depth;
    int filters;    /* around the cursor: @ is allowed */
    int subscripts; /* around the cursor: last is allowed */
} Parser;

static Status parse_or(Parser *p, JsonPathItem **ret);

static Status new_item(Parser *p, JsonPathKind kind, JsonPathItem **ret)
{
    TRY(arena_try_alloc(p->arena, sizeof **ret, ret, p->err));
    **ret = (JsonPathItem){.kind = kind};
    return STATUS_OK;
}

static Status new_pair(Parser *p, JsonPathKind kind, JsonPathItem *left, JsonPathItem *right,
                       JsonPathItem **ret)
{
    TRY(new_item(p, kind, ret));
    (*ret)->left = left;
    (*ret)->right = right;
    return STATUS_OK;
}

static bool is_symbol(const Parser *p, const char *symbol)
{
    return p->lex.token == PATH_TOKEN_SYMBOL && str_eq(p->lex.value, str_from(symbol));
}

/* Words of the language are known in lower case; true, false and null strictly so. */
static bool is_word(const Parser *p, const char *word)
{
    return p->lex.token == PATH_TOKEN_WORD && str_eq_nocase(p->lex.value, str_from(word));
}

static bool is_literal(const Parser *p, const char *word)
{
    return p->lex.token == PATH_TOKEN_WORD && str_eq(p->lex.value, str_from(word));
}

static Status syntax(Parser *p)
{
    return jsonpath__syntax(&p->lex, "syntax error");
}

static Status advance(Parser *p)
{
    return jsonpath__next(&p->lex);
}

static Status expect(Parser *p, const char *symbol)
{
    return is_symbol(p, symbol) ? advance(p) : syntax(p);
}

static bool is_condition(const JsonPathItem *item)
{
    if (item->next)
        return false;
    return (item->kind >= JSONPATH_OR && item->kind <= JSONPATH_STARTS_WITH) ||
           (item->kind >= JSONPATH_NOT && item->kind <= JSONPATH_EXISTS) ||
           item->kind == JSONPATH_LIKE_REGEX;
}

static Status enter(Parser *p)
{
    if (++p->depth > JSONPATH_DEPTH_MAX)
        return error_set_sql(p->err, STATUS_LIMIT, "54001", 0, "stack depth limit exceeded");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- accessors */

static Status parse_level(Parser *p, int32_t *ret)
{
    int64_t level;
    if (is_word(p, "last")) {
        *ret = JSONPATH_LEVEL_LAST;
        return advance(p);
    }
    if (p->lex.token != PATH_TOKEN_NUMBER || !p->lex.integer || !str_to_i64(p->lex.value, &level) ||
        level > INT32_MAX)
        return syntax(p);
    *ret = (int32_t)level;
    return advance(p);
}

/* ** with {levels}; the cursor stands behind the stars. */
static Status parse_any_level(Parser *p, JsonPathItem **ret)
{
    TRY(new_item(p, JSONPATH_ANY_LEVEL, ret));
    (*ret)->last = JSONPATH_LEVEL_LAST;
    if (!is_symbol(p, "{"))
        return STATUS_OK;
    TRY(advance(p));
    TRY(parse_level(p, &(*ret)->first));
    (*ret)->last = (*ret)->first;
    if (is_word(p, "to")) {
        TRY(advance(p));
        TRY(parse_level(p, &(*ret)->last));
    }
    return expect(p, "}");
}

static bool method_of(Str name, JsonPathKind *ret)
{
    static const struct {
        const char *name;
        JsonPathKind kind;
    } methods[] = {{"type", JSONPATH_TYPE},         {"size", JSONPATH_SIZE},
                   {"abs", JSONPATH_ABS},           {"floor", JSONPATH_FLOOR},
                   {"ceiling", JSONPATH_CEILING},   {"double", JSONPATH_DOUBLE},
                   {"datetime", JSONPATH_DATETIME}, {"keyvalue", JSONPATH_KEYVALUE}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(methods); i++)
        if (str_eq_nocase(name, str_from(methods[i].name))) {
            *ret = methods[i].kind;
            return true;
        }
    return false;
}

/* A key, or a method when "(" follows. */
static Status parse_key(Parser *p, JsonPathItem **ret)
{
    Str name = p->lex.value;
    bool word = p->lex.token == PATH_TOKEN_WORD;
    JsonPathKind method;
    TRY(advance(p));
    if (!word || !is_symbol(p, "(") || !method_of(name, &method)) {
        TRY(new_item(p, JSONPATH_KEY, ret));
        (*ret)->text = name;
        return STATUS_OK;
    }
    TRY(advance(p));
    TRY(new_item(p, method, ret));
    if (method == JSONPATH_DATETIME && p->lex.token == PATH_TOKEN_STRING) {
        (*ret)->text = p->lex.value;
        (*ret)->has_text = true;
        TRY(advance(p));
    }
    return expect(p, ")");
}

static Status parse_dot(Parser *p, JsonPathItem **ret)
{
    TRY(advance(p));
    if (is_symbol(p, "*")) {
        TRY(advance(p));
        return new_item(p, JSONPATH_ANY_KEY, ret);
    }
    if (is_symbol(p, "**")) {
        TRY(advance(p));
        return parse_any_level(p, ret);
    }
    if (p->lex.token != PATH_TOKEN_WORD && p->lex.token != PATH_TOKEN_STRING)
        return syntax(p);
    return parse_key(p, ret);
}

static Status parse_value(Parser *p, JsonPathItem **ret)
{
    TRY(parse_or(p, ret));
    return is_condition(*ret) ? syntax(p) : STATUS_OK;
}

static Status parse_condition(Parser *p, JsonPathItem **ret)
{
    TRY(parse_or(p, ret));
    return is_condition(*ret) ? STATUS_OK : syntax(p);
}

static Status parse_brackets(Parser *p, JsonPathItem **ret)
{
    uint32_t cap = 0;
    TRY(advance(p));
    if (is_symbol(p, "*")) {
        TRY(advance(p));
        TRY(new_item(p, JSONPATH_ANY_ITEM, ret));
        return expect(p, "]");
    }
    TRY(new_item(p, JSONPATH_INDEXES, ret));
    p->subscripts++;
    for (;;) {
        JsonPathRange range = {0};
        TRY(parse_value(p, &range.from));
        if (is_word(p, "to")) {
            TRY(advance(p));
            TRY(parse_value(p, &range.to));
        }
        ARENA_PUSH(p->arena, (*ret)->ranges, (*ret)->range_count, cap, range);
        if (!is_symbol(p, ","))
            break;
        TRY(advance(p));
    }
    p->subscripts--;
    return expect(p, "]");
}

static Status parse_filter(Parser *p, JsonPathItem **ret)
{
    TRY(advance(p));
    TRY(expect(p, "("));
    TRY(new_item(p, JSONPATH_FILTER, ret));
    p->filters++;
    TRY(parse_condition(p, &(*ret)->left));
    p->filters--;
    return expect(p, ")");
}

/* Hangs what follows behind the item. */
static Status parse_accessors(Parser *p, JsonPathItem *item)
{
    for (;;) {
        JsonPathItem *next;
        if (is_symbol(p, "."))
            TRY(parse_dot(p, &next));
        else if (is_symbol(p, "["))
            TRY(parse_brackets(p, &next));
        else if (is_symbol(p, "?"))
            TRY(parse_filter(p, &next));
        else
            return STATUS_OK;
        item->next = next;
        item = next;
    }
}

/* ---------------------------------------------------------------- primaries */

static Status parse_number(Parser *p, JsonPathItem **ret)
{
    CLEANUP(buf_done) Buf text = {0};
    View number;
    TRY(numeric_parse(p->lex.value, -1, p->arena, &number, p->err));
    numeric_append_text(&number, &text);
    TRY(new_item(p, JSONPATH_NUMBER, ret));
    (*ret)->text = arena_str(p->arena, buf_str(&text));
    return advance(p);
}

static Status simple(Parser *p, JsonPathKind kind, JsonPathItem **ret)
{
    TRY(new_item(p, kind, ret));
    (*ret)->text = p->lex.value;
    return advance(p);
}

static Status parse_word_primary(Parser *p, JsonPathItem **ret)
{
    bool yes = is_literal(p, "true");
    if (is_literal(p, "null"))
        return simple(p, JSONPATH_NULL, ret);
    if (yes || is_literal(p, "false")) {
        TRY(simple(p, JSONPATH_BOOL, ret));
        (*ret)->first = yes;
        return STATUS_OK;
    }
    if (is_word(p, "last")) {
        if (!p->subscripts)
            return error_set_sql(p->err, STATUS_INVALID, "42601", 0,
                                 "LAST is allowed only in array subscripts");
        return simple(p, JSONPATH_LAST, ret);
    }
    if (!is_word(p, "exists"))
        return syntax(p);
    TRY(advance(p));
    TRY(expect(p, "("));
    TRY(new_item(p, JSONPATH_EXISTS, ret));
    TRY(parse_value(p, &(*ret)->left));
    return expect(p, ")");
}

/* (value), (condition), (condition) is unknown. */
static Status parse_parentheses(Parser *p, JsonPathItem **ret)
{
    JsonPathItem *inner;
    TRY(advance(p));
    TRY(parse_or(p, &inner));
    TRY(expect(p, ")"));
    *ret = inner;
    if (!is_word(p, "is"))
        return STATUS_OK;
    if (!is_condition(inner))
        return syntax(p);
    TRY(advance(p));
    if (!is_word(p, "unknown"))
        return syntax(p);
    TRY(advance(p));
    return new_pair(p, JSONPATH_IS_UNKNOWN, inner, NULL, ret);
}

static Status parse_primary(Parser *p, JsonPathItem **ret)
{
    switch (p->lex.token) {
    case PATH_TOKEN_END:
        return syntax(p);
    case PATH_TOKEN_NUMBER:
        return parse_number(p, ret);
    case PATH_TOKEN_STRING:
        return simple(p, JSONPATH_STRING, ret);
    case PATH_TOKEN_VARIABLE:
        return simple(p, p->lex.value.len ? JSONPATH_VARIABLE : JSONPATH_ROOT, ret);
    case PATH_TOKEN_WORD:
        return parse_word_primary(p, ret);
    case PATH_TOKEN_SYMBOL:
        break;
    }
    if (is_symbol(p, "@")) {
        if (!p->filters)
            return error_set_sql(p->err, STATUS_INVALID, "42601", 0,
                                 "@ is not allowed in root expressions");
        return simple(p, JSONPATH_CURRENT, ret);
    }
    return is_symbol(p, "(") ? parse_parentheses(p, ret) : syntax(p);
}

static Status parse_accessed(Parser *p, JsonPathItem **ret)
{
    JsonPathItem *last;
    TRY(enter(p));
    TRY(parse_primary(p, ret));
    p->depth--;
    for (last = *ret; last->next; last = last->next)
        ;
    /* exists(...) and ... is unknown take no accessor without parentheses; nor do we tell. */
    return parse_accessors(p, last);
}

/* ---------------------------------------------------------------- operators */

static Status parse_unary(Parser *p, JsonPathItem **ret)
{
    bool minus = is_symbol(p, "-");
    JsonPathItem *arg;
    if (!minus && !is_symbol(p, "+"))
        return parse_accessed(p, ret);
    TRY(advance(p));
    TRY(enter(p));
    TRY(parse_unary(p, &arg));
    p->depth--;
    if (is_condition(arg))
        return syntax(p);
    if (arg->kind == JSONPATH_NUMBER && !arg->next) {
        *ret = arg;
        if (!minus)
            return STATUS_OK;
        bool negative = arg->text.ptr[0] == '-';
        bool zero = str_eq(arg->text, STR("0"));
        if (!zero)
            arg->text = negative ? str_sub(arg->text, 1, arg->text.len)
                                 : arena_printf(p->arena, "-%.*s", STR_FMT(arg->text));
        return STATUS_OK;
    }
    return new_pair(p, minus ? JSONPATH_MINUS : JSONPATH_PLUS, arg, NULL, ret);
}

static Status parse_product(Parser *p, JsonPathItem **ret)
{
    TRY(parse_unary(p, ret));
    for (;;) {
        JsonPathItem *right;
        JsonPathKind kind = is_symbol(p, "*")   ? JSONPATH_MUL
                            : is_symbol(p, "/") ? JSONPATH_DIV
                            : is_symbol(p, "%") ? JSONPATH_MOD
                                                : JSONPATH_NULL;
        if (kind == JSONPATH_NULL)
            return STATUS_OK;
        TRY(advance(p));
        TRY(parse_unary(p, &right));
        if (is_condition(*ret) || is_condition(right))
            return syntax(p);
        TRY(enter(p)); /* chains are as deep as they are long */
        TRY(new_pair(p, kind, *ret, right, ret));
    }
}

static Status parse_sum(Parser *p, JsonPathItem **ret)
{
    TRY(parse_product(p, ret));
    for (;;) {
        JsonPathItem *right;
        JsonPathKind kind = is_symbol(p, "+")   ? JSONPATH_ADD
                            : is_symbol(p, "-") ? JSONPATH_SUB
                                                : JSONPATH_NULL;
        if (kind == JSONPATH_NULL)
            return STATUS_OK;
        TRY(advance(p));
        TRY(parse_product(p, &right));
        if (is_condition(*ret) || is_condition(right))
            return syntax(p);
        TRY(enter(p));
        TRY(new_pair(p, kind, *ret, right, ret));
    }
}

static Status parse_like_flags(Parser *p, JsonPathItem *item)
{
    if (p->lex.token != PATH_TOKEN_STRING)
        return syntax(p);
    for (size_t i = 0; i < p->lex.value.len; i++) {
        const char *letters = "ismxq";
        const char *found = strchr(letters, p->lex.value.ptr[i]);
        if (!found || !p->lex.value.ptr[i]) {
            (void)error_set_sql(p->err, STATUS_INVALID, "42601", 0,
                                "invalid input syntax for type jsonpath");
            error_detail(p->err, "Unrecognized flag character \"%c\" in LIKE_REGEX predicate.",
                         p->lex.value.ptr[i]);
            return STATUS_INVALID;
        }
        item->flags |= 1 << (found - letters);
    }
    if ((item->flags & JSONPATH_FLAG_EXPANDED) && !(item->flags & JSONPATH_FLAG_LITERAL))
        return error_set_sql(p->err, STATUS_UNSUPPORTED, "0A000", 0,
                             "XQuery \"x\" flag (expanded regular expressions) is not implemented");
    return advance(p);
}

int jsonpath_regex_flags(const JsonPathItem *item)
{
    int flags = item->flags & JSONPATH_FLAG_NOCASE ? ARE_NOCASE : 0;
    if (item->flags & JSONPATH_FLAG_LITERAL)
        return flags | ARE_LITERAL;
    return flags | (item->flags & JSONPATH_FLAG_DOT_ALL ? 0 : ARE_NEWLINE_STOPS) |
           (item->flags & JSONPATH_FLAG_LINES ? ARE_NEWLINE_ANCHORS : 0);
}

/* A bad pattern is an error of the path, not of the value it meets. */
static Status check_regex(Parser *p, const JsonPathItem *item)
{
    CLEANUP(buf_done) Buf translated = {0};
    Regex *regex;
    Error reason = {0};
    int flags;
    TRY(are_translate(item->text, jsonpath_regex_flags(item), &translated, &flags, p->err));
    if (regex_compile(buf_str(&translated), flags, &regex, &reason) != STATUS_OK)
        return error_set_sql(p->err, STATUS_INVALID, "2201B", 0, "%s", reason.message);
    (void)regex_free(regex);
    return STATUS_OK;
}

static Status parse_like_regex(Parser *p, JsonPathItem *left, JsonPathItem **ret)
{
    TRY(advance(p));
    TRY(new_pair(p, JSONPATH_LIKE_REGEX, left, NULL, ret));
    if (p->lex.token != PATH_TOKEN_STRING)
        return syntax(p);
    (*ret)->text = p->lex.value;
    TRY(advance(p));
    if (is_word(p, "flag")) {
        TRY(advance(p));
        TRY(parse_like_flags(p, *ret));
    }
    return check_regex(p, *ret);
}

static Status parse_starts_with(Parser *p, JsonPathItem *left, JsonPathItem **ret)
{
    JsonPathItem *right;
    TRY(advance(p));
    if (!is_word(p, "with"))
        return syntax(p);
    TRY(advance(p));
    bool variable = p->lex.token == PATH_TOKEN_VARIABLE && p->lex.value.len;
    if (p->lex.token != PATH_TOKEN_STRING && !variable)
        return syntax(p);
    TRY(simple(p, variable ? JSONPATH_VARIABLE : JSONPATH_STRING, &right));
    return new_pair(p, JSONPATH_STARTS_WITH, left, right, ret);
}

static Status parse_comparison(Parser *p, JsonPathItem **ret)
{
    static const struct {
        const char *symbol;
        JsonPathKind kind;
    } comparisons[] = {{"==", JSONPATH_EQ}, {"!=", JSONPATH_NE}, {"<>", JSONPATH_NE},
                       {"<=", JSONPATH_LE}, {">=", JSONPATH_GE}, {"<", JSONPATH_LT},
                       {">", JSONPATH_GT}};
    JsonPathItem *right;
    TRY(parse_sum(p, ret));
    if (is_condition(*ret))
        return STATUS_OK;
    if (is_word(p, "like_regex"))
        return parse_like_regex(p, *ret, ret);
    if (is_word(p, "starts"))
        return parse_starts_with(p, *ret, ret);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(comparisons); i++) {
        if (!is_symbol(p, comparisons[i].symbol))
            continue;
        TRY(advance(p));
        TRY(parse_sum(p, &right));
        if (is_condition(right))
            return syntax(p);
        return new_pair(p, comparisons[i].kind, *ret, right, ret);
    }
    return STATUS_OK;
}

/* !(condition), !exists(...) */
static Status parse_not(Parser *p, JsonPathItem **ret)
{
    JsonPathItem *arg;
    if (!is_symbol(p, "!"))
        return parse_comparison(p, ret);
    TRY(advance(p));
    if (!is_symbol(p, "(") && !is_word(p, "exists"))
        return syntax(p);
    TRY(enter(p));
    TRY(parse_primary(p, &arg));
    p->depth--;
    if (!is_condition(arg))
        return syntax(p);
    return new_pair(p, JSONPATH_NOT, arg, NULL, ret);
}

static Status parse_and(Parser *p, JsonPathItem **ret)
{
    TRY(parse_not(p, ret));
    while (is_symbol(p, "&&")) {
        JsonPathItem *right;
        TRY(advance(p));
        TRY(parse_not(p, &right));
        if (!is_condition(*ret) || !is_condition(right))
            return syntax(p);
        TRY(enter(p));
        TRY(new_pair(p, JSONPATH_AND, *ret, right, ret));
    }
    return STATUS_OK;
}

static Status parse_or(Parser *p, JsonPathItem **ret)
{
    TRY(enter(p));
    TRY(parse_and(p, ret));
    while (is_symbol(p, "||")) {
        JsonPathItem *right;
        TRY(advance(p));
        TRY(parse_and(p, &right));
        if (!is_condition(*ret) || !is_condition(right))
            return syntax(p);
        TRY(enter(p));
        TRY(new_pair(p, JSONPATH_OR, *ret, right, ret));
    }
    p->depth--;
    return STATUS_OK;
}

Status jsonpath_parse(Str text, Arena *arena, JsonPath *ret, Error *err)
{
    Parser p = {.lex = {.text = text, .arena = arena, .err = err}, .arena = arena, .err = err};
    *ret = (JsonPath){0};
    TRY(advance(&p));
    if (p.lex.token == PATH_TOKEN_END)
        return error_set_sql(err, STATUS_INVALID, "22P02", 0,
                             "invalid input syntax for type jsonpath: \"%.*s\"", STR_FMT(text));
    ret->strict = is_word(&p, "strict");
    if (ret->strict || is_word(&p, "lax"))
        TRY(advance(&p));
    TRY(parse_or(&p, &ret->root));
    return p.lex.token == PATH_TOKEN_END ? STATUS_OK : syntax(&p);
}

#include "query/promql/promql_lexer.h"

#include <stdarg.h>
#include <stdio.h>

#include "query/promql/promql.h"

enum { RUNE_EOF = -1, RUNE_ERROR = 0xFFFD };

static const struct {
    const char *text;
    char class;
} token_infos[PROM_TOKEN_COUNT_] = {
#define X(id, text, class) [PROM_TOKEN_##id] = {text, class},
    PROM_TOKEN_LIST(X)
#undef X
};

const char *promql__token_text(PromTokenKind kind)
{
    return token_infos[kind].text;
}

char promql__token_class(PromTokenKind kind)
{
    return token_infos[kind].class;
}

void promql__lexer_init(PromLexer *lexer, Str text)
{
    *lexer = (PromLexer){.text = text};
}

static bool is_space(int32_t r)
{
    return r == ' ' || r == '\t' || r == '\n' || r == '\r';
}
static bool is_digit(int32_t r)
{
    return r >= '0' && r <= '9';
}
static bool is_alpha(int32_t r)
{
    return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z');
}
static bool is_alnum(int32_t r)
{
    return is_alpha(r) || is_digit(r);
}

static int32_t next_rune(PromLexer *l)
{
    uint32_t rune;
    size_t width;

    if (l->pos >= l->text.len) {
        l->width = 0;
        return RUNE_EOF;
    }
    width = str_utf8_decode(str_sub(l->text, l->pos, 4), &rune);
    if (width == 0) {
        rune = RUNE_ERROR;
        width = 1;
    }
    l->width = (uint32_t)width;
    l->pos += (uint32_t)width;
    return (int32_t)rune;
}

/* Once per next_rune. */
static void backup(PromLexer *l)
{
    l->pos -= l->width;
}

static int32_t peek_rune(PromLexer *l)
{
    int32_t r = next_rune(l);
    backup(l);
    return r;
}

static bool in_set(int32_t r, const char *set)
{
    return r > 0 && r < 128 && strchr(set, r) != NULL;
}

static bool accept(PromLexer *l, const char *set)
{
    if (in_set(next_rune(l), set))
        return true;
    backup(l);
    return false;
}

static PromToken emit(PromLexer *l, PromTokenKind kind)
{
    PromToken token = {kind, l->start, l->pos};
    l->start = l->pos;
    return token;
}

/* %s of the format is the quoted rune or text. */
static PromToken fail(PromLexer *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static PromToken fail(PromLexer *l, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(l->error, sizeof l->error, format, args);
    va_end(args);
    l->state = PROM_LEX_ENDED;
    return (PromToken){PROM_TOKEN_ERROR, l->start, (uint32_t)l->text.len};
}

/* Go's %q of a rune. */
static const char *quote_rune(int32_t r, char out[16])
{
    char utf8[4];

    if (r == '\'' || r == '\\')
        (void)snprintf(out, 16, "'\\%c'", (char)r);
    else if (r == '\n')
        (void)snprintf(out, 16, "'\\n'");
    else if (r == '\t')
        (void)snprintf(out, 16, "'\\t'");
    else if (r == '\r')
        (void)snprintf(out, 16, "'\\r'");
    else if (r == RUNE_EOF)
        (void)snprintf(out, 16, "'\xEF\xBF\xBD'");
    else if (r < 0x20 || r == 0x7F)
        (void)snprintf(out, 16, "'\\x%02x'", (unsigned)r);
    else
        (void)snprintf(out, 16, "'%.*s'", (int)str_utf8_encode((uint32_t)r, utf8), utf8);
    return out;
}

static PromToken fail_rune(PromLexer *l, const char *what, int32_t r)
{
    char quoted[16];
    return fail(l, "%s %s", what, quote_rune(r, quoted));
}

static PromToken fail_word(PromLexer *l, const char *what)
{
    CLEANUP(buf_done) Buf quoted = {.len_max = 256};
    prom_text_quote(str_sub(l->text, l->start, l->pos - l->start), &quoted);
    return fail(l, "%s %.*s", what, (int)quoted.len, quoted.ptr ? quoted.ptr : "");
}

static int digit_value(int32_t r)
{
    if (r >= '0' && r <= '9')
        return r - '0';
    if (r >= 'a' && r <= 'f')
        return r - 'a' + 10;
    if (r >= 'A' && r <= 'F')
        return r - 'A' + 10;
    return 16;
}

/* Go's %#U of a rune. */
static PromToken fail_code_point(PromLexer *l, const char *before, int32_t r, const char *after)
{
    char utf8[5] = {0};

    if (r >= 0x20 && r != 0x7F)
        (void)str_utf8_encode((uint32_t)r, utf8);
    if (utf8[0])
        return fail(l, "%s U+%04X '%s'%s", before, (unsigned)r, utf8, after);
    return fail(l, "%s U+%04X%s", before, (unsigned)r, after);
}

/* The backslash has been read. False with *ret_error set when the escape is bad. */
static bool scan_escape(PromLexer *l, int32_t quote, PromToken *ret_error)
{
    int32_t r = next_rune(l);
    uint32_t base = 16;
    uint32_t max = 0x10FFFF;
    uint32_t value = 0;
    int digits;

    if (in_set(r, "abfnrtv\\") || r == quote)
        return true;
    if (r >= '0' && r <= '7') {
        digits = 3;
        base = 8;
        max = 255;
    } else if (r == 'x' || r == 'u' || r == 'U') {
        digits = r == 'x' ? 2 : r == 'u' ? 4 : 8;
        max = r == 'x' ? 255 : max;
        r = next_rune(l);
    } else {
        *ret_error = r == RUNE_EOF ? fail(l, "escape sequence not terminated")
                                   : fail_code_point(l, "unknown escape sequence", r, "");
        return false;
    }
    for (int i = 0; i < digits; i++) {
        uint32_t d;
        if (i)
            r = next_rune(l);
        d = (uint32_t)digit_value(r);
        if (d >= base) {
            *ret_error = r == RUNE_EOF
                             ? fail(l, "escape sequence not terminated")
                             : fail_code_point(l, "illegal character", r, " in escape sequence");
            return false;
        }
        value = value * base + d;
    }
    if (value > max || (value >= 0xD800 && value < 0xE000)) {
        *ret_error = fail(l, "escape sequence is an invalid Unicode code point");
        return false;
    }
    return true;
}

/* The opening quote has been read. */
static PromToken lex_string(PromLexer *l, int32_t quote)
{
    PromToken error;

    for (;;) {
        int32_t r = next_rune(l);
        if (r == quote)
            return emit(l, PROM_TOKEN_STRING);
        if (r == '\\' && quote != '`') {
            if (!scan_escape(l, quote, &error))
                return error;
        } else if (r == RUNE_ERROR) {
            return fail(l, "invalid UTF-8 rune");
        } else if (quote == '`' && r == RUNE_EOF) {
            return fail(l, "unterminated raw string");
        } else if (quote != '`' && (r == RUNE_EOF || r == '\n')) {
            return fail(l, "unterminated quoted string");
        }
    }
}

/* Numbers of all forms, not necessarily valid ones. */
static bool scan_number(PromLexer *l)
{
    uint32_t begin = l->pos;
    const char *digits = "0123456789";
    bool hex = false;
    bool dot = false;
    bool exponent = false;

    if (accept(l, "0") && accept(l, "xX")) {
        (void)accept(l, "_");
        digits = "0123456789abcdefABCDEF";
        hex = true;
    }
    (void)accept(l, ".");
    (void)accept(l, digits);
    for (;;) {
        int32_t r = peek_rune(l);
        if (!in_set(r, digits) && !in_set(r, "._eE"))
            break;
        if ((r == '.' && dot) || (in_set(r, "eE") && !hex && exponent)) {
            (void)next_rune(l);
            return false;
        }
        if (accept(l, ".")) {
            dot = true;
            if (accept(l, "_.") || hex)
                return false;
        } else if (!hex && accept(l, "eE")) {
            exponent = true;
            (void)accept(l, "+-");
            if (accept(l, "._eE") || peek_rune(l) == RUNE_EOF)
                return false;
        } else if (accept(l, "_")) {
            if (accept(l, "._eE") || peek_rune(l) == RUNE_EOF)
                return false;
        } else {
            while (accept(l, digits))
                ;
        }
    }
    return l->pos != begin && !is_alnum(peek_rune(l));
}

static bool scan_duration_rest(PromLexer *l)
{
    if (!accept(l, "smhdwy"))
        return false;
    (void)accept(l, "s"); /* ms; "hs" is caught when the duration is parsed */
    while (accept(l, "0123456789")) {
        while (accept(l, "0123456789"))
            ;
        if (!accept(l, "smhdw"))
            return false;
        (void)accept(l, "s");
    }
    return !is_alnum(next_rune(l));
}

static PromToken lex_number_or_duration(PromLexer *l)
{
    l->state = PROM_LEX_STATEMENTS;
    if (scan_number(l))
        return emit(l, PROM_TOKEN_NUMBER);
    if (scan_duration_rest(l)) {
        backup(l);
        return emit(l, PROM_TOKEN_DURATION);
    }
    return fail_word(l, "bad number or duration syntax:");
}

static bool followed_by_paren(const PromLexer *l)
{
    for (size_t i = l->pos; i < l->text.len; i++)
        if (!is_space(l->text.ptr[i]))
            return l->text.ptr[i] == '(';
    return false;
}

static PromTokenKind keyword_kind(Str word)
{
    for (int k = PROM_TOKEN_AND; k < PROM_TOKEN_COUNT_; k++)
        if (str_eq_nocase(word, str_from(token_infos[k].text)))
            return (PromTokenKind)k;
    if (str_eq_nocase(word, STR("inf")) || str_eq_nocase(word, STR("nan")))
        return PROM_TOKEN_NUMBER;
    return str_find_byte(word, ':') >= 0 ? PROM_TOKEN_METRIC_IDENTIFIER : PROM_TOKEN_IDENTIFIER;
}

static PromToken lex_keyword_or_identifier(PromLexer *l)
{
    PromTokenKind kind;
    int32_t r;

    do
        r = next_rune(l);
    while (is_alnum(r) || r == ':');
    backup(l);
    kind = keyword_kind(str_sub(l->text, l->start, l->pos - l->start));
    /* These came late: only where they cannot be metric names of older queries. */
    if ((kind == PROM_TOKEN_FILL || kind == PROM_TOKEN_FILL_LEFT || kind == PROM_TOKEN_FILL_RIGHT ||
         kind == PROM_TOKEN_MIN_OF || kind == PROM_TOKEN_MAX_OF) &&
        !followed_by_paren(l))
        kind = PROM_TOKEN_IDENTIFIER;
    return emit(l, kind);
}

/* step, range, min_of or max_of inside brackets; the first letter has been read. */
static bool scan_duration_word(PromLexer *l, PromTokenKind *ret_kind)
{
    PromTokenKind kind;

    while (is_alpha(next_rune(l)))
        ;
    backup(l);
    kind = keyword_kind(str_sub(l->text, l->start, l->pos - l->start));
    if (kind != PROM_TOKEN_STEP && kind != PROM_TOKEN_RANGE && kind != PROM_TOKEN_MIN_OF &&
        kind != PROM_TOKEN_MAX_OF)
        return false;
    *ret_kind = kind;
    return true;
}

static bool skip_comment(PromLexer *l)
{
    if (l->pos >= l->text.len || l->text.ptr[l->pos] != '#')
        return false;
    while (l->pos < l->text.len && l->text.ptr[l->pos] != '\n' && l->text.ptr[l->pos] != '\r')
        l->pos++;
    l->start = l->pos;
    return true;
}

static void skip_spaces(PromLexer *l)
{
    while (l->pos < l->text.len && is_space(l->text.ptr[l->pos]))
        l->pos++;
    l->start = l->pos;
}

static PromToken lex_braces(PromLexer *l)
{
    int32_t r = next_rune(l);
    int32_t t;

    switch (r) {
    case RUNE_EOF:
        return fail(l, "unexpected end of input inside braces");
    case ',':
        return emit(l, PROM_TOKEN_COMMA);
    case '"':
    case '\'':
    case '`':
        return lex_string(l, r);
    case '=':
        return emit(l, accept(l, "~") ? PROM_TOKEN_EQL_REGEX : PROM_TOKEN_EQL);
    case '!':
        t = next_rune(l);
        if (t == '~')
            return emit(l, PROM_TOKEN_NEQ_REGEX);
        if (t == '=')
            return emit(l, PROM_TOKEN_NEQ);
        return fail_rune(l, "unexpected character after '!' inside braces:", t);
    case '{':
        return fail_rune(l, "unexpected left brace", r);
    case '}':
        l->state = PROM_LEX_STATEMENTS;
        return emit(l, PROM_TOKEN_RIGHT_BRACE);
    default:
        if (!is_alpha(r))
            return fail_rune(l, "unexpected character inside braces:", r);
        while (is_alnum(next_rune(l)))
            ;
        backup(l);
        return emit(l, PROM_TOKEN_IDENTIFIER);
    }
}

static PromToken right_paren(PromLexer *l)
{
    if (l->paren_depth == 0) {
        /* Prometheus hands the token out and fails on the next call; nothing can follow it. */
        l->start = l->pos;
        return fail_rune(l, "unexpected right parenthesis", ')');
    }
    l->paren_depth--;
    return emit(l, PROM_TOKEN_RIGHT_PAREN);
}

static PromToken lex_duration(PromLexer *l)
{
    PromTokenKind kind;
    int32_t r = next_rune(l);

    switch (r) {
    case RUNE_EOF:
        return fail(l, "unexpected end of input in duration expression");
    case ']':
        l->state = PROM_LEX_STATEMENTS;
        l->bracket_open = false;
        return emit(l, PROM_TOKEN_RIGHT_BRACKET);
    case ':':
        if (!l->got_duration)
            return fail(l, "unexpected colon before duration in duration expression");
        if (l->got_colon)
            return fail(l, "unexpected repeated colon in duration expression");
        l->got_colon = true;
        return emit(l, PROM_TOKEN_COLON);
    case '(':
        l->paren_depth++;
        return emit(l, PROM_TOKEN_LEFT_PAREN);
    case ')':
        return right_paren(l);
    case '+':
        return emit(l, PROM_TOKEN_ADD);
    case '-':
        return emit(l, PROM_TOKEN_SUB);
    case '*':
        return emit(l, PROM_TOKEN_MUL);
    case '/':
        return emit(l, PROM_TOKEN_DIV);
    case '%':
        return emit(l, PROM_TOKEN_MOD);
    case '^':
        return emit(l, PROM_TOKEN_POW);
    case ',':
        return emit(l, PROM_TOKEN_COMMA);
    default:
        break;
    }
    if (is_digit(r) || (r == '.' && is_digit(peek_rune(l)))) {
        l->pos = l->start;
        l->got_duration = true;
        return lex_number_or_duration(l);
    }
    if (in_set(r, "sSmMrR") && scan_duration_word(l, &kind)) {
        l->got_duration = true;
        return emit(l, kind);
    }
    return fail_rune(l, "unexpected character in duration expression:", r);
}

/* A letter or a colon in statements while a bracket is open. */
static PromToken lex_in_bracket(PromLexer *l, int32_t r)
{
    PromTokenKind kind;

    if (r == ':') {
        if (l->got_colon)
            return fail_rune(l, "unexpected colon", r);
        l->got_colon = true;
        return emit(l, PROM_TOKEN_COLON);
    }
    if (in_set(r, "sSmMrR") && scan_duration_word(l, &kind))
        return emit(l, kind);
    return fail(l, "unexpected character: '%c', expected ':'", (char)r);
}

static PromToken lex_statements(PromLexer *l)
{
    int32_t r = next_rune(l);
    int32_t t;

    switch (r) {
    case RUNE_EOF:
        if (l->paren_depth != 0)
            return fail(l, "unclosed left parenthesis");
        if (l->bracket_open)
            return fail(l, "unclosed left bracket");
        l->state = PROM_LEX_ENDED;
        return emit(l, PROM_TOKEN_EOF);
    case ',':
        return emit(l, PROM_TOKEN_COMMA);
    case '*':
        return emit(l, PROM_TOKEN_MUL);
    case '/':
        return emit(l, PROM_TOKEN_DIV);
    case '%':
        return emit(l, PROM_TOKEN_MOD);
    case '+':
        return emit(l, PROM_TOKEN_ADD);
    case '-':
        return emit(l, PROM_TOKEN_SUB);
    case '^':
        return emit(l, PROM_TOKEN_POW);
    case '@':
        return emit(l, PROM_TOKEN_AT);
    case '=':
        if (accept(l, "="))
            return emit(l, PROM_TOKEN_EQLC);
        if (peek_rune(l) == '~')
            return fail_rune(l, "unexpected character after '=':", '~');
        return emit(l, PROM_TOKEN_EQL);
    case '!':
        t = next_rune(l);
        if (t != '=')
            return fail_rune(l, "unexpected character after '!':", t);
        return emit(l, PROM_TOKEN_NEQ);
    case '<':
        return emit(l, accept(l, "=")   ? PROM_TOKEN_LTE
                       : accept(l, "/") ? PROM_TOKEN_TRIM_UPPER
                                        : PROM_TOKEN_LSS);
    case '>':
        return emit(l, accept(l, "=")   ? PROM_TOKEN_GTE
                       : accept(l, "/") ? PROM_TOKEN_TRIM_LOWER
                                        : PROM_TOKEN_GTR);
    case '"':
    case '\'':
    case '`':
        return lex_string(l, r);
    case '(':
        l->paren_depth++;
        return emit(l, PROM_TOKEN_LEFT_PAREN);
    case ')':
        return right_paren(l);
    case '{':
        l->state = PROM_LEX_BRACES;
        return emit(l, PROM_TOKEN_LEFT_BRACE);
    case '[':
        if (l->bracket_open)
            return fail_rune(l, "unexpected left bracket", r);
        l->bracket_open = true;
        l->got_colon = false;
        l->got_duration = false;
        l->state = PROM_LEX_DURATION;
        return emit(l, PROM_TOKEN_LEFT_BRACKET);
    case ']':
        if (!l->bracket_open)
            return fail_rune(l, "unexpected right bracket", r);
        l->bracket_open = false;
        return emit(l, PROM_TOKEN_RIGHT_BRACKET);
    default:
        break;
    }
    if (is_digit(r) || (r == '.' && is_digit(peek_rune(l)))) {
        l->pos = l->start;
        return lex_number_or_duration(l);
    }
    if (is_alpha(r) || r == ':') {
        if (l->bracket_open)
            return lex_in_bracket(l, r);
        l->pos = l->start;
        return lex_keyword_or_identifier(l);
    }
    return fail_rune(l, "unexpected character:", r);
}

PromToken promql__lexer_next(PromLexer *l)
{
    if (l->state != PROM_LEX_ENDED) {
        do
            skip_spaces(l);
        while (l->state != PROM_LEX_DURATION && skip_comment(l));
    }
    switch (l->state) {
    case PROM_LEX_STATEMENTS:
        return lex_statements(l);
    case PROM_LEX_BRACES:
        return lex_braces(l);
    case PROM_LEX_DURATION:
        return lex_duration(l);
    case PROM_LEX_ENDED:
        break;
    }
    return (PromToken){PROM_TOKEN_EOF, (uint32_t)l->text.len, (uint32_t)l->text.len};
}

void promql__token_describe(Str text, PromToken token, Buf *out)
{
    Str word = str_sub(text, token.start, token.end - token.start);

    switch (token.kind) {
    case PROM_TOKEN_EOF:
        buf_append_lit(out, "end of input");
        return;
    case PROM_TOKEN_IDENTIFIER:
        buf_append_lit(out, "identifier ");
        prom_text_quote(word, out);
        return;
    case PROM_TOKEN_METRIC_IDENTIFIER:
        buf_append_lit(out, "metric identifier ");
        prom_text_quote(word, out);
        return;
    case PROM_TOKEN_STRING:
        buf_append_lit(out, "string ");
        break;
    case PROM_TOKEN_NUMBER:
        buf_append_lit(out, "number ");
        break;
    case PROM_TOKEN_DURATION:
        buf_append_lit(out, "duration ");
        break;
    default:
        break;
    }
    switch (token_infos[token.kind].class) {
    case 'k':
        buf_printf(out, "<%.*s>", STR_FMT(word));
        return;
    case 'o':
        buf_printf(out, "<op:%.*s>", STR_FMT(word));
        return;
    case 'a':
        buf_printf(out, "<aggr:%.*s>", STR_FMT(word));
        return;
    default:
        break;
    }
    if (str_utf8_count(word) > 10 && word.len > 10) {
        size_t cut = 0;
        uint32_t rune;
        for (int i = 0; i < 10; i++)
            cut += str_utf8_decode(str_sub(word, cut, 4), &rune);
        prom_text_quote(str_sub(word, 0, cut), out);
        buf_append_lit(out, "...");
        return;
    }
    prom_text_quote(word, out);
}

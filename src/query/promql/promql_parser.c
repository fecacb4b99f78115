/* promql_parser.c - precedence climbing over the tokens of promql_lexer.c.
 *
 * One function per rule of the grammar. Prometheus' parser is generated; where its tables decide
 * what is accepted or which error is told, this one does the same:
 * - an aggregation's keyword is a metric name unless "(", "by" or "without" follows;
 * - an unexpected token is reported in the words of the innermost construct that has words of its
 *   own: label matching, grouping opts, offset, @, brackets, else the aggregation around it;
 * - `x offset 1m + 1m` adds to x: after "offset" a literal ends the duration, in brackets it does
 * not. Parsing stops at the first error, the only one Prometheus prints.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/promql/promql_int.h"

typedef struct Parser {
    Str text;
    Arena *arena;
    PromLexer lexer;
    PromToken token;       /* the one to look at */
    uint32_t last_closing; /* end of the last consumed ) ] } number or duration */
    uint32_t agg_depth;    /* aggregations around us */
    uint32_t depth;        /* recursion */
    bool in_bracket;       /* between [ and ] */
    Error *err;
} Parser;

static Status parse_expr(Parser *p, int min_prec, PromExpr **ret);
static Status parse_duration_expr(Parser *p, int min_prec, PromDuration **ret);

Status promql__error(Error *err, Str text, uint32_t offset, const char *format, ...)
{
    char message[900];
    char position[32];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(message, sizeof message, format, args);
    va_end(args);
    prom_text_position(text, offset, position);
    return error_set_sql(err, STATUS_INVALID, "42601",
                         (int32_t)str_utf8_count(str_sub(text, 0, offset)) + 1,
                         "%s: parse error: %s", position, message);
}

/* ---------------------------------------------------------------- tokens */

static Status load(Parser *p)
{
    p->token = promql__lexer_next(&p->lexer);
    if (p->token.kind == PROM_TOKEN_ERROR)
        return promql__error(p->err, p->text, p->token.start, "%s", p->lexer.error);
    return STATUS_OK;
}

/* Moves past the current token. */
static Status advance(Parser *p)
{
    switch (p->token.kind) {
    case PROM_TOKEN_RIGHT_BRACE:
    case PROM_TOKEN_RIGHT_PAREN:
    case PROM_TOKEN_RIGHT_BRACKET:
    case PROM_TOKEN_DURATION:
    case PROM_TOKEN_NUMBER:
        p->last_closing = p->token.end;
        break;
    default:
        break;
    }
    return load(p);
}

static Status unexpected(Parser *p, const char *context, const char *expected)
{
    CLEANUP(buf_done) Buf text = {.len_max = 512};

    buf_append_lit(&text, "unexpected ");
    promql__token_describe(p->text, p->token, &text);
    if (*context)
        buf_printf(&text, " in %s", context);
    if (*expected)
        buf_printf(&text, ", expected %s", expected);
    return promql__error(p->err, p->text, p->token.start, "%.*s", (int)text.len, text.ptr);
}

/* The token fits nowhere and nothing around has words for it. */
static Status unexpected_here(Parser *p)
{
    return unexpected(p, p->agg_depth ? "aggregation" : "", "");
}

static Str token_str(const Parser *p, PromToken token)
{
    return str_sub(p->text, token.start, token.end - token.start);
}

static Status enter(Parser *p)
{
    if (++p->depth > PROMQL_DEPTH_MAX)
        return promql__error(p->err, p->text, p->token.start,
                             "expression nests deeper than %d levels", PROMQL_DEPTH_MAX);
    return STATUS_OK;
}

static PromExpr *new_expr(Parser *p, PromExprKind kind, PromType type, uint32_t start, uint32_t end)
{
    PromExpr *expr = ARENA_NEW(p->arena, PromExpr);
    expr->kind = kind;
    expr->type = type;
    expr->start = start;
    expr->end = end;
    expr->depth = 1;
    return expr;
}

/* Notes that `child` hangs below `expr`. */
static Status set_depth(Parser *p, PromExpr *expr, const PromExpr *child)
{
    if (child->depth >= expr->depth)
        expr->depth = child->depth + 1;
    if (expr->depth > PROMQL_DEPTH_MAX)
        return promql__error(p->err, p->text, expr->start, "expression nests deeper than %d levels",
                             PROMQL_DEPTH_MAX);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- literals */

/* Go's ParseInt(text, 0, 64), then ParseFloat. The lexer has seen to the form. */
static Status parse_number(Parser *p, PromToken token, double *ret)
{
    Str text = token_str(p, token);
    char digits[1200]; /* the longest double written out has 1,077 */
    size_t n = 0;
    char *end;

    if (str_eq_nocase(text, STR("inf"))) {
        *ret = INFINITY;
        return STATUS_OK;
    }
    if (str_eq_nocase(text, STR("nan"))) {
        *ret = NAN;
        return STATUS_OK;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_')
            continue;
        if (n == sizeof digits - 1)
            return promql__error(p->err, p->text, token.start, "error parsing number: too long");
        digits[n++] = text.ptr[i];
    }
    digits[n] = 0;
    if (digits[0] == '0' && n > 1 && strspn(digits, "01234567") == n) {
        errno = 0;
        *ret = (double)strtoll(digits, NULL, 8);
        if (errno == 0)
            return STATUS_OK;
    }
    *ret = strtod(digits, &end);
    if (*end || n == 0 || (digits[0] == '0' && n == 2 && (digits[1] | 0x20) == 'x')) {
        CLEANUP(buf_done) Buf quoted = {.len_max = 256};
        prom_text_quote(text, &quoted);
        return promql__error(p->err, p->text, token.start,
                             "error parsing number: strconv.ParseFloat: parsing %.*s: invalid "
                             "syntax",
                             (int)quoted.len, quoted.ptr);
    }
    if (isinf(*ret)) {
        CLEANUP(buf_done) Buf quoted = {.len_max = 256};
        prom_text_quote(text, &quoted);
        return promql__error(p->err, p->text, token.start,
                             "error parsing number: strconv.ParseFloat: parsing %.*s: value out of "
                             "range",
                             (int)quoted.len, quoted.ptr);
    }
    return STATUS_OK;
}

static const struct {
    const char *unit;
    int64_t ms;
} duration_units[] = {
    {"y", 31'536'000'000}, {"w", 604'800'000}, {"d", 86'400'000}, {"h", 3'600'000},
    {"m", 60'000},         {"s", 1000},        {"ms", 1}};

Status promql_parse_duration(Str text, int64_t *ret_ms, Error *err)
{
    size_t at = 0;
    size_t unit_idx = 0;
    __int128 total = 0;

    if (text.len == 0)
        return error_set(err, STATUS_INVALID, "empty duration string");
    if (str_eq(text, STR("0"))) {
        *ret_ms = 0;
        return STATUS_OK;
    }
    while (at < text.len) {
        __int128 count = 0;
        size_t begin = at;
        size_t unit_len;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++)
            count = count > INT64_MAX ? count : count * 10 + (text.ptr[at] - '0');
        unit_len = text.len - at >= 2 && text.ptr[at] == 'm' && text.ptr[at + 1] == 's' ? 2 : 1;
        while (unit_idx < LUMA_ARRAY_LEN(duration_units) &&
               !str_eq(str_sub(text, at, unit_len), str_from(duration_units[unit_idx].unit)))
            unit_idx++;
        if (at == begin || unit_idx == LUMA_ARRAY_LEN(duration_units)) {
            CLEANUP(buf_done) Buf quoted = {.len_max = 256};
            prom_text_quote(text, &quoted);
            return error_set(err, STATUS_INVALID, "not a valid duration string: %.*s",
                             (int)quoted.len, quoted.ptr);
        }
        total += count * duration_units[unit_idx++].ms;
        at += unit_len;
        if (total > INT64_MAX / 1'000'000)
            return error_set(err, STATUS_INVALID, "duration out of range");
    }
    *ret_ms = (int64_t)total;
    return STATUS_OK;
}

/* NUMBER or DURATION, in seconds. */
static Status parse_seconds(Parser *p, double *ret_seconds, bool *ret_is_duration)
{
    PromToken token = p->token;
    Error why = {0};
    int64_t ms;

    *ret_is_duration = token.kind == PROM_TOKEN_DURATION;
    if (!*ret_is_duration) {
        TRY(parse_number(p, token, ret_seconds));
    } else {
        if (promql_parse_duration(token_str(p, token), &ms, &why) != STATUS_OK)
            return promql__error(p->err, p->text, token.start, "%s", why.message);
        *ret_seconds = (double)ms / 1000.0;
    }
    return advance(p);
}

static Str unquote(Parser *p, PromToken token)
{
    Str quoted = token_str(p, token);
    char quote = quoted.ptr[0];
    char *out = arena_alloc(p->arena, quoted.len);
    size_t n = 0;

    for (size_t i = 1; i + 1 < quoted.len; i++) {
        static const char names[] = "abfnrtv\\\"'";
        static const char values[] = "\a\b\f\n\r\t\v\\\"'";
        char c = quoted.ptr[i];
        const char *simple;
        uint32_t value = 0;
        int digits;
        int base = 16;
        bool byte;
        if (c == '\r' && quote == '`')
            continue;
        if (c != '\\' || quote == '`') {
            out[n++] = c;
            continue;
        }
        c = quoted.ptr[++i];
        simple = strchr(names, c);
        if (simple) {
            out[n++] = values[simple - names];
            continue;
        }
        digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 3;
        byte = digits < 4;
        if (digits == 3) {
            base = 8;
            i--;
        }
        for (int d = 0; d < digits; d++) {
            char x = quoted.ptr[++i];
            value = value * (uint32_t)base + (uint32_t)(x <= '9' ? x - '0' : (x | 0x20) - 'a' + 10);
        }
        if (byte)
            out[n++] = (char)value;
        else
            n += str_utf8_encode(value, out + n);
    }
    return (Str){out, n};
}

/* ---------------------------------------------------------------- selectors */

static bool is_match_op(PromTokenKind kind)
{
    return kind == PROM_TOKEN_EQL || kind == PROM_TOKEN_NEQ || kind == PROM_TOKEN_EQL_REGEX ||
           kind == PROM_TOKEN_NEQ_REGEX;
}

static Status make_matcher(Parser *p, uint32_t start, MatchOp op, Str name, Str value,
                           LabelMatcher *ret)
{
    Error why = {0};
    if (label_matcher_make(op, name, value, p->arena, ret, &why) != STATUS_OK)
        return promql__error(p->err, p->text, start, "%s", why.message);
    return STATUS_OK;
}

static Status parse_matcher(Parser *p, LabelMatcher *ret)
{
    static const char context[] = "label matching";
    PromToken name_token = p->token;
    Str name;
    MatchOp op;

    if (name_token.kind != PROM_TOKEN_IDENTIFIER && name_token.kind != PROM_TOKEN_STRING)
        return unexpected(p, context, "identifier or \"}\"");
    TRY(advance(p));
    if (name_token.kind == PROM_TOKEN_STRING) {
        name = unquote(p, name_token);
        if (!is_match_op(p->token.kind)) /* {"metric name"} */
            return make_matcher(p, name_token.start, MATCH_EQ, LABEL_NAME, name, ret);
    } else {
        name = token_str(p, name_token);
    }
    switch (p->token.kind) {
    case PROM_TOKEN_EQL:
        op = MATCH_EQ;
        break;
    case PROM_TOKEN_NEQ:
        op = MATCH_NE;
        break;
    case PROM_TOKEN_EQL_REGEX:
        op = MATCH_RE;
        break;
    case PROM_TOKEN_NEQ_REGEX:
        op = MATCH_NRE;
        break;
    default:
        return unexpected(p, context, "label matching operator");
    }
    TRY(advance(p));
    if (p->token.kind != PROM_TOKEN_STRING)
        return unexpected(p, context, "string");
    PromToken value = p->token;
    TRY(advance(p));
    return make_matcher(p, name_token.start, op, name, unquote(p, value), ret);
}

/* The list in braces; the opening one is the current token. */
static Status parse_matchers(Parser *p, PromExpr *selector)
{
    uint32_t cap = 0;
    LabelMatcher matcher;

    TRY(advance(p));
    while (p->token.kind != PROM_TOKEN_RIGHT_BRACE) {
        TRY(parse_matcher(p, &matcher));
        ARENA_PUSH(p->arena, selector->selector.matchers, selector->selector.matcher_count, cap,
                   matcher);
        if (p->token.kind == PROM_TOKEN_RIGHT_BRACE)
            break;
        if (p->token.kind != PROM_TOKEN_COMMA)
            return unexpected(p, "label matching", "\",\" or \"}\"");
        TRY(advance(p));
    }
    selector->end = p->token.end;
    return advance(p);
}

static bool is_metric_name(PromTokenKind kind)
{
    switch (kind) {
    case PROM_TOKEN_IDENTIFIER:
    case PROM_TOKEN_METRIC_IDENTIFIER:
    case PROM_TOKEN_AND:
    case PROM_TOKEN_OR:
    case PROM_TOKEN_UNLESS:
    case PROM_TOKEN_BY:
    case PROM_TOKEN_WITHOUT:
    case PROM_TOKEN_OFFSET:
    case PROM_TOKEN_ANCHORED:
    case PROM_TOKEN_SMOOTHED:
        return true;
    default:
        return promql__token_class(kind) == 'a' || promql__token_class(kind) == 'w';
    }
}

/* metric, metric{...} or {...}. */
static Status parse_selector(Parser *p, PromExpr **ret)
{
    PromExpr *expr = new_expr(p, PROM_SELECTOR, PROM_TYPE_VECTOR, p->token.start, p->token.end);

    if (p->token.kind != PROM_TOKEN_LEFT_BRACE) {
        expr->selector.name = arena_str(p->arena, token_str(p, p->token));
        TRY(advance(p));
    }
    if (p->token.kind == PROM_TOKEN_LEFT_BRACE)
        TRY(parse_matchers(p, expr));
    if (expr->selector.name.len) {
        uint32_t n = expr->selector.matcher_count;
        LabelMatcher *all = ARENA_NEW_ARRAY(p->arena, LabelMatcher, n + 1);
        if (n)
            memcpy(all, expr->selector.matchers, n * sizeof *all);
        TRY(make_matcher(p, expr->start, MATCH_EQ, LABEL_NAME, expr->selector.name, &all[n]));
        expr->selector.matchers = all;
        expr->selector.matcher_count = n + 1;
    }
    *ret = expr;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- durations */

static bool out_of_range(double seconds)
{
    return seconds > 9223372036.854775807 || seconds < -9223372036.854775808;
}

static PromDuration *new_duration(Parser *p, PromDurationOp op, uint32_t start)
{
    PromDuration *d = ARENA_NEW(p->arena, PromDuration);
    d->op = op;
    d->start = start;
    d->end = start;
    d->depth = 1;
    return d;
}

static Status join_duration(Parser *p, PromDuration *d, PromDuration *left, PromDuration *right)
{
    d->left = left;
    d->right = right;
    d->depth = 1 + LUMA_MAX(left ? left->depth : 0, right ? right->depth : 0);
    d->end = right ? right->end : left->end;
    if (d->depth > PROMQL_DEPTH_MAX)
        return promql__error(p->err, p->text, d->start, "expression nests deeper than %d levels",
                             PROMQL_DEPTH_MAX);
    return STATUS_OK;
}

static Status expect_here(Parser *p, PromTokenKind kind, const char *context, const char *expected)
{
    if (p->token.kind != kind)
        return unexpected(p, context, expected);
    return advance(p);
}

static const char duration_starts[] = "number, duration, step(), or range()";

static Status duration_unexpected(Parser *p)
{
    if (p->in_bracket)
        return unexpected(p, "subquery or range selector", duration_starts);
    return unexpected(p, "offset", duration_starts);
}

static Status expect_in_duration(Parser *p, PromTokenKind kind)
{
    return p->token.kind == kind ? advance(p) : duration_unexpected(p);
}

/* step(), range(), min_of(a, b), max_of(a, b) */
static Status parse_duration_word(Parser *p, PromDuration **ret)
{
    PromTokenKind word = p->token.kind;
    PromDuration *d = new_duration(p, PROM_DUR_STEP, p->token.start);

    TRY(advance(p));
    TRY(expect_in_duration(p, PROM_TOKEN_LEFT_PAREN));
    if (word == PROM_TOKEN_MIN_OF || word == PROM_TOKEN_MAX_OF) {
        PromDuration *left;
        PromDuration *right;
        d->op = word == PROM_TOKEN_MIN_OF ? PROM_DUR_MIN : PROM_DUR_MAX;
        TRY(parse_duration_expr(p, 0, &left));
        TRY(expect_in_duration(p, PROM_TOKEN_COMMA));
        TRY(parse_duration_expr(p, 0, &right));
        TRY(join_duration(p, d, left, right));
    } else if (word == PROM_TOKEN_RANGE) {
        d->op = PROM_DUR_RANGE;
    }
    d->end = p->token.end;
    TRY(expect_in_duration(p, PROM_TOKEN_RIGHT_PAREN));
    *ret = d;
    return STATUS_OK;
}

static bool is_duration_word(PromTokenKind kind)
{
    return kind == PROM_TOKEN_STEP || kind == PROM_TOKEN_RANGE || kind == PROM_TOKEN_MIN_OF ||
           kind == PROM_TOKEN_MAX_OF;
}

static Status parse_duration_literal(Parser *p, PromDuration **ret)
{
    PromDuration *d = new_duration(p, PROM_DUR_NUMBER, p->token.start);

    d->end = p->token.end;
    TRY(parse_seconds(p, &d->seconds, &d->is_duration));
    if (out_of_range(d->seconds))
        return promql__error(p->err, p->text, d->start, "duration out of range");
    *ret = d;
    return STATUS_OK;
}

static Status parse_duration_paren(Parser *p, PromDuration **ret)
{
    PromDuration *inner;
    uint32_t start = p->token.start;

    TRY(advance(p));
    TRY(parse_duration_expr(p, 0, &inner));
    if (inner->op == PROM_DUR_NUMBER) { /* a literal carries no parentheses */
        PromDuration *plus = new_duration(p, PROM_DUR_PLUS, start);
        TRY(join_duration(p, plus, NULL, inner));
        inner = plus;
    }
    inner->wrapped = true;
    inner->end = p->token.end;
    TRY(expect_in_duration(p, PROM_TOKEN_RIGHT_PAREN));
    *ret = inner;
    return STATUS_OK;
}

/* -d or +d of an operand that has been parsed. */
static Status negate_duration(Parser *p, bool negate, uint32_t start, PromDuration *operand,
                              PromDuration **ret)
{
    if (!negate) {
        operand->start = start;
        *ret = operand;
        return STATUS_OK;
    }
    if (operand->op == PROM_DUR_NUMBER) {
        operand->seconds = -operand->seconds;
        operand->start = start;
        *ret = operand;
        return STATUS_OK;
    }
    *ret = new_duration(p, PROM_DUR_NEG, start);
    return join_duration(p, *ret, NULL, operand);
}

enum { PREC_DUR_ADD = 1, PREC_DUR_MUL, PREC_DUR_POW };

static Status parse_duration_primary(Parser *p, PromDuration **ret)
{
    switch (p->token.kind) {
    case PROM_TOKEN_NUMBER:
    case PROM_TOKEN_DURATION:
        return parse_duration_literal(p, ret);
    case PROM_TOKEN_LEFT_PAREN:
        return parse_duration_paren(p, ret);
    case PROM_TOKEN_ADD:
    case PROM_TOKEN_SUB: {
        bool negate = p->token.kind == PROM_TOKEN_SUB;
        uint32_t start = p->token.start;
        PromDuration *operand;
        TRY(advance(p));
        TRY(parse_duration_expr(p, PREC_DUR_POW, &operand));
        return negate_duration(p, negate, start, operand, ret);
    }
    default:
        if (is_duration_word(p->token.kind))
            return parse_duration_word(p, ret);
        return duration_unexpected(p);
    }
}

static int duration_prec(PromTokenKind kind, PromDurationOp *ret_op)
{
    switch (kind) {
    case PROM_TOKEN_ADD:
        *ret_op = PROM_DUR_ADD;
        return PREC_DUR_ADD;
    case PROM_TOKEN_SUB:
        *ret_op = PROM_DUR_SUB;
        return PREC_DUR_ADD;
    case PROM_TOKEN_MUL:
        *ret_op = PROM_DUR_MUL;
        return PREC_DUR_MUL;
    case PROM_TOKEN_DIV:
        *ret_op = PROM_DUR_DIV;
        return PREC_DUR_MUL;
    case PROM_TOKEN_MOD:
        *ret_op = PROM_DUR_MOD;
        return PREC_DUR_MUL;
    case PROM_TOKEN_POW:
        *ret_op = PROM_DUR_POW;
        return PREC_DUR_POW;
    default:
        return 0;
    }
}

static Status parse_duration_expr(Parser *p, int min_prec, PromDuration **ret)
{
    PromDuration *left;
    PromDurationOp op = PROM_DUR_ADD;

    TRY(enter(p));
    TRY(parse_duration_primary(p, &left));
    for (;;) {
        int prec = duration_prec(p->token.kind, &op);
        uint32_t op_start = p->token.start;
        PromDuration *node;
        PromDuration *right;
        if (prec == 0 || prec < min_prec)
            break;
        TRY(advance(p));
        TRY(parse_duration_expr(p, op == PROM_DUR_POW ? prec : prec + 1, &right));
        if ((op == PROM_DUR_DIV || op == PROM_DUR_MOD) && right->op == PROM_DUR_NUMBER &&
            right->seconds == 0)
            return promql__error(p->err, p->text, op_start,
                                 op == PROM_DUR_DIV ? "division by zero" : "modulo by zero");
        node = new_duration(p, op, left->start);
        TRY(join_duration(p, node, left, right));
        left = node;
    }
    p->depth--;
    *ret = left;
    return STATUS_OK;
}

/* What stands after "offset": only parentheses open an arithmetic expression. */
static Status parse_offset_duration(Parser *p, PromDuration **ret)
{
    bool negate = p->token.kind == PROM_TOKEN_SUB;
    bool sign = negate || p->token.kind == PROM_TOKEN_ADD;
    uint32_t start = p->token.start;
    PromDuration *operand;

    if (!sign) {
        if (p->token.kind == PROM_TOKEN_LEFT_PAREN)
            return parse_duration_expr(p, 0, ret);
        return parse_duration_primary(p, ret);
    }
    TRY(advance(p));
    if (p->token.kind == PROM_TOKEN_NUMBER || p->token.kind == PROM_TOKEN_DURATION) {
        TRY(parse_duration_literal(p, &operand));
    } else if (is_duration_word(p->token.kind)) {
        TRY(parse_duration_word(p, &operand));
    } else if (p->token.kind == PROM_TOKEN_LEFT_PAREN) {
        TRY(parse_duration_paren(p, &operand));
    } else {
        return unexpected(p, "offset", duration_starts);
    }
    return negate_duration(p, negate, start, operand, ret);
}

/* ---------------------------------------------------------------- modifiers */

static PromTimeMod *time_mod(PromExpr *expr)
{
    switch (expr->kind) {
    case PROM_SELECTOR:
        return &expr->selector.mod;
    case PROM_RANGE:
        return expr->range.selector->kind == PROM_SELECTOR ? &expr->range.selector->selector.mod
                                                           : NULL;
    case PROM_SUBQUERY:
        return &expr->subquery.mod;
    default:
        return NULL;
    }
}

static Status parse_offset(Parser *p, PromExpr *expr)
{
    PromTimeMod *mod = time_mod(expr);
    PromDuration *d;

    TRY(advance(p));
    TRY(parse_offset_duration(p, &d));
    if (!mod)
        return promql__error(p->err, p->text, expr->start,
                             "offset modifier must be preceded by an instant vector selector or "
                             "range vector selector or a subquery");
    if (mod->offset_ms != 0 || mod->offset_expr)
        return promql__error(p->err, p->text, expr->start, "offset may not be set multiple times");
    mod->has_offset = true;
    if (d->op == PROM_DUR_NUMBER)
        mod->offset_ms = (int64_t)round(d->seconds * 1000);
    else
        mod->offset_expr = d;
    expr->end = p->last_closing;
    return STATUS_OK;
}

static Status parse_at(Parser *p, PromExpr *expr)
{
    static const char context[] = "@";
    PromTimeMod *mod = time_mod(expr);
    PromAt at = PROM_AT_TIME;
    double seconds = 0;

    TRY(advance(p));
    if (p->token.kind == PROM_TOKEN_START || p->token.kind == PROM_TOKEN_END) {
        at = p->token.kind == PROM_TOKEN_START ? PROM_AT_START : PROM_AT_END;
        TRY(advance(p));
        TRY(expect_here(p, PROM_TOKEN_LEFT_PAREN, context, "timestamp"));
        TRY(expect_here(p, PROM_TOKEN_RIGHT_PAREN, context, "timestamp"));
    } else {
        bool negate = p->token.kind == PROM_TOKEN_SUB;
        bool is_duration;
        if (negate || p->token.kind == PROM_TOKEN_ADD)
            TRY(advance(p));
        if (p->token.kind != PROM_TOKEN_NUMBER && p->token.kind != PROM_TOKEN_DURATION)
            return unexpected(p, context, "timestamp");
        TRY(parse_seconds(p, &seconds, &is_duration));
        if (negate)
            seconds = -seconds;
        /* So that no arithmetic on its milliseconds overflows. */
        if (!isfinite(seconds) || fabs(seconds) >= 4.6e15)
            return promql__error(p->err, p->text, expr->start,
                                 "timestamp out of bounds for @ modifier: %f", seconds);
    }
    if (!mod)
        return promql__error(p->err, p->text, expr->start,
                             "@ modifier must be preceded by an instant vector selector or range "
                             "vector selector or a subquery");
    if (mod->at != PROM_AT_NONE)
        return promql__error(p->err, p->text, expr->start,
                             "@ <timestamp> may not be set multiple times");
    mod->at = at;
    mod->at_ms = (int64_t)round(seconds * 1000);
    expr->end = p->last_closing;
    return STATUS_OK;
}

static Status parse_extended(Parser *p, PromExpr *expr)
{
    bool anchored = p->token.kind == PROM_TOKEN_ANCHORED;
    const char *word = anchored ? "anchored" : "smoothed";
    PromExpr *selector = expr->kind == PROM_RANGE ? expr->range.selector : expr;

    TRY(advance(p));
    if (expr->kind == PROM_SUBQUERY)
        return promql__error(p->err, p->text, expr->start,
                             "%s modifier is not supported for subqueries", word);
    if (selector->kind != PROM_SELECTOR)
        return promql__error(p->err, p->text, expr->start, "%s modifier not implemented", word);
    if (anchored ? selector->selector.smoothed : selector->selector.anchored)
        return promql__error(p->err, p->text, expr->start,
                             "anchored and smoothed modifiers cannot be used together");
    if (anchored)
        selector->selector.anchored = true;
    else
        selector->selector.smoothed = true;
    return STATUS_OK;
}

/* A duration that must be positive: a literal's value goes to *ret_ms, else *ret_expr is set. */
static Status parse_positive_duration(Parser *p, int64_t *ret_ms, PromDuration **ret_expr)
{
    PromDuration *d;

    TRY(parse_duration_expr(p, 0, &d));
    *ret_ms = 0;
    *ret_expr = NULL;
    if (d->op != PROM_DUR_NUMBER) {
        *ret_expr = d;
        return STATUS_OK;
    }
    if (!(d->seconds > 0))
        return promql__error(p->err, p->text, d->start, "duration must be greater than 0");
    *ret_ms = (int64_t)round(d->seconds * 1000);
    return STATUS_OK;
}

static Status parse_subquery_rest(Parser *p, PromExpr *expr, int64_t range_ms,
                                  PromDuration *range_expr, PromExpr **ret)
{
    PromExpr *sub = new_expr(p, PROM_SUBQUERY, PROM_TYPE_MATRIX, expr->start, 0);

    sub->subquery.expr = expr;
    sub->subquery.range_ms = range_ms;
    sub->subquery.range_expr = range_expr;
    TRY(set_depth(p, sub, expr));
    TRY(advance(p)); /* the colon */
    if (p->token.kind != PROM_TOKEN_RIGHT_BRACKET) {
        PromTokenKind k = p->token.kind;
        if (k != PROM_TOKEN_NUMBER && k != PROM_TOKEN_DURATION && k != PROM_TOKEN_LEFT_PAREN &&
            k != PROM_TOKEN_ADD && k != PROM_TOKEN_SUB && !is_duration_word(k))
            return unexpected(p, "subquery selector",
                              "number, duration, step(), range(), or \"]\"");
        TRY(parse_positive_duration(p, &sub->subquery.step_ms, &sub->subquery.step_expr));
        if (p->token.kind != PROM_TOKEN_RIGHT_BRACKET)
            return unexpected(p, "subquery selector", "\"]\"");
    }
    p->in_bracket = false;
    sub->end = p->token.end;
    TRY(advance(p));
    *ret = sub;
    return STATUS_OK;
}

/* [range] or [range:step] after expr. */
static Status parse_bracket(Parser *p, PromExpr *expr, PromExpr **ret)
{
    uint32_t open = p->token.start;
    PromDuration *range_expr;
    PromExpr *range;
    int64_t range_ms;

    TRY(advance(p));
    p->in_bracket = true;
    TRY(parse_positive_duration(p, &range_ms, &range_expr));
    if (p->token.kind == PROM_TOKEN_COLON)
        return parse_subquery_rest(p, expr, range_ms, range_expr, ret);
    if (p->token.kind != PROM_TOKEN_RIGHT_BRACKET)
        return unexpected(p, "subquery or range", "\":\" or \"]\"");
    p->in_bracket = false;
    TRY(advance(p));
    if (expr->kind != PROM_SELECTOR)
        return promql__error(p->err, p->text, open, "ranges only allowed for vector selectors");
    if (expr->selector.mod.offset_ms != 0)
        return promql__error(p->err, p->text, open, "no offset modifiers allowed before range");
    if (expr->selector.mod.at == PROM_AT_TIME)
        return promql__error(p->err, p->text, open, "no @ modifiers allowed before range");
    range = new_expr(p, PROM_RANGE, PROM_TYPE_MATRIX, expr->start, p->last_closing);
    range->range.selector = expr;
    range->range.range_ms = range_ms;
    range->range.range_expr = range_expr;
    TRY(set_depth(p, range, expr));
    *ret = range;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- calls */

typedef struct ExprList {
    PromExpr **items;
    uint32_t count;
    uint32_t cap;
} ExprList;

/* ( ... ); the opening parenthesis is the current token. */
static Status parse_args(Parser *p, ExprList *list)
{
    PromExpr *arg;

    TRY(advance(p));
    if (p->token.kind == PROM_TOKEN_RIGHT_PAREN)
        return advance(p);
    for (;;) {
        uint32_t comma;
        TRY(parse_expr(p, 0, &arg));
        ARENA_PUSH(p->arena, list->items, list->count, list->cap, arg);
        if (p->token.kind == PROM_TOKEN_RIGHT_PAREN)
            return advance(p);
        if (p->token.kind != PROM_TOKEN_COMMA)
            return unexpected_here(p);
        comma = p->token.start;
        TRY(advance(p));
        if (p->token.kind == PROM_TOKEN_RIGHT_PAREN)
            return promql__error(p->err, p->text, comma,
                                 "trailing commas not allowed in function call args");
    }
}

static Status parse_call(Parser *p, PromExpr **ret)
{
    PromToken name = p->token;
    PromExpr *call;
    ExprList args = {0};
    PromFunc func;

    TRY(advance(p));
    TRY(parse_args(p, &args));
    if (!prom_func_find(token_str(p, name), &func)) {
        CLEANUP(buf_done) Buf quoted = {.len_max = 256};
        prom_text_quote(token_str(p, name), &quoted);
        return promql__error(p->err, p->text, name.start, "unknown function with name %.*s",
                             (int)quoted.len, quoted.ptr);
    }
    call = new_expr(p, PROM_CALL,
                    prom_func_infos[func].result == 's' ? PROM_TYPE_SCALAR : PROM_TYPE_VECTOR,
                    name.start, p->last_closing);
    call->call.func = func;
    call->call.args = args.items;
    call->call.arg_count = args.count;
    for (uint32_t i = 0; i < args.count; i++)
        TRY(set_depth(p, call, args.items[i]));
    *ret = call;
    return STATUS_OK;
}

static bool is_label_word(PromTokenKind kind)
{
    return is_metric_name(kind) || kind == PROM_TOKEN_ATAN2 || promql__token_class(kind) == 'k';
}

/* (a, "b c", ...) of by, without, on, ignoring, group_left, group_right. */
static Status parse_grouping(Parser *p, const Str **ret_labels, uint32_t *ret_count)
{
    static const char context[] = "grouping opts";
    Str *labels = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    if (p->token.kind != PROM_TOKEN_LEFT_PAREN)
        return unexpected(p, context, "\"(\"");
    TRY(advance(p));
    while (p->token.kind != PROM_TOKEN_RIGHT_PAREN) {
        Str label;
        if (p->token.kind == PROM_TOKEN_STRING) {
            label = unquote(p, p->token);
            if (label.len == 0 || !str_utf8_valid(label)) {
                CLEANUP(buf_done) Buf quoted = {.len_max = 256};
                prom_text_quote(label, &quoted);
                return promql__error(p->err, p->text, p->token.start,
                                     "invalid label name for grouping: %.*s", (int)quoted.len,
                                     quoted.ptr);
            }
        } else if (is_label_word(p->token.kind)) {
            label = arena_str(p->arena, token_str(p, p->token));
        } else {
            return unexpected(p, context, "label");
        }
        ARENA_PUSH(p->arena, labels, count, cap, label);
        TRY(advance(p));
        if (p->token.kind == PROM_TOKEN_RIGHT_PAREN)
            break;
        if (p->token.kind != PROM_TOKEN_COMMA)
            return unexpected(p, context, "\",\" or \")\"");
        TRY(advance(p));
    }
    TRY(advance(p));
    *ret_labels = labels;
    *ret_count = count;
    return STATUS_OK;
}

static Status parse_agg_modifier(Parser *p, PromExpr *agg)
{
    agg->agg.without = p->token.kind == PROM_TOKEN_WITHOUT;
    TRY(advance(p));
    return parse_grouping(p, &agg->agg.grouping, &agg->agg.grouping_count);
}

static bool is_agg_modifier(PromTokenKind kind)
{
    return kind == PROM_TOKEN_BY || kind == PROM_TOKEN_WITHOUT;
}

static Status parse_aggregate(Parser *p, PromToken op, PromExpr **ret)
{
    PromExpr *agg = new_expr(p, PROM_AGGREGATE, PROM_TYPE_VECTOR, op.start, 0);
    ExprList args = {0};
    uint32_t want;
    bool before = is_agg_modifier(p->token.kind);

    agg->agg.op = (PromAgg)(op.kind - PROM_TOKEN_AVG);
    p->agg_depth++;
    if (before)
        TRY(parse_agg_modifier(p, agg));
    if (p->token.kind != PROM_TOKEN_LEFT_PAREN)
        return unexpected(p, "aggregation", "");
    TRY(parse_args(p, &args));
    p->agg_depth--;
    if (!before && is_agg_modifier(p->token.kind))
        TRY(parse_agg_modifier(p, agg));
    agg->end = p->last_closing;

    if (args.count == 0)
        return promql__error(p->err, p->text, agg->start,
                             "no arguments for aggregate expression provided");
    want = prom_agg_infos[agg->agg.op].param ? 2 : 1;
    if (args.count != want)
        return promql__error(p->err, p->text, agg->start,
                             "wrong number of arguments for aggregate expression provided, "
                             "expected %u, got %u",
                             want, args.count);
    if (want == 2) {
        agg->agg.param = args.items[0];
        TRY(set_depth(p, agg, agg->agg.param));
    }
    agg->agg.expr = args.items[want - 1];
    TRY(set_depth(p, agg, agg->agg.expr));
    *ret = agg;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- expressions */

enum {
    PREC_OR = 1,
    PREC_AND,
    PREC_COMPARE,
    PREC_ADD,
    PREC_MUL,
    PREC_POW,
};

static const struct {
    PromTokenKind token;
    PromBinaryOp op;
    int prec;
} binary_ops[] = {
    {PROM_TOKEN_ADD, PROM_OP_ADD, PREC_ADD},
    {PROM_TOKEN_SUB, PROM_OP_SUB, PREC_ADD},
    {PROM_TOKEN_MUL, PROM_OP_MUL, PREC_MUL},
    {PROM_TOKEN_DIV, PROM_OP_DIV, PREC_MUL},
    {PROM_TOKEN_MOD, PROM_OP_MOD, PREC_MUL},
    {PROM_TOKEN_ATAN2, PROM_OP_ATAN2, PREC_MUL},
    {PROM_TOKEN_POW, PROM_OP_POW, PREC_POW},
    {PROM_TOKEN_EQLC, PROM_OP_EQ, PREC_COMPARE},
    {PROM_TOKEN_NEQ, PROM_OP_NE, PREC_COMPARE},
    {PROM_TOKEN_LSS, PROM_OP_LT, PREC_COMPARE},
    {PROM_TOKEN_GTR, PROM_OP_GT, PREC_COMPARE},
    {PROM_TOKEN_LTE, PROM_OP_LE, PREC_COMPARE},
    {PROM_TOKEN_GTE, PROM_OP_GE, PREC_COMPARE},
    {PROM_TOKEN_TRIM_UPPER, PROM_OP_TRIM_UPPER, PREC_COMPARE},
    {PROM_TOKEN_TRIM_LOWER, PROM_OP_TRIM_LOWER, PREC_COMPARE},
    {PROM_TOKEN_AND, PROM_OP_AND, PREC_AND},
    {PROM_TOKEN_UNLESS, PROM_OP_UNLESS, PREC_AND},
    {PROM_TOKEN_OR, PROM_OP_OR, PREC_OR},
};

static int binary_prec(PromTokenKind kind, PromBinaryOp *ret_op)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(binary_ops); i++) {
        if (binary_ops[i].token == kind) {
            *ret_op = binary_ops[i].op;
            return binary_ops[i].prec;
        }
    }
    return 0;
}

/* (number) of fill, fill_left, fill_right. */
static Status parse_fill_value(Parser *p, double *ret)
{
    bool negate;

    TRY(advance(p));
    if (p->token.kind != PROM_TOKEN_LEFT_PAREN)
        return unexpected_here(p);
    TRY(advance(p));
    negate = p->token.kind == PROM_TOKEN_SUB;
    if (negate || p->token.kind == PROM_TOKEN_ADD)
        TRY(advance(p));
    if (p->token.kind != PROM_TOKEN_NUMBER && p->token.kind != PROM_TOKEN_DURATION)
        return unexpected_here(p);
    bool is_duration;
    TRY(parse_seconds(p, ret, &is_duration));
    if (negate)
        *ret = -*ret;
    if (p->token.kind != PROM_TOKEN_RIGHT_PAREN)
        return unexpected_here(p);
    return advance(p);
}

static Status parse_fills(Parser *p, PromMatching *m)
{
    if (p->token.kind == PROM_TOKEN_FILL) {
        TRY(parse_fill_value(p, &m->fill_left));
        m->fill_right = m->fill_left;
        m->has_fill_left = m->has_fill_right = true;
        return STATUS_OK;
    }
    for (int i = 0; i < 2; i++) {
        if (p->token.kind == PROM_TOKEN_FILL_LEFT && !m->has_fill_left) {
            TRY(parse_fill_value(p, &m->fill_left));
            m->has_fill_left = true;
        } else if (p->token.kind == PROM_TOKEN_FILL_RIGHT && !m->has_fill_right) {
            TRY(parse_fill_value(p, &m->fill_right));
            m->has_fill_right = true;
        }
    }
    return STATUS_OK;
}

/* bool, on/ignoring, group_left/group_right, fill. */
static Status parse_matching(Parser *p, PromExpr *binary)
{
    PromMatching *m = &binary->binary.matching;

    if (p->token.kind == PROM_TOKEN_BOOL) {
        binary->binary.return_bool = true;
        TRY(advance(p));
    }
    if (p->token.kind == PROM_TOKEN_ON || p->token.kind == PROM_TOKEN_IGNORING) {
        m->on = p->token.kind == PROM_TOKEN_ON;
        TRY(advance(p));
        TRY(parse_grouping(p, &m->labels, &m->label_count));
        if (p->token.kind == PROM_TOKEN_GROUP_LEFT || p->token.kind == PROM_TOKEN_GROUP_RIGHT) {
            m->card = p->token.kind == PROM_TOKEN_GROUP_LEFT ? PROM_MANY_TO_ONE : PROM_ONE_TO_MANY;
            TRY(advance(p));
            if (p->token.kind == PROM_TOKEN_LEFT_PAREN)
                TRY(parse_grouping(p, &m->include, &m->include_count));
        }
    }
    return parse_fills(p, m);
}

static Status parse_unary(Parser *p, PromExpr **ret)
{
    bool negate = p->token.kind == PROM_TOKEN_SUB;
    uint32_t start = p->token.start;
    PromExpr *operand;
    PromExpr *expr;

    TRY(advance(p));
    TRY(parse_expr(p, PREC_POW, &operand)); /* binds as * does: -2^2 is -(2^2) */
    if (operand->kind == PROM_NUMBER) {
        if (negate)
            operand->number.value = -operand->number.value;
        operand->start = start;
        *ret = operand;
        return STATUS_OK;
    }
    expr = new_expr(p, PROM_UNARY, operand->type, start, operand->end);
    expr->unary.negate = negate;
    expr->unary.expr = operand;
    TRY(set_depth(p, expr, operand));
    *ret = expr;
    return STATUS_OK;
}

static Status parse_paren(Parser *p, PromExpr **ret)
{
    uint32_t start = p->token.start;
    PromExpr *inner;
    PromExpr *expr;

    TRY(advance(p));
    TRY(parse_expr(p, 0, &inner));
    if (p->token.kind != PROM_TOKEN_RIGHT_PAREN)
        return unexpected_here(p);
    expr = new_expr(p, PROM_PAREN, inner->type, start, p->token.end);
    expr->paren = inner;
    TRY(set_depth(p, expr, inner));
    TRY(advance(p));
    *ret = expr;
    return STATUS_OK;
}

/* Does "(" follow the current token, so that a word is a function's name? */
static bool paren_follows(const Parser *p)
{
    size_t at = p->token.end;
    while (at < p->text.len) {
        char c = p->text.ptr[at];
        if (c == '#') {
            while (at < p->text.len && p->text.ptr[at] != '\n')
                at++;
        } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            at++;
        } else {
            return c == '(';
        }
    }
    return false;
}

static Status parse_word(Parser *p, PromExpr **ret)
{
    PromToken word = p->token;

    if (promql__token_class(word.kind) == 'a') {
        PromLexer ahead = p->lexer;
        PromToken next = promql__lexer_next(&ahead);
        if (next.kind == PROM_TOKEN_LEFT_PAREN || is_agg_modifier(next.kind)) {
            TRY(advance(p));
            return parse_aggregate(p, word, ret);
        }
    }
    if ((word.kind == PROM_TOKEN_IDENTIFIER || promql__token_class(word.kind) == 'w') &&
        paren_follows(p))
        return parse_call(p, ret);
    return parse_selector(p, ret);
}

static Status parse_primary(Parser *p, PromExpr **ret)
{
    PromExpr *expr;

    switch (p->token.kind) {
    case PROM_TOKEN_NUMBER:
    case PROM_TOKEN_DURATION:
        expr = new_expr(p, PROM_NUMBER, PROM_TYPE_SCALAR, p->token.start, p->token.end);
        TRY(parse_seconds(p, &expr->number.value, &expr->number.is_duration));
        break;
    case PROM_TOKEN_STRING:
        expr = new_expr(p, PROM_STRING, PROM_TYPE_STRING, p->token.start, p->token.end);
        expr->string = unquote(p, p->token);
        TRY(advance(p));
        break;
    case PROM_TOKEN_LEFT_PAREN:
        TRY(parse_paren(p, &expr));
        break;
    case PROM_TOKEN_ADD:
    case PROM_TOKEN_SUB:
        TRY(parse_unary(p, &expr));
        break;
    case PROM_TOKEN_LEFT_BRACE:
        TRY(parse_selector(p, &expr));
        break;
    default:
        if (!is_metric_name(p->token.kind))
            return unexpected_here(p);
        TRY(parse_word(p, &expr));
        break;
    }
    *ret = expr;
    return STATUS_OK;
}

/* [..], offset, @, anchored, smoothed, any number of them. */
static Status parse_postfix(Parser *p, PromExpr **expr)
{
    for (;;) {
        switch (p->token.kind) {
        case PROM_TOKEN_LEFT_BRACKET:
            TRY(parse_bracket(p, *expr, expr));
            break;
        case PROM_TOKEN_OFFSET:
            TRY(parse_offset(p, *expr));
            break;
        case PROM_TOKEN_AT:
            TRY(parse_at(p, *expr));
            break;
        case PROM_TOKEN_ANCHORED:
        case PROM_TOKEN_SMOOTHED:
            TRY(parse_extended(p, *expr));
            break;
        default:
            return STATUS_OK;
        }
    }
}

static Status parse_binary(Parser *p, PromExpr *left, PromBinaryOp op, int prec, PromExpr **ret)
{
    PromExpr *binary = new_expr(p, PROM_BINARY, PROM_TYPE_VECTOR, left->start, 0);
    PromExpr *right;

    binary->binary.op = op;
    TRY(advance(p));
    TRY(parse_matching(p, binary));
    TRY(parse_expr(p, op == PROM_OP_POW ? prec : prec + 1, &right));
    binary->binary.left = left;
    binary->binary.right = right;
    binary->end = right->end;
    if (left->type == PROM_TYPE_SCALAR && right->type == PROM_TYPE_SCALAR)
        binary->type = PROM_TYPE_SCALAR;
    TRY(set_depth(p, binary, left));
    TRY(set_depth(p, binary, right));
    *ret = binary;
    return STATUS_OK;
}

static Status parse_expr(Parser *p, int min_prec, PromExpr **ret)
{
    PromBinaryOp op = PROM_OP_ADD;
    PromExpr *left;

    TRY(enter(p));
    bool unary = p->token.kind == PROM_TOKEN_ADD || p->token.kind == PROM_TOKEN_SUB;
    TRY(parse_primary(p, &left));
    if (!unary)
        TRY(parse_postfix(p, &left));
    for (;;) {
        int prec = binary_prec(p->token.kind, &op);
        if (prec == 0 || prec < min_prec)
            break;
        TRY(parse_binary(p, left, op, prec, &left));
    }
    p->depth--;
    *ret = left;
    return STATUS_OK;
}

static Status init(Parser *p, Str text, Arena *arena, Error *err)
{
    if (text.len > PROMQL_TEXT_BYTES_MAX)
        return error_set(err, STATUS_LIMIT, "query of %zu bytes exceeds %d", text.len,
                         PROMQL_TEXT_BYTES_MAX);
    *p = (Parser){.text = text, .arena = arena, .err = err};
    promql__lexer_init(&p->lexer, text);
    return load(p);
}

Status promql_parse(Str text, Arena *arena, PromExpr **ret_expr, Error *err)
{
    Parser p;
    PromExpr *expr;

    TRY(init(&p, text, arena, err));
    if (p.token.kind == PROM_TOKEN_EOF)
        return promql__error(err, text, 0, "no expression found in input");
    TRY(parse_expr(&p, 0, &expr));
    if (p.token.kind != PROM_TOKEN_EOF)
        return unexpected_here(&p);
    TRY(promql__check(text, expr, err));
    *ret_expr = expr;
    return STATUS_OK;
}

Status promql_parse_selector(Str text, Arena *arena, LabelMatcher **ret_matchers,
                             uint32_t *ret_count, Error *err)
{
    Parser p;
    PromExpr *expr;

    TRY(init(&p, text, arena, err));
    if (p.token.kind != PROM_TOKEN_LEFT_BRACE && !is_metric_name(p.token.kind))
        return unexpected(&p, "", "");
    TRY(parse_selector(&p, &expr));
    if (p.token.kind != PROM_TOKEN_EOF)
        return unexpected(&p, "", "");
    for (uint32_t i = 0; expr->selector.name.len && i + 1 < expr->selector.matcher_count; i++)
        if (str_eq(expr->selector.matchers[i].name, LABEL_NAME))
            return promql__error(err, text, 0, "metric name must not be set twice");
    *ret_matchers = expr->selector.matchers;
    *ret_count = expr->selector.matcher_count;
    return STATUS_OK;
}

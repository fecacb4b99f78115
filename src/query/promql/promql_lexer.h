/* promql_lexer.h - PromQL text to tokens, on demand.
 *
 * What a byte means depends on where it stands: inside braces there are no keywords, inside
 * brackets stand duration expressions. The states are those of Prometheus' lexer, so its error
 * texts come out. Private to query/promql.
 */
#ifndef LUMA_QUERY_PROMQL_PROMQL_LEXER_H
#define LUMA_QUERY_PROMQL_PROMQL_LEXER_H

#include "base/buf.h"
#include "base/str.h"

/* X(id, text, class): class k keyword, o operator, a aggregator, p plain symbol, w plain word. */
/* clang-format off */
#define PROM_TOKEN_LIST(X)                                                                         \
    X(EOF, "", ' ')                                                                                \
    X(ERROR, "", ' ')                                                                              \
    X(IDENTIFIER, "", ' ')                                                                         \
    X(METRIC_IDENTIFIER, "", ' ')                                                                  \
    X(STRING, "", ' ')                                                                             \
    X(NUMBER, "", ' ')                                                                             \
    X(DURATION, "", ' ')                                                                           \
    X(LEFT_PAREN, "(", 'p')                                                                        \
    X(RIGHT_PAREN, ")", 'p')                                                                       \
    X(LEFT_BRACE, "{", 'p')                                                                        \
    X(RIGHT_BRACE, "}", 'p')                                                                       \
    X(LEFT_BRACKET, "[", 'p')                                                                      \
    X(RIGHT_BRACKET, "]", 'p')                                                                     \
    X(COMMA, ",", 'p')                                                                             \
    X(COLON, ":", 'p')                                                                             \
    X(EQL, "=", 'p')                                                                               \
    X(ADD, "+", 'o')                                                                               \
    X(SUB, "-", 'o')                                                                               \
    X(MUL, "*", 'o')                                                                               \
    X(DIV, "/", 'o')                                                                               \
    X(MOD, "%", 'o')                                                                               \
    X(POW, "^", 'o')                                                                               \
    X(EQLC, "==", 'o')                                                                             \
    X(NEQ, "!=", 'o')                                                                              \
    X(LSS, "<", 'o')                                                                               \
    X(GTR, ">", 'o')                                                                               \
    X(LTE, "<=", 'o')                                                                              \
    X(GTE, ">=", 'o')                                                                              \
    X(TRIM_UPPER, "</", 'o')                                                                       \
    X(TRIM_LOWER, ">/", 'o')                                                                       \
    X(EQL_REGEX, "=~", 'o')                                                                        \
    X(NEQ_REGEX, "!~", 'o')                                                                        \
    X(AT, "@", 'o')                                                                                \
    X(AND, "and", 'o')                                                                             \
    X(OR, "or", 'o')                                                                               \
    X(UNLESS, "unless", 'o')                                                                       \
    X(ATAN2, "atan2", 'o')                                                                         \
    X(AVG, "avg", 'a')                                                                             \
    X(BOTTOMK, "bottomk", 'a')                                                                     \
    X(COUNT, "count", 'a')                                                                         \
    X(COUNT_VALUES, "count_values", 'a')                                                           \
    X(GROUP, "group", 'a')                                                                         \
    X(LIMITK, "limitk", 'a')                                                                       \
    X(LIMIT_RATIO, "limit_ratio", 'a')                                                             \
    X(MAX, "max", 'a')                                                                             \
    X(MIN, "min", 'a')                                                                             \
    X(QUANTILE, "quantile", 'a')                                                                   \
    X(STDDEV, "stddev", 'a')                                                                       \
    X(STDVAR, "stdvar", 'a')                                                                       \
    X(SUM, "sum", 'a')                                                                             \
    X(TOPK, "topk", 'a')                                                                           \
    X(OFFSET, "offset", 'k')                                                                       \
    X(SMOOTHED, "smoothed", 'k')                                                                   \
    X(ANCHORED, "anchored", 'k')                                                                   \
    X(BY, "by", 'k')                                                                               \
    X(WITHOUT, "without", 'k')                                                                     \
    X(ON, "on", 'k')                                                                               \
    X(IGNORING, "ignoring", 'k')                                                                   \
    X(GROUP_LEFT, "group_left", 'k')                                                               \
    X(GROUP_RIGHT, "group_right", 'k')                                                             \
    X(FILL, "fill", 'k')                                                                           \
    X(FILL_LEFT, "fill_left", 'k')                                                                 \
    X(FILL_RIGHT, "fill_right", 'k')                                                               \
    X(BOOL, "bool", 'k')                                                                           \
    X(START, "start", 'w')                                                                         \
    X(END, "end", 'w')                                                                             \
    X(STEP, "step", 'w')                                                                           \
    X(RANGE, "range", 'w')                                                                         \
    X(MIN_OF, "min_of", 'w')                                                                       \
    X(MAX_OF, "max_of", 'w')
/* clang-format on */

typedef enum PromTokenKind {
#define X(id, text, class) PROM_TOKEN_##id,
    PROM_TOKEN_LIST(X)
#undef X
        PROM_TOKEN_COUNT_
} PromTokenKind;

typedef struct PromToken {
    PromTokenKind kind;
    uint32_t start; /* byte offset */
    uint32_t end;
} PromToken;

typedef enum PromLexState {
    PROM_LEX_STATEMENTS,
    PROM_LEX_BRACES,
    PROM_LEX_DURATION, /* inside brackets */
    PROM_LEX_ENDED,
} PromLexState;

typedef struct PromLexer {
    Str text;
    uint32_t pos;   /* next byte */
    uint32_t start; /* where the token began */
    uint32_t width; /* of the last rune read */
    PromLexState state;
    int32_t paren_depth;
    bool brace_open;
    bool bracket_open;
    bool got_colon;
    bool got_duration;
    char error[512]; /* set with PROM_TOKEN_ERROR */
} PromLexer;

void promql__lexer_init(PromLexer *lexer, Str text);
/* Comments are skipped. After an error or the end it returns PROM_TOKEN_EOF for ever. */
PromToken promql__lexer_next(PromLexer *lexer);
/* "identifier \"foo\"", "<by>", "end of input": how error texts call a token. */
void promql__token_describe(Str text, PromToken token, Buf *out);
/* PROM_TOKEN_LIST's text. */
const char *promql__token_text(PromTokenKind kind);
char promql__token_class(PromTokenKind kind);

#endif

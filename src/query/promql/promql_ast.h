/* promql_ast.h - the tree of a PromQL expression.
 *
 * Nodes live in the arena given to promql_parse and borrow nothing from the text. Positions are
 * byte offsets into the text, [start, end). Immutable after promql_parse, except that
 * promql_resolve_durations fills in the durations that depend on the query's times.
 */
#ifndef LUMA_QUERY_PROMQL_PROMQL_AST_H
#define LUMA_QUERY_PROMQL_PROMQL_AST_H

#include "base/label.h"
#include "query/func/promql_func.h"

typedef enum PromType {
    PROM_TYPE_NONE,
    PROM_TYPE_SCALAR,
    PROM_TYPE_STRING,
    PROM_TYPE_VECTOR,
    PROM_TYPE_MATRIX,
} PromType;

typedef enum PromExprKind {
    PROM_NUMBER,
    PROM_STRING,
    PROM_SELECTOR, /* instant vector selector */
    PROM_RANGE,    /* selector[range] */
    PROM_SUBQUERY, /* expr[range:step] */
    PROM_CALL,
    PROM_AGGREGATE,
    PROM_BINARY,
    PROM_UNARY,
    PROM_PAREN,
} PromExprKind;

/* An arithmetic expression where a duration stands. */
typedef enum PromDurationOp {
    PROM_DUR_NUMBER,
    PROM_DUR_ADD,
    PROM_DUR_SUB,
    PROM_DUR_MUL,
    PROM_DUR_DIV,
    PROM_DUR_MOD,
    PROM_DUR_POW,
    PROM_DUR_NEG,
    PROM_DUR_PLUS, /* a parenthesised literal, or a sign before one */
    PROM_DUR_STEP,
    PROM_DUR_RANGE,
    PROM_DUR_MIN,
    PROM_DUR_MAX,
} PromDurationOp;

typedef struct PromDuration {
    PromDurationOp op;
    bool wrapped;     /* stood in parentheses */
    bool is_duration; /* the literal had units */
    double seconds;   /* PROM_DUR_NUMBER */
    struct PromDuration *left;
    struct PromDuration *right;
    uint32_t start;
    uint32_t end;
    uint32_t depth;
} PromDuration;

typedef enum PromAt { PROM_AT_NONE, PROM_AT_TIME, PROM_AT_START, PROM_AT_END } PromAt;

/* Modifiers of selectors and subqueries. */
typedef struct PromTimeMod {
    int64_t offset_ms;
    PromDuration *offset_expr; /* NULL = literal */
    bool has_offset;
    PromAt at;
    int64_t at_ms; /* PROM_AT_TIME */
} PromTimeMod;

typedef struct PromExpr PromExpr;
struct PromExpr {
    PromExprKind kind;
    PromType type;
    uint32_t start;
    uint32_t end;
    uint32_t depth; /* 1 + the deepest child's */
    union {
        struct {
            double value;
            bool is_duration; /* 5m instead of 300 */
        } number;
        Str string;
        struct {
            Str name;               /* empty when it stood inside the braces, or nowhere */
            LabelMatcher *matchers; /* the one for `name` comes last */
            uint32_t matcher_count;
            PromTimeMod mod;
            bool anchored;
            bool smoothed;
            bool any_matcher; /* second argument of info(): may select everything */
        } selector;
        struct {
            PromExpr *selector;
            int64_t range_ms;
            PromDuration *range_expr; /* NULL = literal */
        } range;
        struct {
            PromExpr *expr;
            int64_t range_ms;
            PromDuration *range_expr;
            int64_t step_ms; /* 0 = the default step */
            PromDuration *step_expr;
            PromTimeMod mod;
        } subquery;
        struct {
            PromFunc func;
            PromExpr **args;
            uint32_t arg_count;
        } call;
        struct {
            PromAgg op;
            PromExpr *expr;
            PromExpr *param; /* NULL = none */
            const Str *grouping;
            uint32_t grouping_count;
            bool without;
        } agg;
        struct {
            PromBinaryOp op;
            PromExpr *left;
            PromExpr *right;
            bool return_bool;
            bool has_matching; /* both sides are vectors */
            PromMatching matching;
        } binary;
        struct {
            bool negate;
            PromExpr *expr;
        } unary;
        PromExpr *paren;
    };
};

/* "instant vector", "range vector", "scalar", "string" */
const char *prom_type_name(PromType type);
/* "vector", "matrix", "scalar", "string": as in the API's resultType. */
const char *prom_type_api_name(PromType type);
/* Without the parentheses around it. */
const PromExpr *prom_expr_unwrap(const PromExpr *expr);

#endif

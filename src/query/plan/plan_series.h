/* plan_series.h - the operators of series plans, what PLAN_SERIES nodes carry.
 *
 * A series node yields series batches (exec/series_batch.h): one row per series, a value per step
 * of the evaluation grid. Inputs are PlanNode.children; `params` are further inputs that are
 * scalars (one unlabelled row, a value at every step). Times and durations are milliseconds.
 *
 * The tree is read-only once lowered, and shared by the threads that run it.
 */
#ifndef LUMA_QUERY_PLAN_PLAN_SERIES_H
#define LUMA_QUERY_PLAN_PLAN_SERIES_H

#include "query/func/promql_func.h"
#include "query/plan/plan.h"

typedef enum SeriesKind {
    SERIES_NUMBER,       /* scalar: `number` at every step */
    SERIES_TIME,         /* scalar: the step's time in seconds */
    SERIES_SELECT,       /* instant selector */
    SERIES_RANGE_SELECT, /* selector[range]: input of SERIES_RANGE_CALL, or the root */
    SERIES_SUBQUERY,     /* child[range:step]: likewise */
    SERIES_RANGE_CALL,   /* rate, sum_over_time, ... of child 0 with params */
    SERIES_MAP,          /* value by value: abs, clamp, round, hour, unary minus, ... */
    SERIES_TIMESTAMP,    /* timestamp() of anything but a selector */
    SERIES_LABEL_CALL,   /* label_replace, label_join */
    SERIES_BUCKET_CALL,  /* histogram_quantile, histogram_fraction, histogram_quantiles */
    SERIES_SORT,         /* sort*, only the order of an instant result */
    SERIES_SCALAR_OF,    /* scalar(v) */
    SERIES_VECTOR_OF,    /* vector(s) */
    SERIES_ABSENT,       /* absent(v), absent_over_time(m) over a present_over_time child */
    SERIES_INFO,         /* info(v, selector) */
    SERIES_AGGREGATE,    /* sum by (...) and the like; topk's k is param 0 */
    SERIES_BINARY,       /* child 0 op child 1 */
    SERIES_FIXED,        /* child does not depend on the step: run once, repeated */
} SeriesKind;

/* What an instant selector yields. */
typedef enum SeriesWhat {
    SERIES_WHAT_VALUE,
    SERIES_WHAT_TIMESTAMP,       /* of the sample, seconds: timestamp(selector) */
    SERIES_WHAT_START_TIMESTAMP, /* start_timestamp(selector) */
} SeriesWhat;

struct SeriesPlan {
    SeriesKind kind;
    uint32_t position;     /* byte offset in the query text, for annotations */
    uint32_t arg_position; /* of the (first, or range) argument */
    bool scalar;           /* yields one unlabelled row with a value at every step */

    double number; /* SERIES_NUMBER */

    /* SERIES_SELECT, SERIES_RANGE_SELECT; SERIES_SUBQUERY has the times, too */
    const LabelMatcher *matchers;
    uint32_t matcher_count;
    int64_t offset_ms;
    bool has_at;
    int64_t at_ms;    /* @ time */
    int64_t range_ms; /* SERIES_RANGE_SELECT, SERIES_SUBQUERY */
    int64_t step_ms;  /* SERIES_SUBQUERY */
    bool anchored;
    bool smoothed;
    SeriesWhat what;

    PromFunc func; /* calls */
    PlanNode **params;
    const uint32_t *param_positions;
    uint32_t param_count;
    const Str *strings; /* string arguments in order */
    uint32_t string_count;
    LabelSet absent_labels; /* SERIES_ABSENT: labels of the row it makes up */
    bool negate;            /* SERIES_MAP: unary minus; func does not count */

    PromAgg agg; /* SERIES_AGGREGATE */
    const Str *grouping;
    uint32_t grouping_count;
    bool without;

    PromBinaryOp op; /* SERIES_BINARY */
    bool return_bool;
    PromMatching matching; /* between two vectors */
};

/* A PLAN_SERIES node with an empty SeriesPlan. */
PlanNode *series_plan_new(Arena *arena, SeriesKind kind, uint32_t position);
/* "SeriesAggregate", ... */
const char *series_kind_name(SeriesKind kind);
/* One line about the node without its inputs: "Aggregate sum by (job)". */
void series_plan_describe(const SeriesPlan *plan, Buf *out);
/* EXPLAIN of a series tree: one node a line, indented. */
void series_plan_explain(const PlanNode *node, int indent, Buf *out);
/* Invariants of a series tree; INTERNAL names the broken node. */
Status series_plan_verify(const PlanNode *node, Error *err);

#endif

/* own_spans.h - queries as spans of the table traces, service "lumadb": slow and failed ones, and a
 * few of the others each second. A span has the statement, its plan with rows and times per
 * operator, and the time of each phase as attributes (names of OpenTelemetry's semantic conventions
 * for databases where there are any).
 */
#ifndef LUMA_SERVER_OWN_SPANS_H
#define LUMA_SERVER_OWN_SPANS_H

#include "query/query.h"
#include "server/row_queue.h"

typedef struct OwnSpans {
    RowQueue *queue;
    int64_t slow_ns;    /* queries that take as long are always kept */
    int64_t per_second; /* of the others */
    int64_t second;     /* atomic: which one `kept` counts for */
    int64_t kept;       /* atomic */
} OwnSpans;

/* The queue of *ret_spans is row_queue_free's. */
Status own_spans_init(OwnSpans *spans, Engine *engine, int64_t slow_ns, int64_t per_second,
                      Error *err);
/* QueryOptions.wants_report and on_report; ctx is the OwnSpans. */
bool own_spans_want(void *ctx, int64_t duration_ns, bool failed);
void own_spans_add(void *ctx, const QueryReport *report);

#endif

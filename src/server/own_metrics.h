/* own_metrics.h - LumaDB's own metrics: the counters of base/counter.h and what is computed when
 * asked. Rendered at /metrics, and stored in LumaDB itself every self.interval.
 */
#ifndef LUMA_SERVER_OWN_METRICS_H
#define LUMA_SERVER_OWN_METRICS_H

#include "base/buf.h"
#include "base/thread.h"
#include "net/admission/gate.h"
#include "storage/engine/engine.h"

/* What the computed values are read from; everything outlives the readers. */
typedef struct OwnMetricsSource {
    Engine *engine;
    MemBudget *hot;
    MemBudget *queries;
    Pool *query_pool;
    Pool *ingest_pool;
    Gate *gate;
    int64_t start_wall_ns;
} OwnMetricsSource;

/* Appends the text exposition format 0.0.4. Any thread. */
void own_metrics_render(const OwnMetricsSource *source, Buf *out);

typedef struct OwnMetricsWriter OwnMetricsWriter;

/* Starts the thread that writes them as series with job="lumadb" and this instance label. */
Status own_metrics_start(const OwnMetricsSource *source, int64_t interval_ns, Str instance,
                         OwnMetricsWriter **ret_writer, Error *err);
/* Waits for the thread. NULL is fine; returns NULL. */
OwnMetricsWriter *own_metrics_stop(OwnMetricsWriter *writer);

#endif

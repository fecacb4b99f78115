/* ingest.h - decoded requests become a WriteBatch.
 *
 * A decoder reads one request body into a batch that is not yet submitted. A body that is not what
 * it says stores nothing: the decoder fails with INVALID and the caller frees the batch. Otherwise
 * every valid item is in the batch and the others are counted by reason in an IngestTally, which
 * the protocol turns into its own kind of answer.
 *
 * Threads: a batch and its tally belong to one thread; decoding is long work for a pool.
 */
#ifndef LUMA_INGEST_INGEST_H
#define LUMA_INGEST_INGEST_H

#include "storage/engine/engine.h"

/* X(id, text, counter): why an item was refused. */
#define INGEST_REASON_LIST(X)                                                                      \
    X(LABELS, "bad label set", REFUSED_LABELS)                                                     \
    X(TIMESTAMP, "timestamp out of range", REFUSED_TIMESTAMP)                                      \
    X(HISTOGRAM, "bad native histogram", REFUSED_HISTOGRAM)                                        \
    X(EXEMPLAR, "bad exemplar", REFUSED_EXEMPLAR)                                                  \
    X(METADATA, "bad metadata", REFUSED_METADATA)                                                  \
    X(METRIC, "bad metric", REFUSED_METRIC)                                                        \
    X(ID, "bad trace or span id", REFUSED_ID)

typedef enum IngestReason {
#define X(id, text, counter) INGEST_REASON_##id,
    INGEST_REASON_LIST(X)
#undef X
        INGEST_REASON_COUNT_
} IngestReason;

typedef struct IngestTally {
    uint64_t samples; /* stored: floats, staleness markers included */
    uint64_t histograms;
    uint64_t exemplars;
    uint64_t metadata;
    uint64_t rows;
    uint64_t refused[INGEST_REASON_COUNT_]; /* items left out, by reason */
    char first_refusal[400];                /* what the first of them was, "" = none */
} IngestTally;

uint64_t ingest_refused_total(const IngestTally *tally);
/* Counts one refusal (and in /metrics); the first one keeps its text. */
void ingest_refuse(IngestTally *tally, IngestReason reason, uint64_t items, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "3 of 10 items were refused (2 bad label set, 1 timestamp out of range), the others are stored;
 * first: ..." */
void ingest_describe_refusals(const IngestTally *tally, Buf *out);

/* Timestamps that our timestamptz can hold, in ms since 1970: from PostgreSQL's first day,
 * 4714-11-24 BC (postgres datatype/timestamp.h), up to what 64 bits of microseconds reach, in the
 * year 294247. */
#define INGEST_TS_MIN_MS INT64_C(-210866803200000)
#define INGEST_TS_MAX_MS INT64_C(9223372036854774)
static inline bool ingest_ts_valid(int64_t ts_ms)
{
    return ts_ms >= INGEST_TS_MIN_MS && ts_ms <= INGEST_TS_MAX_MS;
}

/* Remote write 1.0: a prometheus.WriteRequest (prometheus/prometheus prompb/remote.proto,
 * types.proto), decompressed. INVALID when it is no such message; UNAVAILABLE and LIMIT pass
 * through. */
Status remote_write_decode(WriteBatch *batch, Str message, IngestTally *tally, Error *err);
/* Remote write 2.0: an io.prometheus.write.v2.Request, likewise. */
Status remote_write2_decode(WriteBatch *batch, Str message, IngestTally *tally, Error *err);

#endif

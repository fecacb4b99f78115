/* counter.h - LumaDB's own metrics, each listed once here and exported at /metrics.
 *
 * X(id, name, kind, labels, help): `name` is the exported family, `labels` the fixed label text of
 * this member ("" or `reason="x"`), kind is COUNTER, GAUGE, or NANOSECONDS (a
 * counter that is kept in nanoseconds and exported in seconds). Members of one family stand
 * together. Values that are computed when asked (memory, queue lengths) are added by the server
 * when it renders. Threads: relaxed atomics, each on a cache line of its own.
 */
#ifndef LUMA_BASE_COUNTER_H
#define LUMA_BASE_COUNTER_H

#include <stdint.h>

/* clang-format off */
#define COUNTER_LIST(X)                                                                            \
    X(WAL_ENTRIES, "lumadb_wal_entries_total", COUNTER, "", "Entries appended to the write-ahead log.") \
    X(WAL_BYTES, "lumadb_wal_written_bytes_total", COUNTER, "", "Bytes appended to the write-ahead log.") \
    X(WAL_SYNCS, "lumadb_wal_syncs_total", COUNTER, "", "Calls of fdatasync on write-ahead log segments.") \
    X(WAL_SYNC_NS, "lumadb_wal_sync_seconds_total", NANOSECONDS, "", "Time spent in fdatasync of the write-ahead log.") \
    X(WAL_FAILURES, "lumadb_wal_failures_total", COUNTER, "", "Failed writes or syncs of the write-ahead log; any stops ingestion.") \
    X(SAMPLES_STORED, "lumadb_samples_stored_total", COUNTER, "", "Samples acknowledged and stored.") \
    X(HISTOGRAMS_STORED, "lumadb_histograms_stored_total", COUNTER, "", "Native histogram samples acknowledged and stored.") \
    X(ROWS_STORED, "lumadb_rows_stored_total", COUNTER, "", "Rows acknowledged and stored in tables.") \
    X(SERIES_CREATED, "lumadb_series_created_total", COUNTER, "", "Series registered.") \
    X(SCRAPES_GOOD, "lumadb_scrapes_total", COUNTER, "result=\"good\"", "Scrapes of targets by result.") \
    X(SCRAPES_FAILED, "lumadb_scrapes_total", COUNTER, "result=\"failed\"", "Scrapes of targets by result.") \
    X(SCRAPES_SKIPPED, "lumadb_scrapes_skipped_total", COUNTER, "", "Turns a target skipped because its last scrape was still under way.") \
    X(SCRAPES_UNSTORED, "lumadb_scrapes_unstored_total", COUNTER, "", "Scrapes whose samples could not be stored.") \
    X(REFUSED_LABELS, "lumadb_ingest_refused_total", COUNTER, "reason=\"labels\"", "Items of write requests that were refused while the others were stored.") \
    X(REFUSED_TIMESTAMP, "lumadb_ingest_refused_total", COUNTER, "reason=\"timestamp\"", "Items of write requests that were refused while the others were stored.") \
    X(REFUSED_HISTOGRAM, "lumadb_ingest_refused_total", COUNTER, "reason=\"histogram\"", "Items of write requests that were refused while the others were stored.") \
    X(REFUSED_EXEMPLAR, "lumadb_ingest_refused_total", COUNTER, "reason=\"exemplar\"", "Items of write requests that were refused while the others were stored.") \
    X(REFUSED_METADATA, "lumadb_ingest_refused_total", COUNTER, "reason=\"metadata\"", "Items of write requests that were refused while the others were stored.") \
    X(REFUSED_METRIC, "lumadb_ingest_refused_total", COUNTER, "reason=\"metric\"", "Items of write requests that were refused while the others were stored.") \
    X(REFUSED_ID, "lumadb_ingest_refused_total", COUNTER, "reason=\"id\"", "Items of write requests that were refused while the others were stored.") \
    X(TEXTS_REPAIRED, "lumadb_ingest_texts_repaired_total", COUNTER, "", "Texts that held malformed UTF-8 or U+0000, which became U+FFFD.") \
    X(OTLP_ACCEPTED_METRICS, "lumadb_otlp_accepted_total", COUNTER, "signal=\"metrics\"", "Samples, log records and spans stored from OTLP.") \
    X(OTLP_ACCEPTED_LOGS, "lumadb_otlp_accepted_total", COUNTER, "signal=\"logs\"", "Samples, log records and spans stored from OTLP.") \
    X(OTLP_ACCEPTED_TRACES, "lumadb_otlp_accepted_total", COUNTER, "signal=\"traces\"", "Samples, log records and spans stored from OTLP.") \
    X(OTLP_REFUSED_METRICS, "lumadb_otlp_refused_total", COUNTER, "signal=\"metrics\"", "Data points, log records and spans refused by OTLP partial success.") \
    X(OTLP_REFUSED_LOGS, "lumadb_otlp_refused_total", COUNTER, "signal=\"logs\"", "Data points, log records and spans refused by OTLP partial success.") \
    X(OTLP_REFUSED_TRACES, "lumadb_otlp_refused_total", COUNTER, "signal=\"traces\"", "Data points, log records and spans refused by OTLP partial success.") \
    X(OTLP_UNDECODABLE, "lumadb_otlp_failed_requests_total", COUNTER, "reason=\"undecodable\"", "OTLP requests of which nothing was stored.") \
    X(OTLP_UNAVAILABLE, "lumadb_otlp_failed_requests_total", COUNTER, "reason=\"unavailable\"", "OTLP requests of which nothing was stored.") \
    X(CONNECTIONS_OPENED, "lumadb_connections_opened_total", COUNTER, "", "Connections accepted on any listener.") \
    X(CONNECTIONS_OPEN, "lumadb_connections_open", GAUGE, "", "Connections open now.") \
    X(CONNECTIONS_REFUSED_FULL, "lumadb_connections_refused_total", COUNTER, "reason=\"full\"", "Connections closed at accept.") \
    X(CONNECTIONS_REFUSED_ACCESS, "lumadb_connections_refused_total", COUNTER, "reason=\"access\"", "Connections closed at accept.") \
    X(CONNECTIONS_CUT, "lumadb_connections_cut_total", COUNTER, "reason=\"timeout\"", "Connections closed because the client was silent, too slow, or did not read.") \
    X(LOGINS_GOOD, "lumadb_logins_total", COUNTER, "result=\"good\"", "Credentials that were checked.") \
    X(LOGINS_FAILED, "lumadb_logins_total", COUNTER, "result=\"failed\"", "Credentials that were checked.") \
    X(ADMISSION_REFUSED_BANNED, "lumadb_admission_refused_total", COUNTER, "reason=\"banned\"", "Connections and requests refused by admission.") \
    X(ADMISSION_REFUSED_ADDRESS, "lumadb_admission_refused_total", COUNTER, "reason=\"connections\"", "Connections and requests refused by admission.") \
    X(ADMISSION_REFUSED_QUERIES, "lumadb_admission_refused_total", COUNTER, "reason=\"queries\"", "Connections and requests refused by admission.") \
    X(ADMISSION_BANS, "lumadb_admission_bans_total", COUNTER, "", "Addresses banned for failed logins or too many queries.") \
    X(OWN_LOGS_DROPPED, "lumadb_own_logs_dropped_total", COUNTER, "", "Own log lines that could not be stored.") \
    X(OWN_SPANS_DROPPED, "lumadb_own_spans_dropped_total", COUNTER, "", "Spans of queries that could not be stored.") \
    X(AUDIT_DROPPED, "lumadb_audit_dropped_total", COUNTER, "", "Records of the audit log that could not be kept.") \
    X(TLS_HANDSHAKES, "lumadb_tls_handshakes_total", COUNTER, "", "TLS handshakes completed.") \
    X(TLS_FAILURES, "lumadb_tls_failures_total", COUNTER, "", "TLS sessions that failed in or after the handshake.") \
    X(NET_READ_BYTES, "lumadb_net_read_bytes_total", COUNTER, "", "Bytes read from clients.") \
    X(NET_WRITTEN_BYTES, "lumadb_net_written_bytes_total", COUNTER, "", "Bytes written to clients.") \
    X(HTTP_REQUESTS, "lumadb_http_requests_total", COUNTER, "", "HTTP requests answered.") \
    X(HTTP_BAD_REQUESTS, "lumadb_http_bad_requests_total", COUNTER, "", "HTTP requests refused by the parser or its limits.") \
    X(HTTP_RESPONSES_2XX, "lumadb_http_responses_total", COUNTER, "code=\"2xx\"", "HTTP responses by class of status.") \
    X(HTTP_RESPONSES_3XX, "lumadb_http_responses_total", COUNTER, "code=\"3xx\"", "HTTP responses by class of status.") \
    X(HTTP_RESPONSES_4XX, "lumadb_http_responses_total", COUNTER, "code=\"4xx\"", "HTTP responses by class of status.") \
    X(HTTP_RESPONSES_5XX, "lumadb_http_responses_total", COUNTER, "code=\"5xx\"", "HTTP responses by class of status.") \
    X(HTTP2_CONNECTIONS, "lumadb_http2_connections_total", COUNTER, "", "Connections that spoke HTTP/2.") \
    X(HTTP2_STREAMS, "lumadb_http2_streams_total", COUNTER, "", "HTTP/2 streams opened by clients.") \
    X(HTTP2_BAD_FRAMES, "lumadb_http2_bad_frames_total", COUNTER, "", "HTTP/2 frames that broke the protocol.") \
    X(HTTP2_FLOODS_RESET, "lumadb_http2_floods_total", COUNTER, "kind=\"reset\"", "HTTP/2 connections closed because the client wore them out.") \
    X(HTTP2_FLOODS_FRAME, "lumadb_http2_floods_total", COUNTER, "kind=\"frame\"", "HTTP/2 connections closed because the client wore them out.") \
    X(HTTP2_FLOODS_HEADER, "lumadb_http2_floods_total", COUNTER, "kind=\"header\"", "HTTP/2 connections closed because the client wore them out.") \
    X(HTTP2_STREAMS_CANCELLED, "lumadb_http2_streams_cut_total", COUNTER, "reason=\"cancelled\"", "HTTP/2 streams that ended before their answer had left.") \
    X(HTTP2_STREAMS_STALLED, "lumadb_http2_streams_cut_total", COUNTER, "reason=\"stalled\"", "HTTP/2 streams that ended before their answer had left.") \
    X(HTTP2_STREAMS_DELAYED, "lumadb_http2_streams_delayed_total", COUNTER, "", "HTTP/2 requests that waited until the client had taken earlier answers.") \
    X(GRPC_CALLS, "lumadb_grpc_calls_total", COUNTER, "", "gRPC calls whose message reached a handler.") \
    X(GRPC_CALLS_FAILED, "lumadb_grpc_calls_failed_total", COUNTER, "", "gRPC calls that were answered with another status than OK.") \
    X(GRPC_DEADLINES_EXCEEDED, "lumadb_grpc_deadlines_exceeded_total", COUNTER, "", "gRPC calls that were not answered before their deadline.") \
    X(PG_QUERIES, "lumadb_postgres_queries_total", COUNTER, "", "Statements run over the PostgreSQL protocol.") \
    X(PG_BAD_MESSAGES, "lumadb_postgres_bad_messages_total", COUNTER, "", "PostgreSQL messages that broke the protocol.") \
    X(QUERIES_SQL, "lumadb_queries_total", COUNTER, "language=\"sql\"", "Queries started.") \
    X(QUERIES_PROMQL, "lumadb_queries_total", COUNTER, "language=\"promql\"", "Queries started.") \
    X(QUERIES_FAILED, "lumadb_queries_failed_total", COUNTER, "", "Queries that ended with an error.") \
    X(QUERIES_CANCELLED, "lumadb_queries_cancelled_total", COUNTER, "", "Queries ended by a client or a timeout.")
/* clang-format on */

typedef enum CounterId {
#define X(id, name, kind, labels, help) COUNTER_##id,
    COUNTER_LIST(X)
#undef X
        COUNTER_COUNT_
} CounterId;

typedef enum CounterKind {
    COUNTER_KIND_COUNTER,
    COUNTER_KIND_GAUGE,
    COUNTER_KIND_NANOSECONDS
} CounterKind;

typedef struct CounterInfo {
    const char *name;
    const char *labels;
    const char *help;
    CounterKind kind;
} CounterInfo;

extern const CounterInfo counter_infos[COUNTER_COUNT_];

typedef struct CounterCell {
    int64_t value; /* atomic: relaxed */
    char pad[56];
} CounterCell;
extern CounterCell counter_cells[COUNTER_COUNT_];

static inline void counter_add(CounterId id, int64_t n)
{
    __atomic_fetch_add(&counter_cells[id].value, n, __ATOMIC_RELAXED);
}
static inline int64_t counter_get(CounterId id)
{
    return __atomic_load_n(&counter_cells[id].value, __ATOMIC_RELAXED);
}

#endif

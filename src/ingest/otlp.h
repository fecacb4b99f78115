/* otlp.h - OpenTelemetry's three signals into storage (opentelemetry-proto, OTLP 1.x).
 *
 *   ExportLogsServiceRequest     -> rows of public.logs
 *   ExportTraceServiceRequest    -> rows of public.traces
 *   ExportMetricsServiceRequest  -> series, by the translation of Prometheus' OTLP receiver
 *
 * Protobuf is decoded straight into columns; JSON is turned into protobuf first, so that there is
 * one decoder. Every valid item is stored, the others are counted; a body that cannot be decoded
 * stores nothing. docs/protocols.md says what becomes of each field.
 */
#ifndef LUMA_INGEST_OTLP_H
#define LUMA_INGEST_OTLP_H

#include "ingest/ingest.h"

typedef enum OtlpSignal { OTLP_METRICS, OTLP_LOGS, OTLP_TRACES, OTLP_SIGNAL_COUNT_ } OtlpSignal;

/* Prometheus' otlp.translation_strategy. */
typedef enum OtlpTranslation {
    OTLP_UNDERSCORES_WITH_SUFFIXES, /* UnderscoreEscapingWithSuffixes */
    OTLP_UNDERSCORES,               /* UnderscoreEscapingWithoutSuffixes */
    OTLP_UTF8_WITH_SUFFIXES,        /* NoUTF8EscapingWithSuffixes */
    OTLP_NO_TRANSLATION,            /* NoTranslation */
} OtlpTranslation;

/* False when it is none of the four names. */
bool otlp_translation_parse(Str name, OtlpTranslation *ret_translation);

typedef struct OtlpOptions {
    OtlpTranslation translation;
    const Str *promote; /* resource attributes that become labels; copied */
    uint32_t promote_count;
    bool promote_scope;         /* otel_scope_name, otel_scope_version ... as labels */
    uint32_t delta_streams_max; /* accumulators kept at a time; 0 = 1,000,000 */
    MemBudget *budget;          /* for them and for decoding; NULL = not counted */
} OtlpOptions;

typedef struct OtlpIngest OtlpIngest;

/* `engine` is borrowed. */
OtlpIngest *otlp_ingest_new(Engine *engine, const OtlpOptions *options);
/* When no write is under way. NULL is fine; returns NULL. */
OtlpIngest *otlp_ingest_free(OtlpIngest *ingest);

/* One request. The caller fills the first part and keeps all of it, and the message, until
 * on_done; otlp_write_done frees what is inside. */
typedef struct OtlpWrite {
    OtlpSignal signal;
    bool json;   /* OTLP/JSON, else protobuf */
    Str message; /* decompressed */
    /* INVALID: the body cannot be decoded, nothing is stored. UNAVAILABLE, LIMIT, IO: not now. OK:
     * durable and visible; `tally` says what was refused. On any thread, short. */
    void (*on_done)(struct OtlpWrite *write, Status status, const Error *err);

    IngestTally tally;
    uint64_t refused; /* data points, log records or spans: for partial success */

    OtlpIngest *ingest;    /* private */
    Buf protobuf;          /* private: what JSON became */
    SeriesRef *delta_refs; /* private: accumulators this request moved */
    size_t delta_count;
    size_t delta_cap;
    int64_t charged_bytes; /* private */
} OtlpWrite;

/* Decodes and writes. Long work for a pool; on_done may come before it returns. */
void otlp_write(OtlpIngest *ingest, OtlpWrite *write);
void otlp_write_done(OtlpWrite *write);

/* ---- parts that tests and fuzz targets call ---- */

/* Decodes one request into a batch. Texts of rows borrow from `message`, which must outlive the
 * batch. `write` gets the tally. */
Status otlp_decode(OtlpIngest *ingest, WriteBatch *batch, OtlpWrite *write, Str message,
                   Error *err);
/* OTLP/JSON (camelCase or original names, ids in hex, 64-bit integers as strings or numbers, enums
 * as numbers or names, unknown fields ignored) as protobuf bytes. INVALID says where. */
Status otlp_json_to_protobuf(OtlpSignal signal, Str json, Buf *out, Error *err);

#endif

/* otlp_int.h - what the decoders of the OTLP signals share. Private to this folder.
 *
 * Field numbers are those of opentelemetry-proto's common.proto, resource.proto, logs.proto,
 * trace.proto and metrics.proto.
 */
#ifndef LUMA_INGEST_OTLP_INT_H
#define LUMA_INGEST_OTLP_INT_H

#include "base/hash.h"
#include "format/protobuf/protobuf.h"
#include "ingest/otlp.h"
#include "ingest/otlp_text.h"

enum { OTLP_VALUE_DEPTH_MAX = 64 }; /* of arrays and maps inside each other */

/* A KeyValue of the message: both parts borrowed. */
typedef struct OtlpAttribute {
    Str key;
    Str value; /* the bytes of an AnyValue */
    uint32_t idx;
} OtlpAttribute;

/* How values are written. */
typedef enum OtlpStyle {
    OTLP_STYLE_JSONB, /* as PostgreSQL prints jsonb: keys by length, blanks after ':' and ',' */
    OTLP_STYLE_GO,    /* as Go's encoder: keys by bytes, no blanks; for label values */
} OtlpStyle;

/* Attributes of the objects under construction: a stack, an inner object above the outer one. */
typedef struct OtlpAttributes {
    OtlpAttribute *items;
    uint32_t count;
    uint32_t cap;
} OtlpAttributes;

typedef struct OtlpDecoder {
    OtlpIngest *ingest;
    WriteBatch *batch;
    OtlpWrite *write;
    IngestTally *tally;
    OtlpText text; /* in the batch's arena */
    OtlpAttributes attributes;
    Arena work;     /* what the request needs while it is decoded */
    Arena scratch;  /* what one series, exemplar or histogram needs */
    OtlpText scrap; /* in `scratch` */
    bool locked;    /* holds the lock of the deltas */
    int64_t now_ns; /* when the request came: for items without any time */
    Error *err;
} OtlpDecoder;

/* INVALID: "the body is not a valid OTLP request: what". */
Status otlp__malformed(OtlpDecoder *d, const char *what);

/* ---- otlp_value.c ---- */

/* Pushes a KeyValue message. */
Status otlp__push_attribute(OtlpDecoder *d, Str message);
/* Pushes every KeyValue of field `number` in `message`. */
Status otlp__push_attributes(OtlpDecoder *d, Str message, uint32_t number);
/* Writes the attributes from `base` on as a JSON object and pops them. Of equal keys the last one
 * wins. A count that is not zero becomes "otel.dropped_attributes_count", the name the
 * specification gives it outside of OTLP. */
Status otlp__put_object(OtlpDecoder *d, OtlpText *out, uint32_t base, OtlpStyle style,
                        uint32_t dropped, uint32_t depth);
/* Writes an AnyValue as JSON. */
Status otlp__put_value(OtlpDecoder *d, OtlpText *out, Str value, OtlpStyle style, uint32_t depth);
/* An AnyValue as plain text: strings as they are, the others as Go's encoder prints them. The text
 * under construction must be empty. */
Status otlp__put_plain_value(OtlpDecoder *d, OtlpText *out, Str value);

typedef enum OtlpValueKind {
    OTLP_VALUE_NONE,
    OTLP_VALUE_STRING,
    OTLP_VALUE_BOOL,
    OTLP_VALUE_INT,
    OTLP_VALUE_DOUBLE,
    OTLP_VALUE_ARRAY,
    OTLP_VALUE_MAP,
    OTLP_VALUE_BYTES,
} OtlpValueKind;

/* Which member of the AnyValue is set, and the field. */
Status otlp__value(OtlpDecoder *d, Str value, OtlpValueKind *ret_kind, PbField *ret_field);

/* ---- otlp_rows.c: resources, scopes and records of logs and traces ---- */

/* A column that a decoder fills. */
typedef struct OtlpColumn {
    const char *name;
    Type type;
    bool not_null;
} OtlpColumn;

/* The columns that it fills, in the order of its numbers for them. */
typedef struct OtlpLayout {
    const OtlpColumn *columns;
    uint32_t count;
} OtlpLayout;

typedef struct OtlpRows {
    RecordBatch batch; /* the columns of the layout */
    uint32_t row;      /* the next one */
    View resource;     /* of the records that follow */
    View service;
    bool has_service;
    View scope;
} OtlpRows;

/* Decodes one record into row `rows->row`; moves on to the next one unless it is refused. */
typedef Status (*OtlpRecord)(OtlpDecoder *d, OtlpRows *rows, Str message);

/* Walks an Export…ServiceRequest of logs or traces into rows of the table. Columns of the table
 * that the layout does not have are NULL. */
Status otlp__rows(OtlpDecoder *d, const Table *table, const OtlpLayout *layout, Str message,
                  OtlpRecord record);

static inline void *otlp__column(OtlpRows *rows, uint32_t column)
{
    return column_values(&rows->batch.columns[column]);
}
static inline void otlp__set_null(OtlpRows *rows, uint32_t column)
{
    bit_clear(column_validity(&rows->batch.columns[column]), rows->row);
}
static inline void otlp__set_view(OtlpRows *rows, uint32_t column, View view)
{
    ((View *)otlp__column(rows, column))[rows->row] = view;
}
static inline void otlp__set_i64(OtlpRows *rows, uint32_t column, int64_t value)
{
    ((int64_t *)otlp__column(rows, column))[rows->row] = value;
}
/* A text of the message; NULL when empty. */
void otlp__set_text(OtlpDecoder *d, OtlpRows *rows, uint32_t column, Str text);
/* A trace id (16 bytes) or span id (8) in hex; NULL when it is empty or invalid. */
void otlp__set_id(OtlpDecoder *d, OtlpRows *rows, uint32_t column, Str id, size_t len);
/* Of that length and not all zero. */
bool otlp__id_valid(Str id, size_t len);

/* ---- otlp_logs.c, otlp_traces.c, otlp_metrics.c ---- */
extern const OtlpLayout otlp__log_layout;
extern const OtlpLayout otlp__span_layout;
Status otlp__log_record(OtlpDecoder *d, OtlpRows *rows, Str message);
Status otlp__span(OtlpDecoder *d, OtlpRows *rows, Str message);
Status otlp__metrics(OtlpDecoder *d, Str message);

/* ---- otlp_names.c ---- */

typedef enum OtlpMetricKind {
    OTLP_METRIC_GAUGE,
    OTLP_METRIC_SUM,     /* not monotonic */
    OTLP_METRIC_COUNTER, /* a monotonic sum */
    OTLP_METRIC_HISTOGRAM,
    OTLP_METRIC_EXPONENTIAL,
    OTLP_METRIC_SUMMARY,
} OtlpMetricKind;

/* The Prometheus name (prometheus/otlptranslator metric_namer.go); empty when nothing is left. In
 * the arena. */
Str otlp__metric_name(Str name, Str unit, OtlpMetricKind kind, OtlpTranslation translation,
                      Arena *arena);
/* The label name (label_namer.go); empty when nothing is left. Borrows or in the arena. */
Str otlp__label_name(Str name, OtlpTranslation translation, Arena *arena);

/* ---- otlp_exponential.c ---- */

/* One side of an exponential histogram, dense: counts[i] is bucket offset + i, which holds
 * (base^index, base^(index+1)]. */
typedef struct OtlpBuckets {
    double *counts;
    uint32_t count;
    int64_t offset;
} OtlpBuckets;

typedef struct OtlpExponential {
    int32_t scale;
    double zero_threshold;
    double zero_count;
    double count;
    double sum;
    OtlpBuckets sides[2]; /* positive, negative */
} OtlpExponential;

/* Halves the resolution `steps` times, in place. */
void otlp__exponential_downscale(OtlpExponential *h, uint32_t steps);
/* total += delta, at the coarser scale and the wider zero bucket of the two. New arrays lie in the
 * arena. INVALID when they would have too many buckets even at the coarsest scale. */
Status otlp__exponential_add(OtlpExponential *total, const OtlpExponential *delta, Arena *arena,
                             Error *err);
/* As a native histogram of the arena; scale -4 to 8. */
NativeHistogram otlp__exponential_native(const OtlpExponential *h, Arena *arena);
/* And back. */
OtlpExponential otlp__exponential_of_native(const NativeHistogram *h, Arena *arena);

/* ---- otlp_delta.c ---- */

typedef struct OtlpDeltas OtlpDeltas;

/* `budget` may be NULL. */
OtlpDeltas *otlp__deltas_new(Engine *engine, MemBudget *budget, uint32_t streams_max);
OtlpDeltas *otlp__deltas_free(OtlpDeltas *deltas);
/* From the first delta of a request until its batch is given to the engine, so that values are
 * stored in the order in which they were added up. Not recursive. The rest is called under it. */
void otlp__deltas_lock(OtlpDeltas *deltas);
void otlp__deltas_unlock(OtlpDeltas *deltas);

/* When a delta counts: start and end of its interval, and its value to know a repetition by. */
typedef struct OtlpInterval {
    uint64_t start_ns;
    uint64_t end_ns;
    double value;
} OtlpInterval;

/* Is this delta new? False for a repetition: it is counted already. *ret_ts_ms is where the sum is
 * to be stored: at the interval's end, or, for a late one, at the newest sample of the series. */
Status otlp__delta_admit(OtlpDeltas *deltas, SeriesRef ref, const OtlpInterval *interval,
                         bool *ret_new, int64_t *ret_ts_ms, Error *err);
/* Adds to the series' sum; the write notes that it did. */
Status otlp__delta_add(OtlpDeltas *deltas, OtlpWrite *write, SeriesRef ref, uint64_t start_ns,
                       double delta, double *ret_total, int64_t *ret_start_ms, Error *err);
Status otlp__delta_add_exponential(OtlpDeltas *deltas, OtlpWrite *write, SeriesRef ref,
                                   uint64_t start_ns, const OtlpExponential *delta, Arena *arena,
                                   NativeHistogram *ret_total, int64_t *ret_start_ms, Error *err);
/* The write's sums are stored, or not: then they are forgotten and begin again from what is
 * stored. Any thread, without the lock; short. */
void otlp__deltas_settle(OtlpDeltas *deltas, OtlpWrite *write, bool stored);

/* ---- otlp_series.c ---- */

/* The metric whose points are decoded, and what stands above it. */
typedef struct OtlpMetric {
    OtlpDecoder *d;
    Str resource; /* messages */
    Str scope;
    Str scope_schema_url;
    Str name; /* as sent */
    Str unit;
    Str description;
    Str prom_name; /* translated; empty = none is possible */
    OtlpMetricKind kind;
    bool delta;
    Hash128 resource_key; /* of all the bytes above a series */
    Hash128 scope_key;
    Hash128 key;
    bool labels_ready; /* the labels below are those of this resource and scope */
    Label *promoted;   /* resource attributes; a point's own attribute goes first */
    uint32_t promoted_count;
    Label *fixed; /* scope, job, instance: they replace others */
    uint32_t fixed_count;
    Buf series_key;    /* of the point: head, then its attributes */
    uint64_t first_ns; /* of the resource's points */
    uint64_t last_ns;
    SeriesCursor *cursor;
} OtlpMetric;

/* Which series of a point: its name's suffix and the label that tells it from its sisters. */
typedef enum OtlpRole {
    OTLP_ROLE_VALUE,
    OTLP_ROLE_SUM,
    OTLP_ROLE_COUNT,
    OTLP_ROLE_BUCKET,   /* le */
    OTLP_ROLE_QUANTILE, /* quantile */
    OTLP_ROLE_TARGET,   /* target_info of the resource */
} OtlpRole;

/* Begins a point: its key is made of the attributes in field `attributes_number`. */
Status otlp__point_begin(OtlpMetric *m, Str point, uint32_t attributes_number);
/* The series of the point. *ret_found = false: its labels are bad, and `items` refusals are
 * counted. */
Status otlp__point_series(OtlpMetric *m, OtlpRole role, double bound, uint64_t items,
                          SeriesRef *ret_ref, bool *ret_found);
/* The resource's target_info; *ret_found = false when the resource has none. */
Status otlp__target_series(OtlpMetric *m, SeriesRef *ret_ref, bool *ret_found);
/* Makes `scratch` and `scrap` empty. */
void otlp__scratch_reset(OtlpDecoder *d);

/* ---- otlp_points.c, otlp_histograms.c: data points, field 1 of their kind's message ---- */
Status otlp__number_point(OtlpMetric *m, Str message);
Status otlp__summary_point(OtlpMetric *m, Str message);
Status otlp__histogram_point(OtlpMetric *m, Str message);
Status otlp__exponential_point(OtlpMetric *m, Str message);

/* Fields that all kinds of points have. */
typedef struct OtlpPoint {
    uint64_t start_ns;
    uint64_t time_ns;
    uint64_t flags; /* 1: no recorded value */
} OtlpPoint;

enum { OTLP_NO_RECORDED_VALUE = 1 };

/* False when the point is refused, which is then counted. */
bool otlp__point_admit(OtlpMetric *m, const OtlpPoint *point);
void otlp__point_refuse(OtlpMetric *m, IngestReason reason, const char *what);
/* Decodes an Exemplar and stores it with the series. `point_ns` stands in for its time. */
Status otlp__exemplar(OtlpMetric *m, SeriesRef ref, Str message, uint64_t point_ns);
/* Its value; *ret_known = false when it has none. */
Status otlp__exemplar_value(OtlpMetric *m, Str message, double *ret_value, bool *ret_known);
/* Stores one value of a point: cumulative, a gauge, a staleness marker. */
Status otlp__store(OtlpMetric *m, SeriesRef ref, const OtlpPoint *point, double value);

/* ---- otlp_ingest.c ---- */
struct OtlpIngest {
    Engine *engine;
    OtlpTranslation translation;
    bool promote_scope;
    Str *promote; /* sorted */
    uint32_t promote_count;
    OtlpDeltas *deltas;
    MemBudget *budget; /* NULL = not counted */
    Arena arena;       /* owns the options */
};

/* Charges what the write takes while it is decoded; LIMIT when it does not fit. */
Status otlp__charge(const OtlpIngest *ingest, OtlpWrite *write, int64_t bytes, Error *err);

#endif

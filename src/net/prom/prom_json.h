/* prom_json.h - the JSON of the Prometheus HTTP API: envelopes, results, numbers.
 *
 * Values are written as Prometheus writes them: floats as strings, timestamps as numbers in seconds
 * with up to three decimals.
 */
#ifndef LUMA_NET_PROM_PROM_JSON_H
#define LUMA_NET_PROM_PROM_JSON_H

#include "net/http/http.h"
#include "query/query.h"

/* "1.5" without quotes; exponent form below 1e-6 and from 1e21 on, as in vectors and matrices. */
void prom_json_float(double value, Buf *out);
/* Seconds of a timestamp: 1600000000.123. */
void prom_json_time(int64_t ms, Buf *out);
/* {"__name__":"up","job":"x"} */
void prom_json_labels(LabelSet labels, Buf *out);
/* ["a","b"] */
void prom_json_strings(const Str *texts, uint32_t count, Buf *out);
/* {"count":"6","sum":"9.5","buckets":[[3,"-0.001","0.001","1"],...]} */
void prom_json_histogram(const NativeHistogram *h, Arena *arena, Buf *out);
/* {"resultType":"vector","result":[...]} without the closing brace, so that stats may follow. At
 * most `limit` series (0 = all). `time_ms` is the time of an instant query. */
void prom_json_result(const PromqlResult *result, int64_t time_ms, uint64_t limit, Arena *arena,
                      Buf *out);

/* {"status":"success","data": ; the data follows. */
void prom_json_begin(Buf *out);
/* ,"warnings":[...],"infos":[...]} ; counts may be 0. */
void prom_json_end(const Str *warnings, uint32_t warning_count, const Str *infos,
                   uint32_t info_count, Buf *out);
/* Answers 200 with what was written between begin and end. */
void prom_json_respond(HttpRequest *req, Buf *take);
/* {"status":"error","errorType":...,"error":...} with the HTTP status that belongs to the type. */
void prom_json_error(HttpRequest *req, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As prom_json_error for an Error of evaluation or storage. */
void prom_json_status(HttpRequest *req, const Error *err);
/* For http_router_on_error. */
Str prom_json_http_error(int status, Str message, Buf *body);

#endif

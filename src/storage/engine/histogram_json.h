/* histogram_json.h - a native histogram as the jsonb text that SQL sees. */
#ifndef LUMA_STORAGE_ENGINE_HISTOGRAM_JSON_H
#define LUMA_STORAGE_ENGINE_HISTOGRAM_JSON_H

#include "format/histogram/histogram.h"

/* {"sum": 8.5, "count": 3, "schema": 0, "positive": {"spans": [[0, 2]], "counts": [1, 2]}, ...}:
 * keys in jsonb's order, numbers in full decimal digits, non-finite ones as strings. Spans are
 * [offset, length]; counts are absolute. */
void histogram_append_jsonb(const NativeHistogram *histogram, Buf *out);

#endif

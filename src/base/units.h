/* units.h - durations and byte sizes as people write them in configuration. */
#ifndef LUMA_BASE_UNITS_H
#define LUMA_BASE_UNITS_H

#include "base/buf.h"

/* Prometheus durations: "1h30m", "15s", "250ms"; units y w d h m s ms us, each at most once and in
 * falling order; "0" needs none. False when malformed or over 292 years. */
bool units_parse_duration(Str text, int64_t *ret_ns);
/* The shortest text that parses back: "1h30m", "0s". */
void units_append_duration(Buf *out, int64_t ns);
/* "512", "64KiB", "1.5GiB", "10MB" (powers of 1000), also "64K", "1G" (powers of 1024). */
bool units_parse_bytes(Str text, int64_t *ret_bytes);
/* "64MiB" when it is a whole number of units, else the bare number. */
void units_append_bytes(Buf *out, int64_t bytes);

#endif

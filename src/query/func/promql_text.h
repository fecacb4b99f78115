/* promql_text.h - how Prometheus words positions and quoted texts. */
#ifndef LUMA_QUERY_FUNC_PROMQL_TEXT_H
#define LUMA_QUERY_FUNC_PROMQL_TEXT_H

#include "base/buf.h"

/* Go's FormatFloat(value, 'f', -1, 64): the shortest digits that read back, never an exponent. */
void prom_text_float(double value, Buf *out);
/* Go's strconv.Quote. */
void prom_text_quote(Str text, Buf *out);
/* "line:column" of a byte offset, both from 1; columns count bytes as Prometheus does. */
void prom_text_position(Str text, uint32_t offset, char out[32]);

#endif

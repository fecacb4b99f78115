/* promql_int.h - what the files of query/promql share. */
#ifndef LUMA_QUERY_PROMQL_PROMQL_INT_H
#define LUMA_QUERY_PROMQL_PROMQL_INT_H

#include "query/promql/promql.h"
#include "query/promql/promql_lexer.h"

/* Fills *err with "line:column: parse error: text". Returns STATUS_INVALID. */
Status promql__error(Error *err, Str text, uint32_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Types of the tree and every rule about them. */
Status promql__check(Str text, PromExpr *expr, Error *err);

#endif

/* jsonb.h - json and jsonb texts.
 *
 * json keeps the text that was given, checked; jsonb keeps the text PostgreSQL prints: keys sorted
 * by length, then bytes, the last of equal keys, numbers as numeric prints them, one blank after
 * ':' and ','. Depth is bounded. Threads: pure.
 */
#ifndef LUMA_FORMAT_PGTYPE_JSONB_H
#define LUMA_FORMAT_PGTYPE_JSONB_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/label.h"

enum { JSONB_DEPTH_MAX = 1000 };

/* 22P02 "invalid input syntax for type json" with PostgreSQL's detail; 54001 too deep. */
Status json_validate(Str text, Error *err);
/* Canonical text in `arena`. 22P05 for \u0000, as PostgreSQL. */
Status jsonb_parse(Str text, Arena *arena, Str *ret, Error *err);
/* Order of canonical texts as jsonb's operators have it: by kind (object, array, boolean, number,
 * string, null), containers by their number of members first; 1 = 1.0. */
int jsonb_cmp(Str a, Str b);
/* Equal values have equal hashes. */
uint64_t jsonb_hash(Str text);
/* A JSON string literal with quotes, escaped as PostgreSQL's escape_json; U+0000, which no text of
 * PostgreSQL's holds, becomes U+FFFD. */
void jsonb_append_string(Buf *out, Str text);
/* A label set as jsonb text, without __name__ when `with_name` is false: {"a": "b", "job": "x"}. */
void jsonb_append_labels(LabelSet set, bool with_name, Buf *out);

#endif

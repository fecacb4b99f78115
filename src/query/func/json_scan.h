/* json_scan.h - walks the members of JSON texts that were checked before (json and jsonb values).
 *
 *   for (size_t pos = 0; json_scan_next(text, &pos, &key, &value);)
 *
 * Borrows from the text, allocates only to unescape. Threads: pure.
 */
#ifndef LUMA_QUERY_FUNC_JSON_SCAN_H
#define LUMA_QUERY_FUNC_JSON_SCAN_H

#include "query/func/eval.h"

/* The next member of an object or array, white space around `s` trimmed: *pos starts at 0; false at
 * the end. *ret_key is the quoted key, empty in an array. */
bool json_scan_next(Str s, size_t *pos, Str *ret_key, Str *ret_value);
uint32_t json_scan_count(Str s);
/* Content of a quoted string, in the context's arena when it has escapes. 22P05 for U+0000. */
Status json_unquote(const EvalContext *ctx, Str quoted, Str *ret, Error *err);
Status json_key_equals(const EvalContext *ctx, Str quoted, Str key, bool *ret, Error *err);

#endif

/* json_text.h - strings of JSON values as texts.
 *
 * Threads: pure.
 */
#ifndef LUMA_QUERY_FUNC_JSON_TEXT_H
#define LUMA_QUERY_FUNC_JSON_TEXT_H

#include "format/json/json_scan.h"
#include "query/func/eval.h"

/* Content of a quoted string, in the context's arena when it has escapes. 22P05 for U+0000. */
Status json_unquote(const EvalContext *ctx, Str quoted, Str *ret, Error *err);
Status json_key_equals(const EvalContext *ctx, Str quoted, Str key, bool *ret, Error *err);

#endif

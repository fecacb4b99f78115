/* json_scan.h - walks the members of JSON texts that were checked before (json and jsonb values).
 *
 *   for (size_t pos = 0; json_scan_next(text, &pos, &key, &value);)
 *
 * Borrows from the text and allocates nothing. Threads: pure.
 */
#ifndef LUMA_FORMAT_JSON_JSON_SCAN_H
#define LUMA_FORMAT_JSON_JSON_SCAN_H

#include "base/str.h"

/* The next member of an object or array, white space around `s` trimmed: *pos starts at 0; false at
 * the end. *ret_key is the quoted key, empty in an array. */
bool json_scan_next(Str s, size_t *pos, Str *ret_key, Str *ret_value);
uint32_t json_scan_count(Str s);

#endif

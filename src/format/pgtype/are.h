/* are.h - PostgreSQL's advanced regular expressions in the syntax of base/regex.h (RE2).
 *
 * What both can say is translated exactly; back references, look-around, and word borders whose
 * side RE2 cannot see are refused by name (0A000); a malformed expression is 2201B with
 * PostgreSQL's message. Threads: pure.
 */
#ifndef LUMA_FORMAT_PGTYPE_ARE_H
#define LUMA_FORMAT_PGTYPE_ARE_H

#include "base/buf.h"
#include "base/status.h"

typedef enum AreFlags {
    ARE_NOCASE = 1,           /* i */
    ARE_EXPANDED = 2,         /* x: white space and # comments do not count */
    ARE_LITERAL = 4,          /* q: no metacharacters */
    ARE_NEWLINE_STOPS = 8,    /* n, p: . and [^x] do not match a newline */
    ARE_NEWLINE_ANCHORS = 16, /* n, w: ^ and $ match at line ends */
} AreFlags;

/* Appends the expression to *out and gives the RegexFlags to compile it with. */
Status are_translate(Str pattern, int flags, Buf *out, int *ret_regex_flags, Error *err);

#endif

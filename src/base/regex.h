/* regex.h - RE2: Go's regular expression syntax, linear time. Immutable after compile; any thread.
 */
#ifndef LUMA_BASE_REGEX_H
#define LUMA_BASE_REGEX_H

#include "base/arena.h"
#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct Regex Regex;

typedef enum RegexFlags {
    REGEX_ANCHORED = 1,    /* the whole text must match, as Prometheus' matchers */
    REGEX_DOT_NEWLINE = 2, /* `.` matches a newline as well */
    REGEX_NOCASE = 4,
    REGEX_LONGEST = 8, /* the longest of the leftmost matches, as POSIX; else the preferred one */
} RegexFlags;

/* STATUS_INVALID with RE2's own reason for a bad pattern. */
Status regex_compile(Str pattern, int flags, Regex **ret_regex, Error *err);
Regex *regex_free(Regex *regex);
bool regex_match(const Regex *regex, Str text);
int regex_group_count(const Regex *regex);
/* Index of a named group, or -1. */
int regex_group_index(const Regex *regex, Str name);
/* Searches from byte `from`; fills groups[0..group_count) (ptr NULL = did not take part). */
bool regex_search(const Regex *regex, Str text, size_t from, Str *groups, int group_count);

#ifdef __cplusplus
}
#endif
#endif

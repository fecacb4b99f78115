/* value_pattern.h - the regular expressions that people write in matchers, without a regex engine:
 * alternations of `literal`, `literal.*`, `.+literal`, `.*literal.*` and the like. */
#ifndef LUMA_STORAGE_INDEX_VALUE_PATTERN_H
#define LUMA_STORAGE_INDEX_VALUE_PATTERN_H

#include "base/arena.h"

typedef struct ValueAlternative {
    Str literal;
    int8_t before; /* bytes that must stand before the literal: -1 = none may, 0 = any, 1 = at least
                      one */
    int8_t after;  /* likewise behind it */
} ValueAlternative;

typedef struct ValuePattern {
    ValueAlternative *alternatives; /* NULL = not of this form: ask the regex */
    uint32_t count;
    bool literals; /* every alternative is the whole value */
} ValuePattern;

/* Reads an anchored, dot-matches-newline pattern that a regex engine has accepted. Arena memory. */
Status value_pattern_parse(Str pattern, Arena *arena, ValuePattern *ret_pattern, Error *err);
/* Only for patterns with alternatives. */
bool value_pattern_match(const ValuePattern *pattern, Str value);

#endif

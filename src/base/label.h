/* label.h - label sets and matchers, the vocabulary of metrics (prometheus/docs "Data model").
 *
 * A LabelSet is sorted by name (bytes), has no name twice and no empty value; `__name__` is a label
 * like the others. Everything here borrows its text.
 */
#ifndef LUMA_BASE_LABEL_H
#define LUMA_BASE_LABEL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/regex.h"

#define LABEL_NAME STR("__name__")

typedef struct Label {
    Str name;
    Str value;
} Label;

typedef struct LabelSet {
    const Label *labels;
    uint32_t count;
} LabelSet;

typedef enum MatchOp { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE } MatchOp;

typedef struct LabelMatcher {
    MatchOp op;
    Str name;
    Str value;          /* text, or the pattern */
    const Regex *regex; /* for MATCH_RE and MATCH_NRE: anchored, dot matches newline */
} LabelMatcher;

/* Sorts by name and drops empty values, in place. STATUS_INVALID names a label that comes twice, an
 * empty name, or text that is not UTF-8. */
Status label_set_normalize(Label *labels, uint32_t *count, Error *err);
/* Empty Str when absent. */
Str label_set_get(LabelSet set, Str name);
/* Order by (name, value) pairs, as Prometheus sorts results. */
int label_set_cmp(LabelSet a, LabelSet b);
bool label_set_eq(LabelSet a, LabelSet b);
uint64_t label_set_hash(LabelSet set);
LabelSet label_set_copy(LabelSet set, Arena *arena);
/* metric{a="b"}, as Prometheus prints a series in texts. */
void label_set_append_text(LabelSet set, Buf *out);

/* Compiles a matcher; the regex is freed with the arena. */
Status label_matcher_make(MatchOp op, Str name, Str value, Arena *arena, LabelMatcher *ret_matcher,
                          Error *err);
/* An absent label is the empty string. */
bool label_matcher_test(const LabelMatcher *matcher, Str value);
/* Does it match the empty string (and so series without the label)? */
bool label_matcher_matches_empty(const LabelMatcher *matcher);

#endif

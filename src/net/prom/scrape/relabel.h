/* relabel.h - Prometheus' relabelling (prometheus/docs configuration, "relabel_config").
 *
 * Rules run in order over a label set; each may change, add or remove labels or drop the whole set.
 * Threads: rules are immutable after they were made.
 */
#ifndef LUMA_NET_PROM_SCRAPE_RELABEL_H
#define LUMA_NET_PROM_SCRAPE_RELABEL_H

#include "base/label.h"

typedef enum RelabelAction {
    RELABEL_REPLACE,
    RELABEL_KEEP,
    RELABEL_DROP,
    RELABEL_KEEPEQUAL,
    RELABEL_DROPEQUAL,
    RELABEL_HASHMOD,
    RELABEL_LABELMAP,
    RELABEL_LABELDROP,
    RELABEL_LABELKEEP,
    RELABEL_LOWERCASE,
    RELABEL_UPPERCASE,
} RelabelAction;

typedef struct RelabelRule {
    RelabelAction action;
    const Str *source_labels;
    uint32_t source_count;
    Str separator;      /* ";" */
    const Regex *regex; /* anchored; "(.*)" */
    uint64_t modulus;   /* HASHMOD */
    Str target_label;
    Str replacement; /* "$1" */
} RelabelRule;

typedef struct RelabelRules {
    const RelabelRule *rules;
    uint32_t count;
} RelabelRules;

/* From the word of a configuration; false for an unknown one. */
bool relabel_action_parse(Str word, RelabelAction *ret_action);

/* A growing label set, in the arena; no name twice, empty values are absent. */
typedef struct RelabelSet {
    Label *labels;
    uint32_t count;
    uint32_t cap;
} RelabelSet;

void relabel_set_put(RelabelSet *set, Arena *arena, Str name, Str value);
Str relabel_set_get(const RelabelSet *set, Str name);

/* Runs the rules; false = the set is dropped. New texts lie in the arena. */
bool relabel_apply(const RelabelRules *rules, RelabelSet *set, Arena *arena);

#endif

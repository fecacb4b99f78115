/* exposition.h - pull parser of the text formats that scraped targets speak.
 *
 * Prometheus text 0.0.4 and 1.0.0 (prometheus/docs "Exposition formats") and OpenMetrics 1.0
 * (OpenMetrics specification, "Text format"), both with quoted UTF-8 names. One item a call;
 * nothing is allocated: an item borrows from the text, and labels are decoded on demand.
 *
 *   Exposition e;
 *   exposition_init(&e, text, EXPOSITION_TEXT);
 *   while (exposition_next(&e, &item, err) == STATUS_OK && item.kind != EXPOSITION_END)
 *
 * Threads: confined.
 */
#ifndef LUMA_FORMAT_EXPOSITION_EXPOSITION_H
#define LUMA_FORMAT_EXPOSITION_EXPOSITION_H

#include "base/label.h"

typedef enum ExpositionFormat {
    EXPOSITION_TEXT,        /* text/plain */
    EXPOSITION_OPENMETRICS, /* application/openmetrics-text */
} ExpositionFormat;

typedef enum ExpositionKind {
    EXPOSITION_SAMPLE,
    EXPOSITION_TYPE, /* name, text = the type in lower case */
    EXPOSITION_HELP, /* name, text = raw; see exposition_unescape */
    EXPOSITION_UNIT, /* name, text */
    EXPOSITION_END,
} ExpositionKind;

enum { EXPOSITION_LABELS_MAX = 256 };

typedef struct ExpositionItem {
    ExpositionKind kind;
    Str name;   /* of the metric or family, as written (escapes kept) */
    Str text;   /* TYPE, HELP, UNIT */
    Str series; /* SAMPLE: bytes from the name to the end of its labels: the key of the series */
    double value;
    bool has_ts;
    int64_t ts_ms;
    bool has_exemplar;
    Str exemplar; /* its braces with labels */
    double exemplar_value;
    bool exemplar_has_ts;
    int64_t exemplar_ts_ms;
} ExpositionItem;

typedef struct Exposition {
    Str text;
    size_t pos;    /* of the next line */
    uint32_t line; /* of the item returned last, from 1 */
    ExpositionFormat format;
    bool ended; /* OpenMetrics: # EOF was seen */
} Exposition;

void exposition_init(Exposition *e, Str text, ExpositionFormat format);

/* The next item. INVALID names the line; the rest of the text cannot be read then. OpenMetrics
 * without `# EOF` at the end is INVALID. */
Status exposition_next(Exposition *e, ExpositionItem *ret_item, Error *err);

/* Labels of `series` ("name{a="b"}" or "{"name",a="b"}"), __name__ first, unescaped into the arena
 * where needed, otherwise borrowed. Not sorted, duplicates not looked for. At most
 * EXPOSITION_LABELS_MAX, INVALID above. */
Status exposition_labels(Str series, Arena *arena, Label *labels, uint32_t *ret_count, Error *err);

/* Resolves \\ and \n (and \" when `quotes`) into the arena. */
Str exposition_unescape(Str text, bool quotes, Arena *arena);

#endif

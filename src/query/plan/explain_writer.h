/* explain_writer.h - EXPLAIN's four formats: properties, lists and groups as PostgreSQL lays them
 * out. A plain text has lines "Label: value"; groups are seen by its indentation only.
 *
 *   explain_begin(&w)
 *   explain_open(&w, "Plan", false); explain_text(&w, "Node Type", ...) ...; explain_close(&w)
 *   explain_end(&w)
 *
 * Confined to one thread. Labels are short and constant; values are any text.
 */
#ifndef LUMA_QUERY_PLAN_EXPLAIN_WRITER_H
#define LUMA_QUERY_PLAN_EXPLAIN_WRITER_H

#include "base/buf.h"

typedef enum ExplainFormat { EXPLAIN_TEXT, EXPLAIN_JSON, EXPLAIN_YAML, EXPLAIN_XML } ExplainFormat;

enum { EXPLAIN_DEPTH_MAX = 512 };

typedef struct ExplainGroup {
    const char *label; /* NULL = an item of a list */
    bool is_list;
    bool has_items;
} ExplainGroup;

typedef struct ExplainWriter {
    ExplainFormat format;
    Buf *out;        /* borrowed */
    uint32_t indent; /* EXPLAIN_TEXT: spaces before a line */
    ExplainGroup groups[EXPLAIN_DEPTH_MAX];
    uint32_t depth;
    uint32_t list_items; /* of the explain_list_ in hand */
} ExplainWriter;

/* The document: one query. */
void explain_begin(ExplainWriter *w, ExplainFormat format, Buf *out);
void explain_end(ExplainWriter *w);

/* A group of properties or, with is_list, of groups, whose labels only XML shows. At most
 * EXPLAIN_DEPTH_MAX - 2 may be open at a time. */
void explain_open(ExplainWriter *w, const char *label, bool is_list);
void explain_close(ExplainWriter *w);

void explain_text(ExplainWriter *w, const char *label, Str value);
void explain_bool(ExplainWriter *w, const char *label, bool value);
/* A number, printed by the caller's format. */
void explain_number(ExplainWriter *w, const char *label, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A list of texts. */
void explain_list_open(ExplainWriter *w, const char *label);
void explain_list_item(ExplainWriter *w, Str value);
void explain_list_close(ExplainWriter *w, const char *label);

#endif

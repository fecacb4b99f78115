#include "query/plan/explain_writer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format/json/json.h"

/* ---------------------------------------------------------------- parts of lines */

static void append_spaces(ExplainWriter *w, uint32_t count)
{
    buf_printf(w->out, "%*s", (int)count, "");
}

/* <Node-Type>: letters, digits, - _ and . stay. */
static void append_tag(ExplainWriter *w, const char *open, const char *label, const char *close)
{
    buf_append_str(w->out, str_from(open));
    for (const char *at = label; *at; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-_.", *at);
        buf_append_byte(w->out, plain ? (uint8_t)*at : '-');
    }
    buf_append_str(w->out, str_from(close));
}

static void append_xml(Buf *out, Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_append_lit(out, "&amp;");
            break;
        case '<':
            buf_append_lit(out, "&lt;");
            break;
        case '>':
            buf_append_lit(out, "&gt;");
            break;
        case '\r':
            buf_append_lit(out, "&#x0d;");
            break;
        default:
            buf_append_byte(out, (uint8_t)text.ptr[i]);
        }
    }
}

/* The place for the next member of the group in hand. */
static void begin_member(ExplainWriter *w)
{
    ExplainGroup *group = &w->groups[w->depth - 1];
    bool first = !group->has_items;

    group->has_items = true;
    switch (w->format) {
    case EXPLAIN_TEXT:
        append_spaces(w, w->indent);
        break;
    case EXPLAIN_JSON:
        if (!first)
            buf_append_byte(w->out, ',');
        buf_append_byte(w->out, '\n');
        append_spaces(w, w->depth * 2);
        break;
    case EXPLAIN_YAML:
        /* The first member stands behind the "- " of its list. */
        if (first && !group->label)
            break;
        if (w->out->len)
            buf_append_byte(w->out, '\n');
        append_spaces(w, (w->depth - 1) * 2);
        break;
    case EXPLAIN_XML:
        append_spaces(w, w->depth * 2);
        break;
    }
}

static void append_label(ExplainWriter *w, const char *label)
{
    if (w->format == EXPLAIN_XML)
        append_tag(w, "<", label, ">");
    else if (w->format == EXPLAIN_JSON)
        buf_printf(w->out, "\"%s\": ", label);
    else
        buf_printf(w->out, "%s: ", label);
}

static void end_member(ExplainWriter *w, const char *label)
{
    if (w->format == EXPLAIN_XML)
        append_tag(w, "</", label, ">\n");
    else if (w->format == EXPLAIN_TEXT)
        buf_append_byte(w->out, '\n');
}

static void append_value(ExplainWriter *w, Str value)
{
    if (w->format == EXPLAIN_XML)
        append_xml(w->out, value);
    else if (w->format == EXPLAIN_TEXT)
        buf_append_str(w->out, value);
    else /* YAML's quoted texts are JSON's */
        json_append_string(w->out, value);
}

/* ---------------------------------------------------------------- groups */

void explain_begin(ExplainWriter *w, ExplainFormat format, Buf *out)
{
    w->format = format;
    w->out = out;
    w->indent = 0;
    w->list_items = 0;
    w->groups[0] = (ExplainGroup){.is_list = true};
    w->depth = 1;
    if (format == EXPLAIN_JSON)
        buf_append_byte(out, '[');
    else if (format == EXPLAIN_XML)
        buf_append_lit(out, "<explain xmlns=\"http://www.postgresql.org/2009/explain\">\n");
    explain_open(w, "Query", false);
}

void explain_end(ExplainWriter *w)
{
    explain_close(w);
    if (w->format == EXPLAIN_JSON)
        buf_append_lit(w->out, "\n]");
    else if (w->format == EXPLAIN_XML)
        buf_append_lit(w->out, "</explain>");
    w->depth = 0;
}

void explain_open(ExplainWriter *w, const char *label, bool is_list)
{
    /* Only XML names the items of a list. */
    if (w->format != EXPLAIN_XML && w->groups[w->depth - 1].is_list)
        label = NULL;
    if (w->format != EXPLAIN_TEXT) {
        begin_member(w);
        if (w->format == EXPLAIN_YAML && !label)
            buf_append_lit(w->out, "- ");
        else if (label)
            append_label(w, label);
        if (w->format == EXPLAIN_XML)
            buf_append_byte(w->out, '\n');
        else if (w->format == EXPLAIN_JSON)
            buf_append_byte(w->out, is_list ? '[' : '{');
    }
    ASSERT(w->depth < EXPLAIN_DEPTH_MAX);
    w->groups[w->depth++] = (ExplainGroup){.label = label, .is_list = is_list};
}

void explain_close(ExplainWriter *w)
{
    const ExplainGroup *group = &w->groups[--w->depth];

    if (w->format == EXPLAIN_JSON) {
        buf_append_byte(w->out, '\n');
        append_spaces(w, w->depth * 2);
        buf_append_byte(w->out, group->is_list ? ']' : '}');
    } else if (w->format == EXPLAIN_XML) {
        append_spaces(w, w->depth * 2);
        append_tag(w, "</", group->label, ">\n");
    }
}

/* ---------------------------------------------------------------- properties */

void explain_text(ExplainWriter *w, const char *label, Str value)
{
    begin_member(w);
    append_label(w, label);
    append_value(w, value);
    end_member(w, label);
}

void explain_bool(ExplainWriter *w, const char *label, bool value)
{
    explain_number(w, label, "%s", value ? "true" : "false");
}

void explain_number(ExplainWriter *w, const char *label, const char *format, ...)
{
    char text[64];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    begin_member(w);
    append_label(w, label);
    buf_append_str(w->out, str_from(text));
    end_member(w, label);
}

void explain_list_open(ExplainWriter *w, const char *label)
{
    begin_member(w);
    append_label(w, label);
    if (w->format == EXPLAIN_JSON)
        buf_append_byte(w->out, '[');
    else if (w->format == EXPLAIN_XML)
        buf_append_byte(w->out, '\n');
    w->list_items = 0;
}

void explain_list_item(ExplainWriter *w, Str value)
{
    bool first = w->list_items++ == 0;

    if (w->format == EXPLAIN_YAML) {
        buf_append_byte(w->out, '\n');
        append_spaces(w, w->depth * 2);
        buf_append_lit(w->out, "- ");
    } else if (w->format == EXPLAIN_XML) {
        append_spaces(w, w->depth * 2 + 2);
        buf_append_lit(w->out, "<Item>");
    } else if (!first) {
        buf_append_lit(w->out, ", ");
    }
    append_value(w, value);
    if (w->format == EXPLAIN_XML)
        buf_append_lit(w->out, "</Item>\n");
}

void explain_list_close(ExplainWriter *w, const char *label)
{
    if (w->format == EXPLAIN_JSON)
        buf_append_byte(w->out, ']');
    else if (w->format == EXPLAIN_XML)
        append_spaces(w, w->depth * 2);
    end_member(w, label);
}

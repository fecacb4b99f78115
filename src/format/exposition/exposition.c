#include "format/exposition/exposition.h"

#include <math.h>

void exposition_init(Exposition *e, Str text, ExpositionFormat format)
{
    *e = (Exposition){.text = text, .format = format};
}

/* A line being read. */
typedef struct Line {
    const char *p;
    const char *end;
    uint32_t number;
    Error *err;
} Line;

static Status bad_line(const Line *line, const char *what)
{
    return error_set(line->err, STATUS_INVALID, "line %u: %s", line->number, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(Line *line)
{
    while (line->p < line->end && is_blank(*line->p))
        line->p++;
}

static bool is_name_byte(char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
}

static Str take_name(Line *line)
{
    const char *start = line->p;
    while (line->p < line->end && is_name_byte(*line->p, line->p == start))
        line->p++;
    return (Str){start, (size_t)(line->p - start)};
}

static Str take_word(Line *line)
{
    const char *start = line->p;
    while (line->p < line->end && !is_blank(*line->p))
        line->p++;
    return (Str){start, (size_t)(line->p - start)};
}

/* Moves past a quoted text; *ret_inner is what stands between the quotes, escapes kept. */
static bool take_quoted(Line *line, Str *ret_inner)
{
    if (line->p == line->end || *line->p != '"')
        return false;
    const char *start = ++line->p;
    while (line->p < line->end && *line->p != '"')
        line->p += *line->p == '\\' && line->p + 1 < line->end ? 2 : 1;
    if (line->p >= line->end)
        return false;
    *ret_inner = (Str){start, (size_t)(line->p - start)};
    line->p++;
    return true;
}

/* Moves past a label set `{...}`, looking only at quotes; it is read in full by exposition_labels
 * when the series is new. */
static bool skip_braces(Line *line)
{
    Str inner;

    line->p++;
    while (line->p < line->end && *line->p != '}') {
        if (*line->p == '"') {
            if (!take_quoted(line, &inner))
                return false;
        } else {
            line->p++;
        }
    }
    if (line->p == line->end)
        return false;
    line->p++;
    return true;
}

/* Milliseconds in the text format; seconds with a fraction in OpenMetrics. */
static bool parse_ts(Str word, ExpositionFormat format, int64_t *ret_ms)
{
    double seconds;

    if (format == EXPOSITION_TEXT)
        return str_to_i64(word, ret_ms);
    if (!str_to_f64(word, &seconds) || !(fabs(seconds) < 9e15))
        return false;
    *ret_ms = (int64_t)floor(seconds * 1000.0 + 1e-6);
    return true;
}

/* `# {labels} value [ts]` behind an OpenMetrics sample. */
static Status take_exemplar(Line *line, ExpositionItem *item)
{
    line->p++;
    skip_blanks(line);
    const char *start = line->p;
    if (line->p == line->end || *line->p != '{' || !skip_braces(line))
        return bad_line(line, "an exemplar needs labels in braces");
    item->exemplar = (Str){start, (size_t)(line->p - start)};
    skip_blanks(line);
    if (!str_to_f64(take_word(line), &item->exemplar_value))
        return bad_line(line, "an exemplar needs a value");
    skip_blanks(line);
    Str word = take_word(line);
    if (word.len) {
        if (!parse_ts(word, EXPOSITION_OPENMETRICS, &item->exemplar_ts_ms))
            return bad_line(line, "the exemplar's timestamp is no number");
        item->exemplar_has_ts = true;
    }
    item->has_exemplar = true;
    return STATUS_OK;
}

static Status parse_sample(const Exposition *e, Line *line, ExpositionItem *item)
{
    const char *start = line->p;
    Str word;

    item->kind = EXPOSITION_SAMPLE;
    item->name = take_name(line);
    item->series = item->name;
    if (item->name.len == 0 && !(line->p < line->end && *line->p == '{'))
        return bad_line(line, "a metric name is expected here");
    const char *after_name = line->p;
    skip_blanks(line);
    if (line->p < line->end && *line->p == '{') {
        if (!skip_braces(line))
            return bad_line(line, "the label set is not closed by }");
        item->series = (Str){start, (size_t)(line->p - start)};
    } else {
        line->p = after_name;
    }
    skip_blanks(line);
    word = take_word(line);
    if (!str_to_f64(word, &item->value))
        return bad_line(line, word.len ? "the value is no number" : "the value is missing");
    skip_blanks(line);
    if (line->p < line->end && *line->p != '#') {
        if (!parse_ts(take_word(line), e->format, &item->ts_ms))
            return bad_line(line, "the timestamp is no number");
        item->has_ts = true;
        skip_blanks(line);
    }
    if (line->p < line->end && *line->p == '#' && e->format == EXPOSITION_OPENMETRICS)
        TRY(take_exemplar(line, item));
    skip_blanks(line);
    if (line->p < line->end)
        return bad_line(line, "text follows where the line should end");
    return STATUS_OK;
}

/* A line that begins with '#'. *ret_skip: a comment. */
static Status parse_comment(Exposition *e, Line *line, ExpositionItem *item, bool *ret_skip)
{
    *ret_skip = false;
    line->p++;
    if (e->format == EXPOSITION_OPENMETRICS &&
        str_eq(str_make(line->p, (size_t)(line->end - line->p)), STR(" EOF"))) {
        e->ended = true;
        item->kind = EXPOSITION_END;
        return STATUS_OK;
    }
    skip_blanks(line);
    Str word = take_word(line);
    if (str_eq(word, STR("TYPE")))
        item->kind = EXPOSITION_TYPE;
    else if (str_eq(word, STR("HELP")))
        item->kind = EXPOSITION_HELP;
    else if (str_eq(word, STR("UNIT")) && e->format == EXPOSITION_OPENMETRICS)
        item->kind = EXPOSITION_UNIT;
    else {
        *ret_skip = true;
        return STATUS_OK;
    }
    skip_blanks(line);
    if (line->p < line->end && *line->p == '"') {
        if (!take_quoted(line, &item->name))
            return bad_line(line, "a quoted name is not closed");
    } else {
        item->name = take_name(line);
    }
    if (item->name.len == 0)
        return bad_line(line, "a metric name is expected here");
    skip_blanks(line);
    item->text = (Str){line->p, (size_t)(line->end - line->p)};
    if (item->kind == EXPOSITION_TYPE)
        item->text = str_trim(item->text);
    return STATUS_OK;
}

Status exposition_next(Exposition *e, ExpositionItem *ret_item, Error *err)
{
    while (e->pos < e->text.len) {
        Str rest = str_sub(e->text, e->pos, e->text.len);
        ptrdiff_t newline = str_find_byte(rest, '\n');
        size_t len = newline < 0 ? rest.len : (size_t)newline;
        Line line = {rest.ptr, rest.ptr + len, ++e->line, err};
        bool skip = false;

        e->pos += len + (newline >= 0);
        if (e->ended)
            return bad_line(&line, "text follows after # EOF");
        if (len && line.end[-1] == '\r')
            line.end--;
        skip_blanks(&line);
        if (line.p == line.end)
            continue;
        *ret_item = (ExpositionItem){0};
        if (*line.p != '#')
            return parse_sample(e, &line, ret_item);
        TRY(parse_comment(e, &line, ret_item, &skip));
        if (!skip && ret_item->kind != EXPOSITION_END)
            return STATUS_OK;
    }
    if (e->format == EXPOSITION_OPENMETRICS && !e->ended)
        return error_set(err, STATUS_INVALID, "line %u: the text ends without # EOF", e->line);
    *ret_item = (ExpositionItem){.kind = EXPOSITION_END};
    return STATUS_OK;
}

Str exposition_unescape(Str text, bool quotes, Arena *arena)
{
    if (str_find_byte(text, '\\') < 0)
        return text;
    char *out = arena_alloc(arena, text.len);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        char next = i + 1 < text.len ? text.ptr[i + 1] : 0;
        if (c == '\\' && (next == '\\' || next == 'n' || (quotes && next == '"'))) {
            out[n++] = next == 'n' ? '\n' : next;
            i++;
        } else {
            out[n++] = c;
        }
    }
    return (Str){out, n};
}

/* name = "value" inside braces, or a quoted metric name that stands alone. */
static Status take_label(Line *line, Arena *arena, Label *ret_label)
{
    Str quoted;
    bool was_quoted = *line->p == '"';

    if (was_quoted) {
        if (!take_quoted(line, &quoted))
            return bad_line(line, "a quoted name is not closed");
        ret_label->name = exposition_unescape(quoted, true, arena);
    } else {
        ret_label->name = take_name(line);
        if (ret_label->name.len == 0)
            return bad_line(line, "a label name is expected here");
    }
    skip_blanks(line);
    if (line->p == line->end || *line->p != '=') {
        if (!was_quoted)
            return bad_line(line, "= is expected after a label name");
        *ret_label = (Label){LABEL_NAME, ret_label->name};
        return STATUS_OK;
    }
    line->p++;
    skip_blanks(line);
    if (!take_quoted(line, &quoted))
        return bad_line(line, "a label value in quotes is expected here");
    ret_label->value = exposition_unescape(quoted, true, arena);
    return STATUS_OK;
}

Status exposition_labels(Str series, Arena *arena, Label *labels, uint32_t *ret_count, Error *err)
{
    Line line = {series.ptr, series.ptr + series.len, 1, err};
    uint32_t n = 0;
    Str name = take_name(&line);

    if (name.len)
        labels[n++] = (Label){LABEL_NAME, name};
    skip_blanks(&line);
    if (line.p < line.end && *line.p == '{') {
        line.p++;
        for (;;) {
            skip_blanks(&line);
            if (line.p == line.end)
                return bad_line(&line, "the label set is not closed by }");
            if (*line.p == '}')
                break;
            if (n == EXPOSITION_LABELS_MAX)
                return bad_line(&line, "a series has too many labels");
            TRY(take_label(&line, arena, &labels[n++]));
            skip_blanks(&line);
            if (line.p < line.end && *line.p == ',')
                line.p++;
            else if (line.p == line.end || *line.p != '}')
                return bad_line(&line, "a comma or } is expected after a label");
        }
    }
    *ret_count = n;
    return STATUS_OK;
}

/* op_series_label.c - label_replace and label_join: only the labels change. */
#include "query/exec/series_int.h"

typedef struct LabelOp {
    Regex *regex; /* label_replace: anchored */
    int group_count;
} LabelOp;

_Static_assert(sizeof(LabelOp) <= SERIES_OP_STATE_BYTES, "state fits");

enum { GROUPS_MAX = 64 };

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The group a template names: "1" or "name". */
static Str group_text(const LabelOp *l, Str name, const Str *groups)
{
    int64_t idx;

    if (!str_to_i64(name, &idx))
        idx = regex_group_index(l->regex, name);
    if (idx < 0 || idx > l->group_count || idx >= GROUPS_MAX || !groups[idx].ptr)
        return STR("");
    return groups[idx];
}

/* Go's Regexp.Expand: $1, ${1}, $name, ${name}, $$. */
static void expand(const LabelOp *l, Str template, const Str *groups, Buf *out)
{
    for (size_t i = 0; i < template.len; i++) {
        size_t begin;
        size_t end;
        bool brace;
        if (template.ptr[i] != '$' || i + 1 == template.len) {
            buf_append_byte(out, (uint8_t) template.ptr[i]);
            continue;
        }
        if (template.ptr[i + 1] == '$') {
            buf_append_byte(out, '$');
            i++;
            continue;
        }
        brace = template.ptr[i + 1] == '{';
        begin = i + 1 + brace;
        end = begin;
        while (end < template.len && is_name_char(template.ptr[end]))
            end++;
        if (end == begin || (brace && (end == template.len || template.ptr[end] != '}'))) {
            buf_append_byte(out, '$'); /* malformed: as it stands */
            continue;
        }
        buf_append_str(out, group_text(l, str_sub(template, begin, end - begin), groups));
        i = end - 1 + brace;
    }
}

static void replace_row(SeriesOp *op, SeriesRow *row, Arena *arena)
{
    LabelOp *l = series__state(op);
    const Str *args = op->plan->strings; /* dst, replacement, src, regex */
    CLEANUP(buf_done) Buf value = {0};
    Str groups[GROUPS_MAX] = {0};
    Str source = label_set_get(row->labels, args[2]);

    if (!regex_search(l->regex, source, 0, groups, LUMA_MIN(l->group_count + 1, GROUPS_MAX)))
        return;
    expand(l, args[1], groups, &value);
    row->labels =
        series__with_label(row->labels, args[0], arena_str(arena, buf_str(&value)), arena);
    row->has_ref = false;
    if (str_eq(args[0], LABEL_NAME))
        row->drop_name = false;
}

static void join_row(SeriesOp *op, SeriesRow *row, Arena *arena)
{
    const Str *args = op->plan->strings; /* dst, separator, src ... */
    CLEANUP(buf_done) Buf value = {0};

    for (uint32_t i = 2; i < op->plan->string_count; i++) {
        if (i > 2)
            buf_append_str(&value, args[1]);
        buf_append_str(&value, label_set_get(row->labels, args[i]));
    }
    row->labels =
        series__with_label(row->labels, args[0], arena_str(arena, buf_str(&value)), arena);
    row->has_ref = false;
    if (str_eq(args[0], LABEL_NAME))
        row->drop_name = false;
}

static Status label_next(SeriesOp *op, Arena *arena, SeriesBatch *ret_batch, Error *err)
{
    /* Everything at once: two series may have become one. */
    TRY(series_op_drain(op->inputs[0], arena, ret_batch, err));
    for (uint32_t i = 0; i < ret_batch->count; i++) {
        SeriesRow *row = &ret_batch->rows[i];
        TRY(series_row_labels(op->exec, row, arena, err));
        if (op->plan->func == PROM_FUNC_LABEL_JOIN)
            join_row(op, row, arena);
        else
            replace_row(op, row, arena);
    }
    op->done = true;
    return series_merge_equal(op->exec, ret_batch, op->grid.count, arena, err);
}

static void label_close(SeriesOp *op)
{
    LabelOp *l = series__state(op);
    l->regex = regex_free(l->regex);
}

static const SeriesOpOps label_ops = {label_next, label_close};

Status op_series_label_open(SeriesOp *op, Error *err)
{
    LabelOp *l = series__state(op);
    CLEANUP(buf_done) Buf pattern = {0};
    Error why = {0};

    op->ops = &label_ops;
    if (op->plan->func == PROM_FUNC_LABEL_JOIN)
        return STATUS_OK;
    buf_append_lit(&pattern, "^(?s:");
    buf_append_str(&pattern, op->plan->strings[3]);
    buf_append_lit(&pattern, ")$");
    if (regex_compile(buf_str(&pattern), 0, &l->regex, &why) != STATUS_OK)
        return error_set(err, STATUS_INVALID, "invalid regular expression in label_replace(): %.*s",
                         STR_FMT(op->plan->strings[3]));
    l->group_count = regex_group_count(l->regex);
    return STATUS_OK;
}

/* promql_printer.c - trees back to text, as Prometheus prints them. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "query/promql/promql.h"

enum { LINE_MAX_ = 100, INDENT = 2 };

static bool plain_label(Str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return s.len > 0;
}

void promql_print_duration(int64_t ms, Buf *out)
{
    static const struct {
        const char *unit;
        uint64_t ms;
        bool exact; /* only when nothing is left over: 90d reads better than 12w6d */
    } units[] = {{"y", 31'536'000'000, true},
                 {"w", 604'800'000, true},
                 {"d", 86'400'000, false},
                 {"h", 3'600'000, false},
                 {"m", 60'000, false},
                 {"s", 1000, false},
                 {"ms", 1, false}};
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;

    if (ms == 0) {
        buf_append_lit(out, "0s");
        return;
    }
    if (ms < 0)
        buf_append_byte(out, '-');
    for (size_t i = 0; i < LUMA_ARRAY_LEN(units); i++) {
        if ((units[i].exact && left % units[i].ms) || left < units[i].ms)
            continue;
        buf_printf(out, "%" PRIu64 "%s", left / units[i].ms, units[i].unit);
        left %= units[i].ms;
    }
}

static void print_duration_expr(const PromDuration *d, Buf *out)
{
    static const char *const ops[] = {
        [PROM_DUR_ADD] = " + ", [PROM_DUR_SUB] = " - ", [PROM_DUR_MUL] = " * ",
        [PROM_DUR_DIV] = " / ", [PROM_DUR_MOD] = " % ", [PROM_DUR_POW] = " ^ "};

    if (d->wrapped)
        buf_append_byte(out, '(');
    switch (d->op) {
    case PROM_DUR_NUMBER:
        if (d->is_duration)
            promql_print_duration((int64_t)round(d->seconds * 1000), out);
        else
            prom_text_float(d->seconds, out);
        break;
    case PROM_DUR_STEP:
        buf_append_lit(out, "step()");
        break;
    case PROM_DUR_RANGE:
        buf_append_lit(out, "range()");
        break;
    case PROM_DUR_MIN:
    case PROM_DUR_MAX:
        buf_append_str(out, d->op == PROM_DUR_MIN ? STR("min_of(") : STR("max_of("));
        print_duration_expr(d->left, out);
        buf_append_lit(out, ", ");
        print_duration_expr(d->right, out);
        buf_append_byte(out, ')');
        break;
    case PROM_DUR_NEG:
        buf_append_byte(out, '-');
        print_duration_expr(d->right, out);
        break;
    case PROM_DUR_PLUS:
        print_duration_expr(d->right, out);
        break;
    case PROM_DUR_ADD:
    case PROM_DUR_SUB:
    case PROM_DUR_MUL:
    case PROM_DUR_DIV:
    case PROM_DUR_MOD:
    case PROM_DUR_POW:
        print_duration_expr(d->left, out);
        buf_append_str(out, str_from(ops[d->op]));
        print_duration_expr(d->right, out);
        break;
    }
    if (d->wrapped)
        buf_append_byte(out, ')');
}

static void print_labels(const Str *labels, uint32_t count, Buf *out)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_lit(out, ", ");
        if (plain_label(labels[i]))
            buf_append_str(out, labels[i]);
        else
            prom_text_quote(labels[i], out);
    }
}

void promql_print_matcher(const LabelMatcher *matcher, Buf *out)
{
    static const char *const ops[] = {
        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

    if (plain_label(matcher->name))
        buf_append_str(out, matcher->name);
    else
        prom_text_quote(matcher->name, out);
    buf_append_str(out, str_from(ops[matcher->op]));
    prom_text_quote(matcher->value, out);
}

static void print_at(const PromTimeMod *mod, Buf *out)
{
    switch (mod->at) {
    case PROM_AT_NONE:
        return;
    case PROM_AT_TIME:
        buf_printf(out, " @ %.3f", (double)mod->at_ms / 1000);
        return;
    case PROM_AT_START:
        buf_append_lit(out, " @ start()");
        return;
    case PROM_AT_END:
        buf_append_lit(out, " @ end()");
        return;
    }
}

static void print_offset(const PromTimeMod *mod, Buf *out)
{
    if (mod->offset_expr) {
        buf_append_lit(out, " offset ");
        print_duration_expr(mod->offset_expr, out);
    } else if (mod->offset_ms) {
        buf_append_lit(out, " offset ");
        promql_print_duration(mod->offset_ms, out);
    }
}

static void print_extended(const PromExpr *selector, Buf *out)
{
    if (selector->selector.anchored)
        buf_append_lit(out, " anchored");
    else if (selector->selector.smoothed)
        buf_append_lit(out, " smoothed");
}

static int cmp_text(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* Name and matchers, sorted by their text. */
static void print_selector_core(const PromExpr *expr, Buf *out)
{
    CLEANUP(buf_done) Buf texts = {0};
    uint32_t n = 0;
    Str *parts = mem_alloc(sizeof(Str) * (expr->selector.matcher_count + 1));
    size_t *starts = mem_alloc(sizeof(size_t) * (expr->selector.matcher_count + 1));

    for (uint32_t i = 0; i < expr->selector.matcher_count; i++) {
        const LabelMatcher *m = &expr->selector.matchers[i];
        if (m->op == MATCH_EQ && m->value.len && str_eq(m->name, LABEL_NAME) &&
            str_eq(m->value, expr->selector.name))
            continue;
        starts[n++] = texts.len;
        promql_print_matcher(m, &texts);
    }
    starts[n] = texts.len;
    for (uint32_t i = 0; i < n; i++)
        parts[i] = str_make(texts.ptr + starts[i], starts[i + 1] - starts[i]);
    qsort(parts, n, sizeof *parts, cmp_text);
    buf_append_str(out, expr->selector.name);
    if (n || !expr->selector.name.len) {
        buf_append_byte(out, '{');
        for (uint32_t i = 0; i < n; i++) {
            if (i)
                buf_append_byte(out, ',');
            buf_append_str(out, parts[i]);
        }
        buf_append_byte(out, '}');
    }
    mem_free(parts);
    mem_free(starts);
}

static void print_selector(const PromExpr *expr, Buf *out)
{
    print_selector_core(expr, out);
    print_at(&expr->selector.mod, out);
    print_extended(expr, out);
    print_offset(&expr->selector.mod, out);
}

static void print_range(const PromExpr *expr, Buf *out)
{
    const PromExpr *selector = expr->range.selector;

    print_selector_core(selector, out);
    buf_append_byte(out, '[');
    if (expr->range.range_expr)
        print_duration_expr(expr->range.range_expr, out);
    else
        promql_print_duration(expr->range.range_ms, out);
    buf_append_byte(out, ']');
    print_extended(selector, out);
    print_at(&selector->selector.mod, out);
    print_offset(&selector->selector.mod, out);
}

static void print_subquery_suffix(const PromExpr *expr, Buf *out)
{
    buf_append_byte(out, '[');
    if (expr->subquery.range_expr)
        print_duration_expr(expr->subquery.range_expr, out);
    else
        promql_print_duration(expr->subquery.range_ms, out);
    buf_append_byte(out, ':');
    if (expr->subquery.step_expr)
        print_duration_expr(expr->subquery.step_expr, out);
    else if (expr->subquery.step_ms)
        promql_print_duration(expr->subquery.step_ms, out);
    buf_append_byte(out, ']');
    print_at(&expr->subquery.mod, out);
    print_offset(&expr->subquery.mod, out);
}

/* "sum by (a) " up to the parenthesis. */
static void print_agg_head(const PromExpr *expr, Buf *out)
{
    buf_append_str(out, prom_agg_infos[expr->agg.op].name);
    if (expr->agg.without || expr->agg.grouping_count) {
        buf_append_str(out, expr->agg.without ? STR(" without (") : STR(" by ("));
        print_labels(expr->agg.grouping, expr->agg.grouping_count, out);
        buf_append_lit(out, ") ");
    }
}

static void print_fill(const char *name, double value, Buf *out)
{
    buf_printf(out, " %s (", name);
    prom_text_float(value, out);
    buf_append_byte(out, ')');
}

static bool same_number(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* " bool on (a) group_left (b) fill (0)" */
static void print_matching(const PromExpr *expr, Buf *out)
{
    const PromMatching *m = &expr->binary.matching;
    bool grouped = m->card == PROM_MANY_TO_ONE || m->card == PROM_ONE_TO_MANY;

    if (expr->binary.return_bool)
        buf_append_lit(out, " bool");
    if (!expr->binary.has_matching)
        return;
    if (m->label_count || m->on || grouped) {
        buf_append_str(out, m->on ? STR(" on (") : STR(" ignoring ("));
        print_labels(m->labels, m->label_count, out);
        buf_append_byte(out, ')');
    }
    if (grouped) {
        buf_append_str(out,
                       m->card == PROM_MANY_TO_ONE ? STR(" group_left (") : STR(" group_right ("));
        print_labels(m->include, m->include_count, out);
        buf_append_byte(out, ')');
    }
    if (m->has_fill_left && m->has_fill_right && same_number(m->fill_left, m->fill_right)) {
        print_fill("fill", m->fill_left, out);
        return;
    }
    if (m->has_fill_left)
        print_fill("fill_left", m->fill_left, out);
    if (m->has_fill_right)
        print_fill("fill_right", m->fill_right, out);
}

void promql_print(const PromExpr *expr, Buf *out)
{
    switch (expr->kind) {
    case PROM_NUMBER:
        if (expr->number.is_duration)
            promql_print_duration((int64_t)round(expr->number.value * 1000), out);
        else
            prom_text_float(expr->number.value, out);
        return;
    case PROM_STRING:
        prom_text_quote(expr->string, out);
        return;
    case PROM_SELECTOR:
        print_selector(expr, out);
        return;
    case PROM_RANGE:
        print_range(expr, out);
        return;
    case PROM_SUBQUERY:
        promql_print(expr->subquery.expr, out);
        print_subquery_suffix(expr, out);
        return;
    case PROM_CALL:
        buf_append_str(out, prom_func_infos[expr->call.func].name);
        buf_append_byte(out, '(');
        for (uint32_t i = 0; i < expr->call.arg_count; i++) {
            if (i)
                buf_append_lit(out, ", ");
            promql_print(expr->call.args[i], out);
        }
        buf_append_byte(out, ')');
        return;
    case PROM_AGGREGATE:
        print_agg_head(expr, out);
        buf_append_byte(out, '(');
        if (expr->agg.param) {
            promql_print(expr->agg.param, out);
            buf_append_lit(out, ", ");
        }
        promql_print(expr->agg.expr, out);
        buf_append_byte(out, ')');
        return;
    case PROM_BINARY:
        promql_print(expr->binary.left, out);
        buf_printf(out, " %s", prom_op_text(expr->binary.op));
        print_matching(expr, out);
        buf_append_byte(out, ' ');
        promql_print(expr->binary.right, out);
        return;
    case PROM_UNARY:
        buf_append_byte(out, expr->unary.negate ? '-' : '+');
        promql_print(expr->unary.expr, out);
        return;
    case PROM_PAREN:
        buf_append_byte(out, '(');
        promql_print(expr->paren, out);
        buf_append_byte(out, ')');
        return;
    }
}

/* ---------------------------------------------------------------- over several lines */

static void print_indent(uint32_t level, Buf *out)
{
    for (uint32_t i = 0; i < level * INDENT; i++)
        buf_append_byte(out, ' ');
}

/* Does the expression fit on a line? Then it was appended, indented. */
static bool print_if_short(const PromExpr *expr, uint32_t level, Buf *out)
{
    CLEANUP(buf_done) Buf line = {.len_max = LINE_MAX_};

    promql_print(expr, &line);
    if (line.overflowed)
        return false;
    print_indent(level, out);
    buf_append_str(out, buf_str(&line));
    return true;
}

static void print_pretty(const PromExpr *expr, uint32_t level, Buf *out);

/* As print_pretty without the indentation of the first line. */
static void print_pretty_inline(const PromExpr *expr, uint32_t level, Buf *out)
{
    CLEANUP(buf_done) Buf text = {0};
    size_t skip = 0;

    print_pretty(expr, level, &text);
    while (skip < text.len && text.ptr[skip] == ' ')
        skip++;
    buf_append(out, text.ptr + skip, text.len - skip);
}

static void print_pretty_args(PromExpr *const *args, uint32_t count, uint32_t level, Buf *out)
{
    buf_append_lit(out, "(\n");
    for (uint32_t i = 0; i < count; i++) {
        print_pretty(args[i], level + 1, out);
        if (i + 1 < count)
            buf_append_byte(out, ',');
        buf_append_byte(out, '\n');
    }
    print_indent(level, out);
    buf_append_byte(out, ')');
}

static void print_pretty(const PromExpr *expr, uint32_t level, Buf *out)
{
    if (print_if_short(expr, level, out))
        return;
    switch (expr->kind) {
    case PROM_NUMBER:
    case PROM_STRING:
    case PROM_SELECTOR:
    case PROM_RANGE:
        print_indent(level, out);
        promql_print(expr, out);
        return;
    case PROM_SUBQUERY:
        print_pretty(expr->subquery.expr, level, out);
        print_subquery_suffix(expr, out);
        return;
    case PROM_CALL:
        print_indent(level, out);
        buf_append_str(out, prom_func_infos[expr->call.func].name);
        print_pretty_args(expr->call.args, expr->call.arg_count, level, out);
        return;
    case PROM_AGGREGATE: {
        PromExpr *args[2] = {expr->agg.param, expr->agg.expr};
        bool param = expr->agg.param != NULL;
        print_indent(level, out);
        print_agg_head(expr, out);
        print_pretty_args(param ? args : args + 1, param ? 2 : 1, level, out);
        return;
    }
    case PROM_BINARY:
        print_pretty(expr->binary.left, level + 1, out);
        buf_append_byte(out, '\n');
        print_indent(level, out);
        buf_append_str(out, str_from(prom_op_text(expr->binary.op)));
        print_matching(expr, out);
        buf_append_byte(out, '\n');
        print_pretty(expr->binary.right, level + 1, out);
        return;
    case PROM_UNARY:
        print_indent(level, out);
        buf_append_byte(out, expr->unary.negate ? '-' : '+');
        print_pretty_inline(expr->unary.expr, level, out);
        return;
    case PROM_PAREN:
        print_indent(level, out);
        buf_append_lit(out, "(\n");
        print_pretty(expr->paren, level + 1, out);
        buf_append_byte(out, '\n');
        print_indent(level, out);
        buf_append_byte(out, ')');
        return;
    }
}

void promql_print_pretty(const PromExpr *expr, Buf *out)
{
    print_pretty(expr, 0, out);
}

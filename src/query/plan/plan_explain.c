/* plan_explain.c - EXPLAIN: the plan as PostgreSQL shows one: as text, a node a line ("  ->  "
 * before children) with its expressions on the lines below, or as JSON, YAML and XML with
 * PostgreSQL's names of properties.
 *
 * Costs are in PostgreSQL's unit (a page read = 1, a row = 0.01) and count rows only. */
#include "query/plan/plan_explain.h"

#include <stdio.h>
#include <string.h>

#include "query/plan/plan_explain_int.h"

PlanSeriesExplain plan_series_explainer;

enum { DEPTH_MAX = (EXPLAIN_DEPTH_MAX - 12) / 2 }; /* of nodes shown; each is two groups */

static const double ROW_COST = 0.01;
static const double ROWS_UNKNOWN = 1000; /* of a relation */
static const int VARIABLE_WIDTH = 32;

static const char *const set_op_names[] = {"Union", "Intersect", "Except"};
static const char *const join_words[] = {
    [JOIN_INNER] = "Inner", [JOIN_LEFT] = "Left",
    [JOIN_RIGHT] = "Right", [JOIN_FULL] = "Full",
    [JOIN_CROSS] = "Inner", [JOIN_SEMI] = "Semi",
    [JOIN_ANTI] = "Anti",   [JOIN_NULL_ANTI] = "Null-Aware Anti",
    [JOIN_MARK] = "Mark",   [JOIN_SINGLE] = "Single",
};

typedef struct Printer {
    ExplainWriter *w;
    const PlanExplainOptions *options;
    Buf value; /* a property in the making */
    uint32_t subplan_count;
    bool plans_open; /* the node's "Plans" */
} Printer;

/* ---------------------------------------------------------------- names */

/* ScanOp of engine.h, in its order; those from SCAN_OP_PLAIN_COUNT on look into texts. */
static const char *const scan_ops[] = {
    "=", "<>", "<", "<=", ">", ">=", "IS NULL", "IS NOT NULL", "matches", "LIKE", "ILIKE", "words"};
enum { SCAN_OP_EQ = 0, SCAN_OP_PLAIN_COUNT = 8 };

/* Does a predicate fix the column? */
static bool is_fixed(const PlanNode *scan, uint16_t column)
{
    for (uint32_t i = 0; i < scan->predicate_count; i++)
        if (scan->predicates[i].column == column && scan->predicates[i].op == SCAN_OP_EQ)
            return true;
    return false;
}

/* The key by which the scan finds its row: the first whose columns are all fixed. */
static const TableKey *scan_key(const PlanNode *scan)
{
    for (uint32_t i = 0; i < scan->table->key_count; i++) {
        const TableKey *key = &scan->table->keys[i];
        uint32_t fixed = 0;
        while (fixed < key->column_count && is_fixed(scan, key->columns[fixed]))
            fixed++;
        if (fixed == key->column_count)
            return key;
    }
    return NULL;
}

static bool is_key_column(const TableKey *key, uint16_t column)
{
    for (uint32_t i = 0; key && i < key->column_count; i++)
        if (key->columns[i] == column)
            return true;
    return false;
}

/* What a node is called, the text's way and the others'. */
typedef struct NodeName {
    const char *type;     /* PostgreSQL's "Node Type" */
    const char *text;     /* NULL = type */
    const char *property; /* "Strategy" and the like: a property that belongs to the name */
    const char *value;
    char own[80];
} NodeName;

static void name_join(const PlanNode *node, NodeName *ret)
{
    const char *word = join_words[node->join_kind];
    bool plain = !strcmp(word, "Inner");
    ret->type = node->join_key_count && node->kind == PLAN_JOIN ? "Hash Join" : "Nested Loop";
    ret->property = "Join Type";
    ret->value = word;
    ret->text = ret->own;
    if (node->kind == PLAN_APPLY)
        snprintf(ret->own, sizeof ret->own, "Apply%s%s", plain ? "" : " ", plain ? "" : word);
    else if (plain)
        ret->text = ret->type;
    else
        snprintf(ret->own, sizeof ret->own,
                 node->join_key_count ? "Hash %s Join" : "Nested Loop %s Join", word);
}

static void name_scan(const PlanNode *node, NodeName *ret)
{
    const TableKey *key = scan_key(node);
    ret->type = "Seq Scan";
    if (!key)
        return;
    ret->type = "Index Scan";
    ret->text = ret->own;
    snprintf(ret->own, sizeof ret->own, "Index Scan using %.*s",
             (int)LUMA_MIN(key->name.len, (size_t)40), key->name.ptr);
}

static void name_aggregate(const PlanNode *node, NodeName *ret)
{
    bool mixed = node->kind == PLAN_AGGREGATE && node->grouping_sets;
    bool plain = node->kind == PLAN_AGGREGATE && !node->group_count;
    ret->type = "Aggregate";
    ret->text = mixed ? "MixedAggregate" : plain ? "Aggregate" : "HashAggregate";
    ret->property = "Strategy";
    ret->value = mixed ? "Mixed" : plain ? "Plain" : "Hashed";
}

static void name_node(const PlanNode *node, NodeName *ret)
{
    *ret = (NodeName){.type = "?"};
    switch (node->kind) {
    case PLAN_SCAN:
        name_scan(node, ret);
        return;
    case PLAN_VALUES:
        ret->type = node->schema.field_count ? "Values Scan" : "Result";
        return;
    case PLAN_EMPTY:
        ret->type = "Result";
        ret->text = "Empty Result";
        return;
    case PLAN_FILTER:
        ret->type = "Filter";
        return;
    case PLAN_PROJECT:
        ret->type = "Project";
        return;
    case PLAN_AGGREGATE:
        name_aggregate(node, ret);
        return;
    case PLAN_SORT:
        ret->type = "Sort";
        return;
    case PLAN_LIMIT:
        ret->type = node->key_count ? "Top-N Sort" : "Limit";
        return;
    case PLAN_DISTINCT:
        ret->type = "Unique";
        if (!node->group_count)
            name_aggregate(node, ret);
        return;
    case PLAN_JOIN:
    case PLAN_APPLY:
        name_join(node, ret);
        return;
    case PLAN_SET_OP:
        ret->type = node->set_op == SET_OP_UNION && node->all ? "Append" : "SetOp";
        ret->text = ret->own;
        ret->property = "Command";
        ret->value = ret->own;
        snprintf(ret->own, sizeof ret->own, "%s%s", set_op_names[node->set_op],
                 node->all ? " All" : "");
        return;
    case PLAN_WINDOW:
        ret->type = "WindowAgg";
        return;
    case PLAN_FUNCTION_SCAN:
        ret->type = "Function Scan";
        ret->text = ret->own;
        ret->property = "Function Name";
        ret->value = node->table_function ? node->table_function->name : "?";
        snprintf(ret->own, sizeof ret->own, "Function Scan on %.40s", ret->value);
        return;
    case PLAN_PROJECT_SET:
        ret->type = "ProjectSet";
        return;
    case PLAN_CTE:
        ret->type = "CTE";
        ret->text = ret->own;
        snprintf(ret->own, sizeof ret->own, "CTE %u", node->cte_idx);
        return;
    case PLAN_CTE_SCAN:
        ret->type = "CTE Scan";
        ret->text = ret->own;
        snprintf(ret->own, sizeof ret->own, "CTE Scan on %u", node->cte_idx);
        return;
    case PLAN_RECURSIVE:
        ret->type = "Recursive Union";
        return;
    case PLAN_VIRTUAL_SCAN:
        ret->type = "System Scan";
        return;
    case PLAN_INSERT:
    case PLAN_UPDATE:
    case PLAN_DELETE:
        ret->type = "ModifyTable";
        ret->text = node->kind == PLAN_INSERT   ? "Insert"
                    : node->kind == PLAN_UPDATE ? "Update"
                                                : "Delete";
        ret->property = "Operation";
        ret->value = ret->text;
        return;
    case PLAN_SERIES_ROWS:
        ret->type = "PromQL Rows";
        return;
    case PLAN_SERIES:
        ret->type = "PromQL";
        return;
    }
}

/* ---------------------------------------------------------------- estimates */

static double children_rows(const PlanNode *node, int depth);

static double rows_of(const PlanNode *node, int depth)
{
    if (node->row_estimate >= 0)
        return node->row_estimate;
    switch (node->kind) {
    case PLAN_VALUES:
        return node->values_rows;
    case PLAN_EMPTY:
        return 0;
    case PLAN_AGGREGATE:
        if (!node->group_count)
            return 1;
        break;
    case PLAN_LIMIT:
        if (node->limit && expr_is_const(node->limit) && !expr_is_null_const(node->limit) &&
            type_is_integer(node->limit->type))
            return LUMA_MIN((double)column_i64(&node->limit->value, 0), children_rows(node, depth));
        break;
    default:
        break;
    }
    return node->children[0] ? children_rows(node, depth) : ROWS_UNKNOWN;
}

static double children_rows(const PlanNode *node, int depth)
{
    double rows = 0;
    if (depth > DEPTH_MAX)
        return ROWS_UNKNOWN;
    for (int i = 0; i < 2; i++) {
        /* The main part of WITH gives the rows. */
        if (!node->children[i] || (node->kind == PLAN_CTE && i == 0))
            continue;
        double child = rows_of(node->children[i], depth + 1);
        rows = node->kind == PLAN_SET_OP ? rows + child : LUMA_MAX(rows, child);
    }
    return rows;
}

typedef struct Cost {
    double startup;
    double total;
} Cost;

/* Rows taken in and given out; what must see all input first starts with its cost. */
static Cost cost_of(const PlanNode *node, int depth)
{
    Cost cost = {0};
    if (depth > DEPTH_MAX)
        return cost;
    bool blocks = node->kind == PLAN_SORT || node->kind == PLAN_AGGREGATE ||
                  node->kind == PLAN_DISTINCT || node->kind == PLAN_WINDOW ||
                  (node->kind == PLAN_LIMIT && node->key_count);
    for (int i = 0; i < 2; i++) {
        if (!node->children[i])
            continue;
        Cost child = cost_of(node->children[i], depth + 1);
        cost.startup += blocks || i ? child.total : child.startup;
        cost.total += child.total;
    }
    cost.total += ROW_COST * rows_of(node, depth);
    if (node->kind == PLAN_SCAN)
        cost.total += ROW_COST * rows_of(node, depth);
    return cost;
}

static unsigned width_of(const PlanNode *node)
{
    unsigned width = 0;
    for (uint32_t i = 0; i < node->schema.field_count; i++) {
        Layout layout = type_layout(node->schema.fields[i].type);
        size_t bytes = layout_width(layout);
        width += layout == LAYOUT_VIEW || !bytes ? (unsigned)VARIABLE_WIDTH : (unsigned)bytes;
    }
    return width;
}

/* ---------------------------------------------------------------- properties */

static void put(Printer *p, const char *label)
{
    explain_text(p->w, label, buf_str(&p->value));
    buf_clear(&p->value);
}

static void put_expr(Printer *p, const char *label, const Expr *expr, const PlanNode *node)
{
    if (!expr)
        return;
    expr_explain(expr, node, &p->value);
    put(p, label);
}

static void put_item(Printer *p)
{
    explain_list_item(p->w, buf_str(&p->value));
    buf_clear(&p->value);
}

static void put_list(Printer *p, const char *label, Expr *const *exprs, uint32_t count,
                     const PlanNode *node)
{
    if (!count)
        return;
    explain_list_open(p->w, label);
    for (uint32_t i = 0; i < count; i++) {
        expr_explain(exprs[i], node, &p->value);
        put_item(p);
    }
    explain_list_close(p->w, label);
}

static void put_matchers(Printer *p, const PlanNode *node)
{
    static const char *const ops[] = {"=", "!=", "=~", "!~"};
    if (!node->matcher_count)
        return;
    explain_list_open(p->w, "Matchers");
    for (uint32_t i = 0; i < node->matcher_count; i++) {
        const LabelMatcher *m = &node->matchers[i];
        buf_printf(&p->value, "%.*s%s\"%.*s\"", STR_FMT(m->name), ops[m->op], STR_FMT(m->value));
        put_item(p);
    }
    explain_list_close(p->w, "Matchers");
}

static void append_predicate(Buf *out, const PlanNode *node, const PlanPredicate *p)
{
    const char *op = p->op < LUMA_ARRAY_LEN(scan_ops) ? scan_ops[p->op] : "?";
    bool as_call = p->op >= SCAN_OP_PLAIN_COUNT && op[0] >= 'a';

    buf_append_str(out, as_call ? str_from(op) : STR(""));
    buf_append_byte(out, '(');
    plan__append_ident(out, node->table->columns[p->column].name);
    if (as_call)
        buf_append_byte(out, ',');
    else
        buf_printf(out, " %s", op);
    if (p->value) {
        buf_append_byte(out, ' ');
        expr_explain(p->value, node, out);
    }
    buf_append_byte(out, ')');
}

/* Does the predicate let the scan skip rows unseen: by time, by dictionary, by words or ids? */
static bool is_indexed(const PlanNode *node, const PlanPredicate *p)
{
    const Table *table = node->table;

    if (p->op >= SCAN_OP_PLAIN_COUNT ||
        (p->op == SCAN_OP_EQ && is_key_column(scan_key(node), p->column)))
        return true;
    if ((table->kind != TABLE_LOGS && table->kind != TABLE_TRACES) || !p->value)
        return false;
    return (int32_t)p->column == table->time_column ||
           (p->op == SCAN_OP_EQ && type_is_text(table->columns[p->column].type));
}

static void put_predicates(Printer *p, const PlanNode *node, bool indexed)
{
    for (uint32_t i = 0; i < node->predicate_count; i++) {
        if (is_indexed(node, &node->predicates[i]) != indexed)
            continue;
        if (p->value.len)
            buf_append_lit(&p->value, " AND ");
        append_predicate(&p->value, node, &node->predicates[i]);
    }
    if (p->value.len)
        put(p, indexed ? "Index Cond" : "Scan Cond");
}

static void put_scan(Printer *p, const PlanNode *node)
{
    put_matchers(p, node);
    put_predicates(p, node, true);
    put_predicates(p, node, false);
    if (node->top) {
        plan__append_ident(&p->value, node->table->columns[node->top_column].name);
        buf_append_str(&p->value, node->top_descending ? STR(" DESC") : STR(""));
        put(p, "Best First");
    }
    if (node->row_limit != INT64_MAX)
        explain_number(p->w, "Row Limit", "%lld", (long long)node->row_limit);
}

static void put_grouping_set(Printer *p, const PlanNode *node, uint64_t set)
{
    explain_list_open(p->w, "Group Key");
    if (!set)
        explain_list_item(p->w, STR("()"));
    for (uint32_t g = 0; g < node->group_count; g++) {
        if (!(set >> g & 1))
            continue;
        expr_explain(node->groups[g], node, &p->value);
        put_item(p);
    }
    explain_list_close(p->w, "Group Key");
}

static void put_groups(Printer *p, const PlanNode *node)
{
    if (!node->grouping_sets) {
        put_list(p, "Group Key", node->groups, node->group_count, node);
    } else {
        bool grouped = p->w->format != EXPLAIN_TEXT;
        if (grouped)
            explain_open(p->w, "Grouping Sets", true);
        for (uint32_t s = 0; s < node->grouping_set_count; s++) {
            if (grouped)
                explain_open(p->w, "Grouping Set", false);
            put_grouping_set(p, node, node->grouping_sets[s]);
            if (grouped)
                explain_close(p->w);
        }
        if (grouped)
            explain_close(p->w);
    }
    put_list(p, "Aggregates", node->aggregates, node->aggregate_count, node);
}

static void put_join_keys(Printer *p, const PlanNode *node)
{
    if (!node->join_key_count)
        return;
    for (uint32_t i = 0; i < node->join_key_count; i++) {
        buf_append_str(&p->value, i ? STR(" AND (") : STR("("));
        expr_explain(node->left_keys[i], node, &p->value);
        buf_append_str(&p->value, node->null_safe ? STR(" IS NOT DISTINCT FROM ") : STR(" = "));
        expr_explain(node->right_keys[i], node, &p->value);
        buf_append_byte(&p->value, ')');
    }
    put(p, "Hash Cond");
}

/* The lines of a PromQL plan. */
static void put_series(Printer *p, const PlanNode *node)
{
    if (!plan_series_explainer)
        return;
    if (p->w->format == EXPLAIN_TEXT) {
        plan_series_explainer(node, (int)p->w->indent, p->w->out);
        return;
    }
    Str line;
    CLEANUP(buf_done) Buf lines = {0};
    plan_series_explainer(node, 0, &lines);
    Str text = buf_str(&lines);
    if (str_ends(text, STR("\n")))
        text.len--;
    explain_list_open(p->w, "Series Plan");
    while (str_split(&text, '\n', &line))
        explain_list_item(p->w, line);
    explain_list_close(p->w, "Series Plan");
}

static void put_details(Printer *p, const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_SCAN:
        put_scan(p, node);
        break;
    case PLAN_FILTER:
        put_expr(p, "Filter", node->predicate, node);
        break;
    case PLAN_PROJECT:
    case PLAN_PROJECT_SET:
        put_list(p, "Output", node->exprs, node->expr_count, node);
        break;
    case PLAN_FUNCTION_SCAN:
        put_list(p, "Arguments", node->exprs, node->expr_count, node);
        break;
    case PLAN_AGGREGATE:
        put_groups(p, node);
        break;
    case PLAN_DISTINCT:
        put_list(p, "Group Key", node->groups, node->group_count, node);
        break;
    case PLAN_WINDOW:
        put_list(p, "Partition By", node->groups, node->group_count, node);
        put_list(p, "Calls", node->aggregates, node->aggregate_count, node);
        break;
    case PLAN_JOIN:
    case PLAN_APPLY:
        put_join_keys(p, node);
        put_expr(p, "Join Filter", node->predicate, node);
        break;
    case PLAN_INSERT:
    case PLAN_UPDATE:
    case PLAN_DELETE:
        put_list(p, "Output", node->returning, node->returning_count, node);
        break;
    case PLAN_SERIES:
    case PLAN_SERIES_ROWS:
        put_series(p, node);
        break;
    case PLAN_VALUES:
        if (node->schema.field_count)
            explain_number(p->w, "Rows", "%u", node->values_rows);
        break;
    case PLAN_SORT:
    case PLAN_LIMIT:
    case PLAN_EMPTY:
    case PLAN_SET_OP:
    case PLAN_CTE:
    case PLAN_CTE_SCAN:
    case PLAN_RECURSIVE:
    case PLAN_VIRTUAL_SCAN:
        break;
    }
    if (node->key_count) {
        explain_list_open(p->w, "Sort Key");
        for (uint32_t i = 0; i < node->key_count; i++) {
            plan__append_key(&node->keys[i], node, &p->value);
            put_item(p);
        }
        explain_list_close(p->w, "Sort Key");
    }
    put_expr(p, "Limit", node->limit, node);
    put_expr(p, "Offset", node->offset, node);
}

/* ---------------------------------------------------------------- what happened */

static bool actual_of(const Printer *p, const PlanNode *node, PlanActual *ret)
{
    *ret = (PlanActual){0};
    return p->options->actual && p->options->actual(p->options->ctx, node, ret);
}

static double per_loop_ms(const PlanActual *a, int64_t ns)
{
    return a->loops ? (double)ns / 1e6 / (double)a->loops : 0;
}

static uint64_t per_loop(const PlanActual *a, uint64_t rows)
{
    return a->loops ? (rows + a->loops / 2) / a->loops : 0;
}

static void put_actual(Printer *p, const PlanNode *node, const PlanActual *a)
{
    PlanActual child;
    if (node->kind == PLAN_FILTER && a->loops && actual_of(p, node->children[0], &child))
        explain_number(p->w, "Rows Removed by Filter", "%llu",
                       (unsigned long long)per_loop(a, child.rows - LUMA_MIN(a->rows, child.rows)));
    if (a->workers > 1) {
        explain_number(p->w, "Workers Planned", "%u", a->workers - 1);
        explain_number(p->w, "Workers Launched", "%u", a->workers - 1);
    }
    if (a->spilled_bytes)
        explain_number(p->w, "Disk Usage", p->w->format == EXPLAIN_TEXT ? "%llukB" : "%llu",
                       (unsigned long long)(a->spilled_bytes + 1023) / 1024);
    if (!a->segments)
        return;
    if (p->w->format == EXPLAIN_TEXT) {
        buf_printf(&p->value, "segments=%llu skipped=%llu rows=%llu%s",
                   (unsigned long long)a->segments, (unsigned long long)a->segments_skipped,
                   (unsigned long long)a->rows_looked_at, a->index_used ? " index" : "");
        put(p, "Scanned");
        return;
    }
    explain_number(p->w, "Segments", "%llu", (unsigned long long)a->segments);
    explain_number(p->w, "Segments Skipped", "%llu", (unsigned long long)a->segments_skipped);
    explain_number(p->w, "Rows Looked At", "%llu", (unsigned long long)a->rows_looked_at);
    explain_bool(p->w, "Index Used", a->index_used);
}

/* ---------------------------------------------------------------- nodes */

static Str relation_of(const PlanNode *node, Str *ret_schema)
{
    *ret_schema = node->table           ? node->table->schema
                  : node->virtual_table ? node->virtual_table->schema
                                        : (Str){0};
    return node->table           ? node->table->name
           : node->virtual_table ? node->virtual_table->name
                                 : (Str){0};
}

static void text_head(Printer *p, const PlanNode *node, const NodeName *name, bool arrow,
                      const PlanActual *a, int depth)
{
    Buf *out = p->w->out;
    Str schema;
    Str relation = relation_of(node, &schema);
    buf_printf(out, "%*s%s%s", (int)p->w->indent, "", arrow ? "->  " : "",
               name->text ? name->text : name->type);
    if (relation.len) {
        buf_append_lit(out, " on ");
        if (schema.len) {
            plan__append_ident(out, schema);
            buf_append_byte(out, '.');
        }
        plan__append_ident(out, relation);
    }
    if (p->options->costs) {
        Cost cost = cost_of(node, depth);
        buf_printf(out, "  (cost=%.2f..%.2f rows=%.0f width=%u)", cost.startup, cost.total,
                   rows_of(node, depth), width_of(node));
    }
    if (p->options->actual && !a->loops)
        buf_append_lit(out, " (never executed)");
    else if (p->options->actual && p->options->timing)
        buf_printf(out, " (actual time=%.3f..%.3f rows=%llu loops=%llu)",
                   per_loop_ms(a, a->startup_ns), per_loop_ms(a, a->total_ns),
                   (unsigned long long)per_loop(a, a->rows), (unsigned long long)a->loops);
    else if (p->options->actual)
        buf_printf(out, " (actual rows=%llu loops=%llu)", (unsigned long long)per_loop(a, a->rows),
                   (unsigned long long)a->loops);
    buf_append_byte(out, '\n');
}

static void put_head(Printer *p, const PlanNode *node, const NodeName *name,
                     const char *relationship, const PlanActual *a, int depth)
{
    ExplainWriter *w = p->w;
    Str schema;
    Str relation = relation_of(node, &schema);
    const TableKey *key = node->kind == PLAN_SCAN ? scan_key(node) : NULL;

    explain_text(w, "Node Type", str_from(name->type));
    if (relationship)
        explain_text(w, "Parent Relationship", str_from(relationship));
    if (name->property)
        explain_text(w, name->property, str_from(name->value));
    explain_bool(w, "Parallel Aware", a->workers > 1);
    explain_bool(w, "Async Capable", false);
    if (key)
        explain_text(w, "Index Name", key->name);
    if (relation.len) {
        explain_text(w, "Relation Name", relation);
        if (schema.len)
            explain_text(w, "Schema", schema);
        explain_text(w, "Alias", relation);
    }
    if (p->options->costs) {
        Cost cost = cost_of(node, depth);
        explain_number(w, "Startup Cost", "%.2f", cost.startup);
        explain_number(w, "Total Cost", "%.2f", cost.total);
        explain_number(w, "Plan Rows", "%.0f", rows_of(node, depth));
        explain_number(w, "Plan Width", "%u", width_of(node));
    }
    if (!p->options->actual)
        return;
    if (p->options->timing) {
        explain_number(w, "Actual Startup Time", "%.3f", per_loop_ms(a, a->startup_ns));
        explain_number(w, "Actual Total Time", "%.3f", per_loop_ms(a, a->total_ns));
    }
    explain_number(w, "Actual Rows", "%llu", (unsigned long long)per_loop(a, a->rows));
    explain_number(w, "Actual Loops", "%llu", (unsigned long long)a->loops);
}

static void put_node(Printer *p, const PlanNode *node, const char *relationship, int depth);

/* The node's "Plans" begin with its first child. */
static void open_plans(Printer *p)
{
    if (!p->plans_open)
        explain_open(p->w, "Plans", true);
    p->plans_open = true;
}

typedef struct SubplanPrinter {
    Printer *p;
    int depth;
} SubplanPrinter;

static bool put_subplan(Expr *expr, void *ctx)
{
    SubplanPrinter *s = ctx;
    if (expr->kind != EXPR_SUBQUERY || !expr->subplan)
        return true;
    s->p->subplan_count++;
    if (s->p->w->format == EXPLAIN_TEXT) {
        buf_printf(s->p->w->out, "%*sSubPlan\n", (int)s->p->w->indent, "");
        s->p->w->indent += 2;
    } else {
        open_plans(s->p);
    }
    put_node(s->p, expr->subplan, "SubPlan", s->depth + 1);
    if (s->p->w->format == EXPLAIN_TEXT)
        s->p->w->indent -= 2;
    return true;
}

static bool put_slot_subplans(Expr **slot, void *ctx)
{
    return expr_walk(*slot, put_subplan, ctx);
}

static void put_children(Printer *p, const PlanNode *node, int depth)
{
    static const char *const sides[] = {"Outer", "Inner"};
    SubplanPrinter subplans = {p, depth};
    PlanNode *walkable = (PlanNode *)(uintptr_t)node; /* the printer only reads */
    (void)plan_walk_exprs(walkable, put_slot_subplans, &subplans);
    for (int i = 0; i < 2; i++) {
        if (!node->children[i])
            continue;
        open_plans(p);
        put_node(p, node->children[i], node->kind == PLAN_SET_OP ? "Member" : sides[i], depth + 1);
    }
}

static void put_subplan_name(Printer *p)
{
    buf_printf(&p->value, "SubPlan %u", p->subplan_count);
    put(p, "Subplan Name");
}

static void put_node(Printer *p, const PlanNode *node, const char *relationship, int depth)
{
    ExplainWriter *w = p->w;
    NodeName name;
    PlanActual actual;
    bool outer_open = p->plans_open;
    uint32_t outer_indent = w->indent;

    if (depth > DEPTH_MAX)
        return;
    name_node(node, &name);
    (void)actual_of(p, node, &actual);
    explain_open(w, "Plan", false);
    p->plans_open = false;
    if (w->format == EXPLAIN_TEXT) {
        text_head(p, node, &name, relationship != NULL, &actual, depth);
        w->indent += relationship ? 6 : 2;
    } else {
        put_head(p, node, &name, relationship, &actual, depth);
        if (relationship && !strcmp(relationship, "SubPlan"))
            put_subplan_name(p);
    }
    put_details(p, node);
    if (p->options->actual)
        put_actual(p, node, &actual);
    put_children(p, node, depth);
    if (p->plans_open)
        explain_close(w);
    explain_close(w);
    p->plans_open = outer_open;
    w->indent = outer_indent;
}

static void put_modified(Printer *p, const PlanNode *node)
{
    const PlanExplainOptions *options = p->options;
    ExplainWriter *w = p->w;

    if (w->format == EXPLAIN_TEXT) {
        buf_printf(w->out, "%s on ", options->operation);
        plan__append_ident(w->out, options->table->name);
        if (options->costs) {
            double cost = cost_of(node, 0).total;
            buf_printf(w->out, "  (cost=%.2f..%.2f rows=0 width=0)", cost, cost);
        }
        buf_append_byte(w->out, '\n');
        w->indent = 2;
        put_node(p, node, "Outer", 1);
        w->indent = 0;
        return;
    }
    explain_open(w, "Plan", false);
    explain_text(w, "Node Type", STR("ModifyTable"));
    explain_text(w, "Operation", str_from(options->operation));
    explain_bool(w, "Parallel Aware", false);
    explain_bool(w, "Async Capable", false);
    explain_text(w, "Relation Name", options->table->name);
    explain_text(w, "Schema", options->table->schema);
    explain_text(w, "Alias", options->table->name);
    if (options->costs) {
        Cost cost = cost_of(node, 0);
        explain_number(w, "Startup Cost", "%.2f", cost.total);
        explain_number(w, "Total Cost", "%.2f", cost.total);
        explain_number(w, "Plan Rows", "0");
        explain_number(w, "Plan Width", "0");
    }
    explain_open(w, "Plans", true);
    put_node(p, node, "Outer", 1);
    explain_close(w);
    explain_close(w);
}

void plan_explain_with(const Plan *plan, const PlanExplainOptions *options, ExplainWriter *w)
{
    Printer p = {.w = w, .options = options};
    if (options->operation)
        put_modified(&p, plan->root);
    else
        put_node(&p, plan->root, NULL, 0);
    buf_done(&p.value);
}

void plan_explain(const Plan *plan, Buf *out)
{
    ExplainWriter *w = MEM_NEW(ExplainWriter);
    explain_begin(w, EXPLAIN_TEXT, out);
    plan_explain_with(plan, &(PlanExplainOptions){0}, w);
    explain_end(w);
    mem_free(w);
}

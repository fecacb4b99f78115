/* promql_rows.c - promql('...', start, end, step) in FROM: a PromQL result as rows.
 *
 * Columns: ts, value, and one text column per label the result can have. Labels are found when the
 * statement is bound, from the tree of the query and the series its selectors match; the rows come
 * from promql_execute when the scan starts. A label that turns up later (a new series) is an error
 * that says so, never a column left out. */
#include <stdlib.h>

#include "query/promql/promql.h"
#include "query/query_int.h"

enum { PROMQL_COLUMNS_MAX = 1600, COLUMN_TS = 0, COLUMN_VALUE = 1, COLUMN_FIRST_LABEL = 2 };

/* ---------------------------------------------------------------- label names */

typedef struct Names {
    Str *names;
    uint32_t count;
    uint32_t cap;
} Names;

typedef struct Finder {
    Binding *binding;
    Arena *arena;
    Error *err;
} Finder;

static bool has_name(const Names *names, Str name)
{
    for (uint32_t i = 0; i < names->count; i++)
        if (str_eq(names->names[i], name))
            return true;
    return false;
}

static void add_name(Finder *f, Names *names, Str name)
{
    if (!has_name(names, name))
        ARENA_PUSH(f->arena, names->names, names->count, names->cap, name);
}

static Status find_names(Finder *f, const PromExpr *expr, Names *ret);

static Status selector_names(Finder *f, const PromExpr *expr, Names *ret)
{
    Str *found;
    uint32_t count;
    TRY(engine_label_names(f->binding->snapshot, expr->selector.matchers,
                           expr->selector.matcher_count, INT64_MIN, INT64_MAX, f->arena, &found,
                           &count, f->err));
    for (uint32_t i = 0; i < count; i++)
        add_name(f, ret, arena_str(f->arena, found[i]));
    return STATUS_OK;
}

/* by (...) says exactly which; without (...) takes some away. */
static Status aggregate_names(Finder *f, const PromExpr *expr, Names *ret)
{
    Names inner = {0};
    bool picks = expr->agg.op == PROM_AGG_TOPK || expr->agg.op == PROM_AGG_BOTTOMK ||
                 expr->agg.op == PROM_AGG_LIMITK || expr->agg.op == PROM_AGG_LIMIT_RATIO;
    if (expr->agg.op == PROM_AGG_COUNT_VALUES && expr->agg.param->kind == PROM_STRING)
        add_name(f, ret, expr->agg.param->string);
    if (picks)
        return find_names(f, expr->agg.expr, ret);
    if (!expr->agg.without) {
        for (uint32_t i = 0; i < expr->agg.grouping_count; i++)
            add_name(f, ret, expr->agg.grouping[i]);
        return STATUS_OK;
    }
    TRY(find_names(f, expr->agg.expr, &inner));
    for (uint32_t i = 0; i < inner.count; i++) {
        bool dropped = str_eq(inner.names[i], LABEL_NAME);
        for (uint32_t k = 0; k < expr->agg.grouping_count; k++)
            dropped |= str_eq(inner.names[i], expr->agg.grouping[k]);
        if (!dropped)
            add_name(f, ret, inner.names[i]);
    }
    return STATUS_OK;
}

static Status call_names(Finder *f, const PromExpr *expr, Names *ret)
{
    bool sets_label =
        expr->call.func == PROM_FUNC_LABEL_REPLACE || expr->call.func == PROM_FUNC_LABEL_JOIN;
    for (uint32_t i = 0; i < expr->call.arg_count; i++)
        TRY(find_names(f, expr->call.args[i], ret));
    if (sets_label && expr->call.arg_count > 1 && expr->call.args[1]->kind == PROM_STRING)
        add_name(f, ret, expr->call.args[1]->string);
    return STATUS_OK;
}

/* All labels the result may have; some may turn out to be absent. */
static Status find_names(Finder *f, const PromExpr *expr, Names *ret)
{
    switch (expr->kind) {
    case PROM_NUMBER:
    case PROM_STRING:
        return STATUS_OK;
    case PROM_SELECTOR:
        return selector_names(f, expr, ret);
    case PROM_RANGE:
        return find_names(f, expr->range.selector, ret);
    case PROM_SUBQUERY:
        return find_names(f, expr->subquery.expr, ret);
    case PROM_CALL:
        return call_names(f, expr, ret);
    case PROM_AGGREGATE:
        return aggregate_names(f, expr, ret);
    case PROM_BINARY:
        for (uint32_t i = 0; i < expr->binary.matching.include_count; i++)
            add_name(f, ret, expr->binary.matching.include[i]);
        TRY(find_names(f, expr->binary.left, ret));
        return find_names(f, expr->binary.right, ret);
    case PROM_UNARY:
        return find_names(f, expr->unary.expr, ret);
    case PROM_PAREN:
        return find_names(f, expr->paren, ret);
    }
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* ---------------------------------------------------------------- the table */

typedef struct PromqlTable {
    VirtualTable table;
    Schema schema;
    Binding *binding;
    SqlPromql call;
    Str *labels; /* sorted; column COLUMN_FIRST_LABEL + i */
    uint32_t label_count;
} PromqlTable;

typedef struct PromqlScan {
    PromqlResult result;
    RecordBatch batch; /* reused */
    uint32_t series;   /* next row: this series, this point */
    uint32_t point;
    int64_t instant_ms;
    bool scalar_done;
} PromqlScan;

static Status eval_arg(const PromqlTable *table, const Expr *expr, Arena *arena, Column *ret,
                       const char *name, Error *err)
{
    const Binding *binding = table->binding;
    TRY(exec_eval_const(expr, &binding->settings, binding->params, binding->param_count, arena, ret,
                        err));
    if (column_is_null(ret, 0))
        return error_set_sql(err, STATUS_INVALID, "22004", expr->position,
                             "the %s of promql() must not be NULL", name);
    return STATUS_OK;
}

static int64_t floor_ms(int64_t us)
{
    return us / 1000 - (us % 1000 < 0);
}

static Status make_request(const PromqlTable *table, Arena *arena, PromqlRequest *ret, Error *err)
{
    Column value;
    *ret = (PromqlRequest){.query = table->call.query,
                           .start_ms = floor_ms(table->binding->settings.statement_us)};
    if (table->call.start) {
        TRY(eval_arg(table, table->call.start, arena, &value, "start", err));
        ret->start_ms = floor_ms(column_i64(&value, 0));
    }
    ret->end_ms = ret->start_ms;
    if (!table->call.end)
        return STATUS_OK;
    TRY(eval_arg(table, table->call.end, arena, &value, "end", err));
    ret->end_ms = floor_ms(column_i64(&value, 0));
    TRY(eval_arg(table, table->call.step, arena, &value, "step", err));
    const Interval *step = column_fixed16(&value, 0);
    int64_t days = (int64_t)step->months * 30 + step->days;
    if (__builtin_mul_overflow(days, INT64_C(86400000), &ret->step_ms) ||
        __builtin_add_overflow(ret->step_ms, step->us / 1000, &ret->step_ms) || ret->step_ms <= 0)
        return error_set_sql(err, STATUS_INVALID, "22023", table->call.step->position,
                             "the step of promql() must be positive");
    return STATUS_OK;
}

static Status check_labels(const PromqlTable *table, const PromqlResult *result, Error *err)
{
    for (uint32_t s = 0; s < result->series_count; s++)
        for (uint32_t i = 0; i < result->series[s].labels.count; i++) {
            Str name = result->series[s].labels.labels[i].name;
            if (!bsearch(&name, table->labels, table->label_count, sizeof(Str), compare_names))
                return error_set_sql(err, STATUS_CONFLICT, "40001", table->call.position,
                                     "label \"%.*s\" appeared while the query ran; run it again",
                                     STR_FMT(name));
        }
    return STATUS_OK;
}

static Status start_scan(const PromqlTable *table, Arena *arena, PromqlScan **ret_scan, Error *err)
{
    PromqlScan *scan = ARENA_NEW(arena, PromqlScan);
    PromqlRequest request;
    QueryCancel none = {0};
    QueryCancel *cancel = table->binding->cancel ? table->binding->cancel : &none;
    TRY(make_request(table, arena, &request, err));
    Status status = promql_execute(table->binding->session->engine, &request, cancel, arena,
                                   &scan->result, err);
    if (status != STATUS_OK) {
        if (err)
            err->position = table->call.position;
        return status;
    }
    if (scan->result.type == PROMQL_STRING)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", table->call.position,
                             "promql() of a string is not supported");
    scan->instant_ms = request.start_ms;
    TRY(check_labels(table, &scan->result, err));
    TRY(batch_init(&scan->batch, arena, &table->schema, BATCH_ROWS, err));
    for (uint32_t c = COLUMN_VALUE; c < table->schema.field_count; c++)
        TRY(column_need_validity(&scan->batch.columns[c], arena, err));
    *ret_scan = scan;
    return STATUS_OK;
}

static void put_row(const PromqlTable *table, PromqlScan *scan, uint32_t row,
                    const PromqlSeries *series, uint32_t point)
{
    Column *columns = scan->batch.columns;
    bool histogram = series->histograms && series->histograms[point];
    ((int64_t *)column_values(&columns[COLUMN_TS]))[row] = series->ts_ms[point] * 1000;
    ((double *)column_values(&columns[COLUMN_VALUE]))[row] = series->values[point];
    bit_put(column_validity(&columns[COLUMN_VALUE]), row, !histogram);
    for (uint32_t i = 0; i < table->label_count; i++) {
        Column *column = &columns[COLUMN_FIRST_LABEL + i];
        Str value = label_set_get(series->labels, table->labels[i]);
        bit_put(column_validity(column), row, value.len > 0);
        ((View *)column_values(column))[row] = view_make(value.ptr, value.len);
    }
}

static uint32_t put_scalar(const PromqlTable *table, PromqlScan *scan)
{
    PromqlSeries series = {
        .ts_ms = &scan->instant_ms, .values = &scan->result.scalar, .point_count = 1};
    if (scan->scalar_done)
        return 0;
    scan->scalar_done = true;
    put_row(table, scan, 0, &series, 0);
    return 1;
}

static Status next_rows(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const PromqlTable *table = ctx;
    uint32_t rows = 0;
    if (!*state)
        TRY(start_scan(table, arena, (PromqlScan **)state, err));
    PromqlScan *scan = *state;
    if (scan->result.type == PROMQL_SCALAR && !scan->result.series_count)
        rows = put_scalar(table, scan);
    while (rows < BATCH_ROWS && scan->series < scan->result.series_count) {
        const PromqlSeries *series = &scan->result.series[scan->series];
        if (scan->point >= series->point_count) {
            scan->series++;
            scan->point = 0;
            continue;
        }
        put_row(table, scan, rows++, series, scan->point++);
    }
    scan->batch.row_count = rows;
    for (uint32_t c = 0; c < scan->batch.column_count; c++)
        scan->batch.columns[c].len = rows;
    *ret_batch = scan->batch;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- binding */

static bool is_free(Expr *expr, void *ctx)
{
    return expr->kind != EXPR_COLUMN && expr->kind != EXPR_OUTER && expr->kind != EXPR_SUBQUERY;
}

static Status check_args(const SqlPromql *call, Error *err)
{
    Expr *const args[] = {call->start, call->end, call->step};
    if (!call->end != !call->step || (call->end && !call->start))
        return error_set_sql(err, STATUS_INVALID, "42883", call->position,
                             "promql() takes a query; a query and a time; or a query, a start, an "
                             "end and a step");
    for (size_t i = 0; i < LUMA_ARRAY_LEN(args); i++)
        if (args[i] && !expr_walk(args[i], is_free, NULL))
            return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", args[i]->position,
                                 "arguments of promql() that depend on other tables are not "
                                 "supported");
    return STATUS_OK;
}

static Status result_labels(Binding *binding, const SqlPromql *call, Arena *arena, Names *ret,
                            Error *err)
{
    Finder finder = {binding, arena, err};
    PromExpr *expr;
    Status status = promql_parse(call->query, arena, &expr, err);
    if (status != STATUS_OK) {
        if (err) {
            err->position = call->position;
            memcpy(err->sqlstate, "42601", 6);
        }
        return status;
    }
    TRY(find_names(&finder, expr, ret));
    if (ret->count > PROMQL_COLUMNS_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54011", call->position,
                             "the result of promql() has more than %d labels; aggregate it by the "
                             "ones you need",
                             PROMQL_COLUMNS_MAX);
    if (ret->count)
        qsort(ret->names, ret->count, sizeof *ret->names, compare_names);
    return STATUS_OK;
}

static Schema result_schema(const Names *names, Arena *arena)
{
    Field *fields = ARENA_NEW_ARRAY(arena, Field, names->count + COLUMN_FIRST_LABEL);
    fields[COLUMN_TS] = (Field){.name = STR("ts"), .type = TYPE_OF(TIMESTAMPTZ), .not_null = true};
    fields[COLUMN_VALUE] = (Field){.name = STR("value"), .type = TYPE_OF(FLOAT8)};
    for (uint32_t i = 0; i < names->count; i++) {
        Str name = names->names[i];
        if (str_eq(name, STR("ts")) || str_eq(name, STR("value")))
            name = arena_printf(arena, "label_%.*s", STR_FMT(name));
        fields[COLUMN_FIRST_LABEL + i] = (Field){.name = name, .type = TYPE_OF(TEXT)};
    }
    return (Schema){fields, names->count + COLUMN_FIRST_LABEL};
}

Status query__bind_promql(void *ctx, const SqlPromql *call, Arena *arena, PlanNode **ret_node,
                          Error *err)
{
    Binding *binding = ctx;
    Names names = {0};
    TRY(check_args(call, err));
    TRY(binding__snapshot(binding, err));
    TRY(result_labels(binding, call, arena, &names, err));
    PromqlTable *table = ARENA_NEW(arena, PromqlTable);
    table->binding = binding;
    table->call = *call;
    table->labels = names.names;
    table->label_count = names.count;
    table->schema = result_schema(&names, arena);
    table->table = (VirtualTable){
        .name = STR("promql"), .columns = &table->schema, .next = next_rows, .ctx = table};
    PlanNode *scan = plan_node_new(arena, PLAN_VIRTUAL_SCAN);
    uint16_t *columns = ARENA_NEW_ARRAY(arena, uint16_t, table->schema.field_count);
    for (uint32_t i = 0; i < table->schema.field_count; i++)
        columns[i] = (uint16_t)i;
    scan->virtual_table = &table->table;
    scan->schema = table->schema;
    scan->scan_columns = columns;
    scan->position = call->position;
    *ret_node = scan;
    binding->used_tables = true;
    return STATUS_OK;
}

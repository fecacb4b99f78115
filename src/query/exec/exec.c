/* exec.c - a running plan: opening operators, pulling, checks, expressions without rows. */
#include "query/exec/exec_int.h"

#include "base/clock.h"

/* ---------------------------------------------------------------- operators */

static const OperatorOps *ops_for(const PlanNode *node)
{
    switch (node->kind) {
    case PLAN_SCAN:
        return &op_scan_ops;
    case PLAN_VALUES:
        return &op_values_ops;
    case PLAN_EMPTY:
        return &op_empty_ops;
    case PLAN_FILTER:
        return &op_filter_ops;
    case PLAN_PROJECT:
        return &op_project_ops;
    case PLAN_AGGREGATE:
        return &op_aggregate_ops;
    case PLAN_SORT:
        return &op_sort_ops;
    case PLAN_LIMIT:
        return node->key_count ? &op_sort_ops : &op_limit_ops;
    case PLAN_DISTINCT:
        return &op_distinct_ops;
    case PLAN_JOIN:
        return node->join_key_count ? &op_hash_join_ops : &op_loop_join_ops;
    case PLAN_SET_OP:
        return &op_set_op_ops;
    case PLAN_WINDOW:
        return &op_window_ops;
    case PLAN_FUNCTION_SCAN:
        return &op_function_scan_ops;
    case PLAN_PROJECT_SET:
        return &op_project_set_ops;
    case PLAN_CTE:
        return &op_cte_ops;
    case PLAN_CTE_SCAN:
        return &op_cte_scan_ops;
    case PLAN_RECURSIVE:
        return &op_recursive_ops;
    case PLAN_VIRTUAL_SCAN:
        return &op_virtual_scan_ops;
    case PLAN_APPLY:
        return &op_apply_ops;
    case PLAN_INSERT:
        return &op_insert_ops;
    case PLAN_SERIES_ROWS:
        return &op_series_rows_ops;
    case PLAN_UPDATE:
    case PLAN_DELETE:
    case PLAN_SERIES:
        return NULL;
    }
    return NULL;
}

Status operator_open(Exec *exec, const PlanNode *node, const OuterFrame *outer, SharedList *shared,
                     Operator **ret_op, Error *err)
{
    const OperatorOps *ops = ops_for(node);
    if (!ops)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", node->position,
                             node->kind == PLAN_UPDATE   ? "UPDATE is not supported yet"
                             : node->kind == PLAN_DELETE ? "DELETE is not supported yet"
                                                         : "this plan cannot be executed as rows");
    Operator *op = MEM_NEW(Operator);
    op->ops = ops;
    op->exec = exec;
    op->node = node;
    op->outer = outer;
    op->shared = shared;
    arena_init(&op->arena, &exec->budget);
    arena_init(&op->batch_arena, &exec->budget);
    expr_eval_init(&op->eval, exec, outer, &op->batch_arena, &op->arena);
    op->is_helper = shared && shared->is_opened;
    int64_t begin = clock_mono_ns();
    Status status = ops->open(op, err);
    op->time_ns = clock_mono_ns() - begin;
    if (status != STATUS_OK) {
        (void)operator_close(op);
        return status;
    }
    *ret_op = op;
    return STATUS_OK;
}

Status operator_open_child(Operator *op, Error *err)
{
    return operator_open(op->exec, op->node->children[0], op->outer, op->shared, &op->child, err);
}

Status operator_next(Operator *op, RecordBatch *ret_batch, Error *err)
{
    TRY(exec_check(op->exec, err));
    arena_reset(&op->batch_arena);
    *ret_batch = (RecordBatch){0};
    int64_t begin = clock_mono_ns();
    Status status = op->ops->next(op, ret_batch, err);
    op->time_ns += clock_mono_ns() - begin;
    if (!op->startup_ns)
        op->startup_ns = op->time_ns;
    TRY(status);
    ret_batch->schema = &op->node->schema;
    op->rows_out += ret_batch->row_count;
    return STATUS_OK;
}

/* The note of a node; scan_lock is held. Correlated subqueries ask for few of them over and over.
 */
static NodeNote *find_note(Exec *exec, const PlanNode *node)
{
    NodeNote **at = &exec->notes;
    while (*at && (*at)->node != node)
        at = &(*at)->next;
    NodeNote *note = *at;
    if (note) {
        *at = note->next;
    } else {
        note = MEM_NEW(NodeNote);
        note->node = node;
    }
    note->next = exec->notes;
    exec->notes = note;
    return note;
}

/* Helpers add rows; the time is that of the instance that began. */
static void note_operator(const Operator *op)
{
    MUTEX_GUARD(&op->exec->scan_lock);
    PlanActual *actual = &find_note(op->exec, op->node)->actual;
    actual->rows += op->rows_out;
    if (op->is_helper)
        return;
    actual->loops++;
    actual->startup_ns += op->startup_ns ? op->startup_ns : op->time_ns;
    actual->total_ns += op->time_ns;
}

void exec__note_workers(Exec *exec, const PlanNode *chain, uint32_t workers)
{
    MUTEX_GUARD(&exec->scan_lock);
    for (const PlanNode *node = chain; node; node = node->children[0]) {
        PlanActual *actual = &find_note(exec, node)->actual;
        actual->workers = LUMA_MAX(actual->workers, workers);
    }
}

void exec__note_spill(Exec *exec, const PlanNode *node, int64_t bytes)
{
    __atomic_add_fetch(&exec->spilled_bytes, bytes, __ATOMIC_RELAXED);
    MUTEX_GUARD(&exec->scan_lock);
    find_note(exec, node)->actual.spilled_bytes += bytes;
}

Operator *operator_close(Operator *op)
{
    if (!op)
        return NULL;
    note_operator(op);
    if (op->ops->close)
        op->ops->close(op);
    (void)operator_close(op->child);
    arena_done(&op->batch_arena);
    arena_done(&op->arena);
    mem_free(op);
    return NULL;
}

Status exec_check(Exec *exec, Error *err)
{
    if (exec->options.cancelled && __atomic_load_n(exec->options.cancelled, __ATOMIC_RELAXED))
        return error_set_sql(err, STATUS_CANCELLED, "57014", 0,
                             "canceling statement due to user request");
    if (exec->options.deadline_mono_ns && clock_mono_ns() > exec->options.deadline_mono_ns)
        return error_set_sql(err, STATUS_TIMEOUT, "57014", 0,
                             "canceling statement due to statement timeout");
    if (__atomic_load_n(&exec->failed, __ATOMIC_RELAXED))
        return error_set(err, STATUS_CANCELLED, "another worker of the query failed");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- helpers of operators */

Status exec__columns(Arena *arena, uint32_t count, Column **ret, Error *err)
{
    return arena_try_alloc(arena, sizeof(Column) * (count + 1), ret, err);
}

Status exec__schema_types(const Schema *schema, Arena *arena, Type **ret_types, Error *err)
{
    TRY(arena_try_alloc(arena, sizeof(Type) * (schema->field_count + 1), ret_types, err));
    for (uint32_t i = 0; i < schema->field_count; i++)
        (*ret_types)[i] = schema->fields[i].type;
    return STATUS_OK;
}

Status exec__materialize(Exec *exec, const PlanNode *node, const OuterFrame *outer, RowSet *ret,
                         Error *err)
{
    Operator *op;
    Type *types;
    Arena scratch;

    arena_init(&scratch, NULL);
    Status status = exec__schema_types(&node->schema, &scratch, &types, err);
    if (status == STATUS_OK)
        status = rowset_init(ret, &exec->budget, types, node->schema.field_count, err);
    arena_done(&scratch);
    TRY(status);
    TRY(operator_open(exec, node, outer, NULL, &op, err));
    for (;;) {
        RecordBatch batch;
        status = operator_next(op, &batch, err);
        if (status != STATUS_OK || !batch.row_count)
            break;
        status = rowset_append(ret, batch.columns, NULL, batch.row_count, err);
        if (status != STATUS_OK)
            break;
    }
    (void)operator_close(op);
    return status;
}

Status exec__eval_i64(Operator *op, const Expr *expr, bool *ret_some, int64_t *ret, Error *err)
{
    Column c;
    *ret_some = false;
    if (!expr)
        return STATUS_OK;
    TRY(expr_eval_plain(&op->eval, expr, NULL, NULL, 1, &c, err));
    if (column_is_null(&c, 0))
        return STATUS_OK;
    if (!type_is_integer(c.type))
        return error_set(err, STATUS_INTERNAL, "an integer was expected");
    *ret_some = true;
    *ret = column_i64(&c, 0);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the door */

static void use_settings(Exec *exec)
{
    exec->default_settings = (EvalSettings){.date_style = STR("ISO, MDY"),
                                            .interval_style = STR("postgres"),
                                            .extra_float_digits = 1,
                                            .bytea_output = STR("hex"),
                                            .time_zone_name = STR("UTC")};
    exec->default_settings.transaction_us = clock_wall_ns() / 1000;
    exec->default_settings.statement_us = exec->default_settings.transaction_us;
    exec->settings = exec->options.settings ? exec->options.settings : &exec->default_settings;
}

static void exec_init(Exec *exec, const ExecOptions *options)
{
    *exec = (Exec){.options = *options};
    mem_budget_init(&exec->budget, options->budget, "query memory", INT64_MAX);
    arena_init(&exec->arena, &exec->budget);
    mutex_init(&exec->lock);
    cond_init(&exec->once_done);
    use_settings(exec);
}

static void exec_done(Exec *exec)
{
    exec__once_free(exec);
    arena_done(&exec->arena);
    cond_done(&exec->once_done);
    mutex_done(&exec->lock);
}

Status exec_open(const Plan *plan, const ExecOptions *options, Exec **ret_exec, Error *err)
{
    Exec *exec = MEM_NEW(Exec);
    exec_init(exec, options);
    mutex_init(&exec->scan_lock);
    exec->plan = plan;
    exec->ctes = MEM_NEW_ARRAY(RowSet *, plan->cte_count + 1);
    exec->working = MEM_NEW_ARRAY(const RowSet *, plan->cte_count + 1);
    Status status = operator_open(exec, plan->root, NULL, NULL, &exec->root, err);
    if (status != STATUS_OK) {
        (void)exec_close(exec);
        return status;
    }
    *ret_exec = exec;
    return STATUS_OK;
}

Status exec_next(Exec *exec, RecordBatch *ret_batch, Error *err)
{
    return operator_next(exec->root, ret_batch, err);
}

uint64_t exec_rows_written(const Exec *exec)
{
    return exec->rows_written;
}

uint64_t exec_spilled_bytes(const Exec *exec)
{
    return (uint64_t)__atomic_load_n(&exec->spilled_bytes, __ATOMIC_RELAXED);
}

Exec *exec_close(Exec *exec)
{
    if (!exec)
        return NULL;
    (void)operator_close(exec->root);
    while (exec->notes) {
        NodeNote *note = exec->notes;
        exec->notes = note->next;
        mem_free(note);
    }
    while (exec->tops) {
        TopBound *top = exec->tops;
        exec->tops = top->next;
        mem_free(top);
    }
    mutex_done(&exec->scan_lock);
    exec_done(exec);
    mem_free(exec->ctes);
    mem_free(exec->working);
    mem_free(exec);
    return NULL;
}

ScanBound *exec__top_bound(Exec *exec, const PlanNode *top)
{
    MUTEX_GUARD(&exec->scan_lock);
    TopBound *found = exec->tops;
    while (found && found->node != top)
        found = found->next;
    if (!found) {
        found = MEM_NEW(TopBound);
        *found = (TopBound){.next = exec->tops, .node = top};
        exec->tops = found;
    }
    return &found->bound;
}

Scan *exec__end_scan(Exec *exec, const PlanNode *node, Scan *scan)
{
    ScanStats stats;

    if (!scan)
        return NULL;
    scan_stats(scan, &stats);
    (void)scan_free(scan);
    if (!stats.segments)
        return NULL;
    MUTEX_GUARD(&exec->scan_lock);
    PlanActual *actual = &find_note(exec, node)->actual;
    actual->segments += stats.segments;
    actual->segments_skipped += stats.segments_skipped;
    actual->rows_looked_at += stats.rows_looked_at;
    actual->index_used |= stats.index_used;
    return NULL;
}

Status exec_eval_const(const Expr *expr, const EvalSettings *settings, const Column *params,
                       uint32_t param_count, Arena *arena, Column *ret, Error *err)
{
    Exec exec;
    Arena lasting;
    ExprEval ev;
    Column value;
    ExecOptions options = {.settings = settings, .params = params, .param_count = param_count};

    exec_init(&exec, &options);
    arena_init(&lasting, NULL);
    expr_eval_init(&ev, &exec, NULL, arena, &lasting);
    Status status = expr_eval_plain(&ev, expr, NULL, NULL, 1, &value, err);
    if (status == STATUS_OK) {
        value.is_const = true;
        value.len = 1;
        status = column_copy(&value, arena, ret, err);
    }
    arena_done(&lasting);
    exec_done(&exec);
    return status;
}

/* ---------------------------------------------------------------- figures */

void exec_end(Exec *exec)
{
    exec->root = operator_close(exec->root);
}

bool exec_node_stats(const Exec *exec, const PlanNode *node, PlanActual *ret)
{
    for (const NodeNote *note = exec->notes; note; note = note->next) {
        if (note->node != node)
            continue;
        *ret = note->actual;
        return true;
    }
    return false;
}

static bool node_stats(void *ctx, const PlanNode *node, PlanActual *ret)
{
    return exec_node_stats(ctx, node, ret);
}

void exec_append_stats(Exec *exec, Buf *out)
{
    PlanExplainOptions options = {.timing = true, .actual = node_stats, .ctx = exec};
    exec_end(exec);
    ExplainWriter *w = MEM_NEW(ExplainWriter);
    explain_begin(w, EXPLAIN_TEXT, out);
    plan_explain_with(exec->plan, &options, w);
    explain_end(w);
    mem_free(w);
}

/* subquery_once.c - answers of subqueries that read no outer row: one for the whole execution, made
 * by the first thread that asks; others wait for it. The lock is not held while it is made, so that
 * such subqueries nest. */
#include "query/exec/exec_int.h"

struct OnceValue {
    OnceValue *next;
    const PlanNode *subplan;
    SubqueryKind kind;
    bool done;
    Status status;
    Error error;
    Arena arena;
    Column value; /* one row, in arena */
};

static OnceValue *find(Exec *exec, const Expr *expr)
{
    OnceValue *v = exec->once;
    while (v && (v->subplan != expr->subplan || v->kind != expr->subquery_kind))
        v = v->next;
    return v;
}

static void make(ExprEval *ev, const Expr *expr, OnceValue *v)
{
    Column answer;
    CLEANUP(arena_done) Arena scratch = {0};
    arena_init(&scratch, &ev->exec->budget);
    v->status = exec__subquery_answer(ev, expr, NULL, &scratch, &answer, &v->error);
    if (v->status == STATUS_OK)
        v->status = column_copy(&answer, &v->arena, &v->value, &v->error);
}

Status exec__subquery_once(ExprEval *ev, const Expr *expr, uint32_t rows, Column *ret, Error *err)
{
    Exec *exec = ev->exec;
    mutex_lock(&exec->lock);
    OnceValue *v = find(exec, expr);
    bool mine = !v;
    if (mine) {
        v = MEM_NEW(OnceValue);
        v->subplan = expr->subplan;
        v->kind = expr->subquery_kind;
        arena_init(&v->arena, &exec->budget);
        v->next = exec->once;
        exec->once = v;
    }
    while (!mine && !v->done)
        cond_wait(&exec->once_done, &exec->lock);
    mutex_unlock(&exec->lock);
    if (mine) {
        make(ev, expr, v);
        mutex_lock(&exec->lock);
        v->done = true;
        cond_broadcast(&exec->once_done);
        mutex_unlock(&exec->lock);
    }
    if (v->status != STATUS_OK) {
        if (err)
            *err = v->error;
        return v->status;
    }
    *ret = v->value;
    ret->type = expr->type;
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

void exec__once_free(Exec *exec)
{
    while (exec->once) {
        OnceValue *v = exec->once;
        exec->once = v->next;
        arena_done(&v->arena);
        mem_free(v);
    }
}

/* pgtree_modify.c - INSERT, UPDATE, DELETE and TRUNCATE: PostgreSQL's raw statements -> our AST. */
#include "query/sql/pgtree_int.h"

/* ---------------------------------------------------------------- SET */

/* (a, b) = (SELECT x, y): column i becomes (SELECT s.ci FROM (SELECT x, y) s(c1, c2)). */
static AstExpr *subquery_column(Convert *c, AstSelect *source, uint32_t column, uint32_t count)
{
    AstExpr *expr = ARENA_NEW(c->arena, AstExpr);
    AstExpr *name = ARENA_NEW(c->arena, AstExpr);
    AstSelect *select = ARENA_NEW(c->arena, AstSelect);
    AstFrom *from = ARENA_NEW(c->arena, AstFrom);

    from->kind = AST_FROM_SELECT;
    from->select = source;
    from->alias.name = STR("*assigned*");
    from->alias.columns.names = ARENA_NEW_ARRAY(c->arena, Str, count);
    for (uint32_t i = 0; i < count; i++)
        from->alias.columns.names[i] = arena_printf(c->arena, "*%u*", i);
    from->alias.columns.count = count;
    name->kind = AST_COLUMN;
    name->path.names = &from->alias.columns.names[column];
    name->path.count = 1;
    select->targets = ARENA_NEW(c->arena, AstTarget);
    select->targets->expr = name;
    select->target_count = 1;
    select->from = arena_dup(c->arena, &from, sizeof from);
    select->from_count = 1;
    select->position = source->position;
    expr->kind = AST_SUBQUERY;
    expr->number = AST_SUBQUERY_SCALAR;
    expr->select = select;
    expr->position = source->position;
    return expr;
}

/* Columns of a query, as far as its text shows; -1 = a star. */
static int64_t select_columns(const AstSelect *select)
{
    while (select->left)
        select = select->left;
    if (select->values_rows)
        return select->values_columns;
    for (uint32_t i = 0; i < select->target_count; i++)
        if (select->targets[i].expr->kind == AST_STAR ||
            select->targets[i].expr->kind == AST_FIELD_STAR)
            return -1;
    return select->target_count;
}

static void assign_from_row(Convert *c, RowExpr *row, uint32_t column, uint32_t count,
                            AstAssignment *ret)
{
    if (list_length(row->args) != count)
        ret->kind = AST_ASSIGN_MISMATCH;
    else
        ret->value = pgtree__expr(c, list_nth(row->args, (int)column));
}

/* `source` of the columns before is reused: its subquery is converted once. */
static void assign_multiple(Convert *c, MultiAssignRef *ref, AstExpr **source, AstAssignment *ret)
{
    uint32_t column = (uint32_t)ref->colno - 1;
    uint32_t count = (uint32_t)ref->ncolumns;

    if (IsA(ref->source, RowExpr)) {
        assign_from_row(c, (RowExpr *)ref->source, column, count, ret);
        return;
    }
    if (!IsA(ref->source, SubLink) || ((SubLink *)ref->source)->subLinkType != EXPR_SUBLINK) {
        ret->kind = AST_ASSIGN_SOURCE;
        return;
    }
    if (!column || !*source)
        *source = pgtree__expr(c, ref->source);
    if ((*source)->kind != AST_SUBQUERY)
        return; /* nested too deep: refused as a whole */
    int64_t have = select_columns((*source)->select);
    if (have >= 0 && have != count)
        ret->kind = AST_ASSIGN_MISMATCH;
    else
        ret->value = subquery_column(c, (*source)->select, column, count);
}

/* column[1].field of an assignment. */
static AstExpr *column_part(Convert *c, ResTarget *res)
{
    AstExpr *column = ARENA_NEW(c->arena, AstExpr);
    *column = (AstExpr){.kind = AST_COLUMN, .position = pgtree__position(c, res->location)};
    column->path.names = ARENA_NEW_ARRAY(c->arena, Str, 1);
    column->path.names[0] = pgtree__str(c, res->name);
    column->path.count = 1;
    return pgtree__steps(c, column, res->indirection, res->location);
}

static AstAssignment *convert_assignments(Convert *c, List *list, uint32_t *ret_count)
{
    AstAssignment *assignments = ARENA_NEW_ARRAY(c->arena, AstAssignment, list_length(list));
    AstExpr *source = NULL;
    uint32_t count = 0;
    ListCell *cell;

    foreach(cell, list)
    {
        ResTarget *res = lfirst(cell);
        AstAssignment *assignment = &assignments[count++];
        assignment->column = pgtree__str(c, res->name);
        assignment->position = pgtree__position(c, res->location);
        if (res->indirection) {
            assignment->kind = AST_ASSIGN_PART;
            assignment->part = column_part(c, res);
        }
        if (IsA(res->val, MultiAssignRef))
            assign_multiple(c, (MultiAssignRef *)res->val, &source, assignment);
        else
            assignment->value = pgtree__expr(c, res->val);
    }
    *ret_count = count;
    return assignments;
}

/* ---------------------------------------------------------------- INSERT */

static AstOnConflict *convert_on_conflict(Convert *c, OnConflictClause *node)
{
    AstOnConflict *conflict = ARENA_NEW(c->arena, AstOnConflict);
    ListCell *cell;

    conflict->update = node->action == ONCONFLICT_UPDATE;
    conflict->position = pgtree__position(c, node->location);
    if (node->infer) {
        InferClause *infer = node->infer;
        conflict->constraint = pgtree__str(c, infer->conname);
        conflict->columns = ARENA_NEW_ARRAY(c->arena, AstTarget, list_length(infer->indexElems));
        foreach(cell, infer->indexElems)
        {
            IndexElem *elem = lfirst(cell);
            AstTarget *column = &conflict->columns[conflict->column_count++];
            column->alias = pgtree__str(c, elem->name);
            column->position = pgtree__position(c, infer->location);
            if (elem->expr)
                column->expr = pgtree__expr(c, elem->expr);
        }
        if (infer->whereClause)
            conflict->index_where = pgtree__expr(c, infer->whereClause);
    }
    conflict->assignments = convert_assignments(c, node->targetList, &conflict->assignment_count);
    if (node->whereClause)
        conflict->where = pgtree__expr(c, node->whereClause);
    return conflict;
}

AstInsert *pgtree__insert(Convert *c, InsertStmt *node)
{
    AstInsert *insert = ARENA_NEW(c->arena, AstInsert);

    insert->table = pgtree__range_var(c, node->relation);
    if (node->relation->alias)
        insert->alias = pgtree__str(c, node->relation->alias->aliasname);
    insert->columns = pgtree__targets(c, node->cols, &insert->column_count);
    for (uint32_t i = 0; i < insert->column_count; i++) {
        ResTarget *res = list_nth(node->cols, (int)i);
        if (res->indirection)
            insert->columns[i].expr = column_part(c, res);
    }
    if (node->selectStmt)
        insert->source = pgtree__select(c, (SelectStmt *)node->selectStmt);
    insert->returning = pgtree__targets(c, node->returningList, &insert->returning_count);
    insert->with = pgtree__with(c, node->withClause);
    if (node->onConflictClause)
        insert->on_conflict = convert_on_conflict(c, node->onConflictClause);
    insert->overriding = node->override == OVERRIDING_USER_VALUE     ? AST_OVERRIDING_USER
                         : node->override == OVERRIDING_SYSTEM_VALUE ? AST_OVERRIDING_SYSTEM
                                                                     : AST_OVERRIDING_NONE;
    return insert;
}

/* ---------------------------------------------------------------- UPDATE, DELETE, TRUNCATE */

static void convert_items(Convert *c, List *list, AstModify *modify)
{
    ListCell *cell;

    modify->from = ARENA_NEW_ARRAY(c->arena, AstFrom *, list_length(list));
    foreach(cell, list) modify->from[modify->from_count++] = pgtree__from(c, lfirst(cell));
}

static AstFrom *convert_target(Convert *c, RangeVar *relation)
{
    AstFrom *from = pgtree__from(c, (Node *)relation);

    from->row_id = true;
    return from;
}

static void convert_where(Convert *c, Node *where, AstModify *modify)
{
    if (where && IsA(where, CurrentOfExpr))
        modify->where_current_of = true;
    else if (where)
        modify->where = pgtree__expr(c, where);
}

AstModify *pgtree__update(Convert *c, UpdateStmt *node)
{
    AstModify *modify = ARENA_NEW(c->arena, AstModify);

    modify->with = pgtree__with(c, node->withClause);
    modify->table = convert_target(c, node->relation);
    modify->assignments = convert_assignments(c, node->targetList, &modify->assignment_count);
    convert_items(c, node->fromClause, modify);
    convert_where(c, node->whereClause, modify);
    modify->returning = pgtree__targets(c, node->returningList, &modify->returning_count);
    return modify;
}

AstModify *pgtree__delete(Convert *c, DeleteStmt *node)
{
    AstModify *modify = ARENA_NEW(c->arena, AstModify);

    modify->with = pgtree__with(c, node->withClause);
    modify->table = convert_target(c, node->relation);
    convert_items(c, node->usingClause, modify);
    convert_where(c, node->whereClause, modify);
    modify->returning = pgtree__targets(c, node->returningList, &modify->returning_count);
    return modify;
}

static void convert_when(Convert *c, MergeWhenClause *node, AstMergeWhen *when)
{
    when->matched = node->matched;
    if (node->condition)
        when->condition = pgtree__expr(c, node->condition);
    switch (node->commandType) {
    case CMD_UPDATE:
        when->action = AST_MERGE_UPDATE;
        when->assignments = convert_assignments(c, node->targetList, &when->assignment_count);
        break;
    case CMD_DELETE:
        when->action = AST_MERGE_DELETE;
        break;
    case CMD_INSERT:
        when->action = AST_MERGE_INSERT;
        when->columns = pgtree__targets(c, node->targetList, &when->column_count);
        when->values = pgtree__exprs(c, node->values, &when->value_count);
        if (!when->value_count)
            when->column_count = 0; /* DEFAULT VALUES */
        break;
    default:
        when->action = AST_MERGE_NOTHING;
        break;
    }
}

AstMerge *pgtree__merge(Convert *c, MergeStmt *node)
{
    AstMerge *merge = ARENA_NEW(c->arena, AstMerge);
    ListCell *cell;

    merge->with = pgtree__with(c, node->withClause);
    merge->table = convert_target(c, node->relation);
    merge->source = pgtree__from(c, node->sourceRelation);
    merge->on = pgtree__expr(c, node->joinCondition);
    merge->whens = ARENA_NEW_ARRAY(c->arena, AstMergeWhen, list_length(node->mergeWhenClauses));
    foreach(cell, node->mergeWhenClauses)
        convert_when(c, lfirst(cell), &merge->whens[merge->when_count++]);
    return merge;
}

AstTruncate *pgtree__truncate(Convert *c, TruncateStmt *node)
{
    AstTruncate *truncate = ARENA_NEW(c->arena, AstTruncate);
    ListCell *cell;

    truncate->names = ARENA_NEW_ARRAY(c->arena, AstName, list_length(node->relations));
    foreach(cell, node->relations) truncate->names[truncate->count++] =
        pgtree__range_var(c, lfirst(cell));
    truncate->restart_identity = node->restart_seqs;
    truncate->cascade = node->behavior == DROP_CASCADE;
    return truncate;
}

/* copy.c - COPY FROM STDIN and COPY TO STDOUT.
 *
 * TO is a SELECT (of the table, or as written) that runs as an inner query; the protocol prints its
 * batches. FROM is an INSERT whose source is the reader: what a chunk of bytes holds runs through
 * the INSERT's plan (defaults, casts), WHERE and the checks, and joins the rows that the
 * transaction holds. So a COPY is one atomic write, alone or in a block. Where the plan would
 * change nothing, rows are read straight into the transaction's memory. */
#include "query/query_copy_int.h"

#include "base/clock.h"

/* No table can have these names. */
#define ROWS_SCHEMA STR(" copy")
#define ROWS_NAME STR(" rows")

/* ---------------------------------------------------------------- statements as written */

static AstExpr *star_expr(Arena *arena)
{
    AstExpr *expr = ARENA_NEW(arena, AstExpr);
    expr->kind = AST_STAR;
    return expr;
}

static AstExpr *column_expr(Arena *arena, Str name)
{
    AstExpr *expr = ARENA_NEW(arena, AstExpr);
    expr->kind = AST_COLUMN;
    expr->path.names = arena_dup(arena, &name, sizeof name);
    expr->path.count = 1;
    return expr;
}

/* SELECT columns FROM name [AS alias]; no columns = all. */
static AstSelect *select_from(Arena *arena, AstName name, Str alias, const Str *columns,
                              uint32_t count)
{
    AstSelect *select = ARENA_NEW(arena, AstSelect);
    AstFrom *from = ARENA_NEW(arena, AstFrom);
    from->kind = AST_FROM_TABLE;
    from->table = name;
    from->alias.name = alias;
    select->from = arena_dup(arena, &from, sizeof from);
    select->from_count = 1;
    select->targets = ARENA_NEW_ARRAY(arena, AstTarget, count + 1);
    select->target_count = LUMA_MAX(count, 1u);
    select->targets[0].expr = star_expr(arena);
    for (uint32_t i = 0; i < count; i++)
        select->targets[i].expr = column_expr(arena, columns[i]);
    return select;
}

static Status check_destination(const AstCopy *ast, Error *err)
{
    if (!ast->file && !ast->program)
        return STATUS_OK;
    Status status = error_set_sql(err, STATUS_DENIED, "42501", 0,
                                  "permission denied to COPY %s %s of the server",
                                  ast->from ? "from" : "to", ast->program ? "a program" : "a file");
    error_hint(err, "Anyone can COPY to stdout or from stdin. psql's \\copy command also works for "
                    "anyone.");
    return status;
}

static Str *column_names(Arena *arena, const SqlCopy *bound)
{
    Str *names = ARENA_NEW_ARRAY(arena, Str, bound->column_count + 1);
    for (uint32_t i = 0; i < bound->column_count; i++)
        names[i] = bound->table->columns[bound->columns[i]].name;
    return names;
}

/* ---------------------------------------------------------------- out */

/* The SELECT of a table, or the query as written. */
static Status out_statement(Query *query, const AstCopy *ast, const AstStatement **ret,
                            const Table **ret_table, Error *err)
{
    Arena *arena = &query->arena;
    SqlCopy bound;
    if (ast->query) {
        *ret = ast->query;
        *ret_table = NULL;
        return STATUS_OK;
    }
    TRY(query__snapshot(query, err));
    Status status = sql_bind_copy(&query->binding.options, ast, &bound, err);
    TRY(binding__result(&query->binding, status, err));
    AstStatement *statement = ARENA_NEW(arena, AstStatement);
    statement->kind = AST_STATEMENT_SELECT;
    if (bound.table)
        statement->select = select_from(arena, ast->table, STR(""), column_names(arena, &bound),
                                        bound.column_count);
    else
        statement->select =
            select_from(arena, ast->table, STR(""), ast->columns.names, ast->columns.count);
    if (bound.table && !bound.column_count)
        statement->select->target_count = 0;
    *ret = statement;
    *ret_table = bound.table;
    return STATUS_OK;
}

static Status start_out(Query *query, const AstCopy *ast, QueryCopy *copy, const CopyForce *force,
                        Error *err)
{
    const AstStatement *statement;
    const Table *table;
    Query *inner;
    TRY(out_statement(query, ast, &statement, &table, err));
    TRY(statement__bind(query->session, query->statement->script, statement, NULL, 0,
                        &query->executed, err));
    if (!statement_returns_rows(query->executed))
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "COPY query must have a RETURNING clause");
    const Schema *schema = statement_schema(query->executed);
    copy->column_count = schema->field_count;
    copy->columns = ARENA_NEW_ARRAY(&query->arena, CopyColumn, schema->field_count + 1);
    for (uint32_t i = 0; i < schema->field_count; i++)
        copy->columns[i] =
            (CopyColumn){.name = schema->fields[i].name, .type = schema->fields[i].type};
    TRY(copy__force(force, table, copy->columns, copy->column_count, err));
    TRY(query_start(query->session, query->executed, NULL, 0, &inner, err));
    __atomic_store_n(&query->inner, inner, __ATOMIC_SEQ_CST);
    query->mode = QUERY_INNER;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- in: plans */

/* A table that yields one batch. */
static Status next_chunk(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const RecordBatch *chunk = ctx;
    *ret_batch = *state ? (RecordBatch){0} : *chunk;
    *state = (void *)(uintptr_t)chunk;
    return STATUS_OK;
}

static void make_rows(Query *query, VirtualTable *rows, RecordBatch *chunk, const Field *fields,
                      uint32_t count)
{
    Schema *schema = ARENA_NEW(&query->arena, Schema);
    *schema = (Schema){fields, count};
    *rows = (VirtualTable){.schema = ROWS_SCHEMA,
                           .name = ROWS_NAME,
                           .columns = schema,
                           .next = next_chunk,
                           .ctx = chunk};
}

static const AstName rows_name = {.schema = STR_INIT(" copy"), .name = STR_INIT(" rows")};

/* Is it a projection of all columns of its input, as they are? */
static bool is_identity(const PlanNode *root, uint32_t count)
{
    if (root->kind == PLAN_PROJECT) {
        for (uint32_t i = 0; i < root->expr_count; i++)
            if (root->exprs[i]->kind != EXPR_COLUMN || root->exprs[i]->column != i)
                return false;
        if (root->expr_count != count)
            return false;
        root = root->children[0];
    }
    if (root->kind == PLAN_PROJECT)
        return is_identity(root, count);
    if (root->kind != PLAN_VIRTUAL_SCAN || root->schema.field_count != count)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (root->scan_columns[i] != i)
            return false;
    return true;
}

/* INSERT INTO t (columns) SELECT * FROM rows. */
static Status bind_insert(Query *query, const AstCopy *ast, const SqlCopy *bound, QueryCopy *copy,
                          Error *err)
{
    Arena *arena = &query->arena;
    SqlModify insert;
    AstInsert *into = ARENA_NEW(arena, AstInsert);
    into->table = ast->table;
    into->column_count = bound->column_count;
    into->columns = ARENA_NEW_ARRAY(arena, AstTarget, bound->column_count + 1);
    for (uint32_t i = 0; i < bound->column_count; i++)
        into->columns[i].alias = copy->columns[i].name;
    into->source = select_from(arena, rows_name, STR(""), NULL, 0);
    SqlBindOptions options = query->binding.options;
    options.source = &copy->rows;
    AstStatement statement = {.kind = AST_STATEMENT_INSERT, .insert = into};
    TRY(sql_bind_modify(&options, &statement, &insert, err));
    copy->plan = insert.plan;
    copy->check_count = insert.check_count;
    TRY(ddl__check_table(&query->binding, insert.table, PRIVILEGE_INSERT, err));
    TRY(query__optimize(&copy->plan, query->binding.snapshot, err));
    copy->direct = is_identity(copy->plan.root, bound->column_count);
    return STATUS_OK;
}

/* SELECT * FROM whole rows WHERE ... */
static Status bind_where(Query *query, const AstCopy *ast, QueryCopy *copy, Error *err)
{
    const Schema *schema = &copy->plan.root->schema;
    if (!ast->where)
        return STATUS_OK;
    make_rows(query, &copy->whole, &copy->complete, schema->fields, schema->field_count);
    AstSelect *select = select_from(&query->arena, rows_name, copy->table->name, NULL, 0);
    select->where = ast->where;
    SqlBindOptions options = query->binding.options;
    options.source = &copy->whole;
    TRY(sql_bind_select(&options, select, &copy->where, err));
    copy->direct = false;
    return query__optimize(&copy->where, query->binding.snapshot, err);
}

static Status start_in(Query *query, const AstCopy *ast, QueryCopy *copy, const CopyForce *force,
                       Error *err)
{
    Arena *arena = &query->arena;
    SqlCopy bound;
    TRY(query__snapshot(query, err));
    TRY(sql_bind_copy(&query->binding.options, ast, &bound, err));
    copy->table = bound.table;
    copy->column_count = bound.column_count;
    copy->columns = ARENA_NEW_ARRAY(arena, CopyColumn, bound.column_count + 1);
    Field *fields = ARENA_NEW_ARRAY(arena, Field, bound.column_count + 1);
    for (uint32_t i = 0; i < bound.column_count; i++) {
        const TableColumn *column = &bound.table->columns[bound.columns[i]];
        copy->columns[i] = (CopyColumn){.name = column->name, .type = column->type};
        fields[i] = (Field){.name = column->name, .type = column->type};
    }
    TRY(copy__force(force, bound.table, copy->columns, copy->column_count, err));
    make_rows(query, &copy->rows, &copy->chunk, fields, bound.column_count);
    Status status = bind_insert(query, ast, &bound, copy, err);
    if (status == STATUS_OK)
        status = bind_where(query, ast, copy, err);
    TRY(binding__result(&query->binding, status, err));
    /* The client says how long it takes; only its own limit counts. */
    if (!settings__timeout_ns(query->session))
        query->deadline_ns = 0;
    copy->source = arena_printf(arena, "COPY %.*s", STR_FMT(copy->table->name));
    copy->reader = copy_reader_new(&(CopyReaderOptions){.format = copy->options,
                                                        .columns = copy->columns,
                                                        .column_count = copy->column_count,
                                                        .source = copy->source,
                                                        .settings = query->binding.settings.pg,
                                                        .budget = &query->budget});
    query->mode = QUERY_NONE;
    TRY(session__begin_write(query->session, &copy->table, 1, &copy->batch, &copy->mark, err));
    return STATUS_OK;
}

Status copy__start(Query *query, Error *err)
{
    const AstCopy *ast = query->statement->ast->copy;
    QueryCopy *copy = ARENA_NEW(&query->arena, QueryCopy);
    CopyForce force;
    query->copy = copy;
    if (query->statement->ast->param_max)
        return error_set_sql(err, STATUS_INVALID, "42P02", 0, "there is no parameter $1");
    TRY(check_destination(ast, err));
    TRY(copy__options(ast, &copy->options, &force, err));
    return ast->from ? start_in(query, ast, copy, &force, err)
                     : start_out(query, ast, copy, &force, err);
}

/* Keeps what was stored, or takes it back; only the first call counts. */
static Status end_write(Query *query, Status status, Error *err)
{
    WriteBatch *batch = STEAL(query->copy->batch);
    if (!batch)
        return status;
    return session__end_write(query->session, batch, query->copy->mark, status, err);
}

static Status fail(Query *query, Status status, Error *err)
{
    return query__note_failure(query, end_write(query, status, err), err);
}

void copy__done(Query *query)
{
    if (!query->copy)
        return;
    query->copy->reader = copy_reader_free(query->copy->reader);
    (void)end_write(query, STATUS_CANCELLED, NULL); /* unless it has ended */
}

/* ---------------------------------------------------------------- in: rows */

static bool has_row_store(const Table *table)
{
    return table->kind == TABLE_USER || table->kind == TABLE_LOGS || table->kind == TABLE_TRACES;
}

/* Checks whole rows, which are those of the chunk while no WHERE has dropped some, and keeps them.
 */
static Status store_rows(Query *query, const RecordBatch *rows, uint32_t chunk_row, Error *err)
{
    QueryCopy *copy = query->copy;
    uint32_t row = 0;
    uint32_t live = rows->column_count - copy->check_count;
    RecordBatch whole = *rows;
    RecordBatch all;
    whole.column_count = live;
    Status status = modify__check_rows(copy->table, &whole, rows->columns + live, copy->check_count,
                                       query->binding.settings.pg, &row, err);
    if (status != STATUS_OK) {
        if (!copy->where.root)
            copy_reader_context(copy->reader, chunk_row + row, err);
        return status;
    }
    TRY(modify__all_columns(copy->table, &whole, write_batch_arena(copy->batch), &all, err));
    TRY(has_row_store(copy->table) ? write_batch_rows_take(copy->batch, copy->table, &all, err)
                                   : write_batch_rows(copy->batch, copy->table, &all, err));
    copy->row_count += rows->row_count;
    return STATUS_OK;
}

/* Runs a plan over what its virtual table holds; each batch is copied to the transaction. */
static Status run_plan(Query *query, const Plan *plan, bool last, Error *err)
{
    QueryCopy *copy = query->copy;
    Arena *arena = write_batch_arena(copy->batch);
    RecordBatch batch, kept;
    uint32_t row = 0;
    TRY(query__open(query, plan, err));
    for (;;) {
        TRY(exec_next(query->exec, &batch, err));
        if (!batch.row_count)
            break;
        TRY(batch_copy(&batch, arena, &kept, err));
        TRY(batch_flatten(&kept, arena, err));
        if (last) {
            TRY(store_rows(query, &kept, row, err));
            row += kept.row_count;
        } else {
            Exec *outer = STEAL(query->exec);
            copy->complete = kept;
            Status status = run_plan(query, &copy->where, true, err);
            query->exec = exec_close(query->exec);
            query->exec = outer;
            TRY(status);
        }
    }
    query->exec = exec_close(query->exec);
    query->mode = QUERY_NONE;
    return STATUS_OK;
}

static Status take_chunk(Query *query, const RecordBatch *rows, Error *err)
{
    QueryCopy *copy = query->copy;
    if (copy->direct)
        return store_rows(query, rows, 0, err);
    copy->chunk = *rows;
    copy->chunk.schema = copy->rows.columns;
    return run_plan(query, &copy->plan, !copy->where.root, err);
}

static Status drain(Query *query, Error *err)
{
    QueryCopy *copy = query->copy;
    for (;;) {
        CLEANUP(arena_done) Arena scratch = {0};
        RecordBatch rows;
        arena_init(&scratch, &query->budget);
        TRY(query__check(query, err));
        TRY(copy_reader_next(copy->reader, copy->direct ? write_batch_arena(copy->batch) : &scratch,
                             &rows, err));
        if (!rows.row_count)
            return STATUS_OK;
        TRY(take_chunk(query, &rows, err));
    }
}

Status query_copy_put(Query *query, Str bytes, Error *err)
{
    CopyReader *reader = query->copy->reader;
    Status status = bytes.len ? copy_reader_put(reader, bytes, err) : query__check(query, err);
    if (status == STATUS_OK && copy_reader_is_full(reader))
        status = drain(query, err);
    return status == STATUS_OK ? STATUS_OK : fail(query, status, err);
}

Status query_copy_end(Query *query, Error *err)
{
    QueryCopy *copy = query->copy;
    copy_reader_end(copy->reader);
    Status status = drain(query, err);
    if (status == STATUS_OK)
        status = end_write(query, STATUS_OK, err);
    if (status != STATUS_OK)
        return fail(query, status, err);
    query->ended = true;
    query->row_count = copy->row_count;
    return STATUS_OK;
}

Status query_copy_fail(Query *query, Str reason, Error *err)
{
    /* Rows that came whole are read first, and may be at fault. */
    Status status = drain(query, err);
    if (status != STATUS_OK)
        return query__note_failure(query, status, err);
    status = error_set_sql(err, STATUS_INVALID, "57014", 0, "COPY from stdin failed: %.*s",
                           STR_FMT(reason));
    error_context(err, "%.*s, line %llu", STR_FMT(query->copy->source),
                  (unsigned long long)copy_reader_line(query->copy->reader));
    return fail(query, status, err);
}

const CopyOptions *query_copy_format(const Query *query, const CopyColumn **ret_columns,
                                     uint32_t *ret_count)
{
    *ret_columns = query->copy->columns;
    *ret_count = query->copy->column_count;
    return &query->copy->options;
}

/* statement.c - scripts and statements.
 *
 * A statement is bound when it is parsed, for its types, and again when it starts if it reads
 * tables, so that no snapshot is held in between. A plan that reads none is kept and reused. */
#include "query/query_int.h"

/* ---------------------------------------------------------------- scripts */

Status session_parse(Session *session, Str text, Script **ret_script, Error *err)
{
    Script *script = MEM_NEW(Script);
    script->refs = 1;
    arena_init(&script->arena, session->engine->options.budget);
    Status status = sql_parse(&script->arena, text, &script->ast, err);
    if (status != STATUS_OK) {
        (void)script_free(script);
        return status;
    }
    *ret_script = script;
    return STATUS_OK;
}

Script *script__ref(Script *script)
{
    __atomic_add_fetch(&script->refs, 1, __ATOMIC_RELAXED);
    return script;
}

Script *script_free(Script *script)
{
    if (!script || __atomic_sub_fetch(&script->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return NULL;
    arena_done(&script->arena);
    mem_free(script);
    return NULL;
}

uint32_t script_count(const Script *script)
{
    return script->ast.count;
}

/* ---------------------------------------------------------------- binding */

static bool ast_writes(const AstStatement *ast)
{
    switch (ast->kind) {
    case AST_STATEMENT_INSERT:
    case AST_STATEMENT_UPDATE:
    case AST_STATEMENT_DELETE:
    case AST_STATEMENT_MERGE:
    case AST_STATEMENT_TRUNCATE:
    case AST_STATEMENT_CREATE_TABLE:
    case AST_STATEMENT_CREATE_TABLE_AS:
    case AST_STATEMENT_CREATE_VIEW:
    case AST_STATEMENT_CREATE_SCHEMA:
    case AST_STATEMENT_DROP:
    case AST_STATEMENT_DDL:
        return true;
    case AST_STATEMENT_COPY:
        return ast->copy->from;
    case AST_STATEMENT_EXPLAIN:
        return explain__analyzes(ast->explain) && ast_writes(ast->explain->query);
    case AST_STATEMENT_SELECT:
    case AST_STATEMENT_SET:
    case AST_STATEMENT_SHOW:
    case AST_STATEMENT_DISCARD:
    case AST_STATEMENT_TRANSACTION:
    case AST_STATEMENT_PREPARE:
    case AST_STATEMENT_EXECUTE:
    case AST_STATEMENT_DEALLOCATE:
    case AST_STATEMENT_DECLARE:
    case AST_STATEMENT_FETCH:
    case AST_STATEMENT_CLOSE:
    case AST_STATEMENT_CHECKPOINT:
    case AST_STATEMENT_UNSUPPORTED:
        return false;
    }
    return false;
}

static void one_column(Arena *arena, Str name, Type type, Schema *ret)
{
    Field *field = ARENA_NEW(arena, Field);
    *field = (Field){.name = arena_str(arena, name), .type = type};
    *ret = (Schema){field, 1};
}

static Str show_name(Session *session, Str name)
{
    for (uint32_t i = 0; i < settings__count(); i++) {
        Str have, value, text;
        settings__describe(session, i, &have, &value, &text);
        if (str_eq_nocase(have, name))
            return have;
    }
    return name;
}

static void show_schema(Session *session, Arena *arena, Str name, Schema *ret)
{
    static const char *const columns[] = {"name", "setting", "description"};
    if (!str_eq_nocase(name, STR("all"))) {
        one_column(arena, show_name(session, name), TYPE_OF(TEXT), ret);
        return;
    }
    Field *fields = ARENA_NEW_ARRAY(arena, Field, 3);
    for (int i = 0; i < 3; i++)
        fields[i] = (Field){.name = str_from(columns[i]), .type = TYPE_OF(TEXT)};
    *ret = (Schema){fields, 3};
}

/* SELECT, INSERT, UPDATE, DELETE: types of columns and parameters; plans without tables stay. */
static Status bind_plan(Session *session, Statement *statement, const Type *param_types,
                        uint32_t param_count, Error *err)
{
    const AstStatement *ast = statement->ast;
    Binding binding;
    Plan plan = {0};
    SqlModify modify = {0};
    SqlModifies with = {0};
    Arena scratch;
    arena_init(&scratch, session->engine->options.budget);
    bool keeps = ast->kind == AST_STATEMENT_SELECT;
    Arena *arena = keeps ? &statement->arena : &scratch;
    binding__init(&binding, session, session->txn.snapshot, arena, ast->param_max, param_types,
                  param_count);
    binding.options.modifies = &with;
    Status status = ast->kind == AST_STATEMENT_SELECT
                        ? sql_bind_select(&binding.options, ast->select, &plan, err)
                        : sql_bind_modify(&binding.options, ast, &modify, err);
    status = binding__result(&binding, status, err);
    if (status == STATUS_OK) {
        statement->modifies = statement->modifies || with.count;
        statement->writes = statement->writes || with.count;
        const Plan *bound = keeps ? &plan : &modify.plan;
        const PlanNode *rows = keeps ? plan.root : modify.returning.root;
        statement->param_count = bound->param_count;
        statement->param_types =
            arena_dup(&statement->arena, bound->param_types, sizeof(Type) * bound->param_count);
        if (rows)
            statement->schema = schema_copy(&rows->schema, &statement->arena);
        statement->kind = rows ? STATEMENT_QUERY : STATEMENT_COMMAND;
        bool reusable = keeps && !binding.used_tables && !with.count;
        if (reusable)
            status = query__optimize(&plan, NULL, err);
        if (status == STATUS_OK && reusable)
            statement->plan = plan;
    }
    binding__done(&binding);
    arena_done(&scratch);
    return status;
}

static Status bind_execute(Session *session, Statement *statement, Error *err)
{
    const Prepared *prepared;
    Statement *inner;
    TRY(command__prepared_statement(session, statement->ast->prepared, &prepared, err));
    TRY(statement__bind(session, prepared->script, prepared->query, prepared->param_types,
                        prepared->param_count, &inner, err));
    statement->schema = schema_copy(&inner->schema, &statement->arena);
    statement->kind = inner->kind;
    statement->writes = inner->writes;
    statement_free(inner);
    return STATUS_OK;
}

static Status unsupported(const AstStatement *ast, Str name, Error *err)
{
    char upper[64];
    size_t len = LUMA_MIN(name.len, sizeof upper - 1);
    for (size_t i = 0; i < len; i++) {
        char ch = name.ptr[i];
        upper[i] = ch >= 'a' && ch <= 'z' ? (char)(ch - 32) : ch;
    }
    upper[len] = 0;
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", ast->position, "%s is not supported",
                         upper);
}

static Status bind_by_kind(Session *session, Statement *statement, const Type *param_types,
                           uint32_t param_count, Error *err)
{
    const AstStatement *ast = statement->ast;
    const Schema *schema;
    statement->kind = STATEMENT_COMMAND;
    switch (ast->kind) {
    case AST_STATEMENT_SELECT:
        if (ast->select->into)
            return unsupported(ast, STR("SELECT INTO"), err);
        return bind_plan(session, statement, param_types, param_count, err);
    case AST_STATEMENT_INSERT:
    case AST_STATEMENT_UPDATE:
    case AST_STATEMENT_DELETE:
    case AST_STATEMENT_MERGE:
        return bind_plan(session, statement, param_types, param_count, err);
    case AST_STATEMENT_SHOW:
        statement->kind = STATEMENT_QUERY;
        show_schema(session, &statement->arena, ast->show, &statement->schema);
        return STATUS_OK;
    case AST_STATEMENT_EXPLAIN:
        statement->kind = STATEMENT_QUERY;
        one_column(&statement->arena, STR("QUERY PLAN"),
                   explain__format(ast->explain) == EXPLAIN_JSON ? TYPE_OF(JSON) : TYPE_OF(TEXT),
                   &statement->schema);
        return STATUS_OK;
    case AST_STATEMENT_EXECUTE:
        return bind_execute(session, statement, err);
    case AST_STATEMENT_FETCH:
        if (ast->fetch->move)
            return STATUS_OK;
        TRY(command__cursor_schema(session, ast->fetch, &schema, err));
        statement->kind = STATEMENT_QUERY;
        statement->schema = schema_copy(schema, &statement->arena);
        return STATUS_OK;
    case AST_STATEMENT_TRUNCATE:
        return STATUS_OK;
    case AST_STATEMENT_COPY:
        statement->kind = ast->copy->from ? STATEMENT_COPY_IN : STATEMENT_COPY_OUT;
        return STATUS_OK;
    case AST_STATEMENT_CHECKPOINT:
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", ast->position,
                             "CHECKPOINT is not supported: acknowledged data is in the write-ahead "
                             "log, and there are no data files yet to bring up to date");
    case AST_STATEMENT_UNSUPPORTED:
        return unsupported(ast, ast->unsupported, err);
    case AST_STATEMENT_CREATE_TABLE:
    case AST_STATEMENT_CREATE_TABLE_AS:
    case AST_STATEMENT_CREATE_VIEW:
    case AST_STATEMENT_CREATE_SCHEMA:
    case AST_STATEMENT_DROP:
    case AST_STATEMENT_DDL:
    case AST_STATEMENT_SET:
    case AST_STATEMENT_DISCARD:
    case AST_STATEMENT_TRANSACTION:
    case AST_STATEMENT_PREPARE:
    case AST_STATEMENT_DEALLOCATE:
    case AST_STATEMENT_DECLARE:
    case AST_STATEMENT_CLOSE:
        return STATUS_OK;
    }
    return STATUS_OK;
}

Status statement__bind(Session *session, Script *script, const AstStatement *ast,
                       const Type *param_types, uint32_t param_count, Statement **ret_statement,
                       Error *err)
{
    TRY(session__check_state(session, ast, err));
    Statement *statement = MEM_NEW(Statement);
    statement->script = script__ref(script);
    statement->ast = ast;
    statement->writes = ast_writes(ast);
    arena_init(&statement->arena, session->engine->options.budget);
    Status status = bind_by_kind(session, statement, param_types, param_count, err);
    if (status != STATUS_OK) {
        (void)statement_free(statement);
        return status;
    }
    statement->quick =
        quick__statement(ast) && quick__params(statement->param_types, statement->param_count);
    *ret_statement = statement;
    return STATUS_OK;
}

Status statement_bind(Session *session, const Script *script, uint32_t idx, const Type *param_types,
                      uint32_t param_count, Statement **ret_statement, Error *err)
{
    Status status =
        statement__bind(session, (Script *)(uintptr_t)script, script->ast.statements[idx],
                        param_types, param_count, ret_statement, err);
    if (status != STATUS_OK) {
        session_fail(session);
        if (err && status == STATUS_DENIED)
            audit__statement(session, script->ast.statements[idx], (Str){0}, err);
    }
    return status;
}

Statement *statement_free(Statement *statement)
{
    if (!statement)
        return NULL;
    arena_done(&statement->arena);
    (void)script_free(statement->script);
    mem_free(statement);
    return NULL;
}

const Type *statement_param_types(const Statement *statement, uint32_t *ret_count)
{
    *ret_count = statement->param_count;
    return statement->param_types;
}

const Schema *statement_schema(const Statement *statement)
{
    return &statement->schema;
}

bool statement_returns_rows(const Statement *statement)
{
    return statement->kind == STATEMENT_QUERY;
}

bool statement_writes(const Statement *statement)
{
    return statement->writes;
}

StatementKind statement_kind(const Statement *statement)
{
    return statement->kind;
}

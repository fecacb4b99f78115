/* quick.c - which statements an event loop may run itself.
 *
 * A statement is quick when what it costs is bounded by its short text alone: no table, no catalog,
 * no function that could take long or make much, no write to wait for. The list names what is known
 * to be cheap; everything else goes to the pool. */
#include "query/query_int.h"

/* Of these the result is about as long as the arguments, and so is the way there. */
static bool is_cheap_function(const AstCall *call)
{
    static const char *const names[] = {
        "abs",
        "ceil",
        "char_length",
        "concat",
        "current_database",
        "current_schema",
        "current_setting",
        "floor",
        "left",
        "length",
        "lower",
        "mod",
        "now",
        "octet_length",
        "pg_backend_pid",
        "pg_is_in_recovery",
        "right",
        "round",
        "sign",
        "statement_timestamp",
        "transaction_timestamp",
        "upper",
        "version",
    };
    if (call->order_count || call->filter || call->over || call->within_group || call->distinct ||
        call->variadic || (call->schema.len && !str_eq(call->schema, STR("pg_catalog"))))
        return false;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq(call->name, str_from(names[i])))
            return true;
    return false;
}

static bool is_cheap_operator(const AstExpr *expr)
{
    static const char *const names[] = {"+",  "-", "*", "/",  "%",  "=",
                                        "<>", "<", ">", "<=", ">=", "||"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (!expr->schema.len && str_eq(expr->text, str_from(names[i])))
            return true;
    return false;
}

/* Names of objects are looked up in catalogs, which may be long; names of time zones in files. */
static bool is_cheap_type_name(Str name)
{
    static const char *const names[] = {"bool",   "int2",    "int4", "int8",    "float4",
                                        "float8", "numeric", "text", "varchar", "bpchar",
                                        "name",   "uuid",    "oid",  "interval"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq(name, str_from(names[i])))
            return true;
    return false;
}

static bool is_cheap_type(const AstType *type)
{
    return !type->set_of && !type->of_column && !type->array_bounds &&
           (!type->schema.len || str_eq(type->schema, STR("pg_catalog"))) &&
           is_cheap_type_name(type->name);
}

/* The depth is bounded by the parser, the number of nodes by the text. */
static bool is_cheap_expr(const AstExpr *expr)
{
    switch (expr->kind) {
    case AST_OPERATOR:
        if (!is_cheap_operator(expr))
            return false;
        break;
    case AST_CALL:
        if (!is_cheap_function(expr->call))
            return false;
        break;
    case AST_CAST:
        if (!is_cheap_type(expr->type))
            return false;
        break;
    case AST_CONST:
    case AST_PARAM:
    case AST_AND:
    case AST_OR:
    case AST_NOT:
    case AST_IS_NULL:
    case AST_BOOL_TEST:
    case AST_CASE:
    case AST_COALESCE:
    case AST_NULLIF:
    case AST_SQL_VALUE:
        break;
    default:
        return false;
    }
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (expr->args[i] && !is_cheap_expr(expr->args[i]))
            return false;
    return true;
}

static bool is_cheap_select(const AstSelect *select)
{
    if (select->with || select->set_op != AST_SET_NONE || select->distinct ||
        select->distinct_on_count || select->from_count || select->where || select->group_count ||
        select->having || select->window_count || select->values_rows || select->order_count ||
        select->limit || select->offset || select->into)
        return false;
    for (uint32_t i = 0; i < select->target_count; i++)
        if (!is_cheap_expr(select->targets[i].expr))
            return false;
    return true;
}

bool quick__params(const Type *types, uint32_t count)
{
    char name[64];
    for (uint32_t i = 0; i < count; i++)
        if (types[i].is_array || !is_cheap_type_name(str_from(type_pg_name(types[i], name))))
            return false;
    return true;
}

bool quick__statement(const AstStatement *ast)
{
    switch (ast->kind) {
    case AST_STATEMENT_SELECT:
        return is_cheap_select(ast->select);
    case AST_STATEMENT_SET:
        return (ast->set->kind == AST_SET_VALUE || ast->set->kind == AST_SET_DEFAULT) &&
               !str_eq_nocase(ast->set->name, STR("timezone"));
    case AST_STATEMENT_SHOW:
        return !str_eq_nocase(ast->show, STR("all"));
    case AST_STATEMENT_TRANSACTION:
        return ast->transaction->kind == AST_BEGIN || ast->transaction->kind == AST_COMMIT ||
               ast->transaction->kind == AST_ROLLBACK;
    default:
        return false;
    }
}

/* Ending the transaction is quick: nothing was written or created, nothing runs. */
bool session_is_quick(const Session *session)
{
    const Transaction *txn = &session->txn;
    return !txn->batch && !session->catalog.change_count && !session->cursors.count;
}

bool script_is_quick(const Session *session, const Script *script)
{
    for (uint32_t i = 0; i < script->ast.count; i++)
        if (!quick__statement(script->ast.statements[i]))
            return false;
    return session_is_quick(session);
}

bool statement_is_quick(const Session *session, const Statement *statement)
{
    return statement->quick && session_is_quick(session);
}

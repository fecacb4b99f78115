#include "query/sql/sql_deparse.h"

#include <inttypes.h>

#include "arrow/type.h"
#include "format/pgtype/reserved_word.h"

typedef struct Deparse {
    const SqlRename *rename;
    Buf *out;
    const char *unsupported; /* set: the text is unusable */
} Deparse;

static void deparse(Deparse *d, const AstExpr *expr);

/* ---------------------------------------------------------------- names, literals, types */

static bool needs_quotes(Str name)
{
    if (!name.len || !((name.ptr[0] >= 'a' && name.ptr[0] <= 'z') || name.ptr[0] == '_'))
        return true;
    for (size_t i = 0; i < name.len; i++) {
        char ch = name.ptr[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '$'))
            return true;
    }
    return pg_word_is_reserved(name);
}

static void append_doubled(Buf *out, Str text, char quote)
{
    buf_append_byte(out, (uint8_t)quote);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == quote)
            buf_append_byte(out, (uint8_t)quote);
        buf_append_byte(out, (uint8_t)text.ptr[i]);
    }
    buf_append_byte(out, (uint8_t)quote);
}

void sql_append_name(Buf *out, Str name)
{
    if (needs_quotes(name))
        append_doubled(out, name, '"');
    else
        buf_append_str(out, name);
}

void sql_append_string(Buf *out, Str text)
{
    append_doubled(out, text, '\'');
}

static void append_const(Deparse *d, const AstExpr *expr)
{
    switch (expr->constant) {
    case AST_CONST_NULL:
        buf_append_lit(d->out, "NULL");
        return;
    case AST_CONST_INTEGER:
        if (expr->number < 0)
            buf_printf(d->out, "(%" PRId64 ")", expr->number);
        else
            buf_printf(d->out, "%" PRId64, expr->number);
        return;
    case AST_CONST_NUMBER:
        if (expr->text.len && expr->text.ptr[0] == '-')
            buf_printf(d->out, "(%.*s)", STR_FMT(expr->text));
        else
            buf_append_str(d->out, expr->text);
        return;
    case AST_CONST_STRING:
        sql_append_string(d->out, expr->text);
        return;
    case AST_CONST_BOOL:
        buf_append_str(d->out, expr->number ? STR("true") : STR("false"));
        return;
    case AST_CONST_BITS: /* the text begins with b or x */
        buf_append_byte(d->out, expr->text.len ? (uint8_t)expr->text.ptr[0] : 'b');
        sql_append_string(d->out, str_sub(expr->text, 1, SIZE_MAX));
        return;
    }
}

void sql_deparse_type(const AstType *type, Buf *out)
{
    Deparse d = {.out = out};
    Type known;
    char text[64];
    Str name = type->name;
    Str rest = STR("");
    bool builtin = (!type->schema.len || str_eq(type->schema, STR("pg_catalog"))) &&
                   type_from_pg_name(type->name, &known) && !known.is_array;
    if (builtin) {
        /* "timestamp(3) with time zone": the precision stands inside. */
        name = str_from(type_name(known, text));
        ptrdiff_t with = str_find(name, STR(" with"));
        if (with >= 0 && type->modifier_count) {
            rest = str_sub(name, (size_t)with, SIZE_MAX);
            name.len = (size_t)with;
        }
        buf_append_str(out, name);
    } else {
        if (type->schema.len) {
            sql_append_name(out, type->schema);
            buf_append_byte(out, '.');
        }
        sql_append_name(out, name);
    }
    for (uint32_t i = 0; i < type->modifier_count; i++) {
        buf_append_byte(out, i ? ',' : '(');
        deparse(&d, type->modifiers[i]);
    }
    if (type->modifier_count)
        buf_append_byte(out, ')');
    buf_append_str(out, rest);
    for (uint32_t i = 0; i < type->array_bounds; i++)
        buf_append_lit(out, "[]");
}

/* ---------------------------------------------------------------- expressions */

static void append_list(Deparse *d, AstExpr *const *items, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            buf_append_lit(d->out, ", ");
        deparse(d, items[i]);
    }
}

static void append_call_of(Deparse *d, const char *name, const AstExpr *expr)
{
    buf_append_str(d->out, str_from(name));
    append_list(d, expr->args, expr->arg_count);
    buf_append_byte(d->out, ')');
}

static void append_joined(Deparse *d, const AstExpr *expr, const char *between)
{
    buf_append_byte(d->out, '(');
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (i)
            buf_append_str(d->out, str_from(between));
        deparse(d, expr->args[i]);
    }
    buf_append_byte(d->out, ')');
}

static void append_symbol(Deparse *d, const AstExpr *expr)
{
    Str symbol = str_eq(expr->text, STR("~~"))   ? STR("~~")
                 : str_eq(expr->text, STR("!=")) ? STR("<>")
                                                 : expr->text;
    if (expr->schema.len && !str_eq(expr->schema, STR("pg_catalog")))
        buf_printf(d->out, "OPERATOR(%.*s.%.*s)", STR_FMT(expr->schema), STR_FMT(symbol));
    else
        buf_append_str(d->out, symbol);
}

static void append_operator(Deparse *d, const AstExpr *expr)
{
    buf_append_byte(d->out, '(');
    if (expr->arg_count == 2) {
        deparse(d, expr->args[0]);
        buf_append_byte(d->out, ' ');
    }
    append_symbol(d, expr);
    if (expr->arg_count == 2)
        buf_append_byte(d->out, ' ');
    else
        buf_append_byte(d->out, ' ');
    deparse(d, expr->args[expr->arg_count - 1]);
    buf_append_byte(d->out, ')');
}

static void append_column(Deparse *d, const AstExpr *expr)
{
    for (uint32_t i = 0; i < expr->path.count; i++) {
        Str name = expr->path.names[i];
        bool last = i + 1 == expr->path.count;
        if (i)
            buf_append_byte(d->out, '.');
        if (last && d->rename && str_eq(name, d->rename->from))
            name = d->rename->to;
        sql_append_name(d->out, name);
    }
}

static void append_case(Deparse *d, const AstExpr *expr)
{
    buf_append_lit(d->out, "CASE");
    if (expr->args[0]) {
        buf_append_byte(d->out, ' ');
        deparse(d, expr->args[0]);
    }
    for (uint32_t i = 1; i + 1 < expr->arg_count; i += 2) {
        buf_append_lit(d->out, " WHEN ");
        deparse(d, expr->args[i]);
        buf_append_lit(d->out, " THEN ");
        deparse(d, expr->args[i + 1]);
    }
    if (expr->args[expr->arg_count - 1]) {
        buf_append_lit(d->out, " ELSE ");
        deparse(d, expr->args[expr->arg_count - 1]);
    }
    buf_append_lit(d->out, " END");
}

static void append_call(Deparse *d, const AstExpr *expr)
{
    const AstCall *call = expr->call;
    if (call->over || call->within_group || call->filter || call->order_count) {
        d->unsupported = "aggregates and window functions";
        return;
    }
    if (call->sql_syntax && call->schema.len && str_eq(call->name, STR("timezone")) &&
        expr->arg_count == 2) {
        buf_append_byte(d->out, '(');
        deparse(d, expr->args[1]);
        buf_append_lit(d->out, " AT TIME ZONE ");
        deparse(d, expr->args[0]);
        buf_append_byte(d->out, ')');
        return;
    }
    if (call->sql_syntax && str_eq(call->name, STR("extract")) && expr->arg_count == 2 &&
        expr->args[0] && expr->args[0]->kind == AST_CONST) {
        buf_printf(d->out, "EXTRACT(%.*s FROM ", STR_FMT(expr->args[0]->text));
        deparse(d, expr->args[1]);
        buf_append_byte(d->out, ')');
        return;
    }
    if (call->schema.len) {
        sql_append_name(d->out, call->schema);
        buf_append_byte(d->out, '.');
    }
    sql_append_name(d->out, call->name);
    buf_append_str(d->out, call->distinct ? STR("(DISTINCT ") : STR("("));
    if (call->star)
        buf_append_byte(d->out, '*');
    for (uint32_t i = 0; i < expr->arg_count; i++) {
        if (i)
            buf_append_lit(d->out, ", ");
        if (call->variadic && i + 1 == expr->arg_count)
            buf_append_lit(d->out, "VARIADIC ");
        deparse(d, expr->args[i]);
    }
    buf_append_byte(d->out, ')');
}

static void append_between(Deparse *d, const AstExpr *expr)
{
    buf_append_byte(d->out, '(');
    deparse(d, expr->args[0]);
    buf_append_str(d->out, expr->negated ? STR(" NOT BETWEEN ") : STR(" BETWEEN "));
    if (expr->all)
        buf_append_lit(d->out, "SYMMETRIC ");
    deparse(d, expr->args[1]);
    buf_append_lit(d->out, " AND ");
    deparse(d, expr->args[2]);
    buf_append_byte(d->out, ')');
}

static void append_sql_value(Deparse *d, const AstExpr *expr)
{
    static const char *const names[] = {
        [AST_CURRENT_DATE] = "CURRENT_DATE",           [AST_CURRENT_TIME] = "CURRENT_TIME",
        [AST_CURRENT_TIMESTAMP] = "CURRENT_TIMESTAMP", [AST_LOCALTIME] = "LOCALTIME",
        [AST_LOCALTIMESTAMP] = "LOCALTIMESTAMP",       [AST_CURRENT_ROLE] = "CURRENT_ROLE",
        [AST_CURRENT_USER] = "CURRENT_USER",           [AST_USER] = "USER",
        [AST_SESSION_USER] = "SESSION_USER",           [AST_CURRENT_CATALOG] = "CURRENT_CATALOG",
        [AST_CURRENT_SCHEMA] = "CURRENT_SCHEMA",
    };
    buf_append_str(d->out, str_from(names[expr->number]));
    if (expr->arg_count) {
        buf_append_byte(d->out, '(');
        deparse(d, expr->args[0]);
        buf_append_byte(d->out, ')');
    }
}

static void append_subscript(Deparse *d, const AstExpr *expr)
{
    bool simple = expr->args[0] && expr->args[0]->kind == AST_COLUMN;
    if (!simple)
        buf_append_byte(d->out, '(');
    deparse(d, expr->args[0]);
    if (!simple)
        buf_append_byte(d->out, ')');
    buf_append_byte(d->out, '[');
    if (expr->args[1])
        deparse(d, expr->args[1]);
    if (expr->all) {
        buf_append_byte(d->out, ':');
        if (expr->args[2])
            deparse(d, expr->args[2]);
    }
    buf_append_byte(d->out, ']');
}

/* before args[0] after, in parentheses. */
static void append_around(Deparse *d, const char *before, const AstExpr *expr, const char *after)
{
    buf_append_str(d->out, str_from(before));
    deparse(d, expr->args[0]);
    buf_append_str(d->out, str_from(after));
}

static void append_in(Deparse *d, const AstExpr *expr)
{
    append_around(d, "(", expr, expr->negated ? " NOT IN (" : " IN (");
    append_list(d, expr->args + 1, expr->arg_count - 1);
    buf_append_lit(d->out, "))");
}

static void append_cast(Deparse *d, const AstExpr *expr)
{
    const AstExpr *arg = expr->args[0];
    bool plain = arg && arg->kind == AST_CONST && arg->constant == AST_CONST_STRING;
    append_around(d, plain ? "" : "(", expr, plain ? "::" : ")::");
    sql_deparse_type(expr->type, d->out);
}

static void append_bool_test(Deparse *d, const AstExpr *expr)
{
    static const char *const tests[] = {" IS TRUE)",      " IS NOT TRUE)", " IS FALSE)",
                                        " IS NOT FALSE)", " IS UNKNOWN)",  " IS NOT UNKNOWN)"};
    append_around(d, "(", expr, tests[2 * expr->number + expr->negated]);
}

/* The tree is at most AST_DEPTH_MAX levels deep. */
static void deparse(Deparse *d, const AstExpr *expr)
{
    if (!expr) {
        d->unsupported = "an expression without parts";
        return;
    }
    switch (expr->kind) {
    case AST_CONST:
        append_const(d, expr);
        return;
    case AST_COLUMN:
        append_column(d, expr);
        return;
    case AST_OPERATOR:
        append_operator(d, expr);
        return;
    case AST_OPERATOR_ANY:
        append_around(d, "(", expr, " ");
        append_symbol(d, expr);
        buf_append_str(d->out, expr->all ? STR(" ALL (") : STR(" ANY ("));
        deparse(d, expr->args[1]);
        buf_append_lit(d->out, "))");
        return;
    case AST_AND:
        append_joined(d, expr, " AND ");
        return;
    case AST_OR:
        append_joined(d, expr, " OR ");
        return;
    case AST_NOT:
        append_around(d, "(NOT ", expr, ")");
        return;
    case AST_IS_NULL:
        append_around(d, "(", expr, expr->negated ? " IS NOT NULL)" : " IS NULL)");
        return;
    case AST_BOOL_TEST:
        append_bool_test(d, expr);
        return;
    case AST_DISTINCT:
        append_around(d, "(", expr,
                      expr->negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ");
        deparse(d, expr->args[1]);
        buf_append_byte(d->out, ')');
        return;
    case AST_NULLIF:
        append_call_of(d, "NULLIF(", expr);
        return;
    case AST_IN:
        append_in(d, expr);
        return;
    case AST_BETWEEN:
        append_between(d, expr);
        return;
    case AST_CASE:
        append_case(d, expr);
        return;
    case AST_COALESCE:
        append_call_of(d, "COALESCE(", expr);
        return;
    case AST_GREATEST:
        append_call_of(d, "GREATEST(", expr);
        return;
    case AST_LEAST:
        append_call_of(d, "LEAST(", expr);
        return;
    case AST_CALL:
        append_call(d, expr);
        return;
    case AST_CAST:
        append_cast(d, expr);
        return;
    case AST_COLLATE:
        append_around(d, "(", expr, " COLLATE ");
        sql_append_name(d->out, expr->text);
        buf_append_byte(d->out, ')');
        return;
    case AST_ARRAY:
        buf_append_lit(d->out, "ARRAY[");
        append_list(d, expr->args, expr->arg_count);
        buf_append_byte(d->out, ']');
        return;
    case AST_ROW:
        append_call_of(d, "ROW(", expr);
        return;
    case AST_SUBSCRIPT:
        append_subscript(d, expr);
        return;
    case AST_FIELD:
        append_around(d, "(", expr, ").");
        sql_append_name(d->out, expr->text);
        return;
    case AST_SQL_VALUE:
        append_sql_value(d, expr);
        return;
    case AST_NAMED_ARG:
        sql_append_name(d->out, expr->text);
        append_around(d, " => ", expr, "");
        return;
    case AST_SUBQUERY:
        d->unsupported = "subqueries";
        return;
    case AST_PARAM:
    case AST_STAR:
    case AST_FIELD_STAR:
    case AST_GROUPING:
    case AST_DEFAULT:
    case AST_UNSUPPORTED:
        break;
    }
    d->unsupported = "parameters and *";
}

Status sql_deparse(const AstExpr *expr, const SqlRename *rename, Buf *out, Error *err)
{
    Deparse d = {.rename = rename, .out = out};
    deparse(&d, expr);
    if (d.unsupported)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "%s are not supported in this expression", d.unsupported);
    return STATUS_OK;
}

Status sql_parse_expr(Arena *arena, Str text, AstExpr **ret_expr, Error *err)
{
    AstScript script;
    TRY(sql_parse(arena, arena_printf(arena, "SELECT %.*s", STR_FMT(text)), &script, err));
    if (script.count != 1 || script.statements[0]->kind != AST_STATEMENT_SELECT ||
        script.statements[0]->select->target_count != 1)
        return error_set_sql(err, STATUS_CORRUPT, "XX001", 0,
                             "\"%.*s\" of the catalog is not an expression", STR_FMT(text));
    *ret_expr = script.statements[0]->select->targets[0].expr;
    return STATUS_OK;
}

bool sql_uses_column(const AstExpr *expr, Str name)
{
    if (!expr)
        return false;
    if (expr->kind == AST_COLUMN)
        return expr->path.count && str_eq(expr->path.names[expr->path.count - 1], name);
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (sql_uses_column(expr->args[i], name))
            return true;
    return false;
}

/* bind_table.c - columns and constraints of CREATE TABLE, ALTER TABLE and CREATE DOMAIN, and what
 * follows from them for rows: generated columns and checks. */
#include <stdio.h>

#include "query/sql/bind_int.h"
#include "query/sql/sql_deparse.h"

enum { TABLE_COLUMNS_MAX = 1600, NAME_BYTES_MAX = 63 };

/* ---------------------------------------------------------------- names */

/* name1_name2_label, shortened as PostgreSQL does so that it fits. */
Str sql_object_name(Arena *arena, Str first, Str second, const char *label)
{
    size_t overhead = (label[0] ? strlen(label) + 1 : 0) + (second.len ? 1 : 0);
    size_t len1 = first.len;
    size_t len2 = second.len;
    while (len1 + len2 + overhead > NAME_BYTES_MAX) {
        if (len1 > len2)
            len1--;
        else
            len2--;
    }
    while (len1 && len1 < first.len && ((uint8_t)first.ptr[len1] & 0xC0) == 0x80)
        len1--;
    while (len2 && len2 < second.len && ((uint8_t)second.ptr[len2] & 0xC0) == 0x80)
        len2--;
    return arena_printf(arena, "%.*s%s%.*s%s%s", (int)len1, first.ptr, second.len ? "_" : "",
                        (int)len2, second.len ? second.ptr : "", label[0] ? "_" : "", label);
}

static bool constraint_taken(const SqlCreateTable *table, Str name)
{
    for (uint32_t i = 0; i < table->key_count; i++)
        if (str_eq(table->keys[i].name, name))
            return true;
    for (uint32_t i = 0; i < table->check_count; i++)
        if (str_eq(table->checks[i].name, name))
            return true;
    return false;
}

/* The given name, or the first free one of those PostgreSQL would choose. */
static Status constraint_name(Binder *b, const SqlCreateTable *table, const AstConstraint *ast,
                              Str column, const char *label, Str *ret_name)
{
    char numbered[32];
    if (ast->name.len) {
        *ret_name = ast->name;
        if (constraint_taken(table, ast->name))
            return error_set_sql(b->err, STATUS_EXISTS, "42710", 0,
                                 "constraint \"%.*s\" for relation \"%.*s\" already exists",
                                 STR_FMT(ast->name), STR_FMT(table->name));
        return STATUS_OK;
    }
    *ret_name = sql_object_name(b->arena, table->name, column, label);
    for (int i = 1; constraint_taken(table, *ret_name) ||
                    (b->catalog->relation_taken && !str_eq(str_from(label), STR("check")) &&
                     b->catalog->relation_taken(b->catalog->ctx, table->schema, *ret_name));
         i++) {
        (void)snprintf(numbered, sizeof numbered, "%s%d", label, i);
        *ret_name = sql_object_name(b->arena, table->name, column, numbered);
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- expressions of a table */

void sql__table_scope(Binder *b, const TableColumn *columns, uint32_t count, Str name, Scope *scope)
{
    ScopeRel rel = {.name = name, .rel_visible = true, .cols_visible = true};
    rel.columns = ARENA_NEW_ARRAY(b->arena, ScopeColumn, count);
    for (uint32_t i = 0; i < count; i++) {
        if (columns[i].dropped)
            continue;
        uint32_t live = rel.column_count++;
        rel.columns[live] = (ScopeColumn){.name = columns[i].name,
                                          .type = columns[i].type,
                                          .column = live,
                                          .attnum = (int16_t)(i + 1)};
    }
    sql__add_rel(b, scope, &rel, 0);
}

static Status expr_text(Binder *b, const AstExpr *expr, Str *ret_text)
{
    CLEANUP(buf_done) Buf text = {0};
    TRY(sql_deparse(expr, NULL, &text, b->err));
    *ret_text = arena_str(b->arena, buf_str(&text));
    return STATUS_OK;
}

static bool has_subquery(const AstExpr *expr)
{
    if (!expr)
        return false;
    if (expr->kind == AST_SUBQUERY)
        return true;
    for (uint32_t i = 0; i < expr->arg_count; i++)
        if (has_subquery(expr->args[i]))
            return true;
    return false;
}

Status sql__default(Binder *b, Str column, Type type, const AstExpr *ast, Str *ret_text)
{
    Scope scope = {.clause = "DEFAULT expressions"};
    Expr *expr;
    bool ok;
    char have[64], want[64];
    if (ast->kind == AST_COLUMN)
        return BIND_UNSUPPORTED(b, ast->position,
                                "cannot use column reference in DEFAULT expression");
    if (has_subquery(ast))
        return BIND_UNSUPPORTED(b, ast->position, "cannot use subquery in DEFAULT expression");
    TRY(sql__expr(b, &scope, ast, &expr));
    Type from = expr->type;
    TRY(sql__coerce_try(b, &expr, type, CAST_ASSIGNMENT, &ok));
    if (!ok) {
        Status status =
            BIND_ERROR(b, "42804", ast->position,
                       "column \"%.*s\" is of type %s but default expression is of type %s",
                       STR_FMT(column), type_name(type, want), type_name(from, have));
        error_hint(b->err, "You will need to rewrite or cast the expression.");
        return status;
    }
    return expr_text(b, ast, ret_text);
}

static Status bind_generated(Binder *b, const TableColumn *columns, uint32_t count, Str table,
                             const TableColumn *column, const AstExpr *ast, Expr **ret_expr)
{
    Scope scope = {.clause = "column generation expressions"};
    bool ok;
    char have[64], want[64];
    sql__table_scope(b, columns, count, table, &scope);
    TRY(sql__expr(b, &scope, ast, ret_expr));
    Type from = (*ret_expr)->type;
    TRY(sql__coerce_try(b, ret_expr, column->type, CAST_ASSIGNMENT, &ok));
    if (ok)
        return STATUS_OK;
    Status status =
        BIND_ERROR(b, "42804", ast->position,
                   "column \"%.*s\" is of type %s but default expression is of type %s",
                   STR_FMT(column->name), type_name(column->type, want), type_name(from, have));
    error_hint(b->err, "You will need to rewrite or cast the expression.");
    return status;
}

/* Which generated column does the expression use, if any? */
static const AstExpr *find_generated_use(const AstExpr *ast, const TableColumn *columns,
                                         uint32_t count)
{
    if (!ast)
        return NULL;
    if (ast->kind == AST_COLUMN)
        for (uint32_t i = 0; i < count; i++)
            if (!columns[i].dropped && columns[i].source == COLUMN_STORED &&
                str_eq(columns[i].name, ast->path.names[ast->path.count - 1]))
                return ast;
    for (uint32_t i = 0; i < ast->arg_count; i++) {
        const AstExpr *found = find_generated_use(ast->args[i], columns, count);
        if (found)
            return found;
    }
    return NULL;
}

Status sql__generation(Binder *b, const TableColumn *columns, uint32_t count, Str table,
                       const TableColumn *column, const AstExpr *ast, Str *ret_text)
{
    Expr *expr;
    if (has_subquery(ast))
        return BIND_UNSUPPORTED(b, ast->position,
                                "cannot use subquery in column generation expression");
    const AstExpr *use = find_generated_use(ast, columns, count);
    if (use) {
        Status status =
            BIND_ERROR(b, "42P17", use->position,
                       "cannot use generated column \"%.*s\" in column generation expression",
                       STR_FMT(use->path.names[use->path.count - 1]));
        error_detail(b->err, "A generated column cannot reference another generated column.");
        return status;
    }
    TRY(bind_generated(b, columns, count, table, column, ast, &expr));
    if (expr_volatility(expr) != VOLATILITY_IMMUTABLE)
        return BIND_ERROR(b, "42P17", 0, "generation expression is not immutable");
    return expr_text(b, ast, ret_text);
}

Status sql__check(Binder *b, const TableColumn *columns, uint32_t count, Str table,
                  const AstExpr *ast, Expr **ret_expr)
{
    Scope scope = {.clause = "check constraints"};
    bool ok;
    char have[64];
    if (has_subquery(ast))
        return BIND_UNSUPPORTED(b, ast->position, "cannot use subquery in check constraint");
    sql__table_scope(b, columns, count, table, &scope);
    TRY(sql__expr(b, &scope, ast, ret_expr));
    Type type = (*ret_expr)->type;
    TRY(sql__coerce_try(b, ret_expr, TYPE_OF(BOOL), CAST_ASSIGNMENT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42804", ast->position,
                          "argument of CHECK must be type boolean, not type %s",
                          type_name(type, have));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- columns */

static Status check_column_type(Binder *b, const AstColumnDef *def, Type type)
{
    char name[64];
    if (type.id == TYPE_UNKNOWN || type.id == TYPE_VOID || type.id == TYPE_RECORD ||
        type.id == TYPE_ANY || type.id == TYPE_ANYELEMENT || type.id == TYPE_ANYARRAY)
        return BIND_ERROR(b, "42P16", def->position, "column \"%.*s\" has pseudo-type %s",
                          STR_FMT(def->name), type_name(type, name));
    return STATUS_OK;
}

static bool serial_type(const AstType *type, Type *ret_type)
{
    static const struct {
        const char *name;
        TypeId type;
    } serials[] = {{"serial", TYPE_INT4},  {"serial4", TYPE_INT4},     {"bigserial", TYPE_INT8},
                   {"serial8", TYPE_INT8}, {"smallserial", TYPE_INT2}, {"serial2", TYPE_INT2}};
    for (size_t i = 0; !type->schema.len && i < LUMA_ARRAY_LEN(serials); i++)
        if (str_eq(type->name, str_from(serials[i].name))) {
            *ret_type = (Type){.id = serials[i].type, .typmod = -1};
            return true;
        }
    return false;
}

static void add_sequence(Binder *b, SqlCreateTable *ret, uint32_t column, const AstConstraint *ast)
{
    SqlColumnSequence sequence = {.column = column, .identity = ast != NULL};
    if (ast) {
        sequence.options = ast->options;
        sequence.option_count = ast->option_count;
    }
    ARENA_PUSH(b->arena, ret->sequences, ret->sequence_count, ret->sequence_cap, sequence);
}

static Status add_constraint_later(Binder *b, SqlCreateTable *ret, const AstConstraint *ast,
                                   uint32_t column)
{
    SqlPendingConstraint pending = {ast, column};
    ARENA_PUSH(b->arena, ret->pending, ret->pending_count, ret->pending_cap, pending);
    return STATUS_OK;
}

static Status conflicting(Binder *b, const SqlCreateTable *ret, Str column, int32_t position,
                          const char *first, const char *second)
{
    return BIND_ERROR(b, "42601", position,
                      "both %s and %s specified for column \"%.*s\" of table \"%.*s\"", first,
                      second, STR_FMT(column), STR_FMT(ret->name));
}

static Status bind_column_constraint(Binder *b, SqlCreateTable *ret, uint32_t idx,
                                     const AstConstraint *ast, bool *null_given)
{
    TableColumn *column = &ret->columns[idx];
    switch (ast->kind) {
    case AST_CONSTRAINT_NULL:
        if (column->not_null)
            return BIND_ERROR(b, "42601", ast->position,
                              "conflicting NULL/NOT NULL declarations for column \"%.*s\" of "
                              "table \"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        *null_given = true;
        return STATUS_OK;
    case AST_CONSTRAINT_NOT_NULL:
        if (*null_given)
            return BIND_ERROR(b, "42601", ast->position,
                              "conflicting NULL/NOT NULL declarations for column \"%.*s\" of "
                              "table \"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        column->not_null = true;
        return STATUS_OK;
    case AST_CONSTRAINT_DEFAULT:
        if (column->default_text.len && column->source == COLUMN_PLAIN)
            return BIND_ERROR(b, "42601", ast->position,
                              "multiple default values specified for column \"%.*s\" of table "
                              "\"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        if (column->source == COLUMN_SERIAL)
            return BIND_ERROR(b, "42601", ast->position,
                              "multiple default values specified for column \"%.*s\" of table "
                              "\"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        if (column->source == COLUMN_STORED)
            return conflicting(b, ret, column->name, ast->position, "default",
                               "generation expression");
        if (column->source != COLUMN_PLAIN)
            return conflicting(b, ret, column->name, ast->position, "default", "identity");
        return sql__default(b, column->name, column->type, ast->expr, &column->default_text);
    case AST_CONSTRAINT_GENERATED:
        if (!ast->always && ast->expr == NULL)
            return STATUS_OK;
        if (column->source == COLUMN_STORED)
            return BIND_ERROR(b, "42601", ast->position,
                              "multiple generation clauses specified for column \"%.*s\" of table "
                              "\"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        if (column->default_text.len)
            return conflicting(b, ret, column->name, ast->position, "default",
                               "generation expression");
        if (column->source != COLUMN_PLAIN)
            return conflicting(b, ret, column->name, ast->position, "identity",
                               "generation expression");
        column->source = COLUMN_STORED;
        return add_constraint_later(b, ret, ast, idx);
    case AST_CONSTRAINT_IDENTITY:
        if (column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT)
            return BIND_ERROR(b, "42601", ast->position,
                              "multiple identity specifications for column \"%.*s\" of table "
                              "\"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        if (column->source == COLUMN_STORED)
            return conflicting(b, ret, column->name, ast->position, "identity",
                               "generation expression");
        if (column->default_text.len || column->source == COLUMN_SERIAL)
            return conflicting(b, ret, column->name, ast->position, "default", "identity");
        if (*null_given)
            return BIND_ERROR(b, "42601", ast->position,
                              "conflicting NULL/NOT NULL declarations for column \"%.*s\" of "
                              "table \"%.*s\"",
                              STR_FMT(column->name), STR_FMT(ret->name));
        if (!type_is_integer(column->type))
            return BIND_ERROR(b, "22023", 0,
                              "identity column type must be smallint, integer, or bigint");
        column->source = ast->always ? COLUMN_IDENTITY_ALWAYS : COLUMN_IDENTITY_DEFAULT;
        column->not_null = true;
        add_sequence(b, ret, idx, ast);
        return STATUS_OK;
    case AST_CONSTRAINT_PRIMARY:
    case AST_CONSTRAINT_UNIQUE:
    case AST_CONSTRAINT_CHECK:
    case AST_CONSTRAINT_FOREIGN:
    case AST_CONSTRAINT_EXCLUDE:
        break;
    }
    return add_constraint_later(b, ret, ast, idx);
}

Status sql__column_def(Binder *b, const AstColumnDef *def, SqlCreateTable *ret)
{
    TableColumn column = {.name = def->name};
    bool null_given = false;
    bool serial = serial_type(def->type, &column.type);
    if (serial && def->type->array_bounds)
        return BIND_UNSUPPORTED(b, def->type->position, "array of serial is not implemented");
    if (!serial)
        TRY(sql__type_domain(b, def->type, &column.type, &column.domain_id));
    TRY(check_column_type(b, def, column.type));
    for (uint32_t i = 0; i < ret->column_count; i++)
        if (!ret->columns[i].dropped && str_eq(ret->columns[i].name, def->name))
            return BIND_ERROR(b, "42701", def->position, "column \"%.*s\" specified more than once",
                              STR_FMT(def->name));
    uint32_t idx = ret->column_count;
    if (serial) {
        column.source = COLUMN_SERIAL;
        column.not_null = true;
        add_sequence(b, ret, idx, NULL);
    }
    if (idx >= TABLE_COLUMNS_MAX)
        return BIND_ERROR(b, "54011", def->position, "tables can have at most %d columns",
                          TABLE_COLUMNS_MAX);
    ARENA_PUSH(b->arena, ret->columns, ret->column_count, ret->column_cap, column);
    for (uint32_t i = 0; i < def->constraint_count; i++)
        TRY(bind_column_constraint(b, ret, idx, &def->constraints[i], &null_given));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- table constraints */

static bool find_column(const SqlCreateTable *table, Str name, uint32_t *ret_idx)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped && str_eq(table->columns[i].name, name)) {
            *ret_idx = i;
            return true;
        }
    return false;
}

Status sql__add_key(Binder *b, SqlCreateTable *ret, const AstConstraint *ast,
                    const uint32_t *column)
{
    bool primary = ast->kind == AST_CONSTRAINT_PRIMARY;
    uint32_t count = column ? 1 : ast->columns.count;
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, count + 1);
    TableKey key = {.columns = columns,
                    .column_count = count,
                    .primary = primary,
                    .nulls_not_distinct = ast->nulls_not_distinct};
    Str label = STR("");
    if (ast->using_index.len)
        return BIND_UNSUPPORTED(b, ast->position, "ADD CONSTRAINT USING INDEX is not supported");
    if (ast->deferrable)
        return BIND_UNSUPPORTED(b, ast->position, "deferrable constraints are not supported");
    if (primary && ret->key_count && ret->keys[0].primary)
        return BIND_ERROR(b, "42P16", ast->position,
                          "multiple primary keys for table \"%.*s\" are not allowed",
                          STR_FMT(ret->name));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t idx = column ? *column : 0;
        if (!column && !find_column(ret, ast->columns.names[i], &idx))
            return BIND_ERROR(b, "42703", ast->position,
                              "column \"%.*s\" named in key does not exist",
                              STR_FMT(ast->columns.names[i]));
        for (uint32_t k = 0; k < i; k++)
            if (columns[k] == idx)
                return BIND_ERROR(
                    b, "42701", ast->position, "column \"%.*s\" appears twice in %s constraint",
                    STR_FMT(ret->columns[idx].name), primary ? "primary key" : "unique");
        columns[i] = (uint16_t)idx;
        if (primary)
            ret->columns[idx].not_null = true;
        label = label.len ? arena_printf(b->arena, "%.*s_%.*s", STR_FMT(label),
                                         STR_FMT(ret->columns[idx].name))
                          : ret->columns[idx].name;
    }
    TRY(constraint_name(b, ret, ast, primary ? STR("") : label, primary ? "pkey" : "key",
                        &key.name));
    ARENA_PUSH(b->arena, ret->keys, ret->key_count, ret->key_cap, key);
    if (primary) { /* the first one */
        memmove(ret->keys + 1, ret->keys, (ret->key_count - 1) * sizeof *ret->keys);
        ret->keys[0] = key;
    }
    return STATUS_OK;
}

/* The one column that a check is about, for its name. */
static Str only_column(const SqlCreateTable *table, const AstExpr *expr)
{
    Str found = STR("");
    for (uint32_t i = 0; i < table->column_count; i++) {
        if (table->columns[i].dropped || !sql_uses_column(expr, table->columns[i].name))
            continue;
        if (found.len)
            return STR("");
        found = table->columns[i].name;
    }
    return found;
}

Status sql__add_check(Binder *b, SqlCreateTable *ret, const AstConstraint *ast)
{
    TableCheck check = {0};
    Expr *expr;
    TRY(sql__check(b, ret->columns, ret->column_count, ret->name, ast->expr, &expr));
    TRY(expr_text(b, ast->expr, &check.text));
    TRY(constraint_name(b, ret, ast, only_column(ret, ast->expr), "check", &check.name));
    ARENA_PUSH(b->arena, ret->checks, ret->check_count, ret->check_cap, check);
    for (uint32_t i = ret->check_count - 1;
         i > 0 && str_cmp(ret->checks[i - 1].name, ret->checks[i].name) > 0; i--) {
        TableCheck other = ret->checks[i - 1];
        ret->checks[i - 1] = ret->checks[i];
        ret->checks[i] = other;
    }
    return STATUS_OK;
}

static Status add_constraint(Binder *b, SqlCreateTable *ret, const AstConstraint *ast,
                             const uint32_t *column)
{
    switch (ast->kind) {
    case AST_CONSTRAINT_PRIMARY:
    case AST_CONSTRAINT_UNIQUE:
        return sql__add_key(b, ret, ast, column);
    case AST_CONSTRAINT_CHECK:
        return sql__add_check(b, ret, ast);
    case AST_CONSTRAINT_FOREIGN:
        return BIND_UNSUPPORTED(b, ast->position, "foreign keys are not supported");
    case AST_CONSTRAINT_EXCLUDE:
        return BIND_UNSUPPORTED(b, ast->position, "exclusion constraints are not supported");
    case AST_CONSTRAINT_GENERATED:
        return sql__generation(b, ret->columns, ret->column_count, ret->name,
                               &ret->columns[*column], ast->expr,
                               &ret->columns[*column].default_text);
    case AST_CONSTRAINT_NOT_NULL:
    case AST_CONSTRAINT_NULL:
    case AST_CONSTRAINT_DEFAULT:
    case AST_CONSTRAINT_IDENTITY:
        break;
    }
    return STATUS_OK;
}

Status sql__add_pending(Binder *b, SqlCreateTable *ret)
{
    for (uint32_t i = 0; i < ret->pending_count; i++)
        TRY(add_constraint(b, ret, ret->pending[i].ast, &ret->pending[i].column));
    ret->pending_count = 0;
    return STATUS_OK;
}

Status sql__add_constraint(Binder *b, SqlCreateTable *ret, const AstConstraint *ast)
{
    return add_constraint(b, ret, ast, NULL);
}

/* ---------------------------------------------------------------- LIKE */

static Status add_like(Binder *b, const AstTableLike *like, SqlCreateTable *ret)
{
    const Table *from;
    TRY(sql__find_table(b, &like->table, &from));
    for (uint32_t i = 0; i < from->column_count; i++) {
        TableColumn column = from->columns[i];
        uint32_t other;
        if (column.dropped)
            continue;
        if (find_column(ret, column.name, &other))
            return BIND_ERROR(b, "42701", like->table.position,
                              "column \"%.*s\" specified more than once", STR_FMT(column.name));
        bool identity =
            column.source == COLUMN_IDENTITY_ALWAYS || column.source == COLUMN_IDENTITY_DEFAULT;
        bool keep = column.source == COLUMN_STORED ? like->options & AST_LIKE_GENERATED
                    : identity                     ? like->options & AST_LIKE_IDENTITY
                                                   : like->options & AST_LIKE_DEFAULTS;
        if (!keep) {
            column.default_text = STR("");
            column.source = COLUMN_PLAIN;
        }
        if (column.source == COLUMN_SERIAL)
            column.source = COLUMN_PLAIN; /* the default names the other table's sequence */
        uint32_t like_sequence = keep && identity ? column.sequence_id : 0;
        column.sequence_id = 0;
        ARENA_PUSH(b->arena, ret->columns, ret->column_count, ret->column_cap, column);
        if (like_sequence) {
            SqlColumnSequence sequence = {
                .column = ret->column_count - 1, .identity = true, .like = like_sequence};
            ARENA_PUSH(b->arena, ret->sequences, ret->sequence_count, ret->sequence_cap, sequence);
        }
    }
    return STATUS_OK;
}

/* Constraints and indexes come after all columns are there. */
static Status add_like_constraints(Binder *b, const AstTableLike *like, SqlCreateTable *ret)
{
    const Table *from;
    TRY(sql__find_table(b, &like->table, &from));
    for (uint32_t i = 0; (like->options & AST_LIKE_CONSTRAINTS) && i < from->check_count; i++) {
        AstConstraint ast = {.kind = AST_CONSTRAINT_CHECK, .name = from->checks[i].name};
        TRY(sql_parse_expr(b->arena, from->checks[i].text, &ast.expr, b->err));
        TRY(sql__add_check(b, ret, &ast));
    }
    for (uint32_t i = 0; (like->options & AST_LIKE_INDEXES) && i < from->key_count; i++) {
        const TableKey *key = &from->keys[i];
        AstConstraint ast = {.kind = key->primary ? AST_CONSTRAINT_PRIMARY : AST_CONSTRAINT_UNIQUE,
                             .nulls_not_distinct = key->nulls_not_distinct};
        ast.columns.names = ARENA_NEW_ARRAY(b->arena, Str, key->column_count);
        for (uint32_t k = 0; k < key->column_count; k++)
            ast.columns.names[ast.columns.count++] = from->columns[key->columns[k]].name;
        TRY(sql__add_key(b, ret, &ast, NULL));
        /* An index stays one. */
        for (uint32_t k = 0; k < ret->key_count; k++)
            ret->keys[k].is_index |= !key->primary && key->is_index && k + 1 == ret->key_count;
    }
    return STATUS_OK;
}

Status sql__create_table(Binder *b, const AstCreateTable *create, SqlCreateTable *ret)
{
    if (create->unsupported.len)
        return BIND_UNSUPPORTED(b, create->unsupported_position, "%.*s: not supported",
                                STR_FMT(create->unsupported));
    uint32_t like = 0;
    for (uint32_t i = 0; i <= create->column_count; i++) {
        while (like < create->like_count && create->likes[like].before == i)
            TRY(add_like(b, &create->likes[like++], ret));
        if (i < create->column_count)
            TRY(sql__column_def(b, &create->columns[i], ret));
    }
    /* PostgreSQL makes keys first, so that their names do not depend on checks. */
    TRY(sql__add_pending(b, ret));
    for (uint32_t i = 0; i < create->constraint_count; i++)
        TRY(sql__add_constraint(b, ret, &create->constraints[i]));
    for (uint32_t i = 0; i < create->like_count; i++)
        TRY(add_like_constraints(b, &create->likes[i], ret));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- values of domains */

typedef struct DomainArms {
    Expr **args; /* of EXPR_CASE: when, then */
    uint32_t count;
    uint32_t cap;
} DomainArms;

static bool put_value(Expr *expr, void *ctx)
{
    Expr *const *value = ctx;
    if (expr->kind == EXPR_COLUMN && expr->input == UINT16_MAX) {
        int32_t position = expr->position;
        *expr = **value;
        expr->position = position;
        return true;
    }
    return true;
}

/* An arm that is never taken: its condition raises the error, or is false. */
static Status add_arm(Binder *b, Expr *condition, Str domain, Str constraint, Type type,
                      DomainArms *arms)
{
    Expr *args[3] = {condition, expr_const_text(b->arena, TYPE_OF(TEXT), domain),
                     expr_const_text(b->arena, TYPE_OF(TEXT), constraint)};
    Expr *call;
    TRY(sql__call_named(b, STR("*domain check*"), args, 3, 0, &call));
    Expr *when = sql__new_args(b, EXPR_NOT, TYPE_OF(BOOL), 0, 1, &call);
    ARENA_PUSH(b->arena, arms->args, arms->count, arms->cap, when);
    Expr *then = expr_const_null(b->arena, type);
    ARENA_PUSH(b->arena, arms->args, arms->count, arms->cap, then);
    return STATUS_OK;
}

static bool mark_value(Expr *expr, void *ctx)
{
    if (expr->kind == EXPR_COLUMN)
        expr->input = UINT16_MAX;
    return true;
}

/* The domains below come first. Domains are made over ones that are there, so the chain ends. */
static Status add_domain(Binder *b, uint32_t id, Expr *value, DomainArms *arms)
{
    const CatalogType *domain =
        b->catalog->type_by_id ? b->catalog->type_by_id(b->catalog->ctx, id) : NULL;
    if (!domain)
        return STATUS_OK;
    if (domain->base_domain)
        TRY(add_domain(b, domain->base_domain, value, arms));
    if (domain->not_null) {
        Expr *test = sql__new_args(b, EXPR_IS_NULL, TYPE_OF(BOOL), 0, 1, &value);
        test->negated = true;
        TRY(add_arm(b, test, domain->name, STR(""), value->type, arms));
    }
    TableColumn column = {.name = STR("value"), .type = domain->base};
    for (uint32_t i = 0; i < domain->check_count; i++) {
        AstExpr *ast;
        Expr *check;
        TRY(sql_parse_expr(b->arena, domain->checks[i].text, &ast, b->err));
        TRY(sql__check(b, &column, 1, STR(""), ast, &check));
        (void)expr_walk(check, mark_value, NULL);
        Expr *copy = expr_clone(b->arena, value);
        (void)expr_walk(check, put_value, &copy);
        TRY(add_arm(b, check, domain->name, domain->checks[i].name, value->type, arms));
    }
    return STATUS_OK;
}

Status sql__domain_value(Binder *b, uint32_t domain_id, Expr **value)
{
    DomainArms arms = {0};
    if (!domain_id)
        return STATUS_OK;
    TRY(add_domain(b, domain_id, *value, &arms));
    if (!arms.count)
        return STATUS_OK;
    ARENA_PUSH(b->arena, arms.args, arms.count, arms.cap, *value);
    *value = sql__new_args(b, EXPR_CASE, (*value)->type, (*value)->position, arms.count, arms.args);
    return STATUS_OK;
}

Str sql__domain_default(Binder *b, uint32_t domain_id)
{
    while (domain_id && b->catalog->type_by_id) {
        const CatalogType *domain = b->catalog->type_by_id(b->catalog->ctx, domain_id);
        if (!domain)
            break;
        if (domain->default_text.len)
            return domain->default_text;
        domain_id = domain->base_domain;
    }
    return STR("");
}

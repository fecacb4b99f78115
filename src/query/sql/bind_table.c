/* bind_table.c - the columns and the key of CREATE TABLE. */
#include "query/sql/bind_int.h"

enum { TABLE_COLUMNS_MAX = 1600 };

static Status check_default(Binder *b, const AstColumnDef *def, Type type)
{
    Scope scope = {.clause = "DEFAULT expressions"};
    Expr *expr;
    bool ok;
    char have[64], want[64];
    if (!def->default_expr)
        return STATUS_OK;
    if (def->default_expr->kind == AST_COLUMN)
        return BIND_UNSUPPORTED(b, def->default_expr->position,
                                "cannot use column reference in DEFAULT expression");
    TRY(sql__expr(b, &scope, def->default_expr, &expr));
    Type from = expr->type;
    TRY(sql__coerce_try(b, &expr, type, CAST_ASSIGNMENT, &ok));
    if (!ok)
        return BIND_ERROR(b, "42804", def->default_expr->position,
                          "column \"%.*s\" is of type %s but default expression is of type %s",
                          STR_FMT(def->name), type_name(type, want), type_name(from, have));
    return STATUS_OK;
}

static Status check_column_name(Binder *b, const SqlCreateTable *create, Str name, int32_t position)
{
    for (uint32_t i = 0; i < create->column_count; i++)
        if (str_eq(create->columns[i].name, name))
            return BIND_ERROR(b, "42701", position, "column \"%.*s\" specified more than once",
                              STR_FMT(name));
    return STATUS_OK;
}

static Status check_column_type(Binder *b, const AstColumnDef *def, Type type)
{
    char name[64];
    if (type.id == TYPE_UNKNOWN || type.id == TYPE_VOID || type.id == TYPE_RECORD ||
        type.id == TYPE_ANY || type.id == TYPE_ANYELEMENT || type.id == TYPE_ANYARRAY)
        return BIND_ERROR(b, "42P16", def->position, "column \"%.*s\" has pseudo-type %s",
                          STR_FMT(def->name), type_name(type, name));
    return STATUS_OK;
}

static Status bind_column(Binder *b, const AstColumnDef *def, SqlCreateTable *ret)
{
    Type type;
    if (def->unsupported.len)
        return BIND_UNSUPPORTED(b, def->position, "%.*s are not supported",
                                STR_FMT(def->unsupported));
    if (str_eq(def->type->name, STR("serial")) || str_eq(def->type->name, STR("bigserial")) ||
        str_eq(def->type->name, STR("smallserial")) || str_eq(def->type->name, STR("serial4")) ||
        str_eq(def->type->name, STR("serial8")) || str_eq(def->type->name, STR("serial2")))
        return BIND_UNSUPPORTED(b, def->type->position, "type \"%.*s\" is not supported",
                                STR_FMT(def->type->name));
    TRY(sql__type(b, def->type, &type));
    TRY(check_column_type(b, def, type));
    TRY(check_column_name(b, ret, def->name, def->position));
    TRY(check_default(b, def, type));
    ret->columns[ret->column_count++] = (TableColumn){.name = def->name,
                                                      .type = type,
                                                      .not_null = def->not_null,
                                                      .default_text = def->default_text};
    return STATUS_OK;
}

static Status add_key(Binder *b, const AstCreateTable *create, Str name, SqlCreateTable *ret,
                      uint16_t *key, uint32_t *count)
{
    for (uint32_t i = 0; i < ret->column_count; i++) {
        if (!str_eq(ret->columns[i].name, name))
            continue;
        for (uint32_t k = 0; k < *count; k++)
            if (key[k] == i)
                return BIND_ERROR(b, "42701", create->table.position,
                                  "column \"%.*s\" appears twice in primary key constraint",
                                  STR_FMT(name));
        ret->columns[i].not_null = true;
        key[(*count)++] = (uint16_t)i;
        return STATUS_OK;
    }
    return BIND_ERROR(b, "42703", create->table.position,
                      "column \"%.*s\" named in key does not exist", STR_FMT(name));
}

static Status bind_keys(Binder *b, const AstCreateTable *create, SqlCreateTable *ret)
{
    uint32_t inline_keys = 0;
    uint32_t count = 0;
    uint16_t *columns =
        ARENA_NEW_ARRAY(b->arena, uint16_t, create->column_count + create->primary_key.count + 1);
    for (uint32_t i = 0; i < create->column_count; i++)
        inline_keys += create->columns[i].primary_key;
    if (inline_keys + (create->primary_key.count != 0) > 1)
        return BIND_ERROR(b, "42P16", create->table.position,
                          "multiple primary keys for table \"%.*s\" are not allowed",
                          STR_FMT(create->table.name));
    for (uint32_t i = 0; i < create->column_count; i++)
        if (create->columns[i].primary_key)
            TRY(add_key(b, create, create->columns[i].name, ret, columns, &count));
    for (uint32_t i = 0; i < create->primary_key.count; i++)
        TRY(add_key(b, create, create->primary_key.names[i], ret, columns, &count));
    if (count) {
        TableKey *key = ARENA_NEW(b->arena, TableKey);
        *key = (TableKey){.id = 1,
                          .name = arena_printf(b->arena, "%.*s_pkey", STR_FMT(create->table.name)),
                          .columns = columns,
                          .column_count = count,
                          .primary = true};
        ret->keys = key;
        ret->key_count = 1;
    }
    return STATUS_OK;
}

Status sql__create_table(Binder *b, const AstCreateTable *create, SqlCreateTable *ret)
{
    if (create->unsupported.len)
        return BIND_UNSUPPORTED(b, create->unsupported_position, "%.*s: not supported",
                                STR_FMT(create->unsupported));
    if (create->temporary)
        return BIND_UNSUPPORTED(b, create->table.position, "temporary tables are not supported");
    if (create->column_count > TABLE_COLUMNS_MAX)
        return BIND_ERROR(b, "54011", create->table.position, "tables can have at most %d columns",
                          TABLE_COLUMNS_MAX);
    *ret =
        (SqlCreateTable){.columns = ARENA_NEW_ARRAY(b->arena, TableColumn, create->column_count)};
    for (uint32_t i = 0; i < create->column_count; i++)
        TRY(bind_column(b, &create->columns[i], ret));
    return bind_keys(b, create, ret);
}

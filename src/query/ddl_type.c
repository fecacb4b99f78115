/* ddl_type.c - CREATE TYPE (composites), CREATE DOMAIN and ALTER DOMAIN. */
#include <stdio.h>

#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

bool ddl__column_has_type(const TableColumn *column, const CatalogType *type)
{
    return column->domain_id == type->id ||
           (column->type.id == TYPE_ENUM && (uint32_t)column->type.typmod == type->id);
}

static Status check_free_type(Query *query, Str schema, Str name, Error *err)
{
    CatalogKind kind;
    if (catalog_find_type(ddl__catalog(query), schema, name))
        return error_set_sql(err, STATUS_EXISTS, "42710", 0, "type \"%.*s\" already exists",
                             STR_FMT(name));
    const CatalogHead *relation =
        catalog_find(ddl__catalog(query), CATALOG_TABLE, schema, name, &kind);
    if (relation && (kind == CATALOG_TABLE || kind == CATALOG_VIEW))
        return error_set_sql(err, STATUS_EXISTS, "42710", 0, "type \"%.*s\" already exists",
                             STR_FMT(name));
    return STATUS_OK;
}

Status ddl__new_type(Query *query, const AstDdl *ast, CatalogTypeKind kind, CatalogType *ret,
                     Error *err)
{
    *ret = (CatalogType){.name = ast->name.name, .kind = kind, .owner = query->session->user_id};
    TRY(ddl__creation_schema(query, &ast->name, false, &ret->schema, err));
    TRY(check_free_type(query, ret->schema, ret->name, err));
    ret->id = ddl__new_id(query, false);
    (void)ddl__new_id(query, false); /* of the array type */
    return STATUS_OK;
}

static Status find_user_type(Query *query, const AstName *name, const char *what, bool if_exists,
                             const CatalogType **ret_type, Error *err)
{
    *ret_type = (const void *)ddl__resolve(query, CATALOG_TYPE, name, NULL);
    if (*ret_type)
        return STATUS_OK;
    if (if_exists) {
        query__notice(query, "00000", "%s \"%.*s\" does not exist, skipping", what,
                      STR_FMT(name->name));
        return STATUS_OK;
    }
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "type \"%.*s\" does not exist",
                         STR_FMT(name->name));
}

/* ---------------------------------------------------------------- composites */

Status ddl__create_composite(Query *query, const AstDdl *ast, Error *err)
{
    CatalogType type;
    query__set_tag(query, "CREATE TYPE");
    TRY(ddl__new_type(query, ast, CATALOG_COMPOSITE, &type, err));
    CompositeField *fields = ARENA_NEW_ARRAY(&query->arena, CompositeField, ast->column_count);
    for (uint32_t i = 0; i < ast->column_count; i++) {
        fields[i].name = ast->columns[i].name;
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(fields[k].name, fields[i].name))
                return error_set_sql(err, STATUS_INVALID, "42701", 0,
                                     "column \"%.*s\" specified more than once",
                                     STR_FMT(fields[i].name));
        TRY(binding__result(
            &query->binding,
            sql_bind_type(&query->binding.options, ast->columns[i].type, &fields[i].type, err),
            err));
    }
    type.fields = fields;
    type.field_count = ast->column_count;
    type.base = TYPE_OF(RECORD);
    return ddl__put(query, CATALOG_TYPE, &type, err);
}

/* ---------------------------------------------------------------- domains */

static Str check_name(Query *query, const CatalogType *type, Str given)
{
    char label[32] = "check";
    Str name = given;
    if (given.len)
        return given;
    for (int n = 1;; n++) {
        bool taken = false;
        name = sql_object_name(&query->arena, type->name, STR(""), label);
        for (uint32_t i = 0; i < type->check_count; i++)
            taken |= str_eq(type->checks[i].name, name);
        if (!taken)
            return name;
        (void)snprintf(label, sizeof label, "check%d", n);
    }
}

static Status add_check(Query *query, CatalogType *type, const AstConstraint *ast, Error *err)
{
    TableCheck check = {.id = ddl__new_id(query, false)};
    for (uint32_t i = 0; i < type->check_count; i++)
        if (ast->name.len && str_eq(type->checks[i].name, ast->name))
            return error_set_sql(err, STATUS_EXISTS, "42710", 0,
                                 "constraint \"%.*s\" for domain \"%.*s\" already exists",
                                 STR_FMT(ast->name), STR_FMT(type->name));
    check.name = check_name(query, type, ast->name);
    TRY(binding__result(
        &query->binding,
        sql_bind_domain_check(&query->binding.options, type->base, ast->expr, &check.text, err),
        err));
    TableCheck *checks = ARENA_NEW_ARRAY(&query->arena, TableCheck, type->check_count + 1);
    memcpy(checks, type->checks, sizeof *checks * type->check_count);
    uint32_t at = type->check_count++;
    for (; at > 0 && str_cmp(checks[at - 1].name, check.name) > 0; at--)
        checks[at] = checks[at - 1];
    checks[at] = check;
    type->checks = checks;
    return STATUS_OK;
}

static Status domain_constraint(Query *query, CatalogType *type, const AstConstraint *ast,
                                bool *null_given, Error *err)
{
    switch (ast->kind) {
    case AST_CONSTRAINT_NOT_NULL:
        if (*null_given)
            return error_set_sql(err, STATUS_INVALID, "42601", 0,
                                 "conflicting NULL/NOT NULL constraints");
        type->not_null = true;
        return STATUS_OK;
    case AST_CONSTRAINT_NULL:
        if (type->not_null)
            return error_set_sql(err, STATUS_INVALID, "42601", 0,
                                 "conflicting NULL/NOT NULL constraints");
        *null_given = true;
        return STATUS_OK;
    case AST_CONSTRAINT_DEFAULT:
        if (type->default_text.len)
            return error_set_sql(err, STATUS_INVALID, "42601", 0, "multiple default expressions");
        return binding__result(&query->binding,
                               sql_bind_default(&query->binding.options, type->name, type->base,
                                                ast->expr, &type->default_text, err),
                               err);
    case AST_CONSTRAINT_CHECK:
        return add_check(query, type, ast, err);
    case AST_CONSTRAINT_UNIQUE:
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "unique constraints not possible for domains");
    case AST_CONSTRAINT_PRIMARY:
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "primary key constraints not possible for domains");
    case AST_CONSTRAINT_EXCLUDE:
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "exclusion constraints not possible for domains");
    case AST_CONSTRAINT_FOREIGN:
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "foreign key constraints not possible for domains");
    case AST_CONSTRAINT_GENERATED:
    case AST_CONSTRAINT_IDENTITY:
        break;
    }
    return error_set_sql(err, STATUS_INVALID, "42601", 0,
                         "specifying GENERATED not supported for domains");
}

Status ddl__create_domain(Query *query, const AstDdl *ast, Error *err)
{
    CatalogType type;
    bool null_given = false;
    query__set_tag(query, "CREATE DOMAIN");
    TRY(ddl__new_type(query, ast, CATALOG_DOMAIN, &type, err));
    TRY(binding__result(&query->binding,
                        sql_bind_column_type(&query->binding.options, ast->type, &type.base,
                                             &type.base_domain, err),
                        err));
    if (type.base.id == TYPE_VOID || type.base.id == TYPE_RECORD || type.base.id == TYPE_ANY ||
        type.base.id == TYPE_ANYELEMENT || type.base.id == TYPE_ANYARRAY)
        return error_set_sql(err, STATUS_INVALID, "42804", 0,
                             "\"%.*s\" is not a valid base type for a domain",
                             STR_FMT(ast->type->name));
    for (uint32_t i = 0; i < ast->constraint_count; i++)
        TRY(domain_constraint(query, &type, &ast->constraints[i], &null_given, err));
    return ddl__put(query, CATALOG_TYPE, &type, err);
}

/* Do all columns of the domain pass? `where` tells of a column which rows fail. */
static Status test_columns(Query *query, const CatalogType *domain, const TableCheck *check,
                           Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    const Table *table;
    size_t pos = 0;
    while ((table = catalog_next_table(version, &pos)))
        for (uint32_t i = 0; i < table->column_count; i++) {
            CLEANUP(buf_done) Buf text = {0};
            bool found;
            if (table->columns[i].dropped || table->columns[i].domain_id != domain->id)
                continue;
            buf_append_lit(&text, "SELECT 1 FROM (SELECT ");
            sql_append_name(&text, table->columns[i].name);
            buf_append_lit(&text, " AS value FROM ");
            sql_append_name(&text, table->schema);
            buf_append_byte(&text, '.');
            sql_append_name(&text, table->name);
            if (check)
                buf_printf(&text, ") AS t WHERE NOT (%.*s) LIMIT 1", STR_FMT(check->text));
            else
                buf_append_lit(&text, ") AS t WHERE value IS NULL LIMIT 1");
            TRY(ddl__test(query, buf_str(&text), &found, err));
            if (found && check)
                return error_set_sql(err, STATUS_INVALID, "23514", 0,
                                     "column \"%.*s\" of table \"%.*s\" contains values that "
                                     "violate the new constraint",
                                     STR_FMT(table->columns[i].name), STR_FMT(table->name));
            if (found)
                return error_set_sql(err, STATUS_INVALID, "23502", 0,
                                     "column \"%.*s\" of table \"%.*s\" contains null values",
                                     STR_FMT(table->columns[i].name), STR_FMT(table->name));
        }
    return STATUS_OK;
}

static Status drop_check(Query *query, CatalogType *type, const AstDdl *ast, Error *err)
{
    TableCheck *checks = (TableCheck *)(uintptr_t)type->checks;
    for (uint32_t i = 0; i < type->check_count; i++) {
        if (!str_eq(checks[i].name, ast->sub))
            continue;
        memmove(&checks[i], &checks[i + 1], (type->check_count - i - 1) * sizeof *checks);
        type->check_count--;
        return STATUS_OK;
    }
    if (!ast->if_exists)
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                             "constraint \"%.*s\" of domain \"%.*s\" does not exist",
                             STR_FMT(ast->sub), STR_FMT(type->name));
    query__notice(query, "00000", "constraint \"%.*s\" of domain \"%.*s\" does not exist, skipping",
                  STR_FMT(ast->sub), STR_FMT(type->name));
    return STATUS_OK;
}

static Status change_domain(Query *query, CatalogType *type, const AstDdl *ast, Error *err)
{
    switch (ast->domain_change) {
    case AST_DOMAIN_SET_DEFAULT:
        type->default_text = STR("");
        if (!ast->expr)
            return STATUS_OK;
        return binding__result(&query->binding,
                               sql_bind_default(&query->binding.options, type->name, type->base,
                                                ast->expr, &type->default_text, err),
                               err);
    case AST_DOMAIN_SET_NOT_NULL:
        if (!type->not_null)
            TRY(test_columns(query, type, NULL, err));
        type->not_null = true;
        return STATUS_OK;
    case AST_DOMAIN_DROP_NOT_NULL:
        type->not_null = false;
        return STATUS_OK;
    case AST_DOMAIN_ADD_CONSTRAINT: {
        bool null_given = false;
        TRY(domain_constraint(query, type, ast->constraints, &null_given, err));
        if (ast->constraints->kind != AST_CONSTRAINT_CHECK || ast->constraints->not_valid)
            return STATUS_OK;
        for (uint32_t i = 0; i < type->check_count; i++)
            TRY(test_columns(query, type, &type->checks[i], err));
        return STATUS_OK;
    }
    case AST_DOMAIN_DROP_CONSTRAINT:
        return drop_check(query, type, ast, err);
    case AST_DOMAIN_VALIDATE_CONSTRAINT:
        for (uint32_t i = 0; i < type->check_count; i++)
            if (str_eq(type->checks[i].name, ast->sub))
                return test_columns(query, type, &type->checks[i], err);
        break;
    }
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                         "constraint \"%.*s\" of domain \"%.*s\" does not exist", STR_FMT(ast->sub),
                         STR_FMT(type->name));
}

Status ddl__alter_domain(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogType *old;
    query__set_tag(query, "ALTER DOMAIN");
    TRY(find_user_type(query, &ast->name, "domain", false, &old, err));
    if (old->kind != CATALOG_DOMAIN)
        return error_set_sql(err, STATUS_INVALID, "42809", 0, "%.*s is not a domain",
                             STR_FMT(old->name));
    CatalogType *type = catalog_copy(CATALOG_TYPE, old, &query->arena);
    TRY(change_domain(query, type, ast, err));
    return ddl__put(query, CATALOG_TYPE, type, err);
}

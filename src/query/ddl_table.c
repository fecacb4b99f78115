/* ddl_table.c - CREATE TABLE, CREATE TABLE AS, SELECT INTO and materialized views. */
#include "format/json/json.h"
#include <stdio.h>

#include "query/ddl_int.h"

/* ---------------------------------------------------------------- options */

/* A number and a unit: 30d, 12h, 2w, 1y. */
static bool is_duration(Str text)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    return digits && digits + 1 == text.len && strchr("smhdwy", text.ptr[digits]);
}

/* "a, b": columns whose words are indexed. */
static Status check_fulltext(const AstOption *option, const Table *table, Error *err)
{
    Str names = option->value;
    Str name;
    while (str_split(&names, ',', &name)) {
        bool found = false;
        for (uint32_t i = 0; i < table->column_count; i++)
            found |= str_eq(table->columns[i].name, str_trim(name)) &&
                     row_filter_can(table->columns[i].type, SCAN_MATCHES);
        if (!found)
            return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                                 "fulltext column \"%.*s\" is not a text or jsonb column of the "
                                 "table",
                                 STR_FMT(str_trim(name)));
    }
    return STATUS_OK;
}

static Status check_option(const AstOption *option, const Table *table, Error *err)
{
    if (str_eq(option->name, STR("time_column")))
        return STATUS_OK;
    if (str_eq(option->name, STR("fulltext")))
        return check_fulltext(option, table, err);
    if (!str_eq(option->name, STR("retention")))
        return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                             "unrecognized parameter \"%.*s\"", STR_FMT(option->name));
    if (!is_duration(option->value))
        return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                             "invalid value for \"retention\": \"%.*s\" (a number and one of s, m, "
                             "h, d, w, y)",
                             STR_FMT(option->value));
    return STATUS_OK;
}

/* Storage parameters of heaps mean nothing here. */
static bool is_heap_option(const AstOption *option)
{
    return str_eq(option->name, STR("fillfactor")) || str_eq(option->name, STR("oids")) ||
           str_eq(option->name, STR("parallel_workers")) ||
           str_eq(option->name, STR("user_catalog_table")) ||
           str_starts(option->name, STR("autovacuum_")) ||
           str_starts(option->name, STR("toast_tuple_target")) ||
           str_eq(option->schema, STR("toast"));
}

static int32_t find_time_column(const Table *table, Str name)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *column = &table->columns[i];
        Type type = column->type;
        bool is_time = !type.is_array && (type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ);
        if (column->dropped)
            continue;
        if (name.len ? str_eq(column->name, name) &&
                           (is_time || (!type.is_array && type.id == TYPE_DATE))
                     : is_time)
            return (int32_t)i;
    }
    return -1;
}

Status ddl__set_options(Query *query, Table *table, const AstOption *options, uint32_t count,
                        int32_t position, Error *err)
{
    CLEANUP(buf_done) Buf json = {0};
    Str time_column = STR("");
    for (uint32_t i = 0; i < count; i++) {
        if (is_heap_option(&options[i]))
            continue;
        TRY(check_option(&options[i], table, err));
        if (str_eq(options[i].name, STR("time_column")))
            time_column = options[i].value;
        buf_append_str(&json, json.len ? STR(", ") : STR("{"));
        json_append_string(&json, options[i].name);
        buf_append_lit(&json, ": ");
        json_append_string(&json, options[i].value);
    }
    if (json.len)
        buf_append_byte(&json, '}');
    table->options = arena_str(&query->arena, buf_str(&json));
    table->time_column = find_time_column(table, time_column);
    if (time_column.len && table->time_column < 0)
        return error_set_sql(err, STATUS_INVALID, "22023", position,
                             "time_column \"%.*s\" is not a date or timestamp column of the table",
                             STR_FMT(time_column));
    return STATUS_OK;
}

/* The members of an options text, "name": "value". */
static Status parse_options(Query *query, Str json, AstOption **ret_options, uint32_t *ret_count,
                            Error *err)
{
    JsonReader reader = json_reader(json);
    AstOption *options = NULL;
    JsonToken token;
    uint32_t count = 0;
    uint32_t cap = 0;
    if (json.len)
        TRY(json_next(&reader, &token, err));
    while (json.len) {
        TRY(json_next(&reader, &token, err));
        if (token.kind != JSON_TOKEN_STRING)
            break;
        AstOption option = {.name = json_unescape(&token, &query->arena), .has_value = true};
        TRY(json_next(&reader, &token, err));
        option.value = json_unescape(&token, &query->arena);
        ARENA_PUSH(&query->arena, options, count, cap, option);
    }
    *ret_options = options;
    *ret_count = count;
    return STATUS_OK;
}

Status ddl__merge_options(Query *query, Table *table, const AstOption *options, uint32_t count,
                          bool reset, Error *err)
{
    AstOption *old;
    uint32_t old_count;
    int32_t time_column = table->time_column;
    bool names_time = false;
    TRY(parse_options(query, table->options, &old, &old_count, err));
    AstOption *all = ARENA_NEW_ARRAY(&query->arena, AstOption, old_count + count);
    uint32_t total = 0;
    for (uint32_t i = 0; i < old_count; i++) {
        bool given = false;
        for (uint32_t k = 0; k < count; k++)
            given |= str_eq(old[i].name, options[k].name);
        if (!given)
            all[total++] = old[i];
    }
    for (uint32_t k = 0; !reset && k < count; k++)
        all[total++] = options[k];
    for (uint32_t i = 0; i < total; i++)
        names_time |= str_eq(all[i].name, STR("time_column"));
    TRY(ddl__set_options(query, table, all, total, 0, err));
    if (!names_time && !(reset && table->time_column < 0))
        table->time_column = time_column;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- CREATE TABLE */

Status ddl__like_indexes(Query *query, const AstCreateTable *ast, const Table *table, Error *err)
{
    for (uint32_t i = 0; i < ast->like_count; i++) {
        const CatalogHead *from = ddl__resolve(query, CATALOG_TABLE, &ast->likes[i].table, NULL);
        const CatalogVersion *version = ddl__catalog(query);
        const CatalogIndex *index;
        size_t pos = 0;
        if (!from || !(ast->likes[i].options & AST_LIKE_INDEXES))
            continue;
        while ((index = catalog_next(version, CATALOG_INDEX, &pos))) {
            char label[32] = "idx";
            if (index->table_id != from->id)
                continue;
            CatalogIndex copy = *index;
            copy.id = ddl__new_id(query, table->temporary);
            copy.table_id = table->id;
            copy.schema = table->schema;
            copy.temporary = table->temporary;
            Str columns = STR("expr");
            if (index->column_count == 1 && str_find(index->columns[0], STR("(")) < 0)
                columns = index->columns[0];
            copy.name = sql_object_name(&query->arena, table->name, columns, label);
            for (int n = 1;
                 catalog_find(ddl__catalog(query), CATALOG_TABLE, copy.schema, copy.name, NULL);
                 n++) {
                (void)snprintf(label, sizeof label, "idx%d", n);
                copy.name = sql_object_name(&query->arena, table->name, columns, label);
            }
            TRY(ddl__put(query, CATALOG_INDEX, &copy, err));
        }
    }
    return STATUS_OK;
}

static Status add_sequences(Query *query, const SqlCreateTable *bound, Table *table, Error *err)
{
    TableColumn *columns = (TableColumn *)(uintptr_t)table->columns; /* the caller's own */
    for (uint32_t i = 0; i < bound->sequence_count; i++)
        TRY(ddl__column_sequence(query, &bound->sequences[i], table,
                                 &columns[bound->sequences[i].column], err));
    return STATUS_OK;
}

void ddl__number_constraints(Query *query, Table *table)
{
    TableKey *keys = (TableKey *)(uintptr_t)table->keys;
    TableCheck *checks = (TableCheck *)(uintptr_t)table->checks;
    for (uint32_t i = 0; i < table->key_count; i++)
        if (!keys[i].id)
            keys[i].id = ddl__new_id(query, table->temporary);
    for (uint32_t i = 0; i < table->check_count; i++)
        if (!checks[i].id)
            checks[i].id = ddl__new_id(query, table->temporary);
}

/* Fills in ids, sequences and options, and puts the table. */
static Status put_table(Query *query, const AstCreateTable *ast, const SqlCreateTable *bound,
                        Str schema, Table *table, Error *err)
{
    *table = (Table){.id = ddl__new_id(query, ast->temporary),
                     .schema = schema,
                     .name = ast->table.name,
                     .kind = TABLE_USER,
                     .columns = bound->columns,
                     .column_count = bound->column_count,
                     .keys = bound->keys,
                     .key_count = bound->key_count,
                     .checks = bound->checks,
                     .check_count = bound->check_count,
                     .owner = query->session->user_id,
                     .temporary = ast->temporary,
                     .on_commit = (uint8_t)ast->on_commit};
    table->store_id = table->id;
    TRY(ddl__set_options(query, table, ast->options, ast->option_count, ast->table.position, err));
    ddl__number_constraints(query, table);
    TRY(add_sequences(query, bound, table, err));
    if (ast->materialized) {
        table->query = ast->query_text;
        table->populated = !ast->with_no_data;
    }
    return ddl__put(query, CATALOG_TABLE, table, err);
}

static Status check_on_commit(const AstCreateTable *ast, Error *err)
{
    if (ast->on_commit == AST_ON_COMMIT_PRESERVE || ast->temporary)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "42P16", 0,
                         "ON COMMIT can only be used on temporary tables");
}

static bool in_temporary_schema(const Query *query, const AstName *name)
{
    return str_eq(name->schema, STR("pg_temp")) ||
           (name->schema.len && ddl__is_temporary(query->session, name->schema));
}

Status ddl__create_table(Query *query, const AstCreateTable *given, Error *err)
{
    AstCreateTable copy = *given;
    AstCreateTable *ast = &copy;
    SqlCreateTable bound = {.name = ast->table.name};
    Table table;
    bool exists;
    ast->temporary |= in_temporary_schema(query, &ast->table);
    query__set_tag(query, "CREATE TABLE");
    TRY(check_on_commit(ast, err));
    TRY(ddl__creation_schema(query, &ast->table, ast->temporary, &bound.schema, err));
    TRY(ddl__check_free(query, bound.schema, bound.name, ast->if_not_exists, &exists, err));
    if (exists)
        return STATUS_OK;
    TRY(binding__result(&query->binding,
                        sql_bind_create_table(&query->binding.options, ast, &bound, err), err));
    TRY(put_table(query, ast, &bound, bound.schema, &table, err));
    return ddl__like_indexes(query, ast, &table, err);
}

/* ---------------------------------------------------------------- AS */

static Status columns_of_plan(Query *query, const AstCreateTable *ast, SqlCreateTable *ret,
                              Error *err)
{
    const Schema *schema = &query->own_plan.root->schema;
    if (ast->column_names.count > schema->field_count)
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "too many column names were specified");
    ret->column_count = schema->field_count;
    ret->columns = ARENA_NEW_ARRAY(&query->arena, TableColumn, schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const Field *field = &schema->fields[i];
        char name[64];
        ret->columns[i].name =
            i < ast->column_names.count ? ast->column_names.names[i] : field->name;
        ret->columns[i].type = field->type;
        if (field->type.id == TYPE_RECORD || field->type.id == TYPE_VOID)
            return error_set_sql(err, STATUS_INVALID, "42P16", 0,
                                 "column \"%.*s\" has pseudo-type %s",
                                 STR_FMT(ret->columns[i].name), type_name(field->type, name));
        for (uint32_t k = 0; k < i; k++)
            if (str_eq(ret->columns[k].name, ret->columns[i].name))
                return error_set_sql(err, STATUS_INVALID, "42701", 0,
                                     "column \"%.*s\" specified more than once",
                                     STR_FMT(ret->columns[i].name));
    }
    return STATUS_OK;
}

Status ddl__create_table_as(Query *query, const AstCreateTable *given, Error *err)
{
    AstCreateTable copy = *given;
    AstCreateTable *ast = &copy;
    SqlCreateTable bound = {.name = ast->table.name};
    DdlRows rows = {0};
    Table table;
    bool exists;
    ast->temporary |= in_temporary_schema(query, &ast->table);
    query__set_tag(query, ast->materialized ? "CREATE MATERIALIZED VIEW" : "CREATE TABLE AS");
    TRY(check_on_commit(ast, err));
    TRY(ddl__creation_schema(query, &ast->table, ast->temporary, &bound.schema, err));
    TRY(ddl__check_free(query, bound.schema, bound.name, ast->if_not_exists, &exists, err));
    if (exists)
        return STATUS_OK;
    if (ast->with_no_data)
        TRY(query__bind(query, ast->source, err));
    else
        TRY(ddl__read(query, ast->source, &rows, err));
    TRY(columns_of_plan(query, ast, &bound, err));
    TRY(put_table(query, ast, &bound, bound.schema, &table, err));
    TRY(ddl__store(query, &table, &rows, err));
    if (!ast->with_no_data)
        query__set_tag(query, "SELECT %lu", (unsigned long)rows.row_count);
    return STATUS_OK;
}

Status ddl__refresh(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogHead *head;
    DdlRows rows = {0};
    query__set_tag(query, "REFRESH MATERIALIZED VIEW");
    TRY(ddl__relation(query, &ast->name, CATALOG_TABLE, "relation", false, &head, err));
    const Table *old = (const void *)head;
    if (!old->query.len)
        return error_set_sql(err, STATUS_INVALID, "0A000", 0, "\"%.*s\" is not a materialized view",
                             STR_FMT(old->name));
    if (!ast->with_no_data)
        TRY(ddl__read_text(query, old->query, &rows, err));
    Table *table = ddl__edit_table(query, old);
    table->store_id = ddl__new_id(query, table->temporary);
    table->populated = !ast->with_no_data;
    ddl__forget_rows(query->session, old);
    TRY(ddl__put(query, CATALOG_TABLE, table, err));
    return ddl__store(query, table, &rows, err);
}

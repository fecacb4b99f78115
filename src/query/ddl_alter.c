/* ddl_alter.c - ALTER TABLE.
 *
 * The subcommands change a copy of the definition, one after the other, and note what they want of
 * the rows: tests, and an expression per column of the new rows. At the end the tests run, and when
 * rows change in form (columns added or dropped, types, keys) all rows are read through one SELECT
 * over the old table and stored under a new store id. */
#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

typedef struct RowTest {
    Str where; /* true for rows, as they will be, that fail */
    const char *sqlstate;
    Str message;
} RowTest;

typedef struct Alter {
    Query *query;
    const Table *old;
    Table *table;         /* the copy */
    SqlCreateTable bound; /* the same columns and constraints, as the binder adds to them */
    Str *values;          /* per column: SQL over the old columns, "" = the old column as it is */
    uint32_t value_cap;
    bool rewrite;
    RowTest *tests;
    uint32_t test_count;
    uint32_t test_cap;
} Alter;

/* ---------------------------------------------------------------- the definition */

Table *ddl__edit_table(Query *query, const Table *table)
{
    return catalog_copy(CATALOG_TABLE, table, &query->arena);
}

static Status start(Alter *a, Query *query, const Table *table)
{
    a->query = query;
    a->old = table;
    a->table = ddl__edit_table(query, table);
    a->bound = (SqlCreateTable){.schema = table->schema,
                                .name = table->name,
                                .columns = (TableColumn *)(uintptr_t)a->table->columns,
                                .column_count = table->column_count,
                                .column_cap = table->column_count,
                                .keys = (TableKey *)(uintptr_t)a->table->keys,
                                .key_count = table->key_count,
                                .key_cap = table->key_count,
                                .checks = (TableCheck *)(uintptr_t)a->table->checks,
                                .check_count = table->check_count,
                                .check_cap = table->check_count};
    a->value_cap = table->column_count + 1600;
    a->values = ARENA_NEW_ARRAY(&query->arena, Str, a->value_cap);
    return STATUS_OK;
}

static void sync_table(Alter *a)
{
    a->table->columns = a->bound.columns;
    a->table->column_count = a->bound.column_count;
    a->table->keys = a->bound.keys;
    a->table->key_count = a->bound.key_count;
    a->table->checks = a->bound.checks;
    a->table->check_count = a->bound.check_count;
}

static Status find_column(Alter *a, Str name, uint32_t *ret_idx, Error *err)
{
    for (uint32_t i = 0; i < a->bound.column_count; i++)
        if (!a->bound.columns[i].dropped && str_eq(a->bound.columns[i].name, name)) {
            *ret_idx = i;
            return STATUS_OK;
        }
    return error_set_sql(err, STATUS_INVALID, "42703", 0,
                         "column \"%.*s\" of relation \"%.*s\" does not exist", STR_FMT(name),
                         STR_FMT(a->table->name));
}

static Str quoted(Query *query, Str name)
{
    CLEANUP(buf_done) Buf text = {0};
    sql_append_name(&text, name);
    return arena_str(&query->arena, buf_str(&text));
}

static Str table_sql(Query *query, const Table *table)
{
    return arena_printf(&query->arena, "%.*s.%.*s", STR_FMT(quoted(query, table->schema)),
                        STR_FMT(quoted(query, table->name)));
}

static void add_test(Alter *a, Str where, const char *sqlstate, Str message)
{
    RowTest test = {where, sqlstate, message};
    ARENA_PUSH(&a->query->arena, a->tests, a->test_count, a->test_cap, test);
}

/* What a column of the new rows is, over the old ones. */
static Str value_sql(Alter *a, uint32_t i)
{
    return a->values[i].len ? a->values[i] : quoted(a->query, a->old->columns[i].name);
}

static void test_check(Alter *a, const TableCheck *check)
{
    Query *query = a->query;
    add_test(a, arena_printf(&query->arena, "NOT (%.*s)", STR_FMT(check->text)), "23514",
             arena_printf(&query->arena,
                          "check constraint \"%.*s\" of relation \"%.*s\" is violated by some row",
                          STR_FMT(check->name), STR_FMT(a->table->name)));
}

/* Those that are not among the first ones there were. */
static void test_new_checks(Alter *a, const TableCheck *before, uint32_t before_count)
{
    for (uint32_t i = 0; i < a->bound.check_count; i++) {
        bool is_old = false;
        for (uint32_t k = 0; k < before_count; k++)
            is_old |= str_eq(before[k].name, a->bound.checks[i].name);
        if (!is_old)
            test_check(a, &a->bound.checks[i]);
    }
}

/* ---------------------------------------------------------------- columns */

static Status add_column(Alter *a, const AstAlterCommand *c, Error *err)
{
    Query *query = a->query;
    SqlCreateTable *bound = &a->bound;
    for (uint32_t i = 0; i < bound->column_count; i++) {
        if (bound->columns[i].dropped || !str_eq(bound->columns[i].name, c->column->name))
            continue;
        if (!c->if_exists)
            return error_set_sql(err, STATUS_EXISTS, "42701", 0,
                                 "column \"%.*s\" of relation \"%.*s\" already exists",
                                 STR_FMT(c->column->name), STR_FMT(a->table->name));
        query__notice(query, "42701",
                      "column \"%.*s\" of relation \"%.*s\" already exists, skipping",
                      STR_FMT(c->column->name), STR_FMT(a->table->name));
        return STATUS_OK;
    }
    uint32_t idx = bound->column_count;
    uint32_t checks = bound->check_count;
    TableCheck *before = arena_dup(&query->arena, bound->checks, sizeof *before * checks);
    uint32_t sequences = bound->sequence_count;
    TRY(binding__result(&query->binding,
                        sql_bind_add_column(&query->binding.options, c->column, bound, err), err));
    sync_table(a);
    TableColumn *column = &bound->columns[idx];
    for (uint32_t i = sequences; i < bound->sequence_count; i++)
        TRY(ddl__column_sequence(query, &bound->sequences[i], a->table, column, err));
    Str value = column->default_text.len ? column->default_text : STR("NULL");
    if (column->source == COLUMN_STORED)
        /* Over the old columns, which the expression can only use. */
        value = column->default_text;
    if (!column->default_text.len && column->domain_id) {
        const CatalogType *domain =
            catalog_by_id(ddl__catalog(query), CATALOG_TYPE, column->domain_id);
        if (domain && domain->default_text.len)
            value = domain->default_text;
    }
    CLEANUP(buf_done) Buf text = {0};
    buf_printf(&text, "(%.*s)::", STR_FMT(value));
    sql_deparse_type(c->column->type, &text);
    if (column->source == COLUMN_SERIAL) {
        buf_clear(&text);
        buf_printf(&text, "%.*s", STR_FMT(value));
    }
    a->values[idx] = arena_str(&query->arena, buf_str(&text));
    a->rewrite = true;
    test_new_checks(a, before, checks);
    return STATUS_OK;
}

/* Takes the column's keys, checks and time column along. */
static void forget_column(Table *table, uint32_t idx, Str name, Arena *arena)
{
    TableColumn *columns = (TableColumn *)(uintptr_t)table->columns;
    TableKey *keys = (TableKey *)(uintptr_t)table->keys;
    TableCheck *checks = (TableCheck *)(uintptr_t)table->checks;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->key_count; i++) {
        bool uses = false;
        for (uint32_t k = 0; k < keys[i].column_count; k++)
            uses |= keys[i].columns[k] == idx;
        if (!uses)
            keys[kept++] = keys[i];
    }
    table->key_count = kept;
    kept = 0;
    for (uint32_t i = 0; i < table->check_count; i++) {
        AstExpr *expr;
        if (sql_parse_expr(arena, checks[i].text, &expr, NULL) != STATUS_OK ||
            !sql_uses_column(expr, name))
            checks[kept++] = checks[i];
    }
    table->check_count = kept;
    columns[idx].dropped = true;
    columns[idx].not_null = false;
    columns[idx].source = COLUMN_PLAIN;
    columns[idx].default_text = STR("");
    columns[idx].sequence_id = columns[idx].domain_id = 0;
    columns[idx].name = arena_printf(arena, "........pg.dropped.%u........", idx + 1);
    if (table->time_column == (int32_t)idx)
        table->time_column = -1;
}

/* Sequences that a column owns, indexes on it. */
static Status drop_column_parts(Query *query, const Table *table, uint32_t idx, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogSequence *sequence;
    const CatalogIndex *index;
    size_t pos = 0;
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos)))
        if (sequence->owner_table == table->id && sequence->owner_column == idx + 1)
            TRY(ddl__drop(query, CATALOG_SEQUENCE, sequence->id, err));
    pos = 0;
    while ((index = catalog_next(version, CATALOG_INDEX, &pos))) {
        bool uses = false;
        if (index->table_id != table->id)
            continue;
        for (uint32_t i = 0; i < index->column_count && !uses; i++)
            uses = ddl__index_uses(query, index->columns[i], table->columns[idx].name);
        if (uses)
            TRY(ddl__drop(query, CATALOG_INDEX, index->id, err));
    }
    return STATUS_OK;
}

/* Generated columns that read the column: RESTRICT refuses, CASCADE drops them, too. */
static Status check_generated_readers(Alter *a, uint32_t idx, bool cascade, Error *err)
{
    for (uint32_t i = 0; i < a->bound.column_count; i++) {
        TableColumn *column = &a->bound.columns[i];
        AstExpr *expr;
        if (column->dropped || column->source != COLUMN_STORED)
            continue;
        TRY(sql_parse_expr(&a->query->arena, column->default_text, &expr, err));
        if (!sql_uses_column(expr, a->bound.columns[idx].name))
            continue;
        if (!cascade) {
            Str label = ddl__label(a->query, CATALOG_TABLE, (const void *)a->table);
            Status status =
                error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                              "cannot drop column %.*s of %.*s because other objects depend on it",
                              STR_FMT(a->bound.columns[idx].name), STR_FMT(label));
            error_detail(err, "column %.*s of %.*s depends on column %.*s of %.*s",
                         STR_FMT(column->name), STR_FMT(label), STR_FMT(a->bound.columns[idx].name),
                         STR_FMT(label));
            error_hint(err, "Use DROP ... CASCADE to drop the dependent objects too.");
            return status;
        }
        query__notice(a->query, "00000", "drop cascades to column %.*s of %.*s",
                      STR_FMT(column->name),
                      STR_FMT(ddl__label(a->query, CATALOG_TABLE, (const void *)a->table)));
        forget_column(a->table, i, column->name, &a->query->arena);
    }
    return STATUS_OK;
}

static Status drop_column(Alter *a, const AstAlterCommand *c, Error *err)
{
    DdlDrops drops = {0};
    uint32_t idx;
    Status status = find_column(a, c->name, &idx, err);
    if (status != STATUS_OK && c->if_exists) {
        query__notice(a->query, "42703",
                      "column \"%.*s\" of relation \"%.*s\" does not exist, skipping",
                      STR_FMT(c->name), STR_FMT(a->table->name));
        return STATUS_OK;
    }
    TRY(status);
    TRY(check_generated_readers(a, idx, c->cascade, err));
    ddl__add_column_dependents(a->query, &drops, a->old, idx);
    TRY(ddl__run_drops(
        a->query, &drops, c->cascade,
        arena_printf(&a->query->arena, "column %.*s of %.*s", STR_FMT(c->name),
                     STR_FMT(ddl__label(a->query, CATALOG_TABLE, (const void *)a->old))),
        err));
    TRY(drop_column_parts(a->query, a->table, idx, err));
    forget_column(a->table, idx, c->name, &a->query->arena);
    a->bound.key_count = a->table->key_count;
    a->bound.check_count = a->table->check_count;
    a->rewrite = true;
    return STATUS_OK;
}

static bool view_uses_column(Query *query, const Table *table, uint32_t idx, Str *ret_label)
{
    DdlDrops drops = {0};
    ddl__add_column_dependents(query, &drops, table, idx);
    for (uint32_t i = 0; i < drops.count; i++)
        if (drops.items[i].dependent) {
            *ret_label = drops.items[i].label;
            return true;
        }
    return false;
}

static Status check_type_change(Alter *a, uint32_t idx, Error *err)
{
    Str name = a->bound.columns[idx].name;
    Str label;
    if (idx < a->old->column_count && view_uses_column(a->query, a->old, idx, &label)) {
        Status status = error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                      "cannot alter type of a column used by a view or rule");
        error_detail(err, "rule _RETURN on %.*s depends on column \"%.*s\"", STR_FMT(label),
                     STR_FMT(name));
        return status;
    }
    for (uint32_t i = 0; i < a->bound.column_count; i++) {
        const TableColumn *column = &a->bound.columns[i];
        AstExpr *expr;
        if (column->dropped || column->source != COLUMN_STORED)
            continue;
        TRY(sql_parse_expr(&a->query->arena, column->default_text, &expr, err));
        if (i != idx && sql_uses_column(expr, name)) {
            Status status =
                error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                              "cannot alter type of a column used by a generated column");
            error_detail(err, "Column \"%.*s\" is used by generated column \"%.*s\".",
                         STR_FMT(name), STR_FMT(column->name));
            return status;
        }
    }
    return STATUS_OK;
}

/* The default goes on if it can become the new type. */
static Status retype_default(Alter *a, TableColumn *column, Error *err)
{
    AstExpr *expr;
    Str text;
    char want[64];
    if (!column->default_text.len || column->source != COLUMN_PLAIN)
        return STATUS_OK;
    TRY(sql_parse_expr(&a->query->arena, column->default_text, &expr, err));
    if (sql_bind_default(&a->query->binding.options, column->name, column->type, expr, &text,
                         NULL) == STATUS_OK)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "42804", 0,
                         "default for column \"%.*s\" cannot be cast automatically to type %s",
                         STR_FMT(column->name), type_name(column->type, want));
}

static Status cast_is_possible(Alter *a, Type from, Type to, Str name, Error *err)
{
    const Cast *cast = type_eq(from, to) ? NULL : func_find_cast(from, to);
    char want[64];
    CLEANUP(buf_done) Buf hint = {0};
    if (type_eq(from, to) || (cast && cast->context <= CAST_ASSIGNMENT) ||
        (from.is_array == to.is_array && from.is_array))
        return STATUS_OK;
    Status status = error_set_sql(err, STATUS_INVALID, "42804", 0,
                                  "column \"%.*s\" cannot be cast automatically to type %s",
                                  STR_FMT(name), type_name(to, want));
    sql_append_name(&hint, name);
    error_hint(err, "You might need to specify \"USING %.*s::%s\".", (int)hint.len, hint.ptr,
               type_name(to, want));
    (void)a;
    return status;
}

static Status alter_type(Alter *a, const AstAlterCommand *c, Error *err)
{
    CLEANUP(buf_done) Buf value = {0};
    uint32_t idx, domain;
    Type type;
    TRY(find_column(a, c->name, &idx, err));
    TRY(check_type_change(a, idx, err));
    TRY(binding__result(
        &a->query->binding,
        sql_bind_column_type(&a->query->binding.options, c->type, &type, &domain, err), err));
    TableColumn *column = &a->bound.columns[idx];
    if ((column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT)) {
        if (!type_is_integer(type))
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "identity column type must be smallint, integer, or bigint");
        const CatalogSequence *sequence =
            catalog_by_id(ddl__catalog(a->query), CATALOG_SEQUENCE, column->sequence_id);
        char name[64];
        AstOption as = {.name = STR("as"), .has_value = true};
        as.value = str_from(type_pg_name(type, name));
        if (sequence)
            TRY(ddl__alter_identity(a->query, sequence, &as, 1, err));
    }
    if (c->expr) {
        buf_append_byte(&value, '(');
        TRY(sql_deparse(c->expr, NULL, &value, err));
        buf_append_byte(&value, ')');
    } else {
        TRY(cast_is_possible(a, column->type, type, column->name, err));
        buf_append_str(&value, value_sql(a, idx));
    }
    if (column->source == COLUMN_STORED) {
        if (c->expr)
            return error_set_sql(err, STATUS_INVALID, "42611", 0,
                                 "cannot specify USING when altering type of generated column");
        buf_clear(&value);
        buf_printf(&value, "(%.*s)", STR_FMT(column->default_text));
    }
    buf_append_lit(&value, "::");
    sql_deparse_type(c->type, &value);
    a->values[idx] = arena_str(&a->query->arena, buf_str(&value));
    column->type = type;
    column->domain_id = domain;
    a->rewrite = true;
    return retype_default(a, column, err);
}

static Status set_default(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    TRY(find_column(a, c->name, &idx, err));
    TableColumn *column = &a->bound.columns[idx];
    if (column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT) {
        Status status = error_set_sql(err, STATUS_INVALID, "42601", 0,
                                      "column \"%.*s\" of relation \"%.*s\" is an identity column",
                                      STR_FMT(column->name), STR_FMT(a->table->name));
        if (!c->expr)
            error_hint(err, "Use ALTER TABLE ... ALTER COLUMN ... DROP IDENTITY instead.");
        return status;
    }
    if (column->source == COLUMN_STORED) {
        Status status = error_set_sql(err, STATUS_INVALID, "42601", 0,
                                      "column \"%.*s\" of relation \"%.*s\" is a generated column",
                                      STR_FMT(column->name), STR_FMT(a->table->name));
        if (!c->expr)
            error_hint(err, "Use ALTER TABLE ... ALTER COLUMN ... DROP EXPRESSION instead.");
        return status;
    }
    column->source = COLUMN_PLAIN;
    column->sequence_id = 0;
    column->default_text = STR("");
    if (!c->expr)
        return STATUS_OK;
    return binding__result(&a->query->binding,
                           sql_bind_default(&a->query->binding.options, column->name, column->type,
                                            c->expr, &column->default_text, err),
                           err);
}

static void test_not_null(Alter *a, uint32_t idx)
{
    Query *query = a->query;
    add_test(a,
             arena_printf(&query->arena, "%.*s IS NULL",
                          STR_FMT(quoted(query, a->bound.columns[idx].name))),
             "23502",
             arena_printf(&query->arena,
                          "column \"%.*s\" of relation \"%.*s\" contains null values",
                          STR_FMT(a->bound.columns[idx].name), STR_FMT(a->table->name)));
}

static Status set_not_null(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    TRY(find_column(a, c->name, &idx, err));
    if (a->bound.columns[idx].not_null)
        return STATUS_OK;
    a->bound.columns[idx].not_null = true;
    test_not_null(a, idx);
    return STATUS_OK;
}

static Status drop_not_null(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    TRY(find_column(a, c->name, &idx, err));
    TableColumn *column = &a->bound.columns[idx];
    if (column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT)
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "column \"%.*s\" of relation \"%.*s\" is an identity column",
                             STR_FMT(column->name), STR_FMT(a->table->name));
    sync_table(a);
    const TableKey *key = table_primary_key(a->table);
    for (uint32_t i = 0; key && i < key->column_count; i++)
        if (key->columns[i] == idx)
            return error_set_sql(err, STATUS_INVALID, "42P16", 0,
                                 "column \"%.*s\" is in a primary key", STR_FMT(column->name));
    column->not_null = false;
    return STATUS_OK;
}

static Status drop_expression(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    TRY(find_column(a, c->name, &idx, err));
    TableColumn *column = &a->bound.columns[idx];
    if (column->source != COLUMN_STORED) {
        if (!c->if_exists)
            return error_set_sql(err, STATUS_INVALID, "55000", 0,
                                 "column \"%.*s\" of relation \"%.*s\" is not a stored generated "
                                 "column",
                                 STR_FMT(column->name), STR_FMT(a->table->name));
        query__notice(a->query, "00000",
                      "column \"%.*s\" of relation \"%.*s\" is not a stored generated column, "
                      "skipping",
                      STR_FMT(column->name), STR_FMT(a->table->name));
        return STATUS_OK;
    }
    column->source = COLUMN_PLAIN;
    column->default_text = STR("");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- identity */

static bool is_identity(const TableColumn *column)
{
    return column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT;
}

static Status add_identity(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    TRY(find_column(a, c->name, &idx, err));
    TableColumn *column = &a->bound.columns[idx];
    if (!column->not_null)
        return error_set_sql(
            err, STATUS_INVALID, "55000", 0,
            "column \"%.*s\" of relation \"%.*s\" must be declared NOT NULL before "
            "identity can be added",
            STR_FMT(column->name), STR_FMT(a->table->name));
    if (is_identity(column))
        return error_set_sql(err, STATUS_INVALID, "55000", 0,
                             "column \"%.*s\" of relation \"%.*s\" is already an identity column",
                             STR_FMT(column->name), STR_FMT(a->table->name));
    if (column->default_text.len)
        return error_set_sql(err, STATUS_INVALID, "55000", 0,
                             "column \"%.*s\" of relation \"%.*s\" already has a default value",
                             STR_FMT(column->name), STR_FMT(a->table->name));
    if (!type_is_integer(column->type))
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "identity column type must be smallint, integer, or bigint");
    SqlColumnSequence spec = {.column = idx,
                              .identity = true,
                              .options = c->constraint->options,
                              .option_count = c->constraint->option_count};
    column->source = c->constraint->always ? COLUMN_IDENTITY_ALWAYS : COLUMN_IDENTITY_DEFAULT;
    return ddl__column_sequence(a->query, &spec, a->table, column, err);
}

static Status set_identity(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    uint32_t rest = 0;
    TRY(find_column(a, c->name, &idx, err));
    TableColumn *column = &a->bound.columns[idx];
    if (!is_identity(column))
        return error_set_sql(err, STATUS_INVALID, "55000", 0,
                             "column \"%.*s\" of relation \"%.*s\" is not an identity column",
                             STR_FMT(column->name), STR_FMT(a->table->name));
    AstOption *options = ARENA_NEW_ARRAY(&a->query->arena, AstOption, c->option_count);
    for (uint32_t i = 0; i < c->option_count; i++) {
        if (!str_eq(c->options[i].name, STR("generated"))) {
            options[rest++] = c->options[i];
            continue;
        }
        bool always = str_eq(c->options[i].value, STR("97")); /* 'a' */
        column->source = always ? COLUMN_IDENTITY_ALWAYS : COLUMN_IDENTITY_DEFAULT;
    }
    const CatalogSequence *sequence =
        catalog_by_id(ddl__catalog(a->query), CATALOG_SEQUENCE, column->sequence_id);
    return rest && sequence ? ddl__alter_identity(a->query, sequence, options, rest, err)
                            : STATUS_OK;
}

static Status drop_identity(Alter *a, const AstAlterCommand *c, Error *err)
{
    uint32_t idx;
    TRY(find_column(a, c->name, &idx, err));
    TableColumn *column = &a->bound.columns[idx];
    if (!is_identity(column)) {
        if (!c->if_exists)
            return error_set_sql(err, STATUS_INVALID, "55000", 0,
                                 "column \"%.*s\" of relation \"%.*s\" is not an identity column",
                                 STR_FMT(column->name), STR_FMT(a->table->name));
        query__notice(a->query, "00000",
                      "column \"%.*s\" of relation \"%.*s\" is not an identity column, skipping",
                      STR_FMT(column->name), STR_FMT(a->table->name));
        return STATUS_OK;
    }
    TRY(ddl__drop(a->query, CATALOG_SEQUENCE, column->sequence_id, err));
    column->source = COLUMN_PLAIN;
    column->sequence_id = 0;
    column->default_text = STR("");
    return STATUS_OK;
}

/* ---------------------------------------------------------------- constraints */

static Status add_constraint(Alter *a, const AstAlterCommand *c, Error *err)
{
    Query *query = a->query;
    SqlCreateTable *bound = &a->bound;
    uint32_t keys = bound->key_count;
    uint32_t checks = bound->check_count;
    bool *was = ARENA_NEW_ARRAY(&query->arena, bool, bound->column_count);
    TableCheck *before = arena_dup(&query->arena, bound->checks, sizeof *before * checks);
    for (uint32_t i = 0; i < bound->column_count; i++)
        was[i] = bound->columns[i].not_null;
    TRY(binding__result(&query->binding,
                        sql_bind_add_constraint(&query->binding.options, c->constraint, bound, err),
                        err));
    if (bound->key_count > keys)
        a->rewrite = true; /* a new store builds the key */
    for (uint32_t i = 0; i < bound->column_count; i++)
        if (bound->columns[i].not_null && !was[i])
            test_not_null(a, i);
    if (!c->constraint->not_valid)
        test_new_checks(a, before, checks);
    return STATUS_OK;
}

static Status drop_constraint(Alter *a, const AstAlterCommand *c, Error *err)
{
    SqlCreateTable *bound = &a->bound;
    for (uint32_t i = 0; i < bound->key_count; i++) {
        if (bound->keys[i].is_index || !str_eq(bound->keys[i].name, c->name))
            continue;
        memmove(&bound->keys[i], &bound->keys[i + 1],
                (bound->key_count - i - 1) * sizeof *bound->keys);
        bound->key_count--;
        a->rewrite = true;
        return STATUS_OK;
    }
    for (uint32_t i = 0; i < bound->check_count; i++) {
        if (!str_eq(bound->checks[i].name, c->name))
            continue;
        memmove(&bound->checks[i], &bound->checks[i + 1],
                (bound->check_count - i - 1) * sizeof *bound->checks);
        bound->check_count--;
        return STATUS_OK;
    }
    if (!c->if_exists)
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                             "constraint \"%.*s\" of relation \"%.*s\" does not exist",
                             STR_FMT(c->name), STR_FMT(a->table->name));
    query__notice(a->query, "00000",
                  "constraint \"%.*s\" of relation \"%.*s\" does not exist, skipping",
                  STR_FMT(c->name), STR_FMT(a->table->name));
    return STATUS_OK;
}

static Status validate_constraint(Alter *a, const AstAlterCommand *c, Error *err)
{
    for (uint32_t i = 0; i < a->bound.check_count; i++)
        if (str_eq(a->bound.checks[i].name, c->name)) {
            test_check(a, &a->bound.checks[i]);
            return STATUS_OK;
        }
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                         "constraint \"%.*s\" of relation \"%.*s\" does not exist",
                         STR_FMT(c->name), STR_FMT(a->table->name));
}

/* ---------------------------------------------------------------- one subcommand */

static Status run_command(Alter *a, const AstAlterCommand *c, Error *err)
{
    sync_table(a);
    switch (c->kind) {
    case AST_ALTER_ADD_COLUMN:
        return add_column(a, c, err);
    case AST_ALTER_DROP_COLUMN:
        return drop_column(a, c, err);
    case AST_ALTER_TYPE:
        return alter_type(a, c, err);
    case AST_ALTER_SET_DEFAULT:
        return set_default(a, c, err);
    case AST_ALTER_SET_NOT_NULL:
        return set_not_null(a, c, err);
    case AST_ALTER_DROP_NOT_NULL:
        return drop_not_null(a, c, err);
    case AST_ALTER_DROP_EXPRESSION:
        return drop_expression(a, c, err);
    case AST_ALTER_ADD_IDENTITY:
        return add_identity(a, c, err);
    case AST_ALTER_SET_IDENTITY:
        return set_identity(a, c, err);
    case AST_ALTER_DROP_IDENTITY:
        return drop_identity(a, c, err);
    case AST_ALTER_ADD_CONSTRAINT:
        return add_constraint(a, c, err);
    case AST_ALTER_DROP_CONSTRAINT:
        return drop_constraint(a, c, err);
    case AST_ALTER_VALIDATE_CONSTRAINT:
        return validate_constraint(a, c, err);
    case AST_ALTER_OWNER:
        return ddl__owner_id(a->query, c->name, &a->table->owner, err);
    case AST_ALTER_SET_OPTIONS:
    case AST_ALTER_RESET_OPTIONS:
        return ddl__merge_options(a->query, a->table, c->options, c->option_count,
                                  c->kind == AST_ALTER_RESET_OPTIONS, err);
    case AST_ALTER_NOTHING:
        return STATUS_OK;
    case AST_ALTER_UNSUPPORTED:
        break;
    }
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "%.*s is not supported",
                         STR_FMT(c->unsupported));
}

/* DROPs come first, then types, then what adds: as PostgreSQL's passes. */
static int pass_of(const AstAlterCommand *c)
{
    switch (c->kind) {
    case AST_ALTER_DROP_COLUMN:
    case AST_ALTER_DROP_CONSTRAINT:
    case AST_ALTER_DROP_NOT_NULL:
    case AST_ALTER_DROP_EXPRESSION:
    case AST_ALTER_DROP_IDENTITY:
        return 0;
    case AST_ALTER_TYPE:
        return 1;
    case AST_ALTER_ADD_COLUMN:
        return 2;
    case AST_ALTER_ADD_CONSTRAINT:
        return 4;
    case AST_ALTER_SET_DEFAULT:
        return c->expr ? 3 : 0;
    case AST_ALTER_SET_NOT_NULL:
    case AST_ALTER_ADD_IDENTITY:
    case AST_ALTER_SET_IDENTITY:
    case AST_ALTER_VALIDATE_CONSTRAINT:
    case AST_ALTER_OWNER:
    case AST_ALTER_SET_OPTIONS:
    case AST_ALTER_RESET_OPTIONS:
    case AST_ALTER_NOTHING:
    case AST_ALTER_UNSUPPORTED:
        break;
    }
    return 3;
}

/* ---------------------------------------------------------------- rows */

/* The new rows, as SELECT over the old ones. */
static Str rows_sql(Alter *a)
{
    CLEANUP(buf_done) Buf text = {0};
    bool any = false;
    buf_append_lit(&text, "SELECT ");
    for (uint32_t i = 0; i < a->bound.column_count; i++) {
        const TableColumn *column = &a->bound.columns[i];
        if (column->dropped)
            continue;
        buf_printf(&text, "%s%.*s AS ", any ? ", " : "", STR_FMT(value_sql(a, i)));
        sql_append_name(&text, column->name);
        any = true;
    }
    buf_printf(&text, " FROM %.*s", STR_FMT(table_sql(a->query, a->old)));
    return arena_str(&a->query->arena, buf_str(&text));
}

static Status run_tests(Alter *a, Error *err)
{
    Query *query = a->query;
    for (uint32_t i = 0; i < a->test_count; i++) {
        const RowTest *test = &a->tests[i];
        bool found;
        TRY(ddl__test(query,
                      arena_printf(&query->arena, "SELECT 1 FROM (%.*s) AS %.*s WHERE %.*s LIMIT 1",
                                   STR_FMT(rows_sql(a)), STR_FMT(quoted(query, a->table->name)),
                                   STR_FMT(test->where)),
                      &found, err));
        if (found)
            return error_set_sql(err, STATUS_INVALID, test->sqlstate, 0, "%.*s",
                                 STR_FMT(test->message));
    }
    return STATUS_OK;
}

/* NOT NULL of the new rows: added columns may have no default. */
static Status check_nulls(Alter *a, const DdlRows *rows, Error *err)
{
    uint32_t live = 0;
    for (uint32_t i = 0; i < a->bound.column_count; i++) {
        const TableColumn *column = &a->bound.columns[i];
        if (column->dropped)
            continue;
        for (uint32_t b = 0; column->not_null && b < rows->count; b++)
            for (uint32_t r = 0; r < rows->batches[b].row_count; r++)
                if (column_is_null(&rows->batches[b].columns[live], r))
                    return error_set_sql(
                        err, STATUS_INVALID, "23502", 0,
                        "column \"%.*s\" of relation \"%.*s\" contains null values",
                        STR_FMT(column->name), STR_FMT(a->table->name));
        live++;
    }
    return STATUS_OK;
}

static Status finish(Alter *a, Error *err)
{
    DdlRows rows = {0};
    sync_table(a);
    ddl__number_constraints(a->query, a->table);
    TRY(run_tests(a, err));
    if (!a->rewrite)
        return ddl__put(a->query, CATALOG_TABLE, a->table, err);
    TRY(ddl__read_text(a->query, rows_sql(a), &rows, err));
    TRY(check_nulls(a, &rows, err));
    a->table->store_id = ddl__new_id(a->query, a->table->temporary);
    ddl__forget_rows(a->query->session, a->old);
    TRY(ddl__put(a->query, CATALOG_TABLE, a->table, err));
    return ddl__store(a->query, a->table, &rows, err);
}

/* ---------------------------------------------------------------- the statement */

static Status alter_other(Query *query, const AstDdl *ast, CatalogKind kind,
                          const CatalogHead *head, Error *err)
{
    for (uint32_t i = 0; i < ast->command_count; i++) {
        const AstAlterCommand *c = &ast->commands[i];
        if (c->kind == AST_ALTER_OWNER) {
            TRY(ddl__change_owner(query, kind, head, c->name, err));
        } else if (kind == CATALOG_VIEW && c->kind == AST_ALTER_SET_DEFAULT) {
            return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                 "defaults of view columns are not supported");
        } else if (c->kind != AST_ALTER_NOTHING && c->kind != AST_ALTER_SET_OPTIONS &&
                   c->kind != AST_ALTER_RESET_OPTIONS) {
            return error_set_sql(err, STATUS_INVALID, "42809", 0,
                                 "ALTER action cannot be performed on relation \"%.*s\"",
                                 STR_FMT(head->name));
        }
    }
    return STATUS_OK;
}

static const char *tag_of(AstObjectKind object)
{
    switch (object) {
    case AST_OBJECT_VIEW:
        return "ALTER VIEW";
    case AST_OBJECT_MATVIEW:
        return "ALTER MATERIALIZED VIEW";
    case AST_OBJECT_INDEX:
        return "ALTER INDEX";
    case AST_OBJECT_SEQUENCE:
        return "ALTER SEQUENCE";
    case AST_OBJECT_TYPE:
        return "ALTER TYPE";
    default:
        return "ALTER TABLE";
    }
}

Status ddl__alter_table(Query *query, const AstDdl *ast, Error *err)
{
    CatalogKind kind;
    Alter alter = {0};
    query__set_tag(query, "%s", tag_of(ast->object));
    if (ast->object == AST_OBJECT_TYPE)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "changing the attributes of a composite type is not supported");
    const CatalogHead *head = ddl__resolve(query, CATALOG_TABLE, &ast->name, &kind);
    if (!head && ast->if_exists) {
        query__notice(query, "00000", "relation \"%.*s\" does not exist, skipping",
                      STR_FMT(ast->name.name));
        return STATUS_OK;
    }
    if (!head)
        return error_set_sql(err, STATUS_NOT_FOUND, "42P01", ast->name.position,
                             "relation \"%.*s\" does not exist", STR_FMT(ast->name.name));
    if (kind != CATALOG_TABLE)
        return alter_other(query, ast, kind, head, err);
    const Table *table = (const void *)head;
    TRY(ddl__check_owner(query, CATALOG_TABLE, head, err));
    TRY(start(&alter, query, table));
    for (int pass = 0; pass < 5; pass++)
        for (uint32_t i = 0; i < ast->command_count; i++) {
            const AstAlterCommand *c = &ast->commands[i];
            if (pass_of(c) != pass)
                continue;
            if ((table->kind != TABLE_USER || table->id == TABLE_ID_AUDIT_LOG) &&
                c->kind != AST_ALTER_SET_OPTIONS && c->kind != AST_ALTER_RESET_OPTIONS &&
                c->kind != AST_ALTER_NOTHING)
                return error_set_sql(err, STATUS_DENIED, "42501", 0,
                                     "built-in table \"%.*s\" cannot be altered",
                                     STR_FMT(table->name));
            TRY(run_command(&alter, c, err));
        }
    return finish(&alter, err);
}

/* ---------------------------------------------------------------- for DROP ... CASCADE */

Status ddl__drop_default(Query *query, const Table *table, uint32_t column, Error *err)
{
    Table *copy = ddl__edit_table(query, table);
    TableColumn *at = (TableColumn *)(uintptr_t)&copy->columns[column];
    at->default_text = STR("");
    at->source = COLUMN_PLAIN;
    at->sequence_id = 0;
    return ddl__put(query, CATALOG_TABLE, copy, err);
}

Status ddl__drop_column(Query *query, const Table *table, uint32_t column, Error *err)
{
    Alter alter = {0};
    TRY(start(&alter, query, table));
    TRY(drop_column_parts(query, table, column, err));
    forget_column(alter.table, column, table->columns[column].name, &query->arena);
    alter.bound.key_count = alter.table->key_count;
    alter.bound.check_count = alter.table->check_count;
    alter.rewrite = true;
    return finish(&alter, err);
}

/* catalog_views_constraints.c - information_schema: constraints, privileges, routines. */
#include "query/func/func.h"
#include "query/sql/catalog_views_int.h"

static void set_constraint(ViewRows *rows, const ViewConstraint *c)
{
    view__text(rows, "constraint_catalog", rows->views->database);
    view__text(rows, "constraint_schema", c->table ? c->table->schema : c->domain->schema);
    view__text(rows, "constraint_name", c->name);
}

static void set_table(ViewRows *rows, const Table *table)
{
    view__text(rows, "table_catalog", rows->views->database);
    view__text(rows, "table_schema", table->schema);
    view__text(rows, "table_name", table->name);
}

static void add_table_constraint(ViewRows *rows, const ViewConstraint *c, const char *type)
{
    view__row(rows);
    set_constraint(rows, c);
    set_table(rows, c->table);
    view__name(rows, "constraint_type", type);
    view__yes_no(rows, "is_deferrable", false);
    view__yes_no(rows, "initially_deferred", false);
    view__yes_no(rows, "enforced", true);
}

/* NOT NULL is a CHECK without a row of its own in pg_constraint. */
static ViewConstraint not_null(ViewRows *rows, const Table *table, uint32_t idx)
{
    return (ViewConstraint){
        .name = arena_printf(rows->arena, "%u_%u_%u_not_null", (unsigned)OID_SCHEMA_PUBLIC,
                             table->id, idx + 1),
        .kind = 'c',
        .table = table,
        .check = arena_printf(rows->arena, "%.*s IS NOT NULL", STR_FMT(table->columns[idx].name))};
}

static bool has_not_null(const Table *table, uint32_t idx)
{
    return table->columns[idx].not_null && !table->columns[idx].dropped && !table->query.len;
}

void view__fill_info_table_constraints(ViewRows *rows)
{
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    size_t table_pos = 0;
    const Table *table;
    while (view__next_constraint(view__version(rows), &pos, &c))
        if (c.table)
            add_table_constraint(rows, &c,
                                 c.kind == 'p'   ? "PRIMARY KEY"
                                 : c.kind == 'u' ? "UNIQUE"
                                                 : "CHECK");
    while ((table = catalog_next_table(view__version(rows), &table_pos)))
        for (uint32_t i = 0; i < table->column_count; i++)
            if (has_not_null(table, i)) {
                c = not_null(rows, table, i);
                add_table_constraint(rows, &c, "CHECK");
            }
}

static void add_check(ViewRows *rows, const ViewConstraint *c)
{
    view__row(rows);
    set_constraint(rows, c);
    view__text(rows, "check_clause", c->check);
}

void view__fill_info_check_constraints(ViewRows *rows)
{
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    size_t table_pos = 0;
    const Table *table;
    while (view__next_constraint(view__version(rows), &pos, &c))
        if (c.kind == 'c')
            add_check(rows, &c);
    while ((table = catalog_next_table(view__version(rows), &table_pos)))
        for (uint32_t i = 0; i < table->column_count; i++)
            if (has_not_null(table, i)) {
                c = not_null(rows, table, i);
                add_check(rows, &c);
            }
}

void view__fill_info_key_column_usage(ViewRows *rows)
{
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    while (view__next_constraint(view__version(rows), &pos, &c))
        for (uint32_t i = 0; c.key && i < c.key->column_count; i++) {
            view__row(rows);
            set_constraint(rows, &c);
            set_table(rows, c.table);
            view__text(rows, "column_name", c.table->columns[c.key->columns[i]].name);
            view__number(rows, "ordinal_position", i + 1);
        }
}

void view__fill_info_constraint_column_usage(ViewRows *rows)
{
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    while (view__next_constraint(view__version(rows), &pos, &c))
        for (uint32_t i = 0; c.key && i < c.key->column_count; i++) {
            view__row(rows);
            set_table(rows, c.table);
            view__text(rows, "column_name", c.table->columns[c.key->columns[i]].name);
            set_constraint(rows, &c);
        }
}

void view__fill_info_constraint_table_usage(ViewRows *rows)
{
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    while (view__next_constraint(view__version(rows), &pos, &c))
        if (c.key) {
            view__row(rows);
            set_table(rows, c.table);
            set_constraint(rows, &c);
        }
}

void view__fill_info_domain_constraints(ViewRows *rows)
{
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    while (view__next_constraint(view__version(rows), &pos, &c))
        if (c.domain) {
            view__row(rows);
            set_constraint(rows, &c);
            view__text(rows, "domain_catalog", rows->views->database);
            view__text(rows, "domain_schema", c.domain->schema);
            view__text(rows, "domain_name", c.domain->name);
            view__yes_no(rows, "is_deferrable", false);
            view__yes_no(rows, "initially_deferred", false);
        }
}

/* ---------------------------------------------------------------- privileges */

static const struct {
    uint32_t bit;
    const char *name;
    bool of_columns;
} privileges[] = {
    {PRIVILEGE_INSERT, "INSERT", true},      {PRIVILEGE_SELECT, "SELECT", true},
    {PRIVILEGE_UPDATE, "UPDATE", true},      {PRIVILEGE_DELETE, "DELETE", false},
    {PRIVILEGE_TRUNCATE, "TRUNCATE", false}, {PRIVILEGE_REFERENCES, "REFERENCES", true},
    {PRIVILEGE_TRIGGER, "TRIGGER", false}};

static void add_privileges(ViewRows *rows, const Table *table, Str grantee, uint32_t bits,
                           uint32_t grantable, const TableColumn *column)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(privileges); i++) {
        if (!(bits & privileges[i].bit) || (column && !privileges[i].of_columns))
            continue;
        view__row(rows);
        view__text(rows, "grantor", view__role_name(rows->views, table->owner));
        view__text(rows, "grantee", grantee);
        set_table(rows, table);
        if (column)
            view__text(rows, "column_name", column->name);
        view__name(rows, "privilege_type", privileges[i].name);
        view__yes_no(rows, "is_grantable", (grantable & privileges[i].bit) != 0);
        if (!column)
            view__yes_no(rows, "with_hierarchy", privileges[i].bit == PRIVILEGE_SELECT);
    }
}

static void each_privilege(ViewRows *rows, bool columns)
{
    const CatalogVersion *version = view__version(rows);
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version, &pos)))
        for (uint32_t i = 0; i < (columns ? table->column_count : 1); i++) {
            const TableColumn *column = columns ? &table->columns[i] : NULL;
            size_t grant_pos = 0;
            const CatalogGrant *grant;
            if (column && column->dropped)
                continue;
            add_privileges(rows, table, view__role_name(rows->views, table->owner),
                           PRIVILEGE_TABLE_ALL, PRIVILEGE_TABLE_ALL, column);
            while ((grant = catalog_next(version, CATALOG_GRANT, &grant_pos)))
                if (grant->object_id == table->id)
                    add_privileges(rows, table,
                                   grant->user_id ? view__role_name(rows->views, grant->user_id)
                                                  : STR("PUBLIC"),
                                   grant->privileges, grant->grantable, column);
        }
}

void view__fill_info_table_privileges(ViewRows *rows)
{
    each_privilege(rows, false);
}

void view__fill_info_column_privileges(ViewRows *rows)
{
    each_privilege(rows, true);
}

/* ---------------------------------------------------------------- routines */

void view__fill_info_routines(ViewRows *rows)
{
    uint32_t count;
    const Function *const *functions = func_all(&count);
    char name[64];
    for (uint32_t i = 0; i < count; i++) {
        const Function *f = functions[i];
        if (f->is_operator)
            continue;
        Str specific = arena_printf(rows->arena, "%s_%u", f->name, f->oid);
        view__row(rows);
        view__text(rows, "specific_catalog", rows->views->database);
        view__name(rows, "specific_schema", "pg_catalog");
        view__text(rows, "specific_name", specific);
        view__text(rows, "routine_catalog", rows->views->database);
        view__name(rows, "routine_schema", "pg_catalog");
        view__name(rows, "routine_name", f->name);
        view__name(rows, "routine_type", "FUNCTION");
        view__text(rows, "data_type",
                   f->ret.is_array ? STR("ARRAY")
                                   : arena_str(rows->arena, str_from(type_name(f->ret, name))));
        view__text(rows, "type_udt_catalog", rows->views->database);
        view__name(rows, "type_udt_schema", "pg_catalog");
        view__text(rows, "type_udt_name",
                   arena_str(rows->arena, str_from(type_pg_name(f->ret, name))));
        view__name(rows, "routine_body", "EXTERNAL");
        view__name(rows, "external_language", "INTERNAL");
        view__yes_no(rows, "is_deterministic", f->volatility == VOLATILITY_IMMUTABLE);
    }
}

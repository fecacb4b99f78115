/* sql_fake.h - a catalog of two tables for tests of the binder. */
#ifndef LUMA_QUERY_SQL_SQL_FAKE_H
#define LUMA_QUERY_SQL_SQL_FAKE_H

#include "query/sql/sql.h"

static const TableColumn fake_hosts_columns[] = {
    {.name = STR_INIT("id"), .type = TYPE_OF(INT4), .not_null = true},
    {.name = STR_INIT("name"), .type = TYPE_OF(TEXT), .default_text = STR_INIT("'none'")},
    {.name = STR_INIT("tags"), .type = TYPE_ARRAY_OF(TEXT)},
};
static const TableColumn fake_points_columns[] = {
    {.name = STR_INIT("host_id"), .type = TYPE_OF(INT4)},
    {.name = STR_INIT("ts"),
     .type = TYPE_OF(TIMESTAMPTZ),
     .default_text = STR_INIT("'2020-01-01'")},
    {.name = STR_INIT("gone"), .type = TYPE_OF(INT4), .dropped = true},
    {.name = STR_INIT("value"), .type = TYPE_OF(FLOAT8)},
};
static const Table fake_tables[] = {
    {.id = 1 << 30,
     .kind = TABLE_USER,
     .schema = STR_INIT("public"),
     .name = STR_INIT("hosts"),
     .columns = fake_hosts_columns,
     .column_count = 3,
     .time_column = -1},
    {.id = (1 << 30) + 1,
     .kind = TABLE_USER,
     .schema = STR_INIT("public"),
     .name = STR_INIT("points"),
     .columns = fake_points_columns,
     .column_count = 4,
     .time_column = 1},
};
static const CatalogView fake_views[] = {
    {.id = 3,
     .schema = STR_INIT("public"),
     .name = STR_INIT("busy"),
     .query =
         STR_INIT("select h.name, count(*) as n from hosts h join points p on p.host_id = h.id "
                  "group by h.name")},
    {.id = 4,
     .schema = STR_INIT("public"),
     .name = STR_INIT("loop_view"),
     .query = STR_INIT("select * from loop_view")},
};

static const Table *fake_find_table(void *ctx, Str schema, Str name)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(fake_tables); i++)
        if (str_eq(fake_tables[i].schema, schema) && str_eq(fake_tables[i].name, name))
            return &fake_tables[i];
    return NULL;
}

static const CatalogView *fake_find_view(void *ctx, Str schema, Str name)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(fake_views); i++)
        if (str_eq(fake_views[i].schema, schema) && str_eq(fake_views[i].name, name))
            return &fake_views[i];
    return NULL;
}

static const SqlCatalog fake_catalog = {.find_table = fake_find_table, .find_view = fake_find_view};
static const EvalSettings fake_settings = {
    .time_zone_name = STR_INIT("UTC"),
    .date_style = STR_INIT("ISO, MDY"),
    .interval_style = STR_INIT("postgres"),
    .extra_float_digits = 1,
    .bytea_output = STR_INIT("hex"),
    .user = STR_INIT("tester"),
    .database = STR_INIT("lumadb"),
    .search_path = STR_INIT("public"),
};
static const Str fake_path[] = {STR_INIT("public")};

static inline SqlBindOptions fake_options(Arena *arena, const AstStatement *statement)
{
    return (SqlBindOptions){.arena = arena,
                            .catalog = &fake_catalog,
                            .settings = &fake_settings,
                            .search_path = fake_path,
                            .search_path_count = 1,
                            .param_max = statement->param_max};
}

#endif

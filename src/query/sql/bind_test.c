#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "query/sql/sql_fake.h"

static Status bind_text(Arena *arena, const char *text, Plan *ret_plan, Error *err)
{
    AstScript script;
    TRY(sql_parse(arena, str_from(text), &script, err));
    assert_int_equal(script.count, 1);
    const AstStatement *statement = script.statements[0];
    SqlBindOptions options = fake_options(arena, statement);
    if (statement->kind == AST_STATEMENT_INSERT || statement->kind == AST_STATEMENT_UPDATE ||
        statement->kind == AST_STATEMENT_DELETE || statement->kind == AST_STATEMENT_MERGE) {
        SqlModify modify;
        TRY(sql_bind_modify(&options, statement, &modify, err));
        *ret_plan = modify.plan;
        if (modify.returning.root)
            TRY(plan_verify(&modify.returning, err));
        if (modify.conflict.root)
            TRY(plan_verify(&modify.conflict, err));
    } else {
        assert_int_equal(statement->kind, AST_STATEMENT_SELECT);
        TRY(sql_bind_select(&options, statement->select, ret_plan, err));
    }
    return plan_verify(ret_plan, err);
}

/* "name type, name type" of the result columns. */
static void assert_columns(const char *text, const char *want)
{
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf have = {0};
    Plan plan;
    Error err = {0};
    arena_init(&arena, NULL);
    if (bind_text(&arena, text, &plan, &err) != STATUS_OK)
        fail_msg("%s\n  %s at %d", text, err.message, err.position);
    for (uint32_t i = 0; i < plan.root->schema.field_count; i++) {
        const Field *field = &plan.root->schema.fields[i];
        char name[64];
        buf_printf(&have, "%s%.*s %s", i ? ", " : "", STR_FMT(field->name),
                   type_name(field->type, name));
    }
    buf_append_byte(&have, 0);
    if (strcmp(have.ptr, want))
        fail_msg("%s\n  have %s\n  want %s", text, have.ptr, want);
}

static void assert_error(const char *text, const char *sqlstate, int position, const char *message)
{
    CLEANUP(arena_done) Arena arena = {0};
    Plan plan;
    Error err = {0};
    arena_init(&arena, NULL);
    if (bind_text(&arena, text, &plan, &err) == STATUS_OK)
        fail_msg("%s\n  is accepted", text);
    if (strcmp(err.sqlstate, sqlstate) || strcmp(err.message, message) || err.position != position)
        fail_msg("%s\n  have %s at %d: %s\n  want %s at %d: %s", text, err.sqlstate, err.position,
                 err.message, sqlstate, position, message);
}

static void test_types_of_expressions(void **state)
{
    assert_columns("select 1, 3000000000, 1.5, 'x', null, true",
                   "?column? integer, ?column? bigint, ?column? numeric, ?column? text, "
                   "?column? text, ?column? boolean");
    assert_columns("select 1 + 2.5, 1::int2 + 1, 2 / 3.0::float8",
                   "?column? numeric, ?column? integer, ?column? double precision");
    assert_columns("select case when true then 1 else 2.5 end, coalesce(null, 'a'), nullif(1, 2)",
                   "case numeric, coalesce text, nullif integer");
    assert_columns("select array[1, 2.5], array['a', null]", "array numeric[], array text[]");
    assert_columns("select '2020-01-01'::date, date '2020-01-01'", "date date, date date");
    assert_columns("select 1 in (2, 3), 1 between 0 and 2, 'a' is distinct from 'b'",
                   "?column? boolean, ?column? boolean, ?column? boolean");
    assert_columns("select ('{1,2}'::int[])[1], exists (select 1), array(select 1)",
                   "int4 integer, exists boolean, array integer[]");
}

static void test_columns_and_stars(void **state)
{
    assert_columns("select * from hosts", "id integer, name text, tags text[]");
    assert_columns(
        "select p.*, h.name as host from hosts h, points p where h.id = p.host_id",
        "host_id integer, ts timestamp with time zone, value double precision, host text");
    assert_columns("select * from hosts h join points p on h.id = p.host_id where value > 1",
                   "id integer, name text, tags text[], host_id integer, ts timestamp with time "
                   "zone, value double precision");
    assert_columns("select * from (select id as host_id, name from hosts) h join points using "
                   "(host_id)",
                   "host_id integer, name text, ts timestamp with time zone, value double "
                   "precision");
    assert_columns("select * from (values (1, 'a'), (2, null)) v (n, t)", "n integer, t text");
    assert_columns("select hosts.id, public.hosts.name from public.hosts", "id integer, name text");
    assert_columns("select from hosts", "");
    assert_columns("select * from busy", "name text, n bigint");
}

static void test_grouping(void **state)
{
    assert_columns(
        "select name, count(*), sum(id) + 1 from hosts group by name having count(*) > 1 "
        "order by 2 desc, name",
        "name text, count bigint, ?column? bigint");
    assert_columns("select id % 2 as odd, count(*) from hosts group by odd", "odd integer, count "
                                                                             "bigint");
    assert_columns("select name, id, grouping(name, id), count(*) from hosts group by rollup "
                   "(name, id)",
                   "name text, id integer, grouping integer, count bigint");
    assert_columns("select count(*) filter (where id > 1), count(distinct name) from hosts",
                   "count bigint, count bigint");
    assert_error(
        "select name, id from hosts group by name", "42803", 14,
        "column \"hosts.id\" must appear in the GROUP BY clause or be used in an aggregate "
        "function");
    assert_error(
        "select id, count(*) from hosts", "42803", 8,
        "column \"hosts.id\" must appear in the GROUP BY clause or be used in an aggregate "
        "function");
    assert_error("select 1 from hosts where count(*) > 1", "42803", 27,
                 "aggregate functions are not allowed in WHERE");
    assert_error("select sum(count(*)) from hosts", "42803", 12,
                 "aggregate function calls cannot be nested");
    assert_error("select name from hosts group by 2", "42P10", 33,
                 "GROUP BY position 2 is not in select list");
}

static void test_windows(void **state)
{
    assert_columns(
        "select row_number() over (order by id), lag(name) over w, sum(id) over (w rows 1 "
        "preceding) from hosts window w as (partition by name order by id)",
        "row_number bigint, lag text, sum bigint");
    assert_columns(
        "select name, rank() over (order by count(*) desc) from hosts group by name order "
        "by rank() over (order by count(*) desc)",
        "name text, rank bigint");
    assert_error("select row_number() from hosts", "42809", 8,
                 "window function row_number requires an OVER clause");
    assert_error("select 1 from hosts where rank() over () = 1", "42P20", 27,
                 "window functions are not allowed in WHERE");
    assert_error("select rank() over w from hosts", "42704", 20, "window \"w\" does not exist");
}

static void test_subqueries(void **state)
{
    assert_columns(
        "select name, (select max(value) from points p where p.host_id = h.id) from hosts "
        "h where id in (select host_id from points) order by 2 nulls last limit 3",
        "name text, max double precision");
    assert_columns("select * from hosts h, lateral (select value from points p where p.host_id = "
                   "h.id limit 1) v",
                   "id integer, name text, tags text[], value double precision");
    assert_columns("select h.name, t from hosts h, unnest(h.tags) t", "name text, t text");
    assert_columns(
        "select * from hosts h left join lateral (select count(*) as n from points where "
        "host_id = h.id) c on true",
        "id integer, name text, tags text[], n bigint");
    assert_columns("select (1, 2) in (select id, id from hosts), 1 = all (select id from hosts)",
                   "?column? boolean, ?column? boolean");
    assert_error("select * from hosts h, (select h.id) s", "42P01", 32,
                 "invalid reference to FROM-clause entry for table \"h\"");
    assert_error("select (select 1, 2)", "42601", 8, "subquery must return only one column");
}

static void test_ctes_and_set_operations(void **state)
{
    assert_columns("with a as (select 1 as x), b (y) as (select x + 1 from a) select * from a, b",
                   "x integer, y integer");
    assert_columns(
        "with recursive t (n) as (values (1) union all select n + 1 from t where n < 10) "
        "select sum(n) from t",
        "sum bigint");
    assert_columns("select 1 as a union select 2.5 order by a", "a numeric");
    assert_columns("select null union all select 1", "?column? integer");
    assert_error("select 1 union select true", "42804", 23,
                 "UNION types integer and boolean cannot be matched");
    assert_error("select 1 union select 1, 2", "42601", 23,
                 "each UNION query must have the same number of columns");
    assert_error("select 1 as a union select 2 order by a + 1", "0A000", 41,
                 "invalid UNION/INTERSECT/EXCEPT ORDER BY clause");
}

static void test_name_errors(void **state)
{
    assert_error("select * from nowhere", "42P01", 15, "relation \"nowhere\" does not exist");
    assert_error("select * from s.nowhere", "42P01", 15, "relation \"s.nowhere\" does not exist");
    assert_error("select nme from hosts", "42703", 8, "column \"nme\" does not exist");
    assert_error("select h.nme from hosts h", "42703", 8, "column h.nme does not exist");
    assert_error("select x.id from hosts h", "42P01", 8,
                 "missing FROM-clause entry for table \"x\"");
    assert_error("select hosts.id from hosts h", "42P01", 8,
                 "invalid reference to FROM-clause entry for table \"hosts\"");
    assert_error("select id from hosts a, hosts b", "42702", 8,
                 "column reference \"id\" is ambiguous");
    assert_error("select 1 from hosts, hosts", "42712", 22,
                 "table name \"hosts\" specified more than once");
    assert_error("select * from loop_view", "54001", 15,
                 "views are nested more than 32 levels deep");
    assert_error(
        "select * from hosts asof join points on true", "0A000", 15,
        "ASOF JOIN is not supported (and \"asof\" is not accepted as an alias, so that it is "
        "not taken for one)");
}

static void test_hints(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    Plan plan;
    Error err = {0};
    arena_init(&arena, NULL);
    assert_int_equal(bind_text(&arena, "select nme from hosts", &plan, &err), STATUS_INVALID);
    assert_string_equal(err.hint, "Perhaps you meant to reference the column \"hosts.name\".");
}

static void test_type_errors(void **state)
{
    assert_error("select 1 + true", "42883", 10, "operator does not exist: integer + boolean");
    assert_error("select nofunc(1, 'a')", "42883", 8,
                 "function nofunc(integer, unknown) does not exist");
    assert_error("select 'x'::int", "22P02", 8, "invalid input syntax for type integer: \"x\"");
    assert_error("select 1 where 5", "42804", 16,
                 "argument of WHERE must be type boolean, not type integer");
    assert_error("select 1::nosuch", "42704", 11, "type \"nosuch\" does not exist");
    assert_error("select 1::inet", "0A000", 11, "type \"inet\" is not supported");
    assert_error("select case 1 when 1 then 1 else true end", "42804", 27,
                 "CASE types boolean and integer cannot be matched");
}

static void test_parameters(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    Plan plan;
    Error err = {0};
    arena_init(&arena, NULL);
    if (bind_text(&arena, "select $1, $2 + 1, name from hosts where id = $3 and name = $4 limit $5",
                  &plan, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    assert_int_equal(plan.param_count, 5);
    const uint8_t want[] = {TYPE_TEXT, TYPE_INT4, TYPE_INT4, TYPE_TEXT, TYPE_INT8};
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(plan.param_types[i].id, want[i]);
    assert_error("select 1 where $2 = 1", "42P18", 0,
                 "could not determine data type of parameter $1");
}

static void test_insert(void **state)
{
    assert_columns("insert into hosts values (1, default), (2, 'b')",
                   "id integer, name text, tags text[]");
    assert_columns("insert into hosts (name, id) select 'x', 1 returning id + 1, *",
                   "id integer, name text, tags text[]");
    assert_columns("insert into points (value) values (1), ('2.5')",
                   "host_id integer, ts timestamp with time zone, value double precision");
    assert_columns("insert into points default values",
                   "host_id integer, ts timestamp with time zone, value double precision");
    assert_error("insert into hosts (nope) values (1)", "42703", 20,
                 "column \"nope\" of relation \"hosts\" does not exist");
    assert_error("insert into hosts (id) values (1, 2)", "42601", 35,
                 "INSERT has more expressions than target columns");
    assert_error("insert into hosts (id, name) values (1)", "42601", 24,
                 "INSERT has more target columns than expressions");
    assert_error("insert into hosts values (true)", "42804", 27,
                 "column \"id\" is of type integer but expression is of type boolean");
}

static void test_unsupported_is_named(void **state)
{
    assert_error("select * from hosts tablesample system (1)", "0A000", 33,
                 "TABLESAMPLE is not supported");
    assert_error("select 1::money", "0A000", 11, "type \"money\" is not supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_of_expressions),
        cmocka_unit_test(test_columns_and_stars),
        cmocka_unit_test(test_grouping),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_subqueries),
        cmocka_unit_test(test_ctes_and_set_operations),
        cmocka_unit_test(test_name_errors),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_type_errors),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_insert),
        cmocka_unit_test(test_unsupported_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

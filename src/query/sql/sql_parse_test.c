#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "query/sql/sql_deparse.h"

static AstScript parse(Arena *arena, const char *text)
{
    AstScript script;
    Error err = {0};
    if (sql_parse(arena, str_from(text), &script, &err) != STATUS_OK)
        fail_msg("%s: %s", text, err.message);
    return script;
}

static Error parse_fails(const char *text, Status status)
{
    CLEANUP(arena_done) Arena arena = {0};
    AstScript script;
    Error err = {0};
    arena_init(&arena, NULL);
    assert_int_equal(sql_parse(&arena, str_from(text), &script, &err), status);
    return err;
}

/* The node tags of the server headers are those of the library: SELECT 1 is a SELECT. */
static void test_select_one_is_a_select(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    AstScript script = parse(&arena, "SELECT 1");
    assert_int_equal(script.count, 1);
    AstStatement *statement = script.statements[0];
    assert_int_equal(statement->kind, AST_STATEMENT_SELECT);
    assert_int_equal(statement->select->target_count, 1);
    AstExpr *one = statement->select->targets[0].expr;
    assert_int_equal(one->kind, AST_CONST);
    assert_int_equal(one->number, 1);
    assert_int_equal(one->position, 8);
}

static void test_empty_strings_have_no_statements(void **state)
{
    static const char *const texts[] = {"", "  ", ";;;", "-- ping", "/* a /* nested */ */;", "\n"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++) {
        CLEANUP(arena_done) Arena arena = {0};
        arena_init(&arena, NULL);
        assert_int_equal(parse(&arena, texts[i]).count, 0);
    }
}

static void test_statements_keep_their_text_and_parameters(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    AstScript script = parse(&arena, "select $2, $1; begin ;\n insert into t values ('a;b')");
    assert_int_equal(script.count, 3);
    assert_true(str_eq(script.statements[0]->text, STR("select $2, $1")));
    assert_int_equal(script.statements[0]->param_max, 2);
    assert_true(str_eq(script.statements[1]->text, STR("begin")));
    assert_int_equal(script.statements[1]->kind, AST_STATEMENT_TRANSACTION);
    assert_int_equal(script.statements[1]->param_max, 0);
    assert_true(str_eq(script.statements[2]->text, STR("insert into t values ('a;b')")));
    assert_int_equal(script.statements[2]->position, 25);
}

static void test_positions_count_characters(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    AstScript script = parse(&arena, "select 'äöü€', x");
    assert_int_equal(script.statements[0]->select->targets[1].position, 16);
    assert_int_equal(parse_fails("select 'äöü' frm x y", STATUS_INVALID).position, 18);
}

static void test_syntax_error_has_position(void **state)
{
    Error err = parse_fails("select 1 +", STATUS_INVALID);
    assert_string_equal(err.sqlstate, "42601");
    assert_string_equal(err.message, "syntax error at end of input");
    assert_int_equal(err.position, 11);
    err = parse_fails("selec 1", STATUS_INVALID);
    assert_int_equal(err.position, 1);
    assert_string_equal(err.message, "syntax error at or near \"selec\"");
}

static Error chain_fails(const char *head, const char *item, const char *tail,
                         const char *tail_item, int count)
{
    CLEANUP(buf_done) Buf text = {0};
    buf_append_str(&text, str_from(head));
    for (int i = 0; i < count; i++)
        buf_append_str(&text, str_from(item));
    buf_append_str(&text, str_from(tail));
    for (int i = 0; i < count; i++)
        buf_append_str(&text, str_from(tail_item));
    buf_append_byte(&text, 0);
    return parse_fails(text.ptr, STATUS_LIMIT);
}

static void test_deep_nesting_is_54001(void **state)
{
    static const struct {
        const char *head, *item, *tail, *tail_item;
        int count;
    } chains[] = {
        {"select 1", "+1", "", "", 200000},
        {"select ", "(", "1", ")", 20000},
        {"select 1", " union select 1", "", "", 9000},
        {"select ", "(select ", "1", ")", 3000},
        {"select * from a", " join a on true", "", "", 9000},
        {"select a", "[1]", "", "", 9000},
        {"select ", "not ", "true", "", 5000},
        {"select 1 group by ", "rollup (", "1", ")", 600},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(chains); i++) {
        Error err = chain_fails(chains[i].head, chains[i].item, chains[i].tail, chains[i].tail_item,
                                chains[i].count);
        assert_string_equal(err.sqlstate, "54001");
    }
}

static void test_wide_lists_are_fine(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf text = {0};
    arena_init(&arena, NULL);
    buf_append_lit(&text, "select * from t where a in (0");
    for (int i = 0; i < 50000; i++)
        buf_append_lit(&text, ",1");
    buf_append_lit(&text, ") and b");
    for (int i = 0; i < 50000; i++)
        buf_append_lit(&text, " and b");
    buf_append_byte(&text, 0);
    AstScript script = parse(&arena, text.ptr);
    AstExpr *where = script.statements[0]->select->where;
    assert_int_equal(where->kind, AST_AND);
    assert_int_equal(where->arg_count, 50002);
    assert_int_equal(where->args[0]->arg_count, 50002);
}

static void test_bad_bytes_are_22021(void **state)
{
    assert_string_equal(parse_fails("select '\xff'", STATUS_INVALID).sqlstate, "22021");
}

static void test_defaults_and_views_keep_their_text(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    AstScript script =
        parse(&arena, "create table t (a int default (1 + 2) not null, b text default 'x,)' , "
                      "c timestamptz default now() primary key, d int default -1)");
    AstCreateTable *create = script.statements[0]->create_table;
    static const char *const defaults[] = {"(1 + 2)", "'x,)'", "now()", "(-1)"};
    assert_int_equal(create->column_count, 4);
    for (int i = 0; i < 4; i++) {
        CLEANUP(buf_done) Buf text = {0};
        const AstConstraint *constraint = &create->columns[i].constraints[0];
        assert_int_equal(constraint->kind, AST_CONSTRAINT_DEFAULT);
        assert_int_equal(sql_deparse(constraint->expr, NULL, &text, NULL), STATUS_OK);
        assert_true(str_eq(buf_str(&text), str_from(defaults[i])));
    }
    assert_int_equal(create->columns[0].constraints[1].kind, AST_CONSTRAINT_NOT_NULL);
    assert_int_equal(create->columns[2].constraints[1].kind, AST_CONSTRAINT_PRIMARY);
    script = parse(&arena, "create view \"as\" /* as */ (a) as select 1 as x");
    assert_true(str_eq(script.statements[0]->create_view->query_text, STR("select 1 as x")));
}

/* The texts that the catalog keeps parse to what they were made of. */
static void test_deparsed_expressions_parse_to_the_same_text(void **state)
{
    static const char *const exprs[] = {
        "a > 0 and not (b is null or c in (1, -2, 3.5))",
        "case x when 1 then 'it''s' else lower(\"Na\"\"me\")::varchar(10) end",
        "coalesce(a, b[1], (c).d) between symmetric -1 and 2 * 3 ^ 2",
        "x is distinct from y and z is not unknown and q like 'a%' escape '!'",
        "(ts at time zone 'utc')::date = current_date and extract(year from ts) > 2000",
        "array[1, 2]::int[] @> array[x] and greatest(a, b) <> all (array[1])",
        "t::timestamp(3) with time zone < now() - interval '1 day'",
    };
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(exprs); i++) {
        CLEANUP(buf_done) Buf first = {0};
        CLEANUP(buf_done) Buf second = {0};
        AstExpr *expr;
        assert_int_equal(sql_parse_expr(&arena, str_from(exprs[i]), &expr, NULL), STATUS_OK);
        assert_int_equal(sql_deparse(expr, NULL, &first, NULL), STATUS_OK);
        assert_int_equal(sql_parse_expr(&arena, buf_str(&first), &expr, NULL), STATUS_OK);
        assert_int_equal(sql_deparse(expr, NULL, &second, NULL), STATUS_OK);
        assert_true(str_eq(buf_str(&first), buf_str(&second)));
    }
}

static void test_unsupported_statements_are_named(void **state)
{
    CLEANUP(arena_done) Arena arena = {0};
    arena_init(&arena, NULL);
    AstScript script = parse(&arena, "create function f() returns int as ''; vacuum; listen x");
    assert_int_equal(script.statements[0]->kind, AST_STATEMENT_UNSUPPORTED);
    assert_true(str_eq(script.statements[0]->unsupported, STR("create function")));
    assert_true(str_eq(script.statements[1]->unsupported, STR("vacuum")));
    assert_int_equal(script.statements[2]->kind, AST_STATEMENT_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_select_one_is_a_select),
        cmocka_unit_test(test_empty_strings_have_no_statements),
        cmocka_unit_test(test_statements_keep_their_text_and_parameters),
        cmocka_unit_test(test_positions_count_characters),
        cmocka_unit_test(test_syntax_error_has_position),
        cmocka_unit_test(test_deep_nesting_is_54001),
        cmocka_unit_test(test_wide_lists_are_fine),
        cmocka_unit_test(test_bad_bytes_are_22021),
        cmocka_unit_test(test_defaults_and_views_keep_their_text),
        cmocka_unit_test(test_deparsed_expressions_parse_to_the_same_text),
        cmocka_unit_test(test_unsupported_statements_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

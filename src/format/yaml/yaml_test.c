#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/yaml/yaml.h"

typedef struct Fixture {
    Arena arena;
    Error err;
    const YamlNode *root;
} Fixture;

static Status parse(Fixture *f, const char *text)
{
    arena_init(&f->arena, NULL);
    return yaml_parse(str_from(text), &f->arena, &f->root, &f->err);
}

static void assert_fails(const char *text, const char *part)
{
    Fixture f;
    assert_int_equal(parse(&f, text), STATUS_INVALID);
    if (str_find(str_from(f.err.message), str_from(part)) < 0)
        fail_msg("\"%s\" does not contain \"%s\"", f.err.message, part);
    arena_done(&f.arena);
}

static void test_scalars_keep_their_text_and_position(void **state)
{
    Fixture f;
    assert_int_equal(parse(&f, "a: yes\nb: 0123\nc: ~\nd: '~'\n"), STATUS_OK);
    assert_true(str_eq(yaml_get(f.root, STR("a"))->text, STR("yes")));
    assert_true(str_eq(yaml_get(f.root, STR("b"))->text, STR("0123")));
    assert_int_equal(yaml_get(f.root, STR("b"))->line, 2);
    assert_int_equal(yaml_get(f.root, STR("b"))->column, 4);
    assert_int_equal(yaml_get(f.root, STR("c"))->kind, YAML_NULL);
    assert_int_equal(yaml_get(f.root, STR("d"))->kind, YAML_SCALAR);
    assert_null(yaml_get(f.root, STR("e")));
    arena_done(&f.arena);
}

static void test_merge_key_adds_what_is_missing(void **state)
{
    Fixture f;
    assert_int_equal(parse(&f, "base: &b {x: 1, y: 2}\nuse:\n  <<: *b\n  y: 3\n"), STATUS_OK);
    const YamlNode *use = yaml_get(f.root, STR("use"));
    assert_int_equal(use->count, 2);
    assert_true(str_eq(yaml_get(use, STR("x"))->text, STR("1")));
    assert_true(str_eq(yaml_get(use, STR("y"))->text, STR("3")));
    arena_done(&f.arena);
}

static void test_empty_text_is_null(void **state)
{
    Fixture f;
    assert_int_equal(parse(&f, ""), STATUS_OK);
    assert_int_equal(f.root->kind, YAML_NULL);
    arena_done(&f.arena);
}

static void test_bad_documents_are_refused_with_a_place(void **state)
{
    assert_fails("a: 1\na: 2\n", "line 2, column 1: key \"a\" comes twice");
    assert_fails("a: [1, 2\n", "line 2");
    assert_fails("a: &x [*x]\n", "contains itself");
    assert_fails("a: 1\n---\nb: 2\n", "second document");
    assert_fails("? [1]\n: 2\n", "must be a scalar");
    assert_fails("a:\n\t- b\n", "line 2");
}

static void test_deep_nesting_is_refused(void **state)
{
    char text[400];
    memset(text, '[', 200);
    memset(text + 200, ']', 199);
    text[399] = 0;
    text[399 - 1] = ']';
    Fixture f;
    assert_int_equal(parse(&f, text), STATUS_INVALID);
    arena_done(&f.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars_keep_their_text_and_position),
        cmocka_unit_test(test_merge_key_adds_what_is_missing),
        cmocka_unit_test(test_empty_text_is_null),
        cmocka_unit_test(test_bad_documents_are_refused_with_a_place),
        cmocka_unit_test(test_deep_nesting_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

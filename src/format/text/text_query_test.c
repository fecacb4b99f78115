#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/buf.h"
#include "format/text/text_query.h"

static bool matches(const char *query_text, const char *text, TextForm form)
{
    TextQuery query;
    TextMatcher matcher;
    Arena arena;
    Error err = {0};

    arena_init(&arena, NULL);
    if (text_query_parse(str_from(query_text), &arena, &query, &err) != STATUS_OK)
        fail_msg("%s: %s", query_text, err.message);
    text_matcher_init(&matcher, &query);
    bool found = text_matcher_test(&matcher, &query, str_from(text), form);
    text_matcher_done(&matcher);
    arena_done(&arena);
    return found;
}

static void test_words_operators_phrases_prefixes(void **state)
{
    static const char text[] = "Connection to db-7.example.com refused: ECONNREFUSED after 3 tries";
    static const struct {
        const char *query;
        bool expected;
    } cases[] = {
        {"connection", true},
        {"CONNECTION refused", true},
        {"connection AND refused", true},
        {"connection and refused", false}, /* "and" is a word */
        {"connection OR nothing", true},
        {"nothing OR nobody", false},
        {"nothing OR connection refused", true},
        {"(nothing OR connection) AND tries", true},
        {"nothing OR (connection AND nobody)", false},
        {"NOT nothing", true},
        {"-nothing refused", true},
        {"refused -connection", false},
        {"NOT NOT refused", true},
        {"refused AND NOT (nothing OR tries)", false},
        {"\"refused econnrefused\"", true},
        {"\"connection refused\"", false},
        {"db-7.example.com", true},
        {"db-8.example.com", false},
        {"\"db 7 example\"", true},
        {"conn*", true},
        {"onn*", false},
        {"\"refused econn\"*", true},
        {"db-7.exam*", true},
        {"refused:econnrefused", true}, /* on a text: the words in a row */
        {"refused:connection", false},
        {"to:\"db 7\"", true},
        {"to:(nothing OR db)", true},
        {"3", true},
        {"trie", false},
    };

    (void)state;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++)
        if (matches(cases[i].query, text, TEXT_PLAIN) != cases[i].expected)
            fail_msg("%s", cases[i].query);
}

static void test_members_of_json(void **state)
{
    static const char json[] =
        "{\"level\": \"error\", \"http\": {\"status\": 500, \"url\": \"/a/b\"}, \"k8s.pod\": "
        "\"web-1\", \"tags\": [\"blue\", {\"deep\": true}], \"q\\\"k\": \"say \\\"hi\\\"\", "
        "\"note\": null}";
    static const struct {
        const char *query;
        bool expected;
    } cases[] = {
        {"error", true},
        {"level", true}, /* names are words, too */
        {"level:error", true},
        {"level:err*", true},
        {"level:warn", false},
        {"error:level", false},
        {"http.status:500", true},
        {"http:500", true},
        {"http:a/b", true},
        {"status:500", false},
        {"k8s.pod:web-1", true},
        {"\"k8s.pod\":\"web 1\"", true},
        {"k8s:web", false},
        {"tags:blue", true},
        {"tags.deep:true", true},
        {"\"q\\\"k\":hi", true},
        {"note:null", true},
        {"level:(warn OR error) tags:blue", true},
        {"level:error -tags:red", true},
        {"\"say hi\"", true},
        {"\"error http\"", false}, /* not from one string to another */
        {"\"level error\"", false},
    };

    (void)state;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++)
        if (matches(cases[i].query, json, TEXT_JSON) != cases[i].expected)
            fail_msg("%s", cases[i].query);
    assert_false(matches("a:b", "{\"a\": ", TEXT_JSON));
}

static void test_errors_say_where(void **state)
{
    static const struct {
        const char *query;
        const char *sqlstate;
        const char *message;
    } cases[] = {
        {"", "22023", "text query: empty"},
        {"  ", "22023", "text query: empty"},
        {"a (b", "42601", "text query: unmatched parenthesis at character 3"},
        {"a )", "42601", "text query: unmatched parenthesis at character 3"},
        {"a \"b", "42601", "text query: unterminated quote at character 3"},
        {"a AND", "42601", "text query: a word is missing at character 6"},
        {"OR a", "42601", "text query: a word is missing at character 1"},
        {"\xc3\xa9 NOT", "42601", "text query: a word is missing at character 6"},
        {"a*b", "42601", "text query: * may only end a word at character 2"},
        {"a & b", "22023", "text query: no letter or digit in the word at character 3"},
        {"*", "22023", "text query: no letter or digit in the word at character 1"},
        {"level:", "42601", "text query: a word is missing at character 7"},
        {"level: x", "42601", "text query: a word is missing at character 7"},
        {"a\"b\"", "42601", "text query: a space is missing at character 2"},
        {"()", "42601", NULL},
        {"-", "22023", NULL},
    };
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        TextQuery query;
        Error err = {0};
        if (text_query_parse(str_from(cases[i].query), &arena, &query, &err) == STATUS_OK)
            fail_msg("%s was taken", cases[i].query);
        assert_string_equal(err.sqlstate, cases[i].sqlstate);
        if (cases[i].message)
            assert_string_equal(err.message, cases[i].message);
    }
    arena_done(&arena);
}

static void test_size_and_depth_are_bounded(void **state)
{
    TextQuery query;
    Arena arena;
    CLEANUP(buf_done) Buf text = {0};

    (void)state;
    arena_init(&arena, NULL);
    for (int i = 0; i < 2000; i++)
        buf_append_lit(&text, "(");
    assert_int_equal(text_query_parse(buf_str(&text), &arena, &query, NULL), STATUS_LIMIT);
    buf_clear(&text);
    for (int i = 0; i < 2000; i++)
        buf_append_lit(&text, "a ");
    assert_int_equal(text_query_parse(buf_str(&text), &arena, &query, NULL), STATUS_LIMIT);
    buf_clear(&text);
    for (int i = 0; i < 20000; i++)
        buf_append_lit(&text, "a");
    assert_int_equal(text_query_parse(buf_str(&text), &arena, &query, NULL), STATUS_LIMIT);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_operators_phrases_prefixes),
        cmocka_unit_test(test_members_of_json),
        cmocka_unit_test(test_errors_say_where),
        cmocka_unit_test(test_size_and_depth_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/json/json.h"
#include "net/http/http_int.h"

static void handler(HttpRequest *req, void *ctx)
{
    fail();
}

static void check_route(const HttpRouter *router, const char *path, const char *pattern,
                        const char *params)
{
    Arena arena;
    RouteMatch match;
    Buf said = {0};

    arena_init(&arena, NULL);
    assert_int_equal(http__router_find(router, HTTP_GET, str_from(path), &arena, &match),
                     STATUS_OK);
    if (!pattern) {
        assert_null(match.route);
    } else {
        assert_non_null(match.route);
        assert_string_equal(match.route->pattern, pattern);
        for (size_t i = 0; i < match.param_count; i++)
            buf_printf(&said, "%.*s=%.*s;", STR_FMT(match.params[i].name),
                       STR_FMT(match.params[i].value));
        assert_true(str_eq(buf_str(&said), str_from(params)));
    }
    buf_done(&said);
    arena_done(&arena);
}

static void test_the_most_literal_route_wins(void **state)
{
    static const char *const patterns[] = {"/",          "/a",       "/a/b",          "/a/{x}",
                                           "/a/{y}/c",   "/{x}/b/d", "/ui/{rest...}", "/a%20b",
                                           "/ui/{p}/{q}"};
    HttpRouter *router = http_router_new();

    for (size_t i = 0; i < LUMA_ARRAY_LEN(patterns); i++)
        http_router_add(
            router, &(HttpRoute){.methods = HTTP_GET, .pattern = patterns[i], .handler = handler});
    check_route(router, "/", "/", "");
    check_route(router, "/a", "/a", "");
    check_route(router, "/a/b", "/a/b", "");
    check_route(router, "/a/z", "/a/{x}", "x=z;");
    /* The same place, another name: the pattern's own name counts. */
    check_route(router, "/a/z/c", "/a/{y}/c", "y=z;");
    /* A literal that leads nowhere is stepped back from. */
    check_route(router, "/a/b/d", "/{x}/b/d", "x=a;");
    check_route(router, "/a/b/c", "/a/{y}/c", "y=b;");
    check_route(router, "/ui/x/y", "/ui/{p}/{q}", "p=x;q=y;");
    check_route(router, "/ui/x/y/z%2F", "/ui/{rest...}", "rest=x/y/z/;");
    check_route(router, "/ui/", "/ui/{rest...}", "rest=;");
    check_route(router, "/a/%2e%2E", "/a/{x}", "x=..;");
    check_route(router, "/ui", NULL, "");
    check_route(router, "/a/", NULL, "");
    check_route(router, "//", NULL, "");
    check_route(router, "/A", NULL, "");
    check_route(router, "", NULL, "");
    (void)http_router_free(router);
}

static void test_content_coding_is_chosen_by_weight(void **state)
{
    static const struct {
        const char *accept;
        Codec codec;
    } cases[] = {
        {"", CODEC_NONE},
        {"gzip", CODEC_GZIP},
        {"GZIP", CODEC_GZIP},
        {"x-gzip;q=0.1", CODEC_GZIP},
        {"deflate", CODEC_ZLIB},
        {"gzip;q=0.2, deflate;q=0.3", CODEC_ZLIB},
        {"gzip;q=0", CODEC_NONE},
        {"*", CODEC_GZIP},
        {"*;q=0", CODEC_NONE},
        {"gzip;q=0, *;q=0.5", CODEC_ZLIB},
        {"identity, br", CODEC_NONE},
        {"gzip;q=nonsense", CODEC_GZIP},
        {" , ;q=1 , gzip ; Q=0.000", CODEC_NONE},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++)
        if (http__accepted_coding(str_from(cases[i].accept)) != cases[i].codec)
            fail_msg("%s", cases[i].accept);
}

static void test_media_type_is_chosen_by_weight_and_order(void **state)
{
    static const Str offered[] = {STR_INIT("application/json"), STR_INIT("text/csv"),
                                  STR_INIT("application/vnd.apache.arrow.stream")};
    static const struct {
        const char *accept;
        int choice;
    } cases[] = {
        {"*/*", 0},
        {"text/csv", 1},
        {"text/*, application/json;q=0.5", 1},
        {"application/*", 0},
        {"application/*;q=0.5, application/vnd.apache.arrow.stream", 2},
        {"*/*;q=0.1, application/json;q=0", 1},
        {"image/png", -1},
        {"Text/CSV; header=present; q=0.3", 1},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        HttpField accept = {STR("accept"), str_from(cases[i].accept)};
        HttpRequest req = {.headers = &accept, .header_count = 1};
        int choice = http_request_accept(&req, offered, LUMA_ARRAY_LEN(offered));
        if (choice != cases[i].choice)
            fail_msg("%s: %d", cases[i].accept, choice);
    }
    HttpRequest none = {0};
    assert_int_equal(http_request_accept(&none, offered, LUMA_ARRAY_LEN(offered)), 0);
}

static void test_escapes_and_base64(void **state)
{
    Arena arena;
    Str out;

    arena_init(&arena, NULL);
    assert_true(http_percent_decode(STR("a%20b+c%2f"), false, &arena, &out));
    assert_true(str_eq(out, STR("a b+c/")));
    assert_true(http_percent_decode(STR("a+%2B%00"), true, &arena, &out));
    assert_true(str_eq(out, STR("a +\0")));
    assert_false(http_percent_decode(STR("%"), true, &arena, &out));
    assert_false(http_percent_decode(STR("%2"), true, &arena, &out));
    assert_false(http_percent_decode(STR("%2g"), true, &arena, &out));
    assert_true(http__base64_decode(STR("YWJjZA=="), &arena, &out));
    assert_true(str_eq(out, STR("abcd")));
    assert_true(http__base64_decode(STR("YWJjZA"), &arena, &out));
    assert_true(str_eq(out, STR("abcd")));
    assert_true(http__base64_decode(STR(""), &arena, &out));
    assert_false(http__base64_decode(STR("YWJjZ"), &arena, &out));
    assert_false(http__base64_decode(STR("YW Jj"), &arena, &out));
    arena_done(&arena);
}

static void test_json_strings_are_valid_for_any_bytes(void **state)
{
    Buf buf = {0};

    json_append_string(&buf, STR("a\"\\\n\x01\xC3\xA9\xFF\xED\xA0\x80"));
    assert_true(str_eq(buf_str(&buf), STR("\"a\\\"\\\\\\n\\u0001\xC3\xA9\xEF\xBF\xBD\xEF\xBF\xBD"
                                          "\xEF\xBF\xBD\xEF\xBF\xBD\"")));
    buf_done(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_most_literal_route_wins),
        cmocka_unit_test(test_content_coding_is_chosen_by_weight),
        cmocka_unit_test(test_media_type_is_chosen_by_weight_and_order),
        cmocka_unit_test(test_escapes_and_base64),
        cmocka_unit_test(test_json_strings_are_valid_for_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

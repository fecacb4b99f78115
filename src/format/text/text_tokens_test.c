#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/buf.h"
#include "format/text/text_find.h"
#include "format/text/text_tokens.h"

static uint64_t random_state = 1;

/* xorshift64: the same numbers in every run. */
static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % n;
}

/* The tokens with a bar between them. */
static void assert_tokens(Str text, TextForm form, const char *expected)
{
    TextTokens tokens = {0};
    CLEANUP(buf_done) Buf got = {0};

    text_tokens_split(&tokens, text, form);
    for (uint32_t i = 0; i < tokens.count; i++) {
        if (i)
            buf_append_byte(&got, '|');
        buf_append_str(&got, text_token(&tokens, i));
    }
    buf_append_byte(&got, 0);
    assert_string_equal(got.ptr, expected);
    text_tokens_done(&tokens);
}

static void test_words_are_letters_digits_and_underscores(void **state)
{
    (void)state;
    assert_tokens(STR(""), TEXT_PLAIN, "");
    assert_tokens(STR(" ,;- "), TEXT_PLAIN, "");
    assert_tokens(STR("GET /api/v1/users?id=42 took 3.5ms"), TEXT_PLAIN,
                  "get|api|v1|users|id|42|took|3|5ms");
    assert_tokens(STR("snake_case-kebab.dot[0] `tick` {x} @at"), TEXT_PLAIN,
                  "snake_case|kebab|dot|0|tick|x|at");
    assert_tokens(STR("one\0two"), TEXT_PLAIN, "one|two");
    assert_tokens(STR("a word that ends right at the border of thirty-two, and goes on"),
                  TEXT_PLAIN, "a|word|that|ends|right|at|the|border|of|thirty|two|and|goes|on");
}

static void test_unicode_is_folded(void **state)
{
    (void)state;
    assert_tokens(STR("Stra\xc3\x9f"
                      "e \xc3\x84RGER"),
                  TEXT_PLAIN, "strasse|a\xcc\x88rger");
    assert_tokens(STR("\xce\xa3\xce\xaf\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x82"), TEXT_PLAIN,
                  "\xcf\x83\xce\xb9\xcc\x81\xcf\x83\xcf\x85\xcf\x86\xce\xbf\xcf\x83");
    /* Composed and decomposed are the same word. */
    assert_tokens(STR("caf\xc3\xa9 cafe\xcc\x81"), TEXT_PLAIN, "cafe\xcc\x81|cafe\xcc\x81");
    assert_tokens(STR("\xe6\xbc\xa2\xe5\xad\x97 abc\xe6\xbc\xa2"), TEXT_PLAIN,
                  "\xe6\xbc\xa2|\xe5\xad\x97|abc|\xe6\xbc\xa2");
    assert_tokens(STR("bad\xff"
                      "bytes\xc3"),
                  TEXT_PLAIN, "bad|bytes");
}

static void test_escapes_of_json_separate(void **state)
{
    (void)state;
    assert_tokens(STR("{\"msg\": \"a\\nb\\\"c\\\\d\\u0001e\", \"n\": 4.5}"), TEXT_JSON,
                  "msg|a|b|c|d|e|n|4|5");
    assert_tokens(STR("\"\\"), TEXT_JSON, "");
    assert_tokens(STR("a\\nb"), TEXT_PLAIN, "a|nb");
}

static void test_long_words_are_cut(void **state)
{
    char text[151];
    TextTokens tokens = {0};

    (void)state;
    memset(text, 'x', 150);
    text_tokens_split(&tokens, str_make(text, 150), TEXT_PLAIN);
    assert_int_equal(tokens.count, 3);
    assert_true(tokens.cut && tokens.items[0].cut && tokens.items[2].cut);
    assert_int_equal(tokens.items[0].len, 64);
    assert_int_equal(tokens.items[2].from, 128);
    assert_int_equal(tokens.items[2].to, 150);
    text_tokens_split(&tokens, str_make(text, 64), TEXT_PLAIN);
    assert_int_equal(tokens.count, 1);
    assert_false(tokens.cut);
    /* Pieces of other scripts end between characters. */
    for (int i = 0; i < 150; i += 3)
        memcpy(text + i, "\xe0\xa4\x95", 3);
    text_tokens_split(&tokens, str_make(text, 150), TEXT_PLAIN);
    assert_int_equal(tokens.count, 3);
    assert_int_equal(tokens.items[0].len, 63);
    assert_true(str_utf8_valid(text_token(&tokens, 1)));
    text_tokens_done(&tokens);
}

/* What lower() makes equal is one token: ILIKE may use the index. */
static void test_lower_case_does_not_change_the_fold(void **state)
{
    TextTokens a = {0};
    TextTokens b = {0};

    (void)state;
    for (uint32_t cp = 1; cp <= 0x10FFFF; cp++) {
        char text[2][5];
        if (cp >= 0xD800 && cp <= 0xDFFF)
            continue;
        size_t len = str_utf8_encode(cp, text[0]);
        uint32_t lower = (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
        if (lower == cp)
            continue;
        text_tokens_split(&a, str_make(text[0], len), TEXT_PLAIN);
        len = str_utf8_encode(lower, text[1]);
        text_tokens_split(&b, str_make(text[1], len), TEXT_PLAIN);
        assert_int_equal(a.count, b.count);
        if (a.count)
            assert_true(str_eq(text_token(&a, 0), text_token(&b, 0)));
    }
    text_tokens_done(&a);
    text_tokens_done(&b);
}

/* The wide path and the one character by character agree. */
static void test_ascii_is_split_as_unicode_is(void **state)
{
    static const char letters[] = "abcXYZ019_ -./\\\"{}@[`\x7f\x01";
    TextTokens wide = {0};
    TextTokens slow = {0};
    char text[203];

    (void)state;
    random_state = 7;
    for (int round = 0; round < 3000; round++) {
        size_t len = random_below(200);
        for (size_t i = 0; i < len; i++)
            text[i] = letters[random_below(sizeof letters - 1)];
        memcpy(text + len, "\xe2\x82\xac", 3); /* a sign that separates */
        text_tokens_split(&wide, str_make(text, len), TEXT_PLAIN);
        text_tokens_split(&slow, str_make(text, len + 3), TEXT_PLAIN);
        assert_int_equal(wide.count, slow.count);
        for (uint32_t i = 0; i < wide.count; i++) {
            assert_true(str_eq(text_token(&wide, i), text_token(&slow, i)));
            assert_int_equal(wide.items[i].from, slow.items[i].from);
            assert_int_equal(wide.items[i].to, slow.items[i].to);
        }
    }
    text_tokens_done(&wide);
    text_tokens_done(&slow);
}

static void test_find_agrees_with_a_plain_search(void **state)
{
    char text[120];

    (void)state;
    random_state = 11;
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(sizeof text);
        for (size_t i = 0; i < len; i++)
            text[i] = (char)('a' + random_below(3));
        size_t from = len ? random_below((uint32_t)len) : 0;
        char needle[8];
        size_t needle_len = random_below(6);
        needle_len = LUMA_MIN(needle_len, len - from);
        memcpy(needle, text + from, needle_len);
        if (needle_len && random_below(2))
            needle[random_below((uint32_t)needle_len)] = 'b';
        Str hay = str_make(text, len);
        Str what = str_make(needle, needle_len);
        const char *got = text_find(hay, what);
        ptrdiff_t expected = str_find(hay, what);
        assert_int_equal(got ? got - text : -1, expected);
        for (size_t i = 0; i < len; i++)
            if (random_below(2))
                text[i] = (char)(text[i] - 32);
        assert_int_equal(text_may_hold(hay, what), expected >= 0);
    }
    assert_true(text_may_hold(STR("\xe2\x84\xaa"), STR("k"))); /* the Kelvin sign folds to k */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words_are_letters_digits_and_underscores),
        cmocka_unit_test(test_unicode_is_folded),
        cmocka_unit_test(test_escapes_of_json_separate),
        cmocka_unit_test(test_long_words_are_cut),
        cmocka_unit_test(test_lower_case_does_not_change_the_fold),
        cmocka_unit_test(test_ascii_is_split_as_unicode_is),
        cmocka_unit_test(test_find_agrees_with_a_plain_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

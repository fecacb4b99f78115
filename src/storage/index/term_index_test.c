#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "arrow/column.h"
#include "base/buf.h"
#include "format/text/text_find.h"
#include "storage/index/term_index.h"
#include "storage/index/term_search.h"

enum { ROWS_MAX = 400 };

typedef struct Fixture {
    Arena arena;
    Str *texts; /* ptr NULL = none */
    uint32_t row_count;
    TermIndex *index;
} Fixture;

static uint64_t random_state = 1;

/* xorshift64: the same numbers in every run. */
static uint32_t random_below(uint32_t n)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 32) % n;
}

/* Words that share beginnings, ends and middles; some are long, some not ASCII. */
static void append_word(Buf *out, bool json)
{
    static const char *const words[] = {
        "error",
        "Error",
        "err",
        "errors",
        "mirror",
        "terror",
        "GET",
        "get",
        "200",
        "2001",
        "caf\xc3\xa9",
        "CAFE\xcc\x81",
        "na\xc3\xafve",
        "x",
        "_",
        "a_b",
        "a",
        "\xe6\xbc\xa2",
        "\xe6\xbc\xa2\xe5\xad\x97",
        "Stra\xc3\x9f"
        "e",
    };
    uint32_t pick = random_below(24);

    if (pick < 20) {
        buf_append_str(out, str_from(words[pick]));
    } else if (pick < 22) {
        buf_printf(out, "id%x", random_below(64));
    } else if (pick == 22) {
        for (uint32_t i = random_below(100) + 30; i > 0; i--)
            buf_append_byte(out, (uint8_t)("ab"[random_below(2)]));
    } else {
        buf_append_str(out, json ? STR("\\n") : STR("-"));
    }
}

static void append_words(Buf *out, int count, bool json)
{
    static const char *const gaps[] = {" ", " ", "  ", "-", ", ", "/", "."};

    for (int i = 0; i < count; i++) {
        if (i)
            buf_append_str(out, str_from(gaps[random_below(7)]));
        append_word(out, json);
    }
}

static void append_document(Buf *out, bool json)
{
    if (!json) {
        append_words(out, random_below(12), false);
        return;
    }
    buf_append_lit(out, "{\"level\": \"");
    append_words(out, (int)random_below(3), true);
    buf_append_lit(out, "\", \"http\": {\"status\": 200, \"error\": \"");
    append_words(out, (int)random_below(4), true);
    buf_append_lit(out, "\"}}");
}

static void fixture_init(Fixture *f, bool json)
{
    CLEANUP(buf_done) Buf text = {0};
    TermBuilder *builder = term_builder_new(NULL);

    *f = (Fixture){.row_count = random_below(ROWS_MAX) + 1};
    arena_init(&f->arena, NULL);
    f->texts = ARENA_NEW_ARRAY(&f->arena, Str, f->row_count);
    for (uint32_t i = 0; i < f->row_count; i++) {
        if (random_below(8) == 0)
            continue;
        buf_clear(&text);
        append_document(&text, json);
        f->texts[i] = arena_str(&f->arena, buf_str(&text));
        term_builder_add(builder, i, f->texts[i], json ? TEXT_JSON : TEXT_PLAIN);
    }
    f->index = term_builder_finish(builder, f->row_count);
    term_builder_free(builder);
}

static void fixture_done(Fixture *f)
{
    mem_free(f->index);
    arena_done(&f->arena);
}

static bool bit_at(const uint64_t *bits, uint32_t i)
{
    return bits[i / 64] >> i % 64 & 1;
}

static uint64_t *new_bits(Fixture *f)
{
    return ARENA_NEW_ARRAY(&f->arena, uint64_t, term_words(f->row_count));
}

static void append_query(Buf *out, int depth)
{
    int pick = (int)random_below(depth > 0 ? 9 : 5);

    if (pick < 2) {
        buf_append_byte(out, '"');
        append_words(out, (int)random_below(3) + 1, false);
        buf_append_lit(out, "a\"");
    } else if (pick == 2) {
        buf_append_str(out, random_below(2) ? STR("level:") : STR("http.error:"));
        buf_append_lit(out, "err*");
    } else if (pick == 3) {
        buf_append_lit(out, "e*");
    } else if (pick == 4) {
        buf_printf(out, "id%x", random_below(64));
    } else {
        buf_append_str(out, pick == 5 ? STR("NOT (") : STR("("));
        append_query(out, depth - 1);
        buf_append_str(out, pick == 6 ? STR(" OR ") : STR(" "));
        append_query(out, depth - 1);
        buf_append_byte(out, ')');
    }
}

/* The index' answer holds every row that matches, and no other when it says so. */
static void check_query(Fixture *f, Str text, TextForm form)
{
    TextQuery query;
    TextMatcher matcher;
    uint64_t *bits = new_bits(f);
    bool exact;

    assert_int_equal(text_query_parse(text, &f->arena, &query, NULL), STATUS_OK);
    assert_int_equal(term_search_query(&f->index->source, &query, &f->arena, bits, &exact, NULL),
                     STATUS_OK);
    text_matcher_init(&matcher, &query);
    for (uint32_t i = 0; i < f->row_count; i++) {
        if (!f->texts[i].ptr)
            continue;
        bool expected = text_matcher_test(&matcher, &query, f->texts[i], form);
        if (exact ? bit_at(bits, i) != expected : expected && !bit_at(bits, i))
            fail_msg("query <%.*s> text <%.*s> exact %d expected %d", STR_FMT(text),
                     STR_FMT(f->texts[i]), exact, expected);
    }
    text_matcher_done(&matcher);
}

static void check_queries(bool json)
{
    CLEANUP(buf_done) Buf query = {0};
    Fixture f;

    for (int round = 0; round < 40; round++) {
        fixture_init(&f, json);
        for (int i = 0; i < 60; i++) {
            buf_clear(&query);
            append_query(&query, 3);
            check_query(&f, buf_str(&query), json ? TEXT_JSON : TEXT_PLAIN);
        }
        fixture_done(&f);
    }
}

static void test_queries_answer_as_brute_force_does(void **state)
{
    (void)state;
    random_state = 1;
    check_queries(false);
    check_queries(true);
}

/* %part of a text%: every text that holds it is found, those of long words too. */
static void test_like_finds_every_text(void **state)
{
    CLEANUP(buf_done) Buf pattern = {0};
    bool any = false;
    bool used;
    Fixture f;

    (void)state;
    random_state = 2;
    for (int round = 0; round < 600; round++) {
        fixture_init(&f, false);
        Str from = f.texts[random_below(f.row_count)];
        size_t at = from.len ? random_below((uint32_t)from.len) : 0;
        size_t len = random_below(12) + 1;
        while (at < from.len && ((uint8_t)from.ptr[at] & 0xC0) == 0x80)
            at++;
        len = LUMA_MIN(len, from.len - at);
        while (at + len < from.len && ((uint8_t)from.ptr[at + len] & 0xC0) == 0x80)
            len++;
        Str part = str_sub(from, at, len);
        uint64_t *bits = new_bits(&f);
        buf_clear(&pattern);
        buf_append_byte(&pattern, '%');
        for (size_t i = 0; i < part.len; i++) {
            if (part.ptr[i] == '_')
                buf_append_byte(&pattern, '\\');
            buf_append_byte(&pattern, (uint8_t)part.ptr[i]);
        }
        buf_append_byte(&pattern, '%');
        assert_int_equal(
            term_search_like(&f.index->source, buf_str(&pattern), &f.arena, bits, &used, NULL),
            STATUS_OK);
        any |= used;
        for (uint32_t i = 0; i < f.row_count; i++)
            if (f.texts[i].ptr && text_find(f.texts[i], part) && !bit_at(bits, i))
                fail_msg("pattern <%.*s> text <%.*s>", STR_FMT(buf_str(&pattern)),
                         STR_FMT(f.texts[i]));
        fixture_done(&f);
    }
    assert_true(any);
}

static uint32_t count_like(const TermIndex *index, const char *pattern, bool *ret_used)
{
    Arena arena;
    uint32_t count = 0;

    arena_init(&arena, NULL);
    uint64_t *bits = ARENA_NEW_ARRAY(&arena, uint64_t, term_words(index->source.row_count));
    assert_int_equal(
        term_search_like(&index->source, str_from(pattern), &arena, bits, ret_used, NULL),
        STATUS_OK);
    for (uint32_t i = 0; i < index->source.row_count; i++)
        count += bit_at(bits, i);
    arena_done(&arena);
    return count;
}

static void test_like_narrows_by_whole_words_and_parts(void **state)
{
    static const char *const texts[] = {"disk is full", "disk was filled", "the diskette",
                                        "floppy disk", "memory is full"};
    TermBuilder *builder = term_builder_new(NULL);
    bool used;

    (void)state;
    for (uint32_t i = 0; i < LUMA_ARRAY_LEN(texts); i++)
        term_builder_add(builder, i, str_from(texts[i]), TEXT_PLAIN);
    TermIndex *index = term_builder_finish(builder, LUMA_ARRAY_LEN(texts));
    assert_int_equal(count_like(index, "%disk%", &used), 4);
    assert_int_equal(count_like(index, "%disk %", &used), 3);
    assert_int_equal(count_like(index, "%ull", &used), 2);
    assert_int_equal(count_like(index, "%s is f%", &used), 2);
    assert_int_equal(count_like(index, "disk", &used), 3);
    assert_int_equal(count_like(index, "d_sk%fi%", &used), 1);
    assert_int_equal(count_like(index, "%nothing%", &used), 0);
    assert_true(used);
    assert_int_equal(count_like(index, "%-%", &used), 5);
    assert_false(used);
    assert_int_equal(count_like(index, "%", &used), 5);
    mem_free(index);
    term_builder_free(builder);
}

/* Terms of one row, of some, and of most rows, over a full segment. */
static void test_full_segment_with_rare_and_frequent_terms(void **state)
{
    TermBuilder *builder = term_builder_new(NULL);
    char text[100];
    Arena arena;

    (void)state;
    arena_init(&arena, NULL);
    for (int round = 0; round < 2; round++) { /* the builder is as good as new after an index */
        for (uint32_t i = 0; i < TERM_INDEX_ROWS_MAX; i++) {
            int len = snprintf(text, sizeof text, "all n%u m%u k%u %s", i, i % 100, i % 2000,
                               i % 20000 == 7 ? "seldom" : "often");
            term_builder_add(builder, i, str_make(text, (size_t)len), TEXT_PLAIN);
        }
        TermIndex *index = term_builder_finish(builder, TERM_INDEX_ROWS_MAX);
        for (uint32_t i = 0; i < TERM_INDEX_ROWS_MAX; i += 997) {
            size_t words = term_words(TERM_INDEX_ROWS_MAX);
            uint64_t *bits = ARENA_NEW_ARRAY(&arena, uint64_t, words);
            Error err = {0};
            int len = snprintf(text, sizeof text, "n%u", i);
            (void)index->source.ops->add_rows(&index->source, TERM_IS, str_make(text, (size_t)len),
                                              bits, &err);
            assert_int_equal(bitmap_count((const uint8_t *)bits, TERM_INDEX_ROWS_MAX), 1);
            assert_true(bit_at(bits, i));
        }
        static const struct {
            const char *term;
            TermMatch how;
            uint32_t count;
        } cases[] = {
            {"all", TERM_IS, 65536},   {"m5", TERM_IS, 656},      {"k1999", TERM_IS, 32},
            {"seldom", TERM_IS, 4},    {"often", TERM_IS, 65532}, {"eldo", TERM_HOLDS, 4},
            {"n6553", TERM_BEGINS, 7}, {"m", TERM_BEGINS, 65536}, {"ftexn", TERM_HOLDS, 0}};
        for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
            uint64_t *bits = ARENA_NEW_ARRAY(&arena, uint64_t, term_words(TERM_INDEX_ROWS_MAX));
            (void)index->source.ops->add_rows(&index->source, cases[i].how, str_from(cases[i].term),
                                              bits, NULL);
            assert_int_equal(bitmap_count((const uint8_t *)bits, TERM_INDEX_ROWS_MAX),
                             cases[i].count);
        }
        mem_free(index);
    }
    term_builder_free(builder);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queries_answer_as_brute_force_does),
        cmocka_unit_test(test_like_finds_every_text),
        cmocka_unit_test(test_like_narrows_by_whole_words_and_parts),
        cmocka_unit_test(test_full_segment_with_rare_and_frequent_terms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

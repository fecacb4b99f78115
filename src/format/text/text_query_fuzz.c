#include "format/text/text_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Input: query, newline, text. A query that parses has an answer for any text, and its negation has
 * the other one. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const TextForm forms[] = {TEXT_PLAIN, TEXT_JSON};
    Str text = str_make(bytes, len);
    Str pattern = {0};
    TextQuery query;
    Arena arena;

    (void)str_split(&text, '\n', &pattern);
    if (!pattern.ptr || !text.ptr)
        return 0;
    arena_init(&arena, NULL);
    if (text_query_parse(pattern, &arena, &query, NULL) == STATUS_OK) {
        TextNode not_node = {.kind = TEXT_NOT, .left = query.root};
        TextQuery negated = {.root = &not_node};
        for (size_t i = 0; i < LUMA_ARRAY_LEN(forms); i++) {
            TextMatcher a;
            TextMatcher b;
            text_matcher_init(&a, &query);
            text_matcher_init(&b, &negated);
            bool found = text_matcher_test(&a, &query, text, forms[i]);
            ASSERT(found != text_matcher_test(&b, &negated, text, forms[i]));
            text_matcher_done(&a);
            text_matcher_done(&b);
        }
    }
    arena_done(&arena);
    return 0;
}

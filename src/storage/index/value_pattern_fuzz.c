#include "base/regex.h"
#include "storage/index/value_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Input: pattern, newline, value. Where the shortcut takes a pattern that the regex engine accepts,
 * both give the same answer. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Str value = str_make(bytes, len);
    Str pattern = {0};
    ValuePattern parsed;
    Regex *regex = NULL;
    Arena arena;

    (void)str_split(&value, '\n', &pattern);
    if (!pattern.ptr || !value.ptr || !str_utf8_valid(pattern) || !str_utf8_valid(value))
        return 0;
    if (regex_compile(pattern, REGEX_ANCHORED | REGEX_DOT_NEWLINE, &regex, NULL) != STATUS_OK)
        return 0;
    arena_init(&arena, NULL);
    ASSERT(value_pattern_parse(pattern, &arena, &parsed, NULL) == STATUS_OK);
    if (parsed.count)
        ASSERT(value_pattern_match(&parsed, value) == regex_match(regex, value));
    arena_done(&arena);
    regex_free(regex);
    return 0;
}

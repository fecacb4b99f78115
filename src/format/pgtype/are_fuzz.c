/* are_fuzz.c - any pattern is refused or becomes one that compiles or is refused by RE2. */
#include "base/regex.h"
#include "format/pgtype/are.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_done) Buf out = {0};
    Error err;
    int flags;
    if (size < 1)
        return 0;
    Str pattern = {(const char *)data + 1, size - 1};
    if (!str_utf8_valid(pattern) ||
        are_translate(pattern, data[0] & 31, &out, &flags, &err) != STATUS_OK)
        return 0;
    Regex *regex;
    if (regex_compile(buf_str(&out), flags, &regex, &err) == STATUS_OK) {
        (void)regex_match(regex, STR("abc abc\n123"));
        (void)regex_free(regex);
    }
    return 0;
}

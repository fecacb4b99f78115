/* jsonpath_fuzz.c - any text is refused or printed, and what is printed reads as itself. */
#include "format/jsonpath/jsonpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Arena arena;
    Error err;
    Str first;
    Str second;
    arena_init(&arena, NULL);
    Str text = str_make(data, size);
    if (str_utf8_valid(text) && jsonpath_canonical(text, &arena, &first, &err) == STATUS_OK) {
        ASSERT(jsonpath_canonical(first, &arena, &second, &err) == STATUS_OK);
        ASSERT(str_eq(first, second));
    }
    arena_done(&arena);
    return 0;
}

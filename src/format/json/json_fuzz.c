#include "format/json/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Reads the text token by token; what was read as a string must survive writing and reading. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(buf_done) Buf out = {0};
    JsonReader r = json_reader(str_make(bytes, len));
    JsonToken token;
    Arena arena;

    arena_init(&arena, NULL);
    while (json_next(&r, &token, NULL) == STATUS_OK && token.kind != JSON_TOKEN_END) {
        if (token.kind != JSON_TOKEN_STRING && token.kind != JSON_TOKEN_KEY)
            continue;
        Str plain = json_unescape(&token, &arena);
        buf_clear(&out);
        json_append_string(&out, plain);
        JsonReader again = json_reader(buf_str(&out));
        JsonToken copy;
        ASSERT(json_next(&again, &copy, NULL) == STATUS_OK && copy.kind == JSON_TOKEN_STRING);
        ASSERT(str_eq(json_unescape(&copy, &arena), plain));
    }
    arena_done(&arena);
    return 0;
}

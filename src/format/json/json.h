/* json.h - JSON text (RFC 8259): a pull reader over bytes from outside, and helpers for writing.
 *
 * The reader checks the whole grammar, borrows from the text and allocates nothing:
 *
 *   JsonReader r = json_reader(text);
 *   while (json_next(&r, &token, err) == STATUS_OK && token.kind != JSON_TOKEN_END)
 *
 * Numbers stay text, so that no digit is lost; strings are unescaped on demand.
 * Threads: confined.
 */
#ifndef LUMA_FORMAT_JSON_JSON_H
#define LUMA_FORMAT_JSON_JSON_H

#include "base/arena.h"
#include "base/buf.h"

enum { JSON_DEPTH_MAX = 512 };

typedef enum JsonTokenKind {
    JSON_TOKEN_OBJECT,     /* { */
    JSON_TOKEN_OBJECT_END, /* } */
    JSON_TOKEN_ARRAY,      /* [ */
    JSON_TOKEN_ARRAY_END,  /* ] */
    JSON_TOKEN_KEY,        /* "text": */
    JSON_TOKEN_STRING,
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_TRUE,
    JSON_TOKEN_FALSE,
    JSON_TOKEN_NULL,
    JSON_TOKEN_END, /* after the one value of the text */
} JsonTokenKind;

typedef struct JsonToken {
    JsonTokenKind kind;
    Str text;      /* KEY, STRING: between the quotes, escapes kept; NUMBER: its digits */
    bool escaped;  /* KEY, STRING: needs json_unescape */
    size_t offset; /* where the token begins in the text */
} JsonToken;

typedef struct JsonReader {
    const char *begin;
    const char *cursor;
    const char *end;
    uint32_t depth;
    uint8_t expect;                    /* what may come next; private */
    uint8_t stack[JSON_DEPTH_MAX / 8]; /* bit set = the container is an object */
} JsonReader;

JsonReader json_reader(Str text);
/* INVALID with the byte offset when the text is not JSON (invalid UTF-8 in strings included), LIMIT
 * when nested deeper than JSON_DEPTH_MAX. */
Status json_next(JsonReader *r, JsonToken *ret_token, Error *err);
/* After OBJECT or ARRAY: reads to its end. After another token: does nothing. */
Status json_skip(JsonReader *r, const JsonToken *token, Error *err);
/* Resolves escapes into the arena. Lone surrogates become U+FFFD. */
Str json_unescape(const JsonToken *token, Arena *arena);

/* Appends the text as a string with quotes; malformed UTF-8 becomes U+FFFD. */
void json_append_string(Buf *out, Str text);

#endif

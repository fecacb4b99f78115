/* wal_json_text.h - reads and writes the JSON texts of log entries.
 *
 * A reader that failed stays failed and returns empty values; check `failed` once at the end.
 * Confined to one thread.
 */
#ifndef LUMA_STORAGE_WAL_WAL_JSON_TEXT_H
#define LUMA_STORAGE_WAL_WAL_JSON_TEXT_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct JsonText {
    const char *at;
    const char *end;
    Arena *arena; /* for texts that had escapes, and bytes from hex */
    bool failed;
} JsonText;

static inline JsonText json_text(Str text, Arena *arena)
{
    return (JsonText){text.ptr, text.ptr + text.len, arena, false};
}
/* Skips `literal` if it comes next. */
bool json_text_next(JsonText *t, const char *literal);
/* Fails unless `literal` comes next. */
void json_text_expect(JsonText *t, const char *literal);
/* After an element: true behind a comma, false behind `close`; anything else fails. */
bool json_text_more(JsonText *t, char close);
int64_t json_text_read_int(JsonText *t, int64_t min, int64_t max);
uint64_t json_text_read_uint(JsonText *t, uint64_t max);
/* A number, or a string "0x" and 16 hex digits; returns the bits. */
uint64_t json_text_read_double(JsonText *t);
/* The same for single precision, 8 hex digits. */
uint32_t json_text_read_float(JsonText *t);
/* Well-formed UTF-8; borrows from the text where there was no escape. */
Str json_text_read_str(JsonText *t);
/* A string of hex digits, as bytes in the arena. */
Str json_text_read_hex(JsonText *t);

void json_text_put_str(Buf *out, Str s);
void json_text_put_hex(Buf *out, Str bytes);
void json_text_put_double(Buf *out, uint64_t bits);
void json_text_put_float(Buf *out, uint32_t bits);

#endif

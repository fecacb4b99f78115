/* otlp_text.h - texts built in place: the columns of a batch point into its arena.
 *
 *   |<- finished texts ->|begin .. cursor|    room    |limit
 *
 * A text grows at `cursor`; when the chunk ends it moves into a larger one. otlp_text_end makes it
 * a View and begins the next. No byte is copied twice otherwise, and nothing is allocated per row.
 * Threads: confined. Private to this folder.
 */
#ifndef LUMA_INGEST_OTLP_TEXT_H
#define LUMA_INGEST_OTLP_TEXT_H

#include "arrow/column.h"
#include "base/arena.h"

typedef struct OtlpText {
    Arena *arena;
    char *begin;        /* of the text under construction */
    char *cursor;       /* its end */
    char *limit;        /* of the chunk */
    size_t chunk_bytes; /* least size of a chunk */
    uint64_t repaired;  /* texts that held malformed UTF-8 or U+0000 */
} OtlpText;

void otlp_text__grow(OtlpText *text, size_t room);

/* Makes room for `room` more bytes. */
static inline void otlp_text_need(OtlpText *text, size_t room)
{
    if (LUMA_UNLIKELY((size_t)(text->limit - text->cursor) < room))
        otlp_text__grow(text, room);
}
static inline void otlp_text_byte(OtlpText *text, char byte)
{
    otlp_text_need(text, 1);
    *text->cursor++ = byte;
}
static inline void otlp_text_str(OtlpText *text, Str s)
{
    otlp_text_need(text, s.len);
    if (s.len)
        memcpy(text->cursor, s.ptr, s.len);
    text->cursor += s.len;
}
/* What was built since the last end; it lives in the arena. */
static inline Str otlp_text_end(OtlpText *text)
{
    Str s = {text->begin, (size_t)(text->cursor - text->begin)};
    text->begin = text->cursor;
    return s;
}
/* As otlp_text_end; short texts go into the View and leave no bytes behind. */
static inline View otlp_text_view(OtlpText *text)
{
    View view = view_make(text->begin, (size_t)(text->cursor - text->begin));
    if (view.len <= VIEW_INLINE_MAX)
        text->cursor = text->begin;
    text->begin = text->cursor;
    return view;
}

/* Is every byte ASCII, at least U+0020, and neither '"' nor '\'? */
bool otlp_text_is_plain(Str s);
/* Well-formed UTF-8 without U+0000: what was there, or a copy in which U+FFFD stands for what was
 * wrong. The text under construction must be empty. */
Str otlp_text_repair(OtlpText *text, Str s);

/* A JSON string as jsonb prints it, malformed UTF-8 and U+0000 as U+FFFD. `html`: also <, > and &
 * escaped, as Go's encoder does. */
void otlp_text_json_string(OtlpText *text, Str s, bool html);
void otlp_text_int(OtlpText *text, int64_t value);
void otlp_text_uint(OtlpText *text, uint64_t value);
/* The fewest digits that read back as the same double, never with an exponent: as numeric prints.
 * Finite values only. */
void otlp_text_plain_double(OtlpText *text, double value);
/* As Go's JSON encoder prints it: with an exponent below 1e-6 and from 1e21 on; NaN, +Inf, -Inf. */
void otlp_text_go_double(OtlpText *text, double value);
/* As jsonb: numeric digits, or "NaN", "Infinity", "-Infinity" in quotes. */
void otlp_text_json_double(OtlpText *text, double value);
/* Standard base64 with padding. */
void otlp_text_base64(OtlpText *text, Str bytes);
/* Lower-case hex. */
void otlp_text_hex(OtlpText *text, Str bytes);

#endif

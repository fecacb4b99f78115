/* sql_scan.h - looking at SQL text itself: positions, and parts that the tree does not keep as
 * text.
 */
#ifndef LUMA_QUERY_SQL_SQL_SCAN_H
#define LUMA_QUERY_SQL_SQL_SCAN_H

#include "base/arena.h"

/* A text with what is needed to turn byte offsets into character positions. */
typedef struct SqlText {
    Str text;              /* NUL-terminated copy */
    const uint32_t *marks; /* characters before byte 64 * i; NULL for pure ASCII */
} SqlText;

/* Copies the text into the arena. 22021 when it is not UTF-8 or holds a NUL, 54000 when too long.
 */
Status sql_text_init(SqlText *ret_text, Arena *arena, Str text, Error *err);
/* 1-based character of a byte offset. */
int32_t sql_text_position(const SqlText *text, size_t offset);

/* The query of "CREATE VIEW ... AS query"; borrows. */
Str sql_scan_view_query(Str statement);
/* The text with every identifier `from` replaced by `to`, in quotes where it needs them. */
Str sql_scan_replace(Arena *arena, Str text, Str from, Str to);
/* The leading keywords that name a command, in upper case is how they were most likely written:
 * "CREATE INDEX", "UPDATE"; at most three words; borrows. */
Str sql_scan_command(Str statement);

#endif

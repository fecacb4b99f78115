/* pgenum.h - values of enum types.
 *
 * A value is a View of 16 hex digits, the label's order (moved so that it is not negative), then
 * the label itself. So values sort and compare as their bytes do, and print without the catalog.
 *
 * Threads: pure, but for what PgSettings.enum_label does.
 */
#ifndef LUMA_FORMAT_PGTYPE_PGENUM_H
#define LUMA_FORMAT_PGTYPE_PGENUM_H

#include "format/pgtype/pgtype.h"

enum { PGENUM_ORDER_DIGITS = 16 };

/* "" for bytes that are no such value. Borrows. */
Str pgenum_label(Str value);
Status pgenum_make(int64_t order, Str label, Arena *arena, View *ret, Error *err);
/* The enum is type.typmod. 22P02 for a text that is none of its labels, 55P04 for one that the open
 * transaction added. */
Status pgenum_parse(Str text, const PgSettings *settings, Type type, Arena *arena, View *ret,
                    Error *err);
/* 55P04 */
Status pgenum_error_unsafe(const PgSettings *settings, Type type, Str label, Error *err);

#endif

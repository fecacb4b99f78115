/* reserved_word.h - words that must be quoted to be names. Threads: pure. */
#ifndef LUMA_FORMAT_PGTYPE_RESERVED_WORD_H
#define LUMA_FORMAT_PGTYPE_RESERVED_WORD_H

#include "base/str.h"

/* Does PostgreSQL 15's quote_ident quote this lower-case word although it looks like an identifier?
 * The reserved ones and those reserved as column or type names. */
bool pg_word_is_reserved(Str word);

#endif

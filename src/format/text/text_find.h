/* text_find.h - plain searches, 32 bytes at a time where the processor can. Pure; any thread. */
#ifndef LUMA_FORMAT_TEXT_TEXT_FIND_H
#define LUMA_FORMAT_TEXT_TEXT_FIND_H

#include "base/str.h"

/* The first place of `needle` in `text`, or NULL. An empty needle is at the beginning. */
const char *text_find(Str text, Str needle);
/* False only if no fold of the text holds `folded`, a folded text of ASCII: a quick no before a
 * slower look. Texts that are not all ASCII may fold to ASCII, so they get a yes. */
bool text_may_hold(Str text, Str folded);
/* The next place of `folded`, letters, digits and underscores of ASCII, in the text but for case,
 * or NULL. */
const char *text_find_folded(Str text, Str folded);
bool text_is_ascii(Str text);

#endif

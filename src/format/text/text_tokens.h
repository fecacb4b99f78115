/* text_tokens.h - the words of a text: one tokenizer for index, query and recheck.
 *
 * A token is a maximal run of letters, marks, numbers and connector punctuation (`_`), by Unicode's
 * general categories, case-folded and canonically decomposed. Han characters, Hiragana and Katakana
 * are tokens of one character. Everything else separates, malformed UTF-8 too. No stemming, no stop
 * words. A run longer than TEXT_TOKEN_BYTES_MAX folded bytes is cut into pieces of at most that
 * many, each a token. What a character becomes depends on no other character, so the fold of a part
 * of a text is a part of the text's fold. docs/fulltext.md has the rules for users.
 *
 * Threads: a TextTokens is confined to its user.
 */
#ifndef LUMA_FORMAT_TEXT_TEXT_TOKENS_H
#define LUMA_FORMAT_TEXT_TEXT_TOKENS_H

#include "base/str.h"

enum {
    TEXT_TOKEN_BYTES_MAX = 64,
    TEXT_TOKENS_PAD = 64, /* readable bytes behind the folded text */
};

typedef enum TextForm {
    TEXT_PLAIN,
    TEXT_JSON, /* jsonb's text: the escapes inside its strings separate */
} TextForm;

typedef struct TextToken {
    uint32_t at;   /* in TextTokens.folded */
    uint16_t len;  /* folded bytes, 1 .. TEXT_TOKEN_BYTES_MAX */
    bool cut;      /* a piece of a longer run */
    uint32_t from; /* bytes [from, to) of the source */
    uint32_t to;
} TextToken;

typedef struct TextTokens {
    TextToken *items; /* owned */
    uint32_t count;
    uint32_t cap;
    char *folded; /* owned */
    size_t folded_cap;
    char *plain; /* owned: JSON without its escapes */
    size_t plain_cap;
    uint32_t *edges; /* owned: begins and ends of runs, by turns */
    size_t edges_cap;
    Str source; /* what was split: the text, or `plain` */
    bool cut;   /* some token is a piece */
} TextTokens;

/* A zeroed TextTokens is empty. */
void text_tokens_done(TextTokens *tokens);
/* The tokens of a text, in order; those of the call before are gone. Memory is about four times the
 * longest text. Texts are shorter than 4 GiB. */
void text_tokens_split(TextTokens *tokens, Str text, TextForm form);
/* The same for whom speed is all: when the text is ASCII, *ret_edges gets the begins and ends of
 * its runs by turns, 2 * *ret_count of them, places in `folded` as in the source, and long runs are
 * not cut. Otherwise false, and `items` as after text_tokens_split. */
bool text_tokens_runs(TextTokens *tokens, Str text, TextForm form, const uint32_t **ret_edges,
                      uint32_t *ret_count);
static inline Str text_token(const TextTokens *tokens, uint32_t i)
{
    return (Str){tokens->folded + tokens->items[i].at, tokens->items[i].len};
}

#endif

/* text_query.h - the queries of matches(): parsed once, asked of many texts.
 *
 *   query   = or
 *   or      = and { "OR" and }
 *   and     = not { ["AND"] not }
 *   not     = { "NOT" | "-" } primary
 *   primary = "(" or ")" | [ name ":" ] ( word | phrase | "(" or ")" )
 *   word    = bytes without space, quotes, parentheses and colon; a "*" at its end makes a prefix
 *   phrase  = '"' ... '"' [ "*" ]; \" and \\ inside
 *
 * A word or phrase stands for its tokens, next to each other and in order. `name:` asks the member
 * of that name of a jsonb object, and everything below it; names of nested members are joined by
 * dots. On a text, name:word is the phrase "name word".
 *
 * Threads: a parsed query is immutable; a TextMatcher is confined to its user.
 */
#ifndef LUMA_FORMAT_TEXT_TEXT_QUERY_H
#define LUMA_FORMAT_TEXT_TEXT_QUERY_H

#include "base/arena.h"
#include "format/text/text_tokens.h"

enum {
    TEXT_QUERY_BYTES_MAX = 16384,
    TEXT_QUERY_NODES_MAX = 1024,
    TEXT_QUERY_DEPTH_MAX = 64,
};

typedef enum TextNodeKind { TEXT_AND, TEXT_OR, TEXT_NOT, TEXT_PHRASE } TextNodeKind;

typedef struct TextNode {
    TextNodeKind kind;
    const struct TextNode *left;  /* AND, OR, NOT */
    const struct TextNode *right; /* AND, OR */
    const Str *terms;             /* PHRASE: folded tokens */
    uint32_t term_count;
    bool prefix;            /* PHRASE: the last one begins its token */
    const Str *field_terms; /* PHRASE: tokens of the member's name */
    uint32_t field_term_count;
    bool in_field; /* PHRASE: behind name: */
    Str field;     /* the member's name, as written */
} TextNode;

typedef struct TextQuery {
    const TextNode *root;
} TextQuery;

/* Copies into the arena. INVALID 42601 for bad syntax and 22023 for a word without letters and
 * digits, with the character it is at; LIMIT 54000 for too large a query. */
Status text_query_parse(Str text, Arena *arena, TextQuery *ret_query, Error *err);

typedef struct TextMatcher {
    TextTokens tokens;
    Str quick;   /* ASCII that the fold of every match holds, or "" */
    Arena arena; /* names of members; reset for each text */
} TextMatcher;

/* For texts asked about this query. */
void text_matcher_init(TextMatcher *matcher, const TextQuery *query);
void text_matcher_done(TextMatcher *matcher);
/* A text that is not JSON matches nothing as TEXT_JSON where members are asked for. */
bool text_matcher_test(TextMatcher *matcher, const TextQuery *query, Str text, TextForm form);

#endif

/* text_match.c - does a text match a query? Tokens are made once for a text; words and phrases are
 * looked for among them. What stands in a member of a JSON object is looked for value by value. */
#include "format/json/json.h"
#include "format/text/text_find.h"
#include "format/text/text_query.h"

/* ---------------------------------------------------------------- a quick no */

/* The longest ASCII term that no match can do without. */
static void find_quick(const TextNode *node, Str *best)
{
    if (node->kind == TEXT_AND) {
        find_quick(node->left, best);
        find_quick(node->right, best);
    }
    if (node->kind != TEXT_PHRASE)
        return;
    for (uint32_t i = 0; i < node->term_count; i++)
        if (node->terms[i].len > best->len && text_is_ascii(node->terms[i]))
            *best = node->terms[i];
}

void text_matcher_init(TextMatcher *matcher, const TextQuery *query)
{
    *matcher = (TextMatcher){0};
    arena_init(&matcher->arena, NULL);
    find_quick(query->root, &matcher->quick);
}

void text_matcher_done(TextMatcher *matcher)
{
    text_tokens_done(&matcher->tokens);
    arena_done(&matcher->arena);
}

/* ---------------------------------------------------------------- phrases */

/* With the member's name before them, for texts: "name word". */
typedef struct Phrase {
    const TextNode *node;
    bool with_field;
} Phrase;

static uint32_t phrase_len(const Phrase *phrase)
{
    return phrase->node->term_count + (phrase->with_field ? phrase->node->field_term_count : 0);
}

static Str phrase_term(const Phrase *phrase, uint32_t i)
{
    uint32_t before = phrase->with_field ? phrase->node->field_term_count : 0;

    return i < before ? phrase->node->field_terms[i] : phrase->node->terms[i - before];
}

/* In JSON a phrase does not cross from one string to another. */
static bool is_adjacent(const TextTokens *tokens, uint32_t i, TextForm form)
{
    uint32_t from = tokens->items[i - 1].to;

    return form == TEXT_PLAIN ||
           !memchr(tokens->source.ptr + from, '"', tokens->items[i].from - from);
}

static bool phrase_at(const TextTokens *tokens, uint32_t at, const Phrase *phrase, uint32_t len,
                      TextForm form)
{
    for (uint32_t i = 1; i < len; i++) {
        Str term = phrase_term(phrase, i);
        Str token = text_token(tokens, at + i);
        bool last = phrase->node->prefix && i == len - 1;
        if (!is_adjacent(tokens, at + i, form) ||
            !(last ? str_starts(token, term) : str_eq(token, term)))
            return false;
    }
    return true;
}

static bool has_phrase(const TextTokens *tokens, const Phrase *phrase, TextForm form)
{
    uint32_t len = phrase_len(phrase);
    Str first = phrase_term(phrase, 0);
    bool prefix = phrase->node->prefix && len == 1;

    for (uint32_t i = 0; i + len <= tokens->count; i++) {
        const TextToken *token = &tokens->items[i];
        if (token->len < first.len || (token->len > first.len && !prefix) ||
            memcmp(tokens->folded + token->at, first.ptr, first.len) != 0)
            continue;
        if (phrase_at(tokens, i, phrase, len, form))
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- phrases without tokens */

typedef enum Answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN } Answer;

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Does the folded word stand at the place, whole (or as a beginning)? */
static bool word_at(Str text, const char *at, Str word, bool prefix)
{
    const char *end = text.ptr + text.len;

    if ((size_t)(end - at) < word.len || (at > text.ptr && is_word_byte(at[-1])) ||
        (!prefix && (size_t)(end - at) > word.len && is_word_byte(at[word.len])))
        return false;
    Str here = {at, word.len};
    return text_find_folded(here, word) != NULL;
}

/* Do the words behind the first, which stands at the place, follow? */
static bool words_follow(Str text, const char *at, const Phrase *phrase, uint32_t len)
{
    const char *end = text.ptr + text.len;

    for (uint32_t i = 1; i < len; i++) {
        at += phrase_term(phrase, i - 1).len;
        while (at < end && !is_word_byte(*at))
            at++;
        if (!word_at(text, at, phrase_term(phrase, i), phrase->node->prefix && i == len - 1))
            return false;
    }
    return true;
}

/* Texts of ASCII need no tokens: the first word is searched and the others are held against what
 * follows. */
static Answer ask_bytes(Str text, const Phrase *phrase)
{
    uint32_t len = phrase_len(phrase);
    Str first = phrase_term(phrase, 0);
    const char *end = text.ptr + text.len;
    Str left = text;

    for (uint32_t i = 0; i < len; i++) {
        Str term = phrase_term(phrase, i);
        if (term.len > TEXT_TOKEN_BYTES_MAX / 2 || !text_is_ascii(term))
            return ANSWER_UNKNOWN; /* it may be a piece of a long word */
    }
    if (!text_is_ascii(text))
        return ANSWER_UNKNOWN;
    for (const char *hit; (hit = text_find_folded(left, first));) {
        if (word_at(text, hit, first, phrase->node->prefix && len == 1) &&
            words_follow(text, hit, phrase, len))
            return ANSWER_YES;
        left = (Str){hit + 1, (size_t)(end - hit - 1)};
    }
    return ANSWER_NO;
}

/* ---------------------------------------------------------------- members of JSON */

typedef struct Walk {
    TextMatcher *matcher;
    const TextNode *node;
    JsonReader reader;
    Buf path;
} Walk;

static bool is_scalar(JsonTokenKind kind)
{
    return kind == JSON_TOKEN_STRING || kind == JSON_TOKEN_NUMBER || kind == JSON_TOKEN_TRUE ||
           kind == JSON_TOKEN_FALSE || kind == JSON_TOKEN_NULL;
}

static bool test_value(Walk *walk, const JsonToken *token)
{
    Phrase phrase = {walk->node, false};
    Str text = token->text;

    if (token->kind == JSON_TOKEN_TRUE)
        text = STR("true");
    if (token->kind == JSON_TOKEN_FALSE)
        text = STR("false");
    if (token->kind == JSON_TOKEN_NULL)
        text = STR("null");
    text_tokens_split(&walk->matcher->tokens, text, TEXT_JSON);
    return has_phrase(&walk->matcher->tokens, &phrase, TEXT_PLAIN);
}

/* Puts a member's name on the path and says how long the path was. */
static size_t push_name(Walk *walk, const JsonToken *key)
{
    size_t before = walk->path.len;

    if (before)
        buf_append_byte(&walk->path, '.');
    buf_append_str(&walk->path,
                   key->escaped ? json_unescape(key, &walk->matcher->arena) : key->text);
    return before;
}

/* Reads one value, whose first token is given; *ret_found when it, or what it holds, matches. The
 * reader bounds the depth. */
static Status walk_value(Walk *walk, const JsonToken *first, bool inside, bool *ret_found)
{
    JsonToken token;

    if (is_scalar(first->kind)) {
        *ret_found |= inside && test_value(walk, first);
        return STATUS_OK;
    }
    if (first->kind != JSON_TOKEN_OBJECT && first->kind != JSON_TOKEN_ARRAY)
        return STATUS_INVALID;
    for (;;) {
        TRY(json_next(&walk->reader, &token, NULL));
        if (token.kind == JSON_TOKEN_OBJECT_END || token.kind == JSON_TOKEN_ARRAY_END)
            return STATUS_OK;
        size_t path_len = walk->path.len;
        bool member = inside;
        if (token.kind == JSON_TOKEN_KEY) {
            path_len = push_name(walk, &token);
            member |= str_eq(buf_str(&walk->path), walk->node->field);
            TRY(json_next(&walk->reader, &token, NULL));
        }
        TRY(walk_value(walk, &token, member, ret_found));
        walk->path.len = path_len;
        if (*ret_found)
            return STATUS_OK;
    }
}

static bool has_member(TextMatcher *matcher, const TextNode *node, Str text)
{
    Walk walk = {.matcher = matcher, .node = node, .reader = json_reader(text)};
    JsonToken token;
    bool found = false;

    Status status = json_next(&walk.reader, &token, NULL);
    if (status == STATUS_OK)
        status = walk_value(&walk, &token, false, &found);
    buf_done(&walk.path);
    return status == STATUS_OK && found;
}

/* ---------------------------------------------------------------- the tree */

typedef struct Test {
    TextMatcher *matcher;
    Str text;
    TextForm form;
    bool split; /* the matcher's tokens are those of the whole text */
} Test;

static bool test_phrase(Test *test, const TextNode *node)
{
    Phrase phrase = {node, node->in_field};

    if (node->in_field && test->form == TEXT_JSON) {
        test->split = false; /* values are split on the way */
        return has_member(test->matcher, node, test->text);
    }
    if (!test->split && test->form == TEXT_PLAIN) {
        Answer answer = ask_bytes(test->text, &phrase);
        if (answer != ANSWER_UNKNOWN)
            return answer == ANSWER_YES;
    }
    if (!test->split)
        text_tokens_split(&test->matcher->tokens, test->text, test->form);
    test->split = true;
    return has_phrase(&test->matcher->tokens, &phrase, test->form);
}

static bool test_node(Test *test, const TextNode *node)
{
    switch (node->kind) {
    case TEXT_AND:
        return test_node(test, node->left) && test_node(test, node->right);
    case TEXT_OR:
        return test_node(test, node->left) || test_node(test, node->right);
    case TEXT_NOT:
        return !test_node(test, node->left);
    case TEXT_PHRASE:
        break;
    }
    return test_phrase(test, node);
}

bool text_matcher_test(TextMatcher *matcher, const TextQuery *query, Str text, TextForm form)
{
    Test test = {.matcher = matcher, .text = text, .form = form};

    if (matcher->quick.len && !text_may_hold(text, matcher->quick))
        return false;
    arena_reset(&matcher->arena);
    return test_node(&test, query->root);
}

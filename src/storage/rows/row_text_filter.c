#include "storage/rows/row_text_filter.h"

#include "format/text/text_find.h"
#include "storage/index/term_search.h"

bool row_text_filter_op(ScanOp op)
{
    return op == SCAN_MATCHES || op == SCAN_LIKE || op == SCAN_ILIKE || op == SCAN_WORDS;
}

TextForm row_text_form(Type type)
{
    return type.id == TYPE_JSONB ? TEXT_JSON : TEXT_PLAIN;
}

static void matcher_done(void *matcher)
{
    text_matcher_done(matcher);
}

/* The longest of the words, if it is ASCII. */
static Str longest_word(Str words, Arena *arena)
{
    TextTokens tokens = {0};
    Str best = STR("");

    text_tokens_split(&tokens, words, TEXT_PLAIN);
    for (uint32_t i = 0; i < tokens.count; i++)
        if (tokens.items[i].len > best.len && text_is_ascii(text_token(&tokens, i)))
            best = text_token(&tokens, i);
    best = arena_str(arena, best);
    text_tokens_done(&tokens);
    return best;
}

Status row_text_filter_new(const ScanPredicate *predicate, Type column_type, Arena *arena,
                           RowTextFilter **ret_filter, Error *err)
{
    Str value = column_str(&predicate->value, 0);
    RowTextFilter *filter = ARENA_NEW(arena, RowTextFilter);

    filter->op = predicate->op;
    filter->form = row_text_form(column_type);
    if (filter->op == SCAN_MATCHES) {
        TRY(text_query_parse(value, arena, &filter->query, err));
        text_matcher_init(&filter->matcher, &filter->query);
        arena_on_cleanup(arena, matcher_done, &filter->matcher);
    } else if (filter->op == SCAN_WORDS) {
        filter->literal = longest_word(value, arena);
    } else {
        Str literal = term_like_literal(value, arena);
        if (filter->op == SCAN_LIKE || text_is_ascii(literal))
            filter->literal = literal;
    }
    *ret_filter = filter;
    return STATUS_OK;
}

bool row_text_filter_test(RowTextFilter *filter, Str text)
{
    if (filter->op == SCAN_MATCHES)
        return text_matcher_test(&filter->matcher, &filter->query, text, filter->form);
    return filter->op == SCAN_LIKE ? text_find(text, filter->literal) != NULL
                                   : text_may_hold(text, filter->literal);
}

/* func_search.c - matches(): full text search as an ordinary function. An index may stand in its
 * place where it is a condition on a table (query/optimizer/index_pushdown.c). */
#include "format/text/text_query.h"
#include "query/func/func_int.h"

/* A query and its scratch; parsed again only when the query's text changes. */
typedef struct Matcher {
    Arena arena;
    TextQuery query;
    TextMatcher matcher;
    Str text; /* of the query; ptr NULL = none yet */
} Matcher;

static void matcher_done(Matcher *m)
{
    text_matcher_done(&m->matcher);
    arena_done(&m->arena);
}

static Status prepare(Matcher *m, Str text, Error *err)
{
    if (m->text.ptr && str_eq(m->text, text))
        return STATUS_OK;
    text_matcher_done(&m->matcher);
    arena_reset(&m->arena);
    m->text = (Str){0};
    TRY(text_query_parse(text, &m->arena, &m->query, err));
    text_matcher_init(&m->matcher, &m->query);
    m->text = arena_str(&m->arena, text);
    return STATUS_OK;
}

static Status match_rows(Matcher *m, const Column *args, uint32_t rows, TextForm form, Column *ret,
                         Error *err)
{
    for (uint32_t row = 0; row < rows; row++) {
        if (column_is_null(ret, row))
            continue;
        TRY(prepare(m, ARG_STR(1), err));
        SET_BOOL(text_matcher_test(&m->matcher, &m->query, ARG_STR(0), form));
    }
    return STATUS_OK;
}

static Status match(const EvalContext *ctx, const Column *args, uint32_t arg_count, uint32_t rows,
                    TextForm form, Column *ret, Error *err)
{
    CLEANUP(matcher_done) Matcher m = {0};
    uint32_t count;

    arena_init(&m.arena, ctx->arena->budget);
    TRY(func__strict_result(ctx, args, arg_count, rows, ret, &count, err));
    return match_rows(&m, args, count, form, ret, err);
}

static Status matches_text(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                           uint32_t rows, Column *ret, Error *err)
{
    return match(ctx, args, arg_count, rows, TEXT_PLAIN, ret, err);
}

static Status matches_jsonb(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                            uint32_t rows, Column *ret, Error *err)
{
    return match(ctx, args, arg_count, rows, TEXT_JSON, ret, err);
}

static const Function functions[] = {
    FN("matches", 9000900, matches_text, T(BOOL), 2, T(TEXT), T(TEXT)),
    FN("matches", 9000901, matches_jsonb, T(BOOL), 2, T(JSONB), T(TEXT)),
};
const FuncTable func__search_table = {functions, LUMA_ARRAY_LEN(functions)};

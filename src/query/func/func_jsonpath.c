/* func_jsonpath.c - jsonb_path_exists, _match, _query and their kin; the operators @? and @@.
 *
 * The _tz forms are the same functions: .datetime() is not there to differ. */
#include "query/func/func_int.h"
#include "query/func/jsonpath_exec.h"

typedef struct Query {
    JsonPathResult found;
    bool failed;
    bool silent;
} Query;

static Status query(const EvalContext *ctx, const Column *args, uint32_t arg_count, uint32_t row,
                    bool operator_form, Query *ret, Error *err)
{
    JsonPath path;
    Str vars = arg_count > 2 ? ARG_STR(2) : STR("{}");
    ret->silent = operator_form || (arg_count > 3 && ARG_BOOL(3));
    TRY(jsonpath_parse(ARG_STR(1), ctx->arena, &path, err));
    return jsonpath_query(ctx, &path, ARG_STR(0), vars, ret->silent, &ret->found, &ret->failed,
                          err);
}

static Status put_exists(const EvalContext *ctx, const Query *q, Column *ret, uint32_t row,
                         Error *err)
{
    if (q->failed && !q->found.count)
        return func__set_null(ctx, ret, row, err);
    SET_BOOL(q->found.count > 0);
    return STATUS_OK;
}

static Status put_match(const EvalContext *ctx, const Query *q, Column *ret, uint32_t row,
                        Error *err)
{
    char c = q->found.count == 1 ? q->found.items[0].ptr[0] : 0;
    if (!q->failed && (c == 't' || c == 'f')) {
        SET_BOOL(c == 't');
        return STATUS_OK;
    }
    if (c != 'n' && !q->silent)
        return error_set_sql(err, STATUS_INVALID, "22038", 0, "single boolean result is expected");
    return func__set_null(ctx, ret, row, err);
}

#define PATH_TEST(name, put, operator_form)                                                        \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        Query q = {0};                                                                             \
        TRY(query(ctx, args, arg_count, row, operator_form, &q, err));                             \
        return put(ctx, &q, ret, row, err);                                                        \
    }
PATH_TEST(path_exists, put_exists, false)
PATH_TEST(path_exists_operator, put_exists, true)
PATH_TEST(path_match, put_match, false)
PATH_TEST(path_match_operator, put_match, true)

ROW_KERNEL(path_query_array)
{
    CLEANUP(buf_done) Buf out = {0};
    Query q = {0};
    TRY(query(ctx, args, arg_count, row, false, &q, err));
    buf_append_byte(&out, '[');
    for (uint32_t i = 0; i < q.found.count && !q.failed; i++) {
        if (i)
            buf_append_lit(&out, ", ");
        buf_append_str(&out, q.found.items[i]);
    }
    buf_append_byte(&out, ']');
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

ROW_KERNEL(path_query_first)
{
    Query q = {0};
    TRY(query(ctx, args, arg_count, row, false, &q, err));
    if (q.failed || !q.found.count)
        return func__set_null(ctx, ret, row, err);
    return func__set_copy(ctx, ret, row, q.found.items[0], err);
}

static Status path_query_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                              Arena *arena, void **ret_state, Error *err)
{
    FuncRows *rows;
    Query q = {0};
    Column found = {.type = T(JSONB)};
    EvalContext lasting = *ctx;
    lasting.arena = arena;
    TRY(func__rows_new(arena, &rows, err));
    *ret_state = rows;
    rows->columns[0].type = T(JSONB);
    for (uint32_t i = 0; i < arg_count; i++)
        if (column_is_null(&args[i], 0))
            return STATUS_OK;
    TRY(query(&lasting, args, arg_count, 0, false, &q, err));
    if (q.failed)
        return STATUS_OK;
    TRY(column_init(&found, arena, T(JSONB), q.found.count, false, err));
    for (uint32_t i = 0; i < q.found.count; i++)
        func__set_str(&found, i, q.found.items[i]);
    rows->rows = q.found.count;
    return column_copy(&found, arena, &rows->columns[0], err);
}

#define J T(JSONB)
#define P T(JSONPATH)
#define PATH_FUNCTION(name, oid, oid_tz, kernel, ret)                                              \
    FN(name, 0, kernel, ret, 2, J, P), FN(name, 0, kernel, ret, 3, J, P, J),                       \
        FN(name, oid, kernel, ret, 4, J, P, J, T(BOOL)), FN(name "_tz", 0, kernel, ret, 2, J, P),  \
        FN(name "_tz", 0, kernel, ret, 3, J, P, J),                                                \
        FN(name "_tz", oid_tz, kernel, ret, 4, J, P, J, T(BOOL))
static const Function functions[] = {
    PATH_FUNCTION("jsonb_path_exists", 4005, 1177, path_exists, T(BOOL)),
    PATH_FUNCTION("jsonb_path_match", 4009, 2030, path_match, T(BOOL)),
    PATH_FUNCTION("jsonb_path_query_array", 4007, 1180, path_query_array, J),
    PATH_FUNCTION("jsonb_path_query_first", 4008, 2023, path_query_first, J),
    OP("@?", 4012, path_exists_operator, T(BOOL), 2, J, P),
    OP("@@", 4013, path_match_operator, T(BOOL), 2, J, P),
};
const FuncTable func__jsonpath_table = {functions, LUMA_ARRAY_LEN(functions)};

#define PATH_SET(name_, oid_, argc_, ...)                                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = J,           \
        .open = path_query_open, .next = func__rows_next                                           \
    }
static const TableFunction sets[] = {
    PATH_SET("jsonb_path_query", 0, 2, J, P),
    PATH_SET("jsonb_path_query", 0, 3, J, P, J),
    PATH_SET("jsonb_path_query", 4006, 4, J, P, J, T(BOOL)),
    PATH_SET("jsonb_path_query_tz", 0, 2, J, P),
    PATH_SET("jsonb_path_query_tz", 0, 3, J, P, J),
    PATH_SET("jsonb_path_query_tz", 1179, 4, J, P, J, T(BOOL)),
};
const TableFunctionTable func__jsonpath_sets = {sets, LUMA_ARRAY_LEN(sets)};

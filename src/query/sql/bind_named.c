/* bind_named.c - f(name => value): arguments by name, and the defaults of those left out.
 *
 * Names as in pg_proc.proargnames. */
#include "query/sql/bind_int.h"

enum { NAMED_ARGS_MAX = 8 };

typedef struct NamedFunction {
    const char *function;
    const char *names[NAMED_ARGS_MAX];
    const char *defaults[NAMED_ARGS_MAX]; /* literals; NULL = must be given */
} NamedFunction;

#define PATH_QUERY(name)                                                                           \
    {                                                                                              \
        name, {"target", "path", "vars", "silent"},                                                \
        {                                                                                          \
            NULL, NULL, "{}", "false"                                                              \
        }                                                                                          \
    }

static const NamedFunction named_functions[] = {
    {"make_interval",
     {"years", "months", "weeks", "days", "hours", "mins", "secs"},
     {"0", "0", "0", "0", "0", "0", "0"}},
    {"make_date", {"year", "month", "day"}, {0}},
    {"make_time", {"hour", "min", "sec"}, {0}},
    {"make_timestamp", {"year", "month", "mday", "hour", "min", "sec"}, {0}},
    {"make_timestamptz", {"year", "month", "mday", "hour", "min", "sec", "timezone"}, {0}},
    {"jsonb_set",
     {"jsonb_in", "path", "replacement", "create_if_missing"},
     {NULL, NULL, NULL, "true"}},
    {"jsonb_set_lax",
     {"jsonb_in", "path", "replacement", "create_if_missing", "null_value_treatment"},
     {NULL, NULL, NULL, "true", "use_json_null"}},
    {"jsonb_insert",
     {"jsonb_in", "path", "replacement", "insert_after"},
     {NULL, NULL, NULL, "false"}},
    PATH_QUERY("jsonb_path_exists"),
    PATH_QUERY("jsonb_path_match"),
    PATH_QUERY("jsonb_path_query"),
    PATH_QUERY("jsonb_path_query_array"),
    PATH_QUERY("jsonb_path_query_first"),
    PATH_QUERY("jsonb_path_exists_tz"),
    PATH_QUERY("jsonb_path_match_tz"),
    PATH_QUERY("jsonb_path_query_tz"),
    PATH_QUERY("jsonb_path_query_array_tz"),
    PATH_QUERY("jsonb_path_query_first_tz"),
    {"parse_ident", {"str", "strict"}, {NULL, "true"}},
    {"regexp_count", {"string", "pattern", "start", "flags"}, {0}},
    {"regexp_instr",
     {"string", "pattern", "start", "N", "endoption", "flags", "subexpr"},
     {NULL, NULL, "1", "1", "0", "", "0"}},
    {"regexp_like", {"string", "pattern", "flags"}, {0}},
    {"regexp_match", {"string", "pattern", "flags"}, {0}},
    {"regexp_matches", {"string", "pattern", "flags"}, {0}},
    {"regexp_replace",
     {"string", "pattern", "replacement", "start", "N", "flags"},
     {NULL, NULL, NULL, "1", "1", ""}},
    {"regexp_substr",
     {"string", "pattern", "start", "N", "flags", "subexpr"},
     {NULL, NULL, "1", "1", "", "0"}},
    {"time_bucket",
     {"bucket_width", "ts", "timezone", "origin", "offset"},
     {NULL, NULL, "UTC", "null", "null"}},
};

/* Defaults are literals of unknown type but for the numbers. */
static AstExpr *default_value(Binder *b, const char *text, int32_t position)
{
    AstExpr *expr = ARENA_NEW(b->arena, AstExpr);
    int64_t number;
    Str s = str_from(text);
    *expr = (AstExpr){.kind = AST_CONST, .position = position, .constant = AST_CONST_STRING};
    expr->text = s;
    if (str_eq(s, STR("null"))) {
        expr->constant = AST_CONST_NULL;
    } else if (str_to_i64(s, &number)) {
        expr->constant = AST_CONST_INTEGER;
        expr->number = number;
    }
    return expr;
}

static Status no_such(Binder *b, const AstExpr *call, Str name, int32_t position)
{
    return BIND_ERROR(b, "42883", position, "function %.*s has no argument named \"%.*s\"",
                      STR_FMT(call->call->name), STR_FMT(name));
}

static Status place(Binder *b, const AstExpr *call, const NamedFunction *function, AstExpr **args,
                    uint32_t *ret_count)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < call->arg_count; i++) {
        AstExpr *arg = call->args[i];
        uint32_t at = i;
        if (arg->kind == AST_NAMED_ARG) {
            for (at = 0; at < NAMED_ARGS_MAX && function->names[at] &&
                         !str_eq(arg->text, str_from(function->names[at]));
                 at++)
                ;
            if (at == NAMED_ARGS_MAX || !function->names[at])
                return no_such(b, call, arg->text, arg->position);
            if (args[at])
                return BIND_ERROR(b, "42601", arg->position,
                                  "argument name \"%.*s\" used more than once", STR_FMT(arg->text));
            arg = arg->args[0];
        } else if (i && call->args[i - 1]->kind == AST_NAMED_ARG) {
            return BIND_ERROR(b, "42601", arg->position,
                              "positional argument cannot follow named argument");
        }
        if (at >= NAMED_ARGS_MAX)
            return no_such(b, call, STR(""), arg->position);
        args[at] = arg;
        count = LUMA_MAX(count, at + 1);
    }
    *ret_count = count;
    return STATUS_OK;
}

Status sql__named_args(Binder *b, const AstExpr *call, AstExpr ***ret_args, uint32_t *ret_count)
{
    bool named = false;
    for (uint32_t i = 0; i < call->arg_count; i++)
        named |= call->args[i]->kind == AST_NAMED_ARG;
    *ret_args = call->args;
    *ret_count = call->arg_count;
    if (!named)
        return STATUS_OK;
    const NamedFunction *function = NULL;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(named_functions) && !function; i++)
        if (str_eq(call->call->name, str_from(named_functions[i].function)))
            function = &named_functions[i];
    if (!function)
        return BIND_UNSUPPORTED(b, call->position,
                                "named arguments are not supported for function %.*s",
                                STR_FMT(call->call->name));
    AstExpr **args = ARENA_NEW_ARRAY(b->arena, AstExpr *, NAMED_ARGS_MAX);
    TRY(place(b, call, function, args, ret_count));
    /* The forms with defaults for all take all of them. */
    while (*ret_count < NAMED_ARGS_MAX && function->names[*ret_count] &&
           function->defaults[*ret_count])
        ++*ret_count;
    for (uint32_t i = 0; i < *ret_count; i++) {
        if (args[i])
            continue;
        if (!function->defaults[i])
            return BIND_ERROR(b, "42883", call->position,
                              "function %.*s needs an argument named \"%s\"",
                              STR_FMT(call->call->name), function->names[i]);
        args[i] = default_value(b, function->defaults[i], call->position);
    }
    *ret_args = args;
    return STATUS_OK;
}

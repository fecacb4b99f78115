/* prom_api_parse.c - /api/v1/format_query and /api/v1/parse_query. */
#include <inttypes.h>

#include "format/json/json.h"
#include "net/prom/prom_api_int.h"

static bool parse(HttpRequest *req, PromExpr **ret_expr)
{
    Str query = http_request_value(req, STR("query"));
    Error err = {0};

    if (promql_parse(query.ptr ? query : STR(""), &req->arena, ret_expr, &err) == STATUS_OK)
        return true;
    prom_json_error(req, "bad_data", "invalid parameter \"query\": %s", err.message);
    return false;
}

static void run_format(PromTask *task)
{
    CLEANUP(buf_done) Buf text = {0};
    PromExpr *expr;
    Buf out = {0};

    if (!parse(task->req, &expr))
        return;
    promql_print_pretty(expr, &text);
    prom_json_begin(&out);
    json_append_string(&out, buf_str(&text));
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

/* ---------------------------------------------------------------- the tree as JSON */

static void append_expr(const PromExpr *expr, Buf *out);

static void append_key(const char *key, Buf *out)
{
    buf_printf(out, ",\"%s\":", key);
}

static void append_text(const char *key, Str text, Buf *out)
{
    append_key(key, out);
    json_append_string(out, text);
}

static void append_flag(const char *key, bool value, Buf *out)
{
    append_key(key, out);
    buf_append_str(out, value ? STR("true") : STR("false"));
}

static void append_int(const char *key, int64_t value, Buf *out)
{
    append_key(key, out);
    buf_printf(out, "%" PRId64, value);
}

/* @ and offset. */
static void append_mod(const PromTimeMod *mod, Buf *out)
{
    append_int("offset", mod->offset_ms, out);
    append_key("timestamp", out);
    if (mod->at == PROM_AT_TIME)
        buf_printf(out, "%" PRId64, mod->at_ms);
    else
        buf_append_lit(out, "null");
    append_key("startOrEnd", out);
    if (mod->at == PROM_AT_START || mod->at == PROM_AT_END)
        json_append_string(out, mod->at == PROM_AT_START ? STR("start") : STR("end"));
    else
        buf_append_lit(out, "null");
}

static void append_selector(const PromExpr *expr, Buf *out)
{
    static const Str ops[] = {[MATCH_EQ] = STR_INIT("="),
                              [MATCH_NE] = STR_INIT("!="),
                              [MATCH_RE] = STR_INIT("=~"),
                              [MATCH_NRE] = STR_INIT("!~")};

    append_text("name", expr->selector.name, out);
    append_mod(&expr->selector.mod, out);
    append_flag("anchored", expr->selector.anchored, out);
    append_flag("smoothed", expr->selector.smoothed, out);
    append_key("matchers", out);
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < expr->selector.matcher_count; i++) {
        const LabelMatcher *m = &expr->selector.matchers[i];
        Label parts[] = {
            {STR("name"), m->name}, {STR("type"), ops[m->op]}, {STR("value"), m->value}};
        if (i)
            buf_append_byte(out, ',');
        prom_json_labels((LabelSet){parts, 3}, out);
    }
    buf_append_byte(out, ']');
}

static const char *type_text(char letter)
{
    return letter == 's'   ? "scalar"
           : letter == 't' ? "string"
           : letter == 'm' ? "matrix"
                           : "vector";
}

static void append_call(const PromExpr *expr, Buf *out)
{
    const PromFuncInfo *info = &prom_func_infos[expr->call.func];

    append_key("func", out);
    buf_append_lit(out, "{\"name\":");
    json_append_string(out, info->name);
    buf_append_lit(out, ",\"argTypes\":[");
    for (const char *p = info->args; *p; p++)
        buf_printf(out, "%s\"%s\"", p == info->args ? "" : ",", type_text(*p));
    buf_printf(out, "],\"variadic\":%d,\"returnType\":\"%s\"}", info->variadic,
               type_text(info->result));
    append_key("args", out);
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < expr->call.arg_count; i++) {
        if (i)
            buf_append_byte(out, ',');
        append_expr(expr->call.args[i], out);
    }
    buf_append_byte(out, ']');
}

static void append_matching(const PromExpr *expr, Buf *out)
{
    static const char *const cards[] = {[PROM_ONE_TO_ONE] = "one-to-one",
                                        [PROM_MANY_TO_ONE] = "many-to-one",
                                        [PROM_ONE_TO_MANY] = "one-to-many",
                                        [PROM_MANY_TO_MANY] = "many-to-many"};
    const PromMatching *m = &expr->binary.matching;

    append_key("matching", out);
    if (!expr->binary.has_matching) {
        buf_append_lit(out, "null");
        return;
    }
    buf_printf(out, "{\"card\":\"%s\",\"labels\":", cards[m->card]);
    prom_json_strings(m->labels, m->label_count, out);
    append_flag("on", m->on, out);
    append_key("include", out);
    prom_json_strings(m->include, m->include_count, out);
    buf_append_byte(out, '}');
}

static void append_node(const PromExpr *expr, Buf *out)
{
    switch (expr->kind) {
    case PROM_NUMBER:
        append_key("val", out);
        buf_append_byte(out, '"');
        prom_text_float(expr->number.value, out);
        buf_append_byte(out, '"');
        return;
    case PROM_STRING:
        append_text("val", expr->string, out);
        return;
    case PROM_SELECTOR:
        append_selector(expr, out);
        return;
    case PROM_RANGE:
        append_selector(expr->range.selector, out);
        append_int("range", expr->range.range_ms, out);
        return;
    case PROM_SUBQUERY:
        append_key("expr", out);
        append_expr(expr->subquery.expr, out);
        append_int("range", expr->subquery.range_ms, out);
        append_int("step", expr->subquery.step_ms, out);
        append_mod(&expr->subquery.mod, out);
        return;
    case PROM_CALL:
        append_call(expr, out);
        return;
    case PROM_AGGREGATE:
        append_text("op", prom_agg_infos[expr->agg.op].name, out);
        append_key("expr", out);
        append_expr(expr->agg.expr, out);
        append_key("param", out);
        if (expr->agg.param)
            append_expr(expr->agg.param, out);
        else
            buf_append_lit(out, "null");
        append_key("grouping", out);
        prom_json_strings(expr->agg.grouping, expr->agg.grouping_count, out);
        append_flag("without", expr->agg.without, out);
        return;
    case PROM_BINARY:
        append_text("op", str_from(prom_op_text(expr->binary.op)), out);
        append_key("lhs", out);
        append_expr(expr->binary.left, out);
        append_key("rhs", out);
        append_expr(expr->binary.right, out);
        append_matching(expr, out);
        append_flag("bool", expr->binary.return_bool, out);
        return;
    case PROM_UNARY:
        append_text("op", expr->unary.negate ? STR("-") : STR("+"), out);
        append_key("expr", out);
        append_expr(expr->unary.expr, out);
        return;
    case PROM_PAREN:
        append_key("expr", out);
        append_expr(expr->paren, out);
        return;
    }
}

static void append_expr(const PromExpr *expr, Buf *out)
{
    static const char *const types[] = {
        [PROM_NUMBER] = "numberLiteral",    [PROM_STRING] = "stringLiteral",
        [PROM_SELECTOR] = "vectorSelector", [PROM_RANGE] = "matrixSelector",
        [PROM_SUBQUERY] = "subquery",       [PROM_CALL] = "call",
        [PROM_AGGREGATE] = "aggregation",   [PROM_BINARY] = "binaryExpr",
        [PROM_UNARY] = "unaryExpr",         [PROM_PAREN] = "parenExpr"};

    buf_printf(out, "{\"type\":\"%s\"", types[expr->kind]);
    append_node(expr, out);
    buf_append_byte(out, '}');
}

static void run_parse(PromTask *task)
{
    PromExpr *expr;
    Buf out = {0};

    if (!parse(task->req, &expr))
        return;
    prom_json_begin(&out);
    append_expr(expr, &out);
    prom_json_end(NULL, 0, NULL, 0, &out);
    prom_json_respond(task->req, &out);
}

static void on_format(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_format);
}
static void on_parse(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_parse);
}

void prom_api__parse_routes(PromApi *api, HttpRouter *router)
{
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/format_query", on_format);
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/parse_query", on_parse);
}

/* sql_api.c - reads the request; rest_query.c runs it. */
#include "net/rest/sql_api.h"

#include "format/json/json.h"

enum {
    BODY_BYTES_MAX = 16 << 20,
    PARAMS_MAX = 1024,
};

typedef struct SqlRequest {
    HttpRequest *req;
    RestQuery query;
    Str params[PARAMS_MAX];
} SqlRequest;

static Status read_params(SqlRequest *request, JsonReader *r, Error *err)
{
    JsonToken token;

    TRY(json_next(r, &token, err));
    if (token.kind != JSON_TOKEN_ARRAY)
        return error_set(err, STATUS_INVALID, "\"params\" is an array of texts");
    for (;;) {
        TRY(json_next(r, &token, err));
        if (token.kind == JSON_TOKEN_ARRAY_END)
            return STATUS_OK;
        if (request->query.param_count == PARAMS_MAX)
            return error_set(err, STATUS_LIMIT, "more than %d parameters", PARAMS_MAX);
        Str *param = &request->params[request->query.param_count++];
        switch (token.kind) {
        case JSON_TOKEN_NULL:
            *param = (Str){0};
            break;
        case JSON_TOKEN_STRING:
            *param = arena_str(&request->req->arena, json_unescape(&token, &request->req->arena));
            break;
        case JSON_TOKEN_NUMBER:
            *param = token.text;
            break;
        case JSON_TOKEN_TRUE:
        case JSON_TOKEN_FALSE:
            *param = token.kind == JSON_TOKEN_TRUE ? STR("true") : STR("false");
            break;
        default:
            return error_set(err, STATUS_INVALID, "a parameter is a text, number, boolean or null");
        }
    }
}

static Status read_json_body(SqlRequest *request, Error *err)
{
    JsonReader r = json_reader(request->req->body);
    JsonToken token;

    TRY(json_next(&r, &token, err));
    if (token.kind != JSON_TOKEN_OBJECT)
        return error_set(err, STATUS_INVALID, "the body is a JSON object with \"query\"");
    for (;;) {
        TRY(json_next(&r, &token, err));
        if (token.kind == JSON_TOKEN_OBJECT_END)
            break;
        Str key = json_unescape(&token, &request->req->arena);
        if (str_eq(key, STR("params"))) {
            TRY(read_params(request, &r, err));
            continue;
        }
        TRY(json_next(&r, &token, err));
        if (str_eq(key, STR("query")) && token.kind == JSON_TOKEN_STRING)
            request->query.sql = json_unescape(&token, &request->req->arena);
        else
            return error_set(err, STATUS_INVALID,
                             "the body has a member \"%.*s\"; expected are \"query\" (a text) and "
                             "\"params\" (an array)",
                             (int)LUMA_MIN(key.len, 100), key.ptr);
    }
    return json_next(&r, &token, err);
}

static Status read_request(SqlRequest *request, Error *err)
{
    HttpRequest *req = request->req;

    TRY(rest_query_format(req, &request->query.format, err));
    if (http_request_is_type(req, STR("application/json")))
        return read_json_body(request, err);
    if (req->body.len == 0)
        request->query.sql = http_request_value(req, STR("query"));
    else
        request->query.sql = req->body;
    /* curl -d labels plain SQL as a form; it is one only when it says query=. */
    if (http_request_is_type(req, STR("application/x-www-form-urlencoded")) &&
        str_starts(req->body, STR("query=")))
        request->query.sql = http_request_value(req, STR("query"));
    if (!request->query.sql.ptr)
        return error_set(err, STATUS_INVALID, "the request holds no SQL: send it as the body");
    return STATUS_OK;
}

static void on_sql(HttpRequest *req, void *ctx)
{
    SqlRequest *request = ARENA_NEW(&req->arena, SqlRequest);
    Error err = {0};

    request->req = req;
    request->query.params = request->params;
    if (read_request(request, &err) != STATUS_OK)
        rest_respond_error(req, &err);
    else
        rest_query_run(ctx, req, &request->query);
}

void sql_api_register(RestApi *api, HttpRouter *router)
{
    http_router_add(router, &(HttpRoute){.methods = HTTP_POST,
                                         .pattern = "/api/v1/sql",
                                         .role = ROLE_READ,
                                         .body_bytes_max = BODY_BYTES_MAX,
                                         .handler = on_sql,
                                         .ctx = api});
}

#include "net/rest/bans_api.h"

#include "base/clock.h"
#include "format/json/json.h"

enum { BODY_BYTES_MAX = 4096 };

static void answer(HttpRequest *req, int status, Buf *take)
{
    const HttpField type = {STR("Content-Type"), STR("application/json")};

    buf_append_byte(take, '\n');
    http_respond(req, status, &type, 1, take);
}

static void refuse(HttpRequest *req, int status, const char *message)
{
    Buf body = {0};

    buf_append_lit(&body, "{\"error\":");
    json_append_string(&body, str_from(message));
    buf_printf(&body, ",\"status\":%d}", status);
    answer(req, status, &body);
}

static void on_list(HttpRequest *req, void *ctx)
{
    const BansApi *api = ctx;
    uint32_t cap = gate_bans(api->gate, NULL, 0) + 64;
    GateBan *bans = ARENA_NEW_ARRAY(&req->arena, GateBan, cap);
    uint32_t count = LUMA_MIN(gate_bans(api->gate, bans, cap), cap);
    char text[ADDRESS_RULE_TEXT_MAX];
    Buf body = {0};

    buf_append_lit(&body, "{\"bans\":[");
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(&body, "%s{\"address\":\"%s\"", i ? "," : "",
                   address_rule_format(&bans[i].rule, text));
        if (bans[i].seconds_left != INT64_MAX)
            buf_printf(&body, ",\"seconds_left\":%lld", (long long)bans[i].seconds_left);
        buf_printf(&body, ",\"configured\":%s}", bans[i].configured ? "true" : "false");
    }
    buf_append_lit(&body, "]}");
    answer(req, 200, &body);
}

/* Reads {"address": "...", "seconds": n}. */
static Status read_ban(HttpRequest *req, Str *ret_address, int64_t *ret_seconds, Error *err)
{
    JsonReader r = json_reader(req->body);
    JsonToken key, value;

    *ret_address = (Str){0};
    *ret_seconds = INT64_MAX;
    TRY(json_next(&r, &key, err));
    if (key.kind != JSON_TOKEN_OBJECT)
        return error_set(err, STATUS_INVALID, "the body is an object");
    for (;;) {
        TRY(json_next(&r, &key, err));
        if (key.kind == JSON_TOKEN_OBJECT_END)
            break;
        Str name = json_unescape(&key, &req->arena);
        TRY(json_next(&r, &value, err));
        if (str_eq(name, STR("address")) && value.kind == JSON_TOKEN_STRING)
            *ret_address = json_unescape(&value, &req->arena);
        else if (str_eq(name, STR("seconds")) && value.kind == JSON_TOKEN_NUMBER &&
                 str_to_i64(value.text, ret_seconds) && *ret_seconds > 0)
            continue;
        else
            return error_set(err, STATUS_INVALID,
                             "the members are \"address\" (a text) and \"seconds\" (a whole "
                             "number above 0)");
    }
    return STATUS_OK;
}

static void changed(const BansApi *api, const HttpRequest *req, const char *action,
                    const AddressRule *rule)
{
    char text[ADDRESS_RULE_TEXT_MAX];

    if (api->on_change)
        api->on_change(api->ctx, req, action, str_from(address_rule_format(rule, text)));
}

static void on_ban(HttpRequest *req, void *ctx)
{
    const BansApi *api = ctx;
    AddressRule rule;
    Str address;
    int64_t seconds;
    Error err;

    Status status = read_ban(req, &address, &seconds, &err);
    if (status == STATUS_OK)
        status = address_rule_parse(address, &rule, &err);
    if (status == STATUS_OK)
        status =
            gate_ban(api->gate, &rule,
                     seconds > INT64_MAX / NS_PER_SEC ? INT64_MAX : seconds * NS_PER_SEC, &err);
    if (status != STATUS_OK) {
        refuse(req, status == STATUS_LIMIT ? 503 : 400, err.message);
        return;
    }
    changed(api, req, "BAN", &rule);
    on_list(req, ctx);
}

static void on_unban(HttpRequest *req, void *ctx)
{
    const BansApi *api = ctx;
    AddressRule rule;
    Error err;

    if (address_rule_parse(http_request_value(req, STR("address")), &rule, &err) != STATUS_OK) {
        refuse(req, 400, err.message);
        return;
    }
    if (!gate_unban(api->gate, &rule)) {
        refuse(req, 404, "there is no such ban, or the configuration has it");
        return;
    }
    changed(api, req, "UNBAN", &rule);
    on_list(req, ctx);
}

void bans_api_register(BansApi *api, HttpRouter *router)
{
    static const struct {
        HttpMethod method;
        HttpHandler handler;
    } routes[] = {{HTTP_GET, on_list}, {HTTP_POST, on_ban}, {HTTP_DELETE, on_unban}};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(routes); i++)
        http_router_add(router, &(HttpRoute){.methods = routes[i].method,
                                             .pattern = "/api/v1/admin/bans",
                                             .role = ROLE_ADMIN,
                                             .body_bytes_max = BODY_BYTES_MAX,
                                             .handler = routes[i].handler,
                                             .ctx = api});
}

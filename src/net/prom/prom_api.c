#include "net/prom/prom_api.h"

#include <math.h>

#include "net/prom/prom_api_int.h"

/* Times that still can be added to and subtracted from. */
#define TIME_MS_MAX INT64_C(4'611'686'018'427'387)

void prom_api__route(PromApi *api, HttpRouter *router, unsigned methods, const char *pattern,
                     HttpHandler handler)
{
    http_router_add(router, &(HttpRoute){.methods = methods,
                                         .pattern = pattern,
                                         .role = ROLE_READ,
                                         .body_bytes_max = PROM_API_BODY_BYTES_MAX,
                                         .handler = handler,
                                         .ctx = api});
}

static void run_pool_task(PoolTask *pool_task)
{
    PromTask *task = LUMA_CONTAINER_OF(pool_task, PromTask, task);
    task->run(task);
}

static void on_cancel(void *ctx)
{
    query_cancel_set(ctx);
}

void prom_api__submit(PromApi *api, HttpRequest *req, void (*run)(PromTask *task))
{
    PromTask *task = ARENA_NEW(&req->arena, PromTask);

    task->task.run = run_pool_task;
    task->api = api;
    task->req = req;
    task->run = run;
    http_request_on_cancel(req, on_cancel, &task->cancel);
    pool_submit(api->pool, &task->task);
}

/* ---------------------------------------------------------------- parameters */

static bool to_ms(double seconds, int64_t *ret_ms)
{
    if (!isfinite(seconds) || fabs(seconds) * 1000 > (double)TIME_MS_MAX)
        return false;
    *ret_ms = (int64_t)round(seconds * 1000);
    return true;
}

static bool digits(const char *text, int count, int *ret)
{
    *ret = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        *ret = *ret * 10 + (text[i] - '0');
    }
    return true;
}

/* Days since 1970-01-01 of a civil date. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

/* 2006-01-02T15:04:05[.999]Z or +07:00 */
static bool parse_rfc3339(Str text, int64_t *ret_ms)
{
    static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
    static const int month_days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day, hour, minute, second, zone_hour, zone_minute;
    int64_t ms = 0;
    int64_t zone = 0;
    size_t at = sizeof pattern - 1;

    if (text.len < sizeof pattern)
        return false;
    for (size_t i = 0; i < sizeof pattern - 1; i++) {
        bool digit = text.ptr[i] >= '0' && text.ptr[i] <= '9';
        if (pattern[i] == 'd' ? !digit : (text.ptr[i] & ~0x20) != (pattern[i] & ~0x20))
            return false;
    }
    (void)digits(text.ptr, 4, &year);
    (void)digits(text.ptr + 5, 2, &month);
    (void)digits(text.ptr + 8, 2, &day);
    (void)digits(text.ptr + 11, 2, &hour);
    (void)digits(text.ptr + 14, 2, &minute);
    (void)digits(text.ptr + 17, 2, &second);
    if (month < 1 || month > 12 || day < 1 || day > month_days[month - 1] || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    if (text.ptr[at] == '.') {
        int64_t unit = 100;
        size_t begin = ++at;
        for (; at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9'; at++, unit /= 10)
            ms += (text.ptr[at] - '0') * unit;
        if (at == begin || at == text.len)
            return false;
    }
    if (text.ptr[at] == '+' || text.ptr[at] == '-') {
        if (text.len - at != 6 || text.ptr[at + 3] != ':' ||
            !digits(text.ptr + at + 1, 2, &zone_hour) ||
            !digits(text.ptr + at + 4, 2, &zone_minute) || zone_hour > 23 || zone_minute > 59)
            return false;
        zone = (zone_hour * 60 + zone_minute) * (text.ptr[at] == '-' ? -60 : 60);
    } else if ((text.ptr[at] & ~0x20) != 'Z' || text.len - at != 1) {
        return false;
    }
    *ret_ms =
        (days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - zone) * 1000 + ms;
    return true;
}

bool prom_api__parse_time(Str text, int64_t *ret_ms)
{
    double seconds;

    if (str_to_f64(text, &seconds))
        return to_ms(seconds, ret_ms);
    return parse_rfc3339(text, ret_ms);
}

static bool bad_parameter(HttpRequest *req, const char *name, const char *format, Str value)
{
    char quoted[400];
    CLEANUP(buf_done) Buf text = {.len_max = sizeof quoted - 1};

    prom_text_quote(value, &text);
    memcpy(quoted, text.ptr, text.len);
    quoted[text.len] = 0;
    prom_json_error(req, "bad_data", format, name, quoted);
    return false;
}

bool prom_api__time(HttpRequest *req, const char *name, int64_t missing_ms, int64_t *ret_ms)
{
    Str text = http_request_value(req, str_from(name));

    *ret_ms = missing_ms;
    if (!text.len)
        return true;
    if (prom_api__parse_time(text, ret_ms))
        return true;
    return bad_parameter(req, name,
                         "invalid parameter \"%s\": cannot parse %s to a valid timestamp", text);
}

bool prom_api__duration(HttpRequest *req, const char *name, int64_t missing_ms, int64_t *ret_ms)
{
    Str text = http_request_value(req, str_from(name));
    double seconds;

    *ret_ms = missing_ms;
    if (!text.len)
        return true;
    if (str_to_f64(text, &seconds) ? to_ms(seconds, ret_ms)
                                   : promql_parse_duration(text, ret_ms, NULL) == STATUS_OK)
        return true;
    return bad_parameter(req, name, "invalid parameter \"%s\": cannot parse %s to a valid duration",
                         text);
}

bool prom_api__limit(HttpRequest *req, uint64_t *ret_limit)
{
    Str text = http_request_value(req, STR("limit"));
    int64_t limit;

    *ret_limit = 0;
    if (!text.len)
        return true;
    if (!str_to_i64(text, &limit))
        return bad_parameter(req, "limit",
                             "invalid parameter \"%s\": strconv.ParseUint: parsing %s: invalid "
                             "syntax",
                             text);
    if (limit < 0) {
        prom_json_error(req, "bad_data", "invalid parameter \"limit\": limit must be non-negative");
        return false;
    }
    *ret_limit = (uint64_t)limit;
    return true;
}

bool prom_api__matches(HttpRequest *req, PromMatch **ret_matches, size_t *ret_count)
{
    const HttpField *fields;
    size_t count;
    PromMatch *matches;
    size_t n = 0;
    Error err = {0};

    if (http_request_form(req, &fields, &count, &err) != STATUS_OK) {
        prom_json_error(req, "bad_data", "%s", err.message);
        return false;
    }
    matches = ARENA_NEW_ARRAY(&req->arena, PromMatch, count + 1);
    for (size_t i = 0; i < count; i++) {
        PromMatch *m = &matches[n];
        bool selective = false;
        if (!str_eq(fields[i].name, STR("match[]")))
            continue;
        if (promql_parse_selector(fields[i].value, &req->arena, &m->matchers, &m->count, &err) !=
            STATUS_OK) {
            prom_json_error(req, "bad_data", "invalid parameter \"match[]\": %s", err.message);
            return false;
        }
        for (uint32_t k = 0; k < m->count; k++)
            selective = selective || !label_matcher_matches_empty(&m->matchers[k]);
        if (!selective) {
            prom_json_error(req, "bad_data",
                            "invalid parameter \"match[]\": match[] must contain at least one "
                            "non-empty matcher");
            return false;
        }
        n++;
    }
    *ret_matches = matches;
    *ret_count = n;
    return true;
}

void prom_api_register(PromApi *api, HttpRouter *router)
{
    http_router_on_error(router, "/api/v1", prom_json_http_error);
    prom_api__query_routes(api, router);
    prom_api__series_routes(api, router);
    prom_api__parse_routes(api, router);
    prom_api__status_routes(api, router);
}

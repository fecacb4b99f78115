/* http_text.c - the small grammars of HTTP: dates, weights, escapes, base64. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "net/http/http_int.h"

const char *http_status_text(int status)
{
    static const struct {
        int code;
        const char *text;
    } texts[] = {
        {100, "Continue"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {303, "See Other"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {411, "Length Required"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(texts); i++)
        if (texts[i].code == status)
            return texts[i].text;
    return "Unknown";
}

static const struct {
    const char *name;
    HttpMethod method;
} methods[] = {
    {"GET", HTTP_GET},     {"HEAD", HTTP_HEAD},     {"POST", HTTP_POST},       {"PUT", HTTP_PUT},
    {"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS},
};

HttpMethod http__method_parse(Str text)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(methods); i++)
        if (str_eq(text, str_from(methods[i].name)))
            return methods[i].method;
    return 0;
}

const char *http__method_name(HttpMethod method)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(methods); i++)
        if (methods[i].method == method)
            return methods[i].name;
    return "?";
}

Str http__date(void)
{
    static _Thread_local struct {
        time_t second;
        size_t len;
        char text[32];
    } last;
    time_t now = (time_t)(clock_wall_ns() / NS_PER_SEC);

    if (now != last.second || !last.len) {
        /* By hand: strftime's names depend on the locale. */
        static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct tm tm;
        (void)gmtime_r(&now, &tm);
        int len = snprintf(last.text, sizeof last.text, "%s, %02u %s %u %02u:%02u:%02u GMT",
                           days[(unsigned)tm.tm_wday % 7], (unsigned)tm.tm_mday % 100,
                           months[(unsigned)tm.tm_mon % 12], ((unsigned)tm.tm_year + 1900) % 10000,
                           (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100,
                           (unsigned)tm.tm_sec % 100);
        last.second = now;
        last.len = (size_t)len;
    }
    return (Str){last.text, last.len};
}

/* "q=0.25" -> 250; malformed or absent -> 1000. */
static int parse_weight(Str params)
{
    Str param;

    while (str_split(&params, ';', &param)) {
        double q;
        param = str_trim(param);
        if (param.len > 2 && (param.ptr[0] | 0x20) == 'q' && param.ptr[1] == '=' &&
            str_to_f64(str_sub(param, 2, param.len), &q) && q >= 0 && q <= 1)
            return (int)(q * 1000);
    }
    return 1000;
}

bool http__next_weighted(Str *rest, Str *ret_item, int *ret_q)
{
    Str element;

    if (!str_split(rest, ',', &element))
        return false;
    ptrdiff_t semicolon = str_find_byte(element, ';');
    size_t len = semicolon < 0 ? element.len : (size_t)semicolon;
    *ret_item = str_trim(str_sub(element, 0, len));
    *ret_q = semicolon < 0 ? 1000 : parse_weight(str_sub(element, len + 1, element.len));
    return true;
}

Codec http__accepted_coding(Str accept_encoding)
{
    Str item;
    int q;
    int gzip = -1;
    int deflate = -1;
    int any = 0;

    if (!accept_encoding.len)
        return CODEC_NONE;
    while (http__next_weighted(&accept_encoding, &item, &q)) {
        if (str_eq_nocase(item, STR("gzip")) || str_eq_nocase(item, STR("x-gzip")))
            gzip = q;
        else if (str_eq_nocase(item, STR("deflate")))
            deflate = q;
        else if (str_eq(item, STR("*")))
            any = q;
    }
    gzip = gzip < 0 ? any : gzip;
    deflate = deflate < 0 ? any : deflate;
    if (gzip <= 0 && deflate <= 0)
        return CODEC_NONE;
    return gzip >= deflate ? CODEC_GZIP : CODEC_ZLIB;
}

bool http__is_compressible(Str content_type)
{
    static const char *const types[] = {
        "application/json",       "application/x-ndjson",     "application/openmetrics-text",
        "application/javascript", "application/xml",          "application/yaml",
        "application/wasm",       "application/problem+json", "image/svg+xml",
    };
    Str type = content_type;
    ptrdiff_t semicolon = str_find_byte(type, ';');

    if (semicolon >= 0)
        type = str_sub(type, 0, (size_t)semicolon);
    type = str_trim(type);
    if (type.len > 5 && str_eq_nocase(str_sub(type, 0, 5), STR("text/")))
        /* Server-sent events want each event at once. */
        return !str_eq_nocase(type, STR("text/event-stream"));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(types); i++)
        if (str_eq_nocase(type, str_from(types[i])))
            return true;
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

bool http_percent_decode(Str text, bool plus, Arena *arena, Str *ret_text)
{
    if (str_find_byte(text, '%') < 0 && (!plus || str_find_byte(text, '+') < 0)) {
        *ret_text = text;
        return true;
    }
    char *out = arena_alloc(arena, text.len);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            int high = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[len++] = c;
    }
    *ret_text = (Str){out, len};
    return true;
}

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool http__base64_decode(Str text, Arena *arena, Str *ret_bytes)
{
    char *out = arena_alloc(arena, text.len / 4 * 3 + 3);
    size_t len = 0;
    uint32_t bits = 0;
    int count = 0;

    for (int pad = 0; pad < 2 && text.len && text.ptr[text.len - 1] == '='; pad++)
        text.len--;
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int digit = base64_digit(text.ptr[i]);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[len++] = (char)(bits >> count);
        }
    }
    *ret_bytes = (Str){out, len};
    return true;
}

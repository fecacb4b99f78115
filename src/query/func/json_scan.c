/* json_scan.c - borders of members in JSON texts that were checked before. Never reads past the end
 * of a text, checked or not. */
#include "query/func/json_scan.h"

#include "query/func/func_int.h"

static size_t skip_space(Str s, size_t at)
{
    while (at < s.len &&
           (s.ptr[at] == ' ' || s.ptr[at] == '\n' || s.ptr[at] == '\t' || s.ptr[at] == '\r'))
        at++;
    return at;
}

static size_t skip_string(Str s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++)
        if (s.ptr[at] == '\\')
            at++;
    return LUMA_MIN(at + 1, s.len);
}

/* The end of the value that starts at `at`. */
static size_t skip_value(Str s, size_t at)
{
    if (at >= s.len)
        return s.len;
    if (s.ptr[at] == '"')
        return skip_string(s, at);
    if (s.ptr[at] != '{' && s.ptr[at] != '[') {
        while (at < s.len && !strchr(",]} \t\r\n:", s.ptr[at]))
            at++;
        return at;
    }
    size_t depth = 0;
    while (at < s.len) {
        char c = s.ptr[at];
        if (c == '"') {
            at = skip_string(s, at);
            continue;
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
        if (!depth)
            return at;
    }
    return s.len;
}

bool json_scan_next(Str s, size_t *pos, Str *ret_key, Str *ret_value)
{
    size_t at = *pos ? *pos : 1;
    at = skip_space(s, at);
    if (at < s.len && s.ptr[at] == ',')
        at = skip_space(s, at + 1);
    if (at >= s.len || s.ptr[at] == '}' || s.ptr[at] == ']')
        return false;
    *ret_key = STR("");
    if (s.ptr[0] == '{') {
        size_t end = skip_string(s, at);
        *ret_key = str_sub(s, at, end - at);
        at = skip_space(s, end);
        if (at < s.len && s.ptr[at] == ':')
            at = skip_space(s, at + 1);
    }
    size_t end = skip_value(s, at);
    *ret_value = str_sub(s, at, end - at);
    *pos = end;
    return true;
}

static uint32_t hex4(const char *p)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        v = v << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

Status json_unquote(const EvalContext *ctx, Str s, Str *ret, Error *err)
{
    Str inner = str_sub(s, 1, s.len >= 2 ? s.len - 2 : 0);
    if (str_find_byte(inner, '\\') < 0) {
        *ret = inner;
        return STATUS_OK;
    }
    char *out;
    size_t len = 0;
    TRY(func__text_new(ctx, inner.len + 4, &out, err));
    for (size_t i = 0; i < inner.len; i++) {
        char c = inner.ptr[i];
        if (c != '\\' || i + 1 >= inner.len) {
            out[len++] = c;
            continue;
        }
        c = inner.ptr[++i];
        switch (c) {
        case 'n':
            out[len++] = '\n';
            break;
        case 't':
            out[len++] = '\t';
            break;
        case 'r':
            out[len++] = '\r';
            break;
        case 'b':
            out[len++] = '\b';
            break;
        case 'f':
            out[len++] = '\f';
            break;
        case 'u': {
            if (i + 4 >= inner.len)
                break;
            uint32_t cp = hex4(inner.ptr + i + 1);
            i += 4;
            if (cp >= 0xD800 && cp < 0xDC00 && i + 6 < inner.len && inner.ptr[i + 1] == '\\') {
                cp = 0x10000 + ((cp - 0xD800) << 10) + (hex4(inner.ptr + i + 3) - 0xDC00);
                i += 6;
            }
            if (cp == 0)
                return error_set_sql(err, STATUS_INVALID, "22P05", 0,
                                     "unsupported Unicode escape sequence");
            len += str_utf8_encode(cp & 0x1FFFFF, out + len);
            break;
        }
        default:
            out[len++] = c;
        }
    }
    *ret = str_make(out, len);
    return STATUS_OK;
}

Status json_key_equals(const EvalContext *ctx, Str quoted, Str key, bool *ret, Error *err)
{
    Str plain;
    TRY(json_unquote(ctx, quoted, &plain, err));
    *ret = str_eq(plain, key);
    return STATUS_OK;
}

uint32_t json_scan_count(Str s)
{
    Str name;
    Str value;
    uint32_t count = 0;
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value);)
        count++;
    return count;
}

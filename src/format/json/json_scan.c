/* json_scan.c - borders of members in JSON texts that were checked before. Never reads past the end
 * of a text, checked or not. */
#include "format/json/json_scan.h"

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

uint32_t json_scan_count(Str s)
{
    Str name;
    Str value;
    uint32_t count = 0;
    for (size_t pos = 0; json_scan_next(s, &pos, &name, &value);)
        count++;
    return count;
}

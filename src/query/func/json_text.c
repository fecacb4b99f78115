/* json_text.c - strings of JSON values as texts. */
#include "query/func/json_text.h"

#include "query/func/func_int.h"

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

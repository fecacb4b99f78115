/* func_unicode.c - normal forms of Unicode texts, and unistr's escapes. */
#include <stdlib.h>
#include <utf8proc.h>

#include "query/func/func_int.h"

static Status normal_form(Str name, utf8proc_option_t *ret, Error *err)
{
    if (str_eq_nocase(name, STR("NFC")))
        *ret = UTF8PROC_COMPOSE;
    else if (str_eq_nocase(name, STR("NFD")))
        *ret = UTF8PROC_DECOMPOSE;
    else if (str_eq_nocase(name, STR("NFKC")))
        *ret = UTF8PROC_COMPOSE | UTF8PROC_COMPAT;
    else if (str_eq_nocase(name, STR("NFKD")))
        *ret = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    else
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "invalid normalization form: %.*s",
                             STR_FMT(name));
    *ret |= UTF8PROC_STABLE;
    return STATUS_OK;
}

/* *ret is malloc'ed by utf8proc. */
static Status normalized(Str s, Str form, utf8proc_uint8_t **ret, size_t *ret_len, Error *err)
{
    utf8proc_option_t options;
    TRY(normal_form(form, &options, err));
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)s.len, ret, options);
    if (len < 0)
        return error_set_sql(err, STATUS_INVALID, "22021", 0, "%s", utf8proc_errmsg(len));
    *ret_len = (size_t)len;
    return STATUS_OK;
}

ROW_KERNEL(normalize)
{
    utf8proc_uint8_t *out;
    size_t len;
    TRY(normalized(ARG_STR(0), arg_count > 1 ? ARG_STR(1) : STR("NFC"), &out, &len, err));
    Status status = func__set_copy(ctx, ret, row, str_make(out, len), err);
    free(out);
    return status;
}
ROW_KERNEL(is_normalized)
{
    utf8proc_uint8_t *out;
    size_t len;
    Str s = ARG_STR(0);
    TRY(normalized(s, arg_count > 1 ? ARG_STR(1) : STR("NFC"), &out, &len, err));
    SET_BOOL(str_eq(s, str_make(out, len)));
    free(out);
    return STATUS_OK;
}

static int hex_value(char c)
{
    char lower = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Digits of an escape: \XXXX, \uXXXX, \+XXXXXX, \UXXXXXXXX. Returns its length, 0 = malformed. */
static size_t read_escape(Str s, size_t at, uint32_t *ret)
{
    char kind = at + 1 < s.len ? s.ptr[at + 1] : 0;
    size_t skip = kind == '+' || kind == 'u' || kind == 'U' ? 2 : 1;
    size_t digits = kind == '+' ? 6 : kind == 'U' ? 8 : 4;
    *ret = 0;
    for (size_t i = 0; i < digits; i++) {
        int d = at + skip + i < s.len ? hex_value(s.ptr[at + skip + i]) : -1;
        if (d < 0)
            return 0;
        *ret = *ret << 4 | (uint32_t)d;
    }
    return skip + digits;
}

static Status bad_pair(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "42601", 0, "invalid Unicode surrogate pair");
}

ROW_KERNEL(unistr)
{
    CLEANUP(buf_done) Buf out = {0};
    Str s = ARG_STR(0);
    uint32_t high = 0;
    for (size_t i = 0; i < s.len;) {
        uint32_t code;
        char utf8[4];
        bool escape = s.ptr[i] == '\\';
        if (escape && i + 1 < s.len && s.ptr[i + 1] == '\\') {
            escape = false;
            i++;
        }
        if (!escape) {
            if (high)
                return bad_pair(err);
            buf_append_byte(&out, (uint8_t)s.ptr[i++]);
            continue;
        }
        size_t len = read_escape(s, i, &code);
        if (!len) {
            (void)error_set_sql(err, STATUS_INVALID, "42601", 0, "invalid Unicode escape");
            error_hint(err, "Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.");
            return STATUS_INVALID;
        }
        i += len;
        bool low = code >= 0xDC00 && code <= 0xDFFF;
        if (low != (high != 0))
            return bad_pair(err);
        if (code >= 0xD800 && code <= 0xDBFF) {
            high = code;
            continue;
        }
        if (low)
            code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00);
        high = 0;
        if (!code || code > 0x10FFFF)
            return error_set_sql(err, STATUS_INVALID, "42601", 0,
                                 "invalid Unicode code point: %04X", code);
        buf_append(&out, utf8, str_utf8_encode(code, utf8));
    }
    if (high)
        return bad_pair(err);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

static const Function functions[] = {
    FN("normalize", 0, normalize, T(TEXT), 1, T(TEXT)),
    FN("normalize", 4350, normalize, T(TEXT), 2, T(TEXT), T(TEXT)),
    FN("is_normalized", 0, is_normalized, T(BOOL), 1, T(TEXT)),
    FN("is_normalized", 4351, is_normalized, T(BOOL), 2, T(TEXT), T(TEXT)),
    FN("unistr", 6198, unistr, T(TEXT), 1, T(TEXT)),
};
const FuncTable func__unicode_table = {functions, LUMA_ARRAY_LEN(functions)};

/* func_text.c - functions of text and bytea. Lengths and positions count characters (UTF-8), order
 * and case-insensitive comparison follow the C collation with Unicode's simple case mapping. */
#include <openssl/evp.h>
#include <utf8proc.h>

#include "query/func/func_int.h"

/* ---------------------------------------------------------------- characters */

static bool is_ascii(Str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static size_t char_count(Str s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.len; i++)
        count += ((unsigned char)s.ptr[i] & 0xC0) != 0x80;
    return count;
}

/* Byte offset of character `n` (from 0), at most the length. */
static size_t char_offset(Str s, uint64_t n)
{
    size_t at = 0;
    while (n && at < s.len) {
        at++;
        while (at < s.len && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
            at++;
        n--;
    }
    return at;
}

static size_t char_len(Str s, size_t at)
{
    size_t end = at + 1;
    while (end < s.len && ((unsigned char)s.ptr[end] & 0xC0) == 0x80)
        end++;
    return end - at;
}

/* Maps every character; the result may be longer. */
static Status map_case(const EvalContext *ctx, Str s, bool upper, Str *ret, Error *err)
{
    char *out;
    TRY(func__text_new(ctx, s.len * 4 + 4, &out, err));
    if (is_ascii(s)) {
        for (size_t i = 0; i < s.len; i++) {
            char c = s.ptr[i];
            bool turn = upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
            out[i] = turn ? (char)(c ^ 0x20) : c;
        }
        *ret = str_make(out, s.len);
        return STATUS_OK;
    }
    size_t len = 0;
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        size_t n = str_utf8_decode(str_sub(s, at, s.len), &cp);
        if (!n) {
            out[len++] = s.ptr[at++];
            continue;
        }
        bool sharp_s = cp == 0xDF; /* its capital form is not what libc maps it to */
        cp = sharp_s ? cp
                     : (uint32_t)(upper ? utf8proc_toupper((utf8proc_int32_t)cp)
                                        : utf8proc_tolower((utf8proc_int32_t)cp));
        len += str_utf8_encode(cp, out + len);
        at += n;
    }
    *ret = str_make(out, len);
    return STATUS_OK;
}

#define SET_STR(value_) func__set_str(ret, row, (value_))

/* ---------------------------------------------------------------- length, case */

ROW_KERNEL(char_length)
{
    SET(int32_t, (int32_t)char_count(ARG_STR(0)));
    return STATUS_OK;
}
ROW_KERNEL(bpchar_length)
{
    Str s = ARG_STR(0);
    while (s.len && s.ptr[s.len - 1] == ' ')
        s.len--;
    SET(int32_t, (int32_t)char_count(s));
    return STATUS_OK;
}
ROW_KERNEL(octet_length)
{
    SET(int32_t, (int32_t)ARG_STR(0).len);
    return STATUS_OK;
}
ROW_KERNEL(bit_length)
{
    SET(int32_t, (int32_t)ARG_STR(0).len * 8);
    return STATUS_OK;
}
ROW_KERNEL(lower)
{
    Str out;
    TRY(map_case(ctx, ARG_STR(0), false, &out, err));
    SET_STR(out);
    return STATUS_OK;
}
ROW_KERNEL(upper)
{
    Str out;
    TRY(map_case(ctx, ARG_STR(0), true, &out, err));
    SET_STR(out);
    return STATUS_OK;
}

static bool is_word_char(uint32_t cp)
{
    utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)cp);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO
               ? true
               : category == UTF8PROC_CATEGORY_ND;
}

ROW_KERNEL(initcap)
{
    Str s = ARG_STR(0);
    char *out;
    size_t len = 0;
    bool in_word = false;
    TRY(func__text_new(ctx, s.len * 4 + 4, &out, err));
    for (size_t at = 0; at < s.len;) {
        uint32_t cp;
        size_t n = str_utf8_decode(str_sub(s, at, s.len), &cp);
        if (!n) {
            out[len++] = s.ptr[at++];
            continue;
        }
        uint32_t mapped = (uint32_t)(in_word ? utf8proc_tolower((utf8proc_int32_t)cp)
                                             : utf8proc_toupper((utf8proc_int32_t)cp));
        in_word = is_word_char(cp);
        len += str_utf8_encode(mapped, out + len);
        at += n;
    }
    SET_STR(str_make(out, len));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- concatenation */

static Status join_two(const EvalContext *ctx, Str a, Str b, Column *ret, uint32_t row, Error *err)
{
    char *out;
    TRY(func__text_new(ctx, a.len + b.len, &out, err));
    if (a.len)
        memcpy(out, a.ptr, a.len);
    if (b.len)
        memcpy(out + a.len, b.ptr, b.len);
    func__set_str(ret, row, str_make(out, a.len + b.len));
    return STATUS_OK;
}

ROW_KERNEL(text_concat)
{
    return join_two(ctx, ARG_STR(0), ARG_STR(1), ret, row, err);
}

/* text || anything: the other side through its output function. */
static Status any_concat(const EvalContext *ctx, const Column *args, uint32_t row, bool any_first,
                         Column *ret, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    const Column *any = &args[any_first ? 0 : 1];
    if (type_layout(any->type) == LAYOUT_VIEW && type_is_text(any->type))
        buf_append_str(&text, func__str(any, row));
    else
        pgtype_append_text(any, row, func__settings(ctx), &text);
    Str other = ARG_STR(any_first ? 1 : 0);
    return any_first ? join_two(ctx, buf_str(&text), other, ret, row, err)
                     : join_two(ctx, other, buf_str(&text), ret, row, err);
}
ROW_KERNEL(text_any_concat)
{
    return any_concat(ctx, args, row, false, ret, err);
}
ROW_KERNEL(any_text_concat)
{
    return any_concat(ctx, args, row, true, ret, err);
}

/* PostgreSQL's concat prints booleans as t and f, like their output function. */
static Status append_all(const EvalContext *ctx, const Column *args, uint32_t from, uint32_t count,
                         uint32_t row, Str separator, Buf *out)
{
    bool some = false;
    for (uint32_t i = from; i < count; i++) {
        if (column_is_null(&args[i], row))
            continue;
        if (some)
            buf_append_str(out, separator);
        some = true;
        pgtype_append_text(&args[i], row, func__settings(ctx), out);
    }
    return STATUS_OK;
}
ROW_KERNEL_NULLABLE(concat)
{
    CLEANUP(buf_done) Buf text = {0};
    TRY(append_all(ctx, args, 0, arg_count, row, STR(""), &text));
    return func__set_copy(ctx, ret, row, buf_str(&text), err);
}
ROW_KERNEL_NULLABLE(concat_ws)
{
    CLEANUP(buf_done) Buf text = {0};
    if (column_is_null(&args[0], row))
        return func__set_null(ctx, ret, row, err);
    TRY(append_all(ctx, args, 1, arg_count, row, ARG_STR(0), &text));
    return func__set_copy(ctx, ret, row, buf_str(&text), err);
}

/* ---------------------------------------------------------------- parts */

/* Characters [start, start + len) counting from 1; start may lie before the text. */
static Status substring_of(Str s, int64_t start, int64_t len, bool has_len, bool bytes, Str *ret,
                           Error *err)
{
    int64_t end = INT64_MAX;
    if (has_len) {
        if (len < 0)
            return error_set_sql(err, STATUS_INVALID, "22011", 0,
                                 "negative substring length not allowed");
        end = start + len; /* both are 32-bit */
    }
    if (end <= 1 || (end <= start && has_len)) {
        *ret = STR("");
        return STATUS_OK;
    }
    uint64_t first = start > 1 ? (uint64_t)start - 1 : 0;
    size_t from = bytes ? (size_t)LUMA_MIN(first, (uint64_t)s.len) : char_offset(s, first);
    Str rest = str_sub(s, from, s.len);
    if (!has_len) {
        *ret = rest;
        return STATUS_OK;
    }
    uint64_t count = (uint64_t)(end - 1) - first;
    *ret = str_sub(rest, 0,
                   bytes ? (size_t)LUMA_MIN(count, (uint64_t)rest.len) : char_offset(rest, count));
    return STATUS_OK;
}

#define SUBSTRING(name, bytes)                                                                     \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        Str out;                                                                                   \
        TRY(substring_of(ARG_STR(0), ARG(int32_t, 1), arg_count > 2 ? ARG(int32_t, 2) : 0,         \
                         arg_count > 2, bytes, &out, err));                                        \
        SET_STR(out);                                                                              \
        return STATUS_OK;                                                                          \
    }
SUBSTRING(text_substring, false)
SUBSTRING(bytea_substring, true)

ROW_KERNEL(strpos)
{
    Str s = ARG_STR(0);
    ptrdiff_t at = str_find(s, ARG_STR(1));
    SET(int32_t, at < 0 ? 0 : (int32_t)char_count(str_sub(s, 0, (size_t)at)) + 1);
    return STATUS_OK;
}
ROW_KERNEL(bytea_position)
{
    SET(int32_t, (int32_t)str_find(ARG_STR(0), ARG_STR(1)) + 1);
    return STATUS_OK;
}
ROW_KERNEL(left)
{
    Str s = ARG_STR(0);
    int64_t n = ARG(int32_t, 1);
    if (n < 0)
        n = LUMA_MAX((int64_t)char_count(s) + n, (int64_t)0);
    SET_STR(str_sub(s, 0, char_offset(s, (uint64_t)n)));
    return STATUS_OK;
}
ROW_KERNEL(right)
{
    Str s = ARG_STR(0);
    int64_t n = ARG(int32_t, 1);
    int64_t count = (int64_t)char_count(s);
    int64_t skip = n < 0 ? LUMA_MIN(-n, count) : LUMA_MAX(count - n, (int64_t)0);
    SET_STR(str_sub(s, char_offset(s, (uint64_t)skip), s.len));
    return STATUS_OK;
}

static Status pad(const EvalContext *ctx, Str s, int32_t want, Str fill, bool at_left, Column *ret,
                  uint32_t row, Error *err)
{
    size_t have = char_count(s);
    size_t target = want > 0 ? (size_t)want : 0;
    if (have >= target || !fill.len) {
        func__set_str(ret, row, str_sub(s, 0, char_offset(s, LUMA_MIN(target, have))));
        return STATUS_OK;
    }
    size_t missing = target - have;
    char *out;
    TRY(func__text_new(ctx, s.len + missing * 4, &out, err));
    size_t len = 0;
    if (!at_left) {
        memcpy(out, s.ptr, s.len);
        len = s.len;
    }
    for (size_t at = 0; missing; missing--) {
        size_t n = char_len(fill, at);
        memcpy(out + len, fill.ptr + at, n);
        len += n;
        at = at + n >= fill.len ? 0 : at + n;
    }
    if (at_left) {
        memcpy(out + len, s.ptr, s.len);
        len += s.len;
    }
    func__set_str(ret, row, str_make(out, len));
    return STATUS_OK;
}
ROW_KERNEL(lpad)
{
    return pad(ctx, ARG_STR(0), ARG(int32_t, 1), arg_count > 2 ? ARG_STR(2) : STR(" "), true, ret,
               row, err);
}
ROW_KERNEL(rpad)
{
    return pad(ctx, ARG_STR(0), ARG(int32_t, 1), arg_count > 2 ? ARG_STR(2) : STR(" "), false, ret,
               row, err);
}

/* Is the character at s[at] one of `set`? */
static bool in_set(Str s, size_t at, size_t len, Str set)
{
    for (size_t i = 0; i < set.len;) {
        size_t n = char_len(set, i);
        if (n == len && memcmp(set.ptr + i, s.ptr + at, n) == 0)
            return true;
        i += n;
    }
    return false;
}

static Str trim_chars(Str s, Str set, bool at_left, bool at_right)
{
    while (at_left && s.len) {
        size_t n = char_len(s, 0);
        if (!in_set(s, 0, n, set))
            break;
        s = str_sub(s, n, s.len);
    }
    while (at_right && s.len) {
        size_t at = s.len - 1;
        while (at && ((unsigned char)s.ptr[at] & 0xC0) == 0x80)
            at--;
        if (!in_set(s, at, s.len - at, set))
            break;
        s.len = at;
    }
    return s;
}
#define TRIM(name, at_left, at_right)                                                              \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        SET_STR(trim_chars(ARG_STR(0), arg_count > 1 ? ARG_STR(1) : STR(" "), at_left, at_right)); \
        return STATUS_OK;                                                                          \
    }
TRIM(btrim, true, true)
TRIM(ltrim, true, false)
TRIM(rtrim, false, true)

ROW_KERNEL(split_part)
{
    Str s = ARG_STR(0);
    Str sep = ARG_STR(1);
    int64_t n = ARG(int32_t, 2);
    if (n == 0)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "field position must not be zero");
    if (!sep.len) {
        SET_STR(n == 1 || n == -1 ? s : STR(""));
        return STATUS_OK;
    }
    int64_t fields = 1;
    Str rest = s;
    for (ptrdiff_t at; n < 0 && (at = str_find(rest, sep)) >= 0; fields++)
        rest = str_sub(rest, (size_t)at + sep.len, rest.len);
    if (n < 0)
        n = fields + n + 1;
    rest = s;
    for (; n > 1; n--) {
        ptrdiff_t at = str_find(rest, sep);
        if (at < 0)
            break;
        rest = str_sub(rest, (size_t)at + sep.len, rest.len);
    }
    if (n != 1) {
        SET_STR(STR(""));
        return STATUS_OK;
    }
    ptrdiff_t end = str_find(rest, sep);
    SET_STR(end < 0 ? rest : str_sub(rest, 0, (size_t)end));
    return STATUS_OK;
}

ROW_KERNEL(starts_with)
{
    SET_BOOL(str_starts(ARG_STR(0), ARG_STR(1)));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rewriting */

ROW_KERNEL(replace)
{
    Str s = ARG_STR(0);
    Str from = ARG_STR(1);
    Str to = ARG_STR(2);
    CLEANUP(buf_done) Buf out = {0};
    ptrdiff_t at = from.len ? str_find(s, from) : -1;
    if (at < 0) {
        SET_STR(s);
        return STATUS_OK;
    }
    for (; at >= 0; at = str_find(s, from)) {
        buf_append(&out, s.ptr, (size_t)at);
        buf_append_str(&out, to);
        s = str_sub(s, (size_t)at + from.len, s.len);
        if (out.len > (size_t)1 << 30)
            return error_set_sql(err, STATUS_LIMIT, "54000", 0, "requested length too large");
    }
    buf_append_str(&out, s);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

ROW_KERNEL(translate)
{
    Str s = ARG_STR(0);
    Str from = ARG_STR(1);
    Str to = ARG_STR(2);
    char *out;
    size_t len = 0;
    TRY(func__text_new(ctx, s.len * 4 + 4, &out, err));
    for (size_t at = 0; at < s.len;) {
        size_t n = char_len(s, at);
        Str piece = str_sub(s, at, n);
        uint64_t idx = 0;
        at += n;
        for (size_t i = 0; i < from.len; idx++) {
            size_t m = char_len(from, i);
            if (str_eq(str_sub(from, i, m), piece)) {
                size_t offset = char_offset(to, idx);
                piece = offset < to.len ? str_sub(to, offset, char_len(to, offset)) : STR("");
                break;
            }
            i += m;
        }
        if (piece.len)
            memcpy(out + len, piece.ptr, piece.len);
        len += piece.len;
    }
    SET_STR(str_make(out, len));
    return STATUS_OK;
}

ROW_KERNEL(reverse)
{
    Str s = ARG_STR(0);
    char *out;
    TRY(func__text_new(ctx, s.len, &out, err));
    for (size_t at = 0; at < s.len;) {
        size_t n = char_len(s, at);
        memcpy(out + s.len - at - n, s.ptr + at, n);
        at += n;
    }
    SET_STR(str_make(out, s.len));
    return STATUS_OK;
}

ROW_KERNEL(repeat)
{
    Str s = ARG_STR(0);
    int64_t count = LUMA_MAX(ARG(int32_t, 1), 0);
    char *out;
    if (s.len && (uint64_t)count > ((uint64_t)1 << 30) / s.len)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "requested length too large");
    TRY(func__text_new(ctx, s.len * (size_t)count, &out, err));
    for (int64_t i = 0; i < count && s.len; i++)
        memcpy(out + (size_t)i * s.len, s.ptr, s.len);
    SET_STR(str_make(out, s.len * (size_t)count));
    return STATUS_OK;
}

ROW_KERNEL(overlay)
{
    Str s = ARG_STR(0);
    Str by = ARG_STR(1);
    int64_t from = ARG(int32_t, 2);
    int64_t count = arg_count > 3 ? ARG(int32_t, 3) : (int64_t)char_count(by);
    Str head;
    Str tail;
    if (from <= 0)
        return error_set_sql(err, STATUS_INVALID, "22011", 0,
                             "negative substring length not allowed");
    TRY(substring_of(s, 1, from - 1, true, false, &head, err));
    TRY(substring_of(s, from + count, 0, false, false, &tail, err));
    CLEANUP(buf_done) Buf out = {0};
    buf_append_str(&out, head);
    buf_append_str(&out, by);
    buf_append_str(&out, tail);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

/* ---------------------------------------------------------------- codes */

ROW_KERNEL(chr)
{
    int32_t cp = ARG(int32_t, 0);
    char out[4];
    if (cp == 0)
        return error_set_sql(err, STATUS_INVALID, "54000", 0, "null character not permitted");
    if (cp < 0 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return error_set_sql(err, STATUS_INVALID, "54000", 0,
                             "requested character too large for encoding: %d", cp);
    return func__set_copy(ctx, ret, row, str_make(out, str_utf8_encode((uint32_t)cp, out)), err);
}
ROW_KERNEL(ascii)
{
    uint32_t cp = 0;
    Str s = ARG_STR(0);
    if (s.len && !str_utf8_decode(s, &cp))
        cp = (unsigned char)s.ptr[0];
    SET(int32_t, (int32_t)cp);
    return STATUS_OK;
}

static Status hex_text(const EvalContext *ctx, Str bytes, Column *ret, uint32_t row, Error *err)
{
    static const char digits[] = "0123456789abcdef";
    char *out;
    TRY(func__text_new(ctx, bytes.len * 2, &out, err));
    for (size_t i = 0; i < bytes.len; i++) {
        out[i * 2] = digits[(unsigned char)bytes.ptr[i] >> 4];
        out[i * 2 + 1] = digits[(unsigned char)bytes.ptr[i] & 15];
    }
    func__set_str(ret, row, str_make(out, bytes.len * 2));
    return STATUS_OK;
}

static Status digest(const EvalContext *ctx, const EVP_MD *md, Str bytes, bool as_text, Column *ret,
                     uint32_t row, Error *err)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    if (!EVP_Digest(bytes.ptr ? bytes.ptr : "", bytes.len, out, &len, md, NULL))
        return error_set(err, STATUS_INTERNAL, "the digest could not be computed");
    Str result = str_make(out, len);
    return as_text ? hex_text(ctx, result, ret, row, err)
                   : func__set_copy(ctx, ret, row, result, err);
}
ROW_KERNEL(md5)
{
    return digest(ctx, EVP_md5(), ARG_STR(0), true, ret, row, err);
}
#define SHA(name, md)                                                                              \
    ROW_KERNEL(name)                                                                               \
    {                                                                                              \
        return digest(ctx, md(), ARG_STR(0), false, ret, row, err);                                \
    }
SHA(sha224, EVP_sha224)
SHA(sha256, EVP_sha256)
SHA(sha384, EVP_sha384)
SHA(sha512, EVP_sha512)

static Status to_hex(const EvalContext *ctx, uint64_t value, Column *ret, uint32_t row, Error *err)
{
    char out[16];
    size_t len = 0;
    do {
        out[sizeof out - ++len] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    return func__set_copy(ctx, ret, row, str_make(out + sizeof out - len, len), err);
}
ROW_KERNEL(to_hex_4)
{
    return to_hex(ctx, (uint32_t)ARG(int32_t, 0), ret, row, err);
}
ROW_KERNEL(to_hex_8)
{
    return to_hex(ctx, (uint64_t)ARG(int64_t, 0), ret, row, err);
}

static Status bad_encoding(Error *err, Str name)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "unrecognized encoding: \"%.*s\"",
                         STR_FMT(name));
}

/* PostgreSQL breaks base64 lines after 76 characters. */
static Status base64_text(const EvalContext *ctx, Str bytes, Column *ret, uint32_t row, Error *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out;
    size_t len = 0;
    TRY(func__text_new(ctx, bytes.len / 3 * 4 + bytes.len / 57 + 8, &out, err));
    for (size_t i = 0, column = 0; i < bytes.len; i += 3) {
        uint32_t word = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        size_t left = bytes.len - i;
        if (left > 1)
            word |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            word |= (unsigned char)bytes.ptr[i + 2];
        if (column == 76) {
            out[len++] = '\n';
            column = 0;
        }
        out[len++] = digits[word >> 18 & 63];
        out[len++] = digits[word >> 12 & 63];
        out[len++] = left > 1 ? digits[word >> 6 & 63] : '=';
        out[len++] = left > 2 ? digits[word & 63] : '=';
        column += 4;
    }
    func__set_str(ret, row, str_make(out, len));
    return STATUS_OK;
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static Status base64_bytes(const EvalContext *ctx, Str text, Column *ret, uint32_t row, Error *err)
{
    char *out;
    size_t len = 0;
    uint32_t word = 0;
    int have = 0;
    int pads = 0;
    TRY(func__text_new(ctx, text.len / 4 * 3 + 4, &out, err));
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r')
            continue;
        int value = c == '=' ? 0 : base64_value(c);
        pads += c == '=';
        if (value < 0 || (pads && c != '=') || pads > 2)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "invalid symbol \"%c\" found while decoding base64 sequence", c);
        word = word << 6 | (uint32_t)value;
        if (++have < 4)
            continue;
        out[len++] = (char)(word >> 16);
        out[len++] = (char)(word >> 8);
        out[len++] = (char)word;
        have = 0;
        word = 0;
    }
    if (have)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "invalid base64 end sequence");
    func__set_str(ret, row, str_make(out, len - (size_t)pads));
    return STATUS_OK;
}

ROW_KERNEL(encode)
{
    Str bytes = ARG_STR(0);
    Str form = ARG_STR(1);
    if (str_eq_nocase(form, STR("hex")))
        return hex_text(ctx, bytes, ret, row, err);
    if (str_eq_nocase(form, STR("base64")))
        return base64_text(ctx, bytes, ret, row, err);
    if (!str_eq_nocase(form, STR("escape")))
        return bad_encoding(err, form);
    CLEANUP(buf_done) Buf out = {0};
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        if (c == '\\')
            buf_append_lit(&out, "\\\\");
        else if (c == 0 || c >= 0x80)
            buf_printf(&out, "\\%03o", c);
        else
            buf_append_byte(&out, c);
    }
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

ROW_KERNEL(decode)
{
    Str text = ARG_STR(0);
    Str form = ARG_STR(1);
    if (str_eq_nocase(form, STR("base64")))
        return base64_bytes(ctx, text, ret, row, err);
    Str out;
    if (str_eq_nocase(form, STR("hex"))) {
        char *prefixed;
        TRY(func__text_new(ctx, text.len + 2, &prefixed, err));
        memcpy(prefixed, "\\x", 2);
        memcpy(prefixed + 2, text.ptr, text.len);
        TRY(pgtype_parse_bytea(str_make(prefixed, text.len + 2), ctx->arena, &out, err));
    } else if (str_eq_nocase(form, STR("escape"))) {
        TRY(pgtype_parse_bytea(text, ctx->arena, &out, err));
    } else {
        return bad_encoding(err, form);
    }
    SET_STR(out);
    return STATUS_OK;
}

/* convert_from / convert_to: only UTF-8 is stored. */
ROW_KERNEL(utf8_bytes)
{
    Str encoding = ARG_STR(1);
    Str bytes = ARG_STR(0);
    if (!str_eq_nocase(encoding, STR("utf8")) && !str_eq_nocase(encoding, STR("utf-8")))
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "encoding \"%.*s\" is not supported, only UTF8", STR_FMT(encoding));
    if (!str_utf8_valid(bytes))
        return error_set_sql(err, STATUS_INVALID, "22021", 0,
                             "invalid byte sequence for encoding \"UTF8\"");
    SET_STR(bytes);
    return STATUS_OK;
}

ROW_KERNEL(get_byte)
{
    Str bytes = ARG_STR(0);
    int32_t idx = ARG(int32_t, 1);
    if (idx < 0 || (size_t)idx >= bytes.len)
        return error_set_sql(err, STATUS_INVALID, "2202E", 0, "index %d out of valid range, 0..%zd",
                             idx, (ssize_t)bytes.len - 1);
    SET(int32_t, (unsigned char)bytes.ptr[idx]);
    return STATUS_OK;
}

#define TT T(TEXT)

static const Function functions[] = {
    FN("length", 1317, char_length, T(INT4), 1, TT),
    FN("length", 1318, bpchar_length, T(INT4), 1, T(BPCHAR)),
    FN("char_length", 1381, char_length, T(INT4), 1, TT),
    FN("character_length", 1369, char_length, T(INT4), 1, TT),
    FN("length", 2010, octet_length, T(INT4), 1, T(BYTEA)),
    FN("octet_length", 1374, octet_length, T(INT4), 1, TT),
    FN("octet_length", 720, octet_length, T(INT4), 1, T(BYTEA)),
    FN("bit_length", 1811, bit_length, T(INT4), 1, TT),
    FN("bit_length", 1810, bit_length, T(INT4), 1, T(BYTEA)),
    FN("lower", 870, lower, TT, 1, TT),
    FN("upper", 871, upper, TT, 1, TT),
    FN("initcap", 872, initcap, TT, 1, TT),
    OP("||", 1258, text_concat, TT, 2, TT, TT),
    OP("||", 2011, text_concat, T(BYTEA), 2, T(BYTEA), T(BYTEA)),
    OP("||", 2003, text_any_concat, TT, 2, TT, T(ANY)),
    OP("||", 2004, any_text_concat, TT, 2, T(ANY), TT),
    {.name = "concat",
     .oid = 3058,
     .arg_count = 1,
     .variadic = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANY)},
     .ret = TT,
     .kernel = concat},
    {.name = "concat_ws",
     .oid = 3059,
     .arg_count = 2,
     .variadic = true,
     .volatility = VOLATILITY_STABLE,
     .args = {TT, T(ANY)},
     .ret = TT,
     .kernel = concat_ws},
    FN("substring", 937, text_substring, TT, 2, TT, T(INT4)),
    FN("substring", 936, text_substring, TT, 3, TT, T(INT4), T(INT4)),
    FN("substr", 883, text_substring, TT, 2, TT, T(INT4)),
    FN("substr", 877, text_substring, TT, 3, TT, T(INT4), T(INT4)),
    FN("substring", 2013, bytea_substring, T(BYTEA), 2, T(BYTEA), T(INT4)),
    FN("substring", 2012, bytea_substring, T(BYTEA), 3, T(BYTEA), T(INT4), T(INT4)),
    FN("substr", 2086, bytea_substring, T(BYTEA), 2, T(BYTEA), T(INT4)),
    FN("substr", 2085, bytea_substring, T(BYTEA), 3, T(BYTEA), T(INT4), T(INT4)),
    FN("position", 849, strpos, T(INT4), 2, TT, TT),
    FN("strpos", 868, strpos, T(INT4), 2, TT, TT),
    FN("position", 2014, bytea_position, T(INT4), 2, T(BYTEA), T(BYTEA)),
    FN("left", 3060, left, TT, 2, TT, T(INT4)),
    FN("right", 3061, right, TT, 2, TT, T(INT4)),
    FN("lpad", 879, lpad, TT, 2, TT, T(INT4)),
    FN("lpad", 873, lpad, TT, 3, TT, T(INT4), TT),
    FN("rpad", 880, rpad, TT, 2, TT, T(INT4)),
    FN("rpad", 874, rpad, TT, 3, TT, T(INT4), TT),
    FN("btrim", 885, btrim, TT, 1, TT),
    FN("btrim", 884, btrim, TT, 2, TT, TT),
    FN("ltrim", 881, ltrim, TT, 1, TT),
    FN("ltrim", 875, ltrim, TT, 2, TT, TT),
    FN("rtrim", 882, rtrim, TT, 1, TT),
    FN("rtrim", 876, rtrim, TT, 2, TT, TT),
    FN("split_part", 2088, split_part, TT, 3, TT, TT, T(INT4)),
    FN("starts_with", 3696, starts_with, T(BOOL), 2, TT, TT),
    OP("^@", 0, starts_with, T(BOOL), 2, TT, TT),
    FN("replace", 2087, replace, TT, 3, TT, TT, TT),
    FN("translate", 878, translate, TT, 3, TT, TT, TT),
    FN("reverse", 3062, reverse, TT, 1, TT),
    FN("repeat", 1622, repeat, TT, 2, TT, T(INT4)),
    FN("overlay", 1405, overlay, TT, 3, TT, TT, T(INT4)),
    FN("overlay", 1404, overlay, TT, 4, TT, TT, T(INT4), T(INT4)),
    FN("chr", 1621, chr, TT, 1, T(INT4)),
    FN("ascii", 1620, ascii, T(INT4), 1, TT),
    FN("md5", 2311, md5, TT, 1, TT),
    FN("md5", 2321, md5, TT, 1, T(BYTEA)),
    FN("sha224", 3419, sha224, T(BYTEA), 1, T(BYTEA)),
    FN("sha256", 3420, sha256, T(BYTEA), 1, T(BYTEA)),
    FN("sha384", 3421, sha384, T(BYTEA), 1, T(BYTEA)),
    FN("sha512", 3422, sha512, T(BYTEA), 1, T(BYTEA)),
    FN("to_hex", 2089, to_hex_4, TT, 1, T(INT4)),
    FN("to_hex", 2090, to_hex_8, TT, 1, T(INT8)),
    FN("encode", 1946, encode, TT, 2, T(BYTEA), TT),
    FN("decode", 1947, decode, T(BYTEA), 2, TT, TT),
    FN("convert_from", 1714, utf8_bytes, TT, 2, T(BYTEA), T(NAME)),
    FN("convert_to", 1717, utf8_bytes, T(BYTEA), 2, TT, T(NAME)),
    FN("get_byte", 721, get_byte, T(INT4), 2, T(BYTEA), T(INT4)),
};
const FuncTable func__text_table = {functions, LUMA_ARRAY_LEN(functions)};

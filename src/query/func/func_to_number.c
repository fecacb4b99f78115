/* func_to_number.c - to_number(text, format): digits are taken where the format has places, other
 * characters of the format pass over one character of the text. */
#include <math.h>

#include "query/func/func_int.h"

typedef struct Reader {
    Str text;
    size_t at;
    bool negative;
    bool sign_seen;
    bool bracket;
    Buf digits;
} Reader;

static char peek(const Reader *r)
{
    return r->at < r->text.len ? r->text.ptr[r->at] : 0;
}

static void take_sign(Reader *r)
{
    char c = peek(r);
    if (r->sign_seen || (c != '-' && c != '+' && c != '<'))
        return;
    r->sign_seen = true;
    r->negative = c != '+';
    r->at++;
}

/* A place for a digit: blanks before it, and a sign that nobody asked for, are passed over. */
static void take_digit(Reader *r)
{
    while (peek(r) == ' ')
        r->at++;
    if (!r->digits.len)
        take_sign(r);
    if (peek(r) >= '0' && peek(r) <= '9')
        buf_append_byte(&r->digits, (uint8_t)r->text.ptr[r->at++]);
}

static void take_format_char(Reader *r, char c)
{
    switch (c) {
    case '9':
    case '0':
        take_digit(r);
        break;
    case '.':
    case 'D':
    case 'd':
        if (peek(r) == '.') {
            r->at++;
            if (str_find_byte(buf_str(&r->digits), '.') < 0)
                buf_append_byte(&r->digits, '.');
        }
        break;
    case ',':
    case 'G':
    case 'g':
        r->at += peek(r) == ',';
        break;
    case 'S':
    case 's':
        while (peek(r) == ' ')
            r->at++;
        take_sign(r);
        break;
    case 'L':
    case 'l':
        r->at += peek(r) == '$';
        break;
    case 'V':
    case 'v':
        break;
    default:
        r->at += r->at < r->text.len;
        break;
    }
}

static void read_all(Reader *r, Str format)
{
    for (size_t i = 0; i < format.len; i++) {
        Str two = str_sub(format, i, 2);
        bool sign = str_eq_nocase(two, STR("MI")) || str_eq_nocase(two, STR("PL")) ||
                    str_eq_nocase(two, STR("SG"));
        if (sign) {
            take_sign(r);
            i++;
        } else if (str_eq_nocase(two, STR("FM")) || str_eq_nocase(two, STR("PR"))) {
            i++;
        } else if (str_eq_nocase(two, STR("TH"))) {
            r->at = LUMA_MIN(r->at + 2, r->text.len);
            i++;
        } else if (format.ptr[i] != '"') {
            take_format_char(r, format.ptr[i]);
        }
    }
}

ROW_KERNEL(to_number)
{
    CLEANUP(buf_done) Buf text = {0};
    Reader r = {.text = ARG_STR(0)};
    Str format = ARG_STR(1);
    if (str_find(format, STR("EEEE")) >= 0 || str_find(format, STR("eeee")) >= 0)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "\"EEEE\" not supported for input");
    if (str_find(format, STR("RN")) >= 0 || str_find(format, STR("rn")) >= 0)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "\"RN\" not supported for input");
    int places = 0; /* digit places after V: the number is that many powers of ten smaller */
    for (size_t i = 0, v = 0; i < format.len; i++) {
        char c = format.ptr[i];
        v |= c == 'V' || c == 'v';
        places += v && (c == '9' || c == '0');
    }
    read_all(&r, format);
    buf_append_str(&text, r.negative ? STR("-") : STR(""));
    buf_append_str(&text, r.digits.len ? buf_str(&r.digits) : STR(" "));
    buf_done(&r.digits);
    View n, factor;
    TRY(numeric_parse(buf_str(&text), -1, ctx->arena, &n, err));
    if (places) {
        buf_clear(&text);
        buf_printf(&text, "%.*f", LUMA_MAX(places, 16), pow(10, -LUMA_MIN(places, 300)));
        TRY(numeric_parse(buf_str(&text), -1, ctx->arena, &factor, err));
        TRY(numeric_mul(&n, &factor, ctx->arena, &n, err));
    }
    SET(View, n);
    return STATUS_OK;
}

static const Function functions[] = {
    {.name = "to_number",
     .oid = 1777,
     .arg_count = 2,
     .strict = true,
     .volatility = VOLATILITY_STABLE,
     .args = {T(TEXT), T(TEXT)},
     .ret = T(NUMERIC),
     .kernel = to_number},
};
const FuncTable func__to_number_table = {functions, LUMA_ARRAY_LEN(functions)};

/* func_to_char_number.c - to_char of numbers, as PostgreSQL 15 prints them in the locale C.
 *
 * A pattern is walked twice: read_pattern counts its places and refuses what cannot go together
 * (42601), write_pattern fills the places with the digits of the rounded number. Places are counted
 * from the left; the number stands at the right end of those before the point, `pre_spaces` places
 * stay empty in front of it. A number that has more digits prints # in every place. */
#include <math.h>
#include <stdio.h>

#include "query/func/func_int.h"

typedef enum Key {
    KEY_LITERAL, /* one byte that stands for itself */
    KEY_COMMA,
    KEY_DEC,
    KEY_0,
    KEY_9,
    KEY_B,
    KEY_C,
    KEY_D,
    KEY_EEEE,
    KEY_FM,
    KEY_G,
    KEY_L,
    KEY_MI,
    KEY_PL,
    KEY_PR,
    KEY_RN,
    KEY_SG,
    KEY_SP,
    KEY_S,
    KEY_TH,
    KEY_V
} Key;

/* Longer names before those that begin them. Wholly upper or wholly lower case. */
static const struct {
    const char *upper, *lower;
    Key key;
} keys[] = {
    {",", ",", KEY_COMMA}, {".", ".", KEY_DEC},  {"0", "0", KEY_0},    {"9", "9", KEY_9},
    {"B", "b", KEY_B},     {"C", "c", KEY_C},    {"D", "d", KEY_D},    {"EEEE", "eeee", KEY_EEEE},
    {"FM", "fm", KEY_FM},  {"G", "g", KEY_G},    {"L", "l", KEY_L},    {"MI", "mi", KEY_MI},
    {"PL", "pl", KEY_PL},  {"PR", "pr", KEY_PR}, {"RN", "rn", KEY_RN}, {"SG", "sg", KEY_SG},
    {"SP", "sp", KEY_SP},  {"S", "s", KEY_S},    {"TH", "th", KEY_TH}, {"V", "v", KEY_V},
};

/* Walks a pattern. Text in double quotes is literal; a backslash there takes the next character,
 * elsewhere only a quote. */
typedef struct PatternReader {
    Str rest;
    bool quoted;
    bool upper; /* of the key just read */
} PatternReader;

static bool next_key(PatternReader *r, Key *ret_key, char *ret_literal)
{
    while (r->rest.len) {
        bool escape = false;
        if (r->rest.ptr[0] == '"') {
            r->quoted = !r->quoted;
            r->rest = str_sub(r->rest, 1, r->rest.len);
            continue;
        }
        if (r->rest.ptr[0] == '\\' && r->rest.len > 1)
            escape = r->quoted || r->rest.ptr[1] == '"';
        for (size_t i = 0; !r->quoted && !escape && i < LUMA_ARRAY_LEN(keys); i++) {
            Str upper = str_from(keys[i].upper);
            Str lower = str_from(keys[i].lower);
            r->upper = str_starts(r->rest, upper);
            if (!r->upper && !str_starts(r->rest, lower))
                continue;
            *ret_key = keys[i].key;
            r->rest = str_sub(r->rest, upper.len, r->rest.len);
            return true;
        }
        *ret_key = KEY_LITERAL;
        *ret_literal = r->rest.ptr[escape];
        r->rest = str_sub(r->rest, 1 + escape, r->rest.len);
        return true;
    }
    return false;
}

typedef enum SignPlace { SIGN_NONE, SIGN_BEFORE, SIGN_AFTER } SignPlace;

typedef struct NumberPattern {
    int32_t before; /* digit places before and after the point */
    int32_t after;
    int32_t multi;      /* digit places after V */
    int32_t zero_first; /* 1 + the first place that prints zeros; 0 = none */
    int32_t zero_end;   /* places up to the last 0 */
    int32_t sign_at;    /* places before S */
    SignPlace sign_place;
    bool decimal, sign, brackets, minus, plus, fill, zero, roman, v, blank, sci;
} NumberPattern;

#define REFUSE_IF(condition, text)                                                                 \
    do {                                                                                           \
        if (condition)                                                                             \
            return error_set_sql(err, STATUS_INVALID, "42601", 0, "%s", text);                     \
    } while (0)

static Status read_sign_key(NumberPattern *p, Key key, Error *err)
{
    switch (key) {
    case KEY_S:
        REFUSE_IF(p->sign, "cannot use \"S\" twice");
        REFUSE_IF(p->plus || p->minus || p->brackets,
                  "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together");
        p->sign_place = p->decimal ? SIGN_AFTER : SIGN_BEFORE;
        p->sign_at = p->before;
        p->sign = true;
        break;
    case KEY_MI:
        REFUSE_IF(p->sign, "cannot use \"S\" and \"MI\" together");
        p->minus = true;
        break;
    case KEY_PL:
        REFUSE_IF(p->sign, "cannot use \"S\" and \"PL\" together");
        p->plus = true;
        break;
    case KEY_SG:
        REFUSE_IF(p->sign, "cannot use \"S\" and \"SG\" together");
        p->minus = p->plus = true;
        break;
    default: /* KEY_PR */
        REFUSE_IF(p->sign || p->plus || p->minus,
                  "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together");
        p->brackets = true;
        break;
    }
    return STATUS_OK;
}

static Status read_key(NumberPattern *p, Key key, Error *err)
{
    REFUSE_IF(p->sci && key != KEY_EEEE, "\"EEEE\" must be the last pattern used");
    switch (key) {
    case KEY_9:
        REFUSE_IF(p->brackets, "\"9\" must be ahead of \"PR\"");
        if (p->v)
            p->multi++;
        else if (p->decimal)
            p->after++;
        else
            p->before++;
        break;
    case KEY_0:
        REFUSE_IF(p->brackets, "\"0\" must be ahead of \"PR\"");
        if (!p->zero && !p->decimal) {
            p->zero = true;
            p->zero_first = p->before + 1;
        }
        if (p->decimal)
            p->after++;
        else
            p->before++;
        p->zero_end = p->before + p->after;
        break;
    case KEY_B:
        p->blank |= !p->before && !p->after && !p->zero;
        break;
    case KEY_D:
    case KEY_DEC:
        REFUSE_IF(p->decimal, "multiple decimal points");
        REFUSE_IF(p->v, "cannot use \"V\" and decimal point together");
        p->decimal = true;
        break;
    case KEY_FM:
        p->fill = true;
        break;
    case KEY_S:
    case KEY_MI:
    case KEY_PL:
    case KEY_SG:
    case KEY_PR:
        return read_sign_key(p, key, err);
    case KEY_RN:
        p->roman = true;
        break;
    case KEY_V:
        REFUSE_IF(p->decimal, "cannot use \"V\" and decimal point together");
        p->v = true;
        break;
    case KEY_EEEE:
        REFUSE_IF(p->sci, "cannot use \"EEEE\" twice");
        REFUSE_IF(p->blank || p->fill || p->sign || p->brackets || p->minus || p->plus ||
                      p->roman || p->v,
                  "\"EEEE\" is incompatible with other formats");
        p->sci = true;
        break;
    default:
        break;
    }
    return STATUS_OK;
}

static Status read_pattern(Str pattern, NumberPattern *ret, Error *err)
{
    PatternReader r = {.rest = pattern};
    Key key;
    char literal;
    *ret = (NumberPattern){0};
    while (next_key(&r, &key, &literal))
        if (key != KEY_LITERAL)
            TRY(read_key(ret, key, err));
    return STATUS_OK;
}

/* ---------------------------------------------------------------- filling the places */

typedef struct Writer {
    const NumberPattern *p;
    Buf *out;
    Str number; /* digits with a point, no sign */
    size_t at;  /* next byte of it */
    char sign;
    bool sign_written;
    bool brackets;
    SignPlace sign_place;
    int32_t pre_spaces;
    int32_t place;           /* digit places and points so far */
    int32_t end_place;       /* where the number ends */
    bool digit_written;      /* by the place just before */
    ptrdiff_t last_relevant; /* FM: the last byte of `number` to print; -1 = all */
    ptrdiff_t cut;           /* the output ends here: places beyond the digits there are; -1 */
} Writer;

static void put(Writer *w, char c)
{
    buf_append_byte(w->out, (uint8_t)c);
}

static bool ends_at_point(const Writer *w)
{
    return w->last_relevant >= 0 && w->number.ptr[w->last_relevant] == '.';
}

/* The zero of 0.5, which 9.9 leaves blank. */
static bool is_blank_zero(const Writer *w)
{
    return !w->p->zero && w->at == 0 && w->number.len && w->number.ptr[0] == '0' && w->p->after;
}

static void put_leading_sign(Writer *w)
{
    bool due = !w->sign_written &&
               (w->place >= w->pre_spaces || (w->p->zero && w->p->zero_first - 1 == w->place)) &&
               (!is_blank_zero(w) || ends_at_point(w));
    if (!due || (w->p->sign && w->sign_place != SIGN_BEFORE))
        return;
    w->sign_written = true;
    if (w->p->sign)
        put(w, w->sign);
    else if (w->brackets)
        put(w, w->sign == '+' ? ' ' : '<');
    else if (w->sign == '-')
        put(w, '-');
    else if (!w->p->fill)
        put(w, ' ');
}

static void put_digit(Writer *w, Key key)
{
    char c = w->at < w->number.len ? w->number.ptr[w->at] : 0;
    if (c == '.') {
        put(w, '.');
    } else if (w->last_relevant >= 0 && (ptrdiff_t)w->at > w->last_relevant && key != KEY_0) {
        /* FM drops it */
    } else if (is_blank_zero(w)) {
        if (!w->p->fill)
            put(w, ' ');
        else if (ends_at_point(w))
            put(w, '0');
    } else if (c) {
        put(w, c);
        w->digit_written = true;
    } else {
        if (w->cut < 0)
            w->cut = (ptrdiff_t)w->out->len;
        w->digit_written = true;
    }
    w->at += c != 0;
}

static void put_place(Writer *w, Key key)
{
    int32_t zero_from = w->p->zero_first - 1;
    w->digit_written = false;
    put_leading_sign(w);
    if (w->place >= w->pre_spaces) {
        put_digit(w, key);
    } else if (!w->p->zero || zero_from > w->place) {
        if (!w->p->fill)
            put(w, ' ');
    } else {
        put(w, '0');
        w->digit_written = true;
    }
    int32_t end = w->end_place;
    if (w->last_relevant >= 0 && w->last_relevant == (ptrdiff_t)w->at)
        end = w->place;
    if (w->place + 1 == end) {
        if (w->sign_written && w->brackets)
            put(w, w->sign == '+' ? ' ' : '>');
        else if (w->p->sign && w->sign_place == SIGN_AFTER)
            put(w, w->sign);
    }
    w->place++;
}

static void put_ordinal(Writer *w, bool upper)
{
    char last = w->number.len ? w->number.ptr[w->number.len - 1] : '0';
    bool teen = w->number.len > 1 && w->number.ptr[w->number.len - 2] == '1';
    const char *suffix = teen          ? "th"
                         : last == '1' ? "st"
                         : last == '2' ? "nd"
                         : last == '3' ? "rd"
                                       : "th";
    if (w->number.len && (w->number.ptr[0] == '#' || w->p->decimal || w->sign == '-'))
        return;
    for (int i = 0; i < 2; i++)
        put(w, (char)(upper ? suffix[i] & ~0x20 : suffix[i]));
}

static void put_separator(Writer *w)
{
    if (w->digit_written)
        put(w, ',');
    else if (!w->p->fill)
        put(w, ' ');
}

static void put_mark(Writer *w, char want)
{
    if (w->sign == want)
        put(w, want);
    else if (!w->p->fill)
        put(w, ' ');
}

/* What FM leaves away: zeros at the end of the fraction, unless a 0 of the pattern asks for them.
 */
static ptrdiff_t find_last_relevant(const NumberPattern *p, Str number, int32_t pre_spaces)
{
    ptrdiff_t last = p->fill && p->decimal ? str_find_byte(number, '.') : -1;
    if (last < 0)
        return -1;
    for (size_t i = (size_t)last + 1; i < number.len; i++)
        if (number.ptr[i] != '0')
            last = (ptrdiff_t)i;
    if (p->zero_end > pre_spaces)
        last = LUMA_MAX(last, LUMA_MIN((ptrdiff_t)number.len - 1, p->zero_end - pre_spaces));
    return last;
}

static void write_pattern(Str pattern, const NumberPattern *p, Str number, char sign,
                          int32_t pre_spaces, Buf *out)
{
    Writer w = {.p = p,
                .out = out,
                .number = number,
                .sign = sign,
                .brackets = p->brackets,
                .sign_place = p->sign_place,
                .pre_spaces = pre_spaces,
                .cut = -1};
    if (p->plus || p->minus) {
        w.sign_written = p->minus;
    } else {
        w.brackets &= !(sign != '-' && p->fill);
        w.sign_written = sign == '+' && p->fill && !p->sign;
        if (p->sign_place == SIGN_BEFORE && p->before == p->sign_at)
            w.sign_place = SIGN_AFTER;
    }
    w.last_relevant = find_last_relevant(p, number, pre_spaces);
    w.end_place = p->after + p->before - 1 + (!w.sign_written && !pre_spaces) + (pre_spaces != 0) +
                  p->decimal;
    PatternReader r = {.rest = pattern};
    Key key;
    char literal = 0;
    while (next_key(&r, &key, &literal)) {
        switch (key) {
        case KEY_LITERAL:
            put(&w, literal);
            break;
        case KEY_9:
        case KEY_0:
        case KEY_DEC:
        case KEY_D:
            put_place(&w, key);
            break;
        case KEY_COMMA:
        case KEY_G:
            put_separator(&w);
            break;
        case KEY_L: /* the locale C has no currency */
            put(&w, ' ');
            break;
        case KEY_TH:
            put_ordinal(&w, r.upper);
            break;
        case KEY_MI:
            put_mark(&w, '-');
            break;
        case KEY_PL:
            put_mark(&w, '+');
            break;
        case KEY_SG:
            put(&w, sign);
            break;
        default:
            break;
        }
    }
    if (w.cut >= 0)
        out->len = (size_t)w.cut;
}

/* ---------------------------------------------------------------- roman and scientific */

static void write_roman(Str pattern, const NumberPattern *p, int64_t value, Buf *out)
{
    static const char *const digits[3][9] = {
        {"I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"},
        {"X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"},
        {"C", "CC", "CCC", "CD", "D", "DC", "DCC", "DCCC", "CM"},
    };
    char text[16] = "###############";
    if (value >= 1 && value <= 3999) {
        int len = snprintf(text, sizeof text, "%.*s", (int)(value / 1000), "MMM");
        int64_t unit = 100;
        for (int i = 2; i >= 0; i--, unit /= 10)
            if (value / unit % 10)
                len += snprintf(text + len, sizeof text - (size_t)len, "%s",
                                digits[i][value / unit % 10 - 1]);
    }
    PatternReader r = {.rest = pattern};
    Key key;
    char literal;
    while (next_key(&r, &key, &literal)) {
        if (key == KEY_LITERAL) {
            buf_append_byte(out, (uint8_t)literal);
        } else if (key == KEY_RN) {
            size_t from = out->len;
            buf_printf(out, "%*s", p->fill ? 0 : 15, text);
            for (size_t i = from; !r.upper && i < out->len; i++)
                if (out->ptr[i] >= 'A' && out->ptr[i] <= 'Z')
                    out->ptr[i] = (char)(out->ptr[i] | 0x20);
        } else if (key == KEY_L) {
            buf_append_byte(out, ' ');
        } else if ((key == KEY_COMMA || key == KEY_G || key == KEY_MI || key == KEY_PL) &&
                   !p->fill) {
            buf_append_byte(out, ' ');
        }
    }
}

static void write_hashes(Buf *out, int32_t count)
{
    memset(buf_reserve(out, (size_t)count), '#', (size_t)count);
    out->len += (size_t)count;
}

/* Infinite and not a number: " #.####", six more than the places. */
static void write_sci_special(const NumberPattern *p, Buf *out)
{
    write_hashes(out, p->before + p->after + 6);
    out->ptr[0] = ' ';
    out->ptr[p->before + 1] = '.';
}

static void write_sci_float(const NumberPattern *p, double value, Buf *out)
{
    if (!isfinite(value)) {
        write_sci_special(p, out);
        return;
    }
    buf_printf(out, "%+.*e", (int)p->after, value);
    if (out->ptr[0] == '+')
        out->ptr[0] = ' ';
}

/* Exact, whatever the number of digits. */
static Status write_sci_numeric(const EvalContext *ctx, const NumberPattern *p, View n, Buf *out,
                                Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    CLEANUP(buf_done) Buf moved = {0};
    if (numeric_is_nan(&n) || numeric_is_infinite(&n)) {
        write_sci_special(p, out);
        return STATUS_OK;
    }
    bool negative = numeric_sign(&n) < 0;
    TRY(numeric_abs(&n, ctx->arena, &n, err));
    numeric_append_text(&n, &text);
    Str digits = buf_str(&text);
    ptrdiff_t point = str_find_byte(digits, '.');
    ptrdiff_t whole = point < 0 ? (ptrdiff_t)digits.len : point;
    size_t first = 0;
    while (first < digits.len && (digits.ptr[first] == '0' || digits.ptr[first] == '.'))
        first++;
    int exponent = 0;
    if (first == digits.len)
        first = 0;
    else
        exponent = (int)(whole - (ptrdiff_t)first - ((ptrdiff_t)first < whole));
    for (size_t i = first; i < digits.len; i++) {
        if (digits.ptr[i] != '.')
            buf_append_byte(&moved, (uint8_t)digits.ptr[i]);
        if (i == first)
            buf_append_byte(&moved, '.');
    }
    View sig;
    TRY(numeric_parse(buf_str(&moved), -1, ctx->arena, &sig, err));
    TRY(numeric_round(&sig, p->after, ctx->arena, &sig, err));
    buf_append_byte(out, negative ? '-' : ' ');
    numeric_append_text(&sig, out);
    buf_printf(out, "e%+03d", exponent);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- the kernels */

/* Writes a signed decimal text whose fraction has p->after digits. */
static void write_text(Str pattern, const NumberPattern *p, Str text, Buf *out)
{
    CLEANUP(buf_done) Buf hashes = {0};
    bool negative = text.len && text.ptr[0] == '-';
    Str number = negative ? str_sub(text, 1, text.len) : text;
    ptrdiff_t point = str_find_byte(number, '.');
    int32_t whole = (int32_t)(point < 0 ? (ptrdiff_t)number.len : point);
    if (whole > p->before) {
        write_hashes(&hashes, p->before + p->after + 1);
        hashes.ptr[p->before] = '.';
        number = buf_str(&hashes);
        whole = p->before;
    }
    write_pattern(pattern, p, number, negative ? '-' : '+', p->before - whole, out);
}

static Status write_numeric(const EvalContext *ctx, Str pattern, NumberPattern *p, View n, Buf *out,
                            Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    if (p->sci)
        return write_sci_numeric(ctx, p, n, out, err);
    if (p->roman) {
        int64_t value;
        TRY(numeric_to_i64(&n, INT32_MIN, INT32_MAX, "integer", &value, err));
        write_roman(pattern, p, value, out);
        return STATUS_OK;
    }
    if (p->v) {
        View factor;
        buf_printf(&text, "1e%d", p->multi);
        TRY(numeric_parse(buf_str(&text), -1, ctx->arena, &factor, err));
        TRY(numeric_mul(&n, &factor, ctx->arena, &n, err));
        buf_clear(&text);
        p->before += p->multi;
    }
    TRY(numeric_round(&n, p->after, ctx->arena, &n, err));
    numeric_append_text(&n, &text);
    write_text(pattern, p, buf_str(&text), out);
    return STATUS_OK;
}

static Status write_int(const EvalContext *ctx, Str pattern, NumberPattern *p, int64_t value,
                        bool wide, Buf *out, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    if (p->sci && wide)
        return write_sci_numeric(ctx, p, numeric_from_i64(value), out, err);
    if (p->sci) {
        write_sci_float(p, (double)value, out);
        return STATUS_OK;
    }
    if (p->roman) {
        if (value > INT32_MAX || value < INT32_MIN)
            return func__out_of_range(err, "integer");
        write_roman(pattern, p, value, out);
        return STATUS_OK;
    }
    for (int32_t i = 0; i < p->multi; i++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            (!wide && (value > INT32_MAX || value < INT32_MIN)))
            return func__out_of_range(err, wide ? "bigint" : "integer");
    p->before += p->multi;
    buf_printf(&text, "%lld", (long long)value);
    for (int32_t i = 0; i < p->after; i++)
        buf_append_str(&text, i ? STR("0") : STR(".0"));
    write_text(pattern, p, buf_str(&text), out);
    return STATUS_OK;
}

static void write_fixed(Buf *out, double value, int digits)
{
    if (isnan(value))
        buf_append_lit(out, "NaN");
    else if (isinf(value))
        buf_append_str(out, value < 0 ? STR("-Infinity") : STR("Infinity"));
    else
        buf_printf(out, "%.*f", digits, value);
}

/* `precision` digits of a float are worth printing: 15 or 6; those after them are cut off. */
static Status write_float(Str pattern, NumberPattern *p, double value, int32_t precision, Buf *out)
{
    CLEANUP(buf_done) Buf text = {0};
    if (p->sci) {
        write_sci_float(p, value, out);
        return STATUS_OK;
    }
    if (p->roman) {
        double whole = rint(value);
        write_roman(pattern, p, whole >= 1 && whole <= 3999 ? (int64_t)whole : 0, out);
        return STATUS_OK;
    }
    if (p->v) {
        value *= pow(10, p->multi);
        p->before += p->multi;
    }
    write_fixed(&text, fabs(value), 0);
    int32_t whole = (int32_t)text.len;
    if (whole >= precision)
        p->after = 0;
    else
        p->after = LUMA_MIN(p->after, precision - whole);
    buf_clear(&text);
    write_fixed(&text, value, (int)p->after);
    write_text(pattern, p, buf_str(&text), out);
    return STATUS_OK;
}

static Status number_to_char(const EvalContext *ctx, const Column *args, uint32_t row, Column *ret,
                             Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    Str pattern = ARG_STR(1);
    NumberPattern p;
    TRY(read_pattern(pattern, &p, err));
    switch (args[0].type.id) {
    case TYPE_NUMERIC:
        TRY(write_numeric(ctx, pattern, &p, ARG(View, 0), &out, err));
        break;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        TRY(write_float(pattern, &p, column_f64(&args[0], row),
                        args[0].type.id == TYPE_FLOAT4 ? 6 : 15, &out));
        break;
    default:
        TRY(write_int(ctx, pattern, &p, column_i64(&args[0], row), args[0].type.id == TYPE_INT8,
                      &out, err));
        break;
    }
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}
ROW_KERNEL(to_char_number)
{
    return number_to_char(ctx, args, row, ret, err);
}

#define STABLE_FN(oid_, type_)                                                                     \
    {                                                                                              \
        .name = "to_char", .oid = oid_, .arg_count = 2, .strict = true,                            \
        .volatility = VOLATILITY_STABLE, .args = {T(type_), T(TEXT)}, .ret = T(TEXT),              \
        .kernel = to_char_number                                                                   \
    }

static const Function functions[] = {
    STABLE_FN(1772, NUMERIC), STABLE_FN(1773, INT4),   STABLE_FN(1774, INT8),
    STABLE_FN(1775, FLOAT4),  STABLE_FN(1776, FLOAT8),
};
const FuncTable func__to_char_number_table = {functions, LUMA_ARRAY_LEN(functions)};

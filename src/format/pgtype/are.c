/* are.c - translates regular expressions in one pass over the pattern.
 *
 * PostgreSQL takes the longest match unless a quantifier is non-greedy; RE2 is told the same. The
 * syntax is that of the PostgreSQL manual, section 9.7.3. */
#include "format/pgtype/are.h"

#include "base/regex.h"

/* Letters and digits of any script, as in PostgreSQL with UTF-8. */
#define WORD_CLASS "\\pL\\p{Nd}_"

enum { REPEATS_MAX = 255, GROUP_DEPTH_MAX = 200 };

typedef struct Are {
    Str s;
    size_t at;
    int flags;
    int depth;
    uint32_t groups;
    bool lazy;        /* a non-greedy quantifier was seen */
    bool atom;        /* something a quantifier can stand behind */
    bool word_before; /* the character before the cursor is a word character, always */
    Buf *out;
    Error *err;
} Are;

static Status invalid(Are *a, const char *reason)
{
    return error_set_sql(a->err, STATUS_INVALID, "2201B", 0, "invalid regular expression: %s",
                         reason);
}

static Status refused(Are *a, const char *what)
{
    return error_set_sql(a->err, STATUS_UNSUPPORTED, "0A000", 0,
                         "%s in regular expressions are not supported", what);
}

static bool more(const Are *a)
{
    return a->at < a->s.len;
}

static char peek(const Are *a, size_t ahead)
{
    return a->at + ahead < a->s.len ? a->s.ptr[a->at + ahead] : 0;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void put_char(Are *a, char c)
{
    if (!is_word(c) && (unsigned char)c < 0x80 && (unsigned char)c > 0x20 && c != 0x7f)
        buf_append_byte(a->out, '\\');
    buf_append_byte(a->out, (uint8_t)c);
}

static void put_code(Are *a, uint32_t code)
{
    buf_printf(a->out, "\\x{%x}", code);
}

static int hex_value(char c)
{
    return is_digit(c)                              ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

static Status hex_escape(Are *a, size_t digits_min, size_t digits_max)
{
    uint32_t code = 0;
    size_t n = 0;
    for (; n < digits_max && more(a) && hex_value(peek(a, 0)) >= 0; n++)
        code = code << 4 | (uint32_t)hex_value(a->s.ptr[a->at++]);
    if (n < digits_min || code > 0x10FFFF)
        return invalid(a, "invalid escape \\ sequence");
    put_code(a, code);
    return STATUS_OK;
}

/* Escapes that stand for one character; the letter has been read. False in *ret_done when it is
 * none of them. */
static Status char_escape(Are *a, char c, bool *ret_done)
{
    *ret_done = true;
    switch (c) {
    case 'a':
        put_code(a, 7);
        return STATUS_OK;
    case 'b':
        put_code(a, 8);
        return STATUS_OK;
    case 'B':
        buf_append_lit(a->out, "\\\\");
        return STATUS_OK;
    case 'c':
        if (!more(a))
            return invalid(a, "invalid escape \\ sequence");
        put_code(a, (uint32_t)(a->s.ptr[a->at++] & 0x1f));
        return STATUS_OK;
    case 'e':
        put_code(a, 033);
        return STATUS_OK;
    case 'f':
    case 'n':
    case 'r':
    case 't':
    case 'v':
        buf_append_byte(a->out, '\\');
        buf_append_byte(a->out, (uint8_t)c);
        return STATUS_OK;
    case 'u':
        return hex_escape(a, 4, 4);
    case 'U':
        return hex_escape(a, 8, 8);
    case 'x':
        return hex_escape(a, 1, 8);
    case '0':
        put_code(a, 0);
        return STATUS_OK;
    default:
        *ret_done = false;
        return STATUS_OK;
    }
}

/* \1 ... : a back reference, or three octal digits when there are not so many groups. */
static Status digit_escape(Are *a, char first)
{
    uint32_t number = (uint32_t)(first - '0');
    size_t n = 1;
    uint32_t octal = number;
    while (n < 3 && is_digit(peek(a, n - 1))) {
        char c = peek(a, n - 1);
        number = number * 10 + (uint32_t)(c - '0');
        octal = octal * 8 + (uint32_t)(c - '0');
        n++;
    }
    if (n == 1 || number <= a->groups) {
        if (number > a->groups)
            return invalid(a, "invalid backreference number");
        return refused(a, "back references");
    }
    a->at += n - 1;
    put_code(a, octal & 0xff);
    return STATUS_OK;
}

/* Is the next thing one word character, always? */
static bool word_follows(const Are *a)
{
    size_t i = 0;
    while (peek(a, i) == '(' && peek(a, i + 1) != '?')
        i++;
    size_t end = i + 1;
    bool word = is_word(peek(a, i));
    if (peek(a, i) == '\\' && (peek(a, i + 1) == 'w' || peek(a, i + 1) == 'd')) {
        word = true;
        end = i + 2;
    }
    char then = peek(a, end);
    return word && then != '*' && then != '?' && then != '{' && then != '|';
}

static Status word_border(Are *a, bool start)
{
    bool exact = start ? word_follows(a) : a->word_before;
    if (!exact)
        return refused(a, start ? "starts of words (\\m)" : "ends of words (\\M)");
    buf_append_lit(a->out, "\\b");
    return STATUS_OK;
}

static Status escape(Are *a)
{
    bool done;
    a->at++;
    if (!more(a))
        return invalid(a, "invalid escape \\ sequence");
    char c = a->s.ptr[a->at++];
    bool word_before = a->word_before;
    a->atom = true;
    a->word_before = c == 'w' || c == 'd';
    if (!is_word(c) || c == '_') {
        put_char(a, c);
        return STATUS_OK;
    }
    if (c >= '1' && c <= '9')
        return digit_escape(a, c);
    TRY(char_escape(a, c, &done));
    if (done)
        return STATUS_OK;
    switch (c) {
    case 'd':
    case 'D':
    case 's':
    case 'S':
        buf_append_byte(a->out, '\\');
        buf_append_byte(a->out, (uint8_t)c);
        return STATUS_OK;
    case 'w':
        buf_append_lit(a->out, "[" WORD_CLASS "]");
        return STATUS_OK;
    case 'W':
        buf_append_lit(a->out, "[^" WORD_CLASS "]");
        return STATUS_OK;
    case 'A':
        buf_append_lit(a->out, "\\A");
        break;
    case 'Z':
        buf_append_lit(a->out, "\\z");
        break;
    case 'y':
        buf_append_lit(a->out, "\\b");
        break;
    case 'Y':
        buf_append_lit(a->out, "\\B");
        break;
    case 'm':
    case 'M':
        a->word_before = word_before;
        TRY(word_border(a, c == 'm'));
        break;
    default:
        return invalid(a, "invalid escape \\ sequence");
    }
    a->atom = false;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- brackets */

/* "[:alpha:]", "[.x.]", "[=x=]" inside brackets; the cursor stands on the inner '['. */
static Status bracket_class(Are *a)
{
    static const struct {
        const char *name;
        const char *class;
    } classes[] = {
        {"alnum", "\\pL\\p{Nd}"}, {"alpha", "\\pL"},      {"ascii", "[:ascii:]"},
        {"blank", "[:blank:]"},   {"cntrl", "[:cntrl:]"}, {"digit", "[:digit:]"},
        {"graph", "[:graph:]"},   {"lower", "\\p{Ll}"},   {"print", "[:print:]"},
        {"punct", "[:punct:]"},   {"space", "[:space:]"}, {"upper", "\\p{Lu}"},
        {"xdigit", "[:xdigit:]"}, {"word", WORD_CLASS},
    };
    char kind = peek(a, 1);
    size_t begin = a->at + 2;
    size_t end = begin;
    while (end + 1 < a->s.len && !(a->s.ptr[end] == kind && a->s.ptr[end + 1] == ']'))
        end++;
    if (end + 1 >= a->s.len)
        return invalid(a, "brackets [] not balanced");
    Str name = str_sub(a->s, begin, end - begin);
    a->at = end + 2;
    if (kind != ':') {
        uint32_t code;
        if (!name.len || str_utf8_decode(name, &code) != name.len)
            return invalid(a, "invalid collating element");
        put_code(a, code);
        return STATUS_OK;
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(classes); i++) {
        if (!str_eq(name, str_from(classes[i].name)))
            continue;
        buf_append_str(a->out, str_from(classes[i].class));
        return STATUS_OK;
    }
    return invalid(a, "invalid character class");
}

static Status bracket_escape(Are *a)
{
    bool done;
    a->at++;
    if (!more(a))
        return invalid(a, "invalid escape \\ sequence");
    char c = a->s.ptr[a->at++];
    if (c == 'w') {
        buf_append_lit(a->out, WORD_CLASS);
        return STATUS_OK;
    }
    if (c == 'W')
        return refused(a, "\\W inside brackets");
    if (c == 'd' || c == 's' || c == 'D' || c == 'S') {
        buf_append_byte(a->out, '\\');
        buf_append_byte(a->out, (uint8_t)c);
        return STATUS_OK;
    }
    TRY(char_escape(a, c, &done));
    if (done)
        return STATUS_OK;
    if (is_word(c) && c != '_')
        return invalid(a, "invalid escape \\ sequence");
    put_char(a, c);
    return STATUS_OK;
}

static Status bracket(Are *a)
{
    Str rest = str_sub(a->s, a->at, a->s.len);
    if (str_starts(rest, STR("[[:<:]]")) || str_starts(rest, STR("[[:>:]]"))) {
        bool start = rest.ptr[3] == '<';
        a->at += 7;
        a->atom = false;
        return word_border(a, start);
    }
    a->at++;
    buf_append_byte(a->out, '[');
    if (peek(a, 0) == '^') {
        a->at++;
        buf_append_byte(a->out, '^');
        if (a->flags & ARE_NEWLINE_STOPS)
            buf_append_lit(a->out, "\\n");
    }
    for (bool first = true;; first = false) {
        if (!more(a))
            return invalid(a, "brackets [] not balanced");
        char c = peek(a, 0);
        if (c == ']' && !first)
            break;
        if (c == '[' && (peek(a, 1) == ':' || peek(a, 1) == '.' || peek(a, 1) == '=')) {
            TRY(bracket_class(a));
            continue;
        }
        if (c == '\\') {
            TRY(bracket_escape(a));
            continue;
        }
        a->at++;
        /* A '-' between two others makes a range; first or last it is itself. */
        if (c == '-' && !first && peek(a, 0) != ']' && a->s.ptr[a->at - 2] != '^')
            buf_append_byte(a->out, '-');
        else
            put_char(a, c);
    }
    a->at++;
    buf_append_byte(a->out, ']');
    a->atom = true;
    a->word_before = false;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- quantifiers, groups */

static bool read_number(Are *a, uint32_t *ret)
{
    *ret = 0;
    bool some = false;
    for (; is_digit(peek(a, 0)); a->at++) {
        *ret = LUMA_MIN(*ret * 10 + (uint32_t)(peek(a, 0) - '0'), 10000u);
        some = true;
    }
    return some;
}

static Status bounds(Are *a)
{
    uint32_t low;
    uint32_t high = 0;
    bool open = false;
    bool has_high = false;
    a->at++;
    (void)read_number(a, &low); /* the caller has seen a digit */
    if (peek(a, 0) == ',') {
        a->at++;
        open = true;
        has_high = read_number(a, &high);
    }
    if (peek(a, 0) != '}')
        return invalid(a, "invalid repetition count(s)");
    a->at++;
    if (low > REPEATS_MAX || (has_high && (high > REPEATS_MAX || high < low)))
        return invalid(a, "invalid repetition count(s)");
    buf_printf(a->out, "{%u", low);
    if (open)
        buf_append_byte(a->out, ',');
    if (has_high)
        buf_printf(a->out, "%u", high);
    buf_append_byte(a->out, '}');
    a->word_before &= low > 0;
    return STATUS_OK;
}

static Status quantifier(Are *a, char c)
{
    if (!a->atom)
        return invalid(a, "quantifier operand invalid");
    if (c == '{') {
        TRY(bounds(a));
    } else {
        a->at++;
        buf_append_byte(a->out, (uint8_t)c);
        a->word_before &= c == '+';
    }
    if (peek(a, 0) == '?') {
        a->at++;
        a->lazy = true;
        buf_append_byte(a->out, '?');
    }
    a->atom = false;
    return STATUS_OK;
}

static Status open_group(Are *a)
{
    char kind = peek(a, 2);
    if (peek(a, 1) == '?' && kind == '#') {
        while (more(a) && peek(a, 0) != ')')
            a->at++;
        a->at++;
        return STATUS_OK;
    }
    if (peek(a, 1) == '?') {
        if (kind == '=' || kind == '!' || (kind == '<' && (peek(a, 3) == '=' || peek(a, 3) == '!')))
            return refused(a, "look-around constraints");
        if (kind != ':')
            return invalid(a, "quantifier operand invalid");
        a->at += 3;
        buf_append_lit(a->out, "(?:");
    } else {
        a->at++;
        a->groups++;
        buf_append_byte(a->out, '(');
    }
    if (++a->depth > GROUP_DEPTH_MAX)
        return invalid(a, "regular expression is too complex");
    a->atom = false;
    a->word_before = false;
    return STATUS_OK;
}

static Status close_group(Are *a)
{
    if (!a->depth)
        return invalid(a, "parentheses () not balanced");
    a->depth--;
    a->at++;
    buf_append_byte(a->out, ')');
    a->atom = true;
    a->word_before = false;
    return STATUS_OK;
}

static Status step(Are *a)
{
    char c = peek(a, 0);
    switch (c) {
    case '\\':
        return escape(a);
    case '[':
        return bracket(a);
    case '(':
        return open_group(a);
    case ')':
        return close_group(a);
    case '*':
    case '+':
    case '?':
        return quantifier(a, c);
    case '{':
        if (is_digit(peek(a, 1)))
            return quantifier(a, c);
        break;
    case '|':
    case '^':
    case '$':
        a->at++;
        buf_append_byte(a->out, (uint8_t)c);
        a->atom = false;
        a->word_before = false;
        return STATUS_OK;
    case '.':
        a->at++;
        buf_append_byte(a->out, '.');
        a->atom = true;
        a->word_before = false;
        return STATUS_OK;
    default:
        break;
    }
    if (a->flags & ARE_EXPANDED) {
        if (c == ' ' || (c >= '\t' && c <= '\r')) {
            a->at++;
            return STATUS_OK;
        }
        if (c == '#') {
            while (more(a) && peek(a, 0) != '\n')
                a->at++;
            return STATUS_OK;
        }
    }
    uint32_t code;
    size_t len = LUMA_MAX(str_utf8_decode(str_sub(a->s, a->at, a->s.len), &code), (size_t)1);
    if (len == 1)
        put_char(a, c);
    else
        buf_append(a->out, a->s.ptr + a->at, len);
    a->at += len;
    a->atom = true;
    a->word_before = is_word(c);
    return STATUS_OK;
}

/* ***= and ***: in front of all, then (?xyz). */
static Status embedded_options(Are *a)
{
    if (str_starts(a->s, STR("***="))) {
        a->at = 4;
        a->flags |= ARE_LITERAL;
        return STATUS_OK;
    }
    if (str_starts(a->s, STR("***:")))
        a->at = 4;
    else if (str_starts(a->s, STR("***")))
        return invalid(a, "invalid regexp (reg version 0.8)");
    char c = peek(a, 2);
    if (peek(a, 0) != '(' || peek(a, 1) != '?' || !((c >= 'a' && c <= 'z') || c == ')'))
        return STATUS_OK;
    for (a->at += 2; more(a) && peek(a, 0) != ')'; a->at++) {
        switch (peek(a, 0)) {
        case 'b':
        case 'e':
            return refused(a, "the options b and e");
        case 'c':
            a->flags &= ~ARE_NOCASE;
            break;
        case 'i':
            a->flags |= ARE_NOCASE;
            break;
        case 'm':
        case 'n':
            a->flags |= ARE_NEWLINE_STOPS | ARE_NEWLINE_ANCHORS;
            break;
        case 'p':
            a->flags = (a->flags | ARE_NEWLINE_STOPS) & ~ARE_NEWLINE_ANCHORS;
            break;
        case 'q':
            a->flags |= ARE_LITERAL;
            break;
        case 's':
            a->flags &= ~(ARE_NEWLINE_STOPS | ARE_NEWLINE_ANCHORS);
            break;
        case 't':
            a->flags &= ~ARE_EXPANDED;
            break;
        case 'w':
            a->flags = (a->flags | ARE_NEWLINE_ANCHORS) & ~ARE_NEWLINE_STOPS;
            break;
        case 'x':
            a->flags |= ARE_EXPANDED;
            break;
        default:
            return invalid(a, "invalid embedded option");
        }
    }
    if (!more(a))
        return invalid(a, "invalid embedded option");
    a->at++;
    return STATUS_OK;
}

Status are_translate(Str pattern, int flags, Buf *out, int *ret_regex_flags, Error *err)
{
    Are a = {.s = pattern, .flags = flags, .out = out, .err = err};
    if (!(flags & ARE_LITERAL))
        TRY(embedded_options(&a));
    if (a.flags & ARE_NEWLINE_ANCHORS)
        buf_append_lit(out, "(?m)");
    while (more(&a) && (a.flags & ARE_LITERAL))
        put_char(&a, a.s.ptr[a.at++]);
    while (more(&a))
        TRY(step(&a));
    if (a.depth)
        return invalid(&a, "parentheses () not balanced");
    *ret_regex_flags = (a.flags & ARE_NEWLINE_STOPS ? 0 : REGEX_DOT_NEWLINE) |
                       (a.flags & ARE_NOCASE ? REGEX_NOCASE : 0) | (a.lazy ? 0 : REGEX_LONGEST);
    return STATUS_OK;
}

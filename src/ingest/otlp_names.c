/* otlp_names.c - OpenTelemetry's names as Prometheus' (prometheus/otlptranslator; OpenTelemetry
 * specification, "Prometheus and OpenMetrics Compatibility").
 *
 * Name tokens are what lies between characters that Prometheus' classic names cannot hold; unit
 * and type add tokens unless they are there already:
 *
 *   http.server.duration, ms, histogram   ->  http_server_duration_milliseconds
 */
#include "base/buf.h"
#include "ingest/otlp_int.h"

static const char *const translations[] = {
    [OTLP_UNDERSCORES_WITH_SUFFIXES] = "UnderscoreEscapingWithSuffixes",
    [OTLP_UNDERSCORES] = "UnderscoreEscapingWithoutSuffixes",
    [OTLP_UTF8_WITH_SUFFIXES] = "NoUTF8EscapingWithSuffixes",
    [OTLP_NO_TRANSLATION] = "NoTranslation",
};

bool otlp_translation_parse(Str name, OtlpTranslation *ret_translation)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(translations); i++)
        if (str_eq(name, str_from(translations[i]))) {
            *ret_translation = (OtlpTranslation)i;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------- units */

typedef struct UnitName {
    const char *unit; /* UCUM */
    const char *name;
} UnitName;

static const UnitName units[] = {
    {"d", "days"},
    {"h", "hours"},
    {"min", "minutes"},
    {"s", "seconds"},
    {"ms", "milliseconds"},
    {"us", "microseconds"},
    {"ns", "nanoseconds"},
    {"By", "bytes"},
    {"KiBy", "kibibytes"},
    {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},
    {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},
    {"MBy", "megabytes"},
    {"GBy", "gigabytes"},
    {"TBy", "terabytes"},
    {"m", "meters"},
    {"V", "volts"},
    {"A", "amperes"},
    {"J", "joules"},
    {"W", "watts"},
    {"g", "grams"},
    {"Cel", "celsius"},
    {"Hz", "hertz"},
    {"1", ""},
    {"%", "percent"},
};

static const UnitName per_units[] = {
    {"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
    {"w", "week"},   {"mo", "month"}, {"y", "year"},
};

static Str unit_name(const UnitName *names, size_t count, Str unit)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(unit, str_from(names[i].unit)))
            return str_from(names[i].name);
    return unit;
}

static bool has_braces(Str s)
{
    return str_find_byte(s, '{') >= 0 || str_find_byte(s, '}') >= 0;
}

/* "By/s" -> "bytes" and "per_second"; what stands in braces is an annotation and no unit. */
static void split_unit(Str unit, Arena *arena, Str *ret_main, Str *ret_per)
{
    ptrdiff_t slash = str_find_byte(unit, '/');
    Str main_unit = str_trim(slash < 0 ? unit : str_sub(unit, 0, (size_t)slash));
    Str per_unit = slash < 0 ? STR("") : str_trim(str_sub(unit, (size_t)slash + 1, unit.len));

    *ret_main = *ret_per = STR("");
    if (main_unit.len && !has_braces(main_unit))
        *ret_main = unit_name(units, LUMA_ARRAY_LEN(units), main_unit);
    if (per_unit.len && !has_braces(per_unit)) {
        Str name = unit_name(per_units, LUMA_ARRAY_LEN(per_units), per_unit);
        *ret_per = arena_printf(arena, "per_%.*s", STR_FMT(name));
    }
}

/* ---------------------------------------------------------------- classic names */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

static bool is_metric_char(char c)
{
    return is_name_char(c) || c == ':';
}

/* Bytes of the code point at s[at]: a character of several bytes becomes one '_'. */
static size_t char_len(Str s, size_t at)
{
    uint32_t code_point;
    size_t len = str_utf8_decode(str_sub(s, at, s.len), &code_point);
    return len ? len : 1;
}

/* Characters that a name cannot hold become '_', runs of '_' one, none at the front. */
static Str clean_unit(Str unit, Arena *arena)
{
    char *out = arena_alloc(arena, unit.len + 1);
    size_t n = 0;

    for (size_t i = 0; i < unit.len; i += char_len(unit, i)) {
        if (is_metric_char(unit.ptr[i]))
            out[n++] = unit.ptr[i];
        else if (n && out[n - 1] != '_')
            out[n++] = '_';
    }
    return str_make(out, n);
}

typedef struct Tokens {
    Str *items; /* arena */
    uint32_t count;
    uint32_t cap;
} Tokens;

static bool has_token(const Tokens *tokens, Str token)
{
    for (uint32_t i = 0; i < tokens->count; i++)
        if (str_eq(tokens->items[i], token))
            return true;
    return false;
}

/* Moves it to the end, or puts it there. */
static void end_with_token(Tokens *tokens, Str token, Arena *arena)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < tokens->count; i++)
        if (!str_eq(tokens->items[i], token))
            tokens->items[kept++] = tokens->items[i];
    tokens->count = kept;
    ARENA_PUSH(arena, tokens->items, tokens->count, tokens->cap, token);
}

static void split_tokens(Str name, bool keep_underscores, Tokens *tokens, Arena *arena)
{
    size_t begin = 0;

    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len &&
            (is_metric_char(name.ptr[i]) || (keep_underscores && name.ptr[i] == '_')))
            continue;
        if (i > begin)
            ARENA_PUSH(arena, tokens->items, tokens->count, tokens->cap,
                       str_sub(name, begin, i - begin));
        begin = i + 1;
    }
}

static Str without_last_underscore(Str s)
{
    return str_ends(s, STR("_")) ? str_sub(s, 0, s.len - 1) : s;
}

static void add_unit_tokens(Tokens *tokens, Str unit, Arena *arena)
{
    Str main_unit;
    Str per_unit;

    split_unit(unit, arena, &main_unit, &per_unit);
    main_unit = clean_unit(main_unit, arena);
    per_unit = clean_unit(per_unit, arena);
    if (has_token(tokens, main_unit))
        main_unit = STR("");
    per_unit = str_eq(per_unit, STR("per_")) ? STR("") : without_last_underscore(per_unit);
    if (has_token(tokens, per_unit))
        per_unit = STR("");
    if (per_unit.len)
        main_unit = without_last_underscore(main_unit);
    if (main_unit.len)
        ARENA_PUSH(arena, tokens->items, tokens->count, tokens->cap, main_unit);
    if (per_unit.len)
        ARENA_PUSH(arena, tokens->items, tokens->count, tokens->cap, per_unit);
}

static Str join_tokens(const Tokens *tokens, Arena *arena)
{
    size_t len = 1;
    size_t n = 0;

    for (uint32_t i = 0; i < tokens->count; i++)
        len += tokens->items[i].len + 1;
    char *out = arena_alloc(arena, len);
    if (tokens->count && is_digit(tokens->items[0].ptr[0]))
        out[n++] = '_'; /* a name cannot begin with a digit */
    for (uint32_t i = 0; i < tokens->count; i++) {
        if (i)
            out[n++] = '_';
        memcpy(out + n, tokens->items[i].ptr, tokens->items[i].len);
        n += tokens->items[i].len;
    }
    return str_make(out, n);
}

static Str classic_name(Str name, Str unit, OtlpMetricKind kind, bool suffixes, Arena *arena)
{
    Tokens tokens = {0};

    split_tokens(name, !suffixes, &tokens, arena);
    if (suffixes) {
        add_unit_tokens(&tokens, unit, arena);
        if (kind == OTLP_METRIC_COUNTER)
            end_with_token(&tokens, STR("total"), arena);
        if (kind == OTLP_METRIC_GAUGE && str_eq(unit, STR("1")))
            end_with_token(&tokens, STR("ratio"), arena);
    }
    Str joined = join_tokens(&tokens, arena);
    if (str_eq(joined, name))
        return joined;
    for (size_t i = 0; i < joined.len; i++)
        if (joined.ptr[i] != '_')
            return joined;
    return STR("");
}

/* ---------------------------------------------------------------- UTF-8 names */

/* Cuts the suffix and the character before it off. */
static Str trim_suffix(Str name, Str suffix)
{
    if (str_ends(name, suffix) && name.len > suffix.len + 1)
        return str_sub(name, 0, name.len - suffix.len - 1);
    return name;
}

static Str utf8_name_with_suffixes(Str name, Str unit, OtlpMetricKind kind, Arena *arena)
{
    CLEANUP(buf_done) Buf out = {0};
    Str type_suffix = STR("");
    Str main_unit;
    Str per_unit;

    if (kind == OTLP_METRIC_GAUGE && str_eq(unit, STR("1")))
        type_suffix = STR("ratio");
    if (kind == OTLP_METRIC_COUNTER)
        type_suffix = STR("total");
    if (type_suffix.len)
        name = trim_suffix(name, type_suffix);
    split_unit(unit, arena, &main_unit, &per_unit);
    if (per_unit.len)
        name = trim_suffix(name, per_unit);
    buf_append_str(&out, name);
    if (main_unit.len && !str_ends(name, main_unit))
        buf_printf(&out, "_%.*s", STR_FMT(main_unit));
    if (per_unit.len)
        buf_printf(&out, "_%.*s", STR_FMT(per_unit));
    if (type_suffix.len)
        buf_printf(&out, "_%.*s", STR_FMT(type_suffix));
    return arena_str(arena, buf_str(&out));
}

Str otlp__metric_name(Str name, Str unit, OtlpMetricKind kind, OtlpTranslation translation,
                      Arena *arena)
{
    switch (translation) {
    case OTLP_UNDERSCORES_WITH_SUFFIXES:
        return classic_name(name, unit, kind, true, arena);
    case OTLP_UNDERSCORES:
        return classic_name(name, unit, kind, false, arena);
    case OTLP_UTF8_WITH_SUFFIXES:
        return name.len ? utf8_name_with_suffixes(name, unit, kind, arena) : name;
    case OTLP_NO_TRANSLATION:
        break;
    }
    return name;
}

Str otlp__label_name(Str name, OtlpTranslation translation, Arena *arena)
{
    bool classic = translation == OTLP_UNDERSCORES_WITH_SUFFIXES || translation == OTLP_UNDERSCORES;
    bool any = false;
    size_t n = 0;

    if (!classic || !name.len)
        return name;
    char *out = arena_alloc(arena, name.len + 5);
    if (is_digit(name.ptr[0])) {
        memcpy(out, "key_", 4);
        n = 4;
        any = true;
    }
    size_t begin = n;
    for (size_t i = 0; i < name.len; i += char_len(name, i)) {
        bool good = is_name_char(name.ptr[i]);
        out[n++] = good ? name.ptr[i] : '_';
        any |= good;
    }
    if (!any && !str_eq(str_make(out, n), name))
        return STR("");
    if (out[begin] == '_' && !(n > begin + 1 && out[begin + 1] == '_')) {
        memmove(out + begin + 3, out + begin, n - begin);
        memcpy(out + begin, "key", 3);
        n += 3;
    }
    return str_make(out, n);
}

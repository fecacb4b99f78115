/* func_regexp_find.c - regexp_match, regexp_replace, regexp_split ...: what a regular expression
 * finds in a text. Positions in arguments and results count characters from 1. */
#include "base/regex.h"
#include "format/pgtype/are.h"
#include "query/func/func_int.h"

enum { GROUPS_MAX = 64 };

typedef struct Options {
    int flags; /* AreFlags */
    bool global;
} Options;

/* Letters of the functions; 'g' is told apart. */
static Status parse_options(Str letters, Options *ret, Error *err)
{
    *ret = (Options){0};
    for (size_t i = 0; i < letters.len; i++) {
        switch (letters.ptr[i]) {
        case 'g':
            ret->global = true;
            break;
        case 'i':
            ret->flags |= ARE_NOCASE;
            break;
        case 'c':
            ret->flags &= ~ARE_NOCASE;
            break;
        case 'm':
        case 'n':
            ret->flags |= ARE_NEWLINE_STOPS | ARE_NEWLINE_ANCHORS;
            break;
        case 'p':
            ret->flags = (ret->flags | ARE_NEWLINE_STOPS) & ~ARE_NEWLINE_ANCHORS;
            break;
        case 'w':
            ret->flags = (ret->flags | ARE_NEWLINE_ANCHORS) & ~ARE_NEWLINE_STOPS;
            break;
        case 'q':
            ret->flags |= ARE_LITERAL;
            break;
        case 's':
            ret->flags &= ~(ARE_NEWLINE_STOPS | ARE_NEWLINE_ANCHORS);
            break;
        case 't':
            ret->flags &= ~ARE_EXPANDED;
            break;
        case 'x':
            ret->flags |= ARE_EXPANDED;
            break;
        case 'e':
            break;
        case 'b':
            return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                 "basic regular expressions (option \"b\") are not supported");
        default: {
            uint32_t code;
            Str rest = str_sub(letters, i, letters.len);
            size_t len = LUMA_MAX(str_utf8_decode(rest, &code), (size_t)1);
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "invalid regular expression option: \"%.*s\"", (int)len, rest.ptr);
        }
        }
    }
    return STATUS_OK;
}

static Status no_global(const Options *options, const char *function, Error *err)
{
    if (!options->global)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22023", 0,
                         "%s does not support the \"global\" option", function);
}

static Status check_number(int32_t value, int32_t low, int32_t high, const char *name, Error *err)
{
    if (value >= low && value <= high)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "invalid value for parameter \"%s\": %d",
                         name, value);
}

/* ---------------------------------------------------------------- matches, one after another */

typedef struct Finder {
    const Regex *regex;
    Str text;
    size_t from;
    size_t last_end;
    bool skip_empty; /* as splitting does: no empty match at the ends or right behind a match */
    int group_count; /* with the whole match */
    Str groups[GROUPS_MAX];
} Finder;

static size_t char_after(Str s, size_t at)
{
    size_t end = at + 1;
    while (end < s.len && ((unsigned char)s.ptr[end] & 0xC0) == 0x80)
        end++;
    return end;
}

/* The byte at which character `start` (from 1) begins; past the end when the text is shorter. */
static size_t byte_of(Str s, int32_t start)
{
    size_t at = 0;
    for (int32_t i = 1; i < start; i++) {
        if (at >= s.len)
            return s.len + 1;
        at = char_after(s, at);
    }
    return at;
}

static int32_t char_of(Str s, const char *at)
{
    return (int32_t)str_utf8_count(str_make(s.ptr, (size_t)(at - s.ptr))) + 1;
}

static Status finder_init(Finder *f, Str text, Str pattern, int flags, int32_t start, Error *err)
{
    *f = (Finder){.text = text, .from = byte_of(text, start)};
    TRY(func__regex(pattern, flags, &f->regex, err));
    f->group_count = LUMA_MIN(regex_group_count(f->regex) + 1, (int)GROUPS_MAX);
    return STATUS_OK;
}

static bool finder_next(Finder *f)
{
    while (f->from <= f->text.len &&
           regex_search(f->regex, f->text, f->from, f->groups, f->group_count)) {
        size_t at = (size_t)(f->groups[0].ptr - f->text.ptr);
        size_t end = at + f->groups[0].len;
        bool skip = f->skip_empty && !(at < f->text.len && end > f->last_end);
        f->last_end = end;
        f->from = end > at ? end : end >= f->text.len ? f->text.len + 1 : char_after(f->text, end);
        if (!skip)
            return true;
    }
    return false;
}

/* The n-th match (from 1) and in it group `subexpr`; ret->ptr NULL = none. */
static Str nth_match(Finder *f, int32_t n, int32_t subexpr)
{
    for (int32_t i = 0; i < n; i++)
        if (!finder_next(f))
            return (Str){0};
    if (f->group_count == 1 && subexpr == 1)
        return f->groups[0];
    return subexpr < f->group_count ? f->groups[subexpr] : (Str){0};
}

/* ---------------------------------------------------------------- the functions */

static void append_replacement(Buf *out, Str by, const Str *groups, int group_count)
{
    for (size_t i = 0; i < by.len; i++) {
        char c = by.ptr[i];
        if (c != '\\' || i + 1 == by.len) {
            buf_append_byte(out, (uint8_t)c);
            continue;
        }
        char next = by.ptr[++i];
        int group = next == '&' ? 0 : next >= '1' && next <= '9' ? next - '0' : -1;
        if (group >= 0) {
            if (group < group_count && groups[group].ptr)
                buf_append_str(out, groups[group]);
            continue;
        }
        if (next != '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)next);
    }
}

/* Replaces match `n`, or all when n is 0. */
static Status replace(const EvalContext *ctx, const Column *args, uint32_t row, int flags,
                      int32_t start, int32_t n, Column *ret, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    Finder f;
    Str s = ARG_STR(0);
    Str by = ARG_STR(2);
    size_t copied = 0;
    TRY(finder_init(&f, s, ARG_STR(1), flags, start, err));
    for (int32_t i = 1; (!n || i <= n) && finder_next(&f); i++) {
        if (n && i < n)
            continue;
        size_t at = (size_t)(f.groups[0].ptr - s.ptr);
        buf_append(&out, s.ptr + copied, at - copied);
        append_replacement(&out, by, f.groups, f.group_count);
        copied = at + f.groups[0].len;
    }
    buf_append(&out, s.ptr + copied, s.len - copied);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}
ROW_KERNEL(regexp_replace)
{
    Options options;
    Str letters = arg_count > 3 ? ARG_STR(3) : STR("");
    if (letters.len && letters.ptr[0] >= '0' && letters.ptr[0] <= '9') {
        (void)error_set_sql(err, STATUS_INVALID, "22023", 0,
                            "invalid regular expression option: \"%c\"", letters.ptr[0]);
        error_hint(err, "If you meant to use regexp_replace() with a start parameter, cast the "
                        "fourth argument to integer explicitly.");
        return STATUS_INVALID;
    }
    TRY(parse_options(letters, &options, err));
    return replace(ctx, args, row, options.flags, 1, !options.global, ret, err);
}
ROW_KERNEL(regexp_replace_nth)
{
    Options options;
    int32_t start = ARG(int32_t, 3);
    int32_t n = arg_count > 4 ? ARG(int32_t, 4) : 1;
    TRY(check_number(start, 1, INT32_MAX, "start", err));
    TRY(check_number(n, 0, INT32_MAX, "n", err));
    TRY(parse_options(arg_count > 5 ? ARG_STR(5) : STR(""), &options, err));
    return replace(ctx, args, row, options.flags, start, n, ret, err);
}

/* The groups of a match, or the whole match when there are none, as text[]. */
static Status match_array(const EvalContext *ctx, Arena *arena, const Finder *f, View *ret,
                          Error *err)
{
    Column elements;
    int first = f->group_count > 1 ? 1 : 0;
    uint32_t count = (uint32_t)(f->group_count - first);
    TRY(column_init(&elements, ctx->arena, T(TEXT), count, true, err));
    for (uint32_t i = 0; i < count; i++) {
        if (!f->groups[first + (int)i].ptr)
            bit_clear(column_validity(&elements), i);
        else
            func__set_str(&elements, i, f->groups[first + (int)i]);
    }
    return pgarray_make(AT(TEXT), &elements, 0, count, arena, ret, err);
}

ROW_KERNEL(regexp_match)
{
    Options options;
    Finder f;
    TRY(parse_options(arg_count > 2 ? ARG_STR(2) : STR(""), &options, err));
    if (options.global) {
        TRY(error_set_sql(err, STATUS_INVALID, "22023", 0,
                          "regexp_match() does not support the \"global\" option"));
    }
    TRY(finder_init(&f, ARG_STR(0), ARG_STR(1), options.flags, 1, err));
    if (!finder_next(&f))
        return func__set_null(ctx, ret, row, err);
    return match_array(ctx, ctx->arena, &f, (View *)column_values(ret) + row, err);
}

/* substring(text from pattern): the first group, or the match. */
ROW_KERNEL(regexp_substring)
{
    Finder f;
    TRY(finder_init(&f, ARG_STR(0), ARG_STR(1), 0, 1, err));
    Str found = nth_match(&f, 1, 1);
    if (!found.ptr)
        return func__set_null(ctx, ret, row, err);
    func__set_str(ret, row, found);
    return STATUS_OK;
}

ROW_KERNEL(regexp_count)
{
    Options options;
    Finder f;
    int32_t count = 0;
    int32_t start = arg_count > 2 ? ARG(int32_t, 2) : 1;
    TRY(check_number(start, 1, INT32_MAX, "start", err));
    TRY(parse_options(arg_count > 3 ? ARG_STR(3) : STR(""), &options, err));
    TRY(no_global(&options, "regexp_count()", err));
    TRY(finder_init(&f, ARG_STR(0), ARG_STR(1), options.flags, start, err));
    while (finder_next(&f))
        count++;
    SET(int32_t, count);
    return STATUS_OK;
}

ROW_KERNEL(regexp_instr)
{
    Options options;
    Finder f;
    int32_t start = arg_count > 2 ? ARG(int32_t, 2) : 1;
    int32_t n = arg_count > 3 ? ARG(int32_t, 3) : 1;
    int32_t end_option = arg_count > 4 ? ARG(int32_t, 4) : 0;
    int32_t subexpr = arg_count > 6 ? ARG(int32_t, 6) : 0;
    TRY(check_number(start, 1, INT32_MAX, "start", err));
    TRY(check_number(n, 1, INT32_MAX, "n", err));
    TRY(check_number(end_option, 0, 1, "endoption", err));
    TRY(check_number(subexpr, 0, INT32_MAX, "subexpr", err));
    TRY(parse_options(arg_count > 5 ? ARG_STR(5) : STR(""), &options, err));
    TRY(no_global(&options, "regexp_instr()", err));
    TRY(finder_init(&f, ARG_STR(0), ARG_STR(1), options.flags, start, err));
    Str found = nth_match(&f, n, subexpr);
    SET(int32_t, found.ptr ? char_of(f.text, found.ptr + (end_option ? found.len : 0)) : 0);
    return STATUS_OK;
}

ROW_KERNEL(regexp_substr)
{
    Options options;
    Finder f;
    int32_t start = arg_count > 2 ? ARG(int32_t, 2) : 1;
    int32_t n = arg_count > 3 ? ARG(int32_t, 3) : 1;
    int32_t subexpr = arg_count > 5 ? ARG(int32_t, 5) : 0;
    TRY(check_number(start, 1, INT32_MAX, "start", err));
    TRY(check_number(n, 1, INT32_MAX, "n", err));
    TRY(check_number(subexpr, 0, INT32_MAX, "subexpr", err));
    TRY(parse_options(arg_count > 4 ? ARG_STR(4) : STR(""), &options, err));
    TRY(no_global(&options, "regexp_substr()", err));
    TRY(finder_init(&f, ARG_STR(0), ARG_STR(1), options.flags, start, err));
    Str found = nth_match(&f, n, subexpr);
    if (!found.ptr)
        return func__set_null(ctx, ret, row, err);
    func__set_str(ret, row, found);
    return STATUS_OK;
}

ROW_KERNEL(regexp_like)
{
    Options options;
    const Regex *regex;
    TRY(parse_options(arg_count > 2 ? ARG_STR(2) : STR(""), &options, err));
    TRY(no_global(&options, "regexp_like()", err));
    TRY(func__regex(ARG_STR(1), options.flags, &regex, err));
    SET_BOOL(regex_match(regex, ARG_STR(0)));
    return STATUS_OK;
}

/* The parts between matches as a text column in `arena`. */
static Status split(Arena *arena, Str s, Str pattern, Str letters, const char *function,
                    Column *ret, uint32_t *ret_count, Error *err)
{
    Options options;
    Finder f;
    Str *parts = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;
    size_t start = 0;
    TRY(parse_options(letters, &options, err));
    TRY(no_global(&options, function, err));
    TRY(finder_init(&f, s, pattern, options.flags, 1, err));
    f.skip_empty = true;
    while (finder_next(&f)) {
        size_t at = (size_t)(f.groups[0].ptr - s.ptr);
        ARENA_PUSH(arena, parts, count, cap, str_sub(s, start, at - start));
        start = at + f.groups[0].len;
    }
    ARENA_PUSH(arena, parts, count, cap, str_sub(s, start, s.len));
    TRY(column_init(ret, arena, T(TEXT), count, false, err));
    for (uint32_t i = 0; i < count; i++)
        func__set_str(ret, i, parts[i]);
    *ret_count = count;
    return STATUS_OK;
}

ROW_KERNEL(regexp_split_to_array)
{
    Column parts;
    uint32_t count;
    TRY(split(ctx->arena, ARG_STR(0), ARG_STR(1), arg_count > 2 ? ARG_STR(2) : STR(""),
              "regexp_split_to_array()", &parts, &count, err));
    return pgarray_make(AT(TEXT), &parts, 0, count, ctx->arena, (View *)column_values(ret) + row,
                        err);
}

#define TT T(TEXT)
#define I4 T(INT4)
static const Function functions[] = {
    FN("regexp_replace", 2284, regexp_replace, TT, 3, TT, TT, TT),
    FN("regexp_replace", 2285, regexp_replace, TT, 4, TT, TT, TT, TT),
    FN("regexp_replace", 6253, regexp_replace_nth, TT, 4, TT, TT, TT, I4),
    FN("regexp_replace", 6252, regexp_replace_nth, TT, 5, TT, TT, TT, I4, I4),
    FN("regexp_replace", 6251, regexp_replace_nth, TT, 6, TT, TT, TT, I4, I4, TT),
    FN("regexp_match", 3396, regexp_match, AT(TEXT), 2, TT, TT),
    FN("regexp_match", 3397, regexp_match, AT(TEXT), 3, TT, TT, TT),
    FN("regexp_split_to_array", 2767, regexp_split_to_array, AT(TEXT), 2, TT, TT),
    FN("regexp_split_to_array", 2768, regexp_split_to_array, AT(TEXT), 3, TT, TT, TT),
    FN("regexp_count", 6254, regexp_count, I4, 2, TT, TT),
    FN("regexp_count", 6255, regexp_count, I4, 3, TT, TT, I4),
    FN("regexp_count", 6256, regexp_count, I4, 4, TT, TT, I4, TT),
    FN("regexp_instr", 6257, regexp_instr, I4, 2, TT, TT),
    FN("regexp_instr", 6258, regexp_instr, I4, 3, TT, TT, I4),
    FN("regexp_instr", 6259, regexp_instr, I4, 4, TT, TT, I4, I4),
    FN("regexp_instr", 6260, regexp_instr, I4, 5, TT, TT, I4, I4, I4),
    FN("regexp_instr", 6261, regexp_instr, I4, 6, TT, TT, I4, I4, I4, TT),
    FN("regexp_instr", 6262, regexp_instr, I4, 7, TT, TT, I4, I4, I4, TT, I4),
    FN("regexp_like", 6263, regexp_like, T(BOOL), 2, TT, TT),
    FN("regexp_like", 6264, regexp_like, T(BOOL), 3, TT, TT, TT),
    FN("regexp_substr", 6265, regexp_substr, TT, 2, TT, TT),
    FN("regexp_substr", 6266, regexp_substr, TT, 3, TT, TT, I4),
    FN("regexp_substr", 6267, regexp_substr, TT, 4, TT, TT, I4, I4),
    FN("regexp_substr", 6268, regexp_substr, TT, 5, TT, TT, I4, I4, TT),
    FN("regexp_substr", 6269, regexp_substr, TT, 6, TT, TT, I4, I4, TT, I4),
    FN("substring", 2073, regexp_substring, TT, 2, TT, TT),
};
const FuncTable func__regexp_find_table = {functions, LUMA_ARRAY_LEN(functions)};

/* ---------------------------------------------------------------- sets */

static bool any_null(const Column *args, uint32_t arg_count)
{
    for (uint32_t i = 0; i < arg_count; i++)
        if (column_is_null(&args[i], 0))
            return true;
    return false;
}

static Status split_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                         Arena *arena, void **ret_state, Error *err)
{
    FuncRows *rows;
    Column parts;
    TRY(func__rows_new(arena, &rows, err));
    *ret_state = rows;
    rows->columns[0].type = TT;
    if (any_null(args, arg_count))
        return STATUS_OK;
    TRY(split(arena, column_str(&args[0], 0), column_str(&args[1], 0),
              arg_count > 2 ? column_str(&args[2], 0) : STR(""), "regexp_split_to_table()", &parts,
              &rows->rows, err));
    return column_copy(&parts, arena, &rows->columns[0], err);
}

static Status matches_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                           Arena *arena, void **ret_state, Error *err)
{
    Options options;
    Finder f;
    FuncRows *rows;
    View *found = NULL;
    uint32_t cap = 0;
    TRY(func__rows_new(arena, &rows, err));
    *ret_state = rows;
    rows->columns[0].type = AT(TEXT);
    if (any_null(args, arg_count))
        return STATUS_OK;
    TRY(parse_options(arg_count > 2 ? column_str(&args[2], 0) : STR(""), &options, err));
    TRY(finder_init(&f, column_str(&args[0], 0), column_str(&args[1], 0), options.flags, 1, err));
    while ((options.global || !rows->rows) && finder_next(&f)) {
        View array;
        TRY(match_array(ctx, arena, &f, &array, err));
        ARENA_PUSH(arena, found, rows->rows, cap, array);
    }
    rows->columns[0] = (Column){.type = AT(TEXT), .len = rows->rows, .values = found};
    return STATUS_OK;
}

/* string_to_table is unnest(string_to_array(...)). */
static Status string_table_open(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                                Arena *arena, void **ret_state, Error *err)
{
    FuncRows *rows;
    uint32_t count;
    Column array = {.type = AT(TEXT)};
    EvalContext lasting = *ctx;
    lasting.arena = arena;
    TRY(func__rows_new(arena, &rows, err));
    *ret_state = rows;
    rows->columns[0].type = TT;
    const Function *const *overloads = func_find(STR("string_to_array"), false, &count);
    for (uint32_t i = 0; i < count; i++)
        if (overloads[i]->arg_count == arg_count)
            TRY(overloads[i]->kernel(&lasting, args, arg_count, 1, &array, err));
    if (column_is_null(&array, 0))
        return STATUS_OK;
    return func__rows_from_array(AT(TEXT), column_str(&array, 0), arena, rows, err);
}

#define SET_OF(name_, oid_, open_, ret_, argc_, ...)                                               \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .args = {__VA_ARGS__}, .ret = ret_,        \
        .open = open_, .next = func__rows_next                                                     \
    }
static const TableFunction sets[] = {
    SET_OF("regexp_split_to_table", 2765, split_open, TT, 2, TT, TT),
    SET_OF("regexp_split_to_table", 2766, split_open, TT, 3, TT, TT, TT),
    SET_OF("regexp_matches", 2763, matches_open, AT(TEXT), 2, TT, TT),
    SET_OF("regexp_matches", 2764, matches_open, AT(TEXT), 3, TT, TT, TT),
    SET_OF("string_to_table", 6160, string_table_open, TT, 2, TT, TT),
    SET_OF("string_to_table", 6161, string_table_open, TT, 3, TT, TT, TT),
};
const TableFunctionTable func__regexp_sets = {sets, LUMA_ARRAY_LEN(sets)};

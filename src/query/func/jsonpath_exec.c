/* jsonpath_exec.c - the interpreter of path trees.
 *
 * An item is the canonical text of a jsonb value; what an accessor finds is handed to the next one
 * at once, results are gathered at the end of the chain. Data errors are status INVALID; a
 * condition turns them into "unknown", silent callers into an end without result. */
#include "query/func/jsonpath_exec.h"

#include <math.h>

#include "base/regex.h"
#include "format/pgtype/jsonb.h"
#include "query/func/func_int.h"
#include "query/func/json_text.h"

enum { RESULTS_MAX = 1 << 24 };

typedef enum Truth { TRUTH_NO, TRUTH_YES, TRUTH_UNKNOWN } Truth;

typedef struct Exec {
    const EvalContext *ctx;
    bool lax;
    bool ignore_structure; /* lax, or inside .** in strict mode */
    Str root;
    Str vars;
    Str current;        /* @ */
    int64_t array_size; /* of the array whose subscripts are evaluated, for last */
    Error *err;
} Exec;

static Status run(Exec *x, const JsonPathItem *item, Str value, bool unwrap, JsonPathResult *found);
static Status run_next(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found);
static Status test(Exec *x, const JsonPathItem *item, Str value, Truth *ret);

#define PATH_ERROR(x, state, ...) error_set_sql((x)->err, STATUS_INVALID, state, 0, __VA_ARGS__)

/* ---------------------------------------------------------------- items */

static char kind_of(Str s)
{
    char c = s.len ? s.ptr[0] : 'n';
    return c == '-' || (c >= '0' && c <= '9') ? '0' : c == 't' ? 'f' : c;
}

static bool is_array(Str s)
{
    return kind_of(s) == '[';
}

static Status push(Exec *x, JsonPathResult *found, Str value)
{
    if (found->count >= RESULTS_MAX)
        return error_set_sql(x->err, STATUS_LIMIT, "54000", 0, "too many items of a jsonpath");
    ARENA_PUSH(x->ctx->arena, found->items, found->count, found->cap, value);
    return STATUS_OK;
}

static Status keep_text(Exec *x, const Buf *text, Str *ret)
{
    *ret = arena_str(x->ctx->arena, buf_str(text));
    return STATUS_OK;
}

static Status quoted(Exec *x, Str text, Str *ret)
{
    CLEANUP(buf_done) Buf out = {0};
    jsonb_append_string(&out, text);
    return keep_text(x, &out, ret);
}

/* Every element of an array goes to fn, or the value itself when it is none. */
static Status run_elements(Exec *x, const JsonPathItem *item, Str array, JsonPathResult *found)
{
    Str key;
    Str value;
    for (size_t pos = 0; json_scan_next(array, &pos, &key, &value);)
        TRY(run(x, item, value, false, found));
    return STATUS_OK;
}

static Status next_elements(Exec *x, const JsonPathItem *item, Str container, JsonPathResult *found)
{
    Str key;
    Str value;
    for (size_t pos = 0; json_scan_next(container, &pos, &key, &value);)
        TRY(run_next(x, item, value, found));
    return STATUS_OK;
}

/* The values of an operand; in lax mode arrays are opened. */
static Status operand(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *ret)
{
    JsonPathResult raw = {0};
    *ret = (JsonPathResult){0};
    if (!x->lax)
        return run(x, item, value, false, ret);
    TRY(run(x, item, value, true, &raw));
    for (uint32_t i = 0; i < raw.count; i++) {
        Str key;
        Str element;
        if (!is_array(raw.items[i])) {
            TRY(push(x, ret, raw.items[i]));
            continue;
        }
        for (size_t pos = 0; json_scan_next(raw.items[i], &pos, &key, &element);)
            TRY(push(x, ret, element));
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- accessors */

static Status access_key(Exec *x, const JsonPathItem *item, Str value, bool unwrap,
                         JsonPathResult *found)
{
    Str key;
    Str member;
    if (unwrap && is_array(value))
        return run_elements(x, item, value, found);
    if (kind_of(value) != '{') {
        if (x->ignore_structure)
            return STATUS_OK;
        return PATH_ERROR(x, "2203A", "jsonpath member accessor can only be applied to an object");
    }
    for (size_t pos = 0; json_scan_next(value, &pos, &key, &member);) {
        bool same;
        TRY(json_key_equals(x->ctx, key, item->text, &same, x->err));
        if (same)
            return run_next(x, item, member, found);
    }
    if (x->ignore_structure)
        return STATUS_OK;
    return PATH_ERROR(x, "2203A", "JSON object does not contain key \"%.*s\"", STR_FMT(item->text));
}

static Status access_any_key(Exec *x, const JsonPathItem *item, Str value, bool unwrap,
                             JsonPathResult *found)
{
    if (unwrap && is_array(value))
        return run_elements(x, item, value, found);
    if (kind_of(value) == '{')
        return next_elements(x, item, value, found);
    if (x->ignore_structure)
        return STATUS_OK;
    return PATH_ERROR(x, "2203C",
                      "jsonpath wildcard member accessor can only be applied to an object");
}

static Status access_any_item(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    if (is_array(value))
        return next_elements(x, item, value, found);
    if (x->lax)
        return run_next(x, item, value, found);
    if (x->ignore_structure)
        return STATUS_OK;
    return PATH_ERROR(x, "22039",
                      "jsonpath wildcard array accessor can only be applied to an array");
}

static Status subscript(Exec *x, const JsonPathItem *item, Str value, int64_t *ret)
{
    JsonPathResult found = {0};
    View number;
    TRY(run(x, item, value, x->lax, &found));
    if (found.count != 1 || kind_of(found.items[0]) != '0')
        return PATH_ERROR(x, "22033", "jsonpath array subscript is not a single numeric value");
    TRY(numeric_parse(found.items[0], -1, x->ctx->arena, &number, x->err));
    TRY(numeric_trunc(&number, 0, x->ctx->arena, &number, x->err));
    if (numeric_to_i64(&number, INT32_MIN, INT32_MAX, "integer", ret, NULL) != STATUS_OK)
        return PATH_ERROR(x, "22033", "jsonpath array subscript is out of integer range");
    return STATUS_OK;
}

static Str element_at(Str value, int64_t idx)
{
    Str key;
    Str element = value;
    for (size_t pos = 0; json_scan_next(value, &pos, &key, &element);)
        if (idx-- == 0)
            break;
    return element;
}

static Status access_range(Exec *x, const JsonPathItem *item, const JsonPathRange *range, Str value,
                           JsonPathResult *found)
{
    int64_t from;
    int64_t to;
    int64_t size = is_array(value) ? json_scan_count(value) : 1;
    int64_t saved = x->array_size;
    x->array_size = size;
    TRY(subscript(x, range->from, value, &from));
    to = from;
    if (range->to)
        TRY(subscript(x, range->to, value, &to));
    if (!x->ignore_structure && (from < 0 || from > to || to >= size))
        return PATH_ERROR(x, "22033", "jsonpath array subscript is out of bounds");
    from = LUMA_MAX(from, (int64_t)0);
    to = LUMA_MIN(to, size - 1);
    for (int64_t i = from; i <= to; i++)
        TRY(run_next(x, item, is_array(value) ? element_at(value, i) : value, found));
    x->array_size = saved;
    return STATUS_OK;
}

static Status access_indexes(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    if (!is_array(value) && !x->lax) {
        if (x->ignore_structure)
            return STATUS_OK;
        return PATH_ERROR(x, "22039", "jsonpath array accessor can only be applied to an array");
    }
    for (uint32_t i = 0; i < item->range_count; i++)
        TRY(access_range(x, item, &item->ranges[i], value, found));
    return STATUS_OK;
}

/* .**: level 0 is the value itself. `last` as the first level means leaves only. */
static Status access_levels(Exec *x, const JsonPathItem *item, Str value, int32_t level,
                            JsonPathResult *found)
{
    Str key;
    Str member;
    bool container = kind_of(value) == '{' || is_array(value);
    bool leaves = item->first == JSONPATH_LEVEL_LAST;
    bool in_range =
        leaves ? !container
               : level >= item->first && (item->last == JSONPATH_LEVEL_LAST || level <= item->last);
    if (in_range) {
        bool saved = x->ignore_structure;
        x->ignore_structure = true;
        TRY(run_next(x, item, value, found));
        x->ignore_structure = saved;
    }
    if (!container || level > JSONB_DEPTH_MAX ||
        (item->last != JSONPATH_LEVEL_LAST && level >= item->last))
        return STATUS_OK;
    for (size_t pos = 0; json_scan_next(value, &pos, &key, &member);)
        TRY(access_levels(x, item, member, level + 1, found));
    return STATUS_OK;
}

static Status access_filter(Exec *x, const JsonPathItem *item, Str value, bool unwrap,
                            JsonPathResult *found)
{
    Truth truth;
    Str saved = x->current;
    if (unwrap && is_array(value))
        return run_elements(x, item, value, found);
    x->current = value;
    TRY(test(x, item->left, value, &truth));
    x->current = saved;
    return truth == TRUTH_YES ? run_next(x, item, value, found) : STATUS_OK;
}

static Status access_variable(Exec *x, const JsonPathItem *item, JsonPathResult *found)
{
    Str key;
    Str member;
    for (size_t pos = 0; json_scan_next(x->vars, &pos, &key, &member);) {
        bool same;
        TRY(json_key_equals(x->ctx, key, item->text, &same, x->err));
        if (same)
            return run_next(x, item, member, found);
    }
    return error_set_sql(x->err, STATUS_NOT_FOUND, "42704", 0,
                         "could not find jsonpath variable \"%.*s\"", STR_FMT(item->text));
}

/* ---------------------------------------------------------------- arithmetic and methods */

static Status print_number(Exec *x, const View *number, Str *ret)
{
    CLEANUP(buf_done) Buf out = {0};
    numeric_append_text(number, &out);
    return keep_text(x, &out, ret);
}

static Status one_number(Exec *x, const JsonPathItem *item, const JsonPathItem *arg, Str value,
                         const char *side, View *ret)
{
    static const char symbols[] = "+-*/%";
    JsonPathResult found;
    TRY(operand(x, arg, value, &found));
    if (found.count != 1 || kind_of(found.items[0]) != '0')
        return PATH_ERROR(x, "22038",
                          "%s operand of jsonpath operator %c is not a single numeric value", side,
                          symbols[item->kind - JSONPATH_ADD]);
    return numeric_parse(found.items[0], -1, x->ctx->arena, ret, x->err);
}

static Status arithmetic(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    View a;
    View b;
    View result = {0};
    Arena *arena = x->ctx->arena;
    Str text;
    TRY(one_number(x, item, item->left, value, "left", &a));
    TRY(one_number(x, item, item->right, value, "right", &b));
    switch (item->kind) {
    case JSONPATH_ADD:
        TRY(numeric_add(&a, &b, arena, &result, x->err));
        break;
    case JSONPATH_SUB:
        TRY(numeric_sub(&a, &b, arena, &result, x->err));
        break;
    case JSONPATH_MUL:
        TRY(numeric_mul(&a, &b, arena, &result, x->err));
        break;
    case JSONPATH_DIV:
        TRY(numeric_div(&a, &b, arena, &result, x->err));
        break;
    default:
        TRY(numeric_mod(&a, &b, arena, &result, x->err));
        break;
    }
    TRY(print_number(x, &result, &text));
    return run_next(x, item, text, found);
}

static Status sign(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    JsonPathResult args;
    TRY(operand(x, item->left, value, &args));
    for (uint32_t i = 0; i < args.count; i++) {
        Str text = args.items[i];
        if (kind_of(text) != '0')
            return PATH_ERROR(x, "2203B",
                              "operand of unary jsonpath operator %c is not a numeric value",
                              item->kind == JSONPATH_MINUS ? '-' : '+');
        if (item->kind == JSONPATH_MINUS && !str_eq(text, STR("0")))
            text = text.ptr[0] == '-' ? str_sub(text, 1, text.len)
                                      : arena_printf(x->ctx->arena, "-%.*s", STR_FMT(text));
        TRY(run_next(x, item, text, found));
    }
    return STATUS_OK;
}

static const char *type_text(Str value)
{
    switch (kind_of(value)) {
    case '{':
        return "object";
    case '[':
        return "array";
    case '"':
        return "string";
    case '0':
        return "number";
    case 'f':
        return "boolean";
    default:
        return "null";
    }
}

static Status method_size(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    if (!is_array(value) && !x->lax) {
        if (x->ignore_structure)
            return STATUS_OK;
        return PATH_ERROR(x, "22039",
                          "jsonpath item method .size() can only be applied to an array");
    }
    uint32_t size = is_array(value) ? json_scan_count(value) : 1;
    return run_next(x, item, arena_printf(x->ctx->arena, "%u", size), found);
}

static Status method_number(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    Arena *arena = x->ctx->arena;
    View number;
    Str text;
    if (kind_of(value) != '0')
        return PATH_ERROR(x, "22036",
                          "jsonpath item method .%s() can only be applied to a numeric value",
                          item->kind == JSONPATH_ABS     ? "abs"
                          : item->kind == JSONPATH_FLOOR ? "floor"
                                                         : "ceiling");
    TRY(numeric_parse(value, -1, arena, &number, x->err));
    if (item->kind == JSONPATH_ABS)
        TRY(numeric_abs(&number, arena, &number, x->err));
    else if (item->kind == JSONPATH_FLOOR)
        TRY(numeric_floor(&number, arena, &number, x->err));
    else
        TRY(numeric_ceil(&number, arena, &number, x->err));
    TRY(print_number(x, &number, &text));
    return run_next(x, item, text, found);
}

static Status method_double(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    bool string = kind_of(value) == '"';
    double number;
    View numeric;
    Str text = value;
    if (!string && kind_of(value) != '0')
        return PATH_ERROR(x, "22036",
                          "jsonpath item method .double() can only be applied to a string or "
                          "numeric value");
    if (string)
        TRY(json_unquote(x->ctx, value, &text, x->err));
    if (pgtype_parse_float8(text, &number, NULL) != STATUS_OK)
        return PATH_ERROR(x, "22036",
                          "%s argument of jsonpath item method .double() is not a valid "
                          "representation of a double precision number",
                          string ? "string" : "numeric");
    if (!isfinite(number))
        return PATH_ERROR(x, "22036",
                          "NaN or Infinity is not allowed for jsonpath item method .double()");
    TRY(numeric_from_f64(number, x->ctx->arena, &numeric, x->err));
    TRY(print_number(x, &numeric, &text));
    return run_next(x, item, text, found);
}

static Status method_keyvalue(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    Str key;
    Str member;
    if (kind_of(value) != '{')
        return PATH_ERROR(x, "2203C",
                          "jsonpath item method .keyvalue() can only be applied to an object");
    for (size_t pos = 0; json_scan_next(value, &pos, &key, &member);)
        TRY(run_next(x, item,
                     arena_printf(x->ctx->arena, "{\"id\": 0, \"key\": %.*s, \"value\": %.*s}",
                                  STR_FMT(key), STR_FMT(member)),
                     found));
    return STATUS_OK;
}

static Status method(Exec *x, const JsonPathItem *item, Str value, bool unwrap,
                     JsonPathResult *found)
{
    Str text;
    switch (item->kind) {
    case JSONPATH_TYPE:
        TRY(quoted(x, str_from(type_text(value)), &text));
        return run_next(x, item, text, found);
    case JSONPATH_SIZE:
        return method_size(x, item, value, found);
    default:
        break;
    }
    if (unwrap && is_array(value))
        return run_elements(x, item, value, found);
    switch (item->kind) {
    case JSONPATH_DOUBLE:
        return method_double(x, item, value, found);
    case JSONPATH_KEYVALUE:
        return method_keyvalue(x, item, value, found);
    case JSONPATH_DATETIME:
        return error_set_sql(x->err, STATUS_UNSUPPORTED, "0A000", 0,
                             "jsonpath item method .datetime() is not supported");
    default:
        return method_number(x, item, value, found);
    }
}

/* ---------------------------------------------------------------- conditions */

static Truth truth_of(bool yes)
{
    return yes ? TRUTH_YES : TRUTH_NO;
}

static Truth compare(JsonPathKind op, Str a, Str b)
{
    char x = kind_of(a);
    char y = kind_of(b);
    if (x != y) {
        if (x == 'n' || y == 'n') /* null is equal to nothing else, and that is known */
            return truth_of(op == JSONPATH_NE);
        return TRUTH_UNKNOWN;
    }
    if (x == '{' || x == '[')
        return TRUTH_UNKNOWN;
    int order = jsonb_cmp(a, b);
    switch (op) {
    case JSONPATH_EQ:
        return truth_of(order == 0);
    case JSONPATH_NE:
        return truth_of(order != 0);
    case JSONPATH_LT:
        return truth_of(order < 0);
    case JSONPATH_GT:
        return truth_of(order > 0);
    case JSONPATH_LE:
        return truth_of(order <= 0);
    default:
        return truth_of(order >= 0);
    }
}

static Status starts_with(Exec *x, Str whole, Str initial, Truth *ret)
{
    Str a;
    Str b;
    *ret = TRUTH_UNKNOWN;
    if (kind_of(whole) != '"' || kind_of(initial) != '"')
        return STATUS_OK;
    TRY(json_unquote(x->ctx, whole, &a, x->err));
    TRY(json_unquote(x->ctx, initial, &b, x->err));
    *ret = truth_of(str_starts(a, b));
    return STATUS_OK;
}

static Status like_regex(Exec *x, const JsonPathItem *item, Str value, Truth *ret)
{
    const Regex *regex;
    Str text;
    *ret = TRUTH_UNKNOWN;
    if (kind_of(value) != '"')
        return STATUS_OK;
    TRY(func__regex(item->text, jsonpath_regex_flags(item), &regex, x->err));
    TRY(json_unquote(x->ctx, value, &text, x->err));
    *ret = truth_of(regex_match(regex, text));
    return STATUS_OK;
}

static Status test_pair(Exec *x, const JsonPathItem *item, Str a, Str b, Truth *ret)
{
    if (item->kind == JSONPATH_LIKE_REGEX)
        return like_regex(x, item, a, ret);
    if (item->kind == JSONPATH_STARTS_WITH)
        return starts_with(x, a, b, ret);
    *ret = compare(item->kind, a, b);
    return STATUS_OK;
}

/* Data errors of an operand make the condition unknown. */
static Status soft_operand(Exec *x, const JsonPathItem *item, Str value, bool open,
                           JsonPathResult *ret, bool *ret_failed)
{
    Error *err = x->err;
    Error inner = {0};
    x->err = &inner;
    *ret = (JsonPathResult){0};
    Status status = open ? operand(x, item, value, ret) : run(x, item, value, false, ret);
    x->err = err;
    *ret_failed = status == STATUS_INVALID;
    if (status != STATUS_OK && !*ret_failed && err)
        *err = inner;
    return *ret_failed ? STATUS_OK : status;
}

/* Some pair of the operands' items holds; strict: and none is unknown. */
static Status test_items(Exec *x, const JsonPathItem *item, Str value, Truth *ret)
{
    JsonPathResult left;
    JsonPathResult right = {.count = 1};
    Str none = STR("null");
    bool failed = false;
    bool unknown = false;
    bool yes = false;
    right.items = &none;
    TRY(soft_operand(x, item->left, value, true, &left, &failed));
    if (!failed && item->right)
        TRY(soft_operand(x, item->right, value, item->kind != JSONPATH_STARTS_WITH, &right,
                         &failed));
    *ret = TRUTH_UNKNOWN;
    for (uint32_t i = 0; !failed && i < left.count; i++) {
        for (uint32_t k = 0; k < right.count; k++) {
            Truth truth;
            TRY(test_pair(x, item, left.items[i], right.items[k], &truth));
            if (truth == TRUTH_UNKNOWN && !x->lax)
                return STATUS_OK;
            unknown |= truth == TRUTH_UNKNOWN;
            yes |= truth == TRUTH_YES;
            if (yes && x->lax) {
                *ret = TRUTH_YES;
                return STATUS_OK;
            }
        }
    }
    *ret = failed ? TRUTH_UNKNOWN : yes ? TRUTH_YES : unknown ? TRUTH_UNKNOWN : TRUTH_NO;
    return STATUS_OK;
}

static Status test_exists(Exec *x, const JsonPathItem *item, Str value, Truth *ret)
{
    JsonPathResult found;
    bool failed;
    TRY(soft_operand(x, item->left, value, false, &found, &failed));
    *ret = failed && (!x->lax || !found.count) ? TRUTH_UNKNOWN : truth_of(found.count > 0);
    return STATUS_OK;
}

static Status test(Exec *x, const JsonPathItem *item, Str value, Truth *ret)
{
    Truth a;
    Truth b;
    switch (item->kind) {
    case JSONPATH_AND:
        TRY(test(x, item->left, value, &a));
        *ret = a;
        if (a == TRUTH_NO)
            return STATUS_OK;
        TRY(test(x, item->right, value, &b));
        *ret = b == TRUTH_YES ? a : b;
        return STATUS_OK;
    case JSONPATH_OR:
        TRY(test(x, item->left, value, &a));
        *ret = a;
        if (a == TRUTH_YES)
            return STATUS_OK;
        TRY(test(x, item->right, value, &b));
        *ret = b == TRUTH_NO ? a : b;
        return STATUS_OK;
    case JSONPATH_NOT:
        TRY(test(x, item->left, value, &a));
        *ret = a == TRUTH_UNKNOWN ? a : truth_of(a == TRUTH_NO);
        return STATUS_OK;
    case JSONPATH_IS_UNKNOWN:
        TRY(test(x, item->left, value, &a));
        *ret = truth_of(a == TRUTH_UNKNOWN);
        return STATUS_OK;
    case JSONPATH_EXISTS:
        return test_exists(x, item, value, ret);
    default:
        return test_items(x, item, value, ret);
    }
}

/* ---------------------------------------------------------------- the switch */

static Status run_next(Exec *x, const JsonPathItem *item, Str value, JsonPathResult *found)
{
    return item->next ? run(x, item->next, value, x->lax, found) : push(x, found, value);
}

static Status run(Exec *x, const JsonPathItem *item, Str value, bool unwrap, JsonPathResult *found)
{
    Truth truth;
    Str text;
    switch (item->kind) {
    case JSONPATH_NULL:
        return run_next(x, item, STR("null"), found);
    case JSONPATH_STRING:
        TRY(quoted(x, item->text, &text));
        return run_next(x, item, text, found);
    case JSONPATH_NUMBER:
        return run_next(x, item, item->text, found);
    case JSONPATH_BOOL:
        return run_next(x, item, item->first ? STR("true") : STR("false"), found);
    case JSONPATH_ROOT:
        return run_next(x, item, x->root, found);
    case JSONPATH_CURRENT:
        return run_next(x, item, x->current, found);
    case JSONPATH_VARIABLE:
        return access_variable(x, item, found);
    case JSONPATH_LAST:
        return run_next(x, item, arena_printf(x->ctx->arena, "%ld", (long)x->array_size - 1),
                        found);
    case JSONPATH_OR:
    case JSONPATH_AND:
    case JSONPATH_EQ:
    case JSONPATH_NE:
    case JSONPATH_LT:
    case JSONPATH_GT:
    case JSONPATH_LE:
    case JSONPATH_GE:
    case JSONPATH_STARTS_WITH:
    case JSONPATH_NOT:
    case JSONPATH_IS_UNKNOWN:
    case JSONPATH_EXISTS:
    case JSONPATH_LIKE_REGEX:
        TRY(test(x, item, value, &truth));
        return run_next(x, item,
                        truth == TRUTH_UNKNOWN ? STR("null")
                        : truth == TRUTH_YES   ? STR("true")
                                               : STR("false"),
                        found);
    case JSONPATH_ADD:
    case JSONPATH_SUB:
    case JSONPATH_MUL:
    case JSONPATH_DIV:
    case JSONPATH_MOD:
        return arithmetic(x, item, value, found);
    case JSONPATH_PLUS:
    case JSONPATH_MINUS:
        return sign(x, item, value, found);
    case JSONPATH_FILTER:
        return access_filter(x, item, value, unwrap, found);
    case JSONPATH_KEY:
        return access_key(x, item, value, unwrap, found);
    case JSONPATH_ANY_KEY:
        return access_any_key(x, item, value, unwrap, found);
    case JSONPATH_ANY_ITEM:
        return access_any_item(x, item, value, found);
    case JSONPATH_INDEXES:
        return access_indexes(x, item, value, found);
    case JSONPATH_ANY_LEVEL:
        return access_levels(x, item, value, 0, found);
    case JSONPATH_TYPE:
    case JSONPATH_SIZE:
    case JSONPATH_ABS:
    case JSONPATH_FLOOR:
    case JSONPATH_CEILING:
    case JSONPATH_DOUBLE:
    case JSONPATH_DATETIME:
    case JSONPATH_KEYVALUE:
        return method(x, item, value, unwrap, found);
    }
    return STATUS_OK;
}

Status jsonpath_query(const EvalContext *ctx, const JsonPath *path, Str json, Str vars, bool silent,
                      JsonPathResult *ret, bool *ret_failed, Error *err)
{
    Error inner = {0};
    Exec x = {.ctx = ctx, .lax = !path->strict, .root = json, .vars = vars, .current = json};
    x.ignore_structure = x.lax;
    x.err = &inner;
    *ret = (JsonPathResult){0};
    *ret_failed = false;
    if (kind_of(vars) != '{') {
        (void)error_set_sql(err, STATUS_INVALID, "22023", 0, "\"vars\" argument is not an object");
        error_detail(err, "Jsonpath parameters should be encoded as key-value pairs of \"vars\" "
                          "object.");
        return STATUS_INVALID;
    }
    Status status = run(&x, path->root, json, x.lax, ret);
    *ret_failed = status == STATUS_INVALID && silent;
    if (status != STATUS_OK && !*ret_failed && err)
        *err = inner;
    return *ret_failed ? STATUS_OK : status;
}

/* jsonpath_print.c - the text of a path, as PostgreSQL's jsonpath_out writes it. */
#include "format/jsonpath/jsonpath.h"

#include "format/pgtype/jsonb.h"

static int priority(JsonPathKind kind)
{
    switch (kind) {
    case JSONPATH_OR:
        return 0;
    case JSONPATH_AND:
        return 1;
    case JSONPATH_EQ:
    case JSONPATH_NE:
    case JSONPATH_LT:
    case JSONPATH_GT:
    case JSONPATH_LE:
    case JSONPATH_GE:
    case JSONPATH_STARTS_WITH:
        return 2;
    case JSONPATH_ADD:
    case JSONPATH_SUB:
        return 3;
    case JSONPATH_MUL:
    case JSONPATH_DIV:
    case JSONPATH_MOD:
        return 4;
    case JSONPATH_PLUS:
    case JSONPATH_MINUS:
        return 5;
    default:
        return 6;
    }
}

static const char *symbol_of(JsonPathKind kind)
{
    static const char *const symbols[] = {
        "||", "&&", "==", "!=", "<", ">", "<=", ">=", "starts with", "+", "-", "*", "/", "%"};
    return symbols[kind - JSONPATH_OR];
}

static void print_item(const JsonPathItem *item, bool in_key, bool brackets, Buf *out);

static void print_operand(const JsonPathItem *operand, const JsonPathItem *of, Buf *out)
{
    print_item(operand, false, priority(operand->kind) <= priority(of->kind), out);
}

static void print_binary(const JsonPathItem *item, bool brackets, Buf *out)
{
    if (brackets)
        buf_append_byte(out, '(');
    print_operand(item->left, item, out);
    buf_printf(out, " %s ", symbol_of(item->kind));
    print_operand(item->right, item, out);
    if (brackets)
        buf_append_byte(out, ')');
}

static void print_like_regex(const JsonPathItem *item, bool brackets, Buf *out)
{
    if (brackets)
        buf_append_byte(out, '(');
    print_operand(item->left, item, out);
    buf_append_lit(out, " like_regex ");
    jsonb_append_string(out, item->text);
    if (item->flags) {
        buf_append_lit(out, " flag \"");
        for (int i = 0; i < 5; i++)
            if (item->flags & (1 << i))
                buf_append_byte(out, (uint8_t) "ismxq"[i]);
        buf_append_byte(out, '"');
    }
    if (brackets)
        buf_append_byte(out, ')');
}

static void print_level(int32_t level, Buf *out)
{
    if (level == JSONPATH_LEVEL_LAST)
        buf_append_lit(out, "last");
    else
        buf_printf(out, "%d", level);
}

static void print_any_level(const JsonPathItem *item, Buf *out)
{
    buf_append_lit(out, "**");
    if (item->first == 0 && item->last == JSONPATH_LEVEL_LAST)
        return;
    buf_append_byte(out, '{');
    print_level(item->first, out);
    if (item->first != item->last) {
        buf_append_lit(out, " to ");
        print_level(item->last, out);
    }
    buf_append_byte(out, '}');
}

static void print_indexes(const JsonPathItem *item, Buf *out)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < item->range_count; i++) {
        if (i)
            buf_append_byte(out, ',');
        print_item(item->ranges[i].from, false, false, out);
        if (!item->ranges[i].to)
            continue;
        buf_append_lit(out, " to ");
        print_item(item->ranges[i].to, false, false, out);
    }
    buf_append_byte(out, ']');
}

static void print_datetime(const JsonPathItem *item, Buf *out)
{
    buf_append_lit(out, ".datetime(");
    if (item->has_text)
        jsonb_append_string(out, item->text);
    buf_append_byte(out, ')');
}

static void print_wrapped(const char *before, const JsonPathItem *inner, const char *after,
                          Buf *out)
{
    buf_append_str(out, str_from(before));
    print_item(inner, false, false, out);
    buf_append_str(out, str_from(after));
}

static void print_sign(const JsonPathItem *item, bool brackets, Buf *out)
{
    if (brackets)
        buf_append_byte(out, '(');
    buf_append_byte(out, item->kind == JSONPATH_MINUS ? '-' : '+');
    print_operand(item->left, item, out);
    if (brackets)
        buf_append_byte(out, ')');
}

static void print_one(const JsonPathItem *item, bool in_key, bool brackets, Buf *out)
{
    static const char *const methods[] = {".type()",  ".size()",    ".abs()",
                                          ".floor()", ".ceiling()", ".double()"};
    switch (item->kind) {
    case JSONPATH_NULL:
        buf_append_lit(out, "null");
        break;
    case JSONPATH_STRING:
        jsonb_append_string(out, item->text);
        break;
    case JSONPATH_NUMBER:
        if (item->next)
            buf_append_byte(out, '(');
        buf_append_str(out, item->text);
        if (item->next)
            buf_append_byte(out, ')');
        break;
    case JSONPATH_BOOL:
        buf_append_str(out, item->first ? STR("true") : STR("false"));
        break;
    case JSONPATH_ROOT:
        buf_append_byte(out, '$');
        break;
    case JSONPATH_CURRENT:
        buf_append_byte(out, '@');
        break;
    case JSONPATH_VARIABLE:
        buf_append_byte(out, '$');
        jsonb_append_string(out, item->text);
        break;
    case JSONPATH_LAST:
        buf_append_lit(out, "last");
        break;
    case JSONPATH_OR:
    case JSONPATH_AND:
    case JSONPATH_EQ:
    case JSONPATH_NE:
    case JSONPATH_LT:
    case JSONPATH_GT:
    case JSONPATH_LE:
    case JSONPATH_GE:
    case JSONPATH_STARTS_WITH:
    case JSONPATH_ADD:
    case JSONPATH_SUB:
    case JSONPATH_MUL:
    case JSONPATH_DIV:
    case JSONPATH_MOD:
        print_binary(item, brackets, out);
        break;
    case JSONPATH_NOT:
        print_wrapped("!(", item->left, ")", out);
        break;
    case JSONPATH_IS_UNKNOWN:
        print_wrapped("(", item->left, ") is unknown", out);
        break;
    case JSONPATH_EXISTS:
        print_wrapped("exists (", item->left, ")", out);
        break;
    case JSONPATH_PLUS:
    case JSONPATH_MINUS:
        print_sign(item, brackets, out);
        break;
    case JSONPATH_LIKE_REGEX:
        print_like_regex(item, brackets, out);
        break;
    case JSONPATH_FILTER:
        print_wrapped("?(", item->left, ")", out);
        break;
    case JSONPATH_KEY:
        if (in_key)
            buf_append_byte(out, '.');
        jsonb_append_string(out, item->text);
        break;
    case JSONPATH_ANY_KEY:
        buf_append_lit(out, ".*");
        break;
    case JSONPATH_ANY_ITEM:
        buf_append_lit(out, "[*]");
        break;
    case JSONPATH_INDEXES:
        print_indexes(item, out);
        break;
    case JSONPATH_ANY_LEVEL:
        buf_append_byte(out, '.');
        print_any_level(item, out);
        break;
    case JSONPATH_TYPE:
    case JSONPATH_SIZE:
    case JSONPATH_ABS:
    case JSONPATH_FLOOR:
    case JSONPATH_CEILING:
    case JSONPATH_DOUBLE:
        buf_append_str(out, str_from(methods[item->kind - JSONPATH_TYPE]));
        break;
    case JSONPATH_DATETIME:
        print_datetime(item, out);
        break;
    case JSONPATH_KEYVALUE:
        buf_append_lit(out, ".keyvalue()");
        break;
    }
}

static void print_item(const JsonPathItem *item, bool in_key, bool brackets, Buf *out)
{
    print_one(item, in_key, brackets, out);
    for (const JsonPathItem *next = item->next; next; next = next->next)
        print_one(next, true, true, out);
}

void jsonpath_append_text(const JsonPath *path, Buf *out)
{
    if (path->strict)
        buf_append_lit(out, "strict ");
    print_item(path->root, false, true, out);
}

Status jsonpath_canonical(Str text, Arena *arena, Str *ret, Error *err)
{
    CLEANUP(buf_done) Buf out = {0};
    JsonPath path;
    TRY(jsonpath_parse(text, arena, &path, err));
    jsonpath_append_text(&path, &out);
    *ret = arena_str(arena, buf_str(&out));
    return STATUS_OK;
}

/* pgarray.c - arrays as bytes: building, reading, text and binary formats. */
#include "format/pgtype/pgarray.h"

#include <stdlib.h>

#include "format/pgtype/pgarray_int.h"

enum {
    FLAG_NULLS = 1,
    ARRAY_ELEMENTS_MAX = 1 << 27, /* as PostgreSQL's MaxArraySize, about */
};

static bool is_vector(Type type)
{
    return !type.is_array && (type.id == TYPE_INT2VECTOR || type.id == TYPE_OIDVECTOR);
}

static Type element_of(Type type)
{
    if (type.is_array)
        return type_element(type);
    return type.id == TYPE_INT2VECTOR ? TYPE_OF(INT2) : TYPE_OF(OID);
}

/* Bytes of one element in the array form; bits take a byte each. */
static size_t element_width(Type element)
{
    Layout layout = type_layout(element);
    return layout == LAYOUT_BIT ? 1 : layout == LAYOUT_VIEW ? 4 : layout_width(layout);
}

/* ---------------------------------------------------------------- reading */

static uint32_t load_u32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

PgArray pgarray_open(Type type, Str bytes)
{
    PgArray a = {.element = element_of(type)};
    const char *p = bytes.ptr;

    ASSERT(bytes.len >= 8);
    a.dim_count = load_u32(p);
    uint32_t flags = load_u32(p + 4);
    ASSERT(a.dim_count <= PGARRAY_DIMS_MAX && bytes.len >= 8 + 8 * (size_t)a.dim_count);
    p += 8;
    a.count = a.dim_count ? 1 : 0;
    for (uint32_t i = 0; i < a.dim_count; i++, p += 8) {
        a.lengths[i] = (int32_t)load_u32(p);
        a.lowers[i] = (int32_t)load_u32(p + 4);
        a.count *= (uint32_t)a.lengths[i];
    }
    if (flags & FLAG_NULLS) {
        a.validity = (const uint8_t *)p;
        p += bitmap_bytes(a.count);
    }
    a.values = p;
    a.bytes = p + element_width(a.element) * a.count;
    return a;
}

void pgarray__slot(const PgArray *array, uint32_t i, PgSlot *ret)
{
    Layout layout = type_layout(array->element);
    size_t width = element_width(array->element);

    memset(ret->bytes, 0, sizeof ret->bytes);
    ret->column = (Column){.type = array->element, .len = 1, .values = ret->bytes};
    if (layout == LAYOUT_VIEW) {
        uint32_t begin = i ? load_u32(array->values + 4 * (size_t)(i - 1)) : 0;
        uint32_t end = load_u32(array->values + 4 * (size_t)i);
        ret->view = view_make(array->bytes + begin, end - begin);
    } else {
        memcpy(ret->bytes, array->values + width * i, width);
    }
}

Status pgarray_elements(const PgArray *array, Arena *arena, Column *ret, Error *err)
{
    Layout layout = type_layout(array->element);
    Column c;

    TRY(column_init(&c, arena, array->element, array->count, array->validity != NULL, err));
    if (array->validity)
        memcpy(column_validity(&c), array->validity, bitmap_bytes(array->count));
    void *values = column_values(&c);
    if (layout == LAYOUT_VIEW) {
        uint32_t begin = 0;
        for (uint32_t i = 0; i < array->count; i++) {
            uint32_t end = load_u32(array->values + 4 * (size_t)i);
            ((View *)values)[i] = view_make(array->bytes + begin, end - begin);
            begin = end;
        }
    } else if (layout == LAYOUT_BIT) {
        for (uint32_t i = 0; i < array->count; i++)
            bit_put(values, i, array->values[i] != 0);
    } else if (array->count) {
        memcpy(values, array->values, element_width(array->element) * array->count);
    }
    *ret = c;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- building */

static void store_u32(char *p, uint32_t v)
{
    memcpy(p, &v, 4);
}

static Status too_large(Error *err)
{
    return error_set_sql(err, STATUS_LIMIT, "54000", 0,
                         "array size exceeds the maximum allowed (%d)", ARRAY_ELEMENTS_MAX);
}

/* Writes the elements behind the head; `p` has room for all. */
static void store_elements(const Column *elements, uint32_t from, uint32_t count, Type element,
                           char *p)
{
    Layout layout = type_layout(element);
    size_t width = element_width(element);
    char *bytes = p + width * count;
    uint32_t end = 0;

    for (uint32_t i = 0; i < count; i++, p += width) {
        bool null = column_is_null(elements, from + i);
        if (layout == LAYOUT_VIEW) {
            Str s = null ? (Str){0} : column_str(elements, from + i);
            if (s.len)
                memcpy(bytes + end, s.ptr, s.len);
            end += (uint32_t)s.len;
            store_u32(p, end);
        } else if (null) {
            memset(p, 0, width);
        } else if (layout == LAYOUT_BIT) {
            *p = column_bool(elements, from + i);
        } else {
            const Column *at;
            memcpy(p, column_at_(elements, from + i, width, &at), width);
        }
    }
}

Status pgarray_make_dims(Type array_type, const Column *elements, uint32_t from, uint32_t count,
                         uint32_t dim_count, const int32_t *lengths, const int32_t *lowers,
                         Arena *arena, View *ret, Error *err)
{
    Type element = element_of(array_type);
    bool nulls = false;
    size_t text_bytes = 0;

    if (count > ARRAY_ELEMENTS_MAX)
        return too_large(err);
    if (count == 0)
        dim_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (column_is_null(elements, from + i))
            nulls = true;
        else if (type_layout(element) == LAYOUT_VIEW)
            text_bytes += column_str(elements, from + i).len;
    }
    size_t head = 8 + 8 * (size_t)dim_count;
    size_t bitmap = nulls ? bitmap_bytes(count) : 0;
    size_t len = head + bitmap + element_width(element) * count + text_bytes;
    char *bytes;
    if (len > UINT32_MAX / 2)
        return too_large(err);
    TRY(arena_try_alloc(arena, len, &bytes, err));
    store_u32(bytes, dim_count);
    store_u32(bytes + 4, nulls ? FLAG_NULLS : 0);
    for (uint32_t i = 0; i < dim_count; i++) {
        store_u32(bytes + 8 + 8 * (size_t)i, (uint32_t)lengths[i]);
        store_u32(bytes + 12 + 8 * (size_t)i, (uint32_t)lowers[i]);
    }
    if (nulls) {
        memset(bytes + head, 0, bitmap);
        for (uint32_t i = 0; i < count; i++)
            bit_put((uint8_t *)bytes + head, i, !column_is_null(elements, from + i));
    }
    store_elements(elements, from, count, element, bytes + head + bitmap);
    *ret = view_make(bytes, len);
    return STATUS_OK;
}

Status pgarray_make(Type array_type, const Column *elements, uint32_t from, uint32_t count,
                    Arena *arena, View *ret, Error *err)
{
    int32_t length = (int32_t)count;
    int32_t lower = is_vector(array_type) ? 0 : 1;

    return pgarray_make_dims(array_type, elements, from, count, 1, &length, &lower, arena, ret,
                             err);
}

/* ---------------------------------------------------------------- text output */

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Quotes what was appended from `begin` on, if an array needs it quoted. */
static void quote_element(Buf *out, size_t begin)
{
    const char *text = out->ptr + begin;
    size_t len = out->len - begin;
    size_t escapes = 0;
    bool quote = len == 0 || str_eq_nocase((Str){text, len}, STR("null"));

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        escapes += c == '"' || c == '\\';
        quote |= c == '"' || c == '\\' || c == '{' || c == '}' || c == ',' || is_space(c);
    }
    if (!quote || !buf_reserve(out, escapes + 2))
        return;
    char *to = out->ptr + out->len + escapes + 2;
    const char *from = out->ptr + out->len;
    out->len += escapes + 2;
    *--to = '"';
    while (from > out->ptr + begin) {
        char c = *--from;
        *--to = c;
        if (c == '"' || c == '\\')
            *--to = '\\';
    }
    *--to = '"';
}

/* Types whose text never needs quotes. */
static bool is_plain(Type type)
{
    return type_is_number(type) ||
           (!type.is_array &&
            (type.id == TYPE_BOOL || type.id == TYPE_OID || type.id == TYPE_UUID));
}

typedef struct ArrayPrinter {
    const PgArray *array;
    const PgSettings *settings;
    PgPrintFn print;
    bool plain;
    uint32_t next; /* element to print */
    Buf *out;
} ArrayPrinter;

static void print_dim(ArrayPrinter *p, uint32_t dim)
{
    buf_append_byte(p->out, '{');
    for (int32_t i = 0; i < p->array->lengths[dim]; i++) {
        if (i)
            buf_append_byte(p->out, ',');
        if (dim + 1 < p->array->dim_count) {
            print_dim(p, dim + 1);
            continue;
        }
        uint32_t at = p->next++;
        if (pgarray_is_null(p->array, at)) {
            buf_append_lit(p->out, "NULL");
            continue;
        }
        PgSlot slot;
        size_t begin = p->out->len;
        pgarray__slot(p->array, at, &slot);
        p->print(&slot.column, 0, p->settings, p->out);
        if (!p->plain && !p->out->overflowed)
            quote_element(p->out, begin);
    }
    buf_append_byte(p->out, '}');
}

void pgarray__print(const Column *c, size_t row, const PgSettings *settings, Buf *out)
{
    PgArray a = pgarray_open(c->type, column_str(c, row));
    bool bounds = false;

    if (a.dim_count == 0) {
        buf_append_lit(out, "{}");
        return;
    }
    for (uint32_t i = 0; i < a.dim_count; i++)
        bounds |= a.lowers[i] != 1;
    for (uint32_t i = 0; bounds && i < a.dim_count; i++)
        buf_printf(out, "[%d:%d]", a.lowers[i], a.lowers[i] + a.lengths[i] - 1);
    if (bounds)
        buf_append_byte(out, '=');
    ArrayPrinter p = {&a, settings, pgtype_text_fn(a.element), is_plain(a.element), 0, out};
    print_dim(&p, 0);
}

void pgarray__print_vector(const Column *c, size_t row, const PgSettings *settings, Buf *out)
{
    PgArray a = pgarray_open(c->type, column_str(c, row));
    PgPrintFn print = pgtype_text_fn(a.element);

    for (uint32_t i = 0; i < a.count; i++) {
        PgSlot slot;
        pgarray__slot(&a, i, &slot);
        if (i)
            buf_append_byte(out, ' ');
        print(&slot.column, 0, settings, out);
    }
}

void pgarray__send(const Column *c, size_t row, const PgSettings *settings, Buf *out)
{
    PgArray a = pgarray_open(c->type, column_str(c, row));
    PgPrintFn send = pgtype_binary_fn(a.element);

    buf_append_be32(out, a.dim_count);
    buf_append_be32(out, a.validity != NULL);
    buf_append_be32(out, type_oid(a.element));
    for (uint32_t i = 0; i < a.dim_count; i++) {
        buf_append_be32(out, (uint32_t)a.lengths[i]);
        buf_append_be32(out, (uint32_t)a.lowers[i]);
    }
    for (uint32_t i = 0; i < a.count; i++) {
        PgSlot slot;
        size_t at = out->len;
        buf_append_be32(out, UINT32_MAX);
        if (pgarray_is_null(&a, i))
            continue;
        pgarray__slot(&a, i, &slot);
        send(&slot.column, 0, settings, out);
        if (!out->overflowed) {
            uint32_t len = __builtin_bswap32((uint32_t)(out->len - at - 4));
            memcpy(out->ptr + at, &len, 4);
        }
    }
}

/* ---------------------------------------------------------------- text input */

typedef struct ArrayParser {
    Str text; /* all of it, for messages */
    const char *p;
    const char *end;
    Arena *arena;
    Error *err;
    uint32_t dim_count; /* known from the first innermost element on */
    int32_t lengths[PGARRAY_DIMS_MAX];
    bool length_known[PGARRAY_DIMS_MAX];
    Str *items; /* ptr NULL = NULL */
    size_t item_count;
    size_t item_cap;
} ArrayParser;

static Status malformed(ArrayParser *s, const char *detail)
{
    (void)error_set_sql(s->err, STATUS_INVALID, "22P02", 0, "malformed array literal: \"%.*s\"",
                        STR_FMT(s->text));
    error_detail(s->err, "%s", detail);
    return STATUS_INVALID;
}

static Status unexpected(ArrayParser *s, char c)
{
    char detail[64];

    if (s->p >= s->end)
        return malformed(s, "Unexpected end of input.");
    memcpy(detail, "Unexpected \"?\" character.", 26);
    detail[12] = c;
    return malformed(s, detail);
}

static void skip_space(ArrayParser *s)
{
    while (s->p < s->end && is_space(*s->p))
        s->p++;
}

/* "..." with backslash escapes, into the arena. */
static Status parse_quoted(ArrayParser *s, Str *ret)
{
    char *out;
    size_t len = 0;

    TRY(arena_try_alloc(s->arena, (size_t)(s->end - s->p), &out, s->err));
    for (s->p++; s->p < s->end && *s->p != '"'; s->p++) {
        if (*s->p == '\\' && ++s->p == s->end)
            break;
        out[len++] = *s->p;
    }
    if (s->p >= s->end)
        return malformed(s, "Unexpected end of input.");
    s->p++;
    *ret = (Str){out, len};
    return STATUS_OK;
}

static Status parse_unquoted(ArrayParser *s, Str *ret)
{
    char *out;
    size_t len = 0;
    size_t keep = 0; /* trailing white space does not count, unless escaped */
    bool escaped = false;

    TRY(arena_try_alloc(s->arena, (size_t)(s->end - s->p) + 1, &out, s->err));
    while (s->p < s->end && *s->p != ',' && *s->p != '}') {
        char c = *s->p++;
        if (c == '{' || c == '"') {
            s->p--;
            return unexpected(s, c);
        }
        if (c == '\\') {
            if (s->p == s->end)
                return malformed(s, "Unexpected end of input.");
            c = *s->p++;
            escaped = true;
            out[len++] = c;
            keep = len;
            continue;
        }
        out[len++] = c;
        if (!is_space(c))
            keep = len;
    }
    *ret = (Str){out, keep};
    if (!escaped && str_eq_nocase(*ret, STR("null")))
        *ret = (Str){0};
    return STATUS_OK;
}

static Status parse_item(ArrayParser *s, uint32_t depth)
{
    Str item;

    if (s->dim_count == 0)
        s->dim_count = depth;
    if (s->dim_count != depth)
        return malformed(s, "Unexpected array element.");
    if (*s->p == '"')
        TRY(parse_quoted(s, &item));
    else
        TRY(parse_unquoted(s, &item));
    if (s->item_count >= ARRAY_ELEMENTS_MAX)
        return too_large(s->err);
    if (s->item_count == s->item_cap) {
        size_t cap = s->item_cap ? 2 * s->item_cap : 16;
        Str *items;
        TRY(arena_try_alloc(s->arena, sizeof *items * cap, &items, s->err));
        if (s->item_count)
            memcpy(items, s->items, sizeof *items * s->item_count);
        s->items = items;
        s->item_cap = cap;
    }
    s->items[s->item_count++] = item;
    return STATUS_OK;
}

/* One '{...}' at `depth` (0-based); recursion is bounded by the dimensions. */
static Status parse_braces(ArrayParser *s, uint32_t depth)
{
    int32_t length = 0;

    if (depth >= PGARRAY_DIMS_MAX)
        return error_set_sql(s->err, STATUS_INVALID, "54000", 0,
                             "number of array dimensions (%d) exceeds the maximum allowed (%d)",
                             PGARRAY_DIMS_MAX + 1, PGARRAY_DIMS_MAX);
    s->p++;
    skip_space(s);
    if (s->p < s->end && *s->p == '}' && depth == 0) {
        s->p++;
        return STATUS_OK;
    }
    for (;;) {
        skip_space(s);
        if (s->p >= s->end)
            return malformed(s, "Unexpected end of input.");
        if (*s->p == '{')
            TRY(parse_braces(s, depth + 1));
        else if (*s->p == ',' || *s->p == '}')
            return unexpected(s, *s->p);
        else
            TRY(parse_item(s, depth + 1));
        length++;
        skip_space(s);
        if (s->p >= s->end)
            return malformed(s, "Unexpected end of input.");
        char c = *s->p;
        if (c != ',' && c != '}')
            return unexpected(s, c);
        s->p++;
        if (c == '}')
            break;
    }
    if (s->length_known[depth] && s->lengths[depth] != length)
        return malformed(s,
                         "Multidimensional arrays must have sub-arrays with matching dimensions.");
    s->length_known[depth] = true;
    s->lengths[depth] = length;
    return STATUS_OK;
}

/* "[lower:upper]..." before '='. *ret_count 0 when absent. */
static Status parse_bounds(ArrayParser *s, int32_t *lengths, int32_t *lowers, uint32_t *ret_count)
{
    uint32_t n = 0;

    for (skip_space(s); s->p < s->end && *s->p == '['; skip_space(s)) {
        const char *close = memchr(s->p, ']', (size_t)(s->end - s->p));
        if (!close)
            return malformed(s, "Missing \"]\" in array dimensions.");
        if (n == PGARRAY_DIMS_MAX)
            return malformed(s, "Too many array dimensions.");
        Str inside = {s->p + 1, (size_t)(close - s->p - 1)};
        ptrdiff_t colon = str_find_byte(inside, ':');
        int64_t lower = 1;
        int64_t upper;
        if (colon >= 0 && !str_to_i64(str_sub(inside, 0, (size_t)colon), &lower))
            return malformed(s, "\"[\" must introduce explicitly-specified array dimensions.");
        if (!str_to_i64(colon >= 0 ? str_sub(inside, (size_t)colon + 1, inside.len) : inside,
                        &upper))
            return malformed(s, "Missing array dimension value.");
        if (upper < lower)
            return error_set_sql(s->err, STATUS_INVALID, "2202E", 0,
                                 "upper bound cannot be less than lower bound");
        if (lower < INT32_MIN || upper >= INT32_MAX || upper - lower >= ARRAY_ELEMENTS_MAX)
            return too_large(s->err);
        lowers[n] = (int32_t)lower;
        lengths[n++] = (int32_t)(upper - lower + 1);
        s->p = close + 1;
    }
    if (n) {
        if (s->p >= s->end || *s->p != '=')
            return malformed(s, "Missing \"=\" after array dimensions.");
        s->p++;
        skip_space(s);
    }
    *ret_count = n;
    return STATUS_OK;
}

Status pgarray__parse(Str text, const PgSettings *settings, Type type, Arena *arena, View *ret,
                      Error *err)
{
    ArrayParser s = {
        .text = text, .p = text.ptr, .end = text.ptr + text.len, .arena = arena, .err = err};
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX] = {1, 1, 1, 1, 1, 1};
    uint32_t bound_count;
    Column elements;

    TRY(parse_bounds(&s, lengths, lowers, &bound_count));
    if (s.p >= s.end || *s.p != '{')
        return malformed(&s, bound_count
                                 ? "Array contents must start with \"{\"."
                                 : "Array value must start with \"{\" or dimension information.");
    TRY(parse_braces(&s, 0));
    skip_space(&s);
    if (s.p != s.end)
        return malformed(&s, "Junk after closing right brace.");
    bool match = bound_count == 0 || bound_count == s.dim_count;
    for (uint32_t i = 0; match && i < bound_count; i++)
        match = lengths[i] == s.lengths[i];
    if (!match)
        return malformed(&s, "Specified array dimensions do not match array contents.");
    TRY(column_init(&elements, arena, element_of(type), (uint32_t)s.item_count, true, err));
    for (size_t i = 0; i < s.item_count; i++) {
        if (s.items[i].ptr)
            TRY(pgtype_parse_text(s.items[i], settings, &elements, i, arena, err));
        else
            bit_clear(column_validity(&elements), i);
    }
    return pgarray_make_dims(type, &elements, 0, (uint32_t)s.item_count, s.dim_count, s.lengths,
                             lowers, arena, ret, err);
}

Status pgarray__parse_vector(Str text, const PgSettings *settings, Type type, Arena *arena,
                             View *ret, Error *err)
{
    Column elements;
    uint32_t cap = (uint32_t)LUMA_MIN(text.len / 2 + 1, (size_t)ARRAY_ELEMENTS_MAX);
    uint32_t count = 0;
    Str rest = text;
    Str word;

    TRY(column_init(&elements, arena, element_of(type), cap, false, err));
    while (str_split(&rest, ' ', &word))
        if (word.len)
            TRY(pgtype_parse_text(word, settings, &elements, count++, arena, err));
    return pgarray_make(type, &elements, 0, count, arena, ret, err);
}

/* ---------------------------------------------------------------- binary input */

static Status bad_binary(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22P03", 0, "incorrect binary data format");
}

Status pgarray__receive(Str bytes, const PgSettings *settings, Type type, Arena *arena, View *ret,
                        Error *err)
{
    BufReader r = buf_reader(bytes);
    uint32_t dim_count = buf_read_be32(&r);
    (void)buf_read_be32(&r); /* the flag repeats what the lengths say */
    uint32_t oid = buf_read_be32(&r);
    int32_t lengths[PGARRAY_DIMS_MAX];
    int32_t lowers[PGARRAY_DIMS_MAX];
    uint64_t count = dim_count ? 1 : 0;
    Type element = element_of(type);
    Column elements;

    if (r.failed || dim_count > PGARRAY_DIMS_MAX)
        return bad_binary(err);
    if (oid != type_oid(element))
        return error_set_sql(err, STATUS_INVALID, "42804", 0,
                             "binary data has array element type %u instead of expected %u", oid,
                             type_oid(element));
    for (uint32_t i = 0; i < dim_count; i++) {
        lengths[i] = (int32_t)buf_read_be32(&r);
        lowers[i] = (int32_t)buf_read_be32(&r);
        if (lengths[i] < 0 || lowers[i] > INT32_MAX - lengths[i])
            return bad_binary(err);
        count *= (uint64_t)lengths[i];
        if (count > buf_reader_left(&r) / 4 + 1)
            return bad_binary(err); /* each element has at least its length */
    }
    TRY(column_init(&elements, arena, element, (uint32_t)count, true, err));
    for (uint32_t i = 0; i < count; i++) {
        int32_t len = (int32_t)buf_read_be32(&r);
        if (len == -1) {
            bit_clear(column_validity(&elements), i);
            continue;
        }
        Str item = buf_read_bytes(&r, len < 0 ? SIZE_MAX : (size_t)len);
        if (r.failed)
            return bad_binary(err);
        TRY(pgtype_parse_binary(item, settings, &elements, i, arena, err));
    }
    if (r.failed || buf_reader_left(&r))
        return bad_binary(err);
    return pgarray_make_dims(type, &elements, 0, (uint32_t)count, dim_count, lengths, lowers, arena,
                             ret, err);
}

/* pgrecord.c - records (rows as values): building, reading, text and binary output. */
#include "format/pgtype/pgarray_int.h"

/* type id, array flag, null flag, bytes of the name, typmod, bytes of the value; then the value
 * and the name. */
enum { FIELD_HEAD_BYTES = 12, FIELD_NAME_MAX = 255 };

/* One field in place. */
typedef struct RecordField {
    Type type;
    bool is_null;
    Str bytes;
    Str name;
} RecordField;

/* Reads the field at *pos and moves on. The bytes come from this module. */
static RecordField next_field(Str record, size_t *pos)
{
    const char *p = record.ptr + *pos;
    uint32_t len;
    RecordField f = {.type = {.id = (uint8_t)p[0], .is_array = p[1] != 0}, .is_null = p[2] != 0};

    memcpy(&f.type.typmod, p + 4, 4);
    memcpy(&len, p + 8, 4);
    f.bytes = (Str){p + FIELD_HEAD_BYTES, len};
    f.name = (Str){p + FIELD_HEAD_BYTES + len, (uint8_t)p[3]};
    *pos += FIELD_HEAD_BYTES + len + f.name.len;
    ASSERT(*pos <= record.len);
    return f;
}

static void field_slot(const RecordField *f, PgSlot *ret)
{
    memset(ret->bytes, 0, sizeof ret->bytes);
    ret->column = (Column){.type = f->type, .len = 1, .values = ret->bytes};
    if (type_layout(f->type) == LAYOUT_VIEW)
        ret->view = view_make(f->bytes.ptr, f->bytes.len);
    else
        memcpy(ret->bytes, f->bytes.ptr, LUMA_MIN(f->bytes.len, sizeof ret->bytes));
}

uint32_t pgrecord_field_count(Str bytes)
{
    uint32_t count;

    ASSERT(bytes.len >= 4);
    memcpy(&count, bytes.ptr, 4);
    return count;
}

bool pgrecord_field(Str bytes, uint32_t idx, Arena *arena, Column *ret)
{
    static const uint8_t null_bits = 0;
    size_t pos = 4;
    RecordField f;

    if (idx >= pgrecord_field_count(bytes))
        return false;
    for (uint32_t i = 0; i <= idx; i++)
        f = next_field(bytes, &pos);
    PgSlot *slot = arena_alloc(arena, sizeof *slot);
    if (!slot)
        return false;
    if (f.is_null)
        f.bytes = (Str){0};
    field_slot(&f, slot);
    *ret = slot->column;
    if (f.is_null)
        ret->validity = &null_bits;
    return true;
}

Str pgrecord_field_name(Str bytes, uint32_t idx)
{
    size_t pos = 4;
    RecordField f = {0};

    if (idx >= pgrecord_field_count(bytes))
        return (Str){0};
    for (uint32_t i = 0; i <= idx; i++)
        f = next_field(bytes, &pos);
    return f.name;
}

/* Bytes of a value as an array element has them. */
static Str value_bytes(const Column *c, size_t row, uint8_t *bit)
{
    const Column *at;

    switch (type_layout(c->type)) {
    case LAYOUT_VIEW:
        return column_str(c, row);
    case LAYOUT_BIT:
        *bit = column_bool(c, row);
        return (Str){(const char *)bit, 1};
    default: {
        size_t width = layout_width(type_layout(c->type));
        return (Str){column_at_(c, row, width, &at), width};
    }
    }
}

Status pgrecord_make(const Column *columns, const Str *names, uint32_t column_count, size_t row,
                     Arena *arena, View *ret, Error *err)
{
    size_t len = 4;
    uint8_t bit;
    char *bytes;

    for (uint32_t i = 0; i < column_count; i++)
        len += FIELD_HEAD_BYTES + (names ? LUMA_MIN(names[i].len, (size_t)FIELD_NAME_MAX) : 0) +
               (column_is_null(&columns[i], row) ? 0 : value_bytes(&columns[i], row, &bit).len);
    if (len > UINT32_MAX / 2)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "row of %zu bytes is too long", len);
    TRY(arena_try_alloc(arena, len, &bytes, err));
    memcpy(bytes, &column_count, 4);
    char *p = bytes + 4;
    for (uint32_t i = 0; i < column_count; i++) {
        const Column *c = &columns[i];
        bool null = column_is_null(c, row);
        Str value = null ? (Str){0} : value_bytes(c, row, &bit);
        uint32_t value_len = (uint32_t)value.len;
        p[0] = (char)c->type.id;
        p[1] = (char)c->type.is_array;
        p[2] = (char)null;
        uint8_t name_len = names ? (uint8_t)LUMA_MIN(names[i].len, (size_t)FIELD_NAME_MAX) : 0;
        p[3] = (char)name_len;
        memcpy(p + 4, &c->type.typmod, 4);
        memcpy(p + 8, &value_len, 4);
        if (value_len)
            memcpy(p + FIELD_HEAD_BYTES, value.ptr, value_len);
        p += FIELD_HEAD_BYTES + value_len;
        if (name_len)
            memcpy(p, names[i].ptr, name_len);
        p += name_len;
    }
    *ret = view_make(bytes, len);
    return STATUS_OK;
}

/* Quotes what was appended from `begin` on, if a record needs it quoted: quotes are doubled. */
static void quote_field(Buf *out, size_t begin)
{
    const char *text = out->ptr + begin;
    size_t len = out->len - begin;
    size_t doubles = 0;
    bool quote = len == 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        doubles += c == '"' || c == '\\';
        quote |= c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' || c == ' ' ||
                 (c >= '\t' && c <= '\r');
    }
    if (!quote || !buf_reserve(out, doubles + 2))
        return;
    char *to = out->ptr + out->len + doubles + 2;
    const char *from = out->ptr + out->len;
    out->len += doubles + 2;
    *--to = '"';
    while (from > out->ptr + begin) {
        char c = *--from;
        *--to = c;
        if (c == '"' || c == '\\')
            *--to = c;
    }
    *--to = '"';
}

void pgrecord__print(const Column *c, size_t row, const PgSettings *settings, Buf *out)
{
    Str bytes = column_str(c, row);
    uint32_t count = pgrecord_field_count(bytes);
    size_t pos = 4;

    buf_append_byte(out, '(');
    for (uint32_t i = 0; i < count; i++) {
        RecordField f = next_field(bytes, &pos);
        if (i)
            buf_append_byte(out, ',');
        if (f.is_null)
            continue;
        PgSlot slot;
        size_t begin = out->len;
        field_slot(&f, &slot);
        pgtype_append_text(&slot.column, 0, settings, out);
        if (!out->overflowed)
            quote_field(out, begin);
    }
    buf_append_byte(out, ')');
}

void pgrecord__send(const Column *c, size_t row, const PgSettings *settings, Buf *out)
{
    Str bytes = column_str(c, row);
    uint32_t count = pgrecord_field_count(bytes);
    size_t pos = 4;

    buf_append_be32(out, count);
    for (uint32_t i = 0; i < count; i++) {
        RecordField f = next_field(bytes, &pos);
        buf_append_be32(out, type_oid(f.type));
        size_t at = out->len;
        buf_append_be32(out, UINT32_MAX);
        if (f.is_null)
            continue;
        PgSlot slot;
        field_slot(&f, &slot);
        pgtype_append_binary(&slot.column, 0, settings, out);
        if (!out->overflowed) {
            uint32_t len = __builtin_bswap32((uint32_t)(out->len - at - 4));
            memcpy(out->ptr + at, &len, 4);
        }
    }
}

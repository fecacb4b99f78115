/* pgenum.c - see pgenum.h. */
#include "format/pgtype/pgenum.h"

Str pgenum_label(Str value)
{
    return value.len < PGENUM_ORDER_DIGITS ? STR("")
                                           : str_sub(value, PGENUM_ORDER_DIGITS, value.len);
}

Status pgenum_make(int64_t order, Str label, Arena *arena, View *ret, Error *err)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t bits = (uint64_t)order ^ UINT64_C(1) << 63;
    char *value;

    TRY(arena_try_alloc(arena, PGENUM_ORDER_DIGITS + label.len, &value, err));
    for (int i = PGENUM_ORDER_DIGITS; i-- > 0; bits >>= 4)
        value[i] = digits[bits & 15];
    if (label.len)
        memcpy(value + PGENUM_ORDER_DIGITS, label.ptr, label.len);
    *ret = view_make(value, PGENUM_ORDER_DIGITS + label.len);
    return STATUS_OK;
}

static void append_name(const PgSettings *settings, Type type, Buf *out)
{
    uint32_t oid = (uint32_t)type.typmod;

    if (!settings->reg_name || !settings->reg_name(settings->reg_ctx, TYPE_REGTYPE, oid, out))
        pgtype_append_i64(out, oid);
}

Status pgenum_error_unsafe(const PgSettings *settings, Type type, Str label, Error *err)
{
    CLEANUP(buf_done) Buf name = {0};

    append_name(settings, type, &name);
    Status status = error_set_sql(err, STATUS_INVALID, "55P04", 0,
                                  "unsafe use of new value \"%.*s\" of enum type %.*s",
                                  STR_FMT(label), (int)name.len, name.ptr);
    error_hint(err, "New enum values must be committed before they can be used.");
    return status;
}

Status pgenum_parse(Str text, const PgSettings *settings, Type type, Arena *arena, View *ret,
                    Error *err)
{
    PgEnumLabel label;
    CLEANUP(buf_done) Buf name = {0};

    for (uint32_t i = 0; settings->enum_label &&
                         settings->enum_label(settings->reg_ctx, (uint32_t)type.typmod, i, &label);
         i++) {
        if (!str_eq(label.name, text))
            continue;
        if (!label.usable)
            return pgenum_error_unsafe(settings, type, text, err);
        return pgenum_make(label.order, text, arena, ret, err);
    }
    append_name(settings, type, &name);
    return error_set_sql(err, STATUS_INVALID, "22P02", 0,
                         "invalid input value for enum %.*s: \"%.*s\"", (int)name.len, name.ptr,
                         STR_FMT(text));
}

#include "arrow/type.h"

#include <stdio.h>

typedef struct TypeInfo {
    const char *name;
    const char *pg_name;
    uint32_t oid;
    uint32_t array_oid;
    int16_t len;
    uint8_t layout;
} TypeInfo;

static const TypeInfo infos[TYPE_COUNT_] = {
#define X(id, layout, oid, array_oid, name, typname, typlen)                                       \
    {name, typname, oid, array_oid, typlen, LAYOUT_##layout},
    TYPE_LIST(X)
#undef X
};

Layout type_layout(Type type)
{
    return type.is_array ? LAYOUT_VIEW : (Layout)infos[type.id].layout;
}

size_t layout_width(Layout layout)
{
    static const uint8_t widths[] = {0, 1, 2, 4, 8, 4, 8, 16, 16};
    return widths[layout];
}

uint32_t type_oid(Type type)
{
    if (type.id == TYPE_ENUM && type.typmod != -1)
        return (uint32_t)type.typmod + type.is_array;
    return type.is_array ? infos[type.id].array_oid : infos[type.id].oid;
}

bool type_from_oid(uint32_t oid, Type *ret_type)
{
    for (int i = 0; oid && i < TYPE_COUNT_; i++)
        if (infos[i].oid == oid || infos[i].array_oid == oid) {
            *ret_type = (Type){(uint8_t)i, infos[i].array_oid == oid, -1};
            return true;
        }
    return false;
}

const char *type_name(Type type, char buf[64])
{
    (void)snprintf(buf, 64, "%s%s", infos[type.id].name, type.is_array ? "[]" : "");
    return buf;
}

const char *type_pg_name(Type type, char buf[64])
{
    (void)snprintf(buf, 64, "%s%s", type.is_array ? "_" : "", infos[type.id].pg_name);
    return buf;
}

bool type_from_pg_name(Str name, Type *ret_type)
{
    bool array = name.len > 1 && name.ptr[0] == '_';
    Str base = array ? str_sub(name, 1, name.len) : name;

    for (int i = 0; i < TYPE_COUNT_; i++)
        if (str_eq(base, str_from(infos[i].pg_name)) && (!array || infos[i].array_oid)) {
            *ret_type = (Type){(uint8_t)i, array, -1};
            return true;
        }
    return false;
}

int16_t type_len(Type type)
{
    return type.is_array ? -1 : infos[type.id].len;
}

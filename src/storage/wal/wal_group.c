#include "storage/wal/wal_group.h"

static const WalEntryType part_types[] = {
    WAL_ENTRY_SAMPLES, WAL_ENTRY_ROWS,   WAL_ENTRY_METADATA, WAL_ENTRY_EXEMPLARS,
    WAL_ENTRY_CATALOG, WAL_ENTRY_COMMIT, WAL_ENTRY_DELETES};

void wal_group_append(Buf *out, WalEntryType type, Str payload)
{
    buf_printf(out, "%s %zu\n", wal_entry_type_name(type), payload.len);
    buf_append_str(out, payload);
    buf_append_byte(out, '\n');
}

Status wal_group_next(const WalEntry *group, Str *rest, WalEntry *ret_part, bool *ret_found,
                      Error *err)
{
    uint64_t len = 0;

    *ret_found = false;
    if (!rest->len)
        return STATUS_OK;
    ptrdiff_t space = str_find_byte(str_sub(*rest, 0, 32), ' ');
    ptrdiff_t line = str_find_byte(str_sub(*rest, 0, 64), '\n');
    if (space < 0 || line < space ||
        !str_to_u64(str_sub(*rest, (size_t)space + 1, (size_t)(line - space - 1)), &len))
        return error_set(err, STATUS_CORRUPT, "a group entry has a malformed part");
    Str name = str_sub(*rest, 0, (size_t)space);
    Str body = str_sub(*rest, (size_t)line + 1, rest->len);
    if (len >= body.len || body.ptr[len] != '\n')
        return error_set(err, STATUS_CORRUPT, "a part of a group entry is cut off");
    for (size_t i = 0; i < LUMA_ARRAY_LEN(part_types); i++) {
        if (!str_eq(name, str_from(wal_entry_type_name(part_types[i]))))
            continue;
        *ret_part = *group;
        ret_part->type = part_types[i];
        ret_part->payload = str_sub(body, 0, (size_t)len);
        *rest = str_sub(body, (size_t)len + 1, body.len);
        *ret_found = true;
        return STATUS_OK;
    }
    return error_set(err, STATUS_UNSUPPORTED, "a group entry holds a \"%.*s\"", STR_FMT(name));
}

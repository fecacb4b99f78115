/* bind_copy.c - COPY: its table and columns. */
#include "query/sql/bind_int.h"

static Status find_column(Binder *b, const Table *table, Str name, uint16_t *ret)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped && str_eq(table->columns[i].name, name)) {
            *ret = (uint16_t)i;
            return STATUS_OK;
        }
    return BIND_ERROR(b, "42703", 0, "column \"%.*s\" of relation \"%.*s\" does not exist",
                      STR_FMT(name), STR_FMT(table->name));
}

static Status named_columns(Binder *b, const AstCopy *copy, SqlCopy *ret)
{
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, copy->columns.count);
    for (uint32_t i = 0; i < copy->columns.count; i++) {
        TRY(find_column(b, ret->table, copy->columns.names[i], &columns[i]));
        for (uint32_t k = 0; k < i; k++)
            if (columns[k] == columns[i])
                return BIND_ERROR(b, "42701", 0, "column \"%.*s\" specified more than once",
                                  STR_FMT(copy->columns.names[i]));
    }
    ret->columns = columns;
    ret->column_count = copy->columns.count;
    return STATUS_OK;
}

Status sql__copy(Binder *b, const AstCopy *copy, SqlCopy *ret)
{
    *ret = (SqlCopy){0};
    TRY(sql__copy_table(b, &copy->table, copy->from, &ret->table));
    if (!ret->table)
        return STATUS_OK;
    if (copy->columns.count)
        return named_columns(b, copy, ret);
    uint16_t *columns = ARENA_NEW_ARRAY(b->arena, uint16_t, ret->table->column_count);
    for (uint32_t i = 0; i < ret->table->column_count; i++)
        if (!ret->table->columns[i].dropped)
            columns[ret->column_count++] = (uint16_t)i;
    ret->columns = columns;
    return STATUS_OK;
}

#include "arrow/batch.h"

static Status alloc_columns(RecordBatch *batch, Arena *arena, const Schema *schema, uint32_t count,
                            uint32_t row_count, Error *err)
{
    *batch = (RecordBatch){.schema = schema, .column_count = count, .row_count = row_count};
    TRY(arena_try_alloc(arena, sizeof *batch->columns * (count ? count : 1), &batch->columns, err));
    return STATUS_OK;
}

Status batch_init(RecordBatch *batch, Arena *arena, const Schema *schema, uint32_t row_count,
                  Error *err)
{
    TRY(alloc_columns(batch, arena, schema, schema->field_count, row_count, err));
    for (uint32_t i = 0; i < schema->field_count; i++)
        TRY(column_init(&batch->columns[i], arena, schema->fields[i].type, row_count, false, err));
    return STATUS_OK;
}

Status batch_take(const RecordBatch *src, const uint32_t *rows, uint32_t count, Arena *arena,
                  RecordBatch *ret, Error *err)
{
    TRY(alloc_columns(ret, arena, src->schema, src->column_count, count, err));
    for (uint32_t i = 0; i < src->column_count; i++)
        TRY(column_take(&src->columns[i], rows, count, arena, &ret->columns[i], err));
    return STATUS_OK;
}

Status batch_slice(const RecordBatch *src, uint32_t from, uint32_t count, Arena *arena,
                   RecordBatch *ret, Error *err)
{
    TRY(alloc_columns(ret, arena, src->schema, src->column_count, count, err));
    for (uint32_t i = 0; i < src->column_count; i++)
        TRY(column_slice(&src->columns[i], from, count, arena, &ret->columns[i], err));
    return STATUS_OK;
}

Status batch_copy(const RecordBatch *src, Arena *arena, RecordBatch *ret, Error *err)
{
    TRY(alloc_columns(ret, arena, src->schema, src->column_count, src->row_count, err));
    for (uint32_t i = 0; i < src->column_count; i++)
        TRY(column_copy(&src->columns[i], arena, &ret->columns[i], err));
    return STATUS_OK;
}

Status batch_flatten(RecordBatch *batch, Arena *arena, Error *err)
{
    for (uint32_t i = 0; i < batch->column_count; i++) {
        Column flat;
        TRY(column_flatten(&batch->columns[i], arena, &flat, err));
        batch->columns[i] = flat;
    }
    return STATUS_OK;
}

Schema schema_copy(const Schema *schema, Arena *arena)
{
    Field *fields = arena_alloc(arena, sizeof *fields * (schema->field_count + 1));
    for (uint32_t i = 0; i < schema->field_count; i++) {
        fields[i] = schema->fields[i];
        fields[i].name = arena_str(arena, schema->fields[i].name);
    }
    return (Schema){fields, schema->field_count};
}

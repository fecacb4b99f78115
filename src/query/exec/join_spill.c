#include "query/exec/join_spill.h"

static Status append(JoinSpill *spill, Exec *exec, const PlanNode *node, const Column *columns,
                     uint32_t column_count, uint32_t p, const uint32_t *rows, uint32_t count,
                     Error *err)
{
    if (!spill->files[p]) {
        Type *types = MEM_NEW_ARRAY(Type, column_count + 1);
        for (uint32_t i = 0; i < column_count; i++)
            types[i] = columns[i].type;
        Status status = spill_file_new(exec, node, types, column_count, &spill->files[p], err);
        mem_free(types);
        TRY(status);
    }
    return spill_file_append(spill->files[p], columns, rows, count, err);
}

Status join_spill_add(JoinSpill *spill, Exec *exec, const PlanNode *node, const Column *columns,
                      uint32_t column_count, const Column *keys, uint32_t key_count, uint32_t rows,
                      Arena *scratch, Error *err)
{
    uint64_t *hashes;
    uint32_t *picked;
    if (!keys)
        keys = columns + column_count - key_count;
    TRY(arena_try_alloc(scratch, sizeof *hashes * ((size_t)rows + 1), &hashes, err));
    TRY(arena_try_alloc(scratch, sizeof *picked * ((size_t)rows + 1), &picked, err));
    for (uint32_t k = 0; k < key_count; k++) {
        value_hash_column(&keys[k], rows, k > 0, hashes);
        for (uint32_t i = 0; keys[k].validity && i < rows; i++)
            spill->has_null_key |= column_is_null(&keys[k], i);
    }
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++) {
        uint32_t count = 0;
        for (uint32_t i = 0; i < rows; i++) {
            picked[count] = i;
            count += (hashes[i] >> 40) % JOIN_PARTITIONS == p;
        }
        if (count)
            TRY(append(spill, exec, node, columns, column_count, p, picked, count, err));
    }
    return STATUS_OK;
}

Status join_spill_end(JoinSpill *spill, Error *err)
{
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
        if (spill->files[p])
            TRY(spill_file_end(spill->files[p], err));
    return STATUS_OK;
}

void join_spill_done(JoinSpill *spill)
{
    for (uint32_t p = 0; p < JOIN_PARTITIONS; p++)
        spill->files[p] = spill_file_free(spill->files[p]);
}

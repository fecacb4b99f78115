/* group_table.h - numbers the distinct keys of rows: 0, 1, 2 ... in order of first sight.
 *
 * Open addressing with linear probing over (hash, group). Three paths: one key of at most eight
 * bitwise bytes (the key itself is compared), one dictionary key (what a code was found to be is
 * kept from batch to batch), anything else (hash vector, then values). NULL equals NULL. Confined
 * to one thread.
 */
#ifndef LUMA_QUERY_EXEC_GROUP_TABLE_H
#define LUMA_QUERY_EXEC_GROUP_TABLE_H

#include "query/exec/rowset.h"
#include "query/func/value.h"

enum { GROUP_NONE = UINT32_MAX };

typedef struct GroupSlot {
    uint64_t key;   /* the bits of a narrow key, or the hash */
    uint32_t group; /* group + 1; 0 = empty */
    uint32_t pad;
} GroupSlot;

/* What an entry of a dictionary was found to be. */
typedef struct DictGroup {
    uint32_t group; /* + 1; 0 = not looked up yet */
    uint32_t batch; /* in which it was last compared with the entry */
} DictGroup;

typedef struct GroupTable {
    MemBudget *budget;
    RowSet keys; /* the first key row of each group */
    ValueEq *eqs;
    Type *types;
    uint32_t key_count;
    bool narrow; /* one key, bitwise, at most 8 bytes */
    bool text;   /* one key, text */
    GroupSlot *slots;
    uint32_t slot_count;
    uint32_t *pending; /* rows of the batch that are new groups: keys has them at its end */
    uint32_t pending_count;
    uint32_t pending_cap;
    bool frozen;         /* unseen keys get GROUP_NONE instead of a group */
    uint32_t null_group; /* + 1; of the narrow path */
    int64_t charged_bytes;
    DictGroup *dict_groups; /* by code; kept from batch to batch */
    uint32_t dict_cap;
    uint32_t dict_batch; /* number of the batch under work */
} GroupTable;

Status group_table_init(GroupTable *table, MemBudget *budget, const Type *types, uint32_t key_count,
                        Error *err);
void group_table_done(GroupTable *table); /* safe on a zeroed table */
/* group_of[i] for each row of the key columns (plain, constant or dictionary). */
Status group_table_find(GroupTable *table, const Column *keys, uint32_t rows, Arena *scratch,
                        uint32_t *group_of, Error *err);
static inline uint32_t group_table_count(const GroupTable *table)
{
    return table->keys.row_count;
}

#endif

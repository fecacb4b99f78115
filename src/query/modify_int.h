/* modify_int.h - what modify.c (changes of tables) and modify_conflict.c (ON CONFLICT) share. */
#ifndef LUMA_QUERY_MODIFY_INT_H
#define LUMA_QUERY_MODIFY_INT_H

#include "base/hash.h"
#include "query/query_int.h"

/* Batches in an arena. */
typedef struct RowList {
    RecordBatch *batches;
    uint32_t count;
    uint32_t cap;
    uint64_t row_count;
} RowList;

/* Stored rows of a table that a statement has met. */
typedef struct IdSet {
    uint32_t store_id;
    uint64_t *slots; /* owned; id + 1, 0 = empty */
    size_t slot_count;
    size_t count;
} IdSet;

typedef struct ModifyRun ModifyRun;

/* A statement, or one in WITH. */
typedef struct Modify {
    ModifyRun *run;
    Query *query;
    SqlModify *bound;
    Arena *arena;     /* the run's: what is gathered */
    RowList proposed; /* ON CONFLICT: whole rows and checks */
    RowList deleted;  /* row ids */
    RowList added;    /* whole rows: live columns */
    RowList returned; /* what RETURNING reads */
    RowList results;  /* what RETURNING gave */
    uint64_t row_count;
} Modify;

/* One attempt at a statement with all that its WITH holds. */
struct ModifyRun {
    Query *query;
    Arena arena;
    SqlModifies with;
    Modify *items; /* those of WITH, then the statement itself unless it is a SELECT */
    uint32_t count;
    IdSet *seen; /* owned: per table; a row is changed once */
    uint32_t seen_count;
    uint32_t seen_cap;
};

/* modify_conflict.c: sorts `proposed` into rows to add and rows to update. */
Status modify__resolve_conflicts(Modify *m, Error *err);
/* Is it the first time that the statement meets the stored row? */
bool modify__first_time(Modify *m, uint64_t row_id);
Status modify__take_batch(Modify *m, const RecordBatch *from, SqlModifyKind kind, Error *err);
/* `shown` is the statement that the plan is the main one of, for EXPLAIN ANALYZE, or NULL. */
Status modify__run_plan(Query *query, const Plan *plan, const SqlModify *shown,
                        Status (*on_batch)(void *ctx, const RecordBatch *batch, Error *err),
                        void *ctx, Error *err);
/* Scans of the virtual table read the list. */
void modify__read_list(VirtualTable *table, RowList *list);

#endif

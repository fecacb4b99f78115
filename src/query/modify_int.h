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

typedef struct IdSet {
    uint64_t *slots; /* owned; id + 1, 0 = empty */
    size_t slot_count;
    size_t count;
} IdSet;

/* One run of a statement. */
typedef struct Modify {
    Query *query;
    SqlModify *bound;
    Arena arena;      /* what is gathered */
    RowList proposed; /* ON CONFLICT: whole rows and checks */
    RowList deleted;  /* row ids */
    RowList added;    /* whole rows: live columns */
    RowList returned; /* what RETURNING reads */
    RowList results;  /* what RETURNING gave */
    IdSet seen;       /* row ids in `deleted` */
    uint64_t row_count;
} Modify;

Modify *modify__new(Query *query);
/* Runs the plan, checks constraints, computes RETURNING. */
Status modify__gather(Modify *m, Error *err);
/* modify_conflict.c: sorts `proposed` into rows to add and rows to update. */
Status modify__resolve_conflicts(Modify *m, Error *err);
Status modify__conflict_error(const Modify *m, Status status, Error *err);
/* Is it the first time that the statement meets the stored row? */
bool modify__first_time(Modify *m, uint64_t row_id);
void modify__forget_times(Modify *m);
Status modify__take_batch(Modify *m, const RecordBatch *from, SqlModifyKind kind, Error *err);
Status modify__run_plan(Query *query, const Plan *plan,
                        Status (*on_batch)(void *ctx, const RecordBatch *batch, Error *err),
                        void *ctx, Error *err);
/* Scans of the virtual table read the list. */
void modify__read_list(VirtualTable *table, RowList *list);
/* Rows that go and rows that come (live columns), as one statement of the session. */
Status modify__store(Session *session, const Table *table, const RowList *deleted,
                     const RowList *added, Arena *arena, Error *err);

#endif

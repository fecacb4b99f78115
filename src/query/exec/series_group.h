/* series_group.h - grouping rows by labels. Private to query/exec. */
#ifndef LUMA_QUERY_EXEC_SERIES_GROUP_H
#define LUMA_QUERY_EXEC_SERIES_GROUP_H

#include "query/exec/series_int.h"

/* The groups seen so far; ids count from 0 in order of appearance. */
typedef struct SeriesGroups {
    const Str *names;
    uint32_t name_count;
    bool without;     /* group by all labels but `names` and __name__ */
    Arena *arena;     /* of the groups' labels */
    Map by_labels;    /* text of the labels -> id + 1 */
    LabelSet *labels; /* per group */
    uint32_t count;
    uint32_t cap;
} SeriesGroups;

/* `names` are borrowed; they are sorted by the caller if order matters to nobody else. */
void series__groups_init(SeriesGroups *groups, const Str *names, uint32_t name_count, bool without,
                         Arena *arena);
void series__groups_done(SeriesGroups *groups);
/* ret_ids[i] = group of row i; the array is in `scratch`. Rows that still are plain series are
 * grouped by the storage, without making their labels. */
Status series__group_rows(SeriesExec *exec, SeriesGroups *groups, SeriesBatch *batch,
                          Arena *scratch, uint32_t **ret_ids, Error *err);
/* The group of a label set. */
Status series__group_of(SeriesGroups *groups, LabelSet labels, Arena *scratch, uint32_t *ret_id,
                        Error *err);
/* The group whose labels are exactly these, __name__ included. */
Status series__group_exact(SeriesGroups *groups, LabelSet labels, Arena *scratch, uint32_t *ret_id,
                           Error *err);
/* Labels that `names`/`without` select of a set; in `arena`. */
LabelSet series__select_labels(LabelSet labels, const Str *names, uint32_t name_count, bool without,
                               Arena *arena);

#endif

/* collected.h - a list of values inside an aggregate's state. Zeroed = empty; memory is the
 * arena's. */
#ifndef LUMA_QUERY_FUNC_COLLECTED_H
#define LUMA_QUERY_FUNC_COLLECTED_H

#include "arrow/column.h"

typedef struct Collected {
    char *values; /* 16 bytes each, of the type's layout */
    bool *nulls;
    uint32_t count;
    uint32_t cap;
    Type type;
} Collected;

/* Copies the row's value, text included. */
Status collected_add(Collected *list, const Column *c, uint32_t row, Arena *arena, Error *err);
/* The values as a plain column; texts borrow the list's arena. */
Status collected_column(const Collected *list, Arena *arena, Column *ret, Error *err);

#endif

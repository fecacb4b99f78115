/* shortest_int.h - the table behind shortest.c. */
#ifndef LUMA_FORMAT_PGTYPE_SHORTEST_INT_H
#define LUMA_FORMAT_PGTYPE_SHORTEST_INT_H

#include <stdint.h>

enum { SHORTEST_POW10_MIN = -292, SHORTEST_POW10_COUNT = 617 };

typedef struct ShortestPower {
    uint64_t high;
    uint64_t low;
} ShortestPower;

extern const ShortestPower shortest__pow10[SHORTEST_POW10_COUNT];

#endif

/* query_int.h - what the files of query/ share. */
#ifndef LUMA_QUERY_QUERY_INT_H
#define LUMA_QUERY_QUERY_INT_H

#include "query/query.h"

struct QueryEngine {
    QueryOptions options; /* borrows engine, pool and budget; texts are static */
    /* atomic: changed by query_engine_set_limits while queries begin */
    int64_t query_bytes_max;
    int64_t timeout_ns;
};

#endif

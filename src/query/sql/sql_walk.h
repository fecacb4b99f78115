/* sql_walk.h - which tables and columns a query names: for the dependencies of views. */
#ifndef LUMA_QUERY_SQL_SQL_WALK_H
#define LUMA_QUERY_SQL_SQL_WALK_H

#include "query/sql/ast.h"

typedef struct SqlNames {
    AstName *tables; /* as written; names of CTEs are left out where they hide a table */
    uint32_t table_count;
    uint32_t table_cap;
    Str *columns; /* last parts of column references */
    uint32_t column_count;
    uint32_t column_cap;
    AstName *types; /* of casts */
    uint32_t type_count;
    uint32_t type_cap;
    bool star; /* has a *: any column */
} SqlNames;

/* Adds the names of a query to *ret, arrays in the arena. */
void sql_collect_names(const AstSelect *select, Arena *arena, SqlNames *ret);

#endif

/* catalog_views_int.h - how a system view is described and filled. */
#ifndef LUMA_QUERY_SQL_CATALOG_VIEWS_INT_H
#define LUMA_QUERY_SQL_CATALOG_VIEWS_INT_H

#include "query/sql/catalog_views.h"

enum {
    OID_SCHEMA_PG_CATALOG = 11,
    OID_SCHEMA_PUBLIC = 2200,
    OID_SCHEMA_INFORMATION = 13000,
    OID_ROLE = 10,
    OID_DATABASE = 5,
    OID_AM_HEAP = 2,
    OID_COLLATION_DEFAULT = 100,
    OID_TABLESPACE_DEFAULT = 1663,
};

/* One value of a row being filled. */
typedef struct ViewCell {
    bool is_null;
    int64_t number; /* numbers, bool, oid, "char" */
    double real;
    Str text;
} ViewCell;

typedef struct ViewRows {
    CatalogViews *views;
    Arena *arena;
    const Schema *schema;
    ViewCell *cells; /* row-major */
    size_t count;
    size_t cap;
} ViewRows;

typedef struct ViewColumn {
    const char *name;
    Type type;
} ViewColumn;

typedef struct ViewDef {
    const char *schema;
    const char *name;
    uint32_t oid;
    const ViewColumn *columns;
    uint32_t column_count;
    void (*fill)(ViewRows *rows);
} ViewDef;

#define VIEW(schema_, name_, oid_, columns_, fill_)                                                \
    {                                                                                              \
        schema_, name_, oid_, columns_, LUMA_ARRAY_LEN(columns_), fill_                            \
    }

/* Cells of the current row, left to right. */
void view__text(ViewRows *rows, Str text);
void view__name(ViewRows *rows, const char *text);
void view__number(ViewRows *rows, int64_t number);
void view__bool(ViewRows *rows, bool value);
void view__char(ViewRows *rows, char value);
void view__null(ViewRows *rows);
void view__real(ViewRows *rows, double value);

/* All views, and the tables of definitions they come from. */
extern const ViewDef view__relations[];
extern const uint32_t view__relation_count;
extern const ViewDef view__types[];
extern const uint32_t view__type_count;
extern const ViewDef view__information[];
extern const uint32_t view__information_count;
/* Walks all views of all tables; NULL at the end. */
const ViewDef *view__at(uint32_t idx);

#endif

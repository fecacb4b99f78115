/* catalog_views.h - pg_catalog and information_schema as virtual tables.
 *
 * A view's rows are made from the catalog version, the function registry and the settings when the
 * scan starts, by one function per view (catalog_views.c, catalog_views_types.c), and run through
 * the ordinary executor. OIDs below 16384 are PostgreSQL's own.
 *
 * Threads: a CatalogViews is confined; the rows it makes live in its arena.
 */
#ifndef LUMA_QUERY_SQL_CATALOG_VIEWS_H
#define LUMA_QUERY_SQL_CATALOG_VIEWS_H

#include "query/plan/plan.h"

typedef struct CatalogViews {
    Arena *arena; /* of the query: tables and rows */
    const CatalogVersion *(*version)(void *ctx);
    uint32_t (*setting_count)(void *ctx);
    void (*setting_at)(void *ctx, uint32_t idx, Str *ret_name, Str *ret_value, Str *ret_text);
    void *ctx;
    Str user;
    Str database;
} CatalogViews;

bool catalog_view_exists(Str schema, Str name);
/* NULL when there is none. Lives in the arena; `views` must outlive the scan. */
const VirtualTable *catalog_view_make(CatalogViews *views, Str schema, Str name);

/* OID of a system view, 0 = none; and the other way round. */
uint32_t catalog_view_oid(Str schema, Str name);
bool catalog_view_name(uint32_t oid, Str *ret_schema, Str *ret_name);
/* OIDs of schemas, the two of PostgreSQL included; 0 = none. */
uint32_t catalog_schema_oid(const CatalogVersion *version, Str schema);
bool catalog_schema_name(const CatalogVersion *version, uint32_t oid, Str *ret_name);

#endif

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

#include "query/func/eval.h"
#include "query/plan/plan.h"

/* What a session has prepared or declared. */
typedef struct CatalogPrepared {
    Str name;
    Str text;
    const Type *types; /* of parameters */
    uint32_t type_count;
} CatalogPrepared;

typedef struct CatalogViews {
    Arena *arena; /* of the query: tables and rows */
    const CatalogVersion *(*version)(void *ctx);
    /* Columns of a view; false when its query does not bind any more. May be NULL. */
    bool (*view_columns)(void *ctx, const CatalogView *view, Arena *arena, Schema *ret_columns);
    /* Rows of a table as the planner sees them. May be NULL. */
    int64_t (*row_count)(void *ctx, const Table *table);
    /* What nextval gave last; false when it gave nothing yet. May be NULL. */
    bool (*sequence_last)(void *ctx, const CatalogSequence *sequence, int64_t *ret_value);
    /* PREPAREd statements and open cursors, walked with *pos = 0; false at the end. May be NULL. */
    bool (*next_prepared)(void *ctx, size_t *pos, CatalogPrepared *ret);
    bool (*next_cursor)(void *ctx, size_t *pos, CatalogPrepared *ret);
    uint32_t (*setting_count)(void *ctx);
    void (*setting_at)(void *ctx, uint32_t idx, Str *ret_name, Str *ret_value, Str *ret_text);
    void *ctx;
    Str user;
    Str database;
    uint32_t role;   /* the user's: enum Role */
    const Str *path; /* schemas that are searched */
    uint32_t path_count;
    const EvalSettings *settings;
    /* set_config(). May be NULL. */
    Status (*set)(void *ctx, Str name, Str value, bool local, Error *err);
} CatalogViews;

/* EvalSettings.catalog over a CatalogViews as its context. */
extern const EvalCatalog catalog_lookup;

bool catalog_view_exists(Str schema, Str name);
/* NULL when there is none. Lives in the arena; `views` must outlive the scan. */
const VirtualTable *catalog_view_make(CatalogViews *views, Str schema, Str name);

/* OID of a system view, 0 = none; and the other way round. */
uint32_t catalog_view_oid(Str schema, Str name);
bool catalog_view_name(uint32_t oid, Str *ret_schema, Str *ret_name);
/* Any relation: table, view, sequence, index or system view. */
bool catalog_relation_name(const CatalogVersion *version, uint32_t oid, Str *ret_schema,
                           Str *ret_name);
/* The OID of an index, of a constraint's too; 0 = none. */
uint32_t catalog_index_oid(const CatalogVersion *version, Str schema, Str name);
/* A name as SQL would have it, in quotes where it needs them. */
void catalog_append_name(Str name, Buf *out);
/* OIDs of schemas, the two of PostgreSQL included; 0 = none. */
uint32_t catalog_schema_oid(const CatalogVersion *version, Str schema);
bool catalog_schema_name(const CatalogVersion *version, uint32_t oid, Str *ret_name);

/* Functions by OID and by name: the first of that name, and how many there are. */
bool catalog_proc_name(uint32_t oid, Str *ret_name);
uint32_t catalog_proc_oid(Str name, uint32_t *ret_count);

#endif

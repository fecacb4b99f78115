/* catalog_int.h - inside of a CatalogVersion. */
#ifndef LUMA_STORAGE_CATALOG_CATALOG_INT_H
#define LUMA_STORAGE_CATALOG_CATALOG_INT_H

#include "base/map.h"
#include "storage/catalog/catalog.h"

struct CatalogVersion {
    int64_t ref_count; /* atomic */
    uint32_t next_id;  /* of user objects */
    Arena arena;       /* owns everything below */
    Table **tables;    /* by id */
    size_t table_count;
    CatalogView **views; /* by id */
    size_t view_count;
    CatalogSchema **schemas; /* by id */
    size_t schema_count;
    Map relations; /* "schema\\0name" -> CatalogRelation */
};

typedef struct CatalogRelation {
    const Table *table; /* one of the two is set */
    const CatalogView *view;
} CatalogRelation;

/* The built-in tables, in id order, without names resolved to a version. */
extern const Table catalog__builtin_tables[];
extern const size_t catalog__builtin_table_count;

/* A version that holds copies of these objects; for the loader. Duplicates give CORRUPT. */
CatalogVersion *catalog__version_new(uint32_t next_id);
Status catalog__add_table(CatalogVersion *version, const Table *table, Error *err);
Status catalog__add_view(CatalogVersion *version, const CatalogView *view, Error *err);
Status catalog__add_schema(CatalogVersion *version, const CatalogSchema *schema, Error *err);

#endif

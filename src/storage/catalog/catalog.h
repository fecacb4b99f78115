/* catalog.h - what tables, columns and users there are.
 *
 * The truth is the write-ahead log; `catalog.db` (SQLite) is its checkpoint
 * (docs/formats/catalog.md). A reader takes one immutable CatalogVersion and sees the same tables
 * until it lets go; a DDL entry publishes the next version. Table ids are never reused; ids below
 * 16384 are PostgreSQL's.
 *
 * Threads: versions and everything in them are immutable after publish and ref-counted.
 */
#ifndef LUMA_STORAGE_CATALOG_CATALOG_H
#define LUMA_STORAGE_CATALOG_CATALOG_H

#include "arrow/batch.h"

enum {
    TABLE_ID_FIRST_BUILTIN = 16384,
    TABLE_ID_FIRST_METRIC = 20000,
    TABLE_ID_FIRST_USER = 1 << 30
};

typedef enum TableKind {
    TABLE_METRICS,         /* public.metrics: every sample */
    TABLE_METRIC,          /* prom."name": one metric, labels as columns */
    TABLE_EXEMPLARS,       /* public.exemplars */
    TABLE_METRIC_METADATA, /* public.metric_metadata */
    TABLE_LOGS,            /* public.logs */
    TABLE_TRACES,          /* public.traces */
    TABLE_USER,            /* CREATE TABLE */
} TableKind;

typedef struct TableColumn {
    Str name;
    Type type;
    bool not_null;
    bool dropped;     /* keeps its attribute number */
    Str default_text; /* SQL text of DEFAULT, empty = NULL */
} TableColumn;

typedef struct Table {
    uint32_t id;
    uint32_t schema_version; /* grows with each ALTER */
    TableKind kind;
    Str schema;
    Str name;
    const TableColumn *columns; /* attribute number = index + 1 */
    uint32_t column_count;
    int32_t time_column; /* index of the column that partitions, -1 = none */
    Str options;         /* WITH (...) as a JSON object text, "" = none */
    uint32_t primary_key_count;
    const uint16_t *primary_key; /* column indexes; uniqueness is checked on insert */
} Table;

typedef struct CatalogView {
    uint32_t id;
    Str schema;
    Str name;
    Str query; /* SQL text as given */
} CatalogView;

typedef struct CatalogVersion CatalogVersion;

CatalogVersion *catalog_version_ref(CatalogVersion *version);
CatalogVersion *catalog_version_unref(CatalogVersion *version); /* returns NULL */

/* NULL when there is none. Names are compared by bytes. prom.<metric> tables are made on demand by
 * the engine (engine_table_find), not listed here. */
const Table *catalog_find_table(const CatalogVersion *version, Str schema, Str name);
const Table *catalog_table_by_id(const CatalogVersion *version, uint32_t id);
const CatalogView *catalog_find_view(const CatalogVersion *version, Str schema, Str name);
bool catalog_has_schema(const CatalogVersion *version, Str schema);
/* Walks all tables in id order, start with *pos = 0; NULL at the end. */
const Table *catalog_next_table(const CatalogVersion *version, size_t *pos);

#endif

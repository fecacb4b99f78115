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
#include "base/buf.h"

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

typedef struct CatalogSchema {
    uint32_t id; /* PostgreSQL's 2200 for public */
    Str name;
} CatalogSchema;

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
const CatalogView *catalog_next_view(const CatalogVersion *version, size_t *pos);
const CatalogSchema *catalog_next_schema(const CatalogVersion *version, size_t *pos);

/* ---------------------------------------------------------------- for the engine */

/* One DDL statement as the log keeps it. */
typedef enum CatalogChangeKind {
    CATALOG_CREATE_SCHEMA = 1,
    CATALOG_DROP_SCHEMA = 2,
    CATALOG_CREATE_TABLE = 3,
    CATALOG_DROP_TABLE = 4,
    CATALOG_CREATE_VIEW = 5, /* replaces a view of that name */
    CATALOG_DROP_VIEW = 6,
} CatalogChangeKind;

typedef struct CatalogChange {
    CatalogChangeKind kind;
    uint32_t id;        /* of the object; given by catalog_next_id when it is created */
    Str schema;         /* of the object; the name itself for schemas */
    Str name;           /* "" for schemas */
    Str query;          /* views */
    const Table *table; /* CREATE_TABLE: all of it; id, schema and name are taken from above */
} CatalogChange;

/* The version of an empty directory: built-in schemas and tables. Returns owned. */
CatalogVersion *catalog_version_builtin(void);
/* The id that the next created object gets. */
uint32_t catalog_next_id(const CatalogVersion *version);
/* Would catalog_apply take the change? EXISTS 42P07/42P06, NOT_FOUND 42P01/3F000, INVALID. */
Status catalog_check(const CatalogVersion *version, const CatalogChange *change, Error *err);
/* A new version with the change in it; `version` stays as it is. Returns owned. */
Status catalog_apply(const CatalogVersion *version, const CatalogChange *change,
                     CatalogVersion **ret_version, Error *err);
/* docs/formats/catalog.md section 1: JSON text. What is decoded lives in the arena. */
void catalog_change_encode(const CatalogChange *change, Buf *out);
Status catalog_change_decode(Str bytes, Arena *arena, CatalogChange *ret_change, Error *err);

/* Writes catalog.db as the checkpoint of everything up to `lsn`, in one transaction. */
Status catalog_save(const char *path, const CatalogVersion *version, uint64_t lsn, Error *err);
/* NOT_FOUND when there is no file; CORRUPT when it fails its checks: the log has the truth;
 * UNSUPPORTED when a newer LumaDB wrote it. */
Status catalog_load(const char *path, CatalogVersion **ret_version, uint64_t *ret_lsn, Error *err);

#endif

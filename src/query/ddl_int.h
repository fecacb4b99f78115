/* ddl_int.h - what the files of DDL commands share.
 *
 *   ddl.c            the session's catalog; ddl_depend.c  dependencies, DROP
 *   ddl_table.c      CREATE TABLE (AS), materialized views;  ddl_alter.c  ALTER TABLE
 *   ddl_rows.c       rows that ALTER rewrites or tests
 *   ddl_sequence.c   sequences and their functions;  ddl_type.c  domains, composites
 *   ddl_enum.c       enums
 *   ddl_rename.c     RENAME, SET SCHEMA, OWNER, COMMENT;  ddl_index.c  indexes
 *   ddl_role.c       roles and grants
 */
#ifndef LUMA_QUERY_DDL_INT_H
#define LUMA_QUERY_DDL_INT_H

#include "query/query_int.h"
#include "query/sql/sql_walk.h"

/* ---- names (ddl_depend.c, command_ddl.c) */

/* "table s.t", as messages name it. */
Str ddl__label(Query *query, CatalogKind kind, const CatalogHead *head);
/* Looks along the search path; NULL = there is none. */
const CatalogHead *ddl__resolve(Query *query, CatalogKind space, const AstName *name,
                                CatalogKind *ret_kind);
/* Where a new object goes. */
Status ddl__creation_schema(Query *query, const AstName *name, bool temporary, Str *ret_schema,
                            Error *err);
/* The tables and columns that a view's text names; false when it does not parse. */
bool ddl__query_names(Query *query, Str text, SqlNames *ret_names);
bool ddl__column_has_type(const TableColumn *column, const CatalogType *type);
/* 42P07 becomes a notice under IF NOT EXISTS: *ret_exists. */
Status ddl__check_free(Query *query, Str schema, Str name, bool if_not_exists, bool *ret_exists,
                       Error *err);
/* A relation that is to be of a kind: 42P01, 42809; with if_exists a notice and NULL. */
Status ddl__relation(Query *query, const AstName *name, CatalogKind kind, const char *what,
                     bool if_exists, const CatalogHead **ret_head, Error *err);

/* ---- ddl_depend.c */

typedef enum DdlDropAction { DDL_DROP_OBJECT, DDL_DROP_DEFAULT, DDL_DROP_COLUMN } DdlDropAction;

typedef struct DdlDrop {
    DdlDropAction action;
    CatalogKind kind;
    uint32_t id;
    uint32_t column; /* index, of DROP_DEFAULT and DROP_COLUMN */
    Str label;       /* "view v" */
    Str on;          /* "table t": what it depends on */
    bool dependent;  /* not asked for: only CASCADE drops it */
} DdlDrop;

typedef struct DdlDrops {
    DdlDrop *items;
    uint32_t count;
    uint32_t cap;
} DdlDrops;

/* An object that was asked for. Its dependents are added when all are known. */
void ddl__add_drop(Query *query, DdlDrops *drops, CatalogKind kind, uint32_t id);
void ddl__add_dependents(Query *query, DdlDrops *drops, CatalogKind kind, uint32_t id);
void ddl__add_column_dependents(Query *query, DdlDrops *drops, const Table *table, uint32_t column);
/* 2BP01 when something else depends and it is no CASCADE. `what`: "table t". */
Status ddl__run_drops(Query *query, const DdlDrops *drops, bool cascade, Str what, Error *err);

/* ---- ddl_table.c, ddl_alter.c, ddl_rows.c */
Status ddl__create_table(Query *query, const AstCreateTable *ast, Error *err);
Status ddl__create_table_as(Query *query, const AstCreateTable *ast, Error *err);
Status ddl__refresh(Query *query, const AstDdl *ast, Error *err);
Status ddl__alter_table(Query *query, const AstDdl *ast, Error *err);
Status ddl__drop_default(Query *query, const Table *table, uint32_t column, Error *err);
Status ddl__drop_column(Query *query, const Table *table, uint32_t column, Error *err);
/* A copy of the table, arrays included, in the query's arena. */
Table *ddl__edit_table(Query *query, const Table *table);
/* Rows that the transaction has for the table go with it. */
void ddl__forget_rows(Session *session, const Table *table);

/* Rows in the query's arena: live columns, flat. */
typedef struct DdlRows {
    RecordBatch *batches;
    uint32_t count;
    uint32_t cap;
    uint64_t row_count;
} DdlRows;

/* What a SELECT gives now, added to *ret_rows; its plan is left in query->own_plan. */
Status ddl__read(Query *query, const AstSelect *select, DdlRows *ret_rows, Error *err);
Status ddl__read_text(Query *query, Str text, DdlRows *ret_rows, Error *err);
/* Does the query give any row? */
Status ddl__test(Query *query, Str text, bool *ret_found, Error *err);
/* The rows go into a table that was put before. */
Status ddl__store(Query *query, const Table *table, const DdlRows *rows, Error *err);

/* The rows of the old table, unchanged, under a new store of the new definition. */
Status ddl__rewrite(Query *query, const Table *old, Table *table, Error *err);
void ddl__number_constraints(Query *query, Table *table);
/* WITH (...) of a new table; SET and RESET of one that is there. */
Status ddl__set_options(Query *query, Table *table, const AstOption *options, uint32_t count,
                        int32_t position, Error *err);
Status ddl__merge_options(Query *query, Table *table, const AstOption *options, uint32_t count,
                          bool reset, Error *err);
/* Indexes of LIKE ... INCLUDING INDEXES, comments of INCLUDING COMMENTS. */
Status ddl__like_indexes(Query *query, const AstCreateTable *ast, const Table *table, Error *err);

/* ---- ddl_sequence.c */
Status ddl__create_sequence(Query *query, const AstDdl *ast, Error *err);
Status ddl__alter_sequence(Query *query, const AstDdl *ast, Error *err);
Status ddl__alter_identity(Query *query, const CatalogSequence *sequence, const AstOption *options,
                           uint32_t option_count, Error *err);

/* ---- ddl_type.c, ddl_rename.c, ddl_index.c, ddl_role.c */
Status ddl__create_composite(Query *query, const AstDdl *ast, Error *err);
Status ddl__create_enum(Query *query, const AstDdl *ast, Error *err);
Status ddl__alter_enum(Query *query, const AstDdl *ast, Error *err);
/* A type that is to be made: 42710 when its name is taken. */
Status ddl__new_type(Query *query, const AstDdl *ast, CatalogTypeKind kind, CatalogType *ret,
                     Error *err);
Status ddl__create_domain(Query *query, const AstDdl *ast, Error *err);
Status ddl__alter_domain(Query *query, const AstDdl *ast, Error *err);
Status ddl__rename(Query *query, const AstDdl *ast, Error *err);
Status ddl__set_schema(Query *query, const AstDdl *ast, Error *err);
Status ddl__set_owner(Query *query, const AstDdl *ast, Error *err);
Status ddl__comment(Query *query, const AstDdl *ast, Error *err);
Status ddl__create_index(Query *query, const AstDdl *ast, Error *err);
Status ddl__reindex(Query *query, const AstDdl *ast, Error *err);
bool ddl__index_uses(Query *query, Str text, Str column);
/* The id of a role; 0 for the session's own when it is none of the catalog. */
Status ddl__owner_id(Query *query, Str name, uint32_t *ret_id, Error *err);
Status ddl__change_owner(Query *query, CatalogKind kind, const CatalogHead *head, Str role,
                         Error *err);
/* 42501 "must be owner of table t". */
Status ddl__check_owner(Query *query, CatalogKind kind, const CatalogHead *head, Error *err);
Status ddl__role(Query *query, const AstDdl *ast, Error *err);
Status ddl__grant(Query *query, const AstDdl *ast, Error *err);

#endif

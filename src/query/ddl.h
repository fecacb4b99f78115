/* ddl.h - the session's own view of the catalog, and schema changes on their way to COMMIT.
 *
 * A session sees the public version with its temporary objects and the open transaction's changes
 * on top (catalog_apply). DDL adds changes here; COMMIT writes those of public objects in one batch
 * with the transaction's rows, ROLLBACK forgets them. Rows of a table that the transaction makes or
 * rewrites live under a store of their own (engine_open_store) that nobody else knows until then.
 *
 * Threads: confined to the session.
 */
#ifndef LUMA_QUERY_DDL_H
#define LUMA_QUERY_DDL_H

#include "query/sql/sql.h"
#include "storage/engine/engine.h"

typedef struct Query Query;
typedef struct Session Session;

typedef struct SessionCatalog {
    CatalogVersion *base;    /* a reference: what `version` was made over; NULL = none */
    CatalogVersion *version; /* a reference: with everything below; NULL = base is enough */
    CatalogChange *changes;  /* of the open transaction, in order; in its arena */
    uint32_t change_count;
    uint32_t change_cap;
    uint32_t *stores; /* opened by it */
    uint32_t store_count;
    uint32_t store_cap;
    uint32_t *states; /* of sequences, made by it */
    uint32_t state_count;
    uint32_t state_cap;
    Arena temporary_arena;    /* what lasts: */
    CatalogChange *temporary; /* PUTs of all temporary objects */
    uint32_t temporary_count;
    Str temporary_schema; /* "pg_temp_7"; "" = there is none yet */
} SessionCatalog;

/* Where ROLLBACK TO goes back to. */
typedef struct DdlMark {
    uint32_t change_count;
    uint32_t store_count;
    uint32_t state_count;
} DdlMark;

void ddl__init(Session *session);
/* Drops temporary objects. The transaction is over. */
void ddl__done(Session *session);

/* The version that the session sees over a snapshot: a reference. CONFLICT 40001 when the
 * transaction's changes do not fit what others have committed. */
Status ddl__version(Session *session, const Snapshot *snapshot, CatalogVersion **ret_version,
                    Error *err);
bool ddl__has_changes(const Session *session);
/* The public changes of the open transaction go into its batch. */
Status ddl__write(Session *session, WriteBatch *batch, Error *err);
/* The transaction has ended. */
void ddl__committed(Session *session);
void ddl__rolled_back(Session *session);
DdlMark ddl__mark(const Session *session);
void ddl__rollback_to(Session *session, DdlMark mark);

/* ---- for commands: the running statement's catalog */

/* What the statement sees now, its own changes included. Valid to the end of the query. */
const CatalogVersion *ddl__catalog(Query *query);
uint32_t ddl__new_id(Query *query, bool temporary);
/* Puts a new or another definition; its version is set here. Opens the store of a table. */
Status ddl__put(Query *query, CatalogKind kind, void *object, Error *err);
Status ddl__drop(Query *query, CatalogKind kind, uint32_t id, Error *err);
/* The schema of temporary objects, made when it is not there. */
Status ddl__temporary_schema(Query *query, Str *ret_schema, Error *err);
/* Is it this session's schema of temporary objects? */
bool ddl__is_temporary(const Session *session, Str schema);

/* ---- ddl_role.c */
/* What grants give a user, PUBLIC's and its roles' included. */
uint32_t ddl__privileges(const CatalogVersion *version, uint32_t user_id, uint32_t object_id);
/* May the session do this with the object? Administrators, owners and users of the configuration
 * may do all. */
/* 42501 "permission denied for table t" unless ddl__may; by what the binding sees. */
struct Binding;
Status ddl__check_table(struct Binding *binding, const Table *table, uint32_t privileges,
                        Error *err);
/* Finds the session's user among the roles of the catalog: their privileges are those granted. */
void ddl__find_user(Session *session);
bool ddl__may(const Session *session, const CatalogVersion *version, CatalogKind kind,
              const CatalogHead *head, uint32_t privileges);

/* ---- ddl_sequence.c */
/* TRUNCATE ... RESTART IDENTITY: sequences that the tables own begin again. */
Status ddl__restart_sequences(Query *query, const Table *const *tables, uint32_t count, Error *err);
/* The sequence of a serial or identity column of a table that is put afterwards. */
Status ddl__column_sequence(Query *query, const SqlColumnSequence *spec, Table *table,
                            TableColumn *column, Error *err);

#endif

/* sql.h - SQL text to plans: the door of query/sql.
 *
 *   sql_parse (ast.h)   text -> statements as written
 *   sql_bind_select     a query -> plan
 *   sql_bind_modify     INSERT, UPDATE, DELETE -> plan of the rows, and of RETURNING over them
 *   sql_bind_columns    CREATE TABLE -> columns
 *   sql_bind_copy       COPY's table -> columns
 *
 * The binder resolves names against a SqlCatalog, finds types, functions and operators by
 * PostgreSQL's rules and reports errors with PostgreSQL's texts, SQLSTATEs and positions. What
 * LumaDB does not do is STATUS_UNSUPPORTED with 0A000 and a sentence. Trees come out typed:
 * plan_verify holds.
 *
 * Threads: a bind is confined to its caller; nothing is kept between calls.
 */
#ifndef LUMA_QUERY_SQL_SQL_H
#define LUMA_QUERY_SQL_SQL_H

#include "query/func/eval.h"
#include "query/plan/plan.h"
#include "query/sql/ast.h"

/* The argument texts of promql('...', start, end, step) in FROM. */
typedef struct SqlPromql {
    Str query;
    int32_t position;
    Expr *start; /* timestamptz, no columns of its own level; NULL = not given */
    Expr *end;
    Expr *step; /* interval */
} SqlPromql;

/* Where the binder finds tables. Everything returned must live as long as the plan. */
typedef struct SqlCatalog {
    const Table *(*find_table)(void *ctx, Str schema, Str name);
    const CatalogView *(*find_view)(void *ctx, Str schema, Str name);
    const VirtualTable *(*find_virtual)(void *ctx, Str schema, Str name);
    bool (*has_schema)(void *ctx, Str schema);
    /* User types; may be NULL. */
    const CatalogType *(*find_type)(void *ctx, Str schema, Str name);
    const CatalogType *(*type_by_id)(void *ctx, uint32_t id);
    /* Is a relation of that name there? May be NULL. */
    bool (*relation_taken)(void *ctx, Str schema, Str name);
    /* May the table be read now? The callback itself may be NULL. */
    Status (*check_read)(void *ctx, const Table *table, Error *err);
    /* Makes the leaf of promql(); NULL = there is none. */
    Status (*bind_promql)(void *ctx, const SqlPromql *call, Arena *arena, PlanNode **ret_node,
                          Error *err);
    void *ctx;
} SqlCatalog;

typedef struct SqlModify SqlModify;
/* The data-modifying statements in WITH, in the order in which they run. */
typedef struct SqlModifies {
    SqlModify **items;
    uint32_t count;
    uint32_t cap;
} SqlModifies;

typedef struct SqlBindOptions {
    Arena *arena; /* of the plan */
    const SqlCatalog *catalog;
    const EvalSettings *settings; /* literals are read under them */
    const Str *search_path;       /* schemas that unqualified names are looked for in */
    uint32_t search_path_count;
    const Type *param_types; /* as declared; UNKNOWN = infer. May be fewer than there are */
    uint32_t param_count;
    SqlModifies *modifies;      /* gets those of WITH; NULL = they are refused */
    uint32_t param_max;         /* highest $n of the statement */
    const VirtualTable *source; /* found under its own schema and name before all others, or NULL */
} SqlBindOptions;

Status sql_bind_select(const SqlBindOptions *options, const AstSelect *select, Plan *ret_plan,
                       Error *err);

typedef enum SqlModifyKind { SQL_INSERT, SQL_UPDATE, SQL_DELETE, SQL_MERGE } SqlModifyKind;

/* What MERGE does with a row of its plan. */
typedef enum SqlMergeAction {
    SQL_MERGE_INSERT = 1,
    SQL_MERGE_UPDATE = 2,
    SQL_MERGE_DELETE = 3
} SqlMergeAction;

/* A statement that changes a table. `plan` yields, in this order:
 *   the row id, int8                 UPDATE, DELETE, MERGE (NULL: not matched)
 *   the action, int4                 MERGE: SqlMergeAction
 *   the live columns of the table    new values; old ones for DELETE, and only with RETURNING
 *   `extra_count` columns            of FROM's other tables, with RETURNING
 *   `check_count` bools              is table->checks[i] kept? INSERT, UPDATE
 * A row id may come several times; the first time counts (21000 for MERGE). */
struct SqlModify {
    SqlModifyKind kind;
    const Table *table;
    Plan plan;
    uint32_t extra_count;
    uint32_t check_count;
    uint32_t merge_actions; /* SQL_MERGE: bit SqlMergeAction = some WHEN does it */
    Plan returning;         /* over `changed`; root NULL = no RETURNING */
    VirtualTable *changed;  /* live columns, extra columns; its `next` and `ctx` are to be set */
    /* INSERT ... ON CONFLICT */
    bool on_conflict;
    bool conflict_update;
    const bool *arbiters; /* per key of the table: does it count? */
    /* Over `conflicting` (row id and live columns of the stored row, live columns of the proposed
     * one): row id, new live columns, checks; rows that WHERE leaves out are missing. */
    Plan conflict;
    VirtualTable *conflicting;
    VirtualTable *results; /* in WITH: what RETURNING gave; its `next` and `ctx` are to be set */
};
/* INSERT, UPDATE, DELETE, MERGE. */
Status sql_bind_modify(const SqlBindOptions *options, const AstStatement *statement,
                       SqlModify *ret_modify, Error *err);
/* The tables of TRUNCATE. */
Status sql_bind_truncate(const SqlBindOptions *options, const AstTruncate *truncate,
                         const Table ***ret_tables, Error *err);

/* The table of COPY and the columns that its fields stand for, in their order. `table` is NULL for
 * a system catalog, which can be copied out. */
typedef struct SqlCopy {
    const Table *table;
    const uint16_t *columns; /* in table->columns */
    uint32_t column_count;
} SqlCopy;
Status sql_bind_copy(const SqlBindOptions *options, const AstCopy *copy, SqlCopy *ret_copy,
                     Error *err);

/* A sequence that a column needs: of serial or identity. */
typedef struct SqlColumnSequence {
    uint32_t column;
    bool identity;
    const AstOption *options;
    uint32_t option_count;
    uint32_t like; /* id of the sequence to be like, 0 = none */
} SqlColumnSequence;

typedef struct SqlPendingConstraint {
    const AstConstraint *ast;
    uint32_t column;
} SqlPendingConstraint;

/* The columns and constraints of a table in the making; expressions are checked and have become
 * texts. Set schema and name before use, ALTER TABLE sets what there is already. Arrays live in the
 * arena of the options. */
typedef struct SqlCreateTable {
    Str schema;
    Str name;
    TableColumn *columns;
    uint32_t column_count;
    uint32_t column_cap;
    TableKey *keys; /* the primary one first */
    uint32_t key_count;
    uint32_t key_cap;
    TableCheck *checks; /* by name */
    uint32_t check_count;
    uint32_t check_cap;
    SqlColumnSequence *sequences;
    uint32_t sequence_count;
    uint32_t sequence_cap;
    SqlPendingConstraint *pending;
    uint32_t pending_count;
    uint32_t pending_cap;
} SqlCreateTable;
Status sql_bind_create_table(const SqlBindOptions *options, const AstCreateTable *create,
                             SqlCreateTable *table, Error *err);
/* ALTER TABLE: adds to the table. */
Status sql_bind_add_column(const SqlBindOptions *options, const AstColumnDef *def,
                           SqlCreateTable *table, Error *err);
Status sql_bind_add_constraint(const SqlBindOptions *options, const AstConstraint *constraint,
                               SqlCreateTable *table, Error *err);
/* The text of a DEFAULT for a column of that type. */
Status sql_bind_default(const SqlBindOptions *options, Str column, Type type, const AstExpr *expr,
                        Str *ret_text, Error *err);
/* A domain's check as text; VALUE is of the type. */
Status sql_bind_domain_check(const SqlBindOptions *options, Type type, const AstExpr *expr,
                             Str *ret_text, Error *err);
/* The type of a name, and the domain it is (0 = none; then the type is the domain's base). */
Status sql_bind_column_type(const SqlBindOptions *options, const AstType *type, Type *ret_type,
                            uint32_t *ret_domain, Error *err);
/* first_second_label, cut to 63 bytes as PostgreSQL cuts names it makes. */
Str sql_object_name(Arena *arena, Str first, Str second, const char *label);

/* A constant expression of one row (EXECUTE's arguments), cast to `type` when it is not UNKNOWN. */
Status sql_bind_scalar(const SqlBindOptions *options, const AstExpr *expr, Type type,
                       Plan *ret_plan, Error *err);
/* Resolves a type name, "double precision" and varchar(10)[] included. */
Status sql_bind_type(const SqlBindOptions *options, const AstType *type, Type *ret_type,
                     Error *err);

#endif

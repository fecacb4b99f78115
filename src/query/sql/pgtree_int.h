/* pgtree_int.h - what the two units that see PostgreSQL's structs share: sql_pgtree.c (queries and
 * expressions, the entry) and pgtree_statement.c (statements). Include it first.
 */
#ifndef LUMA_QUERY_SQL_PGTREE_INT_H
#define LUMA_QUERY_SQL_PGTREE_INT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
/* The server's port.h redirects these, c.h takes these names. */
#undef printf
#undef snprintf
#undef vsnprintf
#undef sprintf
#undef fprintf
#undef vprintf
#undef vfprintf
#undef vsprintf
#undef strerror
#undef strerror_r
#undef STATUS_OK
#undef STATUS_ERROR
#undef STATUS_EOF

#include "query/sql/ast.h"
#include "query/sql/sql_scan.h"

typedef struct Convert {
    Arena *arena;
    SqlText text;        /* byte -> character positions */
    uint32_t depth;      /* levels open now */
    uint32_t param_max;  /* of this statement */
    uint32_t ctid_count; /* references to ctid so far */
    bool too_deep;       /* a level was refused; the tree is unusable */
} Convert;

/* Opens a level; false when there are too many. Close it with depth--. */
bool pgtree__enter(Convert *c);
Str pgtree__str(Convert *c, const char *text);
int32_t pgtree__position(Convert *c, int location);
AstNames pgtree__names(Convert *c, List *list);
AstName pgtree__range_var(Convert *c, RangeVar *var);
/* The last part of a dotted name, and the part before it. */
void pgtree__qualified(Convert *c, List *list, Str *ret_schema, Str *ret_name);
AstExpr *pgtree__expr(Convert *c, Node *node);
/* base[1].x: one node per step. NULL = too deep. */
AstExpr *pgtree__steps(Convert *c, AstExpr *base, List *steps, int location);
AstExpr **pgtree__exprs(Convert *c, List *list, uint32_t *ret_count);
AstType *pgtree__type(Convert *c, TypeName *name);
AstTarget *pgtree__targets(Convert *c, List *list, uint32_t *ret_count);
AstFrom *pgtree__from(Convert *c, Node *node);
/* pgtree_modify.c */
AstInsert *pgtree__insert(Convert *c, InsertStmt *node);
AstModify *pgtree__update(Convert *c, UpdateStmt *node);
AstModify *pgtree__delete(Convert *c, DeleteStmt *node);
AstMerge *pgtree__merge(Convert *c, MergeStmt *node);
AstTruncate *pgtree__truncate(Convert *c, TruncateStmt *node);
AstWith *pgtree__with(Convert *c, WithClause *node);
AstSelect *pgtree__select(Convert *c, SelectStmt *stmt);
/* `location` -1: a statement inside another, whose text is not known. */
AstStatement *pgtree__statement(Convert *c, Node *node, int location, int len);
/* Fills a statement whose text is set; leaves it UNSUPPORTED when it is. */
void pgtree__statement_node(Convert *c, Node *node, AstStatement *statement);
AstOption *pgtree__options(Convert *c, List *list, uint32_t *ret_count);
AstName pgtree__name_list(Convert *c, List *list);

/* ---- pgtree_ddl.c */
/* False: none of its statements. */
bool pgtree__ddl(Convert *c, Node *node, AstStatement *statement);
void pgtree__column_def(Convert *c, ColumnDef *def, AstColumnDef *column);
void pgtree__constraint(Convert *c, Constraint *node, AstConstraint *ret);
AstObjectKind pgtree__object_kind(ObjectType type);
/* A name of DROP, ALTER, COMMENT: a list, a string or a type name. */
AstName pgtree__name(Convert *c, Node *object);
Str pgtree__role(Convert *c, RoleSpec *role);

#endif

/* sql_deparse.h - expressions of the tree as SQL text again, as PostgreSQL's pg_get_expr lays them
 * out: for the catalog, which keeps DEFAULT, CHECK and the like as text. */
#ifndef LUMA_QUERY_SQL_SQL_DEPARSE_H
#define LUMA_QUERY_SQL_SQL_DEPARSE_H

#include "base/buf.h"
#include "query/sql/ast.h"

/* A column that goes by another name in the text; both "" = none. */
typedef struct SqlRename {
    Str from;
    Str to;
} SqlRename;

/* Appends the text, which parses to the same tree. UNSUPPORTED for subqueries, windows and what
 * else no stored expression may hold. `rename` may be NULL. */
Status sql_deparse(const AstExpr *expr, const SqlRename *rename, Buf *out, Error *err);
/* A type as written: "character varying(10)[]". */
void sql_deparse_type(const AstType *type, Buf *out);
/* A name in quotes where it needs them. */
void sql_append_name(Buf *out, Str name);
void sql_append_string(Buf *out, Str text);
/* Parses one expression out of its text, as part of SELECT. */
Status sql_parse_expr(Arena *arena, Str text, AstExpr **ret_expr, Error *err);
/* Is the column used anywhere in the expression? */
bool sql_uses_column(const AstExpr *expr, Str name);

#endif

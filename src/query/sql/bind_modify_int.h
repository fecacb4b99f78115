/* bind_modify_int.h - what INSERT, UPDATE and DELETE share (bind_modify.c).
 *
 * A plan of changes yields whole rows: the row id where stored rows go, the live columns of the
 * table in their order, columns of other tables for RETURNING, and a bool for each CHECK.
 */
#ifndef LUMA_QUERY_SQL_BIND_MODIFY_INT_H
#define LUMA_QUERY_SQL_BIND_MODIFY_INT_H

#include "query/sql/bind_int.h"

typedef struct ModifyTarget {
    const Table *table;
    Str name;             /* alias or table name: what RETURNING calls it */
    Str schema;           /* "" behind an alias */
    const uint16_t *live; /* table column of each live column */
    uint32_t live_count;
} ModifyTarget;

Status sql__modify_target(Binder *b, const AstName *name, Str alias, ModifyTarget *ret);
static inline const TableColumn *sql__live_column(const ModifyTarget *target, uint32_t i)
{
    return &target->table->columns[target->live[i]];
}
Field sql__live_field(const ModifyTarget *target, uint32_t i);
/* Finds a live column by name; 42703. */
Status sql__modify_column(Binder *b, const ModifyTarget *target, Str name, int32_t position,
                          uint32_t *ret_idx);
/* Assignment casts are allowed; the error names the column. */
Status sql__assign(Binder *b, const TableColumn *column, Expr **expr);
/* What a row gets that gives no value. */
Status sql__default_value(Binder *b, const TableColumn *column, Expr **ret_expr);
/* 428C9 unless the column may be given a value, or `value` is DEFAULT. */
Status sql__check_assignable(Binder *b, const TableColumn *column, const AstExpr *value,
                             bool update);
/* The SET list over `scope`: *values[i] = new value of live column i, NULL = as it was. */
Status sql__assignments(Binder *b, Scope *scope, const ModifyTarget *target,
                        const AstAssignment *assignments, uint32_t count, Expr **values);
/* A name whose columns are the live ones, from flat column `first` on. */
ScopeRel sql__target_rel(Binder *b, const ModifyTarget *target, Str name, uint32_t first);
/* Generated columns and CHECKs of rows whose live columns begin at `first`. */
Status sql__finish_rows(Binder *b, const ModifyTarget *target, uint32_t first, PlanNode **plan,
                        uint32_t *ret_check_count);
/* RETURNING over `changed`: the live columns, then `extra` of `others` (rels of the statement's
 * FROM, their columns `shift` to the right of where they lie here). */
Status sql__returning(Binder *b, const ModifyTarget *target, const AstTarget *returning,
                      uint32_t returning_count, const Scope *others, uint32_t shift,
                      const Field *extra, uint32_t extra_count, SqlModify *ret);
/* A virtual table with these columns, and a scan of all of them. */
VirtualTable *sql__virtual(Binder *b, const Table *table, const Field *fields, uint32_t count,
                           PlanNode **ret_scan);

#endif

/* catalog_views_int.h - how system relations are described and filled.
 *
 *   catalog_columns.c            what there is: names, OIDs, columns, who fills them
 *   catalog_views.c              finding them, cells, rows as batches
 *   catalog_views_relations.c    namespaces, relations, columns, comments, sequences
 *   catalog_views_keys.c         indexes and constraints
 *   catalog_views_types.c        types, casts, collations, operator classes
 *   catalog_views_functions.c    functions, aggregates, operators
 *   catalog_views_roles.c        roles, databases
 *   catalog_views_session.c      settings, activity, prepared statements, cursors, time zones
 *   catalog_views_information*.c information_schema
 */
#ifndef LUMA_QUERY_SQL_CATALOG_VIEWS_INT_H
#define LUMA_QUERY_SQL_CATALOG_VIEWS_INT_H

#include "base/buf.h"
#include "query/sql/catalog_views.h"

enum {
    OID_SCHEMA_PG_CATALOG = 11,
    OID_SCHEMA_PUBLIC = 2200,
    OID_SCHEMA_INFORMATION = 13000,
    OID_ROLE = 10, /* the first administrator */
    OID_DATABASE = 5,
    OID_AM_HEAP = 2,
    OID_AM_BTREE = 403,
    OID_AM_FULLTEXT = 9900001, /* own */
    OID_COLLATION_DEFAULT = 100,
    OID_COLLATION_C = 950,
    OID_TABLESPACE_DEFAULT = 1663,
    OID_CLASS_PG_CLASS = 1259,
    OID_CLASS_PG_TYPE = 1247,
    OID_CLASS_PG_CONSTRAINT = 2606,
};

/* One value of a row being filled. */
typedef struct ViewCell {
    bool is_null;
    int64_t number; /* numbers, bool, oid, "char", times */
    double real;
    Str text; /* texts; of arrays the bytes of pgarray.h */
} ViewCell;

typedef struct ViewRows {
    CatalogViews *views;
    Arena *arena;
    const Schema *schema;
    const bool *not_null; /* per column */
    ViewCell *cells;      /* row-major */
    size_t count;
    size_t cap;
    uint32_t cursor; /* where the next column name is looked for first */
} ViewRows;

typedef struct ViewDef {
    const char *schema;
    const char *name;
    uint32_t oid;
    char kind; /* pg_class.relkind: 'r' or 'v' */
    void (*fill)(ViewRows *rows);
    const char *columns; /* "name type[!]," and so on */
} ViewDef;

extern const ViewDef view__defs[];
extern const uint32_t view__def_count;

typedef struct ViewColumn {
    Str name;
    Type type;
    bool not_null;
} ViewColumn;

/* Takes the next column off a definition's text; false at the end. */
bool view__next_column(const char **columns, ViewColumn *ret);
uint32_t view__column_count(const ViewDef *def);

/* Begins a row: NULL where a column may be, else 0, false and "". */
void view__row(ViewRows *rows);
/* Cells of the current row by column name; fastest in the order of the columns. */
void view__text(ViewRows *rows, const char *column, Str text);
void view__name(ViewRows *rows, const char *column, const char *text);
void view__number(ViewRows *rows, const char *column, int64_t number);
void view__bool(ViewRows *rows, const char *column, bool value);
void view__yes_no(ViewRows *rows, const char *column, bool value);
void view__real(ViewRows *rows, const char *column, double value);
/* Arrays and vectors of numbers, arrays of texts. */
void view__numbers(ViewRows *rows, const char *column, const int64_t *numbers, uint32_t count);
void view__texts(ViewRows *rows, const char *column, const Str *texts, uint32_t count);

const CatalogVersion *view__version(ViewRows *rows);
/* The name of a role by OID, the first administrator's for 0 and 10. */
Str view__role_name(CatalogViews *views, uint32_t oid);
uint32_t view__owner(uint32_t user_id);

/* Input, output and the like of a type, as PostgreSQL numbers and names them. */
typedef struct TypeIo {
    uint32_t type, in_oid, out_oid, receive_oid, send_oid;
    const char *in, *out, *receive, *send;
    uint32_t modifier_in, modifier_out;
    char align, storage;
    bool by_value;
    char kind, category;
} TypeIo;
extern const TypeIo view__type_io[];
extern const uint32_t view__type_io_count;
/* pg_opclass.oid of a type's default btree class, 0 = none. */
uint32_t view__operator_class(Type type);

/* What pg_get_function_result and _arguments print; false when there is no such function. */
bool view__proc_result(uint32_t oid, Buf *out);
bool view__proc_arguments(uint32_t oid, Buf *out);

/* ---- one shape for all constraints and indexes, catalog_views_keys.c */

typedef struct ViewConstraint {
    uint32_t id;
    Str name;
    char kind;          /* pg_constraint.contype */
    const Table *table; /* NULL = of a domain */
    const CatalogType *domain;
    const TableKey *key; /* of 'p' and 'u' */
    Str check;           /* of 'c' */
} ViewConstraint;
/* Start with a zeroed pos of two numbers. */
typedef struct ViewConstraintPos {
    size_t table_pos;
    size_t type_pos;
    const Table *table;
    const CatalogType *domain;
    uint32_t idx;
    bool tables_done;
} ViewConstraintPos;
bool view__next_constraint(const CatalogVersion *version, ViewConstraintPos *pos,
                           ViewConstraint *ret);

/* An index of CREATE INDEX, or the one below a constraint. */
typedef struct ViewIndex {
    uint32_t id;
    Str schema;
    Str name;
    const Table *table;
    const TableKey *key;         /* of a constraint, else NULL */
    const CatalogIndex *created; /* by CREATE INDEX, else NULL */
    bool unique;
    bool primary;
    uint32_t column_count; /* INCLUDE's too */
    uint32_t key_column_count;
} ViewIndex;
typedef struct ViewIndexPos {
    size_t index_pos;
    size_t table_pos;
    const Table *table;
    uint32_t idx;
} ViewIndexPos;
bool view__next_index(const CatalogVersion *version, ViewIndexPos *pos, ViewIndex *ret);
/* Attribute number of its column `idx`, 0 = an expression; its text as CREATE INDEX prints it. */
int view__index_attribute(const ViewIndex *index, uint32_t idx);
void view__index_column(const ViewIndex *index, uint32_t idx, bool options, Buf *out);
void view__index_definition(const ViewIndex *index, bool pretty, Buf *out);
uint32_t view__index_method(const ViewIndex *index);
void view__constraint_definition(const ViewConstraint *constraint, bool pretty, Buf *out);

/* ---- the fillers, named as their relations */
void view__fill_aggregate(ViewRows *rows);
void view__fill_am(ViewRows *rows);
void view__fill_attrdef(ViewRows *rows);
void view__fill_attribute(ViewRows *rows);
void view__fill_auth_members(ViewRows *rows);
void view__fill_authid(ViewRows *rows);
void view__fill_cast(ViewRows *rows);
void view__fill_class(ViewRows *rows);
void view__fill_collation(ViewRows *rows);
void view__fill_constraint(ViewRows *rows);
void view__fill_cursors(ViewRows *rows);
void view__fill_database(ViewRows *rows);
void view__fill_description(ViewRows *rows);
void view__fill_enum(ViewRows *rows);
void view__fill_extension(ViewRows *rows);
void view__fill_group(ViewRows *rows);
void view__fill_index(ViewRows *rows);
void view__fill_indexes(ViewRows *rows);
void view__fill_info_applicable_roles(ViewRows *rows);
void view__fill_info_character_sets(ViewRows *rows);
void view__fill_info_check_constraints(ViewRows *rows);
void view__fill_info_column_privileges(ViewRows *rows);
void view__fill_info_columns(ViewRows *rows);
void view__fill_info_constraint_column_usage(ViewRows *rows);
void view__fill_info_constraint_table_usage(ViewRows *rows);
void view__fill_info_domain_constraints(ViewRows *rows);
void view__fill_info_domains(ViewRows *rows);
void view__fill_info_element_types(ViewRows *rows);
void view__fill_info_enabled_roles(ViewRows *rows);
void view__fill_info_information_schema_catalog_name(ViewRows *rows);
void view__fill_info_key_column_usage(ViewRows *rows);
void view__fill_info_routines(ViewRows *rows);
void view__fill_info_schemata(ViewRows *rows);
void view__fill_info_sequences(ViewRows *rows);
void view__fill_info_table_constraints(ViewRows *rows);
void view__fill_info_table_privileges(ViewRows *rows);
void view__fill_info_tables(ViewRows *rows);
void view__fill_info_views(ViewRows *rows);
void view__fill_language(ViewRows *rows);
void view__fill_locks(ViewRows *rows);
void view__fill_matviews(ViewRows *rows);
void view__fill_namespace(ViewRows *rows);
void view__fill_opclass(ViewRows *rows);
void view__fill_operator(ViewRows *rows);
void view__fill_prepared_statements(ViewRows *rows);
void view__fill_proc(ViewRows *rows);
void view__fill_rewrite(ViewRows *rows);
void view__fill_roles(ViewRows *rows);
void view__fill_sequence(ViewRows *rows);
void view__fill_sequences(ViewRows *rows);
void view__fill_settings(ViewRows *rows);
void view__fill_shadow(ViewRows *rows);
void view__fill_shdescription(ViewRows *rows);
void view__fill_stat_activity(ViewRows *rows);
void view__fill_stat_database(ViewRows *rows);
void view__fill_stat_tables(ViewRows *rows);
void view__fill_tables(ViewRows *rows);
void view__fill_tablespace(ViewRows *rows);
void view__fill_timezone_abbrevs(ViewRows *rows);
void view__fill_timezone_names(ViewRows *rows);
void view__fill_type(ViewRows *rows);
void view__fill_user(ViewRows *rows);
void view__fill_views(ViewRows *rows);

#endif

/* ast_ddl.h - the part of ast.h that is about schema changes other than CREATE TABLE, VIEW, SCHEMA
 * and DROP: one AstDdl per statement. */
#ifndef LUMA_QUERY_SQL_AST_DDL_H
#define LUMA_QUERY_SQL_AST_DDL_H

typedef enum AstConstraintKind {
    AST_CONSTRAINT_NOT_NULL,
    AST_CONSTRAINT_NULL,
    AST_CONSTRAINT_DEFAULT,
    AST_CONSTRAINT_PRIMARY,
    AST_CONSTRAINT_UNIQUE,
    AST_CONSTRAINT_CHECK,
    AST_CONSTRAINT_FOREIGN,
    AST_CONSTRAINT_EXCLUDE,
    AST_CONSTRAINT_GENERATED,
    AST_CONSTRAINT_IDENTITY,
} AstConstraintKind;

typedef struct AstConstraint {
    AstConstraintKind kind;
    Str name;         /* "" = PostgreSQL's choice */
    AstNames columns; /* of a table's PRIMARY KEY and UNIQUE */
    AstExpr *expr;    /* DEFAULT, CHECK, GENERATED */
    AstOption *options;
    uint32_t option_count; /* IDENTITY */
    bool always;           /* IDENTITY */
    bool nulls_not_distinct;
    bool deferrable;
    bool not_valid;
    Str using_index;
    int32_t position;
} AstConstraint;

typedef enum AstObjectKind {
    AST_OBJECT_TABLE,
    AST_OBJECT_VIEW,
    AST_OBJECT_SCHEMA,
    AST_OBJECT_MATVIEW,
    AST_OBJECT_INDEX,
    AST_OBJECT_SEQUENCE,
    AST_OBJECT_TYPE,
    AST_OBJECT_DOMAIN,
    AST_OBJECT_COLUMN,
    AST_OBJECT_CONSTRAINT,
    AST_OBJECT_DOMAIN_CONSTRAINT,
    AST_OBJECT_ATTRIBUTE, /* of a composite type */
    AST_OBJECT_ROLE,
    AST_OBJECT_DATABASE,
    AST_OBJECT_FUNCTION,
    AST_OBJECT_OTHER,
} AstObjectKind;

typedef enum AstAlterKind {
    AST_ALTER_ADD_COLUMN,
    AST_ALTER_DROP_COLUMN,
    AST_ALTER_TYPE,
    AST_ALTER_SET_DEFAULT, /* expr NULL = DROP DEFAULT */
    AST_ALTER_SET_NOT_NULL,
    AST_ALTER_DROP_NOT_NULL,
    AST_ALTER_DROP_EXPRESSION,
    AST_ALTER_ADD_IDENTITY,
    AST_ALTER_SET_IDENTITY,
    AST_ALTER_DROP_IDENTITY,
    AST_ALTER_ADD_CONSTRAINT,
    AST_ALTER_DROP_CONSTRAINT,
    AST_ALTER_VALIDATE_CONSTRAINT,
    AST_ALTER_OWNER,
    AST_ALTER_SET_OPTIONS,
    AST_ALTER_RESET_OPTIONS,
    AST_ALTER_NOTHING, /* what has no meaning here: statistics targets, storage ... */
    AST_ALTER_UNSUPPORTED,
} AstAlterKind;

typedef struct AstAlterCommand {
    AstAlterKind kind;
    Str name; /* of the column, constraint or role */
    AstColumnDef *column;
    AstConstraint *constraint;
    AstType *type;
    AstExpr *expr; /* SET DEFAULT, USING */
    AstOption *options;
    uint32_t option_count;
    bool if_exists; /* IF NOT EXISTS of ADD COLUMN */
    bool cascade;
    Str unsupported;
} AstAlterCommand;

typedef struct AstIndexColumn {
    Str name; /* "" = expr */
    AstExpr *expr;
    bool descending;
    bool nulls_given;
    bool nulls_first;
    Str operator_class;
    Str collation;
} AstIndexColumn;

typedef struct AstEnumChange {
    Str old_name; /* RENAME VALUE; "" = ADD VALUE */
    Str new_name;
    Str neighbor; /* BEFORE, AFTER; "" = at the end */
    bool after;
    bool if_not_exists;
} AstEnumChange;

typedef enum AstDomainChange {
    AST_DOMAIN_SET_DEFAULT, /* expr NULL = DROP */
    AST_DOMAIN_SET_NOT_NULL,
    AST_DOMAIN_DROP_NOT_NULL,
    AST_DOMAIN_ADD_CONSTRAINT,
    AST_DOMAIN_DROP_CONSTRAINT,
    AST_DOMAIN_VALIDATE_CONSTRAINT,
} AstDomainChange;

typedef enum AstDdlKind {
    AST_DDL_ALTER_TABLE, /* of any relation: object */
    AST_DDL_RENAME,
    AST_DDL_SET_SCHEMA,
    AST_DDL_OWNER,
    AST_DDL_CREATE_SEQUENCE,
    AST_DDL_ALTER_SEQUENCE,
    AST_DDL_CREATE_ENUM,
    AST_DDL_CREATE_COMPOSITE,
    AST_DDL_ALTER_ENUM,
    AST_DDL_CREATE_DOMAIN,
    AST_DDL_ALTER_DOMAIN,
    AST_DDL_CREATE_INDEX,
    AST_DDL_REINDEX,
    AST_DDL_COMMENT,
    AST_DDL_CREATE_ROLE,
    AST_DDL_ALTER_ROLE,
    AST_DDL_DROP_ROLE,
    AST_DDL_GRANT,      /* of privileges; REVOKE when `revoke` */
    AST_DDL_GRANT_ROLE, /* names TO roles */
    AST_DDL_REFRESH,
} AstDdlKind;

typedef struct AstDdl {
    AstDdlKind kind;
    AstObjectKind object; /* what kind of thing it names */
    AstName name;
    Str sub;      /* column or constraint of it */
    Str new_name; /* RENAME TO, SET SCHEMA, OWNER TO, COMMENT's text */
    bool if_exists;
    bool if_not_exists;
    bool cascade;
    bool temporary;
    AstOption *options; /* sequences, roles */
    uint32_t option_count;
    AstNames owned_by; /* sequences: schema, table, column as written; NONE is one name */
    AstAlterCommand *commands;
    uint32_t command_count;
    AstNames labels; /* enums */
    AstEnumChange enum_change;
    AstColumnDef *columns; /* composite types */
    uint32_t column_count;
    AstType *type; /* domains */
    AstConstraint *constraints;
    uint32_t constraint_count;
    AstDomainChange domain_change;
    AstExpr *expr;
    /* indexes */
    AstName table;
    Str method;
    AstIndexColumn *index_columns;
    uint32_t index_column_count;
    uint32_t include_count; /* the last ones of them */
    AstExpr *where;
    bool unique;
    bool nulls_not_distinct;
    bool has_text; /* COMMENT: not NULL */
    /* roles and grants */
    AstNames names; /* roles that are dropped or granted, schemas of ALL TABLES IN SCHEMA */
    AstName *objects;
    uint32_t object_count;
    bool all_in_schema;
    bool revoke;
    bool grant_option;
    bool is_user;        /* CREATE USER */
    AstNames privileges; /* "" list = ALL */
    bool privilege_columns;
    AstNames roles;    /* grantees; "public" */
    bool with_no_data; /* REFRESH */
} AstDdl;

#endif

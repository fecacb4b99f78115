/* ast.h - the syntax tree of SQL statements, as written: nothing is resolved yet.
 *
 * Made by sql_parse (sql_pgtree.c) out of PostgreSQL's own grammar, read by the binder. Everything
 * lives in the arena of the script. Positions are 1-based characters of the whole text, 0 = none.
 * The tree is at most AST_DEPTH_MAX levels deep, so code that walks it may recurse.
 */
#ifndef LUMA_QUERY_SQL_AST_H
#define LUMA_QUERY_SQL_AST_H

#include "base/arena.h"

/* Levels of expressions, subqueries and set operations, together. */
enum { AST_DEPTH_MAX = 500 };

typedef struct AstExpr AstExpr;
typedef struct AstSelect AstSelect;
typedef struct AstFrom AstFrom;
typedef struct AstStatement AstStatement;

/* A possibly qualified name; the parts that are not given are empty. */
typedef struct AstName {
    Str catalog;
    Str schema;
    Str name;
    int32_t position;
} AstName;

typedef struct AstNames {
    Str *names;
    uint32_t count;
} AstNames;

typedef struct AstType {
    Str schema;          /* "" when not given */
    Str name;            /* pg_type.typname, or an alias of it */
    AstExpr **modifiers; /* (10, 2) */
    uint32_t modifier_count;
    uint32_t array_bounds; /* number of [] */
    bool set_of;
    bool of_column; /* table.column%TYPE */
    int32_t position;
} AstType;

/* ---------------------------------------------------------------- expressions */

typedef enum AstExprKind {
    AST_CONST,        /* constant, text */
    AST_PARAM,        /* $number */
    AST_COLUMN,       /* path: a, t.a, s.t.a */
    AST_STAR,         /* path of the table, or none: *, t.* */
    AST_OPERATOR,     /* text (schema), one argument = prefix operator */
    AST_OPERATOR_ANY, /* args[0] op ANY/ALL (args[1]); all */
    AST_AND,
    AST_OR,
    AST_NOT,
    AST_IS_NULL,     /* negated */
    AST_BOOL_TEST,   /* number: 0 true, 1 false, 2 unknown; negated */
    AST_DISTINCT,    /* args[0] IS [NOT] DISTINCT FROM args[1]; negated = NOT DISTINCT */
    AST_NULLIF,      /* args[0], args[1] */
    AST_IN,          /* args[0] [NOT] IN (args[1..]) */
    AST_BETWEEN,     /* args[0] [NOT] BETWEEN args[1] AND args[2]; all = SYMMETRIC */
    AST_CASE,        /* args: subject or NULL, when, then, ..., else or NULL */
    AST_COALESCE,    /* args */
    AST_GREATEST,    /* args */
    AST_LEAST,       /* args */
    AST_CALL,        /* call */
    AST_CAST,        /* args[0]::type */
    AST_COLLATE,     /* args[0] COLLATE text */
    AST_ARRAY,       /* ARRAY[args] */
    AST_ROW,         /* ROW(args) */
    AST_SUBSCRIPT,   /* args[0][args[1]]; all = slice args[1]:args[2], either may be NULL; number: 0
                        = the first of its chain, what is inside stood in parentheses */
    AST_FIELD,       /* (args[0]).text */
    AST_FIELD_STAR,  /* (args[0]).* */
    AST_SUBQUERY,    /* select; number: AstSubquery; args[0] op (text) for ANY and ALL */
    AST_SQL_VALUE,   /* number: AstSqlValue; args[0] = precision where given */
    AST_GROUPING,    /* GROUPING(args) */
    AST_DEFAULT,     /* DEFAULT in VALUES */
    AST_NAMED_ARG,   /* text => args[0] */
    AST_UNSUPPORTED, /* text names what LumaDB does not do */
} AstExprKind;

typedef enum AstConst {
    AST_CONST_NULL,
    AST_CONST_INTEGER, /* fits int4 */
    AST_CONST_NUMBER,  /* any other number, as text */
    AST_CONST_STRING,
    AST_CONST_BOOL, /* number */
    AST_CONST_BITS,
} AstConst;

typedef enum AstSubquery {
    AST_SUBQUERY_EXISTS,
    AST_SUBQUERY_ALL,
    AST_SUBQUERY_ANY,
    AST_SUBQUERY_SCALAR,
    AST_SUBQUERY_ARRAY,
} AstSubquery;

/* In the order of PostgreSQL's SQLValueFunctionOp. */
typedef enum AstSqlValue {
    AST_CURRENT_DATE,
    AST_CURRENT_TIME,
    AST_CURRENT_TIMESTAMP,
    AST_LOCALTIME,
    AST_LOCALTIMESTAMP,
    AST_CURRENT_ROLE,
    AST_CURRENT_USER,
    AST_USER,
    AST_SESSION_USER,
    AST_CURRENT_CATALOG,
    AST_CURRENT_SCHEMA,
} AstSqlValue;

typedef struct AstOrder {
    AstExpr *expr;
    bool descending;
    bool nulls_given;
    bool nulls_first;
    Str using_operator; /* ORDER BY x USING > */
    int32_t position;
} AstOrder;

typedef enum AstFrameUnit { AST_FRAME_RANGE, AST_FRAME_ROWS, AST_FRAME_GROUPS } AstFrameUnit;
typedef enum AstFrameBound {
    AST_BOUND_UNBOUNDED_PRECEDING,
    AST_BOUND_PRECEDING,
    AST_BOUND_CURRENT,
    AST_BOUND_FOLLOWING,
    AST_BOUND_UNBOUNDED_FOLLOWING,
} AstFrameBound;
typedef enum AstFrameExclude {
    AST_EXCLUDE_NONE,
    AST_EXCLUDE_CURRENT,
    AST_EXCLUDE_GROUP,
    AST_EXCLUDE_TIES,
} AstFrameExclude;

typedef struct AstWindow {
    Str name; /* WINDOW name AS (...), or OVER name */
    Str base; /* OVER (base ...) */
    AstExpr **partition;
    uint32_t partition_count;
    AstOrder *order;
    uint32_t order_count;
    bool frame_given;
    AstFrameUnit unit;
    AstFrameBound start;
    AstFrameBound end;
    AstExpr *start_offset;
    AstExpr *end_offset;
    AstFrameExclude exclude;
    int32_t position;
} AstWindow;

typedef struct AstCall {
    Str schema;
    Str name;
    AstOrder *order;
    uint32_t order_count;
    AstExpr *filter;
    AstWindow *over;
    bool within_group;
    bool star;
    bool distinct;
    bool variadic;   /* the last argument is an array of the rest */
    bool sql_syntax; /* written as EXTRACT(x FROM y), AT TIME ZONE ... */
} AstCall;

struct AstExpr {
    AstExprKind kind;
    int32_t position;
    bool negated;
    bool all;
    uint32_t arg_count;
    AstExpr **args;
    int64_t number; /* meaning by kind */
    Str text;       /* meaning by kind */
    union {
        AstNames path;     /* COLUMN, STAR */
        AstCall *call;     /* CALL */
        AstType *type;     /* CAST */
        AstSelect *select; /* SUBQUERY */
        AstConst constant; /* CONST */
        Str schema;        /* OPERATOR: OPERATOR(schema.+) */
    };
};

/* ---------------------------------------------------------------- queries */

typedef struct AstTarget {
    AstExpr *expr;
    Str alias; /* "" = none */
    int32_t position;
} AstTarget;

typedef struct AstAlias {
    Str name; /* "" = none */
    AstNames columns;
} AstAlias;

typedef enum AstFromKind {
    AST_FROM_TABLE,
    AST_FROM_SELECT,
    AST_FROM_FUNCTION,
    AST_FROM_JOIN,
    AST_FROM_UNSUPPORTED,
} AstFromKind;

typedef enum AstJoin { AST_JOIN_INNER, AST_JOIN_LEFT, AST_JOIN_FULL, AST_JOIN_RIGHT } AstJoin;

typedef struct AstColumnDef AstColumnDef;

struct AstFrom {
    AstFromKind kind;
    int32_t position;
    AstAlias alias;
    bool lateral;
    AstName table;       /* TABLE */
    bool row_id;         /* TABLE: the target of UPDATE or DELETE */
    AstSelect *select;   /* SELECT */
    AstExpr **functions; /* FUNCTION: calls, several for ROWS FROM */
    uint32_t function_count;
    bool ordinality;
    AstColumnDef *columns; /* FUNCTION: AS t(a int, b text) */
    uint32_t column_count;
    AstJoin join; /* JOIN */
    bool natural;
    AstFrom *left;
    AstFrom *right;
    AstExpr *on;
    AstNames using_columns;
    Str using_alias;
    Str unsupported; /* UNSUPPORTED: what */
};

typedef enum AstGroupKind {
    AST_GROUP_EXPR,
    AST_GROUP_EMPTY,
    AST_GROUP_ROLLUP,
    AST_GROUP_CUBE,
    AST_GROUP_SETS,
} AstGroupKind;
typedef struct AstGroup {
    AstGroupKind kind;
    AstExpr *expr;
    struct AstGroup *items;
    uint32_t item_count;
    int32_t position;
} AstGroup;

typedef enum AstSetOp { AST_SET_NONE, AST_SET_UNION, AST_SET_INTERSECT, AST_SET_EXCEPT } AstSetOp;

typedef struct AstCte {
    Str name;
    AstNames columns;
    AstStatement *query;
    bool materialized;     /* written MATERIALIZED */
    bool not_materialized; /* written NOT MATERIALIZED */
    bool search_or_cycle;  /* has a SEARCH or CYCLE clause */
    int32_t position;
} AstCte;

typedef struct AstWith {
    AstCte *ctes;
    uint32_t count;
    bool recursive;
} AstWith;

struct AstSelect {
    int32_t position; /* of the first thing in it that has one */
    AstWith *with;
    AstSetOp set_op;
    bool all;
    AstSelect *left;
    AstSelect *right;
    /* leaf */
    bool distinct;
    AstExpr **distinct_on;
    uint32_t distinct_on_count;
    AstTarget *targets;
    uint32_t target_count;
    AstFrom **from;
    uint32_t from_count;
    AstExpr *where;
    AstGroup *groups;
    uint32_t group_count;
    bool group_distinct;
    AstExpr *having;
    AstWindow *windows;
    uint32_t window_count;
    AstExpr **values; /* row-major */
    uint32_t values_rows;
    uint32_t values_columns;
    /* leaf and set operation */
    AstOrder *order;
    uint32_t order_count;
    AstExpr *limit;
    AstExpr *offset;
    bool with_ties;
    bool row_ids; /* it names ctid somewhere */
    bool into;    /* SELECT INTO */
    AstName into_table;
};

/* ---------------------------------------------------------------- statements */

typedef enum AstStatementKind {
    AST_STATEMENT_SELECT,
    AST_STATEMENT_INSERT,
    AST_STATEMENT_UPDATE,
    AST_STATEMENT_DELETE,
    AST_STATEMENT_MERGE,
    AST_STATEMENT_TRUNCATE,
    AST_STATEMENT_CREATE_TABLE,
    AST_STATEMENT_CREATE_TABLE_AS,
    AST_STATEMENT_CREATE_VIEW,
    AST_STATEMENT_CREATE_SCHEMA,
    AST_STATEMENT_DROP,
    AST_STATEMENT_DDL, /* ast_ddl.h */
    AST_STATEMENT_SET,
    AST_STATEMENT_SHOW,
    AST_STATEMENT_DISCARD,
    AST_STATEMENT_TRANSACTION,
    AST_STATEMENT_PREPARE,
    AST_STATEMENT_EXECUTE,
    AST_STATEMENT_DEALLOCATE,
    AST_STATEMENT_DECLARE,
    AST_STATEMENT_FETCH,
    AST_STATEMENT_CLOSE,
    AST_STATEMENT_EXPLAIN,
    AST_STATEMENT_CHECKPOINT,
    AST_STATEMENT_COPY,
    AST_STATEMENT_UNSUPPORTED,
} AstStatementKind;

/* SET column = value. */
typedef struct AstAssignment {
    Str column;
    AstExpr *part;  /* AST_ASSIGN_PART: subscripts and fields over AST_COLUMN */
    AstExpr *value; /* AST_DEFAULT, too; one scalar subquery per column of (a, b) = (SELECT ...) */
    enum {
        AST_ASSIGN_PLAIN,
        AST_ASSIGN_PART,     /* column[1] or column.field: part */
        AST_ASSIGN_MISMATCH, /* (a, b) = of another number of values */
        AST_ASSIGN_SOURCE,   /* (a, b) = neither a row nor a subquery */
    } kind;
    int32_t position;
} AstAssignment;

typedef struct AstOnConflict {
    bool update;        /* DO UPDATE, else DO NOTHING */
    AstTarget *columns; /* alias = column name; an expression when expr is set */
    uint32_t column_count;
    Str constraint;       /* ON CONSTRAINT, "" = none */
    AstExpr *index_where; /* of a partial index */
    AstAssignment *assignments;
    uint32_t assignment_count;
    AstExpr *where;
    int32_t position;
} AstOnConflict;

/* UPDATE and DELETE. */
typedef struct AstModify {
    AstFrom *table; /* AST_FROM_TABLE */
    AstAssignment *assignments;
    uint32_t assignment_count;
    AstFrom **from; /* FROM, USING */
    uint32_t from_count;
    AstExpr *where;
    bool where_current_of;
    AstTarget *returning;
    uint32_t returning_count;
    AstWith *with;
} AstModify;

typedef enum AstMergeAction {
    AST_MERGE_NOTHING,
    AST_MERGE_INSERT,
    AST_MERGE_UPDATE,
    AST_MERGE_DELETE,
} AstMergeAction;

typedef struct AstMergeWhen {
    bool matched;
    AstMergeAction action;
    AstExpr *condition; /* AND ..., NULL = none */
    AstAssignment *assignments;
    uint32_t assignment_count;
    AstTarget *columns; /* INSERT: alias = column name */
    uint32_t column_count;
    AstExpr **values; /* none = DEFAULT VALUES */
    uint32_t value_count;
} AstMergeWhen;

typedef struct AstMerge {
    AstFrom *table; /* AST_FROM_TABLE */
    AstFrom *source;
    AstExpr *on;
    AstMergeWhen *whens;
    uint32_t when_count;
    AstWith *with;
} AstMerge;

typedef struct AstTruncate {
    AstName *names;
    uint32_t count;
    bool restart_identity;
    bool cascade;
} AstTruncate;

typedef struct AstInsert {
    AstName table;
    Str alias;
    AstTarget *columns; /* alias = column name */
    uint32_t column_count;
    AstSelect *source; /* NULL = DEFAULT VALUES */
    AstTarget *returning;
    uint32_t returning_count;
    AstWith *with;
    AstOnConflict *on_conflict; /* NULL = none */
    enum { AST_OVERRIDING_NONE, AST_OVERRIDING_USER, AST_OVERRIDING_SYSTEM } overriding;
} AstInsert;

/* WITH (name = value) and EXPLAIN (name value). */
typedef struct AstOption {
    Str schema;
    Str name;
    Str value; /* "" when none was given */
    bool has_value;
    bool quoted;    /* the value was a string */
    bool star;      /* the value was * */
    AstNames names; /* the value was a list of names */
    int32_t position;
} AstOption;

#include "query/sql/ast_ddl.h"

struct AstColumnDef {
    Str name;
    AstType *type;
    AstConstraint *constraints;
    uint32_t constraint_count;
    int32_t position;
};

typedef enum AstLike {
    AST_LIKE_COMMENTS = 1,
    AST_LIKE_CONSTRAINTS = 2,
    AST_LIKE_DEFAULTS = 4,
    AST_LIKE_GENERATED = 8,
    AST_LIKE_IDENTITY = 16,
    AST_LIKE_INDEXES = 32,
} AstLike;

/* LIKE table: stands before the column of that index. */
typedef struct AstTableLike {
    AstName table;
    uint32_t options; /* AstLike */
    uint32_t before;
} AstTableLike;

typedef enum AstOnCommit {
    AST_ON_COMMIT_PRESERVE,
    AST_ON_COMMIT_DELETE,
    AST_ON_COMMIT_DROP
} AstOnCommit;

typedef struct AstCreateTable {
    AstName table;
    AstColumnDef *columns;
    uint32_t column_count;
    AstConstraint *constraints; /* of the table */
    uint32_t constraint_count;
    AstTableLike *likes;
    uint32_t like_count;
    AstOnCommit on_commit;
    AstOption *options;
    uint32_t option_count;
    bool if_not_exists;
    bool temporary;
    Str unsupported; /* "" = none */
    int32_t unsupported_position;
    /* CREATE TABLE AS */
    AstSelect *source;
    AstNames column_names;
    bool with_no_data;
    bool materialized; /* a materialized view */
    Str query_text;    /* its query */
} AstCreateTable;

typedef struct AstCreateView {
    AstName view;
    AstNames columns;
    AstSelect *query;
    Str query_text;
    bool replace;
    bool temporary;
    Str check_option; /* "local", "cascaded", "" */
    AstOption *options;
    uint32_t option_count;
} AstCreateView;

typedef struct AstDrop {
    AstObjectKind kind;
    AstName *names;
    uint32_t count;
    bool if_exists;
    bool cascade;
} AstDrop;

typedef enum AstSetKind {
    AST_SET_VALUE,
    AST_SET_DEFAULT,
    AST_SET_TRANSACTION, /* SET TRANSACTION / SET SESSION CHARACTERISTICS: name, options */
    AST_RESET,
    AST_RESET_ALL,
    AST_SET_CURRENT,
} AstSetKind;
typedef struct AstSet {
    AstSetKind kind;
    Str name;
    AstExpr **values; /* constants; SET TIME ZONE INTERVAL is a cast */
    uint32_t value_count;
    AstOption *options;
    uint32_t option_count;
    bool local;
} AstSet;

typedef enum AstTransactionKind {
    AST_BEGIN,
    AST_COMMIT,
    AST_ROLLBACK,
    AST_SAVEPOINT,
    AST_RELEASE,
    AST_ROLLBACK_TO,
    AST_TWO_PHASE,
} AstTransactionKind;
typedef struct AstTransaction {
    AstTransactionKind kind;
    bool start; /* START TRANSACTION */
    bool chain;
    Str savepoint;
    AstOption *options;
    uint32_t option_count;
} AstTransaction;

/* PREPARE, EXECUTE, DEALLOCATE, DECLARE, CLOSE. */
typedef struct AstPrepared {
    Str name; /* "" = ALL */
    AstType **types;
    uint32_t type_count;
    AstExpr **args;
    uint32_t arg_count;
    AstStatement *query;
    bool scroll;
    bool hold;
    bool binary;
} AstPrepared;

typedef enum AstFetchDirection {
    AST_FETCH_FORWARD,
    AST_FETCH_BACKWARD,
    AST_FETCH_ABSOLUTE,
    AST_FETCH_RELATIVE
} AstFetchDirection;
typedef struct AstFetch {
    Str name;
    AstFetchDirection direction;
    int64_t count; /* INT64_MAX = all */
    bool move;
} AstFetch;

typedef struct AstExplain {
    AstStatement *query;
    AstOption *options;
    uint32_t option_count;
} AstExplain;

typedef struct AstCopy {
    AstName table;
    AstNames columns;
    AstStatement *query;
    bool from;
    bool file;    /* names a file */
    bool program; /* names a program */
    AstExpr *where;
    AstOption *options;
    uint32_t option_count;
} AstCopy;

typedef enum AstDiscard {
    AST_DISCARD_ALL,
    AST_DISCARD_PLANS,
    AST_DISCARD_SEQUENCES,
    AST_DISCARD_TEMP
} AstDiscard;

struct AstStatement {
    AstStatementKind kind;
    Str text;           /* as written, without the ';' */
    int32_t position;   /* of its first character */
    uint32_t param_max; /* highest $n, 0 = none */
    union {
        AstSelect *select;
        AstInsert *insert;
        AstModify *modify; /* UPDATE, DELETE */
        AstMerge *merge;
        AstTruncate *truncate;
        AstCreateTable *create_table;
        AstCreateView *create_view;
        struct {
            Str name; /* "" = the role's */
            Str owner;
            bool if_not_exists;
            AstStatement **elements;
            uint32_t element_count;
        } create_schema;
        AstDrop *drop;
        AstDdl *ddl;
        AstSet *set;
        Str show;
        AstDiscard discard;
        AstTransaction *transaction;
        AstPrepared *prepared;
        AstFetch *fetch;
        AstExplain *explain;
        AstCopy *copy;
        Str unsupported; /* "DELETE", "CREATE INDEX" */
    };
};

typedef struct AstScript {
    AstStatement **statements;
    uint32_t count;
} AstScript;

/* Parses UTF-8 text into *ret_script, everything in `arena`. Syntax errors are INVALID with 42601
 * and a position, too deep nesting is LIMIT with 54001. Any thread. */
Status sql_parse(Arena *arena, Str text, AstScript *ret_script, Error *err);

#endif

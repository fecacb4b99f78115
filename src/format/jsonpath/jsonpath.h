/* jsonpath.h - PostgreSQL's SQL/JSON path language: a text becomes a tree, a tree its printed text.
 *
 * Values of type jsonpath are kept as the text PostgreSQL prints. The tree lives in the arena given
 * to the parser; its depth is bounded by JSONPATH_DEPTH_MAX, so code that walks it may recurse.
 * Syntax errors are 42601, the empty text 22P02. Threads: pure.
 */
#ifndef LUMA_FORMAT_JSONPATH_JSONPATH_H
#define LUMA_FORMAT_JSONPATH_JSONPATH_H

#include "base/arena.h"
#include "base/buf.h"

enum { JSONPATH_DEPTH_MAX = 400, JSONPATH_LEVEL_LAST = -1 };

typedef enum JsonPathKind {
    JSONPATH_NULL,
    JSONPATH_STRING,   /* text */
    JSONPATH_NUMBER,   /* text, as numeric prints it */
    JSONPATH_BOOL,     /* first: 1 = true */
    JSONPATH_ROOT,     /* $ */
    JSONPATH_CURRENT,  /* @ */
    JSONPATH_VARIABLE, /* text */
    JSONPATH_LAST,
    JSONPATH_OR, /* left, right, and so on down to MOD */
    JSONPATH_AND,
    JSONPATH_EQ,
    JSONPATH_NE,
    JSONPATH_LT,
    JSONPATH_GT,
    JSONPATH_LE,
    JSONPATH_GE,
    JSONPATH_STARTS_WITH,
    JSONPATH_ADD,
    JSONPATH_SUB,
    JSONPATH_MUL,
    JSONPATH_DIV,
    JSONPATH_MOD,
    JSONPATH_NOT, /* left; and so on down to FILTER */
    JSONPATH_IS_UNKNOWN,
    JSONPATH_EXISTS,
    JSONPATH_PLUS,
    JSONPATH_MINUS,
    JSONPATH_LIKE_REGEX, /* left, text, flags */
    JSONPATH_FILTER,     /* accessors, each applied to what stands before it: left = condition */
    JSONPATH_KEY,        /* text */
    JSONPATH_ANY_KEY,    /* .* */
    JSONPATH_ANY_ITEM,   /* [*] */
    JSONPATH_INDEXES,    /* ranges */
    JSONPATH_ANY_LEVEL,  /* .**{first to last} */
    JSONPATH_TYPE,       /* methods */
    JSONPATH_SIZE,
    JSONPATH_ABS,
    JSONPATH_FLOOR,
    JSONPATH_CEILING,
    JSONPATH_DOUBLE,
    JSONPATH_DATETIME, /* text: the template; has_text */
    JSONPATH_KEYVALUE,
} JsonPathKind;

typedef enum JsonPathFlags {
    JSONPATH_FLAG_NOCASE = 1,   /* i */
    JSONPATH_FLAG_DOT_ALL = 2,  /* s */
    JSONPATH_FLAG_LINES = 4,    /* m */
    JSONPATH_FLAG_EXPANDED = 8, /* x */
    JSONPATH_FLAG_LITERAL = 16, /* q */
} JsonPathFlags;

typedef struct JsonPathItem JsonPathItem;
typedef struct JsonPathRange {
    JsonPathItem *from;
    JsonPathItem *to; /* NULL = one index */
} JsonPathRange;

struct JsonPathItem {
    JsonPathKind kind;
    Str text;
    bool has_text;
    JsonPathItem *left;
    JsonPathItem *right;
    JsonPathItem *next; /* the accessor applied to this, or NULL */
    JsonPathRange *ranges;
    uint32_t range_count;
    int32_t first; /* levels; JSONPATH_LEVEL_LAST = last */
    int32_t last;
    int flags;
};

typedef struct JsonPath {
    bool strict;
    JsonPathItem *root;
} JsonPath;

Status jsonpath_parse(Str text, Arena *arena, JsonPath *ret, Error *err);
void jsonpath_append_text(const JsonPath *path, Buf *out);
/* AreFlags of a LIKE_REGEX item. */
int jsonpath_regex_flags(const JsonPathItem *item);
/* The text PostgreSQL prints for a jsonpath, in `arena`. */
Status jsonpath_canonical(Str text, Arena *arena, Str *ret, Error *err);

#endif

/* jsonpath_int.h - tokens of path texts, between the lexer and the parser. */
#ifndef LUMA_FORMAT_JSONPATH_JSONPATH_INT_H
#define LUMA_FORMAT_JSONPATH_JSONPATH_INT_H

#include "format/jsonpath/jsonpath.h"

typedef enum PathToken {
    PATH_TOKEN_END,
    PATH_TOKEN_WORD,     /* text: unquoted */
    PATH_TOKEN_STRING,   /* text: unescaped */
    PATH_TOKEN_NUMBER,   /* text as written; integer says whether it has no fraction */
    PATH_TOKEN_VARIABLE, /* text: without $; "" = $ itself */
    PATH_TOKEN_SYMBOL,   /* text: "&&", "==", "**", "(" ... */
} PathToken;

typedef struct PathLexer {
    Str text;
    size_t at;
    Arena *arena;
    Error *err;
    PathToken token;
    Str value;
    bool integer;
    size_t begin; /* of the token */
} PathLexer;

/* Reads the next token. 42601. */
Status jsonpath__next(PathLexer *lexer);
/* "syntax error at or near ..." of the current token. */
Status jsonpath__syntax(PathLexer *lexer, const char *message);

#endif

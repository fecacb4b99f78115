/* http1_parser.h - strict HTTP/1.1 request parser (RFC 9112), for bytes in any pieces.
 *
 * Pull style: show it the bytes not yet used, get one event, look again.
 *
 *   for (;;)
 *       switch (http1_next(&parser, &rest, &piece)) {
 *       case HTTP1_MORE:  keep `rest` and come back with more behind it
 *       case HTTP1_HEAD:  method, target, headers are there
 *       case HTTP1_BODY:  `piece` is the next part of the body
 *       case HTTP1_DONE:  the request ends here; `rest` is the next one
 *       case HTTP1_ERROR: answer parser.error_status and close
 *       }
 *
 * The events do not depend on how the bytes were cut. Lines are copied to the arena as they
 * complete; nothing else is kept. Refused where others are lenient: bare LF, obs-fold, blanks
 * before the colon, blanks around a chunk size, Content-Length twice or beside Transfer-Encoding,
 * codings other than chunked, control characters, a missing or second Host, '#' in the target.
 */
#ifndef LUMA_NET_HTTP_HTTP1_PARSER_H
#define LUMA_NET_HTTP_HTTP1_PARSER_H

#include "net/http/http.h"

typedef struct Http1Limits {
    size_t line_bytes_max;   /* request line */
    size_t header_bytes_max; /* all header lines; the same again for trailers */
    size_t header_count_max; /* likewise */
} Http1Limits;

typedef enum Http1Event {
    HTTP1_MORE,
    HTTP1_HEAD,
    HTTP1_BODY,
    HTTP1_DONE,
    HTTP1_ERROR,
} Http1Event;

typedef enum Http1State {
    HTTP1_AT_START,
    HTTP1_AT_HEADERS,
    HTTP1_AT_BODY,
    HTTP1_AT_CHUNK_SIZE,
    HTTP1_AT_CHUNK_DATA,
    HTTP1_AT_CHUNK_END,
    HTTP1_AT_TRAILERS,
    HTTP1_AT_END,
    HTTP1_AT_FAILURE,
} Http1State;

typedef struct Http1Parser {
    Http1Limits limits;
    Arena *arena; /* holds the lines */
    Http1State state;
    size_t scanned; /* of the unfinished line: no LF up to here */

    /* Valid from HTTP1_HEAD on. */
    Str method;
    Str target;
    int minor; /* 0 or 1 */
    HttpField *headers;
    size_t header_count;
    uint64_t content_length; /* 0 when absent or chunked */
    bool has_body;           /* Content-Length above zero, or chunked */
    bool chunked;
    bool keep_alive;      /* the client wants the connection to live on */
    bool expect_continue; /* it waits for 100 before sending its body */

    /* Valid at HTTP1_ERROR. */
    int error_status;
    const char *error_text; /* static */

    size_t header_cap;
    size_t line_count;      /* header or trailer lines */
    size_t header_bytes;    /* likewise */
    uint64_t left;          /* of the body or chunk */
    int64_t chunk_overhead; /* bytes of chunk framing beyond what the data excuses */
    int empty_lines;        /* before the request line */
    bool has_length;
    bool has_coding;
    bool unknown_coding;
    bool has_host;
    bool says_close;
    bool says_keep_alive;
} Http1Parser;

/* For a new request; `arena` must live until the next init. */
void http1_init(Http1Parser *parser, const Http1Limits *limits, Arena *arena);
/* Takes bytes off the front of *rest. *ret_piece is set with HTTP1_BODY and points into *rest's
 * bytes. */
Http1Event http1_next(Http1Parser *parser, Str *rest, Str *ret_piece);
/* Has any byte of the request been used or looked at? */
bool http1_started(const Http1Parser *parser);
/* RFC 9110 token characters, at least one. */
bool http1_is_token(Str text);

#endif

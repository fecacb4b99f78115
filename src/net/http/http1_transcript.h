/* http1_transcript.h - for tests and fuzzing: what the parser says about a stream, as text.
 *
 * Body pieces are joined, so that two transcripts differ only if the parser's results do. */
#ifndef LUMA_NET_HTTP_HTTP1_TRANSCRIPT_H
#define LUMA_NET_HTTP_HTTP1_TRANSCRIPT_H

#include "net/http/http1_parser.h"

typedef struct Transcript {
    Http1Limits limits;
    Http1Parser parser;
    Arena arena;
    Buf kept; /* shown and not used */
    Buf body;
    Buf bodies; /* of complete requests, each closed by a bracket */
    Buf text;
    bool failed;
    int request_count; /* complete ones */
} Transcript;

static inline void transcript_init(Transcript *t, const Http1Limits *limits)
{
    *t = (Transcript){.limits = *limits};
    arena_init(&t->arena, NULL);
    http1_init(&t->parser, &t->limits, &t->arena);
}

static inline void transcript_done(Transcript *t)
{
    arena_done(&t->arena);
    buf_done(&t->kept);
    buf_done(&t->body);
    buf_done(&t->bodies);
    buf_done(&t->text);
}

static inline void transcript_head(Transcript *t)
{
    const Http1Parser *p = &t->parser;

    buf_printf(&t->text, "%.*s %.*s 1.%d%s%s%s\n", STR_FMT(p->method), STR_FMT(p->target), p->minor,
               p->keep_alive ? " keep" : "", p->expect_continue ? " expect" : "",
               p->chunked ? " chunked" : "");
    for (size_t i = 0; i < p->header_count; i++)
        buf_printf(&t->text, "%.*s=%.*s\n", STR_FMT(p->headers[i].name),
                   STR_FMT(p->headers[i].value));
}

/* Shows more bytes; everything possible is taken from them. */
static inline void transcript_feed(Transcript *t, Str bytes)
{
    buf_append_str(&t->kept, bytes);
    Str rest = buf_str(&t->kept);
    for (bool more = true; more && !t->failed;) {
        Str piece = {0};
        switch (http1_next(&t->parser, &rest, &piece)) {
        case HTTP1_MORE:
            more = false;
            break;
        case HTTP1_HEAD:
            transcript_head(t);
            break;
        case HTTP1_BODY:
            buf_append_str(&t->body, piece);
            break;
        case HTTP1_DONE:
            buf_append_str(&t->bodies, buf_str(&t->body));
            buf_append_lit(&t->bodies, "]");
            buf_printf(&t->text, "[%.*s]\n", (int)t->body.len, t->body.ptr);
            buf_clear(&t->body);
            arena_reset(&t->arena);
            http1_init(&t->parser, &t->limits, &t->arena);
            t->request_count++;
            break;
        case HTTP1_ERROR:
            buf_printf(&t->text, "%d %s\n", t->parser.error_status, t->parser.error_text);
            t->failed = true;
            break;
        }
    }
    buf_consume(&t->kept, t->kept.len - rest.len);
}

#endif

/* http1_parser.c - a machine over lines and body pieces; every line is bounded before it is looked
 * at, by the same bound whether it is complete or not. */
#include "net/http/http1_parser.h"

enum {
    EMPTY_LINES_MAX = 2, /* RFC 9112 2.2: a client may send an extra CRLF after a body */
    CHUNK_LINE_BYTES_MAX = 4096,
    CHUNK_FREE_BYTES = 16, /* framing that each chunk may cost */
    CHUNK_OVERHEAD_MAX = 16 << 10,
    LENGTH_DIGITS_MAX = 18,
};

/* tchar of RFC 9110 5.6.2 */
static bool is_tchar(unsigned char c)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && memchr(others, c, sizeof others - 1));
}

bool http1_is_token(Str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_tchar((unsigned char)text.ptr[i]))
            return false;
    return text.len > 0;
}

/* Visible ASCII, blanks and bytes above 0x7F; no other control character. */
static bool is_text(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return false;
    }
    return true;
}

static Str trim_blanks(Str text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = str_sub(text, 1, text.len);
    while (text.len && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

void http1_init(Http1Parser *parser, const Http1Limits *limits, Arena *arena)
{
    *parser = (Http1Parser){.limits = *limits, .arena = arena};
}

bool http1_started(const Http1Parser *parser)
{
    return parser->state != HTTP1_AT_START || parser->scanned || parser->empty_lines;
}

static Http1Event fail(Http1Parser *p, int status, const char *text)
{
    p->state = HTTP1_AT_FAILURE;
    p->error_status = status;
    p->error_text = text;
    return HTTP1_ERROR;
}

typedef enum LineResult { LINE_MORE, LINE_OK, LINE_LONG, LINE_BARE_LF } LineResult;

/* Takes one line without its CRLF off *rest. Length is judged before anything else, by the same
 * bound whether the line is complete or not, so that the result does not depend on the pieces. */
static LineResult take_line(Http1Parser *p, Str *rest, size_t bytes_max, Str *ret_line)
{
    size_t seen_max = LUMA_MIN(rest->len, bytes_max + 2);
    const char *lf =
        p->scanned < seen_max ? memchr(rest->ptr + p->scanned, '\n', seen_max - p->scanned) : NULL;

    if (!lf) {
        p->scanned = seen_max;
        return rest->len >= bytes_max + 2 ? LINE_LONG : LINE_MORE;
    }
    size_t len = (size_t)(lf - rest->ptr);
    p->scanned = 0;
    if (len == 0 || rest->ptr[len - 1] != '\r')
        return LINE_BARE_LF;
    *ret_line = (Str){rest->ptr, len - 1};
    *rest = str_sub(*rest, len + 1, rest->len);
    return LINE_OK;
}

/* ---- request line ---- */

static bool parse_version(Str text, int *ret_major, int *ret_minor)
{
    if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || text.ptr[5] < '0' ||
        text.ptr[5] > '9' || text.ptr[6] != '.' || text.ptr[7] < '0' || text.ptr[7] > '9')
        return false;
    *ret_major = text.ptr[5] - '0';
    *ret_minor = text.ptr[7] - '0';
    return true;
}

static bool is_target(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == 0x7F || c == '#')
            return false;
    }
    return text.len > 0;
}

static Http1Event parse_request_line(Http1Parser *p, Str borrowed)
{
    Str rest = arena_str(p->arena, borrowed);
    Str version;
    int major;

    if (!str_split(&rest, ' ', &p->method) || !rest.ptr || !str_split(&rest, ' ', &p->target) ||
        !rest.ptr)
        return fail(p, 400, "malformed request line");
    version = rest;
    if (!http1_is_token(p->method))
        return fail(p, 400, "malformed method");
    if (!is_target(p->target))
        return fail(p, 400, "malformed request target");
    if (!parse_version(version, &major, &p->minor))
        return fail(p, 400, "malformed HTTP version");
    if (major != 1)
        return fail(p, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    /* RFC 9110 2.5: a higher minor version is read as the highest we know. */
    p->minor = LUMA_MIN(p->minor, 1);
    p->state = HTTP1_AT_HEADERS;
    return HTTP1_MORE;
}

/* ---- header fields ---- */

static Http1Event parse_length(Http1Parser *p, Str value)
{
    uint64_t length = 0;

    if (p->has_length)
        return fail(p, 400, "more than one Content-Length");
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return fail(p, 400, "malformed Content-Length");
    if (!value.len)
        return fail(p, 400, "malformed Content-Length");
    if (value.len > LENGTH_DIGITS_MAX)
        return fail(p, 413, "Content-Length is too large");
    (void)str_to_u64(value, &length); /* at most 18 digits */
    p->has_length = true;
    p->content_length = length;
    return HTTP1_MORE;
}

/* The last coding must be chunked, and chunked stands once. */
static Http1Event parse_coding(Http1Parser *p, Str value)
{
    Str coding;

    p->has_coding = true;
    if (!value.len)
        return fail(p, 400, "malformed Transfer-Encoding");
    while (str_split(&value, ',', &coding)) {
        coding = trim_blanks(coding);
        if (!coding.len || p->chunked)
            return fail(p, 400, "malformed Transfer-Encoding");
        if (str_eq_nocase(coding, STR("chunked")))
            p->chunked = true;
        else
            p->unknown_coding = true;
    }
    return HTTP1_MORE;
}

static void parse_connection(Http1Parser *p, Str value)
{
    Str option;

    while (str_split(&value, ',', &option)) {
        option = trim_blanks(option);
        if (str_eq_nocase(option, STR("close")))
            p->says_close = true;
        else if (str_eq_nocase(option, STR("keep-alive")))
            p->says_keep_alive = true;
    }
}

static Http1Event interpret(Http1Parser *p, const HttpField *field)
{
    if (str_eq_nocase(field->name, STR("content-length")))
        return parse_length(p, field->value);
    if (str_eq_nocase(field->name, STR("transfer-encoding")))
        return parse_coding(p, field->value);
    if (str_eq_nocase(field->name, STR("host"))) {
        if (p->has_host)
            return fail(p, 400, "more than one Host");
        p->has_host = true;
    } else if (str_eq_nocase(field->name, STR("connection"))) {
        parse_connection(p, field->value);
    } else if (str_eq_nocase(field->name, STR("expect"))) {
        if (!str_eq_nocase(field->value, STR("100-continue")))
            return fail(p, 417, "only Expect: 100-continue is understood");
        p->expect_continue = true;
    }
    return HTTP1_MORE;
}

/* Splits a field line; `borrowed` is in the input. */
static Http1Event split_field(Http1Parser *p, Str borrowed, HttpField *ret_field)
{
    ptrdiff_t colon;

    if (borrowed.ptr[0] == ' ' || borrowed.ptr[0] == '\t')
        return fail(p, 400, "folded header lines are not accepted");
    colon = str_find_byte(borrowed, ':');
    if (colon < 0 || !http1_is_token(str_sub(borrowed, 0, (size_t)colon)))
        return fail(p, 400, "malformed header name");
    ret_field->name = str_sub(borrowed, 0, (size_t)colon);
    ret_field->value = trim_blanks(str_sub(borrowed, (size_t)colon + 1, borrowed.len));
    if (!is_text(ret_field->value))
        return fail(p, 400, "control character in a header");
    return HTTP1_MORE;
}

static Http1Event parse_header(Http1Parser *p, Str borrowed)
{
    HttpField field;
    Str line = arena_str(p->arena, borrowed);

    if (split_field(p, line, &field) == HTTP1_ERROR)
        return HTTP1_ERROR;
    ARENA_PUSH(p->arena, p->headers, p->header_count, p->header_cap, field);
    return interpret(p, &field);
}

/* The empty line after the headers: what follows? */
static Http1Event finish_head(Http1Parser *p)
{
    if (p->minor == 1 && !p->has_host)
        return fail(p, 400, "Host is missing");
    if (p->has_coding) {
        if (p->has_length)
            return fail(p, 400, "Transfer-Encoding beside Content-Length");
        if (p->minor == 0)
            return fail(p, 400, "Transfer-Encoding in HTTP/1.0");
        if (p->unknown_coding)
            return fail(p, 501, "only the chunked transfer coding is understood");
    }
    p->has_body = p->chunked || p->content_length > 0;
    p->keep_alive = p->minor == 1 ? !p->says_close : p->says_keep_alive && !p->says_close;
    if (p->minor == 0)
        p->expect_continue = false;
    p->left = p->content_length;
    p->line_count = p->header_bytes = 0; /* trailers count anew */
    p->state = p->chunked ? HTTP1_AT_CHUNK_SIZE : p->left ? HTTP1_AT_BODY : HTTP1_AT_END;
    return HTTP1_HEAD;
}

/* One line of the headers or trailers; *ret_line is empty at their end. */
static Http1Event next_field_line(Http1Parser *p, Str *rest, Str *ret_line)
{
    size_t room = p->limits.header_bytes_max - p->header_bytes;

    switch (take_line(p, rest, room, ret_line)) {
    case LINE_MORE:
        return HTTP1_MORE;
    case LINE_LONG:
        return fail(p, 431, "headers are too large");
    case LINE_BARE_LF:
        return fail(p, 400, "line does not end in CRLF");
    case LINE_OK:
        break;
    }
    if (ret_line->len == 0)
        return HTTP1_DONE;
    /* Cannot pass the maximum: take_line kept to what is left; the CRLF is free. */
    p->header_bytes += ret_line->len;
    if (++p->line_count > p->limits.header_count_max)
        return fail(p, 431, "too many headers");
    return HTTP1_DONE;
}

/* ---- body ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static Http1Event parse_chunk_size(Http1Parser *p, Str line)
{
    uint64_t size = 0;
    size_t i = 0;

    for (; i < line.len && hex_digit(line.ptr[i]) >= 0; i++) {
        if (size >> 56)
            return fail(p, 413, "chunk is too large");
        size = size << 4 | (uint64_t)hex_digit(line.ptr[i]);
    }
    if (i == 0 || (i < line.len && line.ptr[i] != ';') || !is_text(str_sub(line, i, line.len)))
        return fail(p, 400, "malformed chunk size");
    /* Long extensions or tiny chunks without end cost us work that the body limit does not see. */
    p->chunk_overhead += (int64_t)line.len - CHUNK_FREE_BYTES;
    if (size < INT32_MAX)
        p->chunk_overhead -= 2 * (int64_t)size;
    p->chunk_overhead = LUMA_MAX(p->chunk_overhead, 0);
    if (p->chunk_overhead > CHUNK_OVERHEAD_MAX)
        return fail(p, 400, "too much in chunk extensions");
    p->left = size;
    p->state = size ? HTTP1_AT_CHUNK_DATA : HTTP1_AT_TRAILERS;
    return HTTP1_MORE;
}

static Http1Event take_body(Http1Parser *p, Str *rest, Str *ret_piece)
{
    if (!rest->len)
        return HTTP1_MORE;
    size_t n = rest->len < p->left ? rest->len : (size_t)p->left;
    *ret_piece = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    p->left -= n;
    if (!p->left)
        p->state = p->state == HTTP1_AT_BODY ? HTTP1_AT_END : HTTP1_AT_CHUNK_END;
    return HTTP1_BODY;
}

static Http1Event next_chunk_line(Http1Parser *p, Str *rest)
{
    Str line;

    switch (take_line(p, rest, p->state == HTTP1_AT_CHUNK_END ? 0 : CHUNK_LINE_BYTES_MAX, &line)) {
    case LINE_MORE:
        return HTTP1_MORE;
    case LINE_LONG:
    case LINE_BARE_LF:
        return fail(p, 400, "malformed chunk");
    case LINE_OK:
        break;
    }
    if (p->state == HTTP1_AT_CHUNK_SIZE)
        return parse_chunk_size(p, line) == HTTP1_ERROR ? HTTP1_ERROR : HTTP1_DONE;
    p->state = HTTP1_AT_CHUNK_SIZE;
    return HTTP1_DONE;
}

/* ---- the machine ---- */

/* One line of the start, or HTTP1_MORE. HTTP1_DONE = go on. */
static Http1Event next_start_line(Http1Parser *p, Str *rest)
{
    Str line;

    /* A TLS client or a port scanner shows at once; no need to wait for a line. */
    if (rest->len && rest->ptr[0] != '\r' && rest->ptr[0] != '\n' &&
        !is_tchar((unsigned char)rest->ptr[0]))
        return fail(p, 400, "this is no HTTP request");
    switch (take_line(p, rest, p->limits.line_bytes_max, &line)) {
    case LINE_MORE:
        return HTTP1_MORE;
    case LINE_LONG:
        return fail(p, 414, "request line is too long");
    case LINE_BARE_LF:
        return fail(p, 400, "line does not end in CRLF");
    case LINE_OK:
        break;
    }
    if (line.len == 0)
        return ++p->empty_lines > EMPTY_LINES_MAX ? fail(p, 400, "empty lines before the request")
                                                  : HTTP1_DONE;
    return parse_request_line(p, line) == HTTP1_ERROR ? HTTP1_ERROR : HTTP1_DONE;
}

Http1Event http1_next(Http1Parser *p, Str *rest, Str *ret_piece)
{
    Str line = {0};
    Http1Event event;

    for (;;) {
        switch (p->state) {
        case HTTP1_AT_START:
            event = next_start_line(p, rest);
            break;
        case HTTP1_AT_HEADERS:
            event = next_field_line(p, rest, &line);
            if (event != HTTP1_DONE)
                return event;
            if (!line.len)
                return finish_head(p);
            event = parse_header(p, line) == HTTP1_ERROR ? HTTP1_ERROR : HTTP1_DONE;
            break;
        case HTTP1_AT_BODY:
        case HTTP1_AT_CHUNK_DATA:
            return take_body(p, rest, ret_piece);
        case HTTP1_AT_CHUNK_SIZE:
        case HTTP1_AT_CHUNK_END:
            event = next_chunk_line(p, rest);
            break;
        case HTTP1_AT_TRAILERS: {
            /* Checked and dropped: nothing here reads trailers. */
            HttpField trailer;
            event = next_field_line(p, rest, &line);
            if (event == HTTP1_DONE && !line.len)
                p->state = HTTP1_AT_END;
            else if (event == HTTP1_DONE && split_field(p, line, &trailer) == HTTP1_ERROR)
                event = HTTP1_ERROR;
            break;
        }
        case HTTP1_AT_END:
            return HTTP1_DONE;
        case HTTP1_AT_FAILURE:
            return HTTP1_ERROR;
        }
        if (event != HTTP1_DONE)
            return event;
    }
}

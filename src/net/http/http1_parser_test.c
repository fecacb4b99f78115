#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* http_parser's methods have the names of ours. */
#define HTTP_GET OTHER_GET
#define HTTP_HEAD OTHER_HEAD
#define HTTP_POST OTHER_POST
#define HTTP_PUT OTHER_PUT
#define HTTP_PATCH OTHER_PATCH
#define HTTP_DELETE OTHER_DELETE
#define HTTP_OPTIONS OTHER_OPTIONS
#include <http_parser.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS

#include "net/http/http1_transcript.h"

static const Http1Limits limits = {200, 300, 6};

#define HOST "Host: a\r\n"

/* A request (or several) and what must come out: an error status, or 0 and the number of requests.
 */
typedef struct Case {
    Str bytes;
    int error_status;
    int request_count;
    bool lenient_elsewhere; /* http_parser takes it; we mean to refuse it */
} Case;

#define GOOD(text, n)                                                                              \
    {                                                                                              \
        STR_INIT(text), 0, n, false                                                                \
    }
#define BAD(text, status)                                                                          \
    {                                                                                              \
        STR_INIT(text), status, 0, false                                                           \
    }
#define STRICT(text, status)                                                                       \
    {                                                                                              \
        STR_INIT(text), status, 0, true                                                            \
    }

static const Case cases[] = {
    GOOD("GET / HTTP/1.1\r\n" HOST "\r\n", 1),
    GOOD("GET /a%20b?x=1&y={\"} HTTP/1.1\r\n" HOST "\r\n", 1),
    GOOD("GET http://a/ HTTP/1.1\r\n" HOST "\r\n", 1),
    GOOD("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 1),
    GOOD("GET / HTTP/1.0\r\n\r\n", 1),
    GOOD("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 1),
    GOOD("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n", 1),
    GOOD("GET / HTTP/1.1\r\n" HOST "X:\r\nY: \t a b \t \r\n\r\n", 1),
    GOOD("GET / HTTP/1.1\r\n" HOST "X: \x80\xff\r\n\r\n", 1),
    GOOD("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 1),
    GOOD("GET / HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n", 2),
    GOOD("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc\r\nGET / HTTP/1.1\r\n" HOST
         "\r\n",
         2),
    GOOD("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 1),
    GOOD("POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx", 1),
    GOOD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 1),
    GOOD("POST / HTTP/1.1\r\n" HOST "transfer-encoding: CHUNKED\r\n\r\n3;a=b\r\nabc\r\n"
         "0A;x=\"y z\"\r\n0123456789\r\n000;q\r\nTrail: er\r\n\r\n",
         1),
    /* The request line. */
    STRICT("GET /\r\n\r\n", 400),
    STRICT("GET  / HTTP/1.1\r\n" HOST "\r\n", 400),
    STRICT("GET / HTTP/1.1 \r\n" HOST "\r\n", 400),
    BAD(" GET / HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("G@T / HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("GET / HTTPS/1.1\r\n" HOST "\r\n", 400),
    BAD("GET / HTTP/11\r\n" HOST "\r\n", 400),
    BAD("GET / http/1.1\r\n" HOST "\r\n", 400),
    BAD("\x16\x03\x01\x02", 400),
    STRICT("GET /#frag HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("GET /\x01 HTTP/1.1\r\n" HOST "\r\n", 400),
    STRICT("GET / HTTP/2.0\r\n" HOST "\r\n", 505),
    BAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    STRICT("GET / HTTP/1.1\n" HOST "\r\n", 400),
    STRICT("\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400),
    STRICT("GET /0123456789012345678901234567890123456789012345678901234567890123456789012345678"
           "9012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
           "456789012345678901234567890123456789 HTTP/1.1\r\n" HOST "\r\n",
           414),
    /* Headers. */
    STRICT("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n" HOST "X: a\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n" HOST "X: a\r\n folded\r\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\n" HOST "X\x01: y\r\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n", 400),
    BAD("GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400),
    STRICT("GET / HTTP/1.1\r\n" HOST "A:\r\nB:\r\nC:\r\nD:\r\nE:\r\nF:\r\n\r\n", 431),
    STRICT("GET / HTTP/1.1\r\n" HOST
           "A: 012345678901234567890123456789012345678901234567890123456789012345678901234567890"
           "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
           "6789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
           "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
           "\r\n\r\n",
           431),
    STRICT("GET / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417),
    /* How long is the body? */
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: 0x3\r\n\r\nabc", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: -3\r\n\r\nabc", 400),
    STRICT("POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: 9999999999999999999999\r\n\r\n", 413),
    BAD("POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        "0\r\n\r\n",
        400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"
        "0\r\n\r\n",
        400),
    STRICT("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n", 501),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: "
           "chunked\r\n\r\n0\r\n\r\n",
           400),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 400),
    /* Chunks. */
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n", 400),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n",
           400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", 400),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\naXY0\r\n\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1ffffffffffffffff\r\n", 413),
    STRICT("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;\x01\r\na\r\n", 400),
    BAD("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
        400),
};

static void expect_transcript(Str bytes, size_t first, size_t step, const Transcript *whole)
{
    Transcript t;

    transcript_init(&t, &limits);
    transcript_feed(&t, str_sub(bytes, 0, first));
    for (size_t at = first; at < bytes.len; at += step)
        transcript_feed(&t, str_sub(bytes, at, step));
    if (!str_eq(buf_str(&t.text), buf_str(&whole->text)))
        fail_msg("cut at %zu, then every %zu:\n%.*s--- instead of\n%.*s", first, step,
                 (int)t.text.len, t.text.ptr, (int)whole->text.len, whole->text.ptr);
    transcript_done(&t);
}

static void test_table_gives_the_expected_result_at_every_cut(void **state)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        const Case *c = &cases[i];
        Transcript whole;
        transcript_init(&whole, &limits);
        transcript_feed(&whole, c->bytes);
        int status = whole.failed ? whole.parser.error_status : 0;
        if (status != c->error_status || whole.request_count != c->request_count)
            fail_msg("case %zu: %d, %d requests\n%.*s\n%.*s", i, status, whole.request_count,
                     STR_FMT(c->bytes), (int)whole.text.len, whole.text.ptr);
        for (size_t cut = 0; cut <= c->bytes.len; cut++)
            expect_transcript(c->bytes, cut, c->bytes.len, &whole);
        expect_transcript(c->bytes, 0, 1, &whole);
        expect_transcript(c->bytes, 0, 3, &whole);
        transcript_done(&whole);
    }
}

static void test_fields_are_what_was_sent(void **state)
{
    Transcript t;

    transcript_init(&t, &limits);
    transcript_feed(&t, STR("PUT /x?y HTTP/1.1\r\nHost: h:1\r\nX-a:  b c \r\nEXPECT: "
                            "100-continue\r\ntransfer-encoding: chunked\r\n\r\n"
                            "2\r\nhe\r\n3\r\nllo\r\n0\r\nT: 1\r\n\r\n"));
    assert_string_equal(t.text.len ? (buf_append_byte(&t.text, 0), t.text.ptr) : "",
                        "PUT /x?y 1.1 keep expect chunked\nHost=h:1\nX-a=b c\nEXPECT=100-continue\n"
                        "transfer-encoding=chunked\n[hello]\n");
    transcript_done(&t);
}

static void test_endless_framing_is_bounded(void **state)
{
    static const Http1Limits wide = {200, 300, 6};
    Transcript t;
    Buf line = {0};

    /* Chunks of one byte, each with a long extension. */
    transcript_init(&t, &wide);
    transcript_feed(&t, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    buf_append_lit(&line, "1;");
    for (int i = 0; i < 1000; i++)
        buf_append_byte(&line, 'x');
    buf_append_lit(&line, "\r\ny\r\n");
    int rounds = 0;
    for (; rounds < 1000 && !t.failed; rounds++)
        transcript_feed(&t, buf_str(&line));
    assert_true(t.failed && rounds > 5 && rounds < 20);
    transcript_done(&t);
    /* A chunk line without end. */
    transcript_init(&t, &wide);
    transcript_feed(&t, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1;"));
    for (rounds = 0; rounds < 1000 && !t.failed; rounds++)
        transcript_feed(&t, STR("0123456789"));
    assert_true(t.failed && t.kept.len < 5000);
    transcript_done(&t);
    /* Plain chunks of one byte go on as long as the body limit allows. */
    transcript_init(&t, &wide);
    transcript_feed(&t, STR("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"));
    for (rounds = 0; rounds < 20000; rounds++)
        transcript_feed(&t, STR("1\r\ny\r\n"));
    assert_false(t.failed);
    transcript_done(&t);
    buf_done(&line);
}

/* ---- against another parser ---- */

typedef struct Other {
    int request_count;
    bool unknown_method; /* it knows a fixed list; our parser leaves that to the server (501) */
    Buf body;
} Other;

static int on_other_body(http_parser *parser, const char *at, size_t len)
{
    buf_append(&((Other *)parser->data)->body, at, len);
    return 0;
}

static int on_other_complete(http_parser *parser)
{
    Other *other = parser->data;
    buf_append_lit(&other->body, "]");
    other->request_count++;
    return 0;
}

/* True when http_parser takes all bytes without an error. */
static bool other_accepts(Str bytes, Other *other)
{
    http_parser parser;
    http_parser_settings settings;

    http_parser_settings_init(&settings);
    settings.on_body = on_other_body;
    settings.on_message_complete = on_other_complete;
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = other;
    size_t used = http_parser_execute(&parser, &settings, bytes.ptr, bytes.len);
    other->unknown_method = HTTP_PARSER_ERRNO(&parser) == HPE_INVALID_METHOD;
    return used == bytes.len && HTTP_PARSER_ERRNO(&parser) == HPE_OK;
}

static void test_what_we_accept_http_parser_reads_the_same(void **state)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        const Case *c = &cases[i];
        Other other = {0};
        bool accepted = other_accepts(c->bytes, &other);
        if (c->error_status == 0) {
            if (!accepted || other.request_count != c->request_count)
                fail_msg("case %zu: http_parser differs on\n%.*s", i, STR_FMT(c->bytes));
        } else if (accepted && !c->lenient_elsewhere) {
            fail_msg("case %zu: http_parser accepts\n%.*s", i, STR_FMT(c->bytes));
        }
        buf_done(&other.body);
    }
}

/* Random requests from parts that matter, mutated: whatever we accept, http_parser must cut the
 * same way, request for request and body byte for body byte; else one of us can be smuggled past.
 */
static void test_random_requests_are_cut_as_http_parser_does(void **state)
{
    static const char *const parts[] = {
        "GET / HTTP/1.1\r\n",
        "POST /p HTTP/1.1\r\n",
        "PUT / HTTP/1.0\r\n",
        "Host: a\r\n",
        "Host: a\r\n\r\n",
        "Content-Length: 3\r\n",
        "Content-Length: 5\r\n",
        "Transfer-Encoding: chunked\r\n",
        "\r\n",
        "abc",
        "3\r\nabc\r\n",
        "0\r\n\r\n",
        "5;x=y\r\nhello\r\n",
        "Connection: keep-alive\r\n",
        "X: y\r\n",
        "\n",
        " ",
        ":",
        "\r",
        "0",
        "Expect: 100-continue\r\n",
    };
    uint64_t seed = 1;
    int both = 0;

    for (int round = 0; round < 200000; round++) {
        Buf bytes = {0};
        Transcript t;
        Other other = {0};
        buf_append_lit(&bytes, "POST / HTTP/1.1\r\nHost: a\r\n");
        for (int n = 0; n < 3 + round % 6; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            buf_append_str(&bytes, str_from(parts[(seed >> 33) % LUMA_ARRAY_LEN(parts)]));
        }
        transcript_init(&t, &limits);
        transcript_feed(&t, buf_str(&bytes));
        if (t.request_count > 0) {
            (void)other_accepts(buf_str(&bytes), &other);
            /* Where we stop, it may go on. */
            if (!other.unknown_method && (other.request_count < t.request_count ||
                                          !str_starts(buf_str(&other.body), buf_str(&t.bodies))))
                fail_msg("we see %d requests, http_parser %d in\n%.*s", t.request_count,
                         other.request_count, (int)bytes.len, bytes.ptr);
            both++;
        }
        buf_done(&other.body);
        transcript_done(&t);
        buf_done(&bytes);
    }
    assert_true(both > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_gives_the_expected_result_at_every_cut),
        cmocka_unit_test(test_fields_are_what_was_sent),
        cmocka_unit_test(test_endless_framing_is_bounded),
        cmocka_unit_test(test_what_we_accept_http_parser_reads_the_same),
        cmocka_unit_test(test_random_requests_are_cut_as_http_parser_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

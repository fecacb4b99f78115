/* Any bytes from a client, cut into two pieces at a place they choose: the framing, the startup
 * packet, and the state machine over a backend without an engine. */
#include "net/pgwire/pg_fake_query.h"
#include "net/pgwire/pg_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void feed(PgSession *s, Str input)
{
    size_t used;
    PgOutcome outcome;
    size_t pos = 0;
    int rounds = 0;

    do {
        outcome = pg_session_run(s, str_sub(input, pos, input.len), &used);
        pos += used;
        /* What goes out must be whole messages. */
        PgMessage m;
        size_t n;
        Str out = buf_str(&s->out);
        while (out.len) {
            ASSERT(pg_message_next(out, UINT32_MAX / 2, &m, &n) == PG_FRAMING_WHOLE);
            out = str_sub(out, n, out.len);
        }
        buf_clear(&s->out);
    } while (outcome == PG_FULL && ++rounds < 50);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Str input = str_make(bytes, len);
    PgStartup startup;
    PgSession s = {0};
    Session *session;
    Error err;
    SessionOptions options = {.user = STR("u"), .database = STR("d")};
    Str body;
    size_t packet_len;

    /* A sleeping query would wait for a cancel that nobody sends. */
    if (str_find(input, STR("sleep")) >= 0)
        return 0;
    if (pg_packet_next(input, &body, &packet_len) == PG_FRAMING_WHOLE)
        (void)pg_startup_parse(body, &startup, &err);
    if (session_new(NULL, &options, &session, &err) != STATUS_OK)
        return 0;
    pg_session_init(&s, session, 20, 1 << 20);
    size_t cut = len ? bytes[len - 1] % len : 0;
    feed(&s, str_sub(input, 0, cut));
    feed(&s, str_sub(input, cut, len));
    feed(&s, input);
    pg_session_done(&s);
    return 0;
}

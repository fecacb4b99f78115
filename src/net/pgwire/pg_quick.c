/* pg_quick.c - which messages the connection's loop may handle itself.
 *
 * Everything that comes is short, and so is what it asks for (query.h: statements that are quick).
 * A text is parsed to know; who handles the message afterwards finds the script in s->parsed. */
#include "net/pgwire/pg_session_int.h"

enum { TEXT_BYTES_MAX = 2048, BIND_BYTES_MAX = 4096, PORTALS_MAX = 16 };

static bool is_quick_text(PgSession *s, Str text)
{
    if (text.len > TEXT_BYTES_MAX || !str_utf8_valid(text))
        return false;
    s->parsed = script_free(s->parsed);
    if (session_parse(s->session, text, &s->parsed, NULL) != STATUS_OK)
        return false;
    return script_is_quick(s->session, s->parsed);
}

static bool is_quick_prepared(PgSession *s, const PgPrepared *prepared)
{
    return !prepared || !prepared->statement || statement_is_quick(s->session, prepared->statement);
}

/* Ending portals ends their queries, which may hold a lot. */
static bool are_portals_quick(PgSession *s)
{
    size_t pos = 0;

    if (s->portals.count > PORTALS_MAX)
        return false;
    for (const MapSlot *slot; (slot = map_next(&s->portals, &pos));)
        if (!is_quick_prepared(s, ((const PgPortal *)slot->value)->prepared))
            return false;
    return true;
}

bool pgwire__is_quick(PgSession *s, const PgMessage *m)
{
    BufReader r = buf_reader(m->body);
    Str name;

    switch (m->type) {
    case 'Q':
        return are_portals_quick(s) && is_quick_text(s, buf_read_cstr(&r));
    case 'P':
        (void)buf_read_cstr(&r);
        return is_quick_text(s, buf_read_cstr(&r));
    case 'B':
        (void)buf_read_cstr(&r);
        name = buf_read_cstr(&r);
        return m->body.len <= BIND_BYTES_MAX && are_portals_quick(s) &&
               is_quick_prepared(s, map_get(&s->statements, name));
    case 'E': {
        const PgPortal *portal = map_get(&s->portals, buf_read_cstr(&r));
        return !portal || is_quick_prepared(s, portal->prepared);
    }
    case 'S':
        return session_is_quick(s->session) && are_portals_quick(s);
    case 'D':
    case 'H':
        return true;
    default:
        return false;
    }
}

Status pgwire__parse(PgSession *s, Str text, Script **ret, Error *err)
{
    if (!s->parsed)
        return session_parse(s->session, text, ret, err);
    *ret = STEAL(s->parsed);
    return STATUS_OK;
}

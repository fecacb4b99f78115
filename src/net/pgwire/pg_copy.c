/* pg_copy.c - COPY in the protocol: CopyInResponse and what the client sends, CopyOutResponse and
 * what it gets. One CopyData out is one row, as PostgreSQL sends them; in, they are any pieces. */
#include <stdio.h>

#include "net/pgwire/pg_session_int.h"

static void append_response(PgSession *s, char type, const CopyOptions *format, uint32_t columns)
{
    bool binary = format->format == COPY_BINARY;
    size_t at = pg_begin(&s->out, type);

    buf_append_byte(&s->out, binary);
    buf_append_be16(&s->out, (uint16_t)columns);
    for (uint32_t i = 0; i < columns; i++)
        buf_append_be16(&s->out, binary);
    pg_end(&s->out, at);
}

/* ---------------------------------------------------------------- out */

static void begin_out(PgSession *s, PgPortal *p)
{
    const CopyColumn *columns;
    uint32_t count;
    const CopyOptions *format = query_copy_format(p->query, &columns, &count);

    copy_writer_init(&p->copy, format, columns, count, &s->settings, &p->arena);
    append_response(s, 'H', format, count);
    if (format->header != COPY_HEADER_OFF) {
        size_t at = pg_begin(&s->out, 'd');
        copy_writer_header(&p->copy, &s->out);
        pg_end(&s->out, at);
    }
    p->copy_began = true;
}

/* The binary header goes with the first message. */
static size_t begin_data(PgSession *s, PgPortal *p)
{
    size_t at = pg_begin(&s->out, 'd');

    if (!p->copy_data)
        copy_writer_begin(&p->copy, &s->out);
    p->copy_data = true;
    return at;
}

Status pgwire__copy_out(PgSession *s, PgPortal *p, PgStep *ret_step, Error *err)
{
    if (!p->copy_began)
        begin_out(s, p);
    for (;;) {
        while (p->row < p->batch.row_count) {
            size_t at = begin_data(s, p);
            copy_writer_row(&p->copy, &p->batch, p->row++, &s->out);
            pg_end(&s->out, at);
            if (s->out.len >= PG_FLUSH_BYTES) {
                *ret_step = STEP_FULL;
                return STATUS_OK;
            }
        }
        p->row = 0;
        p->batch = (RecordBatch){0};
        TRY(query_next(p->query, &p->batch, err));
        if (p->batch.row_count == 0)
            break;
    }
    if (p->copy.options.format == COPY_BINARY) {
        size_t at = begin_data(s, p);
        copy_writer_end(&p->copy, &s->out);
        pg_end(&s->out, at);
    }
    pg_append_simple(&s->out, 'c');
    *ret_step = STEP_DONE;
    return pgwire__finish_portal(s, p, err);
}

/* ---------------------------------------------------------------- in */

void pgwire__copy_in(PgSession *s, PgPortal *p)
{
    const CopyColumn *columns;
    uint32_t count;
    const CopyOptions *format = query_copy_format(p->query, &columns, &count);

    append_response(s, 'G', format, count);
    s->copy_in = p;
}

static PgStep end_in(PgSession *s, Status status, const Error *err)
{
    PgPortal *p = STEAL(s->copy_in);

    if (status != STATUS_OK)
        pgwire__fail_portal(s, p, err);
    return p == s->simple ? pgwire__run_script(s) : STEP_DONE;
}

PgStep pgwire__copy_check(PgSession *s)
{
    Error err = {0};
    Status status = query_copy_put(s->copy_in->query, STR(""), &err);

    return status == STATUS_OK ? STEP_DONE : end_in(s, status, &err);
}

PgStep pgwire__copy_message(PgSession *s, const PgMessage *m)
{
    Query *query = s->copy_in->query;
    Error err;
    Status status;

    switch (m->type) {
    case 'd':
        status = query_copy_put(query, m->body, &err);
        return status == STATUS_OK ? STEP_DONE : end_in(s, status, &err);
    case 'H':
    case 'S':
        return STEP_DONE; /* clients send them along; they mean nothing here */
    case 'c':
        status = query_copy_end(query, &err);
        if (status == STATUS_OK)
            status = pgwire__finish_portal(s, s->copy_in, &err);
        return end_in(s, status, &err);
    case 'f': {
        BufReader r = buf_reader(m->body);
        Str reason = buf_read_cstr(&r);
        if (!str_utf8_valid(reason))
            reason = STR("");
        return end_in(s, query_copy_fail(query, reason, &err), &err);
    }
    default:
        return end_in(s,
                      error_set_sql(&err, STATUS_INVALID, "08P01", 0,
                                    "unexpected message type 0x%02X during COPY from stdin",
                                    (unsigned char)m->type),
                      &err);
    }
}

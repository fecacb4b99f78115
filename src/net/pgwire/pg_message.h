/* pg_message.h - messages of PostgreSQL's protocol 3.0 as bytes.
 *
 * Source: PostgreSQL 15 documentation, chapter 55 "Frontend/Backend Protocol".
 *
 * Threads: pure.
 */
#ifndef LUMA_NET_PGWIRE_PG_MESSAGE_H
#define LUMA_NET_PGWIRE_PG_MESSAGE_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "format/pgtype/pgtype.h"

enum {
    PG_PROTOCOL_3_0 = 196608,
    PG_CANCEL_CODE = 80877102,
    PG_SSL_CODE = 80877103,
    PG_GSS_CODE = 80877104,
    PG_STARTUP_BYTES_MAX = 10000, /* as PostgreSQL */
    PG_HEAD_BYTES = 5,
    PG_COLUMNS_MAX = 1664, /* of a result, as PostgreSQL */
};

/* One message from a client; the body is borrowed. */
typedef struct PgMessage {
    char type;
    Str body;
} PgMessage;

typedef enum PgFraming {
    PG_FRAMING_MORE, /* not whole yet */
    PG_FRAMING_WHOLE,
    PG_FRAMING_BAD, /* a length that cannot be */
} PgFraming;

/* Looks at the first message of `bytes`; *ret_len is what it needs, head included (also for MORE,
 * once the length is known; else 0). */
PgFraming pg_message_next(Str bytes, size_t bytes_max, PgMessage *ret_message, size_t *ret_len);
/* Packets before the startup is over have no type byte. */
PgFraming pg_packet_next(Str bytes, Str *ret_body, size_t *ret_len);

/* What a startup packet asks for. Texts borrow the packet. */
typedef struct PgStartup {
    uint32_t code; /* protocol version or one of PG_*_CODE */
    uint32_t cancel_pid;
    uint32_t cancel_secret;
    Str user;
    Str database;
    Str application_name;
    Str client_encoding;
    Str options;
    Str params; /* all name/value pairs, NUL-terminated each: walk with pg_startup_next */
    bool replication;
} PgStartup;

Status pg_startup_parse(Str body, PgStartup *ret_startup, Error *err);
/* Walks the pairs; start with *rest = startup->params. */
bool pg_startup_next(Str *rest, Str *ret_name, Str *ret_value);
/* Walks "-c name=value --name=value" as the options parameter and PGOPTIONS have them; `\ ` is a
 * blank. The result is in `scratch`. False at the end; *ret_bad when a word is none of these. */
bool pg_option_next(Str *rest, Buf *scratch, Str *ret_name, Str *ret_value, bool *ret_bad);

/* ---- answers. pg_begin starts a message and returns where; pg_end fills in its length. */
static inline size_t pg_begin(Buf *out, char type)
{
    size_t at = out->len;
    char *p = buf_reserve(out, PG_HEAD_BYTES);
    if (p) {
        p[0] = type;
        out->len += PG_HEAD_BYTES;
    }
    return at;
}
static inline void pg_end(Buf *out, size_t at)
{
    if (LUMA_LIKELY(!out->overflowed)) {
        uint32_t len = __builtin_bswap32((uint32_t)(out->len - at - 1));
        memcpy(out->ptr + at + 1, &len, 4);
    }
}
void pg_append_cstr(Buf *out, Str text);
/* A message without a body: '1', '2', '3', 'n', 'I', 's'. */
void pg_append_simple(Buf *out, char type);
void pg_append_auth(Buf *out, uint32_t code, Str data);
void pg_append_parameter_status(Buf *out, Str name, Str value);
void pg_append_backend_key(Buf *out, uint32_t pid, uint32_t secret);
void pg_append_ready(Buf *out, char state);
void pg_append_command_complete(Buf *out, Str tag);
void pg_append_negotiate(Buf *out, const PgStartup *startup);
/* Severity "ERROR" or "FATAL". SQLSTATE is the error's own or follows from its status. */
void pg_append_error(Buf *out, const char *severity, const Error *error);
void pg_append_notice(Buf *out, const Error *notice);
const char *pg_sqlstate(const Error *error);
/* `formats` has 0 (all text), 1 (for all) or field_count entries. */
void pg_append_row_description(Buf *out, const Schema *schema, const int16_t *formats,
                               uint32_t format_count);
void pg_append_parameter_description(Buf *out, const Type *types, uint32_t count);
static inline int16_t pg_format_of(const int16_t *formats, uint32_t format_count, uint32_t column)
{
    return format_count == 0 ? 0 : format_count == 1 ? formats[0] : formats[column];
}

/* Encodes DataRow messages of a result; init once per execution. */
typedef struct PgRowEncoder {
    uint32_t column_count;
    const PgSettings *settings;
    struct PgRowColumn *columns; /* in the arena */
    size_t short_bytes;          /* room for a row but for its views and what is printed */
} PgRowEncoder;
Status pg_rows_init(PgRowEncoder *encoder, const Schema *schema, const int16_t *formats,
                    uint32_t format_count, const PgSettings *settings, Arena *arena, Error *err);
/* Appends rows from *row on until all are done, `rows_max` are or the buffer has `bytes_max`;
 * advances *row and returns the rows written. */
uint32_t pg_rows_append(const PgRowEncoder *encoder, const RecordBatch *batch, uint32_t *row,
                        uint64_t rows_max, size_t bytes_max, Buf *out);

#endif

#include "net/pgwire/pg_message.h"

#include <stdio.h>

#include "base/counter.h"

PgFraming pg_message_next(Str bytes, size_t bytes_max, PgMessage *ret_message, size_t *ret_len)
{
    uint32_t len;

    *ret_len = 0;
    if (bytes.len < PG_HEAD_BYTES)
        return PG_FRAMING_MORE;
    memcpy(&len, bytes.ptr + 1, 4);
    len = __builtin_bswap32(len);
    if (len < 4 || len > bytes_max)
        return PG_FRAMING_BAD;
    *ret_len = (size_t)len + 1;
    if (bytes.len < *ret_len)
        return PG_FRAMING_MORE;
    *ret_message = (PgMessage){bytes.ptr[0], {bytes.ptr + PG_HEAD_BYTES, len - 4}};
    return PG_FRAMING_WHOLE;
}

PgFraming pg_packet_next(Str bytes, Str *ret_body, size_t *ret_len)
{
    uint32_t len;

    *ret_len = 0;
    if (bytes.len < 4)
        return PG_FRAMING_MORE;
    memcpy(&len, bytes.ptr, 4);
    len = __builtin_bswap32(len);
    if (len < 8 || len > PG_STARTUP_BYTES_MAX)
        return PG_FRAMING_BAD;
    *ret_len = len;
    if (bytes.len < len)
        return PG_FRAMING_MORE;
    *ret_body = (Str){bytes.ptr + 4, len - 4};
    return PG_FRAMING_WHOLE;
}

/* ---------------------------------------------------------------- startup */

bool pg_startup_next(Str *rest, Str *ret_name, Str *ret_value)
{
    BufReader r = buf_reader(*rest);

    if (rest->len == 0)
        return false;
    *ret_name = buf_read_cstr(&r);
    *ret_value = buf_read_cstr(&r);
    *rest = (Str){(const char *)r.cursor, buf_reader_left(&r)};
    return !r.failed && ret_name->len > 0;
}

Status pg_startup_parse(Str body, PgStartup *ret, Error *err)
{
    BufReader r = buf_reader(body);
    Str rest;
    Str name;
    Str value;

    *ret = (PgStartup){.code = buf_read_be32(&r)};
    if (ret->code == PG_CANCEL_CODE) {
        ret->cancel_pid = buf_read_be32(&r);
        ret->cancel_secret = buf_read_be32(&r);
    }
    if (r.failed)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0, "invalid startup packet");
    if (ret->code >> 16 != 3)
        return STATUS_OK;
    ret->params = (Str){(const char *)r.cursor, buf_reader_left(&r)};
    if (ret->params.len == 0 || ret->params.ptr[ret->params.len - 1] != 0)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "invalid startup packet layout: expected terminator as last byte");
    ret->params.len--;
    rest = ret->params;
    while (pg_startup_next(&rest, &name, &value)) {
        if (str_eq(name, STR("user")))
            ret->user = value;
        else if (str_eq(name, STR("database")))
            ret->database = value;
        else if (str_eq(name, STR("application_name")))
            ret->application_name = value;
        else if (str_eq(name, STR("client_encoding")))
            ret->client_encoding = value;
        else if (str_eq(name, STR("options")))
            ret->options = value;
        else if (str_eq(name, STR("replication")))
            ret->replication = !str_eq_nocase(value, STR("false")) && !str_eq(value, STR("0")) &&
                               !str_eq_nocase(value, STR("off")) &&
                               !str_eq_nocase(value, STR("no"));
    }
    if (rest.len)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0, "invalid startup packet layout");
    if (ret->user.len == 0)
        return error_set_sql(err, STATUS_INVALID, "28000", 0,
                             "no PostgreSQL user name specified in startup packet");
    if (ret->database.len == 0)
        ret->database = ret->user;
    return STATUS_OK;
}

/* One blank-separated word, unescaped into `scratch`. */
static bool next_word(Str *rest, Buf *scratch, Str *ret)
{
    size_t i = 0;
    size_t begin = scratch->len;

    while (i < rest->len && (rest->ptr[i] == ' ' || (rest->ptr[i] >= '\t' && rest->ptr[i] <= '\r')))
        i++;
    if (i == rest->len)
        return false;
    while (i < rest->len && rest->ptr[i] != ' ' &&
           !(rest->ptr[i] >= '\t' && rest->ptr[i] <= '\r')) {
        if (rest->ptr[i] == '\\' && i + 1 < rest->len)
            i++;
        buf_append_byte(scratch, (uint8_t)rest->ptr[i++]);
    }
    *rest = str_sub(*rest, i, rest->len);
    *ret = (Str){scratch->ptr + begin, scratch->len - begin};
    return true;
}

bool pg_option_next(Str *rest, Buf *scratch, Str *ret_name, Str *ret_value, bool *ret_bad)
{
    Str word;

    buf_clear(scratch);
    *ret_bad = false;
    if (!next_word(rest, scratch, &word))
        return false;
    if (str_eq(word, STR("-c"))) {
        buf_clear(scratch);
        *ret_bad = !next_word(rest, scratch, &word);
    } else if (str_starts(word, STR("-c")) || str_starts(word, STR("--"))) {
        word = str_sub(word, 2, word.len);
    } else {
        *ret_bad = true;
    }
    ptrdiff_t eq = str_find_byte(word, '=');
    if (*ret_bad || eq < 1) {
        *ret_bad = true;
        return true;
    }
    *ret_name = str_sub(word, 0, (size_t)eq);
    *ret_value = str_sub(word, (size_t)eq + 1, word.len);
    return true;
}

/* ---------------------------------------------------------------- answers */

void pg_append_cstr(Buf *out, Str text)
{
    size_t nul = text.len ? strnlen(text.ptr, text.len) : 0;
    buf_append(out, text.ptr, nul);
    buf_append_byte(out, 0);
}

void pg_append_simple(Buf *out, char type)
{
    pg_end(out, pg_begin(out, type));
}

void pg_append_auth(Buf *out, uint32_t code, Str data)
{
    size_t at = pg_begin(out, 'R');
    buf_append_be32(out, code);
    buf_append_str(out, data);
    pg_end(out, at);
}

void pg_append_parameter_status(Buf *out, Str name, Str value)
{
    size_t at = pg_begin(out, 'S');
    pg_append_cstr(out, name);
    pg_append_cstr(out, value);
    pg_end(out, at);
}

void pg_append_backend_key(Buf *out, uint32_t pid, uint32_t secret)
{
    size_t at = pg_begin(out, 'K');
    buf_append_be32(out, pid);
    buf_append_be32(out, secret);
    pg_end(out, at);
}

void pg_append_ready(Buf *out, char state)
{
    size_t at = pg_begin(out, 'Z');
    buf_append_byte(out, (uint8_t)state);
    pg_end(out, at);
}

void pg_append_command_complete(Buf *out, Str tag)
{
    size_t at = pg_begin(out, 'C');
    pg_append_cstr(out, tag);
    pg_end(out, at);
}

void pg_append_negotiate(Buf *out, const PgStartup *startup)
{
    size_t at = pg_begin(out, 'v');
    uint32_t count = 0;
    Str rest = startup->params;
    Str name;
    Str value;

    buf_append_be32(out, PG_PROTOCOL_3_0);
    size_t count_at = out->len;
    buf_append_be32(out, 0);
    while (pg_startup_next(&rest, &name, &value))
        if (str_starts(name, STR("_pq_."))) {
            pg_append_cstr(out, name);
            count++;
        }
    if (!out->overflowed) {
        count = __builtin_bswap32(count);
        memcpy(out->ptr + count_at, &count, 4);
    }
    pg_end(out, at);
}

/* The one table from our statuses to SQLSTATE. */
const char *pg_sqlstate(const Error *error)
{
    if (error->sqlstate[0])
        return error->sqlstate;
    switch (error->status) {
    case STATUS_OK:
        return "00000";
    case STATUS_CANCELLED:
        return "57014";
    case STATUS_INVALID:
        return "22023";
    case STATUS_NOT_FOUND:
        return "42704";
    case STATUS_EXISTS:
        return "42710";
    case STATUS_UNSUPPORTED:
        return "0A000";
    case STATUS_LIMIT:
        return "54000";
    case STATUS_NOMEM:
        return "53200";
    case STATUS_IO:
        return "58030";
    case STATUS_CORRUPT:
        return "XX001";
    case STATUS_TIMEOUT:
        return "57014";
    case STATUS_UNAVAILABLE:
        return "53000";
    case STATUS_DENIED:
        return "42501";
    case STATUS_CONFLICT:
        return "40001";
    case STATUS_INTERNAL:
        return "XX000";
    }
    return "XX000";
}

static void append_field(Buf *out, char field, const char *text)
{
    buf_append_byte(out, (uint8_t)field);
    pg_append_cstr(out, str_from(text));
}

static void append_report(Buf *out, char type, const char *severity, const char *sqlstate,
                          const Error *error)
{
    size_t at = pg_begin(out, type);

    append_field(out, 'S', severity);
    append_field(out, 'V', severity);
    append_field(out, 'C', sqlstate);
    append_field(out, 'M', error->message);
    if (error->detail[0])
        append_field(out, 'D', error->detail);
    if (error->hint[0])
        append_field(out, 'H', error->hint);
    if (error->context[0])
        append_field(out, 'W', error->context);
    if (error->position > 0) {
        buf_append_byte(out, 'P');
        buf_printf(out, "%d", error->position);
        buf_append_byte(out, 0);
    }
    buf_append_byte(out, 0);
    pg_end(out, at);
}

void pg_append_error(Buf *out, const char *severity, const Error *error)
{
    const char *sqlstate = pg_sqlstate(error);

    if (strcmp(sqlstate, "08P01") == 0)
        counter_add(COUNTER_PG_BAD_MESSAGES, 1);
    append_report(out, 'E', severity, sqlstate, error);
}

void pg_append_notice(Buf *out, const Error *notice)
{
    bool warning = notice->sqlstate[0] == '0' && notice->sqlstate[1] == '1';
    append_report(out, 'N', warning ? "WARNING" : "NOTICE",
                  notice->sqlstate[0] ? notice->sqlstate : "00000", notice);
}

/* A column of unknown literals is text to a client. */
static Type client_type(Type type)
{
    if (type.id == TYPE_UNKNOWN)
        type.id = TYPE_TEXT;
    return type;
}

void pg_append_row_description(Buf *out, const Schema *schema, const int16_t *formats,
                               uint32_t format_count)
{
    size_t at = pg_begin(out, 'T');

    buf_append_be16(out, (uint16_t)schema->field_count);
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const Field *f = &schema->fields[i];
        Type type = client_type(f->type);
        pg_append_cstr(out, f->name);
        buf_append_be32(out, f->table_oid);
        buf_append_be16(out, (uint16_t)f->attnum);
        buf_append_be32(out, type_oid(type));
        buf_append_be16(out, (uint16_t)type_len(type));
        buf_append_be32(
            out, (uint32_t)(type.id == TYPE_RECORD || type.id == TYPE_ENUM ? -1 : type.typmod));
        buf_append_be16(out, (uint16_t)pg_format_of(formats, format_count, i));
    }
    pg_end(out, at);
}

void pg_append_parameter_description(Buf *out, const Type *types, uint32_t count)
{
    size_t at = pg_begin(out, 't');

    buf_append_be16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++)
        buf_append_be32(out, type_oid(client_type(types[i])));
    pg_end(out, at);
}

/* ---------------------------------------------------------------- rows */

/* How the values of a column come to the buffer: the first that there is. */
typedef struct PgRowColumn {
    PgPutFn put;
    bool view; /* the bytes of the view, as they are */
    PgPrintFn print;
} PgRowColumn;

Status pg_rows_init(PgRowEncoder *encoder, const Schema *schema, const int16_t *formats,
                    uint32_t format_count, const PgSettings *settings, Arena *arena, Error *err)
{
    *encoder = (PgRowEncoder){.column_count = schema->field_count, .settings = settings};
    TRY(arena_try_alloc(arena, sizeof(PgRowColumn) * (schema->field_count + 1), &encoder->columns,
                        err));
    encoder->short_bytes = PG_HEAD_BYTES + 2;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        Type type = schema->fields[i].type;
        encoder->columns[i] =
            pg_format_of(formats, format_count, i)
                ? (PgRowColumn){pgtype_binary_put_fn(type), pgtype_binary_is_view(type),
                                pgtype_binary_fn(type)}
                : (PgRowColumn){pgtype_text_put_fn(type), pgtype_text_is_view(type),
                                pgtype_text_fn(type)};
        encoder->short_bytes += 4 + (encoder->columns[i].put ? PG_PUT_BYTES_MAX : 0);
    }
    return STATUS_OK;
}

static inline void put_be32(char *out, size_t v)
{
    uint32_t swapped = __builtin_bswap32((uint32_t)v);
    memcpy(out, &swapped, sizeof swapped);
}

/* Room for `extra` bytes behind `p`, up to which the buffer is filled; where `p` is then. */
static inline char *make_room(Buf *out, char *p, size_t extra)
{
    out->len = (size_t)(p - out->ptr);
    return LUMA_LIKELY(out->cap - out->len >= extra) ? p : buf_reserve(out, extra);
}

/* What is left of the row's short_bytes is always behind `p`. The buffer of a session has no limit,
 * so that there is always room. */
static void append_row(const PgRowEncoder *encoder, const RecordBatch *batch, uint32_t row,
                       Buf *out)
{
    size_t at = out->len;
    char *p = buf_reserve(out, encoder->short_bytes);
    uint16_t count = __builtin_bswap16((uint16_t)encoder->column_count);

    p[0] = 'D';
    memcpy(p + PG_HEAD_BYTES, &count, sizeof count);
    p += PG_HEAD_BYTES + sizeof count;
    for (uint32_t i = 0; i < encoder->column_count; i++) {
        const Column *c = &batch->columns[i];
        const PgRowColumn *column = &encoder->columns[i];
        if (column_is_null(c, row)) {
            put_be32(p, UINT32_MAX);
            p += 4;
        } else if (column->put) {
            char *end = column->put(c, row, encoder->settings, p + 4);
            put_be32(p, (size_t)(end - p) - 4);
            p = end;
        } else if (column->view) {
            Str value = column_str(c, row);
            p = make_room(out, p, encoder->short_bytes + value.len);
            put_be32(p, value.len);
            memcpy(p + 4, value.ptr, value.len);
            p += 4 + value.len;
        } else {
            out->len = (size_t)(p - out->ptr) + 4;
            size_t value_at = out->len;
            column->print(c, row, encoder->settings, out);
            put_be32(out->ptr + value_at - 4, out->len - value_at);
            p = make_room(out, out->ptr + out->len, encoder->short_bytes);
        }
    }
    out->len = (size_t)(p - out->ptr);
    put_be32(out->ptr + at + 1, out->len - at - 1);
}

uint32_t pg_rows_append(const PgRowEncoder *encoder, const RecordBatch *batch, uint32_t *row,
                        uint64_t rows_max, size_t bytes_max, Buf *out)
{
    uint32_t count = 0;

    while (*row < batch->row_count && count < rows_max && out->len < bytes_max) {
        append_row(encoder, batch, (*row)++, out);
        count++;
    }
    return count;
}

/* pg_extended.c - Parse, Bind, Describe, Execute, Close. */
#include "net/pgwire/pg_session_int.h"

enum { NAME_BYTES_MAX = 1024 };

static Status protocol_error(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "08P01", 0, "invalid message format");
}

/* ---------------------------------------------------------------- names */

/* Puts an object under its name; what was there (the unnamed one) is returned. */
static void *replace(Map *map, Str name, void *object)
{
    void *old = map_remove(map, name);
    *map_put(map, name, NULL) = object;
    return old;
}

static void drop_portal(PgSession *s, Str name)
{
    pgwire__portal_free(s, map_remove(&s->portals, name));
}

static void drop_statement(PgSession *s, Str name)
{
    pgwire__prepared_unref(map_remove(&s->statements, name));
}

void pgwire__drop_portals(PgSession *s)
{
    size_t pos = 0;

    if (s->portals.count == 0)
        return;
    for (const MapSlot *slot; (slot = map_next(&s->portals, &pos));)
        pgwire__portal_free(s, slot->value);
    map_clear(&s->portals);
}

void pgwire__drop_statements(PgSession *s)
{
    size_t pos = 0;

    for (const MapSlot *slot; (slot = map_next(&s->statements, &pos));)
        pgwire__prepared_unref(slot->value);
    map_clear(&s->statements);
}

/* 26000 when there is none. */
static Status find_statement(PgSession *s, Str name, PgPrepared **ret, Error *err)
{
    PgPrepared *p = map_get(&s->statements, name);

    if (!p && name.len == 0)
        return error_set_sql(err, STATUS_NOT_FOUND, "26000", 0,
                             "unnamed prepared statement does not exist");
    if (!p)
        return error_set_sql(err, STATUS_NOT_FOUND, "26000", 0,
                             "prepared statement \"%.*s\" does not exist", STR_FMT(name));
    *ret = p;
    return STATUS_OK;
}

static Status find_portal(PgSession *s, Str name, PgPortal **ret, Error *err)
{
    PgPortal *p = map_get(&s->portals, name);

    if (!p)
        return error_set_sql(err, STATUS_NOT_FOUND, "34000", 0, "portal \"%.*s\" does not exist",
                             STR_FMT(name));
    *ret = p;
    return STATUS_OK;
}

static Status check_room(PgSession *s, Error *err)
{
    if (s->statements.count + s->portals.count < s->statements_max)
        return STATUS_OK;
    return error_set_sql(err, STATUS_LIMIT, "54000", 0,
                         "a connection holds at most %u prepared statements and portals",
                         s->statements_max);
}

static Status read_name(BufReader *r, Str *ret, Error *err)
{
    Str name = buf_read_cstr(r);

    if (r->failed || name.len > NAME_BYTES_MAX)
        return protocol_error(err);
    *ret = name;
    return pgwire__check_text(name, err);
}

/* ---------------------------------------------------------------- Parse */

static Status read_param_types(BufReader *r, Arena *arena, Type **ret_types, uint32_t *ret_count,
                               Error *err)
{
    uint32_t count = buf_read_be16(r);
    Type *types = arena_zalloc(arena, sizeof *types * (count + 1));

    for (uint32_t i = 0; i < count; i++) {
        uint32_t oid = buf_read_be32(r);
        if (oid == 0 || oid == 705)
            types[i] = TYPE_OF(UNKNOWN);
        else if (!type_from_oid(oid, &types[i]))
            return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0,
                                 "type with OID %u does not exist", oid);
    }
    *ret_types = types;
    *ret_count = count;
    return r->failed || buf_reader_left(r) ? protocol_error(err) : STATUS_OK;
}

static Status bind_single(PgSession *s, const Script *script, const Type *types, uint32_t count,
                          Statement **ret, Error *err)
{
    *ret = NULL;
    if (script_count(script) > 1)
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "cannot insert multiple commands into a prepared statement");
    return script_count(script) == 0
               ? STATUS_OK
               : statement_bind(s->session, script, 0, types, count, ret, err);
}

static Status parse(PgSession *s, BufReader *r, Arena *arena, Error *err)
{
    Str name;
    Type *types;
    uint32_t type_count;
    Script *script = NULL;
    Statement *statement = NULL;

    TRY(read_name(r, &name, err));
    Str text = buf_read_cstr(r);
    TRY(read_param_types(r, arena, &types, &type_count, err));
    TRY(pgwire__check_text(text, err));
    if (name.len && map_get(&s->statements, name))
        return error_set_sql(err, STATUS_EXISTS, "42P05", 0,
                             "prepared statement \"%.*s\" already exists", STR_FMT(name));
    TRY(check_room(s, err));
    if (name.len == 0)
        drop_statement(s, name);
    TRY(pgwire__parse(s, text, &script, err));
    Status status = bind_single(s, script, types, type_count, &statement, err);
    (void)script_free(script);
    TRY(status);
    PgPrepared *p = pgwire__prepared_new(name, statement);
    pgwire__prepared_unref(replace(&s->statements, str_from(p->name), p));
    pg_append_simple(&s->out, '1');
    return STATUS_OK;
}

/* ---------------------------------------------------------------- Bind */

static Status read_formats(BufReader *r, Arena *arena, int16_t **ret_formats, uint32_t *ret_count,
                           Error *err)
{
    uint32_t count = buf_read_be16(r);
    int16_t *formats = arena_zalloc(arena, sizeof *formats * (count + 1));

    for (uint32_t i = 0; i < count; i++) {
        formats[i] = (int16_t)buf_read_be16(r);
        if (formats[i] != 0 && formats[i] != 1)
            return error_set_sql(err, STATUS_INVALID, "22023", 0, "unsupported format code: %d",
                                 formats[i]);
    }
    *ret_formats = formats;
    *ret_count = count;
    return r->failed ? protocol_error(err) : STATUS_OK;
}

static Status read_param(PgSession *s, PgPortal *p, BufReader *r, Type type, bool binary,
                         Column *ret, Error *err)
{
    int32_t len = (int32_t)buf_read_be32(r);

    if (type.id == TYPE_UNKNOWN)
        type.id = TYPE_TEXT;
    if (len == -1 && !r->failed)
        return column_init_null(ret, &p->arena, type, 1, err);
    Str bytes = buf_read_bytes(r, len < 0 ? SIZE_MAX : (size_t)len);
    if (r->failed)
        return protocol_error(err);
    TRY(column_init(ret, &p->arena, type, 1, false, err));
    return binary ? pgtype_parse_binary(bytes, &s->settings, ret, 0, &p->arena, err)
                  : pgtype_parse_text(bytes, &s->settings, ret, 0, &p->arena, err);
}

static Status read_params(PgSession *s, PgPortal *p, BufReader *r, Error *err)
{
    int16_t *formats;
    uint32_t format_count;
    uint32_t type_count = 0;
    const Type *types = NULL;

    TRY(read_formats(r, &p->arena, &formats, &format_count, err));
    p->param_count = buf_read_be16(r);
    if (p->prepared->statement)
        types = statement_param_types(p->prepared->statement, &type_count);
    if (format_count > 1 && format_count != p->param_count)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "bind message has %u parameter formats but %u parameters",
                             format_count, p->param_count);
    if (p->param_count != type_count)
        return error_set_sql(
            err, STATUS_INVALID, "08P01", 0,
            "bind message supplies %u parameters, but prepared statement \"%s\" requires %u",
            p->param_count, p->prepared->name, type_count);
    TRY(arena_try_alloc(&p->arena, sizeof(Column) * (p->param_count + 1), &p->params, err));
    for (uint32_t i = 0; i < p->param_count; i++)
        TRY(read_param(s, p, r, types[i], pg_format_of(formats, format_count, i) != 0,
                       &p->params[i], err));
    return STATUS_OK;
}

static Status fill_portal(PgSession *s, PgPortal *p, BufReader *r, Error *err)
{
    pgwire__refresh_settings(s);
    TRY(read_params(s, p, r, err));
    TRY(read_formats(r, &p->arena, &p->formats, &p->format_count, err));
    if (buf_reader_left(r))
        return protocol_error(err);
    Statement *statement = p->prepared->statement;
    uint32_t columns = statement && statement_returns_rows(statement)
                           ? statement_schema(statement)->field_count
                           : 0;
    if (p->format_count > 1 && p->format_count != columns)
        return error_set_sql(err, STATUS_INVALID, "08P01", 0,
                             "bind message has %u result formats but query has %u columns",
                             p->format_count, columns);
    return STATUS_OK;
}

static Status bind(PgSession *s, BufReader *r, Error *err)
{
    Str name;
    Str statement_name;
    PgPrepared *prepared;

    TRY(read_name(r, &name, err));
    TRY(read_name(r, &statement_name, err));
    TRY(find_statement(s, statement_name, &prepared, err));
    if (name.len && map_get(&s->portals, name))
        return error_set_sql(err, STATUS_EXISTS, "42P03", 0, "portal \"%.*s\" already exists",
                             STR_FMT(name));
    if (name.len == 0)
        drop_portal(s, name);
    TRY(check_room(s, err));
    PgPortal *p = MEM_NEW(PgPortal);
    arena_init(&p->arena, NULL);
    p->name = mem_zalloc(name.len + 1);
    if (name.len)
        memcpy(p->name, name.ptr, name.len);
    p->prepared = prepared;
    prepared->refs++;
    Status status = fill_portal(s, p, r, err);
    if (status != STATUS_OK) {
        pgwire__portal_free(s, p);
        return status;
    }
    *map_put(&s->portals, str_from(p->name), NULL) = p;
    pg_append_simple(&s->out, '2');
    return STATUS_OK;
}

/* ---------------------------------------------------------------- Describe, Execute, Close */

static void describe_rows(PgSession *s, Statement *statement, const int16_t *formats,
                          uint32_t format_count)
{
    if (statement && statement_returns_rows(statement))
        pg_append_row_description(&s->out, statement_schema(statement), formats, format_count);
    else
        pg_append_simple(&s->out, 'n');
}

static Status describe(PgSession *s, BufReader *r, Error *err)
{
    uint8_t kind = buf_read_u8(r);
    Str name;

    TRY(read_name(r, &name, err));
    if (kind == 'S') {
        PgPrepared *p;
        uint32_t count = 0;
        const Type *types = NULL;
        TRY(find_statement(s, name, &p, err));
        if (p->statement)
            types = statement_param_types(p->statement, &count);
        pg_append_parameter_description(&s->out, types, count);
        describe_rows(s, p->statement, NULL, 0);
        return STATUS_OK;
    }
    if (kind != 'P')
        return error_set_sql(err, STATUS_INVALID, "08P01", 0, "invalid DESCRIBE message subtype %d",
                             kind);
    PgPortal *portal;
    Status status = find_portal(s, name, &portal, err);
    const Schema *cursor = status == STATUS_OK ? NULL : session_cursor_schema(s->session, name);
    if (cursor) {
        pg_append_row_description(&s->out, cursor, NULL, 0);
        return STATUS_OK;
    }
    TRY(status);
    describe_rows(s, portal->prepared->statement, portal->formats, portal->format_count);
    return STATUS_OK;
}

static Status execute(PgSession *s, BufReader *r, PgStep *ret_step, Error *err)
{
    Str name;
    PgPortal *p;

    TRY(read_name(r, &name, err));
    int32_t limit = (int32_t)buf_read_be32(r);
    if (r->failed || buf_reader_left(r))
        return protocol_error(err);
    TRY(find_portal(s, name, &p, err));
    if (!p->prepared->statement) {
        pg_append_simple(&s->out, 'I');
        return STATUS_OK;
    }
    if (p->done) {
        if (!statement_returns_rows(p->prepared->statement))
            return error_set_sql(err, STATUS_INVALID, "55000", 0, "portal \"%s\" cannot be run",
                                 p->name);
        pg_append_command_complete(&s->out, STR("SELECT 0"));
        return STATUS_OK;
    }
    p->limit = limit > 0 ? (uint64_t)limit : 0;
    p->row_count = 0;
    *ret_step = pgwire__run_portal(s, p);
    return STATUS_OK;
}

static Status close_object(PgSession *s, BufReader *r, Error *err)
{
    uint8_t kind = buf_read_u8(r);
    Str name;

    TRY(read_name(r, &name, err));
    if (kind == 'S')
        drop_statement(s, name);
    else if (kind == 'P')
        drop_portal(s, name);
    else
        return error_set_sql(err, STATUS_INVALID, "08P01", 0, "invalid CLOSE message subtype %d",
                             kind);
    pg_append_simple(&s->out, '3');
    return STATUS_OK;
}

PgStep pgwire__extended(PgSession *s, const PgMessage *m)
{
    BufReader r = buf_reader(m->body);
    PgStep step = STEP_DONE;
    Status status = STATUS_OK;
    Error err = {0};

    switch (m->type) {
    case 'P': {
        CLEANUP(arena_done) Arena arena;
        arena_init(&arena, NULL);
        status = parse(s, &r, &arena, &err);
        break;
    }
    case 'B':
        status = bind(s, &r, &err);
        break;
    case 'D':
        status = describe(s, &r, &err);
        break;
    case 'E':
        status = execute(s, &r, &step, &err);
        break;
    default:
        status = close_object(s, &r, &err);
        break;
    }
    if (status != STATUS_OK) {
        pgwire__fail(s, &err);
        s->skip_to_sync = true;
    }
    return step;
}

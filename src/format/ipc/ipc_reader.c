/* ipc_reader.c - the messages of a stream: schema, dictionaries, record batches. */
#include "format/ipc/ipc_reader.h"

#include "format/ipc/ipc_reader_int.h"

enum {
    HEADER_SCHEMA = 1,
    HEADER_DICTIONARY_BATCH = 2,
    HEADER_RECORD_BATCH = 3,
    METADATA_V4 = 3,
    COMPRESSION_ZSTD = 1,
};

typedef struct Message {
    FlatBuffer meta;
    uint8_t kind; /* 0 = end of the stream */
    FlatTable header;
    Str body;
} Message;

static Status damaged(const char *what, Error *err)
{
    return error_set(err, STATUS_INVALID, "not an Arrow stream: %s", what);
}

/* Takes the next message off the bytes. */
static Status next_message(IpcReader *reader, Message *ret, Error *err)
{
    Str rest = str_sub(reader->bytes, reader->at, reader->bytes.len);
    FlatBuffer frame = {.bytes = rest};
    size_t start = 4;

    *ret = (Message){0};
    if (rest.len == 0)
        return STATUS_OK;
    uint64_t len = flat_uint(&frame, 0, 4);
    if (len == 0xFFFFFFFFu) { /* before 0.15 there was no mark */
        len = flat_uint(&frame, 4, 4);
        start = 8;
    }
    if (frame.failed || len > rest.len - start)
        return damaged("a message is cut short", err);
    if (len == 0) {
        reader->at = reader->bytes.len;
        return STATUS_OK;
    }
    ret->meta.bytes = str_sub(rest, start, (size_t)len);
    FlatTable root = flat_root(&ret->meta);
    uint64_t version = flat_scalar(&ret->meta, root, 0, 2, 0);
    uint64_t body_len = flat_scalar(&ret->meta, root, 3, 8, 0);
    ret->kind = (uint8_t)flat_scalar(&ret->meta, root, 1, 1, 0);
    ret->header = (FlatTable)flat_target(&ret->meta, root, 2);
    if (ret->meta.failed || !ret->kind || !ret->header)
        return damaged("a message's metadata is damaged", err);
    if (version < METADATA_V4)
        return error_set(err, STATUS_UNSUPPORTED, "Arrow metadata older than V4 is not read");
    if (body_len > rest.len - start - len)
        return damaged("a message's body is cut short", err);
    ret->body = str_sub(rest, start + (size_t)len, (size_t)body_len);
    reader->at += start + (size_t)len + (size_t)body_len;
    return STATUS_OK;
}

static Status read_schema(IpcReader *reader, Message *m, Arena *arena, Error *err)
{
    FlatVector fields = flat_vector(&m->meta, m->header, 1, 4);

    if (flat_scalar(&m->meta, m->header, 0, 2, 0) != 0)
        return error_set(err, STATUS_UNSUPPORTED, "big-endian Arrow streams are not read");
    if (fields.count > IPC_COLUMNS_MAX)
        return error_set(err, STATUS_LIMIT, "more than %d columns", IPC_COLUMNS_MAX);
    reader->fields = ARENA_NEW_ARRAY(arena, IpcField, fields.count);
    Field *ours = ARENA_NEW_ARRAY(arena, Field, fields.count);
    for (uint32_t i = 0; i < fields.count; i++) {
        TRY(ipc__read_field(&m->meta, flat_element(&m->meta, fields, i), 0, arena,
                            &reader->fields[i], err));
        ours[i] = (Field){.name = reader->fields[i].name, .type = reader->fields[i].type};
    }
    reader->field_count = fields.count;
    reader->schema = (Schema){ours, fields.count};
    return m->meta.failed ? damaged("its schema is damaged", err) : STATUS_OK;
}

Status ipc_reader_open(IpcReader *reader, Str bytes, Arena *arena, Error *err)
{
    Message m;

    *reader = (IpcReader){.bytes = bytes};
    TRY(next_message(reader, &m, err));
    if (m.kind != HEADER_SCHEMA)
        return damaged("it does not begin with a schema", err);
    return read_schema(reader, &m, arena, err);
}

/* ---------------------------------------------------------------- batches */

/* The RecordBatch table at `table` -> its columns' source. */
static Status open_body(Message *m, FlatTable table, Arena *arena, IpcBody *ret, uint64_t *ret_rows,
                        Error *err)
{
    FlatBuffer *fb = &m->meta;
    FlatTable compression = (FlatTable)flat_target(fb, table, 3);

    *ret = (IpcBody){.meta = fb,
                     .nodes = flat_vector(fb, table, 1, 16),
                     .buffers = flat_vector(fb, table, 2, 16),
                     .view_counts = flat_vector(fb, table, 4, 8),
                     .bytes = m->body,
                     .arena = arena};
    *ret_rows = flat_scalar(fb, table, 0, 8, 0);
    if (compression) {
        ret->zstd = flat_scalar(fb, compression, 0, 1, 0) == COMPRESSION_ZSTD;
        if (!ret->zstd)
            return error_set(err, STATUS_UNSUPPORTED,
                             "Arrow bodies compressed by LZ4 are not read; use zstd or none");
    }
    return fb->failed ? damaged("a batch's metadata is damaged", err) : STATUS_OK;
}

static const IpcField *find_dictionary_field(const IpcField *field, int64_t id)
{
    for (; field; field = field->child)
        if (field->has_dictionary && field->dictionary_id == id)
            return field;
    return NULL;
}

/* The values that a delta adds to. */
static Status join_dictionaries(const Column *a, const Column *b, Arena *arena, Column *ret,
                                Error *err)
{
    size_t total = (size_t)a->len + b->len;
    Column joined;

    if (total > UINT32_MAX / 2)
        return error_set(err, STATUS_LIMIT, "a dictionary has too many values");
    TRY(column_init(&joined, arena, a->type, (uint32_t)total, true, err));
    size_t width = layout_width(type_layout(a->type));
    if (width == 0)
        return error_set(err, STATUS_UNSUPPORTED, "a dictionary of booleans is not read");
    memcpy(column_values(&joined), a->values, width * a->len);
    memcpy((char *)column_values(&joined) + width * a->len, b->values, width * b->len);
    for (uint32_t i = 0; i < total; i++)
        bit_put(column_validity(&joined), i,
                i < a->len ? !column_is_null(a, i) : !column_is_null(b, i - a->len));
    *ret = joined;
    return STATUS_OK;
}

static Status read_dictionary(IpcReader *reader, Message *m, Arena *arena, Error *err)
{
    int64_t id = (int64_t)flat_scalar(&m->meta, m->header, 0, 8, 0);
    FlatTable data = (FlatTable)flat_target(&m->meta, m->header, 1);
    bool delta = flat_scalar(&m->meta, m->header, 2, 1, 0);
    const IpcField *field = NULL;
    uint64_t rows;
    IpcBody body;

    for (uint32_t i = 0; i < reader->field_count && !field; i++)
        field = find_dictionary_field(&reader->fields[i], id);
    if (!field || !data)
        return damaged("a dictionary belongs to no column", err);
    IpcField plain = *field;
    plain.has_dictionary = false;
    TRY(open_body(m, data, arena, &body, &rows, err));
    Column *values = ARENA_NEW(arena, Column);
    TRY(ipc__read_column(&body, &plain, reader->dictionaries, values, err));
    const IpcDictionary *old = reader->dictionaries;
    while (delta && old && old->id != id)
        old = old->next;
    if (delta && old)
        TRY(join_dictionaries(old->values, values, arena, values, err));
    IpcDictionary *entry = ARENA_NEW(arena, IpcDictionary);
    *entry = (IpcDictionary){reader->dictionaries, id, values};
    reader->dictionaries = entry;
    return STATUS_OK;
}

static Status read_batch(IpcReader *reader, Message *m, Arena *arena, RecordBatch *ret, Error *err)
{
    uint64_t rows;
    IpcBody body;

    TRY(open_body(m, m->header, arena, &body, &rows, err));
    if (rows > UINT32_MAX / 2)
        return error_set(err, STATUS_LIMIT, "a batch has too many rows");
    Column *columns = ARENA_NEW_ARRAY(arena, Column, reader->field_count);
    for (uint32_t i = 0; i < reader->field_count; i++) {
        TRY(ipc__read_column(&body, &reader->fields[i], reader->dictionaries, &columns[i], err));
        if (columns[i].len != rows)
            return damaged("a column's length differs from its batch's", err);
    }
    *ret = (RecordBatch){.schema = &reader->schema,
                         .columns = columns,
                         .column_count = reader->field_count,
                         .row_count = (uint32_t)rows};
    return STATUS_OK;
}

Status ipc_reader_next(IpcReader *reader, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    Message m;

    *ret_batch = (RecordBatch){0};
    for (;;) {
        TRY(next_message(reader, &m, err));
        switch (m.kind) {
        case 0:
            return STATUS_OK;
        case HEADER_DICTIONARY_BATCH:
            TRY(read_dictionary(reader, &m, arena, err));
            break;
        case HEADER_RECORD_BATCH:
            TRY(read_batch(reader, &m, arena, ret_batch, err));
            if (ret_batch->row_count)
                return STATUS_OK;
            break;
        default:
            return damaged("a message of an unexpected kind", err);
        }
    }
}

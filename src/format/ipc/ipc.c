/* ipc.c - the messages of a stream.
 *
 * A message is: ff ff ff ff, int32 length of the metadata, the metadata (a FlatBuffer, padded to
 * 8), the body (each buffer padded to 8). FlatBuffers are written front to back: a table first,
 * with room for the offsets of what it points to, then those things, whose offsets are patched in.
 * All alignment is relative to the beginning of the metadata.
 */
#include "format/ipc/ipc.h"

/* Numbers of Schema.fbs and Message.fbs. */
enum {
    METADATA_V5 = 4,
    HEADER_SCHEMA = 1,
    HEADER_RECORD_BATCH = 3,
    ARROW_INT = 2,
    ARROW_FLOATING_POINT = 3,
    ARROW_BINARY = 4,
    ARROW_UTF8 = 5,
    ARROW_BOOL = 6,
    ARROW_DATE = 8,
    ARROW_TIME = 9,
    ARROW_TIMESTAMP = 10,
    ARROW_FIXED_SIZE_BINARY = 15,
    UNIT_MICROSECOND = 2,
    PRECISION_SINGLE = 1,
    PRECISION_DOUBLE = 2,
};

/* How a column is written. */
typedef enum Form { FORM_BIT, FORM_FIXED, FORM_BYTES, FORM_PRINTED } Form;

/* ---------------------------------------------------------------- FlatBuffers */

typedef struct Metadata {
    Buf *out;
    size_t base; /* where it begins in out */
} Metadata;

typedef struct TableField {
    uint8_t size; /* 0 = absent, else 1, 2, 4 or 8 */
    uint64_t value;
    size_t at; /* out: where it was written */
} TableField;

/* Pads until (position + ahead) is a multiple of `align`. */
static void pad_for(Metadata *m, size_t ahead, size_t align)
{
    while ((m->out->len - m->base + ahead) % align)
        buf_append_byte(m->out, 0);
}

/* Writes a vtable and its table; returns the table's position. */
static size_t put_table(Metadata *m, TableField *fields, size_t count)
{
    uint16_t offsets[16] = {0};
    uint16_t end = 4; /* behind the offset to the vtable */

    for (size_t i = 0; i < count; i++) {
        if (!fields[i].size)
            continue;
        end = (uint16_t)LUMA_ALIGN_UP(end, fields[i].size);
        offsets[i] = end;
        end = (uint16_t)(end + fields[i].size);
    }
    size_t vtable_len = 4 + 2 * count;
    pad_for(m, vtable_len, 8);
    size_t vtable = m->out->len;
    buf_append_u16(m->out, (uint16_t)vtable_len);
    buf_append_u16(m->out, end);
    for (size_t i = 0; i < count; i++)
        buf_append_u16(m->out, offsets[i]);
    size_t table = m->out->len;
    buf_append_u32(m->out, (uint32_t)(table - vtable));
    for (size_t i = 0; i < count; i++) {
        if (!fields[i].size)
            continue;
        while (m->out->len < table + offsets[i])
            buf_append_byte(m->out, 0);
        fields[i].at = m->out->len;
        buf_append(m->out, &fields[i].value, fields[i].size);
    }
    return table;
}

/* Makes the offset at `from` point to what is written next, or at `to`. */
static void patch(Metadata *m, size_t from, size_t to)
{
    uint32_t offset = (uint32_t)(to - from);
    memcpy(m->out->ptr + from, &offset, 4);
}

static size_t put_string(Metadata *m, Str text)
{
    pad_for(m, 0, 4);
    size_t at = m->out->len;
    buf_append_u32(m->out, (uint32_t)text.len);
    buf_append_str(m->out, text);
    buf_append_byte(m->out, 0);
    return at;
}

/* A vector of `count` offsets, to be patched; element i is at the result + 4 + 4 * i. */
static size_t put_offsets(Metadata *m, size_t count)
{
    pad_for(m, 0, 4);
    size_t at = m->out->len;
    buf_append_u32(m->out, (uint32_t)count);
    for (size_t i = 0; i < count; i++)
        buf_append_u32(m->out, 0);
    return at;
}

/* Begins a message; the length is filled in by end_metadata. */
static Metadata begin_metadata(Buf *out, uint8_t header_type, uint64_t body_len,
                               size_t *ret_header_at)
{
    buf_append_u32(out, 0xFFFFFFFFu);
    buf_append_u32(out, 0);
    Metadata m = {out, out->len};
    buf_append_u32(out, 0); /* offset of the root table */
    TableField fields[] = {{.size = 2, .value = METADATA_V5},
                           {.size = 1, .value = header_type},
                           {.size = 4},
                           {.size = 8, .value = body_len}};
    patch(&m, m.base, put_table(&m, fields, LUMA_ARRAY_LEN(fields)));
    *ret_header_at = fields[2].at;
    return m;
}

static void end_metadata(Metadata *m)
{
    pad_for(m, 0, 8);
    uint32_t len = (uint32_t)(m->out->len - m->base);
    memcpy(m->out->ptr + m->base - 4, &len, 4);
}

/* ---------------------------------------------------------------- schema */

static Form form_of(Type type)
{
    if (type.is_array)
        return FORM_PRINTED;
    switch ((TypeId)type.id) {
    case TYPE_BOOL:
    case TYPE_VOID:
        return FORM_BIT;
    case TYPE_CHAR:
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_UUID:
    case TYPE_OID:
        return FORM_FIXED;
    case TYPE_UNKNOWN:
    case TYPE_TEXT:
    case TYPE_VARCHAR:
    case TYPE_BPCHAR:
    case TYPE_NAME:
    case TYPE_BYTEA:
    case TYPE_JSON:
    case TYPE_JSONB:
        return FORM_BYTES;
    case TYPE_NUMERIC:
    case TYPE_TIMETZ:
    case TYPE_INTERVAL:
    case TYPE_REGCLASS:
    case TYPE_REGTYPE:
    case TYPE_REGPROC:
    case TYPE_REGNAMESPACE:
    case TYPE_BIT:
    case TYPE_VARBIT:
    case TYPE_JSONPATH:
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
    case TYPE_RECORD:
    case TYPE_ENUM:
    case TYPE_ANYELEMENT:
    case TYPE_ANYARRAY:
    case TYPE_ANY:
    case TYPE_COUNT_:
        return FORM_PRINTED;
    }
    return FORM_PRINTED;
}

/* Writes the type's own table; returns its position and the union's number. */
static size_t put_type(Metadata *m, Type type, uint8_t *ret_number)
{
    TableField fields[2] = {{0}};
    size_t count = 0;
    Form form = form_of(type);
    Layout layout = type_layout(type);

    *ret_number = ARROW_UTF8;
    if (form == FORM_BIT) {
        *ret_number = ARROW_BOOL;
    } else if (form == FORM_BYTES) {
        *ret_number = type.id == TYPE_BYTEA ? ARROW_BINARY : ARROW_UTF8;
    } else if (form == FORM_FIXED && type.id == TYPE_DATE) {
        *ret_number = ARROW_DATE;
        fields[count++] = (TableField){.size = 2, .value = 0}; /* days */
    } else if (form == FORM_FIXED && type.id == TYPE_TIME) {
        *ret_number = ARROW_TIME;
        fields[count++] = (TableField){.size = 2, .value = UNIT_MICROSECOND};
        fields[count++] = (TableField){.size = 4, .value = 64};
    } else if (form == FORM_FIXED && (type.id == TYPE_TIMESTAMP || type.id == TYPE_TIMESTAMPTZ)) {
        *ret_number = ARROW_TIMESTAMP;
        fields[count++] = (TableField){.size = 2, .value = UNIT_MICROSECOND};
        if (type.id == TYPE_TIMESTAMPTZ)
            fields[count++] = (TableField){.size = 4};
    } else if (form == FORM_FIXED && layout == LAYOUT_FIXED16) {
        *ret_number = ARROW_FIXED_SIZE_BINARY;
        fields[count++] = (TableField){.size = 4, .value = 16};
    } else if (form == FORM_FIXED && (layout == LAYOUT_FLOAT || layout == LAYOUT_DOUBLE)) {
        *ret_number = ARROW_FLOATING_POINT;
        fields[count++] = (TableField){
            .size = 2, .value = layout == LAYOUT_FLOAT ? PRECISION_SINGLE : PRECISION_DOUBLE};
    } else if (form == FORM_FIXED) {
        *ret_number = ARROW_INT;
        fields[count++] = (TableField){.size = 4, .value = 8 * layout_width(layout)};
        fields[count++] = (TableField){.size = 1, .value = 1};
    }
    size_t at = put_table(m, fields, count);
    if (*ret_number == ARROW_TIMESTAMP && count == 2)
        patch(m, fields[1].at, put_string(m, STR("UTC")));
    return at;
}

/* custom_metadata: [{"pg_type", name}] */
static void put_field_metadata(Metadata *m, size_t at, Type type)
{
    char name[64];
    TableField pair[2] = {{.size = 4}, {.size = 4}};
    size_t vector = put_offsets(m, 1);

    patch(m, at, vector);
    patch(m, vector + 4, put_table(m, pair, 2));
    patch(m, pair[0].at, put_string(m, STR("pg_type")));
    patch(m, pair[1].at, put_string(m, str_from(type_name(type, name))));
}

static size_t put_field(Metadata *m, const Field *field)
{
    /* name, nullable, type_type, type, dictionary, children, custom_metadata */
    TableField fields[7] = {{.size = 4}, {.size = 1, .value = !field->not_null},
                            {.size = 1}, {.size = 4},
                            {.size = 0}, {.size = 4},
                            {.size = 4}};
    uint8_t number;
    size_t table = put_table(m, fields, 7);

    patch(m, fields[0].at, put_string(m, field->name));
    patch(m, fields[3].at, put_type(m, field->type, &number));
    m->out->ptr[fields[2].at] = (char)number;
    patch(m, fields[5].at, put_offsets(m, 0));
    put_field_metadata(m, fields[6].at, field->type);
    return table;
}

void ipc_append_schema(const Schema *schema, Buf *out)
{
    size_t header_at;
    Metadata m = begin_metadata(out, HEADER_SCHEMA, 0, &header_at);
    TableField fields[2] = {{.size = 2, .value = 0 /* little-endian */}, {.size = 4}};

    patch(&m, header_at, put_table(&m, fields, 2));
    size_t vector = put_offsets(&m, schema->field_count);
    patch(&m, fields[1].at, vector);
    for (uint32_t i = 0; i < schema->field_count; i++)
        patch(&m, vector + 4 + 4 * i, put_field(&m, &schema->fields[i]));
    end_metadata(&m);
}

/* ---------------------------------------------------------------- record batch */

typedef struct BodyBuffer {
    uint64_t offset;
    uint64_t len;
} BodyBuffer;

typedef struct Body {
    Buf bytes;
    BodyBuffer *buffers;
    size_t buffer_count;
    uint64_t *null_counts; /* per column */
} Body;

static void end_buffer(Body *body, size_t start)
{
    body->buffers[body->buffer_count++] = (BodyBuffer){start, body->bytes.len - start};
    while (body->bytes.len % 8)
        buf_append_byte(&body->bytes, 0);
}

static void put_validity(Body *body, const Column *c, uint64_t *ret_null_count)
{
    size_t start = body->bytes.len;

    *ret_null_count = 0;
    if (c->validity) {
        *ret_null_count = c->len - bitmap_count(c->validity, c->len);
        buf_append(&body->bytes, c->validity, bitmap_bytes(c->len));
    }
    end_buffer(body, start);
}

/* Texts: int32 offsets, then the bytes one after the other. */
static Status put_texts(Body *body, const Column *c, Form form, const PgSettings *settings,
                        Error *err)
{
    PgPrintFn print = pgtype_text_fn(c->type);
    size_t offsets = body->bytes.len;

    if (!buf_reserve(&body->bytes, 4 * ((size_t)c->len + 1)))
        return error_set(err, STATUS_LIMIT, "the answer is too large");
    body->bytes.len += 4 * ((size_t)c->len + 1);
    end_buffer(body, offsets);
    size_t start = body->bytes.len;
    for (uint32_t i = 0; i <= c->len; i++) {
        size_t offset = body->bytes.len - start;
        if (offset > INT32_MAX)
            return error_set(err, STATUS_LIMIT, "a column of one batch exceeds 2 GiB");
        int32_t narrow = (int32_t)offset;
        memcpy(body->bytes.ptr + offsets + 4 * (size_t)i, &narrow, 4);
        if (i == c->len || column_is_null(c, i))
            continue;
        if (form == FORM_PRINTED)
            print(c, i, settings, &body->bytes);
        else
            buf_append_str(&body->bytes, column_str(c, i));
    }
    end_buffer(body, start);
    return STATUS_OK;
}

static Status put_column(Body *body, const Column *c, const PgSettings *settings,
                         uint64_t *ret_null_count, Error *err)
{
    Form form = form_of(c->type);

    put_validity(body, c, ret_null_count);
    if (form == FORM_BYTES || form == FORM_PRINTED)
        return put_texts(body, c, form, settings, err);
    size_t start = body->bytes.len;
    size_t len = form == FORM_BIT ? bitmap_bytes(c->len)
                                  : layout_width(type_layout(c->type)) * (size_t)c->len;
    buf_append(&body->bytes, c->values, len);
    end_buffer(body, start);
    return STATUS_OK;
}

static Status put_columns(Body *body, const RecordBatch *batch, const PgSettings *settings,
                          Error *err)
{
    Arena arena;
    Status status = STATUS_OK;

    arena_init(&arena, NULL);
    for (uint32_t i = 0; i < batch->column_count && status == STATUS_OK; i++) {
        Column flat;
        status = column_flatten(&batch->columns[i], &arena, &flat, err);
        if (status == STATUS_OK)
            status = put_column(body, &flat, settings, &body->null_counts[i], err);
        arena_reset(&arena);
    }
    arena_done(&arena);
    return status;
}

/* A vector of pairs of int64: FieldNode or Buffer. */
static size_t put_pairs(Metadata *m, size_t count)
{
    pad_for(m, 4, 8);
    size_t at = m->out->len;
    buf_append_u32(m->out, (uint32_t)count);
    return at;
}

static void put_batch_message(const RecordBatch *batch, const Body *body, Buf *out)
{
    size_t header_at;
    Metadata m = begin_metadata(out, HEADER_RECORD_BATCH, body->bytes.len, &header_at);
    TableField fields[3] = {{.size = 8, .value = batch->row_count}, {.size = 4}, {.size = 4}};

    patch(&m, header_at, put_table(&m, fields, 3));
    patch(&m, fields[1].at, put_pairs(&m, batch->column_count));
    for (uint32_t i = 0; i < batch->column_count; i++) {
        buf_append_u64(out, batch->row_count);
        buf_append_u64(out, body->null_counts[i]);
    }
    patch(&m, fields[2].at, put_pairs(&m, body->buffer_count));
    for (size_t i = 0; i < body->buffer_count; i++) {
        buf_append_u64(out, body->buffers[i].offset);
        buf_append_u64(out, body->buffers[i].len);
    }
    end_metadata(&m);
    buf_append_str(out, buf_str(&body->bytes));
}

Status ipc_append_batch(const Schema *schema, const RecordBatch *batch, const PgSettings *settings,
                        Buf *out, Error *err)
{
    Body body = {.buffers = MEM_NEW_ARRAY(BodyBuffer, 3 * (size_t)batch->column_count + 1),
                 .null_counts = MEM_NEW_ARRAY(uint64_t, (size_t)batch->column_count + 1)};

    ASSERT(schema->field_count == batch->column_count);
    Status status = put_columns(&body, batch, settings, err);
    if (status == STATUS_OK)
        put_batch_message(batch, &body, out);
    buf_done(&body.bytes);
    mem_free(body.buffers);
    mem_free(body.null_counts);
    return status;
}

void ipc_append_end(Buf *out)
{
    buf_append_u32(out, 0xFFFFFFFFu);
    buf_append_u32(out, 0);
}

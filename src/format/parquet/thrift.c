#include "format/parquet/thrift.h"

ThriftReader thrift_reader(Str bytes)
{
    return (ThriftReader){.in = buf_reader(bytes)};
}

static void fail(ThriftReader *r)
{
    r->in.failed = true;
    r->in.cursor = r->in.end;
}

bool thrift_next(ThriftReader *r, ThriftField *f)
{
    if (f->id == 0 && f->type == 0 && ++r->depth > THRIFT_DEPTH_MAX)
        fail(r);
    uint8_t head = buf_read_u8(&r->in);
    if (r->in.failed)
        return false;
    if (head == THRIFT_STOP) {
        r->depth--;
        return false;
    }
    f->type = head & 15;
    int64_t id = head >> 4 ? f->id + (head >> 4) : zigzag_decode(buf_read_varint(&r->in));
    if (r->in.failed || id <= 0 || id > INT16_MAX || f->type > THRIFT_UUID || f->type == 0) {
        fail(r);
        return false;
    }
    f->id = (int16_t)id;
    return true;
}

int64_t thrift_list_i64(ThriftReader *r)
{
    return zigzag_decode(buf_read_varint(&r->in));
}

int64_t thrift_i64(ThriftReader *r, const ThriftField *f)
{
    if (f->type == THRIFT_I8)
        return (int8_t)buf_read_u8(&r->in);
    if (f->type < THRIFT_I16 || f->type > THRIFT_I64) {
        fail(r);
        return 0;
    }
    return thrift_list_i64(r);
}

int32_t thrift_i32(ThriftReader *r, const ThriftField *f)
{
    int64_t value = thrift_i64(r, f);

    if (value < INT32_MIN || value > INT32_MAX) {
        fail(r);
        return 0;
    }
    return (int32_t)value;
}

bool thrift_bool(ThriftReader *r, const ThriftField *f)
{
    if (f->type != THRIFT_TRUE && f->type != THRIFT_FALSE)
        fail(r);
    return f->type == THRIFT_TRUE;
}

bool thrift_list_bool(ThriftReader *r)
{
    return buf_read_u8(&r->in) == THRIFT_TRUE;
}

Str thrift_list_binary(ThriftReader *r)
{
    uint64_t len = buf_read_varint(&r->in);

    if (r->in.failed || len > buf_reader_left(&r->in)) {
        fail(r);
        return (Str){"", 0};
    }
    return buf_read_bytes(&r->in, (size_t)len);
}

Str thrift_binary(ThriftReader *r, const ThriftField *f)
{
    if (f->type != THRIFT_BINARY) {
        fail(r);
        return (Str){"", 0};
    }
    return thrift_list_binary(r);
}

bool thrift_struct(ThriftReader *r, const ThriftField *f)
{
    if (f->type != THRIFT_STRUCT)
        fail(r);
    return !r->in.failed;
}

/* Every element takes a byte at least. */
static uint32_t list_head(ThriftReader *r, uint8_t *ret_type)
{
    uint8_t head = buf_read_u8(&r->in);
    uint64_t count = head >> 4 == 15 ? buf_read_varint(&r->in) : head >> 4;

    *ret_type = head & 15;
    if (r->in.failed || count > buf_reader_left(&r->in)) {
        fail(r);
        return 0;
    }
    return (uint32_t)LUMA_MIN(count, (uint64_t)UINT32_MAX);
}

uint32_t thrift_list(ThriftReader *r, const ThriftField *f, uint8_t element_type)
{
    uint8_t type = 0;

    if (f->type != THRIFT_LIST) {
        fail(r);
        return 0;
    }
    uint32_t count = list_head(r, &type);
    bool good = type == element_type || (element_type == THRIFT_TRUE && type == THRIFT_FALSE);
    if (count && !good) {
        fail(r);
        return 0;
    }
    return count;
}

static void skip(ThriftReader *r, uint8_t type, bool in_list, uint32_t depth);

static void skip_map(ThriftReader *r, uint32_t depth)
{
    uint64_t count = buf_read_varint(&r->in);

    if (count == 0)
        return;
    uint8_t types = buf_read_u8(&r->in);
    for (uint64_t i = 0; i < count && !r->in.failed; i++) {
        skip(r, types >> 4, true, depth + 1);
        skip(r, types & 15, true, depth + 1);
    }
}

static void skip(ThriftReader *r, uint8_t type, bool in_list, uint32_t depth)
{
    uint8_t element = 0;

    if (r->in.failed || r->depth + depth > THRIFT_DEPTH_MAX) {
        fail(r);
        return;
    }
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        if (in_list)
            (void)buf_read_u8(&r->in);
        break;
    case THRIFT_I8:
        (void)buf_read_u8(&r->in);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        (void)buf_read_varint(&r->in);
        break;
    case THRIFT_DOUBLE:
        (void)buf_read_bytes(&r->in, 8);
        break;
    case THRIFT_BINARY:
        (void)thrift_list_binary(r);
        break;
    case THRIFT_LIST:
    case THRIFT_SET: {
        uint32_t count = list_head(r, &element);
        for (uint32_t i = 0; i < count && !r->in.failed; i++)
            skip(r, element, true, depth + 1);
        break;
    }
    case THRIFT_MAP:
        skip_map(r, depth);
        break;
    case THRIFT_STRUCT:
        for (ThriftField f = {0}; thrift_next(r, &f);)
            skip(r, f.type, false, depth + 1);
        break;
    case THRIFT_UUID:
        (void)buf_read_bytes(&r->in, 16);
        break;
    default:
        fail(r);
        break;
    }
}

void thrift_skip(ThriftReader *r, uint8_t type)
{
    skip(r, type, false, 0);
}

/* ---- writing ---- */

static void put_head(ThriftWriter *w, int16_t id, uint8_t type)
{
    int delta = id - w->last_id;

    if (delta > 0 && delta <= 15) {
        buf_append_byte(w->out, (uint8_t)(delta << 4 | type));
    } else {
        buf_append_byte(w->out, type);
        buf_append_varint(w->out, zigzag_encode(id));
    }
    w->last_id = id;
}

void thrift_put_i64(ThriftWriter *w, int16_t id, int64_t value)
{
    put_head(w, id, THRIFT_I64);
    buf_append_varint(w->out, zigzag_encode(value));
}

void thrift_put_i32(ThriftWriter *w, int16_t id, int32_t value)
{
    put_head(w, id, THRIFT_I32);
    buf_append_varint(w->out, zigzag_encode(value));
}

void thrift_put_i16(ThriftWriter *w, int16_t id, int16_t value)
{
    put_head(w, id, THRIFT_I16);
    buf_append_varint(w->out, zigzag_encode(value));
}

void thrift_put_i8(ThriftWriter *w, int16_t id, int8_t value)
{
    put_head(w, id, THRIFT_I8);
    buf_append_byte(w->out, (uint8_t)value);
}

void thrift_put_bool(ThriftWriter *w, int16_t id, bool value)
{
    put_head(w, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void thrift_put_list_binary(ThriftWriter *w, Str bytes)
{
    buf_append_varint(w->out, bytes.len);
    buf_append_str(w->out, bytes);
}

void thrift_put_binary(ThriftWriter *w, int16_t id, Str bytes)
{
    put_head(w, id, THRIFT_BINARY);
    thrift_put_list_binary(w, bytes);
}

void thrift_put_list(ThriftWriter *w, int16_t id, uint8_t element_type, uint32_t count)
{
    put_head(w, id, THRIFT_LIST);
    buf_append_byte(w->out, (uint8_t)(LUMA_MIN(count, 15u) << 4 | element_type));
    if (count >= 15)
        buf_append_varint(w->out, count);
}

void thrift_put_list_i64(ThriftWriter *w, int64_t value)
{
    buf_append_varint(w->out, zigzag_encode(value));
}

void thrift_put_list_bool(ThriftWriter *w, bool value)
{
    buf_append_byte(w->out, value ? THRIFT_TRUE : THRIFT_FALSE);
}

int16_t thrift_begin(ThriftWriter *w, int16_t id)
{
    int16_t saved = id ? id : w->last_id;

    if (id)
        put_head(w, id, THRIFT_STRUCT);
    w->last_id = 0;
    return saved;
}

void thrift_stop(ThriftWriter *w)
{
    buf_append_byte(w->out, THRIFT_STOP);
    w->last_id = 0;
}

void thrift_end(ThriftWriter *w, int16_t saved)
{
    thrift_stop(w);
    w->last_id = saved;
}

void thrift_put_empty(ThriftWriter *w, int16_t id)
{
    thrift_end(w, thrift_begin(w, id));
}

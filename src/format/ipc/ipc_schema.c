/* ipc_schema.c - fields of a stream's schema, and the types they become. */
#include "format/ipc/ipc_reader_int.h"

static const char *arrow_name(ArrowType type)
{
    static const char *const names[] = {
        [ARROW_STRUCT] = "struct",
        [ARROW_UNION] = "union",
        [ARROW_MAP] = "map",
        [ARROW_RUN_END_ENCODED] = "run_end_encoded",
    };
    const char *name = type < LUMA_ARRAY_LEN(names) ? names[type] : NULL;
    return name ? name : "unknown";
}

static Status unsupported(const IpcField *field, Error *err)
{
    return error_set(err, STATUS_UNSUPPORTED,
                     "column \"%.*s\" has the Arrow type %s (%u), which is not read; send it as "
                     "JSON text",
                     (int)LUMA_MIN(field->name.len, 100), field->name.ptr, arrow_name(field->arrow),
                     (unsigned)field->arrow);
}

static Status bad_field(const IpcField *field, const char *what, Error *err)
{
    return error_set(err, STATUS_INVALID, "not an Arrow stream: column \"%.*s\" has %s",
                     (int)LUMA_MIN(field->name.len, 100), field->name.ptr, what);
}

static bool is_width(uint32_t bits)
{
    return bits == 8 || bits == 16 || bits == 32 || bits == 64;
}

static Type int_type(uint32_t bits, bool is_signed)
{
    uint32_t need = is_signed ? bits : 2 * bits;

    return need <= 16   ? TYPE_OF(INT2)
           : need <= 32 ? TYPE_OF(INT4)
           : need <= 64 ? TYPE_OF(INT8)
                        : TYPE_OF(TEXT);
}

static Status read_int(FlatBuffer *fb, FlatTable type, IpcField *field, Error *err)
{
    field->bits = (uint32_t)flat_scalar(fb, type, 0, 4, 0);
    field->is_signed = flat_scalar(fb, type, 1, 1, 0);
    field->type = int_type(field->bits, field->is_signed);
    return is_width(field->bits) ? STATUS_OK : bad_field(field, "integers of odd width", err);
}

static Status read_float(FlatBuffer *fb, FlatTable type, IpcField *field, Error *err)
{
    field->unit = (uint32_t)flat_scalar(fb, type, 0, 2, 0);
    field->type = field->unit == 2 ? TYPE_OF(FLOAT8) : TYPE_OF(FLOAT4);
    return field->unit <= 2 ? STATUS_OK : bad_field(field, "floats of unknown precision", err);
}

static Status read_decimal(FlatBuffer *fb, FlatTable type, IpcField *field, Error *err)
{
    field->scale = (int32_t)flat_scalar(fb, type, 1, 4, 0);
    field->bits = (uint32_t)flat_scalar(fb, type, 2, 4, 128);
    field->type = TYPE_OF(TEXT);
    if ((field->bits != 128 && field->bits != 256) || field->scale < -100 || field->scale > 100)
        return bad_field(field, "decimals of unknown width", err);
    return STATUS_OK;
}

/* Units of Date: day, millisecond; of the others: second, milli-, micro-, nanosecond. */
static Status read_moment(FlatBuffer *fb, FlatTable type, IpcField *field, Error *err)
{
    field->unit = (uint32_t)flat_scalar(fb, type, 0, 2, 1);
    switch (field->arrow) {
    case ARROW_DATE:
        field->type = TYPE_OF(DATE);
        break;
    case ARROW_TIME:
        field->type = TYPE_OF(TIME);
        field->bits = (uint32_t)flat_scalar(fb, type, 1, 4, 32);
        break;
    case ARROW_TIMESTAMP:
        field->unit = (uint32_t)flat_scalar(fb, type, 0, 2, 0);
        field->type = flat_string(fb, type, 1).len ? TYPE_OF(TIMESTAMPTZ) : TYPE_OF(TIMESTAMP);
        break;
    case ARROW_INTERVAL:
        field->unit = (uint32_t)flat_scalar(fb, type, 0, 2, 0);
        field->type = TYPE_OF(INTERVAL);
        break;
    default:
        field->type = TYPE_OF(INTERVAL);
        break;
    }
    if (field->unit > 3)
        return bad_field(field, "an unknown unit of time", err);
    return STATUS_OK;
}

static Status read_list(FlatBuffer *fb, FlatTable table, FlatTable type, uint32_t depth,
                        Arena *arena, IpcField *field, Error *err)
{
    FlatVector children = flat_vector(fb, table, 5, 4);

    if (children.count != 1 || depth >= IPC_DEPTH_MAX)
        return bad_field(field, "a list without elements, or nested too deep", err);
    if (field->arrow == ARROW_FIXED_SIZE_LIST)
        field->bits = (uint32_t)flat_scalar(fb, type, 0, 4, 0);
    field->child = ARENA_NEW(arena, IpcField);
    field->type = TYPE_OF(TEXT);
    return ipc__read_field(fb, flat_element(fb, children, 0), depth + 1, arena, field->child, err);
}

/* custom_metadata {"pg_type": "uuid"} */
static bool says_uuid(FlatBuffer *fb, FlatTable table)
{
    FlatVector pairs = flat_vector(fb, table, 6, 4);

    for (uint32_t i = 0; i < pairs.count; i++) {
        FlatTable pair = flat_element(fb, pairs, i);
        if (str_eq(flat_string(fb, pair, 0), STR("pg_type")))
            return str_eq(flat_string(fb, pair, 1), STR("uuid"));
    }
    return false;
}

static Status read_type(FlatBuffer *fb, FlatTable table, uint32_t depth, Arena *arena,
                        IpcField *field, Error *err)
{
    FlatTable type = (FlatTable)flat_target(fb, table, 3);

    switch (field->arrow) {
    case ARROW_INT:
        return read_int(fb, type, field, err);
    case ARROW_FLOATING_POINT:
        return read_float(fb, type, field, err);
    case ARROW_DECIMAL:
        return read_decimal(fb, type, field, err);
    case ARROW_DATE:
    case ARROW_TIME:
    case ARROW_TIMESTAMP:
    case ARROW_INTERVAL:
    case ARROW_DURATION:
        return read_moment(fb, type, field, err);
    case ARROW_LIST:
    case ARROW_LARGE_LIST:
    case ARROW_FIXED_SIZE_LIST:
        return read_list(fb, table, type, depth, arena, field, err);
    case ARROW_BOOL:
        field->type = TYPE_OF(BOOL);
        return STATUS_OK;
    case ARROW_NULL:
    case ARROW_UTF8:
    case ARROW_LARGE_UTF8:
    case ARROW_UTF8_VIEW:
        field->type = TYPE_OF(TEXT);
        return STATUS_OK;
    case ARROW_BINARY:
    case ARROW_LARGE_BINARY:
    case ARROW_BINARY_VIEW:
        field->type = TYPE_OF(BYTEA);
        return STATUS_OK;
    case ARROW_FIXED_SIZE_BINARY:
        field->bits = (uint32_t)flat_scalar(fb, type, 0, 4, 0);
        field->type = field->bits == 16 && says_uuid(fb, table) ? TYPE_OF(UUID) : TYPE_OF(BYTEA);
        return STATUS_OK;
    default:
        return unsupported(field, err);
    }
}

static Status read_dictionary(FlatBuffer *fb, FlatTable encoding, IpcField *field, Error *err)
{
    FlatTable index = (FlatTable)flat_target(fb, encoding, 1);

    field->has_dictionary = true;
    field->dictionary_id = (int64_t)flat_scalar(fb, encoding, 0, 8, 0);
    field->index_bits = index ? (uint32_t)flat_scalar(fb, index, 0, 4, 0) : 32;
    field->index_signed = index ? flat_scalar(fb, index, 1, 1, 0) != 0 : true;
    return is_width(field->index_bits) ? STATUS_OK : bad_field(field, "codes of odd width", err);
}

Status ipc__read_field(FlatBuffer *fb, FlatTable table, uint32_t depth, Arena *arena,
                       IpcField *ret_field, Error *err)
{
    IpcField *field = ret_field;

    *field = (IpcField){.name = flat_string(fb, table, 0), .depth = depth};
    field->arrow = (ArrowType)flat_scalar(fb, table, 2, 1, 0);
    if (!str_utf8_valid(field->name))
        return error_set(err, STATUS_INVALID, "a column's name is not UTF-8");
    if (fb->failed)
        return error_set(err, STATUS_INVALID, "not an Arrow stream: its schema is damaged");
    TRY(read_type(fb, table, depth, arena, field, err));
    FlatTable encoding = (FlatTable)flat_target(fb, table, 4);
    if (encoding)
        TRY(read_dictionary(fb, encoding, field, err));
    if (fb->failed)
        return error_set(err, STATUS_INVALID, "not an Arrow stream: its schema is damaged");
    return STATUS_OK;
}

/* value.c - see value.h. */
#include "query/func/value.h"

#include "base/hash.h"
#include "format/pgtype/datetime.h"
#include "format/pgtype/jsonb.h"
#include "format/pgtype/numeric.h"
#include "format/pgtype/pgarray.h"
#include "format/pgtype/pgbit.h"

/* ---------------------------------------------------------------- order */

#define THREE_WAY(x, y) (((x) > (y)) - ((x) < (y)))

static int cmp_int(const Column *a, size_t i, const Column *b, size_t j)
{
    int64_t x = column_i64(a, i);
    int64_t y = column_i64(b, j);
    return THREE_WAY(x, y);
}

static int cmp_bool(const Column *a, size_t i, const Column *b, size_t j)
{
    return (int)column_bool(a, i) - (int)column_bool(b, j);
}

static int cmp_double(const Column *a, size_t i, const Column *b, size_t j)
{
    double x = column_f64(a, i);
    double y = column_f64(b, j);
    if (x != x || y != y)
        return (x != x) - (y != y);
    return THREE_WAY(x, y);
}

static int cmp_text(const Column *a, size_t i, const Column *b, size_t j)
{
    return str_cmp(column_str(a, i), column_str(b, j));
}

static Str without_padding(Str s)
{
    while (s.len && s.ptr[s.len - 1] == ' ')
        s.len--;
    return s;
}

static int cmp_bpchar(const Column *a, size_t i, const Column *b, size_t j)
{
    return str_cmp(without_padding(column_str(a, i)), without_padding(column_str(b, j)));
}

static const View *view_at(const Column *c, size_t i)
{
    const Column *at;
    return column_at_(c, i, sizeof(View), &at);
}

static int cmp_numeric(const Column *a, size_t i, const Column *b, size_t j)
{
    return numeric_cmp(view_at(a, i), view_at(b, j));
}

static int cmp_bits(const Column *a, size_t i, const Column *b, size_t j)
{
    return pgbit_cmp(column_str(a, i), column_str(b, j));
}

static int cmp_jsonb(const Column *a, size_t i, const Column *b, size_t j)
{
    return jsonb_cmp(column_str(a, i), column_str(b, j));
}

static int cmp_interval(const Column *a, size_t i, const Column *b, size_t j)
{
    return interval_cmp(column_fixed16(a, i), column_fixed16(b, j));
}

static int cmp_timetz(const Column *a, size_t i, const Column *b, size_t j)
{
    return timetz_cmp(column_fixed16(a, i), column_fixed16(b, j));
}

static int cmp_uuid(const Column *a, size_t i, const Column *b, size_t j)
{
    return memcmp(column_fixed16(a, i), column_fixed16(b, j), 16);
}

/* btarraycmp: element by element, NULL last; then count, dimensions, lengths, lower bounds. */
static int cmp_array(const Column *a, size_t i, const Column *b, size_t j)
{
    Arena scratch;
    PgArray x = pgarray_open(a->type, column_str(a, i));
    PgArray y = pgarray_open(b->type, column_str(b, j));
    Column ex;
    Column ey;
    int order = 0;

    arena_init(&scratch, NULL);
    if (pgarray_elements(&x, &scratch, &ex, NULL) == STATUS_OK &&
        pgarray_elements(&y, &scratch, &ey, NULL) == STATUS_OK) {
        ValueCmp cmp = value_cmp_fn(x.element);
        for (uint32_t k = 0; k < LUMA_MIN(x.count, y.count) && !order; k++) {
            bool x_null = pgarray_is_null(&x, k);
            bool y_null = pgarray_is_null(&y, k);
            order = x_null || y_null ? (int)x_null - (int)y_null : cmp(&ex, k, &ey, k);
        }
    }
    arena_done(&scratch);
    if (!order)
        order = THREE_WAY(x.count, y.count);
    if (!order)
        order = THREE_WAY(x.dim_count, y.dim_count);
    for (uint32_t d = 0; d < x.dim_count && !order; d++) {
        order = THREE_WAY(x.lengths[d], y.lengths[d]);
        if (!order)
            order = THREE_WAY(x.lowers[d], y.lowers[d]);
    }
    return order;
}

static int cmp_record(const Column *a, size_t i, const Column *b, size_t j)
{
    Arena scratch;
    Str x = column_str(a, i);
    Str y = column_str(b, j);
    uint32_t x_count = pgrecord_field_count(x);
    uint32_t y_count = pgrecord_field_count(y);
    int order = 0;

    arena_init(&scratch, NULL);
    for (uint32_t k = 0; k < LUMA_MIN(x_count, y_count) && !order; k++) {
        Column fx;
        Column fy;
        if (!pgrecord_field(x, k, &scratch, &fx) || !pgrecord_field(y, k, &scratch, &fy))
            break;
        bool x_null = column_is_null(&fx, 0);
        bool y_null = column_is_null(&fy, 0);
        if (x_null || y_null)
            order = (int)x_null - (int)y_null;
        else if (type_eq(fx.type, fy.type))
            order = value_cmp_fn(fx.type)(&fx, 0, &fy, 0);
        else
            order = THREE_WAY(type_oid(fx.type), type_oid(fy.type));
    }
    arena_done(&scratch);
    return order ? order : THREE_WAY(x_count, y_count);
}

ValueCmp value_cmp_fn(Type type)
{
    if (type.is_array || type.id == TYPE_INT2VECTOR || type.id == TYPE_OIDVECTOR)
        return cmp_array;
    switch (type.id) {
    case TYPE_BOOL:
    case TYPE_VOID:
        return cmp_bool;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return cmp_double;
    case TYPE_NUMERIC:
        return cmp_numeric;
    case TYPE_BPCHAR:
        return cmp_bpchar;
    case TYPE_TIMETZ:
        return cmp_timetz;
    case TYPE_INTERVAL:
        return cmp_interval;
    case TYPE_UUID:
        return cmp_uuid;
    case TYPE_BIT:
    case TYPE_VARBIT:
        return cmp_bits;
    case TYPE_JSONB:
        return cmp_jsonb;
    case TYPE_RECORD:
        return cmp_record;
    default:
        return type_layout(type) == LAYOUT_VIEW ? cmp_text : cmp_int;
    }
}

/* ---------------------------------------------------------------- equality */

static bool eq_int(const Column *a, size_t i, const Column *b, size_t j)
{
    return column_i64(a, i) == column_i64(b, j);
}

static bool eq_bool(const Column *a, size_t i, const Column *b, size_t j)
{
    return column_bool(a, i) == column_bool(b, j);
}

static bool eq_text(const Column *a, size_t i, const Column *b, size_t j)
{
    return view_eq(view_at(a, i), view_at(b, j));
}

static bool eq_uuid(const Column *a, size_t i, const Column *b, size_t j)
{
    return memcmp(column_fixed16(a, i), column_fixed16(b, j), 16) == 0;
}

#define EQ_BY_CMP(name)                                                                            \
    static bool eq_by_##name(const Column *a, size_t i, const Column *b, size_t j)                 \
    {                                                                                              \
        return name(a, i, b, j) == 0;                                                              \
    }
EQ_BY_CMP(cmp_double)
EQ_BY_CMP(cmp_numeric)
EQ_BY_CMP(cmp_bpchar)
EQ_BY_CMP(cmp_timetz)
EQ_BY_CMP(cmp_interval)
EQ_BY_CMP(cmp_array)
EQ_BY_CMP(cmp_record)
EQ_BY_CMP(cmp_jsonb)

ValueEq value_eq_fn(Type type)
{
    if (type.is_array || type.id == TYPE_INT2VECTOR || type.id == TYPE_OIDVECTOR)
        return eq_by_cmp_array;
    switch (type.id) {
    case TYPE_BOOL:
    case TYPE_VOID:
        return eq_bool;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return eq_by_cmp_double;
    case TYPE_NUMERIC:
        return eq_by_cmp_numeric;
    case TYPE_BPCHAR:
        return eq_by_cmp_bpchar;
    case TYPE_TIMETZ:
        return eq_by_cmp_timetz;
    case TYPE_INTERVAL:
        return eq_by_cmp_interval;
    case TYPE_UUID:
        return eq_uuid;
    case TYPE_JSONB:
        return eq_by_cmp_jsonb;
    case TYPE_RECORD:
        return eq_by_cmp_record;
    default:
        return type_layout(type) == LAYOUT_VIEW ? eq_text : eq_int;
    }
}

/* ---------------------------------------------------------------- hash */

/* -0 hashes as 0 and every NaN as one. */
static uint64_t double_bits(double v)
{
    if (v == 0)
        v = 0;
    uint64_t bits;
    memcpy(&bits, &v, 8);
    return v != v ? UINT64_C(0x7ff8000000000000) : bits;
}

static uint64_t hash_int(const Column *c, size_t i)
{
    return hash_u64((uint64_t)column_i64(c, i));
}

static uint64_t hash_bool(const Column *c, size_t i)
{
    return hash_u64(column_bool(c, i));
}

static uint64_t hash_double(const Column *c, size_t i)
{
    return hash_u64(double_bits(column_f64(c, i)));
}

static uint64_t hash_text(const Column *c, size_t i)
{
    const View *v = view_at(c, i);
    if (v->len <= VIEW_INLINE_MAX) { /* unused bytes are zero, so the View itself is the key */
        uint64_t a;
        uint64_t b;
        memcpy(&a, v, 8);
        memcpy(&b, v->inlined + 4, 8);
        return hash_u64(a ^ (b * UINT64_C(0x9E3779B97F4A7C15)));
    }
    return hash64(v->ptr, v->len, 0);
}

static uint64_t hash_bpchar(const Column *c, size_t i)
{
    return hash_str(without_padding(column_str(c, i)));
}

static uint64_t hash_numeric(const Column *c, size_t i)
{
    return numeric_hash(view_at(c, i));
}

static uint64_t hash_interval(const Column *c, size_t i)
{
    return interval_hash(column_fixed16(c, i));
}

static uint64_t hash_timetz(const Column *c, size_t i)
{
    const TimeTz *value = column_fixed16(c, i);
    return hash_u64((uint64_t)(value->us + value->zone_sec * US_PER_SEC) ^
                    (uint64_t)(uint32_t)value->zone_sec << 40);
}

static uint64_t hash_uuid(const Column *c, size_t i)
{
    return hash64(column_fixed16(c, i), 16, 0);
}

static uint64_t hash_elements(const Column *elements, uint32_t count)
{
    uint64_t hash = count;
    ValueHash fn = value_hash_fn(elements->type);
    for (uint32_t k = 0; k < count; k++)
        hash = hash_u64(hash * 31 + (column_is_null(elements, k) ? 1 : fn(elements, k)));
    return hash;
}

static uint64_t hash_array(const Column *c, size_t i)
{
    Arena scratch;
    PgArray array = pgarray_open(c->type, column_str(c, i));
    Column elements;
    uint64_t hash = 0;

    arena_init(&scratch, NULL);
    if (pgarray_elements(&array, &scratch, &elements, NULL) == STATUS_OK)
        hash = hash_elements(&elements, array.count);
    arena_done(&scratch);
    return hash;
}

static uint64_t hash_jsonb(const Column *c, size_t i)
{
    return jsonb_hash(column_str(c, i));
}

static uint64_t hash_record(const Column *c, size_t i)
{
    Arena scratch;
    Str bytes = column_str(c, i);
    uint64_t hash = 0;

    arena_init(&scratch, NULL);
    for (uint32_t k = 0; k < pgrecord_field_count(bytes); k++) {
        Column field;
        if (!pgrecord_field(bytes, k, &scratch, &field))
            break;
        hash = hash_u64(hash * 31 + hash_elements(&field, 1));
    }
    arena_done(&scratch);
    return hash;
}

ValueHash value_hash_fn(Type type)
{
    if (type.is_array || type.id == TYPE_INT2VECTOR || type.id == TYPE_OIDVECTOR)
        return hash_array;
    switch (type.id) {
    case TYPE_BOOL:
    case TYPE_VOID:
        return hash_bool;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return hash_double;
    case TYPE_NUMERIC:
        return hash_numeric;
    case TYPE_BPCHAR:
        return hash_bpchar;
    case TYPE_TIMETZ:
        return hash_timetz;
    case TYPE_INTERVAL:
        return hash_interval;
    case TYPE_UUID:
        return hash_uuid;
    case TYPE_JSONB:
        return hash_jsonb;
    case TYPE_RECORD:
        return hash_record;
    default:
        return type_layout(type) == LAYOUT_VIEW ? hash_text : hash_int;
    }
}

bool value_is_bitwise(Type type)
{
    if (type.is_array)
        return false;
    switch (type_layout(type)) {
    case LAYOUT_INT8:
    case LAYOUT_INT16:
    case LAYOUT_INT32:
    case LAYOUT_INT64:
        return true;
    default:
        return type.id == TYPE_BOOL || type.id == TYPE_UUID;
    }
}

static const uint64_t NULL_HASH = UINT64_C(0x51ed270b0a1f39c1);

static inline uint64_t mix(uint64_t before, uint64_t hash)
{
    return (before * UINT64_C(0x9E3779B97F4A7C15)) ^ (hash + (before >> 29));
}

void value_hash_column(const Column *c, uint32_t rows, bool combine, uint64_t *hashes)
{
    ValueHash fn = value_hash_fn(c->type);

    if (c->is_const) {
        uint64_t hash = rows && !column_is_null(c, 0) ? fn(c, 0) : NULL_HASH;
        for (uint32_t i = 0; i < rows; i++)
            hashes[i] = combine ? mix(hashes[i], hash) : hash;
        return;
    }
    if (!c->dict && !c->validity && value_is_bitwise(c->type) &&
        type_layout(c->type) == LAYOUT_INT32) {
        const int32_t *values = c->values;
        for (uint32_t i = 0; i < rows; i++) {
            uint64_t hash = hash_u64((uint64_t)(int64_t)values[i]);
            hashes[i] = combine ? mix(hashes[i], hash) : hash;
        }
        return;
    }
    if (!c->dict && !c->validity && type_layout(c->type) == LAYOUT_INT64) {
        const uint64_t *values = c->values;
        for (uint32_t i = 0; i < rows; i++)
            hashes[i] = combine ? mix(hashes[i], hash_u64(values[i])) : hash_u64(values[i]);
        return;
    }
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t hash = column_is_null(c, i) ? NULL_HASH : fn(c, i);
        hashes[i] = combine ? mix(hashes[i], hash) : hash;
    }
}

/* ---------------------------------------------------------------- sort prefixes */

static uint64_t order_i64(int64_t v)
{
    return (uint64_t)v ^ UINT64_C(0x8000000000000000);
}

static uint64_t order_double(double v)
{
    uint64_t bits = double_bits(v);
    return bits >> 63 ? ~bits : bits | UINT64_C(0x8000000000000000);
}

static uint64_t text_prefix(Str s)
{
    unsigned char bytes[8] = {0};
    uint64_t word;
    memcpy(bytes, s.ptr, LUMA_MIN(s.len, (size_t)8));
    memcpy(&word, bytes, 8);
    return __builtin_bswap64(word);
}

/* A double is monotone in the number, so it orders all but close neighbours. */
static uint64_t numeric_prefix(const View *v)
{
    return order_double(numeric_to_f64(v, NULL));
}

uint64_t value_sort_prefix(const Column *c, size_t i)
{
    if (c->type.is_array)
        return 0;
    switch (c->type.id) {
    case TYPE_BOOL:
    case TYPE_VOID:
        return column_bool(c, i);
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
        return order_double(column_f64(c, i));
    case TYPE_NUMERIC:
        return numeric_prefix(view_at(c, i));
    case TYPE_BPCHAR:
        return text_prefix(without_padding(column_str(c, i)));
    case TYPE_UUID:
        return text_prefix(str_make(column_fixed16(c, i), 16));
    case TYPE_INTERVAL:
        return order_i64((int64_t)(interval_span(column_fixed16(c, i)) >> 32));
    case TYPE_TIMETZ:
    case TYPE_RECORD:
    case TYPE_BIT:
    case TYPE_VARBIT:
    case TYPE_JSONB:
    case TYPE_INT2VECTOR:
    case TYPE_OIDVECTOR:
        return 0;
    default:
        return type_layout(c->type) == LAYOUT_VIEW ? text_prefix(column_str(c, i))
                                                   : order_i64(column_i64(c, i));
    }
}

bool value_prefix_is_whole(Type type)
{
    if (type.is_array)
        return false;
    switch (type_layout(type)) {
    case LAYOUT_FIXED16:
    case LAYOUT_VIEW:
        return false;
    default:
        return true;
    }
}

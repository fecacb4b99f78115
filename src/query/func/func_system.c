/* func_system.c - what a session asks about itself, uuids, sizes. Functions that look into the
 * catalog belong to query/sql. */
#include <openssl/rand.h>

#include "query/func/func_int.h"

static Status constant_text(const EvalContext *ctx, uint32_t rows, Str text, Column *ret,
                            Error *err)
{
    TRY(column_init(ret, ctx->arena, ret->type, 1, false, err));
    TRY(func__set_copy(ctx, ret, 0, text, err));
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

static const EvalSettings *settings_of(const EvalContext *ctx)
{
    static const EvalSettings none;
    return ctx->settings ? ctx->settings : &none;
}

#define TEXT_FN(name, text)                                                                        \
    static Status name(const EvalContext *ctx, const Column *args, uint32_t arg_count,             \
                       uint32_t rows, Column *ret, Error *err)                                     \
    {                                                                                              \
        return constant_text(ctx, rows, text, ret, err);                                           \
    }
TEXT_FN(version, STR("PostgreSQL 15.0 (LumaDB " LUMADB_VERSION ")"))
TEXT_FN(current_user_fn, settings_of(ctx)->user)
TEXT_FN(current_database, settings_of(ctx)->database)

/* The first schema of the search path that is not the user's own. */
static bool next_schema(Str *path, Str *ret)
{
    Str part;
    while (str_split(path, ',', &part)) {
        part = str_trim(part);
        if (part.len >= 2 && part.ptr[0] == '"' && part.ptr[part.len - 1] == '"')
            part = str_sub(part, 1, part.len - 2);
        if (!part.len || str_eq(part, STR("$user")))
            continue;
        *ret = part;
        return true;
    }
    return false;
}

static Str search_path(const EvalContext *ctx)
{
    Str path = settings_of(ctx)->search_path;
    return path.ptr ? path : STR("public");
}

static Status current_schema(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                             uint32_t rows, Column *ret, Error *err)
{
    Str path = search_path(ctx);
    Str schema;
    if (!next_schema(&path, &schema))
        return column_init_null(ret, ctx->arena, ret->type, rows, err);
    return constant_text(ctx, rows, schema, ret, err);
}

ROW_KERNEL(current_schemas)
{
    Str path = search_path(ctx);
    Str schema;
    Str names[64];
    uint32_t count = 0;
    Column elements;
    if (ARG_BOOL(0))
        names[count++] = STR("pg_catalog");
    while (count < LUMA_ARRAY_LEN(names) && next_schema(&path, &schema))
        if (!(ARG_BOOL(0) && str_eq(schema, STR("pg_catalog"))))
            names[count++] = schema;
    TRY(column_init(&elements, ctx->arena, T(NAME), count, false, err));
    for (uint32_t i = 0; i < count; i++)
        func__set_str(&elements, i, names[i]);
    return pgarray_make(ret->type, &elements, 0, count, ctx->arena,
                        (View *)column_values(ret) + row, err);
}

static Status find_setting(const EvalContext *ctx, Str name, Str *ret)
{
    const EvalSettings *s = settings_of(ctx);
    if (s->setting && s->setting(s->setting_ctx, name, ret))
        return STATUS_OK;
    return STATUS_NOT_FOUND;
}
ROW_KERNEL(current_setting)
{
    Str value;
    Str name = ARG_STR(0);
    if (find_setting(ctx, name, &value) == STATUS_OK)
        return func__set_copy(ctx, ret, row, value, err);
    if (arg_count > 1 && ARG_BOOL(1))
        return func__set_null(ctx, ret, row, err);
    return error_set_sql(err, STATUS_INVALID, "42704", 0,
                         "unrecognized configuration parameter \"%.*s\"", STR_FMT(name));
}

static Status pg_backend_pid(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                             uint32_t rows, Column *ret, Error *err)
{
    TRY(column_init(ret, ctx->arena, ret->type, 1, false, err));
    *(int32_t *)column_values(ret) = (int32_t)settings_of(ctx)->backend_pid;
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

static Status constant_false(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                             uint32_t rows, Column *ret, Error *err)
{
    TRY(column_init(ret, ctx->arena, ret->type, 1, false, err));
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

/* The type of the expression, whatever its value. */
static Status pg_typeof(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                        uint32_t rows, Column *ret, Error *err)
{
    TRY(column_init(ret, ctx->arena, ret->type, 1, false, err));
    *(int64_t *)column_values(ret) = type_oid(args[0].type);
    ret->is_const = true;
    ret->len = rows;
    return STATUS_OK;
}

static Status gen_random_uuid(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                              uint32_t rows, Column *ret, Error *err)
{
    TRY(column_init(ret, ctx->arena, ret->type, rows, false, err));
    unsigned char *out = column_values(ret);
    if (rows && RAND_bytes(out, (int)(16 * rows)) != 1)
        return error_set(err, STATUS_INTERNAL, "no random bytes");
    for (uint32_t i = 0; i < rows; i++) {
        out[i * 16 + 6] = (out[i * 16 + 6] & 0x0F) | 0x40; /* version 4 */
        out[i * 16 + 8] = (out[i * 16 + 8] & 0x3F) | 0x80; /* RFC 4122 variant */
    }
    return STATUS_OK;
}

ROW_KERNEL(pg_size_pretty)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB", "PB"};
    int64_t size = ARG(int64_t, 0);
    CLEANUP(buf_done) Buf out = {0};
    size_t unit = 0;
    /* As PostgreSQL: the next unit from 10 times 1024 on, rounded half away from zero. */
    int64_t limit = 10 * 1024;
    bool halves = false;
    while (unit + 1 < LUMA_ARRAY_LEN(units) && (size >= limit || size <= -limit)) {
        size = halves ? size / 1024 : size / 512;
        limit = 20 * 1024 - 1;
        halves = true;
        unit++;
    }
    if (halves)
        size = (size + (size > 0 ? 1 : -1)) / 2;
    buf_printf(&out, "%lld %s", (long long)size, units[unit]);
    return func__set_copy(ctx, ret, row, buf_str(&out), err);
}

ROW_KERNEL(pg_column_size)
{
    if (type_layout(args[0].type) == LAYOUT_VIEW)
        SET(int32_t, (int32_t)ARG_STR(0).len);
    else
        SET(int32_t, (int32_t)LUMA_MAX(layout_width(type_layout(args[0].type)), (size_t)1));
    return STATUS_OK;
}

static Status count_nulls(const EvalContext *ctx, const Column *args, uint32_t arg_count,
                          uint32_t row, bool want_null, Column *ret)
{
    int32_t count = 0;
    for (uint32_t i = 0; i < arg_count; i++)
        count += column_is_null(&args[i], row) == want_null;
    SET(int32_t, count);
    return STATUS_OK;
}
ROW_KERNEL_NULLABLE(num_nulls)
{
    return count_nulls(ctx, args, arg_count, row, true, ret);
}
ROW_KERNEL_NULLABLE(num_nonnulls)
{
    return count_nulls(ctx, args, arg_count, row, false, ret);
}

#define STABLE_FN(name_, oid_, kernel_, ret_, argc_, ...)                                          \
    {                                                                                              \
        .name = name_, .oid = oid_, .arg_count = argc_, .strict = true,                            \
        .volatility = VOLATILITY_STABLE, .args = {__VA_ARGS__}, .ret = ret_, .kernel = kernel_     \
    }

static const Function functions[] = {
    STABLE_FN("version", 89, version, T(TEXT), 0, {0}),
    STABLE_FN("current_user", 745, current_user_fn, T(NAME), 0, {0}),
    STABLE_FN("session_user", 746, current_user_fn, T(NAME), 0, {0}),
    STABLE_FN("current_role", 0, current_user_fn, T(NAME), 0, {0}),
    STABLE_FN("user", 0, current_user_fn, T(NAME), 0, {0}),
    STABLE_FN("current_database", 861, current_database, T(NAME), 0, {0}),
    STABLE_FN("current_catalog", 0, current_database, T(NAME), 0, {0}),
    STABLE_FN("current_schema", 1402, current_schema, T(NAME), 0, {0}),
    STABLE_FN("current_schemas", 1403, current_schemas, AT(NAME), 1, T(BOOL)),
    STABLE_FN("current_setting", 2077, current_setting, T(TEXT), 1, T(TEXT)),
    STABLE_FN("current_setting", 3294, current_setting, T(TEXT), 2, T(TEXT), T(BOOL)),
    STABLE_FN("pg_backend_pid", 2026, pg_backend_pid, T(INT4), 0, {0}),
    {.name = "pg_is_in_recovery",
     .oid = 3810,
     .strict = true,
     .volatility = VOLATILITY_VOLATILE,
     .ret = T(BOOL),
     .kernel = constant_false},
    {.name = "pg_typeof",
     .oid = 1619,
     .arg_count = 1,
     .volatility = VOLATILITY_STABLE,
     .args = {T(ANY)},
     .ret = T(REGTYPE),
     .kernel = pg_typeof},
    {.name = "gen_random_uuid",
     .oid = 3432,
     .strict = true,
     .volatility = VOLATILITY_VOLATILE,
     .ret = T(UUID),
     .kernel = gen_random_uuid},
    FN("pg_size_pretty", 2288, pg_size_pretty, T(TEXT), 1, T(INT8)),
    STABLE_FN("pg_column_size", 1269, pg_column_size, T(INT4), 1, T(ANY)),
    {.name = "num_nulls",
     .oid = 438,
     .arg_count = 1,
     .variadic = true,
     .args = {T(ANY)},
     .ret = T(INT4),
     .kernel = num_nulls},
    {.name = "num_nonnulls",
     .oid = 440,
     .arg_count = 1,
     .variadic = true,
     .args = {T(ANY)},
     .ret = T(INT4),
     .kernel = num_nonnulls},
};
const FuncTable func__system_table = {functions, LUMA_ARRAY_LEN(functions)};

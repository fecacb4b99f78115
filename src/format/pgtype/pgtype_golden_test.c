/* pgtype_golden_test.c - compares with what PostgreSQL 15 printed: test/golden/pgtype.tsv, or the
 * tables given as arguments (test/golden/pgtype_cases.py makes them). Parsed values also go through
 * their binary format and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "format/pgtype/datetime.h"
#include "format/pgtype/numeric.h"

enum { FIELDS = 6, LINE_MAX_BYTES = 1 << 19, SHOWN_MAX = 20 };

typedef struct Case {
    Str area;
    Str op;
    Str settings;
    Str a;
    Str b;
    Str expected;
} Case;

typedef struct Run {
    Arena arena;
    Buf out;
    PgSettings settings;
    bool is_null;
    Error err;
} Run;

static char **tables;
static int table_count;

/* ---------------------------------------------------------------- parse */

/* "numeric(5,2)", "interval day to second(1)", "int4[]" as a type with typmod. */
static Type read_type(Str name)
{
    static const struct {
        const char *text;
        int range;
    } ranges[] = {
        {"year to month", 1 << 1 | 1 << 2},
        {"day to second", 1 << 3 | 1 << 10 | 1 << 11 | 1 << 12},
        {"year", 1 << 2},
        {"month", 1 << 1},
        {"day to hour", 1 << 3 | 1 << 10},
        {"day", 1 << 3},
        {"hour", 1 << 10},
        {"minute", 1 << 11},
        {"second", 1 << 12},
    };
    Type type = TYPE_OF(UNKNOWN);
    int p = -1;
    int q = 0;
    ptrdiff_t paren = str_find_byte(name, '(');
    char text[64];

    if (paren > 0)
        (void)sscanf(name.ptr + paren, "(%d,%d", &p, &q);
    if (str_starts(name, STR("interval "))) {
        Str fields = str_sub(name, 9, paren > 0 ? (size_t)paren - 9 : name.len);
        type = TYPE_OF(INTERVAL);
        for (size_t i = 0; i < LUMA_ARRAY_LEN(ranges); i++)
            if (str_eq(fields, str_from(ranges[i].text)))
                type.typmod = ranges[i].range << 16 | (p < 0 ? 0xFFFF : p);
        assert_true(type.typmod >= 0);
        return type;
    }
    bool array = str_ends(name, STR("[]"));
    Str base = str_sub(name, 0, paren > 0 ? (size_t)paren : name.len - (array ? 2 : 0));
    (void)snprintf(text, sizeof text, "%s%.*s", array ? "_" : "", STR_FMT(base));
    if (!type_from_pg_name(str_from(text), &type))
        fail_msg("type %s", text);
    if (p >= 0)
        type.typmod = type.id == TYPE_NUMERIC ? numeric_typmod(p, q) : p;
    return type;
}

/* The short ways to a value's bytes yield the same. */
static void check_put(const Column *column, const Run *r, PgPutFn put, bool is_view, Str want)
{
    char text[PG_PUT_BYTES_MAX];

    if (put)
        assert_true(str_eq(want, (Str){text, (size_t)(put(column, 0, &r->settings, text) - text)}));
    if (is_view)
        assert_true(str_eq(want, column_str(column, 0)));
}

static Status run_parse(const Case *c, Run *r)
{
    CLEANUP(buf_done) Buf wire = {0};
    Type type = read_type(c->op);
    Column column;

    TRY(column_init(&column, &r->arena, type, 1, true, &r->err));
    TRY(pgtype_parse_text(c->a, &r->settings, &column, 0, &r->arena, &r->err));
    if (type.id != TYPE_RECORD) {
        Column copy;
        pgtype_append_binary(&column, 0, &r->settings, &wire);
        check_put(&column, r, pgtype_binary_put_fn(type), pgtype_binary_is_view(type),
                  buf_str(&wire));
        TRY(column_init(&copy, &r->arena, type, 1, true, &r->err));
        TRY(pgtype_parse_binary(buf_str(&wire), &r->settings, &copy, 0, &r->arena, &r->err));
        column = copy;
    }
    size_t at = r->out.len;
    pgtype_append_text(&column, 0, &r->settings, &r->out);
    check_put(&column, r, pgtype_text_put_fn(type), pgtype_text_is_view(type),
              (Str){r->out.ptr + at, r->out.len - at});
    return STATUS_OK;
}

/* ---------------------------------------------------------------- numeric */

static Status run_numeric_pair(const Case *c, Run *r, View *ret)
{
    static const struct {
        const char *op;
        Status (*fn)(const View *, const View *, Arena *, View *, Error *);
    } ops[] = {{"+", numeric_add},   {"-", numeric_sub},        {"*", numeric_mul},
               {"/", numeric_div},   {"%", numeric_mod},        {"^", numeric_power},
               {"log", numeric_log}, {"div", numeric_div_trunc}};
    View a;
    View b;

    TRY(numeric_parse(c->a, -1, &r->arena, &a, &r->err));
    TRY(numeric_parse(c->b, -1, &r->arena, &b, &r->err));
    if (str_eq(c->op, STR("cmp"))) {
        if (numeric_cmp(&a, &b) == 0)
            assert_true(numeric_hash(&a) == numeric_hash(&b));
        *ret = numeric_from_i64(numeric_cmp(&a, &b));
        return STATUS_OK;
    }
    for (size_t i = 0; i < LUMA_ARRAY_LEN(ops); i++)
        if (str_eq(c->op, str_from(ops[i].op)))
            return ops[i].fn(&a, &b, &r->arena, ret, &r->err);
    fail_msg("operation %.*s", STR_FMT(c->op));
    return STATUS_INTERNAL;
}

static Status run_numeric_single(const Case *c, Run *r, View *ret)
{
    static const struct {
        const char *op;
        Status (*fn)(const View *, Arena *, View *, Error *);
    } ops[] = {{"sqrt", numeric_sqrt},   {"ln", numeric_ln},          {"exp", numeric_exp},
               {"abs", numeric_abs},     {"neg", numeric_neg},        {"ceil", numeric_ceil},
               {"floor", numeric_floor}, {"trim", numeric_trim_scale}};
    View a;

    TRY(numeric_parse(c->a, -1, &r->arena, &a, &r->err));
    if (str_eq(c->op, STR("round")))
        return numeric_round(&a, (int)strtol(c->b.ptr, NULL, 10), &r->arena, ret, &r->err);
    if (str_eq(c->op, STR("trunc")))
        return numeric_trunc(&a, (int)strtol(c->b.ptr, NULL, 10), &r->arena, ret, &r->err);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(ops); i++)
        if (str_eq(c->op, str_from(ops[i].op)))
            return ops[i].fn(&a, &r->arena, ret, &r->err);
    return run_numeric_pair(c, r, ret);
}

static Status run_numeric(const Case *c, Run *r)
{
    View n = {0};
    double f;

    if (str_eq(c->op, STR("from8"))) {
        TRY(pgtype_parse_float8(c->a, &f, &r->err));
        TRY(numeric_from_f64(f, &r->arena, &n, &r->err));
    } else if (str_eq(c->op, STR("float8"))) {
        bool overflow;
        TRY(numeric_parse(c->a, -1, &r->arena, &n, &r->err));
        pgtype_append_float8(&r->out, numeric_to_f64(&n, &overflow), 1);
        assert_false(overflow);
        return STATUS_OK;
    } else if (str_eq(c->op, STR("int8"))) {
        int64_t v;
        TRY(numeric_parse(c->a, -1, &r->arena, &n, &r->err));
        TRY(numeric_to_i64(&n, INT64_MIN, INT64_MAX, "bigint", &v, &r->err));
        n = numeric_from_i64(v);
    } else {
        TRY(run_numeric_single(c, r, &n));
    }
    numeric_append_text(&n, &r->out);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- dates and times */

static Status parse_moment(Run *r, Str text, bool zoned, int64_t *ret)
{
    return zoned ? timestamptz_parse(text, &r->settings, -1, ret, &r->err)
                 : timestamp_parse(text, &r->settings, -1, ret, &r->err);
}

static void append_moment(Run *r, int64_t us, bool zoned)
{
    if (zoned)
        timestamptz_append(&r->out, us, &r->settings);
    else
        timestamp_append(&r->out, us, &r->settings);
}

/* Operations on moments: true when `op` is one. */
static bool run_moment(const Case *c, Run *r, Status *ret)
{
    bool zoned = str_starts(c->op, STR("tz"));
    Str op = str_sub(c->op, zoned || str_starts(c->op, STR("ts")) ? 2 : 0, c->op.len);
    const TimeZone *tz = r->settings.time_zone;
    int64_t a;
    int64_t b;
    Interval span;

    *ret = STATUS_OK;
    if (str_eq(op, STR("trunc"))) {
        if ((*ret = parse_moment(r, c->b, zoned, &a)) == STATUS_OK &&
            (*ret = zoned ? timestamptz_trunc(c->a, a, tz, &b, &r->err)
                          : timestamp_trunc(c->a, a, &b, &r->err)) == STATUS_OK)
            append_moment(r, b, zoned);
    } else if (str_eq(op, STR("age")) || str_eq(c->op, STR("ts-"))) {
        if ((*ret = parse_moment(r, c->a, zoned, &a)) == STATUS_OK &&
            (*ret = parse_moment(r, c->b, zoned, &b)) == STATUS_OK &&
            (*ret = str_eq(c->op, STR("ts-")) ? timestamp_sub(a, b, &span, &r->err)
                    : zoned                   ? timestamptz_age(a, b, tz, &span, &r->err)
                                              : timestamp_age(a, b, &span, &r->err)) == STATUS_OK)
            interval_append(&r->out, &span, r->settings.interval_style);
    } else if (str_eq(c->op, STR("ts+")) || str_eq(c->op, STR("tz+"))) {
        if ((*ret = parse_moment(r, c->a, zoned, &a)) == STATUS_OK &&
            (*ret = interval_parse(c->b, &r->settings, -1, &span, &r->err)) == STATUS_OK &&
            (*ret = zoned ? timestamptz_add_interval(a, &span, tz, &b, &r->err)
                          : timestamp_add_interval(a, &span, &b, &r->err)) == STATUS_OK)
            append_moment(r, b, zoned);
    } else {
        return false;
    }
    return true;
}

static Status run_span(const Case *c, Run *r)
{
    Interval a;
    Interval b;
    double f;

    if (str_eq(c->op, STR("ivtrunc"))) {
        TRY(interval_parse(c->b, &r->settings, -1, &a, &r->err));
        TRY(interval_trunc(c->a, &a, &b, &r->err));
        interval_append(&r->out, &b, r->settings.interval_style);
        return STATUS_OK;
    }
    TRY(interval_parse(c->a, &r->settings, -1, &a, &r->err));
    if (str_eq(c->op, STR("iv*")) || str_eq(c->op, STR("iv/"))) {
        TRY(pgtype_parse_float8(c->b, &f, &r->err));
        TRY((c->op.ptr[2] == '*' ? interval_mul : interval_div)(&a, f, &b, &r->err));
    } else if (str_eq(c->op, STR("jh"))) {
        TRY(interval_justify_hours(&a, &b, &r->err));
    } else if (str_eq(c->op, STR("jd"))) {
        TRY(interval_justify_days(&a, &b, &r->err));
    } else if (str_eq(c->op, STR("ji"))) {
        TRY(interval_justify(&a, &b, &r->err));
    } else {
        TRY(interval_parse(c->b, &r->settings, -1, &b, &r->err));
        if (str_eq(c->op, STR("ivcmp"))) {
            pgtype_append_i64(&r->out, interval_cmp(&a, &b));
            return STATUS_OK;
        }
        TRY((c->op.ptr[2] == '+' ? interval_add : interval_sub)(&a, &b, &b, &r->err));
    }
    interval_append(&r->out, &b, r->settings.interval_style);
    return STATUS_OK;
}

static Status run_extract(const Case *c, Run *r)
{
    Column column;
    View n;

    TRY(column_init(&column, &r->arena, read_type(c->op), 1, true, &r->err));
    TRY(pgtype_parse_text(c->b, &r->settings, &column, 0, &r->arena, &r->err));
    TRY(datetime_extract((TypeId)column.type.id, column.values, c->a, r->settings.time_zone,
                         &r->arena, &n, &r->is_null, &r->err));
    if (!r->is_null)
        numeric_append_text(&n, &r->out);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- tables */

static void unescape(char *text)
{
    char *to = text;

    for (char *from = text; *from; from++)
        if (*from != '\\')
            *to++ = *from;
        else if (*++from == 't')
            *to++ = '\t';
        else
            *to++ = *from == 'n' ? '\n' : *from;
    *to = 0;
}

static bool split_line(char *line, Case *ret)
{
    char *fields[FIELDS];
    int n = 0;

    line[strcspn(line, "\n")] = 0;
    for (char *rest = line; rest && n < FIELDS;)
        fields[n++] = strsep(&rest, "\t");
    if (n != FIELDS)
        return false;
    for (int i = 0; i < FIELDS; i++)
        unescape(fields[i]);
    *ret = (Case){str_from(fields[0]), str_from(fields[1]), str_from(fields[2]),
                  str_from(fields[3]), str_from(fields[4]), str_from(fields[5])};
    return true;
}

/* PostgreSQL's timestamps reach from 294247 to 294276; ours do not (see datetime.h). */
static bool is_known_limit(const Case *c)
{
    return str_eq(c->op, STR("timestamptz")) && str_starts(c->a, STR("2942"));
}

static void apply_settings(const Case *c, Run *r)
{
    Str rest = c->settings;
    Str one;

    pg_settings_init(&r->settings);
    while (rest.len && str_split(&rest, ';', &one)) {
        size_t eq = (size_t)str_find_byte(one, '=');
        Status status = pg_settings_set(&r->settings, str_sub(one, 0, eq),
                                        str_sub(one, eq + 1, one.len), &r->err);
        assert_int_equal(status, STATUS_OK);
    }
}

/* Runs a case; *out holds what PostgreSQL would have printed. */
static void run_case(const Case *c, Run *r)
{
    Status status;

    arena_reset(&r->arena);
    buf_clear(&r->out);
    r->err = (Error){0};
    r->is_null = false;
    apply_settings(c, r);
    if (str_eq(c->area, STR("parse")))
        status = run_parse(c, r);
    else if (str_eq(c->area, STR("numeric")))
        status = run_numeric(c, r);
    else if (str_eq(c->area, STR("extract")))
        status = run_extract(c, r);
    else if (!run_moment(c, r, &status))
        status = run_span(c, r);
    if (status != STATUS_OK) {
        buf_clear(&r->out);
        buf_printf(&r->out, "!%s %s", r->err.sqlstate, r->err.message);
    } else if (r->is_null) {
        buf_append_lit(&r->out, "NULL");
    }
}

static void check_table(const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = mem_alloc(LINE_MAX_BYTES);
    Run r = {0};
    int cases = 0;
    int wrong = 0;

    if (!file)
        fail_msg("%s: cannot open", path);
    arena_init(&r.arena, NULL);
    while (fgets(line, LINE_MAX_BYTES, file)) {
        Case c;
        cases++;
        if (!split_line(line, &c))
            fail_msg("%s:%d: not %d fields", path, cases, FIELDS);
        if (is_known_limit(&c))
            continue;
        run_case(&c, &r);
        if (!str_eq(buf_str(&r.out), c.expected) && ++wrong <= SHOWN_MAX)
            print_message(
                "%s:%d: %.*s %.*s [%.*s] '%.*s' '%.*s'\n  got      %.*s\n  expected %.*s\n", path,
                cases, STR_FMT(c.area), STR_FMT(c.op), STR_FMT(c.settings), STR_FMT(c.a),
                STR_FMT(c.b), STR_FMT(buf_str(&r.out)), STR_FMT(c.expected));
    }
    (void)fclose(file);
    mem_free(line);
    buf_done(&r.out);
    arena_done(&r.arena);
    assert_true(cases > 0);
    assert_int_equal(wrong, 0);
}

static void test_values_print_and_compute_as_in_postgresql(void **state)
{
    char path[1024];
    const char *slash = strrchr(__FILE__, '/');

    (void)state;
    for (int i = 0; i < table_count; i++)
        check_table(tables[i]);
    if (table_count)
        return;
    (void)snprintf(path, sizeof path, "%.*s/../../../test/golden/pgtype.tsv",
                   (int)(slash - __FILE__), __FILE__);
    check_table(path);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_print_and_compute_as_in_postgresql),
    };

    tables = argv + 1;
    table_count = argc - 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}

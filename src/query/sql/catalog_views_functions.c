/* catalog_views_functions.c - pg_proc, pg_aggregate, pg_operator and pg_language from the registry.
 */
#include "query/sql/bind_int.h"
#include "query/sql/catalog_views_int.h"

enum { OID_LANGUAGE_INTERNAL = 12, OID_OPERATOR_SPAN = 10000000 };

/* ---------------------------------------------------------------- pg_proc */

typedef struct ProcRow {
    uint32_t oid;
    const char *name;
    char kind;
    bool strict;
    bool is_set;
    char volatility;
    bool variadic;
    const Type *args;
    uint32_t arg_count;
    Type ret;
} ProcRow;

/* Types of rows that a variadic function takes: the last one is the array's element. */
static uint32_t variadic_element(const ProcRow *p)
{
    if (!p->variadic || !p->arg_count)
        return 0;
    return type_oid(p->args[p->arg_count - 1]);
}

static void add_proc(ViewRows *rows, const ProcRow *p)
{
    int64_t types[FUNC_ARGS_MAX];
    for (uint32_t i = 0; i < p->arg_count; i++)
        types[i] = type_oid(p->args[i]);
    view__row(rows);
    view__number(rows, "oid", p->oid);
    view__name(rows, "proname", p->name);
    view__number(rows, "pronamespace", OID_SCHEMA_PG_CATALOG);
    view__number(rows, "proowner", OID_ROLE);
    view__number(rows, "prolang", OID_LANGUAGE_INTERNAL);
    view__real(rows, "procost", 1);
    view__real(rows, "prorows", p->is_set ? 1000 : 0);
    view__number(rows, "provariadic", variadic_element(p));
    view__number(rows, "prokind", p->kind);
    view__bool(rows, "proisstrict", p->strict);
    view__bool(rows, "proretset", p->is_set);
    view__number(rows, "provolatile", p->volatility);
    view__number(rows, "proparallel", 's');
    view__number(rows, "pronargs", p->arg_count);
    view__number(rows, "prorettype", type_oid(p->ret));
    view__numbers(rows, "proargtypes", types, p->arg_count);
    view__name(rows, "prosrc", p->name);
}

/* Texts and streams of bytes are of pseudo-types here, which no expression has. */
static void add_io_function(ViewRows *rows, uint32_t oid, const char *name, Type arg, Type ret)
{
    enum { CSTRING = 2275, INTERNAL = 2281 };
    int64_t argument = arg.id == TYPE_TEXT ? CSTRING : arg.id == TYPE_BYTEA ? INTERNAL : 0;
    ProcRow p = {.oid = oid,
                 .name = name,
                 .kind = 'f',
                 .strict = true,
                 .volatility = 'i',
                 .args = &arg,
                 .arg_count = 1,
                 .ret = ret};
    if (!oid)
        return;
    add_proc(rows, &p);
    if (argument && !str_ends(str_from(name), STR("out")) && !str_ends(str_from(name), STR("send")))
        view__numbers(rows, "proargtypes", &argument, 1);
    if (str_ends(str_from(name), STR("out")))
        view__number(rows, "prorettype", CSTRING);
}

/* Input and output functions of types: nobody calls them, clients look for them. */
static void add_io_functions(ViewRows *rows)
{
    add_io_function(rows, 750, "array_in", TYPE_OF(TEXT), TYPE_OF(ANYARRAY));
    add_io_function(rows, 751, "array_out", TYPE_OF(ANYARRAY), TYPE_OF(TEXT));
    add_io_function(rows, 2400, "array_recv", TYPE_OF(BYTEA), TYPE_OF(ANYARRAY));
    add_io_function(rows, 2401, "array_send", TYPE_OF(ANYARRAY), TYPE_OF(BYTEA));
    for (uint32_t i = 0; i < view__type_io_count; i++) {
        const TypeIo *io = &view__type_io[i];
        Type type;
        if (!type_from_oid(io->type, &type) || io->kind == 'p')
            continue;
        add_io_function(rows, io->in_oid, io->in, TYPE_OF(TEXT), type);
        add_io_function(rows, io->out_oid, io->out, type, TYPE_OF(TEXT));
        add_io_function(rows, io->receive_oid, io->receive, TYPE_OF(BYTEA), type);
        add_io_function(rows, io->send_oid, io->send, type, TYPE_OF(BYTEA));
    }
}

/* Calls fn for every function, aggregate and set-returning function. */
static void each_proc(void (*fn)(void *ctx, const ProcRow *proc), void *ctx)
{
    static const char volatilities[] = {'i', 's', 'v'};
    uint32_t count;
    const Function *const *functions = func_all(&count);
    for (uint32_t i = 0; i < count; i++) {
        const Function *f = functions[i];
        ProcRow p = {.oid = f->oid,
                     .name = f->name,
                     .kind = 'f',
                     .strict = f->strict,
                     .volatility = volatilities[f->volatility],
                     .variadic = f->variadic,
                     .args = f->args,
                     .arg_count = f->arg_count,
                     .ret = f->ret};
        if (!f->is_operator)
            fn(ctx, &p);
    }
    const Aggregate *const *aggregates = func_all_aggregates(&count);
    for (uint32_t i = 0; i < count; i++) {
        const Aggregate *a = aggregates[i];
        ProcRow p = {.oid = a->oid,
                     .name = a->name,
                     .kind = 'a',
                     .volatility = 'i',
                     .variadic = a->variadic,
                     .args = a->args,
                     .arg_count = a->arg_count,
                     .ret = a->ret};
        fn(ctx, &p);
    }
    const TableFunction *const *sets = func_all_table_functions(&count);
    for (uint32_t i = 0; i < count; i++) {
        const TableFunction *s = sets[i];
        ProcRow p = {.oid = s->oid,
                     .name = s->name,
                     .kind = 'f',
                     .strict = true,
                     .is_set = true,
                     .volatility = 's',
                     .variadic = s->variadic,
                     .args = s->args,
                     .arg_count = s->arg_count,
                     .ret = s->ret};
        fn(ctx, &p);
    }
}

static void add_proc_row(void *ctx, const ProcRow *proc)
{
    add_proc(ctx, proc);
}

void view__fill_proc(ViewRows *rows)
{
    each_proc(add_proc_row, rows);
    add_io_functions(rows);
}

/* ---------------------------------------------------------------- looking functions up */

typedef struct ProcSearch {
    uint32_t oid; /* looked for, or 0 */
    Str name;     /* looked for when oid is 0 */
    ProcRow found;
    uint32_t count;
} ProcSearch;

static void match_proc(void *ctx, const ProcRow *proc)
{
    ProcSearch *search = ctx;
    bool match =
        search->oid ? proc->oid == search->oid : str_eq(str_from(proc->name), search->name);
    if (match && search->count++ == 0)
        search->found = *proc;
}

static const char *io_name(uint32_t oid)
{
    for (uint32_t i = 0; i < view__type_io_count; i++) {
        const TypeIo *io = &view__type_io[i];
        const char *name = oid == io->in_oid        ? io->in
                           : oid == io->out_oid     ? io->out
                           : oid == io->receive_oid ? io->receive
                           : oid == io->send_oid    ? io->send
                                                    : NULL;
        if (name)
            return name;
    }
    return oid == 750    ? "array_in"
           : oid == 751  ? "array_out"
           : oid == 2400 ? "array_recv"
           : oid == 2401 ? "array_send"
                         : NULL;
}

bool catalog_proc_name(uint32_t oid, Str *ret_name)
{
    ProcSearch search = {.oid = oid};
    const char *io = oid ? io_name(oid) : NULL;
    if (!io && oid)
        each_proc(match_proc, &search);
    *ret_name = str_from(io ? io : search.count ? search.found.name : "");
    return ret_name->len > 0;
}

uint32_t catalog_proc_oid(Str name, uint32_t *ret_count)
{
    static const uint32_t arrays[] = {750, 751, 2400, 2401};
    ProcSearch search = {.name = name};
    each_proc(match_proc, &search);
    uint32_t found = search.count ? search.found.oid : 0;
    for (uint32_t i = 0; !found && i < view__type_io_count; i++) {
        const TypeIo *io = &view__type_io[i];
        found = str_eq(name, str_from(io->in))        ? io->in_oid
                : str_eq(name, str_from(io->out))     ? io->out_oid
                : str_eq(name, str_from(io->receive)) ? io->receive_oid
                : str_eq(name, str_from(io->send))    ? io->send_oid
                                                      : 0;
    }
    for (size_t i = 0; !found && i < LUMA_ARRAY_LEN(arrays); i++)
        found = str_eq(name, str_from(io_name(arrays[i]))) ? arrays[i] : 0;
    *ret_count = search.count ? search.count : found != 0;
    return found;
}

static void append_type(Type type, Buf *out)
{
    char name[64];
    buf_append_str(out, str_from(type_name(type, name)));
}

bool view__proc_result(uint32_t oid, Buf *out)
{
    ProcSearch search = {.oid = oid};
    each_proc(match_proc, &search);
    if (!search.count)
        return false;
    buf_append_str(out, search.found.is_set ? STR("SETOF ") : STR(""));
    append_type(search.found.ret, out);
    return true;
}

bool view__proc_arguments(uint32_t oid, Buf *out)
{
    ProcSearch search = {.oid = oid};
    each_proc(match_proc, &search);
    const ProcRow *p = &search.found;
    for (uint32_t i = 0; i < p->arg_count; i++) {
        bool variadic = p->variadic && i + 1 == p->arg_count;
        buf_append_str(out, i ? STR(", ") : STR(""));
        buf_append_str(out, variadic ? STR("VARIADIC ") : STR(""));
        append_type(p->args[i], out);
        if (variadic && p->args[i].id != TYPE_ANY && !p->args[i].is_array)
            buf_append_str(out, STR("[]"));
    }
    return search.count > 0;
}

/* ---------------------------------------------------------------- pg_aggregate, pg_operator */

void view__fill_aggregate(ViewRows *rows)
{
    uint32_t count;
    const Aggregate *const *aggregates = func_all_aggregates(&count);
    for (uint32_t i = 0; i < count; i++) {
        const Aggregate *a = aggregates[i];
        view__row(rows);
        view__number(rows, "aggfnoid", a->oid);
        view__number(rows, "aggkind", a->ordered_set ? 'o' : 'n');
        view__number(rows, "aggnumdirectargs", a->ordered_set && a->arg_count > 1);
        view__number(rows, "aggfinalmodify", 'r');
        view__number(rows, "aggmfinalmodify", 'r');
        view__number(rows, "aggtranstype", type_oid(a->ret));
    }
}

/* An operator's own OID follows from its function's; the function is not in pg_proc. */
void view__fill_operator(ViewRows *rows)
{
    uint32_t count;
    const Function *const *functions = func_all(&count);
    for (uint32_t i = 0; i < count; i++) {
        const Function *f = functions[i];
        bool binary = f->arg_count == 2;
        if (!f->is_operator || !f->arg_count || f->arg_count > 2)
            continue;
        view__row(rows);
        view__number(rows, "oid", (int64_t)OID_OPERATOR_SPAN + f->oid);
        view__name(rows, "oprname", f->name);
        view__number(rows, "oprnamespace", OID_SCHEMA_PG_CATALOG);
        view__number(rows, "oprowner", OID_ROLE);
        view__number(rows, "oprkind", binary ? 'b' : 'l');
        view__number(rows, "oprleft", binary ? type_oid(f->args[0]) : 0);
        view__number(rows, "oprright", type_oid(f->args[binary]));
        view__number(rows, "oprresult", type_oid(f->ret));
        view__number(rows, "oprcode", f->oid);
    }
}

void view__fill_language(ViewRows *rows)
{
    static const struct {
        uint32_t oid;
        const char *name;
    } languages[] = {{OID_LANGUAGE_INTERNAL, "internal"}, {13, "c"}, {14, "sql"}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(languages); i++) {
        view__row(rows);
        view__number(rows, "oid", languages[i].oid);
        view__name(rows, "lanname", languages[i].name);
        view__number(rows, "lanowner", OID_ROLE);
        view__bool(rows, "lanpltrusted", languages[i].oid == 14);
    }
}

/* ddl_sequence.c - CREATE and ALTER SEQUENCE, sequences of columns, and what nextval and its kin
 * do.
 */
#include <inttypes.h>

#include <stdio.h>

#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

/* ---------------------------------------------------------------- options */

static void type_range(Type type, int64_t *ret_min, int64_t *ret_max)
{
    *ret_min = type.id == TYPE_INT2 ? INT16_MIN : type.id == TYPE_INT4 ? INT32_MIN : INT64_MIN;
    *ret_max = type.id == TYPE_INT2 ? INT16_MAX : type.id == TYPE_INT4 ? INT32_MAX : INT64_MAX;
}

/* The options of one statement; NULL = not given. */
typedef struct SequenceOptions {
    const AstOption *type;
    const AstOption *increment;
    const AstOption *start;
    const AstOption *restart;
    const AstOption *min;
    const AstOption *max;
    const AstOption *cache;
    const AstOption *cycle;
    const AstOption *owned_by;
    const AstOption *name; /* SEQUENCE NAME of identity columns */
} SequenceOptions;

static Status sort_options(const AstOption *options, uint32_t count, SequenceOptions *ret,
                           Error *err)
{
    const struct {
        const char *name;
        const AstOption **at;
    } known[] = {{"as", &ret->type},           {"increment", &ret->increment},
                 {"start", &ret->start},       {"restart", &ret->restart},
                 {"minvalue", &ret->min},      {"maxvalue", &ret->max},
                 {"cache", &ret->cache},       {"cycle", &ret->cycle},
                 {"owned_by", &ret->owned_by}, {"sequence_name", &ret->name}};
    *ret = (SequenceOptions){0};
    for (uint32_t i = 0; i < count; i++) {
        for (size_t k = 0; k < LUMA_ARRAY_LEN(known); k++) {
            if (!str_eq(options[i].name, str_from(known[k].name)))
                continue;
            if (*known[k].at)
                return error_set_sql(err, STATUS_INVALID, "42601", options[i].position,
                                     "conflicting or redundant options");
            *known[k].at = &options[i];
        }
    }
    return STATUS_OK;
}

static Status option_value(const AstOption *option, int64_t *ret_value, Error *err)
{
    if (str_to_i64(option->value, ret_value))
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                         "value \"%.*s\" is out of range for type bigint", STR_FMT(option->value));
}

static Status set_type(Query *query, CatalogSequence *s, const AstOption *option, Error *err)
{
    Type type;
    int64_t old_min, old_max;
    (void)query;
    if (!type_from_pg_name(option->value, &type) || !type_is_integer(type))
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             s->identity
                                 ? "identity column type must be smallint, integer, or bigint"
                                 : "sequence type must be smallint, integer, or bigint");
    type_range(s->type, &old_min, &old_max);
    bool reset_max = s->max == old_max && s->increment > 0;
    bool reset_min = s->min == old_min && s->increment < 0;
    s->type = (Type){.id = type.id, .typmod = -1};
    if (reset_max)
        type_range(s->type, &old_min, &s->max);
    if (reset_min)
        type_range(s->type, &s->min, &old_max);
    return STATUS_OK;
}

static const char *range_name(Type type)
{
    return type.id == TYPE_INT2 ? "smallint" : type.id == TYPE_INT4 ? "integer" : "bigint";
}

/* The limits, as PostgreSQL's init_params orders its tests. */
static Status set_limits(CatalogSequence *s, const SequenceOptions *o, bool is_new, Error *err)
{
    int64_t type_min, type_max;
    type_range(s->type, &type_min, &type_max);
    if (o->max && o->max->has_value)
        TRY(option_value(o->max, &s->max, err));
    else if (is_new || o->max)
        s->max = s->increment > 0 ? type_max : -1;
    if (s->max < type_min || s->max > type_max)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "MAXVALUE (%" PRId64 ") is out of range for sequence data type %s",
                             s->max, range_name(s->type));
    if (o->min && o->min->has_value)
        TRY(option_value(o->min, &s->min, err));
    else if (is_new || o->min)
        s->min = s->increment < 0 ? type_min : 1;
    if (s->min < type_min || s->min > type_max)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "MINVALUE (%" PRId64 ") is out of range for sequence data type %s",
                             s->min, range_name(s->type));
    if (s->min >= s->max)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "MINVALUE (%" PRId64 ") must be less than MAXVALUE (%" PRId64 ")",
                             s->min, s->max);
    return STATUS_OK;
}

static Status check_inside(const CatalogSequence *s, const char *what, int64_t value, Error *err)
{
    if (value < s->min)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "%s value (%" PRId64 ") cannot be less than MINVALUE (%" PRId64 ")",
                             what, value, s->min);
    if (value > s->max)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "%s value (%" PRId64 ") cannot be greater than MAXVALUE (%" PRId64 ")",
                             what, value, s->max);
    return STATUS_OK;
}

/* Takes the options into the definition; `stands`: where the sequence is now. A RESTART gives a
 * fresh state. */
static Status apply_options(Query *query, CatalogSequence *s, const SequenceOptions *o, bool is_new,
                            Error *err)
{
    int64_t value = s->first;
    int64_t log_count;
    bool called = s->first_called;
    if (!is_new)
        engine_sequence_get(query->session->engine->options.engine, s, &value, &log_count, &called);
    if (o->type)
        TRY(set_type(query, s, o->type, err));
    if (o->increment)
        TRY(option_value(o->increment, &s->increment, err));
    if (s->increment == 0)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "INCREMENT must not be zero");
    if (o->cycle)
        s->cycle = str_eq(o->cycle->value, STR("true")) || str_eq(o->cycle->value, STR("1"));
    TRY(set_limits(s, o, is_new, err));
    if (o->start)
        TRY(option_value(o->start, &s->start, err));
    else if (is_new)
        s->start = s->increment > 0 ? s->min : s->max;
    TRY(check_inside(s, "START", s->start, err));
    if (o->restart) {
        value = s->start;
        if (o->restart->has_value)
            TRY(option_value(o->restart, &value, err));
        called = false;
    } else if (is_new) {
        value = s->start;
        called = false;
    }
    TRY(check_inside(s, "RESTART", value, err));
    if (o->cache) {
        TRY(option_value(o->cache, &s->cache, err));
        if (s->cache <= 0)
            return error_set_sql(err, STATUS_INVALID, "22023", 0,
                                 "CACHE (%" PRId64 ") must be greater than zero", s->cache);
    } else if (is_new) {
        s->cache = 1;
    }
    if (is_new || o->restart || o->increment || o->min || o->max || o->type || o->cache) {
        s->state_id = ddl__new_id(query, s->temporary);
        s->first = value;
        s->first_called = called;
    }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- OWNED BY */

static Status set_owner(Query *query, CatalogSequence *s, const AstNames *owned_by, Error *err)
{
    const CatalogHead *head;
    CatalogKind kind;
    uint32_t count = owned_by->count;
    if (count == 1) {
        if (!str_eq(owned_by->names[0], STR("none"))) {
            Status status =
                error_set_sql(err, STATUS_INVALID, "42601", 0, "invalid OWNED BY option");
            error_hint(err, "Specify OWNED BY table.column or OWNED BY NONE.");
            return status;
        }
        s->owner_table = s->owner_column = 0;
        return STATUS_OK;
    }
    AstName name = {.name = owned_by->names[count - 2]};
    if (count > 2)
        name.schema = owned_by->names[count - 3];
    head = ddl__resolve(query, CATALOG_TABLE, &name, &kind);
    if (!head)
        return error_set_sql(err, STATUS_NOT_FOUND, "42P01", 0, "relation \"%.*s\" does not exist",
                             STR_FMT(name.name));
    if (kind != CATALOG_TABLE)
        return error_set_sql(err, STATUS_INVALID, "42809", 0,
                             "sequence cannot be owned by relation \"%.*s\"", STR_FMT(name.name));
    const Table *table = (const void *)head;
    if (!str_eq(table->schema, s->schema))
        return error_set_sql(err, STATUS_INVALID, "55000", 0,
                             "sequence must be in same schema as table it is linked to");
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped &&
            str_eq(table->columns[i].name, owned_by->names[count - 1])) {
            s->owner_table = table->id;
            s->owner_column = i + 1;
            return STATUS_OK;
        }
    return error_set_sql(err, STATUS_INVALID, "42703", 0,
                         "column \"%.*s\" of relation \"%.*s\" does not exist",
                         STR_FMT(owned_by->names[count - 1]), STR_FMT(table->name));
}

/* ---------------------------------------------------------------- statements */

Status ddl__create_sequence(Query *query, const AstDdl *ast, Error *err)
{
    SequenceOptions options;
    bool temporary = ast->temporary || str_eq(ast->name.schema, STR("pg_temp"));
    CatalogSequence sequence = {.name = ast->name.name,
                                .type = TYPE_OF(INT8),
                                .increment = 1,
                                .temporary = temporary,
                                .owner = query->session->user_id};
    bool exists;
    query__set_tag(query, "CREATE SEQUENCE");
    TRY(ddl__creation_schema(query, &ast->name, temporary, &sequence.schema, err));
    TRY(ddl__check_free(query, sequence.schema, sequence.name, ast->if_not_exists, &exists, err));
    if (exists)
        return STATUS_OK;
    sequence.id = ddl__new_id(query, temporary);
    TRY(sort_options(ast->options, ast->option_count, &options, err));
    TRY(apply_options(query, &sequence, &options, true, err));
    if (ast->owned_by.count)
        TRY(set_owner(query, &sequence, &ast->owned_by, err));
    return ddl__put(query, CATALOG_SEQUENCE, &sequence, err);
}

Status ddl__alter_identity(Query *query, const CatalogSequence *old, const AstOption *options,
                           uint32_t option_count, Error *err)
{
    SequenceOptions sorted;
    CatalogSequence sequence = *old;
    TRY(sort_options(options, option_count, &sorted, err));
    TRY(apply_options(query, &sequence, &sorted, false, err));
    return ddl__put(query, CATALOG_SEQUENCE, &sequence, err);
}

Status ddl__alter_sequence(Query *query, const AstDdl *ast, Error *err)
{
    SequenceOptions options;
    const CatalogHead *head;
    query__set_tag(query, "ALTER SEQUENCE");
    TRY(ddl__relation(query, &ast->name, CATALOG_SEQUENCE, "relation", ast->if_exists, &head, err));
    if (!head)
        return STATUS_OK;
    CatalogSequence sequence = *(const CatalogSequence *)(const void *)head;
    TRY(sort_options(ast->options, ast->option_count, &options, err));
    TRY(apply_options(query, &sequence, &options, false, err));
    if (ast->owned_by.count && sequence.identity) {
        Status status = error_set_sql(err, STATUS_INVALID, "0A000", 0,
                                      "cannot change ownership of identity sequence");
        error_detail(err, "Sequence \"%.*s\" is linked to table.", STR_FMT(sequence.name));
        return status;
    }
    if (ast->owned_by.count)
        TRY(set_owner(query, &sequence, &ast->owned_by, err));
    return ddl__put(query, CATALOG_SEQUENCE, &sequence, err);
}

/* ---------------------------------------------------------------- of columns */

static Str free_name(Query *query, Str schema, Str table, Str column)
{
    char label[32] = "seq";
    Str name = sql_object_name(&query->arena, table, column, label);
    for (int i = 1; catalog_find(ddl__catalog(query), CATALOG_TABLE, schema, name, NULL); i++) {
        (void)snprintf(label, sizeof label, "seq%d", i);
        name = sql_object_name(&query->arena, table, column, label);
    }
    return name;
}

static void like_sequence(Query *query, uint32_t id, CatalogSequence *s)
{
    const CatalogSequence *from = catalog_by_id(ddl__catalog(query), CATALOG_SEQUENCE, id);
    if (!from)
        return;
    s->increment = from->increment;
    s->min = from->min;
    s->max = from->max;
    s->start = from->start;
    s->cache = from->cache;
    s->cycle = from->cycle;
    s->first = from->start;
    s->first_called = false;
}

Status ddl__column_sequence(Query *query, const SqlColumnSequence *spec, Table *table,
                            TableColumn *column, Error *err)
{
    SequenceOptions options;
    CatalogSequence sequence = {.id = ddl__new_id(query, table->temporary),
                                .schema = table->schema,
                                .type = (Type){.id = column->type.id, .typmod = -1},
                                .increment = 1,
                                .identity = spec->identity,
                                .owner_table = table->id,
                                .owner_column = spec->column + 1,
                                .owner = table->owner,
                                .temporary = table->temporary};
    TRY(sort_options(spec->options, spec->option_count, &options, err));
    TRY(apply_options(query, &sequence, &options, true, err));
    if (spec->like)
        like_sequence(query, spec->like, &sequence);
    sequence.name = free_name(query, table->schema, table->name, column->name);
    if (options.name) {
        ptrdiff_t dot = str_find(options.name->value, STR("."));
        sequence.name =
            dot < 0 ? options.name->value : str_sub(options.name->value, (size_t)dot + 1, SIZE_MAX);
    }
    TRY(ddl__put(query, CATALOG_SEQUENCE, &sequence, err));
    column->sequence_id = sequence.id;
    /* By number, so that it stays right when the sequence is renamed. */
    column->default_text = arena_printf(&query->arena, "nextval('%u'::regclass)", sequence.id);
    return STATUS_OK;
}

Status ddl__restart_sequences(Query *query, const Table *const *tables, uint32_t count, Error *err)
{
    const CatalogVersion *version = ddl__catalog(query);
    const CatalogSequence *sequence;
    size_t pos = 0;
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos)))
        for (uint32_t i = 0; i < count; i++) {
            if (sequence->owner_table != tables[i]->id)
                continue;
            CatalogSequence fresh = *sequence;
            fresh.state_id = ddl__new_id(query, fresh.temporary);
            fresh.first = fresh.start;
            fresh.first_called = false;
            TRY(ddl__put(query, CATALOG_SEQUENCE, &fresh, err));
        }
    return STATUS_OK;
}

/* ---------------------------------------------------------------- functions */

/* What a session keeps of a sequence it used. */
typedef struct SequenceUse {
    uint32_t id; /* of the sequence */
    int64_t last;
    bool used;
    int64_t *cached; /* owned: values taken ahead (CACHE) */
    uint32_t cached_count;
    uint32_t cached_next;
    uint32_t state_id; /* of the cached values */
} SequenceUse;

static SequenceUse *use_of(Session *session, uint32_t id)
{
    SequenceUse *use = map_get(&session->sequences, str_make(&id, sizeof id));
    if (use)
        return use;
    use = MEM_NEW(SequenceUse);
    use->id = id;
    *map_put(&session->sequences, str_make(&use->id, sizeof use->id), NULL) = use;
    return use;
}

void sequences__done(Session *session)
{
    size_t pos = 0;
    for (const MapSlot *slot; (slot = map_next(&session->sequences, &pos));) {
        mem_free(((SequenceUse *)slot->value)->cached);
        mem_free(slot->value);
    }
    map_done(&session->sequences);
    session->sequences = (Map){0};
    session->last_sequence = 0;
}

static Status find_sequence(Binding *binding, uint32_t oid, const CatalogSequence **ret, Error *err)
{
    TRY(binding__snapshot(binding, err));
    const CatalogVersion *version = binding__version(binding);
    *ret = catalog_by_id(version, CATALOG_SEQUENCE, oid);
    if (*ret)
        return STATUS_OK;
    const CatalogHead *other = catalog_by_id(version, CATALOG_TABLE, oid);
    if (!other)
        other = catalog_by_id(version, CATALOG_VIEW, oid);
    if (other)
        return error_set_sql(err, STATUS_INVALID, "42809", 0, "\"%.*s\" is not a sequence",
                             STR_FMT(other->name));
    return error_set_sql(err, STATUS_NOT_FOUND, "XX000", 0, "could not open relation with OID %u",
                         oid);
}

static Status check_writable(const Binding *binding, const char *what, Error *err)
{
    Str read_only;
    Session *session = binding->session;
    if (session->role == ROLE_READ)
        return error_set_sql(err, STATUS_DENIED, "42501", 0,
                             "permission denied: user \"%s\" may only read", session->user);
    if (settings__get(session, STR("transaction_read_only"), &read_only) &&
        str_eq(read_only, STR("on")))
        return error_set_sql(err, STATUS_INVALID, "25006", 0,
                             "cannot execute %s in a read-only transaction", what);
    return STATUS_OK;
}

/* CACHE: a session takes several values at once and gives them one by one. */
static Status cached_value(Engine *engine, const CatalogSequence *s, SequenceUse *use,
                           int64_t *ret_value, Error *err)
{
    enum { CACHE_MAX = 10000 };
    if (use->state_id != s->state_id)
        use->cached_count = use->cached_next = 0;
    if (use->cached_next == use->cached_count) {
        uint32_t count = (uint32_t)LUMA_MIN(s->cache, CACHE_MAX);
        use->cached = mem_realloc(use->cached, count * sizeof *use->cached);
        use->cached_count = use->cached_next = 0;
        Status status = STATUS_OK;
        /* Near the end fewer are left: then one by one. */
        if (engine_sequence_next(engine, s, count, use->cached, NULL) != STATUS_OK) {
            count = 1;
            status = engine_sequence_next(engine, s, 1, use->cached, err);
        }
        TRY(status);
        use->cached_count = count;
        use->state_id = s->state_id;
    }
    *ret_value = use->cached[use->cached_next++];
    return STATUS_OK;
}

static Status next_values(void *ctx, uint32_t oid, uint32_t count, int64_t *ret_values, Error *err)
{
    Binding *binding = ctx;
    MUTEX_GUARD(&binding->session->sequence_lock); /* workers evaluate, too */
    const CatalogSequence *sequence;
    Engine *engine = binding->session->engine->options.engine;
    TRY(find_sequence(binding, oid, &sequence, err));
    if (!sequence->temporary)
        TRY(check_writable(binding, "nextval()", err));
    SequenceUse *use = use_of(binding->session, oid);
    if (sequence->cache > 1) {
        for (uint32_t i = 0; i < count; i++)
            TRY(cached_value(engine, sequence, use, &ret_values[i], err));
    } else {
        TRY(engine_sequence_next(engine, sequence, count, ret_values, err));
    }
    use->last = ret_values[count - 1];
    use->used = true;
    binding->session->last_sequence = oid;
    return STATUS_OK;
}

static Status current_value(void *ctx, uint32_t oid, int64_t *ret_value, Error *err)
{
    Binding *binding = ctx;
    MUTEX_GUARD(&binding->session->sequence_lock); /* workers evaluate, too */
    const CatalogSequence *sequence;
    TRY(find_sequence(binding, oid, &sequence, err));
    const SequenceUse *use = map_get(&binding->session->sequences, str_make(&oid, sizeof oid));
    if (!use || !use->used)
        return error_set_sql(err, STATUS_INVALID, "55000", 0,
                             "currval of sequence \"%.*s\" is not yet defined in this session",
                             STR_FMT(sequence->name));
    *ret_value = use->last;
    return STATUS_OK;
}

static Status last_value(void *ctx, int64_t *ret_value, Error *err)
{
    Binding *binding = ctx;
    uint32_t oid = binding->session->last_sequence;
    const CatalogSequence *sequence;
    if (!oid || find_sequence(binding, oid, &sequence, NULL) != STATUS_OK)
        return error_set_sql(err, STATUS_INVALID, "55000", 0,
                             "lastval is not yet defined in this session");
    return current_value(ctx, oid, ret_value, err); /* its lock */
}

static Status set_value(void *ctx, uint32_t oid, int64_t value, bool is_called, Error *err)
{
    Binding *binding = ctx;
    MUTEX_GUARD(&binding->session->sequence_lock); /* workers evaluate, too */
    const CatalogSequence *s;
    TRY(find_sequence(binding, oid, &s, err));
    if (!s->temporary)
        TRY(check_writable(binding, "setval()", err));
    if (value < s->min || value > s->max)
        return error_set_sql(err, STATUS_INVALID, "22003", 0,
                             "setval: value %" PRId64 " is out of bounds for sequence \"%.*s\" "
                             "(%" PRId64 "..%" PRId64 ")",
                             value, STR_FMT(s->name), s->min, s->max);
    TRY(engine_sequence_set(binding->session->engine->options.engine, s, value, is_called, err));
    SequenceUse *use = use_of(binding->session, oid);
    use->cached_count = use->cached_next = 0;
    if (is_called) {
        use->last = value;
        use->used = true;
    }
    return STATUS_OK;
}

static Status state_of(void *ctx, uint32_t oid, int64_t *ret_value, bool *ret_called, Error *err)
{
    Binding *binding = ctx;
    const CatalogSequence *sequence;
    int64_t log_count;
    TRY(find_sequence(binding, oid, &sequence, err));
    engine_sequence_get(binding->session->engine->options.engine, sequence, ret_value, &log_count,
                        ret_called);
    return STATUS_OK;
}

static Status serial_name(void *ctx, Str table_text, Str column, Buf *out, bool *ret_found,
                          Error *err)
{
    Binding *binding = ctx;
    uint32_t oid;
    const CatalogSequence *sequence;
    size_t pos = 0;
    *ret_found = false;
    TRY(binding->settings.pg->reg_oid(binding->settings.pg->reg_ctx, TYPE_REGCLASS, table_text,
                                      &oid, err));
    const CatalogVersion *version = binding__version(binding);
    const Table *table = catalog_table_by_id(version, oid);
    uint32_t attnum = 0;
    for (uint32_t i = 0; table && i < table->column_count; i++)
        if (!table->columns[i].dropped && str_eq(table->columns[i].name, column))
            attnum = i + 1;
    if (!attnum)
        return error_set_sql(err, STATUS_INVALID, "42703", 0,
                             "column \"%.*s\" of relation \"%.*s\" does not exist", STR_FMT(column),
                             STR_FMT(table ? table->name : table_text));
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos)))
        if (sequence->owner_table == oid && sequence->owner_column == attnum) {
            sql_append_name(out, sequence->schema);
            buf_append_byte(out, '.');
            sql_append_name(out, sequence->name);
            *ret_found = true;
            return STATUS_OK;
        }
    return STATUS_OK;
}

const EvalSequences sequences__ops = {.next = next_values,
                                      .current = current_value,
                                      .last = last_value,
                                      .set = set_value,
                                      .state = state_of,
                                      .serial = serial_name};

/* ---------------------------------------------------------------- SELECT from a sequence */

static Status next_row(void *ctx, void **state, Arena *arena, RecordBatch *ret_batch, Error *err)
{
    const SequenceRow *row = ctx;
    Column *columns;
    *ret_batch = (RecordBatch){.schema = row->table.columns};
    if (*state)
        return STATUS_OK;
    *state = (void *)(uintptr_t)row;
    columns = ARENA_NEW_ARRAY(arena, Column, 3);
    for (uint32_t i = 0; i < 3; i++)
        TRY(column_init(&columns[i], arena, row->table.columns->fields[i].type, 1, false, err));
    *(int64_t *)column_values(&columns[0]) = row->value;
    *(int64_t *)column_values(&columns[1]) = row->log_count;
    if (row->called)
        bit_set(column_values(&columns[2]), 0);
    else
        bit_clear(column_values(&columns[2]), 0);
    *ret_batch = (RecordBatch){
        .schema = row->table.columns, .columns = columns, .column_count = 3, .row_count = 1};
    return STATUS_OK;
}

const VirtualTable *sequences__row(Binding *binding, const CatalogSequence *sequence)
{
    static const Field fields[] = {
        {.name = STR_INIT("last_value"), .type = TYPE_OF(INT8), .not_null = true},
        {.name = STR_INIT("log_cnt"), .type = TYPE_OF(INT8), .not_null = true},
        {.name = STR_INIT("is_called"), .type = TYPE_OF(BOOL), .not_null = true},
    };
    static const Schema columns = {fields, 3};
    SequenceRow *row = ARENA_NEW(binding->arena, SequenceRow);
    engine_sequence_get(binding->session->engine->options.engine, sequence, &row->value,
                        &row->log_count, &row->called);
    row->table = (VirtualTable){.schema = sequence->schema,
                                .name = sequence->name,
                                .oid = sequence->id,
                                .columns = &columns,
                                .next = next_row,
                                .ctx = row};
    return &row->table;
}

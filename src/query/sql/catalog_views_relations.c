/* catalog_views_relations.c - pg_class, pg_attribute, pg_namespace and what else describes tables.
 */
#include "query/sql/catalog_views_int.h"

/* ---------------------------------------------------------------- pg_namespace */

static void add_namespace(ViewRows *rows, uint32_t oid, Str name, uint32_t owner)
{
    view__row(rows);
    view__number(rows, "oid", oid);
    view__text(rows, "nspname", name);
    view__number(rows, "nspowner", view__owner(owner));
}

void view__fill_namespace(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSchema *schema;
    add_namespace(rows, OID_SCHEMA_PG_CATALOG, STR("pg_catalog"), 0);
    add_namespace(rows, OID_SCHEMA_INFORMATION, STR("information_schema"), 0);
    while ((schema = catalog_next_schema(view__version(rows), &pos)))
        add_namespace(rows, schema->id, schema->name, schema->owner);
}

/* ---------------------------------------------------------------- pg_class */

typedef struct ClassRow {
    uint32_t oid;
    Str name;
    uint32_t schema;
    char kind;
    uint32_t column_count;
    uint32_t owner; /* user id */
    uint32_t am;
    double row_count; /* -1 = nobody knows */
    uint32_t check_count;
    bool has_index;
    bool temporary;
    bool populated;
} ClassRow;

static void add_class(ViewRows *rows, const ClassRow *c)
{
    view__row(rows);
    view__number(rows, "oid", c->oid);
    view__text(rows, "relname", c->name);
    view__number(rows, "relnamespace", c->schema);
    view__number(rows, "relowner", view__owner(c->owner));
    view__number(rows, "relam", c->am);
    view__number(rows, "relfilenode", strchr("rmiS", c->kind) ? c->oid : 0);
    view__real(rows, "reltuples", c->row_count);
    view__bool(rows, "relhasindex", c->has_index);
    view__number(rows, "relpersistence", c->temporary ? 't' : 'p');
    view__number(rows, "relkind", c->kind);
    view__number(rows, "relnatts", c->column_count);
    view__number(rows, "relchecks", c->check_count);
    view__bool(rows, "relhasrules", c->kind == 'v');
    view__bool(rows, "relispopulated", c->populated);
    view__number(rows, "relreplident", strchr("rm", c->kind) ? 'd' : 'n');
}

/* Which tables have indexes of CREATE INDEX is asked once per table. */
static bool has_index(const CatalogVersion *version, const Table *table)
{
    size_t pos = 0;
    const CatalogIndex *index;
    if (table->key_count)
        return true;
    while ((index = catalog_next(version, CATALOG_INDEX, &pos)))
        if (index->table_id == table->id)
            return true;
    return false;
}

static double row_count(ViewRows *rows, const Table *table)
{
    CatalogViews *views = rows->views;
    return views->row_count ? (double)views->row_count(views->ctx, table) : -1;
}

static void add_tables(ViewRows *rows, const CatalogVersion *version)
{
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version, &pos))) {
        ClassRow c = {.oid = table->id,
                      .name = table->name,
                      .schema = catalog_schema_oid(version, table->schema),
                      .kind = table->query.len ? 'm' : 'r',
                      .column_count = table->column_count,
                      .owner = table->owner,
                      .am = OID_AM_HEAP,
                      .row_count = row_count(rows, table),
                      .check_count = table->check_count,
                      .has_index = has_index(version, table),
                      .temporary = table->temporary,
                      .populated = !table->query.len || table->populated};
        add_class(rows, &c);
    }
}

static void add_views(ViewRows *rows, const CatalogVersion *version)
{
    size_t pos = 0;
    const CatalogView *view;
    CatalogViews *views = rows->views;
    while ((view = catalog_next_view(version, &pos))) {
        Schema columns = {0};
        if (views->view_columns && !views->view_columns(views->ctx, view, rows->arena, &columns))
            columns = (Schema){0};
        ClassRow c = {.oid = view->id,
                      .name = view->name,
                      .schema = catalog_schema_oid(version, view->schema),
                      .kind = 'v',
                      .column_count = columns.field_count,
                      .owner = view->owner,
                      .row_count = -1,
                      .temporary = view->temporary,
                      .populated = true};
        add_class(rows, &c);
    }
}

static void add_indexes(ViewRows *rows, const CatalogVersion *version)
{
    ViewIndexPos pos = {0};
    ViewIndex index;
    while (view__next_index(version, &pos, &index)) {
        ClassRow c = {.oid = index.id,
                      .name = index.name,
                      .schema = catalog_schema_oid(version, index.schema),
                      .kind = 'i',
                      .column_count = index.column_count,
                      .owner = index.table->owner,
                      .am = view__index_method(&index),
                      .row_count = row_count(rows, index.table),
                      .temporary = index.table->temporary,
                      .populated = true};
        add_class(rows, &c);
    }
}

static void add_sequences(ViewRows *rows, const CatalogVersion *version)
{
    size_t pos = 0;
    const CatalogSequence *sequence;
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos))) {
        ClassRow c = {.oid = sequence->id,
                      .name = sequence->name,
                      .schema = catalog_schema_oid(version, sequence->schema),
                      .kind = 'S',
                      .column_count = 3,
                      .owner = sequence->owner,
                      .row_count = 1,
                      .temporary = sequence->temporary,
                      .populated = true};
        add_class(rows, &c);
    }
}

static void add_composites(ViewRows *rows, const CatalogVersion *version)
{
    size_t pos = 0;
    const CatalogType *type;
    while ((type = catalog_next(version, CATALOG_TYPE, &pos))) {
        if (type->kind != CATALOG_COMPOSITE)
            continue;
        ClassRow c = {.oid = type->id,
                      .name = type->name,
                      .schema = catalog_schema_oid(version, type->schema),
                      .kind = 'c',
                      .column_count = type->field_count,
                      .owner = type->owner,
                      .row_count = 0,
                      .populated = true};
        add_class(rows, &c);
    }
}

void view__fill_class(ViewRows *rows)
{
    const CatalogVersion *version = view__version(rows);
    add_tables(rows, version);
    add_views(rows, version);
    add_indexes(rows, version);
    add_sequences(rows, version);
    add_composites(rows, version);
    for (uint32_t i = 0; i < view__def_count; i++) {
        const ViewDef *def = &view__defs[i];
        ClassRow c = {.oid = def->oid,
                      .name = str_from(def->name),
                      .schema = catalog_schema_oid(version, str_from(def->schema)),
                      .kind = def->kind,
                      .column_count = view__column_count(def),
                      .am = def->kind == 'r' ? OID_AM_HEAP : 0,
                      .row_count = -1,
                      .populated = true};
        add_class(rows, &c);
    }
}

/* ---------------------------------------------------------------- pg_attribute */

typedef struct AttributeRow {
    uint32_t relation;
    Str name;
    Type type;
    uint32_t type_oid; /* of a user type; 0 = the type's own */
    uint32_t number;
    bool not_null;
    bool has_default;
    bool dropped;
    char identity;
    char generated;
} AttributeRow;

static void add_attribute(ViewRows *rows, const AttributeRow *a)
{
    int16_t len = type_len(a->type);
    uint32_t oid = a->type_oid ? a->type_oid : type_oid(a->type);
    view__row(rows);
    view__number(rows, "attrelid", a->relation);
    view__text(rows, "attname",
               a->dropped ? arena_printf(rows->arena, "........pg.dropped.%u........", a->number)
                          : a->name);
    view__number(rows, "atttypid", a->dropped ? 0 : oid);
    view__number(rows, "attstattarget", -1);
    view__number(rows, "attlen", len);
    view__number(rows, "attnum", a->number);
    view__number(rows, "attndims", a->type.is_array);
    view__number(rows, "attcacheoff", -1);
    view__number(rows, "atttypmod", a->type.id == TYPE_ENUM ? -1 : a->type.typmod);
    view__bool(rows, "attbyval", len > 0 && len <= 8);
    view__number(rows, "attalign",
                 len == 1                ? 'c'
                 : len == 2              ? 's'
                 : len == 8 || len == 16 ? 'd'
                                         : 'i');
    view__number(rows, "attstorage", len < 0 ? 'x' : 'p');
    view__bool(rows, "attnotnull", a->not_null);
    view__bool(rows, "atthasdef", a->has_default);
    view__number(rows, "attidentity", a->identity);
    view__number(rows, "attgenerated", a->generated);
    view__bool(rows, "attisdropped", a->dropped);
    view__bool(rows, "attislocal", true);
    view__number(rows, "attcollation",
                 type_is_text(a->type) ? (a->type.id == TYPE_NAME ? (int64_t)OID_COLLATION_C
                                                                  : (int64_t)OID_COLLATION_DEFAULT)
                                       : 0);
}

static void add_table_attributes(ViewRows *rows, const Table *table)
{
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *column = &table->columns[i];
        bool identity =
            column->source == COLUMN_IDENTITY_ALWAYS || column->source == COLUMN_IDENTITY_DEFAULT;
        AttributeRow a = {.relation = table->id,
                          .name = column->name,
                          .type = column->type,
                          .type_oid = column->domain_id,
                          .number = i + 1,
                          .not_null = column->not_null,
                          .has_default = column->default_text.len > 0 && !identity,
                          .dropped = column->dropped,
                          .identity = column->source == COLUMN_IDENTITY_ALWAYS ? 'a'
                                      : identity                               ? 'd'
                                                                               : 0,
                          .generated = column->source == COLUMN_STORED ? 's' : 0};
        add_attribute(rows, &a);
    }
}

static void add_index_attributes(ViewRows *rows, const ViewIndex *index)
{
    for (uint32_t i = 0; i < index->column_count; i++) {
        int number = view__index_attribute(index, i);
        const TableColumn *column = number ? &index->table->columns[number - 1] : NULL;
        AttributeRow a = {.relation = index->id,
                          .name = column ? column->name : STR("expr"),
                          .type = column ? column->type : TYPE_OF(TEXT),
                          .number = i + 1};
        add_attribute(rows, &a);
    }
}

static void add_view_attributes(ViewRows *rows, const CatalogView *view)
{
    CatalogViews *views = rows->views;
    Schema columns;
    if (!views->view_columns || !views->view_columns(views->ctx, view, rows->arena, &columns))
        return;
    for (uint32_t i = 0; i < columns.field_count; i++) {
        AttributeRow a = {.relation = view->id,
                          .name = columns.fields[i].name,
                          .type = columns.fields[i].type,
                          .number = i + 1};
        add_attribute(rows, &a);
    }
}

static void add_system_attributes(ViewRows *rows)
{
    for (uint32_t k = 0; k < view__def_count; k++) {
        const char *columns = view__defs[k].columns;
        ViewColumn column;
        for (uint32_t i = 1; view__next_column(&columns, &column); i++) {
            AttributeRow a = {.relation = view__defs[k].oid,
                              .name = column.name,
                              .type = column.type,
                              .number = i,
                              .not_null = column.not_null};
            add_attribute(rows, &a);
        }
    }
}

static void add_sequence_attributes(ViewRows *rows, const CatalogSequence *sequence)
{
    AttributeRow last = {.relation = sequence->id,
                         .name = STR("last_value"),
                         .type = TYPE_OF(INT8),
                         .number = 1,
                         .not_null = true};
    AttributeRow count = {.relation = sequence->id,
                          .name = STR("log_cnt"),
                          .type = TYPE_OF(INT8),
                          .number = 2,
                          .not_null = true};
    AttributeRow called = {.relation = sequence->id,
                           .name = STR("is_called"),
                           .type = TYPE_OF(BOOL),
                           .number = 3,
                           .not_null = true};
    add_attribute(rows, &last);
    add_attribute(rows, &count);
    add_attribute(rows, &called);
}

static void add_composite_attributes(ViewRows *rows, const CatalogType *type)
{
    for (uint32_t i = 0; i < type->field_count && type->kind == CATALOG_COMPOSITE; i++) {
        AttributeRow a = {.relation = type->id,
                          .name = type->fields[i].name,
                          .type = type->fields[i].type,
                          .number = i + 1};
        add_attribute(rows, &a);
    }
}

void view__fill_attribute(ViewRows *rows)
{
    const CatalogVersion *version = view__version(rows);
    ViewIndexPos index_pos = {0};
    ViewIndex index;
    const void *item;
    size_t pos = 0;
    while ((item = catalog_next(version, CATALOG_TABLE, &pos)))
        add_table_attributes(rows, item);
    for (pos = 0; (item = catalog_next(version, CATALOG_VIEW, &pos));)
        add_view_attributes(rows, item);
    for (pos = 0; (item = catalog_next(version, CATALOG_SEQUENCE, &pos));)
        add_sequence_attributes(rows, item);
    for (pos = 0; (item = catalog_next(version, CATALOG_TYPE, &pos));)
        add_composite_attributes(rows, item);
    while (view__next_index(version, &index_pos, &index))
        add_index_attributes(rows, &index);
    add_system_attributes(rows);
}

/* ---------------------------------------------------------------- pg_attrdef, pg_description */

void view__fill_attrdef(ViewRows *rows)
{
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(view__version(rows), &pos)))
        for (uint32_t i = 0; i < table->column_count; i++) {
            const TableColumn *column = &table->columns[i];
            if (!column->default_text.len || column->dropped)
                continue;
            view__row(rows);
            view__number(rows, "oid", table->id + i + 1);
            view__number(rows, "adrelid", table->id);
            view__number(rows, "adnum", i + 1);
            view__text(rows, "adbin", column->default_text);
        }
}

static void fill_comments(ViewRows *rows, bool shared)
{
    size_t pos = 0;
    const CatalogComment *comment;
    while ((comment = catalog_next(view__version(rows), CATALOG_COMMENT, &pos))) {
        bool is_shared = comment->class_id == 1260 || comment->class_id == 1262;
        if (is_shared != shared)
            continue;
        view__row(rows);
        view__number(rows, "objoid", comment->object_id);
        view__number(rows, "classoid", comment->class_id);
        if (!shared)
            view__number(rows, "objsubid", comment->sub_id);
        view__text(rows, "description", comment->text);
    }
}

void view__fill_description(ViewRows *rows)
{
    fill_comments(rows, false);
}

void view__fill_shdescription(ViewRows *rows)
{
    fill_comments(rows, true);
}

/* ---------------------------------------------------------------- pg_tables, pg_views and others
 */

void view__fill_tables(ViewRows *rows)
{
    const CatalogVersion *version = view__version(rows);
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version, &pos))) {
        if (table->query.len)
            continue;
        view__row(rows);
        view__text(rows, "schemaname", table->schema);
        view__text(rows, "tablename", table->name);
        view__text(rows, "tableowner", view__role_name(rows->views, table->owner));
        view__bool(rows, "hasindexes", has_index(version, table));
        view__bool(rows, "hasrules", false);
        view__bool(rows, "hastriggers", false);
        view__bool(rows, "rowsecurity", false);
    }
    for (uint32_t i = 0; i < view__def_count; i++) {
        if (view__defs[i].kind != 'r')
            continue;
        view__row(rows);
        view__name(rows, "schemaname", view__defs[i].schema);
        view__name(rows, "tablename", view__defs[i].name);
        view__text(rows, "tableowner", view__role_name(rows->views, 0));
        view__bool(rows, "hasindexes", false);
        view__bool(rows, "hasrules", false);
        view__bool(rows, "hastriggers", false);
        view__bool(rows, "rowsecurity", false);
    }
}

void view__fill_views(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogView *view;
    while ((view = catalog_next_view(view__version(rows), &pos))) {
        view__row(rows);
        view__text(rows, "schemaname", view->schema);
        view__text(rows, "viewname", view->name);
        view__text(rows, "viewowner", view__role_name(rows->views, view->owner));
        view__text(rows, "definition", arena_printf(rows->arena, " %.*s;", STR_FMT(view->query)));
    }
}

void view__fill_matviews(ViewRows *rows)
{
    const CatalogVersion *version = view__version(rows);
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(version, &pos))) {
        if (!table->query.len)
            continue;
        view__row(rows);
        view__text(rows, "schemaname", table->schema);
        view__text(rows, "matviewname", table->name);
        view__text(rows, "matviewowner", view__role_name(rows->views, table->owner));
        view__bool(rows, "hasindexes", has_index(version, table));
        view__bool(rows, "ispopulated", table->populated);
        view__text(rows, "definition", arena_printf(rows->arena, " %.*s;", STR_FMT(table->query)));
    }
}

/* The rule that makes a view one, as dumps and reflection look for it. */
void view__fill_rewrite(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogView *view;
    while ((view = catalog_next_view(view__version(rows), &pos))) {
        view__row(rows);
        view__number(rows, "oid", view->id);
        view__name(rows, "rulename", "_RETURN");
        view__number(rows, "ev_class", view->id);
        view__number(rows, "ev_type", '1');
        view__number(rows, "ev_enabled", 'O');
        view__bool(rows, "is_instead", true);
        view__name(rows, "ev_qual", "<>");
        view__name(rows, "ev_action", "<>");
    }
}

/* ---------------------------------------------------------------- sequences */

void view__fill_sequence(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSequence *sequence;
    while ((sequence = catalog_next(view__version(rows), CATALOG_SEQUENCE, &pos))) {
        view__row(rows);
        view__number(rows, "seqrelid", sequence->id);
        view__number(rows, "seqtypid", type_oid(sequence->type));
        view__number(rows, "seqstart", sequence->start);
        view__number(rows, "seqincrement", sequence->increment);
        view__number(rows, "seqmax", sequence->max);
        view__number(rows, "seqmin", sequence->min);
        view__number(rows, "seqcache", sequence->cache);
        view__bool(rows, "seqcycle", sequence->cycle);
    }
}

void view__fill_sequences(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogSequence *sequence;
    CatalogViews *views = rows->views;
    while ((sequence = catalog_next(view__version(rows), CATALOG_SEQUENCE, &pos))) {
        int64_t last;
        view__row(rows);
        view__text(rows, "schemaname", sequence->schema);
        view__text(rows, "sequencename", sequence->name);
        view__text(rows, "sequenceowner", view__role_name(views, sequence->owner));
        view__number(rows, "data_type", type_oid(sequence->type));
        view__number(rows, "start_value", sequence->start);
        view__number(rows, "min_value", sequence->min);
        view__number(rows, "max_value", sequence->max);
        view__number(rows, "increment_by", sequence->increment);
        view__bool(rows, "cycle", sequence->cycle);
        view__number(rows, "cache_size", sequence->cache);
        if (views->sequence_last && views->sequence_last(views->ctx, sequence, &last))
            view__number(rows, "last_value", last);
    }
}

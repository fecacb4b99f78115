/* catalog_views_keys.c - pg_index, pg_constraint, pg_indexes, and how they are written as SQL.
 *
 * The index below a primary key or UNIQUE constraint has the constraint's OID: they live in
 * different relations. An index of CREATE UNIQUE INDEX stands in Table.keys, too, and is shown
 * once, as what it was created as. */
#include "query/sql/catalog_views_int.h"

/* ---------------------------------------------------------------- walks */

bool view__next_constraint(const CatalogVersion *version, ViewConstraintPos *pos,
                           ViewConstraint *ret)
{
    while (!pos->tables_done) {
        const Table *table = pos->table;
        while (table && pos->idx < table->key_count) {
            const TableKey *key = &table->keys[pos->idx++];
            if (key->is_index)
                continue;
            *ret = (ViewConstraint){.id = key->id,
                                    .name = key->name,
                                    .kind = key->primary ? 'p' : 'u',
                                    .table = table,
                                    .key = key};
            return true;
        }
        if (table && pos->idx - table->key_count < table->check_count) {
            const TableCheck *check = &table->checks[pos->idx++ - table->key_count];
            *ret = (ViewConstraint){.id = check->id,
                                    .name = check->name,
                                    .kind = 'c',
                                    .table = table,
                                    .check = check->text};
            return true;
        }
        pos->table = catalog_next_table(version, &pos->table_pos);
        pos->idx = 0;
        pos->tables_done = !pos->table;
    }
    for (;;) {
        const CatalogType *domain = pos->domain;
        if (domain && domain->kind == CATALOG_DOMAIN && pos->idx < domain->check_count) {
            const TableCheck *check = &domain->checks[pos->idx++];
            *ret = (ViewConstraint){.id = check->id,
                                    .name = check->name,
                                    .kind = 'c',
                                    .domain = domain,
                                    .check = check->text};
            return true;
        }
        pos->domain = catalog_next(version, CATALOG_TYPE, &pos->type_pos);
        pos->idx = 0;
        if (!pos->domain)
            return false;
    }
}

bool view__next_index(const CatalogVersion *version, ViewIndexPos *pos, ViewIndex *ret)
{
    const CatalogIndex *index;
    while (!pos->table && (index = catalog_next(version, CATALOG_INDEX, &pos->index_pos))) {
        const Table *table = catalog_table_by_id(version, index->table_id);
        if (!table)
            continue;
        *ret = (ViewIndex){.id = index->id,
                           .schema = index->schema,
                           .name = index->name,
                           .table = table,
                           .created = index,
                           .unique = index->unique,
                           .column_count = index->column_count,
                           .key_column_count = index->column_count - index->include_count};
        return true;
    }
    for (;;) {
        while (pos->table && pos->idx < pos->table->key_count) {
            const TableKey *key = &pos->table->keys[pos->idx++];
            if (key->is_index)
                continue;
            *ret = (ViewIndex){.id = key->id,
                               .schema = pos->table->schema,
                               .name = key->name,
                               .table = pos->table,
                               .key = key,
                               .unique = true,
                               .primary = key->primary,
                               .column_count = key->column_count,
                               .key_column_count = key->column_count};
            return true;
        }
        pos->table = catalog_next_table(version, &pos->table_pos);
        pos->idx = 0;
        if (!pos->table)
            return false;
    }
}

/* ---------------------------------------------------------------- columns of indexes */

/* "a DESC" -> a and DESC; an expression has no name. */
static Str column_name(Arena *arena, Str text, Str *ret_options)
{
    size_t at = 0;
    Buf name = {0};
    *ret_options = STR("");
    if (text.len && text.ptr[0] == '"') {
        for (at = 1; at < text.len; at++) {
            if (text.ptr[at] != '"')
                buf_append_byte(&name, (uint8_t)text.ptr[at]);
            else if (at + 1 < text.len && text.ptr[at + 1] == '"')
                buf_append_byte(&name, (uint8_t)text.ptr[at++]);
            else
                break;
        }
        at++;
    } else {
        while (at < text.len && text.ptr[at] != ' ')
            buf_append_byte(&name, (uint8_t)text.ptr[at++]);
    }
    Str ret = arena_str(arena, buf_str(&name));
    buf_done(&name);
    *ret_options = at < text.len ? str_trim(str_sub(text, at, SIZE_MAX)) : STR("");
    return ret;
}

int view__index_attribute(const ViewIndex *index, uint32_t idx)
{
    Arena arena;
    Str options;
    int found = 0;
    if (index->key)
        return index->key->columns[idx] + 1;
    arena_init(&arena, NULL);
    Str name = column_name(&arena, index->created->columns[idx], &options);
    for (uint32_t i = 0; i < index->table->column_count && !found; i++)
        if (!index->table->columns[i].dropped && str_eq(index->table->columns[i].name, name))
            found = (int)i + 1;
    arena_done(&arena);
    return found;
}

/* Names that need quotes: not plain lower case. Keywords are left to the reader's eye. */
void catalog_append_name(Str name, Buf *out)
{
    bool plain = name.len && !(name.ptr[0] >= '0' && name.ptr[0] <= '9');
    for (size_t i = 0; i < name.len && plain; i++) {
        char ch = name.ptr[i];
        plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_';
    }
    if (plain) {
        buf_append_str(out, name);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)name.ptr[i]);
    }
    buf_append_byte(out, '"');
}

void view__index_column(const ViewIndex *index, uint32_t idx, bool options, Buf *out)
{
    int number = view__index_attribute(index, idx);
    if (index->key || (number && !options))
        catalog_append_name(index->table->columns[number - 1].name, out);
    else
        buf_append_str(out, index->created->columns[idx]);
}

static void append_columns(const ViewIndex *index, uint32_t from, uint32_t to, Buf *out)
{
    for (uint32_t i = from; i < to; i++) {
        buf_append_str(out, i > from ? STR(", ") : STR(""));
        view__index_column(index, i, true, out);
    }
}

void view__index_definition(const ViewIndex *index, bool pretty, Buf *out)
{
    buf_append_str(out, index->unique ? STR("CREATE UNIQUE INDEX ") : STR("CREATE INDEX "));
    catalog_append_name(index->name, out);
    buf_append_str(out, STR(" ON "));
    if (!pretty || !str_eq(index->table->schema, STR("public"))) {
        catalog_append_name(index->table->schema, out);
        buf_append_byte(out, '.');
    }
    catalog_append_name(index->table->name, out);
    buf_printf(out, " USING %.*s (",
               STR_FMT(index->created ? index->created->method : STR("btree")));
    append_columns(index, 0, index->key_column_count, out);
    buf_append_byte(out, ')');
    if (index->key_column_count < index->column_count) {
        buf_append_str(out, STR(" INCLUDE ("));
        append_columns(index, index->key_column_count, index->column_count, out);
        buf_append_byte(out, ')');
    }
    if (index->key && index->key->nulls_not_distinct)
        buf_append_str(out, STR(" NULLS NOT DISTINCT"));
    if (index->created && index->created->predicate.len)
        buf_printf(out, " WHERE %.*s", STR_FMT(index->created->predicate));
}

/* ---------------------------------------------------------------- constraints as SQL */

/* Does the first parenthesis close at the very end? */
static bool is_wrapped(Str text)
{
    int depth = 0;
    bool quoted = false;
    if (!text.len || text.ptr[0] != '(')
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char ch = text.ptr[i];
        if (ch == '\'')
            quoted = !quoted;
        if (quoted)
            continue;
        depth += ch == '(' ? 1 : ch == ')' ? -1 : 0;
        if (depth == 0)
            return i + 1 == text.len;
    }
    return false;
}

void view__constraint_definition(const ViewConstraint *constraint, bool pretty, Buf *out)
{
    if (constraint->kind == 'c') {
        bool wrapped = is_wrapped(constraint->check);
        const char *format = pretty ? (wrapped ? "CHECK %.*s" : "CHECK (%.*s)")
                                    : (wrapped ? "CHECK (%.*s)" : "CHECK ((%.*s))");
        buf_printf(out, format, STR_FMT(constraint->check));
        return;
    }
    const TableKey *key = constraint->key;
    buf_append_str(out, key->primary              ? STR("PRIMARY KEY (")
                        : key->nulls_not_distinct ? STR("UNIQUE NULLS NOT DISTINCT (")
                                                  : STR("UNIQUE ("));
    for (uint32_t i = 0; i < key->column_count; i++) {
        buf_append_str(out, i ? STR(", ") : STR(""));
        catalog_append_name(constraint->table->columns[key->columns[i]].name, out);
    }
    buf_append_byte(out, ')');
}

/* ---------------------------------------------------------------- pg_index, pg_indexes */

static int64_t method_oid(Str method)
{
    static const struct {
        const char *name;
        int64_t oid;
    } methods[] = {{"btree", OID_AM_BTREE}, {"hash", 405},  {"gist", 783},
                   {"gin", 2742},           {"brin", 3580}, {"spgist", 4000}};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(methods); i++)
        if (str_eq(method, str_from(methods[i].name)))
            return methods[i].oid;
    return OID_AM_FULLTEXT;
}

uint32_t view__index_method(const ViewIndex *index)
{
    return index->created ? (uint32_t)method_oid(index->created->method) : OID_AM_BTREE;
}

void view__fill_index(ViewRows *rows)
{
    ViewIndexPos pos = {0};
    ViewIndex index;
    while (view__next_index(view__version(rows), &pos, &index)) {
        uint32_t n = index.column_count;
        uint32_t keys = index.key_column_count;
        int64_t *numbers = ARENA_NEW_ARRAY(rows->arena, int64_t, n + 1);
        int64_t *classes = ARENA_NEW_ARRAY(rows->arena, int64_t, n + 1);
        int64_t *collations = ARENA_NEW_ARRAY(rows->arena, int64_t, n + 1);
        int64_t *options = ARENA_NEW_ARRAY(rows->arena, int64_t, n + 1);
        CLEANUP(buf_done) Buf expressions = {0};
        for (uint32_t i = 0; i < n; i++) {
            Str text = index.created ? index.created->columns[i] : STR("");
            numbers[i] = view__index_attribute(&index, i);
            Type type = numbers[i] ? index.table->columns[numbers[i] - 1].type : TYPE_OF(TEXT);
            classes[i] = view__operator_class(type);
            collations[i] = type_is_text(type) ? (int64_t)OID_COLLATION_DEFAULT : 0;
            /* Bits of pg_index.indoption: 1 = DESC, 2 = NULLS FIRST, the default of DESC. */
            bool desc = str_ends(text, STR(" DESC")) || str_find(text, STR(" DESC NULLS ")) >= 0;
            bool first = str_ends(text, STR(" NULLS FIRST")) ||
                         (desc && !str_ends(text, STR(" NULLS LAST")));
            options[i] = desc + 2 * first;
            if (!numbers[i])
                buf_printf(&expressions, "%s%.*s", expressions.len ? ", " : "", STR_FMT(text));
        }
        view__row(rows);
        view__number(rows, "indexrelid", index.id);
        view__number(rows, "indrelid", index.table->id);
        view__number(rows, "indnatts", n);
        view__number(rows, "indnkeyatts", keys);
        view__bool(rows, "indisunique", index.unique);
        view__bool(rows, "indnullsnotdistinct", index.key && index.key->nulls_not_distinct);
        view__bool(rows, "indisprimary", index.primary);
        view__bool(rows, "indimmediate", true);
        view__bool(rows, "indisvalid", true);
        view__bool(rows, "indisready", true);
        view__bool(rows, "indislive", true);
        view__numbers(rows, "indkey", numbers, n);
        view__numbers(rows, "indcollation", collations, keys);
        view__numbers(rows, "indclass", classes, keys);
        view__numbers(rows, "indoption", options, keys);
        if (expressions.len)
            view__text(rows, "indexprs", arena_str(rows->arena, buf_str(&expressions)));
        if (index.created && index.created->predicate.len)
            view__text(rows, "indpred", index.created->predicate);
    }
}

void view__fill_indexes(ViewRows *rows)
{
    ViewIndexPos pos = {0};
    ViewIndex index;
    while (view__next_index(view__version(rows), &pos, &index)) {
        CLEANUP(buf_done) Buf text = {0};
        view__index_definition(&index, false, &text);
        view__row(rows);
        view__text(rows, "schemaname", index.schema);
        view__text(rows, "tablename", index.table->name);
        view__text(rows, "indexname", index.name);
        view__text(rows, "indexdef", arena_str(rows->arena, buf_str(&text)));
    }
}

/* ---------------------------------------------------------------- pg_constraint */

void view__fill_constraint(ViewRows *rows)
{
    const CatalogVersion *version = view__version(rows);
    ViewConstraintPos pos = {0};
    ViewConstraint c;
    while (view__next_constraint(version, &pos, &c)) {
        Str schema = c.table ? c.table->schema : c.domain->schema;
        view__row(rows);
        view__number(rows, "oid", c.id);
        view__text(rows, "conname", c.name);
        view__number(rows, "connamespace", catalog_schema_oid(version, schema));
        view__number(rows, "contype", c.kind);
        view__bool(rows, "convalidated", true);
        view__number(rows, "conrelid", c.table ? c.table->id : 0);
        view__number(rows, "contypid", c.domain ? c.domain->id : 0);
        view__number(rows, "conindid", c.key ? c.key->id : 0);
        view__number(rows, "confupdtype", ' ');
        view__number(rows, "confdeltype", ' ');
        view__number(rows, "confmatchtype", ' ');
        view__bool(rows, "conislocal", true);
        view__bool(rows, "connoinherit", c.kind != 'c');
        if (c.key) {
            int64_t *numbers = ARENA_NEW_ARRAY(rows->arena, int64_t, c.key->column_count + 1);
            for (uint32_t i = 0; i < c.key->column_count; i++)
                numbers[i] = c.key->columns[i] + 1;
            view__numbers(rows, "conkey", numbers, c.key->column_count);
        }
        if (c.kind == 'c')
            view__text(rows, "conbin", c.check);
    }
}

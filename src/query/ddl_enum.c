/* ddl_enum.c - CREATE TYPE ... AS ENUM and ALTER TYPE of enums.
 *
 * Labels have numbers with room between them, so that a new one fits before or behind any other and
 * none is ever renumbered. Values hold their label, so RENAME VALUE rewrites the tables that have
 * columns of the type. */
#include "query/ddl_int.h"
#include "query/sql/sql_deparse.h"

/* 262144 labels to each side, 44 of them in the same place. */
#define LABEL_STEP (INT64_C(1) << 44)
enum { LABELS_MAX = 1 << 17, LABEL_BYTES_MAX = 63 };

static Status check_label(Str label, Error *err)
{
    if (label.len <= LABEL_BYTES_MAX)
        return STATUS_OK;
    Status status = error_set_sql(err, STATUS_INVALID, "42602", 0, "invalid enum label \"%.*s\"",
                                  STR_FMT(label));
    error_detail(err, "Labels must be %d bytes or less.", LABEL_BYTES_MAX);
    return status;
}

static bool find_label(const CatalogType *type, Str name, uint32_t *ret_idx)
{
    for (uint32_t i = 0; i < type->label_count; i++)
        if (str_eq(type->labels[i].name, name)) {
            *ret_idx = i;
            return true;
        }
    return false;
}

Status ddl__create_enum(Query *query, const AstDdl *ast, Error *err)
{
    CatalogType type;
    uint32_t at;
    query__set_tag(query, "CREATE TYPE");
    TRY(ddl__new_type(query, ast, CATALOG_ENUM, &type, err));
    if (ast->labels.count > LABELS_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "an enum can have at most %d labels",
                             LABELS_MAX);
    EnumLabel *labels = ARENA_NEW_ARRAY(&query->arena, EnumLabel, ast->labels.count + 1);
    type.labels = labels;
    for (uint32_t i = 0; i < ast->labels.count; i++) {
        Str name = ast->labels.names[i];
        TRY(check_label(name, err));
        if (find_label(&type, name, &at))
            return error_set_sql(err, STATUS_EXISTS, "23505", 0,
                                 "duplicate key value violates unique constraint "
                                 "\"pg_enum_typid_label_index\"");
        labels[type.label_count++] = (EnumLabel){.name = name, .value = (int64_t)i * LABEL_STEP};
    }
    type.base = (Type){.id = TYPE_ENUM, .typmod = (int32_t)type.id};
    return ddl__put(query, CATALOG_TYPE, &type, err);
}

static Status not_a_label(Str name, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0, "\"%.*s\" is not an existing enum label",
                         STR_FMT(name));
}

static Status label_exists(Str name, Error *err)
{
    return error_set_sql(err, STATUS_EXISTS, "42710", 0, "enum label \"%.*s\" already exists",
                         STR_FMT(name));
}

static Status add_value(Query *query, CatalogType *type, const AstEnumChange *change, Error *err)
{
    uint32_t at = type->label_count;
    uint32_t other;
    int64_t value = 0;
    TRY(check_label(change->new_name, err));
    if (find_label(type, change->new_name, &other)) {
        if (!change->if_not_exists)
            return label_exists(change->new_name, err);
        query__notice(query, "42710", "enum label \"%.*s\" already exists, skipping",
                      STR_FMT(change->new_name));
        return STATUS_OK;
    }
    if (change->neighbor.len) {
        if (!find_label(type, change->neighbor, &at))
            return not_a_label(change->neighbor, err);
        at += change->after;
    }
    bool first = at == 0;
    bool last = at == type->label_count;
    int64_t before = first ? 0 : type->labels[at - 1].value;
    int64_t behind = last ? 0 : type->labels[at].value;
    if (type->label_count >= LABELS_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "an enum can have at most %d labels",
                             LABELS_MAX);
    if (first)
        value = last ? 0 : behind - LABEL_STEP;
    else
        value = last ? before + LABEL_STEP : before + (behind - before) / 2;
    if (!first && value == before)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0,
                             "there is no room for another label between \"%.*s\" and \"%.*s\"",
                             STR_FMT(type->labels[at - 1].name), STR_FMT(type->labels[at].name));
    EnumLabel *labels = ARENA_NEW_ARRAY(&query->arena, EnumLabel, type->label_count + 1);
    memcpy(labels, type->labels, sizeof *labels * at);
    labels[at] = (EnumLabel){.name = change->new_name, .value = value, .added = true};
    memcpy(labels + at + 1, type->labels + at, sizeof *labels * (type->label_count - at));
    type->labels = labels;
    type->label_count++;
    return ddl__put(query, CATALOG_TYPE, type, err);
}

/* SELECT of the rows with the new label; false when no column is of the type. It is bound when the
 * type has it. */
static bool renamed_rows(Query *query, const Table *table, const CatalogType *type,
                         const AstEnumChange *change, Buf *out)
{
    CLEANUP(buf_done) Buf names = {0};
    bool any = false;
    bool found = false;
    buf_append_lit(&names, ", ");
    sql_append_string(&names, change->old_name);
    buf_append_lit(&names, ", ");
    sql_append_string(&names, change->new_name);
    buf_append_lit(out, "SELECT ");
    for (uint32_t i = 0; i < table->column_count; i++) {
        const TableColumn *column = &table->columns[i];
        bool is_enum = column->type.id == TYPE_ENUM && (uint32_t)column->type.typmod == type->id;
        if (column->dropped)
            continue;
        buf_append_str(out, any ? STR(", ") : STR(""));
        any = true;
        found |= is_enum;
        if (!is_enum) {
            sql_append_name(out, column->name);
            continue;
        }
        if (column->type.is_array) {
            buf_append_lit(out, "array_replace(");
            sql_append_name(out, column->name);
            buf_printf(out, "::text[]%.*s)::", (int)names.len, names.ptr);
        } else {
            buf_append_lit(out, "(CASE ");
            sql_append_name(out, column->name);
            buf_append_lit(out, "::text WHEN ");
            sql_append_string(out, change->old_name);
            buf_append_lit(out, " THEN ");
            sql_append_string(out, change->new_name);
            buf_append_lit(out, " ELSE ");
            sql_append_name(out, column->name);
            buf_append_lit(out, "::text END)::");
        }
        sql_append_name(out, type->schema);
        buf_append_byte(out, '.');
        sql_append_name(out, type->name);
        buf_append_str(out, column->type.is_array ? STR("[]") : STR(""));
    }
    buf_append_lit(out, " FROM ");
    sql_append_name(out, table->schema);
    buf_append_byte(out, '.');
    sql_append_name(out, table->name);
    return found;
}

static Status rewrite_tables(Query *query, const CatalogType *type, const AstEnumChange *change,
                             Error *err)
{
    /* The walk goes over the version of now: rewriting puts others, under the same ids. */
    const CatalogVersion *version = ddl__catalog(query);
    const Table *old;
    size_t pos = 0;
    while ((old = catalog_next_table(version, &pos))) {
        CLEANUP(buf_done) Buf text = {0};
        DdlRows rows = {0};
        if (!renamed_rows(query, old, type, change, &text))
            continue;
        Table *table = ddl__edit_table(query, old);
        TRY(ddl__read_text(query, buf_str(&text), &rows, err));
        table->store_id = ddl__new_id(query, table->temporary);
        ddl__forget_rows(query->session, old);
        TRY(ddl__put(query, CATALOG_TABLE, table, err));
        TRY(ddl__store(query, table, &rows, err));
    }
    return STATUS_OK;
}

static Status rename_value(Query *query, CatalogType *type, const AstEnumChange *change, Error *err)
{
    uint32_t at, other;
    TRY(check_label(change->new_name, err));
    if (!find_label(type, change->old_name, &at))
        return not_a_label(change->old_name, err);
    if (find_label(type, change->new_name, &other))
        return label_exists(change->new_name, err);
    ((EnumLabel *)(uintptr_t)type->labels)[at].name = change->new_name;
    TRY(ddl__put(query, CATALOG_TYPE, type, err));
    return rewrite_tables(query, type, change, err);
}

Status ddl__alter_enum(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogType *old = (const void *)ddl__resolve(query, CATALOG_TYPE, &ast->name, NULL);
    query__set_tag(query, "ALTER TYPE");
    if (!old)
        return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "type \"%.*s\" does not exist",
                             STR_FMT(ast->name.name));
    if (old->kind != CATALOG_ENUM)
        return error_set_sql(err, STATUS_INVALID, "42809", 0, "%.*s is not an enum",
                             STR_FMT(old->name));
    TRY(ddl__check_owner(query, CATALOG_TYPE, (const void *)old, err));
    CatalogType *type = catalog_copy(CATALOG_TYPE, old, &query->arena);
    return ast->enum_change.old_name.len ? rename_value(query, type, &ast->enum_change, err)
                                         : add_value(query, type, &ast->enum_change, err);
}

/* catalog_lookup.c - what functions ask of the catalog: definitions, comments, visibility,
 * privileges. The context of the answers is a CatalogViews. */
#include "base/role.h"
#include "query/sql/catalog_views_int.h"

static const CatalogVersion *version_of(const CatalogViews *views)
{
    return views->version(views->ctx);
}

/* ---------------------------------------------------------------- texts */

static bool index_text(const CatalogVersion *version, uint32_t oid, int64_t column, bool pretty,
                       Buf *out)
{
    ViewIndexPos pos = {0};
    ViewIndex index;
    while (view__next_index(version, &pos, &index)) {
        if (index.id != oid)
            continue;
        if (column == 0)
            view__index_definition(&index, pretty, out);
        else if (column > 0 && column <= index.column_count)
            view__index_column(&index, (uint32_t)column - 1, false, out);
        return true;
    }
    return false;
}

static bool constraint_text(const CatalogVersion *version, uint32_t oid, bool pretty, Buf *out)
{
    ViewConstraintPos pos = {0};
    ViewConstraint constraint;
    while (view__next_constraint(version, &pos, &constraint))
        if (constraint.id == oid) {
            view__constraint_definition(&constraint, pretty, out);
            return true;
        }
    return false;
}

static bool view_text(const CatalogVersion *version, uint32_t oid, Buf *out)
{
    const CatalogView *view = catalog_by_id(version, CATALOG_VIEW, oid);
    const Table *table = view ? NULL : catalog_table_by_id(version, oid);
    Str query = view ? view->query : table ? table->query : STR("");
    if (!query.len)
        return false;
    buf_printf(out, " %.*s;", STR_FMT(query));
    return true;
}

static bool comment_text(const CatalogVersion *version, const int64_t args[3], Buf *out)
{
    size_t pos = 0;
    const CatalogComment *comment;
    while ((comment = catalog_next(version, CATALOG_COMMENT, &pos)))
        if (comment->object_id == args[0] && comment->sub_id == args[2] &&
            (!args[1] || comment->class_id == args[1])) {
            buf_append_str(out, comment->text);
            return true;
        }
    return false;
}

/* Is a schema on the search path, or a system's? */
static bool on_path(const CatalogViews *views, Str schema)
{
    if (str_eq(schema, STR("pg_catalog")))
        return true;
    for (uint32_t i = 0; i < views->path_count; i++)
        if (str_eq(views->path[i], schema))
            return true;
    return false;
}

/* A type somebody created, or its array's. */
static const CatalogType *created_type(const CatalogVersion *version, uint32_t oid, bool *ret_array)
{
    const CatalogType *type = catalog_by_id(version, CATALOG_TYPE, oid);
    *ret_array = !type;
    return type || !oid ? type : catalog_by_id(version, CATALOG_TYPE, oid - 1);
}

static bool type_text(const CatalogViews *views, uint32_t oid, Buf *out)
{
    bool array;
    const CatalogType *type = created_type(version_of(views), oid, &array);
    if (!type)
        return false;
    if (!on_path(views, type->schema)) {
        catalog_append_name(type->schema, out);
        buf_append_byte(out, '.');
    }
    catalog_append_name(type->name, out);
    buf_append_str(out, array ? STR("[]") : STR(""));
    return true;
}

static bool role_text(CatalogViews *views, uint32_t oid, Buf *out)
{
    Str name = oid ? view__role_name(views, oid) : STR("");
    buf_append_str(out, name);
    return name.len > 0;
}

static bool answer_text(void *ctx, CatalogText what, const int64_t args[3], Buf *out)
{
    CatalogViews *views = ctx;
    uint32_t oid = (uint32_t)args[0];
    switch (what) {
    case CATALOG_TEXT_ROLE:
        return role_text(views, oid, out);
    case CATALOG_TEXT_TYPE:
        return type_text(views, oid, out);
    case CATALOG_TEXT_INDEX:
        return index_text(version_of(views), oid, args[1], args[2] != 0, out);
    case CATALOG_TEXT_CONSTRAINT:
        return constraint_text(version_of(views), oid, args[1] != 0, out);
    case CATALOG_TEXT_VIEW:
        return view_text(version_of(views), oid, out);
    case CATALOG_TEXT_PROC_RESULT:
        return view__proc_result(oid, out);
    case CATALOG_TEXT_PROC_ARGUMENTS:
        return view__proc_arguments(oid, out);
    case CATALOG_TEXT_COMMENT:
        return comment_text(version_of(views), args, out);
    }
    return false;
}

/* ---------------------------------------------------------------- relations */

static bool find_relation(const CatalogVersion *version, uint32_t oid, Str *ret_schema,
                          Str *ret_name)
{
    static const CatalogKind kinds[] = {CATALOG_TABLE, CATALOG_VIEW, CATALOG_SEQUENCE,
                                        CATALOG_INDEX};
    ViewIndexPos pos = {0};
    ViewIndex index;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(kinds); i++) {
        const void *object = catalog_by_id(version, kinds[i], oid);
        if (!object)
            continue;
        const CatalogHead *head = object;
        *ret_schema = head->schema;
        *ret_name = head->name;
        return true;
    }
    while (view__next_index(version, &pos, &index))
        if (index.id == oid) {
            *ret_schema = index.schema;
            *ret_name = index.name;
            return true;
        }
    return catalog_view_name(oid, ret_schema, ret_name);
}

bool catalog_relation_name(const CatalogVersion *version, uint32_t oid, Str *ret_schema,
                           Str *ret_name)
{
    return find_relation(version, oid, ret_schema, ret_name);
}

uint32_t catalog_index_oid(const CatalogVersion *version, Str schema, Str name)
{
    ViewIndexPos pos = {0};
    ViewIndex index;
    while (view__next_index(version, &pos, &index))
        if (str_eq(index.name, name) && str_eq(index.schema, schema))
            return index.id;
    return 0;
}

/* Visible: the first relation of its name along the path. */
static CatalogTruth relation_visible(const CatalogViews *views, uint32_t oid)
{
    const CatalogVersion *version = version_of(views);
    Str schema, name;
    if (!find_relation(version, oid, &schema, &name))
        return CATALOG_NULL;
    if (str_eq(schema, STR("pg_catalog")))
        return CATALOG_TRUE;
    for (uint32_t i = 0; i < views->path_count; i++) {
        if (str_eq(views->path[i], schema))
            return CATALOG_TRUE;
        if (catalog_find(version, CATALOG_TABLE, views->path[i], name, NULL))
            return CATALOG_FALSE;
    }
    return CATALOG_FALSE;
}

static CatalogTruth type_visible(const CatalogViews *views, uint32_t oid)
{
    bool array;
    Type type;
    const CatalogType *created;
    if (type_from_oid(oid, &type))
        return CATALOG_TRUE;
    created = created_type(version_of(views), oid, &array);
    return !created ? CATALOG_NULL : on_path(views, created->schema) ? CATALOG_TRUE : CATALOG_FALSE;
}

/* ---------------------------------------------------------------- privileges */

static bool is_member(const CatalogVersion *version, uint32_t user, uint32_t role, int depth)
{
    const CatalogUser *u = catalog_by_id(version, CATALOG_USER, user);
    if (user == role)
        return true;
    for (uint32_t i = 0; u && depth < 32 && i < u->member_of_count; i++)
        if (is_member(version, u->member_of[i], role, depth + 1))
            return true;
    return false;
}

/* What a role has been granted of an object, by itself or by roles it is a member of. */
static uint32_t granted(const CatalogVersion *version, uint32_t user, uint32_t object)
{
    size_t pos = 0;
    const CatalogGrant *grant;
    uint32_t bits = 0;
    while ((grant = catalog_next(version, CATALOG_GRANT, &pos)))
        if (grant->object_id == object &&
            (!grant->user_id || is_member(version, user, grant->user_id, 0)))
            bits |= grant->privileges;
    return bits;
}

/* What a role may do with all tables and schemas. */
static uint32_t role_bits(uint32_t role)
{
    return role == ROLE_ADMIN   ? UINT32_MAX
           : role == ROLE_WRITE ? PRIVILEGE_SELECT | PRIVILEGE_INSERT | PRIVILEGE_UPDATE |
                                      PRIVILEGE_DELETE | PRIVILEGE_TRUNCATE | PRIVILEGE_USAGE
           : role == ROLE_READ ? PRIVILEGE_SELECT | PRIVILEGE_USAGE
                               : 0;
}

static CatalogTruth may(const CatalogViews *views, const int64_t args[2], Str role, bool schema)
{
    const CatalogVersion *version = version_of(views);
    uint32_t oid = (uint32_t)args[0];
    uint32_t want = (uint32_t)args[1];
    Str first, second;
    bool own = !role.len || str_eq(role, views->user);
    const CatalogUser *user = catalog_find_user(version, own ? views->user : role);
    if (!(schema ? catalog_schema_name(version, oid, &first)
                 : find_relation(version, oid, &first, &second)))
        return CATALOG_NULL;
    uint32_t bits = own ? role_bits(views->role) : user ? role_bits(user->role) : UINT32_MAX;
    const Table *table = schema ? NULL : catalog_table_by_id(version, oid);
    if (user)
        bits |= granted(version, user->id, oid);
    if (user && table && table->owner == user->id)
        bits = UINT32_MAX;
    return bits & want ? CATALOG_TRUE : CATALOG_FALSE;
}

static CatalogTruth answer_test(void *ctx, CatalogTest what, const int64_t args[2], Str role)
{
    const CatalogViews *views = ctx;
    Str name;
    switch (what) {
    case CATALOG_TEST_RELATION:
        return relation_visible(views, (uint32_t)args[0]);
    case CATALOG_TEST_TYPE:
        return type_visible(views, (uint32_t)args[0]);
    case CATALOG_TEST_PROC:
        return catalog_proc_name((uint32_t)args[0], &name) ? CATALOG_TRUE : CATALOG_NULL;
    case CATALOG_TEST_TABLE_PRIVILEGES:
        return may(views, args, role, false);
    case CATALOG_TEST_SCHEMA_PRIVILEGES:
        return may(views, args, role, true);
    }
    return CATALOG_NULL;
}

/* ---------------------------------------------------------------- sizes, settings */

static int64_t answer_row_count(void *ctx, uint32_t oid)
{
    const CatalogViews *views = ctx;
    const Table *table = catalog_table_by_id(version_of(views), oid);
    return table && views->row_count ? views->row_count(views->ctx, table) : -1;
}

/* The width that a planner would guess: rows lie compressed and shared between tables and the log,
 * so that nobody counts exact bytes of one table. */
static int64_t table_bytes(const CatalogViews *views, const Table *table)
{
    int64_t rows = views->row_count ? views->row_count(views->ctx, table) : 0;
    int64_t width = 0;
    for (uint32_t i = 0; i < table->column_count; i++) {
        int16_t len = type_len(table->columns[i].type);
        width += len > 0 ? len : 32;
    }
    return LUMA_MAX(rows, 0) * width;
}

static int64_t answer_bytes(void *ctx, uint32_t oid)
{
    const CatalogViews *views = ctx;
    const CatalogVersion *version = version_of(views);
    const Table *table = oid ? catalog_table_by_id(version, oid) : NULL;
    Str schema, name;
    int64_t bytes = 0;
    size_t pos = 0;
    if (table)
        return table_bytes(views, table);
    if (oid)
        return find_relation(version, oid, &schema, &name) ? 0 : -1;
    while ((table = catalog_next_table(version, &pos)))
        bytes += table_bytes(views, table);
    return bytes;
}

static Status answer_set(void *ctx, Str name, Str value, bool local, Error *err)
{
    const CatalogViews *views = ctx;
    if (!views->set)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0, "set_config: not available here");
    return views->set(views->ctx, name, value, local, err);
}

const EvalCatalog catalog_lookup = {answer_text, answer_test, answer_row_count, answer_bytes,
                                    answer_set};

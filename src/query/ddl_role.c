/* ddl_role.c - roles, GRANT and REVOKE, and what they allow. */
#include "query/ddl_int.h"

/* ---------------------------------------------------------------- asking */

static bool is_member(const CatalogVersion *version, uint32_t user_id, uint32_t role_id, int depth)
{
    const CatalogUser *user = catalog_by_id(version, CATALOG_USER, user_id);
    if (user_id == role_id)
        return true;
    for (uint32_t i = 0; user && depth < 32 && i < user->member_of_count; i++)
        if (is_member(version, user->member_of[i], role_id, depth + 1))
            return true;
    return false;
}

uint32_t ddl__privileges(const CatalogVersion *version, uint32_t user_id, uint32_t object_id)
{
    const CatalogGrant *grant;
    uint32_t have = 0;
    size_t pos = 0;
    while ((grant = catalog_next(version, CATALOG_GRANT, &pos)))
        if (grant->object_id == object_id &&
            (!grant->user_id || is_member(version, user_id, grant->user_id, 0)))
            have |= grant->privileges;
    return have;
}

static uint32_t owner_of(CatalogKind kind, const CatalogHead *head)
{
    switch (kind) {
    case CATALOG_TABLE:
        return ((const Table *)(const void *)head)->owner;
    case CATALOG_VIEW:
        return ((const CatalogView *)(const void *)head)->owner;
    case CATALOG_SEQUENCE:
        return ((const CatalogSequence *)(const void *)head)->owner;
    case CATALOG_TYPE:
        return ((const CatalogType *)(const void *)head)->owner;
    case CATALOG_SCHEMA:
        return ((const CatalogSchema *)(const void *)head)->owner;
    case CATALOG_INDEX:
    case CATALOG_COMMENT:
    case CATALOG_USER:
    case CATALOG_GRANT:
    case CATALOG_KIND_COUNT_:
        break;
    }
    return 0;
}

bool ddl__may(const Session *session, const CatalogVersion *version, CatalogKind kind,
              const CatalogHead *head, uint32_t privileges)
{
    /* Users of the configuration have no id: their role says all. */
    if (session->role == ROLE_ADMIN || !session->user_id)
        return true;
    uint32_t owner = owner_of(kind, head);
    if (owner && is_member(version, session->user_id, owner, 0))
        return true;
    return (ddl__privileges(version, session->user_id, head->id) & privileges) == privileges;
}

Status ddl__check_table(Binding *binding, const Table *table, uint32_t privileges, Error *err)
{
    const Session *session = binding->session;
    if (session->role == ROLE_ADMIN || !session->user_id || table->temporary ||
        ddl__may(session, binding__version(binding), CATALOG_TABLE, (const void *)table,
                 privileges))
        return STATUS_OK;
    return error_set_sql(err, STATUS_DENIED, "42501", 0, "permission denied for table %.*s",
                         STR_FMT(table->name));
}

void ddl__find_user(Session *session)
{
    Snapshot *snapshot;
    if (!session->engine->options.engine || session->role == ROLE_ADMIN ||
        engine_snapshot(session->engine->options.engine, &snapshot, NULL) != STATUS_OK)
        return;
    const CatalogUser *user =
        catalog_find_user(snapshot_catalog(snapshot), str_from(session->user));
    session->user_id = user ? user->id : 0;
    (void)snapshot_free(snapshot);
}

Status ddl__check_owner(Query *query, CatalogKind kind, const CatalogHead *head, Error *err)
{
    const Session *session = query->session;
    uint32_t owner = owner_of(kind, head);
    if (session->role == ROLE_ADMIN || (!session->user_id && kind != CATALOG_USER) ||
        (owner && is_member(ddl__catalog(query), session->user_id, owner, 0)))
        return STATUS_OK;
    return error_set_sql(err, STATUS_DENIED, "42501", 0, "must be owner of %.*s",
                         STR_FMT(ddl__label(query, kind, head)));
}

/* ---------------------------------------------------------------- roles */

static Status check_may_create(Query *query, Error *err)
{
    const CatalogUser *self =
        catalog_by_id(ddl__catalog(query), CATALOG_USER, query->session->user_id);
    if (query->session->role == ROLE_ADMIN || (self && self->create_role))
        return STATUS_OK;
    return error_set_sql(err, STATUS_DENIED, "42501", 0, "permission denied to create role");
}

/* Whoever may create roles may still not make an admin of one, nor touch one that is. */
static Status check_may_be(Query *query, const CatalogUser *user, Error *err)
{
    if (query->session->role == ROLE_ADMIN || user->role != ROLE_ADMIN)
        return STATUS_OK;
    return error_set_sql(err, STATUS_DENIED, "42501", 0,
                         "must be superuser to create, change or grant superuser roles");
}

static Status set_password(Query *query, CatalogUser *user, const AstOption *option, Error *err)
{
    CLEANUP(buf_done) Buf verifier = {0};
    const QueryOptions *options = &query->session->engine->options;
    if (!option->has_value) {
        user->verifier = STR("");
        return STATUS_OK;
    }
    if (!options->make_verifier)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "passwords are not supported here");
    TRY(options->make_verifier(option->value, &verifier, err));
    user->verifier = arena_str(&query->arena, buf_str(&verifier));
    return STATUS_OK;
}

static bool option_on(const AstOption *option)
{
    return str_eq(option->value, STR("true")) || str_eq(option->value, STR("1"));
}

static Status apply_role_option(Query *query, CatalogUser *user, const AstOption *option,
                                Error *err)
{
    if (str_eq(option->name, STR("password")))
        return set_password(query, user, option, err);
    if (str_eq(option->name, STR("canlogin")))
        user->can_login = option_on(option);
    else if (str_eq(option->name, STR("superuser")))
        user->role = option_on(option) ? ROLE_ADMIN : ROLE_WRITE;
    else if (str_eq(option->name, STR("createrole")))
        user->create_role = option_on(option);
    else if (str_eq(option->name, STR("createdb")))
        user->create_db = option_on(option);
    else if (str_eq(option->name, STR("inherit")))
        user->inherit = option_on(option);
    else if (str_eq(option->name, STR("connectionlimit")))
        (void)str_to_i64(option->value, &user->connection_limit);
    else if (!str_eq(option->name, STR("isreplication")) &&
             !str_eq(option->name, STR("bypassrls")) && !str_eq(option->name, STR("sysid")))
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", option->position,
                             "role option \"%.*s\" is not supported", STR_FMT(option->name));
    return STATUS_OK;
}

static Status create_role(Query *query, const AstDdl *ast, Error *err)
{
    CatalogUser user = {.id = ddl__new_id(query, false),
                        .name = ast->name.name,
                        .role = ROLE_WRITE,
                        .can_login = ast->is_user,
                        .inherit = true,
                        .valid_until_us = INT64_MAX,
                        .connection_limit = -1};
    query__set_tag(query, "CREATE ROLE");
    TRY(check_may_create(query, err));
    if (str_eq(user.name, STR("public")) || str_eq(user.name, STR("none")))
        return error_set_sql(err, STATUS_INVALID, "42939", 0, "role name \"%.*s\" is reserved",
                             STR_FMT(user.name));
    if (str_starts(user.name, STR("pg_"))) {
        Status status = error_set_sql(err, STATUS_INVALID, "42939", 0,
                                      "role name \"%.*s\" is reserved", STR_FMT(user.name));
        error_detail(err, "Role names starting with \"pg_\" are reserved.");
        return status;
    }
    for (uint32_t i = 0; i < ast->option_count; i++)
        TRY(apply_role_option(query, &user, &ast->options[i], err));
    TRY(check_may_be(query, &user, err));
    return ddl__put(query, CATALOG_USER, &user, err);
}

static Status find_role(Query *query, Str name, const CatalogUser **ret_user, Error *err)
{
    if (str_eq(name, STR("current_user")) || str_eq(name, STR("session_user")))
        name = str_from(query->session->user);
    *ret_user = catalog_find_user(ddl__catalog(query), name);
    if (*ret_user)
        return STATUS_OK;
    return error_set_sql(err, STATUS_NOT_FOUND, "42704", 0, "role \"%.*s\" does not exist",
                         STR_FMT(name));
}

static Status alter_role(Query *query, const AstDdl *ast, Error *err)
{
    const CatalogUser *old;
    query__set_tag(query, "ALTER ROLE");
    TRY(find_role(query, ast->name.name, &old, err));
    if (old->id != query->session->user_id) {
        TRY(check_may_create(query, err));
        TRY(check_may_be(query, old, err));
    }
    CatalogUser *user = catalog_copy(CATALOG_USER, old, &query->arena);
    for (uint32_t i = 0; i < ast->option_count; i++) {
        if (query->session->role != ROLE_ADMIN && !str_eq(ast->options[i].name, STR("password")))
            TRY(check_may_create(query, err));
        TRY(apply_role_option(query, user, &ast->options[i], err));
        TRY(check_may_be(query, user, err));
    }
    return ddl__put(query, CATALOG_USER, user, err);
}

static Status drop_role(Query *query, const AstDdl *ast, Error *err)
{
    query__set_tag(query, "DROP ROLE");
    TRY(check_may_create(query, err));
    for (uint32_t i = 0; i < ast->names.count; i++) {
        const CatalogVersion *version = ddl__catalog(query);
        const CatalogUser *user = catalog_find_user(version, ast->names.names[i]);
        if (!user && ast->if_exists) {
            query__notice(query, "00000", "role \"%.*s\" does not exist, skipping",
                          STR_FMT(ast->names.names[i]));
            continue;
        }
        TRY(find_role(query, ast->names.names[i], &user, err));
        TRY(check_may_be(query, user, err));
        if (user->id == query->session->user_id)
            return error_set_sql(err, STATUS_INVALID, "55006", 0, "current user cannot be dropped");
        for (int kind = 0; kind < CATALOG_KIND_COUNT_; kind++) {
            const CatalogHead *head;
            size_t pos = 0;
            while ((head = catalog_next(version, (CatalogKind)kind, &pos)))
                if (owner_of((CatalogKind)kind, head) == user->id ||
                    (kind == CATALOG_GRANT &&
                     ((const CatalogGrant *)(const void *)head)->user_id == user->id)) {
                    return error_set_sql(err, STATUS_INVALID, "2BP01", 0,
                                         "role \"%.*s\" cannot be dropped because some objects "
                                         "depend on it",
                                         STR_FMT(user->name));
                }
        }
        TRY(ddl__drop(query, CATALOG_USER, user->id, err));
    }
    return STATUS_OK;
}

static Status grant_role(Query *query, const AstDdl *ast, Error *err)
{
    query__set_tag(query, ast->revoke ? "REVOKE ROLE" : "GRANT ROLE");
    TRY(check_may_create(query, err));
    for (uint32_t i = 0; i < ast->names.count; i++)
        for (uint32_t k = 0; k < ast->roles.count; k++) {
            const CatalogUser *granted, *to;
            uint32_t count = 0;
            TRY(find_role(query, ast->names.names[i], &granted, err));
            TRY(find_role(query, ast->roles.names[k], &to, err));
            TRY(check_may_be(query, granted, err));
            TRY(check_may_be(query, to, err));
            if (!ast->revoke && is_member(ddl__catalog(query), granted->id, to->id, 0))
                return error_set_sql(err, STATUS_INVALID, "0LP01", 0,
                                     "role \"%.*s\" is a member of role \"%.*s\"",
                                     STR_FMT(granted->name), STR_FMT(to->name));
            CatalogUser *user = catalog_copy(CATALOG_USER, to, &query->arena);
            uint32_t *members = ARENA_NEW_ARRAY(&query->arena, uint32_t, to->member_of_count + 1);
            for (uint32_t m = 0; m < to->member_of_count; m++)
                if (to->member_of[m] != granted->id)
                    members[count++] = to->member_of[m];
            if (!ast->revoke)
                members[count++] = granted->id;
            user->member_of = members;
            user->member_of_count = count;
            TRY(ddl__put(query, CATALOG_USER, user, err));
        }
    return STATUS_OK;
}

Status ddl__role(Query *query, const AstDdl *ast, Error *err)
{
    switch (ast->kind) {
    case AST_DDL_CREATE_ROLE:
        return create_role(query, ast, err);
    case AST_DDL_ALTER_ROLE:
        return alter_role(query, ast, err);
    case AST_DDL_DROP_ROLE:
        return drop_role(query, ast, err);
    default:
        return grant_role(query, ast, err);
    }
}

/* ---------------------------------------------------------------- grants */

static Status privilege_bits(const AstDdl *ast, uint32_t *ret_bits, Error *err)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } known[] = {{"select", PRIVILEGE_SELECT},     {"insert", PRIVILEGE_INSERT},
                 {"update", PRIVILEGE_UPDATE},     {"delete", PRIVILEGE_DELETE},
                 {"truncate", PRIVILEGE_TRUNCATE}, {"references", PRIVILEGE_REFERENCES},
                 {"trigger", PRIVILEGE_TRIGGER},   {"usage", PRIVILEGE_USAGE},
                 {"create", PRIVILEGE_CREATE}};
    *ret_bits = 0;
    if (!ast->privileges.count)
        *ret_bits = ast->object == AST_OBJECT_SCHEMA ? PRIVILEGE_USAGE | PRIVILEGE_CREATE
                    : ast->object == AST_OBJECT_SEQUENCE
                        ? PRIVILEGE_USAGE | PRIVILEGE_SELECT | PRIVILEGE_UPDATE
                        : PRIVILEGE_TABLE_ALL;
    for (uint32_t i = 0; i < ast->privileges.count; i++) {
        uint32_t bit = 0;
        for (size_t k = 0; k < LUMA_ARRAY_LEN(known); k++)
            if (str_eq(ast->privileges.names[i], str_from(known[k].name)))
                bit = known[k].bit;
        if (!bit)
            return error_set_sql(err, STATUS_INVALID, "42601", 0,
                                 "unrecognized privilege type \"%.*s\"",
                                 STR_FMT(ast->privileges.names[i]));
        *ret_bits |= bit;
    }
    return STATUS_OK;
}

static Status grant_one(Query *query, const AstDdl *ast, CatalogKind kind, const CatalogHead *head,
                        uint32_t bits, Error *err)
{
    TRY(ddl__check_owner(query, kind, head, err));
    for (uint32_t i = 0; i < ast->roles.count; i++) {
        const CatalogUser *user = NULL;
        if (!str_eq(ast->roles.names[i], STR("public")))
            TRY(find_role(query, ast->roles.names[i], &user, err));
        CatalogGrant grant = {.object_id = head->id, .user_id = user ? user->id : 0};
        grant.name = arena_printf(&query->arena, "%u.%u", grant.object_id, grant.user_id);
        const CatalogGrant *old = (const void *)catalog_find(ddl__catalog(query), CATALOG_GRANT,
                                                             STR(""), grant.name, NULL);
        if (old) {
            grant.id = old->id;
            grant.privileges = old->privileges;
            grant.grantable = old->grantable;
        }
        if (ast->revoke) {
            grant.grantable &= ~bits;
            if (!ast->grant_option)
                grant.privileges &= ~bits;
        } else {
            grant.privileges |= bits;
            if (ast->grant_option)
                grant.grantable |= bits;
        }
        if (!grant.id)
            grant.id = ddl__new_id(query, head->id >= TABLE_ID_FIRST_TEMPORARY);
        if (grant.privileges)
            TRY(ddl__put(query, CATALOG_GRANT, &grant, err));
        else if (old)
            TRY(ddl__drop(query, CATALOG_GRANT, old->id, err));
    }
    return STATUS_OK;
}

static Status grant_in_schema(Query *query, const AstDdl *ast, Str schema, uint32_t bits,
                              Error *err)
{
    static const CatalogKind relations[] = {CATALOG_TABLE, CATALOG_VIEW};
    const CatalogVersion *version = ddl__catalog(query);
    bool sequences = ast->object == AST_OBJECT_SEQUENCE;
    if (!catalog_has_schema(version, schema))
        return error_set_sql(err, STATUS_NOT_FOUND, "3F000", 0, "schema \"%.*s\" does not exist",
                             STR_FMT(schema));
    for (size_t k = 0; k < (sequences ? 1 : LUMA_ARRAY_LEN(relations)); k++) {
        CatalogKind kind = sequences ? CATALOG_SEQUENCE : relations[k];
        const CatalogHead *head;
        size_t pos = 0;
        while ((head = catalog_next(version, kind, &pos)))
            if (str_eq(head->schema, schema))
                TRY(grant_one(query, ast, kind, head, bits, err));
    }
    return STATUS_OK;
}

Status ddl__grant(Query *query, const AstDdl *ast, Error *err)
{
    uint32_t bits;
    query__set_tag(query, ast->revoke ? "REVOKE" : "GRANT");
    if (ast->privilege_columns)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "privileges of columns are not supported");
    if (ast->object == AST_OBJECT_DATABASE)
        return STATUS_OK; /* there is one, open to all */
    if (ast->object != AST_OBJECT_TABLE && ast->object != AST_OBJECT_SEQUENCE &&
        ast->object != AST_OBJECT_SCHEMA)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "privileges of this kind of object are not supported");
    TRY(privilege_bits(ast, &bits, err));
    for (uint32_t i = 0; i < ast->object_count; i++) {
        const AstName *name = &ast->objects[i];
        const CatalogHead *head;
        CatalogKind kind = CATALOG_SCHEMA;
        if (ast->all_in_schema) {
            TRY(grant_in_schema(query, ast, name->name, bits, err));
            continue;
        }
        if (ast->object == AST_OBJECT_SCHEMA)
            head = (const void *)catalog_find_schema(ddl__catalog(query), name->name);
        else
            head = ddl__resolve(query, CATALOG_TABLE, name, &kind);
        if (!head)
            return error_set_sql(
                err, STATUS_NOT_FOUND,
                kind == CATALOG_SCHEMA && ast->object == AST_OBJECT_SCHEMA ? "3F000" : "42P01", 0,
                "%s \"%.*s\" does not exist",
                ast->object == AST_OBJECT_SCHEMA ? "schema" : "relation", STR_FMT(name->name));
        TRY(grant_one(query, ast, kind, head, bits, err));
    }
    return STATUS_OK;
}

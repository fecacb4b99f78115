/* catalog_views_roles.c - roles of the catalog, the database, tablespaces and extensions.
 *
 * OID 10 stands for the administrator that was there first: the user of the session when the
 * catalog does not know it. */
#include "base/role.h"
#include "query/sql/catalog_views_int.h"

static Str first_administrator(CatalogViews *views)
{
    const CatalogVersion *version = views->version(views->ctx);
    return catalog_find_user(version, views->user) ? STR("luma") : views->user;
}

uint32_t view__owner(uint32_t user_id)
{
    return user_id ? user_id : (uint32_t)OID_ROLE;
}

Str view__role_name(CatalogViews *views, uint32_t oid)
{
    const CatalogUser *user = NULL;
    if (oid && oid != OID_ROLE)
        user = catalog_by_id(views->version(views->ctx), CATALOG_USER, oid);
    if (user)
        return user->name;
    return !oid || oid == OID_ROLE ? first_administrator(views) : STR("");
}

/* ---------------------------------------------------------------- roles */

typedef struct RoleWalk {
    size_t pos;
    bool first_done;
    CatalogUser first;
} RoleWalk;

static const CatalogUser *next_role(ViewRows *rows, RoleWalk *walk)
{
    if (walk->first_done)
        return catalog_next(view__version(rows), CATALOG_USER, &walk->pos);
    walk->first_done = true;
    walk->first = (CatalogUser){.id = OID_ROLE,
                                .name = first_administrator(rows->views),
                                .role = ROLE_ADMIN,
                                .can_login = true,
                                .create_role = true,
                                .create_db = true,
                                .inherit = true,
                                .valid_until_us = INT64_MAX,
                                .connection_limit = -1};
    return &walk->first;
}

static void fill_roles(ViewRows *rows, bool verifiers)
{
    RoleWalk walk = {0};
    const CatalogUser *user;
    while ((user = next_role(rows, &walk))) {
        view__row(rows);
        if (verifiers)
            view__number(rows, "oid", user->id);
        view__text(rows, "rolname", user->name);
        view__bool(rows, "rolsuper", user->role >= ROLE_ADMIN);
        view__bool(rows, "rolinherit", user->inherit);
        view__bool(rows, "rolcreaterole", user->create_role);
        view__bool(rows, "rolcreatedb", user->create_db);
        view__bool(rows, "rolcanlogin", user->can_login);
        view__bool(rows, "rolreplication", false);
        view__number(rows, "rolconnlimit", user->connection_limit);
        if (!verifiers)
            view__name(rows, "rolpassword", "********");
        else if (user->verifier.len)
            view__text(rows, "rolpassword", user->verifier);
        if (user->valid_until_us != INT64_MAX)
            view__number(rows, "rolvaliduntil", user->valid_until_us);
        view__bool(rows, "rolbypassrls", user->role >= ROLE_ADMIN);
        if (!verifiers)
            view__number(rows, "oid", user->id);
    }
}

void view__fill_roles(ViewRows *rows)
{
    fill_roles(rows, false);
}

/* Verifiers are for administrators. */
void view__fill_authid(ViewRows *rows)
{
    Str super;
    const EvalSettings *settings = rows->views->settings;
    if (settings && settings->setting &&
        settings->setting(settings->setting_ctx, STR("is_superuser"), &super) &&
        str_eq(super, STR("on")))
        fill_roles(rows, true);
}

static void fill_users(ViewRows *rows)
{
    RoleWalk walk = {0};
    const CatalogUser *user;
    while ((user = next_role(rows, &walk))) {
        if (!user->can_login)
            continue;
        view__row(rows);
        view__text(rows, "usename", user->name);
        view__number(rows, "usesysid", user->id);
        view__bool(rows, "usecreatedb", user->create_db);
        view__bool(rows, "usesuper", user->role >= ROLE_ADMIN);
        view__bool(rows, "userepl", false);
        view__bool(rows, "usebypassrls", user->role >= ROLE_ADMIN);
        view__name(rows, "passwd", "********");
        if (user->valid_until_us != INT64_MAX)
            view__number(rows, "valuntil", user->valid_until_us);
    }
}

void view__fill_user(ViewRows *rows)
{
    fill_users(rows);
}

void view__fill_shadow(ViewRows *rows)
{
    fill_users(rows);
}

void view__fill_group(ViewRows *rows)
{
    RoleWalk walk = {0};
    const CatalogUser *group;
    while ((group = next_role(rows, &walk))) {
        int64_t members[64];
        uint32_t count = 0;
        size_t pos = 0;
        const CatalogUser *user;
        if (group->can_login)
            continue;
        while ((user = catalog_next(view__version(rows), CATALOG_USER, &pos)))
            for (uint32_t i = 0; i < user->member_of_count && count < 64; i++)
                if (user->member_of[i] == group->id)
                    members[count++] = user->id;
        view__row(rows);
        view__text(rows, "groname", group->name);
        view__number(rows, "grosysid", group->id);
        view__numbers(rows, "grolist", members, count);
    }
}

void view__fill_auth_members(ViewRows *rows)
{
    size_t pos = 0;
    const CatalogUser *user;
    while ((user = catalog_next(view__version(rows), CATALOG_USER, &pos)))
        for (uint32_t i = 0; i < user->member_of_count; i++) {
            view__row(rows);
            view__number(rows, "roleid", user->member_of[i]);
            view__number(rows, "member", user->id);
            view__number(rows, "grantor", OID_ROLE);
        }
}

/* ---------------------------------------------------------------- database and its like */

void view__fill_database(ViewRows *rows)
{
    view__row(rows);
    view__number(rows, "oid", OID_DATABASE);
    view__text(rows, "datname", rows->views->database);
    view__number(rows, "datdba", OID_ROLE);
    view__number(rows, "encoding", 6); /* UTF8 */
    view__number(rows, "datlocprovider", 'c');
    view__bool(rows, "datallowconn", true);
    view__number(rows, "datconnlimit", -1);
    view__number(rows, "dattablespace", OID_TABLESPACE_DEFAULT);
    view__name(rows, "datcollate", "C");
    view__name(rows, "datctype", "C.UTF-8");
}

void view__fill_tablespace(ViewRows *rows)
{
    static const char *const names[] = {"pg_default", "pg_global"};
    for (uint32_t i = 0; i < LUMA_ARRAY_LEN(names); i++) {
        view__row(rows);
        view__number(rows, "oid", OID_TABLESPACE_DEFAULT + i);
        view__name(rows, "spcname", names[i]);
        view__number(rows, "spcowner", OID_ROLE);
    }
}

/* plpgsql is in every PostgreSQL: clients take its row for a sign of life. */
void view__fill_extension(ViewRows *rows)
{
    view__row(rows);
    view__number(rows, "oid", 13000);
    view__name(rows, "extname", "plpgsql");
    view__number(rows, "extowner", OID_ROLE);
    view__number(rows, "extnamespace", OID_SCHEMA_PG_CATALOG);
    view__name(rows, "extversion", "1.0");
}

/* catalog_views_session.c - settings, activity, prepared statements, cursors, time zones, counts of
 * rows. */
#include "base/clock.h"
#include "format/pgtype/pgtype.h"
#include "format/pgtype/timezone.h"
#include "query/sql/catalog_views_int.h"

void view__fill_settings(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    uint32_t count = views->setting_count(views->ctx);
    for (uint32_t i = 0; i < count; i++) {
        Str name, value, text;
        views->setting_at(views->ctx, i, &name, &value, &text);
        bool is_switch = str_eq(value, STR("on")) || str_eq(value, STR("off"));
        view__row(rows);
        view__text(rows, "name", name);
        view__text(rows, "setting", value);
        view__name(rows, "category", "Session");
        view__text(rows, "short_desc", text);
        view__name(rows, "context", "user");
        view__name(rows, "vartype", is_switch ? "bool" : "string");
        view__name(rows, "source", "session");
        view__text(rows, "boot_val", value);
        view__text(rows, "reset_val", value);
        view__bool(rows, "pending_restart", false);
    }
}

/* ---------------------------------------------------------------- activity */

static Str setting_of(const CatalogViews *views, const char *name)
{
    const EvalSettings *settings = views->settings;
    Str value = STR("");
    if (settings && settings->setting &&
        !settings->setting(settings->setting_ctx, str_from(name), &value))
        value = STR("");
    return value;
}

/* The session that asks: others are not shown. */
void view__fill_stat_activity(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    const EvalSettings *settings = views->settings;
    view__row(rows);
    view__number(rows, "datid", OID_DATABASE);
    view__text(rows, "datname", views->database);
    view__number(rows, "pid", settings ? settings->backend_pid : 0);
    view__number(rows, "usesysid", OID_ROLE);
    view__text(rows, "usename", views->user);
    view__text(rows, "application_name", setting_of(views, "application_name"));
    if (settings) {
        view__number(rows, "xact_start", settings->transaction_us);
        view__number(rows, "query_start", settings->statement_us);
        view__number(rows, "state_change", settings->statement_us);
    }
    view__name(rows, "state", "active");
    view__name(rows, "backend_type", "client backend");
}

void view__fill_locks(ViewRows *rows)
{
    view__row(rows);
    view__name(rows, "locktype", "virtualxid");
    view__name(rows, "virtualxid", "1/1");
    view__name(rows, "virtualtransaction", "1/1");
    view__number(rows, "pid", rows->views->settings ? rows->views->settings->backend_pid : 0);
    view__name(rows, "mode", "ExclusiveLock");
    view__bool(rows, "granted", true);
    view__bool(rows, "fastpath", true);
}

void view__fill_stat_database(ViewRows *rows)
{
    view__row(rows);
    view__number(rows, "datid", OID_DATABASE);
    view__text(rows, "datname", rows->views->database);
    view__number(rows, "numbackends", 1);
}

void view__fill_stat_tables(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    size_t pos = 0;
    const Table *table;
    while ((table = catalog_next_table(view__version(rows), &pos))) {
        view__row(rows);
        view__number(rows, "relid", table->id);
        view__text(rows, "schemaname", table->schema);
        view__text(rows, "relname", table->name);
        view__number(rows, "n_live_tup",
                     views->row_count ? views->row_count(views->ctx, table) : 0);
        view__number(rows, "n_dead_tup", 0);
    }
}

/* ---------------------------------------------------------------- prepared statements, cursors */

void view__fill_prepared_statements(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    CatalogPrepared prepared;
    size_t pos = 0;
    while (views->next_prepared && views->next_prepared(views->ctx, &pos, &prepared)) {
        int64_t *types = ARENA_NEW_ARRAY(rows->arena, int64_t, prepared.type_count + 1);
        for (uint32_t i = 0; i < prepared.type_count; i++)
            types[i] = type_oid(prepared.types[i]);
        view__row(rows);
        view__text(rows, "name", prepared.name);
        view__text(rows, "statement", prepared.text);
        view__numbers(rows, "parameter_types", types, prepared.type_count);
        view__bool(rows, "from_sql", true);
        view__number(rows, "generic_plans", 0);
        view__number(rows, "custom_plans", 0);
    }
}

void view__fill_cursors(ViewRows *rows)
{
    CatalogViews *views = rows->views;
    CatalogPrepared cursor;
    size_t pos = 0;
    while (views->next_cursor && views->next_cursor(views->ctx, &pos, &cursor)) {
        view__row(rows);
        view__text(rows, "name", cursor.name);
        view__text(rows, "statement", cursor.text);
        view__bool(rows, "is_holdable", false);
        view__bool(rows, "is_binary", false);
        view__bool(rows, "is_scrollable", false);
    }
}

/* ---------------------------------------------------------------- time zones */

static void set_interval(ViewRows *rows, const char *column, int32_t seconds)
{
    Interval *interval = ARENA_NEW(rows->arena, Interval);
    *interval = (Interval){.us = seconds * INT64_C(1000000)};
    view__text(rows, column, str_make((const char *)interval, sizeof *interval));
}

static void add_zone(void *ctx, const TimeZone *zone)
{
    ViewRows *rows = ctx;
    TimeZoneOffset offset = timezone_at_utc(zone, clock_wall_ns() / 1000);
    view__row(rows);
    view__text(rows, "name", timezone_name(zone));
    view__name(rows, "abbrev", offset.abbrev);
    set_interval(rows, "utc_offset", offset.offset_sec);
    view__bool(rows, "is_dst", offset.is_dst);
}

void view__fill_timezone_names(ViewRows *rows)
{
    timezone_each(add_zone, rows);
}

void view__fill_timezone_abbrevs(ViewRows *rows)
{
    const char *name;
    int32_t offset;
    bool is_dst;
    for (size_t i = 0; timezone_abbrev_at(i, &name, &offset, &is_dst); i++) {
        view__row(rows);
        view__name(rows, "abbrev", name);
        set_interval(rows, "utc_offset", offset);
        view__bool(rows, "is_dst", is_dst);
    }
}

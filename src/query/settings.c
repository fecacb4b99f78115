/* settings.c - session settings under PostgreSQL's names, with its checks and its way to print
 * them.
 *
 * A value is kept as SHOW prints it. Inside a transaction the value before the first SET is saved;
 * ROLLBACK brings it back, and COMMIT does so for SET LOCAL. Names are compared without case. */
#include "base/clock.h"
#include "format/pgtype/pgtype.h"
#include "query/query_int.h"

typedef enum SettingKind {
    SETTING_TEXT,
    SETTING_BOOL,
    SETTING_INT,
    SETTING_TIME, /* milliseconds with units */
    SETTING_ENUM, /* one of `values`, separated by blanks */
    SETTING_ZONE,
    SETTING_PGTYPE, /* checked by format/pgtype */
    SETTING_ISOLATION,
    SETTING_ENCODING,
    SETTING_FIXED, /* cannot be changed */
} SettingKind;

typedef struct SettingDef {
    const char *name;
    SettingKind kind;
    const char *initial;
    const char *values; /* ENUM */
    int64_t min;
    int64_t max;
    bool reported; /* PostgreSQL sends ParameterStatus */
    const char *text;
} SettingDef;

/* clang-format off */
static const SettingDef defs[] = {
    {"application_name", SETTING_TEXT, "", NULL, 0, 0, true, "Sets the application name to be reported in statistics and logs."},
    {"array_nulls", SETTING_BOOL, "on", NULL, 0, 0, false, "Enable input of NULL elements in arrays."},
    {"backslash_quote", SETTING_ENUM, "safe_encoding", "safe_encoding on off", 0, 0, false, "Sets whether \"\\'\" is allowed in string literals."},
    {"block_size", SETTING_FIXED, "8192", NULL, 0, 0, false, "Shows the size of a disk block."},
    {"bytea_output", SETTING_PGTYPE, "hex", "hex escape", 0, 0, false, "Sets the output format for bytea."},
    {"check_function_bodies", SETTING_BOOL, "on", NULL, 0, 0, false, "Check routine bodies during CREATE FUNCTION."},
    {"client_encoding", SETTING_ENCODING, "UTF8", NULL, 0, 0, true, "Sets the client's character set encoding."},
    {"client_min_messages", SETTING_ENUM, "notice", "debug5 debug4 debug3 debug2 debug1 log notice warning error", 0, 0, false, "Sets the message levels that are sent to the client."},
    {"constraint_exclusion", SETTING_ENUM, "partition", "partition on off", 0, 0, false, "Enables the planner to use constraints to optimize queries."},
    {"cursor_tuple_fraction", SETTING_TEXT, "0.1", NULL, 0, 0, false, "Accepted; has no effect."},
    {"DateStyle", SETTING_PGTYPE, "ISO, MDY", NULL, 0, 0, true, "Sets the display format for date and time values."},
    {"default_table_access_method", SETTING_TEXT, "heap", NULL, 0, 0, false, "Accepted; has no effect."},
    {"default_tablespace", SETTING_TEXT, "", NULL, 0, 0, false, "Accepted; has no effect."},
    {"default_text_search_config", SETTING_TEXT, "pg_catalog.simple", NULL, 0, 0, false, "Sets default text search configuration."},
    {"default_transaction_deferrable", SETTING_BOOL, "off", NULL, 0, 0, false, "Sets the default deferrable status of new transactions."},
    {"default_transaction_isolation", SETTING_ISOLATION, "read committed", NULL, 0, 0, false, "Sets the transaction isolation level of each new transaction."},
    {"default_transaction_read_only", SETTING_BOOL, "off", NULL, 0, 0, true, "Sets the default read-only status of new transactions."},
    {"enable_hashjoin", SETTING_BOOL, "on", NULL, 0, 0, false, "Accepted; has no effect."},
    {"enable_seqscan", SETTING_BOOL, "on", NULL, 0, 0, false, "Accepted; has no effect."},
    {"escape_string_warning", SETTING_BOOL, "on", NULL, 0, 0, false, "Warn about backslash escapes in ordinary string literals."},
    {"extra_float_digits", SETTING_INT, "1", NULL, -15, 3, false, "Sets the number of digits displayed for floating-point values."},
    {"geqo", SETTING_BOOL, "on", NULL, 0, 0, false, "Accepted; has no effect."},
    {"idle_in_transaction_session_timeout", SETTING_TIME, "0", NULL, 0, INT32_MAX, false, "Accepted; has no effect."},
    {"idle_session_timeout", SETTING_TIME, "0", NULL, 0, INT32_MAX, false, "Accepted; has no effect."},
    {"in_hot_standby", SETTING_FIXED, "off", NULL, 0, 0, true, "Shows whether hot standby is currently active."},
    {"integer_datetimes", SETTING_FIXED, "on", NULL, 0, 0, true, "Shows whether datetimes are integer based."},
    {"IntervalStyle", SETTING_PGTYPE, "postgres", NULL, 0, 0, true, "Sets the display format for interval values."},
    {"is_superuser", SETTING_FIXED, "", NULL, 0, 0, true, "Shows whether the current user is a superuser."},
    {"jit", SETTING_BOOL, "off", NULL, 0, 0, false, "Accepted; has no effect."},
    {"lc_collate", SETTING_FIXED, "C", NULL, 0, 0, false, "Shows the collation order locale."},
    {"lc_ctype", SETTING_FIXED, "C.UTF-8", NULL, 0, 0, false, "Shows the character classification and case conversion locale."},
    {"lc_messages", SETTING_TEXT, "C", NULL, 0, 0, false, "Accepted; has no effect."},
    {"lc_monetary", SETTING_TEXT, "C", NULL, 0, 0, false, "Accepted; has no effect."},
    {"lc_numeric", SETTING_TEXT, "C", NULL, 0, 0, false, "Accepted; has no effect."},
    {"lc_time", SETTING_TEXT, "C", NULL, 0, 0, false, "Accepted; has no effect."},
    {"lock_timeout", SETTING_TIME, "0", NULL, 0, INT32_MAX, false, "Accepted; has no effect."},
    {"max_identifier_length", SETTING_FIXED, "63", NULL, 0, 0, false, "Shows the maximum identifier length."},
    {"max_index_keys", SETTING_FIXED, "32", NULL, 0, 0, false, "Shows the maximum number of index keys."},
    {"quote_all_identifiers", SETTING_BOOL, "off", NULL, 0, 0, false, "When generating SQL fragments, quote all identifiers."},
    {"role", SETTING_ENUM, "none", "none", 0, 0, false, "Sets the current role."},
    {"row_security", SETTING_BOOL, "on", NULL, 0, 0, false, "Enable row security."},
    {"search_path", SETTING_TEXT, "\"$user\", public", NULL, 0, 0, false, "Sets the schema search order for names that are not schema-qualified."},
    {"server_encoding", SETTING_FIXED, "UTF8", NULL, 0, 0, true, "Shows the server (database) character set encoding."},
    {"server_version", SETTING_FIXED, "", NULL, 0, 0, true, "Shows the server version."},
    {"server_version_num", SETTING_FIXED, "150000", NULL, 0, 0, false, "Shows the server version as an integer."},
    {"session_authorization", SETTING_FIXED, "", NULL, 0, 0, true, "Sets the session user name."},
    {"session_replication_role", SETTING_ENUM, "origin", "origin replica local", 0, 0, false, "Accepted; has no effect."},
    {"ssl_renegotiation_limit", SETTING_FIXED, "0", NULL, 0, 0, false, "Shows that SSL renegotiation is off."},
    {"standard_conforming_strings", SETTING_ENUM, "on", "on", 0, 0, true, "Causes '...' strings to treat backslashes literally."},
    {"statement_timeout", SETTING_TIME, "0", NULL, 0, INT32_MAX, false, "Sets the maximum allowed duration of any statement."},
    {"synchronize_seqscans", SETTING_BOOL, "on", NULL, 0, 0, false, "Accepted; has no effect."},
    {"synchronous_commit", SETTING_ENUM, "on", "on remote_write remote_apply local", 0, 0, false, "Commits always wait for the write-ahead log."},
    {"TimeZone", SETTING_ZONE, "UTC", NULL, 0, 0, true, "Sets the time zone for displaying and interpreting time stamps."},
    {"transaction_deferrable", SETTING_BOOL, "off", NULL, 0, 0, false, "Whether to defer a read-only serializable transaction."},
    {"transaction_isolation", SETTING_ISOLATION, "read committed", NULL, 0, 0, false, "Sets the current transaction's isolation level."},
    {"transaction_read_only", SETTING_BOOL, "off", NULL, 0, 0, false, "Sets the current transaction's read-only status."},
    {"work_mem", SETTING_TEXT, "4MB", NULL, 0, 0, false, "Accepted; has no effect."},
    {"xmloption", SETTING_ENUM, "content", "content document", 0, 0, false, "Accepted; has no effect."},
};
/* clang-format on */

uint32_t settings__count(void)
{
    return LUMA_ARRAY_LEN(defs);
}

/* memcmp's sign without regard to ASCII case. */
static int compare_nocase(Str a, const char *b)
{
    for (size_t i = 0; i < a.len; i++) {
        int x = a.ptr[i] >= 'A' && a.ptr[i] <= 'Z' ? a.ptr[i] + 32 : a.ptr[i];
        int y = b[i] >= 'A' && b[i] <= 'Z' ? b[i] + 32 : b[i];
        if (x != y || !y) /* `b` may end first, as a lesser NUL */
            return x < y ? -1 : 1;
    }
    return b[a.len] ? -1 : 0;
}

/* The definitions are sorted by their names without regard to case. */
static int find_def(Str name)
{
    size_t low = 0;
    size_t high = LUMA_ARRAY_LEN(defs);

    if (name.len == 9 && str_eq_nocase(name, STR("time zone")))
        name = STR("TimeZone");
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_nocase(name, defs[middle].name);
        if (order == 0)
            return (int)middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

void settings__verify(void)
{
    for (size_t i = 1; i < LUMA_ARRAY_LEN(defs); i++)
        ASSERT(compare_nocase(str_from(defs[i - 1].name), defs[i].name) < 0);
}

static char *dup_str(Str s)
{
    char *copy = mem_alloc(s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    return copy;
}

static Str initial_value(const Session *session, const SettingDef *def)
{
    if (!strcmp(def->name, "server_version"))
        return str_from(session->engine->options.server_version);
    if (!strcmp(def->name, "session_authorization"))
        return str_from(session->user);
    if (!strcmp(def->name, "is_superuser"))
        return session->role == ROLE_ADMIN ? STR("on") : STR("off");
    return str_from(def->initial);
}

static Str current_value(const Session *session, int idx)
{
    const char *text = session->settings[idx].text;
    return text ? str_from(text) : initial_value(session, &defs[idx]);
}

/* ---------------------------------------------------------------- checks */

static Status bad_value(const char *name, Str value, Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22023", 0,
                         "invalid value for parameter \"%s\": \"%.*s\"", name, STR_FMT(value));
}

static Status check_bool(const SettingDef *def, Str value, Buf *out, Error *err)
{
    bool on;
    if (pgtype_parse_bool(value, &on, NULL) != STATUS_OK)
        return error_set_sql(err, STATUS_INVALID, "22023", 0,
                             "parameter \"%s\" requires a Boolean value", def->name);
    buf_append_str(out, on ? STR("on") : STR("off"));
    return STATUS_OK;
}

static Status check_range(const SettingDef *def, int64_t number, const char *unit, Error *err)
{
    if (number >= def->min && number <= def->max)
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22023", 0,
                         "%ld%s is outside the valid range for parameter \"%s\" (%ld .. %ld)",
                         (long)number, unit, def->name, (long)def->min, (long)def->max);
}

static Status check_int(const SettingDef *def, Str value, Buf *out, Error *err)
{
    int64_t number;
    if (!str_to_i64(str_trim(value), &number))
        return bad_value(def->name, value, err);
    TRY(check_range(def, number, "", err));
    buf_printf(out, "%ld", (long)number);
    return STATUS_OK;
}

static const struct {
    const char *name;
    int64_t ms;
} time_units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};

static Status check_time(const SettingDef *def, Str value, Buf *out, Error *err)
{
    Str text = str_trim(value);
    size_t digits = 0;
    double number;
    int64_t unit_ms = 1;
    while (digits < text.len && strchr("0123456789.+-", text.ptr[digits]))
        digits++;
    if (!str_to_f64(str_sub(text, 0, digits), &number))
        return bad_value(def->name, value, err);
    Str unit = str_trim(str_sub(text, digits, SIZE_MAX));
    if (unit.len && !str_eq(unit, STR("us"))) {
        size_t i = 0;
        while (i < LUMA_ARRAY_LEN(time_units) && !str_eq(unit, str_from(time_units[i].name)))
            i++;
        if (i == LUMA_ARRAY_LEN(time_units)) {
            Status status = bad_value(def->name, value, err);
            error_hint(err, "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", "
                            "\"h\", and \"d\".");
            return status;
        }
        unit_ms = time_units[i].ms;
    }
    number *= (double)unit_ms;
    if (str_eq(unit, STR("us")))
        number /= 1000;
    int64_t ms = number > 1e15 ? INT64_MAX : number < -1e15 ? INT64_MIN : (int64_t)(number + 0.5);
    TRY(check_range(def, ms, " ms", err));
    for (size_t i = 0; ms && i < LUMA_ARRAY_LEN(time_units); i++)
        if (ms % time_units[i].ms == 0) {
            buf_printf(out, "%ld%s", (long)(ms / time_units[i].ms), time_units[i].name);
            return STATUS_OK;
        }
    buf_append_byte(out, '0');
    return STATUS_OK;
}

static Status check_enum(const SettingDef *def, Str value, Buf *out, Error *err)
{
    Str rest = str_from(def->values);
    Str item;
    while (str_split(&rest, ' ', &item))
        if (str_eq_nocase(item, value)) {
            buf_append_str(out, item);
            return STATUS_OK;
        }
    Status status = bad_value(def->name, value, err);
    error_hint(err, "Available values: %s.", def->values);
    return status;
}

static Status check_zone(const SettingDef *def, Str value, Buf *out, Error *err)
{
    const TimeZone *zone = pg_time_zone_of_setting(value);
    if (!zone)
        return bad_value(def->name, value, err);
    buf_append_str(out, timezone_name(zone));
    return STATUS_OK;
}

static Status check_pgtype(Session *session, const SettingDef *def, Str value, Buf *out, Error *err)
{
    PgSettings settings;
    pg_settings_init(&settings);
    if (!strcmp(def->name, "DateStyle"))
        TRY(pg_settings_set(&settings, STR("DateStyle"),
                            current_value(session, find_def(STR("DateStyle"))), err));
    TRY(pg_settings_set(&settings, str_from(def->name), value, err));
    if (!strcmp(def->name, "DateStyle"))
        buf_append_str(out, str_from(pg_settings_date_style_name(&settings)));
    else if (!strcmp(def->name, "IntervalStyle"))
        buf_append_str(out, str_from(pg_settings_interval_style_name(&settings)));
    else
        buf_append_str(out, settings.bytea_escape ? STR("escape") : STR("hex"));
    return STATUS_OK;
}

static Status check_isolation(const SettingDef *def, Str value, Buf *out, Error *err)
{
    static const char *const levels[] = {"serializable", "repeatable read", "read committed",
                                         "read uncommitted"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(levels); i++)
        if (str_eq_nocase(value, str_from(levels[i]))) {
            buf_append_str(out, str_from(levels[i]));
            return STATUS_OK;
        }
    return bad_value(def->name, value, err);
}

static Status check_encoding(const SettingDef *def, Str value, Buf *out, Error *err)
{
    Str text = str_trim(value);
    if (text.len >= 2 && text.ptr[0] == '\'' && text.ptr[text.len - 1] == '\'')
        text = str_sub(text, 1, text.len - 2); /* asyncpg sends the quotes */
    if (str_eq_nocase(text, STR("utf8")) || str_eq_nocase(text, STR("utf-8")) ||
        str_eq_nocase(text, STR("unicode"))) {
        buf_append_str(out, STR("UTF8"));
        return STATUS_OK;
    }
    if (str_eq_nocase(text, STR("sql_ascii"))) {
        buf_append_str(out, STR("SQL_ASCII"));
        return STATUS_OK;
    }
    Status status = bad_value(def->name, value, err);
    error_hint(err, "LumaDB speaks UTF8.");
    return status;
}

static Status check_value(Session *session, const SettingDef *def, Str value, Buf *out, Error *err)
{
    switch (def->kind) {
    case SETTING_TEXT:
        buf_append_str(out, value);
        return STATUS_OK;
    case SETTING_BOOL:
        return check_bool(def, value, out, err);
    case SETTING_INT:
        return check_int(def, value, out, err);
    case SETTING_TIME:
        return check_time(def, value, out, err);
    case SETTING_ENUM:
        if (def->values && !strcmp(def->values, "on") && str_eq_nocase(value, STR("true")))
            value = STR("on");
        return check_enum(def, value, out, err);
    case SETTING_ZONE:
        return check_zone(def, value, out, err);
    case SETTING_PGTYPE:
        return check_pgtype(session, def, value, out, err);
    case SETTING_ISOLATION:
        return check_isolation(def, value, out, err);
    case SETTING_ENCODING:
        return check_encoding(def, value, out, err);
    case SETTING_FIXED:
        break;
    }
    return error_set_sql(err, STATUS_INVALID, "55P02", 0, "parameter \"%s\" cannot be changed",
                         def->name);
}

/* ---------------------------------------------------------------- set and get */

Status settings__init(Session *session, const SessionOptions *options, Error *err)
{
    session->settings = MEM_NEW_ARRAY(SettingValue, LUMA_ARRAY_LEN(defs));
    if (options->application_name.len)
        return settings__set(session, STR("application_name"), &options->application_name, false,
                             err);
    return STATUS_OK;
}

void settings__done(Session *session)
{
    for (size_t i = 0; session->settings && i < LUMA_ARRAY_LEN(defs); i++) {
        mem_free(session->settings[i].text);
        mem_free(session->settings[i].saved);
    }
    for (uint32_t i = 0; i < session->custom_count; i++) {
        mem_free(session->customs[i].name);
        mem_free(session->customs[i].value);
    }
    mem_free(session->settings);
    mem_free(session->customs);
}

static void report(Session *session, int idx)
{
    if (defs[idx].reported && session->on_setting.fn)
        session->on_setting.fn(session->on_setting.ctx, str_from(defs[idx].name),
                               current_value(session, idx));
}

/* Takes `text` (NULL = default). */
static void assign(Session *session, int idx, char *text, bool local)
{
    SettingValue *value = &session->settings[idx];
    bool in_block = session->txn.state != TRANSACTION_IDLE;
    if (in_block && !value->touched) {
        value->touched = true;
        value->saved_set = value->text != NULL;
        value->saved = value->text ? mem_strdup(value->text) : NULL;
    }
    value->local = in_block && local;
    mem_free(value->text);
    value->text = text;
    session->pg_settings_fresh = false;
    report(session, idx);
}

static Status set_custom(Session *session, Str name, const Str *value, Error *err)
{
    ptrdiff_t dot = str_find_byte(name, '.');
    if (dot <= 0 || (size_t)dot + 1 >= name.len)
        return error_set_sql(err, STATUS_INVALID, "42704", 0,
                             "unrecognized configuration parameter \"%.*s\"", STR_FMT(name));
    for (uint32_t i = 0; i < session->custom_count; i++)
        if (str_eq_nocase(str_from(session->customs[i].name), name)) {
            mem_free(session->customs[i].value);
            session->customs[i].value = dup_str(value ? *value : STR(""));
            return STATUS_OK;
        }
    if (session->custom_count >= SESSION_PREPARED_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "too many custom settings");
    MEM_GROW(session->customs, session->custom_cap, session->custom_count + 1);
    session->customs[session->custom_count++] =
        (CustomSetting){dup_str(name), dup_str(value ? *value : STR(""))};
    return STATUS_OK;
}

Status settings__set(Session *session, Str name, const Str *value, bool local, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    int idx = find_def(name);
    if (idx < 0)
        return set_custom(session, name, value, err);
    if (!value) {
        if (defs[idx].kind == SETTING_FIXED)
            return STATUS_OK;
        assign(session, idx, NULL, local);
        return STATUS_OK;
    }
    TRY(check_value(session, &defs[idx], *value, &text, err));
    assign(session, idx, dup_str(buf_str(&text)), local);
    return STATUS_OK;
}

void settings__reset_all(Session *session)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(defs); i++)
        if (session->settings[i].text && strcmp(defs[i].name, "transaction_isolation") != 0 &&
            strcmp(defs[i].name, "transaction_read_only") != 0)
            assign(session, (int)i, NULL, false);
}

bool settings__get(Session *session, Str name, Str *ret_value)
{
    int idx = find_def(name);
    if (idx >= 0) {
        *ret_value = current_value(session, idx);
        return true;
    }
    for (uint32_t i = 0; i < session->custom_count; i++)
        if (str_eq_nocase(str_from(session->customs[i].name), name)) {
            *ret_value = str_from(session->customs[i].value);
            return true;
        }
    return false;
}

void settings__end_transaction(Session *session, bool commit)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(defs); i++) {
        SettingValue *value = &session->settings[i];
        if (!value->touched)
            continue;
        value->touched = false;
        if (!commit || value->local) {
            mem_free(value->text);
            value->text = value->saved_set ? STEAL(value->saved) : NULL;
            session->pg_settings_fresh = false;
            report(session, (int)i);
        }
        mem_free(value->saved);
        value->saved = NULL;
        value->local = false;
    }
}

char **settings__mark(const Session *session, Arena *arena)
{
    char **texts = ARENA_NEW_ARRAY(arena, char *, LUMA_ARRAY_LEN(defs));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(defs); i++)
        if (session->settings[i].text)
            texts[i] = arena_strdup(arena, session->settings[i].text);
    return texts;
}

void settings__rollback(Session *session, char *const *mark)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(defs); i++) {
        SettingValue *value = &session->settings[i];
        if (!mark[i] ? !value->text : value->text && strcmp(mark[i], value->text) == 0)
            continue;
        mem_free(value->text);
        value->text = mark[i] ? mem_strdup(mark[i]) : NULL;
        session->pg_settings_fresh = false;
        report(session, (int)i);
    }
}

void settings__describe(Session *session, uint32_t idx, Str *ret_name, Str *ret_value,
                        Str *ret_text)
{
    *ret_name = str_from(defs[idx].name);
    *ret_value = current_value(session, (int)idx);
    *ret_text = str_from(defs[idx].text);
}

/* ---------------------------------------------------------------- for the rest of the module */

static bool setting_for_function(void *ctx, Str name, Str *ret_value)
{
    return settings__get(ctx, name, ret_value);
}

/* Made again after a SET; values were checked when they were set. */
static const PgSettings *type_settings(Session *session)
{
    static const char *const names[] = {"DateStyle", "IntervalStyle", "TimeZone",
                                        "extra_float_digits", "bytea_output"};
    if (session->pg_settings_fresh)
        return &session->pg_settings;
    pg_settings_init(&session->pg_settings);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        (void)pg_settings_set(&session->pg_settings, str_from(names[i]),
                              current_value(session, find_def(str_from(names[i]))), NULL);
    session->pg_settings_fresh = true;
    return &session->pg_settings;
}

static Str eval_text(const Session *session, Arena *arena, const char *name)
{
    return arena_str(arena, current_value(session, find_def(str_from(name))));
}

PgSettings *settings__eval(Session *session, Arena *arena, EvalSettings *ret_settings)
{
    PgSettings *pg = arena_dup(arena, type_settings(session), sizeof *pg);
    *ret_settings = (EvalSettings){
        .pg = pg,
        .time_zone = pg->time_zone,
        .time_zone_name = eval_text(session, arena, "TimeZone"),
        .date_style = eval_text(session, arena, "DateStyle"),
        .interval_style = eval_text(session, arena, "IntervalStyle"),
        .extra_float_digits = pg->extra_float_digits,
        .bytea_output = eval_text(session, arena, "bytea_output"),
        .user = str_from(session->user),
        .database = str_from(session->database),
        .search_path = eval_text(session, arena, "search_path"),
        .statement_us = clock_wall_ns() / 1000,
        .transaction_us = session->txn.start_us,
        .backend_pid = session->backend_pid,
        .setting = setting_for_function,
        .setting_ctx = session,
    };
    if (session->txn.state == TRANSACTION_IDLE || !session->txn.start_us)
        ret_settings->transaction_us = ret_settings->statement_us;
    pg->now_us = ret_settings->transaction_us;
    return pg;
}

int64_t settings__timeout_ns(Session *session)
{
    Str value = current_value(session, find_def(STR("statement_timeout")));
    size_t digits = 0;
    int64_t number = 0;
    while (digits < value.len && value.ptr[digits] >= '0' && value.ptr[digits] <= '9')
        digits++;
    (void)str_to_i64(str_sub(value, 0, digits), &number);
    Str unit = str_sub(value, digits, SIZE_MAX);
    int64_t unit_ms = 1;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(time_units); i++)
        if (str_eq(unit, str_from(time_units[i].name)))
            unit_ms = time_units[i].ms;
    return number * unit_ms * 1000000;
}

/* Names separated by commas; quotes keep case and commas. */
uint32_t settings__search_path(Session *session, Str path[SEARCH_PATH_MAX])
{
    Str value = current_value(session, find_def(STR("search_path")));
    uint32_t count = 0;
    size_t at = 0;
    while (at < value.len && count < SEARCH_PATH_MAX) {
        while (at < value.len && (value.ptr[at] == ' ' || value.ptr[at] == ','))
            at++;
        if (at >= value.len)
            break;
        bool quoted = value.ptr[at] == '"';
        size_t from = at + quoted;
        at = from;
        while (at < value.len && value.ptr[at] != (quoted ? '"' : ','))
            at++;
        Str name = str_sub(value, from, at - from);
        path[count] = quoted ? name : str_trim(name);
        if (str_eq(path[count], STR("$user")))
            path[count] = str_from(session->user);
        count++;
        at += quoted;
    }
    return count;
}

/* copy_options.c - the options of COPY, with PostgreSQL 15's checks, texts and SQLSTATEs. */
#include "query/query_copy_int.h"

typedef struct Given {
    const AstOption *format;
    const AstOption *freeze;
    const AstOption *delimiter;
    const AstOption *null_text;
    const AstOption *header;
    const AstOption *quote;
    const AstOption *escape;
    const AstOption *force_quote;
    const AstOption *force_not_null;
    const AstOption *force_null;
    const AstOption *encoding;
} Given;

static Status refuse(const char *sqlstate, Error *err, const char *text)
{
    return error_set_sql(err, STATUS_INVALID, sqlstate, 0, "%s", text);
}

static const AstOption **slot_of(Given *given, Str name)
{
    const struct {
        const char *name;
        const AstOption **slot;
    } slots[] = {
        {"format", &given->format},
        {"freeze", &given->freeze},
        {"delimiter", &given->delimiter},
        {"null", &given->null_text},
        {"header", &given->header},
        {"quote", &given->quote},
        {"escape", &given->escape},
        {"force_quote", &given->force_quote},
        {"force_not_null", &given->force_not_null},
        {"force_null", &given->force_null},
        {"encoding", &given->encoding},
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(slots); i++)
        if (str_eq(name, str_from(slots[i].name)))
            return slots[i].slot;
    return NULL;
}

static Status sort_out(const AstCopy *ast, Given *given, Error *err)
{
    for (uint32_t i = 0; i < ast->option_count; i++) {
        const AstOption *option = &ast->options[i];
        const AstOption **slot = slot_of(given, option->name);
        if (!slot)
            return error_set_sql(err, STATUS_INVALID, "42601", option->position,
                                 "option \"%.*s\" not recognized", STR_FMT(option->name));
        if (*slot)
            return error_set_sql(err, STATUS_INVALID, "42601", option->position,
                                 "conflicting or redundant options");
        *slot = option;
    }
    return STATUS_OK;
}

static Status read_bool(const AstOption *option, bool *ret, Error *err)
{
    *ret = true;
    if (!option->has_value)
        return STATUS_OK;
    if (str_eq_nocase(option->value, STR("true")) || str_eq_nocase(option->value, STR("on")) ||
        str_eq(option->value, STR("1")))
        return STATUS_OK;
    *ret = false;
    if (str_eq_nocase(option->value, STR("false")) || str_eq_nocase(option->value, STR("off")) ||
        str_eq(option->value, STR("0")))
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "42601", 0, "%.*s requires a Boolean value",
                         STR_FMT(option->name));
}

static Status read_header(const AstOption *option, bool from, CopyHeader *ret, Error *err)
{
    bool on;
    if (option->has_value && str_eq_nocase(option->value, STR("match"))) {
        if (!from)
            return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                                 "cannot use \"%.*s\" with HEADER in COPY TO",
                                 STR_FMT(option->value));
        *ret = COPY_HEADER_MATCH;
        return STATUS_OK;
    }
    if (read_bool(option, &on, NULL) != STATUS_OK)
        return error_set_sql(err, STATUS_INVALID, "42601", 0,
                             "%.*s requires a Boolean value or \"match\"", STR_FMT(option->name));
    *ret = on ? COPY_HEADER_ON : COPY_HEADER_OFF;
    return STATUS_OK;
}

static Status read_format(const AstOption *option, CopyFormat *ret, Error *err)
{
    if (str_eq(option->value, STR("text")))
        *ret = COPY_TEXT;
    else if (str_eq(option->value, STR("csv")))
        *ret = COPY_CSV;
    else if (str_eq(option->value, STR("binary")))
        *ret = COPY_BINARY;
    else
        return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                             "COPY format \"%.*s\" not recognized", STR_FMT(option->value));
    return STATUS_OK;
}

static Status check_encoding(const AstOption *option, Error *err)
{
    static const char *const utf8[] = {"utf8", "utf-8", "utf_8", "unicode", "sql_ascii"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(utf8); i++)
        if (str_eq_nocase(option->value, str_from(utf8[i])))
            return STATUS_OK;
    return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", option->position,
                         "COPY in encoding \"%.*s\" is not supported: use UTF8",
                         STR_FMT(option->value));
}

static Status check_binary(const Given *given, Error *err)
{
    if (given->delimiter)
        return refuse("42601", err, "cannot specify DELIMITER in BINARY mode");
    if (given->null_text)
        return refuse("42601", err, "cannot specify NULL in BINARY mode");
    return STATUS_OK;
}

static Status one_byte(const AstOption *option, const char *what, char *ret, Error *err)
{
    if (!option)
        return STATUS_OK;
    if (option->value.len != 1)
        return error_set_sql(err, STATUS_UNSUPPORTED, "0A000", 0,
                             "COPY %s must be a single one-byte character", what);
    *ret = option->value.ptr[0];
    return STATUS_OK;
}

static Status check_delimiter(const CopyOptions *o, Error *err)
{
    static const Str no_text = STR_INIT("\\.abcdefghijklmnopqrstuvwxyz0123456789");
    if (o->delimiter == '\r' || o->delimiter == '\n')
        return refuse("22023", err, "COPY delimiter cannot be newline or carriage return");
    if (str_find_byte(o->null_text, '\r') >= 0 || str_find_byte(o->null_text, '\n') >= 0)
        return refuse("22023", err,
                      "COPY null representation cannot use newline or carriage return");
    if (o->format == COPY_TEXT && str_find_byte(no_text, o->delimiter) >= 0)
        return error_set_sql(err, STATUS_INVALID, "22023", 0, "COPY delimiter cannot be \"%c\"",
                             o->delimiter);
    return STATUS_OK;
}

static Status check_csv(const Given *given, const AstCopy *ast, CopyOptions *o, Error *err)
{
    bool csv = o->format == COPY_CSV;
    if (o->format == COPY_BINARY && o->header != COPY_HEADER_OFF)
        return refuse("0A000", err, "cannot specify HEADER in BINARY mode");
    if (!csv && given->quote)
        return refuse("0A000", err, "COPY quote available only in CSV mode");
    TRY(one_byte(given->quote, "quote", &o->quote, err));
    if (csv && o->delimiter == o->quote)
        return refuse("22023", err, "COPY delimiter and quote must be different");
    if (!csv && given->escape)
        return refuse("0A000", err, "COPY escape available only in CSV mode");
    o->escape = o->quote;
    TRY(one_byte(given->escape, "escape", &o->escape, err));
    if (!csv && given->force_quote)
        return refuse("0A000", err, "COPY force quote available only in CSV mode");
    if (given->force_quote && ast->from)
        return refuse("0A000", err, "COPY force quote only available using COPY TO");
    if (!csv && given->force_not_null)
        return refuse("0A000", err, "COPY force not null available only in CSV mode");
    if (given->force_not_null && !ast->from)
        return refuse("0A000", err, "COPY force not null only available using COPY FROM");
    if (!csv && given->force_null)
        return refuse("0A000", err, "COPY force null available only in CSV mode");
    if (given->force_null && !ast->from)
        return refuse("0A000", err, "COPY force null only available using COPY FROM");
    return STATUS_OK;
}

static Status check_null_text(const CopyOptions *o, Error *err)
{
    if (o->format != COPY_BINARY && str_find_byte(o->null_text, o->delimiter) >= 0)
        return refuse("0A000", err, "COPY delimiter must not appear in the NULL specification");
    if (o->format == COPY_CSV && str_find_byte(o->null_text, o->quote) >= 0)
        return refuse("0A000", err,
                      "CSV quote character must not appear in the NULL specification");
    return STATUS_OK;
}

/* A list option without a list. */
static Status check_list(const AstOption *option, bool star, Error *err)
{
    if (!option || option->names.count || (star && option->star))
        return STATUS_OK;
    return error_set_sql(err, STATUS_INVALID, "22023", option->position,
                         "argument to option \"%.*s\" must be a list of column names",
                         STR_FMT(option->name));
}

Status copy__options(const AstCopy *ast, CopyOptions *ret, CopyForce *ret_force, Error *err)
{
    Given given = {0};
    CopyFormat format = COPY_TEXT;
    bool freeze;
    TRY(sort_out(ast, &given, err));
    if (given.format)
        TRY(read_format(given.format, &format, err));
    if (given.freeze)
        TRY(read_bool(given.freeze, &freeze, err)); /* rows are as visible as any */
    CopyOptions o = copy_options_default(format);
    if (given.header)
        TRY(read_header(given.header, ast->from, &o.header, err));
    TRY(check_list(given.force_quote, true, err));
    TRY(check_list(given.force_not_null, false, err));
    TRY(check_list(given.force_null, false, err));
    if (given.encoding)
        TRY(check_encoding(given.encoding, err));
    if (format == COPY_BINARY)
        TRY(check_binary(&given, err));
    TRY(one_byte(given.delimiter, "delimiter", &o.delimiter, err));
    if (given.null_text)
        o.null_text = given.null_text->value;
    TRY(check_delimiter(&o, err));
    TRY(check_csv(&given, ast, &o, err));
    TRY(check_null_text(&o, err));
    *ret_force = (CopyForce){given.force_quote, given.force_not_null, given.force_null};
    *ret = o;
    return STATUS_OK;
}

typedef struct Forced {
    const Table *table;
    CopyColumn *columns;
    uint32_t count;
} Forced;

static Status force_column(const Forced *f, Str name, size_t offset, const char *what, Error *err)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (str_eq(f->columns[i].name, name)) {
            *(bool *)((char *)&f->columns[i] + offset) = true;
            return STATUS_OK;
        }
    for (uint32_t i = 0; f->table && i < f->table->column_count; i++)
        if (!f->table->columns[i].dropped && str_eq(f->table->columns[i].name, name))
            return error_set_sql(err, STATUS_INVALID, "42P10", 0,
                                 "%s column \"%.*s\" not referenced by COPY", what, STR_FMT(name));
    if (f->table)
        return error_set_sql(err, STATUS_INVALID, "42703", 0,
                             "column \"%.*s\" of relation \"%.*s\" does not exist", STR_FMT(name),
                             STR_FMT(f->table->name));
    return error_set_sql(err, STATUS_INVALID, "42703", 0, "column \"%.*s\" does not exist",
                         STR_FMT(name));
}

static Status force_columns(const Forced *f, const AstOption *option, size_t offset,
                            const char *what, Error *err)
{
    if (option && option->star)
        for (uint32_t i = 0; i < f->count; i++)
            *(bool *)((char *)&f->columns[i] + offset) = true;
    for (uint32_t i = 0; option && i < option->names.count; i++)
        TRY(force_column(f, option->names.names[i], offset, what, err));
    return STATUS_OK;
}

Status copy__force(const CopyForce *force, const Table *table, CopyColumn *columns, uint32_t count,
                   Error *err)
{
    const Forced f = {table, columns, count};
    TRY(force_columns(&f, force->quote, offsetof(CopyColumn, force_quote), "FORCE_QUOTE", err));
    TRY(force_columns(&f, force->not_null, offsetof(CopyColumn, force_not_null), "FORCE_NOT_NULL",
                      err));
    return force_columns(&f, force->null, offsetof(CopyColumn, force_null), "FORCE_NULL", err);
}

/* query_golden_test.c - runs test/sql/NAME.sql in-process and compares with NAME.out.
 *
 * The output has the form of `psql -X -A -v VERBOSITY=sqlstate`, so that the expected files come
 * out of a real PostgreSQL 15; those called luma_* show what only LumaDB has. With arguments it
 * prints the output of the given files instead of comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/pgtype/pgtype.h"
#include "query/query.h"

typedef struct Fixture {
    char dir[64];
    MemBudget budget;
    Engine *engine;
    Pool *pool;
    QueryEngine *queries;
    Session *session;
} Fixture;

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    return remove(path);
}

static void fixture_open(Fixture *f)
{
    EngineReport report;
    Error err = {0};
    snprintf(f->dir, sizeof f->dir, "/tmp/luma-sql-XXXXXX");
    if (!mkdtemp(f->dir))
        fail_msg("mkdtemp");
    mem_budget_init(&f->budget, NULL, "test memory", INT64_C(1) << 30);
    EngineOptions options = {.data_dir = f->dir,
                             .budget = &f->budget,
                             .wal_segment_bytes = 4 << 20,
                             .sync = ENGINE_SYNC_OFF};
    if (engine_open(&options, &f->engine, &report, &err) != STATUS_OK)
        fail_msg("engine_open: %s", err.message);
    if (pool_new("test", 2, &f->pool, &err) != STATUS_OK)
        fail_msg("pool_new: %s", err.message);
    QueryOptions query_options = {.engine = f->engine,
                                  .pool = f->pool,
                                  .budget = &f->budget,
                                  .query_bytes_max = 256 << 20,
                                  .lookback_ms = 300000,
                                  .samples_max = 50000000};
    if (query_engine_new(&query_options, &f->queries, &err) != STATUS_OK)
        fail_msg("query_engine_new: %s", err.message);
    SessionOptions session = {
        .user = STR("postgres"), .database = STR("postgres"), .role = ROLE_ADMIN, .backend_pid = 1};
    if (session_new(f->queries, &session, &f->session, &err) != STATUS_OK)
        fail_msg("session_new: %s", err.message);
}

static void fixture_close(Fixture *f)
{
    f->session = session_free(f->session);
    f->queries = query_engine_free(f->queries);
    f->pool = pool_free(f->pool);
    f->engine = engine_close(f->engine);
    (void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---------------------------------------------------------------- output */

static bool object_name(void *ctx, TypeId type, uint32_t oid, Buf *out)
{
    return session_object_name(ctx, type, oid, out);
}

static void append_settings(Session *session, PgSettings *settings)
{
    static const char *const names[] = {"DateStyle", "IntervalStyle", "TimeZone",
                                        "extra_float_digits", "bytea_output"};
    Str value;
    pg_settings_init(settings);
    settings->reg_name = object_name;
    settings->reg_ctx = session;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (session_setting(session, str_from(names[i]), &value))
            (void)pg_settings_set(settings, str_from(names[i]), value, NULL);
}

static void append_error(const Error *err, Buf *out)
{
    if (getenv("SQL_VERBOSE"))
        buf_printf(out, "ERROR:  %s at %d: %s\n", err->sqlstate, err->position, err->message);
    else
        buf_printf(out, "ERROR:  %s\n", err->sqlstate);
}

static void append_batch(const RecordBatch *batch, const PgSettings *settings, Buf *out)
{
    for (uint32_t r = 0; r < batch->row_count; r++) {
        for (uint32_t c = 0; c < batch->column_count; c++) {
            if (c)
                buf_append_byte(out, '|');
            if (!column_is_null(&batch->columns[c], r))
                pgtype_append_text(&batch->columns[c], r, settings, out);
        }
        buf_append_byte(out, '\n');
    }
}

static Status run_query(Session *session, Statement *statement, Buf *out, Error *err)
{
    Query *query = NULL;
    RecordBatch batch;
    PgSettings settings;
    Error notice;
    uint64_t rows = 0;
    TRY(query_start(session, statement, NULL, 0, &query, err));
    append_settings(session, &settings);
    const Schema *schema = statement_schema(statement);
    Buf table = {0};
    for (uint32_t i = 0; i < schema->field_count; i++)
        buf_printf(&table, "%s%.*s", i ? "|" : "", STR_FMT(schema->fields[i].name));
    buf_append_byte(&table, '\n');
    Status status;
    do {
        status = query_next(query, &batch, err);
        if (status == STATUS_OK)
            append_batch(&batch, &settings, &table);
        rows += status == STATUS_OK ? batch.row_count : 0;
    } while (status == STATUS_OK && batch.row_count);
    while (query_take_notice(query, &notice))
        buf_printf(out, "NOTICE:  %s\n", notice.sqlstate);
    if (status == STATUS_OK && statement_returns_rows(statement)) {
        buf_append_str(out, buf_str(&table));
        buf_printf(out, "(%lu row%s)\n", (unsigned long)rows, rows == 1 ? "" : "s");
    }
    if (status == STATUS_OK &&
        (!statement_returns_rows(statement) || str_starts(query_command_tag(query), STR("INSERT"))))
        buf_printf(out, "%.*s\n", STR_FMT(query_command_tag(query)));
    buf_done(&table);
    query_free(query);
    return status;
}

/* As psql sends it: one string per statement, each its own implicit transaction. */
static void run_statement(Session *session, Str text, Buf *out)
{
    Script *script = NULL;
    Statement *statement = NULL;
    Error err = {0};
    Status status = session_parse(session, text, &script, &err);
    for (uint32_t i = 0; status == STATUS_OK && i < script_count(script); i++) {
        CLEANUP(buf_done) Buf answer = {0};
        status = session_begin_implicit(session, &err);
        if (status == STATUS_OK)
            status = statement_bind(session, script, i, NULL, 0, &statement, &err);
        if (status == STATUS_OK)
            status = run_query(session, statement, &answer, &err);
        statement = statement_free(statement);
        bool last = i + 1 == script_count(script);
        if (status == STATUS_OK && last)
            status = session_end_implicit(session, true, &err);
        if (status == STATUS_OK)
            buf_append_str(out, buf_str(&answer));
        else
            (void)session_end_implicit(session, false, NULL); /* the first error counts */
    }
    if (status != STATUS_OK)
        append_error(&err, out);
    script_free(script);
}

/* Cuts a file at lines that end in ';'. */
static void run_text(Session *session, Str text, Buf *out)
{
    CLEANUP(buf_done) Buf statement = {0};
    Str line;
    while (str_split(&text, '\n', &line)) {
        buf_append_str(&statement, line);
        buf_append_byte(&statement, '\n');
        if (!str_ends(str_trim(line), STR(";")))
            continue;
        run_statement(session, buf_str(&statement), out);
        buf_clear(&statement);
    }
}

static void read_file(const char *path, Buf *out)
{
    FILE *file = fopen(path, "r");
    char chunk[4096];
    size_t n;
    if (!file)
        return;
    while ((n = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_append(out, chunk, n);
    fclose(file);
}

static void run_file(const char *path, Buf *out)
{
    CLEANUP(buf_done) Buf text = {0};
    Fixture f = {0};
    read_file(path, &text);
    fixture_open(&f);
    run_text(f.session, buf_str(&text), out);
    fixture_close(&f);
}

/* ---------------------------------------------------------------- comparison */

static void show_difference(const char *name, Str have, Str want)
{
    Str h, w;
    int line = 0;
    for (;;) {
        bool more_have = str_split(&have, '\n', &h);
        bool more_want = str_split(&want, '\n', &w);
        line++;
        if (!more_have && !more_want)
            return;
        if (more_have && more_want && str_eq(h, w))
            continue;
        fail_msg("%s line %d:\n  have: %.*s\n  want: %.*s", name, line, more_have ? (int)h.len : 5,
                 more_have ? h.ptr : "(end)", more_want ? (int)w.len : 5,
                 more_want ? w.ptr : "(end)");
    }
}

static void golden_dir(char out[512])
{
    const char *slash = strrchr(__FILE__, '/');
    snprintf(out, 512, "%.*s/../../test/sql", (int)(slash - __FILE__), __FILE__);
}

static void test_files_give_their_expected_output(void **state)
{
    char dir_path[512];
    int ran = 0;
    golden_dir(dir_path);
    DIR *dir = opendir(dir_path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        char path[1024];
        CLEANUP(buf_done) Buf have = {0};
        CLEANUP(buf_done) Buf want = {0};
        if (len < 5 || strcmp(entry->d_name + len - 4, ".sql"))
            continue;
        snprintf(path, sizeof path, "%s/%s", dir_path, entry->d_name);
        run_file(path, &have);
        memcpy(path + strlen(path) - 4, ".out", 4);
        read_file(path, &want);
        show_difference(entry->d_name, buf_str(&have), buf_str(&want));
        ran++;
    }
    closedir(dir);
    assert_true(ran > 0);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        CLEANUP(buf_done) Buf out = {0};
        run_file(argv[i], &out);
        fwrite(out.ptr, 1, out.len, stdout);
    }
    if (argc > 1)
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_give_their_expected_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

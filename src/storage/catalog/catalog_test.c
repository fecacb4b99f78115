#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "storage/catalog/catalog.h"

static const TableColumn test_columns[] = {
    {.name = STR_INIT("id"),
     .type = {.id = TYPE_INT4, .typmod = -1},
     .not_null = true,
     .source = COLUMN_IDENTITY_ALWAYS,
     .sequence_id = 9},
    {.name = STR_INIT("at"), .type = {.id = TYPE_TIMESTAMPTZ, .typmod = 3}},
    {.name = STR_INIT("tags"),
     .type = {.id = TYPE_TEXT, .is_array = true, .typmod = -1},
     .default_text = STR_INIT("'{}'")},
};
static const uint16_t test_key_columns[] = {0};
static const TableKey test_keys[] = {
    {.id = 7, .name = STR_INIT("t_pkey"), .columns = test_key_columns, .column_count = 1,
     .primary = true}};
static const TableCheck test_checks[] = {
    {.id = 8, .name = STR_INIT("t_id_check"), .text = STR_INIT("id > '\"0\"'::int4")}};
static const Table test_table = {.schema_version = 1,
                                 .kind = TABLE_USER,
                                 .columns = test_columns,
                                 .column_count = 3,
                                 .time_column = 1,
                                 .options = STR_INIT("{\"retention\": \"30d\"}"),
                                 .keys = test_keys,
                                 .key_count = 1,
                                 .checks = test_checks,
                                 .check_count = 1};

/* Applies and replaces *version. */
static Status change(CatalogVersion **version, CatalogChange change_, Error *err)
{
    CatalogVersion *next;
    change_.id = catalog_next_id(*version);
    TRY(catalog_apply(*version, &change_, &next, err));
    catalog_version_unref(*version);
    *version = next;
    return STATUS_OK;
}

static CatalogVersion *example(void)
{
    CatalogVersion *version = catalog_version_builtin();
    Error err;

    assert_int_equal(change(&version,
                            (CatalogChange){.kind = CATALOG_CREATE_SCHEMA, .schema = STR("app")},
                            &err),
                     STATUS_OK);
    assert_int_equal(change(&version,
                            (CatalogChange){.kind = CATALOG_CREATE_TABLE,
                                            .schema = STR("app"),
                                            .name = STR("t"),
                                            .table = &test_table},
                            &err),
                     STATUS_OK);
    assert_int_equal(change(&version,
                            (CatalogChange){.kind = CATALOG_CREATE_VIEW,
                                            .schema = STR("public"),
                                            .name = STR("v"),
                                            .query = STR("SELECT 1")},
                            &err),
                     STATUS_OK);
    return version;
}

static void check_example(const CatalogVersion *version)
{
    const Table *t = catalog_find_table(version, STR("app"), STR("t"));

    assert_non_null(t);
    assert_true(t->id >= TABLE_ID_FIRST_USER);
    assert_ptr_equal(catalog_table_by_id(version, t->id), t);
    assert_int_equal(t->column_count, 3);
    assert_true(str_eq(t->columns[0].name, STR("id")));
    assert_true(t->columns[0].not_null);
    assert_int_equal(t->columns[1].type.typmod, 3);
    assert_true(t->columns[2].type.is_array);
    assert_int_equal(t->columns[2].type.id, TYPE_TEXT);
    assert_true(str_eq(t->columns[2].default_text, STR("'{}'")));
    assert_int_equal(t->time_column, 1);
    assert_true(str_eq(t->options, test_table.options));
    assert_int_equal(t->key_count, 1);
    assert_ptr_equal(table_primary_key(t), &t->keys[0]);
    assert_true(str_eq(t->keys[0].name, STR("t_pkey")));
    assert_int_equal(t->keys[0].id, 7);
    assert_int_equal(t->keys[0].column_count, 1);
    assert_int_equal(t->keys[0].columns[0], 0);
    assert_int_equal(t->check_count, 1);
    assert_true(str_eq(t->checks[0].text, test_checks[0].text));
    assert_int_equal(t->columns[0].source, COLUMN_IDENTITY_ALWAYS);
    assert_int_equal(t->columns[0].sequence_id, 9);
    const CatalogView *v = catalog_find_view(version, STR("public"), STR("v"));
    assert_non_null(v);
    assert_true(str_eq(v->query, STR("SELECT 1")));
}

static void test_builtin_tables_have_the_columns_of_the_design(void **state)
{
    CatalogVersion *version = catalog_version_builtin();
    const Table *metrics = catalog_find_table(version, STR("public"), STR("metrics"));
    const char *names[] = {"ts", "name", "labels", "value", "stale", "histogram", "start_ts"};

    assert_non_null(metrics);
    assert_int_equal(metrics->id, TABLE_ID_FIRST_BUILTIN);
    assert_int_equal(metrics->column_count, LUMA_ARRAY_LEN(names));
    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        assert_true(str_eq(metrics->columns[i].name, str_from(names[i])));
    const Table *traces = catalog_find_table(version, STR("public"), STR("traces"));
    assert_int_equal(traces->column_count, 17);
    assert_true(catalog_has_schema(version, STR("prom")));
    size_t pos = 0;
    uint32_t last = 0;
    for (const Table *t; (t = catalog_next_table(version, &pos)); last = t->id)
        assert_true(t->id > last);
    catalog_version_unref(version);
}

static void test_objects_are_created_found_and_dropped(void **state)
{
    CatalogVersion *version = example();
    CatalogVersion *before = catalog_version_ref(version);
    uint32_t id = catalog_next_id(version);
    Error err;

    check_example(version);
    assert_int_equal(
        change(&version,
               (CatalogChange){.kind = CATALOG_DROP_TABLE, .schema = STR("app"), .name = STR("t")},
               &err),
        STATUS_OK);
    assert_null(catalog_find_table(version, STR("app"), STR("t")));
    check_example(before); /* the old version stays as it is */
    assert_true(catalog_next_id(version) >= id);
    assert_int_equal(
        change(&version, (CatalogChange){.kind = CATALOG_DROP_SCHEMA, .schema = STR("app")}, &err),
        STATUS_OK);
    assert_false(catalog_has_schema(version, STR("app")));
    catalog_version_unref(before);
    catalog_version_unref(version);
}

static void test_wrong_changes_are_refused_with_their_sqlstate(void **state)
{
    CatalogVersion *version = example();
    const struct {
        CatalogChange change;
        Status status;
        const char *sqlstate;
    } cases[] = {
        {{CATALOG_CREATE_SCHEMA, 0, STR("app"), {0}, {0}, NULL}, STATUS_EXISTS, "42P06"},
        {{CATALOG_CREATE_SCHEMA, 0, STR("pg_x"), {0}, {0}, NULL}, STATUS_INVALID, "42939"},
        {{CATALOG_DROP_SCHEMA, 0, STR("app"), {0}, {0}, NULL}, STATUS_INVALID, "2BP01"},
        {{CATALOG_DROP_SCHEMA, 0, STR("no"), {0}, {0}, NULL}, STATUS_NOT_FOUND, "3F000"},
        {{CATALOG_CREATE_TABLE, 0, STR("app"), STR("t"), {0}, &test_table}, STATUS_EXISTS, "42P07"},
        {{CATALOG_CREATE_TABLE, 0, STR("no"), STR("t"), {0}, &test_table},
         STATUS_NOT_FOUND,
         "3F000"},
        {{CATALOG_CREATE_TABLE, 0, STR("prom"), STR("t"), {0}, &test_table},
         STATUS_DENIED,
         "42501"},
        {{CATALOG_DROP_TABLE, 0, STR("public"), STR("v"), {0}, NULL}, STATUS_NOT_FOUND, "42P01"},
        {{CATALOG_DROP_TABLE, 0, STR("public"), STR("logs"), {0}, NULL}, STATUS_DENIED, "42501"},
        {{CATALOG_CREATE_VIEW, 0, STR("app"), STR("t"), STR("x"), NULL}, STATUS_EXISTS, "42P07"},
        {{CATALOG_DROP_VIEW, 0, STR("app"), STR("t"), {0}, NULL}, STATUS_NOT_FOUND, "42P01"},
    };

    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        Error err = {0};
        assert_int_equal(catalog_check(version, &cases[i].change, &err), cases[i].status);
        assert_string_equal(err.sqlstate, cases[i].sqlstate);
    }
    catalog_version_unref(version);
}

static void test_a_truncated_change_is_refused(void **state)
{
    CLEANUP(buf_done) Buf bytes = {0};
    CLEANUP(arena_done) Arena arena = {0};
    CatalogChange change_ = {
        CATALOG_CREATE_TABLE, TABLE_ID_FIRST_USER, STR("app"), STR("t"), STR(""), &test_table};
    CatalogChange back;
    Error err;

    arena_init(&arena, NULL);
    catalog_change_encode(&change_, &bytes);
    assert_int_equal(catalog_change_decode(buf_str(&bytes), &arena, &back, &err), STATUS_OK);
    assert_int_equal(back.id, change_.id);
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_not_equal(catalog_change_decode(str_make(bytes.ptr, len), &arena, &back, &err),
                             STATUS_OK);
}

static void test_file_keeps_everything_and_detects_damage(void **state)
{
    char dir[] = "/tmp/luma_catalog_XXXXXX";
    char path[64];
    CatalogVersion *version = example();
    CatalogVersion *loaded;
    uint64_t lsn = 0;
    Error err;

    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/catalog.db", dir);
    assert_int_equal(catalog_load(path, &loaded, &lsn, &err), STATUS_NOT_FOUND);
    assert_int_equal(catalog_save(path, version, 41, &err), STATUS_OK);
    assert_int_equal(catalog_save(path, version, 42, &err), STATUS_OK);
    assert_int_equal(catalog_load(path, &loaded, &lsn, &err), STATUS_OK);
    assert_int_equal(lsn, 42);
    assert_int_equal(catalog_next_id(loaded), catalog_next_id(version));
    check_example(loaded);
    catalog_version_unref(loaded);

    /* One changed byte anywhere in a stored definition is seen. */
    FILE *file = fopen(path, "r+b");
    static char bytes[1 << 20];
    size_t len = fread(bytes, 1, sizeof bytes, file);
    char *at = memmem(bytes, len, "retention", 9);
    assert_non_null(at);
    assert_int_equal(fseek(file, at - bytes, SEEK_SET), 0);
    assert_int_equal(fputc('R', file), 'R');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(catalog_load(path, &loaded, &lsn, &err), STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "checksum"));

    file = fopen(path, "wb");
    (void)fputs("this is no database at all, but long enough to be looked at", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(catalog_load(path, &loaded, &lsn, &err), STATUS_CORRUPT);
    catalog_version_unref(version);
    (void)unlink(path);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_tables_have_the_columns_of_the_design),
        cmocka_unit_test(test_objects_are_created_found_and_dropped),
        cmocka_unit_test(test_wrong_changes_are_refused_with_their_sqlstate),
        cmocka_unit_test(test_a_truncated_change_is_refused),
        cmocka_unit_test(test_file_keeps_everything_and_detects_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

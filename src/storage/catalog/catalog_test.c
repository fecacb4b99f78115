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
static const TableKey test_keys[] = {{.id = 7,
                                      .name = STR_INIT("t_pkey"),
                                      .columns = test_key_columns,
                                      .column_count = 1,
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
    TRY(catalog_apply(*version, &change_, 1, &next, err));
    catalog_version_unref(*version);
    *version = next;
    return STATUS_OK;
}

enum { ID_SCHEMA = TABLE_ID_FIRST_USER, ID_TABLE, ID_VIEW, ID_SEQUENCE, ID_STATE, ID_TYPE };

static CatalogChange put(CatalogKind kind, const void *object)
{
    return (CatalogChange){
        .op = CATALOG_PUT, .kind = kind, .id = ((const CatalogHead *)object)->id, .object = object};
}

static CatalogChange drop(CatalogKind kind, uint32_t id)
{
    return (CatalogChange){.op = CATALOG_DROP, .kind = kind, .id = id, .version_before = 1};
}

static Table table_named(uint32_t id, Str schema, Str name)
{
    Table table = test_table;
    table.id = table.store_id = id;
    table.schema = schema;
    table.name = name;
    return table;
}

static const EnumLabel test_labels[] = {{STR_INIT("low"), -5, false},
                                        {STR_INIT("hi\"gh"), INT64_MAX, false}};
static const Str test_names[] = {STR_INIT("a"), STR_INIT("b")};
static const uint32_t test_members[] = {7, 9};

/* Every kind of object. */
static CatalogVersion *example(void)
{
    CatalogVersion *version = catalog_version_builtin();
    CatalogSchema schema = {.id = ID_SCHEMA, .version = 1, .name = STR("app")};
    Table table = table_named(ID_TABLE, STR("app"), STR("t"));
    CatalogView view = {.id = ID_VIEW,
                        .version = 1,
                        .schema = STR("public"),
                        .name = STR("v"),
                        .query = STR("SELECT 1"),
                        .columns = test_names,
                        .column_count = 2};
    CatalogSequence sequence = {.id = ID_SEQUENCE,
                                .version = 1,
                                .schema = STR("app"),
                                .name = STR("t_id_seq"),
                                .state_id = ID_STATE,
                                .type = TYPE_OF(INT8),
                                .start = 1,
                                .increment = -3,
                                .min = INT64_MIN,
                                .max = -1,
                                .cache = 1,
                                .first = -1,
                                .owner_table = ID_TABLE,
                                .owner_column = 1};
    CatalogType type = {.id = ID_TYPE,
                        .version = 1,
                        .schema = STR("app"),
                        .name = STR("mood"),
                        .kind = CATALOG_ENUM,
                        .labels = test_labels,
                        .label_count = 2,
                        .checks = test_checks,
                        .check_count = 1};
    CatalogUser user = {.id = ID_TYPE + 2,
                        .version = 1,
                        .name = STR("ann"),
                        .verifier = STR("SCRAM-SHA-256$..."),
                        .can_login = true,
                        .member_of = test_members,
                        .member_of_count = 2};
    const CatalogChange changes[] = {
        put(CATALOG_SCHEMA, &schema),     put(CATALOG_TABLE, &table), put(CATALOG_VIEW, &view),
        put(CATALOG_SEQUENCE, &sequence), put(CATALOG_TYPE, &type),   put(CATALOG_USER, &user),
    };
    CatalogVersion *next = NULL;
    Error err;

    assert_int_equal(catalog_apply(version, changes, LUMA_ARRAY_LEN(changes), &next, &err),
                     STATUS_OK);
    catalog_version_unref(version);
    return next;
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
    assert_int_equal(v->column_count, 2);
    assert_true(str_eq(v->columns[1], STR("b")));
    const CatalogSequence *q = catalog_find_sequence(version, STR("app"), STR("t_id_seq"));
    assert_non_null(q);
    assert_int_equal(q->state_id, ID_STATE);
    assert_int_equal(q->increment, -3);
    assert_int_equal(q->min, INT64_MIN);
    const CatalogType *type = catalog_find_type(version, STR("app"), STR("mood"));
    assert_non_null(type);
    assert_int_equal(type->kind, CATALOG_ENUM);
    assert_true(str_eq(type->labels[1].name, STR("hi\"gh")));
    assert_int_equal(type->labels[1].value, INT64_MAX);
    const CatalogUser *user = catalog_find_user(version, STR("ann"));
    assert_non_null(user);
    assert_true(user->can_login);
    assert_int_equal(user->member_of[1], 9);
    /* Relations of all kinds share their names. */
    CatalogKind kind;
    assert_ptr_equal(catalog_find(version, CATALOG_TABLE, STR("app"), STR("t_id_seq"), &kind), q);
    assert_int_equal(kind, CATALOG_SEQUENCE);
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
    const CatalogChange drops[] = {drop(CATALOG_TABLE, ID_TABLE),
                                   drop(CATALOG_SEQUENCE, ID_SEQUENCE), drop(CATALOG_TYPE, ID_TYPE),
                                   drop(CATALOG_SCHEMA, ID_SCHEMA)};
    Error err;

    check_example(version);
    assert_int_equal(catalog_next_id(version), ID_TYPE + 3);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(drops); i++)
        assert_int_equal(change(&version, drops[i], &err), STATUS_OK);
    assert_null(catalog_find_table(version, STR("app"), STR("t")));
    assert_false(catalog_has_schema(version, STR("app")));
    check_example(before);                                   /* the old version stays as it is */
    assert_int_equal(catalog_next_id(version), ID_TYPE + 3); /* ids are not given again */
    catalog_version_unref(before);
    catalog_version_unref(version);
}

static void test_an_object_is_replaced_by_its_next_version_only(void **state)
{
    CatalogVersion *version = example();
    Table renamed = table_named(ID_TABLE, STR("app"), STR("u"));
    CatalogChange again = put(CATALOG_TABLE, &renamed);
    Error err = {0};

    again.version_before = 1;
    renamed.schema_version = 2;
    assert_int_equal(change(&version, again, &err), STATUS_OK);
    assert_null(catalog_find_table(version, STR("app"), STR("t")));
    assert_int_equal(catalog_find_table(version, STR("app"), STR("u"))->id, ID_TABLE);
    assert_int_equal(change(&version, again, &err), STATUS_CONFLICT); /* made for version 1 */
    assert_string_equal(err.sqlstate, "40001");
    assert_int_equal(change(&version, drop(CATALOG_TABLE, ID_TABLE), &err), STATUS_CONFLICT);
    catalog_version_unref(version);
}

static void test_wrong_changes_are_refused_with_their_sqlstate(void **state)
{
    CatalogVersion *version = example();
    const uint32_t id = ID_TYPE + 10;
    CatalogSchema app = {.id = id, .name = STR("app")};
    CatalogSchema pg_x = {.id = id, .name = STR("pg_x")};
    Table t = table_named(id, STR("app"), STR("t"));
    Table taken = table_named(id, STR("app"), STR("t_id_seq"));
    Table no = table_named(id, STR("no"), STR("t"));
    Table prom = table_named(id, STR("prom"), STR("t"));
    CatalogType mood = {.id = id, .schema = STR("app"), .name = STR("mood")};
    CatalogUser ann = {.id = id, .name = STR("ann")};
    const struct {
        CatalogChange change;
        Status status;
        const char *sqlstate;
    } cases[] = {
        {put(CATALOG_SCHEMA, &app), STATUS_EXISTS, "42P06"},
        {put(CATALOG_SCHEMA, &pg_x), STATUS_INVALID, "42939"},
        {drop(CATALOG_SCHEMA, ID_SCHEMA), STATUS_INVALID, "2BP01"},
        {put(CATALOG_TABLE, &t), STATUS_EXISTS, "42P07"},
        {put(CATALOG_TABLE, &taken), STATUS_EXISTS, "42P07"},
        {put(CATALOG_TABLE, &no), STATUS_NOT_FOUND, "3F000"},
        {put(CATALOG_TABLE, &prom), STATUS_DENIED, "42501"},
        {put(CATALOG_TYPE, &mood), STATUS_EXISTS, "42710"},
        {put(CATALOG_USER, &ann), STATUS_EXISTS, "42710"},
        {drop(CATALOG_TABLE, TABLE_ID_FIRST_BUILTIN), STATUS_DENIED, "42501"},
        {drop(CATALOG_TABLE, id), STATUS_CONFLICT, "40001"},
    };

    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        Error err = {0};
        assert_int_equal(change(&version, cases[i].change, &err), cases[i].status);
        assert_string_equal(err.sqlstate, cases[i].sqlstate);
    }
    catalog_version_unref(version);
}

static void test_a_truncated_change_is_refused(void **state)
{
    CLEANUP(buf_done) Buf bytes = {0};
    CLEANUP(arena_done) Arena arena = {0};
    Table table = table_named(ID_TABLE, STR("app"), STR("t"));
    CatalogChange change_ = put(CATALOG_TABLE, &table);
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
    CLEANUP(arena_done) Arena arena = {0};
    const CatalogChange stand = {.op = CATALOG_SET_SEQUENCE,
                                 .kind = CATALOG_SEQUENCE,
                                 .id = ID_STATE,
                                 .value = -34,
                                 .is_called = true};
    CatalogChange *stands;
    size_t stand_count;
    uint64_t lsn = 0;
    Error err;

    arena_init(&arena, NULL);
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/catalog.db", dir);
    assert_int_equal(catalog_load(path, &arena, &loaded, &stands, &stand_count, &lsn, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(catalog_save(path, version, NULL, 0, 41, &err), STATUS_OK);
    assert_int_equal(catalog_save(path, version, &stand, 1, 42, &err), STATUS_OK);
    assert_int_equal(catalog_load(path, &arena, &loaded, &stands, &stand_count, &lsn, &err),
                     STATUS_OK);
    assert_int_equal(lsn, 42);
    assert_int_equal(catalog_next_id(loaded), catalog_next_id(version));
    check_example(loaded);
    assert_int_equal(stand_count, 1);
    assert_int_equal(stands[0].id, ID_STATE);
    assert_int_equal(stands[0].value, -34);
    assert_true(stands[0].is_called);
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
    assert_int_equal(catalog_load(path, &arena, &loaded, &stands, &stand_count, &lsn, &err),
                     STATUS_CORRUPT);
    assert_non_null(strstr(err.message, "checksum"));

    file = fopen(path, "wb");
    (void)fputs("this is no database at all, but long enough to be looked at", file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(catalog_load(path, &arena, &loaded, &stands, &stand_count, &lsn, &err),
                     STATUS_CORRUPT);
    catalog_version_unref(version);
    (void)unlink(path);
    (void)rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_tables_have_the_columns_of_the_design),
        cmocka_unit_test(test_objects_are_created_found_and_dropped),
        cmocka_unit_test(test_an_object_is_replaced_by_its_next_version_only),
        cmocka_unit_test(test_wrong_changes_are_refused_with_their_sqlstate),
        cmocka_unit_test(test_a_truncated_change_is_refused),
        cmocka_unit_test(test_file_keeps_everything_and_detects_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

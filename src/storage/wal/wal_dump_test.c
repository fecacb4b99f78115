#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "format/json/json.h"
#include "storage/wal/wal_dump.h"
#include "storage/wal/wal_entry.h"
#include "wal_fixture.h"

typedef struct Lines {
    Buf text;
    size_t count;
} Lines;

static Status take_line(void *ctx, Str line, Error *)
{
    Lines *lines = ctx;
    JsonReader reader = json_reader(line);
    JsonToken token;
    do
        assert_int_equal(json_next(&reader, &token, NULL), STATUS_OK);
    while (token.kind != JSON_TOKEN_END);
    buf_append_str(&lines->text, line);
    lines->count++;
    return STATUS_OK;
}

static void done(WalAppend *append, Status status, const Error *)
{
    assert_int_equal(status, STATUS_OK);
    mem_free(append);
}

static void append_bytes(Wal *wal, WalEntryType type, WalEncoding encoding, Str payload)
{
    WalAppend *append = MEM_NEW(WalAppend);
    *append =
        (WalAppend){.type = type, .encoding = encoding, .payload = payload, .on_durable = done};
    assert_int_equal(wal_append(wal, append, NULL), STATUS_OK);
    assert_int_equal(wal_flush(wal, NULL), STATUS_OK);
}

static Lines dump(const WalDumpOptions *options, Status expected)
{
    Lines lines = {0};
    Error err = {0};
    assert_int_equal(wal_dump(options, take_line, &lines, &err), expected);
    buf_append_byte(&lines.text, 0);
    return lines;
}

static void test_dump_prints_every_type_in_both_encodings(void **)
{
    WalFixture f;
    Label labels[] = {{STR("__name__"), STR("up")}};
    WalSeries series = {7, {labels, 1}};
    uint32_t ref = 7;
    int64_t ts_ms = 1000;
    uint64_t bits = 0x3ff8000000000000;
    WalSamples samples = {{&series, 1}, 1, &ref, &ts_ms, &bits, NULL, NULL, 0};
    WalMetadata metadata = {STR("up"), STR("gauge"), STR(""), STR("is it \"up\"?")};
    WalExemplar exemplar = {7, 1000, 0x7ff0000000000000, {labels, 1}};
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    for (WalEncoding e = WAL_ENCODING_BINARY; e <= WAL_ENCODING_JSON; e++) {
        CLEANUP(buf_done) Buf buf = {0};
        CLEANUP(arena_done) Arena arena = {0};
        Column *column = column_new(&arena, TYPE_OF(INT4), 2);
        ((int32_t *)column_values(column))[1] = -5;
        WalRows rows = {3, 1, 9, {.columns = column, .column_count = 1, .row_count = 2}};
        wal_samples_encode(&samples, e, &buf);
        append_bytes(f.wal, WAL_ENTRY_SAMPLES, e, buf_str(&buf));
        buf_clear(&buf);
        assert_int_equal(wal_rows_encode(&rows, e, &arena, &buf, NULL), STATUS_OK);
        append_bytes(f.wal, WAL_ENTRY_ROWS, e, buf_str(&buf));
        buf_clear(&buf);
        wal_metadata_encode((WalMetadataList){&metadata, 1}, e, &buf);
        append_bytes(f.wal, WAL_ENTRY_METADATA, e, buf_str(&buf));
        buf_clear(&buf);
        wal_exemplars_encode((WalExemplarList){&exemplar, 1}, e, &buf);
        append_bytes(f.wal, WAL_ENTRY_EXEMPLARS, e, buf_str(&buf));
        append_bytes(f.wal, WAL_ENTRY_CATALOG, e, STR("\x01\xff"));
        buf_clear(&buf);
        wal_commit_encode(9, e, &buf);
        append_bytes(f.wal, WAL_ENTRY_COMMIT, e, buf_str(&buf));
        buf_clear(&buf);
        wal_series_encode((WalSeriesList){&series, 1}, e, &buf);
        append_bytes(f.wal, WAL_ENTRY_CHECKPOINT_SERIES, e, buf_str(&buf));
    }
    append_bytes(f.wal, WAL_ENTRY_SAMPLES, WAL_ENCODING_BINARY, STR("\x01garbage"));
    Lines all = dump(&(WalDumpOptions){.path = f.dir}, STATUS_OK);
    assert_int_equal(all.count, 15);
    static const char *const contents[] = {
        "{\"lsn\":1,\"segment\":\"0000000000000001.wal\",\"offset\":40,\"bytes\":",
        "\"content\":{\"series\":[{\"ref\":7,\"labels\":{\"__name__\":\"up\"}}],"
        "\"samples\":[[7,1000,1.5]],\"histograms\":[]}}",
        "\"content\":{\"table\":3,\"schema\":1,\"txn\":9,\"columns\":[[\"int4\",-1]],"
        "\"rows\":[[0],[-5]]}}",
        "\"help\":\"is it \\\"up\\\"?\"",
        "\"value\":\"0x7ff0000000000000\"",
        "\"type\":\"catalog\",\"encoding\":\"json\",\"content\":{\"hex\":\"01ff\"}",
        "\"type\":\"commit\",\"encoding\":\"binary\",\"content\":{\"txn\":9}",
        "\"type\":\"checkpoint_series\",\"encoding\":\"json\",\"content\":[{\"ref\":7,",
        "\"error\":\"a samples entry of the write-ahead log is malformed\"",
    };
    for (size_t i = 0; i < LUMA_ARRAY_LEN(contents); i++)
        assert_non_null(strstr(all.text.ptr, contents[i]));
    buf_done(&all.text);

    Lines some =
        dump(&(WalDumpOptions){.path = f.dir, .type = STR("commit"), .brief = true}, STATUS_OK);
    assert_int_equal(some.count, 2);
    assert_null(strstr(some.text.ptr, "content"));
    buf_done(&some.text);
    some = dump(&(WalDumpOptions){.path = f.dir, .lsn_first = 3, .lsn_last = 5}, STATUS_OK);
    assert_int_equal(some.count, 3);
    buf_done(&some.text);
    some = dump(&(WalDumpOptions){.path = f.dir, .type = STR("nothing")}, STATUS_INVALID);
    buf_done(&some.text);
    char path[200];
    (void)snprintf(path, sizeof path, "%s/0000000000000001.wal", f.dir);
    some = dump(&(WalDumpOptions){.path = path}, STATUS_OK);
    assert_int_equal(some.count, 15);
    buf_done(&some.text);
    wal_fixture_done(&f);
}

static void test_dump_goes_on_behind_damage(void **)
{
    WalFixture f;
    char path[200];
    wal_fixture_init(&f, NULL);
    wal_fixture_open(&f);
    for (int i = 0; i < 5; i++)
        append_bytes(f.wal, WAL_ENTRY_CATALOG, WAL_ENCODING_BINARY, STR("some text"));
    (void)snprintf(path, sizeof path, "%s/0000000000000001.wal", f.dir);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 100, SEEK_SET), 0);
    assert_int_equal(fputs("damage", file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    Lines lines = dump(&(WalDumpOptions){.path = f.dir}, STATUS_OK);
    assert_int_equal(lines.count, 5);
    assert_non_null(strstr(lines.text.ptr, "\"damage\":\"bytes that are no entry\",\"lsn_first\":2,"
                                           "\"lsn_last\":2}"));
    buf_done(&lines.text);
    wal_fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump_prints_every_type_in_both_encodings),
        cmocka_unit_test(test_dump_goes_on_behind_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

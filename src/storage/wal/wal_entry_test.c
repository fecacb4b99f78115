#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include <stdio.h>

#include "storage/wal/wal_entry.h"
#include "storage/wal/wal_pack.h"
#include "wal_random.h"

static const WalEncoding encodings[] = {WAL_ENCODING_BINARY, WAL_ENCODING_JSON};

static WalEntry entry_of(const Buf *buf, WalEncoding encoding)
{
    return (WalEntry){.lsn = 1, .encoding = encoding, .payload = buf_str(buf)};
}

static void assert_labels_equal(LabelSet a, LabelSet b)
{
    assert_true(label_set_eq(a, b));
}

static void assert_series_equal(WalSeriesList a, WalSeriesList b)
{
    assert_int_equal(a.count, b.count);
    for (uint32_t i = 0; i < a.count; i++) {
        assert_int_equal(a.series[i].ref, b.series[i].ref);
        assert_labels_equal(a.series[i].labels, b.series[i].labels);
    }
}

static void assert_samples_equal(const WalSamples *a, const WalSamples *b)
{
    assert_series_equal(a->defs, b->defs);
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_int_equal(a->refs[i], b->refs[i]);
        assert_int_equal(a->ts_ms[i], b->ts_ms[i]);
        assert_true(a->value_bits[i] == b->value_bits[i]);
        assert_int_equal(a->start_ms ? a->start_ms[i] : 0, b->start_ms ? b->start_ms[i] : 0);
    }
    assert_int_equal(a->histogram_count, b->histogram_count);
    for (uint32_t i = 0; i < a->histogram_count; i++) {
        assert_int_equal(a->histograms[i].ref, b->histograms[i].ref);
        assert_int_equal(a->histograms[i].ts_ms, b->histograms[i].ts_ms);
        assert_int_equal(a->histograms[i].start_ms, b->histograms[i].start_ms);
        assert_true(str_eq(a->histograms[i].blob, b->histograms[i].blob));
    }
}

static void test_random_samples_round_trip(void **)
{
    for (uint32_t seed = 0; seed < 400; seed++) {
        for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
            CLEANUP(arena_done) Arena arena = {0};
            CLEANUP(buf_done) Buf buf = {0};
            Error err = {0};
            WalSamples out;
            Random random = {seed};
            WalSamples in = random_samples(&random, &arena);
            wal_samples_encode(&in, encodings[e], &buf);
            WalEntry entry = entry_of(&buf, encodings[e]);
            if (wal_samples_decode(&entry, &arena, &out, &err) != STATUS_OK)
                fail_msg("seed %u encoding %zu: %s\n%.*s", seed, e, err.message,
                         STR_FMT(entry.payload));
            assert_samples_equal(&in, &out);
        }
    }
}

static void assert_columns_equal(const Column *a, const Column *b)
{
    assert_true(type_eq(a->type, b->type));
    assert_int_equal(a->type.typmod, b->type.typmod);
    assert_int_equal(a->len, b->len);
    assert_false(b->is_const);
    assert_null(b->dict);
    for (uint32_t i = 0; i < a->len; i++) {
        assert_int_equal(column_is_null(a, i), column_is_null(b, i));
        if (column_is_null(a, i))
            continue;
        switch (type_layout(a->type)) {
        case LAYOUT_BIT:
            assert_int_equal(column_bool(a, i), column_bool(b, i));
            break;
        case LAYOUT_INT8:
        case LAYOUT_INT16:
        case LAYOUT_INT32:
        case LAYOUT_INT64:
            assert_int_equal(column_i64(a, i), column_i64(b, i));
            break;
        case LAYOUT_FLOAT:
            assert_memory_equal((const float *)a->values + i, (const float *)b->values + i, 4);
            break;
        case LAYOUT_DOUBLE:
            assert_memory_equal((const double *)a->values + i, (const double *)b->values + i, 8);
            break;
        case LAYOUT_FIXED16:
            assert_memory_equal(column_fixed16(a, i), column_fixed16(b, i), 16);
            break;
        case LAYOUT_VIEW:
            assert_true(str_eq(column_str(a, i), column_str(b, i)));
            break;
        }
    }
}

static void test_random_rows_round_trip(void **)
{
    for (uint32_t seed = 0; seed < 400; seed++) {
        for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
            CLEANUP(arena_done) Arena arena = {0};
            CLEANUP(buf_done) Buf buf = {0};
            Error err = {0};
            WalRows out;
            Random random = {seed};
            WalRows in = random_rows(&random, &arena);
            assert_int_equal(wal_rows_encode(&in, encodings[e], &arena, &buf, &err), STATUS_OK);
            WalEntry entry = entry_of(&buf, encodings[e]);
            if (wal_rows_decode(&entry, &arena, &out, &err) != STATUS_OK)
                fail_msg("seed %u encoding %zu: %s\n%.*s", seed, e, err.message,
                         STR_FMT(entry.payload));
            uint64_t txn_id;
            assert_int_equal(wal_rows_txn(&entry, &txn_id, NULL), STATUS_OK);
            assert_true(txn_id == in.txn_id);
            assert_int_equal(in.table_id, out.table_id);
            assert_int_equal(in.schema_version, out.schema_version);
            assert_true(in.txn_id == out.txn_id);
            assert_int_equal(in.batch.column_count, out.batch.column_count);
            assert_int_equal(in.batch.row_count, out.batch.row_count);
            for (uint32_t i = 0; i < in.batch.column_count; i++)
                assert_columns_equal(&in.batch.columns[i], &out.batch.columns[i]);
        }
    }
}

static void test_random_deletes_round_trip(void **)
{
    static const WalEncoding both[] = {WAL_ENCODING_BINARY, WAL_ENCODING_JSON};
    WalRowName names[300];
    uint64_t random = 42;

    for (uint32_t round = 0; round < 200; round++) {
        WalDeletes in = {.table_id = round * 7, .all = round % 5 == 0, .rows = names};
        in.txn_id = round % 3 ? 0 : UINT64_MAX - round;
        in.count = round % 7 ? (uint32_t)(hash_u64(random) % 300) : 0;
        for (uint32_t i = 0; i < in.count; i++) {
            random = hash_u64(random + i);
            names[i] = (WalRowName){round % 2 ? random : 1000 + i / 3, random % (round + 1)};
        }
        for (size_t e = 0; e < LUMA_ARRAY_LEN(both); e++) {
            CLEANUP(arena_done) Arena arena = {0};
            CLEANUP(buf_done) Buf buf = {0};
            WalDeletes out;
            uint64_t txn_id;
            Error err = {0};
            arena_init(&arena, NULL);
            wal_deletes_encode(&in, both[e], &buf);
            WalEntry entry = {
                .type = WAL_ENTRY_DELETES, .encoding = both[e], .payload = buf_str(&buf)};
            assert_int_equal(wal_deletes_decode(&entry, &arena, &out, &err), STATUS_OK);
            assert_int_equal(wal_deletes_txn(&entry, &txn_id, &err), STATUS_OK);
            assert_true(txn_id == in.txn_id && out.txn_id == in.txn_id && out.all == in.all);
            assert_int_equal(out.table_id, in.table_id);
            assert_int_equal(out.count, in.count);
            for (uint32_t i = 0; i < in.count; i++)
                assert_true(out.rows[i].lsn == names[i].lsn &&
                            out.rows[i].position == names[i].position);
            for (size_t cut = 0; cut < buf.len; cut++) { /* cut off anywhere: never taken */
                entry.payload.len = cut;
                assert_int_equal(wal_deletes_decode(&entry, &arena, &out, &err), STATUS_CORRUPT);
            }
        }
    }
}

static void test_texts_that_rows_share_are_stored_once(void **)
{
    static const char text[] = "{\"service.name\": \"checkout\", \"host.name\": \"node-7\"}";
    for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
        CLEANUP(arena_done) Arena arena = {0};
        CLEANUP(buf_done) Buf buf = {0};
        Column column;
        WalRows out;
        assert_int_equal(column_init(&column, &arena, TYPE_OF(TEXT), 300, true, NULL), STATUS_OK);
        for (uint32_t i = 0; i < 300; i++) {
            if (i % 100 == 7)
                bit_clear(column_validity(&column), i);
            else
                ((View *)column_values(&column))[i] = view_make(text + i / 150, sizeof text - 2);
        }
        WalRows in = {1, 1, 0, {.columns = &column, .column_count = 1, .row_count = 300}};
        assert_int_equal(wal_rows_encode(&in, encodings[e], &arena, &buf, NULL), STATUS_OK);
        if (encodings[e] == WAL_ENCODING_BINARY)
            assert_true(buf.len < 12 * sizeof text); /* instead of 297 times */
        WalEntry entry = entry_of(&buf, encodings[e]);
        assert_int_equal(wal_rows_decode(&entry, &arena, &out, NULL), STATUS_OK);
        assert_columns_equal(&column, &out.batch.columns[0]);
    }
}

static void test_constant_and_dictionary_columns_are_flattened(void **)
{
    for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
        CLEANUP(arena_done) Arena arena = {0};
        CLEANUP(buf_done) Buf buf = {0};
        Column columns[2];
        WalRows out;
        assert_int_equal(column_init_null(&columns[0], &arena, TYPE_OF(INT4), 3, NULL), STATUS_OK);
        Column *dict = column_new(&arena, TYPE_OF(TEXT), 2);
        ((View *)column_values(dict))[0] = view_make("a", 1);
        ((View *)column_values(dict))[1] = view_make("a long text of one", 18);
        static const uint32_t codes[] = {1, 0, 1};
        columns[1] = (Column){.type = TYPE_OF(TEXT), .len = 3, .values = codes, .dict = dict};
        WalRows in = {1, 2, 3, {.columns = columns, .column_count = 2, .row_count = 3}};
        assert_int_equal(wal_rows_encode(&in, encodings[e], &arena, &buf, NULL), STATUS_OK);
        WalEntry entry = entry_of(&buf, encodings[e]);
        assert_int_equal(wal_rows_decode(&entry, &arena, &out, NULL), STATUS_OK);
        assert_columns_equal(&columns[0], &out.batch.columns[0]);
        assert_columns_equal(&columns[1], &out.batch.columns[1]);
    }
}

static void test_random_metadata_exemplars_series_and_commits_round_trip(void **)
{
    for (uint32_t seed = 0; seed < 200; seed++) {
        for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
            CLEANUP(arena_done) Arena arena = {0};
            CLEANUP(buf_done) Buf buf = {0};
            Random random = {seed};
            WalMetadataList metadata = random_metadata(&random, &arena);
            WalMetadataList metadata_out;
            wal_metadata_encode(metadata, encodings[e], &buf);
            WalEntry entry = entry_of(&buf, encodings[e]);
            assert_int_equal(wal_metadata_decode(&entry, &arena, &metadata_out, NULL), STATUS_OK);
            assert_int_equal(metadata.count, metadata_out.count);
            for (uint32_t i = 0; i < metadata.count; i++) {
                assert_true(str_eq(metadata.items[i].metric, metadata_out.items[i].metric));
                assert_true(str_eq(metadata.items[i].type, metadata_out.items[i].type));
                assert_true(str_eq(metadata.items[i].unit, metadata_out.items[i].unit));
                assert_true(str_eq(metadata.items[i].help, metadata_out.items[i].help));
            }

            WalExemplarList exemplars = random_exemplars(&random, &arena);
            WalExemplarList exemplars_out;
            CLEANUP(buf_done) Buf buf2 = {0};
            wal_exemplars_encode(exemplars, encodings[e], &buf2);
            entry = entry_of(&buf2, encodings[e]);
            assert_int_equal(wal_exemplars_decode(&entry, &arena, &exemplars_out, NULL), STATUS_OK);
            assert_int_equal(exemplars.count, exemplars_out.count);
            for (uint32_t i = 0; i < exemplars.count; i++) {
                assert_int_equal(exemplars.items[i].ref, exemplars_out.items[i].ref);
                assert_int_equal(exemplars.items[i].ts_ms, exemplars_out.items[i].ts_ms);
                assert_true(exemplars.items[i].value_bits == exemplars_out.items[i].value_bits);
                assert_labels_equal(exemplars.items[i].labels, exemplars_out.items[i].labels);
            }

            WalSeriesList series = random_series(&random, &arena);
            WalSeriesList series_out;
            CLEANUP(buf_done) Buf buf3 = {0};
            wal_series_encode(series, encodings[e], &buf3);
            entry = entry_of(&buf3, encodings[e]);
            assert_int_equal(wal_series_decode(&entry, &arena, &series_out, NULL), STATUS_OK);
            assert_series_equal(series, series_out);

            CLEANUP(buf_done) Buf buf4 = {0};
            uint64_t txn_id = random_next(&random);
            uint64_t txn_out;
            wal_commit_encode(txn_id, encodings[e], &buf4);
            entry = entry_of(&buf4, encodings[e]);
            assert_int_equal(wal_commit_decode(&entry, &txn_out, NULL), STATUS_OK);
            assert_true(txn_id == txn_out);
        }
    }
}

static void test_json_entry_is_readable(void **)
{
    CLEANUP(buf_done) Buf buf = {0};
    Label labels[] = {{STR("__name__"), STR("up")}, {STR("job"), STR("a\"b")}};
    WalSeries def = {7, {labels, 2}};
    uint32_t refs[] = {7, 8, 9};
    int64_t ts_ms[] = {1000, 1000, 1000};
    uint64_t bits[] = {0x3ff0000000000000, 0x7ff0000000000002, 0x3fb999999999999a};
    WalSamples in = {{&def, 1}, 3, refs, ts_ms, bits, NULL, NULL, 0};
    wal_samples_encode(&in, WAL_ENCODING_JSON, &buf);
    buf_append_byte(&buf, 0);
    assert_string_equal(
        buf.ptr, "{\"series\":[{\"ref\":7,\"labels\":{\"__name__\":\"up\",\"job\":\"a\\\"b\"}}],"
                 "\"samples\":[[7,1000,1],[8,1000,\"0x7ff0000000000002\"],[9,1000,0.1]],"
                 "\"histograms\":[]}");
}

static void test_usual_samples_are_small(void **)
{
    enum { N = 2000 };
    CLEANUP(buf_done) Buf buf = {0};
    uint32_t refs[N];
    int64_t ts_ms[N];
    uint64_t bits[N];
    for (uint32_t i = 0; i < N; i++) {
        double value = i % 200;
        refs[i] = 100 + i;
        ts_ms[i] = INT64_C(1790000000000);
        memcpy(&bits[i], &value, 8);
    }
    WalSamples in = {{0}, N, refs, ts_ms, bits, NULL, NULL, 0};
    wal_samples_encode(&in, WAL_ENCODING_BINARY, &buf);
    assert_true(buf.len < 4 * N);
}

static void test_unsorted_or_bad_labels_are_refused(void **)
{
    CLEANUP(arena_done) Arena arena = {0};
    Label unsorted[] = {{STR("b"), STR("1")}, {STR("a"), STR("1")}};
    Label twice[] = {{STR("a"), STR("1")}, {STR("a"), STR("2")}};
    Label empty[] = {{STR("a"), STR("")}};
    Label bad_utf8[] = {{STR("a"), STR("\xff")}};
    LabelSet sets[] = {{unsorted, 2}, {twice, 2}, {empty, 1}, {bad_utf8, 1}};
    for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
        for (size_t i = 0; i < LUMA_ARRAY_LEN(sets); i++) {
            CLEANUP(buf_done) Buf buf = {0};
            WalSeries series = {1, sets[i]};
            WalSeriesList out;
            wal_series_encode((WalSeriesList){&series, 1}, encodings[e], &buf);
            WalEntry entry = entry_of(&buf, encodings[e]);
            assert_int_equal(wal_series_decode(&entry, &arena, &out, NULL), STATUS_CORRUPT);
        }
    }
}

static void test_truncated_payloads_are_corrupt(void **)
{
    for (size_t e = 0; e < LUMA_ARRAY_LEN(encodings); e++) {
        CLEANUP(arena_done) Arena arena = {0};
        CLEANUP(buf_done) Buf buf = {0};
        CLEANUP(buf_done) Buf rows_buf = {0};
        Random random = {42};
        WalSamples samples = random_samples(&random, &arena);
        WalRows rows = random_rows(&random, &arena);
        wal_samples_encode(&samples, encodings[e], &buf);
        assert_int_equal(wal_rows_encode(&rows, encodings[e], &arena, &rows_buf, NULL), STATUS_OK);
        for (size_t len = 0; len < buf.len; len++) {
            WalSamples out;
            /* A copy of its own, so that a sanitizer sees a read past the end. */
            char *copy = mem_dup(buf.ptr, len);
            WalEntry entry = {.encoding = encodings[e], .payload = {copy, len}};
            assert_int_equal(wal_samples_decode(&entry, &arena, &out, NULL), STATUS_CORRUPT);
            mem_free(copy);
        }
        for (size_t len = 0; len < rows_buf.len; len++) {
            WalRows out;
            char *copy = mem_dup(rows_buf.ptr, len);
            WalEntry entry = {.encoding = encodings[e], .payload = {copy, len}};
            assert_int_equal(wal_rows_decode(&entry, &arena, &out, NULL), STATUS_CORRUPT);
            mem_free(copy);
        }
    }
}

static void test_unknown_form_and_encoding_are_unsupported(void **)
{
    CLEANUP(arena_done) Arena arena = {0};
    WalSamples out;
    WalEntry form = {.encoding = WAL_ENCODING_BINARY, .payload = STR("\x02")};
    WalEntry encoding = {.encoding = (WalEncoding)9, .payload = STR("\x01")};
    assert_int_equal(wal_samples_decode(&form, &arena, &out, NULL), STATUS_UNSUPPORTED);
    assert_int_equal(wal_samples_decode(&encoding, &arena, &out, NULL), STATUS_UNSUPPORTED);
}

static void test_packed_columns_round_trip_at_their_edges(void **)
{
    static const int64_t edges[] = {0,         1,         -1,        127,       128,
                                    INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, 1ll << 56};
    for (uint32_t seed = 0; seed < 500; seed++) {
        CLEANUP(buf_done) Buf buf = {0};
        int64_t in[700];
        int64_t out[700];
        uint32_t in32[700];
        uint32_t out32[700];
        Random random = {seed};
        uint32_t count = seed < 5 ? seed : (uint32_t)(random_next(&random) % 700);
        for (uint32_t i = 0; i < count; i++) {
            in[i] = edges[random_next(&random) % LUMA_ARRAY_LEN(edges)];
            in32[i] = (uint32_t)in[i];
        }
        wal__pack_deltas_i64(&buf, in, count);
        wal__pack_swapped(&buf, (const uint64_t *)in, count);
        wal__pack_deltas_u32(&buf, in32, count);
        wal__pack_u64(&buf, (const uint64_t *)in, count);
        BufReader r = buf_reader(buf_str(&buf));
        wal__unpack_deltas_i64(&r, out, count);
        assert_memory_equal(in, out, count * sizeof *in);
        wal__unpack_swapped(&r, (uint64_t *)out, count);
        assert_memory_equal(in, out, count * sizeof *in);
        wal__unpack_deltas_u32(&r, out32, count);
        assert_memory_equal(in32, out32, count * sizeof *in32);
        wal__unpack_u64(&r, (uint64_t *)out, count);
        assert_memory_equal(in, out, count * sizeof *in);
        assert_false(r.failed);
        assert_ptr_equal(r.cursor, r.end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed_columns_round_trip_at_their_edges),
        cmocka_unit_test(test_random_samples_round_trip),
        cmocka_unit_test(test_random_rows_round_trip),
        cmocka_unit_test(test_random_deletes_round_trip),
        cmocka_unit_test(test_texts_that_rows_share_are_stored_once),
        cmocka_unit_test(test_constant_and_dictionary_columns_are_flattened),
        cmocka_unit_test(test_random_metadata_exemplars_series_and_commits_round_trip),
        cmocka_unit_test(test_json_entry_is_readable),
        cmocka_unit_test(test_usual_samples_are_small),
        cmocka_unit_test(test_unsorted_or_bad_labels_are_refused),
        cmocka_unit_test(test_truncated_payloads_are_corrupt),
        cmocka_unit_test(test_unknown_form_and_encoding_are_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

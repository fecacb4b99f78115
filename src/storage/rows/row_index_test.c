#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/thread.h"
#include "format/text/text_query.h"
#include "storage/rows/row_store.h"

static const TableColumn columns[] = {
    {.name = STR_INIT("id"), .type = {.id = TYPE_INT8, .typmod = -1}, .not_null = true},
    {.name = STR_INIT("body"), .type = {.id = TYPE_TEXT, .typmod = -1}},
    {.name = STR_INIT("attributes"), .type = {.id = TYPE_JSONB, .typmod = -1}},
    {.name = STR_INIT("trace_id"), .type = {.id = TYPE_TEXT, .typmod = -1}},
    {.name = STR_INIT("severity"), .type = {.id = TYPE_TEXT, .typmod = -1}},
};
static const Table logs = {.id = 1,
                           .store_id = 1,
                           .schema_version = 1,
                           .kind = TABLE_LOGS,
                           .schema = STR_INIT("public"),
                           .name = STR_INIT("logs"),
                           .columns = columns,
                           .column_count = LUMA_ARRAY_LEN(columns),
                           .time_column = -1};
static const uint16_t id_only[] = {0};

static Str body_text(int64_t id, char buf[128])
{
    static const char *const what[] = {"connection refused", "Connection was refused",
                                       "refused connection", "disk full", "request done"};
    (void)snprintf(buf, 128, "%s by host%d after %dms n%lld", what[id % 5], (int)(id % 97),
                   (int)(id * 7 % 1000), (long long)id);
    return str_from(buf);
}
static Str attributes_text(int64_t id, char buf[128])
{
    (void)snprintf(buf, 128, "{\"level\": \"%s\", \"code\": %d, \"request\": \"r%lld\"}",
                   id % 10 ? "info" : "error", (int)(id % 5) * 100, (long long)id);
    return str_from(buf);
}
static Str trace_text(int64_t id, char buf[128])
{
    /* From some id on a trace has so many records that ids become a dictionary. */
    uint64_t trace = id < 10000 ? (uint64_t)id / 4 : 100000 + (uint64_t)id / 20;
    (void)snprintf(buf, 128, "%032llx", (unsigned long long)trace);
    return str_from(buf);
}
static Str severity_text(int64_t id, char buf[128])
{
    (void)snprintf(buf, 128, "%s", id < 3000 ? "INFO" : id % 10 ? "INFO" : "ERROR");
    return str_from(buf);
}
static bool body_is_null(int64_t id)
{
    return id % 13 == 5;
}

static void put(Column *c, uint32_t row, Str text, Arena *arena)
{
    Str copy = arena_str(arena, text);
    ((View *)column_values(c))[row] = view_make(copy.ptr, copy.len);
}

static void append(RowTable *table, Lsn lsn, int64_t first, uint32_t count)
{
    CLEANUP(arena_done) Arena arena = {0};
    Column out[5];
    char buf[128];

    arena_init(&arena, NULL);
    for (uint32_t c = 0; c < 5; c++)
        assert_int_equal(column_init(&out[c], &arena, columns[c].type, count, c == 1, NULL),
                         STATUS_OK);
    for (uint32_t i = 0; i < count; i++) {
        int64_t id = first + i;
        ((int64_t *)column_values(&out[0]))[i] = id;
        put(&out[1], i, body_text(id, buf), &arena);
        bit_put(column_validity(&out[1]), i, !body_is_null(id));
        put(&out[2], i, attributes_text(id, buf), &arena);
        put(&out[3], i, trace_text(id, buf), &arena);
        put(&out[4], i, severity_text(id, buf), &arena);
    }
    (void)row_table_append(
        table, lsn, &(RecordBatch){.columns = out, .column_count = 5, .row_count = count}, true);
}

typedef struct Fixture {
    MemBudget budget;
    SegmentMap map;
    RowStore *store;
    RowTable *table;
} Fixture;

static void fixture_init(Fixture *f)
{
    mem_budget_init(&f->budget, NULL, "test memory", INT64_MAX);
    segment_map_init(&f->map);
    f->store = row_store_new(&f->map, &f->budget);
    row_store_create(f->store, &logs);
    f->table = row_store_find(f->store, 1);
}

/* Everything that was charged is given back. */
static void fixture_done(Fixture *f)
{
    row_table_unref(f->table);
    row_store_free(f->store);
    segment_map_done(&f->map);
    assert_int_equal(mem_budget_used(&f->budget), 0);
}

static Column text_value(Str text, View *view)
{
    *view = view_make(text.ptr, text.len);
    return (Column){.type = TYPE_OF(TEXT), .is_const = true, .len = 1, .values = view};
}

static RowScanSpec make_spec(Lsn lsn, const ScanPredicate *predicates, uint32_t count)
{
    return (RowScanSpec){.lsn = lsn,
                         .schema = &logs,
                         .columns = id_only,
                         .column_count = 1,
                         .predicates = predicates,
                         .predicate_count = count};
}

/* Ids that a scan yields, as a byte for each. */
static uint32_t scan_ids(RowTable *table, Lsn lsn, const ScanPredicate *predicates, uint32_t count,
                         uint8_t *seen, int64_t id_count, ScanStats *ret_stats)
{
    CLEANUP(arena_done) Arena arena = {0};
    uint32_t rows = 0;
    RecordBatch batch;
    RowScan *scan;
    Error err;

    arena_init(&arena, NULL);
    memset(seen, 0, (size_t)id_count);
    RowScanSpec spec = make_spec(lsn, predicates, count);
    assert_int_equal(row_scan_new(table, &spec, &scan, &err), STATUS_OK);
    for (RowPiece *piece; (piece = row_scan_next(scan)); row_piece_close(piece))
        for (;;) {
            arena_reset(&arena);
            assert_int_equal(row_piece_next(piece, &arena, &batch, &err), STATUS_OK);
            if (!batch.row_count)
                break;
            rows += batch.row_count;
            for (uint32_t i = 0; i < batch.row_count; i++)
                seen[column_i64(&batch.columns[0], i)]++;
        }
    if (ret_stats)
        *ret_stats = row_scan_stats(scan);
    row_scan_free(scan);
    return rows;
}

static bool expected(int64_t id, const ScanPredicate *p, const TextQuery *query,
                     TextMatcher *matcher)
{
    char buf[128];
    Str text = p->column == 1   ? body_text(id, buf)
               : p->column == 2 ? attributes_text(id, buf)
               : p->column == 3 ? trace_text(id, buf)
                                : severity_text(id, buf);

    if (p->column == 1 && body_is_null(id))
        return false;
    if (p->op == SCAN_MATCHES)
        return text_matcher_test(matcher, query, text, p->column == 2 ? TEXT_JSON : TEXT_PLAIN);
    return str_eq(text, column_str(&p->value, 0));
}

static void check(Fixture *f, int64_t id_count, uint16_t column, ScanOp op, const char *value,
                  ScanStats *ret_stats)
{
    CLEANUP(arena_done) Arena arena = {0};
    uint8_t *seen = mem_alloc((size_t)id_count);
    TextMatcher matcher = {0};
    TextQuery query = {0};
    View view;
    ScanPredicate p = {.column = column, .op = op, .value = text_value(str_from(value), &view)};

    arena_init(&arena, NULL);
    if (op == SCAN_MATCHES) {
        assert_int_equal(text_query_parse(str_from(value), &arena, &query, NULL), STATUS_OK);
        text_matcher_init(&matcher, &query);
    }
    (void)scan_ids(f->table, 1 << 20, &p, 1, seen, id_count, ret_stats);
    for (int64_t id = 0; id < id_count; id++)
        if (seen[id] != expected(id, &p, &query, &matcher))
            fail_msg("%s: id %lld seen %d times", value, (long long)id, seen[id]);
    text_matcher_done(&matcher);
    mem_free(seen);
}

static void test_predicates_on_texts_are_exact(void **state)
{
    static const char *const queries[] = {"refused",
                                          "\"connection refused\"",
                                          "conn* -was",
                                          "NOT refused",
                                          "host7 OR \"disk full\"",
                                          "n777",
                                          "\"refused by host1\"*",
                                          "nothing",
                                          "NOT \"connection refused\""};
    static const char *const members[] = {"level:error", "code:300 error", "r1234", "-level:error"};
    enum { IDS = 20000 };
    Fixture f;

    (void)state;
    fixture_init(&f);
    for (int64_t id = 0; id < IDS; id += 500)
        append(f.table, (Lsn)id + 1, id, 500);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(queries); i++)
        check(&f, IDS, 1, SCAN_MATCHES, queries[i], NULL);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(members); i++)
        check(&f, IDS, 2, SCAN_MATCHES, members[i], NULL);
    check(&f, IDS, 3, SCAN_EQ, "00000000000000000000000000000777", NULL);
    check(&f, IDS, 3, SCAN_EQ, "00000000000000000000000000018a1f", NULL);
    check(&f, IDS, 3, SCAN_EQ, "000000000000000000000000000fffff", NULL);
    check(&f, IDS, 1, SCAN_EQ, "disk full by host78 after 161ms n23", NULL);
    check(&f, IDS, 4, SCAN_EQ, "ERROR", NULL);
    check(&f, IDS, 4, SCAN_MATCHES, "error", NULL);
    fixture_done(&f);
}

/* A column that gets its index when rows are there already. */
static void test_an_index_may_come_later(void **state)
{
    ScanStats stats;
    Fixture f;
    Table plain = logs;

    (void)state;
    mem_budget_init(&f.budget, NULL, "test memory", INT64_MAX);
    segment_map_init(&f.map);
    f.store = row_store_new(&f.map, &f.budget);
    plain.kind = TABLE_USER;
    row_store_create(f.store, &plain);
    f.table = row_store_find(f.store, 1);
    append(f.table, 1, 0, 5000);
    check(&f, 5000, 1, SCAN_MATCHES, "\"disk full\" n1003", &stats);
    assert_false(stats.index_used);
    row_store_index(f.store, 1, STR("body"));
    row_store_index(f.store, 1, STR("id")); /* not a text */
    row_store_index(f.store, 1, STR("nothing"));
    append(f.table, 2, 5000, 5000);
    check(&f, 10000, 1, SCAN_MATCHES, "\"disk full\" n1003", &stats);
    assert_true(stats.index_used);
    check(&f, 10000, 1, SCAN_MATCHES, "\"connection refused\"", NULL);
    fixture_done(&f);
}

static void test_segments_without_the_value_are_skipped(void **state)
{
    ScanStats stats;
    Fixture f;

    (void)state;
    fixture_init(&f);
    for (int64_t id = 0; id < 16384; id += 256)
        append(f.table, (Lsn)id + 1, id, 256);
    check(&f, 16384, 3, SCAN_EQ, "00000000000000000000000000000700", &stats);
    assert_true(stats.index_used);
    assert_true(stats.segments > 4 && stats.segments_skipped == stats.segments - 1);
    assert_true(stats.rows_looked_at < 64);
    check(&f, 16384, 4, SCAN_EQ, "ERROR", &stats); /* dictionaries tell */
    assert_true(stats.segments_skipped > 0);
    check(&f, 16384, 1, SCAN_MATCHES, "\"connection refused\" n1040", &stats);
    assert_true(stats.rows_looked_at < 8);
    fixture_done(&f);
}

/* LIKE, ILIKE and words may let rows through that do not hold, never the other way. */
static void test_hints_lose_no_row(void **state)
{
    static const struct {
        uint16_t column;
        ScanOp op;
        const char *value;
        const char *needle;
    } cases[] = {{1, SCAN_LIKE, "%nnection ref%", "nnection ref"},
                 {1, SCAN_LIKE, "disk%host1%", "disk"},
                 {1, SCAN_LIKE, "%", ""},
                 {1, SCAN_LIKE, "%host9_ after%", " after"},
                 {1, SCAN_ILIKE, "%NNECTION WAS%", "nnection was"},
                 {2, SCAN_WORDS, "level error", "error"}};
    enum { IDS = 6000 };
    static uint8_t seen[IDS];
    Fixture f;
    char buf[128];

    (void)state;
    fixture_init(&f);
    append(f.table, 1, 0, IDS);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(cases); i++) {
        View view;
        ScanPredicate p = {.column = cases[i].column,
                           .op = cases[i].op,
                           .value = text_value(str_from(cases[i].value), &view)};
        uint32_t rows = scan_ids(f.table, 1, &p, 1, seen, IDS, NULL);
        assert_true(rows > 0);
        for (int64_t id = 0; id < IDS; id++) {
            Str text = p.column == 1 ? body_text(id, buf) : attributes_text(id, buf);
            bool null = p.column == 1 && body_is_null(id);
            if (null)
                assert_int_equal(seen[id], 0);
            else if (strstr(text.ptr, cases[i].needle) && i != 1 && i != 3)
                assert_int_equal(seen[id], 1);
        }
    }
    fixture_done(&f);
}

/* Also of a table without rows. */
static void test_bad_query_is_an_error(void **state)
{
    RowScan *scan;
    Fixture f;
    View view;
    Error err = {0};

    (void)state;
    fixture_init(&f);
    ScanPredicate p = {.column = 1, .op = SCAN_MATCHES, .value = text_value(STR("(a"), &view)};
    RowScanSpec spec = make_spec(1, &p, 1);
    assert_int_equal(row_scan_new(f.table, &spec, &scan, &err), STATUS_INVALID);
    assert_string_equal(err.sqlstate, "42601");
    fixture_done(&f);
}

/* Who wants the best ten ids reads one segment, whichever way they are ordered. */
static void check_best(RowTable *table, bool descending, int64_t ids)
{
    CLEANUP(arena_done) Arena arena = {0};
    int64_t best = descending ? ids - 1 : 0;
    uint32_t wanted = 0;
    ScanBound bound;
    RecordBatch batch;
    RowScan *scan;

    arena_init(&arena, NULL);
    scan_bound_init(&bound, 0, descending);
    RowScanSpec spec = make_spec(1 << 20, NULL, 0);
    spec.bound = &bound;
    assert_int_equal(row_scan_new(table, &spec, &scan, NULL), STATUS_OK);
    for (RowPiece *piece; (piece = row_scan_next(scan)); row_piece_close(piece))
        for (;;) {
            arena_reset(&arena);
            assert_int_equal(row_piece_next(piece, &arena, &batch, NULL), STATUS_OK);
            if (!batch.row_count)
                break;
            for (uint32_t i = 0; i < batch.row_count; i++) {
                int64_t id = column_i64(&batch.columns[0], i);
                wanted += descending ? id > best - 10 : id < best + 10;
            }
            scan_bound_tighten(&bound, descending ? best - 9 : best + 9);
            scan_bound_tighten(&bound, descending ? 0 : ids); /* a looser one changes nothing */
        }
    ScanStats stats = row_scan_stats(scan);
    assert_int_equal(wanted, 10);
    assert_true(stats.segments > 4 && stats.segments_skipped >= stats.segments - 2);
    row_scan_free(scan);
}

static void test_the_best_rows_are_in_the_first_segments(void **state)
{
    enum { IDS = 40000 };
    Fixture f;

    (void)state;
    fixture_init(&f);
    for (int64_t id = 0; id < IDS; id += 1000)
        append(f.table, (Lsn)id + 1, id, 1000);
    check_best(f.table, true, IDS);
    check_best(f.table, false, IDS);
    fixture_done(&f);
}

/* ---------------------------------------------------------------- searching while rows come */

enum { RACE_IDS = 60000, RACE_STEP = 250 };

typedef struct Race {
    RowTable *table;
    int64_t lsn; /* atomic: everything up to it is applied */
} Race;

static void append_all(void *arg)
{
    Race *race = arg;

    for (int64_t id = 0; id < RACE_IDS; id += RACE_STEP) {
        append(race->table, (Lsn)(id / RACE_STEP) + 1, id, RACE_STEP);
        __atomic_store_n(&race->lsn, id / RACE_STEP + 1, __ATOMIC_RELEASE);
    }
}

static void test_searches_see_whole_writes_while_rows_come(void **state)
{
    static uint8_t seen[RACE_IDS];
    Fixture f;
    Thread thread = {0};
    int64_t lsn = 0;
    View views[2];

    (void)state;
    fixture_init(&f);
    Race race = {.table = f.table};
    ScanPredicate phrase = {
        .column = 1, .op = SCAN_MATCHES, .value = text_value(STR("\"disk full\""), &views[0])};
    assert_int_equal(thread_start(&thread, "append", append_all, &race, NULL), STATUS_OK);
    while (lsn < RACE_IDS / RACE_STEP) {
        lsn = __atomic_load_n(&race.lsn, __ATOMIC_ACQUIRE);
        uint32_t rows = scan_ids(f.table, (Lsn)lsn, &phrase, 1, seen, RACE_IDS, NULL);
        uint32_t want = 0;
        for (int64_t id = 0; id < lsn * RACE_STEP; id++)
            want += id % 5 == 3 && !body_is_null(id);
        assert_int_equal(rows, want);
    }
    thread_join(&thread);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predicates_on_texts_are_exact),
        cmocka_unit_test(test_an_index_may_come_later),
        cmocka_unit_test(test_segments_without_the_value_are_skipped),
        cmocka_unit_test(test_hints_lose_no_row),
        cmocka_unit_test(test_bad_query_is_an_error),
        cmocka_unit_test(test_the_best_rows_are_in_the_first_segments),
        cmocka_unit_test(test_searches_see_whole_writes_while_rows_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

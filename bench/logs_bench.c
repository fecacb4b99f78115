/* logs_bench.c - the row store with its live indexes alone: seal and index, search.
 *
 *   logs_bench ROWS [THREADS]
 *
 * Log records like those of a fleet of web services: about 15 words and 120 bytes of body, eight
 * attributes, a resource of 50 services, a trace id in four records of five. Prints what a record
 * costs in CPU time and memory, with the indexes and without, and how long searches take.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/thread.h"
#include "storage/index/key_index.h"
#include "storage/rows/row_int.h"

enum { BATCH = 2048, THREADS_MAX = 16 };

#define COLUMN(name_, type_)                                                                       \
    {                                                                                              \
        .name = STR_INIT(name_), .type = {.id = TYPE_##type_, .typmod = -1 }                       \
    }
static const TableColumn columns[] = {
    COLUMN("ts", TIMESTAMPTZ), COLUMN("severity", TEXT), COLUMN("severity_number", INT2),
    COLUMN("service", TEXT),   COLUMN("body", TEXT),     COLUMN("attributes", JSONB),
    COLUMN("resource", JSONB), COLUMN("trace_id", TEXT), COLUMN("span_id", TEXT),
};
enum { COLUMN_COUNT = 9, BODY = 4, ATTRIBUTES = 5, TRACE_ID = 7 };
static const uint16_t ts_only[] = {0};

static uint64_t mix(uint64_t id, uint64_t salt)
{
    return hash_u64(id * 0x9e3779b97f4a7c15 + salt);
}

static int make_body(uint64_t id, char *out, size_t size)
{
    uint64_t r = mix(id, 1);

    switch (r % 8) {
    case 0:
        return snprintf(out, size,
                        "GET /api/v1/users/%u/orders?limit=%u completed with status 200 in %u ms "
                        "for client 10.%u.%u.%u",
                        (unsigned)(r >> 8) % 100000, (unsigned)(r >> 24) % 100,
                        (unsigned)(r >> 32) % 900, (unsigned)(r >> 40) % 4,
                        (unsigned)(r >> 44) % 256, (unsigned)(r >> 52) % 256);
    case 1:
        return snprintf(
            out, size,
            "connection to database replica db-%u.internal refused, retry %u of 5 after "
            "%u ms backoff",
            (unsigned)(r >> 8) % 40, (unsigned)(r >> 16) % 5, (unsigned)(r >> 24) % 2000);
    case 2:
        return snprintf(
            out, size,
            "cache miss for key session:%08x in shard %u, loading from storage took %u us",
            (unsigned)(r >> 8), (unsigned)(r >> 40) % 32, (unsigned)(r >> 45) % 9000);
    case 3:
        return snprintf(out, size,
                        "payment %016llx authorised by gateway stripe for amount %u.%02u EUR",
                        (unsigned long long)r, (unsigned)(r >> 8) % 500, (unsigned)(r >> 20) % 100);
    case 4:
        return snprintf(
            out, size, "worker %u picked job %u from queue emails, %u jobs are waiting now",
            (unsigned)(r >> 8) % 64, (unsigned)(r >> 16) % 1000000, (unsigned)(r >> 40) % 500);
    case 5:
        return snprintf(out, size, "user %u logged in from %s with session cookie %08x",
                        (unsigned)(r >> 8) % 100000, r >> 40 & 1 ? "mobile app" : "web browser",
                        (unsigned)(r >> 32));
    case 6:
        return snprintf(out, size,
                        "request queue %s of service checkout is at %u percent, shedding load",
                        r % 4096 == 6 ? "nearly out of space" : "depth", (unsigned)(r >> 8) % 100);
    default:
        return snprintf(out, size,
                        "garbage collection finished: heap %u MiB of 2048 MiB, pause %u.%u ms, "
                        "generation %u",
                        (unsigned)(r >> 8) % 2048, (unsigned)(r >> 24) % 90,
                        (unsigned)(r >> 32) % 10, (unsigned)(r >> 40) % 3);
    }
}

static int make_attributes(uint64_t id, char *out, size_t size)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    uint64_t r = mix(id, 2);

    return snprintf(
        out, size,
        "{\"http.method\": \"%s\", \"http.route\": \"/api/v1/users/{id}\", "
        "\"http.status_code\": %u, \"thread.name\": \"worker-%u\", \"code.lineno\": %u, "
        "\"client.address\": \"10.1.%u.%u\", \"user.id\": \"%u\", \"retry\": false}",
        methods[r % 4], r % 50 ? 200 : 503, (unsigned)(r >> 8) % 64, (unsigned)(r >> 16) % 400,
        (unsigned)(r >> 32) % 256, (unsigned)(r >> 40) % 256, (unsigned)(r >> 48) % 50000);
}

static void put(Column *column, uint32_t row, const char *text, int len, Arena *arena)
{
    Str copy = arena_str(arena, str_make(text, (size_t)len));
    ((View *)column_values(column))[row] = view_make(copy.ptr, copy.len);
}

static size_t make_row(uint64_t id, uint32_t row, Column *out, Arena *arena)
{
    static const char *const severities[] = {"INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR"};
    static const int16_t numbers[] = {9, 9, 9, 5, 13, 17};
    char text[512];
    uint64_t r = mix(id, 3);
    size_t bytes = 0;
    int len;

    ((int64_t *)column_values(&out[0]))[row] = (int64_t)id * 100;
    put(&out[1], row, severities[r % 6], (int)strlen(severities[r % 6]), arena);
    ((int16_t *)column_values(&out[2]))[row] = numbers[r % 6];
    len = snprintf(text, sizeof text, "service-%u", (unsigned)(r >> 8) % 50);
    put(&out[3], row, text, len, arena);
    bytes += (size_t)(len = make_body(id, text, sizeof text));
    put(&out[4], row, text, len, arena);
    bytes += (size_t)(len = make_attributes(id, text, sizeof text));
    put(&out[5], row, text, len, arena);
    len = snprintf(text, sizeof text,
                   "{\"host.name\": \"node-%u\", \"service.name\": \"service-%u\", "
                   "\"service.version\": \"1.2.3\"}",
                   (unsigned)(r >> 8) % 50 / 5, (unsigned)(r >> 8) % 50);
    put(&out[6], row, text, len, arena);
    len = snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)mix(id / 10, 4),
                   (unsigned long long)mix(id / 10, 5));
    put(&out[7], row, text, len, arena);
    bit_put(column_validity(&out[7]), row, id % 5 != 0);
    len = snprintf(text, sizeof text, "%016llx", (unsigned long long)mix(id, 6));
    put(&out[8], row, text, len, arena);
    bit_put(column_validity(&out[8]), row, id % 5 != 0);
    return bytes + 200;
}

static size_t make_batch(uint64_t first, Arena *arena, RecordBatch *ret)
{
    Column *out = ARENA_NEW_ARRAY(arena, Column, COLUMN_COUNT);
    size_t bytes = 0;

    for (uint32_t c = 0; c < COLUMN_COUNT; c++)
        if (column_init(&out[c], arena, columns[c].type, BATCH, c >= 7, NULL) != STATUS_OK)
            exit(1);
    for (uint32_t i = 0; i < BATCH; i++)
        bytes += make_row(first + i, i, out, arena);
    *ret = (RecordBatch){.columns = out, .column_count = COLUMN_COUNT, .row_count = BATCH};
    return bytes;
}

static Table make_table(TableKind kind)
{
    return (Table){.id = 1,
                   .store_id = 1,
                   .schema_version = 1,
                   .kind = kind,
                   .schema = STR("public"),
                   .name = STR("logs"),
                   .columns = columns,
                   .column_count = COLUMN_COUNT,
                   .time_column = 0};
}

/* CPU nanoseconds of appending all rows; *ret_bytes is what the store holds. */
static RowTable *fill(RowStore *store, const Table *schema, MemBudget *budget, uint64_t rows)
{
    int64_t cpu_ns = 0;
    size_t text_bytes = 0;
    Arena arena;

    arena_init(&arena, NULL);
    row_store_create(store, schema);
    RowTable *table = row_store_find(store, 1);
    for (uint64_t id = 0; id < rows; id += BATCH) {
        RecordBatch batch;
        text_bytes += make_batch(id, &arena, &batch);
        int64_t begin = clock_thread_cpu_ns();
        (void)row_table_append(table, id + 1, &batch, false);
        cpu_ns += clock_thread_cpu_ns() - begin;
        arena_reset(&arena);
    }
    arena_done(&arena);
    printf("%-22s %7.1f ns CPU a record, %6.1f bytes held, of %.1f bytes of text\n",
           schema->kind == TABLE_LOGS ? "append, with indexes" : "append, without",
           (double)cpu_ns / (double)rows, (double)mem_budget_used(budget) / (double)rows,
           (double)text_bytes / (double)rows);
    return table;
}

typedef struct Search {
    RowScan *scan;
    uint64_t rows;  /* atomic */
    int64_t cpu_ns; /* atomic */
} Search;

static void search_pieces(void *arg)
{
    Search *search = arg;
    int64_t begin = clock_thread_cpu_ns();
    uint64_t rows = 0;
    RecordBatch batch;
    Arena arena;
    Error err;

    arena_init(&arena, NULL);
    for (RowPiece *piece; (piece = row_scan_next(search->scan)); row_piece_close(piece))
        do {
            arena_reset(&arena);
            if (row_piece_next(piece, &arena, &batch, &err) != STATUS_OK) {
                fprintf(stderr, "%s\n", err.message);
                exit(1);
            }
            rows += batch.row_count;
        } while (batch.row_count);
    arena_done(&arena);
    (void)__atomic_add_fetch(&search->rows, rows, __ATOMIC_RELAXED);
    (void)__atomic_add_fetch(&search->cpu_ns, clock_thread_cpu_ns() - begin, __ATOMIC_RELAXED);
}

static void search(RowTable *table, const Table *schema, const char *name, uint16_t column,
                   ScanOp op, Column value, int threads)
{
    ScanPredicate p = {.column = column, .op = op, .value = value};
    RowScanSpec spec = {.lsn = UINT64_MAX >> 1,
                        .schema = schema,
                        .columns = ts_only,
                        .column_count = 1,
                        .predicates = &p,
                        .predicate_count = 1};
    int64_t best = INT64_MAX;
    int64_t cpu_ns = INT64_MAX;
    ScanStats stats = {0};
    uint64_t rows = 0;
    Error err;

    for (int round = 0; round < 5; round++) {
        Thread pool[THREADS_MAX] = {0};
        Search s = {0};
        int64_t begin = clock_mono_ns();
        if (row_scan_new(table, &spec, &s.scan, &err) != STATUS_OK)
            exit(1);
        for (int i = 1; i < threads; i++)
            if (thread_start(&pool[i], "search", search_pieces, &s, &err) != STATUS_OK)
                exit(1);
        search_pieces(&s);
        for (int i = 1; i < threads; i++)
            thread_join(&pool[i]);
        best = LUMA_MIN(best, clock_mono_ns() - begin);
        cpu_ns = LUMA_MIN(cpu_ns, s.cpu_ns);
        stats = row_scan_stats(s.scan);
        rows = s.rows;
        row_scan_free(s.scan);
    }
    printf("%-40s %7.2f ms, %7.2f ms CPU  %9llu rows, %9llu looked at, %llu of %llu segments "
           "skipped\n",
           name, (double)best / 1e6, (double)cpu_ns / 1e6, (unsigned long long)rows,
           (unsigned long long)stats.rows_looked_at, (unsigned long long)stats.segments_skipped,
           (unsigned long long)stats.segments);
}

static void search_text(RowTable *table, const Table *schema, const char *name, uint16_t column,
                        ScanOp op, const char *text, int threads)
{
    View view = view_make(text, strlen(text));

    search(table, schema, name, column, op,
           (Column){.type = TYPE_OF(TEXT), .is_const = true, .len = 1, .values = &view}, threads);
}

static void search_all(RowTable *table, const Table *schema, uint64_t rows, int threads)
{
    char trace[40];
    int16_t severity = 17;

    (void)snprintf(trace, sizeof trace, "%016llx%016llx", (unsigned long long)mix(rows / 20, 4),
                   (unsigned long long)mix(rows / 20, 5));
    search_text(table, schema, "trace by id", TRACE_ID, SCAN_EQ, trace, threads);
    search_text(table, schema, "phrase, rare: \"nearly out of space\"", BODY, SCAN_MATCHES,
                "\"nearly out of space\"", threads);
    search_text(table, schema, "phrase of an eighth: \"retry 3 of\"", BODY, SCAN_MATCHES,
                "\"retry 3 of\"", threads);
    search_text(table, schema, "phrase of 1 in 320: \"replica db 7\"", BODY, SCAN_MATCHES,
                "\"replica db 7\"", threads);
    search_text(table, schema, "word of an eighth: refused", BODY, SCAN_MATCHES, "refused",
                threads);
    search_text(table, schema, "prefix: sess*", BODY, SCAN_MATCHES, "sess*", threads);
    search_text(table, schema, "words: payment AND gateway NOT EUR", BODY, SCAN_MATCHES,
                "payment gateway -EUR", threads);
    search_text(table, schema, "member: http.status_code:503", ATTRIBUTES, SCAN_MATCHES,
                "http.status_code:503", threads);
    search_text(table, schema, "LIKE '%early out%'", BODY, SCAN_LIKE, "%early out%", threads);
    search_text(table, schema, "LIKE '%rly%' (inside of a word)", BODY, SCAN_LIKE, "%rly%",
                threads);
    search_text(table, schema, "ILIKE '%Out Of Space%'", BODY, SCAN_ILIKE, "%Out Of Space%",
                threads);
    search_text(table, schema, "LIKE '%, %' (no word)", BODY, SCAN_LIKE, "%, %", threads);
    search(table, schema, "severity_number >= 17", 2, SCAN_GE,
           (Column){.type = TYPE_OF(INT2), .is_const = true, .len = 1, .values = &severity},
           threads);
}

/* What the indexes alone take. */
static void print_index_bytes(RowTable *table, uint64_t rows)
{
    size_t terms = 0;
    size_t keys = 0;
    size_t count = 0;
    size_t lists = 0;

    for (uint32_t i = 0; i < table->segment_count; i++)
        for (uint32_t c = 0; c < table->segments[i]->column_count; c++) {
            const RowColumn *column = &table->segments[i]->columns[c];
            terms += column->terms ? column->terms->bytes : 0;
            lists += column->terms ? column->terms->lists_len : 0;
            count += column->terms ? column->terms->term_count : 0;
            keys += column->keys ? column->keys->bytes : 0;
        }
    printf(
        "words: %.1f bytes a record (%.1f of them lists), %.2f terms a record; ids: %.1f bytes\n",
        (double)terms / (double)rows, (double)lists / (double)rows, (double)count / (double)rows,
        (double)keys / (double)rows);
}

int main(int argc, char **argv)
{
    uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
    MemBudget budget;
    SegmentMap map;

    threads = LUMA_MAX(1, LUMA_MIN(threads, (int)THREADS_MAX));
    for (int indexed = 0; indexed < 2; indexed++) {
        Table schema = make_table(indexed ? TABLE_LOGS : TABLE_USER);
        mem_budget_init(&budget, NULL, "bench", INT64_MAX);
        segment_map_init(&map);
        RowStore *store = row_store_new(&map, &budget);
        RowTable *table = fill(store, &schema, &budget, indexed ? rows : LUMA_MIN(rows, 1000000));
        if (indexed) {
            print_index_bytes(table, rows);
            search_all(table, &schema, rows, threads);
        }
        row_table_unref(table);
        row_store_free(store);
        segment_map_done(&map);
    }
    return 0;
}

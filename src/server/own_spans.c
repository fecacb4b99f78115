#include "server/own_spans.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/hash.h"
#include "format/json/json.h"

enum { TEXT_BYTES_MAX = 64 << 10, STATEMENT_BYTES_MAX = 4096, PLAN_BYTES_MAX = 16 << 10 };

Status own_spans_init(OwnSpans *spans, Engine *engine, int64_t slow_ns, int64_t per_second,
                      Error *err)
{
    *spans = (OwnSpans){.slow_ns = slow_ns, .per_second = per_second};
    return row_queue_new(&(RowQueueOptions){.engine = engine,
                                            .name = "own-spans",
                                            .table_id = TABLE_ID_TRACES,
                                            .dropped = COUNTER_OWN_SPANS_DROPPED,
                                            .delay_ns = NS_PER_SEC / 2,
                                            .text_bytes = TEXT_BYTES_MAX},
                         &spans->queue, err);
}

bool own_spans_want(void *ctx, int64_t duration_ns, bool failed)
{
    OwnSpans *spans = ctx;

    if (failed || duration_ns >= spans->slow_ns)
        return true;
    int64_t second = clock_mono_ns() / NS_PER_SEC;
    if (__atomic_exchange_n(&spans->second, second, __ATOMIC_RELAXED) != second)
        __atomic_store_n(&spans->kept, 0, __ATOMIC_RELAXED);
    if (__atomic_load_n(&spans->kept, __ATOMIC_RELAXED) >= spans->per_second)
        return false;
    return __atomic_add_fetch(&spans->kept, 1, __ATOMIC_RELAXED) <= spans->per_second;
}

/* ---------------------------------------------------------------- a span */

static void append_text(Buf *out, const char *key, Str value, size_t bytes_max)
{
    if (value.len == 0)
        return;
    if (value.len > bytes_max) {
        value.len = bytes_max;
        while (value.len && ((uint8_t)value.ptr[value.len] & 0xC0) == 0x80)
            value.len--;
    }
    json_append_string(out, str_from(key));
    buf_append_byte(out, ':');
    json_append_string(out, value);
    buf_append_byte(out, ',');
}

static void append_ms(Buf *out, const char *key, int64_t ns)
{
    buf_printf(out, "\"%s\":%.3f,", key, (double)ns / (double)NS_PER_MS);
}

static void append_attributes(const QueryReport *report, Buf *out)
{
    buf_append_lit(out, "{\"db.system.name\":\"lumadb\",");
    append_text(out, "lumadb.language", report->language, 16);
    append_text(out, "db.query.text", report->text, STATEMENT_BYTES_MAX);
    append_text(out, "db.operation.name", report->command, 64);
    append_text(out, "db.namespace", report->database, 64);
    append_text(out, "user.name", report->user, 64);
    append_text(out, "client.address", report->address, 64);
    append_text(out, "network.protocol.name", report->protocol, 64);
    append_text(out, "lumadb.application", report->application, 64);
    append_text(out, "lumadb.plan", report->plan, PLAN_BYTES_MAX);
    if (report->error)
        append_text(out, "db.response.status_code", str_from(report->error->sqlstate), 8);
    append_ms(out, "lumadb.prepare_ms", report->prepare_ns);
    append_ms(out, "lumadb.execute_ms", report->execute_ns);
    if (report->samples)
        buf_printf(out, "\"lumadb.samples\":%llu,", (unsigned long long)report->samples);
    if (report->bytes_peak)
        buf_printf(out, "\"lumadb.memory_peak_bytes\":%lld,", (long long)report->bytes_peak);
    buf_printf(out, "\"db.response.returned_rows\":%llu}", (unsigned long long)report->row_count);
}

/* 128 bits that no two spans share: a counter and the clock under the process' secret. */
static Hash128 next_id(void)
{
    static uint64_t counter;
    const uint64_t seed[2] = {__atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED),
                              (uint64_t)clock_wall_ns()};

    return hash128_secret(seed, sizeof seed);
}

void own_spans_add(void *ctx, const QueryReport *report)
{
    OwnSpans *spans = ctx;
    CLEANUP(buf_done) Buf attributes = {0};
    Hash128 id = next_id();
    char trace[33];
    char span[17];

    append_attributes(report, &attributes);
    (void)snprintf(trace, sizeof trace, "%016llx%016llx", (unsigned long long)id.low,
                   (unsigned long long)id.high);
    (void)snprintf(span, sizeof span, "%016llx", (unsigned long long)(id.low ^ id.high) | 1);
    const RowCell cells[] = {
        ROW_INT(report->start_wall_ns / NS_PER_US),
        ROW_INT(report->start_wall_ns),
        ROW_INT(report->duration_ns),
        ROW_TEXT(str_from(trace)),
        ROW_TEXT(str_from(span)),
        {0},
        ROW_TEXT(report->command),
        ROW_TEXT(STR("server")),
        ROW_TEXT(STR("lumadb")),
        ROW_TEXT(report->error ? STR("error") : STR("ok")),
        report->error ? ROW_TEXT(str_from(report->error->message)) : (RowCell){0},
        ROW_TEXT(buf_str(&attributes)),
        ROW_TEXT(
            STR("{\"service.name\": \"lumadb\", \"service.version\": \"" LUMADB_VERSION "\"}")),
        {0},
        {0},
        {0},
        {0},
    };
    row_queue_add(spans->queue, cells, LUMA_ARRAY_LEN(cells));
}

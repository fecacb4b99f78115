/* wal_json.c - the JSON encoding: the same entries, readable by eye (docs/formats/wal.md section
 * 5).
 *
 * The texts are JSON, but the reader takes only what the writer writes: members in their order and
 * no white space. A number is the shortest of 15 to 17 digits that reads back as the same bits;
 * what is not finite is its bits as a hex string.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "storage/wal/wal_codec_int.h"
#include "storage/wal/wal_json_text.h"

static Status corrupt(Error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "a %s entry of the write-ahead log is malformed", what);
}

static Status finish(const JsonText *t, const char *what, Error *err)
{
    return t->failed || t->at != t->end ? corrupt(err, what) : STATUS_OK;
}

/* --- label sets and series --- */

static void put_labels(Buf *out, LabelSet set)
{
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < set.count; i++) {
        if (i)
            buf_append_byte(out, ',');
        json_text_put_str(out, set.labels[i].name);
        buf_append_byte(out, ':');
        json_text_put_str(out, set.labels[i].value);
    }
    buf_append_byte(out, '}');
}

static void read_labels(JsonText *t, Arena *arena, LabelSet *ret)
{
    Label *labels = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    json_text_expect(t, "{");
    for (bool more = !json_text_next(t, "}"); more && !t->failed; more = json_text_more(t, '}')) {
        Label label = {.name = json_text_read_str(t)};
        json_text_expect(t, ":");
        label.value = json_text_read_str(t);
        if (label.name.len == 0 || label.value.len == 0 || count == WAL_LABELS_MAX ||
            (count && str_cmp(labels[count - 1].name, label.name) >= 0))
            t->failed = true;
        else
            ARENA_PUSH(arena, labels, count, cap, label);
    }
    *ret = (LabelSet){labels, count};
}

static void put_series(Buf *out, WalSeriesList list)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < list.count; i++) {
        buf_printf(out, "%s{\"ref\":%" PRIu32 ",\"labels\":", i ? "," : "", list.series[i].ref);
        put_labels(out, list.series[i].labels);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

static void read_series(JsonText *t, Arena *arena, WalSeriesList *ret)
{
    WalSeries *series = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    json_text_expect(t, "[");
    for (bool more = !json_text_next(t, "]"); more && !t->failed; more = json_text_more(t, ']')) {
        WalSeries item = {0};
        json_text_expect(t, "{\"ref\":");
        item.ref = (uint32_t)json_text_read_uint(t, UINT32_MAX);
        json_text_expect(t, ",\"labels\":");
        read_labels(t, arena, &item.labels);
        json_text_expect(t, "}");
        ARENA_PUSH(arena, series, count, cap, item);
    }
    *ret = (WalSeriesList){series, count};
}

void wal__json_series_encode(WalSeriesList list, Buf *out)
{
    put_series(out, list);
}

Status wal__json_series_decode(Str payload, Arena *arena, WalSeriesList *ret, Error *err)
{
    JsonText t = json_text(payload, arena);
    WalSeriesList list;

    read_series(&t, arena, &list);
    TRY(finish(&t, "series", err));
    *ret = list;
    return STATUS_OK;
}

/* --- samples --- */

void wal__json_samples_encode(const WalSamples *samples, Buf *out)
{
    buf_append_lit(out, "{\"series\":");
    put_series(out, samples->defs);
    buf_append_lit(out, ",\"samples\":[");
    for (uint32_t i = 0; i < samples->count; i++) {
        buf_printf(out, "%s[%" PRIu32 ",%" PRId64 ",", i ? "," : "", samples->refs[i],
                   samples->ts_ms[i]);
        json_text_put_double(out, samples->value_bits[i]);
        if (samples->start_ms)
            buf_printf(out, ",%" PRId64, samples->start_ms[i]);
        buf_append_byte(out, ']');
    }
    buf_append_lit(out, "],\"histograms\":[");
    for (uint32_t i = 0; i < samples->histogram_count; i++) {
        const WalHistogram *h = &samples->histograms[i];
        buf_printf(out, "%s[%" PRIu32 ",%" PRId64 ",%" PRId64 ",", i ? "," : "", h->ref, h->ts_ms,
                   h->start_ms);
        json_text_put_hex(out, h->blob);
        buf_append_byte(out, ']');
    }
    buf_append_lit(out, "]}");
}

/* Commas between samples bound their number: a first pass counts them. */
static uint32_t count_samples(const JsonText *t)
{
    uint32_t count = 0;
    for (const char *p = t->at; p < t->end && (p = memchr(p, '[', (size_t)(t->end - p))); p++)
        count++;
    return count;
}

static Status read_floats(JsonText *t, Arena *arena, WalSamples *ret, Error *err)
{
    uint32_t count_max = count_samples(t);
    bool has_start = false;
    uint32_t *refs;
    int64_t *ts_ms;
    int64_t *start_ms;
    uint64_t *value_bits;

    TRY(WAL_ALLOC(arena, &refs, count_max, err));
    TRY(WAL_ALLOC(arena, &ts_ms, count_max, err));
    TRY(WAL_ALLOC(arena, &start_ms, count_max, err));
    TRY(WAL_ALLOC(arena, &value_bits, count_max, err));
    for (bool more = !json_text_next(t, "]"); more && !t->failed; more = json_text_more(t, ']')) {
        uint32_t i = ret->count;
        if (i == count_max) {
            t->failed = true;
            break;
        }
        json_text_expect(t, "[");
        refs[i] = (uint32_t)json_text_read_uint(t, UINT32_MAX);
        json_text_expect(t, ",");
        ts_ms[i] = json_text_read_int(t, INT64_MIN, INT64_MAX);
        json_text_expect(t, ",");
        value_bits[i] = json_text_read_double(t);
        bool start_here = json_text_next(t, ",");
        if (i && start_here != has_start)
            t->failed = true;
        has_start = start_here;
        start_ms[i] = start_here ? json_text_read_int(t, INT64_MIN, INT64_MAX) : 0;
        json_text_expect(t, "]");
        ret->count++;
    }
    ret->refs = refs;
    ret->ts_ms = ts_ms;
    ret->value_bits = value_bits;
    ret->start_ms = has_start ? start_ms : NULL;
    return STATUS_OK;
}

static void read_histograms(JsonText *t, Arena *arena, WalSamples *ret)
{
    WalHistogram *histograms = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    for (bool more = !json_text_next(t, "]"); more && !t->failed; more = json_text_more(t, ']')) {
        WalHistogram h = {0};
        json_text_expect(t, "[");
        h.ref = (uint32_t)json_text_read_uint(t, UINT32_MAX);
        json_text_expect(t, ",");
        h.ts_ms = json_text_read_int(t, INT64_MIN, INT64_MAX);
        json_text_expect(t, ",");
        h.start_ms = json_text_read_int(t, INT64_MIN, INT64_MAX);
        json_text_expect(t, ",");
        h.blob = json_text_read_hex(t);
        json_text_expect(t, "]");
        ARENA_PUSH(arena, histograms, count, cap, h);
    }
    ret->histograms = histograms;
    ret->histogram_count = count;
}

Status wal__json_samples_decode(Str payload, Arena *arena, WalSamples *ret, Error *err)
{
    JsonText t = json_text(payload, arena);
    WalSamples samples = {0};

    json_text_expect(&t, "{\"series\":");
    read_series(&t, arena, &samples.defs);
    json_text_expect(&t, ",\"samples\":[");
    TRY(read_floats(&t, arena, &samples, err));
    json_text_expect(&t, ",\"histograms\":[");
    read_histograms(&t, arena, &samples);
    json_text_expect(&t, "}");
    TRY(finish(&t, "samples", err));
    *ret = samples;
    return STATUS_OK;
}

/* --- deletes --- */

void wal__json_deletes_encode(const WalDeletes *deletes, Buf *out)
{
    buf_printf(out, "{\"table\":%" PRIu32 ",\"txn\":%" PRIu64 ",\"all\":%s,\"rows\":[",
               deletes->table_id, deletes->txn_id, deletes->all ? "true" : "false");
    for (uint32_t i = 0; i < deletes->count; i++)
        buf_printf(out, "%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "", deletes->rows[i].lsn,
                   deletes->rows[i].position);
    buf_append_lit(out, "]}");
}

static void read_deletes_head(JsonText *t, WalDeletes *ret)
{
    json_text_expect(t, "{\"table\":");
    ret->table_id = (uint32_t)json_text_read_uint(t, UINT32_MAX);
    json_text_expect(t, ",\"txn\":");
    ret->txn_id = json_text_read_uint(t, UINT64_MAX);
    json_text_expect(t, ",\"all\":");
}

Status wal__json_deletes_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err)
{
    JsonText t = json_text(payload, NULL);
    WalDeletes deletes = {0};

    read_deletes_head(&t, &deletes);
    if (t.failed)
        return corrupt(err, "deletes");
    *ret_txn_id = deletes.txn_id;
    return STATUS_OK;
}

Status wal__json_deletes_decode(Str payload, Arena *arena, WalDeletes *ret, Error *err)
{
    JsonText t = json_text(payload, arena);
    WalDeletes deletes = {0};
    WalRowName *rows = NULL;
    uint32_t cap = 0;

    read_deletes_head(&t, &deletes);
    deletes.all = json_text_next(&t, "true");
    if (!deletes.all)
        json_text_expect(&t, "false");
    json_text_expect(&t, ",\"rows\":[");
    for (bool more = !json_text_next(&t, "]"); more && !t.failed; more = json_text_more(&t, ']')) {
        WalRowName row;
        json_text_expect(&t, "[");
        row.lsn = json_text_read_uint(&t, UINT64_MAX);
        json_text_expect(&t, ",");
        row.position = json_text_read_uint(&t, UINT64_MAX);
        json_text_expect(&t, "]");
        if (deletes.count == WAL_DELETES_MAX)
            t.failed = true;
        else
            ARENA_PUSH(arena, rows, deletes.count, cap, row);
    }
    json_text_expect(&t, "}");
    TRY(finish(&t, "deletes", err));
    deletes.rows = rows;
    *ret = deletes;
    return STATUS_OK;
}

/* --- metadata, exemplars, commits --- */

void wal__json_metadata_encode(WalMetadataList list, Buf *out)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < list.count; i++) {
        buf_append_str(out, i ? STR(",{\"metric\":") : STR("{\"metric\":"));
        json_text_put_str(out, list.items[i].metric);
        buf_append_lit(out, ",\"type\":");
        json_text_put_str(out, list.items[i].type);
        buf_append_lit(out, ",\"unit\":");
        json_text_put_str(out, list.items[i].unit);
        buf_append_lit(out, ",\"help\":");
        json_text_put_str(out, list.items[i].help);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

Status wal__json_metadata_decode(Str payload, Arena *arena, WalMetadataList *ret, Error *err)
{
    JsonText t = json_text(payload, arena);
    WalMetadata *items = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    json_text_expect(&t, "[");
    for (bool more = !json_text_next(&t, "]"); more && !t.failed; more = json_text_more(&t, ']')) {
        WalMetadata item;
        json_text_expect(&t, "{\"metric\":");
        item.metric = json_text_read_str(&t);
        json_text_expect(&t, ",\"type\":");
        item.type = json_text_read_str(&t);
        json_text_expect(&t, ",\"unit\":");
        item.unit = json_text_read_str(&t);
        json_text_expect(&t, ",\"help\":");
        item.help = json_text_read_str(&t);
        json_text_expect(&t, "}");
        ARENA_PUSH(arena, items, count, cap, item);
    }
    TRY(finish(&t, "metadata", err));
    *ret = (WalMetadataList){items, count};
    return STATUS_OK;
}

void wal__json_exemplars_encode(WalExemplarList list, Buf *out)
{
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < list.count; i++) {
        const WalExemplar *item = &list.items[i];
        buf_printf(out, "%s{\"ref\":%" PRIu32 ",\"ts\":%" PRId64 ",\"value\":", i ? "," : "",
                   item->ref, item->ts_ms);
        json_text_put_double(out, item->value_bits);
        buf_append_lit(out, ",\"labels\":");
        put_labels(out, item->labels);
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
}

Status wal__json_exemplars_decode(Str payload, Arena *arena, WalExemplarList *ret, Error *err)
{
    JsonText t = json_text(payload, arena);
    WalExemplar *items = NULL;
    uint32_t count = 0;
    uint32_t cap = 0;

    json_text_expect(&t, "[");
    for (bool more = !json_text_next(&t, "]"); more && !t.failed; more = json_text_more(&t, ']')) {
        WalExemplar item = {0};
        json_text_expect(&t, "{\"ref\":");
        item.ref = (uint32_t)json_text_read_uint(&t, UINT32_MAX);
        json_text_expect(&t, ",\"ts\":");
        item.ts_ms = json_text_read_int(&t, INT64_MIN, INT64_MAX);
        json_text_expect(&t, ",\"value\":");
        item.value_bits = json_text_read_double(&t);
        json_text_expect(&t, ",\"labels\":");
        read_labels(&t, arena, &item.labels);
        json_text_expect(&t, "}");
        ARENA_PUSH(arena, items, count, cap, item);
    }
    TRY(finish(&t, "exemplars", err));
    *ret = (WalExemplarList){items, count};
    return STATUS_OK;
}

void wal__json_commit_encode(uint64_t txn_id, Buf *out)
{
    buf_printf(out, "{\"txn\":%" PRIu64 "}", txn_id);
}

Status wal__json_commit_decode(Str payload, uint64_t *ret_txn_id, Error *err)
{
    JsonText t = json_text(payload, NULL);

    json_text_expect(&t, "{\"txn\":");
    uint64_t txn_id = json_text_read_uint(&t, UINT64_MAX);
    json_text_expect(&t, "}");
    TRY(finish(&t, "commit", err));
    *ret_txn_id = txn_id;
    return STATUS_OK;
}

/* wal_binary.c - the binary encoding of everything but rows (docs/formats/wal.md section 4). */
#include "storage/wal/wal_codec_int.h"
#include "storage/wal/wal_pack.h"

enum { FORM = 1 }; /* first byte of every binary payload */

/* A label beside the labels of the series before: low two bits of its byte; the others say how many
 * labels of that series are skipped first. */
enum {
    LABEL_NEW = 0,       /* name and value follow */
    LABEL_SAME = 1,      /* the whole label of the series before */
    LABEL_SAME_NAME = 2, /* its name; the value follows */
    LABEL_SKIP_MAX = 63,
};

static Status corrupt(Error *err, const char *what)
{
    return error_set(err, STATUS_CORRUPT, "a %s entry of the write-ahead log is malformed", what);
}

static Status begin(BufReader *r, Str payload, const char *what, Error *err)
{
    *r = buf_reader(payload);
    uint8_t form = buf_read_u8(r);
    if (r->failed)
        return corrupt(err, what);
    if (form != FORM)
        return error_set(err, STATUS_UNSUPPORTED,
                         "a %s entry of the write-ahead log has form %u, written by a newer LumaDB",
                         what, form);
    return STATUS_OK;
}

static Status finish(const BufReader *r, const char *what, Error *err)
{
    return r->failed || r->cursor != r->end ? corrupt(err, what) : STATUS_OK;
}

static void put_str(Buf *out, Str s)
{
    buf_append_varint(out, s.len);
    buf_append_str(out, s);
}

static Str read_str(BufReader *r)
{
    uint64_t len = buf_read_varint(r);
    return buf_read_bytes(r, len <= SIZE_MAX ? (size_t)len : SIZE_MAX);
}

static Str read_utf8(BufReader *r)
{
    Str s = read_str(r);
    if (!r->failed && !str_utf8_valid(s))
        r->failed = true;
    return s;
}

/* A count of things that take at least one byte each. */
static uint32_t read_count(BufReader *r)
{
    uint64_t count = buf_read_varint(r);
    if (count > buf_reader_left(r))
        r->failed = true;
    return r->failed ? 0 : (uint32_t)count;
}

/* --- label sets --- */

static void put_label(Buf *out, const Label *label, LabelSet before, uint32_t *at)
{
    uint32_t skip = 0;

    while (*at + skip < before.count && skip < LABEL_SKIP_MAX &&
           str_cmp(before.labels[*at + skip].name, label->name) < 0)
        skip++;
    const Label *old = *at + skip < before.count ? &before.labels[*at + skip] : NULL;
    if (!old || !str_eq(old->name, label->name)) {
        buf_append_byte(out, LABEL_NEW);
        put_str(out, label->name);
        put_str(out, label->value);
        return;
    }
    *at += skip + 1;
    if (str_eq(old->value, label->value)) {
        buf_append_byte(out, (uint8_t)(skip << 2 | LABEL_SAME));
        return;
    }
    buf_append_byte(out, (uint8_t)(skip << 2 | LABEL_SAME_NAME));
    put_str(out, label->value);
}

static void put_labels(Buf *out, LabelSet set, LabelSet before)
{
    uint32_t at = 0;

    buf_append_varint(out, set.count);
    for (uint32_t i = 0; i < set.count; i++)
        put_label(out, &set.labels[i], before, &at);
}

/* Reads one label; false in *ret_known when its name did not come from the set before. */
static void read_label(BufReader *r, LabelSet before, uint32_t *at, Label *ret, bool *ret_known)
{
    uint8_t op = buf_read_u8(r);
    uint32_t skip = op >> 2;

    *ret = (Label){0};
    *ret_known = (op & 3) != LABEL_NEW;
    if (!*ret_known) {
        r->failed |= skip != 0;
        ret->name = read_utf8(r);
        ret->value = read_utf8(r);
        r->failed |= ret->name.len == 0 || ret->value.len == 0;
        return;
    }
    if (skip >= before.count - *at || (op & 3) > LABEL_SAME_NAME) {
        r->failed = true;
        return;
    }
    *ret = before.labels[*at + skip];
    *at += skip + 1;
    if ((op & 3) == LABEL_SAME_NAME) {
        ret->value = read_utf8(r);
        r->failed |= ret->value.len == 0;
    }
}

/* Labels come out sorted, without a name twice, with non-empty UTF-8 texts. */
static Status read_labels(BufReader *r, LabelSet before, Arena *arena, LabelSet *ret, Error *err)
{
    uint32_t count = read_count(r);
    uint32_t at = 0;
    bool known_before = false;
    Label *labels;

    if (count > WAL_LABELS_MAX)
        r->failed = true;
    *ret = (LabelSet){0};
    if (r->failed)
        return STATUS_OK; /* the caller looks at the reader once */
    TRY(WAL_ALLOC(arena, &labels, count, err));
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        bool known;
        read_label(r, before, &at, &labels[i], &known);
        /* Two names in a row from the set before are in its order already. */
        if (i && !r->failed && !(known && known_before) &&
            str_cmp(labels[i - 1].name, labels[i].name) >= 0)
            r->failed = true;
        known_before = known;
    }
    *ret = (LabelSet){labels, count};
    return STATUS_OK;
}

/* --- series definitions --- */

static void put_series(Buf *out, WalSeriesList list)
{
    LabelSet before = {0};
    uint32_t ref = 0;

    buf_append_varint(out, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        const WalSeries *series = &list.series[i];
        buf_append_varint(out, zigzag_encode((int64_t)series->ref - (int64_t)ref));
        put_labels(out, series->labels, before);
        ref = series->ref;
        before = series->labels;
    }
}

static uint32_t read_ref(BufReader *r, uint32_t before)
{
    uint64_t ref = before + (uint64_t)zigzag_decode(buf_read_varint(r));
    if (ref > UINT32_MAX)
        r->failed = true;
    return (uint32_t)ref;
}

static Status read_series(BufReader *r, Arena *arena, WalSeriesList *ret, Error *err)
{
    uint32_t count = read_count(r);
    uint32_t ref = 0;
    LabelSet before = {0};
    WalSeries *series;

    TRY(WAL_ALLOC(arena, &series, count, err));
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        series[i].ref = ref = read_ref(r, ref);
        TRY(read_labels(r, before, arena, &series[i].labels, err));
        before = series[i].labels;
    }
    *ret = (WalSeriesList){series, count};
    return STATUS_OK;
}

void wal__binary_series_encode(WalSeriesList list, Buf *out)
{
    buf_append_byte(out, FORM);
    put_series(out, list);
}

Status wal__binary_series_decode(Str payload, Arena *arena, WalSeriesList *ret, Error *err)
{
    BufReader r;
    WalSeriesList list;

    TRY(begin(&r, payload, "series", err));
    TRY(read_series(&r, arena, &list, err));
    TRY(finish(&r, "series", err));
    *ret = list;
    return STATUS_OK;
}

/* --- samples --- */

static void put_histograms(Buf *out, const WalHistogram *histograms, uint32_t count)
{
    uint32_t ref = 0;
    int64_t ts_ms = 0;

    buf_append_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const WalHistogram *h = &histograms[i];
        buf_append_varint(out, zigzag_encode((int64_t)h->ref - (int64_t)ref));
        buf_append_varint(out, zigzag_encode((int64_t)((uint64_t)h->ts_ms - (uint64_t)ts_ms)));
        buf_append_varint(out, zigzag_encode(h->start_ms));
        put_str(out, h->blob);
        ref = h->ref;
        ts_ms = h->ts_ms;
    }
}

static Status read_histograms(BufReader *r, Arena *arena, WalSamples *ret, Error *err)
{
    uint32_t count = read_count(r);
    uint32_t ref = 0;
    uint64_t ts_ms = 0;
    WalHistogram *histograms;

    TRY(WAL_ALLOC(arena, &histograms, count, err));
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        WalHistogram *h = &histograms[i];
        h->ref = ref = read_ref(r, ref);
        ts_ms += (uint64_t)zigzag_decode(buf_read_varint(r));
        h->ts_ms = (int64_t)ts_ms;
        h->start_ms = zigzag_decode(buf_read_varint(r));
        h->blob = read_str(r);
    }
    ret->histograms = histograms;
    ret->histogram_count = count;
    return STATUS_OK;
}

void wal__binary_samples_encode(const WalSamples *samples, Buf *out)
{
    buf_append_byte(out, FORM);
    put_series(out, samples->defs);
    buf_append_varint(out, samples->count);
    buf_append_byte(out, samples->start_ms != NULL);
    wal__pack_deltas_u32(out, samples->refs, samples->count);
    wal__pack_deltas_i64(out, samples->ts_ms, samples->count);
    if (samples->start_ms)
        wal__pack_deltas_i64(out, samples->start_ms, samples->count);
    wal__pack_swapped(out, samples->value_bits, samples->count);
    put_histograms(out, samples->histograms, samples->histogram_count);
}

static Status read_floats(BufReader *r, Arena *arena, WalSamples *ret, Error *err)
{
    uint64_t count = buf_read_varint(r);
    uint8_t has_start = buf_read_u8(r);
    uint32_t *refs;
    int64_t *ts_ms;
    int64_t *start_ms = NULL;
    uint64_t *value_bits;

    /* A value takes half a byte at least. */
    if (r->failed || count / 2 > buf_reader_left(r) || has_start > 1) {
        r->failed = true;
        return STATUS_OK;
    }
    TRY(WAL_ALLOC(arena, &refs, count, err));
    TRY(WAL_ALLOC(arena, &ts_ms, count, err));
    TRY(WAL_ALLOC(arena, &value_bits, count, err));
    if (has_start)
        TRY(WAL_ALLOC(arena, &start_ms, count, err));
    ret->count = (uint32_t)count;
    wal__unpack_deltas_u32(r, refs, ret->count);
    wal__unpack_deltas_i64(r, ts_ms, ret->count);
    if (has_start)
        wal__unpack_deltas_i64(r, start_ms, ret->count);
    wal__unpack_swapped(r, value_bits, ret->count);
    ret->refs = refs;
    ret->ts_ms = ts_ms;
    ret->start_ms = start_ms;
    ret->value_bits = value_bits;
    return STATUS_OK;
}

Status wal__binary_samples_decode(Str payload, Arena *arena, WalSamples *ret, Error *err)
{
    BufReader r;
    WalSamples samples = {0};

    TRY(begin(&r, payload, "samples", err));
    TRY(read_series(&r, arena, &samples.defs, err));
    TRY(read_floats(&r, arena, &samples, err));
    TRY(read_histograms(&r, arena, &samples, err));
    TRY(finish(&r, "samples", err));
    *ret = samples;
    return STATUS_OK;
}

/* --- deletes --- */

void wal__binary_deletes_encode(const WalDeletes *deletes, Buf *out)
{
    int64_t *values = mem_alloc(sizeof *values * (deletes->count + 1u));

    buf_append_byte(out, FORM);
    buf_append_varint(out, deletes->table_id);
    buf_append_varint(out, deletes->txn_id);
    buf_append_byte(out, deletes->all);
    buf_append_varint(out, deletes->count);
    for (uint32_t i = 0; i < deletes->count; i++)
        values[i] = (int64_t)deletes->rows[i].lsn;
    wal__pack_deltas_i64(out, values, deletes->count);
    for (uint32_t i = 0; i < deletes->count; i++)
        values[i] = (int64_t)deletes->rows[i].position;
    wal__pack_deltas_i64(out, values, deletes->count);
    mem_free(values);
}

static Status read_deletes_head(BufReader *r, Str payload, WalDeletes *ret, Error *err)
{
    TRY(begin(r, payload, "deletes", err));
    uint64_t table_id = buf_read_varint(r);
    ret->txn_id = buf_read_varint(r);
    ret->table_id = (uint32_t)table_id;
    return r->failed || table_id > UINT32_MAX ? corrupt(err, "deletes") : STATUS_OK;
}

Status wal__binary_deletes_txn_decode(Str payload, uint64_t *ret_txn_id, Error *err)
{
    BufReader r;
    WalDeletes deletes = {0};

    TRY(read_deletes_head(&r, payload, &deletes, err));
    *ret_txn_id = deletes.txn_id;
    return STATUS_OK;
}

Status wal__binary_deletes_decode(Str payload, Arena *arena, WalDeletes *ret, Error *err)
{
    BufReader r;
    WalDeletes deletes = {0};
    WalRowName *rows;
    int64_t *lsns;
    int64_t *positions;

    TRY(read_deletes_head(&r, payload, &deletes, err));
    uint8_t all = buf_read_u8(&r);
    uint64_t count = buf_read_varint(&r);
    /* Equal steps take a few bytes for any count. */
    if (r.failed || all > 1 || count > WAL_DELETES_MAX)
        return corrupt(err, "deletes");
    deletes.all = all;
    deletes.count = (uint32_t)count;
    TRY(WAL_ALLOC(arena, &rows, count, err));
    TRY(WAL_ALLOC(arena, &lsns, count, err));
    TRY(WAL_ALLOC(arena, &positions, count, err));
    wal__unpack_deltas_i64(&r, lsns, deletes.count);
    wal__unpack_deltas_i64(&r, positions, deletes.count);
    TRY(finish(&r, "deletes", err));
    for (uint32_t i = 0; i < deletes.count; i++)
        rows[i] = (WalRowName){(Lsn)lsns[i], (uint64_t)positions[i]};
    deletes.rows = rows;
    *ret = deletes;
    return STATUS_OK;
}

/* --- metadata, exemplars, commits --- */

void wal__binary_metadata_encode(WalMetadataList list, Buf *out)
{
    buf_append_byte(out, FORM);
    buf_append_varint(out, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        put_str(out, list.items[i].metric);
        put_str(out, list.items[i].type);
        put_str(out, list.items[i].unit);
        put_str(out, list.items[i].help);
    }
}

Status wal__binary_metadata_decode(Str payload, Arena *arena, WalMetadataList *ret, Error *err)
{
    BufReader r;
    WalMetadata *items;

    TRY(begin(&r, payload, "metadata", err));
    uint32_t count = read_count(&r);
    TRY(WAL_ALLOC(arena, &items, count, err));
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        Str metric = read_utf8(&r);
        Str type = read_utf8(&r);
        Str unit = read_utf8(&r);
        items[i] = (WalMetadata){metric, type, unit, read_utf8(&r)};
    }
    TRY(finish(&r, "metadata", err));
    *ret = (WalMetadataList){items, count};
    return STATUS_OK;
}

void wal__binary_exemplars_encode(WalExemplarList list, Buf *out)
{
    LabelSet before = {0};

    buf_append_byte(out, FORM);
    buf_append_varint(out, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        const WalExemplar *item = &list.items[i];
        buf_append_varint(out, item->ref);
        buf_append_varint(out, zigzag_encode(item->ts_ms));
        buf_append_u64(out, item->value_bits);
        put_labels(out, item->labels, before);
        before = item->labels;
    }
}

Status wal__binary_exemplars_decode(Str payload, Arena *arena, WalExemplarList *ret, Error *err)
{
    BufReader r;
    LabelSet before = {0};
    WalExemplar *items;

    TRY(begin(&r, payload, "exemplars", err));
    uint32_t count = read_count(&r);
    TRY(WAL_ALLOC(arena, &items, count, err));
    for (uint32_t i = 0; i < count && !r.failed; i++) {
        uint64_t ref = buf_read_varint(&r);
        r.failed |= ref > UINT32_MAX;
        items[i].ref = (uint32_t)ref;
        items[i].ts_ms = zigzag_decode(buf_read_varint(&r));
        items[i].value_bits = buf_read_u64(&r);
        TRY(read_labels(&r, before, arena, &items[i].labels, err));
        before = items[i].labels;
    }
    TRY(finish(&r, "exemplars", err));
    *ret = (WalExemplarList){items, count};
    return STATUS_OK;
}

Status wal__binary_commit_decode(Str payload, uint64_t *ret_txn_id, Error *err)
{
    BufReader r = buf_reader(payload);
    uint64_t txn_id = buf_read_u64(&r);

    TRY(finish(&r, "commit", err));
    *ret_txn_id = txn_id;
    return STATUS_OK;
}

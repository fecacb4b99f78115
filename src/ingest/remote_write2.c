/* remote_write2.c - remote write 2.0: io.prometheus.write.v2.Request into a batch
 * (prometheus/prometheus prompb/io/prometheus/write/v2/types.proto; the numbers are its fields').
 *
 * Texts are interned per request, so a series' references are no key across requests: its key is
 * its names and values, each behind its length.
 */
#include "ingest/remote_write_int.h"

enum { SYMBOLS_MAX = 1 << 22 };

typedef struct Symbols {
    Str *texts;
    size_t count;
    size_t cap;
} Symbols;

static Status read_symbols(Decoder *d, Str message, Symbols *symbols)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number != 4)
            continue;
        if (f.wire != PB_BYTES)
            return remote_write__malformed(d, "a symbol is no string");
        if (symbols->count == SYMBOLS_MAX)
            return remote_write__malformed(d, "it has too many symbols");
        MEM_GROW(symbols->texts, symbols->cap, symbols->count + 1);
        symbols->texts[symbols->count++] = f.bytes;
    }
    if (r.failed)
        return remote_write__malformed(d, "it is cut short");
    if (symbols->count && symbols->texts[0].len)
        return remote_write__malformed(d, "the first symbol is not the empty string");
    return STATUS_OK;
}

/* Packed references: name, value, name, value ... */
static Status read_labels(Decoder *d, const Symbols *symbols, Str refs, Label *labels,
                          uint32_t *ret_count, bool *ret_many)
{
    PbReader r = pb_reader(refs);
    uint32_t n = 0;

    *ret_many = false;
    while (r.cursor < r.end) {
        uint64_t name;
        uint64_t value;
        if (!pb_varint(&r, &name) || !pb_varint(&r, &value) || name >= symbols->count ||
            value >= symbols->count)
            return remote_write__malformed(d, "a label refers to no symbol");
        *ret_many |= n == LABELS_MAX;
        if (n < LABELS_MAX)
            labels[n++] = (Label){symbols->texts[name], symbols->texts[value]};
    }
    *ret_count = n;
    return STATUS_OK;
}

static Status resolve_series(Decoder *d, const Symbols *symbols, Str refs, uint64_t items,
                             SeriesRef *ret_ref, bool *ret_found)
{
    Label labels[LABELS_MAX];
    uint32_t count;
    bool many;

    TRY(read_labels(d, symbols, refs, labels, &count, &many));
    if (many) {
        *ret_found = false;
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items, "a series has more than %d labels",
                      LABELS_MAX);
        return STATUS_OK;
    }
    buf_clear(&d->labels);
    for (uint32_t i = 0; i < count; i++) {
        buf_append_varint(&d->labels, labels[i].name.len);
        buf_append_str(&d->labels, labels[i].name);
        buf_append_varint(&d->labels, labels[i].value.len);
        buf_append_str(&d->labels, labels[i].value);
    }
    *ret_found = true;
    if (write_batch_find_series(d->batch, d->cursor, LABEL_CODEC_PAIRS, buf_str(&d->labels),
                                ret_ref))
        return STATUS_OK;
    return remote_write__add_series(d, LABEL_CODEC_PAIRS, buf_str(&d->labels), labels, count, items,
                                    ret_ref, ret_found);
}

static Status read_exemplar(Decoder *d, const Symbols *symbols, SeriesRef ref, Str message)
{
    PbReader r = pb_reader(message);
    Label labels[LABELS_MAX];
    uint32_t count = 0;
    bool many = false;
    double value = 0;
    int64_t ts_ms = 0;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_BYTES)
            TRY(read_labels(d, symbols, f.bytes, labels, &count, &many));
        else if (f.number == 2 && f.wire == PB_FIXED64)
            value = pb_double(&f);
        else if (f.number == 3 && f.wire == PB_VARINT)
            ts_ms = (int64_t)f.value;
        else if (f.number <= 3)
            return remote_write__malformed(d, "an exemplar's field has another type");
    }
    if (r.failed)
        return remote_write__malformed(d, "an exemplar is cut short");
    if (many) {
        ingest_refuse(d->tally, INGEST_REASON_EXEMPLAR, 1, "an exemplar has too many labels");
        return STATUS_OK;
    }
    return remote_write__exemplar(d, ref, ts_ms, value, labels, count);
}

static Status read_symbol(Decoder *d, const Symbols *symbols, const PbField *f, Str *ret_text)
{
    if (f->wire != PB_VARINT || f->value >= symbols->count)
        return remote_write__malformed(d, "metadata refers to no symbol");
    *ret_text = symbols->texts[f->value];
    return STATUS_OK;
}

/* Metadata: type 1, help_ref 3, unit_ref 4; the metric is the series' name. */
static Status read_metadata(Decoder *d, const Symbols *symbols, Str metric, Str message)
{
    PbReader r = pb_reader(message);
    Str help = {"", 0};
    Str unit = {"", 0};
    uint64_t type = 0;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_VARINT)
            type = f.value;
        else if (f.number == 3)
            TRY(read_symbol(d, symbols, &f, &help));
        else if (f.number == 4)
            TRY(read_symbol(d, symbols, &f, &unit));
    }
    if (r.failed)
        return remote_write__malformed(d, "metadata is cut short");
    if (metric.len == 0 || (type == 0 && help.len == 0 && unit.len == 0))
        return STATUS_OK; /* says nothing */
    return remote_write__metadata(d, type, metric, help, unit);
}

/* The labels of a series, and how many samples and histograms it has. */
static Status survey_series(Decoder *d, Str message, Str *ret_refs, uint64_t *ret_items)
{
    PbReader r = pb_reader(message);
    PbField f;

    *ret_refs = (Str){"", 0};
    *ret_items = 0;
    while (pb_next(&r, &f)) {
        if (f.number > 5)
            continue;
        if (f.wire != PB_BYTES)
            return remote_write__malformed(d, "a field of a series has another type");
        if (f.number == 1)
            *ret_refs = f.bytes;
        *ret_items += f.number == 2 || f.number == 3;
    }
    return r.failed ? remote_write__malformed(d, "a series is cut short") : STATUS_OK;
}

static Str metric_name(const Symbols *symbols, Str refs)
{
    PbReader r = pb_reader(refs);
    uint64_t name;
    uint64_t value;

    while (r.cursor < r.end && pb_varint(&r, &name) && pb_varint(&r, &value))
        if (name < symbols->count && value < symbols->count &&
            str_eq(symbols->texts[name], LABEL_NAME))
            return symbols->texts[value];
    return (Str){"", 0};
}

static Status decode_series(Decoder *d, const Symbols *symbols, Str message)
{
    uint64_t items;
    SeriesRef ref;
    bool found;
    PbField f;
    Str refs;

    TRY(survey_series(d, message, &refs, &items));
    TRY(resolve_series(d, symbols, refs, items, &ref, &found));
    if (!found)
        return STATUS_OK;
    PbReader r = pb_reader(message);
    while (pb_next(&r, &f)) {
        if (f.number == 2)
            TRY(remote_write__sample(d, ref, f.bytes));
        else if (f.number == 3)
            TRY(remote_write__histogram(d, ref, f.bytes));
        else if (f.number == 4)
            TRY(read_exemplar(d, symbols, ref, f.bytes));
        else if (f.number == 5)
            TRY(read_metadata(d, symbols, metric_name(symbols, refs), f.bytes));
    }
    return STATUS_OK;
}

static Status decode_request(Decoder *d, Symbols *symbols, Str message)
{
    PbReader r = pb_reader(message);
    PbField f;

    TRY(read_symbols(d, message, symbols));
    while (pb_next(&r, &f)) {
        if (f.number != 5)
            continue;
        if (f.wire != PB_BYTES)
            return remote_write__malformed(d, "a series is no message");
        TRY(decode_series(d, symbols, f.bytes));
    }
    return STATUS_OK; /* read_symbols has walked the whole message */
}

Status remote_write2_decode(WriteBatch *batch, Str message, IngestTally *tally, Error *err)
{
    Decoder d = {.batch = batch, .tally = tally, .version = "2.0", .err = err};
    Symbols symbols = {0};

    d.cursor = series_cursor_new();
    arena_init(&d.arena, NULL);
    Status status = decode_request(&d, &symbols, message);
    arena_done(&d.arena);
    buf_done(&d.labels);
    mem_free(symbols.texts);
    series_cursor_free(d.cursor);
    return status;
}

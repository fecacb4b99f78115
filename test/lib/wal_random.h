/* wal_random.h - random log entries: the same seed gives the same entry. */
#ifndef LUMA_TEST_WAL_RANDOM_H
#define LUMA_TEST_WAL_RANDOM_H

#include "storage/wal/wal_entry.h"

typedef struct Random {
    uint64_t state;
} Random;

/* splitmix64 */
static inline uint64_t random_next(Random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline uint32_t random_below(Random *random, uint32_t n)
{
    return (uint32_t)(random_next(random) % n);
}

/* Sometimes with quotes, control characters, NUL and wide characters. */
static inline Str random_text(Random *random, Arena *arena, size_t len_min)
{
    static const char *const pieces[] = {"a", "job",  "instance-1",     "\"", "\\", "\n", "\t", "é",
                                         "😀", "\x01", "node_cpu_total", "x"};
    char text[256];
    size_t len = 0;
    uint32_t count = random_below(random, 5);

    for (uint32_t i = 0; i < count; i++) {
        const char *piece = pieces[random_below(random, LUMA_ARRAY_LEN(pieces))];
        size_t piece_len = strlen(piece);
        memcpy(text + len, piece, piece_len);
        len += piece_len;
    }
    if (random_below(random, 20) == 0)
        text[len++] = 0;
    if (len < len_min)
        text[len++] = 'v';
    return arena_str(arena, (Str){text, len});
}

static inline LabelSet random_labels(Random *random, Arena *arena)
{
    uint32_t count = random_below(random, 8);
    Label *labels = ARENA_NEW_ARRAY(arena, Label, count + 1);

    for (uint32_t i = 0; i < count; i++) {
        /* Few names and few values, so that neighbours share them. */
        labels[i].name = arena_printf(arena, "name_%02u", 3 * i + random_below(random, 3));
        labels[i].value = random_below(random, 3)
                              ? arena_printf(arena, "v%u", random_below(random, 2))
                              : random_text(random, arena, 1);
    }
    return (LabelSet){labels, count};
}

static inline WalSeriesList random_series(Random *random, Arena *arena)
{
    uint32_t count = random_below(random, 20);
    WalSeries *series = ARENA_NEW_ARRAY(arena, WalSeries, count + 1);

    for (uint32_t i = 0; i < count; i++)
        series[i] = (WalSeries){(uint32_t)random_next(random), random_labels(random, arena)};
    return (WalSeriesList){series, count};
}

/* All kinds of doubles: small whole numbers, anything, infinities, NaNs with payloads, -0. */
static inline uint64_t random_bits(Random *random)
{
    static const uint64_t special[] = {0,
                                       0x8000000000000000,
                                       0x7ff0000000000000,
                                       0xfff0000000000000,
                                       0x7ff0000000000002,
                                       0x7ff8000000000001,
                                       0xffffffffffffffff,
                                       1,
                                       0x000fffffffffffff,
                                       0x7fefffffffffffff};
    double value;
    uint64_t bits;

    switch (random_below(random, 4)) {
    case 0:
        return special[random_below(random, LUMA_ARRAY_LEN(special))];
    case 1:
        return random_next(random);
    case 2:
        value = random_below(random, 1000);
        break;
    default:
        value = random_below(random, 100000) / 1000.0;
        break;
    }
    memcpy(&bits, &value, 8);
    return bits;
}

static inline WalSamples random_samples(Random *random, Arena *arena)
{
    uint32_t count = random_below(random, 300);
    uint32_t histogram_count = random_below(random, 5);
    uint32_t *refs = ARENA_NEW_ARRAY(arena, uint32_t, count + 1);
    int64_t *ts_ms = ARENA_NEW_ARRAY(arena, int64_t, count + 1);
    int64_t *start_ms = ARENA_NEW_ARRAY(arena, int64_t, count + 1);
    uint64_t *bits = ARENA_NEW_ARRAY(arena, uint64_t, count + 1);
    WalHistogram *histograms = ARENA_NEW_ARRAY(arena, WalHistogram, histogram_count + 1);
    bool one_ts = random_below(random, 2);
    bool dense = random_below(random, 2);
    bool has_start = random_below(random, 2);

    for (uint32_t i = 0; i < count; i++) {
        refs[i] = dense ? 5 + i : (uint32_t)random_next(random);
        ts_ms[i] = one_ts ? INT64_C(1790000000000) : (int64_t)random_next(random);
        start_ms[i] = random_below(random, 3) ? INT64_C(1780000000000) : 0;
        bits[i] = random_bits(random);
    }
    for (uint32_t i = 0; i < histogram_count; i++)
        histograms[i] = (WalHistogram){(uint32_t)random_next(random), (int64_t)random_next(random),
                                       (int64_t)random_next(random), random_text(random, arena, 0)};
    return (WalSamples){
        random_series(random, arena),         count,      refs,           ts_ms, bits,
        has_start && count ? start_ms : NULL, histograms, histogram_count};
}

static inline void random_fill_column(Random *random, Arena *arena, Column *c)
{
    Layout layout = type_layout(c->type);

    for (uint32_t i = 0; i < c->len; i++) {
        uint64_t word = random_below(random, 2) ? random_below(random, 100) : random_next(random);
        if (c->validity && random_below(random, 3) == 0) {
            bit_clear(column_validity(c), i);
            continue;
        }
        switch (layout) {
        case LAYOUT_BIT:
            bit_put(column_values(c), i, word & 1);
            break;
        case LAYOUT_DOUBLE:
            word = random_bits(random);
            memcpy((char *)column_values(c) + 8 * (size_t)i, &word, 8);
            break;
        case LAYOUT_FIXED16:
            memcpy((char *)column_values(c) + 16 * (size_t)i + 3, &word, 8);
            break;
        case LAYOUT_VIEW: {
            Str text = random_text(random, arena, 0);
            if (!type_is_text(c->type) && random_below(random, 2))
                text = arena_str(arena, STR("\xff\x00\xfe bytes that are no text"));
            ((View *)column_values(c))[i] = view_make(text.ptr, text.len);
            break;
        }
        case LAYOUT_INT8:
        case LAYOUT_INT16:
        case LAYOUT_INT32:
        case LAYOUT_INT64:
        case LAYOUT_FLOAT:
            memcpy((char *)column_values(c) + layout_width(layout) * i, &word,
                   layout_width(layout));
            break;
        }
    }
}

static inline WalRows random_rows(Random *random, Arena *arena)
{
    static const TypeId ids[] = {TYPE_BOOL,   TYPE_CHAR,    TYPE_INT2,  TYPE_INT4,        TYPE_INT8,
                                 TYPE_FLOAT4, TYPE_FLOAT8,  TYPE_TEXT,  TYPE_TIMESTAMPTZ, TYPE_UUID,
                                 TYPE_BYTEA,  TYPE_NUMERIC, TYPE_JSONB, TYPE_INTERVAL};
    uint32_t column_count = random_below(random, 6);
    uint32_t row_count = random_below(random, 100);
    Column *columns = ARENA_NEW_ARRAY(arena, Column, column_count + 1);

    for (uint32_t i = 0; i < column_count; i++) {
        Type type = {ids[random_below(random, LUMA_ARRAY_LEN(ids))], random_below(random, 8) == 0,
                     (int32_t)random_below(random, 50) - 1};
        bool nulls = random_below(random, 2);
        if (column_init(&columns[i], arena, type, row_count, nulls, NULL) != STATUS_OK)
            return (WalRows){0};
        random_fill_column(random, arena, &columns[i]);
    }
    return (WalRows){(uint32_t)random_next(random),
                     (uint32_t)random_next(random),
                     random_below(random, 2) ? 0 : random_next(random),
                     {.columns = columns, .column_count = column_count, .row_count = row_count}};
}

static inline WalMetadataList random_metadata(Random *random, Arena *arena)
{
    uint32_t count = random_below(random, 10);
    WalMetadata *items = ARENA_NEW_ARRAY(arena, WalMetadata, count + 1);

    for (uint32_t i = 0; i < count; i++)
        items[i] = (WalMetadata){random_text(random, arena, 1), STR("counter"),
                                 random_text(random, arena, 0), random_text(random, arena, 0)};
    return (WalMetadataList){items, count};
}

static inline WalExemplarList random_exemplars(Random *random, Arena *arena)
{
    uint32_t count = random_below(random, 10);
    WalExemplar *items = ARENA_NEW_ARRAY(arena, WalExemplar, count + 1);

    for (uint32_t i = 0; i < count; i++)
        items[i] = (WalExemplar){(uint32_t)random_next(random), (int64_t)random_next(random),
                                 random_bits(random), random_labels(random, arena)};
    return (WalExemplarList){items, count};
}

#endif

/* metric_select.c - which series, which labels, how many. */
#include "storage/metrics/metric_int.h"

#include <stdlib.h>

/* ---- selection ---- */

/* May the series have a sample in the window? Under the page's lock. */
static bool may_have(const Series *series, int64_t min_ms)
{
    return series->flags & SERIES_HAS_LAST && series->w.ts >= min_ms;
}

/* Keeps the series that have samples late enough; one lock per page. */
static uint32_t keep_recent(const MetricStore *store, uint32_t *refs, uint32_t count,
                            int64_t min_ms)
{
    enum { AHEAD = 8 };
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count;) {
        uint32_t page_idx = refs[i] / PAGE_SERIES;
        SeriesPage *page = metric__page(store, refs[i]);
        mutex_lock(&page->lock); /* of a series in the index: it is there */
        for (; i < count && refs[i] / PAGE_SERIES == page_idx; i++) {
            if (i + AHEAD < count)
                __builtin_prefetch(&page->series[refs[i + AHEAD] % PAGE_SERIES]);
            if (may_have(&page->series[refs[i] % PAGE_SERIES], min_ms))
                refs[kept++] = refs[i];
        }
        mutex_unlock(&page->lock);
    }
    return kept;
}

Status metric_store_select(MetricSnapshot *snapshot, const LabelMatcher *matchers,
                           uint32_t matcher_count, int64_t min_ms, int64_t max_ms, Arena *arena,
                           SeriesList *ret_series, Error *err)
{
    uint32_t *refs;
    uint32_t count;

    TRY(label_index_select(&snapshot->store->index, matchers, matcher_count, arena, &refs, &count,
                           err));
    if (min_ms > max_ms)
        count = 0;
    if (min_ms > INT64_MIN)
        count = keep_recent(snapshot->store, refs, count, min_ms);
    *ret_series = (SeriesList){refs, count};
    return STATUS_OK;
}

/* ---- labels ---- */

Status metric_store_labels(MetricSnapshot *snapshot, SeriesRef ref, Arena *arena,
                           LabelSet *ret_labels, Error *err)
{
    return metric_store_definition(snapshot->store, ref, arena, ret_labels, err);
}

Str metric_store_label(MetricSnapshot *snapshot, SeriesRef ref, Str name)
{
    const LabelIndex *index = &snapshot->store->index;
    const SeriesLabels *labels = metric__labels(snapshot->store, ref);

    for (uint32_t i = 0; labels && i < labels->count; i++) {
        const LabelPair *pair = label_index_pair(index, labels->pairs[i]);
        const LabelName *n = label_index_name(index, pair->name);
        if (str_eq(name, str_make(n->text, n->len)))
            return str_make(pair->text, pair->len);
    }
    return (Str){"", 0};
}

static int cmp_str(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

static void sort_strs(Str *items, uint32_t count)
{
    if (count)
        qsort(items, count, sizeof *items, cmp_str);
}

/* Marks, in a bitmap over ids, the names (or the pairs of one name) of the given series. */
static void mark_series(const MetricStore *store, const SeriesList *series, uint32_t name_id,
                        bool names, uint8_t *marks)
{
    for (uint32_t i = 0; i < series->count; i++) {
        const SeriesLabels *labels = metric__labels(store, series->refs[i]);
        if (!labels)
            continue;
        const LabelShape *shape = metric__shape(store, labels->shape);
        for (uint32_t k = 0; k < labels->count; k++) {
            uint32_t id = names ? shape->names[k] : labels->pairs[k];
            if (names || shape->names[k] == name_id)
                marks[id / 8] |= (uint8_t)(1u << id % 8);
        }
    }
}

/* Texts of the marked ids, sorted. */
static Status list_marked(const LabelIndex *index, const uint8_t *marks, uint32_t id_count,
                          bool names, Arena *arena, StrList *ret, Error *err)
{
    uint32_t count = 0;
    Str *items;

    for (uint32_t i = 0; i < id_count; i++)
        count += marks[i / 8] >> i % 8 & 1;
    TRY(arena_try_alloc(arena, (count + 1) * sizeof *items, &items, err));
    count = 0;
    for (uint32_t i = 0; i < id_count; i++) {
        if (!(marks[i / 8] >> i % 8 & 1))
            continue;
        if (names) {
            const LabelName *n = label_index_name(index, i);
            items[count++] = str_make(n->text, n->len);
        } else {
            const LabelPair *p = label_index_pair(index, i);
            items[count++] = str_make(p->text, p->len);
        }
    }
    sort_strs(items, count);
    *ret = (StrList){items, count};
    return STATUS_OK;
}

static Status list_of_series(MetricSnapshot *snapshot, const SeriesList *series, Str name,
                             bool names, Arena *arena, StrList *ret, Error *err)
{
    LabelIndex *index = &snapshot->store->index;
    uint32_t name_id = ID_NONE;
    uint8_t *marks;

    *ret = (StrList){0};
    if (!names && !label_index_find_name(index, name, &name_id))
        return STATUS_OK;
    uint32_t id_count = label_index_id_count(index, names);
    TRY(arena_try_alloc(arena, id_count / 8 + 1, &marks, err));
    memset(marks, 0, id_count / 8 + 1);
    mark_series(snapshot->store, series, name_id, names, marks);
    return list_marked(index, marks, id_count, names, arena, ret, err);
}

static bool is_everything(uint32_t matcher_count, int64_t min_ms, int64_t max_ms)
{
    return matcher_count == 0 && min_ms == INT64_MIN && max_ms == INT64_MAX;
}

Status metric_store_label_names(MetricSnapshot *snapshot, const LabelMatcher *matchers,
                                uint32_t matcher_count, int64_t min_ms, int64_t max_ms,
                                Arena *arena, StrList *ret_names, Error *err)
{
    SeriesList series;

    if (is_everything(matcher_count, min_ms, max_ms)) {
        Str *items;
        uint32_t count;
        TRY(label_index_names(&snapshot->store->index, arena, &items, &count, err));
        sort_strs(items, count);
        *ret_names = (StrList){items, count};
        return STATUS_OK;
    }
    TRY(metric_store_select(snapshot, matchers, matcher_count, min_ms, max_ms, arena, &series,
                            err));
    return list_of_series(snapshot, &series, (Str){0}, true, arena, ret_names, err);
}

Status metric_store_label_values(MetricSnapshot *snapshot, Str name, const LabelMatcher *matchers,
                                 uint32_t matcher_count, int64_t min_ms, int64_t max_ms,
                                 Arena *arena, StrList *ret_values, Error *err)
{
    SeriesList series;

    if (is_everything(matcher_count, min_ms, max_ms)) {
        Str *items;
        uint32_t count;
        TRY(label_index_values(&snapshot->store->index, name, arena, &items, &count, err));
        sort_strs(items, count);
        *ret_values = (StrList){items, count};
        return STATUS_OK;
    }
    TRY(metric_store_select(snapshot, matchers, matcher_count, min_ms, max_ms, arena, &series,
                            err));
    return list_of_series(snapshot, &series, name, false, arena, ret_values, err);
}

/* ---- statistics ---- */

/* The `limit` greatest of a stream of (name, count), kept descending. */
typedef struct Top {
    NameCount *items;
    uint32_t count;
    uint32_t limit;
} Top;

static Status top_init(Top *top, uint32_t limit, Arena *arena, Error *err)
{
    *top = (Top){.limit = limit};
    return arena_try_alloc(arena, (limit + 1) * sizeof *top->items, &top->items, err);
}

static void top_add(Top *top, Str name, uint64_t count)
{
    uint32_t at = top->count;

    if (top->limit == 0 || count == 0 || (at == top->limit && top->items[at - 1].count >= count))
        return;
    if (at == top->limit)
        at--;
    else
        top->count++;
    for (; at && top->items[at - 1].count < count; at--)
        top->items[at] = top->items[at - 1];
    top->items[at] = (NameCount){name, count};
}

/* Sums per label name and the pairs with most series. */
typedef struct StatsWalk {
    const LabelIndex *index;
    uint32_t name_count;    /* sizes the two arrays */
    uint64_t *value_counts; /* by name id */
    uint64_t *value_bytes;
    Top by_metric;
    Top by_pair; /* names hold pair ids until the walk is over */
    uint64_t pair_count;
} StatsWalk;

static void on_pair(void *ctx, Label label, uint32_t pair, uint32_t series_count)
{
    StatsWalk *walk = ctx;
    uint32_t name = label_index_pair(walk->index, pair)->name;

    if (name >= walk->name_count) /* came after we counted */
        return;
    walk->pair_count++;
    walk->value_counts[name]++;
    walk->value_bytes[name] += label.value.len;
    if (str_eq(label.name, LABEL_NAME))
        top_add(&walk->by_metric, label.value, series_count);
    top_add(&walk->by_pair, (Str){NULL, pair}, series_count);
}

static void fill_counts(const MetricStore *store, MetricStats *stats)
{
    *stats = (MetricStats){
        .series_count = metric_store_series_count(store),
        .sample_count = __atomic_load_n(&store->sample_count, __ATOMIC_RELAXED),
        .sealed_chunk_count = __atomic_load_n(&store->sealed_chunk_count, __ATOMIC_RELAXED),
        .sealed_bytes = __atomic_load_n(&store->sealed_bytes, __ATOMIC_RELAXED),
        .used_bytes = __atomic_load_n(&store->charged, __ATOMIC_RELAXED) +
                      __atomic_load_n(&store->index.charged, __ATOMIC_RELAXED),
        .min_ts = __atomic_load_n(&store->min_ts, __ATOMIC_RELAXED),
        .max_ts = __atomic_load_n(&store->max_ts, __ATOMIC_RELAXED),
    };
}

Status metric_store_stats(MetricSnapshot *snapshot, uint32_t limit, Arena *arena,
                          MetricStats *ret_stats, Error *err)
{
    LabelIndex *index = &snapshot->store->index;
    StatsWalk walk = {.index = index, .name_count = label_index_id_count(index, true)};
    Top values;
    Top bytes;
    MetricStats stats;

    fill_counts(snapshot->store, &stats);
    if (limit == 0) {
        *ret_stats = stats;
        return STATUS_OK;
    }
    size_t sums_bytes = (walk.name_count + 1) * sizeof(uint64_t);
    TRY(arena_try_alloc(arena, sums_bytes, &walk.value_counts, err));
    TRY(arena_try_alloc(arena, sums_bytes, &walk.value_bytes, err));
    memset(walk.value_counts, 0, sums_bytes);
    memset(walk.value_bytes, 0, sums_bytes);
    TRY(top_init(&walk.by_metric, limit, arena, err));
    TRY(top_init(&walk.by_pair, limit, arena, err));
    TRY(top_init(&values, limit, arena, err));
    TRY(top_init(&bytes, limit, arena, err));
    label_index_each(index, on_pair, &walk);
    for (uint32_t i = 0; i < walk.name_count; i++) {
        if (walk.value_counts[i] == 0)
            continue;
        const LabelName *n = label_index_name(index, i);
        Str name = str_make(n->text, n->len);
        stats.label_name_count++;
        top_add(&values, name, walk.value_counts[i]);
        top_add(&bytes, name, walk.value_bytes[i]);
    }
    for (uint32_t i = 0; i < walk.by_pair.count; i++) {
        Label label = label_index_label(index, (uint32_t)walk.by_pair.items[i].name.len);
        walk.by_pair.items[i].name =
            arena_printf(arena, "%.*s=%.*s", STR_FMT(label.name), STR_FMT(label.value));
    }
    stats.label_pair_count = walk.pair_count;
    stats.series_by_metric = walk.by_metric.items;
    stats.series_by_metric_count = walk.by_metric.count;
    stats.values_by_label = values.items;
    stats.values_by_label_count = values.count;
    stats.bytes_by_label = bytes.items;
    stats.bytes_by_label_count = bytes.count;
    stats.series_by_pair = walk.by_pair.items;
    stats.series_by_pair_count = walk.by_pair.count;
    *ret_stats = stats;
    return STATUS_OK;
}

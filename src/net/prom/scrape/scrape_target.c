#include "net/prom/scrape/scrape_target.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/units.h"

static const char *const report_names[SCRAPE_REPORT_COUNT_] = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling", "scrape_series_added"};

enum { DROPPED_MAX = 1 << 20 }; /* remembered dropped series of a target */

/* ---------------------------------------------------------------- targets */

static Str duration_text(int64_t ns, Arena *arena)
{
    CLEANUP(buf_done) Buf text = {0};
    units_append_duration(&text, ns);
    return arena_str(arena, buf_str(&text));
}

/* Labels every target begins with (prometheus/docs "relabel_config"). */
static void put_meta_labels(const ScrapeJob *job, Str address, RelabelSet *set, Arena *arena)
{
    relabel_set_put(set, arena, STR("__address__"), address);
    relabel_set_put(set, arena, STR("__scheme__"), job->scheme);
    relabel_set_put(set, arena, STR("__metrics_path__"), job->metrics_path);
    relabel_set_put(set, arena, STR("__scrape_interval__"), duration_text(job->interval_ns, arena));
    relabel_set_put(set, arena, STR("__scrape_timeout__"), duration_text(job->timeout_ns, arena));
    relabel_set_put(set, arena, STR("job"), job->job_name);
    for (uint32_t i = 0; i < job->param_count; i++)
        if (job->params[i].value_count)
            relabel_set_put(set, arena,
                            arena_printf(arena, "__param_%.*s", STR_FMT(job->params[i].name)),
                            job->params[i].values[0]);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '~';
}

static void append_percent(Buf *out, Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]))
            buf_append_byte(out, (uint8_t)text.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)text.ptr[i]);
    }
}

/* Parameters: the first value of each may have been relabelled, the others come from the job. */
static void append_params(const ScrapeJob *job, const RelabelSet *set, Buf *out)
{
    bool any = str_find_byte(buf_str(out), '?') >= 0;

    for (uint32_t i = 0; i < set->count; i++) {
        Str name = set->labels[i].name;
        if (!str_starts(name, STR("__param_")))
            continue;
        buf_append_byte(out, any ? '&' : '?');
        any = true;
        append_percent(out, str_sub(name, 8, name.len));
        buf_append_byte(out, '=');
        append_percent(out, set->labels[i].value);
    }
    for (uint32_t i = 0; i < job->param_count; i++)
        for (uint32_t v = 1; v < job->params[i].value_count; v++) {
            buf_append_byte(out, any ? '&' : '?');
            any = true;
            append_percent(out, job->params[i].name);
            buf_append_byte(out, '=');
            append_percent(out, job->params[i].values[v]);
        }
}

static Str make_url(const ScrapeJob *job, const RelabelSet *set, Arena *arena)
{
    CLEANUP(buf_done) Buf url = {0};
    Str path = relabel_set_get(set, STR("__metrics_path__"));

    buf_append_str(&url, relabel_set_get(set, STR("__scheme__")));
    buf_append_lit(&url, "://");
    buf_append_str(&url, relabel_set_get(set, STR("__address__")));
    if (path.len == 0 || path.ptr[0] != '/')
        buf_append_byte(&url, '/');
    buf_append_str(&url, path);
    append_params(job, set, &url);
    return arena_str(arena, buf_str(&url));
}

/* Without the labels that begin with "__", sorted. */
static Status public_labels(const RelabelSet *set, Arena *arena, LabelSet *ret_labels, Error *err)
{
    Label *labels = ARENA_NEW_ARRAY(arena, Label, set->count);
    uint32_t n = 0;

    for (uint32_t i = 0; i < set->count; i++)
        if (!str_starts(set->labels[i].name, STR("__")))
            labels[n++] = set->labels[i];
    TRY(label_set_normalize(labels, &n, err));
    *ret_labels = (LabelSet){labels, n};
    return STATUS_OK;
}

static Status make_target(const ScrapeJob *job, const StaticConfig *config, Str address,
                          Arena *arena, ScrapeTarget **ret_target, Error *err)
{
    RelabelSet set = {0};

    *ret_target = NULL;
    put_meta_labels(job, address, &set, arena);
    for (uint32_t i = 0; i < config->label_count; i++)
        relabel_set_put(&set, arena, config->labels[i].name, config->labels[i].value);
    Label *before = arena_dup(arena, set.labels, set.count * sizeof *before);
    uint32_t before_count = set.count;
    TRY(label_set_normalize(before, &before_count, err));
    if (!relabel_apply(&job->relabel, &set, arena))
        return STATUS_OK;
    Str final_address = relabel_set_get(&set, STR("__address__"));
    if (final_address.len == 0 || str_find_byte(final_address, '/') >= 0)
        return error_set(err, STATUS_INVALID, "job \"%.*s\": \"%.*s\" is no address of a target",
                         STR_FMT(job->job_name), STR_FMT(final_address));
    if (relabel_set_get(&set, STR("instance")).len == 0)
        relabel_set_put(&set, arena, STR("instance"), final_address);
    ScrapeTarget *target = ARENA_NEW(arena, ScrapeTarget);
    target->job = job;
    target->discovered = (LabelSet){before, before_count};
    target->url = make_url(job, &set, arena);
    TRY(public_labels(&set, arena, &target->labels, err));
    target->id = hash64(target->url.ptr, target->url.len, label_set_hash(target->labels));
    arena_init(&target->texts, NULL);
    *ret_target = target;
    return STATUS_OK;
}

Status scrape_target_list(const ScrapeJob *job, Arena *arena, ScrapeTarget ***targets,
                          uint32_t *count, uint32_t *cap, Error *err)
{
    uint32_t first = *count;

    for (uint32_t i = 0; i < job->static_count; i++)
        for (uint32_t j = 0; j < job->statics[i].target_count; j++) {
            ScrapeTarget *target;
            TRY(make_target(job, &job->statics[i], job->statics[i].targets[j], arena, &target,
                            err));
            if (target)
                ARENA_PUSH(arena, *targets, *count, *cap, target);
        }
    if (job->target_limit && *count - first > (uint64_t)job->target_limit)
        return error_set(err, STATUS_INVALID,
                         "job \"%.*s\" has %u targets, its target_limit is %lld",
                         STR_FMT(job->job_name), *count - first, (long long)job->target_limit);
    return STATUS_OK;
}

void scrape_target_done(ScrapeTarget *target)
{
    mem_free(target->seen.refs);
    target->seen = (RefList){0};
    map_done(&target->dropped);
    arena_done(&target->texts);
}

/* ---------------------------------------------------------------- a scrape */

typedef struct Scrape {
    ScrapeTarget *target;
    WriteBatch *batch;
    SeriesCursor *cursor;
    ScrapeOutcome *outcome;
    Arena arena; /* labels of one new series */
    Buf key;     /* target id and series text */
    RefList seen;
    uint64_t samples;
    uint64_t kept;
    uint64_t added;
    Str family; /* of the last TYPE line */
    Str type;
    Str unit;
    Str help;
    Error *err;
} Scrape;

static void push_ref(RefList *list, SeriesRef ref)
{
    MEM_GROW(list->refs, list->cap, list->count + 1);
    list->refs[list->count++] = ref;
}

/* honor_labels false: the target's labels win, the scraped ones are kept as exported_<name>. */
static void merge_target_labels(const Scrape *s, RelabelSet *set, Arena *arena)
{
    LabelSet own = s->target->labels;

    for (uint32_t i = 0; i < own.count; i++) {
        Str name = own.labels[i].name;
        Str scraped = relabel_set_get(set, name);
        if (scraped.len && s->target->job->honor_labels)
            continue;
        if (scraped.len) {
            Str exported = arena_printf(arena, "exported_%.*s", STR_FMT(name));
            while (relabel_set_get(set, exported).len)
                exported = arena_printf(arena, "exported_%.*s", STR_FMT(exported));
            relabel_set_put(set, arena, exported, scraped);
        }
        relabel_set_put(set, arena, name, own.labels[i].value);
    }
}

static Status check_limits(const Scrape *s, LabelSet labels)
{
    const ScrapeJob *job = s->target->job;

    if (job->label_limit && labels.count > (uint64_t)job->label_limit)
        return error_set(s->err, STATUS_INVALID, "a series has %u labels, label_limit is %lld",
                         labels.count, (long long)job->label_limit);
    for (uint32_t i = 0; i < labels.count; i++) {
        Label label = labels.labels[i];
        if (job->label_name_bytes_max && label.name.len > (uint64_t)job->label_name_bytes_max)
            return error_set(s->err, STATUS_INVALID, "a label name is longer than %lld bytes",
                             (long long)job->label_name_bytes_max);
        if (job->label_value_bytes_max && label.value.len > (uint64_t)job->label_value_bytes_max)
            return error_set(s->err, STATUS_INVALID, "a label value is longer than %lld bytes",
                             (long long)job->label_value_bytes_max);
    }
    return STATUS_OK;
}

static void remember_dropped(ScrapeTarget *target, Str key)
{
    if (target->dropped.count < DROPPED_MAX)
        *map_put(&target->dropped, arena_str(&target->texts, key), NULL) = target;
}

/* A series seen for the first time: its labels are decoded, merged and relabelled. *ret_kept false:
 * metric_relabel_configs drop it. */
static Status add_series(Scrape *s, Str series, SeriesRef *ret_ref, bool *ret_kept)
{
    Label scraped[EXPOSITION_LABELS_MAX];
    uint32_t count;
    RelabelSet set = {0};

    *ret_kept = false;
    arena_reset(&s->arena);
    TRY(exposition_labels(series, &s->arena, scraped, &count, s->err));
    TRY(label_set_normalize(scraped, &count, s->err));
    for (uint32_t i = 0; i < count; i++)
        relabel_set_put(&set, &s->arena, scraped[i].name, scraped[i].value);
    merge_target_labels(s, &set, &s->arena);
    if (!relabel_apply(&s->target->job->metric_relabel, &set, &s->arena)) {
        remember_dropped(s->target, buf_str(&s->key));
        return STATUS_OK;
    }
    TRY(label_set_normalize(set.labels, &set.count, s->err));
    if (relabel_set_get(&set, LABEL_NAME).len == 0)
        return error_set(s->err, STATUS_INVALID, "a series has no metric name after relabelling");
    LabelSet labels = {set.labels, set.count};
    TRY(check_limits(s, labels));
    TRY(write_batch_add_series(s->batch, s->cursor, LABEL_CODEC_TEXT, buf_str(&s->key), labels,
                               ret_ref, s->err));
    *ret_kept = true;
    return STATUS_OK;
}

static Status resolve_series(Scrape *s, Str series, SeriesRef *ret_ref, bool *ret_kept)
{
    buf_clear(&s->key);
    buf_append_u64(&s->key, s->target->id);
    buf_append_str(&s->key, series);
    *ret_kept = true;
    if (write_batch_find_series(s->batch, s->cursor, LABEL_CODEC_TEXT, buf_str(&s->key), ret_ref))
        return STATUS_OK;
    *ret_kept = false;
    if (map_get(&s->target->dropped, buf_str(&s->key)))
        return STATUS_OK;
    return add_series(s, series, ret_ref, ret_kept);
}

static Status store_exemplar(Scrape *s, SeriesRef ref, const ExpositionItem *item, int64_t ts_ms)
{
    Label labels[EXPOSITION_LABELS_MAX];
    uint32_t count;

    arena_reset(&s->arena);
    TRY(exposition_labels(item->exemplar, &s->arena, labels, &count, s->err));
    TRY(label_set_normalize(labels, &count, s->err));
    return write_batch_exemplar(s->batch, ref, item->exemplar_has_ts ? item->exemplar_ts_ms : ts_ms,
                                item->exemplar_value, (LabelSet){labels, count}, s->err);
}

static Status store_sample(Scrape *s, const ExpositionItem *item)
{
    const ScrapeJob *job = s->target->job;
    bool own_ts = item->has_ts && job->honor_timestamps;
    int64_t ts_ms = own_ts ? item->ts_ms : s->outcome->start_ms;
    SeriesRef ref;
    uint64_t bits;
    bool kept;

    s->samples++;
    TRY(resolve_series(s, item->series, &ref, &kept));
    if (!kept)
        return STATUS_OK;
    if (!ingest_ts_valid(ts_ms))
        return error_set(s->err, STATUS_INVALID, "timestamp %lld ms is out of range",
                         (long long)ts_ms);
    s->kept++;
    if (job->sample_limit && s->kept > (uint64_t)job->sample_limit)
        return error_set(s->err, STATUS_INVALID, "more than %lld samples (sample_limit)",
                         (long long)job->sample_limit);
    memcpy(&bits, &item->value, sizeof bits);
    if (isnan(item->value) && bits != WRITE_STALE_BITS)
        bits = UINT64_C(0x7ff8000000000001); /* Prometheus' NormalNaN */
    TRY(write_batch_sample(s->batch, ref, ts_ms, bits, s->err));
    if (!own_ts || job->track_timestamps_staleness)
        push_ref(&s->seen, ref);
    return item->has_exemplar ? store_exemplar(s, ref, item, ts_ms) : STATUS_OK;
}

static Status flush_metadata(Scrape *s)
{
    Str family = s->family;

    if (family.len == 0)
        return STATUS_OK;
    arena_reset(&s->arena);
    Status status = write_batch_metadata(
        s->batch, family, s->type.len ? s->type : STR("unknown"), s->unit,
        exposition_unescape(s->help, s->outcome->format == EXPOSITION_OPENMETRICS, &s->arena),
        s->err);
    s->family = s->type = s->unit = s->help = (Str){"", 0};
    return status;
}

static Status note_metadata(Scrape *s, const ExpositionItem *item)
{
    if (!str_eq(item->name, s->family)) {
        TRY(flush_metadata(s));
        s->family = item->name;
    }
    if (item->kind == EXPOSITION_TYPE)
        s->type = str_eq(item->text, STR("untyped")) ? STR("unknown") : item->text;
    else if (item->kind == EXPOSITION_HELP)
        s->help = item->text;
    else
        s->unit = item->text;
    return STATUS_OK;
}

static Status store_body(Scrape *s)
{
    ExpositionItem item;
    Exposition e;

    if (!str_utf8_valid(s->outcome->body))
        return error_set(s->err, STATUS_INVALID, "the body is not valid UTF-8");
    exposition_init(&e, s->outcome->body, s->outcome->format);
    for (;;) {
        TRY(exposition_next(&e, &item, s->err));
        if (item.kind == EXPOSITION_END)
            break;
        if (item.kind != EXPOSITION_SAMPLE) {
            TRY(note_metadata(s, &item));
            continue;
        }
        Status status = store_sample(s, &item);
        if (status == STATUS_INVALID)
            error_prefix(s->err, "line %u", e.line);
        TRY(status);
    }
    return flush_metadata(s);
}

/* ---------------------------------------------------------------- staleness, report */

static int cmp_ref(const void *a, const void *b)
{
    SeriesRef x = *(const SeriesRef *)a;
    SeriesRef y = *(const SeriesRef *)b;
    return (x > y) - (x < y);
}

static void sort_refs(RefList *list)
{
    size_t n = 0;

    if (list->count)
        qsort(list->refs, list->count, sizeof *list->refs, cmp_ref);
    for (size_t i = 0; i < list->count; i++)
        if (i == 0 || list->refs[i] != list->refs[i - 1])
            list->refs[n++] = list->refs[i];
    list->count = n;
}

/* Series of the last scrape that are not in this one end here; *ret_added = those that are new. */
static Status mark_stale(Scrape *s, uint64_t *ret_added)
{
    const RefList *old = &s->target->seen;
    size_t i = 0;
    size_t common = 0;

    for (size_t j = 0; i < old->count; i++) {
        while (j < s->seen.count && s->seen.refs[j] < old->refs[i])
            j++;
        if (j < s->seen.count && s->seen.refs[j] == old->refs[i])
            common++;
        else
            TRY(write_batch_sample(s->batch, old->refs[i], s->outcome->start_ms, WRITE_STALE_BITS,
                                   s->err));
    }
    *ret_added = s->seen.count - common;
    return STATUS_OK;
}

static Status find_report_series(Scrape *s, ScrapeReport report)
{
    ScrapeTarget *target = s->target;
    RelabelSet set = {0};

    arena_reset(&s->arena);
    relabel_set_put(&set, &s->arena, LABEL_NAME, str_from(report_names[report]));
    for (uint32_t i = 0; i < target->labels.count; i++)
        relabel_set_put(&set, &s->arena, target->labels.labels[i].name,
                        target->labels.labels[i].value);
    TRY(label_set_normalize(set.labels, &set.count, s->err));
    buf_clear(&s->key);
    buf_append_u64(&s->key, target->id);
    buf_printf(&s->key, "#%s", report_names[report]);
    return write_batch_add_series(s->batch, s->cursor, LABEL_CODEC_TEXT, buf_str(&s->key),
                                  (LabelSet){set.labels, set.count}, &target->report_refs[report],
                                  s->err);
}

static Status store_report(Scrape *s)
{
    const double values[SCRAPE_REPORT_COUNT_] = {
        s->outcome->good, (double)s->outcome->duration_ns / 1e9, (double)s->samples,
        (double)s->kept, (double)s->added};

    for (int i = 0; i < SCRAPE_REPORT_COUNT_; i++) {
        uint64_t bits;
        if (!s->target->report_known)
            TRY(find_report_series(s, (ScrapeReport)i));
        memcpy(&bits, &values[i], sizeof bits);
        TRY(write_batch_sample(s->batch, s->target->report_refs[i], s->outcome->start_ms, bits,
                               s->err));
    }
    s->target->report_known = true;
    return STATUS_OK;
}

/* Parses the body into the batch; a bad body empties the batch and fails the scrape, not the call.
 */
static Status store_samples(Scrape *s, Engine *engine)
{
    if (!s->outcome->good)
        return STATUS_OK;
    Error why = {0};
    Error *err = s->err;
    s->err = &why;
    Status status = store_body(s);
    s->err = err;
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status != STATUS_INVALID) {
        if (err)
            *err = why;
        return status;
    }
    s->outcome->good = false;
    (void)snprintf(s->outcome->error, sizeof s->outcome->error, "%.250s", why.message);
    s->batch = write_batch_free(s->batch);
    s->seen.count = 0;
    s->kept = 0;
    return write_batch_new(engine, &s->batch, s->err);
}

static Status store(Scrape *s, Engine *engine)
{
    TRY(write_batch_new(engine, &s->batch, s->err));
    TRY(store_samples(s, engine));
    sort_refs(&s->seen);
    TRY(mark_stale(s, &s->added));
    return store_report(s);
}

Status scrape_target_store(ScrapeTarget *target, Engine *engine, ScrapeOutcome *outcome,
                           WriteBatch **ret_batch, Error *err)
{
    Scrape s = {.target = target, .outcome = outcome, .err = err};

    s.cursor = series_cursor_new();
    arena_init(&s.arena, NULL);
    Status status = store(&s, engine);
    if (status == STATUS_OK) {
        RefList old = target->seen;
        target->seen = s.seen;
        s.seen = old;
        *ret_batch = STEAL(s.batch);
    }
    write_batch_free(s.batch);
    mem_free(s.seen.refs);
    arena_done(&s.arena);
    buf_done(&s.key);
    series_cursor_free(s.cursor);
    return status;
}

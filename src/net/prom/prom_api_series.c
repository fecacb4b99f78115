/* prom_api_series.c - /api/v1/series, labels, label/{name}/values, metadata. */
#include <stdlib.h>

#include "format/json/json.h"
#include "net/prom/prom_api_int.h"

static const Str truncated[1] = {STR_INIT("results truncated due to limit")};

/* Window of a request; everything when no times are given. */
static bool window(HttpRequest *req, int64_t *ret_start, int64_t *ret_end)
{
    if (!prom_api__time(req, "start", INT64_MIN / 4, ret_start) ||
        !prom_api__time(req, "end", INT64_MAX / 4, ret_end))
        return false;
    if (*ret_end < *ret_start) {
        prom_json_error(req, "bad_data",
                        "invalid parameter \"end\": end timestamp must not be before start time");
        return false;
    }
    return true;
}

static int cmp_ref(const void *a, const void *b)
{
    SeriesRef x = *(const SeriesRef *)a;
    SeriesRef y = *(const SeriesRef *)b;
    return (x > y) - (x < y);
}

static int cmp_labels(const void *a, const void *b)
{
    return label_set_cmp(*(const LabelSet *)a, *(const LabelSet *)b);
}

static int cmp_str(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

/* Answers with `out` or the error. */
static void finish(HttpRequest *req, Status status, const Error *err, Buf *out, bool cut)
{
    if (status != STATUS_OK) {
        buf_done(out);
        prom_json_status(req, err);
        return;
    }
    prom_json_end(truncated, cut ? 1 : 0, NULL, 0, out);
    prom_json_respond(req, out);
}

/* ---------------------------------------------------------------- series */

/* Storage tells which series may have samples in the window; this looks. */
static Status has_samples(Snapshot *snapshot, SeriesRef ref, int64_t start, int64_t end,
                          Arena *arena, bool *ret_found, Error *err)
{
    const NativeHistogram *histogram;
    double value;
    int64_t ts;

    *ret_found = true;
    if (start <= INT64_MIN / 4 && end >= INT64_MAX / 4)
        return STATUS_OK;
    return engine_last_sample(snapshot, ref, start, end, arena, ret_found, &ts, &value, &histogram,
                              err);
}

static Status list_series(Snapshot *snapshot, const PromMatch *matches, size_t match_count,
                          int64_t start, int64_t end, uint64_t limit, Arena *arena, Buf *out,
                          bool *ret_cut, Error *err)
{
    SeriesRef *refs = NULL;
    size_t count = 0;
    size_t unique = 0;
    LabelSet *sets;

    for (size_t i = 0; i < match_count; i++) {
        SeriesList list;
        SeriesRef *more;
        TRY(engine_select_series(snapshot, matches[i].matchers, matches[i].count, start, end, arena,
                                 &list, err));
        more = ARENA_NEW_ARRAY(arena, SeriesRef, count + list.count + 1);
        if (count)
            memcpy(more, refs, count * sizeof *refs);
        if (list.count)
            memcpy(more + count, list.refs, list.count * sizeof *refs);
        refs = more;
        count += list.count;
    }
    if (count)
        qsort(refs, count, sizeof *refs, cmp_ref);
    for (size_t i = 0; i < count; i++) {
        bool found = !(i && refs[i] == refs[i - 1]);
        if (found)
            TRY(has_samples(snapshot, refs[i], start, end, arena, &found, err));
        if (found)
            refs[unique++] = refs[i];
    }
    sets = ARENA_NEW_ARRAY(arena, LabelSet, unique + 1);
    for (size_t i = 0; i < unique; i++)
        TRY(engine_series_labels(snapshot, refs[i], arena, &sets[i], err));
    if (unique)
        qsort(sets, unique, sizeof *sets, cmp_labels);
    *ret_cut = limit && unique > limit;
    buf_append_byte(out, '[');
    for (size_t i = 0; i < unique && (!limit || i < limit); i++) {
        if (i)
            buf_append_byte(out, ',');
        prom_json_labels(sets[i], out);
    }
    buf_append_byte(out, ']');
    return STATUS_OK;
}

static void run_series(PromTask *task)
{
    CLEANUP(arena_done) Arena arena = {0};
    HttpRequest *req = task->req;
    PromMatch *matches;
    size_t match_count;
    uint64_t limit;
    Snapshot *snapshot;
    Buf out = {0};
    Error err = {0};
    bool cut = false;
    int64_t start;
    int64_t end;
    Status status;

    if (!prom_api__limit(req, &limit) || !window(req, &start, &end) ||
        !prom_api__matches(req, &matches, &match_count))
        return;
    if (!match_count) {
        prom_json_error(req, "bad_data", "no match[] parameter provided");
        return;
    }
    prom_json_begin(&out);
    status = engine_snapshot(task->api->engine, &snapshot, &err);
    if (status == STATUS_OK) {
        status = list_series(snapshot, matches, match_count, start, end, limit, &arena, &out, &cut,
                             &err);
        (void)snapshot_free(snapshot);
    }
    finish(req, status, &err, &out, cut);
}

/* ---------------------------------------------------------------- names and values */

/* Label names (label NULL) or values of a label over all matches, sorted, each once. */
static Status list_texts(Snapshot *snapshot, const Str *label, const PromMatch *matches,
                         size_t match_count, int64_t start, int64_t end, Arena *arena,
                         Str **ret_texts, uint32_t *ret_count, Error *err)
{
    static const PromMatch all = {0};
    size_t n = match_count ? match_count : 1;
    Str *texts = NULL;
    uint32_t count = 0;
    uint32_t unique = 0;

    for (size_t i = 0; i < n; i++) {
        const PromMatch *m = match_count ? &matches[i] : &all;
        Str *found;
        Str *more;
        uint32_t found_count;
        if (label)
            TRY(engine_label_values(snapshot, *label, m->matchers, m->count, start, end, arena,
                                    &found, &found_count, err));
        else
            TRY(engine_label_names(snapshot, m->matchers, m->count, start, end, arena, &found,
                                   &found_count, err));
        if (n == 1) {
            *ret_texts = found;
            *ret_count = found_count;
            return STATUS_OK;
        }
        more = ARENA_NEW_ARRAY(arena, Str, (size_t)count + found_count + 1);
        if (count)
            memcpy(more, texts, count * sizeof *texts);
        if (found_count)
            memcpy(more + count, found, found_count * sizeof *texts);
        texts = more;
        count += found_count;
    }
    if (count)
        qsort(texts, count, sizeof *texts, cmp_str);
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || !str_eq(texts[i], texts[unique - 1]))
            texts[unique++] = texts[i];
    *ret_texts = texts;
    *ret_count = unique;
    return STATUS_OK;
}

static void run_texts(PromTask *task, const Str *label)
{
    CLEANUP(arena_done) Arena arena = {0};
    HttpRequest *req = task->req;
    PromMatch *matches;
    size_t match_count;
    uint64_t limit;
    Snapshot *snapshot;
    Str *texts = NULL;
    uint32_t count = 0;
    Buf out = {0};
    Error err = {0};
    int64_t start;
    int64_t end;
    Status status;

    if (!prom_api__limit(req, &limit) || !window(req, &start, &end) ||
        !prom_api__matches(req, &matches, &match_count))
        return;
    status = engine_snapshot(task->api->engine, &snapshot, &err);
    if (status == STATUS_OK) {
        status = list_texts(snapshot, label, matches, match_count, start, end, &arena, &texts,
                            &count, &err);
        if (status == STATUS_OK) {
            prom_json_begin(&out);
            prom_json_strings(texts, limit && count > limit ? (uint32_t)limit : count, &out);
        }
        (void)snapshot_free(snapshot);
    }
    finish(req, status, &err, &out, limit && count > limit);
}

static void run_labels(PromTask *task)
{
    run_texts(task, NULL);
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* U__my_2e_label -> my.label: how names that are not plain stand in a path. */
static Str unescape_name(Str name, Arena *arena)
{
    char *out;
    size_t n = 0;

    if (!str_starts(name, STR("U__")))
        return name;
    out = arena_alloc(arena, name.len + 4);
    for (size_t i = 3; i < name.len;) {
        uint32_t rune = 0;
        size_t at = i + 1;
        if (name.ptr[i] != '_') {
            out[n++] = name.ptr[i++];
            continue;
        }
        if (at < name.len && name.ptr[at] == '_') { /* __ is _ */
            out[n++] = '_';
            i += 2;
            continue;
        }
        while (at < name.len && at - i <= 6 && hex_value(name.ptr[at]) >= 0)
            rune = rune * 16 + (uint32_t)hex_value(name.ptr[at++]);
        if (at == name.len || name.ptr[at] != '_' || at == i + 1 || rune > 0x10FFFF ||
            (rune >= 0xD800 && rune < 0xE000))
            return name; /* not an escaped name after all */
        if (n + 4 > name.len + 4)
            return name;
        n += str_utf8_encode(rune, out + n);
        i = at + 1;
    }
    return str_make(out, n);
}

static void run_values(PromTask *task)
{
    Str label = unescape_name(http_request_param(task->req, STR("name")), &task->req->arena);

    if (!label.len || !str_utf8_valid(label)) {
        CLEANUP(buf_done) Buf quoted = {0};
        prom_text_quote(label, &quoted);
        prom_json_error(task->req, "bad_data", "invalid label name: %.*s", (int)quoted.len,
                        quoted.ptr);
        return;
    }
    run_texts(task, &label);
}

/* ---------------------------------------------------------------- metadata */

static bool whole_number(HttpRequest *req, const char *name, int64_t *ret)
{
    Str text = http_request_value(req, str_from(name));

    *ret = -1;
    if (!text.len || str_to_i64(text, ret))
        return true;
    prom_json_error(req, "bad_data", "%s must be a number",
                    strcmp(name, "limit") == 0 ? "limit" : "limit_per_metric");
    return false;
}

static Status append_metadata(Snapshot *snapshot, Str metric, int64_t limit, int64_t per_metric,
                              Arena *arena, Buf *out, Error *err)
{
    MetadataRow *rows;
    uint32_t count;
    int64_t metrics = 0;

    TRY(engine_metadata(snapshot, metric, arena, &rows, &count, err));
    buf_append_byte(out, '{');
    for (uint32_t i = 0; i < count;) {
        Str name = rows[i].metric;
        int64_t n = 0;
        if (limit >= 0 && metrics >= limit)
            break;
        if (metrics++)
            buf_append_byte(out, ',');
        json_append_string(out, name);
        buf_append_lit(out, ":[");
        for (; i < count && str_eq(rows[i].metric, name); i++) {
            if (per_metric > 0 && n >= per_metric)
                continue;
            if (n++)
                buf_append_byte(out, ',');
            Label labels[] = {{STR("type"), rows[i].type.len ? rows[i].type : STR("unknown")},
                              {STR("help"), rows[i].help},
                              {STR("unit"), rows[i].unit}};
            prom_json_labels((LabelSet){labels, 3}, out);
        }
        buf_append_byte(out, ']');
    }
    buf_append_byte(out, '}');
    return STATUS_OK;
}

static void run_metadata(PromTask *task)
{
    CLEANUP(arena_done) Arena arena = {0};
    HttpRequest *req = task->req;
    Str metric = http_request_value(req, STR("metric"));
    Snapshot *snapshot;
    int64_t limit;
    int64_t per_metric;
    Buf out = {0};
    Error err = {0};
    Status status;

    if (!whole_number(req, "limit", &limit) || !whole_number(req, "limit_per_metric", &per_metric))
        return;
    prom_json_begin(&out);
    status = engine_snapshot(task->api->engine, &snapshot, &err);
    if (status == STATUS_OK) {
        status = append_metadata(snapshot, metric.ptr ? metric : STR(""), limit, per_metric, &arena,
                                 &out, &err);
        (void)snapshot_free(snapshot);
    }
    finish(req, status, &err, &out, false);
}

static void on_series(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_series);
}
static void on_labels(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_labels);
}
static void on_values(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_values);
}
static void on_metadata(HttpRequest *req, void *ctx)
{
    prom_api__submit(ctx, req, run_metadata);
}

void prom_api__series_routes(PromApi *api, HttpRouter *router)
{
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/series", on_series);
    prom_api__route(api, router, HTTP_GET | HTTP_POST, "/api/v1/labels", on_labels);
    prom_api__route(api, router, HTTP_GET, "/api/v1/label/{name}/values", on_values);
    prom_api__route(api, router, HTTP_GET, "/api/v1/metadata", on_metadata);
}

#include "net/prom/scrape/targets_json.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/units.h"
#include "format/json/json.h"

static void append_key(Buf *out, const char *key, Str text)
{
    buf_printf(out, "\"%s\":", key);
    json_append_string(out, text);
    buf_append_byte(out, ',');
}

static void append_labels(Buf *out, const char *key, LabelSet labels)
{
    buf_printf(out, "\"%s\":{", key);
    for (uint32_t i = 0; i < labels.count; i++) {
        if (i)
            buf_append_byte(out, ',');
        json_append_string(out, labels.labels[i].name);
        buf_append_byte(out, ':');
        json_append_string(out, labels.labels[i].value);
    }
    buf_append_lit(out, "},");
}

static void append_time(Buf *out, int64_t wall_ns)
{
    time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
    struct tm tm;
    char text[40];

    if (!wall_ns) {
        buf_append_lit(out, "\"0001-01-01T00:00:00Z\"");
        return;
    }
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
    buf_printf(out, "\"%s.%03dZ\"", text, (int)(wall_ns % NS_PER_SEC / NS_PER_MS));
}

static void append_target(const ScraperTargetInfo *t, Buf *out)
{
    CLEANUP(buf_done) Buf duration = {0};

    buf_append_byte(out, '{');
    append_labels(out, "discoveredLabels", t->discovered);
    append_labels(out, "labels", t->labels);
    append_key(out, "scrapePool", t->pool);
    append_key(out, "scrapeUrl", t->url);
    append_key(out, "globalUrl", t->url);
    append_key(out, "lastError", t->last_error);
    buf_append_lit(out, "\"lastScrape\":");
    append_time(out, t->last_wall_ns);
    buf_printf(out, ",\"lastScrapeDuration\":%.9g,\"health\":\"%s\",",
               (double)t->last_duration_ns / 1e9,
               !t->scraped ? "unknown"
               : t->up     ? "up"
                           : "down");
    units_append_duration(&duration, t->interval_ns);
    append_key(out, "scrapeInterval", buf_str(&duration));
    buf_clear(&duration);
    units_append_duration(&duration, t->timeout_ns);
    append_key(out, "scrapeTimeout", buf_str(&duration));
    out->len--; /* the last comma */
    buf_append_byte(out, '}');
}

void targets_append_json(Scraper *scraper, Str state, Str pool, Buf *out)
{
    ScraperTargetInfo *infos;
    uint32_t count;
    bool first = true;
    Arena arena;

    arena_init(&arena, NULL);
    scraper_targets(scraper, &arena, &infos, &count);
    buf_append_lit(out, "{\"activeTargets\":[");
    for (uint32_t i = 0; i < count && !str_eq(state, STR("dropped")); i++) {
        if (pool.len && !str_eq(pool, infos[i].pool))
            continue;
        if (!first)
            buf_append_byte(out, ',');
        first = false;
        append_target(&infos[i], out);
    }
    buf_append_lit(out, "],\"droppedTargets\":[],\"droppedTargetCounts\":{}}");
    arena_done(&arena);
}

static int cmp_pool(const void *a, const void *b)
{
    return str_cmp(((const ScraperTargetInfo *)a)->pool, ((const ScraperTargetInfo *)b)->pool);
}

void targets_append_pools(Scraper *scraper, Buf *out)
{
    ScraperTargetInfo *infos;
    uint32_t count;
    Arena arena;

    arena_init(&arena, NULL);
    scraper_targets(scraper, &arena, &infos, &count);
    if (count)
        qsort(infos, count, sizeof *infos, cmp_pool);
    buf_append_byte(out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (i && str_eq(infos[i].pool, infos[i - 1].pool))
            continue;
        if (i)
            buf_append_byte(out, ',');
        json_append_string(out, infos[i].pool);
    }
    buf_append_byte(out, ']');
    arena_done(&arena);
}

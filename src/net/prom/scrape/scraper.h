/* scraper.h - scrapes the configured targets.
 *
 * All requests run on one event loop through libcurl's multi interface; each target has a timer
 * whose phase is derived from its identity, so that targets spread over the interval. Bodies are
 * parsed and stored on the ingest pool. A target is never scraped twice at a time: a late one skips
 * its turn.
 */
#ifndef LUMA_NET_PROM_SCRAPE_SCRAPER_H
#define LUMA_NET_PROM_SCRAPE_SCRAPER_H

#include "net/loop/loop.h"
#include "net/prom/scrape/scrape_config.h"
#include "storage/engine/engine.h"

typedef struct Scraper Scraper;

/* Starts scraping. `config` is borrowed until scraper_free. Main thread. */
Status scraper_new(const ScrapeConfig *config, Engine *engine, Pool *pool, Loop *loop,
                   Scraper **ret_scraper, Error *err);
/* Stops the timers and requests and waits for scrapes under way; before the loops and the pool end.
 * NULL is fine; returns NULL. Main thread. */
Scraper *scraper_free(Scraper *scraper);

/* One target as /api/v1/targets shows it; texts live in the caller's arena. */
typedef struct ScraperTargetInfo {
    LabelSet discovered;
    LabelSet labels;
    Str pool; /* the job's name */
    Str url;
    Str last_error;
    bool scraped;
    bool up;
    int64_t last_wall_ns;
    int64_t last_duration_ns;
    int64_t interval_ns;
    int64_t timeout_ns;
} ScraperTargetInfo;
/* Any thread. `scraper` NULL = none. */
void scraper_targets(Scraper *scraper, Arena *arena, ScraperTargetInfo **ret_infos,
                     uint32_t *ret_count);

#endif

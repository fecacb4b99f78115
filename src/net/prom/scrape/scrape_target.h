/* scrape_target.h - a target: what a job's static configuration gives after relabelling, and what
 * is remembered from one scrape to the next.
 */
#ifndef LUMA_NET_PROM_SCRAPE_SCRAPE_TARGET_H
#define LUMA_NET_PROM_SCRAPE_SCRAPE_TARGET_H

#include "base/map.h"
#include "format/exposition/exposition.h"
#include "ingest/ingest.h"
#include "net/prom/scrape/scrape_config.h"

/* The five series about a scrape itself. */
typedef enum ScrapeReport {
    SCRAPE_UP,
    SCRAPE_DURATION,
    SCRAPE_SAMPLES,
    SCRAPE_SAMPLES_AFTER_RELABEL,
    SCRAPE_SERIES_ADDED,
    SCRAPE_REPORT_COUNT_,
} ScrapeReport;

typedef struct RefList {
    SeriesRef *refs;
    size_t count;
    size_t cap;
} RefList;

typedef struct ScrapeTarget {
    const ScrapeJob *job;
    LabelSet labels;     /* of every sample: job, instance and what relabelling left */
    LabelSet discovered; /* before relabelling, for the targets API */
    Str url;
    uint64_t id; /* hash of labels and url: tells raw label bytes of targets apart */

    /* Confined to the scrape under way; a target is scraped once at a time. */
    RefList seen; /* series of the last good scrape that carried no timestamp, sorted */
    Map dropped;  /* raw series texts that metric_relabel_configs drop; keys in `texts` */
    Arena texts;
    SeriesRef report_refs[SCRAPE_REPORT_COUNT_];
    bool report_known;

    /* guarded by the scraper's lock: what /api/v1/targets shows */
    bool up;
    bool scraped;         /* at least once */
    int64_t last_wall_ns; /* start of the last scrape */
    int64_t last_duration_ns;
    char last_error[256];
} ScrapeTarget;

/* Appends the targets of a job, in the arena. Relabelling may drop some. INVALID for a job whose
 * relabelling leaves no usable address. */
Status scrape_target_list(const ScrapeJob *job, Arena *arena, ScrapeTarget ***targets,
                          uint32_t *count, uint32_t *cap, Error *err);
/* Frees what scrapes allocated (the target itself lives in the arena). */
void scrape_target_done(ScrapeTarget *target);

/* What came of one HTTP request. */
typedef struct ScrapeOutcome {
    bool good; /* the body is there, with a 2xx status */
    Str body;
    ExpositionFormat format;
    int64_t start_ms; /* wall clock: timestamp of the samples */
    int64_t duration_ns;
    char error[256]; /* why not good, "" otherwise */
} ScrapeOutcome;

/* Makes the batch of one scrape: its samples, staleness markers for series that are gone, and the
 * report series. A body that cannot be parsed or breaks a limit gives only markers and up=0, and
 * outcome->good and error say so. Errors are those of batches (memory, a failed log). */
Status scrape_target_store(ScrapeTarget *target, Engine *engine, ScrapeOutcome *outcome,
                           WriteBatch **ret_batch, Error *err);

#endif

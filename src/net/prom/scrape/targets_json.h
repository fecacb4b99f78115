/* targets_json.h - scrape targets as the Prometheus API shows them (/api/v1/targets, scrape_pools).
 */
#ifndef LUMA_NET_PROM_SCRAPE_TARGETS_JSON_H
#define LUMA_NET_PROM_SCRAPE_TARGETS_JSON_H

#include "net/prom/scrape/scraper.h"

/* {"activeTargets":[...],"droppedTargets":[],"droppedTargetCounts":{}}. `state` is any, active or
 * dropped; `pool` empty = all. `scraper` NULL = no targets. Any thread. */
void targets_append_json(Scraper *scraper, Str state, Str pool, Buf *out);
/* ["job", ...], sorted. */
void targets_append_pools(Scraper *scraper, Buf *out);

#endif

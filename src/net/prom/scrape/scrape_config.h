/* scrape_config.h - Prometheus' scrape_configs, as this server reads them.
 *
 * Static targets, relabelling, TLS, basic and bearer credentials, limits. Discovery other than
 * static_configs is refused by name. Immutable after it was read.
 */
#ifndef LUMA_NET_PROM_SCRAPE_SCRAPE_CONFIG_H
#define LUMA_NET_PROM_SCRAPE_SCRAPE_CONFIG_H

#include "format/yaml/yaml.h"
#include "net/prom/scrape/relabel.h"

typedef struct StaticConfig {
    const Str *targets;
    uint32_t target_count;
    const Label *labels;
    uint32_t label_count;
} StaticConfig;

typedef struct ScrapeParam {
    Str name;
    const Str *values;
    uint32_t value_count;
} ScrapeParam;

typedef struct ScrapeJob {
    Str job_name;
    int64_t interval_ns;
    int64_t timeout_ns;
    Str metrics_path;
    Str scheme;
    bool honor_labels;
    bool honor_timestamps;
    bool track_timestamps_staleness;
    bool enable_compression;
    bool follow_redirects;
    Str username; /* basic_auth */
    Str password;
    Str authorization;      /* whole header value, "" = none */
    Str credentials_file;   /* of authorization: read at each scrape, "" = none */
    Str password_file;      /* of basic_auth, likewise */
    Str authorization_type; /* "Bearer" */
    Str tls_ca_file;
    Str tls_cert_file;
    Str tls_key_file;
    Str tls_server_name;
    bool tls_insecure;
    int64_t sample_limit; /* 0 = none, as the limits below */
    int64_t label_limit;
    int64_t label_name_bytes_max;
    int64_t label_value_bytes_max;
    int64_t target_limit;
    int64_t body_bytes_max;
    const ScrapeParam *params;
    uint32_t param_count;
    const StaticConfig *statics;
    uint32_t static_count;
    RelabelRules relabel;        /* of targets */
    RelabelRules metric_relabel; /* of samples */
} ScrapeJob;

typedef struct ScrapeConfig {
    const ScrapeJob *jobs;
    uint32_t job_count;
} ScrapeConfig;

/* Reads `global` and `scrape_configs` (either may be NULL) into the arena. INVALID with line and
 * column; UNSUPPORTED for a discovery mechanism this server lacks. */
Status scrape_config_read(const YamlNode *global, const YamlNode *scrape_configs, Arena *arena,
                          ScrapeConfig *ret_config, Error *err);

#endif

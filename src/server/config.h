/* config.h - what an operator may set.
 *
 * Every setting has one line in CONFIG_LIST: the YAML file, the flags (--a.b=c), `lumadb config`
 * and SIGHUP all work from it. A setting's path is its place in the YAML file: wal.sync is
 *
 *   wal:
 *     sync: always
 *
 * scrape_configs and global have Prometheus' own shape and are read by net/prom/scrape; auth.users
 * is a list, read by auth_users.c.
 */
#ifndef LUMA_SERVER_CONFIG_H
#define LUMA_SERVER_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "format/yaml/yaml.h"

/* X(field, path, kind, default, reloads, help). Kinds: TEXT, BOOL, COUNT, BYTES, DURATION.
 * `reloads` = SIGHUP changes it without a restart. */
/* clang-format off */
#define CONFIG_LIST(X)                                                                             \
    X(data_dir, "data_dir", TEXT, "./lumadb-data", false,                                          \
      "Folder that holds everything; made when absent.")                                           \
    X(postgres_listen, "postgres.listen", TEXT, "127.0.0.1:5432", false,                           \
      "Address of the PostgreSQL protocol; off = none, port 0 = a free one.")                      \
    X(postgres_connections, "postgres.connections_max", COUNT, "0", false,                         \
      "Connections at a time of this protocol; 0 = net.connections_max.")                          \
    X(prometheus_listen, "prometheus.listen", TEXT, "127.0.0.1:9090", false,                       \
      "Address of the Prometheus API and of remote write.")                                        \
    X(prometheus_connections, "prometheus.connections_max", COUNT, "0", false,                     \
      "Connections at a time of this protocol; 0 = net.connections_max.")                          \
    X(prometheus_admin_api, "prometheus.admin_api", BOOL, "false", true,                           \
      "Allow /-/quit, /-/reload and admin/tsdb to the admin role.")                                \
    X(otlp_grpc_listen, "otlp.grpc.listen", TEXT, "127.0.0.1:4317", false,                         \
      "Address of OTLP over gRPC; off = none.")                                                    \
    X(otlp_grpc_connections, "otlp.grpc.connections_max", COUNT, "0", false,                       \
      "Connections at a time of this protocol; 0 = net.connections_max.")                          \
    X(otlp_http_listen, "otlp.http.listen", TEXT, "127.0.0.1:4318", false,                         \
      "Address of OTLP over HTTP.")                                                                \
    X(otlp_http_connections, "otlp.http.connections_max", COUNT, "0", false,                       \
      "Connections at a time of this protocol; 0 = net.connections_max.")                          \
    X(otlp_translation, "otlp.translation_strategy", TEXT, "UnderscoreEscapingWithSuffixes", false, \
      "How OTLP metric names become Prometheus': one of Prometheus' own four words.")              \
    X(otlp_promote, "otlp.promote_resource_attributes", TEXT, "", false,                           \
      "Resource attributes that become labels of every series, separated by commas.")              \
    X(otlp_promote_scope, "otlp.promote_scope_metadata", BOOL, "true", false,                      \
      "Instrumentation scopes become labels: otel_scope_name, otel_scope_version ...")             \
    X(http_listen, "http.listen", TEXT, "127.0.0.1:8080", false,                                   \
      "Address of the REST API.")                                                                  \
    X(http_connections, "http.connections_max", COUNT, "0", false,                                 \
      "Connections at a time of this protocol; 0 = net.connections_max.")                          \
    X(http_hosts, "http.allowed_hosts", TEXT, "", false,                                           \
      "Further Host names that clients may use, separated by commas; * = any.")                    \
    X(http_cors, "http.cors_origins", TEXT, "", false,                                             \
      "Origins of web pages that may call the HTTP APIs, separated by commas; empty = none.")      \
    X(connections_max, "net.connections_max", COUNT, "4096", false,                                \
      "Connections at a time, for each listener.")                                                 \
    X(loops, "net.loops", COUNT, "0", false, "Event loops; 0 = two, or one on a single core.")     \
    X(output_bytes, "net.output_bytes_max", BYTES, "4MiB", false,                                  \
      "Output held for a slow client before its query waits.")                                     \
    X(tls_cert, "tls.cert_file", TEXT, "", false,                                                  \
      "PEM certificate chain; with it every listener speaks TLS (PostgreSQL on request).")         \
    X(tls_key, "tls.key_file", TEXT, "", false, "PEM private key of the certificate.")             \
    X(tls_client_ca, "tls.client_ca_file", TEXT, "", false,                                        \
      "PEM certificates of the authority that signs clients' certificates.")                       \
    X(tls_client_required, "tls.client_required", BOOL, "false", false,                            \
      "Refuse clients without a certificate of tls.client_ca_file.")                               \
    X(auth_username, "auth.username", TEXT, "", true,                                             \
      "A user with the admin role, the short form for a single one.")                              \
    X(auth_password, "auth.password", TEXT, "", true, "That user's password.")                    \
    X(auth_require_auth, "auth.require_auth", BOOL, "true", false,                                 \
      "Whether that user's credentials are needed; false lets everybody in.")                      \
    X(auth_md5, "auth.md5", BOOL, "true", false,                                                   \
      "Also keep an md5 verifier of auth.password, for clients without SCRAM.")                    \
    X(auth_allow_anonymous, "auth.allow_anonymous", BOOL, "false", false,                          \
      "Listen beyond loopback although no user is configured.")                                    \
    X(admission_trusted, "admission.trusted", TEXT, "", true,                                      \
      "Addresses and ranges that are never banned, separated by commas; loopback never is.")       \
    X(admission_banned, "admission.banned", TEXT, "", true,                                        \
      "Addresses and ranges that may not come in, separated by commas.")                           \
    X(admission_connections, "admission.connections_per_address", COUNT, "0", true,                \
      "Connections of one address at a time; 0 = any number.")                                     \
    X(admission_queries, "admission.queries_per_second", COUNT, "0", true,                         \
      "Queries of one address; 0 = any number. What known users write does not count.")            \
    X(admission_burst, "admission.queries_burst", COUNT, "0", true,                                \
      "Queries of one address at once; 0 = twice admission.queries_per_second.")                   \
    X(admission_refusals, "admission.refusals_max", COUNT, "0", true,                              \
      "Queries refused within admission.window after which an address is banned; 0 = never.")      \
    X(admission_failed_logins, "admission.failed_logins_max", COUNT, "10", true,                   \
      "Failed logins within admission.window after which an address is banned; 0 = never.")        \
    X(admission_window, "admission.window", DURATION, "1m", true,                                  \
      "Time in which failed logins and refusals are counted.")                                     \
    X(admission_ban_time, "admission.ban_time", DURATION, "10m", true,                             \
      "How long such an address is banned.")                                                       \
    X(wal_sync, "wal.sync", TEXT, "always", false,                                                 \
      "always: acknowledge after fdatasync. interval, off: writes may be lost in a crash.")        \
    X(wal_sync_interval, "wal.sync_interval", DURATION, "1s", false,                               \
      "Time between syncs with wal.sync: interval.")                                               \
    X(wal_encoding, "wal.encoding", TEXT, "binary", false,                                         \
      "binary, or json: the same entries readable by eye.")                                        \
    X(wal_segment_bytes, "wal.segment_bytes", BYTES, "64MiB", false,                               \
      "Size at which a log segment is closed.")                                                    \
    X(memory_hot_bytes, "memory.hot_bytes", BYTES, "0", false,                                     \
      "Memory for recent data; writers are told to retry above it. 0 = a quarter of the machine.") \
    X(memory_queries_bytes, "memory.queries_bytes", BYTES, "0", false,                             \
      "Memory for all queries together. 0 = a quarter of the machine.")                            \
    X(query_bytes, "query.bytes_max", BYTES, "0", true,                                            \
      "Memory of one query. 0 = half of memory.queries_bytes.")                                    \
    X(query_spill_bytes, "query.spill_bytes_max", BYTES, "16GiB", false,                           \
      "Disk space for the temporary files of all queries together; 0 = any.")                      \
    X(query_timeout, "query.timeout", DURATION, "30s", true, "Time one query may take; 0 = any.")  \
    X(query_lookback, "query.lookback", DURATION, "5m", false,                                     \
      "How far PromQL looks back for a sample.")                                                   \
    X(query_samples_max, "query.samples_max", COUNT, "50000000", false,                            \
      "Samples that one PromQL query may hold in memory.")                                         \
    X(query_threads, "query.threads", COUNT, "0", false, "Query workers; 0 = four per core, at least 16.")       \
    X(ingest_threads, "ingest.threads", COUNT, "0", false, "Decoding workers; 0 = one per core.")  \
    X(self_enabled, "self.enabled", BOOL, "true", false,                                           \
      "Store LumaDB's own metrics, logs and query traces in itself.")                              \
    X(self_interval, "self.interval", DURATION, "10s", false, "Time between two samples.")         \
    X(self_logs, "self.logs", BOOL, "true", false, "With self.enabled: own log lines, too.")       \
    X(self_traces, "self.traces", BOOL, "true", false,                                             \
      "With self.enabled: queries as spans, with plan and times, too.")                            \
    X(self_slow_query, "self.slow_query", DURATION, "100ms", false,                                \
      "Queries that take as long, or fail, always leave a span.")                                  \
    X(self_traces_per_second, "self.traces_per_second", COUNT, "10", false,                        \
      "Spans of other queries kept per second.")                                                   \
    X(log_level, "log.level", TEXT, "info", true, "debug, info, warn or error.")                   \
    X(log_format, "log.format", TEXT, "logfmt", true, "logfmt or json, on stderr.")                \
    X(drain_timeout, "shutdown.timeout", DURATION, "10s", true,                                    \
      "Time that requests under way have after SIGTERM.")
/* clang-format on */

typedef struct Config {
#define CONFIG_TYPE_TEXT Str
#define CONFIG_TYPE_BOOL bool
#define CONFIG_TYPE_COUNT int64_t
#define CONFIG_TYPE_BYTES int64_t
#define CONFIG_TYPE_DURATION int64_t /* ns */
#define X(field, path, kind, default_text, reloads, help) CONFIG_TYPE_##kind field;
    CONFIG_LIST(X)
#undef X
    Str path;                       /* the YAML file, empty = none */
    const YamlNode *scrape_configs; /* as written, NULL = none */
    const YamlNode *global;         /* as written, NULL = none */
    const YamlNode *users;          /* auth.users as written, NULL = none */
    bool hints;                     /* --hints: print what to try after the start */
    Arena arena;                    /* owns all of it */
} Config;

/* Defaults, then the file that --config names, then the flags, later ones winning. `args` is what
 * stands behind the command. INVALID: "FILE: line L, column C: unknown key ...". */
Status config_load(Config *config, const char *const *args, int arg_count, Error *err);
void config_done(Config *config);

/* Prints every setting with its value, default and help, as a YAML file. */
void config_print(const Config *config, Buf *out);

/* Copies what SIGHUP may change from `next`; appends a line to `kept` for each other difference. */
void config_reload(Config *config, const Config *next, Buf *kept);

#endif

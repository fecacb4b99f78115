#include "net/prom/scrape/scrape_config.h"

#include "base/clock.h"
#include "base/units.h"

typedef struct Reader {
    Arena *arena;
    Error *err;
} Reader;

static Status read_text(Reader *r, const YamlNode *node, Str *ret_text)
{
    if (node->kind == YAML_NULL) {
        *ret_text = (Str){"", 0};
        return STATUS_OK;
    }
    if (node->kind != YAML_SCALAR)
        return yaml_error(node, r->err, "a single text is expected here");
    *ret_text = node->text;
    return STATUS_OK;
}

static Status read_bool(Reader *r, const YamlNode *node, bool *ret_value)
{
    if (node->kind == YAML_SCALAR && str_eq(node->text, STR("true")))
        *ret_value = true;
    else if (node->kind == YAML_SCALAR && str_eq(node->text, STR("false")))
        *ret_value = false;
    else
        return yaml_error(node, r->err, "true or false is expected here");
    return STATUS_OK;
}

static Status read_duration(Reader *r, const YamlNode *node, int64_t *ret_ns)
{
    if (node->kind != YAML_SCALAR || !units_parse_duration(node->text, ret_ns) || *ret_ns <= 0)
        return yaml_error(node, r->err, "a duration such as 15s is expected here");
    return STATUS_OK;
}

static Status read_count(Reader *r, const YamlNode *node, int64_t *ret_count)
{
    if (node->kind != YAML_SCALAR || !str_to_i64(node->text, ret_count) || *ret_count < 0)
        return yaml_error(node, r->err, "a whole number is expected here");
    return STATUS_OK;
}

static Status read_bytes(Reader *r, const YamlNode *node, int64_t *ret_bytes)
{
    if (node->kind != YAML_SCALAR || !units_parse_bytes(node->text, ret_bytes))
        return yaml_error(node, r->err, "a size such as 10MB is expected here");
    return STATUS_OK;
}

static Status read_texts(Reader *r, const YamlNode *node, const Str **ret_texts,
                         uint32_t *ret_count)
{
    if (node->kind == YAML_NULL) {
        *ret_count = 0;
        return STATUS_OK;
    }
    if (node->kind != YAML_SEQUENCE)
        return yaml_error(node, r->err, "a list is expected here");
    Str *texts = ARENA_NEW_ARRAY(r->arena, Str, node->count);
    for (uint32_t i = 0; i < node->count; i++)
        TRY(read_text(r, node->items[i], &texts[i]));
    *ret_texts = texts;
    *ret_count = node->count;
    return STATUS_OK;
}

static Status expect_mapping(Reader *r, const YamlNode *node)
{
    return node->kind == YAML_MAPPING
               ? STATUS_OK
               : yaml_error(node, r->err, "keys and values are expected here");
}

static Status unknown_key(Reader *r, const YamlNode *key, const char *where)
{
    return yaml_error(key, r->err, "unknown key \"%.*s\" in %s", (int)LUMA_MIN(key->text.len, 100),
                      key->text.ptr, where);
}

/* Walks a mapping: `pair` is the current one. */
#define FOR_PAIRS(pair, node)                                                                      \
    for (const YamlPair *pair = (node)->pairs; pair < (node)->pairs + (node)->count; pair++)
#define KEY_IS(pair, literal) str_eq((pair)->key->text, STR(literal))

static void free_regex(void *ctx)
{
    regex_free(ctx);
}

static Status compile(Reader *r, const YamlNode *node, Str pattern, const Regex **ret_regex)
{
    Regex *regex;
    Error why;

    if (regex_compile(pattern, REGEX_ANCHORED | REGEX_DOT_NEWLINE, &regex, &why) != STATUS_OK)
        return yaml_error(node, r->err, "%s", why.message);
    arena_on_cleanup(r->arena, free_regex, regex);
    *ret_regex = regex;
    return STATUS_OK;
}

static Status read_rule(Reader *r, const YamlNode *node, RelabelRule *rule)
{
    Str pattern = STR("(.*)");
    int64_t modulus = 0;
    Str action = STR("replace");

    TRY(expect_mapping(r, node));
    *rule = (RelabelRule){.separator = STR(";"), .replacement = STR("$1"), .target_label = STR("")};
    FOR_PAIRS(pair, node)
    {
        if (KEY_IS(pair, "source_labels"))
            TRY(read_texts(r, pair->value, &rule->source_labels, &rule->source_count));
        else if (KEY_IS(pair, "separator"))
            TRY(read_text(r, pair->value, &rule->separator));
        else if (KEY_IS(pair, "regex"))
            TRY(read_text(r, pair->value, &pattern));
        else if (KEY_IS(pair, "modulus"))
            TRY(read_count(r, pair->value, &modulus));
        else if (KEY_IS(pair, "target_label"))
            TRY(read_text(r, pair->value, &rule->target_label));
        else if (KEY_IS(pair, "replacement"))
            TRY(read_text(r, pair->value, &rule->replacement));
        else if (KEY_IS(pair, "action"))
            TRY(read_text(r, pair->value, &action));
        else
            return unknown_key(r, pair->key, "a relabelling rule");
    }
    if (!relabel_action_parse(action, &rule->action))
        return yaml_error(node, r->err, "unknown relabelling action \"%.*s\"", STR_FMT(action));
    bool needs_target = rule->action == RELABEL_REPLACE || rule->action == RELABEL_HASHMOD ||
                        rule->action == RELABEL_LOWERCASE || rule->action == RELABEL_UPPERCASE ||
                        rule->action == RELABEL_KEEPEQUAL || rule->action == RELABEL_DROPEQUAL;
    if (needs_target && rule->target_label.len == 0)
        return yaml_error(node, r->err, "action %.*s needs target_label", STR_FMT(action));
    if (rule->action == RELABEL_HASHMOD && modulus == 0)
        return yaml_error(node, r->err, "action hashmod needs modulus");
    rule->modulus = (uint64_t)modulus;
    return compile(r, node, pattern, &rule->regex);
}

static Status read_rules(Reader *r, const YamlNode *node, RelabelRules *ret_rules)
{
    if (node->kind == YAML_NULL)
        return STATUS_OK;
    if (node->kind != YAML_SEQUENCE)
        return yaml_error(node, r->err, "a list of relabelling rules is expected here");
    RelabelRule *rules = ARENA_NEW_ARRAY(r->arena, RelabelRule, node->count);
    for (uint32_t i = 0; i < node->count; i++)
        TRY(read_rule(r, node->items[i], &rules[i]));
    *ret_rules = (RelabelRules){rules, node->count};
    return STATUS_OK;
}

static Status read_static(Reader *r, const YamlNode *node, StaticConfig *config)
{
    TRY(expect_mapping(r, node));
    FOR_PAIRS(pair, node)
    {
        if (KEY_IS(pair, "targets")) {
            TRY(read_texts(r, pair->value, &config->targets, &config->target_count));
        } else if (KEY_IS(pair, "labels")) {
            TRY(expect_mapping(r, pair->value));
            Label *labels = ARENA_NEW_ARRAY(r->arena, Label, pair->value->count);
            for (uint32_t i = 0; i < pair->value->count; i++) {
                labels[i].name = pair->value->pairs[i].key->text;
                TRY(read_text(r, pair->value->pairs[i].value, &labels[i].value));
            }
            config->labels = labels;
            config->label_count = pair->value->count;
        } else {
            return unknown_key(r, pair->key, "static_configs");
        }
    }
    return STATUS_OK;
}

static Status read_statics(Reader *r, const YamlNode *node, ScrapeJob *job)
{
    if (node->kind == YAML_NULL)
        return STATUS_OK;
    if (node->kind != YAML_SEQUENCE)
        return yaml_error(node, r->err, "a list is expected here");
    StaticConfig *statics = ARENA_NEW_ARRAY(r->arena, StaticConfig, node->count);
    for (uint32_t i = 0; i < node->count; i++)
        TRY(read_static(r, node->items[i], &statics[i]));
    job->statics = statics;
    job->static_count = node->count;
    return STATUS_OK;
}

static Status read_params(Reader *r, const YamlNode *node, ScrapeJob *job)
{
    TRY(expect_mapping(r, node));
    ScrapeParam *params = ARENA_NEW_ARRAY(r->arena, ScrapeParam, node->count);
    for (uint32_t i = 0; i < node->count; i++) {
        params[i].name = node->pairs[i].key->text;
        TRY(read_texts(r, node->pairs[i].value, &params[i].values, &params[i].value_count));
    }
    job->params = params;
    job->param_count = node->count;
    return STATUS_OK;
}

static Status read_basic_auth(Reader *r, const YamlNode *node, ScrapeJob *job)
{
    TRY(expect_mapping(r, node));
    FOR_PAIRS(pair, node)
    {
        if (KEY_IS(pair, "username"))
            TRY(read_text(r, pair->value, &job->username));
        else if (KEY_IS(pair, "password"))
            TRY(read_text(r, pair->value, &job->password));
        else if (KEY_IS(pair, "password_file"))
            TRY(read_text(r, pair->value, &job->password_file));
        else
            return unknown_key(r, pair->key, "basic_auth");
    }
    return STATUS_OK;
}

static Status read_authorization(Reader *r, const YamlNode *node, ScrapeJob *job)
{
    Str credentials = STR("");

    TRY(expect_mapping(r, node));
    job->authorization_type = STR("Bearer");
    FOR_PAIRS(pair, node)
    {
        if (KEY_IS(pair, "type"))
            TRY(read_text(r, pair->value, &job->authorization_type));
        else if (KEY_IS(pair, "credentials"))
            TRY(read_text(r, pair->value, &credentials));
        else if (KEY_IS(pair, "credentials_file"))
            TRY(read_text(r, pair->value, &job->credentials_file));
        else
            return unknown_key(r, pair->key, "authorization");
    }
    if (credentials.len)
        job->authorization = arena_printf(r->arena, "%.*s %.*s", STR_FMT(job->authorization_type),
                                          STR_FMT(credentials));
    return STATUS_OK;
}

static Status read_tls(Reader *r, const YamlNode *node, ScrapeJob *job)
{
    TRY(expect_mapping(r, node));
    FOR_PAIRS(pair, node)
    {
        if (KEY_IS(pair, "ca_file"))
            TRY(read_text(r, pair->value, &job->tls_ca_file));
        else if (KEY_IS(pair, "cert_file"))
            TRY(read_text(r, pair->value, &job->tls_cert_file));
        else if (KEY_IS(pair, "key_file"))
            TRY(read_text(r, pair->value, &job->tls_key_file));
        else if (KEY_IS(pair, "server_name"))
            TRY(read_text(r, pair->value, &job->tls_server_name));
        else if (KEY_IS(pair, "insecure_skip_verify"))
            TRY(read_bool(r, pair->value, &job->tls_insecure));
        else
            return unknown_key(r, pair->key, "tls_config");
    }
    return STATUS_OK;
}

/* How each key of a job is read; the field is found by its offset. */
typedef enum FieldKind {
    FIELD_TEXT,
    FIELD_BOOL,
    FIELD_DURATION,
    FIELD_COUNT,
    FIELD_BYTES
} FieldKind;
static const struct {
    const char *key;
    FieldKind kind;
    size_t offset;
} job_fields[] = {
    {"job_name", FIELD_TEXT, offsetof(ScrapeJob, job_name)},
    {"scrape_interval", FIELD_DURATION, offsetof(ScrapeJob, interval_ns)},
    {"scrape_timeout", FIELD_DURATION, offsetof(ScrapeJob, timeout_ns)},
    {"metrics_path", FIELD_TEXT, offsetof(ScrapeJob, metrics_path)},
    {"scheme", FIELD_TEXT, offsetof(ScrapeJob, scheme)},
    {"honor_labels", FIELD_BOOL, offsetof(ScrapeJob, honor_labels)},
    {"honor_timestamps", FIELD_BOOL, offsetof(ScrapeJob, honor_timestamps)},
    {"track_timestamps_staleness", FIELD_BOOL, offsetof(ScrapeJob, track_timestamps_staleness)},
    {"enable_compression", FIELD_BOOL, offsetof(ScrapeJob, enable_compression)},
    {"follow_redirects", FIELD_BOOL, offsetof(ScrapeJob, follow_redirects)},
    {"sample_limit", FIELD_COUNT, offsetof(ScrapeJob, sample_limit)},
    {"label_limit", FIELD_COUNT, offsetof(ScrapeJob, label_limit)},
    {"label_name_length_limit", FIELD_COUNT, offsetof(ScrapeJob, label_name_bytes_max)},
    {"label_value_length_limit", FIELD_COUNT, offsetof(ScrapeJob, label_value_bytes_max)},
    {"target_limit", FIELD_COUNT, offsetof(ScrapeJob, target_limit)},
    {"body_size_limit", FIELD_BYTES, offsetof(ScrapeJob, body_bytes_max)},
};

static Status read_field(Reader *r, const YamlPair *pair, ScrapeJob *job, bool *ret_known)
{
    *ret_known = true;
    for (size_t i = 0; i < LUMA_ARRAY_LEN(job_fields); i++) {
        if (!str_eq(pair->key->text, str_from(job_fields[i].key)))
            continue;
        void *field = (char *)job + job_fields[i].offset;
        switch (job_fields[i].kind) {
        case FIELD_TEXT:
            return read_text(r, pair->value, field);
        case FIELD_BOOL:
            return read_bool(r, pair->value, field);
        case FIELD_DURATION:
            return read_duration(r, pair->value, field);
        case FIELD_COUNT:
            return read_count(r, pair->value, field);
        case FIELD_BYTES:
            return read_bytes(r, pair->value, field);
        }
    }
    *ret_known = false;
    return STATUS_OK;
}

static Status read_job(Reader *r, const YamlNode *node, const ScrapeJob *defaults, ScrapeJob *job)
{
    TRY(expect_mapping(r, node));
    *job = *defaults;
    FOR_PAIRS(pair, node)
    {
        bool known;
        TRY(read_field(r, pair, job, &known));
        if (known)
            continue;
        if (KEY_IS(pair, "static_configs"))
            TRY(read_statics(r, pair->value, job));
        else if (KEY_IS(pair, "relabel_configs"))
            TRY(read_rules(r, pair->value, &job->relabel));
        else if (KEY_IS(pair, "metric_relabel_configs"))
            TRY(read_rules(r, pair->value, &job->metric_relabel));
        else if (KEY_IS(pair, "params"))
            TRY(read_params(r, pair->value, job));
        else if (KEY_IS(pair, "basic_auth"))
            TRY(read_basic_auth(r, pair->value, job));
        else if (KEY_IS(pair, "authorization"))
            TRY(read_authorization(r, pair->value, job));
        else if (KEY_IS(pair, "tls_config"))
            TRY(read_tls(r, pair->value, job));
        else if (str_ends(pair->key->text, STR("_sd_configs"))) {
            (void)yaml_error(pair->key, r->err,
                             "%.*s is not supported; list the targets under static_configs",
                             STR_FMT(pair->key->text));
            if (r->err)
                r->err->status = STATUS_UNSUPPORTED;
            return STATUS_UNSUPPORTED;
        } else
            return unknown_key(r, pair->key, "scrape_configs");
    }
    if (job->job_name.len == 0)
        return yaml_error(node, r->err, "job_name is missing");
    if (job->timeout_ns > job->interval_ns) {
        if (yaml_get(node, STR("scrape_timeout")))
            return yaml_error(node, r->err, "scrape_timeout is longer than scrape_interval");
        job->timeout_ns = job->interval_ns;
    }
    if (!str_eq(job->scheme, STR("http")) && !str_eq(job->scheme, STR("https")))
        return yaml_error(node, r->err, "scheme is http or https");
    if (job->username.len && (job->authorization.len || job->credentials_file.len))
        return yaml_error(node, r->err, "basic_auth and authorization exclude each other");
    return STATUS_OK;
}

static Status read_global(Reader *r, const YamlNode *node, ScrapeJob *defaults)
{
    if (!node || node->kind == YAML_NULL)
        return STATUS_OK;
    TRY(expect_mapping(r, node));
    FOR_PAIRS(pair, node)
    {
        if (KEY_IS(pair, "scrape_interval"))
            TRY(read_duration(r, pair->value, &defaults->interval_ns));
        else if (KEY_IS(pair, "scrape_timeout"))
            TRY(read_duration(r, pair->value, &defaults->timeout_ns));
        else if (KEY_IS(pair, "sample_limit"))
            TRY(read_count(r, pair->value, &defaults->sample_limit));
        else if (KEY_IS(pair, "body_size_limit"))
            TRY(read_bytes(r, pair->value, &defaults->body_bytes_max));
        else
            return unknown_key(r, pair->key, "global");
    }
    return STATUS_OK;
}

static Status check_unique_names(Reader *r, const YamlNode *list, const ScrapeJob *jobs)
{
    for (uint32_t i = 0; i < list->count; i++)
        for (uint32_t j = 0; j < i; j++)
            if (str_eq(jobs[i].job_name, jobs[j].job_name))
                return yaml_error(list->items[i], r->err, "job_name \"%.*s\" comes twice",
                                  STR_FMT(jobs[i].job_name));
    return STATUS_OK;
}

Status scrape_config_read(const YamlNode *global, const YamlNode *scrape_configs, Arena *arena,
                          ScrapeConfig *ret_config, Error *err)
{
    Reader r = {arena, err};
    ScrapeJob defaults = {
        .interval_ns = 60 * NS_PER_SEC,
        .timeout_ns = 10 * NS_PER_SEC,
        .metrics_path = STR("/metrics"),
        .scheme = STR("http"),
        .honor_timestamps = true,
        .enable_compression = true,
        .follow_redirects = true,
    };

    *ret_config = (ScrapeConfig){0};
    TRY(read_global(&r, global, &defaults));
    if (!scrape_configs || scrape_configs->kind == YAML_NULL)
        return STATUS_OK;
    if (scrape_configs->kind != YAML_SEQUENCE)
        return yaml_error(scrape_configs, err, "scrape_configs is a list of jobs");
    ScrapeJob *jobs = ARENA_NEW_ARRAY(arena, ScrapeJob, scrape_configs->count);
    for (uint32_t i = 0; i < scrape_configs->count; i++)
        TRY(read_job(&r, scrape_configs->items[i], &defaults, &jobs[i]));
    TRY(check_unique_names(&r, scrape_configs, jobs));
    *ret_config = (ScrapeConfig){jobs, scrape_configs->count};
    return STATUS_OK;
}

/* config.c - one table drives the file, the flags, the print-out and the reload. */
#include "server/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"

typedef enum Kind { KIND_TEXT, KIND_BOOL, KIND_COUNT, KIND_BYTES, KIND_DURATION } Kind;

typedef struct Setting {
    const char *path;
    Kind kind;
    size_t offset; /* in Config */
    const char *default_text;
    bool reloads;
    const char *help;
} Setting;

static const Setting settings[] = {
#define X(field, path, kind, default_text, reloads, help)                                          \
    {path, KIND_##kind, offsetof(Config, field), default_text, reloads, help},
    CONFIG_LIST(X)
#undef X
};

static const char *const kind_words[] = {"text", "true or false", "a whole number",
                                         "a size such as 64MiB", "a duration such as 30s"};

/* Settings whose text must be one of a few words. */
static const struct {
    const char *path;
    const char *words; /* separated by spaces */
} choices[] = {
    {"wal.sync", "always interval off"},
    {"wal.encoding", "binary json"},
    {"otlp.translation_strategy", "UnderscoreEscapingWithSuffixes "
                                  "UnderscoreEscapingWithoutSuffixes NoUTF8EscapingWithSuffixes "
                                  "NoTranslation"},
    {"log.level", "debug info warn error"},
    {"log.format", "logfmt json"},
};

static bool word_allowed(const char *path, Str value, const char **ret_words)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(choices); i++) {
        if (strcmp(choices[i].path, path) != 0)
            continue;
        Str rest = str_from(choices[i].words);
        Str word;
        *ret_words = choices[i].words;
        while (str_split(&rest, ' ', &word))
            if (str_eq(word, value))
                return true;
        return false;
    }
    return true;
}

static bool parse_bool(Str text, bool *ret_value)
{
    static const char *const words[] = {"true", "yes", "on", "1", "false", "no", "off", "0"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(words); i++)
        if (str_eq_nocase(text, str_from(words[i]))) {
            *ret_value = i < LUMA_ARRAY_LEN(words) / 2;
            return true;
        }
    return false;
}

/* Sets one value from its text; the caller adds the place to the error. */
static Status set_value(Config *config, const Setting *setting, Str text, Error *err)
{
    void *field = (char *)config + setting->offset;
    const char *words = NULL;
    bool good = true;

    if (!word_allowed(setting->path, text, &words))
        return error_set(err, STATUS_INVALID, "%s is one of: %s; not \"%.*s\"", setting->path,
                         words, (int)LUMA_MIN(text.len, 100), text.ptr);
    switch (setting->kind) {
    case KIND_TEXT:
        *(Str *)field = arena_str(&config->arena, text);
        break;
    case KIND_BOOL:
        good = parse_bool(text, field);
        break;
    case KIND_COUNT: {
        int64_t count;
        good = str_to_i64(text, &count) && count >= 0;
        if (good)
            *(int64_t *)field = count;
        break;
    }
    case KIND_BYTES:
        good = units_parse_bytes(text, field);
        break;
    case KIND_DURATION:
        good = units_parse_duration(text, field);
        break;
    }
    if (!good)
        return error_set(err, STATUS_INVALID, "%s needs %s; not \"%.*s\"", setting->path,
                         kind_words[setting->kind], (int)LUMA_MIN(text.len, 100), text.ptr);
    return STATUS_OK;
}

static const Setting *find_setting(Str path)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(settings); i++)
        if (str_eq(str_from(settings[i].path), path))
            return &settings[i];
    return NULL;
}

/* Does some setting lie below this path? */
static bool is_section(Str path)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(settings); i++) {
        Str whole = str_from(settings[i].path);
        if (whole.len > path.len && whole.ptr[path.len] == '.' && str_starts(whole, path))
            return true;
    }
    return false;
}

static size_t edit_distance(Str a, Str b)
{
    size_t row[128];

    if (a.len >= 127 || b.len >= 127)
        return 127;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            best = LUMA_MIN(best, LUMA_MIN(above, row[j - 1]) + 1);
            diagonal = above;
            row[j] = best;
        }
    }
    return row[b.len];
}

static const char *nearest_path(Str path)
{
    const char *best = NULL;
    size_t best_distance = 5;

    for (size_t i = 0; i < LUMA_ARRAY_LEN(settings); i++) {
        size_t distance = edit_distance(path, str_from(settings[i].path));
        if (distance < best_distance) {
            best_distance = distance;
            best = settings[i].path;
        }
    }
    return best;
}

static Status unknown_key(const YamlNode *at, Str path, Error *err)
{
    const char *near = nearest_path(path);
    Status status = yaml_error(at, err, "unknown key \"%.*s\"%s%s%s", STR_FMT(path),
                               near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    error_hint(err, "lumadb config prints every key.");
    return status;
}

static Status load_mapping(Config *config, const YamlNode *node, Str prefix, Error *err)
{
    for (uint32_t i = 0; i < node->count; i++) {
        const YamlNode *key = node->pairs[i].key;
        const YamlNode *value = node->pairs[i].value;
        Str path = prefix.len ? arena_printf(&config->arena, "%.*s.%.*s", STR_FMT(prefix),
                                             STR_FMT(key->text))
                              : key->text;
        const Setting *setting = find_setting(path);
        if (setting) {
            Error why = {0};
            if (value->kind == YAML_SEQUENCE || value->kind == YAML_MAPPING)
                return yaml_error(value, err, "%s needs a single value", setting->path);
            if (set_value(config, setting, value->text, &why) != STATUS_OK)
                return yaml_error(value, err, "%s", why.message);
        } else if (str_eq(path, STR("scrape_configs"))) {
            config->scrape_configs = value;
        } else if (str_eq(path, STR("global"))) {
            config->global = value;
        } else if (str_eq(path, STR("auth.users"))) {
            config->users = value;
        } else if (is_section(path)) {
            if (value->kind == YAML_NULL)
                continue;
            if (value->kind != YAML_MAPPING)
                return yaml_error(value, err, "%.*s needs keys below it", STR_FMT(path));
            TRY(load_mapping(config, value, path, err));
        } else {
            return unknown_key(key, path, err);
        }
    }
    return STATUS_OK;
}

static Status read_file(const char *path, Buf *out, Error *err)
{
    enum { FILE_BYTES_MAX = 16 << 20 };
    FILE *file = fopen(path, "re");

    if (!file)
        return error_set_errno(err, errno, "cannot read %s", path);
    for (;;) {
        char *at = buf_reserve(out, 1 << 16);
        size_t n = fread(at, 1, 1 << 16, file);
        out->len += n;
        if (n == 0 || out->len > FILE_BYTES_MAX)
            break;
    }
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed)
        return error_set(err, STATUS_IO, "cannot read %s", path);
    if (out->len > FILE_BYTES_MAX)
        return error_set(err, STATUS_LIMIT, "%s is larger than %d bytes", path, FILE_BYTES_MAX);
    return STATUS_OK;
}

static Status load_file(Config *config, const char *path, Error *err)
{
    CLEANUP(buf_done) Buf text = {0};
    const YamlNode *root;

    config->path = arena_str(&config->arena, str_from(path));
    TRY(read_file(path, &text, err));
    Status status = yaml_parse(buf_str(&text), &config->arena, &root, err);
    if (status == STATUS_OK && root->kind == YAML_MAPPING)
        status = load_mapping(config, root, (Str){0}, err);
    else if (status == STATUS_OK && root->kind != YAML_NULL)
        status = yaml_error(root, err, "a configuration file is a mapping of keys");
    if (status != STATUS_OK)
        error_prefix(err, "%s", path);
    return status;
}

/* Splits "--a.b=c", "--a.b c" or "--flag" into name and value; *used = arguments taken. */
static Status split_flag(const char *const *args, int arg_count, Str *ret_name, Str *ret_value,
                         int *used, Error *err)
{
    Str arg = str_from(args[0]);

    if (!str_starts(arg, STR("--")) || arg.len == 2)
        return error_set(err, STATUS_INVALID, "unexpected argument \"%s\"", args[0]);
    *ret_name = str_sub(arg, 2, arg.len);
    ptrdiff_t equals = str_find_byte(*ret_name, '=');
    *used = 1;
    *ret_value = (Str){0};
    if (equals >= 0) {
        *ret_value = str_sub(*ret_name, (size_t)equals + 1, arg.len);
        ret_name->len = (size_t)equals;
    } else if (arg_count > 1 && strncmp(args[1], "--", 2) != 0) {
        *ret_value = str_from(args[1]);
        *used = 2;
    }
    return STATUS_OK;
}

/* --data-dir is --data_dir: a dash for an underscore is forgiven. */
static Str with_underscores(Arena *arena, Str name)
{
    Str copy = arena_str(arena, name);
    for (size_t i = 0; i < copy.len; i++)
        if (copy.ptr[i] == '-')
            ((char *)(uintptr_t)copy.ptr)[i] = '_';
    return copy;
}

static Status apply_flag(Config *config, Str raw_name, Str value, bool from_config_pass, Error *err)
{
    Str name = with_underscores(&config->arena, raw_name);

    if (str_eq(name, STR("config"))) {
        if (!value.len)
            return error_set(err, STATUS_INVALID, "--config needs a file");
        return from_config_pass ? load_file(config, arena_str(&config->arena, value).ptr, err)
                                : STATUS_OK;
    }
    if (from_config_pass)
        return STATUS_OK;
    if (str_eq(name, STR("hints"))) {
        config->hints = true;
        return STATUS_OK;
    }
    const Setting *setting = find_setting(name);
    if (!setting) {
        const char *near = nearest_path(name);
        Status status = error_set(
            err, STATUS_INVALID, "unknown flag --%.*s%s%s%s", (int)LUMA_MIN(raw_name.len, 100),
            raw_name.ptr, near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
        error_hint(err, "lumadb config prints every key; each is a flag, too.");
        return status;
    }
    if (!value.ptr && setting->kind == KIND_BOOL)
        value = STR("true");
    if (!value.ptr)
        return error_set(err, STATUS_INVALID, "--%s needs %s", setting->path,
                         kind_words[setting->kind]);
    return set_value(config, setting, value, err);
}

static Status apply_flags(Config *config, const char *const *args, int arg_count, bool config_pass,
                          Error *err)
{
    for (int i = 0; i < arg_count;) {
        Str name;
        Str value;
        int used;
        TRY(split_flag(args + i, arg_count - i, &name, &value, &used, err));
        /* "--hints" and other flags without a value must not eat what follows them. */
        if (str_eq(name, STR("hints")))
            used = 1;
        TRY(apply_flag(config, name, value, config_pass, err));
        i += used;
    }
    return STATUS_OK;
}

static Status load(Config *config, const char *const *args, int arg_count, Error *err)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(settings); i++)
        TRY(set_value(config, &settings[i], str_from(settings[i].default_text), err));
    TRY(apply_flags(config, args, arg_count, true, err));
    TRY(apply_flags(config, args, arg_count, false, err));
    if (config->tls_cert.len != 0 && config->tls_key.len == 0)
        return error_set(err, STATUS_INVALID, "tls.cert_file needs tls.key_file beside it");
    if ((config->auth_username.len == 0) != (config->auth_password.len == 0))
        return error_set(err, STATUS_INVALID, "auth.username and auth.password go together");
    return STATUS_OK;
}

Status config_load(Config *config, const char *const *args, int arg_count, Error *err)
{
    *config = (Config){0};
    arena_init(&config->arena, NULL);
    Status status = load(config, args, arg_count, err);
    if (status != STATUS_OK)
        config_done(config);
    return status;
}

void config_done(Config *config)
{
    arena_done(&config->arena);
    *config = (Config){0};
}

static void append_value(const Config *config, const Setting *setting, Buf *out)
{
    const void *field = (const char *)config + setting->offset;

    switch (setting->kind) {
    case KIND_TEXT: {
        Str text = *(const Str *)field;
        buf_append_byte(out, '"');
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] == '"' || text.ptr[i] == '\\')
                buf_append_byte(out, '\\');
            buf_append_byte(out, (uint8_t)text.ptr[i]);
        }
        buf_append_byte(out, '"');
        break;
    }
    case KIND_BOOL:
        buf_append_str(out, *(const bool *)field ? STR("true") : STR("false"));
        break;
    case KIND_COUNT:
        buf_printf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case KIND_BYTES:
        units_append_bytes(out, *(const int64_t *)field);
        break;
    case KIND_DURATION:
        units_append_duration(out, *(const int64_t *)field);
        break;
    }
}

void config_print(const Config *config, Buf *out)
{
    Str section = {0};

    buf_append_lit(out, "# LumaDB " LUMADB_VERSION
                        " configuration. Every key is also a flag: --wal.sync=interval\n");
    for (size_t i = 0; i < LUMA_ARRAY_LEN(settings); i++) {
        const Setting *setting = &settings[i];
        Str path = str_from(setting->path);
        ptrdiff_t dot = str_find_byte(path, '.');
        Str head = dot < 0 ? (Str){0} : str_sub(path, 0, (size_t)dot);
        Str leaf = dot < 0 ? path : str_sub(path, (size_t)dot + 1, path.len);
        if (head.len && !str_eq(head, section))
            buf_printf(out, "%.*s:\n", STR_FMT(head));
        section = head;
        const char *indent = head.len ? "  " : "";
        buf_printf(out, "%s# %s Default: %s.%s\n%s%.*s: ", indent, setting->help,
                   setting->default_text[0] ? setting->default_text : "empty",
                   setting->reloads ? " SIGHUP reloads it." : "", indent, STR_FMT(leaf));
        append_value(config, setting, out);
        buf_append_byte(out, '\n');
    }
    buf_append_lit(
        out, "# Below auth. Each with a password, or a verifier as PostgreSQL prints it; with a\n"
             "# token, a bearer token, or both. Roles: read, write, admin. Default: nobody.\n"
             "# SIGHUP reloads it.\n"
             "#   users:\n"
             "#     - {username: grafana, password: secret, role: read}\n"
             "#     - {username: collector, token: long-random-text, role: write}\n"
             "# What to scrape, in Prometheus' own form. Default: nothing.\n"
             "# global: {scrape_interval: 15s}\n"
             "# scrape_configs:\n"
             "#   - job_name: node\n"
             "#     static_configs: [{targets: [\"localhost:9100\"]}]\n");
}

void config_reload(Config *config, const Config *next, Buf *kept)
{
    static const size_t sizes[] = {sizeof(Str), sizeof(bool), sizeof(int64_t), sizeof(int64_t),
                                   sizeof(int64_t)};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(settings); i++) {
        const Setting *setting = &settings[i];
        void *old_field = (char *)config + setting->offset;
        const void *new_field = (const char *)next + setting->offset;
        bool same = setting->kind == KIND_TEXT
                        ? str_eq(*(Str *)old_field, *(const Str *)new_field)
                        : memcmp(old_field, new_field, sizes[setting->kind]) == 0;
        if (same)
            continue;
        if (!setting->reloads)
            buf_printf(kept, "%s%s", kept->len ? ", " : "", setting->path);
        else if (setting->kind == KIND_TEXT)
            *(Str *)old_field = arena_str(&config->arena, *(const Str *)new_field);
        else
            memcpy(old_field, new_field, sizes[setting->kind]);
    }
}

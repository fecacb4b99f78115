#include "server/auth_config.h"

enum { USERS_MAX = 10000, RULES_MAX = 10000 };

typedef struct UserEntry {
    Str name;
    Str secret; /* password or verifier; ptr NULL = none */
    Str token;  /* ptr NULL = none */
    Role role;
} UserEntry;

/* ---- users ---- */

static Status read_role(const YamlNode *value, Role *ret, Error *err)
{
    static const char *const names[] = {"read", "write", "admin"};

    for (size_t i = 0; i < LUMA_ARRAY_LEN(names); i++)
        if (str_eq(value->text, str_from(names[i]))) {
            *ret = (Role)(ROLE_READ + i);
            return STATUS_OK;
        }
    return yaml_error(value, err, "a role is read, write or admin");
}

static Status read_member(UserEntry *user, const YamlPair *pair, Error *err)
{
    Str key = pair->key->text;
    const YamlNode *value = pair->value;

    if (value->kind != YAML_SCALAR || !value->text.len)
        return yaml_error(value, err, "%.*s needs a text", STR_FMT(key));
    if (str_eq(key, STR("username")))
        user->name = value->text;
    else if (str_eq(key, STR("password")) || str_eq(key, STR("verifier")))
        user->secret = value->text;
    else if (str_eq(key, STR("token")))
        user->token = value->text;
    else if (str_eq(key, STR("role")))
        return read_role(value, &user->role, err);
    else
        return yaml_error(pair->key, err,
                          "unknown key \"%.*s\"; a user has username, password, verifier, token "
                          "and role",
                          STR_FMT(key));
    return STATUS_OK;
}

static Status read_user(const YamlNode *node, UserEntry *user, Error *err)
{
    *user = (UserEntry){.role = ROLE_NONE};
    if (node->kind != YAML_MAPPING)
        return yaml_error(node, err, "a user is a mapping such as {username: a, password: b}");
    for (uint32_t i = 0; i < node->count; i++)
        TRY(read_member(user, &node->pairs[i], err));
    if (!user->name.len)
        return yaml_error(node, err, "a user needs a username");
    if (user->role == ROLE_NONE)
        return yaml_error(node, err, "user \"%.*s\" needs a role: read, write or admin",
                          STR_FMT(user->name));
    return STATUS_OK;
}

static Status read_users(const Config *config, UserEntry **ret_users, uint32_t *ret_count,
                         Error *err)
{
    const YamlNode *list = config->users;
    uint32_t count = list && list->kind == YAML_SEQUENCE ? list->count : 0;
    UserEntry *users = MEM_NEW_ARRAY(UserEntry, count + 1);
    Status status = STATUS_OK;

    if (list && list->kind != YAML_SEQUENCE && list->kind != YAML_NULL)
        status = yaml_error(list, err, "auth.users is a list");
    if (count > USERS_MAX)
        status = yaml_error(list, err, "more than %d users", USERS_MAX);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = read_user(list->items[i], &users[i], err);
    if (config->auth_username.len)
        users[count++] = (UserEntry){
            .name = config->auth_username, .secret = config->auth_password, .role = ROLE_ADMIN};
    if (status != STATUS_OK) {
        mem_free(users);
        return status;
    }
    *ret_users = users;
    *ret_count = count;
    return STATUS_OK;
}

static Status set_users(Admission *admission, const UserEntry *users, uint32_t count, Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        const UserEntry *user = &users[i];
        /* Without a password or token it is for the certificates that name it. */
        if (user->secret.ptr || !user->token.ptr)
            TRY(admission_set_user(admission, user->name, user->secret, user->role, err));
        if (user->token.ptr)
            TRY(admission_set_token(admission, user->name, user->token, user->role, err));
    }
    return STATUS_OK;
}

/* ---- limits ---- */

static Status read_rules(const char *key, Str text, AddressRule **ret_rules, uint32_t *ret_count,
                         Error *err)
{
    Str rest = text;
    Str part;
    size_t cap = 0;

    *ret_rules = NULL;
    *ret_count = 0;
    while (text.len && str_split(&rest, ',', &part)) {
        AddressRule rule;
        part = str_trim(part);
        if (!part.len)
            continue;
        Status status = address_rule_parse(part, &rule, err);
        if (status == STATUS_OK && *ret_count == RULES_MAX)
            status = error_set(err, STATUS_INVALID, "more than %d addresses", RULES_MAX);
        if (status != STATUS_OK) {
            error_prefix(err, "%s", key);
            return status;
        }
        MEM_GROW(*ret_rules, cap, *ret_count + 1);
        (*ret_rules)[(*ret_count)++] = rule;
    }
    return STATUS_OK;
}

static GateLimits limits_of(const Config *c)
{
    return (GateLimits){.queries_per_second = c->admission_queries,
                        .queries_burst = c->admission_burst,
                        .connections_per_address = c->admission_connections,
                        .failed_logins_max = c->admission_failed_logins,
                        .failed_logins_window_ns = c->admission_window,
                        .refusals_max = c->admission_refusals,
                        .ban_ns = c->admission_ban_time};
}

Status auth_config_apply(const Config *config, Admission *admission, Error *err)
{
    CLEANUP(mem_freep) AddressRule *trusted = NULL;
    CLEANUP(mem_freep) AddressRule *banned = NULL;
    CLEANUP(mem_freep) UserEntry *users = NULL;
    uint32_t user_count;
    GateLimits limits = limits_of(config);
    Admission *scratch;
    const AdmissionOptions plain = {0};

    TRY(read_rules("admission.trusted", config->admission_trusted, &trusted, &limits.trusted_count,
                   err));
    TRY(read_rules("admission.banned", config->admission_banned, &banned, &limits.banned_count,
                   err));
    limits.trusted = trusted;
    limits.banned = banned;
    TRY(read_users(config, &users, &user_count, err));
    /* Tried on another first, so that what is refused changes nothing. */
    TRY(admission_new(&plain, &scratch, err));
    Status status = set_users(scratch, users, user_count, err);
    (void)admission_free(scratch);
    TRY(status);
    admission_begin_reload(admission);
    status = set_users(admission, users, user_count, err);
    admission_end_reload(admission);
    gate_set_limits(admission_gate(admission), &limits);
    return status;
}

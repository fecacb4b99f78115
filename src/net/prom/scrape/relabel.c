#include "net/prom/scrape/relabel.h"

#include <openssl/evp.h>

enum { GROUPS_MAX = 32 };

bool relabel_action_parse(Str word, RelabelAction *ret_action)
{
    static const char *const words[] = {"replace",   "keep",      "drop",     "keepequal",
                                        "dropequal", "hashmod",   "labelmap", "labeldrop",
                                        "labelkeep", "lowercase", "uppercase"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(words); i++)
        if (str_eq_nocase(word, str_from(words[i]))) {
            *ret_action = (RelabelAction)i;
            return true;
        }
    return false;
}

Str relabel_set_get(const RelabelSet *set, Str name)
{
    return label_set_get((LabelSet){set->labels, set->count}, name);
}

static void remove_at(RelabelSet *set, uint32_t i)
{
    memmove(&set->labels[i], &set->labels[i + 1], (set->count - i - 1) * sizeof *set->labels);
    set->count--;
}

void relabel_set_put(RelabelSet *set, Arena *arena, Str name, Str value)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (!str_eq(set->labels[i].name, name))
            continue;
        if (value.len)
            set->labels[i].value = value;
        else
            remove_at(set, i);
        return;
    }
    if (value.len) {
        Label label = {name, value};
        ARENA_PUSH(arena, set->labels, set->count, set->cap, label);
    }
}

/* $1, ${1}, ${name}, $$ as Go's Regexp.Expand. */
static Str expand(Str template, const Regex *regex, const Str *groups, int group_count,
                  Arena *arena)
{
    CLEANUP(buf_done) Buf out = {0};

    for (size_t i = 0; i < template.len; i++) {
        char c = template.ptr[i];
        if (c != '$' || i + 1 == template.len) {
            buf_append_byte(&out, (uint8_t)c);
            continue;
        }
        if (template.ptr[i + 1] == '$') {
            buf_append_byte(&out, '$');
            i++;
            continue;
        }
        bool braced = template.ptr[i + 1] == '{';
        size_t start = i + 1 + braced;
        size_t end = start;
        while (end < template.len &&
               ((template.ptr[end] >= '0' && template.ptr[end] <= '9') ||
                (template.ptr[end] >= 'a' && template.ptr[end] <= 'z') ||
                (template.ptr[end] >= 'A' && template.ptr[end] <= 'Z') || template.ptr[end] == '_'))
            end++;
        Str name = str_sub(template, start, end - start);
        if (name.len == 0 || (braced && (end == template.len || template.ptr[end] != '}'))) {
            buf_append_byte(&out, '$');
            continue;
        }
        int64_t number;
        int group = str_to_i64(name, &number) ? (number < GROUPS_MAX ? (int)number : -1)
                                              : regex_group_index(regex, name);
        if (group >= 0 && group < group_count)
            buf_append_str(&out, groups[group]);
        i = end - !braced;
    }
    return arena_str(arena, buf_str(&out));
}

static Str join_sources(const RelabelRule *rule, const RelabelSet *set, Arena *arena)
{
    if (rule->source_count == 1)
        return relabel_set_get(set, rule->source_labels[0]);
    CLEANUP(buf_done) Buf out = {0};
    for (uint32_t i = 0; i < rule->source_count; i++) {
        if (i)
            buf_append_str(&out, rule->separator);
        buf_append_str(&out, relabel_set_get(set, rule->source_labels[i]));
    }
    return arena_str(arena, buf_str(&out));
}

static void replace(const RelabelRule *rule, Str source, RelabelSet *set, Arena *arena)
{
    Str groups[GROUPS_MAX];
    int count = LUMA_MIN(regex_group_count(rule->regex) + 1, GROUPS_MAX);

    if (!regex_search(rule->regex, source, 0, groups, count))
        return;
    Str target = expand(rule->target_label, rule->regex, groups, count, arena);
    if (target.len == 0 || !str_utf8_valid(target))
        return;
    relabel_set_put(set, arena, target,
                    expand(rule->replacement, rule->regex, groups, count, arena));
}

/* The last eight bytes of the MD5 of the source, as Prometheus. */
static Str hashmod(const RelabelRule *rule, Str source, Arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    uint64_t hash = 0;

    if (EVP_Digest(source.ptr, source.len, digest, NULL, EVP_md5(), NULL) != 1)
        return (Str){"", 0};
    for (int i = 8; i < 16; i++)
        hash = hash << 8 | digest[i];
    return arena_printf(arena, "%llu", (unsigned long long)(hash % rule->modulus));
}

static void labelmap(const RelabelRule *rule, RelabelSet *set, Arena *arena)
{
    Str groups[GROUPS_MAX];
    int count = LUMA_MIN(regex_group_count(rule->regex) + 1, GROUPS_MAX);
    uint32_t before = set->count;
    Label *copy = arena_dup(arena, set->labels, before * sizeof *copy);

    for (uint32_t i = 0; i < before; i++)
        if (regex_search(rule->regex, copy[i].name, 0, groups, count))
            relabel_set_put(set, arena,
                            expand(rule->replacement, rule->regex, groups, count, arena),
                            copy[i].value);
}

static void filter_names(const RelabelRule *rule, RelabelSet *set, bool keep_matching)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < set->count; i++)
        if (regex_match(rule->regex, set->labels[i].name) == keep_matching)
            set->labels[n++] = set->labels[i];
    set->count = n;
}

static Str change_case(Str text, bool upper, Arena *arena)
{
    Str copy = arena_str(arena, text);
    for (size_t i = 0; i < copy.len; i++) {
        char *c = (char *)(uintptr_t)&copy.ptr[i];
        if (upper ? *c >= 'a' && *c <= 'z' : *c >= 'A' && *c <= 'Z')
            *c ^= 0x20;
    }
    return copy;
}

static bool apply_rule(const RelabelRule *rule, RelabelSet *set, Arena *arena)
{
    Str source = join_sources(rule, set, arena);

    switch (rule->action) {
    case RELABEL_REPLACE:
        replace(rule, source, set, arena);
        return true;
    case RELABEL_KEEP:
        return regex_match(rule->regex, source);
    case RELABEL_DROP:
        return !regex_match(rule->regex, source);
    case RELABEL_KEEPEQUAL:
        return str_eq(relabel_set_get(set, rule->target_label), source);
    case RELABEL_DROPEQUAL:
        return !str_eq(relabel_set_get(set, rule->target_label), source);
    case RELABEL_HASHMOD:
        relabel_set_put(set, arena, rule->target_label, hashmod(rule, source, arena));
        return true;
    case RELABEL_LABELMAP:
        labelmap(rule, set, arena);
        return true;
    case RELABEL_LABELDROP:
        filter_names(rule, set, false);
        return true;
    case RELABEL_LABELKEEP:
        filter_names(rule, set, true);
        return true;
    case RELABEL_LOWERCASE:
    case RELABEL_UPPERCASE:
        relabel_set_put(set, arena, rule->target_label,
                        change_case(source, rule->action == RELABEL_UPPERCASE, arena));
        return true;
    }
    return true;
}

bool relabel_apply(const RelabelRules *rules, RelabelSet *set, Arena *arena)
{
    for (uint32_t i = 0; i < rules->count; i++)
        if (!apply_rule(&rules->rules[i], set, arena))
            return false;
    return true;
}

/* otlp_series.c - from a data point to its series.
 *
 * A known series is found without looking at an attribute: its key is
 *
 *   | 128 bits of resource, scope and metric | role | bound | the point's attribute fields |
 *
 * where the 128 bits are a hash under a secret of this process of all the bytes above the point.
 * Only a series that is new has its labels made, as Prometheus' OTLP receiver makes them
 * (storage/remote/otlptranslator/prometheusremotewrite/helper.go): attributes in the order of
 * their keys, those whose names collide joined by ';', promoted resource attributes where the name
 * is free, then scope, job and instance.
 */
#include <stdlib.h>

#include "ingest/otlp_int.h"

enum {
    KEY_HEAD = sizeof(Hash128) + 1 + sizeof(double),
    LABELS_MAX = 512,
    KEY_BYTES_MAX = 1 << 20,
    SAMPLES_MAX = 1 << 22, /* of a request */
};

void otlp__scratch_reset(OtlpDecoder *d)
{
    uint64_t repaired = d->scrap.repaired;

    arena_reset(&d->scratch);
    d->scrap = (OtlpText){.arena = &d->scratch, .chunk_bytes = 4096, .repaired = repaired};
}

/* ---------------------------------------------------------------- label lists */

typedef enum Merge { MERGE_JOIN, MERGE_KEEP, MERGE_REPLACE } Merge;

typedef struct Labels {
    Label items[LABELS_MAX];
    uint32_t count;
    bool overflow;
    bool bad_name; /* of an attribute: nothing of it is left */
} Labels;

static void put_label(OtlpDecoder *d, Labels *to, Str name, Str value, Merge merge)
{
    for (uint32_t i = 0; i < to->count; i++) {
        if (!str_eq(to->items[i].name, name))
            continue;
        if (merge == MERGE_JOIN)
            to->items[i].value =
                arena_printf(&d->scratch, "%.*s;%.*s", STR_FMT(to->items[i].value), STR_FMT(value));
        else if (merge == MERGE_REPLACE)
            to->items[i].value = value;
        return;
    }
    if (to->count == LABELS_MAX) {
        to->overflow = true;
        return;
    }
    to->items[to->count++] = (Label){name, value};
}

static Status value_text(OtlpDecoder *d, Str value, OtlpText *out, Str *ret_text)
{
    TRY(otlp__put_plain_value(d, out, value));
    *ret_text = otlp_text_end(out);
    return STATUS_OK;
}

static int cmp_keys(const void *a, const void *b)
{
    const OtlpAttribute *x = a;
    const OtlpAttribute *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->idx > y->idx) - (x->idx < y->idx);
}

static void sort_attributes(OtlpDecoder *d, uint32_t base)
{
    if (d->attributes.count > base)
        qsort(d->attributes.items + base, d->attributes.count - base, sizeof *d->attributes.items,
              cmp_keys);
}

/* Puts the attributes from `base` on and pops them; `skip` names some that stay out. */
static Status put_attributes(OtlpDecoder *d, Labels *to, uint32_t base, const char *const *skip,
                             size_t skip_count)
{
    uint32_t end = d->attributes.count;

    sort_attributes(d, base);
    for (uint32_t i = base; i < end; i++) {
        OtlpAttribute item = d->attributes.items[i];
        bool skipped = false;
        Str value;
        for (size_t s = 0; s < skip_count; s++)
            skipped |= str_eq(item.key, str_from(skip[s]));
        if (skipped)
            continue;
        Str key = otlp_text_repair(&d->scrap, item.key);
        Str name = otlp__label_name(key, d->ingest->translation, &d->scratch);
        to->bad_name |= !name.len;
        TRY(value_text(d, item.value, &d->scrap, &value));
        put_label(d, to, name, value, MERGE_JOIN);
    }
    d->attributes.count = base;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- resource and scope */

static void push_label(OtlpDecoder *d, Label **labels, uint32_t *count, uint32_t *cap, Str name,
                       Str value)
{
    ARENA_PUSH(&d->work, *labels, *count, *cap,
               ((Label){arena_str(&d->work, name), arena_str(&d->work, value)}));
}

static bool is_promoted(const OtlpIngest *ingest, Str key)
{
    for (uint32_t i = 0; i < ingest->promote_count; i++)
        if (str_eq(ingest->promote[i], key))
            return true;
    return false;
}

/* The last value of an attribute among those from `base` on; ptr NULL when there is none. */
static Str find_attribute(const OtlpDecoder *d, uint32_t base, Str key)
{
    Str found = {0};

    for (uint32_t i = base; i < d->attributes.count; i++)
        if (str_eq(d->attributes.items[i].key, key))
            found = d->attributes.items[i].value;
    return found;
}

static Status make_job_and_instance(OtlpMetric *m, uint32_t base, uint32_t *cap)
{
    OtlpDecoder *d = m->d;
    Str name = find_attribute(d, base, STR("service.name"));
    Str space = find_attribute(d, base, STR("service.namespace"));
    Str instance = find_attribute(d, base, STR("service.instance.id"));
    Str text;

    if (name.ptr) {
        TRY(value_text(d, name, &d->scrap, &text));
        if (space.ptr) {
            Str space_text;
            TRY(value_text(d, space, &d->scrap, &space_text));
            text = arena_printf(&d->scratch, "%.*s/%.*s", STR_FMT(space_text), STR_FMT(text));
        }
        push_label(d, &m->fixed, &m->fixed_count, cap, STR("job"), text);
    }
    if (instance.ptr) {
        TRY(value_text(d, instance, &d->scrap, &text));
        push_label(d, &m->fixed, &m->fixed_count, cap, STR("instance"), text);
    }
    return STATUS_OK;
}

static Status make_promoted(OtlpMetric *m, uint32_t base)
{
    OtlpDecoder *d = m->d;
    uint32_t cap = 0;

    sort_attributes(d, base);
    for (uint32_t i = base; i < d->attributes.count; i++) {
        OtlpAttribute item = d->attributes.items[i];
        Str text;
        if (!is_promoted(d->ingest, item.key))
            continue;
        Str name = otlp__label_name(otlp_text_repair(&d->scrap, item.key), d->ingest->translation,
                                    &d->scratch);
        TRY(value_text(d, item.value, &d->scrap, &text));
        if (name.len)
            push_label(d, &m->promoted, &m->promoted_count, &cap, name, text);
    }
    return STATUS_OK;
}

/* InstrumentationScope: name 1, version 2, attributes 3. A scope without a name adds nothing. */
static Status make_scope(OtlpMetric *m, uint32_t *cap)
{
    OtlpDecoder *d = m->d;
    PbReader r = pb_reader(m->scope);
    uint32_t base = d->attributes.count;
    Str texts[3] = {{"", 0}, {"", 0}, {"", 0}};
    PbField f;

    while (pb_next(&r, &f)) {
        if ((f.number == 1 || f.number == 2) && f.wire == PB_BYTES)
            texts[f.number] = f.bytes;
        else if (f.number == 3 && f.wire == PB_BYTES)
            TRY(otlp__push_attribute(d, f.bytes));
        else if (f.number <= 3)
            return otlp__malformed(d, "a field of a scope has another type");
    }
    if (r.failed)
        return otlp__malformed(d, "a scope is cut short");
    const char *const names[] = {"otel_scope_name", "otel_scope_version", "otel_scope_schema_url"};
    const Str values[] = {texts[1], texts[2], m->scope_schema_url};
    for (int i = 0; i < 3 && texts[1].len; i++)
        push_label(d, &m->fixed, &m->fixed_count, cap, str_from(names[i]),
                   otlp_text_repair(&d->scrap, values[i]));
    for (uint32_t i = base; i < d->attributes.count && texts[1].len; i++) {
        Str text;
        Str key = otlp_text_repair(&d->scrap, d->attributes.items[i].key);
        Str name = arena_printf(&d->scratch, "otel_scope_%.*s", STR_FMT(key));
        TRY(value_text(d, d->attributes.items[i].value, &d->scrap, &text));
        push_label(d, &m->fixed, &m->fixed_count, cap,
                   otlp__label_name(name, d->ingest->translation, &d->scratch), text);
    }
    d->attributes.count = base;
    return STATUS_OK;
}

static Status prepare_labels(OtlpMetric *m)
{
    OtlpDecoder *d = m->d;
    uint32_t base = d->attributes.count;
    uint32_t cap = 0;

    if (m->labels_ready)
        return STATUS_OK;
    m->promoted = m->fixed = NULL;
    m->promoted_count = m->fixed_count = 0;
    TRY(otlp__push_attributes(d, m->resource, 1));
    TRY(make_promoted(m, base));
    if (d->ingest->promote_scope)
        TRY(make_scope(m, &cap));
    TRY(make_job_and_instance(m, base, &cap));
    d->attributes.count = base;
    m->labels_ready = true;
    return STATUS_OK;
}

/* ---------------------------------------------------------------- series */

/* Registers the series. *ret_found = false when its labels are bad. */
static Status add_series(OtlpMetric *m, Labels *labels, Str key, uint64_t items, SeriesRef *ret_ref,
                         bool *ret_found)
{
    OtlpDecoder *d = m->d;
    const char *problem = NULL;
    Error why;

    *ret_found = false;
    if (labels->overflow || key.len > KEY_BYTES_MAX)
        problem = "a data point has too many attributes";
    else if (labels->bad_name)
        problem = "the name of an attribute has no character that a label name may have";
    else if (label_set_normalize(labels->items, &labels->count, &why) != STATUS_OK)
        problem = why.message;
    if (problem) {
        d->write->refused += items;
        ingest_refuse(d->tally, INGEST_REASON_LABELS, items, "%s", problem);
        return STATUS_OK;
    }
    TRY(write_batch_add_series(d->batch, m->cursor, LABEL_CODEC_OTLP, key,
                               (LabelSet){labels->items, labels->count}, ret_ref, d->err));
    *ret_found = true;
    return STATUS_OK;
}

static void put_role(OtlpMetric *m, Labels *labels, OtlpRole role, double bound)
{
    static const char *const suffixes[] = {
        [OTLP_ROLE_VALUE] = "",         [OTLP_ROLE_SUM] = "_sum",  [OTLP_ROLE_COUNT] = "_count",
        [OTLP_ROLE_BUCKET] = "_bucket", [OTLP_ROLE_QUANTILE] = "", [OTLP_ROLE_TARGET] = ""};
    OtlpDecoder *d = m->d;
    OtlpText *out = &d->scrap;

    if (role == OTLP_ROLE_BUCKET || role == OTLP_ROLE_QUANTILE) {
        if (__builtin_isfinite(bound))
            otlp_text_plain_double(out, bound);
        else
            otlp_text_go_double(out, bound);
        put_label(d, labels, role == OTLP_ROLE_BUCKET ? STR("le") : STR("quantile"),
                  otlp_text_end(out), MERGE_REPLACE);
    }
    put_label(d, labels, LABEL_NAME,
              arena_printf(&d->scratch, "%.*s%s", STR_FMT(m->prom_name), suffixes[role]),
              MERGE_REPLACE);
}

Status otlp__point_begin(OtlpMetric *m, Str point, uint32_t attributes_number)
{
    PbReader r = pb_reader(point);
    PbField f;

    buf_clear(&m->series_key);
    buf_append(&m->series_key, &m->key, sizeof m->key);
    (void)memset(buf_reserve(&m->series_key, KEY_HEAD), 0, KEY_HEAD);
    m->series_key.len = KEY_HEAD;
    for (const uint8_t *at = r.cursor; pb_next(&r, &f); at = r.cursor) {
        if (f.number != attributes_number)
            continue;
        if (f.wire != PB_BYTES)
            return otlp__malformed(m->d, "an attribute is no message");
        buf_append(&m->series_key, at, (size_t)(r.cursor - at));
    }
    return r.failed ? otlp__malformed(m->d, "a data point is cut short") : STATUS_OK;
}

static Str point_key(OtlpMetric *m, OtlpRole role, double bound)
{
    char *head = m->series_key.ptr + sizeof(Hash128);

    head[0] = (char)role;
    memcpy(head + 1, &bound, sizeof bound);
    return buf_str(&m->series_key);
}

Status otlp__point_series(OtlpMetric *m, OtlpRole role, double bound, uint64_t items,
                          SeriesRef *ret_ref, bool *ret_found)
{
    OtlpDecoder *d = m->d;
    Str key = point_key(m, role, bound);
    Labels labels;

    if (LUMA_UNLIKELY(write_batch_sample_count(d->batch) > SAMPLES_MAX))
        return otlp__malformed(d, "it has too many samples");
    *ret_found = true;
    if (LUMA_LIKELY(write_batch_find_series(d->batch, m->cursor, LABEL_CODEC_OTLP, key, ret_ref)))
        return STATUS_OK;
    labels.count = 0;
    labels.overflow = labels.bad_name = false;
    otlp__scratch_reset(d);
    TRY(prepare_labels(m));
    uint32_t base = d->attributes.count;
    Str attributes = str_sub(key, KEY_HEAD, key.len);
    PbReader r = pb_reader(attributes);
    PbField f;
    while (pb_next(&r, &f))
        TRY(otlp__push_attribute(d, f.bytes));
    TRY(put_attributes(d, &labels, base, NULL, 0));
    for (uint32_t i = 0; i < m->promoted_count; i++)
        put_label(d, &labels, m->promoted[i].name, m->promoted[i].value, MERGE_KEEP);
    for (uint32_t i = 0; i < m->fixed_count; i++)
        put_label(d, &labels, m->fixed[i].name, m->fixed[i].value, MERGE_REPLACE);
    put_role(m, &labels, role, bound);
    return add_series(m, &labels, key, items, ret_ref, ret_found);
}

Status otlp__target_series(OtlpMetric *m, SeriesRef *ret_ref, bool *ret_found)
{
    static const char *const identity[] = {"service.namespace", "service.name",
                                           "service.instance.id"};
    OtlpDecoder *d = m->d;
    struct {
        Hash128 resource;
        uint64_t role;
    } head = {m->resource_key, OTLP_ROLE_TARGET};
    Str key = str_make(&head, sizeof head);
    uint32_t base = d->attributes.count;
    Labels labels = {.count = 0};
    uint32_t cap = 0;

    *ret_found = true;
    if (write_batch_find_series(d->batch, m->cursor, LABEL_CODEC_OTLP, key, ret_ref))
        return STATUS_OK;
    *ret_found = false;
    otlp__scratch_reset(d);
    TRY(otlp__push_attributes(d, m->resource, 1));
    m->fixed = NULL;
    m->fixed_count = 0;
    m->labels_ready = false;
    TRY(make_job_and_instance(m, base, &cap));
    TRY(put_attributes(d, &labels, base, identity, LUMA_ARRAY_LEN(identity)));
    if (!m->fixed_count || !labels.count)
        return STATUS_OK; /* says nothing, or of nobody */
    for (uint32_t i = 0; i < m->fixed_count; i++)
        put_label(d, &labels, m->fixed[i].name, m->fixed[i].value, MERGE_REPLACE);
    put_label(d, &labels, LABEL_NAME, STR("target_info"), MERGE_REPLACE);
    return add_series(m, &labels, key, 0, ret_ref, ret_found);
}

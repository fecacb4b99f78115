#include "query/exec/series_group.h"

void series__groups_init(SeriesGroups *groups, const Str *names, uint32_t name_count, bool without,
                         Arena *arena)
{
    *groups = (SeriesGroups){
        .names = names, .name_count = name_count, .without = without, .arena = arena};
}

void series__groups_done(SeriesGroups *groups)
{
    map_done(&groups->by_labels);
}

static bool named(const Str *names, uint32_t count, Str name)
{
    for (uint32_t i = 0; i < count; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

LabelSet series__select_labels(LabelSet labels, const Str *names, uint32_t name_count, bool without,
                               Arena *arena)
{
    Label *out = arena_alloc(arena, (labels.count + 1) * sizeof *out);
    uint32_t n = 0;

    if (!out)
        return (LabelSet){0};
    for (uint32_t i = 0; i < labels.count; i++) {
        Str name = labels.labels[i].name;
        bool listed = named(names, name_count, name);
        if (without ? !listed && !str_eq(name, LABEL_NAME) : listed)
            out[n++] = labels.labels[i];
    }
    return (LabelSet){out, n};
}

/* The labels as one text: lengths, then bytes. */
static Status key_of(LabelSet labels, Arena *arena, Str *ret_key, Error *err)
{
    size_t len = 0;
    char *text;
    char *p;

    for (uint32_t i = 0; i < labels.count; i++)
        len += labels.labels[i].name.len + labels.labels[i].value.len + 2 * sizeof(uint32_t);
    TRY(arena_try_alloc(arena, len + 1, &text, err));
    p = text;
    for (uint32_t i = 0; i < labels.count; i++) {
        const Label *label = &labels.labels[i];
        uint32_t lens[2] = {(uint32_t)label->name.len, (uint32_t)label->value.len};
        memcpy(p, lens, sizeof lens);
        p += sizeof lens;
        memcpy(p, label->name.ptr, label->name.len);
        p += label->name.len;
        memcpy(p, label->value.ptr, label->value.len);
        p += label->value.len;
    }
    *ret_key = str_make(text, len);
    return STATUS_OK;
}

Status series__group_exact(SeriesGroups *g, LabelSet labels, Arena *scratch, uint32_t *ret_id,
                           Error *err)
{
    Str key;
    uintptr_t id;

    TRY(key_of(labels, scratch, &key, err));
    id = (uintptr_t)map_get(&g->by_labels, key);
    if (!id) {
        char *owned;
        Label *copy;
        TRY(arena_try_alloc(g->arena, key.len + 1, &owned, err));
        memcpy(owned, key.ptr, key.len);
        if (g->count == g->cap) {
            LabelSet *more;
            uint32_t cap = g->cap ? g->cap * 2 : 16;
            TRY(arena_try_alloc(g->arena, cap * sizeof *more, &more, err));
            if (g->count)
                memcpy(more, g->labels, g->count * sizeof *more);
            g->labels = more;
            g->cap = cap;
        }
        TRY(arena_try_alloc(g->arena, (labels.count + 1) * sizeof *copy, &copy, err));
        if (labels.count)
            memcpy(copy, labels.labels, labels.count * sizeof *copy);
        /* Texts of series outlive the query; made-up ones must be copied. */
        for (uint32_t i = 0; i < labels.count; i++) {
            copy[i].name = arena_str(g->arena, copy[i].name);
            copy[i].value = arena_str(g->arena, copy[i].value);
        }
        g->labels[g->count++] = (LabelSet){copy, labels.count};
        id = g->count;
        *map_put(&g->by_labels, str_make(owned, key.len), NULL) = (void *)id;
    }
    *ret_id = (uint32_t)id - 1;
    return STATUS_OK;
}

Status series__group_of(SeriesGroups *g, LabelSet labels, Arena *scratch, uint32_t *ret_id,
                        Error *err)
{
    LabelSet key = series__select_labels(labels, g->names, g->name_count, g->without, scratch);
    return series__group_exact(g, key, scratch, ret_id, err);
}

static Status group_refs(SeriesExec *exec, SeriesGroups *g, SeriesBatch *batch, Arena *scratch,
                         uint32_t *ids, Error *err)
{
    SeriesRef *refs;
    uint32_t *local;
    uint32_t *global;
    LabelSet *labels;
    uint32_t count;

    TRY(arena_try_alloc(scratch, batch->count * sizeof *refs, &refs, err));
    for (uint32_t i = 0; i < batch->count; i++)
        refs[i] = batch->rows[i].ref;
    TRY(exec->source.ops->group(exec->source.ctx, refs, batch->count, g->names, g->name_count,
                                g->without, scratch, &local, &labels, &count, err));
    TRY(arena_try_alloc(scratch, (count + 1) * sizeof *global, &global, err));
    for (uint32_t i = 0; i < count; i++)
        TRY(series__group_exact(g, labels[i], scratch, &global[i], err));
    for (uint32_t i = 0; i < batch->count; i++)
        ids[i] = global[local[i]];
    return STATUS_OK;
}

Status series__group_rows(SeriesExec *exec, SeriesGroups *g, SeriesBatch *batch, Arena *scratch,
                          uint32_t **ret_ids, Error *err)
{
    bool plain = true;
    uint32_t *ids;

    TRY(arena_try_alloc(scratch, (batch->count + 1) * sizeof *ids, &ids, err));
    *ret_ids = ids;
    for (uint32_t i = 0; plain && i < batch->count; i++)
        plain = batch->rows[i].has_ref;
    if (plain)
        return group_refs(exec, g, batch, scratch, ids, err);
    for (uint32_t i = 0; i < batch->count; i++) {
        TRY(series_row_labels(exec, &batch->rows[i], scratch, err));
        TRY(series__group_of(g, batch->rows[i].labels, scratch, &ids[i], err));
    }
    return STATUS_OK;
}

/* metric_group.c - grouping of series by label values, on pair ids.
 *
 * Series with the same label names share a shape; which positions of a shape are kept is worked out
 * once. A group's key is the list of kept pair ids, in the order of their names: since a pair id
 * stands for name and value, equal keys are equal label sets, whatever shape they come from.
 */
#include "storage/metrics/metric_int.h"

typedef struct ShapePlan {
    uint32_t count;
    uint32_t positions[]; /* of the kept labels */
} ShapePlan;

typedef struct Group {
    const uint32_t *key;
    uint32_t key_len;
} Group;

typedef struct Grouping {
    const MetricStore *store;
    Arena *arena;
    const uint32_t *names; /* ids; unknown names are left out */
    uint32_t name_count;
    uint32_t metric_name; /* id of __name__, or ID_NONE */
    bool without;
    ShapePlan **plans; /* by shape id, made on demand */
    uint32_t shape_count;
    Group *groups;
    uint32_t group_count;
    uint32_t group_cap;
    IdTable table;
} Grouping;

static bool is_kept(const Grouping *g, uint32_t name)
{
    bool named = false;

    for (uint32_t i = 0; !named && i < g->name_count; i++)
        named = g->names[i] == name;
    return g->without ? !named && name != g->metric_name : named;
}

static Status plan_shape(Grouping *g, uint32_t shape_id, const ShapePlan **ret_plan, Error *err)
{
    const LabelShape *shape = metric__shape(g->store, shape_id);
    ShapePlan *plan;

    TRY(arena_try_alloc(g->arena, sizeof *plan + shape->count * sizeof(uint32_t), &plan, err));
    plan->count = 0;
    for (uint32_t i = 0; i < shape->count; i++)
        if (is_kept(g, shape->names[i]))
            plan->positions[plan->count++] = i;
    g->plans[shape_id] = plan;
    *ret_plan = plan;
    return STATUS_OK;
}

/* Shapes may be made while we group: the array grows. */
static Status room_for_shape(Grouping *g, uint32_t shape_id, Error *err)
{
    uint32_t count =
        LUMA_MAX(shape_id + 1, __atomic_load_n(&g->store->shape_count, __ATOMIC_ACQUIRE));
    ShapePlan **plans;

    if (LUMA_LIKELY(shape_id < g->shape_count))
        return STATUS_OK;
    TRY(arena_try_alloc(g->arena, count * sizeof *plans, &plans, err));
    memset(plans, 0, count * sizeof *plans);
    if (g->shape_count)
        memcpy(plans, g->plans, g->shape_count * sizeof *plans);
    g->plans = plans;
    g->shape_count = count;
    return STATUS_OK;
}

static Status new_group(Grouping *g, const uint32_t *key, uint32_t len, uint32_t hash,
                        uint32_t *ret_group, Error *err)
{
    uint32_t *own;

    if (g->group_count == g->group_cap) {
        uint32_t cap = g->group_cap ? g->group_cap * 2 : 16;
        Group *groups;
        TRY(arena_try_alloc(g->arena, cap * sizeof *groups, &groups, err));
        if (g->group_count)
            memcpy(groups, g->groups, g->group_count * sizeof *groups);
        g->groups = groups;
        g->group_cap = cap;
    }
    TRY(arena_try_alloc(g->arena, len * sizeof *own, &own, err));
    if (len)
        memcpy(own, key, len * sizeof *own);
    g->groups[g->group_count] = (Group){own, len};
    id_table_put(&g->table, hash, g->group_count);
    *ret_group = g->group_count++;
    return STATUS_OK;
}

static Status find_group(Grouping *g, const uint32_t *key, uint32_t len, uint32_t *ret_group,
                         Error *err)
{
    uint64_t h = len;
    uint32_t pos = 0;
    uint32_t id;

    for (uint32_t i = 0; i < len; i++)
        h = (h ^ key[i]) * UINT64_C(0x9e3779b97f4a7c15) ^ h >> 29;
    uint32_t hash = (uint32_t)(h >> 32) ^ (uint32_t)h;
    while ((id = id_table_next(&g->table, hash, &pos)) != ID_NONE) {
        const Group *group = &g->groups[id];
        if (group->key_len == len && (len == 0 || memcmp(group->key, key, len * sizeof *key) == 0))
            break;
    }
    *ret_group = id;
    return id == ID_NONE ? new_group(g, key, len, hash, ret_group, err) : STATUS_OK;
}

static Status group_series(Grouping *g, const SeriesLabels *labels, uint32_t *key,
                           uint32_t *ret_group, Error *err)
{
    TRY(room_for_shape(g, labels->shape, err));
    const ShapePlan *plan = g->plans[labels->shape];
    if (!plan)
        TRY(plan_shape(g, labels->shape, &plan, err));
    for (uint32_t i = 0; i < plan->count; i++)
        key[i] = labels->pairs[plan->positions[i]];
    return find_group(g, key, plan->count, ret_group, err);
}

static Status group_all(Grouping *g, const SeriesRef *refs, uint32_t count, uint32_t *group_ids,
                        Error *err)
{
    enum { AHEAD_SERIES = 16, AHEAD_LABELS = 8 };
    uint32_t few[64];
    CLEANUP(mem_freep) uint32_t *many = NULL;
    uint32_t *key = few;
    uint32_t key_cap = LUMA_ARRAY_LEN(few);

    for (uint32_t i = 0; i < count; i++) {
        if (i + AHEAD_SERIES < count)
            __builtin_prefetch(metric__series(g->store, refs[i + AHEAD_SERIES]));
        if (i + AHEAD_LABELS < count)
            __builtin_prefetch(metric__labels(g->store, refs[i + AHEAD_LABELS]));
        const SeriesLabels *labels = metric__labels(g->store, refs[i]);
        if (!labels) {
            TRY(find_group(g, key, 0, &group_ids[i], err));
            continue;
        }
        if (labels->count > key_cap) {
            key_cap = labels->count;
            many = mem_realloc(many, key_cap * sizeof *many);
            key = many;
        }
        TRY(group_series(g, labels, key, &group_ids[i], err));
    }
    return STATUS_OK;
}

static Status list_groups(const Grouping *g, LabelSet **ret_groups, Error *err)
{
    LabelSet *sets;

    TRY(arena_try_alloc(g->arena, (g->group_count + 1) * sizeof *sets, &sets, err));
    for (uint32_t i = 0; i < g->group_count; i++) {
        const Group *group = &g->groups[i];
        Label *labels;
        TRY(arena_try_alloc(g->arena, (group->key_len + 1) * sizeof *labels, &labels, err));
        for (uint32_t k = 0; k < group->key_len; k++)
            labels[k] = label_index_label(&g->store->index, group->key[k]);
        sets[i] = (LabelSet){labels, group->key_len};
    }
    *ret_groups = sets;
    return STATUS_OK;
}

Status metric_store_group(MetricSnapshot *snapshot, const SeriesRef *refs, uint32_t count,
                          const Str *names, uint32_t name_count, bool without, Arena *arena,
                          uint32_t *group_ids, LabelSet **ret_groups, uint32_t *ret_group_count,
                          Error *err)
{
    MetricStore *store = snapshot->store;
    Grouping g = {.store = store, .arena = arena, .without = without};
    uint32_t *ids;

    TRY(arena_try_alloc(arena, (name_count + 1) * sizeof *ids, &ids, err));
    for (uint32_t i = 0; i < name_count; i++)
        if (label_index_find_name(&store->index, names[i], &ids[g.name_count]))
            g.name_count++;
    g.names = ids;
    (void)label_index_find_name(&store->index, LABEL_NAME, &g.metric_name);
    Status status = group_all(&g, refs, count, group_ids, err);
    id_table_done(&g.table);
    TRY(status);
    TRY(list_groups(&g, ret_groups, err));
    *ret_group_count = g.group_count;
    return STATUS_OK;
}

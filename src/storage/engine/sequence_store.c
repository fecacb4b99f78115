#include "storage/engine/sequence_store.h"

#include <inttypes.h>

#include "base/map.h"

enum { LOG_AHEAD = 32 };

typedef struct SequenceState {
    uint32_t id;
    int64_t value; /* given last, or first to come */
    bool is_called;
    int64_t log_count;     /* values that can be given before the log gets another */
    bool busy;             /* somebody works on it: wait */
    bool dropped;          /* no longer in the map: who works on it frees it */
    int64_t durable_value; /* as the log has it */
    bool durable_is_called;
    bool durable;
} SequenceState;

struct SequenceStore {
    Mutex lock;
    Cond idle;  /* some state is no longer busy */
    Map states; /* id (4 bytes, in the state) -> SequenceState */
    SequenceLog log;
    void *ctx;
};

SequenceStore *sequence_store_new(SequenceLog log, void *ctx)
{
    SequenceStore *store = MEM_NEW(SequenceStore);

    mutex_init(&store->lock);
    cond_init(&store->idle);
    store->log = log;
    store->ctx = ctx;
    return store;
}

SequenceStore *sequence_store_free(SequenceStore *store)
{
    size_t pos = 0;

    if (!store)
        return NULL;
    for (const MapSlot *slot; (slot = map_next(&store->states, &pos));)
        mem_free(slot->value);
    map_done(&store->states);
    cond_done(&store->idle);
    mutex_done(&store->lock);
    mem_free(store);
    return NULL;
}

/* The state, made when it is not there. Under the lock. */
static SequenceState *get_state(SequenceStore *store, uint32_t id)
{
    SequenceState *state = map_get(&store->states, str_make(&id, sizeof id));

    if (state)
        return state;
    state = MEM_NEW(SequenceState);
    state->id = id;
    *map_put(&store->states, str_make(&state->id, sizeof state->id), NULL) = state;
    return state;
}

static SequenceState *state_of(SequenceStore *store, const CatalogSequence *sequence)
{
    SequenceState *state =
        map_get(&store->states, str_make(&sequence->state_id, sizeof sequence->state_id));

    if (state)
        return state;
    state = get_state(store, sequence->state_id);
    state->value = sequence->first;
    state->is_called = sequence->first_called;
    return state;
}

/* Takes the state for itself: others wait, so no lock is held while the log is written. How it
 * stands is in *ret_now; what others read of it changes in `leave`. */
static SequenceState *enter(SequenceStore *store, const CatalogSequence *sequence,
                            SequenceState *ret_now)
{
    MUTEX_GUARD(&store->lock);
    for (;;) {
        SequenceState *state = state_of(store, sequence);
        if (!state->busy) {
            state->busy = true;
            *ret_now = *state;
            return state;
        }
        cond_wait(&store->idle, &store->lock);
    }
}

/* `now` = how it stands from here on, NULL = as before. */
static void leave(SequenceStore *store, SequenceState *state, const SequenceState *now)
{
    MUTEX_GUARD(&store->lock);
    if (now) {
        state->value = now->value;
        state->is_called = now->is_called;
        state->log_count = now->log_count;
    }
    state->busy = false;
    if (state->dropped)
        mem_free(state);
    cond_broadcast(&store->idle);
}

/* One step from `value`; false at the end of a sequence that does not cycle. */
static bool step(const CatalogSequence *s, int64_t value, bool may_cycle, int64_t *ret)
{
    int64_t next;

    if (!__builtin_add_overflow(value, s->increment, &next) && next >= s->min && next <= s->max) {
        *ret = next;
        return true;
    }
    if (!s->cycle || !may_cycle)
        return false;
    *ret = s->increment > 0 ? s->min : s->max;
    return true;
}

static Status at_end(const CatalogSequence *s, Error *err)
{
    bool up = s->increment > 0;
    return error_set_sql(err, STATUS_INVALID, "2200H", 0,
                         "nextval: reached %s value of sequence \"%.*s\" (%" PRId64 ")",
                         up ? "maximum" : "minimum", STR_FMT(s->name), up ? s->max : s->min);
}

/* The values, and how the state stands after them. */
static Status take_values(const CatalogSequence *s, SequenceState *state, uint32_t count,
                          int64_t *values, Error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t next = state->value;
        if (state->is_called && !step(s, state->value, true, &next))
            return at_end(s, err);
        /* A cycle begins anew, and so does the log. */
        if (state->is_called && (s->increment > 0) != (next > state->value))
            state->log_count = 0;
        state->value = next;
        state->is_called = true;
        state->log_count--;
        values[i] = next;
    }
    return STATUS_OK;
}

Status sequence_store_next(SequenceStore *store, const CatalogSequence *sequence, uint32_t count,
                           int64_t *ret_values, Error *err)
{
    SequenceState next;
    SequenceState *state = enter(store, sequence, &next);
    Status status = take_values(sequence, &next, count, ret_values, err);

    if (status == STATUS_OK && next.log_count < 0) {
        int64_t ahead = next.value;
        next.log_count = 0;
        while (next.log_count < LOG_AHEAD && step(sequence, ahead, false, &ahead))
            next.log_count++;
        if (sequence->state_id < TABLE_ID_FIRST_TEMPORARY)
            status = store->log(store->ctx, sequence->state_id, ahead, true, err);
    }
    leave(store, state, status == STATUS_OK ? &next : NULL);
    return status;
}

Status sequence_store_set(SequenceStore *store, const CatalogSequence *sequence, int64_t value,
                          bool is_called, Error *err)
{
    SequenceState next;
    SequenceState *state = enter(store, sequence, &next);
    Status status = sequence->state_id < TABLE_ID_FIRST_TEMPORARY
                        ? store->log(store->ctx, sequence->state_id, value, is_called, err)
                        : STATUS_OK;

    next = (SequenceState){.value = value, .is_called = is_called};
    leave(store, state, status == STATUS_OK ? &next : NULL);
    return status;
}

void sequence_store_get(SequenceStore *store, const CatalogSequence *sequence, int64_t *ret_value,
                        int64_t *ret_log_count, bool *ret_is_called)
{
    MUTEX_GUARD(&store->lock);
    const SequenceState *state = state_of(store, sequence);
    *ret_value = state->value;
    *ret_log_count = state->log_count;
    *ret_is_called = state->is_called;
}

void sequence_store_apply(SequenceStore *store, uint32_t state_id, int64_t value, bool is_called,
                          bool replay)
{
    MUTEX_GUARD(&store->lock);
    SequenceState *state = get_state(store, state_id);
    state->durable_value = value;
    state->durable_is_called = is_called;
    state->durable = true;
    if (!replay)
        return;
    state->value = value;
    state->is_called = is_called;
    state->log_count = 0;
}

/* Whoever works on the state may be waiting for the applier, which calls this: it is not waited
 * for.
 */
void sequence_store_drop(SequenceStore *store, uint32_t state_id)
{
    MUTEX_GUARD(&store->lock);
    SequenceState *state = map_remove(&store->states, str_make(&state_id, sizeof state_id));

    if (state && state->busy)
        state->dropped = true;
    else
        mem_free(state);
    cond_broadcast(&store->idle);
}

static bool has_state(const CatalogVersion *version, uint32_t state_id)
{
    const CatalogSequence *sequence;
    size_t pos = 0;

    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos)))
        if (sequence->state_id == state_id)
            return true;
    return false;
}

uint32_t sequence_store_prune(SequenceStore *store, const CatalogVersion *version)
{
    SequenceState *unused = NULL;
    uint32_t max = 0;

    MUTEX_GUARD(&store->lock);
    do {
        size_t pos = 0;
        unused = NULL;
        for (const MapSlot *slot; !unused && (slot = map_next(&store->states, &pos));) {
            SequenceState *state = slot->value;
            max = LUMA_MAX(max, state->id);
            if (!has_state(version, state->id))
                unused = state;
        }
        if (unused) {
            (void)map_remove(&store->states, str_make(&unused->id, sizeof unused->id));
            mem_free(unused);
        }
    } while (unused);
    return max;
}

size_t sequence_store_list(SequenceStore *store, const CatalogVersion *version, Arena *arena,
                           CatalogChange **ret_changes)
{
    CatalogChange *changes = NULL;
    const CatalogSequence *sequence;
    size_t count = 0;
    size_t cap = 0;
    size_t pos = 0;

    MUTEX_GUARD(&store->lock);
    while ((sequence = catalog_next(version, CATALOG_SEQUENCE, &pos))) {
        const SequenceState *state =
            map_get(&store->states, str_make(&sequence->state_id, sizeof sequence->state_id));
        if (!state || !state->durable)
            continue;
        CatalogChange change = {.op = CATALOG_SET_SEQUENCE,
                                .kind = CATALOG_SEQUENCE,
                                .id = sequence->state_id,
                                .value = state->durable_value,
                                .is_called = state->durable_is_called};
        ARENA_PUSH(arena, changes, count, cap, change);
    }
    *ret_changes = changes;
    return count;
}

/* write_path.c - from a batch to its acknowledgement.
 *
 *   caller          reserve keys, encode, wal_append
 *   log's writer    on_durable, in LSN order: the batch's last entry hands it to the applier
 *   applier         applies batches in LSN order, moves visible_lsn, answers
 *
 * So the sync of the next group of entries runs while the last one is applied. A batch that fails
 * takes the same way to its answer and is not applied.
 */
#include "base/clock.h"
#include "storage/engine/engine_int.h"

static void fail(WriteBatch *batch, Status status, const Error *err)
{
    if (batch->error)
        return; /* the first failure tells */
    batch->error = MEM_NEW(Error);
    if (err)
        *batch->error = *err;
    else
        (void)error_set(batch->error, status, "the write failed");
    batch->error->status = status;
}

static void queue_for_applier(WriteBatch *batch)
{
    Engine *engine = batch->engine;

    MUTEX_GUARD(&engine->apply_lock);
    batch->next = NULL;
    *engine->apply_tail = batch;
    engine->apply_tail = &batch->next;
    cond_signal(&engine->apply_work);
}

/* `count` of the batch's entries are resolved. The last one moves the batch on (acq_rel: it sees
 * what the others wrote), so a whole batch is queued by the log's writer thread, in LSN order. */
static void resolve(WriteBatch *batch, size_t count)
{
    if (__atomic_sub_fetch(&batch->unresolved, count, __ATOMIC_ACQ_REL) == 0)
        queue_for_applier(batch);
}

static void on_durable(WalAppend *append, Status status, const Error *err)
{
    WriteEntry *entry = LUMA_CONTAINER_OF(append, WriteEntry, append);
    WriteBatch *batch = entry->batch;

    if (status != STATUS_OK && !__atomic_exchange_n(&batch->failed, true, __ATOMIC_RELAXED))
        fail(batch, status, err);
    batch->lsn = append->lsn;
    resolve(batch, 1);
}

Status write_batch_reserve(WriteBatch *batch, Error *err)
{
    for (size_t i = 0; i < batch->table_count; i++)
        TRY(row_changes_reserve(batch->tables[i].changes, err));
    return STATUS_OK;
}

/* Rows and keys of all tables; what the log gets of them. A failed batch releases them at its end.
 */
static Status reserve(WriteBatch *batch, Error *err)
{
    for (size_t i = 0; i < batch->table_count; i++) {
        WriteTable *table = &batch->tables[i];
        const RecordBatch *rows;
        uint32_t count;
        TRY(row_changes_reserve(table->changes, err));
        TRY(row_changes_rows(table->changes, &rows, &count, err));
        row_changes_names(table->changes, &table->deletes, &table->delete_count, &table->truncate);
        for (uint32_t k = 0; k < count; k++) {
            MEM_GROW(batch->rows, batch->row_batch_cap, batch->row_batch_count + 1);
            batch->rows[batch->row_batch_count++] =
                (WriteRows){table->store_id, table->schema_version, rows[k]};
        }
    }
    return STATUS_OK;
}

static void release(WriteBatch *batch)
{
    for (size_t i = 0; i < batch->table_count; i++)
        row_changes_release(batch->tables[i].changes);
}

static void charge(WriteBatch *batch)
{
    size_t bytes = batch->sample_cap * (sizeof(SeriesRef) + 2 * sizeof(int64_t)) +
                   batch->histogram_cap * sizeof(WalHistogram) +
                   batch->exemplar_cap * sizeof(WalExemplar) +
                   batch->metadata_cap * sizeof(WalMetadata);

    for (const WriteEntry *const *entry = (const WriteEntry *const *)batch->entries;
         entry < (const WriteEntry *const *)batch->entries + batch->entry_count; entry++)
        bytes += (*entry)->payload.cap;
    for (size_t i = 0; i < batch->row_batch_count; i++)
        for (uint32_t c = 0; c < batch->rows[i].batch.column_count; c++)
            bytes += column_bytes(&batch->rows[i].batch.columns[c]);
    batch->charged_bytes = (int64_t)bytes;
    mem_budget_force(batch->engine->budget, batch->charged_bytes);
}

static Status prepare(WriteBatch *batch, Error *err)
{
    TRY(metric_store_admit(batch->engine->metrics, batch->sample_count + batch->histogram_count,
                           err));
    TRY(reserve(batch, err));
    TRY(engine__encode(batch, err));
    charge(batch);
    return STATUS_OK;
}

/* Gives all entries to the log; the batch may be gone when this returns. After a refusal the rest
 * is left out: without its COMMIT the transaction counts as absent. */
static void append_entries(WriteBatch *batch)
{
    Wal *wal = batch->engine->wal;
    WriteEntry **entries = batch->entries;
    size_t count = batch->entry_count;
    Error err = {0};

    batch->unresolved = count;
    for (size_t i = 0; i < count; i++) {
        WriteEntry *entry = entries[i];
        entry->append.payload = buf_str(&entry->payload);
        entry->append.on_durable = on_durable;
        /* A full queue refuses a write whole: what was begun waits for its turn. */
        Status status =
            i ? wal_append_wait(wal, &entry->append, &err) : wal_append(wal, &entry->append, &err);
        if (status == STATUS_OK)
            continue;
        if (!__atomic_exchange_n(&batch->failed, true, __ATOMIC_RELAXED))
            fail(batch, status, &err);
        resolve(batch, count - i);
        return;
    }
}

void engine_write(Engine *engine, WriteBatch *batch, EngineWriteDone on_done, void *ctx)
{
    Error err = {0};

    batch->on_done = on_done;
    batch->ctx = ctx;
    mutex_lock(&engine->apply_lock);
    engine->in_flight++;
    mutex_unlock(&engine->apply_lock);
    Status status = prepare(batch, &err);
    if (status != STATUS_OK)
        fail(batch, status, &err);
    if (status == STATUS_OK && batch->entry_count)
        append_entries(batch);
    else
        queue_for_applier(batch);
}

/* ---------------------------------------------------------------- applier */

static void answer(WriteBatch *batch)
{
    Engine *engine = batch->engine;
    EngineWriteDone on_done = batch->on_done;
    void *ctx = batch->ctx;
    Error *error = STEAL(batch->error);
    Lsn lsn = batch->lsn;

    write_batch_free(batch);
    on_done(ctx, error ? error->status : STATUS_OK, error, error ? 0 : lsn);
    mem_free(error);
    MUTEX_GUARD(&engine->apply_lock);
    if (--engine->in_flight == 0)
        cond_broadcast(&engine->idle);
}

static void show(Engine *engine, Lsn lsn)
{
    MUTEX_GUARD(&engine->apply_lock);
    __atomic_store_n(&engine->visible_lsn, lsn, __ATOMIC_RELEASE);
    if (engine->waiting)
        cond_broadcast(&engine->shown);
}

void engine_wait_write(Engine *engine, Lsn seen, int64_t timeout_ns)
{
    int64_t deadline_ns = clock_mono_ns() + timeout_ns;

    MUTEX_GUARD(&engine->apply_lock);
    engine->waiting++;
    while (engine_visible_lsn(engine) <= seen &&
           cond_wait_until(&engine->shown, &engine->apply_lock, deadline_ns))
        ;
    engine->waiting--;
}

static void finish_batch(Engine *engine, WriteBatch *batch)
{
    if (!batch->entry_count)
        batch->lsn = engine->visible_lsn; /* nothing, or only what the log does not hold */
    if (!batch->error && batch->change_count) {
        Error err = {0};
        Status status =
            engine__apply_changes(engine, batch->changes, batch->change_count, false, &err);
        if (status != STATUS_OK)
            fail(batch, status, &err);
    }
    if (batch->error)
        release(batch);
    else
        engine__apply_batch(engine, batch);
    /* Whole batches come in LSN order. */
    if (!batch->error && batch->entry_count)
        show(engine, batch->lsn);
    else
        batch->lsn = engine->visible_lsn; /* nothing is to be seen */
    answer(batch);
}

void engine__applier_main(void *arg)
{
    Engine *engine = arg;

    for (;;) {
        mutex_lock(&engine->apply_lock);
        while (!engine->apply_head && !engine->stopping)
            cond_wait(&engine->apply_work, &engine->apply_lock);
        WriteBatch *batch = engine->apply_head;
        engine->apply_head = NULL;
        engine->apply_tail = &engine->apply_head;
        mutex_unlock(&engine->apply_lock);
        if (!batch)
            return;
        for (WriteBatch *next; batch; batch = next) {
            next = batch->next;
            finish_batch(engine, batch);
        }
    }
}

/* ---------------------------------------------------------------- waiting */

typedef struct WriteWait {
    Mutex lock;
    Cond cond;
    bool done;
    Status status;
    Error *err;
    Lsn lsn;
} WriteWait;

static void on_waited(void *ctx, Status status, const Error *err, Lsn lsn)
{
    WriteWait *wait = ctx;

    MUTEX_GUARD(&wait->lock);
    wait->status = status;
    wait->lsn = lsn;
    if (status != STATUS_OK && err && wait->err)
        *wait->err = *err;
    wait->done = true;
    cond_signal(&wait->cond);
}

Status engine_write_wait(Engine *engine, WriteBatch *batch, Lsn *ret_lsn, Error *err)
{
    return engine__changes_catalog(batch) ? engine__write_ddl(engine, batch, ret_lsn, err)
                                          : engine__write_and_wait(engine, batch, ret_lsn, err);
}

Status engine__write_and_wait(Engine *engine, WriteBatch *batch, Lsn *ret_lsn, Error *err)
{
    WriteWait wait = {.err = err};

    mutex_init(&wait.lock);
    cond_init(&wait.cond);
    engine_write(engine, batch, on_waited, &wait);
    mutex_lock(&wait.lock);
    while (!wait.done)
        cond_wait(&wait.cond, &wait.lock);
    mutex_unlock(&wait.lock);
    cond_done(&wait.cond);
    mutex_done(&wait.lock);
    if (wait.status == STATUS_OK && ret_lsn)
        *ret_lsn = wait.lsn;
    return wait.status;
}

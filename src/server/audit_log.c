#include "server/audit_log.h"

#include "base/clock.h"
#include "base/counter.h"
#include "base/log.h"

enum { WAITING_MAX = 4096, TEXT_BYTES_MAX = 1024, TEXTS = 7 };

/* A record that waits; its texts lie behind it. */
typedef struct Entry {
    struct Entry *next;
    int64_t ts_us;
    Str texts[TEXTS]; /* in the order of the columns */
} Entry;

struct AuditLog {
    Engine *engine;
    Mutex lock;
    Cond work;
    Entry *head;  /* guarded by lock */
    Entry **tail; /* guarded by lock */
    uint32_t count;
    bool stopping; /* guarded by lock */
    bool failing;  /* the last write failed; the thread's */
    Thread thread;
};

/* ---- adding ---- */

static Str cut(Str text)
{
    if (text.len > TEXT_BYTES_MAX) {
        text.len = TEXT_BYTES_MAX;
        while (text.len && ((uint8_t)text.ptr[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    return str_utf8_valid(text) ? text : STR("?");
}

static Entry *new_entry(const AuditRecord *record)
{
    const Str texts[TEXTS] = {cut(record->user),   cut(record->address), cut(record->protocol),
                              cut(record->action), cut(record->object),  cut(record->outcome),
                              cut(record->detail)};
    size_t bytes = 0;

    for (int i = 0; i < TEXTS; i++)
        bytes += texts[i].len;
    Entry *entry = mem_zalloc(sizeof *entry + bytes);
    char *at = (char *)(entry + 1);
    entry->ts_us = clock_wall_ns() / NS_PER_US;
    for (int i = 0; i < TEXTS; i++) {
        if (texts[i].len)
            memcpy(at, texts[i].ptr, texts[i].len);
        entry->texts[i] = (Str){at, texts[i].len};
        at += texts[i].len;
    }
    return entry;
}

void audit_log_add(AuditLog *log, const AuditRecord *record)
{
    if (!log)
        return;
    Entry *entry = new_entry(record);
    mutex_lock(&log->lock);
    bool full = log->count >= WAITING_MAX || log->stopping;
    if (!full) {
        *log->tail = entry;
        log->tail = &entry->next;
        log->count++;
        cond_signal(&log->work);
    }
    mutex_unlock(&log->lock);
    if (full) {
        mem_free(entry);
        counter_add(COUNTER_AUDIT_DROPPED, 1);
    }
}

/* ---- writing ---- */

static Status fill_batch(const Entry *entries, uint32_t count, Arena *arena, RecordBatch *ret,
                         Error *err)
{
    Column *columns = ARENA_NEW_ARRAY(arena, Column, TEXTS + 1);
    uint32_t row = 0;

    TRY(column_init(&columns[0], arena, TYPE_OF(TIMESTAMPTZ), count, false, err));
    for (int i = 0; i < TEXTS; i++)
        TRY(column_init(&columns[i + 1], arena, TYPE_OF(TEXT), count, false, err));
    for (const Entry *entry = entries; entry; entry = entry->next, row++) {
        ((int64_t *)column_values(&columns[0]))[row] = entry->ts_us;
        for (int i = 0; i < TEXTS; i++)
            ((View *)column_values(&columns[i + 1]))[row] =
                view_make(entry->texts[i].ptr, entry->texts[i].len);
    }
    *ret = (RecordBatch){.columns = columns, .column_count = TEXTS + 1, .row_count = count};
    return STATUS_OK;
}

static Status write_entries(AuditLog *log, const Entry *entries, uint32_t count, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    WriteBatch *batch;
    RecordBatch rows;
    CatalogVersion *catalog = engine_catalog(log->engine);
    const Table *table = catalog_table_by_id(catalog, TABLE_ID_AUDIT_LOG);

    arena_init(&arena, NULL);
    Status status = fill_batch(entries, count, &arena, &rows, err);
    if (status == STATUS_OK)
        status = write_batch_new(log->engine, &batch, err);
    if (status == STATUS_OK) {
        status = write_batch_rows(batch, table, &rows, err);
        if (status == STATUS_OK)
            status = engine_write_wait(log->engine, batch, NULL, err);
        else
            (void)write_batch_free(batch);
    }
    (void)catalog_version_unref(catalog);
    return status;
}

static void write_taken(AuditLog *log, Entry *entries, uint32_t count)
{
    Error err;
    Status status = write_entries(log, entries, count, &err);

    if (status != STATUS_OK) {
        counter_add(COUNTER_AUDIT_DROPPED, count);
        if (!log->failing)
            LOG_WARN("the audit log cannot be written", LOG_FIELD("error", LOG_STR(err.message)));
    }
    log->failing = status != STATUS_OK;
    for (Entry *next; entries; entries = next) {
        next = entries->next;
        mem_free(entries);
    }
}

static void writer_main(void *arg)
{
    AuditLog *log = arg;

    for (;;) {
        mutex_lock(&log->lock);
        while (!log->head && !log->stopping)
            cond_wait(&log->work, &log->lock);
        Entry *entries = log->head;
        uint32_t count = log->count;
        log->head = NULL;
        log->tail = &log->head;
        log->count = 0;
        mutex_unlock(&log->lock);
        if (!entries)
            return;
        write_taken(log, entries, count);
    }
}

/* ---- life ---- */

Status audit_log_new(Engine *engine, AuditLog **ret_log, Error *err)
{
    AuditLog *log = MEM_NEW(AuditLog);

    log->engine = engine;
    log->tail = &log->head;
    mutex_init(&log->lock);
    cond_init(&log->work);
    Status status = thread_start(&log->thread, "audit-log", writer_main, log, err);
    if (status != STATUS_OK) {
        (void)audit_log_free(log);
        return status;
    }
    *ret_log = log;
    return STATUS_OK;
}

void audit_log_stop(AuditLog *log)
{
    if (!log)
        return;
    mutex_lock(&log->lock);
    log->stopping = true;
    cond_signal(&log->work);
    mutex_unlock(&log->lock);
    thread_join(&log->thread);
    log->thread = (Thread){0};
}

AuditLog *audit_log_free(AuditLog *log)
{
    if (!log)
        return NULL;
    audit_log_stop(log);
    cond_done(&log->work);
    mutex_done(&log->lock);
    mem_free(log);
    return NULL;
}

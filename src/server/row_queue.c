#include "server/row_queue.h"

#include "base/clock.h"
#include "base/log.h"
#include "format/pgtype/jsonb.h"

enum { WAITING_MAX = 4096 };

/* A row that waits; its cells and their texts lie behind it. */
typedef struct Entry {
    struct Entry *next;
    RowCell cells[];
} Entry;

struct RowQueue {
    RowQueueOptions options;
    uint32_t column_count;
    Mutex lock;
    Cond work;
    Entry *head;    /* guarded by lock */
    Entry **tail;   /* guarded by lock */
    uint32_t count; /* guarded by lock */
    bool stopping;  /* guarded by lock */
    bool failing;   /* the last write failed; the thread's */
    Thread thread;
};

/* ---------------------------------------------------------------- adding */

static Str cut(Str text, uint32_t bytes_max)
{
    if (text.len > bytes_max) {
        text.len = bytes_max;
        while (text.len && ((uint8_t)text.ptr[text.len] & 0xC0) == 0x80)
            text.len--;
    }
    return str_utf8_valid(text) ? text : STR("?");
}

static Entry *new_entry(const RowQueue *queue, const RowCell *cells)
{
    RowCell kept[ROW_QUEUE_COLUMNS_MAX];
    size_t bytes = 0;

    for (uint32_t i = 0; i < queue->column_count; i++) {
        kept[i] = cells[i];
        kept[i].text = cut(cells[i].text, queue->options.text_bytes);
        bytes += kept[i].text.len;
    }
    Entry *entry = mem_zalloc(sizeof *entry + sizeof *cells * queue->column_count + bytes);
    char *at = (char *)&entry->cells[queue->column_count];
    for (uint32_t i = 0; i < queue->column_count; i++) {
        if (kept[i].text.len)
            memcpy(at, kept[i].text.ptr, kept[i].text.len);
        entry->cells[i] = kept[i];
        entry->cells[i].text.ptr = at;
        at += kept[i].text.len;
    }
    return entry;
}

void row_queue_add(RowQueue *queue, const RowCell *cells, uint32_t count)
{
    ASSERT(count == queue->column_count);
    Entry *entry = new_entry(queue, cells);
    mutex_lock(&queue->lock);
    bool full = queue->count >= WAITING_MAX || queue->stopping;
    if (!full) {
        *queue->tail = entry;
        queue->tail = &entry->next;
        if (queue->count++ == 0)
            cond_signal(&queue->work);
    }
    mutex_unlock(&queue->lock);
    if (full) {
        mem_free(entry);
        counter_add(queue->options.dropped, 1);
    }
}

/* ---------------------------------------------------------------- writing */

static Status put_text(Column *column, uint32_t row, Str text, Arena *arena, Error *err)
{
    if (column->type.id == TYPE_JSONB)
        TRY(jsonb_parse(text, arena, &text, err));
    ((View *)column_values(column))[row] = view_make(text.ptr, text.len);
    return STATUS_OK;
}

static Status put_cell(Column *column, uint32_t row, const RowCell *cell, Arena *arena, Error *err)
{
    switch (cell->kind) {
    case ROW_CELL_NULL:
        bit_clear(column_validity(column), row);
        return STATUS_OK;
    case ROW_CELL_TEXT:
        return put_text(column, row, cell->text, arena, err);
    case ROW_CELL_INT:
        switch (type_layout(column->type)) {
        case LAYOUT_INT16:
            ((int16_t *)column_values(column))[row] = (int16_t)cell->integer;
            break;
        case LAYOUT_INT32:
            ((int32_t *)column_values(column))[row] = (int32_t)cell->integer;
            break;
        default:
            ((int64_t *)column_values(column))[row] = cell->integer;
            break;
        }
        return STATUS_OK;
    }
    return STATUS_OK;
}

static Status fill_batch(const Table *table, const Entry *entries, uint32_t count, Arena *arena,
                         RecordBatch *ret, Error *err)
{
    Column *columns = ARENA_NEW_ARRAY(arena, Column, table->column_count);
    uint32_t row = 0;

    for (uint32_t i = 0; i < table->column_count; i++)
        TRY(column_init(&columns[i], arena, table->columns[i].type, count, true, err));
    for (const Entry *entry = entries; entry; entry = entry->next, row++)
        for (uint32_t i = 0; i < table->column_count; i++)
            TRY(put_cell(&columns[i], row, &entry->cells[i], arena, err));
    *ret =
        (RecordBatch){.columns = columns, .column_count = table->column_count, .row_count = count};
    return STATUS_OK;
}

static Status write_batch(RowQueue *queue, const Table *table, const Entry *entries, uint32_t count,
                          Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    WriteBatch *batch;
    RecordBatch rows;

    arena_init(&arena, NULL);
    TRY(fill_batch(table, entries, count, &arena, &rows, err));
    TRY(write_batch_new(queue->options.engine, &batch, err));
    Status status = write_batch_rows(batch, table, &rows, err);
    if (status != STATUS_OK) {
        (void)write_batch_free(batch);
        return status;
    }
    return engine_write_wait(queue->options.engine, batch, NULL, err);
}

static void write_taken(RowQueue *queue, Entry *entries, uint32_t count)
{
    CatalogVersion *catalog = engine_catalog(queue->options.engine);
    const Table *table = catalog_table_by_id(catalog, queue->options.table_id);
    Error err;
    Status status = write_batch(queue, table, entries, count, &err);

    if (status != STATUS_OK) {
        counter_add(queue->options.dropped, count);
        if (!queue->failing)
            LOG_WARN("what the server tells about itself cannot be written",
                     LOG_FIELD("writer", LOG_STR(queue->options.name)),
                     LOG_FIELD("error", LOG_STR(err.message)));
    }
    queue->failing = status != STATUS_OK;
    (void)catalog_version_unref(catalog);
    for (Entry *next; entries; entries = next) {
        next = entries->next;
        mem_free(entries);
    }
}

/* Waits for rows and then for more of them; false = it is over. */
static bool take(RowQueue *queue, Entry **ret_entries, uint32_t *ret_count)
{
    MUTEX_GUARD(&queue->lock);
    while (!queue->head && !queue->stopping)
        cond_wait(&queue->work, &queue->lock);
    int64_t until = clock_mono_ns() + queue->options.delay_ns;
    while (!queue->stopping && queue->count < WAITING_MAX / 2 && clock_mono_ns() < until)
        (void)cond_wait_until(&queue->work, &queue->lock, until);
    *ret_entries = queue->head;
    *ret_count = queue->count;
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->count = 0;
    return *ret_entries != NULL;
}

static void writer_main(void *arg)
{
    RowQueue *queue = arg;
    Entry *entries;
    uint32_t count;

    while (take(queue, &entries, &count))
        write_taken(queue, entries, count);
}

/* ---------------------------------------------------------------- life */

Status row_queue_new(const RowQueueOptions *options, RowQueue **ret_queue, Error *err)
{
    RowQueue *queue = MEM_NEW(RowQueue);
    CatalogVersion *catalog = engine_catalog(options->engine);

    queue->options = *options;
    queue->column_count = catalog_table_by_id(catalog, options->table_id)->column_count;
    ASSERT(queue->column_count <= ROW_QUEUE_COLUMNS_MAX);
    (void)catalog_version_unref(catalog);
    queue->tail = &queue->head;
    mutex_init(&queue->lock);
    cond_init(&queue->work);
    Status status = thread_start(&queue->thread, options->name, writer_main, queue, err);
    if (status != STATUS_OK) {
        (void)row_queue_free(queue);
        return status;
    }
    *ret_queue = queue;
    return STATUS_OK;
}

void row_queue_stop(RowQueue *queue)
{
    if (!queue)
        return;
    mutex_lock(&queue->lock);
    queue->stopping = true;
    cond_signal(&queue->work);
    mutex_unlock(&queue->lock);
    thread_join(&queue->thread);
    queue->thread = (Thread){0};
}

RowQueue *row_queue_free(RowQueue *queue)
{
    if (!queue)
        return NULL;
    row_queue_stop(queue);
    cond_done(&queue->work);
    mutex_done(&queue->lock);
    mem_free(queue);
    return NULL;
}

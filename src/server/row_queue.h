/* row_queue.h - rows that the server itself writes into a built-in table: its audit log, its own
 * log lines, the spans of its queries.
 *
 * row_queue_add puts a row into a bounded queue and returns; a thread writes what waits in one
 * batch. When the queue is full, or the table cannot be written, rows are dropped and counted:
 * what the server tells about itself never stops it.
 */
#ifndef LUMA_SERVER_ROW_QUEUE_H
#define LUMA_SERVER_ROW_QUEUE_H

#include "base/counter.h"
#include "storage/engine/engine.h"

enum { ROW_QUEUE_COLUMNS_MAX = 24 };

typedef struct RowQueue RowQueue;

/* A value: text columns take texts, jsonb ones any JSON text; time and integer columns integers. */
typedef struct RowCell {
    enum { ROW_CELL_NULL, ROW_CELL_TEXT, ROW_CELL_INT } kind;
    Str text;
    int64_t integer;
} RowCell;

#define ROW_TEXT(text_) ((RowCell){.kind = ROW_CELL_TEXT, .text = (text_)})
#define ROW_INT(integer_) ((RowCell){.kind = ROW_CELL_INT, .integer = (integer_)})

typedef struct RowQueueOptions {
    Engine *engine;
    const char *name; /* static; of the thread, and in the warning when writing fails */
    uint32_t table_id;
    CounterId dropped;
    int64_t delay_ns;    /* rows gather so long before they are written */
    uint32_t text_bytes; /* longer texts are cut */
} RowQueueOptions;

Status row_queue_new(const RowQueueOptions *options, RowQueue **ret_queue, Error *err);
/* Writes what waits, then takes no more; while the engine is open. NULL is fine. */
void row_queue_stop(RowQueue *queue);
/* When nobody adds any more. NULL is fine; returns NULL. */
RowQueue *row_queue_free(RowQueue *queue);
/* One cell per column of the table, in order; texts are copied. Any thread; never waits. */
void row_queue_add(RowQueue *queue, const RowCell *cells, uint32_t count);

#endif

/* metric_tables.h - prom.<metric>: one table per metric, its labels as text columns.
 *
 * A table is described when somebody asks for it: ts, value, then a column per label that a series
 * of the metric has. Columns are only appended while the process lives, so attribute numbers stay;
 * so does the table id. A label called like a column that is there gets `label_` before it.
 *
 * Threads: guarded by a lock of its own; any thread.
 */
#ifndef LUMA_STORAGE_ENGINE_METRIC_TABLES_H
#define LUMA_STORAGE_ENGINE_METRIC_TABLES_H

#include "storage/catalog/catalog.h"
#include "storage/metrics/metric_store.h"

enum { METRIC_COLUMN_TS = 0, METRIC_COLUMN_VALUE = 1, METRIC_COLUMN_FIRST_LABEL = 2 };

typedef struct MetricTables MetricTables;

MetricTables *metric_tables_new(MemBudget *budget);
MetricTables *metric_tables_free(MetricTables *tables); /* returns NULL */
/* The table of a metric as of now, in the arena; *ret_table = NULL when no series has the name. */
Status metric_tables_find(MetricTables *tables, MetricSnapshot *snapshot, Str metric, Arena *arena,
                          const Table **ret_table, Error *err);
/* The label behind a column of a table got from metric_tables_find; empty for ts and value. Lives
 * as long as the tables. */
Str metric_tables_label(MetricTables *tables, uint32_t table_id, uint32_t column);

#endif

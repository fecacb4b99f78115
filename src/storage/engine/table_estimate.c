/* table_estimate.c - how large a table is, for the planner; never exact, never slow. */
#include "storage/engine/engine_int.h"

/* Series tables are not counted: they are large, and their statements seldom join. */
enum { SERIES_ROWS = 1000000, SMALL_ROWS = 1000 };

void engine_estimate(Snapshot *snapshot, const Table *table, uint16_t column, ColumnEstimate *ret)
{
    RowColumnEstimate rows;
    RowTable *stored;

    *ret = (ColumnEstimate){.rows = SMALL_ROWS};
    switch (table->kind) {
    case TABLE_METRICS:
    case TABLE_METRIC:
        ret->rows = SERIES_ROWS;
        return;
    case TABLE_EXEMPLARS:
    case TABLE_METRIC_METADATA:
        return;
    case TABLE_LOGS:
    case TABLE_TRACES:
    case TABLE_USER:
        break;
    }
    stored = row_store_find(snapshot->engine->rows, table->store_id);
    if (!stored)
        return;
    row_table_estimate(stored, column, &rows);
    row_table_unref(stored);
    *ret = (ColumnEstimate){(double)rows.rows, rows.range, rows.distinct};
}

#include "server/audit_log.h"

#include "base/clock.h"

Status audit_log_new(Engine *engine, RowQueue **ret_log, Error *err)
{
    return row_queue_new(&(RowQueueOptions){.engine = engine,
                                            .name = "audit-log",
                                            .table_id = TABLE_ID_AUDIT_LOG,
                                            .dropped = COUNTER_AUDIT_DROPPED,
                                            .text_bytes = 1024},
                         ret_log, err);
}

void audit_log_add(RowQueue *log, const AuditRecord *record)
{
    const RowCell cells[] = {
        ROW_INT(clock_wall_ns() / NS_PER_US),
        ROW_TEXT(record->user),
        ROW_TEXT(record->address),
        ROW_TEXT(record->protocol),
        ROW_TEXT(record->action),
        ROW_TEXT(record->object),
        ROW_TEXT(record->outcome),
        ROW_TEXT(record->detail),
    };

    if (log)
        row_queue_add(log, cells, LUMA_ARRAY_LEN(cells));
}

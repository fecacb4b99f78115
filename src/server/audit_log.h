/* audit_log.h - writes public.audit_log: who came in and did what.
 *
 * Columns: ts, user_name, address, protocol, action, object, outcome ("ok", "failed", "denied"),
 * detail. docs/operation.md lists the actions.
 */
#ifndef LUMA_SERVER_AUDIT_LOG_H
#define LUMA_SERVER_AUDIT_LOG_H

#include "server/row_queue.h"

/* Each text is cut at 1 KiB. */
typedef struct AuditRecord {
    Str user;
    Str address;
    Str protocol;
    Str action;
    Str object;
    Str outcome;
    Str detail;
} AuditRecord;

/* The queue that writes it. */
Status audit_log_new(Engine *engine, RowQueue **ret_log, Error *err);
/* Any thread; never waits. A NULL log takes nothing. */
void audit_log_add(RowQueue *log, const AuditRecord *record);

#endif

/* audit_log.h - writes public.audit_log: who came in and did what.
 *
 * audit_log_add puts a record into a bounded queue and returns; a thread writes what waits in one
 * batch. When the queue is full, or the log cannot be written, records are dropped and counted
 * (lumadb_audit_dropped_total): the audit log never stops the server.
 *
 * Columns: ts, user_name, address, protocol, action, object, outcome ("ok", "failed", "denied"),
 * detail. docs/operation.md lists the actions.
 */
#ifndef LUMA_SERVER_AUDIT_LOG_H
#define LUMA_SERVER_AUDIT_LOG_H

#include "storage/engine/engine.h"

typedef struct AuditLog AuditLog;

/* Texts are copied, each up to 1 KiB. */
typedef struct AuditRecord {
    Str user;
    Str address;
    Str protocol;
    Str action;
    Str object;
    Str outcome;
    Str detail;
} AuditRecord;

Status audit_log_new(Engine *engine, AuditLog **ret_log, Error *err);
/* Writes what waits, then takes no more; while the engine is open. NULL is fine. */
void audit_log_stop(AuditLog *log);
/* When nobody adds any more. NULL is fine; returns NULL. */
AuditLog *audit_log_free(AuditLog *log);
/* Any thread; never waits. A NULL log takes nothing. */
void audit_log_add(AuditLog *log, const AuditRecord *record);

#endif

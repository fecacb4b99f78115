/* own_logs.h - the server's log lines as rows of the table logs, service "lumadb". */
#ifndef LUMA_SERVER_OWN_LOGS_H
#define LUMA_SERVER_OWN_LOGS_H

#include "base/log.h"
#include "server/row_queue.h"

Status own_logs_new(Engine *engine, RowQueue **ret_queue, Error *err);
/* A LogSink; ctx is that queue. */
void own_logs_add(void *queue, LogLevel level, int64_t wall_ns, const char *message,
                  const LogField *fields, size_t field_count);

#endif

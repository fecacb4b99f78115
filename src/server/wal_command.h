/* wal_command.h - `lumadb wal dump`: the write-ahead log as JSON lines on stdout. */
#ifndef LUMA_SERVER_WAL_COMMAND_H
#define LUMA_SERVER_WAL_COMMAND_H

#include "base/status.h"

/* args: "dump", a data folder, log folder or segment, and flags. INVALID for wrong usage. */
Status wal_command_run(const char *const *args, int arg_count, Error *err);

#endif

/* part_command.h - `lumadb part FILE`: what a Parquet file of any writer holds. */
#ifndef LUMA_SERVER_PART_COMMAND_H
#define LUMA_SERVER_PART_COMMAND_H

#include "base/status.h"

/* args: the file and flags: --json prints one JSON object instead of text. INVALID for wrong usage
 * or a file that is not Parquet. */
Status part_command_run(const char *const *args, int arg_count, Error *err);

#endif

/* server.h - wiring: opens storage, starts pools, loops and listeners, prints the ready line, waits
 * for signals, and takes everything down in reverse order.
 */
#ifndef LUMA_SERVER_SERVER_H
#define LUMA_SERVER_SERVER_H

#include "server/config.h"

/* Runs until SIGTERM or SIGINT, then drains and returns OK. `args` (behind "serve") are read again
 * on SIGHUP. Must be called on the main thread before any other thread exists. */
Status server_run(Config *config, const char *const *args, int arg_count, Error *err);

#endif

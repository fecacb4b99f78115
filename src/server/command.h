/* command.h - the command line: lumadb serve, config, version, help. */
#ifndef LUMA_SERVER_COMMAND_H
#define LUMA_SERVER_COMMAND_H

/* Runs what argv asks for; returns the process's exit code: 0 good, 1 failed, 2 wrong usage. */
int command_run(int argc, char **argv);

#endif

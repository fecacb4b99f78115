#include "server/command.h"

#include <stdio.h>
#include <unistd.h>

#include "server/config.h"
#include "server/part_command.h"
#include "server/server.h"
#include "server/wal_command.h"

typedef int (*CommandFn)(const char *const *args, int arg_count);

typedef struct Command {
    const char *name;
    const char *help;
    CommandFn run;
} Command;

static int fail(const Error *err)
{
    fprintf(stderr, "lumadb: %s\n", err->message);
    if (err->hint[0])
        fprintf(stderr, "  %s\n", err->hint);
    return err->status == STATUS_INVALID ? 2 : 1;
}

static int run_serve(const char *const *args, int arg_count)
{
    Config config;
    Error err = {0};

    if (config_load(&config, args, arg_count, &err) != STATUS_OK)
        return fail(&err);
    Status status = server_run(&config, args, arg_count, &err);
    config_done(&config);
    return status == STATUS_OK ? 0 : fail(&err);
}

static int run_config(const char *const *args, int arg_count)
{
    CLEANUP(buf_done) Buf out = {0};
    Config config;
    Error err = {0};

    if (config_load(&config, args, arg_count, &err) != STATUS_OK)
        return fail(&err);
    config_print(&config, &out);
    config_done(&config);
    return fwrite(out.ptr, 1, out.len, stdout) == out.len && fflush(stdout) == 0 ? 0 : 1;
}

static int run_wal(const char *const *args, int arg_count)
{
    Error err = {0};
    return wal_command_run(args, arg_count, &err) == STATUS_OK ? 0 : fail(&err);
}

static int run_part(const char *const *args, int arg_count)
{
    Error err = {0};
    return part_command_run(args, arg_count, &err) == STATUS_OK ? 0 : fail(&err);
}

static int run_version(const char *const *args, int arg_count)
{
    puts("lumadb " LUMADB_VERSION);
    return 0;
}

static int run_help(const char *const *args, int arg_count);

static const Command commands[] = {
    {"serve", "run the server: lumadb serve [--config FILE] [--key=value ...]", run_serve},
    {"config", "print every setting with its value, default and help", run_config},
    {"wal", "wal dump PATH: print a write-ahead log as JSON lines", run_wal},
    {"part", "part FILE [--json]: describe a Parquet file", run_part},
    {"version", "print the version", run_version},
    {"help", "print this", run_help},
};

static void print_usage(FILE *to)
{
    fputs("LumaDB " LUMADB_VERSION ", a database for metrics, logs and traces.\n\n"
          "usage: lumadb COMMAND [ARGUMENTS]\n\n",
          to);
    for (size_t i = 0; i < LUMA_ARRAY_LEN(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fputs("\nEvery setting that `lumadb config` prints is a flag of serve: --wal.sync=interval\n",
          to);
}

static int run_help(const char *const *args, int arg_count)
{
    print_usage(stdout);
    return 0;
}

int command_run(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "help";

    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        name = "help";
    if (strcmp(name, "--version") == 0)
        name = "version";
    for (size_t i = 0; i < LUMA_ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].run((const char *const *)argv + 2, argc > 2 ? argc - 2 : 0);
    fprintf(stderr, "lumadb: there is no command \"%s\"\n\n", name);
    print_usage(stderr);
    return 2;
}

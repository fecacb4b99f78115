#include "server/wal_command.h"

#include <stdio.h>
#include <sys/stat.h>

#include "storage/wal/wal_dump.h"

static const char usage[] =
    "usage: lumadb wal dump PATH [--type=samples|rows|...] [--from=LSN] [--to=LSN] [--brief]; PATH "
    "is a data folder, a log folder or a segment";

static Status wrong_usage(Error *err, const char *what)
{
    Status status = error_set(err, STATUS_INVALID, "%s", what);
    error_hint(err, "%s", usage);
    return status;
}

static Status print_line(void *ctx, Str line, Error *err)
{
    if (fwrite(line.ptr, 1, line.len, stdout) != line.len)
        return error_set(err, STATUS_IO, "cannot write to stdout");
    return STATUS_OK;
}

static Status parse_args(const char *const *args, int arg_count, WalDumpOptions *options,
                         Error *err)
{
    for (int i = 0; i < arg_count; i++) {
        Str arg = str_from(args[i]);
        bool good = true;
        if (str_starts(arg, STR("--type=")))
            options->type = str_sub(arg, 7, arg.len);
        else if (str_starts(arg, STR("--from=")))
            good = str_to_u64(str_sub(arg, 7, arg.len), &options->lsn_first);
        else if (str_starts(arg, STR("--to=")))
            good = str_to_u64(str_sub(arg, 5, arg.len), &options->lsn_last);
        else if (str_eq(arg, STR("--brief")))
            options->brief = true;
        else if (str_starts(arg, STR("--")) || options->path)
            good = false;
        else
            options->path = args[i];
        if (!good)
            return wrong_usage(err, "unknown or malformed argument");
    }
    return options->path ? STATUS_OK : wrong_usage(err, "the path is missing");
}

Status wal_command_run(const char *const *args, int arg_count, Error *err)
{
    WalDumpOptions options = {0};
    char below[4096];
    struct stat st;

    if (arg_count < 1 || strcmp(args[0], "dump") != 0)
        return wrong_usage(err, "lumadb wal knows one word: dump");
    TRY(parse_args(args + 1, arg_count - 1, &options, err));
    if (snprintf(below, sizeof below, "%s/wal", options.path) < (int)sizeof below &&
        stat(below, &st) == 0 && S_ISDIR(st.st_mode))
        options.path = below;
    TRY(wal_dump(&options, print_line, NULL, err));
    return fflush(stdout) == 0 ? STATUS_OK : error_set(err, STATUS_IO, "cannot write to stdout");
}

#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *status_name(Status status)
{
    static const char *const names[] = {
#define X(name, text) text,
        STATUS_LIST(X)
#undef X
    };
    return (size_t)status < LUMA_ARRAY_LEN(names) ? names[status] : "unknown";
}

/* Cuts an incomplete UTF-8 sequence off the end of a truncated text. */
static void trim_partial_utf8(char *text)
{
    size_t len = strlen(text);
    size_t back = 0;

    while (back < 4 && back < len && ((unsigned char)text[len - 1 - back] & 0xC0) == 0x80)
        back++;
    if (back >= len)
        return;
    unsigned char lead = (unsigned char)text[len - 1 - back];
    size_t need = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (back < need)
        text[len - 1 - back] = 0;
}

static void format_into(char *dst, size_t cap, const char *format, va_list args)
{
    int len = vsnprintf(dst, cap, format, args);
    if (len >= (int)cap)
        trim_partial_utf8(dst);
}

static void begin(Error *err, Status status)
{
    err->status = status;
    err->position = 0;
    err->sqlstate[0] = err->message[0] = err->detail[0] = err->hint[0] = err->context[0] = 0;
}

Status error_set(Error *err, Status status, const char *format, ...)
{
    if (err) {
        va_list args;
        begin(err, status);
        va_start(args, format);
        format_into(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

Status error_set_sql(Error *err, Status status, const char *sqlstate, int32_t position,
                     const char *format, ...)
{
    if (err) {
        va_list args;
        begin(err, status);
        err->position = position;
        memcpy(err->sqlstate, sqlstate, 5);
        err->sqlstate[5] = 0;
        va_start(args, format);
        format_into(err->message, sizeof err->message, format, args);
        va_end(args);
    }
    return status;
}

void error_detail(Error *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    format_into(err->detail, sizeof err->detail, format, args);
    va_end(args);
}

void error_hint(Error *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    format_into(err->hint, sizeof err->hint, format, args);
    va_end(args);
}

void error_context(Error *err, const char *format, ...)
{
    if (!err)
        return;
    va_list args;
    va_start(args, format);
    format_into(err->context, sizeof err->context, format, args);
    va_end(args);
}

void error_prefix(Error *err, const char *format, ...)
{
    if (!err)
        return;
    char old[sizeof err->message];
    char prefix[256];
    va_list args;

    memcpy(old, err->message, sizeof old);
    va_start(args, format);
    format_into(prefix, sizeof prefix, format, args);
    va_end(args);
    if (snprintf(err->message, sizeof err->message, "%s: %s", prefix, old) >=
        (int)sizeof err->message)
        trim_partial_utf8(err->message);
}

Status error_set_errno(Error *err, int errnum, const char *format, ...)
{
    Status status = errnum == ENOMEM   ? STATUS_NOMEM
                    : errnum == ENOENT ? STATUS_NOT_FOUND
                    : errnum == EEXIST ? STATUS_EXISTS
                                       : STATUS_IO;
    if (err) {
        va_list args;
        char text[128];
        size_t used;

        begin(err, status);
        if (errnum == ENOSPC || errnum == EDQUOT)
            memcpy(err->sqlstate, "53100", 6);
        va_start(args, format);
        format_into(err->message, sizeof err->message, format, args);
        va_end(args);
        used = strlen(err->message);
        const char *reason = strerror_r(errnum, text, sizeof text);
        if (snprintf(err->message + used, sizeof err->message - used, ": %s", reason) >=
            (int)(sizeof err->message - used))
            trim_partial_utf8(err->message);
    }
    return status;
}

void assert_fail(const char *expr, const char *file, int line)
{
    fprintf(stderr, "lumadb: assertion failed: %s (%s:%d)\n", expr, file, line);
    abort();
}

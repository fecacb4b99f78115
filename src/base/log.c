#include "base/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/thread.h"

/* atomic: relaxed; a change of level may reach a thread a moment later */
static int level_min = LOG_LEVEL_INFO;
static int format = LOG_FORMAT_LOGFMT;
static int out_fd = STDERR_FILENO;

static Mutex sink_lock = PTHREAD_MUTEX_INITIALIZER;
static LogSink sink_fn; /* guarded by sink_lock */
static void *sink_ctx;  /* guarded by sink_lock */

void log_configure(LogLevel level, LogFormat new_format, int fd)
{
    __atomic_store_n(&level_min, (int)level, __ATOMIC_RELAXED);
    __atomic_store_n(&format, (int)new_format, __ATOMIC_RELAXED);
    __atomic_store_n(&out_fd, fd, __ATOMIC_RELAXED);
}

void log_set_sink(LogSink sink, void *ctx)
{
    MUTEX_GUARD(&sink_lock);
    sink_fn = sink;
    sink_ctx = ctx;
}

bool log_enabled(LogLevel level)
{
    return (int)level >= __atomic_load_n(&level_min, __ATOMIC_RELAXED);
}

static const char *const level_names[] = {"debug", "info", "warn", "error"};

bool log_level_parse(Str text, LogLevel *ret_level)
{
    for (size_t i = 0; i < LUMA_ARRAY_LEN(level_names); i++)
        if (str_eq(text, str_from(level_names[i]))) {
            *ret_level = (LogLevel)i;
            return true;
        }
    return false;
}

static void append_quoted(Buf *buf, Str text)
{
    buf_append_byte(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            buf_printf(buf, "\\%c", c);
        else if (c == '\n')
            buf_append_lit(buf, "\\n");
        else if (c < 0x20)
            buf_printf(buf, "\\u%04x", c);
        else
            buf_append_byte(buf, c);
    }
    buf_append_byte(buf, '"');
}

static bool needs_quotes(Str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F)
            return true;
    }
    return text.len == 0;
}

static void append_value(Buf *buf, const LogField *field, bool json)
{
    switch (field->kind) {
    case LOG_FIELD_STR:
        if (json || needs_quotes(field->text))
            append_quoted(buf, field->text);
        else
            buf_append_str(buf, field->text);
        break;
    case LOG_FIELD_INT:
        buf_printf(buf, "%" PRId64, field->integer);
        break;
    case LOG_FIELD_FLOAT:
        buf_printf(buf, json && !isfinite(field->number) ? "\"%g\"" : "%g", field->number);
        break;
    }
}

void log_write(LogLevel level, const char *message, const LogField *fields, size_t field_count)
{
    int64_t now_ns = clock_wall_ns();
    time_t seconds = (time_t)(now_ns / NS_PER_SEC);
    bool json = __atomic_load_n(&format, __ATOMIC_RELAXED) == LOG_FORMAT_JSON;
    CLEANUP(buf_done) Buf line = {0};
    struct tm tm;
    char stamp[48];

    (void)gmtime_r(&seconds, &tm);
    size_t n = strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(stamp + n, sizeof stamp - n, ".%03dZ", (int)(now_ns % NS_PER_SEC / NS_PER_MS));
    buf_printf(&line,
               json ? "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":" : "ts=%s level=%s msg=", stamp,
               level_names[level]);
    append_quoted(&line, str_from(message));
    for (size_t i = 0; i < field_count; i++) {
        buf_printf(&line, json ? ",\"%s\":" : " %s=", fields[i].key);
        append_value(&line, &fields[i], json);
    }
    buf_append_str(&line, json ? STR("}\n") : STR("\n"));
    (void)!write(__atomic_load_n(&out_fd, __ATOMIC_RELAXED), line.ptr, line.len);

    mutex_lock(&sink_lock);
    LogSink sink = sink_fn;
    void *ctx = sink_ctx;
    mutex_unlock(&sink_lock);
    if (sink)
        sink(ctx, level, now_ns, message, fields, field_count);
}

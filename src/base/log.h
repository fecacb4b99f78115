/* log.h - structured logs: a constant message and key=value fields, logfmt or JSON on stderr.
 *
 *   LOG_INFO("listening", LOG_FIELD("protocol", LOG_STR(name)), LOG_FIELD("port", LOG_INT(port)));
 *
 * error = an operator must act; warn = degraded; info = state changes; debug = off by default.
 * A sink callback gets every record as well (the server stores its own logs in itself).
 * Threads: any. One write(2) per record, so lines never mix.
 */
#ifndef LUMA_BASE_LOG_H
#define LUMA_BASE_LOG_H

#include "base/str.h"

typedef enum LogLevel { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR } LogLevel;
typedef enum LogFormat { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON } LogFormat;

typedef struct LogField {
    const char *key; /* static */
    enum { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_FLOAT } kind;
    Str text;
    int64_t integer;
    double number;
} LogField;

#define LOG_STR(text_) .kind = LOG_FIELD_STR, .text = str_from(text_)
#define LOG_S(str_) .kind = LOG_FIELD_STR, .text = (str_)
#define LOG_INT(value_) .kind = LOG_FIELD_INT, .integer = (int64_t)(value_)
#define LOG_FLOAT(value_) .kind = LOG_FIELD_FLOAT, .number = (value_)
/* A field: LOG_FIELD("port", LOG_INT(port)) */
#define LOG_FIELD(key_, ...) ((LogField){.key = (key_), __VA_ARGS__})

typedef void (*LogSink)(void *ctx, LogLevel level, int64_t wall_ns, const char *message,
                        const LogField *fields, size_t field_count);

void log_configure(LogLevel level_min, LogFormat format, int fd);
/* At most one sink; NULL removes it. It is called without locks held and must not log. */
void log_set_sink(LogSink sink, void *ctx);
void log_write(LogLevel level, const char *message, const LogField *fields, size_t field_count);
bool log_enabled(LogLevel level);
/* Parses "debug", "info", "warn", "error". */
bool log_level_parse(Str text, LogLevel *ret_level);

#define LOG_AT(level, message, ...)                                                                \
    do {                                                                                           \
        if (log_enabled(level)) {                                                                  \
            const LogField log_fields_[] = {__VA_ARGS__ __VA_OPT__(, )(LogField){0}};              \
            log_write((level), (message), log_fields_, LUMA_ARRAY_LEN(log_fields_) - 1);           \
        }                                                                                          \
    } while (0)
/* LOG_INFO("message", LOG_FIELD("key", LOG_INT(1)), ...) */
#define LOG_DEBUG(message, ...) LOG_AT(LOG_LEVEL_DEBUG, message __VA_OPT__(, ) __VA_ARGS__)
#define LOG_INFO(message, ...) LOG_AT(LOG_LEVEL_INFO, message __VA_OPT__(, ) __VA_ARGS__)
#define LOG_WARN(message, ...) LOG_AT(LOG_LEVEL_WARN, message __VA_OPT__(, ) __VA_ARGS__)
#define LOG_ERROR(message, ...) LOG_AT(LOG_LEVEL_ERROR, message __VA_OPT__(, ) __VA_ARGS__)

#endif

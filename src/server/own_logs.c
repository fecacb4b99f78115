#include "server/own_logs.h"

#include <math.h>

#include "base/clock.h"
#include "format/json/json.h"

enum { TEXT_BYTES_MAX = 8192 };

Status own_logs_new(Engine *engine, RowQueue **ret_queue, Error *err)
{
    return row_queue_new(&(RowQueueOptions){.engine = engine,
                                            .name = "own-logs",
                                            .table_id = TABLE_ID_LOGS,
                                            .dropped = COUNTER_OWN_LOGS_DROPPED,
                                            .delay_ns = NS_PER_SEC / 2,
                                            .text_bytes = TEXT_BYTES_MAX},
                         ret_queue, err);
}

static void append_field(Buf *out, const LogField *field)
{
    json_append_string(out, str_from(field->key));
    buf_append_byte(out, ':');
    if (field->kind == LOG_FIELD_INT)
        buf_printf(out, "%lld", (long long)field->integer);
    else if (field->kind == LOG_FIELD_FLOAT && isfinite(field->number))
        buf_printf(out, "%.17g", field->number);
    else if (field->kind == LOG_FIELD_FLOAT)
        buf_printf(out, "\"%g\"", field->number);
    else
        json_append_string(out, str_sub(field->text, 0, TEXT_BYTES_MAX / 8));
}

void own_logs_add(void *queue, LogLevel level, int64_t wall_ns, const char *message,
                  const LogField *fields, size_t field_count)
{
    static const struct {
        Str text;
        int number; /* OpenTelemetry's */
    } severities[] = {{STR_INIT("DEBUG"), 5},
                      {STR_INIT("INFO"), 9},
                      {STR_INIT("WARN"), 13},
                      {STR_INIT("ERROR"), 17}};
    CLEANUP(buf_done) Buf attributes = {0};

    buf_append_byte(&attributes, '{');
    /* A cut text would be no JSON: fields that do not fit are left out. */
    for (size_t i = 0; i < field_count && attributes.len < TEXT_BYTES_MAX / 2; i++) {
        if (i)
            buf_append_byte(&attributes, ',');
        append_field(&attributes, &fields[i]);
    }
    buf_append_byte(&attributes, '}');
    const RowCell cells[] = {
        ROW_INT(wall_ns / NS_PER_US),
        ROW_INT(wall_ns),
        ROW_INT(wall_ns / NS_PER_US),
        ROW_TEXT(severities[level].text),
        ROW_INT(severities[level].number),
        ROW_TEXT(STR("lumadb")),
        ROW_TEXT(str_from(message)),
        ROW_TEXT(buf_str(&attributes)),
        ROW_TEXT(
            STR("{\"service.name\": \"lumadb\", \"service.version\": \"" LUMADB_VERSION "\"}")),
        {0},
        {0},
        {0},
        {0},
        {0},
    };
    row_queue_add(queue, cells, LUMA_ARRAY_LEN(cells));
}

#include "net/rest/result_writer.h"

#include "format/ipc/ipc.h"
#include "format/json/json.h"

const Str result_media_types[RESULT_FORMAT_COUNT_] = {
    STR_INIT("application/json"),
    STR_INIT("text/csv"),
    STR_INIT("application/x-ndjson"),
    STR_INIT("application/vnd.apache.arrow.stream"),
};

bool result_format_parse(Str word, ResultFormat *ret_format)
{
    static const char *const words[] = {"json", "csv", "ndjson", "arrow"};
    for (size_t i = 0; i < LUMA_ARRAY_LEN(words); i++)
        if (str_eq_nocase(word, str_from(words[i]))) {
            *ret_format = (ResultFormat)i;
            return true;
        }
    return false;
}

/* ---------------------------------------------------------------- JSON values */

/* How values of a column become JSON. */
typedef enum JsonForm {
    JSON_FORM_BARE,
    JSON_FORM_FLOAT,
    JSON_FORM_BOOL,
    JSON_FORM_QUOTED
} JsonForm;

static JsonForm json_form(Type type)
{
    if (type.is_array)
        return JSON_FORM_QUOTED;
    switch (type.id) {
    case TYPE_INT2:
    case TYPE_INT4:
    case TYPE_INT8:
    case TYPE_OID:
    case TYPE_JSON:
    case TYPE_JSONB:
        return JSON_FORM_BARE;
    case TYPE_FLOAT4:
    case TYPE_FLOAT8:
    case TYPE_NUMERIC:
        return JSON_FORM_FLOAT;
    case TYPE_BOOL:
        return JSON_FORM_BOOL;
    default:
        return JSON_FORM_QUOTED;
    }
}

/* NaN and the infinities are no JSON numbers; they begin with another byte than a number. */
static bool starts_number(Str text)
{
    char c = text.len ? text.ptr[0] : 0;
    return (c >= '0' && c <= '9') || (c == '-' && text.len > 1 && text.ptr[1] != 'I');
}

static void append_json_value(const ResultWriter *w, const Column *c, uint32_t row, PgPrintFn print,
                              Buf *scratch, Buf *out)
{
    if (column_is_null(c, row)) {
        buf_append_lit(out, "null");
        return;
    }
    switch (json_form(c->type)) {
    case JSON_FORM_BARE:
        print(c, row, w->settings, out);
        break;
    case JSON_FORM_BOOL:
        buf_append_str(out, column_bool(c, row) ? STR("true") : STR("false"));
        break;
    case JSON_FORM_FLOAT:
        buf_clear(scratch);
        print(c, row, w->settings, scratch);
        if (starts_number(buf_str(scratch)))
            buf_append_str(out, buf_str(scratch));
        else
            json_append_string(out, buf_str(scratch));
        break;
    case JSON_FORM_QUOTED:
        if (type_is_text(c->type)) {
            json_append_string(out, column_str(c, row));
            break;
        }
        buf_clear(scratch);
        print(c, row, w->settings, scratch);
        json_append_string(out, buf_str(scratch));
        break;
    }
}

static void begin_json(const ResultWriter *w, Buf *out)
{
    char name[64];

    buf_append_lit(out, "{\"columns\":[");
    for (uint32_t i = 0; i < w->schema->field_count; i++) {
        buf_append_str(out, i ? STR(",{\"name\":") : STR("{\"name\":"));
        json_append_string(out, w->schema->fields[i].name);
        buf_append_lit(out, ",\"type\":");
        json_append_string(out, str_from(type_name(w->schema->fields[i].type, name)));
        buf_append_byte(out, '}');
    }
    buf_append_lit(out, "],\"rows\":[");
}

/* ---------------------------------------------------------------- CSV */

static void append_csv_text(Str text, Buf *out)
{
    bool quote = text.len == 0;

    for (size_t i = 0; i < text.len && !quote; i++)
        quote =
            text.ptr[i] == ',' || text.ptr[i] == '"' || text.ptr[i] == '\n' || text.ptr[i] == '\r';
    if (!quote) {
        buf_append_str(out, text);
        return;
    }
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            buf_append_byte(out, '"');
        buf_append_byte(out, (uint8_t)text.ptr[i]);
    }
    buf_append_byte(out, '"');
}

static void append_csv_value(const ResultWriter *w, const Column *c, uint32_t row, PgPrintFn print,
                             Buf *scratch, Buf *out)
{
    if (column_is_null(c, row))
        return;
    buf_clear(scratch);
    print(c, row, w->settings, scratch);
    append_csv_text(buf_str(scratch), out);
}

/* ---------------------------------------------------------------- rows */

static void append_csv_row(const ResultWriter *w, const RecordBatch *batch, uint32_t row,
                           const PgPrintFn *prints, Buf *scratch, Buf *out)
{
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (i)
            buf_append_byte(out, ',');
        append_csv_value(w, &batch->columns[i], row, prints[i], scratch, out);
    }
    buf_append_lit(out, "\r\n");
}

/* An object with the columns' names, or an array. */
static void append_json_row(const ResultWriter *w, const RecordBatch *batch, uint32_t row,
                            const PgPrintFn *prints, Buf *scratch, Buf *out)
{
    bool object = w->format == RESULT_NDJSON || w->rows_key;

    buf_append_byte(out, object ? '{' : '[');
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (i)
            buf_append_byte(out, ',');
        if (object) {
            json_append_string(out, w->schema->fields[i].name);
            buf_append_byte(out, ':');
        }
        append_json_value(w, &batch->columns[i], row, prints[i], scratch, out);
    }
    buf_append_byte(out, object ? '}' : ']');
    if (w->format == RESULT_NDJSON)
        buf_append_byte(out, '\n');
}

void result_writer_begin(ResultWriter *writer, ResultFormat format, const Schema *schema,
                         const PgSettings *settings, const char *rows_key, Buf *out)
{
    *writer = (ResultWriter){
        .format = format, .settings = settings, .schema = schema, .rows_key = rows_key};
    if (format == RESULT_JSON && rows_key) {
        buf_append_lit(out, "{");
        json_append_string(out, str_from(rows_key));
        buf_append_lit(out, ":[");
    } else if (format == RESULT_JSON) {
        begin_json(writer, out);
    } else if (format == RESULT_ARROW) {
        ipc_append_schema(schema, out);
    } else if (format == RESULT_CSV) {
        for (uint32_t i = 0; i < schema->field_count; i++) {
            if (i)
                buf_append_byte(out, ',');
            append_csv_text(schema->fields[i].name, out);
        }
        buf_append_lit(out, "\r\n");
    }
}

Status result_writer_batch(ResultWriter *writer, const RecordBatch *batch, Buf *out, Error *err)
{
    CLEANUP(buf_done) Buf scratch = {0};

    if (writer->format == RESULT_ARROW) {
        writer->row_count += batch->row_count;
        return ipc_append_batch(writer->schema, batch, writer->settings, out, err);
    }
    PgPrintFn *prints = MEM_NEW_ARRAY(PgPrintFn, batch->column_count);
    for (uint32_t i = 0; i < batch->column_count; i++)
        prints[i] = pgtype_text_fn(batch->columns[i].type);
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if (writer->format == RESULT_JSON && writer->row_count)
            buf_append_byte(out, ',');
        if (writer->format == RESULT_CSV)
            append_csv_row(writer, batch, row, prints, &scratch, out);
        else
            append_json_row(writer, batch, row, prints, &scratch, out);
        writer->row_count++;
    }
    mem_free(prints);
    return STATUS_OK;
}

void result_writer_end(ResultWriter *writer, Str command_tag, Buf *out)
{
    if (writer->format == RESULT_JSON && writer->rows_key) {
        buf_append_lit(out, "]}\n");
    } else if (writer->format == RESULT_JSON) {
        buf_append_lit(out, "],\"tag\":");
        json_append_string(out, command_tag);
        buf_append_lit(out, "}\n");
    } else if (writer->format == RESULT_ARROW) {
        ipc_append_end(out);
    }
}

/* otlp_rows.c - from a request of logs or traces to the rows of its table.
 *
 * One walk counts the records, so that the columns are made once at their final size in the
 * batch's arena; the second one fills them. What belongs to a resource or a scope is rendered once
 * and shared by the rows below it: their views point to the same bytes.
 */
#include "ingest/otlp_int.h"

enum { ROWS_MAX = 1 << 19 }; /* of a request; the smallest records are two bytes */

/* ---------------------------------------------------------------- values */

void otlp__set_text(OtlpDecoder *d, OtlpRows *rows, uint32_t column, Str text)
{
    if (!text.len) {
        otlp__set_null(rows, column);
        return;
    }
    Str sound = otlp_text_repair(&d->text, text);
    otlp__set_view(rows, column, view_make(sound.ptr, sound.len));
}

bool otlp__id_valid(Str id, size_t len)
{
    uint8_t any = 0;

    if (id.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        any |= (uint8_t)id.ptr[i];
    return any != 0;
}

void otlp__set_id(OtlpDecoder *d, OtlpRows *rows, uint32_t column, Str id, size_t len)
{
    if (!otlp__id_valid(id, len)) {
        otlp__set_null(rows, column);
        return;
    }
    otlp_text_hex(&d->text, id);
    otlp__set_view(rows, column, otlp_text_view(&d->text));
}

/* ---------------------------------------------------------------- resource and scope */

/* Resource: attributes 1, dropped_attributes_count 2. */
static Status decode_resource(OtlpDecoder *d, OtlpRows *rows, Str message)
{
    PbReader r = pb_reader(message);
    uint32_t base = d->attributes.count;
    uint32_t dropped = 0;
    Str service = {"", 0};
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number == 1 && f.wire == PB_BYTES)
            TRY(otlp__push_attribute(d, f.bytes));
        else if (f.number == 2 && f.wire == PB_VARINT)
            dropped = (uint32_t)f.value;
        else if (f.number <= 2)
            return otlp__malformed(d, "a field of a resource has another type");
    }
    if (r.failed)
        return otlp__malformed(d, "a resource is cut short");
    for (uint32_t i = base; i < d->attributes.count; i++)
        if (str_eq(d->attributes.items[i].key, STR("service.name")))
            service = d->attributes.items[i].value;
    TRY(otlp__put_plain_value(d, &d->text, service));
    rows->service = otlp_text_view(&d->text);
    rows->has_service = rows->service.len > 0;
    TRY(otlp__put_object(d, &d->text, base, OTLP_STYLE_JSONB, dropped, 0));
    rows->resource = otlp_text_view(&d->text);
    return STATUS_OK;
}

static void put_member(OtlpText *out, const char *key, bool *first)
{
    if (!*first)
        otlp_text_str(out, STR(", "));
    *first = false;
    otlp_text_byte(out, '"');
    otlp_text_str(out, str_from(key));
    otlp_text_str(out, STR("\": "));
}

static void put_text_member(OtlpText *out, const char *key, Str value, bool *first)
{
    if (!value.len)
        return;
    put_member(out, key, first);
    otlp_text_json_string(out, value, false);
}

/* InstrumentationScope: name 1, version 2, attributes 3, dropped_attributes_count 4; and the
 * schema_url that stands beside it. */
static Status decode_scope(OtlpDecoder *d, OtlpRows *rows, Str message, Str schema_url)
{
    PbReader r = pb_reader(message);
    uint32_t base = d->attributes.count;
    Str texts[3] = {{"", 0}, {"", 0}, {"", 0}};
    uint32_t dropped = 0;
    bool first = true;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number <= 2 && f.wire == PB_BYTES)
            texts[f.number] = f.bytes;
        else if (f.number == 3 && f.wire == PB_BYTES)
            TRY(otlp__push_attribute(d, f.bytes));
        else if (f.number == 4 && f.wire == PB_VARINT)
            dropped = (uint32_t)f.value;
        else if (f.number <= 4)
            return otlp__malformed(d, "a field of a scope has another type");
    }
    if (r.failed)
        return otlp__malformed(d, "a scope is cut short");
    otlp_text_byte(&d->text, '{');
    put_text_member(&d->text, "name", texts[1], &first);
    put_text_member(&d->text, "version", texts[2], &first);
    if (d->attributes.count > base || dropped) {
        put_member(&d->text, "attributes", &first);
        TRY(otlp__put_object(d, &d->text, base, OTLP_STYLE_JSONB, dropped, 0));
    }
    put_text_member(&d->text, "schema_url", schema_url, &first);
    otlp_text_byte(&d->text, '}');
    rows->scope = otlp_text_view(&d->text);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- walk */

/* Calls `fn` for the messages of field `number`; the depth of the walk is the caller's. */
static Status check_message(OtlpDecoder *d, const PbField *f)
{
    return f->wire == PB_BYTES ? STATUS_OK
                               : otlp__malformed(d, "a field of the request is no message");
}

static Status cut_short(OtlpDecoder *d)
{
    return otlp__malformed(d, "it is cut short");
}

/* Adds the number of records in one ResourceLogs or ResourceSpans. */
static Status count_records(OtlpDecoder *d, Str resource, uint64_t *count)
{
    PbReader r = pb_reader(resource);
    PbField f;
    PbField record;

    while (pb_next(&r, &f)) {
        if (f.number != 2)
            continue;
        TRY(check_message(d, &f));
        PbReader scope = pb_reader(f.bytes);
        while (pb_next(&scope, &record))
            *count += record.number == 2;
        if (scope.failed)
            return cut_short(d);
    }
    return r.failed ? cut_short(d) : STATUS_OK;
}

/* The last message of field 1 and text of field 3, wherever they stand. */
static Status find_head(OtlpDecoder *d, Str message, Str *ret_head, Str *ret_schema_url)
{
    PbReader r = pb_reader(message);
    PbField f;

    *ret_head = *ret_schema_url = (Str){"", 0};
    while (pb_next(&r, &f)) {
        if (f.number != 1 && f.number != 3)
            continue;
        TRY(check_message(d, &f));
        *(f.number == 1 ? ret_head : ret_schema_url) = f.bytes;
    }
    return r.failed ? cut_short(d) : STATUS_OK;
}

/* ScopeLogs, ScopeSpans: scope 1, records 2, schema_url 3. */
static Status walk_scope(OtlpDecoder *d, OtlpRows *rows, Str message, OtlpRecord record)
{
    PbReader r = pb_reader(message);
    Str head;
    Str schema_url;
    PbField f;

    TRY(find_head(d, message, &head, &schema_url));
    TRY(decode_scope(d, rows, head, schema_url));
    while (pb_next(&r, &f)) {
        if (f.number != 2)
            continue;
        TRY(check_message(d, &f));
        TRY(record(d, rows, f.bytes));
    }
    return STATUS_OK;
}

/* ResourceLogs, ResourceSpans: resource 1, scopes 2. */
static Status walk_resource(OtlpDecoder *d, OtlpRows *rows, Str message, OtlpRecord record)
{
    PbReader r = pb_reader(message);
    Str head;
    Str schema_url;
    PbField f;

    TRY(find_head(d, message, &head, &schema_url));
    TRY(decode_resource(d, rows, head));
    while (pb_next(&r, &f))
        if (f.number == 2)
            TRY(walk_scope(d, rows, f.bytes, record));
    return STATUS_OK;
}

static Status make_columns(OtlpDecoder *d, const OtlpLayout *layout, uint32_t rows,
                           RecordBatch *ret)
{
    Arena *arena = write_batch_arena(d->batch);

    *ret = (RecordBatch){.column_count = layout->count};
    ret->columns = ARENA_NEW_ARRAY(arena, Column, layout->count);
    for (uint32_t i = 0; i < layout->count; i++)
        TRY(column_init(&ret->columns[i], arena, layout->columns[i].type, rows,
                        !layout->columns[i].not_null, d->err));
    return STATUS_OK;
}

/* The column of the layout that goes into this column of the table, NULL = none. */
static Column *find_column(const OtlpLayout *layout, const RecordBatch *rows,
                           const TableColumn *wanted)
{
    for (uint32_t i = 0; i < layout->count; i++)
        if (str_eq(wanted->name, str_from(layout->columns[i].name)))
            return type_eq(wanted->type, layout->columns[i].type) ? &rows->columns[i] : NULL;
    return NULL;
}

/* Hands the first `count` rows over, as the table has its columns now. */
static Status take_rows(OtlpDecoder *d, const Table *table, const OtlpLayout *layout,
                        const RecordBatch *rows, uint32_t count)
{
    Arena *arena = write_batch_arena(d->batch);
    RecordBatch out = {.column_count = table->column_count, .row_count = count};

    out.columns = ARENA_NEW_ARRAY(arena, Column, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++) {
        const Column *column = find_column(layout, rows, &table->columns[i]);
        if (column)
            out.columns[i] = *column;
        else
            TRY(column_init_null(&out.columns[i], arena, table->columns[i].type, count, d->err));
        out.columns[i].len = count;
    }
    return write_batch_rows_take(d->batch, table, &out, d->err);
}

static Status fill(OtlpDecoder *d, OtlpRows *rows, Str message, OtlpRecord record)
{
    PbReader r = pb_reader(message);
    PbField f;

    while (pb_next(&r, &f))
        if (f.number == 1)
            TRY(walk_resource(d, rows, f.bytes, record));
    return STATUS_OK;
}

Status otlp__rows(OtlpDecoder *d, const Table *table, const OtlpLayout *layout, Str message,
                  OtlpRecord record)
{
    PbReader r = pb_reader(message);
    OtlpRows rows = {0};
    uint64_t count = 0;
    PbField f;

    while (pb_next(&r, &f)) {
        if (f.number != 1)
            continue;
        TRY(check_message(d, &f));
        TRY(count_records(d, f.bytes, &count));
    }
    if (r.failed)
        return cut_short(d);
    if (count > ROWS_MAX)
        return otlp__malformed(d, "it has too many records");
    if (!count)
        return STATUS_OK;
    TRY(otlp__charge(d->ingest, d->write, (int64_t)(count * layout->count * sizeof(View)), d->err));
    TRY(make_columns(d, layout, (uint32_t)count, &rows.batch));
    TRY(fill(d, &rows, message, record));
    d->tally->rows += rows.row;
    return take_rows(d, table, layout, &rows.batch, rows.row);
}

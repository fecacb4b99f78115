#include "net/rest/ndjson_rows.h"

#include "format/copy/copy.h"

/* Stands for NULL among the cells; told apart by its address. */
static const char null_cell[] = "\\N";

void ndjson_rows_init(NdjsonRows *rows, const Table *table, Arena *arena)
{
    *rows = (NdjsonRows){.table = table, .arena = arena};
    rows->used = arena_alloc(arena, bitmap_bytes(table->column_count));
    rows->cells = ARENA_NEW_ARRAY(arena, Str, table->column_count);
    for (uint32_t i = 0; i < table->column_count; i++)
        if (!table->columns[i].dropped)
            *map_put(&rows->column_index, table->columns[i].name, NULL) =
                (void *)(uintptr_t)(i + 1);
}

void ndjson_rows_done(NdjsonRows *rows)
{
    for (uint32_t i = 0; i < rows->group_count; i++) {
        buf_done(&rows->groups[i]->rows);
        buf_done(&rows->groups[i]->lines);
    }
    mem_free(rows->groups);
    map_done(&rows->by_columns);
    map_done(&rows->column_index);
    *rows = (NdjsonRows){0};
}

/* ---------------------------------------------------------------- cells */

/* An element of an array as PostgreSQL's array text has it: quoted, so that any text is safe. */
static void append_element(Buf *out, Str text)
{
    buf_append_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, (uint8_t)text.ptr[i]);
    }
    buf_append_byte(out, '"');
}

/* The rest of a JSON array, behind its bracket, as PostgreSQL's array text; the reader bounds the
 * depth. `json` = the elements are JSON, which keeps objects and arrays inside whole. */
static Status append_array(JsonReader *r, Str text, bool json, Arena *arena, Buf *out, Error *err)
{
    uint32_t depth = 1;
    bool first = true;
    JsonToken token;

    buf_append_byte(out, '{');
    while (depth) {
        TRY(json_next(r, &token, err));
        if (token.kind == JSON_TOKEN_ARRAY_END) {
            buf_append_byte(out, '}');
            depth--;
            first = false;
            continue;
        }
        if (!first)
            buf_append_byte(out, ',');
        first = false;
        switch (token.kind) {
        case JSON_TOKEN_ARRAY:
            if (!json) {
                buf_append_byte(out, '{');
                depth++;
                first = true;
                break;
            }
            [[fallthrough]];
        case JSON_TOKEN_OBJECT:
            TRY(json_skip(r, &token, err));
            append_element(
                out, str_sub(text, token.offset, (size_t)(r->cursor - r->begin) - token.offset));
            break;
        case JSON_TOKEN_NULL:
            buf_append_lit(out, "NULL");
            break;
        case JSON_TOKEN_STRING:
            append_element(out, json_unescape(&token, arena));
            break;
        case JSON_TOKEN_NUMBER:
            append_element(out, token.text);
            break;
        default:
            append_element(out, token.kind == JSON_TOKEN_TRUE ? STR("true") : STR("false"));
            break;
        }
    }
    return STATUS_OK;
}

static bool is_json(Type type)
{
    return type.id == TYPE_JSON || type.id == TYPE_JSONB;
}

static Str raw_text(const JsonReader *r, Str text, const JsonToken *token)
{
    return str_sub(text, token->offset, (size_t)(r->cursor - r->begin) - token->offset);
}

/* Reads the value of a member into *ret_cell. */
static Status read_cell(NdjsonRows *rows, JsonReader *r, Str text, Type type, Str *ret_cell,
                        Error *err)
{
    JsonToken token;

    TRY(json_next(r, &token, err));
    if (token.kind == JSON_TOKEN_NULL) {
        *ret_cell = (Str){null_cell, 2};
        return STATUS_OK;
    }
    if (type.is_array && token.kind == JSON_TOKEN_ARRAY) {
        CLEANUP(buf_done) Buf array = {0};
        TRY(append_array(r, text, is_json(type), rows->arena, &array, err));
        *ret_cell = arena_str(rows->arena, buf_str(&array));
        return STATUS_OK;
    }
    TRY(json_skip(r, &token, err));
    /* A JSON column takes the value as it stands; others take what a string holds. */
    if (token.kind == JSON_TOKEN_STRING && (type.is_array || !is_json(type)))
        *ret_cell = json_unescape(&token, rows->arena);
    else
        *ret_cell = raw_text(r, text, &token);
    return STATUS_OK;
}

/* ---------------------------------------------------------------- rows */

static void append_cell(const CopyOptions *format, Str cell, Buf *out)
{
    size_t at = out->len;

    buf_append_str(out, cell);
    if (cell.ptr != null_cell)
        copy_escape_text(format, at, out);
}

static Status find_group(NdjsonRows *rows, NdjsonGroup **ret_group, Error *err)
{
    size_t bytes = bitmap_bytes(rows->table->column_count);
    Str key = {(const char *)rows->used, bytes};
    NdjsonGroup *group = map_get(&rows->by_columns, key);

    if (!group) {
        if (rows->group_count == NDJSON_GROUPS_MAX)
            return error_set_sql(
                err, STATUS_LIMIT, "54000", 0,
                "the rows name more than %d different sets of columns; send them in "
                "several requests",
                NDJSON_GROUPS_MAX);
        group = ARENA_NEW(rows->arena, NdjsonGroup);
        group->columns = ARENA_NEW_ARRAY(rows->arena, uint16_t, rows->table->column_count);
        for (uint32_t i = 0; i < rows->table->column_count; i++)
            if (bit_get(rows->used, i))
                group->columns[group->column_count++] = (uint16_t)i;
        *map_put(&rows->by_columns, arena_str(rows->arena, key), NULL) = group;
        rows->groups = mem_realloc(rows->groups, (rows->group_count + 1) * sizeof(NdjsonGroup *));
        rows->groups[rows->group_count++] = group;
    }
    *ret_group = group;
    return STATUS_OK;
}

static Status end_row(NdjsonRows *rows, uint64_t line, Error *err)
{
    const CopyOptions format = copy_options_default(COPY_TEXT);
    NdjsonGroup *group;

    TRY(find_group(rows, &group, err));
    buf_append_u64(&group->lines, line);
    group->row_count++;
    for (uint32_t i = 0; i < group->column_count; i++) {
        if (i)
            buf_append_byte(&group->rows, '\t');
        append_cell(&format, rows->cells[group->columns[i]], &group->rows);
    }
    buf_append_byte(&group->rows, '\n');
    return STATUS_OK;
}

/* The members of an object whose bracket was read. */
static Status read_row(NdjsonRows *rows, JsonReader *r, Str text, uint64_t line, Error *err)
{
    JsonToken token;

    memset(rows->used, 0, bitmap_bytes(rows->table->column_count));
    for (;;) {
        TRY(json_next(r, &token, err));
        if (token.kind == JSON_TOKEN_OBJECT_END)
            return end_row(rows, line, err);
        Str name = json_unescape(&token, rows->arena);
        size_t column = (size_t)(uintptr_t)map_get(&rows->column_index, name);
        if (!column)
            return error_set_sql(err, STATUS_INVALID, "42703", 0,
                                 "column \"%.*s\" of relation \"%.*s\" does not exist",
                                 (int)LUMA_MIN(name.len, 100), name.ptr,
                                 STR_FMT(rows->table->name));
        bit_set(rows->used, column - 1);
        TRY(read_cell(rows, r, text, rows->table->columns[column - 1].type,
                      &rows->cells[column - 1], err));
    }
}

static Status not_an_object(Error *err)
{
    return error_set_sql(err, STATUS_INVALID, "22P02", 0,
                         "a row is a JSON object with the columns' names as members");
}

static Status read_lines(NdjsonRows *rows, Str body, uint64_t *line, Error *err)
{
    Str rest = body;
    Str text;

    while (str_split(&rest, '\n', &text)) {
        ++*line;
        if (str_trim(text).len == 0)
            continue;
        JsonReader r = json_reader(text);
        JsonToken token;
        TRY(json_next(&r, &token, err));
        if (token.kind != JSON_TOKEN_OBJECT)
            return not_an_object(err);
        TRY(read_row(rows, &r, text, *line, err));
        TRY(json_next(&r, &token, err));
    }
    return STATUS_OK;
}

static Status read_array(NdjsonRows *rows, Str body, uint64_t *row, Error *err)
{
    JsonReader r = json_reader(body);
    JsonToken token;

    TRY(json_next(&r, &token, err));
    for (;;) {
        ++*row;
        TRY(json_next(&r, &token, err));
        if (token.kind == JSON_TOKEN_ARRAY_END)
            return json_next(&r, &token, err);
        if (token.kind != JSON_TOKEN_OBJECT)
            return not_an_object(err);
        TRY(read_row(rows, &r, body, *row, err));
    }
}

Status ndjson_rows_read(NdjsonRows *rows, Str body, Error *err)
{
    Str start = str_trim(body);
    bool array = start.len && start.ptr[0] == '[';
    uint64_t at = 0;
    Status status = array ? read_array(rows, body, &at, err) : read_lines(rows, body, &at, err);

    if (status == STATUS_INVALID)
        error_prefix(err, "%s %llu", array ? "row" : "line", (unsigned long long)at);
    return status;
}

uint64_t ndjson_group_line(const NdjsonGroup *group, uint64_t row)
{
    uint64_t line = 0;

    if (row < group->row_count)
        memcpy(&line, group->lines.ptr + 8 * row, 8);
    return line;
}

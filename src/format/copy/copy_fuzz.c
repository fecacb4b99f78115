/* Any bytes as a COPY stream of any format, cut into pieces: rows that come out are written and
 * read again, and must be the same. */
#include <stdio.h>

#include "format/copy/copy.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static const CopyColumn columns[] = {
    {.name = STR_INIT("i"), .type = {TYPE_INT4, false, -1}},
    {.name = STR_INIT("t"), .type = {TYPE_TEXT, false, -1}, .force_null = true},
    {.name = STR_INIT("f"), .type = {TYPE_FLOAT8, false, -1}, .force_not_null = true},
    {.name = STR_INIT("z"), .type = {TYPE_TIMESTAMPTZ, false, -1}},
    {.name = STR_INIT("a"), .type = {TYPE_INT8, true, -1}},
};

/* Hands `input` over in pieces of `piece` bytes; appends what is read to `out` in binary. */
static void read_all(const CopyOptions *format, uint32_t column_count, Str input, size_t piece,
                     const PgSettings *settings, Buf *out)
{
    MemBudget budget;
    Error err;
    Arena arena;
    RecordBatch batch;
    CopyWriter writer;
    CopyOptions binary = copy_options_default(COPY_BINARY);
    size_t pos = 0;
    bool more = true;

    mem_budget_init(&budget, NULL, "fuzz", 64 << 20);
    arena_init(&arena, &budget);
    CopyReader *reader = copy_reader_new(&(CopyReaderOptions){.format = *format,
                                                              .columns = columns,
                                                              .column_count = column_count,
                                                              .source = STR("COPY t"),
                                                              .settings = settings,
                                                              .budget = &budget});
    Arena plan;
    arena_init(&plan, NULL);
    copy_writer_init(&writer, &binary, columns, column_count, settings, &plan);
    while (more) {
        Str next = str_sub(input, pos, piece);
        pos += next.len;
        if (!next.len) {
            more = false;
            copy_reader_end(reader);
        } else if (copy_reader_put(reader, next, &err) != STATUS_OK) {
            break;
        }
        for (;;) {
            arena_reset(&arena);
            if (copy_reader_next(reader, &arena, &batch, &err) != STATUS_OK) {
                ASSERT(err.message[0]);
                more = false;
                break;
            }
            if (!batch.row_count)
                break;
            for (uint32_t row = 0; row < batch.row_count; row++) {
                copy_writer_row(&writer, &batch, row, out);
                copy_reader_context(reader, row, &err);
            }
        }
    }
    arena_done(&plan);
    arena_done(&arena);
    (void)copy_reader_free(reader);
    ASSERT(mem_budget_used(&budget) == 0);
}

/* The rows of a binary stream in `format`. */
static void write_again(const CopyOptions *format, uint32_t column_count, Str rows,
                        const PgSettings *settings, Buf *out)
{
    CopyOptions binary = copy_options_default(COPY_BINARY);
    CLEANUP(buf_done) Buf stream = {0};
    CopyWriter head;
    CopyWriter writer;
    Arena arena;
    RecordBatch batch;
    Error err;

    arena_init(&arena, NULL);
    copy_writer_init(&head, &binary, columns, column_count, settings, &arena);
    copy_writer_init(&writer, format, columns, column_count, settings, &arena);
    copy_writer_begin(&head, &stream);
    buf_append_str(&stream, rows);
    copy_writer_end(&head, &stream);
    CopyReader *reader = copy_reader_new(&(CopyReaderOptions){.format = binary,
                                                              .columns = columns,
                                                              .column_count = column_count,
                                                              .source = STR("COPY t"),
                                                              .settings = settings});
    ASSERT(copy_reader_put(reader, buf_str(&stream), &err) == STATUS_OK);
    copy_reader_end(reader);
    copy_writer_begin(&writer, out);
    copy_writer_header(&writer, out);
    for (;;) {
        ASSERT(copy_reader_next(reader, &arena, &batch, &err) == STATUS_OK);
        if (!batch.row_count)
            break;
        for (uint32_t row = 0; row < batch.row_count; row++)
            copy_writer_row(&writer, &batch, row, out);
    }
    copy_writer_end(&writer, out);
    (void)copy_reader_free(reader);
    arena_done(&arena);
}

static void pick_options(const uint8_t *bytes, CopyOptions *format)
{
    *format = copy_options_default((CopyFormat)(bytes[0] % 3));
    format->header = bytes[0] & 0x40 ? COPY_HEADER_ON : COPY_HEADER_OFF;
    if (bytes[0] & 0x80)
        format->header = COPY_HEADER_MATCH;
    if (format->format == COPY_BINARY)
        format->header = COPY_HEADER_OFF;
    if (bytes[1] & 1)
        format->delimiter = format->format == COPY_CSV ? ';' : '|';
    if (format->format == COPY_CSV && bytes[1] & 2)
        format->null_text = STR("NIL");
    if (format->format == COPY_CSV && bytes[1] & 4)
        format->escape = '\\';
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CopyOptions format;
    PgSettings settings;
    CLEANUP(buf_done) Buf whole = {0};
    CLEANUP(buf_done) Buf pieces = {0};
    CLEANUP(buf_done) Buf text = {0};
    CLEANUP(buf_done) Buf again = {0};

    if (len < 4)
        return 0;
    pick_options(bytes, &format);
    pg_settings_init(&settings);
    settings.now_us = 0;
    Str input = str_make(bytes + 4, len - 4);
    uint32_t column_count = bytes[2] % (LUMA_ARRAY_LEN(columns) + 1);
    read_all(&format, column_count, input, SIZE_MAX, &settings, &whole);
    read_all(&format, column_count, input, (size_t)bytes[3] + 1, &settings, &pieces);
    ASSERT(str_eq(buf_str(&whole), buf_str(&pieces)));
    /* A row without columns is an empty line, which is written, but not a row of binary. */
    if (!column_count)
        return 0;
    write_again(&format, column_count, buf_str(&whole), &settings, &text);
    read_all(&format, column_count, buf_str(&text), SIZE_MAX, &settings, &again);
    ASSERT(str_eq(buf_str(&whole), buf_str(&again)));
    return 0;
}

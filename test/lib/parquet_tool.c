/* parquet_tool.c - for the suites: `read FILE` prints rows of a Parquet file as JSON lines of
 * texts, `copy IN OUT CODEC v1|v2 auto|plain|delta_bytes` writes what it reads with our writer,
 * `time FILE` prints how long decoding takes, a column at a time. */
#include <stdio.h>
#include <time.h>

#include "format/json/json.h"
#include "format/parquet/parquet_reader.h"
#include "format/parquet/parquet_writer.h"
#include "format/pgtype/pgtype.h"

static Error err;

static int fail(void)
{
    fprintf(stderr, "%s\n", err.message);
    return 1;
}

static void put_row(const ParquetFile *file, const RecordBatch *batch, uint32_t row, Buf *out)
{
    CLEANUP(buf_done) Buf text = {0};
    PgSettings settings;

    pg_settings_init(&settings);
    buf_append_byte(out, '{');
    for (uint32_t c = 0; c < batch->column_count; c++) {
        buf_append_str(out, c ? STR(",") : STR(""));
        json_append_string(out, file->schema.fields[c].name);
        buf_append_byte(out, ':');
        buf_clear(&text);
        if (column_is_null(&batch->columns[c], row)) {
            buf_append_lit(out, "null");
            continue;
        }
        pgtype_append_text(&batch->columns[c], row, &settings, &text);
        json_append_string(out, buf_str(&text));
    }
    buf_append_lit(out, "}\n");
}

static Status write_file(void *ctx, const void *bytes, size_t len, Error *e)
{
    return fwrite(bytes, 1, len, ctx) == len ? STATUS_OK : error_set(e, STATUS_IO, "cannot write");
}

static Status each(const ParquetFile *file, ParquetWriter *w, Error *e)
{
    ParquetScanOptions options = {0};
    ParquetScan *scan = parquet_scan_new(file, &options);
    CLEANUP(buf_done) Buf out = {0};
    Status status = STATUS_OK;
    RecordBatch batch;
    Arena arena;

    arena_init(&arena, NULL);
    for (uint32_t g = 0; g < file->meta.group_count && status == STATUS_OK; g++) {
        status = parquet_scan_group(scan, g, NULL, 0, e);
        while (status == STATUS_OK) {
            arena_reset(&arena);
            status = parquet_scan_next(scan, BATCH_ROWS, &arena, &batch, e);
            if (status != STATUS_OK || !batch.row_count)
                break;
            if (w)
                status = parquet_writer_append(w, &batch, e);
            for (uint32_t row = 0; !w && row < batch.row_count; row++)
                put_row(file, &batch, row, &out);
            if (out.len)
                (void)fwrite(out.ptr, 1, out.len, stdout);
            buf_clear(&out);
        }
    }
    (void)parquet_scan_free(scan);
    arena_done(&arena);
    return status;
}

static Status copy(const ParquetFile *file, char **args, Error *e)
{
    ParquetColumnOptions *columns = MEM_NEW_ARRAY(ParquetColumnOptions, file->column_count + 1);
    ParquetWriterOptions options = {.columns = columns, .page_rows = 1000};
    FILE *to = fopen(args[0], "wb");
    ParquetSink sink = {write_file, to};
    ParquetWriter *w = NULL;
    uint64_t bytes;

    for (ParquetCodec c = 0; c < PARQUET_CODEC_COUNT_; c++)
        if (strcmp(parquet_codec_name(c), args[1]) == 0)
            options.codec = c;
    options.page_v2 = strcmp(args[2], "v2") == 0;
    for (uint32_t i = 0; i < file->column_count; i++) {
        Type type = file->schema.fields[i].type;
        columns[i].bloom = true;
        if (strcmp(args[3], "plain") == 0) {
            columns[i].layout = PARQUET_LAYOUT_PLAIN;
            columns[i].dictionary = PARQUET_DICTIONARY_OFF;
        } else if (strcmp(args[3], "dictionary") == 0) {
            columns[i].dictionary = PARQUET_DICTIONARY_ON;
        } else if (strcmp(args[3], "delta_bytes") == 0) {
            columns[i].dictionary = PARQUET_DICTIONARY_OFF;
            if (type_layout(type) == LAYOUT_VIEW && type.id != TYPE_NUMERIC)
                columns[i].layout = PARQUET_LAYOUT_DELTA_BYTES;
        }
    }
    Status status = parquet_writer_new(&sink, &file->schema, &options, &w, e);
    if (status == STATUS_OK)
        status = each(file, w, e);
    if (status == STATUS_OK)
        status = parquet_writer_finish(w, &bytes, e);
    (void)parquet_writer_free(w);
    (void)fclose(to);
    mem_free(columns);
    return status;
}

static Status time_columns(const ParquetFile *file, Error *e)
{
    for (uint32_t c = 0; c < file->column_count; c++) {
        ParquetScanOptions options = {.columns = &c, .column_count = 1};
        ParquetScan *scan = parquet_scan_new(file, &options);
        struct timespec from;
        struct timespec to;
        RecordBatch batch;
        Arena arena;
        size_t bytes = 0;

        arena_init(&arena, NULL);
        (void)clock_gettime(CLOCK_MONOTONIC, &from);
        for (uint32_t g = 0; g < file->meta.group_count; g++) {
            TRY(parquet_scan_group(scan, g, NULL, 0, e));
            do {
                arena_reset(&arena);
                TRY(parquet_scan_next(scan, BATCH_ROWS, &arena, &batch, e));
                if (batch.row_count && !batch.columns[0].dict)
                    bytes +=
                        batch.row_count * layout_width(type_layout(file->schema.fields[c].type));
                else
                    bytes += batch.row_count * 4;
            } while (batch.row_count);
        }
        (void)clock_gettime(CLOCK_MONOTONIC, &to);
        double s = (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
        printf("%-12.*s %8.1f ms %8.2f GB/s of column bytes\n",
               STR_FMT(file->schema.fields[c].name), s * 1e3, (double)bytes / s / 1e9);
        (void)parquet_scan_free(scan);
        arena_done(&arena);
    }
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    ParquetSource source;
    ParquetFile file;
    VfsFile *input = NULL;
    Arena arena;
    Status status;

    arena_init(&arena, NULL);
    if (argc < 3 || vfs_open(vfs_posix(), argv[2], VFS_READ, &input, &err) != STATUS_OK ||
        parquet_source_vfs(input, &source, &err) != STATUS_OK ||
        parquet_open(&source, &arena, &file, &err) != STATUS_OK)
        return fail();
    if (strcmp(argv[1], "copy") == 0 && argc == 7)
        status = copy(&file, argv + 3, &err);
    else if (strcmp(argv[1], "time") == 0)
        status = time_columns(&file, &err);
    else
        status = each(&file, NULL, &err);
    (void)vfs_close(input);
    arena_done(&arena);
    return status == STATUS_OK ? 0 : fail();
}

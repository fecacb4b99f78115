/* parquet_fuzz.c - any bytes as a file: footer, indexes, pruning, and every row is looked at. */
#include "format/parquet/parquet_reader.h"
#include "format/pgtype/pgtype.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

enum { MEMORY_MAX = 64 << 20, BATCHES_MAX = 50 };

static void look(const RecordBatch *batch, Buf *out)
{
    PgSettings settings;

    pg_settings_init(&settings);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        PgPrintFn print = pgtype_text_fn(batch->columns[c].type);
        for (uint32_t row = 0; row < batch->row_count; row++) {
            buf_clear(out);
            if (!column_is_null(&batch->columns[c], row))
                print(&batch->columns[c], row, &settings, out);
        }
    }
}

static void scan_group(const ParquetFile *file, ParquetScan *scan, uint32_t group,
                       MemBudget *budget)
{
    CLEANUP(buf_done) Buf out = {0};
    ParquetRows *ranges = NULL;
    uint32_t count = 0;
    RecordBatch batch;
    Arena arena;

    arena_init(&arena, budget);
    ParquetPredicate p = {.op = PARQUET_OP_NOT_NULL};
    if (file->column_count &&
        parquet_prune(file, group, &p, 1, &arena, &ranges, &count, NULL) != STATUS_OK)
        ranges = NULL;
    Status status = parquet_scan_group(scan, group, ranges, count, NULL);
    for (int i = 0; status == STATUS_OK && i < BATCHES_MAX; i++) {
        arena_reset(&arena);
        status = parquet_scan_next(scan, 100, &arena, &batch, NULL);
        if (status != STATUS_OK || !batch.row_count)
            break;
        look(&batch, &out);
    }
    arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    ParquetSource source = parquet_source_memory(str_make(bytes, len));
    MemBudget budget;
    ParquetFile file;
    Arena arena;

    mem_budget_init(&budget, NULL, "fuzz", MEMORY_MAX);
    arena_init(&arena, &budget);
    if (parquet_open(&source, &arena, &file, NULL) == STATUS_OK) {
        ParquetScanOptions options = {.skip_crc = true, .budget = &budget};
        ParquetScan *scan = parquet_scan_new(&file, &options);
        for (uint32_t g = 0; g < file.meta.group_count && g < 4; g++)
            scan_group(&file, scan, g, &budget);
        (void)parquet_scan_free(scan);
    }
    arena_done(&arena);
    return 0;
}

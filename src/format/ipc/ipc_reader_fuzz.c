/* ipc_reader_fuzz.c - any bytes: batches are read to the end, and every value is looked at. */
#include "format/ipc/ipc_reader.h"
#include "format/pgtype/pgtype.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void look(const RecordBatch *batch, Buf *out)
{
    PgSettings settings;

    pg_settings_init(&settings);
    for (uint32_t c = 0; c < batch->column_count; c++) {
        PgPrintFn print = pgtype_text_fn(batch->columns[c].type);
        for (uint32_t row = 0; row < batch->row_count && row < 1000; row++) {
            buf_clear(out);
            if (!column_is_null(&batch->columns[c], row))
                print(&batch->columns[c], row, &settings, out);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(buf_done) Buf out = {0};
    IpcReader reader;
    RecordBatch batch;
    Arena arena;

    arena_init(&arena, NULL);
    Status status = ipc_reader_open(&reader, str_make(bytes, len), &arena, NULL);
    for (int i = 0; status == STATUS_OK && i < 100; i++) {
        status = ipc_reader_next(&reader, &arena, &batch, NULL);
        if (status != STATUS_OK || batch.row_count == 0)
            break;
        look(&batch, &out);
    }
    arena_done(&arena);
    return 0;
}

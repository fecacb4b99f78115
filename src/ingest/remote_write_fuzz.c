/* Decodes any bytes as requests of both versions into a batch of a real engine; nothing is
 * submitted. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/ingest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static Engine *engine;
static MemBudget budget;
static char folder[] = "/tmp/luma-remote-write-fuzz-XXXXXX";

static void remove_folder(void)
{
    char command[128];
    engine = engine_close(engine);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    (void)!system(command);
}

static void open_engine(void)
{
    EngineReport report;
    Error err;

    ASSERT(mkdtemp(folder) != NULL);
    (void)atexit(remove_folder);
    mem_budget_init(&budget, NULL, "fuzz memory", 512 << 20);
    EngineOptions options = {.data_dir = folder, .budget = &budget, .wal_segment_bytes = 1 << 20};
    ASSERT(engine_open(&options, &engine, &report, &err) == STATUS_OK);
}

typedef Status (*Decode)(WriteBatch *batch, Str message, IngestTally *tally, Error *err);

static void decode_with(Decode decode, Str message)
{
    IngestTally tally = {0};
    CLEANUP(buf_done) Buf text = {0};
    WriteBatch *batch;
    Error err;

    if (write_batch_new(engine, &batch, &err) != STATUS_OK)
        return;
    if (decode(batch, message, &tally, &err) == STATUS_OK) {
        ASSERT(write_batch_sample_count(batch) == tally.samples + tally.histograms);
        ingest_describe_refusals(&tally, &text);
    }
    write_batch_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (!engine)
        open_engine();
    decode_with(remote_write_decode, str_make(bytes, len));
    decode_with(remote_write2_decode, str_make(bytes, len));
    return 0;
}

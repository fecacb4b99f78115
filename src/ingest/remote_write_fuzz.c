/* Decodes any bytes as a WriteRequest into a batch of a real engine; nothing is submitted. */
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    IngestTally tally = {0};
    CLEANUP(buf_done) Buf text = {0};
    WriteBatch *batch;
    Error err;

    if (!engine)
        open_engine();
    if (write_batch_new(engine, &batch, &err) != STATUS_OK)
        return 0;
    Status status = remote_write_decode(batch, str_make(bytes, len), &tally, &err);
    if (status == STATUS_OK) {
        ASSERT(write_batch_sample_count(batch) == tally.samples + tally.histograms);
        ingest_describe_refusals(&tally, &text);
    }
    write_batch_free(batch);
    return 0;
}

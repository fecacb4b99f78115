/* Decodes any bytes as requests of all three signals into batches of a real engine; nothing is
 * submitted. The first byte picks the signal and the encoding. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ingest/otlp.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static Engine *engine;
static OtlpIngest *ingest;
static MemBudget budget;
static char folder[] = "/tmp/luma-otlp-fuzz-XXXXXX";

static void remove_folder(void)
{
    char command[128];
    engine = engine_close(engine);
    ingest = otlp_ingest_free(ingest);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    (void)!system(command);
}

static void open_engine(void)
{
    static const Str promote = STR_INIT("host.name");
    EngineReport report;
    Error err;

    ASSERT(mkdtemp(folder) != NULL);
    (void)atexit(remove_folder);
    mem_budget_init(&budget, NULL, "fuzz memory", 512 << 20);
    EngineOptions options = {.data_dir = folder, .budget = &budget, .wal_segment_bytes = 1 << 20};
    ASSERT(engine_open(&options, &engine, &report, &err) == STATUS_OK);
    ingest = otlp_ingest_new(engine, &(OtlpOptions){.promote = &promote,
                                                    .promote_count = 1,
                                                    .promote_scope = true,
                                                    .delta_streams_max = 64,
                                                    .budget = &budget});
}

static void decode(OtlpSignal signal, Str message)
{
    OtlpWrite write = {.signal = signal};
    CLEANUP(buf_done) Buf text = {0};
    WriteBatch *batch;
    Error err;

    if (write_batch_new(engine, &batch, &err) != STATUS_OK)
        return;
    if (otlp_decode(ingest, batch, &write, message, &err) == STATUS_OK) {
        ASSERT(write_batch_sample_count(batch) == write.tally.samples + write.tally.histograms);
        ingest_describe_refusals(&write.tally, &text);
    }
    otlp_write_done(&write);
    write_batch_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    CLEANUP(buf_done) Buf protobuf = {0};
    Error err;

    if (!engine)
        open_engine();
    if (!len)
        return 0;
    OtlpSignal signal = (OtlpSignal)(bytes[0] / 2 % OTLP_SIGNAL_COUNT_);
    Str message = str_make(bytes + 1, len - 1);
    if (bytes[0] & 1) {
        if (otlp_json_to_protobuf(signal, message, &protobuf, &err) != STATUS_OK)
            return 0;
        message = buf_str(&protobuf);
    }
    decode(signal, message);
    return 0;
}

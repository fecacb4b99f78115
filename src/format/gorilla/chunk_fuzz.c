#include "format/gorilla/bitpack.h"
#include "format/gorilla/chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Any bytes: decoding stays inside them; what decodes is summarised, coded anew and comes back. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    int64_t ts[CHUNK_SAMPLES_MAX];
    double values[CHUNK_SAMPLES_MAX];
    int64_t starts[CHUNK_SAMPLES_MAX];
    int64_t again_ts[CHUNK_SAMPLES_MAX];
    double again[CHUNK_SAMPLES_MAX];
    uint32_t count;
    uint32_t again_count;
    ChunkSummary summary;
    Buf out = {0};

    if (len)
        (void)gorilla_decode(bytes + 1, len - 1, bytes[0], ts, values, len & 1 ? starts : NULL);
    if (chunk_decode(str_make(bytes, len), ts, values, starts, &count, NULL) != STATUS_OK)
        return 0;
    chunk_summarize(ts, values, count, &summary);
    chunk_encode(ts, values, NULL, count, &out);
    ASSERT(chunk_decode(buf_str(&out), again_ts, again, NULL, &again_count, NULL) == STATUS_OK);
    ASSERT(again_count == count && memcmp(ts, again_ts, count * sizeof *ts) == 0);
    ASSERT(memcmp(values, again, count * sizeof *values) == 0);
    buf_done(&out);
    return 0;
}

#include "format/histogram/histogram.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Any bytes: both walks agree, and what decodes and holds together is coded to bytes that decode to
 * the same. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    Str blob = str_make(bytes, len);
    NativeHistogram h;
    NativeHistogram again;
    Arena arena;
    Buf out = {0};

    arena_init(&arena, NULL);
    bool valid = histogram_blob_validate(blob, NULL) == STATUS_OK;
    ASSERT(valid == (histogram_decode(blob, &arena, &h, NULL) == STATUS_OK));
    if (valid && histogram_validate(&h, NULL) == STATUS_OK) {
        histogram_encode(&h, &out);
        ASSERT(histogram_decode(buf_str(&out), &arena, &again, NULL) == STATUS_OK);
        ASSERT(histogram_equal(&h, &again));
    }
    buf_done(&out);
    arena_done(&arena);
    return 0;
}

/* http1_fuzz.c - the first byte says how the rest is cut; the result must not depend on it. */
#include "net/http/http1_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const Http1Limits limits = {256, 512, 8};
    Transcript whole;
    Transcript cut;

    if (len < 1)
        return 0;
    size_t step = bytes[0] % 61 + 1;
    Str stream = str_make(bytes + 1, len - 1);
    transcript_init(&whole, &limits);
    transcript_init(&cut, &limits);
    transcript_feed(&whole, stream);
    for (size_t at = 0; at < stream.len; at += step)
        transcript_feed(&cut, str_sub(stream, at, step));
    ASSERT(str_eq(buf_str(&whole.text), buf_str(&cut.text)));
    ASSERT(whole.failed || whole.kept.len <= 4096 + 2);
    transcript_done(&whole);
    transcript_done(&cut);
    return 0;
}

#include "ingest/ingest.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/counter.h"

static const struct {
    const char *text;
    CounterId counter;
} reasons[INGEST_REASON_COUNT_] = {
#define X(id, text, counter) {text, COUNTER_##counter},
    INGEST_REASON_LIST(X)
#undef X
};

uint64_t ingest_refused_total(const IngestTally *tally)
{
    uint64_t total = 0;
    for (int i = 0; i < INGEST_REASON_COUNT_; i++)
        total += tally->refused[i];
    return total;
}

void ingest_refuse(IngestTally *tally, IngestReason reason, uint64_t items, const char *format, ...)
{
    if (!tally->first_refusal[0]) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(tally->first_refusal, sizeof tally->first_refusal, format, args);
        va_end(args);
    }
    tally->refused[reason] += items;
    counter_add(reasons[reason].counter, (int64_t)items);
}

void ingest_describe_refusals(const IngestTally *tally, Buf *out)
{
    uint64_t refused = ingest_refused_total(tally);
    uint64_t stored =
        tally->samples + tally->histograms + tally->exemplars + tally->metadata + tally->rows;
    const char *separator = "";

    buf_printf(out, "%" PRIu64 " of %" PRIu64 " items were refused (", refused, refused + stored);
    for (int i = 0; i < INGEST_REASON_COUNT_; i++) {
        if (!tally->refused[i])
            continue;
        buf_printf(out, "%s%" PRIu64 " %s", separator, tally->refused[i], reasons[i].text);
        separator = ", ";
    }
    buf_printf(out, "), the others are stored; first: %s", tally->first_refusal);
}

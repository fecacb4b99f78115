/* remote_write_int.h - what the decoders of remote write 1.0 and 2.0 share. Private to this folder.
 */
#ifndef LUMA_INGEST_REMOTE_WRITE_INT_H
#define LUMA_INGEST_REMOTE_WRITE_INT_H

#include "format/protobuf/protobuf.h"
#include "ingest/ingest.h"

enum {
    LABELS_MAX = 512, /* of one series; more is refused */
    LABEL_BYTES_MAX = 1 << 20,
};

typedef struct Decoder {
    WriteBatch *batch;
    IngestTally *tally;
    SeriesCursor *cursor;
    const char *version; /* "1.0", "2.0", for error texts */
    Arena arena;         /* what one histogram or exemplar needs; reset per item */
    Buf labels;          /* raw label bytes of a series that has none in one piece */
    Error *err;
} Decoder;

/* INVALID: "the body is not a valid remote write V request: what". */
Status remote_write__malformed(Decoder *d, const char *what);
/* Registers a series that its raw bytes did not find. *ret_found = false: its labels are bad, and
 * `items` refusals are in the tally. Sorts `labels`. */
Status remote_write__add_series(Decoder *d, LabelCodec codec, Str raw, Label *labels,
                                uint32_t count, uint64_t items, SeriesRef *ret_ref,
                                bool *ret_found);
/* A Sample: value 1, timestamp 2, start_timestamp 3 (2.0 only). */
Status remote_write__sample(Decoder *d, SeriesRef ref, Str message);
/* A Histogram; the two versions have the same numbers. */
Status remote_write__histogram(Decoder *d, SeriesRef ref, Str message);
/* Checks and stores an exemplar that was read. */
Status remote_write__exemplar(Decoder *d, SeriesRef ref, int64_t ts_ms, double value, Label *labels,
                              uint32_t count);
/* Checks and stores a metric's metadata; `type` is MetricMetadata.MetricType's number. */
Status remote_write__metadata(Decoder *d, uint64_t type, Str metric, Str help, Str unit);

#endif

/* wal_entry.h - what entries of the write-ahead log say: payloads and their codecs.
 *
 * Each type has one struct, an encoder and a decoder; both encodings hold the same. Encoders append
 * to `out` and cannot fail (a Buf with len_max sets `overflowed`). Decoders check everything before
 * use (bounds, counts, UTF-8 and order of labels) and fail with STATUS_CORRUPT; an encoding or a
 * form this program does not know is STATUS_UNSUPPORTED. What they return lives in the arena and
 * borrows texts from the payload, which must outlive it. docs/formats/wal.md section 4 has the
 * bytes.
 *
 * Entries are independent of one another: any may be decoded alone, on any thread.
 */
#ifndef LUMA_STORAGE_WAL_WAL_ENTRY_H
#define LUMA_STORAGE_WAL_WAL_ENTRY_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "base/label.h"
#include "storage/wal/wal.h"

/* A series whose ref is used from here on. */
typedef struct WalSeries {
    uint32_t ref;
    LabelSet labels;
} WalSeries;

typedef struct WalSeriesList {
    const WalSeries *series;
    uint32_t count;
} WalSeriesList;

/* A native histogram sample; the blob is the series store's own form. */
typedef struct WalHistogram {
    uint32_t ref;
    int64_t ts_ms;
    int64_t start_ms; /* 0 = none */
    Str blob;
} WalHistogram;

typedef struct WalSamples {
    WalSeriesList defs; /* definitions of refs that are not durable yet */
    uint32_t count;     /* float samples; the arrays below are this long */
    const uint32_t *refs;
    const int64_t *ts_ms;
    const uint64_t *value_bits; /* IEEE 754 bits, NaN payloads included */
    const int64_t *start_ms;    /* 0 = none; NULL = none in the whole entry */
    const WalHistogram *histograms;
    uint32_t histogram_count;
} WalSamples;

typedef struct WalRows {
    uint32_t table_id;
    uint32_t schema_version;
    uint64_t txn_id;   /* 0 = commits by itself */
    RecordBatch batch; /* decoded: plain columns, schema is NULL; encoding flattens */
} WalRows;

/* A row by the write that stored it: `position` counts the rows that this write put into the
 * table. So a lost entry never makes a delete hit another row. */
typedef struct WalRowName {
    Lsn lsn;
    uint64_t position;
} WalRowName;

typedef struct WalDeletes {
    uint32_t table_id;
    bool all;        /* every row written before (TRUNCATE) */
    uint64_t txn_id; /* 0 = commits by itself */
    const WalRowName *rows;
    uint32_t count; /* at most WAL_DELETES_MAX */
} WalDeletes;

typedef struct WalMetadata {
    Str metric;
    Str type; /* "counter", ... */
    Str unit;
    Str help;
} WalMetadata;

typedef struct WalMetadataList {
    const WalMetadata *items;
    uint32_t count;
} WalMetadataList;

typedef struct WalExemplar {
    uint32_t ref;
    int64_t ts_ms;
    uint64_t value_bits;
    LabelSet labels; /* trace_id and the like */
} WalExemplar;

typedef struct WalExemplarList {
    const WalExemplar *items;
    uint32_t count;
} WalExemplarList;

void wal_samples_encode(const WalSamples *samples, WalEncoding encoding, Buf *out);
Status wal_samples_decode(const WalEntry *entry, Arena *arena, WalSamples *ret, Error *err);

/* `arena` is scratch for flattening constant and dictionary columns; STATUS_LIMIT when full. */
Status wal_rows_encode(const WalRows *rows, WalEncoding encoding, Arena *arena, Buf *out,
                       Error *err);
Status wal_rows_decode(const WalEntry *entry, Arena *arena, WalRows *ret, Error *err);

/* Only the transaction of a ROWS entry, at the price of its first bytes. */
Status wal_rows_txn(const WalEntry *entry, uint64_t *ret_txn_id, Error *err);

/* Rows that one entry may name. */
enum { WAL_DELETES_MAX = 1 << 19 };

void wal_deletes_encode(const WalDeletes *deletes, WalEncoding encoding, Buf *out);
Status wal_deletes_decode(const WalEntry *entry, Arena *arena, WalDeletes *ret, Error *err);

/* Only the transaction of a DELETES entry. */
Status wal_deletes_txn(const WalEntry *entry, uint64_t *ret_txn_id, Error *err);

void wal_metadata_encode(WalMetadataList list, WalEncoding encoding, Buf *out);
Status wal_metadata_decode(const WalEntry *entry, Arena *arena, WalMetadataList *ret, Error *err);

void wal_exemplars_encode(WalExemplarList list, WalEncoding encoding, Buf *out);
Status wal_exemplars_decode(const WalEntry *entry, Arena *arena, WalExemplarList *ret, Error *err);

/* A change of the catalog: bytes that only the catalog understands and checks, as they are. */
void wal_catalog_encode(Str change, WalEncoding encoding, Buf *out);
Status wal_catalog_decode(const WalEntry *entry, Str *ret_change, Error *err);

void wal_commit_encode(uint64_t txn_id, WalEncoding encoding, Buf *out);
Status wal_commit_decode(const WalEntry *entry, uint64_t *ret_txn_id, Error *err);

/* For WAL_ENTRY_CHECKPOINT_SERIES. */
void wal_series_encode(WalSeriesList list, WalEncoding encoding, Buf *out);
Status wal_series_decode(const WalEntry *entry, Arena *arena, WalSeriesList *ret, Error *err);

#endif

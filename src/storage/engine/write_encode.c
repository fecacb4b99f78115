/* write_encode.c - a batch as entries of the log: one, or a group, or a transaction.
 *
 * A request is whole or absent after a crash. What fits is one entry; several kinds of data become
 * the parts of one group entry; more rows than an entry holds become ROWS entries of one
 * transaction id ended by COMMIT.
 *
 * A series is defined in each entry that uses it until one such entry is durable, so entries may
 * define a series again.
 */
#include <stdlib.h>

#include "storage/engine/engine_int.h"
#include "storage/wal/wal_group.h"

/* Deletes that one part names, at about two bytes each. */
enum { DELETES_PART = 1 << 18 };
_Static_assert((int)DELETES_PART <= (int)WAL_DELETES_MAX, "an entry may name as many");

/* Rows are cut so that entries stay well below WAL_ENTRY_BYTES_MAX and within the bound of values
 * that a reader takes (docs/formats/wal.md section 4.4). */
enum { ROWS_ENTRY_BYTES = 8 << 20, ROWS_ENTRY_VALUES = 1 << 20 };

static WriteEntry *add_entry(WriteBatch *batch, WalEntryType type)
{
    WriteEntry *entry = ARENA_NEW(&batch->arena, WriteEntry);

    entry->batch = batch;
    entry->append.type = type;
    entry->append.encoding = batch->engine->encoding;
    ARENA_PUSH(&batch->arena, batch->entries, batch->entry_count, batch->entry_cap, entry);
    return entry;
}

/* ---------------------------------------------------------------- definitions */

static int compare_refs(const void *a, const void *b)
{
    SeriesRef x = *(const SeriesRef *)a;
    SeriesRef y = *(const SeriesRef *)b;
    return (x > y) - (x < y);
}

static void add_def(WriteBatch *batch, SeriesRef ref, size_t *cap)
{
    if (!metric_store_is_durable(batch->engine->metrics, ref) &&
        !(batch->def_count && batch->defs[batch->def_count - 1] == ref))
        ARENA_PUSH(&batch->arena, batch->defs, batch->def_count, *cap, ref);
}

/* Fills batch->defs: series in use that no durable entry defines, each once. */
static void collect_defs(WriteBatch *batch)
{
    size_t cap = 0;
    size_t kept = 0;

    for (size_t i = 0; i < batch->sample_count; i++)
        add_def(batch, batch->refs[i], &cap);
    for (size_t i = 0; i < batch->histogram_count; i++)
        add_def(batch, batch->histograms[i].ref, &cap);
    for (size_t i = 0; i < batch->exemplar_count; i++)
        add_def(batch, batch->exemplars[i].ref, &cap);
    if (!batch->def_count)
        return;
    qsort(batch->defs, batch->def_count, sizeof *batch->defs, compare_refs);
    for (size_t i = 0; i < batch->def_count; i++)
        if (!kept || batch->defs[kept - 1] != batch->defs[i])
            batch->defs[kept++] = batch->defs[i];
    batch->def_count = kept;
}

static Status make_defs(WriteBatch *batch, WalSeriesList *ret, Error *err)
{
    WalSeries *series = ARENA_NEW_ARRAY(&batch->arena, WalSeries, batch->def_count);

    for (size_t i = 0; i < batch->def_count; i++) {
        series[i].ref = batch->defs[i];
        TRY(metric_store_definition(batch->engine->metrics, batch->defs[i], &batch->arena,
                                    &series[i].labels, err));
    }
    *ret = (WalSeriesList){series, (uint32_t)batch->def_count};
    return STATUS_OK;
}

/* ---------------------------------------------------------------- parts */

static bool has_samples(const WriteBatch *batch)
{
    return batch->sample_count || batch->histogram_count || batch->def_count;
}

static Status encode_samples(WriteBatch *batch, Buf *out, Error *err)
{
    WalSamples samples = {.count = (uint32_t)batch->sample_count,
                          .refs = batch->refs,
                          .ts_ms = batch->ts_ms,
                          .value_bits = batch->bits,
                          .start_ms = batch->start_ms,
                          .histograms = batch->histograms,
                          .histogram_count = (uint32_t)batch->histogram_count};

    TRY(make_defs(batch, &samples.defs, err));
    wal_samples_encode(&samples, batch->engine->encoding, out);
    return STATUS_OK;
}

static Status encode_rows(WriteBatch *batch, const WriteRows *rows, const RecordBatch *slice,
                          uint64_t txn_id, Buf *out, Error *err)
{
    WalRows entry = {rows->store_id, rows->schema_version, txn_id, *slice};
    return wal_rows_encode(&entry, batch->engine->encoding, &batch->arena, out, err);
}

static size_t batch_bytes(const RecordBatch *rows)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < rows->column_count; i++)
        bytes += column_bytes(&rows->columns[i]);
    return bytes;
}

/* Rows per entry, so that an entry has about ROWS_ENTRY_BYTES. */
static uint32_t rows_per_entry(const RecordBatch *rows)
{
    size_t per_row = batch_bytes(rows) / rows->row_count + 1;
    size_t count = LUMA_MIN(ROWS_ENTRY_BYTES / per_row,
                            (size_t)ROWS_ENTRY_VALUES / LUMA_MAX(rows->column_count, 1));
    return (uint32_t)LUMA_MAX(LUMA_MIN(count, (size_t)rows->row_count), (size_t)1);
}

/* Calls `encode` for each cut of each row batch. */
typedef Status (*EncodeCut)(WriteBatch *batch, const WriteRows *rows, const RecordBatch *cut,
                            void *ctx, Error *err);
static Status each_cut(WriteBatch *batch, EncodeCut encode, void *ctx, Error *err)
{
    for (size_t i = 0; i < batch->row_batch_count; i++) {
        const WriteRows *rows = &batch->rows[i];
        if (rows->store_id >= TABLE_ID_FIRST_TEMPORARY)
            continue; /* not logged */
        uint32_t step = rows_per_entry(&rows->batch);
        for (uint32_t from = 0; from < rows->batch.row_count; from += step) {
            RecordBatch cut;
            uint32_t count = LUMA_MIN(step, rows->batch.row_count - from);
            TRY(batch_slice(&rows->batch, from, count, &batch->arena, &cut, err));
            TRY(encode(batch, rows, &cut, ctx, err));
        }
    }
    return STATUS_OK;
}

/* Calls `encode` for each part of the deletes of each table. */
typedef Status (*EncodeDeletes)(WriteBatch *batch, const WalDeletes *deletes, void *ctx,
                                Error *err);
static Status each_deletes(WriteBatch *batch, EncodeDeletes encode, void *ctx, Error *err)
{
    for (size_t i = 0; i < batch->table_count; i++) {
        const WriteTable *table = &batch->tables[i];
        if (table->store_id >= TABLE_ID_FIRST_TEMPORARY)
            continue; /* the log does not hold them */
        WalDeletes deletes = {.table_id = table->store_id, .all = table->truncate};
        if (deletes.all)
            TRY(encode(batch, &deletes, ctx, err));
        for (uint32_t from = 0; from < table->delete_count; from += DELETES_PART) {
            WalRowName *names;
            deletes.all = false;
            deletes.count = LUMA_MIN(table->delete_count - from, (uint32_t)DELETES_PART);
            TRY(arena_try_alloc(&batch->arena, sizeof *names * deletes.count, &names, err));
            for (uint32_t k = 0; k < deletes.count; k++)
                names[k] =
                    (WalRowName){table->deletes[from + k].lsn, table->deletes[from + k].position};
            deletes.rows = names;
            TRY(encode(batch, &deletes, ctx, err));
        }
    }
    return STATUS_OK;
}

/* The one entry under construction and the part before it is put there. */
typedef struct Whole {
    WriteEntry *entry;
    Buf part;
    bool single; /* the entry is its only part */
} Whole;

static Buf *part_out(Whole *whole)
{
    buf_clear(&whole->part);
    return whole->single ? &whole->entry->payload : &whole->part;
}

static void finish_part(Whole *whole, WalEntryType type)
{
    if (whole->single)
        whole->entry->append.type = type;
    else
        wal_group_append(&whole->entry->payload, type, buf_str(&whole->part));
}

static Status encode_cut_as_part(WriteBatch *batch, const WriteRows *rows, const RecordBatch *cut,
                                 void *ctx, Error *err)
{
    Whole *whole = ctx;

    TRY(encode_rows(batch, rows, cut, 0, part_out(whole), err));
    finish_part(whole, WAL_ENTRY_ROWS);
    return STATUS_OK;
}

static Status encode_deletes_as_part(WriteBatch *batch, const WalDeletes *deletes, void *ctx,
                                     Error *err)
{
    Whole *whole = ctx;

    (void)err;
    wal_deletes_encode(deletes, batch->engine->encoding, part_out(whole));
    finish_part(whole, WAL_ENTRY_DELETES);
    return STATUS_OK;
}

static Status count_deletes(WriteBatch *, const WalDeletes *, void *ctx, Error *)
{
    ++*(size_t *)ctx;
    return STATUS_OK;
}

static Status count_cut(WriteBatch *, const WriteRows *, const RecordBatch *, void *ctx, Error *)
{
    ++*(size_t *)ctx;
    return STATUS_OK;
}

/* Tables come before their rows. */
static void encode_changes(WriteBatch *batch, Whole *whole)
{
    CLEANUP(buf_done) Buf text = {0};

    for (size_t i = 0; i < batch->change_count; i++) {
        buf_clear(&text);
        catalog_change_encode(&batch->changes[i], &text);
        wal_catalog_encode(buf_str(&text), batch->engine->encoding, part_out(whole));
        finish_part(whole, WAL_ENTRY_CATALOG);
    }
}

static Status encode_parts(WriteBatch *batch, Whole *whole, Error *err)
{
    WalEncoding encoding = batch->engine->encoding;

    encode_changes(batch, whole);
    if (has_samples(batch)) {
        TRY(encode_samples(batch, part_out(whole), err));
        finish_part(whole, WAL_ENTRY_SAMPLES);
    }
    if (batch->exemplar_count) {
        WalExemplarList list = {batch->exemplars, (uint32_t)batch->exemplar_count};
        wal_exemplars_encode(list, encoding, part_out(whole));
        finish_part(whole, WAL_ENTRY_EXEMPLARS);
    }
    if (batch->metadata_count) {
        WalMetadataList list = {batch->metadata, (uint32_t)batch->metadata_count};
        wal_metadata_encode(list, encoding, part_out(whole));
        finish_part(whole, WAL_ENTRY_METADATA);
    }
    TRY(each_deletes(batch, encode_deletes_as_part, whole, err));
    return each_cut(batch, encode_cut_as_part, whole, err);
}

/* Everything of the batch as one group entry, or as the one entry it consists of. */
static Status encode_whole(WriteBatch *batch, size_t part_count, Error *err)
{
    Whole whole = {.entry = add_entry(batch, WAL_ENTRY_GROUP), .single = part_count == 1};
    Status status = encode_parts(batch, &whole, err);
    size_t len = whole.entry->payload.len;

    buf_done(&whole.part);
    TRY(status);
    if (len > WAL_ENTRY_BYTES_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0,
                             "a write of %zu bytes is larger than an entry of the log may be (%u); "
                             "write less at a time",
                             len, WAL_ENTRY_BYTES_MAX);
    return STATUS_OK;
}

static Status encode_cut_as_entry(WriteBatch *batch, const WriteRows *rows, const RecordBatch *cut,
                                  void *ctx, Error *err)
{
    uint64_t *txn_id = ctx;
    WriteEntry *entry = add_entry(batch, WAL_ENTRY_ROWS);

    TRY(encode_rows(batch, rows, cut, *txn_id, &entry->payload, err));
    if (entry->payload.len > WAL_ENTRY_BYTES_MAX)
        return error_set_sql(err, STATUS_LIMIT, "54000", 0, "a row of %zu bytes is too large",
                             entry->payload.len);
    return STATUS_OK;
}

static Status encode_deletes_as_entry(WriteBatch *batch, const WalDeletes *deletes, void *ctx,
                                      Error *err)
{
    WalDeletes one = *deletes;

    (void)err;
    one.txn_id = *(uint64_t *)ctx;
    wal_deletes_encode(&one, batch->engine->encoding,
                       &add_entry(batch, WAL_ENTRY_DELETES)->payload);
    return STATUS_OK;
}

static Status encode_transaction(WriteBatch *batch, Error *err)
{
    uint64_t txn_id = __atomic_fetch_add(&batch->engine->next_txn, 1, __ATOMIC_RELAXED);

    TRY(each_deletes(batch, encode_deletes_as_entry, &txn_id, err));
    TRY(each_cut(batch, encode_cut_as_entry, &txn_id, err));
    /* With catalog changes the commit is the last part of a group that has them. */
    Whole whole = {.entry = add_entry(batch, WAL_ENTRY_GROUP), .single = !batch->change_count};
    encode_changes(batch, &whole);
    wal_commit_encode(txn_id, batch->engine->encoding, part_out(&whole));
    finish_part(&whole, WAL_ENTRY_COMMIT);
    buf_done(&whole.part);
    return STATUS_OK;
}

Status engine__encode(WriteBatch *batch, Error *err)
{
    size_t row_bytes = 0;

    collect_defs(batch);
    size_t part_count = batch->change_count + (size_t)has_samples(batch) +
                        (batch->exemplar_count > 0) + (batch->metadata_count > 0);
    for (size_t i = 0; i < batch->row_batch_count; i++)
        if (batch->rows[i].store_id < TABLE_ID_FIRST_TEMPORARY)
            row_bytes += batch_bytes(&batch->rows[i].batch);
    for (size_t i = 0; i < batch->table_count; i++)
        if (batch->tables[i].store_id < TABLE_ID_FIRST_TEMPORARY)
            row_bytes += sizeof(RowName) * batch->tables[i].delete_count;
    if (part_count == batch->change_count && row_bytes > ROWS_ENTRY_BYTES)
        return encode_transaction(batch, err);
    TRY(each_deletes(batch, count_deletes, &part_count, err));
    TRY(each_cut(batch, count_cut, &part_count, err));
    return part_count ? encode_whole(batch, part_count, err) : STATUS_OK;
}

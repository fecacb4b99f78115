/* otlp_ingest.c - one request from its bytes to its answer. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/counter.h"
#include "ingest/otlp_int.h"

static int cmp_strs(const void *a, const void *b)
{
    return str_cmp(*(const Str *)a, *(const Str *)b);
}

OtlpIngest *otlp_ingest_new(Engine *engine, const OtlpOptions *options)
{
    OtlpIngest *ingest = MEM_NEW(OtlpIngest);

    arena_init(&ingest->arena, NULL);
    ingest->engine = engine;
    ingest->budget = options->budget;
    ingest->translation = options->translation;
    ingest->promote_scope = options->promote_scope;
    ingest->promote_count = options->promote_count;
    ingest->promote = ARENA_NEW_ARRAY(&ingest->arena, Str, options->promote_count + 1);
    for (uint32_t i = 0; i < options->promote_count; i++)
        ingest->promote[i] = arena_str(&ingest->arena, options->promote[i]);
    qsort(ingest->promote, ingest->promote_count, sizeof *ingest->promote, cmp_strs);
    ingest->deltas = otlp__deltas_new(engine, options->budget, options->delta_streams_max);
    return ingest;
}

OtlpIngest *otlp_ingest_free(OtlpIngest *ingest)
{
    if (!ingest)
        return NULL;
    otlp__deltas_free(ingest->deltas);
    arena_done(&ingest->arena);
    mem_free(ingest);
    return NULL;
}

/* ---------------------------------------------------------------- memory */

Status otlp__charge(const OtlpIngest *ingest, OtlpWrite *write, int64_t bytes, Error *err)
{
    if (!ingest->budget)
        return STATUS_OK;
    TRY(mem_budget_charge(ingest->budget, bytes, err));
    write->charged_bytes += bytes;
    return STATUS_OK;
}

static void release(const OtlpIngest *ingest, OtlpWrite *write)
{
    if (ingest->budget)
        mem_budget_release(ingest->budget, write->charged_bytes);
    write->charged_bytes = 0;
}

/* ---------------------------------------------------------------- decoding */

/* The definition may have changed since the last request. */
static Status decode_rows(OtlpDecoder *d, Str name, const OtlpLayout *layout, Str message,
                          OtlpRecord record)
{
    Snapshot *snapshot;

    TRY(engine_snapshot(d->ingest->engine, &snapshot, d->err));
    const Table *table = snapshot_find_table(snapshot, STR("public"), name);
    Status status =
        table ? otlp__rows(d, table, layout, message, record)
              : error_set(d->err, STATUS_NOT_FOUND, "table \"%.*s\" does not exist", STR_FMT(name));
    snapshot_free(snapshot);
    return status;
}

static Status decode_signal(OtlpDecoder *d, OtlpSignal signal, Str message)
{
    switch (signal) {
    case OTLP_METRICS:
        return otlp__metrics(d, message);
    case OTLP_LOGS:
        return decode_rows(d, STR("logs"), &otlp__log_layout, message, otlp__log_record);
    case OTLP_TRACES:
        return decode_rows(d, STR("traces"), &otlp__span_layout, message, otlp__span);
    case OTLP_SIGNAL_COUNT_:
        break;
    }
    return STATUS_INTERNAL;
}

/* *ret_locked: the lock of the deltas is held, also after a failure. */
static Status decode(OtlpIngest *ingest, WriteBatch *batch, OtlpWrite *write, Str message,
                     bool *ret_locked, Error *err)
{
    enum { TEXT_CHUNK = 64 << 10 };
    OtlpDecoder d = {.ingest = ingest,
                     .batch = batch,
                     .write = write,
                     .tally = &write->tally,
                     .now_ns = clock_wall_ns(),
                     .err = err};

    arena_init(&d.work, NULL);
    arena_init(&d.scratch, NULL);
    d.text = (OtlpText){.arena = write_batch_arena(batch), .chunk_bytes = TEXT_CHUNK};
    d.scrap = (OtlpText){.arena = &d.scratch, .chunk_bytes = 4096};
    Status status = decode_signal(&d, write->signal, message);
    if (d.text.repaired || d.scrap.repaired)
        counter_add(COUNTER_TEXTS_REPAIRED, (int64_t)(d.text.repaired + d.scrap.repaired));
    mem_free(d.attributes.items);
    arena_done(&d.scratch);
    arena_done(&d.work);
    *ret_locked = d.locked;
    return status;
}

Status otlp_decode(OtlpIngest *ingest, WriteBatch *batch, OtlpWrite *write, Str message, Error *err)
{
    bool locked;
    Status status = decode(ingest, batch, write, message, &locked, err);

    if (locked)
        otlp__deltas_unlock(ingest->deltas);
    otlp__deltas_settle(ingest->deltas, write, false);
    release(ingest, write);
    return status;
}

/* ---------------------------------------------------------------- writing */

static const CounterId accepted[] = {[OTLP_METRICS] = COUNTER_OTLP_ACCEPTED_METRICS,
                                     [OTLP_LOGS] = COUNTER_OTLP_ACCEPTED_LOGS,
                                     [OTLP_TRACES] = COUNTER_OTLP_ACCEPTED_TRACES};
static const CounterId refused[] = {[OTLP_METRICS] = COUNTER_OTLP_REFUSED_METRICS,
                                    [OTLP_LOGS] = COUNTER_OTLP_REFUSED_LOGS,
                                    [OTLP_TRACES] = COUNTER_OTLP_REFUSED_TRACES};

static void finish(OtlpWrite *write, Status status, const Error *err)
{
    otlp__deltas_settle(write->ingest->deltas, write, status == STATUS_OK);
    if (status == STATUS_OK) {
        const IngestTally *tally = &write->tally;
        counter_add(accepted[write->signal],
                    (int64_t)(tally->samples + tally->histograms + tally->rows));
        counter_add(refused[write->signal], (int64_t)write->refused);
    } else {
        counter_add(status == STATUS_INVALID ? COUNTER_OTLP_UNDECODABLE : COUNTER_OTLP_UNAVAILABLE,
                    1);
    }
    write->on_done(write, status, err);
}

static void on_written(void *ctx, Status status, const Error *err, Lsn)
{
    finish(ctx, status, err);
}

static Status prepare(OtlpIngest *ingest, OtlpWrite *write, WriteBatch **ret_batch,
                      bool *ret_locked, Error *err)
{
    Str message = write->message;
    WriteBatch *batch;

    *ret_locked = false;
    if (write->json) {
        TRY(otlp__charge(ingest, write, (int64_t)message.len, err)); /* about what it becomes */
        TRY(otlp_json_to_protobuf(write->signal, message, &write->protobuf, err));
        message = buf_str(&write->protobuf);
    }
    TRY(write_batch_new(ingest->engine, &batch, err));
    Status status = decode(ingest, batch, write, message, ret_locked, err);
    if (status != STATUS_OK) {
        write_batch_free(batch);
        return status;
    }
    *ret_batch = batch;
    return STATUS_OK;
}

void otlp_write(OtlpIngest *ingest, OtlpWrite *write)
{
    WriteBatch *batch;
    bool locked;
    Error err;

    write->ingest = ingest;
    Status status = prepare(ingest, write, &batch, &locked, &err);
    release(ingest, write); /* the engine counts the batch from now on */
    if (status == STATUS_OK)
        engine_write(ingest->engine, batch, on_written, write); /* `write` may be gone now */
    if (locked)
        otlp__deltas_unlock(ingest->deltas);
    if (status != STATUS_OK)
        finish(write, status, &err);
}

void otlp_write_done(OtlpWrite *write)
{
    buf_done(&write->protobuf);
    mem_free(write->delta_refs);
    write->delta_refs = NULL;
}

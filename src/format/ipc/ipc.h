/* ipc.h - Arrow IPC streams (apache/arrow format/Columnar.rst "IPC Streaming Format", Message.fbs,
 * Schema.fbs): record batches that any Arrow library reads.
 *
 *   ipc_append_schema(schema, &out);
 *   ipc_append_batch(schema, &batch, &settings, &out, err);   // any number
 *   ipc_append_end(&out);
 *
 * Types map to Arrow's where it has them: bool, integers, floats, date32, time64[us], timestamp[us]
 * (UTC for timestamptz), fixed_size_binary[16] for uuid, binary for bytea, utf8 for texts and json.
 * numeric, interval, timetz, arrays and records are utf8 as PostgreSQL prints them; the field's
 * metadata key "pg_type" names the type. No dictionaries, no compression. Threads: pure functions.
 */
#ifndef LUMA_FORMAT_IPC_IPC_H
#define LUMA_FORMAT_IPC_IPC_H

#include "arrow/batch.h"
#include "base/buf.h"
#include "format/pgtype/pgtype.h"

void ipc_append_schema(const Schema *schema, Buf *out);
/* LIMIT when a text column exceeds 2 GiB. */
Status ipc_append_batch(const Schema *schema, const RecordBatch *batch, const PgSettings *settings,
                        Buf *out, Error *err);
void ipc_append_end(Buf *out);

#endif

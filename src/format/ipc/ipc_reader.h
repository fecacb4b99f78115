/* ipc_reader.h - reads Arrow IPC streams (apache/arrow format/Columnar.rst "IPC Streaming Format",
 * Schema.fbs, Message.fbs), metadata V4 and V5, dictionaries and zstd-compressed bodies included.
 *
 *   ipc_reader_open(&reader, bytes, &arena, err);          reader.schema is known
 *   ipc_reader_next(&reader, &arena, &batch, err);         until row_count 0
 *
 * Arrow's types become ours: integers int2, int4 or int8, floats, bool, utf8 text, binary bytea,
 * dates, times, timestamps (timestamptz with a zone), durations and intervals interval. What has
 * no type of ours is text as PostgreSQL reads it: uint64 and decimals as digits, lists as arrays
 * '{1,2}'. fixed_size_binary(16) of a field whose metadata says pg_type uuid is uuid. Structs, maps
 * and unions are UNSUPPORTED by name.
 *
 * Everything is checked before use: bytes may come from anywhere. Threads: confined.
 */
#ifndef LUMA_FORMAT_IPC_IPC_READER_H
#define LUMA_FORMAT_IPC_IPC_READER_H

#include "arrow/batch.h"

enum { IPC_COLUMNS_MAX = 1600 };

typedef struct IpcField IpcField;

typedef struct IpcReader {
    Str bytes;
    size_t at;
    Schema schema;
    IpcField *fields; /* arena */
    uint32_t field_count;
    struct IpcDictionary *dictionaries; /* arena; newest first */
} IpcReader;

/* Reads the schema message; what is returned lives in the arena and borrows from `bytes`. INVALID
 * for bytes that are no such stream. */
Status ipc_reader_open(IpcReader *reader, Str bytes, Arena *arena, Error *err);
/* The next record batch; row_count 0 at the end of the stream. Dictionaries stay in the arena given
 * here, so give the same one until the end. */
Status ipc_reader_next(IpcReader *reader, Arena *arena, RecordBatch *ret_batch, Error *err);

#endif

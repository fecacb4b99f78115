/* thrift.h - Thrift's compact protocol (apache/thrift doc/specs/thrift-compact-protocol.md), as
 * much as Parquet needs: structs, lists, integers, booleans, binaries. Anything else is skipped.
 *
 * A reader walks a struct so; a field that is not wanted must be skipped:
 *
 *   for (ThriftField f = {0}; thrift_next(r, &f);)
 *       if (f.id == 1)
 *           version = thrift_i32(r, &f);
 *       else
 *           thrift_skip(r, f.type);
 *
 * Errors are sticky: after bad bytes r->in.failed is set, reads give zeros and loops end. Depth is
 * bounded by THRIFT_DEPTH_MAX, counts by the bytes left. Binaries borrow. Threads: confined.
 */
#ifndef LUMA_FORMAT_PARQUET_THRIFT_H
#define LUMA_FORMAT_PARQUET_THRIFT_H

#include "base/buf.h"

enum { THRIFT_DEPTH_MAX = 48 };

typedef enum ThriftType {
    THRIFT_STOP = 0,
    THRIFT_TRUE = 1, /* in lists: a boolean */
    THRIFT_FALSE = 2,
    THRIFT_I8 = 3,
    THRIFT_I16 = 4,
    THRIFT_I32 = 5,
    THRIFT_I64 = 6,
    THRIFT_DOUBLE = 7,
    THRIFT_BINARY = 8,
    THRIFT_LIST = 9,
    THRIFT_SET = 10,
    THRIFT_MAP = 11,
    THRIFT_STRUCT = 12,
    THRIFT_UUID = 13,
} ThriftType;

typedef struct ThriftReader {
    BufReader in;
    uint32_t depth; /* structs entered */
} ThriftReader;

typedef struct ThriftField {
    int16_t id;   /* of the field last read; 0 before the first */
    uint8_t type; /* ThriftType */
} ThriftField;

ThriftReader thrift_reader(Str bytes);
/* Enters the struct on the first call; false at its end or after an error. */
bool thrift_next(ThriftReader *r, ThriftField *f);
void thrift_skip(ThriftReader *r, uint8_t type);
/* Readers of a field's value; a wrong type or a value out of range fails. */
int64_t thrift_i64(ThriftReader *r, const ThriftField *f);
int32_t thrift_i32(ThriftReader *r, const ThriftField *f);
bool thrift_bool(ThriftReader *r, const ThriftField *f);
Str thrift_binary(ThriftReader *r, const ThriftField *f);
/* Is the field a struct? Fails otherwise. */
bool thrift_struct(ThriftReader *r, const ThriftField *f);
/* Head of a list whose elements are of that type (THRIFT_TRUE = booleans); the count, which fits
 * into the bytes left. Elements are read by the functions below or as structs. */
uint32_t thrift_list(ThriftReader *r, const ThriftField *f, uint8_t element_type);
int64_t thrift_list_i64(ThriftReader *r);
bool thrift_list_bool(ThriftReader *r);
Str thrift_list_binary(ThriftReader *r);

typedef struct ThriftWriter {
    Buf *out;
    int16_t last_id;
} ThriftWriter;

void thrift_put_i32(ThriftWriter *w, int16_t id, int32_t value);
void thrift_put_i64(ThriftWriter *w, int16_t id, int64_t value);
void thrift_put_i8(ThriftWriter *w, int16_t id, int8_t value);
void thrift_put_i16(ThriftWriter *w, int16_t id, int16_t value);
void thrift_put_bool(ThriftWriter *w, int16_t id, bool value);
void thrift_put_binary(ThriftWriter *w, int16_t id, Str bytes);
void thrift_put_list(ThriftWriter *w, int16_t id, uint8_t element_type, uint32_t count);
void thrift_put_list_i64(ThriftWriter *w, int64_t value); /* i32 elements, too */
void thrift_put_list_bool(ThriftWriter *w, bool value);
void thrift_put_list_binary(ThriftWriter *w, Str bytes);
/* A struct as a field (id > 0) or as a list's element (id 0); the result goes to thrift_end. */
int16_t thrift_begin(ThriftWriter *w, int16_t id);
void thrift_end(ThriftWriter *w, int16_t saved);
/* Ends the outermost struct. */
void thrift_stop(ThriftWriter *w);
/* An empty struct, as unions of tags have them. */
void thrift_put_empty(ThriftWriter *w, int16_t id);

#endif

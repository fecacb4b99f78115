/* ipc_reader_int.h - a field of a stream, and the buffers of a batch. */
#ifndef LUMA_FORMAT_IPC_IPC_READER_INT_H
#define LUMA_FORMAT_IPC_IPC_READER_INT_H

#include "format/ipc/flatbuffer.h"
#include "format/ipc/ipc_reader.h"

/* Type.union of Schema.fbs. */
typedef enum ArrowType {
    ARROW_NULL = 1,
    ARROW_INT = 2,
    ARROW_FLOATING_POINT = 3,
    ARROW_BINARY = 4,
    ARROW_UTF8 = 5,
    ARROW_BOOL = 6,
    ARROW_DECIMAL = 7,
    ARROW_DATE = 8,
    ARROW_TIME = 9,
    ARROW_TIMESTAMP = 10,
    ARROW_INTERVAL = 11,
    ARROW_LIST = 12,
    ARROW_STRUCT = 13,
    ARROW_UNION = 14,
    ARROW_FIXED_SIZE_BINARY = 15,
    ARROW_FIXED_SIZE_LIST = 16,
    ARROW_MAP = 17,
    ARROW_DURATION = 18,
    ARROW_LARGE_BINARY = 19,
    ARROW_LARGE_UTF8 = 20,
    ARROW_LARGE_LIST = 21,
    ARROW_RUN_END_ENCODED = 22,
    ARROW_BINARY_VIEW = 23,
    ARROW_UTF8_VIEW = 24,
} ArrowType;

struct IpcField {
    Str name;
    ArrowType arrow;
    uint32_t bits; /* width of ints and decimals; bytes of fixed_size_binary, length of lists */
    bool is_signed;
    uint32_t unit; /* of dates, times, timestamps, durations, intervals; precision of floats */
    int32_t scale; /* of decimals */
    Type type;     /* what its values become */
    bool has_dictionary;
    int64_t dictionary_id;
    uint32_t index_bits; /* of a dictionary's codes */
    bool index_signed;
    struct IpcField *child; /* of lists */
    uint32_t depth;
};

typedef struct IpcDictionary {
    struct IpcDictionary *next;
    int64_t id;
    const Column *values;
} IpcDictionary;

enum { IPC_DEPTH_MAX = 8 };

/* The nodes and buffers of a record batch, handed out in order. */
typedef struct IpcBody {
    FlatBuffer *meta;
    FlatVector nodes;
    FlatVector buffers;
    uint32_t node;
    uint32_t buffer;
    FlatVector view_counts; /* int64: data buffers of each view column */
    uint32_t view;
    Str bytes;
    bool zstd;
    Arena *arena;
} IpcBody;

/* ipc_schema.c */
Status ipc__read_field(FlatBuffer *fb, FlatTable table, uint32_t depth, Arena *arena,
                       IpcField *ret_field, Error *err);
/* ipc_column.c: the next column of the body; `dictionaries` resolves codes. */
Status ipc__read_column(IpcBody *body, const IpcField *field, const IpcDictionary *dictionaries,
                        Column *ret_column, Error *err);

#endif

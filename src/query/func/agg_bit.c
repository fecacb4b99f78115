/* agg_bit.c - bit_and, bit_or and bit_xor of bit strings. */
#include "format/pgtype/pgbit.h"
#include "query/func/agg_int.h"

typedef struct BitState {
    uint8_t *bytes; /* in the aggregate's arena */
    uint32_t bits;
    bool some;
} BitState;

typedef enum BitOp { BIT_AND, BIT_OR, BIT_XOR } BitOp;

static Status combine(BitState *state, const PgBit *value, BitOp op, Arena *arena, Error *err)
{
    size_t bytes = pgbit_bytes(value->bits);
    if (!state->some) {
        TRY(arena_try_alloc(arena, bytes + 1, &state->bytes, err));
        memcpy(state->bytes, value->bytes, bytes);
        state->bits = value->bits;
        state->some = true;
        return STATUS_OK;
    }
    if (state->bits != value->bits)
        return error_set_sql(err, STATUS_INVALID, "22026", 0,
                             "cannot %s bit strings of different sizes",
                             op == BIT_AND  ? "AND"
                             : op == BIT_OR ? "OR"
                                            : "XOR");
    for (size_t i = 0; i < bytes; i++) {
        uint8_t x = state->bytes[i];
        uint8_t y = value->bytes[i];
        state->bytes[i] = op == BIT_AND ? x & y : op == BIT_OR ? x | y : x ^ y;
    }
    return STATUS_OK;
}

#define BIT_AGGREGATE(name, op)                                                                    \
    AGG_UPDATE(name)                                                                               \
    {                                                                                              \
        BitState *all = states;                                                                    \
        for (uint32_t i = 0; i < rows; i++) {                                                      \
            if (column_is_null(&args[0], i))                                                       \
                continue;                                                                          \
            PgBit value = pgbit_open(column_str(&args[0], i));                                     \
            TRY(combine(&all[group_of[i]], &value, op, arena, err));                               \
        }                                                                                          \
        return STATUS_OK;                                                                          \
    }                                                                                              \
    AGG_MERGE(name)                                                                                \
    {                                                                                              \
        const BitState *from = src;                                                                \
        PgBit value = {from->bits, from->bytes};                                                   \
        return from->some ? combine(dst, &value, op, arena, err) : STATUS_OK;                      \
    }
BIT_AGGREGATE(bits_and, BIT_AND)
BIT_AGGREGATE(bits_or, BIT_OR)
BIT_AGGREGATE(bits_xor, BIT_XOR)

AGG_FINISH(bits_and)
{
    const BitState *all = states;
    TRY(agg_result(ctx, count, ret, err));
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *out;
        if (!all[i].some) {
            bit_clear(column_validity(ret), i);
            continue;
        }
        TRY(pgbit_new(all[i].bits, ctx->arena, (View *)column_values(ret) + i, &out, err));
        memcpy(out, all[i].bytes, pgbit_bytes(all[i].bits));
    }
    return STATUS_OK;
}
#define bits_or_finish bits_and_finish
#define bits_xor_finish bits_and_finish

static const Aggregate aggregates[] = {
    AGG("bit_and", 2242, bits_and, BitState, T(BIT), 1, T(BIT)),
    AGG("bit_or", 2243, bits_or, BitState, T(BIT), 1, T(BIT)),
    AGG("bit_xor", 6167, bits_xor, BitState, T(BIT), 1, T(BIT)),
};
const AggregateTable func__bit_aggregates = {aggregates, LUMA_ARRAY_LEN(aggregates)};

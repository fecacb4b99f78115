/* value.h - order, equality and hash of single values, as PostgreSQL's btree and hash operator
 * classes define them: NaN = NaN and above all numbers, -0 = 0, '1 day' = '24:00:00', bpchar
 * without its padding, texts by bytes (the C collation).
 *
 * Columns may be plain, constant or dictionary-encoded; rows must not be NULL. Pure; any thread.
 */
#ifndef LUMA_QUERY_FUNC_VALUE_H
#define LUMA_QUERY_FUNC_VALUE_H

#include "arrow/batch.h"

/* Negative, zero, positive. Both columns have the same type. */
typedef int (*ValueCmp)(const Column *a, size_t i, const Column *b, size_t j);
typedef bool (*ValueEq)(const Column *a, size_t i, const Column *b, size_t j);
typedef uint64_t (*ValueHash)(const Column *c, size_t i);

/* Never NULL: every type has an order here, if only that of its bytes. */
ValueCmp value_cmp_fn(Type type);
ValueEq value_eq_fn(Type type);
ValueHash value_hash_fn(Type type);

/* Equal values of the type have equal bits in `values`: integers, dates, timestamps, uuid, bool. */
bool value_is_bitwise(Type type);
/* hashes[i] = mix(hashes[i] if `combine`, hash of row i); NULLs hash to a constant. */
void value_hash_column(const Column *c, uint32_t rows, bool combine, uint64_t *hashes);
/* An order-preserving 64-bit prefix of a non-NULL value: a < b implies prefix(a) <= prefix(b). */
uint64_t value_sort_prefix(const Column *c, size_t i);
/* Does the prefix decide alone (fixed-width types of at most 8 bytes)? */
bool value_prefix_is_whole(Type type);

#endif

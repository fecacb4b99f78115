/* wal_group.h - several entries as one: a request that is whole or absent after a crash.
 *
 * A GROUP entry's payload is a sequence of parts, each "<type> <payload bytes>\n", the payload,
 * "\n" (docs/formats/wal.md). The parts have the encoding and the LSN of the group. A group holds
 * no group.
 */
#ifndef LUMA_STORAGE_WAL_WAL_GROUP_H
#define LUMA_STORAGE_WAL_WAL_GROUP_H

#include "base/buf.h"
#include "storage/wal/wal.h"

void wal_group_append(Buf *out, WalEntryType type, Str payload);
/* Cuts the next part off *rest (at first the group's payload). *ret_found = false at the end.
 * CORRUPT when the bytes are no such sequence, UNSUPPORTED for a part of a type that has no place
 * here. */
Status wal_group_next(const WalEntry *group, Str *rest, WalEntry *ret_part, bool *ret_found,
                      Error *err);

#endif

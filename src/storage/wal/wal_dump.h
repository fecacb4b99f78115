/* wal_dump.h - prints a log as JSON lines, for people and for jq: `lumadb wal dump`.
 *
 * One line per entry:
 *   {"lsn":7,"segment":"0000000000000001.wal","offset":40,"bytes":96,"type":"samples",
 *    "encoding":"binary","content":{...}}
 * and one per damage:
 *   {"segment":"...","offset":136,"bytes":24,"damage":"bytes that are no entry"}
 * The content is the JSON encoding of docs/formats/wal.md section 5 whatever the entry's own is.
 * Reads only; the log may be in use (its end may then look like an incomplete write).
 */
#ifndef LUMA_STORAGE_WAL_WAL_DUMP_H
#define LUMA_STORAGE_WAL_WAL_DUMP_H

#include "base/buf.h"
#include "storage/wal/wal.h"

typedef struct WalDumpOptions {
    Vfs *vfs;         /* NULL = vfs_posix() */
    const char *path; /* the log's folder, or one segment file (also one set aside in lost/) */
    Str type;         /* only entries of this type, "" = all */
    Lsn lsn_first;    /* 0 = from the beginning */
    Lsn lsn_last;     /* 0 = to the end */
    bool brief;       /* without contents */
    /* Appends JSON for a CATALOG change; NULL prints its text or hex. */
    Status (*describe_catalog)(Str change, Buf *out, Error *err);
} WalDumpOptions;

/* Calls out(ctx, line) with each line, newline included; a failure of it ends the dump. What cannot
 * be decoded is a line that says so; fails when the path cannot be read or the type is unknown. */
Status wal_dump(const WalDumpOptions *options, Status (*out)(void *ctx, Str line, Error *err),
                void *ctx, Error *err);

#endif

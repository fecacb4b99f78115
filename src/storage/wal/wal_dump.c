#include "storage/wal/wal_dump.h"

#include <inttypes.h>
#include <stdio.h>

#include "format/json/json.h"
#include "storage/wal/wal_codec_int.h"
#include "storage/wal/wal_group.h"
#include "storage/wal/wal_int.h"
#include "storage/wal/wal_json_text.h"

typedef struct Dump {
    const WalDumpOptions *options;
    Vfs *vfs;
    Status (*out)(void *ctx, Str line, Error *err);
    void *ctx;
    char segment[32]; /* file name of the current one */
    Buf line;
} Dump;

static Status emit(Dump *dump, Error *err)
{
    buf_append_byte(&dump->line, '\n');
    Status status = dump->out(dump->ctx, buf_str(&dump->line), err);
    buf_clear(&dump->line);
    return status;
}

/* Text as a string, anything else as {"hex":"..."}. */
static void put_bytes(Str bytes, Buf *out)
{
    if (str_utf8_valid(bytes)) {
        json_append_string(out, bytes);
        return;
    }
    buf_append_lit(out, "{\"hex\":");
    json_text_put_hex(out, bytes);
    buf_append_byte(out, '}');
}

static Status put_catalog(const Dump *dump, const WalEntry *entry, Buf *out, Error *err)
{
    Str change;

    TRY(wal_catalog_decode(entry, &change, err));
    if (dump->options->describe_catalog)
        return dump->options->describe_catalog(change, out, err);
    put_bytes(change, out);
    return STATUS_OK;
}

static Status put_content(const Dump *dump, const WalEntry *entry, Arena *arena, Buf *out,
                          Error *err);

/* [{"type": ..., "content": ...}, ...] */
static Status put_group(const Dump *dump, const WalEntry *group, Arena *arena, Buf *out, Error *err)
{
    Str rest = group->payload;

    buf_append_byte(out, '[');
    for (bool first = true;; first = false) {
        WalEntry part;
        bool found;
        TRY(wal_group_next(group, &rest, &part, &found, err));
        if (!found)
            break;
        buf_printf(out, "%s{\"type\":\"%s\",\"content\":", first ? "" : ",",
                   wal_entry_type_name(part.type));
        TRY(put_content(dump, &part, arena, out, err));
        buf_append_byte(out, '}');
    }
    buf_append_byte(out, ']');
    return STATUS_OK;
}

static Status put_content(const Dump *dump, const WalEntry *entry, Arena *arena, Buf *out,
                          Error *err)
{
    WalSamples samples;
    WalRows rows;
    WalDeletes deletes;
    WalMetadataList metadata;
    WalExemplarList exemplars;
    WalSeriesList series;
    uint64_t txn_id;

    switch (entry->type) {
    case WAL_ENTRY_SAMPLES:
        TRY(wal_samples_decode(entry, arena, &samples, err));
        wal_samples_encode(&samples, WAL_ENCODING_JSON, out);
        return STATUS_OK;
    case WAL_ENTRY_ROWS:
        TRY(wal_rows_decode(entry, arena, &rows, err));
        return wal_rows_encode(&rows, WAL_ENCODING_JSON, arena, out, err);
    case WAL_ENTRY_DELETES:
        TRY(wal_deletes_decode(entry, arena, &deletes, err));
        wal_deletes_encode(&deletes, WAL_ENCODING_JSON, out);
        return STATUS_OK;
    case WAL_ENTRY_METADATA:
        TRY(wal_metadata_decode(entry, arena, &metadata, err));
        wal_metadata_encode(metadata, WAL_ENCODING_JSON, out);
        return STATUS_OK;
    case WAL_ENTRY_EXEMPLARS:
        TRY(wal_exemplars_decode(entry, arena, &exemplars, err));
        wal_exemplars_encode(exemplars, WAL_ENCODING_JSON, out);
        return STATUS_OK;
    case WAL_ENTRY_CATALOG:
        return put_catalog(dump, entry, out, err);
    case WAL_ENTRY_COMMIT:
        TRY(wal_commit_decode(entry, &txn_id, err));
        wal_commit_encode(txn_id, WAL_ENCODING_JSON, out);
        return STATUS_OK;
    case WAL_ENTRY_CHECKPOINT_SERIES:
        TRY(wal_series_decode(entry, arena, &series, err));
        wal_series_encode(series, WAL_ENCODING_JSON, out);
        return STATUS_OK;
    case WAL_ENTRY_GROUP:
        return put_group(dump, entry, arena, out, err);
    }
    return error_set(err, STATUS_UNSUPPORTED, "entry type %d is unknown to this LumaDB",
                     (int)entry->type);
}

static Status dump_entry(Dump *dump, const WalEntry *entry, Error *err)
{
    const WalDumpOptions *options = dump->options;
    const char *type = wal_entry_type_name(entry->type);
    CLEANUP(arena_done) Arena arena = {0};
    CLEANUP(buf_done) Buf content = {0};
    Error why = {0};

    if ((options->type.len && !str_eq(options->type, str_from(type))) ||
        entry->lsn < options->lsn_first || (options->lsn_last && entry->lsn > options->lsn_last))
        return STATUS_OK;
    buf_printf(&dump->line,
               "{\"lsn\":%" PRIu64 ",\"segment\":\"%s\",\"offset\":%" PRIu64
               ",\"bytes\":%zu,\"type\":\"%s\",\"encoding\":\"%s\"",
               entry->lsn, dump->segment, entry->offset, wal__entry_bytes(entry->payload.len), type,
               entry->encoding == WAL_ENCODING_BINARY ? "binary"
               : entry->encoding == WAL_ENCODING_JSON ? "json"
                                                      : "unknown");
    if (!options->brief) {
        if (put_content(dump, entry, &arena, &content, &why) == STATUS_OK) {
            buf_append_lit(&dump->line, ",\"content\":");
            buf_append_str(&dump->line, buf_str(&content));
        } else {
            buf_append_lit(&dump->line, ",\"error\":");
            json_append_string(&dump->line, str_from(why.message));
        }
    }
    buf_append_byte(&dump->line, '}');
    return emit(dump, err);
}

static Status dump_damage(Dump *dump, const WalScanDamage *damage, const char *what, Error *err)
{
    buf_printf(&dump->line, "{\"segment\":\"%s\",\"offset\":%zu,\"bytes\":%zu,\"damage\":\"%s\"",
               dump->segment, damage->offset, damage->len, what);
    if (damage->lsn_first <= damage->lsn_last)
        buf_printf(&dump->line, ",\"lsn_first\":%" PRIu64 ",\"lsn_last\":%" PRIu64,
                   damage->lsn_first, damage->lsn_last);
    buf_append_byte(&dump->line, '}');
    return emit(dump, err);
}

static Status dump_entries(Dump *dump, WalScan *scan, Error *err)
{
    for (;;) {
        WalScanEntry found;
        WalScanDamage damage;
        switch (wal__scan_next(scan, &found, &damage)) {
        case WAL_SCAN_ENTRY:
            TRY(dump_entry(dump, &found.entry, err));
            break;
        case WAL_SCAN_DAMAGE:
            TRY(dump_damage(dump, &damage,
                            damage.len ? "bytes that are no entry" : "entries are missing", err));
            break;
        case WAL_SCAN_TAIL:
            damage.lsn_last = damage.lsn_first - 1;
            TRY(dump_damage(dump, &damage, "an incomplete entry, with nothing readable behind it",
                            err));
            break;
        case WAL_SCAN_END:
            return STATUS_OK;
        }
    }
}

/* `named` is the first LSN by the file's name, 0 when the name does not tell. */
static Status dump_segment(Dump *dump, const char *path, Lsn named, Error *err)
{
    CLEANUP(vfs_closep) VfsFile *file = NULL;
    WalBytes bytes = {0};
    WalSegmentHeader header;
    WalScan scan;
    WalScanDamage bad = {.len = WAL_SEGMENT_HEADER_BYTES, .lsn_first = 1};

    TRY(vfs_open(dump->vfs, path, VFS_READ, &file, err));
    Status status = wal__segment_read(file, &bytes, err);
    if (status == STATUS_OK) {
        bool good = wal__segment_header_decode(bytes.ptr, bytes.len, &header);
        if (!good)
            status = dump_damage(dump, &bad, "the segment's header is damaged", err);
        wal__scan_init(&scan, bytes.ptr, bytes.len, named ? named : good ? header.lsn_first : 1);
        if (status == STATUS_OK && good && header.version > WAL_FORMAT_VERSION)
            status = error_set(err, STATUS_UNSUPPORTED,
                               "%s has format version %u, written by a newer LumaDB", path,
                               header.version);
    }
    if (status == STATUS_OK)
        status = dump_entries(dump, &scan, err);
    mem_free(bytes.ptr);
    return status;
}

static Status dump_file(Dump *dump, Error *err)
{
    const char *slash = strrchr(dump->options->path, '/');
    const char *name = slash ? slash + 1 : dump->options->path;
    Lsn named = 0;

    if (strncmp(name, "wal-", 4) == 0)
        name += 4; /* as segments are called in lost/ */
    (void)wal__segment_name_parse(name, &named);
    (void)snprintf(dump->segment, sizeof dump->segment, "%016" PRIx64 ".wal", named);
    return dump_segment(dump, dump->options->path, named, err);
}

static Status dump_dir(Dump *dump, Error *err)
{
    CLEANUP(arena_done) Arena arena = {0};
    Lsn *firsts;
    size_t count;

    TRY(wal__segment_list(dump->vfs, dump->options->path, &arena, &firsts, &count, NULL, NULL,
                          err));
    for (size_t i = 0; i < count; i++) {
        char path[4096];
        if (i + 1 < count && firsts[i + 1] <= dump->options->lsn_first)
            continue; /* wholly before what is asked for */
        TRY(wal__segment_path(dump->options->path, "", firsts[i], path, err));
        (void)snprintf(dump->segment, sizeof dump->segment, "%016" PRIx64 ".wal", firsts[i]);
        TRY(dump_segment(dump, path, firsts[i], err));
    }
    return STATUS_OK;
}

static bool known_type(Str type)
{
#define X(id, value, name)                                                                         \
    if (str_eq(type, STR(name)))                                                                   \
        return true;
    WAL_ENTRY_LIST(X)
#undef X
    return false;
}

Status wal_dump(const WalDumpOptions *options, Status (*out)(void *ctx, Str line, Error *err),
                void *ctx, Error *err)
{
    Dump dump = {options, options->vfs ? options->vfs : vfs_posix(), out, ctx, "", {0}};

    if (options->type.len && !known_type(options->type))
        return error_set(err, STATUS_INVALID, "there is no entry type \"%.*s\"",
                         STR_FMT(options->type));
    Status status = str_ends(str_from(options->path), STR(".wal")) ? dump_file(&dump, err)
                                                                   : dump_dir(&dump, err);
    buf_done(&dump.line);
    return status;
}

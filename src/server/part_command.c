/* part_command.c - `lumadb part FILE`. The description is built once, as JSON or as text. */
#include "server/part_command.h"

#include <inttypes.h>
#include <stdio.h>

#include "format/json/json.h"
#include "format/parquet/parquet_reader.h"
#include "format/pgtype/pgtype.h"

static const char usage[] = "usage: lumadb part FILE [--json]";

enum { TEXT_BOUND_MAX = 40 };

typedef struct Printer {
    const ParquetFile *file;
    bool json;
    PgSettings settings;
    Arena arena;
    Buf out;
} Printer;

static void put_encodings(Printer *p, uint32_t encodings)
{
    bool first = true;

    for (int e = 0; e < 32; e++) {
        if (!(encodings >> e & 1))
            continue;
        const char *name = parquet_encoding_name((ParquetEncoding)e);
        buf_printf(&p->out, p->json ? "%s\"%s\"" : "%s%s", first ? "" : ",", name);
        first = false;
    }
}

/* Column whose values lie in this leaf alone, -1 = a leaf of a nested column. */
static int64_t flat_column(const ParquetFile *file, uint32_t leaf)
{
    for (uint32_t c = 0; c < file->column_count; c++)
        if (file->columns[c].first_leaf == leaf && !file->columns[c].is_nested)
            return c;
    return -1;
}

static void put_bound(Printer *p, const char *name, const Column *value)
{
    CLEANUP(buf_done) Buf text = {0};

    pgtype_append_text(value, 0, &p->settings, &text);
    if (p->json) {
        buf_printf(&p->out, ",\"%s\":", name);
        json_append_string(&p->out, buf_str(&text));
        return;
    }
    Str shown = buf_str(&text);
    buf_printf(&p->out, " %s=%.*s%s", name, (int)LUMA_MIN(shown.len, (size_t)TEXT_BOUND_MAX),
               shown.ptr, shown.len > TEXT_BOUND_MAX ? "..." : "");
}

static Status put_stats(Printer *p, const ParquetStats *stats, uint32_t leaf, Error *err)
{
    int64_t column = flat_column(p->file, leaf);
    bool known = false;
    Column min;
    Column max;

    if (stats->null_count >= 0)
        buf_printf(&p->out, p->json ? ",\"nulls\":%" PRId64 : " nulls=%" PRId64, stats->null_count);
    if (stats->distinct_count >= 0)
        buf_printf(&p->out, p->json ? ",\"distinct\":%" PRId64 : " distinct=%" PRId64,
                   stats->distinct_count);
    if (column < 0)
        return STATUS_OK;
    TRY(parquet_stats_bounds(p->file, (uint32_t)column, stats, &p->arena, &min, &max, &known, err));
    if (known) {
        put_bound(p, "min", &min);
        put_bound(p, "max", &max);
    }
    return STATUS_OK;
}

static Status put_chunk(Printer *p, const ParquetRowGroup *group, uint32_t group_idx, uint32_t leaf,
                        Error *err)
{
    const ParquetChunk *c = &group->chunks[leaf];
    CLEANUP(buf_done) Buf path = {0};
    ParquetPageIndex index;

    parquet_append_path(&p->file->meta, p->file->meta.leaf_nodes[leaf], &path);
    TRY(parquet_page_index(p->file, group_idx, leaf, &p->arena, &index, err));
    if (p->json) {
        buf_printf(&p->out, "%s{\"path\":", leaf ? "," : "");
        json_append_string(&p->out, buf_str(&path));
        buf_printf(&p->out, ",\"codec\":\"%s\",\"encodings\":[", parquet_codec_name(c->codec));
        put_encodings(p, c->encodings);
        buf_printf(&p->out,
                   "],\"values\":%" PRId64 ",\"plain_bytes\":%" PRId64 ",\"packed_bytes\":%" PRId64
                   ",\"pages\":%u,\"bloom_bytes\":%d,\"column_index\":%s",
                   c->value_count, c->plain_bytes, c->packed_bytes, index.page_count,
                   c->bloom_bytes, index.stats ? "true" : "false");
    } else {
        buf_append_lit(&p->out, "  ");
        buf_append_str(&p->out, buf_str(&path));
        buf_printf(&p->out, ": %s ", parquet_codec_name(c->codec));
        put_encodings(p, c->encodings);
        buf_printf(&p->out, " %" PRId64 " -> %" PRId64 " bytes", c->plain_bytes, c->packed_bytes);
        if (index.page_count)
            buf_printf(&p->out, " pages=%u", index.page_count);
        if (c->bloom_offset)
            buf_printf(&p->out, " bloom=%d", c->bloom_bytes);
    }
    TRY(put_stats(p, &c->stats, leaf, err));
    buf_append_str(&p->out, p->json ? STR("}") : STR("\n"));
    return STATUS_OK;
}

static Status put_group(Printer *p, uint32_t idx, Error *err)
{
    const ParquetMeta *meta = &p->file->meta;
    const ParquetRowGroup *g = &meta->groups[idx];
    int64_t packed = 0;

    for (uint32_t i = 0; i < meta->leaf_count; i++)
        packed += g->chunks[i].packed_bytes;
    buf_printf(&p->out,
               p->json ? "%s{\"rows\":%" PRId64 ",\"plain_bytes\":%" PRId64
                         ",\"packed_bytes\":%" PRId64 ",\"columns\":["
                       : "%srow group: %" PRId64 " rows, %" PRId64 " -> %" PRId64 " bytes\n",
               p->json && idx ? "," : "", g->row_count, g->plain_bytes, packed);
    for (uint32_t i = 0; i < meta->leaf_count; i++)
        TRY(put_chunk(p, g, idx, i, err));
    if (p->json)
        buf_append_lit(&p->out, "]}");
    return STATUS_OK;
}

static void put_schema(Printer *p)
{
    static const char *const repetitions[] = {"required", "optional", "repeated"};
    const ParquetMeta *meta = &p->file->meta;
    char logical[64];

    for (uint32_t i = 1; i < meta->node_count; i++) {
        const ParquetNode *n = &meta->nodes[i];
        const char *physical = n->is_leaf ? parquet_physical_name(n->physical) : "group";
        CLEANUP(buf_done) Buf path = {0};
        parquet_append_path(meta, i, &path);
        if (p->json) {
            buf_printf(&p->out, "%s{\"path\":", i > 1 ? "," : "");
            json_append_string(&p->out, buf_str(&path));
            buf_printf(&p->out, ",\"type\":\"%s\",\"logical\":\"%s\",\"repetition\":\"%s\"}",
                       physical, parquet_logical_name(n, logical), repetitions[n->repetition]);
        } else {
            buf_append_lit(&p->out, "  ");
            buf_append_str(&p->out, buf_str(&path));
            buf_printf(&p->out, ": %s %s %s\n", repetitions[n->repetition], physical,
                       parquet_logical_name(n, logical));
        }
    }
}

static void put_types(Printer *p)
{
    char name[64];

    for (uint32_t c = 0; c < p->file->column_count; c++) {
        const Field *f = &p->file->schema.fields[c];
        if (p->json) {
            buf_printf(&p->out, "%s{\"name\":", c ? "," : "");
            json_append_string(&p->out, f->name);
            buf_printf(&p->out, ",\"type\":\"%s\"}", type_name(f->type, name));
        } else {
            buf_append_lit(&p->out, "  ");
            buf_append_str(&p->out, f->name);
            buf_printf(&p->out, " %s%s\n", type_name(f->type, name),
                       f->not_null ? " not null" : "");
        }
    }
}

static void put_key_values(Printer *p)
{
    const ParquetMeta *meta = &p->file->meta;

    for (uint32_t i = 0; i < meta->key_value_count; i++) {
        const ParquetKeyValue *kv = &meta->key_values[i];
        if (p->json) {
            buf_append_str(&p->out, i ? STR(",") : STR(""));
            json_append_string(&p->out, kv->key);
            buf_append_byte(&p->out, ':');
            json_append_string(&p->out, kv->value);
        } else {
            buf_append_lit(&p->out, "  ");
            buf_append_str(&p->out, kv->key);
            buf_append_lit(&p->out, " = ");
            buf_append_str(&p->out, kv->value);
            buf_append_byte(&p->out, '\n');
        }
    }
}

static void put_heading(Printer *p, const char *json, const char *text)
{
    buf_append_str(&p->out, str_from(p->json ? json : text));
}

static Status describe(Printer *p, Error *err)
{
    const ParquetMeta *meta = &p->file->meta;

    buf_printf(&p->out,
               p->json ? "{\"bytes\":%" PRIu64 ",\"rows\":%" PRId64 ",\"version\":%d,"
                       : "%" PRIu64 " bytes, %" PRId64 " rows, format version %d, ",
               p->file->source.size, meta->row_count, meta->version);
    put_heading(p, "\"created_by\":", "written by ");
    if (p->json)
        json_append_string(&p->out, meta->created_by);
    else
        buf_append_str(&p->out, meta->created_by);
    put_heading(p, ",\"metadata\":{", "\nmetadata:\n");
    put_key_values(p);
    put_heading(p, "},\"schema\":[", "schema:\n");
    put_schema(p);
    put_heading(p, "],\"columns\":[", "read as:\n");
    put_types(p);
    put_heading(p, "],\"row_groups\":[", "");
    for (uint32_t g = 0; g < meta->group_count; g++)
        TRY(put_group(p, g, err));
    put_heading(p, "]}\n", "");
    return STATUS_OK;
}

static Status run(const char *path, bool json, Printer *p, Error *err)
{
    CLEANUP(vfs_closep) VfsFile *input = NULL;
    ParquetSource source;
    ParquetFile file;

    TRY(vfs_open(vfs_posix(), path, VFS_READ, &input, err));
    TRY(parquet_source_vfs(input, &source, err));
    TRY(parquet_open(&source, &p->arena, &file, err));
    p->file = &file;
    p->json = json;
    TRY(describe(p, err));
    if (fwrite(p->out.ptr, 1, p->out.len, stdout) != p->out.len || fflush(stdout) != 0)
        return error_set(err, STATUS_IO, "cannot write to stdout");
    return STATUS_OK;
}

Status part_command_run(const char *const *args, int arg_count, Error *err)
{
    const char *path = NULL;
    Printer p = {0};
    bool json = false;

    for (int i = 0; i < arg_count; i++) {
        if (strcmp(args[i], "--json") == 0)
            json = true;
        else if (args[i][0] != '-' && !path)
            path = args[i];
        else
            return error_set(err, STATUS_INVALID, "%s", usage);
    }
    if (!path)
        return error_set(err, STATUS_INVALID, "%s", usage);
    pg_settings_init(&p.settings);
    arena_init(&p.arena, NULL);
    Status status = run(path, json, &p, err);
    buf_done(&p.out);
    arena_done(&p.arena);
    return status;
}

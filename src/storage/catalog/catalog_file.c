/* catalog_file.c - catalog.db: docs/formats/catalog.md section 2.
 *
 * Every row carries a CRC-32C over its own bytes, because SQLite's pages carry none. The file is a
 * checkpoint: whatever fails here is reported and the log is read instead.
 */
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/checksum.h"
#include "storage/catalog/catalog_int.h"

enum { FILE_FORMAT = 2, OBJECT_BYTES_MAX = 64 << 20 };

static void close_db(sqlite3 **db)
{
    (void)sqlite3_close(*db); /* statements are finalized by then */
}

static void finalize(sqlite3_stmt **stmt)
{
    (void)sqlite3_finalize(*stmt); /* repeats the error of the last step, which was handled */
}

static Status sql_error(sqlite3 *db, const char *path, const char *what, Error *err)
{
    int code = sqlite3_errcode(db);
    bool corrupt = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_FORMAT ||
                   code == SQLITE_ERROR;
    return error_set_sql(err, corrupt ? STATUS_CORRUPT : STATUS_IO,
                         code == SQLITE_FULL ? "53100" : "", 0, "%s %s: %s", what, path,
                         sqlite3_errmsg(db));
}

static Status run(sqlite3 *db, const char *path, const char *sql, Error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(db, path, "write", err);
    return STATUS_OK;
}

static Status open_db(const char *path, int flags, sqlite3 **ret_db, Error *err)
{
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        Status status = sql_error(db, path, "open", err);
        (void)sqlite3_close(db);
        return status;
    }
    (void)sqlite3_extended_result_codes(db, 0);
    *ret_db = db;
    return STATUS_OK;
}

static uint32_t object_crc(uint32_t id, Str body)
{
    return crc32c(crc32c(0, &id, sizeof id), body.ptr, body.len);
}

static uint32_t meta_crc(uint64_t lsn, uint32_t next_id)
{
    return crc32c(crc32c(0, &lsn, sizeof lsn), &next_id, sizeof next_id);
}

/* ---------------------------------------------------------------- saving */

static Status save_object(sqlite3 *db, sqlite3_stmt *insert, const char *path,
                          const CatalogChange *change, Error *err)
{
    const CatalogHead *head = change->object; /* NULL: a sequence's state */
    Str schema = head && head->schema.len ? head->schema : STR("");
    Str name = head && head->name.len ? head->name : STR("");
    const char *kind = head ? catalog__layouts[change->kind].name : "sequence state";
    CLEANUP(buf_done) Buf body = {0};

    catalog_change_encode(change, &body);
    (void)sqlite3_reset(insert);
    int code = sqlite3_bind_int64(insert, 1, change->id);
    code |= sqlite3_bind_text(insert, 2, kind, -1, SQLITE_STATIC);
    code |= sqlite3_bind_text64(insert, 3, schema.ptr, schema.len, SQLITE_STATIC, SQLITE_UTF8);
    code |= sqlite3_bind_text64(insert, 4, name.ptr, name.len, SQLITE_STATIC, SQLITE_UTF8);
    code |= sqlite3_bind_blob64(insert, 5, body.ptr, body.len, SQLITE_STATIC);
    code |= sqlite3_bind_int64(insert, 6, object_crc(change->id, buf_str(&body)));
    if (code != SQLITE_OK || sqlite3_step(insert) != SQLITE_DONE)
        return sql_error(db, path, "write", err);
    return STATUS_OK;
}

static Status save_objects(sqlite3 *db, const char *path, const CatalogVersion *version,
                           const CatalogChange *sequences, size_t sequence_count, Error *err)
{
    CLEANUP(finalize) sqlite3_stmt *insert = NULL;

    if (sqlite3_prepare_v2(db, "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?)", -1, &insert,
                           NULL) != SQLITE_OK)
        return sql_error(db, path, "write", err);
    for (int kind = 0; kind < CATALOG_KIND_COUNT_; kind++)
        for (size_t i = 0; i < version->lists[kind].count; i++) {
            const CatalogHead *head = version->lists[kind].boxes[i]->head;
            /* Built-in objects are stored when ALTER or GRANT changed them. */
            if (head->id >= TABLE_ID_FIRST_USER || head->version > 1)
                TRY(save_object(db, insert, path,
                                &(CatalogChange){.op = CATALOG_PUT,
                                                 .kind = (CatalogKind)kind,
                                                 .id = head->id,
                                                 .object = head},
                                err));
        }
    for (size_t i = 0; i < sequence_count; i++)
        TRY(save_object(db, insert, path, &sequences[i], err));
    return STATUS_OK;
}

static Status save_meta(sqlite3 *db, const char *path, uint64_t lsn, uint32_t next_id, Error *err)
{
    CLEANUP(finalize) sqlite3_stmt *insert = NULL;

    if (sqlite3_prepare_v2(db, "INSERT INTO meta VALUES (?, ?, ?, ?)", -1, &insert, NULL) !=
        SQLITE_OK)
        return sql_error(db, path, "write", err);
    int code = sqlite3_bind_int64(insert, 1, FILE_FORMAT);
    code |= sqlite3_bind_int64(insert, 2, (int64_t)lsn);
    code |= sqlite3_bind_int64(insert, 3, next_id);
    code |= sqlite3_bind_int64(insert, 4, meta_crc(lsn, next_id));
    if (code != SQLITE_OK || sqlite3_step(insert) != SQLITE_DONE)
        return sql_error(db, path, "write", err);
    return STATUS_OK;
}

Status catalog_save(const char *path, const CatalogVersion *version, const CatalogChange *sequences,
                    size_t sequence_count, uint64_t lsn, Error *err)
{
    CLEANUP(close_db) sqlite3 *db = NULL;

    TRY(open_db(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &db, err));
    TRY(run(db, path, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", err));
    TRY(run(db, path,
            "BEGIN IMMEDIATE;"
            "CREATE TABLE IF NOT EXISTS meta(format INTEGER, lsn INTEGER, next_id INTEGER,"
            " crc INTEGER);"
            "CREATE TABLE IF NOT EXISTS objects(id INTEGER PRIMARY KEY, kind TEXT, schema TEXT,"
            " name TEXT, definition BLOB, crc INTEGER);"
            "DELETE FROM meta; DELETE FROM objects",
            err));
    TRY(save_objects(db, path, version, sequences, sequence_count,
                     err)); /* closing without COMMIT rolls back */
    TRY(save_meta(db, path, lsn, version->next_id, err));
    return run(db, path, "COMMIT", err);
}

/* ---------------------------------------------------------------- loading */

static Status load_meta(sqlite3 *db, const char *path, uint64_t *ret_lsn, uint32_t *ret_next_id,
                        Error *err)
{
    CLEANUP(finalize) sqlite3_stmt *query = NULL;

    if (sqlite3_prepare_v2(db, "SELECT format, lsn, next_id, crc FROM meta", -1, &query, NULL) !=
            SQLITE_OK ||
        sqlite3_step(query) != SQLITE_ROW)
        return error_set(err, STATUS_CORRUPT, "%s has no readable table meta: %s", path,
                         sqlite3_errmsg(db));
    int64_t format = sqlite3_column_int64(query, 0);
    uint64_t lsn = (uint64_t)sqlite3_column_int64(query, 1);
    uint32_t next_id = (uint32_t)sqlite3_column_int64(query, 2);
    if (format > FILE_FORMAT)
        return error_set(err, STATUS_UNSUPPORTED,
                         "%s has format %lld, this version of LumaDB reads up to %d", path,
                         (long long)format, FILE_FORMAT);
    if (format < FILE_FORMAT)
        return error_set(err, STATUS_CORRUPT, "%s has format %lld and is made again from the log",
                         path, (long long)format);
    if ((uint32_t)sqlite3_column_int64(query, 3) != meta_crc(lsn, next_id))
        return error_set(err, STATUS_CORRUPT, "%s: the row of table meta fails its checksum", path);
    *ret_lsn = lsn;
    *ret_next_id = next_id;
    return STATUS_OK;
}

/* What a file is read into. */
typedef struct Loading {
    CatalogVersion *version;
    Arena *arena; /* of the sequences */
    CatalogChange *sequences;
    size_t sequence_count;
    size_t sequence_cap;
} Loading;

static Status add_object(Loading *to, const CatalogChange *change, Error *err)
{
    if (change->op == CATALOG_SET_SEQUENCE) {
        ARENA_PUSH(to->arena, to->sequences, to->sequence_count, to->sequence_cap, *change);
        return STATUS_OK;
    }
    if (change->op != CATALOG_PUT)
        return error_set(err, STATUS_CORRUPT, "catalog object %u is of a wrong kind", change->id);
    if (change->id >= TABLE_ID_FIRST_USER)
        return catalog__add(to->version, change->kind, change->object, err);
    /* Another definition of a built-in object. */
    CatalogVersion *next;
    const CatalogHead *old = catalog_by_id(to->version, change->kind, change->id);
    CatalogChange replace = *change;
    replace.version_before = old ? old->version : 0;
    TRY(catalog_apply(to->version, &replace, 1, &next, err));
    catalog_version_unref(to->version);
    to->version = next;
    return STATUS_OK;
}

static Status load_objects(sqlite3 *db, const char *path, Loading *to, Error *err)
{
    CLEANUP(finalize) sqlite3_stmt *query = NULL;
    CLEANUP(arena_done) Arena arena = {0};
    int code;

    if (sqlite3_prepare_v2(db, "SELECT id, definition, crc FROM objects ORDER BY id", -1, &query,
                           NULL) != SQLITE_OK)
        return error_set(err, STATUS_CORRUPT, "%s has no readable table objects: %s", path,
                         sqlite3_errmsg(db));
    arena_init(&arena, NULL);
    while ((code = sqlite3_step(query)) == SQLITE_ROW) {
        int64_t id = sqlite3_column_int64(query, 0);
        const void *bytes = sqlite3_column_blob(query, 1);
        Str body = {bytes, (size_t)sqlite3_column_bytes(query, 1)};
        CatalogChange object;
        if (!bytes || body.len > OBJECT_BYTES_MAX ||
            (uint32_t)sqlite3_column_int64(query, 2) != object_crc((uint32_t)id, body))
            return error_set(err, STATUS_CORRUPT, "%s: object %lld fails its checksum", path,
                             (long long)id);
        TRY(catalog_change_decode(body, &arena, &object, err));
        TRY(add_object(to, &object, err));
        arena_reset(&arena);
    }
    if (code != SQLITE_DONE)
        return error_set(err, STATUS_CORRUPT, "read %s: %s", path, sqlite3_errmsg(db));
    return STATUS_OK;
}

Status catalog_load(const char *path, Arena *arena, CatalogVersion **ret_version,
                    CatalogChange **ret_sequences, size_t *ret_sequence_count, uint64_t *ret_lsn,
                    Error *err)
{
    CLEANUP(close_db) sqlite3 *db = NULL;
    uint64_t lsn = 0;
    uint32_t next_id = 0;
    struct stat st;

    if (stat(path, &st) != 0)
        return error_set(err, STATUS_NOT_FOUND, "there is no %s", path);
    TRY(open_db(path, SQLITE_OPEN_READWRITE, &db, err));
    TRY(load_meta(db, path, &lsn, &next_id, err));
    Loading loading = {.version = catalog_version_builtin(), .arena = arena};
    loading.version->next_id = LUMA_MAX(loading.version->next_id, next_id);
    Status status = load_objects(db, path, &loading, err);
    if (status != STATUS_OK) {
        catalog_version_unref(loading.version);
        return status;
    }
    *ret_version = loading.version;
    *ret_sequences = loading.sequences;
    *ret_sequence_count = loading.sequence_count;
    *ret_lsn = lsn;
    return STATUS_OK;
}

/* vfs_record.h - a Vfs that records every change, and builds from the record what a crash may
 * leave.
 *
 * Model of the disk: what a sync covered stays. Of the bytes written to a file since its last sync
 * any set of sectors may be there, the others keep the old content or read as zeros; a truncation
 * may have happened or not. Of the changes to a folder since its last sync a prefix is there.
 *
 *   record_vfs_init(&record);  ... run the module with &record.base, record_mark() each
 * acknowledgement ... for every point 0..record.op_count: record_materialise(&record, point,
 * policy, seed, root, target)
 *
 * `ignore_syncs` and `ignore_dir_syncs` make syncs a lie: the record does not hold them. A test
 * that loses nothing then sees nothing. Threads: any may record; building is for one.
 */
#ifndef LUMA_TEST_VFS_RECORD_H
#define LUMA_TEST_VFS_RECORD_H

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/vfs.h"

typedef enum RecordKind {
    RECORD_CREATE, /* path names file `id` */
    RECORD_WRITE,
    RECORD_TRUNCATE,
    RECORD_SYNC,
    RECORD_SYNC_DIR,
    RECORD_RENAME,
    RECORD_UNLINK,
    RECORD_MKDIR,
    RECORD_MARK, /* the test's own note */
} RecordKind;

typedef struct RecordOp {
    RecordKind kind;
    uint32_t id;     /* file */
    uint64_t offset; /* or size; or the mark's value */
    char *path;      /* owned */
    char *path_to;   /* owned */
    uint8_t *bytes;  /* owned */
    size_t len;
} RecordOp;

typedef struct RecordVfs {
    Vfs base;
    bool ignore_syncs;
    bool ignore_dir_syncs;
    Mutex lock;
    RecordOp *ops; /* guarded by lock */
    size_t op_count;
    size_t op_cap;
    uint32_t next_id;
    struct {
        char *path;
        uint32_t id;
    } names[256]; /* what exists now; guarded by lock */
    size_t name_count;
} RecordVfs;

typedef struct RecordFile {
    VfsFile base;
    VfsFile *real;
    uint32_t id;
} RecordFile;

/* What becomes of unsynced changes. */
typedef enum RecordPolicy {
    RECORD_DROP_ALL,     /* nothing that was not synced */
    RECORD_KEEP_ALL,     /* as a killed process leaves it */
    RECORD_DROP_DATA,    /* names are there, bytes are not */
    RECORD_DROP_NAMES,   /* bytes are there, names are not */
    RECORD_TEAR_512,     /* names; bytes up to a random sector of 512 */
    RECORD_TEAR_4096,    /* the same with 4096 */
    RECORD_SECTORS_512,  /* random sectors of 512, the others read as before or as zeros */
    RECORD_SECTORS_4096, /* the same with 4096 */
    RECORD_POLICY_COUNT_,
} RecordPolicy;

static inline RecordVfs *record_of(Vfs *vfs)
{
    return (RecordVfs *)(void *)vfs;
}

static inline void record_add(RecordVfs *record, RecordOp op)
{
    MEM_GROW(record->ops, record->op_cap, record->op_count + 1);
    record->ops[record->op_count++] = op;
}

static inline void record_add_locked(RecordVfs *record, RecordOp op)
{
    MUTEX_GUARD(&record->lock);
    record_add(record, op);
}

/* A note at this point of the record. */
static inline void record_mark(RecordVfs *record, uint64_t value)
{
    record_add_locked(record, (RecordOp){.kind = RECORD_MARK, .offset = value});
}

/* Under the lock: the file's id, a new one (and its creation) when the name is new. */
static inline uint32_t record_id(RecordVfs *record, const char *path)
{
    for (size_t i = 0; i < record->name_count; i++)
        if (strcmp(record->names[i].path, path) == 0)
            return record->names[i].id;
    ASSERT(record->name_count < LUMA_ARRAY_LEN(record->names));
    uint32_t id = record->next_id++;
    record->names[record->name_count].path = mem_strdup(path);
    record->names[record->name_count++].id = id;
    record_add(record, (RecordOp){.kind = RECORD_CREATE, .id = id, .path = mem_strdup(path)});
    return id;
}

/* Under the lock. */
static inline void record_forget(RecordVfs *record, const char *path)
{
    for (size_t i = 0; i < record->name_count; i++)
        if (strcmp(record->names[i].path, path) == 0) {
            mem_free(record->names[i].path);
            record->names[i] = record->names[--record->name_count];
            return;
        }
}

static inline Status record_open(Vfs *vfs, const char *path, unsigned flags, VfsFile **ret_file,
                                 Error *err)
{
    RecordVfs *record = record_of(vfs);
    VfsFile *real;
    TRY(vfs_open(vfs_posix(), path, flags, &real, err));
    RecordFile *file = MEM_NEW(RecordFile);
    MUTEX_GUARD(&record->lock);
    *file = (RecordFile){{vfs, real->path}, real, record_id(record, path)};
    if (flags & VFS_TRUNCATE)
        record_add(record, (RecordOp){.kind = RECORD_TRUNCATE, .id = file->id});
    *ret_file = &file->base;
    return STATUS_OK;
}
static inline RecordFile *record_file(VfsFile *file)
{
    return (RecordFile *)(void *)file;
}
static inline void record_close(VfsFile *file)
{
    vfs_close(record_file(file)->real);
    mem_free(file);
}
static inline Status record_read(VfsFile *file, uint64_t offset, void *dst, size_t len,
                                 size_t *ret_len, Error *err)
{
    return vfs_read(record_file(file)->real, offset, dst, len, ret_len, err);
}
static inline Status record_write(VfsFile *file, uint64_t offset, const struct iovec *vec,
                                  int vec_count, Error *err)
{
    RecordOp op = {.kind = RECORD_WRITE, .id = record_file(file)->id, .offset = offset};
    for (int i = 0; i < vec_count; i++)
        op.len += vec[i].iov_len;
    op.bytes = mem_alloc(op.len);
    size_t at = 0;
    for (int i = 0; i < vec_count; at += vec[i].iov_len, i++)
        if (vec[i].iov_len)
            memcpy(op.bytes + at, vec[i].iov_base, vec[i].iov_len);
    record_add_locked(record_of(file->vfs), op);
    return vfs_writev(record_file(file)->real, offset, vec, vec_count, err);
}
static inline Status record_sync(VfsFile *file, Error *err)
{
    RecordVfs *record = record_of(file->vfs);
    TRY(vfs_sync(record_file(file)->real, err));
    if (!record->ignore_syncs)
        record_add_locked(record, (RecordOp){.kind = RECORD_SYNC, .id = record_file(file)->id});
    return STATUS_OK;
}
static inline Status record_truncate(VfsFile *file, uint64_t size, Error *err)
{
    record_add_locked(
        record_of(file->vfs),
        (RecordOp){.kind = RECORD_TRUNCATE, .id = record_file(file)->id, .offset = size});
    return vfs_truncate(record_file(file)->real, size, err);
}
static inline Status record_allocate(VfsFile *file, uint64_t offset, uint64_t len, Error *err)
{
    return vfs_allocate(record_file(file)->real, offset, len, err);
}
static inline Status record_size(VfsFile *file, uint64_t *ret_size, Error *err)
{
    return vfs_size(record_file(file)->real, ret_size, err);
}
static inline Status record_lock(VfsFile *file, Error *err)
{
    return vfs_lock(record_file(file)->real, err);
}
static inline Status record_sync_dir(Vfs *vfs, const char *path, Error *err)
{
    RecordVfs *record = record_of(vfs);
    TRY(vfs_sync_dir(vfs_posix(), path, err));
    if (!record->ignore_dir_syncs)
        record_add_locked(record, (RecordOp){.kind = RECORD_SYNC_DIR, .path = mem_strdup(path)});
    return STATUS_OK;
}
static inline Status record_rename(Vfs *vfs, const char *from, const char *to, Error *err)
{
    RecordVfs *record = record_of(vfs);
    TRY(vfs_rename(vfs_posix(), from, to, err));
    MUTEX_GUARD(&record->lock);
    uint32_t id = record_id(record, from);
    record_forget(record, to);
    record_forget(record, from);
    record->names[record->name_count].path = mem_strdup(to);
    record->names[record->name_count++].id = id;
    record_add(record, (RecordOp){.kind = RECORD_RENAME,
                                  .id = id,
                                  .path = mem_strdup(from),
                                  .path_to = mem_strdup(to)});
    return STATUS_OK;
}
static inline Status record_unlink(Vfs *vfs, const char *path, Error *err)
{
    RecordVfs *record = record_of(vfs);
    TRY(vfs_unlink(vfs_posix(), path, err));
    MUTEX_GUARD(&record->lock);
    record_forget(record, path);
    record_add(record, (RecordOp){.kind = RECORD_UNLINK, .path = mem_strdup(path)});
    return STATUS_OK;
}
static inline Status record_mkdir(Vfs *vfs, const char *path, Error *err)
{
    TRY(vfs_mkdir(vfs_posix(), path, err));
    record_add_locked(record_of(vfs), (RecordOp){.kind = RECORD_MKDIR, .path = mem_strdup(path)});
    return STATUS_OK;
}
static inline Status record_list(Vfs *, const char *path, Arena *arena, VfsEntry **ret_entries,
                                 size_t *ret_count, Error *err)
{
    return vfs_list(vfs_posix(), path, arena, ret_entries, ret_count, err);
}

static inline void record_vfs_init(RecordVfs *record)
{
    static const VfsOps ops = {record_open,  record_close,    record_read,     record_write,
                               record_sync,  record_truncate, record_allocate, record_size,
                               record_lock,  record_sync_dir, record_rename,   record_unlink,
                               record_mkdir, record_list};
    *record = (RecordVfs){.base = {&ops}, .next_id = 1}; /* 0: operations without a file */
    mutex_init(&record->lock);
}

static inline void record_vfs_done(RecordVfs *record)
{
    for (size_t i = 0; i < record->op_count; i++) {
        mem_free(record->ops[i].path);
        mem_free(record->ops[i].path_to);
        mem_free(record->ops[i].bytes);
    }
    for (size_t i = 0; i < record->name_count; i++)
        mem_free(record->names[i].path);
    mem_free(record->ops);
    mutex_done(&record->lock);
}

/* --- building a crash state --- */

typedef struct CrashFile {
    uint8_t *bytes;
    size_t len;
    size_t cap;
} CrashFile;

typedef struct CrashBuild {
    const RecordVfs *record;
    size_t point;
    RecordPolicy policy;
    uint64_t random;
    const char *from; /* root that the record's paths begin with */
    const char *to;
} CrashBuild;

static inline uint64_t crash_random(CrashBuild *build)
{
    uint64_t z = build->random += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static inline void crash_put(CrashFile *file, uint64_t offset, const uint8_t *bytes, size_t len)
{
    size_t end = (size_t)offset + len;
    MEM_GROW(file->bytes, file->cap, end);
    if (offset > file->len)
        memset(file->bytes + file->len, 0, (size_t)offset - file->len);
    if (bytes)
        memcpy(file->bytes + offset, bytes, len);
    else if (end > file->len)
        memset(file->bytes + file->len, 0, end - file->len);
    file->len = LUMA_MAX(file->len, end);
}

static inline void crash_truncate(CrashFile *file, uint64_t size)
{
    if (size > file->len)
        crash_put(file, file->len, NULL, (size_t)size - file->len);
    file->len = (size_t)size;
}

/* Some sectors of an unsynced write. `tear` = bytes of all unsynced writes that are kept. */
static inline void crash_write_some(CrashBuild *build, CrashFile *file, const RecordOp *op,
                                    uint64_t *tear)
{
    bool small = build->policy == RECORD_TEAR_512 || build->policy == RECORD_SECTORS_512;
    bool tearing = build->policy == RECORD_TEAR_512 || build->policy == RECORD_TEAR_4096;
    size_t sector = small ? 512 : 4096;

    for (size_t at = 0; at < op->len;) {
        uint64_t offset = op->offset + at;
        size_t n = LUMA_MIN(op->len - at, sector - (size_t)(offset % sector));
        bool keep = tearing ? *tear >= n : crash_random(build) & 1;
        if (keep)
            crash_put(file, offset, op->bytes + at, n);
        else if (!tearing && (crash_random(build) & 1))
            crash_put(file, offset, NULL, n); /* the size was written, the data was not */
        if (tearing)
            *tear = keep ? *tear - n : 0;
        at += n;
    }
}

/* The content file `id` has after the crash. */
static inline CrashFile crash_content(CrashBuild *build, uint32_t id)
{
    CrashFile file = {0};
    size_t synced = 0; /* operations before this index are on the disk */
    uint64_t unsynced_bytes = 0;

    for (size_t i = 0; i < build->point; i++)
        if (build->record->ops[i].id == id && build->record->ops[i].kind == RECORD_SYNC)
            synced = i;
    for (size_t i = synced; i < build->point; i++)
        if (build->record->ops[i].id == id && build->record->ops[i].kind == RECORD_WRITE)
            unsynced_bytes += build->record->ops[i].len;
    uint64_t tear = unsynced_bytes ? crash_random(build) % (unsynced_bytes + 1) : 0;
    for (size_t i = 0; i < build->point; i++) {
        const RecordOp *op = &build->record->ops[i];
        bool sure =
            i < synced || build->policy == RECORD_KEEP_ALL || build->policy == RECORD_DROP_NAMES;
        bool never = build->policy == RECORD_DROP_ALL || build->policy == RECORD_DROP_DATA;
        if (op->id != id || (!sure && never))
            continue;
        if (op->kind == RECORD_TRUNCATE && (sure || (crash_random(build) & 1)))
            crash_truncate(&file, op->offset);
        else if (op->kind == RECORD_WRITE && sure)
            crash_put(&file, op->offset, op->bytes, op->len);
        else if (op->kind == RECORD_WRITE)
            crash_write_some(build, &file, op, &tear);
    }
    return file;
}

static inline bool crash_in_dir(const char *path, const char *dir)
{
    size_t len = strlen(dir);
    return strncmp(path, dir, len) == 0 && path[len] == '/' && !strchr(path + len + 1, '/');
}

/* Is operation i on a name in the state? Of each folder's unsynced changes a prefix is. */
static inline bool crash_name_op_kept(CrashBuild *build, size_t i, uint64_t seed)
{
    const RecordOp *op = &build->record->ops[i];
    size_t unsynced_before = 0;

    for (size_t j = i + 1; j < build->point; j++)
        if (build->record->ops[j].kind == RECORD_SYNC_DIR &&
            crash_in_dir(op->path, build->record->ops[j].path))
            return true;
    switch (build->policy) {
    case RECORD_DROP_ALL:
    case RECORD_DROP_NAMES:
        return false;
    case RECORD_KEEP_ALL:
    case RECORD_DROP_DATA:
        return true;
    case RECORD_TEAR_512:
    case RECORD_TEAR_4096:
    case RECORD_SECTORS_512:
    case RECORD_SECTORS_4096:
    case RECORD_POLICY_COUNT_:
        break;
    }
    for (size_t j = 0; j < i; j++)
        if (build->record->ops[j].path && build->record->ops[j].kind != RECORD_SYNC_DIR)
            unsynced_before++;
    /* The cut is the same number for all names, so what is kept is a prefix. */
    return seed % 4 != 0 || unsynced_before < seed / 4 % 8;
}

static inline void crash_target_path(const CrashBuild *build, const char *path, char out[4096])
{
    size_t len = strlen(build->from);
    ASSERT(strncmp(path, build->from, len) == 0);
    (void)snprintf(out, 4096, "%s%s", build->to, path + len);
}

static inline void crash_write_file(CrashBuild *build, const char *path, uint32_t id)
{
    char target[4096];
    CrashFile content = crash_content(build, id);
    crash_target_path(build, path, target);
    FILE *out = fopen(target, "wb");
    if (out) { /* absent when its folder's own name was lost */
        ASSERT(!content.len || fwrite(content.bytes, 1, content.len, out) == content.len);
        (void)fclose(out);
    }
    mem_free(content.bytes);
}

/* Builds in folder `to` (which exists and is empty) what may be left of the files under `from`
 * after a crash behind the first `point` operations. */
static inline void record_materialise(const RecordVfs *record, size_t point, RecordPolicy policy,
                                      uint64_t seed, const char *from, const char *to)
{
    CrashBuild build = {record, point, policy, seed, from, to};
    struct {
        const char *path;
        uint32_t id;
    } names[256];
    size_t name_count = 0;
    uint64_t name_seed = crash_random(&build);

    for (size_t i = 0; i < point; i++) {
        const RecordOp *op = &record->ops[i];
        bool names_op = op->kind == RECORD_CREATE || op->kind == RECORD_RENAME ||
                        op->kind == RECORD_UNLINK || op->kind == RECORD_MKDIR;
        if (!names_op || !crash_name_op_kept(&build, i, name_seed))
            continue;
        if (op->kind == RECORD_MKDIR) {
            char target[4096];
            crash_target_path(&build, op->path, target);
            (void)vfs_mkdir(vfs_posix(), target, NULL);
            continue;
        }
        const char *gone = op->kind == RECORD_RENAME ? op->path_to : op->path;
        for (int pass = 0; pass < 2; pass++, gone = op->path)
            for (size_t k = 0; k < name_count; k++)
                if (strcmp(names[k].path, gone) == 0) {
                    names[k] = names[--name_count];
                    break;
                }
        if (op->kind == RECORD_UNLINK)
            continue;
        ASSERT(name_count < LUMA_ARRAY_LEN(names));
        names[name_count].path = op->kind == RECORD_RENAME ? op->path_to : op->path;
        names[name_count++].id = op->id;
    }
    for (size_t k = 0; k < name_count; k++)
        crash_write_file(&build, names[k].path, names[k].id);
}

#endif

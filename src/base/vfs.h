/* vfs.h - files behind a small table of functions, so that tests can make them fail.
 *
 * Everything that must survive a crash goes through a Vfs: the write-ahead log, parts, the
 * catalog's snapshot. vfs_posix() is the real one; test/lib has one that fails on the n-th call and
 * one that records every change so that all legal crash states can be built from the record.
 *
 * Paths are NUL-terminated, relative to the working directory or absolute. Calls interrupted by a
 * signal are repeated inside; a write is complete or has failed. A failure says "<verb> <path>:
 * <strerror>"; a full disk or quota carries SQLSTATE 53100 (vfs_error_is_full).
 *
 * Threads: a Vfs is safe from any thread. A VfsFile may be read and written at different offsets
 * from several threads; closing needs that nobody uses it any more.
 */
#ifndef LUMA_BASE_VFS_H
#define LUMA_BASE_VFS_H

#include <sys/uio.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

typedef enum VfsOpenFlag {
    VFS_READ = 1 << 0,      /* for reading */
    VFS_WRITE = 1 << 1,     /* for writing, at explicit offsets */
    VFS_CREATE = 1 << 2,    /* make it when absent (mode 0640) */
    VFS_EXCLUSIVE = 1 << 3, /* with CREATE: STATUS_EXISTS when present */
    VFS_TRUNCATE = 1 << 4,  /* make it empty */
} VfsOpenFlag;

typedef struct VfsEntry {
    const char *name;
    bool is_dir;
} VfsEntry;

typedef struct Vfs Vfs;

/* An open file. Implementations put their own fields behind it. */
typedef struct VfsFile {
    Vfs *vfs;
    const char *path; /* owned by the implementation; for messages */
} VfsFile;

typedef struct VfsOps {
    /* STATUS_NOT_FOUND and STATUS_EXISTS as the names say. `flags` is a set of VfsOpenFlag. */
    Status (*open)(Vfs *vfs, const char *path, unsigned flags, VfsFile **ret_file, Error *err);
    /* Closes and frees; NULL is fine. Not a durability point: sync first. */
    void (*close)(VfsFile *file);
    /* Reads up to len bytes at offset; fewer only at the end of the file. */
    Status (*read)(VfsFile *file, uint64_t offset, void *dst, size_t len, size_t *ret_len,
                   Error *err);
    /* Writes all vectors one after another from offset. On failure any part may be there. */
    Status (*write)(VfsFile *file, uint64_t offset, const struct iovec *vec, int vec_count,
                    Error *err);
    /* fdatasync. After a failure the state of everything unsynced is unknown for good. */
    Status (*sync)(VfsFile *file, Error *err);
    Status (*truncate)(VfsFile *file, uint64_t size, Error *err);
    /* Reserves blocks for [offset, offset + len) without changing the size. STATUS_UNSUPPORTED
     * where the file system cannot. */
    Status (*allocate)(VfsFile *file, uint64_t offset, uint64_t len, Error *err);
    Status (*size)(VfsFile *file, uint64_t *ret_size, Error *err);
    /* flock(LOCK_EX | LOCK_NB); held until close. STATUS_CONFLICT when somebody else has it. */
    Status (*lock)(VfsFile *file, Error *err);
    /* fsync of a directory: makes creations, renames and removals in it durable. */
    Status (*sync_dir)(Vfs *vfs, const char *path, Error *err);
    /* Replaces the target atomically. */
    Status (*rename)(Vfs *vfs, const char *from, const char *to, Error *err);
    Status (*unlink)(Vfs *vfs, const char *path, Error *err);
    /* Mode 0750. STATUS_EXISTS when anything of that name is there. */
    Status (*mkdir)(Vfs *vfs, const char *path, Error *err);
    /* Entries sorted by name, without "." and ".."; they live in the arena. */
    Status (*list)(Vfs *vfs, const char *path, Arena *arena, VfsEntry **ret_entries,
                   size_t *ret_count, Error *err);
} VfsOps;

struct Vfs {
    const VfsOps *ops;
};

/* The operating system's files. Static; never freed. */
Vfs *vfs_posix(void);

static inline Status vfs_open(Vfs *vfs, const char *path, unsigned flags, VfsFile **ret_file,
                              Error *err)
{
    return vfs->ops->open(vfs, path, flags, ret_file, err);
}
/* Returns NULL. */
static inline VfsFile *vfs_close(VfsFile *file)
{
    if (file)
        file->vfs->ops->close(file);
    return NULL;
}
static inline void vfs_closep(VfsFile **file)
{
    *file = vfs_close(*file);
}
static inline Status vfs_read(VfsFile *file, uint64_t offset, void *dst, size_t len,
                              size_t *ret_len, Error *err)
{
    return file->vfs->ops->read(file, offset, dst, len, ret_len, err);
}
static inline Status vfs_writev(VfsFile *file, uint64_t offset, const struct iovec *vec,
                                int vec_count, Error *err)
{
    return file->vfs->ops->write(file, offset, vec, vec_count, err);
}
Status vfs_write(VfsFile *file, uint64_t offset, const void *bytes, size_t len, Error *err);
static inline Status vfs_sync(VfsFile *file, Error *err)
{
    return file->vfs->ops->sync(file, err);
}
static inline Status vfs_truncate(VfsFile *file, uint64_t size, Error *err)
{
    return file->vfs->ops->truncate(file, size, err);
}
static inline Status vfs_allocate(VfsFile *file, uint64_t offset, uint64_t len, Error *err)
{
    return file->vfs->ops->allocate(file, offset, len, err);
}
static inline Status vfs_size(VfsFile *file, uint64_t *ret_size, Error *err)
{
    return file->vfs->ops->size(file, ret_size, err);
}
static inline Status vfs_lock(VfsFile *file, Error *err)
{
    return file->vfs->ops->lock(file, err);
}
static inline Status vfs_sync_dir(Vfs *vfs, const char *path, Error *err)
{
    return vfs->ops->sync_dir(vfs, path, err);
}
static inline Status vfs_rename(Vfs *vfs, const char *from, const char *to, Error *err)
{
    return vfs->ops->rename(vfs, from, to, err);
}
static inline Status vfs_unlink(Vfs *vfs, const char *path, Error *err)
{
    return vfs->ops->unlink(vfs, path, err);
}
static inline Status vfs_mkdir(Vfs *vfs, const char *path, Error *err)
{
    return vfs->ops->mkdir(vfs, path, err);
}
static inline Status vfs_list(Vfs *vfs, const char *path, Arena *arena, VfsEntry **ret_entries,
                              size_t *ret_count, Error *err)
{
    return vfs->ops->list(vfs, path, arena, ret_entries, ret_count, err);
}

/* Makes the directory and every missing parent, each durable in its parent. Present is fine. */
Status vfs_mkdir_all(Vfs *vfs, const char *path, Error *err);
/* fsync of the directory that holds `path`. */
Status vfs_sync_parent(Vfs *vfs, const char *path, Error *err);
/* The whole file as arena bytes; STATUS_LIMIT when larger than size_max. */
Status vfs_read_file(Vfs *vfs, const char *path, size_t size_max, Arena *arena, Str *ret_bytes,
                     Error *err);
/* Replaces `path` by the bytes so that a crash leaves the old or the new content: writes
 * "<path>.tmp", syncs it, renames it, syncs the directory. */
Status vfs_write_file(Vfs *vfs, const char *path, Str bytes, Error *err);
/* Was the failure a full disk or quota? A retry may succeed once there is space. */
bool vfs_error_is_full(const Error *err);

#endif

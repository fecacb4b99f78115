/* vfs_fault.h - a Vfs over the real one whose n-th call of a kind fails, once or for ever.
 *
 *   FaultVfs fault;
 *   fault_vfs_init(&fault);
 *   fault_vfs_arm(&fault, VFS_CALL_SYNC, 3, EIO, false);   // the third sync from now on fails
 *   ... give &fault.base to the module ...
 *   fault_vfs_done(&fault);
 *
 * A failing write first writes the first half of its bytes, as a full disk does. Threads: any.
 */
#ifndef LUMA_TEST_VFS_FAULT_H
#define LUMA_TEST_VFS_FAULT_H

#include "base/mem.h"
#include "base/thread.h"
#include "base/vfs.h"

typedef enum VfsCall {
    VFS_CALL_OPEN,
    VFS_CALL_READ,
    VFS_CALL_WRITE,
    VFS_CALL_SYNC,
    VFS_CALL_TRUNCATE,
    VFS_CALL_ALLOCATE,
    VFS_CALL_SIZE,
    VFS_CALL_LOCK,
    VFS_CALL_SYNC_DIR,
    VFS_CALL_RENAME,
    VFS_CALL_UNLINK,
    VFS_CALL_MKDIR,
    VFS_CALL_LIST,
    VFS_CALL_COUNT_,
} VfsCall;

typedef struct FaultVfs {
    Vfs base;
    Mutex lock;
    int64_t calls[VFS_CALL_COUNT_];   /* made so far; guarded by lock */
    int64_t fail_at[VFS_CALL_COUNT_]; /* call number that fails, 0 = none; guarded by lock */
    bool for_ever[VFS_CALL_COUNT_];   /* and all after it; guarded by lock */
    int errnum[VFS_CALL_COUNT_];      /* guarded by lock */
    int64_t failures;                 /* injected so far; guarded by lock */
} FaultVfs;

typedef struct FaultFile {
    VfsFile base;
    VfsFile *real;
} FaultFile;

/* True when this call is to fail. */
static inline bool fault_vfs_hit(Vfs *vfs, VfsCall call, const char *path, Error *err)
{
    FaultVfs *fault = (FaultVfs *)(void *)vfs;
    MUTEX_GUARD(&fault->lock);
    int64_t number = ++fault->calls[call];
    int64_t at = fault->fail_at[call];

    if (!at || number < at || (number > at && !fault->for_ever[call]))
        return false;
    fault->failures++;
    (void)error_set_errno(err, fault->errnum[call], "injected failure on %s", path);
    return true;
}

static inline VfsFile *fault_real(VfsFile *file)
{
    return ((FaultFile *)(void *)file)->real;
}

static inline Status fault_open(Vfs *vfs, const char *path, unsigned flags, VfsFile **ret_file,
                                Error *err)
{
    VfsFile *real;
    if (fault_vfs_hit(vfs, VFS_CALL_OPEN, path, err))
        return STATUS_IO;
    TRY(vfs_open(vfs_posix(), path, flags, &real, err));
    FaultFile *file = MEM_NEW(FaultFile);
    *file = (FaultFile){{vfs, real->path}, real};
    *ret_file = &file->base;
    return STATUS_OK;
}
static inline void fault_close(VfsFile *file)
{
    vfs_close(fault_real(file));
    mem_free(file);
}
static inline Status fault_read(VfsFile *file, uint64_t offset, void *dst, size_t len,
                                size_t *ret_len, Error *err)
{
    if (fault_vfs_hit(file->vfs, VFS_CALL_READ, file->path, err))
        return STATUS_IO;
    return vfs_read(fault_real(file), offset, dst, len, ret_len, err);
}
static inline Status fault_write(VfsFile *file, uint64_t offset, const struct iovec *vec,
                                 int vec_count, Error *err)
{
    if (!fault_vfs_hit(file->vfs, VFS_CALL_WRITE, file->path, err))
        return vfs_writev(fault_real(file), offset, vec, vec_count, err);
    size_t left = 0;
    for (int i = 0; i < vec_count; i++)
        left += vec[i].iov_len;
    left /= 2;
    for (int i = 0; i < vec_count && left; i++) {
        size_t n = LUMA_MIN(left, vec[i].iov_len);
        (void)vfs_write(fault_real(file), offset, vec[i].iov_base, n, NULL);
        offset += n;
        left -= n;
    }
    return STATUS_IO;
}
static inline Status fault_sync(VfsFile *file, Error *err)
{
    if (fault_vfs_hit(file->vfs, VFS_CALL_SYNC, file->path, err))
        return STATUS_IO;
    return vfs_sync(fault_real(file), err);
}
static inline Status fault_truncate(VfsFile *file, uint64_t size, Error *err)
{
    if (fault_vfs_hit(file->vfs, VFS_CALL_TRUNCATE, file->path, err))
        return STATUS_IO;
    return vfs_truncate(fault_real(file), size, err);
}
static inline Status fault_allocate(VfsFile *file, uint64_t offset, uint64_t len, Error *err)
{
    if (fault_vfs_hit(file->vfs, VFS_CALL_ALLOCATE, file->path, err))
        return STATUS_IO;
    return vfs_allocate(fault_real(file), offset, len, err);
}
static inline Status fault_size(VfsFile *file, uint64_t *ret_size, Error *err)
{
    if (fault_vfs_hit(file->vfs, VFS_CALL_SIZE, file->path, err))
        return STATUS_IO;
    return vfs_size(fault_real(file), ret_size, err);
}
static inline Status fault_lock(VfsFile *file, Error *err)
{
    if (fault_vfs_hit(file->vfs, VFS_CALL_LOCK, file->path, err))
        return STATUS_IO;
    return vfs_lock(fault_real(file), err);
}
static inline Status fault_sync_dir(Vfs *vfs, const char *path, Error *err)
{
    return fault_vfs_hit(vfs, VFS_CALL_SYNC_DIR, path, err) ? STATUS_IO
                                                            : vfs_sync_dir(vfs_posix(), path, err);
}
static inline Status fault_rename(Vfs *vfs, const char *from, const char *to, Error *err)
{
    return fault_vfs_hit(vfs, VFS_CALL_RENAME, from, err) ? STATUS_IO
                                                          : vfs_rename(vfs_posix(), from, to, err);
}
static inline Status fault_unlink(Vfs *vfs, const char *path, Error *err)
{
    return fault_vfs_hit(vfs, VFS_CALL_UNLINK, path, err) ? STATUS_IO
                                                          : vfs_unlink(vfs_posix(), path, err);
}
static inline Status fault_mkdir(Vfs *vfs, const char *path, Error *err)
{
    return fault_vfs_hit(vfs, VFS_CALL_MKDIR, path, err) ? STATUS_IO
                                                         : vfs_mkdir(vfs_posix(), path, err);
}
static inline Status fault_list(Vfs *vfs, const char *path, Arena *arena, VfsEntry **ret_entries,
                                size_t *ret_count, Error *err)
{
    if (fault_vfs_hit(vfs, VFS_CALL_LIST, path, err))
        return STATUS_IO;
    return vfs_list(vfs_posix(), path, arena, ret_entries, ret_count, err);
}

static inline void fault_vfs_init(FaultVfs *fault)
{
    static const VfsOps ops = {fault_open,  fault_close,    fault_read,     fault_write,
                               fault_sync,  fault_truncate, fault_allocate, fault_size,
                               fault_lock,  fault_sync_dir, fault_rename,   fault_unlink,
                               fault_mkdir, fault_list};
    *fault = (FaultVfs){.base = {&ops}};
    mutex_init(&fault->lock);
}
static inline void fault_vfs_done(FaultVfs *fault)
{
    mutex_done(&fault->lock);
}

/* The n-th call from now (1 = the next) fails with errnum. n = 0 disarms. */
static inline void fault_vfs_arm(FaultVfs *fault, VfsCall call, int64_t n, int errnum,
                                 bool for_ever)
{
    MUTEX_GUARD(&fault->lock);
    fault->fail_at[call] = n ? fault->calls[call] + n : 0;
    fault->errnum[call] = errnum;
    fault->for_ever[call] = for_ever;
}
static inline int64_t fault_vfs_calls(FaultVfs *fault, VfsCall call)
{
    MUTEX_GUARD(&fault->lock);
    return fault->calls[call];
}

#endif

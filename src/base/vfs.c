#include "base/vfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct PosixFile {
    VfsFile base;
    int fd;
    char path[];
} PosixFile;

static int fd_of(const VfsFile *file)
{
    return ((const PosixFile *)(const void *)file)->fd;
}

static Status fail(Error *err, int errnum, const char *verb, const char *path)
{
    return error_set_errno(err, errnum, "%s %s", verb, path);
}

/* Repeats a call that a signal interrupted. */
#define RETRY_EINTR(expr)                                                                          \
    __extension__({                                                                                \
        typeof(expr) retry_rc_;                                                                    \
        do                                                                                         \
            retry_rc_ = (expr);                                                                    \
        while (retry_rc_ < 0 && errno == EINTR);                                                   \
        retry_rc_;                                                                                 \
    })

static Status posix_open(Vfs *vfs, const char *path, unsigned flags, VfsFile **ret_file, Error *err)
{
    bool rd = flags & VFS_READ;
    bool wr = flags & VFS_WRITE;
    int mode = O_CLOEXEC | (rd && wr ? O_RDWR : wr ? O_WRONLY : O_RDONLY);

    mode |= (flags & VFS_CREATE ? O_CREAT : 0) | (flags & VFS_EXCLUSIVE ? O_EXCL : 0) |
            (flags & VFS_TRUNCATE ? O_TRUNC : 0);
    int fd = RETRY_EINTR(open(path, mode, 0640));
    if (fd < 0)
        return fail(err, errno, "open", path);
    size_t path_bytes = strlen(path) + 1;
    PosixFile *file = mem_alloc(sizeof *file + path_bytes);
    *file = (PosixFile){.base = {.vfs = vfs, .path = file->path}, .fd = fd};
    memcpy(file->path, path, path_bytes);
    *ret_file = &file->base;
    return STATUS_OK;
}

static void posix_close(VfsFile *file)
{
    /* On Linux the descriptor is gone even when close reports EINTR or an old write error. */
    (void)close(fd_of(file));
    mem_free(file);
}

static Status posix_read(VfsFile *file, uint64_t offset, void *dst, size_t len, size_t *ret_len,
                         Error *err)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n =
            RETRY_EINTR(pread(fd_of(file), (char *)dst + done, len - done, (off_t)(offset + done)));
        if (n < 0)
            return fail(err, errno, "read", file->path);
        if (n == 0)
            break;
        done += (size_t)n;
    }
    *ret_len = done;
    return STATUS_OK;
}

/* Writes the vectors from `at` on, the first of them from its byte `skip`. Returns pwritev's
 * result. */
static ssize_t write_some(int fd, uint64_t offset, const struct iovec *vec, int count, size_t skip)
{
    struct iovec head = {(char *)vec[0].iov_base + skip, vec[0].iov_len - skip};

    if (skip)
        return RETRY_EINTR(pwritev(fd, &head, 1, (off_t)offset));
    return RETRY_EINTR(pwritev(fd, vec, LUMA_MIN(count, IOV_MAX), (off_t)offset));
}

static Status posix_write(VfsFile *file, uint64_t offset, const struct iovec *vec, int vec_count,
                          Error *err)
{
    int at = 0;
    size_t skip = 0;

    for (;;) {
        while (at < vec_count && skip >= vec[at].iov_len) {
            skip -= vec[at].iov_len;
            at++;
        }
        if (at == vec_count)
            return STATUS_OK;
        ssize_t n = write_some(fd_of(file), offset, vec + at, vec_count - at, skip);
        if (n <= 0)
            return fail(err, n < 0 ? errno : ENOSPC, "write", file->path);
        offset += (uint64_t)n;
        skip += (size_t)n;
    }
}

static Status posix_sync(VfsFile *file, Error *err)
{
    /* Not repeated after EINTR either: a second fdatasync may succeed without the data. */
    return fdatasync(fd_of(file)) == 0 ? STATUS_OK : fail(err, errno, "fdatasync", file->path);
}

static Status posix_truncate(VfsFile *file, uint64_t size, Error *err)
{
    return RETRY_EINTR(ftruncate(fd_of(file), (off_t)size)) == 0
               ? STATUS_OK
               : fail(err, errno, "truncate", file->path);
}

static Status posix_allocate(VfsFile *file, uint64_t offset, uint64_t len, Error *err)
{
    if (RETRY_EINTR(fallocate(fd_of(file), FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len)) == 0)
        return STATUS_OK;
    if (errno == EOPNOTSUPP || errno == ENOSYS)
        return error_set(err, STATUS_UNSUPPORTED, "cannot preallocate %s", file->path);
    return fail(err, errno, "preallocate", file->path);
}

static Status posix_size(VfsFile *file, uint64_t *ret_size, Error *err)
{
    struct stat st;

    if (fstat(fd_of(file), &st) != 0)
        return fail(err, errno, "stat", file->path);
    *ret_size = (uint64_t)st.st_size;
    return STATUS_OK;
}

static Status posix_lock(VfsFile *file, Error *err)
{
    if (RETRY_EINTR(flock(fd_of(file), LOCK_EX | LOCK_NB)) == 0)
        return STATUS_OK;
    if (errno == EWOULDBLOCK)
        return error_set(err, STATUS_CONFLICT, "%s is locked by another process", file->path);
    return fail(err, errno, "lock", file->path);
}

static Status posix_sync_dir(Vfs *, const char *path, Error *err)
{
    int fd = RETRY_EINTR(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (fd < 0)
        return fail(err, errno, "open directory", path);
    int rc = fsync(fd);
    int errnum = errno;
    (void)close(fd);
    return rc == 0 ? STATUS_OK : fail(err, errnum, "fsync directory", path);
}

static Status posix_rename(Vfs *, const char *from, const char *to, Error *err)
{
    return rename(from, to) == 0 ? STATUS_OK : fail(err, errno, "rename", from);
}

static Status posix_unlink(Vfs *, const char *path, Error *err)
{
    return unlink(path) == 0 ? STATUS_OK : fail(err, errno, "remove", path);
}

static Status posix_mkdir(Vfs *, const char *path, Error *err)
{
    return mkdir(path, 0750) == 0 ? STATUS_OK : fail(err, errno, "make directory", path);
}

static bool entry_is_dir(DIR *dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int cmp_entry(const void *a, const void *b)
{
    return strcmp(((const VfsEntry *)a)->name, ((const VfsEntry *)b)->name);
}

static Status posix_list(Vfs *, const char *path, Arena *arena, VfsEntry **ret_entries,
                         size_t *ret_count, Error *err)
{
    DIR *dir = opendir(path);
    VfsEntry *entries = NULL;
    size_t count = 0;
    size_t cap = 0;

    if (!dir)
        return fail(err, errno, "open directory", path);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        VfsEntry item = {arena_strdup(arena, entry->d_name), entry_is_dir(dir, entry)};
        ARENA_PUSH(arena, entries, count, cap, item);
    }
    int errnum = errno;
    (void)closedir(dir);
    if (errnum)
        return fail(err, errnum, "read directory", path);
    if (count)
        qsort(entries, count, sizeof *entries, cmp_entry);
    *ret_entries = entries;
    *ret_count = count;
    return STATUS_OK;
}

Vfs *vfs_posix(void)
{
    static const VfsOps ops = {
        .open = posix_open,
        .close = posix_close,
        .read = posix_read,
        .write = posix_write,
        .sync = posix_sync,
        .truncate = posix_truncate,
        .allocate = posix_allocate,
        .size = posix_size,
        .lock = posix_lock,
        .sync_dir = posix_sync_dir,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .list = posix_list,
    };
    static Vfs posix = {&ops};
    return &posix;
}

Status vfs_write(VfsFile *file, uint64_t offset, const void *bytes, size_t len, Error *err)
{
    struct iovec vec = {(void *)(uintptr_t)bytes, len};
    return vfs_writev(file, offset, &vec, 1, err);
}

Status vfs_sync_parent(Vfs *vfs, const char *path, Error *err)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash)
        return vfs_sync_dir(vfs, ".", err);
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    if (len >= sizeof parent)
        return error_set_errno(err, ENAMETOOLONG, "sync the parent of %s", path);
    memcpy(parent, path, len);
    parent[len] = 0;
    return vfs_sync_dir(vfs, parent, err);
}

static Status mkdir_durable(Vfs *vfs, const char *path, Error *err)
{
    Error local;
    Status status = vfs_mkdir(vfs, path, &local);

    if (status == STATUS_OK)
        return vfs_sync_parent(vfs, path, err);
    if (status == STATUS_EXISTS)
        return STATUS_OK;
    if (err)
        *err = local;
    return status;
}

Status vfs_mkdir_all(Vfs *vfs, const char *path, Error *err)
{
    char prefix[PATH_MAX];
    size_t len = strlen(path);

    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len == 0 || len >= sizeof prefix)
        return error_set_errno(err, len ? ENAMETOOLONG : ENOENT, "make directory %s", path);
    for (size_t i = 1; i <= len; i++) {
        if (i < len && path[i] != '/')
            continue;
        memcpy(prefix, path, i);
        prefix[i] = 0;
        TRY(mkdir_durable(vfs, prefix, err));
    }
    return STATUS_OK;
}

Status vfs_read_file(Vfs *vfs, const char *path, size_t size_max, Arena *arena, Str *ret_bytes,
                     Error *err)
{
    CLEANUP(vfs_closep) VfsFile *file = NULL;
    uint64_t size;
    size_t len;

    TRY(vfs_open(vfs, path, VFS_READ, &file, err));
    TRY(vfs_size(file, &size, err));
    if (size > size_max)
        return error_set(err, STATUS_LIMIT, "%s has %llu bytes, at most %zu are read", path,
                         (unsigned long long)size, size_max);
    char *bytes;
    TRY(arena_try_alloc(arena, (size_t)size + 1, &bytes, err));
    TRY(vfs_read(file, 0, bytes, (size_t)size, &len, err));
    bytes[len] = 0;
    *ret_bytes = (Str){bytes, len};
    return STATUS_OK;
}

static Status write_whole(Vfs *vfs, const char *path, Str bytes, Error *err)
{
    CLEANUP(vfs_closep) VfsFile *file = NULL;

    TRY(vfs_open(vfs, path, VFS_WRITE | VFS_CREATE | VFS_TRUNCATE, &file, err));
    TRY(vfs_write(file, 0, bytes.ptr, bytes.len, err));
    return vfs_sync(file, err);
}

Status vfs_write_file(Vfs *vfs, const char *path, Str bytes, Error *err)
{
    char temp[PATH_MAX];

    if (snprintf(temp, sizeof temp, "%s.tmp", path) >= (int)sizeof temp)
        return error_set_errno(err, ENAMETOOLONG, "write %s", path);
    Status status = write_whole(vfs, temp, bytes, err);
    if (status == STATUS_OK)
        status = vfs_rename(vfs, temp, path, err);
    if (status != STATUS_OK) {
        (void)vfs_unlink(vfs, temp, NULL); /* the first failure is the one to report */
        return status;
    }
    return vfs_sync_parent(vfs, path, err);
}

bool vfs_error_is_full(const Error *err)
{
    return strcmp(err->sqlstate, "53100") == 0;
}

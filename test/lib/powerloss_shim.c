/* powerloss_shim.c - remembers, for a process under LD_PRELOAD, how to undo what was not synced.
 *
 * Before a change to a file below POWERLOSS_DIR the shim appends to POWERLOSS_LOG what it
 * overwrites; a sync appends that everything before it is safe. After `kill -9`
 * test/crash/powerloss.py undoes, last first, the changes that no sync covers: what a disk without
 * power would have left at the least. Syncs themselves only write that record, as the kernel lives
 * on. With POWERLOSS_LIE=1 they do nothing, as if the program had none; with POWERLOSS_FAIL_AFTER=n
 * the sync behind the n-th of the write-ahead log fails with EIO, and the later ones succeed.
 *
 * Record: op (1 byte), path length (2), content length (4), file id (8), sequence or offset (8),
 * old size (8), path, old content. Little-endian.
 *
 * W: written at offset; `content` was there, the file had old size.
 *
 * C: name created.
 *
 * D: name removed; content = name of a link to the file in POWERLOSS_LOG.d.
 *
 * R: renamed: path, content = new path; a replaced file was recorded by a D before it.
 *
 * S: file id synced: its changes recorded before `sequence` bytes of this log are safe.
 *
 * P: folder synced: the changes of names in it recorded before `sequence` are safe.
 *
 * Threads: one lock around each change and its record. Writes through mmap are not seen.
 */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    FDS = 65536,
    SYNC_US = 2000, /* a sync takes its time, so that kills fall into it */
};

static char root[PATH_MAX];
static size_t root_len;
static char log_path[PATH_MAX];
static int log_fd = -1;
static uint64_t log_bytes;  /* guarded by lock */
static uint64_t link_count; /* guarded by lock */
static bool lie;
static long syncs_left = -1; /* syncs of the log that succeed, -1 = all; guarded by lock */
static bool tracked[FDS];    /* open for writing below root; set by open, cleared by close */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void start(void)
{
    const char *dir = getenv("POWERLOSS_DIR");
    const char *log = getenv("POWERLOSS_LOG");

    if (!dir || !log || !realpath(dir, root))
        return;
    root_len = strlen(root);
    lie = getenv("POWERLOSS_LIE") != NULL;
    const char *fail_after = getenv("POWERLOSS_FAIL_AFTER");
    syncs_left = fail_after ? strtol(fail_after, NULL, 10) : -1;
    (void)snprintf(log_path, sizeof log_path, "%s", log);
    log_fd =
        (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    struct stat st;
    if (log_fd >= 0 && fstat(log_fd, &st) == 0)
        log_bytes = (uint64_t)st.st_size;
}

/* Absolute, without symbolic links in the folder; false when it is not below root. */
static bool resolve(const char *path, char out[PATH_MAX])
{
    char dir[PATH_MAX];
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;

    if (log_fd < 0)
        return false;
    (void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) + 1 : 1,
                   slash ? path : ".");
    int saved = errno;
    bool good = realpath(dir, real) != NULL;
    errno = saved;
    if (!good || snprintf(out, PATH_MAX, "%s/%s", real, name) >= PATH_MAX)
        return false;
    return strncmp(out, root, root_len) == 0 && out[root_len] == '/';
}

/* Under the lock. */
static void record(char op, uint64_t id, uint64_t offset, uint64_t old_size, const char *path,
                   const void *content, size_t len)
{
    uint16_t path_len = (uint16_t)(path ? strlen(path) : 0);
    uint32_t content_len = (uint32_t)len;
    uint8_t head[31];

    head[0] = (uint8_t)op;
    memcpy(head + 1, &path_len, 2);
    memcpy(head + 3, &content_len, 4);
    memcpy(head + 7, &id, 8);
    memcpy(head + 15, &offset, 8);
    memcpy(head + 23, &old_size, 8);
    struct iovec vec[3] = {{head, sizeof head},
                           {(void *)(uintptr_t)path, path_len},
                           {(void *)(uintptr_t)content, len}};
    ssize_t want = (ssize_t)(sizeof head + path_len + len);
    if (syscall(SYS_writev, log_fd, vec, 3) != want)
        abort(); /* a rig that cannot remember proves nothing */
    log_bytes += (uint64_t)want;
}

static bool is_tracked(int fd)
{
    return fd >= 0 && fd < FDS && __atomic_load_n(&tracked[fd], __ATOMIC_RELAXED);
}

/* Under the lock: the bytes of [offset, offset + len) that are about to go. */
static void record_old_content(int fd, uint64_t offset, uint64_t len)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return;
    uint64_t size = (uint64_t)st.st_size;
    uint64_t end = offset + len < size ? offset + len : size;
    uint64_t old_len = offset < end ? end - offset : 0;
    char *old = old_len ? malloc(old_len) : NULL;
    if (old_len && (!old || syscall(SYS_pread64, fd, old, old_len, offset) != (long)old_len))
        abort();
    record('W', st.st_ino, offset, size, NULL, old, old_len);
    free(old);
}

/* --- open and close --- */

static int open_common(int dir_fd, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    bool writing = (flags & O_ACCMODE) != O_RDONLY;
    struct stat st;

    if (!writing || dir_fd != AT_FDCWD || !resolve(path, full))
        return (int)syscall(SYS_openat, dir_fd, path, flags, mode);
    pthread_mutex_lock(&lock);
    bool existed = stat(full, &st) == 0;
    int fd = (int)syscall(SYS_openat, dir_fd, path, flags & ~O_TRUNC, mode);
    int saved = errno;
    if (fd >= 0 && fd < FDS && fstat(fd, &st) == 0) {
        if (!existed)
            record('C', st.st_ino, 0, 0, full, NULL, 0);
        __atomic_store_n(&tracked[fd], true, __ATOMIC_RELAXED);
        if (flags & O_TRUNC) {
            record_old_content(fd, 0, UINT64_MAX / 2);
            (void)syscall(SYS_ftruncate, fd, 0);
        }
    }
    pthread_mutex_unlock(&lock);
    errno = saved;
    return fd;
}

#define EXPORT(name) __asm__(name) __attribute__((visibility("default")))
#define OPEN_BODY(dir_fd)                                                                          \
    mode_t mode = 0;                                                                               \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                           \
        va_list args;                                                                              \
        va_start(args, flags);                                                                     \
        mode = va_arg(args, mode_t);                                                               \
        va_end(args);                                                                              \
    }                                                                                              \
    return open_common(dir_fd, path, flags, mode)

int shim_open(const char *path, int flags, ...) EXPORT("open");
int shim_open(const char *path, int flags, ...)
{
    OPEN_BODY(AT_FDCWD);
}
int shim_open64(const char *path, int flags, ...) EXPORT("open64");
int shim_open64(const char *path, int flags, ...)
{
    OPEN_BODY(AT_FDCWD);
}
int shim_openat(int dir_fd, const char *path, int flags, ...) EXPORT("openat");
int shim_openat(int dir_fd, const char *path, int flags, ...)
{
    OPEN_BODY(dir_fd);
}
int shim_openat64(int dir_fd, const char *path, int flags, ...) EXPORT("openat64");
int shim_openat64(int dir_fd, const char *path, int flags, ...)
{
    OPEN_BODY(dir_fd);
}

int shim_close(int fd) EXPORT("close");
int shim_close(int fd)
{
    if (fd >= 0 && fd < FDS)
        __atomic_store_n(&tracked[fd], false, __ATOMIC_RELAXED);
    return (int)syscall(SYS_close, fd);
}

/* --- content --- */

static ssize_t write_at(int fd, const struct iovec *vec, int count, int64_t offset, bool positioned)
{
    uint64_t len = 0;

    for (int i = 0; i < count; i++)
        len += vec[i].iov_len;
    bool ours = is_tracked(fd);
    if (ours) {
        pthread_mutex_lock(&lock);
        int64_t at = offset;
        if (!positioned) {
            struct stat st;
            bool append = (fcntl(fd, F_GETFL) & O_APPEND) && fstat(fd, &st) == 0;
            at = append ? st.st_size : lseek(fd, 0, SEEK_CUR);
        }
        if (at >= 0)
            record_old_content(fd, (uint64_t)at, len);
    }
    ssize_t rc = positioned ? syscall(SYS_pwritev, fd, vec, count, offset, 0)
                            : syscall(SYS_writev, fd, vec, count);
    int saved = errno;
    if (ours)
        pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}

ssize_t shim_write(int fd, const void *bytes, size_t len) EXPORT("write");
ssize_t shim_write(int fd, const void *bytes, size_t len)
{
    struct iovec vec = {(void *)(uintptr_t)bytes, len};
    return is_tracked(fd) ? write_at(fd, &vec, 1, 0, false) : syscall(SYS_write, fd, bytes, len);
}
ssize_t shim_writev(int fd, const struct iovec *vec, int count) EXPORT("writev");
ssize_t shim_writev(int fd, const struct iovec *vec, int count)
{
    return write_at(fd, vec, count, 0, false);
}
ssize_t shim_pwrite(int fd, const void *bytes, size_t len, int64_t offset) EXPORT("pwrite");
ssize_t shim_pwrite(int fd, const void *bytes, size_t len, int64_t offset)
{
    struct iovec vec = {(void *)(uintptr_t)bytes, len};
    return write_at(fd, &vec, 1, offset, true);
}
ssize_t shim_pwrite64(int fd, const void *bytes, size_t len, int64_t offset) EXPORT("pwrite64");
ssize_t shim_pwrite64(int fd, const void *bytes, size_t len, int64_t offset)
{
    struct iovec vec = {(void *)(uintptr_t)bytes, len};
    return write_at(fd, &vec, 1, offset, true);
}
ssize_t shim_pwritev(int fd, const struct iovec *vec, int count, int64_t offset) EXPORT("pwritev");
ssize_t shim_pwritev(int fd, const struct iovec *vec, int count, int64_t offset)
{
    return write_at(fd, vec, count, offset, true);
}
ssize_t shim_pwritev64(int fd, const struct iovec *vec, int count, int64_t offset)
    EXPORT("pwritev64");
ssize_t shim_pwritev64(int fd, const struct iovec *vec, int count, int64_t offset)
{
    return write_at(fd, vec, count, offset, true);
}

static int truncate_common(int fd, int64_t size)
{
    bool ours = is_tracked(fd);

    if (ours) {
        pthread_mutex_lock(&lock);
        record_old_content(fd, (uint64_t)size, UINT64_MAX / 2);
    }
    int rc = (int)syscall(SYS_ftruncate, fd, size);
    int saved = errno;
    if (ours)
        pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}
int shim_ftruncate(int fd, int64_t size) EXPORT("ftruncate");
int shim_ftruncate(int fd, int64_t size)
{
    return truncate_common(fd, size);
}
int shim_ftruncate64(int fd, int64_t size) EXPORT("ftruncate64");
int shim_ftruncate64(int fd, int64_t size)
{
    return truncate_common(fd, size);
}

/* --- names --- */

/* Under the lock: keeps a link to a file whose name goes. */
static void record_removal(const char *full)
{
    char link_dir[PATH_MAX + 8];
    char link_path[PATH_MAX + 40];
    char name[32];
    struct stat st;

    if (stat(full, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    (void)snprintf(link_dir, sizeof link_dir, "%s.d", log_path);
    (void)mkdir(link_dir, 0700);
    (void)snprintf(name, sizeof name, "%d-%llu", (int)getpid(), (unsigned long long)link_count++);
    (void)snprintf(link_path, sizeof link_path, "%s/%s", link_dir, name);
    if (link(full, link_path) != 0)
        abort();
    record('D', st.st_ino, 0, 0, full, name, strlen(name));
}

int shim_unlink(const char *path) EXPORT("unlink");
int shim_unlink(const char *path)
{
    char full[PATH_MAX];

    if (!resolve(path, full))
        return (int)syscall(SYS_unlink, path);
    pthread_mutex_lock(&lock);
    record_removal(full);
    int rc = (int)syscall(SYS_unlink, path);
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}

int shim_rename(const char *from, const char *to) EXPORT("rename");
int shim_rename(const char *from, const char *to)
{
    char full_from[PATH_MAX];
    char full_to[PATH_MAX];

    if (!resolve(from, full_from) || !resolve(to, full_to))
        return (int)syscall(SYS_rename, from, to);
    pthread_mutex_lock(&lock);
    record_removal(full_to);
    record('R', 0, 0, 0, full_from, full_to, strlen(full_to));
    int rc = (int)syscall(SYS_rename, from, to);
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
    return rc;
}

/* --- syncs --- */

static int sync_common(int fd)
{
    struct stat st;
    char link_path[64];
    char path[PATH_MAX];

    if (log_fd < 0 || fstat(fd, &st) != 0)
        return 0;
    if (lie)
        return 0;
    (void)snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link_path, path, sizeof path - 1);
    if (len <= 0)
        return 0;
    path[len] = 0;
    if (strncmp(path, root, root_len) != 0)
        return 0;
    pthread_mutex_lock(&lock);
    uint64_t covered = log_bytes; /* what is written while the disk works may be lost */
    pthread_mutex_unlock(&lock);
    (void)usleep(SYNC_US);
    pthread_mutex_lock(&lock);
    if (syncs_left >= 0 && strstr(path, "/wal/") && syncs_left-- == 0) {
        pthread_mutex_unlock(&lock);
        errno = EIO; /* once: a retry would be told that all is well */
        return -1;
    }
    record(S_ISDIR(st.st_mode) ? 'P' : 'S', st.st_ino, covered, 0, path, NULL, 0);
    pthread_mutex_unlock(&lock);
    return 0;
}
int shim_fsync(int fd) EXPORT("fsync");
int shim_fsync(int fd)
{
    return sync_common(fd);
}
int shim_fdatasync(int fd) EXPORT("fdatasync");
int shim_fdatasync(int fd)
{
    return sync_common(fd);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/vfs.h"

static char root[64];

static int make_root(void **)
{
    (void)snprintf(root, sizeof root, "/tmp/vfs-test-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static const char *below(const char *name)
{
    static char path[4][256];
    static int next;
    char *out = path[next++ % 4];
    (void)snprintf(out, sizeof path[0], "%s/%s", root, name);
    return out;
}

static void test_vectors_beyond_the_kernels_limit_are_written_in_full(void **)
{
    enum { COUNT = 3000 };
    struct iovec vecs[COUNT];
    VfsFile *file;
    char bytes[2 * COUNT];
    size_t len;
    uint64_t size;

    for (int i = 0; i < COUNT; i++)
        vecs[i] = (struct iovec){(void *)(uintptr_t)("0123456789" + i % 10), (size_t)i % 3};
    assert_int_equal(
        vfs_open(vfs_posix(), below("many"), VFS_READ | VFS_WRITE | VFS_CREATE, &file, NULL),
        STATUS_OK);
    assert_int_equal(vfs_writev(file, 5, vecs, COUNT, NULL), STATUS_OK);
    assert_int_equal(vfs_size(file, &size, NULL), STATUS_OK);
    assert_int_equal(size, 5 + COUNT);
    assert_int_equal(vfs_read(file, 5, bytes, sizeof bytes, &len, NULL), STATUS_OK);
    assert_int_equal(len, COUNT);
    size_t at = 0;
    for (int i = 0; i < COUNT; at += vecs[i].iov_len, i++)
        assert_memory_equal(bytes + at, vecs[i].iov_base, vecs[i].iov_len);
    assert_int_equal(vfs_sync(file, NULL), STATUS_OK);
    vfs_close(file);
}

static void test_write_that_does_not_fit_fails_after_its_first_part(void **)
{
    struct rlimit old;
    VfsFile *file;
    Error err = {0};
    char bytes[10000] = {0};
    uint64_t size;

    assert_int_equal(vfs_open(vfs_posix(), below("short"), VFS_WRITE | VFS_CREATE, &file, NULL),
                     STATUS_OK);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    assert_ptr_not_equal(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    struct rlimit small = {4096, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    /* The kernel writes 4096 bytes and then says why it writes no more. */
    assert_int_equal(vfs_write(file, 0, bytes, sizeof bytes, &err), STATUS_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_non_null(strstr(err.message, "short"));
    assert_false(vfs_error_is_full(&err));
    assert_int_equal(vfs_size(file, &size, NULL), STATUS_OK);
    assert_int_equal(size, 4096);
    vfs_close(file);
}

static void test_full_device_is_told_apart(void **)
{
    VfsFile *file;
    Error err = {0};
    assert_int_equal(vfs_open(vfs_posix(), "/dev/full", VFS_WRITE, &file, NULL), STATUS_OK);
    assert_int_equal(vfs_write(file, 0, "x", 1, &err), STATUS_IO);
    assert_true(vfs_error_is_full(&err));
    vfs_close(file);
}

static void test_open_says_what_is_missing_or_there(void **)
{
    VfsFile *file;
    Error err;
    assert_int_equal(vfs_open(vfs_posix(), below("nothing"), VFS_READ, &file, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(
        vfs_open(vfs_posix(), below("once"), VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &file, &err),
        STATUS_OK);
    vfs_close(file);
    assert_int_equal(
        vfs_open(vfs_posix(), below("once"), VFS_WRITE | VFS_CREATE | VFS_EXCLUSIVE, &file, &err),
        STATUS_EXISTS);
}

static void test_preallocation_keeps_the_size(void **)
{
    VfsFile *file;
    uint64_t size;
    assert_int_equal(vfs_open(vfs_posix(), below("ahead"), VFS_WRITE | VFS_CREATE, &file, NULL),
                     STATUS_OK);
    Status status = vfs_allocate(file, 0, 1 << 20, NULL);
    assert_true(status == STATUS_OK || status == STATUS_UNSUPPORTED);
    assert_int_equal(vfs_size(file, &size, NULL), STATUS_OK);
    assert_int_equal(size, 0);
    vfs_close(file);
}

static void test_lock_is_for_one(void **)
{
    VfsFile *first;
    VfsFile *second;
    Error err;
    assert_int_equal(vfs_open(vfs_posix(), below("lock"), VFS_WRITE | VFS_CREATE, &first, NULL),
                     STATUS_OK);
    assert_int_equal(vfs_open(vfs_posix(), below("lock"), VFS_WRITE, &second, NULL), STATUS_OK);
    assert_int_equal(vfs_lock(first, NULL), STATUS_OK);
    assert_int_equal(vfs_lock(second, &err), STATUS_CONFLICT);
    vfs_close(first);
    assert_int_equal(vfs_lock(second, NULL), STATUS_OK);
    vfs_close(second);
}

static void test_mkdir_all_makes_parents_and_takes_what_is_there(void **)
{
    struct stat st;
    assert_int_equal(vfs_mkdir_all(vfs_posix(), below("a/b//c/"), NULL), STATUS_OK);
    assert_int_equal(vfs_mkdir_all(vfs_posix(), below("a/b/c"), NULL), STATUS_OK);
    assert_int_equal(stat(below("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(vfs_mkdir_all(vfs_posix(), "", NULL), STATUS_NOT_FOUND);
}

static void test_list_is_sorted_and_knows_folders(void **)
{
    Arena arena = {0};
    VfsEntry *entries;
    size_t count;
    assert_int_equal(vfs_mkdir_all(vfs_posix(), below("list/b"), NULL), STATUS_OK);
    assert_int_equal(vfs_write_file(vfs_posix(), below("list/c"), STR("x"), NULL), STATUS_OK);
    assert_int_equal(vfs_write_file(vfs_posix(), below("list/a"), STR("x"), NULL), STATUS_OK);
    assert_int_equal(vfs_list(vfs_posix(), below("list"), &arena, &entries, &count, NULL),
                     STATUS_OK);
    assert_int_equal(count, 3); /* and no temporary file */
    assert_string_equal(entries[0].name, "a");
    assert_string_equal(entries[1].name, "b");
    assert_true(entries[1].is_dir && !entries[0].is_dir);
    arena_done(&arena);
}

static void test_whole_files_are_replaced_and_read_back(void **)
{
    Arena arena = {0};
    Str bytes;
    assert_int_equal(vfs_write_file(vfs_posix(), below("whole"), STR("first"), NULL), STATUS_OK);
    assert_int_equal(vfs_write_file(vfs_posix(), below("whole"), STR("second"), NULL), STATUS_OK);
    assert_int_equal(vfs_read_file(vfs_posix(), below("whole"), 100, &arena, &bytes, NULL),
                     STATUS_OK);
    assert_true(str_eq(bytes, STR("second")));
    assert_int_equal(vfs_read_file(vfs_posix(), below("whole"), 5, &arena, &bytes, NULL),
                     STATUS_LIMIT);
    assert_int_equal(vfs_write_file(vfs_posix(), below("no/such/folder"), STR("x"), NULL),
                     STATUS_NOT_FOUND);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_beyond_the_kernels_limit_are_written_in_full),
        cmocka_unit_test(test_write_that_does_not_fit_fails_after_its_first_part),
        cmocka_unit_test(test_full_device_is_told_apart),
        cmocka_unit_test(test_open_says_what_is_missing_or_there),
        cmocka_unit_test(test_preallocation_keeps_the_size),
        cmocka_unit_test(test_lock_is_for_one),
        cmocka_unit_test(test_mkdir_all_makes_parents_and_takes_what_is_there),
        cmocka_unit_test(test_list_is_sorted_and_knows_folders),
        cmocka_unit_test(test_whole_files_are_replaced_and_read_back),
    };
    return cmocka_run_group_tests(tests, make_root, remove_root);
}

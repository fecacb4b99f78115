/* wal_fixture.h - a log in a temporary folder with entries whose content follows from their number.
 *
 * Entry number n has a payload made from n; the fixture remembers which numbers were acknowledged
 * and which came back at replay, so a test can compare the two.
 */
#ifndef LUMA_TEST_WAL_FIXTURE_H
#define LUMA_TEST_WAL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/thread.h"
#include "storage/wal/wal.h"

typedef struct WalFixture {
    char root[64]; /* temporary folder; the log is root/wal, lost files root/lost */
    char dir[80];
    char lost[80];
    WalOptions options;
    Wal *wal;
    WalReport report;
    Mutex lock;
    uint32_t next_number;
    uint32_t *acked; /* guarded by lock: numbers in the order of acknowledgement */
    size_t acked_count;
    size_t acked_cap;
    size_t failed_count; /* guarded by lock */
    Error failure;       /* guarded by lock: the last one */
    uint32_t *replayed;
    Lsn *replayed_lsns;
    size_t replayed_count;
    size_t replayed_cap;
    size_t replayed_lsns_cap;
    uint32_t corrupt_number; /* replay says STATUS_CORRUPT to this one; 0 = none */
} WalFixture;

typedef struct WalFixtureAppend {
    WalAppend base;
    WalFixture *fixture;
    uint32_t number;
    uint32_t words[];
} WalFixtureAppend;

/* In a folder that exists and stays when the fixture goes (wal_fixture_forget). */
static inline void wal_fixture_init_at(WalFixture *f, const char *root)
{
    *f = (WalFixture){0};
    mutex_init(&f->lock);
    (void)snprintf(f->root, sizeof f->root, "%.63s", root);
    (void)snprintf(f->dir, sizeof f->dir, "%s/wal", f->root);
    (void)snprintf(f->lost, sizeof f->lost, "%s/lost", f->root);
    f->options = (WalOptions){.dir = f->dir, .lost_dir = f->lost};
}

/* On a memory file system where there is one: most tests are about order, not about the disk. */
static inline void wal_fixture_init(WalFixture *f, Vfs *vfs)
{
    const char *tmp = getenv("TMPDIR");
    char root[sizeof f->root];

    if (!tmp)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(root, sizeof root, "%.40s/wal-test-XXXXXX", tmp);
    assert_non_null(mkdtemp(root));
    wal_fixture_init_at(f, root);
    f->options.vfs = vfs;
}

/* Content: the number, then words that follow from it. */
static inline void wal_fixture_fill(uint32_t *words, uint32_t number, size_t count)
{
    words[0] = number;
    for (size_t i = 1; i < count; i++)
        words[i] = number * 2654435761u + (uint32_t)i;
}

static inline Status wal_fixture_on_entry(void *ctx, const WalEntry *entry, Error *err)
{
    WalFixture *f = ctx;
    uint32_t number;

    assert_true(entry->payload.len >= 4 && entry->payload.len % 4 == 0);
    memcpy(&number, entry->payload.ptr, 4);
    if (number && number == f->corrupt_number)
        return error_set(err, STATUS_CORRUPT, "entry %u is not what it should be", number);
    uint32_t *words = mem_alloc(entry->payload.len);
    wal_fixture_fill(words, number, entry->payload.len / 4);
    assert_memory_equal(words, entry->payload.ptr, entry->payload.len);
    mem_free(words);
    if (f->replayed_count)
        assert_true(entry->lsn > f->replayed_lsns[f->replayed_count - 1]);
    MEM_GROW(f->replayed, f->replayed_cap, f->replayed_count + 1);
    MEM_GROW(f->replayed_lsns, f->replayed_lsns_cap, f->replayed_count + 1);
    f->replayed_lsns[f->replayed_count] = entry->lsn;
    f->replayed[f->replayed_count++] = number;
    return STATUS_OK;
}

static inline Status wal_fixture_try_open(WalFixture *f, Error *err)
{
    static const WalReplayOps ops = {.on_entry = wal_fixture_on_entry};

    wal_report_done(&f->report);
    f->replayed_count = 0;
    return wal_open(&f->options, &ops, f, &f->report, &f->wal, err);
}

static inline void wal_fixture_open(WalFixture *f)
{
    Error err = {0};
    if (wal_fixture_try_open(f, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static inline void wal_fixture_on_durable(WalAppend *append, Status status, const Error *err)
{
    WalFixtureAppend *a = (WalFixtureAppend *)(void *)append;
    WalFixture *f = a->fixture;

    mutex_lock(&f->lock);
    if (status == STATUS_OK) {
        MEM_GROW(f->acked, f->acked_cap, f->acked_count + 1);
        f->acked[f->acked_count++] = a->number;
    } else {
        f->failed_count++;
        f->failure = *err;
    }
    mutex_unlock(&f->lock);
    mem_free(a);
}

/* Appends the next number with a payload of 4 * (1 + extra_words) bytes. */
static inline Status wal_fixture_try_append(WalFixture *f, size_t extra_words, Error *err)
{
    size_t words = 1 + extra_words;
    WalFixtureAppend *a = mem_zalloc(sizeof *a + 4 * words);

    a->fixture = f;
    mutex_lock(&f->lock);
    a->number = f->next_number++;
    mutex_unlock(&f->lock);
    wal_fixture_fill(a->words, a->number, words);
    a->base.type = WAL_ENTRY_CATALOG;
    a->base.payload = (Str){(const char *)a->words, 4 * words};
    a->base.on_durable = wal_fixture_on_durable;
    Status status = wal_append(f->wal, &a->base, err);
    if (status != STATUS_OK)
        mem_free(a);
    return status;
}

static inline void wal_fixture_append(WalFixture *f, size_t extra_words)
{
    Error err = {0};
    if (wal_fixture_try_append(f, extra_words, &err) != STATUS_OK)
        fail_msg("%s", err.message);
}

static inline void wal_fixture_close(WalFixture *f)
{
    f->wal = wal_close(f->wal);
}

/* Every acknowledged number came back once; nothing came back that was never sent. */
static inline size_t wal_fixture_lost_count(const WalFixture *f)
{
    uint8_t *seen = mem_zalloc(f->next_number + 1);
    size_t lost = 0;

    for (size_t i = 0; i < f->replayed_count; i++) {
        assert_true(f->replayed[i] < f->next_number);
        assert_false(seen[f->replayed[i]]);
        seen[f->replayed[i]] = 1;
    }
    for (size_t i = 0; i < f->acked_count; i++)
        lost += !seen[f->acked[i]];
    mem_free(seen);
    return lost;
}

static inline void wal_fixture_assert_replayed_acked(const WalFixture *f)
{
    assert_int_equal(wal_fixture_lost_count(f), 0);
}

/* Removes what is in a folder. */
static inline void wal_fixture_empty_dir(const char *path)
{
    Arena arena = {0};
    VfsEntry *entries;
    size_t count;

    assert_int_equal(vfs_list(vfs_posix(), path, &arena, &entries, &count, NULL), STATUS_OK);
    for (size_t i = 0; i < count; i++) {
        const char *child = arena_printf(&arena, "%s/%s", path, entries[i].name).ptr;
        if (entries[i].is_dir)
            wal_fixture_empty_dir(child);
        assert_int_equal(entries[i].is_dir ? rmdir(child) : unlink(child), 0);
    }
    arena_done(&arena);
}

/* The folder and what is in it; absent is fine. */
static inline void wal_fixture_remove_dir(const char *dir)
{
    if (access(dir, F_OK) != 0)
        return;
    wal_fixture_empty_dir(dir);
    assert_int_equal(rmdir(dir), 0);
}

/* Frees all and leaves the files. */
static inline void wal_fixture_forget(WalFixture *f)
{
    wal_fixture_close(f);
    wal_report_done(&f->report);
    mem_free(f->acked);
    mem_free(f->replayed);
    mem_free(f->replayed_lsns);
    mutex_done(&f->lock);
}

static inline void wal_fixture_done(WalFixture *f)
{
    wal_fixture_forget(f);
    wal_fixture_remove_dir(f->root);
}

#endif

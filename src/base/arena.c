#include "base/arena.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES_FIRST = 4096, BLOCK_BYTES_MAX = 1 << 20 };

struct ArenaBlock {
    ArenaBlock *next;
    size_t size; /* with this header */
    char pad[48];
    char data[]; /* 64-byte aligned */
};

struct ArenaCleanup {
    ArenaCleanup *next;
    void (*fn)(void *ctx);
    void *ctx;
};

_Static_assert(sizeof(ArenaBlock) == 64, "block data starts on a cache line");

void arena_init(Arena *arena, MemBudget *budget)
{
    *arena = (Arena){.budget = budget, .block_bytes = BLOCK_BYTES_FIRST};
}

static void run_cleanups(Arena *arena)
{
    while (arena->cleanups) {
        ArenaCleanup *cleanup = arena->cleanups;
        arena->cleanups = cleanup->next;
        cleanup->fn(cleanup->ctx);
    }
}

static void free_blocks(Arena *arena, ArenaBlock *keep)
{
    ArenaBlock *block = arena->blocks;
    int64_t kept = keep ? (int64_t)keep->size : 0;

    while (block) {
        ArenaBlock *next = block->next;
        if (block != keep)
            mem_free(block);
        block = next;
    }
    if (arena->budget)
        mem_budget_release(arena->budget, arena->charged_bytes - kept);
    arena->charged_bytes = kept;
    arena->blocks = keep;
    if (keep)
        keep->next = NULL;
}

void arena_done(Arena *arena)
{
    run_cleanups(arena);
    free_blocks(arena, NULL);
    *arena = (Arena){0};
}

void arena_reset(Arena *arena)
{
    run_cleanups(arena);
    if (!arena->blocks)
        return;
    free_blocks(arena, arena->blocks);
    arena->cursor = arena->blocks->data;
    arena->limit = (char *)arena->blocks + arena->blocks->size;
}

/* Takes a new block that holds `size` bytes at 64-byte alignment; `force`: whatever the budget. */
static Status add_block(Arena *arena, size_t size, bool force, Error *err)
{
    if (!arena->block_bytes)
        arena->block_bytes = BLOCK_BYTES_FIRST;
    size_t total = sizeof(ArenaBlock) + LUMA_ALIGN_UP(size, 64);
    if (total < size)
        return error_set(err, STATUS_LIMIT, "allocation of %zu bytes is too large", size);
    if (total < arena->block_bytes)
        total = arena->block_bytes;
    if (arena->budget && force)
        mem_budget_force(arena->budget, (int64_t)total);
    else if (arena->budget)
        TRY(mem_budget_charge(arena->budget, (int64_t)total, err));
    ArenaBlock *block = mem_alloc_aligned(total);
    block->size = total;
    block->next = arena->blocks;
    arena->blocks = block;
    arena->charged_bytes += (int64_t)total;
    arena->cursor = block->data;
    arena->limit = (char *)block + total;
    if (arena->block_bytes < BLOCK_BYTES_MAX)
        arena->block_bytes *= 2;
    return STATUS_OK;
}

static Status alloc(Arena *arena, size_t size, size_t align, bool force, void **ret_ptr, Error *err)
{
    char *at = (char *)LUMA_ALIGN_UP((uintptr_t)arena->cursor, align);

    if (!arena->cursor || at > arena->limit || size > (size_t)(arena->limit - at)) {
        TRY(add_block(arena, size, force, err));
        at = arena->cursor;
    }
    arena->cursor = at + size;
    *ret_ptr = at;
    return STATUS_OK;
}

void *arena_alloc(Arena *arena, size_t size)
{
    void *ptr;
    ASSERT(alloc(arena, size, 16, true, &ptr, NULL) == STATUS_OK);
    return ptr;
}

void *arena_zalloc(Arena *arena, size_t size)
{
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_alloc_aligned(Arena *arena, size_t size)
{
    void *ptr;
    return alloc(arena, size, 64, false, &ptr, NULL) == STATUS_OK ? ptr : NULL;
}

Status arena_try_alloc(Arena *arena, size_t size, void *ret_ptr, Error *err)
{
    return alloc(arena, size, 16, false, ret_ptr, err);
}

void *arena_dup(Arena *arena, const void *src, size_t size)
{
    void *dst = arena_alloc(arena, size);
    if (size)
        memcpy(dst, src, size);
    return dst;
}

char *arena_strdup(Arena *arena, const char *text)
{
    return arena_dup(arena, text, strlen(text) + 1);
}

Str arena_str(Arena *arena, Str text)
{
    char *copy = arena_alloc(arena, text.len + 1);
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    return (Str){copy, text.len};
}

Str arena_printf(Arena *arena, const char *format, ...)
{
    va_list args;
    va_list again;

    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text ? (Str){text, (size_t)len} : (Str){0};
}

void arena_on_cleanup(Arena *arena, void (*fn)(void *ctx), void *ctx)
{
    /* Not charged to the budget: registering a cleanup must not fail, or the thing would leak. */
    MemBudget *budget = STEAL(arena->budget);
    int64_t before = arena->charged_bytes;
    ArenaCleanup *cleanup = arena_alloc(arena, sizeof *cleanup);
    arena->budget = budget;
    if (budget && arena->charged_bytes != before)
        mem_budget_force(budget, arena->charged_bytes - before);
    *cleanup = (ArenaCleanup){arena->cleanups, fn, ctx};
    arena->cleanups = cleanup;
}

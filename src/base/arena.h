/* arena.h - free lifetimes, not pointers.
 *
 * A bump allocator over growing blocks. Everything in it dies at arena_reset or arena_done. Foreign
 * things (a ref to an immutable segment, a regex) are released by cleanup callbacks, which run in
 * reverse order. An arena may be charged to a MemBudget; then arena_try_alloc refuses what goes
 * over it, arena_alloc_aligned too. The others never fail: they are for small things, and count as
 * well.
 *
 * Threads: confined to one thread at a time.
 */
#ifndef LUMA_BASE_ARENA_H
#define LUMA_BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

typedef struct ArenaBlock ArenaBlock;
typedef struct ArenaCleanup ArenaCleanup;

typedef struct Arena {
    char *cursor;           /* next free byte of the current block */
    char *limit;            /* its end */
    ArenaBlock *blocks;     /* newest first */
    ArenaCleanup *cleanups; /* newest first */
    MemBudget *budget;      /* NULL = not counted */
    int64_t charged_bytes;  /* what the budget holds for us */
    size_t block_bytes;     /* size of the next block */
} Arena;

/* `budget` may be NULL. No memory is taken until the first allocation. */
void arena_init(Arena *arena, MemBudget *budget);
/* Runs cleanups and frees all. Safe on a zeroed arena. */
void arena_done(Arena *arena);
/* Runs cleanups and makes the arena empty; keeps one block for reuse. */
void arena_reset(Arena *arena);

/* 16-byte aligned, undefined bytes. Never NULL (the process ends if the machine is out of memory):
 * over budget it is charged by force, so that the next arena_try_alloc fails. */
void *arena_alloc(Arena *arena, size_t size);
void *arena_zalloc(Arena *arena, size_t size);
/* With 64-byte alignment, for column buffers; NULL when it does not fit the budget. */
void *arena_alloc_aligned(Arena *arena, size_t size);
/* STATUS_LIMIT with the budget's words when it does not fit. */
Status arena_try_alloc(Arena *arena, size_t size, void *ret_ptr, Error *err);

void *arena_dup(Arena *arena, const void *src, size_t size);
/* NUL-terminated copies. */
char *arena_strdup(Arena *arena, const char *text);
Str arena_str(Arena *arena, Str text);
Str arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls fn(ctx) when the arena is reset or done. */
void arena_on_cleanup(Arena *arena, void (*fn)(void *ctx), void *ctx);

#define ARENA_NEW(arena, type) ((type *)arena_zalloc((arena), sizeof(type)))
#define ARENA_NEW_ARRAY(arena, type, n) ((type *)arena_zalloc((arena), sizeof(type) * (size_t)(n)))

/* Appends to an arena-owned (ptr, count, cap) array; the old array stays until the arena dies. */
#define ARENA_PUSH(arena, ptr, count, cap, value)                                                  \
    do {                                                                                           \
        if ((count) == (cap)) {                                                                    \
            size_t push_cap_ = (cap) ? (size_t)(cap)*2 : 8;                                        \
            void *push_new_ = arena_alloc((arena), push_cap_ * sizeof *(ptr));                     \
            if (count)                                                                             \
                memcpy(push_new_, (ptr), (size_t)(count) * sizeof *(ptr));                         \
            (ptr) = push_new_;                                                                     \
            (cap) = (typeof(cap))push_cap_;                                                        \
        }                                                                                          \
        (ptr)[(count)++] = (value);                                                                \
    } while (0)

#endif

/* mem.h - allocation and budgets.
 *
 * Small allocations that keep the process itself alive go through mem_alloc, which aborts when the
 * machine has no memory left. Everything whose size a client decides is charged to a MemBudget
 * first and fails with STATUS_LIMIT.
 *
 * A MemBudget is a node in a tree (process -> query -> operator): a charge must fit into every node
 * up to the root. Threads: all functions are safe from any thread; counters are relaxed atomics, as
 * they order nothing else.
 */
#ifndef LUMA_BASE_MEM_H
#define LUMA_BASE_MEM_H

#include "base/status.h"

/* Never return NULL; mem_alloc leaves the bytes undefined, mem_zalloc zeroes them. size 0 is fine.
 */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
void *mem_dup(const void *src, size_t size);
char *mem_strdup(const char *text);
/* 64-byte aligned, for column buffers; free with mem_free. */
void *mem_alloc_aligned(size_t size) __attribute__((malloc, returns_nonnull));
void mem_free(void *ptr);
/* For CLEANUP on any pointer variable. */
void mem_freep(void *ptr_to_ptr);

#define MEM_NEW(type) ((type *)mem_zalloc(sizeof(type)))
#define MEM_NEW_ARRAY(type, n) ((type *)mem_zalloc(sizeof(type) * (size_t)(n)))
/* Grows a (ptr, cap) pair so that it holds at least `need` elements; doubles. */
#define MEM_GROW(ptr, cap, need)                                                                   \
    do {                                                                                           \
        if ((size_t)(need) > (size_t)(cap)) {                                                      \
            size_t grow_cap_ = (cap) ? (size_t)(cap)*2 : 8;                                        \
            while (grow_cap_ < (size_t)(need))                                                     \
                grow_cap_ *= 2;                                                                    \
            (ptr) = mem_realloc((ptr), grow_cap_ * sizeof *(ptr));                                 \
            (cap) = (typeof(cap))grow_cap_;                                                        \
        }                                                                                          \
    } while (0)

typedef struct MemBudget {
    struct MemBudget *parent; /* NULL at the root */
    const char *name;         /* static; stands in error texts: "query memory" */
    int64_t limit_bytes;      /* atomic; INT64_MAX = none */
    int64_t used_bytes;       /* atomic */
    int64_t peak_bytes;       /* atomic, high-water mark of used_bytes */
} MemBudget;

void mem_budget_init(MemBudget *budget, MemBudget *parent, const char *name, int64_t limit_bytes);
/* Charges bytes here and in every ancestor, or charges nothing and returns STATUS_LIMIT (53200)
 * with a text that names the budget, its limit and what was asked. */
Status mem_budget_charge(MemBudget *budget, int64_t bytes, Error *err);
/* Charges without asking; for memory that exists already and must be counted. */
void mem_budget_force(MemBudget *budget, int64_t bytes);
void mem_budget_release(MemBudget *budget, int64_t bytes);
int64_t mem_budget_used(const MemBudget *budget);

/* Bytes this process has resident now (/proc/self/statm), 0 when unknown. */
int64_t mem_resident_bytes(void);
/* The smaller of physical memory and the cgroup limit. */
int64_t mem_machine_bytes(void);

#endif

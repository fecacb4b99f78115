#include "base/mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *checked(void *ptr)
{
    if (LUMA_UNLIKELY(!ptr)) {
        static const char text[] = "lumadb: the machine is out of memory\n";
        (void)!write(STDERR_FILENO, text, sizeof text - 1);
        abort();
    }
    return ptr;
}

void *mem_alloc(size_t size)
{
    return checked(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return checked(calloc(1, size ? size : 1));
}

void *mem_realloc(void *ptr, size_t size)
{
    return checked(realloc(ptr, size ? size : 1));
}

void *mem_dup(const void *src, size_t size)
{
    void *dst = mem_alloc(size);
    if (size)
        memcpy(dst, src, size);
    return dst;
}

char *mem_strdup(const char *text)
{
    return mem_dup(text, strlen(text) + 1);
}

void *mem_alloc_aligned(size_t size)
{
    return checked(aligned_alloc(64, LUMA_ALIGN_UP(size ? size : 1, 64)));
}

void mem_free(void *ptr)
{
    free(ptr);
}

void mem_freep(void *ptr_to_ptr)
{
    void **slot = ptr_to_ptr;
    free(*slot);
    *slot = NULL;
}

void mem_budget_init(MemBudget *budget, MemBudget *parent, const char *name, int64_t limit_bytes)
{
    *budget = (MemBudget){.parent = parent, .name = name, .limit_bytes = limit_bytes};
}

static void raise_peak(MemBudget *budget, int64_t used)
{
    int64_t peak = __atomic_load_n(&budget->peak_bytes, __ATOMIC_RELAXED);
    while (used > peak && !__atomic_compare_exchange_n(&budget->peak_bytes, &peak, used, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

Status mem_budget_charge(MemBudget *budget, int64_t bytes, Error *err)
{
    for (MemBudget *b = budget; b; b = b->parent) {
        int64_t used = __atomic_add_fetch(&b->used_bytes, bytes, __ATOMIC_RELAXED);
        int64_t limit = __atomic_load_n(&b->limit_bytes, __ATOMIC_RELAXED);
        if (used <= limit) {
            raise_peak(b, used);
            continue;
        }
        for (MemBudget *undo = budget;; undo = undo->parent) {
            __atomic_sub_fetch(&undo->used_bytes, bytes, __ATOMIC_RELAXED);
            if (undo == b)
                break;
        }
        (void)error_set_sql(err, STATUS_LIMIT, "53200", 0,
                            "out of %s: %" PRId64 " bytes are in use, %" PRId64
                            " more were asked for, the limit is %" PRId64,
                            b->name, used - bytes, bytes, limit);
        return STATUS_LIMIT;
    }
    return STATUS_OK;
}

void mem_budget_force(MemBudget *budget, int64_t bytes)
{
    for (MemBudget *b = budget; b; b = b->parent)
        raise_peak(b, __atomic_add_fetch(&b->used_bytes, bytes, __ATOMIC_RELAXED));
}

void mem_budget_release(MemBudget *budget, int64_t bytes)
{
    for (MemBudget *b = budget; b; b = b->parent)
        __atomic_sub_fetch(&b->used_bytes, bytes, __ATOMIC_RELAXED);
}

int64_t mem_budget_used(const MemBudget *budget)
{
    return __atomic_load_n(&budget->used_bytes, __ATOMIC_RELAXED);
}

int64_t mem_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long total = 0;
    long long resident = 0;

    if (!file)
        return 0;
    int fields = fscanf(file, "%lld %lld", &total, &resident);
    (void)fclose(file);
    return fields == 2 ? resident * sysconf(_SC_PAGESIZE) : 0;
}

static int64_t read_limit(const char *path)
{
    FILE *file = fopen(path, "re");
    int64_t value = INT64_MAX;

    if (!file)
        return INT64_MAX;
    if (fscanf(file, "%" SCNd64, &value) != 1) /* "max" */
        value = INT64_MAX;
    (void)fclose(file);
    return value > 0 ? value : INT64_MAX;
}

int64_t mem_machine_bytes(void)
{
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    int64_t v2 = read_limit("/sys/fs/cgroup/memory.max");
    int64_t v1 = read_limit("/sys/fs/cgroup/memory/memory.limit_in_bytes");

    return LUMA_MIN(bytes, LUMA_MIN(v1, v2));
}

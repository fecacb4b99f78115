#include "base/allocator.h"

#include "base/status.h"

#if HAVE_JEMALLOC
#include <jemalloc/jemalloc.h>
#include <unistd.h>

/* Read by jemalloc when it starts. Free pages go back to the system after a second, not ten: under
 * a memory limit the queries that end make room for those that begin. */
extern const char *malloc_conf;
const char *malloc_conf = "background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0";

void allocator_thread_begin(void)
{
    static unsigned next; /* atomic: relaxed, only spreads */
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned turn = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED);
    unsigned arena = turn % (unsigned)LUMA_MAX(cores, 2L);

    /* A refusal leaves the thread where jemalloc puts it. */
    (void)mallctl("thread.arena", NULL, NULL, &arena, sizeof arena);
}
#else
void allocator_thread_begin(void)
{
}
#endif

/* allocator.h - how jemalloc is set up; without it nothing here does anything. */
#ifndef LUMA_BASE_ALLOCATOR_H
#define LUMA_BASE_ALLOCATOR_H

/* What a new thread does first: it shares an arena with others, one arena a core. Free memory then
 * is found again by whoever needs it; by itself jemalloc takes four arenas a core, and each would
 * hold free memory of its own. The calling thread. */
void allocator_thread_begin(void);

#endif

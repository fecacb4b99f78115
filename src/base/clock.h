/* clock.h - time. Wall time is for data, monotonic time for intervals and deadlines. */
#ifndef LUMA_BASE_CLOCK_H
#define LUMA_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_SEC INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)
#define NS_PER_US INT64_C(1000)

int64_t clock_wall_ns(void); /* since 1970-01-01 UTC */
int64_t clock_wall_ms(void);
int64_t clock_mono_ns(void);
/* CPU time of the calling thread. */
int64_t clock_thread_cpu_ns(void);

#endif

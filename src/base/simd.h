/* simd.h - function multiversioning for hot loops.
 *
 * SIMD_CLONES gives a function an AVX2 clone beside the baseline one; element-wise operations give
 * the same results in both. SIMD_AVX2 marks a function that its caller chooses by
 * __builtin_cpu_supports. Sanitizers cannot follow the resolvers of clones, and clang has no
 * optimize attribute: they get the plain function.
 */
#ifndef LUMA_BASE_SIMD_H
#define LUMA_BASE_SIMD_H

#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__) &&      \
    !defined(__clang__)
#define SIMD_CLONES __attribute__((target_clones("avx2", "default"), optimize("O3")))
#else
#define SIMD_CLONES
#endif

#if defined(__clang__)
#define SIMD_AVX2 __attribute__((target("avx2")))
#else
#define SIMD_AVX2 __attribute__((target("avx2"), optimize("O3")))
#endif

#endif

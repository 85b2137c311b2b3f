/*
 * base/compiler.h - the only file that knows compilers, processors and systems
 *
 * Include it first in every C file: it also turns off the contraction of a * b + c
 * into one rounding, which would give different bits on processors with FMA.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_COMPILER_H
#define MDL_BASE_COMPILER_H

#if defined(__linux__) && !defined(_GNU_SOURCE)
#  define _GNU_SOURCE 1          /* O_CLOEXEC, fsync, mkstemp under -std=c11 */
#endif

#include <stddef.h>
#include <stdint.h>

#if defined(__clang__)
#  pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#  pragma GCC optimize("fp-contract=off")
#endif

#if defined(__x86_64__) || defined(_M_X64)
#  define MDL_ARCH_X86 1
#else
#  define MDL_ARCH_X86 0
#endif
#if defined(__aarch64__)
#  define MDL_ARCH_ARM64 1
#else
#  define MDL_ARCH_ARM64 0
#endif

/* Kernels in plain C (kernel/kernel_c.c): where there are none of the processor's own. */
#ifndef MDL_KERNEL_C
#  define MDL_KERNEL_C (!MDL_ARCH_X86 && !MDL_ARCH_ARM64)
#endif

#if defined(_WIN32)
#  define MDL_OS_WINDOWS 1
#else
#  define MDL_OS_WINDOWS 0
#endif
#if defined(__linux__)
#  define MDL_OS_LINUX 1
#else
#  define MDL_OS_LINUX 0
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#  error "libmodel reads its little-endian files in place and needs a little-endian machine"
#endif

/* MDL_TARGET_BEGIN("avx2,fma") ... MDL_TARGET_END: code between may use those
 * instructions, whatever the flags of the compiler. */
#define MDL_PRAGMA(x) _Pragma(#x)
#if defined(__clang__)
#  define MDL_TARGET_BEGIN(isa) \
      MDL_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#  define MDL_TARGET_END MDL_PRAGMA(clang attribute pop)
#elif defined(__GNUC__)
#  define MDL_TARGET_BEGIN(isa) MDL_PRAGMA(GCC push_options) MDL_PRAGMA(GCC target(isa))
#  define MDL_TARGET_END MDL_PRAGMA(GCC pop_options)
#endif

/* The target of the instructions of SHA-256, where the compiler knows it. */
#if MDL_ARCH_X86
#  define MDL_TARGET_SHA256 "sha,sse4.1"
#elif MDL_ARCH_ARM64 && !defined(__clang__)
#  define MDL_TARGET_SHA256 "+crypto"
#elif MDL_ARCH_ARM64 && (defined(__ARM_FEATURE_SHA2) || __clang_major__ >= 16)
#  define MDL_TARGET_SHA256 "sha2"
#endif

/* (Not where kernels are in plain C: their loops over lanes are what is unrolled.) */
#if !MDL_KERNEL_C && (defined(__clang__) || (defined(__GNUC__) && __GNUC__ >= 8))
#  define MDL_UNROLL(n) MDL_PRAGMA(GCC unroll n)
#else
#  define MDL_UNROLL(n)
#endif

#if defined(__GNUC__)
#  define MDL_PRINTF(text, first) __attribute__((format(printf, text, first)))
#  define MDL_INLINE static inline __attribute__((always_inline))
#  define MDL_PREFETCH(p) __builtin_prefetch(p)
#  define MDL_KEEP(p) __asm__("" : "+r"(p))   /* a value of its own, nothing known of it */
#else
#  define MDL_PRINTF(text, first)
#  define MDL_INLINE static inline
#  define MDL_PREFETCH(p) ((void)(p))
#  define MDL_KEEP(p) ((void)0)
#endif

/* Four words of 32 bits at once, and words picked from two of them by number (0 .. 7). */
#if defined(__has_builtin)
#  if __has_builtin(__builtin_shufflevector)
typedef uint32_t mdl_four __attribute__((vector_size(16)));
#    define MDL_MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#  endif
#endif

/* One pointer that threads exchange, see run.c. */
#define mdl_atomic_exchange(place, value) __atomic_exchange_n(place, value, __ATOMIC_ACQ_REL)
#define mdl_atomic_load(place) __atomic_load_n(place, __ATOMIC_RELAXED)

/* Numbers that threads share, see pool.c and split.c. */
#define mdl_atomic_add(place, value) __atomic_fetch_add(place, value, __ATOMIC_ACQ_REL)
#define mdl_atomic_get(place) __atomic_load_n(place, __ATOMIC_ACQUIRE)
#define mdl_atomic_set(place, value) __atomic_store_n(place, value, __ATOMIC_RELEASE)
#define mdl_atomic_swap(place, was, value) \
    __atomic_compare_exchange_n(place, was, value, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/* Between two looks at such a number. */
#if defined(__GNUC__) && MDL_ARCH_X86
#  define MDL_PAUSE() __builtin_ia32_pause()
#elif defined(__GNUC__) && MDL_ARCH_ARM64
#  define MDL_PAUSE() __asm__ volatile("yield")
#else
#  define MDL_PAUSE() ((void)0)
#endif

/*
 * The floating-point mode that all arithmetic here assumes: round to nearest,
 * denormals kept, no traps.  A host may have set another one; every public call
 * that computes brackets its work with these two, which cost a few cycles when
 * the mode is right already.  Compilers may still move arithmetic on values in
 * registers across them: what lies between must read its operands from memory.
 */
#if defined(__GNUC__)
#  define MDL_FENCE() __asm__ volatile("" : : : "memory")   /* loads and stores stay on their side */
#else
#  define MDL_FENCE() ((void)0)
#endif
#if MDL_ARCH_X86
#include <xmmintrin.h>
#define MDL_FP_DEFAULT 0x1F80u
#define MDL_FP_STATUS  0x003Fu      /* sticky flags, not part of the mode */
MDL_INLINE uint64_t mdl_fp_enter(void)
{
    const unsigned mode = _mm_getcsr();

    if ((mode & ~MDL_FP_STATUS) != MDL_FP_DEFAULT)
        _mm_setcsr(MDL_FP_DEFAULT);
    MDL_FENCE();
    return mode;
}
MDL_INLINE void mdl_fp_leave(uint64_t mode)
{
    MDL_FENCE();
    if (((unsigned)mode & ~MDL_FP_STATUS) != MDL_FP_DEFAULT)
        _mm_setcsr((unsigned)mode);
}
#elif MDL_ARCH_ARM64
MDL_INLINE uint64_t mdl_fp_enter(void)
{
    uint64_t mode;

    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    if (mode)
        __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    MDL_FENCE();
    return mode;
}
MDL_INLINE void mdl_fp_leave(uint64_t mode)
{
    MDL_FENCE();
    if (mode)
        __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
MDL_INLINE uint64_t mdl_fp_enter(void) { return 0; }
MDL_INLINE void mdl_fp_leave(uint64_t mode) { (void)mode; }
#endif

#endif

/*
 * tests/test_kernel_gemm_avx512.c - test_kernel_gemm.c on the AVX-512 table, emulated; see
 * test_kernel_avx512.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"

extern const struct kernels emulated_avx512;

static const struct kernels *emulated_at(size_t i)
{
    return i == 0 ? &emulated_avx512 : i == 1 ? &mdl_kernels_ref : NULL;
}

#define TABLE_AT emulated_at
#include "test_kernel_gemm.c"

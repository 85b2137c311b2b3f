/*
 * tests/test_kernel_avx512.c - test_kernel.c on the AVX-512 table, emulated: on any processor
 *
 * What an instruction does is SIMDe's word here (emulated/avx512.c); where the processor has
 * AVX-512, test_kernel.c tries the table itself.
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
#include "test_kernel.c"

/*
 * kernel/kernel.c - which tables there are, and which fit this machine
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"

#include "base/cpu.h"

#include <string.h>

#if MDL_ARCH_X86
#if MDL_AVX512
extern const struct kernels mdl_kernels_avx512;
#endif
extern const struct kernels mdl_kernels_avx2;
#endif
#if MDL_ARCH_ARM64
extern const struct kernels mdl_kernels_neon;
#endif
#if MDL_KERNEL_C
extern const struct kernels mdl_kernels_c;
#endif

/* Best first, each with what it needs of the processor. */
static const struct {
    const struct kernels *table;
    unsigned needs;
} all[] = {
#if MDL_ARCH_X86
#if MDL_AVX512
    { &mdl_kernels_avx512, MDL_CPU_AVX512 },
#endif
    { &mdl_kernels_avx2, MDL_CPU_AVX2 },
#endif
#if MDL_ARCH_ARM64
    { &mdl_kernels_neon, 0 },
#endif
#if MDL_KERNEL_C
    { &mdl_kernels_c, 0 },
#endif
    { &mdl_kernels_ref, 0 },
};

/* The i-th table of those named `isa`, or of all for NULL, that a processor with `sets` runs. */
static const struct kernels *find(const char *isa, size_t i, unsigned sets)
{
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (!(all[k].needs & ~sets) && (!isa || !strcmp(all[k].table->isa, isa)) && i-- == 0)
            return all[k].table;
    return NULL;
}

const struct kernels *mdl_kernels_at(size_t i)
{
    return find(NULL, i, mdl_cpu_sets());
}

const struct kernels *mdl_kernels_named(const char *isa, unsigned sets)
{
    return find(isa, 0, sets);
}

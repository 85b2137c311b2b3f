/*
 * kernel/kernel.c - which tables there are, and which fit this machine
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"

#include "base/cpu.h"

#include <string.h>

#if MDL_ARCH_X86
extern const struct kernels mdl_kernels_avx2;
#endif
#if MDL_ARCH_ARM64
extern const struct kernels mdl_kernels_neon;
#endif

static int always(void) { return 1; }

/* Best first. */
static const struct {
    const struct kernels *table;
    int (*fits)(void);
} all[] = {
#if MDL_ARCH_X86
    { &mdl_kernels_avx2, mdl_cpu_has_avx2 },
#endif
#if MDL_ARCH_ARM64
    { &mdl_kernels_neon, always },
#endif
    { &mdl_kernels_ref, always },
};

const struct kernels *mdl_kernels_at(size_t i)
{
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (all[k].fits() && i-- == 0)
            return all[k].table;
    return NULL;
}

const struct kernels *mdl_kernels_named(const char *isa)
{
    const struct kernels *k;

    for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++)
        if (!isa || !strcmp(k->isa, isa))
            return k;
    return NULL;
}

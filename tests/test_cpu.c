/*
 * tests/test_cpu.c - what the processor has, as Linux tells it, and the tables chosen by it
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include "base/cpu.h"
#include "kernel/kernel.h"

/* Whether /proc/cpuinfo lists all of `flags`: those that the system has enabled. */
static int listed(const char *cpuinfo, const char *flags)
{
    char one[64];

    for (int n; sscanf(flags, " %30s%n", one + 1, &n) == 1; flags += n) {
        one[0] = ' ';
        const size_t length = strlen(one);
        const char *at = strstr(cpuinfo, one);
        while (at && at[length] != ' ' && at[length] != '\n')
            at = strstr(at + 1, one);
        if (!at)
            return 0;
    }
    return 1;
}

static void the_sets_are_those_that_the_system_lists(void **state)
{
    static char text[16384];                     /* the first processor's part is enough */
    FILE *f = fopen("/proc/cpuinfo", "r");

    (void)state;
    if (f) {
        text[fread(text, 1, sizeof text - 1, f)] = 0;
        fclose(f);
    }
    if (!MDL_ARCH_X86)
        assert_int_equal(mdl_cpu_sets(), 0);
    if (!MDL_ARCH_X86 || !listed(text, "sse2")) {
        print_message("skipped: nothing here tells what the processor has\n");
        return;
    }
    const int avx2 = listed(text, "avx2 fma popcnt");
    const int avx512 = avx2 && listed(text, "avx512f avx512bw avx512dq avx512vl avx512vbmi gfni");
    print_message("avx2: %s, avx512: %s\n", avx2 ? "yes" : "no", avx512 ? "yes" : "no");
    assert_int_equal(mdl_cpu_sets(), (avx2 ? MDL_CPU_AVX2 : 0) | (avx512 ? MDL_CPU_AVX512 : 0)
                                         | (listed(text, "sse4_2") ? MDL_CPU_CRC32C : 0));
    assert_int_equal(mdl_cpu_has_sha256(), listed(text, "sse4_1 sha_ni"));
}

static void every_table_is_tested_or_skipped_by_name(void **state)
{
    static const char *const known[] = { "avx512", "avx2", "neon", "c", "ref" };   /* best first */
    size_t here = 0;

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct kernels *k = mdl_kernels_named(known[i], mdl_cpu_sets());
        if (k)
            assert_ptr_equal(k, mdl_kernels_at(here++));
        print_message("%s: %s\n", known[i], k ? "tested" : "skipped, not for this processor");
    }
    assert_null(mdl_kernels_at(here));           /* none that is not in the list */
    assert_ptr_equal(mdl_kernels_named(NULL, mdl_cpu_sets()), mdl_kernels_at(0));
    assert_ptr_equal(mdl_kernels_at(here - 1), &mdl_kernels_ref);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sets_are_those_that_the_system_lists),
        cmocka_unit_test(every_table_is_tested_or_skipped_by_name),
    };

    return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}

/*
 * tests/fuzz/fuzz_tensors.c - any bytes as a model file with a graph of tensors: load and run
 *
 * As fuzz_load.c, each input is tried as it is and with its checksums made right.  What loads runs
 * on small inputs, with every kernel set the same.
 *
 * SPDX-License-Identifier: MIT
 */
#include "repair.h"
#include "run_tensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mdl_model *load(const unsigned char *file, size_t size, const char *isa)
{
    const mdl_limits limits = { .size = sizeof limits, .memory_bytes = 64u << 20,
                                .scratch_bytes = 256u << 10 };
    mdl_load_options o = MDL_LOAD_OPTIONS_INIT;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m = NULL;

    o.isa = isa;
    o.limits = &limits;
    const mdl_status s = mdl_load_memory(&m, file, size, &o, &err);
    require((s == MDL_OK) == (m != NULL) && (m || err.text[0]));
    return m;
}

static void try_file(const unsigned char *file, size_t size)
{
    mdl_model *ref = load(file, size, "ref");

    if (!ref)
        return;
    mdl_model *best = load(file, size, NULL);
    require(best != NULL);
    compare(ref, best);
    mdl_free(ref);
    mdl_free(best);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *file = calloc(1, size + 1);

    if (!file)
        return 0;
    if (size)
        memcpy(file, data, size);
    try_file(file, size);
    repair(file, size);
    try_file(file, size);
    free(file);
    return 0;
}

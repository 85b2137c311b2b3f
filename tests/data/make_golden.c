/*
 * tests/data/make_golden.c - wrote golden_v1_small.mdl, once; see tests/test_format.c
 *
 *     cc -Iinclude -Ilib -Itests tests/data/make_golden.c build/libmodel.a -lcmocka
 *
 * Golden files are never written again: a new format gets new ones beside them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

int main(int argc, char **argv)
{
    mdl_error err = MDL_ERROR_INIT;
    mdl_builder *b = small_model(NULL);
    const mdl_status s = mdl_build_save(b, argc > 1 ? argv[1] : "golden_v1_small.mdl", &err);

    if (s)
        puts(err.text);
    mdl_builder_free(b);
    return s != 0;
}

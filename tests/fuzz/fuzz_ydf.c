/*
 * tests/fuzz/fuzz_ydf.c - any bytes as a model of YDF
 *
 * Bytes that do not begin as a sequence of blobs are taken for what gzip holds, too.
 *
 * SPDX-License-Identifier: MIT
 */
#include "trees.h"

#include "base/arena.h"
#include "import/inflate.h"

static const double hard[] = {
    0, -0.0, 1, -1, 0.5, -0.5, 2, 31, 32, 33, 0x1p-149, 3e38, -3e38, 16777216, 2147483648.0,
    (double)NAN, (double)INFINITY, -(double)INFINITY, 3.25, 100,
};

static const struct source source = { "ydf", MDL_F32, COUNT(hard), hard, MDL_OK };

static void unpack(const uint8_t *data, size_t size)
{
    const mdl_allocator allocator = mdl_allocator_or_default(NULL);
    mdl_error err = MDL_ERROR_INIT;
    struct vec out = { 0 };
    struct bytes in = bytes_of(data, size);

    const mdl_status s = mdl_gunzip(&out, &in, MOST_CELLS, &allocator, &err);
    require(out.bytes <= MOST_CELLS && (s == MDL_OK || err.text[0]));
    mdl_vec_free(&out, &allocator);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || *data != 'B')
        unpack(data, size);
    return fuzz_trees(&source, data, size);
}

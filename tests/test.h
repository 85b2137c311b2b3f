/*
 * tests/test.h - what the C tests share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_TEST_H
#define MDL_TESTS_TEST_H

#include "base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "mdl_build.h"

/* Path of a file in tests/data. */
static inline const char *data_path(const char *name)
{
    static char path[1024];
    const char *folder = getenv("MDL_TEST_DATA");

    snprintf(path, sizeof path, "%s/%s", folder ? folder : "tests/data", name);
    return path;
}

/* A whole file in memory; the caller frees it. */
static inline unsigned char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");

    *size = 0;
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = malloc(*size + 1);
    if (fread(bytes, 1, *size, f) != *size)
        abort();
    fclose(f);
    return bytes;
}

/* How much longer than usual tests may take that find more in more time: SLOW of .ci/run. */
static inline int slow(void)
{
    const char *text = getenv("SLOW");
    const int n = text ? atoi(text) : 1;

    return n < 1 ? 1 : n > 100 ? 100 : n;
}

/* Of the processor. */
static inline double seconds_now(void) { return (double)clock() / CLOCKS_PER_SEC; }

/* Work that somebody made hard takes about as long as usual work of its size, and not its square. */
static inline void assert_in_time(double seconds, double usual)
{
    if (seconds > 10 * usual + 0.5)
        fail_msg("%.3f s, usual is %.3f s", seconds, usual);
}

/* Seconds that it takes to load a model. */
static inline double seconds_to_load(const unsigned char *file, size_t size)
{
    mdl_error err = MDL_ERROR_INIT;
    const double start = seconds_now();
    mdl_model *m;

    if (mdl_load_memory(&m, file, size, NULL, &err))
        fail_msg("%s", err.text);
    const double seconds = seconds_now() - start;
    mdl_free(m);
    return seconds;
}

/* xorshift64*: the same numbers everywhere (Vigna 2016). */
static inline uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545F4914F6CDD1Dull;
}

/*
 * A small model made by hand over columns (age, colour):
 *
 *     age < 1.5 ? 1 : (colour in {1, 3} ? 4 : 2)     NaN age goes right, NaN colour left
 *
 * twice (two iterations), on top of 0.5; output "y", raw, and leaves.  By hand:
 *   (1, 0) -> 0.5 + 1 + 1 = 2.5      (2, 1) -> 0.5 + 4 + 4 = 8.5
 *   (2, 0) -> 0.5 + 2 + 2 = 4.5      (NaN, NaN) -> left of colour -> 4.5
 */
static inline mdl_builder *small_model(const mdl_allocator *allocator)
{
    const double base = 0.5, threshold[] = { 1.5, 0, 0, 0, 0 }, value[] = { 0, 1, 0, 2, 4 };
    const uint8_t flags[] = { MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT, MDL_NODE_LEAF,
                              MDL_NODE_CATEGORY | MDL_NODE_NAN_DEFAULT | MDL_NODE_DEFAULT_LEFT,
                              MDL_NODE_LEAF, MDL_NODE_LEAF };
    const int32_t left[] = { 1, -1, 3, -1, -1 }, right[] = { 2, -1, 4, -1, -1 };
    const int32_t feature[] = { 0, -1, 1, -1, -1 };
    const uint32_t set_start[] = { 0, 0, 0, 1, 1, 1 }, set_words[] = { 1u << 1 | 1u << 3 };
    const char *const colours[] = { "red", "green", "blue", "black" };
    const mdl_trees ensemble = { .size = sizeof ensemble, .compare = MDL_TREES_LT,
                                 .threshold_type = MDL_F32, .leaf_type = MDL_F32, .outputs = 1,
                                 .leaf_width = 1, .base = &base };
    mdl_tree tree = { .size = sizeof tree, .n_nodes = 5, .weight = 1, .flags = flags,
                      .left = left, .right = right, .feature = feature, .threshold = threshold,
                      .value = value, .set_start = set_start, .set_words = set_words };
    const float rows[] = { 1, 0, 2, 1, 2, 0 }, sums[] = { 2.5f, 8.5f, 4.5f };
    mdl_builder *b = mdl_builder_new(allocator);

    if (!b)
        return NULL;
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 2, MDL_ABSENT_MISSING);
    mdl_build_column(b, x, 0, "age", MDL_COLUMN_NUMBER);
    mdl_build_column(b, x, 1, "colour", MDL_COLUMN_CATEGORY);
    mdl_build_categories(b, x, 1, MDL_STRING, 4, colours);
    const int32_t n = mdl_build_trees(b, x, &ensemble);
    mdl_build_tree(b, n, &tree);
    tree.iteration = 1;
    mdl_build_tree(b, n, &tree);
    const int32_t y = mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, n, 1));
    mdl_build_metadata(b, "framework", "none");
    mdl_build_golden_input(b, x, MDL_F32, 3, rows);
    mdl_build_golden_output(b, y, MDL_F32, 3, sums);
    return b;
}

/* The builder's file image in memory of the caller's; frees the builder. */
static inline unsigned char *built_file(mdl_builder *b, size_t *size)
{
    mdl_error err = MDL_ERROR_INIT;
    const void *bytes;

    if (mdl_build_bytes(b, &bytes, size, &err))
        fail_msg("%s", err.text);
    unsigned char *copy = malloc(*size);
    memcpy(copy, bytes, *size);
    mdl_builder_free(b);
    return copy;
}

static inline unsigned char *small_file(size_t *size)
{
    return built_file(small_model(NULL), size);
}

#endif

/*
 * examples/05_build.c - a model made by code, without any framework
 *
 *     05_build ride.mdl
 *
 * The fare of a ride from `distance` (km) and `zone`: 2.5, plus what two trees say.
 *
 *     distance < 3 ? 4 : (distance < 10 ? 9 : 20)      missing: right, right
 *     zone in {airport} ? 15 : 0                       missing: not in the set
 *
 * SPDX-License-Identifier: MIT
 */
#include "mdl_build.h"

#include <stdio.h>

/* Node 0 is the root; a node's arrays are indexed by its number. */
static void add_distance(mdl_builder *b, int32_t trees)
{
    const uint8_t flags[] = { MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT, MDL_NODE_LEAF,
                              MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT, MDL_NODE_LEAF,
                              MDL_NODE_LEAF };
    const int32_t left[] = { 1, 0, 3, 0, 0 }, right[] = { 2, 0, 4, 0, 0 };
    const int32_t feature[] = { 0, 0, 0, 0, 0 };
    const double threshold[] = { 3, 0, 10, 0, 0 }, value[] = { 0, 4, 0, 9, 20 };
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 5, .iteration = 0, .weight = 1,
                            .flags = flags, .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value };

    mdl_build_tree(b, trees, &tree);
}

static void add_zone(mdl_builder *b, int32_t trees)
{
    const uint8_t flags[] = { MDL_NODE_CATEGORY | MDL_NODE_NAN_DEFAULT | MDL_NODE_SET_LEFT,
                              MDL_NODE_LEAF, MDL_NODE_LEAF };
    const int32_t left[] = { 1, 0, 0 }, right[] = { 2, 0, 0 }, feature[] = { 1, 0, 0 };
    const double threshold[] = { 0, 0, 0 }, value[] = { 0, 15, 0 };
    const uint32_t set_start[] = { 0, 1, 1, 1 }, set_words[] = { 1u << 2 };  /* {airport} */
    const mdl_tree tree = { .size = sizeof tree, .n_nodes = 3, .iteration = 1, .weight = 1,
                            .flags = flags, .left = left, .right = right, .feature = feature,
                            .threshold = threshold, .value = value, .set_start = set_start,
                            .set_words = set_words };

    mdl_build_tree(b, trees, &tree);
}

int main(int argc, char **argv)
{
    const char *const zones[] = { "centre", "suburb", "airport" };
    const double base = 2.5;
    const mdl_trees ensemble = { .size = sizeof ensemble, .compare = MDL_TREES_LT,
                                 .threshold_type = MDL_F32, .leaf_type = MDL_F32, .outputs = 1,
                                 .leaf_width = 1, .base = &base };
    const float rows[] = { 2, 0, 5, 2, 12, 1 }, fares[] = { 6.5f, 26.5f, 22.5f };
    mdl_error err = MDL_ERROR_INIT;

    if (argc != 2) {
        fprintf(stderr, "usage: %s OUT.mdl\n", argv[0]);
        return 2;
    }
    mdl_builder *b = mdl_builder_new(NULL);
    if (!b)
        return 1;

    /* No call is checked: the first error sticks, and saving reports it. */
    const int32_t x = mdl_build_input(b, "x", MDL_F32, 2, MDL_ABSENT_MISSING);
    mdl_build_column(b, x, 0, "distance", MDL_COLUMN_NUMBER);
    mdl_build_column(b, x, 1, "zone", MDL_COLUMN_CATEGORY);
    mdl_build_categories(b, x, 1, MDL_STRING, 3, zones);

    const int32_t trees = mdl_build_trees(b, x, &ensemble);
    add_distance(b, trees);
    add_zone(b, trees);
    const int32_t fare = mdl_build_output(b, "fare", MDL_OUTPUT_VALUE,
                                          mdl_build_result(b, trees, 0));
    mdl_build_output(b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(b, trees, 1));
    mdl_build_metadata(b, "unit", "euro");

    /* Rows with known answers: `mdl check ride.mdl` proves the file on any machine. */
    mdl_build_golden_input(b, x, MDL_F32, 3, rows);
    mdl_build_golden_output(b, fare, MDL_F32, 3, fares);

    const mdl_status s = mdl_build_save(b, argv[1], &err);
    if (s)
        fprintf(stderr, "%s\n", err.text);
    mdl_builder_free(b);
    return s != MDL_OK;
}

/*
 * tests/test_tree_order.c - the order of a tree's nodes says nothing about its answers
 *
 * libmodel writes trees in pre-order, by splits; a file of nodes may have them in any order in which
 * the left child of node i is node i + 1 and the right one lies behind.  Here a tree is written,
 * becomes one of nodes, and then its right children are put down level by level.  What it must answer
 * is what it answered before.
 *
 * SPDX-License-Identifier: MIT
 */
#include "raw_file.h"

#define COLS 3
#define ROWS 300
#define MOST 511                  /* nodes of the largest tree: 8 levels */
#define TREES 40

/* TREES trees of at most `levels` levels of splits, nearly full ones, as a file. */
static unsigned char *forest(uint32_t levels, size_t *size)
{
    const mdl_trees ensemble = { .size = sizeof ensemble, .threshold_type = MDL_F32,
                                 .leaf_type = MDL_F32, .outputs = 1, .leaf_width = 1 };
    mdl_builder *b = mdl_builder_new(NULL);
    const int32_t x = mdl_build_input(b, "x", MDL_F32, COLS, MDL_ABSENT_MISSING);
    const int32_t n = mdl_build_trees(b, x, &ensemble);
    uint64_t seed = levels;
    size_t built;

    for (uint32_t t = 0; t < TREES; t++) {
        static uint8_t flags[MOST];
        static int32_t left[MOST], right[MOST], feature[MOST];
        static double threshold[MOST], value[MOST];
        const int32_t nodes = (int32_t)(2u << levels) - 1;

        for (int32_t i = 0; i < nodes; i++) {      /* a heap whose root is 0 */
            const int leaf = 2 * i + 2 >= nodes || (i > 6 && next_random(&seed) % 8 == 0);
            flags[i] = (uint8_t)(leaf ? MDL_NODE_LEAF : MDL_NODE_NUMBER);
            left[i] = 2 * i + 1;
            right[i] = 2 * i + 2;
            feature[i] = (int32_t)(next_random(&seed) % COLS);
            threshold[i] = (double)(next_random(&seed) % 64);
            value[i] = (double)(next_random(&seed) % 4096);
        }
        const mdl_tree tree = { .size = sizeof tree, .n_nodes = (uint32_t)nodes, .weight = 1,
                                .iteration = t, .flags = flags, .left = left, .right = right,
                                .feature = feature, .threshold = threshold, .value = value };
        mdl_build_tree(b, n, &tree);
    }
    mdl_build_output(b, "y", MDL_OUTPUT_RAW, mdl_build_result(b, n, 0));
    unsigned char *file = raw_built(b, &built), *nodes = raw_of_nodes(file, built, size);
    free(file);
    return nodes;
}

static void *array_of(unsigned char *file, size_t size, const char *name)
{
    return raw_array(file, size, name, NULL);
}

/* The nodes of a tree, in pre-order, in another one: order[new] is old.  Those that wait are
 * taken from the front. */
static void reorder(const uint8_t *flags, const uint32_t *right, uint32_t n, uint32_t *order)
{
    uint32_t wait[MOST], first = 0, waiting = 0, at = 0;

    for (uint32_t k = 0; k < n; k++) {
        order[k] = at;
        if (flags[at]) {
            wait[waiting++] = right[at];
            at++;
        } else if (first < waiting) {
            at = wait[first++];
        }
    }
}

/* All trees of the file in another order; returns how many nodes have moved. */
static uint32_t shuffle(unsigned char *file, size_t size)
{
    uint32_t *start = array_of(file, size, "tree_start"), *right = array_of(file, size, "right");
    uint32_t *feature = array_of(file, size, "feature");
    uint8_t *flags = array_of(file, size, "flags");
    float *threshold = array_of(file, size, "threshold"), *value = array_of(file, size, "value");
    uint32_t moved = 0;

    for (uint32_t t = 0, leaves = 0; t < TREES; t++) {
        uint32_t order[MOST], place[MOST], local[MOST], f[MOST], n = start[t + 1] - start[t];
        uint32_t leaf[MOST], before = 0;
        uint8_t kind[MOST];
        float at[MOST], v[MOST];

        for (uint32_t i = 0; i < n; i++) {
            const uint32_t k = start[t] + i;
            kind[i] = flags[k];
            f[i] = feature[k];
            at[i] = threshold[k];
            local[i] = kind[i] ? right[k] - start[t] : 0;
            leaf[i] = before;
            before += !kind[i];
        }
        memcpy(v, value + leaves, before * sizeof *v);
        reorder(kind, local, n, order);
        for (uint32_t k = 0; k < n; k++)
            place[order[k]] = k;
        for (uint32_t k = 0, l = leaves; k < n; k++) {
            const uint32_t i = order[k];
            moved += i != k;
            flags[start[t] + k] = kind[i];
            feature[start[t] + k] = f[i];
            threshold[start[t] + k] = at[i];
            right[start[t] + k] = kind[i] ? start[t] + place[local[i]] : 0;
            if (!kind[i])
                value[l++] = v[leaf[i]];
        }
        leaves += before;
    }
    raw_repair(file);
    return moved;
}

static void answer(const unsigned char *file, size_t size, const mdl_load_options *o, float *y)
{
    static float x[ROWS * COLS];
    uint64_t seed = 7;
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *m;

    for (size_t i = 0; i < ROWS * COLS; i++)
        x[i] = (float)(next_random(&seed) % 66) - 1;
    if (mdl_load_memory(&m, file, size, o, &err))
        fail_msg("%s", err.text);
    assert_int_equal(mdl_predict(m, x, ROWS, y), MDL_OK);
    for (size_t r = 0; r < ROWS / 4; r++) {
        float one;
        assert_int_equal(mdl_predict(m, x + r * COLS, 1, &one), MDL_OK);
        assert_true(one == y[r]);
    }
    mdl_free(m);
}

static void a_file_in_another_order_answers_the_same_on_every_engine(void **state)
{
    (void)state;
    for (uint32_t levels = 1; levels <= 8; levels++) {
        const mdl_load_options plain = { .size = sizeof plain, .engine = "plain" };
        float want[ROWS], got[ROWS];
        size_t size;
        unsigned char *file = forest(levels, &size);

        answer(file, size, &plain, want);
        assert_true(levels == 1 || shuffle(file, size) > 0);
        for (size_t e = 0; mdl_engine_name(e); e++)
            for (size_t k = 0; mdl_isa_name(k); k++) {
                const mdl_load_options o = { .size = sizeof o, .engine = mdl_engine_name(e),
                                             .isa = mdl_isa_name(k) };
                answer(file, size, &o, got);
                if (memcmp(got, want, sizeof want))
                    fail_msg("%u levels, %s, %s", levels, o.engine, o.isa);
            }
        free(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_in_another_order_answers_the_same_on_every_engine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * tests/test_tree_parts.c - stages, single trees and early stops of random ensembles
 *
 * Every kernel set, every engine, blocks of any height: the same bits as the reference
 * (random_forest.h).
 *
 * SPDX-License-Identifier: MIT
 */
#include "random_forest.h"

/* ---- stages, single trees, early stops -------------------------------------------------------- */

static double parts[MAX_TREES + 1][ROWS][MAX_OUTPUTS];      /* packed as they are asked for */
static double wanted[MAX_TREES + 1][ROWS][MAX_OUTPUTS];

static void predict_tensor(const mdl_model *m, const mdl_tensor *in, const mdl_predict_options *o,
                           mdl_tensor out)
{
    mdl_error err = MDL_ERROR_INIT;

    memset(parts, 0x5a, sizeof parts);
    out.size = sizeof out;
    out.type = MDL_F64;
    out.data = parts;
    if (mdl_predict_tensor(m, in, &out, o, &err))
        fail_msg("%s", err.text);
}

static void predict_parts(const struct forest *f, const struct data *d, const mdl_model *m, size_t first,
                          size_t rows, const mdl_predict_options *o, mdl_tensor out)
{
    const int narrow = f->x_type == MDL_F32 || (f->float_cells && rows % 2 == 0);
    const mdl_tensor in = { .size = sizeof in, .type = narrow ? MDL_F32 : MDL_F64, .rank = 2,
                            .data = narrow ? (void *)(uintptr_t)(d->narrow + first * f->cols)
                                           : (void *)(uintptr_t)(d->wide + first * f->cols),
                            .dims = { (int64_t)rows, (int64_t)f->cols } };

    predict_tensor(m, &in, o, out);
}

static void check_stages(const struct forest *f, const struct data *d, const mdl_model *m, size_t first,
                         size_t rows)
{
    const uint32_t outputs = (uint32_t)f->ensemble.outputs, begin = below(f->n_iterations);
    const uint32_t end = begin + 1 + below(f->n_iterations - begin), every = 1 + below(below(2) ? 3 : 40);
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    uint32_t n = 0;

    for (uint32_t last = begin, tree = 0; last < end; n++) {
        const uint32_t from = tree;
        last = end - last < every ? end : last + every;
        for (size_t r = 0; r < rows; r++) {
            double *sums = parts[0][r];
            tree = from;
            if (!n)
                memcpy(sums, f->base, sizeof f->base);
            for (; tree < f->n_trees && f->trees[tree].tree.iteration < last; tree++)
                if (f->trees[tree].tree.iteration >= begin)
                    add_tree(f, d->wide + (first + r) * f->cols, tree, sums);
            end_sums(f, last - begin, sums, &((double *)wanted)[(n * rows + r) * outputs]);
        }
    }
    o.tree_begin = begin;
    o.tree_end = end;
    o.stage_every = every;
    predict_parts(f, d, m, first, rows, &o, (mdl_tensor){ .rank = 3, .dims = { n, (int64_t)rows, outputs } });
    same_bits(parts, wanted, MDL_F64, n * rows * outputs, mdl_isa(m), rows);
}

static void check_single_trees(const struct forest *f, const struct data *d, const mdl_model *m,
                               size_t first, size_t rows)
{
    const size_t outputs = (size_t)f->ensemble.outputs, cols = (1 + f->n_trees) * outputs;
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;

    memset(wanted, 0, sizeof wanted);
    for (size_t r = 0; r < rows; r++) {
        double *row = (double *)wanted + r * cols;
        memcpy(row, f->base, outputs * sizeof *row);
        for (uint32_t t = 0; t < f->n_trees; t++)
            add_tree(f, d->wide + (first + r) * f->cols, t, row + (1 + t) * outputs);
    }
    o.output = MDL_OUTPUT_TREES;
    predict_parts(f, d, m, first, rows, &o, (mdl_tensor){ .rank = 2, .dims = { (int64_t)rows, (int64_t)cols } });
    same_bits(parts, wanted, MDL_F64, rows * cols, mdl_isa(m), rows);
}

/* By sorting; NaN: nothing is said of it. */
static double margin_of(const double *sums, size_t n)
{
    double most = -(double)INFINITY;

    if (n == 1)
        return 2 * fabs(sums[0]);
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            if (sums[a] != sums[a])
                return (double)NAN;
            size_t above = 0;
            for (size_t c = 0; c < n; c++)
                above += sums[c] > sums[b] || (sums[c] == sums[b] && c < b);
            if (a != b && above == 1 && sums[a] >= sums[b])
                most = sums[a] - sums[b] > most ? sums[a] - sums[b] : most;
        }
    return most;
}

/* Each row until it is above the margin. */
static void stop_by_reference(const struct forest *f, const double *x, size_t rows, uint32_t every,
                              double margin)
{
    const size_t outputs = (size_t)f->ensemble.outputs;

    for (size_t r = 0; r < rows; r++) {
        double *sums = (double *)wanted + r * outputs;
        uint32_t tree = 0;
        memcpy(sums, f->base, outputs * sizeof *sums);
        for (uint32_t last = 0; last < f->n_iterations;) {
            last = f->n_iterations - last < every ? f->n_iterations : last + every;
            for (; tree < f->n_trees && f->trees[tree].tree.iteration < last; tree++)
                add_tree(f, x + r * f->cols, tree, sums);
            if (margin_of(sums, outputs) > margin)
                break;
        }
    }
}

/* Of more rows than go on together, drawn from those. */
static void check_many(const struct forest *f, const double *x, const mdl_model *m, size_t rows,
                       const mdl_predict_options *o)
{
    enum { MANY = 2900 };
    static double many[MANY * MAX_COLS];
    static uint32_t from[MANY];
    const size_t n = 257 + below(below(2) ? 600 : MANY - 256), outputs = (size_t)f->ensemble.outputs;

    for (size_t i = 0; i < n; i++) {
        from[i] = below((uint32_t)rows);
        memcpy(many + i * f->cols, x + from[i] * f->cols, f->cols * sizeof *x);
    }
    const mdl_tensor in = { .size = sizeof in, .type = MDL_F64, .rank = 2, .data = many,
                            .dims = { (int64_t)n, (int64_t)f->cols } };
    predict_tensor(m, &in, o, (mdl_tensor){ .rank = 2, .dims = { (int64_t)n, (int64_t)outputs } });
    for (size_t i = 0; i < n; i++) {
        const double *want = (double *)wanted + from[i] * outputs;
        if (outputs == 1 || margin_of(want, outputs) >= 0)
            same_bits((double *)parts + i * outputs, want, MDL_F64, outputs, mdl_isa(m), n);
    }
}

static void check_stop(const struct forest *f, const struct data *d, const mdl_model *m, size_t first,
                       size_t rows)
{
    const uint32_t outputs = (uint32_t)f->ensemble.outputs, every = 1 + below(5);
    const double *some = d->sums + (size_t)below(ROWS) * outputs, *x = d->wide + first * f->cols;
    mdl_predict_options o = MDL_PREDICT_OPTIONS_INIT;
    double margin = below(3) ? margin_of(some, outputs) / (1 + below(3)) : 3;

    margin = margin >= 0 ? margin : 0;
    stop_by_reference(f, x, rows, every, margin);
    o.stop_every = every;
    o.stop_margin = margin;
    predict_parts(f, d, m, first, rows, &o, (mdl_tensor){ .rank = 2, .dims = { (int64_t)rows, outputs } });
    for (size_t r = 0; r < rows; r++)
        if (outputs == 1 || margin_of((double *)wanted + r * outputs, outputs) >= 0)
            same_bits((double *)parts + r * outputs, (double *)wanted + r * outputs, MDL_F64, outputs,
                      mdl_isa(m), rows);
    if (rows > 7 && below(2))
        check_many(f, x, m, rows, &o);
}

static void check_parts(struct forest *f, struct data *d, mdl_model *m)
{
    for (int i = 0; i < 2; i++) {
        const size_t rows = heights[below(HEIGHTS)];
        const size_t first = below((uint32_t)(ROWS - rows + 1));
        check_stages(f, d, m, first, rows);
        if (i)
            check_single_trees(f, d, m, first, rows);
        else if (!(f->ensemble.flags & MDL_TREES_AVERAGE))
            check_stop(f, d, m, first, rows);
    }
}

static void parts_of_random_forests_are_those_of_the_reference(void **state)
{
    (void)state;
    assert_true(each_forest(60 * slow(), check_parts) > 1200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_random_forests_are_those_of_the_reference),
    };

    return cmocka_run_group_tests_name("tree_parts", tests, NULL, NULL);
}

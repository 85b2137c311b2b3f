/*
 * op/tree_shap_run.c - rows through the kernel of Shapley values
 *
 * Interactions: what feature j changes in the value of i is the value of i where j is known less
 * that where it is not, so a tree is gone through twice for each of its features, with half the
 * weights each (Lundberg et al., 2020).
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_shap.h"

#include <string.h>

#define BLOCK_BYTES (512u << 10)  /* of columns and values: half of a second cache         */
#define MOST_GROUPS 16u
#define MOST_ALONE  2u            /* rows of a last group that go one by one               */

/* One block: rows in groups of SHAP_ROWS. */
struct block {
    const struct shap *s;
    const struct kernels *kernels;
    struct shap_sketch k;
    double *x;                    /* [groups][n_slots][SHAP_ROWS]                          */
    double *phi;                  /* [groups][n_slots][SHAP_ROWS], of interactions         */
    double *pairs;                /* [groups][n_slots][n_slots][SHAP_ROWS]                 */
    double *sides, *levels;
    size_t  groups, rows;
    size_t  full, alone;          /* groups taken together; rows behind them one by one    */
};

static uint64_t group_doubles(const struct shap *s)
{
    return (uint64_t)s->n_slots * SHAP_ROWS * (2 + (s->interactions ? (uint64_t)s->n_slots : 0));
}

size_t mdl_shap_rows(const struct shap *s)
{
    const uint64_t groups = BLOCK_BYTES / (8 * group_doubles(s) + 1);

    return SHAP_ROWS * (size_t)(groups < 1 ? 1 : groups > MOST_GROUPS ? MOST_GROUPS : groups);
}

uint64_t mdl_shap_bytes(const struct shap *s, size_t rows)
{
    const uint64_t groups = (rows + SHAP_ROWS - 1) / SHAP_ROWS;
    const uint64_t levels = (s->most_depth + 2ull) * shap_level(s->most_points);
    const uint64_t alone = shap_alone(s->most_splits, s->most_depth);

    if (s->way != SHAP_PATHS)
        return s->way == SHAP_STEPS ? mdl_shap_steps_bytes(s, rows) : mdl_shap_background_bytes(s);
    return mdl_shap_sketch_bytes(s) + 128
         + 8 * (groups * group_doubles(s) + s->most_tests * SHAP_ROWS)
         + 8 * (levels > alone ? levels : alone);
}

void mdl_shap_put(const struct shap_out *out, size_t row, size_t output, uint64_t i, uint64_t j,
                  double value)
{
    unsigned char *at = out->data + (int64_t)row * out->stride[0] + (int64_t)output * out->stride[1]
                      + (int64_t)i * out->stride[2] + (int64_t)j * out->stride[3];
    const float narrow = (float)value;

    if (out->type == MDL_F32)
        memcpy(at, &narrow, sizeof narrow);
    else
        memcpy(at, &value, sizeof value);
}

/* Columns that trees ask about, rows side by side; lanes beyond the last row repeat it, unless rows
 * go one by one. */
static void turn(const struct block *b, struct view x)
{
    const struct shap *s = b->s;

    for (size_t r = 0; r < b->full * SHAP_ROWS + b->alone; r++) {
        const void *row = view_row(x, r < b->rows ? r : b->rows - 1);
        double *to = b->x + r / SHAP_ROWS * s->n_slots * SHAP_ROWS + r % SHAP_ROWS;
        for (uint32_t c = 0; c < s->n_slots; c++)
            to[(size_t)c * SHAP_ROWS] = mdl_trees_cell(x.type, row, s->column[c]);
    }
}

/* Where some rows of a group go at the tests of a tree. */
static void answer(const struct block *b, const uint32_t *tests, uint32_t n, const double *x,
                   size_t rows)
{
    const struct trees_plan *p = b->s->n->plan;

    for (uint32_t i = 0; i < n; i++) {
        const double *at = x + (size_t)b->s->slot_of[mdl_tree_feature(p, tests[i])] * SHAP_ROWS;
        for (size_t r = 0; r < rows; r++)
            b->sides[i * SHAP_ROWS + r] = mdl_trees_goes_left(b->s->n, tests[i], at[r]) ? -1 : 1;
    }
}

static void run_groups(const struct block *b, const struct shap_tree *t, const uint32_t *tests,
                       uint32_t n_tests, double *phi, size_t stride)
{
    for (size_t g = 0; g < b->groups; g++, phi += stride) {
        const double *x = b->x + g * b->s->n_slots * SHAP_ROWS;
        answer(b, tests, n_tests, x, g < b->full ? SHAP_ROWS : b->alone);
        if (g < b->full)
            b->kernels->shap(phi, x, b->sides, t, b->levels);
        for (size_t r = 0; r < b->alone && g >= b->full; r++)
            b->kernels->shap_one(phi + r, x + r, b->sides + r, t, b->levels);
    }
}

/* The pairs of a tree's features.  Groups go by its sketch, whose factors are those of a feature. */
static void run_pairs(const struct block *b, struct shap_tree *t, const struct shap_kept *kept)
{
    const struct shap *s = b->s;
    struct shap_sketch k = b->k;
    const size_t square = (size_t)s->n_slots * s->n_slots * SHAP_ROWS;

    for (uint32_t i = 0; i < kept->n_splits; i++) {
        const uint32_t slot = kept->nodes[i].slot;
        int met = 0;
        for (uint32_t j = 0; j < i && !met; j++)
            met = kept->nodes[j].slot == slot;
        for (int known = 0; known < 2 && !met; known++) {
            if (b->full)
                mdl_shap_fill(s, &k, slot, known);
            t->fixed = slot;
            t->known = (uint32_t)known;
            t->weight = s->rule[t->points] + (known ? 2 : 3) * t->points;
            run_groups(b, t, kept->tests, kept->n_tests,
                       b->pairs + (size_t)slot * s->n_slots * SHAP_ROWS, square);
        }
    }
}

/* What tree t adds to component `part` of its leaves. */
static void run_tree(struct block *b, uint32_t t, uint32_t part)
{
    const struct shap *s = b->s;
    const struct shap_kept *kept = s->kept ? &s->kept[t - s->first] : NULL;
    struct shap_kept own;

    if (!kept || !kept->leaf || (s->interactions && b->full)) {
        mdl_shap_walk(s, &b->k, t, NULL);
        if (!b->k.n_splits)
            return;
        if (b->full)
            mdl_shap_fill(s, &b->k, SHAP_NONE, 0);
        own = (struct shap_kept){ b->k.nodes, b->k.steps, b->k.order, b->k.tests, b->k.table,
                                  b->k.leaf, b->k.n_steps, mdl_shap_points(&b->k), b->k.n_splits,
                                  b->k.n_leaves, b->k.n_tests, b->k.deepest };
        kept = &own;
    }
    if (!kept->n_splits)
        return;
    struct shap_tree tree = { .nodes = kept->nodes, .steps = kept->steps, .table = kept->table,
                              .leaf = kept->leaf + (size_t)part * kept->n_leaves,
                              .weight = s->rule[kept->points] + kept->points,
                              .n_steps = kept->n_steps, .points = kept->points,
                              .order = kept->order, .point = s->rule[kept->points],
                              .n_splits = kept->n_splits, .n_leaves = kept->n_leaves,
                              .levels = kept->levels, .fixed = SHAP_NONE };
    run_groups(b, &tree, kept->tests, kept->n_tests, b->phi, (size_t)s->n_slots * SHAP_ROWS);
    if (s->interactions)
        run_pairs(b, &tree, kept);
}

static void put_values(const struct block *b, uint32_t output, const struct shap_out *out)
{
    const struct shap *s = b->s;

    for (size_t r = 0; r < b->rows; r++) {
        const double *phi = b->phi + r / SHAP_ROWS * s->n_slots * SHAP_ROWS + r % SHAP_ROWS;
        for (uint64_t c = 0; c < s->given; c++)
            mdl_shap_put(out, r, output, c, 0, s->slot_at[c] == SHAP_NONE ? 0
                             : phi[(size_t)s->slot_at[c] * SHAP_ROWS] * s->factor[output]);
        mdl_shap_put(out, r, output, s->given, 0, s->bias[output]);
    }
}

/* The given column of a slot. */
static uint64_t place_of(const struct shap *s, size_t slot)
{
    return s->origin ? s->origin[s->column[slot]] : s->column[slot];
}

/* Both halves of a pair are the same; what is left of a value is the column's own. */
static void put_pairs(const struct block *b, uint32_t output, const struct shap_out *out)
{
    const struct shap *s = b->s;
    const size_t n = s->n_slots;

    for (size_t r = 0; r < b->rows; r++) {
        const double *phi = b->phi + r / SHAP_ROWS * n * SHAP_ROWS + r % SHAP_ROWS;
        const double *pairs = b->pairs + r / SHAP_ROWS * n * n * SHAP_ROWS + r % SHAP_ROWS;
        for (uint64_t c = 0; c <= s->given; c++)
            for (uint64_t d = 0; d <= s->given; d++)
                mdl_shap_put(out, r, output, c, d, 0);
        for (size_t i = 0; i < n; i++) {
            const uint64_t at = place_of(s, i);
            double own = phi[i * SHAP_ROWS] * s->factor[output];
            for (size_t j = 0; j < n; j++) {
                if (j == i)
                    continue;
                const double both = (pairs[(i * n + j) * SHAP_ROWS]
                                     + pairs[(j * n + i) * SHAP_ROWS]) / 2 * s->factor[output];
                mdl_shap_put(out, r, output, at, place_of(s, j), both);
                own -= both;
            }
            mdl_shap_put(out, r, output, at, at, own);
        }
        mdl_shap_put(out, r, output, s->given, s->given, s->bias[output]);
    }
}

void mdl_shap_run(const struct shap *s, const struct kernels *kernels, struct view x, size_t rows,
                  const struct shap_out *out, void *work)
{
    const struct trees_plan *p = s->n->plan;
    struct block b = { .s = s, .kernels = kernels, .rows = rows,
                       .groups = (rows + SHAP_ROWS - 1) / SHAP_ROWS };
    unsigned char *memory = work;

    b.alone = rows % SHAP_ROWS > MOST_ALONE ? 0 : rows % SHAP_ROWS;
    b.full = b.groups - (b.alone ? 1 : 0);
    if (s->way != SHAP_PATHS) {
        (s->way == SHAP_STEPS ? mdl_shap_steps : mdl_shap_beside)(s, x, rows, work, out);
        return;
    }
    mdl_shap_open(s, &b.k, &memory);
    const size_t group = (size_t)s->n_slots * SHAP_ROWS;
    b.x = shap_cut(&memory, b.groups * group * sizeof(double));
    b.phi = shap_cut(&memory, b.groups * group * sizeof(double));
    b.pairs = shap_cut(&memory, s->interactions * b.groups * group * s->n_slots * sizeof(double));
    b.sides = shap_cut(&memory, (uint64_t)s->most_tests * SHAP_ROWS * sizeof(double));
    b.levels = shap_cut(&memory, 0);
    b.levels += (64 - (uintptr_t)b.levels % 64) / sizeof *b.levels % 8;
    turn(&b, x);
    for (uint32_t output = 0; output < s->outputs; output++) {
        memset(b.phi, 0, b.groups * group * sizeof(double));
        if (s->interactions)
            memset(b.pairs, 0, b.groups * group * s->n_slots * sizeof(double));
        for (uint32_t t = s->first; t < s->last; t++)
            if (output - p->output[t] < s->width)
                run_tree(&b, t, output - p->output[t]);
        if (s->interactions)
            put_pairs(&b, output, out);
        else
            put_values(&b, output, out);
    }
}

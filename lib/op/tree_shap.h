/*
 * op/tree_shap.h - what each column adds to the sums of an ensemble
 *
 * A struct shap is made once for an ensemble and a way to explain it; then any number of threads
 * give it blocks of rows.  Columns that trees ask about have a slot each; the others add 0.
 *
 *     values        [rows, outputs, given + 1]               the last column: the sum of no row
 *     interactions  [rows, outputs, given + 1, given + 1]    rows add up to the values
 *
 * `given` columns are those of the ensemble's input, or those that it was made of one by one.
 *
 * A child's share of its parent is its cover over that of both children, a half if both have none.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_TREE_SHAP_H
#define MDL_OP_TREE_SHAP_H

#include "op/tree.h"

#include "kernel/shap.h"

#define SHAP_NONE UINT32_MAX

/* Ways to explain. */
enum { SHAP_PATHS, SHAP_STEPS, SHAP_BACKGROUND };

struct shap {
    const struct node *n;
    uint32_t x_type;              /* of the ensemble's input                               */
    uint64_t cols;
    uint32_t outputs, width;      /* of a leaf                                             */
    uint32_t first, last;         /* trees                                                 */
    const struct tensor *mul, *add;  /* [outputs] what becomes of the sums, or NULL        */
    double   *factor;             /* [outputs] that all values are multiplied by           */
    int      way;
    uint32_t interactions;        /* 1: of pairs, too                                      */

    uint64_t given;
    const uint32_t *origin;       /* [cols] the given column of each; NULL: they are the same */
    uint32_t n_slots;
    uint32_t *slot_of;            /* [cols] SHAP_NONE: no tree asks                        */
    uint32_t *slot_at;            /* [given] the same                                      */
    uint32_t *column;             /* [n_slots]                                             */
    double   *bias;               /* [outputs] what is expected of no row                  */
    double  **rule;               /* [SHAP_POINTS + 1] points; weights, also half and -half */
    uint32_t most_splits, most_depth, most_points, most_tests;
    uint64_t most_table;          /* doubles                                               */

    struct shap_kept *kept;       /* [last - first] trees laid out, nodes NULL: when needed */
    const double *background;     /* [n_slots][n_background]                               */
    uint64_t n_background, n_nodes;
    uint64_t *goes_left;          /* rows of it that go left at each node, a bit each (tree_background.c) */
    double   *weights;            /* of a leaf: some from the row, some from the background */
};

#define SHAP_POINTS 128u          /* enough, to the last bit, for paths of any length      */

struct shap_kept {
    const struct shap_node *nodes;
    const uint32_t *steps, *order, *tests;
    const double *table, *leaf;
    uint32_t n_steps, points, n_splits, n_leaves, n_tests, levels;
};

/* Where results go: data + row stride[0] + output stride[1] + ...; MDL_F64 or MDL_F32. */
struct shap_out {
    unsigned char *data;
    int64_t  stride[4];
    uint32_t type;
};

/* For iterations [begin, end), once what is set beside `factor`: `way`, `interactions`,
 * `given`, `origin`, `mul` and `add`; then, if that is the way, the n rows of the background, of the
 * ensemble's input. */
mdl_status mdl_shap_prepare(struct shap *s, const struct graph *g, const struct node *n,
                            uint64_t begin, uint64_t end, struct arena *a, mdl_error *err);
mdl_status mdl_shap_background(struct shap *s, struct view rows, uint64_t n, struct arena *a,
                               mdl_error *err);

/* Rows at once, and the working memory they need. */
size_t mdl_shap_rows(const struct shap *s);
uint64_t mdl_shap_bytes(const struct shap *s, size_t rows);

/* `rows` rows of the ensemble's input, at most those. */
void mdl_shap_run(const struct shap *s, const struct kernels *k, struct view x, size_t rows,
                  const struct shap_out *out, void *work);

/* ---- between the files ----------------------------------------------------------------------- */

/* A split on the way to the one that is looked at. */
struct shap_frame {
    double   weight;              /* share of the training rows that come here             */
    double   product;             /* shares of its column above it, and                    */
    uint32_t last;                /* the level that has it: put back when it is left       */
    uint32_t at, node, side, fresh;
};

/* Room for a tree of as many splits as there are in any. */
struct shap_sketch {
    struct shap_node *nodes;
    uint32_t *steps, *order, *tests;
    double   *table, *leaf;
    double   *cover;              /* of all nodes, the root's first                        */
    struct shap_frame *frames;
    double   *product;            /* [n_slots] of shares on the path                       */
    uint32_t *last;               /* [n_slots] level, or SHAP_FRESH                        */
    uint32_t root, n_splits, n_steps, n_tests, n_left, n_leaves, all_leaves;
    uint32_t depth, deepest, fresh;
    uint64_t n_table;
};

/* tree_shap.c: bytes of a sketch, and a sketch in *memory, which is moved on.  The layout of a
 * tree: nodes, steps, leaves; what it gives without a row is added to `bias`, if there is one.  Then factors of its nodes; of column `fixed` for where that is known or not. */
uint64_t mdl_shap_sketch_bytes(const struct shap *s);
void mdl_shap_open(const struct shap *s, struct shap_sketch *k, unsigned char **memory);
void mdl_shap_walk(const struct shap *s, struct shap_sketch *k, uint32_t tree, double *bias);
void mdl_shap_fill(const struct shap *s, struct shap_sketch *k, uint32_t fixed, int known);
uint32_t mdl_shap_points(const struct shap_sketch *k);

/* The next bytes of memory. */
static inline void *shap_cut(unsigned char **memory, uint64_t bytes)
{
    void *at = *memory;

    *memory += (bytes + 7) / 8 * 8;
    return at;
}

void mdl_shap_put(const struct shap_out *out, size_t row, size_t output, uint64_t i, uint64_t j,
                  double value);
/* What is expected of an output, from the sum of its trees. */
double mdl_shap_expected(const struct shap *s, uint32_t output, double sum);
double mdl_shap_share(const struct trees_plan *p, const double *cover, uint32_t root,
                      uint32_t i);
double mdl_shap_value(const struct shap *s, uint32_t leaf, uint32_t k);

/* tree_shap_walk.c, tree_background.c: one row after the other. */
void mdl_shap_steps(const struct shap *s, struct view x, size_t rows, double *work,
                    const struct shap_out *out);
uint64_t mdl_shap_steps_bytes(const struct shap *s, size_t rows);
void mdl_shap_beside(const struct shap *s, struct view x, size_t rows, double *work,
                     const struct shap_out *out);
uint64_t mdl_shap_background_bytes(const struct shap *s);
/* phi [outputs][n_slots], divided, and scaled as the sums are. */
void mdl_shap_put_row(const struct shap *s, size_t row, const double *phi, double divide,
                      const struct shap_out *out);

#endif

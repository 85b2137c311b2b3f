/*
 * import/treelite.h - what the files of the treelite importer share
 *
 * A checkpoint (Model.serialize of treelite 4) is numbers one after another, little-endian and
 * unaligned; an array is its length (u64), then its elements; a string is an array of bytes.
 *
 *     i32 major, minor, patch       u8 type of thresholds, of leaves (2 float32, 3 float64)
 *     u64 trees     i32 columns     u8 task    u8 average
 *     i32 targets   i32[] num_class by target   i32[2] leaf_vector_shape
 *     i32[] target_id, class_id by tree; -1: the leaves hold a value for each
 *     char[] postprocessor   f32 sigmoid_alpha, ratio_c   f64[] base_scores   char[] attributes
 *     i32 n, n fields that are passed over
 *     the trees (treelite_tree.c)
 *
 * Outputs are [targets][classes], classes being the largest num_class; what is beyond a target's
 * own is 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_TREELITE_H
#define MDL_IMPORT_TREELITE_H

#include "base/vec.h"
#include "import/import.h"

#define TL_MAX_OUTPUTS (1 << 20)
#define TL_MAX_COLUMNS (1 << 22)  /* the file says no more of a column than that it is there */
#define TL_ANY UINT64_MAX

enum tl_task { TL_BINARY, TL_REGRESSOR, TL_MULTICLASS, TL_RANKING, TL_ISOLATION, TL_TASKS };

struct tl {
    struct bytes                in;
    mdl_builder                *b;
    const mdl_import_options   *options;
    mdl_error                  *err;
    mdl_allocator               allocator;
    struct parts                parts;

    uint32_t version[3];
    uint32_t type;                /* MDL_F32 or MDL_F64, of rows, thresholds and sums           */
    size_t   cell;                /* bytes of one                                               */
    uint64_t n_trees, targets, classes, outputs;
    uint32_t task, averages;
    uint32_t shape[2];            /* of the leaves                                              */
    float    sigmoid_alpha, ratio_c;
    char     postprocessor[64];

    /* Where they lie in the file. */
    const unsigned char *num_class, *target_id, *class_id, *base;

    struct vec seen;              /* u64 [outputs]: trees that add to each                      */
    uint64_t   rounds;            /* the most of them                                           */
    int32_t    x, raw, leaves;    /* values of the graph                                        */
};

/* A format error at byte `at` of the file. */
#define TL_BAD(t, at, ...) mdl_fail_at((t)->err, MDL_ERR_FORMAT, "", (at), __VA_ARGS__)
#define ULL(v) ((unsigned long long)(v))

static inline int32_t tl_i32(const unsigned char *array, uint64_t i)
{
    int32_t v;

    memcpy(&v, array + 4 * i, sizeof v);
    return v;
}

static inline uint64_t tl_u64(const unsigned char *array, uint64_t i)
{
    uint64_t v;

    memcpy(&v, array + 8 * i, sizeof v);
    return v;
}

/* A float32 or float64, by the size of its cell. */
static inline double tl_real(const unsigned char *array, size_t cell, uint64_t i)
{
    double wide;
    float v;

    if (cell == sizeof wide) {
        memcpy(&wide, array + cell * i, sizeof wide);
        return wide;
    }
    memcpy(&v, array + cell * i, sizeof v);
    return (double)v;
}

/* Room for n elements in a vec of zeros; NULL and t->err when there is none. */
void *mdl_tl_room(const struct tl *t, struct vec *v, uint64_t n, size_t bytes);

/* treelite.c: the next array of the file, `want` elements of `cell` bytes, or any number
 * (TL_ANY); *n says how many. */
mdl_status mdl_tl_array(struct tl *t, const char *name, uint64_t want, size_t cell,
                        const unsigned char **at, uint64_t *n);
/* Fields that later versions may add. */
mdl_status mdl_tl_skip_fields(struct tl *t);

/* treelite_tree.c: what the trees add to, then the trees; sets seen, rounds, raw and leaves. */
mdl_status mdl_tl_trees(struct tl *t);

/* treelite_answers.c: averages, base scores, the postprocessor, outputs. */
mdl_status mdl_tl_answers(struct tl *t);

#endif

/*
 * import/scores.h - what trees tell of their columns, while they are read
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_SCORES_H
#define MDL_IMPORT_SCORES_H

#include "base/vec.h"
#include "mdl_build.h"

struct score {
    uint32_t column;
    float    gain, cover;         /* XGBoost sums in float32                         */
    double   splits, sum;         /* how many, and sums of float64                   */
};

/* Only columns that are met take room: how many there are no bytes of a file back. */
struct scores {
    struct vec all;               /* struct score, as they are met                   */
    struct vec place;             /* uint32: 1 + place in all, by hash; a power of 2 */
    struct score lost;            /* of all columns, once those met were made to collide: */
    int is_lost;                  /* then nothing is given                           */
};

/* That of a column; NULL when out of memory. */
struct score *mdl_scores_at(struct scores *s, const mdl_allocator *allocator, uint32_t column);

/* Into the builder: value(score, k) is that of kind k.  MDL_ERR_MEMORY when there is none. */
mdl_status mdl_scores_give(struct scores *s, const mdl_allocator *allocator, mdl_builder *b,
                           size_t n_kinds, const char *const *kinds,
                           double (*value)(const struct score *score, size_t k));

void mdl_scores_free(struct scores *s, const mdl_allocator *allocator);

#endif

/*
 * graph/build_pack.h - what packs an ensemble: splits and questions, leaves
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_GRAPH_BUILD_PACK_H
#define MDL_GRAPH_BUILD_PACK_H

#include "graph/build.h"
#include "op/tree.h"

/* Steps to a place of a hash table, half of which are free: whoever knows the hash can make more.  What
 * is not found by then is listed once more. */
#define PACK_PATIENCE 256u

struct packer {
    struct tensor *t;             /* of nodes, at first; each is replaced when it has had its time */
    struct tensor out[TREES_SLOTS];
    const struct trees_params *params;
    struct arena *a, temp;
    int oblivious;                /* nodes are levels, and all splits                          */
    int summed;                   /* training weights of leaves say all                        */
    uint32_t nodes, splits, leaves, given;
    uint32_t *node;               /* [splits] of a split                                       */
    uint32_t *question;           /* [splits]                                                  */
    uint32_t *first;              /* [questions] the first node that asks it                   */
    uint32_t *set;                /* [nodes] of a category node, if there are any              */
    uint32_t questions;
};

/* Room for an array; NULL: no memory. */
void *mdl_pack_array(struct packer *k, uint32_t slot, uint32_t type, uint64_t count);
/* Unsigned numbers, as narrow as they can be; those beyond uint16 as `widest`.  0: no memory. */
int mdl_pack_words(struct packer *k, uint32_t slot, const uint32_t *from, uint64_t count,
                   uint32_t widest);

static inline uint32_t word_bytes(uint64_t most)
{
    return most <= UINT8_MAX ? 1 : most <= UINT16_MAX ? 2 : 4;
}

/* build_leaves.c: values, numbers and training weights of leaves, once splits are known.  0: no memory. */
int mdl_pack_leaves(struct packer *k);

#endif

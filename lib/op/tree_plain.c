/*
 * op/tree_plain.c - one step of one walk at a time: the definition
 *
 * Straight over the file's arrays.  The judge of the kernels and of the tables
 * that tests become, and what walks on below the tops of trees with tests.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

double mdl_trees_cell(uint32_t x_type, const void *row, uint32_t column)
{
    return x_type == MDL_F32 ? (double)((const float *)row)[column]
                             : ((const double *)row)[column];
}

static int is_member(const struct node *n, const struct trees_plan *p, uint32_t question, double x)
{
    const struct trees_params *params = n->params;
    const uint32_t *start = n->tensors[TREES_SET_START].data;
    const uint32_t *words = n->tensors[TREES_SET_WORDS].data;
    const uint32_t set = p->asked.set[question], n_words = start[set + 1] - start[set];

    if (!(x > (params->truncate ? -1.0 : -0x1p-1074) && x < 0x1p31))
        return 0;                /* NaN too; -0 is category 0 */
    const uint32_t category = x < 0 ? 0 : (uint32_t)x;
    return category / 32 < n_words
        && (words[start[set] + category / 32] >> category % 32 & 1u);
}

/* Does x go left, where that is asked? */
static int answers_left(const struct node *n, uint32_t question, double x)
{
    const struct trees_plan *p = n->plan;
    const struct trees_params *params = n->params;
    const uint32_t flags = p->asked.flags[question], missing = flags & NODE_MISSING;

    if (params->clip_zero && x >= -TREES_TINY && x <= TREES_TINY)
        x = 0;
    if (x != x && (missing == NODE_NAN_DEFAULT || missing == NODE_ZERO_DEFAULT))
        return (flags & NODE_DEFAULT_LEFT) != 0;
    if (x != x && missing == NODE_NAN_ZERO)
        x = 0;
    if (missing == NODE_ZERO_DEFAULT && x >= -TREES_TINY && x <= TREES_TINY)
        return (flags & NODE_DEFAULT_LEFT) != 0;
    if ((flags & NODE_KIND) == NODE_CATEGORY)
        return is_member(n, p, question, x) == ((flags & NODE_SET_LEFT) != 0);

    const double t = mdl_asked_threshold(&p->asked, question);
    return params->compare ? x <= t : x < t;
}

int mdl_trees_goes_left(const struct node *n, uint32_t i, double x)
{
    return answers_left(n, mdl_tree_question(n->plan, i), x);
}

/* From a node of a file of nodes. */
static uint32_t walk_nodes(const struct node *n, uint32_t x_type, const void *row, uint32_t i)
{
    const struct trees_plan *p = n->plan;

    while (!mdl_tree_is_leaf(p, i))
        i = answers_left(n, i, mdl_trees_cell(x_type, row, mdl_tree_word(p->asked.feature, i)))
                ? i + 1 : p->right_node[i];
    return mdl_tree_ordinal(p, i);
}

/* From where so many splits and leaves lie before the node: its number is both together. */
static uint32_t walk_splits(const struct node *n, uint32_t x_type, const void *row, uint32_t split,
                            uint32_t leaf)
{
    const struct trees_plan *p = n->plan;

    while (!mdl_tree_is_leaf(p, split + leaf)) {
        const uint32_t question = mdl_tree_word(p->question, split);
        const uint32_t left = mdl_tree_word(p->left, split);
        const double x = mdl_trees_cell(x_type, row, mdl_tree_word(p->asked.feature, question));

        split++;
        if (answers_left(n, question, x))
            continue;
        split += left;
        leaf += left + 1;
    }
    return leaf;
}

uint32_t mdl_trees_walk_from(const struct node *n, uint32_t x_type, const void *row, uint32_t node)
{
    const struct trees_plan *p = n->plan;

    if (p->right_node)
        return walk_nodes(n, x_type, row, node);
    const uint32_t leaf = mdl_tree_ordinal(p, node);
    return walk_splits(n, x_type, row, node - leaf, leaf);
}

uint32_t mdl_trees_walk_plain(const struct node *n, uint32_t x_type, const void *row,
                              uint32_t tree)
{
    const struct trees_plan *p = n->plan;
    const uint32_t root = p->tree_start[tree], leaf = p->first_leaf[tree];

    return p->right_node ? walk_nodes(n, x_type, row, root)
                         : walk_splits(n, x_type, row, root - leaf, leaf);
}

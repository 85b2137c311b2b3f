/*
 * describe_tree.c - questions about the trees of a loaded model
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#include "mdl_build.h"
#include "op/tree_engine.h"

#include <string.h>

/* The ensemble at `node`; NULL when there is none. */
static const struct node *trees_at(const mdl_model *m, size_t node)
{
    if (!m || node >= m->m.graph.n_nodes || m->m.graph.nodes[node].op != &mdl_op_trees)
        return NULL;
    return &m->m.graph.nodes[node];
}

/* Node `i` of a tree, as a node of the ensemble; UINT32_MAX when there is none. */
static uint32_t node_at(const struct node *n, size_t tree, size_t i)
{
    const struct trees_plan *p = n ? n->plan : NULL;

    if (!p || tree >= p->n_trees || i >= p->tree_start[tree + 1] - p->tree_start[tree])
        return UINT32_MAX;
    return p->tree_start[tree] + (uint32_t)i;
}

size_t mdl_tree_count(const mdl_model *model, size_t node)
{
    const struct node *n = trees_at(model, node);

    return n ? ((const struct trees_plan *)n->plan)->n_trees : 0;
}

/* The input whose columns a value has: casts leave them where they are. */
static uint32_t input_of(const mdl_model *m, uint32_t value)
{
    for (uint32_t i = m->m.graph.n_nodes; i-- > 0;)
        if (m->m.graph.nodes[i].out[0] == value && !strcmp(m->m.graph.nodes[i].op->name, "cast"))
            value = m->m.graph.nodes[i].in[0];
    return value < m->m.schema.n_inputs ? value : UINT32_MAX;
}

/* The last round of boosting that begins with a tree or before it. */
static uint32_t round_of(const struct trees_plan *p, size_t tree)
{
    uint32_t first = 0, end = p->n_iterations;

    while (end - first > 1) {
        const uint32_t middle = first + (end - first) / 2;
        if (p->iteration[middle] <= tree)
            first = middle;
        else
            end = middle;
    }
    return first;
}

mdl_status mdl_tree_shape(const mdl_model *model, size_t node, size_t tree, mdl_tree_info *info)
{
    const struct node *n = trees_at(model, node);

    if (node_at(n, tree, 0) == UINT32_MAX || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const struct trees_plan *p = n->plan;
    const uint32_t start = p->tree_start[tree], end = p->tree_start[tree + 1];
    mdl_tree_info all = { .nodes = end - start, .leaves = (end - start) / 2 + 1,
                          .depth = p->depth[tree], .output = p->output[tree],
                          .leaf_width = p->leaf_width, .round = round_of(p, tree),
                          .has_cover = (uint32_t)mdl_trees_weighed(n),
                          .input = input_of(model, n->in[0]) };
    mdl_struct_copy(info, info->size, &all, sizeof all);
    return MDL_OK;
}

static void describe_leaf(const struct node *n, uint32_t tree, uint32_t leaf,
                          mdl_tree_node_info *to)
{
    const struct tensor *t = n->tensors;

    to->leaf_id = mdl_tree_leaf_id(n, tree, leaf);
    if (!t[TREES_LINEAR_START].type)
        return;
    const uint32_t *start = t[TREES_LINEAR_START].data;
    to->n_linear = start[leaf + 1] - start[leaf];
    to->linear_feature = (const uint32_t *)t[TREES_LINEAR_FEATURE].data + start[leaf];
    to->linear_coef = (const double *)t[TREES_LINEAR_COEF].data + start[leaf];
    to->linear_const = ((const double *)t[TREES_LINEAR_CONST].data)[leaf];
}

static void describe_split(const struct node *n, uint32_t first, uint32_t i,
                           mdl_tree_node_info *to)
{
    const struct trees_plan *p = n->plan;

    to->flags = mdl_tree_flags(p, i);
    to->feature = mdl_tree_feature(p, i);
    to->left = i + 1 - first;
    to->right = mdl_tree_right(p, i) - first;
    if ((to->flags & NODE_KIND) == NODE_NUMBER) {
        to->threshold = mdl_tree_threshold(p, i);
        return;
    }
    const uint32_t *start = n->tensors[TREES_SET_START].data;
    const uint32_t set = p->asked.set[mdl_tree_question(p, i)];
    to->set = (const uint32_t *)n->tensors[TREES_SET_WORDS].data + start[set];
    to->set_words = start[set + 1] - start[set];
}

mdl_status mdl_tree_node(const mdl_model *model, size_t node, size_t tree, size_t i,
                         mdl_tree_node_info *info)
{
    const struct node *n = trees_at(model, node);
    const uint32_t at = node_at(n, tree, i);
    mdl_tree_node_info all = { .flags = MDL_NODE_LEAF };

    if (at == UINT32_MAX || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const struct trees_plan *p = n->plan;
    if (mdl_tree_is_leaf(p, at))
        describe_leaf(n, (uint32_t)tree, mdl_tree_ordinal(p, at), &all);
    else
        describe_split(n, p->tree_start[tree], at, &all);
    mdl_struct_copy(info, info->size, &all, sizeof all);
    return MDL_OK;
}

mdl_status mdl_tree_leaf(const mdl_model *model, size_t node, size_t tree, size_t i,
                         double *values)
{
    const struct node *n = trees_at(model, node);
    const uint32_t at = node_at(n, tree, i);

    if (at == UINT32_MAX || !values || !mdl_tree_is_leaf(n->plan, at))
        return MDL_ERR_ARGUMENT;
    const struct trees_plan *p = n->plan;
    const void *from = mdl_tree_values(n, mdl_tree_ordinal(p, at));
    for (uint32_t k = 0; k < p->leaf_width; k++)
        values[k] = mdl_trees_type(n) == MDL_F64 ? ((const double *)from)[k]
                                                            : (double)((const float *)from)[k];
    return MDL_OK;
}

mdl_status mdl_tree_cover(const mdl_model *model, size_t node, size_t tree, double *cover)
{
    const struct node *n = trees_at(model, node);

    if (node_at(n, tree, 0) == UINT32_MAX || !cover)
        return MDL_ERR_ARGUMENT;
    if (!mdl_trees_weighed(n))
        return MDL_ERR_NOT_FOUND;
    mdl_tree_covers(n, (uint32_t)tree, cover);
    return MDL_OK;
}

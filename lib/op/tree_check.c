/*
 * op/tree_check.c - is this really an ensemble of trees?
 *
 * Arrays are checked before the nodes (tree_survey.c) and, where their lengths follow from
 * those, behind them.  After all that every index is in range and every walk ends: both
 * children of a node lie behind it, inside its tree, and it has one parent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

/* The place in the file of element i of a slot. */
static uint64_t place(const struct node *n, uint32_t slot, uint64_t i)
{
    const struct tensor *t = &n->tensors[slot];

    return t->offset + i * mdl_type_bytes(t->type);
}

#define BAD(slot, i, ...) \
    mdl_fail_at(err, MDL_ERR_FORMAT, "data", place(n, slot, i), __VA_ARGS__)

/* A list of `count` offsets: starts at 0, never decreases, ends at `last`. */
static mdl_status check_offsets(const struct node *n, uint32_t slot, uint64_t count, uint64_t last,
                                mdl_error *err)
{
    const char *name = n->op->slots[slot].name;
    const uint32_t *at = n->tensors[slot].data;
    const mdl_status s = mdl_op_need_tensor(n, slot, 0, count, err);

    if (s)
        return s;
    if (at[0] != 0)
        return BAD(slot, 0, "'%s' begins with %u, expected 0", name, at[0]);
    for (uint64_t i = 1; i < count; i++)
        if (at[i] < at[i - 1])
            return BAD(slot, i, "'%s' decreases from %u to %u", name, at[i - 1], at[i]);
    if (at[count - 1] != last)
        return BAD(slot, count - 1, "'%s' ends with %u, expected %llu", name, at[count - 1],
                   (unsigned long long)last);
    return MDL_OK;
}

static int threshold_is_zero(const struct tensor *t, uint64_t i)
{
    return t->type == MDL_F32 ? ((const uint32_t *)t->data)[i] == 0
                              : ((const uint64_t *)t->data)[i] == 0;
}

static int threshold_is_nan(const struct tensor *t, uint64_t i)
{
    if (t->type == MDL_F32) {
        const float v = ((const float *)t->data)[i];
        return v != v;
    }
    const double v = ((const double *)t->data)[i];
    return v != v;
}

static mdl_status check_leaf(const struct node *n, const struct trees_plan *p, uint32_t i,
                             mdl_error *err)
{
    if (p->flags[i])
        return BAD(TREES_FLAGS, i, "leaf %u has flags 0x%02x, expected 0", i, p->flags[i]);
    if (p->feature[i] || p->right[i] || !threshold_is_zero(&n->tensors[TREES_THRESHOLD], i))
        return BAD(TREES_FEATURE, i, "leaf %u has a feature, threshold or child", i);
    return MDL_OK;
}

static mdl_status check_split(const struct node *n, const struct trees_plan *p, uint32_t i,
                              uint32_t end, uint64_t cols, mdl_error *err)
{
    const struct tensor *threshold = &n->tensors[TREES_THRESHOLD];
    const uint32_t kind = p->flags[i] & NODE_KIND;

    if (kind == NODE_KIND || p->flags[i] & 0xC0u
        || (kind == NODE_NUMBER && p->flags[i] & NODE_SET_LEFT))
        return BAD(TREES_FLAGS, i, "node %u has unknown flags 0x%02x", i, p->flags[i]);
    if (p->feature[i] >= cols)
        return BAD(TREES_FEATURE, i, "node %u tests column %u of %llu", i, p->feature[i],
                   (unsigned long long)cols);
    if (p->right[i] < i + 2 || p->right[i] >= end)
        return BAD(TREES_RIGHT, i, "node %u has right child %u, expected %u to %u", i,
                   p->right[i], i + 2, end - 1);
    if (kind == NODE_NUMBER && threshold_is_nan(threshold, i))
        return BAD(TREES_THRESHOLD, i, "node %u has the threshold NaN", i);
    if (kind == NODE_CATEGORY && !threshold_is_zero(threshold, i))
        return BAD(TREES_THRESHOLD, i, "category node %u has a threshold", i);
    return MDL_OK;
}

/* What is wrong with a node: MDL_OK if nothing. */
static mdl_status check_node(const struct node *n, const struct trees_plan *p, uint32_t i,
                             uint32_t end, uint64_t cols, mdl_error *err)
{
    return (p->flags[i] & NODE_KIND) == NODE_LEAF ? check_leaf(n, p, i, err)
                                                  : check_split(n, p, i, end, cols, err);
}

mdl_status mdl_trees_explain(const struct node *n, const struct trees_plan *p, uint64_t cols,
                             uint32_t tree, mdl_error *err)
{
    const uint32_t end = p->tree_start[tree + 1];
    mdl_status s = MDL_OK;

    if (p->tree_start[tree] == end)
        return BAD(TREES_TREE_START, tree, "tree %u has no nodes", tree);
    for (uint32_t i = p->tree_start[tree]; i < end && !s; i++)
        s = check_node(n, p, i, end, cols, err);
    return s;
}

static mdl_status check_linear(const struct node *n, const struct trees_plan *p, uint64_t cols,
                               mdl_error *err)
{
    const struct tensor *feature = &n->tensors[TREES_LINEAR_FEATURE];
    int present = 0;
    mdl_status s = MDL_OK;

    for (uint32_t slot = TREES_LINEAR_CONST; slot <= TREES_LINEAR_COEF; slot++)
        present += n->tensors[slot].type != 0;
    if (!present)
        return MDL_OK;
    if (present != 4)
        return mdl_fail(err, MDL_ERR_FORMAT, "linear leaves need all four linear_* arrays");
    if (n->tensors[TREES_VALUE].type != MDL_F64 || n->tensors[TREES_VALUE].dims[1] != 1)
        return mdl_fail(err, MDL_ERR_FORMAT, "linear leaves need one float64 value a leaf");

    s = mdl_op_need_tensor(n, TREES_LINEAR_CONST, 0, p->n_leaves, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_LINEAR_COEF, 0, feature->count, err);
    if (!s) s = check_offsets(n, TREES_LINEAR_START, p->n_leaves + 1ull, feature->count, err);
    for (uint64_t i = 0; !s && i < feature->count; i++) {
        const uint32_t column = ((const uint32_t *)feature->data)[i];
        if (column >= cols)
            s = BAD(TREES_LINEAR_FEATURE, i, "a linear leaf uses column %u of %llu", column,
                    (unsigned long long)cols);
    }
    return s;
}

/* Values, bases, weights and the other arrays whose length follows from the nodes. */
static mdl_status check_lengths(const struct node *n, const struct trees_plan *p, mdl_error *err)
{
    const struct trees_params *params = n->params;
    const uint32_t leaf_type = n->tensors[TREES_VALUE].type;
    const uint64_t values = (uint64_t)p->n_leaves * (uint64_t)params->leaf_width;
    mdl_status s = mdl_op_need_tensor(n, TREES_VALUE, 0, values, err);

    if (!s) s = mdl_op_need_tensor(n, TREES_LEAF_ID, 0, p->n_leaves, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_BASE, leaf_type, (uint64_t)params->outputs, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_WEIGHT, leaf_type, p->n_trees, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_COVER, 0, p->n_nodes, err);
    if (s)
        return s;
    if (!n->tensors[TREES_SET_START].type || !n->tensors[TREES_SET_WORDS].type) {
        if (p->n_sets || n->tensors[TREES_SET_START].type || n->tensors[TREES_SET_WORDS].type)
            return mdl_fail(err, MDL_ERR_FORMAT,
                            "category nodes need set_start and set_words, and only they");
        return MDL_OK;
    }
    return check_offsets(n, TREES_SET_START, (uint64_t)p->n_sets + 1,
                         n->tensors[TREES_SET_WORDS].count, err);
}

static mdl_status check_trees(const struct node *n, const struct trees_plan *p, mdl_error *err)
{
    const struct trees_params *params = n->params;

    for (uint32_t t = 0; t < p->n_trees; t++)
        if ((uint64_t)p->output[t] + (uint64_t)params->leaf_width > (uint64_t)params->outputs)
            return BAD(TREES_OUTPUT, t, "tree %u adds to column %u, there are %lld", t,
                       p->output[t], (long long)params->outputs);
    return MDL_OK;
}

mdl_status mdl_trees_check(const struct node *n, struct trees_plan *p, mdl_error *err)
{
    const struct tensor *w = n->tensors;
    const struct trees_params *params = n->params;

    if (params->outputs < 1 || params->outputs > INT32_MAX || params->leaf_width < 1
        || params->leaf_width > params->outputs)
        return mdl_fail(err, MDL_ERR_FORMAT, "outputs %lld and leaf_width %lld do not fit",
                        (long long)params->outputs, (long long)params->leaf_width);
    if (!w[TREES_TREE_START].count || !w[TREES_ITERATION].count
        || w[TREES_FLAGS].count > UINT32_MAX / 2 || w[TREES_TREE_START].count > UINT32_MAX / 2)
        return mdl_fail(err, MDL_ERR_FORMAT, "an ensemble of %llu nodes and %llu tree starts",
                        (unsigned long long)w[TREES_FLAGS].count,
                        (unsigned long long)w[TREES_TREE_START].count);

    *p = (struct trees_plan){
        .leaf_width = (uint32_t)params->leaf_width,
        .n_trees = (uint32_t)(w[TREES_TREE_START].count - 1),
        .n_nodes = (uint32_t)w[TREES_FLAGS].count,
        .n_iterations = (uint32_t)(w[TREES_ITERATION].count - 1),
        .tree_start = w[TREES_TREE_START].data,
        .iteration = w[TREES_ITERATION].data,
        .output = w[TREES_OUTPUT].data,
        .flags = w[TREES_FLAGS].data,
        .feature = w[TREES_FEATURE].data,
        .right = w[TREES_RIGHT].data,
    };
    mdl_status s = check_offsets(n, TREES_TREE_START, (uint64_t)p->n_trees + 1, p->n_nodes, err);
    if (!s) s = check_offsets(n, TREES_ITERATION, w[TREES_ITERATION].count, p->n_trees, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_OUTPUT, 0, p->n_trees, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_FEATURE, 0, p->n_nodes, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_THRESHOLD, 0, p->n_nodes, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_RIGHT, 0, p->n_nodes, err);
    if (!s) s = check_trees(n, p, err);
    return s;
}

mdl_status mdl_trees_check_leaves(const struct node *n, uint64_t cols, const struct trees_plan *p,
                                  mdl_error *err)
{
    const mdl_status s = check_lengths(n, p, err);

    return s ? s : check_linear(n, p, cols, err);
}

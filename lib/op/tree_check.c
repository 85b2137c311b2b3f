/*
 * op/tree_check.c - is this really an ensemble of trees?
 *
 * Arrays and questions are checked before the trees (tree_survey.c) and, where their lengths follow
 * from those, behind them.  After all that every index is in range and every walk ends: both
 * children of a node lie behind it, inside its tree, and it has one parent.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree.h"

void mdl_tree_widen(uint32_t *to, struct tree_words w, size_t first, size_t n)
{
    const uint8_t *u8 = w.at;
    const uint16_t *u16 = w.at;
    const uint32_t *u32 = w.at;

    for (size_t i = 0; i < n && w.bytes == 1; i++)
        to[i] = u8[first + i];
    for (size_t i = 0; i < n && w.bytes == 2; i++)
        to[i] = u16[first + i];
    for (size_t i = 0; i < n && w.bytes == 4; i++)
        to[i] = u32[first + i];
    for (size_t i = 0; i < n && !w.bytes; i++)
        to[i] = (uint32_t)(first + i);
}

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

/* What is wrong with a question, or with a split in a file of nodes. */
static mdl_status check_question(const struct node *n, const struct trees_plan *p, uint32_t q,
                                 uint64_t cols, mdl_error *err)
{
    const struct tensor *threshold = &n->tensors[TREES_THRESHOLD];
    const uint32_t flags = p->asked.flags[q], kind = flags & NODE_KIND;
    const uint32_t feature = mdl_tree_word(p->asked.feature, q);
    const char *what = p->right_node ? "node" : "question";

    if (kind == NODE_LEAF || kind == NODE_KIND || flags & 0xC0u
        || (kind == NODE_NUMBER && flags & NODE_SET_LEFT))
        return BAD(TREES_FLAGS, q, "%s %u has unknown flags 0x%02x", what, q, flags);
    if (feature >= cols)
        return BAD(TREES_FEATURE, q, "%s %u tests column %u of %llu", what, q, feature,
                   (unsigned long long)cols);
    if (kind == NODE_NUMBER && threshold_is_nan(threshold, q))
        return BAD(TREES_THRESHOLD, q, "%s %u has the threshold NaN", what, q);
    if (kind == NODE_CATEGORY && !threshold_is_zero(threshold, q))
        return BAD(TREES_THRESHOLD, q, "category %s %u has a threshold", what, q);
    return MDL_OK;
}

static mdl_status check_leaf(const struct node *n, const struct trees_plan *p, uint32_t i,
                             mdl_error *err)
{
    if (p->asked.flags[i])
        return BAD(TREES_FLAGS, i, "leaf %u has flags 0x%02x, expected 0", i, p->asked.flags[i]);
    if (mdl_tree_word(p->asked.feature, i) || p->right_node[i]
        || !threshold_is_zero(&n->tensors[TREES_THRESHOLD], i))
        return BAD(TREES_FEATURE, i, "leaf %u has a feature, threshold or child", i);
    return MDL_OK;
}

/* What is wrong with a node of a file of nodes: MDL_OK if nothing. */
static mdl_status check_node(const struct node *n, const struct trees_plan *p, uint32_t i,
                             uint32_t end, uint64_t cols, mdl_error *err)
{
    if ((p->asked.flags[i] & NODE_KIND) == NODE_LEAF)
        return check_leaf(n, p, i, err);
    const mdl_status s = check_question(n, p, i, cols, err);
    if (s)
        return s;
    if (p->right_node[i] < i + 2 || p->right_node[i] >= end)
        return BAD(TREES_RIGHT, i, "node %u has right child %u, expected %u to %u", i,
                   p->right_node[i], i + 2, end - 1);
    return MDL_OK;
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

#define LARGEST(name, integer) \
static uint32_t name(const integer *at, size_t n) \
{ \
    integer most = 0; \
\
    for (size_t i = 0; i < n; i++) \
        most = at[i] > most ? at[i] : most; \
    return most; \
}
LARGEST(largest_u8, uint8_t)
LARGEST(largest_u16, uint16_t)
LARGEST(largest_u32, uint32_t)

/* The largest of the numbers of a slot; 0: there are none. */
static uint32_t largest(const struct node *n, uint32_t slot)
{
    const struct tensor *t = &n->tensors[slot];

    return t->type == MDL_U8 ? largest_u8(t->data, t->count)
         : t->type == MDL_U16 ? largest_u16(t->data, t->count) : largest_u32(t->data, t->count);
}

/* Values that leaves share. */
static mdl_status check_vectors(const struct node *n, const struct trees_plan *p, mdl_error *err)
{
    const struct tensor *value = &n->tensors[TREES_VALUE];
    if (p->leaf_width < 2 || n->tensors[TREES_WEIGHT].type
        || (p->n_leaves && largest(n, TREES_VECTOR) >= value->dims[0]))
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", n->tensors[TREES_VECTOR].offset,
                           "leaves share values that are not there, or are single or weighed");
    return MDL_OK;
}

/* Values, bases, weights and the other arrays whose length follows from the nodes. */
static mdl_status check_lengths(const struct node *n, const struct trees_plan *p, mdl_error *err)
{
    const struct trees_params *params = n->params;
    const uint32_t leaf_type = mdl_trees_type(n);
    mdl_status s = mdl_trees_need_values(n, p->n_leaves, err);

    if (!s && n->tensors[TREES_VECTOR].type) s = check_vectors(n, p, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_LEAF_ID, 0, p->n_leaves, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_SCALE, 0, 1, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_BASE, leaf_type, (uint64_t)params->outputs, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_WEIGHT, leaf_type, p->n_trees, err);
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

static struct tree_words words(const struct tensor *t)
{
    return (struct tree_words){ t->data, t->type ? (uint32_t)mdl_type_bytes(t->type) : 0 };
}

/* The arrays of nodes, or of splits and questions, have the right lengths. */
static mdl_status check_arrays(const struct node *n, const struct trees_plan *p, mdl_error *err)
{
    const uint64_t splits = ((uint64_t)p->n_nodes - p->n_trees) / 2, leaves = splits + p->n_trees;
    const uint64_t covers = n->tensors[TREES_COVER].count;
    const uint64_t given = n->tensors[TREES_GIVEN].type
                         ? (uint64_t)n->tensors[TREES_VALUE].dims[0] : leaves;
    mdl_status s = MDL_OK;

    if (p->right_node)
        s = mdl_op_need_tensor(n, TREES_RIGHT, 0, p->n_nodes, err);
    else if (n->tensors[TREES_LEVEL].type)
        s = MDL_OK;                              /* tree_unpack.c */
    else if (n->tensors[TREES_QUESTION].type)
        s = mdl_op_need_tensor(n, TREES_QUESTION, 0, splits, err);
    else
        s = mdl_op_need_tensor(n, TREES_FLAGS, 0, splits, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_FEATURE, 0, p->asked.n, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_THRESHOLD, 0, p->asked.n, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_COVER, 0, !p->right_node && covers == given ? given
                                                                        : p->n_nodes, err);
    return s;
}

/* Questions, those that are asked, and the sets of them. */
static mdl_status check_questions(const struct node *n, uint64_t cols, struct trees_plan *p,
                                  struct arena *a, mdl_error *err)
{
    uint32_t sets = 0;

    for (uint32_t q = 0; q < p->asked.n && !p->right_node; q++) {
        const mdl_status s = check_question(n, p, q, cols, err);
        if (s)
            return s;
    }
    const uint32_t list = n->tensors[TREES_LEVEL].type ? TREES_LEVEL : TREES_QUESTION;
    if (p->asked.n && n->tensors[list].type && largest(n, list) >= p->asked.n)
        return BAD(list, 0, "a split asks question %u, there are %u", largest(n, list), p->asked.n);
    if (!p->asked.n && p->n_nodes > p->n_trees)
        return BAD(TREES_FLAGS, 0, "splits without questions");
    for (uint32_t q = 0; q < p->asked.n; q++) {
        const uint32_t flags = p->asked.flags[q];
        sets += (flags & NODE_KIND) == NODE_CATEGORY;
        p->tested |= mdl_flags_are_test(flags);
    }
    p->n_sets = sets;
    if (!sets)
        return MDL_OK;
    p->asked.set = mdl_arena_take(a, p->asked.n, sizeof *p->asked.set);
    if (!p->asked.set)
        return mdl_arena_fail(a, err, "tree ensemble");
    for (uint32_t q = 0, set = 0; q < p->asked.n; q++)
        if ((p->asked.flags[q] & NODE_KIND) == NODE_CATEGORY)
            p->asked.set[q] = set++;
    return MDL_OK;
}

/* Nodes of a tree are as many splits and one leaf more. */
static mdl_status check_odd(const struct node *n, const struct trees_plan *p, mdl_error *err)
{
    for (uint32_t t = 0; t < p->n_trees && !p->right_node; t++)
        if ((p->tree_start[t + 1] - p->tree_start[t]) % 2 == 0)
            return BAD(TREES_TREE_START, t, "tree %u has %u nodes, expected an odd number", t,
                       p->tree_start[t + 1] - p->tree_start[t]);
    return MDL_OK;
}

/* Where the last tree ends. */
static uint32_t last_start(const struct tensor *w)
{
    const struct tensor *t = &w[TREES_TREE_START];

    return t->count ? ((const uint32_t *)t->data)[t->count - 1] : 0;
}

mdl_status mdl_trees_check(const struct node *n, uint64_t cols, struct trees_plan *p,
                           struct arena *a, mdl_error *err)
{
    const struct tensor *w = n->tensors;
    const struct trees_params *params = n->params;
    const int nodes = w[TREES_RIGHT].type != 0, levels = w[TREES_LEVEL].type != 0;

    if (params->outputs < 1 || params->outputs > INT32_MAX || params->leaf_width < 1
        || params->leaf_width > params->outputs)
        return mdl_fail(err, MDL_ERR_FORMAT, "outputs %lld and leaf_width %lld do not fit",
                        (long long)params->outputs, (long long)params->leaf_width);
    if (nodes + (w[TREES_LEFT].type != 0) + levels != 1
        || ((nodes || levels) && w[TREES_QUESTION].type) || (nodes && (w[TREES_GIVEN].type || w[TREES_COUNT].type)))
        return mdl_fail(err, MDL_ERR_FORMAT, "an ensemble needs one of 'left', 'level' and 'right'");
    const uint64_t count = nodes ? w[TREES_FLAGS].count : levels ? last_start(w) / 2
                                                                  : w[TREES_LEFT].count;
    if (!w[TREES_TREE_START].count || !w[TREES_ITERATION].count
        || w[TREES_FLAGS].count > UINT32_MAX / 2 || w[TREES_TREE_START].count > UINT32_MAX / 4
        || count > UINT32_MAX / (nodes ? 2 : 8))
        return mdl_fail(err, MDL_ERR_FORMAT, "an ensemble of %llu nodes and %llu tree starts",
                        (unsigned long long)count, (unsigned long long)w[TREES_TREE_START].count);

    const uint32_t trees = (uint32_t)(w[TREES_TREE_START].count - 1);
    *p = (struct trees_plan){
        .leaf_width = (uint32_t)params->leaf_width,
        .n_trees = trees,
        .n_nodes = (uint32_t)(nodes ? count : levels ? last_start(w) : 2 * count + trees),
        .n_iterations = (uint32_t)(w[TREES_ITERATION].count - 1),
        .tree_start = w[TREES_TREE_START].data,
        .iteration = w[TREES_ITERATION].data,
        .output = w[TREES_OUTPUT].data,
        .right_node = nodes ? w[TREES_RIGHT].data : NULL,
        .left = words(&w[TREES_LEFT]),
        .question = words(&w[TREES_QUESTION]),
        .asked = { .n = (uint32_t)w[TREES_FLAGS].count, .flags = w[TREES_FLAGS].data,
                   .feature = words(&w[TREES_FEATURE]), .threshold = w[TREES_THRESHOLD].data,
                   .wide = w[TREES_THRESHOLD].type == MDL_F64 },
    };
    mdl_status s = check_offsets(n, TREES_TREE_START, (uint64_t)p->n_trees + 1, p->n_nodes, err);
    if (!s) s = check_odd(n, p, err);
    if (!s) s = mdl_trees_unpack(n, p, a, err);
    if (!s) s = check_offsets(n, TREES_ITERATION, w[TREES_ITERATION].count, p->n_trees, err);
    if (!s) s = mdl_op_need_tensor(n, TREES_OUTPUT, 0, p->n_trees, err);
    if (!s) s = check_arrays(n, p, err);
    if (!s) s = check_questions(n, cols, p, a, err);
    if (!s) s = check_trees(n, p, err);
    return s;
}

mdl_status mdl_trees_check_leaves(const struct node *n, uint64_t cols, const struct trees_plan *p,
                                  mdl_error *err)
{
    const mdl_status s = check_lengths(n, p, err);

    return s ? s : check_linear(n, p, cols, err);
}

/*
 * import/catboost_tree.c - the trees of a CatBoost model into the builder
 *
 *     oblivious, splits s0 s1 (s0 the lowest bit of a leaf's number): the last split is the
 *     root's, so that leaves come in their order:
 *
 *             s1                    a split's right child is where x is above the border
 *          s0    s0
 *         0  1  2  3
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include <string.h>

#define ULL(x) ((unsigned long long)(x))
#define PROGRESS_TREES 64u        /* between two reports */

struct arrays {
    struct vec flags, left, right, feature, threshold, value, leaf_id, cover;
};

struct forest {
    struct cat *c;
    struct arrays a;
    int32_t ensemble;
    int64_t first;                /* of the tree in tree_splits and nodes                */
    uint64_t leaf;                /* of the tree in leaf_values, oblivious               */
};

/* ---- one tree -------------------------------------------------------------------------------- */

static int room(struct forest *f, struct vec *v, uint64_t bytes)
{
    v->bytes = 0;
    return mdl_vec_add(v, &f->c->allocator, NULL, (size_t)bytes) != NULL;
}

/* For so many questions, and so many nodes; zeros. */
static int make_room(struct forest *f, uint64_t asked, uint64_t n)
{
    struct arrays *a = &f->a;
    const uint64_t width = (uint64_t)f->c->outputs;

    return room(f, &a->flags, asked) && room(f, &a->feature, asked * 4)
        && room(f, &a->threshold, asked * 8) && room(f, &a->left, n * 4) && room(f, &a->right, n * 4)
        && room(f, &a->value, n * width * 8) && room(f, &a->leaf_id, n * 4)
        && room(f, &a->cover, n * 8);
}

static mdl_status set_split(struct forest *f, size_t node, int32_t split)
{
    const struct cat *c = f->c;

    if (split < 0 || (uint64_t)split >= CAT_COUNT(c->splits, struct cat_split))
        return mdl_cat_fail(c, 0, "tree asks for split %d, the model has %llu", (int)split,
                            ULL(CAT_COUNT(c->splits, struct cat_split)));
    const struct cat_split *s = CAT_AT(c->splits, struct cat_split) + split;
    f->a.flags.data[node] = (uint8_t)(MDL_NODE_NUMBER | MDL_NODE_NAN_DEFAULT
                                      | (s->nan_is_above ? 0 : MDL_NODE_DEFAULT_LEFT));
    CAT_AT(f->a.feature, int32_t)[node] = (int32_t)s->column;
    CAT_AT(f->a.threshold, double)[node] = (double)s->border;
    return MDL_OK;
}

static void set_children(struct forest *f, size_t node, size_t left, size_t right)
{
    CAT_AT(f->a.left, int32_t)[node] = (int32_t)left;
    CAT_AT(f->a.right, int32_t)[node] = (int32_t)right;
}

/* The leaf whose values begin at `first`; there are so many. */
static mdl_status set_leaf(struct forest *f, size_t node, uint64_t first, uint64_t number)
{
    const struct cat *c = f->c;
    const size_t width = (size_t)c->outputs;
    const uint64_t have = c->n_values;

    if (first > have || width > have - first || first % width)
        return mdl_cat_fail(c, 0, "a leaf whose values begin at %llu of %llu", ULL(first),
                            ULL(have));
    memcpy(CAT_AT(f->a.value, double) + node * width, c->leaf_values + first,
           width * sizeof(double));
    CAT_AT(f->a.leaf_id, int32_t)[node] = (int32_t)number;
    if (c->leaf_weights)
        CAT_AT(f->a.cover, double)[node] = c->leaf_weights[first / width];
    return MDL_OK;
}

static mdl_status build(struct forest *f, size_t tree, uint64_t n)
{
    const struct arrays *a = &f->a;
    const mdl_tree t = {
        .size = sizeof t, .n_nodes = (uint32_t)n, .iteration = tree, .weight = 1,
        .flags = a->flags.data, .left = CAT_AT(a->left, int32_t),
        .right = CAT_AT(a->right, int32_t), .feature = CAT_AT(a->feature, int32_t),
        .threshold = CAT_AT(a->threshold, double), .value = CAT_AT(a->value, double),
        .leaf_id = CAT_AT(a->leaf_id, int32_t),
        .cover = f->c->leaf_weights ? CAT_AT(a->cover, double) : NULL,
    };

    mdl_build_tree(f->c->b, f->ensemble, &t);
    return mdl_builder_status(f->c->b, f->c->err);
}

/* A node's cover is that of its children, which lie behind it. */
static void sum_covers(struct forest *f, size_t n)
{
    double *cover = CAT_AT(f->a.cover, double);
    const int32_t *left = CAT_AT(f->a.left, int32_t), *right = CAT_AT(f->a.right, int32_t);

    for (size_t i = n; i-- > 0;)
        if (f->a.flags.data[i])
            cover[i] = cover[left[i]] + cover[right[i]];
}

static mdl_status oblivious(struct forest *f, size_t tree, int32_t depth)
{
    const struct cat *c = f->c;
    const int32_t *splits = CAT_AT(c->tree_splits, int32_t) + f->first;
    const uint64_t width = (uint64_t)c->outputs, left = c->n_values - f->leaf * width;
    mdl_status s = MDL_OK;

    if (depth > 30 || left / width < (uint64_t)1 << depth)
        return mdl_cat_fail(c, 0, "tree %llu: no leaves for %d splits", ULL(tree), (int)depth);
    const uint64_t leaves = (uint64_t)1 << depth;
    if (!make_room(f, (uint64_t)depth, 0))
        return mdl_cat_memory(c);
    for (int32_t level = 0; !s && level < depth; level++)
        s = set_split(f, (size_t)level, splits[depth - 1 - level]);
    if (s)
        return s;
    if (c->leaf_weights)
        mdl_cat_score_oblivious(f->c, splits, depth, f->leaf);
    const mdl_tree t = {
        .size = sizeof t, .n_nodes = (uint32_t)(2 * leaves - 1), .iteration = tree, .weight = 1,
        .flags = f->a.flags.data, .feature = CAT_AT(f->a.feature, int32_t),
        .threshold = CAT_AT(f->a.threshold, double), .value = c->leaf_values + f->leaf * width,
        .cover = c->leaf_weights ? c->leaf_weights + f->leaf : NULL, .oblivious = 1,
    };
    mdl_build_tree(c->b, f->ensemble, &t);
    f->leaf += leaves;
    return mdl_builder_status(c->b, c->err);
}

/* ---- trees of nodes -------------------------------------------------------------------------- */

/* What a tree of nodes comes to: nodes without a child on a side get a leaf there.  Leaves are
 * numbered within their tree; its first is the one that lies first. */
struct shape {
    uint64_t nodes, leaves, first;
};

static struct shape shape_of(const struct cat *c, int64_t begin, int64_t size)
{
    const struct cat_node *n = CAT_AT(c->nodes, struct cat_node) + begin;
    struct shape s = { (uint64_t)size, 0, UINT64_MAX };

    for (int64_t i = 0; i < size; i++) {
        const int ends = !n[i].left + !n[i].right;
        if (!ends)
            continue;
        s.nodes += ends == 1;
        s.leaves++;
        s.first = n[i].leaf < s.first ? n[i].leaf : s.first;
    }
    return s;
}

/* A side without a child ends in the node's own leaf: a node of its own, behind the others. */
static mdl_status side(struct forest *f, uint32_t child, const struct cat_node *node,
                       int64_t size, uint64_t first, size_t *n, size_t *to)
{
    const struct cat *c = f->c;

    if (!child) {
        *to = (*n)++;
        return set_leaf(f, *to, node->leaf, (node->leaf - first) / (uint64_t)c->outputs);
    }
    if ((int64_t)child >= f->first + size)
        return mdl_cat_fail(c, 0, "a child lies outside of its tree");
    *to = (size_t)((int64_t)child - f->first);
    return MDL_OK;
}

static mdl_status uneven(struct forest *f, size_t tree, int32_t size)
{
    const struct cat *c = f->c;
    const struct cat_node *from = CAT_AT(c->nodes, struct cat_node) + f->first;
    const struct shape shape = shape_of(c, f->first, size);
    const uint64_t width = (uint64_t)c->outputs;
    size_t n = (size_t)size, left = 0, right = 0;
    mdl_status s = MDL_OK;

    f->leaf += shape.leaves;
    if (shape.nodes != 2 * shape.leaves - 1
        || f->leaf > c->n_values / width)
        return mdl_cat_fail(c, 0, "tree %llu: %llu nodes with %llu leaves are no tree, or share "
                            "leaves", ULL(tree), ULL(shape.nodes), ULL(shape.leaves));
    if (!make_room(f, shape.nodes, shape.nodes))
        return mdl_cat_memory(c);
    for (size_t i = 0; !s && i < (size_t)size; i++) {
        if (!from[i].left && !from[i].right) {
            s = set_leaf(f, i, from[i].leaf, (from[i].leaf - shape.first) / width);
            continue;
        }
        s = set_split(f, i, CAT_AT(c->tree_splits, int32_t)[f->first + (int64_t)i]);
        if (!s) s = side(f, from[i].left, &from[i], size, shape.first, &n, &left);
        if (!s) s = side(f, from[i].right, &from[i], size, shape.first, &n, &right);
        if (!s) set_children(f, i, left, right);
    }
    if (s)
        return s;
    sum_covers(f, n);
    for (size_t i = (size_t)size; i-- > 0 && c->leaf_weights;)
        if (f->a.flags.data[i])
            mdl_cat_score_node(f->c, CAT_AT(c->tree_splits, int32_t)[f->first + (int64_t)i],
                               CAT_AT(f->a.value, double), CAT_AT(f->a.cover, double), i,
                               (size_t)CAT_AT(f->a.left, int32_t)[i],
                               (size_t)CAT_AT(f->a.right, int32_t)[i]);
    return build(f, tree, n);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static mdl_status begin(struct forest *f)
{
    struct cat *c = f->c;
    const uint64_t values = c->n_values;
    const mdl_trees trees = {
        .size = sizeof trees, .compare = MDL_TREES_LE, .threshold_type = MDL_F32,
        .leaf_type = MDL_F64, .outputs = (uint64_t)c->outputs, .leaf_width = (uint64_t)c->outputs,
    };

    if (!CAT_COUNT(c->sizes, int32_t))
        return mdl_cat_fail(c, 0, "there are no trees");
    if (c->outputs < 1 || (uint64_t)c->outputs > values)
        return mdl_cat_fail(c, 0, "%lld outputs, but %llu values of leaves",
                            (long long)c->outputs, ULL(values));
    if (c->leaf_weights
        && c->n_weights != values / (uint64_t)c->outputs)
        return mdl_cat_fail(c, 0, "%llu weights, but %llu values of leaves",
                            ULL(c->n_weights), ULL(values));
    if (c->options->best_iteration >= 0
        && (uint64_t)c->options->best_iteration >= CAT_COUNT(c->sizes, int32_t))
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "best_iteration %lld, the model has %llu trees",
                        (long long)c->options->best_iteration,
                        ULL(CAT_COUNT(c->sizes, int32_t)));
    f->ensemble = mdl_build_trees(c->b, c->table, &trees);
    c->raw = mdl_build_result(c->b, f->ensemble, 0);
    c->leaves = mdl_build_result(c->b, f->ensemble, 1);
    return mdl_builder_status(c->b, c->err);
}

static mdl_status one_tree(struct forest *f, size_t tree)
{
    struct cat *c = f->c;
    const int32_t size = CAT_AT(c->sizes, int32_t)[tree];
    const int64_t splits = (int64_t)CAT_COUNT(c->tree_splits, int32_t);

    if (size < 0 || size > splits - f->first)
        return mdl_cat_fail(c, 0, "tree %llu has the size %d", ULL(tree), (int)size);
    const mdl_status s = c->nodes.bytes ? uneven(f, tree, size) : oblivious(f, tree, size);
    f->first += size;
    return s;
}

mdl_status mdl_cat_trees(struct cat *c)
{
    struct forest f = { .c = c };
    struct vec *const all[] = { &f.a.flags, &f.a.left, &f.a.right, &f.a.feature, &f.a.threshold,
                                &f.a.value, &f.a.leaf_id, &f.a.cover };
    const size_t n = CAT_COUNT(c->sizes, int32_t);
    const size_t used = c->options->best_iteration < 0 ? n : (size_t)c->options->best_iteration + 1;
    mdl_status s = begin(&f);

    if (!s && c->nodes.bytes
        && CAT_COUNT(c->nodes, struct cat_node) != CAT_COUNT(c->tree_splits, int32_t))
        s = mdl_cat_fail(c, 0, "%llu nodes, but splits of %llu",
                         ULL(CAT_COUNT(c->nodes, struct cat_node)),
                         ULL(CAT_COUNT(c->tree_splits, int32_t)));
    if (!s && c->leaf_weights) s = mdl_cat_score_open(c);
    for (size_t tree = 0; !s && tree < used; tree++) {
        s = one_tree(&f, tree);
        if (!s && tree % PROGRESS_TREES == 0)
            s = mdl_import_progress(c->options, tree, n, c->err);
    }
    if (!s && c->leaf_weights) s = mdl_cat_score_give(c);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        mdl_vec_free(all[i], &c->allocator);
    return s;
}

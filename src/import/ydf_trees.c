/*
 * import/ydf_trees.c - all trees: what they need, then into the builder
 *
 * Nodes come in pre-order, so a tree is read with a stack of the subtrees that are still to come,
 * and ends when it is empty.  All trees are looked through first: which engine YDF takes depends
 * on each of them, and what cannot be run is to be said at once.
 *
 * Weights of training go to both children of a split as the split has them, so that contributions
 * are those of predict_shap; a model that was saved without them has no covers.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/ydf.h"

#define PROGRESS_TREES 64u
#define QUICK_LEAVES 64u          /* the most that a tree of QuickScorer has                 */
#define VALUE_BYTES_PER_BYTE 256u /* of the file: values of leaves, of all nodes             */
#define VALUE_BYTES (UINT64_C(1) << 26)

/* A subtree to come. */
struct branch {
    uint32_t parent;
    uint32_t depth;
    double   cover;
    int      is_left;
};

struct forest {
    struct ydf *y;
    struct bytes in;
    uint64_t value_bytes;
    struct vec flags, left, right, feature, threshold, value, leaf_id, cover, set_start, words;
    struct vec branches;
};

/* ---- looking through ------------------------------------------------------------------------ */

static mdl_status next_node(struct forest *f, struct ydf_node *node)
{
    struct bytes blob;

    if (!mdl_ydf_blob(&f->in, &blob))
        return YDF_BAD(f->y, bytes_offset(&f->in), "the file ends within the trees: "
                       MDL_CUT_OFF);
    return mdl_ydf_node(f->y, blob, node);
}

static mdl_status survey_tree(struct forest *f)
{
    struct ydf_node node;
    uint64_t nodes = 0;
    mdl_status s = MDL_OK;

    for (uint64_t open = 1; !s && open; nodes++) {
        s = next_node(f, &node);
        open += node.condition ? 1 : UINT64_MAX;
        if (!s && node.condition)
            s = mdl_ydf_survey(f->y, &node);
    }
    if (!s && nodes > INT32_MAX)
        return YDF_BAD(f->y, bytes_offset(&f->in), "a tree of %llu nodes", ULL(nodes));
    f->y->most_nodes = nodes > f->y->most_nodes ? nodes : f->y->most_nodes;
    return s;
}

static mdl_status survey(struct forest *f)
{
    struct ydf *y = f->y;
    mdl_status s = MDL_OK;

    y->globally_higher = y->globally_others = y->has_cover = 1;
    for (int64_t i = 0; !s && i < y->n_trees; i++)
        s = survey_tree(f);
    if (!s && bytes_left(&f->in))
        s = YDF_BAD(y, bytes_offset(&f->in), "%llu bytes behind the last tree",
                    ULL(bytes_left(&f->in)));
    if (!y->globally_others)
        mdl_parts_add(&y->parts, "booleans or categories whose missing values go elsewhere than "
                      "the most frequent value (for these YDF has no engine but its slow one)");
    y->is_quick = y->model == YDF_GBT && !y->has_is_na && (y->most_nodes + 1) / 2 <= QUICK_LEAVES
               && (y->task == YDF_REGRESSION || y->task == YDF_RANKING
                   || (y->task == YDF_CLASSIFICATION && y->classes == 2));
    return s ? s : mdl_parts_fail(&y->parts, y->err);
}

/* ---- one tree ------------------------------------------------------------------------------- */

static mdl_status make_room(struct forest *f)
{
    struct ydf *y = f->y;
    const uint64_t n = y->most_nodes;
    const struct { struct vec *v; uint64_t cells; size_t bytes; } rooms[] = {
        { &f->flags, n, 1 }, { &f->left, n, 4 }, { &f->right, n, 4 }, { &f->feature, n, 4 },
        { &f->threshold, n, 8 }, { &f->value, n * y->leaf_width, 8 }, { &f->leaf_id, n, 4 },
        { &f->cover, n, 8 }, { &f->set_start, n + 1, 4 }, { &f->branches, n + 1,
                                                            sizeof(struct branch) },
    };

    if (n > (VALUE_BYTES_PER_BYTE * y->size + VALUE_BYTES) / sizeof(double) / y->leaf_width)
        return mdl_fail(y->err, MDL_ERR_LIMIT, "trees of %llu nodes with %llu values each", ULL(n),
                        ULL(y->leaf_width));
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        if (!mdl_ydf_room(y, rooms[i].v, rooms[i].cells, rooms[i].bytes))
            return MDL_ERR_MEMORY;
    return MDL_OK;
}

static mdl_status add_split(struct forest *f, const struct ydf_node *node, uint32_t i,
                            const struct branch *b, uint64_t *open)
{
    const struct ydf_column *c = &YDF_AT(f->y->columns, struct ydf_column)[node->attribute];
    const struct branch positive = { i, b->depth + 1, node->pos_weight, 0 };
    const struct branch negative = { i, b->depth + 1, node->weight - node->pos_weight, 1 };
    struct branch *branches = YDF_AT(f->branches, struct branch);
    int swap;
    const mdl_status s = mdl_ydf_question(f->y, node, &YDF_AT(f->flags, uint8_t)[i],
                                          &YDF_AT(f->threshold, double)[i], &f->words, &swap);

    YDF_AT(f->feature, int32_t)[i] = c->position;
    branches[*open] = positive;
    branches[*open + 1] = negative;
    branches[*open].is_left = swap;
    branches[*open + 1].is_left = !swap;
    *open += 2;
    return s;
}

static mdl_status read_tree(struct forest *f, uint32_t *nodes)
{
    struct branch *branches = YDF_AT(f->branches, struct branch);
    const uint64_t width = f->y->leaf_width;
    struct ydf_node node;
    uint64_t open = 1;
    uint32_t i = 0, leaves = 0;
    mdl_status s = MDL_OK;

    branches[0] = (struct branch){ .parent = UINT32_MAX };
    f->words.bytes = 0;
    for (; !s && open; i++) {
        const struct branch b = branches[--open];
        s = next_node(f, &node);
        if (s)
            return s;
        if (b.parent != UINT32_MAX)
            YDF_AT(b.is_left ? f->left : f->right, int32_t)[b.parent] = (int32_t)i;
        YDF_AT(f->cover, double)[i] = i ? b.cover : node.condition ? node.weight : 1;
        if (node.condition) {
            s = add_split(f, &node, i, &b, &open);
        } else {
            YDF_AT(f->flags, uint8_t)[i] = MDL_NODE_LEAF;
            YDF_AT(f->leaf_id, int32_t)[i] = (int32_t)leaves++;
            s = mdl_ydf_leaf(f->y, &node, b.depth, &YDF_AT(f->value, double)[i * width]);
        }
        YDF_AT(f->set_start, uint32_t)[i + 1] = (uint32_t)(f->words.bytes / 4);
    }
    *nodes = i;
    return s;
}

static mdl_status add_tree(struct forest *f, int64_t number, int32_t trees)
{
    struct ydf *y = f->y;
    const uint64_t offset = bytes_offset(&f->in);
    uint32_t nodes = 0;
    mdl_status s = read_tree(f, &nodes);
    const mdl_tree tree = {
        .size = sizeof tree, .n_nodes = nodes, .weight = 1,
        .output = (uint64_t)(number % y->trees_a_round),
        .iteration = (uint64_t)(number / y->trees_a_round),
        .flags = YDF_AT(f->flags, uint8_t), .left = YDF_AT(f->left, int32_t),
        .right = YDF_AT(f->right, int32_t), .feature = YDF_AT(f->feature, int32_t),
        .threshold = YDF_AT(f->threshold, double), .value = YDF_AT(f->value, double),
        .leaf_id = YDF_AT(f->leaf_id, int32_t),
        .cover = y->has_cover ? YDF_AT(f->cover, double) : NULL,
        .set_start = YDF_AT(f->set_start, uint32_t), .set_words = YDF_AT(f->words, uint32_t),
    };

    f->value_bytes += (uint64_t)nodes * y->leaf_width * sizeof(double);
    if (!s && f->value_bytes > VALUE_BYTES_PER_BYTE * y->size + VALUE_BYTES)
        s = mdl_fail(y->err, MDL_ERR_LIMIT, "the values of leaves, %llu each, need too much memory",
                     ULL(y->leaf_width));
    if (!s && mdl_build_tree(y->b, trees, &tree)) {
        s = mdl_builder_status(y->b, y->err);
        mdl_error_where(y->err, "", offset, NULL);
    }
    return s;
}

/* ---- all ------------------------------------------------------------------------------------- */

static mdl_status add_trees(struct forest *f)
{
    struct ydf *y = f->y;
    const float *initial = YDF_AT(y->initial, float);
    const double base = y->is_quick ? (double)initial[0] : 0;
    const mdl_trees trees = {
        .size = sizeof trees, .compare = MDL_TREES_LT, .threshold_type = MDL_F32,
        .leaf_type = MDL_F32, .outputs = y->outputs, .leaf_width = y->leaf_width,
        .base = y->is_quick ? &base : NULL,
    };
    const int32_t node = mdl_build_trees(y->b, y->x, &trees);
    mdl_status s = mdl_builder_status(y->b, y->err);

    f->in = y->nodes;
    for (int64_t i = 0; !s && i < y->n_trees; i++) {
        s = add_tree(f, i, node);
        if (!s && i % PROGRESS_TREES == 0)
            s = mdl_import_progress(y->options, bytes_offset(&f->in),
                                    bytes_offset(&f->in) + bytes_left(&f->in), y->err);
    }
    y->raw = mdl_build_result(y->b, node, 0);
    y->leaves = mdl_build_result(y->b, node, 1);
    return s;
}

mdl_status mdl_ydf_trees(struct ydf *y)
{
    struct forest f = { .y = y, .in = y->nodes };
    struct vec *const rooms[] = { &f.flags, &f.left, &f.right, &f.feature, &f.threshold, &f.value,
                                  &f.leaf_id, &f.cover, &f.set_start, &f.words, &f.branches };
    mdl_status s = survey(&f);

    if (!s) s = make_room(&f);
    if (!s) s = add_trees(&f);
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        mdl_vec_free(rooms[i], &y->allocator);
    return s;
}

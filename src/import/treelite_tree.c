/*
 * import/treelite_tree.c - the trees of a checkpoint, one at a time into the builder
 *
 *     i32 nodes   u8 has categories   the arrays below, by node but for those of ANY length
 *     i32 n, n fields that are passed over, of the tree; the same, of its nodes
 *
 * A node is a leaf if its left child is -1; its value is leaf_value, or leaf_vector[begin .. end)
 * if that is not empty.  A test that holds goes left:
 *
 *     number     x op threshold, op one of < <= > >=; NaN goes to the default side
 *     category   x, cut to an integer, is in category_list[begin .. end); category_list_right_child
 *                turns it round; below 0 and, of float32, above 2^24: in no list
 *
 * An ensemble compares either with < or with <=; x > t and x >= t are these with the children
 * exchanged.  The arrays are read twice: what there is, and then tree by tree.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/treelite.h"

enum { TYPE, LEFT, RIGHT, FEATURE, DEFAULT_LEFT, LEAF, THRESHOLD, COMPARE, LIST_RIGHT,
       VECTOR, VECTOR_BEGIN, VECTOR_END, LIST, LIST_BEGIN, LIST_END,
       COUNT, HAS_COUNT, HESSIAN, HAS_HESSIAN, GAIN, HAS_GAIN, ARRAYS };
enum { BY_NODE, BY_NODE_OR_NONE, ANY };

static const struct { const char *name; uint8_t cell, length; } arrays[ARRAYS] = {
    [TYPE] = { "node_type", 1, BY_NODE },             /* cell 0: that of thresholds and leaves */
    [LEFT] = { "cleft", 4, BY_NODE },
    [RIGHT] = { "cright", 4, BY_NODE },
    [FEATURE] = { "split_index", 4, BY_NODE },
    [DEFAULT_LEFT] = { "default_left", 1, BY_NODE },
    [LEAF] = { "leaf_value", 0, BY_NODE },
    [THRESHOLD] = { "threshold", 0, BY_NODE },
    [COMPARE] = { "cmp", 1, BY_NODE },
    [LIST_RIGHT] = { "category_list_right_child", 1, BY_NODE },
    [VECTOR] = { "leaf_vector", 0, ANY },
    [VECTOR_BEGIN] = { "leaf_vector_begin", 8, BY_NODE },
    [VECTOR_END] = { "leaf_vector_end", 8, BY_NODE },
    [LIST] = { "category_list", 4, ANY },
    [LIST_BEGIN] = { "category_list_begin", 8, BY_NODE },
    [LIST_END] = { "category_list_end", 8, BY_NODE },
    [COUNT] = { "data_count", 8, BY_NODE_OR_NONE },
    [HAS_COUNT] = { "data_count_present", 1, BY_NODE_OR_NONE },
    [HESSIAN] = { "sum_hess", 8, BY_NODE_OR_NONE },
    [HAS_HESSIAN] = { "sum_hess_present", 1, BY_NODE_OR_NONE },
    [GAIN] = { "gain", 8, BY_NODE_OR_NONE },
    [HAS_GAIN] = { "gain_present", 1, BY_NODE_OR_NONE },
};

enum { OP_NONE, OP_EQ, OP_LT, OP_LE, OP_GT, OP_GE, OPS };
enum { NODE_LEAF, NODE_NUMBER, NODE_CATEGORY };

/* Sets are bits up to the largest category, so a small file could ask for much: at most this,
 * and this much for each byte of the file. */
#define SET_BYTES ((uint64_t)64 << 20)
#define SET_BYTES_PER_BYTE 64u
#define PROGRESS_TREES 64u        /* between two reports */

struct tree {
    uint64_t nodes, number, offset;         /* which tree, and where it begins             */
    const unsigned char *at[ARRAYS];        /* in the file                                 */
    uint64_t n[ARRAYS];
    uint64_t output;                        /* first one that it adds to                   */
};

/* What lasts from tree to tree. */
struct forest {
    struct tl *t;
    struct tree tree;
    unsigned ops;                           /* bits of the operators met                   */
    uint64_t width;                         /* of leaves                                   */
    uint64_t iteration, set_bytes;
    int32_t node;
    struct vec flags, left, right, feature, threshold, value, cover, set_start, set_words;
};

#define BAD(f, ...) TL_BAD((f)->t, (f)->tree.offset, __VA_ARGS__)

/* ---- reading one ------------------------------------------------------------------------ */

static mdl_status read_tree(struct forest *f)
{
    struct tl *t = f->t;
    struct tree *tree = &f->tree;
    mdl_status s = MDL_OK;

    tree->offset = bytes_offset(&t->in);
    const int32_t nodes = (int32_t)bytes_u32(&t->in);
    bytes_u8(&t->in);
    if (t->in.bad)
        return BAD(f, "the file ends at tree %llu of %llu: " MDL_CUT_OFF, ULL(tree->number),
                   ULL(t->n_trees));
    if (nodes < 1)
        return BAD(f, "tree %llu has %d nodes", ULL(tree->number), (int)nodes);
    tree->nodes = (uint64_t)nodes;
    for (int i = 0; !s && i < ARRAYS; i++) {
        const size_t cell = arrays[i].cell ? arrays[i].cell : t->cell;
        const int is_any = arrays[i].length != BY_NODE;

        s = mdl_tl_array(t, arrays[i].name, is_any ? TL_ANY : tree->nodes, cell, &tree->at[i],
                         &tree->n[i]);
        if (!s && arrays[i].length == BY_NODE_OR_NONE && tree->n[i] && tree->n[i] != tree->nodes)
            s = BAD(f, "tree %llu: '%s' has %llu elements, expected %llu or none",
                    ULL(tree->number), arrays[i].name, ULL(tree->n[i]), ULL(tree->nodes));
    }
    if (!s) s = mdl_tl_skip_fields(t);
    if (!s) s = mdl_tl_skip_fields(t);
    return s;
}

static int is_leaf(const struct tree *tree, uint64_t i) { return tl_i32(tree->at[LEFT], i) == -1; }

/* ---- the first pass: what there is ---------------------------------------------------------- */

/* The first output of a tree; how many follow is the same for all trees. */
static mdl_status find_output(struct forest *f)
{
    const struct tl *t = f->t;
    const int32_t target = tl_i32(t->target_id, f->tree.number);
    const int32_t class = tl_i32(t->class_id, f->tree.number);
    const int all_targets = target == -1 && t->targets > 1;
    const int all_classes = class == -1 && t->classes > 1;
    const uint64_t row = target < 0 ? 0 : (uint64_t)target, column = class < 0 ? 0 : (uint64_t)class;

    if (target < -1 || row >= t->targets || class < -1
        || (!all_classes && column >= (uint64_t)tl_i32(t->num_class, row)))
        return BAD(f, "tree %llu adds to target %d, class %d", ULL(f->tree.number), (int)target,
                   (int)class);
    if (t->shape[0] != (all_targets ? t->targets : 1)
        || t->shape[1] != (all_classes ? t->classes : 1))
        return BAD(f, "tree %llu adds to target %d, class %d with leaves of %u x %u",
                   ULL(f->tree.number), (int)target, (int)class, (unsigned)t->shape[0],
                   (unsigned)t->shape[1]);
    f->tree.output = row * t->classes + column;
    return MDL_OK;
}

static mdl_status count_tree(struct forest *f)
{
    struct tl *t = f->t;
    uint64_t *seen = (uint64_t *)(void *)t->seen.data, leaves = 0;
    const mdl_status s = find_output(f);

    if (s)
        return s;
    for (uint64_t k = 0; k < f->width; k++) {
        const uint64_t n = ++seen[f->tree.output + k];
        t->rounds = n > t->rounds ? n : t->rounds;
    }
    for (uint64_t i = 0; i < f->tree.nodes; i++) {
        const unsigned type = f->tree.at[TYPE][i], op = f->tree.at[COMPARE][i];

        if (is_leaf(&f->tree, i)) {
            leaves++;
            continue;
        }
        if (type != NODE_NUMBER && type != NODE_CATEGORY)
            return BAD(f, "tree %llu: node %llu has children and the type %u",
                       ULL(f->tree.number), ULL(i), type);
        if (type == NODE_NUMBER && (op == OP_NONE || op >= OPS))
            return BAD(f, "tree %llu: node %llu has the operator %u", ULL(f->tree.number), ULL(i),
                       op);
        f->ops |= type == NODE_NUMBER ? 1u << op : 0;
    }
    if (f->tree.nodes > 2 * leaves)       /* leaves may be wide, and nodes get room for one */
        return BAD(f, "tree %llu has %llu nodes and %llu leaves", ULL(f->tree.number),
                   ULL(f->tree.nodes), ULL(leaves));
    if (f->width > 1 && leaves > f->tree.n[VECTOR] / f->width)
        return BAD(f, "tree %llu: %llu leaves of %llu values, there are %llu", ULL(f->tree.number),
                   ULL(leaves), ULL(f->width), ULL(f->tree.n[VECTOR]));
    return MDL_OK;
}

static mdl_status count_trees(struct forest *f)
{
    const unsigned below = 1u << OP_LT | 1u << OP_GE, up_to = 1u << OP_LE | 1u << OP_GT;
    struct tl *t = f->t;
    const struct bytes start = t->in;
    mdl_status s = MDL_OK;

    for (f->tree.number = 0; !s && f->tree.number < t->n_trees; f->tree.number++) {
        s = read_tree(f);
        if (!s) s = count_tree(f);
    }
    if (!s && bytes_left(&t->in))
        s = TL_BAD(t, bytes_offset(&t->in), "%llu bytes behind the last tree",
                   ULL(bytes_left(&t->in)));
    if (f->ops & 1u << OP_EQ)
        mdl_parts_add(&t->parts, "tests x == threshold");
    if (f->ops & below && f->ops & up_to)
        mdl_parts_add(&t->parts, "tests with < and with <= in one model");
    t->in = start;
    return s;
}

/* ---- one node --------------------------------------------------------------------------------- */

static void fill_node(struct forest *f, uint64_t i, uint8_t *flags, int32_t *left, int32_t *right)
{
    const struct tree *tree = &f->tree;
    const unsigned op = tree->at[COMPARE][i];
    const int is_category = tree->at[TYPE][i] == NODE_CATEGORY;
    const int turned = !is_category && (op == OP_GT || op == OP_GE);
    const int default_left = (tree->at[DEFAULT_LEFT][i] != 0) != turned;

    *left = tl_i32(tree->at[turned ? RIGHT : LEFT], i);
    *right = tl_i32(tree->at[turned ? LEFT : RIGHT], i);
    *flags = (uint8_t)(MDL_NODE_NAN_DEFAULT | (default_left ? MDL_NODE_DEFAULT_LEFT : 0)
                       | (is_category ? MDL_NODE_CATEGORY : MDL_NODE_NUMBER)
                       | (is_category && !tree->at[LIST_RIGHT][i] ? MDL_NODE_SET_LEFT : 0));
}

/* The values of a leaf; *used counts those that were taken, for no two leaves share any. */
static mdl_status fill_leaf(struct forest *f, uint64_t i, double *value, uint64_t *used)
{
    const struct tl *t = f->t;
    const struct tree *tree = &f->tree;
    const uint64_t begin = tl_u64(tree->at[VECTOR_BEGIN], i), end = tl_u64(tree->at[VECTOR_END], i);

    if (begin == end && f->width == 1) {
        value[0] = tl_real(tree->at[LEAF], t->cell, i);
        return MDL_OK;
    }
    if (begin > end || end > tree->n[VECTOR] || end - begin != f->width)
        return BAD(f, "tree %llu: leaf %llu is values %llu to %llu of %llu, expected %llu of them",
                   ULL(tree->number), ULL(i), ULL(begin), ULL(end), ULL(tree->n[VECTOR]),
                   ULL(f->width));
    *used += f->width;
    if (*used > tree->n[VECTOR])
        return BAD(f, "tree %llu: leaves share their values", ULL(tree->number));
    for (uint64_t k = 0; k < f->width; k++) {
        const uint64_t output = tree->output + k, target = output / t->classes;
        const int is_own = output % t->classes < (uint64_t)tl_i32(t->num_class, target);

        value[k] = is_own ? tl_real(tree->at[VECTOR], t->cell, begin + k) : 0;
    }
    return MDL_OK;
}

/* ---- sets ----------------------------------------------------------------------------------------- */

/* Of a category node, at the end of set_words. */
static mdl_status add_set(struct forest *f, uint64_t i, uint64_t *used)
{
    const struct tl *t = f->t;
    const struct tree *tree = &f->tree;
    const uint64_t begin = tl_u64(tree->at[LIST_BEGIN], i), end = tl_u64(tree->at[LIST_END], i);
    const uint64_t limit = (uint64_t)(t->in.end - t->in.start) * SET_BYTES_PER_BYTE + SET_BYTES;
    const uint32_t above = t->type == MDL_F32 ? (1u << 24) + 1 : UINT32_MAX;
    uint32_t words = 0;

    if (begin > end || end > tree->n[LIST])
        return BAD(f, "tree %llu: node %llu has categories %llu to %llu of %llu",
                   ULL(tree->number), ULL(i), ULL(begin), ULL(end), ULL(tree->n[LIST]));
    *used += end - begin;
    if (*used > tree->n[LIST])
        return BAD(f, "tree %llu: nodes share their categories", ULL(tree->number));
    for (uint64_t k = begin; k < end; k++) {
        const uint32_t c = (uint32_t)tl_i32(tree->at[LIST], k);
        words = c < above && c / 32 >= words ? c / 32 + 1 : words;
    }
    f->set_bytes += (uint64_t)words * 4;
    if (f->set_bytes > limit || words > INT32_MAX / 32)
        return mdl_fail_at(t->err, MDL_ERR_LIMIT, "", tree->offset, "tree %llu: the sets of "
                           "categories need more than %llu bytes: number the categories from 0",
                           ULL(tree->number), ULL(limit));
    uint32_t *set = mdl_vec_add(&f->set_words, &t->allocator, NULL, (size_t)words * 4);
    if (!set && words)
        return mdl_fail(t->err, MDL_ERR_MEMORY, "out of memory");
    for (uint64_t k = begin; k < end; k++) {
        const uint32_t c = (uint32_t)tl_i32(tree->at[LIST], k);
        if (c < above)
            set[c / 32] |= (uint32_t)1 << c % 32;
    }
    return MDL_OK;
}

static mdl_status fill_sets(struct forest *f)
{
    const struct tree *tree = &f->tree;
    uint32_t *start = mdl_tl_room(f->t, &f->set_start, tree->nodes + 1, sizeof *start);
    uint64_t used = 0;

    f->set_words.bytes = 0;
    if (!start)
        return MDL_ERR_MEMORY;
    for (uint64_t i = 0; i < tree->nodes; i++) {
        if (!is_leaf(tree, i) && tree->at[TYPE][i] == NODE_CATEGORY) {
            const mdl_status s = add_set(f, i, &used);
            if (s)
                return s;
        }
        start[i + 1] = (uint32_t)(f->set_words.bytes / 4);
    }
    return MDL_OK;
}

/* ---- into the builder ------------------------------------------------------------------------------- */

/* The training weight of each node if the file has it of all: Hessians, else counts. */
static const double *cover(struct forest *f)
{
    const struct tree *tree = &f->tree;

    for (int what = HESSIAN; what >= COUNT; what -= HESSIAN - COUNT) {
        if (!tree->n[what] || !tree->n[what + 1] || memchr(tree->at[what + 1], 0, (size_t)tree->nodes))
            continue;
        double *to = mdl_tl_room(f->t, &f->cover, tree->nodes, sizeof *to);
        int good = to != NULL;
        for (uint64_t i = 0; good && i < tree->nodes; i++) {
            to[i] = what == COUNT ? (double)tl_u64(tree->at[what], i)
                                  : tl_real(tree->at[what], sizeof *to, i);
            good = to[i] >= 0 && to[i] - to[i] == 0;
        }
        return good ? to : NULL;
    }
    return NULL;
}

static mdl_status fill(struct forest *f, mdl_tree *out)
{
    const struct tree *tree = &f->tree;
    const uint64_t n = tree->nodes;
    uint8_t *flags = mdl_tl_room(f->t, &f->flags, n, 1);
    int32_t *left = mdl_tl_room(f->t, &f->left, n, 4), *right = mdl_tl_room(f->t, &f->right, n, 4);
    int32_t *feature = mdl_tl_room(f->t, &f->feature, n, 4);
    double *threshold = mdl_tl_room(f->t, &f->threshold, n, sizeof *threshold);
    double *value = n > UINT64_MAX / f->width ? NULL : mdl_tl_room(f->t, &f->value, n * f->width,
                                                                   sizeof *value);
    uint64_t used = 0;
    mdl_status s = MDL_OK;

    if (!flags || !left || !right || !feature || !threshold || !value)
        return MDL_ERR_MEMORY;
    for (uint64_t i = 0; !s && i < n; i++) {
        if (is_leaf(tree, i)) {
            s = fill_leaf(f, i, value + i * f->width, &used);
            continue;
        }
        fill_node(f, i, &flags[i], &left[i], &right[i]);
        feature[i] = tl_i32(tree->at[FEATURE], i);
        if (tree->at[TYPE][i] == NODE_NUMBER)
            threshold[i] = tl_real(tree->at[THRESHOLD], f->t->cell, i);
    }
    if (!s) s = fill_sets(f);
    *out = (mdl_tree){ .size = sizeof *out, .n_nodes = (uint32_t)n, .output = tree->output,
                       .iteration = f->iteration, .weight = 1, .flags = flags, .left = left,
                       .right = right, .feature = feature, .threshold = threshold, .value = value,
                       .cover = cover(f),
                       .set_start = (const uint32_t *)(void *)f->set_start.data,
                       .set_words = (const uint32_t *)(void *)f->set_words.data };
    return s;
}

static mdl_status add_tree(struct forest *f)
{
    struct tl *t = f->t;
    uint64_t *seen = (uint64_t *)(void *)t->seen.data;
    mdl_tree tree;
    mdl_status s = find_output(f);

    if (s)
        return s;
    /* Round i has the i-th tree of each output. */
    f->iteration = seen[f->tree.output] > f->iteration ? seen[f->tree.output] : f->iteration;
    for (uint64_t k = 0; k < f->width; k++)
        seen[f->tree.output + k]++;
    s = fill(f, &tree);
    if (!s && mdl_build_tree(t->b, f->node, &tree)) {
        s = mdl_builder_status(t->b, t->err);
        mdl_error_where(t->err, "", f->tree.offset, NULL);
    }
    return s;
}

static mdl_status add_trees(struct forest *f)
{
    struct tl *t = f->t;
    const mdl_trees trees = {
        .size = sizeof trees, .threshold_type = t->type, .leaf_type = t->type,
        .compare = f->ops & (1u << OP_LE | 1u << OP_GT) ? MDL_TREES_LE : MDL_TREES_LT,
        .outputs = t->outputs, .leaf_width = f->width,
    };
    mdl_status s = MDL_OK;

    memset(t->seen.data, 0, t->seen.bytes);
    f->node = mdl_build_trees(t->b, t->x, &trees);
    for (f->tree.number = 0; !s && f->tree.number < t->n_trees; f->tree.number++) {
        s = read_tree(f);
        if (!s) s = add_tree(f);
        if (!s && f->tree.number % PROGRESS_TREES == 0)
            s = mdl_import_progress(t->options, bytes_offset(&t->in),
                                    (uint64_t)(t->in.end - t->in.start), t->err);
    }
    t->raw = mdl_build_result(t->b, f->node, 0);
    t->leaves = mdl_build_result(t->b, f->node, 1);
    return s;
}

mdl_status mdl_tl_trees(struct tl *t)
{
    struct forest f = { .t = t, .width = (uint64_t)t->shape[0] * t->shape[1] };
    struct vec *const rooms[] = { &f.flags, &f.left, &f.right, &f.feature, &f.threshold, &f.value,
                                  &f.cover, &f.set_start, &f.set_words };
    mdl_status s = mdl_tl_room(t, &t->seen, t->outputs, sizeof(uint64_t)) ? MDL_OK
                                                                          : MDL_ERR_MEMORY;

    if (!s && !t->parts.count)
        s = count_trees(&f);
    if (!s) s = mdl_parts_fail(&t->parts, t->err);
    if (!s) s = add_trees(&f);
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++)
        mdl_vec_free(rooms[i], &t->allocator);
    return s;
}

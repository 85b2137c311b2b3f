/*
 * graph/build_tree.c - the builder: trees
 *
 * A tree comes in the source's own numbering and is written in pre-order, so that the
 * left child follows its parent.  Nodes that the root does not reach are never seen.
 * Of oblivious trees only levels and leaves are kept.
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build.h"
#include "op/tree.h"

#include <stddef.h>
#include <string.h>

/* An ensemble's arrays while it grows; as in op/tree.h. */
struct tree_parts {
    struct vec part[TREES_SLOTS];
    struct vec stack;             /* struct visit, while one tree is walked         */
    struct vec seen;              /* a byte per source node of that tree            */
    uint64_t cols;                /* of x                                           */
    uint32_t threshold_type, leaf_type;
    uint32_t n_nodes, n_leaves, n_trees, n_iterations;
    int weighted;                 /* some tree has a weight other than 1            */
    int covered;                  /* every tree so far came with covers             */
    int linear;                   /* some tree came with linear leaves              */
    int oblivious;                /* all trees are: nodes are levels, ids none      */
};

/* A node still to be written; `patch` is the parent whose right child it is. */
struct visit {
    int32_t source;
    uint32_t patch;
};
#define NO_PATCH UINT32_MAX

static int add(mdl_builder *b, struct vec *v, const void *data, size_t bytes)
{
    if (mdl_vec_add(v, &b->allocator, data, bytes))
        return 1;
    mdl_build_memory(b);
    return 0;
}

static int add_u32(mdl_builder *b, struct vec *v, uint64_t x)
{
    const uint32_t word = (uint32_t)x;

    return add(b, v, &word, sizeof word);
}

/* A number in the ensemble's type; what does not fit exactly is refused. */
static int add_real(mdl_builder *b, struct vec *v, uint32_t type, double x)
{
    if (type == MDL_F64)
        return add(b, v, &x, sizeof x);

    volatile double given = x;                   /* volatile: not to be moved out of here */
    const uint64_t mode = mdl_fp_enter();        /* denormals are numbers here */
    const double wide = given;
    const float f = (float)wide;
    volatile int exact = (double)f == wide || wide != wide;
    mdl_fp_leave(mode);
    if (!exact)
        return !mdl_build_error(b, MDL_ERR_ARGUMENT, "a threshold, leaf or weight of tree is "
                                "float64 in an ensemble of float32");
    return add(b, v, &f, sizeof f);
}

int32_t mdl_build_trees(mdl_builder *b, int32_t x, const mdl_trees *t)
{
    if (b->error.code)
        return MDL_NONE;
    if (t->size < sizeof *t || t->outputs < 1 || t->outputs > INT32_MAX || t->leaf_width < 1
        || t->leaf_width > t->outputs || t->compare > 1
        || t->flags > (MDL_TREES_AVERAGE | MDL_TREES_CLIP_ZERO | MDL_TREES_TRUNCATE)
        || (t->leaf_type != MDL_F32 && t->leaf_type != MDL_F64)
        || (t->threshold_type != MDL_F32 && t->threshold_type != MDL_F64)) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "mdl_trees does not describe an ensemble");
        return MDL_NONE;
    }
    const struct build_input *inputs = (struct build_input *)(void *)b->inputs.data;
    const int32_t id = mdl_build_node(b, "trees", "", &x, 1);
    struct build_node *n = mdl_build_node_at(b, id);
    if (!n)
        return MDL_NONE;

    struct tree_parts *p = mdl_arena_take(&b->arena, 1, sizeof *p);
    if (!p) {
        mdl_build_memory(b);
        return MDL_NONE;
    }
    n->trees = p;
    p->threshold_type = t->threshold_type;
    p->leaf_type = t->leaf_type;
    p->covered = 1;
    p->cols = (uint32_t)x < BUILD_COUNT(b->inputs, struct build_input) ? inputs[x].value.cols
                                                                        : INT32_MAX;
    const struct trees_params params = {
        .compare = t->compare, .average = (t->flags & MDL_TREES_AVERAGE) != 0,
        .clip_zero = (t->flags & MDL_TREES_CLIP_ZERO) != 0,
        .truncate = (t->flags & MDL_TREES_TRUNCATE) != 0,
        .outputs = (int64_t)t->outputs, .leaf_width = (int64_t)t->leaf_width,
    };
    memcpy(n->node.params, &params, sizeof params);
    for (uint64_t i = 0; t->base && i < t->outputs; i++)
        if (!add_real(b, &p->part[TREES_BASE], t->leaf_type, t->base[i]))
            return MDL_NONE;
    return id;
}

/* ---- one tree -------------------------------------------------------------------------- */

static int push(mdl_builder *b, struct tree_parts *p, const mdl_tree *t, int32_t source,
                uint32_t patch)
{
    const struct visit v = { source, patch };

    if (source < 0 || (uint32_t)source >= t->n_nodes)
        return !mdl_build_error(b, MDL_ERR_FORMAT, "tree %u: child %d, there are %u nodes",
                                (unsigned)p->n_trees, (int)source, (unsigned)t->n_nodes);
    if (p->seen.data[source]++)
        return !mdl_build_error(b, MDL_ERR_FORMAT,
                                "tree %u: node %d is reached twice (a cycle or a shared child)",
                                (unsigned)p->n_trees, (int)source);
    return add(b, &p->stack, &v, sizeof v);
}

/* From now on every leaf has a linear part: those so far are their plain value. */
static int begin_linear(mdl_builder *b, struct tree_parts *p)
{
    if (p->linear)
        return 1;
    if (p->leaf_type != MDL_F64)
        return !mdl_build_error(b, MDL_ERR_ARGUMENT, "linear leaves must be float64");
    p->linear = 1;
    return add(b, &p->part[TREES_LINEAR_CONST], p->part[TREES_VALUE].data,
               p->part[TREES_VALUE].bytes)
        && add(b, &p->part[TREES_LINEAR_START], NULL, ((size_t)p->n_leaves + 1) * 4);
}

static int add_linear(mdl_builder *b, struct tree_parts *p, const mdl_tree *t, uint32_t s)
{
    const uint32_t begin = t->linear_const ? t->linear_start[s] : 0;
    const uint32_t end = t->linear_const ? t->linear_start[s + 1] : 0;
    const double constant = t->linear_const ? t->linear_const[s] : t->value[s];

    if (!add(b, &p->part[TREES_LINEAR_CONST], &constant, sizeof constant))
        return 0;
    for (uint32_t i = begin; i < end; i++) {
        if (t->linear_feature[i] < 0 || (uint64_t)t->linear_feature[i] >= p->cols)
            return !mdl_build_error(b, MDL_ERR_FORMAT, "tree %u: a linear leaf uses column %d",
                                    (unsigned)p->n_trees, (int)t->linear_feature[i]);
        if (!add_u32(b, &p->part[TREES_LINEAR_FEATURE], (uint32_t)t->linear_feature[i])
            || !add(b, &p->part[TREES_LINEAR_COEF], &t->linear_coef[i], sizeof(double)))
            return 0;
    }
    return add_u32(b, &p->part[TREES_LINEAR_START], p->part[TREES_LINEAR_FEATURE].bytes / 4);
}

static int add_leaf(mdl_builder *b, struct build_node *n, const mdl_tree *t, uint32_t s)
{
    struct tree_parts *p = n->trees;
    const size_t width = (size_t)((struct trees_params *)n->node.params)->leaf_width;
    const int32_t id = t->leaf_id ? t->leaf_id[s] : (int32_t)s;

    for (size_t k = 0; k < width; k++)
        if (!add_real(b, &p->part[TREES_VALUE], p->leaf_type, t->value[s * width + k]))
            return 0;
    if (p->linear && !add_linear(b, p, t, s))
        return 0;
    p->n_leaves++;
    return add(b, &p->part[TREES_FLAGS], NULL, 1)
        && add(b, &p->part[TREES_LEAF_ID], &id, sizeof id)
        && add_u32(b, &p->part[TREES_FEATURE], 0)
        && add_real(b, &p->part[TREES_THRESHOLD], p->threshold_type, 0)
        && add_u32(b, &p->part[TREES_RIGHT], 0);
}

static int add_set(mdl_builder *b, struct tree_parts *p, const mdl_tree *t, uint32_t s)
{
    if (!t->set_start || t->set_start[s + 1] < t->set_start[s])
        return !mdl_build_error(b, MDL_ERR_ARGUMENT, "tree %u: category node %u has no set",
                                (unsigned)p->n_trees, (unsigned)s);
    if (!p->part[TREES_SET_START].bytes && !add_u32(b, &p->part[TREES_SET_START], 0))
        return 0;
    const size_t words = t->set_start[s + 1] - t->set_start[s];
    if (words && !add(b, &p->part[TREES_SET_WORDS], t->set_words + t->set_start[s], words * 4))
        return 0;
    return add_u32(b, &p->part[TREES_SET_START], p->part[TREES_SET_WORDS].bytes / 4);
}

/* What split or level s asks. */
static int add_question(mdl_builder *b, struct tree_parts *p, const mdl_tree *t, uint32_t s)
{
    const uint32_t kind = t->flags[s] & NODE_KIND;
    const double threshold = kind == NODE_NUMBER ? t->threshold[s] : 0;

    if (t->feature[s] < 0 || (uint64_t)t->feature[s] >= p->cols)
        return !mdl_build_error(b, MDL_ERR_FORMAT, "tree %u: node %u tests column %d of %llu",
                                (unsigned)p->n_trees, (unsigned)s, (int)t->feature[s],
                                (unsigned long long)p->cols);
    if (kind == NODE_KIND || kind == NODE_LEAF || threshold != threshold)
        return !mdl_build_error(b, MDL_ERR_FORMAT, "tree %u: node %u %s", (unsigned)p->n_trees,
                                (unsigned)s, threshold != threshold ? "has the threshold NaN"
                                                                         : "is of no known kind");
    if (kind == NODE_CATEGORY && !add_set(b, p, t, s))
        return 0;
    return add(b, &p->part[TREES_FLAGS], &t->flags[s], 1)
        && add_u32(b, &p->part[TREES_FEATURE], (uint32_t)t->feature[s])
        && add_real(b, &p->part[TREES_THRESHOLD], p->threshold_type, threshold);
}

static int add_split(mdl_builder *b, struct tree_parts *p, const mdl_tree *t, uint32_t s,
                     uint32_t at)
{
    return add_question(b, p, t, s) && add_u32(b, &p->part[TREES_RIGHT], 0)
        && push(b, p, t, t->right[s], at) && push(b, p, t, t->left[s], NO_PATCH);
}

static int add_node(mdl_builder *b, struct build_node *n, const mdl_tree *t, struct visit v)
{
    struct tree_parts *p = n->trees;
    const uint32_t s = (uint32_t)v.source, at = p->n_nodes++;

    if (v.patch != NO_PATCH)
        memcpy(p->part[TREES_RIGHT].data + v.patch * 4ull, &at, 4);
    if (p->n_nodes > INT32_MAX)
        return !mdl_build_error(b, MDL_ERR_LIMIT, "an ensemble of more than 2^31 nodes");
    if (p->covered && !add(b, &p->part[TREES_COVER], &t->cover[s], sizeof(double)))
        return 0;
    return (t->flags[s] & NODE_KIND) == NODE_LEAF ? add_leaf(b, n, t, s) : add_split(b, p, t, s, at);
}

static int add_nodes(mdl_builder *b, struct build_node *n, const mdl_tree *t)
{
    struct tree_parts *p = n->trees;

    p->seen.bytes = 0;
    p->stack.bytes = 0;
    if (!add(b, &p->seen, NULL, t->n_nodes) || !push(b, p, t, 0, NO_PATCH)
        || (t->linear_const && !begin_linear(b, p)))
        return 0;
    while (p->stack.bytes) {
        struct visit v;
        p->stack.bytes -= sizeof v;
        memcpy(&v, p->stack.data + p->stack.bytes, sizeof v);
        if (!add_node(b, n, t, v))
            return 0;
    }
    return 1;
}

static int is_oblivious(const mdl_tree *t)
{
    return t->size >= sizeof *t && t->oblivious;
}

static int add_levels(mdl_builder *b, struct build_node *n, const mdl_tree *t)
{
    struct tree_parts *p = n->trees;
    const size_t leaves = (size_t)t->n_nodes / 2 + 1;
    const size_t values = leaves * (size_t)((struct trees_params *)n->node.params)->leaf_width;

    if (t->n_nodes & (t->n_nodes + 1) || t->linear_const)
        return !mdl_build_error(b, MDL_ERR_ARGUMENT, "tree %u: %u nodes are no oblivious tree, or its "
                                "leaves are linear", (unsigned)p->n_trees, (unsigned)t->n_nodes);
    for (uint32_t level = 0; (size_t)1 << level < leaves; level++)
        if (!add_question(b, p, t, level))
            return 0;
    for (size_t i = 0; i < values && p->leaf_type != MDL_F64; i++)
        if (!add_real(b, &p->part[TREES_VALUE], p->leaf_type, t->value[i]))
            return 0;
    if ((p->leaf_type == MDL_F64
         && !add(b, &p->part[TREES_VALUE], t->value, values * sizeof *t->value))
        || (p->covered && !add(b, &p->part[TREES_COVER], t->cover, leaves * sizeof *t->cover)))
        return 0;
    p->n_leaves += (uint32_t)leaves;
    p->n_nodes += t->n_nodes;
    return p->n_nodes <= INT32_MAX
        || !mdl_build_error(b, MDL_ERR_LIMIT, "an ensemble of more than 2^31 nodes");
}

/* Iterations that begin at or before this tree. */
static int add_iterations(mdl_builder *b, struct tree_parts *p, uint64_t iteration)
{
    if (iteration > INT32_MAX || iteration + 1 < p->n_iterations)
        return !mdl_build_error(b, MDL_ERR_ARGUMENT, "tree %u: iteration %llu after %u",
                                (unsigned)p->n_trees, (unsigned long long)iteration,
                                (unsigned)p->n_iterations - 1);
    for (; p->n_iterations <= iteration; p->n_iterations++)
        if (!add_u32(b, &p->part[TREES_ITERATION], p->n_trees))
            return 0;
    return 1;
}

mdl_status mdl_build_tree(mdl_builder *b, int32_t node, const mdl_tree *t)
{
    struct build_node *n = mdl_build_node_at(b, node);

    if (!n)
        return b->error.code;
    if (!n->trees || t->size < offsetof(mdl_tree, oblivious) || !t->n_nodes || t->n_nodes > INT32_MAX)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "mdl_build_tree: not an ensemble, or no tree");
    struct tree_parts *p = n->trees;
    const struct trees_params *params = n->node.params;
    if (t->output + (uint64_t)params->leaf_width > (uint64_t)params->outputs)
        return mdl_build_error(b, MDL_ERR_FORMAT, "tree %u adds to column %llu, there are %lld",
                               (unsigned)p->n_trees, (unsigned long long)t->output,
                               (long long)params->outputs);

    if (p->n_trees && p->oblivious != is_oblivious(t))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "tree %u is oblivious and others are not, or the "
                               "other way round", (unsigned)p->n_trees);
    p->oblivious = is_oblivious(t);
    p->covered = p->covered && t->cover;
    p->weighted |= t->weight != 1.0;
    if (!add_iterations(b, p, t->iteration)
        || !add_u32(b, &p->part[TREES_TREE_START], p->n_nodes)
        || !add_u32(b, &p->part[TREES_OUTPUT], t->output)
        || !add_real(b, &p->part[TREES_WEIGHT], p->leaf_type, t->weight)
        || !(p->oblivious ? add_levels : add_nodes)(b, n, t))
        return b->error.code;
    p->n_trees++;
    return MDL_OK;
}

/* ---- the ensemble ------------------------------------------------------------------------ */

/* One array with its closing entry, as a tensor; the vec itself stays open. */
static mdl_status finish_offsets(mdl_builder *b, struct tensor *to, const struct vec *v,
                                 uint32_t last, struct arena *a)
{
    const size_t count = v->bytes / 4 + 1;
    uint32_t *all = mdl_arena_take(a, count, sizeof *all);

    if (!all)
        return mdl_build_memory(b);
    if (v->bytes)
        memcpy(all, v->data, v->bytes);
    all[count - 1] = last;
    *to = (struct tensor){ .type = MDL_U32, .rank = 1, .dims = { (int64_t)count },
                           .count = count, .data = all, .offset = MDL_NO_OFFSET };
    return MDL_OK;
}

static int is_wanted(const struct tree_parts *p, uint32_t slot)
{
    switch (slot) {
    case TREES_TREE_START: case TREES_ITERATION: return 0;   /* finish_offsets */
    case TREES_BASE: return p->part[slot].bytes != 0;
    case TREES_WEIGHT: return p->weighted;
    case TREES_COVER: return p->covered && p->n_trees;
    case TREES_SET_START: case TREES_SET_WORDS: return p->part[TREES_SET_START].bytes != 0;
    case TREES_LINEAR_CONST: case TREES_LINEAR_START: case TREES_LINEAR_FEATURE:
    case TREES_LINEAR_COEF: return p->linear;
    case TREES_RIGHT: case TREES_LEAF_ID: return !p->oblivious;
    case TREES_LEFT: case TREES_QUESTION: case TREES_VECTOR:
    case TREES_LEVEL: case TREES_GIVEN: case TREES_COUNT: case TREES_REST: return 0;   /* mdl_tree_pack */
    case TREES_SCALE: return 0;                  /* mdl_round_leaves */
    default: return 1;
    }
}

static uint32_t slot_type(const struct tree_parts *p, uint32_t slot, const struct slot *s)
{
    if (slot == TREES_THRESHOLD)
        return p->threshold_type;
    if (slot == TREES_VALUE || slot == TREES_BASE || slot == TREES_WEIGHT)
        return p->leaf_type;
    if (slot == TREES_COVER || slot == TREES_LEAF_ID)
        return slot == TREES_COVER ? MDL_F64 : MDL_I32;
    for (uint32_t type = MDL_F32; type <= MDL_BOOL; type++)
        if (s->types == TYPE_BIT(type))
            return type;
    return MDL_U32;
}

mdl_status mdl_tree_parts_finish(mdl_builder *b, struct build_node *n, struct arena *a)
{
    const struct tree_parts *p = n->trees;
    const int64_t width = ((struct trees_params *)n->node.params)->leaf_width;
    struct tensor *tensors = n->node.tensors;

    for (uint32_t slot = 0; slot < TREES_SLOTS; slot++) {
        const struct slot *s = &n->node.op->slots[slot];
        const uint32_t type = slot_type(p, slot, s);
        const uint64_t count = p->part[slot].bytes / mdl_type_bytes(type);

        if (!is_wanted(p, slot)) {
            tensors[slot] = (struct tensor){ .type = 0 };
            continue;
        }
        tensors[slot] = (struct tensor){
            .type = type, .rank = s->rank, .dims = { (int64_t)count }, .count = count,
            .data = p->part[slot].data, .offset = MDL_NO_OFFSET,
        };
        if (slot == TREES_VALUE) {
            tensors[slot].dims[0] = (int64_t)count / width;
            tensors[slot].dims[1] = width;
        }
    }
    mdl_status s = finish_offsets(b, &tensors[TREES_TREE_START], &p->part[TREES_TREE_START],
                                  p->n_nodes, a);
    if (!s) s = finish_offsets(b, &tensors[TREES_ITERATION], &p->part[TREES_ITERATION], p->n_trees, a);
    if (s)
        return s;
    const uint64_t mode = mdl_fp_enter();        /* denormals are numbers here */
    const int packed = mdl_tree_pack(tensors, n->node.params, p->oblivious, a);
    mdl_fp_leave(mode);
    return packed ? MDL_OK : mdl_build_memory(b);
}

uint32_t mdl_tree_parts_type(const struct tree_parts *parts)
{
    return parts->leaf_type;
}

void mdl_tree_parts_free(mdl_builder *b, struct tree_parts *p)
{
    if (!p)
        return;
    for (uint32_t slot = 0; slot < TREES_SLOTS; slot++)
        mdl_vec_free(&p->part[slot], &b->allocator);
    mdl_vec_free(&p->stack, &b->allocator);
    mdl_vec_free(&p->seen, &b->allocator);
}

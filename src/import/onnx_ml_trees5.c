/*
 * import/onnx_ml_trees5.c - TreeEnsemble, ai.onnx.ml 5
 *
 * Splits and leaves are lists of their own; a root whose two children are one leaf is that
 * leaf.  Members of sets come in the order of the nodes that ask for them, NaN after each set.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_ml.h"
#include "optimize/flow_trees.h"

#include <string.h>

struct lists {
    struct onnx *o;
    struct onnx_node *n;
    const int64_t *feature, *yes, *no, *yes_leaf, *no_leaf, *missing, *target, *root;
    const struct flow_tensor *mode, *split, *weight, *members;
    uint64_t count, leaves, roots, n_missing;
    struct flow_ensemble e;
};

static void *take(struct lists *l, uint64_t count, size_t bytes)
{
    void *p = mdl_arena_take(&mdl_onnx_flow(l->o)->arena, count, bytes);

    if (!p)
        mdl_onnx_refuse(l->o, l->n, "out of memory");
    return p;
}

/* A float16 as double. */
static double half(uint16_t h)
{
    const uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
    double v = exponent ? (double)(1024 + fraction) : (double)fraction;
    uint64_t bits;

    for (uint32_t i = exponent ? exponent : 1; i < 25 && exponent != 31; i++)
        v /= 2;
    for (uint32_t i = 25; i < exponent && exponent != 31; i++)
        v *= 2;
    if (exponent == 31) {
        bits = 0x7FF0000000000000u | (fraction ? 0x0008000000000000u : 0);
        memcpy(&v, &bits, sizeof v);
    }
    return h >> 15 ? -v : v;
}

static double real_at(const struct flow_tensor *t, uint64_t i)
{
    if (t->type == MDL_F16)
        return half(((const uint16_t *)t->data)[i]);
    return t->type == MDL_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

static int is_real(const struct flow_tensor *t)
{
    return t->type == MDL_F16 || t->type == MDL_F32 || t->type == MDL_F64;
}

static int read_lists(struct lists *l)
{
    uint64_t n[6];

    l->feature = mdl_onnx_ints(l->o, l->n, "nodes_featureids", &l->count);
    l->yes = mdl_onnx_ints(l->o, l->n, "nodes_truenodeids", &n[0]);
    l->no = mdl_onnx_ints(l->o, l->n, "nodes_falsenodeids", &n[1]);
    l->yes_leaf = mdl_onnx_ints(l->o, l->n, "nodes_trueleafs", &n[2]);
    l->no_leaf = mdl_onnx_ints(l->o, l->n, "nodes_falseleafs", &n[3]);
    l->missing = mdl_onnx_ints(l->o, l->n, "nodes_missing_value_tracks_true", &l->n_missing);
    l->target = mdl_onnx_ints(l->o, l->n, "leaf_targetids", &l->leaves);
    l->root = mdl_onnx_ints(l->o, l->n, "tree_roots", &l->roots);
    l->mode = mdl_onnx_tensor(l->o, l->n, "nodes_modes");
    l->split = mdl_onnx_tensor(l->o, l->n, "nodes_splits");
    l->weight = mdl_onnx_tensor(l->o, l->n, "leaf_weights");
    l->members = mdl_onnx_tensor(l->o, l->n, "membership_values");
    mdl_onnx_ignore(l->o, l->n, "nodes_hitrates");
    if (!l->mode || !l->split || !l->weight || l->mode->type != MDL_U8 || !is_real(l->split)
        || l->weight->type != l->split->type || (l->members && !is_real(l->members)))
        return mdl_onnx_refuse(l->o, l->n, "nodes_modes, nodes_splits, leaf_weights: wrong types"), 0;
    for (int i = 0; i < 4; i++)
        if (n[i] != l->count)
            return mdl_onnx_refuse(l->o, l->n, "lists of nodes that are not as long as each other"), 0;
    if (l->mode->count != l->count || l->split->count != l->count || l->count > INT32_MAX / 2
        || l->weight->count != l->leaves || l->leaves > INT32_MAX / 2 || l->roots > INT32_MAX)
        return mdl_onnx_refuse(l->o, l->n, "lists of leaves that are not as long as each other"), 0;
    return 1;
}

/* A child as a node of the ensemble: leaves come behind the splits. */
static uint32_t child(const struct lists *l, int64_t at, int64_t leaf)
{
    const uint64_t of = leaf ? l->leaves : l->count;

    return at < 0 || (uint64_t)at >= of ? UINT32_MAX
                                        : (uint32_t)((leaf ? l->count : 0) + (uint64_t)at);
}

static int make_members(struct lists *l, struct flow_tree_node *nodes)
{
    const uint64_t count = l->members ? l->members->count : 0;
    double *all = take(l, count, sizeof *all);
    uint64_t at = 0;

    if (!all || count > INT32_MAX)
        return 0;
    for (uint64_t i = 0; i < count; i++)
        all[i] = real_at(l->members, i);
    for (uint64_t i = 0; i < l->count; i++) {
        if (nodes[i].ask != FLOW_MEMBER)
            continue;
        nodes[i].set = (uint32_t)at;
        while (at < count && all[at] == all[at])
            at++;
        nodes[i].set_end = (uint32_t)at;
        at += at < count;
    }
    l->e.members = all;
    l->e.n_members = (uint32_t)count;
    return 1;
}

static int make_nodes(struct lists *l)
{
    const uint64_t all = l->count + l->leaves;
    struct flow_tree_node *nodes = take(l, all, sizeof *nodes);
    struct flow_leaf_entry *entries = take(l, l->leaves, sizeof *entries);
    uint32_t *roots = take(l, l->roots, sizeof *roots);

    if (!nodes || !entries || !roots)
        return 0;
    for (uint64_t i = 0; i < l->count; i++) {
        const uint8_t mode = ((const uint8_t *)l->mode->data)[i];
        if (mode > 6 || l->feature[i] < 0 || l->feature[i] >= INT32_MAX)
            return mdl_onnx_refuse(l->o, l->n, "mode %d of feature %lld", mode,
                                   (long long)l->feature[i]), 0;
        nodes[i] = (struct flow_tree_node){
            .ask = FLOW_LE + mode, .feature = (uint32_t)l->feature[i],
            .missing_yes = i < l->n_missing && l->missing[i] == 1,
            .yes = child(l, l->yes[i], l->yes_leaf[i]), .no = child(l, l->no[i], l->no_leaf[i]),
            .value = real_at(l->split, i),
        };
    }
    for (uint64_t i = 0; i < l->leaves; i++) {
        nodes[l->count + i].yes = (uint32_t)i;
        nodes[l->count + i].no = (uint32_t)i + 1;
        entries[i] = (struct flow_leaf_entry){
            l->target[i] < 0 || l->target[i] > INT32_MAX ? UINT32_MAX : (uint32_t)l->target[i],
            real_at(l->weight, i) };
    }
    for (uint64_t i = 0; i < l->roots; i++) {
        const uint32_t at = child(l, l->root[i], 0);
        const int lone = at != UINT32_MAX && nodes[at].yes == nodes[at].no
                      && nodes[at].yes >= l->count;
        roots[i] = lone ? nodes[at].yes : at;
    }
    l->e.nodes = nodes;
    l->e.n_nodes = (uint32_t)all;
    l->e.entries = entries;
    l->e.n_entries = (uint32_t)l->leaves;
    l->e.roots = roots;
    l->e.n_trees = (uint32_t)l->roots;
    return make_members(l, nodes);
}

/* The transform, and float16 where the lists are. */
static void finish(struct lists *l, int32_t y)
{
    static const char *const transforms[] = { "none", "softmax", "logistic", "softmax_zero",
                                              "probit" };
    const int64_t transform = mdl_onnx_int(l->o, l->n, "post_transform", 0);
    struct flow *f = mdl_onnx_flow(l->o);

    if (transform < 0 || transform > 4) {
        mdl_onnx_refuse(l->o, l->n, "post_transform %lld", (long long)transform);
        return;
    }
    if (transform) {
        const int32_t node = mdl_flow_node(f, "post_transform", "", &y, 1, 1);
        mdl_flow_choice(f, node, "transform", transforms[transform]);
        mdl_flow_int(f, node, "keep", 1);
        y = mdl_flow_result(f, node, 0);
    }
    if (l->weight->type == MDL_F16) {
        const int32_t node = mdl_flow_node(f, "convert", "", &y, 1, 1);
        mdl_flow_int(f, node, "to", MDL_F16);
        y = mdl_flow_result(f, node, 0);
    }
    l->n->out[0] = y;
}

void mdl_onnx_map_trees5(struct onnx *o, struct onnx_node *n)
{
    struct lists l = { .o = o, .n = n };
    mdl_error err = { .size = sizeof err };
    const int64_t targets = mdl_onnx_int(o, n, "n_targets", 1);
    const int64_t aggregate = mdl_onnx_int(o, n, "aggregate_function", 1);

    if (!read_lists(&l))
        return;
    if (targets < 1 || targets > 1 << 20 || aggregate < 0 || aggregate > 3) {
        mdl_onnx_refuse(o, n, "n_targets %lld, aggregate_function %lld", (long long)targets,
                        (long long)aggregate);
        return;
    }
    l.e.targets = (uint32_t)targets;
    l.e.type = l.weight->type == MDL_F64 ? MDL_F64 : MDL_F32;
    l.e.average = aggregate == 0;
    l.e.extreme = aggregate > 1 ? (int)aggregate - 1 : 0;
    if (!make_nodes(&l))
        return;
    const int32_t y = mdl_flow_trees(mdl_onnx_flow(o), onnx_in(n, 0), n->name, &l.e, &err);
    if (y != FLOW_NONE)
        finish(&l, y);
    else if (err.text[0])
        mdl_onnx_refuse(o, n, "%s", err.text);
}

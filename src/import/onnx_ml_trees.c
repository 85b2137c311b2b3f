/*
 * import/onnx_ml_trees.c - TreeEnsembleRegressor and TreeEnsembleClassifier, ai.onnx.ml 1 to 4
 *
 * Nodes are rows of parallel lists, named by tree and number; leaves are named again by the
 * lists of weights.  Roots are the first nodes of each run of one tree.  All goes to
 * mdl_flow_trees; what follows the sums is operator "post_transform" or "tree_classes".
 *
 * Sums of float64 come from double lists or from x of float64, as in ONNX Runtime.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_ml.h"
#include "optimize/flow_trees.h"

#include <stdlib.h>
#include <string.h>

struct name {
    int64_t  tree, number;
    uint32_t at;                  /* row of the lists                                        */
};

/* Everything of one node of the file. */
struct lists {
    struct onnx *o;
    struct onnx_node *n;
    const int64_t *tree, *number, *feature, *yes, *no, *missing;
    const char *const *mode;
    const struct flow_tensor *value;
    uint64_t count, n_missing;

    const int64_t *leaf_tree, *leaf_number, *leaf_target;
    const struct flow_tensor *weight;
    uint64_t n_weights;

    struct name *names;           /* [count] ascending                                       */
    uint32_t    *leaf_of;         /* [n_weights] row, UINT32_MAX: of no leaf                 */
    struct flow_tree_node *nodes;
    struct flow_ensemble e;
};

static void *take(struct lists *l, uint64_t count, size_t bytes)
{
    void *p = mdl_arena_take(&mdl_onnx_flow(l->o)->arena, count, bytes);

    if (!p)
        mdl_onnx_refuse(l->o, l->n, "out of memory");
    return p;
}

/* Floats of one of two attributes: name, or name_as_tensor. */
static const struct flow_tensor *reals(struct lists *l, const char *name)
{
    char other[64];
    uint64_t count;
    const size_t length = strlen(name);

    memcpy(other, name, length);
    memcpy(other + length, "_as_tensor", sizeof "_as_tensor");
    const struct flow_tensor *t = mdl_onnx_tensor(l->o, l->n, other);
    const float *floats = mdl_onnx_floats(l->o, l->n, name, &count);
    if (t && (t->type == MDL_F32 || t->type == MDL_F64))
        return t;
    if (t)
        mdl_onnx_refuse(l->o, l->n, "%s of type %s", other, mdl_type_name(t->type));
    struct flow_tensor *made = take(l, 1, sizeof *made);
    if (made)
        *made = (struct flow_tensor){ .type = MDL_F32, .rank = 1, .dims = { (int64_t)count },
                                      .count = count, .data = floats };
    return made;
}

static double real_at(const struct flow_tensor *t, uint64_t i)
{
    return t->type == MDL_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static int read_lists(struct lists *l, const char *prefix)
{
    uint64_t n[9] = { 0 };
    char name[4][32];
    static const char *const ends[] = { "_treeids", "_nodeids", "_ids", "_weights" };

    for (int i = 0; i < 4; i++) {
        const size_t length = strlen(prefix);
        memcpy(name[i], prefix, length);
        memcpy(name[i] + length, ends[i], strlen(ends[i]) + 1);
    }
    l->tree = mdl_onnx_ints(l->o, l->n, "nodes_treeids", &l->count);
    l->number = mdl_onnx_ints(l->o, l->n, "nodes_nodeids", &n[0]);
    l->feature = mdl_onnx_ints(l->o, l->n, "nodes_featureids", &n[1]);
    l->yes = mdl_onnx_ints(l->o, l->n, "nodes_truenodeids", &n[2]);
    l->no = mdl_onnx_ints(l->o, l->n, "nodes_falsenodeids", &n[3]);
    l->mode = mdl_onnx_texts(l->o, l->n, "nodes_modes", &n[4]);
    l->missing = mdl_onnx_ints(l->o, l->n, "nodes_missing_value_tracks_true", &l->n_missing);
    l->value = reals(l, "nodes_values");
    l->leaf_tree = mdl_onnx_ints(l->o, l->n, name[0], &n[5]);
    l->leaf_number = mdl_onnx_ints(l->o, l->n, name[1], &n[6]);
    l->leaf_target = mdl_onnx_ints(l->o, l->n, name[2], &n[7]);
    l->weight = reals(l, name[3]);
    mdl_onnx_ignore(l->o, l->n, "nodes_hitrates");
    mdl_onnx_ignore(l->o, l->n, "nodes_hitrates_as_tensor");
    if (!l->value || !l->weight)
        return 0;
    l->n_weights = n[5];
    for (int i = 0; i < 5; i++)
        if (n[i] != l->count || !l->count || l->count > INT32_MAX || l->value->count != l->count)
            return mdl_onnx_refuse(l->o, l->n, "lists of nodes that are not as long as each other"), 0;
    if (n[6] != n[5] || n[7] != n[5] || l->weight->count != n[5] || n[5] > INT32_MAX)
        return mdl_onnx_refuse(l->o, l->n, "lists of leaves that are not as long as each other"), 0;
    return 1;
}

static int by_name(const void *a, const void *b)
{
    const struct name *x = a, *y = b;

    if (x->tree != y->tree)
        return x->tree < y->tree ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int make_names(struct lists *l)
{
    int sorted = 1;

    l->names = take(l, l->count, sizeof *l->names);
    if (!l->names)
        return 0;
    for (uint64_t i = 0; i < l->count; i++) {
        l->names[i] = (struct name){ l->tree[i], l->number[i], (uint32_t)i };
        sorted = sorted && (!i || by_name(&l->names[i - 1], &l->names[i]) < 0);
    }
    if (sorted)
        return 1;
    qsort(l->names, (size_t)l->count, sizeof *l->names, by_name);
    for (uint64_t i = 1; i < l->count; i++)
        if (!by_name(&l->names[i - 1], &l->names[i]))
            return mdl_onnx_refuse(l->o, l->n, "tree %lld has node %lld twice",
                                   (long long)l->names[i].tree, (long long)l->names[i].number), 0;
    return 1;
}

/* UINT32_MAX: there is no such node. */
static uint32_t find(const struct lists *l, int64_t tree, int64_t number)
{
    const struct name key = { tree, number, 0 };
    const struct name *at = bsearch(&key, l->names, (size_t)l->count, sizeof key, by_name);

    return at ? at->at : UINT32_MAX;
}

/* FLOW_LEAF .., or -1. */
static int question_of(const char *mode)
{
    static const char *const modes[] = { "LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                         "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ" };

    for (int i = 0; i < 7; i++)
        if (!strcmp(mode, modes[i]))
            return i;
    return -1;
}

static int make_nodes(struct lists *l)
{
    uint32_t *roots = take(l, l->count, sizeof *roots);

    l->nodes = take(l, l->count, sizeof *l->nodes);
    if (!roots || !l->nodes)
        return 0;
    for (uint64_t i = 0; i < l->count; i++) {
        struct flow_tree_node *to = &l->nodes[i];
        const int ask = question_of(l->mode[i]);

        if (!i || l->tree[i] != l->tree[i - 1])
            roots[l->e.n_trees++] = (uint32_t)i;
        if (ask < 0)
            return mdl_onnx_refuse(l->o, l->n, "nodes_modes '%s'", l->mode[i]), 0;
        to->ask = (uint32_t)ask;
        if (ask == FLOW_LEAF)
            continue;
        if (l->feature[i] < 0 || l->feature[i] >= INT32_MAX)
            return mdl_onnx_refuse(l->o, l->n, "feature %lld", (long long)l->feature[i]), 0;
        to->feature = (uint32_t)l->feature[i];
        to->value = real_at(l->value, i);
        to->missing_yes = i < l->n_missing && l->missing[i] == 1;
        to->yes = find(l, l->tree[i], l->yes[i]);
        to->no = find(l, l->tree[i], l->no[i]);
    }
    l->e.roots = roots;
    l->e.nodes = l->nodes;
    l->e.n_nodes = (uint32_t)l->count;
    return 1;
}

/* ---- leaves --------------------------------------------------------------------------------- */

/* Entries of the leaves, each leaf's together, in the order of the lists.  With one target the
 * first of a leaf counts. */
static int make_entries(struct lists *l)
{
    uint32_t *next = take(l, l->count + 1, sizeof *next);
    struct flow_leaf_entry *all = take(l, l->n_weights, sizeof *all);

    l->leaf_of = take(l, l->n_weights, sizeof *l->leaf_of);
    if (!next || !all || !l->leaf_of)
        return 0;
    for (uint64_t i = 0; i < l->n_weights; i++) {
        const uint32_t at = find(l, l->leaf_tree[i], l->leaf_number[i]);
        if (at == UINT32_MAX)
            return mdl_onnx_refuse(l->o, l->n, "tree %lld has no node %lld",
                                   (long long)l->leaf_tree[i], (long long)l->leaf_number[i]), 0;
        l->leaf_of[i] = l->nodes[at].ask == FLOW_LEAF ? at : UINT32_MAX;
        if (l->leaf_of[i] != UINT32_MAX)
            next[at + 1]++;
    }
    for (uint64_t i = 0; i < l->count; i++)
        next[i + 1] += next[i];
    for (uint64_t i = 0; i < l->count; i++)
        if (l->nodes[i].ask == FLOW_LEAF)
            l->nodes[i].yes = l->nodes[i].no = next[i];
    for (uint64_t i = 0; i < l->n_weights; i++) {
        struct flow_tree_node *leaf = l->leaf_of[i] == UINT32_MAX ? NULL
                                                                  : &l->nodes[l->leaf_of[i]];
        if (!leaf || (l->e.targets == 1 && leaf->no > leaf->yes))
            continue;
        if (l->e.targets > 1 && (l->leaf_target[i] < 0 || l->leaf_target[i] >= l->e.targets))
            return mdl_onnx_refuse(l->o, l->n, "target %lld of %u", (long long)l->leaf_target[i],
                                   l->e.targets), 0;
        all[leaf->no++] = (struct flow_leaf_entry){
            l->e.targets > 1 ? (uint32_t)l->leaf_target[i] : 0, real_at(l->weight, i) };
    }
    l->e.entries = all;
    l->e.n_entries = (uint32_t)l->n_weights;
    return 1;
}

static int read_ensemble(struct lists *l, const char *prefix, uint64_t targets)
{
    if (!read_lists(l, prefix))
        return 0;
    if (!targets || targets > 1 << 20)
        return mdl_onnx_refuse(l->o, l->n, "%llu targets", (unsigned long long)targets), 0;
    l->e.targets = (uint32_t)targets;
    l->e.type = l->value->type == MDL_F64 || l->weight->type == MDL_F64
             || mdl_onnx_ml_type(l->o, onnx_in(l->n, 0)) == MDL_F64 ? MDL_F64 : MDL_F32;
    return make_names(l) && make_nodes(l) && make_entries(l);
}

static int32_t emit(struct lists *l)
{
    mdl_error err = { .size = sizeof err };
    const int32_t y = mdl_flow_trees(mdl_onnx_flow(l->o), onnx_in(l->n, 0), l->n->name, &l->e, &err);

    if (y == FLOW_NONE && err.text[0])
        mdl_onnx_refuse(l->o, l->n, "%s", err.text);
    return y;
}

/* ---- TreeEnsembleRegressor ------------------------------------------------------------------ */

/* AVERAGE, SUM, MIN, MAX. */
static void set_aggregate(struct lists *l, const char *text)
{
    l->e.average = !strcmp(text, "AVERAGE");
    l->e.extreme = !strcmp(text, "MIN") ? 1 : !strcmp(text, "MAX") ? 2 : 0;
    if (!l->e.average && !l->e.extreme && strcmp(text, "SUM"))
        mdl_onnx_refuse(l->o, l->n, "aggregate_function '%s'", text);
}

void mdl_onnx_map_trees_regressor(struct onnx *o, struct onnx_node *n)
{
    struct lists l = { .o = o, .n = n };
    const char *transform = mdl_onnx_ml_transform(o, n);
    const struct flow_tensor *base = reals(&l, "base_values");
    const int64_t targets = mdl_onnx_int(o, n, "n_targets", 0);

    set_aggregate(&l, mdl_onnx_string(o, n, "aggregate_function", "SUM"));
    if (!read_ensemble(&l, "target", targets > 0 ? (uint64_t)targets : 0) || !transform || !base)
        return;
    const int32_t y = emit(&l);
    const int bases = base->count == l.e.targets;
    if (y == FLOW_NONE || (!bases && !strcmp(transform, "none") && l.e.type == MDL_F32)) {
        n->out[0] = y;
        return;
    }
    const int32_t node = mdl_onnx_emit(o, n, "post_transform", &y, 1);
    mdl_flow_choice(mdl_onnx_flow(o), node, "transform", transform);
    if (bases)
        mdl_flow_weights(mdl_onnx_flow(o), node, "base", base->type, 1,
                         (const int64_t[1]){ (int64_t)base->count }, base->data);
}

/* ---- TreeEnsembleClassifier ----------------------------------------------------------------- */

/* How many of a tree's leaves speak of each class: known[c] becomes 1 when all of one do. */
static void survey_tree(const struct lists *l, uint32_t begin, uint32_t end, uint8_t *known,
                        uint32_t *count, uint32_t *last)
{
    uint32_t leaves = 0;

    for (uint32_t i = begin; i < end; i++) {
        if (l->nodes[i].ask != FLOW_LEAF)
            continue;
        leaves++;
        for (uint32_t k = l->nodes[i].yes; k < l->nodes[i].no; k++) {
            const uint32_t c = l->e.entries[k].target;
            count[c] += last[c] != i + 1;                  /* once a leaf */
            last[c] = i + 1;
        }
    }
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t k = l->nodes[i].yes;
             l->nodes[i].ask == FLOW_LEAF && k < l->nodes[i].no; k++) {
            const uint32_t c = l->e.entries[k].target;
            known[c] |= count[c] == leaves && leaves ? 3 : 2;    /* bit 1: spoken of */
        }
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t k = l->nodes[i].yes;
             l->nodes[i].ask == FLOW_LEAF && k < l->nodes[i].no; k++)
            count[l->e.entries[k].target] = 0;
}

/* Add to each leaf a 1 for every class that it speaks of and that has a column of counts. */
static int add_counts(struct lists *l, const int64_t *given, uint32_t *last)
{
    struct flow_leaf_entry *all = take(l, 2ull * l->e.n_entries, sizeof *all);
    uint32_t at = 0;

    if (!all)
        return 0;
    for (uint32_t i = 0; i < l->e.n_nodes; i++) {
        struct flow_tree_node *leaf = &l->nodes[i];
        const uint32_t begin = at;
        if (leaf->ask != FLOW_LEAF)
            continue;
        for (uint32_t k = leaf->yes; k < leaf->no; k++) {
            const struct flow_leaf_entry e = l->e.entries[k];
            all[at++] = e;
            if (given[e.target] >= 0 && last[e.target] != UINT32_MAX - i)
                all[at++] = (struct flow_leaf_entry){ (uint32_t)given[e.target], 1 };
            last[e.target] = UINT32_MAX - i;
        }
        leaf->yes = begin;
        leaf->no = at;
    }
    l->e.entries = all;
    l->e.n_entries = at;
    return 1;
}

/* Which classes count whatever the row is, which never, which by a column (op/nd_classes.c). */
static int64_t *make_given(struct lists *l)
{
    const uint32_t classes = l->e.targets;
    int64_t *given = take(l, classes, sizeof *given);
    uint8_t *known = take(l, classes, 1);
    uint32_t *count = take(l, classes, sizeof *count), *last = take(l, classes, sizeof *last);
    int columns = 0;

    if (!given || !known || !count || !last)
        return NULL;
    for (uint32_t begin = 0, end; begin < l->e.n_nodes; begin = end) {
        for (end = begin + 1; end < l->e.n_nodes && l->tree[end] == l->tree[begin]; end++)
            ;
        survey_tree(l, begin, end, known, count, last);
    }
    for (uint32_t c = 0; c < classes; c++) {
        given[c] = known[c] & 1 ? -1 : known[c] ? (int64_t)l->e.targets : -2;
        l->e.targets += given[c] >= 0;
        columns += given[c] >= 0;
    }
    return !columns || add_counts(l, given, last) ? given : NULL;
}

/* Do the weights speak of one class; is none below 0? */
static void look_at_weights(const struct lists *l, int *one, int *positive)
{
    *one = *positive = 1;
    for (uint64_t i = 0; i < l->n_weights; i++) {
        *one &= l->leaf_target[i] == l->leaf_target[0];
        *positive &= !(real_at(l->weight, i) < 0);
    }
    *one &= l->n_weights != 0;
}

/* Labels; where ONNX Runtime says 0 and 1 whatever they are, so it is here. */
static void put_labels(struct lists *l, int32_t node, uint64_t classes, int binary)
{
    uint64_t n_texts;

    mdl_onnx_texts(l->o, l->n, "classlabels_strings", &n_texts);
    if (n_texts || classes > 2 || binary) {
        mdl_onnx_ml_labels(l->o, l->n, node, "classlabels_int64s", "classlabels_strings");
        return;
    }
    mdl_onnx_ignore(l->o, l->n, "classlabels_int64s");
    mdl_flow_weights(mdl_onnx_flow(l->o), node, "labels", MDL_I64, 1, (const int64_t[1]){ 2 },
                     (const int64_t[2]){ 0, 1 });
}

void mdl_onnx_map_trees_classifier(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    struct lists l = { .o = o, .n = n };
    const char *transform = mdl_onnx_ml_transform(o, n);
    const struct flow_tensor *base = reals(&l, "base_values");
    uint64_t n_ints, n_texts;
    int one, positive;

    mdl_onnx_ints(o, n, "classlabels_int64s", &n_ints);
    mdl_onnx_texts(o, n, "classlabels_strings", &n_texts);
    const uint64_t classes = n_texts ? n_texts : n_ints;
    if (!read_ensemble(&l, "class", classes) || !transform || !base)
        return;
    if ((base->count && base->count != classes && (base->count != 1 || classes > 2))
        || (classes == 1 && n_texts)
        || (classes == 2 && !strcmp(transform, "probit"))) {
        mdl_onnx_refuse(o, n, "%llu classes with %llu base_values and post_transform '%s'",
                        (unsigned long long)classes, (unsigned long long)base->count, transform);
        return;
    }
    look_at_weights(&l, &one, &positive);
    const int64_t *given = classes > 1 ? make_given(&l) : NULL;
    if (classes > 1 && !given)
        return;
    const int32_t y = emit(&l);
    if (y == FLOW_NONE)
        return;
    const int32_t node = mdl_onnx_emit(o, n, "tree_classes", &y, 1);
    const int binary = classes == 2 && one;
    mdl_flow_int(f, node, "classes", (int64_t)classes);
    mdl_flow_int(f, node, "columns", l.e.targets);
    mdl_flow_int(f, node, "binary", binary);
    mdl_flow_int(f, node, "positive", positive);
    mdl_flow_choice(f, node, "transform", transform);
    put_labels(&l, node, classes, binary);
    if (given)
        mdl_flow_weights(f, node, "given", MDL_I64, 1, (const int64_t[1]){ (int64_t)classes }, given);
    if (base->count)
        mdl_flow_weights(f, node, "base", base->type, 1, (const int64_t[1]){ (int64_t)base->count },
                         base->data);
}

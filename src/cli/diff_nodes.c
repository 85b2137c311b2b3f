/*
 * cli/diff_nodes.c - operators of two models side by side, their parameters, weights and trees
 *
 * Trees are compared node by node in the order of their nodes, so that those which were kept are
 * told from those which were trained again, however each file has them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/diff.h"

#include "mdl_build.h"

#include <string.h>

#define SHOWN_TREES 5u            /* that differ, each with what does */

/* ---- trees ---------------------------------------------------------------------------------- */

struct apart { uint64_t splits, leaves; int shape; };

static int same_set(const mdl_tree_node_info *a, const mdl_tree_node_info *b)
{
    return a->set_words == b->set_words
        && (!a->set_words || !memcmp(a->set, b->set, (size_t)a->set_words * sizeof *a->set));
}

static int same_linear(const mdl_tree_node_info *a, const mdl_tree_node_info *b)
{
    if (a->n_linear != b->n_linear || a->linear_const < b->linear_const
        || a->linear_const > b->linear_const)
        return 0;
    return !a->n_linear
        || (!memcmp(a->linear_feature, b->linear_feature, (size_t)a->n_linear * sizeof(uint32_t))
            && !memcmp(a->linear_coef, b->linear_coef, (size_t)a->n_linear * sizeof(double)));
}

/* What is not the same in tree t of ensembles that are node `node` of both models. */
static struct apart compare_tree(const struct diff *d, size_t node, size_t t, double *values[2])
{
    mdl_tree_info shape[2] = { { .size = sizeof shape[0] }, { .size = sizeof shape[1] } };
    struct apart apart = { 0, 0, 0 };

    for (int k = 0; k < 2; k++)
        mdl_tree_shape(d->m[k], node, t, &shape[k]);
    apart.shape = shape[0].nodes != shape[1].nodes || shape[0].output != shape[1].output;
    for (size_t i = 0; !apart.shape && i < shape[0].nodes; i++) {
        mdl_tree_node_info n[2] = { { .size = sizeof n[0] }, { .size = sizeof n[1] } };
        for (int k = 0; k < 2; k++)
            mdl_tree_node(d->m[k], node, t, i, &n[k]);
        const int split = (n[0].flags & 3u) != MDL_NODE_LEAF;
        if (split != ((n[1].flags & 3u) != MDL_NODE_LEAF) || n[0].right != n[1].right) {
            apart.shape = 1;
        } else if (split) {
            apart.splits += n[0].flags != n[1].flags || n[0].feature != n[1].feature
                         || n[0].threshold < n[1].threshold || n[0].threshold > n[1].threshold
                         || !same_set(&n[0], &n[1]);
        } else {
            for (int k = 0; k < 2; k++)
                mdl_tree_leaf(d->m[k], node, t, i, values[k]);
            apart.leaves += memcmp(values[0], values[1], shape[0].leaf_width * sizeof(double)) != 0
                         || !same_linear(&n[0], &n[1]);
        }
    }
    return apart;
}

static void diff_trees(struct diff *d, size_t node, const char *where)
{
    const size_t n[2] = { mdl_tree_count(d->m[0], node), mdl_tree_count(d->m[1], node) };
    mdl_tree_info shape[2] = { { .size = sizeof shape[0] }, { .size = sizeof shape[1] } };
    double *values[2] = { NULL, NULL };
    uint64_t other = 0;
    char what[64], said[120];

    cli_diff_count(d, where, "trees", n[0], n[1]);
    for (int k = 0; k < 2; k++)
        if (!mdl_tree_shape(d->m[k], node, 0, &shape[k]))
            values[k] = calloc(shape[k].leaf_width, sizeof **values);
    cli_diff_count(d, where, "numbers of a leaf", shape[0].leaf_width, shape[1].leaf_width);
    for (size_t t = 0; t < n[0] && t < n[1] && shape[0].leaf_width == shape[1].leaf_width
                       && values[0] && values[1]; t++) {
        const struct apart a = compare_tree(d, node, t, values);
        if (!a.shape && !a.splits && !a.leaves)
            continue;
        if (other++ >= SHOWN_TREES)
            continue;
        snprintf(what, sizeof what, "tree %llu", (unsigned long long)t);
        if (a.shape)
            snprintf(said, sizeof said, "another shape");
        else
            snprintf(said, sizeof said, "%llu splits and %llu leaves differ",
                     (unsigned long long)a.splits, (unsigned long long)a.leaves);
        cli_diff_text(d, where, what, "", said);
    }
    snprintf(said, sizeof said, "%llu of %llu differ", (unsigned long long)other,
             (unsigned long long)n[0]);
    if (other)
        cli_diff_text(d, where, "trees", "", said);
    free(values[0]);
    free(values[1]);
}

/* ---- other operators -------------------------------------------------------------------------- */

static void diff_params(struct diff *d, size_t node, const char *where)
{
    const char *name[2];
    char text[2][96];

    for (size_t k = 0; !mdl_node_param(d->m[0], node, k, &name[0], text[0], sizeof text[0])
                       && !mdl_node_param(d->m[1], node, k, &name[1], text[1], sizeof text[1]); k++)
        cli_diff_text(d, where, name[0], text[0], text[1]);
}

static uint64_t tensor_bytes(const mdl_tensor *t)
{
    uint64_t n = t->type == MDL_F64 || t->type == MDL_I64 || t->type == MDL_U64 ? 8
               : t->type == MDL_F32 || t->type == MDL_I32 || t->type == MDL_U32 ? 4
               : t->type == MDL_F16 || t->type == MDL_BF16 || t->type == MDL_I16
                 || t->type == MDL_U16 ? 2 : 1;

    for (uint32_t i = 0; i < t->rank; i++)
        n *= (uint64_t)t->dims[i];
    return t->type == MDL_STRING ? 0 : n;
}

static void diff_weights(struct diff *d, size_t node, const char *where, size_t n_tensors)
{
    for (size_t i = 0; i < n_tensors; i++) {
        mdl_tensor t[2] = { { .size = sizeof t[0] }, { .size = sizeof t[1] } };
        if (mdl_node_tensor(d->m[0], node, i, &t[0]) || mdl_node_tensor(d->m[1], node, i, &t[1]))
            continue;
        char what[96];
        const int same_type = t[0].type == t[1].type && t[0].rank == t[1].rank
                           && !memcmp(t[0].dims, t[1].dims, t[0].rank * sizeof *t[0].dims);
        snprintf(what, sizeof what, "%s", t[0].name);
        cli_diff_text(d, where, what, t[0].name, t[1].name);
        if (!same_type)
            cli_diff_text(d, where, what, "", "another type or shape");
        else if (t[0].data && t[1].data && memcmp(t[0].data, t[1].data, (size_t)tensor_bytes(&t[0])))
            cli_diff_text(d, where, what, "", "other numbers");
    }
}

void cli_diff_nodes(struct diff *d)
{
    const size_t n[2] = { mdl_node_count(d->m[0]), mdl_node_count(d->m[1]) };
    char where[96];

    cli_diff_count(d, "operators", "count", n[0], n[1]);
    for (size_t i = 0; i < n[0] && i < n[1]; i++) {
        mdl_node_info info[2] = { { .size = sizeof info[0] }, { .size = sizeof info[1] } };
        mdl_node(d->m[0], i, &info[0]);
        mdl_node(d->m[1], i, &info[1]);
        snprintf(where, sizeof where, "operator %llu (%s)", (unsigned long long)i, info[0].op);
        cli_diff_text(d, where, "operator", info[0].op, info[1].op);
        if (strcmp(info[0].op, info[1].op) != 0)
            continue;
        diff_params(d, i, where);
        if (mdl_tree_count(d->m[0], i) && mdl_tree_count(d->m[1], i))
            diff_trees(d, i, where);
        else
            diff_weights(d, i, where, info[0].n_tensors);
    }
}

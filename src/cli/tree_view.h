/*
 * cli/tree_view.h - one tree of a model: its splits in words, drawn as text, Graphviz or SVG
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_TREE_VIEW_H
#define MDL_CLI_TREE_VIEW_H

#include "cli/cli.h"

struct tree_view {
    const mdl_model *model;
    size_t  node, tree;           /* operator, and which of its trees                      */
    size_t  n_trees;
    mdl_tree_info info;
    int     or_equal;             /* x <= t goes left, not x < t                           */
    int     wide;                 /* thresholds are doubles                                */
    double *cover;                /* [nodes], NULL: not known                              */
    double *values;               /* [leaf_width] of a leaf                                */
    struct tree_stop *stops;      /* [nodes] in the order of a walk, the left side first   */
};

/* A node as a walk meets it. */
struct tree_stop {
    uint32_t node, parent;        /* of the root: UINT32_MAX                               */
    uint32_t depth;
    int      left;                /* the left child of its parent: what was asked holds    */
};

/* CLI_OK, or the exit code after telling why.  `node` SIZE_MAX: the first with trees. */
int cli_tree_open(struct cli *c, struct tree_view *v, const mdl_model *model, size_t node,
                  size_t tree);
void cli_tree_close(struct tree_view *v);

/* "age < 37.5 or missing"; "leaf 3: 0.25".  What holds goes left.  Returns `out`. */
const char *cli_tree_node_text(const struct tree_view *v, uint32_t node, char *out, size_t room);

void cli_tree_as_text(FILE *to, const struct tree_view *v);
void cli_tree_as_dot(FILE *to, const struct tree_view *v);
void cli_tree_as_svg(FILE *to, const struct tree_view *v);
void cli_tree_as_table(FILE *to, const struct tree_view *v, enum cli_format format);

#endif

/*
 * cli/tree_view.c - one tree of a model and its nodes in words, see tree_view.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/tree_view.h"

#include "cli/number_text.h"
#include "mdl_build.h"

#include <stdarg.h>
#include <string.h>

#define SHOWN_MEMBERS 12u         /* of a set of categories */

/* ---- opening ------------------------------------------------------------------------------ */

/* Each node in the order of a walk.  Every node is met once: children lie behind parents. */
static void walk(struct tree_view *v, struct tree_stop *pending)
{
    size_t n = 0, at = 0;

    pending[n++] = (struct tree_stop){ 0, UINT32_MAX, 0, 0 };
    while (n) {
        const struct tree_stop s = pending[--n];
        mdl_tree_node_info i = { .size = sizeof i };
        mdl_tree_node(v->model, v->node, v->tree, s.node, &i);
        v->stops[at++] = s;
        if (!(i.flags & 3u))
            continue;
        pending[n++] = (struct tree_stop){ i.right, s.node, s.depth + 1, 0 };
        pending[n++] = (struct tree_stop){ i.left, s.node, s.depth + 1, 1 };
    }
}

static int find_ensemble(struct cli *c, struct tree_view *v)
{
    if (v->node != SIZE_MAX)
        return mdl_tree_count(v->model, v->node)
            ? CLI_OK : cli_fail(c, CLI_USAGE, "operator %llu has no trees; 'mdl inspect' lists them",
                                (unsigned long long)v->node);
    for (v->node = 0; v->node < mdl_node_count(v->model); v->node++)
        if (mdl_tree_count(v->model, v->node))
            return CLI_OK;
    return cli_fail(c, CLI_USAGE, "the model has no trees");
}

static int compares_equal(const mdl_model *m, size_t node)
{
    const char *name;
    char text[64];

    for (size_t k = 0; !mdl_node_param(m, node, k, &name, text, sizeof text); k++)
        if (!strcmp(name, "compare"))
            return strchr(text, '=') != NULL;
    return 0;
}

static int has_doubles(const mdl_model *m, size_t node)
{
    mdl_tensor t = { .size = sizeof t };

    for (size_t i = 0; !mdl_node_tensor(m, node, i, &t); i++)
        if (!strcmp(t.name, "threshold"))
            return t.type == MDL_F64;
    return 0;
}

int cli_tree_open(struct cli *c, struct tree_view *v, const mdl_model *model, size_t node,
                  size_t tree)
{
    *v = (struct tree_view){ .model = model, .node = node, .tree = tree,
                             .info = { .size = sizeof v->info } };
    const int code = find_ensemble(c, v);

    if (code)
        return code;
    v->n_trees = mdl_tree_count(model, v->node);
    if (mdl_tree_shape(model, v->node, tree, &v->info))
        return cli_fail(c, CLI_USAGE, "there is no tree %llu; there are %llu, from 0 on",
                        (unsigned long long)tree, (unsigned long long)v->n_trees);
    v->or_equal = compares_equal(model, v->node);
    v->wide = has_doubles(model, v->node);
    struct tree_stop *pending = calloc(v->info.nodes + 1u, sizeof *pending);
    v->stops = calloc(v->info.nodes, sizeof *v->stops);
    v->values = calloc(v->info.leaf_width, sizeof *v->values);
    v->cover = v->info.has_cover ? calloc(v->info.nodes, sizeof *v->cover) : NULL;
    if (!pending || !v->stops || !v->values || (v->info.has_cover && !v->cover)) {
        free(pending);
        return cli_fail(c, CLI_IO, "out of memory");
    }
    if (v->cover)
        mdl_tree_cover(model, v->node, tree, v->cover);
    walk(v, pending);
    free(pending);
    return CLI_OK;
}

void cli_tree_close(struct tree_view *v)
{
    free(v->stops);
    free(v->values);
    free(v->cover);
}

/* ---- words -------------------------------------------------------------------------------- */

/* Text that stops growing when there is no room. */
struct words { char *out; size_t room, used; };

static void say(struct words *w, const char *format, ...)
{
    va_list args;

    if (w->used >= w->room)
        return;
    va_start(args, format);
    const int n = vsnprintf(w->out + w->used, w->room - w->used, format, args);
    va_end(args);
    w->used += n > 0 ? (size_t)n : 0;
}

static void say_column(struct words *w, const struct tree_view *v, uint32_t feature)
{
    mdl_column_info column = { .size = sizeof column };
    char safe[64];

    if (v->info.input != UINT32_MAX && !mdl_column(v->model, v->info.input, feature, &column)
        && column.name[0])
        say(w, "%s", mdl_safe_text(safe, sizeof safe, column.name, strlen(column.name)));
    else
        say(w, "x[%u]", (unsigned)feature);
}

static void say_category(struct words *w, const struct tree_view *v, uint32_t feature, uint32_t code)
{
    const char *name = v->info.input == UINT32_MAX ? NULL
                     : mdl_category(v->model, v->info.input, feature, code);
    char safe[64];

    if (name)
        say(w, "%s", mdl_safe_text(safe, sizeof safe, name, strlen(name)));
    else
        say(w, "%u", (unsigned)code);
}

static void say_set(struct words *w, const struct tree_view *v, const mdl_tree_node_info *i)
{
    uint64_t members = 0, shown = 0;

    for (uint64_t code = 0; code < 32 * i->set_words; code++)
        members += i->set[code / 32] >> code % 32 & 1;
    say_column(w, v, i->feature);
    say(w, i->flags & MDL_NODE_SET_LEFT ? " in {" : " not in {");
    for (uint64_t code = 0; code < 32 * i->set_words && shown < SHOWN_MEMBERS; code++)
        if (i->set[code / 32] >> code % 32 & 1) {
            say(w, shown++ ? ", " : "");
            say_category(w, v, i->feature, (uint32_t)code);
        }
    if (members > shown)
        say(w, ", ... %llu more", (unsigned long long)(members - shown));
    say(w, "}");
}

static void say_missing(struct words *w, const mdl_tree_node_info *i)
{
    const uint32_t rule = i->flags & MDL_NODE_ZERO_DEFAULT;
    const int left = (i->flags & MDL_NODE_DEFAULT_LEFT) != 0;

    if (rule == MDL_NODE_NAN_ZERO)
        say(w, " (missing is 0)");
    else if (rule == MDL_NODE_NAN_DEFAULT && left)
        say(w, " or missing");
    else if (rule == MDL_NODE_ZERO_DEFAULT)
        say(w, left ? ", or missing or 0" : ", but not 0");
}

static void say_leaf(struct words *w, const struct tree_view *v, uint32_t node,
                     const mdl_tree_node_info *i)
{
    char number[NUMBER_TEXT];

    say(w, "leaf %d: ", (int)i->leaf_id);
    mdl_tree_leaf(v->model, v->node, v->tree, node, v->values);
    for (uint32_t k = 0; k < v->info.leaf_width && (k < 10 || w->used + 40 < w->room); k++)
        say(w, "%s%s", k ? ", " : "", cli_brief_text(number, v->values[k]));
    if (i->linear_feature)
        say(w, "; where nothing is missing %s", cli_brief_text(number, i->linear_const));
    for (uint64_t k = 0; i->linear_feature && k < i->n_linear; k++) {
        say(w, " + %s * ", cli_brief_text(number, i->linear_coef[k]));
        say_column(w, v, i->linear_feature[k]);
    }
}

const char *cli_tree_node_text(const struct tree_view *v, uint32_t node, char *out, size_t room)
{
    mdl_tree_node_info i = { .size = sizeof i };
    struct words w = { out, room, 0 };
    char number[NUMBER_TEXT];

    out[0] = 0;
    mdl_tree_node(v->model, v->node, v->tree, node, &i);
    if (!(i.flags & 3u)) {
        say_leaf(&w, v, node, &i);
        return out;
    }
    if ((i.flags & 3u) == MDL_NODE_CATEGORY) {
        say_set(&w, v, &i);
    } else {
        say_column(&w, v, i.feature);
        say(&w, v->or_equal ? " <= %s" : " < %s",
            v->wide ? cli_f64_text(number, i.threshold) : cli_f32_text(number, (float)i.threshold));
    }
    say_missing(&w, &i);
    return out;
}

/*
 * cli/tree_draw.c - a tree as text, for Graphviz, as SVG, and as a table
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/tree_view.h"

#include "cli/number_text.h"
#include "cli/report.h"

#include <string.h>

#define NODE_TEXT 600u

static void say_cover(FILE *to, const struct tree_view *v, uint32_t node)
{
    char number[NUMBER_TEXT];

    if (v->cover)
        fprintf(to, "   [%s]", cli_brief_text(number, v->cover[node]));
}

/* ---- as text ------------------------------------------------------------------------------ */

void cli_tree_as_text(FILE *to, const struct tree_view *v)
{
    char text[NODE_TEXT];
    unsigned char *more = calloc(v->info.depth + 2u, 1);   /* [depth] a sibling is to come */

    fprintf(to, "tree %llu of %llu: %u nodes, %u leaves, %u deep; round %u, added to column %u of the "
            "sums%s\n", (unsigned long long)v->tree, (unsigned long long)v->n_trees, v->info.nodes,
            v->info.leaves, v->info.depth, v->info.round, v->info.output,
            v->cover ? "   [training weight]" : "");
    for (uint32_t k = 0; more && k < v->info.nodes; k++) {
        const struct tree_stop *s = &v->stops[k];
        for (uint32_t d = 1; d < s->depth; d++)
            fputs(more[d] ? "|  " : "   ", to);
        if (s->depth)
            fputs(s->left ? "|- yes  " : "`- no   ", to);
        more[s->depth] = (unsigned char)s->left;
        cli_put_text(to, cli_tree_node_text(v, s->node, text, sizeof text));
        say_cover(to, v, s->node);
        fputc('\n', to);
    }
    free(more);
}

/* ---- for Graphviz ---------------------------------------------------------------------------- */

void cli_tree_as_dot(FILE *to, const struct tree_view *v)
{
    char text[NODE_TEXT], number[NUMBER_TEXT];

    fprintf(to, "digraph tree_%llu {\n    node [shape=box, fontname=\"sans-serif\"];\n",
            (unsigned long long)v->tree);
    for (uint32_t k = 0; k < v->info.nodes; k++) {
        const struct tree_stop *s = &v->stops[k];
        fprintf(to, "    n%u [label=\"", s->node);
        cli_tree_node_text(v, s->node, text, sizeof text);
        for (const char *p = text; *p; p++)
            fprintf(to, *p == '"' || *p == '\\' ? "\\%c" : "%c", *p);
        if (v->cover)
            fprintf(to, "\\n[%s]", cli_brief_text(number, v->cover[s->node]));
        fputs("\"];\n", to);
        if (s->depth)
            fprintf(to, "    n%u -> n%u [label=\"%s\"];\n", s->parent, s->node,
                    s->left ? "yes" : "no");
    }
    fputs("}\n", to);
}

/* ---- as SVG: the root at the left, a line of text a leaf --------------------------------------- */

#define LINE   24                 /* pixels: a leaf, a level, a margin, a letter */
#define STEP   230
#define EDGE   14
#define LETTER 7u

/* Where each node is: leaves below each other, a split in the middle of its children. */
static double *heights(const struct tree_view *v)
{
    double *y = calloc(v->info.nodes, sizeof *y);
    double next = 1.5 * LINE;

    for (uint32_t k = 0; y && k < v->info.nodes; k++) {
        mdl_tree_node_info i = { .size = sizeof i };
        mdl_tree_node(v->model, v->node, v->tree, v->stops[k].node, &i);
        if (i.flags & 3u)
            continue;
        y[v->stops[k].node] = next;
        next += LINE;
    }
    for (uint32_t k = v->info.nodes; y && k-- > 1;)    /* children come after their parents */
        y[v->stops[k].parent] += y[v->stops[k].node] / 2;
    return y;
}

void cli_tree_as_svg(FILE *to, const struct tree_view *v)
{
    double *y = heights(v);
    char text[NODE_TEXT];
    size_t widest = 0;

    if (!y)
        return;
    for (uint32_t k = 0; k < v->info.nodes; k++) {
        const size_t n = strlen(cli_tree_node_text(v, v->stops[k].node, text, sizeof text));
        const size_t width = (size_t)STEP * v->stops[k].depth + LETTER * (n + 4);
        widest = width > widest ? width : widest;
    }
    fprintf(to, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%u\" "
            "font-family=\"ui-monospace, monospace\" font-size=\"11\">\n<style>text{fill:#222}"
            "path{stroke:#999;fill:none}@media(prefers-color-scheme:dark){text{fill:#ddd}"
            "path{stroke:#666}}</style>\n", widest, (v->info.leaves + 2u) * LINE);
    for (uint32_t k = 0; k < v->info.nodes; k++) {
        const struct tree_stop *s = &v->stops[k];
        const int x = EDGE + STEP * (int)s->depth;
        if (s->depth)
            fprintf(to, "<path d=\"M%d %.1fL%d %.1fL%d %.1f\"/>", x - STEP + EDGE, y[s->parent] + 4,
                    x - EDGE, y[s->node], x - 2, y[s->node]);
        fprintf(to, "<text x=\"%d\" y=\"%.1f\">%s", x, y[s->node] + 4,
                !s->depth ? "" : s->left ? "yes: " : "no: ");
        cli_put_xml(to, cli_tree_node_text(v, s->node, text, sizeof text));
        say_cover(to, v, s->node);
        fputs("</text>\n", to);
    }
    fputs("</svg>\n", to);
    free(y);
}

/* ---- as JSON or CSV ------------------------------------------------------------------------------ */

void cli_tree_as_table(FILE *to, const struct tree_view *v, enum cli_format format)
{
    static const char *const heads[] = { "node", "depth", "says", "left", "right", "cover", NULL };
    struct report r;
    char text[NODE_TEXT], number[NUMBER_TEXT];

    cli_report_start(&r, format, heads);
    for (uint32_t k = 0; k < v->info.nodes; k++) {
        mdl_tree_node_info i = { .size = sizeof i };
        mdl_tree_node(v->model, v->node, v->tree, v->stops[k].node, &i);
        cli_report_count(&r, v->stops[k].node);
        cli_report_count(&r, v->stops[k].depth);
        cli_report_text(&r, cli_tree_node_text(v, v->stops[k].node, text, sizeof text));
        for (int side = 0; side < 2; side++) {
            snprintf(number, sizeof number, "%u", side ? i.right : i.left);
            cli_report_number(&r, i.flags & 3u ? number : "");
        }
        cli_report_number(&r, v->cover ? cli_f64_text(number, v->cover[v->stops[k].node]) : "");
    }
    cli_report_end(&r, to);
}

/*
 * cli/inspect_bytes.c - where the bytes of a file are: its weights, the largest first
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/inspect.h"

#include <stdlib.h>
#include <string.h>

#define SHOWN 16u                 /* without --all */

struct weights {
    size_t node, place;           /* which of its weights         */
    const char *op;
    mdl_tensor tensor;
    uint64_t bytes;
};

uint64_t cli_tensor_bytes(const mdl_tensor *t)
{
    uint64_t bytes = mdl_type_bytes(t->type);

    for (uint32_t d = 0; d < t->rank; d++)
        bytes *= (uint64_t)t->dims[d];
    return bytes;
}

static int larger_first(const void *a, const void *b)
{
    const struct weights *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return x->place < y->place ? -1 : x->place > y->place;
}

static size_t count(const mdl_model *m)
{
    size_t all = 0;

    for (size_t i = 0; i < mdl_node_count(m); i++) {
        mdl_node_info n = { .size = sizeof n };
        mdl_node(m, i, &n);
        all += n.n_tensors;
    }
    return all;
}

static void find(const mdl_model *m, struct weights *w)
{
    for (size_t i = 0; i < mdl_node_count(m); i++) {
        mdl_node_info n = { .size = sizeof n };
        mdl_node(m, i, &n);
        for (size_t k = 0; k < n.n_tensors; k++, w++) {
            *w = (struct weights){ .node = i, .place = k, .op = n.op, .tensor = { .size = sizeof w->tensor } };
            mdl_node_tensor(m, i, k, &w->tensor);
            w->bytes = cli_tensor_bytes(&w->tensor);
        }
    }
}

static void line(FILE *to, const char *what, const char *type, const char *elements, uint64_t bytes,
                 uint64_t file)
{
    char text[32];

    fprintf(to, "  %-30s %-9s %14s %14s %6.1f %%\n", what, type, elements, cli_count_text(text, bytes),
            file ? 100 * (double)bytes / (double)file : 0);
}

void cli_inspect_bytes(FILE *to, const mdl_model *m, int all)
{
    const uint64_t file = mdl_file_bytes(m);
    const size_t n = count(m);
    struct weights *w = calloc(n + 1, sizeof *w);
    char what[96], elements[32];
    uint64_t told = 0;

    if (!w)
        return;
    find(m, w);
    qsort(w, n, sizeof *w, larger_first);
    fprintf(to, "\nbytes of the file, the most first\n");
    for (size_t i = 0; i < n && (all || i < SHOWN); i++) {
        snprintf(what, sizeof what, "%llu %s %s", (unsigned long long)w[i].node, w[i].op, w[i].tensor.name);
        line(to, what, mdl_type_name(w[i].tensor.type), cli_count_text(elements, w[i].bytes / mdl_type_bytes(w[i].tensor.type)),
             w[i].bytes, file);
        told += w[i].bytes;
    }
    if (mdl_ready_bytes(m)) {
        line(to, "tables of convert --ready", "", "", mdl_ready_bytes(m), file);
        told += mdl_ready_bytes(m);
    }
    if (!all && n > SHOWN)
        snprintf(what, sizeof what, "%llu more, texts, schema", (unsigned long long)(n - SHOWN));
    else
        snprintf(what, sizeof what, "texts, schema, graph, golden");
    line(to, what, "", "", file - told, file);
    free(w);
}

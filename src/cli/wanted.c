/*
 * cli/wanted.c - the columns that a model wants to read; see sheet.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "cli/cli.h"
#include "cli/sheet.h"

#include <stdlib.h>
#include <string.h>

/* qsort has no argument for the texts, so each goes with its code. */
struct coded {
    const char *text;
    uint32_t    code;
};

static int by_text(const void *a, const void *b)
{
    const struct coded *x = a, *y = b;
    const int order = strcmp(x->text, y->text);

    return order ? order : x->code < y->code ? -1 : x->code > y->code;
}

/* Fill w->sorted; 0 when out of memory. */
static int sort_categories(struct wanted *w)
{
    struct coded *all = calloc(w->n_categories, sizeof *all);

    w->sorted = calloc(w->n_categories, sizeof *w->sorted);
    for (size_t i = 0; all && i < w->n_categories; i++)
        all[i] = (struct coded){ w->categories[i], (uint32_t)i };
    if (all && w->sorted) {
        qsort(all, w->n_categories, sizeof *all, by_text);
        for (size_t i = 0; i < w->n_categories; i++)
            w->sorted[i] = all[i].code;
    }
    const int ok = all && w->sorted;
    free(all);
    return ok;
}

static int take_categories(struct wanted *w, size_t n, uint32_t type)
{
    w->category_type = type;
    w->categories = n ? calloc(n, sizeof *w->categories) : NULL;
    w->n_categories = w->categories ? n : 0;
    return !n || w->categories;
}

struct wanted *cli_wanted_input(const mdl_model *model)
{
    const size_t cols = mdl_input_cols(model);
    const char *unseen = mdl_metadata_get(model, "unseen_categories");
    struct wanted *all = calloc(cols ? cols : 1, sizeof *all);
    int ok = all != NULL;

    for (size_t i = 0; ok && i < cols; i++) {
        mdl_column_info info = { .size = sizeof info, .name = "" };
        mdl_column(model, 0, i, &info);
        all[i].name = info.name;
        all[i].is_category = info.kind == MDL_COLUMN_CATEGORY || info.kind == MDL_COLUMN_HASH;
        all[i].hashes = info.kind == MDL_COLUMN_HASH ? model : NULL;
        all[i].column = i;
        all[i].unseen_first = unseen && !strcmp(unseen, "first");
        ok = take_categories(&all[i], info.n_categories, info.category_type);
        for (size_t k = 0; ok && k < all[i].n_categories; k++)
            all[i].categories[k] = mdl_category(model, 0, i, k);
        ok = ok && (!all[i].n_categories || sort_categories(&all[i]));
    }
    if (!ok && all)
        cli_wanted_free(all, cols);
    return ok ? all : NULL;
}

/* Column names of outputs are made, so they are owned: the first one holds the block. */
struct wanted *cli_wanted_output(const mdl_model *model, size_t output, size_t cols)
{
    enum { ROOM = 256 };
    mdl_output_info info = { .size = sizeof info };
    struct wanted *all = calloc(1, cols * (sizeof *all + ROOM) + 1);

    if (!all || mdl_output(model, output, &info))
        return all;
    char *names = (char *)(all + cols);
    for (size_t i = 0; i < cols; i++)
        all[i].name = cli_output_column(model, output, cols, i, names + i * ROOM, ROOM);
    if (info.role != MDL_OUTPUT_LABEL || cols != 1)
        return all;
    int ok = take_categories(&all[0], info.n_labels, info.label_type);
    for (size_t k = 0; ok && k < all[0].n_categories; k++)
        all[0].categories[k] = mdl_label(model, output, k);
    ok = ok && (!all[0].n_categories || sort_categories(&all[0]));
    if (!ok)
        cli_wanted_free(all, cols);
    return ok ? all : NULL;
}

const char *cli_output_column(const mdl_model *model, size_t output, size_t cols, size_t i,
                              char *out, size_t room)
{
    mdl_output_info info = { .size = sizeof info, .name = "" };

    mdl_output(model, output, &info);
    if (cols == 1)
        snprintf(out, room, "%s", info.name);
    else if (info.n_labels == cols)
        snprintf(out, room, "%s_%s", info.name, mdl_label(model, output, i));
    else
        snprintf(out, room, "%s_%llu", info.name, (unsigned long long)i);
    return out;
}

void cli_wanted_free(struct wanted *wanted, size_t n)
{
    for (size_t i = 0; wanted && i < n; i++) {
        free(wanted[i].categories);
        free(wanted[i].sorted);
    }
    free(wanted);
}

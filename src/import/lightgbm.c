/*
 * import/lightgbm.c - models saved by LightGBM as text (save_model), versions v2 to v4
 *
 * All arithmetic is double: sums start from 0, iteration by iteration.  Whatever is 0 to
 * LightGBM, |x| <= (double)1e-35f, is read as 0 before any tree sees it.
 *
 *     output        Booster.predict(...)
 *     prediction    as it is: probabilities, or the value in the target's unit
 *     probability   classifiers: a column a class, [1 - p, p] of two
 *     label         their argmax: 0, 1, ... (the file does not know the names of classes)
 *     raw           raw_score=True; a random forest's sums are not averaged there
 *     leaf          pred_leaf=True
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/lightgbm.h"

#include "base/arena.h"

#include <stdio.h>
#include <string.h>

#define PROGRESS_TREES 64u        /* between two reports */
#define LOOK 4096u                /* bytes a probe looks at */

/* ---- is it one? -------------------------------------------------------------------------- */

static int is_text(struct bytes file)
{
    struct span line;

    return mdl_lgb_line(&file, &line) && mdl_lgb_is(line, "tree");
}

/* dump_model gives {"name": "tree", "version": ... */
static int is_dump(struct bytes file)
{
    static const char *const words[] = { "{", "\"name\"", ":", "\"tree\"" };
    const unsigned char *p = file.at;

    if (bytes_left(&file) > LOOK)
        file.end = file.at + LOOK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        while (p < file.end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
            p++;
        if (!mdl_lgb_starts((struct span){ p, file.end }, words[i]))
            return 0;
        p += strlen(words[i]);
    }
    return 1;
}

static int probe(struct bytes file)
{
    return is_text(file) || is_dump(file);
}

/* ---- the trees --------------------------------------------------------------------------- */

static void begin_ensemble(struct lgb *g)
{
    const mdl_trees trees = {
        .size = sizeof trees, .flags = MDL_TREES_CLIP_ZERO | MDL_TREES_TRUNCATE,
        .compare = MDL_TREES_LE, .threshold_type = MDL_F64, .leaf_type = MDL_F64,
        .outputs = g->outputs, .leaf_width = 1,
    };

    g->ensemble = mdl_build_trees(g->b, g->x, &trees);
}

/* tree_sizes: bytes from one line "Tree=" to the next; LightGBM jumps by them.  They do not
 * hold any more when lines end in \r\n, and then LightGBM cannot read the file. */
static mdl_status check_size(const struct lgb *g, struct span *sizes,
                             const unsigned char *line, const unsigned char **next)
{
    struct span word;
    int64_t size = 0;

    if (!g->sizes.at || !mdl_lgb_word(sizes, ' ', &word))
        return MDL_OK;
    const mdl_status s = mdl_lgb_int(g, word, "tree_sizes", 1, INT64_MAX, &size);
    if (s)
        return s;
    if (*next && *next != line && g->in.start[4] == '\n')
        return mdl_lgb_fail(g, line, "the tree begins at byte %llu, by tree_sizes at %llu",
                            (unsigned long long)(line - g->in.start),
                            (unsigned long long)(*next - g->in.start));
    *next = (uint64_t)size <= (uint64_t)(g->in.end - line) ? line + size : NULL;
    return MDL_OK;
}

static int is_wanted(const struct lgb *g)
{
    const int64_t best = g->options->best_iteration;

    return best < 0 || g->tree / g->outputs <= (uint64_t)best;
}

/* Blank lines, then the line of a tree (1), or the end (0); at neither the file is cut. */
static mdl_status find_tree(struct lgb *g, struct span *line, int *found)
{
    struct bytes ahead = g->in;

    for (*found = 0; mdl_lgb_line(&ahead, line); g->in.at = ahead.at) {
        if (mdl_lgb_is_end(*line))
            return MDL_OK;
        if (mdl_lgb_is_tree(*line)) {
            *found = 1;
            g->in.at = ahead.at;
            return MDL_OK;
        }
        if (line->at != line->end)
            break;
    }
    return mdl_lgb_fail(g, g->in.at, "expected 'Tree=' or 'end of trees'");
}

static mdl_status read_trees(struct lgb *g, struct lgb_tree *t)
{
    const unsigned char *next = NULL;
    struct span sizes = g->sizes, line;
    int found = 0;
    mdl_status s = find_tree(g, &line, &found);

    for (; !s && found; g->n_trees++) {
        g->tree = g->n_trees;
        s = check_size(g, &sizes, line.at, &next);
        if (!s && g->n_trees % PROGRESS_TREES == 0)
            s = mdl_import_progress(g->options, bytes_offset(&g->in),
                                    (uint64_t)(g->in.end - g->in.start), g->err);
        if (!s) s = mdl_lgb_tree(g, t, is_wanted(g));
        if (!s) s = find_tree(g, &line, &found);
    }
    if (!s)
        g->tree = LGB_NO_TREE;
    return s;
}

static mdl_status check_trees(const struct lgb *g)
{
    struct span sizes = g->sizes, word;
    uint64_t n_sizes = 0;

    for (; sizes.at && mdl_lgb_word(&sizes, ' ', &word); n_sizes++)
        ;
    if (g->sizes.at && n_sizes != g->n_trees)
        return mdl_lgb_fail(g, g->sizes.at, "tree_sizes has %llu values, there are %llu trees",
                            (unsigned long long)n_sizes, (unsigned long long)g->n_trees);
    if (!g->n_trees)
        return mdl_lgb_fail(g, g->in.at, "there are no trees");
    if (g->n_trees % g->outputs)
        return mdl_lgb_fail(g, g->in.at, "%llu trees, expected a multiple of %llu, the trees of "
                            "an iteration", (unsigned long long)g->n_trees,
                            (unsigned long long)g->outputs);
    if (g->options->best_iteration >= 0
        && (uint64_t)g->options->best_iteration >= g->n_trees / g->outputs)
        return mdl_fail(g->err, MDL_ERR_ARGUMENT, "best_iteration %lld, the model has %llu "
                        "iterations", (long long)g->options->best_iteration,
                        (unsigned long long)(g->n_trees / g->outputs));
    return MDL_OK;
}

/* ---- from the sums to the outputs; the builder keeps its errors -------------------------- */

static int32_t add_node(const struct lgb *g, const char *op, int32_t value, int32_t *node)
{
    *node = mdl_build_node(g->b, op, "", &value, 1);
    return mdl_build_result(g->b, *node, 0);
}

/* The sums of a random forest by the number of its iterations. */
static int32_t add_average(const struct lgb *g, int32_t value)
{
    const int64_t best = g->options->best_iteration;
    int32_t node;
    const int32_t result = add_node(g, "average", value, &node);

    mdl_build_int(g->b, node, "iterations",
                  best >= 0 ? best + 1 : (int64_t)(g->n_trees / g->outputs));
    return result;
}

static int32_t add_link(const struct lgb *g, int32_t value)
{
    static const char *const functions[] = {
        [LINK_SQUARE] = "signed_square", [LINK_EXP] = "exp", [LINK_LOG1P_EXP] = "log1p_exp",
        [LINK_LOGISTIC] = "logistic", [LINK_SOFTMAX] = "softmax",
    };
    int32_t node;

    if (g->link == LINK_NONE)
        return value;
    const int32_t result = add_node(g, "link", value, &node);
    mdl_build_choice(g->b, node, "function", functions[g->link]);
    if (g->link == LINK_LOGISTIC)
        mdl_build_float(g->b, node, "scale", g->sigmoid);
    return result;
}

static mdl_status add_labels(const struct lgb *g, int32_t output, uint64_t n)
{
    struct vec texts = { 0 }, pointers = { 0 };
    char (*text)[12] = mdl_lgb_room(g, &texts, n, sizeof *text);
    const char **pointer = mdl_lgb_room(g, &pointers, n, sizeof *pointer);

    for (uint64_t i = 0; text && pointer && i < n; i++) {
        snprintf(text[i], sizeof *text, "%u", (unsigned)i);
        pointer[i] = text[i];
    }
    if (text && pointer)
        mdl_build_labels(g->b, output, MDL_I64, n, pointer);
    const mdl_status s = text && pointer ? MDL_OK : mdl_lgb_memory(g);
    mdl_vec_free(&texts, &g->allocator);
    mdl_vec_free(&pointers, &g->allocator);
    return s;
}

static mdl_status add_outputs(const struct lgb *g)
{
    const int32_t raw = mdl_build_result(g->b, g->ensemble, 0);
    const int32_t prediction = add_link(g, g->average ? add_average(g, raw) : raw);
    int32_t node, probability = prediction;
    mdl_status s = MDL_OK;

    mdl_build_output(g->b, "prediction", MDL_OUTPUT_VALUE, prediction);
    if (g->classes) {
        if (g->outputs == 1)
            probability = add_node(g, "complement", prediction, &node);
        mdl_build_output(g->b, "probability", MDL_OUTPUT_PROBA, probability);
        const int32_t label = mdl_build_output(g->b, "label", MDL_OUTPUT_LABEL,
                                               add_node(g, "argmax", probability, &node));
        s = add_labels(g, label, g->outputs == 1 ? 2 : g->outputs);
    }
    mdl_build_output(g->b, "raw", MDL_OUTPUT_RAW, raw);
    mdl_build_output(g->b, "leaf", MDL_OUTPUT_LEAF, mdl_build_result(g->b, g->ensemble, 1));
    return s;
}

static mdl_status add_text(const struct lgb *g, const char *key, struct span text)
{
    struct vec copy = { 0 };
    char *to = mdl_lgb_room(g, &copy, (uint64_t)span_length(text) + 1, 1);

    if (!to)
        return mdl_lgb_memory(g);
    memcpy(to, text.at, span_length(text));
    mdl_build_metadata(g->b, key, to);
    mdl_vec_free(&copy, &g->allocator);
    return MDL_OK;
}

static mdl_status add_metadata(const struct lgb *g)
{
    char number[24];
    mdl_status s = add_text(g, "source_version", g->version);

    mdl_build_metadata(g->b, "source", "lightgbm");
    mdl_build_metadata(g->b, "source_kind", "Booster");
    if (!s && g->objective.at) s = add_text(g, "objective", g->objective);
    if (g->options->best_iteration >= 0) {
        snprintf(number, sizeof number, "%lld", (long long)g->options->best_iteration);
        mdl_build_metadata(g->b, "best_iteration", number);
    }
    return s;
}

/* ---- importances ------------------------------------------------------------------------- */

static double score_of(const struct score *s, size_t kind)
{
    return kind ? s->sum : s->splits;
}

static mdl_status give_scores(struct lgb *g)
{
    static const char *const kinds[] = { "split", "gain" };

    if (g->no_gains)
        return MDL_OK;
    return mdl_scores_give(&g->scores, &g->allocator, g->b, 2, kinds, score_of)
        ? mdl_lgb_memory(g) : MDL_OK;
}

/* ---- the walk ---------------------------------------------------------------------------- */

static mdl_status read_model(struct lgb *g)
{
    struct lgb_tree arrays = { 0 };
    mdl_status s = mdl_lgb_head(g);

    if (!s) s = mdl_lgb_columns(g);
    if (!s) begin_ensemble(g);
    if (!s) s = read_trees(g, &arrays);
    mdl_lgb_tree_free(g, &arrays);
    if (!s) s = give_scores(g);
    mdl_scores_free(&g->scores, &g->allocator);
    if (!s) s = check_trees(g);
    if (!s) s = mdl_lgb_tail(g);
    if (!s) s = mdl_parts_fail(&g->parts, g->err);
    if (!s) s = mdl_lgb_categories(g);
    if (!s) s = add_outputs(g);
    return s ? s : add_metadata(g);
}

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    struct lgb g = { .in = file, .b = b, .options = options, .err = err, .tree = LGB_NO_TREE,
                     .allocator = mdl_allocator_or_default(NULL) };

    if (is_dump(file))
        return mdl_fail(err, MDL_ERR_UNSUPPORTED, "not supported: the JSON of dump_model, whose "
                        "numbers are rounded; convert what Booster.save_model writes");
    /* A program that saves LightGBM's buffer may save the zero at its end as well. */
    while (g.in.end > g.in.at && !g.in.end[-1])
        g.in.end--;
    return read_model(&g);
}

const struct importer mdl_importer_lightgbm = {
    .name = "lightgbm",
    .about = "text of Booster.save_model, LightGBM 2.0.12 and newer",
    .probe = probe,
    .convert = convert,
};

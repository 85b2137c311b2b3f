/*
 * import/treelite_answers.c - from the sums of a checkpoint's trees to what GTIL answers
 *
 *     sums -> by the number of trees, if it averages -> + base scores = raw
 *     raw  -> postprocessor = prediction
 *
 * A postprocessor of elements is for outputs of one class each.  One of rows sees the classes of
 * one target, and columns beyond them stay 0.  The softmax of GTIL computes in float32 also where
 * sums are float64; ours does not, and is nearer to the exact value.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/treelite.h"

#include <stdio.h>
#include <string.h>

#define MOST_TARGETS 32u          /* with a postprocessor of rows: inputs of one concat */
#define CLASS_TEXT 12

enum kind { PLAIN, ELEMENT, HINGE, RATIO, ROW };

static const struct post {
    const char *name;
    enum kind kind;
    const char *link;
    int has_alpha;                /* logistic(alpha x) */
} posts[] = {
    { "identity", PLAIN, NULL, 0 },
    { "identity_multiclass", PLAIN, NULL, 0 },
    { "signed_square", ELEMENT, "signed_square", 0 },
    { "sigmoid", ELEMENT, "logistic", 1 },
    { "exponential", ELEMENT, "exp", 0 },
    { "logarithm_one_plus_exp", ELEMENT, "log1p_exp", 0 },
    { "exponential_standard_ratio", RATIO, "exp2_neg", 0 },
    { "hinge", HINGE, NULL, 0 },
    { "softmax", ROW, "softmax", 0 },
    { "multiclass_ova", ROW, "logistic", 1 },
};

/* ---- nodes: the builder keeps its errors -------------------------------------------------- */

static int32_t unary(const struct tl *t, const char *op, int32_t from, int32_t *node)
{
    *node = mdl_build_node(t->b, op, "", &from, 1);
    return mdl_build_result(t->b, *node, 0);
}

static int32_t cast(const struct tl *t, int32_t from, uint32_t type)
{
    int32_t node;
    const int32_t made = unary(t, "cast", from, &node);

    mdl_build_choice(t->b, node, "to", type == MDL_F32 ? "float32" : "float64");
    return made;
}

/* x * mul + add, or (x - sub) / div by columns, in `type`. */
static int32_t scaled(const struct tl *t, int32_t from, uint32_t type, const char *const slots[2],
                      const double *const values[2])
{
    const int64_t dims[] = { (int64_t)t->outputs };
    struct vec narrow = { 0 };
    int32_t node;
    const int32_t made = unary(t, "scale", from, &node);
    float *v = mdl_tl_room(t, &narrow, t->outputs, sizeof *v);

    for (int i = 0; v && i < 2; i++) {
        for (uint64_t k = 0; k < t->outputs; k++)
            v[k] = (float)values[i][k];
        mdl_build_weights(t->b, node, slots[i], type, 1, dims,
                          type == MDL_F32 ? (const void *)v : values[i]);
    }
    if (!v)
        mdl_builder_fail(t->b, MDL_ERR_MEMORY, "out of memory");
    mdl_vec_free(&narrow, &t->allocator);
    return made;
}

static int32_t link(const struct tl *t, const struct post *post, int32_t from)
{
    int32_t node;
    const int32_t made = unary(t, "link", from, &node);

    mdl_build_choice(t->b, node, "function", post->link);
    if (post->has_alpha)
        mdl_build_float(t->b, node, "scale", (double)t->sigmoid_alpha);
    return made;
}

/* ---- raw ---------------------------------------------------------------------------------------- */

static int is_own(const struct tl *t, uint64_t output)
{
    return output % t->classes < (uint64_t)tl_i32(t->num_class, output / t->classes);
}

/* All sums are of as many trees: an average that follows ranges of rounds.  `room` holds two
 * numbers an output. */
static int32_t averaged(const struct tl *t, double *room)
{
    const uint64_t *seen = (const uint64_t *)(const void *)t->seen.data;
    double *sub = room, *div = room + t->outputs;
    int32_t node, all_the_same = t->rounds > 0;

    for (uint64_t k = 0; k < t->outputs; k++) {
        sub[k] = 0;
        div[k] = is_own(t, k) ? (double)seen[k] : 1;
        all_the_same = all_the_same && (!is_own(t, k) || seen[k] == t->rounds);
    }
    if (!all_the_same)
        return scaled(t, t->raw, t->type, (const char *const[]){ "sub", "div" },
                      (const double *const[]){ sub, div });
    const int32_t made = unary(t, "average", t->raw, &node);
    mdl_build_int(t->b, node, "iterations", (int64_t)t->rounds);
    return made;
}

/* GTIL adds in float64 and rounds; where the base is a float32 that is one addition. */
static int32_t based(const struct tl *t, double *room)
{
    double *mul = room, *add = room + t->outputs;
    uint32_t type = t->type, any = 0;

    for (uint64_t k = 0; k < t->outputs; k++) {
        mul[k] = 1;
        add[k] = is_own(t, k) ? tl_real(t->base, sizeof *add, k) : 0;
        any |= add[k] != 0;
        if (!((double)(float)add[k] == add[k]))
            type = MDL_F64;
    }
    if (!any)
        return t->raw;
    const int32_t x = type == t->type ? t->raw : cast(t, t->raw, type);
    const int32_t made = scaled(t, x, type, (const char *const[]){ "mul", "add" },
                                (const double *const[]){ mul, add });
    return type == t->type ? made : cast(t, made, t->type);
}

/* ---- the postprocessor ------------------------------------------------------------------------ */

static const struct post *find_post(struct tl *t)
{
    const struct post *post = NULL;

    for (size_t i = 0; i < sizeof posts / sizeof *posts; i++)
        if (!strcmp(posts[i].name, t->postprocessor))
            post = &posts[i];
    if (!post)
        mdl_parts_add(&t->parts, "postprocessor '%s'", t->postprocessor);
    else if (post->kind == ROW ? t->targets > MOST_TARGETS
                               : post->kind != PLAIN && t->classes > 1)
        mdl_parts_add(&t->parts, "postprocessor '%s' of %llu targets with %llu classes",
                      t->postprocessor, ULL(t->targets), ULL(t->classes));
    else if (post->kind == HINGE && t->outputs > 1)
        mdl_parts_add(&t->parts, "postprocessor 'hinge' of %llu outputs", ULL(t->outputs));
    return post;
}

static int32_t columns(const struct tl *t, uint64_t begin, uint64_t n, uint32_t *room)
{
    int32_t node;
    const int32_t made = unary(t, "select", t->raw, &node);

    for (uint64_t k = 0; k < n; k++)
        room[k] = (uint32_t)(begin + k);
    mdl_build_weights(t->b, node, "columns", MDL_U32, 1, (const int64_t[]){ (int64_t)n }, room);
    return made;
}

/* Target by target; `room` has space for the columns of one. */
static int32_t by_target(const struct tl *t, const struct post *post, uint32_t *room)
{
    int32_t pieces[2 * MOST_TARGETS], n = 0;

    for (uint64_t i = 0; i < t->targets; i++) {
        const uint64_t own = (uint64_t)tl_i32(t->num_class, i), begin = i * t->classes;

        pieces[n++] = link(t, post, columns(t, begin, own, room));
        if (own < t->classes)
            pieces[n++] = columns(t, begin + own, t->classes - own, room);
    }
    return mdl_build_result(t->b, mdl_build_node(t->b, "concat", "", pieces, (size_t)n), 0);
}

static int32_t prediction(const struct tl *t, const struct post *post, double *room)
{
    int32_t node;

    switch (post->kind) {
    case ELEMENT: return link(t, post, t->raw);
    case ROW: return t->targets > 1 ? by_target(t, post, (uint32_t *)(void *)room)
                                    : link(t, post, t->raw);
    case HINGE: return cast(t, unary(t, "above", t->raw, &node), t->type);
    case RATIO:
        for (uint64_t k = 0; k < t->outputs; k++) {
            room[k] = 0;
            room[t->outputs + k] = (double)t->ratio_c;
        }
        return link(t, post, scaled(t, t->raw, t->type, (const char *const[]){ "sub", "div" },
                                    (const double *const[]){ room, room + t->outputs }));
    default: return t->raw;
    }
}

/* ---- outputs -------------------------------------------------------------------------------------- */

/* Class i is called i. */
static void number_classes(const struct tl *t, int32_t output, uint64_t n)
{
    struct vec text = { 0 }, texts = { 0 };
    char *at = mdl_tl_room(t, &text, n, CLASS_TEXT);
    const char **pointer = mdl_tl_room(t, &texts, n, sizeof *pointer);

    for (uint64_t i = 0; at && pointer && i < n; i++) {
        pointer[i] = at + i * CLASS_TEXT;
        snprintf(at + i * CLASS_TEXT, CLASS_TEXT, "%u", (unsigned)i);
    }
    if (at && pointer)
        mdl_build_labels(t->b, output, MDL_I64, n, pointer);
    else
        mdl_builder_fail(t->b, MDL_ERR_MEMORY, "out of memory");
    mdl_vec_free(&text, &t->allocator);
    mdl_vec_free(&texts, &t->allocator);
}

/* Classes of one target whose probabilities the prediction says. */
static void add_classes(const struct tl *t, const struct post *post, int32_t predicted)
{
    const int is_share = post->kind == ROW || (post->kind == PLAIN && t->averages);
    const int of_two = t->task == TL_BINARY && t->outputs == 1 && !strcmp(post->name, "sigmoid");
    int32_t node, probability = predicted, label;

    if (t->targets > 1 || (!of_two && (t->task != TL_MULTICLASS || t->classes < 2 || !is_share)))
        return;
    if (of_two) {
        probability = unary(t, "complement", predicted, &node);
        label = unary(t, "above", predicted, &node);
        mdl_build_float(t->b, node, "threshold", 0.5);
    } else {
        label = unary(t, "argmax", predicted, &node);
    }
    const uint64_t n = of_two ? 2 : t->classes;
    number_classes(t, mdl_build_output(t->b, "probability", MDL_OUTPUT_PROBA, probability), n);
    number_classes(t, mdl_build_output(t->b, "label", MDL_OUTPUT_LABEL, label), n);
}

mdl_status mdl_tl_answers(struct tl *t)
{
    const struct post *post = find_post(t);
    struct vec numbers = { 0 };
    const mdl_status s = mdl_parts_fail(&t->parts, t->err);
    double *room = s ? NULL : mdl_tl_room(t, &numbers, 2 * t->outputs, sizeof *room);

    if (!room)
        return s ? s : MDL_ERR_MEMORY;
    if (t->averages)
        t->raw = averaged(t, room);
    t->raw = based(t, room);
    const int32_t predicted = prediction(t, post, room);
    mdl_build_output(t->b, "prediction", MDL_OUTPUT_VALUE, predicted);
    add_classes(t, post, predicted);
    mdl_build_output(t->b, "raw", MDL_OUTPUT_RAW, t->raw);
    mdl_build_output(t->b, "leaf", MDL_OUTPUT_LEAF, t->leaves);
    mdl_vec_free(&numbers, &t->allocator);
    return MDL_OK;
}

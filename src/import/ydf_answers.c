/*
 * import/ydf_answers.c - task and loss, what leaves hold, from sums to outputs
 *
 *     gradient boosted trees    2 num_trees, 3 loss, 4 initial_predictions, 5 num_trees_per_iter,
 *                               9 output_logits
 *     random forest             2 num_trees, 3 winner_take_all_inference
 *     isolation forest          2 num_trees, 4 num_examples_per_trees
 *
 * All sums are float32, tree by tree.  Boosted trees of at most 64 leaves, no condition "is
 * missing" and one output are run by YDF's QuickScorer, whose sums begin at the initial
 * prediction; for all others it is added at the end.  Leaves of forests are divided by the number
 * of trees before they are added, and shares of classes held within [0, 1] at the end.
 *
 * Depth of an isolation forest, of a leaf with n > 2 examples: its own and c(n) = 2 (log(n - 1) +
 * 0.5772156649) - 2 (n - 1) / n in float32; c(2) = 1.  The score is 2^(-depth / c(all)).
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/ydf.h"

#include <math.h>
#include <stddef.h>

/* All float32 logarithms of glibc are correctly rounded up to here; log(1579) is not. */
#define MOST_ISOLATED 1579

#define POISSON_BOUND 19.0        /* raw scores are held within                              */
#define BELOW_HALF 0.49999997f    /* the float32 below: predict_class asks p >= 0.5          */

static const char *const losses[] = {
    NULL, "BINOMIAL_LOG_LIKELIHOOD", "SQUARED_ERROR", "MULTINOMIAL_LOG_LIKELIHOOD",
    "LAMBDA_MART_NDCG5", "XE_NDCG_MART", "BINARY_FOCAL_LOSS", "POISSON", "MEAN_AVERAGE_ERROR",
    "LAMBDA_MART_NDCG", "COX_PROPORTIONAL_HAZARD",
};
static const char *const tasks[] = {
    NULL, "CLASSIFICATION", "REGRESSION", "RANKING", "CATEGORICAL_UPLIFT", "NUMERICAL_UPLIFT",
    "ANOMALY_DETECTION", "SURVIVAL_ANALYSIS",
};

#define NAME_OF(names, i) ((i) > 0 && (uint64_t)(i) < sizeof(names) / sizeof *(names) \
                           ? (names)[i] : "unknown")

/* ---- what the model is -------------------------------------------------------------------- */

static mdl_status read_special(struct ydf *y)
{
    struct special { int64_t trees, third, fourth, per_round, logits; } h = {
        .third = y->model == YDF_RF, .per_round = 1 };
    static const struct wire_rule rules[] = {
        { 2, WIRE_VARINT, offsetof(struct special, trees) },
        { 3, WIRE_VARINT, offsetof(struct special, third) },
        { 4, WIRE_VARINT, offsetof(struct special, fourth) },
        { 5, WIRE_VARINT, offsetof(struct special, per_round) },
        { 9, WIRE_VARINT, offsetof(struct special, logits) }, { 0, 0, 0 },
    };
    struct wire_list list = { .message = y->special, .number = 4, .kind = WIRE_32 };
    uint64_t bits;

    if (!mdl_wire_read(y->special, rules, &h) || h.trees < 0 || h.trees > INT32_MAX)
        return YDF_BAD(y, bytes_offset(&y->special), "the header of the trees is broken");
    y->n_trees = h.trees;
    y->trees_a_round = 1;
    if (y->model == YDF_RF)
        y->winner_takes_all = h.third != 0;
    if (y->model == YDF_IF)
        y->examples_a_tree = h.fourth;
    if (y->model != YDF_GBT)
        return h.trees ? MDL_OK : YDF_BAD(y, bytes_offset(&y->special), "a forest without trees");
    y->loss = h.third;
    y->wants_logits = h.logits != 0;
    y->trees_a_round = h.per_round;
    while (mdl_wire_each(&list, &bits)) {
        const uint32_t narrow = (uint32_t)bits;
        if (!mdl_vec_add(&y->initial, &y->allocator, &narrow, sizeof narrow))
            return mdl_fail(y->err, MDL_ERR_MEMORY, "out of memory");
    }
    return list.message.bad ? YDF_BAD(y, bytes_offset(&y->special), "the initial predictions are "
                                      "broken") : MDL_OK;
}

static mdl_status read_classes(struct ydf *y)
{
    const struct ydf_column *c = YDF_AT(y->columns, struct ydf_column) + y->label;

    if (y->label < 0 || (uint64_t)y->label >= YDF_COUNT(y->columns, struct ydf_column)
        || c->type != YDF_CATEGORICAL || c->n_categories < 2)
        return YDF_BAD(y, bytes_offset(&y->header), "the label is no column of categories");
    y->classes = c->n_categories - 1;
    if (c->is_integer)
        mdl_parts_add(&y->parts, "a label of integers without a dictionary");
    if (y->classes < 2)
        mdl_parts_add(&y->parts, "a classifier of one class");
    return MDL_OK;
}

static int is_boosted(const struct ydf *y)
{
    switch (y->task) {
    case YDF_CLASSIFICATION:
        return y->classes == 2 ? y->loss == YDF_BINOMIAL || y->loss == YDF_FOCAL
                               : y->loss == YDF_MULTINOMIAL;
    case YDF_REGRESSION:
        return y->loss == YDF_SQUARED || y->loss == YDF_MAE || y->loss == YDF_POISSON;
    case YDF_RANKING:
        return y->loss == YDF_NDCG5 || y->loss == YDF_NDCG || y->loss == YDF_XE_NDCG;
    default: return y->task == YDF_SURVIVAL && y->loss == YDF_COX;
    }
}

static mdl_status check_boosted(struct ydf *y)
{
    const float *initial = YDF_AT(y->initial, float);

    y->outputs = y->task == YDF_CLASSIFICATION && y->classes > 2 ? y->classes : 1;
    if (!is_boosted(y)) {
        mdl_parts_add(&y->parts, "gradient boosted trees of the task %s with the loss %s",
                      NAME_OF(tasks, y->task), NAME_OF(losses, y->loss));
        return MDL_OK;
    }
    if (YDF_COUNT(y->initial, float) != y->outputs || (uint64_t)y->trees_a_round != y->outputs
        || y->n_trees % y->trees_a_round)
        return YDF_BAD(y, bytes_offset(&y->special), "%llu initial predictions and %lld trees, "
                       "%lld a round, for %llu outputs", ULL(YDF_COUNT(y->initial, float)),
                       (long long)y->n_trees, (long long)y->trees_a_round, ULL(y->outputs));
    for (uint64_t i = 0; i < y->outputs; i++)
        if (initial[i] - initial[i] != 0)
            return YDF_BAD(y, bytes_offset(&y->special), "an initial prediction is no number");
    return MDL_OK;
}

static void check_forest(struct ydf *y)
{
    const int is_uplift = y->task == YDF_CATEGORICAL_UPLIFT || y->task == YDF_NUMERICAL_UPLIFT;
    const int known = y->model == YDF_IF ? y->task == YDF_ANOMALY_DETECTION
                    : y->task == YDF_CLASSIFICATION || y->task == YDF_REGRESSION || is_uplift;

    y->outputs = y->task == YDF_CLASSIFICATION && y->classes > 2 ? y->classes : 1;
    y->leaf_width = y->outputs;
    if (!known)
        mdl_parts_add(&y->parts, "a forest of the task %s", NAME_OF(tasks, y->task));
    if (y->task == YDF_CATEGORICAL_UPLIFT && y->classes != 2)
        mdl_parts_add(&y->parts, "uplift of an outcome of %llu classes", ULL(y->classes));
    if (y->model == YDF_IF && y->examples_a_tree < 2)
        mdl_parts_add(&y->parts, "isolation trees of one example");
}

mdl_status mdl_ydf_kind(struct ydf *y)
{
    mdl_status s = read_special(y);

    y->leaf_width = 1;
    if (!s && (y->task == YDF_CLASSIFICATION || y->task == YDF_CATEGORICAL_UPLIFT))
        s = read_classes(y);
    if (!s && y->model == YDF_GBT)
        return check_boosted(y);
    if (!s) check_forest(y);
    return s;
}

/* ---- leaves --------------------------------------------------------------------------------- */

static mdl_status no_leaf(const struct ydf *y, const struct ydf_node *node)
{
    return YDF_BAD(y, node->offset, "a leaf does not say what the model needs");
}

/* Natural logarithm of n >= 1, to the last bit or nearly: 2^k m, 2 atanh((m - 1) / (m + 1)). */
static double logarithm(double n)
{
    double k = 0, power = 1, sum = 0;

    for (; n > 1.4142135623730951; n /= 2)
        k++;
    const double t = (n - 1) / (n + 1);
    for (int i = 1; i < 30; i += 2, power *= t * t)
        sum += power / i;
    return 2 * t * sum + k * 0.69314718055994530942;
}

/* Mean depth of a tree of n examples. */
static float mean_depth(int64_t n)
{
    const float examples = (float)n;

    if (n <= 2)
        return n == 2 ? 1.0f : 0.0f;
    const float harmonic = (float)logarithm((double)(examples - 1.0f)) + 0.5772156649f;
    return 2.0f * harmonic - 2.0f * (examples - 1.0f) / examples;
}

/* NodeClassifierOutput: 1 top_value, 2 distribution { 1 counts, 2 sum } */
static mdl_status class_leaf(const struct ydf *y, const struct ydf_node *node, double *value)
{
    struct classifier { int64_t vote; struct bytes distribution; } c = { .vote = 0 };
    static const struct wire_rule rules[] = {
        { 1, WIRE_VARINT, offsetof(struct classifier, vote) },
        { 2, WIRE_BYTES, offsetof(struct classifier, distribution) }, { 0, 0, 0 } };
    static const struct wire_rule sum_rules[] = { { 2, WIRE_64, 0 }, { 0, 0, 0 } };
    const uint64_t skipped = y->outputs == 1 ? 2 : 1;      /* of two classes the second counts */
    double sum = 0, count;
    uint64_t bits, i = 0;

    if (!mdl_wire_read(node->output[1], rules, &c))
        return no_leaf(y, node);
    if (y->winner_takes_all) {
        if (c.vote < 1 || (uint64_t)c.vote > y->classes)
            return no_leaf(y, node);
        for (uint64_t k = 0; k < y->outputs; k++)
            value[k] = (uint64_t)c.vote == k + skipped ? (double)(1.0f / (float)y->n_trees) : 0;
        return MDL_OK;
    }
    struct wire_list list = { .message = c.distribution, .number = 1, .kind = WIRE_64 };
    if (!mdl_wire_read(c.distribution, sum_rules, &sum) || !(sum > 0))
        return no_leaf(y, node);
    for (; mdl_wire_each(&list, &bits); i++) {
        memcpy(&count, &bits, sizeof count);
        if (i >= skipped && i - skipped < y->outputs)
            value[i - skipped] = (double)(float)(count / (sum * (double)y->n_trees));
    }
    return list.message.bad || i != y->classes + 1 ? no_leaf(y, node) : MDL_OK;
}

/* The first float of a message: NodeRegressorOutput 1 top_value, NodeUpliftOutput 4
 * treatment_effect. */
static mdl_status float_leaf(const struct ydf *y, const struct ydf_node *node, uint32_t output,
                             uint32_t field, float *out)
{
    struct wire_list list = { .message = node->output[output], .number = field, .kind = WIRE_32 };
    uint64_t bits = 0, more = 0;

    if (!mdl_wire_each(&list, &bits) || (field == 4 && mdl_wire_each(&list, &more))
        || list.message.bad)
        return no_leaf(y, node);
    const uint32_t narrow = (uint32_t)bits;
    memcpy(out, &narrow, sizeof *out);
    return MDL_OK;
}

static mdl_status isolated(struct ydf *y, const struct ydf_node *node, uint64_t depth, float *out)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    int64_t n = 0;

    if (!mdl_wire_read(node->output[6], rules, &n) || n < 0)
        return no_leaf(y, node);
    if (n > MOST_ISOLATED) {
        mdl_parts_add(&y->parts, "isolation trees with leaves of more than %d examples (C "
                      "libraries differ in the last bit of their logarithm)", MOST_ISOLATED);
        return mdl_parts_fail(&y->parts, y->err);
    }
    *out = ((float)depth + mean_depth(n)) / (float)y->n_trees;
    return MDL_OK;
}

mdl_status mdl_ydf_leaf(struct ydf *y, const struct ydf_node *node, uint64_t depth, double *value)
{
    const int is_uplift = y->task == YDF_CATEGORICAL_UPLIFT || y->task == YDF_NUMERICAL_UPLIFT;
    float v = 0;
    mdl_status s;

    if (y->model == YDF_RF && y->task == YDF_CLASSIFICATION)
        return class_leaf(y, node, value);
    if (y->model == YDF_IF)
        s = isolated(y, node, depth, &v);
    else
        s = is_uplift ? float_leaf(y, node, 5, 4, &v) : float_leaf(y, node, 2, 1, &v);
    *value = (double)(y->model == YDF_RF ? v / (float)y->n_trees : v);
    return s;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static int32_t unary(const struct ydf *y, const char *op, int32_t from, int32_t *node)
{
    *node = mdl_build_node(y->b, op, "", &from, 1);
    return mdl_build_result(y->b, *node, 0);
}

static int32_t linked(const struct ydf *y, const char *function, int32_t from)
{
    int32_t node;
    const int32_t made = unary(y, "link", from, &node);

    mdl_build_choice(y->b, node, "function", function);
    return made;
}

/* x + add by columns, or x with add NULL, held within bounds. */
static int32_t moved(struct ydf *y, int32_t from, const float *add, double low, double high)
{
    const int64_t dims[] = { (int64_t)y->outputs };
    struct vec room = { 0 };
    float *v = mdl_ydf_room(y, &room, 2 * y->outputs, sizeof *v);
    int32_t node;
    const int32_t made = unary(y, "scale", from, &node);

    for (uint64_t i = 0; v && i < y->outputs; i++) {
        v[i] = 1;
        v[y->outputs + i] = add ? add[i] : 0;
    }
    if (v) {
        mdl_build_weights(y->b, node, "mul", MDL_F32, 1, dims, v);
        mdl_build_weights(y->b, node, "add", MDL_F32, 1, dims, v + y->outputs);
        mdl_build_float(y->b, node, "low", low);
        mdl_build_float(y->b, node, "high", high);
    } else {
        mdl_builder_fail(y->b, MDL_ERR_MEMORY, "out of memory");
    }
    mdl_vec_free(&room, &y->allocator);
    return made;
}

/* 2^(-depth / mean depth) */
static int32_t score(struct ydf *y)
{
    const float zero = 0, all = mean_depth(y->examples_a_tree);
    int32_t node;
    const int32_t made = unary(y, "scale", y->raw, &node);

    mdl_build_weights(y->b, node, "sub", MDL_F32, 1, (const int64_t[]){ 1 }, &zero);
    mdl_build_weights(y->b, node, "div", MDL_F32, 1, (const int64_t[]){ 1 }, &all);
    return linked(y, "exp2_neg", made);
}

static int32_t predicted(struct ydf *y)
{
    if (y->model == YDF_IF)
        return score(y);
    if (y->model == YDF_RF)
        return y->task == YDF_CLASSIFICATION ? moved(y, y->raw, NULL, 0, 1) : y->raw;
    /* QuickScorer has begun with it; the logits of several classes go without. */
    if (!y->is_quick && !(y->wants_logits && y->outputs > 1))
        y->raw = moved(y, y->raw, YDF_AT(y->initial, float), -(double)INFINITY, (double)INFINITY);
    if (y->task == YDF_CLASSIFICATION && !y->wants_logits)
        return linked(y, y->outputs > 1 ? "softmax" : "logistic", y->raw);
    if (y->loss == YDF_POISSON && !(y->wants_logits && y->is_quick))
        return linked(y, "exp", moved(y, y->raw, NULL, -POISSON_BOUND, POISSON_BOUND));
    return y->raw;
}

static mdl_status add_classes(struct ydf *y, int32_t prediction)
{
    int32_t node, probability = prediction, label;

    if (y->outputs == 1) {
        probability = unary(y, "complement", prediction, &node);
        label = unary(y, "above", prediction, &node);
        mdl_build_float(y->b, node, "threshold", (double)BELOW_HALF);
    } else {
        label = unary(y, "argmax", prediction, &node);
    }
    mdl_status s = mdl_ydf_labels(y, mdl_build_output(y->b, "probability", MDL_OUTPUT_PROBA,
                                                      probability));
    if (!s) s = mdl_ydf_labels(y, mdl_build_output(y->b, "label", MDL_OUTPUT_LABEL, label));
    return s;
}

static void add_metadata(const struct ydf *y)
{
    mdl_build_metadata(y->b, "source", "ydf");
    mdl_build_metadata(y->b, "source_kind", y->model == YDF_GBT ? "GradientBoostedTreesModel"
                                          : y->model == YDF_RF ? "RandomForestModel"
                                                               : "IsolationForestModel");
    mdl_build_metadata(y->b, "objective", y->model == YDF_GBT ? NAME_OF(losses, y->loss)
                                                              : NAME_OF(tasks, y->task));
    mdl_build_metadata(y->b, "unseen_categories", "first");
}

mdl_status mdl_ydf_answers(struct ydf *y)
{
    const int32_t prediction = predicted(y);
    mdl_status s = MDL_OK;

    mdl_build_output(y->b, "prediction", MDL_OUTPUT_VALUE, prediction);
    if (y->task == YDF_CLASSIFICATION && !y->wants_logits)
        s = add_classes(y, prediction);
    mdl_build_output(y->b, "raw", MDL_OUTPUT_RAW, y->raw);
    mdl_build_output(y->b, "leaf", MDL_OUTPUT_LEAF, y->leaves);
    add_metadata(y);
    return s;
}

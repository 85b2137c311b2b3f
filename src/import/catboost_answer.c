/*
 * import/catboost_answer.c - losses: what is made of the sums
 *
 * The framework takes its exponentials from a table good to 1e-8 or so; ours are exact to
 * the last bits.  The class of two is the sign of raw, or above the margin of
 * binclass_probability_threshold: -log(1/p - 1).
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/catboost.h"

#include <math.h>
#include <string.h>

enum answer {
    RAW,                          /* as it is                                            */
    EXPONENT,
    UNCERTAIN,                    /* mean, and the variance exp(2 x) of the logarithm x  */
    BINARY,                       /* one sum: the margin of the second class             */
    SOFTMAX,
    ONE_VS_ALL,                   /* a margin each, one of them is the class             */
    LABELS                        /* a margin each, any of them may hold                 */
};

struct loss {
    const char *name;
    enum answer answer;
};

static const struct loss losses[] = {
    { "Cox", RAW }, { "CrossEntropy", BINARY }, { "Expectile", RAW }, { "Focal", BINARY },
    { "GroupQuantile", RAW }, { "Huber", RAW }, { "LambdaMart", RAW }, { "LogCosh", RAW },
    { "LogLinQuantile", RAW }, { "Logloss", BINARY }, { "Lq", RAW }, { "MAE", RAW },
    { "MAPE", RAW }, { "MultiClass", SOFTMAX }, { "MultiClassOneVsAll", ONE_VS_ALL },
    { "MultiCrossEntropy", LABELS }, { "MultiLogloss", LABELS }, { "MultiQuantile", RAW },
    { "MultiRMSE", RAW }, { "MultiRMSEWithMissingValues", RAW }, { "PairLogit", RAW },
    { "PairLogitPairwise", RAW }, { "Poisson", EXPONENT },
    { "PythonUserDefinedMultiTarget", RAW }, { "PythonUserDefinedPerObject", RAW },
    { "QueryCrossEntropy", RAW }, { "QueryRMSE", RAW }, { "QuerySoftMax", RAW },
    { "Quantile", RAW }, { "RMSE", RAW }, { "RMSEWithUncertainty", UNCERTAIN },
    { "StochasticFilter", RAW }, { "StochasticRank", RAW }, { "SurvivalAft", RAW },
    { "Tweedie", EXPONENT }, { "UserPerObjMetric", RAW }, { "UserQuerywiseMetric", RAW },
    { "YetiRank", RAW }, { "YetiRankPairwise", RAW },
};

/* A sum of models does not say what they were trained for: its sums are the answer. */
static enum answer answer_of(const struct cat *c)
{
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (!strcmp(losses[i].name, c->loss))
            return losses[i].answer;
    return RAW;
}

static int is_known(const struct cat *c)
{
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (!strcmp(losses[i].name, c->loss))
            return 1;
    return !c->loss[0];
}

void mdl_cat_check(struct cat *c)
{
    char name[sizeof c->loss];
    const enum answer answer = answer_of(c);
    const uint64_t labels = CAT_COUNT(c->labels, uint32_t);

    if (!is_known(c))
        mdl_parts_add(&c->parts, "loss '%s'",
                      mdl_safe_text(name, sizeof name, c->loss, strlen(c->loss)));
    else if ((answer == SOFTMAX || answer == ONE_VS_ALL) && labels
             && labels != (uint64_t)c->outputs)
        mdl_parts_add(&c->parts, "classes that the training data did not have");
    else if (((answer == BINARY || answer == EXPONENT) && c->outputs != 1)
             || (answer == UNCERTAIN && c->outputs != 2))
        mdl_parts_add(&c->parts, "loss %s with %lld outputs", c->loss, (long long)c->outputs);
}

/* ---- operators ------------------------------------------------------------------------------- */

static int32_t unary(const struct cat *c, const char *op, int32_t from)
{
    return mdl_build_result(c->b, mdl_build_node(c->b, op, "", &from, 1), 0);
}

static int32_t link(const struct cat *c, const char *function, int32_t from)
{
    const int32_t node = mdl_build_node(c->b, "link", "", &from, 1);

    mdl_build_choice(c->b, node, "function", function);
    return mdl_build_result(c->b, node, 0);
}

static int32_t pick(const struct cat *c, uint32_t column, int32_t from)
{
    const int32_t node = mdl_build_node(c->b, "select", "", &from, 1);

    mdl_build_weights(c->b, node, "columns", MDL_U32, 1, (int64_t[]){ 1 }, &column);
    return mdl_build_result(c->b, node, 0);
}

/* first: what is added belongs to the first tree, so a range without that does not have it. */
static int32_t mul_add(const struct cat *c, int32_t from, int64_t cols, const double *mul,
                       const double *add, int first)
{
    const int32_t node = mdl_build_node(c->b, "scale", "", &from, 1);

    mdl_build_weights(c->b, node, "mul", MDL_F64, 1, &cols, mul);
    mdl_build_weights(c->b, node, "add", MDL_F64, 1, &cols, add);
    if (first)
        mdl_build_int(c->b, node, "first", 1);
    return mdl_build_result(c->b, node, 0);
}

static int32_t uncertain(const struct cat *c)
{
    const int32_t log = mul_add(c, pick(c, 1, c->raw), 1, &(double){ 2 }, &(double){ 0 }, 0);
    const int32_t both[] = { pick(c, 0, c->raw), link(c, "exp", log) };

    return mdl_build_result(c->b, mdl_build_node(c->b, "concat", "", both, 2), 0);
}

static int32_t above(const struct cat *c)
{
    const int32_t node = mdl_build_node(c->b, "above", "", &c->raw, 1);

    mdl_build_float(c->b, node, "threshold",
                    c->probability == 0.5 ? 0 : -log(1 / c->probability - 1));
    return mdl_build_result(c->b, node, 0);
}

/* The sums times scale, plus bias; where they change nothing they are left out.  Adding -0
 * changes nothing either. */
static mdl_status scale(struct cat *c)
{
    const size_t n = (size_t)c->outputs, have = CAT_COUNT(c->bias, double);
    const double *bias = CAT_AT(c->bias, double);
    struct vec both = { 0 };
    int some = 0;

    if (have && have != n)
        return mdl_cat_fail(c, 0, "a bias for %llu outputs, expected %llu",
                            (unsigned long long)have, (unsigned long long)n);
    for (size_t i = 0; i < have; i++)
        some |= bias[i] != 0;
    if (c->scale == 1 && !some)
        return MDL_OK;
    double *mul = mdl_vec_add(&both, &c->allocator, NULL, 2 * n * sizeof *mul);
    if (!mul)
        return mdl_cat_memory(c);
    for (size_t i = 0; i < n; i++) {
        mul[i] = c->scale;
        mul[n + i] = some ? bias[i] : -0.0;
    }
    c->raw = mul_add(c, c->raw, (int64_t)n, mul, mul + n, some);
    mdl_vec_free(&both, &c->allocator);
    return MDL_OK;
}

/* ---- outputs --------------------------------------------------------------------------------- */

static uint32_t label_type(const struct cat *c)
{
    if (!strcmp(c->label_type, "String"))
        return MDL_STRING;
    if (!strcmp(c->label_type, "Boolean"))
        return MDL_BOOL;
    return strcmp(c->label_type, "Float") ? MDL_I64 : MDL_F64;
}

/* Names of classes; a file that has none leaves the outputs without. */
static mdl_status name_classes(struct cat *c, int32_t output, uint64_t classes)
{
    const uint32_t *at = CAT_AT(c->labels, uint32_t);
    struct vec texts = { 0 };

    if (CAT_COUNT(c->labels, uint32_t) != classes)
        return MDL_OK;
    const char **text = mdl_vec_add(&texts, &c->allocator, NULL, (size_t)classes * sizeof *text);
    if (!text)
        return mdl_cat_memory(c);
    for (uint64_t i = 0; i < classes; i++)
        text[i] = (const char *)c->texts.data + at[i];
    mdl_build_labels(c->b, output, label_type(c), classes, text);
    mdl_vec_free(&texts, &c->allocator);
    return MDL_OK;
}

static mdl_status classifier(struct cat *c, enum answer answer)
{
    const int32_t margins = answer == SOFTMAX ? link(c, "softmax", c->raw)
                                              : link(c, "logistic", c->raw);
    const int32_t p = answer == BINARY ? unary(c, "complement", margins) : margins;
    const uint64_t classes = answer == BINARY ? 2 : (uint64_t)c->outputs;
    const int32_t probability = mdl_build_output(c->b, "probability", MDL_OUTPUT_PROBA, p);

    if (answer == LABELS) {
        mdl_build_output(c->b, "label", MDL_OUTPUT_OTHER, above(c));
        return MDL_OK;
    }
    const int32_t label = mdl_build_output(c->b, "label", MDL_OUTPUT_LABEL,
                                           answer == BINARY ? above(c)
                                                            : unary(c, "argmax", c->raw));
    const mdl_status s = name_classes(c, probability, classes);
    return s ? s : name_classes(c, label, classes);
}

mdl_status mdl_cat_answers(struct cat *c)
{
    const enum answer answer = answer_of(c);
    mdl_status s = scale(c);

    if (s)
        return s;
    if (answer >= BINARY)
        s = classifier(c, answer);
    else
        mdl_build_output(c->b, "prediction", MDL_OUTPUT_VALUE,
                         answer == EXPONENT ? link(c, "exp", c->raw)
                         : answer == UNCERTAIN ? uncertain(c) : c->raw);
    mdl_build_output(c->b, "raw", MDL_OUTPUT_RAW, c->raw);
    mdl_build_output(c->b, "leaf", MDL_OUTPUT_LEAF, c->leaves);
    return s ? s : mdl_builder_status(c->b, c->err);
}

/*
 * import/xgboost_margin.c - objectives: where the sums start, and what is answered
 *
 * base_score is kept as a prediction; the sums start from its margin.  XGBoost computes
 * that in float32 with logf and expm1f of the C library, and so do we: the result is the
 * same to the last bit where both run on the same library.  Where versions differ, the
 * version that wrote the file counts: it is the one that trained the model.
 *
 *     logistic     -log(1/p - 1); since 3.2 p is first brought into [1e-6, 1 - 1e-6]
 *     log          log(p)
 *     gaps         the first as it is, then log(e^g - 1) of the gaps g between neighbours,
 *                  as g + log(-expm1(-g)), g at least 1e-6        (reg:expectileerror)
 *
 * Sources: src/objective of XGBoost 1.0 to 3.4, src/common/math.h, src/learner.cc.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/xgboost.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum base { BASE_PLAIN, BASE_LOGISTIC, BASE_LOG, BASE_GAPS };

/* What Booster.predict gives. */
enum answer {
    ANSWER_MARGIN, ANSWER_LINK,
    ANSWER_BINARY,               /* the probability of class 1        */
    ANSWER_HINGE,                /* 1 where the margin is above 0     */
    ANSWER_CLASS, ANSWER_CLASSES /* the class; a probability for each */
};

struct xgb_objective {
    const char *name;
    enum base base;
    enum answer answer;
    const char *link;
};

static const struct xgb_objective objectives[] = {
    { "binary:hinge", BASE_PLAIN, ANSWER_HINGE, NULL },
    { "binary:logistic", BASE_LOGISTIC, ANSWER_BINARY, "logistic" },
    { "binary:logitraw", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "count:poisson", BASE_LOG, ANSWER_LINK, "exp" },
    { "multi:softmax", BASE_PLAIN, ANSWER_CLASS, "softmax" },
    { "multi:softprob", BASE_PLAIN, ANSWER_CLASSES, "softmax" },
    { "rank:map", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "rank:ndcg", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "rank:pairwise", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "reg:absoluteerror", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "reg:expectileerror", BASE_GAPS, ANSWER_LINK, "expectile" },
    { "reg:gamma", BASE_LOG, ANSWER_LINK, "exp" },
    { "reg:linear", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "reg:logistic", BASE_LOGISTIC, ANSWER_LINK, "logistic" },
    { "reg:pseudohubererror", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "reg:quantileerror", BASE_PLAIN, ANSWER_LINK, "quantile" },
    { "reg:squarederror", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "reg:squaredlogerror", BASE_PLAIN, ANSWER_MARGIN, NULL },
    { "reg:tweedie", BASE_LOG, ANSWER_LINK, "exp" },
    { "survival:aft", BASE_LOG, ANSWER_LINK, "exp" },
    { "survival:cox", BASE_LOG, ANSWER_LINK, "exp" },
};

/* ---- where sums start ------------------------------------------------------------------- */

#define TINY 1e-6f               /* kRtEps */
#define CLASS_TEXT 12

static float logistic_margin(const struct xgb *x, float p)
{
    if (xgb_since(x, 3, 2)) {
        p = p > TINY ? p : TINY;
        p = p < 1.0f - TINY ? p : 1.0f - TINY;
    }
    return -logf(1.0f / p - 1.0f);
}

static float gap_margin(float gap)
{
    gap = gap > TINY ? gap : TINY;
    return gap + logf(-expm1f(-gap));
}

static enum base base_rule(const struct xgb *x)
{
    /* Until 1.3 this one took over the rule of binary:logistic. */
    if (!strcmp(x->how->name, "binary:logitraw") && x->version[0] && !xgb_since(x, 1, 3))
        return BASE_LOGISTIC;
    return x->how->base;
}

static float margin_of(const struct xgb *x, enum base rule, uint64_t k)
{
    const double *all = (const double *)(const void *)x->base.data;
    const float p = (float)all[k];

    switch (rule) {
    case BASE_LOGISTIC: return logistic_margin(x, p);
    case BASE_LOG: return logf(p);
    case BASE_GAPS: return k ? gap_margin(p - (float)all[k - 1] - TINY) : p;
    default: return p;
    }
}

static mdl_status check_base(const struct xgb *x, enum base rule)
{
    const double *p = (const double *)(const void *)x->base.data;

    for (size_t k = 0; k < x->base.bytes / sizeof *p; k++) {
        if (p[k] - p[k] != 0)
            return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                               "'base_score' is not finite");
        if (rule == BASE_LOGISTIC && (p[k] < 0 || p[k] > 1))
            return mdl_fail_at(x->err, MDL_ERR_FORMAT, "", bytes_offset(&x->file),
                               "'base_score' of %s is not within 0 and 1", x->how->name);
    }
    return MDL_OK;
}

static void find_objective(struct xgb *x)
{
    char name[sizeof x->objective];

    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++)
        if (!strcmp(objectives[i].name, x->objective))
            x->how = &objectives[i];
    if (!x->how)
        mdl_parts_add(&x->parts, "objective '%s'",
                      mdl_safe_text(name, sizeof name, x->objective, strlen(x->objective)));
    else if (x->how->answer == ANSWER_HINGE && x->outputs > 1)
        mdl_parts_add(&x->parts, "binary:hinge with %llu outputs",
                      (unsigned long long)x->outputs);
}

/* All outputs: a single base_score holds for each of them, before its margin is taken. */
mdl_status mdl_xgb_margin(struct xgb *x)
{
    find_objective(x);
    if (!x->how)
        return MDL_OK;
    const enum base rule = base_rule(x);
    const mdl_status s = check_base(x, rule);
    if (s)
        return s;
    while (x->base.bytes / sizeof(double) < x->outputs)
        if (!mdl_vec_add(&x->base, &x->allocator, &(double){ *(double *)(void *)x->base.data },
                         sizeof(double)))
            return mdl_fail(x->err, MDL_ERR_MEMORY, "out of memory");

    x->margin = (double *)(void *)x->base.data;
    for (uint64_t k = x->outputs; k-- > 0;)        /* gaps look at the one before */
        x->margin[k] = (double)margin_of(x, rule, k);
    return MDL_OK;
}

int mdl_xgb_adds_base_last(const struct xgb *x)
{
    return x->version[0] && !xgb_since(x, 1, strcmp(x->booster, "dart") ? 3 : 4);
}

/* sums * 1 + base, in float32 */
int32_t mdl_xgb_add_base(const struct xgb *x, int32_t sums)
{
    const int64_t dims[] = { (int64_t)x->outputs };
    struct vec ones = { 0 };

    if (!mdl_xgb_adds_base_last(x))
        return sums;
    float *mul = (float *)(void *)mdl_vec_add(&ones, &x->allocator, NULL,
                                              2 * (size_t)x->outputs * sizeof *mul);
    if (!mul) {
        mdl_builder_fail(x->b, MDL_ERR_MEMORY, "out of memory");
        return MDL_NONE;
    }
    for (uint64_t k = 0; k < x->outputs; k++) {
        mul[k] = 1;
        mul[x->outputs + k] = (float)x->margin[k];
    }
    const int32_t node = mdl_build_node(x->b, "scale", "", &sums, 1);
    mdl_build_weights(x->b, node, "mul", MDL_F32, 1, dims, mul);
    mdl_build_weights(x->b, node, "add", MDL_F32, 1, dims, mul + x->outputs);
    mdl_vec_free(&ones, &x->allocator);
    return mdl_build_result(x->b, node, 0);
}

/* ---- outputs ------------------------------------------------------------------------------ */

static int32_t unary(const struct xgb *x, const char *op, int32_t from)
{
    return mdl_build_result(x->b, mdl_build_node(x->b, op, "", &from, 1), 0);
}

static int32_t link(const struct xgb *x)
{
    const int32_t node = mdl_build_node(x->b, "link", "", &x->raw, 1);

    mdl_build_choice(x->b, node, "function", x->how->link);
    return mdl_build_result(x->b, node, 0);
}

static int32_t above(const struct xgb *x, int32_t from, double threshold)
{
    const int32_t node = mdl_build_node(x->b, "above", "", &from, 1);

    mdl_build_float(x->b, node, "threshold", threshold);
    return mdl_build_result(x->b, node, 0);
}

static int32_t as_float(const struct xgb *x, int32_t from)
{
    const int32_t node = mdl_build_node(x->b, "cast", "", &from, 1);

    mdl_build_choice(x->b, node, "to", "float32");
    return mdl_build_result(x->b, node, 0);
}

static int32_t output(const struct xgb *x, const char *name, uint32_t role, int32_t value)
{
    return value == MDL_NONE ? MDL_NONE : mdl_build_output(x->b, name, role, value);
}

/* Class i is called i. */
static void number_classes(const struct xgb *x, int32_t out)
{
    const uint64_t n = x->outputs > 1 ? x->outputs : 2;
    struct vec text = { 0 }, texts = { 0 };
    int good = out != MDL_NONE && mdl_vec_add(&text, &x->allocator, NULL, n * CLASS_TEXT)
            && mdl_vec_add(&texts, &x->allocator, NULL, n * sizeof(char *));

    for (uint64_t i = 0; good && i < n; i++) {
        char *at = (char *)text.data + i * CLASS_TEXT;
        snprintf(at, CLASS_TEXT, "%u", (unsigned)i);
        memcpy(texts.data + i * sizeof at, &at, sizeof at);
    }
    if (good)
        mdl_build_labels(x->b, out, MDL_I64, n, (const char *const *)(void *)texts.data);
    else if (out != MDL_NONE)
        mdl_builder_fail(x->b, MDL_ERR_MEMORY, "out of memory");
    mdl_vec_free(&text, &x->allocator);
    mdl_vec_free(&texts, &x->allocator);
}

/* The values of each output; MDL_NONE: the objective has no such thing. */
struct answers {
    int32_t prediction, probability, label;
};

static struct answers answers(const struct xgb *x)
{
    struct answers a = { x->raw, MDL_NONE, MDL_NONE };

    switch (x->how->answer) {
    case ANSWER_LINK:
        if (strcmp(x->how->link, "quantile") != 0 || xgb_since(x, 3, 4))
            a.prediction = link(x);
        break;
    case ANSWER_BINARY:
        a.prediction = link(x);
        if (x->outputs > 1)
            break;                                 /* several targets, each of two classes */
        a.probability = unary(x, "complement", a.prediction);
        a.label = above(x, a.prediction, 0.5);
        break;
    case ANSWER_HINGE:
        a.label = above(x, x->raw, 0);
        a.prediction = as_float(x, a.label);
        a.probability = unary(x, "complement", a.prediction);
        break;
    case ANSWER_CLASS:
        a.label = unary(x, "argmax", x->raw);
        a.prediction = as_float(x, a.label);
        a.probability = link(x);
        break;
    case ANSWER_CLASSES:
        a.prediction = a.probability = link(x);
        a.label = unary(x, "argmax", a.prediction);
        break;
    default:
        break;
    }
    return a;
}

void mdl_xgb_outputs(const struct xgb *x)
{
    const struct answers a = answers(x);

    output(x, "prediction", MDL_OUTPUT_VALUE, a.prediction);
    number_classes(x, output(x, "probability", MDL_OUTPUT_PROBA, a.probability));
    number_classes(x, output(x, "label", MDL_OUTPUT_LABEL, a.label));
    output(x, "raw", MDL_OUTPUT_RAW, x->raw);
    output(x, "leaf", MDL_OUTPUT_LEAF, x->leaves);
    if (a.label != MDL_NONE && !strcmp(x->estimator, "XGBClassifier"))
        mdl_build_metadata(x->b, "predict", "label");
}

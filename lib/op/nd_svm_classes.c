/*
 * op/nd_svm_classes.c - classification by support vectors, as libsvm and ONNX Runtime do it
 *
 *   coef     [classes - 1, n]   of class i against j > i: rows j - 1 for the vectors of i and
 *                               i for those of j; of a linear machine [classes, cols]
 *   rho      [pairs] or more, pairs = classes (classes - 1) / 2 in the order 01 02 .. 12 ..
 *   per_class i64 [classes]     vectors of each class, in order; not there: a linear machine
 *   prob_a, prob_b [pairs]      optional: of sigmoids that give probabilities
 *   label    [rows]
 *   scores   [rows, width]      float32: probabilities [classes]; decisions [pairs], of two
 *                               classes two; of a linear machine [classes]
 *
 * Each pair votes, the first class with most votes wins.  Probabilities of pairs become those
 * of classes by the second method of Wu, Lin and Weng (2004), in float32 and with the steps of
 * libsvm: at most 100, until the error is below 0.005 / classes.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_svm.h"

enum { PER_CLASS = SVM_SLOTS, PROB_A, PROB_B, LABELS, LABEL_TEXT, N_SLOTS };

static const struct field fields[] = {
    SVM_KERNEL_FIELDS,
    FIELD(FIELD_CHOICE, svm_params, transform, ML_NONE, mdl_ml_transforms),
};

static const struct slot slots[N_SLOTS] = {
    SVM_COMMON_SLOTS,
    [PER_CLASS] = { "per_class", TYPE_BIT(MDL_I64), 1, 0 },
    [PROB_A] = { "prob_a", TYPE_BIT(MDL_F32), 1, 0 },
    [PROB_B] = { "prob_b", TYPE_BIT(MDL_F32), 1, 0 },
    [LABELS] = { "labels", TYPE_BIT(MDL_I64), 1, 0 },
    [LABEL_TEXT] = { "label_text", TYPE_BIT(MDL_U8), 1, 0 },
};

#define MOST_CLASSES 4096u

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *w = n->tensors;
    struct ml_list labels;
    mdl_status s = mdl_nd_need_type(n, g, 0, ML_X, err);

    if (!s) s = mdl_ml_list(&labels, n, LABELS, LABEL_TEXT, err);
    if (s)
        return s;
    const uint64_t classes = labels.count;
    const uint64_t pairs = classes * (classes - 1) / 2;
    if (!classes || classes > MOST_CLASSES || !w[SVM_VECTORS].type != !w[PER_CLASS].type)
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu classes, vectors without per_class or it alone",
                        (unsigned long long)classes);
    if ((uint64_t)w[SVM_COEF].dims[0] != classes - (w[SVM_VECTORS].type != 0)
        || (w[SVM_VECTORS].type && (classes < 2 || w[SVM_RHO].count < pairs)))
        return mdl_fail(err, MDL_ERR_FORMAT, "%lld rows of coef and %llu rho of %llu classes",
                        (long long)w[SVM_COEF].dims[0], (unsigned long long)w[SVM_RHO].count,
                        (unsigned long long)classes);
    if (w[PROB_A].count != w[PROB_B].count
        || (w[PROB_A].count && (w[PROB_A].count < pairs || !w[SVM_VECTORS].type)))
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu prob_a and %llu prob_b of %llu pairs",
                        (unsigned long long)w[PROB_A].count, (unsigned long long)w[PROB_B].count,
                        (unsigned long long)pairs);
    nd_result(n, g, 0, labels.type);
    nd_result(n, g, 1, MDL_F32);
    return MDL_OK;
}

/* First vectors of the classes. */
static mdl_status prepare_starts(struct node *n, struct svm_plan *p, struct arena *a,
                                 mdl_error *err)
{
    const struct tensor *per = &n->tensors[PER_CLASS];
    uint64_t all = 0;

    if (p->linear)
        return MDL_OK;
    if (per->count != p->labels.count)
        return mdl_fail(err, MDL_ERR_FORMAT, "'per_class' has %llu elements, expected %llu",
                        (unsigned long long)per->count, (unsigned long long)p->labels.count);
    p->start = mdl_arena_take(a, per->count + 1, sizeof *p->start);
    if (!p->start)
        return mdl_arena_fail(a, err, "vectors");
    for (uint64_t i = 0; i < per->count; i++) {
        const int64_t count = ((const int64_t *)per->data)[i];
        if (count < 0 || !size_add(all, (uint64_t)count, &all) || all > p->vectors)
            return mdl_fail(err, MDL_ERR_FORMAT, "class %llu has %lld vectors of %llu",
                            (unsigned long long)i, (long long)count,
                            (unsigned long long)p->vectors);
        p->start[i + 1] = all;
    }
    return MDL_OK;
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    struct svm_plan *p = mdl_arena_take(a, 1, sizeof *p);
    mdl_status s;

    (void)g;
    if (!p)
        return mdl_arena_fail(a, err, "a support vector machine");
    n->plan = p;
    s = mdl_svm_prepare(n, p, a, err);
    if (!s) s = mdl_ml_list_data(&p->labels, n, LABELS, LABEL_TEXT, a, err);
    return s ? s : prepare_starts(n, p, a, err);
}

static int has_probabilities(const struct node *n)
{
    return n->tensors[PROB_A].count > 0;
}

/* Scores of a row before the transform, and in the end. */
static uint64_t width_of(const struct node *n, int final)
{
    const struct svm_plan *p = n->plan;
    const uint64_t classes = p->labels.count;

    if (p->linear || has_probabilities(n))
        return classes;
    return classes > 2 ? classes * (classes - 1) / 2 : final ? 2 : 1;
}

/* What a row needs beside the work of the kernel. */
struct machine {
    float    *kernel;             /* [vectors]                                              */
    float    *scores;             /* [pairs or classes, two at least]                       */
    float    *pair, *q, *qp;      /* [classes^2] r and Q, [classes]                         */
    uint32_t *votes;              /* [classes]                                              */
};

static uint64_t lay_out(const struct node *n, struct machine *m, char *temp)
{
    const struct svm_plan *p = n->plan;
    const uint64_t classes = p->labels.count, all = classes * classes;
    const uint64_t square = has_probabilities(n) ? all : 0;
    const uint64_t sizes[] = { p->vectors, all + 2, square, square, classes, classes };
    uint64_t at = mdl_svm_work_bytes(p), places[6];

    for (int i = 0; i < 6; i++) {
        places[i] = at;
        at += sizes[i] * 4;
    }
    if (temp)
        *m = (struct machine){
            .kernel = (float *)(void *)(temp + places[0]),
            .scores = (float *)(void *)(temp + places[1]),
            .pair = (float *)(void *)(temp + places[2]), .q = (float *)(void *)(temp + places[3]),
            .qp = (float *)(void *)(temp + places[4]),
            .votes = (uint32_t *)(void *)(temp + places[5]),
        };
    return at;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    int64_t rows;
    const mdl_status s = mdl_svm_rows(c, n, &rows);

    if (s)
        return s;
    c->temp_bytes = lay_out(n, NULL, NULL);
    mdl_nd_set_shape(nd_out(c, n, 0), 1, &rows);
    mdl_nd_set_shape(nd_out(c, n, 1), 2, (int64_t[]){ rows, (int64_t)width_of(n, 1) });
    return MDL_OK;
}

/* ---- decisions ------------------------------------------------------------------------------- */

/* Class i against j. */
static double decide(const struct node *n, const float *kernel, uint64_t i, uint64_t j)
{
    const struct svm_plan *p = n->plan;
    const float *coef = n->tensors[SVM_COEF].data;
    const float *of_i = coef + (j - 1) * p->vectors, *of_j = coef + i * p->vectors;
    double sum = 0;

    for (uint64_t v = p->start[i]; v < p->start[i + 1]; v++)
        sum += (double)(of_i[v] * kernel[v]);
    for (uint64_t v = p->start[j]; v < p->start[j + 1]; v++)
        sum += (double)(of_j[v] * kernel[v]);
    return sum;
}

/* Decisions of all pairs; the class that wins. */
static uint64_t vote(const struct node *n, struct machine *m)
{
    const struct svm_plan *p = n->plan;
    const float *rho = n->tensors[SVM_RHO].data;
    const uint64_t classes = p->labels.count;
    uint64_t best = 0, pair = 0;

    for (uint64_t i = 0; i < classes; i++)
        m->votes[i] = 0;
    for (uint64_t i = 0; i + 1 < classes; i++)
        for (uint64_t j = i + 1; j < classes; j++, pair++) {
            const double sum = decide(n, m->kernel, i, j) + (double)rho[pair];
            m->scores[pair] = (float)sum;
            m->votes[sum > 0 ? i : j]++;
        }
    for (uint64_t i = 1; i < classes; i++)
        best = m->votes[i] > m->votes[best] ? i : best;
    return best;
}

/* The label of a linear machine. */
static uint64_t best_linear(const struct node *n, const float *score)
{
    const struct svm_plan *p = n->plan;
    const struct tensor *coef = &n->tensors[SVM_COEF];
    uint64_t best = 0;
    int positive = 1;

    for (uint64_t i = 1; i < p->labels.count; i++)
        best = score[i] > score[best] ? i : best;
    if (p->labels.count != 2)
        return best;
    for (uint64_t i = 0; i < coef->count; i++)
        positive &= ((const float *)coef->data)[i] >= 0;
    if (positive ? score[best] >= 0.5f : score[best] > 0)
        return 1;
    return best;
}

/* ---- probabilities -------------------------------------------------------------------------- */

static void pair_probabilities(const struct node *n, struct machine *m, uint64_t k)
{
    const float *a = n->tensors[PROB_A].data, *b = n->tensors[PROB_B].data;
    const float low = 1.0e-7f, high = 1.0f - 1.0e-7f;
    uint64_t pair = 0;

    for (uint64_t i = 0; i + 1 < k; i++)
        for (uint64_t j = i + 1; j < k; j++, pair++) {
            float p = 1.0f - mdl_ml_logistic(m->scores[pair] * a[pair] + b[pair]);
            p = p < low ? low : p > high ? high : p;
            m->pair[i * k + j] = p;
            m->pair[j * k + i] = 1.0f - p;
        }
}

static void make_q(struct machine *m, uint64_t k)
{
    const float *r = m->pair;

    for (uint64_t i = 0; i < k; i++) {
        m->q[i * k + i] = 0;
        for (uint64_t j = 0; j < k; j++) {
            if (i == j)
                continue;
            m->q[i * k + i] += r[j * k + i] * r[j * k + i];
            m->q[i * k + j] = j < i ? m->q[j * k + i] : -r[j * k + i] * r[i * k + j];
        }
    }
}

/* One round of the fixed point: 0 when it is near enough. */
static int step(struct machine *m, float *p, uint64_t k)
{
    float total = 0, error = 0;

    for (uint64_t i = 0; i < k; i++) {
        m->qp[i] = 0;
        for (uint64_t j = 0; j < k; j++)
            m->qp[i] += m->q[i * k + j] * p[j];
        total += p[i] * m->qp[i];
    }
    for (uint64_t i = 0; i < k; i++) {
        const float e = m->qp[i] - total, size = e < 0 ? -e : e;
        error = size > error ? size : error;
    }
    if (error < 0.005f / (float)k)
        return 0;
    for (uint64_t i = 0; i < k; i++) {
        const float q = m->q[i * k + i], d = (-m->qp[i] + total) / q;
        p[i] += d;
        total = (total + d * (d * q + 2 * m->qp[i])) / (1 + d) / (1 + d);
        for (uint64_t j = 0; j < k; j++) {
            m->qp[j] = (m->qp[j] + d * m->q[i * k + j]) / (1 + d);
            p[j] /= 1 + d;
        }
    }
    return 1;
}

static void couple(const struct node *n, struct machine *m)
{
    const struct svm_plan *plan = n->plan;
    const uint64_t k = plan->labels.count;

    pair_probabilities(n, m, k);
    make_q(m, k);
    for (uint64_t i = 0; i < k; i++)
        m->scores[i] = 1.0f / (float)k;
    for (int round = 0; round < 100 && step(m, m->scores, k); round++)
        ;
}

/* ---- rows ----------------------------------------------------------------------------------- */

/* One decision of two classes as two scores. */
static void split_score(int64_t transform, float *s)
{
    const float x = s[0];

    s[1] = transform == ML_LOGISTIC ? mdl_ml_logistic(x) : x;
    s[0] = transform == ML_NONE ? -x : transform == ML_LOGISTIC ? mdl_ml_logistic(-x) : 1.0f - x;
    if (transform == ML_PROBIT) {
        s[0] = mdl_ml_probit(x);
        s[1] = 0;
    }
}

static uint64_t score_row(const struct node *n, const struct nd *x, uint64_t r, struct machine *m,
                          void *work)
{
    const struct svm_params *params = n->params;
    const struct svm_plan *p = n->plan;
    const float *rho = n->tensors[SVM_RHO].data;
    const uint64_t width = width_of(n, 0);
    uint64_t label;

    mdl_svm_kernel(n, x, r, m->kernel, work);
    if (p->linear) {
        for (uint64_t i = 0; i < width; i++)
            m->scores[i] = (float)((double)m->kernel[i] + (double)rho[0]);
        label = best_linear(n, m->scores);
    } else {
        label = vote(n, m);
        if (has_probabilities(n))
            couple(n, m);
    }
    if (width > 1)
        mdl_ml_transform_linear(params->transform, m->scores, (size_t)width);
    else if (width_of(n, 1) == 2)
        split_score(params->transform, m->scores);
    else
        m->scores[0] = ml_transform_one(params->transform, m->scores[0]);
    return label;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct svm_plan *p = n->plan;
    const struct nd *x = nd_in(c, n, 0);
    const uint64_t rows = (uint64_t)nd_out(c, n, 0)->dims[0], width = width_of(n, 1);
    struct machine m;

    lay_out(n, &m, c->temp);
    for (uint64_t r = 0; r < rows; r++) {
        const uint64_t label = score_row(n, x, r, &m, c->temp);
        if (nd_wanted(c, n, 0))
            ml_put(nd_out(c, n, 0)->data, r, &p->labels, label);
        if (nd_wanted(c, n, 1))
            memcpy((float *)nd_out(c, n, 1)->data + r * width, m.scores,
                   (size_t)width * sizeof(float));
    }
    return MDL_OK;
}

const struct op mdl_op_svm_classes = {
    .name = "svm_classes",
    .about = "labels and scores of support vectors, pair by pair",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = N_SLOTS,
    .params_bytes = sizeof(struct svm_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .infer = infer,
    .prepare = prepare,
    .shape = shape,
    .eval = eval,
};

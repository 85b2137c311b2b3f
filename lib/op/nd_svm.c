/*
 * op/nd_svm.c - support vector machines: kernels, and regression (one-class too)
 *
 *   x        [cols] or [rows, cols]   numbers, read as float32
 *   vectors  [n, cols]                not there: a linear machine
 *   coef     [1, n], of a linear machine [1, cols]
 *   rho      [1]
 *   y        [rows, 1]                float32: rho + sum coef * kernel, summed in float64
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_svm.h"

#include "kernel/math.h"

const char *const mdl_svm_kernels[] = { "linear", "poly", "rbf", "sigmoid", NULL };

/* The work of one row goes to vectors of at most so many numbers. */
#define MOST_NUMBERS (1ull << 31)

mdl_status mdl_svm_prepare(struct node *n, struct svm_plan *p, struct arena *a, mdl_error *err)
{
    const struct tensor *vectors = &n->tensors[SVM_VECTORS], *coef = &n->tensors[SVM_COEF];
    const struct tensor *from = vectors->type ? vectors : coef;

    p->linear = !vectors->type;
    p->vectors = (uint64_t)from->dims[0];
    p->cols = (uint64_t)from->dims[1];
    if (!from->count || from->count > MOST_NUMBERS || !n->tensors[SVM_RHO].count)
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu vectors of %llu columns, %llu rho",
                        (unsigned long long)p->vectors, (unsigned long long)p->cols,
                        (unsigned long long)n->tensors[SVM_RHO].count);
    if (!p->linear && (uint64_t)coef->dims[1] != p->vectors)
        return mdl_fail(err, MDL_ERR_FORMAT, "%lld coefficients of %llu vectors",
                        (long long)coef->dims[1], (unsigned long long)p->vectors);
    const uint64_t groups = (p->vectors + SVM_SIDE - 1) / SVM_SIDE;
    p->turned = mdl_arena_take(a, groups * p->cols * SVM_SIDE, sizeof *p->turned);
    if (!p->turned)
        return mdl_arena_fail(a, err, "vectors");
    for (uint64_t v = 0; v < p->vectors; v++)
        for (uint64_t k = 0; k < p->cols; k++)
            p->turned[(v / SVM_SIDE * p->cols + k) * SVM_SIDE + v % SVM_SIDE] =
                ((const float *)from->data)[v * p->cols + k];
    return MDL_OK;
}

mdl_status mdl_svm_rows(const struct nd_call *c, const struct node *n, int64_t *rows)
{
    const struct svm_plan *p = n->plan;
    int64_t cols;
    const mdl_status s = mdl_ml_rows(nd_in(c, n, 0), rows, &cols, c->err);

    if (s)
        return s;
    if ((uint64_t)cols != p->cols)
        return mdl_fail(c->err, MDL_ERR_DATA, "%lld columns, expected %llu", (long long)cols,
                        (unsigned long long)p->cols);
    return MDL_OK;
}

uint64_t mdl_svm_work_bytes(const struct svm_plan *p)
{
    return p->vectors * sizeof(double) + p->cols * sizeof(float);
}

static double power(double x, double degree)
{
    if (degree == 2)
        return (double)(float)(x * x);
    if (degree == 3)
        return (double)((float)(x * x) * (float)x);
    return mdl_pow(x, degree);
}

/* Loops of SVM_SIDE are what compilers make vectors of. */
static void distances(const struct svm_plan *p, const float *x, float *k)
{
    const float *column = p->turned;

    for (uint64_t v = 0; v < p->vectors; v += SVM_SIDE) {
        float sum[SVM_SIDE] = { 0 };
        for (uint64_t f = 0; f < p->cols; f++, column += SVM_SIDE)
            for (uint32_t i = 0; i < SVM_SIDE; i++) {
                const float d = x[f] - column[i];
                sum[i] += d * d;
            }
        for (uint32_t i = 0; i < SVM_SIDE && v + i < p->vectors; i++)
            k[v + i] = sum[i];
    }
}

static void products(const struct svm_plan *p, const float *x, double *to)
{
    const float *column = p->turned;

    for (uint64_t v = 0; v < p->vectors; v += SVM_SIDE) {
        double sum[SVM_SIDE] = { 0 };
        for (uint64_t f = 0; f < p->cols; f++, column += SVM_SIDE)
            for (uint32_t i = 0; i < SVM_SIDE; i++)
                sum[i] += (double)x[f] * (double)column[i];
        for (uint32_t i = 0; i < SVM_SIDE && v + i < p->vectors; i++)
            to[v + i] = sum[i];
    }
}

void mdl_svm_kernel(const struct node *n, const struct nd *x, uint64_t r, float *k, void *work)
{
    const struct svm_params *params = n->params;
    const struct svm_plan *p = n->plan;
    const float gamma = (float)params->gamma, coef0 = (float)params->coef0;
    double *sum = work;
    float *row = (float *)(void *)(sum + p->vectors);

    mdl_nd_load_f32(row, x->data, x->type, r * p->cols, (size_t)p->cols);
    if (params->kernel == SVM_RBF && !p->linear) {
        distances(p, row, k);
        for (uint64_t v = 0; v < p->vectors; v++)
            k[v] = (float)mdl_exp((double)(-gamma * k[v]));
        return;
    }
    products(p, row, sum);
    for (uint64_t v = 0; v < p->vectors; v++) {
        const double z = p->linear || params->kernel == SVM_LINEAR
                             ? sum[v] : (double)gamma * sum[v] + (double)coef0;
        k[v] = (float)z;
        if (!p->linear && params->kernel == SVM_POLY)
            k[v] = (float)power((double)k[v], params->degree);
        if (!p->linear && params->kernel == SVM_SIGMOID)
            k[v] = (float)mdl_tanh((double)k[v]);
    }
}

/* ---- regression ----------------------------------------------------------------------------- */

static const struct field fields[] = {
    SVM_KERNEL_FIELDS,
    FIELD(FIELD_INT, svm_params, one_class, 0, NULL),
};

static const struct slot slots[] = { SVM_COMMON_SLOTS };

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, ML_X, err);

    if (s)
        return s;
    nd_result(n, g, 0, MDL_F32);
    return MDL_OK;
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    struct svm_plan *p = mdl_arena_take(a, 1, sizeof *p);

    (void)g;
    if (!p)
        return mdl_arena_fail(a, err, "a support vector machine");
    n->plan = p;
    if (n->tensors[SVM_COEF].dims[0] != 1)
        return mdl_fail(err, MDL_ERR_FORMAT, "%lld rows of coefficients, expected 1",
                        (long long)n->tensors[SVM_COEF].dims[0]);
    return mdl_svm_prepare(n, p, a, err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct svm_plan *p = n->plan;
    int64_t rows;
    const mdl_status s = mdl_svm_rows(c, n, &rows);

    if (s)
        return s;
    c->temp_bytes = mdl_svm_work_bytes(p) + p->vectors * sizeof(float);
    mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[]){ rows, 1 });
    return MDL_OK;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct svm_params *params = n->params;
    const struct svm_plan *p = n->plan;
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *out = nd_out(c, n, 0);
    const float *coef = n->tensors[SVM_COEF].data, *rho = n->tensors[SVM_RHO].data;
    float *y = out->data, *k = (float *)(void *)((char *)c->temp + mdl_svm_work_bytes(p));

    for (uint64_t r = 0; r < out->count; r++) {
        double sum = 0;

        mdl_svm_kernel(n, x, r, k, c->temp);
        for (uint64_t v = 0; v < p->vectors && !p->linear; v++)
            sum += (double)coef[v] * (double)k[v];
        y[r] = (float)((p->linear ? (double)k[0] : sum) + (double)rho[0]);
        if (params->one_class)
            y[r] = y[r] > 0 ? 1.0f : -1.0f;
    }
    return MDL_OK;
}

const struct op mdl_op_svm = {
    .name = "svm",
    .about = "rho + sum of coef * kernel(x, vector)",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = SVM_SLOTS,
    .params_bytes = sizeof(struct svm_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .prepare = prepare,
    .shape = shape,
    .eval = eval,
};

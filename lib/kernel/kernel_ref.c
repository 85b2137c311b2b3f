/*
 * kernel/kernel_ref.c - every kernel in the plainest C: the definition
 *
 * Not optimised, on purpose: this is what the others are judged by, and what runs
 * where there is nothing better.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/deep.h"
#include "kernel/half.h"
#include "kernel/math.h"
#include "kernel/shap.h"
#include "kernel/tree.h"

#define AT(type, base, stride, row) \
    ((type *)(uintptr_t)((const unsigned char *)(base) + (row) * (stride)))

static float dot_f32(const float *x, const float *w, size_t n)
{
    float lane[8] = { 0 };

    for (size_t i = 0; i < n; i++)
        lane[i % 8] += x[i] * w[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6]))
         + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static double dot_f64(const double *x, const double *w, size_t n)
{
    double lane[8] = { 0 };

    for (size_t i = 0; i < n; i++)
        lane[i % 8] += x[i] * w[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6]))
         + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void dense_f32(float *y, size_t y_stride, const float *x, size_t x_stride, const float *w,
                      const float *b, size_t rows, size_t inputs, size_t outputs)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < outputs; k++) {
            const float sum = dot_f32(AT(const float, x, x_stride, r), w + k * inputs, inputs);
            AT(float, y, y_stride, r)[k] = b ? sum + b[k] : sum;
        }
}

static void dense_f64(double *y, size_t y_stride, const double *x, size_t x_stride,
                      const double *w, const double *b, size_t rows, size_t inputs,
                      size_t outputs)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < outputs; k++) {
            const double sum = dot_f64(AT(const double, x, x_stride, r), w + k * inputs, inputs);
            AT(double, y, y_stride, r)[k] = b ? sum + b[k] : sum;
        }
}

static double dot_mixed(const float *x, const double *w, size_t n)
{
    double lane[8] = { 0 };

    for (size_t i = 0; i < n; i++)
        lane[i % 8] += (double)x[i] * w[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6]))
         + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

static void dense_mixed(double *y, size_t y_stride, const float *x, size_t x_stride,
                        const double *w, const double *b, size_t rows, size_t inputs,
                        size_t outputs)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < outputs; k++) {
            const double sum = dot_mixed(AT(const float, x, x_stride, r), w + k * inputs, inputs);
            AT(double, y, y_stride, r)[k] = b ? sum + b[k] : sum;
        }
}

static void exp_f32(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)mdl_exp((double)x[i]);
}

static void exp_f64(double *y, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = mdl_exp(x[i]);
}

static void logistic_f32(float *y, const float *x, double scale, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const float v = (float)(scale * (double)x[i]);
        const float z = -v < (float)LOGISTIC_CLAMP ? -v : (float)LOGISTIC_CLAMP;
        const float e = (float)mdl_exp((double)z);
        y[i] = v != v ? v : 1.0f / (e + 1.0f + (float)LOGISTIC_TINY);
    }
}

static void logistic_f64(double *y, const double *x, double scale, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = 1 / (1 + mdl_exp(-scale * x[i]));
}

static void softmax_f32(float *y, size_t y_stride, const float *x, size_t x_stride, size_t rows,
                        size_t cols)
{
    for (size_t r = 0; r < rows; r++) {
        const float *from = AT(const float, x, x_stride, r);
        float *to = AT(float, y, y_stride, r), most = cols ? from[0] : 0;
        double sum = 0;

        for (size_t i = 1; i < cols; i++)
            most = from[i] > most ? from[i] : most;
        for (size_t i = 0; i < cols; i++) {
            to[i] = (float)mdl_exp((double)(from[i] - most));
            sum += (double)to[i];
        }
        for (size_t i = 0; i < cols; i++)
            to[i] /= (float)sum;
    }
}

static void softmax_f64(double *y, size_t y_stride, const double *x, size_t x_stride, size_t rows,
                        size_t cols)
{
    for (size_t r = 0; r < rows; r++) {
        const double *from = AT(const double, x, x_stride, r);
        double *to = AT(double, y, y_stride, r), most = cols ? from[0] : 0, sum = 0;

        for (size_t i = 1; i < cols; i++)
            most = from[i] > most ? from[i] : most;
        for (size_t i = 0; i < cols; i++) {
            to[i] = mdl_exp(from[i] - most);
            sum += to[i];
        }
        for (size_t i = 0; i < cols; i++)
            to[i] /= sum;
    }
}

#include "kernel/each.h"
#include "kernel/ref_each.h"

static void sub_div_f32(float *y, const float *x, const float *sub, const float *div, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - sub[i]) / div[i];
}

static void sub_div_f64(double *y, const double *x, const double *sub, const double *div, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - sub[i]) / div[i];
}

static void mul_add_f32(float *y, const float *x, const float *mul, const float *add, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * mul[i] + add[i];
}

static void mul_add_f64(double *y, const double *x, const double *mul, const double *add, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] * mul[i] + add[i];
}

static void fill_nan_f32(float *y, const float *x, const float *fill, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] != x[i] ? fill[i] : x[i];
}

static void fill_nan_f64(double *y, const double *x, const double *fill, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] != x[i] ? fill[i] : x[i];
}

static void relu_f32(float *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] <= 0 ? 0 : x[i];
}

static void relu_f64(double *y, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] <= 0 ? 0 : x[i];
}

static void widen(double *y, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (double)x[i];
}

static void narrow(float *y, const double *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (float)x[i];
}

#include "kernel/reduce.h"
#define REDUCE_REAL float
#define REDUCE_NAMED(name) name##_f32
#define REDUCE_EXP(x) each_exp_of(x, 0)
#include "kernel/ref_reduce.h"
#undef REDUCE_REAL
#undef REDUCE_NAMED
#undef REDUCE_EXP
#define REDUCE_REAL double
#define REDUCE_NAMED(name) name##_f64
#define REDUCE_EXP mdl_exp
#include "kernel/ref_reduce.h"

#include "kernel/ref_gemm.h"
#if MDL_OPS_TREE
#include "kernel/ref_trees.h"
#include "kernel/ref_shap.h"
#endif

const struct kernels mdl_kernels_ref = {
    .isa = "ref",
#include "kernel/kernel_table.h"
};

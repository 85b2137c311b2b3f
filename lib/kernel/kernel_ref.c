/*
 * kernel/kernel_ref.c - every kernel in the plainest C: the definition
 *
 * Not optimised, on purpose: this is what the others are judged by, and what runs
 * where there is nothing better.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/kernel.h"
#include "kernel/tree.h"

#define AT(type, base, stride, row) \
    ((type *)(uintptr_t)((const unsigned char *)(base) + (row) * (stride)))

/* Thresholds of column c that v reaches, pivots left out. */
#define COUNT_REACHED(type, t, c, v, n) do { \
    const uint32_t blocks_ = (t)->start[(c) + 1] - (t)->start[c]; \
    const type *at_ = (const type *)(t)->thresholds + (size_t)(t)->start[c] * RANK_BLOCK; \
    for (uint32_t i_ = blocks_ > 1 ? RANK_BLOCK : 0; i_ < blocks_ * RANK_BLOCK; i_++) \
        (n) += (v) >= at_[i_]; \
} while (0)

static void rank_f32(uint8_t *rank, const struct rank_table *t, const float *x)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const float v = x[t->feature[c]];
        uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
        COUNT_REACHED(float, t, c, v, n);
        rank[c] = (uint8_t)n;
    }
}

static void rank_f64(uint8_t *rank, const struct rank_table *t, const double *x)
{
    for (uint32_t c = 0; c < t->n_columns; c++) {
        const double v = x[t->feature[c]];
        uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
        COUNT_REACHED(double, t, c, v, n);
        rank[c] = (uint8_t)n;
    }
}

static void ranks_f32(uint8_t *rank, const struct rank_table *t, const float *x, size_t x_stride,
                      size_t rows, size_t height)
{
    for (size_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < t->n_columns; c++) {
            const float v = AT(const float, x, x_stride, r)[t->feature[c]];
            uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
            COUNT_REACHED(float, t, c, v, n);
            rank[c * height + r] = (uint8_t)(n ^ 0x80u);
        }
}

static void ranks_f64(uint8_t *rank, const struct rank_table *t, const double *x, size_t x_stride,
                      size_t rows, size_t height)
{
    for (size_t r = 0; r < rows; r++)
        for (uint32_t c = 0; c < t->n_columns; c++) {
            const double v = AT(const double, x, x_stride, r)[t->feature[c]];
            uint32_t n = v != v && t->nan_right[c] ? RANK_NAN : 0;
            COUNT_REACHED(double, t, c, v, n);
            rank[c * height + r] = (uint8_t)(n ^ 0x80u);
        }
}

static uint32_t match(uint32_t *exit, const struct tree_top *tops, const uint32_t *tests, size_t n,
                      const uint8_t *rank)
{
    uint32_t any = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t outcomes = tests ? tests[i] : 0, e = 0;
        for (uint32_t k = 0; k < TOP_EXITS; k++)
            outcomes |= (uint32_t)(rank[tops[i].column[k]] >= tops[i].rank[k]) << k;
        while ((outcomes ^ (((uint32_t)1 << e) - 1)) & tops[i].ancestors[e])
            e++;
        exit[i] = tops[i].exit[e];
        any |= exit[i];
    }
    return any;
}

static void members(uint8_t *out, const uint8_t *code, const uint8_t *set, size_t height)
{
    for (size_t r = 0; r < height; r++)
        out[r] = set[code[r] / 8] >> code[r] % 8 & 1 ? 0x7f : 0x80;
}

static void walk(uint32_t *exit, const struct tree_step *steps, const uint32_t *root, size_t n,
                 size_t depth, const uint8_t *rank)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t at = root[i];
        for (size_t k = 0; k < depth; k++)
            at = rank[steps[at].column] >= steps[at].rank ? steps[at].child + 1 : steps[at].child;
        exit[i] = at;
    }
}

static void fall(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start, size_t trees,
                 const uint8_t *rank, size_t height, int even)
{
    for (size_t t = 0; t < trees; t++, leaf += height)
        for (size_t r = 0; r < height; r++) {
            leaf[r] = 0;
            for (uint32_t i = start[t]; i < start[t + 1]; i++)
                if ((even || leaf[r] == forks[i].left)
                    && (rank[forks[i].column * height + r] ^ 0x80u) > (forks[i].below ^ 0x80u))
                    leaf[r] ^= forks[i].move;
        }
}

static void descend(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                    size_t trees, const uint8_t *rank, size_t height)
{
    fall(leaf, forks, start, trees, rank, height, 0);
}

static void descend_even(uint8_t *leaf, const struct tree_fork *forks, const uint32_t *start,
                         size_t trees, const uint8_t *rank, size_t height)
{
    fall(leaf, forks, start, trees, rank, height, 1);
}

static void add_leaves_f32(float *sum, const float *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height)
{
    for (size_t r = 0; r < height; r++)
        for (size_t t = 0; t < trees; t++)
            sum[r] += value[first[t] + leaf[t * height + r]];
}

static void add_leaves_f64(double *sum, const double *value, const uint32_t *first, size_t trees,
                           const uint8_t *leaf, size_t height)
{
    for (size_t r = 0; r < height; r++)
        for (size_t t = 0; t < trees; t++)
            sum[r] += value[first[t] + leaf[t * height + r]];
}

static void add_vectors_f32(float *y, size_t y_stride, const float *value, size_t width,
                            const uint32_t *first, size_t trees, const uint8_t *leaf,
                            size_t height, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t t = 0; t < trees; t++)
            for (size_t k = 0; k < width; k++)
                AT(float, y, y_stride, r)[k] += value[(first[t] + (size_t)leaf[t * height + r]) * width + k];
}

static void add_vectors_f64(double *y, size_t y_stride, const double *value, size_t width,
                            const uint32_t *first, size_t trees, const uint8_t *leaf,
                            size_t height, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t t = 0; t < trees; t++)
            for (size_t k = 0; k < width; k++)
                AT(double, y, y_stride, r)[k] += value[(first[t] + (size_t)leaf[t * height + r]) * width + k];
}

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

const struct kernels mdl_kernels_ref = {
    .isa = "ref",
#include "kernel/kernel_table.h"
};

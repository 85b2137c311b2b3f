/*
 * kernel/ref_reduce.h - sums, extremes, softmax and normalising in the plainest C
 *
 * Part of kernel_ref.c, once for each type.  Parameters: REDUCE_REAL, REDUCE_NAMED(name), REDUCE_EXP(x).
 *
 * SPDX-License-Identifier: MIT
 */
static double REDUCE_NAMED(reduce)(uint32_t how, const REDUCE_REAL *x, size_t n, double about)
{
    double lane[8];

    for (size_t j = 0; j < 8; j++)
        lane[j] = reduce_begin(how);
    for (size_t i = 0; i < n; i++)
        lane[i % 8] = reduce_one(how, lane[i % 8], (double)x[i], about);
    return reduce_lanes(how, lane, 1);
}

static void REDUCE_NAMED(reduce_rows)(uint32_t how, double *to, const REDUCE_REAL *x,
                                      size_t stride, size_t rows, size_t width,
                                      const double *about)
{
    for (size_t c = 0; c < width; c++) {
        double lane[8];

        for (size_t j = 0; j < 8; j++)
            lane[j] = reduce_begin(how);
        for (size_t r = 0; r < rows; r++)
            lane[r % 8] = reduce_one(how, lane[r % 8], (double)x[r * stride + c],
                                     about ? about[c] : 0);
        to[c] = reduce_lanes(how, lane, 1);
    }
}

static void REDUCE_NAMED(soft_rows)(REDUCE_REAL *y, const REDUCE_REAL *x, size_t stride, size_t rows,
                                    size_t width)
{
    for (size_t c = 0; c < width; c++) {
        REDUCE_REAL most = -(REDUCE_REAL)INFINITY;
        double sum;

        for (size_t r = 0; r < rows; r++)
            most = x[r * stride + c] > most ? x[r * stride + c] : most;
        for (size_t r = 0; r < rows; r++)
            y[r * stride + c] = REDUCE_EXP(x[r * stride + c] - most);
        REDUCE_NAMED(reduce_rows)(REDUCE_SUM, &sum, y + c, stride, rows, 1, NULL);
        for (size_t r = 0; r < rows; r++)
            y[r * stride + c] = y[r * stride + c] * (REDUCE_REAL)(1 / sum);
    }
}

static void REDUCE_NAMED(soft)(REDUCE_REAL *y, const REDUCE_REAL *x, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++)
        REDUCE_NAMED(soft_rows)(y + r * cols, x + r * cols, 1, cols, 1);
}

static void REDUCE_NAMED(affine_each)(REDUCE_REAL *y, const REDUCE_REAL *x, const double *sub,
                                      const double *mul, const double *add, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = (REDUCE_REAL)(((double)x[i] - sub[i]) * mul[i] + add[i]);
}

static void REDUCE_NAMED(affine)(REDUCE_REAL *y, const REDUCE_REAL *x, double sub, double mul,
                                 double add, const REDUCE_REAL *scale, const REDUCE_REAL *bias,
                                 size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double d = ((double)x[i] - sub) * mul;
        y[i] = (REDUCE_REAL)((scale ? d * (double)scale[i] : d) + (bias ? (double)bias[i] : add));
    }
}

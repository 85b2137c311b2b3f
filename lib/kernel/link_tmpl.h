/*
 * kernel/link_tmpl.h - exp, logistic, softmax: in doubles, whatever the type of the rows
 *
 * A register that would reach beyond the end lies over the one before it instead and gives
 * the same results again; what it reads is read before anything is written over it.
 * Fewer elements than a register are filled up with zeros, whose results nobody reads.
 *
 * Sums, differences and quotients of two floats in double, rounded to float, are what float
 * arithmetic gives: 53 bits are more than twice 24 and two.
 *
 * Parameters: LINK_REAL, LINK_NAMED(name), LINK_LOAD(p), LINK_LOAD_PART(p, n), LINK_STORE(p, v),
 * LINK_ROUND(v) to the type, LINK_IS_F32.
 *
 * SPDX-License-Identifier: MIT
 */
/* The first n < VD_LANES of v. */
MDL_INLINE void LINK_NAMED(store_part)(LINK_REAL *y, vd v, size_t n)
{
    LINK_REAL some[VD_LANES];

    LINK_STORE(some, v);
    for (size_t i = 0; i < n; i++)
        y[i] = some[i];
}

/* 1 / (1 + e), or what XGBoost has in its place. */
MDL_INLINE vd LINK_NAMED(odds)(vd e)
{
    const vd one = vd_set(1), d = LINK_ROUND(vd_add(e, one));

    return vd_div(one, LINK_IS_F32 ? LINK_ROUND(vd_add(d, vd_set(LOGISTIC_TINY))) : d);
}

MDL_INLINE vd LINK_NAMED(exponent)(vd x, vd minus_scale)
{
    const vd z = LINK_ROUND(vd_mul(minus_scale, x));

    return LINK_IS_F32 ? vd_min(vd_set(LOGISTIC_CLAMP), z) : z;
}

static void LINK_NAMED(logistic)(LINK_REAL *y, const LINK_REAL *x, double scale, size_t n)
{
    const vd minus_scale = vd_set(-scale);

    if (n < VD_LANES) {
        const vd z = LINK_NAMED(exponent)(LINK_LOAD_PART(x, n), minus_scale);
        LINK_NAMED(store_part)(y, LINK_NAMED(odds)(LINK_ROUND(vd_exp(z))), n);
        return;
    }
    vd last = LINK_LOAD(x + n - VD_LANES);
    for (size_t i = 0; i + VD_LANES < n; i += VD_LANES)
        LINK_STORE(y + i, LINK_NAMED(exponent)(LINK_LOAD(x + i), minus_scale));
    LINK_STORE(y + n - VD_LANES, LINK_NAMED(exponent)(last, minus_scale));
    LINK_NAMED(exp)(y, y, n);
    last = LINK_LOAD(y + n - VD_LANES);
    for (size_t i = 0; i + VD_LANES < n; i += VD_LANES)
        LINK_STORE(y + i, LINK_NAMED(odds)(LINK_LOAD(y + i)));
    LINK_STORE(y + n - VD_LANES, LINK_NAMED(odds)(last));
}

/* A row of fewer numbers than a register has. */
MDL_INLINE void LINK_NAMED(softmax_few)(LINK_REAL *y, const LINK_REAL *x, size_t n)
{
    LINK_REAL most = x[0], some[VD_LANES];
    double sum = 0;

    for (size_t i = 1; i < n; i++)
        most = x[i] > most ? x[i] : most;
    const vd e = LINK_ROUND(vd_exp(LINK_ROUND(vd_sub(LINK_LOAD_PART(x, n), vd_set((double)most)))));
    LINK_STORE(some, e);
    for (size_t i = 0; i < n; i++)
        sum += (double)some[i];
    LINK_NAMED(store_part)(y, vd_div(e, vd_set((double)(LINK_REAL)sum)), n);
}

/* y = x - the largest of the row, of n >= VD_LANES numbers. */
MDL_INLINE void LINK_NAMED(below_most)(LINK_REAL *y, const LINK_REAL *x, size_t n)
{
    const vd last = LINK_LOAD(x + n - VD_LANES);
    vd most = last;

    for (size_t i = 0; i + VD_LANES < n; i += VD_LANES)
        most = vd_max(most, LINK_LOAD(x + i));
    most = vd_set(vd_largest(most));
    for (size_t i = 0; i + VD_LANES < n; i += VD_LANES)
        LINK_STORE(y + i, vd_sub(LINK_LOAD(x + i), most));
    LINK_STORE(y + n - VD_LANES, vd_sub(last, most));
}

/* y over the sum of the row. */
MDL_INLINE void LINK_NAMED(shares)(LINK_REAL *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += (double)y[i];
    const vd last = LINK_LOAD(y + n - VD_LANES), by = vd_set((double)(LINK_REAL)sum);
    for (size_t i = 0; i + VD_LANES < n; i += VD_LANES)
        LINK_STORE(y + i, vd_div(LINK_LOAD(y + i), by));
    LINK_STORE(y + n - VD_LANES, vd_div(last, by));
}

/* Packed rows are raised as one long row, as many at a time as stay in L1. */
static void LINK_NAMED(softmax)(LINK_REAL *y, size_t y_bytes, const LINK_REAL *x, size_t x_bytes,
                                size_t rows, size_t cols)
{
    const size_t y_stride = y_bytes / sizeof *y, x_stride = x_bytes / sizeof *x;
    const size_t tile = cols && cols < LINK_NEAR && y_stride == cols ? LINK_NEAR / cols : 1;

    for (size_t first = 0, n; first < rows && cols; first += n) {
        LINK_REAL *to = y + first * y_stride;
        const LINK_REAL *from = x + first * x_stride;
        n = rows - first < tile ? rows - first : tile;
        if (cols < VD_LANES) {
            for (size_t r = 0; r < n; r++)
                LINK_NAMED(softmax_few)(to + r * y_stride, from + r * x_stride, cols);
            continue;
        }
        for (size_t r = 0; r < n; r++)
            LINK_NAMED(below_most)(to + r * y_stride, from + r * x_stride, cols);
        LINK_NAMED(exp)(to, to, n * cols);
        for (size_t r = 0; r < n; r++)
            LINK_NAMED(shares)(to + r * y_stride, cols);
    }
}

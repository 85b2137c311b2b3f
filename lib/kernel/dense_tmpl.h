/*
 * kernel/dense_tmpl.h - y = W x + b, sums in eight lanes whatever a register holds
 *
 * Four outputs share the loads of x.  What does not fill eight lanes goes through a
 * small padded copy: a product of zeros adds +0, which changes no sum but -0, and lanes
 * start at +0.
 *
 * Parameters: DENSE (name), DENSE_REAL, DENSE_VEC, DENSE_LANES, DENSE_WORD(name).
 *
 * SPDX-License-Identifier: MIT
 */
#define DENSE_REGS (8u / DENSE_LANES)

/* Add eight products to the lanes of a sum. */
MDL_INLINE void DENSE_WORD(add_products)(DENSE_VEC *sum, const DENSE_REAL *x, const DENSE_REAL *w)
{
    for (size_t k = 0; k < DENSE_REGS; k++)
        sum[k] = DENSE_WORD(add)(sum[k], DENSE_WORD(mul)(DENSE_WORD(load)(x + k * DENSE_LANES),
                                                        DENSE_WORD(load)(w + k * DENSE_LANES)));
}

MDL_INLINE DENSE_REAL DENSE_WORD(total)(const DENSE_VEC *sum)
{
    DENSE_REAL lane[8];

    for (size_t k = 0; k < DENSE_REGS; k++)
        DENSE_WORD(store)(lane + k * DENSE_LANES, sum[k]);
    return ((lane[0] + lane[4]) + (lane[2] + lane[6]))
         + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* `count` dot products of x with consecutive rows of w. */
MDL_INLINE void DENSE_WORD(dots)(DENSE_REAL *y, const DENSE_REAL *x, const DENSE_REAL *w,
                                 const DENSE_REAL *b, size_t inputs, size_t count)
{
    DENSE_VEC sum[4][DENSE_REGS];
    size_t i = 0;

    for (size_t o = 0; o < count; o++)
        for (size_t k = 0; k < DENSE_REGS; k++)
            sum[o][k] = DENSE_WORD(set)(0);
    for (; i + 8 <= inputs; i += 8)
        for (size_t o = 0; o < count; o++)
            DENSE_WORD(add_products)(sum[o], x + i, w + o * inputs + i);
    if (i < inputs) {
        DENSE_REAL x_tail[8] = { 0 }, w_tail[8] = { 0 };
        memcpy(x_tail, x + i, (inputs - i) * sizeof *x);
        for (size_t o = 0; o < count; o++) {
            memcpy(w_tail, w + o * inputs + i, (inputs - i) * sizeof *w);
            DENSE_WORD(add_products)(sum[o], x_tail, w_tail);
        }
    }
    for (size_t o = 0; o < count; o++) {
        const DENSE_REAL total = DENSE_WORD(total)(sum[o]);
        y[o] = b ? total + b[o] : total;
    }
}

static void DENSE(DENSE_REAL *y, size_t y_stride, const DENSE_REAL *x, size_t x_stride,
                  const DENSE_REAL *w, const DENSE_REAL *b, size_t rows, size_t inputs,
                  size_t outputs)
{
    for (size_t r = 0; r < rows; r++) {
        const DENSE_REAL *from = (const DENSE_REAL *)(const void *)((const char *)x + r * x_stride);
        DENSE_REAL *to = (DENSE_REAL *)(void *)((char *)y + r * y_stride);
        size_t o = 0;

        for (; o + 4 <= outputs; o += 4)
            DENSE_WORD(dots)(to + o, from, w + o * inputs, b ? b + o : NULL, inputs, 4);
        for (; o < outputs; o++)
            DENSE_WORD(dots)(to + o, from, w + o * inputs, b ? b + o : NULL, inputs, 1);
    }
}

#undef DENSE_REGS

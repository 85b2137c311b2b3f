/*
 * kernel/dense_tmpl.h - y = W x + b, sums in eight lanes whatever a register holds
 *
 * A block of rows and outputs shares its loads; every s is a sum in eight lanes, that is
 * DENSE_REGS registers, and all of them stay in registers:
 *
 *                w[o]  w[o+1]  w[o+2]
 *     x[r]        s      s       s
 *     x[r+1]      s      s       s        (three rows where eight lanes are one register)
 *
 * What does not fill eight lanes is padded with zeros: their product adds +0, which changes
 * no sum but -0, and no lane is ever -0: it starts at +0, and a sum is -0 only if both of
 * its terms are.
 *
 * Parameters: DENSE_NAMED(name) appends the types to a name, DENSE_REAL, DENSE_VEC,
 * DENSE_LANES, DENSE_WORD(name), DENSE_OUTS (1 or 3); DENSE_X of the rows and the words DENSE_LOAD
 * and DENSE_PART that read them.
 *
 * SPDX-License-Identifier: MIT
 */
#define DENSE_REGS (8u / DENSE_LANES)
#define DENSE_ROWS (DENSE_REGS == 1 ? 3u : 2u)
#define DENSE_MINUS_0 ((DENSE_REAL)-0.0)   /* added, it changes no sum */
#define DENSE_NEAR (16u << 10)    /* weights of that many bytes stay in L1 beside the rows */

/* Add `n` products each of `rows` rows of x and `outs` rows of w to register k of their sums:
 * DENSE_LANES, or fewer where `part` is set. */
MDL_INLINE void DENSE_NAMED(dense_products)(DENSE_VEC (*sum)[DENSE_REGS], const DENSE_X *x,
                                            size_t x_stride, const DENSE_REAL *w, size_t inputs,
                                            size_t rows, size_t outs, size_t k, int part,
                                            size_t n)
{
    DENSE_VEC v[DENSE_ROWS];

    MDL_UNROLL(4)
    for (size_t r = 0; r < rows; r++)
        v[r] = DENSE_WORD(keep)(part ? DENSE_PART(x + r * x_stride, n)
                                     : DENSE_LOAD(x + r * x_stride));
    MDL_UNROLL(4)
    for (size_t o = 0; o < outs; o++) {
        DENSE_VEC weight = part ? DENSE_WORD(load_part)(w + o * inputs, n)
                                : DENSE_WORD(load)(w + o * inputs);
        if (rows > 1)
            weight = DENSE_WORD(keep)(weight);
        MDL_UNROLL(4)
        for (size_t r = 0; r < rows; r++)
            sum[r * outs + o][k] = DENSE_WORD(add)(sum[r * outs + o][k],
                                                   DENSE_WORD(mul)(v[r], weight));
    }
}

/* `rows` x `outs` dot products, both constants where this is inlined.  Strides are in
 * elements. */
MDL_INLINE void DENSE_NAMED(dense_block)(DENSE_REAL *y, size_t y_stride, const DENSE_X *x,
                                         size_t x_stride, const DENSE_REAL *w, const DENSE_REAL *b,
                                         size_t inputs, size_t rows, size_t outs)
{
    DENSE_VEC sum[DENSE_ROWS * DENSE_OUTS][DENSE_REGS];
    size_t i = 0;

    MDL_UNROLL(12)
    for (size_t s = 0; s < rows * outs; s++)
        MDL_UNROLL(4)
        for (size_t k = 0; k < DENSE_REGS; k++)
            sum[s][k] = DENSE_WORD(set)(0);
    for (; i + 8 <= inputs; i += 8)
        MDL_UNROLL(4)
        for (size_t k = 0; k < DENSE_REGS; k++)
            DENSE_NAMED(dense_products)(sum, x + i + k * DENSE_LANES, x_stride,
                                        w + i + k * DENSE_LANES, inputs, rows, outs, k, 0,
                                        DENSE_LANES);
    MDL_UNROLL(4)
    for (size_t k = 0; k < DENSE_REGS; k++, i += DENSE_LANES)
        if (i < inputs)
            DENSE_NAMED(dense_products)(sum, x + i, x_stride, w + i, inputs, rows, outs, k, 1,
                                        inputs - i < DENSE_LANES ? inputs - i : DENSE_LANES);
    MDL_UNROLL(4)
    for (size_t r = 0; r < rows; r++)
        MDL_UNROLL(4)
        for (size_t o = 0; o < outs; o++)
            y[r * y_stride + o] = DENSE_WORD(total)(sum[r * outs + o]) + b[o];
}

/* `outs` outputs of `rows` rows. */
MDL_INLINE void DENSE_NAMED(dense_column)(DENSE_REAL *y, size_t y_stride, const DENSE_X *x,
                                          size_t x_stride, const DENSE_REAL *w,
                                          const DENSE_REAL *b, size_t rows, size_t inputs,
                                          size_t outs)
{
    size_t r = 0;

    for (; r + DENSE_ROWS <= rows; r += DENSE_ROWS)
        DENSE_NAMED(dense_block)(y + r * y_stride, y_stride, x + r * x_stride, x_stride, w, b,
                                 inputs, DENSE_ROWS, outs);
    for (; r < rows; r++)
        DENSE_NAMED(dense_block)(y + r * y_stride, y_stride, x + r * x_stride, x_stride, w, b,
                                 inputs, 1, outs);
}

/* Few weights: all outputs of a few rows after the other, so that a row is read once.
 * Many: a few outputs of all rows, so that a weight is. */
static void DENSE_NAMED(dense)(DENSE_REAL *y, size_t y_bytes, const DENSE_X *x, size_t x_bytes,
                               const DENSE_REAL *w, const DENSE_REAL *b, size_t rows,
                               size_t inputs, size_t outputs)
{
    static const DENSE_REAL none[3] = { DENSE_MINUS_0, DENSE_MINUS_0, DENSE_MINUS_0 };
    const size_t y_stride = y_bytes / sizeof *y, x_stride = x_bytes / sizeof *x;
    const size_t near = DENSE_NEAR / sizeof *w / (outputs ? outputs : 1);
    const size_t tile = inputs <= near ? DENSE_ROWS : rows;

    for (size_t r = 0; r < rows; r += tile) {
        const size_t n = rows - r < tile ? rows - r : tile;
        size_t o = 0;
        for (; DENSE_OUTS > 1 && o + DENSE_OUTS <= outputs; o += DENSE_OUTS)
            DENSE_NAMED(dense_column)(y + r * y_stride + o, y_stride, x + r * x_stride, x_stride,
                                      w + o * inputs, b ? b + o : none, n, inputs, DENSE_OUTS);
        for (; o < outputs; o++)
            DENSE_NAMED(dense_column)(y + r * y_stride + o, y_stride, x + r * x_stride, x_stride,
                                      w + o * inputs, b ? b + o : none, n, inputs, 1);
    }
}

#undef DENSE_REGS
#undef DENSE_ROWS
#undef DENSE_MINUS_0
#undef DENSE_NEAR

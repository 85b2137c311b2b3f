/*
 * kernel/unary_tmpl.h - one row, element by element
 *
 * Parameters: UNARY_NAMED(name) appends the type to a name, UNARY_REAL, UNARY_VEC,
 * UNARY_LANES, UNARY_WORD(name).
 *
 * SPDX-License-Identifier: MIT
 */
static void UNARY_NAMED(sub_div)(UNARY_REAL *y, const UNARY_REAL *x, const UNARY_REAL *sub,
                                 const UNARY_REAL *div, size_t n)
{
    size_t i = 0;

    for (; i + UNARY_LANES <= n; i += UNARY_LANES)
        UNARY_WORD(store)(y + i, UNARY_WORD(div)(UNARY_WORD(sub)(UNARY_WORD(load)(x + i),
                                                                 UNARY_WORD(load)(sub + i)),
                                                 UNARY_WORD(load)(div + i)));
    for (; i < n; i++)
        y[i] = (x[i] - sub[i]) / div[i];
}

static void UNARY_NAMED(mul_add)(UNARY_REAL *y, const UNARY_REAL *x, const UNARY_REAL *mul,
                                 const UNARY_REAL *add, size_t n)
{
    size_t i = 0;

    for (; i + UNARY_LANES <= n; i += UNARY_LANES)
        UNARY_WORD(store)(y + i, UNARY_WORD(add)(UNARY_WORD(mul)(UNARY_WORD(load)(x + i),
                                                                 UNARY_WORD(load)(mul + i)),
                                                 UNARY_WORD(load)(add + i)));
    for (; i < n; i++)
        y[i] = x[i] * mul[i] + add[i];
}

static void UNARY_NAMED(fill_nan)(UNARY_REAL *y, const UNARY_REAL *x, const UNARY_REAL *fill,
                                  size_t n)
{
    size_t i = 0;

    for (; i + UNARY_LANES <= n; i += UNARY_LANES) {
        const UNARY_VEC v = UNARY_WORD(load)(x + i);
        UNARY_WORD(store)(y + i, UNARY_WORD(if_nan)(v, v, UNARY_WORD(load)(fill + i)));
    }
    for (; i < n; i++)
        y[i] = x[i] != x[i] ? fill[i] : x[i];
}

static void UNARY_NAMED(relu)(UNARY_REAL *y, const UNARY_REAL *x, size_t n)
{
    size_t i = 0;

    for (; i + UNARY_LANES <= n; i += UNARY_LANES)
        UNARY_WORD(store)(y + i, UNARY_WORD(zero_unless_positive)(UNARY_WORD(load)(x + i)));
    for (; i < n; i++)
        y[i] = x[i] <= 0 ? 0 : x[i];
}

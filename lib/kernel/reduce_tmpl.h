/*
 * kernel/reduce_tmpl.h - sums, extremes, softmax, normalising
 *
 * A row runs through 8 / VD_LANES registers, one for each lane.  Columns are taken 64 at a
 * time, whose lanes are as many rows of doubles on the stack:
 *
 *     row 0  -> lane 0 of 64 columns      row 8 -> lane 0      ...
 *     row 1  -> lane 1
 *
 * Parameters: REDUCE_REAL, REDUCE_NAMED(name); REDUCE_LOAD(p), REDUCE_STORE(p, v) of doubles;
 * vectors of the type: REDUCE_VEC, REDUCE_LANES, REDUCE_WORD(name), REDUCE_EXP(v).
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef REDUCE_REGS
#define REDUCE_REGS (8 / VD_LANES)
#define REDUCE_LEAST (-(REDUCE_REAL)INFINITY)

/* reduce_two and reduce_one (reduce.h) of registers. */
MDL_INLINE vd vd_reduce_two(uint32_t how, vd a, vd b)
{
    switch (how) {
    case REDUCE_PRODUCT: return vd_mul(a, b);
    case REDUCE_MAX: return vd_if_nan(b, vd_max(b, a), b);
    case REDUCE_MIN: return vd_if_nan(b, vd_min(b, a), b);
    default: return vd_add(a, b);
    }
}

MDL_INLINE vd vd_reduce_one(uint32_t how, vd lane, vd x, vd about)
{
    switch (how) {
    case REDUCE_SIZES: return vd_add(lane, vd_max(x, vd_sub(vd_set(-0.0), x)));
    case REDUCE_SQUARES: return vd_add(lane, vd_mul(vd_sub(x, about), vd_sub(x, about)));
    case REDUCE_POWERS: return vd_add(lane, vd_exp_here(vd_sub(x, about)));
    default: return vd_reduce_two(how, lane, x);
    }
}
#endif

MDL_INLINE double REDUCE_NAMED(reduce_as)(uint32_t how, const REDUCE_REAL *x, size_t n,
                                          double about)
{
    const vd from = vd_set(about);
    double lane[8];
    vd sum[REDUCE_REGS];
    size_t i = 0;

    MDL_UNROLL(4)
    for (size_t k = 0; k < REDUCE_REGS; k++)
        sum[k] = vd_set(reduce_begin(how));
    for (; i + 8 <= n; i += 8)
        MDL_UNROLL(4)
        for (size_t k = 0; k < REDUCE_REGS; k++)
            sum[k] = vd_reduce_one(how, sum[k], REDUCE_LOAD(x + i + k * VD_LANES), from);
    MDL_UNROLL(4)
    for (size_t k = 0; k < REDUCE_REGS; k++)
        vd_store(lane + k * VD_LANES, sum[k]);
    for (; i < n; i++)
        lane[i % 8] = reduce_one(how, lane[i % 8], (double)x[i], about);
    return reduce_lanes(how, lane, 1);
}

static double REDUCE_NAMED(reduce)(uint32_t how, const REDUCE_REAL *x, size_t n, double about)
{
    switch (how) {
    case REDUCE_SUM: return REDUCE_NAMED(reduce_as)(REDUCE_SUM, x, n, about);
    case REDUCE_SIZES: return REDUCE_NAMED(reduce_as)(REDUCE_SIZES, x, n, about);
    case REDUCE_SQUARES: return REDUCE_NAMED(reduce_as)(REDUCE_SQUARES, x, n, about);
    case REDUCE_POWERS: return REDUCE_NAMED(reduce_as)(REDUCE_POWERS, x, n, about);
    case REDUCE_PRODUCT: return REDUCE_NAMED(reduce_as)(REDUCE_PRODUCT, x, n, about);
    case REDUCE_MAX: return REDUCE_NAMED(reduce_as)(REDUCE_MAX, x, n, about);
    default: return REDUCE_NAMED(reduce_as)(REDUCE_MIN, x, n, about);
    }
}

/* At most REDUCE_COLUMNS columns. */
MDL_INLINE void REDUCE_NAMED(reduce_few)(uint32_t how, double *to, const REDUCE_REAL *x,
                                         size_t stride, size_t rows, size_t width,
                                         const double *about)
{
    double lane[8][REDUCE_COLUMNS], zeros[REDUCE_COLUMNS];

    for (size_t j = 0; j < 8; j++)
        for (size_t c = 0; c < width; c++)
            lane[j][c] = reduce_begin(how);
    if (!about) {
        memset(zeros, 0, sizeof zeros);
        about = zeros;
    }
    for (size_t r = 0; r < rows; r++, x += stride) {
        double *sum = lane[r % 8];
        size_t c = 0;

        for (; c + VD_LANES <= width; c += VD_LANES)
            vd_store(sum + c, vd_reduce_one(how, vd_load(sum + c), REDUCE_LOAD(x + c),
                                            vd_load(about + c)));
        for (; c < width; c++)
            sum[c] = reduce_one(how, sum[c], (double)x[c], about[c]);
    }
    for (size_t c = 0; c < width; c++)
        to[c] = reduce_lanes(how, &lane[0][c], REDUCE_COLUMNS);
}

static void REDUCE_NAMED(reduce_rows)(uint32_t how, double *to, const REDUCE_REAL *x,
                                      size_t stride, size_t rows, size_t width,
                                      const double *about)
{
    for (size_t c = 0, n; c < width; c += n) {
        const double *from = about ? about + c : NULL;

        n = width - c < REDUCE_COLUMNS ? width - c : REDUCE_COLUMNS;
        switch (how) {
        case REDUCE_SUM:
            REDUCE_NAMED(reduce_few)(REDUCE_SUM, to + c, x + c, stride, rows, n, from);
            break;
        case REDUCE_SQUARES:
            REDUCE_NAMED(reduce_few)(REDUCE_SQUARES, to + c, x + c, stride, rows, n, from);
            break;
        case REDUCE_MAX:
            REDUCE_NAMED(reduce_few)(REDUCE_MAX, to + c, x + c, stride, rows, n, from);
            break;
        default:
            REDUCE_NAMED(reduce_few)(how, to + c, x + c, stride, rows, n, from);
        }
    }
}

/* k of a vector's numbers, zeros beyond them. */
MDL_INLINE REDUCE_VEC REDUCE_NAMED(load_some)(const REDUCE_REAL *p, size_t k)
{
    return k < REDUCE_LANES ? REDUCE_WORD(load_part)(p, k) : REDUCE_WORD(load)(p);
}

MDL_INLINE void REDUCE_NAMED(store_some)(REDUCE_REAL *p, REDUCE_VEC v, size_t k)
{
    REDUCE_REAL some[REDUCE_LANES];

    if (k >= REDUCE_LANES) {
        REDUCE_WORD(store)(p, v);
        return;
    }
    REDUCE_WORD(store)(some, v);
    for (size_t i = 0; i < k; i++)
        p[i] = some[i];
}

static REDUCE_REAL REDUCE_NAMED(largest)(const REDUCE_REAL *x, size_t n)
{
    REDUCE_REAL some[REDUCE_LANES], most = REDUCE_LEAST;
    REDUCE_VEC m = REDUCE_WORD(set)(most);
    size_t i = 0;

    for (; i + REDUCE_LANES <= n; i += REDUCE_LANES)
        m = REDUCE_WORD(max)(REDUCE_WORD(load)(x + i), m);
    REDUCE_WORD(store)(some, m);
    for (size_t k = 0; k < REDUCE_LANES; k++)
        most = some[k] > most ? some[k] : most;
    for (; i < n; i++)
        most = x[i] > most ? x[i] : most;
    return most;
}

static void REDUCE_NAMED(soft)(REDUCE_REAL *y, const REDUCE_REAL *x, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r++, x += cols, y += cols) {
        const REDUCE_VEC most = REDUCE_WORD(set)(REDUCE_NAMED(largest)(x, cols));
        const size_t rest = cols % REDUCE_LANES, whole = cols - rest;

        for (size_t i = 0; i < whole; i += REDUCE_LANES)
            REDUCE_WORD(store)(y + i, REDUCE_EXP(REDUCE_WORD(sub)(REDUCE_WORD(load)(x + i), most)));
        if (rest) {
            const REDUCE_VEC v = REDUCE_WORD(load_part)(x + whole, rest);
            REDUCE_NAMED(store_some)(y + whole, REDUCE_EXP(REDUCE_WORD(sub)(v, most)), rest);
        }
        const REDUCE_REAL by = (REDUCE_REAL)(1 / REDUCE_NAMED(reduce_as)(REDUCE_SUM, y, cols, 0));
        for (size_t i = 0; i < whole; i += REDUCE_LANES)
            REDUCE_WORD(store)(y + i, REDUCE_WORD(mul)(REDUCE_WORD(load)(y + i), REDUCE_WORD(set)(by)));
        for (size_t i = whole; i < cols; i++)
            y[i] = y[i] * by;
    }
}

/* At most REDUCE_COLUMNS columns. */
static void REDUCE_NAMED(soft_few)(REDUCE_REAL *y, const REDUCE_REAL *x, size_t stride, size_t rows,
                                   size_t width)
{
    REDUCE_REAL most[REDUCE_COLUMNS];
    double sum[REDUCE_COLUMNS];

    for (size_t c = 0; c < width; c++)
        most[c] = REDUCE_LEAST;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c += REDUCE_LANES) {
            const REDUCE_VEC v = REDUCE_NAMED(load_some)(x + r * stride + c, width - c);
            REDUCE_NAMED(store_some)(most + c, REDUCE_WORD(max)(v, REDUCE_NAMED(load_some)(
                                     most + c, width - c)), width - c);
        }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c += REDUCE_LANES) {
            const REDUCE_VEC v = REDUCE_NAMED(load_some)(x + r * stride + c, width - c);
            const REDUCE_VEC d = REDUCE_WORD(sub)(v, REDUCE_NAMED(load_some)(most + c, width - c));
            REDUCE_NAMED(store_some)(y + r * stride + c, REDUCE_EXP(d), width - c);
        }
    REDUCE_NAMED(reduce_few)(REDUCE_SUM, sum, y, stride, rows, width, NULL);
    for (size_t c = 0; c < width; c++)
        most[c] = (REDUCE_REAL)(1 / sum[c]);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c += REDUCE_LANES) {
            const REDUCE_VEC e = REDUCE_NAMED(load_some)(y + r * stride + c, width - c);
            const REDUCE_VEC by = REDUCE_NAMED(load_some)(most + c, width - c);
            REDUCE_NAMED(store_some)(y + r * stride + c, REDUCE_WORD(mul)(e, by), width - c);
        }
}

static void REDUCE_NAMED(soft_rows)(REDUCE_REAL *y, const REDUCE_REAL *x, size_t stride, size_t rows,
                                    size_t width)
{
    for (size_t c = 0; c < width; c += REDUCE_COLUMNS)
        REDUCE_NAMED(soft_few)(y + c, x + c, stride, rows,
                               width - c < REDUCE_COLUMNS ? width - c : REDUCE_COLUMNS);
}

static void REDUCE_NAMED(affine_each)(REDUCE_REAL *y, const REDUCE_REAL *x, const double *sub,
                                      const double *mul, const double *add, size_t n)
{
    size_t i = 0;

    for (; i + VD_LANES <= n; i += VD_LANES)
        REDUCE_STORE(y + i, vd_add(vd_mul(vd_sub(REDUCE_LOAD(x + i), vd_load(sub + i)),
                                          vd_load(mul + i)), vd_load(add + i)));
    for (; i < n; i++)
        y[i] = (REDUCE_REAL)(((double)x[i] - sub[i]) * mul[i] + add[i]);
}

MDL_INLINE void REDUCE_NAMED(affine_as)(REDUCE_REAL *y, const REDUCE_REAL *x, double sub,
                                        double mul, double add, const REDUCE_REAL *scale,
                                        const REDUCE_REAL *bias, size_t n, int scaled, int moved)
{
    const vd s = vd_set(sub), m = vd_set(mul), a = vd_set(add);
    size_t i = 0;

    for (; i + VD_LANES <= n; i += VD_LANES) {
        vd d = vd_mul(vd_sub(REDUCE_LOAD(x + i), s), m);
        if (scaled)
            d = vd_mul(d, REDUCE_LOAD(scale + i));
        REDUCE_STORE(y + i, vd_add(d, moved ? REDUCE_LOAD(bias + i) : a));
    }
    for (; i < n; i++) {
        const double d = ((double)x[i] - sub) * mul;
        y[i] = (REDUCE_REAL)((scaled ? d * (double)scale[i] : d)
                             + (moved ? (double)bias[i] : add));
    }
}

static void REDUCE_NAMED(affine)(REDUCE_REAL *y, const REDUCE_REAL *x, double sub, double mul,
                                 double add, const REDUCE_REAL *scale, const REDUCE_REAL *bias,
                                 size_t n)
{
    if (scale && bias)
        REDUCE_NAMED(affine_as)(y, x, sub, mul, add, scale, bias, n, 1, 1);
    else if (scale)
        REDUCE_NAMED(affine_as)(y, x, sub, mul, add, scale, bias, n, 1, 0);
    else if (bias)
        REDUCE_NAMED(affine_as)(y, x, sub, mul, add, scale, bias, n, 0, 1);
    else
        REDUCE_NAMED(affine_as)(y, x, sub, mul, add, scale, bias, n, 0, 0);
}

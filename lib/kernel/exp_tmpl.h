/*
 * kernel/exp_tmpl.h - e^x of VD_LANES doubles: mdl_exp of math.c, step by step
 *
 * t = x 64 / ln2 + 1.5 2^52 holds the integer k in its low bits.  The result is scaled by
 * 2^(k / 64) in two halves, so that each is a power of two that exists; only the second
 * product rounds, and only where the result is denormal, as in math.c.
 *
 * SPDX-License-Identifier: MIT
 */
MDL_INLINE vd vd_exp_here(vd given)
{
    /* Beyond these the result is 0 and infinite already.  NaN stays: min and max give their
     * second argument unless the comparison holds. */
    const vd x = vd_max(vd_set(-746), vd_min(vd_set(710), given));
    const vd t = vd_add(vd_mul(x, vd_set(1 / (LN2_64_HIGH + LN2_64_LOW))), vd_set(ROUND_BIAS));
    const vd k = vd_sub(t, vd_set(ROUND_BIAS));
    const vd r = vd_sub(vd_sub(x, vd_mul(k, vd_set(LN2_64_HIGH))), vd_mul(k, vd_set(LN2_64_LOW)));
    const vd r2 = vd_mul(r, r);
    const vd near = vd_add(vd_set(0.5), vd_mul(r, vd_set(1.0 / 6)));
    const vd far = vd_add(vd_add(vd_set(1.0 / 24), vd_mul(r, vd_set(1.0 / 120))),
                          vd_mul(r2, vd_set(1.0 / 720)));
    const vd p = vd_add(r, vd_mul(r2, vd_add(near, vd_mul(r2, far))));
    vd low;
    const vd high = vd_lookup(mdl_exp_powers, t, &low);
    const vd y = vd_add(high, vd_add(low, vd_mul(high, p)));

    return vd_mul(vd_mul(y, vd_pow2(t, 7)), vd_pow2(vd_add(t, vd_set(64)), 7));
}

/* Where it is not the inside of a loop. */
static vd vd_exp(vd x)
{
    return vd_exp_here(x);
}

static void exp_f64(double *y, const double *x, size_t n)
{
    if (n < VD_LANES) {
        double some[VD_LANES];
        vd_store(some, vd_exp(vd_load_part(x, n)));
        for (size_t i = 0; i < n; i++)
            y[i] = some[i];
        return;
    }
    const vd last = vd_load(x + n - VD_LANES);
    for (size_t i = 0; i + VD_LANES < n; i += VD_LANES)
        vd_store(y + i, vd_exp_here(vd_load(x + i)));
    vd_store(y + n - VD_LANES, vd_exp(last));
}

static void exp_f32(float *y, const float *x, size_t n)
{
    double wide[64];

    for (size_t i = 0, some; i < n; i += some) {
        some = n - i < 64 ? n - i : 64;
        widen(wide, x + i, some);
        exp_f64(wide, wide, some);
        narrow(y + i, wide, some);
    }
}

/*
 * kernel/each_tmpl.h - the kernels of each.h, over vectors; ref_each.h has the formulas
 *
 * vf_exp_of, vf_sigmoid, vf_tanh and vf_erfc are there for other templates too.
 *
 * SPDX-License-Identifier: MIT
 */
MDL_INLINE vf vf_sum_of(const float *f, int n, vf x)
{
    const vf z = vf_mul(x, x);
    vf even = vf_set(f[(n - 1) / 2 * 2]), odd = vf_set(f[n / 2 * 2 - 1]);

    MDL_UNROLL(16)
    for (int i = (n - 1) / 2 * 2 - 2; i >= 0; i -= 2)
        even = vf_add(vf_mul(even, z), vf_set(f[i]));
    MDL_UNROLL(16)
    for (int i = n / 2 * 2 - 3; i > 0; i -= 2)
        odd = vf_add(vf_mul(odd, z), vf_set(f[i]));
    return vf_add(even, vf_mul(odd, x));
}

MDL_INLINE vf vf_exp_parts(vf x, vf low, vf *t)
{
    static const float fit[] = EACH_EXP_FIT;

    *t = vf_add(vf_mul(x, vf_set(EACH_LOG2_E)), vf_set(EACH_BIAS));
    const vf n = vf_sub(*t, vf_set(EACH_BIAS)), near = vf_sub(x, vf_mul(n, vf_set(EACH_LN2_HIGH)));
    const vf c = vf_sub(vf_mul(n, vf_set(EACH_LN2_LOW)), low), r = vf_sub(near, c);
    const vf lost = vf_sub(vf_sub(near, r), c);
    return vf_add(r, vf_add(lost, vf_mul(vf_mul(r, r), vf_sum_of(fit, 6, r))));
}

/* e^(given + low) */
MDL_INLINE vf vf_exp_of(vf given, vf low)
{
    const vf x = vf_max(vf_set(EACH_EXP_LOW), vf_min(vf_set(EACH_EXP_HIGH), given));
    vf t;
    const vf p = vf_exp_parts(x, low, &t);

    return vf_mul(vf_mul(vf_add(vf_set(1), p), vf_pow2(t, 1)), vf_pow2(vf_add(t, vf_set(1)), 1));
}

MDL_INLINE vf vf_expm1(vf x)
{
    vf t;
    const vf p = vf_exp_parts(x, vf_set(0), &t), power = vf_pow2(t, 0);

    return vf_add(vf_mul(power, p), vf_sub(power, vf_set(1)));
}

MDL_INLINE vf vf_sigmoid(vf x)
{
    const vf one = vf_set(1), e = vf_exp_of(vf_neg(vf_abs(x)), vf_set(0));

    return vf_div(vf_if_less(x, vf_set(0), e, one), vf_add(one, e));
}

MDL_INLINE vf vf_tanh(vf x)
{
    const vf some = vf_min(vf_set(10), vf_abs(x)), m = vf_expm1(vf_add(some, some));

    return vf_with_sign(vf_div(m, vf_add(m, vf_set(2))), x);
}

MDL_INLINE vf vf_erfc(vf z, vf x, float scale)
{
    static const float fit[] = EACH_ERFC_FIT;
    const vf high = vf_top12(x), minus = vf_set(-scale), two = vf_set(2);
    const vf e = vf_exp_of(vf_mul(minus, vf_mul(high, high)),
                           vf_mul(minus, vf_mul(vf_sub(x, high), vf_add(x, high))));
    const vf t = vf_div(vf_sub(z, two), vf_add(z, two));

    return vf_mul(e, vf_div(vf_sum_of(fit, 11, t), vf_add(vf_set(1), vf_add(z, z))));
}

MDL_INLINE vf vf_erf(vf x)
{
    static const float fit[] = EACH_ERF_FIT;
    const vf some = vf_min(vf_set(4), vf_abs(x)), z = vf_mul(some, some);
    const vf near = vf_add(some, vf_mul(some, vf_sum_of(fit, 7, z)));
    const vf far = vf_sub(vf_set(1), vf_erfc(some, some, 1));

    return vf_with_sign(vf_if_less(some, vf_set(EACH_ERF_NEAR), near, far), x);
}

MDL_INLINE vf vf_gelu(vf x)
{
    const vf some = vf_min(vf_set(EACH_GELU_FAR), vf_abs(x));
    const vf half = vf_mul(vf_set(0.5f), vf_erfc(vf_mul(some, vf_set(EACH_ROOT_HALF)), some, 0.5f));

    return vf_mul(x, vf_if_less(x, vf_set(0), half, vf_sub(vf_set(1), half)));
}

MDL_INLINE vf vf_gelu_tanh(vf x)
{
    return vf_mul(x, vf_sigmoid(vf_mul(x, vf_add(vf_set(EACH_GELU_A),
                                                 vf_mul(vf_set(EACH_GELU_B), vf_mul(x, x))))));
}

MDL_INLINE vf vf_softplus(vf x)
{
    static const float fit[] = EACH_LOG_FIT;
    const vf e = vf_exp_of(vf_neg(vf_abs(x)), vf_set(0)), s = vf_div(e, vf_add(vf_set(2), e));
    const vf z = vf_mul(s, s), rest = vf_mul(s, vf_mul(z, vf_sum_of(fit, 5, z)));

    return vf_add(vf_zero_unless_positive(x), vf_add(vf_add(s, s), rest));
}

MDL_INLINE vf vf_mish(vf x)
{
    const vf two = vf_set(2), e = vf_exp_of(vf_min(vf_set(20), x), vf_set(0));
    const vf m = vf_mul(e, vf_add(e, two));

    return vf_mul(x, vf_div(m, vf_add(m, two)));
}

MDL_INLINE vf vf_within_1(vf v)
{
    return vf_max(vf_set(0), vf_min(vf_set(1), v));
}

MDL_INLINE vf vf_elu(vf x, vf a, vf b)
{
    const vf some = vf_max(vf_set(-87), vf_min(vf_set(0), x));

    return vf_if_less(x, vf_set(0), vf_mul(a, vf_expm1(some)), vf_mul(b, x));
}

#define EACH(KIND, RESULT) \
    case KIND: \
        for (size_t i = 0; i < n; i += VF_LANES) { \
            const vf v = vf_load(x + i); \
            vf_store(y + i, RESULT); \
        } \
        return;

/* n is a multiple of VF_LANES. */
static void each_whole(uint32_t how, float *y, const float *x, size_t n, float a_, float b_)
{
    const vf a = vf_set(a_), b = vf_set(b_);

    switch (how) {
    EACH(EACH_ABS, vf_abs(v))
    EACH(EACH_NEG, vf_neg(v))
    EACH(EACH_SQRT, vf_sqrt(v))
    EACH(EACH_RECIPROCAL, vf_div(vf_set(1), v))
    EACH(EACH_RELU, vf_zero_unless_positive(v))
    EACH(EACH_LEAKY_RELU, vf_if_less(v, vf_set(0), vf_mul(a, v), v))
    EACH(EACH_CLIP, vf_min(b, vf_max(a, v)))
    EACH(EACH_HARD_SIGMOID, vf_within_1(vf_add(vf_mul(a, v), b)))
    EACH(EACH_HARD_SWISH, vf_mul(v, vf_within_1(vf_mul(a, vf_add(v, b)))))
    EACH(EACH_EXP, vf_exp_of(v, vf_set(0)))
    EACH(EACH_SIGMOID, vf_sigmoid(v))
    EACH(EACH_SWISH, vf_mul(v, vf_sigmoid(vf_mul(a, v))))
    EACH(EACH_TANH, vf_tanh(v))
    EACH(EACH_ELU, vf_elu(v, a, b))
    EACH(EACH_ERF, vf_erf(v))
    EACH(EACH_GELU, vf_gelu(v))
    EACH(EACH_GELU_TANH, vf_gelu_tanh(v))
    EACH(EACH_SOFTPLUS, vf_softplus(v))
    EACH(EACH_MISH, vf_mish(v))
    default: return;
    }
}
#undef EACH

static void each_f32(uint32_t how, float *y, const float *x, size_t n, float a, float b)
{
    const size_t whole = n - n % VF_LANES, rest = n - whole;
    float some[VF_LANES];

    each_whole(how, y, x, whole, a, b);
    if (!rest)
        return;
    vf_store(some, vf_load_part(x + whole, rest));
    each_whole(how, some, some, VF_LANES, a, b);
    for (size_t i = 0; i < rest; i++)
        y[whole + i] = some[i];
}

#define PAIR(KIND, WORD, VEC, LANES, RESULT) \
    case KIND: \
        for (size_t i = 0; i < n; i += LANES) { \
            const VEC u = WORD(load)(p + i), v = WORD(load)(q + i); \
            WORD(store)(y + i, RESULT); \
        } \
        return;

/* Loops over whole vectors, and the kernel: the bodies of functions. */
#define PAIR_LOOPS(WORD, VEC, LANES) \
{ \
    switch (how) { \
    PAIR(PAIR_ADD, WORD, VEC, LANES, WORD(add)(u, v)) \
    PAIR(PAIR_SUB, WORD, VEC, LANES, WORD(sub)(u, v)) \
    PAIR(PAIR_MUL, WORD, VEC, LANES, WORD(mul)(u, v)) \
    PAIR(PAIR_DIV, WORD, VEC, LANES, WORD(div)(u, v)) \
    PAIR(PAIR_MAX, WORD, VEC, LANES, WORD(if_nan)(u, WORD(max)(u, v), u)) \
    PAIR(PAIR_MIN, WORD, VEC, LANES, WORD(if_nan)(u, WORD(min)(u, v), u)) \
    PAIR(PAIR_PRELU, WORD, VEC, LANES, WORD(if_less)(u, WORD(set)(0), WORD(mul)(v, u), u)) \
    default: return; \
    } \
}

#define PAIR_BODY(LOOPS, REAL, WORD, LANES) \
{ \
    const size_t whole = n - n % LANES, rest = n - whole; \
    REAL some[2][LANES]; \
 \
    LOOPS(how, y, p, q, whole); \
    if (!rest) \
        return; \
    WORD(store)(some[0], WORD(load_part)(p + whole, rest)); \
    WORD(store)(some[1], WORD(load_part)(q + whole, rest)); \
    LOOPS(how, some[0], some[0], some[1], LANES); \
    for (size_t i = 0; i < rest; i++) \
        y[whole + i] = some[0][i]; \
}

static void pair_whole_f32(uint32_t how, float *y, const float *p, const float *q, size_t n)
PAIR_LOOPS(WORD_F, vf, VF_LANES)

static void pair_f32(uint32_t how, float *y, const float *p, const float *q, size_t n)
PAIR_BODY(pair_whole_f32, float, WORD_F, VF_LANES)

static void pair_whole_f64(uint32_t how, double *y, const double *p, const double *q, size_t n)
PAIR_LOOPS(WORD_D, vd, VD_LANES)

static void pair_f64(uint32_t how, double *y, const double *p, const double *q, size_t n)
PAIR_BODY(pair_whole_f64, double, WORD_D, VD_LANES)
#undef PAIR
#undef PAIR_LOOPS
#undef PAIR_BODY

/*
 * kernel/ref_each.h - the kernels of each.h in plain C
 *
 * SPDX-License-Identifier: MIT
 */
/* 2^(n >> s) for t = EACH_BIAS + n */
static float each_pow2(float t, int s)
{
    return float_from_bits((float_bits(t) >> s << 23) + (127u << 23));
}

/* f[0] + f[1] x + ...: even and odd powers apart, which halves the time until it is known */
static float each_sum(const float *f, int n, float x)
{
    const float z = x * x;
    float even = f[(n - 1) / 2 * 2], odd = f[n / 2 * 2 - 1];

    for (int i = (n - 1) / 2 * 2 - 2; i >= 0; i -= 2)
        even = even * z + f[i];
    for (int i = n / 2 * 2 - 3; i > 0; i -= 2)
        odd = odd * z + f[i];
    return even + odd * x;
}

/* e^(x + low) = 2^n (1 + returned), t = EACH_BIAS + n */
static float each_exp_parts(float x, float low, float *t)
{
    static const float fit[] = EACH_EXP_FIT;

    *t = x * EACH_LOG2_E + EACH_BIAS;
    const float n = *t - EACH_BIAS, near = x - n * EACH_LN2_HIGH, c = n * EACH_LN2_LOW - low;
    const float r = near - c, lost = (near - r) - c;
    return r + (lost + r * r * each_sum(fit, 6, r));
}

static float each_exp_of(float given, float low)
{
    const float below = EACH_EXP_HIGH < given ? EACH_EXP_HIGH : given;
    const float x = EACH_EXP_LOW > below ? EACH_EXP_LOW : below;
    float t;
    const float p = each_exp_parts(x, low, &t);

    return (1 + p) * each_pow2(t, 1) * each_pow2(t + 1, 1);
}

/* e^x - 1 for x from -87 to 20 */
static float each_expm1(float x)
{
    float t;
    const float p = each_exp_parts(x, 0, &t), power = each_pow2(t, 0);

    return power * p + (power - 1);
}

static float each_size(float x)
{
    return float_from_bits(float_bits(x) & 0x7fffffffu);
}

static float each_sign(float x, float s)
{
    return float_from_bits((float_bits(x) & 0x7fffffffu) | (float_bits(s) & 0x80000000u));
}

static float each_sigmoid(float x)
{
    const float e = each_exp_of(-each_size(x), 0);

    return (x < 0 ? e : 1) / (1 + e);
}

static float each_tanh(float x)
{
    const float size = each_size(x), some = 10.0f < size ? 10.0f : size;
    const float m = each_expm1(some + some);

    return each_sign(m / (m + 2), x);
}

/* erfc(z) for z >= 0, where z^2 = scale x^2 */
static float each_erfc(float z, float x, float scale)
{
    static const float fit[] = EACH_ERFC_FIT;
    const float high = float_from_bits(float_bits(x) & 0xfffff000u);
    const float e = each_exp_of(-scale * (high * high), -scale * ((x - high) * (x + high)));

    return e * (each_sum(fit, 11, (z - 2) / (z + 2)) / (1 + (z + z)));
}

static float each_erf(float x)
{
    static const float fit[] = EACH_ERF_FIT;
    const float size = each_size(x), some = 4.0f < size ? 4.0f : size;
    const float z = some * some, near = some + some * each_sum(fit, 7, z);
    const float far = 1 - each_erfc(some, some, 1);

    return each_sign(some < EACH_ERF_NEAR ? near : far, x);
}

static float each_gelu(float x)
{
    const float size = each_size(x), some = EACH_GELU_FAR < size ? EACH_GELU_FAR : size;
    const float half = 0.5f * each_erfc(some * EACH_ROOT_HALF, some, 0.5f);

    return x * (x < 0 ? half : 1 - half);
}

/* With e = e^-|x| and s = e / (2 + e), log(1 + e) = log((1 + s) / (1 - s)). */
static float each_softplus(float x)
{
    static const float fit[] = EACH_LOG_FIT;
    const float e = each_exp_of(-each_size(x), 0), s = e / (2 + e), z = s * s;

    return (x <= 0 ? 0 : x) + ((s + s) + s * (z * each_sum(fit, 5, z)));
}

/* With e = e^x it is x m / (m + 2) for m = e (e + 2). */
static float each_mish(float x)
{
    const float e = each_exp_of(20.0f < x ? 20.0f : x, 0), m = e * (e + 2);

    return x * (m / (m + 2));
}

static float each_within_1(float v)
{
    const float below = 1 < v ? 1 : v;

    return 0 > below ? 0 : below;
}

static float each_elu(float x, float a, float b)
{
    const float below = 0.0f < x ? 0.0f : x, some = -87.0f > below ? -87.0f : below;

    return x < 0 ? a * each_expm1(some) : b * x;
}

static float each_clip(float x, float a, float b)
{
    const float v = a > x ? a : x;

    return b < v ? b : v;
}

static void each_f32(uint32_t how, float *y, const float *x, size_t n, float a, float b)
{
    for (size_t i = 0; i < n; i++) {
        const float v = x[i];

        switch (how) {
        case EACH_ABS: y[i] = each_size(v); break;
        case EACH_NEG: y[i] = -v; break;
        case EACH_SQRT: y[i] = (float)mdl_sqrt((double)v); break;
        case EACH_RECIPROCAL: y[i] = 1 / v; break;
        case EACH_RELU: y[i] = v <= 0 ? 0 : v; break;
        case EACH_LEAKY_RELU: y[i] = v < 0 ? a * v : v; break;
        case EACH_CLIP: y[i] = each_clip(v, a, b); break;
        case EACH_HARD_SIGMOID: y[i] = each_within_1(a * v + b); break;
        case EACH_HARD_SWISH: y[i] = v * each_within_1(a * (v + b)); break;
        case EACH_EXP: y[i] = each_exp_of(v, 0); break;
        case EACH_SIGMOID: y[i] = each_sigmoid(v); break;
        case EACH_SWISH: y[i] = v * each_sigmoid(a * v); break;
        case EACH_TANH: y[i] = each_tanh(v); break;
        case EACH_ELU: y[i] = each_elu(v, a, b); break;
        case EACH_ERF: y[i] = each_erf(v); break;
        case EACH_GELU: y[i] = each_gelu(v); break;
        case EACH_GELU_TANH: y[i] = v * each_sigmoid(v * (EACH_GELU_A + EACH_GELU_B * (v * v))); break;
        case EACH_SOFTPLUS: y[i] = each_softplus(v); break;
        case EACH_MISH: y[i] = each_mish(v); break;
        default: break;
        }
    }
}

#define REF_PAIR(NAME, REAL) \
static void NAME(uint32_t how, REAL *y, const REAL *p, const REAL *q, size_t n) \
{ \
    for (size_t i = 0; i < n; i++) { \
        const REAL u = p[i], v = q[i]; \
        switch (how) { \
        case PAIR_ADD: y[i] = u + v; break; \
        case PAIR_SUB: y[i] = u - v; break; \
        case PAIR_MUL: y[i] = u * v; break; \
        case PAIR_DIV: y[i] = u / v; break; \
        case PAIR_MAX: y[i] = u != u ? u : u > v ? u : v; break; \
        case PAIR_MIN: y[i] = u != u ? u : u < v ? u : v; break; \
        case PAIR_PRELU: y[i] = u < 0 ? v * u : u; break; \
        default: break; \
        } \
    } \
}
REF_PAIR(pair_f32, float)
REF_PAIR(pair_f64, double)
#undef REF_PAIR

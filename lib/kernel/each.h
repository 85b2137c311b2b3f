/*
 * kernel/each.h - element by element: which function
 *
 *     each_f32(how, y, x, n, a, b)     y[i] = f(x[i])        y may be x
 *     pair_f32(how, y, p, q, n)        y[i] = f(p[i], q[i])  y may be p or q
 *
 * In float32, one rounding per operation as ref_each.h has them, which every table does alike.
 * Largest errors over every 97th float32 (tests/test_kernel_each.c), of results that are normal
 * numbers: exp 0.9 ULP, sigmoid 2.3, tanh 2.4, erf 1.2, elu 1, gelu 12 (below 1.1e-6), softplus 3;
 * of mish, swish and gelu_tanh 2e-6 above 1e-20 and 1.3e-5 at the smallest.
 *
 * NaN gives NaN.  As C has it, -0 is no less than 0.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_EACH_H
#define MDL_KERNEL_EACH_H

enum each {
    EACH_ABS,
    EACH_NEG,
    EACH_SQRT,
    EACH_RECIPROCAL,
    EACH_RELU,                    /* x <= 0 ? 0 : x                                  */
    EACH_LEAKY_RELU,              /* x < 0 ? a x : x                                 */
    EACH_CLIP,                    /* below a: a; then above b: b                     */
    EACH_HARD_SIGMOID,            /* a x + b, from 0 to 1                            */
    EACH_HARD_SWISH,              /* x times a (x + b), from 0 to 1: exact near its zero */
    EACH_EXP,
    EACH_SIGMOID,                 /* 1 / (1 + e^-x)                                  */
    EACH_SWISH,                   /* x sigmoid(a x)                                  */
    EACH_TANH,
    EACH_ELU,                     /* x < 0 ? a (e^x - 1) : b x                       */
    EACH_ERF,
    EACH_GELU,                    /* x (1 + erf(x / sqrt 2)) / 2                     */
    EACH_GELU_TANH,               /* x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3))      */
    EACH_SOFTPLUS,                /* log(1 + e^x)                                    */
    EACH_MISH,                    /* x tanh(log(1 + e^x))                            */
    EACH_KINDS
};

enum each_pair {
    PAIR_ADD, PAIR_SUB, PAIR_MUL, PAIR_DIV,
    PAIR_MAX, PAIR_MIN,           /* NaN if either is; of 0 and -0 the second        */
    PAIR_PRELU,                   /* p < 0 ? q p : p                                 */
    PAIR_KINDS
};

/* e^x = 2^n e^r, n = x / ln 2 rounded; ln 2 in two parts, products with the first exact. */
#define EACH_BIAS     0x1.8p23f
#define EACH_LOG2_E   0x1.715476p+0f
#define EACH_LN2_HIGH 0x1.62e4p-1f
#define EACH_LN2_LOW  0x1.7f7d1cp-20f
#define EACH_EXP_LOW  -104.0f     /* e^x is 0 below, infinite above                  */
#define EACH_EXP_HIGH 89.0f

/* Coefficients, lowest first, of Chebyshev fits of our own:
 * (e^r - 1 - r) / r^2 for |r| < 0.3475, within 2e-9;
 * erf(x) / x - 1 in x^2 for |x| < EACH_ERF_NEAR, within 4e-9;
 * (log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2 for s <= 1/3, within 1e-8;
 * (1 + 2 z) e^(z^2) erfc(z) in (z - 2) / (z + 2) for 0 <= z <= 10.25, within 1e-8. */
#define EACH_EXP_FIT  { 0x1p-1f, 0x1.555556p-3f, 0x1.5554e8p-5f, 0x1.1110c6p-7f, 0x1.6d44b6p-10f, \
                        0x1.a15318p-13f }
#define EACH_ERF_FIT  { 0x1.06eba8p-3f, -0x1.812744p-2f, 0x1.ce2e5ep-4f, -0x1.b815fap-6f, \
                        0x1.551232p-8f, -0x1.ace896p-11f, 0x1.65f26cp-14f }
#define EACH_LOG_FIT  { 0x1.55555ap-1f, 0x1.99962ep-2f, 0x1.25134p-2f, 0x1.b62794p-3f, 0x1.f3e792p-3f }
#define EACH_ERFC_FIT { 0x1.46e80ep+0f, -0x1.7bf6p-4f, -0x1.54083ep-3f, 0x1.4ffb26p-3f, \
                        -0x1.bc0c76p-5f, -0x1.079dbep-7f, 0x1.1b0ec6p-7f, 0x1.4dd566p-10f, \
                        -0x1.487acp-10f, -0x1.7da16ep-12f, 0x1.c314e8p-16f }
#define EACH_ERF_NEAR  0.9f
#define EACH_GELU_FAR  14.5f      /* gelu is 0 below minus that                      */
#define EACH_ROOT_HALF 0x1.6a09e6p-1f
#define EACH_GELU_A    0x1.988454p+0f    /* 2 sqrt(2 / pi), and that times 0.044715  */
#define EACH_GELU_B    0x1.2444f2p-4f

#endif

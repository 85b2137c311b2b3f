/*
 * tests/test_kernel_each.c - kernels of single elements: every table as the plain one, and the plain
 * one against libm's doubles
 *
 * SPDX-License-Identifier: MIT
 */
#include "test.h"

#include <math.h>

#include "kernel/each.h"
#include "kernel/kernel.h"

#define MOST 4096u

static const float special[] = {
    0.0f, -0.0f, 1, -1, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f, 0x1p-126f, 0x1.fffffep127f,
    -0x1.fffffep127f, 88.7f, 89, -87.3f, -103.9f, -104, 0.9f, -0.9f, 10, -10, 14.5f, -14.5f, 4, 0.5f,
};
#define N_SPECIAL (sizeof special / sizeof *special)

static float float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Half of them any bit patterns, half of moderate size. */
static void numbers(float *x, size_t n, uint64_t *seed)
{
    for (size_t i = 0; i < n; i++) {
        const uint64_t r = next_random(seed);
        x[i] = i < N_SPECIAL ? special[i] : i % 2 ? float_of((uint32_t)(r >> 32))
             : (float)((double)(int64_t)r * 0x1p-59);
    }
}

static void same_bits(const void *got, const void *want, size_t n, size_t size, const char *isa,
                      uint32_t how)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *a = (const unsigned char *)got + i * size;
        const unsigned char *b = (const unsigned char *)want + i * size;
        double u = 0, v = 0;
        if (size == 4) {
            float f, g;
            memcpy(&f, a, 4);
            memcpy(&g, b, 4);
            u = (double)f;
            v = (double)g;
        } else {
            memcpy(&u, a, 8);
            memcpy(&v, b, 8);
        }
        if (memcmp(a, b, size) && !(isnan(u) && isnan(v)))
            fail_msg("%s, how %u, element %zu: %a, expected %a", isa, how, i, u, v);
    }
}

static void every_table_does_each_as_ref_does(void **state)
{
    static float x[MOST], y[MOST + 8], want[MOST];
    const float params[][2] = { { 0.2f, 0.5f }, { 1.702f, 1 }, { -3, 6 }, { -INFINITY, INFINITY } };
    const struct kernels *k;
    uint64_t seed = 3;

    (void)state;
    numbers(x, MOST, &seed);
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (uint32_t how = 0; how < EACH_KINDS; how++)
            for (size_t p = 0; p < sizeof params / sizeof *params; p++) {
                mdl_kernels_ref.each_f32(how, want, x, MOST, params[p][0], params[p][1]);
                k->each_f32(how, y, x, MOST, params[p][0], params[p][1]);
                same_bits(y, want, MOST, 4, k->isa, how);
                for (size_t n = 0; n < 40; n++) {
                    memset(y, 0x55, sizeof y);
                    k->each_f32(how, y, x, n, params[p][0], params[p][1]);
                    same_bits(y, want, n, 4, k->isa, how);
                    assert_true(float_of(0x55555555) == y[n]);
                }
                memcpy(y, x, sizeof x);        /* in place */
                k->each_f32(how, y, y, MOST - 3, params[p][0], params[p][1]);
                same_bits(y, want, MOST - 3, 4, k->isa, how);
            }
}

static void every_table_does_pairs_as_ref_does(void **state)
{
    static float p[MOST], q[MOST], y[MOST], want[MOST];
    static double wide[4][MOST];
    const struct kernels *k;
    uint64_t seed = 9;

    (void)state;
    numbers(p, MOST, &seed);
    numbers(q + 1, MOST - 1, &seed);
    for (size_t i = 0; i < N_SPECIAL * N_SPECIAL; i++) {
        p[i] = special[i / N_SPECIAL];
        q[i] = special[i % N_SPECIAL];
    }
    for (size_t i = 0; i < MOST; i++) {
        wide[0][i] = (double)p[i];
        wide[1][i] = (double)q[i];
    }
    for (size_t t = 0; (k = mdl_kernels_at(t)); t++)
        for (uint32_t how = 0; how < PAIR_KINDS; how++)
            for (size_t n = MOST; n; n = n > 40 ? 40 : n - 1) {
                mdl_kernels_ref.pair_f32(how, want, p, q, n);
                k->pair_f32(how, y, p, q, n);
                same_bits(y, want, n, 4, k->isa, how);
                mdl_kernels_ref.pair_f64(how, wide[2], wide[0], wide[1], n);
                k->pair_f64(how, wide[3], wide[0], wide[1], n);
                same_bits(wide[3], wide[2], n, 8, k->isa, how);
            }
}

/* What they are, from libm in double. */
static double of_sigmoid(double x)
{
    return x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x));
}

static double of_swish(double x)
{
    return x * of_sigmoid(x);
}

static double of_gelu(double x)
{
    return x * 0.5 * erfc(-x * sqrt(0.5));
}

static double of_gelu_tanh(double x)
{
    return x * of_sigmoid(2 * sqrt(2 / M_PI) * (x + 0.044715 * x * x * x));
}

static double of_softplus(double x)
{
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static double of_mish(double x)
{
    return x * tanh(of_softplus(x));
}

static double of_elu(double x)
{
    return x < 0 ? expm1(x) : x;
}

/* |got - exact| in units of the last place of the nearest float. */
static double ulps(double exact, float got)
{
    const float nearest = fabsf((float)exact);

    if (isinf(nearest))
        return isinf(got) ? 0 : 1e9;
    return fabs((double)got - exact) / (double)(nextafterf(nearest, INFINITY) - nearest);
}

static void results_are_as_near_as_each_h_says(void **state)
{
    static const struct {
        const char *name;
        uint32_t how;
        double (*exact)(double);
        double ulp, relative;     /* the second where the first is 0                */
    } all[] = {
        { "exp", EACH_EXP, exp, 0.9, 0 },
        { "sigmoid", EACH_SIGMOID, of_sigmoid, 2.3, 0 },
        { "tanh", EACH_TANH, tanh, 2.4, 0 },
        { "erf", EACH_ERF, erf, 1.2, 0 },
        { "softplus", EACH_SOFTPLUS, of_softplus, 3, 0 },
        { "mish", EACH_MISH, of_mish, 0, 1.3e-5 },
        { "elu", EACH_ELU, of_elu, 1, 0 },
        { "gelu", EACH_GELU, of_gelu, 0, 1.1e-6 },
        { "gelu_tanh", EACH_GELU_TANH, of_gelu_tanh, 0, 1.3e-5 },
        { "swish", EACH_SWISH, of_swish, 0, 1.3e-5 },
        { "sqrt", EACH_SQRT, sqrt, 0.5, 0 },
    };
    static float x[MOST], y[MOST];

    (void)state;
    for (size_t f = 0; f < sizeof all / sizeof *all; f++) {
        double worst = 0;
        for (uint64_t bits = 0; bits < (uint64_t)1 << 32;) {
            size_t n = 0;
            for (; n < MOST && bits < (uint64_t)1 << 32; bits += 1009)
                x[n++] = float_of((uint32_t)bits);
            mdl_kernels_at(0)->each_f32(all[f].how, y, x, n, 1, 1);
            for (size_t i = 0; i < n; i++) {
                const double exact = all[f].exact((double)x[i]);
                if (isnan(exact) || isinf(x[i]) || fabs(exact) < 0x1p-126)
                    continue;
                const double off = all[f].ulp > 0 ? ulps(exact, y[i])
                                 : fabs((double)y[i] - exact) / fabs(exact);
                if (isnan(y[i]) || (off > (all[f].ulp > 0 ? all[f].ulp : all[f].relative)
                                    && !isinf((float)exact)))
                    fail_msg("%s(%.9g) is %.9g, expected %.9g", all[f].name, (double)x[i],
                             (double)y[i], exact);
                worst = off > worst ? off : worst;
            }
        }
        print_message("%s: at most %.3g %s\n", all[f].name, worst, all[f].ulp > 0 ? "ULP" : "relative");
    }
}

static void tails_and_limits_are_what_they_should_be(void **state)
{
    const float x[8] = { -INFINITY, INFINITY, NAN, -0.0f, -200, 200, 0x1p-140f, -0x1p-140f };
    const struct kernels *k = mdl_kernels_at(0);
    float y[8];

    (void)state;
    k->each_f32(EACH_EXP, y, x, 8, 0, 0);
    assert_true(y[0] == 0 && isinf(y[1]) && isnan(y[2]) && y[3] == 1 && y[4] == 0 && isinf(y[5]));
    k->each_f32(EACH_SIGMOID, y, x, 8, 0, 0);
    assert_true(y[0] == 0 && y[1] == 1 && isnan(y[2]) && y[3] == 0.5f && y[4] == 0 && y[5] == 1);
    k->each_f32(EACH_TANH, y, x, 8, 0, 0);
    assert_true(y[0] == -1 && y[1] == 1 && isnan(y[2]) && y[3] == 0 && signbit(y[3]));
    assert_true(y[6] == 0x1p-140f && y[7] == -0x1p-140f);
    k->each_f32(EACH_ERF, y, x, 8, 0, 0);
    assert_true(y[0] == -1 && y[1] == 1 && isnan(y[2]) && signbit(y[3]) && y[4] == -1 && y[5] == 1);
    k->each_f32(EACH_GELU, y, x, 8, 0, 0);
    assert_true(isinf(y[1]) && isnan(y[2]) && y[4] == 0 && y[5] == 200);
    k->each_f32(EACH_CLIP, y, x, 8, -1, 1);
    assert_true(y[0] == -1 && y[1] == 1 && isnan(y[2]) && y[4] == -1 && y[5] == 1);
    k->each_f32(EACH_CLIP, y, x, 8, 3, 1);     /* bounds the wrong way round: the upper one */
    assert_true(y[0] == 1 && y[1] == 1 && y[4] == 1 && y[6] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_table_does_each_as_ref_does),
        cmocka_unit_test(every_table_does_pairs_as_ref_does),
        cmocka_unit_test(results_are_as_near_as_each_h_says),
        cmocka_unit_test(tails_and_limits_are_what_they_should_be),
    };

    return cmocka_run_group_tests_name("each", tests, NULL, NULL);
}

/*
 * tests/test_nd_conv.c - products, convolutions and pools against their definitions in float64
 *
 * SPDX-License-Identifier: MIT
 */
#include "one_tensor.h"

static double uniform(uint64_t *seed)
{
    return (double)(next_random(seed) >> 11) * 0x1p-52 - 1;
}

static int64_t below(uint64_t *seed, int64_t n)
{
    return (int64_t)(next_random(seed) >> 33) % n;
}

enum { MOST = 200000 };
static float xf[MOST], wf[MOST], bf[MOST];
static double xd[MOST], wd[MOST], bd[MOST], want[MOST], size[MOST];

static void fill(uint64_t seed)
{
    for (size_t i = 0; i < MOST; i++) {
        xd[i] = xf[i] = (float)uniform(&seed);
        wd[i] = wf[i] = (float)uniform(&seed);
        bd[i] = bf[i] = (float)uniform(&seed);
    }
}

static void near(const struct nd *y, uint64_t n)
{
    assert_int_equal(y->count, n);
    for (uint64_t i = 0; i < n; i++) {
        const double got = y->type == MDL_F32 ? (double)((float *)y->data)[i]
                                              : ((double *)y->data)[i];
        const double most = (y->type == MDL_F32 ? 1e-6 : 1e-14) * (size[i] + 1);
        if (!(fabs(got - want[i]) <= most))
            fail_msg("%s: element %llu is %g, expected %g", mdl_type_name(y->type),
                     (unsigned long long)i, got, want[i]);
    }
}

/* ---- conv -------------------------------------------------------------------------------- */

struct image {
    int64_t axes, n, group, channels, maps;   /* channels and maps of a group */
    int64_t in[3], kernel[3], stride[3], dilation[3], pads[6];
};

/* The definition, number by number.  in, kernel, ... have 1 where there is no axis. */
static uint64_t define_conv(const struct image *m, int64_t *out)
{
    uint64_t n = 0;

    for (int k = 0; k < 3; k++)
        out[k] = (m->in[k] + m->pads[k] + m->pads[3 + k] - (m->kernel[k] - 1) * m->dilation[k] - 1)
               / m->stride[k] + 1;
    for (int64_t b = 0; b < m->n; b++)
        for (int64_t f = 0; f < m->group * m->maps; f++)
            for (int64_t o = 0; o < out[0] * out[1] * out[2]; o++, n++) {
                const int64_t at[3] = { o / out[2] / out[1], o / out[2] % out[1], o % out[2] };
                want[n] = bd[f];
                size[n] = 1;
                for (int64_t c = 0; c < m->channels; c++)
                    for (int64_t t = 0; t < m->kernel[0] * m->kernel[1] * m->kernel[2]; t++) {
                        const int64_t tap[3] = { t / m->kernel[2] / m->kernel[1],
                                                 t / m->kernel[2] % m->kernel[1], t % m->kernel[2] };
                        int64_t p = (b * m->group + f / m->maps) * m->channels + c, inside = 1;
                        for (int k = 0; k < 3; k++) {
                            const int64_t i = at[k] * m->stride[k] + tap[k] * m->dilation[k] - m->pads[k];
                            inside = inside && i >= 0 && i < m->in[k];
                            p = p * m->in[k] + i;
                        }
                        const double v = wd[(f * m->channels + c) * m->kernel[0] * m->kernel[1]
                                            * m->kernel[2] + t];
                        want[n] += inside ? v * xd[p] : 0;
                        size[n] += inside ? fabs(v * xd[p]) : 0;
                    }
            }
    return n;
}

static void check_conv(const struct image *m, uint32_t type)
{
    struct call t;
    const int64_t first = 3 - m->axes;
    int64_t out[3], x[5] = { m->n, m->group * m->channels }, w[5] = { m->group * m->maps, m->channels };
    int64_t pads[6];
    const int64_t maps = w[0];

    call_begin(&t, "conv");
    for (int64_t k = 0; k < m->axes; k++) {
        x[2 + k] = m->in[first + k];
        w[2 + k] = m->kernel[first + k];
        pads[k] = m->pads[first + k];
        pads[m->axes + k] = m->pads[3 + first + k];
    }
    call_set(&t, "group", (double)m->group);
    call_ints(&t, "strides", (uint64_t)m->axes, m->stride + first);
    call_ints(&t, "dilations", (uint64_t)m->axes, m->dilation + first);
    call_ints(&t, "pads", (uint64_t)m->axes * 2, pads);
    call_in(&t, type, (uint32_t)m->axes + 2, x, type == MDL_F32 ? (void *)xf : (void *)xd);
    call_in(&t, type, (uint32_t)m->axes + 2, w, type == MDL_F32 ? (void *)wf : (void *)wd);
    call_in(&t, type, 1, &maps, type == MDL_F32 ? (void *)bf : (void *)bd);
    call_run(&t);
    near(t.y, define_conv(m, out));
    for (int64_t k = 0; k < m->axes; k++)
        assert_int_equal(t.y->dims[2 + k], out[first + k]);
    call_end(&t);
}

static void convolutions_of_any_shape_follow_the_definition(void **state)
{
    uint64_t seed = 11;

    (void)state;
    fill(1);
    for (int i = 0; i < 400; i++) {
        struct image m = { .axes = 1 + below(&seed, 3), .n = 1 + below(&seed, 2),
                           .group = 1 + below(&seed, 3), .channels = 1 + below(&seed, 4),
                           .maps = 1 + below(&seed, 20) };
        for (int k = 0; k < 3; k++) {
            const int there = k >= 3 - m.axes;
            const int64_t most = m.axes == 3 ? 7 : m.axes == 2 ? 17 : 60;
            m.in[k] = there ? 1 + below(&seed, most) : 1;
            m.kernel[k] = there ? 1 + below(&seed, 4) : 1;
            m.stride[k] = there ? 1 + below(&seed, 3) : 1;
            m.dilation[k] = there ? 1 + below(&seed, 3) : 1;
            m.pads[k] = there ? below(&seed, 4) : 0;
            m.pads[3 + k] = there ? below(&seed, 4) : 0;
            const int64_t reach = (m.kernel[k] - 1) * m.dilation[k] + 1;
            if (m.in[k] + m.pads[k] + m.pads[3 + k] < reach)
                m.in[k] = reach;
        }
        check_conv(&m, MDL_F32);
        if (i % 4 == 0)
            check_conv(&m, MDL_F64);
    }
}

static void large_images_are_cut_into_tiles(void **state)
{
    static const struct image images[] = {
        { 2, 1, 1, 24, 20, { 1, 40, 37 }, { 1, 3, 3 }, { 1, 1, 1 }, { 1, 1, 1 }, { 0, 1, 1, 0, 1, 1 } },
        { 2, 1, 1, 24, 20, { 1, 41, 37 }, { 1, 3, 3 }, { 1, 2, 2 }, { 1, 1, 1 }, { 0, 1, 1, 0, 1, 1 } },
        { 2, 1, 1, 40, 7, { 1, 33, 50 }, { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 }, { 0 } },
        { 2, 1, 1, 40, 7, { 1, 33, 50 }, { 1, 1, 1 }, { 1, 2, 3 }, { 1, 1, 1 }, { 0 } },
        { 2, 1, 8, 1, 1, { 1, 90, 90 }, { 1, 3, 3 }, { 1, 1, 1 }, { 1, 1, 1 }, { 0, 1, 1, 0, 1, 1 } },
        { 1, 1, 1, 3, 20, { 1, 1, 5000 }, { 1, 1, 7 }, { 1, 1, 1 }, { 1, 1, 2 }, { 0, 0, 6, 0, 0, 6 } },
        { 1, 1, 1, 1, 20, { 1, 1, 9000 }, { 1, 1, 16 }, { 1, 1, 8 }, { 1, 1, 1 }, { 0 } },
        { 3, 1, 1, 9, 7, { 9, 12, 20 }, { 3, 3, 3 }, { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1, 1, 1, 1 } },
    };

    (void)state;
    fill(2);
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        check_conv(&images[i], MDL_F32);
}

/* A transposed convolution takes each number of x to where conv took it from: sums of y times
 * conv_transpose(x) and of x times conv(y) are equal. */
static void transposed_convolution_is_the_adjoint(void **state)
{
    uint64_t seed = 15;

    (void)state;
    fill(3);
    for (int i = 0; i < 60; i++) {
        const int64_t group = 1 + below(&seed, 2), c = group * (1 + below(&seed, 3)), m = 1 + below(&seed, 4);
        const int64_t kernel[2] = { 1 + below(&seed, 3), 1 + below(&seed, 4) };
        const int64_t strides[2] = { 1 + below(&seed, 3), 1 + below(&seed, 3) };
        const int64_t dilations[2] = { 1 + below(&seed, 2), 1 + below(&seed, 2) };
        const int64_t pads[4] = { below(&seed, 2), below(&seed, 2), below(&seed, 2), below(&seed, 2) };
        const int64_t x[4] = { 1, c, 2 + below(&seed, 6), 2 + below(&seed, 9) };
        const int64_t w[4] = { c, m, kernel[0], kernel[1] };
        double there = 0, back = 0, sizes = 0;
        struct call t, u;
        call_begin(&t, "conv_transpose");
        call_begin(&u, "conv");
        for (int k = 0; k < 2; k++) {
            struct call *v = k ? &u : &t;
            call_set(v, "group", (double)group);
            call_ints(v, "strides", 2, strides);
            call_ints(v, "dilations", 2, dilations);
            call_ints(v, "pads", 4, pads);
        }
        call_in(&t, MDL_F64, 4, x, xd);
        call_in(&t, MDL_F64, 4, w, wd);
        call_run(&t);
        call_in(&u, MDL_F64, 4, t.y->dims, bd);
        call_in(&u, MDL_F64, 4, w, wd);
        call_run(&u);
        for (uint64_t k = 0; k < t.y->count; k++) {
            there += ((double *)t.y->data)[k] * bd[k];
            sizes += fabs(((double *)t.y->data)[k] * bd[k]);
        }
        assert_int_equal(u.y->count, x[1] * x[2] * x[3]);
        for (uint64_t k = 0; k < u.y->count; k++)
            back += ((double *)u.y->data)[k] * xd[k];
        assert_true(fabs(there - back) <= 1e-12 * (sizes + 1));
        struct call f;                /* float32 agrees with float64 */
        call_begin(&f, "conv_transpose");
        call_set(&f, "group", (double)group);
        call_ints(&f, "strides", 2, strides);
        call_ints(&f, "dilations", 2, dilations);
        call_ints(&f, "pads", 4, pads);
        call_in(&f, MDL_F32, 4, x, xf);
        call_in(&f, MDL_F32, 4, w, wf);
        call_run(&f);
        for (uint64_t k = 0; k < f.y->count; k++)
            assert_true(fabs((double)((float *)f.y->data)[k] - ((double *)t.y->data)[k]) < 1e-4);
        call_end(&f);
        call_end(&t);
        call_end(&u);
    }
}

/* ---- matmul, gemm -------------------------------------------------------------------------- */

static void stacks_of_matrices_follow_the_definition(void **state)
{
    uint64_t seed = 12;

    (void)state;
    fill(4);
    for (int i = 0; i < 300; i++) {
        const int64_t m = 1 + below(&seed, 9), k = below(&seed, 40), n = 1 + below(&seed, 70);
        const int64_t p = 1 + below(&seed, 3), q = 1 + below(&seed, 3);
        const int64_t a[4] = { below(&seed, 2) ? p : 1, q, m, k }, b[3] = { below(&seed, 2) ? q : 1, k, n };
        const int double_ = i % 3 == 0, flat = i % 5 == 0;
        uint64_t at = 0;
        struct call t;
        call_begin(&t, "matmul");
        call_input(&t, double_ ? MDL_F64 : MDL_F32, 4, a, double_ ? (void *)xd : (void *)xf, 0);
        call_input(&t, double_ ? MDL_F64 : MDL_F32, flat ? 2 : 3, flat ? b + 1 : b,
                   double_ ? (void *)wd : (void *)wf, i % 2);
        call_in(&t, double_ ? MDL_F64 : MDL_F32, 1, &n, double_ ? (void *)bd : (void *)bf);
        call_run(&t);
        for (int64_t s = 0; s < a[0] * a[1]; s++)
            for (int64_t r = 0; r < m; r++)
                for (int64_t c = 0; c < n; c++, at++) {
                    const int64_t plane = flat || b[0] == 1 ? 0 : s % a[1];
                    want[at] = bd[c];
                    size[at] = 1;
                    for (int64_t d = 0; d < k; d++) {
                        const double v = xd[(s * m + r) * k + d] * wd[(plane * k + d) * n + c];
                        want[at] += v;
                        size[at] += fabs(v);
                    }
                }
        near(t.y, at);
        call_end(&t);
    }
}

static void gemm_follows_the_definition(void **state)
{
    uint64_t seed = 13;

    (void)state;
    fill(5);
    for (int i = 0; i < 200; i++) {
        const int64_t m = 1 + below(&seed, 12), k = 1 + below(&seed, 300), n = 1 + below(&seed, 40);
        const int ta = (int)below(&seed, 2), tb = (int)below(&seed, 2), double_ = i % 3 == 0;
        const int64_t a[2] = { ta ? k : m, ta ? m : k }, b[2] = { tb ? n : k, tb ? k : n };
        const int64_t c[2] = { below(&seed, 2) ? m : 1, below(&seed, 2) ? n : 1 };
        const double alpha = i % 2 ? 1 : 0.5, beta = i % 4 < 2 ? 1 : -2;
        uint64_t at = 0;
        struct call t;
        call_begin(&t, "gemm");
        call_set(&t, "alpha", alpha);
        call_set(&t, "beta", beta);
        call_set(&t, "trans_a", ta);
        call_set(&t, "trans_b", tb);
        call_in(&t, double_ ? MDL_F64 : MDL_F32, 2, a, double_ ? (void *)xd : (void *)xf);
        call_input(&t, double_ ? MDL_F64 : MDL_F32, 2, b, double_ ? (void *)wd : (void *)wf, i % 2);
        call_in(&t, double_ ? MDL_F64 : MDL_F32, 2, c, double_ ? (void *)bd : (void *)bf);
        call_run(&t);
        for (int64_t r = 0; r < m; r++)
            for (int64_t q = 0; q < n; q++, at++) {
                want[at] = beta * bd[(c[0] == 1 ? 0 : r) * c[1] + (c[1] == 1 ? 0 : q)];
                size[at] = 3;
                for (int64_t d = 0; d < k; d++) {
                    const double v = alpha * xd[ta ? d * m + r : r * k + d] * wd[tb ? q * k + d : d * n + q];
                    want[at] += v;
                    size[at] += fabs(v);
                }
            }
        near(t.y, at);
        call_end(&t);
    }
}

/* ---- pool -------------------------------------------------------------------------------------- */

static void pools_follow_the_definition(void **state)
{
    uint64_t seed = 14;

    (void)state;
    fill(6);
    for (int i = 0; i < 300; i++) {
        const int64_t kernel[2] = { 1 + below(&seed, 4), 1 + below(&seed, 4) };
        const int64_t strides[2] = { 1 + below(&seed, 3), 1 + below(&seed, 3) };
        const int plain = i % 4 == 0;     /* all windows inside, of neighbours */
        const int64_t dilations[2] = { plain ? 1 : 1 + below(&seed, 2), plain ? 1 : 1 + below(&seed, 2) };
        const int64_t tall = plain ? 1 : kernel[0], wide = plain ? 1 : kernel[1];
        const int64_t pads[4] = { below(&seed, tall), below(&seed, wide), below(&seed, tall),
                                  below(&seed, wide) };
        const int64_t x[4] = { 2, 3, 8 + below(&seed, 20), 8 + below(&seed, 20) };
        const int kind = i % 3, double_ = i % 2, with_pads = i % 4 < 2;
        uint64_t at = 0;
        struct call t;
        call_begin(&t, "pool");
        call_set(&t, "kind", kind);
        call_set(&t, "count_include_pad", with_pads);
        call_set(&t, "ceil_mode", i % 5 == 0);
        call_ints(&t, "kernel", 2, kernel);
        call_ints(&t, "strides", 2, strides);
        call_ints(&t, "dilations", 2, dilations);
        call_ints(&t, "pads", 4, pads);
        call_in(&t, double_ ? MDL_F64 : MDL_F32, 4, x, double_ ? (void *)xd : (void *)xf);
        t.node.n_out = kind == 0 ? 2 : 1;
        call_run(&t);
        const int64_t *where = kind == 0 ? t.y[1].data : NULL;
        for (int64_t p = 0; p < 6; p++)
            for (int64_t o = 0; o < t.y->dims[2] * t.y->dims[3]; o++, at++) {
                double sum = 0, most = -1e9, n = 0, all = 0;
                for (int64_t j = 0; j < kernel[0]; j++)
                    for (int64_t k = 0; k < kernel[1]; k++) {
                        const int64_t r = o / t.y->dims[3] * strides[0] + j * dilations[0] - pads[0];
                        const int64_t c = o % t.y->dims[3] * strides[1] + k * dilations[1] - pads[1];
                        all += r < x[2] + pads[2] && c < x[3] + pads[3];
                        if (r < 0 || c < 0 || r >= x[2] || c >= x[3])
                            continue;
                        const double v = xd[(p * x[2] + r) * x[3] + c];
                        n++;
                        sum += kind == 2 ? v * v : v;
                        most = v > most ? v : most;
                    }
                size[at] = 1;
                want[at] = kind == 0 ? most : kind == 2 ? sqrt(sum) : sum / (with_pads ? all : n);
                if (where && n > 0)
                    assert_true(xd[where[at]] == most && where[at] / (x[2] * x[3]) == p);
                if (n == 0)
                    want[at] = kind == 0 ? -INFINITY : 0;
                if (want[at] == -INFINITY) {
                    assert_true(double_ ? ((double *)t.y->data)[at] == want[at]
                                        : (double)((float *)t.y->data)[at] == want[at]);
                    want[at] = 0;
                    if (double_)
                        ((double *)t.y->data)[at] = 0;
                    else
                        ((float *)t.y->data)[at] = 0;
                }
            }
        near(t.y, at);
        call_end(&t);
    }
}

/* ---- what is refused ----------------------------------------------------------------------------- */

static void shapes_that_do_not_fit_are_refused(void **state)
{
    static const struct {
        const char *op, *says;
        int64_t     a[5], b[5];
        uint32_t    a_rank, b_rank;
    } cases[] = {
        { "matmul", "do not fit", { 2, 3 }, { 4, 2 }, 2, 2 },
        { "matmul", "a product of a number", { 0 }, { 4, 2 }, 0, 2 },
        { "matmul", "broadcast", { 2, 3, 4 }, { 3, 4, 5 }, 3, 3 },
        { "gemm", "do not fit", { 2, 3 }, { 4, 2 }, 2, 2 },
        { "gemm", "do not fit", { 2, 3, 1 }, { 3, 2 }, 3, 2 },
        { "conv", "same rank", { 1, 3, 8, 8 }, { 2, 3, 3 }, 4, 3 },
        { "conv", "groups", { 1, 3, 8, 8 }, { 2, 4, 3, 3 }, 4, 4 },
        { "conv", "smaller than the window", { 1, 3, 2, 2 }, { 2, 3, 3, 3 }, 4, 4 },
        { "conv", "a kernel of 0", { 1, 3, 2, 2 }, { 2, 3, 0, 3 }, 4, 4 },
        { "conv_transpose", "groups", { 1, 3, 8, 8 }, { 2, 4, 3, 3 }, 4, 4 },
        { "grid_sample", "do not fit", { 1, 3, 8, 8 }, { 1, 3, 3, 3 }, 4, 4 },
        { "roi_pool", "do not fit", { 1, 3, 8, 8 }, { 1, 4 }, 4, 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct call t;
        call_begin(&t, cases[i].op);
        call_in(&t, MDL_F32, cases[i].a_rank, cases[i].a, xf);
        call_in(&t, MDL_F32, cases[i].b_rank, cases[i].b, wf);
        call_fails(&t, cases[i].says);
        call_end(&t);
    }
}

static void lists_and_inputs_that_cannot_be_are_refused(void **state)
{
    const int64_t x[4] = { 1, 3, 8, 8 }, w[4] = { 2, 3, 3, 3 }, zero[2] = { 1, 0 }, three[3] = { 1, 1, 1 };
    struct call t;

    (void)state;
    call_begin(&t, "conv");
    call_ints(&t, "strides", 2, zero);
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_F32, 4, w, wf);
    call_fails(&t, "'strides' has a 0");
    call_end(&t);
    call_begin(&t, "conv");
    call_ints(&t, "dilations", 3, three);
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_F32, 4, w, wf);
    call_fails(&t, "expected 3 axes");
    call_end(&t);
    call_begin(&t, "conv");
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_F32, 4, w, NULL);
    call_fails(&t, "input 1 is not given");
    call_end(&t);
    call_begin(&t, "matmul");
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_F64, 4, w, wd);
    call_fails(&t, "same type");
    call_end(&t);
    call_begin(&t, "conv");
    call_set(&t, "group", 0);
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_F32, 4, w, wf);
    call_fails(&t, "group is 0");
    call_end(&t);
}

static void places_and_images_that_are_not_there_are_refused(void **state)
{
    const int64_t x[4] = { 1, 1, 2, 2 }, kernel[2] = { 2, 2 }, box[2] = { 1, 5 };
    const int64_t where[4] = { 0, 1, 2, 9 };
    const float boxes[5] = { 1, 0, 0, 1, 1 };
    struct call t;

    (void)state;
    call_begin(&t, "max_unpool");
    call_ints(&t, "kernel", 2, kernel);
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_I64, 4, x, where);
    call_fails(&t, "place 9");
    call_end(&t);
    call_begin(&t, "roi_pool");
    call_in(&t, MDL_F32, 4, x, xf);
    call_in(&t, MDL_F32, 2, box, boxes);
    call_fails(&t, "image 1 of 1");
    call_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_of_any_shape_follow_the_definition),
        cmocka_unit_test(large_images_are_cut_into_tiles),
        cmocka_unit_test(transposed_convolution_is_the_adjoint),
        cmocka_unit_test(stacks_of_matrices_follow_the_definition),
        cmocka_unit_test(gemm_follows_the_definition),
        cmocka_unit_test(pools_follow_the_definition),
        cmocka_unit_test(shapes_that_do_not_fit_are_refused),
        cmocka_unit_test(lists_and_inputs_that_cannot_be_are_refused),
        cmocka_unit_test(places_and_images_that_are_not_there_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

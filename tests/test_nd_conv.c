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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_of_any_shape_follow_the_definition),
        cmocka_unit_test(large_images_are_cut_into_tiles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

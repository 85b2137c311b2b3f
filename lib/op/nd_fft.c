/*
 * op/nd_fft.c - see nd_fft.h
 *
 * Powers of two: radix 2 in place, after Cooley and Tukey.  Other lengths: j k = (j^2 + k^2 -
 * (k - j)^2) / 2 makes the transform a convolution with a chirp e^(i pi j^2 / n), which is
 * done by transforms of a power of two (Bluestein, "A linear filtering approach to the
 * computation of discrete Fourier transform", 1970).
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_fft.h"

#include "kernel/math.h"

#include <string.h>

#define PI 0x1.921fb54442d18p+1

static int is_power(uint64_t n)
{
    return !(n & (n - 1));
}

/* The least power of two that holds a convolution of n with 2 n - 1 numbers. */
static uint64_t run_length(uint64_t n)
{
    uint64_t m = 1;

    if (is_power(n))
        return n;
    while (m < 2 * n - 1)
        m *= 2;
    return m;
}

uint64_t mdl_nd_fft_bytes(uint64_t n)
{
    const uint64_t m = run_length(n);

    return (is_power(n) ? m : m + 2 * n + 4 * m) * sizeof(double);
}

static void turned(double *to, double angle)
{
    to[0] = mdl_cos(angle);
    to[1] = mdl_sin(angle);
}

/* x *= y */
static void multiply(double *x, const double *y)
{
    const double re = x[0] * y[0] - x[1] * y[1];

    x[1] = x[0] * y[1] + x[1] * y[0];
    x[0] = re;
}

static void exchange(double *a, double *b)
{
    const double re = a[0], im = a[1];

    a[0] = b[0], a[1] = b[1];
    b[0] = re, b[1] = im;
}

/* m a power of two. */
static void transform(const double *turn, uint64_t m, double *x)
{
    for (uint64_t i = 1, j = 0; i < m; i++) {     /* j: the bits of i in reverse */
        uint64_t bit = m / 2;
        for (; j & bit; bit /= 2)
            j ^= bit;
        j |= bit;
        if (i < j)
            exchange(x + 2 * i, x + 2 * j);
    }
    for (uint64_t half = 1; half < m; half *= 2)
        for (uint64_t first = 0; first < m; first += 2 * half)
            for (uint64_t k = 0; k < half; k++) {
                double *a = x + 2 * (first + k), *b = a + 2 * half;
                double t[2] = { b[0], b[1] };

                multiply(t, turn + 2 * (k * (m / 2 / half)));
                b[0] = a[0] - t[0], b[1] = a[1] - t[1];
                a[0] += t[0], a[1] += t[1];
            }
}

void mdl_nd_fft_plan(struct fft *f, uint64_t n, void *memory)
{
    const uint64_t m = run_length(n);

    *f = (struct fft){ .n = n, .m = m, .turn = memory };
    for (uint64_t k = 0; k < m / 2; k++)
        turned(f->turn + 2 * k, -2 * PI * (double)k / (double)m);
    if (is_power(n))
        return;
    f->chirp = f->turn + m;
    f->filter = f->chirp + 2 * n;
    f->work = f->filter + 2 * m;
    memset(f->filter, 0, (size_t)m * 2 * sizeof(double));
    for (uint64_t k = 0; k < n; k++) {
        double *c = f->chirp + 2 * k;

        turned(c, -PI * (double)(k * k % (2 * n)) / (double)n);
        for (uint64_t at = k; ; at = m - k) {     /* the filter is even */
            f->filter[2 * at] = c[0];
            f->filter[2 * at + 1] = -c[1];
            if (!k || at != k)
                break;
        }
    }
    transform(f->turn, m, f->filter);
}

void mdl_nd_fft(const struct fft *f, double *x)
{
    double *work = f->work;

    if (!f->chirp) {
        transform(f->turn, f->m, x);
        return;
    }
    memset(work, 0, (size_t)f->m * 2 * sizeof(double));
    for (uint64_t k = 0; k < f->n; k++) {
        work[2 * k] = x[2 * k];
        work[2 * k + 1] = x[2 * k + 1];
        multiply(work + 2 * k, f->chirp + 2 * k);
    }
    transform(f->turn, f->m, work);
    for (uint64_t k = 0; k < f->m; k++) {         /* exchanged: the next is the inverse */
        double product[2] = { work[2 * k], work[2 * k + 1] };
        multiply(product, f->filter + 2 * k);
        work[2 * k] = product[1];
        work[2 * k + 1] = product[0];
    }
    transform(f->turn, f->m, work);
    for (uint64_t k = 0; k < f->n; k++) {
        x[2 * k] = work[2 * k + 1] / (double)f->m;
        x[2 * k + 1] = work[2 * k] / (double)f->m;
        multiply(x + 2 * k, f->chirp + 2 * k);
    }
}

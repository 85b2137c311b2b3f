/*
 * bench/bench_gemm.c - products of matrices of each instruction set, in GFLOP/s
 *
 * b packed, bias and ReLU in; minimum over many warm calls.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/gemm.h"
#include "kernel/kernel.h"

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static float *numbers(size_t n)
{
    float *p = aligned_alloc(64, (n * sizeof *p + 63) / 64 * 64);
    uint64_t s = 0x9E3779B97F4A7C15u;

    for (size_t i = 0; p && i < n; i++) {
        s = s * 6364136223846793005u + 1442695040888963407u;
        p[i] = (float)(s >> 40) * 0x1p-23f - 1;
    }
    return p;
}

static double nanoseconds(const struct kernels *k, const struct gemm *g)
{
    double best = 1e30, spent = 0;
    size_t calls = 1;

    for (int repeat = 0; repeat < 400 && (repeat < 5 || spent < 3e8); repeat++) {
        const double t = now();
        for (size_t i = 0; i < calls; i++)
            k->gemm_f32(g);
        const double took = now() - t;
        spent += took;
        best = took / (double)calls < best ? took / (double)calls : best;
        if (took < 2e5)
            calls *= 2;
    }
    return best;
}

int main(void)
{
    static const size_t shapes[][3] = {   /* rows, depth, columns */
        { 1, 64, 128 }, { 1, 128, 64 }, { 1, 64, 10 }, { 1, 512, 512 }, { 1, 784, 128 }, { 1, 1024, 1024 },
        { 2, 512, 512 }, { 4, 512, 512 }, { 8, 512, 512 }, { 32, 64, 128 }, { 32, 512, 512 }, { 16, 16, 16 },
        { 33, 65, 129 }, { 64, 64, 64 }, { 100, 100, 100 }, { 128, 128, 128 }, { 256, 256, 256 },
        { 512, 512, 512 }, { 3136, 64, 256 },
    };
    const struct kernels *k;

    printf("%-18s", "rows x k x cols");
    for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++)
        printf("%10s us %8s", k->isa, "GFLOP/s");
    printf("\n");
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const size_t m = shapes[s][0], d = shapes[s][1], n = shapes[s][2];
        float *a = numbers(m * d), *b = numbers((size_t)gemm_packed(d, n)), *bias = numbers(n);
        float *y = numbers(m * n);
        if (!a || !b || !bias || !y)
            return 1;
        const struct gemm g = {
            .y = y, .y_row = n, .a = a, .a_row = d, .b = b, .b_panel = d * GEMM_COLS,
            .b_step = GEMM_COLS, .b_last = b + n / GEMM_COLS * GEMM_COLS * d,
            .last_step = n % GEMM_COLS > GEMM_HALF ? GEMM_COLS : GEMM_HALF, .col_bias = bias,
            .rows = m, .cols = n, .depth = d, .relu = 1 };
        printf("%4zu x %4zu x %4zu", m, d, n);
        for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++) {
            if (k == &mdl_kernels_ref && m * d * n > 1u << 14)
                continue;
            const double ns = nanoseconds(k, &g);
            printf("%13.3f %8.1f", ns / 1e3, 2 * (double)(m * d * n) / ns);
        }
        printf("\n");
        free(a);
        free(b);
        free(bias);
        free(y);
    }
    return 0;
}

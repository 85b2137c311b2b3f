/*
 * bench/bench_kernel.c - each kernel of each instruction set beside the plain one
 *
 * Every table in turn within each repeat, distinct data, minimum of the repeats; ns for
 * one call and the ratio to the plain kernel.  What does not beat it is not worth having.
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"

#include <math.h>              /* NAN, a constant */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "kernel/kernel.h"
#include "kernel/tree.h"

#define REPEATS 9
#define CALLS   2000
#define N       256u              /* elements of a row, inputs of a layer       */
#define COLUMNS 28u
#define LEAVES  32u
#define TREES   64u

static float xf[BLOCK_ROWS * N], wf[N * 16], yf[BLOCK_ROWS * N], af[N];
static double xd[BLOCK_ROWS * N], wd[N * 16], yd[BLOCK_ROWS * N], ad[N];
static uint8_t rank[(COLUMNS + 1) * BLOCK_ROWS], leaf[8 * BLOCK_ROWS];
static uint32_t feature[COLUMNS], start[COLUMNS + 1], root[TREES], exits[TREES];
static uint8_t nan_right[COLUMNS];
static float tf[COLUMNS * 17 * RANK_BLOCK];
static double td[COLUMNS * 17 * RANK_BLOCK];
static float search[COLUMNS * 256];
static uint32_t search_start[COLUMNS];
static uint8_t levels[COLUMNS];
static struct rank_table narrow, wide;
static struct tree_fork forks[8 * (LEAVES - 1)];
static uint32_t fork_start[9], first_leaf[8];
static struct plane_column plane_columns[COLUMNS];
static struct plane_fork plane_forks[8 * (LEAVES - 1)];
static struct plane_group group;
static uint16_t leaves[8];
static uint8_t plane[(PLANE_SLOTS + 7 + COLUMNS * RANK_MOST) * PLANE_BYTES];
static struct tree_top tops[TREES];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t next(void)
{
    static uint64_t s = 0x9E3779B97F4A7C15u;

    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return (uint32_t)(s >> 32);
}

static void fill(void)
{
    for (size_t i = 0; i < BLOCK_ROWS * N; i++)
        xd[i] = xf[i] = (float)(next() % 2000) / 500 - 2;
    for (size_t i = 0; i < N * 16; i++)
        wd[i] = wf[i] = (float)(next() % 2000) / 1000 - 1;
    for (size_t i = 0; i < N; i++)
        ad[i] = af[i] = (float)(1 + next() % 9);
    for (uint32_t c = 0; c <= COLUMNS; c++)
        start[c] = c * 17;
    for (size_t i = 0; i < COLUMNS * 17 * RANK_BLOCK; i++)
        td[i] = tf[i] = NAN;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        const size_t at = start[c] * RANK_BLOCK;
        feature[c] = c;
        for (uint32_t i = 0; i < RANK_MOST; i++) {
            td[at + RANK_BLOCK + i] = tf[at + RANK_BLOCK + i] = (float)i / 64 - 2;
            if (i % RANK_BLOCK == RANK_BLOCK - 1)
                td[at + i / RANK_BLOCK] = tf[at + i / RANK_BLOCK] = (float)i / 64 - 2;
        }
    }
    narrow = (struct rank_table){ .n_columns = COLUMNS, .feature = feature, .start = start,
                                  .nan_right = nan_right, .f32 = tf, .cols = N,
                                  .search = search, .search_start = search_start, .levels = levels };
    wide = narrow;
    wide.f64 = td;
    for (uint32_t c = 0; c < COLUMNS; c++) {
        search_start[c] = 256 * c;
        levels[c] = 8;
        for (uint32_t i = 0; i < 256; i++)
            search[256 * c + i] = NAN;
        for (uint32_t i = 0; i < RANK_MOST; i++) {
            const int below = __builtin_ctz(i + 1);
            search[256 * c + (128u >> below) + ((i + 1) >> (below + 1))] = (float)i / 64 - 2;
        }
    }
    for (size_t i = 0; i < COLUMNS * BLOCK_ROWS; i++)
        rank[i] = (uint8_t)next();
    rank[COLUMNS] = 0;
}

/* The same as planes: a fork of each tree in turn. */
static void plane_trees(void)
{
    group = (struct plane_group){ .forks = fork_start[8], .trees = 8 };
    for (uint32_t c = 0; c < COLUMNS; c++)
        plane_columns[c] = (struct plane_column){ PLANE_SLOTS + 7 + c * RANK_MOST, RANK_MOST, 0, 0 };
    for (uint32_t t = 0; t < 8; t++) {
        group.leaves[t] = leaves[t] = LEAVES;
        for (uint32_t i = 0; i < LEAVES - 1; i++) {
            const struct tree_fork f = forks[fork_start[t] + i];
            const uint32_t slot = t * LEAVES + f.left, place = PLANE_BYTES / PLANE_UNIT;
            plane_forks[8 * i + t] = (struct plane_fork){
                (uint16_t)((plane_columns[f.column].first + (f.below ^ 0x80u) % RANK_MOST) * place),
                (uint16_t)(slot * place), (uint16_t)((slot ^ f.move) * place) };
        }
    }
}

/* Complete trees of LEAVES leaves. */
static void grow(void)
{
    for (uint32_t t = 0; t < TREES; t++)
        root[t] = t * LEAVES;
    /* Tops as complete: node i in order has the ancestors of exit i, up to its own level. */
    for (uint32_t t = 0; t < TREES; t++)
        for (uint32_t e = 0; e < TOP_EXITS; e++) {
            tops[t].column[e] = (uint8_t)(next() % COLUMNS);
            tops[t].rank[e] = (uint8_t)(1 + next() % 254);
            for (uint32_t half = TOP_EXITS / 2; half; half /= 2)
                tops[t].ancestors[e] |= (uint32_t)1 << ((e & ~(2 * half - 1)) + half - 1);
        }
    for (uint32_t t = 0, n = 0; t < 8; t++) {
        for (uint32_t width = LEAVES; width > 1; width /= 2)
            for (uint32_t left = 0; left < LEAVES; left += width)
                forks[n++] = (struct tree_fork){ (uint16_t)(next() % COLUMNS), (uint8_t)next(),
                                                 (uint8_t)left, (uint8_t)(width / 2), 0 };
        fork_start[t + 1] = n;
        first_leaf[t] = t * LEAVES;
    }
    plane_trees();
}

#define KERNELS(K) \
    K("rank_f32 28 columns x 254", k->rank_f32(rank, &narrow, xf + i % BLOCK_ROWS * N)) \
    K("rank_f64 28 columns x 254", k->rank_f64(rank, &wide, xd + i % BLOCK_ROWS * N)) \
    K("ranks_f32 256 rows", (void)(i % 16 ? 0 : (k->ranks_f32(rank, &narrow, xf, N * 4, BLOCK_ROWS, BLOCK_ROWS), 0))) \
    K("ranks_f64 256 rows", (void)(i % 16 ? 0 : (k->ranks_f64(rank, &wide, xd, N * 8, BLOCK_ROWS, BLOCK_ROWS), 0))) \
    K("match 64 trees of 32 leaves", (rank[0] = (uint8_t)i, (void)k->match(exits, tops, NULL, root, NULL, TREES, rank, 2))) \
    K("members 256 rows", k->members(leaf, rank, (const uint8_t *)tf, BLOCK_ROWS)) \
    K("descend 8 x 32 leaves, 256 rows", k->descend(leaf, forks, fork_start, 8, rank, BLOCK_ROWS)) \
    K("descend 8 x 32 leaves, 32 rows", k->descend(leaf, forks, fork_start, 8, rank, 32)) \
    K("planes 28 columns x 254", (void)(i % 16 ? 0 : (k->planes(plane, plane_columns, COLUMNS, rank), 0))) \
    K("part 8 x 32 leaves, 256 rows", k->part(leaf, &group, plane_forks, plane)) \
    K("add_few_f32 8 x 256", k->add_few_f32(yf, wf, first_leaf, leaves, 8, leaf, BLOCK_ROWS)) \
    K("add_few_f64 8 x 256", k->add_few_f64(yd, wd, first_leaf, leaves, 8, leaf, BLOCK_ROWS)) \
    K("add_leaves_f32 8 x 256", k->add_leaves_f32(yf, wf, first_leaf, 8, leaf, BLOCK_ROWS)) \
    K("add_leaves_f64 8 x 256", k->add_leaves_f64(yd, wd, first_leaf, 8, leaf, BLOCK_ROWS)) \
    K("dense_f32 256 -> 16", k->dense_f32(yf, 64, xf + i % BLOCK_ROWS * N, N * 4, wf, NULL, 1, N, 16)) \
    K("dense_f64 256 -> 16", k->dense_f64(yd, 128, xd + i % BLOCK_ROWS * N, N * 8, wd, NULL, 1, N, 16)) \
    K("sub_div_f32 256", k->sub_div_f32(yf, xf, af, af, N)) \
    K("sub_div_f64 256", k->sub_div_f64(yd, xd, ad, ad, N)) \
    K("mul_add_f32 256", k->mul_add_f32(yf, xf, af, af, N)) \
    K("mul_add_f64 256", k->mul_add_f64(yd, xd, ad, ad, N)) \
    K("fill_nan_f32 256", k->fill_nan_f32(yf, xf, af, N)) \
    K("fill_nan_f64 256", k->fill_nan_f64(yd, xd, ad, N)) \
    K("relu_f32 256", k->relu_f32(yf, xf, N)) \
    K("relu_f64 256", k->relu_f64(yd, xd, N)) \
    K("widen 256", k->widen(yd, xf, N)) \
    K("narrow 256", k->narrow(yf, xd, N))

static const char *const names[] = {
#define K(name, call) name,
    KERNELS(K)
#undef K
};

#define N_KERNELS (sizeof names / sizeof *names)

static double time_kernel(const struct kernels *k, size_t which)
{
    const double begin = now();

    for (size_t i = 0; i < CALLS; i++) {
        size_t at = 0;
#define K(name, call) if (at++ == which) { call; continue; }
        KERNELS(K)
#undef K
    }
    return (now() - begin) / CALLS;
}

int main(void)
{
    const struct kernels *k;

    fill();
    grow();
    printf("%-30s", "ns a call (ranks_*: a 16th of one)");
    for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++)
        printf(" %14s", k->isa);
    printf("\n");
    for (size_t which = 0; which < N_KERNELS; which++) {
        double best[8];
        size_t tables = 0;

        for (int r = 0; r < REPEATS; r++)
            for (tables = 0; tables < 8 && (k = mdl_kernels_at(tables)) != NULL; tables++) {
                const double t = time_kernel(k, which);
                if (!r || t < best[tables])
                    best[tables] = t;
            }
        printf("%-34s", names[which]);
        for (size_t i = 0; i < tables; i++)
            printf(" %8.0f %4.1fx", best[i], best[tables - 1] / best[i]);
        printf("\n");
    }
    return 0;
}

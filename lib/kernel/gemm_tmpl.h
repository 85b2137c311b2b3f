/*
 * kernel/gemm_tmpl.h - products of matrices: tiles of sums that stay in registers
 *
 * A tile is `rows` rows by `panels` panels of 16 columns (or half a panel).  In each step of k it
 * loads a row of each panel once and a number of each row of a, which is spread over a register:
 *
 *                  b[k][0..7]  b[k][8..15]
 *     a[0][k] ...     sum          sum
 *     a[1][k] ...     sum          sum          6 rows x 1 panel: 12 sums with eight lanes
 *       ...                                     3, 2 x 2;  1 x 4: what few rows can do
 *
 * Rows are spread evenly over strips of at most six: 8 rows are 4 and 4.  Columns are taken
 * GEMM_NEAR at a time and k GEMM_DEPTH at a time, so that b stays in L2 and the rows in L1.
 *
 * Arrays of sums stay in registers only if every loop over them is unrolled whole.
 *
 * SPDX-License-Identifier: MIT
 */
#include "kernel/gemm.h"

#define GEMM_WIDE (GEMM_COLS / VF_LANES)     /* registers of a panel's row */
#define GEMM_SUMS (96u / VF_LANES)

/* Where in k a tile is, and the rest that all tiles of a strip share. */
struct gemm_strip {
    const struct gemm *g;
    float       *y;
    const float *a;
    const float *row_bias;
    const uint32_t *at;
    size_t       depth;
    int          first, last;
};

/* One register of results on its way out. */
MDL_INLINE vf gemm_end(const struct gemm_strip *s, vf sum, vf before, size_t r, vf col_bias)
{
    vf y = s->first ? sum : vf_add(before, sum);

    if (!s->last)
        return y;
    if (s->row_bias)
        y = vf_add(y, vf_set(s->row_bias[r]));
    if (s->g->col_bias)
        y = vf_add(y, col_bias);
    return s->g->relu ? vf_zero_unless_positive(y) : y;
}

/* The same of a tile that is not full, once for all of them. */
static void gemm_part(const struct gemm_strip *s, const float *sum, size_t sum_row, size_t c,
                      size_t cols, size_t rows)
{
    for (size_t r = 0; r < rows; r++, sum += sum_row)
        for (size_t i = 0; i < cols; i += VF_LANES) {
            const size_t n = cols - i < VF_LANES ? cols - i : VF_LANES;
            float *y = s->y + r * s->g->y_row + c + i;
            const vf bias = s->g->col_bias ? vf_load_part(s->g->col_bias + c + i, n) : vf_set(0);
            vf_store_part(y, gemm_end(s, vf_load(sum + i), s->first ? bias : vf_load_part(y, n), r,
                                      bias), n);
        }
}

/* A tile of which `cols` are columns, all of them unless `part`; all numbers but `c` and `cols`
 * are constant where this is inlined.  `b` has been moved to the k where the strip begins,
 * unless there is a table. */
MDL_INLINE void gemm_tile(const struct gemm_strip *s, const float *b, size_t b_panel, size_t b_step,
                          size_t c, size_t cols, size_t rows, size_t panels, size_t wide,
                          int table, int part)
{
    vf sum[GEMM_SUMS];
    const float *a = s->a;
    const size_t a_row = s->g->a_row, y_row = s->g->y_row, row_vecs = panels * wide;
    const uint32_t *at = s->at;

    MDL_UNROLL(24)
    for (size_t i = 0; i < rows * row_vecs; i++)
        sum[i] = vf_set(0);
    for (size_t k = 0; k < s->depth; k++) {
        const float *row = table ? b + at[k] : b;
        vf v[4], spread[3];
        if (rows > 3) {           /* one panel: few registers of b, a's numbers one by one */
            MDL_UNROLL(4)
            for (size_t i = 0; i < row_vecs; i++)
                v[i] = vf_load(row + i * VF_LANES);
            MDL_UNROLL(6)
            for (size_t r = 0; r < rows; r++) {
                const vf one = vf_set(a[r * a_row + k]);
                MDL_UNROLL(4)
                for (size_t i = 0; i < row_vecs; i++)
                    sum[r * row_vecs + i] = vf_fused(one, v[i], sum[r * row_vecs + i]);
            }
        } else {                  /* the other way round */
            MDL_UNROLL(3)
            for (size_t r = 0; r < rows; r++)
                spread[r] = vf_set(a[r * a_row + k]);
            MDL_UNROLL(16)
            for (size_t i = 0; i < row_vecs; i++) {
                const vf one = vf_load(row + i / wide * b_panel + i % wide * VF_LANES);
                MDL_UNROLL(3)
                for (size_t r = 0; r < rows; r++)
                    sum[r * row_vecs + i] = vf_fused(spread[r], one, sum[r * row_vecs + i]);
            }
        }
        b += table ? 0 : b_step;
    }
    if (!part || (wide < GEMM_WIDE && cols == wide * VF_LANES)) {
        MDL_UNROLL(6)
        for (size_t r = 0; r < rows; r++)
            MDL_UNROLL(16)
            for (size_t i = 0; i < row_vecs; i++) {
                float *y = s->y + r * y_row + c + i * VF_LANES;
                const vf bias = s->g->col_bias ? vf_load(s->g->col_bias + c + i * VF_LANES)
                                               : vf_set(0);
                vf_store(y, gemm_end(s, sum[r * row_vecs + i], s->first ? bias : vf_load(y), r, bias));
            }
        return;
    }
    float out[GEMM_ROWS * GEMM_COLS];
    MDL_UNROLL(24)
    for (size_t i = 0; i < rows * row_vecs; i++)
        vf_store(out + i * VF_LANES, sum[i]);
    gemm_part(s, out, row_vecs * VF_LANES, c, cols, rows);
}

/* All columns from `c` to `end` of a strip of `rows` rows, a constant. */
MDL_INLINE void gemm_strip(const struct gemm_strip *s, size_t k, size_t c, size_t end, size_t rows,
                           int table)
{
    const struct gemm *g = s->g;
    const size_t panels = rows == 1 ? 4 : rows < 4 ? 2 : 1, step = table ? 0 : g->b_step;
    const float *b = g->b + c / GEMM_COLS * g->b_panel + k * step;

    if (panels > 1)
        for (; c + panels * GEMM_COLS <= end; c += panels * GEMM_COLS, b += panels * g->b_panel)
            gemm_tile(s, b, g->b_panel, step, c, panels * GEMM_COLS, rows, panels, GEMM_WIDE,
                      table, 0);
    for (; c + GEMM_COLS <= end; c += GEMM_COLS, b += g->b_panel)
        gemm_tile(s, b, g->b_panel, step, c, GEMM_COLS, rows, 1, GEMM_WIDE, table, 0);
    if (c == end)
        return;
    b = g->b_last + (table ? 0 : k * g->last_step);
    if (end - c > GEMM_HALF)
        gemm_tile(s, b, 0, g->last_step, c, end - c, rows, 1, GEMM_WIDE, table, 1);
    else
        gemm_tile(s, b, 0, g->last_step, c, end - c, rows, 1, GEMM_WIDE / 2, table, 1);
}

MDL_INLINE void gemm_rows(const struct gemm_strip *s, size_t k, size_t c, size_t end, size_t rows,
                          int table)
{
    switch (rows) {
    case 1: gemm_strip(s, k, c, end, 1, table); break;
    case 2: gemm_strip(s, k, c, end, 2, table); break;
    case 3: gemm_strip(s, k, c, end, 3, table); break;
    case 4: gemm_strip(s, k, c, end, 4, table); break;
    case 5: gemm_strip(s, k, c, end, 5, table); break;
    default: gemm_strip(s, k, c, end, 6, table); break;
    }
}

static void gemm_steps(const struct gemm_strip *s, size_t k, size_t c, size_t end, size_t rows)
{
    gemm_rows(s, k, c, end, rows, 0);
}

static void gemm_table(const struct gemm_strip *s, size_t k, size_t c, size_t end, size_t rows)
{
    gemm_rows(s, k, c, end, rows, 1);
}

static void gemm_f32(const struct gemm *g)
{
    const size_t strips = (g->rows + GEMM_ROWS - 1) / GEMM_ROWS;
    /* Few rows of little depth read b once however columns are taken. */
    const size_t near = strips == 1 && g->depth <= GEMM_DEPTH ? g->cols : GEMM_NEAR;

    for (size_t c = 0; c < g->cols; c += near)
        for (size_t k = 0; k == 0 || k < g->depth; k += GEMM_DEPTH)
            for (size_t i = 0, r = 0; i < strips; i++) {
                const size_t rows = (g->rows - r + strips - i - 1) / (strips - i);
                const size_t left = g->depth - k, end = g->cols - c;
                const struct gemm_strip s = {
                    g, g->y + r * g->y_row, g->a + r * g->a_row + k,
                    g->row_bias ? g->row_bias + r : NULL, g->b_at ? g->b_at + k : NULL,
                    left < GEMM_DEPTH ? left : GEMM_DEPTH, k == 0, left <= GEMM_DEPTH };
                (g->b_at ? gemm_table : gemm_steps)(&s, k, c, c + (end < near ? end : near), rows);
                r += rows;
            }
}

/* Four rows at a time; where there are fewer, the last one again. */
static void gemm_pixels(const struct gemm *g, size_t wide)
{
    for (size_t i = 0; i < g->rows; i += 4) {
        size_t row[4];
        for (size_t r = 0; r < 4; r++)
            row[r] = i + r < g->rows ? i + r : g->rows - 1;
        for (size_t c = 0; c < g->cols; c += VF_LANES) {
            const float *b = g->b + c, *b0 = b + row[0] * wide, *b1 = b + row[1] * wide;
            const float *b2 = b + row[2] * wide, *b3 = b + row[3] * wide;
            vf sum[4] = { vf_set(0), vf_set(0), vf_set(0), vf_set(0) };
            for (size_t k = 0; k < g->depth; k++) {
                const vf one = vf_set(g->a[k]);
                const size_t at = g->b_at[k];
                sum[0] = vf_fused(one, vf_load(b0 + at), sum[0]);
                sum[1] = vf_fused(one, vf_load(b1 + at), sum[1]);
                sum[2] = vf_fused(one, vf_load(b2 + at), sum[2]);
                sum[3] = vf_fused(one, vf_load(b3 + at), sum[3]);
            }
            MDL_UNROLL(4)
            for (size_t r = 0; r < 4; r++) {
                float *y = g->y + row[r] * g->y_row + c;
                vf v = g->row_bias ? vf_add(sum[r], vf_set(g->row_bias[0])) : sum[r];
                v = g->relu ? vf_zero_unless_positive(v) : v;
                if (g->cols - c >= VF_LANES)
                    vf_store(y, v);
                else
                    vf_store_part(y, v, g->cols - c);
            }
        }
    }
}

/* The last numbers one by one: a register would reach beyond them. */
static void pick_f32(float *y, const float *x, size_t step, size_t n)
{
    size_t i = 0;

    if (step == 2)
        for (; i + VF_LANES < n; i += VF_LANES)
            vf_store(y + i, vf_even(vf_load(x + 2 * i), vf_load(x + 2 * i + VF_LANES)));
    for (; i < n; i++)
        y[i] = x[i * step];
}

#undef GEMM_WIDE
#undef GEMM_SUMS

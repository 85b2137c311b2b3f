/*
 * kernel/shap_tmpl.h - Shapley values of a tree, rows in lanes: see shap.h
 *
 * A level of working memory: where rows go [SHAP_ROWS] (-1 left, 1 right, 0 if they have left the
 * path before), then A, G of the left child above it and G of the right one, [points][SHAP_ROWS].
 *
 * SPDX-License-Identifier: MIT
 */
#define SHAP_VECS (SHAP_ROWS / VD_LANES)
#define EACH_VEC MDL_UNROLL(8) for (size_t v = 0; v < SHAP_VECS; v++)

MDL_INLINE void shap_go(double *go, const struct shap_node *n, const double *x, const double *sides,
                        const double *before)
{
    const vd zero = vd_set(0), left = vd_set(-1), right = vd_set(1);

    const double *from = (n->flags & SHAP_GIVEN ? sides : x) + (size_t)n->from * SHAP_ROWS;
    EACH_VEC {
        const vd at = vd_load(from + v * VD_LANES);
        vd way = vd_if_less(at, vd_set(n->threshold), left, right);
        if (n->flags & SHAP_NAN_LEFT)
            way = vd_if_nan(at, way, left);
        if (n->before != SHAP_FRESH) {
            const vd was = vd_load(before + v * VD_LANES);
            way = n->flags & SHAP_BEFORE_LEFT ? vd_if_less(was, zero, way, zero)
                                              : vd_if_less(zero, was, way, zero);
        }
        vd_store(go + v * VD_LANES, way);
    }
}

/* `a` where rows go left, b where right, `gone` where they left the path before. */
MDL_INLINE vd shap_pick(vd go, vd a, vd b, vd gone, int again)
{
    const vd zero = vd_set(0);

    return vd_if_less(go, zero, a, again ? vd_if_less(zero, go, b, gone) : b);
}

/* A of the child that is next. */
MDL_INLINE void shap_down(double *level, const struct shap_node *n, const struct shap_tree *t,
                          size_t points, int again)
{
    const size_t size = SHAP_ROWS * points;
    const double *a = level + SHAP_ROWS;
    const double *f = t->table + n->table;
    double *next = level + SHAP_ROWS + 3 * size + SHAP_ROWS;
    const int is_right = n->child[0] < t->n_leaves;
    const vd share = vd_set(n->share);
    vd go[SHAP_VECS];

    EACH_VEC go[v] = vd_load(level + v * VD_LANES);
    for (size_t q = 0; q < points; q++, a += SHAP_ROWS, next += SHAP_ROWS) {
        const vd left = vd_set(f[q]), right = vd_set(f[points + q]);
        EACH_VEC {
            const vd all = vd_load(a + v * VD_LANES);
            const vd part = vd_mul(all, shap_pick(go[v], left, right, share, again));
            vd_store(next + v * VD_LANES, is_right ? vd_sub(all, part) : part);
        }
    }
}

/* G of the node, and its feature's part.  Of a node whose children are both leaves (`bottom`) the
 * difference of their values is a factor of the whole. */
MDL_INLINE void shap_up(double *phi, double *level, const struct shap_node *n,
                        const struct shap_tree *t, size_t points, int bottom, int again)
{
    const size_t size = SHAP_ROWS * points;
    const double *a = level + SHAP_ROWS, *f = t->table + n->table, *leaf = t->leaf;
    const double *next = a + 3 * size + SHAP_ROWS, *below[2] = { next + size, next + 2 * size };
    double *g = level + SHAP_ROWS + (n->flags & SHAP_IS_RIGHT ? 2 : 1) * size, value[2][SHAP_ROWS];
    size_t step[2] = { SHAP_ROWS, SHAP_ROWS };
    const vd share = vd_set(n->share), zero = vd_set(0);
    const vd vl = vd_set(bottom ? leaf[n->child[0]] : 0), vr = vd_set(bottom ? leaf[n->child[1]] : 0);
    vd go[SHAP_VECS], sum[SHAP_VECS];

    for (size_t side = 0; side < 2 && !bottom; side++)
        if (n->child[side] < t->n_leaves) {
            EACH_VEC vd_store(value[side] + v * VD_LANES, vd_set(leaf[n->child[side]]));
            below[side] = value[side];
            step[side] = 0;
        }
    EACH_VEC {
        go[v] = vd_load(level + v * VD_LANES);
        sum[v] = zero;
    }
    for (size_t q = 0; q < points; q++, a += SHAP_ROWS, g += SHAP_ROWS) {
        const vd left = vd_set(f[q]), right = vd_set(f[points + q]);
        const vd slope = vd_set(again ? f[2 * points + q] : 1);
        EACH_VEC {
            const vd gl = bottom ? vl : vd_load(below[0] + v * VD_LANES);
            const vd gr = bottom ? vr : vd_load(below[1] + v * VD_LANES);
            const vd d = vd_sub(gl, gr);
            vd part = vd_load(a + v * VD_LANES);
            vd_store(g + v * VD_LANES,
                     vd_add(gr, vd_mul(shap_pick(go[v], left, right, share, again), d)));
            if (again)
                part = vd_mul(part, slope);
            sum[v] = vd_add(sum[v], bottom ? part : vd_mul(part, d));
        }
        below[0] += step[0];
        below[1] += step[1];
    }
    double *to = phi + (size_t)n->slot * SHAP_ROWS;
    EACH_VEC {
        const vd all = bottom ? vd_mul(sum[v], vd_sub(vl, vr)) : sum[v];
        const vd slope = shap_pick(go[v], vd_set(1 - n->share), vd_set(-n->share), zero, again);
        vd_store(to + v * VD_LANES, vd_add(vd_load(to + v * VD_LANES), vd_mul(all, slope)));
    }
}

static void shap(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                 double *work)
{
    const size_t points = t->points, stride = (1 + 3 * points) * SHAP_ROWS;

    for (size_t q = 0; q < points; q++)
        EACH_VEC vd_store(work + (1 + q) * SHAP_ROWS + v * VD_LANES, vd_set(t->weight[q]));
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct shap_node *n = &t->nodes[t->steps[i] >> 2];
        const uint32_t what = t->steps[i] & 3;
        double *level = work + n->level * stride;
        const int again = n->before != SHAP_FRESH;

        if (what == SHAP_ENTER || what == SHAP_BOTTOM)
            shap_go(level, n, x, sides, work + (again ? n->before : 0) * stride);
        if (what == SHAP_ACROSS) {
            double *next = level + stride + SHAP_ROWS;
            const double *a = level + SHAP_ROWS;
            for (size_t k = 0; k < SHAP_ROWS * points; k += VD_LANES)
                vd_store(next + k, vd_sub(vd_load(a + k), vd_load(next + k)));
        } else if (what == SHAP_ENTER) {
            if (again)
                shap_down(level, n, t, points, 1);
            else
                shap_down(level, n, t, points, 0);
        } else if (what == SHAP_BOTTOM) {
            if (again)
                shap_up(phi, level, n, t, points, 1, 1);
            else
                shap_up(phi, level, n, t, points, 1, 0);
        } else if (again) {
            shap_up(phi, level, n, t, points, 0, 1);
        } else {
            shap_up(phi, level, n, t, points, 0, 0);
        }
    }
}
#undef EACH_VEC

/* ---- a row alone: points are lanes, sums have the same order ---------------------------------- */

/* Eight points at a time, or four: down in the order of nodes, up in that in which they are left.
 * Where the row goes cannot be foreseen, so no branch asks for it. */
static const double shap_is[2] = { 0, 1 };

#define SHAP_FEW  (VD_LANES > 4 ? VD_LANES : 4)
#define EACH_PART MDL_UNROLL(4) for (size_t v = 0; v < vecs; v++)

MDL_INLINE void shap_descend(const struct shap_memory *m, const double *x, const double *sides,
                             const struct shap_tree *t, size_t vecs)
{
    const double *const from[2] = { x, sides };
    const size_t wide = vecs * VD_LANES;
    double *f = m->f, *g = m->g + t->n_leaves * wide;

    for (uint32_t i = 0; i < t->n_splits; i++, f += wide, g += wide) {
        const struct shap_node *n = &t->nodes[i];
        const uint32_t flags = n->flags;
        const double at = from[flags / SHAP_GIVEN & 1][(size_t)n->from * SHAP_ROWS], z = n->share;
        const uint32_t left = (uint32_t)(at < n->threshold)
                            | (flags & SHAP_NAN_LEFT & (uint32_t)!(at >= n->threshold));
        const double *a = m->a + (2 * (size_t)n->level + (flags / SHAP_IS_RIGHT & 1)) * wide;
        const double *o = m->t + (left ^ 1) * wide;
        double *below = m->a + 2 * ((size_t)n->level + 1) * wide;
        vd all[SHAP_ALONE / VD_LANES], factor[SHAP_ALONE / VD_LANES];
        uint32_t stays = 1;

        EACH_PART {
            all[v] = vd_load(a + v * VD_LANES);
            factor[v] = vd_mul(vd_set(z), vd_load(m->rest + v * VD_LANES));
        }
        if (n->before == SHAP_FRESH) {
            EACH_PART {
                factor[v] = vd_add(factor[v], vd_load(o + v * VD_LANES));
                vd_store(g + v * VD_LANES, all[v]);
            }
        } else {
            stays = m->way[n->before] == (~flags / SHAP_BEFORE_LEFT & 1);
            const vd share = vd_set(z), zo = vd_set(n->old), here = vd_set(shap_is[stays]);
            EACH_PART {
                const vd s = vd_mul(zo, vd_load(m->rest + v * VD_LANES));
                const vd r = vd_div(vd_set(1), vd_add(s, vd_load(m->t + v * VD_LANES)));
                const vd both = vd_mul(vd_add(vd_mul(share, s), vd_load(o + v * VD_LANES)), r);
                factor[v] = vd_if_less(vd_set(0), here, both, share);
                vd_store(g + v * VD_LANES, vd_mul(all[v], vd_mul(vd_mul(zo, r), r)));
            }
        }
        m->way[n->level] = (unsigned char)((left ^ 1) | (stays ^ 1) << 1);
        m->step[i] = (shap_is[left] - z) * shap_is[stays];
        if (n->slot == t->fixed)
            EACH_PART factor[v] = vd_set(t->known & stays ? shap_is[left] : z);
        EACH_PART {
            const vd part = vd_mul(all[v], factor[v]);
            vd_store(f + v * VD_LANES, factor[v]);
            vd_store(below + v * VD_LANES, part);
            vd_store(below + wide + v * VD_LANES, vd_sub(all[v], part));
        }
    }
}

MDL_INLINE void shap_ascend(const struct shap_memory *m, double *phi, const struct shap_tree *t,
                            size_t vecs, int first, int last)
{
    const size_t wide = vecs * VD_LANES;
    const vd one = vd_set(1), zero = vd_set(0);

    for (uint32_t j = 0; j < t->n_splits; j++) {
        const uint32_t i = t->order[j];
        const struct shap_node *n = &t->nodes[i];
        const double *gl = m->g + n->child[0] * wide, *gr = m->g + n->child[1] * wide;
        const double *f = m->f + i * wide, times[2] = { 1, *gl - *gr };
        const uint32_t bottom = n->flags / SHAP_LEAVES & 1;
        const vd leaves = vd_set(shap_is[bottom]);
        double *g = m->g + (t->n_leaves + i) * wide, sum = first ? 0 : m->sum[i];

        EACH_PART {
            const vd right = vd_load(gr + v * VD_LANES), d = vd_sub(vd_load(gl + v * VD_LANES), right);
            const vd part = vd_mul(vd_load(g + v * VD_LANES), vd_if_less(zero, leaves, one, d));
            vd_store(m->adds + v * VD_LANES, vd_if_less(zero, vd_load(m->live + v * VD_LANES), part, zero));
            vd_store(g + v * VD_LANES, vd_add(right, vd_mul(vd_load(f + v * VD_LANES), d)));
        }
        MDL_UNROLL(8)
        for (size_t q = 0; q < wide; q++)
            sum += m->adds[q];
        m->sum[i] = sum;
        if (last)
            phi[(size_t)n->slot * SHAP_ROWS] += sum * times[bottom] * m->step[i];
    }
}

/* Points [at, at + wide). */
MDL_INLINE void shap_points(double *phi, const double *x, const double *sides,
                            const struct shap_tree *t, double *work, size_t at, size_t vecs)
{
    const size_t wide = vecs * VD_LANES;
    struct shap_memory m = { .t = work };

    m.rest = m.t + 2 * wide;
    m.live = m.rest + wide;
    m.adds = m.live + wide;
    m.f = m.adds + wide;
    m.g = m.f + t->n_splits * wide;
    m.a = m.g + ((size_t)t->n_leaves + t->n_splits) * wide;
    m.step = work + SHAP_ALONE * (3 * (size_t)t->n_splits + 2 * (size_t)t->levels + 8);
    m.sum = m.step + t->n_splits;
    m.way = (unsigned char *)(m.sum + t->n_splits);
    for (size_t q = 0; q < wide; q++) {
        const int live = at + q < t->points;
        m.t[q] = live ? t->point[at + q] : 1;
        m.t[wide + q] = 0;
        m.rest[q] = 1 - m.t[q];
        m.live[q] = live;
        m.a[q] = live ? t->weight[at + q] : 0;
    }
    for (size_t i = 0; i < t->n_leaves; i++)
        EACH_PART vd_store(m.g + i * wide + v * VD_LANES, vd_set(t->leaf[i]));
    shap_descend(&m, x, sides, t, vecs);
    shap_ascend(&m, phi, t, vecs, at == 0, at + wide >= t->points);
}

static void shap_one(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                     double *work)
{
    for (size_t at = 0; at < t->points; at += SHAP_ALONE) {
        if (SHAP_FEW < SHAP_ALONE && t->points - at <= SHAP_FEW)
            shap_points(phi, x, sides, t, work, at, SHAP_FEW / VD_LANES);
        else
            shap_points(phi, x, sides, t, work, at, SHAP_ALONE / VD_LANES);
    }
}
#undef EACH_PART
#undef SHAP_FEW

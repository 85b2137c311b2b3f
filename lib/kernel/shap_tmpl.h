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

    EACH_VEC {
        vd way;
        if (n->flags & SHAP_GIVEN) {
            way = vd_load(sides + (size_t)n->given * SHAP_ROWS + v * VD_LANES);
        } else {
            const vd at = vd_load(x + (size_t)n->slot * SHAP_ROWS + v * VD_LANES);
            way = vd_if_less(at, vd_set(n->threshold), left, right);
            if (n->flags & SHAP_NAN_LEFT)
                way = vd_if_nan(at, way, left);
        }
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
MDL_INLINE void shap_down(double *level, const struct shap_node *n, const double *f, size_t points,
                          int again)
{
    const size_t size = SHAP_ROWS * points;
    const double *a = level + SHAP_ROWS;
    double *next = level + SHAP_ROWS + 3 * size + SHAP_ROWS;
    const int is_right = n->leaf[0] != SHAP_NODE;
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
MDL_INLINE void shap_up(double *phi, double *level, const struct shap_node *n, const double *f,
                        const double *leaf, size_t points, int bottom, int again)
{
    const size_t size = SHAP_ROWS * points;
    const double *a = level + SHAP_ROWS;
    const double *next = a + 3 * size + SHAP_ROWS, *below[2] = { next + size, next + 2 * size };
    double *g = level + SHAP_ROWS + (n->flags & SHAP_IS_RIGHT ? 2 : 1) * size, value[2][SHAP_ROWS];
    size_t step[2] = { SHAP_ROWS, SHAP_ROWS };
    const vd share = vd_set(n->share), zero = vd_set(0);
    const vd vl = vd_set(bottom ? leaf[n->leaf[0]] : 0), vr = vd_set(bottom ? leaf[n->leaf[1]] : 0);
    vd go[SHAP_VECS], sum[SHAP_VECS];

    for (size_t side = 0; side < 2 && !bottom; side++)
        if (n->leaf[side] != SHAP_NODE) {
            EACH_VEC vd_store(value[side] + v * VD_LANES, vd_set(leaf[n->leaf[side]]));
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
        const vd slope = shap_pick(go[v], vd_set(n->left), vd_set(n->right), zero, again);
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
        const double *f = t->table + n->table;
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
                shap_down(level, n, f, points, 1);
            else
                shap_down(level, n, f, points, 0);
        } else if (what == SHAP_BOTTOM) {
            if (again)
                shap_up(phi, level, n, f, t->leaf, points, 1, 1);
            else
                shap_up(phi, level, n, f, t->leaf, points, 1, 0);
        } else if (again) {
            shap_up(phi, level, n, f, t->leaf, points, 0, 1);
        } else {
            shap_up(phi, level, n, f, t->leaf, points, 0, 0);
        }
    }
}
#undef EACH_VEC

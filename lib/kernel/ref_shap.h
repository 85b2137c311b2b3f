/*
 * kernel/ref_shap.h - Shapley values of a tree, one row after the other: the definition
 *
 * SPDX-License-Identifier: MIT
 */
static double shap_way(const struct shap_node *n, const double *x, const double *sides,
                       double before)
{
    const double at = (n->flags & SHAP_GIVEN ? sides : x)[n->from * SHAP_ROWS];

    if (n->before != SHAP_FRESH && !(n->flags & SHAP_BEFORE_LEFT ? before < 0 : before > 0))
        return 0;
    return at < n->threshold || (n->flags & SHAP_NAN_LEFT && at != at) ? -1 : 1;
}

static double shap_pick(double go, double left, double right, double gone)
{
    return go < 0 ? left : go > 0 ? right : gone;
}

/* One node of one row; the pointers are to its lane. */
static void shap_leave(double *phi, double *level, const struct shap_node *n,
                       const struct shap_tree *t)
{
    const size_t points = t->points, stride = (1 + 3 * points) * SHAP_ROWS;
    const int left_leaf = n->child[0] < t->n_leaves, right_leaf = n->child[1] < t->n_leaves;
    const double *f = t->table + n->table;
    double sum = 0, d = 0;

    for (size_t q = 0; q < points; q++) {
        const double *below = level + stride + (1 + points + q) * SHAP_ROWS;
        const double gl = left_leaf ? t->leaf[n->child[0]] : *below;
        const double gr = right_leaf ? t->leaf[n->child[1]] : below[points * SHAP_ROWS];
        const double slope = n->before != SHAP_FRESH ? f[2 * points + q] : 1;
        const double part = level[(1 + q) * SHAP_ROWS] * slope;
        const size_t own = 1 + (n->flags & SHAP_IS_RIGHT ? 2 : 1) * points + q;

        d = gl - gr;
        level[own * SHAP_ROWS] = gr + shap_pick(*level, f[q], f[points + q], n->share) * d;
        sum += left_leaf && right_leaf ? part : part * d;
    }
    if (left_leaf && right_leaf)
        sum *= d;
    phi[n->slot * SHAP_ROWS] += sum * shap_pick(*level, 1 - n->share, -n->share, 0);
}

static void shap_row(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                     double *work)
{
    const size_t points = t->points, stride = (1 + 3 * points) * SHAP_ROWS;

    for (size_t q = 0; q < points; q++)
        work[(1 + q) * SHAP_ROWS] = t->weight[q];
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct shap_node *n = &t->nodes[t->steps[i] >> 2];
        const uint32_t what = t->steps[i] & 3;
        const double *f = t->table + n->table;
        double *level = work + n->level * stride;

        if (what == SHAP_ENTER || what == SHAP_BOTTOM)
            *level = shap_way(n, x, sides, n->before != SHAP_FRESH ? work[n->before * stride] : 0);
        for (size_t q = 0; q < points && (what == SHAP_ENTER || what == SHAP_ACROSS); q++) {
            const double a = level[(1 + q) * SHAP_ROWS];
            const double left = a * shap_pick(*level, f[q], f[points + q], n->share);
            const int right_next = what == SHAP_ACROSS || n->child[0] < t->n_leaves;
            level[stride + (1 + q) * SHAP_ROWS] = right_next ? a - left : left;
        }
        if (what == SHAP_LEAVE || what == SHAP_BOTTOM)
            shap_leave(phi, level, n, t);
    }
}

static void shap(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                 double *work)
{
    for (size_t r = 0; r < SHAP_ROWS; r++)
        shap_row(phi + r, x + r, sides + r, t, work + r);
}

/* ---- a row alone: one point after the other --------------------------------------------------- */

/* What the row does at a node, for all points the same, and what they add up to. */
struct shap_here { double way, f, a, g, sum, last; };

/* Down: factors, and A times their slopes.  a[2 * level], and behind it, are of a left and a right
 * child. */
static void shap_enter(struct shap_here *here, const struct shap_node *n, const struct shap_tree *t,
                       double point, double *a)
{
    const int again = n->before != SHAP_FRESH, fixed = n->slot == t->fixed;
    const double stays = n->old * (1 - point), r = again ? 1 / (stays + point) : 1, z = n->share;
    const double all = a[2 * n->level + (n->flags & SHAP_IS_RIGHT ? 1 : 0)];

    here->f = shap_pick(here->way, (z * stays + point) * r, z * stays * r, z);
    if (fixed)
        here->f = t->known ? shap_pick(here->way, 1, 0, z) : z;
    a[2 * n->level + 2] = all * here->f;
    a[2 * n->level + 3] = all - all * here->f;
    here->a = again ? all * (n->old * r * r) : all;
}

/* Up. */
static void shap_exit(struct shap_here *all, uint32_t i, const struct shap_tree *t)
{
    const struct shap_node *n = &t->nodes[i];
    struct shap_here *here = &all[i];
    const int left_leaf = n->child[0] < t->n_leaves, right_leaf = n->child[1] < t->n_leaves;
    const double gl = left_leaf ? t->leaf[n->child[0]] : all[n->child[0] - t->n_leaves].g;
    const double gr = right_leaf ? t->leaf[n->child[1]] : all[n->child[1] - t->n_leaves].g;
    const double d = gl - gr;

    here->g = gr + here->f * d;
    here->sum += left_leaf && right_leaf ? here->a : here->a * d;
    here->last = left_leaf && right_leaf ? d : 1;
}

static void shap_one(double *phi, const double *x, const double *sides, const struct shap_tree *t,
                     double *work)
{
    struct shap_here *here = (struct shap_here *)(void *)work;
    double *way = work + t->n_splits * (sizeof *here / sizeof *work), *a = way + t->n_splits;

    for (uint32_t i = 0; i < t->n_splits; i++) {
        const struct shap_node *n = &t->nodes[i];
        way[n->level] = shap_way(n, x, sides, n->before != SHAP_FRESH ? way[n->before] : 0);
        here[i] = (struct shap_here){ .way = way[n->level] };
    }
    for (uint32_t q = 0; q < t->points; q++) {
        a[0] = t->weight[q];
        for (uint32_t i = 0; i < t->n_splits; i++)
            shap_enter(&here[i], &t->nodes[i], t, t->point[q], a);
        for (uint32_t i = 0; i < t->n_splits; i++)
            shap_exit(here, t->order[i], t);
    }
    for (uint32_t i = 0; i < t->n_splits; i++) {
        const struct shap_node *n = &t->nodes[t->order[i]];
        const struct shap_here *h = &here[t->order[i]];
        const double slope = shap_pick(h->way, 1 - n->share, -n->share, 0);
        phi[n->slot * SHAP_ROWS] += h->sum * h->last * slope;
    }
}

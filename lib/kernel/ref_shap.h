/*
 * kernel/ref_shap.h - Shapley values of a tree, one row after the other: the definition
 *
 * SPDX-License-Identifier: MIT
 */
static double shap_way(const struct shap_node *n, const double *x, const double *sides,
                       double before)
{
    const double at = n->flags & SHAP_GIVEN ? 0 : x[n->slot * SHAP_ROWS];
    double way = at < n->threshold || (n->flags & SHAP_NAN_LEFT && at != at) ? -1 : 1;

    if (n->flags & SHAP_GIVEN)
        way = sides[n->given * SHAP_ROWS];
    if (n->before != SHAP_FRESH && !(n->flags & SHAP_BEFORE_LEFT ? before < 0 : before > 0))
        way = 0;
    return way;
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
    const int left_leaf = n->leaf[0] != SHAP_NODE, right_leaf = n->leaf[1] != SHAP_NODE;
    const double *f = t->table + n->table;
    double sum = 0, d = 0;

    for (size_t q = 0; q < points; q++) {
        const double *below = level + stride + (1 + points + q) * SHAP_ROWS;
        const double gl = left_leaf ? t->leaf[n->leaf[0]] : *below;
        const double gr = right_leaf ? t->leaf[n->leaf[1]] : below[points * SHAP_ROWS];
        const double slope = n->before != SHAP_FRESH ? f[2 * points + q] : 1;
        const double part = level[(1 + q) * SHAP_ROWS] * slope;
        const size_t own = 1 + (n->flags & SHAP_IS_RIGHT ? 2 : 1) * points + q;

        d = gl - gr;
        level[own * SHAP_ROWS] = gr + shap_pick(*level, f[q], f[points + q], n->share) * d;
        sum += left_leaf && right_leaf ? part : part * d;
    }
    if (left_leaf && right_leaf)
        sum *= d;
    phi[n->slot * SHAP_ROWS] += sum * shap_pick(*level, n->left, n->right, 0);
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
            const int right_next = what == SHAP_ACROSS || n->leaf[0] != SHAP_NODE;
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

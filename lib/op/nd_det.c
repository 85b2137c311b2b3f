/*
 * op/nd_det.c - determinants: x [.., M, M], y [..]
 *
 * By elimination with the largest of each column first, in double, rounded at the end.  Of an
 * empty matrix 1.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_product.h"

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_given(n, 1, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    char text[96];

    if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
        return mdl_fail(c->err, MDL_ERR_DATA, "a tensor %s, expected square matrices",
                        mdl_nd_shape_text(text, sizeof text, x));
    mdl_nd_set_shape(nd_out(c, n, 0), x->rank - 2, x->dims);
    if (!size_mul((uint64_t)x->dims[x->rank - 1], (uint64_t)x->dims[x->rank - 1], &c->temp_bytes)
        || !size_mul(c->temp_bytes, sizeof(double), &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "a matrix too large");
    return MDL_OK;
}

static double size_of(double v)
{
    return v < 0 ? -v : v;
}

static double determinant(double *a, size_t m)
{
    double det = 1;

    for (size_t k = 0; k < m; k++) {
        size_t best = k;
        for (size_t r = k + 1; r < m; r++)
            best = size_of(a[r * m + k]) > size_of(a[best * m + k]) ? r : best;
        det *= a[best * m + k] * (best == k ? 1 : -1);
        if (a[best * m + k] == 0)
            return det;
        for (size_t i = k; i < m; i++) {
            const double v = a[best * m + i];
            a[best * m + i] = a[k * m + i];
            a[k * m + i] = v;
        }
        for (size_t r = k + 1; r < m; r++) {
            const double by = a[r * m + k] / a[k * m + k];
            for (size_t i = k; i < m; i++)
                a[r * m + i] -= by * a[k * m + i];
        }
    }
    return det;
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const size_t m = (size_t)x->dims[x->rank - 1];

    for (uint64_t i = 0; i < y->count; i++) {
        mdl_nd_load_f64(c->temp, x->data, x->type, i * m * m, m * m);
        const double v = determinant(c->temp, m);
        mdl_nd_store_f64(y->data, y->type, i, &v, 1);
    }
    return MDL_OK;
}

const struct op mdl_op_det = {
    .name = "det",
    .about = "determinants of square matrices",
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};

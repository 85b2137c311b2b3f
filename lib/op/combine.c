/*
 * op/combine.c - the answers of several models in one
 *
 *   sum     x f64 [rows, n * width] -> f64 [rows, width]
 *               y[k] = (start + w[0] x[k] + w[1] x[width + k] + ...) / divisor
 *   votes   x i32 [rows, n]         -> f64 [rows, width]
 *               y[k] = (start + v[0] + v[1] + ...) / divisor, v[i] = x[i] == k ? w[i] : other[i]
 *   median  x f64 [rows, n]         -> f64 [rows, 1]
 *               the least x at which the weights of all up to it reach half of all weights
 *
 *   weight  [n] 1 if not given      other  [n] 0 if not given (votes)
 *
 * From left to right, one rounding for each operation.  A median adds the weights in the order
 * of x, those of equal x in one that depends on the row alone; NaN is the largest.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/op.h"

#define MOST_COLUMNS 65536       /* of a result: votes are bounded by nothing in the file */

struct combine_params {
    int64_t kind, width;
    double  start, divisor;
};

enum { SUM, VOTES, MEDIAN };
static const char *const kinds[] = { "sum", "votes", "median", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, combine_params, kind, SUM, kinds),
    FIELD(FIELD_INT, combine_params, width, 1, NULL),
    FIELD(FIELD_FLOAT, combine_params, start, 0, NULL),
    FIELD(FIELD_FLOAT, combine_params, divisor, 1, NULL),
};

enum { WEIGHT, OTHER, SLOTS };
static const struct slot slots[SLOTS] = {
    [WEIGHT] = { "weight", TYPE_BIT(MDL_F64), 1, 0 },
    [OTHER] = { "other", TYPE_BIT(MDL_F64), 1, 0 },
};

/* One x and its weight, while they are put in order. */
struct part {
    double x, weight;
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct value *x = node_in(n, g, 0);
    const struct combine_params *p = n->params;
    const uint32_t type = p->kind == VOTES ? MDL_I32 : MDL_F64;
    mdl_status s = MDL_OK;

    if (x->type != type)
        return mdl_fail(err, MDL_ERR_FORMAT, "input 0 is %s, expected %s", mdl_type_name(x->type),
                        mdl_type_name(type));
    if (!x->cols || p->width < 1 || p->width > MOST_COLUMNS || (p->kind == MEDIAN && p->width != 1)
        || (p->kind == SUM && x->cols % (uint64_t)p->width))
        return mdl_fail(err, MDL_ERR_FORMAT, "a width of %lld for %llu columns",
                        (long long)p->width, (unsigned long long)x->cols);
    const uint64_t models = p->kind == SUM ? x->cols / (uint64_t)p->width : x->cols;
    if (p->kind != VOTES && n->tensors[OTHER].type)
        return mdl_fail(err, MDL_ERR_FORMAT, "'other' belongs to votes");
    for (uint32_t i = 0; i < SLOTS; i++)
        if (!s) s = mdl_op_need_tensor(n, i, MDL_F64, models, err);
    if (!s) value_table(node_out(n, g, 0), MDL_F64, (uint64_t)p->width);
    if (!s && p->kind == MEDIAN) n->temp_bytes = models * sizeof(struct part);
    return s;
}

static void sum_row(double *y, const double *x, const double *w, size_t n, size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            y[k] += w ? w[i] * x[i * width + k] : x[i * width + k];
}

static void count_row(double *y, const int32_t *x, const double *w, const double *other, size_t n,
                      size_t width)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < width; k++)
            y[k] += x[i] == (int64_t)k ? (w ? w[i] : 1) : other ? other[i] : 0;
}

static int is_before(double a, double b)
{
    return a < b || (a == a && b != b);
}

/* Shell's sort: no room beside the array, and quick enough for hundreds of models. */
static void put_in_order(struct part *a, size_t n)
{
    size_t gap = 1;

    while (gap < n / 3)
        gap = 3 * gap + 1;
    for (; gap; gap /= 3)
        for (size_t i = gap; i < n; i++) {
            const struct part one = a[i];
            size_t at = i;

            for (; at >= gap && is_before(one.x, a[at - gap].x); at -= gap)
                a[at] = a[at - gap];
            a[at] = one;
        }
}

static double median(struct part *a, const double *x, const double *w, size_t n)
{
    double all = 0, so_far = 0;

    for (size_t i = 0; i < n; i++)
        a[i] = (struct part){ x[i], w ? w[i] : 1 };
    put_in_order(a, n);
    for (size_t i = 0; i < n; i++)
        all += a[i].weight;
    for (size_t i = 0; i < n; i++) {
        so_far += a[i].weight;
        if (so_far >= 0.5 * all)
            return a[i].x;
    }
    return a[0].x;               /* weights of NaN */
}

static void run(const struct node *n, const struct run *r)
{
    const struct view in = run_in(n, r, 0), out = run_out(n, r, 0);
    const struct combine_params *p = n->params;
    const double *w = n->tensors[WEIGHT].data, *other = n->tensors[OTHER].data;
    const size_t cols = (size_t)node_in(n, r->graph, 0)->cols, width = (size_t)p->width;

    for (size_t row = 0; row < r->rows; row++) {
        const void *x = view_row(in, row);
        double *y = view_row(out, row);

        if (p->kind == MEDIAN) {
            y[0] = median(r->temp, x, w, cols);
            continue;
        }
        for (size_t k = 0; k < width; k++)
            y[k] = p->start;
        if (p->kind == SUM)
            sum_row(y, x, w, cols / width, width);
        else
            count_row(y, x, w, other, cols, width);
        for (size_t k = 0; k < width; k++)
            y[k] /= p->divisor;
    }
}

const struct op mdl_op_combine = {
    .name = "combine",
    .about = "the answers of several models in one: their sum, votes or median",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = SLOTS,
    .params_bytes = sizeof(struct combine_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .run = run,
};

/*
 * op/nd_reduce.c - sums, means, norms, extremes over some axes
 *
 *   x     any numbers (bool for max and min)
 *   axes  int64 or int32 list, optional: by default all
 *   y     x's type; the axes are of one element, or gone
 *
 *   float32, float64   in double (kernel/reduce.h), rounded at the end
 *   integers           in 64 bits, of which the low ones are kept; l2 and logarithms in double
 *
 * Of no numbers at all: sum 0, product 1, maximum and minimum the least and the largest of
 * the type, mean NaN (integers: 0), logarithms -infinity.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_reduce.h"

struct reduce_params {
    int64_t kind, keepdims, noop;
};

enum { SUM, MEAN, MAX, MIN, PROD, L1, L2, LOG_SUM, LOG_SUM_EXP, SUM_SQUARE };
static const char *const kinds[] = { "sum", "mean", "max", "min", "prod", "l1", "l2", "log_sum",
                                     "log_sum_exp", "sum_square", NULL };

static const uint8_t how_of[] = {
    [SUM] = REDUCE_SUM, [MEAN] = REDUCE_SUM, [MAX] = REDUCE_MAX, [MIN] = REDUCE_MIN,
    [PROD] = REDUCE_PRODUCT, [L1] = REDUCE_SIZES, [L2] = REDUCE_SQUARES, [LOG_SUM] = REDUCE_SUM,
    [LOG_SUM_EXP] = REDUCE_POWERS, [SUM_SQUARE] = REDUCE_SQUARES,
};

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, reduce_params, kind, SUM, kinds),
    FIELD(FIELD_INT, reduce_params, keepdims, 1, NULL),
    FIELD(FIELD_INT, reduce_params, noop, 0, NULL),
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct reduce_params *p = n->params;
    const int extreme = p->kind == MAX || p->kind == MIN;
    mdl_status s = mdl_nd_need_type(n, g, 0, (TYPES_NUMBER & ~(TYPE_BIT(MDL_F16) | TYPE_BIT(MDL_BF16)))
                                             | (extreme ? TYPE_BIT(MDL_BOOL) : 0), err);

    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);
    if (!s) s = mdl_nd_infer_same(n, g, err);
    return s;
}

mdl_status mdl_nd_axes_mask(uint32_t *mask, const struct nd *list, uint32_t rank, int noop,
                            mdl_error *err)
{
    *mask = 0;
    if (!list || !list->count) {
        *mask = noop ? 0 : ((uint32_t)1 << rank) - 1;
        return MDL_OK;
    }
    if (list->rank > 1)
        return mdl_fail(err, MDL_ERR_DATA, "axes of rank %u, expected a list", (unsigned)list->rank);
    for (uint64_t i = 0; i < list->count; i++) {
        int64_t axis = mdl_nd_int(list, i);
        const mdl_status s = mdl_nd_axis(&axis, rank, err);
        if (s)
            return s;
        if (*mask >> axis & 1)
            return mdl_fail(err, MDL_ERR_DATA, "axis %lld is named twice", (long long)axis);
        *mask |= (uint32_t)1 << axis;
    }
    return MDL_OK;
}

/* Integers of 64 bits are reduced where they lie. */
static int by_integers(uint32_t type, int64_t kind)
{
    return !(TYPES_FLOAT & TYPE_BIT(type)) && kind != L2 && kind != LOG_SUM && kind != LOG_SUM_EXP;
}

static int is_in_place(uint32_t type, int64_t kind)
{
    return by_integers(type, kind) ? type == MDL_I64 || type == MDL_U64
                                   : (TYPES_FLOAT & TYPE_BIT(type)) != 0;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct reduce_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    int64_t dims[MDL_MAX_RANK];
    uint32_t mask, rank = 0;
    const mdl_status s = mdl_nd_axes_mask(&mask, nd_in(c, n, 1), x->rank, p->noop != 0, c->err);

    if (s)
        return s;
    for (uint32_t i = 0; i < x->rank; i++)
        if (!(mask >> i & 1) || p->keepdims)
            dims[rank++] = mask >> i & 1 ? 1 : x->dims[i];
    mdl_nd_set_shape(nd_out(c, n, 0), rank, dims);
    if (!is_in_place(x->type, p->kind) && !size_mul(x->count, 8, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "too many numbers");
    return MDL_OK;
}

/* ---- axes ---------------------------------------------------------------------------------- */

void mdl_nd_reduction(struct reduction *r, const struct nd *x, uint32_t mask)
{
    struct axes all = { .n = 0 };
    uint32_t sort = 2, reduced = 0;       /* bit k: all.size[k] is reduced */
    uint64_t step = 1;

    for (uint32_t i = x->rank; i--; step *= (uint64_t)x->dims[i]) {
        if ((mask >> i & 1) != sort) {
            sort = mask >> i & 1;
            reduced |= sort << all.n;
            all.step[all.n] = step;
            all.size[all.n++] = 1;
        }
        all.size[all.n - 1] *= (uint64_t)x->dims[i];
    }
    *r = (struct reduction){ .rows = 1, .width = 1, .step = 1, .down = !(reduced & 1), .count = 1 };
    uint32_t k = 0;
    if (r->down && all.n)
        r->width = r->step = all.size[k++];
    if (k < all.n)
        r->rows = all.size[k++];
    r->kept.count = r->parts.count = 1;
    for (; k < all.n; k++) {
        struct axes *to = reduced >> k & 1 ? &r->parts : &r->kept;
        to->size[to->n] = all.size[k];
        to->step[to->n++] = all.step[k];
        to->count *= all.size[k];
    }
    r->count = r->rows * r->parts.count;
    if (!r->count) {              /* nothing, however often */
        r->rows = 0;
        r->parts = (struct axes){ .count = 1 };
    }
}

void mdl_nd_reduce_columns(const struct reduction *r, const struct kernels *k, uint32_t how, double *to,
                           const void *x, uint32_t type, uint64_t outer, uint64_t first, size_t n,
                           const double *about)
{
    const uint64_t base = axes_at(&r->kept, outer) + first;
    double part[REDUCE_COLUMNS];

    if (!r->parts.count)
        for (size_t i = 0; i < n; i++)
            to[i] = reduce_begin(how);
    for (uint64_t p = 0; p < r->parts.count; p++) {
        const uint64_t at = base + axes_at(&r->parts, p);
        double *into = p ? part : to;

        if (r->down && type == MDL_F32)
            k->reduce_rows_f32(how, into, (const float *)x + at, r->step, r->rows, n, about);
        else if (r->down)
            k->reduce_rows_f64(how, into, (const double *)x + at, r->step, r->rows, n, about);
        else if (type == MDL_F32)
            *into = k->reduce_f32(how, (const float *)x + at, r->rows, about ? *about : 0);
        else
            *into = k->reduce_f64(how, (const double *)x + at, r->rows, about ? *about : 0);
        for (size_t i = 0; p && i < n; i++)
            to[i] = reduce_two(how, to[i], part[i]);
    }
}

/* ---- in double ------------------------------------------------------------------------------ */

static void finish(const struct reduction *r, int64_t kind, double *v)
{
    switch (kind) {
    case MEAN: *v /= (double)r->count; return;
    case L2: *v = mdl_sqrt(*v); return;
    case LOG_SUM: case LOG_SUM_EXP: *v = mdl_log(*v); return;
    default: return;
    }
}

/* Results of kept entry `outer`, columns from `first`. */
static void some_reals(const struct reduction *r, const struct kernels *k, int64_t kind, double *to,
                       const void *x, uint32_t type, uint64_t outer, uint64_t first, size_t n)
{
    double most[REDUCE_COLUMNS];

    if (kind == LOG_SUM_EXP) {
        mdl_nd_reduce_columns(r, k, REDUCE_MAX, most, x, type, outer, first, n, NULL);
        for (size_t i = 0; i < n; i++)    /* infinite: e^(x - 0) is 0 or infinite, as it should be */
            most[i] = most[i] - most[i] == 0 ? most[i] : 0;
    }
    mdl_nd_reduce_columns(r, k, how_of[kind], to, x, type, outer, first, n,
                          kind == LOG_SUM_EXP ? most : NULL);
    for (size_t i = 0; i < n; i++) {
        finish(r, kind, to + i);
        to[i] = kind == LOG_SUM_EXP ? most[i] + to[i] : to[i];
    }
}

/* Rows of at most SHORT numbers, for which a kernel is far to go; the same lanes. */
#define SHORT 16u

#define SHORT_ROW(HOW) \
    case HOW: \
        for (uint64_t i = 0; i < n; i++, x += rows) { \
            for (size_t j = 0; j < 8; j++) \
                lane[j] = reduce_begin(HOW); \
            for (size_t j = 0; j < rows; j++) \
                lane[j % 8] = reduce_one(HOW, lane[j % 8], (double)x[j], 0); \
            to[i] = reduce_lanes(HOW, lane, 1); \
        } \
        return;

static void short_rows(uint32_t how, double *to, const float *x, uint64_t rows, uint64_t n)
{
    double lane[8];

    switch (how) {
    SHORT_ROW(REDUCE_SUM)
    SHORT_ROW(REDUCE_SIZES)
    SHORT_ROW(REDUCE_SQUARES)
    SHORT_ROW(REDUCE_PRODUCT)
    SHORT_ROW(REDUCE_MAX)
    default:
    SHORT_ROW(REDUCE_MIN)
    }
}

static void reals(const struct reduction *r, const struct kernels *k, int64_t kind, struct nd *y,
                  const void *x, uint32_t type)
{
    const int is_short = r->rows <= SHORT && r->parts.n == 0 && type == MDL_F32 && kind != LOG_SUM_EXP;
    double to[REDUCE_COLUMNS];

    if (r->down) {
        for (uint64_t o = 0; o < r->kept.count; o++)
            for (uint64_t c = 0, n; c < r->width; c += n) {
                n = r->width - c < REDUCE_COLUMNS ? r->width - c : REDUCE_COLUMNS;
                some_reals(r, k, kind, to, x, type, o, c, n);
                mdl_nd_store_f64(y->data, y->type, o * r->width + c, to, n);
            }
        return;
    }
    for (uint64_t o = 0, n; o < r->kept.count; o += n) {
        n = r->kept.count - o < REDUCE_COLUMNS ? r->kept.count - o : REDUCE_COLUMNS;
        if (is_short)
            short_rows(how_of[kind], to, (const float *)x + o * r->rows, r->rows, n);
        for (uint64_t i = 0; i < n && !is_short; i++)
            some_reals(r, k, kind, to + i, x, type, o + i, 0, 1);
        for (uint64_t i = 0; i < n && is_short; i++)
            finish(r, kind, to + i);
        mdl_nd_store_f64(y->data, y->type, o, to, n);
    }
}

/* ---- in integers ---------------------------------------------------------------------------- */

/* In unsigned, so that nothing overflows; uint64 is compared with its highest bit turned over. */
static uint64_t one_integer(uint32_t how, uint64_t sum, uint64_t x, uint64_t turn)
{
    switch (how) {
    case REDUCE_SUM: return sum + x;
    case REDUCE_SIZES: return sum + (x >> 63 && !turn ? 0 - x : x);
    case REDUCE_SQUARES: return sum + x * x;
    case REDUCE_PRODUCT: return sum * x;
    case REDUCE_MAX: return (int64_t)(x ^ turn) > (int64_t)(sum ^ turn) ? x : sum;
    default: return (int64_t)(x ^ turn) < (int64_t)(sum ^ turn) ? x : sum;
    }
}

/* The least (or largest) number of the type, from which maxima (minima) begin. */
static uint64_t integer_begin(uint32_t how, uint32_t type)
{
    const int is_signed = (TYPES_SIGNED & TYPE_BIT(type)) != 0;
    const unsigned bits = 8 * (unsigned)mdl_type_bytes(type);
    const uint64_t all = UINT64_MAX >> (64 - bits);

    if (how != REDUCE_MAX && how != REDUCE_MIN)
        return how == REDUCE_PRODUCT;
    if (type == MDL_BOOL)
        return how == REDUCE_MIN;
    if (how == REDUCE_MAX)
        return is_signed ? ~(all >> 1) : 0;
    return is_signed ? all >> 1 : all;
}

static void integers(const struct reduction *r, int64_t kind, struct nd *y, const uint64_t *x)
{
    const uint64_t turn = y->type == MDL_U64 ? (uint64_t)1 << 63 : 0;
    const uint32_t how = how_of[kind];
    const uint64_t begin = integer_begin(how, y->type);

    for (uint64_t o = 0, i = 0; o < r->kept.count; o++)
        for (uint64_t c = 0; c < r->width; c++, i++) {
            const uint64_t *from = x + axes_at(&r->kept, o) + c;
            uint64_t sum = begin;

            for (uint64_t p = 0; p < r->parts.count; p++) {
                const uint64_t *part = from + axes_at(&r->parts, p);
                for (uint64_t k = 0; k < r->rows; k++)
                    sum = one_integer(how, sum, part[k * r->step], turn);
            }
            if (kind == MEAN && r->count)
                sum = turn ? sum / r->count : (uint64_t)((int64_t)sum / (int64_t)r->count);
            mdl_nd_store_i64(y->data, y->type, i, (const int64_t *)&sum, 1);
        }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct reduce_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);
    const void *from = is_in_place(x->type, p->kind) ? x->data : c->temp;
    struct reduction r;
    uint32_t mask;
    const mdl_status s = mdl_nd_axes_mask(&mask, nd_in(c, n, 1), x->rank, p->noop != 0, c->err);

    if (s || !y->count)
        return s;
    mdl_nd_reduction(&r, x, mask);
    if (by_integers(x->type, p->kind)) {
        if (from != x->data)
            mdl_nd_load_i64(c->temp, x->data, x->type, 0, (size_t)x->count);
        integers(&r, p->kind, y, from);
        return MDL_OK;
    }
    if (from != x->data)
        mdl_nd_load_f64(c->temp, x->data, x->type, 0, (size_t)x->count);
    reals(&r, c->kernels, p->kind, y, from, from == x->data ? x->type : MDL_F64);
    return MDL_OK;
}

const struct op mdl_op_reduce = {
    .name = "reduce",
    .about = "sum, mean, norm or extreme over some axes",
    .fields = fields,
    .n_fields = sizeof fields / sizeof *fields,
    .params_bytes = sizeof(struct reduce_params),
    .min_in = 1,
    .max_in = 2,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
    .contents = 1u << 1,
};

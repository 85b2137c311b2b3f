/*
 * op/nd_columns.c - columns of features made ready: Scaler, Imputer, Binarizer, Normalizer
 *
 *   rescale         y = (x - offset) * scale     per column or all the same; float32
 *   replace         y = fill where x is `missing`, which may be NaN, else x
 *   binarize        y = 1 where x > threshold, else 0 (NaN too)
 *   normalize_rows  y = x / max, x / sum |x|, or sign(x) sqrt(x^2 / sum x^2); float32
 *
 * x is [columns], one row, or [rows, columns].  Sums are float32, from the first column on; a
 * row whose max or sum is 0 stays as it is.  Operation by operation as ONNX Runtime has them.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

#include "kernel/math.h"

#include <float.h>

/* shape: that of x, of rank 1 or 2, whose columns fit a list of 1 or of as many elements. */
static mdl_status rows_shape(const struct node *n, struct nd_call *c, uint64_t count)
{
    const struct nd *x = nd_in(c, n, 0);
    int64_t rows, cols;
    const mdl_status s = mdl_ml_rows(x, &rows, &cols, c->err);

    if (s)
        return s;
    if (count != 1 && count != (uint64_t)cols)
        return mdl_fail(c->err, MDL_ERR_DATA, "%lld columns, expected %llu", (long long)cols,
                        (unsigned long long)count);
    nd_like(nd_out(c, n, 0), x);
    return MDL_OK;
}

/* ---- rescale -------------------------------------------------------------------------------- */

enum { OFFSET, SCALE };
static const struct slot rescale_slots[] = {
    [OFFSET] = { "offset", TYPE_BIT(MDL_F32), 1, 1 },
    [SCALE] = { "scale", TYPE_BIT(MDL_F32), 1, 1 },
};

static mdl_status rescale_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, ML_X, err);

    if (s)
        return s;
    if (!n->tensors[SCALE].count || n->tensors[OFFSET].count != n->tensors[SCALE].count)
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu offsets and %llu scales",
                        (unsigned long long)n->tensors[OFFSET].count,
                        (unsigned long long)n->tensors[SCALE].count);
    nd_result(n, g, 0, MDL_F32);
    return MDL_OK;
}

static mdl_status rescale_shape(const struct node *n, struct nd_call *c)
{
    return rows_shape(n, c, n->tensors[SCALE].count);
}

static mdl_status rescale_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const float *offset = n->tensors[OFFSET].data, *scale = n->tensors[SCALE].data;
    const uint64_t cols = n->tensors[SCALE].count;
    float *y = nd_out(c, n, 0)->data;

    for (uint64_t i = 0, k = 0; i < x->count; i++, k = k + 1 == cols ? 0 : k + 1) {
        float v;

        if (x->type == MDL_F64) {
            y[i] = (float)((((const double *)x->data)[i] - (double)offset[k]) * (double)scale[k]);
            continue;
        }
        mdl_nd_load_f32(&v, x->data, x->type, i, 1);
        y[i] = (v - offset[k]) * scale[k];
    }
    return MDL_OK;
}

const struct op mdl_op_rescale = {
    .name = "rescale",
    .about = "(x - offset) * scale, by column",
    .slots = rescale_slots,
    .n_slots = 2,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = rescale_infer,
    .shape = rescale_shape,
    .eval = rescale_eval,
};

/* ---- replace -------------------------------------------------------------------------------- */

enum { FILL, MISSING };
static const struct slot replace_slots[] = {
    [FILL] = { "fill", TYPES_FLOAT | TYPE_BIT(MDL_I64), 1, 1 },
    [MISSING] = { "missing", TYPES_FLOAT | TYPE_BIT(MDL_I64), 1, 1 },
};

static int is_float(uint32_t type)
{
    return type != MDL_I32 && type != MDL_I64;
}

static mdl_status replace_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *fill = &n->tensors[FILL], *missing = &n->tensors[MISSING];
    const mdl_status s = mdl_nd_need_type(n, g, 0, ML_X, err);

    if (s)
        return s;
    if (!fill->count || missing->count != 1 || is_float(fill->type) != is_float(missing->type))
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu fills of %s for %llu missing of %s",
                        (unsigned long long)fill->count, mdl_type_name(fill->type),
                        (unsigned long long)missing->count, mdl_type_name(missing->type));
    if (is_float(fill->type) != is_float(nd_type(n, g, 0)))
        return mdl_fail(err, MDL_ERR_FORMAT, "input 0 is %s, the fills are %s",
                        mdl_type_name(nd_type(n, g, 0)), mdl_type_name(fill->type));
    return mdl_nd_infer_same(n, g, err);
}

static mdl_status replace_shape(const struct node *n, struct nd_call *c)
{
    return rows_shape(n, c, n->tensors[FILL].count);
}

static mdl_status replace_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *y = nd_out(c, n, 0);
    const struct tensor *fill = &n->tensors[FILL], *missing = &n->tensors[MISSING];
    const struct nd fills = { .data = (void *)(uintptr_t)fill->data, .type = fill->type };
    const struct nd what = { .data = (void *)(uintptr_t)missing->data, .type = missing->type };
    const int real = is_float(x->type);
    const double hole = real ? mdl_nd_number(&what, 0) : 0;
    const int64_t whole = real ? 0 : mdl_nd_int(&what, 0);
    const mdl_status s = mdl_nd_copy(n, c);

    for (uint64_t i = 0, k = 0; i < x->count && !s; i++, k = k + 1 == fill->count ? 0 : k + 1) {
        const double v = real ? mdl_nd_number(x, i) : 0;
        if (real ? v == hole || (v != v && hole != hole) : mdl_nd_int(x, i) == whole) {
            const double by = real ? mdl_nd_number(&fills, k) : 0;
            const int64_t by_whole = real ? 0 : mdl_nd_int(&fills, k);
            if (real)
                mdl_nd_store_f64(y->data, y->type, i, &by, 1);
            else
                mdl_nd_store_i64(y->data, y->type, i, &by_whole, 1);
        }
    }
    return s;
}

const struct op mdl_op_replace = {
    .name = "replace",
    .about = "fill where x is missing, else x, by column",
    .slots = replace_slots,
    .n_slots = 2,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = replace_infer,
    .shape = replace_shape,
    .eval = replace_eval,
    .traits = ND_IN_PLACE,
};

/* ---- binarize ------------------------------------------------------------------------------- */

struct binarize_params {
    double threshold;
};

static const struct field binarize_fields[] = {
    FIELD(FIELD_FLOAT, binarize_params, threshold, 0, NULL),
};

static mdl_status binarize_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, ML_X, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status binarize_eval(const struct node *n, struct nd_call *c)
{
    const struct binarize_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *y = nd_out(c, n, 0);
    double some[ND_CHUNK];

    for (uint64_t i = 0, k; i < x->count; i += k) {
        k = x->count - i < ND_CHUNK ? x->count - i : ND_CHUNK;
        mdl_nd_load_f64(some, x->data, x->type, i, (size_t)k);
        for (size_t j = 0; j < k; j++)
            some[j] = some[j] > p->threshold ? 1 : 0;
        mdl_nd_store_f64(y->data, y->type, i, some, (size_t)k);
    }
    return MDL_OK;
}

const struct op mdl_op_binarize = {
    .name = "binarize",
    .about = "1 where x is above a threshold, else 0",
    .fields = binarize_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct binarize_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = binarize_infer,
    .shape = mdl_nd_shape_same,
    .eval = binarize_eval,
    .traits = ND_IN_PLACE,
};

/* ---- normalize_rows ------------------------------------------------------------------------- */

struct normalize_params {
    int64_t norm;
};

enum { NORM_MAX, NORM_L1, NORM_L2 };
static const char *const norms[] = { "max", "l1", "l2", NULL };

static const struct field normalize_fields[] = {
    FIELD(FIELD_CHOICE, normalize_params, norm, NORM_MAX, norms),
};

static mdl_status normalize_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, ML_X, err);

    if (s)
        return s;
    nd_result(n, g, 0, MDL_F32);
    return MDL_OK;
}

static mdl_status normalize_shape(const struct node *n, struct nd_call *c)
{
    return rows_shape(n, c, 1);
}

/* x^2 in x's own type, as float32; integers wrap. */
static float square(const struct nd *x, uint64_t i)
{
    double wide;
    float v;

    if (x->type == MDL_F64) {
        mdl_nd_load_f64(&wide, x->data, x->type, i, 1);
        return (float)(wide * wide);
    }
    if (x->type == MDL_I64 || x->type == MDL_I32) {
        const uint64_t u = (uint64_t)mdl_nd_int(x, i);
        return x->type == MDL_I64 ? (float)(int64_t)(u * u) : (float)(int32_t)(uint32_t)(u * u);
    }
    mdl_nd_load_f32(&v, x->data, x->type, i, 1);
    return v * v;
}

/* What a row is divided by: 0 leaves it alone. */
static float norm_of(int64_t norm, const struct nd *x, uint64_t at, const float *y, size_t n)
{
    float sum = norm == NORM_MAX ? -FLT_MAX : 0;

    for (size_t i = 0; i < n; i++) {
        if (norm == NORM_MAX)
            sum = sum < y[i] ? y[i] : sum;
        else if (norm == NORM_L1)
            sum += y[i] < 0 ? -y[i] : y[i];
        else
            sum += square(x, at + i);
    }
    return sum;
}

static mdl_status normalize_eval(const struct node *n, struct nd_call *c)
{
    const struct normalize_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const size_t cols = (size_t)x->dims[x->rank - 1];
    float *y = nd_out(c, n, 0)->data;

    mdl_nd_load_f32(y, x->data, x->type, 0, (size_t)x->count);
    for (uint64_t at = 0; at < x->count; at += cols, y += cols) {
        const float norm = norm_of(p->norm, x, at, y, cols);
        for (size_t i = 0; i < cols && norm != 0; i++) {
            if (p->norm != NORM_L2) {
                y[i] /= norm;
                continue;
            }
            const float root = (float)mdl_sqrt((double)(square(x, at + i) / norm));
            y[i] = y[i] < 0 ? -root : root;
        }
    }
    return MDL_OK;
}

const struct op mdl_op_normalize_rows = {
    .name = "normalize_rows",
    .about = "rows by their largest element, sum of magnitudes, or length",
    .fields = normalize_fields,
    .n_fields = 1,
    .params_bytes = sizeof(struct normalize_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = normalize_infer,
    .shape = normalize_shape,
    .eval = normalize_eval,
};

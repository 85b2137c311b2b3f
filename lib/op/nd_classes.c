/*
 * op/nd_classes.c - from scores to labels: what ONNX's LinearClassifier and tree ensembles do
 *
 *   x       [rows, n]        scores; of trees float32 or float64, with columns of counts behind
 *   labels  int64 or strings as many as there are columns, or two for one column
 *   label   [rows]           the class
 *   scores  [rows, classes]  float32, after `transform`
 *
 * linear_classes: one column: the second label where x > 0, else the first, and with `second`
 * the scores [1 - x, x], of a logistic those of -x and x, whatever else the transform is;
 * several: the label of the first largest, then the transform.
 *
 * tree_classes: `base` is added to the sums.  A class counts only if a leaf that the row has
 * reached gives it something: `given` says of each class -1, always; -2, never; else the
 * column that counts.  More than two classes: the label of the first largest that counts.
 * Two: x1, or x0 when x1 does not count, is compared with 0, or with 0.5 if all weights are
 * positive (`positive`) and speak of one class (`binary`); if x1 does not count the scores are
 * [1 - x0, x0], or [-x0, x0] when compared with 0, and with a logistic those of -x0 and x0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

static const struct slot linear_slots[] = { ML_LABEL_SLOTS };

struct classes_plan {
    struct ml_list labels;
};

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    struct classes_plan *p = mdl_arena_take(a, 1, sizeof *p);

    (void)g;
    if (!p)
        return mdl_arena_fail(a, err, "labels");
    n->plan = p;
    return mdl_ml_list_data(&p->labels, n, 0, 1, a, err);
}

/* Labels of `classes` classes; two at least, and at most a million. */
static mdl_status check_labels(struct node *n, struct graph *g, int64_t classes, mdl_error *err)
{
    struct ml_list labels;
    const mdl_status s = mdl_ml_list(&labels, n, 0, 1, err);

    if (s)
        return s;
    if (classes < 1 || classes > 1 << 20 || labels.count != (classes == 1 ? 2 : (uint64_t)classes))
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu labels of %lld classes",
                        (unsigned long long)labels.count, (long long)classes);
    nd_result(n, g, 0, labels.type);
    nd_result(n, g, 1, MDL_F32);
    return MDL_OK;
}

static mdl_status set_shapes(const struct node *n, struct nd_call *c, int64_t in, int64_t out)
{
    const struct nd *x = nd_in(c, n, 0);
    char text[96];

    if (x->rank != 2 || x->dims[1] != in)
        return mdl_fail(c->err, MDL_ERR_DATA, "shape %s, expected rows of %lld scores",
                        mdl_nd_shape_text(text, sizeof text, x), (long long)in);
    mdl_nd_set_shape(nd_out(c, n, 0), 1, x->dims);
    if (n->n_out > 1)
        mdl_nd_set_shape(nd_out(c, n, 1), 2, (int64_t[]){ x->dims[0], out });
    return MDL_OK;
}

/* Write what a row has come to. */
static void put_row(const struct node *n, struct nd_call *c, uint64_t row, uint64_t label,
                    const float *scores, size_t width)
{
    const struct classes_plan *p = n->plan;

    if (nd_wanted(c, n, 0))
        ml_put(nd_out(c, n, 0)->data, row, &p->labels, label);
    if (nd_wanted(c, n, 1) && width)
        memcpy((float *)nd_out(c, n, 1)->data + row * width, scores, width * sizeof *scores);
}

/* ---- linear_classes ------------------------------------------------------------------------- */

struct linear_params {
    int64_t classes;
    int64_t transform;
    int64_t second;
};

static const struct field linear_fields[] = {
    FIELD(FIELD_INT, linear_params, classes, 1, NULL),
    FIELD(FIELD_CHOICE, linear_params, transform, ML_NONE, mdl_ml_transforms),
    FIELD(FIELD_INT, linear_params, second, 0, NULL),
};

static mdl_status linear_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct linear_params *p = n->params;
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPE_BIT(MDL_F32), err);

    if (s)
        return s;
    if (p->second && (p->classes != 1 || p->transform == ML_PROBIT))
        return mdl_fail(err, MDL_ERR_FORMAT, "a second score of %lld classes, or of a probit",
                        (long long)p->classes);
    return check_labels(n, g, p->classes, err);
}

static mdl_status linear_shape(const struct node *n, struct nd_call *c)
{
    const struct linear_params *p = n->params;

    c->temp_bytes = (uint64_t)(p->classes + 1) * sizeof(float);
    return set_shapes(n, c, p->classes, p->classes + (p->second != 0));
}

static mdl_status linear_eval(const struct node *n, struct nd_call *c)
{
    const struct linear_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const size_t width = (size_t)p->classes;
    float *row = c->temp;

    for (uint64_t r = 0; r < (uint64_t)x->dims[0]; r++) {
        const float *s = (const float *)x->data + r * width;
        size_t best = width == 1 ? s[0] > 0 : 0;

        for (size_t k = 1; k < width; k++)
            best = s[k] > s[best] ? k : best;
        memcpy(row, s, width * sizeof *row);
        if (p->second && p->transform == ML_LOGISTIC) {
            row[0] = mdl_ml_logistic(-s[0]);
            row[1] = mdl_ml_logistic(s[0]);
        } else if (p->second) {
            row[0] = 1.0f - s[0];
            row[1] = s[0];
        } else if (width == 1) {
            row[0] = ml_transform_one(p->transform, row[0]);
        } else {
            mdl_ml_transform_linear(p->transform, row, width);
        }
        put_row(n, c, r, best, row, width + (p->second != 0));
    }
    return MDL_OK;
}

const struct op mdl_op_linear_classes = {
    .name = "linear_classes",
    .about = "labels and scores of a linear classifier",
    .fields = linear_fields,
    .slots = linear_slots,
    .n_fields = sizeof linear_fields / sizeof *linear_fields,
    .n_slots = 2,
    .params_bytes = sizeof(struct linear_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .infer = linear_infer,
    .prepare = prepare,
    .shape = linear_shape,
    .eval = linear_eval,
};

/* ---- tree_classes --------------------------------------------------------------------------- */

struct tree_params {
    int64_t classes;
    int64_t columns;
    int64_t transform;
    int64_t binary;
    int64_t positive;
};

static const struct field tree_fields[] = {
    FIELD(FIELD_INT, tree_params, classes, 1, NULL),
    FIELD(FIELD_INT, tree_params, columns, 1, NULL),
    FIELD(FIELD_CHOICE, tree_params, transform, ML_NONE, mdl_ml_transforms),
    FIELD(FIELD_INT, tree_params, binary, 0, NULL),
    FIELD(FIELD_INT, tree_params, positive, 0, NULL),
};

enum { GIVEN = 2, BASE };
static const struct slot tree_slots[] = {
    ML_LABEL_SLOTS,
    [GIVEN] = { "given", TYPE_BIT(MDL_I64), 1, 0 },
    [BASE] = { "base", TYPES_FLOAT, 1, 0 },
};

#define ALWAYS (-1)
#define NEVER  (-2)

static mdl_status tree_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tree_params *p = n->params;
    const struct tensor *given = &n->tensors[GIVEN], *base = &n->tensors[BASE];
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_FLOAT, err);

    if (!s) s = check_labels(n, g, p->classes, err);
    if (!s) s = mdl_op_need_tensor(n, GIVEN, MDL_I64, (uint64_t)p->classes, err);
    if (s)
        return s;
    if (p->columns < p->classes || p->columns > 2 * p->classes
        || base->count > (uint64_t)p->classes)
        return mdl_fail(err, MDL_ERR_FORMAT, "%lld classes, %lld columns and %llu bases",
                        (long long)p->classes, (long long)p->columns,
                        (unsigned long long)base->count);
    for (uint64_t k = 0; k < given->count; k++) {
        const int64_t at = ((const int64_t *)given->data)[k];
        if (at != ALWAYS && at != NEVER && (at < p->classes || at >= p->columns))
            return mdl_fail(err, MDL_ERR_FORMAT, "class %llu is counted in column %lld",
                            (unsigned long long)k, (long long)at);
    }
    return MDL_OK;
}

static mdl_status tree_shape(const struct node *n, struct nd_call *c)
{
    const struct tree_params *p = n->params;

    c->temp_bytes = (uint64_t)(p->classes + 1) * (sizeof(double) + sizeof(float) + 1);
    return set_shapes(n, c, p->columns, p->classes);
}

/* One row on its way. */
struct scores {
    double        *sum;           /* [n]                                                 */
    float         *out;           /* [n + 1]                                             */
    unsigned char *has;           /* [n]                                                 */
    size_t         n;
    int            wide;          /* sums are float64                                    */
};

static double add(const struct scores *s, double a, double b)
{
    return s->wide ? a + b : (double)(float)(a + b);
}

static double base_at(const struct node *n, size_t i)
{
    const struct tensor *base = &n->tensors[BASE];

    return base->type == MDL_F32 ? (double)((const float *)base->data)[i]
                                 : ((const double *)base->data)[i];
}

static void load_row(const struct node *n, const struct nd *x, uint64_t row, struct scores *s)
{
    const struct tensor *given = &n->tensors[GIVEN];
    const uint64_t at = row * (uint64_t)x->dims[1];

    mdl_nd_load_f64(s->sum, x->data, x->type, at, s->n);
    for (size_t k = 0; k < s->n; k++) {
        const int64_t where = given->type ? ((const int64_t *)given->data)[k] : ALWAYS;
        s->has[k] = where == ALWAYS || (where >= 0 && mdl_nd_number(x, at + (uint64_t)where) > 0);
    }
}

/* What counts, transformed. */
static void finish_all(const struct tree_params *p, struct scores *s)
{
    for (size_t k = 0; k < s->n; k++)
        s->out[k] = s->has[k] ? (float)s->sum[k] : 0;
    mdl_ml_transform(p->transform, s->out, s->n);
}

static uint64_t finish_many(const struct node *n, struct scores *s)
{
    const struct tensor *base = &n->tensors[BASE];
    size_t best = s->n;

    for (size_t k = 0; k < base->count; k++) {
        s->sum[k] = add(s, s->has[k] ? s->sum[k] : 0, base_at(n, k));
        s->has[k] = 1;
    }
    for (size_t k = 0; k < s->n; k++)
        if (s->has[k] && (best == s->n || s->sum[k] > s->sum[best]))
            best = k;
    finish_all(n->params, s);
    return best == s->n ? 0 : best;
}

/* Two classes; returns 1 if one score stands for both. */
static int add_bases(const struct node *n, struct scores *s)
{
    const struct tensor *base = &n->tensors[BASE];

    if (!base->count)
        return !s->has[1];
    if (base->count == 1) {
        s->sum[0] = add(s, s->sum[0], base_at(n, 0));
        return !s->has[1];
    }
    if (s->has[1]) {
        s->sum[1] = add(s, base_at(n, 1), s->sum[0]);
        s->sum[0] = -s->sum[1];
    } else {
        s->sum[1] = add(s, s->sum[1], base_at(n, 1));
        s->sum[0] = add(s, s->sum[0], base_at(n, 0));
    }
    return 0;
}

/* One score as two; without `binary` and with a base ONNX says nothing: it stays one. */
static void split_score(const struct node *n, struct scores *s)
{
    const struct tree_params *p = n->params;
    const float x = (float)s->sum[0];

    s->out[0] = x;
    s->out[1] = 0;
    if (p->transform == ML_PROBIT)
        s->out[0] = mdl_ml_probit(x);
    else if (!p->binary && n->tensors[BASE].count)
        return;
    else if (p->transform == ML_LOGISTIC) {
        s->out[0] = mdl_ml_logistic(-x);
        s->out[1] = mdl_ml_logistic(x);
    } else {
        s->out[0] = p->binary && p->positive ? (float)add(s, 1, -s->sum[0]) : -x;
        s->out[1] = x;
    }
}

static uint64_t finish_two(const struct node *n, struct scores *s)
{
    const struct tree_params *p = n->params;
    const int one = add_bases(n, s);
    const double x = s->has[1] ? s->sum[1] : s->has[0] ? s->sum[0] : 0;

    if (one)
        split_score(n, s);
    else
        finish_all(p, s);
    return x > (p->binary && p->positive ? 0.5 : 0);
}

static uint64_t finish_one(const struct node *n, struct scores *s)
{
    const struct tree_params *p = n->params;

    if (n->tensors[BASE].count)
        s->sum[0] = add(s, s->sum[0], base_at(n, 0));
    s->out[0] = ml_transform_one(p->transform, (float)s->sum[0]);
    return s->sum[0] > 0;
}

static mdl_status tree_eval(const struct node *n, struct nd_call *c)
{
    const struct tree_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const size_t width = (size_t)p->classes;
    struct scores s = { .n = width, .wide = x->type == MDL_F64 };

    s.sum = c->temp;
    s.out = (float *)(void *)(s.sum + width + 1);
    s.has = (unsigned char *)(s.out + width + 1);
    for (uint64_t r = 0; r < (uint64_t)x->dims[0]; r++) {
        load_row(n, x, r, &s);
        const uint64_t label = width == 1 ? finish_one(n, &s)
                             : width == 2 ? finish_two(n, &s) : finish_many(n, &s);
        put_row(n, c, r, label, s.out, width);
    }
    return MDL_OK;
}

const struct op mdl_op_tree_classes = {
    .name = "tree_classes",
    .about = "labels and scores of a tree ensemble's sums",
    .fields = tree_fields,
    .slots = tree_slots,
    .n_fields = sizeof tree_fields / sizeof *tree_fields,
    .n_slots = sizeof tree_slots / sizeof *tree_slots,
    .params_bytes = sizeof(struct tree_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .infer = tree_infer,
    .prepare = prepare,
    .shape = tree_shape,
    .eval = tree_eval,
};

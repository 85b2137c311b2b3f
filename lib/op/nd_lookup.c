/*
 * op/nd_lookup.c - values by keys: LabelEncoder, CategoryMapper, OneHotEncoder
 *
 *   lookup      y = values[i] where keys[i] == x, else the default; any shape
 *   categories  y[..., i] = 1 where cats[i] == x, else 0; float32
 *
 * Keys and values are numbers or strings (nd_ml.h, lists).  A lookup with `other`, a second
 * default, also goes backwards: when x has the type of the values, keys are the answer.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_ml.h"

#define KEYS (TYPES_FLOAT | TYPES_SIGNED)

enum { KEY, KEY_TEXT, VALUE, VALUE_TEXT, DEFAULT, DEFAULT_TEXT, OTHER, OTHER_TEXT };
static const struct slot lookup_slots[] = {
    [KEY] = { "keys", KEYS, 1, 0 },
    [KEY_TEXT] = { "key_text", TYPE_BIT(MDL_U8), 1, 0 },
    [VALUE] = { "values", KEYS, 1, 0 },
    [VALUE_TEXT] = { "value_text", TYPE_BIT(MDL_U8), 1, 0 },
    [DEFAULT] = { "default", KEYS, 1, 0 },
    [DEFAULT_TEXT] = { "default_text", TYPE_BIT(MDL_U8), 1, 0 },
    [OTHER] = { "other", KEYS, 1, 0 },
    [OTHER_TEXT] = { "other_text", TYPE_BIT(MDL_U8), 1, 0 },
};

struct lookup_params {
    int64_t nan;                  /* NaN is a key like others                             */
    int64_t last;                 /* of equal keys the last counts, else the first        */
};

static const struct field lookup_fields[] = {
    FIELD(FIELD_INT, lookup_params, nan, 0, NULL),
    FIELD(FIELD_INT, lookup_params, last, 0, NULL),
};

struct lookup_plan {
    struct ml_index index;
    struct ml_list  values, fallback;
};

/* Does x go backwards? */
static int goes_back(const struct node *n, uint32_t x_type, const struct ml_list *keys,
                     const struct ml_list *values)
{
    return (n->tensors[OTHER].type || n->tensors[OTHER_TEXT].type) && x_type == values->type
        && x_type != keys->type;
}

static mdl_status lookup_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const uint32_t type = nd_type(n, g, 0);
    struct ml_list keys, values, fallback, other;
    mdl_status s = mdl_ml_list(&keys, n, KEY, KEY_TEXT, err);

    if (!s) s = mdl_ml_list(&values, n, VALUE, VALUE_TEXT, err);
    if (!s) s = mdl_ml_list(&fallback, n, DEFAULT, DEFAULT_TEXT, err);
    if (!s) s = mdl_ml_list(&other, n, OTHER, OTHER_TEXT, err);
    if (s)
        return s;
    if (!keys.type || keys.count != values.count)
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu keys and %llu values",
                        (unsigned long long)keys.count, (unsigned long long)values.count);
    if (fallback.type != values.type || fallback.count != 1
        || (other.type && (other.type != keys.type || other.count != 1)))
        return mdl_fail(err, MDL_ERR_FORMAT, "a default that is not one %s",
                        mdl_type_name(values.type));
    const int back = goes_back(n, type, &keys, &values);
    if (!back && type != keys.type)
        return mdl_fail(err, MDL_ERR_FORMAT, "input 0 is %s, the keys are %s", mdl_type_name(type),
                        mdl_type_name(keys.type));
    nd_result(n, g, 0, back ? keys.type : values.type);
    return MDL_OK;
}

static mdl_status lookup_prepare(struct node *n, const struct graph *g, struct arena *a,
                                 mdl_error *err)
{
    const struct lookup_params *params = n->params;
    struct lookup_plan *p = mdl_arena_take(a, 1, sizeof *p);
    struct ml_list keys, values;

    if (!p)
        return mdl_arena_fail(a, err, "a lookup");
    n->plan = p;
    mdl_status s = mdl_ml_list_data(&keys, n, KEY, KEY_TEXT, a, err);
    if (!s) s = mdl_ml_list_data(&values, n, VALUE, VALUE_TEXT, a, err);
    if (s)
        return s;
    const int back = goes_back(n, nd_type(n, g, 0), &keys, &values);
    p->values = back ? keys : values;
    s = mdl_ml_list_data(&p->fallback, n, back ? OTHER : DEFAULT, back ? OTHER_TEXT : DEFAULT_TEXT,
                         a, err);
    return s ? s : mdl_ml_index(&p->index, back ? &values : &keys, params->nan != 0,
                                params->last != 0, a, err);
}

/* Where element i of x is. */
static uint32_t find(const struct ml_index *ix, const struct nd *x, uint64_t i)
{
    if (x->type == MDL_STRING)
        return mdl_ml_find_text(ix, ((const char *const *)x->data)[i]);
    return x->type == MDL_F32 || x->type == MDL_F64 ? mdl_ml_find_f64(ix, mdl_nd_number(x, i))
                                                    : mdl_ml_find_i64(ix, mdl_nd_int(x, i));
}

static mdl_status lookup_eval(const struct node *n, struct nd_call *c)
{
    const struct lookup_plan *p = n->plan;
    const struct nd *x = nd_in(c, n, 0);
    void *y = nd_out(c, n, 0)->data;

    for (uint64_t i = 0; i < x->count; i++) {
        const uint32_t at = find(&p->index, x, i);
        ml_put(y, i, at == ML_NOWHERE ? &p->fallback : &p->values, at == ML_NOWHERE ? 0 : at);
    }
    return MDL_OK;
}

const struct op mdl_op_lookup = {
    .name = "lookup",
    .about = "the value of the key that x is, or a default",
    .fields = lookup_fields,
    .slots = lookup_slots,
    .n_fields = sizeof lookup_fields / sizeof *lookup_fields,
    .n_slots = sizeof lookup_slots / sizeof *lookup_slots,
    .params_bytes = sizeof(struct lookup_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = lookup_infer,
    .prepare = lookup_prepare,
    .shape = mdl_nd_shape_same,
    .eval = lookup_eval,
};

/* ---- categories ------------------------------------------------------------------------------ */

enum { CATS, CAT_TEXT };
static const struct slot categories_slots[] = {
    [CATS] = { "cats", TYPE_BIT(MDL_I64), 1, 0 },
    [CAT_TEXT] = { "cat_text", TYPE_BIT(MDL_U8), 1, 0 },
};

struct categories_params {
    int64_t strict;               /* x that is no category is an error, else it is all 0   */
};

static const struct field categories_fields[] = {
    FIELD(FIELD_INT, categories_params, strict, 0, NULL),
};

static mdl_status categories_infer(struct node *n, struct graph *g, mdl_error *err)
{
    struct ml_list cats;
    mdl_status s = mdl_ml_list(&cats, n, CATS, CAT_TEXT, err);

    if (!s) s = mdl_nd_need_type(n, g, 0, ML_X | TYPE_BIT(MDL_STRING), err);
    if (s)
        return s;
    if (!cats.count || (cats.type == MDL_STRING) != (nd_type(n, g, 0) == MDL_STRING))
        return mdl_fail(err, MDL_ERR_FORMAT, "%llu categories of %s, input 0 is %s",
                        (unsigned long long)cats.count, mdl_type_name(cats.type),
                        mdl_type_name(nd_type(n, g, 0)));
    nd_result(n, g, 0, MDL_F32);
    return MDL_OK;
}

static mdl_status categories_prepare(struct node *n, const struct graph *g, struct arena *a,
                                     mdl_error *err)
{
    struct ml_index *ix = mdl_arena_take(a, 1, sizeof *ix);
    struct ml_list cats;

    (void)g;
    if (!ix)
        return mdl_arena_fail(a, err, "categories");
    n->plan = ix;
    const mdl_status s = mdl_ml_list_data(&cats, n, CATS, CAT_TEXT, a, err);
    return s ? s : mdl_ml_index(ix, &cats, 0, 1, a, err);
}

static mdl_status categories_shape(const struct node *n, struct nd_call *c)
{
    const struct ml_index *ix = n->plan;
    const struct nd *x = nd_in(c, n, 0);
    int64_t dims[MDL_MAX_RANK];

    if (x->rank >= MDL_MAX_RANK)
        return mdl_fail(c->err, MDL_ERR_DATA, "rank %u, expected less than %u", (unsigned)x->rank,
                        (unsigned)MDL_MAX_RANK);
    for (uint32_t i = 0; i < x->rank; i++)
        dims[i] = x->dims[i];
    dims[x->rank] = (int64_t)ix->keys.count;
    mdl_nd_set_shape(nd_out(c, n, 0), x->rank + 1, dims);
    return MDL_OK;
}

/* Floats are cut to integers; NaN and what int64 has no room for is no category. */
static uint32_t find_cut(const struct ml_index *ix, const struct nd *x, uint64_t i)
{
    if (x->type == MDL_STRING || x->type == MDL_I32 || x->type == MDL_I64)
        return find(ix, x, i);
    const double v = mdl_nd_number(x, i);
    return v >= -0x1p63 && v < 0x1p63 ? mdl_ml_find_i64(ix, (int64_t)v) : ML_NOWHERE;
}

static mdl_status categories_eval(const struct node *n, struct nd_call *c)
{
    const struct categories_params *p = n->params;
    const struct ml_index *ix = n->plan;
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *out = nd_out(c, n, 0);
    float *y = out->data;

    if (out->count)
        memset(y, 0, (size_t)out->count * sizeof *y);
    for (uint64_t i = 0; i < x->count; i++) {
        const uint32_t at = find_cut(ix, x, i);
        if (at != ML_NOWHERE)
            y[i * ix->keys.count + at] = 1;
        else if (p->strict)
            return mdl_fail(c->err, MDL_ERR_DATA, "element %llu is none of the categories",
                            (unsigned long long)i);
    }
    return MDL_OK;
}

const struct op mdl_op_categories = {
    .name = "categories",
    .about = "for each category 1 where x is it, else 0",
    .fields = categories_fields,
    .slots = categories_slots,
    .n_fields = 1,
    .n_slots = 2,
    .params_bytes = sizeof(struct categories_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = categories_infer,
    .prepare = categories_prepare,
    .shape = categories_shape,
    .eval = categories_eval,
};

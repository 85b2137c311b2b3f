/*
 * op/nd_extremes.c - the least or greatest of what trees say
 *
 *   leaves      [rows, trees]     int32, counted from 0 in each tree (result 1 of `trees`)
 *   tree_start  u32 [trees + 1]   first leaf of each tree
 *   start       u32 [L + 1]       first entry of each leaf
 *   target      u32 [...]         an entry: a target and what the leaf says of it
 *   value       f32 or f64 [...]
 *   y           [rows, targets]   of value's type; 0 where no leaf says anything
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include <string.h>

struct extremes_params {
    int64_t targets;
    int64_t greatest;
};

static const struct field fields[] = {
    FIELD(FIELD_INT, extremes_params, targets, 1, NULL),
    FIELD(FIELD_INT, extremes_params, greatest, 0, NULL),
};

enum { TREE_START, START, TARGET, VALUE };
static const struct slot slots[] = {
    [TREE_START] = { "tree_start", TYPE_BIT(MDL_U32), 1, 1 },
    [START] = { "start", TYPE_BIT(MDL_U32), 1, 1 },
    [TARGET] = { "target", TYPE_BIT(MDL_U32), 1, 1 },
    [VALUE] = { "value", TYPES_FLOAT, 1, 1 },
};

/* A list of offsets from 0 to `last`. */
static int ascends(const struct tensor *t, uint64_t last)
{
    const uint32_t *at = t->data;

    if (!t->count || at[0] || at[t->count - 1] != last)
        return 0;
    for (uint64_t i = 1; i < t->count; i++)
        if (at[i] < at[i - 1])
            return 0;
    return 1;
}

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct extremes_params *p = n->params;
    const struct tensor *w = n->tensors;
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPE_BIT(MDL_I32), err);

    if (s)
        return s;
    if (p->targets < 1 || p->targets > INT32_MAX || !w[START].count
        || !ascends(&w[TREE_START], w[START].count - 1) || !ascends(&w[START], w[VALUE].count)
        || w[TARGET].count != w[VALUE].count)
        return mdl_fail(err, MDL_ERR_FORMAT, "leaves that do not fit: %llu values of %lld targets",
                        (unsigned long long)w[VALUE].count, (long long)p->targets);
    for (uint64_t i = 0; i < w[TARGET].count; i++)
        if (((const uint32_t *)w[TARGET].data)[i] >= p->targets)
            return mdl_fail(err, MDL_ERR_FORMAT, "target %u of %lld",
                            ((const uint32_t *)w[TARGET].data)[i], (long long)p->targets);
    nd_result(n, g, 0, w[VALUE].type);
    return MDL_OK;
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct extremes_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);

    if (x->rank != 2 || (uint64_t)x->dims[1] != n->tensors[TREE_START].count - 1)
        return mdl_fail(c->err, MDL_ERR_DATA, "leaves of %lld trees, expected %llu",
                        (long long)(x->rank == 2 ? x->dims[1] : 0),
                        (unsigned long long)n->tensors[TREE_START].count - 1);
    c->temp_bytes = (uint64_t)p->targets;
    mdl_nd_set_shape(nd_out(c, n, 0), 2, (int64_t[]){ x->dims[0], p->targets });
    return MDL_OK;
}

/* One leaf against what a row has so far. */
static void take_leaf(const struct node *n, uint32_t leaf, void *y, unsigned char *has)
{
    const struct extremes_params *p = n->params;
    const uint32_t *start = n->tensors[START].data, *target = n->tensors[TARGET].data;
    const struct nd value = { .data = (void *)(uintptr_t)n->tensors[VALUE].data,
                              .type = n->tensors[VALUE].type };
    const size_t cell = mdl_nd_type_bytes(value.type);

    for (uint32_t i = start[leaf]; i < start[leaf + 1]; i++) {
        const struct nd best = { .data = y, .type = value.type };
        const double v = mdl_nd_number(&value, i), so_far = mdl_nd_number(&best, target[i]);
        if (!has[target[i]] || (p->greatest ? v > so_far : v < so_far))
            memcpy((unsigned char *)y + target[i] * cell,
                   (const unsigned char *)value.data + i * cell, cell);
        has[target[i]] = 1;
    }
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct extremes_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const struct nd *y = nd_out(c, n, 0);
    const uint32_t *tree_start = n->tensors[TREE_START].data;
    const uint64_t trees = (uint64_t)x->dims[1];
    const size_t row_bytes = (size_t)p->targets * mdl_nd_type_bytes(y->type);

    for (uint64_t r = 0; r < (uint64_t)x->dims[0]; r++) {
        unsigned char *row = (unsigned char *)y->data + r * row_bytes;

        memset(row, 0, row_bytes);
        memset(c->temp, 0, (size_t)p->targets);
        for (uint64_t t = 0; t < trees; t++) {
            const int32_t leaf = ((const int32_t *)x->data)[r * trees + t];
            if (leaf < 0 || (uint32_t)leaf >= tree_start[t + 1] - tree_start[t])
                return mdl_fail(c->err, MDL_ERR_DATA, "leaf %d of tree %llu", (int)leaf,
                                (unsigned long long)t);
            take_leaf(n, tree_start[t] + (uint32_t)leaf, row, c->temp);
        }
    }
    return MDL_OK;
}

const struct op mdl_op_extremes = {
    .name = "extremes",
    .about = "the least or greatest of what the leaves say of each target",
    .fields = fields,
    .slots = slots,
    .n_fields = 2,
    .n_slots = sizeof slots / sizeof *slots,
    .params_bytes = sizeof(struct extremes_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .shape = shape,
    .eval = eval,
};

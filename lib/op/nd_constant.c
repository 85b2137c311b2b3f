/*
 * op/nd_constant.c - values that are always the same
 *
 *     constant   a tensor of numbers, in the file image
 *     texts      a tensor of strings: its texts one after another, each ended by a zero byte
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include <string.h>

/* ---- constant ------------------------------------------------------------------------------ */

static const struct slot constant_slots[] = {
    { "value", TYPES_ANY & ~TYPE_BIT(MDL_STRING), VALUE_ANY_RANK, 1 },
};

static mdl_status constant_infer(struct node *n, struct graph *g, mdl_error *err)
{
    struct value *v = node_out(n, g, 0);
    uint64_t all = 1;

    /* As of every tensor (exec.c): products of dims fit, also beside one of 0. */
    for (uint32_t i = 0; i < n->tensors[0].rank; i++)
        if (n->tensors[0].dims[i] && (!size_mul(all, (uint64_t)n->tensors[0].dims[i], &all)
                                      || all > INT64_MAX / 64))
            return mdl_fail(err, MDL_ERR_LIMIT, "a tensor with more elements than there can be");
    nd_result(n, g, 0, n->tensors[0].type);
    v->constant = &n->tensors[0];
    return MDL_OK;
}

static mdl_status constant_shape(const struct node *n, struct nd_call *c)
{
    mdl_nd_set_shape(nd_out(c, n, 0), n->tensors[0].rank, n->tensors[0].dims);
    return MDL_OK;
}

static mdl_status constant_eval(const struct node *n, struct nd_call *c)
{
    struct nd *y = nd_out(c, n, 0);

    if (y->count)
        memcpy(y->data, n->tensors[0].data, (size_t)y->count * mdl_type_bytes(y->type));
    return MDL_OK;
}

const struct op mdl_op_constant = {
    .name = "constant",
    .about = "a tensor that is always the same",
    .slots = constant_slots,
    .n_slots = 1,
    .n_out = 1,
    .infer = constant_infer,
    .shape = constant_shape,
    .eval = constant_eval,
    .traits = ND_HALF,
};

/* ---- texts --------------------------------------------------------------------------------- */

enum { TEXT, DIMS };
static const struct slot texts_slots[] = {
    [TEXT] = { "text", TYPE_BIT(MDL_U8), 1, 1 },
    [DIMS] = { "dims", TYPE_BIT(MDL_I64), 1, 1 },
};

static mdl_status texts_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *text = &n->tensors[TEXT], *dims = &n->tensors[DIMS];
    const unsigned char *bytes = text->data;
    uint64_t want = 1, have = 0;

    if (dims->count > MDL_MAX_RANK)
        return mdl_fail(err, MDL_ERR_FORMAT, "texts of rank %llu", (unsigned long long)dims->count);
    for (uint64_t i = 0; i < dims->count; i++) {
        const int64_t d = ((const int64_t *)dims->data)[i];
        if (d < 0 || !size_mul(want, (uint64_t)d, &want))
            return mdl_fail(err, MDL_ERR_FORMAT, "texts with a dimension of %lld", (long long)d);
    }
    for (uint64_t i = 0; i < text->count; i++)
        have += !bytes[i];
    if (have != want || (text->count && bytes[text->count - 1]))
        return mdl_fail_at(err, MDL_ERR_FORMAT, "data", text->offset, "%llu texts, expected %llu",
                           (unsigned long long)have, (unsigned long long)want);
    nd_result(n, g, 0, MDL_STRING);
    return MDL_OK;
}

static mdl_status texts_shape(const struct node *n, struct nd_call *c)
{
    const struct tensor *dims = &n->tensors[DIMS];

    mdl_nd_set_shape(nd_out(c, n, 0), (uint32_t)dims->count, dims->data);
    return MDL_OK;
}

static mdl_status texts_eval(const struct node *n, struct nd_call *c)
{
    struct nd *y = nd_out(c, n, 0);
    const char **to = y->data, *at = n->tensors[TEXT].data;

    for (uint64_t i = 0; i < y->count; i++) {
        to[i] = at;
        at += strlen(at) + 1;
    }
    return MDL_OK;
}

const struct op mdl_op_texts = {
    .name = "texts",
    .about = "a tensor of strings that is always the same",
    .slots = texts_slots,
    .n_slots = 2,
    .n_out = 1,
    .infer = texts_infer,
    .shape = texts_shape,
    .eval = texts_eval,
};

/*
 * op/nd.c - what many tensor operators share: types, shapes, broadcasting
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include <stdio.h>
#include <string.h>

/* ---- types -------------------------------------------------------------------------------- */

mdl_status mdl_nd_need_type(const struct node *n, const struct graph *g, uint32_t i, uint32_t types,
                            mdl_error *err)
{
    const uint32_t type = nd_type(n, g, i);

    if (type && !(types & TYPE_BIT(type)))
        return mdl_fail(err, MDL_ERR_FORMAT, "input %u is %s, which the operator does not take",
                        (unsigned)i, mdl_type_name(type));
    return MDL_OK;
}

mdl_status mdl_nd_need_same(const struct node *n, const struct graph *g, uint32_t first, uint32_t last,
                            mdl_error *err)
{
    const uint32_t want = nd_type(n, g, first);

    for (uint32_t i = first; i <= last && i < n->n_in; i++)
        if (nd_given(n, i) && nd_type(n, g, i) != want)
            return mdl_fail(err, MDL_ERR_FORMAT, "input %u is %s and input %u is %s, expected the "
                            "same type", (unsigned)first, mdl_type_name(want), (unsigned)i,
                            mdl_type_name(nd_type(n, g, i)));
    return MDL_OK;
}

mdl_status mdl_nd_infer_same(struct node *n, struct graph *g, mdl_error *err)
{
    (void)err;
    for (uint32_t i = 0; i < n->n_out; i++)
        nd_result(n, g, i, nd_type(n, g, 0));
    return MDL_OK;
}

mdl_status mdl_nd_infer_bool(struct node *n, struct graph *g, mdl_error *err)
{
    (void)err;
    nd_result(n, g, 0, MDL_BOOL);
    return MDL_OK;
}

size_t mdl_nd_type_bytes(uint32_t type)
{
    return type == MDL_STRING ? sizeof(const char *) : mdl_type_bytes(type);
}

/* ---- shapes ------------------------------------------------------------------------------- */

void mdl_nd_set_shape(struct nd *to, uint32_t rank, const int64_t *dims)
{
    to->rank = rank;
    for (uint32_t i = 0; i < MDL_MAX_RANK; i++)
        to->dims[i] = i < rank ? dims[i] : 0;
}

mdl_status mdl_nd_shape_same(const struct node *n, struct nd_call *c)
{
    for (uint32_t i = 0; i < n->n_out; i++)
        nd_like(nd_out(c, n, i), nd_in(c, n, 0));
    return MDL_OK;
}

mdl_status mdl_nd_axis(int64_t *axis, uint32_t rank, mdl_error *err)
{
    const int64_t n = (int64_t)rank;

    if (*axis < -n || *axis >= n)
        return mdl_fail(err, MDL_ERR_DATA, "axis %lld of a tensor of rank %u", (long long)*axis,
                        (unsigned)rank);
    *axis += *axis < 0 ? n : 0;
    return MDL_OK;
}

const char *mdl_nd_shape_text(char *out, size_t room, const struct nd *t)
{
    size_t used = 0;

    out[0] = '\0';
    for (uint32_t i = 0; i <= t->rank && used < room; i++) {
        const char *before = i ? ", " : "[";
        const int wrote = i == t->rank
            ? snprintf(out + used, room - used, "%s]", i ? "" : "[")
            : snprintf(out + used, room - used, "%s%lld", before, (long long)t->dims[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
    return out;
}

/* Dimension i of a shape counted from the end, 1 beyond its rank. */
static int64_t from_end(const struct nd *t, uint32_t i)
{
    return i < t->rank ? t->dims[t->rank - 1 - i] : 1;
}

mdl_status mdl_nd_broadcast(struct nd *to, const struct nd *a, const struct nd *b, mdl_error *err)
{
    const uint32_t rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dims[MDL_MAX_RANK];
    char text[2][96];

    for (uint32_t i = 0; i < rank; i++) {
        const int64_t x = from_end(a, i), y = from_end(b, i);
        if (x != y && x != 1 && y != 1)
            return mdl_fail(err, MDL_ERR_DATA, "shapes %s and %s do not broadcast",
                            mdl_nd_shape_text(text[0], sizeof text[0], a),
                            mdl_nd_shape_text(text[1], sizeof text[1], b));
        dims[rank - 1 - i] = x == 1 ? y : x;
    }
    mdl_nd_set_shape(to, rank, dims);
    return MDL_OK;
}

void mdl_nd_steps(int64_t *step, const struct nd *to, const struct nd *from)
{
    int64_t all = 1;

    for (uint32_t i = 0; i < to->rank; i++) {
        const int64_t d = from_end(from, i);
        step[to->rank - 1 - i] = d == 1 ? 0 : all;
        all *= d;
    }
}

mdl_status mdl_nd_copy(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct nd *y = nd_out(c, n, 0);

    if (y->data != x->data && x->count)
        memcpy(y->data, x->data, (size_t)x->count * mdl_nd_type_bytes(x->type));
    return MDL_OK;
}

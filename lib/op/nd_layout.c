/*
 * op/nd_layout.c - elements in another order, or again and again
 *
 *     transpose         x           dim i of the result is dim perm[i] of x
 *     depth_space       x [N, C, H, W], blocks of b x b pixels
 *                       dcr:  [N, C/bb, Hb, Wb],  channel (i, j, c) to pixel (i, j) of channel c
 *                       crd:  the same,           channel (c, i, j)
 *                       space_to_depth: the way back from dcr
 *     expand            x, shape    x broadcast to what x and the shape broadcast to
 *     tile              x, repeats  so many times along every dim;  or x, repeats, axis
 *     reverse_sequence  x, lengths  the first lengths[i] steps of sequence i backwards
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

/* ---- transpose ----------------------------------------------------------------------------- */

enum { PERM };
static const struct slot transpose_slots[] = {
    [PERM] = { "perm", TYPE_BIT(MDL_I64), 1, 0 },
};

static mdl_status transpose_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct tensor *perm = &n->tensors[PERM];
    uint64_t seen = 0;

    if (perm->type && perm->count > MDL_MAX_RANK)
        return mdl_fail(err, MDL_ERR_FORMAT, "perm has %llu elements",
                        (unsigned long long)perm->count);
    for (uint64_t i = 0; perm->type && i < perm->count; i++) {
        const int64_t d = ((const int64_t *)perm->data)[i];
        if (d < 0 || d >= (int64_t)perm->count || seen & 1u << d)
            return mdl_fail(err, MDL_ERR_FORMAT, "perm has %lld where it cannot be", (long long)d);
        seen |= 1u << d;
    }
    return mdl_nd_infer_same(n, g, err);
}

/* The dimension of x that dim i of the result is. */
static uint32_t perm_at(const struct node *n, uint32_t rank, uint32_t i)
{
    const struct tensor *perm = &n->tensors[PERM];

    return perm->type ? (uint32_t)((const int64_t *)perm->data)[i] : rank - 1 - i;
}

static mdl_status transpose_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    const struct tensor *perm = &n->tensors[PERM];
    int64_t dims[MDL_MAX_RANK];

    if (perm->type && perm->count != x->rank)
        return mdl_fail(c->err, MDL_ERR_DATA, "a tensor of rank %u, perm has %llu elements",
                        (unsigned)x->rank, (unsigned long long)perm->count);
    for (uint32_t i = 0; i < x->rank; i++)
        dims[i] = x->dims[perm_at(n, x->rank, i)];
    mdl_nd_set_shape(nd_out(c, n, 0), x->rank, dims);
    return MDL_OK;
}

static mdl_status transpose_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    int64_t step[MDL_MAX_RANK];
    struct nd_box box;

    mdl_nd_box_of(&box, y);
    mdl_nd_packed(step, x->rank, x->dims);
    for (uint32_t i = 0; i < x->rank; i++)
        box.from[i] = step[perm_at(n, x->rank, i)];
    mdl_nd_move(y->data, x->data, mdl_nd_type_bytes(x->type), &box);
    return MDL_OK;
}

const struct op mdl_op_transpose = {
    .name = "transpose",
    .about = "dimensions in the order of perm; without it, reversed",
    .slots = transpose_slots,
    .n_slots = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = transpose_infer,
    .shape = transpose_shape,
    .eval = transpose_eval,
    .traits = ND_HALF,
};

/* ---- depth_space --------------------------------------------------------------------------- */

struct depth_params {
    int64_t mode, block;
};

enum { DCR, CRD, SPACE_TO_DEPTH };
static const char *const depth_modes[] = {
    [DCR] = "dcr", [CRD] = "crd", [SPACE_TO_DEPTH] = "space_to_depth", NULL,
};

static const struct field depth_fields[] = {
    FIELD(FIELD_CHOICE, depth_params, mode, DCR, depth_modes),
    FIELD(FIELD_INT, depth_params, block, 1, NULL),
};

static mdl_status depth_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const int64_t block = ((const struct depth_params *)n->params)->block;

    if (block < 1 || block > 1 << 20)
        return mdl_fail(err, MDL_ERR_FORMAT, "blocks of %lld pixels", (long long)block);
    return mdl_nd_infer_same(n, g, err);
}

static mdl_status depth_shape(const struct node *n, struct nd_call *c)
{
    const struct depth_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const int64_t b = p->block;
    char text[96];

    if (x->rank != 4)
        return mdl_fail(c->err, MDL_ERR_DATA, "a tensor of rank %u, expected 4", (unsigned)x->rank);
    if (p->mode == SPACE_TO_DEPTH
            ? x->dims[2] % b || x->dims[3] % b || x->dims[1] > INT64_MAX / b / b
            : x->dims[1] % (b * b) || x->dims[2] > INT64_MAX / b || x->dims[3] > INT64_MAX / b)
        return mdl_fail(c->err, MDL_ERR_DATA, "shape %s does not divide into blocks of %lld x %lld",
                        mdl_nd_shape_text(text, sizeof text, x), (long long)b, (long long)b);
    if (p->mode == SPACE_TO_DEPTH)
        mdl_nd_set_shape(nd_out(c, n, 0), 4, (const int64_t[]){ x->dims[0], x->dims[1] * b * b,
                                                            x->dims[2] / b, x->dims[3] / b });
    else
        mdl_nd_set_shape(nd_out(c, n, 0), 4, (const int64_t[]){ x->dims[0], x->dims[1] / (b * b),
                                                            x->dims[2] * b, x->dims[3] * b });
    return MDL_OK;
}

/* One box over (n, c, h, i, w, j): the image with pixels (h b + i, w b + j) is on one side. */
static mdl_status depth_eval(const struct node *n, struct nd_call *c)
{
    const struct depth_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    const int back = p->mode == SPACE_TO_DEPTH;
    const struct nd *image = back ? x : y;
    const int64_t b = p->block;

    if (!x->count)
        return MDL_OK;
    const int64_t channels = image->dims[1], high = image->dims[2] / b, wide = image->dims[3] / b;
    const int64_t plane = high * wide;
    const int64_t of_c = p->mode == CRD ? b * b * plane : plane;
    const int64_t of_i = p->mode == CRD ? b * plane : b * channels * plane;
    const int64_t of_j = p->mode == CRD ? plane : channels * plane;
    struct nd_box box = { .rank = 6, .dims = { image->dims[0], channels, high, b, wide, b } };

    mdl_nd_packed(box.to, 6, box.dims);
    memcpy(box.from, (const int64_t[]){ channels * b * b * plane, of_c, wide, of_i, 1, of_j },
           6 * sizeof *box.from);
    if (back) {
        struct nd_box turned = box;
        memcpy(turned.to, box.from, sizeof turned.to);
        memcpy(turned.from, box.to, sizeof turned.from);
        mdl_nd_move(y->data, x->data, mdl_nd_type_bytes(x->type), &turned);
        return MDL_OK;
    }
    mdl_nd_move(y->data, x->data, mdl_nd_type_bytes(x->type), &box);
    return MDL_OK;
}

const struct op mdl_op_depth_space = {
    .name = "depth_space",
    .about = "channels to blocks of pixels, or blocks of pixels to channels",
    .fields = depth_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct depth_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = depth_infer,
    .shape = depth_shape,
    .eval = depth_eval,
    .traits = ND_HALF,
};

/* ---- expand -------------------------------------------------------------------------------- */

static mdl_status expand_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    return s ? s : mdl_nd_infer_same(n, g, err);
}

static mdl_status expand_shape(const struct node *n, struct nd_call *c)
{
    struct nd want = { .rank = 0 };
    mdl_status s = mdl_nd_list(want.dims, &want.rank, MDL_MAX_RANK, nd_in(c, n, 1), "shape", c->err);

    for (uint32_t i = 0; !s && i < want.rank; i++)
        if (want.dims[i] < 0)
            s = mdl_fail(c->err, MDL_ERR_DATA, "dimension %u of shape is %lld", (unsigned)i,
                         (long long)want.dims[i]);
    return s ? s : mdl_nd_broadcast(nd_out(c, n, 0), nd_in(c, n, 0), &want, c->err);
}

static mdl_status expand_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    struct nd_box box;

    if (!y->count)
        return MDL_OK;
    mdl_nd_box_of(&box, y);
    mdl_nd_steps(box.from, y, x);
    mdl_nd_move(y->data, x->data, mdl_nd_type_bytes(x->type), &box);
    return MDL_OK;
}

const struct op mdl_op_expand = {
    .name = "expand",
    .about = "x broadcast to the shape of input 1",
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = expand_infer,
    .shape = expand_shape,
    .eval = expand_eval,
    .contents = 1u << 1,
    .traits = ND_HALF,
};

/* ---- tile ---------------------------------------------------------------------------------- */

static mdl_status tile_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_NUMBER, err);

    if (!s) s = mdl_nd_need_type(n, g, 2, TYPES_NUMBER, err);
    return s ? s : mdl_nd_infer_same(n, g, err);
}

/* How many times along each dim of x. */
static mdl_status tile_times(int64_t *times, const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *one = nd_in(c, n, 2);
    uint32_t count, n_axis;
    int64_t axis;
    mdl_status s = mdl_nd_list(times, &count, MDL_MAX_RANK, nd_in(c, n, 1), "repeats", c->err);

    if (!s && one)
        s = mdl_nd_list(&axis, &n_axis, 1, one, "axis", c->err);
    if (s)
        return s;
    if (count != (one ? 1 : x->rank) || (one && n_axis != 1))
        return mdl_fail(c->err, MDL_ERR_DATA, "%u repeats of a tensor of rank %u", (unsigned)count,
                        (unsigned)x->rank);
    if (!one)
        return MDL_OK;
    if ((s = mdl_nd_axis(&axis, x->rank, c->err)))
        return s;
    const int64_t along = times[0];
    for (uint32_t i = 0; i < x->rank; i++)
        times[i] = i == (uint32_t)axis ? along : 1;
    return MDL_OK;
}

static mdl_status tile_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    int64_t times[MDL_MAX_RANK] = { 0 };
    mdl_status s = tile_times(times, n, c);

    for (uint32_t i = 0; !s && i < x->rank; i++) {
        if (times[i] < 0 || (x->dims[i] && times[i] > INT64_MAX / x->dims[i]))
            return mdl_fail(c->err, MDL_ERR_DATA, "dimension %u of %lld repeated %lld times",
                            (unsigned)i, (long long)x->dims[i], (long long)times[i]);
        times[i] *= x->dims[i];
    }
    if (!s)
        mdl_nd_set_shape(nd_out(c, n, 0), x->rank, times);
    return s;
}

static mdl_status tile_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0);
    int64_t to[MDL_MAX_RANK], from[MDL_MAX_RANK];
    struct nd_box box = { .rank = 2 * x->rank };

    if (!y->count)
        return MDL_OK;
    mdl_nd_packed(to, x->rank, y->dims);
    mdl_nd_packed(from, x->rank, x->dims);
    for (uint32_t i = 0; i < x->rank; i++) {
        box.dims[2 * i] = y->dims[i] / x->dims[i];
        box.to[2 * i] = to[i] * x->dims[i];
        box.dims[2 * i + 1] = x->dims[i];
        box.to[2 * i + 1] = to[i];
        box.from[2 * i + 1] = from[i];
    }
    mdl_nd_move(y->data, x->data, mdl_nd_type_bytes(x->type), &box);
    return MDL_OK;
}

const struct op mdl_op_tile = {
    .name = "tile",
    .about = "x so many times along each dimension, or along one",
    .min_in = 2,
    .max_in = 3,
    .n_out = 1,
    .infer = tile_infer,
    .shape = tile_shape,
    .eval = tile_eval,
    .contents = 1u << 1 | 1u << 2,
    .traits = ND_HALF,
};

/* ---- reverse_sequence ---------------------------------------------------------------------- */

struct reverse_params {
    int64_t batch_axis, time_axis;
};

static const struct field reverse_fields[] = {
    FIELD(FIELD_INT, reverse_params, batch_axis, 1, NULL),
    FIELD(FIELD_INT, reverse_params, time_axis, 0, NULL),
};

static mdl_status reverse_infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct reverse_params *p = n->params;
    mdl_status s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);

    if (s)
        return s;
    if ((p->batch_axis && p->batch_axis != 1) || p->time_axis != 1 - p->batch_axis)
        return mdl_fail(err, MDL_ERR_FORMAT, "axes %lld and %lld, expected 0 and 1",
                        (long long)p->batch_axis, (long long)p->time_axis);
    return mdl_nd_infer_same(n, g, err);
}

static mdl_status reverse_shape(const struct node *n, struct nd_call *c)
{
    const struct reverse_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *lengths = nd_in(c, n, 1);

    if (x->rank < 2)
        return mdl_fail(c->err, MDL_ERR_DATA, "a tensor of rank %u, expected 2 or more",
                        (unsigned)x->rank);
    if (lengths->rank != 1 || lengths->dims[0] != x->dims[p->batch_axis])
        return mdl_fail(c->err, MDL_ERR_DATA, "%llu lengths of %lld sequences",
                        (unsigned long long)lengths->count, (long long)x->dims[p->batch_axis]);
    return mdl_nd_shape_same(n, c);
}

static mdl_status reverse_eval(const struct node *n, struct nd_call *c)
{
    const struct reverse_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0), *y = nd_out(c, n, 0), *lengths = nd_in(c, n, 1);
    const uint64_t batch = (uint64_t)x->dims[p->batch_axis], time = (uint64_t)x->dims[p->time_axis];

    if (!x->count)
        return MDL_OK;
    const size_t run = (size_t)(x->count / batch / time) * mdl_nd_type_bytes(x->type);
    const uint64_t of_batch = p->batch_axis ? 1 : time, of_time = p->batch_axis ? batch : 1;
    for (uint64_t b = 0; b < batch; b++) {
        const int64_t length = mdl_nd_int(lengths, b);
        if (length < 0 || (uint64_t)length > time)
            return mdl_fail(c->err, MDL_ERR_DATA, "length %lld of a sequence of at most %llu",
                            (long long)length, (unsigned long long)time);
        for (uint64_t t = 0; t < time; t++) {
            const uint64_t at = t < (uint64_t)length ? (uint64_t)length - 1 - t : t;
            memcpy(nd_at(y->data, b * of_batch + t * of_time, run),
                   nd_at(x->data, b * of_batch + at * of_time, run), run);
        }
    }
    return MDL_OK;
}

const struct op mdl_op_reverse_sequence = {
    .name = "reverse_sequence",
    .about = "the first steps of each sequence backwards, as many as input 1 says",
    .fields = reverse_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct reverse_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .infer = reverse_infer,
    .shape = reverse_shape,
    .eval = reverse_eval,
    .traits = ND_HALF,
};

/*
 * op/nd_unique.c - the distinct elements or slices of a tensor
 *
 *     order    slices along an axis (or all elements) ascending, and which of them are equal
 *     unique   x and its order: every slice once; where each first stood, which one each slice
 *              is, and how many there are of it
 *
 * Two operators, because the shape of the second is known only from what the first has found.
 * Texts are compared byte by byte, numbers by their keys (nd_sort.h), slices element by element,
 * complex numbers by their real part first.  Equals keep their order.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"
#include "op/nd_sort.h"

#include <string.h>

/* ---- order --------------------------------------------------------------------------------- */

struct slices_params {
    int64_t axis, flat, sorted;
};

static const struct field slices_fields[] = {
    FIELD(FIELD_INT, slices_params, axis, 0, NULL),
    FIELD(FIELD_INT, slices_params, flat, 0, NULL),
    FIELD(FIELD_INT, slices_params, sorted, 1, NULL),
};

/* How a tensor is cut: element (o, i) of slice s is number (o * slices + s) * inner + i. */
struct slices {
    uint64_t outer, slices, inner;
    uint32_t axis;
};

static mdl_status slices_of(struct slices *to, const struct node *n, const struct nd *x,
                            mdl_error *err)
{
    const struct slices_params *p = n->params;
    int64_t axis = p->axis;
    mdl_status s = p->flat ? MDL_OK : mdl_nd_axis(&axis, x->rank, err);

    *to = (struct slices){ 1, x->count, 1, 0 };
    if (!s && !p->flat)
        *to = (struct slices){ nd_product(x, 0, (uint32_t)axis), (uint64_t)x->dims[axis],
                               nd_product(x, (uint32_t)axis + 1, x->rank), (uint32_t)axis };
    return s;
}

static mdl_status order_infer(struct node *n, struct graph *g, mdl_error *err)
{
    (void)err;
    nd_result(n, g, 0, MDL_I64);
    nd_result(n, g, 1, MDL_I64);
    return MDL_OK;
}

/* Keys an element has: none, one, or two. */
static uint64_t keys_each(uint32_t type)
{
    return type == MDL_STRING ? 0 : type == MDL_C64 || type == MDL_C128 ? 2 : 1;
}

/* temp: the keys, then as many numbers as there are slices. */
static mdl_status order_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct slices all;
    mdl_status s = slices_of(&all, n, x, c->err);
    uint64_t keys;

    if (s)
        return s;
    for (uint32_t i = 0; i < n->n_out; i++)
        mdl_nd_set_shape(nd_out(c, n, i), 1, (const int64_t[]){ (int64_t)all.slices });
    if (!size_mul(x->count, 8 * keys_each(x->type), &keys)
        || !size_mul(all.slices, 8, &c->temp_bytes)
        || !size_add(c->temp_bytes, keys, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "too many elements");
    return MDL_OK;
}

struct sorting {
    const struct nd *x;
    struct slices    all;
    const uint64_t  *keys;        /* NULL: texts                                        */
    uint64_t         each;
};

static int64_t *wanted_ints(const struct nd_call *c, const struct node *n, uint32_t i)
{
    return nd_wanted(c, n, i) ? nd_out(c, n, i)->data : NULL;
}

/* Below, at or above 0 as slice a comes before, is equal to or comes after slice b. */
static int compare(const struct sorting *w, int64_t a, int64_t b)
{
    const char *const *text = w->x->data;
    const uint64_t inner = w->all.inner, run = inner * w->each;

    for (uint64_t o = 0; inner && o < w->all.outer; o++) {
        const uint64_t at_a = (o * w->all.slices + (uint64_t)a) * inner;
        const uint64_t at_b = (o * w->all.slices + (uint64_t)b) * inner;
        for (uint64_t i = 0; !w->keys && i < inner; i++) {
            const int way = strcmp(text[at_a + i], text[at_b + i]);
            if (way)
                return way;
        }
        for (uint64_t i = 0; w->keys && i < run; i++) {
            const uint64_t x = w->keys[at_a * w->each + i], y = w->keys[at_b * w->each + i];
            if (x != y)
                return x < y ? -1 : 1;
        }
    }
    return 0;
}

/* Numbers 0 .. n - 1 in the order of their slices: sorted stretches are merged, equals in their
 * order, until there is one. */
static void sort(const struct sorting *w, int64_t *order, int64_t *spare, uint64_t n)
{
    int64_t *const result = order;

    for (uint64_t i = 0; i < n; i++)
        order[i] = (int64_t)i;
    for (uint64_t wide = 1; wide < n; wide *= 2) {
        for (uint64_t begin = 0; begin < n; begin += 2 * wide) {
            const uint64_t middle = n - begin < wide ? n : begin + wide;
            const uint64_t end = n - begin < 2 * wide ? n : begin + 2 * wide;
            uint64_t a = begin, b = middle;
            for (uint64_t to = begin; to < end; to++) {
                const int first = b == end || (a < middle && compare(w, order[a], order[b]) <= 0);
                spare[to] = order[first ? a++ : b++];
            }
        }
        int64_t *const was = order;
        order = spare;
        spare = was;
    }
    if (n && order != result)
        memcpy(result, order, (size_t)n * sizeof *order);
}

static mdl_status order_eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    struct sorting w = { .x = x, .each = keys_each(x->type) };
    const int pair = w.each == 2;
    const uint32_t type = !pair ? x->type : x->type == MDL_C64 ? MDL_F32 : MDL_F64;
    const uint64_t total = x->count * w.each;
    uint64_t *keys = c->temp;
    mdl_status s = slices_of(&w.all, n, x, c->err);

    if (s)
        return s;
    for (uint64_t first = 0; first < total; first += ND_CHUNK)
        mdl_nd_keys(keys + first, x->data, type, first,
                    total - first < ND_CHUNK ? (size_t)(total - first) : ND_CHUNK);
    w.keys = w.each ? keys : NULL;
    int64_t *spare = (int64_t *)(keys + total);
    int64_t *order = wanted_ints(c, n, 0), *group = wanted_ints(c, n, 1);
    if (!order)
        return mdl_fail(c->err, MDL_ERR_DATA, "groups without their order");
    sort(&w, order, spare, w.all.slices);
    for (uint64_t i = 0; group && i < w.all.slices; i++)
        group[i] = !i ? 0 : group[i - 1] + (compare(&w, order[i - 1], order[i]) != 0);
    return MDL_OK;
}

const struct op mdl_op_order = {
    .name = "order",
    .about = "numbers of slices in ascending order, and for each place which distinct one it is",
    .fields = slices_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct slices_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .infer = order_infer,
    .shape = order_shape,
    .eval = order_eval,
    .traits = ND_HALF,
};

/* ---- unique -------------------------------------------------------------------------------- */

enum { X, ORDER, GROUP };
enum { Y, INDICES, INVERSE, COUNTS };

static mdl_status unique_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, ORDER, TYPE_BIT(MDL_I64), err);

    if (!s) s = mdl_nd_need_type(n, g, GROUP, TYPE_BIT(MDL_I64), err);
    nd_result(n, g, Y, nd_type(n, g, X));
    for (uint32_t i = INDICES; i <= COUNTS; i++)
        nd_result(n, g, i, MDL_I64);
    return s;
}

/* temp: a number for every distinct slice, then one for every slice. */
static mdl_status unique_shape(const struct node *n, struct nd_call *c)
{
    const struct slices_params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *order = nd_in(c, n, ORDER), *group = nd_in(c, n, GROUP);
    const int64_t *last = group->data;
    struct slices all;
    mdl_status s = slices_of(&all, n, x, c->err);

    if (s)
        return s;
    const uint64_t top = group->count ? (uint64_t)last[group->count - 1] : 0;
    const int64_t some = group->count && top < all.slices ? (int64_t)top + 1 : 0;
    if (order->rank != 1 || group->rank != 1 || order->count != all.slices
        || group->count != all.slices || !some != !all.slices)
        return mdl_fail(c->err, MDL_ERR_DATA, "that is not the order of %llu slices",
                        (unsigned long long)all.slices);
    for (uint32_t i = 0; i < n->n_out; i++)
        mdl_nd_set_shape(nd_out(c, n, i), 1,
                         (const int64_t[]){ i == INVERSE ? (int64_t)all.slices : some });
    if (!p->flat) {
        nd_like(nd_out(c, n, Y), x);
        nd_out(c, n, Y)->dims[all.axis] = some;
    }
    c->temp_bytes = ((uint64_t)some + all.slices) * 8;
    return MDL_OK;
}

/* group_of[slice] from the order and its groups; 0 if they are not what `order` gives. */
static int turn_order(int64_t *group_of, const int64_t *order, const int64_t *group, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++)
        group_of[i] = -1;
    for (uint64_t i = 0; i < n; i++) {
        if (order[i] < 0 || (uint64_t)order[i] >= n || group_of[order[i]] >= 0 || group[i] < 0
            || group[i] > group[n - 1])
            return 0;
        group_of[order[i]] = group[i];
    }
    return 1;
}

/* Slice `from` of x as slice `to` of y. */
static void copy_slice(const struct nd *y, const struct nd *x, const struct slices *all,
                       uint64_t some, uint64_t to, uint64_t from)
{
    const size_t run = (size_t)all->inner * mdl_nd_type_bytes(x->type);

    for (uint64_t o = 0; run && o < all->outer; o++)
        memcpy(nd_at(y->data, o * some + to, run), nd_at(x->data, o * all->slices + from, run),
               run);
}

/* Slices in their own order; a distinct one gets its number when it comes the first time. */
static mdl_status unique_eval(const struct node *n, struct nd_call *c)
{
    const struct slices_params *p = n->params;
    const struct nd *x = nd_in(c, n, X), *group = nd_in(c, n, GROUP);
    int64_t *indices = wanted_ints(c, n, INDICES), *inverse = wanted_ints(c, n, INVERSE);
    int64_t *counts = wanted_ints(c, n, COUNTS), *number = c->temp, next = 0;
    struct slices all;
    mdl_status s = slices_of(&all, n, x, c->err);

    if (s || !all.slices)
        return s;
    const int64_t some = ((const int64_t *)group->data)[all.slices - 1] + 1;
    int64_t *group_of = number + some;
    if (!turn_order(group_of, nd_in(c, n, ORDER)->data, group->data, all.slices))
        return mdl_fail(c->err, MDL_ERR_DATA, "that is not an order of slices");
    for (int64_t i = 0; i < some; i++)
        number[i] = -1;
    for (uint64_t i = 0; i < all.slices; i++) {
        const int64_t g = group_of[i];
        if (number[g] < 0) {
            number[g] = p->sorted ? g : next;
            next++;
            if (nd_wanted(c, n, Y))
                copy_slice(nd_out(c, n, Y), x, &all, (uint64_t)some, (uint64_t)number[g], i);
            if (indices)
                indices[number[g]] = (int64_t)i;
            if (counts)
                counts[number[g]] = 0;
        }
        if (counts)
            counts[number[g]]++;
        if (inverse)
            inverse[i] = number[g];
    }
    return next == some ? MDL_OK : mdl_fail(c->err, MDL_ERR_DATA, "a group without slices");
}

const struct op mdl_op_unique = {
    .name = "unique",
    .about = "the distinct slices of x, ascending or as they come, by what `order` found",
    .fields = slices_fields,
    .n_fields = 3,
    .params_bytes = sizeof(struct slices_params),
    .min_in = 3,
    .max_in = 3,
    .n_out = 1,
    .max_out = 4,
    .infer = unique_infer,
    .shape = unique_shape,
    .eval = unique_eval,
    .contents = 1u << GROUP,
    .traits = ND_HALF,
};

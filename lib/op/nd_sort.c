/*
 * op/nd_sort.c - what comes first
 *
 *     topk     the k largest or smallest along an axis, best first, and where they stood
 *
 * The best k so far are a heap with the last of them at its top, so most elements cost one
 * comparison.  Among equals the one that stands first comes first.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_sort.h"

#include "op/nd_move.h"

#include <string.h>

#define TYPES_SMALL_FLOAT                                                                       \
    (TYPE_BIT(MDL_F8E4M3FN) | TYPE_BIT(MDL_F8E4M3FNUZ) | TYPE_BIT(MDL_F8E5M2)                   \
     | TYPE_BIT(MDL_F8E5M2FNUZ) | TYPE_BIT(MDL_F8E8M0) | TYPE_BIT(MDL_F4E2M1))

/* ---- keys ---------------------------------------------------------------------------------- */

#define SIGN (1ull << 63)

static uint64_t key_of(double v)
{
    uint64_t bits;

    if (v != v)
        return UINT64_MAX;
    v = v == 0 ? 0 : v;           /* without a sign */
    memcpy(&bits, &v, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

void mdl_nd_keys(uint64_t *key, const void *data, uint32_t type, uint64_t first, size_t n)
{
    double v[ND_CHUNK];
    int64_t whole[ND_CHUNK];

    if ((TYPES_FLOATS | TYPES_SMALL_FLOAT) & TYPE_BIT(type)) {
        mdl_nd_load_f64(v, data, type, first, n);
        for (size_t i = 0; i < n; i++)
            key[i] = key_of(v[i]);
        return;
    }
    mdl_nd_load_i64(whole, data, type, first, n);
    for (size_t i = 0; i < n; i++)
        key[i] = (uint64_t)whole[i] ^ (type == MDL_U64 ? 0 : SIGN);
}

/* ---- topk ---------------------------------------------------------------------------------- */

struct topk_params {
    int64_t axis, largest;
};

static const struct field topk_fields[] = {
    FIELD(FIELD_INT, topk_params, axis, -1, NULL),
    FIELD(FIELD_INT, topk_params, largest, 1, NULL),
};

static mdl_status topk_infer(struct node *n, struct graph *g, mdl_error *err)
{
    mdl_status s = mdl_nd_need_type(n, g, 0, TYPES_NUMBER, err);

    if (!s) s = mdl_nd_need_type(n, g, 1, TYPES_INDEX, err);
    nd_result(n, g, 0, nd_type(n, g, 0));
    nd_result(n, g, 1, MDL_I64);
    return s;
}

struct entry {
    uint64_t key, index;
};

static mdl_status topk_shape(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    int64_t axis = ((const struct topk_params *)n->params)->axis, k;
    uint32_t one;
    mdl_status s = mdl_nd_axis(&axis, x->rank, c->err);

    if (!s) s = mdl_nd_list(&k, &one, 1, nd_in(c, n, 1), "k", c->err);
    if (s)
        return s;
    const int64_t dim = x->dims[axis];
    if (one != 1 || k < 0 || k > dim)
        return mdl_fail(c->err, MDL_ERR_DATA, "the first %lld of %lld elements",
                        one ? (long long)k : -1, (long long)dim);
    for (uint32_t i = 0; i < n->n_out; i++) {
        nd_like(nd_out(c, n, i), x);
        nd_out(c, n, i)->dims[axis] = k;
    }
    if (!size_mul((uint64_t)k, sizeof(struct entry), &c->temp_bytes)
        || !size_add(c->temp_bytes, (uint64_t)dim * 8, &c->temp_bytes))
        return mdl_fail(c->err, MDL_ERR_DATA, "too many elements");
    return MDL_OK;
}

/* Does a come behind b? */
static int behind(struct entry a, struct entry b)
{
    return a.key != b.key ? a.key < b.key : a.index > b.index;
}

/* heap[0] is the last of its n entries, every entry behind those below it; put e in its place. */
static void sift(struct entry *heap, uint64_t n, struct entry e)
{
    uint64_t i = 0, child;

    while ((child = 2 * i + 1) < n) {
        child += child + 1 < n && behind(heap[child + 1], heap[child]);
        if (!behind(heap[child], e))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = e;
}

static void push(struct entry *heap, uint64_t n, struct entry e)
{
    uint64_t i = n;

    for (; i && behind(e, heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

/* best[0 .. k - 1] of n packed elements, the first one first.  `flip` turns the order of keys. */
static void select_best(struct entry *best, uint64_t k, const void *data, uint32_t type,
                        uint64_t n, uint64_t flip)
{
    uint64_t key[ND_CHUNK], filled = 0;

    for (uint64_t first = 0; first < n; first += ND_CHUNK) {
        const size_t some = n - first < ND_CHUNK ? (size_t)(n - first) : ND_CHUNK;
        mdl_nd_keys(key, data, type, first, some);
        for (size_t i = 0; i < some; i++) {
            const struct entry e = { key[i] ^ flip, first + i };
            if (filled < k)
                push(best, filled++, e);
            else if (e.key > best[0].key)
                sift(best, k, e);
        }
    }
    for (uint64_t left = k; left > 1; left--) {
        const struct entry last = best[left - 1];
        best[left - 1] = best[0];
        sift(best, left - 1, last);
    }
}

static mdl_status topk_eval(const struct node *n, struct nd_call *c)
{
    const struct topk_params *p = n->params;
    const struct nd *x = nd_in(c, n, 0);
    const uint32_t axis = (uint32_t)(p->axis < 0 ? p->axis + (int64_t)x->rank : p->axis);
    const size_t size = mdl_nd_type_bytes(x->type);
    const uint64_t dim = (uint64_t)x->dims[axis], inner = nd_product(x, axis + 1, x->rank);
    const uint64_t k = (uint64_t)nd_out(c, n, 0)->dims[axis];
    unsigned char *const values = nd_wanted(c, n, 0) ? nd_out(c, n, 0)->data : NULL;
    int64_t *const where = nd_wanted(c, n, 1) ? nd_out(c, n, 1)->data : NULL;
    struct entry *best = c->temp;
    unsigned char *lane = (unsigned char *)(best + k);
    const struct nd_box box = { .rank = 1, .dims = { (int64_t)dim }, .to = { 1 },
                                .from = { (int64_t)inner } };

    for (uint64_t o = 0; k && o < x->count / dim; o++) {
        const uint64_t from = o / inner * dim * inner + o % inner;
        const uint64_t to = o / inner * k * inner + o % inner;
        const unsigned char *data = nd_at(x->data, from, size);
        if (inner > 1)
            mdl_nd_move(lane, data, size, &box);
        select_best(best, k, inner > 1 ? lane : data, x->type, dim, p->largest ? 0 : UINT64_MAX);
        for (uint64_t i = 0; i < k; i++) {
            if (values)
                memcpy(values + (to + i * inner) * size, data + best[i].index * inner * size, size);
            if (where)
                where[to + i * inner] = (int64_t)best[i].index;
        }
    }
    return MDL_OK;
}

const struct op mdl_op_topk = {
    .name = "topk",
    .about = "the k largest or smallest elements along an axis, and where they are",
    .fields = topk_fields,
    .n_fields = 2,
    .params_bytes = sizeof(struct topk_params),
    .min_in = 2,
    .max_in = 2,
    .n_out = 1,
    .max_out = 2,
    .infer = topk_infer,
    .shape = topk_shape,
    .eval = topk_eval,
    .contents = 1u << 1,
    .traits = ND_HALF,
};

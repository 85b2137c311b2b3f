/*
 * op/nd_walk.c - see nd_walk.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_walk.h"

#include <string.h>

#define SHORT_ROW 64u             /* elements below which rows are gathered          */

/* ---- copying out --------------------------------------------------------------------------- */

/* n elements of `size` bytes with a step of 0 or 1. */
static void copy_row(unsigned char *to, const unsigned char *from, size_t size, size_t n, int64_t step)
{
    if (step) {
        memcpy(to, from, n * size);
        return;
    }
    switch (size) {
    case 1:
        memset(to, *from, n);
        return;
    case 4: {
        uint32_t v;
        memcpy(&v, from, 4);
        for (size_t i = 0; i < n; i++)
            memcpy(to + 4 * i, &v, 4);
        return;
    }
    case 8: {
        uint64_t v;
        memcpy(&v, from, 8);
        for (size_t i = 0; i < n; i++)
            memcpy(to + 8 * i, &v, 8);
        return;
    }
    default:
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * size, from, size);
    }
}

/* Element of operand k at the beginning of a row of the result. */
static uint64_t row_at(const struct nd_walk *w, uint32_t k, uint64_t row)
{
    uint64_t at = 0;

    for (uint32_t d = w->rank - 1; d-- > 0;) {
        at += row % (uint64_t)w->dims[d] * (uint64_t)w->step[k][d];
        row /= (uint64_t)w->dims[d];
    }
    return at;
}

/* Whole rows of operand k, as many as the piece has. */
static void gather(struct nd_walk *w, uint32_t k)
{
    const size_t size = w->size[k], row_bytes = (size_t)w->inner * size;
    uint64_t row = w->first / w->inner, index[MDL_MAX_RANK];
    unsigned char *to = w->copy[k];
    uint64_t at = row_at(w, k, row);

    for (uint32_t d = w->rank - 1; d-- > 0; row /= (uint64_t)w->dims[d])
        index[d] = row % (uint64_t)w->dims[d];
    for (size_t left = w->count / (size_t)w->inner; left > 0; left--, to += row_bytes) {
        copy_row(to, w->data[k] + at * size, size, (size_t)w->inner, w->step[k][w->rank - 1]);
        for (uint32_t d = w->rank - 1; d-- > 0;) {
            at += (uint64_t)w->step[k][d];
            if (++index[d] < (uint64_t)w->dims[d])
                break;
            at -= index[d] * (uint64_t)w->step[k][d];
            index[d] = 0;
        }
    }
}

/* ---- the plan ------------------------------------------------------------------------------ */

/* Take dimension d of the result in: as one more, or as part of the last. */
static void add_dim(struct nd_walk *w, const struct nd *to, int64_t step[][MDL_MAX_RANK], uint32_t d)
{
    int joins = w->rank > 0;

    if (to->dims[d] == 1)
        return;
    for (uint32_t k = 0; k < w->n && joins; k++)
        joins = w->step[k][w->rank - 1] == step[k][d] * to->dims[d];
    if (!joins)
        w->dims[w->rank++] = 1;
    w->dims[w->rank - 1] *= to->dims[d];
    for (uint32_t k = 0; k < w->n; k++)
        w->step[k][w->rank - 1] = step[k][d];
}

/* Does operand k lie like the result, element by element? */
static int lies_alike(const struct nd_walk *w, uint32_t k)
{
    int64_t all = 1;

    for (uint32_t d = w->rank; d-- > 0;) {
        if (w->step[k][d] != all)
            return 0;
        all *= w->dims[d];
    }
    return 1;
}

void mdl_nd_walk_start(struct nd_walk *w, const struct nd *to, const struct nd *const *from, uint32_t n,
                       size_t most)
{
    int64_t step[ND_WALK_OPERANDS][MDL_MAX_RANK];
    size_t room = most;

    w->n = n;
    w->rank = 0;
    w->whole = 0;
    w->first = w->count = 0;
    w->total = to->count;
    w->started = 0;
    if (!to->count)
        return;
    for (uint32_t k = 0; k < n; k++) {
        mdl_nd_steps(step[k], to, from[k]);
        w->data[k] = from[k]->data;
        w->size[k] = mdl_nd_type_bytes(from[k]->type);
        w->held[k] = UINT64_MAX;
    }
    for (uint32_t d = 0; d < to->rank; d++)
        add_dim(w, to, step, d);
    if (!w->rank) {               /* one element */
        w->rank = 1;
        w->dims[0] = 1;
        for (uint32_t k = 0; k < n; k++)
            w->step[k][0] = 1;
    }
    w->inner = (uint64_t)w->dims[w->rank - 1];
    w->by_row = w->rank == 1 || w->inner >= SHORT_ROW;
    for (uint32_t k = 0; k < n; k++) {
        const int copied = w->by_row ? !w->step[k][w->rank - 1] : !lies_alike(w, k);
        w->whole |= (uint32_t)!copied << k;
        if (copied && room > ND_WALK_BYTES / w->size[k])
            room = ND_WALK_BYTES / w->size[k];
    }
    w->most = w->by_row ? room : room - room % (size_t)w->inner;
}

/* ---- going along ----------------------------------------------------------------------------- */

/* A part of one row. */
static void take_row(struct nd_walk *w, uint32_t k)
{
    const uint64_t row = w->rank > 1 ? w->first / w->inner : 0, within = w->first - row * w->inner;
    const uint64_t at = row_at(w, k, row);

    if (w->step[k][w->rank - 1]) {
        w->at[k] = w->data[k] + (at + within) * w->size[k];
        return;
    }
    if (w->held[k] != at)
        copy_row(w->copy[k], w->data[k] + at * w->size[k], w->size[k],
                 w->inner < w->most ? (size_t)w->inner : w->most, 0);
    w->held[k] = at;
    w->at[k] = w->copy[k];
}

/* Several rows. */
static void take_rows(struct nd_walk *w, uint32_t k)
{
    if (w->whole >> k & 1) {
        w->at[k] = w->data[k] + w->first * w->size[k];
        return;
    }
    int same = w->started;        /* in all pieces? */
    for (uint32_t d = 0; d + 1 < w->rank && same; d++)
        same = !w->step[k][d];
    if (!same)
        gather(w, k);
    w->at[k] = w->copy[k];
}

int mdl_nd_walk_next(struct nd_walk *w)
{
    w->first += w->count;
    if (w->first >= w->total)
        return 0;
    const uint64_t left = w->by_row ? w->inner - w->first % w->inner : w->total - w->first;
    w->count = left < w->most ? (size_t)left : w->most;
    for (uint32_t k = 0; k < w->n; k++)
        if (w->by_row)
            take_row(w, k);
        else
            take_rows(w, k);
    w->started = 1;
    return 1;
}

mdl_status mdl_nd_shape_broadcast(const struct node *n, struct nd_call *c)
{
    struct nd all = *nd_in(c, n, 0);

    for (uint32_t i = 1; i < n->n_in; i++) {
        const mdl_status s = mdl_nd_broadcast(&all, &all, nd_in(c, n, i), c->err);
        if (s)
            return s;
    }
    nd_like(nd_out(c, n, 0), &all);
    return MDL_OK;
}

/*
 * op/nd_move.c - copying a box of elements from one place to another
 *
 * After dims are joined, three shapes of work remain; all steps are in bytes by then:
 *
 *     rows    the last dim is a run on both sides: rows of bytes
 *     turn    the last dim is a run of `to`, another one a run of `from`: tiles, so that every
 *             line of cache that is read is read whole while it is near
 *     steps   neither: element by element
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd_move.h"

#include <string.h>

void mdl_nd_packed(int64_t *step, uint32_t rank, const int64_t *dims)
{
    uint64_t all = 1;             /* wraps where a dim is 0, and means nothing there */

    for (uint32_t i = rank; i--;) {
        step[i] = (int64_t)all;
        all *= (uint64_t)dims[i];
    }
}

void mdl_nd_box_of(struct nd_box *box, const struct nd *t)
{
    box->rank = t->rank;
    memcpy(box->dims, t->dims, t->rank * sizeof *t->dims);
    mdl_nd_packed(box->to, t->rank, t->dims);
    memcpy(box->from, box->to, t->rank * sizeof *box->to);
}

/* ---- the three shapes of work -------------------------------------------------------------- */

/* The two innermost dims: n[0] times, step [0]; n[1] elements each, step [1]. */
struct plane {
    size_t    n[2], size;
    ptrdiff_t to[2], from[2];
};

MDL_INLINE void rows_of(const struct plane *p, unsigned char *to, const unsigned char *from,
                        size_t bytes)
{
    const struct plane q = *p;    /* a store through `to` cannot change it */

    for (size_t i = 0; i < q.n[0]; i++, to += q.to[0], from += q.from[0])
        memcpy(to, from, bytes);
}

static void rows(const struct plane *p, unsigned char *to, const unsigned char *from)
{
    const size_t bytes = p->n[1] * p->size;

    switch (bytes) {              /* lengths known to the compiler need no call */
    case 4:  rows_of(p, to, from, 4); return;
    case 8:  rows_of(p, to, from, 8); return;
    case 12: rows_of(p, to, from, 12); return;
    case 16: rows_of(p, to, from, 16); return;
    case 32: rows_of(p, to, from, 32); return;
    case 64: rows_of(p, to, from, 64); return;
    default: rows_of(p, to, from, bytes);
    }
}

MDL_INLINE void steps_of(const struct plane *p, unsigned char *to, const unsigned char *from,
                         size_t size)
{
    const struct plane q = *p;    /* a store through `to` cannot change it */

    for (size_t i = 0; i < q.n[0]; i++, to += q.to[0], from += q.from[0]) {
        unsigned char *t = to;
        const unsigned char *f = from;
        if (!q.from[1] && q.to[1] == (ptrdiff_t)size) {
            mdl_nd_fill(t, f, size, q.n[1]);
            continue;
        }
        for (size_t k = 0; k < q.n[1]; k++, t += q.to[1], f += q.from[1])
            memcpy(t, f, size);
    }
}

#define TURN_RUNS 8u              /* runs of `from` at a time: as many as a cache has ways */

/* Steps of a tile by value: a store through `to` cannot change them. */
struct tile {
    ptrdiff_t row, col;           /* between runs of `to`, between runs of `from`    */
};

#ifdef MDL_MIX
/* 4 x 4 words. */
MDL_INLINE void turn_square(struct tile s, unsigned char *to, const unsigned char *from)
{
    mdl_four a, b, c, d;

    memcpy(&a, from, 16);
    memcpy(&b, from + s.col, 16);
    memcpy(&c, from + 2 * s.col, 16);
    memcpy(&d, from + 3 * s.col, 16);
    const mdl_four ab = MDL_MIX(a, b, 0, 4, 1, 5), ab2 = MDL_MIX(a, b, 2, 6, 3, 7);
    const mdl_four cd = MDL_MIX(c, d, 0, 4, 1, 5), cd2 = MDL_MIX(c, d, 2, 6, 3, 7);
    a = MDL_MIX(ab, cd, 0, 1, 4, 5);
    b = MDL_MIX(ab, cd, 2, 3, 6, 7);
    c = MDL_MIX(ab2, cd2, 0, 1, 4, 5);
    d = MDL_MIX(ab2, cd2, 2, 3, 6, 7);
    memcpy(to, &a, 16);
    memcpy(to + s.row, &b, 16);
    memcpy(to + 2 * s.row, &c, 16);
    memcpy(to + 3 * s.row, &d, 16);
}

/* The part of a tile of words that is whole squares: rows done. */
MDL_INLINE size_t turn_squares(struct tile s, unsigned char *to, const unsigned char *from,
                               size_t rows)
{
    size_t r = 0;

    for (; r + 4 <= rows; r += 4)
        for (size_t j = 0; j < TURN_RUNS; j += 4)
            turn_square(s, to + (ptrdiff_t)r * s.row + (ptrdiff_t)(4 * j),
                        from + (ptrdiff_t)(4 * r) + (ptrdiff_t)j * s.col);
    return r;
}
#else
MDL_INLINE size_t turn_squares(struct tile s, unsigned char *to, const unsigned char *from,
                               size_t rows)
{
    return (void)s, (void)to, (void)from, (void)rows, 0;
}
#endif

/* `rows` runs of `to`, `runs` of `from`. */
MDL_INLINE void turn_tile(struct tile s, unsigned char *to, const unsigned char *from, size_t rows,
                          size_t runs, size_t size)
{
    size_t r = size == 4 && runs == TURN_RUNS ? turn_squares(s, to, from, rows) : 0;

    to += (ptrdiff_t)r * s.row;
    from += r * size;
    for (; r < rows; r++, to += s.row, from += size) {
        if (runs == TURN_RUNS) {
            MDL_UNROLL(8)
            for (size_t j = 0; j < TURN_RUNS; j++)
                memcpy(to + j * size, from + (ptrdiff_t)j * s.col, size);
            continue;
        }
        for (size_t j = 0; j < runs; j++)
            memcpy(to + j * size, from + (ptrdiff_t)j * s.col, size);
    }
}

/* Dim 0 is a run of `from`, dim 1 a run of `to`. */
MDL_INLINE void turn_of(const struct plane *p, unsigned char *to, const unsigned char *from,
                        size_t size)
{
    const size_t wide = 64 / size, rows = p->n[0], cols = p->n[1];
    const struct tile s = { p->to[0], p->from[1] };

    for (size_t k = 0; k < cols; k += TURN_RUNS)
        for (size_t i = 0; i < rows; i += wide)
            turn_tile(s, to + (ptrdiff_t)i * s.row + (ptrdiff_t)(k * size),
                      from + (ptrdiff_t)(i * size) + (ptrdiff_t)k * s.col,
                      rows - i < wide ? rows - i : wide,
                      cols - k < TURN_RUNS ? cols - k : TURN_RUNS, size);
}

#define BY_SIZE(function)                                     \
    switch (p->size) {                                        \
    case 1: function(p, to, from, 1); return;                 \
    case 2: function(p, to, from, 2); return;                 \
    case 4: function(p, to, from, 4); return;                 \
    case 8: function(p, to, from, 8); return;                 \
    default: function(p, to, from, 16);                       \
    }

static void steps(const struct plane *p, unsigned char *to, const unsigned char *from)
{
    BY_SIZE(steps_of)
}

static void turn(const struct plane *p, unsigned char *to, const unsigned char *from)
{
    BY_SIZE(turn_of)
}

/* ---- the box ------------------------------------------------------------------------------- */

/* The same box with as few dims as can be, steps in bytes; 0 when it is empty. */
static int simplify(struct nd_box *to, const struct nd_box *b, size_t size)
{
    const int64_t bytes = (int64_t)size;
    uint32_t n = 0;

    for (uint32_t i = 0; i < b->rank; i++)
        if (b->dims[i] <= 0)
            return 0;
    for (uint32_t i = 0; i < b->rank; i++) {
        const int64_t d = b->dims[i];
        if (d == 1)
            continue;
        if (n && to->to[n - 1] == b->to[i] * bytes * d
            && to->from[n - 1] == b->from[i] * bytes * d) {
            to->dims[n - 1] *= d;
            to->to[n - 1] = b->to[i] * bytes;
            to->from[n - 1] = b->from[i] * bytes;
            continue;
        }
        to->dims[n] = d;
        to->to[n] = b->to[i] * bytes;
        to->from[n++] = b->from[i] * bytes;
    }
    to->rank = n;
    return 1;
}

/* Take dim i out of the box and make it dim k of the plane. */
static void take_dim(struct plane *p, int k, struct nd_box *b, uint32_t i)
{
    p->n[k] = (size_t)b->dims[i];
    p->to[k] = (ptrdiff_t)b->to[i];
    p->from[k] = (ptrdiff_t)b->from[i];
    for (b->rank--; i < b->rank; i++) {
        b->dims[i] = b->dims[i + 1];
        b->to[i] = b->to[i + 1];
        b->from[i] = b->from[i + 1];
    }
}

typedef void work(const struct plane *p, unsigned char *to, const unsigned char *from);

/* Choose the plane and what is done with it. */
static work *choose(struct plane *p, struct nd_box *b, size_t size)
{
    const int64_t bytes = (int64_t)size;

    *p = (struct plane){ .n = { 1, 1 }, .size = size };
    if (!b->rank)
        return rows;
    take_dim(p, 1, b, b->rank - 1);
    if (p->to[1] == bytes && p->from[1] != bytes)
        for (uint32_t i = b->rank; i--;)
            if (b->from[i] == bytes) {
                take_dim(p, 0, b, i);
                return turn;
            }
    if (b->rank)
        take_dim(p, 0, b, b->rank - 1);
    return p->to[1] == bytes && p->from[1] == bytes ? rows : steps;
}

void mdl_nd_move(void *to, const void *from, size_t size, const struct nd_box *box)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    int64_t at[ND_BOX_RANK] = { 0 };
    struct nd_box b;
    struct plane p;
    uint32_t i;

    if (!simplify(&b, box, size))
        return;
    work *const go = choose(&p, &b, size);
    do {
        go(&p, t, f);
        for (i = b.rank; i--;) {  /* the next one, as an odometer counts */
            t += b.to[i];
            f += b.from[i];
            if (++at[i] < b.dims[i])
                break;
            t -= b.to[i] * b.dims[i];
            f -= b.from[i] * b.dims[i];
            at[i] = 0;
        }
    } while (i != UINT32_MAX);
}

void mdl_nd_fill(void *to, const void *one, size_t size, uint64_t n)
{
    unsigned char *t = to;
    const size_t all = (size_t)n * size;
    size_t done = size;

    if (!all)
        return;
    memmove(t, one, size);
    while (done < all) {          /* what is there already, doubled, as far as 4 KB */
        const size_t more = done < 4096 ? done : 4096 / size * size;
        const size_t part = all - done < more ? all - done : more;
        memcpy(t + done, t, part);
        done += part;
    }
}

void mdl_nd_zero(void *one, uint32_t type)
{
    static const char *const empty = "";

    memset(one, 0, 16);
    if (type == MDL_STRING)
        memcpy(one, &empty, sizeof empty);
}

/* ---- lists --------------------------------------------------------------------------------- */

mdl_status mdl_nd_list(int64_t *to, uint32_t *n, uint32_t room, const struct nd *t, const char *what,
                       mdl_error *err)
{
    *n = 0;
    if (!t)
        return MDL_OK;
    if (t->rank > 1)
        return mdl_fail(err, MDL_ERR_DATA, "%s has rank %u, expected 1", what, (unsigned)t->rank);
    if (t->count > room)
        return mdl_fail(err, MDL_ERR_DATA, "%s has %llu elements, at most %u are possible", what,
                        (unsigned long long)t->count, (unsigned)room);
    *n = (uint32_t)t->count;
    for (uint32_t i = 0; i < *n; i++)
        to[i] = mdl_nd_int(t, i);
    return MDL_OK;
}

mdl_status mdl_nd_axes(int64_t *axes, uint32_t *n, const struct nd *t, uint32_t rank, mdl_error *err)
{
    uint32_t seen = 0;
    mdl_status s = mdl_nd_list(axes, n, MDL_MAX_RANK, t, "axes", err);

    if (!t)
        for (*n = 0; *n < rank; ++*n)
            axes[*n] = *n;
    for (uint32_t i = 0; !s && i < *n; i++) {
        s = mdl_nd_axis(&axes[i], rank, err);
        if (!s && seen & 1u << axes[i])
            s = mdl_fail(err, MDL_ERR_DATA, "axis %lld is given twice", (long long)axes[i]);
        if (!s)
            seen |= 1u << axes[i];
    }
    return s;
}

mdl_status mdl_nd_dim_product(int64_t *to, const struct nd *t, uint32_t first, uint32_t last,
                              mdl_error *err)
{
    uint64_t all = 1;

    for (uint32_t i = first; i < last; i++)
        if (!size_mul(all, (uint64_t)t->dims[i], &all) || all > INT64_MAX)
            return mdl_fail(err, MDL_ERR_DATA, "too many elements");
    *to = (int64_t)all;
    return MDL_OK;
}

mdl_status mdl_nd_index_fail(int64_t at, int64_t dim, mdl_error *err)
{
    return mdl_fail(err, MDL_ERR_DATA, "index %lld is not in -%lld .. %lld", (long long)at,
                    (long long)dim, (long long)dim - 1);
}

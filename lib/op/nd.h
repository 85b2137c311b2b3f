/*
 * op/nd.h - what a tensor operator sees
 *
 * In a call every value is a struct nd: packed, row-major, of any rank up to MDL_MAX_RANK,
 * rank 0 (one element) and empty dimensions included.  For each node in turn
 *
 *     shape   checks the shapes of the inputs (and the contents of those that op->contents
 *             names), sets rank and dims of every result and temp_bytes;
 *     eval    computes.  It relies on what shape has checked, and fails only for what it
 *             finds in the data, such as an index out of range.
 *
 * Types are settled at load by op->infer, so neither has to check them.  Both may be called
 * from many threads with one node, and neither allocates.  A failure is MDL_ERR_DATA with
 * what was expected and what was found; the caller adds the node's name.
 *
 * Types take one element after another: MDL_BOOL a byte of 0 or 1, MDL_STRING a
 * `const char *`, MDL_I4 and other parts of a byte a whole byte each.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_H
#define MDL_OP_ND_H

#include "op/op.h"

struct nd {
    void    *data;                /* NULL: nobody wants this result; not NULL when empty */
    uint64_t count;               /* product of dims                                */
    uint32_t type, rank;
    int64_t  dims[MDL_MAX_RANK];
};

struct nd_call {
    const struct kernels *kernels;
    const struct graph   *graph;
    struct nd            *values; /* [n_values]                                     */
    void                 *temp;   /* temp_bytes of working memory for eval, aligned to 64 */
    uint64_t              temp_bytes; /* set by shape; 0 before                     */
    mdl_error            *err;
    char                 *text;   /* text_bytes for strings that results point to: it stays
                                   * until the call's results are gone               */
    uint64_t              text_bytes; /* set by shape, whose op->contents has all inputs; 0 before */
};

/* Traits of a tensor operator (op->traits). */
#define ND_ALIAS    1u            /* result 0 is the bytes of input 0 in another shape; eval is
                                   * mdl_nd_copy, and seldom called                              */
#define ND_IN_PLACE 2u            /* result 0 may lie where input 0 lies, if it is as many bytes:
                                   * each element of input 0 is read before it is written, and
                                   * nothing of other inputs comes after                        */
#define ND_SHAPE    4u            /* results depend on the shapes of inputs, not on contents   */
#define ND_RANDOM   8u            /* another result each time                                  */
#define ND_HALF     16u           /* takes float16 and bfloat16 itself: importers convert around
                                   * operators that do not                                     */

/* Input i, NULL when it is optional and not given; result i. */
static inline const struct nd *nd_in(const struct nd_call *c, const struct node *n, uint32_t i)
{
    return i < n->n_in && n->in[i] != VALUE_NONE ? &c->values[n->in[i]] : NULL;
}

static inline struct nd *nd_out(const struct nd_call *c, const struct node *n, uint32_t i)
{
    return &c->values[n->out[i]];
}

/* Is result i there and wanted?  In eval. */
static inline int nd_wanted(const struct nd_call *c, const struct node *n, uint32_t i)
{
    return i < n->n_out && c->values[n->out[i]].data != NULL;
}

/* At load: type of input i, 0 when it is not given; and whether it is. */
static inline int nd_given(const struct node *n, uint32_t i)
{
    return i < n->n_in && n->in[i] != VALUE_NONE;
}

static inline uint32_t nd_type(const struct node *n, const struct graph *g, uint32_t i)
{
    return nd_given(n, i) ? g->values[n->in[i]].type : 0;
}

/* At load: result i is a tensor of this type. */
static inline void nd_result(const struct node *n, struct graph *g, uint32_t i, uint32_t type)
{
    if (i < n->n_out)
        g->values[n->out[i]] = (struct value){ .type = type, .rank = VALUE_ANY_RANK };
}

/* MDL_ERR_FORMAT unless input i, if it is given, has one of the types (TYPE_BIT); or unless
 * the inputs first .. last that are given have the type of `first`. */
mdl_status mdl_nd_need_type(const struct node *n, const struct graph *g, uint32_t i, uint32_t types,
                            mdl_error *err);
mdl_status mdl_nd_need_same(const struct node *n, const struct graph *g, uint32_t first, uint32_t last,
                            mdl_error *err);

/* Sets of types. */
#define TYPES_FLOATS   (TYPES_FLOAT | TYPE_BIT(MDL_F16) | TYPE_BIT(MDL_BF16))
#define TYPES_SIGNED   (TYPE_BIT(MDL_I8) | TYPE_BIT(MDL_I16) | TYPE_BIT(MDL_I32) | TYPE_BIT(MDL_I64))
#define TYPES_UNSIGNED (TYPE_BIT(MDL_U8) | TYPE_BIT(MDL_U16) | TYPE_BIT(MDL_U32) | TYPE_BIT(MDL_U64))
#define TYPES_INTEGER  (TYPES_SIGNED | TYPES_UNSIGNED)
#define TYPES_NUMBER   (TYPES_FLOATS | TYPES_INTEGER)
#define TYPES_INDEX    (TYPE_BIT(MDL_I32) | TYPE_BIT(MDL_I64))
#define TYPES_ANY      0xFFFFFFFEu

/* infer for operators all of whose results have the type of input 0; the type bool. */
mdl_status mdl_nd_infer_same(struct node *n, struct graph *g, mdl_error *err);
mdl_status mdl_nd_infer_bool(struct node *n, struct graph *g, mdl_error *err);
/* eval for result 0 = the elements of input 0. */
mdl_status mdl_nd_copy(const struct node *n, struct nd_call *c);
/* Bytes of an element in memory: as mdl_type_bytes, and those of a pointer for strings. */
size_t mdl_nd_type_bytes(uint32_t type);
/* shape for operators all of whose results have the shape of input 0. */
mdl_status mdl_nd_shape_same(const struct node *n, struct nd_call *c);

/* ---- shapes ------------------------------------------------------------------------------ */

/* Set a result's shape. */
void mdl_nd_set_shape(struct nd *to, uint32_t rank, const int64_t *dims);
static inline void nd_like(struct nd *to, const struct nd *from)
{
    mdl_nd_set_shape(to, from->rank, from->dims);
}

/* *axis into 0 .. rank - 1, counted from the end if negative; MDL_ERR_DATA otherwise. */
mdl_status mdl_nd_axis(int64_t *axis, uint32_t rank, mdl_error *err);

/* Product of the dimensions first .. last - 1. */
static inline uint64_t nd_product(const struct nd *t, uint32_t first, uint32_t last)
{
    uint64_t n = 1;

    for (uint32_t i = first; i < last; i++)
        n *= (uint64_t)t->dims[i];
    return n;
}

/* *to = what shapes a and b broadcast to (numpy's rule); MDL_ERR_DATA when they do not. */
mdl_status mdl_nd_broadcast(struct nd *to, const struct nd *a, const struct nd *b, mdl_error *err);

/* Steps, in elements, of walking `from` along the dimensions of `to`, into which it
 * broadcasts: step[i] is 0 where it has one element. */
void mdl_nd_steps(int64_t *step, const struct nd *to, const struct nd *from);

/* A shape as text, "[2, 3]", for errors.  Returns `out`; 96 bytes are enough for most. */
const char *mdl_nd_shape_text(char *out, size_t room, const struct nd *t);

/* ---- contents ------------------------------------------------------------------------------ */

/* Element i of a tensor of integers or bools as int64. */
int64_t mdl_nd_int(const struct nd *t, uint64_t i);
/* Element i of a tensor of numbers as double. */
double mdl_nd_number(const struct nd *t, uint64_t i);

/*
 * Elements to and from the types that arithmetic is written in: float, double, int64_t.
 * `type` is that of the tensor's elements at `from` or `to`.  Loading is exact where the
 * type can hold it; storing rounds floats to nearest even (overflow gives infinity where
 * the type has one), cuts integers to their low bits, and makes a bool of != 0.
 */
void mdl_nd_load_f32(float *to, const void *from, uint32_t type, uint64_t first, size_t n);
void mdl_nd_load_f64(double *to, const void *from, uint32_t type, uint64_t first, size_t n);
void mdl_nd_load_i64(int64_t *to, const void *from, uint32_t type, uint64_t first, size_t n);
void mdl_nd_store_f32(void *to, uint32_t type, uint64_t first, const float *from, size_t n);
void mdl_nd_store_f64(void *to, uint32_t type, uint64_t first, const double *from, size_t n);
void mdl_nd_store_i64(void *to, uint32_t type, uint64_t first, const int64_t *from, size_t n);

#define ND_CHUNK 256u             /* elements that such loops take at a time, on the stack */

#endif

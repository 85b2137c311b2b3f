/*
 * optimize/facts.h - what is known of values before anything runs: types, shapes, short lists
 *
 * A size is a product: times * of[0] * of[1] * of[2].  A number has no factors; a factor is a
 * dimension that only a call settles, by its own number: dimension d of value v is
 * v * MDL_MAX_RANK + d + 1.  Sizes that are equal here are equal in every call, those of 0
 * included.  What is said of a result holds whenever the node does not fail.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OPTIMIZE_FACTS_H
#define MDL_OPTIMIZE_FACTS_H

#include "optimize/flow.h"

#define SIZE_FACTORS  3
#define FACTS_LONGEST 16          /* numbers of a list that are followed                      */

struct size {
    int64_t times;
    int32_t of[SIZE_FACTORS];     /* ascending behind zeros; of[0] < 0: not known at all      */
};

struct fact {
    uint32_t type;                /* MDL_*, 0: not known                                      */
    int32_t  rank;                /* -1: not known                                            */
    int32_t  n;                   /* numbers of an integer or a list of them, -1: not known   */
    struct size *dims, *numbers;
};

struct facts {
    struct flow *f;
    struct arena arena;
    struct fact *of;              /* [values]; NULL when memory ran out                       */
};

/* Everything that is known; to be freed, whatever came of it. */
void mdl_facts_find(struct facts *w, struct flow *f);
void mdl_facts_free(struct facts *w);

/* ---- sizes ----------------------------------------------------------------------------------- */

static inline struct size size_number(int64_t v)
{
    return (struct size){ .times = v };
}

static inline struct size size_factor(int32_t value, uint32_t dim)
{
    return (struct size){ 1, { 0, 0, value * MDL_MAX_RANK + (int32_t)dim + 1 } };
}

static inline struct size size_unknown(void)
{
    return (struct size){ 0, { -1, 0, 0 } };
}

static inline int size_is_number(const struct size *s)
{
    return !s->of[SIZE_FACTORS - 1] && s->of[0] >= 0;
}

static inline int size_is(const struct size *s, int64_t v)
{
    return size_is_number(s) && s->times == v;
}

int mdl_size_equal(const struct size *a, const struct size *b);
/* *to = a * b; 0 when it is too much for a struct size. */
int mdl_size_times(struct size *to, const struct size *a, const struct size *b);
int mdl_size_same_dims(const struct fact *a, const struct fact *b);

/* ---- for passes ------------------------------------------------------------------------------ */

/*
 * The list for `reshape` that makes x a tensor of the sizes `want`, whatever a call brings: a
 * number; 0 where x has that dimension in that place; -1 where the rest of x's elements must be
 * it.  0 when there is none.
 */
int mdl_facts_list(const struct fact *x, const struct fact *want, int64_t *list);

/* The node becomes reshape of x by the list, in place of whatever it was. */
void mdl_facts_make_reshape(struct flow *f, int32_t node, int32_t x, const int64_t *list,
                            int32_t rank);

/* A parameter of a node; an array of int64 weights (NULL: not given). */
int64_t mdl_flow_get_int(const struct flow_node *n, const char *param, int64_t fallback);
const char *mdl_flow_get_choice(const struct flow_node *n, const char *param, const char *fallback);
const int64_t *mdl_flow_get_ints(const struct flow_node *n, const char *slot, uint64_t *count);

/* What stands for each of *n values: itself, until a pass says otherwise; NULL when memory ran out.
 * Then every reader learns it, and a node for whose only result something else stands is dead;
 * values that are newer stand for themselves. */
int32_t *mdl_facts_instead(struct facts *w, uint32_t *n);
void mdl_flow_replace_all(struct flow *f, int32_t *instead, uint32_t n);

#endif

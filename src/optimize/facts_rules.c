/*
 * optimize/facts_rules.c - operators: types, shapes and short lists of their results
 *
 * An operator that is not in the table tells nothing of its results; one that is tells what its
 * own code (lib/op) would, and no more.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts_rules.h"

#include <string.h>

const struct fact mdl_facts_nothing = { .rank = -1, .n = -1 };

static struct size *copy_sizes(struct facts *w, int32_t n, const struct size *from)
{
    struct size *to = mdl_arena_take(&w->arena, (uint64_t)n, sizeof *to);

    if (to && n)
        memcpy(to, from, (size_t)n * sizeof *to);
    return to;
}

void mdl_facts_shape(struct facts *w, struct fact *to, int32_t rank, const struct size *dims)
{
    to->dims = rank <= MDL_MAX_RANK ? copy_sizes(w, rank, dims) : NULL;
    to->rank = to->dims ? rank : -1;
}

/* An int32 is taken to hold every dimension: a model that reads shapes in int32 has no answer to
 * a tensor longer than that. */
void mdl_facts_numbers(struct facts *w, struct fact *to, int32_t n, const struct size *numbers)
{
    to->numbers = n <= FACTS_LONGEST ? copy_sizes(w, n, numbers) : NULL;
    to->n = to->numbers ? n : -1;
    for (int32_t i = 0; i < to->n && to->type == MDL_I32; i++)
        if (size_is_number(&numbers[i])
            && (numbers[i].times > INT32_MAX || numbers[i].times < INT32_MIN))
            to->numbers[i] = size_unknown();
}

/* Lists are followed in both; what is no int32 is not followed there. */
static int is_index(uint32_t type)
{
    return type == MDL_I64 || type == MDL_I32;
}

/* ---- element by element ---------------------------------------------------------------------- */

static void rule_same(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);

    if (x->rank >= 0)
        shape_out(w, n, x->rank, x->dims);
}

/* numpy's rule.  Where one is 1, the other; where one is another number, that one; the rest is
 * settled by the call. */
static void rule_broadcast(struct facts *w, const struct flow_node *n)
{
    struct size dims[MDL_MAX_RANK];
    int32_t rank = 0;

    for (uint32_t k = 0; k < n->n_in; k++) {
        if (fact_in(w, n, k)->rank < 0)
            return;
        rank = rank > fact_in(w, n, k)->rank ? rank : fact_in(w, n, k)->rank;
    }
    for (int32_t d = 0; d < rank; d++) {
        dims[d] = size_number(1);
        for (uint32_t k = 0; k < n->n_in; k++) {
            const struct fact *x = fact_in(w, n, k);
            const int32_t at = d - rank + x->rank;
            if (at < 0 || size_is(&x->dims[at], 1) || mdl_size_equal(&dims[d], &x->dims[at]))
                continue;
            if (size_is(&dims[d], 1))
                dims[d] = x->dims[at];
            else if (size_is_number(&x->dims[at]) && !size_is_number(&dims[d]))
                dims[d] = x->dims[at];
            else if (!size_is_number(&dims[d])) {
                dims[d] = own(n, d);
                break;
            }
        }
    }
    shape_out(w, n, rank, dims);
}

/* a op b; not known when it is more than multiples of one product. */
static struct size arithmetic(const char *kind, const struct size *a, const struct size *b)
{
    const int numbers = size_is_number(a) && size_is_number(b);
    const int64_t most = 1ll << 31;       /* products of these do not overflow */
    struct size r = *a;

    if (numbers && (a->times < -most || a->times > most || b->times < -most || b->times > most))
        return size_unknown();
    if (!strcmp(kind, "mul")) {
        if (numbers)
            return size_number(a->times * b->times);
        return mdl_size_times(&r, a, b) ? r : size_unknown();
    }
    if (!strcmp(kind, "div") && size_is_number(b) && b->times > 0 && a->of[0] >= 0
        && (numbers ? a->times >= 0 : a->times % b->times == 0)) {
        r.times /= b->times;
        return r;
    }
    if (numbers && (!strcmp(kind, "add") || !strcmp(kind, "sub")))
        return size_number(kind[0] == 'a' ? a->times + b->times : a->times - b->times);
    return size_unknown();
}

static void rule_binary(struct facts *w, const struct flow_node *n)
{
    const struct fact *a = fact_in(w, n, 0), *b = fact_in(w, n, 1);
    const char *kind = mdl_flow_get_choice(n, "kind", "add");
    struct size numbers[FACTS_LONGEST];

    rule_broadcast(w, n);
    if (a->n < 1 || b->n < 1 || a->type != b->type || !is_index(a->type)
        || (a->n != b->n && a->n != 1 && b->n != 1))
        return;
    const int32_t count = a->n > b->n ? a->n : b->n;
    for (int32_t i = 0; i < count; i++)
        numbers[i] = arithmetic(kind, &a->numbers[a->n == 1 ? 0 : i],
                                &b->numbers[b->n == 1 ? 0 : i]);
    mdl_facts_numbers(w, fact_out(w, n, 0), count, numbers);
}

static void rule_convert(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);

    rule_same(w, n);
    if (x->n >= 0 && is_index(fact_out(w, n, 0)->type))
        mdl_facts_numbers(w, fact_out(w, n, 0), x->n, x->numbers);
}

/* ---- products -------------------------------------------------------------------------------- */

static void rule_matmul(struct facts *w, const struct flow_node *n)
{
    const struct fact *a = fact_in(w, n, 0), *b = fact_in(w, n, 1);
    struct size dims[MDL_MAX_RANK];

    if (a->rank < 2 || b->rank < 2)
        return;
    const int32_t rank = a->rank > b->rank ? a->rank : b->rank;
    for (int32_t d = 0; d < rank - 2; d++) {
        const struct size one = size_number(1);
        const int32_t of_a = d - rank + a->rank, of_b = d - rank + b->rank;
        const struct size *p = of_a < 0 ? &one : &a->dims[of_a];
        const struct size *q = of_b < 0 ? &one : &b->dims[of_b];
        dims[d] = size_is(p, 1) ? *q : size_is(q, 1) || mdl_size_equal(p, q) ? *p : own(n, d);
    }
    dims[rank - 2] = a->dims[a->rank - 2];
    dims[rank - 1] = b->dims[b->rank - 1];
    shape_out(w, n, rank, dims);
}

static void rule_gemm(struct facts *w, const struct flow_node *n)
{
    const struct fact *a = fact_in(w, n, 0), *b = fact_in(w, n, 1);
    const int turn_a = mdl_flow_get_int(n, "trans_a", 0) != 0;
    const int turn_b = mdl_flow_get_int(n, "trans_b", 0) != 0;

    if (a->rank == 2 && b->rank == 2)
        shape_out(w, n, 2, (const struct size[]){ a->dims[turn_a], b->dims[!turn_b] });
}

/* [N, C, ...]: as many filters as there are; windows leave what the call brings. */
static void rule_windows(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0), *filters = fact_in(w, n, 1);
    const int conv = !strcmp(n->op, "conv");
    struct size dims[MDL_MAX_RANK];

    if (x->rank < 2 || (conv && filters->rank != x->rank))
        return;
    for (int32_t d = 0; d < x->rank; d++)
        dims[d] = own(n, d);
    dims[0] = x->dims[0];
    dims[1] = conv ? filters->dims[0] : x->dims[1];
    shape_out(w, n, x->rank, dims);
}

static void rule_none(struct facts *w, const struct flow_node *n)
{
    (void)w;
    (void)n;
}

/* ---- the table ------------------------------------------------------------------------------- */

enum { NO_TYPE, AS_FIRST, AS_SECOND, IS_BOOL, IS_I64, AS_TOLD };

static const struct rule {
    const char *op;
    void (*run)(struct facts *w, const struct flow_node *n);
    int type;                     /* of result 0 */
} rules[] = {
    { "batch_norm", rule_same, AS_FIRST },     { "binary", rule_binary, AS_FIRST },
    { "clip", rule_same, AS_FIRST },           { "compare", rule_broadcast, IS_BOOL },
    { "conv", rule_windows, AS_FIRST },        { "convert", rule_convert, AS_TOLD },
    { "cumulate", rule_same, AS_FIRST },       { "dequantize", rule_same, NO_TYPE },
    { "expand", mdl_facts_rule_expand, AS_FIRST },       { "flatten", mdl_facts_rule_flatten, AS_FIRST },
    { "gather", mdl_facts_rule_gather, AS_FIRST },       { "gemm", rule_gemm, AS_FIRST },
    { "global_pool", rule_windows, AS_FIRST }, { "group_norm", rule_same, AS_FIRST },
    { "join", mdl_facts_rule_join, AS_FIRST },           { "layer_norm", rule_same, NO_TYPE },
    { "lp_norm", rule_same, AS_FIRST },        { "lrn", rule_same, AS_FIRST },
    { "matmul", rule_matmul, AS_FIRST },       { "pool", rule_windows, AS_FIRST },
    { "quantize", rule_same, NO_TYPE },        { "reduce", mdl_facts_rule_reduce, AS_FIRST },
    { "reshape", mdl_facts_rule_reshape, AS_FIRST },     { "shape", mdl_facts_rule_shape, IS_I64 },
    { "slice", mdl_facts_rule_slice, AS_FIRST },         { "softmax", rule_same, AS_FIRST },
    { "split", rule_none, AS_FIRST },          { "squeeze", mdl_facts_rule_squeeze, AS_FIRST },
    { "standardize", rule_same, AS_FIRST },    { "transpose", mdl_facts_rule_transpose, AS_FIRST },
    { "trilu", rule_same, AS_FIRST },          { "unary", rule_same, AS_FIRST },
    { "unsqueeze", mdl_facts_rule_unsqueeze, AS_FIRST }, { "where", rule_broadcast, AS_SECOND },
};

static int is_half(uint32_t type)
{
    return type == MDL_F16 || type == MDL_BF16;
}

/* Around operators that take no halves the first one's type comes back (flow_build.c): then as
 * input 0 only where no other input can be the first. */
static uint32_t type_of_first(const struct facts *w, const struct flow_node *n)
{
    mdl_op_info info = { .size = sizeof info };
    const uint32_t type = fact_in(w, n, 0)->type;
    int sure = !type || is_half(type);

    for (size_t i = 0; !sure && !mdl_op(i, &info); i++)
        if (!strcmp(info.name, n->op))
            sure = (info.flags & MDL_OP_HALF) != 0;
    for (uint32_t k = 1; !sure && k < n->n_in; k++)
        if (n->in[k] != FLOW_NONE && (!fact_in(w, n, k)->type || is_half(fact_in(w, n, k)->type)))
            return 0;
    return type;
}

/* The type that a name of mdl_type_name means, 0 for none. */
static uint32_t type_named(const char *name)
{
    for (uint32_t t = 1; t <= MDL_U2; t++)
        if (!strcmp(mdl_type_name(t), name))
            return t;
    return 0;
}

static uint32_t type_of(const struct facts *w, const struct flow_node *n, int rule)
{
    static const char *const bools[] = { "is_nan", "is_inf", "not", "true" };
    const char *kind = mdl_flow_get_choice(n, "kind", "");

    for (size_t i = 0; !strcmp(n->op, "unary") && i < sizeof bools / sizeof *bools; i++)
        if (!strcmp(kind, bools[i]))
            return MDL_BOOL;
    switch (rule) {
    case AS_FIRST:  return type_of_first(w, n);
    case AS_SECOND: return fact_in(w, n, 1)->type;
    case IS_BOOL:   return MDL_BOOL;
    case IS_I64:    return MDL_I64;
    case AS_TOLD:   return strcmp(mdl_flow_get_choice(n, "to", "like"), "like") != 0
                         ? type_named(mdl_flow_get_choice(n, "to", "")) : fact_in(w, n, 1)->type;
    default:        return 0;
    }
}

void mdl_facts_rule(struct facts *w, const struct flow_node *n)
{
    for (size_t i = 0; n->n_out && i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].op, n->op) && !mdl_flow_constant(w->f, n->out[0])) {
            fact_out(w, n, 0)->type = type_of(w, n, rules[i].type);
            rules[i].run(w, n);
        }
}

/*
 * optimize/facts_views.c - shapes of what operators only move, and shapes as numbers
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/facts_rules.h"

#include <string.h>

/* A list of numbers, or one number: and its shape. */
static void list_out(struct facts *w, const struct flow_node *n, int32_t rank, int32_t count,
                     const struct size *numbers)
{
    const struct size dims[1] = { size_number(count) };

    shape_out(w, n, rank, dims);
    mdl_facts_numbers(w, fact_out(w, n, 0), count, numbers);
}

/* All numbers of a list, none a factor, into list[]: how many, or -1. */
static int32_t numbers_of(const struct fact *t, int64_t *list)
{
    for (int32_t i = 0; i < t->n; i++) {
        if (!size_is_number(&t->numbers[i]))
            return -1;
        list[i] = t->numbers[i].times;
    }
    return t->n;
}

/* The axis of a tensor of known rank, -1: none. */
static int32_t axis_of(int64_t axis, int32_t rank)
{
    axis += axis < 0 ? rank : 0;
    return axis >= 0 && axis < rank ? (int32_t)axis : -1;
}

/* Axes that a list names, as bits; 0 when it is not known, or wrong. */
static uint32_t axes_of(const struct fact *list, int32_t rank)
{
    int64_t axes[FACTS_LONGEST];
    const int32_t count = numbers_of(list, axes);
    uint32_t mask = 0;

    for (int32_t i = 0; i < count; i++) {
        const int32_t a = axis_of(axes[i], rank);
        if (a < 0)
            return 0;
        mask |= 1u << a;
    }
    return mask;
}

/* ---- shapes ---------------------------------------------------------------------------------- */

void mdl_facts_rule_shape(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);
    int64_t at[2] = { mdl_flow_get_int(n, "start", 0), mdl_flow_get_int(n, "end", MDL_MAX_RANK) };
    struct size count = size_number(1);

    if (x->rank < 0)
        return;
    if (!strcmp(mdl_flow_get_choice(n, "kind", "dims"), "count")) {
        for (int32_t i = 0; i < x->rank; i++)
            if (!mdl_size_times(&count, &count, &x->dims[i]))
                count = size_unknown();
        list_out(w, n, 0, 1, &count);
        return;
    }
    for (int i = 0; i < 2; i++) {
        at[i] += at[i] < 0 ? x->rank : 0;
        at[i] = at[i] < 0 ? 0 : at[i] > x->rank ? x->rank : at[i];
    }
    list_out(w, n, 1, at[1] > at[0] ? (int32_t)(at[1] - at[0]) : 0, x->dims + at[0]);
}

/* Is an element of the list that stands for a size s really s in the result?  Of 0 reshape makes
 * x's own dimension: which is 0, too, or then there are no elements to fill the others. */
static int stays(const struct fact *x, const struct fact *list, int32_t i)
{
    const struct size *s = &list->numbers[i];
    int within = i < x->rank;

    if (i >= x->rank || mdl_size_equal(s, &x->dims[i]))
        return 1;
    for (int k = 0; k < SIZE_FACTORS; k++) {
        int found = !s->of[k];
        for (int j = 0; j < SIZE_FACTORS; j++)
            found |= x->dims[i].of[j] == s->of[k];
        within &= found;
    }
    if (within)
        return 1;
    for (int32_t k = 0; k < list->n; k++)
        if (k != i && !(size_is_number(&list->numbers[k]) && list->numbers[k].times > 0))
            return 0;
    for (int k = 0; k < SIZE_FACTORS; k++) {
        int found = !s->of[k];
        for (int32_t d = 0; d < x->rank; d++)
            for (int j = 0; j < SIZE_FACTORS; j++)
                found |= x->dims[d].of[j] == s->of[k];
        if (!found)
            return 0;
    }
    return 1;
}

/* What -1 in the list stands for: x's elements over those of the rest, dims that are x's own left
 * out on both sides. */
static struct size left_over(const struct fact *x, const struct fact *list, int zero_is_zero)
{
    struct size have = size_number(1);
    int64_t rest = 1;

    for (int32_t i = 0; i < x->rank || i < list->n; i++) {
        const struct size *s = i < list->n ? &list->numbers[i] : NULL;
        const int copied = s && i < x->rank
                        && (mdl_size_equal(s, &x->dims[i]) || (size_is(s, 0) && !zero_is_zero));
        if (!copied && i < x->rank && !mdl_size_times(&have, &have, &x->dims[i]))
            return size_unknown();
        if (!s || copied || size_is(s, -1))
            continue;
        if (!size_is_number(s) || s->times <= 0 || s->times > INT32_MAX / rest)
            return size_unknown();
        rest *= s->times;
    }
    if (have.of[0] < 0 || have.times % rest)
        return size_unknown();
    have.times /= rest;
    return have;
}

void mdl_facts_rule_reshape(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0), *list = fact_in(w, n, 1);
    const int zero_is_zero = mdl_flow_get_int(n, "allowzero", 0) != 0;
    struct size dims[FACTS_LONGEST];

    if (list->n < 0 && (list->rank != 1 || !size_is_number(&list->dims[0])
                        || list->dims[0].times > MDL_MAX_RANK))
        return;
    const int32_t rank = list->n < 0 ? (int32_t)list->dims[0].times : list->n;
    for (int32_t i = 0; i < rank && i < FACTS_LONGEST; i++) {
        const struct size *s = list->n < 0 ? NULL : &list->numbers[i];
        dims[i] = own(n, i);
        if (!s || s->of[0] < 0)
            continue;
        if (size_is_number(s) && (s->times > 0 || (!s->times && zero_is_zero)))
            dims[i] = *s;
        else if (x->rank < 0)
            continue;
        else if (size_is(s, 0) && i < x->rank)
            dims[i] = x->dims[i];
        else if (size_is(s, -1) && left_over(x, list, zero_is_zero).of[0] >= 0)
            dims[i] = left_over(x, list, zero_is_zero);
        else if (!size_is_number(s) && (zero_is_zero || stays(x, list, i)))
            dims[i] = *s;
    }
    shape_out(w, n, rank, dims);
    if (x->n >= 0 && rank < 2)
        mdl_facts_numbers(w, fact_out(w, n, 0), x->n, x->numbers);
}

void mdl_facts_rule_flatten(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);
    int64_t axis = mdl_flow_get_int(n, "axis", 1);
    struct size dims[2] = { size_number(1), size_number(1) };

    axis += axis < 0 ? x->rank : 0;
    for (int32_t i = 0; i < x->rank; i++)
        if (!mdl_size_times(&dims[i >= axis], &dims[i >= axis], &x->dims[i]))
            dims[i >= axis] = size_unknown();
    for (int32_t i = 0; i < 2; i++)
        if (dims[i].of[0] < 0)
            dims[i] = own(n, i);
    if (x->rank >= 0)
        shape_out(w, n, 2, dims);
}

void mdl_facts_rule_squeeze(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);
    uint32_t drop = n->n_in > 1 && n->in[1] != FLOW_NONE ? axes_of(fact_in(w, n, 1), x->rank) : 0;
    struct size dims[MDL_MAX_RANK];
    int32_t rank = 0;

    if (x->rank < 0 || (n->n_in > 1 && n->in[1] != FLOW_NONE && !drop))
        return;
    for (int32_t i = 0; (n->n_in < 2 || n->in[1] == FLOW_NONE) && i < x->rank; i++) {
        if (!size_is_number(&x->dims[i]))
            return;
        drop |= size_is(&x->dims[i], 1) ? 1u << i : 0;
    }
    for (int32_t i = 0; i < x->rank; i++)
        if (!(drop & 1u << i))
            dims[rank++] = x->dims[i];
    shape_out(w, n, rank, dims);
    if (x->n >= 0)
        mdl_facts_numbers(w, fact_out(w, n, 0), x->n, x->numbers);
}

void mdl_facts_rule_unsqueeze(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0), *axes = fact_in(w, n, 1);
    struct size dims[MDL_MAX_RANK];
    int32_t from = 0;

    if (x->rank < 0 || axes->n < 1 || axes->n > MDL_MAX_RANK - x->rank)
        return;
    const int32_t rank = x->rank + axes->n;
    const uint32_t ones = axes_of(axes, rank);
    for (int32_t i = 0; i < rank; i++) {
        if (!(ones & 1u << i) && from == x->rank)
            return;               /* an axis twice */
        dims[i] = ones & 1u << i ? size_number(1) : x->dims[from++];
    }
    shape_out(w, n, rank, dims);
    if (x->n >= 0 && rank < 2)
        mdl_facts_numbers(w, fact_out(w, n, 0), x->n, x->numbers);
}

/* ---- moved, picked, put together ------------------------------------------------------------- */

void mdl_facts_rule_transpose(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);
    struct size dims[MDL_MAX_RANK];
    uint64_t count = 0;
    const int64_t *perm = mdl_flow_get_ints(n, "perm", &count);

    if (x->rank < 0 || (perm && count != (uint64_t)x->rank))
        return;
    for (int32_t i = 0; i < x->rank; i++) {
        const int64_t from = perm ? perm[i] : x->rank - 1 - i;
        if (from < 0 || from >= x->rank)
            return;
        dims[i] = x->dims[from];
    }
    shape_out(w, n, x->rank, dims);
}

void mdl_facts_rule_gather(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0), *at = fact_in(w, n, 1);
    const int32_t axis = axis_of(mdl_flow_get_int(n, "axis", 0), x->rank);
    struct size dims[2 * MDL_MAX_RANK], numbers[FACTS_LONGEST];
    int64_t list[FACTS_LONGEST];
    int32_t rank = 0;

    if (x->rank < 0 || at->rank < 0 || axis < 0)
        return;
    for (int32_t i = 0; i < x->rank; i++) {
        if (i != axis)
            dims[rank++] = x->dims[i];
        for (int32_t k = 0; i == axis && k < at->rank; k++)
            dims[rank++] = at->dims[k];
    }
    shape_out(w, n, rank, dims);
    const int32_t count = x->rank == 1 && at->rank < 2 && x->n >= 0 ? numbers_of(at, list) : -1;
    for (int32_t i = 0; i < count; i++) {
        const int32_t k = axis_of(list[i], x->n);
        if (k < 0)
            return;
        numbers[i] = x->numbers[k];
    }
    if (count >= 0)
        mdl_facts_numbers(w, fact_out(w, n, 0), count, numbers);
}

static int64_t bound(int64_t at, int64_t dim)
{
    at += at < 0 ? dim : 0;
    return at < 0 ? 0 : at > dim ? dim : at;
}

/* Forwards by steps of 1; others leave a dimension of their own. */
void mdl_facts_rule_slice(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);
    int64_t lists[4][FACTS_LONGEST];      /* starts, ends, axes, steps */
    struct size dims[MDL_MAX_RANK];
    int32_t first = 0, left = x->n, counts[4];

    if (x->rank < 0)
        return;
    for (int32_t i = 0; i < x->rank; i++)
        dims[i] = own(n, i);
    for (uint32_t i = 0; i < 4; i++)
        counts[i] = i > 1 && (i + 1 >= n->n_in || n->in[i + 1] == FLOW_NONE)
                  ? 0 : numbers_of(fact_in(w, n, i + 1), lists[i]);
    const int32_t axes = counts[2] ? counts[2] : counts[0];
    if (counts[0] < 1 || counts[1] != counts[0] || axes != counts[0] || counts[0] > x->rank
        || (counts[3] && counts[3] != counts[0])) {
        shape_out(w, n, x->rank, dims);
        return;
    }
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    for (int32_t i = 0; i < axes; i++) {
        const int32_t a = axis_of(counts[2] ? lists[2][i] : i, x->rank);
        if (a < 0)
            return;
        const int forwards = !counts[3] || lists[3][i] == 1;
        if (forwards && !lists[0][i] && lists[1][i] == INT64_MAX)
            continue;
        if (!forwards || !size_is_number(&x->dims[a])) {
            dims[a] = own(n, a);
            left = -1;
            continue;
        }
        const int64_t from = bound(lists[0][i], x->dims[a].times);
        const int64_t to = bound(lists[1][i], x->dims[a].times);
        dims[a] = size_number(to > from ? to - from : 0);
        if (left >= 0 && x->rank == 1) {
            first = (int32_t)from;
            left = (int32_t)dims[a].times;
        }
    }
    shape_out(w, n, x->rank, dims);
    if (left >= 0 && first + left <= x->n)
        mdl_facts_numbers(w, fact_out(w, n, 0), left, x->numbers + first);
}

void mdl_facts_rule_join(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0);
    const int32_t axis = axis_of(mdl_flow_get_int(n, "axis", 0), x->rank);
    struct size dims[MDL_MAX_RANK], numbers[FACTS_LONGEST];
    int64_t along = 0;
    int32_t count = 0;

    if (x->rank < 0 || axis < 0)
        return;
    memcpy(dims, x->dims, (size_t)x->rank * sizeof *dims);
    for (uint32_t k = 0; k < n->n_in; k++) {
        const struct fact *part = fact_in(w, n, k);
        if (part->rank != x->rank || !size_is_number(&part->dims[axis])
            || part->dims[axis].times > INT32_MAX)
            along = INT64_MIN;
        along += along < 0 ? 0 : part->dims[axis].times;
        /* dims beside the axis are equal: one that is a number is the better one to know */
        for (int32_t d = 0; part->rank == x->rank && d < x->rank; d++)
            if (d != axis && !size_is_number(&dims[d]) && size_is_number(&part->dims[d]))
                dims[d] = part->dims[d];
        if (count < 0 || part->n < 0 || part->rank != 1 || count + part->n > FACTS_LONGEST) {
            count = -1;
            continue;
        }
        if (part->n)
            memcpy(numbers + count, part->numbers, (size_t)part->n * sizeof *numbers);
        count += part->n;
    }
    dims[axis] = along < 0 ? own(n, axis) : size_number(along);
    shape_out(w, n, x->rank, dims);
    if (count >= 0)
        mdl_facts_numbers(w, fact_out(w, n, 0), count, numbers);
}

void mdl_facts_rule_expand(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0), *list = fact_in(w, n, 1);
    struct size dims[MDL_MAX_RANK];

    if (x->rank < 0 || list->n < 0 || list->n > MDL_MAX_RANK)
        return;
    const int32_t rank = x->rank > list->n ? x->rank : list->n;
    for (int32_t d = 0; d < rank; d++) {
        const struct size one = size_number(1);
        const int32_t at = d - rank + x->rank, to = d - rank + list->n;
        const struct size *a = at < 0 ? &one : &x->dims[at];
        const struct size *b = to < 0 ? &one : &list->numbers[to];
        dims[d] = size_is(a, 1) && b->of[0] >= 0 && b->times >= 0 ? *b
                : size_is(b, 1) || mdl_size_equal(a, b) || (size_is_number(a) && a->times > 1)
                ? *a : own(n, d);
    }
    shape_out(w, n, rank, dims);
}

void mdl_facts_rule_reduce(struct facts *w, const struct flow_node *n)
{
    const struct fact *x = fact_in(w, n, 0), *axes = fact_in(w, n, 1);
    const int given = n->n_in > 1 && n->in[1] != FLOW_NONE;
    const int64_t keep = mdl_flow_get_int(n, "keepdims", 1);
    struct size dims[MDL_MAX_RANK];
    int32_t rank = 0;

    if (x->rank < 0 || (given && axes->n < 0))
        return;
    uint32_t mask = given && axes->n ? axes_of(axes, x->rank)
                  : mdl_flow_get_int(n, "noop", 0) ? 0 : (1u << x->rank) - 1;
    if (given && axes->n && !mask)
        return;
    for (int32_t i = 0; i < x->rank; i++)
        if (!(mask >> i & 1) || keep)
            dims[rank++] = mask >> i & 1 ? size_number(1) : x->dims[i];
    shape_out(w, n, rank, dims);
}

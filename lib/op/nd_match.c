/*
 * op/nd_match.c - which texts a pattern matches from beginning to end
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"
#include "op/nd_regex.h"

static const struct slot slots[] = {
    { "pattern", TYPE_BIT(MDL_U8), 1, 1 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const mdl_status s = mdl_nd_need_type(n, g, 0, TYPE_BIT(MDL_STRING), err);

    nd_result(n, g, 0, MDL_BOOL);
    return s;
}

static mdl_status prepare(struct node *n, const struct graph *g, struct arena *a, mdl_error *err)
{
    const struct tensor *t = &n->tensors[0];
    struct regex *r = mdl_arena_take(a, 1, sizeof *r);
    (void)g;

    if (!r)
        return mdl_arena_fail(a, err, "a pattern");
    n->plan = r;
    return mdl_regex_compile(r, t->data, (size_t)t->count, a, err);
}

static mdl_status shape(const struct node *n, struct nd_call *c)
{
    const struct regex *r = n->plan;

    c->temp_bytes = 4 * sizeof(uint32_t) * (uint64_t)r->n_steps;
    return mdl_nd_shape_same(n, c);
}

static mdl_status eval(const struct node *n, struct nd_call *c)
{
    const struct nd *x = nd_in(c, n, 0);
    unsigned char *y = nd_out(c, n, 0)->data;

    for (uint64_t i = 0; i < x->count; i++) {
        const char *s = ((const char *const *)x->data)[i];
        y[i] = (unsigned char)mdl_regex_matches(n->plan, s ? s : "", c->temp);
    }
    return MDL_OK;
}

const struct op mdl_op_text_match = {
    .name = "text_match",
    .about = "does the pattern match the whole text",
    .slots = slots,
    .n_slots = 1,
    .min_in = 1,
    .max_in = 1,
    .n_out = 1,
    .infer = infer,
    .prepare = prepare,
    .shape = shape,
    .eval = eval,
};

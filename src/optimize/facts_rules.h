/*
 * optimize/facts_rules.h - what an operator makes of what is known of its inputs
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OPTIMIZE_FACTS_RULES_H
#define MDL_OPTIMIZE_FACTS_RULES_H

#include "optimize/facts.h"

/* Results of a node whose inputs are known as far as they are. */
void mdl_facts_rule(struct facts *w, const struct flow_node *n);

/* Copies of the dims, the numbers; nothing becomes known when memory runs out. */
void mdl_facts_shape(struct facts *w, struct fact *to, int32_t rank, const struct size *dims);
void mdl_facts_numbers(struct facts *w, struct fact *to, int32_t n, const struct size *numbers);

extern const struct fact mdl_facts_nothing;

/* What is known of input i, of result i. */
static inline const struct fact *fact_in(const struct facts *w, const struct flow_node *n,
                                         uint32_t i)
{
    return i < n->n_in && n->in[i] != FLOW_NONE ? &w->of[n->in[i]] : &mdl_facts_nothing;
}

static inline struct fact *fact_out(const struct facts *w, const struct flow_node *n, uint32_t i)
{
    return &w->of[n->out[i]];
}

/* Dimension d of result 0 is one of its own. */
static inline struct size own(const struct flow_node *n, int32_t d)
{
    return size_factor(n->out[0], (uint32_t)d);
}

static inline void shape_out(struct facts *w, const struct flow_node *n, int32_t rank,
                      const struct size *dims)
{
    mdl_facts_shape(w, fact_out(w, n, 0), rank, dims);
}

/* facts_views.c: operators that only move elements, and shapes as numbers. */
void mdl_facts_rule_shape(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_reshape(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_flatten(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_squeeze(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_unsqueeze(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_transpose(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_gather(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_slice(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_join(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_expand(struct facts *w, const struct flow_node *n);
void mdl_facts_rule_reduce(struct facts *w, const struct flow_node *n);

#endif

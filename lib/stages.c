/*
 * stages.c - predictions in stages, what each tree adds, rows that stop early
 *
 * A block of rows goes through the graph once, and for every further answer through its ensemble
 * and what follows it (run.c): sums go on from where they are.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include "op/tree_engine.h"

#include <string.h>

uint64_t mdl_iterations(const mdl_model *m)
{
    if (!m || mdl_model_is_tensors(m) || m->plan.trees == UINT32_MAX)
        return 0;
    return mdl_trees_iterations(&m->m.graph.nodes[m->plan.trees]);
}

void mdl_stages_run(const struct call *c, struct run *r, uint64_t stage)
{
    const uint64_t first = c->stages.is_trees ? 1 : 0;     /* with trees at all */

    r->keeps = c->stages.is_anew ? 0 : stage > first ? 2 : 1;
    if (c->stages.is_trees) {
        r->part = 1 + stage;
        return;
    }
    r->tree_done = stage ? r->tree_end : 0;
    r->tree_end = stage + 1 == c->stages.n ? c->tree_end
                : c->tree_begin + c->stages.first + stage * c->stages.every;
}

mdl_status mdl_stages_flat(struct call *c, mdl_tensor *flat, const mdl_tensor *y)
{
    uint64_t bytes;

    if (!y || y->size < sizeof *y || y->rank != 3 || y->dims[0] < 0 || y->dims[1] < 0
        || y->dims[2] < 0)
        return mdl_fail(c->err, MDL_ERR_DATA, "y is not of rank 3: [stages, rows, columns]");
    *flat = (mdl_tensor){ .size = sizeof *flat, .type = y->type, .rank = 2, .data = y->data,
                          .dims = { y->dims[1], y->dims[2] },
                          .strides = { y->strides[1], y->strides[2] } };
    c->stages.n = (uint64_t)y->dims[0];
    c->stages.stride = y->strides[0];
    if (y->strides[0] || y->strides[1] || y->strides[2])
        return MDL_OK;
    if (!size_mul((uint64_t)y->dims[1], (uint64_t)y->dims[2], &bytes)
        || !size_mul(bytes, mdl_type_bytes(y->type), &bytes) || bytes > INT64_MAX
        || !size_mul(bytes, c->stages.n, &(uint64_t){ 0 }))
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "y: the size overflows");
    c->stages.stride = (int64_t)bytes;
    return MDL_OK;
}

static uint64_t first_stage(const mdl_predict_options *o)
{
    return o->stage_first ? o->stage_first : o->stage_every;
}

static uint64_t stages_of(const mdl_model *m, const mdl_predict_options *o)
{
    const uint64_t all = mdl_iterations(m), first = first_stage(o);
    const uint64_t end = o->tree_end && o->tree_end < UINT64_MAX ? o->tree_end : all;
    const uint64_t n = end - o->tree_begin;

    if (!o->stage_every || o->tree_begin >= end || end > all)
        return 0;
    return first < n ? (n - first - 1) / o->stage_every + 2 : 1;
}

uint64_t mdl_stages(const mdl_model *m, const mdl_predict_options *options)
{
    mdl_predict_options o;

    return mdl_options_copy(&o, sizeof o, options, "mdl_predict_options", NULL) ? 0 : stages_of(m, &o);
}

static mdl_status count_stages(struct call *c, const mdl_predict_options *o)
{
    const uint64_t stages = stages_of(c->model, o);

    c->stages.first = first_stage(o);
    c->stages.every = o->stage_every;
    if (c->out && c->stages.n != stages)
        return mdl_fail(c->err, MDL_ERR_DATA, "y has %llu stages, there are %llu",
                        (unsigned long long)c->stages.n, (unsigned long long)stages);
    return MDL_OK;
}

/* Has the source margins whose size says how sure a class or an order is? */
static int has_margins(const struct call *c, const struct node *trees)
{
    const struct model_graph *m = &c->model->m;
    const char *objective = mdl_metadata_get(c->model, "objective");
    const size_t raw = mdl_output_find_role(c->model, MDL_OUTPUT_RAW);
    const int ranks = objective && (!strncmp(objective, "lambdarank", 10)
                                    || !strncmp(objective, "rank_xendcg", 11));

    return raw != SIZE_MAX && m->schema.outputs[raw].value == trees->out[0]
        && (ranks || mdl_output_find_role(c->model, MDL_OUTPUT_PROBA) != SIZE_MAX)
        && !((const struct trees_params *)trees->params)->average;
}

mdl_status mdl_stages_resolve(struct call *c, const mdl_predict_options *o, uint32_t output)
{
    const mdl_model *m = c->model;
    const int is_trees = c->stages.is_trees;

    if (!o->stage_every && !o->stop_every && !is_trees)
        return o->stage_first || o->stop_margin != 0
            ? mdl_fail(c->err, MDL_ERR_ARGUMENT, "stage_first without stage_every, or stop_margin "
                       "without stop_every") : MDL_OK;
    if (!mdl_iterations(m))
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "stages, single trees and early stops need a "
                        "model with exactly one tree ensemble");
    c->most_rows = BLOCK_ROWS;
    const struct node *trees = &m->m.graph.nodes[m->plan.trees];
    const int is_leaves = !is_trees && m->m.schema.outputs[output].value == trees->out[1];
    if (!!o->stage_every + !!o->stop_every + is_trees + is_leaves > 1)
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "stages, an early stop, single trees and leaf "
                        "indices are not for one call");
    for (uint32_t i = m->plan.trees + 1; i < m->m.graph.n_nodes; i++)
        c->stages.is_anew |= m->m.graph.nodes[i].temp_bytes != 0;
    if (is_trees)
        c->stages.n = 1 + (uint64_t)mdl_call_trees(c);
    c->stages.by_leaves = c->stages.n && !mdl_trees_engine_for(trees->plan, c->rows)->by_blocks;
    if (o->stage_every)
        return count_stages(c, o);
    if (o->stop_every && !mdl_trees_reads_x(trees))
        c->most_rows = STOP_ROWS;
    c->stop_every = o->stop_every;
    c->stop_margin = o->stop_margin;
    if (!is_trees && !(o->stop_margin >= 0))
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "stop_margin is not 0 or more");
    if (!is_trees && !has_margins(c, trees))
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "an early stop needs a classifier, or a ranker "
                        "of LightGBM, whose raw output is the sums of its trees; of this model "
                        "every tree counts");
    return MDL_OK;
}

/*
 * op/tree.c - tree ensembles: sums of leaves, and which leaves
 *
 *   x      [rows, cols]      float32 or float64
 *   sums   [rows, outputs]   base + sum over trees, in file order, of weight * leaf;
 *                            divided by the iterations used if `average`
 *   leaves [rows, trees]     int32, numbered as the source numbers them
 *
 * Every operation has the type and the order of the source: see docs/numerics.md.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/tree_engine.h"

static const char *const compare_names[] = { "<", "<=", NULL };

static const struct field fields[] = {
    FIELD(FIELD_CHOICE, trees_params, compare, 0, compare_names),
    FIELD(FIELD_INT, trees_params, average, 0, NULL),
    FIELD(FIELD_INT, trees_params, clip_zero, 0, NULL),
    FIELD(FIELD_INT, trees_params, truncate, 0, NULL),
    FIELD(FIELD_INT, trees_params, outputs, 1, NULL),
    FIELD(FIELD_INT, trees_params, leaf_width, 1, NULL),
};

#define TYPES_WORD (TYPE_BIT(MDL_U8) | TYPE_BIT(MDL_U16) | TYPE_BIT(MDL_U32))

static const struct slot slots[TREES_SLOTS] = {
    [TREES_TREE_START] = { "tree_start", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_ITERATION] = { "iteration", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_OUTPUT] = { "output", TYPE_BIT(MDL_U32), 1, 1 },
    [TREES_FLAGS] = { "flags", TYPE_BIT(MDL_U8), 1, 1 },
    [TREES_FEATURE] = { "feature", TYPES_WORD, 1, 1 },
    [TREES_THRESHOLD] = { "threshold", TYPES_FLOAT, 1, 1 },
    [TREES_RIGHT] = { "right", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_VALUE] = { "value", TYPES_FLOAT | TYPE_BIT(MDL_F16), 2, 1 },
    [TREES_LEAF_ID] = { "leaf_id", TYPE_BIT(MDL_U8) | TYPE_BIT(MDL_U16) | TYPE_BIT(MDL_I32), 1, 0 },
    [TREES_BASE] = { "base", TYPES_FLOAT, 1, 0 },
    [TREES_WEIGHT] = { "weight", TYPES_FLOAT, 1, 0 },
    [TREES_SET_START] = { "set_start", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_SET_WORDS] = { "set_words", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_LINEAR_CONST] = { "linear_const", TYPE_BIT(MDL_F64), 1, 0 },
    [TREES_LINEAR_START] = { "linear_start", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_LINEAR_FEATURE] = { "linear_feature", TYPE_BIT(MDL_U32), 1, 0 },
    [TREES_LINEAR_COEF] = { "linear_coef", TYPE_BIT(MDL_F64), 1, 0 },
    [TREES_COVER] = { "cover", TYPES_WORD | TYPES_FLOAT, 1, 0 },
    [TREES_LEFT] = { "left", TYPES_WORD, 1, 0 },
    [TREES_QUESTION] = { "question", TYPES_WORD, 1, 0 },
    [TREES_VECTOR] = { "vector", TYPES_WORD, 1, 0 },
    [TREES_SCALE] = { "scale", TYPES_FLOAT, 1, 0 },
    [TREES_LEVEL] = { "level", TYPES_WORD, 1, 0 },
    [TREES_GIVEN] = { "given", TYPE_BIT(MDL_U8), 1, 0 },
    [TREES_COUNT] = { "count", TYPE_BIT(MDL_U8), 1, 0 },
    [TREES_REST] = { "rest", TYPE_BIT(MDL_U8), 1, 0 },
};

static mdl_status infer(struct node *n, struct graph *g, mdl_error *err)
{
    const struct trees_params *p = n->params;
    const struct tensor *starts = &n->tensors[TREES_TREE_START];
    const mdl_status s = mdl_op_need_float(n, g, 0, err);

    if (s)
        return s;
    if (p->outputs < 1 || p->outputs > INT32_MAX || p->leaf_width < 1
        || p->leaf_width > p->outputs || !starts->count)
        return mdl_fail(err, MDL_ERR_FORMAT, "outputs %lld, leaf_width %lld, %llu tree starts",
                        (long long)p->outputs, (long long)p->leaf_width,
                        (unsigned long long)starts->count);
    if ((n->tensors[TREES_VALUE].type == MDL_F16) != (n->tensors[TREES_SCALE].type != 0))
        return mdl_fail(err, MDL_ERR_FORMAT, "leaves of float16 have a scale, and only they");
    value_table(node_out(n, g, 0), mdl_trees_type(n), (uint64_t)p->outputs);
    value_table(node_out(n, g, 1), MDL_I32, starts->count - 1);
    return MDL_OK;
}

uint32_t mdl_trees_iterations(const struct node *n)
{
    return ((const struct trees_plan *)n->plan)->n_iterations;
}

mdl_status mdl_trees_limit(const struct node *n, uint64_t begin, uint64_t end, mdl_error *err)
{
    const uint64_t all = mdl_trees_iterations(n);

    if (end == UINT64_MAX)
        end = all;
    if (begin < end && end <= all)
        return MDL_OK;
    return mdl_fail(err, MDL_ERR_ARGUMENT, "iterations %llu to %llu, the model has %llu",
                    (unsigned long long)begin, (unsigned long long)end, (unsigned long long)all);
}

void mdl_trees_range(const struct node *n, uint64_t begin, uint64_t end, uint32_t *first,
                     uint32_t *last)
{
    const struct trees_plan *p = n->plan;

    if (end > p->n_iterations)
        end = p->n_iterations;
    if (begin > end)
        begin = end;
    *first = p->iteration[begin];
    *last = p->iteration[end];
}

static void choose(struct node *n, const struct kernels *k, const char *engine)
{
    mdl_trees_choose(n->plan, k, engine);
}

static uint64_t features(const struct node *n)
{
    const struct tensor *t = n->tensors;

    return (t[TREES_LEFT].type ? OP_NARROW_TREES : 0)
         | (t[TREES_LEVEL].type || t[TREES_GIVEN].type || t[TREES_COUNT].type || t[TREES_REST].type
                ? OP_SHORT_TREES : 0)
         | (t[TREES_SCALE].type ? OP_F16_LEAVES : 0);
}

const struct op mdl_op_trees = {
    .name = "trees",
    .about = "base + sum of weight * leaf over trees; leaf ids",
    .fields = fields,
    .slots = slots,
    .n_fields = sizeof fields / sizeof *fields,
    .n_slots = TREES_SLOTS,
    .params_bytes = sizeof(struct trees_params),
    .min_in = 1,
    .max_in = 1,
    .n_out = 2,
    .infer = infer,
    .prepare = mdl_trees_prepare,
    .run = mdl_trees_run,
    .choose = choose,
    .features = features,
    .give = mdl_trees_give,
    .ready = mdl_trees_tables,
    .n_ready = TREES_READY,
};

/*
 * graph/build.c - the builder: nodes and weights
 *
 * SPDX-License-Identifier: MIT
 */
#include "graph/build.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

mdl_status mdl_build_error(mdl_builder *b, mdl_status status, const char *format, ...)
{
    va_list args;
    char text[sizeof b->error.text];

    if (b->error.code)
        return b->error.code;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return mdl_fail(&b->error, status, "%s", text);
}

mdl_status mdl_build_memory(mdl_builder *b)
{
    return mdl_build_error(b, MDL_ERR_MEMORY, "out of memory");
}

mdl_builder *mdl_builder_new(const mdl_allocator *allocator)
{
    const mdl_allocator from = mdl_allocator_or_default(allocator);
    mdl_builder *b = from.alloc(from.user, sizeof *b);

    if (!b)
        return NULL;
    memset(b, 0, sizeof *b);
    b->allocator = from;
    b->error = (mdl_error)MDL_ERROR_INIT;
    mdl_arena_init(&b->arena, &from, UINT64_MAX);
    mdl_arena_init(&b->image, &from, UINT64_MAX);
    return b;
}

void mdl_builder_free(mdl_builder *b)
{
    if (!b)
        return;
    for (uint32_t i = 0; i < BUILD_COUNT(b->nodes, struct build_node); i++)
        mdl_tree_parts_free(b, ((struct build_node *)(void *)b->nodes.data)[i].trees);
    mdl_vec_free(&b->inputs, &b->allocator);
    mdl_vec_free(&b->nodes, &b->allocator);
    mdl_vec_free(&b->outputs, &b->allocator);
    mdl_vec_free(&b->metadata, &b->allocator);
    mdl_vec_free(&b->golden, &b->allocator);
    mdl_vec_free(&b->types, &b->allocator);
    mdl_arena_free(&b->image);
    mdl_arena_free(&b->arena);
    const mdl_allocator a = b->allocator;
    a.free(a.user, b, sizeof *b);
}

mdl_status mdl_builder_status(const mdl_builder *b, mdl_error *error)
{
    if (!b)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the builder is NULL");
    mdl_error_copy(error, &b->error);
    return b->error.code;
}

mdl_status mdl_builder_fail(mdl_builder *b, mdl_status status, const char *text)
{
    return status ? mdl_build_error(b, status, "%s", text) : b->error.code;
}

/* ---- pieces --------------------------------------------------------------------------- */

static void *copy(mdl_builder *b, const void *from, uint64_t bytes)
{
    void *to = mdl_arena_take(&b->arena, bytes, 1);

    if (!to)
        mdl_build_memory(b);
    else if (bytes)
        memcpy(to, from, (size_t)bytes);
    return to;
}

const char *mdl_build_text(mdl_builder *b, const char *text)
{
    return text ? copy(b, text, strlen(text) + 1) : "";
}

struct build_input *mdl_build_input_at(mdl_builder *b, int32_t input)
{
    if (b->error.code)
        return NULL;
    if (input < 0 || (uint32_t)input >= BUILD_COUNT(b->inputs, struct build_input)) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "value %d is not an input", (int)input);
        return NULL;
    }
    return (struct build_input *)(void *)b->inputs.data + input;
}

struct build_node *mdl_build_node_at(mdl_builder *b, int32_t node)
{
    if (b->error.code)
        return NULL;
    if (node < 0 || (uint32_t)node >= BUILD_COUNT(b->nodes, struct build_node)) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "there is no node %d", (int)node);
        return NULL;
    }
    return (struct build_node *)(void *)b->nodes.data + node;
}

/* ---- nodes ------------------------------------------------------------------------------ */

static void fill_params(const struct op *op, unsigned char *params)
{
    for (uint32_t i = 0; i < op->n_fields; i++) {
        const struct field *f = &op->fields[i];
        const int64_t integer = f->kind == FIELD_FLOAT ? 0 : (int64_t)f->fallback;
        memcpy(params + f->offset, f->kind == FIELD_FLOAT ? (const void *)&f->fallback : &integer,
               8);
    }
}

static int link_node(mdl_builder *b, struct node *n, const int32_t *inputs)
{
    uint32_t *edges = mdl_arena_take(&b->arena, (uint64_t)n->n_in + n->n_out, sizeof *edges);

    if (!edges)
        return !mdl_build_memory(b);
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (inputs[i] == MDL_NONE && op_is_tensor(n->op) && i >= n->op->min_in) {
            edges[i] = VALUE_NONE;
            continue;
        }
        if (inputs[i] < 0 || (uint32_t)inputs[i] >= b->n_values)
            return !mdl_build_error(b, MDL_ERR_ARGUMENT, "%s reads value %d, which is not there",
                                    n->op->name, (int)inputs[i]);
        edges[i] = (uint32_t)inputs[i];
    }
    for (uint32_t i = 0; i < n->n_out; i++)
        edges[n->n_in + i] = b->n_values + i;
    n->in = edges;
    n->out = edges + n->n_in;
    return 1;
}

int32_t mdl_build_node(mdl_builder *b, const char *op, const char *name, const int32_t *inputs,
                       size_t n_inputs)
{
    const struct op *known = mdl_op_by_name(op);

    return mdl_build_node_n(b, op, name, inputs, n_inputs, known ? known->n_out : 0);
}

int32_t mdl_build_node_n(mdl_builder *b, const char *op, const char *name, const int32_t *inputs,
                         size_t n_inputs, size_t n_results)
{
    struct build_node n = { .node = { .op = mdl_op_by_name(op), .offset = MDL_NO_OFFSET } };
    const uint32_t position = BUILD_COUNT(b->nodes, struct build_node);
    struct node *node = &n.node;

    if (b->error.code)
        return MDL_NONE;
    if (!node->op || n_inputs < node->op->min_in || n_inputs > node->op->max_in) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "no operator '%s' with %llu inputs", op,
                        (unsigned long long)n_inputs);
        return MDL_NONE;
    }
    if (n_results < node->op->n_out || n_results > op_max_out(node->op)) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "no operator '%s' with %llu results", op,
                        (unsigned long long)n_results);
        return MDL_NONE;
    }
    node->name = mdl_build_text(b, name);
    node->n_in = (uint32_t)n_inputs;
    node->n_out = (uint32_t)n_results;
    node->params = mdl_arena_take(&b->arena, 1, node->op->params_bytes);
    node->tensors = mdl_arena_take(&b->arena, node->op->n_slots, sizeof *node->tensors);
    if (b->error.code || !node->params || !node->tensors) {
        mdl_build_memory(b);
        return MDL_NONE;
    }
    fill_params(node->op, node->params);
    if (!link_node(b, node, inputs))
        return MDL_NONE;
    if (!mdl_vec_add(&b->nodes, &b->allocator, &n, sizeof n)) {
        mdl_build_memory(b);
        return MDL_NONE;
    }
    b->n_values += node->n_out;
    return (int32_t)position;
}

int32_t mdl_build_result(mdl_builder *b, int32_t node, size_t i)
{
    const struct build_node *n = mdl_build_node_at(b, node);

    if (!n)
        return MDL_NONE;
    if (i >= n->node.n_out) {
        mdl_build_error(b, MDL_ERR_ARGUMENT, "%s has no result %llu", n->node.op->name,
                        (unsigned long long)i);
        return MDL_NONE;
    }
    return (int32_t)n->node.out[i];
}

/* Weights that an operator cannot do without and that are not there; NULL: all are. */
static const char *lacks(const struct node *n)
{
    for (uint32_t i = 0; i < n->op->n_slots; i++)
        if (n->op->slots[i].required && !n->tensors[i].type)
            return n->op->slots[i].name;
    return NULL;
}

/* Types of the results of one more node; unknown ones stay 0. */
static int type_node(mdl_builder *b, const struct build_node *from)
{
    mdl_error quiet = { 0 };
    struct node n = from->node;

    if (!mdl_vec_add(&b->types, &b->allocator, NULL, n.n_out * sizeof(struct value)))
        return !mdl_build_memory(b);
    struct graph g = { .values = (struct value *)(void *)b->types.data };
    if (from->trees)
        for (uint32_t i = 0; i < n.n_out; i++)
            g.values[n.out[i]].type = i ? MDL_I32 : mdl_tree_parts_type(from->trees);
    else if (lacks(&n) || n.op->infer(&n, &g, &quiet))
        for (uint32_t i = 0; i < n.n_out; i++)
            g.values[n.out[i]] = (struct value){ 0 };
    return 1;
}

uint32_t mdl_build_type(mdl_builder *b, int32_t value)
{
    const uint32_t n_inputs = BUILD_COUNT(b->inputs, struct build_input);

    if (b->error.code || value < 0 || (uint32_t)value >= b->n_values)
        return 0;
    for (uint32_t i = BUILD_COUNT(b->types, struct value); i < n_inputs; i++) {
        const struct build_input *in = (const struct build_input *)(const void *)b->inputs.data + i;
        if (!mdl_vec_add(&b->types, &b->allocator, &in->value, sizeof in->value))
            return mdl_build_memory(b), 0;
    }
    while ((uint32_t)value >= BUILD_COUNT(b->types, struct value))
        if (!type_node(b, (const struct build_node *)(const void *)b->nodes.data + b->n_typed++))
            return 0;
    return ((const struct value *)(const void *)b->types.data)[value].type;
}

mdl_status mdl_build_dim_name(mdl_builder *b, int32_t input, uint32_t dim, const char *name)
{
    const struct build_input *in = mdl_build_input_at(b, input);
    char key[256];

    if (!in)
        return b->error.code;
    snprintf(key, sizeof key, "dim.%u.%s", (unsigned)dim, in->input.name);
    return mdl_build_metadata(b, key, name);
}

static mdl_status set_param(mdl_builder *b, int32_t node, const char *param, uint32_t kind,
                            const void *word)
{
    const struct build_node *n = mdl_build_node_at(b, node);

    if (!n)
        return b->error.code;
    for (uint32_t i = 0; i < n->node.op->n_fields; i++) {
        const struct field *f = &n->node.op->fields[i];
        if (strcmp(f->name, param) != 0 || f->kind != kind)
            continue;
        memcpy((unsigned char *)n->node.params + f->offset, word, 8);
        return MDL_OK;
    }
    return mdl_build_error(b, MDL_ERR_ARGUMENT, "%s has no such parameter: %s",
                           n->node.op->name, param);
}

mdl_status mdl_build_int(mdl_builder *b, int32_t node, const char *param, int64_t v)
{
    return set_param(b, node, param, FIELD_INT, &v);
}

mdl_status mdl_build_float(mdl_builder *b, int32_t node, const char *param, double v)
{
    return set_param(b, node, param, FIELD_FLOAT, &v);
}

mdl_status mdl_build_choice(mdl_builder *b, int32_t node, const char *param, const char *v)
{
    const struct build_node *n = mdl_build_node_at(b, node);

    for (uint32_t i = 0; n && i < n->node.op->n_fields; i++) {
        const struct field *f = &n->node.op->fields[i];
        if (strcmp(f->name, param) != 0 || f->kind != FIELD_CHOICE)
            continue;
        for (int64_t k = 0; f->choices[k]; k++)
            if (!strcmp(f->choices[k], v))
                return set_param(b, node, param, FIELD_CHOICE, &k);
    }
    return n ? mdl_build_error(b, MDL_ERR_ARGUMENT, "%s has no parameter %s with a choice %s",
                               n->node.op->name, param, v) : b->error.code;
}

/* ---- weights ------------------------------------------------------------------------------ */

/* *t as a packed tensor over a copy of `data`. */
mdl_status mdl_build_copy_tensor(mdl_builder *b, struct tensor *t, uint32_t type, uint32_t rank,
                              const int64_t *dims, const void *data)
{
    uint64_t bytes = mdl_type_bytes(type);

    *t = (struct tensor){ .type = type, .rank = rank, .count = 1, .offset = MDL_NO_OFFSET };
    if (!bytes || rank > MDL_MAX_RANK || (rank && !dims))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "weights of type %s and rank %u",
                               mdl_type_name(type), (unsigned)rank);
    for (uint32_t i = 0; i < rank; i++) {
        t->dims[i] = dims[i];
        if (dims[i] < 0 || !size_mul(t->count, (uint64_t)dims[i], &t->count))
            return mdl_build_error(b, MDL_ERR_ARGUMENT, "weights with a dimension %lld",
                                   (long long)dims[i]);
    }
    if (!size_mul(bytes, t->count, &bytes) || (bytes && !data))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "weights without data");
    t->data = copy(b, data, bytes);
    return b->error.code;
}

mdl_status mdl_build_weights(mdl_builder *b, int32_t node, const char *slot, uint32_t type,
                             uint32_t rank, const int64_t *dims, const void *data)
{
    struct build_node *n = mdl_build_node_at(b, node);
    uint32_t i = 0;

    if (!n)
        return b->error.code;
    const struct op *op = n->node.op;
    while (i < op->n_slots && strcmp(op->slots[i].name, slot) != 0)
        i++;
    if (i == op->n_slots)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "%s has no weights '%s'", op->name, slot);
    if (!type) {
        n->node.tensors[i] = (struct tensor){ .type = 0 };
        return MDL_OK;
    }
    if (type > 31 || !(op->slots[i].types & TYPE_BIT(type))
        || (op->slots[i].rank != VALUE_ANY_RANK && rank != op->slots[i].rank))
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "%s of %s has not type %s and rank %u", slot,
                               op->name, mdl_type_name(type), (unsigned)rank);
    return mdl_build_copy_tensor(b, &n->node.tensors[i], type, rank, dims, data);
}

/* ---- the whole -------------------------------------------------------------------------------- */

mdl_status mdl_build_assemble(mdl_builder *b, struct model_graph *m, struct arena *a)
{
    const uint32_t n_inputs = BUILD_COUNT(b->inputs, struct build_input);
    const uint32_t n_nodes = BUILD_COUNT(b->nodes, struct build_node);
    struct build_input *inputs = (struct build_input *)(void *)b->inputs.data;
    struct build_node *nodes = (struct build_node *)(void *)b->nodes.data;

    if (b->error.code)
        return b->error.code;
    if ((!n_inputs && !n_nodes) || !b->outputs.bytes)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "a model needs an input and an output");
    *m = (struct model_graph){
        .graph = { .values = mdl_arena_take(a, b->n_values, sizeof(struct value)),
                   .nodes = mdl_arena_take(a, n_nodes, sizeof(struct node)),
                   .n_values = b->n_values, .n_nodes = n_nodes },
        .schema = { .importance = b->importance,
                    .inputs = mdl_arena_take(a, n_inputs, sizeof(struct input)),
                    .outputs = (struct output *)(void *)b->outputs.data,
                    .metadata = (struct pair *)(void *)b->metadata.data,
                    .golden = (struct golden *)(void *)b->golden.data,
                    .n_inputs = n_inputs,
                    .n_outputs = BUILD_COUNT(b->outputs, struct output),
                    .n_metadata = BUILD_COUNT(b->metadata, struct pair),
                    .n_golden = BUILD_COUNT(b->golden, struct golden) },
    };
    if (!m->graph.values || !m->graph.nodes || !m->schema.inputs)
        return mdl_build_memory(b);
    for (uint32_t i = 0; i < n_inputs; i++) {
        m->schema.inputs[i] = inputs[i].input;
        m->graph.values[i] = inputs[i].value;
    }
    for (uint32_t i = 0; i < n_nodes; i++) {
        if (nodes[i].trees && mdl_tree_parts_finish(b, &nodes[i], a))
            return b->error.code;
        m->graph.nodes[i] = nodes[i].node;
        const char *slot = lacks(&nodes[i].node);
        if (slot)
            return mdl_build_error(b, MDL_ERR_ARGUMENT, "node %u (%s) has no '%s'", (unsigned)i,
                                   nodes[i].node.op->name, slot);
    }
    return MDL_OK;
}

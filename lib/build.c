/*
 * build.c - a builder's model as bytes, as a file, and from a loaded model
 *
 * What is written is read back before anyone sees it: a builder cannot make a file
 * that mdl_load refuses.
 *
 * SPDX-License-Identifier: MIT
 */
#include "format/format.h"
#include "graph/build.h"
#include "model.h"

#include <string.h>

/* Load what was written, with no limits but those of the format. */
static mdl_status prove(mdl_builder *b, const void *bytes, size_t size, mdl_model **model)
{
    const mdl_limits limits = { .size = sizeof limits, .file_bytes = UINT64_MAX,
                                .memory_bytes = UINT64_MAX, .scratch_bytes = UINT64_MAX,
                                .columns = INT32_MAX };
    const mdl_load_options options = { .size = sizeof options, .flags = MDL_LOAD_BORROW,
                                       .engine = b->ready ? NULL : "plain",
                                       .allocator = &b->allocator, .limits = &limits };
    mdl_error err = MDL_ERROR_INIT;
    const mdl_status s = mdl_load_memory(model, bytes, size, &options, &err);

    return s ? mdl_build_error(b, s, "%s", err.text) : MDL_OK;
}

/* Tables that loading worked out become the model's own: they lie in `proven`. */
static mdl_status take_tables(struct model_graph *m, const mdl_model *proven, struct arena *a,
                              mdl_error *err)
{
    for (uint32_t i = 0; i < m->graph.n_nodes; i++) {
        const struct op *op = m->graph.nodes[i].op;
        struct tensor *ready = mdl_arena_take(a, op->n_ready, sizeof *ready);

        if (!ready)
            return mdl_arena_fail(a, err, "tables");
        if (op->give)
            op->give(&proven->m.graph.nodes[i], ready);
        m->graph.nodes[i].ready = ready;
    }
    return MDL_OK;
}

/* Write into b->image, and read that back. */
static mdl_status write_image(mdl_builder *b, const struct model_graph *m, const void **bytes,
                              size_t *size, mdl_model **proven)
{
    mdl_error err = MDL_ERROR_INIT;
    const mdl_status s = mdl_format_write(m, &b->image, bytes, size, &err);

    return s ? mdl_build_error(b, s, "%s", err.text) : prove(b, *bytes, *size, proven);
}

/* The same once more, with the tables that reading it back has made. */
static mdl_status write_ready(mdl_builder *b, struct model_graph *m, struct arena *a,
                              const void **bytes, size_t *size, mdl_model *proven)
{
    struct arena first = b->image;   /* `proven` lives by it */
    mdl_error err = MDL_ERROR_INIT;
    mdl_model *again = NULL;

    mdl_arena_init(&b->image, &b->allocator, UINT64_MAX);
    mdl_status s = take_tables(m, proven, a, &err);
    s = s ? mdl_build_error(b, s, "%s", err.text) : write_image(b, m, bytes, size, &again);
    mdl_free(again);
    mdl_free(proven);
    mdl_arena_free(&first);
    return s;
}

static mdl_status make_bytes(mdl_builder *b, const void **bytes, size_t *size)
{
    struct arena tables;
    struct model_graph m;
    mdl_model *proven = NULL;

    mdl_arena_free(&b->image);
    mdl_arena_init(&tables, &b->allocator, UINT64_MAX);
    mdl_status s = mdl_build_assemble(b, &m, &tables);
    if (!s)
        s = write_image(b, &m, bytes, size, &proven);
    if (!s && b->ready)
        s = write_ready(b, &m, &tables, bytes, size, proven);
    else
        mdl_free(proven);
    mdl_arena_free(&tables);
    return s;
}

mdl_status mdl_build_ready(mdl_builder *b, uint32_t on)
{
    if (!b)
        return MDL_ERR_ARGUMENT;
    if (on > 1)
        return mdl_build_error(b, MDL_ERR_ARGUMENT, "ready is 0 or 1");
    b->ready = on;
    return MDL_OK;
}

mdl_status mdl_build_bytes(mdl_builder *b, const void **bytes, size_t *size, mdl_error *error)
{
    if (!b || !bytes || !size)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the builder, bytes or size is NULL");
    if (make_bytes(b, bytes, size))
        return mdl_builder_status(b, error);
    return MDL_OK;
}

mdl_status mdl_build_save(mdl_builder *b, const char *path, mdl_error *error)
{
    const void *bytes;
    size_t size;

    if (!path)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the path is NULL");
    const mdl_status s = mdl_build_bytes(b, &bytes, &size, error);
    return s ? s : mdl_write_file(path, bytes, size, error);
}

/* ---- from a loaded model ---------------------------------------------------------------- */

static void copy_labels(mdl_builder *b, const struct labels *l, int32_t input, uint64_t column,
                        int32_t output)
{
    if (!l->count)
        return;
    if (output >= 0)
        mdl_build_labels(b, output, l->type, l->count, l->text);
    else
        mdl_build_categories(b, input, column, l->type, l->count, l->text);
}

static void copy_schema(mdl_builder *b, const struct model_graph *m)
{
    for (uint32_t i = 0; i < m->schema.n_inputs; i++) {
        const struct input *in = &m->schema.inputs[i];
        const struct value *v = &m->graph.values[i];
        const int32_t x = v->cols
            ? mdl_build_input(b, in->name, v->type, v->cols, in->absent)
            : mdl_build_tensor(b, in->name, v->type, v->rank, v->dims);
        for (uint64_t c = 0; in->columns && c < v->cols; c++) {
            mdl_build_column(b, x, c, in->columns[c].name, in->columns[c].kind);
            copy_labels(b, &in->columns[c].categories, x, c, MDL_NONE);
        }
    }
    for (uint32_t i = 0; i < m->schema.n_metadata; i++)
        mdl_build_metadata(b, m->schema.metadata[i].key, m->schema.metadata[i].value);
}

static void copy_node(mdl_builder *b, const struct node *n)
{
    int32_t inputs[64];

    if (n->n_in > 64) {
        mdl_build_error(b, MDL_ERR_LIMIT, "a node with %u inputs", n->n_in);
        return;
    }
    for (uint32_t i = 0; i < n->n_in; i++)
        inputs[i] = (int32_t)n->in[i];
    const int32_t id = op_is_tensor(n->op)
        ? mdl_build_node_n(b, n->op->name, n->name, inputs, n->n_in, n->n_out)
        : mdl_build_node(b, n->op->name, n->name, inputs, n->n_in);
    struct build_node *made = mdl_build_node_at(b, id);
    if (!made)
        return;
    memcpy(made->node.params, n->params, n->op->params_bytes);
    for (uint32_t k = 0; k < n->op->n_slots; k++)
        if (n->tensors[k].type)
            mdl_build_weights(b, id, n->op->slots[k].name, n->tensors[k].type, n->tensors[k].rank,
                              n->tensors[k].dims, n->tensors[k].data);
}

mdl_builder *mdl_builder_from_model(const mdl_model *model, mdl_error *error)
{
    mdl_builder *b = model ? mdl_builder_new(&model->allocator) : NULL;

    if (!b) {
        mdl_fail(error, model ? MDL_ERR_MEMORY : MDL_ERR_ARGUMENT,
                 model ? "out of memory" : "the model is NULL");
        return NULL;
    }
    const struct model_graph *m = &model->m;
    copy_schema(b, m);
    for (uint32_t i = 0; i < m->graph.n_nodes; i++)
        copy_node(b, &m->graph.nodes[i]);
    for (uint32_t i = 0; i < m->schema.n_outputs; i++) {
        const struct output *o = &m->schema.outputs[i];
        const int32_t made = mdl_build_output(b, o->name, o->role, (int32_t)o->value);
        copy_labels(b, &o->labels, MDL_NONE, 0, made);
    }
    for (uint32_t i = 0; i < m->schema.n_golden; i++) {
        const struct golden *g = &m->schema.golden[i];
        mdl_build_golden_tensor(b, g->is_output, (int32_t)g->index, g->tensor.type, g->tensor.rank,
                                g->tensor.dims, g->tensor.data);
    }
    const struct importance *f = &m->schema.importance;
    if (f->n_kinds)
        mdl_build_importance(b, f->n_kinds, f->kinds, f->n_columns, f->columns, f->values);
    if (mdl_builder_status(b, error)) {
        mdl_builder_free(b);
        return NULL;
    }
    return b;
}

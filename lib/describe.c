/*
 * describe.c - questions about a loaded model
 *
 * SPDX-License-Identifier: MIT
 */
#include "model.h"

#include "base/city.h"
#include "mdl_build.h"
#include "op/nd.h"
#include "op/tree_engine.h"

#include <stdio.h>
#include <string.h>

uint32_t mdl_format_version(void)
{
    return 1000;                 /* 1.0, see format/mdl_format.h */
}

size_t mdl_input_cols(const mdl_model *m)
{
    if (!m || mdl_model_is_tensors(m))
        return m ? m->in_cols : 0;
    return (size_t)m->m.graph.values[0].cols;
}

size_t mdl_output_cols(const mdl_model *m)
{
    if (!m || mdl_model_is_tensors(m))
        return m ? m->out_cols : 0;
    return (size_t)m->m.graph.values[m->m.schema.outputs[0].value].cols;
}

size_t mdl_input_count(const mdl_model *m)
{
    return m ? m->m.schema.n_inputs : 0;
}

size_t mdl_output_count(const mdl_model *m)
{
    return m ? m->m.schema.n_outputs : 0;
}

/* Fill the caller's struct as far as its size says. */
#define GIVE(to, from) (mdl_struct_copy(to, (to)->size, &(from), sizeof(from)), MDL_OK)

mdl_status mdl_input(const mdl_model *m, size_t i, mdl_input_info *info)
{
    if (i >= mdl_input_count(m) || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const struct value *v = &m->m.graph.values[i];
    mdl_input_info all = { .type = v->type, .rank = v->rank,
                           .absent_missing = m->m.schema.inputs[i].absent,
                           .name = m->m.schema.inputs[i].name };
    memcpy(all.dims, v->dims, sizeof all.dims);
    return GIVE(info, all);
}

static const struct column *column_at(const mdl_model *m, size_t input, size_t column)
{
    if (input >= mdl_input_count(m) || column >= m->m.graph.values[input].cols)
        return NULL;
    static const struct column unknown = { .name = "" };
    const struct column *columns = m->m.schema.inputs[input].columns;
    return columns ? &columns[column] : &unknown;
}

mdl_status mdl_column(const mdl_model *m, size_t input, size_t column, mdl_column_info *info)
{
    const struct column *c = column_at(m, input, column);

    if (!c || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const mdl_column_info all = { .kind = c->kind, .category_type = c->categories.type,
                                  .n_categories = c->categories.count, .name = c->name };
    return GIVE(info, all);
}

mdl_status mdl_output(const mdl_model *m, size_t i, mdl_output_info *info)
{
    if (i >= mdl_output_count(m) || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const struct output *o = &m->m.schema.outputs[i];
    const struct value *v = &m->m.graph.values[o->value];
    const mdl_output_info all = { .role = o->role, .type = v->type, .label_type = o->labels.type,
                                  .cols = m->output_cols ? m->output_cols[i] : v->cols,
                                  .n_labels = o->labels.count, .name = o->name };
    return GIVE(info, all);
}

size_t mdl_column_find(const mdl_model *m, size_t input, const char *name)
{
    for (size_t i = 0; name; i++) {
        const struct column *c = column_at(m, input, i);
        if (!c)
            break;
        if (!strcmp(c->name, name))
            return i;
    }
    return SIZE_MAX;
}

size_t mdl_output_find(const mdl_model *m, const char *name)
{
    for (size_t i = 0; name && i < mdl_output_count(m); i++)
        if (!strcmp(m->m.schema.outputs[i].name, name))
            return i;
    return SIZE_MAX;
}

size_t mdl_output_find_role(const mdl_model *m, uint32_t role)
{
    for (size_t i = 0; i < mdl_output_count(m); i++)
        if (m->m.schema.outputs[i].role == role)
            return i;
    return SIZE_MAX;
}

const char *mdl_category(const mdl_model *m, size_t input, size_t column, size_t category)
{
    const struct column *c = column_at(m, input, column);

    return c && category < c->categories.count ? c->categories.text[category] : NULL;
}

mdl_status mdl_category_code(const mdl_model *m, size_t input, size_t column, const char *text,
                             double *code)
{
    const struct column *c = column_at(m, input, column);

    if (!c || !text || !code || (c->kind != MDL_COLUMN_CATEGORY && c->kind != MDL_COLUMN_HASH))
        return MDL_ERR_ARGUMENT;
    if (c->kind == MDL_COLUMN_HASH) {
        *code = (double)(int32_t)(uint32_t)mdl_city64(text, strlen(text));
        return MDL_OK;
    }
    for (uint32_t i = 0; i < c->categories.count; i++)
        if (!strcmp(c->categories.text[i], text)) {
            *code = (double)i;
            return MDL_OK;
        }
    const char *unseen = mdl_metadata_get(m, "unseen_categories");
    if (!unseen || strcmp(unseen, "first") != 0)
        return MDL_ERR_NOT_FOUND;
    *code = 0;
    return MDL_OK;
}

const char *mdl_label(const mdl_model *m, size_t output, size_t label)
{
    if (output >= mdl_output_count(m))
        return NULL;
    const struct labels *l = &m->m.schema.outputs[output].labels;
    return label < l->count ? l->text[label] : NULL;
}

size_t mdl_metadata_count(const mdl_model *m)
{
    return m ? m->m.schema.n_metadata : 0;
}

mdl_status mdl_metadata(const mdl_model *m, size_t i, const char **key, const char **value)
{
    if (i >= mdl_metadata_count(m) || !key || !value)
        return MDL_ERR_ARGUMENT;
    *key = m->m.schema.metadata[i].key;
    *value = m->m.schema.metadata[i].value;
    return MDL_OK;
}

const char *mdl_metadata_get(const mdl_model *m, const char *key)
{
    for (size_t i = 0; key && i < mdl_metadata_count(m); i++)
        if (!strcmp(m->m.schema.metadata[i].key, key))
            return m->m.schema.metadata[i].value;
    return NULL;
}

size_t mdl_importance_count(const mdl_model *m)
{
    return m ? m->m.schema.importance.n_kinds : 0;
}

mdl_status mdl_importance(const mdl_model *m, size_t i, const char **kind, double *values)
{
    if (i >= mdl_importance_count(m))
        return MDL_ERR_ARGUMENT;
    const struct importance *f = &m->m.schema.importance;
    if (kind)
        *kind = f->kinds[i];
    if (!values)
        return MDL_OK;
    memset(values, 0, mdl_input_cols(m) * sizeof *values);
    for (uint32_t c = 0; c < f->n_columns; c++)
        values[f->columns[c]] = f->values[i * f->n_columns + c];
    return MDL_OK;
}

/* ---- weights and nodes ---------------------------------------------------------------- */

static mdl_status give_tensor(mdl_tensor *to, const struct tensor *t, const char *name)
{
    mdl_tensor all = { .type = t->type, .rank = t->rank, .name = name,
                       .data = (void *)(uintptr_t)t->data };
    int64_t stride = (int64_t)mdl_type_bytes(t->type);

    for (uint32_t i = t->rank; i-- > 0;) {
        all.dims[i] = t->dims[i];
        all.strides[i] = stride;
        stride *= t->dims[i];
    }
    return GIVE(to, all);
}

size_t mdl_golden_count(const mdl_model *m)
{
    return m ? m->m.schema.n_golden : 0;
}

mdl_status mdl_golden(const mdl_model *m, size_t i, mdl_tensor *tensor, uint32_t *is_output)
{
    if (i >= mdl_golden_count(m) || !tensor || tensor->size < sizeof(uint32_t) || !is_output)
        return MDL_ERR_ARGUMENT;
    const struct golden *g = &m->m.schema.golden[i];
    *is_output = g->is_output;
    return give_tensor(tensor, &g->tensor, g->is_output ? m->m.schema.outputs[g->index].name
                                                        : m->m.schema.inputs[g->index].name);
}

size_t mdl_node_count(const mdl_model *m)
{
    return m ? m->m.graph.n_nodes : 0;
}

mdl_status mdl_node(const mdl_model *m, size_t i, mdl_node_info *info)
{
    if (i >= mdl_node_count(m) || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const struct node *n = &m->m.graph.nodes[i];
    mdl_node_info all = { .n_params = n->op->n_fields, .op = n->op->name, .name = n->name };
    for (uint32_t k = 0; k < n->op->n_slots; k++) {
        all.n_tensors += n->tensors[k].type != 0;
        all.bytes += n->tensors[k].count * mdl_type_bytes(n->tensors[k].type);
    }
    return GIVE(info, all);
}

mdl_status mdl_node_param(const mdl_model *m, size_t node, size_t param, const char **name,
                          char *text, size_t text_bytes)
{
    if (node >= mdl_node_count(m) || param >= m->m.graph.nodes[node].op->n_fields || !name || !text
        || !text_bytes)
        return MDL_ERR_ARGUMENT;
    const struct node *n = &m->m.graph.nodes[node];
    const struct field *f = &n->op->fields[param];
    char number[64];
    int64_t word;
    double real;

    memcpy(&word, (const unsigned char *)n->params + f->offset, sizeof word);
    memcpy(&real, (const unsigned char *)n->params + f->offset, sizeof real);
    *name = f->name;
    if (f->kind == FIELD_CHOICE)
        snprintf(text, text_bytes, "%s", f->choices[word]);
    else if (f->kind == FIELD_INT)
        snprintf(text, text_bytes, "%lld", (long long)word);
    else
        snprintf(text, text_bytes, "%s", mdl_number_text(number, sizeof number, real));
    return MDL_OK;
}

mdl_status mdl_node_tensor(const mdl_model *m, size_t node, size_t i, mdl_tensor *tensor)
{
    if (node >= mdl_node_count(m) || !tensor || tensor->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const struct node *n = &m->m.graph.nodes[node];
    for (uint32_t k = 0; k < n->op->n_slots; k++)
        if (n->tensors[k].type && i-- == 0)
            return give_tensor(tensor, &n->tensors[k], n->op->slots[k].name);
    return MDL_ERR_ARGUMENT;
}

/* ---- operators ------------------------------------------------------------------------ */

mdl_status mdl_op(size_t i, mdl_op_info *info)
{
    const struct op *op = mdl_op_at(i);

    if (!op || !info || info->size < sizeof(uint32_t))
        return MDL_ERR_ARGUMENT;
    const mdl_op_info all = { .min_inputs = op->min_in, .max_inputs = op->max_in,
                              .n_results = op->n_out, .n_params = op->n_fields,
                              .n_weights = op->n_slots, .name = op->name, .about = op->about,
                              .max_results = op_max_out(op),
                              .flags = (op_is_tensor(op) ? MDL_OP_TENSOR : 0)
                                     | (op->traits & ND_HALF ? MDL_OP_HALF : 0)
                                     | (op->traits & ND_RANDOM ? MDL_OP_RANDOM : 0)
                                     | (op->traits & ND_SHAPE ? MDL_OP_SHAPE : 0),
                              .contents = op->contents };
    return GIVE(info, all);
}

mdl_status mdl_op_param(size_t i, size_t param, const char **name, char *text, size_t text_bytes)
{
    const struct op *op = mdl_op_at(i);
    char number[64];
    size_t used = 0;

    if (!op || param >= op->n_fields || !name || !text || !text_bytes)
        return MDL_ERR_ARGUMENT;
    const struct field *f = &op->fields[param];
    *name = f->name;
    mdl_number_text(number, sizeof number, f->fallback);
    if (f->kind != FIELD_CHOICE) {
        snprintf(text, text_bytes, "%s; default %s", f->kind == FIELD_INT ? "integer" : "number",
                 number);
        return MDL_OK;
    }
    for (size_t k = 0; f->choices[k] && used < text_bytes; k++)
        used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", k ? ", " : "",
                                 f->choices[k]);
    if (used < text_bytes)
        snprintf(text + used, text_bytes - used, "; default %s", f->choices[(size_t)f->fallback]);
    return MDL_OK;
}

mdl_status mdl_op_weight(size_t i, size_t weight, const char **name, char *text, size_t text_bytes)
{
    const struct op *op = mdl_op_at(i);
    size_t used = 0;

    if (!op || weight >= op->n_slots || !name || !text || !text_bytes)
        return MDL_ERR_ARGUMENT;
    const struct slot *s = &op->slots[weight];
    *name = s->name;
    for (uint32_t type = 1; type < 32 && used < text_bytes; type++)
        if (s->types & TYPE_BIT(type))
            used += (size_t)snprintf(text + used, text_bytes - used, "%s%s", used ? " or " : "",
                                     mdl_type_name(type));
    if (used < text_bytes)
        snprintf(text + used, text_bytes - used, ", rank %u%s", (unsigned)s->rank,
                 s->required ? ", required" : "");
    return MDL_OK;
}

/* ---- the machine ------------------------------------------------------------------------ */

const char *mdl_isa(const mdl_model *m)
{
    return m ? m->kernels->isa : "";
}

uint64_t mdl_file_bytes(const mdl_model *m)
{
    return m ? m->map.size : 0;
}

uint64_t mdl_ready_bytes(const mdl_model *m)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; m && i < m->m.graph.n_nodes; i++) {
        const struct node *n = &m->m.graph.nodes[i];
        for (uint32_t t = 0; n->ready && t < n->op->n_ready; t++)
            bytes += n->ready[t].count;
    }
    return bytes;
}

uint64_t mdl_memory_bytes(const mdl_model *m)
{
    return m ? m->arena.used : 0;
}

const char *mdl_isa_name(size_t i)
{
    const struct kernels *k = mdl_kernels_at(i);

    return k ? k->isa : NULL;
}

const char *mdl_engine_name(size_t i)
{
    const struct trees_engine *e = mdl_trees_engine_at(i);

    return e ? e->name : NULL;
}

double mdl_engine_cost(const mdl_model *model, const char *engine, size_t rows, const char **chosen)
{
    const struct trees_engine *wanted = engine ? mdl_trees_engine_named(engine) : NULL;
    double sum = 0;

    if (chosen)
        *chosen = NULL;
    if (!model || !rows || (engine && !wanted))
        return 0;
    for (uint32_t i = 0; i < model->m.graph.n_nodes; i++) {
        if (model->m.graph.nodes[i].op != &mdl_op_trees)
            continue;
        const struct trees_plan *p = model->m.graph.nodes[i].plan;
        const struct trees_engine *e = wanted ? wanted : mdl_trees_engine_for(p, rows);
        const double cost = e->cost(p, model->kernels, rows);
        if (!(cost > 0))
            return 0;
        sum += cost;
        if (chosen)
            *chosen = e->name;
    }
    return sum;
}

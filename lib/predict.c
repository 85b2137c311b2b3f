/*
 * predict.c - the public calls that compute: check the arguments, then run.c
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include "op/tree.h"

#include <string.h>

/* ---- the simple calls ---------------------------------------------------------------------- */

/* The same call on a graph of tensors. */
static mdl_status predict_tensors(const mdl_model *m, uint32_t type, const void *x, size_t rows,
                                  void *y)
{
    const int64_t cell = (int64_t)mdl_type_bytes(type);
    const int64_t in_cols = (int64_t)m->in_cols, out_cols = (int64_t)m->out_cols;
    uint64_t bytes;

    if (!in_cols || !out_cols)
        return MDL_ERR_UNSUPPORTED;
    if (!size_mul(rows, (uint64_t)((in_cols > out_cols ? in_cols : out_cols) * cell), &bytes)
        || bytes > SIZE_MAX / 2)
        return MDL_ERR_ARGUMENT;
    const mdl_tensor in = { .size = sizeof in, .type = type, .rank = 2,
                            .data = (void *)(uintptr_t)x, .dims = { (int64_t)rows, in_cols },
                            .strides = { in_cols * cell, cell } };
    mdl_tensor out = { .size = sizeof out, .type = type, .rank = 2, .data = y,
                       .dims = { (int64_t)rows, out_cols },
                       .strides = { out_cols * cell, cell } };
    if (m->is_plain && type == MDL_F32)
        return rows ? mdl_tensors_run(m, NULL, &in, 1, &out, 1, NULL) : MDL_OK;
    return mdl_tensors_predict(m, NULL, &in, &out, 0, NULL);
}

static mdl_status predict_packed(const mdl_model *m, uint32_t type, const void *x, size_t rows,
                                 void *y)
{
    const uint32_t main_output = 0;
    uint64_t bytes;

    if (!m || (rows && (!x || !y)))
        return MDL_ERR_ARGUMENT;
    if (m->m.schema.n_inputs != 1)
        return MDL_ERR_UNSUPPORTED;
    if (mdl_model_is_tensors(m))
        return predict_tensors(m, type, x, rows, y);
    const uint64_t cell = type == MDL_F32 ? sizeof(float) : sizeof(double);
    const uint64_t in_cols = mdl_input_cols(m), out_cols = mdl_output_cols(m);
    if (!size_mul(rows, (in_cols > out_cols ? in_cols : out_cols) * cell, &bytes)
        || bytes > SIZE_MAX / 2)
        return MDL_ERR_ARGUMENT;
    struct table in = { .data = x, .rows = rows, .cols = in_cols, .type = type,
                        .row_stride = (int64_t)(in_cols * cell), .col_stride = (int64_t)cell };
    struct table out = { .data = y, .rows = rows, .cols = out_cols, .type = type,
                         .row_stride = (int64_t)(out_cols * cell), .col_stride = (int64_t)cell };
    struct call c = { .model = m, .in = &in, .out = &out, .out_at = &main_output, .n_out = 1,
                      .rows = rows, .tree_end = UINT64_MAX };
    return mdl_run_call(&c, NULL, &m->parallel);
}

mdl_status mdl_predict(const mdl_model *model, const float *x, size_t rows, float *y)
{
    return predict_packed(model, MDL_F32, x, rows, y);
}

mdl_status mdl_predict_f64(const mdl_model *model, const double *x, size_t rows, double *y)
{
    return predict_packed(model, MDL_F64, x, rows, y);
}

/* ---- checked calls --------------------------------------------------------------------------- */

/* A caller's tensor as a table of floats (x) or of anything we write (y). */
mdl_status mdl_table_of(struct table *t, const mdl_tensor *given, const char *what, int is_output,
                        mdl_error *err)
{
    if (!given || given->size < sizeof *given || (!given->data && given->dims[0]))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "%s is NULL or its size is not set", what);
    const int typed = given->type == MDL_F32 || given->type == MDL_F64
                   || (is_output && (given->type == MDL_I32 || given->type == MDL_I64));
    if (!typed)
        return mdl_fail(err, MDL_ERR_DATA, "%s is %s, expected float32 or float64%s", what,
                        mdl_type_name(given->type), is_output ? ", int32 or int64" : "");
    if (given->rank != 2 || given->dims[0] < 0 || given->dims[1] < 0)
        return mdl_fail(err, MDL_ERR_DATA, "%s has rank %u, expected 2: [rows, columns]", what,
                        given->rank);
    *t = (struct table){ .data = given->data, .rows = (uint64_t)given->dims[0],
                         .cols = (uint64_t)given->dims[1], .row_stride = given->strides[0],
                         .col_stride = given->strides[1], .type = given->type };
    if (!t->row_stride && !t->col_stride) {
        uint64_t bytes;
        t->col_stride = (int64_t)mdl_type_bytes(t->type);
        if (!size_mul(t->cols, (uint64_t)t->col_stride, &bytes)
            || !size_mul(bytes, t->rows ? t->rows : 1, &bytes) || bytes > INT64_MAX)
            return mdl_fail(err, MDL_ERR_ARGUMENT, "%s: the size overflows", what);
        t->row_stride = (int64_t)t->cols * t->col_stride;
    }
    return MDL_OK;
}

mdl_status mdl_csr_check(const mdl_csr *x, mdl_error *err)
{
    if (!x || x->size < sizeof *x || !x->row_start)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "x is NULL or its size is not set");
    if ((x->type != MDL_F32 && x->type != MDL_F64)
        || (x->index_type != MDL_I32 && x->index_type != MDL_I64))
        return mdl_fail(err, MDL_ERR_DATA,
                        "sparse rows of %s with indices of %s, expected float32 or float64 with "
                        "int32 or int64", mdl_type_name(x->type), mdl_type_name(x->index_type));
    const int64_t stored = csr_index(x, x->row_start, x->rows);
    if (csr_index(x, x->row_start, 0) != 0 || stored < 0 || (stored && (!x->columns || !x->values)))
        return mdl_fail(err, MDL_ERR_DATA, "sparse rows do not begin at 0 or have no values");
    /* A row that ended beyond the last one would be read past the arrays. */
    for (size_t r = 0; r < x->rows; r++)
        if (csr_index(x, x->row_start, r) > csr_index(x, x->row_start, r + 1))
            return mdl_fail(err, MDL_ERR_DATA, "sparse row %llu ends before it begins",
                            (unsigned long long)r);
    return MDL_OK;
}

/* Which output, and which trees. */
static mdl_status resolve(struct call *c, uint32_t *output, const mdl_predict_options *o)
{
    const mdl_model *m = c->model;
    char name[64];
    size_t at = 0;

    c->stages.is_trees = !o->output_name && o->output == MDL_OUTPUT_TREES;
    if (o->output_name)
        at = mdl_output_find(m, o->output_name);
    else if (o->output != MDL_OUTPUT_MAIN && !c->stages.is_trees)
        at = mdl_output_find_role(m, o->output);
    if (at == SIZE_MAX)
        return o->output_name
            ? mdl_fail(c->err, MDL_ERR_NOT_FOUND, "the model has no output '%s'",
                       mdl_safe_text(name, sizeof name, o->output_name, strlen(o->output_name)))
            : mdl_fail(c->err, MDL_ERR_NOT_FOUND, "the model has no output in role %u", o->output);
    *output = (uint32_t)at;
    c->tree_begin = o->tree_begin;
    c->tree_end = o->tree_end ? o->tree_end : UINT64_MAX;
    if (!o->tree_begin && !o->tree_end)
        return mdl_stages_resolve(c, o, *output);
    if (mdl_model_is_tensors(m))
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "a graph of tensors has no ranges of trees");
    if (m->plan.trees == UINT32_MAX)
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED,
                        "a range of trees needs a model with exactly one tree ensemble");
    const mdl_status s = mdl_trees_limit(&m->m.graph.nodes[m->plan.trees], c->tree_begin,
                                         c->tree_end, c->err);
    return s ? s : mdl_stages_resolve(c, o, *output);
}

uint32_t mdl_call_trees(const struct call *c)
{
    uint32_t first, last;

    mdl_trees_range(&c->model->m.graph.nodes[c->model->plan.trees], c->tree_begin, c->tree_end,
                    &first, &last);
    return last - first;
}

static uint64_t cols_of(const struct call *c, uint32_t output)
{
    const mdl_model *m = c->model;
    const struct output *o = &m->m.schema.outputs[output];
    const struct node *trees = m->plan.trees == UINT32_MAX ? NULL : &m->m.graph.nodes[m->plan.trees];

    if (trees && c->stages.is_trees)
        return c->stages.n * m->m.graph.values[trees->out[0]].cols;
    return trees && trees->out[1] == o->value ? mdl_call_trees(c)
                                              : m->m.graph.values[o->value].cols;
}

static mdl_status check_cols(const struct call *c, const struct table *in, const struct table *out,
                             uint32_t output)
{
    const mdl_model *m = c->model;
    const int tensors = mdl_model_is_tensors(m);
    const uint64_t want_in = tensors ? m->in_cols : m->m.graph.values[0].cols;
    const uint64_t want_out = tensors ? m->output_cols[output] : cols_of(c, output);

    if (m->m.schema.n_inputs != 1)
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "the model has %u inputs: use mdl_run",
                        m->m.schema.n_inputs);
    if (tensors && (!want_in || !want_out))
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "the model does not take or give rows of a "
                        "fixed width: use mdl_run");
    if (in->cols != want_in)
        return mdl_fail(c->err, MDL_ERR_DATA, "x has %llu columns, the model was trained on %llu",
                        (unsigned long long)in->cols, (unsigned long long)want_in);
    if (out->cols != want_out)
        return mdl_fail(c->err, MDL_ERR_DATA, "y has %llu columns, output '%s' has %llu",
                        (unsigned long long)out->cols,
                        c->stages.is_trees ? "trees" : m->m.schema.outputs[output].name,
                        (unsigned long long)want_out);
    if (in->rows != out->rows)
        return mdl_fail(c->err, MDL_ERR_DATA, "x has %llu rows and y has %llu",
                        (unsigned long long)in->rows, (unsigned long long)out->rows);
    return MDL_OK;
}

/* Tables in memory through a graph of tensors. */
static mdl_status predict_table_tensors(const struct call *c, mdl_context *context, uint32_t output)
{
    const mdl_tensor x = { .type = c->in->type, .rank = 2, .data = (void *)(uintptr_t)c->in->data,
                           .dims = { (int64_t)c->in->rows, (int64_t)c->in->cols },
                           .strides = { c->in->row_stride, c->in->col_stride } };
    const mdl_tensor y = { .type = c->out->type, .rank = 2, .data = (void *)(uintptr_t)c->out->data,
                           .dims = { (int64_t)c->out->rows, (int64_t)c->out->cols },
                           .strides = { c->out->row_stride, c->out->col_stride } };

    if (c->in->csr)
        return mdl_fail(c->err, MDL_ERR_UNSUPPORTED, "a graph of tensors takes dense rows alone");
    return mdl_tensors_predict(c->model, context, &x, &y, output, c->err);
}

/* Contributions of columns (explain.c). */
static int wants_values(const mdl_predict_options *o)
{
    return !o->output_name && o->output == MDL_OUTPUT_CONTRIB;
}

static mdl_status predict_table(const mdl_model *model, struct table *in, const mdl_tensor *y,
                                const mdl_predict_options *options, mdl_error *error)
{
    mdl_predict_options o;
    mdl_parallel parallel;
    struct table out;
    mdl_tensor stage;
    uint32_t output;
    struct call c = { .model = model, .in = in, .out = &out, .out_at = &output, .n_out = 1,
                      .rows = in->rows, .err = error };
    mdl_status s = mdl_options_copy(&o, sizeof o, options, "mdl_predict_options", error);

    if (!s) s = mdl_parallel_copy(&parallel, o.parallel, error);
    if (!s && wants_values(&o) && (o.stage_every || o.stop_every))
        s = mdl_fail(error, MDL_ERR_ARGUMENT, "contributions have no stages and no early stop");
    if (!s && o.stage_every) {
        s = mdl_stages_flat(&c, &stage, y);
        y = &stage;
    }
    if (!s) s = mdl_table_of(&out, y, "y", 1, error);
    if (!s && wants_values(&o))
        return mdl_explain_table(model, in, &out, &o, error);
    if (!s) s = resolve(&c, &output, &o);
    if (!s) s = check_cols(&c, in, &out, output);
    if (s)
        return s;
    if (mdl_model_is_tensors(model))
        return predict_table_tensors(&c, o.context, output);
    if (c.stages.is_trees) {
        c.out_at = NULL;
        c.value_at = model->m.graph.nodes[model->plan.trees].out;
        out.cols /= c.stages.n;
        c.stages.stride = (int64_t)out.cols * out.col_stride;
    }
    if (!o.context && !o.parallel)
        parallel = model->parallel;
    return mdl_run_call(&c, o.context, &parallel);
}

mdl_status mdl_predict_tensor(const mdl_model *model, const mdl_tensor *x, const mdl_tensor *y,
                              const mdl_predict_options *options, mdl_error *error)
{
    struct table in;

    if (!model)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model is NULL");
    const mdl_status s = mdl_table_of(&in, x, "x", 0, error);
    return s ? s : predict_table(model, &in, y, options, error);
}

mdl_status mdl_predict_csr(const mdl_model *model, const mdl_csr *x, const mdl_tensor *y,
                           const mdl_predict_options *options, mdl_error *error)
{
    if (!model)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model is NULL");
    const mdl_status s = mdl_csr_check(x, error);
    if (s)
        return s;
    struct table in = { .rows = x->rows, .cols = x->cols, .type = x->type, .csr = x };
    return predict_table(model, &in, y, options, error);
}

mdl_status mdl_output_shape(const mdl_model *model, const mdl_predict_options *options,
                            size_t *cols, mdl_error *error)
{
    mdl_predict_options o;
    uint32_t output;
    struct call c = { .model = model, .err = error };

    if (!model || !cols)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model or cols is NULL");
    mdl_status s = mdl_options_copy(&o, sizeof o, options, "mdl_predict_options", error);
    if (!s && wants_values(&o))
        return mdl_explain_cols(model, cols, error);
    if (!s) s = resolve(&c, &output, &o);
    if (!s) *cols = mdl_model_is_tensors(model) ? model->output_cols[output]
                                                : (size_t)cols_of(&c, output);
    return s;
}

/* ---- named tensors ------------------------------------------------------------------------------ */

#define MAX_TENSORS 64u

/* Which input or output a tensor is: by name, else by position.  SIZE_MAX: none. */
static size_t find_tensor(const mdl_model *m, const mdl_tensor *t, size_t position, int is_output)
{
    const size_t count = is_output ? m->m.schema.n_outputs : m->m.schema.n_inputs;

    if (!t->name)
        return position < count ? position : SIZE_MAX;
    if (is_output)
        return mdl_output_find(m, t->name);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(m->m.schema.inputs[i].name, t->name))
            return i;
    return SIZE_MAX;
}

static mdl_status bind(struct call *c, const mdl_tensor *t, size_t position, int is_output,
                       struct table *table, size_t *at)
{
    const struct schema *schema = &c->model->m.schema;
    char name[64];

    const mdl_status s = mdl_table_of(table, t, is_output ? "an output" : "an input", is_output,
                                      c->err);
    if (s)
        return s;
    *at = find_tensor(c->model, t, position, is_output);
    if (*at == SIZE_MAX)
        return mdl_fail(c->err, MDL_ERR_NOT_FOUND, "the model has no %s '%s'",
                        is_output ? "output" : "input",
                        t->name ? mdl_safe_text(name, sizeof name, t->name, strlen(t->name)) : "");
    const uint32_t value = is_output ? schema->outputs[*at].value : (uint32_t)*at;
    if (table->cols != c->model->m.graph.values[value].cols)
        return mdl_fail(c->err, MDL_ERR_DATA, "'%s' has %llu columns, expected %llu",
                        is_output ? schema->outputs[*at].name : schema->inputs[*at].name,
                        (unsigned long long)table->cols,
                        (unsigned long long)c->model->m.graph.values[value].cols);
    if (c->rows == UINT64_MAX)
        c->rows = table->rows;
    if (table->rows != c->rows)
        return mdl_fail(c->err, MDL_ERR_DATA, "tensors of %llu and of %llu rows",
                        (unsigned long long)table->rows, (unsigned long long)c->rows);
    return MDL_OK;
}

/* mdl_run: every result has memory. */
static mdl_status run_tensors(const mdl_model *m, mdl_context *context, const mdl_tensor *inputs,
                              size_t n_inputs, const mdl_tensor *outputs, size_t n_outputs,
                              mdl_error *error)
{
    for (size_t i = 0; i < n_outputs && i < MAX_TENSORS; i++) {
        if (!outputs[i].data)
            return mdl_fail(error, MDL_ERR_ARGUMENT, "output %u has no data; mdl_run_tensors leaves "
                            "results in a context", (unsigned)i);
    }
    /* Tensors that have data are not written to. */
    return mdl_tensors_run(m, context, inputs, n_inputs, (mdl_tensor *)(uintptr_t)outputs, n_outputs,
                           error);
}

mdl_status mdl_run_tensors(const mdl_model *model, mdl_context *context, const mdl_tensor *inputs,
                           size_t n_inputs, mdl_tensor *outputs, size_t n_outputs,
                           mdl_error *error)
{
    if (!model || (!inputs && n_inputs) || !outputs)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model, inputs or outputs are NULL");
    if (context && context->model != model)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the context was made for another model");
    if (mdl_model_is_tensors(model))
        return mdl_tensors_run(model, context, inputs, n_inputs, outputs, n_outputs, error);
    return mdl_run(model, context, inputs, n_inputs, outputs, n_outputs, error);
}

/* The same for a graph of tables. */
static mdl_status run_tables(const mdl_model *model, mdl_context *context,
                             const mdl_tensor *inputs, size_t n_inputs, const mdl_tensor *outputs,
                             size_t n_outputs, mdl_error *error)
{
    struct table in[MAX_TENSORS], out[MAX_TENSORS];
    uint32_t out_at[MAX_TENSORS];
    unsigned char given[MAX_TENSORS] = { 0 };
    const mdl_parallel alone = { .size = sizeof alone };
    struct call c = { .model = model, .in = in, .out = out, .out_at = out_at, .n_out = n_outputs,
                      .rows = UINT64_MAX, .tree_end = UINT64_MAX, .err = error };
    size_t at;

    if (n_inputs != model->m.schema.n_inputs || n_inputs > MAX_TENSORS || !n_outputs
        || n_outputs > MAX_TENSORS)
        return mdl_fail(error, MDL_ERR_DATA, "%llu inputs and %llu outputs, the model has %u and %u",
                        (unsigned long long)n_inputs, (unsigned long long)n_outputs,
                        model->m.schema.n_inputs, model->m.schema.n_outputs);
    for (size_t i = 0; i < n_inputs; i++) {
        struct table t;
        const mdl_status s = bind(&c, &inputs[i], i, 0, &t, &at);
        if (s)
            return s;
        if (given[at]++)
            return mdl_fail(error, MDL_ERR_DATA, "input '%s' is given twice",
                            model->m.schema.inputs[at].name);
        in[at] = t;
    }
    for (size_t i = 0; i < n_outputs; i++) {
        const mdl_status s = bind(&c, &outputs[i], i, 1, &out[i], &at);
        if (s)
            return s;
        out_at[i] = (uint32_t)at;
    }
    return mdl_run_call(&c, context, context ? &alone : &model->parallel);
}

mdl_status mdl_run(const mdl_model *model, mdl_context *context, const mdl_tensor *inputs,
                   size_t n_inputs, const mdl_tensor *outputs, size_t n_outputs, mdl_error *error)
{
    if (!model || (!inputs && n_inputs) || !outputs)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model, inputs or outputs are NULL");
    if (context && context->model != model)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the context was made for another model");
    if (mdl_model_is_tensors(model))
        return run_tensors(model, context, inputs, n_inputs, outputs, n_outputs, error);
    return run_tables(model, context, inputs, n_inputs, outputs, n_outputs, error);
}

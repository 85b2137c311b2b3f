/*
 * explain.c - what each column adds to a prediction: the calls around op/tree_shap.c
 *
 *     x -> the graph, as far as the input of its ensemble (run.c) -> op/tree_shap.c -> values
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include "op/scale.h"
#include "op/tree_shap.h"

#include <errno.h>
#include <string.h>

struct mdl_explainer {
    const mdl_model *model;
    struct arena     arena;
    struct shap      shap;
    mdl_parallel     parallel;
    uint32_t         value;       /* the ensemble's input                                  */
    uint32_t         input;       /* of the model, whose columns are `origin`, or SHAP_NONE */
    uint32_t        *origin;      /* [cols] of the ensemble's input, SHAP_NONE: none       */
};

/* ---- the columns that trees see -------------------------------------------------------------- */

static const struct node *maker_of(const struct graph *g, uint32_t value)
{
    for (uint32_t i = 0; i < g->n_nodes; i++)
        for (uint32_t k = 0; k < g->nodes[i].n_out; k++)
            if (g->nodes[i].out[k] == value)
                return &g->nodes[i];
    return NULL;
}

#define MOST_STEPS 64u            /* between an input and trees                                */

/* The operators from the ensemble's input back to an input of the model, each of which makes a column
 * of one column.  Returns that input, SHAP_NONE when there are others between. */
static uint32_t find_steps(const struct graph *g, uint32_t value, const struct node **step,
                           uint32_t *n)
{
    static const char *const alike[] = { "impute", "scale", "cast", "encode", "select" };

    *n = 0;
    for (const struct node *by; (by = maker_of(g, value)) != NULL; value = by->in[0]) {
        int same = 0;
        for (size_t i = 0; i < sizeof alike / sizeof *alike; i++)
            same |= !strcmp(by->op->name, alike[i]);
        if (!same || *n == MOST_STEPS)
            return SHAP_NONE;
        step[(*n)++] = by;
    }
    return value;
}

/* Columns of the ensemble's input by what they were made of; if no two are made of the same, values
 * are given by those. */
static mdl_status find_origins(mdl_explainer *e, mdl_error *err)
{
    const struct graph *g = &e->model->m.graph;
    const uint64_t cols = g->values[e->value].cols;
    const struct node *step[MOST_STEPS];
    uint32_t n;
    int each = 1;

    e->input = find_steps(g, e->value, step, &n);
    e->shap.given = cols;
    e->origin = mdl_arena_take(&e->arena, cols, sizeof *e->origin);
    if (!e->origin)
        return mdl_arena_fail(&e->arena, err, "explanation");
    for (uint64_t c = 0; c < cols; c++) {
        uint32_t column = (uint32_t)c;
        for (uint32_t i = 0; i < n; i++)
            if (!strcmp(step[i]->op->name, "select"))
                column = ((const uint32_t *)step[i]->tensors[0].data)[column];
        e->origin[c] = e->input == SHAP_NONE ? SHAP_NONE : column;
    }
    if (e->input == SHAP_NONE)
        return MDL_OK;
    const uint64_t theirs = g->values[e->input].cols;
    unsigned char *met = mdl_arena_take(&e->arena, theirs, 1);
    if (!met)
        return mdl_arena_fail(&e->arena, err, "explanation");
    for (uint64_t c = 0; c < cols; c++)
        each &= !met[e->origin[c]]++;
    if (each) {
        e->shap.given = theirs;
        e->shap.origin = e->origin;
    }
    return MDL_OK;
}

/* If the raw output is the sums times something plus something (CatBoost), it is explained. */
static void find_scale(mdl_explainer *e, const struct node *n, uint64_t tree_begin)
{
    const struct model_graph *m = &e->model->m;
    const size_t raw = mdl_output_find_role(e->model, MDL_OUTPUT_RAW);
    const struct node *by = raw == SIZE_MAX ? NULL
                                            : maker_of(&m->graph, m->schema.outputs[raw].value);

    if (!by || strcmp(by->op->name, "scale") != 0 || by->in[0] != n->out[0])
        return;
    const int adds = !tree_begin || !((const struct scale_params *)by->params)->first;
    for (uint32_t i = 0; i < by->op->n_slots; i++) {
        const char *name = by->op->slots[i].name;
        if (by->tensors[i].type && !strcmp(name, "mul"))
            e->shap.mul = &by->tensors[i];
        if (adds && by->tensors[i].type && !strcmp(name, "add"))
            e->shap.add = &by->tensors[i];
    }
}

const char *mdl_explain_column(const mdl_explainer *e, size_t column)
{
    if (!e || column >= e->shap.given)
        return NULL;
    const uint32_t c = e->shap.origin ? (uint32_t)column : e->origin[column];
    if (c == SHAP_NONE || !e->model->m.schema.inputs[e->input].columns)
        return "";
    return e->model->m.schema.inputs[e->input].columns[c].name;
}

/* ---- rows ------------------------------------------------------------------------------------ */

struct explain_job {
    const mdl_explainer *e;
    const struct table *in;
    struct shap_out out;
    uint64_t rows, task_rows;
    mdl_error *err;
    size_t done, failed;
};

/* `rows` rows from `first`, as the ensemble takes them. */
static mdl_status read_rows(const mdl_explainer *e, const struct table *in, uint64_t first,
                            size_t rows, void *to, mdl_error *err)
{
    const struct value *v = &e->model->m.graph.values[e->value];
    const int64_t cell = (int64_t)mdl_type_bytes(v->type);
    const mdl_parallel alone = { .size = sizeof alone };
    struct table some = *in;
    mdl_csr csr;
    struct table out = { .data = to, .rows = rows, .cols = v->cols, .type = v->type,
                         .row_stride = (int64_t)v->cols * cell, .col_stride = cell };
    struct call c = { .model = e->model, .in = &some, .out = &out, .value_at = &e->value,
                      .n_out = 1, .rows = rows, .tree_end = UINT64_MAX, .err = err };

    if (in->csr) {
        csr = *in->csr;
        csr.rows = rows;
        csr.row_start = (const unsigned char *)csr.row_start
                      + first * (csr.index_type == MDL_I32 ? sizeof(int32_t) : sizeof(int64_t));
        some.csr = &csr;
    } else {
        some.data = table_cell(in, first, 0);
    }
    return mdl_run_call(&c, NULL, &alone);
}

static uint64_t read_bytes(const mdl_explainer *e, uint64_t rows)
{
    const struct value *v = &e->model->m.graph.values[e->value];

    return (rows * v->cols * mdl_type_bytes(v->type) + 63) / 64 * 64;
}

static mdl_status explain_rows(const struct explain_job *j, uint64_t first, uint64_t rows,
                               mdl_error *err)
{
    const mdl_explainer *e = j->e;
    const mdl_allocator *a = &e->model->allocator;
    const struct value *v = &e->model->m.graph.values[e->value];
    size_t block = mdl_shap_rows(&e->shap);
    const uint64_t end = first + rows;

    block = rows < block ? (size_t)rows : block;
    const uint64_t bytes = read_bytes(e, block) + mdl_shap_bytes(&e->shap, block);
    if (bytes > e->model->scratch_limit)
        return mdl_fail(err, MDL_ERR_LIMIT, "explaining needs %llu bytes of scratch, the limit is "
                        "%llu (mdl_limits.scratch_bytes)", (unsigned long long)bytes,
                        (unsigned long long)e->model->scratch_limit);
    unsigned char *memory = a->alloc(a->user, (size_t)bytes);
    if (!memory)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for scratch");
    mdl_status s = MDL_OK;
    for (; first < end && !s; first += block) {
        const size_t some = end - first < block ? (size_t)(end - first) : block;
        const struct view x = { memory, (size_t)v->cols * mdl_type_bytes(v->type), v->type };
        struct shap_out out = j->out;
        out.data += (int64_t)first * out.stride[0];
        s = read_rows(e, j->in, first, some, memory, err);
        const uint64_t mode = mdl_fp_enter();
        if (!s)
            mdl_shap_run(&e->shap, e->model->kernels, x, some, &out, memory + read_bytes(e, block));
        mdl_fp_leave(mode);
    }
    a->free(a->user, memory, (size_t)bytes);
    return s;
}

static void run_task(void *data, size_t i)
{
    struct explain_job *j = data;
    const uint64_t first = i * j->task_rows, left = j->rows - first;

    if (first >= j->rows)
        return;
    if (explain_rows(j, first, left < j->task_rows ? left : j->task_rows, NULL))
        mdl_atomic_add(&j->failed, 1);
    mdl_atomic_add(&j->done, 1);
}

/* A few tasks for each thread, of whole groups of rows. */
static mdl_status run_job(struct explain_job *j)
{
    const mdl_parallel *parallel = &j->e->parallel;
    const int kept = errno;
    mdl_status s = MDL_OK;

    if (!j->rows)
        return MDL_OK;
    j->task_rows = (j->rows / (4ull * (parallel->threads + 1ull)) / SHAP_ROWS + 1) * SHAP_ROWS;
    const uint64_t tasks = (j->rows - 1) / j->task_rows + 1;
    if (parallel->run && parallel->threads > 1 && tasks > 1) {
        parallel->run(parallel->user, (size_t)tasks, run_task, j);
        if (mdl_atomic_get(&j->done) != tasks)
            s = mdl_fail(j->err, MDL_ERR_ARGUMENT, "mdl_parallel.run did not run all tasks");
        else if (mdl_atomic_get(&j->failed))
            s = explain_rows(j, 0, j->rows, j->err);      /* fails again, with words */
    } else {
        s = explain_rows(j, 0, j->rows, j->err);
    }
    errno = kept;
    return s;
}

static mdl_status check_input(const mdl_explainer *e, const struct table *in, mdl_error *err)
{
    const uint64_t want = e->model->m.graph.values[0].cols;

    if (in->cols != want)
        return mdl_fail(err, MDL_ERR_DATA, "x has %llu columns, the model was trained on %llu",
                        (unsigned long long)in->cols, (unsigned long long)want);
    return MDL_OK;
}

/* ---- making one ------------------------------------------------------------------------------ */

static mdl_status add_background(mdl_explainer *e, const mdl_tensor *rows, mdl_error *err)
{
    struct table in;
    struct arena temp;
    const struct value *v = &e->model->m.graph.values[e->value];
    mdl_status s = mdl_table_of(&in, rows, "the background", 0, err);

    if (!s) s = check_input(e, &in, err);
    if (!s && !in.rows)
        s = mdl_fail(err, MDL_ERR_DATA, "the background has no rows");
    if (s)
        return s;
    mdl_arena_init(&temp, &e->model->allocator, e->model->memory_limit);
    void *x = mdl_arena_take_raw(&temp, in.rows, v->cols * mdl_type_bytes(v->type));
    const struct view view = { x, (size_t)v->cols * mdl_type_bytes(v->type), v->type };
    s = x ? read_rows(e, &in, 0, (size_t)in.rows, x, err)
          : mdl_arena_fail(&temp, err, "background");
    if (!s)
        s = mdl_shap_background(&e->shap, view, in.rows, &e->arena, err);
    mdl_arena_free(&temp);
    return s;
}

/* The one ensemble whose columns can be explained. */
static const struct node *find_trees(const mdl_model *m)
{
    if (!MDL_OPS_EXPLAIN || mdl_model_is_tensors(m) || m->plan.trees == UINT32_MAX || m->m.schema.n_inputs != 1)
        return NULL;
    return &m->m.graph.nodes[m->plan.trees];
}

static mdl_status fail_no_trees(mdl_error *err)
{
    return mdl_fail(err, MDL_ERR_UNSUPPORTED, MDL_OPS_EXPLAIN
                    ? "only a model with one input and exactly one tree ensemble can be explained"
                    : "this libmodel was built without explanations (OPS)");
}

static mdl_status fill_explainer(mdl_explainer *e, const mdl_explain_options *o, mdl_error *err)
{
    static const int ways[] = { SHAP_PATHS, SHAP_PATHS, SHAP_STEPS, SHAP_BACKGROUND };
    const struct node *n = find_trees(e->model);
    mdl_status s = MDL_OK;

    if (!MDL_OPS_EXPLAIN || !n)
        return fail_no_trees(err);
    if (o->method > MDL_EXPLAIN_BACKGROUND)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "method %u is none of MDL_EXPLAIN_*", o->method);
    if ((o->method == MDL_EXPLAIN_BACKGROUND) != (o->background != NULL))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "MDL_EXPLAIN_BACKGROUND needs background rows, and "
                        "only it");
    const uint64_t end = o->tree_end ? o->tree_end : UINT64_MAX;
    if (o->tree_begin || o->tree_end)
        s = mdl_trees_limit(n, o->tree_begin, end, err);
    e->value = n->in[0];
    e->shap.way = ways[o->method];
    e->shap.interactions = o->method == MDL_EXPLAIN_INTERACTIONS;
    find_scale(e, n, o->tree_begin);
    if (!s) s = find_origins(e, err);
    if (!s)
        s = mdl_shap_prepare(&e->shap, &e->model->m.graph, n, o->tree_begin, end, &e->arena, err);
    if (!s && o->background)
        s = add_background(e, o->background, err);
    return s;
}

mdl_status mdl_explainer_create(mdl_explainer **out, const mdl_model *model,
                                const mdl_explain_options *options, mdl_error *error)
{
    mdl_explain_options o;
    mdl_parallel parallel;
    const int kept = errno;

    if (out)
        *out = NULL;
    if (!out || !model)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model or the explainer is NULL");
    mdl_status s = mdl_options_copy(&o, sizeof o, options, "mdl_explain_options", error);
    if (!s) s = mdl_parallel_copy(&parallel, o.parallel, error);
    if (s)
        return s;
    mdl_explainer *e = model->allocator.alloc(model->allocator.user, sizeof *e);
    if (!e)
        return mdl_fail(error, MDL_ERR_MEMORY, "out of memory");
    memset(e, 0, sizeof *e);
    e->model = model;
    e->parallel = o.parallel ? parallel : model->parallel;
    mdl_arena_init(&e->arena, &model->allocator, model->memory_limit);
    const uint64_t mode = mdl_fp_enter();
    s = fill_explainer(e, &o, error);
    mdl_fp_leave(mode);
    if (s)
        mdl_explainer_free(e);
    else
        *out = e;
    errno = kept;
    return s;
}

void mdl_explainer_free(mdl_explainer *e)
{
    if (!e)
        return;
    const mdl_allocator a = e->model->allocator;
    mdl_arena_free(&e->arena);
    a.free(a.user, e, sizeof *e);
}

/* ---- the calls ------------------------------------------------------------------------------- */

mdl_status mdl_explain_shape(const mdl_explainer *e, size_t rows, mdl_tensor *values)
{
    if (!e || !values || values->size < sizeof *values)
        return MDL_ERR_ARGUMENT;
    const int64_t columns = (int64_t)e->shap.given + 1;
    *values = (mdl_tensor){ .size = values->size, .type = MDL_F64, .name = values->name,
                            .rank = e->shap.interactions ? 4 : 3,
                            .dims = { (int64_t)rows, e->shap.outputs, columns,
                                      e->shap.interactions ? columns : 0 } };
    int64_t stride = sizeof(double);
    for (uint32_t i = values->rank; i-- > 0; stride *= values->dims[i])
        values->strides[i] = stride;
    return MDL_OK;
}

/* Where the caller wants values. */
static mdl_status check_values(const mdl_explainer *e, struct shap_out *out, const mdl_tensor *y,
                               uint64_t rows, mdl_error *err)
{
    mdl_tensor want = { .size = sizeof want };
    int packed = 1;

    if (!y || y->size < sizeof *y || (!y->data && rows))
        return mdl_fail(err, MDL_ERR_ARGUMENT, "values is NULL or its size is not set");
    mdl_explain_shape(e, (size_t)rows, &want);
    if (y->type != MDL_F32 && y->type != MDL_F64)
        return mdl_fail(err, MDL_ERR_DATA, "values is %s, expected float32 or float64",
                        mdl_type_name(y->type));
    if (y->rank != want.rank || memcmp(y->dims, want.dims, want.rank * sizeof *want.dims) != 0)
        return mdl_fail(err, MDL_ERR_DATA, "values has not the shape that mdl_explain_shape says: "
                        "rank %u, %lld rows, %lld outputs, %lld columns", want.rank,
                        (long long)want.dims[0], (long long)want.dims[1], (long long)want.dims[2]);
    for (uint32_t i = 0; i < y->rank; i++)
        packed &= y->strides[i] == 0;
    *out = (struct shap_out){ .data = y->data, .type = y->type };
    for (uint32_t i = 0; i < y->rank; i++)
        out->stride[i] = !packed ? y->strides[i] : y->type == MDL_F64 ? want.strides[i]
                                                                      : want.strides[i] / 2;
    return MDL_OK;
}

static mdl_status explain(const mdl_explainer *e, const struct table *in, const mdl_tensor *values,
                          mdl_error *err)
{
    if (!MDL_OPS_EXPLAIN)         /* there is no explainer */
        return fail_no_trees(err);
    struct explain_job j = { .e = e, .in = in, .rows = in->rows, .err = err };
    mdl_status s = check_input(e, in, err);

    if (!s) s = check_values(e, &j.out, values, in->rows, err);
    return s ? s : run_job(&j);
}

mdl_status mdl_explain(const mdl_explainer *explainer, const mdl_tensor *x,
                       const mdl_tensor *values, mdl_error *error)
{
    struct table in;

    if (!explainer)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the explainer is NULL");
    const mdl_status s = mdl_table_of(&in, x, "x", 0, error);
    return s ? s : explain(explainer, &in, values, error);
}

mdl_status mdl_explain_csr(const mdl_explainer *explainer, const mdl_csr *x,
                           const mdl_tensor *values, mdl_error *error)
{
    if (!explainer)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the explainer is NULL");
    const mdl_status s = mdl_csr_check(x, error);
    if (s)
        return s;
    const struct table in = { .rows = x->rows, .cols = x->cols, .type = x->type, .csr = x };
    return explain(explainer, &in, values, error);
}

/* ---- as an output ---------------------------------------------------------------------------- */

mdl_status mdl_explain_cols(const mdl_model *m, size_t *cols, mdl_error *err)
{
    const struct node *n = find_trees(m);
    mdl_explainer e = { .model = m };

    if (!MDL_OPS_EXPLAIN || !n)
        return fail_no_trees(err);
    mdl_arena_init(&e.arena, &m->allocator, m->memory_limit);
    e.value = n->in[0];
    const struct trees_params *params = n->params;
    const mdl_status s = find_origins(&e, err);
    *cols = (size_t)((e.shap.given + 1) * (uint64_t)params->outputs);
    mdl_arena_free(&e.arena);
    return s;
}

mdl_status mdl_explain_table(const mdl_model *m, const struct table *in, const struct table *out,
                             const mdl_predict_options *o, mdl_error *err)
{
    const mdl_explain_options q = { .size = sizeof q, .tree_begin = o->tree_begin,
                                    .tree_end = o->tree_end, .parallel = o->parallel };
    mdl_explainer *e;
    mdl_status s = o->context
        ? mdl_fail(err, MDL_ERR_ARGUMENT, "contributions need memory that a context does not have")
        : mdl_explainer_create(&e, m, &q, err);

    if (s)
        return s;
    const int64_t each = (int64_t)e->shap.given + 1;
    const mdl_tensor y = { .size = sizeof y, .type = out->type, .rank = 3,
                           .data = (void *)(uintptr_t)out->data,
                           .dims = { (int64_t)out->rows, e->shap.outputs, each },
                           .strides = { out->row_stride, each * out->col_stride,
                                        out->col_stride } };
    if (out->cols != (uint64_t)each * e->shap.outputs || out->rows != in->rows)
        s = mdl_fail(err, MDL_ERR_DATA, "y has %llu rows and %llu columns, contributions have %llu "
                     "and %llu", (unsigned long long)out->rows, (unsigned long long)out->cols,
                     (unsigned long long)in->rows, (unsigned long long)each * e->shap.outputs);
    if (!s)
        s = explain(e, in, &y, err);
    mdl_explainer_free(e);
    return s;
}

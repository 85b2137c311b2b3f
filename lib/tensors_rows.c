/*
 * tensors_rows.c - graphs of tensors as tables: mdl_predict, and what is known at load
 *
 * A graph with one input whose first dimension is open, or a number of rows, takes a table: row
 * by row the elements of the other dimensions.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exec.h"

/* The input's shape for so many rows; 0 when more than the rows is open. */
static int input_of_rows(const mdl_model *m, size_t rows, struct given *g)
{
    const struct value *v = &m->m.graph.values[0];

    if (m->m.schema.n_inputs != 1 || v->rank == VALUE_ANY_RANK || !v->rank
        || !mdl_nd_type_bytes(v->type) || v->type == MDL_STRING)
        return 0;
    *g = (struct given){ .type = v->type, .rank = v->rank, .packed = 1 };
    int64_t stride = (int64_t)mdl_nd_type_bytes(v->type);
    for (uint32_t i = v->rank; i-- > 0;) {
        g->dims[i] = v->dims[i];
        if (!i && v->dims[i] < 0)
            g->dims[i] = (int64_t)rows;
        else if (v->dims[i] <= 0)
            return 0;
        g->strides[i] = stride;
        if (g->dims[i] > INT64_MAX / 64 / stride)
            return 0;
        stride *= g->dims[i];
    }
    return 1;
}

size_t mdl_tensors_context_bytes(const mdl_model *m, size_t rows)
{
    struct given in, out;
    const uint32_t out_at = 0;
    size_t bytes;

    if (!input_of_rows(m, rows, &in) || mdl_tensors_measure(m, &in, &out, &out_at, 1, &bytes, NULL))
        return SIZE_MAX;
    return bytes;
}

/* ---- mdl_predict ------------------------------------------------------------------------------------------ */

/* Columns of the input, and of each output if its first dimension follows the rows. */
static void find_columns(mdl_model *m)
{
    const struct value *v = &m->m.graph.values[0];
    struct given in, out;

    if (!m->tensors.steady || !input_of_rows(m, 1, &in))
        return;
    const size_t rows = (size_t)in.dims[0];
    size_t cols = 1;
    for (uint32_t i = 1; i < in.rank; i++)
        cols *= (size_t)in.dims[i];
    m->in_cols = cols;
    for (uint32_t i = 0; i < m->m.schema.n_outputs; i++) {
        uint64_t count[2] = { 1, 1 };
        for (int k = 0; k < (v->dims[0] < 0 ? 2 : 1); k++) {
            input_of_rows(m, (size_t)k + 1, &in);
            if (mdl_tensors_measure(m, &in, &out, &i, 1, NULL, NULL))
                return;
            for (uint32_t d = 0; d < out.rank; d++)
                count[k] *= (uint64_t)out.dims[d];
        }
        if (v->dims[0] < 0 ? count[1] == 2 * count[0] : count[0] % rows == 0)
            m->output_cols[i] = (size_t)(count[0] / rows);
        if (!i)
            m->is_plain = v->rank == 2 && v->dims[0] < 0 && out.rank == 2 && v->type == MDL_F32
                       && out.type == MDL_F32 && out.dims[0] == in.dims[0];
    }
    m->out_cols = m->output_cols[0];
}

/* Rows [first, first + n) of a table, as the graph's input or output. */
static struct given part_of(const mdl_tensor *t, uint64_t first, int64_t n)
{
    struct given g = { .data = (unsigned char *)t->data + (int64_t)first * t->strides[0],
                       .type = t->type, .rank = 2, .dims = { n, t->dims[1] },
                       .strides = { t->strides[0], t->strides[1] } };

    g.packed = g.strides[1] == (int64_t)mdl_nd_type_bytes(t->type)
            && (n <= 1 || g.strides[0] == g.strides[1] * g.dims[1]);
    return g;
}

static int as_many(const struct given *a, const struct given *b)
{
    uint64_t n[2] = { 1, 1 };

    for (uint32_t i = 0; i < a->rank; i++)
        n[0] *= (uint64_t)a->dims[i];
    for (uint32_t i = 0; i < b->rank; i++)
        n[1] *= (uint64_t)b->dims[i];
    return n[0] == n[1];
}

mdl_status mdl_tensors_predict(const mdl_model *m, mdl_context *context, const mdl_tensor *x,
                               const mdl_tensor *y, uint32_t output, mdl_error *err)
{
    const struct value *v = &m->m.graph.values[0];
    const uint64_t rows = (uint64_t)x->dims[0];
    const uint64_t step = v->dims[0] > 0 ? (uint64_t)v->dims[0] : rows;
    struct given shape;
    mdl_status s = MDL_OK;

    if (step && rows % step)
        return mdl_fail(err, MDL_ERR_DATA, "%llu rows, the model takes %llu at a time",
                        (unsigned long long)rows, (unsigned long long)step);
    mdl_context *mine = context ? context : mdl_tensors_take_context(m);
    if (!mine)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for a context");
    for (uint64_t first = 0; !s && first < rows; first += step) {
        struct given in = part_of(x, first, (int64_t)step);
        struct given out = part_of(y, first, (int64_t)step);
        struct given flat = out;
        if (!input_of_rows(m, (size_t)step, &shape))
            s = mdl_fail(err, MDL_ERR_UNSUPPORTED, "the model's input is not rows: use mdl_run");
        else if (v->rank != 2 && !in.packed)
            s = mdl_fail(err, MDL_ERR_UNSUPPORTED, "x must be packed for an input of rank %u",
                         v->rank);
        if (s)
            break;
        if (v->rank != 2) {
            shape.data = in.data;
            shape.type = in.type;
            for (uint32_t i = shape.rank; i-- > 0;)
                shape.strides[i] = i + 1 == shape.rank ? (int64_t)mdl_nd_type_bytes(in.type)
                                 : shape.strides[i + 1] * shape.dims[i + 1];
            in = shape;
        }
        out.data = NULL;          /* its rank is the model's affair: left there, then copied flat */
        s = mdl_exec_guarded(&(struct exec_call){ .model = m, .x = mine->exec, .in = &in, .out = &out,
                                              .out_at = &output, .n_out = 1, .err = err });
        if (!s && !as_many(&flat, &out))
            s = mdl_fail(err, MDL_ERR_DATA, "the result has another number of elements for these "
                         "rows: use mdl_run");
        if (!s)
            mdl_exec_flatten(&flat, &out);
    }
    if (!context)
        mdl_tensors_give_context(m, mine);
    return s;
}

/* ---- at load ------------------------------------------------------------------------------------------------ */

mdl_status mdl_tensors_prepare(mdl_model *m, mdl_error *err)
{
    m->scratch = mdl_arena_take(&m->arena, SCRATCH_SLOTS, sizeof *m->scratch);
    m->output_cols = mdl_arena_take(&m->arena, m->m.schema.n_outputs, sizeof *m->output_cols);
    if (!m->scratch || !m->output_cols)
        return mdl_arena_fail(&m->arena, err, "scratch");
    find_columns(m);
    return MDL_OK;
}

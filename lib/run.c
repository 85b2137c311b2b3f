/*
 * run.c - a call's rows through the graph
 *
 * Rows go in blocks that fit the scratch.  A table that already lies as a node wants
 * it is used where it is, on the way in and on the way out; anything else is copied.
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include <errno.h>
#include <math.h>              /* NAN, a constant */
#include <string.h>

#define STACK_SCRATCH 3072u    /* calls that fit into this touch no shared memory */
#define DEFAULT_ROWS  64u

/* ---- scratch ------------------------------------------------------------------------- */

static uint64_t scratch_bytes(const mdl_model *m, uint64_t rows)
{
    const uint64_t fixed = (m->plan.fixed_bytes + 63) / 64 * 64;

    return fixed + rows * m->plan.row_bytes;    /* bounded by limits at load */
}

size_t mdl_context_bytes(const mdl_model *model, size_t rows)
{
    uint64_t bytes;

    if (!model)
        return 0;
    if (!rows)
        rows = DEFAULT_ROWS;
    if (!size_mul(rows, model->plan.row_bytes, &bytes)
        || !size_add(bytes, model->plan.fixed_bytes + sizeof(mdl_context) + 256, &bytes)
        || bytes > SIZE_MAX)
        return SIZE_MAX;
    return (size_t)bytes;
}

mdl_context *mdl_context_init(const mdl_model *model, size_t rows, void *memory, size_t bytes)
{
    if (!model || !memory || bytes < mdl_context_bytes(model, rows))
        return NULL;
    unsigned char *at = (unsigned char *)memory + (64 - (uintptr_t)memory % 64) % 64;
    mdl_context *c = (mdl_context *)(void *)at;

    *c = (mdl_context){ .model = model, .rows = rows ? rows : DEFAULT_ROWS, .scratch = at + 64 };
    return c;
}

/* Threads begin looking at different slots: their stacks lie apart. */
static uint32_t first_slot(const void *on_stack)
{
    return (uint32_t)(((uintptr_t)on_stack >> 12) * 0x9E3779B1u >> 16) % POOL_SLOTS;
}

static mdl_context *pool_take(const mdl_model *m, uint32_t first)
{
    for (uint32_t i = 0; i < POOL_SLOTS; i++) {
        struct pool_slot *slot = &m->pool[(first + i) % POOL_SLOTS];
        mdl_context *c = mdl_atomic_load(&slot->context) ? mdl_atomic_exchange(&slot->context, NULL)
                                                         : NULL;
        if (c)
            return c;
    }

    const int kept = errno;
    const size_t bytes = mdl_context_bytes(m, m->block_rows);
    void *block = m->allocator.alloc(m->allocator.user, bytes);
    mdl_context *c = mdl_context_init(m, m->block_rows, block, bytes);
    if (c) {
        c->block = block;
        c->bytes = bytes;
    }
    errno = kept;
    return c;
}

static void pool_give(const mdl_model *m, mdl_context *c, uint32_t first)
{
    for (uint32_t i = 0; c && i < POOL_SLOTS; i++) {
        struct pool_slot *slot = &m->pool[(first + i) % POOL_SLOTS];
        if (!mdl_atomic_load(&slot->context))
            c = mdl_atomic_exchange(&slot->context, c);
    }
    if (c)
        m->allocator.free(m->allocator.user, c->block, c->bytes);
}

void mdl_pool_free(mdl_model *m)
{
    for (uint32_t i = 0; m->pool && i < POOL_SLOTS; i++) {
        mdl_context *c = m->pool[i].context;
        if (c)
            m->allocator.free(m->allocator.user, c->block, c->bytes);
        m->pool[i].context = NULL;
    }
}

/* ---- tables in and out ------------------------------------------------------------------ */

static const unsigned char *cell_at(const struct table *t, uint64_t row, uint64_t col)
{
    return t->data + (int64_t)row * t->row_stride + (int64_t)col * t->col_stride;
}

static int is_packed(const struct table *t)
{
    return t->col_stride == (int64_t)mdl_type_bytes(t->type) || t->cols == 1;
}

/* One strided row into packed cells of `type`. */
static void read_cells(void *to, uint32_t type, const struct table *t, uint64_t row)
{
    const unsigned char *at = cell_at(t, row, 0);

    for (uint64_t c = 0; c < t->cols; c++, at += t->col_stride) {
        float narrow = 0;
        double wide = 0;

        if (t->type == MDL_F32) {
            memcpy(&narrow, at, sizeof narrow);
            wide = (double)narrow;
        } else {
            memcpy(&wide, at, sizeof wide);
            narrow = (float)wide;
        }
        if (type == MDL_F32)
            ((float *)to)[c] = narrow;
        else
            ((double *)to)[c] = wide;
    }
}

static void read_row(const struct kernels *k, void *to, uint32_t type, const struct table *t,
                     uint64_t row)
{
    const void *from = cell_at(t, row, 0);

    if (!is_packed(t) || (uintptr_t)from % mdl_type_bytes(t->type)) {
        read_cells(to, type, t, row);
        return;
    }
    if (t->type == type)
        memcpy(to, from, (size_t)t->cols * mdl_type_bytes(type));
    else if (type == MDL_F64)
        k->widen(to, from, (size_t)t->cols);
    else
        k->narrow(to, from, (size_t)t->cols);
}

/* One sparse row into packed cells; what it leaves out is `absent`. */
static mdl_status read_sparse(void *to, uint32_t type, const mdl_csr *csr, double absent,
                              uint64_t row, mdl_error *err)
{
    const int64_t begin = csr_index(csr, csr->row_start, row);
    const int64_t end = csr_index(csr, csr->row_start, row + 1);

    if (begin < 0 || end < begin)
        return mdl_fail(err, MDL_ERR_DATA, "row %llu begins at %lld and ends at %lld",
                        (unsigned long long)row, (long long)begin, (long long)end);
    for (uint64_t c = 0; c < csr->cols; c++) {
        if (type == MDL_F32)
            ((float *)to)[c] = (float)absent;
        else
            ((double *)to)[c] = absent;
    }
    for (int64_t i = begin; i < end; i++) {
        const int64_t c = csr_index(csr, csr->columns, (uint64_t)i);
        if (c < 0 || (uint64_t)c >= csr->cols)
            return mdl_fail(err, MDL_ERR_DATA, "row %llu has a value in column %lld of %llu",
                            (unsigned long long)row, (long long)c, (unsigned long long)csr->cols);
        const double v = csr->type == MDL_F32 ? (double)((const float *)csr->values)[i]
                                              : ((const double *)csr->values)[i];
        if (type == MDL_F32)
            ((float *)to)[c] = (float)v;
        else
            ((double *)to)[c] = v;
    }
    return MDL_OK;
}

/* A float cut towards zero; what does not fit, and NaN, becomes the nearest or 0. */
static int64_t cut(double v, uint32_t type)
{
    const double low = type == MDL_I32 ? -0x1p31 : -0x1p63, high = -low;

    if (!(v > low))
        return v != v ? 0 : type == MDL_I32 ? INT32_MIN : INT64_MIN;
    if (v >= high)
        return type == MDL_I32 ? INT32_MAX : INT64_MAX;
    return (int64_t)v;
}

static void write_cell(unsigned char *to, uint32_t to_type, const void *from, uint32_t type,
                       uint64_t c)
{
    const double v = type == MDL_F32 ? (double)((const float *)from)[c]
                   : type == MDL_F64 ? ((const double *)from)[c]
                                     : (double)((const int32_t *)from)[c];
    const float f32 = (float)v;
    const int64_t i64 = to_type == MDL_I32 || to_type == MDL_I64 ? cut(v, to_type) : 0;
    const int32_t i32 = (int32_t)i64;

    switch (to_type) {
    case MDL_F32: memcpy(to, &f32, sizeof f32); break;
    case MDL_F64: memcpy(to, &v, sizeof v); break;
    case MDL_I32: memcpy(to, &i32, sizeof i32); break;
    default: memcpy(to, &i64, sizeof i64); break;
    }
}

static void write_rows(const struct table *y, uint64_t first, size_t rows, struct view from,
                       uint32_t type)
{
    for (size_t r = 0; r < rows; r++) {
        unsigned char *to = (unsigned char *)(uintptr_t)cell_at(y, first + r, 0);
        for (uint64_t c = 0; c < y->cols; c++, to += y->col_stride)
            write_cell(to, y->type, view_row(from, r), type, c);
    }
}

/* ---- a block of rows ------------------------------------------------------------------------ */

/* What the call wants, backwards from its outputs: marks[v] of every value needed. */
static void mark_wanted(const struct call *c, unsigned char *marks)
{
    const struct graph *g = &c->model->m.graph;

    memset(marks, 0, g->n_values);
    for (size_t i = 0; i < c->n_out; i++)
        marks[c->model->m.schema.outputs[c->out_at[i]].value] = 1;
    for (uint32_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = &g->nodes[i];
        int wanted = 0;
        for (uint32_t k = 0; k < n->n_out; k++)
            wanted |= marks[n->out[k]];
        for (uint32_t k = 0; wanted && k < n->n_in; k++)
            marks[n->in[k]] = 1;
    }
}

/* Can the node write straight into the caller's table? */
static int writes_direct(const struct call *c, const struct table *y, uint32_t value)
{
    const struct value *v = &c->model->m.graph.values[value];

    return value >= c->model->m.schema.n_inputs && y->type == v->type && y->cols == v->cols
        && is_packed(y) && y->row_stride >= 0
        && !((uintptr_t)y->data % mdl_type_bytes(v->type))
        && !((uint64_t)y->row_stride % mdl_type_bytes(v->type));
}

static void place_outputs(const struct call *c, struct view *views, uint64_t first)
{
    for (size_t i = 0; i < c->n_out; i++) {
        const uint32_t value = c->model->m.schema.outputs[c->out_at[i]].value;
        if (writes_direct(c, &c->out[i], value))
            views[value] = (struct view){ (void *)(uintptr_t)cell_at(&c->out[i], first, 0),
                                          (size_t)c->out[i].row_stride };
    }
}

static mdl_status place_input(const struct call *c, uint32_t i, struct view *view, uint64_t first,
                              size_t rows)
{
    const mdl_model *m = c->model;
    const struct table *t = &c->in[i];
    const struct value *v = &m->m.graph.values[i];
    const double absent = m->m.schema.inputs[i].absent ? (double)NAN : 0;

    if (!t->csr && t->type == v->type && is_packed(t) && t->row_stride >= 0
        && !((uintptr_t)t->data % mdl_type_bytes(v->type))
        && !((uint64_t)t->row_stride % mdl_type_bytes(v->type))) {
        *view = (struct view){ (void *)(uintptr_t)cell_at(t, first, 0), (size_t)t->row_stride };
        return MDL_OK;
    }
    for (size_t r = 0; r < rows; r++) {
        if (t->csr) {
            const mdl_status s = read_sparse(view_row(*view, r), v->type, t->csr, absent,
                                             first + r, c->err);
            if (s)
                return s;
            continue;
        }
        read_row(m->kernels, view_row(*view, r), v->type, t, first + r);
    }
    return MDL_OK;
}

static mdl_status run_block(const struct call *c, unsigned char *scratch, uint64_t first,
                            size_t rows)
{
    const mdl_model *m = c->model;
    const struct graph *g = &m->m.graph;
    struct view *views = (struct view *)(void *)scratch;
    const unsigned char *marks = scratch + g->n_values * sizeof *views;
    unsigned char *tables = scratch + (m->plan.fixed_bytes + 63) / 64 * 64;
    const struct run r = { .kernels = m->kernels, .graph = g, .views = views,
                           .temp = tables + m->plan.temp_at * rows, .rows = rows,
                           .tree_begin = c->tree_begin, .tree_end = c->tree_end };

    for (uint32_t v = 0; v < g->n_values; v++) {
        const size_t stride = (size_t)g->values[v].cols * mdl_type_bytes(g->values[v].type);
        views[v] = (struct view){ marks[v] ? tables + m->plan.at[v] * rows : NULL, stride };
    }
    place_outputs(c, views, first);
    for (uint32_t i = 0; i < m->m.schema.n_inputs; i++) {
        const mdl_status s = marks[i] ? place_input(c, i, &views[i], first, rows) : MDL_OK;
        if (s)
            return s;
    }
    for (uint32_t i = 0; i < g->n_nodes; i++) {
        const struct node *n = &g->nodes[i];
        int wanted = 0;
        for (uint32_t k = 0; k < n->n_out; k++)
            wanted |= views[n->out[k]].data != NULL;
        if (wanted)
            n->op->run(n, &r);
    }
    for (size_t i = 0; i < c->n_out; i++) {
        const uint32_t value = m->m.schema.outputs[c->out_at[i]].value;
        if ((const unsigned char *)views[value].data != cell_at(&c->out[i], first, 0))
            write_rows(&c->out[i], first, rows, views[value], g->values[value].type);
    }
    return MDL_OK;
}

static mdl_status run_blocks(const struct call *c, unsigned char *scratch, size_t block)
{
    const uint64_t views = c->model->m.graph.n_values * sizeof(struct view);

    mark_wanted(c, scratch + views);
    for (uint64_t first = 0; first < c->rows; first += block) {
        const size_t rows = c->rows - first < block ? (size_t)(c->rows - first) : block;
        const mdl_status s = run_block(c, scratch, first, rows);
        if (s)
            return s;
    }
    return MDL_OK;
}

mdl_status mdl_run_call(const struct call *c, mdl_context *context)
{
    const mdl_model *m = c->model;
    union { unsigned char bytes[STACK_SCRATCH]; uint64_t align; } local;
    mdl_status s = MDL_OK;

    if (context && context->model != m)
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "the context was made for another model");
    if (!c->rows)
        return MDL_OK;
    const uint64_t mode = mdl_fp_enter();
    if (context) {
        s = run_blocks(c, context->scratch, context->rows);
    } else if (c->rows <= m->block_rows && scratch_bytes(m, c->rows) <= sizeof local.bytes) {
        s = run_blocks(c, local.bytes, (size_t)c->rows);
    } else {
        const uint32_t slot = first_slot(&local);
        mdl_context *pooled = pool_take(m, slot);
        s = pooled ? run_blocks(c, pooled->scratch, pooled->rows)
                   : mdl_fail(c->err, MDL_ERR_MEMORY, "out of memory for scratch");
        if (pooled)
            pool_give(m, pooled, slot);
    }
    mdl_fp_leave(mode);
    return s;
}

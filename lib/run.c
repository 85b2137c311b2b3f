/*
 * run.c - a call's rows through the graph
 *
 * Rows go in blocks that fit the scratch.  A table that already lies as a node wants
 * it is used where it is, on the way in and on the way out; anything else is copied (table.c).
 *
 * SPDX-License-Identifier: MIT
 */
#include "run.h"

#include "op/sparse.h"
#include "op/tree_engine.h"

#include <errno.h>
#include <math.h>              /* NAN, a constant */
#include <string.h>

#define STACK_SCRATCH 3072u    /* calls that fit into this touch no shared memory */
#define DEFAULT_ROWS  64u
#define BLOCK_BYTES   (1u << 20)    /* scratch of a block: most of it stays in L2 */
#define LARGE_BYTES   (2u << 20)    /* where a node, or a call, asks for blocks of more rows */

#define TASK_NS       30000u   /* a thread that sleeps needs 5 to 50 us to come */
#define FEW_ROWS      4u       /* whose trees may go over threads               */

/* ---- scratch ------------------------------------------------------------------------- */

/* Beside the rows: views and marks. */
static uint64_t fixed_bytes(const mdl_model *m)
{
    return (m->plan.fixed_bytes + 63) / 64 * 64;
}

size_t mdl_context_bytes(const mdl_model *model, size_t rows)
{
    uint64_t bytes;

    if (!model)
        return 0;
    if (!rows)
        rows = DEFAULT_ROWS;
    if (mdl_model_is_tensors(model))
        return mdl_tensors_context_bytes(model, rows);
    if (!size_mul(rows, model->plan.row_bytes, &bytes)
        || !size_add(bytes, model->plan.fixed_bytes + sizeof(mdl_context) + 256, &bytes)
        || bytes > SIZE_MAX)
        return SIZE_MAX;
    return (size_t)bytes;
}

mdl_context *mdl_context_init(const mdl_model *model, size_t rows, void *memory, size_t bytes)
{
    if (!model || !memory)
        return NULL;
    if (mdl_model_is_tensors(model))
        return mdl_tensors_context_init(model, memory, bytes);
    if (bytes < mdl_context_bytes(model, rows))
        return NULL;
    unsigned char *at = (unsigned char *)memory + (64 - (uintptr_t)memory % 64) % 64;
    mdl_context *c = (mdl_context *)(void *)at;

    *c = (mdl_context){ .model = model, .scratch = at + 64,
                        .scratch_bytes = bytes - (size_t)(at + 64 - (unsigned char *)memory) };
    return c;
}

/* Threads begin looking at different slots: their stacks lie apart. */
static uint32_t first_slot(const void *on_stack)
{
    return (uint32_t)(((uintptr_t)on_stack >> 12) * 0x9E3779B1u >> 16) % SCRATCH_SLOTS;
}

/* A context for so many rows and some bytes, from the allocator. */
static mdl_context *new_context(const mdl_model *m, size_t rows, size_t more)
{
    const int kept = errno;
    const size_t bytes = mdl_context_bytes(m, rows) + more;
    void *block = m->allocator.alloc(m->allocator.user, bytes);
    mdl_context *c = mdl_context_init(m, rows, block, bytes);

    if (c) {
        c->block = block;
        c->bytes = bytes;
    }
    errno = kept;
    return c;
}

/* With scratch of so many bytes at least: one that is too small goes. */
static mdl_context *take_context(const mdl_model *m, uint32_t first, size_t bytes)
{
    const size_t usual = m->block_rows * (size_t)m->main_bytes;

    for (uint32_t i = 0; i < SCRATCH_SLOTS; i++) {
        struct scratch_slot *slot = &m->scratch[(first + i) % SCRATCH_SLOTS];
        mdl_context *c = mdl_atomic_load(&slot->context) ? mdl_atomic_exchange(&slot->context, NULL)
                                                         : NULL;
        if (c && c->scratch_bytes >= bytes)
            return c;
        mdl_context_free(c);
    }

    /* A row of everything, and a block of what the first output needs. */
    return new_context(m, 1, bytes > usual ? bytes : usual);
}

static void give_context(const mdl_model *m, mdl_context *c, uint32_t first)
{
    for (uint32_t i = 0; c && i < SCRATCH_SLOTS; i++) {
        struct scratch_slot *slot = &m->scratch[(first + i) % SCRATCH_SLOTS];
        if (!mdl_atomic_load(&slot->context))
            c = mdl_atomic_exchange(&slot->context, c);
    }
    if (c)
        m->allocator.free(m->allocator.user, c->block, c->bytes);
}

void mdl_run_free(mdl_model *m)
{
    for (uint32_t i = 0; m->scratch && i < SCRATCH_SLOTS; i++) {
        mdl_context *c = m->scratch[i].context;
        if (c && c->exec)
            mdl_tensors_context_free(m, c);
        else if (c)
            m->allocator.free(m->allocator.user, c->block, c->bytes);
        m->scratch[i].context = NULL;
    }
}

mdl_status mdl_context_create(mdl_context **context, const mdl_model *model, mdl_error *error)
{
    if (!context || !model)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model or the context is NULL");
    *context = mdl_model_is_tensors(model) ? mdl_tensors_context_new(model)
                                           : new_context(model, DEFAULT_ROWS, 0);
    return *context ? MDL_OK : mdl_fail(error, MDL_ERR_MEMORY, "out of memory for a context");
}

void mdl_context_free(mdl_context *c)
{
    if (c && c->exec)
        mdl_tensors_context_free(c->model, c);
    else if (c && c->block)
        c->model->allocator.free(c->model->allocator.user, c->block, c->bytes);
}

/* ---- a block of rows ------------------------------------------------------------------------ */

static uint32_t value_of(const struct call *c, size_t i)
{
    return c->value_at ? c->value_at[i] : c->model->m.schema.outputs[c->out_at[i]].value;
}

/* Is it the first output alone that is wanted? */
static int is_main(const struct call *c)
{
    return c->n_out == 1 && c->out_at && !c->out_at[0] && !c->stages.by_leaves;
}

/* What outputs want, backwards from them: marks[v] of every value needed. */
static void mark_wanted(const struct call *c, unsigned char *marks)
{
    const struct graph *g = &c->model->m.graph;

    memset(marks, 0, g->n_values);
    for (size_t i = 0; i < c->n_out; i++)
        marks[value_of(c, i)] = 1;
    if (c->stages.by_leaves)
        marks[g->nodes[c->model->plan.trees].out[1]] = 1;
    for (uint32_t i = g->n_nodes; i-- > 0;) {
        const struct node *n = &g->nodes[i];
        int wanted = 0;
        for (uint32_t k = 0; k < n->n_out; k++)
            wanted |= marks[n->out[k]];
        for (uint32_t k = 0; wanted && k < n->n_in; k++)
            marks[n->in[k]] = 1;
    }
}

/* Tables that lie as a node wants them are read and written where they are. */
static void find_direct(struct call *c)
{
    const struct schema *schema = &c->model->m.schema;
    const struct value *values = c->model->m.graph.values;

    for (uint32_t i = 0; i < schema->n_inputs; i++) {
        c->in[i].sparse = c->in[i].csr && c->model->plan.takes_sparse[i]
                       && sparse_ascends(c->in[i].csr, 0, (size_t)c->rows);
        c->in[i].direct = mdl_table_fits(&c->in[i], &values[i], values[i].type)
            || (c->model->plan.takes_f32[i] && mdl_table_fits(&c->in[i], &values[i], MDL_F32));
    }
    for (size_t i = 0; i < c->n_out; i++)
        c->out[i].direct = value_of(c, i) >= schema->n_inputs && !c->stages.n
                        && mdl_table_fits(&c->out[i], &values[value_of(c, i)],
                                          values[value_of(c, i)].type);
}

/* Is value v an input that is read where it is? */
static int is_theirs(const struct call *c, uint32_t v)
{
    return v < c->model->m.schema.n_inputs && (c->in[v].direct || c->in[v].sparse);
}

/* A view of every value wanted: in the caller's tables or in ours, which begin at `free`.
 * Returns what is left of that. */
static unsigned char *place(const struct call *c, struct view *views, const unsigned char *marks,
                            unsigned char *free, uint64_t first, size_t rows)
{
    const mdl_model *m = c->model;

    for (uint32_t v = 0; v < m->m.graph.n_values; v++)
        views[v] = (struct view){ NULL, m->row_bytes[v], m->m.graph.values[v].type };
    for (size_t i = 0; i < c->n_out; i++)
        if (c->out[i].direct)
            views[value_of(c, i)] = table_view(&c->out[i], first);
    for (uint32_t i = 0; i < m->m.schema.n_inputs; i++)
        if (c->in[i].direct && marks[i])
            views[i] = table_view(&c->in[i], first);
    for (uint32_t v = 0; v < m->m.graph.n_values; v++)
        if (marks[v] && !views[v].data && !is_theirs(c, v)) {
            views[v].data = free;
            free += m->plan.bytes[v] * rows;
        }
    return free;
}

/* Input tables that could not stay where they are. */
static mdl_status read_inputs(const struct call *c, const struct view *views,
                              const unsigned char *marks, uint64_t first, size_t rows)
{
    const mdl_model *m = c->model;

    for (uint32_t i = 0; i < m->m.schema.n_inputs; i++) {
        if (!marks[i] || is_theirs(c, i))
            continue;
        const double absent = m->m.schema.inputs[i].absent ? (double)NAN : 0;
        const mdl_status s = mdl_table_read(m->kernels, views[i], m->m.graph.values[i].type,
                                            &c->in[i], absent, first, rows, c->err);
        if (s)
            return s;
    }
    return MDL_OK;
}

/* The nodes from number `i` on. */
static void run_nodes(const struct call *c, const struct run *r, uint32_t i, uint64_t first)
{
    const mdl_model *m = c->model;
    const struct graph *g = &m->m.graph;
    const struct view *views = r->views;

    for (; i < g->n_nodes; i++) {
        const struct node *n = &g->nodes[i];
        int wanted = 0;
        for (uint32_t k = 0; k < n->n_out; k++)
            wanted |= views[n->out[k]].data != NULL;
        if (wanted && n->in[0] < m->m.schema.n_inputs && c->in[n->in[0]].sparse)
            n->op->run_sparse(n, r, c->in[n->in[0]].csr, first);
        else if (wanted)
            n->op->run(n, r);
    }
}

static void write_outputs(const struct call *c, const struct run *r, uint64_t first, uint64_t stage)
{
    for (size_t i = 0; i < c->n_out; i++) {
        const struct view *v = &r->views[value_of(c, i)];
        struct table out = c->out[i];
        out.data += (int64_t)stage * c->stages.stride;
        if ((const unsigned char *)v->data != table_cell(&out, first, 0))
            mdl_table_write(r->kernels, &out, first, r->rows, *v, v->type);
    }
}

static mdl_status run_block(const struct call *c, unsigned char *scratch, size_t scratch_bytes,
                            const unsigned char *marks, uint64_t first, size_t rows)
{
    const mdl_model *m = c->model;
    struct view *views = (struct view *)(void *)scratch;
    unsigned char *temp = place(c, views, marks, scratch + fixed_bytes(m), first, rows);
    struct run r = { .kernels = m->kernels, .graph = &m->m.graph, .views = views, .temp = temp,
                     .rows = rows, .tree_begin = c->tree_begin, .tree_end = c->tree_end,
                     .tree_most = c->tree_end, .stop_every = c->stop_every, .stop_margin = c->stop_margin,
                     .parallel = c->parallel };
    if (c->parallel) {
        unsigned char *spare = temp + rows * m->plan.temp_bytes;
        spare += (64 - (uintptr_t)spare % 64) % 64;
        r.spare = spare;
        r.spare_bytes = spare < scratch + scratch_bytes ? (size_t)(scratch + scratch_bytes - spare) : 0;
    }
    const mdl_status s = read_inputs(c, views, marks, first, rows);

    if (s)
        return s;
    if (c->stages.n)
        mdl_stages_run(c, &r, 0);
    run_nodes(c, &r, 0, first);
    write_outputs(c, &r, first, 0);
    for (uint64_t stage = 1; stage < c->stages.n; stage++) {
        mdl_stages_run(c, &r, stage);
        run_nodes(c, &r, m->plan.trees, first);
        write_outputs(c, &r, first, stage);
    }
    return MDL_OK;
}

/* ---- a call ---------------------------------------------------------------------------------- */

/* Scratch of a row, for the values that are wanted and not the caller's. */
static uint64_t wanted_bytes(const struct call *c, const unsigned char *marks)
{
    const mdl_model *m = c->model;
    uint64_t bytes = m->plan.temp_bytes;

    for (uint32_t v = 0; v < m->m.graph.n_values; v++)
        if (marks[v] && !is_theirs(c, v))
            bytes += m->plan.bytes[v];
    return bytes;
}

/* Scratch of a row, at most. */
static uint64_t row_bytes(const struct call *c)
{
    return is_main(c) ? c->model->main_bytes : c->model->plan.row_bytes;
}

static mdl_status run_blocks(const struct call *c, unsigned char *scratch, size_t scratch_bytes,
                             uint64_t first, uint64_t rows)
{
    const mdl_model *m = c->model;
    const uint64_t end = first + rows;
    const unsigned char *marks = m->main_marks;

    if (!is_main(c)) {
        unsigned char *own = scratch + m->m.graph.n_values * sizeof(struct view);
        mark_wanted(c, own);
        marks = own;
    }
    const uint64_t room = scratch_bytes - fixed_bytes(m);
    uint64_t block = rows;
    const uint64_t most = c->most_rows ? c->most_rows : m->most_rows;
    if (rows > most || rows * row_bytes(c) > room) {   /* else all fit, whatever they need */
        const uint64_t row = wanted_bytes(c, marks);
        block = row ? room / row : most;
        block = block < most ? block : most;
    }
    for (; first < end; first += block) {
        const mdl_status s = run_block(c, scratch, scratch_bytes, marks, first,
                                       (size_t)(end - first < block ? end - first : block));
        if (s)
            return s;
    }
    return MDL_OK;
}

mdl_status mdl_run_rows(const struct call *c, mdl_context *context, uint64_t first, uint64_t rows)
{
    const mdl_model *m = c->model;
    union { unsigned char bytes[STACK_SCRATCH]; uint64_t align; } local;
    const uint64_t mode = mdl_fp_enter();
    mdl_status s;

    if (context) {
        s = run_blocks(c, context->scratch, context->scratch_bytes, first, rows);
    } else if (rows <= BLOCK_ROWS && !c->parallel && fixed_bytes(m) + rows * row_bytes(c) <= sizeof local.bytes) {
        s = run_blocks(c, local.bytes, sizeof local.bytes, first, rows);
    } else {
        const uint32_t slot = first_slot(&local);
        const uint64_t bytes = (rows < c->most_rows ? rows : c->most_rows) * row_bytes(c);
        mdl_context *kept = take_context(m, slot, bytes < LARGE_BYTES ? (size_t)bytes : LARGE_BYTES);
        s = kept ? run_blocks(c, kept->scratch, kept->scratch_bytes, first, rows)
                 : mdl_fail(c->err, MDL_ERR_MEMORY, "out of memory for scratch");
        if (kept)
            give_context(m, kept, slot);
    }
    mdl_fp_leave(mode);
    return s;
}

mdl_status mdl_run_call(struct call *c, mdl_context *context, const mdl_parallel *parallel)
{
    const mdl_model *m = c->model;

    if (context && context->model != m)
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "the context was made for another model");
    if (context && parallel->run)
        return mdl_fail(c->err, MDL_ERR_ARGUMENT, "a context serves one thread, so there is no "
                        "parallel beside it");
    for (uint32_t i = 0; i < m->m.schema.n_inputs && m->has_hashes; i++)
        if (c->in[i].type == MDL_F32)
            return mdl_fail(c->err, MDL_ERR_DATA, "rows of float32 cannot hold the hashes of "
                            "categories that the model takes (mdl_category_code): give float64");
    if (!c->rows)
        return MDL_OK;
    find_direct(c);
    if (parallel->run && parallel->threads > 1) {
        const int few = c->rows <= FEW_ROWS && c->rows < parallel->threads
                     && (double)c->rows * m->trees_ns >= 3.0 * TASK_NS;
        c->parallel = few ? parallel : NULL;
        if (!few && c->rows / 2 >= m->task_rows)
            return mdl_run_split(c, parallel);
    }
    return mdl_run_rows(c, context, 0, c->rows);
}

/* ---- at load --------------------------------------------------------------------------------- */

/* Rows that take a thread at least about TASK_NS.  Measured: trees need 4 to 10 ps a node and
 * row in blocks, layers 50 ps a weight, taken for the quicker here; a column read 250 ps. */
static size_t task_rows(const mdl_model *m)
{
    uint64_t work = 10000;        /* ps of a row */

    for (uint32_t i = 0; i < m->m.schema.n_inputs; i++)
        work += 250 * m->m.graph.values[i].cols;
    for (uint32_t i = 0; i < m->m.graph.n_nodes; i++) {
        const struct node *n = &m->m.graph.nodes[i];
        uint64_t most = 0;
        for (uint32_t k = 0; k < n->op->n_slots; k++)
            most = n->tensors[k].type && n->tensors[k].count > most ? n->tensors[k].count : most;
        work += 5 * most;
    }
    return (size_t)(TASK_NS * 1000ull / work + 1);
}

static int has_hashes(const struct model_graph *m)
{
    for (uint32_t i = 0; i < m->schema.n_inputs; i++) {
        const struct column *columns = m->schema.inputs[i].columns;
        for (uint64_t k = 0; columns && k < m->graph.values[i].cols; k++)
            if (columns[k].kind == MDL_COLUMN_HASH)
                return 1;
    }
    return 0;
}

mdl_status mdl_run_prepare(mdl_model *m, mdl_error *err)
{
    const struct graph *g = &m->m.graph;
    const uint32_t main_output = 0;

    m->scratch = mdl_arena_take(&m->arena, SCRATCH_SLOTS, sizeof *m->scratch);
    m->row_bytes = mdl_arena_take(&m->arena, g->n_values, sizeof *m->row_bytes);
    m->main_marks = mdl_arena_take(&m->arena, g->n_values, 1);
    if (!m->scratch || !m->row_bytes || !m->main_marks)
        return mdl_arena_fail(&m->arena, err, "scratch");
    m->task_rows = task_rows(m);
    if (m->plan.trees != UINT32_MAX) {
        const struct trees_plan *p = g->nodes[m->plan.trees].plan;
        m->trees_ns = mdl_trees_engine_for(p, 1)->cost(p, m->kernels, 1);
    }
    m->has_hashes = has_hashes(&m->m);
    for (uint32_t v = 0; v < g->n_values; v++)
        m->row_bytes[v] = (size_t)g->values[v].cols * mdl_type_bytes(g->values[v].type);
    mark_wanted(&(struct call){ .model = m, .out_at = &main_output, .n_out = 1 }, m->main_marks);
    m->main_bytes = m->plan.temp_bytes;
    for (uint32_t v = 0; v < g->n_values; v++)
        m->main_bytes += m->main_marks[v] ? m->plan.bytes[v] : 0;
    m->most_rows = BLOCK_ROWS;
    for (uint32_t i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].block_rows > m->most_rows)
            m->most_rows = g->nodes[i].block_rows;
    const uint64_t bytes = m->most_rows > BLOCK_ROWS ? LARGE_BYTES : BLOCK_BYTES;
    m->block_rows = m->main_bytes ? (size_t)(bytes / m->main_bytes) : m->most_rows;
    if (m->block_rows < 1)
        m->block_rows = 1;
    if (m->block_rows > m->most_rows)
        m->block_rows = m->most_rows;
    return MDL_OK;
}

/*
 * tensors.c - the public calls on graphs of tensors: contexts, arguments; exec.c does the rest
 *
 * A context is
 *
 *     | mdl_context | struct exec and its arrays | heap, in a caller's context |
 *
 * and, where the library made it, a heap that grows through the model's allocator.
 *
 * SPDX-License-Identifier: MIT
 */
#include "exec.h"

#include <errno.h>
#include <string.h>

#define MAX_TENSORS EXEC_OUTPUTS
#define HEADER_BYTES 128u         /* of mdl_context, rounded up */

_Static_assert(sizeof(mdl_context) <= HEADER_BYTES, "context header");

/* ---- contexts ---------------------------------------------------------------------------------- */

static mdl_context *place_context(const mdl_model *m, void *memory, size_t bytes)
{
    unsigned char *at = (unsigned char *)memory + (64 - (uintptr_t)memory % 64) % 64;
    mdl_context *c = (mdl_context *)(void *)at;

    *c = (mdl_context){ .model = m, .exec = mdl_exec_init(m, at + HEADER_BYTES) };
    c->scratch = at + HEADER_BYTES + mdl_exec_fixed_bytes(m);
    c->scratch_bytes = bytes - (size_t)(c->scratch - (unsigned char *)memory);
    return c;
}

static size_t least_bytes(const mdl_model *m)
{
    return HEADER_BYTES + 64 + mdl_exec_fixed_bytes(m);
}

mdl_context *mdl_tensors_context_init(const mdl_model *m, void *memory, size_t bytes)
{
    if (bytes < least_bytes(m))
        return NULL;
    mdl_context *c = place_context(m, memory, bytes);
    mdl_heap_init(&c->exec->heap, NULL, c->scratch, c->scratch_bytes, m->scratch_limit);
    return c;
}

mdl_context *mdl_tensors_context_new(const mdl_model *m)
{
    const int kept = errno;
    const size_t bytes = least_bytes(m);
    void *block = m->allocator.alloc(m->allocator.user, bytes);

    errno = kept;
    if (!block)
        return NULL;
    mdl_context *c = place_context(m, block, bytes);
    c->block = block;
    c->bytes = bytes;
    mdl_heap_init(&c->exec->heap, &m->allocator, NULL, 0, m->scratch_limit);
    return c;
}

void mdl_tensors_context_free(const mdl_model *m, mdl_context *c)
{
    if (!c || !c->block)
        return;
    mdl_heap_free(&c->exec->heap);
    m->allocator.free(m->allocator.user, c->block, c->bytes);
}

/* A context of the model's stock, or a new one; and back. */
mdl_context *mdl_tensors_take_context(const mdl_model *m)
{
    for (uint32_t i = 0; i < SCRATCH_SLOTS; i++) {
        mdl_context *c = mdl_atomic_load(&m->scratch[i].context)
                       ? mdl_atomic_exchange(&m->scratch[i].context, NULL) : NULL;
        if (c)
            return c;
    }
    return mdl_tensors_context_new(m);
}

void mdl_tensors_give_context(const mdl_model *m, mdl_context *c)
{
    for (uint32_t i = 0; c && i < SCRATCH_SLOTS; i++)
        if (!mdl_atomic_load(&m->scratch[i].context))
            c = mdl_atomic_exchange(&m->scratch[i].context, c);
    mdl_tensors_context_free(m, c);
}

/* ---- arguments ----------------------------------------------------------------------------------- */

/* The caller's tensor with its strides filled in. */
static mdl_status check_tensor(struct given *g, const mdl_tensor *t, const char *name,
                               mdl_error *err)
{
    int64_t stride = (int64_t)mdl_nd_type_bytes(t->type), all_zero = 1;

    if (t->size < sizeof *t || !stride || t->rank > MDL_MAX_RANK)
        return mdl_fail(err, MDL_ERR_ARGUMENT, "'%s': size is not set, or an unknown type or rank",
                        name);
    *g = (struct given){ .data = t->data, .type = t->type, .rank = t->rank, .packed = 1 };
    for (uint32_t i = 0; i < t->rank; i++)
        all_zero = all_zero && !t->strides[i];
    for (uint32_t i = t->rank; i-- > 0;) {
        uint64_t next;
        if (t->dims[i] < 0 || !size_mul((uint64_t)stride, (uint64_t)t->dims[i], &next)
            || next > INT64_MAX)
            return mdl_fail(err, MDL_ERR_DATA, "'%s': dimension %u is %lld", name, (unsigned)i,
                            (long long)t->dims[i]);
        g->dims[i] = t->dims[i];
        g->strides[i] = all_zero ? stride : t->strides[i];
        g->packed = g->packed && (g->strides[i] == stride || t->dims[i] <= 1);
        stride = next ? (int64_t)next : stride;
    }
    return MDL_OK;
}

static mdl_status need_shape(const struct given *g, const struct value *v, const char *name,
                             mdl_error *err)
{
    struct nd want = { .rank = v->rank }, have = { .rank = g->rank };
    char text[2][96];
    int fits = v->rank == VALUE_ANY_RANK || v->rank == g->rank;

    for (uint32_t i = 0; fits && v->rank != VALUE_ANY_RANK && i < v->rank; i++)
        fits = v->dims[i] < 0 || v->dims[i] == g->dims[i];
    if (fits)
        return MDL_OK;
    memcpy(want.dims, v->dims, sizeof want.dims);
    memcpy(have.dims, g->dims, sizeof have.dims);
    return mdl_fail(err, MDL_ERR_DATA, "input '%s' is %s, expected %s (-1: any)", name,
                    mdl_nd_shape_text(text[0], sizeof text[0], &have),
                    mdl_nd_shape_text(text[1], sizeof text[1], &want));
}

static size_t find_input(const mdl_model *m, const mdl_tensor *t, size_t position)
{
    if (!t->name)
        return position < m->m.schema.n_inputs ? position : SIZE_MAX;
    for (size_t i = 0; i < m->m.schema.n_inputs; i++)
        if (!strcmp(m->m.schema.inputs[i].name, t->name))
            return i;
    return SIZE_MAX;
}

static mdl_status no_such(const mdl_tensor *t, const char *what, mdl_error *err)
{
    char name[64];

    return mdl_fail(err, MDL_ERR_NOT_FOUND, "the model has no %s '%s'", what,
                    t->name ? mdl_safe_text(name, sizeof name, t->name, strlen(t->name)) : "");
}

static mdl_status bind_inputs(const mdl_model *m, struct given *in, const mdl_tensor *inputs,
                              size_t n, int need_data, mdl_error *err)
{
    unsigned char seen[MAX_TENSORS] = { 0 };

    for (size_t k = 0; k < n; k++) {
        const size_t at = find_input(m, &inputs[k], k);
        if (at == SIZE_MAX)
            return no_such(&inputs[k], "input", err);
        const char *name = m->m.schema.inputs[at].name;
        const struct value *v = &m->m.graph.values[at];
        mdl_status s = check_tensor(&in[at], &inputs[k], name, err);
        if (s)
            return s;
        if (seen[at]++)
            return mdl_fail(err, MDL_ERR_DATA, "input '%s' is given twice", name);
        if (in[at].type != v->type)
            return mdl_fail(err, MDL_ERR_DATA, "input '%s' is %s, expected %s", name,
                            mdl_type_name(in[at].type), mdl_type_name(v->type));
        s = need_shape(&in[at], v, name, err);
        if (s)
            return s;
        uint64_t count = 1;
        for (uint32_t i = 0; i < in[at].rank; i++)
            count *= (uint64_t)in[at].dims[i];
        if (need_data && count && !in[at].data)
            return mdl_fail(err, MDL_ERR_ARGUMENT, "input '%s' has no data", name);
    }
    return MDL_OK;
}

static mdl_status bind_outputs(const mdl_model *m, struct given *out, uint32_t *out_at,
                               const mdl_tensor *outputs, size_t n, mdl_error *err)
{
    for (size_t k = 0; k < n; k++) {
        const size_t at = outputs[k].name ? mdl_output_find(m, outputs[k].name)
                        : k < m->m.schema.n_outputs ? k : SIZE_MAX;
        if (at == SIZE_MAX)
            return no_such(&outputs[k], "output", err);
        const char *name = m->m.schema.outputs[at].name;
        const uint32_t type = m->m.graph.values[m->m.schema.outputs[at].value].type;
        out_at[k] = (uint32_t)at;
        out[k] = (struct given){ .type = type };
        if (!outputs[k].data) {
            if (outputs[k].size < sizeof outputs[k])
                return mdl_fail(err, MDL_ERR_ARGUMENT, "'%s': size is not set", name);
            continue;
        }
        const mdl_status s = check_tensor(&out[k], &outputs[k], name, err);
        if (s)
            return s;
        if (out[k].type != type)
            return mdl_fail(err, MDL_ERR_DATA, "output '%s' is %s, the tensor given for it is %s",
                            name, mdl_type_name(type), mdl_type_name(out[k].type));
    }
    return MDL_OK;
}

/* Where results lie that stay in the context. */
static void report(mdl_tensor *to, const struct given *g)
{
    int64_t stride = (int64_t)mdl_nd_type_bytes(g->type);

    to->type = g->type;
    to->rank = g->rank;
    to->data = (void *)(uintptr_t)g->data;
    for (uint32_t i = MDL_MAX_RANK; i-- > 0;) {
        to->dims[i] = i < g->rank ? g->dims[i] : 0;
        to->strides[i] = i < g->rank ? stride : 0;
        stride *= i < g->rank && g->dims[i] ? g->dims[i] : 1;
    }
}

/* ---- mdl_run ---------------------------------------------------------------------------------------- */

static mdl_status count_tensors(const mdl_model *m, size_t n_inputs, size_t n_outputs,
                                mdl_error *err)
{
    if (n_inputs != m->m.schema.n_inputs || n_inputs > MAX_TENSORS || !n_outputs
        || n_outputs > MAX_TENSORS)
        return mdl_fail(err, MDL_ERR_DATA, "%llu inputs and %llu outputs, the model has %u and %u",
                        (unsigned long long)n_inputs, (unsigned long long)n_outputs,
                        m->m.schema.n_inputs, m->m.schema.n_outputs);
    return MDL_OK;
}

/* In our floating-point mode, and with the host's errno. */
mdl_status mdl_exec_guarded(const struct exec_call *c)
{
    const int kept = errno;
    const uint64_t mode = mdl_fp_enter();
    const mdl_status s = mdl_exec(c);

    mdl_fp_leave(mode);
    errno = kept;
    return s;
}

/* ---- the same call again ------------------------------------------------------------------------------- */

static int same_text(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* (Short loops: calls of memcmp and strcmp cost more than a small graph.) */
MDL_INLINE int same_header(const mdl_tensor *kept, const mdl_tensor *t, const char *name)
{
    if (kept->size != t->size || kept->type != t->type || kept->rank != t->rank
        || !kept->name != !t->name)
        return 0;
    for (uint32_t i = 0; i < kept->rank; i++)
        if (kept->dims[i] != t->dims[i] || kept->strides[i] != t->strides[i])
            return 0;
    return !t->name || same_text(t->name, name);
}

/* Do these bytes begin where others are?  Empty ones lie nowhere. */
static int meet(const void *a, uint64_t a_bytes, const void *b, uint64_t b_bytes)
{
    return (uintptr_t)a < (uintptr_t)b + b_bytes && (uintptr_t)b < (uintptr_t)a + a_bytes;
}

/* Is it the call that was made last, with other data?  Then its data is in place now. */
static int is_again(const mdl_model *m, struct exec *x, const mdl_tensor *inputs, size_t n_inputs,
                    const mdl_tensor *outputs, size_t n_outputs)
{
    const struct quick *q = &x->quick;

    if (!q->n_out || n_inputs != q->n_in || n_outputs != q->n_out)
        return 0;
    for (uint32_t i = 0; i < q->n_in; i++)
        if (!same_header(&q->in[i], &inputs[i], m->m.schema.inputs[q->in_at[i]].name)
            || !inputs[i].data)
            return 0;
    for (uint32_t k = 0; k < q->n_out; k++) {
        if (!same_header(&q->out[k], &outputs[k], m->m.schema.outputs[q->out_at[k]].name)
            || !outputs[k].data)
            return 0;
        for (uint32_t i = 0; i < q->n_in; i++)
            if (meet(outputs[k].data, q->out_bytes[k], inputs[i].data, q->in_bytes[i]))
                return 0;
    }
    for (uint32_t i = 0; i < q->n_in; i++)
        x->values[q->in_at[i]].data = inputs[i].data;
    for (uint32_t k = 0; k < q->n_out; k++)
        x->values[m->m.schema.outputs[q->out_at[k]].value].data = outputs[k].data;
    return 1;
}

static void keep_tensor(mdl_tensor *to, uint64_t *bytes, const mdl_tensor *t)
{
    *to = *t;
    *bytes = mdl_nd_type_bytes(t->type);
    for (uint32_t i = 0; i < t->rank; i++)
        *bytes *= (uint64_t)t->dims[i];
}

/* Remember a call that went well and touched nothing but the caller's memory. */
static void remember(const mdl_model *m, struct exec *x, const struct given *in,
                     const mdl_tensor *inputs, size_t n_inputs, const mdl_tensor *outputs,
                     const uint32_t *out_at, size_t n_outputs)
{
    struct quick *q = &x->quick;

    q->n_out = 0;
    if (!x->recorded || n_inputs > QUICK_TENSORS || n_outputs > QUICK_TENSORS
        || x->directs != (1ull << n_outputs) - 1)
        return;
    for (uint32_t k = 0; k < n_inputs; k++) {
        q->in_at[k] = (uint32_t)find_input(m, &inputs[k], k);
        if (!in[q->in_at[k]].packed)
            return;
        keep_tensor(&q->in[k], &q->in_bytes[k], &inputs[k]);
    }
    for (uint32_t k = 0; k < n_outputs; k++) {
        q->out_at[k] = out_at[k];
        keep_tensor(&q->out[k], &q->out_bytes[k], &outputs[k]);
    }
    q->n_in = (uint32_t)n_inputs;
    q->n_out = (uint32_t)n_outputs;
}

static mdl_status again_guarded(const mdl_model *m, struct exec *x, mdl_error *err)
{
    const uint64_t mode = mdl_fp_enter();
    const mdl_status s = mdl_exec_again(m, x, err);

    mdl_fp_leave(mode);
    return s;
}

static mdl_status run_anew(const mdl_model *m, mdl_context *context, struct exec *x,
                           const mdl_tensor *inputs, size_t n_inputs, mdl_tensor *outputs,
                           size_t n_outputs, mdl_error *err)
{
    struct given in[MAX_TENSORS], out[MAX_TENSORS];
    uint32_t out_at[MAX_TENSORS];
    mdl_status s = count_tensors(m, n_inputs, n_outputs, err);

    if (!s) s = bind_inputs(m, in, inputs, n_inputs, 1, err);
    if (!s) s = bind_outputs(m, out, out_at, outputs, n_outputs, err);
    for (size_t i = 0; !s && !context && i < n_outputs; i++)
        if (!outputs[i].data)
            s = mdl_fail(err, MDL_ERR_ARGUMENT, "a result without memory needs a context to stay in");
    if (!s)
        s = mdl_exec_guarded(&(struct exec_call){ .model = m, .x = x, .in = in, .out = out,
                                              .out_at = out_at, .n_out = n_outputs, .err = err });
    for (size_t i = 0; !s && !context && x->made_text && i < n_outputs; i++)
        if (out[i].type == MDL_STRING)
            s = mdl_fail(err, MDL_ERR_ARGUMENT, "the strings of output '%s' are made by the call and "
                         "need a context to stay in", m->m.schema.outputs[out_at[i]].name);
    if (!s)
        remember(m, x, in, inputs, n_inputs, outputs, out_at, n_outputs);
    for (size_t i = 0; !s && i < n_outputs; i++)
        if (!outputs[i].data)
            report(&outputs[i], &out[i]);
    return s;
}

mdl_status mdl_tensors_run(const mdl_model *m, mdl_context *context, const mdl_tensor *inputs,
                           size_t n_inputs, mdl_tensor *outputs, size_t n_outputs, mdl_error *err)
{
    mdl_context *mine = context ? context : mdl_tensors_take_context(m);

    if (!mine)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for a context");
    const mdl_status s = is_again(m, mine->exec, inputs, n_inputs, outputs, n_outputs)
        ? again_guarded(m, mine->exec, err)
        : run_anew(m, context, mine->exec, inputs, n_inputs, outputs, n_outputs, err);
    if (!context)
        mdl_tensors_give_context(m, mine);
    return s;
}

/* ---- shapes before a run ------------------------------------------------------------------------------- */

/* Shapes of outputs, and bytes of scratch, for inputs of these shapes. */
mdl_status mdl_tensors_measure(const mdl_model *m, const struct given *in, struct given *out,
                          const uint32_t *out_at, size_t n_out, size_t *bytes, mdl_error *err)
{
    mdl_context *c = mdl_tensors_context_new(m);

    if (!c)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory for a context");
    mdl_status s = m->tensors.steady ? MDL_OK
        : mdl_fail(err, MDL_ERR_UNSUPPORTED, "shapes of results depend on what is in the inputs: "
                   "only a run can tell them");
    /* Until all fits into one block, as it must in a caller's context. */
    for (int k = 0; !s && k < 4; k++)
        s = mdl_exec_guarded(&(struct exec_call){ .model = m, .x = c->exec, .in = in, .out = out,
                                              .out_at = out_at, .n_out = n_out, .measure = 1,
                                              .err = err });
    if (!s && bytes)
        *bytes = least_bytes(m) + (size_t)(c->exec->heap.held + c->exec->heap.held / 8 + 1024);
    mdl_tensors_context_free(m, c);
    return s;
}

mdl_status mdl_run_shapes(const mdl_model *model, const mdl_tensor *inputs, size_t n_inputs,
                          mdl_tensor *outputs, size_t n_outputs, size_t *context_bytes,
                          mdl_error *error)
{
    struct given in[MAX_TENSORS], out[MAX_TENSORS];
    uint32_t out_at[MAX_TENSORS];

    if (!model || (n_inputs && !inputs) || !outputs)
        return mdl_fail(error, MDL_ERR_ARGUMENT, "the model, inputs or outputs are NULL");
    mdl_status s = count_tensors(model, n_inputs, n_outputs, error);
    if (!s) s = bind_inputs(model, in, inputs, n_inputs, 0, error);
    for (size_t i = 0; !s && i < n_outputs; i++)
        outputs[i].data = NULL;
    if (!s) s = bind_outputs(model, out, out_at, outputs, n_outputs, error);
    if (s)
        return s;
    if (mdl_model_is_tensors(model)) {
        s = mdl_tensors_measure(model, in, out, out_at, n_outputs, context_bytes, error);
    } else {
        const int64_t rows = in[0].dims[0];
        for (size_t i = 0; i < n_outputs; i++)
            out[i] = (struct given){ .type = out[i].type, .rank = 2, .dims = { rows, (int64_t)
                model->m.graph.values[model->m.schema.outputs[out_at[i]].value].cols } };
        if (context_bytes)
            *context_bytes = mdl_context_bytes(model, (size_t)rows);
    }
    for (size_t i = 0; !s && i < n_outputs; i++)
        report(&outputs[i], &out[i]);
    return s;
}

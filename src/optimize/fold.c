/*
 * optimize/fold.c - what is always the same is computed once
 *
 * Nodes that read constants alone, and, where the shapes of all inputs are known, nodes that
 * read shapes alone, which depend on nothing else.  The library itself computes them, in a
 * model made of what they need; so a folded value has the bits it would have had.
 *
 * SPDX-License-Identifier: MIT
 */
#include "optimize/passes.h"

#include <string.h>

#define MOST_AT_ONCE 64u          /* outputs that a call may ask for                          */
#define FREE_BYTES   (64u << 10)  /* a result may be so large, or as large as what it is from */

#define MOST_WORK    (1ull << 30) /* products of elements of a node that multiplies them      */

/* Operators whose work is more than a few steps for each element they read and write. */
static const char *const heavy[] = {
    "matmul", "gemm", "einsum", "matmul_integer", "qlinear_matmul", "conv", "conv_integer",
    "qlinear_conv", "conv_transpose", "deform_conv", "det", "dft", "stft", "nms", "pool", "roi_pool",
    "roi_align", "resize", "recurrent", "attention", "svm", "svm_classes", "tree_classes", "lrn",
    "linear_attention",
};

/* Those whose work depends on how long texts are: for the program that runs the model. */
static const char *const unknown[] = { "text_match", "text_normalize", "text_split", "ngrams" };

#define AT(vec, type, i) ((type *)(void *)(vec).data + (i))
#define COUNT(vec, type) ((uint32_t)((vec).bytes / sizeof(type)))

struct folder {
    struct flow *f;
    unsigned char *fixed;         /* [values] 1: by constants, 2: by shapes too, 0: not       */
    unsigned char *settled;       /* [values] the shape depends on shapes of inputs alone     */
    unsigned char *wanted;        /* [values] read by a node that is not folded               */
    int static_inputs;
};

static mdl_op_info info_of(const char *name)
{
    mdl_op_info info = { .size = sizeof info };

    for (size_t i = 0; !mdl_op(i, &info); i++)
        if (!strcmp(info.name, name))
            return info;
    return (mdl_op_info){ .size = sizeof info };
}

static int is_flow(const struct flow_node *n)
{
    return n->bodies[0] || n->bodies[1] || !strcmp(n->op, "loop_state")
        || !strcmp(n->op, "scan_state");
}

static uint64_t bytes_of_constant(const struct flow_tensor *t)
{
    return t->count * (t->type == MDL_STRING ? 16 : mdl_type_bytes(t->type));
}

/* Would it take long?  Of inputs that are not constants yet nobody knows: a later round may. */
static int is_long(const struct flow *f, const struct flow_node *n)
{
    uint64_t work = 1;

    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        if (!strcmp(n->op, unknown[i]))
            return 1;
    for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++) {
        if (strcmp(n->op, heavy[i]) != 0)
            continue;
        for (uint32_t k = 0; k < n->n_in; k++) {
            const struct flow_tensor *t = mdl_flow_constant(f, n->in[k]);
            if (n->in[k] != FLOW_NONE && (!t || !size_mul(work, t->count + 1, &work)))
                return 1;
        }
    }
    return work > MOST_WORK;
}

/* Do shapes of a node's results depend on shapes, and on contents that are fixed, alone? */
static int is_settled(const struct folder *w, const struct flow_node *n, const mdl_op_info *op)
{
    int settled = !n->dead && !is_flow(n) && op->flags & MDL_OP_TENSOR;

    for (uint32_t k = 0; settled && k < n->n_in; k++)
        if (n->in[k] != FLOW_NONE)
            settled = w->settled[n->in[k]]
                   && (w->fixed[n->in[k]] || !(op->contents >> (k < 31 ? k : 31) & 1));
    return settled;
}

/* Whether a node can be folded: 1 by constants, 2 by shapes too, 0 not. */
static unsigned char how_fixed(const struct folder *w, const struct flow_node *n,
                               const mdl_op_info *op)
{
    unsigned char fixed = 1;

    if (n->dead || is_flow(n) || is_long(w->f, n) || op->flags & MDL_OP_RANDOM
        || !(op->flags & MDL_OP_TENSOR))
        return 0;
    for (uint32_t k = 0; k < n->n_in; k++) {
        const unsigned char in = n->in[k] == FLOW_NONE ? 1 : w->fixed[n->in[k]];
        if (in == 1)
            continue;
        if (in != 2 && !(op->flags & MDL_OP_SHAPE && w->settled[n->in[k]] && !n->region))
            return 0;
        fixed = 2;
    }
    return fixed;
}

static void mark_node(struct folder *w, const struct flow_node *n)
{
    const mdl_op_info op = info_of(n->op);
    const unsigned char fixed = how_fixed(w, n, &op);
    const int settled = is_settled(w, n, &op);
    int computed = !n->n_out;

    for (uint32_t k = 0; k < n->n_out; k++)
        if (!mdl_flow_constant(w->f, n->out[k])) {
            w->fixed[n->out[k]] = fixed;
            w->settled[n->out[k]] = (unsigned char)settled;
            computed = !fixed;
        }
    for (uint32_t k = 0; computed && !n->dead && k < n->n_in; k++)
        if (n->in[k] != FLOW_NONE && w->fixed[n->in[k]])
            w->wanted[n->in[k]] = 1;
}

/* Mark what can be folded; how many values there are of those that others read. */
static uint32_t mark(struct folder *w)
{
    struct flow *f = w->f;
    uint32_t n_wanted = 0;

    for (uint32_t v = 0; v < mdl_flow_n_values(f); v++)
        w->settled[v] = w->fixed[v] = mdl_flow_constant(f, (int32_t)v) != NULL;
    for (uint32_t i = 0; w->static_inputs && i < COUNT(f->inputs, struct flow_input); i++)
        w->settled[AT(f->inputs, struct flow_input, i)->value] = 1;
    for (uint32_t i = 0; i < mdl_flow_n_nodes(f); i++)
        mark_node(w, mdl_flow_node_at(f, (int32_t)i));
    for (uint32_t i = 0; i < COUNT(f->outputs, struct flow_output); i++) {
        const int32_t v = AT(f->outputs, struct flow_output, i)->value;
        if (v != FLOW_NONE && w->fixed[v])
            w->wanted[v] = 1;
    }
    for (uint32_t v = 0; v < mdl_flow_n_values(f); v++) {
        w->wanted[v] = w->wanted[v] && !mdl_flow_constant(f, (int32_t)v);
        n_wanted += w->wanted[v];
    }
    return n_wanted;
}

/* The bytes of constants that a value is made from, at most `enough`, as far as *steps go. */
static uint64_t source_bytes(const struct folder *w, int32_t v, uint64_t enough, int depth,
                             uint32_t *steps)
{
    const struct flow_tensor *t = mdl_flow_constant(w->f, v);
    uint64_t bytes = 0;

    if (t || !*steps)
        return t ? bytes_of_constant(t) : 0;
    --*steps;
    const int32_t node = mdl_flow_value_at(w->f, v)->node;
    for (uint32_t k = 0; node != FLOW_NONE && depth < 8 && bytes < enough
         && k < mdl_flow_node_at(w->f, node)->n_in; k++)
        if (mdl_flow_node_at(w->f, node)->in[k] != FLOW_NONE)
            bytes += source_bytes(w, mdl_flow_node_at(w->f, node)->in[k], enough, depth + 1, steps);
    return bytes;
}

/* A result becomes a constant, unless it is much larger than what it is made from. */
static uint32_t keep(struct folder *w, int32_t v, const mdl_tensor *t)
{
    struct flow_tensor c = { .type = t->type, .rank = t->rank, .count = 1 };

    for (uint32_t i = 0; i < t->rank; i++) {
        c.dims[i] = t->dims[i];
        c.count *= (uint64_t)t->dims[i];
    }
    const uint64_t bytes = bytes_of_constant(&c);
    uint32_t steps = 4096;
    if (bytes > FREE_BYTES && bytes > 2 * source_bytes(w, v, bytes, 0, &steps))
        return 0;
    const int32_t made = mdl_flow_const(w->f, c.type, c.rank, c.dims, t->data);
    if (made == FLOW_NONE)
        return 0;
    mdl_flow_value_at(w->f, v)->constant = mdl_flow_value_at(w->f, made)->constant;
    return 1;
}

/* Zeros for every input. */
static mdl_tensor *make_inputs(struct folder *w)
{
    const uint32_t n = COUNT(w->f->inputs, struct flow_input);
    mdl_tensor *all = mdl_arena_take(&w->f->arena, n, sizeof *all);

    for (uint32_t i = 0; all && i < n; i++) {
        const struct flow_input *in = AT(w->f->inputs, struct flow_input, i);
        uint64_t bytes = in->type == MDL_STRING ? sizeof(char *) : mdl_type_bytes(in->type);
        all[i] = (mdl_tensor){ .size = sizeof *all, .type = in->type, .rank = in->rank };
        for (uint32_t d = 0; d < in->rank; d++) {
            all[i].dims[d] = in->dims[d];
            bytes *= (uint64_t)in->dims[d];
        }
        all[i].data = mdl_arena_take(&w->f->arena, bytes + 1, 1);
        if (!all[i].data)
            return NULL;
        for (uint64_t k = 0; in->type == MDL_STRING && k < bytes / sizeof(char *); k++)
            ((const char **)all[i].data)[k] = "";
    }
    return all;
}

static uint32_t run_model(struct folder *w, const void *bytes, size_t size, const int32_t *values,
                          size_t n)
{
    mdl_tensor outputs[MOST_AT_ONCE];
    mdl_model *m = NULL;
    mdl_context *c = NULL;
    uint32_t kept = 0;
    const int with_inputs = w->static_inputs && w->f->inputs.bytes;
    mdl_tensor *inputs = with_inputs ? make_inputs(w) : NULL;
    const mdl_limits limits = { .size = sizeof limits, .scratch_bytes = 64u << 20,
                                .memory_bytes = (256u << 20) + 16 * (uint64_t)size };
    const mdl_load_options options = { .size = sizeof options, .limits = &limits };

    for (size_t i = 0; i < n; i++)
        outputs[i] = (mdl_tensor){ .size = sizeof *outputs };
    if ((!with_inputs || inputs) && !mdl_load_memory(&m, bytes, size, &options, NULL)
        && !mdl_context_create(&c, m, NULL)
        && !mdl_run_tensors(m, c, inputs, mdl_input_count(m), outputs, n, NULL))
        for (size_t i = 0; i < n; i++)
            kept += keep(w, values[i], &outputs[i]);
    mdl_context_free(c);
    mdl_free(m);
    return kept;
}

/* Up to MOST_AT_ONCE values through a model whose outputs they are. */
static uint32_t compute(struct folder *w, const int32_t *values, size_t n)
{
    struct flow *f = w->f;
    const struct vec outputs = f->outputs, inputs = f->inputs;
    mdl_builder *b = mdl_builder_new(NULL);
    const void *bytes;
    size_t size;
    uint32_t kept = 0;

    f->outputs = (struct vec){ 0 };
    if (!w->static_inputs)
        f->inputs = (struct vec){ 0 };
    for (size_t i = 0; i < n; i++)
        mdl_flow_output(f, "", values[i]);
    if (b) {
        mdl_flow_build_needed(f, b);
        if (!mdl_build_bytes(b, &bytes, &size, NULL))
            kept = run_model(w, bytes, size, values, n);
    }
    mdl_builder_free(b);
    mdl_vec_free(&f->outputs, &f->allocator);
    f->outputs = outputs;
    f->inputs = inputs;
    return kept;
}

static int inputs_are_static(const struct flow *f)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < COUNT(f->inputs, struct flow_input); i++) {
        const struct flow_input *in = AT(f->inputs, struct flow_input, i);
        uint64_t bytes = 16;
        if (in->rank == MDL_ANY_RANK)
            return 0;
        for (uint32_t d = 0; d < in->rank; d++)
            if (in->dims[d] < 0 || !size_mul(bytes, (uint64_t)in->dims[d], &bytes))
                return 0;
        all += bytes < 1u << 26 ? bytes : 1u << 26;
    }
    return all < 1u << 26;
}

static uint32_t run(struct flow *f)
{
    struct folder w = { .f = f, .fixed = mdl_arena_take(&f->arena, mdl_flow_n_values(f), 1),
                        .settled = mdl_arena_take(&f->arena, mdl_flow_n_values(f), 1),
                        .wanted = mdl_arena_take(&f->arena, mdl_flow_n_values(f), 1),
                        .static_inputs = inputs_are_static(f) };
    const uint32_t n_values = mdl_flow_n_values(f);
    int32_t batch[MOST_AT_ONCE];
    size_t n = 0;
    uint32_t changed = 0;

    if (!w.fixed || !w.settled || !w.wanted || !mark(&w))
        return 0;
    for (uint32_t v = 0; v < n_values; v++) {
        if (w.wanted[v])
            batch[n++] = (int32_t)v;
        if (n == MOST_AT_ONCE || (n && v + 1 == n_values)) {
            changed += compute(&w, batch, n);
            n = 0;
        }
    }
    return changed;
}

const struct flow_pass mdl_pass_fold = { "fold", "what is always the same is computed once", run };

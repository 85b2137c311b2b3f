/*
 * tests/one_tensor.h - one tensor operator, called by hand on every kernel set
 *
 *     struct call t = call_begin("conv");
 *     call_ints(&t, "strides", 2, (int64_t[]){ 2, 2 });
 *     call_in(&t, MDL_F32, 4, (int64_t[]){ 1, 3, 8, 8 }, x);
 *     call_run(&t);                       t.y[0] is the result
 *     call_end(&t);
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_TESTS_ONE_TENSOR_H
#define MDL_TESTS_ONE_TENSOR_H

#include "test.h"

#include <math.h>

#include "op/nd.h"

#define CALL_IN  8u
#define CALL_OUT 3u

struct call {
    struct node    node;
    struct graph   graph;
    struct value   values[CALL_IN + CALL_OUT];
    struct nd      nds[CALL_IN + CALL_OUT];
    struct tensor  tensors[8], constants[CALL_IN];
    uint32_t       in[CALL_IN], out[CALL_OUT];
    struct arena   arena;
    unsigned char  params[256];
    int64_t        lists[8][16];
    mdl_error      err;
    void          *results[CALL_OUT];
    char          *text;          /* of strings that it makes                        */
    struct nd     *y;
};

static inline void call_begin(struct call *t, const char *op)
{
    *t = (struct call){ .err = MDL_ERROR_INIT };
    t->node.op = mdl_op_by_name(op);
    assert_non_null(t->node.op);
    assert_true(t->node.op->params_bytes <= sizeof t->params && t->node.op->n_slots <= 8);
    for (uint32_t i = 0; i < t->node.op->n_fields; i++) {
        const struct field *f = &t->node.op->fields[i];
        const int64_t whole = f->kind == FIELD_FLOAT ? 0 : (int64_t)f->fallback;
        if (f->kind == FIELD_FLOAT)
            memcpy(t->params + f->offset, &f->fallback, 8);
        else
            memcpy(t->params + f->offset, &whole, 8);
    }
    t->node.name = "";
    t->node.params = t->params;
    t->node.tensors = t->tensors;
    t->node.in = t->in;
    t->node.out = t->out;
    t->node.n_out = t->node.op->n_out;
    t->graph = (struct graph){ .values = t->values, .nodes = &t->node,
                               .n_values = CALL_IN + CALL_OUT, .n_nodes = 1 };
    for (uint32_t i = 0; i < CALL_OUT; i++)
        t->out[i] = CALL_IN + i;
    t->y = t->nds + CALL_IN;
    mdl_arena_init(&t->arena, NULL, UINT64_MAX);
}

static inline void call_set(struct call *t, const char *field, double v)
{
    for (uint32_t i = 0; i < t->node.op->n_fields; i++) {
        const struct field *f = &t->node.op->fields[i];
        const int64_t whole = f->kind == FIELD_FLOAT ? 0 : (int64_t)v;
        if (strcmp(f->name, field))
            continue;
        memcpy(t->params + f->offset, f->kind == FIELD_FLOAT ? (void *)&v : (void *)(uintptr_t)&whole, 8);
        return;
    }
    fail_msg("no field %s", field);
}

static inline void call_ints(struct call *t, const char *slot, uint64_t n, const int64_t *v)
{
    for (uint32_t i = 0; i < t->node.op->n_slots; i++)
        if (!strcmp(t->node.op->slots[i].name, slot)) {
            memcpy(t->lists[i], v, n * sizeof *v);
            t->tensors[i] = (struct tensor){ .type = MDL_I64, .rank = 1, .dims = { (int64_t)n },
                                             .count = n, .data = t->lists[i] };
            return;
        }
    fail_msg("no slot %s", slot);
}

/* The next input; it is constant if `constant`.  data NULL: it is not given. */
static inline void call_input(struct call *t, uint32_t type, uint32_t rank, const int64_t *dims,
                              const void *data, int constant)
{
    const uint32_t i = t->node.n_in++;
    uint64_t count = 1;

    t->in[i] = data ? i : VALUE_NONE;
    if (!data)
        return;
    t->nds[i] = (struct nd){ .data = (void *)(uintptr_t)data, .type = type };
    mdl_nd_set_shape(&t->nds[i], rank, dims);
    for (uint32_t k = 0; k < rank; k++)
        count *= (uint64_t)dims[k];
    t->nds[i].count = count;
    t->values[i] = (struct value){ .type = type, .rank = VALUE_ANY_RANK };
    if (!constant)
        return;
    t->constants[i] = (struct tensor){ .type = type, .rank = rank, .count = count, .data = data };
    memcpy(t->constants[i].dims, t->nds[i].dims, sizeof t->constants[i].dims);
    t->values[i].constant = &t->constants[i];
}

static inline void call_in(struct call *t, uint32_t type, uint32_t rank, const int64_t *dims,
                           const void *data)
{
    call_input(t, type, rank, dims, data, 0);
}

/* infer, prepare, then shape and eval with this table.  The status of the first that fails. */
static inline mdl_status call_with(struct call *t, const struct kernels *k)
{
    struct nd_call c = { .kernels = k, .graph = &t->graph, .values = t->nds, .err = &t->err };
    mdl_status s = t->node.op->infer(&t->node, &t->graph, &t->err);

    if (!s && t->node.op->prepare) s = t->node.op->prepare(&t->node, &t->graph, &t->arena, &t->err);
    if (!s) s = t->node.op->shape(&t->node, &c);
    if (s)
        return s;
    for (uint32_t i = 0; i < t->node.n_out; i++) {
        struct nd *y = t->y + i;
        y->type = t->values[CALL_IN + i].type;
        y->count = nd_product(y, 0, y->rank);
        free(t->results[i]);
        y->data = t->results[i] = malloc((size_t)y->count * mdl_nd_type_bytes(y->type) + 1);
        memset(y->data, 0x5A, (size_t)y->count * mdl_nd_type_bytes(y->type) + 1);
    }
    c.temp = aligned_alloc(64, (size_t)(c.temp_bytes + 127) / 64 * 64);
    memset(c.temp, 0xFF, (size_t)(c.temp_bytes + 127) / 64 * 64);
    free(t->text);
    c.text = t->text = malloc((size_t)c.text_bytes + 1);
    s = t->node.op->eval(&t->node, &c);
    free(c.temp);
    return s;
}

/* On every kernel set, with the same bits. */
static inline void call_run(struct call *t)
{
    const struct kernels *k;
    unsigned char *first = NULL;
    size_t bytes = 0;

    for (size_t i = 0; (k = mdl_kernels_at(i)) != NULL; i++) {
        if (call_with(t, k))
            fail_msg("%s", t->err.text);
        if (first && memcmp(first, t->y->data, bytes))
            fail_msg("%s: %s has other bits", t->node.op->name, k->isa);
        bytes = (size_t)t->y->count * mdl_nd_type_bytes(t->y->type);
        if (!first)
            first = malloc(bytes + 1);
        memcpy(first, t->y->data, bytes);
    }
    free(first);
}

/* It fails with a text that has this in it. */
static inline void call_fails(struct call *t, const char *text)
{
    const mdl_status s = call_with(t, &mdl_kernels_ref);

    assert_true(s == MDL_ERR_DATA || s == MDL_ERR_FORMAT);
    if (!strstr(t->err.text, text))
        fail_msg("'%s' does not say '%s'", t->err.text, text);
}

static inline void call_end(struct call *t)
{
    for (uint32_t i = 0; i < CALL_OUT; i++)
        free(t->results[i]);
    free(t->text);
    mdl_arena_free(&t->arena);
}

#endif

/*
 * exec.h - running a graph of tensors
 *
 * A call either *records* or *plays*.  Recording goes node by node: shape, a place for each
 * result, eval, and back with the memory of values that nobody reads any more.  When the same
 * shapes come again, and no shape depends on contents, playing evaluates the nodes at the
 * places found before, and leaves out those that read shapes and constants alone and whose
 * results lie where nothing else did.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_EXEC_H
#define MDL_EXEC_H

#include "base/heap.h"
#include "model.h"
#include "op/nd.h"

#define EXEC_OUTPUTS 64u          /* that one call may ask for */

#define QUICK_TENSORS 4u          /* of inputs, and of outputs, that a call can repeat quickly */

/* A call that was made, to know it again: all but the data of its tensors.  Every input was
 * read, and every output written, where the caller has it. */
struct quick {
    uint32_t   n_in, n_out;       /* 0 outputs: there is none                              */
    mdl_tensor in[QUICK_TENSORS], out[QUICK_TENSORS];
    uint32_t   in_at[QUICK_TENSORS], out_at[QUICK_TENSORS];   /* which values              */
    uint64_t   in_bytes[QUICK_TENSORS], out_bytes[QUICK_TENSORS];
};

/* What a context holds for such a graph. */
struct exec {
    struct heap heap;
    struct nd  *values;           /* [n_values]                                            */
    void      **block;            /* [n_values] its memory in the heap, or NULL            */
    struct view *views;           /* [n_values] for table operators                        */
    unsigned char *needed;        /* [n_nodes] 2: fixed, but its place has been another's   */
    unsigned char *wanted;        /* [n_values] while needed is found                      */
    void      **temp;             /* [n_nodes] where each worked: playing, it may there too */
    int         given_back;       /* memory has been, so what comes may lie where it was    */
    int         made_text;        /* strings of the last call lie in the heap              */
    int         recorded;         /* the places can be played again, for these outputs:    */
    size_t      n_out;
    uint32_t    out_at[EXEC_OUTPUTS];
    uint64_t    directs;          /* bit i: output i went straight to the caller           */
    uint64_t    fixed_bytes;      /* of values that are computed once                       */
    struct quick quick;
    uint32_t   *run;              /* [n_run] nodes to evaluate when playing                */
    uint32_t    n_run;
    uint64_t    steps;            /* left for bodies in this call                          */
};

/* One tensor of a caller, its strides filled in. */
struct given {
    const void *data;             /* of an output NULL: it stays in the context            */
    uint32_t    type, rank;
    int64_t     dims[MDL_MAX_RANK];
    int64_t     strides[MDL_MAX_RANK];
    int         packed;
};

struct exec_call {
    const mdl_model *model;
    struct exec  *x;
    const struct given *in;       /* [n_inputs]                                            */
    struct given *out;            /* [n_out] shapes checked, or set where data is NULL     */
    const uint32_t *out_at;       /* [n_out] which outputs                                 */
    size_t        n_out;
    int           measure;        /* shapes only: nothing is computed that is not fixed    */
    mdl_error    *err;
};

mdl_status mdl_exec(const struct exec_call *c);
/* In our floating-point mode, and with the host's errno (tensors.c). */
mdl_status mdl_exec_guarded(const struct exec_call *c);

/* Evaluate the recorded nodes once more; where the caller's tensors lie is in their values. */
mdl_status mdl_exec_again(const mdl_model *m, struct exec *x, mdl_error *err);

/* Nodes [begin, end) of a scope; the node `i` that owns bodies (exec_flow.c). */
mdl_status mdl_exec_nodes(const struct exec_call *c, uint32_t begin, uint32_t end, uint32_t scope);
mdl_status mdl_exec_flow(const struct exec_call *c, uint32_t i);
/* Memory for a value whose shape is set, in the heap; what it had before goes back. */
mdl_status mdl_exec_place(const struct exec_call *c, uint32_t value);
/* The value's memory, if it has any, is free. */
void mdl_exec_drop(struct exec *x, uint32_t value);
/* `to` becomes what `from` is: its memory if nobody reads `from` again, else a copy. */
mdl_status mdl_exec_move(const struct exec_call *c, uint32_t to, uint32_t from, int last);
/* *bytes of a tensor with this shape; MDL_ERR_LIMIT when it is too many. */
mdl_status mdl_exec_bytes(const struct exec_call *c, struct nd *t, uint64_t *bytes);

/* exec_io.c: input `i` where the caller has it, or a packed copy. */
mdl_status mdl_exec_take_input(const struct exec_call *c, uint32_t i);
/* Outputs that nodes may write where the caller wants them; bit i for output i. */
uint64_t mdl_exec_find_direct(const struct exec_call *c);
/* Results to the caller, unless they are there already. */
mdl_status mdl_exec_give_outputs(const struct exec_call *c);
/* The value of the call's output `i`; has it that shape; the error that it has another. */
uint32_t mdl_exec_value_of(const struct exec_call *c, size_t i);
int mdl_exec_same_shape(const struct nd *t, const struct given *g);
mdl_status mdl_exec_wrong_shape(const struct exec_call *c, size_t i);
/* A packed tensor into the caller's table of as many elements. */
void mdl_exec_flatten(const struct given *to, const struct given *from);

/* tensors.c: a context of the model's stock, or a new one, NULL without memory; and back. */
mdl_context *mdl_tensors_take_context(const mdl_model *m);
void mdl_tensors_give_context(const mdl_model *m, mdl_context *c);
/* Shapes of outputs, and bytes of a context (may be NULL), for inputs of these shapes. */
mdl_status mdl_tensors_measure(const mdl_model *m, const struct given *in, struct given *out,
                               const uint32_t *out_at, size_t n_out, size_t *bytes,
                               mdl_error *err);

/* Bytes of struct exec with its arrays; and those put into `memory`. */
size_t mdl_exec_fixed_bytes(const mdl_model *m);
struct exec *mdl_exec_init(const mdl_model *m, void *memory);

#endif

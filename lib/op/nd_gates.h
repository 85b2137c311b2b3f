/*
 * op/nd_gates.h - one step of a recurrent net: gates, and what they make of the state
 *
 * Numbers are float32 or float64, one after another.  Each operation is rounded once, by the
 * kernels or as C writes it; so what a row gives depends on nothing beside it.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_GATES_H
#define MDL_OP_ND_GATES_H

#include "kernel/each.h"
#include "op/nd.h"

enum cell { CELL_RNN, CELL_GRU, CELL_LSTM };

/* In the order of the table in nd_gates.c. */
#define GATE_FUNCTIONS 11

struct gate_function {
    int64_t kind;
    float   alpha, beta;
};

/* How a direction turns gates into state. */
struct gates {
    const struct kernels *k;
    uint32_t type;                /* MDL_F32 or MDL_F64                                */
    uint64_t hidden;
    double   clip;                /* what f and g take is held within; 0: free         */
    int      input_forget;        /* the forget gate is 1 - input gate                 */
    int      linear_before_reset;
    const struct gate_function *functions;   /* f, g, h                              */
    const void *peephole;         /* [3 hidden] of the gates i, o, f, or NULL          */
    void     *room;               /* [2 hidden]                                        */
};

/* One row.  All change `gate` on their way, and h (and c) to the next state:
 *   rnn    h = f(gate)
 *   lstm   gate [i, o, f, c]
 *   reset  gate [z, r] to their functions, room = r h: the first half of gru
 *   gru    gate [z, r, h]; `hidden_part` what r h or h gives for the last, of h too if
 *          linear_before_reset */
void mdl_nd_gates_rnn(const struct gates *g, void *gate, void *h);
void mdl_nd_gates_lstm(const struct gates *g, void *gate, void *h, void *c);
void mdl_nd_gates_reset(const struct gates *g, void *gate, const void *h, void *reset_h);
void mdl_nd_gates_gru(const struct gates *g, void *gate, void *hidden_part, void *h);

/* y = p (add or multiply) q, n numbers. */
void mdl_nd_gates_pair(const struct gates *g, enum each_pair how, void *y, const void *p, const void *q,
                       uint64_t n);

#endif

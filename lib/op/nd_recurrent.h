/*
 * op/nd_recurrent.h - what loading a recurrent layer and running it share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_RECURRENT_H
#define MDL_OP_ND_RECURRENT_H

#include "op/nd_gates.h"
#include "op/nd_product.h"

enum { IN_X, IN_W, IN_R, IN_B, IN_LENGTHS, IN_H0, IN_C0, IN_PEEPHOLES };   /* inputs */
enum { FORWARD, REVERSE, BOTH };
enum { FUNCTIONS, ALPHA, BETA };                     /* slots  */

static const uint64_t gates_of[] = { [CELL_RNN] = 1, [CELL_GRU] = 3, [CELL_LSTM] = 4 };
static const uint64_t functions_of[] = { [CELL_RNN] = 1, [CELL_GRU] = 2, [CELL_LSTM] = 3 };

struct recurrent_params {
    int64_t kind, direction, layout, linear_before_reset, input_forget;
    double  clip;
};

/* Packed matrices of all directions; NULL: not constant. */
struct recurrent_plan {
    const float *w, *r;
};

struct recurrent_sizes {
    uint64_t steps, rows, inputs, hidden, gates, directions;
    uint64_t ahead;               /* steps whose W x is made at once                        */
};

/* Where things lie in the working memory of a direction, in numbers. */
struct recurrent_room {
    uint64_t w, r, bias, ahead, gate, part, h, c, function, all;
};

/* The sizes that x and r tell; where things lie, 0 if they are too large. */
struct recurrent_sizes mdl_recurrent_sizes(const struct node *n, const struct nd *x,
                                           const struct nd *r);
int mdl_recurrent_room(struct recurrent_room *m, const struct node *n,
                       const struct recurrent_sizes *s, uint32_t type);

/* R is packed in two parts: gates that need no other gate, and the rest. */
uint64_t mdl_recurrent_first_gates(const struct recurrent_params *p);
uint64_t mdl_recurrent_packed_r(const struct recurrent_params *p, uint64_t hidden);
void mdl_recurrent_pack_r(const struct recurrent_params *p, float *to, const float *r,
                          uint64_t hidden);

mdl_status mdl_recurrent_eval(const struct node *n, struct nd_call *c);

#endif

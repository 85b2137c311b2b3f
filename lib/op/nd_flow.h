/*
 * op/nd_flow.h - parameters of nodes that own bodies, see nd_flow.c
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_FLOW_H
#define MDL_OP_ND_FLOW_H

#include "op/nd.h"

#define FLOW_MOST 128u            /* values that go into or come out of a body      */

struct if_params {
    int64_t then_nodes, else_nodes;
};

struct loop_params {
    int64_t body_nodes;           /* with the state                                 */
    int64_t carried;              /* values from one iteration to the next          */
    int64_t scanned;              /* results gathered from all iterations           */
};

struct scan_params {
    int64_t body_nodes, carried;
    int64_t inputs;               /* tensors that are cut into slices               */
};

/* Slots of scan: the axis of each sliced input and gathered result, counted from the end
 * when negative, and whether it goes backwards. */
enum { SCAN_IN_AXES, SCAN_IN_BACK, SCAN_OUT_AXES, SCAN_OUT_BACK };

extern const struct op mdl_op_constant, mdl_op_if, mdl_op_loop, mdl_op_loop_state, mdl_op_scan,
                       mdl_op_scan_state;

#endif

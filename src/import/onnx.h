/*
 * import/onnx.h - ONNX: how one node of the file becomes operators of libmodel
 *
 *     onnx.c        the file: models, graphs, inputs and outputs
 *     onnx_node.c   nodes, functions                onnx_state.c    failures, refusals, names
 *     onnx_wire.c   protobuf read in place         onnx_tensor.c   tensors in every encoding
 *     onnx_attr.c   attributes of a node           onnx_flow.c     If, Loop, Scan
 *     onnx_<family>.c  tables of operators, and what maps those that need more than a line
 *
 * A map function looks at the attributes of a node, makes nodes of the flow (optimize/flow.h)
 * and says which values are the node's results.  Opsets are brought to one form here: what
 * older opsets say by attributes becomes constant inputs, as the newest says it.  Attributes
 * that no one asked for are refused, so nothing is overlooked in silence.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_ONNX_H
#define MDL_IMPORT_ONNX_H

#include "import/import.h"
#include "optimize/flow.h"

struct onnx;                      /* the conversion                                        */

struct onnx_attr;

struct onnx_node {
    const char *op, *domain, *name;
    int64_t     opset;            /* of its domain, as the model imports it                */
    uint32_t    n_in, n_out;
    const int32_t *in;            /* [n_in] values; FLOW_NONE: not given                   */
    int32_t    *out;              /* [n_out] set by map                                    */
    struct onnx_attr *attrs;
    uint32_t    n_attrs;
};

typedef void onnx_map(struct onnx *o, struct onnx_node *n);

struct onnx_op {
    const char *name;             /* "Conv"                                                */
    uint16_t    since, until;     /* opsets it is mapped for; until 0: to the newest       */
    onnx_map   *map;
    const char *op, *kind;        /* for mdl_onnx_map_plain                                    */
};

struct onnx_family {
    const char *domain;           /* "" or "ai.onnx.ml"                                    */
    const struct onnx_op *ops;    /* ended by a name of NULL                               */
};

/* The flow that nodes go into. */
struct flow *mdl_onnx_flow(struct onnx *o);

/* Not supported: "Conv: auto_pad 'X'", with the node's name.  Conversion goes on, so that all
 * reasons are heard at once; results of the node may stay unset. */
void mdl_onnx_refuse(struct onnx *o, const struct onnx_node *n, const char *format, ...)
    MDL_PRINTF(3, 4);

/* So many nodes, or values, that the file does not name itself: 0, and failed, when they are too many
 * for its size. */
int mdl_onnx_spend(struct onnx *o, uint64_t nodes);

/* Input i, FLOW_NONE when it is not given. */
static inline int32_t onnx_in(const struct onnx_node *n, uint32_t i)
{
    return i < n->n_in ? n->in[i] : FLOW_NONE;
}

/* ---- attributes: each asked for by name; the fallback or NULL when it is not there ----------- */

int mdl_onnx_has(const struct onnx_node *n, const char *name);
int64_t mdl_onnx_int(struct onnx *o, const struct onnx_node *n, const char *name, int64_t fallback);
double mdl_onnx_float(struct onnx *o, const struct onnx_node *n, const char *name, double fallback);
const char *mdl_onnx_string(struct onnx *o, const struct onnx_node *n, const char *name,
                      const char *fallback);
const int64_t *mdl_onnx_ints(struct onnx *o, const struct onnx_node *n, const char *name,
                             uint64_t *count);
const float *mdl_onnx_floats(struct onnx *o, const struct onnx_node *n, const char *name,
                             uint64_t *count);
const char *const *mdl_onnx_texts(struct onnx *o, const struct onnx_node *n, const char *name,
                                  uint64_t *count);
const struct flow_tensor *mdl_onnx_tensor(struct onnx *o, const struct onnx_node *n,
                                          const char *name);
/* It changes nothing here, whatever it says. */
void mdl_onnx_ignore(struct onnx *o, const struct onnx_node *n, const char *name);

/* ---- results --------------------------------------------------------------------------------- */

/* A node of the flow that carries the ONNX node's name; its results become those of the ONNX
 * node, one by one.  Returns it, to be given parameters. */
int32_t mdl_onnx_emit(struct onnx *o, struct onnx_node *n, const char *op, const int32_t *in,
                      size_t n_in);

/* All inputs into the operator of the table, with its kind; no attributes. */
onnx_map mdl_onnx_map_plain;
/* Result 0 is input 0. */
onnx_map mdl_onnx_map_identity;

/* A list of integers that older opsets give as an attribute, newer ones as input i: the value,
 * FLOW_NONE when neither is given. */
int32_t mdl_onnx_ints_value(struct onnx *o, const struct onnx_node *n, uint32_t i, const char *name);

/* Does it stand for a sequence (onnx_sequence.c), which no operator of ours takes? */
int mdl_onnx_is_sequence(const struct onnx *o, int32_t value);

/* MDL_* of an element type of TensorProto, 0 for one we do not have. */
uint32_t mdl_onnx_type(int64_t data_type);

#endif

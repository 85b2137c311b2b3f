/*
 * import/onnx_packed.h - values that are more than one tensor: sequences, optionals, maps
 *
 * At run time there are tensors alone, so such a value is several of them, and operators on it
 * become operators on those:
 *
 *     sequence   data   every element after another, of rank 1
 *                dims   int64 [length, MDL_MAX_RANK]: the shape of each, -1 behind its last
 *     optional   what it holds, and
 *                given  bool: is it there?  If not, the rest means nothing.
 *     map        values and keys, both of rank 1 and of one length
 *
 * In the flow such a value is a node that is dead from the beginning, whose inputs are its parts
 * ("sequence_packed": data, dims; "optional": given, what it holds; "map": values, keys).  A
 * sequence whose elements are known one by one stays a list of them ("sequence", or
 * "sequence_split": onnx_sequence.c) until it must be more.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_ONNX_PACKED_H
#define MDL_IMPORT_ONNX_PACKED_H

#include "import/onnx_file.h"

#define ONNX_LIST     "sequence"
#define ONNX_SPLIT    "sequence_split"
#define ONNX_PACKED   "sequence_packed"
#define ONNX_OPTIONAL "optional"
#define ONNX_MAP      "map"

#define ONNX_MOST_PARTS 3         /* data, dims, given                                       */

/* What a TypeProto says. */
struct onnx_kind {
    int is_optional, is_sequence, is_map;
    uint32_t type, key_type;      /* of elements; of a map's keys                            */
    uint32_t rank;                /* of a tensor, MDL_ANY_RANK: not said                     */
    int64_t  dims[MDL_MAX_RANK];  /* -1: any                                                 */
    const char *dim_names[MDL_MAX_RANK];
};

/* 0 for what there is nothing here for, such as a sequence of maps. */
int mdl_onnx_read_kind(struct onnx *o, struct bytes type, struct onnx_kind *kind);
/* The kind that the i-th input or output of a body declares (plain when it does not), and more
 * of it when the value is more. */
struct onnx_kind mdl_onnx_body_kind(struct onnx *o, struct bytes graph, uint32_t number, uint32_t i);
void mdl_onnx_widen_kind(const struct onnx *o, struct onnx_kind *kind, int32_t value);

/* The tensors of a value as the kind has them, into parts[]; how many there are, 0 after a
 * refusal.  Nodes for them go where nodes go now. */
uint32_t mdl_onnx_take_apart(struct onnx *o, const struct onnx_node *n, const struct onnx_kind *kind,
                             int32_t value, int32_t *parts);
uint32_t mdl_onnx_n_parts(const struct onnx_kind *kind);
/* The way back. */
int32_t mdl_onnx_put_together(struct onnx *o, const struct onnx_kind *kind, const int32_t *parts);

/* Inputs and outputs of the graph that are no plain tensors; 0 when it is not known how. */
int mdl_onnx_parts_input(struct onnx *o, const char *name, struct bytes type);
uint32_t mdl_onnx_parts_output(struct onnx *o, const char *name, struct bytes info, int32_t value);
/* Which there are, as metadata "sequences", "optionals", "maps": names, one a line. */
void mdl_onnx_parts_build(struct onnx *o);

/* The node that stands for a value of more than one tensor; NULL for a tensor.  Until a node is
 * added. */
const struct flow_node *mdl_onnx_compound(const struct flow *f, int32_t value);
int32_t mdl_onnx_make_compound(struct onnx *o, const char *name, const char *op, const int32_t *in,
                               size_t n_in);

/* x, if `given` (1 or 0) says so, or an error of the call: index 1 of 1. */
int32_t mdl_onnx_guard(struct onnx *o, int32_t x, int32_t given);

/* ---- onnx_packed.c: sequences at run time ---------------------------------------------------- */

struct packed { int32_t data, dims; };

/* A sequence in whatever form; dims FLOW_NONE after a refusal. */
struct packed mdl_onnx_pack(struct onnx *o, const struct onnx_node *n, int32_t value);
struct packed mdl_onnx_pack_empty(struct onnx *o, uint32_t type);
int32_t mdl_onnx_packed_at(struct onnx *o, struct packed s, int32_t position);
int32_t mdl_onnx_packed_length(struct onnx *o, struct packed s);
/* position FLOW_NONE: at the end, the last. */
struct packed mdl_onnx_packed_insert(struct onnx *o, struct packed s, int32_t x, int32_t position);
struct packed mdl_onnx_packed_erase(struct onnx *o, struct packed s, int32_t position);
/* Elements one after another along axis 0, or, with `stack`, side by side in a new first one. */
int32_t mdl_onnx_packed_concat(struct onnx *o, struct packed s, int stack);

/* A loop over `trip` steps that carries a sequence: between begin and end nodes are its body, with
 * the number of the step and the sequence so far. */
struct onnx_walk {
    int32_t trip, go, region, step;
    uint32_t n;
    struct packed begin[8], now[8];
};
int mdl_onnx_walk_begin(struct onnx *o, struct onnx_walk *w);
void mdl_onnx_walk_end(struct onnx *o, struct onnx_walk *w, const struct packed *next,
                       struct packed *result);

#endif

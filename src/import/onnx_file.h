/*
 * import/onnx_file.h - the state of a conversion; for the files onnx*.c that read the file
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_ONNX_FILE_H
#define MDL_IMPORT_ONNX_FILE_H

#include "import/onnx.h"
#include "import/onnx_wire.h"

#define ONNX_DEPTH    32u         /* functions within functions, bodies within bodies       */
#define ONNX_MOST_OPSET 27        /* of ai.onnx; onnx_node.c has those of the other domains      */

struct onnx_attr {
    const char  *name;
    struct bytes body;            /* the AttributeProto                                     */
    int64_t      type;
    int          seen;
};

/* What a name stands for; found by hash, the newest first. */
struct onnx_name {
    const char *name;
    int32_t     value;
    uint32_t    next;             /* index + 1 in `names` of one with the same hash         */
    uint32_t    hash;
};

#define ONNX_BUCKETS 4096u

struct onnx_opset { const char *domain; int64_t version; };

/* A function of the model, or what a node in one sees of its attributes. */
struct onnx_function {
    const char  *domain, *name, *overload;
    struct bytes body;
};

struct onnx_refusal {
    char     text[160];
    char     nodes[96];           /* the first few names                                    */
    uint32_t count;
};

/* A ZipMap and the output that it became (onnx_maps.c). */
struct onnx_zip {
    int32_t     value, output;    /* MDL_NONE: no output                                    */
    const char *name;             /* of the output                                          */
    uint64_t    n_ints, n_texts;  /* labels; one of the two is 0                            */
    const int64_t *ints;
    const char *const *texts;
};

struct onnx {
    struct flow  flow;
    const mdl_import_options *options;
    mdl_builder *b;
    struct bytes file;
    const char  *directory;       /* of external data, NULL: none                           */
    struct vec   names;           /* struct onnx_name, a stack                              */
    uint32_t     buckets[ONNX_BUCKETS];
    struct vec   opsets;          /* struct onnx_opset of the model                         */
    const struct onnx_opset *scope_opsets;   /* those in force, in a function its own       */
    uint32_t     n_scope_opsets;
    struct vec   functions;       /* struct onnx_function                                   */
    const struct onnx_attr *call_attrs;      /* of the call whose function we are in        */
    uint32_t     n_call_attrs;
    struct vec   refusals;        /* struct onnx_refusal                                    */
    struct vec   zips;            /* struct onnx_zip                                        */
    struct vec   parts;           /* struct onnx_part (onnx_parts.c)                        */
    uint32_t     depth;
    uint64_t     nodes_left;      /* a model may not unfold into more                       */
    uint64_t     sparse_left;     /* nor its sparse tensors into more bytes,                */
    uint64_t     packed_left;     /* nor lists that become rows into more elements          */
    int32_t      unknown;         /* stands for results of refused nodes                    */
    mdl_error   *err;
    mdl_status   status;          /* the first failure: all stops                           */
};

/* Fail the conversion; `at` says where in the file (start of it for NULL). */
mdl_status mdl_onnx_fail(struct onnx *o, const struct bytes *at, mdl_status status,
                         const char *format, ...) MDL_PRINTF(4, 5);

/* All that was refused, as one error; MDL_OK for nothing. */
mdl_status mdl_onnx_report(struct onnx *o);

/* A copy of bytes as text, in the arena; "" when they hold a zero byte or are not UTF-8. */
const char *mdl_onnx_copy_text(struct onnx *o, struct bytes b);
/* Text of a field of a message, "" without. */
const char *mdl_onnx_text_field(struct onnx *o, struct bytes message, uint32_t number);
/* "ai.onnx" is "". */
const char *mdl_onnx_domain(const char *domain);

/* Names: what is bound from here on can be forgotten again with the mark. */
uint32_t mdl_onnx_names_mark(const struct onnx *o);
void mdl_onnx_names_forget(struct onnx *o, uint32_t mark);
void mdl_onnx_bind(struct onnx *o, const char *name, int32_t value);
/* FLOW_NONE when nothing has that name. */
int32_t mdl_onnx_lookup(const struct onnx *o, const char *name);

/* onnx_tensor.c: a TensorProto, or a SparseTensorProto; NULL after a failure.  *name may be
 * NULL. */
const struct flow_tensor *mdl_onnx_read_tensor(struct onnx *o, struct bytes message, const char **name);
const struct flow_tensor *mdl_onnx_read_sparse(struct onnx *o, struct bytes message, const char **name);

/* onnx_attr.c: the message of an attribute, NULL when it is not there; marks it as seen. */
const struct bytes *mdl_onnx_attr_body(const struct onnx_node *n, const char *name);
struct bytes mdl_onnx_attr_graph(struct onnx *o, const struct onnx_node *n, const char *name);

/* onnx_maps.c: note an output of the graph, if it is one of maps; the labels of all of them. */
void mdl_onnx_zip_output(struct onnx *o, struct bytes info, int32_t value, const char *name,
                         int32_t output);
void mdl_onnx_zip_build(struct onnx *o);

/* onnx_node.c: a list of NodeProto, field `number` of the message. */
mdl_status mdl_onnx_read_list(struct onnx *o, struct bytes message, uint32_t number);
/* Opsets that a model or function imports, as struct onnx_opset. */
mdl_status mdl_onnx_read_opsets(struct onnx *o, struct bytes message, uint32_t number, struct vec *to);

/* onnx.c: dimensions of a TensorShapeProto; how many, MDL_MAX_RANK of each at most. */
uint32_t mdl_onnx_read_shape(struct onnx *o, struct bytes shape, int64_t *dims, const char **dim_names);
/* The nodes of a GraphProto. */
mdl_status mdl_onnx_read_nodes(struct onnx *o, struct bytes graph);
/* Initializers of a graph, by name. */
mdl_status mdl_onnx_read_constants(struct onnx *o, struct bytes graph);
/* Name of the i-th input or output (field 11, 12) of a graph; NULL behind the last. */
const char *mdl_onnx_graph_io(struct onnx *o, struct bytes graph, uint32_t number, uint32_t i);

#endif

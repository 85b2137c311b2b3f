/*
 * import/onnx.c - ONNX models: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 *
 * The file is read where it lies.  Nodes go in their order into a flow (optimize/flow.h), each
 * by the map function of its operator.  What is not supported is gathered, and refused all at
 * once.
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_packed.h"
#include "optimize/passes.h"

#include <stdio.h>

#define LEAST_IR 3
#define MOST_IR  13

/* ModelProto, GraphProto, FunctionProto. */
enum { M_IR = 1, M_PRODUCER = 2, M_PRODUCER_VERSION = 3, M_GRAPH = 7, M_OPSET = 8, M_META = 14,
       M_FUNCTION = 25 };
enum { G_NODE = 1, G_INIT = 5, G_INPUT = 11, G_OUTPUT = 12, G_SPARSE = 15 };
enum { F_NAME = 1, F_DOMAIN = 10, F_OVERLOAD = 13 };

/* ---- graphs ------------------------------------------------------------------------------- */

mdl_status mdl_onnx_read_nodes(struct onnx *o, struct bytes graph)
{
    return mdl_onnx_read_list(o, graph, G_NODE);
}

mdl_status mdl_onnx_read_constants(struct onnx *o, struct bytes graph)
{
    struct wire_field f;

    while (!o->status && mdl_wire_next(&graph, &f)) {
        const char *name = "";
        const struct flow_tensor *t;
        if (f.kind != WIRE_BYTES || (f.number != G_INIT && f.number != G_SPARSE))
            continue;
        t = f.number == G_INIT ? mdl_onnx_read_tensor(o, f.bytes, &name)
                               : mdl_onnx_read_sparse(o, f.bytes, &name);
        if (t) {
            const int32_t value = mdl_flow_const_in_place(&o->flow, t);
            if (value != FLOW_NONE)
                mdl_flow_value_at(&o->flow, value)->name = name;
            mdl_onnx_bind(o, name, value);
        }
    }
    if (graph.bad)
        mdl_onnx_fail(o, &graph, MDL_ERR_FORMAT, "the graph is broken");
    return o->status;
}

const char *mdl_onnx_graph_io(struct onnx *o, struct bytes graph, uint32_t number, uint32_t i)
{
    struct bytes one;

    while (mdl_wire_find(&graph, number, &one))
        if (!i--)
            return mdl_onnx_text_field(o, one, 1);
    return NULL;
}
/* ---- inputs and outputs ---------------------------------------------------------------------------------- */

/* The shape of a tensor type; rank MDL_ANY_RANK when there is none. */
uint32_t mdl_onnx_read_shape(struct onnx *o, struct bytes shape, int64_t *dims, const char **dim_names)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes one;
    uint32_t rank = 0;

    while (mdl_wire_find(&shape, 1, &one)) {
        int64_t d = -1;
        if (rank == MDL_MAX_RANK || !mdl_wire_read(one, rules, &d)) {
            mdl_onnx_fail(o, &one, MDL_ERR_UNSUPPORTED, "an input of more than %d dimensions",
                          MDL_MAX_RANK);
            return 0;
        }
        const char *name = mdl_onnx_text_field(o, one, 2);
        dim_names[rank] = *name ? name : NULL;
        dims[rank++] = d < 0 ? -1 : d;
    }
    return rank;
}

static mdl_status read_input(struct onnx *o, struct bytes info)
{
    static const struct wire_rule rules[] = { { 1, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = info, type, tensor, shape;
    int64_t dims[MDL_MAX_RANK], element = 0;
    const char *dim_names[MDL_MAX_RANK] = { NULL };
    const char *name = mdl_onnx_text_field(o, info, 1);
    uint32_t rank = MDL_ANY_RANK;

    if (mdl_onnx_lookup(o, name) != FLOW_NONE)
        return MDL_OK;            /* an initializer: what it is if nobody gives another one */
    if (!mdl_wire_find(&left, 2, &type))
        return mdl_onnx_fail(o, &info, MDL_ERR_FORMAT, "input '%s' has no type", name);
    left = type;
    if (!mdl_wire_find(&left, 1, &tensor)) {
        if (!mdl_onnx_parts_input(o, name, type))
            return mdl_onnx_fail(o, &info, MDL_ERR_UNSUPPORTED, "input '%s' is no tensor, nor a "
                                 "sequence or map of such, or optional", name);
        return o->status ? o->status : o->flow.status;
    }
    if (!mdl_wire_read(tensor, rules, &element) || !mdl_onnx_type(element))
        return mdl_onnx_fail(o, &info, MDL_ERR_UNSUPPORTED, "input '%s' of element type %lld", name,
                             (long long)element);
    left = tensor;
    if (mdl_wire_find(&left, 2, &shape))
        rank = mdl_onnx_read_shape(o, shape, dims, dim_names);
    mdl_onnx_bind(o, name, mdl_flow_input(&o->flow, name, mdl_onnx_type(element), rank, dims, dim_names));
    return o->status ? o->status : o->flow.status;
}

static mdl_status read_graph(struct onnx *o, struct bytes graph)
{
    struct bytes left = graph, one;
    int32_t outputs = 0;
    mdl_status s = mdl_onnx_read_constants(o, graph);

    while (!s && mdl_wire_find(&left, G_INPUT, &one))
        s = read_input(o, one);
    if (!s) s = mdl_onnx_read_nodes(o, graph);
    for (left = graph; !s && mdl_wire_find(&left, G_OUTPUT, &one);) {
        const char *name = mdl_onnx_text_field(o, one, 1);
        const int32_t value = mdl_onnx_lookup(o, name);
        if (value == FLOW_NONE)
            return mdl_onnx_fail(o, &one, MDL_ERR_FORMAT, "output '%s' is made by no node", name);
        const uint32_t parts = mdl_onnx_parts_output(o, name, one, value);
        if (!parts) {
            mdl_onnx_zip_output(o, one, value, name, outputs);
            mdl_flow_output(&o->flow, name, value);
        }
        outputs += parts ? (int32_t)parts : 1;
    }
    return s;
}

/* ---- the model ---------------------------------------------------------------------------------------- */

static mdl_status read_functions(struct onnx *o, struct bytes model)
{
    struct bytes one;

    while (mdl_wire_find(&model, M_FUNCTION, &one)) {
        const struct onnx_function f = { .domain = mdl_onnx_domain(mdl_onnx_text_field(o, one, F_DOMAIN)),
                                         .name = mdl_onnx_text_field(o, one, F_NAME),
                                         .overload = mdl_onnx_text_field(o, one, F_OVERLOAD), .body = one };
        if (!mdl_vec_add(&o->functions, &o->flow.allocator, &f, sizeof f))
            return mdl_onnx_fail(o, NULL, MDL_ERR_MEMORY, "out of memory");
    }
    return o->status;
}

static void add_metadata(struct onnx *o, struct bytes model, int64_t ir)
{
    const struct onnx_opset *sets = (const struct onnx_opset *)(const void *)o->opsets.data;
    char text[64], key[128];
    struct bytes left = model, one;

    while (mdl_wire_find(&left, M_META, &one))   /* first: what we say ourselves holds */
        mdl_build_metadata(o->b, mdl_onnx_text_field(o, one, 1), mdl_onnx_text_field(o, one, 2));
    mdl_build_metadata(o->b, "source", "onnx");
    snprintf(text, sizeof text, "ir %lld", (long long)ir);
    mdl_build_metadata(o->b, "source_version", text);
    for (size_t i = 0; i < o->opsets.bytes / sizeof *sets; i++) {
        snprintf(key, sizeof key, "opset.%s", sets[i].domain[0] ? sets[i].domain : "ai.onnx");
        snprintf(text, sizeof text, "%lld", (long long)sets[i].version);
        mdl_build_metadata(o->b, key, text);
    }
    left = model;
    if (mdl_wire_find(&left, M_PRODUCER, &one))
        mdl_build_metadata(o->b, "producer", mdl_onnx_copy_text(o, one));
    left = model;
    if (mdl_wire_find(&left, M_PRODUCER_VERSION, &one))
        mdl_build_metadata(o->b, "producer_version", mdl_onnx_copy_text(o, one));
}

/* A protobuf message that begins like a ModelProto: small fields in front of the graph. */
static int probe(struct bytes file)
{
    struct wire_field f;
    int ir = 0;

    for (int i = 0; i < 64 && mdl_wire_next(&file, &f); i++) {
        if (f.number == M_IR && f.kind == WIRE_VARINT)
            ir = f.value > 0 && f.value < 1000;
        if (f.number == M_GRAPH)
            return ir && f.kind == WIRE_BYTES;
        if (f.number > 32)
            return 0;
    }
    return ir && file.bad;        /* cut off: convert says so */
}

static mdl_status read_model(struct onnx *o, struct bytes model)
{
    static const struct wire_rule rules[] = { { M_IR, WIRE_VARINT, 0 }, { 0, 0, 0 } };
    struct bytes left = model, graph;
    int64_t ir = 0;

    if (!mdl_wire_read(model, rules, &ir) || !mdl_wire_find(&left, M_GRAPH, &graph))
        return mdl_onnx_fail(o, &model, MDL_ERR_FORMAT, probe(model) ? "the file ends within the model: "
                             MDL_CUT_OFF : "not an ONNX model");
    if (ir < LEAST_IR || ir > MOST_IR)
        return mdl_onnx_fail(o, NULL, MDL_ERR_UNSUPPORTED, "IR version %lld, this libmodel reads %d to "
                             "%d", (long long)ir, LEAST_IR, MOST_IR);
    mdl_status s = mdl_onnx_read_opsets(o, model, M_OPSET, &o->opsets);
    if (!s && !o->opsets.bytes)          /* of what is written in order they are the last */
        s = mdl_onnx_fail(o, &model, MDL_ERR_FORMAT, "the file ends before the opsets: " MDL_CUT_OFF);
    if (!s) s = read_functions(o, model);
    if (s)
        return s;
    o->scope_opsets = (const struct onnx_opset *)(const void *)o->opsets.data;
    o->n_scope_opsets = (uint32_t)(o->opsets.bytes / sizeof *o->scope_opsets);
    o->unknown = mdl_flow_const_f32(&o->flow, 0);
    s = read_graph(o, graph);
    if (!s) s = mdl_onnx_report(o);
    if (!s) s = o->flow.status;
    if (!s) {
        char passes[256];
        mdl_flow_optimize(&o->flow, o->options, passes, sizeof passes);
        mdl_flow_build(&o->flow, o->b);
        add_metadata(o, model, ir);
        mdl_onnx_zip_build(o);
        mdl_onnx_parts_build(o);
        mdl_build_metadata(o->b, "passes", passes);
    }
    return s;
}

/* ---- the importer ---------------------------------------------------------------------------------------- */

static mdl_status convert(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err)
{
    const mdl_allocator a = mdl_allocator_or_default(NULL);
    struct onnx *o = a.alloc(a.user, sizeof *o);
    mdl_error first = MDL_ERROR_INIT;

    if (!o)
        return mdl_fail(err, MDL_ERR_MEMORY, "out of memory");
    memset(o, 0, sizeof *o);
    o->options = options;
    o->b = b;
    o->err = &first;
    o->file = file;
    o->directory = options->directory;
    o->nodes_left = 100000 + bytes_left(&file);
    o->sparse_left = ((uint64_t)64 << 20) + 16 * (uint64_t)bytes_left(&file);
    o->packed_left = 16384 + bytes_left(&file) / 8;
    mdl_flow_init(&o->flow);
    mdl_status s = read_model(o, file);
    if (s && !first.code)
        mdl_fail(&first, s, "%s", mdl_strerror(s));
    if (s)
        mdl_error_copy(err, &first);
    mdl_vec_free(&o->names, &o->flow.allocator);
    mdl_vec_free(&o->opsets, &o->flow.allocator);
    mdl_vec_free(&o->functions, &o->flow.allocator);
    mdl_vec_free(&o->refusals, &o->flow.allocator);
    mdl_vec_free(&o->zips, &o->flow.allocator);
    mdl_vec_free(&o->parts, &o->flow.allocator);
    mdl_flow_free(&o->flow);
    a.free(a.user, o, sizeof *o);
    return s;
}

const struct importer mdl_importer_onnx = {
    .name = "onnx",
    .about = "ONNX models, IR 3 to 13, opsets to 27",
    .probe = probe,
    .convert = convert,
};

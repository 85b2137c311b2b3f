/*
 * import/onnx_preview.c - FlexAttention: attention whose scores and probabilities go through bodies
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_file.h"

enum { BODY_INPUT = 11, BODY_OUTPUT = 12 };    /* of GraphProto */

static onnx_map map_flex;

static const struct onnx_op ops[] = {
    { "FlexAttention", 1, 0, map_flex, "attention", NULL },
    { NULL, 0, 0, NULL, NULL, NULL }
};

const struct onnx_family mdl_onnx_preview = { "ai.onnx.preview", ops };

/* What the body in the attribute makes of x: its nodes become part of the flow. */
static int32_t through_body(struct onnx *o, struct onnx_node *n, const char *attr, int32_t x)
{
    if (!mdl_onnx_has(n, attr))
        return x;
    const struct bytes graph = mdl_onnx_attr_graph(o, n, attr);
    const uint32_t mark = mdl_onnx_names_mark(o);
    const char *in = mdl_onnx_graph_io(o, graph, BODY_INPUT, 0);
    const char *out = mdl_onnx_graph_io(o, graph, BODY_OUTPUT, 0);
    int32_t y = FLOW_NONE;

    if (!in || !out || o->depth >= ONNX_DEPTH) {
        mdl_onnx_refuse(o, n, "a body %s without input or result, or too deep", attr);
        return x;
    }
    mdl_onnx_bind(o, in, x);
    if (!mdl_onnx_read_constants(o, graph) && !mdl_onnx_read_nodes(o, graph))
        y = mdl_onnx_lookup(o, out);
    mdl_onnx_names_forget(o, mark);
    if (y == FLOW_NONE)
        mdl_onnx_refuse(o, n, "a body %s that makes no result", attr);
    return y;
}

/* With bodies, scores and their product with v are nodes of their own. */
static void map_flex(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const double scale = mdl_onnx_float(o, n, "scale", 0);

    mdl_onnx_ignore(o, n, "softmax_precision");   /* it is float32 at least, float64 for float64 */
    if (!mdl_onnx_has(n, "score_mod") && !mdl_onnx_has(n, "prob_mod")) {
        mdl_flow_float(f, mdl_onnx_emit(o, n, "attention", n->in, n->n_in), "scale", scale);
        return;
    }
    const int32_t node = mdl_flow_node(f, "attention", n->name, n->in, n->n_in, 4);
    mdl_flow_float(f, node, "scale", scale);
    const int32_t scores = through_body(o, n, "score_mod", mdl_flow_result(f, node, 3));
    if (o->status || scores == FLOW_NONE)
        return;
    const int32_t all = through_body(o, n, "prob_mod", mdl_flow_op1(f, "softmax", scores));
    if (o->status || all == FLOW_NONE)
        return;
    mdl_onnx_emit(o, n, "matmul", (int32_t[]){ all, onnx_in(n, 2) }, 2);
}

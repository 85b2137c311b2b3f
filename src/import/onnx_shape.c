/*
 * import/onnx_shape.c - ONNX operators that move, pick, make and sort elements
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

/* ---- what many of them share --------------------------------------------------------------- */

/* An integer attribute becomes a parameter of the same meaning. */
static void take_int(struct onnx *o, const struct onnx_node *n, int32_t node, const char *name,
                     const char *param, int64_t fallback)
{
    mdl_flow_int(mdl_onnx_flow(o), node, param, mdl_onnx_int(o, n, name, fallback));
}

/* A text attribute becomes a choice; what `allowed` (ended by NULL) does not have is refused. */
static void take_choice(struct onnx *o, const struct onnx_node *n, int32_t node, const char *name,
                        const char *const *allowed, const char *fallback)
{
    const char *const text = mdl_onnx_string(o, n, name, fallback);

    for (; *allowed; allowed++)
        if (!strcmp(*allowed, text)) {
            mdl_flow_choice(mdl_onnx_flow(o), node, name, text);
            return;
        }
    mdl_onnx_refuse(o, n, "%s '%s'", name, text);
}

/* All inputs into `op`, and the attribute "axis". */
static int32_t with_axis(struct onnx *o, struct onnx_node *n, const char *op, int64_t fallback)
{
    const int32_t node = mdl_onnx_emit(o, n, op, n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", fallback);
    return node;
}

/* Inputs 0 and a list that older opsets give as an attribute. */
static int32_t with_list(struct onnx *o, struct onnx_node *n, const char *op, const char *name)
{
    const int32_t in[2] = { onnx_in(n, 0), mdl_onnx_ints_value(o, n, 1, name) };

    return mdl_onnx_emit(o, n, op, in, in[1] == FLOW_NONE ? 1 : 2);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

static void map_reshape(struct onnx *o, struct onnx_node *n)
{
    mdl_onnx_ignore(o, n, "consumed_inputs");
    const int32_t node = with_list(o, n, "reshape", "shape");
    take_int(o, n, node, "allowzero", "allowzero", 0);
}

static void map_flatten(struct onnx *o, struct onnx_node *n)
{
    with_axis(o, n, "flatten", 1);
}

static void map_squeeze(struct onnx *o, struct onnx_node *n)
{
    with_list(o, n, "squeeze", "axes");
}

static void map_unsqueeze(struct onnx *o, struct onnx_node *n)
{
    with_list(o, n, "unsqueeze", "axes");
}

static void map_shape(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "shape", n->in, n->n_in);

    take_int(o, n, node, "start", "start", 0);
    take_int(o, n, node, "end", "end", MDL_MAX_RANK);
}

/* ---- layout ---------------------------------------------------------------------------------- */

static void map_transpose(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "transpose", n->in, n->n_in);
    uint64_t count;
    const int64_t *perm = mdl_onnx_ints(o, n, "perm", &count);

    if (perm)
        mdl_flow_ints(mdl_onnx_flow(o), node, "perm", perm, count);
}

static void map_depth_to_space(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "depth_space", n->in, n->n_in);
    const char *mode = mdl_onnx_string(o, n, "mode", "DCR");

    take_int(o, n, node, "blocksize", "block", 0);
    if (!strcmp(mode, "DCR") || !strcmp(mode, "CRD"))
        mdl_flow_choice(mdl_onnx_flow(o), node, "mode", mode[0] == 'D' ? "dcr" : "crd");
    else
        mdl_onnx_refuse(o, n, "mode '%s'", mode);
}

static void map_space_to_depth(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "depth_space", n->in, n->n_in);

    take_int(o, n, node, "blocksize", "block", 0);
    mdl_flow_choice(mdl_onnx_flow(o), node, "mode", "space_to_depth");
}

static void map_reverse_sequence(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "reverse_sequence", n->in, n->n_in);

    take_int(o, n, node, "batch_axis", "batch_axis", 1);
    take_int(o, n, node, "time_axis", "time_axis", 0);
}

/* ---- together and apart ---------------------------------------------------------------------- */

static void map_concat(struct onnx *o, struct onnx_node *n)
{
    with_axis(o, n, "join", 1);   /* opset 1; later ones always say it */
}

/* The node may name fewer results than num_outputs says. */
static void map_split(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int32_t in[2] = { onnx_in(n, 0), mdl_onnx_ints_value(o, n, 1, "split") };
    const int64_t parts = mdl_onnx_int(o, n, "num_outputs", n->n_out);

    if (parts < n->n_out || parts > UINT16_MAX) {
        mdl_onnx_refuse(o, n, "num_outputs %lld, with %u results", (long long)parts,
                        (unsigned)n->n_out);
        return;
    }
    if (!mdl_onnx_spend(o, (uint64_t)parts - n->n_out))
        return;
    const int32_t node = mdl_flow_node(f, "split", n->name, in, in[1] == FLOW_NONE ? 1 : 2,
                                       (size_t)parts);
    for (uint32_t i = 0; i < n->n_out; i++)
        n->out[i] = mdl_flow_result(f, node, i);
    take_int(o, n, node, "axis", "axis", 0);
    mdl_flow_int(f, node, "uneven", n->opset >= 18);
}

static void map_slice_1(struct onnx *o, struct onnx_node *n)
{
    const int32_t in[4] = { onnx_in(n, 0), mdl_onnx_ints_value(o, n, 1, "starts"),
                            mdl_onnx_ints_value(o, n, 2, "ends"), mdl_onnx_ints_value(o, n, 3, "axes") };

    mdl_onnx_emit(o, n, "slice", in, in[3] == FLOW_NONE ? 3 : 4);
}

/* ---- pads ------------------------------------------------------------------------------------ */

static const char *const pad_modes[] = { "constant", "reflect", "edge", "wrap", NULL };

static void map_pad(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "pad", n->in, n->n_in);

    take_choice(o, n, node, "mode", pad_modes, "constant");
}

static void map_pad_1(struct onnx *o, struct onnx_node *n)
{
    const int32_t in[2] = { onnx_in(n, 0),
                            mdl_onnx_ints_value(o, n, 1, n->opset < 2 ? "paddings" : "pads") };
    const int32_t node = mdl_onnx_emit(o, n, "pad", in, 2);

    take_choice(o, n, node, "mode", pad_modes, "constant");
    mdl_flow_float(mdl_onnx_flow(o), node, "value", mdl_onnx_float(o, n, "value", 0));
}

static void map_center_crop_pad(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "center_crop_pad", n->in, n->n_in);
    uint64_t count;
    const int64_t *axes = mdl_onnx_ints(o, n, "axes", &count);

    if (axes)
        mdl_flow_ints(mdl_onnx_flow(o), node, "axes", axes, count);
}

/* ---- by number ------------------------------------------------------------------------------- */

static void map_gather(struct onnx *o, struct onnx_node *n)
{
    with_axis(o, n, "gather", 0);
}

static void map_gather_elements(struct onnx *o, struct onnx_node *n)
{
    with_axis(o, n, "gather_elements", 0);
}

static void map_gather_nd(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "gather_nd", n->in, n->n_in);

    take_int(o, n, node, "batch_dims", "batch_dims", 0);
}

static const char *const reductions[] = { "none", "add", "mul", "min", "max", NULL };

static void map_scatter_elements(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = with_axis(o, n, "scatter_elements", 0);

    take_choice(o, n, node, "reduction", reductions, "none");
}

static void map_scatter_nd(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "scatter_nd", n->in, n->n_in);

    take_choice(o, n, node, "reduction", reductions, "none");
}

static void map_tensor_scatter(struct onnx *o, struct onnx_node *n)
{
    static const char *const modes[] = { "linear", "circular", NULL };
    const int32_t node = with_axis(o, n, "tensor_scatter", -2);

    take_choice(o, n, node, "mode", modes, "linear");
}

static void map_compress(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = with_axis(o, n, "compress", 0);

    mdl_flow_int(mdl_onnx_flow(o), node, "flat", !mdl_onnx_has(n, "axis"));
}

/* ---- order ----------------------------------------------------------------------------------- */

static void map_topk(struct onnx *o, struct onnx_node *n)
{
    int32_t in[2] = { onnx_in(n, 0), onnx_in(n, 1) };

    if (n->opset < 10)
        in[1] = mdl_flow_const_i64(mdl_onnx_flow(o), mdl_onnx_int(o, n, "k", 0));
    const int32_t node = mdl_onnx_emit(o, n, "topk", in, 2);
    take_int(o, n, node, "axis", "axis", -1);
    take_int(o, n, node, "largest", "largest", 1);
    mdl_onnx_ignore(o, n, "sorted");  /* any order will do when it is 0 */
}

static void map_unique(struct onnx *o, struct onnx_node *n)
{
    struct flow *const f = mdl_onnx_flow(o);
    const int64_t axis = mdl_onnx_int(o, n, "axis", 0);
    const int32_t order = mdl_flow_node(f, "order", n->name, n->in, n->n_in, 2);
    const int32_t in[3] = { onnx_in(n, 0), mdl_flow_result(f, order, 0), mdl_flow_result(f, order, 1) };
    const int32_t node = mdl_onnx_emit(o, n, "unique", in, 3);

    for (int i = 0; i < 2; i++) {
        mdl_flow_int(f, i ? node : order, "axis", axis);
        mdl_flow_int(f, i ? node : order, "flat", !mdl_onnx_has(n, "axis"));
    }
    take_int(o, n, node, "sorted", "sorted", 1);
}

static void cumulate(struct onnx *o, struct onnx_node *n, const char *kind)
{
    const int32_t node = mdl_onnx_emit(o, n, "cumulate", n->in, n->n_in);

    mdl_flow_choice(mdl_onnx_flow(o), node, "kind", kind);
    take_int(o, n, node, "exclusive", "exclusive", 0);
    take_int(o, n, node, "reverse", "reverse", 0);
}

static void map_cumsum(struct onnx *o, struct onnx_node *n)
{
    cumulate(o, n, "sum");
}

static void map_cumprod(struct onnx *o, struct onnx_node *n)
{
    cumulate(o, n, "product");
}

/* ---- out of little --------------------------------------------------------------------------- */

static void map_constant_of_shape(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "fill", n->in, n->n_in);
    const struct flow_tensor *value = mdl_onnx_tensor(o, n, "value");

    if (value && value->type == MDL_STRING)
        mdl_onnx_refuse(o, n, "a value of type string");
    else if (value)
        mdl_flow_weights(mdl_onnx_flow(o), node, "value", value->type, value->rank, value->dims,
                         value->data);
}

static void map_eye_like(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "eye", n->in, n->n_in);
    const uint32_t type = mdl_onnx_has(n, "dtype") ? mdl_onnx_type(mdl_onnx_int(o, n, "dtype", 0)) : 0;

    if (mdl_onnx_has(n, "dtype") && !type)
        mdl_onnx_refuse(o, n, "dtype %lld", (long long)mdl_onnx_int(o, n, "dtype", 0));
    take_int(o, n, node, "k", "k", 0);
    mdl_flow_int(mdl_onnx_flow(o), node, "type", type);
}

static void map_trilu(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "trilu", n->in, n->n_in);

    take_int(o, n, node, "upper", "upper", 1);
}

/* stash_type: what halves are computed in; here always float32 or better. */
static void map_range(struct onnx *o, struct onnx_node *n)
{
    mdl_onnx_ignore(o, n, "stash_type");
    mdl_onnx_emit(o, n, "range", n->in, n->n_in);
}

static void map_one_hot(struct onnx *o, struct onnx_node *n)
{
    with_axis(o, n, "one_hot", -1);
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct onnx_op ops[] = {
    { "CenterCropPad", 18, 0, map_center_crop_pad, NULL, NULL },
    { "Compress", 9, 0, map_compress, NULL, NULL },
    { "Concat", 1, 0, map_concat, NULL, NULL },
    { "ConstantOfShape", 9, 0, map_constant_of_shape, NULL, NULL },
    { "CumProd", 26, 0, map_cumprod, NULL, NULL },
    { "CumSum", 11, 0, map_cumsum, NULL, NULL },
    { "DepthToSpace", 1, 0, map_depth_to_space, NULL, NULL },
    { "Expand", 8, 0, mdl_onnx_map_plain, "expand", NULL },
    { "EyeLike", 9, 0, map_eye_like, NULL, NULL },
    { "Flatten", 1, 0, map_flatten, NULL, NULL },
    { "Gather", 1, 0, map_gather, NULL, NULL },
    { "GatherElements", 11, 0, map_gather_elements, NULL, NULL },
    { "GatherND", 11, 0, map_gather_nd, NULL, NULL },
    { "NonZero", 9, 0, mdl_onnx_map_plain, "nonzero", NULL },
    { "OneHot", 9, 0, map_one_hot, NULL, NULL },
    { "Pad", 1, 10, map_pad_1, NULL, NULL },
    { "Pad", 11, 0, map_pad, NULL, NULL },
    { "Range", 11, 0, map_range, NULL, NULL },
    { "Reshape", 1, 0, map_reshape, NULL, NULL },
    { "ReverseSequence", 10, 0, map_reverse_sequence, NULL, NULL },
    { "Scatter", 9, 0, map_scatter_elements, NULL, NULL },
    { "ScatterElements", 11, 0, map_scatter_elements, NULL, NULL },
    { "ScatterND", 11, 0, map_scatter_nd, NULL, NULL },
    { "Shape", 1, 0, map_shape, NULL, NULL },
    { "Size", 1, 0, mdl_onnx_map_plain, "shape", "count" },
    { "Slice", 1, 9, map_slice_1, NULL, NULL },
    { "Slice", 10, 0, mdl_onnx_map_plain, "slice", NULL },
    { "SpaceToDepth", 1, 0, map_space_to_depth, NULL, NULL },
    { "Split", 1, 0, map_split, NULL, NULL },
    { "Squeeze", 1, 0, map_squeeze, NULL, NULL },
    { "TensorScatter", 24, 0, map_tensor_scatter, NULL, NULL },
    { "Tile", 1, 0, mdl_onnx_map_plain, "tile", NULL },
    { "TopK", 1, 0, map_topk, NULL, NULL },
    { "Transpose", 1, 0, map_transpose, NULL, NULL },
    { "Trilu", 14, 0, map_trilu, NULL, NULL },
    { "Unique", 11, 0, map_unique, NULL, NULL },
    { "Unsqueeze", 1, 0, map_unsqueeze, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_shape = { "", ops };

/*
 * import/onnx_reduce.c - ONNX operators that reduce, normalise, quantise and transform signals
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

/* ---- what many of them share --------------------------------------------------------------- */

static void take_int(struct onnx *o, const struct onnx_node *n, int32_t node, const char *name,
                     const char *param, int64_t fallback)
{
    mdl_flow_int(mdl_onnx_flow(o), node, param, mdl_onnx_int(o, n, name, fallback));
}

static void take_float(struct onnx *o, const struct onnx_node *n, int32_t node, const char *name,
                       double fallback)
{
    mdl_flow_float(mdl_onnx_flow(o), node, name, mdl_onnx_float(o, n, name, fallback));
}

#define TYPE(type)  ((uint32_t)1 << (type))
#define HALVES      (TYPE(MDL_F16) | TYPE(MDL_BF16))
#define NUMBERS     (((uint32_t)2 << MDL_U64) - 2)   /* MDL_F32 to MDL_U64 */
#define QUANTIZED   (TYPE(MDL_U8) | TYPE(MDL_I8) | TYPE(MDL_U16) | TYPE(MDL_I16) | TYPE(MDL_U4) \
                     | TYPE(MDL_I4) | TYPE(MDL_U2) | TYPE(MDL_I2) | TYPE(MDL_F8E4M3FN) \
                     | TYPE(MDL_F8E4M3FNUZ) | TYPE(MDL_F8E5M2) | TYPE(MDL_F8E5M2FNUZ) \
                     | TYPE(MDL_F4E2M1))

/* An element type, if it is given and not 0, becomes a choice; others than `types` are refused. */
static void take_type(struct onnx *o, const struct onnx_node *n, int32_t node, const char *name,
                      const char *param, uint32_t types)
{
    const int64_t code = mdl_onnx_int(o, n, name, 0);
    const uint32_t type = mdl_onnx_type(code);

    if (!code)
        return;
    if (type && types & TYPE(type))
        mdl_flow_choice(mdl_onnx_flow(o), node, param, mdl_type_name(type));
    else
        mdl_onnx_refuse(o, n, "%s %lld", name, (long long)code);
}

/* A node of `op` whose kind is that of the table. */
static int32_t emit_kind(struct onnx *o, struct onnx_node *n, const char *op, const char *kind,
                         const int32_t *in, size_t n_in)
{
    const int32_t node = mdl_onnx_emit(o, n, op, in, n_in);

    mdl_flow_choice(mdl_onnx_flow(o), node, "kind", kind);
    return node;
}

/* The kind that the table says of a node. */
static const char *kind_of(const struct onnx_node *n);

/* ---- reducing ------------------------------------------------------------------------------- */

static void map_reduce(struct onnx *o, struct onnx_node *n)
{
    const int32_t in[2] = { onnx_in(n, 0), mdl_onnx_ints_value(o, n, 1, "axes") };
    const int32_t node = emit_kind(o, n, "reduce", kind_of(n), in, in[1] == FLOW_NONE ? 1 : 2);

    take_int(o, n, node, "keepdims", "keepdims", 1);
    take_int(o, n, node, "noop_with_empty_axes", "noop", 0);
}

static void map_arg(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit_kind(o, n, "arg", kind_of(n), n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", 0);
    take_int(o, n, node, "keepdims", "keepdims", 1);
    take_int(o, n, node, "select_last_index", "last", 0);
}

/* Before opset 13 all axes from this one on were one. */
static void map_softmax(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit_kind(o, n, "softmax", kind_of(n), n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", n->opset < 13 ? 1 : -1);
    mdl_flow_int(mdl_onnx_flow(o), node, "flat", n->opset < 13);
}

/* ---- losses --------------------------------------------------------------------------------- */

static void take_loss(struct onnx *o, const struct onnx_node *n, int32_t node)
{
    const char *const reduction = mdl_onnx_string(o, n, "reduction", "mean");

    if (strcmp(reduction, "none") && strcmp(reduction, "sum") && strcmp(reduction, "mean"))
        mdl_onnx_refuse(o, n, "reduction '%s'", reduction);
    else
        mdl_flow_choice(mdl_onnx_flow(o), node, "reduction", reduction);
    mdl_flow_int(mdl_onnx_flow(o), node, "has_ignore", mdl_onnx_has(n, "ignore_index"));
    take_int(o, n, node, "ignore_index", "ignore", 0);
}

static void map_nll(struct onnx *o, struct onnx_node *n)
{
    take_loss(o, n, mdl_onnx_emit(o, n, "nll_loss", n->in, n->n_in));
}

static void map_cross_entropy(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t scores = onnx_in(n, 0);
    const int32_t soft = mdl_flow_node(f, "softmax", n->name, &scores, 1, 1);
    const int32_t in[3] = { mdl_flow_result(f, soft, 0), onnx_in(n, 1), onnx_in(n, 2) };
    const int32_t loss = mdl_flow_node(f, "nll_loss", n->name, in, in[2] == FLOW_NONE ? 2 : 3, 1);

    mdl_flow_choice(f, soft, "kind", "log_softmax");
    mdl_flow_int(f, soft, "axis", 1);
    take_loss(o, n, loss);
    n->out[0] = mdl_flow_result(f, loss, 0);
    if (n->n_out > 1)
        n->out[1] = in[0];
}

/* ---- normalising ----------------------------------------------------------------------------- */

static void map_batch_norm(struct onnx *o, struct onnx_node *n)
{
    const int64_t training = n->opset < 14 ? 0 : mdl_onnx_int(o, n, "training_mode", 0);
    const int32_t node = mdl_onnx_emit(o, n, "batch_norm", n->in, n->n_in);

    mdl_onnx_ignore(o, n, "consumed_inputs");
    if (n->opset < 7)
        mdl_onnx_ignore(o, n, "is_test");     /* results say it: more than one is training */
    if (n->opset < 14 && n->n_out > 1)
        mdl_onnx_refuse(o, n, "training");
    take_float(o, n, node, "epsilon", (double)1e-5f);
    take_float(o, n, node, "momentum", (double)0.9f);
    mdl_flow_int(mdl_onnx_flow(o), node, "training", training);
    if (n->opset < 9)
        take_int(o, n, node, "spatial", "spatial", 1);
}

static void map_instance_norm(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "group_norm", n->in, n->n_in);

    mdl_onnx_ignore(o, n, "consumed_inputs");
    take_float(o, n, node, "epsilon", (double)1e-5f);
}

/* Scale and bias are one for each group in opset 18, one for each channel later: the operator
 * tells them apart by their number. */
static void map_group_norm(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "group_norm", n->in, n->n_in);

    if (mdl_onnx_int(o, n, "num_groups", 0) < 1)
        mdl_onnx_refuse(o, n, "num_groups %lld", (long long)mdl_onnx_int(o, n, "num_groups", 0));
    mdl_onnx_ignore(o, n, "stash_type");      /* statistics are in double                       */
    take_int(o, n, node, "num_groups", "groups", 0);
    take_float(o, n, node, "epsilon", (double)1e-5f);
}

static void map_layer_norm(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit_kind(o, n, "layer_norm", kind_of(n), n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", -1);
    take_float(o, n, node, "epsilon", (double)1e-5f);
    if (!strcmp(kind_of(n), "layer"))
        take_type(o, n, node, "stash_type", "stash", TYPE(MDL_F32) | TYPE(MDL_F64) | TYPE(MDL_BF16));
    else
        mdl_onnx_ignore(o, n, "stash_type");
}

static void map_mean_variance(struct onnx *o, struct onnx_node *n)
{
    static const int64_t usual[] = { 0, 2, 3 };
    const int32_t node = mdl_onnx_emit(o, n, "standardize", n->in, n->n_in);
    uint64_t count = 0;
    const int64_t *axes = mdl_onnx_ints(o, n, "axes", &count);

    mdl_flow_ints(mdl_onnx_flow(o), node, "axes", axes ? axes : usual, axes ? count : 3);
    mdl_flow_float(mdl_onnx_flow(o), node, "epsilon", (double)1e-9f);
}

static void map_lp_norm(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "lp_norm", n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", -1);
    take_int(o, n, node, "p", "p", 2);
}

static void map_lrn(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "lrn", n->in, n->n_in);

    take_float(o, n, node, "alpha", (double)1e-4f);
    take_float(o, n, node, "beta", 0.75);
    take_float(o, n, node, "bias", 1);
    take_int(o, n, node, "size", "size", 0);
}

/* ---- quantising ------------------------------------------------------------------------------- */

static void map_quantize(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "quantize", n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", 1);
    take_int(o, n, node, "block_size", "block", 0);
    take_int(o, n, node, "saturate", "saturate", 1);
    take_type(o, n, node, "output_dtype", "to", QUANTIZED);
    take_type(o, n, node, "precision", "precision", TYPE(MDL_F32) | HALVES);
}

static void map_dequantize(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "dequantize", n->in, n->n_in);

    take_int(o, n, node, "axis", "axis", 1);
    take_int(o, n, node, "block_size", "block", 0);
    take_type(o, n, node, "output_dtype", "to", TYPE(MDL_F32) | HALVES);
}

/* ---- signals ---------------------------------------------------------------------------------- */

static void map_window(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit_kind(o, n, "window", kind_of(n), n->in, n->n_in);

    take_int(o, n, node, "periodic", "periodic", 1);
    take_type(o, n, node, "output_datatype", "to", NUMBERS);
}

static void map_mel(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "mel_weights", n->in, n->n_in);

    take_type(o, n, node, "output_datatype", "to", NUMBERS);
}

static void map_dft(struct onnx *o, struct onnx_node *n)
{
    int32_t in[3] = { onnx_in(n, 0), onnx_in(n, 1), onnx_in(n, 2) };

    if (n->opset < 20)
        in[2] = mdl_flow_const_i64(mdl_onnx_flow(o), mdl_onnx_int(o, n, "axis", 1));
    const int32_t node = mdl_onnx_emit(o, n, "dft", in, 3);
    take_int(o, n, node, "inverse", "inverse", 0);
    take_int(o, n, node, "onesided", "onesided", 0);
}

static void map_stft(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "stft", n->in, n->n_in);

    take_int(o, n, node, "onesided", "onesided", 1);
}

static void map_nms(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "nms", n->in, n->n_in);

    take_int(o, n, node, "center_point_box", "center", 0);
}

/* ---- what is refused ---------------------------------------------------------------------------- */

static void map_random(struct onnx *o, struct onnx_node *n)
{
    static const char *const attrs[] = { "dtype", "seed", "shape", "scale", "mean", "high", "low",
                                         "sample_size" };

    for (size_t i = 0; i < sizeof attrs / sizeof *attrs; i++)
        mdl_onnx_ignore(o, n, attrs[i]);
    mdl_onnx_refuse(o, n, "another answer each time");
}

/* ---- the table ----------------------------------------------------------------------------------- */

static const struct onnx_op ops[] = {
    { "ReduceSum", 1, 0, map_reduce, NULL, "sum" },
    { "ReduceMean", 1, 0, map_reduce, NULL, "mean" },
    { "ReduceMax", 1, 0, map_reduce, NULL, "max" },
    { "ReduceMin", 1, 0, map_reduce, NULL, "min" },
    { "ReduceProd", 1, 0, map_reduce, NULL, "prod" },
    { "ReduceL1", 1, 0, map_reduce, NULL, "l1" },
    { "ReduceL2", 1, 0, map_reduce, NULL, "l2" },
    { "ReduceLogSum", 1, 0, map_reduce, NULL, "log_sum" },
    { "ReduceLogSumExp", 1, 0, map_reduce, NULL, "log_sum_exp" },
    { "ReduceSumSquare", 1, 0, map_reduce, NULL, "sum_square" },
    { "ArgMax", 1, 0, map_arg, NULL, "max" },
    { "ArgMin", 1, 0, map_arg, NULL, "min" },
    { "Softmax", 1, 0, map_softmax, NULL, "softmax" },
    { "LogSoftmax", 1, 0, map_softmax, NULL, "log_softmax" },
    { "Hardmax", 1, 0, map_softmax, NULL, "hardmax" },
    { "NegativeLogLikelihoodLoss", 12, 0, map_nll, NULL, NULL },
    { "SoftmaxCrossEntropyLoss", 12, 0, map_cross_entropy, NULL, NULL },
    { "BatchNormalization", 1, 0, map_batch_norm, NULL, NULL },
    { "InstanceNormalization", 1, 0, map_instance_norm, NULL, NULL },
    { "GroupNormalization", 18, 0, map_group_norm, NULL, NULL },
    { "LayerNormalization", 17, 0, map_layer_norm, NULL, "layer" },
    { "RMSNormalization", 23, 0, map_layer_norm, NULL, "rms" },
    { "MeanVarianceNormalization", 9, 0, map_mean_variance, NULL, NULL },
    { "LpNormalization", 1, 0, map_lp_norm, NULL, NULL },
    { "LRN", 1, 0, map_lrn, NULL, NULL },
    { "QuantizeLinear", 10, 0, map_quantize, NULL, NULL },
    { "DequantizeLinear", 10, 0, map_dequantize, NULL, NULL },
    { "DynamicQuantizeLinear", 11, 0, mdl_onnx_map_plain, "dynamic_quantize", NULL },
    { "HannWindow", 17, 0, map_window, NULL, "hann" },
    { "HammingWindow", 17, 0, map_window, NULL, "hamming" },
    { "BlackmanWindow", 17, 0, map_window, NULL, "blackman" },
    { "MelWeightMatrix", 17, 0, map_mel, NULL, NULL },
    { "DFT", 17, 0, map_dft, NULL, NULL },
    { "STFT", 17, 0, map_stft, NULL, NULL },
    { "NonMaxSuppression", 10, 0, map_nms, NULL, NULL },
    { "Bernoulli", 15, 0, map_random, NULL, NULL },
    { "Multinomial", 7, 0, map_random, NULL, NULL },
    { "RandomNormal", 1, 0, map_random, NULL, NULL },
    { "RandomNormalLike", 1, 0, map_random, NULL, NULL },
    { "RandomUniform", 1, 0, map_random, NULL, NULL },
    { "RandomUniformLike", 1, 0, map_random, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

static const char *kind_of(const struct onnx_node *n)
{
    const struct onnx_op *op = ops;

    while (strcmp(op->name, n->op))
        op++;
    return op->kind;
}

const struct onnx_family mdl_onnx_reduce = { "", ops };

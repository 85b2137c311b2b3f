/*
 * import/onnx_nn.c - ONNX operators that are nets of their own: recurrent layers, attention
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

static onnx_map map_recurrent, map_attention, map_rotary, map_linear_attention, map_causal_conv;

static const struct onnx_op ops[] = {
    { "RNN", 1, 0, map_recurrent, "recurrent", "rnn" },
    { "GRU", 1, 0, map_recurrent, "recurrent", "gru" },
    { "LSTM", 1, 0, map_recurrent, "recurrent", "lstm" },
    { "Attention", 23, 0, map_attention, "attention", NULL },
    { "CausalConvWithState", 27, 0, map_causal_conv, "conv", NULL },
    { "LinearAttention", 27, 0, map_linear_attention, "linear_attention", NULL },
    { "RotaryEmbedding", 23, 0, map_rotary, "rotary", NULL },
    { NULL, 0, 0, NULL, NULL, NULL }
};

const struct onnx_family mdl_onnx_nn = { "", ops };

/* ---- recurrent layers ------------------------------------------------------------------------ */

#define MOST_FUNCTIONS 6u         /* three for each of two directions                          */

/* Functions of gates, in the order of op/nd_gates.c; which numbers of their own they take, and
 * what those are when none are left in the list. */
static const struct function {
    const char *name;
    int         takes_alpha, takes_beta;
    float       alpha, beta;
} functions[] = {
    { "Relu", 0, 0, 0, 0 },
    { "Tanh", 0, 0, 0, 0 },
    { "Sigmoid", 0, 0, 0, 0 },
    { "Affine", 1, 1, 1, 0 },
    { "LeakyRelu", 1, 0, 0.01f, 0 },
    { "ThresholdedRelu", 1, 0, 1, 0 },
    { "ScaledTanh", 1, 1, 1, 1 },
    { "HardSigmoid", 1, 1, 0.2f, 0.5f },
    { "Elu", 1, 0, 1, 0 },
    { "Softsign", 0, 0, 0, 0 },
    { "Softplus", 0, 0, 0, 0 },
};
#define N_FUNCTIONS (sizeof functions / sizeof *functions)

static const char *const defaults[] = { "Sigmoid", "Tanh", "Tanh" };

/* Names of functions are compared without case. */
static int same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a | 0x20) != (*b | 0x20))
            return 0;
    return *a == *b;
}

static size_t function_of(struct onnx *o, const struct onnx_node *n, const char *name)
{
    for (size_t i = 0; i < N_FUNCTIONS; i++)
        if (same_name(functions[i].name, name))
            return i;
    mdl_onnx_refuse(o, n, "activation '%s'", name);
    return 0;
}

/* Numbers come one by one to the functions that take some. */
static void set_functions(struct onnx *o, const struct onnx_node *n, int32_t node, uint64_t each,
                          uint64_t count)
{
    uint64_t n_names, n_alpha, n_beta, a = 0, b = 0;
    const char *const *names = mdl_onnx_texts(o, n, "activations", &n_names);
    const float *alphas = mdl_onnx_floats(o, n, "activation_alpha", &n_alpha);
    const float *betas = mdl_onnx_floats(o, n, "activation_beta", &n_beta);
    const int64_t dims[1] = { (int64_t)count };
    int64_t kind[MOST_FUNCTIONS];
    float alpha[MOST_FUNCTIONS], beta[MOST_FUNCTIONS];
    struct flow *f = mdl_onnx_flow(o);

    if (n_names && n_names < count) {
        mdl_onnx_refuse(o, n, "%llu activations, expected %llu", (unsigned long long)n_names,
                        (unsigned long long)count);
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        const char *usual = each == 1 ? "Tanh" : defaults[i % each];
        const size_t k = function_of(o, n, n_names ? names[i] : usual);
        kind[i] = (int64_t)k;
        alpha[i] = functions[k].takes_alpha && a < n_alpha ? alphas[a++] : functions[k].alpha;
        beta[i] = functions[k].takes_beta && b < n_beta ? betas[b++] : functions[k].beta;
    }
    mdl_flow_weights(f, node, "functions", MDL_I64, 1, dims, kind);
    mdl_flow_weights(f, node, "alpha", MDL_F32, 1, dims, alpha);
    mdl_flow_weights(f, node, "beta", MDL_F32, 1, dims, beta);
}

static void map_recurrent(struct onnx *o, struct onnx_node *n)
{
    const int gru = !strcmp(n->op, "GRU"), lstm = !strcmp(n->op, "LSTM");
    const char *direction = mdl_onnx_string(o, n, "direction", "forward");
    const int both = !strcmp(direction, "bidirectional");
    const uint64_t each = gru ? 2 : lstm ? 3 : 1;
    const double clip = mdl_onnx_float(o, n, "clip", 0);
    const int32_t node = mdl_onnx_emit(o, n, "recurrent", n->in, n->n_in);
    struct flow *f = mdl_onnx_flow(o);

    if (!both && strcmp(direction, "forward") != 0 && strcmp(direction, "reverse") != 0)
        mdl_onnx_refuse(o, n, "direction '%s'", direction);
    mdl_flow_choice(f, node, "kind", gru ? "gru" : lstm ? "lstm" : "rnn");
    mdl_flow_choice(f, node, "direction", both ? "both" : strcmp(direction, "reverse") ? "forward"
                                                                                   : "reverse");
    mdl_flow_float(f, node, "clip", clip);
    mdl_flow_int(f, node, "layout", mdl_onnx_int(o, n, "layout", 0) != 0);
    if (gru)
        mdl_flow_int(f, node, "linear_before_reset", mdl_onnx_int(o, n, "linear_before_reset", 0) != 0);
    if (lstm)
        mdl_flow_int(f, node, "input_forget", mdl_onnx_int(o, n, "input_forget", 0) != 0);
    set_functions(o, n, node, each, each * (both ? 2 : 1));
    mdl_onnx_ignore(o, n, "hidden_size");         /* r says it */
    mdl_onnx_ignore(o, n, "output_sequence");     /* opset 1: whether y is wanted */
}

/* ---- attention ------------------------------------------------------------------------------- */

static void map_attention(struct onnx *o, struct onnx_node *n)
{
    static const char *const stages[] = { "raw", "capped", "masked", "softmax" };
    const int64_t stage = mdl_onnx_int(o, n, "qk_matmul_output_mode", 0);
    const int32_t node = mdl_onnx_emit(o, n, "attention", n->in, n->n_in);
    struct flow *f = mdl_onnx_flow(o);

    if (stage < 0 || stage > 3) {
        mdl_onnx_refuse(o, n, "qk_matmul_output_mode %lld", (long long)stage);
        return;
    }
    mdl_flow_int(f, node, "q_heads", mdl_onnx_int(o, n, "q_num_heads", 0));
    mdl_flow_int(f, node, "kv_heads", mdl_onnx_int(o, n, "kv_num_heads", 0));
    mdl_flow_int(f, node, "causal", mdl_onnx_int(o, n, "is_causal", 0) != 0);
    mdl_flow_float(f, node, "scale", mdl_onnx_float(o, n, "scale", 0));
    mdl_flow_float(f, node, "softcap", mdl_onnx_float(o, n, "softcap", 0));
    mdl_flow_choice(f, node, "scores", stages[stage]);
    mdl_onnx_ignore(o, n, "softmax_precision");   /* it is float32 at least, float64 for float64 */
}

static void map_rotary(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "rotary", n->in, n->n_in);
    struct flow *f = mdl_onnx_flow(o);

    mdl_flow_int(f, node, "heads", mdl_onnx_int(o, n, "num_heads", 0));
    mdl_flow_int(f, node, "dims", mdl_onnx_int(o, n, "rotary_embedding_dim", 0));
    mdl_flow_int(f, node, "interleaved", mdl_onnx_int(o, n, "interleaved", 0) != 0);
}

/* Dimension d of a value that is constant or given, when it is known; else 0. */
static int64_t dim_of(const struct flow *f, int32_t value, uint32_t d)
{
    const struct flow_tensor *t = mdl_flow_constant(f, value);
    const struct flow_input *in = (const struct flow_input *)(const void *)f->inputs.data;

    if (t)
        return d < t->rank ? t->dims[d] : 0;
    for (size_t i = 0; i < f->inputs.bytes / sizeof *in; i++)
        if (in[i].value == value && in[i].rank != MDL_ANY_RANK && d < in[i].rank && in[i].dims[d] > 0)
            return in[i].dims[d];
    return 0;
}

/* Each channel by a filter of its own, over what was before (or zeros) and x; the end of both is
 * the state for the next call. */
static void map_causal_conv(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t x = onnx_in(n, 0), filters = onnx_in(n, 1), bias = onnx_in(n, 2);
    const int32_t past = onnx_in(n, 3);
    const char *act = mdl_onnx_string(o, n, "activation", "none");
    const int silu = !strcmp(act, "silu") || !strcmp(act, "swish");
    const int64_t before = dim_of(f, filters, 2) - 1;
    const int64_t channels = dim_of(f, filters, 0) ? dim_of(f, filters, 0) : dim_of(f, x, 1);

    if (before < 0 || !channels || (!silu && strcmp(act, "none") != 0)) {
        mdl_onnx_refuse(o, n, channels && before >= 0 ? "activation '%s'"
                        : "filters whose shape is not known at conversion", act);
        return;
    }
    const int64_t pads[6] = { 0, 0, before, 0, 0, 0 };
    const int32_t node = past == FLOW_NONE
        ? mdl_flow_node(f, "pad", "", (int32_t[]){ x, mdl_flow_const_ints(f, pads, 6) }, 2, 1)
        : mdl_flow_node(f, "join", "", (int32_t[]){ past, x }, 2, 1);
    if (past != FLOW_NONE)
        mdl_flow_int(f, node, "axis", 2);
    const int32_t all = mdl_flow_result(f, node, 0), in[3] = { all, filters, bias };
    const int32_t conv = mdl_flow_node(f, "conv", n->name, in, bias == FLOW_NONE ? 2 : 3, 1);
    mdl_flow_int(f, conv, "group", channels);
    n->out[0] = mdl_flow_result(f, conv, 0);
    if (silu)
        n->out[0] = mdl_flow_kind1(f, "unary", "swish", n->out[0]);
    if (n->n_out < 2)
        return;
    const int64_t start = before ? -before : INT64_MAX, end = INT64_MAX, axis = 2;
    const int32_t cut[4] = { all, mdl_flow_const_ints(f, &start, 1), mdl_flow_const_ints(f, &end, 1),
                             mdl_flow_const_ints(f, &axis, 1) };
    n->out[1] = mdl_flow_result(f, mdl_flow_node(f, "slice", "", cut, 4, 1), 0);
}

/* The rule says which of decay and beta there are. */
static void map_linear_attention(struct onnx *o, struct onnx_node *n)
{
    const char *rule = mdl_onnx_string(o, n, "update_rule", "gated_delta");
    const int gated = !strncmp(rule, "gated", 5);
    const int delta = !strcmp(rule, "delta") || !strcmp(rule, "gated_delta");
    const int32_t node = mdl_onnx_emit(o, n, "linear_attention", n->in, n->n_in);
    struct flow *f = mdl_onnx_flow(o);

    if (!delta && strcmp(rule, "linear") != 0 && strcmp(rule, "gated") != 0)
        mdl_onnx_refuse(o, n, "update_rule '%s'", rule);
    if ((onnx_in(n, 4) != FLOW_NONE) != gated || (onnx_in(n, 5) != FLOW_NONE) != delta)
        mdl_onnx_refuse(o, n, "update_rule '%s' with other inputs than it takes", rule);
    mdl_flow_int(f, node, "q_heads", mdl_onnx_int(o, n, "q_num_heads", 1));
    mdl_flow_int(f, node, "kv_heads", mdl_onnx_int(o, n, "kv_num_heads", 1));
    mdl_flow_float(f, node, "scale", mdl_onnx_float(o, n, "scale", 0));
    mdl_onnx_ignore(o, n, "chunk_size");          /* how fast, not what */
}

/*
 * import/onnx_math.c - ONNX operators that work element by element
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

static onnx_map map_unary, map_pair, map_many, map_mean, map_gelu, map_is_inf, map_mod, map_shift,
                map_prelu, map_clip, map_cast, map_cast_like, map_bit_cast, map_dropout;

static const struct onnx_op ops[] = {
    { "Abs", 1, 0, map_unary, "unary", "abs" },
    { "Neg", 1, 0, map_unary, "unary", "neg" },
    { "Sign", 9, 0, map_unary, "unary", "sign" },
    { "Reciprocal", 1, 0, map_unary, "unary", "reciprocal" },
    { "Sqrt", 1, 0, map_unary, "unary", "sqrt" },
    { "Exp", 1, 0, map_unary, "unary", "exp" },
    { "Log", 1, 0, map_unary, "unary", "log" },
    { "Floor", 1, 0, map_unary, "unary", "floor" },
    { "Ceil", 1, 0, map_unary, "unary", "ceil" },
    { "Round", 11, 0, map_unary, "unary", "round" },
    { "Erf", 9, 0, map_unary, "unary", "erf" },
    { "Sin", 7, 0, map_unary, "unary", "sin" },
    { "Cos", 7, 0, map_unary, "unary", "cos" },
    { "Tan", 7, 0, map_unary, "unary", "tan" },
    { "Asin", 7, 0, map_unary, "unary", "asin" },
    { "Acos", 7, 0, map_unary, "unary", "acos" },
    { "Atan", 7, 0, map_unary, "unary", "atan" },
    { "Sinh", 9, 0, map_unary, "unary", "sinh" },
    { "Cosh", 9, 0, map_unary, "unary", "cosh" },
    { "Tanh", 1, 0, map_unary, "unary", "tanh" },
    { "Asinh", 9, 0, map_unary, "unary", "asinh" },
    { "Acosh", 9, 0, map_unary, "unary", "acosh" },
    { "Atanh", 9, 0, map_unary, "unary", "atanh" },
    { "Sigmoid", 1, 0, map_unary, "unary", "sigmoid" },
    { "Relu", 1, 0, map_unary, "unary", "relu" },
    { "LeakyRelu", 1, 0, map_unary, "unary", "leaky_relu" },
    { "ThresholdedRelu", 10, 0, map_unary, "unary", "thresholded_relu" },
    { "Selu", 1, 0, map_unary, "unary", "selu" },
    { "Elu", 1, 0, map_unary, "unary", "elu" },
    { "Celu", 12, 0, map_unary, "unary", "celu" },
    { "HardSigmoid", 1, 0, map_unary, "unary", "hard_sigmoid" },
    { "HardSwish", 14, 0, map_unary, "unary", "hard_swish" },
    { "Softplus", 1, 0, map_unary, "unary", "softplus" },
    { "Softsign", 1, 0, map_unary, "unary", "softsign" },
    { "Gelu", 20, 0, map_gelu, "unary", "gelu" },
    { "Mish", 18, 0, map_unary, "unary", "mish" },
    { "Swish", 24, 0, map_unary, "unary", "swish" },
    { "Shrink", 9, 0, map_unary, "unary", "shrink" },
    { "IsNaN", 9, 0, map_unary, "unary", "is_nan" },
    { "IsInf", 10, 0, map_is_inf, "unary", "is_inf" },
    { "Not", 1, 0, map_unary, "unary", "not" },
    { "BitwiseNot", 18, 0, map_unary, "unary", "bit_not" },

    { "Add", 1, 0, map_pair, "binary", "add" },
    { "Sub", 1, 0, map_pair, "binary", "sub" },
    { "Mul", 1, 0, map_pair, "binary", "mul" },
    { "Div", 1, 0, map_pair, "binary", "div" },
    { "Mod", 10, 0, map_mod, "binary", "mod" },
    { "Pow", 1, 0, map_pair, "binary", "pow" },
    { "PRelu", 1, 0, map_prelu, "binary", "prelu" },
    { "And", 1, 0, map_pair, "binary", "and" },
    { "Or", 1, 0, map_pair, "binary", "or" },
    { "Xor", 1, 0, map_pair, "binary", "xor" },
    { "BitwiseAnd", 18, 0, map_pair, "binary", "bit_and" },
    { "BitwiseOr", 18, 0, map_pair, "binary", "bit_or" },
    { "BitwiseXor", 18, 0, map_pair, "binary", "bit_xor" },
    { "BitShift", 11, 0, map_shift, "binary", "shift_left" },
    { "Equal", 1, 0, map_pair, "compare", "equal" },
    { "Less", 1, 0, map_pair, "compare", "less" },
    { "LessOrEqual", 12, 0, map_pair, "compare", "less_equal" },
    { "Greater", 1, 0, map_pair, "compare", "greater" },
    { "GreaterOrEqual", 12, 0, map_pair, "compare", "greater_equal" },
    { "Max", 1, 0, map_many, "binary", "max" },
    { "Min", 1, 0, map_many, "binary", "min" },
    { "Sum", 1, 0, map_many, "binary", "add" },
    { "Mean", 1, 0, map_mean, "binary", "add" },

    { "Where", 9, 0, mdl_onnx_map_plain, "where", NULL },
    { "Clip", 1, 10, map_clip, "clip", NULL },
    { "Clip", 11, 0, mdl_onnx_map_plain, "clip", NULL },
    { "Cast", 1, 0, map_cast, "convert", NULL },
    { "CastLike", 15, 0, map_cast_like, "convert", NULL },
    { "BitCast", 26, 0, map_bit_cast, "reinterpret", NULL },
    { "Dropout", 1, 0, map_dropout, "dropout", NULL },
    { "Identity", 1, 0, mdl_onnx_map_identity, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL }
};

const struct onnx_family mdl_onnx_math = { "", ops };

/* The line of the table that a node is. */
static const struct onnx_op *line_of(const struct onnx_node *n)
{
    const struct onnx_op *op = ops;

    while (strcmp(op->name, n->op) != 0)
        op++;
    return op;
}

static int32_t emit(struct onnx *o, struct onnx_node *n, const char *kind, const int32_t *in,
                    size_t n_in)
{
    const int32_t node = mdl_onnx_emit(o, n, line_of(n)->op, in, n_in);

    if (kind)
        mdl_flow_choice(mdl_onnx_flow(o), node, "kind", kind);
    if (n->opset < 6)             /* buffers that might be written over */
        mdl_onnx_ignore(o, n, "consumed_inputs");
    return node;
}

/* ---- one input ------------------------------------------------------------------------------- */

/* Attributes that become the parameters alpha and beta, and what they are when not given. */
static const struct attributes {
    const char *op, *alpha, *beta;
    double      alpha_else, beta_else;
    int64_t     until;            /* opset, 0: the newest                            */
} attributes[] = {
    { "LeakyRelu", "alpha", NULL, (double)0.01f, 0, 0 },
    { "ThresholdedRelu", "alpha", NULL, 1, 0, 0 },
    { "Selu", "alpha", "gamma", (double)1.6732f, (double)1.0507f, 5 },
    { "Selu", "alpha", "gamma", (double)1.67326319217681884765625f,
      (double)1.05070102214813232421875f, 0 },
    { "Elu", "alpha", NULL, 1, 0, 0 },
    { "Celu", "alpha", NULL, 1, 0, 0 },
    { "HardSigmoid", "alpha", "beta", (double)0.2f, (double)0.5f, 0 },
    { "Swish", "alpha", NULL, 1, 0, 0 },
    { "Shrink", "lambd", "bias", 0.5, 0, 0 },
};

static void map_unary(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit(o, n, line_of(n)->kind, n->in, n->n_in);
    struct flow *f = mdl_onnx_flow(o);

    if (!strcmp(n->op, "HardSwish")) {
        mdl_flow_float(f, node, "alpha", 1.0 / 6);
        mdl_flow_float(f, node, "beta", 0.5);
    }
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
        const struct attributes *a = &attributes[i];
        if (strcmp(a->op, n->op) != 0 || (a->until && n->opset > a->until))
            continue;
        mdl_flow_float(f, node, "alpha", mdl_onnx_float(o, n, a->alpha, a->alpha_else));
        if (a->beta)
            mdl_flow_float(f, node, "beta", mdl_onnx_float(o, n, a->beta, a->beta_else));
        return;
    }
}

static void map_gelu(struct onnx *o, struct onnx_node *n)
{
    const char *how = mdl_onnx_string(o, n, "approximate", "none");

    if (strcmp(how, "none") != 0 && strcmp(how, "tanh") != 0)
        mdl_onnx_refuse(o, n, "approximate '%s'", how);
    emit(o, n, strcmp(how, "tanh") ? "gelu" : "gelu_tanh", n->in, n->n_in);
}

static void map_is_inf(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit(o, n, "is_inf", n->in, n->n_in);

    mdl_flow_float(mdl_onnx_flow(o), node, "alpha", mdl_onnx_int(o, n, "detect_negative", 1) != 0);
    mdl_flow_float(mdl_onnx_flow(o), node, "beta", mdl_onnx_int(o, n, "detect_positive", 1) != 0);
}

/* ---- two inputs, and more ---------------------------------------------------------------------- */

/* b with its first dim beside dim `axis` of a. */
static int32_t aligned(struct onnx *o, const struct onnx_node *n, int64_t axis)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t node = mdl_flow_node(f, "align", n->name, (int32_t[]){ n->in[1], n->in[0] }, 2, 1);

    mdl_flow_int(f, node, "axis", axis);
    return mdl_flow_result(f, node, 0);
}

/* Until opset 6 operands broadcast when it is said, and from an axis on. */
static void emit_pair(struct onnx *o, struct onnx_node *n, const char *kind)
{
    int32_t in[2] = { onnx_in(n, 0), onnx_in(n, 1) };

    if (n->opset < 7 && mdl_onnx_int(o, n, "broadcast", 0) && mdl_onnx_has(n, "axis"))
        in[1] = aligned(o, n, mdl_onnx_int(o, n, "axis", 0));
    else if (n->opset < 7)
        mdl_onnx_ignore(o, n, "axis");
    emit(o, n, kind, in, 2);
}

static void map_pair(struct onnx *o, struct onnx_node *n)
{
    emit_pair(o, n, line_of(n)->kind);
}

static void map_mod(struct onnx *o, struct onnx_node *n)
{
    emit_pair(o, n, mdl_onnx_int(o, n, "fmod", 0) ? "fmod" : "mod");
}

static void map_shift(struct onnx *o, struct onnx_node *n)
{
    const char *direction = mdl_onnx_string(o, n, "direction", "");

    if (strcmp(direction, "LEFT") != 0 && strcmp(direction, "RIGHT") != 0)
        mdl_onnx_refuse(o, n, "direction '%s'", direction);
    emit_pair(o, n, strcmp(direction, "RIGHT") ? "shift_left" : "shift_right");
}

/* Until opset 6 a slope is one number, or one for each channel. */
static void map_prelu(struct onnx *o, struct onnx_node *n)
{
    const int32_t in[2] = { onnx_in(n, 0), n->opset < 7 ? aligned(o, n, 1) : onnx_in(n, 1) };

    emit(o, n, "prelu", in, 2);
}

/* ((a + b) + c) + ... */
static int32_t chain(struct onnx *o, const struct onnx_node *n, const char *kind)
{
    int32_t all = onnx_in(n, 0);

    for (uint32_t i = 1; i < n->n_in; i++)
        all = mdl_flow_kind2(mdl_onnx_flow(o), "binary", kind, all, n->in[i]);
    if (n->opset < 6)
        mdl_onnx_ignore(o, n, "consumed_inputs");
    return all;
}

static void map_many(struct onnx *o, struct onnx_node *n)
{
    n->out[0] = chain(o, n, line_of(n)->kind);
}

static void map_mean(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t sum = chain(o, n, "add");
    const int32_t node = mdl_flow_node(f, "unary", n->name, &sum, 1, 1);

    mdl_flow_choice(f, node, "kind", "divide");
    mdl_flow_float(f, node, "alpha", (double)n->n_in);
    n->out[0] = mdl_flow_result(f, node, 0);
}

static void map_clip(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit(o, n, NULL, n->in, n->n_in);

    if (mdl_onnx_has(n, "min"))
        mdl_flow_float(mdl_onnx_flow(o), node, "low", mdl_onnx_float(o, n, "min", 0));
    if (mdl_onnx_has(n, "max"))
        mdl_flow_float(mdl_onnx_flow(o), node, "high", mdl_onnx_float(o, n, "max", 0));
}

/* ---- types --------------------------------------------------------------------------------------- */

static void take_rounding(struct onnx *o, const struct onnx_node *n, int32_t node)
{
    const char *round = mdl_onnx_string(o, n, "round_mode", "up");

    if (strcmp(round, "up") != 0 && strcmp(round, "down") != 0 && strcmp(round, "nearest") != 0)
        mdl_onnx_refuse(o, n, "round_mode '%s'", round);
    else
        mdl_flow_choice(mdl_onnx_flow(o), node, "round", round);
    mdl_flow_int(mdl_onnx_flow(o), node, "saturate", mdl_onnx_int(o, n, "saturate", 1) != 0);
}

/* Until opset 5 types were called by their names in TensorProto. */
static uint32_t type_by_name(const char *name)
{
    static const struct {
        const char *name;
        uint32_t type;
    } types[] = {
        { "FLOAT", MDL_F32 }, { "DOUBLE", MDL_F64 }, { "FLOAT16", MDL_F16 }, { "INT8", MDL_I8 },
        { "UINT8", MDL_U8 }, { "INT16", MDL_I16 }, { "UINT16", MDL_U16 }, { "INT32", MDL_I32 },
        { "UINT32", MDL_U32 }, { "INT64", MDL_I64 }, { "UINT64", MDL_U64 }, { "BOOL", MDL_BOOL },
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!strcmp(types[i].name, name))
            return types[i].type;
    return 0;
}

/* The type that the attribute "to" means; 0 after a refusal. */
static uint32_t type_to(struct onnx *o, const struct onnx_node *n)
{
    if (n->opset < 6 && !n->domain[0]) {
        const char *name = mdl_onnx_string(o, n, "to", "");
        if (!type_by_name(name))
            mdl_onnx_refuse(o, n, "to '%s'", name);
        return type_by_name(name);
    }
    const int64_t code = mdl_onnx_int(o, n, "to", 0);
    const uint32_t type = mdl_onnx_type(code);
    if (type && type != MDL_C64 && type != MDL_C128)
        return type;
    mdl_onnx_refuse(o, n, "to %lld", (long long)code);
    return 0;
}

static void map_cast(struct onnx *o, struct onnx_node *n)
{
    const uint32_t type = type_to(o, n);
    const int32_t node = mdl_onnx_emit(o, n, type == MDL_STRING ? "text_of" : "convert", n->in, n->n_in);

    if (type && type != MDL_STRING)
        mdl_flow_choice(mdl_onnx_flow(o), node, "to", mdl_type_name(type));
    if (type != MDL_STRING) {
        take_rounding(o, n, node);
        return;
    }
    mdl_onnx_ignore(o, n, "saturate");
    mdl_onnx_ignore(o, n, "round_mode");
}

static void map_cast_like(struct onnx *o, struct onnx_node *n)
{
    take_rounding(o, n, emit(o, n, NULL, n->in, n->n_in));
}

static void map_bit_cast(struct onnx *o, struct onnx_node *n)
{
    const uint32_t type = type_to(o, n);
    const int32_t node = emit(o, n, NULL, n->in, n->n_in);

    if (type)
        mdl_flow_choice(mdl_onnx_flow(o), node, "to", mdl_type_name(type));
}

/* ---- dropout --------------------------------------------------------------------------------------- */

/* x itself and a mask of true; before opset 10 the mask has x's type. */
static void drop_nothing(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t x = onnx_in(n, 0);

    n->out[0] = x;
    if (n->n_out < 2)
        return;
    n->out[1] = mdl_flow_kind1(f, "unary", "true", x);
    if (n->opset < 10)
        n->out[1] = mdl_flow_op2(f, "convert", n->out[1], x);
}

/* Is it a constant of one element, and which?  Otherwise the fallback. */
static double constant_or(struct onnx *o, int32_t value, double fallback)
{
    const struct flow_tensor *t = value == FLOW_NONE ? NULL : mdl_flow_constant(mdl_onnx_flow(o), value);
    double v;
    float narrow;

    if (!t || t->count != 1)
        return fallback;
    switch (t->type) {
    case MDL_BOOL:
        return *(const uint8_t *)t->data != 0;
    case MDL_F32:
        memcpy(&narrow, t->data, sizeof narrow);
        return (double)narrow;
    case MDL_F64:
        memcpy(&v, t->data, sizeof v);
        return v;
    default:
        return fallback;
    }
}

static void map_dropout(struct onnx *o, struct onnx_node *n)
{
    const int32_t ratio = onnx_in(n, 1), training = onnx_in(n, 2);

    mdl_onnx_ignore(o, n, "ratio");
    mdl_onnx_ignore(o, n, "is_test");
    mdl_onnx_ignore(o, n, "consumed_inputs");
    mdl_onnx_ignore(o, n, "seed");
    const double trains = training == FLOW_NONE ? 0 : constant_or(o, training, 2);
    const double share = ratio == FLOW_NONE ? 0.5 : constant_or(o, ratio, 0);
    if (trains == 0)
        drop_nothing(o, n);
    else if (trains == 1 && share != 0)
        mdl_onnx_refuse(o, n, "training");
    else
        emit(o, n, NULL, n->in, n->n_in);     /* known in the call */
}

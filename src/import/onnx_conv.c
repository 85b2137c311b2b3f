/*
 * import/onnx_conv.c - products of matrices, convolutions, pools, images
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx.h"

#include <string.h>

static int32_t emit(struct onnx *o, struct onnx_node *n, const char *op)
{
    return mdl_onnx_emit(o, n, op, n->in, n->n_in);
}

/* One of the choices of an attribute, by its place among ours; refused if it is none. */
static void choose(struct onnx *o, const struct onnx_node *n, int32_t node, const char *param,
                   const char *attr, const char *fallback, const char *const *theirs,
                   const char *const *ours)
{
    const char *v = mdl_onnx_string(o, n, attr, fallback);

    for (uint32_t i = 0; v && theirs[i]; i++)
        if (!strcmp(v, theirs[i])) {
            mdl_flow_choice(mdl_onnx_flow(o), node, param, ours[i]);
            return;
        }
    mdl_onnx_refuse(o, n, "%s '%s'", attr, v ? v : "");
}

/* ---- products -------------------------------------------------------------------------------------- */

static void map_gemm(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t node = emit(o, n, "gemm");

    mdl_flow_float(f, node, "alpha", mdl_onnx_float(o, n, "alpha", 1));
    mdl_flow_float(f, node, "beta", mdl_onnx_float(o, n, "beta", 1));
    mdl_flow_int(f, node, "trans_a", mdl_onnx_int(o, n, "transA", 0));
    mdl_flow_int(f, node, "trans_b", mdl_onnx_int(o, n, "transB", 0));
    if (n->opset < 7)
        mdl_onnx_ignore(o, n, "broadcast");   /* what fits without it fits with it */
}

static void map_einsum(struct onnx *o, struct onnx_node *n)
{
    const char *text = mdl_onnx_string(o, n, "equation", "");
    const int32_t node = emit(o, n, "einsum");
    int64_t codes[256];
    uint64_t count = 0;

    for (; text && *text && count < 256; text++)
        codes[count++] = *text;
    if (n->n_in > 8 || (text && *text) || !count)
        mdl_onnx_refuse(o, n, "%u tensors, an equation of %llu characters or more", (unsigned)n->n_in,
                        (unsigned long long)count);
    else
        mdl_flow_ints(mdl_onnx_flow(o), node, "equation", codes, count);
}

/* ---- windows --------------------------------------------------------------------------------------- */

/* A list with a number for each axis, if it is given. */
static void window_list(struct onnx *o, struct onnx_node *n, int32_t node, const char *attr,
                        const char *slot, int64_t least)
{
    uint64_t count;
    const int64_t *v = mdl_onnx_ints(o, n, attr, &count);

    if (!v || !count)
        return;
    for (uint64_t i = 0; i < count; i++)
        if (v[i] < least || v[i] > INT32_MAX) {
            mdl_onnx_refuse(o, n, "%s of %lld", attr, (long long)v[i]);
            return;
        }
    if (count > (strcmp(slot, "pads") ? 3 : 6)) {
        mdl_onnx_refuse(o, n, "%s of more than three axes", attr);
        return;
    }
    mdl_flow_ints(mdl_onnx_flow(o), node, slot, v, count);
}

static void window(struct onnx *o, struct onnx_node *n, int32_t node)
{
    window_list(o, n, node, "kernel_shape", "kernel", 1);
    window_list(o, n, node, "strides", "strides", 1);
    window_list(o, n, node, "pads", "pads", 0);
}

static void auto_pad(struct onnx *o, struct onnx_node *n, int32_t node)
{
    static const char *const theirs[] = { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL };
    static const char *const ours[] = { "none", "same_upper", "same_lower", "valid" };

    choose(o, n, node, "auto_pad", "auto_pad", "NOTSET", theirs, ours);
}

static void map_conv(struct onnx *o, struct onnx_node *n, const char *op)
{
    const int32_t node = emit(o, n, op);

    window(o, n, node);
    window_list(o, n, node, "dilations", "dilations", 1);
    if (strcmp(op, "deform_conv"))
        auto_pad(o, n, node);
    else
        mdl_flow_int(mdl_onnx_flow(o), node, "offset_group", mdl_onnx_int(o, n, "offset_group", 1));
    mdl_flow_int(mdl_onnx_flow(o), node, "group", mdl_onnx_int(o, n, "group", 1));
    if (strcmp(op, "conv_transpose"))
        return;
    window_list(o, n, node, "output_padding", "output_padding", 0);
    window_list(o, n, node, "output_shape", "output_shape", 0);
}

static void map_conv_plain(struct onnx *o, struct onnx_node *n) { map_conv(o, n, "conv"); }
static void map_conv_integer(struct onnx *o, struct onnx_node *n) { map_conv(o, n, "conv_integer"); }
static void map_qlinear_conv(struct onnx *o, struct onnx_node *n) { map_conv(o, n, "qlinear_conv"); }
static void map_deform_conv(struct onnx *o, struct onnx_node *n) { map_conv(o, n, "deform_conv"); }
static void map_transpose(struct onnx *o, struct onnx_node *n) { map_conv(o, n, "conv_transpose"); }

static void map_col2im(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit(o, n, "col2im");

    window_list(o, n, node, "dilations", "dilations", 1);
    window_list(o, n, node, "strides", "strides", 1);
    window_list(o, n, node, "pads", "pads", 0);
}

/* p of a norm: a number with a fraction in the oldest opset. */
static void norm(struct onnx *o, struct onnx_node *n, int32_t node)
{
    const double p = n->opset < 2 ? mdl_onnx_float(o, n, "p", 2) : (double)mdl_onnx_int(o, n, "p", 2);

    if (!(p >= 1 && p <= 1e6 && (double)(int64_t)p == p))
        mdl_onnx_refuse(o, n, "p of %g", p);
    else
        mdl_flow_int(mdl_onnx_flow(o), node, "p", (int64_t)p);
}

static void map_pool(struct onnx *o, struct onnx_node *n, const char *kind)
{
    struct flow *f = mdl_onnx_flow(o);
    const int32_t node = emit(o, n, "pool");

    mdl_flow_choice(f, node, "kind", kind);
    window(o, n, node);
    window_list(o, n, node, "dilations", "dilations", 1);
    auto_pad(o, n, node);
    mdl_flow_int(f, node, "ceil_mode", mdl_onnx_int(o, n, "ceil_mode", 0));
    if (!strcmp(kind, "max"))
        mdl_flow_int(f, node, "storage_order", mdl_onnx_int(o, n, "storage_order", 0));
    if (!strcmp(kind, "average"))
        mdl_flow_int(f, node, "count_include_pad", mdl_onnx_int(o, n, "count_include_pad", 0));
    if (!strcmp(kind, "lp"))
        norm(o, n, node);
    if (!mdl_onnx_has(n, "kernel_shape"))
        mdl_onnx_refuse(o, n, "no kernel_shape");
}

static void map_max_pool(struct onnx *o, struct onnx_node *n) { map_pool(o, n, "max"); }
static void map_average_pool(struct onnx *o, struct onnx_node *n) { map_pool(o, n, "average"); }
static void map_lp_pool(struct onnx *o, struct onnx_node *n) { map_pool(o, n, "lp"); }

static void map_global_lp(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit(o, n, "global_pool");

    mdl_flow_choice(mdl_onnx_flow(o), node, "kind", "lp");
    norm(o, n, node);
}

static void map_unpool(struct onnx *o, struct onnx_node *n)
{
    window(o, n, emit(o, n, "max_unpool"));
}

/* ---- boxes ----------------------------------------------------------------------------------------- */

static void map_roi_pool(struct onnx *o, struct onnx_node *n)
{
    uint64_t count;
    const int64_t *shape = mdl_onnx_ints(o, n, "pooled_shape", &count);
    const int32_t node = emit(o, n, "roi_pool");

    mdl_flow_float(mdl_onnx_flow(o), node, "scale", mdl_onnx_float(o, n, "spatial_scale", 1));
    if (count != 2) {
        mdl_onnx_refuse(o, n, "pooled_shape of %llu numbers", (unsigned long long)count);
        return;
    }
    mdl_flow_int(mdl_onnx_flow(o), node, "height", shape[0]);
    mdl_flow_int(mdl_onnx_flow(o), node, "width", shape[1]);
}

static void map_roi_align(struct onnx *o, struct onnx_node *n)
{
    static const char *const modes[] = { "avg", "max", NULL };
    struct flow *f = mdl_onnx_flow(o);
    const int32_t node = emit(o, n, "roi_align");

    mdl_flow_float(f, node, "scale", mdl_onnx_float(o, n, "spatial_scale", 1));
    mdl_flow_int(f, node, "height", mdl_onnx_int(o, n, "output_height", 1));
    mdl_flow_int(f, node, "width", mdl_onnx_int(o, n, "output_width", 1));
    mdl_flow_int(f, node, "samples", mdl_onnx_int(o, n, "sampling_ratio", 0));
    choose(o, n, node, "mode", "mode", "avg", modes, modes);
    const char *where = n->opset < 16 ? "output_half_pixel"
                                      : mdl_onnx_string(o, n, "coordinate_transformation_mode", "half_pixel");
    const int half = where && !strcmp(where, "half_pixel");
    if (!half && (!where || strcmp(where, "output_half_pixel")))
        mdl_onnx_refuse(o, n, "coordinate_transformation_mode '%s'", where ? where : "");
    mdl_flow_int(f, node, "half_pixel", half);
}

/* ---- sizes ----------------------------------------------------------------------------------------- */

static const char *const resize_modes[] = { "nearest", "linear", "cubic", "bilinear", NULL };
static const char *const resize_ours[] = { "nearest", "linear", "cubic", "linear" };

static void map_resize(struct onnx *o, struct onnx_node *n)
{
    static const char *const places[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric",
        "tf_crop_and_resize", "tf_half_pixel_for_nn", NULL };
    static const char *const nearests[] = { "round_prefer_floor", "round_prefer_ceil", "floor",
                                            "ceil", NULL };
    static const char *const aspects[] = { "stretch", "not_larger", "not_smaller", NULL };
    struct flow *f = mdl_onnx_flow(o);
    const int old = n->opset < 11;
    const int32_t in[4] = { onnx_in(n, 0), old ? FLOW_NONE : onnx_in(n, 1),
                            onnx_in(n, old ? 1 : 2), old ? FLOW_NONE : onnx_in(n, 3) };
    const int32_t node = mdl_onnx_emit(o, n, "resize", in, 4);
    uint64_t count;

    choose(o, n, node, "mode", "mode", "nearest", resize_modes, resize_ours);
    if (old) {
        mdl_flow_choice(f, node, "coordinate", "asymmetric");
        mdl_flow_choice(f, node, "nearest", "simple");
        return;
    }
    choose(o, n, node, "coordinate", "coordinate_transformation_mode", "half_pixel", places, places);
    choose(o, n, node, "nearest", "nearest_mode", "round_prefer_floor", nearests, nearests);
    mdl_flow_float(f, node, "cubic_coeff_a", mdl_onnx_float(o, n, "cubic_coeff_a", -0.75));
    mdl_flow_int(f, node, "exclude_outside", mdl_onnx_int(o, n, "exclude_outside", 0));
    mdl_flow_float(f, node, "extrapolation_value", mdl_onnx_float(o, n, "extrapolation_value", 0));
    if (n->opset < 18)
        return;
    mdl_flow_int(f, node, "antialias", mdl_onnx_int(o, n, "antialias", 0));
    choose(o, n, node, "aspect", "keep_aspect_ratio_policy", "stretch", aspects, aspects);
    const int64_t *axes = mdl_onnx_ints(o, n, "axes", &count);
    if (axes && count)
        mdl_flow_ints(f, node, "axes", axes, count);
}

static void map_upsample(struct onnx *o, struct onnx_node *n)
{
    struct flow *f = mdl_onnx_flow(o);
    int32_t in[3] = { onnx_in(n, 0), FLOW_NONE, onnx_in(n, 1) };
    uint64_t count;

    if (n->opset < 7) {           /* the last two of four axes */
        const float scales[4] = { 1, 1, (float)mdl_onnx_float(o, n, "height_scale", 1),
                                  (float)mdl_onnx_float(o, n, "width_scale", 1) };
        in[2] = mdl_flow_const(f, MDL_F32, 1, (const int64_t[]){ 4 }, scales);
    } else if (n->opset < 9) {
        const float *scales = mdl_onnx_floats(o, n, "scales", &count);
        in[2] = mdl_flow_const(f, MDL_F32, 1, (const int64_t[]){ (int64_t)count }, scales);
    }
    const int32_t node = mdl_onnx_emit(o, n, "resize", in, 3);
    choose(o, n, node, "mode", "mode", "nearest", resize_modes, resize_ours);
    mdl_flow_choice(f, node, "coordinate", "asymmetric");
    mdl_flow_choice(f, node, "nearest", "floor");
}

static void map_grid_sample(struct onnx *o, struct onnx_node *n)
{
    static const char *const modes[] = { "linear", "nearest", "cubic", "bilinear", "bicubic", NULL };
    static const char *const ours[] = { "linear", "nearest", "cubic", "linear", "cubic" };
    static const char *const paddings[] = { "zeros", "border", "reflection", NULL };
    const int32_t node = emit(o, n, "grid_sample");

    choose(o, n, node, "mode", "mode", n->opset < 20 ? "bilinear" : "linear", modes, ours);
    choose(o, n, node, "padding", "padding_mode", "zeros", paddings, paddings);
    mdl_flow_int(mdl_onnx_flow(o), node, "align_corners", mdl_onnx_int(o, n, "align_corners", 0));
}

static void map_affine_grid(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = emit(o, n, "affine_grid");

    mdl_flow_int(mdl_onnx_flow(o), node, "align_corners", mdl_onnx_int(o, n, "align_corners", 0));
}

static void map_image_decoder(struct onnx *o, struct onnx_node *n)
{
    mdl_onnx_ignore(o, n, "pixel_format");
    mdl_onnx_refuse(o, n, "pictures in files are for the program around the model to decode");
}

static const struct onnx_op ops[] = {
    { "MatMul", 1, 0, mdl_onnx_map_plain, "matmul", NULL },
    { "Gemm", 1, 0, map_gemm, NULL, NULL },
    { "Einsum", 12, 0, map_einsum, NULL, NULL },
    { "MatMulInteger", 10, 0, mdl_onnx_map_plain, "matmul_integer", NULL },
    { "QLinearMatMul", 10, 0, mdl_onnx_map_plain, "qlinear_matmul", NULL },
    { "Conv", 1, 0, map_conv_plain, NULL, NULL },
    { "ConvInteger", 10, 0, map_conv_integer, NULL, NULL },
    { "QLinearConv", 10, 0, map_qlinear_conv, NULL, NULL },
    { "ConvTranspose", 1, 0, map_transpose, NULL, NULL },
    { "DeformConv", 19, 0, map_deform_conv, NULL, NULL },
    { "Col2Im", 18, 0, map_col2im, NULL, NULL },
    { "MaxPool", 1, 0, map_max_pool, NULL, NULL },
    { "AveragePool", 1, 0, map_average_pool, NULL, NULL },
    { "LpPool", 1, 0, map_lp_pool, NULL, NULL },
    { "GlobalMaxPool", 1, 0, mdl_onnx_map_plain, "global_pool", "max" },
    { "GlobalAveragePool", 1, 0, mdl_onnx_map_plain, "global_pool", "average" },
    { "GlobalLpPool", 1, 0, map_global_lp, NULL, NULL },
    { "MaxUnpool", 9, 0, map_unpool, NULL, NULL },
    { "MaxRoiPool", 1, 0, map_roi_pool, NULL, NULL },
    { "RoiAlign", 10, 0, map_roi_align, NULL, NULL },
    { "Resize", 10, 0, map_resize, NULL, NULL },
    { "Upsample", 1, 9, map_upsample, NULL, NULL },
    { "GridSample", 16, 0, map_grid_sample, NULL, NULL },
    { "AffineGrid", 20, 0, map_affine_grid, NULL, NULL },
    { "Det", 11, 0, mdl_onnx_map_plain, "det", NULL },
    { "ImageDecoder", 20, 0, map_image_decoder, NULL, NULL },
    { NULL, 0, 0, NULL, NULL, NULL },
};

const struct onnx_family mdl_onnx_conv = { "", ops };

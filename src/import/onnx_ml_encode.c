/*
 * import/onnx_ml_encode.c - domain ai.onnx.ml: categories and labels to numbers and back
 *
 * SPDX-License-Identifier: MIT
 */
#include "import/onnx_ml.h"

#include <string.h>

void mdl_onnx_map_one_hot(struct onnx *o, struct onnx_node *n)
{
    const int32_t node = mdl_onnx_emit(o, n, "categories", n->in, n->n_in);
    uint64_t n_ints, n_texts;
    const int64_t *ints = mdl_onnx_ints(o, n, "cats_int64s", &n_ints);
    const char *const *texts = mdl_onnx_texts(o, n, "cats_strings", &n_texts);

    mdl_flow_int(mdl_onnx_flow(o), node, "strict", !mdl_onnx_int(o, n, "zeros", 1));
    if (!n_ints == !n_texts)
        mdl_onnx_refuse(o, n, "%llu cats_int64s and %llu cats_strings", (unsigned long long)n_ints,
                        (unsigned long long)n_texts);
    if (n_texts)
        mdl_onnx_ml_texts(o, node, "cat_text", texts, n_texts);
    else
        mdl_onnx_ml_list(o, node, "cats", MDL_I64, n_ints, ints);
}

/* Strings to integers or back, as x is. */
static int32_t both_ways(struct onnx *o, struct onnx_node *n, const char *const *texts,
                         const int64_t *ints, uint64_t count)
{
    const int32_t node = mdl_onnx_emit(o, n, "lookup", n->in, n->n_in);
    const int64_t fallback = mdl_onnx_int(o, n, "default_int64", -1);
    const char *other = mdl_onnx_string(o, n, "default_string", "_Unused");

    mdl_flow_int(mdl_onnx_flow(o), node, "last", 1);
    mdl_onnx_ml_texts(o, node, "key_text", texts, count);
    mdl_onnx_ml_list(o, node, "values", MDL_I64, count, ints);
    mdl_onnx_ml_list(o, node, "default", MDL_I64, 1, &fallback);
    mdl_onnx_ml_texts(o, node, "other_text", &other, 1);
    return node;
}

void mdl_onnx_map_category_mapper(struct onnx *o, struct onnx_node *n)
{
    uint64_t n_ints, n_texts;
    const int64_t *ints = mdl_onnx_ints(o, n, "cats_int64s", &n_ints);
    const char *const *texts = mdl_onnx_texts(o, n, "cats_strings", &n_texts);

    if (n_ints != n_texts)
        mdl_onnx_refuse(o, n, "%llu cats_int64s and %llu cats_strings", (unsigned long long)n_ints,
                        (unsigned long long)n_texts);
    else
        both_ways(o, n, texts, ints, n_ints);
}

void mdl_onnx_map_label_encoder1(struct onnx *o, struct onnx_node *n)
{
    uint64_t count;
    const char *const *texts = mdl_onnx_texts(o, n, "classes_strings", &count);
    int64_t *ints = mdl_arena_take(&mdl_onnx_flow(o)->arena, count, sizeof *ints);

    if (!ints) {
        mdl_onnx_refuse(o, n, "%llu classes", (unsigned long long)count);
        return;
    }
    for (uint64_t i = 0; i < count; i++)
        ints[i] = (int64_t)i;
    both_ways(o, n, texts, ints, count);
}

/* A list of one of the forms keys_floats, keys_int64s, keys_strings, keys_tensor; its type. */
static uint32_t label_list(struct onnx *o, const struct onnx_node *n, int32_t node,
                           const char *const *names, const char *slot, const char *text_slot)
{
    uint64_t n_floats, n_ints, n_texts;
    const float *floats = mdl_onnx_floats(o, n, names[0], &n_floats);
    const int64_t *ints = mdl_onnx_ints(o, n, names[1], &n_ints);
    const char *const *texts = mdl_onnx_texts(o, n, names[2], &n_texts);
    const struct flow_tensor *t = mdl_onnx_tensor(o, n, names[3]);

    if ((n_floats != 0) + (n_ints != 0) + (n_texts != 0) + (t != NULL) != 1) {
        mdl_onnx_refuse(o, n, "not one of %s, %s, %s, %s", names[0], names[1], names[2], names[3]);
        return 0;
    }
    if (n_texts || (t && t->type == MDL_STRING)) {
        mdl_onnx_ml_texts(o, node, text_slot, t ? t->data : texts, t ? t->count : n_texts);
        return MDL_STRING;
    }
    const uint32_t type = t ? t->type : n_floats ? MDL_F32 : MDL_I64;
    mdl_onnx_ml_list(o, node, slot, type, t ? t->count : n_floats ? n_floats : n_ints,
                     t ? t->data : n_floats ? (const void *)floats : ints);
    return type;
}

/* The default of a type, from default_tensor or the attribute of the type. */
static void label_default(struct onnx *o, const struct onnx_node *n, int32_t node, uint32_t type)
{
    const struct flow_tensor *t = mdl_onnx_tensor(o, n, "default_tensor");
    const char *text = mdl_onnx_string(o, n, "default_string", "_Unused");
    const int64_t i64 = mdl_onnx_int(o, n, "default_int64", -1);
    const float f32 = (float)mdl_onnx_float(o, n, "default_float", -0.0);
    const int32_t i32 = -1;
    const int16_t i16 = -1;
    const double f64 = -0.0;

    if (t && t->type == MDL_STRING)
        mdl_onnx_ml_texts(o, node, "default_text", t->data, t->count);
    else if (t)
        mdl_onnx_ml_list(o, node, "default", t->type, t->count, t->data);
    else if (type == MDL_STRING)
        mdl_onnx_ml_texts(o, node, "default_text", &text, 1);
    else
        mdl_onnx_ml_list(o, node, "default", type, 1,
                         type == MDL_F32 ? (const void *)&f32 : type == MDL_F64 ? (const void *)&f64
                     : type == MDL_I32 ? (const void *)&i32 : type == MDL_I16 ? (const void *)&i16
                         : &i64);
}

void mdl_onnx_map_label_encoder(struct onnx *o, struct onnx_node *n)
{
    static const char *const keys[] = { "keys_floats", "keys_int64s", "keys_strings",
                                        "keys_tensor" };
    static const char *const values[] = { "values_floats", "values_int64s", "values_strings",
                                          "values_tensor" };
    const int32_t node = mdl_onnx_emit(o, n, "lookup", n->in, n->n_in);

    mdl_flow_int(mdl_onnx_flow(o), node, "nan", n->opset >= 4);
    label_list(o, n, node, keys, "keys", "key_text");
    const uint32_t type = label_list(o, n, node, values, "values", "value_text");
    if (type != 0 && type != MDL_F32 && type != MDL_F64 && type != MDL_I16 && type != MDL_I32
        && type != MDL_I64 && type != MDL_STRING)
        mdl_onnx_refuse(o, n, "values of type %s", mdl_type_name(type));
    else if (type)
        label_default(o, n, node, type);
}

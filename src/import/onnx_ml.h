/*
 * import/onnx_ml.h - what the files of domain ai.onnx.ml share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_ONNX_ML_H
#define MDL_IMPORT_ONNX_ML_H

#include "import/onnx.h"

/* Numbers, or texts of one of two attributes, as a list of the operator (op/nd_ml.h). */
void mdl_onnx_ml_texts(struct onnx *o, int32_t node, const char *slot, const char *const *text,
                       uint64_t count);
void mdl_onnx_ml_list(struct onnx *o, int32_t node, const char *slot, uint32_t type, uint64_t count,
                      const void *data);
/* Class labels from two attributes; how many there are. */
uint64_t mdl_onnx_ml_labels(struct onnx *o, const struct onnx_node *n, int32_t node, const char *ints,
                            const char *strings);
/* Attribute post_transform as the choice `transform`; NULL when it is unknown (refused). */
const char *mdl_onnx_ml_transform(struct onnx *o, const struct onnx_node *n);
/* Type that a value is known to have, 0 if it is not. */
uint32_t mdl_onnx_ml_type(const struct onnx *o, int32_t value);
struct flow *mdl_onnx_ml_flow(const struct onnx *o);

/* onnx_ml_encode.c */
onnx_map mdl_onnx_map_one_hot, mdl_onnx_map_category_mapper, mdl_onnx_map_label_encoder1,
    mdl_onnx_map_label_encoder;
/* onnx_maps.c */
onnx_map mdl_onnx_map_zip, mdl_onnx_map_dict_vectorizer, mdl_onnx_map_cast_map;
/* onnx_ml_trees.c, onnx_ml_trees5.c */
onnx_map mdl_onnx_map_trees_classifier, mdl_onnx_map_trees_regressor, mdl_onnx_map_trees5;

#endif

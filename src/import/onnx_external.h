/*
 * import/onnx_external.h - tensors whose bytes lie in other files
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_ONNX_EXTERNAL_H
#define MDL_IMPORT_ONNX_EXTERNAL_H

#include "import/onnx_file.h"

/* The bytes of a TensorProto with external data; 0 after a failure.  They are read from below
 * the directory of the conversion, never from outside of it nor through links. */
int mdl_onnx_read_external(struct onnx *o, struct bytes tensor, const char *name, struct bytes *out);

#endif

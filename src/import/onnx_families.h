/*
 * import/onnx_families.h - every table of ONNX operators: FAMILY(name), an exported
 * `const struct onnx_family mdl_onnx_<name>`.  The only list.
 *
 * SPDX-License-Identifier: MIT
 */
FAMILY(base)       /* onnx_flow.c      constants, control flow, functions              */
FAMILY(math)       /* onnx_math.c     element by element                               */
FAMILY(shape)      /* onnx_shape.c     elements moved, picked, made and sorted           */
FAMILY(reduce)     /* onnx_reduce.c    sums, norms, losses, quantising, signals          */
FAMILY(ml)         /* onnx_ml.c        classic machine learning (ai.onnx.ml)              */
FAMILY(conv)       /* onnx_conv.c      products of matrices, convolutions, pools, images */
FAMILY(nn)         /* onnx_nn.c        recurrent layers, attention                       */
FAMILY(text)       /* onnx_text.c      strings                                           */
FAMILY(sequence)   /* onnx_sequence.c  sequences known at conversion                       */
FAMILY(training)   /* onnx_training.c  a step of an optimiser                          */
FAMILY(preview)    /* onnx_preview.c   FlexAttention                                     */

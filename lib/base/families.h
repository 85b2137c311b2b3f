/*
 * base/families.h - which families of operators are built: all, or those that `make OPS="..."` names
 *
 * Each MDL_OPS_<FAMILY> is 1 or 0.  What a family leaves out of the list of operators and of the
 * tables of kernels nothing refers to any more, so the linker drops it.  A model that needs it is
 * refused at load, by the operator's name.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_FAMILIES_H
#define MDL_BASE_FAMILIES_H

#ifdef MDL_OPS_ONLY
#  define MDL_OPS_REST 0
#else
#  define MDL_OPS_REST 1
#endif

#ifndef MDL_AVX512                /* 0: its tables of kernels are left out          */
#  define MDL_AVX512 1
#endif

#ifndef MDL_OPS_TREE              /* ensembles of trees                              */
#  define MDL_OPS_TREE MDL_OPS_REST
#endif
#ifndef MDL_OPS_EXPLAIN           /* what columns add to sums of trees               */
#  define MDL_OPS_EXPLAIN MDL_OPS_REST
#endif
#ifndef MDL_OPS_CTR               /* target statistics of categories, for trees      */
#  define MDL_OPS_CTR MDL_OPS_REST
#endif
#ifndef MDL_OPS_LINEAR            /* tables: linear, dense, links, columns made ready */
#  define MDL_OPS_LINEAR MDL_OPS_REST
#endif
#ifndef MDL_OPS_MATH              /* tensors element by element                      */
#  define MDL_OPS_MATH MDL_OPS_REST
#endif
#ifndef MDL_OPS_SHAPE             /* layout, indices, order                          */
#  define MDL_OPS_SHAPE MDL_OPS_REST
#endif
#ifndef MDL_OPS_CONV              /* products, convolutions, pools, images           */
#  define MDL_OPS_CONV MDL_OPS_REST
#endif
#ifndef MDL_OPS_REDUCE            /* sums, norms, losses, quantising, signals        */
#  define MDL_OPS_REDUCE MDL_OPS_REST
#endif
#ifndef MDL_OPS_NN                /* recurrent, attention                            */
#  define MDL_OPS_NN MDL_OPS_REST
#endif
#ifndef MDL_OPS_ML                /* ai.onnx.ml                                      */
#  define MDL_OPS_ML MDL_OPS_REST
#endif
#ifndef MDL_OPS_TEXT              /* strings                                         */
#  define MDL_OPS_TEXT MDL_OPS_REST
#endif

/* Graphs of tensors at all. */
#define MDL_OPS_TENSORS (MDL_OPS_MATH || MDL_OPS_SHAPE || MDL_OPS_CONV || MDL_OPS_REDUCE \
                         || MDL_OPS_NN || MDL_OPS_ML || MDL_OPS_TEXT)

#endif

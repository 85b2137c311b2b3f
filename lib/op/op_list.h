/*
 * op/op_list.h - every operator: OP(code, name)
 *
 * The only list.  Codes are on disk: never changed, never used again.  Families can be left
 * out of a build (base/families.h).
 *
 * SPDX-License-Identifier: MIT
 */

#if MDL_OPS_TREE
OP(1, trees)      /* tree.c      sums and leaf ids of a tree ensemble           */
#endif
#if MDL_OPS_LINEAR
OP(2, dense)      /* dense.c     y = act(W x + b)                               */
OP(3, linear)     /* linear.c    y = b + sum w x in column order, missing skipped */
OP(4, link)       /* link.c      logistic, exp, softmax, ... of a margin        */
OP(5, scale)      /* scale.c     (x - offset) / scale, or x * scale + offset    */
OP(6, impute)     /* impute.c    missing values replaced by column              */
OP(7, select)     /* select.c    some columns, in any order                     */
OP(8, concat)     /* concat.c    tables side by side                            */
OP(9, argmax)     /* label.c     column of the largest value                    */
OP(10, above)     /* label.c     1 where a value is above a threshold           */
OP(11, cast)      /* cast.c      another element type                           */
OP(12, complement)/* label.c    [1 - p, p]                                     */
OP(13, encode)    /* encode.c    position among the values of a column          */
OP(15, combine)   /* combine.c   sum, votes or median of several models' answers    */
#endif
#if MDL_OPS_TREE
OP(14, average)   /* average.c   sums by the iterations that went into them         */
#endif
#if MDL_OPS_CTR
OP(192, ctr)      /* ctr.c       numbers and target statistics of categories, for trees */
#endif

/* Tensor operators. */
#if MDL_OPS_TENSORS
OP(16, constant)  /* nd_constant.c  a tensor that is always the same                */
OP(17, texts)     /* nd_constant.c  strings that are always the same                */
OP(18, if)        /* nd_flow.c   one of two bodies                                  */
OP(19, loop)      /* nd_flow.c   a body again and again                             */
OP(20, loop_state)
OP(21, scan)      /* nd_flow.c   a body for each slice                              */
OP(22, scan_state)
#endif

/* Element by element. */
#if MDL_OPS_MATH
OP(32, unary)     /* nd_unary.c  f(x): abs, exp, relu, ...                          */
OP(33, binary)    /* nd_binary.c f(a, b): add, mul, pow, max, ...                   */
OP(34, compare)
OP(35, where)     /* nd_choose.c one of two, within bounds, or all                  */
OP(36, clip)
OP(37, dropout)
OP(38, align)
OP(39, convert)   /* nd_convert.c  as another type                                  */
OP(40, reinterpret)
#endif

/* Layout, indices, order. */
#if MDL_OPS_SHAPE
OP(64, reshape)   /* nd_shape.c  the same elements in another shape                 */
OP(65, flatten)
OP(66, squeeze)
OP(67, unsqueeze)
OP(68, shape)
OP(69, transpose) /* nd_layout.c elements in another order, or again and again      */
OP(70, depth_space)
OP(71, expand)
OP(72, tile)
OP(73, reverse_sequence)
OP(74, join)      /* nd_slice.c  tensors put together and cut                       */
OP(75, split)
OP(76, slice)
OP(77, pad)       /* nd_pad.c    more around a tensor, or less                      */
OP(78, center_crop_pad)
OP(79, gather)    /* nd_gather.c elements picked by number or condition             */
OP(80, gather_elements)
OP(81, gather_nd)
OP(82, compress)
OP(83, nonzero)
OP(84, scatter_elements)  /* nd_scatter.c  elements put by number                   */
OP(85, scatter_nd)
OP(86, tensor_scatter)
OP(87, topk)      /* nd_sort.c   the largest or smallest                            */
OP(88, order)     /* nd_unique.c the distinct elements                              */
OP(89, unique)
OP(90, fill)      /* nd_make.c   tensors made from little                           */
OP(91, eye)
OP(92, trilu)
OP(93, range)
OP(94, one_hot)
OP(95, cumulate)  /* nd_cumulate.c  sums and products so far                        */
#endif
#if MDL_OPS_CONV
OP(96, matmul)    /* nd_matmul.c products of matrices                               */
OP(97, gemm)
OP(98, einsum)    /* nd_einsum.c sums of products over labelled axes                */
OP(99, matmul_integer)    /* nd_matmul_int.c  products of matrices of bytes         */
OP(100, qlinear_matmul)
OP(101, conv)     /* nd_conv.c   convolutions                                       */
OP(102, conv_integer)     /* nd_conv_int.c    convolutions of bytes                 */
OP(103, qlinear_conv)
OP(104, conv_transpose)   /* nd_conv_transpose.c  windows put back into an image    */
OP(105, col2im)
OP(106, deform_conv)      /* nd_deform.c  convolutions whose taps are moved         */
OP(107, pool)     /* nd_pool.c   maximum, average or norm of windows                */
OP(108, global_pool)
OP(109, max_unpool)
OP(110, roi_pool) /* nd_roi.c    boxes of an image, brought to one size             */
OP(111, roi_align)
OP(112, resize)   /* nd_resize.c another size of an image                           */
OP(113, grid_sample)      /* nd_grid.c    images read at any places                 */
OP(114, affine_grid)
OP(115, det)      /* nd_det.c    determinants                                       */
#endif
#if MDL_OPS_REDUCE
OP(128, reduce)   /* nd_reduce.c sum, mean, norm or extreme over some axes          */
OP(129, arg)      /* nd_arg.c    where the largest or smallest number is            */
OP(130, softmax)  /* nd_softmax.c  softmax, its logarithm, its hard form            */
OP(131, nll_loss) /* nd_loss.c   negative log likelihood                            */
OP(132, batch_norm)   /* nd_batch_norm.c                                            */
OP(133, group_norm)   /* nd_norm.c   groups of channels                             */
OP(134, layer_norm)   /* nd_layer_norm.c  rows; RMS too                             */
OP(135, standardize)  /* nd_norm.c   mean 0, variance 1 over some axes              */
OP(136, lp_norm)      /* nd_norm.c   x over its norm                                */
OP(137, lrn)          /* nd_lrn.c    neighbouring channels                          */
OP(138, quantize)     /* nd_quantize.c  x / scale + zero, to few bits               */
OP(139, dequantize)   /* nd_quantize.c  (x - zero) scale                            */
OP(140, dynamic_quantize) /* nd_quantize.c  the same, by the extremes of x          */
OP(141, window)       /* nd_window.c  Hann, Hamming, Blackman                       */
OP(142, mel_weights)  /* nd_window.c  triangles on the mel scale                    */
OP(143, dft)          /* nd_dft.c    discrete Fourier transform                     */
OP(144, stft)         /* nd_dft.c    the same of frames                             */
OP(145, nms)          /* nd_nms.c    boxes that overlap none better                 */
#endif

/* Nets of their own. */
#if MDL_OPS_NN
OP(160, recurrent)    /* nd_recurrent.c  RNN, GRU, LSTM                             */
OP(161, attention)    /* nd_attention.c                                             */
OP(162, rotary)       /* nd_rotary.c  positions as angles                           */
OP(163, linear_attention)   /* nd_linear_attention.c                               */
#endif

/* Classic machine learning. */
#if MDL_OPS_ML
OP(176, table)    /* nd_table.c  a tensor as a table                                */
OP(177, positions)    /* positions.c  columns, then positions among values          */
OP(178, post_transform)   /* nd_ml.c  logistic, softmax, probit of scores           */
OP(179, linear_classes)   /* nd_classes.c  labels and scores                        */
OP(180, tree_classes)
OP(181, extremes)     /* nd_extremes.c  least or greatest of leaves                 */
OP(182, svm)          /* nd_svm.c    support vectors: regression                    */
OP(183, svm_classes)  /* nd_svm_classes.c                                           */
OP(184, lookup)       /* nd_lookup.c  values by keys                                */
OP(185, categories)   /* nd_lookup.c  1 where x is a category                       */
OP(186, rescale)      /* nd_columns.c  features made ready                          */
OP(187, replace)
OP(188, binarize)
OP(189, normalize_rows)
OP(190, feature_vector)   /* nd_features.c  side by side; picked                    */
OP(191, pick_columns)
#endif

/* Texts. */
#if MDL_OPS_TEXT
OP(200, text_concat)  /* nd_text.c   put together, made uniform, cut                */
OP(201, text_normalize)
OP(202, text_split)
OP(203, text_match)   /* nd_match.c  regular expressions                            */
OP(204, ngrams)       /* nd_ngrams.c counts of n-grams                              */
OP(205, text_of)      /* nd_text_of.c   numbers as strings                          */
#endif

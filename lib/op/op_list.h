/*
 * op/op_list.h - every operator: OP(code, name)
 *
 * The only list.  Codes are on disk: never changed, never used again.
 *
 * SPDX-License-Identifier: MIT
 */
OP(1, trees)      /* tree.c      sums and leaf ids of a tree ensemble           */
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
OP(14, average)   /* average.c   sums by the iterations that went into them         */

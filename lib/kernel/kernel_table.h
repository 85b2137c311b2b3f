/*
 * kernel/kernel_table.h - every kernel, as it fills a table; included inside its braces
 *
 * SPDX-License-Identifier: MIT
 */
    .rank_f32 = rank_f32,
    .rank_f64 = rank_f64,
    .ranks_f32 = ranks_f32,
    .ranks_f64 = ranks_f64,
    .match = match,
    .members = members,
    .walk = walk,
    .descend = descend,
    .descend_even = descend_even,
    .add_leaves_f32 = add_leaves_f32,
    .add_leaves_f64 = add_leaves_f64,
    .dense_f32 = dense_f32,
    .dense_f64 = dense_f64,
    .sub_div_f32 = sub_div_f32,
    .sub_div_f64 = sub_div_f64,
    .mul_add_f32 = mul_add_f32,
    .mul_add_f64 = mul_add_f64,
    .fill_nan_f32 = fill_nan_f32,
    .fill_nan_f64 = fill_nan_f64,
    .relu_f32 = relu_f32,
    .relu_f64 = relu_f64,
    .widen = widen,
    .narrow = narrow,

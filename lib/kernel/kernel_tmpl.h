/*
 * kernel/kernel_tmpl.h - every template, for each type it serves
 *
 * Included once by each kernel_<isa>.c, after its words.
 *
 * SPDX-License-Identifier: MIT
 */
#define WORD_F(name) vf_##name
#define WORD_D(name) vd_##name
#define NAMED_F(name) name##_f32
#define NAMED_D(name) name##_f64

#define RANK_REAL float
#define RANK_NAMED NAMED_F
#define RANK_WORD WORD_F
#include "kernel/rank_tmpl.h"
#undef RANK_REAL
#undef RANK_NAMED
#undef RANK_WORD
#define RANK_REAL double
#define RANK_NAMED NAMED_D
#define RANK_WORD WORD_D
#include "kernel/rank_tmpl.h"

#include "kernel/ranks_tmpl.h"
#include "kernel/top_tmpl.h"
#include "kernel/block_tmpl.h"
#include "kernel/tree_tmpl.h"

#define DENSE dense_f32
#define DENSE_REAL float
#define DENSE_VEC vf
#define DENSE_LANES VF_LANES
#define DENSE_WORD WORD_F
#include "kernel/dense_tmpl.h"
#undef DENSE
#undef DENSE_REAL
#undef DENSE_VEC
#undef DENSE_LANES
#undef DENSE_WORD
#define DENSE dense_f64
#define DENSE_REAL double
#define DENSE_VEC vd
#define DENSE_LANES VD_LANES
#define DENSE_WORD WORD_D
#include "kernel/dense_tmpl.h"

#define UNARY_NAMED NAMED_F
#define UNARY_REAL float
#define UNARY_VEC vf
#define UNARY_LANES VF_LANES
#define UNARY_WORD WORD_F
#include "kernel/unary_tmpl.h"
#undef UNARY_NAMED
#undef UNARY_REAL
#undef UNARY_VEC
#undef UNARY_LANES
#undef UNARY_WORD
#define UNARY_NAMED NAMED_D
#define UNARY_REAL double
#define UNARY_VEC vd
#define UNARY_LANES VD_LANES
#define UNARY_WORD WORD_D
#include "kernel/unary_tmpl.h"

#include "kernel/convert_tmpl.h"

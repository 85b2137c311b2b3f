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
#define RANK_FIELD f32
#define RANK_NAMED NAMED_F
#define RANK_WORD WORD_F
#include "kernel/rank_tmpl.h"
#undef RANK_REAL
#undef RANK_FIELD
#undef RANK_NAMED
#undef RANK_WORD
#define RANK_REAL double
#define RANK_FIELD f64
#define RANK_NAMED NAMED_D
#define RANK_WORD WORD_D
#include "kernel/rank_tmpl.h"

#include "kernel/ranks_tmpl.h"
#include "kernel/top_tmpl.h"
#include "kernel/block_tmpl.h"
#include "kernel/planes_tmpl.h"
#include "kernel/shap.h"
#include "kernel/shap_tmpl.h"

#define FEW_REAL float
#define FEW_NAMED NAMED_F
#ifdef VF_FEW_ROWS
#define FEW_ROWS VF_FEW_ROWS
#define FEW_TABLE vf_few
#define FEW_WORD WORD_F
#endif
#include "kernel/few_tmpl.h"
#undef FEW_REAL
#undef FEW_NAMED
#undef FEW_ROWS
#undef FEW_TABLE
#undef FEW_WORD
#define FEW_REAL double
#define FEW_NAMED NAMED_D
#ifdef VD_FEW_ROWS
#define FEW_ROWS VD_FEW_ROWS
#define FEW_TABLE vd_few
#define FEW_WORD WORD_D
#endif
#include "kernel/few_tmpl.h"

#include "kernel/deep.h"
#define DEEP_CALLS(name, key) \
    static void deep_rows_##name(uint32_t *leaf, const struct deep_table *d, size_t tree, \
                                 const key *keys, size_t eights) \
    { \
        mdl_deep_rows_##name(leaf, d, tree, keys, eights); \
    } \
    static void deep_row_##name(uint32_t *leaf, const struct deep_table *d, size_t tree, size_t n, \
                                const key *keys) \
    { \
        mdl_deep_row_##name(leaf, d, tree, n, keys); \
    }
DEEP_CALLS(u32, uint32_t)
DEEP_CALLS(u64, uint64_t)

#define LEAF_REAL float
#define LEAF_VEC vf
#define LEAF_LANES VF_LANES
#define LEAF_NAMED NAMED_F
#define LEAF_WORD WORD_F
#include "kernel/leaf_tmpl.h"
#undef LEAF_REAL
#undef LEAF_VEC
#undef LEAF_LANES
#undef LEAF_NAMED
#undef LEAF_WORD
#define LEAF_REAL double
#define LEAF_VEC vd
#define LEAF_LANES VD_LANES
#define LEAF_NAMED NAMED_D
#define LEAF_WORD WORD_D
#include "kernel/leaf_tmpl.h"

#define DENSE_OUTS 3u
#define DENSE_NAMED NAMED_F
#define DENSE_X float
#define DENSE_LOAD vf_load
#define DENSE_PART vf_load_part
#define DENSE_REAL float
#define DENSE_VEC vf
#define DENSE_LANES VF_LANES
#define DENSE_WORD WORD_F
#include "kernel/dense_tmpl.h"
#undef DENSE_NAMED
#undef DENSE_X
#undef DENSE_LOAD
#undef DENSE_PART
#undef DENSE_REAL
#undef DENSE_VEC
#undef DENSE_LANES
#undef DENSE_WORD
#define DENSE_NAMED NAMED_D
#define DENSE_X double
#define DENSE_LOAD vd_load
#define DENSE_PART vd_load_part
#define DENSE_REAL double
#define DENSE_VEC vd
#define DENSE_LANES VD_LANES
#define DENSE_WORD WORD_D
#include "kernel/dense_tmpl.h"
#undef DENSE_NAMED
#undef DENSE_X
#undef DENSE_OUTS
#undef DENSE_LOAD
#undef DENSE_PART
#define DENSE_NAMED(name) name##_mixed
#define DENSE_X float
#define DENSE_OUTS 1u
#define DENSE_LOAD vd_widen
#define DENSE_PART vd_widen_part
#include "kernel/dense_tmpl.h"

#include "kernel/convert_tmpl.h"

#include "kernel/each.h"
#include "kernel/each_tmpl.h"
#include "kernel/gemm_tmpl.h"

#include "kernel/math.h"
#include "kernel/exp_tmpl.h"
#define LINK_NEAR 1024u           /* numbers that stay in L1 */
#define LINK_REAL float
#define LINK_NAMED NAMED_F
#define LINK_LOAD vd_widen
#define LINK_LOAD_PART vd_widen_part
#define LINK_STORE vd_narrow
#define LINK_ROUND vd_as_float
#define LINK_IS_F32 1
#include "kernel/link_tmpl.h"
#undef LINK_REAL
#undef LINK_NAMED
#undef LINK_LOAD
#undef LINK_LOAD_PART
#undef LINK_STORE
#undef LINK_ROUND
#undef LINK_IS_F32
#define LINK_REAL double
#define LINK_NAMED NAMED_D
#define LINK_LOAD vd_load
#define LINK_LOAD_PART vd_load_part
#define LINK_STORE vd_store
#define LINK_ROUND(v) (v)
#define LINK_IS_F32 0
#include "kernel/link_tmpl.h"

#include "kernel/reduce.h"
#define REDUCE_REAL float
#define REDUCE_NAMED NAMED_F
#define REDUCE_LOAD vd_widen
#define REDUCE_STORE vd_narrow
#define REDUCE_VEC vf
#define REDUCE_LANES VF_LANES
#define REDUCE_WORD WORD_F
#define REDUCE_EXP(v) vf_exp_of(v, vf_set(0))
#include "kernel/reduce_tmpl.h"
#undef REDUCE_REAL
#undef REDUCE_NAMED
#undef REDUCE_LOAD
#undef REDUCE_STORE
#undef REDUCE_VEC
#undef REDUCE_LANES
#undef REDUCE_WORD
#undef REDUCE_EXP
#define REDUCE_REAL double
#define REDUCE_NAMED NAMED_D
#define REDUCE_LOAD vd_load
#define REDUCE_STORE vd_store
#define REDUCE_VEC vd
#define REDUCE_LANES VD_LANES
#define REDUCE_WORD WORD_D
#define REDUCE_EXP vd_exp_here
#include "kernel/reduce_tmpl.h"

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

/*
 * kernel/deep.c - walks by keys, for 32 and for 64 bits: see deep.h and deep_tmpl.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "base/compiler.h"
#include "base/families.h"

#if MDL_OPS_TREE
#include "kernel/deep.h"

#define NAMED_U32(name) name##_u32
#define NAMED_U64(name) name##_u64
#define DEEP_KEY uint32_t
#define DEEP_NODE deep_u32
#define DEEP_NAMED NAMED_U32
#include "kernel/deep_tmpl.h"
#undef DEEP_KEY
#undef DEEP_NODE
#undef DEEP_NAMED
#define DEEP_KEY uint64_t
#define DEEP_NODE deep_u64
#define DEEP_NAMED NAMED_U64
#include "kernel/deep_tmpl.h"
#endif

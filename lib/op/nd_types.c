/*
 * op/nd_types.c - elements of every type, to and from the types that arithmetic is written in
 *
 * Floats become integers towards zero, as far as int64 (of uint64: as uint64) holds them, NaN 0;
 * then the low bits of that, as numpy does.  Strings and complex numbers load as 0.
 *
 * SPDX-License-Identifier: MIT
 */
#include "op/nd.h"

#include "kernel/half.h"

#include <string.h>

/* ---- one element --------------------------------------------------------------------------- */

static int64_t int_of(double x)
{
    if (x >= 0x1p63)
        return INT64_MAX;
    if (x > -0x1p63)
        return (int64_t)x;
    return x != x ? 0 : INT64_MIN;
}

static uint64_t unsigned_of(double x)
{
    if (x >= 0x1p64)
        return UINT64_MAX;
    return x >= 0x1p63 ? (uint64_t)x : (uint64_t)int_of(x);
}

/* Types and kinds come in the same order. */
static enum small_kind small_of(uint32_t type)
{
    return (enum small_kind)(SMALL_E4M3FN + (type - MDL_F8E4M3FN));
}

/* The low bits of v that the type of 4 or 2 bits has, as its value; callers' bytes may have
 * anything in the others. */
static int value_of(uint32_t type, unsigned v)
{
    const unsigned mask = type == MDL_I4 || type == MDL_U4 ? 15 : 3, low = v & mask;

    return (type == MDL_I4 || type == MDL_I2) && low > mask / 2 ? (int)low - (int)mask - 1 : (int)low;
}

int64_t mdl_nd_int(const struct nd *t, uint64_t i)
{
    int64_t v;

    mdl_nd_load_i64(&v, t->data, t->type, i, 1);
    return v;
}

double mdl_nd_number(const struct nd *t, uint64_t i)
{
    double v;

    mdl_nd_load_f64(&v, t->data, t->type, i, 1);
    return v;
}

/* ---- many ---------------------------------------------------------------------------------- */

/* One case of a switch: elements of a C type, through an expression of v. */
#define LOAD(TYPE, C, EXPRESSION) \
    case TYPE: \
        for (size_t i = 0; i < n; i++) { \
            const C v = ((const C *)from)[first + i]; \
            to[i] = EXPRESSION; \
        } \
        return;

#define STORE(TYPE, C, EXPRESSION) \
    case TYPE: \
        for (size_t i = 0; i < n; i++) \
            ((C *)to)[first + i] = EXPRESSION; \
        return;

#define COPY(TYPE, C, to, from) \
    case TYPE: \
        if (n) \
            memcpy(to, from, n * sizeof(C)); \
        return;

#define LOAD_INTEGERS(REAL) \
    LOAD(MDL_I8, int8_t, (REAL)v) \
    LOAD(MDL_I16, int16_t, (REAL)v) \
    LOAD(MDL_U16, uint16_t, (REAL)v) \
    LOAD(MDL_I32, int32_t, (REAL)v) \
    LOAD(MDL_U32, uint32_t, (REAL)v) \
    LOAD(MDL_U64, uint64_t, (REAL)v) \
    LOAD(MDL_U8, uint8_t, (REAL)v) \
    LOAD(MDL_BOOL, uint8_t, (REAL)(v != 0)) \
    case MDL_I4: case MDL_U4: case MDL_I2: \
    LOAD(MDL_U2, uint8_t, (REAL)value_of(type, v))

#define CASE_SMALL \
    case MDL_F8E4M3FN: case MDL_F8E4M3FNUZ: case MDL_F8E5M2: case MDL_F8E5M2FNUZ: \
    case MDL_F8E8M0:

void mdl_nd_load_f64(double *to, const void *from, uint32_t type, uint64_t first, size_t n)
{
    switch (type) {
    COPY(MDL_F64, double, to, (const double *)from + first)
    LOAD(MDL_F32, float, (double)v)
    LOAD(MDL_F16, uint16_t, (double)half_to_float(v))
    LOAD(MDL_BF16, uint16_t, (double)bf16_to_float(v))
    LOAD_INTEGERS(double)
    LOAD(MDL_I64, int64_t, (double)v)
    CASE_SMALL
    LOAD(MDL_F4E2M1, uint8_t, (double)mdl_small_decode(small_of(type), v))
    default:
        memset(to, 0, n * sizeof *to);
    }
}

/* What is not worth a loop of its own goes through doubles, which hold it. */
#define THROUGH_F64(STATEMENT) \
    for (size_t at = 0, some; at < n; at += some) { \
        double wide[ND_CHUNK]; \
        some = n - at < ND_CHUNK ? n - at : ND_CHUNK; \
        STATEMENT \
    }

void mdl_nd_load_f32(float *to, const void *from, uint32_t type, uint64_t first, size_t n)
{
    switch (type) {
    COPY(MDL_F32, float, to, (const float *)from + first)
    LOAD(MDL_F16, uint16_t, half_to_float(v))
    LOAD(MDL_BF16, uint16_t, bf16_to_float(v))
    LOAD(MDL_I8, int8_t, (float)v)
    LOAD(MDL_U8, uint8_t, (float)v)
    LOAD(MDL_BOOL, uint8_t, (float)(v != 0))
    LOAD(MDL_I32, int32_t, (float)v)
    LOAD(MDL_I64, int64_t, (float)v)
    LOAD(MDL_U64, uint64_t, (float)v)
    default:
        THROUGH_F64(
            mdl_nd_load_f64(wide, from, type, first + at, some);
            for (size_t i = 0; i < some; i++)
                to[at + i] = (float)wide[i];)
    }
}

void mdl_nd_load_i64(int64_t *to, const void *from, uint32_t type, uint64_t first, size_t n)
{
    switch (type) {
    COPY(MDL_I64, int64_t, to, (const int64_t *)from + first)
    LOAD_INTEGERS(int64_t)
    default:
        THROUGH_F64(
            mdl_nd_load_f64(wide, from, type, first + at, some);
            for (size_t i = 0; i < some; i++)
                to[at + i] = int_of(wide[i]);)
    }
}

void mdl_nd_store_f32(void *to, uint32_t type, uint64_t first, const float *from, size_t n)
{
    switch (type) {
    COPY(MDL_F32, float, (float *)to + first, from)
    STORE(MDL_F16, uint16_t, half_from_float(from[i]))
    STORE(MDL_BF16, uint16_t, bf16_from_float(from[i]))
    default:
        THROUGH_F64(
            for (size_t i = 0; i < some; i++)
                wide[i] = (double)from[at + i];
            mdl_nd_store_f64(to, type, first + at, wide, some);)
    }
}

void mdl_nd_store_f64(void *to, uint32_t type, uint64_t first, const double *from, size_t n)
{
    int64_t whole[ND_CHUNK];

    switch (type) {
    COPY(MDL_F64, double, (double *)to + first, from)
    STORE(MDL_F32, float, (float)from[i])
    STORE(MDL_F16, uint16_t, (uint16_t)mdl_small_encode(SMALL_HALF, from[i], 0))
    STORE(MDL_BF16, uint16_t, (uint16_t)mdl_small_encode(SMALL_BF16, from[i], 0))
    STORE(MDL_U64, uint64_t, unsigned_of(from[i]))
    STORE(MDL_BOOL, uint8_t, from[i] != 0)      /* NaN is not either */
    CASE_SMALL
    STORE(MDL_F4E2M1, uint8_t, (uint8_t)mdl_small_encode(small_of(type), from[i], 0))
    default:
        for (size_t at = 0, some; at < n; at += some) {
            some = n - at < ND_CHUNK ? n - at : ND_CHUNK;
            for (size_t i = 0; i < some; i++)
                whole[i] = int_of(from[at + i]);
            mdl_nd_store_i64(to, type, first + at, whole, some);
        }
    }
}

void mdl_nd_store_i64(void *to, uint32_t type, uint64_t first, const int64_t *from, size_t n)
{
    switch (type) {
    case MDL_U64:
    COPY(MDL_I64, int64_t, (int64_t *)to + first, from)
    STORE(MDL_F32, float, (float)from[i])
    STORE(MDL_F64, double, (double)from[i])
    STORE(MDL_F16, uint16_t, half_from_float((float)from[i]))
    STORE(MDL_BF16, uint16_t, bf16_from_float((float)from[i]))
    case MDL_I8:
    STORE(MDL_U8, uint8_t, (uint8_t)from[i])
    case MDL_I16:
    STORE(MDL_U16, uint16_t, (uint16_t)from[i])
    case MDL_I32:
    STORE(MDL_U32, uint32_t, (uint32_t)from[i])
    STORE(MDL_BOOL, uint8_t, from[i] != 0)
    case MDL_I4: case MDL_U4: case MDL_I2:
    STORE(MDL_U2, uint8_t, (uint8_t)value_of(type, (unsigned)from[i]))
    CASE_SMALL
    STORE(MDL_F4E2M1, uint8_t, (uint8_t)mdl_small_encode(small_of(type), (double)from[i], 0))
    default:
        return;
    }
}

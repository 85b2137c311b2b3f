/*
 * kernel/math.h - exponentials and logarithms without a C library
 *
 * The same bits on every machine.  Within 1 ULP of the exact value, expm1 and tanh within 1.5
 * (measured against MPFR in tests/test_kernel_math.c).  Special values as in C99 annex F.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_KERNEL_MATH_H
#define MDL_KERNEL_MATH_H

#include "kernel/math_table.h"

#define ROUND_BIAS 0x1.8p52      /* adding it rounds to an integer */

extern const double mdl_exp_powers[64][2];

double mdl_exp(double x);
double mdl_exp2(double x);
double mdl_expm1(double x);
double mdl_log1p(double x);
double mdl_tanh(double x);

/* XGBoost's logistic (common::Sigmoid): 1 / (e^min(-x, clamp) + 1 + tiny) in float32. */
#define LOGISTIC_CLAMP ((double)88.7f)
#define LOGISTIC_TINY  ((double)1e-16f)

#endif

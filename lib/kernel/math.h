/*
 * kernel/math.h - the functions of math.h that are needed, without a C library
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
double mdl_log(double x);

/* e^(high + low), |low| far below |high| */
double mdl_exp_sum(double high, double low);

/* math_more.c: within 2 ULP, pow 1.5, erfc 4. */
double mdl_sqrt(double x);         /* rounded once, as are the next four */
double mdl_sqrt_by_hand(double x);   /* the same, where no instruction has it */
double mdl_floor(double x);
double mdl_round_even(double x);
double mdl_fmod(double x, double y);
double mdl_pow(double x, double y);
double mdl_sinh(double x);
double mdl_cosh(double x);
double mdl_asinh(double x);
double mdl_acosh(double x);
double mdl_atanh(double x);
double mdl_erf(double x);
double mdl_erfc(double x);

/* math_trig.c: within 2 ULP for all doubles, tan 2.5. */
double mdl_sin(double x);
double mdl_cos(double x);
double mdl_tan(double x);
double mdl_asin(double x);
double mdl_acos(double x);
double mdl_atan(double x);

/* XGBoost's logistic (common::Sigmoid): 1 / (e^min(-x, clamp) + 1 + tiny) in float32. */
#define LOGISTIC_CLAMP ((double)88.7f)
#define LOGISTIC_TINY  ((double)1e-16f)

#endif

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

double mdl_exp(double x);
double mdl_exp2(double x);
double mdl_expm1(double x);
double mdl_log1p(double x);
double mdl_tanh(double x);

#endif

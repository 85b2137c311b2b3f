/*
 * op/nd_number.h - strings in tensors that are numbers
 *
 * Blanks around them do not matter; the whole string must be one.
 *
 *     number    [+-] (digits [. digits] | . digits) [(e|E) [+-] digits]
 *               [+-] (inf | infinity | nan)          in any case
 *     integer   [+-] digits
 *
 * A number is the nearest double: surely up to 15 digits and 10^22 either way, beyond that
 * unless it lies within 2^-90 of its size to the middle of two doubles.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_NUMBER_H
#define MDL_OP_ND_NUMBER_H

#include <stdint.h>

/* 0 when it is none: *to is as it was.  Integers: from -2^63 to 2^64 - 1, as their 64 bits. */
int mdl_nd_read_number(const char *text, double *to);
int mdl_nd_read_int(const char *text, int64_t *to);

#endif

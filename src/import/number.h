/*
 * import/number.h - text to numbers: correctly rounded, without locale
 *
 * Each reads the longest number at the beginning of `n` bytes, stores it and returns
 * how many bytes it took, or returns 0 and stores nothing.  No blanks are skipped,
 * nothing behind p[n - 1] is read, time is linear in the bytes.
 *
 *     real      [+-] (digits [. digits] | . digits) [(e|E) [+-] digits]
 *               [+-] (inf | infinity | nan)            in any case
 *     integer   [+-] digits
 *
 * A real becomes the nearest float, of two the even one, whatever the rounding mode of
 * the processor is; beyond the largest it is infinite, below half the smallest 0.
 * mdl_parse_f32 rounds once, straight from decimal.  An integer that does not fit is
 * no number.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_NUMBER_H
#define MDL_IMPORT_NUMBER_H

#include "base/compiler.h"

size_t mdl_parse_f64(const char *p, size_t n, double *out);
size_t mdl_parse_f32(const char *p, size_t n, float *out);
size_t mdl_parse_i64(const char *p, size_t n, int64_t *out);

#endif

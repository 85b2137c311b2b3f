/*
 * op/nd_fft.h - discrete Fourier transforms of any length, in double
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_OP_ND_FFT_H
#define MDL_OP_ND_FFT_H

#include "op/nd.h"

#define FFT_MOST ((int64_t)1 << 30)  /* numbers of a transform, at most                 */

struct fft {
    uint64_t n, m;                /* m: the power of two that it runs on, at least n   */
    double  *turn;                /* [m / 2] e^(-2 pi i k / m)                         */
    double  *chirp, *filter, *work;  /* when n is no power of two: [n], [m], [m]        */
};

/* Bytes that a transform of n from 1 to FFT_MOST numbers needs. */
uint64_t mdl_nd_fft_bytes(uint64_t n);
void mdl_nd_fft_plan(struct fft *f, uint64_t n, void *memory);
/* x[k] = sum over j of x[j] e^(-2 pi i j k / n), n complex numbers in place.  The inverse, times
 * n, is the same with real and imaginary parts exchanged before and after. */
void mdl_nd_fft(const struct fft *f, double *x);

#endif

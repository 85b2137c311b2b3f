/*
 * kernel/convert_tmpl.h - float32 to float64 and back
 *
 * SPDX-License-Identifier: MIT
 */
static void widen(double *y, const float *x, size_t n)
{
    size_t i = 0;

    for (; i + VD_LANES <= n; i += VD_LANES)
        vd_store(y + i, vd_widen(x + i));
    for (; i < n; i++)
        y[i] = (double)x[i];
}

static void narrow(float *y, const double *x, size_t n)
{
    size_t i = 0;

    for (; i + VD_LANES <= n; i += VD_LANES)
        vd_narrow(y + i, vd_load(x + i));
    for (; i < n; i++)
        y[i] = (float)x[i];
}

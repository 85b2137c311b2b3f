/*
 * table.c - see table.h
 *
 * SPDX-License-Identifier: MIT
 */
#include "table.h"

#include <string.h>

static uint64_t cell_bytes(uint32_t type)
{
    return type == MDL_F32 || type == MDL_I32 ? 4 : 8;
}

static int is_packed(const struct table *t)
{
    return t->col_stride == (int64_t)cell_bytes(t->type) || t->cols == 1;
}

int mdl_table_fits(const struct table *t, const struct value *v, uint32_t type)
{
    const uint64_t odd = cell_bytes(t->type) - 1;

    return !t->csr && t->type == type && t->cols == v->cols && is_packed(t)
        && t->row_stride >= 0 && !(((uintptr_t)t->data | (uint64_t)t->row_stride) & odd);
}

/* One strided row into packed cells of `type`. */
static void read_cells(void *to, uint32_t type, const struct table *t, uint64_t row)
{
    const unsigned char *at = table_cell(t, row, 0);

    for (uint64_t c = 0; c < t->cols; c++, at += t->col_stride) {
        float narrow = 0;
        double wide = 0;

        if (t->type == MDL_F32) {
            memcpy(&narrow, at, sizeof narrow);
            wide = (double)narrow;
        } else {
            memcpy(&wide, at, sizeof wide);
            narrow = (float)wide;
        }
        if (type == MDL_F32)
            ((float *)to)[c] = narrow;
        else
            ((double *)to)[c] = wide;
    }
}

static void read_row(const struct kernels *k, void *to, uint32_t type, const struct table *t,
                     uint64_t row)
{
    const void *from = table_cell(t, row, 0);

    if (!is_packed(t) || (uintptr_t)from & (cell_bytes(t->type) - 1)) {
        read_cells(to, type, t, row);
        return;
    }
    if (t->type == type)
        memcpy(to, from, (size_t)(t->cols * cell_bytes(type)));
    else if (type == MDL_F64)
        k->widen(to, from, (size_t)t->cols);
    else
        k->narrow(to, from, (size_t)t->cols);
}

/* One sparse row into packed cells; what it leaves out is `absent`. */
static mdl_status read_sparse(void *to, uint32_t type, const mdl_csr *csr, double absent,
                              uint64_t row, mdl_error *err)
{
    const int64_t begin = csr_index(csr, csr->row_start, row);
    const int64_t end = csr_index(csr, csr->row_start, row + 1);

    if (begin < 0 || end < begin)
        return mdl_fail(err, MDL_ERR_DATA, "row %llu begins at %lld and ends at %lld",
                        (unsigned long long)row, (long long)begin, (long long)end);
    for (uint64_t c = 0; c < csr->cols; c++) {
        if (type == MDL_F32)
            ((float *)to)[c] = (float)absent;
        else
            ((double *)to)[c] = absent;
    }
    for (int64_t i = begin; i < end; i++) {
        const int64_t c = csr_index(csr, csr->columns, (uint64_t)i);
        if (c < 0 || (uint64_t)c >= csr->cols)
            return mdl_fail(err, MDL_ERR_DATA, "row %llu has a value in column %lld of %llu",
                            (unsigned long long)row, (long long)c, (unsigned long long)csr->cols);
        const double v = csr->type == MDL_F32 ? (double)((const float *)csr->values)[i]
                                              : ((const double *)csr->values)[i];
        if (type == MDL_F32)
            ((float *)to)[c] = (float)v;
        else
            ((double *)to)[c] = v;
    }
    return MDL_OK;
}

mdl_status mdl_table_read(const struct kernels *k, struct view to, uint32_t type,
                          const struct table *t, double absent, uint64_t first, size_t rows,
                          mdl_error *err)
{
    for (size_t r = 0; r < rows; r++) {
        if (t->csr) {
            const mdl_status s = read_sparse(view_row(to, r), type, t->csr, absent, first + r, err);
            if (s)
                return s;
            continue;
        }
        read_row(k, view_row(to, r), type, t, first + r);
    }
    return MDL_OK;
}

/* A float cut towards zero; what does not fit, and NaN, becomes the nearest or 0. */
static int64_t cut(double v, uint32_t type)
{
    const double low = type == MDL_I32 ? -0x1p31 : -0x1p63, high = -low;

    if (!(v > low))
        return v != v ? 0 : type == MDL_I32 ? INT32_MIN : INT64_MIN;
    if (v >= high)
        return type == MDL_I32 ? INT32_MAX : INT64_MAX;
    return (int64_t)v;
}

static void write_cell(unsigned char *to, uint32_t to_type, const void *from, uint32_t type,
                       uint64_t c)
{
    const double v = type == MDL_F32 ? (double)((const float *)from)[c]
                   : type == MDL_F64 ? ((const double *)from)[c]
                                     : (double)((const int32_t *)from)[c];
    const float f32 = (float)v;
    const int64_t i64 = to_type == MDL_I32 || to_type == MDL_I64 ? cut(v, to_type) : 0;
    const int32_t i32 = (int32_t)i64;

    switch (to_type) {
    case MDL_F32: memcpy(to, &f32, sizeof f32); break;
    case MDL_F64: memcpy(to, &v, sizeof v); break;
    case MDL_I32: memcpy(to, &i32, sizeof i32); break;
    default: memcpy(to, &i64, sizeof i64); break;
    }
}

void mdl_table_write(const struct kernels *k, const struct table *y, uint64_t first, size_t rows,
                     struct view from, uint32_t type)
{
    const int narrows = y->type == MDL_F32 && type == MDL_F64 && is_packed(y)
                     && !(((uintptr_t)y->data | (uint64_t)y->row_stride) & (sizeof(float) - 1));

    for (size_t r = 0; r < rows; r++) {
        unsigned char *to = (unsigned char *)(uintptr_t)table_cell(y, first + r, 0);
        if (narrows) {
            k->narrow((float *)(void *)to, view_row(from, r), (size_t)y->cols);
            continue;
        }
        for (uint64_t c = 0; c < y->cols; c++, to += y->col_stride)
            write_cell(to, y->type, view_row(from, r), type, c);
    }
}

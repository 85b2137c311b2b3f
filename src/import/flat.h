/*
 * import/flat.h - FlatBuffers: tables read in place
 *
 * Everything is found by offsets that the file gives, and each is checked before it is
 * followed, so any bytes can be read.  What a table does not have is its default.
 *
 *     buffer    u32 place of the root table, ...
 *     table     i32 its vtable lies that far before it, fields
 *     vtable    u16 bytes of it, u16 bytes of the table, u16 place of each field, 0: absent
 *     field     a number, or u32: a table, text or vector lies that far behind this field
 *     vector    u32 elements, elements; of tables: places as of a field
 *
 * The first failure goes to the error and stays in `status`; after it everything reads as
 * absent or empty, so one test at the end of a section is enough.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_FLAT_H
#define MDL_IMPORT_FLAT_H

#include "base/bytes.h"
#include "base/status.h"

struct flat {
    struct bytes in;              /* the buffer; its offsets in the file begin at `offset` */
    uint64_t     offset;
    mdl_error   *err;
    mdl_status   status;
};

struct flat_table {
    struct flat *f;
    size_t   at;                  /* of the table in the buffer                          */
    size_t   vtable;
    uint32_t n_fields, bytes;     /* 0 fields: an absent table                           */
};

/* `n` elements, all within the buffer, not aligned. */
struct flat_vector {
    struct flat *f;
    const unsigned char *data;
    uint32_t n;
};

/* The root of a buffer that is in.at .. in.end of a file. */
struct flat_table mdl_flat_root(struct flat *f, struct bytes in, mdl_error *err);

/* Fail at a place of the buffer, with one sentence. */
mdl_status mdl_flat_fail(struct flat *f, size_t at, const char *format, ...) MDL_PRINTF(3, 4);

int64_t mdl_flat_i32(const struct flat_table *t, uint32_t field, int32_t otherwise);
uint8_t mdl_flat_u8(const struct flat_table *t, uint32_t field, uint8_t otherwise);
float mdl_flat_f32(const struct flat_table *t, uint32_t field, float otherwise);
double mdl_flat_f64(const struct flat_table *t, uint32_t field, double otherwise);

struct flat_table mdl_flat_table(const struct flat_table *t, uint32_t field);
/* Elements of `bytes` bytes each; of a vector of tables and of texts 4. */
struct flat_vector mdl_flat_vector(const struct flat_table *t, uint32_t field, size_t bytes);
/* One of a vector of texts. */
struct flat_vector mdl_flat_text(const struct flat_vector *v, uint32_t i);
/* One of a vector of tables. */
struct flat_table mdl_flat_item(const struct flat_vector *v, uint32_t i);

#endif

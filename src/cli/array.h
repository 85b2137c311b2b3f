/*
 * cli/array.h - an array of any type and rank, whole in memory, from and into .npy files
 *
 *     descr          type                      descr           type
 *     b1             MDL_BOOL                  f2 f4 f8        MDL_F16, MDL_F32, MDL_F64
 *     i1 ... i8      MDL_I8 ... MDL_I64        c8 c16          MDL_C64, MDL_C128
 *     u1 ... u8      MDL_U8 ... MDL_U64        U.., S..        MDL_STRING, as UTF-8
 *     V1 V2          bits of a type that numpy does not know: what the model says, a float of
 *                    8 or 4 bits, an integer below 8, bfloat16
 *
 * Either byte order and either order of elements are read; little-endian C order is written.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_ARRAY_H
#define MDL_CLI_ARRAY_H

#include "base/status.h"

#include <stdio.h>

struct array {
    uint32_t type;                /* MDL_*; 0: raw bits of `item_bytes`, see above          */
    uint32_t rank, item_bytes;
    uint64_t count;               /* product of dims                                        */
    int64_t  dims[MDL_MAX_RANK];
    void    *data;                /* packed, owned; MDL_STRING: const char *[count]         */
    char    *texts;               /* what those point to, owned                             */
};

/* A .npy file in memory; `name` is for messages.  On failure nothing is left to free. */
mdl_status cli_array_read(struct array *a, const char *name, const void *bytes, size_t size,
                          mdl_error *err);
/* A packed array of a type and shape, zeroed. */
mdl_status cli_array_make(struct array *a, uint32_t type, uint32_t rank, const int64_t *dims,
                          mdl_error *err);
void cli_array_free(struct array *a);

/* Make it an array of `type` where that loses nothing but digits of floats: between floats, from
 * integers and booleans to integers that hold them and to floats.  *rounded is set when float64
 * became less.  Else MDL_ERR_DATA with `what` ("input 'ids'"), and how to do it in numpy. */
mdl_status cli_array_convert(struct array *a, uint32_t type, const char *what, int *rounded,
                             mdl_error *err);

/* Bytes of an element in memory, 0 for texts and what is unknown; what numpy calls the type, NULL
 * when it does not know it. */
uint32_t cli_item_bytes(uint32_t type);
const char *cli_numpy_name(uint32_t type);

/* "[2, 3]"; any dimension below 0 is "any".  Returns `out`. */
const char *cli_shape_text(char *out, size_t room, uint32_t rank, const int64_t *dims);

/* The .npy file of a packed tensor: the bytes of its header (malloced) and of its elements; texts
 * are turned into UTF-32 (malloced, else *elements is t->data). */
struct npy_image {
    unsigned char *head;
    size_t      head_bytes;
    const void *elements;
    void       *owned;
    uint64_t    element_bytes;
};
mdl_status cli_npy_image(struct npy_image *image, const mdl_tensor *t, mdl_error *err);
void cli_npy_image_free(struct npy_image *image);

#endif

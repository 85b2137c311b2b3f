/*
 * import/inflate.h - gzip (RFC 1952, RFC 1951) unpacked in memory
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_INFLATE_H
#define MDL_IMPORT_INFLATE_H

#include "base/bytes.h"
#include "base/vec.h"

/* Append what one gzip member holds, at most `most` bytes, and pass over it.  MDL_ERR_FORMAT for
 * what is none or is damaged, its length and CRC included; MDL_ERR_LIMIT beyond `most`. */
mdl_status mdl_gunzip(struct vec *out, struct bytes *in, uint64_t most,
                      const mdl_allocator *allocator, mdl_error *err);

#endif

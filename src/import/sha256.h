/*
 * import/sha256.h - SHA-256 (FIPS 180-4), for the provenance of a model
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_SHA256_H
#define MDL_IMPORT_SHA256_H

#include "base/compiler.h"

#define MDL_SHA256_BYTES 32
#define MDL_SHA256_TEXT  65       /* hexadecimal and its end */

/* The digest of `size` bytes. */
void mdl_sha256(unsigned char digest[MDL_SHA256_BYTES], const void *bytes, size_t size);

/* The same by plain C alone: the judge of the processor's instructions. */
void mdl_sha256_ref(unsigned char digest[MDL_SHA256_BYTES], const void *bytes, size_t size);

/* The digest in lower-case hexadecimal. */
void mdl_sha256_text(char text[MDL_SHA256_TEXT], const void *bytes, size_t size);

#endif

/*
 * base/status.h - the one way to fail, and sizes that cannot wrap
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_BASE_STATUS_H
#define MDL_BASE_STATUS_H

#include "base/compiler.h"
#include "mdl.h"

/* Fill *err (NULL is fine) and return `status`: return mdl_fail(err, ..., ...).
 * Numbers with a fraction are not for these texts: printf writes them by locale. */
mdl_status mdl_fail(mdl_error *err, mdl_status status, const char *format, ...) MDL_PRINTF(3, 4);

/* The same with the place in the file. */
mdl_status mdl_fail_at(mdl_error *err, mdl_status status, const char *section, uint64_t offset,
                       const char *format, ...) MDL_PRINTF(5, 6);

/* The way out of a file that ends too early: "the file ends within ...: " MDL_CUT_OFF. */
#define MDL_AGAIN   "copy it or save it again"
#define MDL_CUT_OFF "it is cut off; " MDL_AGAIN

/* Say where an error that was found without knowing the file belongs; what is known
 * already stays.  `who` ("node 3 (trees)") goes before the text; NULL for none. */
void mdl_error_where(mdl_error *err, const char *section, uint64_t offset, const char *who);

/* Copy what fits of one error into another whose size may differ. */
void mdl_error_copy(mdl_error *to, const mdl_error *from);

/* Copy untrusted text for a message: control bytes and quotes become '?', at most
 * room - 1 bytes, terminated.  Returns `out`. */
const char *mdl_safe_text(char *out, size_t room, const char *text, size_t length);

/* A double in the shortest %g form that reads back as the same double, without
 * locale.  Returns `out`; 32 bytes are enough. */
const char *mdl_number_text(char *out, size_t room, double v);

/* *out = a + b, a * b; 0 when it does not fit, and *out is then untouched. */
static inline int size_add(uint64_t a, uint64_t b, uint64_t *out)
{
    if (a > UINT64_MAX - b)
        return 0;
    *out = a + b;
    return 1;
}

static inline int size_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    if ((a | b) >> 32 && b && a > UINT64_MAX / b)    /* small ones need no division */
        return 0;
    *out = a * b;
    return 1;
}

/* Bytes of one element; 0 for an unknown type and for strings. */
size_t mdl_type_bytes(uint32_t type);
/* "float32", ... or "?" */
const char *mdl_type_name(uint32_t type);

#endif

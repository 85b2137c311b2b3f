/*
 * cli/npz.h - arrays in one file, as numpy.savez writes them: a zip without compression
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_CLI_NPZ_H
#define MDL_CLI_NPZ_H

#include "base/status.h"

#include <stdio.h>

struct npz {
    const char *name;             /* for messages; the caller keeps it              */
    unsigned char *bytes;         /* the whole file, owned                          */
    size_t  size;
    size_t  directory_at;         /* of the central directory                       */
    unsigned count;               /* members                                        */
};

/* One array: its name without ".npy", not NUL-ended, and its bytes inside npz->bytes. */
struct npz_member {
    const char *name;
    size_t      name_length;
    const unsigned char *bytes;
    size_t      size;
};

/* Takes over malloced bytes, also when it fails; every member has been checked then. */
mdl_status cli_npz_open(struct npz *npz, const char *name, unsigned char *bytes, size_t size,
                        mdl_error *err);
void cli_npz_close(struct npz *npz);

/* Write one: a .npy file each, in two pieces. */
struct npz_part {
    const char *name;             /* of the array                                   */
    const void *head, *rest;
    uint64_t    head_bytes, rest_bytes;
};
/* The bytes are the same on every day.  Whether all was written, the caller asks the file. */
mdl_status cli_npz_write(FILE *to, const struct npz_part *parts, size_t n, mdl_error *err);

/* Member i < npz->count. */
mdl_status cli_npz_member(const struct npz *npz, unsigned i, struct npz_member *out,
                          mdl_error *err);

#endif

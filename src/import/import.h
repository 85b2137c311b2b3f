/*
 * import/import.h - what an importer is
 *
 * To add one: a file with a probe, a convert and one exported `struct importer`, and
 * a line in import_list.h.  An importer sees untrusted bytes through a cursor and
 * speaks to the builder; it neither opens files nor allocates what the bytes do not
 * back.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_IMPORT_H
#define MDL_IMPORT_IMPORT_H

#include "base/bytes.h"
#include "base/status.h"
#include "mdl_import.h"

struct importer {
    const char *name;             /* "xgboost"                          */
    const char *about;            /* one line: what it reads            */

    /* Is this its kind of file?  Looks at the beginning only, so it is quick. */
    int (*probe)(struct bytes file);

    /* Put the model into an empty builder.  Fails with MDL_ERR_FORMAT and the offset, or
     * with MDL_ERR_UNSUPPORTED and everything that cannot be run.  `options` has every
     * field; errors that the builder keeps need not be returned as well. */
    mdl_status (*convert)(struct bytes file, mdl_builder *b, const mdl_import_options *options,
                          mdl_error *err);
};

/* What cannot be run, gathered so that a user hears everything at once. */
struct parts {
    unsigned count, left_out;     /* left_out: those that `text` had no room for */
    size_t   used;
    char     text[800];           /* "one; another"                              */
};

/* Add one, named in few words: "objective 'reg:foo'".  Said twice, kept once. */
void mdl_parts_add(struct parts *p, const char *format, ...) MDL_PRINTF(2, 3);

/* MDL_OK when there are none, else MDL_ERR_UNSUPPORTED: "not supported: one; another". */
mdl_status mdl_parts_fail(const struct parts *p, mdl_error *err);

/* Tell the caller how far we are; MDL_ERR_IO when the caller wants to stop. */
mdl_status mdl_import_progress(const mdl_import_options *options, uint64_t done, uint64_t total,
                               mdl_error *err);

#endif

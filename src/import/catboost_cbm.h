/*
 * import/catboost_cbm.h - what the readers of the binary file share
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef MDL_IMPORT_CATBOOST_CBM_H
#define MDL_IMPORT_CATBOOST_CBM_H

#include "import/catboost.h"
#include "import/flat.h"

struct cbm {
    struct cat *c;
    struct flat f;
    uint64_t budget;              /* bytes that may still be copied: those of the file   */
};

/* Elements of `bytes` bytes at the end of a vec; 0 when more is asked for than the file has,
 * which happens when vectors share their elements. */
int mdl_cbm_copy(struct cbm *m, struct vec *to, const struct flat_vector *v, size_t bytes);
int mdl_cbm_copy_field(struct cbm *m, struct vec *to, const struct flat_table *t, uint32_t field,
                       size_t bytes);
int mdl_cbm_add(struct cbm *m, struct vec *to, const void *one, size_t bytes);

/* Each table of a vector through `read`, which returns 0 on failure. */
void mdl_cbm_each(struct cbm *m, const struct flat_table *t, uint32_t field,
                  int (*read)(struct cbm *m, const struct flat_table *t));

/* catboost_cbm_ctr.c: one column of statistics; the part of the file with all their rows */
int mdl_cbm_ctr(struct cbm *m, const struct flat_table *t);
mdl_status mdl_cbm_rows(struct cbm *m, struct bytes *in);

#endif
